"""Small random histories, valid and full of corners: `write_history(folder, seed)` writes a dataset folder.

One `random.Random(seed)` decides everything, so a seed is a history for ever. Amounts are drawn in minor
units and kept small enough that tiers, caps and targets are really crossed and single cents are fought over.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from random import Random
from typing import Any

DECIMALS = {"EUR": 2, "USD": 2, "JPY": 0, "KWD": 3}
RATES = {  # what one major unit is worth, about, in US dollars per thousand
    "EUR": 1087,
    "USD": 1000,
    "JPY": 7,
    "KWD": 3253,
}
CATEGORIES = ["hardware", "licence", "service"]
ROLES = ["account_executive", "engineer"]
GRADES = ["A", "B", "C"]
SHARES = [
    ["1"],
    ["1"],
    ["0.5", "0.5"],
    ["0.333333", "0.333333", "0.333334"],
    ["0.333333", "0.333333", "0.333333"],
    ["60%", "40%"],
    ["0.7", "0.2"],
    ["0.25"],
    ["0.166667", "0.5", "0.333333"],
    ["0.1", "0.1", "0.1"],
]
RATE_TEXTS = ["1%", "2.5%", "0.04", "5%", "0.0625", "8%", "10%", "12.3456%", "0.333333", "50%", "0", "100%"]
SHARE_TEXTS = ["0", "0.333333", "0.5", "50%", "0.75", "1", "1", "1"]
PERS = ["month", "quarter"]
PER_VERSION = [
    "earns_on",
    "release_at",
    "base",
    "categories",
    "accumulates_over",
    "tiers_apply",
    "measure",
    "roles",
]
MONTHS_IN = {"month": 1, "quarter": 3, "fiscal_year": 12}

Row = dict[str, str]
Table = dict[str, Any]


@dataclass
class World:
    """What one history has decided so far."""

    rng: Random
    first_day: date
    last_day: date
    as_of: date
    currency: str
    currencies: list[str]
    fiscal_year_starts: int
    tiny: bool
    payees: list[str] = field(default_factory=list)
    teams: list[str] = field(default_factory=list)
    customers: list[str] = field(default_factory=list)
    invoices: list[Row] = field(default_factory=list)
    gross: dict[str, int] = field(default_factory=dict)
    events: list[Row] = field(default_factory=list)
    plans: list[Table] = field(default_factory=list)
    next_number: int = 0

    def chance(self, percent: int) -> bool:
        return self.rng.randrange(100) < percent

    def day(self, first: date | None = None, last: date | None = None) -> date:
        first, last = first or self.first_day, last or self.last_day
        return first + timedelta(days=self.rng.randint(0, max(0, (last - first).days)))

    def money(self, most: int = 300_000) -> int:
        """Minor units: tiny, round or hostile to rounding."""
        if self.tiny:
            return self.rng.randint(1, 25)
        if self.chance(30):
            return self.rng.randint(1, 12) * (most // 12)
        return self.rng.randint(1, most)

    def limit(self, most: int = 300_000) -> int:
        return self.rng.randint(1, 60) if self.tiny else self.rng.randint(1, 30) * (most // 30)

    def window_start(self, per: str, day: date) -> date:
        back = (day.month - self.fiscal_year_starts) % 12 % MONTHS_IN[per]
        return add_months(date(day.year, day.month, 1), -back)


def add_months(first_day: date, months: int) -> date:
    count = first_day.year * 12 + first_day.month - 1 + months
    return date(count // 12, count % 12 + 1, 1)


class Bare(str):
    """A number that stands in a plan as it is, without quotes."""


def bare(amount: int, currency: str) -> Bare:
    return Bare(spell(amount, currency))


def spell(amount: int, currency: str) -> str:
    places = DECIMALS[currency]
    text = str(abs(amount)).rjust(places + 1, "0")
    text = f"{text[:-places]}.{text[-places:]}" if places else text
    return f"-{text}" if amount < 0 else text


def write_csv(path: Path, columns: Sequence[str], rows: Sequence[Mapping[str, str]], needed: int) -> None:
    """The first `needed` columns always, the others where some row uses them."""
    used = [name for place, name in enumerate(columns) if place < needed or any(row.get(name) for row in rows)]
    with path.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(used)
        writer.writerows([row.get(name, "") for name in used] for row in rows)


def toml(value: object) -> str:
    """One value, tables written inline."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Bare):
        return str(value)
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{name} = {toml(part)}" for name, part in value.items()) + " }"
    assert isinstance(value, list)
    return "[" + ", ".join(toml(part) for part in value) + "]"


# ---------------------------------------------------------------------------------------------------------
# The world: company, people, customers
# ---------------------------------------------------------------------------------------------------------


