"""Files that go out: the tables of a calculation, and payroll files with their control files."""

from __future__ import annotations

import csv
import datetime as dt
import hashlib
import io
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from incentives.calculation.explanation import Step, Why
from incentives.calculation.lines import Finding, Line, LineKind, MetricValue
from incentives.calendar import period_of
from incentives.errors import Rejected, Told
from incentives.facts import Company, Payee
from incentives.ledger.pay import Payout, payouts
from incentives.ledger.payroll import PROFILE_SETTINGS
from incentives.money import PPM
from incentives.papers.cells import csv_text, defused
from incentives.papers.payroll import PROFILES, Control, left_empty, payroll_files, write_payroll
from incentives.papers.tables import write_tables

MARCH = dt.date(2026, 3, 1)
SETTINGS = {
    "adp_company_code": "A1B",
    "paychex_client": "12345678",
    "datev_consultant": "1001",
    "datev_client": "77",
    "nmbrs_debtor": "5",
    "nmbrs_company": "9",
}
CODES = {
    "commission": "commission",
    "shared_bonus": "bonus",
    "target_bonus": "bonus",
    "spiff": "bonus",
    "draw": "draw",
}
HOSTILE = [
    "=cmd|' /C calc'!A0",
    "\u00a0=1+1",
    "\n@SUM(A1)",
    " +1",
    "\t=1",
    "\r-1",
    "\u200b=1",
    "\uff1d1+1",
    'a "quoted", name',
    "line\nbreak",
    "carriage\rreturn",
    "x" * 300,
    "👩‍💼 emoji",
    "שלום \u202eesrever",
]
RUN_BY_SPREADSHEETS = ("=", "+", "-", "@", "\t", "\r", "\uff1d")


class NoReason(Why):
    def step(self, line: Line) -> Step:
        return Step("test")


def line(
    component: str,
    amount_minor: int,
    kind: LineKind = "earning",
    payee_id: str = "p1",
    currency: str = "EUR",
    day: dt.date = MARCH,
    invoice_id: str = "i1",
) -> Line:
    return Line(
        payee_id,
        "ae",
        component,
        kind,
        "e1",
        invoice_id,
        day,
        day,
        amount_minor,
        currency,
        MARCH,
        NoReason(),
    )


def kind_of(plan: str, component: str) -> str:
    return component


def company(**payroll: str) -> Company:
    return Company("Acme & Sons", "EUR", "Europe/Berlin", 1, payroll=payroll or CODES | SETTINGS)


def march(lines: list[Line]) -> list[Payout]:
    return payouts(lines, period_of(MARCH, "month", 1), PPM)


PEOPLE = [Payee("p1", "Ana Maria Silva", employee_id="007"), Payee("p2", "Zoë Łuk", employee_id="42")]
LINES = [
    line("commission", 123_450),
    line("spiff", 10_000, "bonus"),
    line("spiff", -1_000, "cap"),
    line("commission", 50_005, payee_id="p2"),
]
HALF_AND_HALF = [*LINES, line("commission", 700, payee_id="p2", currency="USD")]


def written(profile: str, out: Path, lines: list[Line] = LINES, payees: list[Payee] = PEOPLE) -> list[Control]:
    return write_payroll(profile, MARCH, march(lines), kind_of, company(), payees, out)


def text_of(profile: str, out: Path) -> str:
    """The one file that a profile writes for LINES, with its own line ends."""
    [control] = written(profile, out)
    return (out / control.file).read_bytes().decode(PROFILES[profile].encoding)


def cells_of(profile: str, content: bytes) -> list[list[str]]:
    """Every row of a payroll file as its reader splits it."""
    text = content.decode(PROFILES[profile].encoding)
    if profile == "datev_lodas":
        return [row.split(";") for row in text.split("\r\n")]
    separator = ";" if profile == "nmbrs" else ","
    return list(csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True))


# Cells ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["=1", "+1", "-1", "@A", "\t=1", "\r=1", " =1", "\u00a0\n=1", "\ufeff=1"])
def test_text_that_a_spreadsheet_would_run_gets_an_apostrophe(text: str) -> None:
    assert defused(text) == "'" + text


@pytest.mark.parametrize("text", ["", "Ana", "a=1", " Ana", "1-2", "'=1", "Smith-Jones", "e@mail"])
def test_other_text_is_left_alone(text: str) -> None:
    assert defused(text) == text


@given(st.text())
def test_nothing_is_run_once_it_is_defused(text: str) -> None:
    assert not defused(text).lstrip(" \u00a0\n").startswith(RUN_BY_SPREADSHEETS)


