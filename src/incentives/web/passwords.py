"""Passwords outside a request: hashed as Flask-Security checks them later."""

from __future__ import annotations

from flask_security import hash_password
from sqlalchemy import Engine

from incentives.errors import Problem, Rejected
from incentives.web.app import create_app
from incentives.web.settings import read_settings


def hashed(engine: Engine, password: str) -> str:
    """The hash of a password that is good enough; :class:`Rejected` says what it lacks."""
    app = create_app(engine, read_settings(engine.url))
    with app.test_request_context():
        problems, normal = app.extensions["security"].password_util.validate(password, False)
        if problems:
            raise Rejected(
                [Problem("password", 0, "", "weak", str(each), "Choose another one.") for each in problems]
            )
        return str(hash_password(normal))
