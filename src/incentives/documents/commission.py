"""A commission component as a document (docs/rules.md sections 4 to 9)."""

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
    Errors,
    Fraction,
    Fractions,
    Mistake,
    Rows,
    Table,
    Text,
    Texts,
    Variant,
    Word,
    YesNo,
    amount_shown,
    merged,
    not_above_one,
    not_negative,
    points_of_a_rate,
    positive_share,
    raise_all,
    rising,
)
from incentives.errors import marked, told
from incentives.money import PPM
from incentives.rules.commission import (
    Attribute,
    Base,
    Cap,
    Clawback,
    Commission,
    DayCount,
    DayMultiplier,
    EarnsOn,
    Multiplier,
    Step,
    TakeBackCause,
    Tier,
    ValueMultiplier,
    Window,
)

_CLOSED_LISTS = {"credit_approval": written.CREDIT_APPROVALS, "security": written.SECURITIES}


class TierSchema(Document):
    """A rate from an amount on."""

    from_ = Amount(data_key="from", required=True, check=not_negative)
    rate_ppm = Fraction(data_key="rate", required=True, check=not_above_one)


class TargetTierSchema(Document):
    """A rate from a share of the target on."""

    from_ = Fraction(data_key="from", required=True, check=not_negative)
    rate_ppm = Fraction(data_key="rate", required=True, check=not_above_one)


class Tiers(Rows):
    """Tiers; whether their ``from`` is an amount or a share says ``measure`` beside them."""

    def __init__(self, **options: Any) -> None:
        super().__init__(Table(TierSchema), least=1, **options)

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        on_target = isinstance(data, Mapping) and data.get("measure") == "target"
        self.inner = Table(TargetTierSchema if on_target else TierSchema)
        return super()._deserialize(value, attr, data, **kwargs)


class StepSchema(Document):
    """A factor, rate points, or both, from a count of days on."""

    from_days = Days(data_key="from", required=True)
    factor_ppm = Fraction(data_key="factor", check=not_negative)
    add_ppm = Fraction(data_key="add", check=points_of_a_rate)

    @validates_schema(skip_on_field_errors=False, pass_original=True)
    def _does_something(self, data: Mapping[str, Any], original: Any, **kwargs: Any) -> None:
        if isinstance(original, Mapping) and not {"factor", "add"} & set(original):
            sentence = told("The step has neither factor nor add.")
            cure = told("Write factor = 1 where nothing changes.")
            raise_all({"factor": [Mistake("missing-key", sentence, cure)]})


class DayMultiplierSchema(Document):
    """A factor by a count of days."""

    by = Word(*get_args(DayCount), required=True)
    steps = Rows(Table(StepSchema), least=1, required=True)
    pause_while_disputed = YesNo()
    forgive_if_warned = YesNo()

    @validates_schema(skip_on_field_errors=False)
    def _steps_rise(self, data: Mapping[str, Any], **kwargs: Any) -> None:
        errors: Errors = {"steps": rising(data.get("steps") or (), "from_days", str, "step")}
        for key in ("pause_while_disputed", "forgive_if_warned"):
            if data.get(key) and data.get("by") != "days_late":
                sentence = told("%(key)s changes nothing by %(by)s.", key=key, by=data.get("by"))
                cure = told('Leave it out, or use by = "days_late".')
                errors[key] = [Mistake("does-not-fit", sentence, cure)]
        raise_all(errors)


class ValueMultiplierSchema(Document):
    """A factor by something known of the customer or of the lines."""

    by = Word(*get_args(Attribute), required=True)
    values = Fractions(each=not_negative, required=True)
    else_ppm = Fraction(data_key="else", check=not_negative)

    @validates_schema(skip_on_field_errors=False, pass_original=True)
    def _values_exist(self, data: Mapping[str, Any], original: Any, **kwargs: Any) -> None:
        known = _CLOSED_LISTS.get(data.get("by", ""), ())
        given = original.get("values") if isinstance(original, Mapping) else None
        errors: Errors = {}
        for value in given if known and isinstance(given, Mapping) else ():
            try:
                sentence = marked("%(found)s is not a value of %(by)s.")
                written.one_of(value, known, "unknown-word", sentence, by=data["by"])
            except written.Unreadable as error:
                errors[value] = [Mistake(error.code, error.sentence, error.cure)]
        raise_all({"values": errors})