cell = st.text(st.sampled_from('ab",;\r\n é'), max_size=5)


@given(st.lists(st.lists(cell, min_size=2, max_size=2), max_size=9), st.sampled_from(["\n", "\r\n"]))
def test_a_strict_reader_gets_back_the_cells_that_were_written(rows: list[list[str]], line_end: str) -> None:
    text = "".join(csv_text(rows, line_end=line_end))
    assert list(csv.reader(io.StringIO(text, newline=""), strict=True)) == rows


def test_many_rows_are_written_as_one_table() -> None:
    rows = [[str(number), 'with "quotes"' if number == 5000 else "plain"] for number in range(10_000)]
    text = "".join(csv_text(rows))
    assert list(csv.reader(io.StringIO(text, newline=""), strict=True)) == rows


# Tables -----------------------------------------------------------------------------------------------------


def tables(out: Path, lines: list[Line]) -> dict[str, str]:
    values = [
        MetricValue("north", MARCH, "dso", "all", 45_500_000),
        MetricValue("north", MARCH, "cei", "new", None),
        MetricValue("north", MARCH, "low_risk_growth", "all", -250_001),
    ]
    findings = [
        Finding("no_plan", "i2", "=p", "e9", Told("=1 has no plan")),
        Finding("left", "i1", "p1", "e2", Told("left, on 2026-01-31")),
    ]
    write_tables(out, lines, march(lines), values, findings)
    return {path.name: path.read_bytes().decode() for path in sorted(out.iterdir())}


def test_the_four_tables_are_written_as_formats_md_says(tmp_path: Path) -> None:
    lines = [
        line("cash", 500, invoice_id="i,2"),
        line("cash", -300, "clawback", day=dt.date(2026, 1, 31)),
        line("cash", 7, currency="JPY"),
        line("cash", 1_005, currency="KWD", payee_id="P9"),
    ]
    assert tables(tmp_path, lines) == {
        "ledger.csv": (
            "payee_id,plan,component,kind,cause,invoice_id,earned_on,payable_on,amount,currency,plan_version\n"
            "P9,ae,cash,earning,e1,i1,2026-03-01,2026-03-01,1.005,KWD,2026-03-01\n"
            "p1,ae,cash,clawback,e1,i1,2026-01-31,2026-01-31,-3.00,EUR,2026-03-01\n"
            'p1,ae,cash,earning,e1,"i,2",2026-03-01,2026-03-01,5.00,EUR,2026-03-01\n'
            "p1,ae,cash,earning,e1,i1,2026-03-01,2026-03-01,7,JPY,2026-03-01\n"
        ),
        "payouts.csv": (
            "month,payee_id,currency,positive,negative,brought_forward,recovered,pay,carried_forward\n"
            "2026-01,p1,EUR,0.00,-3.00,0.00,0.00,0.00,-3.00\n"
            "2026-02,p1,EUR,0.00,0.00,-3.00,0.00,0.00,-3.00\n"
            "2026-03,P9,KWD,1.005,0.000,0.000,0.000,1.005,0.000\n"
            "2026-03,p1,EUR,5.00,0.00,-3.00,3.00,2.00,0.00\n"
            "2026-03,p1,JPY,7,0,0,0,7,0\n"
        ),
        "metrics.csv": (
            "team,period,metric,customers,value\n"
            "north,2026-03-01,cei,new,\n"
            "north,2026-03-01,dso,all,45.500000\n"
            "north,2026-03-01,low_risk_growth,all,-0.250001\n"
        ),
        "exceptions.csv": (
            "what,invoice_id,payee_id,event_id,message\n"
            'left,i1,p1,e2,"left, on 2026-01-31"\n'
            "no_plan,i2,=p,e9,'=1 has no plan\n"
        ),
    }


def test_rows_are_in_byte_order_of_their_cells_not_of_their_lines(tmp_path: Path) -> None:
    """``a`` comes before ``a!``, although a comma comes after an exclamation mark; é comes after z."""
    lines = [line("c", 1, payee_id=name) for name in ("é", "a!", "😀", "z", "a", "Z", "\uffee")]
    rows = tables(tmp_path, lines)["ledger.csv"].splitlines()[1:]
    assert [row.split(",")[0] for row in rows] == ["Z", "a", "a!", "z", "é", "\uffee", "😀"]


def test_the_order_of_the_input_changes_no_byte(tmp_path: Path) -> None:
    assert tables(tmp_path / "one", HALF_AND_HALF) == tables(tmp_path / "two", HALF_AND_HALF[::-1])


