"""My pay: what somebody earned, had taken back and was paid, line by line down to the payment; and what waits."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from flask import Blueprint, flash, make_response, redirect, render_template, request, url_for
from markupsafe import Markup

from incentives.calendar import Period, month_name, period_of
from incentives.documents.written import Unreadable, first_of_month
from incentives.errors import Rejected
from incentives.money import EXPONENTS
from incentives.papers.languages import Speaker, marked
from incentives.papers.statement.document import Document
from incentives.papers.statement.page import Page
from incentives.papers.statement.words import spoken
from incentives.service import decisions, pay, receivables, teams
from incentives.service.access import NotThere, reach_payee
from incentives.service.explaining import explain, moment
from incentives.service.pay import LineKey, Quarter, Question
from incentives.service.receivables import OpenInvoice
from incentives.store.facts_out import Known, Rules
from incentives.web.forms import Form, is_fragment
from incentives.web.here import books, look_again, reader, speak, today, viewer, who
from incentives.web.policy import allow

blueprint = Blueprint("my_pay", __name__, url_prefix="/pay")

Shown = dict[str, Any]

KINDS = {
    "earned": ("earning", "restoration"),
    "taken-back": ("clawback", "suspension"),
    "bonus": ("bonus",),
    "other": ("draw", "draw_recovery", "cap", "adjustment"),
}
"""Which lines a figure is the sum of."""


# The quarter -----------------------------------------------------------------------------------------


@blueprint.get("", defaults={"payee_id": ""})
@blueprint.get("/<payee_id>")
@allow()
def show(payee_id: str) -> Any:
    """A quarter or a month of a payee: figures, chart, lines."""
    whose = _whose(payee_id)
    if whose is None:
        return redirect(url_for("team.show"))
    rules = Known(reader()).rules()
    if rules is None:
        return render_template("my_pay/nothing.html", whose=whose)
    known = pay.quarters(reader(), rules, [whose.payee_id], today())
    chosen, month = _chosen(known, rules)
    quarter = pay.quarter_of(reader(), rules, whose.payee_id, chosen)
    of = request.args.get("of", "")
    view = _View(whose, quarter, month, of if of in (*KINDS, "paid", "corrections") else "", known, speak())
    return render_template("my_pay/show.html", whose=whose, view=view)


@dataclass(frozen=True, slots=True)
class Whose:
    """Whose pay is looked at: one's own under /pay, somebody else's under their id."""

    payee_id: str
    is_own: bool

    def address(self, **asked: str) -> str:
        """The page with this choice."""
        given = {name: value for name, value in asked.items() if value}
        return url_for("my_pay.show", payee_id="" if self.is_own else self.payee_id, **given)  # type: ignore[arg-type]


def _whose(payee_id: str) -> Whose | None:
    """Whose pay is asked for; ``None``: no one's in particular, by somebody who sees all."""
    own = viewer().payee_id
    if payee_id:
        return Whose(reach_payee(reader(), viewer(), payee_id), payee_id == own)
    if own:
        return Whose(own, True)
    if viewer().sees_all_pay:
        return None
    raise NotThere("pay")


def _chosen(known: list[Period], rules: Rules) -> tuple[Period, dt.date | None]:
    """The quarter that the address names, and the month if it names one; the newest quarter if it names none."""
    month, quarter = _month_in("month"), _month_in("quarter")
    day = month or quarter
    if day is None:
        return known[-1], None
    found = period_of(day, "quarter", rules.company.fiscal_year_starts)
    if found not in known:
        raise NotThere(month_name(day))
    return found, month


def _month_in(name: str) -> dt.date | None:
    try:
        return first_of_month(request.args[name]) if name in request.args else None
    except Unreadable:
        raise NotThere(name) from None


