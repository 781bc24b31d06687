"""The pile that remembers what money earned (docs/rules.md section 8).

Each upward movement leaves segments; a downward movement takes from them: those of the named payment first,
then the newest first. What was taken can come back into the very same segments.
"""

from __future__ import annotations

import bisect
import datetime as dt
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from incentives.facts import Event, EventRef
from incentives.money import rounded


@dataclass(slots=True)
class Segment:
    """Money that moved up at once, in one tier; ``size``, ``plan_minor`` and ``commission`` are what is left.

    ``size`` is in minor units of the invoice's currency, ``plan_minor`` of the plan's; ``commission`` is
    exact (10^-12 minor).
    """

    on: dt.date
    event: Event | None
    cause: str
    size: int
    plan_minor: int
    commission: int
    uncredited: bool = False


Money = TypeVar("Money", bound=Segment)
"""A segment with what a component remembers of its money beside the size: factors, lateness, …"""


@dataclass(slots=True)
class Part(Generic[Money]):
    """A part of a segment that a downward movement took out of it."""

    segment: Money
    size: int
    plan_minor: int
    commission: int
    """The proportional commission that left the segment with it, exact."""


@dataclass(slots=True)
class Pile(Generic[Money]):
    """The segments of one payee on one invoice, oldest first."""

    segments: list[Money] = field(default_factory=list)

    def add(self, segment: Money) -> None:
        """Put a new segment on top; uncredited money goes after all others of its day (section 5)."""
        segments = self.segments
        if segments and segments[-1].uncredited and not segment.uncredited and segments[-1].on == segment.on:
            day = segment.on
            at = bisect.bisect_left(
                segments, (day, True), key=lambda each: (each.on, each.on == day and each.uncredited)
            )
            segments.insert(at, segment)
        else:
            segments.append(segment)

    def take(self, amount: int, named: EventRef | None) -> Iterator[Part[Money]]:
        """Take an amount out, part by part: the named payment's segments first, then the newest first."""
        newest_first = self.segments[::-1]
        if named is not None:
            newest_first.sort(key=lambda segment: segment.event is None or segment.event.ref != named)
        for segment in newest_first:
            if segment.size:
                size = min(segment.size, amount)
                amount -= size
                yield _cut(segment, size)
                if not amount:
                    break
        assert not amount, "a pile holds all the money that moved up"

    def newest_first(self, parts: Iterable[Part[Money]]) -> list[Part[Money]]:
        """Parts that were taken, by the age of their segments."""
        rank = {id(segment): at for at, segment in enumerate(self.segments)}
        return sorted(parts, key=lambda part: -rank[id(part.segment)])


def _cut(segment: Money, size: int) -> Part[Money]:
    """A part always carries its proportion out; the last part takes the rest."""
    if size == segment.size:
        part = Part(segment, size, segment.plan_minor, segment.commission)
    else:
        part = Part(
            segment,
            size,
            rounded(segment.plan_minor * size, segment.size),
            rounded(segment.commission * size, segment.size),
        )
    segment.size -= size
    segment.plan_minor -= part.plan_minor
    segment.commission -= part.commission
    return part


def give_back(part: Part[Money], size: int) -> int:
    """Put some of a part back into its segment: returns the plan amount that goes with it, the last the rest.

    The commission is the caller's to restore: only it knows how much of it was taken.
    """
    plan_minor = part.plan_minor if size == part.size else rounded(part.plan_minor * size, part.size)
    part.size -= size
    part.plan_minor -= plan_minor
    part.segment.size += size
    part.segment.plan_minor += plan_minor
    return plan_minor
