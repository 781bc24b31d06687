"""Commands on the books: import, run, close, pay, issue statements, export for an auditor."""

from __future__ import annotations

import datetime as dt
import getpass
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import click
from sqlalchemy import Engine
from sqlalchemy.exc import OperationalError

from incentives.calendar import month_name
from incentives.cli.common import GOOD_ROWS, OUT, Day, Progress, fraction_done, on_disk, refuse
from incentives.errors import IncentivesError, Rejected
from incentives.ledger.entries import Draft
from incentives.papers import summary
from incentives.papers.payroll import PROFILES
from incentives.papers.words import amount, told
from incentives.service import audit as auditing
from incentives.service import deliveries, issuing, months, payouts, runs, standing
from incentives.service.checklist import STEPS, Step
from incentives.store.acts import Who
from incentives.store.engine import chosen_url, engine_for, shown
from incentives.store.upgrade import check_ready, exists, upgrade

BY = click.option(
    "--by", "actor", envvar="INCENTIVES_ACTOR", default=getpass.getuser, help="Who does it; you, unless said."
)
REASON = click.option("--reason", default="", help="Why.")


def who(actor: str, reason: str = "") -> Who:
    """Who does it, now."""
    return Who(actor, dt.datetime.now(dt.UTC), reason)


@contextmanager
def books(*, make: bool = False, checked: bool = True) -> Iterator[Engine]:
    """The store, checked before anything is done with it; every mistake is told, none as a stack trace."""
    try:
        engine = engine_for(chosen_url())
        try:
            if make and not exists(engine):
                upgrade(engine)
                click.echo(f"Made the books in {shown(engine.url)}.", err=True)
            if checked:
                check_ready(engine)
            yield engine
        finally:
            engine.dispose()
    except Rejected as rejected:
        refuse(rejected.problems)
    except IncentivesError as error:
        raise click.ClickException(str(error)) from None
    except OperationalError as error:
        raise click.ClickException(f"The store does not answer: {error.orig}") from None


@click.command(name="import")
@click.argument("dataset", type=click.Path(path_type=Path))
@GOOD_ROWS
@click.option("--complete", is_flag=True, help="The folder lists everything people maintain; what it lacks ends.")
@BY
def import_(dataset: Path, accept_good_rows: bool, complete: bool, actor: str) -> None:
    """Take a dataset folder into the books.

    The first folder is whole; later ones may hold only what is new. The same folder twice adds nothing. What
    contradicts the books waits for a person; a changed rule waits for somebody else's approval.

    \b
    Example:
      incentives import sample_data --by femke
    """
    with books(make=True) as engine, Progress() as progress:
        done = deliveries.import_folder(
            engine,
            who(actor),
            dataset,
            accept_good_rows=accept_good_rows,
            complete=complete,
            progress=lambda file, rows: progress(f"Reading {file}", rows),
        )
    rows = [
        (each.file, *map(str, (each.read, each.accepted, each.duplicate, each.rejected))) for each in done.files
    ]
    for line in summary.table(("file", "read", "accepted", "duplicate", "rejected"), rows):
        click.echo(line)
    for problem in done.left_out:
        click.echo(f"Left out: {problem}", err=True)
    if done.gone:
        click.echo(f"Ended, since the folder no longer lists them: {done.gone:,} rows.")
    if done.waiting:
        click.echo(f"{done.waiting:,} rows contradict the books and wait for a decision: incentives waiting")
    if done.proposed:
        click.echo(f"Wait for somebody else's approval: {', '.join(done.proposed)}. incentives waiting")
    rows_and_rules = "row or rule was" if done.accepted == 1 else "rows and rules were"
    click.echo(f"Import {done.act_id}: {done.accepted:,} {rows_and_rules} new.")


@click.command()
@click.option("--preview", is_flag=True, help="Show what would be posted and why; write nothing.")
@click.option("--full", is_flag=True, help="Calculate everybody, not only those whom the news can affect.")
@click.option("--as-of", type=Day("YYYY-MM-DD"), help="Count what happened up to this day of the open month.")
@click.option("--workers", type=click.IntRange(1, 64), default=1, show_default=True, help="Processes.")
@BY
def run(preview: bool, full: bool, as_of: dt.date | None, workers: int, actor: str) -> None:
    """Post what should stand and does not yet, into the oldest open month.

    Running again posts nothing.

    \b
    Examples:
      incentives run --preview
      incentives run --by femke
    """
    with books() as engine, Progress() as progress:
        if preview:
            found = runs.preview(engine, who(actor), as_of=as_of, full=full)
            _tell_preview(found)
            return
        ran = runs.run(
            engine,
            who(actor),
            as_of=as_of,
            full=full,
            workers=workers,
            progress=lambda done: progress("Posting entries", done),
        )
    click.echo(
        f"{month_name(ran.month.first)}, as of {ran.as_of}: {_entries(ran.entries)} posted"
        + (f" by run {ran.run_id}." if ran.entries else "; everything stands as it should.")
    )
    if ran.findings:
        click.echo(f"{len(ran.findings):,} exceptions: incentives close {month_name(ran.month.first)} --preview")