class _View:
    """A quarter or a month of it, in the words of a reader."""

    def __init__(
        self,
        whose: Whose,
        quarter: Quarter,
        month: dt.date | None,
        of: str,
        known: list[Period],
        words: Speaker,
    ) -> None:
        self.whose, self.quarter, self.month, self.of = whose, quarter, month, of
        self.known, self.words = known, words
        self.page = Page(quarter.document, words)
        self.questions = pay.questions_of(reader(), whose.payee_id)
        self.numbers = iter(range(1, 1_000_000))

    # Where you are ----------------------------------------------------------------------------------

    @property
    def title(self) -> str:
        """The month or the quarter by its name."""
        return self.words.month(self.month) if self.month else self.page.quarter()

    @property
    def choice(self) -> dict[str, str]:
        """What the address says of it."""
        if self.month:
            return {"month": month_name(self.month)}
        return {"quarter": month_name(self.quarter.period.first)}

    def quarters(self) -> Iterator[tuple[str, str, bool]]:
        """The quarters around this one: name, address, whether it is this one."""
        at = self.known.index(self.quarter.period)
        for each in self.known[max(0, at - 3) : at + 3]:
            name = self.words.short_months(each.first, each.last)
            yield name, self.whose.address(quarter=month_name(each.first)), each == self.quarter.period

    def months(self) -> Iterator[tuple[str, str, bool]]:
        """The whole quarter, and its months that have begun."""
        quarter = month_name(self.quarter.period.first)
        yield self.words.say(marked("Whole quarter")), self.whose.address(quarter=quarter), self.month is None
        for each in self.quarter.months:
            if each <= today():
                name = self.words.month_of_year(each)
                yield name, self.whose.address(month=month_name(each)), each == self.month

    @property
    def open_months(self) -> list[dt.date]:
        """The months shown that are not closed and have begun."""
        through = self.quarter.closed_through
        shown = [self.month] if self.month else self.quarter.months
        return [each for each in shown if each <= today() and (through is None or each > through)]

    @property
    def closed_months(self) -> list[dt.date]:
        """The months shown that are closed."""
        through = self.quarter.closed_through
        shown = [self.month] if self.month else self.quarter.months
        return [each for each in shown if through is not None and each <= through]

    @property
    def as_of(self) -> dt.date | None:
        """The day up to which everything was counted when somebody ran last."""
        at = moment(reader())
        return at.as_of if at else None

    def named(self, months: list[dt.date]) -> str:
        """Months by their names, to begin a sentence with."""
        said = self.words.say(marked(" and ")).join(self.words.month(each) for each in months)
        return said[:1].upper() + said[1:]

    # What there is ----------------------------------------------------------------------------------

    def sections(self) -> Iterator[Shown]:
        """Everything, a currency at a time."""
        for section in self.quarter.document["sections"]:
            yield self._section(section if self.month is None else _of_month(section, self.month))

    def _section(self, section: Document) -> Shown:
        currency, sums = section["currency"], section["sums"]
        lines = list(self._lines(section))
        whole = next(each for each in self.quarter.document["sections"] if each["currency"] == currency)
        return {
            "currency": currency,
            "is_empty": not any(sums.values()) and not section["rows"],
            "figures": self._figures(section),
            "others": self._others(section),
            "chart": Markup(self.page.chart(whole)) if any(whole["sums"].values()) else None,
            "months": self.page.months(whole, lambda minor: self.words.number(minor, currency)),
            "groups": _by_customer(lines),
            "total_minor": sum(line.amount_minor for line in lines),
            "payouts": [self._payout(each, section) for each in section["payouts"]],
        }

    def _figures(self, section: Document) -> list[Shown]:
        """Earned, taken back, bonus, paid: each leads to the lines that it is the sum of."""
        sums, words = section["sums"], self.words
        given_back = words.money(sums["given_back"], section["currency"])
        note = words.say(marked("%(amount)s given back"), amount=given_back) if sums["given_back"] else ""
        told = (
            ("earned", marked("Earned on cash"), sums["earned"] + sums["given_back"], note),
            ("taken-back", marked("Taken back"), sums["taken_back"], ""),
            ("bonus", marked("Bonus"), sums["bonus"], ""),
            ("paid", marked("Paid"), sums["paid"], self._paid_note()),
        )
        return [
            self._figure(tone, words.say(name), minor, section["currency"], note)
            for tone, name, minor, note in told
        ]

    def _paid_note(self) -> str:
        months = self.open_months
        return self.words.say(marked("%(months)s: not paid yet"), months=self.named(months)) if months else ""

    def _figure(self, of: str, name: str, amount_minor: int, currency: str, note: str) -> Shown:
        address = self.whose.address(**self.choice, of="" if self.of == of else of)
        return {
            "tone": of,
            "name": name,
            "amount_minor": amount_minor,
            "note": note,
            "href": f"{address}#lines-{currency}",
            "is_chosen": self.of == of,
        }

    def _others(self, section: Document) -> list[Shown]:
        """What is neither: draws, caps, adjustments, corrections of earlier quarters. Only where there is any."""
        sums = section["sums"]
        told = (
            ("other", marked("Draws and their recovery"), sums["draw"]),
            ("other", marked("Above the cap"), sums["cap"]),
            ("other", marked("Adjusted by hand"), sums["adjustment"]),
            ("corrections", marked("Corrections of earlier quarters"), sums["corrections"]),
        )
        return [
            self._figure(of, self.words.say(name), minor, section["currency"], "")
            for of, name, minor in told
            if minor
        ]

    # Lines ------------------------------------------------------------------------------------------

    def _lines(self, section: Document) -> Iterator[_Line]:
        """The lines that are asked for."""
        currency = section["currency"]

        def number(amount_minor: int) -> str:
            return self.words.number(amount_minor, currency)

        if self.of in ("", *KINDS):
            kinds = KINDS.get(self.of)
            for row in section["rows"]:
                if kinds is None or row["kind"] in kinds:
                    yield self._line(row, self.page.line(row, number), currency)
        if self.of in ("", "corrections"):
            for each in section["corrections"]:
                said = self.page.correction(each, number)
                notes = " ".join(filter(None, (said["why"], said["note"])))
                yield self._line(each["row"], said | {"note": notes}, currency)

    def _line(self, row: Mapping[str, Any], said: Shown, currency: str) -> _Line:
        key: LineKey = (row["plan"], row["component"], row["kind"], row["cause"])
        component = self.page.component(row["component"], [row])
        return _Line(
            number=next(self.numbers),
            day=said["day"],
            invoice_id=row["invoice_id"],
            customer=said["customer"],
            went=said["went"],
            what=said["what"],
            note=said["note"],
            component=component,
            tone=said["tone"],
            amount_minor=row["amount_minor"],
            currency=currency,
            why=self._why(*key),
            questions=tuple(self.questions.get(key, ())),
        )

    def _why(self, plan: str, component: str, kind: str, cause: str) -> str:
        names = {"plan": plan, "component": component, "kind": kind, "cause": cause}
        return why_address(self.whose.payee_id, **names, quarter=month_name(self.quarter.period.first))

    def _payout(self, payout: Mapping[str, Any], section: Document) -> Shown:
        month = payout["month"][:7]
        shown = self.page.payout(payout, lambda minor: self.words.number(minor, section["currency"]))
        return shown | {"why": self._why("", "payout", "payout", f"payout:{month}"), "number": next(self.numbers)}


