"""People and access as an admin looks at them, and as everybody looks at their own account.

How somebody signs in (password, second step, sessions) is changed here; what they may see, in
:mod:`incentives.service.accounts`. Each change is an act; none says a password or a secret.
"""

from __future__ import annotations

import datetime as dt
import uuid
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, delete, func, select, update

from incentives.documents.written import shown
from incentives.errors import Problem, Rejected, Told, joined, told
from incentives.service.access import NotThere
from incentives.service.accounts import LANGUAGES, end_all
from incentives.store import tables
from incentives.store.acts import Who, record
from incentives.store.desk import Account, Session
from incentives.store.engine import writing
from incentives.store.tables import table_of

DIGESTS = ("off", "daily", "weekly")
"""How often somebody gets an e-mail that says what is new."""


@dataclass(frozen=True, slots=True)
class Listed:
    """An account. ``payee`` is the name of the payee it is, "" for none; ``sessions`` are those that are open."""

    account_id: int
    email: str
    name: str
    roles: tuple[str, ...]
    payee_id: str
    payee: str
    language: str
    digest: str
    active: bool
    has_password: bool
    has_second_step: bool
    has_single_sign_on: bool
    made_at: dt.datetime
    sessions: int


@dataclass(frozen=True, slots=True)
class Signed:
    """A browser that is signed in. ``key`` tells it from others, and opens nothing."""

    key: str
    began_at: dt.datetime
    expires_at: dt.datetime
    agent: str


def people(connection: Connection, now: dt.datetime) -> list[Listed]:
    """Every account, by name."""
    return [_listed(row) for row in connection.execute(_asked(now).order_by(Account.name, Account.id))]


def person(connection: Connection, account_id: int, now: dt.datetime) -> Listed:
    """One account; :class:`NotThere` where there is none."""
    found = connection.execute(_asked(now).where(Account.id == account_id)).one_or_none()
    if found is None:
        raise NotThere(str(account_id))
    return _listed(found)


def find(connection: Connection, email: str, now: dt.datetime) -> Listed:
    """The account with an address; :class:`Rejected` where there is none."""
    found = connection.execute(_asked(now).where(Account.email == email.strip().lower())).one_or_none()
    if found is None:
        sentence = told("No account %(email)s is known.", email=shown(email))
        raise Rejected([_problem("email", "unknown", sentence, told("incentives user list names them all."))])
    return _listed(found)


def payees(connection: Connection) -> list[tuple[str, str]]:
    """Whom an account can be: id and name, by name."""
    payee = tables.Payee
    asked = select(payee.payee_id, payee.name).where(payee.known_until.is_(None)).order_by(payee.name)
    return [(payee_id, name) for payee_id, name in connection.execute(asked)]


def _asked(now: dt.datetime) -> Any:
    payee = tables.Payee
    name = select(payee.name).where(payee.payee_id == Account.payee_id, payee.known_until.is_(None))
    is_open = (Session.account_id == Account.id, Session.expires_at > now)
    number = select(func.count()).select_from(Session).where(*is_open)
    columns = table_of(Account).columns
    return select(*columns, name.scalar_subquery().label("payee"), number.scalar_subquery().label("sessions"))


def _listed(row: Any) -> Listed:
    return Listed(
        account_id=row.id,
        email=row.email,
        name=row.name,
        roles=tuple(row.role_names.split()),
        payee_id=row.payee_id,
        payee=row.payee or "",
        language=row.language,
        digest=row.digest,
        active=row.active,
        has_password=row.password is not None,
        has_second_step=row.tf_primary_method is not None,
        has_single_sign_on=row.sso_subject is not None,
        made_at=row.made_at,
        sessions=row.sessions,
    )


# Sessions --------------------------------------------------------------------------------------------

KEY = 16


def sessions(connection: Connection, account_id: int, now: dt.datetime) -> list[Signed]:
    """The browsers in which an account is signed in, newest first."""
    asked = select(Session.sha256, Session.began_at, Session.expires_at, Session.agent)
    asked = asked.where(Session.account_id == account_id, Session.expires_at > now)
    rows = connection.execute(asked.order_by(Session.began_at.desc()))
    return [Signed(row.sha256[:KEY], row.began_at, row.expires_at, row.agent) for row in rows]


def end_session(engine: Engine, account_id: int, key: str) -> None:
    """Sign one browser of an account out, at once."""
    with writing(engine) as connection:
        asked = delete(Session).where(Session.account_id == account_id, func.substr(Session.sha256, 1, KEY) == key)
        connection.execute(asked)


# How somebody signs in -------------------------------------------------------------------------------


INVITED = "a link for a password"


@dataclass(frozen=True, slots=True)
class Invitation:
    """The newest link for an account's password: the act that made it, and who did."""

    act_id: int
    by: str


