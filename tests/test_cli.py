"""The command line: what each command prints, writes and refuses, in the process and as a program of its own."""

from __future__ import annotations

import csv
import json
import os
import re
import select
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

from incentives.cli import main
from incentives.money import EXPONENTS
from incentives.papers.payroll import PROFILES

ROOT = Path(__file__).parent.parent
SAMPLE = ROOT / "sample_data"
PROGRAM = Path(sys.executable).parent / "incentives"
AS_OF = "2026-06-30"
TABLES = {"ledger.csv", "payouts.csv", "metrics.csv", "exceptions.csv"}

Row = dict[str, str]
Tree = dict[str, Any]


pytestmark = pytest.mark.usefixtures("nothing_serves")


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(each) for each in arguments])


def done(result: Result) -> str:
    """What a command that went well printed; it complained of nothing."""
    assert result.exit_code == 0, result.output
    assert result.stderr == ""
    return result.stdout


def refused(result: Result) -> str:
    """What a command that ended in an orderly way complained of: a sentence, never a traceback."""
    assert isinstance(result.exception, SystemExit), result.exception
    assert result.exit_code in (1, 2)
    assert "Traceback" not in result.output
    last = result.stderr.strip().splitlines()[-1]
    assert re.search(r"\w+ \w+.*[.?!]$", last), f"this is no sentence: {last!r}"
    return result.stderr


