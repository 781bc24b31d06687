"""What was said otherwise afterwards: posted into the open month as what is missing or too much, to the cent.

Three invoices, two months closed, March open. After each change stands what a calculation of everybody says, and
a run of everybody finds nothing that the run of those who are affected left out.
"""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import Engine, select

from incentives.ledger.pay import Payout
from incentives.service import decisions
from incentives.service.deliveries import Delivered, import_folder
from incentives.service.months import NotReady, close
from incentives.service.payouts import payout
from incentives.service.runs import Ran, run
from incentives.service.verification import breaches
from incentives.store import closes as kept
from incentives.store import ledger, tables
from incentives.store.engine import reading
from stores import ANA, BEN, CEM, WAIVED, Shelf, made, opened

if TYPE_CHECKING:
    from postgres import Server

JANUARY, FEBRUARY, MARCH, APRIL = (dt.date(2026, month, 1) for month in (1, 2, 3, 4))

COMPANY = """
format = 1
name = "A small company"
currency = "EUR"
timezone = "UTC"
fiscal_year_starts = 1
recovery_cap = "50%"
[payroll]
commission = "COM"
shared_bonus = "BON"
"""
CASH = """
plan = "ae"
name = "Account executive"
currency = "EUR"
[[versions]]
effective_from = 2025-01-01
  [[versions.components]]
  name = "cash"
  kind = "commission"
  tiers = [ {from = 0, rate = "10%"} ]
"""
AE = (
    CASH
    + """
    [[versions.components.multipliers]]
    by = "customer_age_days"
    steps = [ {from = 0, factor = 1}, {from = 30, factor = "0.5"} ]
    [[versions.components.multipliers]]
    by = "risk_grade"
    values = { C = "0.5" }
    else = 1
"""
)
ADVANCE = (
    CASH
    + """
  earns_on = "invoice"
  suspend_after_days = 30
"""
)
LEAD = """
plan = "lead"
name = "Lead"
currency = "EUR"
[[versions]]
effective_from = 2025-01-01
  [[versions.components]]
  name = "team"
  kind = "commission"
  roles = ["executive"]
  credits = "team"
  tiers = [ {from = 0, rate = "1%"} ]
"""
TOGETHER = """
plan = "together"
name = "Together"
currency = "EUR"
[[versions]]
effective_from = 2025-01-01
  [[versions.components]]
  name = "pool"
  kind = "shared_bonus"
  per = "month"
  pool = { rate = "5%" }
  shares = { sales = 1 }
  within_role = "equal"
"""
PAYEES = "payee_id,name,employee_id,ends_on"
INVOICES = "invoice_id,customer_id,currency,issued_on,due_on,team"
LINES = "invoice_id,line,net"
CREDITS = "invoice_id,payee_id,role,share"
EVENTS = "event_id,type,invoice_id,occurred_on,amount,source"
MEMBERS = "team,payee_id,role,starts_on"
REPORTING = "payee_id,manager_id,starts_on,ends_on"
RATES = "from,to,on,rate"
GRADES = "customer_id,on,risk_grade"
ASSIGNED = "plan,payee_id,team,starts_on"
FIRST = {
    "company.toml": COMPANY,
    "plans/ae.toml": AE,
    "plans/lead.toml": LEAD,
    "plans/together.toml": TOGETHER,
    "payees.csv": f"{PAYEES}\nana,Ana,1,\nben,Ben,2,\ncem,Cem,3,\nmia,Mia,4,\n",
    "customers.csv": "customer_id,name\nc1,Alder\nc2,Birch\n",
    "reporting.csv": f"{REPORTING}\nana,mia,2025-01-01,\nben,mia,2025-01-01,\n",
    "memberships.csv": f"{MEMBERS}\nnorth,ana,sales,2025-01-01\nnorth,ben,sales,2025-01-01\n",
    "assignments.csv": f"{ASSIGNED}\nae,ana,,2025-01-01\nae,ben,,2025-01-01\nae,cem,,2025-01-01\n"
    "lead,mia,,2025-01-01\ntogether,,north,2025-01-01\n",
    "invoices.csv": f"{INVOICES}\nI1,c1,EUR,2026-01-05,2026-02-04,north\nI2,c1,EUR,2026-03-01,2026-03-31,north\n"
    "I3,c2,USD,2026-01-10,2026-02-09,south\n",
    "invoice_lines.csv": f"{LINES}\nI1,1,1000.00\nI2,1,500.00\nI3,1,200.00\n",
    "credits.csv": f"{CREDITS}\nI1,ana,executive,1\nI2,ben,executive,1\nI3,cem,executive,1\n",
    "events.csv": f"{EVENTS}\np1,payment,I1,2026-01-20,1000.00,\np2,payment,I2,2026-03-10,500.00,\n"
    "p3,payment,I3,2026-02-15,200.00,\n",
}
AT_FIRST = {"ana cash": 100_00, "ana pool": 37_50, "ben cash": 25_00, "ben pool": 37_50, "mia team": 15_00}
"""January's payment earns 10 % (the lead 1 %, the team 5 %), March's half of it, for the customer is not new."""


