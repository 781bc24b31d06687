"""A month with the books from a shell, as docs/books.md tells it, on both databases."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from incentives.cli import main

SAMPLE = Path(__file__).parent.parent / "sample_data"
EXCEPTIONS = "exceptions=Thijs left in April"


class Shell:
    """Commands on one store, as one of two people."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __call__(self, *arguments: object, by: str = "", fails: bool = False) -> Result:
        words = [str(each) for each in arguments] + (["--by", by] if by else [])
        result = CliRunner().invoke(main, words)
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exc_info
        assert (result.exit_code != 0) == fails, result.output
        return result

    def close_through(self, last: str) -> None:
        for month in _months("2025-01", last):
            self("run", by="femke")
            self("close", month, "--waive", EXCEPTIONS, by="ruben")


def _months(first: str, last: str) -> list[str]:
    year, month = map(int, first.split("-"))
    found = []
    while (name := f"{year:04d}-{month:02d}") <= last:
        found.append(name)
        year, month = (year + 1, 1) if month == 12 else (year, month + 1)
    return found


@pytest.fixture
def shell(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shell:
    monkeypatch.setenv("INCENTIVES_DATABASE_URL", database_url)
    monkeypatch.setenv("INCENTIVES_SEALS", str(tmp_path / "seals"))
    monkeypatch.delenv("INCENTIVES_ACTOR", raising=False)
    return Shell(tmp_path)


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_a_half_year_and_a_chargeback_that_comes_too_late(shell: Shell, tmp_path: Path) -> None:
    said = shell("import", SAMPLE, by="femke").output
    assert "Made the books in" in said
    assert "events.csv" in said
    shell.close_through("2026-06")

    shell("payout", "2026-06", "--out", tmp_path / "first", by="payroll")
    paid = rows(tmp_path / "first" / "payroll-generic-2026-06.csv")
    joris = [row for row in paid if row["payee_id"] == "P02"]
    assert sum(_cents(row["amount"]) for row in joris) == 1_909_72
    assert sum(_cents(row["amount"]) for row in paid) == 17_851_31

    assert "1 row or rule was new." in shell("import", SAMPLE / "later", by="femke").output
    preview = shell("run", "--preview", "--as-of", "2026-07-31", by="femke").output
    assert "561.00 taken back because" in preview
    assert "Nothing was written" in preview
    shell("run", by="femke")
    shell("close", "2026-07", by="ruben")
    shell("payout", "2026-07", "--out", tmp_path / "july", by="payroll")
    joris = [row for row in rows(tmp_path / "july" / "payroll-generic-2026-07.csv") if row["payee_id"] == "P02"]
    assert sum(_cents(row["amount"]) for row in joris) == 651_75

    again = shell("payout", "2026-06", "--out", tmp_path / "again", by="payroll").output
    assert "This is a copy, delivery 2: payroll had it first" in again
    first, second = (tmp_path / each / "payroll-generic-2026-06.csv" for each in ("first", "again"))
    assert first.read_bytes() == second.read_bytes()
    control = (tmp_path / "first" / "payroll-generic-2026-06.csv.control.json").read_text()
    assert control == (tmp_path / "again" / "payroll-generic-2026-06.csv.control.json").read_text()
    assert json.loads(control)["seal"] in shell("status").output
    note = json.loads((tmp_path / "again" / "payroll-generic-2026-06.csv.copy.json").read_text())
    assert note["copy"] is True
    assert note["delivery"] == 2


def _cents(amount: str) -> int:
    return int(amount.replace(".", ""))


def test_the_same_folder_twice_adds_nothing(shell: Shell) -> None:
    shell("import", SAMPLE, by="femke")
    again = shell("import", SAMPLE, by="femke").output
    assert "0 rows and rules were new" in again
    events = next(line.split() for line in again.splitlines() if "events.csv" in line)
    assert events[-4:] == ["79", "0", "79", "0"]


def test_running_again_posts_nothing(shell: Shell) -> None:
    shell("import", SAMPLE, by="femke")
    assert "2 entries posted" in shell("run", by="femke").output
    assert "everything stands as it should" in shell("run", by="femke").output
    assert "everything stands as it should" in shell("run", "--full", by="femke").output


def test_whoever_ran_does_not_close(shell: Shell) -> None:
    shell("import", SAMPLE, by="femke")
    shell("run", by="femke")
    refused = shell("close", "2025-01", by="femke", fails=True).output
    assert "femke made the last run of 2025-01 too." in refused
    assert "2025-01 cannot close yet." in refused
    assert "closed" not in shell("status").output
    shell("close", "2025-01", "--waive", "second-person=I am alone in January", by="femke")


def test_months_close_in_order_and_once(shell: Shell) -> None:
    shell("import", SAMPLE, by="femke")
    shell("run", by="femke")
    assert "2025-01 is still open." in shell("close", "2025-02", by="ruben", fails=True).output
    shell("close", "2025-01", by="ruben")
    assert "It is closed, under seal" in shell("close", "2025-01", by="ruben", fails=True).output


def test_an_adjustment_counts_once_somebody_else_approves_it(shell: Shell) -> None:
    shell("import", SAMPLE, by="femke")
    adjust = ("adjust", "P01", "250.00", "--currency", "EUR", "--on", "2025-01-15", "--reason", "Trade fair")
    assert "Adjustment 1 waits" in shell(*adjust, by="femke").output
    assert "2 entries posted" in shell("run", by="femke").output
    assert "approvals      blocks" in shell("close", "2025-01", by="ruben", fails=True).output
    alone = shell("decide", "adjustment", "1", "approve", by="femke", fails=True).output
    assert "femke proposed it: somebody else decides." in alone
    silent = shell("decide", "adjustment", "1", "approve", by="ruben", fails=True).output
    assert "A reason is missing." in silent and '--reason "…"' in silent
    shell("decide", "adjustment", "1", "approve", "--reason", "Agreed", by="ruben")
    assert "1 entry posted" in shell("run", by="femke").output
    closed = shell("close", "2025-01", by="ruben").output
    assert "pays EUR 1,678.00" in closed


def test_a_held_invoice_is_earned_and_not_paid_until_it_is_released(shell: Shell) -> None:
    shell("import", SAMPLE, by="femke")
    shell("hold", "invoice", "INV-25-001", "--reason", "Delivery is checked", by="femke")
    shell("decide", "hold", "1", "approve", by="ruben")
    shell("run", by="femke")
    shell("close", "2025-01", "--waive", "holds=still being checked", by="ruben")
    shell("release", "1", "--reason", "Complete", by="femke")
    shell("decide", "release", "1", "approve", by="ruben")
    shell("run", by="femke")
    closed = shell("close", "2025-02", by="ruben").output
    assert "2025-02 is closed and pays EUR 2,138.60" in closed


def test_a_changed_plan_waits_for_somebody_else(shell: Shell, tmp_path: Path) -> None:
    shell("import", SAMPLE, by="femke")
    folder = tmp_path / "change"
    (folder / "plans").mkdir(parents=True)
    plan = (SAMPLE / "plans" / "account-executive.toml").read_text()
    assert 'rate = "3%"' in plan
    (folder / "plans" / "account-executive.toml").write_text(plan.replace('rate = "3%"', 'rate = "4%"'))
    said = shell("import", folder, by="femke").output
    assert "Wait for somebody else's approval: plans/account-executive" in said
    waits = next(line for line in shell("waiting").output.splitlines() if line.startswith("rule "))
    number = waits.split()[1].rstrip(",")
    assert "P01: EUR 1,260.00 in 1 entry" in shell("run", "--preview", by="femke").output
    assert (
        "proposed it: somebody else decides"
        in shell("decide", "rule", number, "approve", by="femke", fails=True).output
    )
    shell("decide", "rule", number, "approve", by="ruben")
    assert "P01: EUR 1,680.00 in 1 entry" in shell("run", "--preview", by="femke").output


def test_a_contradiction_waits_and_no_month_closes_before(shell: Shell, tmp_path: Path) -> None:
    shell("import", SAMPLE, by="femke")
    folder = tmp_path / "again"
    folder.mkdir()
    events = (SAMPLE / "events.csv").read_text().splitlines()
    first = next(line for line in events if line.startswith("pay-25-001,"))
    (folder / "events.csv").write_text(f"{events[0]}\n{first.replace('50820.00', '50720.00')}\n")
    assert "1 rows contradict the books" in shell("import", folder, by="femke").output
    shell("run", by="femke")
    refused = shell("close", "2025-01", "--waive", "conflicts=never mind", by="ruben", fails=True).output
    assert "conflicts      blocks" in refused
    assert "pay-25-001 came again with other content" in refused
    shell("decide", "conflict", "1", "keep", "--reason", "The bank confirms", by="ruben")
    shell("run", by="femke")
    shell("close", "2025-01", by="ruben")


def test_a_take_back_waits_while_its_payee_asks(shell: Shell) -> None:
    shell("import", SAMPLE, by="femke")
    shell.close_through("2026-01")
    shell("run", by="femke")
    shell("ask", "P02", "chargeback-26-006", "The customer says it was settled", by="joris")
    blocked = shell("close", "2026-02", by="ruben", fails=True).output
    assert "Question 1 of P02 about chargeback-26-006 has no answer." in blocked
    preview = shell("close", "2026-02", "--preview", by="ruben").output
    shell("answer", "1", "The card scheme took it back", by="credit")
    closed = shell("close", "2026-02", by="ruben").output
    assert "pays EUR 3,808.80" in preview  # half of his 185.60 of the month is not recovered
    assert "pays EUR 3,716.00" in closed


def test_an_audit_of_a_month_has_its_rules_its_lines_and_its_seal(shell: Shell, tmp_path: Path) -> None:
    shell("import", SAMPLE, by="femke")
    shell("run", by="femke")
    shell("close", "2025-01", by="ruben")
    shell("audit", "2025-01", "--out", tmp_path / "audit")
    seal = json.loads((tmp_path / "audit" / "seal.json").read_text())
    assert seal["seal"] in shell("status").output
    assert seal["prepared_by"] == "femke"
    assert (tmp_path / "audit" / "rule-plan-account-executive.toml").read_text() == (
        SAMPLE / "plans" / "account-executive.toml"
    ).read_text()
    acts = [(row["actor"], row["what"]) for row in rows(tmp_path / "audit" / "acts.csv")]
    assert acts == [("femke", "import"), ("femke", "run"), ("ruben", "run"), ("ruben", "close")]
    entries = rows(tmp_path / "audit" / "entries.csv")
    assert {row["kind"] for row in entries} == {"earning", "payout"}


def test_statements_are_printed_once_in_the_language_of_the_payee(shell: Shell, tmp_path: Path) -> None:
    folder = tmp_path / "dutch"
    shutil.copytree(SAMPLE, folder)
    payees = (folder / "payees.csv").read_text().splitlines()
    dutch = [payees[0] + ",language", *(line + ("," if "P01" not in line else ",nl") for line in payees[1:])]
    (folder / "payees.csv").write_text("\n".join(dutch) + "\n")
    shell("import", folder, by="femke")
    refused = shell("statements", "2025-02", "--out", tmp_path / "no", fails=True).output
    assert "2025-03 is open" in refused
    shell.close_through("2025-03")
    shell("statements", "2025-02", "--payee", "P01", "--out", tmp_path / "one")
    shell("statements", "2025-02", "--payee", "P01", "--out", tmp_path / "two")
    name = "statement-2025-01-P01"
    one, two = (tmp_path / each / f"{name}.pdf" for each in ("one", "two"))
    assert one.read_bytes() == two.read_bytes()
    assert 'lang="nl"' in (tmp_path / "one" / f"{name}.html").read_text()


def test_books_that_are_not_there_are_not_made_by_looking(shell: Shell) -> None:
    assert "There are no books in" in shell("status", fails=True).output
    assert "The books are in" in shell("init").output
    assert "The books are empty." in shell("run", by="femke", fails=True).output
    assert "Nothing was brought yet." in shell("status").output
