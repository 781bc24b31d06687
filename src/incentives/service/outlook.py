"""What a close of the open month would find and pay: the checklist with everything that is missing, in plain rows.

It is what :func:`incentives.service.months.look` says, in a form that can be kept while somebody mends what is
missing, and that knows when it is no longer true.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, Engine

from incentives.calendar import Period, period_of
from incentives.ledger.pay import Payout
from incentives.service import months
from incentives.service.checklist import Step
from incentives.service.runs import rules_in_force
from incentives.store.acts import Who, latest
from incentives.store.engine import reading
from incentives.store.ledger import open_month

MOST = 1000
"""How much of what a step found is kept to be read."""


@dataclass(frozen=True, slots=True)
class Found:
    """A step of the checklist: how much stands in its way, and the first of it in words."""

    name: str
    number: int
    says: tuple[str, ...]
    may_be_waived: bool

    @classmethod
    def by(cls, step: Step) -> Found:
        """From a step as the close sees it."""
        return cls(step.name, len(step.found), step.found[:MOST], step.may_be_waived)


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

    def holds(self, day: dt.date, through: int) -> bool:
        """Whether it is still true."""
        return (self.day, self.through) == (day, through)


def outlook(engine: Engine, who: Who, month: dt.date) -> Outlook:
    """How the open month would close now. Raises :class:`~incentives.errors.Rejected` where it is not its turn."""
    with reading(engine) as connection:
        through = latest(connection)
        starts = rules_in_force(connection).company.fiscal_year_starts
    closing = months.look(engine, who, month)
    return Outlook(
        month=closing.month.first,
        actor=who.actor,
        day=who.at.date(),
        through=through,
        steps=tuple(map(Found.by, closing.steps)),
        entries=closing.ran.entries,
        paid_minor=closing.totals,
        pays=tuple(map(Pays.by, closing.payouts)),
        ends_quarter=period_of(month, "quarter", starts).last == closing.month.last,
    )


def open_now(connection: Connection) -> Period | None:
    """The open month; ``None`` before the first fact."""
    return open_month(connection, rules_in_force(connection))
