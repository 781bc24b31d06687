"""Issued statements: which there are, and what their payees have seen of them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Select, and_, bindparam, func, select

from incentives.service.acknowledging import Seen
from incentives.store import tables


@dataclass(frozen=True, slots=True)
class Issued:
    """A statement as it was fixed: ``sha256`` names its document, ``seal`` is that of the close."""

    quarter: dt.date
    payee_id: str
    name: str
    sha256: str
    seal: str
    seen: Seen | None


@dataclass(frozen=True, slots=True)
class Listed:
    """A statement in a list."""

    quarter: dt.date
    payee_id: str
    name: str
    seen: Seen | None


def issued(connection: Connection, quarter: dt.date, payee_id: str) -> Issued | None:
    """A payee's statement of the quarter that begins on a day; ``None`` where none was issued."""
    asked = {"quarter": quarter, "payee": payee_id, "last_month": _last_month(quarter)}
    found = connection.execute(_ISSUED, asked).one_or_none()
    if found is None:
        return None
    name = found.name or found.payee_id
    return Issued(found.quarter, found.payee_id, name, found.sha256, found.seal or "", _seen(found))


def text_of(connection: Connection, quarter: dt.date, payee_id: str) -> str:
    """The document of an issued statement, as it was sealed."""
    row = tables.Statement
    asked = select(row.document).where(row.quarter == quarter, row.payee_id == payee_id)
    return connection.execute(asked).scalar_one()


def of_payee(connection: Connection, payee_id: str) -> list[Listed]:
    """A payee's statements, the newest first."""
    row = tables.Statement
    asked = _with_seen(select(row.quarter, row.payee_id)).where(row.payee_id == payee_id)
    return _listed(connection, asked.order_by(row.quarter.desc()))


def of_quarter(connection: Connection, quarter: dt.date, payee_ids: Collection[str] | None) -> list[Listed]:
    """The statements of a quarter, of these payees or (``None``) of everybody, by payee."""
    row = tables.Statement
    asked = _with_seen(select(row.quarter, row.payee_id)).where(row.quarter == quarter)
    if payee_ids is not None:
        asked = asked.where(row.payee_id.in_(sorted(payee_ids)))
    return _listed(connection, asked.order_by(row.payee_id))


def quarters(connection: Connection) -> list[tuple[dt.date, int]]:
    """The quarters of which statements were issued, the newest first, and how many."""
    row = tables.Statement
    asked = select(row.quarter, func.count()).group_by(row.quarter).order_by(row.quarter.desc())
    return [(quarter, number) for quarter, number in connection.execute(asked)]


def _last_month(quarter: dt.date) -> dt.date:
    month = quarter.month + 1
    return quarter.replace(year=quarter.year + month // 12, month=month % 12 + 1)


def _with_seen(asked: Select[*tuple[Any, ...]]) -> Select[*tuple[Any, ...]]:
    """The same, with the payee's name, and who said when that they have seen it."""
    row, ack, act, payee = tables.Statement, tables.Acknowledgement, tables.Act, tables.Payee
    this = and_(ack.kind == "statement", ack.payee_id == row.payee_id, ack.sha256 == row.sha256)
    return (
        asked.add_columns(payee.name, act.actor, act.at)
        .select_from(row)
        .outerjoin(payee, and_(payee.payee_id == row.payee_id, payee.known_until.is_(None)))
        .outerjoin(ack, this)
        .outerjoin(act, act.id == ack.act_id)
    )


def _issued() -> Select[*tuple[Any, ...]]:
    row, close = tables.Statement, tables.Close
    seal = select(close.seal).where(close.month == bindparam("last_month")).scalar_subquery().label("seal")
    asked = _with_seen(select(row.quarter, row.payee_id, row.sha256, seal))
    return asked.where(row.quarter == bindparam("quarter"), row.payee_id == bindparam("payee"))


_ISSUED = _issued()


def _listed(connection: Connection, asked: Select[*tuple[Any, ...]]) -> list[Listed]:
    return [
        Listed(row.quarter, row.payee_id, row.name or row.payee_id, _seen(row))
        for row in connection.execute(asked)
    ]


def _seen(row: Any) -> Seen | None:
    return Seen(row.actor, row.at.date()) if row.at is not None else None
