"""Runs a scenario: writes a dataset folder, calculates it as any user would, compares the written files.

A scenario file is described in README.md beside this module. Mistakes in the file itself are
:class:`ScenarioMistake`; a number that differs is an assertion whose message shows both tables.
"""

from __future__ import annotations

import csv
import datetime as dt
import io
import tomllib
from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import yaml

from incentives.calculation.book import Book
from incentives.calculation.comparison import compare, on_signature
from incentives.calculation.earned import Calculation, Earned
from incentives.calculation.explanation import total
from incentives.calculation.lines import Line
from incentives.calculation.waiting import waiting
from incentives.calendar import period_of
from incentives.engines.inprocess import calculate
from incentives.facts import Facts
from incentives.feeds.folder import read_folder
from incentives.ledger.pay import payouts
from incentives.money import EXACT, major
from incentives.papers.tables import (
    COMPARISON_COLUMNS,
    EXCEPTION_COLUMNS,
    LEDGER_COLUMNS,
    METRIC_COLUMNS,
    PAYOUT_COLUMNS,
    write_comparison,
    write_tables,
)
from incentives.rules.plan import Plan

Row = dict[str, str]

FACT_COLUMNS: dict[str, tuple[str, ...]] = {
    "payees": ("payee_id", "name", "email", "employee_id", "currency", "starts_on", "ends_on", "language"),
    "reporting": ("payee_id", "manager_id", "starts_on", "ends_on"),
    "memberships": ("team", "payee_id", "role", "starts_on", "ends_on"),
    "customers": ("customer_id", "name", "country"),
    "customer_credit": ("customer_id", "on", "risk_grade", "credit_approval", "credit_limit", "security"),
    "invoices": (
        "invoice_id",
        "customer_id",
        "currency",
        "issued_on",
        "due_on",
        "contract_signed_on",
        "team",
    ),
    "invoice_lines": ("invoice_id", "line", "net", "tax", "category", "cost", "commissionable"),
    "credits": ("invoice_id", "payee_id", "role", "share"),
    "events": (
        "event_id",
        "type",
        "invoice_id",
        "occurred_on",
        "amount",
        "currency",
        "recorded_at",
        "payment_id",
        "reverses",
        "new_due_on",
        "payee_id",
        "reason",
        "fault",
        "source",
    ),
    "assignments": ("plan", "payee_id", "team", "starts_on", "ends_on"),
    "targets": ("plan", "component", "payee_id", "team", "window_start", "amount"),
    "fx_rates": ("from", "to", "on", "rate"),
}
"""The files of a dataset folder and their columns, as docs/formats.md lists them."""

ONE_LINE = ("net", "tax", "category", "cost", "commissionable")
"""Columns that ``invoices`` may have besides its own, for invoices of one line."""

GIVEN_COLUMNS = FACT_COLUMNS | {"invoices": FACT_COLUMNS["invoices"] + ONE_LINE}

WAITING_COLUMNS = (
    "payee_id",
    "invoice_id",
    "due_on",
    "days_past_due",
    "open",
    "currency",
    "would_earn",
    "earns_in",
)

RESULT_COLUMNS: dict[str, tuple[str, ...]] = {
    "ledger": LEDGER_COLUMNS,
    "payouts": PAYOUT_COLUMNS,
    "metrics": METRIC_COLUMNS,
    "exceptions": EXCEPTION_COLUMNS,
    "comparison": COMPARISON_COLUMNS,
    "waiting": WAITING_COLUMNS,
}

PLAN_KEYS = ("plan", "plans", "component")
GIVEN_KEYS = ("company", *PLAN_KEYS, *FACT_COLUMNS)
FILE_KEYS = ("about", "given", "as_of", "scenarios")
SCENARIO_KEYS = ("name", "source", "why", "given", "as_of", "expect")

