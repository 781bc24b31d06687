"""The explanation that every number carries (docs/rules.md section 13).

A calculation keeps, beside each amount, the very records it was made from (:class:`Why`). Asked for, they
become a tree of steps: a code that says which rule spoke, the values it looked at, and what it
contributed. Words and languages are the reader's business (``papers``); the arithmetic is not repeated.
"""

from __future__ import annotations

import datetime as dt
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from incentives.calculation.lines import Line

Value = str | int | dt.date | None


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a reason.

    ``exact`` is what the step contributes, in 10^-12 of a minor unit, or ``None`` for a step that only
    tells a fact. The exact amounts of a node's steps sum to the node's own.
    """

    code: str
    values: Mapping[str, Value] = field(default_factory=dict)
    exact: int | None = None
    steps: tuple[Step, ...] = ()


class Why(ABC):
    """What a line was made from; becomes steps only when somebody asks."""

    __slots__ = ()

    @abstractmethod
    def step(self, line: Line, /) -> Step:
        """The tree whose exact amount, rounded, is the line's."""

    def head(self, line: Line, /) -> Step:
        """The root of that tree alone: what happened, not how its amount came about."""
        return replace(self.step(line), steps=())


def total(step: Step) -> int:
    """The sum of the contributions at the leaves of a tree, in 10^-12 of a minor unit."""
    if not any(child.exact is not None for child in step.steps):
        return step.exact or 0
    return sum(total(child) for child in step.steps)
