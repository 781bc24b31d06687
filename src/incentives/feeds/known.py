"""What was known before a folder came. With it a folder may be partial, and refer to what came earlier."""

from __future__ import annotations

from collections.abc import Callable, Collection, Container, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from incentives.errors import Told, told
from incentives.facts import Company, Reporting
from incentives.money import EXPONENTS
from incentives.rules.plan import Plan

_BATCH = 8_192


def _no_need(invoice_ids: Collection[str]) -> None:
    """Where everything is at hand, nothing is to be fetched."""


@dataclass(frozen=True, slots=True)
class Known:
    """What the rows of a later delivery may refer to, and what they may not contradict.

    ``invoice_currencies`` may ask a database: only ``in``, ``[]`` and ``get`` are used, and ``expect`` is told,
    some thousands at a time, for which invoices, before any of them is looked up. ``reporting`` holds every line
    of reporting, so that none closes a circle with an earlier one.
    """

    company: Company | None = None
    plans: Mapping[str, Plan] = field(default_factory=dict)
    payee_ids: Container[str] = frozenset()
    customer_ids: Container[str] = frozenset()
    invoice_currencies: Mapping[str, str] = field(default_factory=dict)
    reporting: Collection[Reporting] = ()
    expect: Callable[[Collection[str]], None] = _no_need


Rows = Iterator[tuple[int, Any]]


def foretold(rows: Rows, at: int, tell: Callable[[Collection[str]], None]) -> Rows:
    """The rows as they are, a batch at a time, each after its values at a place have been told."""
    while batch := list(islice(rows, _BATCH)):
        tell({values[at] for _, values in batch})
        yield from batch


def other_decimals(before: str | None, now: str) -> tuple[str, Told, Told] | None:
    """Code, sentence and cure of a currency that amounts which are known already cannot change to.

    Amounts are kept in minor units: under a currency with other decimals, 605.00 would become 60500. Under one
    with the same decimals they read as they were written.
    """
    if before is None or EXPONENTS[before] == EXPONENTS[now]:
        return None
    sentence = told(
        "It was %(before)s, with %(decimals)s decimals; %(now)s has %(other)s, and amounts that are known already "
        "would change their size.",
        before=before,
        decimals=EXPONENTS[before],
        now=now,
        other=EXPONENTS[now],
    )
    return "other-decimals", sentence, told("Keep %(before)s.", before=before)
