"""Passwords outside a request: hashed as Flask-Security checks them later."""

from __future__ import annotations

from sqlalchemy import Engine

from incentives.web.accounts import hash_of
from incentives.web.app import create_app
from incentives.web.settings import read_settings


def hashed(engine: Engine, password: str) -> str:
    """The hash of a password that is good enough; :class:`Rejected` says what it lacks."""
    with create_app(engine, read_settings(engine.url)).test_request_context():
        return hash_of(password)
