"""Explanations in plain English: one sentence per kind of step (calculation.md section 13).

The steps come from the calculation with codes and values; here they only get words. Nothing is
calculated, and an amount is never rounded a second time.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from typing import Any

from incentives.calculation.explanation import Step
from incentives.money import EXPONENTS, PPM, major

Names = Callable[[str], str]
"""The name of a customer, by id."""

_HAPPENED = {
    "payment": "{customer} paid {event_amount} of invoice {invoice} on {on}",
    "refund": "{customer} got {event_amount} of invoice {invoice} back on {on}",
    "payment_reversed": "a payment of {event_amount} on invoice {invoice} was returned on {on}",
    "chargeback": "{customer}'s card scheme took {event_amount} of invoice {invoice} back on {on}",
    "chargeback_reversed": "the chargeback of {event_amount} on invoice {invoice} was won on {on}",
    "credit_note": "invoice {invoice} of {customer} was credited by {event_amount} on {on}",
    "discount": "{customer} got a discount of {event_amount} on invoice {invoice} on {on}",
    "write_off": "invoice {invoice} of {customer} was written off on {on}",
    "invoice": "invoice {invoice} of {customer} was issued on {on}",
    "contract": "the contract of invoice {invoice} with {customer} was signed on {on}",
    "suspend": "invoice {invoice} of {customer} was still open on {on}, too long after its due date",
}
_ROOTS = {
    "earning": "earned because {happened}.",
    "restoration": "given back because {happened}.",
    "clawback": "taken back because {happened}.",
    "suspension": "suspended because {happened}; it comes back with the cash.",
    "spiff": "extra for invoice {invoice} of {customer}: its conditions held from {on}.",
    "spiff_lost": "taken back: the conditions of the extra for invoice {invoice} of {customer} ended on {on}.",
    "cap": "because of the cap of {cap_amount} from {from} to {to}.",
    "deferred": "brought over into the window from {from} to {to}: it was above the cap of the one before.",
    "shared_bonus": "of the {component} bonus that {team} shares for {from} to {to}.",
    "target_bonus": "{component} bonus for {from} to {to}.",
    "draw": "draw for {from} to {to} ({component}).",
    "draw_recovery": "of the draw recovered for {from} to {to} ({component}).",
    "together": "from more than one team.",
    "payout": "paid for {month}.",
}
_STEPS = {
    "position": "Of the invoice, {before_amount} counted before and {after_amount} counts now.",
    "share": "Your share of that movement{by_share} is {moved_amount}.",
    "converted": "Converted on that day it is {into_amount}.",
    "attainment": "Your total in {window} goes from {before_amount} to {after_amount}.",
    "factor": "{by} is {looked_at}: x {factor}{added}.",
    "piece": "{part_amount} at {rate}{added} x {m} = {exact}.",
    "whole_amount": (
        "Everything in {window} counts at the rate reached: {rate_before} of {before_amount} before, "
        "{rate} of {after_amount} now: {exact}."
    ),
    "taken": "{size_amount} of the money of {on} ({cause}) went back, which had earned {had_earned}: {exact}.",
    "given_back": "{size_amount} of the money of {on} ({cause}) came back: {exact}.",
    "rounding": "Rounded as a running total, from {before_exact} to {after_exact}: {exact}.",
    "payable": "Payable on {on}.",
    "spiff_conditions": "Asked: {asked}.",
    "spiff_position": "The extra stood at {before_amount} and stands at {after_amount}.",
    "spiff_share": "Your share of that movement is {moved_amount}.",
    "cap_before": "Before: {sum_amount} in the window, {over_amount} above the cap.",
    "cap_after": "Now: {sum_amount} in the window, {over_amount} above the cap.",
    "pool_cash": "{collected_amount} collected{in_time}, at {rate}: {before_factor_amount}.",
    "pool_amount": "The pool is {before_factor_amount}.",
    "pool_scale": "{metric} ({customers} customers) is {value}: x {factor}.",
    "pool": "The team shares {pool_amount}.",
    "gate": "Gate {holds}: {metric} ({customers} customers) is {value}, limit {limit}.",
    "pool_part": (
        "{role} gets {role_share}: {role_amount}; among {members} by {within_role} your weight is "
        "{weight} of {weights}: {part_amount}."
    ),
    "attained": "{collected_amount} collected of a target of {target_amount}.",
    "target_curve": "The curve ({shape}) pays {amount}.",
    "draw_pay": "With a draw of {draw_amount} and a debt of {debt_amount}, {pay_amount} is paid.",
    "draw_earned": "{earned_amount} of that is what you earned in the month.",
    "draw_debt": "The debt of the draw is now {debt_amount}.",
    "payable_lines": "{count} lines are payable in the month.",
    "positive": "Earned, less caps: {amount}.",
    "negative": "Taken back: {amount}.",
    "brought_forward": "Debt brought forward: {amount}.",
    "recovered": "Recovered (at most {cap} of what was earned): {amount}.",
    "carried_forward": "Carried forward to the next month: {amount}.",
}


def sentence(step: Step, names: Names) -> str:
    """One step in words; the root of a line begins with its amount."""
    values = _spoken(step, names)
    if step.code in _ROOTS:
        happened = _HAPPENED.get(str(step.values.get("event")), "").format_map(values)
        reason = f" ({step.values['reason']})" if step.values.get("reason") else ""
        return f"{values['amount']} " + _ROOTS[step.code].format_map(values | {"happened": happened + reason})
    return _STEPS[step.code].format_map(values)


def told(step: Step, names: Names, indent: str = "") -> Iterator[str]:
    """A tree as lines of text: the sentence, its steps numbered, the rule it came from."""
    yield indent + sentence(step, names)
    for number, child in enumerate(step.steps, 1):
        first, *rest = told(child, names, "")
        yield f"{indent}  {number}. {first}"
        yield from (f"{indent}     {line}" for line in rest)
    rule = _rule(step)
    if rule:
        yield f"{indent}  {rule}"


def as_json(step: Step, names: Names) -> dict[str, Any]:
    """The same tree as an object: code, words, values, contribution in minor units, steps."""
    found: dict[str, Any] = {"code": step.code, "says": sentence(step, names)}
    found["values"] = {key: _plain(value) for key, value in step.values.items() if value not in (None, "")}
    if step.exact is not None:
        found["contributes_minor"] = _decimal(step.exact, 12).replace(",", "")
    if step.steps:
        found["steps"] = [as_json(child, names) for child in step.steps]
    return found


def _rule(step: Step) -> str:
    """Which plan, version and paragraph of the plan letter spoke."""
    version, plan = step.values.get("version"), step.values.get("plan")
    if not isinstance(version, dt.date):
        return ""
    reference = step.values.get("reference")
    return f"{plan}, version of {day_name(version)}" + (f"; {reference}." if reference else ".")


def _spoken(step: Step, names: Names) -> dict[str, str]:
    """Every value as it is said: amounts with their currency, rates in percent, days written out."""
    values = step.values
    currency = str(values.get("currency") or "")
    spoken: dict[str, str] = {}
    for key, value in values.items():
        if key.endswith("_minor") and isinstance(value, int):
            of = str(values.get("event_currency")) if key == "event_minor" else currency
            spoken[f"{key[:-6]}_amount"] = amount(value, of)
        elif key.endswith("_ppm"):
            is_factor = key in ("factor_ppm", "m_ppm", "value_ppm")
            spoken[key[:-4]] = _ratio(value, is_factor)
        elif isinstance(value, dt.date):
            spoken[key] = day_name(value)
        else:
            spoken[key] = "" if value is None else str(value).replace("_", " ")
    spoken["amount"] = spoken.get("amount_amount", "")
    for word in ("customer", "invoice", "cause", "looked_at", "team", "component", "role"):
        if word in values:
            spoken[word] = str(values[word])
    spoken["customer"] = names(str(values.get("customer") or "")) or "the customer"
    _add_composed(step, spoken, currency)
    return spoken


def _add_composed(step: Step, spoken: dict[str, str], currency: str) -> None:
    """Values that only make sense together."""
    values = step.values
    earned_in = str(values.get("earned_in") or currency)
    if step.exact is not None:
        spoken["exact"] = exact_amount(step.exact, earned_in)
    spoken.setdefault("event_amount", "")
    spoken["added"] = _points(values.get("add_ppm"))
    if "window" in values:
        spoken["window"] = _window(values["window"])
    if step.code == "factor":
        numerator, denominator = values["numerator"], values["denominator"]
        assert isinstance(numerator, int) and isinstance(denominator, int)
        spoken["factor"] = (
            _ratio(numerator, True) if denominator == PPM else f"{numerator}/{denominator} (average by net)"
        )
    elif step.code == "rounding":
        for word in ("before", "after"):
            value = values[word]
            assert isinstance(value, int)
            spoken[f"{word}_exact"] = exact_amount(value, currency)
    elif step.code == "gate":
        spoken["holds"] = "holds" if values["holds"] == "yes" else "does not hold"
        limits = (("at least", spoken["at_least"]), ("at most", spoken["at_most"]))
        spoken["limit"] = " and ".join(f"{word} {limit}" for word, limit in limits if limit != "undefined")
    elif step.code == "pool_cash":
        within = values.get("on_time_within_days")
        spoken["in_time"] = "" if within is None else f" at most {within} days after the due date"
    elif step.code == "spiff_conditions":
        asked = ((key, value) for key, value in spoken.items() if key in _ASKED and value)
        spoken["asked"] = ", ".join(f"{_ASKED[key]} {value}" for key, value in asked) or "only that it is owed"
    elif step.code == "share":
        role = f" as {spoken['role']}" if values["role"] else ""
        spoken["by_share"] = role + (f" ({spoken['share']})" if values["share_ppm"] is not None else "")
    elif step.code == "taken":
        proportional = values["proportional"]
        assert isinstance(proportional, int)
        spoken["had_earned"] = exact_amount(proportional, earned_in)


_ASKED = {
    "paid_in_full_within_days": "days to pay in full",
    "new_customer": "a new customer:",
    "categories": "categories",
    "minimum_amount": "a net of at least",
    "from": "issued from",
    "to": "issued to",
}


def amount(amount_minor: int, currency: str) -> str:
    """An amount with its currency, thousands apart and a true minus sign."""
    digits = major(abs(amount_minor), currency)
    whole, point, decimals = digits.partition(".")
    sign = "\N{MINUS SIGN}" if amount_minor < 0 else ""
    return f"{currency} {sign}{int(whole):,}{point}{decimals}"


def exact_amount(exact: int, currency: str) -> str:
    """An exact total (10^-12 of a minor unit) with its currency, every decimal that is not 0."""
    decimals = EXPONENTS.get(currency, 2)
    return f"{currency} {_decimal(exact, 12 + decimals, decimals)}".replace("-", "\N{MINUS SIGN}").strip()


def _decimal(scaled: int, decimals: int, at_least: int = 0) -> str:
    digits = str(abs(scaled)).rjust(decimals + 1, "0")
    whole, fraction = digits[:-decimals], digits[-decimals:].rstrip("0").ljust(at_least, "0")
    return ("-" if scaled < 0 else "") + f"{int(whole):,}" + (f".{fraction}" if fraction else "")


def _ratio(value: object, is_factor: bool) -> str:
    if not isinstance(value, int):
        return "undefined"
    return _decimal(value, 6) if is_factor else f"{_decimal(value, 4)} %"


def _points(add_ppm: object) -> str:
    if not isinstance(add_ppm, int) or not add_ppm:
        return ""
    return f" {'plus' if add_ppm > 0 else 'less'} {_decimal(abs(add_ppm), 4)} points"


def _window(window: object) -> str:
    if isinstance(window, dt.date):
        return f"the window from {day_name(window)}"
    return f"invoice {window}" if window else "all time"


def day_name(day: dt.date) -> str:
    """A day as it is said: 3 March 2026."""
    return f"{day.day} {day:%B %Y}"


def metric_value(value_ppm: int | None) -> str:
    """A metric or a factor as a decimal, or that it is undefined."""
    return _ratio(value_ppm, True)


def _plain(value: object) -> str | int:
    return value if isinstance(value, int) else str(value)
