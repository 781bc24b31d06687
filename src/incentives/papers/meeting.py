"""What sales and credit look at together, in words: for the page, and for the pack that is taken to the meeting.

Both are made from the same texts. Nothing is calculated here; the pack names nobody's pay.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Callable, Mapping
from typing import Any

from markupsafe import Markup

from incentives.calendar import period_of
from incentives.facts import Language
from incentives.ledger.together import Age, Metric, TeamPool, TeamQuarter, Told
from incentives.papers.charts import EARNED, TAKEN_BACK, Bar, Bars, bars_chart, bars_on_screen
from incentives.papers.languages import Speaker, marked, speaker
from incentives.papers.records import became, tone
from incentives.papers.rendering import environment
from incentives.papers.statement.document import plain
from incentives.papers.statement.words import (
    EN_DASH,
    brief,
    counted_cash,
    is_share,
    limits,
    metric,
    metric_value,
    pool_steps,
    quarter_name,
    shown,
    spoken,
)

Shown = dict[str, Any]

LOOKS = "pack/pack.css"
"""What a pack has beyond the looks of a statement."""


def told(view: TeamQuarter, language: Language, names: Mapping[str, str], starts: int = 1) -> Shown:
    """A team's quarter in words; ``names`` are those of the people who may be named, by payee id."""
    return _Telling(view, speaker(language), names).shown(starts)


