"""What a statement says of a line, a metric, a correction: a few words each, in the reader's language."""

from __future__ import annotations

import datetime as dt
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from incentives.papers.languages import Speaker, marked

EN_DASH = "\N{EN DASH}"

Plain = Mapping[str, Any]

_HAPPENED = {
    "payment": marked("Paid %(amount)s"),
    "refund": marked("Refund of %(amount)s"),
    "payment_reversed": marked("Payment of %(amount)s returned"),
    "chargeback": marked("Chargeback of %(amount)s"),
    "chargeback_reversed": marked("Chargeback of %(amount)s won"),
    "credit_note": marked("Credit note of %(amount)s"),
    "discount": marked("Discount of %(amount)s"),
    "write_off": marked("Written off"),
    "invoice": marked("Invoice issued"),
    "contract": marked("Contract signed"),
    "suspend": marked("Still open too long after the due date"),
    "due_date_changed": marked("Due date changed"),
    "spiff": marked("Conditions of the extra are met"),
    "spiff_lost": marked("Conditions of the extra are no longer met"),
    "cap": marked("Above the cap of %(amount)s for %(span)s"),
    "deferred": marked("Above the cap of the window before %(span)s"),
    "shared_bonus": marked("Your part of the pool of %(team)s, %(span)s"),
    "target_bonus": marked("Bonus for the target of %(span)s"),
    "draw": marked("Draw for %(span)s"),
    "draw_recovery": marked("Draw recovered, %(span)s"),
    "together": marked("From more than one team"),
    "adjustment": marked("Adjusted by hand"),
    "bonus": marked("Bonus"),
    "over_cap": marked("Above the cap"),
    "draws": marked("Draws and their recovery"),
    "": marked("Not part of the calculation"),
}
_WENT = {
    "clawback": marked("Taken back"),
    "suspension": marked("Suspended"),
    "restoration": marked("Given back"),
}
_METRICS = {
    "on_time_rate": marked("Paid on time"),
    "dso": marked("Days sales outstanding"),
    "best_possible_dso": marked("Best possible days sales outstanding"),
    "average_days_delinquent": marked("Average days delinquent"),
    "cei": marked("Collection effectiveness"),
    "overdue_ratio": marked("Overdue share of what is open"),
    "bad_debt_ratio": marked("Bad debt"),
    "average_days_to_pay": marked("Average days to pay"),
    "low_risk_growth": marked("Growth with low-risk customers"),
}


_SHARES = frozenset({"on_time_rate", "overdue_ratio", "bad_debt_ratio", "low_risk_growth"})


def shown(text: object) -> str:
    """A name as it may be shown: without control characters, and without those that turn the text around it.

    >>> shown("Acme\\u202e\\x00 BV")
    'Acme BV'
    """
    return "".join(" " if each in "\n\r\t" else each for each in str(text) if not _is_unwanted(each))


def brief(text: object, length: int = 120) -> str:
    """The same, cut where it would make a table unreadable."""
    whole = shown(text)
    return whole if len(whole) <= length else whole[: length - 1] + "\N{HORIZONTAL ELLIPSIS}"


def _is_unwanted(character: str) -> bool:
    """Controls, half a surrogate pair, code points that are no character, and marks of direction."""
    if character in "\n\r\t":
        return False
    no_character = unicodedata.category(character) in ("Cc", "Cs") or ord(character) & 0xFFFE == 0xFFFE
    return no_character or character in "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"


def spoken(name: str) -> str:
    """A component or role as it is said: ``cash-commission`` becomes Cash commission."""
    words = brief(name).replace("-", " ").replace("_", " ").strip()
    return words[:1].upper() + words[1:]


def day_of(text: str) -> dt.date:
    """A day of a document."""
    return dt.date.fromisoformat(text)


def span(speaker: Speaker, first: str, last: str) -> str:
    """From a day to a day: a whole month by its name."""
    start, end = day_of(first), day_of(last)
    if (start.year, start.month) == (end.year, end.month):
        return speaker.month(start)
    begins = speaker.day_of_year(start) if start.year == end.year else speaker.short_day(start)
    return f"{begins} {EN_DASH} {speaker.short_day(end)}"


def happened(speaker: Speaker, what: Plain) -> str:
    """What caused a line, without the reason that somebody wrote."""
    code = what["what"]
    text = _HAPPENED.get(code, "")
    values: dict[str, str] = {"team": brief(what["team"]), "amount": "", "span": ""}
    if what["amount_minor"] is not None:
        values["amount"] = speaker.money(what["amount_minor"], what["currency"])
    if what["first"] and what["last"]:
        values["span"] = span(speaker, what["first"], what["last"])
    return speaker.say(text, **values) if text else spoken(code)


def went(speaker: Speaker, kind: str) -> str:
    """The word for money that goes or comes back; nothing for other lines."""
    return speaker.say(_WENT[kind]) if kind in _WENT else ""


