"""The commission calculation a second time: slow, plain, and from the contract alone.

Every block names the section of the contract ("How the numbers are made") it comes from and says in a few
words what that section asks. Nothing here is fast; what can be worked out again is worked out again. Money
is `int` minor units, everything else exact (`int`, `Fraction`); there is no float.

    calculate(folder, as_of) -> Result(ledger, payouts, metrics, exceptions)
"""

from __future__ import annotations

import csv
import tomllib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any

Row = tuple[str, ...]
ONE = 1_000_000  # a rate, share or factor of 1, in millionths (section 2)
TINY = 10**12  # one minor unit in the units of exact totals (section 2)


@dataclass
class Result:
    """The rows of the four files, sorted, without their headers (docs/formats.md, "What comes out")."""

    ledger: list[Row]
    payouts: list[Row]
    metrics: list[Row]
    exceptions: list[Row]


# ---------------------------------------------------------------------------------------------------------
# Section 2: units, rounding, days
# ---------------------------------------------------------------------------------------------------------

NO_DECIMALS = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"
THREE_DECIMALS = "BHD IQD JOD KWD LYD OMR TND"


def decimals(currency: str) -> int:
    """2: the minor unit has the currency's ISO exponent."""
    return 0 if currency in NO_DECIMALS else 3 if currency in THREE_DECIMALS else 2


def rounded(exact: Fraction | int) -> int:
    """2: R(x), half away from zero, so R(-x) = -R(x)."""
    exact = Fraction(exact)
    size = (2 * abs(exact.numerator) + exact.denominator) // (2 * exact.denominator)
    return size if exact >= 0 else -size


def from_tiny(total: Fraction | int) -> int:
    """2: R of an exact total kept at 10^-12 of a minor unit."""
    return rounded(Fraction(total) / TINY)


def number(value: object) -> Fraction:
    """docs/formats.md: a decimal, or a percentage with its sign."""
    text = str(value).strip()
    return Fraction(text[:-1]) / 100 if text.endswith("%") else Fraction(text)


def millionths(value: object) -> int:
    """2: rates, shares and factors have at most six decimals."""
    exact = number(value) * ONE
    assert exact.denominator == 1, value
    return exact.numerator


def minor(value: object, currency: str) -> int:
    """docs/formats.md: amounts are in major units with at most the currency's decimals."""
    exact = number(value) * Fraction(10) ** decimals(currency)
    assert exact.denominator == 1, (value, currency)
    return exact.numerator


def digits(amount: int, places: int) -> str:
    """An integer count of 10^-places, written as a decimal."""
    sign, text = ("-" if amount < 0 else ""), str(abs(amount)).rjust(places + 1, "0")
    return f"{sign}{text[:-places]}.{text[-places:]}" if places else sign + text


def major(amount: int, currency: str) -> str:
    return digits(amount, decimals(currency))


def within(day: date, starts: date | None, ends: date | None) -> bool:
    """2: ranges of dates include both ends; an empty end is open."""
    return (starts is None or starts <= day) and (ends is None or day <= ends)


