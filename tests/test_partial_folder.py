"""Later deliveries: a folder that holds only what is new, read with what is known already."""

from __future__ import annotations

import dataclasses
import datetime as dt
import hashlib
import shutil
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

import pytest

from incentives.facts import Credit, Reporting
from incentives.feeds.folder import Reading, read_folder
from incentives.feeds.known import Known

BASE = Path(__file__).parent / "bad_input" / "base"
EVENTS = "event_id,type,invoice_id,occurred_on,amount\n"
CREDITS = "invoice_id,payee_id,role,share\n"
INVOICES = "invoice_id,customer_id,currency,issued_on,due_on\n"
LINES = "invoice_id,line,net\n"
REPORTING = "payee_id,manager_id,starts_on,ends_on\n"


def known_from(reading: Reading) -> Known:
    """What a store would know that took this in."""
    facts = reading.facts
    assert facts is not None
    return Known(
        company=facts.company,
        plans={plan.plan: plan for plan in reading.plans},
        payee_ids={payee.payee_id for payee in facts.payees},
        customer_ids={customer.customer_id for customer in facts.customers},
        invoice_currencies={invoice.invoice_id: invoice.currency for invoice in facts.invoices},
        reporting=facts.reporting,
    )


KNOWN = known_from(read_folder(BASE))


def delivery(folder: Path, files: Mapping[str, str]) -> Path:
    """A folder with these files only."""
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, "utf-8")
    return folder


def read(folder: Path, files: Mapping[str, str], known: Known = KNOWN, *, accept: bool = False) -> Reading:
    """The reading of a delivery; every row of it is accounted for, and no mistake leaves facts behind."""
    reading = read_folder(delivery(folder, files), known=known, accept_good_rows=accept)
    for each in reading.counts:
        assert each.read == each.accepted + each.duplicate + each.rejected
    assert reading.facts is None or accept or not reading.problems
    return reading


def said(reading: Reading) -> list[str]:
    return [f"{problem.code} | {problem}" for problem in reading.problems]


def counted(reading: Reading) -> dict[str, tuple[int, int, int, int]]:
    """Read, accepted, duplicate, rejected of each file."""
    return {each.file: (each.read, each.accepted, each.duplicate, each.rejected) for each in reading.counts}


# -- what a delivery may hold -------------------------------------------------------------------------------------


def test_a_folder_with_only_new_events_is_read_against_what_is_known(tmp_path: Path) -> None:
    rows = "N1,payment,I1,2026-04-01,12.34\nN2,payment,I2,2026-04-02,500\nN2,payment,I2,2026-04-02,500\n"
    reading = read(tmp_path, {"events.csv": EVENTS + rows})
    assert said(reading) == []
    assert reading.facts is not None
    assert [(each.event_id, each.amount_minor) for each in reading.facts.events] == [("N1", 1_234), ("N2", 500)]
    assert counted(reading) == {"events.csv": (3, 2, 1, 0)}
    assert reading.held == {"events.csv"}
    assert reading.facts.company is KNOWN.company
    assert (reading.facts.invoices, reading.plans, reading.credits_of) == ((), (), {})


def test_amounts_of_events_have_the_decimals_of_the_known_invoice(tmp_path: Path) -> None:
    reading = read(tmp_path, {"events.csv": EVENTS + "N1,payment,I2,2026-04-01,12.34\n"})
    assert [each.path for each in reading.problems] == ["amount"]


def test_known_and_new_things_may_be_mixed(tmp_path: Path) -> None:
    files = {
        "payees.csv": "payee_id,name\nP9,Zoe\n",
        "customers.csv": "customer_id,name\nC9,Cedar\n",
        "customer_credit.csv": "customer_id,on,credit_limit\nC1,2026-05-01,10.50\nC9,2026-05-01,20\n",
        "memberships.csv": "team,payee_id,role,starts_on\nnorth,P9,sales,2026-05-01\n",
        "invoices.csv": INVOICES + "I8,C1,EUR,2026-05-01,2026-06-01\nI9,C9,JPY,2026-05-01,2026-06-01\n",
        "invoice_lines.csv": LINES + "I8,1,100\nI9,1,100\n",
        "credits.csv": CREDITS + "I8,P9,account_executive,1\nI9,P1,account_executive,1\n",
        "events.csv": EVENTS + "N1,payment,I1,2026-05-02,1.00\nN2,payment,I9,2026-05-02,100\n",
        "assignments.csv": "plan,payee_id,team,starts_on\naccount-executive,P9,,2026-05-01\n",
        "targets.csv": "plan,component,payee_id,window_start,amount\naccount-executive,quota,P9,2026-01-01,10\n",
    }
    reading = read(tmp_path, files)
    assert said(reading) == []
    assert reading.facts is not None
    assert [each.credit_limit_minor for each in reading.facts.credit_records] == [1_050, 2_000]
    assert [(each.invoice_id, len(each.lines), len(each.credits)) for each in reading.facts.invoices] == [
        ("I8", 1, 1),
        ("I9", 1, 1),
    ]
    assert reading.held == files.keys()


