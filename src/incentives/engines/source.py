"""What a run over many payees needs from whoever holds the facts."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Protocol

from incentives.calculation.chunks import Scope, Wanted
from incentives.facts import Assignment, Facts, Membership, Surroundings


class Source(Protocol):
    """A holder of facts. Pickled into worker processes: what cannot travel (a connection) is opened there anew.

    Everything it answers is as of one moment: nothing is added between the first answer and the last.
    """

    def everything(self) -> Scope:
        """Every payee; every team that a membership, an invoice or an assignment names; and the invoices
        that credit nobody and are in no team's portfolio."""
        ...

    def team_plans(self) -> frozenset[str]:
        """The plans that are assigned to any team on any day."""
        ...

    def assignments(self, plans: Collection[str]) -> Sequence[Assignment]:
        """Every assignment of these plans, to payees and to teams."""
        ...

    def memberships(self) -> Sequence[Membership]:
        """Who is in which team: asked for only where a team's lines are due."""
        ...

    def part(self, wanted: Wanted) -> tuple[Facts, Surroundings]:
        """The facts that :class:`Wanted` describes, and what surrounds them.

        More than that does no harm, in any order. Surroundings for the customers and event ids of the part
        are enough; the first invoice of all is asked of teams only.
        """
        ...
