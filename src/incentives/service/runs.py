"""A run: what should stand, minus what was posted, into the oldest open month (docs/rules.md section 1)."""

from __future__ import annotations

import datetime as dt
import zoneinfo
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any

from sqlalchemy import Connection, Engine, func, select

from incentives.calculation.chunks import Chunk, Scope
from incentives.calculation.lines import Finding, Line
from incentives.calendar import Period, month_name
from incentives.engines.chunks import over
from incentives.errors import Problem, Rejected, Told, told
from incentives.ledger.entries import Draft, Key, Posted, difference
from incentives.service.decisions import adjustment_drafts
from incentives.store import tables
from incentives.store.acts import Who, next_id, record
from incentives.store.affected import Affected, affected
from incentives.store.bulk import Row
from incentives.store.engine import reading, writing
from incentives.store.facts_out import Known, Rules
from incentives.store.ledger import last_run, open_month, post, posted, record_run, rows_of
from incentives.store.source import StoreSource

Progress = Callable[[int], None]
"""Told how many entries were found so far."""

Calculated = Callable[[int, int], None]
"""Told how many people were calculated, of how many."""


@dataclass(slots=True)
class Ran:
    """What a run found. ``drafts`` and ``lines`` (what the drafts make stand) are kept for a preview only."""

    month: Period
    as_of: dt.date
    scope: str
    entries: int = 0
    run_id: int = 0
    findings: set[Finding] = field(default_factory=set)
    drafts: list[Draft] = field(default_factory=list)
    lines: dict[Key, Line] = field(default_factory=dict)
    customers: dict[str, str] = field(default_factory=dict)
    """The names of customers by id, to tell the reasons with."""

    def as_plain(self) -> dict[str, Any]:
        """What was posted, as it is told and kept: findings with their messages."""
        return {
            "run": self.run_id,
            "month": month_name(self.month.first),
            "as_of": self.as_of.isoformat(),
            "scope": self.scope,
            "entries": self.entries,
            "findings": [(each.what, each.message) for each in sorted(self.findings)],
        }


def run(
    engine: Engine,
    who: Who,
    *,
    as_of: dt.date | None = None,
    full: bool = False,
    workers: int = 1,
    progress: Progress | None = None,
) -> Ran:
    """Post what is missing into the oldest open month; again, and there is nothing to post.

    Only those are calculated whom something that became known since the last run can affect; ``full``
    calculates everybody. Everything that happened up to ``as_of`` counts: today, or the last day of the open
    month once it is over.
    """
    with writing(engine) as connection:
        return run_in(connection, who, as_of=as_of, full=full, workers=workers, progress=progress)


def preview(engine: Engine, who: Who, *, as_of: dt.date | None = None, full: bool = False) -> Ran:
    """What :func:`run` would post, line by line with its reasons; nothing is written."""
    with reading(engine) as connection:
        return preview_in(connection, who, as_of=as_of, full=full)


def preview_in(
    connection: Connection, who: Who, *, as_of: dt.date | None = None, full: bool = False, payee_id: str = ""
) -> Ran:
    """:func:`preview`, within a view of the store; of one payee everything that is missing, if one is named."""
    planned = _Planned.now(connection, who, as_of, full)
    if payee_id:
        planned = replace(planned, affected=Affected(_scope_of(connection, payee_id), None))
    ran = planned.ran()
    for found in planned.found(Keep.LINES):
        ran.drafts += (each for each in found.drafts if payee_id in ("", each.payee_id))
        ran.lines |= found.lines
        ran.findings |= found.findings
    ran.entries = len(ran.drafts)
    ran.customers = {each.customer_id: each.name for each in Known(connection).customers()}
    return ran


def drafted(
    connection: Connection,
    who: Who,
    *,
    as_of: dt.date | None = None,
    full: bool = False,
    progress: Calculated | None = None,
) -> tuple[Ran, Iterator[Draft]]:
    """What a run would post, as it comes out; nothing is written or kept. The run says what it found once the
    last was taken."""
    planned = _Planned.now(connection, who, as_of, full)
    ran = planned.ran()

    def drafts() -> Iterator[Draft]:
        people = people_in(connection) if planned.scope is None else len(planned.scope.payees)
        done = 0
        for found in planned.found(Keep.DRAFTS):
            ran.findings |= found.findings
            ran.entries += len(found.drafts)
            done = min(done + found.people, people)
            if progress:
                progress(done, people)
            yield from found.drafts

    return ran, drafts()


def run_in(
    connection: Connection,
    who: Who,
    *,
    as_of: dt.date | None = None,
    full: bool = False,
    workers: int = 1,
    progress: Progress | None = None,
) -> Ran:
    """:func:`run`, within a transaction that may do more."""
    planned = _Planned.now(connection, who, as_of, full)
    ran = planned.ran()
    act_id = record(connection, who, "run", month_name(ran.month.first), after={"as_of": ran.as_of})
    known_through = act_id - 1  # what was known before this act

    ran.run_id = next_id(connection, tables.Run)
    for found in planned.found(workers=workers):
        ran.findings |= found.findings
        ran.entries += post(connection, ran.run_id, ran.month.first, found.rows)
        if progress:
            progress(ran.entries)
    record_run(connection, ran.run_id, act_id, ran.month.first, ran.as_of, known_through, ran.scope, ran.entries)
    return ran


class Keep(Enum):
    """What is wanted of a difference: rows to be posted, drafts to look at, or drafts with their lines."""

    ROWS, DRAFTS, LINES = range(3)