def make_world(rng: Random) -> World:
    first_day = date(rng.choice([2023, 2024, 2025]), rng.randint(1, 12), rng.choice([1, 1, 15, 28]))
    last_day = first_day + timedelta(days=rng.choice([60, 60, 200, 200, 420, 420, 800]))
    span = (last_day - first_day).days
    as_of = first_day + timedelta(days=rng.choice([rng.randint(20, span), rng.randint(span // 2, span + 100)]))
    if rng.randrange(100) < 30:
        as_of = last_day + timedelta(days=rng.randint(60, 400))
    currency = rng.choice(["EUR", "EUR", "USD", "JPY", "KWD"])
    others = rng.sample(sorted(set(DECIMALS) - {currency}), rng.choice([0, 0, 1, 2]))
    starts = rng.choice([1, 1, 2, 4, 7, 10, first_day.month])
    return World(rng, first_day, last_day, as_of, currency, [currency, *others], starts, rng.randrange(100) < 28)


def write_company(world: World, folder: Path) -> None:
    lines = ["format = 1", 'name = "A small company"', f'currency = "{world.currency}"', 'timezone = "UTC"']
    lines.append(f"fiscal_year_starts = {world.fiscal_year_starts}")
    if world.chance(45):
        lines.append(f"low_risk_grades = {toml(world.rng.choice([['A', 'B'], ['B'], ['A', 'B', 'C']]))}")
    if world.chance(50):
        lines.append(f"recovery_cap = {toml(world.rng.choice(['0.5', '33.3333%', '0', '1', '0.25']))}")
    lines += ["", "[payroll]", 'commission = "COM"', 'shared_bonus = "BON"', ""]
    (folder / "company.toml").write_text("\n".join(lines), encoding="utf-8")


def write_payees(world: World, folder: Path) -> None:
    world.payees = [f"p{number}" for number in range(1, world.rng.randint(2, 5) + 1)]
    rows = []
    for payee in world.payees:
        row = {"payee_id": payee, "name": f"Payee {payee}", "currency": world.currency}
        if world.chance(20):
            row["ends_on"] = world.day().isoformat()
        rows.append(row)
    write_csv(folder / "payees.csv", ["payee_id", "name", "currency", "ends_on"], rows, 2)


def write_reporting(world: World, folder: Path) -> None:
    """Lines only lead to payees further on, so nobody reports to themselves; they change on some days."""
    rows = []
    for place, payee in enumerate(world.payees[:-1]):
        start = world.first_day - timedelta(days=100)
        for _ in range(world.rng.choice([0, 1, 1, 2, 3])):
            end = world.day(start) if world.chance(60) else None
            manager = world.rng.choice(world.payees[place + 1 :])
            row = {"payee_id": payee, "manager_id": manager, "starts_on": start.isoformat()}
            rows.append(row | ({"ends_on": end.isoformat()} if end else {}))
            if end is None:
                break
            start = end + timedelta(days=world.rng.choice([1, 1, 10, 30]))
    if rows:
        write_csv(folder / "reporting.csv", ["payee_id", "manager_id", "starts_on", "ends_on"], rows, 3)


def write_memberships(world: World, folder: Path) -> None:
    world.teams = world.rng.choice([["north"], ["north", "south"]])
    rows = []
    for team in world.teams:
        for payee in world.payees:
            for role in world.rng.choice([["sales"], ["credit"], ["sales", "credit"], [], ["sales"]]):
                rows += make_stints(world, {"team": team, "payee_id": payee, "role": role})
    if rows:
        write_csv(folder / "memberships.csv", ["team", "payee_id", "role", "starts_on", "ends_on"], rows, 4)


def make_stints(world: World, row: Row) -> list[Row]:
    """One or two ranges of days that do not overlap."""
    starts = world.day() if world.chance(40) else world.first_day - timedelta(days=50)
    first = row | {"starts_on": starts.isoformat()}
    if world.chance(60):
        return [first]
    ends = world.day(starts)
    first["ends_on"] = ends.isoformat()
    again = ends + timedelta(days=world.rng.choice([1, 10, 40]))
    return [first, row | {"starts_on": again.isoformat()}] if world.chance(40) else [first]


def write_customers(world: World, folder: Path) -> None:
    world.customers = [f"c{number}" for number in range(1, world.rng.randint(1, 3) + 1)]
    rows = [
        {"customer_id": c, "name": f"Customer {c}", "country": world.rng.choice(["DE", "NL", "JP", ""])}
        for c in world.customers
    ]
    write_csv(folder / "customers.csv", ["customer_id", "name", "country"], rows, 2)
    records = []
    for customer in world.customers:
        days = {world.day(world.first_day - timedelta(days=90)) for _ in range(world.rng.randint(0, 3))}
        for day in sorted(days):
            record = {"customer_id": customer, "on": day.isoformat()}
            record["risk_grade"] = world.rng.choice([*GRADES, ""])
            record["credit_approval"] = world.rng.choice(["approved", "conditional", "none", ""])
            record["security"] = world.rng.choice(["none", "insured", "deposit", "lien", ""])
            records.append(record)
    if records:
        columns = ["customer_id", "on", "risk_grade", "credit_approval", "security"]
        write_csv(folder / "customer_credit.csv", columns, records, 2)


# ---------------------------------------------------------------------------------------------------------
# Invoices, lines, credits
# ---------------------------------------------------------------------------------------------------------


def write_invoices(world: World, folder: Path) -> None:
    lines: list[Row] = []
    credits: list[Row] = []
    for number in range(1, world.rng.randint(2, 8) + 1):
        invoice = make_invoice(world, f"{world.rng.choice('ABab')}{number}")
        world.invoices.append(invoice)
        lines += make_lines(world, invoice)
        credits += make_credits(world, invoice)
    columns = ["invoice_id", "customer_id", "currency", "issued_on", "due_on", "contract_signed_on", "team"]
    write_csv(folder / "invoices.csv", columns, world.invoices, 5)
    columns = ["invoice_id", "line", "net", "tax", "category", "cost", "commissionable"]
    write_csv(folder / "invoice_lines.csv", columns, lines, 3)
    write_csv(folder / "credits.csv", ["invoice_id", "payee_id", "role", "share"], credits, 4)


def make_invoice(world: World, invoice_id: str) -> Row:
    issued = world.day()
    due = issued + timedelta(days=world.rng.choice([0, 14, 30, 30, 60]))
    invoice = {
        "invoice_id": invoice_id,
        "customer_id": world.rng.choice(world.customers),
        "currency": world.rng.choice([world.currency, *world.currencies]),
        "issued_on": issued.isoformat(),
        "due_on": due.isoformat(),
    }
    if world.chance(60):
        signed = issued - timedelta(days=world.rng.choice([0, 1, 10, 40, 100]))
        invoice["contract_signed_on"] = signed.isoformat()
    if world.chance(50):
        invoice["team"] = world.rng.choice(world.teams)
    return invoice


def make_lines(world: World, invoice: Row) -> list[Row]:
    rows = []
    currency, total = invoice["currency"], 0
    for number in range(1, world.rng.choice([1, 1, 2, 3]) + 1):
        net = world.money()
        if number > 1 and world.chance(8):
            net = -(net // 3)  # a rebate as a line of its own
        row = {"invoice_id": invoice["invoice_id"], "line": str(number), "net": spell(net, currency)}
        tax = net * world.rng.choice([0, 0, 7, 19, 21]) // 100
        if tax:
            row["tax"] = spell(tax, currency)
        if world.chance(60):
            row["category"] = world.rng.choice(CATEGORIES)
        if world.chance(40):
            row["cost"] = spell(abs(net) * world.rng.randint(0, 120) // 100, currency)
        if world.chance(12):
            row["commissionable"] = "no"
        total += net + tax
        rows.append(row)
    world.gross[invoice["invoice_id"]] = total
    return rows


def make_credits(world: World, invoice: Row) -> list[Row]:
    rows = []
    for role in world.rng.choice([["account_executive"], ["account_executive"], ROLES, ["engineer"]]):
        possible = [shares for shares in SHARES if len(shares) <= len(world.payees)]
        if world.tiny and len(world.payees) > 2 and world.chance(60):
            possible = [shares for shares in possible if len(shares) == 3]  # credits move against their event
        shares = world.rng.choice(possible)
        payees = world.rng.sample(world.payees, len(shares))
        for payee, share in zip(payees, shares, strict=True):
            rows.append({"invoice_id": invoice["invoice_id"], "payee_id": payee, "role": role, "share": share})
    world.rng.shuffle(rows)
    return rows


# ---------------------------------------------------------------------------------------------------------
# Events: each invoice has a story
# ---------------------------------------------------------------------------------------------------------


@dataclass
class Story:
    """One invoice's life so far."""

    invoice: Row
    day: date
    gross: int
    cash: int = 0
    payments: list[Row] = field(default_factory=list)
    chargebacks: list[tuple[Row, int]] = field(default_factory=list)  # with what is not won back yet
    disputed_since: date | None = None


STEPS = {
    "payment": 40,
    "rest": 14,
    "refund": 9,
    "payment_reversed": 6,
    "chargeback": 9,
    "chargeback_reversed": 10,
    "credit_note": 8,
    "discount": 4,
    "write_off": 5,
    "due_date_changed": 6,
    "dispute": 14,
    "early_warning": 7,
}


def write_events(world: World, folder: Path) -> None:
    for invoice in world.invoices:
        issued = date.fromisoformat(invoice["issued_on"])
        day = issued - timedelta(days=20) if world.chance(10) else issued
        story = Story(invoice, day, max(1, world.gross[invoice["invoice_id"]]))
        for _ in range(world.rng.randint(2, 12 if world.tiny else 9)):
            take_step(world, story)
    add_duplicates_and_conflicts(world)
    world.rng.shuffle(world.events)
    columns = [
        "event_id",
        "type",
        "invoice_id",
        "occurred_on",
        "amount",
        "currency",
        "recorded_at",
        "payment_id",
    ]
    columns += ["reverses", "new_due_on", "payee_id", "reason", "fault", "source"]
    write_csv(folder / "events.csv", columns, world.events, 4)


def take_step(world: World, story: Story) -> None:
    if world.chance(70):
        story.day += timedelta(days=world.rng.choice([1, 5, 10, 17, 31, 45, 70]))
    kind = world.rng.choices(list(STEPS), weights=list(STEPS.values()))[0]
    if kind in ("payment", "rest"):
        pay(world, story, everything=kind == "rest")
    elif kind in ("refund", "payment_reversed", "chargeback"):
        give_back_cash(world, story, kind)
    elif kind == "chargeback_reversed":
        win_chargeback(world, story)
    elif kind in ("credit_note", "discount"):
        new_event(world, story, kind, amount=part(world, story.gross if world.chance(85) else 2 * story.gross))
    elif kind == "write_off":
        new_event(world, story, kind, amount=part(world, story.gross) if world.chance(50) else None)
    elif kind == "due_date_changed":
        shift = timedelta(days=world.rng.choice([-20, 5, 20, 30, 60]))
        new_event(world, story, kind, new_due_on=(story.day + shift).isoformat())
    elif kind == "dispute":
        dispute(world, story)
    else:
        new_event(world, story, kind, payee_id=world.rng.choice(world.payees))


def part(world: World, whole: int) -> int:
    """Some of an amount: a third, a half, all, a few cents, or anything."""
    whole = max(1, whole)
    if world.tiny and world.chance(50):
        return min(whole, world.rng.randint(1, 3))
    choices = [whole, whole // 2, whole // 3, world.rng.randint(1, whole), world.rng.randint(1, whole)]
    return max(1, world.rng.choice(choices))


def pay(world: World, story: Story, everything: bool) -> None:
    rest = max(1, story.gross - story.cash)
    amount = rest if everything else part(world, rest if world.chance(85) else 2 * story.gross)
    story.payments.append(new_event(world, story, "payment", amount=amount))
    story.cash += amount


def give_back_cash(world: World, story: Story, kind: str) -> None:
    if story.cash <= 0 and world.chance(85):
        pay(world, story, everything=False)
    amount = part(world, story.cash if world.chance(90) else 2 * story.gross)
    more: Row = {}
    if story.payments and world.chance(55):
        more["payment_id"] = world.rng.choice(story.payments)["event_id"]
    elif world.chance(8):
        more["payment_id"] = "no-such-payment"
    event = new_event(world, story, kind, amount=amount, **more)
    story.cash -= amount
    if kind == "chargeback":
        story.chargebacks.append((event, amount))


def win_chargeback(world: World, story: Story) -> None:
    open_ones = [place for place, (_, left) in enumerate(story.chargebacks) if left > 0]
    if not open_ones:
        give_back_cash(world, story, "chargeback")
        return
    place = world.rng.choice(open_ones)
    chargeback, left = story.chargebacks[place]
    amount = part(world, left) if world.chance(90) else left + part(world, story.gross)
    more: Row = {"reverses": chargeback["event_id"]} if world.chance(85) else {}
    if not more and world.chance(40):
        more["reverses"] = "no-such-chargeback"
    new_event(world, story, "chargeback_reversed", amount=amount, **more)
    story.chargebacks[place] = (chargeback, left - amount)
    story.cash += amount


def dispute(world: World, story: Story) -> None:
    """A dispute is closed on a later day than it was opened on, and opened again on a later one."""
    if story.disputed_since is not None and story.disputed_since >= story.day:
        story.day = story.disputed_since + timedelta(days=world.rng.choice([1, 7, 30]))
    last = [event for event in world.events if event["invoice_id"] == story.invoice["invoice_id"]]
    is_open = sum(1 if e["type"] == "dispute_opened" else -1 for e in last if e["type"].startswith("dispute")) > 0
    new_event(world, story, "dispute_closed" if is_open else "dispute_opened")
    story.disputed_since = story.day


def new_event(world: World, story: Story, kind: str, amount: int | None = None, **more: str) -> Row:
    """Ids do not rise with the days, and one id can be given out by two sources."""
    world.next_number += 1
    currency = story.invoice["currency"]
    source = world.rng.choice(["", "bank", "card"]) if world.chance(30) else ""
    event_id = f"{world.rng.choice('etZ')}{world.rng.randint(0, 9)}-{world.next_number}"
    taken = [event for event in world.events if event.get("source", "") != source]
    if taken and world.chance(6):
        event_id = world.rng.choice(taken)["event_id"]
    if any((event["event_id"], event.get("source", "")) == (event_id, source) for event in world.events):
        event_id = f"n{world.next_number}"
    event = {
        "event_id": event_id,
        "type": kind,
        "invoice_id": story.invoice["invoice_id"],
        "occurred_on": story.day.isoformat(),
        "source": source,
        **more,
    }
    if amount is not None:
        event["amount"] = spell(amount, currency)
        event["currency"] = currency
        if world.chance(2):
            event["currency"] = "BHD"
    if world.chance(40):
        event["recorded_at"] = f"{story.day.isoformat()}T12:00:00+00:00"
    if world.chance(12):
        event["fault"] = "company"
    world.events.append(event)
    return event


def add_duplicates_and_conflicts(world: World) -> None:
    for event in list(world.events):
        if world.chance(6):
            world.events.append(said_again(event))
        elif world.chance(2) and event.get("amount"):
            amount = spell(world.money(), event["currency"]) if event["currency"] in DECIMALS else "1"
            other = {**event, "amount": amount}
            if other["amount"] != event["amount"]:
                world.events.append(other)


def said_again(event: Row) -> Row:
    """The same event, learned later and its amount spelled otherwise."""
    again = {**event, "recorded_at": "2030-01-01T00:00:00+02:00"}
    if "." in again.get("amount", "") and again["amount"].endswith("0"):
        again["amount"] = again["amount"][:-1]
        if again["amount"].endswith("."):
            again["amount"] = again["amount"][:-1]
    return again


# ---------------------------------------------------------------------------------------------------------
# Rates and targets
# ---------------------------------------------------------------------------------------------------------


def write_fx_rates(world: World, folder: Path) -> None:
    rows = []
    targets = {world.currency, *(plan["currency"] for plan in world.plans)}
    for source in sorted({invoice["currency"] for invoice in world.invoices}):
        for target in sorted(targets - {source}):
            if world.chance(10):
                continue  # no rate at all
            start = world.day() if world.chance(15) else world.first_day - timedelta(days=200)
            for day in sorted({start, *(world.day(start) for _ in range(world.rng.randint(0, 3)))}):
                rate = RATES[source] * 1_000_000 // RATES[target] * world.rng.randint(80, 125) // 100
                if world.tiny and world.chance(40):
                    rate *= 9  # so that one minor unit crosses several tiers
                text = f"{rate // 1_000_000}.{rate % 1_000_000:06d}"
                rows.append({"from": source, "to": target, "on": day.isoformat(), "rate": text})
    if rows:
        write_csv(folder / "fx_rates.csv", ["from", "to", "on", "rate"], rows, 4)


def write_targets(world: World, folder: Path) -> None:
    rows: list[Row] = []
    given: set[tuple[str, str, str, date | None]] = set()
    for plan in world.plans:
        for name, per in sorted(needs_targets(plan)):
            for who in plan["assigned"]:
                for start in window_starts(world, per):
                    if (plan["plan"], name, who, start) not in given and world.chance(92):
                        given.add((plan["plan"], name, who, start))
                        amount = spell(world.limit(), plan["currency"])
                        column = "team" if plan["for_team"] else "payee_id"
                        row = {"plan": plan["plan"], "component": name, column: who, "amount": amount}
                        rows.append(row | ({"window_start": start.isoformat()} if start else {}))
    if rows:
        columns = ["plan", "component", "payee_id", "team", "window_start", "amount"]
        write_csv(folder / "targets.csv", columns, rows, 6)


def needs_targets(plan: Table) -> set[tuple[str, str]]:
    found = set()
    for version in plan["versions"]:
        for component in version["components"]:
            if component.get("measure") == "target":
                found.add((component["name"], component["accumulates_over"]))
            elif component["kind"] == "target_bonus":
                found.add((component["name"], component["per"]))
    return found


def window_starts(world: World, per: str) -> list[date | None]:
    if per == "ever":
        return [None]
    start = world.window_start(per, world.first_day - timedelta(days=130))
    found: list[date | None] = []
    while start <= max(world.last_day, world.as_of) + timedelta(days=300):
        found.append(start)
        start = add_months(start, MONTHS_IN[per])
    return found


# ---------------------------------------------------------------------------------------------------------
# Plans
# ---------------------------------------------------------------------------------------------------------


def make_plans(world: World) -> None:
    kinds = world.rng.choice([["own"], ["own"], ["own", "team"], ["own", "manager"], ["own", "own", "team"]])
    if world.chance(15):
        kinds = ["own", "manager", "team"]
    for number, kind in enumerate(kinds, 1):
        plan: Table = {
            "plan": f"{kind}-plan-{number}",
            "name": f"Plan {number}",
            "currency": world.currency if world.chance(75) else world.rng.choice(world.currencies),
            "rules_as_of": world.rng.choice(["invoice", "invoice", "payment", "contract"]),
            "for_team": kind == "team",
        }
        plan["versions"] = make_versions(world, plan, kind)
        world.plans.append(plan)


def make_versions(world: World, plan: Table, kind: str) -> list[Table]:
    first = world.first_day - timedelta(days=200)
    if world.chance(20):
        first = world.day()
    days = {first}
    for _ in range(world.rng.choice([0, 0, 1, 1, 2])):
        change = world.day(max(first, world.first_day))
        days.add(world.window_start("month", change) if world.chance(50) else change)
    days = {day for day in days if day >= first}
    skeleton = make_skeleton(world, plan, kind)
    versions = []
    for day in sorted(days):
        if plan["rules_as_of"] != "payment" and world.chance(15):
            measure_otherwise(world, kind, skeleton)
        if kind == "manager" and plan["rules_as_of"] != "payment" and world.chance(25):
            credit_otherwise(world, skeleton)
        components = [fill(world, plan, fixed) for fixed in skeleton]
        has_draw = any(component["kind"] == "draw" for component in components)
        if len(components) > 1 and len(days) > 1 and not has_draw and world.chance(15):
            components.pop(0)  # a component of some versions only
        versions.append({"effective_from": day, "reference": "a plan letter", "components": components})
    return versions


def measure_otherwise(world: World, kind: str, skeleton: list[Table]) -> None:
    """The next version measures its positions and windows in another way."""
    for fixed in skeleton:
        if fixed["kind"] == "commission":
            for name in PER_VERSION:
                fixed.pop(name, None)
            fixed |= fixed_commission(world, kind)


def credit_otherwise(world: World, skeleton: list[Table]) -> None:
    """The next version credits a manager with their own money, or again with their people's."""
    for fixed in skeleton:
        if fixed["kind"] == "commission":
            fixed["credits"] = world.rng.choice(["own", "team"])


def make_skeleton(world: World, plan: Table, kind: str) -> list[Table]:
    """What may not differ between the versions of a component."""
    if kind == "team":
        kinds = world.rng.choice([["shared_bonus"], ["shared_bonus", "target_bonus"], ["shared_bonus"] * 2])
    elif kind == "manager":
        kinds = world.rng.choice([["commission"], ["commission"], ["commission", "draw"]])
    else:
        extra = world.rng.choice([[], ["spiff"], ["draw"], ["target_bonus"], ["spiff", "draw"], ["commission"]])
        kinds = ["commission", *extra]
    skeleton: list[Table] = []
    for number, one in enumerate(kinds, 1):
        fixed: Table = {"name": f"{one.replace('_', '-')}-{number}", "kind": one}
        if one == "commission":
            fixed |= fixed_commission(world, kind)
        if one in ("shared_bonus", "target_bonus"):
            fixed["per"] = world.rng.choice(PERS)
        if one == "draw":
            fixed["style"] = world.rng.choice(["top_up", "additive"])
            fixed["recoverable"] = world.chance(65)
            fixed["covers"] = [other["name"] for other in skeleton]
        fixed["cap_per"] = world.rng.choice(["month", "quarter", "fiscal_year"])
        fixed["has_cap"] = one == "commission" and world.chance(45)
        skeleton.append(fixed)
    return skeleton


def fixed_commission(world: World, kind: str) -> Table:
    fixed: Table = {"earns_on": world.rng.choice(["payment", "payment", "full_payment", "invoice", "contract"])}
    if kind == "manager":
        fixed["credits"] = "team"
        fixed["roles"] = world.rng.choice([["account_executive"], ["account_executive"], ROLES])
    elif world.chance(40):
        fixed["roles"] = world.rng.choice([["account_executive"], ROLES])
    if fixed["earns_on"] == "full_payment" and world.chance(50):
        fixed["release_at"] = world.rng.choice(["0.9", "0.5", 1])
    if world.chance(20):
        fixed["base"] = "margin"
    if world.chance(20):
        fixed["categories"] = world.rng.sample(CATEGORIES, 2)
    over = world.rng.choice(["invoice", "month", "quarter", "fiscal_year", "ever"])
    if over != "invoice" or world.chance(50):
        fixed["accumulates_over"] = over
    if world.chance(35):
        fixed["tiers_apply"] = "whole_amount"
    if over != "invoice" and world.chance(35):
        fixed["measure"] = "target"
    return fixed


def fill(world: World, plan: Table, fixed: Table) -> Table:
    """One version of a component."""
    component = {name: value for name, value in fixed.items() if name not in ("cap_per", "has_cap")}
    filler = {
        "commission": fill_commission,
        "shared_bonus": fill_shared_bonus,
        "target_bonus": fill_target_bonus,
        "spiff": fill_spiff,
        "draw": fill_draw,
    }[component["kind"]]
    filler(world, plan, component)
    if fixed["has_cap"] and world.chance(90):
        amount = world.limit(40_000) if not world.tiny else world.rng.randint(1, 6)
        excess = world.rng.choice(["forfeit", "defer", "defer"])
        component["cap"] = {
            "per": fixed["cap_per"],
            "amount": bare(amount, plan["currency"]),
            "excess": excess,
        }
    return component


def fill_commission(world: World, plan: Table, component: Table) -> None:
    component["tiers"] = make_tiers(world, plan, component)
    if component["earns_on"] in ("invoice", "contract") and world.chance(80):
        component["suspend_after_days"] = world.rng.choice([0, 1, 15, 30, 60])
    if world.chance(30):
        component["hold_days"] = world.rng.choice([1, 15, 40])
    if world.chance(50):
        component["after_leaving_days"] = world.rng.choice([0, 30, 90])
    if world.chance(60):
        component["multipliers"] = [make_multiplier(world) for _ in range(world.rng.choice([1, 1, 2, 3]))]
    if world.chance(60):
        component["clawback"] = make_clawback(world)


def make_tiers(world: World, plan: Table, component: Table) -> list[Table]:
    if component.get("measure") == "target":
        starts = sorted(world.rng.sample(["0.5", "0.8", "1", "1.25", "2"], world.rng.choice([0, 1, 2, 3])))
        froms: list[object] = [0, *starts]
    else:
        limits = sorted({world.limit(200_000) for _ in range(world.rng.choice([0, 1, 2, 3]))})
        froms = [0, *(bare(limit, plan["currency"]) for limit in limits)]
    return [{"from": start, "rate": world.rng.choice(RATE_TEXTS)} for start in froms]


def make_multiplier(world: World) -> Table:
    by = world.rng.choice(
        [
            "days_late",
            "days_late",
            "days_late",
            "days_to_pay",
            "terms_days",
            "customer_age_days",
            "map",
            "map",
        ]
    )
    if by == "map":
        return make_map(world)
    table: Table = {"by": by}
    if by == "days_late":
        table["pause_while_disputed"] = world.chance(80)
        table["forgive_if_warned"] = world.chance(60)
    starts = [
        0 if world.chance(93) else 10,
        *sorted(world.rng.sample(range(11, 60), world.rng.randint(0, 2))),
    ]
    table["steps"] = [make_step(world, start) for start in starts]
    return table


def make_step(world: World, start: int) -> Table:
    step: Table = {"from": start}
    if world.chance(75):
        step["factor"] = world.rng.choice([1, "0.75", "0.333333", "50%", "1.2", "0.9", 0])
    if "factor" not in step or world.chance(10):
        step["add"] = world.rng.choice(["0.01", "0.005", "0.333333", "-1%", "-0.02"])
    return step


def make_map(world: World) -> Table:
    values = {
        "risk_grade": GRADES,
        "credit_approval": ["approved", "conditional", "none"],
        "security": ["none", "insured", "deposit", "lien"],
        "category": CATEGORIES,
        "country": ["DE", "NL", "JP"],
    }
    by = world.rng.choice(list(values))
    names = [name for name in values[by] if world.chance(85)] or values[by]
    table: Table = {
        "by": by,
        "values": {name: world.rng.choice([1, "0.8", "0.333333", "1.1"]) for name in names},
    }
    if world.chance(70):
        table["else"] = world.rng.choice(["0.5", 1, 0, "0.666667"])
    return table


def make_clawback(world: World) -> Table:
    table: Table = {}
    if world.chance(65):
        table["basis"] = world.rng.choice(["recalculate", "recalculate", "recalculate", "original"])
    if world.chance(30):
        table["window_days"] = world.rng.choice([0, 20, 60, 365])
    if world.chance(40):
        causes = ["refund", "payment_reversed", "chargeback", "credit_note", "discount"]
        chosen = world.rng.sample(causes, world.rng.randint(1, 5))
        table["share"] = {cause: world.rng.choice(SHARE_TEXTS) for cause in chosen}
    if world.chance(40):
        table["company_fault"] = world.rng.choice(["keep", "take_back"])
    if world.chance(50):
        table["attainment"] = world.rng.choice(["keep", "reduce"])
    return table


def make_gates(world: World) -> list[Table]:
    return [make_measure(world) | make_bound(world) for _ in range(world.rng.choice([1, 1, 2]))]


def make_bound(world: World) -> Table:
    kind = world.rng.choice(["at_most", "at_least"])
    return {kind: world.rng.choice(["0", "0.25", "0.5", "0.75", 1, 30])}


def make_measure(world: World) -> Table:
    metrics = ["on_time_rate", "on_time_rate", "dso", "best_possible_dso", "average_days_delinquent", "cei"]
    metrics += ["overdue_ratio", "bad_debt_ratio", "average_days_to_pay", "low_risk_growth"]
    measure: Table = {"metric": world.rng.choice(metrics)}
    if world.chance(25):
        measure["customers"] = world.rng.choice(["all", "new"])
    if measure["metric"] == "on_time_rate" and world.chance(40):
        measure["by"] = world.rng.choice(["value", "count"])
    if measure.get("customers") == "new" and world.chance(50):
        measure["new_for_days"] = world.rng.choice([0, 30, 90])
    return measure


def fill_shared_bonus(world: World, plan: Table, component: Table) -> None:
    if world.chance(65):
        component["pool"] = {"rate": world.rng.choice(["0.5%", "3.3333%", "10%", "25%"])}
        if world.chance(50):
            component["pool"]["on_time_within_days"] = world.rng.choice([0, 5, 30])
    else:
        component["pool"] = {"amount": bare(world.money(60_000), plan["currency"])}
    if world.chance(20):
        component["base"] = "margin"
    if world.chance(20):
        component["categories"] = world.rng.sample(CATEGORIES, 2)
    if world.chance(40):
        froms = [0, *sorted(world.rng.sample(["0.3", "0.5", "0.8", "1", "30"], 2), key=float)]
        steps = [{"from": start, "factor": world.rng.choice(["0.5", 1, "1.25", "0.333333"])} for start in froms]
        component["scale"] = make_measure(world) | {"steps": steps}
    if world.chance(30):
        component["gates"] = make_gates(world)
    shares = [{"sales": "0.6", "credit": "0.4"}, {"sales": 1}, {"sales": "0.333333", "credit": "0.666667"}]
    shares.append({"sales": "0.5", "credit": "0.3", "nobody": "0.2"})
    component["shares"] = world.rng.choice(shares)
    component["within_role"] = world.rng.choice(["equal", "by_credited_cash", "by_credited_cash", "by_days"])
    if world.chance(20):
        component["hold_days"] = world.rng.choice([5, 40])


def fill_target_bonus(world: World, plan: Table, component: Table) -> None:
    relative = world.chance(50)
    ats = ["0", "0.25", "0.5", "0.8", "1", "1.5"]
    ats = sorted(world.rng.sample(ats, world.rng.choice([1, 2, 3])), key=float)
    if relative:
        component["at_target"] = bare(world.money(50_000), plan["currency"])
        pays: list[str] = sorted(world.rng.sample(["0", "0.333333", "50%", "1", "2"], len(ats)), key=share_size)
    else:
        pays = [bare(amount, plan["currency"]) for amount in sorted(world.money(50_000) for _ in ats)]
    points = [{"at": at, "pays": pay} for at, pay in zip(ats, pays, strict=True)]
    component["curve"] = {"shape": world.rng.choice(["steps", "lines"]), "points": points}
    if plan["for_team"] and world.chance(40):
        component["gates"] = make_gates(world)
    if not plan["for_team"] and world.chance(40):
        component["roles"] = ["account_executive"]
    if world.chance(20):
        component["hold_days"] = 10


def share_size(text: str) -> int:
    return {"0": 0, "0.333333": 1, "50%": 2, "1": 3, "2": 4}[text]


def fill_spiff(world: World, plan: Table, component: Table) -> None:
    component["amount"] = bare(world.money(20_000), plan["currency"])
    when: Table = {}
    if world.chance(65):
        when["paid_in_full_within_days"] = world.rng.choice([0, 15, 30, 60, 120])
    if world.chance(30):
        when["new_customer"] = True
    if world.chance(20):
        when["categories"] = world.rng.sample(CATEGORIES, 2)
    if world.chance(35):
        when["minimum"] = bare(world.limit(100_000), plan["currency"])
    component["when"] = when
    start = world.day() if world.chance(15) else world.first_day
    component["between"] = {"from": start, "to": start + timedelta(days=world.rng.choice([60, 300, 500]))}
    if world.chance(30):
        component["hold_days"] = world.rng.choice([7, 45])
    if world.chance(30):
        component["roles"] = ["account_executive"]


def fill_draw(world: World, plan: Table, component: Table) -> None:
    name = "minimum" if component["style"] == "top_up" else "amount"
    amount = world.rng.randint(1, 15) if world.tiny else world.limit(30_000)
    component[name] = bare(amount, plan["currency"])
    from_day = world.day() if world.chance(30) else world.first_day
    if from_day != world.first_day:
        component["from_month"] = from_day.isoformat()[:7]
    if world.chance(50):
        component["to_month"] = world.day(from_day, world.as_of).isoformat()[:7]


def write_plans(world: World, folder: Path) -> None:
    (folder / "plans").mkdir(exist_ok=True)
    for plan in world.plans:
        lines = [f"{name} = {toml(plan[name])}" for name in ("plan", "name", "currency", "rules_as_of")]
        for version in plan["versions"]:
            lines += ["", "[[versions]]"]
            lines += [f"{name} = {toml(version[name])}" for name in ("effective_from", "reference")]
            for component in version["components"]:
                lines += ["", "  [[versions.components]]"]
                lines += [f"  {name} = {toml(value)}" for name, value in component.items()]
        (folder / "plans" / f"{plan['plan']}.toml").write_text("\n".join([*lines, ""]), encoding="utf-8")


def write_assignments(world: World, folder: Path) -> None:
    rows = []
    for plan in world.plans:
        who = world.teams if plan["for_team"] else world.payees
        plan["assigned"] = [one for one in who if world.chance(85)] or who
        column = "team" if plan["for_team"] else "payee_id"
        for one in plan["assigned"]:
            row = {"plan": plan["plan"], column: one}
            if world.chance(70):
                rows.append(row | {"starts_on": (world.first_day - timedelta(days=300)).isoformat()})
            else:
                rows += make_stints(world, row)
    write_csv(folder / "assignments.csv", ["plan", "payee_id", "team", "starts_on", "ends_on"], rows, 4)


def write_history(folder: Path, seed: int) -> date:
    """Writes a random but valid dataset folder and says on which day to look at it."""
    world = make_world(Random(seed))
    folder.mkdir(parents=True, exist_ok=True)
    write_company(world, folder)
    write_payees(world, folder)
    write_reporting(world, folder)
    write_memberships(world, folder)
    write_customers(world, folder)
    write_invoices(world, folder)
    write_events(world, folder)
    make_plans(world)
    write_plans(world, folder)
    write_assignments(world, folder)
    write_targets(world, folder)
    write_fx_rates(world, folder)
    return world.as_of
