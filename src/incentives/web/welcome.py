"""Links by which somebody chooses a password: good for some days and once, and only the newest; not after anything
else changed how they sign in."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from flask import current_app, url_for
from itsdangerous import BadSignature, URLSafeTimedSerializer
from sqlalchemy import select

from incentives.service import people
from incentives.service.access import NotThere
from incentives.store.desk import Account
from incentives.web.here import reader

DAYS = 3


@dataclass(frozen=True, slots=True)
class Link:
    """A link that is good: whose, what the account had when it was made, and by whom."""

    account_id: int
    uniquifier: str
    by: str


def path_for(account_id: int, act_id: int) -> str:
    """The path of a link for an account, which an act made."""
    found = _found(account_id)
    return url_for("account.welcome", token=_signer().dumps([account_id, act_id, _sha256(found.fs_uniquifier)]))


def link_in(token: str) -> Link:
    """The link that is written so; :class:`NotThere` where it was used, ran out, or was never made."""
    try:
        account_id, act_id, state = _signer().loads(token, max_age=DAYS * 24 * 3600)
    except (BadSignature, ValueError):  # also one of an earlier version
        raise NotThere("link") from None
    found = _found(account_id)
    newest = people.invitation(reader(), found.email)
    if newest is None or newest.act_id != act_id or state != _sha256(found.fs_uniquifier):
        raise NotThere("link")
    return Link(account_id, found.fs_uniquifier, newest.by)


def _found(account_id: int) -> Account:
    """The account; what tells it from before changes with its password, roles or address."""
    asked = select(Account.email, Account.fs_uniquifier).where(Account.id == account_id, Account.active)
    found = reader().execute(asked).one_or_none()
    if found is None:
        raise NotThere(str(account_id))
    return found  # type: ignore[return-value]


def _sha256(uniquifier: str) -> str:
    return hashlib.sha256(uniquifier.encode()).hexdigest()


def _signer() -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(current_app.secret_key or "", salt="welcome")