COMPANY = {
    "format": "1",
    "name": '"Company"',
    "currency": '"EUR"',
    "timezone": '"UTC"',
    "fiscal_year_starts": "1",
}
PLAN_OF_A_COMPONENT = 'plan = "plan"\ncurrency = "EUR"\n\n[[versions]]\neffective_from = 2000-01-01\n'
ASSIGNED_FROM = "2000-01-01"
DAYS_TO_PAY = 30


class ScenarioMistake(Exception):
    """The scenario file itself is wrong: says where and what."""


@dataclass(frozen=True)
class Scenario:
    """One scenario with everything that is given, its file's share included."""

    file: str
    name: str
    given: Mapping[str, Any]
    as_of: dt.date
    expect: Mapping[str, Sequence[Row]]
    columns: Mapping[str, tuple[str, ...]]

    def __str__(self) -> str:
        return f"{self.file}::{self.name}"


# Reading a scenario file ------------------------------------------------------------------------------------


class _Loader(yaml.SafeLoader):
    """YAML in which a key that stands twice is an error."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        for key, count in Counter(keys).items():
            if count > 1:
                where = f"line {node.start_mark.line + 1}"
                raise ScenarioMistake(f"{where}: {key!r} stands here {count} times")
        return super().construct_mapping(node, deep)


def read_scenarios(path: Path) -> list[Scenario]:
    """The scenarios of one file."""
    try:
        document = yaml.load(path.read_text(encoding="utf-8"), _Loader)
        return _scenarios(path.name, document)
    except (ScenarioMistake, yaml.YAMLError) as mistake:
        raise ScenarioMistake(f"{path.name}: {mistake}") from None


def _scenarios(file: str, document: object) -> list[Scenario]:
    whole = _mapping(document, "the file", FILE_KEYS, required=("about", "scenarios"))
    shared = _mapping(whole.get("given", {}), "given", GIVEN_KEYS)
    if not isinstance(whole["scenarios"], list) or not whole["scenarios"]:
        raise ScenarioMistake("scenarios: holds no scenario")
    found = [_scenario(file, each, shared, whole.get("as_of")) for each in whole["scenarios"]]
    for name, count in Counter(each.name for each in found).items():
        if count > 1:
            raise ScenarioMistake(f"{count} scenarios are called {name!r}")
    return found


def _scenario(file: str, document: object, shared: Mapping[str, Any], as_of: object) -> Scenario:
    name = document.get("name") if isinstance(document, Mapping) else None
    where = f"scenario {name!r}"
    own = _mapping(document, where, SCENARIO_KEYS, required=("name", "expect"))
    if not {"why", "source"} & set(own):
        raise ScenarioMistake(f"{where}: says neither why nor source")
    given = _together(shared, _mapping(own.get("given") or {}, f"{where}, given", GIVEN_KEYS))
    _check_given(given, where)
    day = own.get("as_of", as_of)
    if not isinstance(day, dt.date):
        raise ScenarioMistake(f"{where}: as_of is not a date: {day!r}")
    expected = _mapping(own["expect"], f"{where}, expect", RESULT_COLUMNS)
    if not expected:
        raise ScenarioMistake(f"{where}: expects nothing")
    expect, columns = {}, {}
    for table, text in expected.items():
        at = f"{where}, expect, {table}"
        columns[table], expect[table] = _table(text, at, RESULT_COLUMNS[table])
        if table == "metrics" and ("metric" not in columns[table] or not expect[table]):
            raise ScenarioMistake(f"{at}: names no metric")
    return Scenario(file, str(name), given, day, expect, columns)


def _mapping(
    document: object, where: str, known: Iterable[str], required: Iterable[str] = ()
) -> Mapping[str, Any]:
    if not isinstance(document, Mapping):
        raise ScenarioMistake(f"{where}: a mapping was expected, not {document!r}")
    _check_known(document, where, list(known))
    for key in required:
        if key not in document:
            raise ScenarioMistake(f"{where}: {key!r} is missing")
    return document


def _check_known(found: Iterable[str], where: str, known: Sequence[str]) -> None:
    for key in found:
        if key not in known:
            near = get_close_matches(str(key), known, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(known)}"
            raise ScenarioMistake(f"{where}: {key!r} is not known; {hint}")


def _together(shared: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """A scenario's own tables replace the file's by name; a plan, however it is given, replaces all plans.

    An empty value takes the file's table away.
    """
    if set(own) & set(PLAN_KEYS):
        shared = {key: value for key, value in shared.items() if key not in PLAN_KEYS}
    return {key: value for key, value in {**shared, **own}.items() if value is not None}


def _check_given(given: Mapping[str, Any], where: str) -> None:
    if len(set(given) & set(PLAN_KEYS)) != 1:
        raise ScenarioMistake(f"{where}: give exactly one of {', '.join(PLAN_KEYS)}")
    for table, columns in GIVEN_COLUMNS.items():
        if table in given:
            _table(given[table], f"{where}, given, {table}", columns)
    if "invoice_lines" in given:
        columns, _ = _table(given.get("invoices"), f"{where}, given, invoices", GIVEN_COLUMNS["invoices"])
        if both := set(columns) & set(ONE_LINE):
            raise ScenarioMistake(f"{where}: invoice_lines are given, and {', '.join(sorted(both))} in invoices")


def _table(text: object, where: str, known: Sequence[str]) -> tuple[tuple[str, ...], list[Row]]:
    """A block of CSV: its columns and rows. Blanks around a cell are for the reader's eye."""
    if not isinstance(text, str) or not text.strip():
        raise ScenarioMistake(f"{where}: a header and rows were expected, not {text!r}")
    lines = [
        [cell.strip() for cell in cells] for cells in csv.reader(io.StringIO(text), skipinitialspace=True) if cells
    ]
    columns = tuple(lines[0])
    _check_known(columns, where, known)
    if len(set(columns)) < len(columns):
        raise ScenarioMistake(f"{where}: a column stands twice in {', '.join(columns)}")
    for number, cells in enumerate(lines[1:], start=2):
        if len(cells) != len(columns):
            raise ScenarioMistake(f"{where}, row {number}: {len(cells)} cells under {len(columns)} columns")
    return columns, [dict(zip(columns, cells, strict=True)) for cells in lines[1:]]


