"""Links by which somebody chooses a password: good for some days, once, and not after anything else changed how
they sign in."""

from __future__ import annotations

import hashlib

from flask import current_app, url_for
from itsdangerous import BadSignature, URLSafeTimedSerializer
from sqlalchemy import select

from incentives.service.access import NotThere
from incentives.store.desk import Account
from incentives.web.here import reader

DAYS = 3


def path_for(account_id: int) -> str:
    """The path of a new link for an account."""
    return url_for("account.welcome", token=_signer().dumps([account_id, _state(account_id)]))


def account_of(token: str) -> int:
    """Whose link it is; :class:`NotThere` where it was used, ran out, or was never made."""
    try:
        account_id, state = _signer().loads(token, max_age=DAYS * 24 * 3600)
    except BadSignature:
        raise NotThere("link") from None
    if state != _state(account_id):
        raise NotThere("link")
    return int(account_id)


def _state(account_id: int) -> str:
    """What changes with the password, the roles, or an end."""
    asked = select(Account.fs_uniquifier, Account.password, Account.active).where(Account.id == account_id)
    found = reader().execute(asked).one_or_none()
    if found is None or not found.active:
        raise NotThere(str(account_id))
    return hashlib.sha256(f"{found.fs_uniquifier} {found.password}".encode()).hexdigest()[:32]


def _signer() -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(current_app.secret_key or "", salt="welcome")
