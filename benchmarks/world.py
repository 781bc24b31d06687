"""A seeded company of any size: payments of one year, in memory or as a dataset folder.

Five events for each invoice, 1.8 credits on average, 3 % of the events are take-backs. The number of payees
grows with the number of events, so that a payee has some 900 lines at every size: a large company has more
salespeople, not busier ones, and what grows is then the work and not its kind.
"""

from __future__ import annotations

import csv
import datetime as dt
import gc
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

from incentives.facts import (
    Assignment,
    Company,
    Credit,
    Customer,
    Event,
    EventType,
    Facts,
    Invoice,
    InvoiceLine,
    Payee,
)
from incentives.money import PPM, major
from incentives.rules.commission import Commission, DayMultiplier, Tier
from incentives.rules.commission import Step as LatenessStep
from incentives.rules.plan import Plan, Version

SEED = 20260101
EVENTS_PER_INVOICE = 5
EVENTS_PER_PAYEE = 500
INVOICES_PER_CUSTOMER = 20
TAKE_BACKS_PERCENT = 3
"""Of all events."""

CURRENCY = "EUR"
PLAN_ID = "field-sales"
TIERS = ((0, 40_000), (25_000_000, 60_000), (50_000_000, 80_000))
"""From (minor units collected in the fiscal year), rate in ppm."""
LATENESS = ((0, PPM), (31, 900_000), (61, 750_000), (91, 500_000))
"""From (days late), factor in ppm."""

_FIRST_DAY = dt.date(2025, 1, 1)
_DAYS = [_FIRST_DAY + dt.timedelta(days=each) for each in range(365)]
_LAST_ISSUE, _LONGEST = 230, 134  # an invoice of the last issue day is still settled inside the year
_TERMS = 30
_SHARES = ((PPM,), (600_000, 400_000), (333_333, 333_333, 333_334))
_CREDITED = (1, 1, 2, 2, 3)  # how many payees an invoice credits: 1.8 on average


@dataclass(frozen=True, slots=True)
class World:
    """Facts with the plan that pays on them and the day on which everything has happened."""

    facts: Facts
    plans: tuple[Plan, ...]
    as_of: dt.date


def make_world(events: int, seed: int = SEED) -> World:
    """A company with this many events, the same for the same seed. Events are in the order of their days."""
    rng = Random(seed)
    was_on = gc.isenabled()
    gc.disable()  # millions of records, none of them garbage
    try:
        return World(_facts(rng, events), (plan(),), _DAYS[-1])
    finally:
        if was_on:
            gc.enable()


def plan() -> Plan:
    """One commission on cash: marginal tiers over the fiscal year, less for late money."""
    component = Commission(
        name="cash-commission",
        tiers=tuple(Tier(from_minor, rate_ppm) for from_minor, rate_ppm in TIERS),
        accumulates_over="fiscal_year",
        multipliers=(DayMultiplier("days_late", tuple(LatenessStep(*step) for step in LATENESS)),),
    )
    version = Version(_FIRST_DAY, "FY25 plan letter", (component,))
    return Plan(PLAN_ID, "Field sales", CURRENCY, "invoice", (version,))


