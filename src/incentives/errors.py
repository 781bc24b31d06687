"""What went wrong, where, and how to mend it.

A user's mistake is a value (:class:`Problem`), collected until all of them are known, and raised once as
:class:`Rejected`. A programmer's mistake is an assertion. Nothing here knows of HTTP or of files.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One mistake of a user.

    ``place`` is the file or document; ``line`` counts from 1 (0: the whole file); ``path`` is a column or
    the path inside a document (``versions[0].components[1].tiers[2].from``).
    """

    place: str
    line: int
    path: str
    code: str
    sentence: str
    cure: str = ""

    def __str__(self) -> str:
        where = self.place
        if self.line:
            where += f", line {self.line}"
        if self.path:
            where += f", {self.path}"
        return f"{where}: {self.sentence}" + (f" {self.cure}" if self.cure else "")


class IncentivesError(Exception):
    """The root of every error that a user can mend."""


class Rejected(IncentivesError):
    """The input holds mistakes; nothing was applied. Carries all of them."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(problems))
        assert self.problems, "a rejection names at least one problem"
        super().__init__("\n".join(str(problem) for problem in self.problems))

    def __reduce__(self) -> tuple[type[Rejected], tuple[tuple[Problem, ...]]]:
        """From one process to another with its problems, not with their text alone."""
        return Rejected, (self.problems,)
