"""The scenarios of the folder beside this file, and the runner's own promises."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from pathlib import Path

import pytest

from incentives.calculation.explanation import Step, Why
from incentives.calculation.lines import Line
from scenarios.runner import Scenario, ScenarioMistake, keys_twice, read_scenarios, run, unexplained, write_dataset

FOLDER = Path(__file__).parent / "scenarios"


def collected() -> list[Scenario | ScenarioMistake]:
    """Every scenario of every file; a file that cannot be read is one failing test of its own."""
    found: list[Scenario | ScenarioMistake] = []
    for path in sorted(FOLDER.glob("*.yaml")):
        try:
            found += read_scenarios(path)
        except ScenarioMistake as mistake:
            found.append(mistake)
    return found


COLLECTED = collected()


@pytest.mark.parametrize("scenario", COLLECTED, ids=lambda each: str(each).partition("\n")[0])
def test_scenario(scenario: Scenario | ScenarioMistake, tmp_path: Path) -> None:
    if isinstance(scenario, ScenarioMistake):
        raise scenario
    run(scenario, tmp_path)


def test_there_are_scenarios_of_every_section_that_makes_a_number() -> None:
    sections = {str(each)[:2] for each in COLLECTED}
    assert {f"{number:02}" for number in range(2, 13)} <= sections
    assert len(COLLECTED) > 200


# The runner --------------------------------------------------------------------------------------------------

FILE = """\
about: "A refund takes back"
as_of: 2026-12-31
given:
  component: |
    name = "cash"
    kind = "commission"
    tiers = [{from = 0, rate = "4%"}]
  invoices: |
    invoice_id, net,     issued_on
    INV-1,      1000.00, 2026-01-10
  credits: |
    invoice_id, payee_id
    INV-1,      ana
scenarios:
  - name: A payment earns
    why: 4 % of 500.00 is 20.00.
    given:
      events: |
        event_id, type,    invoice_id, occurred_on, amount
        P1,       payment, INV-1,      2026-02-03,  500.00
    expect:
      ledger: |
        payee_id, kind,    cause, amount
        ana,      earning, P1,    20.00