# Writing the dataset folder ---------------------------------------------------------------------------------


def write_dataset(scenario: Scenario, folder: Path) -> None:
    """The folder that the scenario's facts and plans are, with what it leaves out filled in (README.md)."""
    given = scenario.given
    tables = {
        table: _table(given[table], f"{scenario}, {table}", columns)[1]
        for table, columns in GIVEN_COLUMNS.items()
        if table in given
    }
    plans = _plans(given)
    _fill_invoices(tables)
    for credit in tables.setdefault("credits", []):
        credit.setdefault("role", "rep")
        credit.setdefault("share", "1")
    _fill_assignments(tables, plans)
    _fill_people(tables)
    (folder / "plans").mkdir(parents=True)
    (folder / "company.toml").write_text(_company(given.get("company", "")), encoding="utf-8")
    for number, plan in enumerate(plans, start=1):
        (folder / "plans" / f"{number}.toml").write_text(plan, encoding="utf-8")
    for table, rows in tables.items():
        _write(folder / f"{table}.csv", FACT_COLUMNS[table], rows)


def _company(text: str) -> str:
    """Defaults of what the text does not say, then the text as it stands."""
    said = tomllib.loads(text)
    return "".join(f"{key} = {value}\n" for key, value in COMPANY.items() if key not in said) + text


def _plans(given: Mapping[str, Any]) -> list[str]:
    if "component" not in given:
        return _texts(given.get("plan", given.get("plans")))
    components = "".join(f"\n[[versions.components]]\n{each}" for each in _texts(given["component"]))
    return [PLAN_OF_A_COMPONENT + components]


def _texts(value: str | list[str]) -> list[str]:
    return value if isinstance(value, list) else [value]


