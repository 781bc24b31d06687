"""Explanations in plain English: one sentence per kind of step (docs/rules.md section 13).

The steps come from the calculation with codes and values; here they only get words. Nothing is
calculated, and an amount is never rounded a second time.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from incentives.calculation.explanation import Step, Value
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
    "position": "Of the invoice{base_of}, {before_amount} counted before and {after_amount} counts now.",
    "share": "Your share of that movement{by_share} is {moved_amount}.",
    "converted": "At that day's rate of {fx_rate} it is {into_amount}.",
    "attainment": "Your total {window} goes from {before_amount} to {after_amount}.",
    "factor": "{by}: {looked_at}{uncounted}, so × {factor}{added}.",
    "piece": "{part_amount} at {rate}{added} × {m} = {exact}.",
    "whole_amount": (
        "Everything {window} counts at the rate reached: {rate_before} of {before_amount} before, "
        "{rate} of {after_amount} now: {exact}."
    ),
    "taken": "{size_amount} of the money of {on} ({cause}) went back, which had earned {had_earned}: {exact}.",
    "given_back": "{size_amount} of the money of {on} ({cause}) came back: {exact}.",
    "rounding": "Rounded as a running total, from {before_exact} to {after_exact}: {exact}.",
    "payable": "Payable on {on}.",
    "spiff_conditions": "It is paid for an invoice {asked}.",
    "spiff_position": "The extra stood at {before_amount} and stands at {after_amount}.",
    "spiff_share": "Your share of that movement is {moved_amount}.",
    "cap_before": "Before: {sum_amount} in the window, {over_amount} above the cap.",
    "cap_after": "Now: {sum_amount} in the window, {over_amount} above the cap.",
    "pool_cash": "{collected_amount} collected{in_time}, at {rate}: {before_factor_amount}.",
    "pool_amount": "The pool is {before_factor_amount}.",
    "pool_scale": "{metric} ({customers} customers) is {value}, so × {factor}.",
    "pool": "The team shares {pool_amount}.",
    "gate": "Gate {holds}: {metric} ({customers} customers) is {value}, limit {limit}.",
    "pool_part": ("{role} gets {role_share} of it, {role_amount}; {among}: {part_amount}."),
    "attained": "{collected_amount} collected of a target of {target_amount}.",
    "target_curve": "The curve ({shape}) pays {amount}.",
    "draw_pay": "With a draw of {draw_amount} and a debt of {debt_amount}, {pay_amount} is paid.",
    "draw_earned": "{earned_amount} of that is what you earned in the month.",
    "draw_debt": "The debt of the draw is now {debt_amount}.",
    "payable_lines": "{lines} payable in the month.",
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
            spoken[key[:-4]] = _ratio(value, key in ("factor_ppm", "m_ppm", "fx_rate_ppm"))
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
    compose = _COMPOSED.get(step.code)
    if compose is not None:
        spoken.update(compose(values, spoken, earned_in))


Values = Mapping[str, Value]
Spoken = dict[str, str]


def _whole(values: Values, key: str) -> int:
    value = values[key]
    assert isinstance(value, int)
    return value


def _of_factor(values: Values, spoken: Spoken, currency: str) -> Spoken:
    numerator, denominator = _whole(values, "numerator"), _whole(values, "denominator")
    whole = denominator == PPM
    looked_at, raw_days = values["looked_at"], values.get("raw_days")
    uncounted = ""
    if values["by"] == "days_late" and isinstance(raw_days, int) and isinstance(looked_at, int):
        left_out = max(0, raw_days) - looked_at
        uncounted = f" of {raw_days}; the others fell into a dispute or are forgiven" if left_out else ""
    return {
        "by": spoken["by"].capitalize(),
        "uncounted": uncounted,
        "factor": _ratio(numerator, True) if whole else f"{numerator}/{denominator} (average by net)",
    }


def _of_rounding(values: Values, spoken: Spoken, currency: str) -> Spoken:
    return {f"{word}_exact": exact_amount(_whole(values, word), currency) for word in ("before", "after")}


def _of_gate(values: Values, spoken: Spoken, currency: str) -> Spoken:
    metric = str(values["metric"])
    words = (("at least", "at_least_ppm"), ("at most", "at_most_ppm"))
    limits = [f"{word} {metric_value(metric, values[key])}" for word, key in words if values[key] is not None]
    return {
        "holds": "holds" if values["holds"] == "yes" else "does not hold",
        "value": metric_value(metric, values["value_ppm"]),
        "limit": " and ".join(limits),
    }


def _of_scale(values: Values, spoken: Spoken, currency: str) -> Spoken:
    return {"value": metric_value(str(values["metric"]), values["value_ppm"])}


def _of_pool_cash(values: Values, spoken: Spoken, currency: str) -> Spoken:
    within = values.get("on_time_within_days")
    if within is None:
        return {"in_time": ""}
    return {"in_time": " by the due date" if within == 0 else f" at most {within} days after the due date"}


def _of_pool_part(values: Values, spoken: Spoken, currency: str) -> Spoken:
    weight, weights = _whole(values, "weight"), _whole(values, "weights")
    members = _counted(_whole(values, "members"), "member")
    if values["within_role"] == "by_credited_cash" and weights != values["members"]:
        return {"among": f"your credited cash is {amount(weight, currency)} of {amount(weights, currency)}"}
    if values["within_role"] == "by_days":
        return {"among": f"your days are {weight} of {weights}"}
    return {"among": f"shared equally by {members}"}


def _of_conditions(values: Values, spoken: Spoken, currency: str) -> Spoken:
    asked = [sentence.format_map(spoken) for key, sentence in _ASKED.items() if spoken.get(key)]
    return {"asked": ", ".join(asked) or "as long as something is owed"}


def _of_position(values: Values, spoken: Spoken, currency: str) -> Spoken:
    if "worth_minor" not in values or values["worth_minor"] == values["gross_minor"]:
        return {"base_of": ""}
    of = "margin" if values["base"] == "margin" else "net that earns"
    return {"base_of": f" ({spoken['worth_amount']} {of} in a total of {spoken['gross_amount']})"}


def _of_share(values: Values, spoken: Spoken, currency: str) -> Spoken:
    role = f" as {values['role']}" if values["role"] else ""
    return {"by_share": role + (f" ({spoken['share']})" if values["share_ppm"] is not None else "")}


def _of_taken(values: Values, spoken: Spoken, currency: str) -> Spoken:
    return {"had_earned": exact_amount(_whole(values, "proportional"), currency)}


def _of_lines(values: Values, spoken: Spoken, currency: str) -> Spoken:
    count = _whole(values, "count")
    return {"lines": f"{_counted(count, 'line')} {'is' if count == 1 else 'are'}"}


def _counted(count: int, word: str) -> str:
    return f"{count:,} {word}" + ("" if count == 1 else "s")


_COMPOSED: dict[str, Callable[[Values, Spoken, str], Spoken]] = {
    "factor": _of_factor,
    "rounding": _of_rounding,
    "gate": _of_gate,
    "pool_scale": _of_scale,
    "pool_cash": _of_pool_cash,
    "pool_part": _of_pool_part,
    "spiff_conditions": _of_conditions,
    "position": _of_position,
    "share": _of_share,
    "taken": _of_taken,
    "payable_lines": _of_lines,
}


_ASKED = {
    "paid_in_full_within_days": "paid in full within {paid_in_full_within_days} days",
    "new_customer": "of a new customer",
    "categories": "with a line of {categories}",
    "minimum_amount": "of at least {minimum_amount} net",
    "from": "issued from {from}",
    "to": "issued up to {to}",
}


def amount(amount_minor: int, currency: str) -> str:
    """An amount with its currency, thousands apart and a true minus sign."""
    digits = major(abs(amount_minor), currency)
    whole, point, decimals = digits.partition(".")
    sign = "\N{MINUS SIGN}" if amount_minor < 0 else ""
    return f"{currency} {sign}{int(whole):,}{point}{decimals}"


def grouped(amount_minor: int, currency: str) -> str:
    """An amount without its currency, for a column that names it."""
    return amount(amount_minor, currency).partition(" ")[2]


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
        return f"in the window from {day_name(window)}"
    return f"on invoice {window}" if window else "of all time"


def day_name(day: dt.date) -> str:
    """A day as it is said: 3 March 2026."""
    return f"{day.day} {day:%B %Y}"


def metric_value(metric: str, value_ppm: object) -> str:
    """A metric as it is read: shares in percent, days and indexes as they are; or that it is undefined."""
    if not isinstance(value_ppm, int):
        return "undefined"
    decimals, unit = (4, " %") if metric in _SHARES else (6, "")
    return _decimal(value_ppm, decimals).replace("-", "\N{MINUS SIGN}") + unit


_SHARES = frozenset({"on_time_rate", "overdue_ratio", "bad_debt_ratio", "low_risk_growth"})


def _plain(value: object) -> str | int:
    return value if isinstance(value, int) else str(value)
