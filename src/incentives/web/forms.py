"""Forms: what was typed is read by a schema, and kept when it is wrong, with the mistake beside its field.

How much may be typed into a field is said here for all of them: reading one that holds more is a mistake.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from flask import request
from marshmallow import EXCLUDE, Schema, ValidationError

from incentives.errors import Problem, Rejected, told
from incentives.web.here import speak

MANY = frozenset({"kinds", "number", "roles", "scopes"})
ROWS = ("@name", "@number")
"""Fields that a form sends once for each of several things, and how those end that a plan's form sends once for
each row of a table; they are lists. Any other is sent once."""

LONGEST = 2_000
LONGEST_IN = {"name": 200, "token_name": 200, "email": 320, "document": 1_000_000}
"""How many characters a field takes: a reason, a question, and what is named here."""


def is_fragment() -> bool:
    """Whether the answer goes into a page that is already there."""
    return request.headers.get("HX-Request") == "true" and not request.headers.get("HX-Boosted")


class Form:
    """A form as it was typed.

    Reading a field that holds too much, or was sent twice, raises :class:`Rejected` until the mistakes have been
    looked at: nothing is done with it, and the page that shows them shows it.
    """

    def __init__(self, **typed: Any) -> None:
        self.typed: dict[str, Any] = typed
        self._errors: dict[str, list[str]] = {}
        self._unseen: list[Problem] = []

    @property
    def errors(self) -> dict[str, list[str]]:
        """Sentences by field; those of no field are under ""."""
        self._unseen = []
        return self._errors

    @classmethod
    def sent(cls) -> Form:
        """What this request sends."""
        lists = request.form.to_dict(flat=False)
        form = cls(**{name: values if _is_list(name) else values[0] for name, values in lists.items()})
        found = [*_too_long(lists), *_too_often(lists)]
        form.refuse(found)
        form._unseen = found
        return form

    def read(self, schema: Schema) -> dict[str, Any] | None:
        """What a schema makes of it; ``None`` where there are mistakes, which are kept."""
        if self._unseen:
            return None
        try:
            loaded: dict[str, Any] = schema.load(self.typed, unknown=EXCLUDE)
        except ValidationError as error:
            assert isinstance(error.messages, dict)
            for name, messages in error.messages.items():
                self.errors.setdefault(name, []).extend(_sentences(messages))
            return None
        return loaded

    def refuse(self, problems: Iterable[Problem]) -> None:
        """Keep mistakes that the service found, each at its field."""
        for each in problems:
            said = self.errors.setdefault(each.path if each.path in self.typed else "", [])
            sentence = speak().told(each.said)
            if sentence not in said:
                said.append(sentence)

    def __getitem__(self, name: str) -> Any:
        if any(each.path == name for each in self._unseen):
            raise Rejected(self._unseen)
        return self.typed.get(name, "")


def _is_list(name: str) -> bool:
    return name in MANY or name.endswith(ROWS)


def _too_long(lists: Mapping[str, Sequence[str]]) -> Iterator[Problem]:
    for name, values in lists.items():
        number, most = max(map(len, values)), LONGEST_IN.get(name, LONGEST)
        if number > most:
            sizes = {"number": speak().integer(number), "most": speak().integer(most)}
            sentence = told("There are %(number)s characters; at most %(most)s are taken.", **sizes)
            yield Problem("form", 0, name, "too-long", sentence)


def _too_often(lists: Mapping[str, Sequence[str]]) -> Iterator[Problem]:
    for name, values in lists.items():
        if len(values) > 1 and not _is_list(name):
            sentence = told("It was sent %(number)s times.", number=speak().integer(len(values)))
            yield Problem("form", 0, name, "twice", sentence, told("Send it once."))


def _sentences(messages: Any) -> list[str]:
    if isinstance(messages, dict):
        return [sentence for each in messages.values() for sentence in _sentences(each)]
    return [str(each) for each in messages] if isinstance(messages, list) else [str(messages)]
