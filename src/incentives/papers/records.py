"""Customers and invoices in words: what happened, what became of it, and the chart of an invoice."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping

from incentives.calculation.stand import Stand
from incentives.calculation.timeline import Timeline
from incentives.facts import Event
from incentives.papers.charts import EARNED, PAID, TAKEN_BACK, Mark, Steps, steps_chart
from incentives.papers.languages import Speaker, marked
from incentives.papers.statement.words import brief, happened

_EVENTS = {
    "early_warning": marked("Credit was warned"),
    "dispute_opened": marked("The customer disputes it"),
    "dispute_closed": marked("The dispute is settled"),
}
_VERDICTS = {
    "conflict": marked("Does not count: it came in two versions, and a person decides which is right."),
    "wrong_currency": marked("Does not count: it is in another currency than its invoice."),
    "later": marked("Counts from its own day on."),
}
_GIVEN = {
    "approved": marked("Approved"),
    "conditional": marked("Approved with conditions"),
    "none": marked("Not approved"),
}
_SECURITY = {
    "none": marked("None"),
    "insured": marked("Insured"),
    "deposit": marked("Deposit"),
    "lien": marked("Lien"),
}


def event_words(says: Speaker, event: Event, currency: str) -> str:
    """What happened, in a few words."""
    if event.type == "due_date_changed" and event.new_due_on is not None:
        return says.say(marked("New due date: %(day)s"), day=says.short_day(event.new_due_on))
    if event.type in _EVENTS:
        return says.say(_EVENTS[event.type])
    what = {
        "what": event.type,
        "team": "",
        "amount_minor": event.amount_minor,
        "currency": currency,
        "first": "",
        "last": "",
    }
    return happened(says, what)


def verdict_words(says: Speaker, verdict: str) -> str:
    """Why an event does not count; nothing for one that does."""
    return says.say(_VERDICTS.get(verdict, _VERDICTS["conflict"])) if verdict else ""


def approval_words(says: Speaker, approval: str) -> str:
    """What credit said."""
    return says.say(_GIVEN[approval]) if approval in _GIVEN else brief(approval)


def security_words(says: Speaker, security: str) -> str:
    """What stands behind a customer."""
    return says.say(_SECURITY[security]) if security in _SECURITY else brief(security)


def became(says: Speaker, stand: Stand, currency: str) -> str:
    """How an invoice ended, or where it stands."""
    day = says.short_day
    if stand.state == "paid":
        assert stand.settled_on is not None
        late = (stand.settled_on - stand.due_on).days
        if late <= 0:
            return says.say(marked("Paid on %(day)s, on time"), day=day(stand.settled_on))
        days = says.count("%(number)s day late", "%(number)s days late", late)
        return says.say(marked("Paid on %(day)s, %(late)s"), day=day(stand.settled_on), late=days)
    if stand.state == "credited":
        return says.say(marked("Nothing is owed any more"))
    if stand.state == "written_off":
        assert stand.written_off_on is not None
        return says.say(marked("Written off on %(day)s"), day=day(stand.written_off_on))
    if stand.state == "not_issued":
        return says.say(marked("Not issued yet"))
    owed = says.money(stand.open_minor, currency)
    if stand.state == "disputed":
        assert stand.disputed_since is not None
        return says.say(
            marked("%(amount)s open, disputed since %(day)s"), amount=owed, day=day(stand.disputed_since)
        )
    if stand.state == "overdue":
        days = says.count("%(number)s day late", "%(number)s days late", stand.days_past_due)
        return says.say(marked("%(amount)s open, %(late)s"), amount=owed, late=days)
    return says.say(marked("%(amount)s open, due on %(day)s"), amount=owed, day=day(stand.due_on))


def tone(stand: Stand) -> str:
    """The colour of a state: good, wait, bad or quiet."""
    if stand.state == "paid":
        return "good" if stand.settled_on is not None and stand.settled_on <= stand.due_on else "quiet"
    return {"written_off": "bad", "disputed": "wait", "overdue": "bad"}.get(stand.state, "quiet")


def amounts(says: Speaker, sums: Mapping[str, int]) -> str:
    """Amounts of several currencies, one after the other."""
    return ", ".join(says.money(minor, currency) for currency, minor in sorted(sums.items()))


def position_chart(says: Speaker, timeline: Timeline, stand: Stand, today: dt.date) -> str:
    """What could be collected of an invoice and what was, from its first day to today."""
    invoice, currency = timeline.invoice, timeline.invoice.currency
    moments = [each for each in timeline.moments if each.event.occurred_on <= today]
    days = [invoice.issued_on, *(each.event.occurred_on for each in moments)]
    first = min(days)
    until = stand.settled_on or stand.written_off_on
    last = max([*days, stand.due_on, today if until is None else until])
    owed = [(first, timeline.collectible_at_first)]
    collected = [(first, 0)]
    for each in moments:
        owed.append((each.event.occurred_on, each.collectible))
        collected.append((each.event.occurred_on, each.collected))
    colour = TAKEN_BACK if stand.state == "overdue" else PAID
    to_collect = says.say(marked("To collect %(amount)s"), amount=says.number(stand.collectible_minor, currency))
    is_in = says.say(marked("Collected %(amount)s"), amount=says.number(stand.collected_minor, currency))
    due = says.say(marked("due %(day)s"), day=says.short_day(stand.due_on))
    return steps_chart(
        [Steps(owed, to_collect, colour), Steps(collected, is_in, EARNED, is_filled=True)],
        [Mark(stand.due_on, due)],
        Mark(first, says.short_day(first)),
        Mark(last, says.short_day(last)),
        says.say(marked("What was collected of the invoice, day by day; the table has the figures")),
    )