def test_a_new_version_of_a_plan_may_come_alone_and_is_kept_as_it_was_written(tmp_path: Path) -> None:
    old = (BASE / "plans" / "account-executive.toml").read_text("utf-8")
    new = old.replace("2026-07-01", "2026-08-01") + "# a remark that stays\r\n"
    (tmp_path / "plans").mkdir()
    (tmp_path / "plans" / "ae.toml").write_bytes(b"\xef\xbb\xbf" + new.encode())
    reading = read(tmp_path, {})
    assert said(reading) == []
    assert [[str(each.effective_from) for each in plan.versions] for plan in reading.plans] == [
        ["2026-01-01", "2026-08-01"]
    ]
    assert (reading.plan_texts, reading.company_text) == ({"account-executive": new}, "")
    assert reading.held == {"plans/ae.toml"} and reading.counts == ()


def test_rows_refer_to_the_plan_as_the_folder_has_it(tmp_path: Path) -> None:
    old = (BASE / "plans" / "account-executive.toml").read_text("utf-8")
    files = {
        "plans/ae.toml": old.replace('"quota"', '"goal"'),
        "targets.csv": (BASE / "targets.csv").read_text("utf-8"),
    }
    assert said(read(tmp_path, files)) == [
        "unknown-reference | targets.csv, line 2, component: The plan has no component 'quota'. "
        "Known: cash, goal, new-logo, start."
    ]


def test_the_company_may_come_alone(tmp_path: Path) -> None:
    new = (BASE / "company.toml").read_text("utf-8").replace('"50%"', '"40%"')
    reading = read(tmp_path, {"company.toml": new})
    assert said(reading) == []
    assert reading.facts is not None and KNOWN.company is not None
    assert reading.facts.company == dataclasses.replace(KNOWN.company, recovery_cap_ppm=400_000)
    assert reading.held == {"company.toml"}
    assert (reading.company_text, reading.plan_texts) == (new, {})


def test_credits_of_a_known_invoice_are_its_whole_new_list(tmp_path: Path) -> None:
    rows = "I1,P2,account_executive,70%\nI1,P1,account_executive,0.3\nI2,P2,account_executive,1\n"
    reading = read(tmp_path, {"credits.csv": CREDITS + rows})
    assert said(reading) == []
    assert reading.credits_of == {
        "I1": (Credit("P2", "account_executive", 700_000), Credit("P1", "account_executive", 300_000)),
        "I2": (Credit("P2", "account_executive", 1_000_000),),
    }
    assert reading.facts is not None and reading.facts.invoices == ()


def test_shares_are_summed_within_the_new_list(tmp_path: Path) -> None:
    rows = "I1,P1,account_executive,0.7\nI1,P2,account_executive,0.4\n"
    reading = read(tmp_path, {"credits.csv": CREDITS + rows})
    assert [(each.code, each.line) for each in reading.problems] == [("shares-above-one", 3)]
    assert reading.credits_of == {}


def test_a_known_invoice_may_come_again_with_its_lines(tmp_path: Path) -> None:
    files = {
        "invoices.csv": INVOICES + "I1,C1,EUR,2026-01-10,2026-03-09\n",
        "invoice_lines.csv": LINES + "I1,1,1000\n",
        "credits.csv": CREDITS + "I1,P1,account_executive,1\n",
    }
    reading = read(tmp_path, files)
    assert said(reading) == []
    assert reading.facts is not None
    assert [len(each.credits) for each in reading.facts.invoices] == [1]
    assert reading.credits_of == {}