def rows_of(path: Path) -> list[Row]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def contents(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()
    }


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the sample company that a test may spoil."""
    return Path(shutil.copytree(SAMPLE, tmp_path / "dataset"))


def replaced(path: Path, there: str, instead: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert there in text
    path.write_text(text.replace(there, instead, 1), encoding="utf-8")


def spoil_amounts(dataset: Path, count: int) -> None:
    """Writes an amount that is none into the first rows of events.csv."""
    path = dataset / "events.csv"
    rows = rows_of(path)
    for row in [row for row in rows if row["amount"]][:count]:
        row["amount"] = "much"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


# What goes well ---------------------------------------------------------------------------------------------


def test_calculate_writes_four_tables_and_says_how_many_rows(tmp_path: Path) -> None:
    out = tmp_path / "deep" / "out"
    said = done(run("calculate", SAMPLE, "--as-of", AS_OF, "--out", out))
    assert set(contents(out)) == TABLES
    for name in TABLES:
        assert f"{name} {len(rows_of(out / name)):,}" in said
    assert len(rows_of(out / "ledger.csv")) > 100


def test_calculate_writes_over_what_it_wrote(tmp_path: Path) -> None:
    done(run("calculate", SAMPLE, "--as-of", "2026-03-31", "--out", tmp_path))
    (tmp_path / "mine.txt").write_text("mine", encoding="utf-8")
    done(run("calculate", SAMPLE, "--as-of", AS_OF, "--out", tmp_path))
    again = tmp_path / "again"
    done(run("calculate", SAMPLE, "--as-of", AS_OF, "--out", again))
    assert {name: (tmp_path / name).read_bytes() for name in TABLES} == contents(again)
    assert (tmp_path / "mine.txt").read_text(encoding="utf-8") == "mine"


def test_check_counts_the_rows_and_finds_nothing_wrong() -> None:
    said = done(run("check", SAMPLE))
    assert "Nothing is wrong." in said
    accepted = {line.split()[0]: line.split()[2] for line in said.splitlines() if ".csv" in line}
    assert accepted["invoices.csv"] == str(len(rows_of(SAMPLE / "invoices.csv")))
    assert set(accepted) == {path.name for path in SAMPLE.glob("*.csv")}


@pytest.mark.parametrize("plan", sorted(path.name for path in (SAMPLE / "plans").glob("*.toml")))
def test_check_reads_one_plan(plan: str) -> None:
    assert "Nothing is wrong." in done(run("check", SAMPLE / "plans" / plan))


def test_compare_prints_and_writes_the_same(tmp_path: Path) -> None:
    out = tmp_path / "comparison.csv"
    printed = done(run("compare", SAMPLE, "--as-of", AS_OF))
    assert done(run("compare", SAMPLE, "--as-of", AS_OF, "--out", out)) == printed
    rows = rows_of(out)
    assert list(rows[0]) == ["month", "payee_id", "currency", "signature", "cash", "never_came"]
    in_all = {column: sum(Decimal(row[column]) for row in rows) for column in ("signature", "cash", "never_came")}
    for total in in_all.values():
        assert f"{total:,}" in printed.splitlines()[-1]


def test_the_cash_side_of_the_comparison_is_the_ledgers_commission(tmp_path: Path) -> None:
    done(run("calculate", SAMPLE, "--as-of", AS_OF, "--out", tmp_path))
    done(run("compare", SAMPLE, "--as-of", AS_OF, "--out", tmp_path / "comparison.csv"))
    kinds = ("earning", "clawback", "suspension", "restoration", "cap")
    commission = sum(Decimal(row["amount"]) for row in rows_of(tmp_path / "ledger.csv") if row["kind"] in kinds)
    assert sum(Decimal(row["cash"]) for row in rows_of(tmp_path / "comparison.csv")) == commission


def test_demo_tells_the_story_writes_every_file_and_serves(tmp_path: Path, nothing_serves: list[str]) -> None:
    said = done(run("demo", "--out", tmp_path))
    for chapter in ("Who earned what", "What was taken back", "What waits on cash", "share", "June 2026 pays"):
        assert chapter in said
    payroll = "payroll-generic-2026-06.csv"
    written = set(contents(tmp_path))
    statements = {
        f"statements/statement-2026-04-P0{n}.{end}" for n in range(1, 10) for end in ("pdf", "html", "json")
    }
    files = [payroll, *(f"payroll/payroll-generic-{month}.csv" for month in ("2026-06", "2026-07"))]
    paid = {f"{file}{end}" for file in files for end in ("", ".control.json")}
    assert written == TABLES | paid | statements | {"books.db", "books.db.seals", "books.db.secret"}
    assert "Verified: the books are as sealed." in said
    assert "sanne.dewit@waalkade.example" in said
    assert nothing_serves == [str(tmp_path / "books.db")]


def test_demo_writes_what_calculate_and_payroll_write(tmp_path: Path) -> None:
    done(run("demo", "--out", tmp_path / "demo"))
    done(run("calculate", SAMPLE, "--as-of", AS_OF, "--out", tmp_path / "apart"))
    done(run("payroll", SAMPLE, "--month", "2026-06", "--out", tmp_path / "apart"))
    demo, apart = contents(tmp_path / "demo"), contents(tmp_path / "apart")
    assert {name: demo[name] for name in apart} == apart


@pytest.mark.parametrize("profile", sorted(PROFILES))
def test_payroll_writes_a_file_and_its_control_for_every_profile(profile: str, copy: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    said = done(run("payroll", copy, "--month", "2026-06", "--profile", profile, "--out", out))
    controls = sorted(out.glob("*.control.json"))
    assert controls
    for path in controls:
        control = json.loads(path.read_text(encoding="utf-8"))
        assert (out / control["file"]).exists()
        assert f"{control['file']}: {control['rows']} rows" in said
        assert control["sha256"] in said
    done(run("calculate", copy, "--as-of", AS_OF, "--out", tmp_path / "tables"))
    pay = sum(
        Decimal(row["pay"]) for row in rows_of(tmp_path / "tables" / "payouts.csv") if row["month"] == "2026-06"
    )
    paid = sum(Decimal(json.loads(path.read_text(encoding="utf-8"))["sums"]["EUR"]) for path in controls)
    assert paid == pay > 0


@pytest.mark.parametrize("profile", ["adp", "paychex", "datev_lodas", "nmbrs"])
def test_payroll_says_which_settings_of_a_profile_it_leaves_empty(profile: str, tmp_path: Path) -> None:
    copy = tmp_path / "data"
    shutil.copytree(SAMPLE, copy)
    company = copy / "company.toml"
    given = [line for line in company.read_text("utf-8").splitlines() if profile.split("_")[0] not in line]
    company.write_text("\n".join(given), "utf-8")
    result = run("payroll", copy, "--month", "2026-06", "--profile", profile, "--out", tmp_path / "out")
    assert result.exit_code == 0
    assert "leaves it empty" in result.output
    assert list((tmp_path / "out").iterdir())


def test_a_month_without_pay_is_a_payroll_file_without_rows(tmp_path: Path) -> None:
    said = done(run("payroll", SAMPLE, "--month", "2019-01", "--out", tmp_path))
    assert "payroll-generic-2019-01.csv: 0 rows, nothing to pay" in said


def test_the_version_is_said() -> None:
    assert re.search(r"\d+\.\d+\.\d+", done(run("--version")))


# Help -------------------------------------------------------------------------------------------------------


ON_FOLDERS = ("calculate", "check", "compare", "demo", "explain", "payroll")


def _commands(group: click.Group, before: str = "") -> Iterator[str]:
    """Every command by what is typed, those of a group too."""
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from _commands(command, f"{before}{name} ")
        else:
            yield f"{before}{name}"


ON_BOOKS = tuple(sorted(set(_commands(main)) - set(ON_FOLDERS)))
"""What they do depends on the books; tests/test_cli_books.py walks through a month with them."""


def examples_of(command: str) -> list[str]:
    """The examples in a command's help."""
    said = done(run(*command.split(), "--help"))
    assert done(run(*command.split(), "-h")) == said
    examples = re.findall(r"^ +incentives (.*)$", said, re.MULTILINE)
    assert any(each.startswith(command) for each in examples)
    return examples


