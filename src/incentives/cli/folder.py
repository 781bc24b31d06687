"""Commands on a dataset folder: nothing is kept, the folder is left alone."""

from __future__ import annotations

import datetime as dt
import json
import sys
from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path

import click

from incentives.calculation.book import Book
from incentives.calculation.comparison import compare as compare_months
from incentives.calculation.comparison import on_signature
from incentives.calculation.earned import Earned
from incentives.calculation.examples import failed_examples
from incentives.calculation.lines import Line
from incentives.calendar import Period, month_name, period_of
from incentives.cli.common import (
    AS_OF,
    DATASET,
    GOOD_ROWS,
    OUT,
    Day,
    Progress,
    list_problems,
    mistakes,
    on_disk,
    refuse,
)
from incentives.documents.plans import read_plan
from incentives.engines.inprocess import calculate as run
from incentives.engines.inprocess import collector_paused
from incentives.errors import Problem, Rejected, Told
from incentives.facts import Facts
from incentives.feeds.folder import Reading, read_folder
from incentives.feeds.hints import unheard
from incentives.ledger.pay import Payout, PayoutWhy, payouts
from incentives.money import major
from incentives.papers import summary
from incentives.papers.payroll import PROFILES, left_empty, write_payroll
from incentives.papers.tables import write_comparison, write_tables
from incentives.papers.words import amount, as_json, told
from incentives.rules.plan import Plan


@click.command()
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
    facts, plans = applied(dataset, accept_good_rows)
    earned, paid = calculated(facts, plans, as_of)
    write_results(out, earned, paid)
    click.echo(
        f"In {out}: ledger.csv {len(earned.lines):,}, payouts.csv {len(paid):,}, metrics.csv "
        f"{len(earned.metrics):,}, exceptions.csv {len(earned.findings):,} rows."
    )


@click.command()
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
    facts, plans = applied(dataset)
    _known(payee, [each.payee_id for each in facts.payees], "payee", dataset)
    earned, paid = calculated(facts, plans, as_of)
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


@click.command()
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
        list_problems(problems)
        click.echo(f"{mistakes(problems)} to mend.", err=True)
        sys.exit(1)
    for hint in hints:
        click.echo(f"Note: {hint}")
    click.echo("Nothing is wrong.")


@click.command()
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
    facts, plans = applied(dataset)
    _, paid = calculated(facts, plans, period_of(month, "month", 1).last)
    write_payroll_files(profile, month, paid, facts, plans, out)


@click.command()
@DATASET
@AS_OF
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Also write the table to a CSV file.")
def compare(dataset: Path, as_of: dt.date, out: Path | None) -> None:
    """Compare paying on signature with paying on cash.

    \b
    Example:
      incentives compare sample_data --as-of 2026-06-30
    """
    facts, plans = applied(dataset)
    earned, paid = calculated(facts, plans, as_of)
    signed, _ = calculated(facts, [on_signature(plan) for plan in plans], as_of)
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
        on_disk(out, lambda: write_comparison(out, rows))


# What the commands share -----------------------------------------------------------------------------


def _read(dataset: Path, accept_good_rows: bool) -> Reading:
    with Progress() as progress, collector_paused():
        return read_folder(
            dataset,
            accept_good_rows=accept_good_rows,
            progress=lambda file, rows: progress(f"Reading {file}", rows),
        )


def applied(dataset: Path, accept_good_rows: bool = False) -> tuple[Facts, tuple[Plan, ...]]:
    """The facts and plans of a folder, or an end with every mistake."""
    reading = _read(dataset, accept_good_rows)
    if reading.facts is None:
        refuse(reading.problems)
    for problem in reading.problems:
        click.echo(f"Left out: {problem}", err=True)
    assert reading.facts is not None
    return reading.facts, reading.plans


def calculated(facts: Facts, plans: Iterable[Plan], as_of: dt.date) -> tuple[Earned, list[Payout]]:
    with Progress() as progress:
        try:
            earned = run(
                facts, tuple(plans), as_of, lambda done, of: progress("Calculating: people done", done, of)
            )
        except Rejected as rejected:
            refuse(rejected.problems)
    month: Period = period_of(as_of, "month", 1)
    return earned, payouts(earned.lines, month, facts.company.recovery_cap_ppm)


def write_results(out: Path, earned: Earned, paid: list[Payout]) -> None:
    with Progress() as progress, collector_paused():
        progress("Writing lines", len(earned.lines))
        on_disk(out, lambda: write_tables(out, earned.lines, paid, earned.metrics, earned.findings))


def write_payroll_files(
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
        on_disk(out, write)
    except Rejected as rejected:
        refuse(rejected.problems)


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
            Told(
                f'The example "{failed.says}" earns {major(failed.got_minor, plan.currency)}, not '
                f"{major(failed.expected_minor, plan.currency)}."
            ),
            Told("Mend the example or the rule."),
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


COMMANDS = (calculate, explain, check, payroll, compare)