@dataclass(frozen=True, slots=True)
class _Line:
    """A line as it is shown."""

    number: int
    day: str
    invoice_id: str
    customer: str
    went: str
    what: str
    note: str
    component: str
    tone: str
    amount_minor: int
    currency: str
    why: str
    questions: tuple[Question, ...] = ()


def why_address(payee_id: str, **asked: str) -> str:
    """The page that explains a line of a payee."""
    return url_for("my_pay.why", payee_id=payee_id, **{name: each for name, each in asked.items() if each})  # type: ignore[arg-type]


def _of_month(section: Document, month: dt.date) -> Document:
    """What a section has of one month: its sums, lines, corrections and pay."""
    of = month.isoformat()
    return section | {
        "sums": next(each["sums"] for each in section["months"] if each["month"] == of),
        "rows": [row for row in section["rows"] if row["month"] == of],
        "corrections": [each for each in section["corrections"] if each["posted"] == of],
        "payouts": [each for each in section["payouts"] if each["month"] == of],
    }


@dataclass(frozen=True, slots=True)
class _Group:
    """The lines of a customer."""

    customer: str
    lines: list[_Line] = field(default_factory=list)

    @property
    def total_minor(self) -> int:
        """What they come to."""
        return sum(line.amount_minor for line in self.lines)


def _by_customer(lines: Iterable[_Line]) -> list[_Group]:
    """Lines by customer and invoice; what belongs to no invoice comes last."""
    found: dict[str, _Group] = {}
    for line in lines:
        found.setdefault(line.customer, _Group(line.customer)).lines.append(line)
    for group in found.values():
        group.lines.sort(key=lambda line: line.invoice_id)
    return sorted(found.values(), key=lambda group: (not group.customer, group.customer.casefold()))


# Why -------------------------------------------------------------------------------------------------


@blueprint.get("/<payee_id>/why")
@allow()
def why(payee_id: str) -> Any:
    """Why a line is what it is: in place, or as a page of its own."""
    return _why_shown(reach_payee(reader(), viewer(), payee_id), Form())


def _why_shown(payee_id: str, form: Form) -> Any:
    asked = {name: request.values.get(name, "") for name in ("cause", "plan", "component", "kind", "quarter")}
    names = {name: asked[name] for name in ("plan", "component", "kind") if name in request.values}
    found = explain(
        reader(),
        payee_id,
        asked["cause"],
        speak().language,
        **names,
        month=_closed_with(payee_id, asked["quarter"]),
    )
    if not found:
        raise NotThere(asked["cause"])
    return render_template(
        "my_pay/why_part.html" if is_fragment() else "my_pay/why.html",
        whose=Whose(payee_id, payee_id == viewer().payee_id),
        payee=next(Known(reader()).payees(pay.THIS_PAYEE, this=payee_id), None),
        asked=asked,
        found=found,
        questions=pay.questions_of(reader(), payee_id),
        holds=_holds_disputed(),
        address=lambda each: why_address(
            payee_id,
            plan=each.plan,
            component=each.component,
            kind=each.kind,
            cause=each.cause,
            quarter=asked["quarter"],
        ),
        form=form,
        spoken=spoken,
    )