def _facts(rng: Random, events: int) -> Facts:
    payees = [f"P{each:05d}" for each in range(max(3, events // EVENTS_PER_PAYEE))]
    count = events // EVENTS_PER_INVOICE
    customers = [f"C{each:06d}" for each in range(max(1, count // INVOICES_PER_CUSTOMER))]
    invoices = [_invoice(rng, f"INV-{each:07d}", rng.choice(customers), payees) for each in range(count)]
    happened = [event for invoice in invoices for event in _events(rng, invoice)]
    happened.sort(key=lambda event: event.occurred_on)
    return Facts(
        company=Company("Benchmark", CURRENCY, "Europe/Amsterdam", 1),
        payees=tuple(Payee(each, f"Payee {each}") for each in payees),
        customers=tuple(Customer(each, f"Customer {each}") for each in customers),
        invoices=tuple(invoices),
        events=tuple(happened),
        assignments=tuple(Assignment(PLAN_ID, each, "", _FIRST_DAY) for each in payees),
    )


def _invoice(rng: Random, invoice_id: str, customer_id: str, payees: Sequence[str]) -> Invoice:
    net_minor = rng.randrange(50_000, 2_000_000)
    lines = [InvoiceLine("1", net_minor, net_minor * 21 // 100)]
    if rng.randrange(3) == 0:
        lines.append(InvoiceLine("2", 4_950, 1_040, "freight", commissionable=False))
    shares_ppm = _SHARES[rng.choice(_CREDITED) - 1]
    first, apart = rng.randrange(len(payees)), rng.randrange(1, max(2, len(payees) // 3))
    credits = [
        Credit(payees[(first + at * apart) % len(payees)], "account_executive", share_ppm)
        for at, share_ppm in enumerate(shares_ppm)
    ]
    issued_on = rng.randrange(_LAST_ISSUE)
    return Invoice(
        invoice_id,
        customer_id,
        CURRENCY,
        _DAYS[issued_on],
        _DAYS[issued_on + _TERMS],
        lines=tuple(lines),
        credits=tuple(credits),
    )


def _events(rng: Random, invoice: Invoice) -> list[Event]:
    """Part payments of an invoice; on some invoices one event takes money back that came before it."""
    issued = (invoice.issued_on - _FIRST_DAY).days
    days = sorted(issued + rng.randrange(_LONGEST) for _ in range(EVENTS_PER_INVOICE))
    amounts = _parts(rng, sum(line.net_minor + line.tax_minor for line in invoice.lines))
    goes_back = None
    if rng.randrange(100) < TAKE_BACKS_PERCENT * EVENTS_PER_INVOICE:
        goes_back = rng.randrange(1, EVENTS_PER_INVOICE)
    found: list[Event] = []
    for at, (day, amount_minor) in enumerate(zip(days, amounts, strict=True)):
        event_id = f"{invoice.invoice_id}-{at}"
        if at == goes_back:
            found.append(_take_back(rng, event_id, _DAYS[day], rng.choice(found)))
        else:
            found.append(Event(event_id, "payment", invoice.invoice_id, _DAYS[day], amount_minor, source="bank"))
    return found


def _parts(rng: Random, gross_minor: int) -> list[int]:
    weights = [rng.randrange(1, 10) for _ in range(EVENTS_PER_INVOICE)]
    whole = sum(weights)
    parts = [gross_minor * weight // whole for weight in weights]
    parts[-1] += gross_minor - sum(parts)
    return parts


def _take_back(rng: Random, event_id: str, day: dt.date, payment: Event) -> Event:
    """Half are refunds, of a payment or a part of it, half of them naming it; the rest name the payment."""
    kinds: tuple[EventType, ...] = ("refund", "refund", "chargeback", "payment_reversed")
    kind = rng.choice(kinds)
    amount_minor = payment.amount_minor or 0
    if kind == "refund" and rng.randrange(2):
        amount_minor = rng.randint(1, amount_minor)
    named = kind != "refund" or rng.randrange(2) == 0
    return Event(
        event_id,
        kind,
        payment.invoice_id,
        day,
        amount_minor,
        payment_id=payment.event_id if named else "",
        source="bank",
    )


# The same as a dataset folder -------------------------------------------------------------------------


def write_folder(world: World, folder: Path) -> None:
    """The world as a dataset folder, with all columns of events.csv as an export would have them."""
    facts = world.facts
    (folder / "plans").mkdir(parents=True)
    (folder / "company.toml").write_text(_company_document(facts.company), encoding="utf-8")
    (folder / "plans" / f"{PLAN_ID}.toml").write_text(_plan_document(), encoding="utf-8")
    _write(folder / "payees.csv", "payee_id,name", ((each.payee_id, each.name) for each in facts.payees))
    customers = ((each.customer_id, each.name) for each in facts.customers)
    _write(folder / "customers.csv", "customer_id,name", customers)
    _write_invoices(folder, facts.invoices)
    _write(
        folder / "events.csv",
        "event_id,type,invoice_id,occurred_on,amount,currency,recorded_at,payment_id,reverses,new_due_on,"
        "payee_id,reason,fault,source",
        (
            (
                *(e.event_id, e.type, e.invoice_id, e.occurred_on, _money(e.amount_minor or 0), e.currency),
                *(e.recorded_at, e.payment_id, e.reverses, "", e.payee_id, e.reason, e.fault, e.source),
            )
            for e in facts.events
        ),
    )
    assignments = ((each.plan, each.payee_id, each.team, each.starts_on, "") for each in facts.assignments)
    _write(folder / "assignments.csv", "plan,payee_id,team,starts_on,ends_on", assignments)


def _write_invoices(folder: Path, invoices: Sequence[Invoice]) -> None:
    _write(
        folder / "invoices.csv",
        "invoice_id,customer_id,currency,issued_on,due_on",
        ((each.invoice_id, each.customer_id, each.currency, each.issued_on, each.due_on) for each in invoices),
    )
    _write(
        folder / "invoice_lines.csv",
        "invoice_id,line,net,tax,category,commissionable",
        (
            (
                *(invoice.invoice_id, line.line, _money(line.net_minor), _money(line.tax_minor)),
                *(line.category, "yes" if line.commissionable else "no"),
            )
            for invoice in invoices
            for line in invoice.lines
        ),
    )
    _write(
        folder / "credits.csv",
        "invoice_id,payee_id,role,share",
        (
            (invoice.invoice_id, credit.payee_id, credit.role, _decimal(credit.share_ppm))
            for invoice in invoices
            for credit in invoice.credits
        ),
    )


def _write(path: Path, header: str, rows: Iterable[Iterable[object]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header.split(","))
        writer.writerows(rows)


def _company_document(company: Company) -> str:
    return (
        "format = 1\n"
        f'name = "{company.name}"\ncurrency = "{company.currency}"\ntimezone = "{company.timezone}"\n'
        f"fiscal_year_starts = {company.fiscal_year_starts}\n"
    )


def _plan_document() -> str:
    tiers = ", ".join(f'{{from = {lower // 100}, rate = "{_decimal(rate)}"}}' for lower, rate in TIERS)
    steps = ", ".join(f'{{from = {days}, factor = "{_decimal(factor)}"}}' for days, factor in LATENESS)
    return f"""\
plan = "{PLAN_ID}"
name = "Field sales"
currency = "{CURRENCY}"
rules_as_of = "invoice"

[[versions]]
effective_from = {_FIRST_DAY}
reference = "FY25 plan letter"

  [[versions.components]]
  name = "cash-commission"
  kind = "commission"
  accumulates_over = "fiscal_year"
  tiers = [ {tiers} ]

    [[versions.components.multipliers]]
    by = "days_late"
    steps = [ {steps} ]
"""


def _money(amount_minor: int) -> str:
    return major(amount_minor, CURRENCY)


def _decimal(ppm: int) -> str:
    return f"{ppm // PPM}.{ppm % PPM:06d}"