def _fill_invoices(tables: dict[str, list[Row]]) -> None:
    lines: list[Row] = []
    for invoice in tables.setdefault("invoices", []):
        line = {"invoice_id": invoice["invoice_id"], "line": "1"}
        lines.append(line | {column: invoice.pop(column) for column in ONE_LINE if column in invoice})
        invoice.setdefault("customer_id", "customer")
        invoice["currency"] = invoice.get("currency") or "EUR"
        if not invoice.get("due_on"):
            issued_on = dt.date.fromisoformat(invoice["issued_on"])
            invoice["due_on"] = (issued_on + dt.timedelta(days=DAYS_TO_PAY)).isoformat()
    tables.setdefault("invoice_lines", lines)
    tables.setdefault("events", [])


def _fill_assignments(tables: dict[str, list[Row]], plans: Sequence[str]) -> None:
    """Where no assignment is given: every credited payee is on every plan without a shared bonus."""
    given = tables.get("assignments")
    if given is None:
        given = [
            {"plan": plan, "payee_id": payee_id}
            for plan in map(_plan_for_payees, plans)
            for payee_id in _ids(tables, "payee_id", "credits")
            if plan
        ]
    for each in given:
        each.setdefault("starts_on", ASSIGNED_FROM)
    tables["assignments"] = given


def _plan_for_payees(text: str) -> str:
    """The id of a plan for payees; nothing for one of shared bonuses, or for one that cannot be read."""
    try:
        plan = tomllib.loads(text)
        kinds = [component["kind"] for version in plan["versions"] for component in version["components"]]
    except (tomllib.TOMLDecodeError, KeyError, TypeError):
        return ""
    return "" if "shared_bonus" in kinds else str(plan["plan"])


def _fill_people(tables: dict[str, list[Row]]) -> None:
    """Payees and customers that are named somewhere and not listed; a name that is not given is the id."""
    people = _ids(tables, "payee_id", "credits", "memberships", "reporting", "assignments", "targets", "events")
    people += _ids(tables, "manager_id", "reporting")
    customers = _ids(tables, "customer_id", "invoices", "customer_credit")
    for table, key, used in (("payees", "payee_id", people), ("customers", "customer_id", customers)):
        rows = tables.setdefault(table, [])
        listed = {row[key] for row in rows}
        rows += [{key: each} for each in dict.fromkeys(used) if each not in listed]
        for row in rows:
            row.setdefault("name", row[key])


def _ids(tables: Mapping[str, Sequence[Row]], column: str, *names: str) -> list[str]:
    found = [row.get(column, "") for name in names for row in tables.get(name, ())]
    return [each for each in dict.fromkeys(found) if each]


def _write(path: Path, columns: Sequence[str], rows: Sequence[Row]) -> None:
    named = [column for column in columns if any(column in row for row in rows)] or list(columns)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, named, restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


# Running and comparing --------------------------------------------------------------------------------------


def run(scenario: Scenario, folder: Path) -> None:
    """Calculates the scenario in a folder and asserts everything it expects."""
    dataset, out = folder / "dataset", folder / "out"
    write_dataset(scenario, dataset)
    reading = read_folder(dataset)
    if reading.facts is None or reading.problems:
        found = "\n".join(f"  {problem}" for problem in reading.problems)
        raise ScenarioMistake(f"{scenario}: the dataset is not accepted:\n{found}\n  folder: {dataset}")
    earned = calculate(reading.facts, reading.plans, scenario.as_of)
    last_month = period_of(scenario.as_of, "month", 1)
    paid = payouts(earned.lines, last_month, reading.facts.company.recovery_cap_ppm)
    write_tables(out, earned.lines, paid, earned.metrics, earned.findings)
    if "comparison" in scenario.expect:
        _compare_with_signature(out / "comparison.csv", reading.facts, reading.plans, scenario.as_of, earned)
    if "waiting" in scenario.expect:
        _write_waiting(out / "waiting.csv", reading.facts, reading.plans, scenario.as_of)
    differences = [
        difference
        for table, expected in scenario.expect.items()
        for difference in _compared(table, scenario.columns[table], expected, _read(out / f"{table}.csv"))
    ]
    differences += [text for line in earned.lines for text in unexplained(line)]
    differences += keys_twice(earned.lines)
    if differences:
        raise AssertionError("\n".join([f"{scenario}", *differences, f"folder: {folder}"]))