def _closed_with(payee_id: str, quarter: str) -> dt.date | None:
    """The last month of a quarter whose statement was issued: its lines are explained as they stood then."""
    rules = Known(reader()).rules()
    if not quarter or rules is None:
        return None
    try:
        day = first_of_month(quarter)
    except Unreadable:
        raise NotThere(quarter) from None
    return period_of(period_of(day, "quarter", rules.company.fiscal_year_starts).last, "month", 1).first


def _holds_disputed() -> bool:
    rules = Known(reader()).rules()
    return rules is not None and rules.company.hold_disputed


@blueprint.post("/<payee_id>/why")
@allow("rep", "manager", "credit", "author", "approver")
def ask(payee_id: str) -> Any:
    """Ask about a line. A take-back waits until it is answered."""
    reach_payee(reader(), viewer(), payee_id)
    form = Form.sent()
    try:
        decisions.ask(books(), who(), payee_id, str(form["cause"]), str(form["question"]).strip())
    except Rejected as rejected:
        form.refuse(replace(each, path="question") for each in rejected.problems)
        return make_response(_why_shown(payee_id, form), 422)
    look_again()
    if is_fragment():
        return _why_shown(payee_id, Form())
    asked = {name: str(form[name]) for name in ("cause", "plan", "component", "kind", "quarter")}
    return redirect(why_address(payee_id, **asked))


# Waiting on cash -------------------------------------------------------------------------------------


AGES = (
    (0, 0, marked("Not due yet")),
    (1, 30, marked("1 to 30 days past due")),
    (31, 60, marked("31 to 60 days past due")),
    (61, 90, marked("61 to 90 days past due")),
    (91, None, marked("More than 90 days past due")),
)


@blueprint.get("/<payee_id>/waiting")
@allow()
def waits(payee_id: str) -> Any:
    """What waits on cash for a payee, by days past due."""
    return _waits_shown(reach_payee(reader(), viewer(), payee_id), Form())


def _waits_shown(payee_id: str, form: Form) -> str:
    found = _waiting_of(payee_id)
    return render_template(
        "my_pay/waiting.html",
        whose=Whose(payee_id, payee_id == viewer().payee_id),
        payee=next(Known(reader()).payees(pay.THIS_PAYEE, this=payee_id), None),
        ages=[(name, some) for low, high, name in AGES if (some := _aged(found, low, high))],
        totals=_worth(found),
        names=teams.names_of(reader(), {warned.payee_id for each in found for warned in each.warnings}),
        form=form,
        may_warn=viewer().has("rep", "manager", "credit", "author", "approver"),
    )


@blueprint.get("/<payee_id>/waiting/total")
@allow()
def waiting_total(payee_id: str) -> str:
    """What waits on cash, in one figure: a fragment, since it has to be calculated."""
    reach_payee(reader(), viewer(), payee_id)
    currency = request.args.get("currency", "")
    if currency not in EXPONENTS:
        raise NotThere(currency)
    found = _waiting_of(payee_id)
    shape = "my_pay/waiting_cell.html" if request.args.get("as") == "cell" else "my_pay/waiting_total.html"
    return render_template(shape, payee_id=payee_id, found=found, totals=_worth(found), currency=currency)


@blueprint.post("/<payee_id>/waiting")
@allow("rep", "manager", "credit", "author", "approver")
def warn(payee_id: str) -> Any:
    """Tell credit early about a customer."""
    reach_payee(reader(), viewer(), payee_id)
    form = Form.sent()
    invoice_id = str(form["invoice_id"])
    found = {each.invoice_id: each for each in _waiting_of(payee_id)}
    if invoice_id not in found:
        raise NotThere(invoice_id)
    try:
        receivables.warn_credit(books(), who(str(form["reason"])), payee_id, invoice_id, today())
    except Rejected as rejected:
        form.refuse(rejected.problems)
        return make_response(_waits_shown(payee_id, form), 422)
    look_again()
    flash(speak().say(marked("Credit has been warned about %(invoice)s."), invoice=invoice_id), "done")
    return redirect(url_for("my_pay.waits", payee_id=payee_id) + f"#{invoice_id}")


def _waiting_of(payee_id: str) -> list[OpenInvoice]:
    rules = Known(reader()).rules()
    return receivables.waiting_of(reader(), rules, payee_id, today()) if rules else []


def _aged(found: list[OpenInvoice], low: int, high: int | None) -> list[OpenInvoice]:
    return [each for each in found if low <= each.days_past_due and (high is None or each.days_past_due <= high)]


def _worth(found: list[OpenInvoice]) -> dict[str, int]:
    """What they would earn together, by currency."""
    totals: dict[str, int] = {}
    for each in found:
        for currency, amount_minor in each.would_earn:
            totals[currency] = totals.get(currency, 0) + amount_minor
    return totals
