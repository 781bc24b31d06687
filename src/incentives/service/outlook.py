"""What a close of the open month would find and pay: the checklist with everything that is missing, in plain rows.

It is what :func:`incentives.service.months.look` says, in a form that can be kept while somebody mends what is
missing, and that knows when it is no longer true. Nobody who writes has to wait for it.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import Connection

from incentives import errors
from incentives.calendar import Period, period_of
from incentives.ledger.pay import Payout
from incentives.service import months
from incentives.service.checklist import Step
from incentives.service.kept import Kept
from incentives.service.runs import Calculated, rules_in_force, today
from incentives.store.acts import Who, latest
from incentives.store.ledger import open_month

MOST = 1000
"""How much of what a step found is kept to be read."""


@dataclass(frozen=True, slots=True)
class Found:
    """A step of the checklist: how much stands in its way, the first of it in words, and how to get on."""

    name: str
    number: int
    says: tuple[str, ...]
    cure: str
    may_be_waived: bool
    waived: str
    blocks: bool

    @classmethod
    def by(cls, step: Step) -> Found:
        """From a step as the close sees it."""
        says = step.found[:MOST]
        return cls(step.name, len(step.found), says, step.cure, step.may_be_waived, step.waived, step.blocks)


@dataclass(frozen=True, slots=True)
class Pays:
    """What a payee would be paid."""

    payee_id: str
    currency: str
    positive_minor: int
    negative_minor: int
    brought_forward_minor: int
    recovered_minor: int
    pay_minor: int
    carried_forward_minor: int

    @classmethod
    def by(cls, payout: Payout) -> Pays:
        """From the payout."""
        return cls(*(getattr(payout, name) for name in cls.__slots__))


@dataclass(frozen=True, slots=True)
class Outlook:
    """How a month would close, for whoever would close it (``actor``), on a day, knowing everything ``through``
    an act. ``entries`` would still be posted; ``ends_quarter``: statements would be issued."""

    month: dt.date
    actor: str
    day: dt.date
    through: int
    steps: tuple[Found, ...]
    entries: int
    paid_minor: Mapping[str, int]
    pays: tuple[Pays, ...]
    ends_quarter: bool

    @property
    def people(self) -> int:
        """How many would be paid."""
        return sum(1 for each in self.pays if each.pay_minor)

    def holds(self, connection: Connection, who: Who) -> bool:
        """Whether it is still true: nothing became known since, and it is the same day."""
        return (self.day, self.through) == (_day(connection, who), latest(connection))


_kept: Kept[Outlook] = Kept()


def outlook(
    connection: Connection,
    who: Who,
    month: dt.date,
    waive: Mapping[str, str] | None = None,
    progress: Calculated | None = None,
) -> Outlook:
    """How the open month would close now. Raises :class:`~incentives.errors.Rejected` where it is not its turn."""
    key = (month, who.actor, _day(connection, who), tuple(sorted((waive or {}).items())))
    return _kept.get(connection, key, lambda: _calculated(connection, who, month, waive, progress))


def _calculated(
    connection: Connection,
    who: Who,
    month: dt.date,
    waive: Mapping[str, str] | None,
    progress: Calculated | None,
) -> Outlook:
    closing = months.look_in(connection, who, month, waive, progress)
    company = rules_in_force(connection).company
    return Outlook(
        month=closing.month.first,
        actor=who.actor,
        day=_day(connection, who),
        through=latest(connection),
        steps=tuple(map(Found.by, closing.steps)),
        entries=closing.ran.entries,
        paid_minor=closing.totals,
        pays=tuple(map(Pays.by, closing.payouts)),
        ends_quarter=period_of(month, "quarter", company.fiscal_year_starts).last == closing.month.last,
    )


def _day(connection: Connection, who: Who) -> dt.date:
    return today(rules_in_force(connection), who)


def as_plain(found: Outlook) -> dict[str, Any]:
    """An outlook as a job keeps it."""
    plain = asdict(found) | {"month": found.month.isoformat(), "day": found.day.isoformat()}
    for step in plain["steps"]:
        step["says"] = [errors.as_plain(each) for each in step["says"]]
    return plain


def from_plain(plain: Mapping[str, Any]) -> Outlook:
    """And as it was."""
    found = dict(plain)
    for name in ("month", "day"):
        found[name] = dt.date.fromisoformat(found[name])
    found["steps"] = tuple(
        Found(**{**e, "says": tuple(map(errors.from_plain, e["says"]))}) for e in found["steps"]
    )
    found["pays"] = tuple(Pays(**each) for each in found["pays"])
    return Outlook(**found)


def open_now(connection: Connection) -> Period | None:
    """The open month; ``None`` before the first fact."""
    return open_month(connection, rules_in_force(connection))
