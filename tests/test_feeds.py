"""What a dataset folder may look like, and what is left of it when only good rows are taken."""

from __future__ import annotations

import datetime as dt
import shutil
from pathlib import Path

import pytest

from incentives.documents.plans import read_plan
from incentives.feeds.folder import Reading, read_folder
from incentives.feeds.tables import FileCount

HERE = Path(__file__).parent
BASE = HERE / "bad_input" / "base"
SAMPLES = [HERE.parent / "sample_data", *sorted((HERE.parents[1] / "shared" / "data").glob("*/company.toml"))]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A dataset folder without mistakes, to be changed."""
    return shutil.copytree(BASE, tmp_path / "dataset")


def replace(path: Path, old: str, new: str) -> None:
    """Change what a file says in one place."""
    text = path.read_text("utf-8")
    assert text.count(old) == 1
    path.write_text(text.replace(old, new), "utf-8")


def count(reading: Reading, file: str) -> tuple[int, int, int, int]:
    """Read, accepted, duplicate, rejected."""
    (found,) = [each for each in reading.counts if each.file == file]
    return found.read, found.accepted, found.duplicate, found.rejected


# -- data that has to read clean ----------------------------------------------------------------------------------


def test_the_sample_data_and_any_data_beside_the_project_read_without_a_problem() -> None:
    folders = [path.parent if path.is_file() else path for path in SAMPLES]
    readings = [read_folder(folder) for folder in folders if folder.is_dir()]
    assert readings
    for reading in readings:
        assert reading.problems == ()
        assert reading.facts is not None and reading.facts.events and reading.plans


def test_the_documented_example_of_a_plan_reads() -> None:
    plan, problems = read_plan((HERE / "bad_input" / "documented.toml").read_text("utf-8"), "documented.toml")
    assert problems == []
    assert plan is not None and plan.kind_of("cash-commission") == "commission"


# -- spelling that is allowed -------------------------------------------------------------------------------------


def test_byte_order_marks_windows_lines_and_quotes_change_nothing(folder: Path) -> None:
    for path in folder.glob("*.csv"):
        rows = [",".join(f'"{cell}"' for cell in line.split(",")) for line in path.read_text("utf-8").splitlines()]
        path.write_bytes("\ufeff".encode() + "\r\n".join(rows).encode())
    for path in folder.glob("**/*.toml"):
        path.write_bytes("\ufeff".encode() + path.read_bytes().replace(b"\n", b"\r\n"))
    assert read_folder(folder) == read_folder(BASE)


def test_columns_may_stand_in_any_order_and_optional_ones_may_be_missing(folder: Path) -> None:
    (folder / "fx_rates.csv").write_text("rate,on,to,from\n0.0061,2026-01-01,EUR,JPY\n")
    (folder / "payees.csv").write_text("name,payee_id\nAna,P1\nBen,P2\nMia,M1\n")
    facts, base = read_folder(folder).facts, read_folder(BASE).facts
    assert facts is not None and base is not None
    assert facts.fx_rates == base.fx_rates
    ana = facts.payees[0]
    assert (ana.payee_id, ana.name, ana.starts_on) == ("P1", "Ana", None)


def test_optional_files_may_be_missing(folder: Path) -> None:
    for name in ("reporting", "memberships", "customer_credit", "targets", "fx_rates"):
        (folder / f"{name}.csv").unlink()
    reading = read_folder(folder)
    assert reading.problems == () and reading.facts is not None
    assert "fx_rates.csv" not in {each.file for each in reading.counts}


def test_a_folder_that_is_not_there_is_one_problem(tmp_path: Path) -> None:
    reading = read_folder(tmp_path / "nowhere")
    assert [str(each) for each in reading.problems] == ["nowhere: There is no such folder. Check its name."]


def test_amounts_are_minor_units_of_their_own_currency() -> None:
    facts = read_folder(BASE).facts
    assert facts is not None
    assert [(each.net_minor, each.tax_minor, each.cost_minor) for each in facts.invoices[0].lines] == [
        (100_000, 21_000, 40_000),
        (-5_000, 0, 0),
    ]
    assert facts.invoices[1].lines[0].net_minor == 90_000
    assert [each.amount_minor for each in facts.events] == [60_500, 10_000, None, None, 99_000]
    assert facts.targets[1].amount_minor == 9_000_050
    assert facts.fx_rates[0].rate_ppm == 6_100
    assert facts.company.recovery_cap_ppm == 500_000


def test_an_event_may_name_another_currency_than_its_invoice_and_an_amount_of_0(folder: Path) -> None:
    replace(folder / "events.csv", "605.00,EUR", "605,JPY")
    replace(folder / "events.csv", "2026-02-20,100,", "2026-02-20,0,")
    facts = read_folder(folder).facts
    assert facts is not None
    assert [(each.amount_minor, each.currency) for each in facts.events[:2]] == [(605, "JPY"), (0, "")]


def test_credits_stay_in_listed_order() -> None:
    facts = read_folder(BASE).facts
    assert facts is not None
    assert [(each.payee_id, each.share_ppm) for each in facts.invoices[0].credits] == [
        ("P1", 600_000),
        ("P2", 400_000),
    ]


def test_ids_keep_their_zeros_and_an_end_in_the_year_9999_is_open(folder: Path) -> None:
    replace(folder / "payees.csv", "2025-01-01,2026-12-31", "2025-01-01,9999-12-31")
    facts = read_folder(folder).facts
    assert facts is not None
    assert (facts.payees[1].employee_id, facts.payees[1].ends_on) == ("008", None)


def test_an_identical_event_counts_as_a_duplicate_whatever_its_spelling_and_its_recording(folder: Path) -> None:
    with (folder / "events.csv").open("a") as file:
        file.write("E1,payment,I1,2026-02-10,605,EUR,2026-02-12T09:00:00Z,,,,,,,bank\n")
        file.write("E1,payment,I1,2026-02-10,606,EUR,,,,,,,,bank\n")
        file.write("E1,payment,I1,2026-02-10,606.00,EUR,,,,,,,,bank\n")
        file.write("E1,payment,I1,2026-02-10,606.00,EUR,,,,,,,,other\n")
    reading = read_folder(folder)
    assert reading.facts is not None
    assert count(reading, "events.csv") == (9, 7, 2, 0)
    assert [each.amount_minor for each in reading.facts.events if each.event_id == "E1"] == [
        60_500,
        60_600,
        60_600,
    ]


def test_progress_is_told_for_every_file(folder: Path) -> None:
    told: dict[str, int] = {}
    reading = read_folder(folder, progress=told.__setitem__)
    assert told == {each.file: each.read for each in reading.counts}


# -- the good rows without the bad ones ---------------------------------------------------------------------------


def test_a_bad_event_is_left_out_alone(folder: Path) -> None:
    replace(folder / "events.csv", "2026-02-20,100,", "2026-02-20,abc,")
    reading = read_folder(folder, accept_good_rows=True)
    assert reading.facts is not None
    assert [each.event_id for each in reading.facts.events] == ["E1", "E3", "E4", "E5"]
    assert count(reading, "events.csv") == (5, 4, 0, 1)
    assert read_folder(folder).facts is None


def test_an_invoice_is_taken_whole_or_not_at_all(folder: Path) -> None:
    replace(folder / "invoice_lines.csv", "I1,2,-50.00", "I1,2,-50.001")
    reading = read_folder(folder, accept_good_rows=True)
    assert reading.facts is not None
    assert [each.invoice_id for each in reading.facts.invoices] == ["I2"]
    assert [each.event_id for each in reading.facts.events] == ["E5"]
    fallen = [each for each in reading.problems if each.code == "depends-on-rejected"]
    assert {(each.place, each.line, each.sentence) for each in fallen} == {
        ("invoices.csv", 2, "One of the lines of invoice 'I1' was rejected."),
        ("invoice_lines.csv", 2, "Invoice 'I1' was itself rejected."),
        *(("credits.csv", line, "Invoice 'I1' was itself rejected.") for line in (2, 3)),
        *(("events.csv", line, "Invoice 'I1' was itself rejected.") for line in (2, 3, 4, 5)),
    }
    assert {each.cure for each in fallen} == {"It comes in when that row is mended."}
    assert {each.file: each.rejected for each in reading.counts if each.rejected} == {
        "invoices.csv": 1,
        "invoice_lines.csv": 2,
        "credits.csv": 2,
        "events.csv": 4,
    }


@pytest.mark.parametrize("row", ['I1,2,"-50.00,,discount,,no', "I1,2", "I1,2,-50.00,,discount,,no,no"])
def test_an_invoice_falls_with_a_line_that_could_not_even_be_divided(folder: Path, row: str) -> None:
    replace(folder / "invoice_lines.csv", "I1,2,-50.00,,discount,,no", row)
    reading = read_folder(folder, accept_good_rows=True)
    assert reading.facts is not None
    assert [each.invoice_id for each in reading.facts.invoices] == ["I2"]


def test_what_leans_on_a_rejected_payee_falls_with_them(folder: Path) -> None:
    replace(folder / "payees.csv", "P2,Ben,,008,,2025-01-01", "P2,Ben,,008,,2025-02-29")
    reading = read_folder(folder, accept_good_rows=True)
    assert reading.facts is not None
    assert [each.payee_id for each in reading.facts.payees] == ["P1", "M1"]
    assert [each.invoice_id for each in reading.facts.invoices] == ["I2"]
    assert {each.payee_id for each in reading.facts.assignments} == {"P1", ""}
    assert [each.payee_id for each in reading.facts.memberships] == ["P1"]
    assert {each.code for each in reading.problems} == {"no-such-day", "depends-on-rejected"}
    assert [each.code for each in read_folder(folder).problems] == ["no-such-day"]


def test_of_two_rows_with_one_id_and_other_content_neither_is_taken(folder: Path) -> None:
    with (folder / "customers.csv").open("a") as file:
        file.write("C1,Alder Ltd,NL\n")
    reading = read_folder(folder, accept_good_rows=True)
    assert reading.facts is not None
    assert [each.customer_id for each in reading.facts.customers] == ["C2"]
    assert [each.invoice_id for each in reading.facts.invoices] == ["I2"]
    assert FileCount("customers.csv", 3, 1, 0, 2) in reading.counts


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("company.toml", "format = 1", "format = 2"),
        ("customers.csv", "customer_id,name", "customer_id,nme"),
        ("plans/together.toml", 'per = "quarter"\n  pool', 'per = "week"\n  pool'),
    ],
)
def test_nothing_is_taken_where_a_whole_file_cannot_be(folder: Path, file: str, old: str, new: str) -> None:
    replace(folder / file, old, new)
    assert read_folder(folder, accept_good_rows=True).facts is None


def test_a_quote_that_is_not_closed_takes_no_good_row_along(folder: Path) -> None:
    replace(folder / "events.csv", "E1,payment,I1,2026-02-10", 'E1,payment,"I1,2026-02-10')
    reading = read_folder(folder, accept_good_rows=True)
    assert count(reading, "events.csv") == (5, 4, 0, 1)


def test_versions_hold_their_dates() -> None:
    reading = read_folder(BASE)
    executive = reading.plans[0]
    assert [each.effective_from for each in executive.versions] == [dt.date(2026, 1, 1), dt.date(2026, 7, 1)]
