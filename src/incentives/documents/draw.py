"""A draw as a document (docs/rules.md section 9)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marshmallow import validates_schema

from incentives.documents.fields import (
    Amount,
    Document,
    Errors,
    Mistake,
    Month,
    Text,
    Texts,
    Word,
    YesNo,
    merged,
    not_negative,
    raise_all,
    reversed_mistake,
)
from incentives.errors import told
from incentives.rules.draw import Draw

_SIZE_KEY = {"top_up": "minimum", "additive": "amount"}


class DrawSchema(Document):
    """An advance on earnings. Its size is the ``minimum`` of a top-up, the ``amount`` of an additive draw."""

    name = Text(required=True)
    kind = Text()
    style = Word("top_up", "additive", required=True)
    recoverable = YesNo(required=True)
    minimum = Amount(check=not_negative)
    amount = Amount(check=not_negative)
    covers = Texts(least=1, required=True)
    from_month = Month()
    to_month = Month()

    @validates_schema(skip_on_field_errors=False, pass_original=True)
    def _fits_together(self, data: Mapping[str, Any], original: Any, **kwargs: Any) -> None:
        errors: Errors = {}
        if isinstance(original, Mapping) and "style" in data:
            errors = _size_mistakes(data["style"], original)
        raise_all(merged(errors, reversed_mistake(data.get("from_month"), data.get("to_month"), "to_month")))


def _size_mistakes(style: str, original: Mapping[str, Any]) -> Errors:
    wanted = _SIZE_KEY[style]
    other = "amount" if wanted == "minimum" else "minimum"
    if other in original:
        sentence = told('A draw of style "%(style)s" takes no %(key)s.', style=style, key=other)
        return {other: [Mistake("does-not-fit", sentence, told("Write %(key)s instead.", key=wanted))]}
    if wanted not in original:
        sentence = told('A draw of style "%(style)s" has no %(key)s.', style=style, key=wanted)
        return {wanted: [Mistake("missing-key", sentence, told("Write an amount, such as 1234.50."))]}
    return {}


def draw(read: Mapping[str, Any]) -> Draw:
    """The component that a valid document describes."""
    parts = dict(read)
    parts["amount_minor"] = parts.pop(_SIZE_KEY[read["style"]])
    parts["covers"] = tuple(read["covers"])
    return Draw(**parts)
