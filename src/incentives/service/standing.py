"""Where the books stand: the open month, what is closed, what waits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Engine

from incentives.calendar import Period
from incentives.store.closes import Closed, closes, open_questions, undecided
from incentives.store.engine import reading
from incentives.store.facts_out import Known
from incentives.store.ledger import open_month


@dataclass(frozen=True, slots=True)
class Standing:
    """The open month (``None`` before the first fact), closed months in order, and how much of each kind waits."""

    open_month: Period | None
    closed: tuple[Closed, ...]
    waiting: Mapping[str, int]


def standing(engine: Engine) -> Standing:
    """Where the books stand now."""
    with reading(engine) as connection:
        rules = Known(connection).rules()
        waiting = {kind: len(numbers) for kind, numbers in undecided(connection).items()}
        waiting["question"] = sum(1 for _ in open_questions(connection))
        month = open_month(connection, rules) if rules else None
        return Standing(month, tuple(closes(connection)), waiting)
