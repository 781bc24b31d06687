"""Logs: a line of JSON for each request and each fault; never a figure, a secret or what was typed.

Tracebacks are written without the values of variables: those hold pay.
"""

from __future__ import annotations

import logging
import sys

import structlog


def set_up() -> None:
    """Write to standard error, a line each."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.StackInfoRenderer(),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )
