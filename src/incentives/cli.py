"""The command line: one command for each thing a person does with a dataset folder."""

from __future__ import annotations

import datetime as dt
import json
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from difflib import get_close_matches
from importlib.resources import files
from pathlib import Path
from typing import NoReturn

import click

from incentives.calculation.book import Book
from incentives.calculation.comparison import compare as compare_months
from incentives.calculation.comparison import on_signature
from incentives.calculation.earned import Calculation, Earned
from incentives.calculation.examples import failed_examples
from incentives.calculation.lines import Line
from incentives.calculation.waiting import waiting
from incentives.calendar import Period, month_name, period_of
from incentives.documents.plans import read_plan
from incentives.documents.written import Unreadable, day, first_of_month
from incentives.engines.inprocess import calculate as run
from incentives.engines.inprocess import collector_paused
from incentives.errors import Problem, Rejected
from incentives.facts import Facts
from incentives.feeds.folder import Reading, read_folder
from incentives.feeds.hints import unheard
from incentives.ledger.pay import Payout, PayoutWhy, payouts
from incentives.money import major
from incentives.papers import summary
from incentives.papers.payroll import PROFILES, left_empty, write_payroll
from incentives.papers.tables import write_comparison, write_tables
from incentives.papers.words import amount, as_json, day_name, told
from incentives.rules.plan import Plan

DATASET = click.argument("dataset", type=click.Path(path_type=Path))
OUT = click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False), required=True, help="Folder to write to."
)


class Day(click.ParamType[dt.date]):
    """A day written YYYY-MM-DD, or a month written YYYY-MM."""

    def __init__(self, shape: str) -> None:
        self.name = shape

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> dt.date:
        """The day, or the first day of the month."""
        if isinstance(value, dt.date):
            return value
        try:
            return day(str(value)) if self.name == "YYYY-MM-DD" else first_of_month(str(value))
        except Unreadable as unreadable:
            self.fail(f"{unreadable.sentence} {unreadable.cure}", param, ctx)


AS_OF = click.option(
    "--as-of", type=Day("YYYY-MM-DD"), required=True, help="Everything that happened up to this day counts."
)
GOOD_ROWS = click.option(
    "--accept-good-rows", is_flag=True, help="Leave rejected rows out instead of stopping at them."
)


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="incentives")
def main() -> None:
    """Commission on paid invoices: payments go in; pay, take-backs and reasons come out.

    \b
    Start with:
      incentives demo --out demo_output
      incentives check DATASET
    """


@main.command()
@DATASET
@AS_OF
@OUT
@GOOD_ROWS
def calculate(dataset: Path, as_of: dt.date, out: Path, accept_good_rows: bool) -> None:
    """Write ledger, payouts, metrics and exceptions.

    \b
    Example:
      incentives calculate sample_data --as-of 2026-06-30 --out result
    """
    facts, plans = _applied(dataset, accept_good_rows)
    earned, paid = _calculated(facts, plans, as_of)
    _write(out, earned, paid)
    click.echo(
        f"In {out}: ledger.csv {len(earned.lines):,}, payouts.csv {len(paid):,}, metrics.csv "
        f"{len(earned.metrics):,}, exceptions.csv {len(earned.findings):,} rows."
    )


