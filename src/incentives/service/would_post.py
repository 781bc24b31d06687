"""What a run would post, payee by payee and line by line, each with its reason in words."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Engine

from incentives.calculation.explanation import Step
from incentives.calendar import Period
from incentives.service import runs
from incentives.store.acts import Who


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry that a run would post. ``stands_minor`` is what then stands for its line, ``stood_minor`` what
    stood before; ``why`` is the reason of the line, ``None`` where nothing is to stand any more."""

    component: str
    kind: str
    cause: str
    invoice_id: str
    earned_on: dt.date
    amount_minor: int
    currency: str
    stood_minor: int
    why: Step | None

    @property
    def stands_minor(self) -> int:
        """What stands for the line once this is posted."""
        return self.stood_minor + self.amount_minor


@dataclass(frozen=True, slots=True)
class OfPayee:
    """What a run would post for a payee in a currency."""

    payee_id: str
    currency: str
    amount_minor: int
    entries: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class Preview:
    """What a run would post into a month, as of a day; ``customers`` are names by id, to tell the reasons with."""

    month: Period
    as_of: dt.date
    entries: int
    payees: tuple[OfPayee, ...]
    customers: Mapping[str, str]


def preview(engine: Engine, who: Who) -> Preview:
    """What :func:`incentives.service.runs.run` would post; nothing is written."""
    ran = runs.preview(engine, who)
    by_payee: dict[tuple[str, str], list[Entry]] = {}
    for draft in ran.drafts:
        key = (draft.payee_id, draft.plan, draft.component, draft.kind, draft.cause, draft.currency)
        line = ran.lines.get(key)
        by_payee.setdefault((draft.payee_id, draft.currency), []).append(
            Entry(
                component=draft.component,
                kind=draft.kind,
                cause=draft.cause,
                invoice_id=draft.invoice_id,
                earned_on=draft.earned_on,
                amount_minor=draft.amount_minor,
                currency=draft.currency,
                stood_minor=draft.stood_minor,
                why=line.explained() if line else None,
            )
        )
    payees = (
        OfPayee(*owner, sum(each.amount_minor for each in some), tuple(some))
        for owner, some in sorted(by_payee.items())
    )
    return Preview(ran.month, ran.as_of, ran.entries, tuple(payees), ran.customers)
