"""Who is credited with a movement (docs/rules.md section 5)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from incentives.calculation.position import Movement
from incentives.facts import Credit
from incentives.money import PPM, cascade


class ReportsTo(Protocol):
    """Says whether somebody reported to a manager, directly or through others, on a day."""

    def __call__(self, payee_id: str, day: dt.date, /) -> bool:
        """Whether they did."""
        ...


@dataclass(slots=True)
class Credited:
    """What one movement brings to one payee, over all their credits on the invoice.

    ``uncredited`` is the part of an upward movement that moves the pile but earns nothing: money of people
    who did not report to the manager that day, or of a role that the version in force does not list.
    """

    movement: Movement
    amount: int
    uncredited: int = 0


def listed(credits: Sequence[Credit], roles: tuple[str, ...]) -> tuple[Credit, ...]:
    """The credits of the roles that a component lists (none listed: all), in listed order."""
    return tuple(credit for credit in credits if not roles or credit.role in roles)


def per_credit(movements: Sequence[Movement], credits: Sequence[Credit]) -> list[list[int]]:
    """For each credit, what each movement brings to it: its share of the position after, less before.

    Shares are cascaded along the credits of one role in listed order, so shares that sum to 1 lose no cent.
    """
    lanes: dict[str, list[int]] = {}
    for index, credit in enumerate(credits):
        lanes.setdefault(credit.role, []).append(index)
    found: list[list[int]] = [[]] * len(credits)
    for lane in lanes.values():
        if len(lane) == 1 and credits[lane[0]].share_ppm == PPM:
            found[lane[0]] = [movement.after - movement.before for movement in movements]
            continue
        positions = [movement.after for movement in movements]
        held = cascade(positions, [credits[index].share_ppm for index in lane])
        for index, column in zip(lane, held, strict=True):
            found[index] = [now - then for now, then in zip(column, [0, *column], strict=False)]
    return found


def own(
    payee_id: str, movements: Sequence[Movement], credits: Sequence[Credit], sizes: Sequence[Sequence[int]]
) -> list[Credited]:
    """The movements of a payee's own credits."""
    mine = [column for credit, column in zip(credits, sizes, strict=True) if credit.payee_id == payee_id]
    if not mine:
        return []
    if len(mine) == 1:
        amounts: Sequence[int] = mine[0]
    else:
        amounts = [sum(row) for row in zip(*mine, strict=True)]
    return [Credited(movement, each) for movement, each in zip(movements, amounts, strict=True) if each]


def team(
    people: frozenset[str],
    reports: ReportsTo,
    movements: Sequence[Movement],
    credits: Sequence[Credit],
    sizes: Sequence[Sequence[int]],
) -> list[Credited]:
    """The movements of the credits of people who report to a manager on some day.

    What moves up for those who do not report on the day of the movement is uncredited.
    """
    theirs = [
        (credit.payee_id, column)
        for credit, column in zip(credits, sizes, strict=True)
        if credit.payee_id in people
    ]
    found = []
    for at, movement in enumerate(movements):
        amount = sum(column[at] for _, column in theirs)
        away = sum(column[at] for payee_id, column in theirs if not reports(payee_id, movement.on))
        if amount:
            found.append(Credited(movement, amount, max(0, min(away, amount))))
    return found