@dataclass
class Books:
    """Books in which January and February are closed, and what was brought afterwards."""

    engine: Engine
    folder: Path
    brought: int = 0

    def bring(self, files: dict[str, str], complete: bool = False) -> Delivered:
        self.brought += 1
        folder = self.folder / str(self.brought)
        for name, text in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text, "utf-8")
        return import_folder(self.engine, ANA, folder, complete=complete)

    def run(self, *, everybody: bool = False) -> Ran:
        """A run of those who are affected; one of everybody finds nothing more."""
        ran = run(self.engine, ANA)
        assert (ran.scope == "everybody") == everybody
        assert ran.month.first == MARCH
        assert run(self.engine, ANA, full=True).entries == 0
        assert run(self.engine, ANA).entries == 0
        return ran

    def sums(self) -> dict[str, int]:
        """What stands, in cents, by payee and component."""
        found: dict[str, int] = {}
        with reading(self.engine) as connection:
            for entry in ledger.entries(connection):
                if entry.kind != "payout":
                    name = f"{entry.payee_id} {entry.component}"
                    found[name] = found.get(name, 0) + entry.amount_minor
        return {name: amount_minor for name, amount_minor in sorted(found.items()) if amount_minor}

    def posted(self, ran: Ran) -> list[tuple[str, str, int, int]]:
        """A run's entries since February closed: payee and component, cause, what stood, by how much it moved."""
        with reading(self.engine) as connection:
            found = [each for each in ledger.entries(connection, month=MARCH) if each.run_id == ran.run_id]
            return [(f"{e.payee_id} {e.component}", e.cause, e.stood_minor, e.amount_minor) for e in found]

    def pay(self, month: dt.date) -> dict[str, tuple[int, int, int]]:
        """Close a month: what each is paid, what was recovered, what is carried forward."""
        close(self.engine, BEN, month, waive=WAIVED)
        with reading(self.engine) as connection:
            paid = kept.payouts_of(connection, [month])
        assert breaches(self.engine) == []
        return {each.payee_id: _pay(each) for each in paid}


