"""Over many payees, chunk by chunk: facts stream in, results stream out.

Each chunk is read, calculated, handed to the caller's ``work`` and forgotten, so that memory does not grow with
history. With workers, ``work`` runs where the chunk was calculated: only what it returns travels.
"""

from __future__ import annotations

import datetime as dt
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import zip_longest
from multiprocessing import get_context
from typing import Any, Generic, TypeVar

from incentives.calculation.bonuses import PoolOutcome
from incentives.calculation.book import Book
from incentives.calculation.chunks import Chunk, Scope, Task, Wanted, chunk, lead_plans
from incentives.calculation.earned import Calculation
from incentives.calculation.lines import Line
from incentives.engines.inprocess import collector_paused
from incentives.engines.source import Source
from incentives.rules.plan import Plan

PAYEES_AT_ONCE = 50
"""Of some 900 lines each, these take some 100 MB with everything that is known of them."""
INVOICES_AT_ONCE = 5_000
"""Invoices that are only looked at for findings."""

Result = TypeVar("Result")
Calculated = tuple[Result, list[Line], list[PoolOutcome]]
Work = Callable[[Chunk], Result]
"""What becomes of a chunk. With workers it is pickled, as are its results: a function of a module, or an object
that is called."""


def over(
    source: Source,
    plans: Sequence[Plan],
    as_of: dt.date,
    work: Work[Result],
    scope: Scope | None = None,
    payees_at_once: int = PAYEES_AT_ONCE,
    workers: int = 1,
    from_day: dt.date | None = None,
) -> Iterator[Result]:
    """What ``work`` makes of each chunk of a scope (``None``: everything), teams first, always in one order.

    :class:`Chunk` says what a chunk holds. Every payee and team of the scope is in exactly one of them; where
    a team is touched, its members are too, and the other teams under the same plans that pay them. Lines that
    were earned before ``from_day`` may be missing: whoever does not ask for them does not wait for them.
    More than one worker: processes of their own, never more than a few chunks ahead of the caller.
    """
    deal = _Deal(source, plans, scope, payees_at_once)
    with _calculating(Run(source, tuple(plans), as_of, work, from_day), workers) as calculate:
        handed = _Handed()
        for result, lines, pools in calculate(deal.teams()):
            handed.add(lines, pools)
            yield result
        for result, _, _ in calculate(deal.payees(handed)):
            yield result


@dataclass(frozen=True, slots=True)
class Run(Generic[Result]):
    """All that a process must know to calculate any task of a run."""

    source: Source
    plans: tuple[Plan, ...]
    as_of: dt.date
    work: Work[Result]
    from_day: dt.date | None = None

    def __call__(self, task: Task) -> Calculated[Result]:
        """The result of the work; what teams pay to their members, who come later, and by which pools."""
        with collector_paused():
            calculation = None
            if task.wanted:
                facts, around = self.source.part(task.wanted)
                calculation = Calculation(Book(facts, self.plans, self.as_of, around))
            found = chunk(calculation, task, self.from_day)
            return self.work(found), found.for_members, found.pools


# Which chunks there are ---------------------------------------------------------------------------------------


class _Handed:
    """What the chunks of teams hand on to those of their members."""

    def __init__(self) -> None:
        self._lines: dict[str, list[Line]] = {}
        self._pools: dict[str, list[PoolOutcome]] = {}

    def add(self, lines: Iterable[Line], pools: Iterable[PoolOutcome]) -> None:
        for line in lines:
            self._lines.setdefault(line.payee_id, []).append(line)
        for pool in pools:
            self._pools.setdefault(pool.team, []).append(pool)

    def lines(self, members: Iterable[str]) -> tuple[Line, ...]:
        return tuple(line for each in members for line in self._lines.get(each, ()))

    def pools(self, teams: Iterable[str]) -> tuple[PoolOutcome, ...]:
        return tuple(pool for each in teams for pool in self._pools.get(each, ()))


