"""A bonus for reaching a target as a document (docs/rules.md section 9)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args

from marshmallow import validates_schema

from incentives.calendar import Unit
from incentives.documents import written
from incentives.documents.fields import (
    Amount,
    Days,
    Document,
    Fraction,
    Rows,
    Strict,
    Table,
    Text,
    Texts,
    Word,
    loaded,
    not_negative,
    positive,
    raise_all,
    rising,
)
from incentives.documents.measures import GateSchema, gate
from incentives.errors import marked, told
from incentives.rules.target_bonus import Curve, Point, TargetBonus


class AmountPointSchema(Document):
    """At this share of the target, this amount."""

    at_ppm = Fraction(data_key="at", required=True, check=not_negative)
    pays = Amount(required=True, check=not_negative)


class SharePointSchema(Document):
    """At this share of the target, this share of ``at_target``."""

    at_ppm = Fraction(data_key="at", required=True, check=not_negative)
    pays = Fraction(required=True, check=not_negative)


class AmountCurveSchema(Document):
    """Steps or lines between amounts."""

    shape = Word("steps", "lines", required=True)
    points = Rows(Table(AmountPointSchema), least=1, required=True)

    @validates_schema(skip_on_field_errors=False)
    def _points_rise(self, data: Mapping[str, Any], **kwargs: Any) -> None:
        raise_all({"points": rising(data.get("points") or (), "at_ppm", written.decimal, "point", "at")})


class ShareCurveSchema(AmountCurveSchema):
    """Steps or lines between shares of ``at_target``."""

    points = Rows(Table(SharePointSchema), least=1, required=True)


class CurveField(Strict):
    """A curve; whether ``pays`` is an amount or a share says ``at_target`` beside it."""

    wrong = marked("%(found)s is not a table.")
    cure = told('Write curve = { shape = "steps", points = [ … ] }.')

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        in_shares = isinstance(data, Mapping) and "at_target" in data
        return loaded(ShareCurveSchema if in_shares else AmountCurveSchema, value)


class TargetBonusSchema(Document):
    """An amount for reaching a target."""

    name = Text(required=True)
    kind = Text()
    per = Word(*get_args(Unit), required=True)
    roles = Texts()
    at_target_minor = Amount(data_key="at_target", check=positive)
    curve = CurveField(required=True)
    gates = Rows(Table(GateSchema))
    hold_days = Days()


def target_bonus(read: Mapping[str, Any]) -> TargetBonus:
    """The component that a valid document describes."""
    parts = dict(read)
    points = tuple(Point(**point) for point in read["curve"]["points"])
    parts["curve"] = Curve(read["curve"]["shape"], points)
    parts["roles"] = tuple(read.get("roles", ()))
    parts["gates"] = tuple(gate(each) for each in read.get("gates", ()))
    return TargetBonus(**parts)