def add_months(first_day: date, months: int) -> date:
    count = first_day.year * 12 + first_day.month - 1 + months
    return date(count // 12, count % 12 + 1, 1)


MONTHS_IN = {"month": 1, "quarter": 3, "fiscal_year": 12}


@dataclass(frozen=True)
class Calendar:
    """7: month, quarter and fiscal_year are those of the fiscal calendar."""

    first_month: int

    def start(self, per: str, day: date) -> date:
        this_month = date(day.year, day.month, 1)
        months_into_year = (day.month - self.first_month) % 12
        return add_months(this_month, -(months_into_year % MONTHS_IN[per]))

    def next_start(self, per: str, first_day: date) -> date:
        return add_months(first_day, MONTHS_IN[per])

    def end(self, per: str, first_day: date) -> date:
        return self.next_start(per, first_day) - timedelta(days=1)

    def ended(self, per: str, since: date, as_of: date) -> list[tuple[date, date]]:
        """The periods from the one that holds `since` whose last day is not after `as_of`."""
        found = []
        first = self.start(per, since)
        while self.end(per, first) <= as_of:
            found.append((first, self.end(per, first)))
            first = self.next_start(per, first)
        return found


def largest_remainder(total: int, weights: dict[str, Fraction]) -> dict[str, int]:
    """9: split by largest remainder, ties by name."""
    whole = sum(weights.values())
    exact = {name: total * weight / whole for name, weight in weights.items()}
    parts = {name: value.numerator // value.denominator for name, value in exact.items()}
    by_remainder = sorted(weights, key=lambda name: (parts[name] - exact[name], name.encode()))
    for name in by_remainder[: total - sum(parts.values())]:
        parts[name] += 1
    return parts


# ---------------------------------------------------------------------------------------------------------
# The dataset (docs/formats.md, "A dataset folder"; section 3)
# ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Span:
    """A row of reporting, memberships or assignments: who, to whom or where, and when."""

    who: str
    where: str
    role: str
    starts_on: date
    ends_on: date | None

    def holds_on(self, day: date) -> bool:
        return within(day, self.starts_on, self.ends_on)


@dataclass(frozen=True)
class CreditRecord:
    customer_id: str
    on: date
    given: dict[str, str]


@dataclass(frozen=True)
class InvoiceLine:
    category: str
    net: int
    tax: int
    cost: int
    commissionable: bool


@dataclass(frozen=True)
class Credit:
    payee_id: str
    role: str
    share: int


@dataclass
class Invoice:
    invoice_id: str
    customer_id: str
    currency: str
    issued_on: date
    due_on: date
    contract_signed_on: date | None
    team: str
    lines: list[InvoiceLine] = field(default_factory=list)
    credits: list[Credit] = field(default_factory=list)

    @property
    def gross(self) -> int:
        """4: G, the gross total of its lines."""
        return sum(line.net + line.tax for line in self.lines)

    @property
    def contract_day(self) -> date:
        """4: contract_signed_on (absent: issued_on)."""
        return self.contract_signed_on or self.issued_on


EventKey = tuple[str, str]  # 3: source and id are unique together


@dataclass(frozen=True)
class Event:
    source: str
    event_id: str
    type: str
    invoice_id: str
    day: date
    amount: Fraction | None  # major units, as read
    currency: str
    payment_id: str
    reverses: str
    new_due_on: date | None
    fault: str
    content: tuple[object, ...]
    names: EventKey | None = None  # the event that payment_id or reverses was found to name

    @property
    def key(self) -> EventKey:
        return (self.source, self.event_id)


@dataclass(frozen=True)
class Rate:
    source: str
    target: str
    on: date
    rate: Fraction


@dataclass(frozen=True)
class Target:
    plan: str
    component: str
    payee_id: str
    team: str
    window_start: date | None
    amount: str


def read_rows(path: Path) -> list[dict[str, str]]:
    if not path.exists():
        return []
    with path.open(encoding="utf-8-sig", newline="") as stream:
        return [{name: value or "" for name, value in row.items()} for row in csv.DictReader(stream, strict=True)]


def day_or_none(text: str | None) -> date | None:
    return date.fromisoformat(text) if text else None


def read_spans(path: Path, who: str, where: str, role: str = "") -> list[Span]:
    return [
        Span(
            row.get(who, ""),
            row.get(where, ""),
            row.get(role, ""),
            date.fromisoformat(row["starts_on"]),
            day_or_none(row.get("ends_on")),
        )
        for row in read_rows(path)
    ]


def read_invoices(folder: Path) -> dict[str, Invoice]:
    invoices = {
        row["invoice_id"]: Invoice(
            row["invoice_id"],
            row["customer_id"],
            row["currency"],
            date.fromisoformat(row["issued_on"]),
            date.fromisoformat(row["due_on"]),
            day_or_none(row.get("contract_signed_on")),
            row.get("team", ""),
        )
        for row in read_rows(folder / "invoices.csv")
    }
    for row in read_rows(folder / "invoice_lines.csv"):
        invoice = invoices[row["invoice_id"]]
        net, tax, cost = (minor(row.get(name) or "0", invoice.currency) for name in ("net", "tax", "cost"))
        commissionable = row.get("commissionable", "") != "no"
        invoice.lines.append(InvoiceLine(row.get("category", ""), net, tax, cost, commissionable))
    for row in read_rows(folder / "credits.csv"):
        credit = Credit(row["payee_id"], row["role"], millionths(row["share"]))
        invoices[row["invoice_id"]].credits.append(credit)
    return invoices


def read_event(row: dict[str, str]) -> Event:
    amount = number(row["amount"]) if row.get("amount") else None
    # 3: recorded_at and the spelling of an amount are not content.
    spelled = [
        (name, text) for name, text in sorted(row.items()) if name not in ("recorded_at", "amount") and text
    ]
    return Event(
        row.get("source", ""),
        row["event_id"],
        row["type"],
        row["invoice_id"],
        date.fromisoformat(row["occurred_on"]),
        amount,
        row.get("currency", ""),
        row.get("payment_id", ""),
        row.get("reverses", ""),
        day_or_none(row.get("new_due_on")),
        row.get("fault", ""),
        (amount, *spelled),
    )


def read_credit_records(folder: Path) -> list[CreditRecord]:
    names = ("risk_grade", "credit_approval", "security")
    return [
        CreditRecord(
            row["customer_id"], date.fromisoformat(row["on"]), {name: row.get(name, "") for name in names}
        )
        for row in read_rows(folder / "customer_credit.csv")
    ]


def read_targets(folder: Path) -> list[Target]:
    return [
        Target(
            row["plan"],
            row["component"],
            row.get("payee_id", ""),
            row.get("team", ""),
            day_or_none(row.get("window_start")),
            row["amount"],
        )
        for row in read_rows(folder / "targets.csv")
    ]


# ---------------------------------------------------------------------------------------------------------
# The plans (docs/formats.md, "A plan")
# ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Tier:
    start: Fraction  # a minor-unit amount, or a share of the target
    rate: int


@dataclass(frozen=True)
class Step:
    start: Fraction
    factor: int
    add: int


@dataclass(frozen=True)
class Multiplier:
    by: str
    pause_while_disputed: bool
    forgive_if_warned: bool
    steps: list[Step]
    values: dict[str, int]
    otherwise: int | None


@dataclass(frozen=True)
class Clawback:
    basis: str
    share: dict[str, int]
    window_days: int | None
    company_fault: str
    attainment: str


@dataclass(frozen=True)
class Cap:
    per: str
    amount: int
    excess: str


@dataclass(frozen=True)
class Component:
    """What every kind has."""

    name: str
    kind: str
    roles: list[str]
    hold_days: int

    def lists(self, role: str) -> bool:
        """5: pays the credits of the roles it lists (none listed: all)."""
        return not self.roles or role in self.roles


@dataclass(frozen=True)
class Commission(Component):
    team_credits: bool
    base: str
    categories: list[str]
    earns_on: str
    release_at: int
    suspend_after_days: int | None
    accumulates_over: str
    whole_amount: bool
    by_target: bool
    tiers: list[Tier]
    after_leaving_days: int | None
    multipliers: list[Multiplier]
    clawback: Clawback
    cap: Cap | None


@dataclass(frozen=True)
class Measure:
    """A metric as a gate or a scale asks for it."""

    metric: str
    customers: str
    by: str
    new_for_days: int


@dataclass(frozen=True)
class Gate:
    measure: Measure
    at_least: Fraction | None
    at_most: Fraction | None


@dataclass(frozen=True)
class SharedBonus(Component):
    per: str
    base: str
    categories: list[str]
    rate: int | None
    amount: int
    on_time_within_days: int | None
    scale: tuple[Measure, list[Step]] | None
    gates: list[Gate]
    shares: dict[str, int]
    within_role: str


@dataclass(frozen=True)
class TargetBonus(Component):
    per: str
    at_target: int | None
    lines: bool
    points: list[tuple[Fraction, Fraction]]  # pays: minor units, or a share of at_target
    gates: list[Gate]


@dataclass(frozen=True)
class Spiff(Component):
    amount: int
    paid_in_full_within_days: int | None
    new_customer: bool
    categories: list[str]
    minimum: int | None
    first_day: date | None
    last_day: date | None


@dataclass(frozen=True)
class Draw(Component):
    additive: bool
    recoverable: bool
    amount: int
    covers: list[str]
    from_month: date | None
    to_month: date | None


@dataclass(frozen=True)
class Version:
    effective_from: date
    components: dict[str, Component]


@dataclass(frozen=True)
class Plan:
    name: str
    currency: str
    rules_as_of: str
    versions: list[Version]  # oldest first

    def version_on(self, day: date) -> Version | None:
        """6: the version in force on a day; none before the first."""
        in_force = [version for version in self.versions if version.effective_from <= day]
        return in_force[-1] if in_force else None

    def rule_date(self, invoice: Invoice, day: date) -> date:
        """6: rules_as_of names the date that picks the version."""
        if self.rules_as_of == "payment":
            return day
        return invoice.contract_day if self.rules_as_of == "contract" else invoice.issued_on

    def component_names(self) -> list[str]:
        return sorted({name for version in self.versions for name in version.components})


Table = dict[str, Any]


def read_day(value: object) -> date | None:
    if value is None or value == "":
        return None
    return value if isinstance(value, date) else date.fromisoformat(str(value))


def read_month(value: object) -> date | None:
    """A month is written 2026-01; a day inside it is taken as the month."""
    if value is None or value == "":
        return None
    text = str(value)
    return date(int(text[:4]), int(text[5:7]), 1)


def read_steps(rows: Iterable[Table]) -> list[Step]:
    return [
        Step(number(row["from"]), millionths(row.get("factor", 1)), millionths(row.get("add", 0))) for row in rows
    ]


def read_multiplier(table: Table) -> Multiplier:
    return Multiplier(
        table["by"],
        bool(table.get("pause_while_disputed", False)),
        bool(table.get("forgive_if_warned", False)),
        read_steps(table.get("steps", [])),
        {str(name): millionths(value) for name, value in table.get("values", {}).items()},
        millionths(table["else"]) if "else" in table else None,
    )


def read_clawback(table: Table) -> Clawback:
    return Clawback(
        table.get("basis", "original"),
        {cause: millionths(share) for cause, share in table.get("share", {}).items()},
        table.get("window_days"),
        table.get("company_fault", "keep"),
        table.get("attainment", "reduce"),
    )


def read_measure(table: Table) -> Measure:
    return Measure(
        table["metric"],
        table.get("customers", "all"),
        table.get("by", "value"),
        table.get("new_for_days", 365),
    )


def read_gates(rows: Iterable[Table]) -> list[Gate]:
    return [
        Gate(
            read_measure(row),
            number(row["at_least"]) if "at_least" in row else None,
            number(row["at_most"]) if "at_most" in row else None,
        )
        for row in rows
    ]


def read_common(table: Table) -> tuple[str, str, list[str], int]:
    return table["name"], table["kind"], list(table.get("roles", [])), table.get("hold_days", 0)


def read_cap(table: Table | None, currency: str) -> Cap | None:
    if table is None:
        return None
    return Cap(table["per"], minor(table["amount"], currency), table.get("excess", "forfeit"))


def read_commission(table: Table, currency: str) -> Commission:
    by_target = table.get("measure", "amount") == "target"
    tiers = [
        Tier(
            number(row["from"]) if by_target else Fraction(minor(row["from"], currency)),
            millionths(row["rate"]),
        )
        for row in table["tiers"]
    ]
    return Commission(
        *read_common(table),
        team_credits=table.get("credits", "own") == "team",
        base=table.get("base", "net"),
        categories=list(table.get("categories", [])),
        earns_on=table.get("earns_on", "payment"),
        release_at=millionths(table.get("release_at", 1)),
        suspend_after_days=table.get("suspend_after_days"),
        accumulates_over=table.get("accumulates_over", "invoice"),
        whole_amount=table.get("tiers_apply", "marginal") == "whole_amount",
        by_target=by_target,
        tiers=tiers,
        after_leaving_days=table.get("after_leaving_days"),
        multipliers=[read_multiplier(row) for row in table.get("multipliers", [])],
        clawback=read_clawback(table.get("clawback", {})),
        cap=read_cap(table.get("cap"), currency),
    )


def read_shared_bonus(table: Table, currency: str) -> SharedBonus:
    pool, scale = table["pool"], table.get("scale")
    return SharedBonus(
        *read_common(table),
        per=table["per"],
        base=table.get("base", "net"),
        categories=list(table.get("categories", [])),
        rate=millionths(pool["rate"]) if "rate" in pool else None,
        amount=minor(pool.get("amount", 0), currency),
        on_time_within_days=pool.get("on_time_within_days"),
        scale=(read_measure(scale), read_steps(scale["steps"])) if scale else None,
        gates=read_gates(table.get("gates", [])),
        shares={role: millionths(share) for role, share in table["shares"].items()},
        within_role=table.get("within_role", "equal"),
    )


def read_target_bonus(table: Table, currency: str) -> TargetBonus:
    at_target, curve = table.get("at_target"), table["curve"]
    points = [
        (
            number(row["at"]),
            Fraction(minor(row["pays"], currency)) if at_target is None else number(row["pays"]),
        )
        for row in curve["points"]
    ]
    return TargetBonus(
        *read_common(table),
        per=table["per"],
        at_target=None if at_target is None else minor(at_target, currency),
        lines=curve["shape"] == "lines",
        points=points,
        gates=read_gates(table.get("gates", [])),
    )


def read_spiff(table: Table, currency: str) -> Spiff:
    when, between = table.get("when", {}), table.get("between", {})
    return Spiff(
        *read_common(table),
        amount=minor(table["amount"], currency),
        paid_in_full_within_days=when.get("paid_in_full_within_days"),
        new_customer=bool(when.get("new_customer", False)),
        categories=list(when.get("categories", [])),
        minimum=minor(when["minimum"], currency) if "minimum" in when else None,
        first_day=read_day(between.get("from")),
        last_day=read_day(between.get("to")),
    )


def read_draw(table: Table, currency: str) -> Draw:
    return Draw(
        *read_common(table),
        additive=table["style"] == "additive",
        recoverable=bool(table["recoverable"]),
        amount=minor(table["amount"] if "amount" in table else table["minimum"], currency),
        covers=list(table["covers"]),
        from_month=read_month(table.get("from_month")),
        to_month=read_month(table.get("to_month")),
    )


READ_KIND: dict[str, Callable[[Table, str], Component]] = {
    "commission": read_commission,
    "shared_bonus": read_shared_bonus,
    "target_bonus": read_target_bonus,
    "spiff": read_spiff,
    "draw": read_draw,
}


def read_toml(path: Path) -> Table:
    return tomllib.loads(path.read_text(encoding="utf-8-sig"), parse_float=Fraction)


def read_plan(path: Path) -> Plan:
    table = read_toml(path)
    versions = []
    for part in table["versions"]:
        components = [READ_KIND[row["kind"]](row, table["currency"]) for row in part.get("components", [])]
        effective_from = read_day(part["effective_from"])
        assert effective_from is not None
        versions.append(Version(effective_from, {component.name: component for component in components}))
    versions.sort(key=lambda version: version.effective_from)
    return Plan(table["plan"], table["currency"], table.get("rules_as_of", "invoice"), versions)


# ---------------------------------------------------------------------------------------------------------
# Section 3: which events count, and the order of a day
# ---------------------------------------------------------------------------------------------------------

Order = tuple[Any, ...]
CONTRACTS, INVOICES, EVENTS, SUSPENSIONS, END = 1, 2, 3, 4, 9

# 3: "Order of a day"; disputes and warnings share the last rank.
RANK = {
    "payment": 0,
    "chargeback_reversed": 1,
    "credit_note": 2,
    "discount": 3,
    "due_date_changed": 4,
    "refund": 5,
    "payment_reversed": 6,
    "chargeback": 7,
    "write_off": 8,
    "dispute_opened": 9,
    "dispute_closed": 9,
    "early_warning": 9,
}


def event_order(event: Event) -> Order:
    """3: by day, then rank, then event id, then source, as bytes. One order over all invoices."""
    return (event.day, EVENTS, RANK[event.type], event.event_id.encode(), event.source.encode())


def end_of(day: date) -> Order:
    return (day, END)


@dataclass
class Exceptions:
    """docs/formats.md: exceptions.csv; the same thing is listed once."""

    rows: set[Row] = field(default_factory=set)

    def add(self, what: str, invoice_id: str, payee_id: str, event_id: str, message: str) -> None:
        self.rows.add((what, invoice_id, payee_id, event_id, message))


def without_conflicts(events: list[Event]) -> tuple[list[Event], list[Event]]:
    """3: the same event twice counts once; one id with other content is a conflict, neither is applied."""
    versions: dict[EventKey, dict[tuple[object, ...], Event]] = {}
    for event in events:
        versions.setdefault(event.key, {}).setdefault(event.content, event)
    good = [event for same in versions.values() if len(same) == 1 for event in same.values()]
    bad = [event for same in versions.values() if len(same) > 1 for event in same.values()]
    return good, bad


def find_named(event: Event, name: str, events: list[Event]) -> EventKey | None:
    """3: names an event of the same invoice, of the same source if there is one by that id."""
    found = [
        other
        for other in events
        if other.event_id == name and other.invoice_id == event.invoice_id and other.key != event.key
    ]
    found.sort(key=lambda other: (other.source != event.source, other.source.encode()))
    return found[0].key if found else None


def applied_events(
    events: list[Event],
    invoices: dict[str, Invoice],
    as_of: date,
    exceptions: Exceptions,
    cause: Callable[[Event], str],
) -> list[Event]:
    """The events that count, in order, each knowing the event it names."""
    events = [event for event in events if event.day <= as_of]  # events after as_of are ignored entirely
    good, bad = without_conflicts(events)
    for event in bad:
        exceptions.add("conflict", event.invoice_id, "", cause(event), "the same id with other content")
    known = [e for e in good if e.invoice_id in invoices and e.currency in ("", invoices[e.invoice_id].currency)]
    applied = []
    for event in good:
        if event.invoice_id not in invoices:
            exceptions.add("unknown_reference", event.invoice_id, "", cause(event), "no such invoice")
        elif event.currency not in ("", invoices[event.invoice_id].currency):
            exceptions.add("wrong_currency", event.invoice_id, "", cause(event), "not the invoice's currency")
        else:
            name = event.reverses if event.type == "chargeback_reversed" else event.payment_id
            named = find_named(event, name, known) if name else None
            for given in (event.payment_id, event.reverses):
                if given and find_named(event, given, known) is None:  # applied as if absent, and listed
                    exceptions.add("unknown_reference", event.invoice_id, "", cause(event), "names nothing known")
            applied.append(replace(event, names=named))
    return sorted(applied, key=event_order)


# ---------------------------------------------------------------------------------------------------------
# Section 4: what is true of an invoice after each event
# ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class State:
    gross: int
    due_on: date
    cash: int = 0
    less_owed: int = 0
    disputes: tuple[tuple[date, date | None], ...] = ()
    warnings: tuple[date, ...] = ()
    written_off: bool = False

    @property
    def collectible(self) -> int:
        """4: max(0, G - credit notes - discounts)."""
        return max(0, self.gross - self.less_owed)

    @property
    def collected(self) -> int:
        """4: max(0, min(cash, collectible))."""
        return max(0, min(self.cash, self.collectible))

    @property
    def open(self) -> int:
        return self.collectible - self.collected

    @property
    def paid_in_full(self) -> bool:
        return self.collected > 0 and self.collected >= self.collectible


CASH_SIGN = {"payment": 1, "chargeback_reversed": 1, "refund": -1, "payment_reversed": -1, "chargeback": -1}


def after_event(state: State, event: Event, amount: int) -> State:
    """4: what one event does to its invoice."""
    if event.type in CASH_SIGN:
        return replace(state, cash=state.cash + CASH_SIGN[event.type] * amount)
    if event.type in ("credit_note", "discount"):
        return replace(state, less_owed=state.less_owed + amount)
    if event.type == "due_date_changed":
        return replace(state, due_on=event.new_due_on or state.due_on)
    if event.type == "write_off":
        return replace(state, written_off=True)
    if event.type == "early_warning":
        return replace(state, warnings=(*state.warnings, event.day))
    if event.type == "dispute_opened":
        return replace(state, disputes=(*state.disputes, (event.day, None)))
    closed = tuple((opened, until if until is not None else event.day) for opened, until in state.disputes)
    return replace(state, disputes=closed)


def commissionable_lines(invoice: Invoice, categories: Sequence[str]) -> list[InvoiceLine]:
    return [
        line for line in invoice.lines if line.commissionable and (not categories or line.category in categories)
    ]


def net_of_tax(invoice: Invoice, gross_part: int, base: str, categories: Sequence[str]) -> int:
    """4: base(c) = R(c x N / G), and 0 where G <= 0; N is at least 0, for margin net less cost."""
    lines = commissionable_lines(invoice, categories)
    total = max(0, sum(line.net - (line.cost if base == "margin" else 0) for line in lines))
    return rounded(Fraction(gross_part * total, invoice.gross)) if invoice.gross > 0 else 0


def credit_positions(position: int, credits: list[Credit]) -> list[int]:
    """5: along the credits of one role in listed order, R(P x S_k) - R(P x S_(k-1))."""
    running: dict[str, int] = {}
    found = []
    for credit in credits:
        before = running.get(credit.role, 0)
        running[credit.role] = before + credit.share
        upper = rounded(Fraction(position * running[credit.role], ONE))
        found.append(upper - rounded(Fraction(position * before, ONE)))
    return found


# ---------------------------------------------------------------------------------------------------------
# The facts of one dataset, and questions one can ask them
# ---------------------------------------------------------------------------------------------------------


class Facts:
    def __init__(self, folder: Path, as_of: date) -> None:
        self.as_of = as_of
        self.exceptions = Exceptions()
        company = read_toml(folder / "company.toml")
        self.currency: str = company["currency"]
        self.calendar = Calendar(company["fiscal_year_starts"])
        self.low_risk_grades = [str(grade) for grade in company.get("low_risk_grades", ["A"])]
        self.recovery_cap = millionths(company.get("recovery_cap", 1))
        self.leaves_on = {
            row["payee_id"]: day_or_none(row.get("ends_on")) for row in read_rows(folder / "payees.csv")
        }
        self.reporting = read_spans(folder / "reporting.csv", "payee_id", "manager_id")
        self.memberships = read_spans(folder / "memberships.csv", "payee_id", "team", "role")
        self.payee_assignments = read_spans(folder / "assignments.csv", "payee_id", "plan")
        self.team_assignments = read_spans(folder / "assignments.csv", "team", "plan")
        self.country = {row["customer_id"]: row.get("country", "") for row in read_rows(folder / "customers.csv")}
        self.credit_records = read_credit_records(folder)
        self.targets = read_targets(folder)
        self.rates = [
            Rate(row["from"], row["to"], date.fromisoformat(row["on"]), number(row["rate"]))
            for row in read_rows(folder / "fx_rates.csv")
        ]
        self.plans = sorted(
            (read_plan(path) for path in sorted((folder / "plans").glob("*.toml"))),
            key=lambda plan: plan.name,
        )
        self.invoices = read_invoices(folder)
        all_events = [read_event(row) for row in read_rows(folder / "events.csv")]
        self.sources_of_id: dict[str, set[str]] = {}
        for event in all_events:
            if event.day <= as_of:
                self.sources_of_id.setdefault(event.event_id, set()).add(event.source)
        self.events = applied_events(all_events, self.invoices, as_of, self.exceptions, self.cause)
        self.events_of: dict[str, list[Event]] = {invoice_id: [] for invoice_id in self.invoices}
        for event in self.events:
            self.events_of[event.invoice_id].append(event)
        self.history = {invoice_id: self.tell_history(invoice_id) for invoice_id in self.invoices}

    # events and states

    def cause(self, event: Event) -> str:
        """3: where an id occurs under two sources, the cause is <source>/<id>."""
        several = len(self.sources_of_id[event.event_id]) > 1
        return f"{event.source}/{event.event_id}" if several else event.event_id

    def amount(self, event: Event) -> int:
        currency = self.invoices[event.invoice_id].currency
        return 0 if event.amount is None else minor(event.amount, currency)

    def tell_history(self, invoice_id: str) -> list[tuple[Order, State]]:
        invoice = self.invoices[invoice_id]
        state = State(invoice.gross, invoice.due_on)
        history = []
        for event in self.events_of[invoice_id]:
            state = after_event(state, event, self.amount(event))
            history.append((event_order(event), state))
        return history

    def state(self, invoice: Invoice, moment: Order) -> State:
        """The invoice after everything up to and including this moment of the one order."""
        state = State(invoice.gross, invoice.due_on)
        for order, after in self.history[invoice.invoice_id]:
            if order <= moment:
                state = after
        return state

    # customers

    def first_invoice_day(self, customer_id: str) -> date:
        return min(other.issued_on for other in self.invoices.values() if other.customer_id == customer_id)

    def customer_age(self, invoice: Invoice) -> int:
        """7: issued_on - the customer's first invoice."""
        return (invoice.issued_on - self.first_invoice_day(invoice.customer_id)).days

    def credit_value(self, invoice: Invoice, name: str) -> str | None:
        """7: the last value given on or before issued_on."""
        given = [
            (record.on, record.given[name])
            for record in self.credit_records
            if record.customer_id == invoice.customer_id and record.on <= invoice.issued_on and record.given[name]
        ]
        return max(given)[1] if given else None

    # people

    def is_on_plan(self, plan: str, payee_id: str, day: date) -> bool:
        return any(
            span.where == plan and span.who == payee_id and span.holds_on(day) for span in self.payee_assignments
        )

    def payees_ever_on(self, plan: str) -> list[str]:
        return sorted({span.who for span in self.payee_assignments if span.where == plan and span.who})

    def payees_on(self, plan: str, day: date) -> list[str]:
        return [payee for payee in self.payees_ever_on(plan) if self.is_on_plan(plan, payee, day)]

    def teams_on(self, plan: str, day: date) -> list[str]:
        return sorted(
            {span.who for span in self.team_assignments if span.where == plan and span.who and span.holds_on(day)}
        )

    def left_before(self, payee_id: str, day: date) -> bool:
        ends_on = self.leaves_on.get(payee_id)
        return ends_on is not None and ends_on < day

    def members(self, team: str, first: date, last: date) -> dict[str, list[str]]:
        """9: role -> payees with a membership inside the days; 6: not those who left before the last day."""
        roles: dict[str, set[str]] = {}
        for span in self.memberships:
            inside = span.starts_on <= last and (span.ends_on is None or span.ends_on >= first)
            if span.where == team and inside and not self.left_before(span.who, last):
                roles.setdefault(span.role, set()).add(span.who)
        return {role: sorted(payees) for role, payees in roles.items()}

    def member_days(self, team: str, role: str, payee_id: str, first: date, last: date) -> int:
        spans = [s for s in self.memberships if (s.where, s.role, s.who) == (team, role, payee_id)]
        days = [first + timedelta(days=n) for n in range((last - first).days + 1)]
        return sum(1 for day in days if any(span.holds_on(day) for span in spans))

    def reports_to(self, payee_id: str, manager_id: str, day: date) -> bool:
        """5: on that day, directly or through others."""
        above, seen = {payee_id}, {payee_id}
        while above:
            above = {s.where for s in self.reporting if s.who in above and s.holds_on(day)} - seen
            seen |= above
        return manager_id != payee_id and manager_id in seen

    def ever_reports_to(self, payee_id: str, manager_id: str) -> bool:
        """5: on some day of the data. Lines only change on the first day of some row."""
        return any(self.reports_to(payee_id, manager_id, span.starts_on) for span in self.reporting)

    def teams_of(self, invoice: Invoice) -> set[str]:
        """docs/formats.md: where team is empty, the teams of its credited payees on issued_on."""
        if invoice.team:
            return {invoice.team}
        credited = {credit.payee_id for credit in invoice.credits}
        return {s.where for s in self.memberships if s.who in credited and s.holds_on(invoice.issued_on)}

    def team_invoices(self, team: str) -> list[Invoice]:
        return [invoice for invoice in self.invoices.values() if team in self.teams_of(invoice)]

    # money

    def rate(self, source: str, target: str, day: date) -> Fraction | None:
        """5: the last row with `on` <= date, no inverse, no crossing."""
        if source == target:
            return Fraction(1)
        rows = [row for row in self.rates if (row.source, row.target) == (source, target) and row.on <= day]
        return max(rows, key=lambda row: row.on).rate if rows else None

    def converted(self, amount: int, source: str, target: str, day: date) -> Fraction | None:
        rate = self.rate(source, target, day)
        return None if rate is None else amount * rate * Fraction(10) ** (decimals(target) - decimals(source))

    def target(self, plan: Plan, component: str, payee_id: str, team: str, start: date | None) -> int | None:
        for row in self.targets:
            wanted = (plan.name, component, payee_id, team, start)
            if (row.plan, row.component, row.payee_id, row.team, row.window_start) == wanted:
                return minor(row.amount, plan.currency)
        return None


@dataclass(frozen=True)
class Line:
    """11: a line's key is plan, component, payee, cause, kind; it has two dates here."""

    payee_id: str
    plan: str
    component: str
    kind: str
    cause: str
    invoice_id: str
    earned_on: date
    payable_on: date
    amount: int
    currency: str
    plan_version: date


# ---------------------------------------------------------------------------------------------------------
# Sections 4 to 8: a commission, one plan, component and payee at a time
# ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Moment:
    """Something that may move a position: a contract, an invoice, an event, a suspension falling due."""

    order: Order
    day: date
    invoice: Invoice
    cause: str
    event: Event | None = None
    suspends: bool = False

    @property
    def event_id(self) -> str:
        return self.cause if self.event else ""


@dataclass(frozen=True)
class Window:
    """7: the window in which attainment is counted."""

    over: str
    start: date | None
    invoice_id: str


@dataclass
class Segment:
    """8: what an upward movement leaves: size, exact commission, date, window, factors, event."""

    order: tuple[date, bool, int]  # 5: money of people who did not report comes after all others of its day
    moment: Moment
    size: int
    plan_amount: int = 0
    commission: int = 0  # marginal tiers: exact, in units of 10^-12
    weight: Fraction = Fraction(0)  # whole_amount tiers: m x movement, less what take-backs removed
    factor: int = 0
    add: int = 0
    window: Window | None = None
    component: Commission | None = None
    payable_on: date = date.min


@dataclass
class Taken:
    """8: what one event took of one segment, so that a give-back can restore exactly that."""

    segment: Segment
    size: int
    plan_amount: int
    attainment: int
    commissions: list[tuple[Segment, int]]
    weight: Fraction
    payable_on: date = date.min

    @property
    def has_commission(self) -> bool:
        return self.weight != 0 or any(amount != 0 for _, amount in self.commissions)


@dataclass
class Pile:
    """5: all the segments of one payee on one invoice, and what was taken from them, by what."""

    segments: list[Segment] = field(default_factory=list)
    taken_by: dict[EventKey, list[Taken]] = field(default_factory=dict)
    suspended: list[Taken] = field(default_factory=list)

    def newest_first(self) -> list[Segment]:
        return sorted(self.segments, key=lambda segment: segment.order, reverse=True)

    def commission_left(self) -> int:
        return sum(segment.commission for segment in self.segments)


def part_of(amount: int, part: int, whole: int) -> int:
    """8: a part carries its proportional amount, rounded; the last part carries the rest."""
    return amount if part == whole else rounded(Fraction(amount * part, whole))


def position_of(component: Commission, invoice: Invoice, state: State, started: bool, follows_cash: bool) -> int:
    """4: the table of earns_on."""
    counted = 0
    if component.earns_on == "payment" or follows_cash:
        counted = state.collected
    elif component.earns_on == "full_payment":
        enough = state.collected * ONE >= component.release_at * state.collectible
        counted = state.collected if enough and state.collected > 0 else 0
    elif started:
        counted = state.collectible
    return net_of_tax(invoice, counted, component.base, component.categories)


def days_late(multiplier: Multiplier, state: State, day: date) -> int:
    """7: days after the due date in force, less disputed days, forgiven after an early warning."""
    if multiplier.forgive_if_warned and any(warned < state.due_on for warned in state.warnings):
        return 0
    late = [state.due_on + timedelta(days=n) for n in range(1, (day - state.due_on).days + 1)]
    if multiplier.pause_while_disputed:
        late = [
            one for one in late if not any(opened < one <= (closed or day) for opened, closed in state.disputes)
        ]
    return len(late)


def step_for(steps: list[Step], value: Fraction | int) -> Step | None:
    """7: half-open steps."""
    reached = [step for step in steps if step.start <= value]
    return reached[-1] if reached else None


def curve(tiers: list[Tier], amount: int) -> int:
    """7: F(A), each tier half-open, the first rate also for a negative A; in millionths of a minor unit."""
    if amount < 0:
        return amount * tiers[0].rate
    total = 0
    for tier, following in zip(tiers, [*tiers[1:], None], strict=True):
        upper = amount if following is None else min(amount, int(following.start))
        total += max(0, upper - int(tier.start)) * tier.rate
    return total


def rate_reached(tiers: list[Tier], amount: int) -> int:
    """7: the rate of the tier A has reached."""
    reached = [tier.rate for tier in tiers if tier.start <= amount]
    return reached[-1] if reached else tiers[0].rate


def pieces_by_tier(tiers: list[Tier], before: int, plan_amount: int, movement: int) -> list[tuple[int, int]]:
    """8: one piece per tier, lowest first, as (movement, plan amount).

    5: a converted movement is cut at R(movement x plan amount so far / plan amount), the last takes the rest;
    a piece of size 0 joins the next one, at the end the one before.
    """
    limits = sorted({int(tier.start) for tier in tiers[1:] if before < tier.start < before + plan_amount})
    ends = [limit - before for limit in limits] + [plan_amount]
    pieces: list[tuple[int, int]] = []
    done, done_plan = 0, 0
    for end in ends:
        cut = movement if end == plan_amount else rounded(Fraction(movement * end, plan_amount))
        if cut > done:
            pieces.append((cut - done, end - done_plan))
            done, done_plan = cut, end
    if done_plan < plan_amount:
        size, plan_part = pieces[-1]
        pieces[-1] = (size, plan_part + plan_amount - done_plan)
    return pieces


class CommissionWalk:
    """One payee under one commission component, through the one order of everything."""

    def __init__(self, facts: Facts, plan: Plan, name: str, payee_id: str) -> None:
        self.facts, self.plan, self.name, self.payee_id = facts, plan, name, payee_id
        self.lines: list[Line] = []
        self.piles: dict[str, Pile] = {}
        self.totals: dict[str, int] = {}  # 2: the exact running total per invoice (marginal tiers)
        self.attainment: dict[Window, int] = {}
        self.positions: dict[str, int] = {}
        self.suspended_on: dict[str, date | None] = {}
        self.made = 0

    def walk(self) -> list[Line]:
        for moment in self.moments():
            self.pass_through(moment)
        return self.lines

    # which version and which credits

    def component_of(self, version: Version | None) -> Commission | None:
        found = version.components.get(self.name) if version else None
        return found if isinstance(found, Commission) else None

    def definition(self, invoice: Invoice) -> Commission | None:
        """What the position is measured by. 6: under `payment` all versions agree on it."""
        if self.plan.rules_as_of != "payment":
            rule_date = self.plan.rule_date(invoice, date.min)
            return self.component_of(self.plan.version_on(rule_date) or self.plan.versions[0])
        found = [self.component_of(version) for version in self.plan.versions]
        return next(component for component in found if component)

    def component_on(self, invoice: Invoice, day: date) -> Commission | None:
        return self.component_of(self.plan.version_on(self.plan.rule_date(invoice, day)))

    def could_be_credited(self, component: Commission, credit: Credit) -> bool:
        """5: own credits, or for a manager those of people who report to them on some day of the data."""
        if not component.lists(credit.role):
            return False
        if component.team_credits:
            return self.facts.ever_reports_to(credit.payee_id, self.payee_id)
        return credit.payee_id == self.payee_id

    def in_pile(self, invoice: Invoice) -> list[bool]:
        """For each credit of the invoice: does its money lie in this payee's pile?"""
        if self.plan.rules_as_of == "payment":
            components = [self.component_of(version) for version in self.plan.versions]
        else:
            components = [self.definition(invoice)]
        present = [component for component in components if component]
        return [any(self.could_be_credited(one, credit) for one in present) for credit in invoice.credits]

    def counts_on(self, component: Commission, credit: Credit, day: date) -> bool:
        """5: team credits count when credited to someone who reports to the payee on that day."""
        if not component.lists(credit.role):
            return False
        return not component.team_credits or self.facts.reports_to(credit.payee_id, self.payee_id, day)

    # moments

    def moments(self) -> list[Moment]:
        found = []
        for invoice in self.facts.invoices.values():
            component = self.definition(invoice)
            if component is None or not any(self.in_pile(invoice)):
                continue
            found += self.start_of(component, invoice)
            for event in self.facts.events_of[invoice.invoice_id]:
                found.append(Moment(event_order(event), event.day, invoice, self.facts.cause(event), event))
            day = self.suspension_day(component, invoice)
            self.suspended_on[invoice.invoice_id] = day
            if day is not None:
                order = (day, SUSPENSIONS, 0, invoice.invoice_id.encode())
                found.append(Moment(order, day, invoice, f"suspend:{invoice.invoice_id}", None, True))
        return sorted(found, key=lambda moment: moment.order)

    def start_day(self, component: Commission, invoice: Invoice) -> date | None:
        starts = {"contract": invoice.contract_day, "invoice": invoice.issued_on}
        return starts.get(component.earns_on)

    def start_of(self, component: Commission, invoice: Invoice) -> list[Moment]:
        """3: contracts come before invoices, both before the day's events."""
        day = self.start_day(component, invoice)
        if day is None or day > self.facts.as_of:
            return []
        stage = CONTRACTS if component.earns_on == "contract" else INVOICES
        order = (day, stage, 0, invoice.invoice_id.encode())
        return [Moment(order, day, invoice, f"{component.earns_on}:{invoice.invoice_id}")]

    def suspension_day(self, component: Commission, invoice: Invoice) -> date | None:
        """4: the first day at whose end the due date in force + suspend_after_days has come."""
        if component.earns_on not in ("invoice", "contract"):
            return None
        events = self.facts.events_of[invoice.invoice_id]
        dues = [invoice.due_on] + [event.new_due_on for event in events if event.new_due_on]
        day = min(dues)
        while day <= self.facts.as_of:
            there = self.component_on(invoice, day)
            if there and there.suspend_after_days is not None:
                due_on = self.facts.state(invoice, end_of(day)).due_on
                if due_on + timedelta(days=there.suspend_after_days) <= day:
                    return day
            day += timedelta(days=1)
        return None

    def position_at(self, moment: Moment) -> int:
        component = self.definition(moment.invoice)
        assert component is not None
        state = self.facts.state(moment.invoice, moment.order)
        start = self.start_day(component, moment.invoice)
        follows_cash = False
        if start is not None:  # an advance
            suspended_on = self.suspended_on[moment.invoice.invoice_id]
            day_is_over = suspended_on is not None and (suspended_on < moment.day or moment.suspends)
            follows_cash = day_is_over or state.written_off
        started = start is not None and start <= moment.day
        return position_of(component, moment.invoice, state, started, follows_cash)

    # one moment

    def pass_through(self, moment: Moment) -> None:
        invoice = moment.invoice
        old, new = self.positions.get(invoice.invoice_id, 0), self.position_at(moment)
        self.positions[invoice.invoice_id] = new
        component = self.component_on(invoice, moment.day) or self.definition(invoice)
        assert component is not None
        counted, others = 0, 0
        splits = zip(credit_positions(old, invoice.credits), credit_positions(new, invoice.credits), strict=True)
        for credit, mine, (before, after) in zip(invoice.credits, self.in_pile(invoice), splits, strict=True):
            if mine and self.counts_on(component, credit, moment.day):
                counted += after - before
            elif mine:
                others += after - before
        movement = counted + others  # 5: added up before they meet the curve
        if movement < 0:
            self.take_back(moment, -movement, against=new >= old)
        elif movement > 0:
            self.upward(moment, movement, counted)

    def post(self, moment: Moment, kind: str, amount: int, payable_on: date) -> None:
        version = self.plan.version_on(self.plan.rule_date(moment.invoice, moment.day))
        if amount == 0:
            return  # docs/formats.md: lines whose amount is 0 are left out
        assert version is not None
        self.lines.append(
            Line(
                self.payee_id,
                self.plan.name,
                self.name,
                kind,
                moment.cause,
                moment.invoice.invoice_id,
                moment.day,
                payable_on,
                amount,
                self.plan.currency,
                version.effective_from,
            )
        )

    # running totals

    def tiers(self, component: Commission, window: Window) -> list[Tier] | None:
        """7: limits are amounts, or shares of the payee's target for the window, R(share x target)."""
        if not component.by_target:
            return component.tiers
        target = self.facts.target(self.plan, self.name, self.payee_id, "", window.start)
        if target is None:
            return None
        return [Tier(Fraction(rounded(tier.start * target)), tier.rate) for tier in component.tiers]

    def rate_of(self, segment: Segment) -> int:
        assert segment.component is not None and segment.window is not None
        tiers = self.tiers(segment.component, segment.window)
        assert tiers is not None
        return rate_reached(tiers, self.attainment.get(segment.window, 0))

    def whole_segments(self) -> list[Segment]:
        every = [segment for pile in self.piles.values() for segment in pile.segments]
        return [segment for segment in every if segment.component and segment.component.whole_amount]

    def rounded_total(self, invoice: Invoice) -> int:
        """2: the running totals an event of this invoice can move, each rounded: the invoice's own, and those
        of all windows where tiers apply to the whole amount.

        7: T = sum over versions of rate(A) x sum of m x movement.
        """
        by_window: dict[Window, Fraction] = {}
        for segment in self.whole_segments():
            assert segment.window is not None
            worth = (self.rate_of(segment) + segment.add) * segment.weight
            by_window[segment.window] = by_window.get(segment.window, Fraction(0)) + worth
        of_invoice = from_tiny(self.totals.get(invoice.invoice_id, 0))
        return of_invoice + sum(from_tiny(total) for total in by_window.values())

    # up

    def upward(self, moment: Moment, movement: int, counted: int) -> None:
        """2: the total is rounded after the restorations, then after the earnings."""
        pile = self.piles.setdefault(moment.invoice.invoice_id, Pile())
        before = self.rounded_total(moment.invoice)
        restored, payable_on = self.give_back(moment, pile, movement)
        middle = self.rounded_total(moment.invoice)
        self.post(moment, "restoration", middle - before, payable_on)
        rest = movement - restored
        earning = max(0, min(counted, rest))
        payable_on = self.earn(moment, pile, earning)
        self.post(moment, "earning", self.rounded_total(moment.invoice) - middle, payable_on)
        if rest > earning:  # 5: credited while they did not report: a segment of its own with commission 0
            self.leave(pile, moment, rest - earning, outside=True)

    def give_back(self, moment: Moment, pile: Pile, movement: int) -> tuple[int, date]:
        """8: for a chargeback_reversed first what its chargeback took; then, as for cash, suspended money."""
        restored, payable_on = 0, moment.day
        event = moment.event
        if event is None or event.type not in ("payment", "chargeback_reversed"):
            return restored, payable_on
        sources = [pile.suspended]
        if event.type == "chargeback_reversed" and event.names:
            sources.insert(0, pile.taken_by.get(event.names, []))
        for records in sources:
            for record in sorted(records, key=lambda one: one.segment.order, reverse=True):
                part = min(record.size, movement - restored)
                if part > 0:
                    if record.has_commission:  # 9: not before the take-back it undoes
                        payable_on = max(payable_on, record.payable_on)
                    self.restore_part(moment, record, part)
                    restored += part
        return restored, payable_on

    def restore_part(self, moment: Moment, record: Taken, part: int) -> None:
        """8: restores exactly what was taken into the same segment; what was kept stays kept."""
        segment = record.segment
        plan_part = part_of(record.plan_amount, part, record.size)
        attained = part_of(record.attainment, part, record.size)
        weight = record.weight * Fraction(part, record.size)
        back = [(source, part_of(amount, part, record.size)) for source, amount in record.commissions]
        segment.size += part
        segment.plan_amount += plan_part
        segment.weight += weight
        if segment.window:
            self.attainment[segment.window] = self.attainment.get(segment.window, 0) + attained
        for source, amount in back:
            source.commission += amount
            self.totals[moment.invoice.invoice_id] = self.totals.get(moment.invoice.invoice_id, 0) + amount
        record.commissions = [
            (source, amount - given) for (source, amount), (_, given) in zip(record.commissions, back, strict=True)
        ]
        record.size -= part
        record.plan_amount -= plan_part
        record.attainment -= attained
        record.weight -= weight

    def leave(self, pile: Pile, moment: Moment, size: int, outside: bool = False) -> Segment:
        self.made += 1
        segment = Segment((moment.day, outside, self.made), moment, size)
        pile.segments.append(segment)
        return segment

    def window_of(self, component: Commission, moment: Moment) -> Window:
        """7: `invoice`: each its own window; month, quarter, fiscal_year by the event's date; `ever`."""
        over = component.accumulates_over
        if over == "invoice":
            return Window(over, None, moment.invoice.invoice_id)
        return Window(over, None if over == "ever" else self.facts.calendar.start(over, moment.day), "")

    def earn(self, moment: Moment, pile: Pile, movement: int) -> date:
        """7 and 8: a movement up the curve; leaves one segment per tier. Returns when it is payable."""
        if movement == 0:
            return moment.day
        component, why = self.component_on(moment.invoice, moment.day), self.why_nothing(moment)
        if why or component is None or not self.is_on_plan(moment):
            if why:  # 5: still leaves a segment, commission 0, no attainment, and is listed
                self.facts.exceptions.add(
                    why, moment.invoice.invoice_id, self.payee_id, moment.event_id, MESSAGES[why]
                )
            self.leave(pile, moment, movement)
            return moment.day
        factors, plan_amount = self.factors(component, moment), self.plan_amount(moment, movement)
        window = self.window_of(component, moment)
        tiers = self.tiers(component, window)
        assert factors is not None and plan_amount is not None and tiers is not None
        m, add = factors
        attained = self.attainment.get(window, 0)
        payable_on = moment.day + timedelta(days=component.hold_days)  # 9: hold_days
        for size, plan_part in pieces_by_tier(tiers, attained, plan_amount, movement):
            segment = self.leave(pile, moment, size)
            segment.plan_amount, segment.factor, segment.add = plan_part, m, add
            segment.window, segment.component, segment.payable_on = window, component, payable_on
            if component.whole_amount:
                segment.weight = Fraction(m * plan_part)
            else:  # 7: m x (F(A') - F(A) + add x movement)
                risen = curve(tiers, attained + plan_part) - curve(tiers, attained)
                segment.commission = m * (risen + add * plan_part)
                invoice_id = moment.invoice.invoice_id
                self.totals[invoice_id] = self.totals.get(invoice_id, 0) + segment.commission
            attained += plan_part
        self.attainment[window] = attained
        return payable_on

    def is_on_plan(self, moment: Moment) -> bool:
        """5: a payee must be on the plan on the rule date."""
        rule_date = self.plan.rule_date(moment.invoice, moment.day)
        return self.facts.is_on_plan(self.plan.name, self.payee_id, rule_date)

    def why_nothing(self, moment: Moment) -> str:
        """5: money that earns nothing. (no_plan is told per credit, by `tell_no_plan`.)"""
        if not self.is_on_plan(moment):
            return ""
        if self.plan.version_on(self.plan.rule_date(moment.invoice, moment.day)) is None:
            return "before_first_version"  # 6: a date before the first version earns nothing
        component = self.component_on(moment.invoice, moment.day)
        if component is None:
            return ""
        if self.has_left(component, moment.day):
            return "left"
        if self.factors(component, moment) is None:
            return "no_match"
        if self.plan_amount(moment, 1) is None:
            return "missing_fx_rate"
        if self.tiers(component, self.window_of(component, moment)) is None:
            return "missing_target"
        return ""

    def has_left(self, component: Commission, day: date) -> bool:
        """5: after a payee leaves, cash counts for after_leaving_days more (absent: without limit)."""
        ends_on = self.facts.leaves_on.get(self.payee_id)
        if ends_on is None or component.after_leaving_days is None:
            return False
        return day > ends_on + timedelta(days=component.after_leaving_days)

    def plan_amount(self, moment: Moment, movement: int) -> int | None:
        """5: an upward movement is converted at the rate in force on the event's date, R(movement x rate)."""
        exact = self.facts.converted(movement, moment.invoice.currency, self.plan.currency, moment.day)
        return None if exact is None else rounded(exact)

    def factors(self, component: Commission, moment: Moment) -> tuple[int, int] | None:
        """7: m, the product of the factors rounded once to ppm, and the rate points; None: no match."""
        product, add = Fraction(1), 0
        for multiplier in component.multipliers:
            found = self.factor(multiplier, component, moment)
            if found is None:
                return None
            product *= found[0] / ONE
            add += found[1]
        return rounded(product * ONE), add

    def factor(self, multiplier: Multiplier, component: Commission, moment: Moment) -> tuple[Fraction, int] | None:
        """7: what one multiplier says at the event: (factor in ppm, rate points to add)."""
        invoice = moment.invoice
        if multiplier.by in ("risk_grade", "credit_approval", "security"):
            return mapped(multiplier, self.facts.credit_value(invoice, multiplier.by))
        if multiplier.by == "country":
            return mapped(multiplier, self.facts.country.get(invoice.customer_id, ""))
        if multiplier.by == "category":
            return category_average(multiplier, commissionable_lines(invoice, component.categories))
        state = self.facts.state(invoice, moment.order)
        value = {
            "days_late": days_late(multiplier, state, moment.day),
            "days_to_pay": max(0, (moment.day - invoice.issued_on).days),
            "terms_days": (invoice.due_on - invoice.issued_on).days,
            "customer_age_days": self.facts.customer_age(invoice),
        }[multiplier.by]
        step = step_for(multiplier.steps, value)
        return None if step is None else (Fraction(step.factor), step.add)

    # down

    def take_back(self, moment: Moment, movement: int, against: bool) -> None:
        """8: segments of the named payment first, then the newest first."""
        pile = self.piles[moment.invoice.invoice_id]
        event = moment.event
        # 4: the drop at the suspension day or from a write_off is a suspension, not a forfeit.
        suspension = not against and (moment.suspends or (event is not None and event.type == "write_off"))
        named = event.names if event else None
        newest = pile.newest_first()
        first = [one for one in newest if named and one.moment.event and one.moment.event.key == named]
        before = self.rounded_total(moment.invoice)
        rates = [self.rate_of(segment) for segment in self.whole_segments()]
        taken: list[Taken] = []
        below: dict[Window, int] = {}
        left = movement
        for segment in [*first, *(one for one in newest if one not in first)]:
            part = min(segment.size, left)
            if part > 0:
                share = ONE if suspension else self.clawback_share(segment, moment, against)
                taken.append(self.take_part(pile, segment, part, share, suspension, moment, below))
                left -= part
        assert left == 0, "a pile holds exactly the position"
        payable_on = max([moment.day, *self.losing_earnings_payable(taken, rates)])
        for record in taken:
            record.payable_on = payable_on
        if suspension:
            pile.suspended += taken
        elif event:
            pile.taken_by.setdefault(event.key, []).extend(taken)
        self.post(
            moment,
            "suspension" if suspension else "clawback",
            self.rounded_total(moment.invoice) - before,
            payable_on,
        )

    def clawback_share(self, segment: Segment, moment: Moment, against: bool) -> int:
        """8: the share taken; kept commission (window_days, company fault) is share 0."""
        event, component = moment.event, segment.component
        if component is None:
            return ONE  # nothing was earned
        options = component.clawback
        if event and event.fault == "company" and options.company_fault == "keep":
            return 0
        if options.window_days is not None and (moment.day - segment.moment.day).days > options.window_days:
            return 0
        if against or event is None:  # 5: rounding against the event: an ordinary take-back, share 1
            return ONE
        return options.share.get(event.type, ONE)

    def take_part(
        self,
        pile: Pile,
        segment: Segment,
        part: int,
        share: int,
        suspension: bool,
        moment: Moment,
        below: dict[Window, int],
    ) -> Taken:
        """8: one part of one segment; of what leaves the pile the share is taken, the rest kept for good."""
        plan_part = part_of(segment.plan_amount, part, segment.size)
        proportional = part_of(segment.commission, part, segment.size)
        component, window = segment.component, segment.window
        record = Taken(segment, part, plan_part, 0, [], Fraction(0))
        if component is not None and window is not None:
            loss = proportional
            recalculates = component.clawback.basis == "recalculate" and not component.whole_amount
            if recalculates and not suspension and proportional >= 0:  # less than nothing: just that comes back
                loss = min(self.loss_on_curve(segment, plan_part, below), pile.commission_left())
            taken = rounded(Fraction(loss * share, ONE))
            record.commissions = self.remove(pile, segment, max(loss, proportional), taken)
            self.totals[moment.invoice.invoice_id] = self.totals.get(moment.invoice.invoice_id, 0) - taken
            if component.whole_amount:  # 7: removes share x part x m from the sum
                record.weight = Fraction(share * plan_part * segment.factor, ONE)
                segment.weight -= record.weight
            if suspension or component.clawback.attainment == "reduce":
                record.attainment = plan_part
                self.attainment[window] -= plan_part
            else:  # 8: with keep and recalculate, the parts of one event are taken one below the other
                below[window] = below.get(window, 0) + plan_part
        segment.size -= part
        segment.plan_amount -= plan_part
        return record

    def loss_on_curve(self, segment: Segment, plan_part: int, below: dict[Window, int]) -> int:
        """8: m x (F(A) - F(A') + add x part) at the segment's own window."""
        component, window = segment.component, segment.window
        assert component is not None and window is not None
        tiers = self.tiers(component, window)
        assert tiers is not None
        attained = self.attainment[window] - below.get(window, 0)
        fallen = curve(tiers, attained) - curve(tiers, attained - plan_part)
        return segment.factor * (fallen + segment.add * plan_part)

    def remove(self, pile: Pile, segment: Segment, leaves: int, taken: int) -> list[tuple[Segment, int]]:
        """8: from that segment first, then from the next older ones, then from the newest."""
        newest = pile.newest_first()
        older = [one for one in newest if one.order < segment.order]
        newer = [one for one in newest if one.order > segment.order]
        sources = []
        for source in [segment, *older, *newer]:
            out = leaves if source is segment and leaves < 0 else min(max(source.commission, 0), leaves)
            source.commission -= out
            leaves -= out
            lost = taken if source is segment and taken < 0 else min(out, max(taken, 0))
            sources.append((source, lost))
            taken -= lost
        return [(source, amount) for source, amount in sources if amount != 0]

    def losing_earnings_payable(self, taken: list[Taken], rates_before: list[int]) -> list[date]:
        """9: a take-back is payable on its date, but not before the earnings that lose by it."""
        losing = [record.segment for record in taken if record.weight != 0]
        losing += [source for record in taken for source, amount in record.commissions if amount != 0]
        for segment, before in zip(self.whole_segments(), rates_before, strict=True):
            if self.rate_of(segment) < before and segment.weight > 0:
                losing.append(segment)
        return [segment.payable_on for segment in losing]


MESSAGES = {
    "no_plan": "the payee is on no plan on the rule date",
    "before_first_version": "the rule date is before the plan's first version",
    "left": "cash after the payee left",
    "no_match": "a multiplier matches nothing",
    "missing_fx_rate": "no rate into the plan's currency on that date",
    "missing_target": "no target for the window",
    "no_members": "nobody in any role to pay",
}


def mapped(multiplier: Multiplier, value: str | None) -> tuple[Fraction, int] | None:
    """7: maps with an optional else."""
    factor = multiplier.values.get(value or "", multiplier.otherwise)
    return None if factor is None else (Fraction(factor), 0)


def category_average(multiplier: Multiplier, lines: list[InvoiceLine]) -> tuple[Fraction, int] | None:
    """7: `category` is averaged over the component's lines by net."""
    total, weighted = 0, Fraction(0)
    for line in lines:
        found = mapped(multiplier, line.category)
        if found is None:
            return None
        total += line.net
        weighted += found[0] * line.net
    return None if total == 0 else (weighted / total, 0)


def tell_no_plan(facts: Facts) -> None:
    """docs/formats.md: no_plan once per credit (under `payment` per event); 5: for money that earns nothing.

    Money here is the default position, the cash collected, net of tax.
    """
    for invoice in facts.invoices.values():
        position = 0
        for event in facts.events_of[invoice.invoice_id]:
            before = credit_positions(position, invoice.credits)
            position = net_of_tax(invoice, facts.state(invoice, event_order(event)).collected, "net", [])
            after = credit_positions(position, invoice.credits)
            for credit, old, new in zip(invoice.credits, before, after, strict=True):
                if new > old:
                    tell_credit_without_plan(facts, invoice, credit.payee_id, event)


def tell_credit_without_plan(facts: Facts, invoice: Invoice, payee_id: str, event: Event) -> None:
    per_event = False
    for plan in facts.plans:
        if facts.is_on_plan(plan.name, payee_id, plan.rule_date(invoice, event.day)):
            return
        if plan.rules_as_of == "payment" and payee_id in facts.payees_ever_on(plan.name):
            per_event = True
    event_id = facts.cause(event) if per_event else ""
    facts.exceptions.add("no_plan", invoice.invoice_id, payee_id, event_id, MESSAGES["no_plan"])


# ---------------------------------------------------------------------------------------------------------
# Section 9: base collected, the cash that bonuses look at
# ---------------------------------------------------------------------------------------------------------


@dataclass
class Cash:
    """A piece of cash: what is left of it, when it came and how late it was."""

    number: int
    event: EventKey
    day: date
    late: int
    size: int
    plan_amount: int


@dataclass(frozen=True)
class CashMove:
    """Cash that came or went on a day, in the plan's currency (None: no rate), and how late that cash was."""

    day: date
    late: int
    amount: int | None
    event: Event


class CashPile:
    """8: the named payment's cash goes back first, then the newest. 9: given back it keeps its lateness."""

    def __init__(self, convert: Callable[[int, date], Fraction | None]) -> None:
        self.convert = convert
        self.pieces: list[Cash] = []
        self.taken: dict[EventKey, list[tuple[Cash, int, int]]] = {}
        self.moves: list[CashMove] = []

    def move(self, event: Event, movement: int, late: int) -> None:
        if movement < 0:
            self.go_back(event, -movement)
        elif movement > 0:
            self.come(event, movement, late)

    def come(self, event: Event, movement: int, late: int) -> None:
        if event.type == "chargeback_reversed" and event.names:
            movement -= self.give_back(event, event.names, movement)
        if movement > 0:
            exact = self.convert(movement, event.day)
            amount = None if exact is None else rounded(exact)
            self.pieces.append(Cash(len(self.pieces), event.key, event.day, late, movement, amount or 0))
            self.moves.append(CashMove(event.day, late, amount, event))

    def go_back(self, event: Event, movement: int) -> None:
        newest = self.pieces[::-1]
        first = [piece for piece in newest if piece.event == event.names]
        for piece in [*first, *(one for one in newest if one not in first)]:
            part = min(piece.size, movement)
            if part > 0:
                plan_part = part_of(piece.plan_amount, part, piece.size)
                piece.size -= part
                piece.plan_amount -= plan_part
                movement -= part
                self.taken.setdefault(event.key, []).append((piece, part, plan_part))
                self.moves.append(CashMove(event.day, piece.late, -plan_part, event))
        assert movement == 0

    def give_back(self, event: Event, named: EventKey, movement: int) -> int:
        restored, still_taken = 0, []
        for piece, size, plan_amount in sorted(self.taken.get(named, []), key=lambda one: -one[0].number):
            part = min(size, movement - restored)
            plan_part = part_of(plan_amount, part, size) if part else 0
            piece.size += part
            piece.plan_amount += plan_part
            restored += part
            if part:
                self.moves.append(CashMove(event.day, piece.late, plan_part, event))
            if part < size:
                still_taken.append((piece, size - part, plan_amount - plan_part))
        self.taken[named] = still_taken
        return restored


def base_collected(
    facts: Facts,
    plan: Plan,
    invoice: Invoice,
    base: str,
    categories: list[str],
    mine: Callable[[Credit], bool] | None,
) -> list[CashMove]:
    """9: movements of base(collected) of an invoice, or of one payee's credits on it, added up per event."""
    pile = CashPile(lambda amount, day: facts.converted(amount, invoice.currency, plan.currency, day))
    position = 0
    for event in facts.events_of[invoice.invoice_id]:
        state = facts.state(invoice, event_order(event))
        old, position = position, net_of_tax(invoice, state.collected, base, categories)
        movement = position - old
        if mine is not None:
            before, after = (
                credit_positions(old, invoice.credits),
                credit_positions(position, invoice.credits),
            )
            pairs = zip(invoice.credits, before, after, strict=True)
            movement = sum(now - then for credit, then, now in pairs if mine(credit))
        pile.move(event, movement, (event.day - state.due_on).days)
    return pile.moves


def cash_in_period(
    facts: Facts,
    moves: list[CashMove],
    first: date,
    last: date,
    on_time_within: int | None,
    payee_id: str | None,
) -> int:
    """9: upward less downward in the period; with on_time_within_days only such cash.

    Cash without a rate is listed for `payee_id`, or not at all where that is None.
    """
    total = 0
    for move in moves:
        if within(move.day, first, last) and (on_time_within is None or move.late <= on_time_within):
            if move.amount is None and payee_id is not None:
                what, event_id = "missing_fx_rate", facts.cause(move.event)
                facts.exceptions.add(what, move.event.invoice_id, payee_id, event_id, MESSAGES[what])
            total += move.amount or 0
    return total


# ---------------------------------------------------------------------------------------------------------
# Section 10: metrics
# ---------------------------------------------------------------------------------------------------------


class Undefined(Exception):
    """No denominator, or an invoice without a rate."""


def divided(above: Fraction, below: Fraction) -> Fraction:
    if below == 0:
        raise Undefined
    return above / below


@dataclass
class MetricSum:
    """One team and period [a, b]; amounts in company currency at the rate in force on b, unrounded."""

    facts: Facts
    invoices: list[Invoice]
    first: date
    last: date
    by: str = "value"

    def value(self, invoice: Invoice, amount: int) -> Fraction:
        exact = self.facts.converted(amount, invoice.currency, self.facts.currency, self.last)
        if exact is None:
            raise Undefined  # an invoice without a rate makes the metric undefined
        return exact

    def at_end(self, invoice: Invoice, day: date) -> State:
        return self.facts.state(invoice, end_of(day))

    def receivable(self, day: date, overdue: bool | None = None) -> Fraction:
        """AR(d): open amounts of invoices issued by then, not written off; due on d is not yet overdue."""
        total = Fraction(0)
        for invoice in self.invoices:
            state = self.at_end(invoice, day)
            if invoice.issued_on <= day and not state.written_off and overdue in (None, state.due_on < day):
                total += self.value(invoice, state.open)
        return total

    def invoiced(self) -> Fraction:
        issued = [invoice for invoice in self.invoices if within(invoice.issued_on, self.first, self.last)]
        return sum((self.value(invoice, invoice.gross) for invoice in issued), Fraction(0))

    @property
    def days(self) -> int:
        return (self.last - self.first).days + 1

    def on_time_rate(self) -> Fraction:
        collected, collectible = Fraction(0), Fraction(0)
        for invoice in self.invoices:
            due_on = self.at_end(invoice, self.last).due_on
            if not within(due_on, self.first, self.last):
                continue
            state = self.at_end(invoice, due_on)
            if self.by == "count":
                collected += 1 if state.collectible > 0 and state.collected == state.collectible else 0
                collectible += 1 if state.collectible > 0 else 0
            else:
                collected += self.value(invoice, state.collected)
                collectible += self.value(invoice, state.collectible)
        return divided(collected, collectible)

    def dso(self) -> Fraction:
        return divided(self.receivable(self.last) * self.days, self.invoiced())

    def best_possible_dso(self) -> Fraction:
        return divided(self.receivable(self.last, overdue=False) * self.days, self.invoiced())

    def average_days_delinquent(self) -> Fraction:
        return self.dso() - self.best_possible_dso()

    def cei(self) -> Fraction:
        available = self.receivable(self.first - timedelta(days=1)) + self.invoiced()
        above = available - self.receivable(self.last)
        return divided(above * 100, available - self.receivable(self.last, overdue=False))

    def overdue_ratio(self) -> Fraction:
        return divided(self.receivable(self.last, overdue=True), self.receivable(self.last))

    def bad_debt_ratio(self) -> Fraction:
        """Written off in the period less collected in it after a write-off; a second one does not count."""
        total = Fraction(0)
        for invoice in self.invoices:
            state, written_off = State(invoice.gross, invoice.due_on), False
            for event in self.facts.events_of[invoice.invoice_id]:
                before, state = state, self.facts.state(invoice, event_order(event))
                if within(event.day, self.first, self.last):
                    if event.type == "write_off" and not written_off:
                        given_up = before.open if event.amount is None else self.facts.amount(event)
                        total += self.value(invoice, given_up)
                    elif written_off and state.collected != before.collected:
                        total -= self.value(invoice, state.collected - before.collected)
                written_off = written_off or event.type == "write_off"
        return divided(total, self.invoiced())

    def average_days_to_pay(self) -> Fraction:
        """Days from issued_on (at least 0) weighted by collected, over payments in the period."""
        weighted, weights = Fraction(0), Fraction(0)
        for invoice in self.invoices:
            before = 0
            for event in self.facts.events_of[invoice.invoice_id]:
                collected = self.facts.state(invoice, event_order(event)).collected
                if event.type == "payment" and within(event.day, self.first, self.last):
                    weight = self.value(invoice, collected - before)
                    weighted += weight * max(0, (event.day - invoice.issued_on).days)
                    weights += weight
                before = collected
        return divided(weighted, weights)

    def low_risk_collected(self, first: date, last: date) -> Fraction:
        total = Fraction(0)
        for invoice in self.invoices:
            if self.facts.credit_value(invoice, "risk_grade") not in self.facts.low_risk_grades:
                continue
            before = 0
            for event in self.facts.events_of[invoice.invoice_id]:
                collected = self.facts.state(invoice, event_order(event)).collected
                base = net_of_tax(invoice, collected, "net", [])
                if within(event.day, first, last) and base != before:
                    total += self.value(invoice, base - before)
                before = base
        return total

    def low_risk_growth(self) -> Fraction:
        """Base collected from low-risk customers / the same a year earlier, - 1."""
        year_ago_last = add_months(date(self.last.year, self.last.month, 1), -11) - timedelta(days=1)
        year_ago = self.low_risk_collected(add_months(self.first, -12), year_ago_last)
        return divided(self.low_risk_collected(self.first, self.last), year_ago) - 1


METRICS: dict[str, Callable[[MetricSum], Fraction]] = {
    "on_time_rate": MetricSum.on_time_rate,
    "dso": MetricSum.dso,
    "best_possible_dso": MetricSum.best_possible_dso,
    "average_days_delinquent": MetricSum.average_days_delinquent,
    "cei": MetricSum.cei,
    "overdue_ratio": MetricSum.overdue_ratio,
    "bad_debt_ratio": MetricSum.bad_debt_ratio,
    "average_days_to_pay": MetricSum.average_days_to_pay,
    "low_risk_growth": MetricSum.low_risk_growth,
}


def metric(facts: Facts, team: str, first: date, last: date, measure: Measure) -> int | None:
    """10: exact, rounded half away from zero to six decimals (here: in millionths); None where undefined."""
    invoices = facts.team_invoices(team)
    if measure.customers == "new":  # issued at most new_for_days after the customer's first invoice
        invoices = [invoice for invoice in invoices if facts.customer_age(invoice) <= measure.new_for_days]
    try:
        return rounded(METRICS[measure.metric](MetricSum(facts, invoices, first, last, measure.by)) * ONE)
    except Undefined:
        return None


def metric_rows(facts: Facts) -> list[Row]:
    """docs/formats.md: every team, every fiscal quarter ended since the first invoice, all and new customers."""
    if not facts.invoices:
        return []
    teams = {span.where for span in facts.memberships} | {span.who for span in facts.team_assignments}
    teams |= {invoice.team for invoice in facts.invoices.values()}
    since = min(invoice.issued_on for invoice in facts.invoices.values())
    rows: list[Row] = []
    for team in teams - {""}:
        for first, last in facts.calendar.ended("quarter", since, facts.as_of):
            for name in METRICS:
                for customers in ("all", "new"):
                    value = metric(facts, team, first, last, Measure(name, customers, "value", 365))
                    text = "" if value is None else digits(value, 6)
                    rows.append((team, first.isoformat(), name, customers, text))
    return rows


def gates_hold(facts: Facts, gates: list[Gate], team: str, first: date, last: date) -> bool:
    """9: zero unless every gate holds; 10: a gate on an undefined metric fails; compared after rounding."""
    for gate in gates:
        millionth = metric(facts, team, first, last, gate.measure)
        if millionth is None:
            return False
        value = Fraction(millionth, ONE)
        if gate.at_least is not None and value < gate.at_least:
            return False
        if gate.at_most is not None and value > gate.at_most:
            return False
    return True


# ---------------------------------------------------------------------------------------------------------
# Section 9: shared bonus and target bonus
# ---------------------------------------------------------------------------------------------------------


def component_periods(facts: Facts, plan: Plan, name: str) -> list[tuple[date, date, Version, Component]]:
    """6: the version in force on the period's first day; docs/formats.md: periods whose last day is <= as_of."""
    definitions = [version.components[name] for version in plan.versions if name in version.components]
    per = next((d.per for d in definitions if isinstance(d, SharedBonus | TargetBonus)), "month")
    found = []
    for first, last in facts.calendar.ended(per, plan.versions[0].effective_from, facts.as_of):
        version = plan.version_on(first)
        if version and name in version.components:
            found.append((first, last, version, version.components[name]))
    return found


def period_line(
    plan: Plan,
    name: str,
    payee_id: str,
    kind: str,
    period: tuple[date, date],
    amount: int,
    version: Version,
    hold: int,
) -> Line:
    """docs/formats.md: bonus and draw lines are earned on the period's last day, invoice_id empty."""
    first, last = period
    payable_on = last + timedelta(days=hold)
    cause = f"period:{first.isoformat()}"
    where = (cause, "", last, payable_on, amount, plan.currency, version.effective_from)
    return Line(payee_id, plan.name, name, kind, *where)


def merged_by_payee(lines: list[Line]) -> list[Line]:
    """11: one line per key, so a payee in two teams of one plan has one line per period."""
    found: dict[tuple[str, str], Line] = {}
    for line in lines:
        key = (line.payee_id, line.cause)
        found[key] = replace(line, amount=line.amount + found[key].amount) if key in found else line
    return [line for line in found.values() if line.amount != 0]


def shared_bonus_lines(facts: Facts, plan: Plan, name: str) -> list[Line]:
    lines = []
    for first, last, version, bonus in component_periods(facts, plan, name):
        assert isinstance(bonus, SharedBonus)
        for team in facts.teams_on(plan.name, last):
            paid = shared_pool(facts, plan, bonus, team, first, last)
            for payee_id, amount in divide_pool(facts, plan, bonus, team, first, last, paid).items():
                period = (first, last)
                lines.append(period_line(plan, name, payee_id, "bonus", period, amount, version, bonus.hold_days))
    return merged_by_payee(lines)


def shared_pool(facts: Facts, plan: Plan, bonus: SharedBonus, team: str, first: date, last: date) -> int:
    """9: pool = R(R(rate x base collected) x factor), or `amount` in place of the first R; negative: 0."""
    pool = bonus.amount
    if bonus.rate is not None:
        collected = 0
        for invoice in facts.team_invoices(team):
            moves = base_collected(facts, plan, invoice, bonus.base, bonus.categories, None)
            collected += cash_in_period(facts, moves, first, last, bonus.on_time_within_days, "")
        pool = rounded(Fraction(bonus.rate * collected, ONE))
    pool = rounded(Fraction(pool * scale_factor(facts, bonus, team, first, last), ONE))
    return max(0, pool) if gates_hold(facts, bonus.gates, team, first, last) else 0


def scale_factor(facts: Facts, bonus: SharedBonus, team: str, first: date, last: date) -> int:
    """9: steps over a metric; below the first step or undefined: 0; absent: 1."""
    if bonus.scale is None:
        return ONE
    measure, steps = bonus.scale
    value = metric(facts, team, first, last, measure)
    step = None if value is None else step_for(steps, Fraction(value, ONE))
    return step.factor if step else 0


def divide_pool(
    facts: Facts, plan: Plan, bonus: SharedBonus, team: str, first: date, last: date, pool: int
) -> dict[str, int]:
    """9: to roles by shares, then inside each; a role without members passes its share on in proportion."""
    members = facts.members(team, first, last)
    shares = {role: Fraction(share) for role, share in bonus.shares.items() if share > 0 and members.get(role)}
    if pool == 0:
        return {}
    if not shares:
        facts.exceptions.add("no_members", "", "", "", MESSAGES["no_members"])
        return {}
    amounts: dict[str, int] = {}
    for role, role_pool in largest_remainder(pool, shares).items():
        weights = member_weights(facts, plan, bonus, team, role, members[role], first, last)
        for payee_id, amount in largest_remainder(role_pool, weights).items():
            amounts[payee_id] = amounts.get(payee_id, 0) + amount  # a payee in two roles gets one line
    return amounts


def member_weights(
    facts: Facts,
    plan: Plan,
    bonus: SharedBonus,
    team: str,
    role: str,
    payees: list[str],
    first: date,
    last: date,
) -> dict[str, Fraction]:
    """9: equal, by_days of membership in the period, or by_credited_cash (below 0 counts 0, all 0: equal)."""
    equal = dict.fromkeys(payees, Fraction(1))
    if bonus.within_role == "by_days":
        return {payee: Fraction(facts.member_days(team, role, payee, first, last)) for payee in payees}
    if bonus.within_role == "by_credited_cash":
        cash = {payee: credited_cash(facts, plan, bonus, team, payee, first, last) for payee in payees}
        return (
            {payee: Fraction(max(0, amount)) for payee, amount in cash.items()}
            if max(cash.values()) > 0
            else equal
        )
    return equal


def credited_cash(
    facts: Facts, plan: Plan, bonus: SharedBonus, team: str, payee_id: str, first: date, last: date
) -> int:
    """9: all their credits on the team's invoices, same cash as the pool."""
    total = 0
    for invoice in facts.team_invoices(team):

        def mine(credit: Credit) -> bool:
            return credit.payee_id == payee_id

        moves = base_collected(facts, plan, invoice, bonus.base, bonus.categories, mine)
        total += cash_in_period(facts, moves, first, last, bonus.on_time_within_days, None)
    return total


def target_bonus_lines(facts: Facts, plan: Plan, name: str) -> list[Line]:
    """9: paid to payees on the plan, of a team: its members, on the last day, each the whole amount."""
    lines = []
    for first, last, version, bonus in component_periods(facts, plan, name):
        assert isinstance(bonus, TargetBonus)
        payees = [payee for payee in facts.payees_on(plan.name, last) if not facts.left_before(payee, last)]
        paid = [(payee, target_bonus_amount(facts, plan, bonus, payee, "", first, last)) for payee in payees]
        for team in facts.teams_on(plan.name, last):
            amount = target_bonus_amount(facts, plan, bonus, "", team, first, last)
            members = {payee for role in facts.members(team, last, last).values() for payee in role}
            paid += [(payee, amount) for payee in sorted(members)]
        for payee, amount in paid:
            period = (first, last)
            lines.append(period_line(plan, name, payee, "bonus", period, amount, version, bonus.hold_days))
    return merged_by_payee(lines)


def target_bonus_amount(
    facts: Facts, plan: Plan, bonus: TargetBonus, payee_id: str, team: str, first: date, last: date
) -> int:
    """9: attainment = base(collected) in the period / target, not rounded; then the curve; then the gates."""
    target = facts.target(plan, bonus.name, payee_id, team, first)
    if target is None or target <= 0:
        facts.exceptions.add("missing_target", "", payee_id, "", MESSAGES["missing_target"])
        return 0

    def mine(credit: Credit) -> bool:
        return credit.payee_id == payee_id and bonus.lists(credit.role)

    collected = 0
    for invoice in facts.team_invoices(team) if team else facts.invoices.values():
        moves = base_collected(facts, plan, invoice, "net", [], None if team else mine)
        collected += cash_in_period(facts, moves, first, last, None, payee_id)
    exact = curve_pays(bonus, Fraction(collected, target))
    amount = rounded(exact if bonus.at_target is None else exact * bonus.at_target)
    return amount if gates_hold(facts, bonus.gates, team, first, last) else 0


def curve_pays(bonus: TargetBonus, attainment: Fraction) -> Fraction:
    """9: below the first point 0, above the last the last; `lines` joins the points, `steps` does not."""
    passed = [point for point in bonus.points if point[0] <= attainment]
    if not passed:
        return Fraction(0)
    at, pays = passed[-1]
    if not bonus.lines or len(passed) == len(bonus.points):
        return pays
    next_at, next_pays = bonus.points[len(passed)]
    return pays + (next_pays - pays) * (attainment - at) / (next_at - at)


# ---------------------------------------------------------------------------------------------------------
# Section 9: spiff
# ---------------------------------------------------------------------------------------------------------


class SpiffWalk:
    """One payee under one spiff: a position of `amount` or 0 per invoice, split over credits."""

    def __init__(self, facts: Facts, plan: Plan, name: str, payee_id: str) -> None:
        self.facts, self.plan, self.name, self.payee_id = facts, plan, name, payee_id

    def walk(self) -> list[Line]:
        found: list[tuple[Order, Line]] = []
        for invoice in self.facts.invoices.values():
            found += self.lines_of(invoice)
        return [line for _, line in sorted(found, key=lambda pair: pair[0])]

    def lines_of(self, invoice: Invoice) -> list[tuple[Order, Line]]:
        """6: the rule date of its invoice, under `payment` issued_on; 5: the payee is on the plan then."""
        rule_date = self.plan.rule_date(invoice, invoice.issued_on)
        version = self.plan.version_on(rule_date)
        spiff = version.components.get(self.name) if version else None
        if not isinstance(spiff, Spiff) or version is None:
            return []
        if not self.facts.is_on_plan(self.plan.name, self.payee_id, rule_date):
            return []
        lines: list[tuple[Order, Line]] = []
        stood, bonus_payable = 0, date.min
        for moment, holds in self.conditions(spiff, invoice):
            if holds and not self.minimum_reached(spiff, invoice, moment):
                holds = False
            shares = credit_positions(spiff.amount if holds else 0, invoice.credits)
            pairs = zip(invoice.credits, shares, strict=True)
            stands = sum(s for credit, s in pairs if credit.payee_id == self.payee_id and spiff.lists(credit.role))
            if stands > stood:
                kind, payable_on = "bonus", moment.day + timedelta(days=spiff.hold_days)  # 9: hold_days
                bonus_payable = payable_on
            else:  # 9: not before the earnings that lose by it
                kind, payable_on = "clawback", max(moment.day, bonus_payable)
            if stands != stood:
                where = (moment.cause, invoice.invoice_id, moment.day, payable_on, stands - stood)
                line = Line(
                    self.payee_id,
                    self.plan.name,
                    self.name,
                    kind,
                    *where,
                    self.plan.currency,
                    version.effective_from,
                )
                lines.append((moment.order, line))
            stood = stands
        return lines

    def moments(self, invoice: Invoice) -> list[Moment]:
        found = []
        if invoice.issued_on <= self.facts.as_of:
            order = (invoice.issued_on, INVOICES, 0, invoice.invoice_id.encode())
            found.append(Moment(order, invoice.issued_on, invoice, f"invoice:{invoice.invoice_id}"))
        for event in self.facts.events_of[invoice.invoice_id]:
            found.append(Moment(event_order(event), event.day, invoice, self.facts.cause(event), event))
        return sorted(found, key=lambda moment: moment.order)

    def conditions(self, spiff: Spiff, invoice: Invoice) -> list[tuple[Moment, bool]]:
        """9: holds while its conditions do; all but `minimum`."""
        always = within(invoice.issued_on, spiff.first_day, spiff.last_day)
        if spiff.new_customer:
            always = always and self.facts.customer_age(invoice) <= 365
        if spiff.categories:  # at least one commissionable line in one of them
            always = always and bool(commissionable_lines(invoice, spiff.categories))
        full_since = paid_in_full_since(self.facts, invoice)
        found = []
        for moment in self.moments(invoice):
            if spiff.paid_in_full_within_days is None:  # nothing asked about payment: while collectible > 0
                state = self.facts.state(invoice, moment.order)
                holds = state.collectible > 0 and invoice.issued_on <= moment.day
            else:
                since = [day for order, day in full_since if order <= moment.order][-1:]
                latest = invoice.issued_on + timedelta(days=spiff.paid_in_full_within_days)
                holds = bool(since) and since[0] is not None and since[0] <= latest
            found.append((moment, always and holds))
        return found

    def minimum_reached(self, spiff: Spiff, invoice: Invoice, moment: Moment) -> bool:
        """9: net of all commissionable lines in plan currency at the rate on issued_on."""
        if spiff.minimum is None:
            return True
        net = sum(line.net for line in commissionable_lines(invoice, []))
        exact = self.facts.converted(net, invoice.currency, self.plan.currency, invoice.issued_on)
        if exact is None:
            mine = [c for c in invoice.credits if c.payee_id == self.payee_id and spiff.lists(c.role)]
            if mine:
                what, message = "missing_fx_rate", MESSAGES["missing_fx_rate"]
                self.facts.exceptions.add(what, invoice.invoice_id, self.payee_id, "", message)
            return False
        return rounded(exact) >= spiff.minimum


def paid_in_full_since(facts: Facts, invoice: Invoice) -> list[tuple[Order, date | None]]:
    """9: after each event, the day since which the invoice stands paid in full, or None.

    A chargeback that is won gives back what it took (8), and cash given back keeps its lateness (9): the day
    from before holds again, unless cash that came later is there now.
    """
    pile = CashPile(lambda amount, day: Fraction(amount))
    since: date | None = None
    last_since: date | None = None
    collected = 0
    found: list[tuple[Order, date | None]] = []
    for event in facts.events_of[invoice.invoice_id]:
        state = facts.state(invoice, event_order(event))
        pile.move(event, state.collected - collected, 0)
        collected = state.collected
        if not state.paid_in_full:
            since = None
        elif since is None:
            since = event.day
            if event.type == "chargeback_reversed" and last_since is not None:
                since = max([last_since, *(piece.day for piece in pile.pieces if piece.size > 0)])
        last_since = since or last_since
        found.append((event_order(event), since))
    return found


# ---------------------------------------------------------------------------------------------------------
# Section 9: cap and draw
# ---------------------------------------------------------------------------------------------------------


class CapWalk:
    """The lines of one component and payee again, with the cap lines between them."""

    def __init__(self, facts: Facts, plan: Plan, name: str, payee_id: str, lines: list[Line]) -> None:
        self.facts, self.plan, self.name, self.payee_id, self.lines = facts, plan, name, payee_id, lines
        self.y = 0  # the component's lines in the window, plus what was deferred into it
        self.standing = 0  # the cap lines in the window: min(cap, Y) - Y
        self.window = date.min

    def per(self) -> str | None:
        """6: `per` may not change between versions."""
        caps = [self.cap_in(version) for version in self.plan.versions]
        return next((cap.per for cap in caps if cap), None)

    def cap_in(self, version: Version) -> Cap | None:
        """docs/formats.md: a cap is a table of a commission."""
        component = version.components.get(self.name)
        return component.cap if isinstance(component, Commission) else None

    def cap_of_window(self) -> tuple[Cap, Version] | None:
        """9: the version in force on the window's first day, or the plan's first, if it begins inside."""
        per = self.per()
        assert per is not None
        version, first_version = self.plan.version_on(self.window), self.plan.versions[0]
        if version is None and first_version.effective_from <= self.facts.calendar.end(per, self.window):
            version = first_version
        cap = self.cap_in(version) if version else None
        return (cap, version) if version and cap else None

    def walk(self) -> list[Line]:
        per = self.per()
        if per is None or not self.lines:
            return self.lines
        self.window = self.facts.calendar.start(per, self.lines[0].earned_on)
        found: list[Line] = []
        waiting = list(self.lines)
        while waiting or self.facts.calendar.next_start(per, self.window) <= self.facts.as_of:
            if waiting and waiting[0].earned_on < self.facts.calendar.next_start(per, self.window):
                same_cause = [waiting.pop(0)]
                while waiting and waiting[0].cause == same_cause[0].cause:
                    same_cause.append(waiting.pop(0))
                found += same_cause + self.capped(same_cause)
            else:
                found += self.open_next(per)
        return found

    def capped(self, same_cause: list[Line]) -> list[Line]:
        """9: the line is min(cap, Y) minus Y as a change, payable with the latest of the lines it caps."""
        self.y += sum(line.amount for line in same_cause)
        there = self.cap_of_window()
        stands = min(there[0].amount, self.y) - self.y if there else 0
        change, self.standing = stands - self.standing, stands
        if change == 0 or there is None:
            return []
        line = replace(
            same_cause[0],
            kind="cap",
            cause=f"cap:{same_cause[0].cause}",
            payable_on=max(line.payable_on for line in same_cause),
            amount=change,
            plan_version=there[1].effective_from,
        )
        return [line]

    def open_next(self, per: str) -> list[Line]:
        """9: with `defer`, on the next window's first day a cap line +excess, may be capped again."""
        there = self.cap_of_window()
        excess = -self.standing if there and there[0].excess == "defer" else 0
        self.window = self.facts.calendar.next_start(per, self.window)
        self.y, self.standing = 0, 0
        if excess == 0:
            return []
        version = self.plan.version_on(self.window)
        assert version is not None
        day = self.window
        where = (
            f"period:{day.isoformat()}",
            "",
            day,
            day,
            excess,
            self.plan.currency,
            version.effective_from,
        )
        line = Line(self.payee_id, self.plan.name, self.name, "cap", *where)
        return [line, *self.capped([line])]


def draw_lines(facts: Facts, plan: Plan, name: str, payee_id: str, lines: list[Line]) -> list[Line]:
    """9: draw (month); e = the covered components' lines payable in the month, d = debt."""
    debt, found = 0, []
    for first, last, version, draw in component_periods(facts, plan, name):
        assert isinstance(draw, Draw)
        on_plan = facts.is_on_plan(plan.name, payee_id, last)
        if not on_plan or facts.left_before(payee_id, last):
            continue  # 6: after ends_on no draw line, the debt neither increased nor recovered
        e = sum(
            line.amount
            for line in lines
            if line.payee_id == payee_id and line.component in draw.covers and within(line.payable_on, first, last)
        )
        pay, debt = draw_pays(draw, first, e, debt)
        kind = "draw" if pay > e else "draw_recovery"
        found.append(period_line(plan, name, payee_id, kind, (first, last), pay - e, version, 0))
    return [line for line in found if line.amount != 0]


def draw_pays(draw: Draw, month: date, e: int, debt: int) -> tuple[int, int]:
    """9: what a month pays, and the debt after it."""
    if draw.from_month is not None and month < draw.from_month:
        return e, debt
    if draw.to_month is not None and month > draw.to_month:  # after to_month debt is recovered
        recovered = min(debt, max(0, e))
        return e - recovered, debt - recovered
    if draw.additive:  # debt grows by the amount if recoverable
        return e + draw.amount, debt + (draw.amount if draw.recoverable else 0)
    if draw.recoverable:
        pay = max(draw.amount, e - debt)
        return pay, debt + pay - e
    return max(draw.amount, e), debt


# ---------------------------------------------------------------------------------------------------------
# Section 11: ledger and pay
# ---------------------------------------------------------------------------------------------------------


def component_lines(facts: Facts, plan: Plan, name: str) -> list[Line]:
    """The lines of one component but draws, cap lines included."""
    kinds = {version.components[name].kind for version in plan.versions if name in version.components}
    lines: list[Line] = []
    if "commission" in kinds:
        for payee_id in facts.payees_ever_on(plan.name):
            lines += CommissionWalk(facts, plan, name, payee_id).walk()
    if "spiff" in kinds:
        for payee_id in facts.payees_ever_on(plan.name):
            lines += SpiffWalk(facts, plan, name, payee_id).walk()
    if "shared_bonus" in kinds:
        lines += shared_bonus_lines(facts, plan, name)
    if "target_bonus" in kinds:
        lines += target_bonus_lines(facts, plan, name)
    capped: list[Line] = []
    for payee_id in sorted({line.payee_id for line in lines}):
        mine = [line for line in lines if line.payee_id == payee_id]
        capped += CapWalk(facts, plan, name, payee_id, mine).walk()
    return capped


def plan_lines(facts: Facts, plan: Plan) -> list[Line]:
    lines: list[Line] = []
    for name in plan.component_names():
        lines += component_lines(facts, plan, name)
    draws: list[Line] = []
    for name in plan.component_names():
        if any(isinstance(version.components.get(name), Draw) for version in plan.versions):
            for payee_id in facts.payees_ever_on(plan.name):
                draws += draw_lines(facts, plan, name, payee_id, lines)
    return lines + draws


def ledger_row(line: Line) -> Row:
    return (
        line.payee_id,
        line.plan,
        line.component,
        line.kind,
        line.cause,
        line.invoice_id,
        line.earned_on.isoformat(),
        line.payable_on.isoformat(),
        major(line.amount, line.currency),
        line.currency,
        line.plan_version.isoformat(),
    )


def payout_rows(facts: Facts, lines: list[Line]) -> list[Row]:
    """11: pay for a month, per payee and currency, up to the month of as_of."""
    rows: list[Row] = []
    for payee_id, currency in sorted({(line.payee_id, line.currency) for line in lines}):
        mine = [line for line in lines if (line.payee_id, line.currency) == (payee_id, currency)]
        month = facts.calendar.start("month", min(line.payable_on for line in mine))
        brought_forward = 0
        while month <= facts.as_of:
            payable = [line for line in mine if facts.calendar.start("month", line.payable_on) == month]
            positive, negative = month_sums(payable)
            debt = negative + brought_forward
            recovered = min(-debt, rounded(Fraction(facts.recovery_cap * positive, ONE)))
            carried = debt + recovered
            if positive or negative or brought_forward:
                amounts = (positive, negative, brought_forward, recovered, positive - recovered, carried)
                texts = [major(amount, currency) for amount in amounts]
                rows.append((month.isoformat()[:7], payee_id, currency, *texts))
            brought_forward = carried
            month = facts.calendar.next_start("month", month)
    return rows


def month_sums(payable: list[Line]) -> tuple[int, int]:
    """11: P = positive lines less cap lines; D = negative lines that are not; a P below 0 joins D."""
    positive = sum(line.amount for line in payable if line.amount > 0 or line.kind == "cap")
    negative = sum(line.amount for line in payable if line.amount < 0 and line.kind != "cap")
    return max(0, positive), negative + min(0, positive)


def calculate(folder: Path, as_of: date) -> Result:
    """docs/formats.md, "What comes out": the rows of the four files."""
    facts = Facts(folder, as_of)
    lines: list[Line] = []
    for plan in facts.plans:
        lines += plan_lines(facts, plan)
    tell_no_plan(facts)
    return Result(
        ledger=sorted(ledger_row(line) for line in lines),
        payouts=sorted(payout_rows(facts, lines)),
        metrics=sorted(metric_rows(facts)),
        exceptions=sorted(facts.exceptions.rows),
    )