def quarter_title(says: Speaker, first: dt.date, starts: int) -> str:
    """The name of the fiscal quarter that begins on a day."""
    year = period_of(first, "fiscal_year", starts)
    months = (first.year - year.first.year) * 12 + first.month - year.first.month
    return quarter_name(says, months // 3 + 1, year.first, year.last)


class _Telling:
    """A view in the words of one language."""

    def __init__(self, view: TeamQuarter, says: Speaker, names: Mapping[str, str]) -> None:
        self.view, self.speaker, self.say, self.names = view, says, says.say, names

    def shown(self, starts: int) -> Shown:
        view, says = self.view, self.speaker
        pools = [self._pool(each) for each in view.pools]
        return {
            "language": says.language,
            "team": spoken(view.team),
            "quarter": quarter_title(says, view.quarter.first, starts),
            "is_over": view.as_of == view.quarter.last,
            "as_of": says.day(view.as_of),
            "span": f"{says.day(view.quarter.first)} {EN_DASH} {says.day(view.as_of)}",
            "currency": view.currency,
            "metrics": [self._metric(each) for each in view.metrics],
            "pools": pools,
            "overdue_sum": says.money(view.overdue_minor, view.currency),
            "overdue_minor": view.overdue_minor,
            "overdue_count": view.overdue_count,
            "is_paid_on_time": self._on_time(),
            "ages": [self._age(each) for each in view.ages],
            "ages_sum": says.number(sum(each.amount_minor for each in view.ages), view.currency),
            "ages_chart": self._ages_chart(bars_chart),
            "ages_on_screen": self._ages_chart(bars_on_screen),
            "without_rate": ", ".join(view.without_rate),
            "overdue": [self._told(each) for each in view.overdue],
            "warnings": [self._told(each) | self._warned(each) for each in view.warnings],
            "disputes": [self._told(each) | self._disputed(each) for each in view.disputes],
            "wins": [self._told(each) | self._won(each) for each in view.wins],
        }

    # Metrics and the pool ---------------------------------------------------------------------------

    def _metric(self, each: Metric) -> Shown:
        says, gates = (
            self.speaker,
            [
                gate
                for pool in self.view.pools
                for gate in pool.pool.gates
                if (gate.metric, gate.customers, gate.by) == (each.metric, each.customers, each.by)
            ],
        )
        scales = [
            pool.pool.scale
            for pool in self.view.pools
            if pool.pool.scale is not None
            and (pool.pool.scale.metric, pool.pool.scale.customers, pool.pool.scale.by)
            == (each.metric, each.customers, each.by)
        ]
        factors = dict.fromkeys(scale.factor_ppm for scale in scales)
        return {
            "name": metric(says, plain(each)),
            "what": self.say(_ASKS[each.metric]),
            "value": _read(says, each.metric, each.value_ppm),
            "before": _read(says, each.metric, each.before_ppm),
            "asked": "; ".join(dict.fromkeys(limits(says, plain(gate)) for gate in gates)),
            "is_gate": bool(gates),
            "holds": all(gate.holds for gate in gates),
            "factor": ", ".join(f"× {says.factor(factor)}" for factor in factors),
        }

    def _on_time(self) -> str:
        found = next(
            each for each in self.view.metrics if each.metric == "on_time_rate" and each.customers == "all"
        )
        return _read(self.speaker, "on_time_rate", found.value_ppm)

    def _pool(self, each: TeamPool) -> Shown:
        says, pool = self.speaker, each.pool

        def number(amount_minor: int) -> str:
            return says.number(amount_minor, each.currency)

        return {
            "name": spoken(pool.component),
            "currency": each.currency,
            "is_final": each.is_final,
            "span": f"{says.short_day(pool.first)} {EN_DASH} {says.short_day(pool.last)}",
            "amount_minor": pool.pool_minor,
            "amount": says.money(pool.pool_minor, each.currency),
            "counts": counted_cash(says, plain(pool)) if pool.rate_ppm is not None else "",
            "steps": pool_steps(says, plain(pool), number),
            "broken": [metric(says, plain(gate)) for gate in pool.gates if not gate.holds],
            "rule": self.say(marked("version of %(day)s"), day=says.day(each.version)),
            "reference": shown(each.reference),
            "roles": [self._role(each, role, share_ppm) for role, share_ppm in each.shares_ppm],
        }

    def _role(self, each: TeamPool, name: str, share_ppm: int) -> Shown:
        """A role's share. What it comes to is not told where it is one person's alone whose pay is not shown."""
        says = self.speaker
        role = next((role for role in each.roles if role.role == name), None)
        parts = {} if role is None else role.parts_minor
        alone = role is not None and len(role.weights) == 1 and not parts
        return {
            "role": spoken(name),
            "share": says.share(share_ppm),
            "members": len(role.weights) if role is not None else 0,
            "amount": "" if role is None or alone else says.number(role.amount_minor, each.currency),
            "parts": [
                {"name": self.names.get(payee_id, payee_id), "amount": says.number(part, each.currency)}
                for payee_id, part in parts.items()
            ],
        }

    # What is owed -----------------------------------------------------------------------------------

    def _age(self, age: Age) -> Shown:
        return {"name": self._age_name(age), "amount": self.speaker.number(age.amount_minor, self.view.currency)}

    def _age_name(self, age: Age) -> str:
        if age.from_days is None:
            return self.say(marked("Not late"))
        if age.to_days is None:
            return self.say(marked("Over %(days)s days"), days=age.from_days - 1)
        return self.say(marked("%(first)s to %(last)s days"), first=age.from_days, last=age.to_days)

    def _ages_chart(self, draws: Callable[[list[Bars], str], str]) -> str:
        if not any(each.amount_minor for each in self.view.ages):
            return ""
        groups = [
            Bars(
                self._age_name(each),
                [
                    Bar(
                        each.amount_minor,
                        self.speaker.number(each.amount_minor, self.view.currency),
                        EARNED if each.from_days is None else TAKEN_BACK,
                    )
                ],
            )
            for each in self.view.ages
        ]
        return Markup(draws(groups, self.say(marked("What is owed by days past due; the table has the figures"))))

    def _told(self, each: Told) -> Shown:
        says, stand = self.speaker, each.stand
        return {
            "invoice_id": each.invoice_id,
            "invoice": brief(each.invoice_id, 60),
            "customer_id": each.customer_id,
            "customer": brief(each.customer, 80),
            "payees": each.payees,
            "people": [self.names[payee_id] for payee_id in each.payees if payee_id in self.names],
            "due": says.short_day(stand.due_on),
            "late": says.count("%(number)s day late", "%(number)s days late", stand.days_past_due)
            if stand.days_past_due
            else "",
            "is_disputed": stand.state == "disputed",
            "open": says.money(stand.open_minor, each.currency),
            "gross": says.money(each.gross_minor, each.currency),
            "is_new": each.is_new,
            "became": became(says, stand, each.currency),
            "tone": tone(stand),
        }

    def _warned(self, each: Told) -> Shown:
        assert each.event is not None
        by = self.names.get(each.event.payee_id, "")
        return {
            "on": self.speaker.short_day(each.event.occurred_on),
            "by": by,
            "reason": brief(each.event.reason, 240),
            "in_time": each.in_time,
        }

    def _disputed(self, each: Told) -> Shown:
        assert each.event is not None
        until, since = each.until, each.event.occurred_on
        days = ((until or self.view.as_of) - since).days
        return {
            "on": self.speaker.short_day(since),
            "until": self.speaker.short_day(until) if until is not None else "",
            "days": self.speaker.count("%(number)s day", "%(number)s days", days),
            "reason": brief(each.event.reason, 240),
        }

    def _won(self, each: Told) -> Shown:
        stand = each.stand
        assert stand.settled_on is not None
        early = (stand.due_on - stand.settled_on).days
        return {
            "on": self.speaker.short_day(stand.settled_on),
            "collected": self.speaker.money(stand.collected_minor, each.currency),
            "early": self.speaker.count("%(number)s day early", "%(number)s days early", early)
            if early
            else self.say(marked("on the day")),
        }


_ASKS = {
    "on_time_rate": marked("Of what fell due: the part that was in by its due date."),
    "dso": marked("What is open, in days of invoicing."),
    "best_possible_dso": marked("The same of what is not overdue."),
    "average_days_delinquent": marked("The difference of the two: days that customers take too long."),
    "cei": marked("Of what could be collected: the part that was. 100 is everything that was due."),
    "overdue_ratio": marked("Of what is open: the part that is past its due date."),
    "bad_debt_ratio": marked("Written off, less what still came, beside what was invoiced."),
    "average_days_to_pay": marked("Days from invoice to payment, weighted by amount."),
    "low_risk_growth": marked("Collected from low-risk customers, beside the same days a year earlier."),
}
"""What each metric asks, in a sentence."""


def _read(says: Speaker, name: str, value_ppm: int | None) -> str:
    """A metric as it is read: to two decimals of a percent or a day. Gates compare what is not shortened."""
    if value_ppm is None:
        return metric_value(says, name, None)
    step = 100 if is_share(name) else 10_000
    shortened = (abs(value_ppm) + step // 2) // step * step * (-1 if value_ppm < 0 else 1)
    return says.share(shortened, 2) if is_share(name) else says.factor(shortened, 2)


# The pack ----------------------------------------------------------------------------------------------------


def pack_pdf(says: Shown, company: str) -> bytes:
    """The pack for the monthly meeting: one A4 document, tagged; the same texts give the same bytes."""
    from incentives.papers.statement.sheets import printed  # a second to load: only who prints waits for it

    html = environment("pack", says["language"]).get_template("pack.html").render(says | _sheet(company))
    return printed((html, hashlib.sha256(html.encode()).hexdigest()[:32].encode()), LOOKS)


def _sheet(company: str) -> Shown:
    return {
        "company": shown(company),
        "sheet_number": Markup('<span class="sheet-number"></span>'),
        "sheet_count": Markup('<span class="sheet-total"></span>'),
    }
