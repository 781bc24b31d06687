"""What payroll pulls: the file of a closed month, the same bytes for ever (docs/formats.md)."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from sqlalchemy import Connection, Engine, func, insert, select

from incentives.calendar import month_name
from incentives.errors import Problem, Rejected, told
from incentives.ledger.entries import Entry
from incentives.ledger.pay import Payout, net
from incentives.papers.payroll import PROFILES, payroll_files
from incentives.papers.together import written_together
from incentives.service.months import kinds
from incentives.service.seals import check_not_behind, unwitnessed, witness
from incentives.store import closes as kept
from incentives.store import tables
from incentives.store.acts import Who, next_id, record
from incentives.store.engine import writing
from incentives.store.facts_out import Known
from incentives.store.ledger import settled_in


@dataclass(frozen=True, slots=True)
class Delivered:
    """A month's payout as it was handed over. ``number`` counts deliveries: from 2 on it is a copy."""

    month: dt.date
    profile: str
    files: tuple[kept.PayoutFile, ...]
    seal: str
    number: int
    first_at: dt.datetime
    first_by: str

    @property
    def is_copy(self) -> bool:
        """Whether it was handed over before."""
        return self.number > 1

    def control(self, file: kept.PayoutFile) -> str:
        """The control file beside a payout file: its totals and digest, and the seal of the month."""
        return control(file, self.seal)


def control(file: kept.PayoutFile, seal: str) -> str:
    """A payout file's control file with the seal of its month."""
    return json.dumps(json.loads(file.control) | {"seal": seal}, indent=2) + "\n"


def payout(engine: Engine, who: Who, month: dt.date, profile: str) -> Delivered:
    """Hand over the payout file of a closed month; made once, then the same bytes for ever.

    Raises :class:`Rejected` where the month is open, where the store lacks a seal that is known outside, or with
    everything that the profile is missing.
    """
    month = month.replace(day=1)
    with writing(engine) as connection:
        check_not_behind(engine, connection)
        witness(engine, unwitnessed(connection))
        close = _closed(connection, month)
        act_id = record(connection, who, "payout", f"{month_name(month)} {profile}")
        files = kept.payout_files(connection, month, profile)
        if not files:
            files = _made(connection, close, profile)
            kept.save_payout_files(connection, act_id, files)
        delivery = tables.Delivery
        connection.execute(
            insert(delivery).values(id=next_id(connection, delivery), act_id=act_id, month=month, profile=profile)
        )
        earlier = select(tables.Act.at, tables.Act.actor, func.count().over()).join(
            delivery, delivery.act_id == tables.Act.id
        )
        here = earlier.where(delivery.month == month, delivery.profile == profile).order_by(delivery.id)
        first_at, first_by, number = connection.execute(here.limit(1)).one()
        return Delivered(month, profile, tuple(files), close.seal, number, first_at, first_by)


@dataclass(frozen=True, slots=True)
class Looked:
    """A closed month's payout files, not handed over. ``acknowledged_at``: when payroll said it has them."""

    month: dt.date
    profile: str
    files: tuple[kept.PayoutFile, ...]
    seal: str
    deliveries: int
    acknowledged_at: dt.datetime | None
    acknowledged_by: str


def look(connection: Connection, month: dt.date, profile: str) -> Looked:
    """What :func:`payout` would hand over, byte for byte; nothing is written down.

    Raises :class:`Rejected` where the month is open, or with everything that the profile is missing.
    """
    month = month.replace(day=1)
    close = _closed(connection, month)
    files = kept.payout_files(connection, month, profile) or _made(connection, close, profile)
    delivery, receipt, act = tables.Delivery, tables.Receipt, tables.Act
    handed = select(func.count()).where(delivery.month == month, delivery.profile == profile)
    said = select(act.at, act.actor).join(receipt, receipt.act_id == act.id)
    of_month = said.where(receipt.month == month, receipt.profile == profile)
    receipted = connection.execute(of_month).one_or_none()
    at, actor = receipted or (None, "")
    return Looked(month, profile, tuple(files), close.seal, connection.scalar(handed) or 0, at, actor)


