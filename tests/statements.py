"""What the tests of statements are about: the sample company's quarter, and quarters written down by hand."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from incentives.calculation.book import Book
from incentives.calculation.earned import Calculation, Earned
from incentives.calculation.explanation import Step, Value, Why
from incentives.calculation.lines import Line, LineKind
from incentives.calculation.waiting import Waiting, waiting
from incentives.calendar import Period, month_name, period_of
from incentives.engines.inprocess import calculate
from incentives.facts import Company, Facts, Payee
from incentives.feeds.folder import read_folder
from incentives.ledger.entries import Entry, EntryKind
from incentives.ledger.pay import Payout, payouts
from incentives.ledger.statement import Background, Statement, pools_of, statement
from incentives.money import EXACT
from incentives.rules.commission import Commission, Tier
from incentives.rules.plan import Plan, Version

SAMPLE = Path(__file__).parent.parent / "sample_data"
AS_OF = dt.date(2026, 6, 30)
ISSUED = dt.date(2026, 7, 3)
SPRING = Period(dt.date(2026, 4, 1), dt.date(2026, 6, 30))
CONTACT = "payroll@waalkade.example"
SEAL = "5f" * 32

# The sample company ----------------------------------------------------------------------------------------


@lru_cache
def sample() -> tuple[Facts, tuple[Plan, ...], Earned, list[Payout]]:
    """The sample company as of 30 June 2026."""
    reading = read_folder(SAMPLE)
    assert reading.facts is not None
    earned = calculate(reading.facts, reading.plans, AS_OF)
    month = period_of(AS_OF, "month", 1)
    return (
        reading.facts,
        reading.plans,
        earned,
        payouts(earned.lines, month, reading.facts.company.recovery_cap_ppm),
    )


@lru_cache
def sample_statement(payee_id: str, quarter: Period = SPRING) -> Statement:
    """A statement of the sample company, every line posted in the month in which it was earned."""
    facts, plans, earned, paid = sample()
    calculation = Calculation(Book(facts, plans, AS_OF))
    names = {each.customer_id: each.name for each in facts.customers}
    payee = next(each for each in facts.payees if each.payee_id == payee_id)
    lines = [line for line in earned.lines if line.payee_id == payee_id]
    mine = [each for each in paid if each.payee_id == payee_id]
    background = Background(
        company=facts.company,
        plans=plans,
        lines=lines,
        as_of=AS_OF,
        pools=pools_of(payee_id, facts.memberships, earned.pools, quarter),
        waiting=list(waiting(calculation, payee_id)),
        customers={each.invoice_id: names[each.customer_id] for each in facts.invoices},
        contact=CONTACT,
    )
    return statement(payee, quarter, posted(lines, mine), mine, background, ISSUED)


def posted(lines: Iterable[Line], paid: Iterable[Payout]) -> list[Entry]:
    """Lines and pay as entries, as if every month had been closed on its last day."""
    entries = [
        Entry(
            number,
            1,
            line.earned_on.replace(day=1),
            line.payee_id,
            line.plan,
            line.component,
            line.kind,
            line.cause,
            line.invoice_id,
            line.earned_on,
            line.payable_on,
            line.amount_minor,
            line.currency,
            line.plan_version,
            0,
        )
        for number, line in enumerate(sorted(lines, key=lambda line: line.earned_on), 1)
    ]
    return [
        *entries,
        *(payout_entry(each, len(entries) + at) for at, each in enumerate(paid, 1) if each.pay_minor),
    ]


def payout_entry(payout: Payout, entry_id: int) -> Entry:
    """Pay as it is posted."""
    month, cause = payout.month, f"payout:{month_name(payout.month)}"
    owner, amount = payout.payee_id, -payout.pay_minor
    return Entry(
        entry_id,
        2,
        month,
        owner,
        "",
        "payout",
        "payout",
        cause,
        "",
        month,
        month,
        amount,
        payout.currency,
        month,
        0,
    )


# Written by hand -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Given(Why):
    """A reason that a test wrote."""

    told: Step

    def step(self, line: Line, /) -> Step:
        return self.told


@dataclass
class Desk:
    """One payee's ledger, line by line; amounts are in cents of the line's currency."""

    payee: Payee = field(default_factory=lambda: Payee("P1", "Ana Vermeer", employee_id="0042", currency="EUR"))
    company: Company = field(default_factory=lambda: Company("Vermeer & Co", "EUR", "Europe/Amsterdam", 1))
    quarter: Period = SPRING
    entries: list[Entry] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)
    paid: list[Payout] = field(default_factory=list)
    customers: dict[str, str] = field(default_factory=dict)
    waits: list[Waiting] = field(default_factory=list)
    notes: dict[str, str] = field(default_factory=dict)
    plan: Plan = field(default_factory=lambda: plan_named("Account executive", "FY26 plan letter, section 3"))
    contact: str = CONTACT

    def post(
        self,
        cause: str,
        amount_minor: int,
        earned_on: str,
        month: str = "",
        kind: EntryKind = "earning",
        invoice_id: str = "INV-1",
        payable_on: str = "",
        currency: str = "EUR",
        run_id: int = 1,
        plan: str = "ae",
    ) -> Entry:
        """An entry, posted in the month it was earned in unless another is named (``2026-05``)."""
        day = dt.date.fromisoformat(earned_on)
        posted_in = dt.date.fromisoformat(f"{month}-01") if month else day.replace(day=1)
        component = {"adjustment": "adjustment", "payout": "payout"}.get(kind, "cash-commission")
        key = (self.payee.payee_id, plan, component, kind, cause, currency)
        stood = sum(each.amount_minor for each in self.entries if each.key == key)
        entry = Entry(
            len(self.entries) + 1,
            run_id,
            posted_in,
            self.payee.payee_id,
            plan,
            component,
            kind,
            cause,
            invoice_id,
            day,
            dt.date.fromisoformat(payable_on) if payable_on else day,
            amount_minor,
            currency,
            dt.date(2026, 1, 1),
            stood,
        )
        self.entries.append(entry)
        return entry

    def told(self, entry: Entry, kind: LineKind, code: str, steps: Sequence[Step] = (), **values: Value) -> None:
        """The recalculated line of an entry, with a reason."""
        root = {"event_currency": entry.currency} | values
        why = Given(Step(code, root, entry.amount_minor * EXACT, tuple(steps)))
        self.lines.append(
            Line(
                entry.payee_id,
                entry.plan,
                entry.component,
                kind,
                entry.cause,
                entry.invoice_id,
                entry.earned_on,
                entry.payable_on,
                entry.amount_minor,
                entry.currency,
                entry.plan_version,
                why,
            )
        )

    def pay(self, month: str, pay_minor: int, currency: str = "EUR") -> None:
        """Pay of a month, posted."""
        day = dt.date.fromisoformat(f"{month}-01")
        self.paid.append(Payout(day, self.payee.payee_id, currency, pay_minor, 0, 0, 0, pay_minor, 0))
        self.entries.append(payout_entry(self.paid[-1], len(self.entries) + 1))

    def statement(self) -> Statement:
        """The quarter's statement."""
        background = Background(
            company=self.company,
            plans=[self.plan],
            lines=self.lines,
            as_of=self.quarter.last,
            waiting=self.waits,
            customers=self.customers,
            notes=self.notes,
            contact=self.contact,
        )
        return statement(self.payee, self.quarter, self.entries, self.paid, background, ISSUED)


