"""Tokens: what a program signs in with. It acts as an account, within the scopes that were chosen for it.

A token is written ``inc_<id>_<secret>`` and told once. The store keeps the SHA-256 of its secret, which has 256
random bits: there is nothing to guess and nothing to slow down.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import hmac
import re
import secrets
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection, Engine, bindparam, insert, or_, select, update
from sqlalchemy.exc import OperationalError

from incentives.documents.written import nearest, shown
from incentives.errors import Problem, Rejected, Told, told
from incentives.papers.languages import marked
from incentives.service.access import NotThere, Viewer, viewer_of
from incentives.store.acts import Who, record
from incentives.store.desk import Account, Token
from incentives.store.engine import patient, writing
from incentives.store.tables import table_of


@dataclass(frozen=True, slots=True)
class Scope:
    """What a token may be made for: a sentence, and the roles of which an account needs one."""

    says: str
    roles: frozenset[str]


_FINANCE = frozenset({"author", "approver"})
_ALL_READERS = frozenset({"rep", "manager", "credit", "author", "approver", "auditor"})

SCOPES: Mapping[str, Scope] = {
    "facts:read": Scope(marked("Read invoices, customers, payees and what happened"), _ALL_READERS),
    "facts:write": Scope(marked("Send events, invoices, customers and payees"), _FINANCE),
    "plans:read": Scope(marked("Read plans and their versions"), _FINANCE | {"auditor"}),
    "plans:write": Scope(marked("Draft, submit and decide about plans"), _FINANCE),
    "months:read": Scope(marked("Read months and preview runs"), _FINANCE | {"auditor"}),
    "months:write": Scope(marked("Run and close months"), _FINANCE),
    "decisions:read": Scope(marked("Read what waits for a decision"), _FINANCE | {"auditor"}),
    "decisions:write": Scope(marked("Propose and decide adjustments, holds and conflicts"), _FINANCE),
    "payouts:read": Scope(marked("Fetch payroll files"), _FINANCE | {"payroll", "auditor"}),
    "payouts:acknowledge": Scope(marked("Confirm that payroll has its file"), _FINANCE | {"payroll"}),
    "pay:read": Scope(marked("Read statements, explanations and metrics"), _ALL_READERS),
    "questions:read": Scope(marked("Read questions about lines"), _ALL_READERS),
    "questions:write": Scope(marked("Ask about lines, and answer"), _ALL_READERS - {"auditor"}),
    "audit:read": Scope(marked("Read who did what"), _FINANCE | {"auditor"}),
}
"""Every scope there is. A route asks for one scope and for roles: a token opens it where both are there."""

LONGEST_DAYS = 366
"""No token is good for longer: whoever needs it makes the next one."""
NOTED_EVERY = dt.timedelta(minutes=5)
"""How often it is written that a token is in use."""

_WRITTEN = re.compile(r"inc_([0-9a-f]{16})_([A-Za-z0-9_-]{43})")


@dataclass(frozen=True, slots=True)
class Kept:
    """What is known of a token; its secret is not. ``email`` is whose account it acts as."""

    token_id: int
    public_id: str
    account_id: int
    email: str
    name: str
    scopes: tuple[str, ...]
    made_at: dt.datetime
    expires_at: dt.datetime
    last_used_at: dt.datetime | None
    revoked_at: dt.datetime | None

    def is_good(self, now: dt.datetime) -> bool:
        """Whether it opens anything."""
        return self.revoked_at is None and now < self.expires_at


@dataclass(frozen=True, slots=True)
class Made:
    """A new token. ``written`` is told this once."""

    token_id: int
    written: str


def make(engine: Engine, who: Who, account_id: int, name: str, scopes: Collection[str], days: int = 90) -> Made:
    """Make a token that acts as an account, for some days.

    Raises :class:`Rejected` with every mistake (no name, a scope that is none or that the account's roles do not
    reach, a number of days that is none), :class:`NotThere` where there is no such account or it was ended.
    """
    with writing(engine) as connection:
        account = viewer_of(connection, account_id, who.at.date())
        if account is None:
            raise NotThere(str(account_id))
        if problems := [*_mistakes(account, name, scopes, days)]:
            raise Rejected(problems)
        public_id, secret = secrets.token_hex(8), secrets.token_urlsafe(32)
        values = {
            "public_id": public_id,
            "secret_sha256": _sha256(secret),
            "account_id": account_id,
            "name": name.strip(),
            "scopes": " ".join(scope for scope in SCOPES if scope in scopes),
            "made_at": who.at,
            "expires_at": who.at + dt.timedelta(days=days),
        }
        number = connection.execute(insert(Token).values(**values).returning(Token.id)).scalar_one()
        said = {"account": account.actor, "name": values["name"], "scopes": values["scopes"], "days": days}
        record(connection, who, "token", public_id, after=said)
        return Made(int(number), f"inc_{public_id}_{secret}")


def revoke(engine: Engine, who: Who, viewer: Viewer | None, token_id: int) -> None:
    """End a token at once: one's own, or as an admin anybody's (``None``: the operator at the shell). Again, and
    nothing changes. Raises :class:`NotThere` for a token that is not the viewer's to end."""
    with writing(engine) as connection:
        token = table_of(Token)
        found = connection.execute(select(token).where(token.c.id == token_id)).one_or_none()
        if found is None or not (viewer is None or viewer.has("admin") or viewer.account_id == found.account_id):
            raise NotThere(str(token_id))
        if found.revoked_at is None:
            record(connection, who, "token", found.public_id, before="good", after="revoked")
            connection.execute(update(token).where(token.c.id == token_id).values(revoked_at=who.at))


