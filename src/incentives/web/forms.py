"""Forms: what was typed is read by a schema, and kept when it is wrong, with the mistake beside its field."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from flask import request
from marshmallow import EXCLUDE, Schema, ValidationError

from incentives.errors import Problem
from incentives.web.here import speak


def is_fragment() -> bool:
    """Whether the answer goes into a page that is already there."""
    return request.headers.get("HX-Request") == "true" and not request.headers.get("HX-Boosted")


class Form:
    """A form as it was typed. ``errors`` has sentences by field; those of no field are under ""."""

    def __init__(self, **typed: Any) -> None:
        self.typed: dict[str, Any] = typed
        self.errors: dict[str, list[str]] = {}

    @classmethod
    def sent(cls) -> Form:
        """What this request sends; a field that is sent several times is a list."""
        lists = request.form.to_dict(flat=False)
        return cls(**{name: values[0] if len(values) == 1 else values for name, values in lists.items()})

    def read(self, schema: Schema) -> dict[str, Any] | None:
        """What a schema makes of it; ``None`` where there are mistakes, which are kept."""
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
            field = each.path if each.path in self.typed else ""
            self.errors.setdefault(field, []).append(speak().told(each.said))

    def __getitem__(self, name: str) -> Any:
        return self.typed.get(name, "")


def _sentences(messages: Any) -> list[str]:
    if isinstance(messages, dict):
        return [sentence for each in messages.values() for sentence in _sentences(each)]
    return [str(each) for each in messages] if isinstance(messages, list) else [str(messages)]