def plan_named(name: str, reference: str, component: str = "cash-commission") -> Plan:
    """A plan with one component, in force since January 2026."""
    commission = Commission(component, (Tier(0, 40_000),))
    return Plan("ae", name, "EUR", "invoice", (Version(dt.date(2026, 1, 1), reference, (commission,)),))


HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=file:///etc/passwd onerror=alert(1)>',
    "<link rel=stylesheet href=http://evil.example/x.css>",
    "=cmd|' /C calc'!A1",
    "url(http://evil.example/a.png); } @import 'http://evil.example/b.css';",
    "{{ 7 * 7 }} {% include '/etc/passwd' %} %(amount)s %s",
    "\N{HEBREW LETTER ALEF}\N{HEBREW LETTER BET} \u202e\N{ARABIC LETTER BEH}\N{ARABIC LETTER TEH} \u2066",
    "\U0001f9fe\U0001f468\u200d\U0001f469\u200d\U0001f467 Emoji & Zn. \x00\x07\ud800\ufffe",
    "W" * 300,
    "Long " * 60,
)


def hostile_desk() -> Desk:
    """A quarter in which every text that somebody else wrote is meant badly."""
    desk = Desk(
        payee=Payee("<b>P1</b>", HOSTILE[1] + HOSTILE[6] + HOSTILE[8], employee_id="=1+1<x>", currency="EUR"),
        company=Company("<style>*{display:none}</style>" + HOSTILE[9], "EUR", "Europe/Amsterdam", 1),
        plan=plan_named(HOSTILE[0] + HOSTILE[8], HOSTILE[2] + HOSTILE[9]),
        contact=HOSTILE[4] + HOSTILE[7],
    )
    for at, text in enumerate(HOSTILE):
        invoice = f"INV-{at}-{text}"
        desk.customers[invoice] = text
        month = at % 3 + 4
        entry = desk.post(f"pay-{at}", 10_000 + at, f"2026-{month:02d}-1{at}", invoice_id=invoice)
        desk.told(entry, "earning", "earning", event="payment", event_minor=250_000, reason=text)
        back = desk.post(text, -500 - at, f"2026-{month:02d}-2{at}", kind="clawback", invoice_id=invoice)
        taken = Step("taken", {"on": entry.earned_on, "cause": text, "undoes": ""}, back.amount_minor * EXACT)
        desk.told(back, "clawback", "clawback", [taken], event="refund", event_minor=12_500, reason=text)
        desk.post(f"late-{at}", 100, "2026-02-11", month="2026-05", invoice_id=invoice)
        desk.waits.append(
            Waiting(desk.payee.payee_id, invoice, "C", dt.date(2026, 6, 1), 29, 99_900, "EUR", 3_996, "EUR")
        )
    return desk


def long_desk(count: int = 400) -> Desk:
    """A quarter of many lines."""
    desk = Desk()
    for at in range(count):
        invoice = f"INV-26-{at:04d}"
        desk.customers[invoice] = ("Gemeente Vlierdam", "Zorggroep Veldlicht", "Kuyper & Zn. Logistiek B.V.")[
            at % 3
        ]
        day = SPRING.first + dt.timedelta(days=at * 90 // count)
        entry = desk.post(f"pay-{at}", 10_000 + 7 * at, day.isoformat(), invoice_id=invoice)
        desk.told(entry, "earning", "earning", event="payment", event_minor=250_000 + 175 * at)
    return desk