def invite(engine: Engine, who: Who, account_id: int) -> int:
    """Let somebody choose a password by a link: the number of the act. Every earlier link is worth nothing."""
    with writing(engine) as connection:
        return record(connection, who, "access", _email_of(connection, account_id), after=INVITED)


def invitation(connection: Connection, email: str) -> Invitation | None:
    """The newest link that was made for an account."""
    act = tables.Act
    asked = select(act.id, act.actor).where(act.what == "access", act.subject == email, act.after == INVITED)
    found = connection.execute(asked.order_by(act.id.desc()).limit(1)).one_or_none()
    return None if found is None else Invitation(found.id, found.actor)


def set_password(engine: Engine, who: Who, account_id: int, password: str, uniquifier: str = "") -> None:
    """Give an account another password, as a hash. It is signed out everywhere, and its programs too.

    ``uniquifier`` is what the account had when a link was made for it: another one by now, and there is no such
    link any more (:class:`NotThere`).
    """
    _sign_in_otherwise(engine, who, account_id, "another password", {"password": password}, uniquifier)


def drop_second_step(engine: Engine, who: Who, account_id: int) -> None:
    """Let an account sign in without its second step, for whoever lost the device. It is signed out everywhere."""
    _sign_in_otherwise(
        engine, who, account_id, "no second step", {"tf_primary_method": None, "tf_totp_secret": None}
    )


def _sign_in_otherwise(
    engine: Engine, who: Who, account_id: int, says: str, values: dict[str, Any], uniquifier: str = ""
) -> None:
    with writing(engine) as connection:
        table = table_of(Account)
        found = connection.execute(select(table).where(table.c.id == account_id)).mappings().one_or_none()
        if found is None or (uniquifier and found["fs_uniquifier"] != uniquifier):
            raise NotThere(str(account_id))
        if all(found[name] == value for name, value in values.items()):
            return
        record(connection, who, "access", found["email"], after=says)
        end_all(connection, account_id, who.at)
        values = values | {"fs_uniquifier": uuid.uuid4().hex}
        connection.execute(update(Account).where(Account.id == account_id).values(**values))


def keep_second_step(engine: Engine, who: Who, account_id: int, secret: str) -> None:
    """Ask an account for a code of its authenticator from now on; ``secret`` is encrypted."""
    with writing(engine) as connection:
        record(connection, who, "access", _email_of(connection, account_id), after="a second step")
        values = {"tf_primary_method": "authenticator", "tf_totp_secret": secret}
        connection.execute(update(Account).where(Account.id == account_id).values(**values))


def signed_on(engine: Engine, who: Who, subject: str, email: str) -> int | None:
    """The account of somebody whom an identity provider vouches for; ``None`` where they have none here.

    ``subject`` is the provider's own name for them. It is kept the first time, found by the e-mail address that
    the provider has verified ("" for none); an account that has another one already is not theirs.
    """
    account = table_of(Account)
    with writing(engine) as connection:
        found = select(account.c.id).where(account.c.sso_subject == subject, account.c.active)
        known = connection.execute(found).scalar()
        if known is not None or not email:
            return known
        unbound = (account.c.email == email, account.c.active, account.c.sso_subject.is_(None))
        account_id: int | None = connection.execute(select(account.c.id).where(*unbound)).scalar()
        if account_id is not None:
            record(connection, who, "access", email, after="single sign-on")
            connection.execute(update(account).where(account.c.id == account_id).values(sso_subject=subject))
        return account_id


def prefer(engine: Engine, who: Who, account_id: int, name: str, language: str, digest: str) -> None:
    """What somebody says of their own account: name, language, and how often they get an e-mail."""
    problems = []
    if not name.strip():
        problems.append(_problem("name", "missing", told("A name is missing."), told("Write your name.")))
    if language not in LANGUAGES:
        sentence = told("%(found)s is not spoken here.", found=shown(language))
        problems.append(_problem("language", "unknown", sentence, told("en or nl.")))
    if digest not in DIGESTS:
        sentence = told("%(found)s is not a choice.", found=shown(digest))
        problems.append(_problem("digest", "unknown", sentence, joined(", ", DIGESTS)))
    if problems:
        raise Rejected(problems)
    with writing(engine) as connection:
        before = connection.execute(select(Account.email, Account.name).where(Account.id == account_id)).one()
        if before.name != name.strip():
            record(
                connection, who, "access", before.email, before={"name": before.name}, after={"name": name.strip()}
            )
        values = {"name": name.strip(), "language": language, "digest": digest}
        connection.execute(update(Account).where(Account.id == account_id).values(**values))


def _email_of(connection: Connection, account_id: int) -> str:
    email = connection.execute(select(Account.email).where(Account.id == account_id)).scalar()
    if email is None:
        raise NotThere(str(account_id))
    return email


def _problem(path: str, code: str, sentence: Told, cure: Told) -> Problem:
    return Problem("account", 0, path, code, sentence, cure)
