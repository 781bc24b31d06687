"""What went wrong, where, and how to mend it.

A user's mistake is a value (:class:`Problem`), collected until all of them are known, and raised once as
:class:`Rejected`. Its sentences are :func:`told`: in English here, in the reader's language where they are shown.
A programmer's mistake is an assertion. Nothing here knows of HTTP or of files.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any


class Told(str):
    """An English text that knows how it was put together, so that it can be said in another language.

    To whoever does not care it is a string like any other. A value that is told itself is said in that language
    too; every other one (an id, a number, what stood in a file) is the same in all of them.
    """

    __slots__ = ("template", "values")

    template: str
    values: tuple[tuple[str, str], ...]

    def __new__(cls, template: str, /, **values: object) -> Told:
        """The template with its values, named as ``%(name)s``; without values it is taken as it is."""
        kept = {name: value if isinstance(value, Told) else str(value) for name, value in values.items()}
        made = super().__new__(cls, template % kept if kept else template)
        made.template, made.values = template, tuple(kept.items())
        return made

    def __reduce__(self) -> tuple[Any, ...]:
        return from_plain, (as_plain(self),)


def told(template: str, /, **values: object) -> Told:
    """A text of a mistake: write the template where it is told, and its translation in the catalog.

    >>> told("%(found)s is below 0.", found="-3.00")
    '-3.00 is below 0.'
    """
    return Told(template, **values) if values else _as_it_is(template)


@lru_cache(maxsize=1024)
def _as_it_is(template: str) -> Told:
    """Made once: a column of a million bad dates has the same cure a million times."""
    return Told(template)


NO_CURE = Told("")
"""Where the sentence says it all."""


def marked(text: str) -> str:
    """A text that a catalog translates, told or said elsewhere: extraction finds it by this name."""
    return text


def joined(between: str, texts: Iterable[str]) -> Told:
    """Texts one after the other; empty ones are left out."""
    parts = {f"part{at}": text for at, text in enumerate(filter(None, texts))}
    return Told(between.join(f"%({name})s" for name in parts), **parts)


def as_plain(text: str) -> Any:
    """A text as JSON keeps it: a told one with its template and its values."""
    if not isinstance(text, Told):
        return text
    return [text.template, {name: as_plain(value) for name, value in text.values}]


def from_plain(kept: Any) -> Told:
    """What :func:`as_plain` kept. What was kept as a mere text is that text in every language."""
    if isinstance(kept, str):
        return Told(kept)
    template, values = kept
    return Told(
        template, **{name: each if isinstance(each, str) else from_plain(each) for name, each in values.items()}
    )


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
    sentence: Told
    cure: Told = NO_CURE

    @property
    def said(self) -> Told:
        """What is wrong and how to mend it."""
        return joined(" ", (self.sentence, self.cure))

    @property
    def whole(self) -> Told:
        """The same after the place, the line and the path."""
        line = told("line %(number)s", number=self.line) if self.line else ""
        return joined(": ", (joined(", ", (self.place, line, self.path)), self.said))

    def __str__(self) -> str:
        return self.whole


class IncentivesError(Exception):
    """The root of every error that a user can mend."""


class Rejected(IncentivesError):
    """The input holds mistakes; nothing was applied. Carries all of them."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(problems))
        assert self.problems, "a rejection names at least one problem"
        super().__init__()

    def __str__(self) -> str:
        return "\n".join(map(str, self.problems))

    def __reduce__(self) -> tuple[type[Rejected], tuple[tuple[Problem, ...]]]:
        """From one process to another with its problems, not with their text alone."""
        return Rejected, (self.problems,)
