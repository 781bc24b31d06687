"""Logs: a line of JSON for each request and each fault; never a figure, a secret or what was typed.

Tracebacks are written without the values of variables: those hold pay.
"""

from __future__ import annotations

import logging
import sys
from typing import TextIO, cast

import structlog
from flask import Flask, Response, request

from incentives.web.here import request_id, viewer_or_none
from incentives.web.operators import route, seconds

_log = structlog.get_logger()

QUIET = ("static", "operators.healthz", "operators.readyz", "operators.metrics")
"""Routes whose requests are not written down: assets, and probes that come every few seconds."""


class _StandardError:
    """Standard error as it is when something is written: loggers are kept, and it may be another one by then."""

    def write(self, text: str) -> int:
        return sys.stderr.write(text)

    def flush(self) -> None:
        sys.stderr.flush()


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
        logger_factory=structlog.WriteLoggerFactory(file=cast(TextIO, _StandardError())),
        cache_logger_on_first_use=True,
    )


def of_requests(app: Flask) -> None:
    """A line for each request: its route by rule, never the path or what was typed, and who asked by number."""
    app.after_request(_request)


def _request(answered: Response) -> Response:
    if request.endpoint not in QUIET:
        viewer = viewer_or_none()
        _log.info(
            "request",
            method=request.method,
            route=route(),
            status=answered.status_code,
            ms=round(seconds() * 1000),
            request=request_id(),
            account=viewer.account_id if viewer else None,
        )
    return answered
