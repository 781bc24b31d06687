"""Who is credited with a movement (docs/rules.md section 5)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Protocol

from incentives.calculation.position import Movement
from incentives.facts import Credit
from incentives.money import PPM, held


class ReportsTo(Protocol):
    """Says whether somebody reported to a manager, directly or through others, on a day."""

    def __call__(self, payee_id: str, day: dt.date, /) -> bool:
        """Whether they did."""
        ...


Credited = tuple[Movement, int, int]
"""What one movement brings to one payee, over all their credits on the invoice; and how much of that is
uncredited: the part of an upward movement that moves the pile but earns nothing (money of people who did not
report to the manager that day, or of a role that the version in force does not list). Plain, because there are
millions."""

Share = tuple[Credit, int, int]
"""A credit, with the running shares of its role before it and up to it (ppm)."""


def listed(credits: Sequence[Credit], roles: tuple[str, ...]) -> tuple[Credit, ...]:
    """The credits of the roles that a component lists (none listed: all), in listed order."""
    return tuple(credit for credit in credits if not roles or credit.role in roles)


def shares(credits: Sequence[Credit], roles: tuple[str, ...]) -> list[Share]:
    """The credits of the roles that a component lists, cascaded: shares of one role run on from one to the
    next in listed order, so that shares that sum to 1 lose no cent."""
    running: dict[str, int] = {}
    found = []
    for credit in credits:
        role = credit.role
        if not roles or role in roles:
            before_ppm = running.get(role, 0)
            running[role] = upto_ppm = before_ppm + credit.share_ppm
            found.append((credit, before_ppm, upto_ppm))
    return found


def sizes(positions: Sequence[int], share: Share) -> list[int]:
    """What each movement brings to a credit: its share of the position after it, less the same before.

    ``positions`` are those after one movement after the other; before the first it is 0.
    """
    _, before_ppm, upto_ppm = share
    column = positions if upto_ppm - before_ppm == PPM else held(positions, before_ppm, upto_ppm)
    return [now - then for now, then in zip(column, [0, *column], strict=False)]


def together(positions: Sequence[int], shares: Sequence[Share]) -> list[int]:
    """What each movement brings to some credits together."""
    columns = [sizes(positions, share) for share in shares]
    return columns[0] if len(columns) == 1 else [sum(row) for row in zip(*columns, strict=True)]


def of_payee(payee_id: str, shares: Sequence[Share]) -> list[Share]:
    """A payee's own."""
    return [share for share in shares if share[0].payee_id == payee_id]


def own(payee_id: str, movements: Sequence[Movement], shares: Sequence[Share]) -> list[Credited]:
    """The movements of a payee's own credits."""
    mine = of_payee(payee_id, shares)
    if not mine:
        return []
    amounts = together([movement.after for movement in movements], mine)
    return [(movement, each, 0) for movement, each in zip(movements, amounts, strict=True) if each]


def team(
    people: frozenset[str],
    reports: ReportsTo,
    movements: Sequence[Movement],
    shares: Sequence[Share],
) -> list[Credited]:
    """The movements of the credits of people who report to a manager on some day.

    What moves up for those who do not report on the day of the movement is uncredited.
    """
    positions = [movement.after for movement in movements]
    theirs = [(share[0].payee_id, sizes(positions, share)) for share in shares if share[0].payee_id in people]
    found: list[Credited] = []
    for at, movement in enumerate(movements):
        amount = sum(column[at] for _, column in theirs)
        away = sum(column[at] for payee_id, column in theirs if not reports(payee_id, movement.on))
        if amount:
            found.append((movement, amount, max(0, min(away, amount))))
    return found
