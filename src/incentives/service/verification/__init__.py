"""Verification: every invariant of the books, over the whole store (``incentives verify``)."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from sqlalchemy import Connection, Engine

from incentives.service.runs import Progress
from incentives.service.verification import closed, recomputed, rows
from incentives.service.verification.report import Breach, Check, Checked, View
from incentives.store.engine import reading

__all__ = ["CHECKS", "Breach", "Checked", "breaches", "checks_of", "verify"]

CHECKS: tuple[Check, ...] = (*rows.CHECKS, *closed.CHECKS, *recomputed.CHECKS)
"""Every check: first whether rows hang together, then what was sealed, at the end everything calculated anew."""


def verify(engine: Engine, *, workers: int = 1, progress: Progress | None = None) -> Iterator[Checked]:
    """Every check as soon as it is done, on one view of the store: others may write meanwhile.

    ``progress`` is told how many lines were calculated anew so far, which takes most of the time.
    """
    with reading(engine) as connection:
        yield from checks_of(connection, workers=workers, progress=progress)


def checks_of(connection: Connection, *, workers: int = 1, progress: Progress | None = None) -> Iterator[Checked]:
    """:func:`verify`, on a connection whose transaction somebody else began."""
    view = View(connection, workers, progress)
    return _beside_the_calculation(view) if workers > 1 else (check.done(view) for check in CHECKS)


def _beside_the_calculation(view: View) -> Iterator[Checked]:
    """While others calculate everything anew, which takes most of the time, this process looks at all the rest.

    What is calculated is bound to the last run, not to a view: a connection of its own sees the same.
    """
    *others, anew = CHECKS
    with ThreadPoolExecutor(1) as beside:
        calculated = beside.submit(_done_apart, anew, view)
        yield from (check.done(view) for check in others)
        yield calculated.result()


def _done_apart(check: Check, view: View) -> Checked:
    with reading(view.connection.engine) as connection:
        return check.done(replace(view, connection=connection))


def breaches(engine: Engine, *, workers: int = 1, progress: Progress | None = None) -> list[Breach]:
    """Everything that is wrong, in the order in which it was found; nothing, where all is well."""
    done = verify(engine, workers=workers, progress=progress)
    return [breach for checked in done for breach in checked.breaches]