@main.command()
@DATASET
@click.argument("payee")
@AS_OF
@click.option("--cause", help="Only lines of this cause: an event id, period:2026-01-01, payout:2026-03, …")
@click.option("--component", help="Only lines of this component.")
@click.option("--invoice", help="Only lines of this invoice.")
@click.option("--month", type=Day("YYYY-MM"), help="Only lines earned in this month, and its payout.")
@click.option("--json", "as_object", is_flag=True, help="The same as one JSON object.")
def explain(
    dataset: Path,
    payee: str,
    as_of: dt.date,
    cause: str | None,
    component: str | None,
    invoice: str | None,
    month: dt.date | None,
    as_object: bool,
) -> None:
    """Say why a payee has what they have.

    Line by line, down to the payment: what counted, whose share, which tier and factor, how it was rounded,
    and which paragraph of the plan letter says so.

    \b
    Examples:
      incentives explain sample_data --as-of 2026-06-30 P01
      incentives explain sample_data --as-of 2026-06-30 P02 --invoice INV-26-006
      incentives explain sample_data --as-of 2026-06-30 P01 --cause payout:2026-06
    """
    facts, plans = _applied(dataset)
    _known(payee, [each.payee_id for each in facts.payees], "payee", dataset)
    earned, paid = _calculated(facts, plans, as_of)
    lines = [
        line
        for line in summary.lines_of(earned.lines)
        if line.payee_id == payee
        and cause in (None, line.cause)
        and component in (None, line.component)
        and invoice in (None, line.invoice_id)
        and month in (None, line.earned_on.replace(day=1))
    ]
    months = [
        each
        for each in paid
        if each.payee_id == payee
        and component is None
        and invoice is None
        and cause in (None, _payout_cause(each))
        and month in (None, each.month)
    ]
    if not lines and not months:
        raise click.ClickException(f"{payee} has no such line by {as_of}. Ask for less to see all of them.")
    story = summary.Story(facts, earned, paid, ())
    cap_ppm = facts.company.recovery_cap_ppm
    trees = [(_line_object(line), line.explained()) for line in lines]
    trees += [(_payout_object(each), PayoutWhy(each, cap_ppm).step()) for each in months]
    if as_object:
        reasons = [{"line": line, "because": as_json(step, story.customer)} for line, step in trees]
        said = {"payee_id": payee, "as_of": str(as_of), "reasons": reasons}
        click.echo(json.dumps(said, indent=2, ensure_ascii=False))
        return
    for line, step in trees:
        click.echo("\n".join([*told(step, story.customer), f"  {line['kind']}, cause {line['cause']}", ""]))


@main.command()
@DATASET
def check(dataset: Path) -> None:
    """List every mistake in a folder or plan.

    Reads everything and applies nothing; each mistake comes with its place and how to mend it. DATASET is a
    dataset folder, or one plan document. The plan letter's examples are run.

    \b
    Examples:
      incentives check sample_data
      incentives check sample_data/plans/account-executive.toml
    """
    hints: list[str] = []
    if dataset.suffix == ".toml":
        problems = _plan_problems(dataset)
    else:
        reading = _read(dataset, accept_good_rows=False)
        if reading.counts:
            _say_counts(reading)
        problems = [*reading.problems, *_example_problems(reading.plans)]
        hints = unheard(reading.facts, reading.plans) if reading.facts else []
    if problems:
        _list(problems)
        click.echo(f"{_mistakes(problems)} to mend.", err=True)
        sys.exit(1)
    for hint in hints:
        click.echo(f"Note: {hint}")
    click.echo("Nothing is wrong.")


@main.command()
@DATASET
@click.option("--month", type=Day("YYYY-MM"), required=True, help="The month to pay.")
@click.option("--profile", type=click.Choice(sorted(PROFILES)), default="generic", show_default=True)
@OUT
def payroll(dataset: Path, month: dt.date, profile: str, out: Path) -> None:
    """Write a month's payroll file with its control file.

    The same month gives the same bytes every time.

    \b
    Example:
      incentives payroll sample_data --month 2026-06 --profile generic --out payroll
    """
    facts, plans = _applied(dataset)
    _, paid = _calculated(facts, plans, period_of(month, "month", 1).last)
    _write_payroll(profile, month, paid, facts, plans, out)


@main.command()
@DATASET
@AS_OF
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Also write the table to a CSV file.")
def compare(dataset: Path, as_of: dt.date, out: Path | None) -> None:
    """Compare paying on signature with paying on cash.

    \b
    Example:
      incentives compare sample_data --as-of 2026-06-30
    """
    facts, plans = _applied(dataset)
    earned, paid = _calculated(facts, plans, as_of)
    signed, _ = _calculated(facts, [on_signature(plan) for plan in plans], as_of)
    commissions = {
        (plan.plan, name)
        for plan in plans
        for name in plan.component_names()
        if plan.kind_of(name) == "commission"
    }
    rows = compare_months(Book(facts, plans, as_of), earned.lines, signed.lines, commissions)
    if not rows:
        click.echo(f"There is nothing to compare by {as_of}: no plan pays commission on an invoice yet.")
    for line in summary.comparison(rows, summary.Story(facts, earned, paid, ())):
        click.echo(line)
    if out is not None:
        _on_disk(out, lambda: write_comparison(out, rows))


