"""Closed months as they are read: what each paid, under which seal, and which payout files went to payroll."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from incentives.calendar import period_of
from incentives.documents.written import amount as read_amount
from incentives.ledger.entries import Entry
from incentives.ledger.pay import Payout
from incentives.papers.payroll import PROFILES
from incentives.service import payouts
from incentives.service.access import NotThere
from incentives.service.runs import rules_in_force
from incentives.store import closes as kept
from incentives.store import tables
from incentives.store.ledger import settled_in


@dataclass(frozen=True, slots=True)
class Month:
    """A month that is closed. ``paid_minor`` is what it paid, by currency; ``prepared_by`` made its last run."""

    month: dt.date
    seal: str
    previous_seal: str
    closed_by: str
    closed_at: dt.datetime
    prepared_by: str
    entries: int
    paid_minor: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Waived:
    """A step of the checklist that somebody let pass, and why."""

    step: str
    reason: str
    actor: str
    at: dt.datetime


@dataclass(frozen=True, slots=True)
class File:
    """A payout file as its control file tells it."""

    name: str
    rows: int
    sums_minor: Mapping[str, int]
    batch_id: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Said:
    """Somebody did something, and what they noted."""

    actor: str
    at: dt.datetime
    note: str = ""


@dataclass(frozen=True, slots=True)
class Handed:
    """What became of a month's payout under a profile. No ``files``: nobody asked for it yet."""

    profile: str
    files: tuple[File, ...]
    times: int
    first: Said | None
    receipt: Said | None


def months(connection: Connection) -> list[Month]:
    """Every closed month, the newest first."""
    closes = kept.closes(connection)
    act = tables.Act
    asked = select(act.id, act.actor, act.at).where(act.id.in_([each.act_id for each in closes]))
    acts = {number: (actor, at) for number, actor, at in connection.execute(asked)}
    return [
        Month(
            month=each.month,
            seal=each.seal,
            previous_seal=each.previous_seal,
            closed_by=acts[each.act_id][0],
            closed_at=acts[each.act_id][1],
            prepared_by=each.prepared_by,
            entries=each.content["entries"],
            paid_minor=each.content["paid_minor"],
        )
        for each in reversed(closes)
    ]


def month(connection: Connection, first: dt.date) -> Month:
    """One closed month; :class:`NotThere` where it is not closed."""
    found = next((each for each in months(connection) if each.month == first), None)
    if found is None:
        raise NotThere(first.isoformat())
    return found


def waived(connection: Connection, first: dt.date) -> list[Waived]:
    """What was let pass at a close, and why."""
    waiver, act = tables.Waiver, tables.Act
    asked = select(waiver.item, waiver.reason, act.actor, act.at).join(act, act.id == waiver.act_id)
    return [Waived(*row) for row in connection.execute(asked.where(waiver.month == first).order_by(act.id))]


def statements(connection: Connection, first: dt.date) -> int:
    """How many statements the close of a month issued: those of the quarter that it ended."""
    quarter = period_of(first, "quarter", rules_in_force(connection).company.fiscal_year_starts)
    if period_of(first, "month", 1).last != quarter.last:
        return 0
    asked = select(func.count()).select_from(tables.Statement).where(tables.Statement.quarter == quarter.first)
    return int(connection.execute(asked).scalar_one())


def pay(connection: Connection, first: dt.date) -> list[Payout]:
    """What a closed month pays, by payee and currency."""
    return kept.payouts_of(connection, [first])


def paid_lines(connection: Connection, first: dt.date, payee_id: str) -> list[Entry]:
    """The entries that a payee's pay for a closed month was made from."""
    return list(settled_in(connection, first, payee_id))


def handed(connection: Connection, first: dt.date) -> list[Handed]:
    """Every profile, and what became of a month's payout under it."""
    files = _files(connection, first)
    times, receipts = _deliveries(connection, first), _receipts(connection, first)
    found = []
    for profile in PROFILES:
        number, first_time = times.get(profile, (0, None))
        made = tuple(files.get(profile, ()))
        found.append(Handed(profile, made, number, first_time, receipts.get(profile)))
    return found


@dataclass(frozen=True, slots=True)
class State:
    """How far a month's pay is: how often a file was handed over, and whether payroll has one."""

    times: int
    received: bool


def state(connection: Connection, first: dt.date) -> State:
    """How far the pay of a closed month is."""
    found = handed(connection, first)
    return State(sum(each.times for each in found), any(each.receipt for each in found))


def controls(connection: Connection, first: dt.date, profile: str) -> dict[str, str]:
    """The control files of what was made of a month, by name; :class:`NotThere` before anything was."""
    close, files = kept.closed(connection, first), kept.payout_files(connection, first, profile)
    if close is None or not files:
        raise NotThere(profile)
    return {f"{each.name}.control.json": payouts.control(each, close.seal) for each in files}


def _files(connection: Connection, first: dt.date) -> dict[str, list[File]]:
    file = tables.PayoutFile
    asked = select(file.profile, file.name, file.control, file.sha256).where(file.month == first)
    found: dict[str, list[File]] = {}
    for profile, name, control, sha256 in connection.execute(asked.order_by(file.profile, file.name)):
        says = json.loads(control)
        sums = {currency: read_amount(text, currency) for currency, text in says["sums"].items()}
        made = File(name, says["rows"], sums, says["batch_id"], sha256)
        found.setdefault(profile, []).append(made)
    return found


def _deliveries(connection: Connection, first: dt.date) -> dict[str, tuple[int, Said]]:
    delivery, act = tables.Delivery, tables.Act
    asked = (
        select(delivery.profile, act.actor, act.at)
        .join(act, act.id == delivery.act_id)
        .where(delivery.month == first)
        .order_by(delivery.id)
    )
    found: dict[str, tuple[int, Said]] = {}
    for profile, actor, at in connection.execute(asked):
        times, earliest = found.get(profile, (0, Said(actor, at)))
        found[profile] = (times + 1, earliest)
    return found


def _receipts(connection: Connection, first: dt.date) -> dict[str, Said]:
    receipt, act = tables.Receipt, tables.Act
    asked = select(receipt.profile, act.actor, act.at, receipt.note).join(act, act.id == receipt.act_id)
    return {row[0]: Said(*row[1:]) for row in connection.execute(asked.where(receipt.month == first))}


def names_of(connection: Connection, payee_ids: Collection[str]) -> dict[str, str]:
    """The names of payees, by id; one that is no longer known goes by its id."""
    payee = tables.Payee
    asked = select(payee.payee_id, payee.name).where(payee.known_until.is_(None), payee.payee_id.in_(payee_ids))
    known: dict[str, str] = dict(connection.execute(asked).all())
    return {payee_id: known.get(payee_id) or payee_id for payee_id in payee_ids}
