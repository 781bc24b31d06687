"""The API for programs, under /api/v1."""

from __future__ import annotations

from flask import Flask
from flask_limiter import Limiter
from flask_wtf import CSRFProtect


def set_up(app: Flask, csrf: CSRFProtect, limiter: Limiter) -> None:
    """Every resource."""