@main.command()
@click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False), default=Path("demo_output"), show_default=True
)
def demo(out: Path) -> None:
    """Tell the story of the sample company.

    Calculates it, says who earned what and why, and writes all its files.

    \b
    Example:
      incentives demo --out demo_output
    """
    dataset, as_of = sample_data(), dt.date(2026, 6, 30)
    facts, plans = _applied(dataset)
    earned, paid = _calculated(facts, plans, as_of)
    calculation = Calculation(Book(facts, plans, as_of))
    open_invoices = [each for payee in facts.payees for each in waiting(calculation, payee.payee_id)]
    story = summary.Story(facts, earned, paid, open_invoices)
    month = [each for each in paid if each.month == as_of.replace(day=1)]
    chapters: list[tuple[str, Iterable[str]]] = [
        (
            f"Who earned what, since {day_name(min(each.earned_on for each in earned.lines))}",
            summary.who_earned_what(story),
        ),
        ("What was taken back, what came back, and why", summary.taken_back(story)),
        ("What waits on cash", summary.waits_on_cash(story)),
        ("What sales and credit share", summary.shared_bonus(earned.pools, story)),
        (f"What {as_of:%B %Y} pays", summary.payout_of(month, story)),
    ]
    click.secho(f"{facts.company.name}, as of {day_name(as_of)}", bold=True)
    for title, lines in chapters:
        click.secho(f"\n{title}", bold=True)
        for line in lines:
            click.echo(line)
    click.echo()
    _write(out, earned, paid)
    _write_payroll("generic", as_of, paid, facts, plans, out)
    click.echo(f"Ledger, payouts, metrics and exceptions are in {out}.")
    click.secho("\nTry next", bold=True)
    for line in (
        f"incentives explain {dataset} --as-of {as_of} P01",
        f"incentives compare {dataset} --as-of {as_of}",
        "incentives check YOUR_FOLDER          (docs/bring-your-own-data.md says what goes in it)",
    ):
        click.echo(f"  .venv/bin/{line}")


def sample_data() -> Path:
    """The sample company: beside the sources, or inside the installed package."""
    package = Path(str(files("incentives")))
    beside = package.parent.parent / "sample_data"
    found = beside if beside.is_dir() else package / "sample_data"
    return found.relative_to(Path.cwd()) if found.is_relative_to(Path.cwd()) else found


# What the commands share -----------------------------------------------------------------------------


def _read(dataset: Path, accept_good_rows: bool) -> Reading:
    with _Progress() as progress, collector_paused():
        return read_folder(
            dataset,
            accept_good_rows=accept_good_rows,
            progress=lambda file, rows: progress(f"Reading {file}", rows),
        )


def _applied(dataset: Path, accept_good_rows: bool = False) -> tuple[Facts, tuple[Plan, ...]]:
    """The facts and plans of a folder, or an end with every mistake."""
    reading = _read(dataset, accept_good_rows)
    if reading.facts is None:
        _refuse(reading.problems)
    for problem in reading.problems:
        click.echo(f"Left out: {problem}", err=True)
    assert reading.facts is not None
    return reading.facts, reading.plans


def _calculated(facts: Facts, plans: Iterable[Plan], as_of: dt.date) -> tuple[Earned, list[Payout]]:
    with _Progress() as progress:
        try:
            earned = run(
                facts, tuple(plans), as_of, lambda done, of: progress("Calculating: people done", done, of)
            )
        except Rejected as rejected:
            _refuse(rejected.problems)
    month: Period = period_of(as_of, "month", 1)
    return earned, payouts(earned.lines, month, facts.company.recovery_cap_ppm)


def _write(out: Path, earned: Earned, paid: list[Payout]) -> None:
    with _Progress() as progress, collector_paused():
        progress("Writing lines", len(earned.lines))
        _on_disk(out, lambda: write_tables(out, earned.lines, paid, earned.metrics, earned.findings))


