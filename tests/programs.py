"""A program that uses the API: a token for somebody of the story, with some scopes, and requests made with it."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine, select

from incentives.service import tokens
from incentives.store.acts import Who
from incentives.store.desk import Account


def token_of(engine: Engine, email: str, *scopes: str) -> str:
    """A token for somebody's account; without scopes, with every one that their roles reach."""
    with engine.connect() as connection:
        account = connection.execute(select(Account.id, Account.role_names).where(Account.email == email)).one()
    roles = frozenset(account.role_names.split())
    wanted = scopes or [name for name, scope in tokens.SCOPES.items() if scope.roles & roles]
    who = Who(email, dt.datetime.now(dt.UTC))
    return tokens.make(engine, who, account.id, "a program", wanted).written


@dataclass(frozen=True, slots=True)
class Program:
    """Requests with a token."""

    client: FlaskClient
    token: str

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        """A request to /api/v1; header names are written with underscores."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        given = {"Authorization": f"Bearer {self.token}"} | named
        address = path if path.startswith("/api/") else f"/api/v1{path}"
        return self.client.open(address, method=method, json=body, headers=given)

    def get(self, path: str, **headers: str) -> Any:
        """GET."""
        return self.ask("GET", path, **headers)

    def post(self, path: str, body: Any, **headers: str) -> Any:
        """POST JSON."""
        return self.ask("POST", path, body, **headers)

    def put(self, path: str, body: Any, **headers: str) -> Any:
        """PUT JSON."""
        return self.ask("PUT", path, body, **headers)


def program(app: Flask, email: str, *scopes: str) -> Program:
    """A program of somebody's."""
    return Program(app.test_client(), token_of(app.extensions["books"], email, *scopes))