class _Deal:
    """Deals a scope into tasks: every team by itself, payees some at once."""

    def __init__(self, source: Source, plans: Sequence[Plan], scope: Scope | None, payees_at_once: int) -> None:
        whole = scope is None
        self._scope = scope = scope or source.everything()
        self._at_once = payees_at_once
        self._payees, self._teams = set(scope.payees), set(scope.teams)
        self._members = set(scope.payees) if whole else set[str]()
        self._teams_of: dict[str, set[str]] = {}
        leads = lead_plans(plans)
        self._leads = {each.payee_id for each in source.assignments(leads)} if leads else set[str]()
        if team_plans := source.team_plans():
            self._widen(source, team_plans)

    def _widen(self, source: Source, team_plans: frozenset[str]) -> None:
        """Lines of a payee under the plans of teams are due as soon as one of these teams is asked for, or the
        payee is on such a plan themselves; then all that may share a key with them is due."""
        assigned = source.assignments(team_plans)
        paying = {each.team for each in assigned if each.team}
        on_team_plans = {each.payee_id for each in assigned if each.payee_id}
        self._members |= self._payees & on_team_plans
        if not self._members and not self._teams & paying:
            return
        memberships = [each for each in source.memberships() if each.team in paying]
        for each in memberships:
            self._teams_of.setdefault(each.payee_id, set()).add(each.team)
        self._members |= {each.payee_id for each in memberships if each.team in self._teams}
        self._payees |= self._members & on_team_plans
        self._teams |= {each.team for each in memberships if each.payee_id in self._members}

    def teams(self) -> Iterator[Task]:
        """One task for each team: there are few, and each has many invoices."""
        for team in sorted(self._teams):
            yield Task(Wanted(teams=(team,)))

    def payees(self, handed: _Handed) -> Iterator[Task]:
        """The payees with what their teams pay them, and beside them the invoices that belong to nobody."""
        batches = _batches(sorted(self._payees), self._at_once)
        invoices = _batches(self._scope.invoices, INVOICES_AT_ONCE)
        for payees, looked_at in zip_longest(batches, invoices, fillvalue=()):
            managers = tuple(each for each in payees if each in self._leads)
            yield self._task(Wanted(payees, managers, invoices=looked_at), payees, handed)
        for members in _batches(sorted(self._members - self._payees), self._at_once):
            yield self._task(Wanted(), members, handed)

    def _task(self, wanted: Wanted, payees: Iterable[str], handed: _Handed) -> Task:
        members = tuple(each for each in payees if each in self._members)
        teams = sorted({team for each in payees for team in self._teams_of.get(each, ())})
        return Task(wanted, members, handed.lines(members), handed.pools(teams))


def _batches(names: Sequence[str], at_once: int) -> Iterator[tuple[str, ...]]:
    for at in range(0, len(names), at_once):
        yield tuple(names[at : at + at_once])


# Who calculates them ------------------------------------------------------------------------------------------

Calculating = Callable[[Iterable[Task]], Iterator[Calculated[Result]]]


@contextmanager
def _calculating(run: Run[Result], workers: int) -> Iterator[Calculating[Result]]:
    """A way from tasks to results in the same order: here, or by processes that start with nothing of this one
    (a forked one would share its database connections)."""
    if workers == 1:
        yield lambda tasks: map(run, tasks)
        return
    pool = ProcessPoolExecutor(workers, get_context("spawn"), initializer=_start, initargs=(run,))
    try:
        yield lambda tasks: _in_order(pool, tasks, ahead=workers + 1)
    finally:
        pool.shutdown(cancel_futures=True)


def _in_order(pool: ProcessPoolExecutor, tasks: Iterable[Task], ahead: int) -> Iterator[Any]:
    """Results as they are asked for; no more than a few tasks are begun before."""
    begun: deque[Future[Any]] = deque()
    for task in tasks:
        begun.append(pool.submit(_calculate, task))
        if len(begun) > ahead:
            yield begun.popleft().result()
    while begun:
        yield begun.popleft().result()


_run: Run[Any] | None = None
"""In a worker: the run that it works for."""


def _start(run: Run[Any]) -> None:
    global _run
    _run = run


def _calculate(task: Task) -> Calculated[Any]:
    assert _run is not None
    return _run(task)