def test_a_whole_folder_reads_the_same_whatever_was_known() -> None:
    assert read_folder(BASE, known=Known()) == read_folder(BASE, known=KNOWN) == read_folder(BASE)


# -- what it may not ----------------------------------------------------------------------------------------------


def test_what_is_neither_in_the_folder_nor_known_is_refused_with_place_and_cure(tmp_path: Path) -> None:
    files = {
        "events.csv": EVENTS + "N1,payment,I9,2026-04-01,1\n",
        "credits.csv": CREDITS + "I1,P9,account_executive,1\nI9,P1,account_executive,1\n",
        "invoices.csv": INVOICES + "I8,C9,EUR,2026-05-01,2026-06-01\n",
        "invoice_lines.csv": LINES + "I8,1,1\n",
        "assignments.csv": "plan,payee_id,starts_on\nacount-executive,P1,2026-05-01\nx,P1,2026-05-01\n",
    }
    assert said(read(tmp_path, files)) == [
        "unknown-reference | assignments.csv, line 2, plan: No plan is called 'acount-executive'. "
        "Did you mean 'account-executive'?",
        "unknown-reference | assignments.csv, line 3, plan: No plan is called 'x'. "
        "Add the plan to plans/, or correct the id.",
        "unknown-reference | credits.csv, line 2, payee_id: Payee 'P9' is not in payees.csv, nor known from "
        "before. Add it to payees.csv, or correct the id.",
        "unknown-reference | credits.csv, line 3, invoice_id: Invoice 'I9' is not in invoices.csv, nor known from "
        "before. Add it to invoices.csv, or correct the id.",
        "unknown-reference | events.csv, line 2, invoice_id: Invoice 'I9' is not in invoices.csv, nor known from "
        "before. Add it to invoices.csv, or correct the id.",
        "unknown-reference | invoices.csv, line 2, customer_id: Customer 'C9' is not in customers.csv, nor known "
        "from before. Add it to customers.csv, or correct the id.",
    ]


def test_lines_of_a_known_invoice_come_with_the_invoice(tmp_path: Path) -> None:
    reading = read(tmp_path, {"invoice_lines.csv": LINES + "I1,3,10\nI9,1,10\n"})
    assert said(reading) == [
        "unlisted-invoice | invoice_lines.csv, line 2, invoice_id: Invoice 'I1' is known, but invoices.csv does "
        "not list it here. List it there too, with all its lines.",
        "unknown-reference | invoice_lines.csv, line 3, invoice_id: Invoice 'I9' is not in invoices.csv, nor "
        "known from before. Add it to invoices.csv, or correct the id.",
    ]
    assert counted(reading) == {"invoice_lines.csv": (2, 0, 0, 2)}


def test_a_listed_invoice_has_its_lines_even_if_it_is_known(tmp_path: Path) -> None:
    reading = read(tmp_path, {"invoices.csv": INVOICES + "I1,C1,EUR,2026-01-10,2026-02-09\n"})
    assert [each.code for each in reading.problems] == ["no-lines"]


def test_no_currency_changes_to_one_with_other_decimals(tmp_path: Path) -> None:
    files = {
        "company.toml": (BASE / "company.toml").read_text("utf-8").replace("EUR", "JPY"),
        "plans/together.toml": (BASE / "plans/together.toml").read_text("utf-8").replace("EUR", "USD"),
        "invoices.csv": INVOICES + "I1,C1,KWD,2026-01-10,2026-02-09\nI2,C1,JPY,2026-01-10,2026-02-09\n",
        "invoice_lines.csv": LINES + "I1,1,10\nI2,1,10\n",
    }
    change = "amounts that are known already would change their size. Keep EUR."
    assert said(read(tmp_path, files)) == [
        f"other-decimals | company.toml, currency: It was EUR, with 2 decimals; JPY has 0, and {change}",
        f"other-decimals | invoices.csv, line 2, currency: It was EUR, with 2 decimals; KWD has 3, and {change}",
    ]


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        ("M1,P1,2026-03-01,", "On 2026-03-01 the reporting lines run in a circle: 'M1' -> 'P1' -> 'M1'."),
        ("M1,P1,2025-03-01,", "On 2026-01-01 the reporting lines run in a circle: 'M1' -> 'P1' -> 'M1'."),
        ("P1,P2,2026-06-30,", "On 2026-06-30 the reporting lines run in a circle: 'P1' -> 'P2' -> 'P1'."),
    ],
)
def test_a_reporting_line_closes_no_circle_with_known_ones(tmp_path: Path, row: str, sentence: str) -> None:
    reading = read(tmp_path, {"reporting.csv": f"{REPORTING}{row}\n"})
    assert [each.sentence for each in reading.problems] == [sentence]