def test_ids_are_written_exactly(tmp_path: Path) -> None:
    ids = ["=1", "00017", " a", 'x"y', "b\r"]
    tables(tmp_path, [line("c", 1, payee_id=name) for name in ids])
    with (tmp_path / "ledger.csv").open(encoding="utf-8", newline="") as file:
        assert sorted(row["payee_id"] for row in csv.DictReader(file, strict=True)) == sorted(ids)


def test_a_table_that_cannot_be_finished_leaves_the_old_ones_alone(tmp_path: Path) -> None:
    before = tables(tmp_path, LINES)
    unwritable = Finding("left", message=Told("\ud800"))  # exceptions.csv comes last, after three finished tables
    with pytest.raises(UnicodeEncodeError):
        write_tables(tmp_path, LINES[:1], [], [], [unwritable])
    assert {path.name: path.read_bytes().decode() for path in sorted(tmp_path.iterdir())} == before


# Payroll: what each profile writes --------------------------------------------------------------------------


def test_generic(tmp_path: Path) -> None:
    [control] = written("generic", tmp_path)
    assert (tmp_path / control.file).read_bytes().decode() == (
        "batch_id,month,employee_id,payee_id,earning_code,amount,currency\n"
        f"{control.batch_id},2026-03,007,p1,bonus,90.00,EUR\n"
        f"{control.batch_id},2026-03,007,p1,commission,1234.50,EUR\n"
        f"{control.batch_id},2026-03,42,p2,commission,500.05,EUR\n"
    )


def test_adp(tmp_path: Path) -> None:
    [control] = written("adp", tmp_path)
    assert len(control.batch_id) <= 25
    assert (tmp_path / control.file).read_bytes().decode() == (
        "Co Code,Batch ID,File #,Earnings 3 Code,Earnings 3 Amount\r\n"
        f"A1B,{control.batch_id},007,bonus,90.00\r\n"
        f"A1B,{control.batch_id},007,commission,1234.50\r\n"
        f"A1B,{control.batch_id},42,commission,500.05\r\n"
    )


def test_paychex_has_its_sixteen_columns(tmp_path: Path) -> None:
    assert text_of("paychex", tmp_path) == (
        "Client ID,Worker ID,Org,Job Number,Pay Component,Rate,Rate Number,Hours,Units,Line Date,Amount,"
        "Check Seq Number,Override State,Override Local,Override Local Jurisdiction,Labor Assignment\r\n"
        "12345678,007,,,bonus,,,,,,90.00,,,,,\r\n"
        "12345678,007,,,commission,,,,,,1234.50,,,,,\r\n"
        "12345678,42,,,commission,,,,,,500.05,,,,,\r\n"
    )


def test_gusto_has_a_row_per_employee(tmp_path: Path) -> None:
    assert text_of("gusto", tmp_path) == (
        "last_name,first_name,gusto_employee_id,bonus,commission\r\n"
        "Silva,Ana Maria,007,90.00,1234.50\r\n"
        "Łuk,Zoë,42,,500.05\r\n"
    )


def test_workday_counts_the_rows_of_each_worker(tmp_path: Path) -> None:
    [control] = written("workday", tmp_path)
    assert (tmp_path / control.file).read_bytes().decode() == (
        "Spreadsheet Key,Row ID,Batch ID,Start Date,End Date,Worker,Earning,Amount\r\n"
        f"1,1,{control.batch_id},2026-03-01,2026-03-31,007,bonus,90.00\r\n"
        f"1,2,{control.batch_id},2026-03-01,2026-03-31,007,commission,1234.50\r\n"
        f"2,1,{control.batch_id},2026-03-01,2026-03-31,42,commission,500.05\r\n"
    )


def test_datev_lodas(tmp_path: Path) -> None:
    assert text_of("datev_lodas", tmp_path) == (
        "[Allgemein]\r\n"
        "Ziel=LODAS\r\n"
        "BeraterNr=1001\r\n"
        "MandantenNr=77\r\n"
        "Datumsformat=TT.MM.JJJJ\r\n"
        "Feldtrennzeichen=;\r\n"
        "Zahlenkomma=,\r\n"
        "\r\n"
        "[Satzbeschreibung]\r\n"
        "1;u_lod_bwd_buchung_standard;abrechnung_zeitraum#bwd;pnr#bwd;la_eigene#bwd;bs_nr#bwd;"
        "bs_wert_butab#bwd;\r\n"
        "\r\n"
        "[Bewegungsdaten]\r\n"
        "1;01.03.2026;007;bonus;2;90,00;\r\n"
        "1;01.03.2026;007;commission;2;1234,50;\r\n"
        "1;01.03.2026;42;commission;2;500,05;\r\n"
    )


