"""Signing in: Flask-Security on the accounts of the store, and sessions that end when they are ended.

The cookie holds a name of a session that only its row gives a meaning to: signing out, switching an account off or
giving it other roles removes the rows, and the cookie is worth nothing from then on, wherever it was copied to.
What would let somebody else in for longer asks for the password once more (:func:`once_more`).
"""

from __future__ import annotations

import datetime as dt
import hashlib
import secrets
import time
from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

from flask import Flask, current_app, g, redirect, request, session, url_for
from flask_login import user_logged_in, user_logged_out
from flask_login.utils import _user_context_processor
from flask_security import (
    Form,
    LoginForm,
    RoleMixin,
    Security,
    SQLAlchemySessionUserDatastore,
    Totp,
    UserMixin,
    hash_password,
)
from passlib.exc import TokenError  # type: ignore[import-untyped]
from sqlalchemy import Executable, bindparam, delete, insert, select, update
from sqlalchemy.orm import scoped_session, sessionmaker
from wtforms import BooleanField, RadioField  # type: ignore[import-untyped]

from incentives.errors import Problem, Rejected, told
from incentives.service import tokens
from incentives.service.access import viewer_of
from incentives.store import desk
from incentives.web.here import books, look_again, now, reader, today, viewer

SESSION = "signed_in"
LASTS = dt.timedelta(hours=12)
FRESH_SECONDS = 15 * 60
"""So long after signing in, or after the last time, a password is not asked for once more."""
CODE_SECONDS = 30
"""How far the clock of an authenticator may be ahead or behind."""
WEAK = told("It needs at least 12 characters, and must not be one that others would guess.")


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

    def verify_and_update_password(self, password: str) -> bool:
        """Whether it is theirs; whoever only signs in elsewhere has none."""
        return self.password is not None and super().verify_and_update_password(password)


class Accounts(SQLAlchemySessionUserDatastore):
    """The accounts, as Flask-Security changes them."""

    def tf_set(self, *_: Any, **__: Any) -> None:
        """Nothing: a second step is set up at our own page, and what its codes change is kept by :class:`Once`."""


class Once(Totp):
    """An authenticator whose codes work once: the last step that was used stands behind the secret."""

    def used(self, token: str, secret: str) -> str | None:
        """The secret once this code is used; ``None`` for a code that is not good, or not any more."""
        key, _, last = secret.partition(" ")
        try:
            match = self._totp.verify(token, key, window=CODE_SECONDS, last_counter=int(last) if last else None)
        except TokenError:
            return None
        return f"{key} {match.counter}"

    def verify_totp(self, token: str, totp_secret: str, user: Any, window: int = 0) -> bool:
        """Whether a code signs somebody in: of two who show the same one at once, one."""
        after = self.used(token, totp_secret)
        if after is None:
            return False
        mine = update(desk.Account).where(desk.Account.id == user.id, desk.Account.tf_totp_secret == totp_secret)
        kept = current_app.extensions["accounts"].execute(mine.values(tf_totp_secret=after))
        return bool(kept.rowcount)


class SignIn(LoginForm):
    """No browser is remembered beyond its session, whatever it sends."""

    remember = BooleanField(filters=[lambda _: False])


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
    security = Security(
        app,
        Accounts(accounts, User, Role),
        login_form=SignIn,
        two_factor_rescue_form=NoRescue,
        totp_cls=Once,
    )
    security.want_json(lambda _: False)  # it is for people: whoever asks for JSON would get a token with it
    # both would look the account up with every request, unasked, and so wait for whoever writes
    security.principal.identity_loaders.clear()
    app.template_context_processors[None].remove(_user_context_processor)
    app.teardown_appcontext(lambda _: accounts.remove())
    user_logged_in.connect(_began, app)
    user_logged_out.connect(_ended, app)
    return security


def hash_of(password: str) -> str:
    """The hash of a password that is good enough; :class:`Rejected` says what it lacks."""
    problems, normal = current_app.extensions["security"].password_util.validate(password, False)
    if problems:
        raise Rejected([Problem("password", 0, "password", "weak", WEAK)])
    return str(hash_password(normal))


# Sessions --------------------------------------------------------------------------------------------


def _began(app: Flask, user: User, **_: Any) -> None:
    """Signed in: the session gets a name and a row, and nothing of what it was before is worth anything."""
    before = session.pop(SESSION, "")
    session.pop("csrf_token", None)
    name = secrets.token_urlsafe(32)
    now = dt.datetime.now(dt.UTC)
    row = {
        "sha256": _sha256(name),
        "account_id": user.id,
        "began_at": now,
        "expires_at": now + LASTS,
        "agent": request.user_agent.string[:200],
    }
    old = (desk.Session.expires_at < now) | (desk.Session.sha256 == _sha256(before))
    _write(delete(desk.Session).where(old), insert(desk.Session).values(row))
    session[SESSION] = name


def _ended(app: Flask, user: User, **_: Any) -> None:
    """Signed out: the row goes, and with it every copy of the cookie."""
    if name := session.pop(SESSION, None):
        _write(delete(desk.Session).where(desk.Session.sha256 == _sha256(name)))
    g.pop("viewer", None)


API = "/api/v1/"
"""Under it programs ask, each with a token; a cookie opens nothing there, so that nothing can be forged."""


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
    asked = {"session": _sha256(name), "moment": dt.datetime.now(dt.UTC)}
    account_id = reader().execute(_WHOSE, asked).scalar()
    g.viewer = viewer_of(reader(), account_id, today()) if account_id is not None else None


_WHOSE = select(desk.Session.account_id).where(
    desk.Session.sha256 == bindparam("session"), desk.Session.expires_at > bindparam("moment")
)


def _find_program() -> None:
    """The account that a bearer token acts as."""
    kind, _, written = request.headers.get("Authorization", "").partition(" ")
    moment = now()
    token = tokens.find(reader(), written.strip(), moment) if kind.lower() == "bearer" else None
    if token is None:
        return
    g.token, g.viewer = token, tokens.viewer_with(reader(), token, today())
    tokens.note_use(books(), token, moment)


F = TypeVar("F", bound=Callable[..., Any])


def once_more(page: str = "") -> Callable[[F], F]:
    """Declare that a route asks whoever signed in some time ago to show that it is them.

    They are led to the password, or who has none to the provider, and then to ``page``: the endpoint of the page
    on which the form stands, if that is not the route's own. A form may be sent for as long again as its page.
    """

    def declared(function: F) -> F:
        @wraps(function)
        def asked(**arguments: Any) -> Any:
            shown = time.time() - float(session.get("fs_paa", 0))
            if shown <= FRESH_SECONDS * (1 if request.method == "GET" else 2):
                return function(**arguments)
            back = url_for(page or str(request.endpoint), **arguments)
            way = "security.verify" if has_password() else "single_sign_on.begin"
            return redirect(url_for(way, next=back))

        return asked  # type: ignore[return-value]

    return declared


def has_password() -> bool:
    """Whether whoever asks signs in with a password here."""
    return own_password() is not None


def own_password() -> str | None:
    """The hash of whoever asks; ``None`` for who only signs in elsewhere."""
    asked = select(desk.Account.password).where(desk.Account.id == viewer().account_id)
    return reader().execute(asked).scalar()


def _sha256(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()