class ClawbackSchema(Document):
    """What happens when money goes back."""

    basis = Word("original", "recalculate")
    window_days = Days()
    share_ppm = Fractions(*get_args(TakeBackCause), each=not_above_one, data_key="share")
    company_fault = Word("keep", "take_back")
    attainment = Word("reduce", "keep")


class CapSchema(Document):
    """At most this much in a window."""

    per = Word(*get_args(Unit), required=True)
    amount_minor = Amount(data_key="amount", required=True, check=not_negative)
    excess = Word("forfeit", "defer")


class CommissionSchema(Document):
    """A commission along a curve."""

    name = Text(required=True)
    kind = Text()
    roles = Texts()
    credits = Word("own", "team")
    base = Word(*get_args(Base))
    categories = Texts()
    earns_on = Word(*get_args(EarnsOn))
    release_at_ppm = Fraction(data_key="release_at", check=positive_share)
    suspend_after_days = Days()
    accumulates_over = Word(*get_args(Window))
    tiers_apply = Word("marginal", "whole_amount")
    measure = Word("amount", "target")
    tiers = Tiers(required=True)
    hold_days = Days()
    after_leaving_days = Days()
    multipliers = Rows(
        Variant(
            "by",
            marked("%(found)s is not something a factor can depend on."),
            dict.fromkeys(get_args(DayCount), DayMultiplierSchema)
            | dict.fromkeys(get_args(Attribute), ValueMultiplierSchema),
        )
    )
    clawback = Table(ClawbackSchema)
    cap = Table(CapSchema)

    @validates_schema(skip_on_field_errors=False)
    def _fits_together(self, data: Mapping[str, Any], **kwargs: Any) -> None:
        raise_all(merged({"tiers": _tier_mistakes(data)}, _misfits(data)))


def _tier_mistakes(data: Mapping[str, Any]) -> Errors:
    """Section 7: tiers start at 0, rise, have no holes."""
    tiers = data.get("tiers") or ()
    text = written.decimal if data.get("measure") == "target" else amount_shown
    errors = rising(tiers, "from_", text, "tier")
    first = (tiers[0] or {}).get("from_") if tiers else None
    if first:
        sentence = told("The first tier begins at %(first)s; below it there is a hole.", first=text(first))
        cure = told("Begin the first tier at 0; where nothing is earned, its rate is 0.")
        errors[0] = {"from": [Mistake("hole", sentence, cure)]}
    return errors


def _misfits(data: Mapping[str, Any]) -> Errors:
    """Keys that mean something only beside another value."""
    errors: Errors = {}
    if data.get("measure") == "target" and data.get("accumulates_over", "invoice") == "invoice":
        sentence = told("An invoice has no target, and the component accumulates over the invoice.")
        cure = told("Choose accumulates_over month, quarter, fiscal_year or ever, or measure amounts.")
        errors["measure"] = [Mistake("does-not-fit", sentence, cure)]
    return errors


def commission(read: Mapping[str, Any]) -> Commission:
    """The component that a valid document describes."""
    parts = dict(read)
    parts["tiers"] = tuple(Tier(**tier) for tier in read["tiers"])
    for key in ("roles", "categories"):
        parts[key] = tuple(read.get(key, ()))
    parts["multipliers"] = tuple(_multiplier(each) for each in read.get("multipliers", ()))
    if "clawback" in read:
        parts["clawback"] = Clawback(**read["clawback"])
    if "cap" in read:
        parts["cap"] = Cap(**read["cap"])
    return Commission(**parts)


def _multiplier(read: Mapping[str, Any]) -> Multiplier:
    parts = dict(read)
    if "steps" in read:
        parts["steps"] = tuple(Step(**{"factor_ppm": PPM, **step}) for step in read["steps"])
        return DayMultiplier(**parts)
    parts["factors_ppm"] = parts.pop("values")
    return ValueMultiplier(**parts)
