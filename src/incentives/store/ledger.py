"""The ledger's rows: what was posted, what of it was paid, and which month takes what comes next."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Iterator
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, Select, and_, bindparam, func, not_, or_, select

from incentives.calendar import Period, period_of
from incentives.ledger.entries import Draft, Entry, Key, Posted
from incentives.store import tables
from incentives.store.acts import next_id
from incentives.store.bulk import Row, insert_rows, rows, written_days
from incentives.store.facts_out import Rules
from incentives.store.queries import Query, Value, one_of

_NEXT_DAY = dt.timedelta(days=1)


def open_month(connection: Connection, rules: Rules) -> Period | None:
    """The oldest open month: the one after the last closed, or the first in which anything can be earned.

    That is the month of the first fact, or of the first plan version if it is later; once something was posted
    it stays, whatever earlier fact still comes. ``None`` where nothing has happened yet.
    """
    last = _last_closed().one(connection)
    if last is not None:
        return period_of(period_of(last, "month", 1).last + _NEXT_DAY, "month", 1)
    begun = connection.execute(select(tables.Entry.month).limit(1)).scalar()
    if begun is not None:
        return period_of(begun, "month", 1)
    asked = (
        select(func.min(tables.Event.occurred_on)),
        select(func.min(tables.Invoice.issued_on)),
        select(func.min(tables.Invoice.contract_signed_on)),
    )
    days = [day for each in asked if (day := connection.execute(each).scalar()) is not None]
    versions = [version.effective_from for plan in rules.plans for version in plan.versions]
    return period_of(max(min(days), min(versions, default=min(days))), "month", 1) if days else None


@cache
def _last_closed() -> Query:
    return Query(select(func.max(tables.Close.month)))


def posted(
    connection: Connection,
    payees: Collection[str],
    in_plans: Collection[str] | None = None,
    not_in_plans: Collection[str] = (),
    from_day: dt.date | None = None,
    causes: Collection[str] = (),
    upto_run: int | None = None,
) -> dict[Key, list[Posted]]:
    """What was posted for some payees (by runs up to one), by key, in the order of posting; payouts and
    adjustments are none of it.

    With a day, of everything that has these causes, or had one of whose entries was earned from that day on: of a
    key all entries or none, whatever their days. A line that was paid and then moved to another day has both.
    """
    values: dict[str, Value | None] = {
        "in_plans": in_plans,
        "not_in_plans": not_in_plans or None,
        "from_day": from_day,
        "causes": None if from_day is None else causes,
        "upto_run": upto_run,
    }
    given = {name: value for name, value in values.items() if value is not None}
    rows = _posted(frozenset(given)).rows(connection, payees=payees, **given)
    found: dict[Key, list[Posted]] = {}
    for *key, invoice_id, earned_on, payable_on, plan_version, amount_minor, paid in rows:
        terms = (invoice_id, earned_on, payable_on, plan_version)
        found.setdefault(_key(*key), []).append(Posted(terms, amount_minor, paid is not None))
    return found


@cache
def _posted(given: frozenset[str]) -> Query:
    """What was posted for ``payees``, where it is as these values say."""
    entry, settled = tables.Entry, tables.Settled
    asked = (
        select(
            entry.payee_id,
            entry.plan,
            entry.component,
            entry.kind,
            entry.cause,
            entry.currency,
            entry.invoice_id,
            entry.earned_on,
            entry.payable_on,
            entry.plan_version,
            entry.amount_minor,
            settled.entry_id,
        )
        .outerjoin(settled, settled.entry_id == entry.id)
        .where(one_of(entry.payee_id, "payees"), entry.kind != "payout", entry.kind != "adjustment")
        .order_by(entry.id)
    )
    later = select(entry.cause).where(one_of(entry.payee_id, "payees"), entry.earned_on >= bindparam("from_day"))
    conditions: dict[str, ColumnElement[bool]] = {
        "in_plans": one_of(entry.plan, "in_plans"),
        "not_in_plans": not_(one_of(entry.plan, "not_in_plans")),
        "from_day": or_(entry.cause.in_(later), one_of(entry.cause, "causes")),
        "upto_run": entry.run_id <= bindparam("upto_run"),
    }
    return Query(asked.where(*(condition for name, condition in conditions.items() if name in given)))


def _key(payee_id: str, plan: str, component: str, kind: str, cause: str, currency: str) -> Key:
    return (payee_id, plan, component, kind, cause, currency)


def rows_of(drafts: Iterable[Draft]) -> list[Row]:
    """Drafts as :func:`post` takes them: ready to be written, and quick to send from one process to another."""
    return list(written_days(tables.Entry, drafts, _FRAME))


_FRAME = len(("id", "run_id", "month"))
"""The columns of an entry that a draft does not have."""


def post(connection: Connection, run_id: int, month: dt.date, drafted: Collection[Row]) -> int:
    """Write entries into a month, from the rows of their drafts; how many."""
    if not drafted:
        return 0
    first, day = next_id(connection, tables.Entry), month.isoformat()
    framed = ((number, run_id, day, *row) for number, row in enumerate(drafted, first))
    return insert_rows(connection, tables.Entry, framed, days_are_written=True)


def record_run(
    connection: Connection,
    run_id: int,
    act_id: int,
    month: dt.date,
    as_of: dt.date,
    known_through: int,
    scope: str,
    entries: int,
) -> None:
    """Write a run, once all that it posted is there."""
    insert_rows(connection, tables.Run, [(run_id, act_id, month, as_of, known_through, scope, entries)])


class LastRun(NamedTuple):
    """What the newest run was about."""

    month: dt.date
    as_of: dt.date
    known_through: int


def last_run(connection: Connection) -> LastRun | None:
    """The newest run; ``None`` before the first."""
    return next((LastRun(*row) for row in _newest_run().rows(connection)), None)


@cache
def _newest_run() -> Query:
    run = tables.Run
    return Query(select(run.month, run.as_of, run.known_through).order_by(run.id.desc()).limit(1))


_COLUMNS: list[ColumnElement[Any]] = list(tables.table_of(tables.Entry).columns)


def entries(
    connection: Connection,
    payee_id: str | None = None,
    month: dt.date | None = None,
    through: dt.date | None = None,
    cause: str | None = None,
    after: int | None = None,
) -> Iterator[Entry]:
    """Entries in the order of posting: of a payee, of a posting month, of all months up to one, of a cause, after
    an entry."""
    asked = select(*_COLUMNS).order_by(tables.Entry.id)
    if payee_id is not None:
        asked = asked.where(tables.Entry.payee_id == payee_id)
    if month is not None:
        asked = asked.where(tables.Entry.month == month)
    if through is not None:
        asked = asked.where(tables.Entry.month <= through)
    if cause is not None:
        asked = asked.where(tables.Entry.cause == cause)
    if after is not None:
        asked = asked.where(tables.Entry.id > after)
    return _made(connection, asked)


def last_entry(connection: Connection) -> int:
    """The number of the newest entry; 0 before the first."""
    return connection.execute(select(func.max(tables.Entry.id))).scalar() or 0


def unpaid(connection: Connection, payable_by: dt.date) -> Iterator[Entry]:
    """Entries that are payable by a day and were in no payout yet."""
    entry, settled = tables.Entry, tables.Settled
    asked = (
        select(*_COLUMNS)
        .outerjoin(settled, settled.entry_id == entry.id)
        .where(and_(settled.entry_id.is_(None), entry.payable_on <= payable_by, entry.kind != "payout"))
        .order_by(entry.id)
    )
    return _made(connection, asked)


def settled_in(connection: Connection, month: dt.date, payee_id: str | None = None) -> Iterator[Entry]:
    """The entries that a closed month's payouts were made from, of a payee or of everybody."""
    entry, settled = tables.Entry, tables.Settled
    asked = select(*_COLUMNS).join(settled, settled.entry_id == entry.id).where(settled.month == month)
    if payee_id is not None:
        asked = asked.where(entry.payee_id == payee_id)
    return _made(connection, asked.order_by(entry.id))


def _made(connection: Connection, asked: Select[*tuple[Any, ...]]) -> Iterator[Entry]:
    return (Entry(*row) for row in rows(connection, asked))