def _tell_preview(ran: runs.Ran) -> None:
    by_payee: dict[str, list[Draft]] = {}
    for draft in ran.drafts:
        by_payee.setdefault(draft.payee_id, []).append(draft)
    for payee_id in sorted(by_payee):
        drafts = by_payee[payee_id]
        sums: dict[str, int] = {}
        for draft in drafts:
            sums[draft.currency] = sums.get(draft.currency, 0) + draft.amount_minor
        totals = ", ".join(amount(total, currency) for currency, total in sorted(sums.items()))
        click.secho(f"{payee_id}: {totals} in {_entries(len(drafts))}", bold=True)
        for draft in drafts:
            click.echo("\n".join(f"  {line}" for line in _why(draft, ran)))
    month = month_name(ran.month.first)
    click.echo(f"{month}, as of {ran.as_of}: would post {_entries(ran.entries)}. Nothing was written.")


def _why(draft: Draft, ran: runs.Ran) -> Iterator[str]:
    """What an entry says: what stood, what stands then, and the reason of the line that should stand."""
    key = (draft.payee_id, draft.plan, draft.component, draft.kind, draft.cause, draft.currency)
    stands = draft.stood_minor + draft.amount_minor
    if draft.stood_minor:
        moved = f"{amount(draft.stood_minor, draft.currency)} stood, {amount(stands, draft.currency)} stands then"
        yield f"{amount(draft.amount_minor, draft.currency)} {draft.component}, {draft.cause}: {moved}."
    line = ran.lines.get(key)
    if line is not None:
        yield from told(line.explained(), lambda customer_id: ran.customers.get(customer_id, customer_id))
    elif not draft.stood_minor:
        yield f"{amount(draft.amount_minor, draft.currency)} {draft.component}, {draft.cause}."


def _entries(number: int) -> str:
    return "1 entry" if number == 1 else f"{number:,} entries"


class Waiver(click.ParamType[tuple[str, str]]):
    """STEP=REASON."""

    name = "STEP=REASON"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, str]:
        """The step and why it may pass."""
        step, _, reason = str(value).partition("=")
        if step not in STEPS or not reason.strip():
            self.fail(f"write it as exceptions='two old invoices'; the steps are {', '.join(STEPS)}", param, ctx)
        return step, reason


@click.command()
@click.argument("month", type=Day("YYYY-MM"))
@click.option("--waive", type=Waiver(), multiple=True, help="Let a step of the checklist pass, and say why.")
@click.option("--preview", is_flag=True, help="Show the checklist and what would be paid; write nothing.")
@click.option("--workers", type=click.IntRange(1, 64), default=1, show_default=True, help="Processes.")
@BY
def close(month: dt.date, waive: tuple[tuple[str, str], ...], preview: bool, workers: int, actor: str) -> None:
    """Close a month for ever: post, fix what is paid, seal.

    The checklist comes first; a step that blocks is mended, or waived with a reason. Whoever closes has not made
    the last run. At the end of a quarter the statements are issued.

    \b
    Examples:
      incentives close 2026-06 --preview
      incentives close 2026-06 --by ruben --waive exceptions="Thijs left in April; day 41 is after his claim ended"
    """
    with books() as engine, Progress() as progress:
        try:
            if preview:
                closed = months.look(engine, who(actor), month, dict(waive))
            else:
                closed = months.close(
                    engine,
                    who(actor),
                    month,
                    waive=dict(waive),
                    workers=workers,
                    progress=lambda done: progress("Posting entries", done),
                )
        except months.NotReady as blocked:
            tell_steps(blocked.steps)
            raise click.ClickException(str(blocked)) from None
    tell_steps(closed.steps)
    name = month_name(month)
    totals = ", ".join(amount(total, currency) for currency, total in sorted(closed.totals.items()))
    people = sum(1 for each in closed.payouts if each.pay_minor)
    pays = f"pays {totals or 'nothing'} to {people} {'person' if people == 1 else 'people'}"
    if preview:
        click.echo(f"{name} {pays}. Nothing was written.")
        return
    click.echo(f"{name} is closed and {pays}.")
    if closed.statements:
        click.echo(f"{closed.statements} statements are issued: incentives statements {name} --out FOLDER")
    click.echo(f"Seal {closed.seal}")
    click.echo(f"Next: incentives payout {name} --profile generic --out FOLDER")