def _pay(payout: Payout) -> tuple[int, int, int]:
    return payout.pay_minor, payout.recovered_minor, payout.carried_forward_minor


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def shelf(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Shelf:
    server: Server | None = request.getfixturevalue("postgresql") if request.param == "postgresql" else None
    return Shelf(request.param, tmp_path_factory.mktemp("books"), server)


@pytest.fixture(scope="module")
def in_march(shelf: Shelf, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Books in March, to be copied."""
    url = made(shelf.new())
    with opened(url) as engine:
        until_march(Books(engine, tmp_path_factory.mktemp("first")), FIRST)
    return url


def until_march(books: Books, files: dict[str, str]) -> None:
    """Bring files and close January and February."""
    books.bring(files)
    for month in (JANUARY, FEBRUARY):
        run(books.engine, ANA)
        close(books.engine, BEN, month, waive=WAIVED)
    run(books.engine, ANA)


@pytest.fixture
def books(shelf: Shelf, in_march: str, tmp_path: Path) -> Iterator[Books]:
    url = shelf.copy(in_march)
    with opened(url) as engine:
        yield Books(engine, tmp_path)
        assert breaches(engine) == []
    shelf.drop(url)


def changed(**by: int) -> dict[str, int]:
    """What stands after a change; ``ana_cash=5`` moved it by 5 cents."""
    moved = dict(AT_FIRST)
    for name, cents in by.items():
        moved[name.replace("_", " ")] = moved.get(name.replace("_", " "), 0) + cents
    return {name: cents for name, cents in sorted(moved.items()) if cents}


def test_at_first_stands_what_the_payments_earn(books: Books) -> None:
    assert books.run().entries == 0
    assert books.sums() == AT_FIRST
    again = books.bring(FIRST, complete=True)
    assert (again.accepted, again.waiting, again.gone, again.proposed) == (0, 0, 0, ())
    assert books.pay(MARCH) == {"ana": (12_50, 0, 0), "ben": (37_50, 0, 0), "mia": (5_00, 0, 0)}


# Who is credited, who is in the team, who reports to whom ---------------------------------------------------


def test_other_credits_move_what_was_paid_to_the_colleague(books: Books) -> None:
    books.bring({"credits.csv": f"{CREDITS}\nI1,ana,executive,0.6\nI1,ben,executive,0.4\n"})
    ran = books.run()
    assert books.sums() == changed(ana_cash=-40_00, ben_cash=40_00)
    assert sorted(books.posted(ran)) == [
        ("ana cash", "p1", 100_00, -40_00),
        ("ben cash", "p1", 0, 40_00),
    ]
    assert books.pay(MARCH) == {"ana": (6_25, 6_25, -33_75), "ben": (77_50, 0, 0), "mia": (5_00, 0, 0)}


def test_pay_does_not_depend_on_how_often_somebody_ran(books: Books) -> None:
    for payee_id in ("cem", "ana", "ben"):
        books.bring({"credits.csv": f"{CREDITS}\nI2,{payee_id},executive,1\n"})
        books.run()
    assert books.sums() == AT_FIRST
    assert books.pay(MARCH) == {"ana": (12_50, 0, 0), "ben": (37_50, 0, 0), "mia": (5_00, 0, 0)}
    generic = payout(books.engine, CEM, MARCH, "generic")
    rows = [each.split(",") for each in generic.files[0].content.decode().splitlines()[1:]]
    assert [(row[3], row[4], row[5]) for row in rows] == [
        ("ana", "BON", "12.50"),
        ("ben", "BON", "12.50"),
        ("ben", "COM", "25.00"),
        ("mia", "COM", "5.00"),
    ]


def test_a_new_member_takes_part_in_every_month_since(books: Books) -> None:
    books.bring({"memberships.csv": f"{MEMBERS}\nnorth,cem,sales,2025-01-01\n"})
    books.run()
    january, march = (16_67, 16_67, 16_66), (8_34, 8_33, 8_33)
    shares = [one + other for one, other in zip(january, march, strict=True)]
    assert books.sums() == changed(ana_pool=shares[0] - 37_50, ben_pool=shares[1] - 37_50, cem_pool=shares[2])


def test_a_member_who_was_none_gives_back(books: Books) -> None:
    books.bring({"memberships.csv": f"{MEMBERS}\nnorth,ana,sales,2025-01-01\n"}, complete=True)
    books.run(everybody=True)
    assert books.sums() == changed(ana_pool=37_50, ben_pool=-37_50)


def test_a_team_that_was_on_no_plan_gives_back(books: Books) -> None:
    files = FIRST["assignments.csv"].replace("together,,north,2025-01-01\n", "")
    books.bring({"assignments.csv": files}, complete=True)
    books.run(everybody=True)
    assert books.sums() == changed(ana_pool=-37_50, ben_pool=-37_50)


def test_a_team_that_comes_to_the_plan_later_gives_back_what_was_earlier(books: Books) -> None:
    files = FIRST["assignments.csv"].replace("north,2025-01-01\n", "north,2026-02-01\n")
    books.bring({"assignments.csv": files}, complete=True)
    books.run()
    assert books.sums() == changed(ana_pool=-25_00, ben_pool=-25_00)


def test_who_left_leaves_their_share_to_the_team(books: Books) -> None:
    books.bring({"payees.csv": f"{PAYEES}\nben,Ben,2,2026-02-15\n"})
    books.run()
    assert books.sums() == changed(ana_pool=12_50, ben_pool=-12_50)


def test_a_report_that_ended_takes_the_lead_s_part(books: Books) -> None:
    books.bring({"reporting.csv": f"{REPORTING}\nana,mia,2025-01-01,2026-01-10\n"})
    books.run()
    assert books.sums() == changed(mia_team=-10_00)


# Customers and invoices -----------------------------------------------------------------------------------------


def test_a_grade_that_comes_late_counts_from_its_day(books: Books) -> None:
    books.bring({"customer_credit.csv": f"{GRADES}\nc1,2026-01-01,C\n"})
    books.run()
    assert books.sums() == changed(ana_cash=-50_00, ben_cash=-12_50)


def test_an_earlier_invoice_makes_the_customer_older(books: Books) -> None:
    files = {
        "invoices.csv": f"{INVOICES}\nI0,c1,EUR,2025-11-20,2025-12-20,south\n",
        "invoice_lines.csv": f"{LINES}\nI0,1,10.00\n",
        "credits.csv": f"{CREDITS}\nI0,cem,executive,1\n",
    }
    books.bring(files)
    books.run()
    assert books.sums() == changed(ana_cash=-50_00)


def test_an_invoice_of_another_customer_makes_this_one_younger(books: Books) -> None:
    moved = books.bring(_invoice("I1,c2,EUR,2026-01-05,2026-02-04,north", "I1,1,1000.00"))
    assert moved.waiting == 2, "the invoice and its line"
    assert books.run().entries == 0, "it waits for a decision"
    decide(books, "replace")
    books.run()
    assert books.sums() == changed(ben_cash=25_00)
    again = books.bring(FIRST)
    assert (again.accepted, again.waiting) == (0, 0), "what was replaced is no news"


def test_an_invoice_that_is_kept_stays_as_it_was(books: Books) -> None:
    other = _invoice("I1,c1,EUR,2026-01-05,2026-02-04,north", "I1,1,400.00")
    assert books.bring(other).waiting == 2
    decide(books, "keep")
    assert books.run().entries == 0
    assert books.bring(other).waiting == 0, "it was decided"


def test_an_invoice_with_other_lines_is_calculated_anew(books: Books) -> None:
    books.bring(_invoice("I1,c1,EUR,2026-01-05,2026-02-04,north", "I1,1,400.00"))
    decide(books, "replace")
    books.run()
    assert books.sums() == changed(ana_cash=-60_00, mia_team=-6_00, ana_pool=-15_00, ben_pool=-15_00)


def _invoice(head: str, line: str) -> dict[str, str]:
    return {"invoices.csv": f"{INVOICES}\n{head}\n", "invoice_lines.csv": f"{LINES}\n{line}\n"}


# Rules and rates ------------------------------------------------------------------------------------------------


def test_a_rule_counts_once_somebody_else_approved_it(books: Books) -> None:
    brought = books.bring({"plans/ae.toml": AE.replace('"10%"', '"12%"')})
    assert brought.proposed == ("plans/ae",)
    assert books.run().entries == 0
    [waits] = decisions.waiting(books.engine)
    with pytest.raises(Exception, match="somebody else decides"):
        decisions.decide(books.engine, ANA, "rule", waits.number, "approve")
    decisions.decide(books.engine, BEN, "rule", waits.number, "approve")
    books.run()
    assert books.sums() == changed(ana_cash=20_00, ben_cash=5_00)


def test_a_rule_that_is_rejected_changes_nothing(books: Books) -> None:
    books.bring({"plans/together.toml": TOGETHER.replace('"5%"', '"50%"')})
    [waits] = decisions.waiting(books.engine)
    decisions.decide(books.engine, BEN, "rule", waits.number, "reject")
    assert books.run().entries == 0


def test_a_rule_of_a_team_reaches_its_members(books: Books) -> None:
    books.bring({"plans/together.toml": TOGETHER.replace('"5%"', '"4%"')})
    [waits] = decisions.waiting(books.engine)
    decisions.decide(books.engine, BEN, "rule", waits.number, "approve")
    books.run()
    assert books.sums() == changed(ana_pool=-7_50, ben_pool=-7_50)


def test_a_rate_that_comes_late_pays_what_waited_for_it(books: Books) -> None:
    books.bring({"fx_rates.csv": f"{RATES}\nUSD,EUR,2026-01-01,0.9\n"})
    books.run(everybody=True)
    assert books.sums() == changed(cem_cash=18_00)


# Events ---------------------------------------------------------------------------------------------------------


def test_a_refund_that_comes_late_is_taken_back_in_the_open_month(books: Books) -> None:
    books.bring(_event("r1,refund,I1,2026-01-25,1000.00,"))
    ran = books.run()
    assert books.sums() == changed(ana_cash=-100_00, mia_team=-10_00, ana_pool=-25_00, ben_pool=-25_00)
    assert ("ana cash", "r1", 0, -100_00) in books.posted(ran)
    assert books.pay(MARCH) == {
        "ana": (6_25, 6_25, -118_75),
        "ben": (18_75, 18_75, -6_25),
        "mia": (2_50, 2_50, -7_50),
    }


def test_two_events_with_one_id_under_two_sources_both_count(books: Books) -> None:
    books.bring(_event("p1,refund,I2,2026-03-12,100.00,card"))
    ran = books.run()
    assert books.sums() == changed(ben_cash=-5_00, mia_team=-1_00, ana_pool=-2_50, ben_pool=-2_50)
    causes = [cause for name, cause, _, _ in books.posted(ran) if name in ("ana cash", "ben cash")]
    assert sorted(causes) == ["/p1", "card/p1", "p1"], "causes that were the event's id name its source now"


@pytest.mark.parametrize(
    ("choice", "stands"),
    [
        ("keep", AT_FIRST),
        ("replace", changed(ana_cash=-10_00, mia_team=-1_00, ana_pool=-2_50, ben_pool=-2_50)),
    ],
)
def test_an_event_that_came_with_other_content_counts_once_it_is_decided(
    choice: str, stands: dict[str, int], books: Books
) -> None:
    assert books.bring(_event("p1,payment,I1,2026-01-20,900.00,")).waiting == 1
    books.run()
    assert books.sums() == changed(ana_cash=-100_00, mia_team=-10_00, ana_pool=-25_00, ben_pool=-25_00)
    with pytest.raises(NotReady) as caught:
        close(books.engine, BEN, MARCH, waive=WAIVED | {"conflicts": "never mind"})
    assert [step.name for step in caught.value.steps if step.blocks] == ["conflicts"]
    decide(books, choice)
    books.run()
    assert books.sums() == stands
    again = books.bring(FIRST)
    assert (again.accepted, again.waiting) == (0, 0)
    assert books.bring(_event("p1,payment,I1,2026-01-20,900.00,")).waiting == 0, "it was decided"
    assert books.run().entries == 0


def test_an_invoice_of_many_lines_that_comes_otherwise_waits(books: Books) -> None:
    """However much it says: an index of PostgreSQL holds 2,704 bytes."""
    rng = random.Random(1)
    nets = [rng.randrange(10**6) for _ in range(400)]

    def delivered(*more: int) -> dict[str, str]:
        lines = "\n".join(f"I9,{number},{net}.00" for number, net in enumerate([*nets, *more], 1))
        return _invoice("I9,c1,EUR,2026-03-01,2026-03-31,north", lines)

    assert books.bring(delivered()).waiting == 0
    assert books.bring(delivered(1)).waiting == 402, "the invoice and its lines, together"
    assert books.bring(delivered(1)).waiting == 0, "it waits already"
    decide(books, "replace")
    assert books.bring(delivered(1)).waiting == 0


def test_a_version_for_another_invoice_moves_with_the_ids_that_it_shares(books: Books) -> None:
    """What was chosen stands on I2; when its id comes from a second source, also its cause names the source."""
    books.bring(_event("p1,payment,I2,2026-03-09,100.00,"))
    decide(books, "replace")
    books.run()
    assert books.sums() == changed(ana_cash=-100_00, mia_team=-10_00, ana_pool=-25_00, ben_pool=-25_00)
    books.bring(_event("p1,payment,I3,2026-03-20,1.00,card"))
    ran = books.run()
    assert ("ben cash", "/p1") in {posted[:2] for posted in books.posted(ran)}


def test_the_same_delivery_twice_adds_nothing(books: Books) -> None:
    late = _event("p4,payment,I3,2026-03-01,50.00,")
    assert books.bring(late).accepted == 1
    with reading(books.engine) as connection:
        before = connection.execute(select(tables.table_of(tables.Event))).all()
    assert books.bring(late).accepted == 0
    with reading(books.engine) as connection:
        assert connection.execute(select(tables.table_of(tables.Event))).all() == before


# What was paid and then moved to another day ----------------------------------------------------------------


@pytest.mark.parametrize(("moved_to", "between"), [("2026-03-10", "2026-03-05"), ("2026-01-08", "2026-01-15")])
def test_a_payment_that_moved_after_it_was_paid_for_stands_once(moved_to: str, between: str, books: Books) -> None:
    """Whatever happens between the two days."""
    books.bring(_event(f"p1,payment,I1,{moved_to},1000.00,"))
    decide(books, "replace")
    books.run()
    earned = books.sums()["ana cash"]
    books.bring(_event(f"p4,credit_note,I1,{between},0.01,"))
    books.run()
    assert books.sums()["ana cash"] == earned


DUE = "event_id,type,invoice_id,occurred_on,amount,new_due_on"


@pytest.fixture
def advances(shelf: Shelf, tmp_path: Path) -> Iterator[Books]:
    """An invoice due on 10 January pays its commission when it is issued; on 9 February that is suspended."""
    late = _invoice(
        "I1,c1,EUR,2026-01-05,2026-01-10,\nI3,c1,EUR,2026-01-06,2026-12-31,", "I1,1,1000.00\nI3,1,100.00"
    )
    only_ana = {"credits.csv": f"{CREDITS}\nI1,ana,executive,1\nI3,ana,executive,1\n", "events.csv": f"{DUE}\n"}
    with opened(made(shelf.new())) as engine:
        books = Books(engine, tmp_path)
        until_march(books, FIRST | late | only_ana | {"plans/ae.toml": ADVANCE})
        assert books.sums() == {"ana cash": 10_00}
        yield books
        assert breaches(engine) == []


def test_a_suspension_that_moved_after_it_was_paid_stands_once(advances: Books) -> None:
    advances.bring(_event("d1,due_date_changed,I1,2026-01-20,,2026-02-10", DUE))
    assert advances.posted(advances.run()) == [("ana cash", "suspend:I1", -100_00, 0)], "on 12 March now"
    advances.bring(_event("p1,payment,I3,2026-03-05,10.00,", DUE))
    assert [each for each in advances.posted(advances.run()) if each[0] == "ana cash"] == []
    assert advances.sums()["ana cash"] == 10_00


def test_a_suspension_that_was_paid_went_and_came_again_is_posted_as_a_run_of_everybody_does(
    advances: Books,
) -> None:
    advances.bring(_event("d1,due_date_changed,I1,2026-01-20,,2026-12-31", DUE))
    assert advances.posted(advances.run()) == [("ana cash", "suspend:I1", -100_00, 100_00)]
    advances.bring(_event("d2,due_date_changed,I1,2026-03-02,,2026-02-10", DUE))
    assert advances.posted(advances.run()) == [
        ("ana cash", "suspend:I1", 0, -100_00),
        ("ana cash", "suspend:I1", -100_00, 0),
    ]


def _event(row: str, columns: str = EVENTS) -> dict[str, str]:
    return {"events.csv": f"{columns}\n{row}\n"}


def decide(books: Books, choice: str) -> None:
    """Decide about the conflict that waits."""
    [waits] = [each for each in decisions.waiting(books.engine) if each.kind == "conflict"]
    decisions.decide(books.engine, BEN, "conflict", waits.number, choice)


# The first month ------------------------------------------------------------------------------------------------


def test_the_first_month_stays_the_first_once_something_is_posted(shelf: Shelf, tmp_path: Path) -> None:
    with opened(made(shelf.new())) as engine:
        books = Books(engine, tmp_path)
        books.bring(FIRST | _invoice("I2,c1,EUR,2026-03-01,2026-03-31,north", "I2,1,500.00") | _NOTHING_ELSE)
        assert run(engine, ANA).month.first == MARCH
        books.bring(_event("p2,payment,I2,2026-03-10,500.00,"))
        assert run(engine, ANA).entries > 0
        earlier = _invoice("I1,c2,EUR,2026-01-05,2026-02-04,north", "I1,1,1000.00")
        books.bring(earlier | {"credits.csv": f"{CREDITS}\nI1,ana,executive,1\n"})
        books.bring(_event("p1,payment,I1,2026-01-20,1000.00,"))
        assert run(engine, ANA).month.first == MARCH
        assert books.pay(MARCH)["ana"] == (137_50, 0, 0)


def test_before_anything_is_posted_an_earlier_fact_makes_an_earlier_month_the_first(
    shelf: Shelf, tmp_path: Path
) -> None:
    with opened(made(shelf.new())) as engine:
        books = Books(engine, tmp_path)
        books.bring(FIRST | _invoice("I2,c1,EUR,2026-03-01,2026-03-31,north", "I2,1,500.00") | _NOTHING_ELSE)
        assert run(engine, ANA).month.first == MARCH
        books.bring(_invoice("I1,c2,EUR,2026-01-05,2026-02-04,north", "I1,1,1000.00"))
        assert run(engine, ANA).month.first == JANUARY
        for month in (JANUARY, FEBRUARY, MARCH):
            assert books.pay(month) == {}


_NOTHING_ELSE = {"credits.csv": f"{CREDITS}\nI2,ben,executive,1\n", "events.csv": f"{EVENTS}\n"}