def acknowledge(engine: Engine, who: Who, month: dt.date, profile: str, note: str) -> None:
    """Payroll has the file: said once. Raises :class:`Rejected` if nothing was handed over, or if it was said."""
    month = month.replace(day=1)
    subject = f"{month_name(month)} {profile}"
    with writing(engine) as connection:
        _closed(connection, month)
        receipt, delivery = tables.Receipt, tables.Delivery
        handed = select(delivery.id).where(delivery.month == month, delivery.profile == profile).limit(1)
        if connection.execute(handed).first() is None:
            command = f"incentives payout {month_name(month)} --profile {profile} --out FOLDER"
            cure = told("Hand it over first: %(command)s", command=command)
            raise Rejected([Problem(subject, 0, "", "not-delivered", told("No file was handed over yet."), cure)])
        said = (
            select(tables.Act.actor, tables.Act.at)
            .join(receipt, receipt.act_id == tables.Act.id)
            .where(receipt.month == month, receipt.profile == profile)
        )
        if (earlier := connection.execute(said).first()) is not None:
            at = f"{earlier.at:%Y-%m-%d %H:%M} UTC"
            sentence = told("%(name)s acknowledged it on %(at)s.", name=earlier.actor, at=at)
            cure = told("There is nothing more to do.")
            raise Rejected([Problem(subject, 0, "", "acknowledged", sentence, cure)])
        act_id = record(connection, who, "receipt", subject, after=note)
        connection.execute(insert(receipt).values(month=month, profile=profile, act_id=act_id, note=note))


def _closed(connection: Connection, month: dt.date) -> kept.Closed:
    close = kept.closed(connection, month)
    if close is None:
        name = month_name(month)
        sentence = told("The month is open: nothing in it is fixed yet.")
        cure = told("Close it first: incentives close %(month)s", month=name)
        raise Rejected([Problem(name, 0, "", "open", sentence, cure)])
    return close


def payouts_with_lines(connection: Connection, month: dt.date) -> list[Payout]:
    """What a closed month paid, with the lines it was made from."""
    lines: dict[tuple[str, str], list[Entry]] = {}
    for entry in settled_in(connection, month):
        lines.setdefault((entry.payee_id, entry.currency), []).append(entry)
    return [
        replace(each, lines=tuple(net(lines.get((each.payee_id, each.currency), ()))))
        for each in kept.payouts_of(connection, [month])
    ]


def _made(connection: Connection, close: kept.Closed, profile: str) -> list[kept.PayoutFile]:
    """The files from what was known at the close; what was missing then, as it is known now."""
    if profile not in PROFILES:
        sentence = told("There is no %(name)s.", name=repr(profile))
        cure = told("Choose %(words)s.", words=", ".join(sorted(PROFILES)))
        raise Rejected([Problem("payout", 0, "profile", "unknown-profile", sentence, cure)])
    payouts = payouts_with_lines(connection, close.month)
    try:
        return _files(Known(connection, close.known_through), close.month, profile, payouts)
    except Rejected:
        return _files(Known(connection), close.month, profile, payouts)


def _files(known: Known, month: dt.date, profile: str, payouts: Iterable[Payout]) -> list[kept.PayoutFile]:
    rules = known.rules()
    assert rules is not None, "a month closed under rules"
    of_kind = kinds(rules.plans, rules.company)
    return [
        kept.PayoutFile(month, profile, each.name, each.content, each.control.text(), each.control.sha256)
        for each in payroll_files(profile, month, payouts, of_kind, rules.company, known.payees())
    ]


def write(delivered: Delivered, out: Path) -> None:
    """The files into a folder, together or not at all: each with its control file, and a copy with a note that it
    is one."""
    with written_together(out) as beside:
        for file in delivered.files:
            (beside / file.name).write_bytes(file.content)
            (beside / f"{file.name}.control.json").write_text(delivered.control(file), encoding="utf-8")
            if delivered.is_copy:
                note = {
                    "copy": True,
                    "delivery": delivered.number,
                    "first_delivered_at": delivered.first_at.isoformat(),
                    "first_delivered_to": delivered.first_by,
                }
                (beside / f"{file.name}.copy.json").write_text(json.dumps(note, indent=2) + "\n", encoding="utf-8")
