"""Answers that are given again: the same request under the same key does nothing twice."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import Connection, Engine, delete, insert, select

from incentives.errors import Problem, Rejected, Told
from incentives.store.acts import Who
from incentives.store.desk import GivenAnswer
from incentives.store.engine import writing

KEPT_FOR = dt.timedelta(days=7)
"""How long an answer is given again; programs try again within minutes."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A request of a program: whose, under which key, and what it says."""

    account_id: int
    key: str
    sha256: str


def once(engine: Engine, who: Who, asked: Asked, do: Callable[[Connection], str]) -> tuple[str, bool]:
    """Do something and keep its answer, in one transaction, or give the answer that was kept; whether it was.

    Raises :class:`Rejected` where the key was used for another request, and whatever ``do`` raises: then nothing
    is done and the key stays free.
    """
    given = GivenAnswer
    with writing(engine) as connection:
        mine = (given.account_id == asked.account_id) & (given.key == asked.key)
        earlier = connection.execute(select(given.request_sha256, given.body).where(mine)).one_or_none()
        if earlier is not None and earlier.request_sha256 != asked.sha256:
            sentence = Told("This key was used for another request.")
            cure = Told("Send a new key with a new request; repeat a key only with the same request.")
            raise Rejected([Problem("header", 0, "Idempotency-Key", "key-reused", sentence, cure)])
        if earlier is not None:
            return str(earlier.body), True
        body = do(connection)
        connection.execute(delete(given).where(given.made_at < who.at - KEPT_FOR))
        values = {"account_id": asked.account_id, "key": asked.key, "request_sha256": asked.sha256}
        connection.execute(insert(given).values(**values, status=200, body=body, made_at=who.at))
        return body, False
