"""What happened and who is who: frozen records, as docs/rules.md section 3 lists them.

Amounts are minor units of the currency they belong to, shares and rates are ppm, days are dates in the
company's time zone. An absent text is ``""``, an absent day, amount or cost is ``None``; ranges of days
include both ends and an absent end is open.

Invoices, their lines and credits, and events are not frozen, for speed only (a frozen one takes several times as
long to make, and there are millions): nothing changes them.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

EventType = Literal[
    "payment",
    "chargeback_reversed",
    "credit_note",
    "discount",
    "due_date_changed",
    "refund",
    "payment_reversed",
    "chargeback",
    "write_off",
    "dispute_opened",
    "dispute_closed",
    "early_warning",
]
EVENT_RANK: dict[EventType, int] = {
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
"""The order of a day (section 3): rank, then event id, then source."""

Language = Literal["en", "nl"]
"""What statements and pages can be read in."""
LANGUAGES: tuple[Language, ...] = ("en", "nl")

EventRef = tuple[str, str]
"""Source and event id: unique together."""


@dataclass(frozen=True, slots=True)
class Company:
    """Whose books these are, and the few settings that decide money for everyone."""

    name: str
    currency: str
    timezone: str
    fiscal_year_starts: int
    low_risk_grades: tuple[str, ...] = ("A",)
    recovery_cap_ppm: int = 1_000_000
    hold_disputed: bool = True
    payroll: Mapping[str, str] = field(default_factory=dict)
    """Earning code per component kind, and ``deduction`` where recovered money goes out under its own code."""
    contact: str = ""
    """Where a payee asks about a statement."""


@dataclass(frozen=True, slots=True)
class Payee:
    """Somebody who can be paid. ``ends_on`` is their last day, ``language`` that of their statements."""

    payee_id: str
    name: str
    email: str = ""
    employee_id: str = ""
    currency: str = ""
    starts_on: dt.date | None = None
    ends_on: dt.date | None = None
    language: Language = "en"


@dataclass(frozen=True, slots=True)
class Reporting:
    """From when to when a payee reports to a manager."""

    payee_id: str
    manager_id: str
    starts_on: dt.date
    ends_on: dt.date | None = None


@dataclass(frozen=True, slots=True)
class Membership:
    """From when to when a payee is in a team under a role."""

    team: str
    payee_id: str
    role: str
    starts_on: dt.date
    ends_on: dt.date | None = None


@dataclass(frozen=True, slots=True)
class Customer:
    """Who owes."""

    customer_id: str
    name: str
    country: str = ""


@dataclass(frozen=True, slots=True)
class CreditRecord:
    """What credit knew of a customer from a day on; an absent value leaves the last one given in force."""

    customer_id: str
    on: dt.date
    risk_grade: str = ""
    credit_approval: str = ""
    credit_limit_minor: int | None = None
    security: str = ""


@dataclass(slots=True, unsafe_hash=True)
class InvoiceLine:
    """One line of an invoice; ``cost_minor`` matters to components on margin."""

    line: str
    net_minor: int
    tax_minor: int = 0
    category: str = ""
    cost_minor: int = 0
    commissionable: bool = True


@dataclass(slots=True, unsafe_hash=True)
class Credit:
    """A payee's share of an invoice under a role. Listed order matters (section 5)."""

    payee_id: str
    role: str
    share_ppm: int


@dataclass(slots=True, unsafe_hash=True)
class Invoice:
    """An invoice with its lines and, in listed order, its credits."""

    invoice_id: str
    customer_id: str
    currency: str
    issued_on: dt.date
    due_on: dt.date
    contract_signed_on: dt.date | None = None
    team: str = ""
    lines: tuple[InvoiceLine, ...] = ()
    credits: tuple[Credit, ...] = ()


@dataclass(slots=True, unsafe_hash=True)
class Event:
    """Something that happened to an invoice. The amount is never negative: the type gives the sign.

    ``recorded_at`` (when we learned it) is not content: it never decides money or equality.
    """

    event_id: str
    type: EventType
    invoice_id: str
    occurred_on: dt.date
    amount_minor: int | None = None
    currency: str = ""
    payment_id: str = ""
    reverses: str = ""
    new_due_on: dt.date | None = None
    payee_id: str = ""
    reason: str = ""
    fault: str = ""
    source: str = ""
    recorded_at: str = field(default="", compare=False)

    @property
    def ref(self) -> EventRef:
        """Source and id."""
        return (self.source, self.event_id)


@dataclass(frozen=True, slots=True)
class Assignment:
    """From when to when a plan holds for a payee or for a team (exactly one of the two is given)."""

    plan: str
    payee_id: str
    team: str
    starts_on: dt.date
    ends_on: dt.date | None = None


@dataclass(frozen=True, slots=True)
class Target:
    """The target of a payee or a team for a window of a component, in the plan's currency.

    ``window_start`` is the first day of the window or period; ``None`` for ``ever``.
    """

    plan: str
    component: str
    payee_id: str
    team: str
    window_start: dt.date | None
    amount_minor: int


@dataclass(frozen=True, slots=True)
class FxRate:
    """From this day on, one unit of a currency is worth ``rate_ppm`` millionths of a unit of another."""

    from_currency: str
    to_currency: str
    on: dt.date
    rate_ppm: int


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything a calculation is given besides the plans.

    Events may hold duplicates and conflicts: section 3 says what becomes of them. What few rules look at may be
    read when it is asked for.
    """

    company: Company
    payees: tuple[Payee, ...] = ()
    reporting: tuple[Reporting, ...] = ()
    memberships: tuple[Membership, ...] = ()
    customers: Sequence[Customer] = ()
    credit_records: Sequence[CreditRecord] = ()
    invoices: tuple[Invoice, ...] = ()
    events: tuple[Event, ...] = ()
    assignments: tuple[Assignment, ...] = ()
    targets: tuple[Target, ...] = ()
    fx_rates: Sequence[FxRate] = ()


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What stands outside a part of the facts and still decides something inside it.

    A calculation over a part is exact only with these; over all facts they follow from the facts. A day says
    from when on something is so: a calculation as of an earlier day does not know it yet.
    """

    first_issued_on: dt.date | None = None
    """The first invoice of all: metrics are told from its quarter on."""
    first_invoice_on: Mapping[str, dt.date] = field(default_factory=dict)
    """The first invoice of each customer that the part names."""
    two_sources_from: Mapping[str, dt.date] = field(default_factory=dict)
    """Event ids that stand under two sources anywhere: their causes name the source."""
    conflicts_from: Mapping[EventRef, dt.date] = field(default_factory=dict)
    """Events that came in two versions, perhaps for two invoices: neither version counts."""


def covers(day: dt.date, starts_on: dt.date | None, ends_on: dt.date | None) -> bool:
    """Whether a range of days holds a day: both ends are inside, an absent end is open (section 2)."""
    return (starts_on is None or starts_on <= day) and (ends_on is None or day <= ends_on)