def _compare_with_signature(
    path: Path, facts: Facts, plans: Sequence[Plan], as_of: dt.date, earned: Earned
) -> None:
    """What `incentives compare --out` writes."""
    signed = calculate(facts, [on_signature(plan) for plan in plans], as_of)
    commissions = {
        (plan.plan, name)
        for plan in plans
        for name in plan.component_names()
        if plan.kind_of(name) == "commission"
    }
    write_comparison(path, compare(Book(facts, plans, as_of), earned.lines, signed.lines, commissions))


def _write_waiting(path: Path, facts: Facts, plans: Sequence[Plan], as_of: dt.date) -> None:
    """What waits on cash, of every payee."""
    calculation = Calculation(Book(facts, plans, as_of))
    rows = [
        {
            "payee_id": each.payee_id,
            "invoice_id": each.invoice_id,
            "due_on": each.due_on.isoformat(),
            "days_past_due": str(each.days_past_due),
            "open": major(each.open_minor, each.currency),
            "currency": each.currency,
            "would_earn": major(each.would_earn_minor, each.earns_in),
            "earns_in": each.earns_in,
        }
        for payee in facts.payees
        for each in waiting(calculation, payee.payee_id)
    ]
    _write(path, WAITING_COLUMNS, rows)


def _read(path: Path) -> list[Row]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _compared(table: str, columns: Sequence[str], expected: Sequence[Row], got: Sequence[Row]) -> list[str]:
    """Nothing where the rows are the same, in whatever order; else both tables side by side."""
    if table == "metrics":
        named = {row["metric"] for row in expected}
        got = [row for row in got if row["metric"] in named]
    left = Counter(tuple(row[column] for column in columns) for row in expected)
    right = Counter(tuple(row[column] for column in columns) for row in got)
    return [] if left == right else [side_by_side(table, columns, left, right)]


def side_by_side(
    table: str, columns: Sequence[str], expected: Counter[tuple[str, ...]], got: Counter[tuple[str, ...]]
) -> str:
    """Both tables, rows that are on both sides opposite each other, the others marked."""
    rows = sorted(expected | got)
    pairs: list[tuple[tuple[str, ...], tuple[str, ...]]] = [(tuple(columns), tuple(columns))]
    for row in rows:
        pairs += [(row, row)] * min(expected[row], got[row])
        pairs += [(row, ())] * max(0, expected[row] - got[row])
        pairs += [((), row)] * max(0, got[row] - expected[row])
    widths = [max(len(row[i]) for row in [tuple(columns), *rows]) for i in range(len(columns))]
    blank = " " * (sum(widths) + 2 * (len(widths) - 1))
    lines = [f"{table}.csv:", f"    {'expected':{len(blank)}}    got"]
    for one, other in pairs:
        mark = "  " if one == other else "! "
        texts = [
            "  ".join(f"{cell:{width}}" for cell, width in zip(row, widths, strict=True)) if row else blank
            for row in (one, other)
        ]
        lines.append(f"  {mark}{texts[0]}  | {texts[1]}".rstrip())
    return "\n".join(lines)


def keys_twice(lines: Iterable[Line]) -> list[str]:
    """Lines that share a key: plan, component, payee, cause and kind (section 11)."""
    keys = Counter((line.plan, line.component, line.payee_id, line.cause, line.kind) for line in lines)
    return [f"{count} lines have the key {', '.join(key)}" for key, count in keys.items() if count > 1]


def unexplained(line: Line) -> list[str]:
    """What a line's explanation sums to, where that is not exactly its amount (section 13)."""
    explained = total(line.explained())
    if explained == line.amount_minor * EXACT:
        return []
    key = ", ".join((line.payee_id, line.plan, line.component, line.kind, line.cause))
    return [f"the explanation of {key} sums to {explained}, the amount is {line.amount_minor} x 10^12"]