def test_nmbrs_names_the_codes_in_the_second_row(tmp_path: Path) -> None:
    assert text_of("nmbrs", tmp_path) == (
        "Debiteurnr;Bedrijfnr;Persnr;Naam;Periode;Dagen;DagenVoorLC;;\r\n"
        ";;;;;;;bonus;commission\r\n"
        "5;9;007;Ana Maria Silva;2026-03;;;90,00;1234,50\r\n"
        "5;9;42;Zoë Łuk;2026-03;;;;500,05\r\n"
    )


def test_the_control_file_says_what_the_file_holds(tmp_path: Path) -> None:
    [control] = written("generic", tmp_path, HALF_AND_HALF)
    content = (tmp_path / "payroll-generic-2026-03.csv").read_bytes()
    text = (tmp_path / "payroll-generic-2026-03.csv.control.json").read_text(encoding="utf-8")
    assert text == (
        "{\n"
        '  "file": "payroll-generic-2026-03.csv",\n'
        f'  "batch_id": "{control.batch_id}",\n'
        '  "month": "2026-03",\n'
        '  "profile": "generic",\n'
        '  "rows": 4,\n'
        '  "sums": {\n'
        '    "EUR": "1824.55",\n'
        '    "USD": "7.00"\n'
        "  },\n"
        f'  "sha256": "{hashlib.sha256(content).hexdigest()}"\n'
        "}\n"
    )


# Payroll: what holds for every profile ----------------------------------------------------------------------

every_profile = pytest.mark.parametrize("profile", sorted(PROFILES))


@every_profile
def test_the_same_month_gives_the_same_bytes(profile: str, tmp_path: Path) -> None:
    written(profile, tmp_path / "one", HALF_AND_HALF)
    written(profile, tmp_path / "two", HALF_AND_HALF[::-1], PEOPLE[::-1])
    written(profile, tmp_path / "two", HALF_AND_HALF)
    first, second = (
        {path.name: path.read_bytes() for path in (tmp_path / name).iterdir()} for name in ("one", "two")
    )
    assert first == second


@every_profile
def test_files_and_controls_agree_with_the_pay_of_the_month(profile: str, tmp_path: Path) -> None:
    controls = written(profile, tmp_path, HALF_AND_HALF)
    sums: dict[str, int] = {}
    for control in controls:
        content = (tmp_path / control.file).read_bytes()
        beside = json.loads((tmp_path / f"{control.file}.control.json").read_text(encoding="utf-8"))
        assert beside["sha256"] == hashlib.sha256(content).hexdigest() == control.sha256
        for currency, amount in control.sums_minor.items():
            sums[currency] = sums.get(currency, 0) + amount
    pay = {"EUR": 123_450 + 9_000 + 50_005, "USD": 700}
    assert sums == pay
    assert len({control.batch_id for control in controls}) == len(controls)
    assert len(controls) == (1 if profile == "generic" else 2)
    if profile != "generic":
        assert [control.file.split(".")[0][-3:] for control in controls] == ["EUR", "USD"]


@every_profile
def test_another_content_has_another_batch_id(profile: str) -> None:
    def batch_id(lines: list[Line], month: dt.date = MARCH) -> str:
        return payroll_files(profile, month, march(lines), kind_of, company(), PEOPLE)[0].control.batch_id

    ids = [batch_id(LINES), batch_id(LINES[:1]), batch_id(LINES, dt.date(2026, 4, 1))]
    assert len(set(ids)) == 3
    assert ids[0].startswith("ACMESONS-202603-")


@every_profile
def test_a_month_without_pay_gives_a_file_without_rows(profile: str, tmp_path: Path) -> None:
    [control] = written(profile, tmp_path, [line("commission", -5, "clawback")])
    assert control.rows == 0
    assert control.sums_minor == {}
    assert (tmp_path / control.file).stat().st_size > 0


@every_profile
def test_other_months_stay_out(profile: str, tmp_path: Path) -> None:
    february = line("commission", 999, day=dt.date(2026, 2, 3))
    [control] = written(profile, tmp_path, [*LINES, february])
    assert control.sums_minor == {"EUR": 182_455}


@every_profile
def test_a_deduction_goes_out_as_a_negative_amount(profile: str) -> None:
    lines = [*LINES, line("commission", -5_000, "clawback")]
    [file] = payroll_files(
        profile, MARCH, march(lines), kind_of, company(**CODES, **SETTINGS, deduction="DED"), PEOPLE
    )
    assert file.control.sums_minor == {"EUR": 177_455}
    assert any(cell in ("-50.00", "-50,00") for row in cells_of(profile, file.content) for cell in row)


