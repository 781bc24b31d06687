"""Accounts: made, changed and switched off, each with an act in the books; passwords arrive hashed.

The books know people by their address. So an address that has acted stays with its account, and no account is ever
removed: nobody decides under another address about what they proposed under this one, and nobody inherits what
somebody else did.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, delete, insert, select, update

from incentives.documents.written import nearest, shown
from incentives.errors import NO_CURE, Problem, Rejected, Told, told
from incentives.service.access import ROLES, NotThere
from incentives.store import tables
from incentives.store.acts import Who, record
from incentives.store.desk import Account, Session, Token
from incentives.store.engine import writing

LANGUAGES = ("en", "nl")


@dataclass(frozen=True, slots=True)
class Person:
    """What an account says of somebody."""

    email: str
    name: str
    roles: Collection[str]
    payee_id: str = ""
    language: str = "en"
    digest: str = "off"


def add(engine: Engine, who: Who, person: Person, password: str | None = None) -> int:
    """Make an account; ``password`` is a hash, ``None`` for who only signs in elsewhere. Its number.

    Raises :class:`Rejected` with every mistake: an address that is none or is taken, unknown roles or payees.
    """
    with writing(engine) as connection:
        problems = [*_mistakes(connection, person), *_taken(connection, person)]
        if problems:
            raise Rejected(problems)
        values = _values(person) | {
            "password": password,
            "active": True,
            "fs_uniquifier": uuid.uuid4().hex,
            "made_at": who.at,
        }
        number = connection.execute(insert(Account).values(**values).returning(Account.id)).scalar_one()
        record(connection, who, "access", person.email, after=_said(values))
        return int(number)


def change(engine: Engine, who: Who, account_id: int, person: Person, *, active: bool = True) -> None:
    """Change an account or switch it off. Other roles, another payee or an end sign it out everywhere, at once."""
    with writing(engine) as connection:
        table = tables.table_of(Account)
        found = connection.execute(select(table).where(table.c.id == account_id)).mappings().one_or_none()
        if found is None:
            raise NotThere(str(account_id))
        before: dict[str, Any] = dict(found)
        problems = [*_mistakes(connection, person)]
        values = _values(person) | {"active": active}
        own = ("email", "role_names", "payee_id", "active")
        if before["email"] == who.actor and any(before[name] != values[name] for name in own):
            sentence = told("Nobody changes their own address, roles or payee, or switches themselves off.")
            problems.append(_problem("roles", "second-person", sentence, told("Ask a colleague.")))
        if before["email"] != values["email"] and _has_acted(connection, before["email"]):
            sentence = told("%(email)s stays: the books know by it who did something.", email=before["email"])
            problems.append(_problem("email", "has-acted", sentence, told("They sign in with it as before.")))
        problems += _taken(connection, person, account_id, active=active)
        if problems:
            raise Rejected(problems)
        if all(before[name] == value for name, value in values.items()):
            return
        record(connection, who, "access", person.email, before=_said(before), after=_said(values))
        if any(before[name] != values[name] for name in ("role_names", "payee_id", "active", "email")):
            values["fs_uniquifier"] = uuid.uuid4().hex
            end_all(connection, account_id, who.at)
        connection.execute(update(Account).where(Account.id == account_id).values(**values))


def end_all(connection: Connection, account_id: int, at: dt.datetime) -> None:
    """End whatever is signed in as an account: its sessions, and its tokens for good."""
    connection.execute(delete(Session).where(Session.account_id == account_id))
    mine = (Token.account_id == account_id) & Token.revoked_at.is_(None)
    connection.execute(update(Token).where(mine).values(revoked_at=at))


def sign_out_everywhere(engine: Engine, account_id: int) -> None:
    """End every session of an account."""
    with writing(engine) as connection:
        connection.execute(delete(Session).where(Session.account_id == account_id))


def read_in(engine: Engine, account_id: int, language: str) -> None:
    """Show somebody their pages in another language; a matter of taste, and no act."""
    assert language in LANGUAGES
    with engine.begin() as connection:
        connection.execute(update(Account).where(Account.id == account_id).values(language=language))


def _taken(
    connection: Connection, person: Person, account_id: int | None = None, *, active: bool = True
) -> list[Problem]:
    """What another account has already: the address, and the payee where this one is to be in use."""
    found = []
    if _of_email(connection, person.email) not in (None, account_id):
        sentence = told("%(email)s has an account.", email=person.email)
        found.append(_problem("email", "taken", sentence, told("Change that one.")))
    if active and person.payee_id and _of_payee(connection, person.payee_id) not in (None, account_id):
        sentence = told("%(payee)s has another account.", payee=person.payee_id)
        found.append(_problem("payee_id", "taken", sentence, told("Switch that one off first.")))
    return found


def _of_email(connection: Connection, email: str) -> int | None:
    asked = select(Account.id).where(Account.email == email.strip().lower())
    return connection.execute(asked).scalar()


def _has_acted(connection: Connection, email: str) -> bool:
    return connection.execute(select(tables.Act.id).where(tables.Act.actor == email).limit(1)).first() is not None


def _of_payee(connection: Connection, payee_id: str) -> int | None:
    asked = select(Account.id).where(Account.payee_id == payee_id, Account.active)
    return connection.execute(asked).scalar()


def _values(person: Person) -> dict[str, Any]:
    return {
        "email": person.email.strip().lower(),
        "name": person.name.strip(),
        "role_names": " ".join(role for role in ROLES if role in person.roles),
        "payee_id": person.payee_id,
        "language": person.language,
        "digest": person.digest,
    }


def _said(values: Mapping[str, Any]) -> dict[str, Any]:
    """What an act says of an account: never its password or what signs it in."""
    return {name: values[name] for name in ("email", "name", "role_names", "payee_id", "active")}


def _mistakes(connection: Connection, person: Person) -> list[Problem]:
    found = []
    local, at, domain = person.email.strip().partition("@")
    if not (local and at and domain) or any(each.isspace() for each in person.email.strip()):
        sentence = told("%(found)s is not an e-mail address.", found=shown(person.email))
        found.append(_problem("email", "unreadable", sentence))
    if not person.name.strip():
        found.append(_problem("name", "missing", told("A name is missing."), told("Write the person's name.")))
    for role in person.roles:
        if role not in ROLES:
            near = nearest(role, ROLES)
            cure = told("Choose from %(words)s.", words=", ".join(ROLES))
            if near:
                cure = told("Did you mean %(near)s?", near=near)
            found.append(_problem("roles", "unknown", told("%(found)s is not a role.", found=shown(role)), cure))
    if not person.roles:
        sentence = told("Without a role there is nothing to see.")
        found.append(_problem("roles", "missing", sentence, told("Choose a role.")))
    if person.language not in LANGUAGES:
        sentence = told("%(found)s is not spoken here.", found=shown(person.language))
        found.append(_problem("language", "unknown", sentence, told("en or nl.")))
    payee = tables.Payee
    known = select(payee.id).where(payee.payee_id == person.payee_id, payee.known_until.is_(None))
    if person.payee_id and connection.execute(known).first() is None:
        sentence = told("No payee %(id)s is known.", id=shown(person.payee_id))
        cure = told("Check the id, or import the payee first.")
        found.append(_problem("payee_id", "unknown", sentence, cure))
    if {"rep", "manager"} & set(person.roles) and not person.payee_id:
        sentence = told("A rep or manager is somebody who is paid: their payee is missing.")
        found.append(_problem("payee_id", "missing", sentence, told("Choose the payee.")))
    return found


def _problem(path: str, code: str, sentence: Told, cure: Told = NO_CURE) -> Problem:
    return Problem("account", 0, path, code, sentence, cure)
