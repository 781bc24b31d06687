"""Signing in: Flask-Security on the accounts of the store, and sessions that end when they are ended.

The cookie holds a name of a session that only its row gives a meaning to: signing out, switching an account off or
giving it other roles removes the rows, and the cookie is worth nothing from then on, wherever it was copied to.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import secrets
from typing import Any

from flask import Flask, current_app, g, request, session
from flask_login import user_logged_in, user_logged_out
from flask_login.utils import _user_context_processor
from flask_security import (
    Form,
    RoleMixin,
    Security,
    SQLAlchemySessionUserDatastore,
    UserMixin,
    hash_password,
    password_changed,
)
from sqlalchemy import Executable, delete, insert, select
from sqlalchemy.orm import scoped_session, sessionmaker
from wtforms import RadioField  # type: ignore[import-untyped]

from incentives.errors import Problem, Rejected
from incentives.papers.languages import marked
from incentives.service import tokens
from incentives.service.access import viewer_of
from incentives.store import desk
from incentives.store.tables import table_of
from incentives.web.here import books, look_again, now, reader, speak, today

SESSION = "signed_in"
LASTS = dt.timedelta(hours=12)
WEAK = marked("It needs at least 12 characters, and must not be one that others would guess.")


class Role(RoleMixin):
    """A role by its name: what a role may do is declared at each route."""

    def __init__(self, name: str) -> None:
        self.name = name


class User(desk.Account, UserMixin):
    """An account as Flask-Security wants it."""

    @property
    def roles(self) -> list[RoleMixin]:  # type: ignore[override] # the account's own column says them
        """The roles by name."""
        return [Role(name) for name in self.role_names.split()]


class NoRescue(Form):
    """There is no way around a second step but an admin: the form that offers one offers nothing."""

    help_setup = RadioField(choices=[])


def set_up(app: Flask) -> Security:
    """Flask-Security on this application's store.

    Whoever looks for an account here is about to write: signing in adds a session. So the transaction begins as a
    writer's, and waits for its turn instead of finding too late that somebody else has written.
    """
    makes = sessionmaker(app.extensions["books"].execution_options(writes=True), expire_on_commit=False)
    accounts = scoped_session(makes)
    app.extensions["accounts"] = accounts
    datastore = SQLAlchemySessionUserDatastore(accounts, User, Role)
    security = Security(app, datastore, two_factor_rescue_form=NoRescue)
    # both would look the account up with every request, unasked, and so wait for whoever writes
    security.principal.identity_loaders.clear()
    app.template_context_processors[None].remove(_user_context_processor)
    app.teardown_appcontext(lambda _: accounts.remove())
    user_logged_in.connect(_began, app)
    user_logged_out.connect(_ended, app)
    password_changed.connect(_others_ended, app)
    return security


def hash_of(password: str) -> str:
    """The hash of a password that is good enough; :class:`Rejected` says what it lacks."""
    problems, normal = current_app.extensions["security"].password_util.validate(password, False)
    if problems:
        raise Rejected([Problem("password", 0, "password", "weak", speak().say(WEAK), "")])
    return str(hash_password(normal))


# Sessions --------------------------------------------------------------------------------------------


def _began(app: Flask, user: User, **_: Any) -> None:
    """Signed in: the session gets a name and a row."""
    name = secrets.token_urlsafe(32)
    now = dt.datetime.now(dt.UTC)
    row = {
        "sha256": _sha256(name),
        "account_id": user.id,
        "began_at": now,
        "expires_at": now + LASTS,
        "agent": request.user_agent.string[:200],
    }
    _write(delete(desk.Session).where(desk.Session.expires_at < now), insert(desk.Session).values(row))
    session[SESSION] = name


def _ended(app: Flask, user: User, **_: Any) -> None:
    """Signed out: the row goes, and with it every copy of the cookie."""
    if name := session.pop(SESSION, None):
        _write(delete(desk.Session).where(desk.Session.sha256 == _sha256(name)))
    g.pop("viewer", None)


API = "/api/v1/"
"""Under it programs ask, each with a token; a cookie opens nothing there, so that nothing can be forged."""


def _others_ended(app: Flask, user: User, **_: Any) -> None:
    """Another password: whoever is signed in elsewhere with the old one is no more."""
    mine = _sha256(session[SESSION])
    _write(delete(desk.Session).where(desk.Session.account_id == user.id, desk.Session.sha256 != mine))


def _write(*statements: Executable) -> None:
    """In the transaction in which Flask-Security changes the account, if it does; then it is seen by everybody."""
    accounts = current_app.extensions["accounts"]
    for each in statements:
        accounts.execute(each)
    accounts.commit()
    look_again()


def find_viewer() -> None:
    """Who this request is from, by the session's row or a token; nobody where it was ended or ran out."""
    if request.path.startswith(API):
        _find_program()
        return
    name = session.get(SESSION)
    if not name:
        return
    table = table_of(desk.Session)
    asked = select(table.c.account_id).where(
        table.c.sha256 == _sha256(name), table.c.expires_at > dt.datetime.now(dt.UTC)
    )
    account_id = reader().execute(asked).scalar()
    g.viewer = viewer_of(reader(), account_id, today()) if account_id is not None else None


def _find_program() -> None:
    """The account that a bearer token acts as."""
    kind, _, written = request.headers.get("Authorization", "").partition(" ")
    moment = now()
    token = tokens.find(reader(), written.strip(), moment) if kind.lower() == "bearer" else None
    if token is None:
        return
    g.token, g.viewer = token, tokens.viewer_with(reader(), token, today())
    tokens.note_use(books(), token, moment)


def _sha256(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()