@dataclass(frozen=True, slots=True)
class _Planned:
    """What a run is about to calculate."""

    connection: Connection
    rules: Rules
    month: Period
    as_of: dt.date
    affected: Affected | None

    @classmethod
    def now(cls, connection: Connection, who: Who, as_of: dt.date | None, full: bool) -> _Planned:
        rules = rules_in_force(connection)
        month = open_month(connection, rules)
        if month is None:
            raise Rejected([_nothing_yet(told("No invoice and no event is known yet."))])
        day = as_of or min(month.last, today(rules, who))
        if day > month.last:
            name = month_name(month.first)
            sentence = told("%(month)s is the oldest open month; %(day)s lies after it.", month=name, day=day)
            cure = told("Close %(month)s first, or run as of %(day)s.", month=name, day=month.last)
            raise Rejected([Problem("run", 0, "as-of", "beyond-open-month", sentence, cure)])
        scope = None if full else _scope(connection, month, day)
        return cls(connection, rules, month, day, scope)

    @property
    def scope(self) -> Scope | None:
        """Whom it calculates; ``None``: everybody."""
        return self.affected.scope if self.affected else None

    def ran(self) -> Ran:
        scope = "everybody" if self.scope is None else ", ".join((*self.scope.payees, *self.scope.teams))
        return Ran(self.month, self.as_of, scope)

    def found(self, keep: Keep = Keep.ROWS, workers: int = 1) -> Iterator[_Found]:
        """The difference, a chunk of payees at a time; adjustments at the end."""
        source = StoreSource(self.connection, self.rules)
        from_day = self.affected.from_day if self.affected else None
        work = Difference(source, source.team_plans(), from_day, keep)
        told_from = None if keep is Keep.LINES else from_day  # reasons name the earlier lines that they undo
        yield from over(
            source, self.rules.plans, self.as_of, work, self.scope, workers=workers, from_day=told_from
        )
        yield _Found.of(adjustment_drafts(self.connection, self.as_of), keep)


@dataclass(slots=True)
class _Found:
    """What was found, of how many people."""

    drafts: list[Draft] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    findings: set[Finding] = field(default_factory=set)
    lines: dict[Key, Line] = field(default_factory=dict)
    people: int = 0

    @classmethod
    def of(cls, drafts: Iterable[Draft], keep: Keep) -> _Found:
        return cls(rows=rows_of(drafts)) if keep is Keep.ROWS else cls(drafts=list(drafts))


@dataclass(frozen=True, slots=True)
class Difference:
    """What is missing in the ledger of a chunk; works wherever the chunk was calculated.

    ``from_day``: no line that was earned before it can differ, and none is compared.
    """

    source: StoreSource
    team_plans: frozenset[str]
    from_day: dt.date | None = None
    keep: Keep = Keep.ROWS
    upto_run: int | None = None

    def __call__(self, chunk: Chunk) -> _Found:
        """What is missing of a chunk."""
        lines, causes = chunk.lines, set[str]()
        if self.from_day is not None:
            lines = [line for line in lines if line.earned_on >= self.from_day]
            causes = {line.cause for line in lines}
        found = _Found.of(difference(lines, self.standing(chunk, causes), self.from_day), self.keep)
        found.findings, found.people = set(chunk.findings), len(chunk.payees)
        if self.keep is Keep.LINES:
            found.lines = {(e.payee_id, e.plan, e.component, e.kind, e.cause, e.currency): e for e in chunk.lines}
        return found

    def standing(self, chunk: Chunk, causes: Collection[str] = ()) -> dict[Key, list[Posted]]:
        """Of payees everything that was posted (by runs up to ``upto_run``); under the plans of teams only where
        they were calculated as members. With ``from_day``, what lines of these causes are compared with, and what
        may have none any more."""
        members, payees = frozenset(chunk.members), frozenset(chunk.payees)
        standing = self._posted(members & payees, causes)
        standing |= self._posted(payees - members, causes, without=True)
        standing |= self._posted(members - payees, causes, only=True)
        return standing

    def _posted(
        self, payees: Collection[str], causes: Collection[str], *, only: bool = False, without: bool = False
    ) -> dict[Key, list[Posted]]:
        if not payees or (only and not self.team_plans):
            return {}
        return posted(
            self.source.known.connection,
            payees,
            self.team_plans if only else None,
            self.team_plans if without else (),
            self.from_day,
            causes,
            self.upto_run,
        )


def rules_in_force(connection: Connection) -> Rules:
    """The approved rules, or :class:`Rejected`: without any, nothing can be calculated."""
    rules = Known(connection).rules()
    if rules is None:
        raise Rejected([_nothing_yet(told("The books are empty."))])
    return rules


def today(rules: Rules, who: Who) -> dt.date:
    """The day it is, in the company's time zone."""
    return who.at.astimezone(zoneinfo.ZoneInfo(rules.company.timezone)).date()


def _nothing_yet(sentence: Told) -> Problem:
    cure = told("Bring a dataset folder: incentives import FOLDER")
    return Problem("books", 0, "", "nothing-yet", sentence, cure)


def people_in(connection: Connection) -> int:
    """How many people can be paid."""
    asked = select(func.count()).select_from(tables.Payee).where(tables.Payee.known_until.is_(None))
    return int(connection.execute(asked).scalar_one())


def _scope_of(connection: Connection, payee_id: str) -> Scope:
    """What has to be calculated for what one payee is due: themselves, and the teams that they ever were in."""
    member = tables.Membership
    asked = select(member.team).where(member.payee_id == payee_id, member.known_until.is_(None)).distinct()
    return Scope((payee_id,), tuple(sorted(connection.execute(asked).scalars())))


def _scope(connection: Connection, month: Period, as_of: dt.date) -> Affected | None:
    """Whom the news since the last run can affect; everybody where the day itself moved on."""
    last = last_run(connection)
    if last is None or last.month != month.first or last.as_of != as_of:
        return None
    return affected(connection, last.known_through)