@pytest.mark.parametrize("row", ["M1,P1,2025-03-01,2025-12-31", "P1,P2,2026-07-01,"])
def test_a_reporting_line_may_be_turned_around_when_the_known_one_has_ended(tmp_path: Path, row: str) -> None:
    assert said(read(tmp_path, {"reporting.csv": f"{REPORTING}{row}\n"})) == []


def test_a_known_reporting_line_may_be_ended_and_turned_around_at_once(tmp_path: Path) -> None:
    rows = "P1,M1,2026-01-01,2026-03-31\nM1,P1,2026-04-01,\n"
    reading = read(tmp_path, {"reporting.csv": REPORTING + rows})
    assert said(reading) == []
    assert reading.facts is not None
    assert reading.facts.reporting[0] == Reporting("P1", "M1", dt.date(2026, 1, 1), dt.date(2026, 3, 31))


def test_all_mistakes_come_at_once(tmp_path: Path) -> None:
    files = {
        "company.toml": (BASE / "company.toml").read_text("utf-8").replace("format = 1", "format = 2"),
        "plans/together.toml": (BASE / "plans/together.toml").read_text("utf-8").replace('"quarter"', '"week"'),
        "payes.csv": "payee_id,name\nP9,Zoe\n",
        "events.csv": EVENTS + "N1,payment,I9,2026-04-01,1\nN2,payment,I1,2026-02-30,1\n",
        "credits.csv": CREDITS + "I1,P1,account_executive,2\n",
        "assignments.csv": "plan,payee_id,team,starts_on\ntogether,P1,,2026-05-01\n",
    }
    reading = read(tmp_path, files)
    found = {(each.place, each.code) for each in reading.problems}
    assert {place for place, _ in found} == files.keys() - {"assignments.csv"}  # its plan cannot be read
    assert ("payes.csv", "unknown-file") in found
    assert (reading.facts, reading.sha256, reading.credits_of) == (None, "", {})


@pytest.mark.parametrize("files", [{}, {"notes.csv": "a,b\n"}, {"plans/old/rep.toml": ""}])
def test_a_folder_without_anything_of_ours_is_a_mistake(tmp_path: Path, files: dict[str, str]) -> None:
    folder = tmp_path / "march"
    folder.mkdir()
    assert said(read(folder, files)) == [
        "nothing-to-read | march: No file of a dataset is in the folder. Put in what is new: company.toml, "
        "payees.csv, customers.csv, invoices.csv, invoice_lines.csv, credits.csv, events.csv, assignments.csv, "
        "reporting.csv, memberships.csv, customer_credit.csv, targets.csv, fx_rates.csv or plans/*.toml."
    ]


def test_somebody_has_to_have_said_whose_books_these_are(tmp_path: Path) -> None:
    files = {"customers.csv": "customer_id,name\nC1,Alder\n"}
    assert said(read(tmp_path, files, Known())) == [
        "missing-file | company.toml: The file is missing. Add it to the folder."
    ]
    company = {"company.toml": (BASE / "company.toml").read_text("utf-8")}
    assert said(read(tmp_path, company, Known())) == []


def test_a_plan_that_nobody_wrote_is_refused_even_where_there_is_none_at_all(tmp_path: Path) -> None:
    files = {"assignments.csv": "plan,payee_id,starts_on\nrep,P1,2026-05-01\n"}
    assert said(read(tmp_path, files, dataclasses.replace(KNOWN, plans={}))) == [
        "unknown-reference | assignments.csv, line 2, plan: No plan is called 'rep'. "
        "Add the plan to plans/, or correct the id."
    ]


def test_where_nothing_is_known_a_partial_folder_is_refused_as_ever(tmp_path: Path) -> None:
    reading = read_folder(delivery(tmp_path, {"events.csv": EVENTS + "N1,payment,I1,2026-04-01,1\n"}))
    assert reading.facts is None
    missing = {each.place for each in reading.problems if each.code == "missing-file"}
    assert missing == {
        *("company.toml", "plans", "payees.csv", "customers.csv", "invoices.csv", "invoice_lines.csv"),
        *("credits.csv", "assignments.csv"),
    }