@pytest.mark.parametrize("command", ON_BOOKS)
def test_the_examples_of_commands_on_the_books_can_be_typed(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("INCENTIVES_DATABASE_URL", raising=False)
    for example in examples_of(command):
        result = run(*shlex.split(example))
        assert result.exit_code != 2, f"{example}: {result.output}"
        assert isinstance(result.exception, SystemExit | None), example


@pytest.mark.parametrize("command", ON_FOLDERS)
def test_the_help_of_every_command_shows_an_example_that_works(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    examples = examples_of(command)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sample_data").symlink_to(SAMPLE)
    for example in examples:
        assert example.startswith(command)
        done(run(*shlex.split(example)))


def test_help_names_every_command() -> None:
    said = done(run("--help"))
    assert set(ON_FOLDERS) <= set(main.commands)
    assert {"import", "run", "close", "payout", "statements", "verify"} <= set(ON_BOOKS)
    for command in main.commands:
        assert re.search(rf"^  {command}  +\w", said, re.MULTILINE)


@pytest.mark.parametrize("arguments", [["expalin"], ["calculate"], ["explain", str(SAMPLE)], ["check", "--owt"]])
def test_a_command_that_is_not_known_or_not_whole_is_refused(arguments: list[str]) -> None:
    assert "Usage:" in refused(run(*arguments))


# Explaining -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Explained:
    """One payee's explanation, as an object and as text."""

    payee_id: str
    reasons: Sequence[Tree]
    text: str


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, list[Row]]:
    out = tmp_path_factory.mktemp("tables")
    done(run("calculate", SAMPLE, "--as-of", AS_OF, "--out", out))
    return {path.stem: rows_of(path) for path in out.glob("*.csv")}


@pytest.fixture(scope="module")
def explained() -> list[Explained]:
    """Everybody's explanation."""
    found = []
    for row in rows_of(SAMPLE / "payees.csv"):
        payee_id = row["payee_id"]
        arguments = ("explain", SAMPLE, payee_id, "--as-of", AS_OF)
        said = json.loads(done(run(*arguments, "--json")))
        assert said["payee_id"] == payee_id
        assert said["as_of"] == AS_OF
        found.append(Explained(payee_id, said["reasons"], done(run(*arguments))))
    return found


def minor(amount: str, currency: str) -> Decimal:
    return Decimal(amount).scaleb(EXPONENTS[currency])


def contributed(tree: Tree) -> Decimal:
    """What the leaves of a tree contribute. A step that contributes nothing only tells a fact, and so does all
    that is below it."""
    steps = [step for step in tree.get("steps", ()) if "contributes_minor" in step]
    if not steps:
        return Decimal(tree.get("contributes_minor", "0"))
    return sum((contributed(step) for step in steps), Decimal(0))


def sayings(tree: Tree) -> Iterator[str]:
    yield tree["says"]
    for step in tree.get("steps", ()):
        yield from sayings(step)


def test_every_kind_of_line_there_is_is_explained(
    explained: list[Explained], tables: Mapping[str, list[Row]]
) -> None:
    columns = ("payee_id", "plan", "component", "kind", "cause", "invoice_id", "amount", "currency")
    got = [
        tuple((reason["line"] | {"payee_id": each.payee_id})[column] for column in columns)
        for each in explained
        for reason in each.reasons
        if reason["line"]["kind"] != "payout"
    ]
    assert sorted(got) == sorted(tuple(row[column] for column in columns) for row in tables["ledger"])
    months = {
        (each.payee_id, reason["line"]["cause"].removeprefix("payout:"))
        for each in explained
        for reason in each.reasons
        if reason["line"]["kind"] == "payout"
    }
    assert months == {(row["payee_id"], row["month"]) for row in tables["payouts"]}


def test_what_the_leaves_of_an_explanation_contribute_is_the_amount(
    explained: list[Explained], tables: Mapping[str, list[Row]]
) -> None:
    pay = {(row["payee_id"], row["month"]): minor(row["pay"], row["currency"]) for row in tables["payouts"]}
    kinds = set()
    for each in explained:
        for reason in each.reasons:
            line = reason["line"]
            kinds.add(line["kind"])
            month = line["cause"].removeprefix("payout:")
            amount = (
                pay[each.payee_id, month] if line["kind"] == "payout" else minor(line["amount"], line["currency"])
            )
            assert contributed(reason["because"]) == amount, line
    assert kinds >= {"earning", "clawback", "restoration", "bonus", "cap", "payout"}
    assert kinds == {row["kind"] for row in tables["ledger"]} | {"payout"}


def test_the_text_says_what_the_object_says_in_the_same_order(explained: list[Explained]) -> None:
    for each in explained:
        said = [re.sub(r"^ *(\d+\. )?", "", line) for line in each.text.splitlines()]
        expected = [text for reason in each.reasons for text in sayings(reason["because"])]
        rest = iter(said)
        missing = [text for text in expected if text not in rest]
        assert missing == []
        kinds = [f"{reason['line']['kind']}, cause {reason['line']['cause']}" for reason in each.reasons]
        rest = iter(said)
        assert [text for text in kinds if text not in rest] == []
        others = [text for text in said if text and text not in {*expected, *kinds}]
        assert [text for text in others if "version of" not in text] == []


def test_every_line_says_which_version_and_paragraph_it_follows(explained: list[Explained]) -> None:
    rule = re.compile(r"^ +\S.*, version of \d+ \w+ \d{4}; .*\b(letter|Memo)\b.*\.$", re.MULTILINE)
    for each in explained:
        stories = each.text.strip().split("\n\n")
        for reason, story in zip(each.reasons, stories, strict=True):
            assert reason["line"]["kind"] == "payout" or len(rule.findall(story)) == 1, story


@pytest.mark.parametrize(
    ("option", "value", "column"),
    [
        ("--cause", "payment", "cause"),
        ("--component", "cash", "component"),
        ("--invoice", "INV", "invoice_id"),
        ("--month", "2026-03", "earned_on"),
    ],
)
def test_filters_leave_only_what_was_asked_for(
    option: str, value: str, column: str, tables: Mapping[str, list[Row]]
) -> None:
    mine = [row for row in tables["ledger"] if row["payee_id"] == "P02"]
    if option != "--month":
        value = next(row[column] for row in mine if row[column] and row["kind"] == "clawback")
    arguments = ("explain", SAMPLE, "P02", "--as-of", AS_OF, option, value, "--json")
    reasons = json.loads(done(run(*arguments)))["reasons"]
    wanted = [row for row in mine if row[column].startswith(value)]
    lines = [reason["line"] for reason in reasons if reason["line"]["kind"] != "payout"]
    assert 0 < len(lines) < len(mine)
    assert sorted((line["component"], line["cause"], line["kind"]) for line in lines) == sorted(
        (row["component"], row["cause"], row["kind"]) for row in wanted
    )
    payouts = [reason["line"]["cause"] for reason in reasons if reason["line"]["kind"] == "payout"]
    assert payouts == ([f"payout:{value}"] if option == "--month" else [])


def test_the_payout_of_a_month_can_be_asked_for_alone() -> None:
    arguments = ("explain", SAMPLE, "P01", "--as-of", AS_OF, "--cause", "payout:2026-06", "--json")
    reasons = json.loads(done(run(*arguments)))["reasons"]
    assert [reason["line"]["kind"] for reason in reasons] == ["payout"]


def test_filters_that_leave_nothing_say_so() -> None:
    said = refused(run("explain", SAMPLE, "P01", "--as-of", AS_OF, "--cause", "nothing"))
    assert "P01 has no such line" in said


def test_an_unknown_payee_names_the_nearest() -> None:
    said = refused(run("explain", SAMPLE, "P010", "--as-of", AS_OF))
    assert "P010" in said
    assert "Is it P01?" in said


# What is refused --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("count", "counted"), [(1, "1 mistake to mend."), (3, "3 mistakes to mend.")])
def test_check_counts_the_mistakes(count: int, counted: str, copy: Path) -> None:
    spoil_amounts(copy, count)
    result = run("check", copy)
    assert result.exit_code == 1
    said = refused(result)
    assert said.count("events.csv") == count
    assert said.splitlines()[-1] == counted
    assert "Nothing is wrong." not in result.stdout


def test_check_runs_the_examples_of_a_plan_letter(copy: Path) -> None:
    plan = next(
        path for path in sorted((copy / "plans").glob("*.toml")) if "earns = " in path.read_text(encoding="utf-8")
    )
    text = plan.read_text(encoding="utf-8")
    plan.write_text(re.sub(r"\bearns = [\d.]+", "earns = 0.01", text, count=1), encoding="utf-8")
    for dataset in (copy, plan):
        said = refused(run("check", dataset))
        assert "earns" in said
        assert said.splitlines()[-1] == "1 mistake to mend."


@pytest.mark.parametrize(
    "arguments",
    [
        ["calculate", "--as-of", AS_OF, "--out", "out"],
        ["compare", "--as-of", AS_OF, "--out", "out"],
        ["payroll", "--month", "2026-06", "--out", "out"],
        ["explain", "--as-of", AS_OF, "P01"],
    ],
    ids=lambda each: str(each[0]),
)
def test_of_a_folder_with_mistakes_nothing_is_applied(
    arguments: list[str], copy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spoil_amounts(copy, 2)
    monkeypatch.chdir(tmp_path)
    result = run(arguments[0], copy, *arguments[1:])
    assert result.exit_code == 1
    assert result.stdout == ""
    assert refused(result).splitlines()[-1] == "2 mistakes; nothing was applied."
    assert not (tmp_path / "out").exists()


def test_good_rows_are_applied_when_asked_for(copy: Path, tmp_path: Path) -> None:
    spoil_amounts(copy, 2)
    out = tmp_path / "out"
    result = run("calculate", copy, "--as-of", AS_OF, "--out", out, "--accept-good-rows")
    assert result.exit_code == 0
    assert len(re.findall(r"^Left out: events\.csv", result.stderr, re.MULTILINE)) == 2
    assert set(contents(out)) == TABLES
    assert len(rows_of(out / "ledger.csv")) > 0


def test_good_rows_do_not_make_up_for_a_plan_with_mistakes(copy: Path, tmp_path: Path) -> None:
    plan = sorted((copy / "plans").glob("*.toml"))[0]
    plan.write_text(plan.read_text(encoding="utf-8") + "\n[[versions", encoding="utf-8")
    out = tmp_path / "out"
    refused(run("calculate", copy, "--as-of", AS_OF, "--out", out, "--accept-good-rows"))
    assert not out.exists()


def test_a_missing_employee_id_is_refused_before_anything_is_written(copy: Path, tmp_path: Path) -> None:
    replaced(copy / "payees.csv", ",000312,", ",,")
    replaced(copy / "payees.csv", ",000358,", ",,")
    out = tmp_path / "out"
    result = run("payroll", copy, "--month", "2026-06", "--profile", "workday", "--out", out)
    assert result.exit_code == 1
    said = refused(result)
    assert "P01" in said
    assert "P02" in said
    assert not out.exists()


@pytest.mark.parametrize("command", ["calculate", "payroll", "demo"])
@pytest.mark.parametrize("where", ["below a file", "a file", "too long"])
def test_a_folder_that_cannot_be_written_is_said(command: str, where: str, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("mine", encoding="utf-8")
    out = {
        "below a file": file / "out",
        "a file": file,
        "too long": tmp_path / ("x" * 300),
    }[where]
    more: dict[str, list[object]] = {
        "calculate": [SAMPLE, "--as-of", AS_OF],
        "payroll": [SAMPLE, "--month", "2026-06"],
        "demo": [],
    }
    refused(run(command, *more[command], "--out", out))
    assert file.read_text(encoding="utf-8") == "mine"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file"]


@pytest.mark.parametrize("name", sorted(TABLES))
def test_a_folder_that_is_called_like_a_table_is_said_and_nothing_is_written(name: str, tmp_path: Path) -> None:
    out = tmp_path / "out"
    (out / name).mkdir(parents=True)
    (out / name / "mine.txt").write_text("mine", encoding="utf-8")
    said = refused(run("calculate", SAMPLE, "--as-of", AS_OF, "--out", out))
    assert str(out) in said
    assert contents(out) == {f"{name}/mine.txt": b"mine"}


@pytest.mark.parametrize("where", ["a folder", "below a file", "too long"])
def test_a_comparison_that_cannot_be_written_is_said(where: str, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("mine", encoding="utf-8")
    out = {"a folder": tmp_path, "below a file": file / "x.csv", "too long": tmp_path / ("x" * 300)}[where]
    refused(run("compare", SAMPLE, "--as-of", AS_OF, "--out", out))
    assert contents(tmp_path) == {"file": b"mine"}


ON_A_DATASET = {
    "calculate": ["--as-of", AS_OF, "--out", "out"],
    "check": [],
    "compare": ["--as-of", AS_OF],
    "explain": ["P01", "--as-of", AS_OF],
    "payroll": ["--month", "2026-06", "--out", "out"],
}


@pytest.mark.parametrize("command", sorted(ON_A_DATASET))
@pytest.mark.parametrize(
    "dataset",
    [
        "a file",
        "missing",
        "x" * 300,
        "a file/below",
        "empty",
        "missing.toml",
        "folder.toml",
        "y" * 300 + ".toml",
        "name\nin two lines",
    ],
    ids=lambda name: name[:12].replace("\n", " "),
)
def test_a_dataset_that_is_none_is_said(
    command: str, dataset: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a file").write_text("payee_id\n", encoding="utf-8")
    (tmp_path / "empty").mkdir()
    (tmp_path / "folder.toml").mkdir()
    refused(run(command, dataset, *ON_A_DATASET[command]))
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("text", ["2026-W05-1", "20260630", "2026-06", "30-06-2026", "2026-02-29", "today", ""])
@pytest.mark.parametrize("command", ["calculate", "compare", "explain"])
def test_a_day_is_written_one_way(command: str, text: str, tmp_path: Path) -> None:
    more = {"calculate": ["--out", str(tmp_path / "out")], "compare": [], "explain": ["P01"]}[command]
    result = run(command, SAMPLE, *more, "--as-of", text)
    assert result.exit_code == 2
    said = refused(result)
    assert "--as-of" in said
    assert "2026-" in said, "an example of a day"
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("text", ["2026-13", "2026-06-30", "June 2026", "2026-6", ""])
def test_a_month_is_written_one_way(text: str, tmp_path: Path) -> None:
    result = run("payroll", SAMPLE, "--month", text, "--out", tmp_path / "out")
    assert result.exit_code == 2
    assert "--month" in refused(result)


@pytest.mark.parametrize("text", ["9999-12-31", "9998-01-01", "2101-01-01", "1899-12-31", "0001-01-01"])
@pytest.mark.parametrize("command", ["calculate", "compare", "explain"])
def test_a_day_out_of_reach_is_either_answered_or_said(command: str, text: str, tmp_path: Path) -> None:
    more = {"calculate": ["--out", str(tmp_path / "out")], "compare": [], "explain": ["P01"]}[command]
    result = run(command, SAMPLE, *more, "--as-of", text)
    if result.exit_code:
        refused(result)
        assert not (tmp_path / "out").exists()
    else:
        done(result)


@pytest.mark.parametrize("text", ["9999-12", "0001-01"])
def test_a_month_out_of_reach_is_either_answered_or_said(text: str, tmp_path: Path) -> None:
    result = run("payroll", SAMPLE, "--month", text, "--out", tmp_path / "out")
    if result.exit_code:
        refused(result)
        assert not (tmp_path / "out").exists()
    else:
        done(result)


def test_before_everything_there_is_nothing(tmp_path: Path) -> None:
    day = "2000-01-01"
    said = done(run("calculate", SAMPLE, "--as-of", day, "--out", tmp_path))
    assert "ledger.csv 0, payouts.csv 0" in said
    assert set(contents(tmp_path)) == TABLES
    assert rows_of(tmp_path / "ledger.csv") == []
    assert "nothing to compare" in done(run("compare", SAMPLE, "--as-of", day))
    assert f"P01 has no such line by {day}" in refused(run("explain", SAMPLE, "P01", "--as-of", day))


# As a program of its own ------------------------------------------------------------------------------------


def program(
    folder: Path, *arguments: str | bytes, env: Mapping[str, str] | None = None, stderr: int = subprocess.PIPE
) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [PROGRAM, *arguments],
        cwd=folder,
        env={**os.environ, **(env or {})},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=stderr,
        timeout=60,
        check=False,
    )


EVERYTHING = [
    ["calculate", "sample_data", "--as-of", AS_OF, "--out", "out"],
    ["payroll", "sample_data", "--month", "2026-06", "--out", "out"],
    ["compare", "sample_data", "--as-of", AS_OF, "--out", "out/comparison.csv"],
    ["explain", "sample_data", "P02", "--as-of", AS_OF],
    ["explain", "sample_data", "P02", "--as-of", AS_OF, "--json"],
    ["check", "sample_data"],
]


def test_in_a_pipe_only_the_answer_is_said_and_the_bytes_are_always_the_same(tmp_path: Path) -> None:
    elsewhere = {"PYTHONHASHSEED": "1", "TZ": "Asia/Tokyo", "LC_ALL": "C", "COLUMNS": "30"}
    runs = []
    for name, env in (("one", {"PYTHONHASHSEED": "0"}), ("two", {}), ("three", elsewhere)):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "sample_data").symlink_to(SAMPLE)
        said = []
        for arguments in EVERYTHING:
            result = program(folder, *arguments, env=env)
            assert result.stderr == b""
            assert result.returncode == 0
            assert b"\r" not in result.stdout
            assert b"\x1b" not in result.stdout
            said.append(result.stdout)
        runs.append((said, contents(folder / "out")))
    assert runs[0] == runs[1]
    assert runs[0] == runs[2]
    assert set(runs[0][1]) > TABLES


def test_on_a_terminal_progress_is_shown_and_wiped_away(tmp_path: Path) -> None:
    pty = pytest.importorskip("pty")
    master, slave = pty.openpty()
    try:
        result = program(tmp_path, "calculate", str(SAMPLE), "--as-of", AS_OF, "--out", "out", stderr=slave)
        shown = b""
        while select.select([master], [], [], 0)[0]:
            shown += os.read(master, 65536)
    finally:
        os.close(slave)
        os.close(master)
    assert result.returncode == 0
    assert b"Reading" in shown
    assert b"Calculating" in shown
    assert b"Writing" in shown
    assert shown.endswith(b"\r")
    assert shown.rstrip(b"\r").rpartition(b"\r")[2].strip() == b""
    assert result.stdout.startswith(b"In out: ")
    assert b"Reading" not in result.stdout


def test_a_mistake_ends_the_program_with_1_and_a_misspelt_command_with_2(tmp_path: Path) -> None:
    missing = program(tmp_path, "check", "missing")
    assert (missing.returncode, missing.stdout) == (1, b"")
    assert b"There is no such folder." in missing.stderr
    assert program(tmp_path, "chekc").returncode == 2


@pytest.mark.parametrize("locale", ["C", "C.UTF-8"])
def test_names_that_are_not_text_are_refused_in_words(locale: str, tmp_path: Path) -> None:
    env = {"LC_ALL": locale, "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    commands: list[list[str | bytes]] = [
        ["check", b"no\xff"],
        ["check", b"no\xff.toml"],
        ["explain", str(SAMPLE), "--as-of", AS_OF, b"P\xff"],
        ["calculate", str(SAMPLE), "--as-of", AS_OF, "--out", str(SAMPLE / "company.toml").encode() + b"/\xff"],
    ]
    for arguments in commands:
        result = program(tmp_path, *arguments, env=env)
        assert b"Traceback" not in result.stderr
        assert result.returncode in (1, 2)
        assert result.stderr.strip()


def test_a_reader_who_stops_reading_is_no_mistake_of_ours(tmp_path: Path) -> None:
    command = f"{shlex.quote(str(PROGRAM))} explain {shlex.quote(str(SAMPLE))} P02 --as-of {AS_OF} | head -n 1"
    result = subprocess.run(["/bin/sh", "-c", command], cwd=tmp_path, capture_output=True, timeout=60, check=False)
    assert b"Traceback" not in result.stderr
    assert len(result.stdout.splitlines()) == 1