def tell_steps(steps: Iterable[Step]) -> None:
    """The checklist, step by step, with what was found and how to get on."""
    for step in steps:
        state = "blocks" if step.blocks else ("waived" if step.found else "ok")
        click.echo(f"  {step.name:<14} {state}{f': {step.waived}' if state == 'waived' else ''}")
        if state != "blocks":
            continue
        for sentence in step.found[:10]:
            click.echo(f"      {sentence}")
        if len(step.found) > 10:
            click.echo(f"      and {len(step.found) - 10:,} more")
        waivable = f' Or: --waive {step.name}="why"' if step.may_be_waived else ""
        click.echo(f"      {step.cure}{waivable}")


@click.command()
@click.argument("month", type=Day("YYYY-MM"))
@click.option("--profile", type=click.Choice(sorted(PROFILES)), default="generic", show_default=True)
@click.option("--acknowledge", is_flag=True, help="Payroll has the file; said once.")
@click.option("--note", default="", help="What payroll says about it.")
@click.option("--out", type=click.Path(path_type=Path, file_okay=False), help="Folder to write to.")
@BY
def payout(month: dt.date, profile: str, acknowledge: bool, note: str, out: Path | None, actor: str) -> None:
    """Hand over a closed month's payout file, or say that payroll has it.

    The same bytes for ever, with a control file that names the month's seal. A second delivery is marked as a
    copy.

    \b
    Examples:
      incentives payout 2026-06 --profile adp --out payroll
      incentives payout 2026-06 --profile adp --acknowledge --by payroll
    """
    if acknowledge == (out is not None):
        raise click.UsageError("Give --out FOLDER to get the file, or --acknowledge to say that payroll has it.")
    with books() as engine:
        if out is None:
            payouts.acknowledge(engine, who(actor), month, profile, note)
            click.echo(f"{month_name(month)}, {profile}: acknowledged by {actor}.")
            return
        delivered = payouts.payout(engine, who(actor), month, profile)
    on_disk(out, lambda: payouts.write(delivered, out))
    for file in delivered.files:
        click.echo(f"{out / file.name}: SHA-256 {file.sha256}")
    click.echo(f"Seal {delivered.seal}")
    if delivered.is_copy:
        click.echo(
            f"This is a copy, delivery {delivered.number}: {delivered.first_by} had it first, on "
            f"{delivered.first_at:%Y-%m-%d %H:%M} UTC."
        )


@click.command()
@click.argument("quarter", type=Day("YYYY-MM"))
@click.option("--payee", help="Only this payee's.")
@click.option("--workers", type=click.IntRange(1, 64), default=1, show_default=True, help="Processes.")
@OUT
@BY
def statements(quarter: dt.date, payee: str | None, workers: int, out: Path, actor: str) -> None:
    """Write the statements of the quarter that a month lies in, as PDF.

    A statement is fixed when its quarter closes, printed once, and never made anew.

    \b
    Example:
      incentives statements 2026-06 --out statements
    """
    with books() as engine, Progress() as progress:
        papers = issuing.printed(
            engine, who(actor), quarter, payee, workers, fraction_done(progress, "Printing statements: done")
        )
    on_disk(out, lambda: issuing.write(papers, out))
    click.echo(f"{len(papers)} statements in {out}, under seal {papers[0].seal}")


@click.command()
@click.argument("month", type=Day("YYYY-MM"))
@OUT
def audit(month: dt.date, out: Path) -> None:
    """Write everything an auditor asks of a month: rules, changes, approvals, lines, pay, seal.

    
    Example:
      incentives audit 2026-06 --out audit-2026-06
    """
    with books() as engine:
        done = auditing.audit(engine, month, out)
    for name, rows in done.files.items():
        if name.endswith(".csv"):
            click.echo(f"{out / name}: {rows:,} rows")
    documents = sum(1 for name in done.files if not name.endswith(".csv"))
    click.echo(f"and {documents} documents. " + (f"Seal {done.seal}" if done.seal else "The month is open."))


@click.command()
def status() -> None:
    """Say where the books stand: the open month, closed months and their seals, what waits.

    \b
    Example:
      incentives status
    """
    with books() as engine:
        stands = standing.standing(engine)
        click.echo(f"The books are in {shown(engine.url)}.")
    click.echo(f"Open: {month_name(stands.open_month.first)}" if stands.open_month else "Nothing was brought yet.")
    rows = [(month_name(each.month), _paid(each.content["paid_minor"]), each.seal) for each in stands.closed]
    if rows:
        for line in summary.table(("closed", "paid", "seal"), rows):
            click.echo(line)
    for kind, number in stands.waiting.items():
        if number:
            click.echo(f"Waiting: {number} {kind}{'s' if number > 1 else ''}. incentives waiting")


def _paid(paid_minor: Mapping[str, int]) -> str:
    return ", ".join(amount(total, currency) for currency, total in sorted(paid_minor.items())) or "nothing"


COMMANDS: tuple[click.Command, ...] = (
    import_,
    run,
    close,
    payout,
    statements,
    audit,
    status,
)
