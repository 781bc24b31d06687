"""The page of a statement, and the text of its paper: everything from the document, nothing calculated.

Sums of what the document holds are formed here and there (a subtotal of a table); every other amount is taken
as it stands. Templates get plain texts only and escape all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from itertools import groupby
from typing import Any

from markupsafe import Markup

from incentives.facts import Language
from incentives.papers.charts import BONUS, EARNED, PAID, TAKEN_BACK, Bar, Bars, bars_chart, bars_on_screen
from incentives.papers.languages import Speaker, marked, speaker
from incentives.papers.rendering import environment
from incentives.papers.statement.document import Document
from incentives.papers.statement.words import (
    EN_DASH,
    Plain,
    brief,
    day_of,
    gate_step,
    happened,
    pool_steps,
    quarter_name,
    shown,
    span,
    spoken,
    went,
    why_corrected,
)
from incentives.places import data_dir

Shown = dict[str, Any]
"""What a template gets: texts, and lists and dicts of texts."""


def statement_html(document: Document, language: Language, seal: str | None) -> str:
    """The whole page, by itself: to look at, to save, to send."""
    return _rendered("page.html", document, language, seal)


def statement_body(document: Document, language: Language, seal: str | None) -> Markup:
    """The statement as one ``<article>``, to stand inside another page; its looks are in statement.css."""
    return Markup(_rendered("statement.html", document, language, seal))


def paper_html(document: Document, language: Language, seal: str | None) -> str:
    """The same article with what is repeated on every sheet: what the PDF is made from."""
    return _rendered("paper.html", document, language, seal)


def _rendered(template: str, document: Document, language: Language, seal: str | None) -> str:
    page = Page(document, speaker(language), bars_on_screen if template == "statement.html" else bars_chart)
    return environment("statement", language).get_template(template).render(page.shown(seal))


@lru_cache
def _looks() -> Markup:
    """The style sheets of the page that stands by itself."""
    folder = data_dir("templates") / "statement"
    return Markup("".join((folder / name).read_text(encoding="utf-8") for name in ("statement.css", "screen.css")))


_USUAL_DIGITS = len("-9,999,999.99")


def _amounts(section: Plain) -> Iterator[int]:
    """The amounts that stand in columns."""
    yield from (section["opening_minor"], section["closing_minor"], section["waiting_minor"])
    yield from section["sums"].values()
    yield from (row["amount_minor"] for row in section["rows"])
    for correction in section["corrections"]:
        yield from (correction["stood_minor"], correction["stands_minor"])


def _tone(kind: str, amount_minor: int) -> str:
    """Red is for money that was taken back, and for nothing else that happens to be below zero."""
    return "taken-back" if kind in _TAKEN_BACK and amount_minor < 0 else ""


_TAKEN_BACK = ("clawback", "suspension", "taken_back")


class Page:
    """A document in the words of one language; ``draws`` makes its charts."""

    def __init__(
        self, document: Document, speaker: Speaker, draws: Callable[[list[Bars], str], str] = bars_on_screen
    ) -> None:
        self.document = document
        self.speaker = speaker
        self.draws = draws
        self.say = speaker.say

    def shown(self, seal: str | None) -> Shown:
        """Everything the templates ask for."""
        document, quarter = self.document, self.document["quarter"]
        first, last = day_of(quarter["first"]), day_of(quarter["last"])
        sections = [self.section(each) for each in document["sections"]]
        return {
            "language": self.speaker.language,
            "company": shown(document["company"]),
            "contact": shown(document["contact"]),
            "name": shown(document["name"]),
            "payee_id": shown(document["payee_id"]),
            "employee_id": shown(document["employee_id"]),
            "quarter": self.quarter(),
            "span": f"{self.speaker.day(first)} {EN_DASH} {self.speaker.day(last)}",
            "issued_on": self.speaker.day(day_of(document["issued_on"])),
            "issued": document["issued_on"],
            "waiting_on": self.speaker.day(day_of(document["waiting_on"])),
            "sections": sections,
            "rules": [
                {
                    "number": str(rule["number"]),
                    "plan": shown(rule["plan"]),
                    "version": self.speaker.day(day_of(rule["version"])),
                    "reference": shown(rule["reference"]),
                }
                for rule in document["rules"]
            ],
            "seal": shown(seal) if seal else "",
            "looks": _looks(),
            "sheet_number": Markup('<span class="sheet-number"></span>'),
            "sheet_count": Markup('<span class="sheet-total"></span>'),
        }

    def quarter(self) -> str:
        """Quarter 2 of 2026; where the fiscal year is not the calendar's, 2026/27."""
        quarter = self.document["quarter"]
        year_first, year_last = day_of(quarter["year_first"]), day_of(quarter["year_last"])
        return quarter_name(self.speaker, quarter["number"], year_first, year_last)

    # One currency -----------------------------------------------------------------------------------

    def section(self, section: Plain) -> Shown:
        """Everything in one currency."""
        currency = section["currency"]

        def number(amount_minor: int) -> str:
            return self.speaker.number(amount_minor, currency)

        rows = section["rows"]
        went_back = [row for row in rows if row["kind"] in ("clawback", "suspension", "restoration")]
        sums = section["sums"]
        return {
            "currency": currency,
            "is_only": len(self.document["sections"]) == 1,
            "is_wide": any(len(number(minor)) > _USUAL_DIGITS for minor in _amounts(section)),
            "is_empty": not (rows or section["corrections"] or section["payouts"]),
            "figures": list(self.figures(section)),
            "balance": list(self.balance(section)),
            "months": self.months(section, number),
            "chart": Markup(self.chart(section)) if any(sums.values()) else "",
            "lines": list(self._lines(rows, number)),
            "lines_total": number(sum(row["amount_minor"] for row in rows)),
            "went_back": [self._went_back(row, number) for row in went_back],
            "went_back_total": number(sum(row["amount_minor"] for row in went_back)),
            "pools": [self._pool(pool, currency, number) for pool in section["pools"]],
            "targets": [self._target(target, currency, number) for target in section["targets"]],
            "corrections": [self.correction(each, number) for each in section["corrections"]],
            "corrections_total": number(sums["corrections"]),
            "payouts": [self.payout(each, number) for each in section["payouts"]],
            "paid_total": number(sums["paid"]),
            "waiting": [self._waiting(each, number) for each in section["waiting"]],
            "waiting_total": number(section["waiting_minor"]),
        }

    def figures(self, section: Plain) -> Iterator[Shown]:
        """The four figures, and what waits."""
        sums, currency = section["sums"], section["currency"]
        earned = sums["earned"] + sums["given_back"]
        given_back = self.speaker.money(sums["given_back"], currency)
        waits = len(section["waiting"])
        of_which = self.say(marked("%(amount)s given back"), amount=given_back)
        open_invoices = self.speaker.count("%(number)s open invoice", "%(number)s open invoices", waits)
        for tone, name, amount_minor, note in (
            ("earned", self.say(marked("Earned on cash")), earned, of_which if sums["given_back"] else ""),
            ("taken-back", self.say(marked("Taken back")), sums["taken_back"], ""),
            ("bonus", self.say(marked("Bonus")), sums["bonus"], ""),
            ("paid", self.say(marked("Paid")), sums["paid"], ""),
            ("waiting", self.say(marked("Waiting on cash")), section["waiting_minor"], open_invoices),
        ):
            number = self.speaker.number(amount_minor, currency)
            yield {"tone": tone, "name": name, "amount": number, "note": note, "is_zero": not amount_minor}

    def balance(self, section: Plain) -> Iterator[Shown]:
        """From the opening to the closing balance: every sum of the quarter once."""
        sums, quarter = section["sums"], self.document["quarter"]
        first, last = (self.speaker.day(day_of(quarter[at])) for at in ("first", "last"))
        between = (
            (marked("Earned on cash"), "earned", True),
            (marked("Given back"), "given_back", False),
            (marked("Taken back"), "taken_back", True),
            (marked("Bonus"), "bonus", True),
            (marked("Draws and their recovery"), "draw", False),
            (marked("Above the cap"), "cap", False),
            (marked("Adjusted by hand"), "adjustment", False),
            (marked("Corrections of earlier quarters"), "corrections", False),
            (marked("Paid"), "paid", True),
        )
        opening = self.say(marked("Opening balance on %(day)s"), day=first)
        yield self._sum(opening, section["opening_minor"], section, "edge")
        for name, of, is_always_told in between:
            amount_minor = -sums[of] if of == "paid" else sums[of]
            if amount_minor or is_always_told:
                yield self._sum(self.say(name), amount_minor, section, "", _tone(of, amount_minor))
        closing = self.say(marked("Closing balance on %(day)s"), day=last)
        yield self._sum(closing, section["closing_minor"], section, "edge")
        if section["later_minor"]:
            later = self.say(marked("of which payable after %(day)s"), day=last)
            yield self._sum(later, section["later_minor"], section, "note")
        if section["closing_minor"] - section["later_minor"] < 0:
            owed = section["closing_minor"] - section["later_minor"]
            carried = self.say(marked("carried forward, recovered from later pay"))
            yield self._sum(carried, owed, section, "note")

    def _sum(self, name: str, amount_minor: int, section: Plain, kind: str, tone: str = "") -> Shown:
        number = self.speaker.number(amount_minor, section["currency"])
        return {"name": name, "amount": number, "kind": kind, "tone": tone}

    def months(self, section: Plain, number: Callable[[int], str]) -> Shown:
        """Month by month: the figures of the chart as a table; rare columns only where they say something."""
        columns = [
            (marked("Earned on cash"), ("earned", "given_back"), True),
            (marked("Taken back"), ("taken_back",), True),
            (marked("Bonus"), ("bonus",), True),
            (marked("Other"), ("draw", "cap", "adjustment"), False),
            (marked("Corrections"), ("corrections",), False),
            (marked("Paid"), ("paid",), True),
        ]
        months = section["months"]
        told = [
            (name, of)
            for name, of, is_always_told in columns
            if is_always_told or any(month["sums"][each] for month in months for each in of)
        ]

        def cells(sums: Plain) -> list[Shown]:
            amounts = [(of[0], sum(sums[each] for each in of)) for _, of in told]
            return [{"amount": number(minor), "tone": _tone(kind, minor)} for kind, minor in amounts]

        return {
            "columns": [self.say(name) for name, _ in told],
            "rows": [
                {"name": self.speaker.month(day_of(month["month"])), "cells": cells(month["sums"])}
                for month in months
            ],
            "total": cells(section["sums"]),
        }

    def chart(self, section: Plain) -> str:
        """Earned and paid of every month; bonus and what was taken back where there is any."""
        bars = (
            (marked("Earned"), EARNED, ("earned", "given_back"), True),
            (marked("Bonus"), BONUS, ("bonus",), False),
            (marked("Taken back"), TAKEN_BACK, ("taken_back",), False),
            (marked("Paid"), PAID, ("paid",), True),
        )
        groups = []
        for month in section["months"]:
            drawn = []
            for name, colour, of, is_always_drawn in bars:
                amount_minor = sum(month["sums"][each] for each in of)
                if amount_minor or is_always_drawn:
                    label = f"{self.say(name)} {self.speaker.number(amount_minor, section['currency'])}"
                    drawn.append(Bar(amount_minor, label, colour))
            groups.append(Bars(self.speaker.month_of_year(day_of(month["month"])), drawn))
        title = self.say(marked("Earned, taken back and paid by month; the table below has the figures"))
        return self.draws(groups, title)

    # Lines ------------------------------------------------------------------------------------------

    def _lines(self, rows: Iterable[Plain], number: Callable[[int], str]) -> Iterator[Shown]:
        """Months, in them components, in them lines; each with its sum."""
        for month, of_month in groupby(rows, key=lambda row: row["month"]):
            components = []
            month_minor = 0
            for (_, component), of_component in groupby(of_month, key=lambda row: (row["plan"], row["component"])):
                lines = list(of_component)
                sum_minor = sum(row["amount_minor"] for row in lines)
                month_minor += sum_minor
                told = [self.line(row, number) for row in lines]
                name = self.component(component, lines)
                components.append({"name": name, "total": number(sum_minor), "rows": told})
            if len(components) == 1:
                components[0]["total"] = ""
            name = self.speaker.month(day_of(month))
            name = name[:1].upper() + name[1:]
            yield {"name": name, "components": components, "total": number(month_minor)}

    def component(self, component: str, rows: Iterable[Plain]) -> str:
        """A component with the plans that its lines come from."""
        if component == "adjustment":
            return self.say(marked("Adjustments"))
        numbers = {row["rule"] for row in rows if row["rule"]}
        plans = {brief(rule["plan"]) for rule in self.document["rules"] if rule["number"] in numbers}
        return " · ".join([spoken(component), *sorted(plans)])

    def line(self, row: Plain, number: Callable[[int], str]) -> Shown:
        """One line: what happened, when, on which invoice, for how much."""
        word, caused = went(self.speaker, row["kind"]), happened(self.speaker, row["happened"])
        notes = [brief(row["happened"]["reason"], 240), self._payable(row), self._postings(row, number)]
        return {
            "day": self.speaker.day_of_year(day_of(row["earned_on"])),
            "invoice": brief(row["invoice_id"], 60),
            "customer": brief(row["customer"]),
            "went": word,
            "what": caused,
            "note": ". ".join(note.rstrip(".") for note in notes if note),
            "rule": str(row["rule"] or ""),
            "amount": number(row["amount_minor"]),
            "tone": _tone(row["kind"], row["amount_minor"]),
        }

    def _payable(self, row: Plain) -> str:
        """When it is payable, where that is not the month in which it was earned."""
        earned_on, payable_on = day_of(row["earned_on"]), day_of(row["payable_on"])
        if (earned_on.year, earned_on.month) == (payable_on.year, payable_on.month):
            return ""
        return self.say(marked("Payable from %(day)s"), day=self.speaker.short_day(payable_on))

    def _postings(self, row: Plain, number: Callable[[int], str]) -> str:
        """In which months it was posted, where that is not simply its own."""
        each = [
            self.say(
                marked("%(amount)s posted in %(month)s"),
                amount=number(posting["amount_minor"]),
                month=self.speaker.month(day_of(posting["month"])),
            )
            for posting in row["postings"]
        ]
        return ", ".join(each)

    def _went_back(self, row: Plain, number: Callable[[int], str]) -> Shown:
        return self.line(row, number) | {"undone": [self._undone(row, each, number) for each in row["undone"]]}

    def _undone(self, row: Plain, undone: Plain, number: Callable[[int], str]) -> str:
        """What a take-back undoes, what a give-back restores."""
        values: dict[str, Any] = {
            "day": self.speaker.short_day(day_of(undone["on"])),
            "cause": brief(undone["cause"], 60),
        }
        if undone["amount_minor"] is not None:
            values["amount"] = number(abs(undone["amount_minor"]))
        if row["kind"] == "restoration" and undone["take_back"]:
            values["take_back"] = brief(undone["take_back"], 60)
        if "take_back" in values and "amount" in values:
            text = marked("%(amount)s of what you earned on %(day)s (%(cause)s), taken back by %(take_back)s")
        elif "amount" in values:
            text = marked("%(amount)s of what you earned on %(day)s (%(cause)s)")
        else:
            text = marked("what you earned on %(day)s (%(cause)s), with the rate of its whole window")
        return self.say(text, **values)

    def correction(self, correction: Plain, number: Callable[[int], str]) -> Shown:
        """What stood of an earlier quarter, what stands, and why."""
        row = correction["row"]
        line = self.line(row, number)
        return line | {
            "day": self.speaker.short_day(day_of(row["earned_on"])),
            "what": line["what"] if correction["is_known"] else "",
            "component": self.component(row["component"], [row]),
            "note": brief(row["happened"]["reason"], 240),
            "why": why_corrected(self.speaker, correction),
            "posted": self.speaker.month(day_of(correction["posted"])),
            "stood": number(correction["stood_minor"]),
            "stands": number(correction["stands_minor"]),
            "undone": [self._undone(row, each, number) for each in row["undone"]],
        }

    # Bonuses ----------------------------------------------------------------------------------------

    def _pool(self, pool: Plain, currency: str, number: Callable[[int], str]) -> Shown:
        """How a shared pool came about, step by step, and the payee's parts of it."""
        steps = pool_steps(self.speaker, pool, number)
        mine = sum(part["part_minor"] for part in pool["parts"])
        fact = ""
        for part in pool["parts"]:
            role = {"role": spoken(part["role"]), "share": self.speaker.share(part["role_share_ppm"])}
            name = self.say(marked("%(role)s together: a share of %(share)s"), **role)
            steps.append({"name": name, "fact": "", "amount": number(part["role_minor"])})
            fact = self._among(part, number)
            if len(pool["parts"]) > 1:
                name = self.say(marked("Your part as %(role)s"), role=role["role"])
                steps.append({"name": name, "fact": fact, "amount": number(part["part_minor"])})
        return {
            "name": spoken(pool["component"]),
            "team": brief(pool["team"]),
            "span": span(self.speaker, pool["first"], pool["last"]),
            "rule": str(pool["rule"] or ""),
            "steps": steps,
            "fact": fact if len(pool["parts"]) == 1 else "",
            "amount": self.speaker.money(mine, currency),
        }

    def _among(self, part: Plain, number: Callable[[int], str]) -> str:
        """By what a role's share is split among its members."""
        if part["within_role"] == "by_credited_cash" and part["weights"] != part["members"]:
            mine, whole = number(part["weight"]), number(part["weights"])
            return self.say(marked("by credited cash: yours is %(mine)s of %(whole)s"), mine=mine, whole=whole)
        if part["within_role"] == "by_days":
            mine, whole = (self.speaker.integer(part[each]) for each in ("weight", "weights"))
            return self.say(marked("by days in the team: yours are %(mine)s of %(whole)s"), mine=mine, whole=whole)
        return self.speaker.count(
            "you are its only member", "shared equally by %(number)s members", part["members"]
        )

    def _target(self, target: Plain, currency: str, number: Callable[[int], str]) -> Shown:
        collected, goal = number(target["collected_minor"]), number(target["target_minor"])
        steps = [
            {"name": self.say(marked("Collected")), "fact": "", "amount": collected},
            {"name": self.say(marked("Target")), "fact": "", "amount": goal},
            *(gate_step(self.speaker, gate) for gate in target["gates"]),
        ]
        return {
            "name": spoken(target["component"]),
            "team": brief(target["team"]),
            "span": span(self.speaker, target["first"], target["last"]),
            "rule": str(target["rule"] or ""),
            "steps": steps,
            "fact": "",
            "amount": self.speaker.money(target["amount_minor"], currency),
        }

    # Pay and what waits -----------------------------------------------------------------------------

    def payout(self, payout: Plain, number: Callable[[int], str]) -> Shown:
        """A month's pay, from what was payable to what is carried forward."""
        names = ("positive", "negative", "brought_forward", "recovered", "pay", "carried_forward")
        amounts = {name: payout[f"{name}_minor"] for name in names}
        amounts["recovered"] = -amounts["recovered"]
        cells = [{"amount": number(amounts[name]), "tone": ""} for name in names]
        return {"name": self.speaker.month(day_of(payout["month"])), "cells": cells}

    def _waiting(self, waits: Plain, number: Callable[[int], str]) -> Shown:
        late = waits["days_past_due"]
        return {
            "invoice": brief(waits["invoice_id"], 60),
            "customer": brief(waits["customer"]),
            "due": self.speaker.short_day(day_of(waits["due_on"])),
            "late": self.speaker.count("%(number)s day late", "%(number)s days late", late) if late > 0 else "",
            "open": self.speaker.money(waits["open_minor"], waits["currency"]),
            "amount": number(waits["would_earn_minor"]),
        }
