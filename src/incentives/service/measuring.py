"""The shared metrics of a team, quarter by quarter, for whoever is measured by them (docs/rules.md section 10)."""

from __future__ import annotations

import datetime as dt

from sqlalchemy import Connection, select

from incentives.calculation.book import Book
from incentives.calculation.chunks import Wanted
from incentives.calculation.earned import Calculation
from incentives.calculation.lines import MetricValue
from incentives.service.access import SEE_ALL_CUSTOMERS, NotThere, Viewer
from incentives.service.runs import rules_in_force
from incentives.store import tables
from incentives.store.source import StoreSource


def teams(connection: Connection, viewer: Viewer) -> list[str]:
    """The teams whose metrics somebody sees: finance, credit and auditors all; others those that they, or who
    reports to them, are or were in."""
    member = tables.Membership
    asked = select(member.team).where(member.known_until.is_(None)).distinct().order_by(member.team)
    if not viewer.has(*SEE_ALL_CUSTOMERS):
        asked = asked.where(member.payee_id.in_(viewer.payees() or frozenset()))
    return list(connection.execute(asked).scalars())


def metrics(connection: Connection, viewer: Viewer, team: str, as_of: dt.date) -> list[MetricValue]:
    """The nine metrics of every quarter of a team that ended by a day, for all customers and for new ones.

    Raises :class:`NotThere` for a team that the viewer does not see.
    """
    if team not in teams(connection, viewer):
        raise NotThere(team)
    rules = rules_in_force(connection)
    facts, around = StoreSource(connection, rules).part(Wanted(teams=(team,)))
    calculation = Calculation(Book(facts, rules.plans, as_of, around))
    return list(calculation.metrics.quarters((team,)))