@every_profile
def test_everything_missing_is_said_at_once_and_nothing_is_written(profile: str, tmp_path: Path) -> None:
    nobody = [Payee("p1", "Ana"), Payee("p2", "Zoë", employee_id=" ")]
    with pytest.raises(Rejected) as rejected:
        write_payroll(profile, MARCH, march(LINES), kind_of, company(spiff="bonus"), nobody, tmp_path / "out")
    found = [(problem.place, problem.path, problem.code) for problem in rejected.value.problems]
    expected = [("company.toml", "payroll.commission", "missing-setting")]
    assert sorted(found) == sorted(expected + [("payees.csv", "employee_id", "missing-employee-id")] * 2)
    assert not (tmp_path / "out").exists()


@every_profile
def test_settings_that_are_not_given_are_left_empty_and_said(profile: str, tmp_path: Path) -> None:
    bare = company(**CODES)
    assert payroll_files(profile, MARCH, march(LINES), kind_of, bare, PEOPLE)
    said = {problem.path for problem in left_empty(profile, bare)}
    assert said == {f"payroll.{key}" for key in PROFILES[profile].settings}
    assert left_empty(profile, company(**CODES, **SETTINGS)) == []


@every_profile
def test_a_payee_who_is_paid_nothing_needs_no_employee_id(profile: str, tmp_path: Path) -> None:
    lines = [*LINES, line("commission", -500, "clawback", payee_id="p3")]
    assert written(profile, tmp_path, lines, [*PEOPLE, Payee("p3", "Leo")])


@every_profile
@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_names_and_ids_run_nowhere_and_break_no_row(profile: str, text: str) -> None:
    people = [Payee("p1", text, employee_id="1"), Payee("p2", "Zoë", employee_id=text)]
    hostile_company = company(**(CODES | SETTINGS | {"spiff": text}))
    try:
        [file] = payroll_files(profile, MARCH, march(LINES), kind_of, hostile_company, people)
    except Rejected as rejected:
        assert profile == "datev_lodas"
        assert {problem.code for problem in rejected.problems} == {"unwritable"}
        assert {problem.path for problem in rejected.problems} == {"employee_id", "payroll"}
        return
    rows = cells_of(profile, file.content)
    if profile != "datev_lodas":
        assert len({len(row) for row in rows}) == 1
        assert len(rows) - (2 if profile == "nmbrs" else 1) == file.control.rows
    for row in rows:
        for cell in row:
            assert not cell.lstrip(" \u00a0\n\u200b").startswith(RUN_BY_SPREADSHEETS), cell
    if profile not in ("gusto",):
        assert any(text in (cell, cell[1:]) for row in rows for cell in row)


def test_datev_lodas_refuses_what_its_text_cannot_hold() -> None:
    people = [Payee("p1", "Ana", employee_id="1;2"), Payee("p2", "Zoë", employee_id="Łuk")]
    wrong = company(**(CODES | SETTINGS | {"datev_client": "77\r\n[Bewegungsdaten]"}))
    with pytest.raises(Rejected) as rejected:
        payroll_files("datev_lodas", MARCH, march(LINES), kind_of, wrong, people)
    assert [str(problem) for problem in rejected.value.problems] == [
        "company.toml, payroll.datev_client: '77\\r\\n[Bewegungsdaten]' cannot be written into a DATEV LODAS "
        "file. It is a number, digits only.",
        "payees.csv, employee_id: '1;2' cannot be written into a DATEV LODAS file. "
        "Give payee p1 a personnel number.",
        "payees.csv, employee_id: 'Łuk' cannot be written into a DATEV LODAS file. "
        "Give payee p2 a personnel number.",
    ]


def test_an_unknown_profile_names_those_there_are() -> None:
    with pytest.raises(Rejected, match="generic, adp, paychex, gusto, workday, datev_lodas, nmbrs"):
        payroll_files("sap", MARCH, [], kind_of, company(), [])


def test_a_file_that_cannot_take_its_place_keeps_all_others_away(tmp_path: Path) -> None:
    (tmp_path / "payroll-adp-2026-03-USD.csv").mkdir()
    with pytest.raises(IsADirectoryError):
        written("adp", tmp_path, HALF_AND_HALF)
    assert [path.name for path in tmp_path.iterdir()] == ["payroll-adp-2026-03-USD.csv"]


def test_settings_that_profiles_need_are_those_that_company_toml_allows() -> None:
    assert sorted({key for profile in PROFILES.values() for key in profile.settings}) == list(PROFILE_SETTINGS)