"""


def scenarios_of(text: str, folder: Path) -> list[Scenario]:
    path = folder / "file.yaml"
    path.write_text(text, encoding="utf-8")
    return read_scenarios(path)


def test_what_a_scenario_leaves_out_is_filled_in(tmp_path: Path) -> None:
    (scenario,) = scenarios_of(FILE, tmp_path)
    write_dataset(scenario, tmp_path / "dataset")
    written = {path.name: path.read_text(encoding="utf-8") for path in (tmp_path / "dataset").glob("*.*")}
    assert written == {
        "company.toml": (
            'format = 1\nname = "Company"\ncurrency = "EUR"\ntimezone = "UTC"\nfiscal_year_starts = 1\n'
        ),
        "invoices.csv": (
            "invoice_id,customer_id,currency,issued_on,due_on\nINV-1,customer,EUR,2026-01-10,2026-02-09\n"
        ),
        "invoice_lines.csv": "invoice_id,line,net\nINV-1,1,1000.00\n",
        "credits.csv": "invoice_id,payee_id,role,share\nINV-1,ana,rep,1\n",
        "events.csv": ("event_id,type,invoice_id,occurred_on,amount\nP1,payment,INV-1,2026-02-03,500.00\n"),
        "assignments.csv": "plan,payee_id,starts_on\nplan,ana,2000-01-01\n",
        "payees.csv": "payee_id,name\nana,ana\n",
        "customers.csv": "customer_id,name\ncustomer,customer\n",
    }


def test_a_scenario_that_is_true_passes(tmp_path: Path) -> None:
    (scenario,) = scenarios_of(FILE, tmp_path)
    run(scenario, tmp_path)


@pytest.mark.parametrize(
    ("there", "instead", "shown"),
    [
        (
            "P1,    20.00",
            "P1,    20.01",
            ["! ana       earning  P1     20.01   |", "| ana       earning  P1     20.00"],
        ),
        (
            "P1,    20.00",
            "P1,    20.00\n        ana,      earning, P2,    1.00",
            ["! ana       earning  P2     1.00"],
        ),
        ("        ana,      earning, P1,    20.00\n", "", ["| ana       earning  P1     20.00"]),
    ],
    ids=["another amount", "a row too many", "a row too few"],
)
def test_a_scenario_that_is_not_true_fails_and_shows_both_tables(
    there: str, instead: str, shown: list[str], tmp_path: Path
) -> None:
    (scenario,) = scenarios_of(FILE.replace(there, instead), tmp_path)
    with pytest.raises(AssertionError) as failure:
        run(scenario, tmp_path)
    message = str(failure.value)
    for text in ["file.yaml::A payment earns", "ledger.csv:", "expected", "got", *shown, f"folder: {tmp_path}"]:
        assert text in message


@pytest.mark.parametrize(
    ("there", "instead", "found"),
    [
        ("about:", "abuot:", "'abuot' is not known; did you mean 'about'?"),
        ("    why: 4 % of 500.00 is 20.00.\n", "", "says neither why nor source"),
        ("    why:", "    wyh:", "'wyh' is not known; did you mean 'why'?"),
        ("as_of: 2026-12-31", "as_of: soon", "as_of is not a date"),
        ("      events: |", "      event: |", "'event' is not known; did you mean 'events'?"),
        (
            "occurred_on, amount\n",
            "occured_on, amount\n",
            "'occured_on' is not known; did you mean 'occurred_on'?",
        ),
        ("2026-02-03,  500.00", "2026-02-03,  1,000.00", "row 2: 6 cells under 5 columns"),
        ("      ledger: |", "      leger: |", "'leger' is not known; did you mean 'ledger'?"),
        ("cause, amount\n", "cause, amuont\n", "'amuont' is not known; did you mean 'amount'?"),
        (
            "    given:\n      events",
            "    given:\n      plan: x\n      plans: [x]\n      events",
            "exactly one of",
        ),
        ("  invoices: |", "  company: ''\n  company: ''\n  invoices: |", "'company' stands here 2 times"),
    ],
)
def test_a_mistake_in_a_scenario_file_is_an_error(there: str, instead: str, found: str, tmp_path: Path) -> None:
    assert there in FILE
    with pytest.raises(ScenarioMistake, match=r"^file\.yaml: ") as mistake:
        scenarios_of(FILE.replace(there, instead), tmp_path)
    assert found in str(mistake.value)


@pytest.mark.parametrize("nothing", ["{}", "null", "[]"])
def test_a_scenario_that_expects_nothing_is_an_error(nothing: str, tmp_path: Path) -> None:
    with pytest.raises(ScenarioMistake, match="expect"):
        scenarios_of(FILE.partition("    expect:")[0] + f"    expect: {nothing}\n", tmp_path)


def test_a_scenario_without_the_key_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ScenarioMistake, match="'expect' is missing"):
        scenarios_of(FILE.partition("    expect:")[0], tmp_path)


def test_two_scenarios_of_one_name_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(ScenarioMistake, match="2 scenarios are called 'A payment earns'"):
        scenarios_of(FILE + FILE.partition("scenarios:\n")[2], tmp_path)


def test_a_dataset_that_the_product_refuses_is_a_mistake_of_the_scenario(tmp_path: Path) -> None:
    (scenario,) = scenarios_of(FILE.replace("P1,       payment,", "P1,       paiment,"), tmp_path)
    with pytest.raises(ScenarioMistake, match="paiment"):
        run(scenario, tmp_path)


@dataclass
class Says(Why):
    exact: int

    def step(self, line: Line) -> Step:
        return Step("says", {}, self.exact)


def line(amount_minor: int, exact: int) -> Line:
    day = dt.date(2026, 2, 3)
    return Line("ana", "plan", "cash", "earning", "P1", "INV-1", day, day, amount_minor, "EUR", day, Says(exact))


def test_an_explanation_must_sum_to_the_amount_exactly() -> None:
    assert unexplained(line(2000, 2000 * 10**12)) == []
    assert "ana, plan, cash, earning, P1" in unexplained(line(2000, 2000 * 10**12 + 1))[0]


def test_no_two_lines_share_a_key() -> None:
    assert keys_twice([line(1, 1)]) == []
    assert keys_twice([line(1, 1), line(2, 2)]) == ["2 lines have the key plan, cash, ana, P1, earning"]