# -- the good rows without the bad ones ---------------------------------------------------------------------------


@pytest.mark.parametrize("bad", ["I1,P1,account_executive,60", "I1,P1,account_executive", "I1,P9,other,0.1"])
def test_a_new_list_of_credits_is_taken_whole_or_not_at_all(tmp_path: Path, bad: str) -> None:
    rows = f"I1,P2,account_executive,0.4\n{bad}\nI2,P2,account_executive,1\n"
    reading = read(tmp_path, {"credits.csv": CREDITS + rows}, accept=True)
    assert reading.facts is not None and reading.credits_of.keys() == {"I2"}
    assert counted(reading) == {"credits.csv": (3, 1, 0, 2)}
    assert "One of the credits of invoice 'I1' was rejected." in {each.sentence for each in reading.problems}


def test_what_leans_on_a_rejected_row_falls_even_if_an_earlier_one_is_known(tmp_path: Path) -> None:
    files = {
        "invoices.csv": INVOICES + "I1,C1,EUR,2026-02-30,2026-02-09\n",
        "invoice_lines.csv": LINES + "I1,1,10\n",
        "events.csv": EVENTS + "N1,payment,I1,2026-04-01,1\nN2,payment,I2,2026-04-01,1\n",
    }
    reading = read(tmp_path, files, accept=True)
    assert reading.facts is not None
    assert [each.event_id for each in reading.facts.events] == ["N2"]
    assert counted(reading) == {
        "invoices.csv": (1, 0, 0, 1),
        "invoice_lines.csv": (1, 0, 0, 1),
        "events.csv": (2, 1, 0, 1),
    }


# -- asking in bulk, and the digest -------------------------------------------------------------------------------


class Asked(Mapping[str, str]):
    """Currencies that have to be expected before they are looked up; it can be neither counted nor listed."""

    def __init__(self, behind: Mapping[str, str]) -> None:
        self.behind = behind
        self.expected: list[Collection[str]] = []

    def __getitem__(self, invoice_id: str) -> str:
        assert any(invoice_id in batch for batch in self.expected), f"{invoice_id} came unexpectedly"
        return self.behind[invoice_id]

    def __iter__(self) -> Iterator[str]:
        raise AssertionError("200,000 invoices are not listed")

    def __len__(self) -> int:
        raise AssertionError("200,000 invoices are not counted")


def test_known_invoices_are_asked_for_in_bulk(tmp_path: Path) -> None:
    asked = Asked(KNOWN.invoice_currencies)
    known = dataclasses.replace(KNOWN, invoice_currencies=asked, expect=asked.expected.append)
    events = "".join(f"N{number},payment,I{number % 2 + 1},2026-04-01,1\n" for number in range(20_000))
    files = {
        "events.csv": EVENTS + events + "N,payment,I9,2026-04-01,1\n",
        "credits.csv": CREDITS + "I1,P1,account_executive,1\n",
        "invoices.csv": INVOICES + "I1,C1,EUR,2026-01-10,2026-02-09\n",
        "invoice_lines.csv": LINES + "I1,1,10\nI2,1,10\n",
    }
    reading = read(tmp_path, files, known)
    assert [each.code for each in reading.problems] == ["unknown-reference", "unlisted-invoice"]
    assert len(asked.expected) <= 6
    assert read(tmp_path, {"invoice_lines.csv": LINES + "I1,1,10\n"}, known).problems != ()


def test_the_digest_is_that_of_names_and_bytes(tmp_path: Path) -> None:
    folder = shutil.copytree(BASE, tmp_path / "a")
    names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    lines = [f"{hashlib.sha256((folder / name).read_bytes()).hexdigest()}  {name}\n" for name in names]
    expected = hashlib.sha256("".join(lines).encode()).hexdigest()
    reading = read_folder(folder)
    assert reading.held == set(names)
    assert reading.sha256 == read_folder(folder, known=KNOWN).sha256 == expected
    (folder / "notes.txt").write_text("not read")
    assert read_folder(folder).sha256 == expected
    (folder / "fx_rates.csv").write_bytes((folder / "fx_rates.csv").read_bytes() + b"\n")
    other = read_folder(folder)
    assert other == reading and other.sha256 != expected
