"""A shared bonus as a document (docs/rules.md section 9)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args

from marshmallow import validates_schema

from incentives.documents import written
from incentives.documents.fields import (
    Amount,
    Days,
    Document,
    Fraction,
    Fractions,
    Mistake,
    Rows,
    Table,
    Text,
    Texts,
    Word,
    not_above_one,
    not_negative,
    raise_all,
)
from incentives.documents.measures import GateSchema, ScaleSchema, gate, scale
from incentives.errors import told
from incentives.money import PPM
from incentives.rules.commission import Base
from incentives.rules.shared_bonus import Pool, SharedBonus


class PoolSchema(Document):
    """A rate on the base collected, or an amount."""

    rate_ppm = Fraction(data_key="rate", check=not_above_one)
    amount_minor = Amount(data_key="amount", check=not_negative)
    on_time_within_days = Days()

    @validates_schema(skip_on_field_errors=False, pass_original=True)
    def _rate_or_amount(self, data: Mapping[str, Any], original: Any, **kwargs: Any) -> None:
        given = {"rate", "amount"} & set(original) if isinstance(original, Mapping) else {"rate"}
        if len(given) != 1:
            both, neither = told("The pool has both a rate and an amount."), told("The pool has no size.")
            cure = told("Write either rate or amount.")
            raise_all({"_schema": [Mistake("rate-or-amount", both if given else neither, cure)]})


class SharedBonusSchema(Document):
    """A pool that roles of a team share."""

    name = Text(required=True)
    kind = Text()
    per = Word("month", "quarter", required=True)
    pool = Table(PoolSchema, required=True)
    shares_ppm = Fractions(data_key="shares", each=not_above_one, required=True)
    within_role = Word("equal", "by_credited_cash", "by_days")
    scale = Table(ScaleSchema)
    gates = Rows(Table(GateSchema))
    base = Word(*get_args(Base))
    categories = Texts()
    hold_days = Days()

    @validates_schema(skip_on_field_errors=False)
    def _shares_make_one(self, data: Mapping[str, Any], **kwargs: Any) -> None:
        if "shares_ppm" not in data:
            return
        whole = sum(data["shares_ppm"].values())
        if whole != PPM:
            sentence = told("The shares sum to %(sum)s.", sum=written.decimal(whole))
            raise_all({"shares": [Mistake("not-one", sentence, told("Let them sum to exactly 1."))]})


def shared_bonus(read: Mapping[str, Any]) -> SharedBonus:
    """The component that a valid document describes."""
    parts = dict(read)
    parts["pool"] = Pool(**read["pool"])
    if "scale" in read:
        parts["scale"] = scale(read["scale"])
    parts["gates"] = tuple(gate(each) for each in read.get("gates", ()))
    parts["categories"] = tuple(read.get("categories", ()))
    return SharedBonus(**parts)
