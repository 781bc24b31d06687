"""A spiff as a document (docs/rules.md section 9)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marshmallow import validates_schema

from incentives.documents.fields import (
    Amount,
    Day,
    Days,
    Document,
    Table,
    Text,
    Texts,
    YesNo,
    not_negative,
    positive,
    raise_if_reversed,
)
from incentives.rules.spiff import Spiff


class WhenSchema(Document):
    """Conditions of a spiff; what is absent asks nothing."""

    paid_in_full_within_days = Days()
    new_customer = YesNo()
    categories = Texts()
    minimum_minor = Amount(data_key="minimum", check=not_negative)


class BetweenSchema(Document):
    """The days on which the invoice may be issued, both ends inside; an absent end is open."""

    from_ = Day(data_key="from")
    to = Day()

    @validates_schema(skip_on_field_errors=False)
    def _in_order(self, data: Mapping[str, Any], **kwargs: Any) -> None:
        raise_if_reversed(data.get("from_"), data.get("to"), "to")


class SpiffSchema(Document):
    """A fixed amount for an invoice."""

    name = Text(required=True)
    kind = Text()
    roles = Texts()
    hold_days = Days()
    amount_minor = Amount(data_key="amount", required=True, check=positive)
    when = Table(WhenSchema)
    between = Table(BetweenSchema)


def spiff(read: Mapping[str, Any]) -> Spiff:
    """The component that a valid document describes."""
    parts = dict(read)
    when = dict(parts.pop("when", {}))
    when["categories"] = tuple(when.get("categories", ()))
    between = parts.pop("between", {})
    parts["roles"] = tuple(read.get("roles", ()))
    return Spiff(**parts, **when, **between)