def _write_payroll(
    profile: str, month: dt.date, paid: list[Payout], facts: Facts, plans: Iterable[Plan], out: Path
) -> None:
    by_name = {plan.plan: plan for plan in plans}

    def kind_of(plan: str, component: str) -> str:
        return by_name[plan].kind_of(component)

    for problem in left_empty(profile, facts.company):
        click.echo(f"Note: {problem}", err=True)

    def write() -> None:
        for control in write_payroll(profile, month, paid, kind_of, facts.company, facts.payees, out):
            totals = ", ".join(amount(total, currency) for currency, total in sorted(control.sums_minor.items()))
            click.echo(
                f"{control.file}: {control.rows} rows, {totals or 'nothing to pay'}, SHA-256 {control.sha256}"
            )

    try:
        _on_disk(out, write)
    except Rejected as rejected:
        _refuse(rejected.problems)


def _on_disk(out: Path, write: Callable[[], None]) -> None:
    try:
        write()
    except OSError as error:
        raise click.ClickException(
            f"Cannot write to {out}: {error.strerror or error}. Choose another --out."
        ) from None


def _refuse(problems: Iterable[Problem]) -> NoReturn:
    """End with every mistake; nothing was applied or written."""
    found = list(problems)
    _list(found)
    click.echo(f"{_mistakes(found)}; nothing was applied.", err=True)
    sys.exit(1)


def _list(problems: Iterable[Problem]) -> None:
    for problem in sorted(problems):
        click.echo(str(problem), err=True)


def _mistakes(problems: Sequence[Problem]) -> str:
    return "1 mistake" if len(problems) == 1 else f"{len(problems):,} mistakes"


def _say_counts(reading: Reading) -> None:
    rows = [
        (each.file, *(str(value) for value in (each.read, each.accepted, each.duplicate, each.rejected)))
        for each in reading.counts
    ]
    for line in summary.table(("file", "read", "accepted", "duplicate", "rejected"), rows):
        click.echo(line)


def _plan_problems(path: Path) -> list[Problem]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise click.ClickException(f"Cannot read {path}: {reason}.") from None
    plan, problems = read_plan(text, str(path))
    return [*problems, *(_example_problems([plan]) if plan else [])]


def _example_problems(plans: Iterable[Plan]) -> list[Problem]:
    """The examples of the plan letters, run: a version whose example fails must not be published."""
    return [
        Problem(
            f"plans/{plan.plan}",
            0,
            f"versions[{failed.version}].examples[{failed.example}].earns",
            "example-fails",
            f'The example "{failed.says}" earns {major(failed.got_minor, plan.currency)}, not '
            f"{major(failed.expected_minor, plan.currency)}.",
            "Mend the example or the rule.",
        )
        for plan in plans
        for failed in failed_examples(plan)
    ]


def _known(wanted: str, known: list[str], what: str, dataset: Path) -> None:
    if wanted not in known:
        near = get_close_matches(wanted, known, 1)
        raise click.ClickException(
            f"There is no {what} {wanted} in {dataset}." + (f" Is it {near[0]}?" if near else "")
        )


def _payout_object(payout: Payout) -> dict[str, str]:
    return {
        "kind": "payout",
        "cause": _payout_cause(payout),
        "month": month_name(payout.month),
        "amount": major(payout.pay_minor, payout.currency),
        "currency": payout.currency,
    }


def _payout_cause(payout: Payout) -> str:
    return f"payout:{month_name(payout.month)}"


def _line_object(line: Line) -> dict[str, str]:
    return {
        "plan": line.plan,
        "component": line.component,
        "kind": line.kind,
        "cause": line.cause,
        "invoice_id": line.invoice_id,
        "earned_on": str(line.earned_on),
        "payable_on": str(line.payable_on),
        "amount": major(line.amount_minor, line.currency),
        "currency": line.currency,
        "plan_version": str(line.plan_version),
    }


class _Progress:
    """One line on a terminal that says how far it is; silent in a pipe."""

    def __enter__(self) -> _Progress:
        self.shown = 0.0
        self.width = 0
        return self

    def __call__(self, what: str, done: int, of: int | None = None) -> None:
        """Say it, at most ten times a second."""
        if sys.stderr.isatty() and time.monotonic() - self.shown > 0.1:
            self.shown = time.monotonic()
            text = f"{what} {done:,}" + (f" of {of:,}" if of else "")
            click.echo("\r" + text.ljust(self.width), nl=False, err=True)
            self.width = len(text)

    def __exit__(self, *_: object) -> None:
        if self.width:
            click.echo("\r" + " " * self.width + "\r", nl=False, err=True)
