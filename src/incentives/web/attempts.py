"""How often a password or a code may be guessed: counted together by every process and machine, in the queue.

Only what fails is counted, so that a company behind one address signs in unhindered. Failures are counted by
address, and by account wherever they come from. A browser in which somebody has signed in before is counted by
itself: who guesses elsewhere does not keep them out. Whether there is such an account makes no difference.
"""

from __future__ import annotations

import hashlib
import ipaddress
import math
import secrets
import time
from collections.abc import Callable, Iterator
from functools import wraps
from typing import Any

from flask import Flask, Response, after_this_request, current_app, make_response, request, session
from flask_login import user_logged_in
from flask_security import uia_email_mapper
from itsdangerous import BadSignature, URLSafeTimedSerializer
from sqlalchemy import select

from incentives.store.desk import Account
from incentives.store.queue import count, forget_counts, opened
from incentives.web.errors import answer
from incentives.web.here import books, reader, speak, viewer_or_none

MINUTE, HOUR = 60, 3600
BY_ADDRESS = ((10, MINUTE), (60, HOUR))
BY_ACCOUNT = ((10, 10 * MINUTE), (30, HOUR))
"""So many failures in so many seconds; an hour is the longest."""

KNOWN_SECONDS = 180 * 24 * HOUR
"""How long a browser is known after its owner has signed in."""

View = Callable[..., Any]


def guard(app: Flask, *endpoints: str) -> None:
    """Count what fails at these routes, and refuse what comes too often."""
    for name in endpoints:
        app.view_functions[name] = _guarded(app.view_functions[name])
    user_logged_in.connect(_remember, app)


def _guarded(view: View) -> View:
    @wraps(view)
    def guarded(**arguments: Any) -> Any:
        if request.method != "POST":
            return view(**arguments)
        if request.is_json:
            return answer(415)  # a library would read an address in it that is not counted here
        now = time.time()
        keys = [*_keys(now)]
        with opened(books()) as queue:
            waits = [left for key, most, left in keys if count(queue, key, 0) >= most]
            if waits:
                return _too_often(max(waits))
            answered = make_response(view(**arguments))
            if answered.status_code // 100 != 3:  # it does not lead on
                hour = f"hour {now // HOUR}"
                if count(queue, hour) == 1:
                    forget_counts(queue)
                    count(queue, hour)
                for key, _, _ in keys:
                    count(queue, key)
        return answered

    return guarded


def _too_often(seconds: int) -> Response:
    sentence = speak().count(
        "That was too often. Try again in a minute.",
        "That was too often. Try again in %(number)s minutes.",
        math.ceil(seconds / MINUTE),
    )
    answered = answer(429, sentence=sentence)
    answered.headers["Retry-After"] = str(seconds)
    return answered


def _keys(now: float) -> Iterator[tuple[str, int, int]]:
    """What this request is counted under, how often it may be there, and how many seconds that holds."""
    counted = [(f"address {_address()}", BY_ADDRESS)]
    if email := _guessed():
        counted.append((f"account {email} {_known_as(email)}", BY_ACCOUNT))
    for who, limits in counted:
        for most, seconds in limits:
            yield f"{_sha256(who)} {seconds} {now // seconds}", most, math.ceil(seconds - now % seconds)


def _address() -> str:
    """Where it comes from; who has one address of IPv6 has the whole network of 64 bits."""
    address = request.remote_addr or ""
    return str(ipaddress.ip_network(f"{address}/64", strict=False)) if ":" in address else address


def _guessed() -> str:
    """The address of the account whose password or code is asked for, in one spelling; "" for none."""
    if request.endpoint == "security.login":
        return (uia_email_mapper(request.form.get("email", "")) or "").lower()
    viewer = viewer_or_none()
    if viewer is not None:
        return viewer.actor
    waiting = select(Account.email).where(Account.fs_uniquifier == session.get("tf_user_id", ""))
    return reader().execute(waiting).scalar() or ""


# Browsers that are known -----------------------------------------------------------------------------


def _remember(app: Flask, user: Any, **_: Any) -> None:
    """Signed in: this browser is known as one of the account's."""
    if _known_as(user.email):
        return
    value = _signer().dumps([_sha256(user.email), secrets.token_hex(8)])

    @after_this_request
    def keep(answered: Response) -> Response:
        answered.set_cookie(
            _cookie(),
            value,
            max_age=KNOWN_SECONDS,
            secure=current_app.config["SESSION_COOKIE_SECURE"],
            httponly=True,
            samesite="Lax",
        )
        return answered


def _known_as(email: str) -> str:
    """The name of this browser among those of an account; "" for one in which its owner has not signed in."""
    try:
        whose, name = _signer().loads(request.cookies.get(_cookie(), ""), max_age=KNOWN_SECONDS)
    except BadSignature:
        return ""
    return str(name) if whose == _sha256(email) else ""


def _cookie() -> str:
    return f"{current_app.config['SESSION_COOKIE_NAME']}-known"


def _signer() -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(current_app.secret_key or "", salt="known")


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