def tokens(connection: Connection, account_id: int | None = None) -> list[Kept]:
    """The tokens of an account, newest first; ``None``: of everybody."""
    asked = _asked().order_by(Token.id.desc())
    if account_id is not None:
        asked = asked.where(Token.account_id == account_id)
    return [_kept(row) for row in connection.execute(asked)]


def find(connection: Connection, written: str, now: dt.datetime) -> Kept | None:
    """The token that is written so, if it is good."""
    match = _WRITTEN.fullmatch(written)
    if match is None:
        return None
    row = connection.execute(_NAMED, {"public": match[1]}).one_or_none()
    if row is None or not hmac.compare_digest(row.secret_sha256, _sha256(match[2])):
        return None
    kept = _kept(row)
    return kept if kept.is_good(now) else None


def viewer_with(connection: Connection, token: Kept, today: dt.date) -> Viewer | None:
    """Who a token acts as: its account as it is today, within the token's scopes; ``None`` if it was ended."""
    account = viewer_of(connection, token.account_id, today)
    return None if account is None else replace(account, scopes=frozenset(token.scopes))


def note_use(engine: Engine, token: Kept, now: dt.datetime) -> None:
    """Write down that a token is in use, if that was not written in the last minutes."""
    if token.last_used_at is not None and now - token.last_used_at < NOTED_EVERY:
        return
    row = table_of(Token)
    stale = or_(row.c.last_used_at.is_(None), row.c.last_used_at <= now - NOTED_EVERY)
    noted = update(row).where(row.c.id == token.token_id, stale).values(last_used_at=now)
    with (
        engine.connect().execution_options(writes=True) as connection,
        patient(connection, milliseconds=50),
        suppress(OperationalError),  # somebody writes for long: a reader does not wait to note this
        connection.begin(),
    ):
        connection.execute(noted)


def _asked() -> Any:
    columns = list(table_of(Token).columns)
    return select(*columns, Account.email).join(Account, Account.id == Token.account_id)


_NAMED = _asked().where(Token.public_id == bindparam("public"))


def _kept(row: Any) -> Kept:
    return Kept(
        token_id=row.id,
        public_id=row.public_id,
        account_id=row.account_id,
        email=row.email,
        name=row.name,
        scopes=tuple(row.scopes.split()),
        made_at=row.made_at,
        expires_at=row.expires_at,
        last_used_at=row.last_used_at,
        revoked_at=row.revoked_at,
    )


def _mistakes(account: Viewer, name: str, scopes: Collection[str], days: int) -> list[Problem]:
    found = []
    if not name.strip():
        cure = told("Say which program it is for.")
        found.append(_problem("name", "missing", told("A name is missing."), cure))
    if not scopes:
        sentence = told("Without a scope it opens nothing.")
        found.append(_problem("scopes", "missing", sentence, told("Choose a scope.")))
    for scope in scopes:
        if scope not in SCOPES:
            near = nearest(scope, SCOPES)
            cure = told("Choose from %(words)s.", words=", ".join(SCOPES))
            if near:
                cure = told("Did you mean %(near)s?", near=near)
            found.append(
                _problem("scopes", "unknown", told("%(found)s is not a scope.", found=shown(scope)), cure)
            )
        elif not account.has(*SCOPES[scope].roles):
            sentence = told("%(name)s has no role that reaches %(scope)s.", name=account.name, scope=scope)
            cure = told("It needs one of %(words)s.", words=", ".join(sorted(SCOPES[scope].roles)))
            found.append(_problem("scopes", "out-of-reach", sentence, cure))
    if not 1 <= days <= LONGEST_DAYS:
        sentence = told("A token is good for 1 to %(most)s days.", most=LONGEST_DAYS)
        found.append(_problem("days", "out-of-range", sentence, told("Choose another number of days.")))
    return found


def _problem(path: str, code: str, sentence: Told, cure: Told) -> Problem:
    return Problem("token", 0, path, code, sentence, cure)


def _sha256(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
