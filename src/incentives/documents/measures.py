"""Metrics in plan documents: scales and gates (docs/rules.md section 10)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args

from marshmallow import validates_schema

from incentives.documents import written
from incentives.documents.fields import (
    Days,
    Document,
    Errors,
    Fraction,
    Mistake,
    Rows,
    Table,
    Word,
    not_negative,
    raise_all,
    rising,
)
from incentives.errors import marked, told
from incentives.rules.measures import Gate, Measure, MetricName, Scale, ScaleStep

METRICS: tuple[str, ...] = get_args(MetricName)


class MeasureSchema(Document):
    """What scales and gates have in common: which metric, of which customers."""

    metric = Word(*METRICS, code="unknown-metric", sentence=marked("%(found)s is not a metric."), required=True)
    customers = Word("all", "new")
    by = Word("value", "count")
    new_for_days = Days()

    @validates_schema(skip_on_field_errors=False)
    def _by_count_is_for_on_time(self, data: Mapping[str, Any], **kwargs: Any) -> None:
        if data.get("by") == "count" and data.get("metric", "on_time_rate") != "on_time_rate":
            sentence = told("The metric %(metric)s cannot be counted by invoices.", metric=data["metric"])
            cure = told("Leave `by` out, or measure on_time_rate.")
            raise_all({"by": [Mistake("does-not-fit", sentence, cure)]})


class ScaleStepSchema(Document):
    """A factor from a value of the metric on."""

    from_ppm = Fraction(data_key="from", required=True)
    factor_ppm = Fraction(data_key="factor", required=True, check=not_negative)


class ScaleSchema(MeasureSchema):
    """A factor by a metric."""

    steps = Rows(Table(ScaleStepSchema), least=1, required=True)

    @validates_schema(skip_on_field_errors=False)
    def _steps_rise(self, data: Mapping[str, Any], **kwargs: Any) -> None:
        raise_all({"steps": rising(data.get("steps") or (), "from_ppm", written.decimal, "step")})


class GateSchema(MeasureSchema):
    """A limit that a metric must keep."""

    at_least_ppm = Fraction(data_key="at_least")
    at_most_ppm = Fraction(data_key="at_most")

    @validates_schema(skip_on_field_errors=False, pass_original=True)
    def _has_a_limit(self, data: Mapping[str, Any], original: Any, **kwargs: Any) -> None:
        errors: Errors = {}
        if isinstance(original, Mapping) and not {"at_least", "at_most"} & set(original):
            cure = told("Write at_least, at_most or both.")
            errors["_schema"] = [Mistake("no-limit", told("The gate has no limit."), cure)]
        least, most = data.get("at_least_ppm"), data.get("at_most_ppm")
        if least is not None and most is not None and least > most:
            sentence = told(
                "No value is at least %(least)s and at most %(most)s.",
                least=written.decimal(least),
                most=written.decimal(most),
            )
            errors["at_most"] = [Mistake("does-not-fit", sentence, told("Let at_most be the larger one."))]
        raise_all(errors)


def scale(read: Mapping[str, Any]) -> Scale:
    """The scale that a valid document describes."""
    return Scale(_measure(read), tuple(ScaleStep(**step) for step in read["steps"]))


def gate(read: Mapping[str, Any]) -> Gate:
    """The gate that a valid document describes."""
    return Gate(_measure(read), read.get("at_least_ppm"), read.get("at_most_ppm"))


def _measure(read: Mapping[str, Any]) -> Measure:
    own = ("metric", "customers", "by", "new_for_days")
    return Measure(**{key: read[key] for key in own if key in read})
