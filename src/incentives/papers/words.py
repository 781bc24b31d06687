"""Explanations in words: one sentence per kind of step (docs/rules.md section 13).

The steps come from the calculation with codes and values; here they only get words, in a reader's own language or
in the plain English of a shell. Nothing is calculated, and an amount is never rounded a second time.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from incentives.calculation.explanation import Step, Value
from incentives.money import EXPONENTS, PPM, major
from incentives.papers.languages import marked

Names = Callable[[str], str]
"""The name of a customer, by id."""


class Voice(Protocol):
    """Who says it: how a language writes texts, money, shares and days.
    :class:`~incentives.papers.languages.Speaker` is one."""

    def say(self, text: str, /, **values: object) -> str:
        """A text with its values filled in."""
        ...

    def count(self, one: str, many: str, number: int) -> str:
        """A text that depends on a number."""
        ...

    def money(self, amount_minor: int, currency: str) -> str:
        """An amount with its currency."""
        ...

    def exact_money(self, exact: int, currency: str) -> str:
        """An exact total (10^-12 of a minor unit) with its currency, every decimal that is not 0."""
        ...

    def share(self, ppm: int) -> str:
        """Millionths in percent."""
        ...

    def factor(self, ppm: int) -> str:
        """Millionths as a plain number."""
        ...

    def day(self, day: dt.date) -> str:
        """A day, written out."""
        ...

    def month(self, day: dt.date) -> str:
        """A month."""
        ...


_HAPPENED = {
    "payment": marked("%(customer)s paid %(event_amount)s of invoice %(invoice)s on %(on)s"),
    "refund": marked("%(customer)s got %(event_amount)s of invoice %(invoice)s back on %(on)s"),
    "payment_reversed": marked("a payment of %(event_amount)s on invoice %(invoice)s was returned on %(on)s"),
    "chargeback": marked("%(customer)s's card scheme took %(event_amount)s of invoice %(invoice)s back on %(on)s"),
    "chargeback_reversed": marked("the chargeback of %(event_amount)s on invoice %(invoice)s was won on %(on)s"),
    "credit_note": marked("invoice %(invoice)s of %(customer)s was credited by %(event_amount)s on %(on)s"),
    "discount": marked("%(customer)s got a discount of %(event_amount)s on invoice %(invoice)s on %(on)s"),
    "write_off": marked("invoice %(invoice)s of %(customer)s was written off on %(on)s"),
    "invoice": marked("invoice %(invoice)s of %(customer)s was issued on %(on)s"),
    "contract": marked("the contract of invoice %(invoice)s with %(customer)s was signed on %(on)s"),
    "suspend": marked("invoice %(invoice)s of %(customer)s was still open on %(on)s, too long after its due date"),
}
_ROOTS = {
    "earning": marked("earned because %(happened)s."),
    "restoration": marked("given back because %(happened)s."),
    "clawback": marked("taken back because %(happened)s."),
    "suspension": marked("suspended because %(happened)s; it comes back with the cash."),
    "spiff": marked("extra for invoice %(invoice)s of %(customer)s: its conditions held from %(on)s."),
    "spiff_lost": marked(
        "taken back: the conditions of the extra for invoice %(invoice)s of %(customer)s ended on %(on)s."
    ),
    "cap": marked("because of the cap of %(cap_amount)s from %(from)s to %(to)s."),
    "deferred": marked(
        "brought over into the window from %(from)s to %(to)s: it was above the cap of the one before."
    ),
    "shared_bonus": marked("of the %(component)s bonus that %(team)s shares for %(from)s to %(to)s."),
    "target_bonus": marked("%(component)s bonus for %(from)s to %(to)s."),
    "draw": marked("draw for %(from)s to %(to)s (%(component)s)."),
    "draw_recovery": marked("of the draw recovered for %(from)s to %(to)s (%(component)s)."),
    "together": marked("from more than one team."),
    "payout": marked("paid for %(month)s."),
}
_STEPS = {
    "position": marked(
        "Of the invoice%(base_of)s, %(before_amount)s counted before and %(after_amount)s counts now."
    ),
    "share": marked("Your share of that movement%(by_share)s is %(moved_amount)s."),
    "converted": marked("At that day's rate of %(fx_rate)s it is %(into_amount)s."),
    "attainment": marked("Your total %(window)s goes from %(before_amount)s to %(after_amount)s."),
    "factor": marked("%(by)s: %(looked_at)s%(uncounted)s, so × %(factor)s%(added)s."),
    "piece": marked("%(part_amount)s at %(rate)s%(added)s × %(m)s = %(exact)s."),
    "whole_amount": marked(
        "Everything %(window)s counts at the rate reached: %(rate_before)s of %(before_amount)s before, "
        "%(rate)s of %(after_amount)s now: %(exact)s."
    ),
    "taken": marked(
        "%(size_amount)s of the money of %(on)s (%(cause)s) went back, which had earned %(had_earned)s: %(exact)s."
    ),
    "given_back": marked("%(size_amount)s of the money of %(on)s (%(cause)s) came back: %(exact)s."),
    "rounding": marked("Rounded as a running total, from %(before_exact)s to %(after_exact)s: %(exact)s."),
    "payable": marked("Payable on %(on)s."),
    "spiff_conditions": marked("It is paid for an invoice %(asked)s."),
    "spiff_position": marked("The extra stood at %(before_amount)s and stands at %(after_amount)s."),
    "spiff_share": marked("Your share of that movement is %(moved_amount)s."),
    "cap_before": marked("Before: %(sum_amount)s in the window, %(over_amount)s above the cap."),
    "cap_after": marked("Now: %(sum_amount)s in the window, %(over_amount)s above the cap."),
    "pool_cash": marked("%(collected_amount)s collected%(in_time)s, at %(rate)s: %(before_factor_amount)s."),
    "pool_amount": marked("The pool is %(before_factor_amount)s."),
    "pool_scale": marked("%(metric)s (%(customers)s) is %(value)s, so × %(factor)s."),
    "pool": marked("The team shares %(pool_amount)s."),
    "gate": marked("Gate %(holds)s: %(metric)s (%(customers)s) is %(value)s, limit %(limit)s."),
    "pool_part": marked("%(role)s gets %(role_share)s of it, %(role_amount)s; %(among)s: %(part_amount)s."),
    "attained": marked("%(collected_amount)s collected of a target of %(target_amount)s."),
    "target_curve": marked("The curve (%(shape)s) pays %(amount)s."),
    "draw_pay": marked("With a draw of %(draw_amount)s and a debt of %(debt_amount)s, %(pay_amount)s is paid."),
    "draw_earned": marked("%(earned_amount)s of that is what you earned in the month."),
    "draw_debt": marked("The debt of the draw is now %(debt_amount)s."),
    "payable_lines": marked("%(lines)s payable in the month."),
    "positive": marked("Earned, less caps: %(amount)s."),
    "negative": marked("Taken back: %(amount)s."),
    "brought_forward": marked("Debt brought forward: %(amount)s."),
    "recovered": marked("Recovered (at most %(cap)s of what was earned): %(amount)s."),
    "carried_forward": marked("Carried forward to the next month: %(amount)s."),
}


_WORDS = (
    marked("Days late"),
    marked("Days to pay"),
    marked("Terms days"),
    marked("Customer age days"),
    marked("Risk grade"),
    marked("Credit approval"),
    marked("Security"),
    marked("Category"),
    marked("Country"),
    marked("on time rate"),
    marked("dso"),
    marked("best possible dso"),
    marked("average days delinquent"),
    marked("cei"),
    marked("overdue ratio"),
    marked("bad debt ratio"),
    marked("average days to pay"),
    marked("low risk growth"),
)
"""Words of the rules themselves, as a step carries them."""


@dataclass(frozen=True, slots=True)
class Said:
    """A step in words. ``amount`` is what the sentence of a line begins with; ``rule`` names the plan letter."""

    says: str
    amount: str = ""
    rule: str = ""
    steps: tuple[Said, ...] = ()


def in_words(step: Step, names: Names, voice: Voice) -> Said:
    """A tree in words."""
    steps = tuple(in_words(child, names, voice) for child in step.steps)
    begins = _spoken(step, names, voice)["amount"] if step.code in _ROOTS else ""
    return Said(sentence(step, names, voice), begins, _rule(step, voice), steps)


def told(step: Step, names: Names, indent: str = "") -> Iterator[str]:
    """A tree as lines of text: the sentence, its steps numbered, the rule it came from."""
    yield from _lines(in_words(step, names, SHELL), indent)


def _lines(said: Said, indent: str) -> Iterator[str]:
    yield indent + said.says
    for number, child in enumerate(said.steps, 1):
        first, *rest = _lines(child, "")
        yield f"{indent}  {number}. {first}"
        yield from (f"{indent}     {line}" for line in rest)
    if said.rule:
        yield f"{indent}  {said.rule}"


def as_json(step: Step, names: Names, voice: Voice | None = None) -> dict[str, Any]:
    """The same tree as an object: code, words, values, contribution in minor units, steps."""
    found: dict[str, Any] = {"code": step.code, "says": sentence(step, names, voice)}
    found["values"] = {key: _plain(value) for key, value in step.values.items() if value not in (None, "")}
    if step.exact is not None:
        found["contributes_minor"] = _decimal(step.exact, 12).replace(",", "")
    if step.steps:
        found["steps"] = [as_json(child, names, voice) for child in step.steps]
    return found


def sentence(step: Step, names: Names, voice: Voice | None = None) -> str:
    """One step in words; the root of a line begins with its amount."""
    voice = voice or SHELL
    values = _spoken(step, names, voice)
    if step.code in _ROOTS:
        event = _HAPPENED.get(str(step.values.get("event")))
        reason = f" ({step.values['reason']})" if step.values.get("reason") else ""
        values["happened"] = (voice.say(event, **values) if event else "") + reason
        return f"{values['amount']} {voice.say(_ROOTS[step.code], **values)}"
    said = voice.say(_STEPS[step.code], **values)
    return said[:1].upper() + said[1:]


def _rule(step: Step, voice: Voice) -> str:
    """Which plan, version and paragraph of the plan letter spoke."""
    version, plan = step.values.get("version"), step.values.get("plan")
    if not isinstance(version, dt.date):
        return ""
    said = voice.say(marked("%(plan)s, version of %(day)s"), plan=plan, day=voice.day(version))
    reference = step.values.get("reference")
    return said + (f"; {reference}." if reference else ".")


def _spoken(step: Step, names: Names, voice: Voice) -> dict[str, str]:
    """Every value as it is said: amounts with their currency, rates in percent, days written out."""
    values = step.values
    currency = str(values.get("currency") or "")
    spoken: dict[str, str] = {}
    for key, value in values.items():
        if key.endswith("_minor") and isinstance(value, int):
            of = str(values.get("event_currency")) if key == "event_minor" else currency
            spoken[f"{key[:-6]}_amount"] = voice.money(value, of)
        elif key.endswith("_ppm"):
            spoken[key[:-4]] = _ratio(value, key in ("factor_ppm", "m_ppm", "fx_rate_ppm"), voice)
        elif isinstance(value, dt.date):
            spoken[key] = voice.day(value)
        elif key in _NAMES:
            spoken[key] = "" if value is None else str(value)
        else:
            spoken[key] = voice.say(str(value).replace("_", " ")) if value not in (None, "") else ""
    spoken["amount"] = spoken.get("amount_amount", "")
    spoken["customer"] = names(str(values.get("customer") or "")) or voice.say(marked("the customer"))
    spoken.setdefault("event_amount", "")
    _add_composed(step, spoken, currency, voice)
    return spoken


_NAMES = frozenset({"customer", "invoice", "cause", "looked_at", "team", "component", "role", "plan", "reference"})
"""What somebody named: said as it is."""


def _add_composed(step: Step, spoken: dict[str, str], currency: str, voice: Voice) -> None:
    """Values that only make sense together."""
    values = step.values
    earned_in = str(values.get("earned_in") or currency)
    if step.exact is not None:
        spoken["exact"] = voice.exact_money(step.exact, earned_in)
    spoken |= {key: voice.say(text[str(values[key])]) for key, text in _CHOICES.items() if values.get(key)}
    spoken["added"] = _points(values.get("add_ppm"), voice)
    if "window" in values:
        spoken["window"] = _window(values["window"], voice)
    compose = _COMPOSED.get(step.code)
    if compose is not None:
        spoken.update(compose(_Values(values, spoken, earned_in, voice)))


_CHOICES = {
    "customers": {"all": marked("all customers"), "new": marked("new customers")},
    "shape": {"steps": marked("in steps"), "lines": marked("in straight lines")},
}
"""What a rule may say in one of few ways."""

Spoken = dict[str, str]


@dataclass(frozen=True, slots=True)
class _Values:
    """The values of a step, as they are and as they are said."""

    values: Mapping[str, Value]
    spoken: Spoken
    currency: str
    voice: Voice

    def __getitem__(self, key: str) -> Value:
        return self.values[key]

    def whole(self, key: str) -> int:
        """A whole number."""
        value = self.values[key]
        assert isinstance(value, int)
        return value


def _of_factor(of: _Values) -> Spoken:
    numerator, denominator = of.whole("numerator"), of.whole("denominator")
    looked_at, raw_days = of["looked_at"], of.values.get("raw_days")
    factor, uncounted = of.voice.factor(numerator), ""
    if denominator != PPM:
        average = marked("%(numerator)s/%(denominator)s (average by net)")
        factor = of.voice.say(average, numerator=numerator, denominator=denominator)
    if of["by"] == "days_late" and isinstance(raw_days, int) and max(0, raw_days) != looked_at:
        forgiven = marked(" of %(days)s; the others fell into a dispute or are forgiven")
        uncounted = of.voice.say(forgiven, days=raw_days)
    by = str(of["by"]).replace("_", " ").capitalize()
    return {"by": of.voice.say(by), "uncounted": uncounted, "factor": factor}


def _of_rounding(of: _Values) -> Spoken:
    return {f"{word}_exact": of.voice.exact_money(of.whole(word), of.currency) for word in ("before", "after")}


def _of_gate(of: _Values) -> Spoken:
    metric, voice = str(of["metric"]), of.voice
    words = ((marked("at least %(value)s"), "at_least_ppm"), (marked("at most %(value)s"), "at_most_ppm"))
    limits = [
        voice.say(word, value=metric_value(metric, of[key], voice)) for word, key in words if of[key] is not None
    ]
    return {
        "holds": voice.say(marked("holds")) if of["holds"] == "yes" else voice.say(marked("does not hold")),
        "value": metric_value(metric, of["value_ppm"], voice),
        "limit": voice.say(marked(" and ")).join(limits),
    }


def _of_scale(of: _Values) -> Spoken:
    return {"value": metric_value(str(of["metric"]), of["value_ppm"], of.voice)}


def _of_pool_cash(of: _Values) -> Spoken:
    within = of.values.get("on_time_within_days")
    if not isinstance(within, int):
        return {"in_time": ""}
    if within == 0:
        return {"in_time": of.voice.say(marked(" by the due date"))}
    return {"in_time": of.voice.say(marked(" at most %(days)s days after the due date"), days=within)}


def _of_pool_part(of: _Values) -> Spoken:
    weight, weights, voice = of.whole("weight"), of.whole("weights"), of.voice
    if of["within_role"] == "by_credited_cash" and weights != of["members"]:
        mine, whole = voice.money(weight, of.currency), voice.money(weights, of.currency)
        return {"among": voice.say(marked("your credited cash is %(mine)s of %(whole)s"), mine=mine, whole=whole)}
    if of["within_role"] == "by_days":
        return {"among": voice.say(marked("your days are %(mine)s of %(whole)s"), mine=weight, whole=weights)}
    members = of.whole("members")
    among = voice.count("shared equally by %(number)s member", "shared equally by %(number)s members", members)
    return {"among": among}


def _of_conditions(of: _Values) -> Spoken:
    asked = [of.voice.say(text, **of.spoken) for key, text in _ASKED.items() if of.spoken.get(key)]
    return {"asked": ", ".join(asked) or of.voice.say(marked("as long as something is owed"))}


def _of_position(of: _Values) -> Spoken:
    if "worth_minor" not in of.values or of["worth_minor"] == of["gross_minor"]:
        return {"base_of": ""}
    if of["base"] == "margin":
        text = marked(" (%(worth_amount)s margin in a total of %(gross_amount)s)")
    else:
        text = marked(" (%(worth_amount)s net that earns in a total of %(gross_amount)s)")
    return {"base_of": of.voice.say(text, **of.spoken)}


def _of_share(of: _Values) -> Spoken:
    role = of.voice.say(marked(" as %(role)s"), role=str(of["role"]).replace("_", " ")) if of["role"] else ""
    return {"by_share": role + (f" ({of.spoken['share']})" if of["share_ppm"] is not None else "")}


def _of_taken(of: _Values) -> Spoken:
    return {"had_earned": of.voice.exact_money(of.whole("proportional"), of.currency)}


def _of_lines(of: _Values) -> Spoken:
    return {"lines": of.voice.count("%(number)s line is", "%(number)s lines are", of.whole("count"))}


def _of_payout(of: _Values) -> Spoken:
    return {"month": of.voice.month(dt.date.fromisoformat(f"{of['month']}-01"))}


_COMPOSED: dict[str, Callable[[_Values], Spoken]] = {
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
    "payout": _of_payout,
}


_ASKED = {
    "paid_in_full_within_days": marked("paid in full within %(paid_in_full_within_days)s days"),
    "new_customer": marked("of a new customer"),
    "categories": marked("with a line of %(categories)s"),
    "minimum_amount": marked("of at least %(minimum_amount)s net"),
    "from": marked("issued from %(from)s"),
    "to": marked("issued up to %(to)s"),
}


def _ratio(value: object, is_factor: bool, voice: Voice) -> str:
    if not isinstance(value, int):
        return voice.say(marked("undefined"))
    return voice.factor(value) if is_factor else voice.share(value)


def _points(add_ppm: object, voice: Voice) -> str:
    if not isinstance(add_ppm, int) or not add_ppm:
        return ""
    points = voice.factor(abs(add_ppm) * 100)
    text = marked(" plus %(points)s points") if add_ppm > 0 else marked(" less %(points)s points")
    return voice.say(text, points=points)


def _window(window: object, voice: Voice) -> str:
    if isinstance(window, dt.date):
        return voice.say(marked("in the window from %(day)s"), day=voice.day(window))
    return (
        voice.say(marked("on invoice %(invoice)s"), invoice=window) if window else voice.say(marked("of all time"))
    )


def metric_value(metric: str, value_ppm: object, voice: Voice | None = None) -> str:
    """A metric as it is read: shares in percent, days and indexes as they are; or that it is undefined."""
    return _ratio(value_ppm, metric not in _SHARES, voice or SHELL)


_SHARES = frozenset({"on_time_rate", "overdue_ratio", "bad_debt_ratio", "low_risk_growth"})


def _plain(value: object) -> str | int:
    return value if isinstance(value, int) else str(value)


# A shell's English -----------------------------------------------------------------------------------


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


def day_name(day: dt.date) -> str:
    """A day as it is said: 3 March 2026."""
    return f"{day.day} {day:%B %Y}"


def _decimal(scaled: int, decimals: int, at_least: int = 0) -> str:
    digits = str(abs(scaled)).rjust(decimals + 1, "0")
    whole, fraction = digits[:-decimals], digits[-decimals:].rstrip("0").ljust(at_least, "0")
    return ("-" if scaled < 0 else "") + f"{int(whole):,}" + (f".{fraction}" if fraction else "")


def _signed(scaled: int, decimals: int) -> str:
    return _decimal(scaled, decimals).replace("-", "\N{MINUS SIGN}")


class _Shell:
    """English with currency codes and plain blanks: what a terminal shows and a program can search."""

    def say(self, text: str, /, **values: object) -> str:
        return text % values if values else text

    def count(self, one: str, many: str, number: int) -> str:
        return (one if number == 1 else many) % {"number": f"{number:,}"}

    def money(self, amount_minor: int, currency: str) -> str:
        return amount(amount_minor, currency)

    def exact_money(self, exact: int, currency: str) -> str:
        return exact_amount(exact, currency)

    def share(self, ppm: int) -> str:
        return f"{_signed(ppm, 4)} %"

    def factor(self, ppm: int) -> str:
        return _signed(ppm, 6)

    def day(self, day: dt.date) -> str:
        return day_name(day)

    def month(self, day: dt.date) -> str:
        return f"{day:%Y-%m}"


SHELL: Voice = _Shell()