def metric(speaker: Speaker, met: Plain) -> str:
    """A metric and whose invoices it looks at."""
    name = met["metric"]
    said = speaker.say(_METRICS[name]) if name in _METRICS else spoken(name)
    if met["by"] == "count" and name == "on_time_rate":
        said = speaker.say(marked("%(metric)s, by number of invoices"), metric=said)
    if met["customers"] == "new":
        return speaker.say(marked("%(metric)s, new customers"), metric=said)
    return said


def metric_value(speaker: Speaker, name: str, value_ppm: int | None) -> str:
    """A metric's value: shares in percent, days and indexes as they are."""
    if value_ppm is None:
        return speaker.say(marked("undefined"))
    return speaker.share(value_ppm) if is_share(name) else speaker.factor(value_ppm)


def is_share(name: str) -> bool:
    """Whether a metric is a part of a whole, told in percent."""
    return name in _SHARES


def limits(speaker: Speaker, gate: Plain) -> str:
    """What a gate asks for."""
    asked = []
    if gate["at_least_ppm"] is not None:
        value = metric_value(speaker, gate["metric"], gate["at_least_ppm"])
        asked.append(speaker.say(marked("at least %(value)s"), value=value))
    if gate["at_most_ppm"] is not None:
        value = metric_value(speaker, gate["metric"], gate["at_most_ppm"])
        asked.append(speaker.say(marked("at most %(value)s"), value=value))
    return ", ".join(asked)


Told = dict[str, str]
"""A step of a table: its name, what it looked at, its amount."""


def pool_steps(speaker: Speaker, pool: Plain, number: Callable[[int], str]) -> list[Told]:
    """How a shared pool came about, to what the team shares."""
    steps = [*_pool_cash(speaker, pool, number)]
    if pool["scale"]:
        scale = pool["scale"]
        value = metric_value(speaker, scale["metric"], scale["value_ppm"])
        factor = f"× {speaker.factor(scale['factor_ppm'])}"
        steps.append({"name": metric(speaker, scale), "fact": value, "amount": factor})
    steps += [gate_step(speaker, gate) for gate in pool["gates"]]
    shared = speaker.say(marked("What the team shares"))
    steps.append({"name": shared, "fact": "", "amount": number(pool["pool_minor"])})
    return steps


def _pool_cash(speaker: Speaker, pool: Plain, number: Callable[[int], str]) -> Iterator[Told]:
    if pool["rate_ppm"] is None:
        name = speaker.say(marked("A fixed amount"))
    else:
        yield {"name": counted_cash(speaker, pool), "fact": "", "amount": number(pool["collected_minor"])}
        name = speaker.say(marked("%(rate)s of it"), rate=speaker.share(pool["rate_ppm"]))
    yield {"name": name, "fact": "", "amount": number(pool["before_factor_minor"])}


def counted_cash(speaker: Speaker, pool: Plain) -> str:
    """Which cash a pool counts."""
    within = pool["on_time_within_days"]
    if within is None:
        return speaker.say(marked("Collected"))
    if within == 0:
        return speaker.say(marked("Collected by the due date"))
    return speaker.count(
        "Collected at most %(number)s day after the due date",
        "Collected at most %(number)s days after the due date",
        within,
    )


def gate_step(speaker: Speaker, gate: Plain) -> Told:
    """A gate, what it met and whether it was kept."""
    value = metric_value(speaker, gate["metric"], gate["value_ppm"])
    kept = speaker.say(marked("kept")) if gate["holds"] else speaker.say(marked("not kept: nothing is paid"))
    fact = speaker.say(marked("%(value)s, asked: %(limits)s"), value=value, limits=limits(speaker, gate))
    tone = "" if gate["holds"] else "taken-back"
    return {"name": metric(speaker, gate), "fact": fact, "amount": kept, "tone": tone}


def quarter_name(speaker: Speaker, number: int, first: dt.date, last: dt.date) -> str:
    """Quarter 2 of 2026; where the fiscal year is not the calendar's, 2026/27."""
    year = str(first.year) if first.year == last.year else f"{first.year}/{last.year % 100:02d}"
    return speaker.say(marked("Quarter %(number)s of %(year)s"), number=number, year=year)


def why_corrected(speaker: Speaker, correction: Plain) -> str:
    """Why a line of an earlier quarter stands differently now."""
    if correction["moved_to"]:
        day = speaker.short_day(day_of(correction["moved_to"]))
        return speaker.say(marked("It counts on %(day)s now, in this quarter."), day=day)
    if not correction["row"]["amount_minor"] and correction["dated"]:
        day = speaker.short_day(day_of(correction["dated"]))
        return speaker.say(marked("It was dated %(day)s before; the amount is the same."), day=day)
    if not correction["is_known"]:
        return speaker.say(marked("No longer part of the calculation."))
    if not correction["stood_minor"]:
        return speaker.say(marked("Learned after that quarter was closed."))
    return speaker.say(marked("Calculated again: what it was made from has changed."))
