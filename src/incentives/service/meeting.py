"""What sales and credit look at together: a team's quarter, cut to what somebody may see."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, replace

from sqlalchemy import Connection, func, select

from incentives.calculation.book import Book
from incentives.calculation.chunks import Wanted
from incentives.calculation.earned import Calculation
from incentives.calendar import Period, period_of, periods
from incentives.engines.inprocess import collector_paused
from incentives.ledger.together import TeamPool, TeamQuarter, Told, team_quarter
from incentives.papers import meeting
from incentives.service.access import SEE_ALL_CUSTOMERS, NotThere, Viewer
from incentives.service.kept import Kept, is_little
from incentives.service.runs import rules_in_force
from incentives.store import tables
from incentives.store.facts_out import Known
from incentives.store.source import StoreSource

_kept: Kept[TeamQuarter] = Kept()


@dataclass(frozen=True, slots=True)
class Choice:
    """What somebody may look at: their teams in a quarter, and the quarters there are, newest first."""

    teams: tuple[str, ...]
    team: str
    quarters: tuple[Period, ...]
    quarter: Period
    fiscal_year_starts: int

    @property
    def is_nothing(self) -> bool:
        """No team of theirs, so that there is nothing to look at."""
        return not self.team


@dataclass(frozen=True, slots=True)
class Seen:
    """A team's quarter as somebody may see it. ``names`` are of the people that may be named to them,
    ``invoices`` and ``customers`` those that they may open."""

    view: TeamQuarter
    names: Mapping[str, str]
    invoices: frozenset[str]
    customers: frozenset[str]
    company: str
    my_minor: Mapping[str, int]
    """The viewer's own part of the pools, by currency."""


def choose(
    connection: Connection, viewer: Viewer, today: dt.date, team: str = "", quarter: dt.date | None = None
) -> Choice:
    """The team and quarter that are asked for, or those that are nearest: one's first team, the quarter of today.

    Whoever was in a team on a day of a quarter sees it; a manager also the teams of their reports; finance and
    auditors choose among all. Raises :class:`NotThere` for any other.
    """
    company = rules_in_force(connection).company
    starts = company.fiscal_year_starts
    first_day = connection.execute(select(func.min(tables.Invoice.issued_on))).scalar() or today
    now = period_of(today, "quarter", starts)
    ended = [each for each in periods(min(first_day, today), today, "quarter", starts) if each != now]
    known = (now, *reversed(ended))
    chosen = now if quarter is None else next((each for each in known if each.first == quarter), None)
    if chosen is None:
        raise NotThere(str(quarter))
    teams = _teams(connection, viewer, chosen)
    if team and team not in teams:
        raise NotThere(team)
    return Choice(teams, team or next(iter(teams), ""), known, chosen, starts)


def _teams(connection: Connection, viewer: Viewer, quarter: Period) -> tuple[str, ...]:
    known, mine = Known(connection), viewer.payees()
    memberships = [
        each
        for each in known.memberships()
        if each.starts_on <= quarter.last and (each.ends_on is None or each.ends_on >= quarter.first)
    ]
    if mine is None:
        named = {each.team for each in memberships}
        asked = select(tables.Assignment.team).where(tables.Assignment.known_until.is_(None)).distinct()
        named |= set(connection.execute(asked).scalars())
        asked = select(tables.Invoice.team).where(tables.Invoice.known_until.is_(None)).distinct()
        named |= set(connection.execute(asked).scalars())
        return tuple(sorted(named - {""}))
    return tuple(sorted({each.team for each in memberships if each.payee_id in mine}))


def is_quick(connection: Connection, choice: Choice, today: dt.date) -> bool:
    """Whether it is shown at once: it was calculated before, or there is little to calculate."""
    return is_little(connection) or _kept.has(connection, _key(choice, today))


def _key(choice: Choice, today: dt.date) -> tuple[str, dt.date]:
    return choice.team, min(today, choice.quarter.last)


def together(connection: Connection, viewer: Viewer, choice: Choice, today: dt.date) -> Seen:
    """The quarter, with one's own part of the pool and nobody else's whose pay one does not see."""
    rules = rules_in_force(connection)
    as_of = min(today, choice.quarter.last)

    def calculate() -> TeamQuarter:
        with collector_paused():
            facts, around = StoreSource(connection, rules).part(Wanted(teams=(choice.team,)))
            calculation = Calculation(Book(facts, rules.plans, as_of, around))
            return team_quarter(calculation, choice.team, choice.quarter)

    view = _kept.get(connection, _key(choice, today), calculate)
    names = _names(connection, viewer)
    invoices, customers = _reachable(viewer, view)
    mine: dict[str, int] = {}
    for pool in view.pools:
        for role in pool.roles:
            if viewer.payee_id in role.parts_minor:
                part = role.parts_minor[viewer.payee_id]
                mine[pool.currency] = mine.get(pool.currency, 0) + part
    cut = replace(view, pools=tuple(_cut(each, viewer) for each in view.pools))
    return Seen(cut, names, invoices, customers, rules.company.name, mine)


def pack(connection: Connection, viewer: Viewer, choice: Choice, today: dt.date) -> bytes:
    """The pack for the meeting as PDF. Nobody's pay is in it, not even the viewer's: it is shown to everybody."""
    seen = together(connection, viewer, choice, today)
    nobody = tuple(_without_parts(each) for each in seen.view.pools)
    says = meeting.told(replace(seen.view, pools=nobody), viewer.language, seen.names, choice.fiscal_year_starts)
    return meeting.pack_pdf(says, seen.company)


def _cut(pool: TeamPool, viewer: Viewer) -> TeamPool:
    """The parts of those whose pay the viewer sees."""
    return replace(
        pool,
        roles=tuple(
            replace(
                role,
                parts_minor={who: part for who, part in role.parts_minor.items() if viewer.sees_pay_of(who)},
            )
            for role in pool.roles
        ),
    )


def _without_parts(pool: TeamPool) -> TeamPool:
    return replace(pool, roles=tuple(replace(role, parts_minor={}) for role in pool.roles))


def _names(connection: Connection, viewer: Viewer) -> dict[str, str]:
    """The people who may be named: whoever looks at every customer is told whose customer it is; others know
    themselves and who reports to them."""
    mine = None if viewer.has(*SEE_ALL_CUSTOMERS) else viewer.payees()
    return {
        each.payee_id: each.name for each in Known(connection).payees() if mine is None or each.payee_id in mine
    }


def _reachable(viewer: Viewer, view: TeamQuarter) -> tuple[frozenset[str], frozenset[str]]:
    """The invoices and customers of a view that the viewer may open."""
    rows: tuple[Told, ...] = (*view.overdue, *view.warnings, *view.disputes, *view.wins)
    mine = None if viewer.has(*SEE_ALL_CUSTOMERS) else viewer.payees()
    opens = [each for each in rows if mine is None or not mine.isdisjoint(each.payees)]
    return frozenset(each.invoice_id for each in opens), frozenset(each.customer_id for each in opens)
