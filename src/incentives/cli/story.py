"""The demo: the sample company's half year, from its payments to its statements."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from functools import partial
from pathlib import Path

import click
from sqlalchemy import URL, Engine

from incentives.calculation.book import Book
from incentives.calculation.earned import Calculation
from incentives.calculation.waiting import waiting
from incentives.calendar import Period, month_name, period_of
from incentives.cli import serving
from incentives.cli.common import Progress, fraction_done, on_disk, refuse
from incentives.cli.folder import applied, calculated, write_payroll_files, write_results
from incentives.errors import Rejected
from incentives.papers import summary
from incentives.papers.words import amount, day_name
from incentives.places import data_dir
from incentives.service import accounts, deliveries, issuing, months, payouts, runs, verification
from incentives.service.accounts import Person
from incentives.store.acts import Who
from incentives.store.engine import engine_for, read_url
from incentives.store.upgrade import upgrade
from incentives.web.passwords import hashed

RUNS, CLOSES = "femke.bos@waalkade.example", "ruben.smit@waalkade.example"
"""Two people: nobody closes what they ran themselves."""

PASSWORD = "waalkade-2026-demo"
"""Everybody's in the demo, and nowhere else: it is printed."""

TODAY = dt.date(2026, 8, 3)
"""The morning on which the demo's pages are read: July has just been closed."""

PEOPLE = (
    Person("sanne.dewit@waalkade.example", "Sanne de Wit", ["rep"], "P01", "en"),
    Person("joris.hendriks@waalkade.example", "Joris Hendriks", ["rep"], "P02", "nl"),
    Person("ingrid.mulder@waalkade.example", "Ingrid Mulder", ["manager"], "P07"),
    Person("bram.postma@waalkade.example", "Bram Postma", ["credit"], "P08"),
    Person(RUNS, "Femke Bos", ["author"]),
    Person(CLOSES, "Ruben Smit", ["approver"]),
    Person("noor.vandam@waalkade.example", "Noor van Dam", ["payroll"]),
    Person("alex.peters@waalkade.example", "Alex Peters", ["auditor"]),
    Person("kim.jansen@waalkade.example", "Kim Jansen", ["admin"]),
)
"""Somebody for each role."""

REASON = "Thijs left in April; what came after the 30 days of his plan letter is not paid"


@click.command()
@click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False), default=Path("demo_output"), show_default=True
)
@click.option("--serve/--no-serve", "is_served", default=True, help="End by serving the pages, until Ctrl-C.")
@click.option("--port", type=click.IntRange(1, 65535), default=8000, show_default=True)
@click.option("--worker/--no-worker", "has_worker", default=True, help="Do the jobs too, in a process beside.")
def demo(out: Path, is_served: bool, port: int, has_worker: bool) -> None:
    """Tell the story of the sample company, and serve its pages.

    Calculates it, says who earned what and why; then takes it into books of its own, closes two quarters, and
    shows what a chargeback does that arrives too late. Writes all its files; ends with a login per role.

    \b
    Example:
      incentives demo --out demo_output
    """
    if is_served:
        serving.expect_free("127.0.0.1", port)  # now, and not after the story
    dataset, as_of = sample_data(), dt.date(2026, 6, 30)
    facts, plans = applied(dataset)
    earned, paid = calculated(facts, plans, as_of)
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
    write_results(out, earned, paid)
    write_payroll_files("generic", as_of, paid, facts, plans, out)
    click.echo(f"Ledger, payouts, metrics and exceptions are in {out}.")
    click.secho("\nThe same months in the books, and a chargeback that comes too late", bold=True)
    _books(dataset, as_of, out)
    click.secho("\nTry next", bold=True)
    for line in (
        f"incentives explain {dataset} --as-of {as_of} P01",
        f"incentives compare {dataset} --as-of {as_of}",
        "incentives check YOUR_FOLDER          (docs/bring-your-own-data.md says what goes in it)",
    ):
        click.echo(f"  .venv/bin/{line}")
    url = read_url(f"sqlite:///{out / 'books.db'}")
    _accounts(url)
    if is_served:
        click.echo()
        serving.run_anew(url, port, TODAY, has_worker=has_worker)


def _accounts(url: URL) -> None:
    """A login per role."""
    engine = engine_for(url)
    try:
        password = hashed(engine, PASSWORD)
        for person in PEOPLE:
            accounts.add(engine, _who("demo"), person, password)
    finally:
        engine.dispose()
    click.secho(f"\nPages: a login per role, the password is {PASSWORD}", bold=True)
    for person in PEOPLE:
        click.echo(f"  {', '.join(person.roles):<9} {person.email}")


def sample_data() -> Path:
    """The sample company, as a path to show: relative where it lies below."""
    found = data_dir("sample_data")
    return found.relative_to(Path.cwd()) if found.is_relative_to(Path.cwd()) else found


# The books -------------------------------------------------------------------------------------------


def _books(dataset: Path, last_day: dt.date, out: Path) -> None:
    """Import, run and close to the end of the quarter; a late chargeback; the next month; statements."""
    file = out / "books.db"
    for pattern in ("books.db", "books.db-*", "books.db.seals", "books.db.queue*"):
        for old in out.glob(pattern):
            old.unlink()
    engine = engine_for(read_url(f"sqlite:///{file}"))
    try:
        upgrade(engine)
        brought = deliveries.import_folder(engine, _who(RUNS), dataset)
        click.echo(f"{dataset.name} is imported: {brought.accepted} rows and rules.")
        closed = _close_through(engine, last_day)
        click.echo(
            f"{month_name(closed.month.first)} is closed and pays {_total(closed)}; "
            f"{closed.statements} statements of the quarter are issued."
        )
        _late(engine, dataset / "later", closed.month)
        _papers(engine, last_day, out)
        wrong = verification.breaches(engine)
        click.echo(f"Not as it should be: {wrong[0]}" if wrong else "Verified: the books are as sealed.")
    except Rejected as rejected:
        refuse(rejected.problems)
    finally:
        engine.dispose()


def _who(actor: str) -> Who:
    return Who(actor, dt.datetime.combine(TODAY, dt.time(7), dt.UTC))


def _close_through(engine: Engine, last_day: dt.date) -> months.ClosedMonth:
    with Progress() as progress:
        while True:
            ran = runs.run(engine, _who(RUNS))
            progress(f"Closing {month_name(ran.month.first)}: entries", ran.entries)
            closed = months.close(engine, _who(CLOSES), ran.month.first, waive={"exceptions": REASON})
            if ran.month.last >= last_day:
                return closed


def _late(engine: Engine, later: Path, closed: Period) -> None:
    """What belongs to a closed month goes into the open one, and the closed one stays as it is."""
    deliveries.import_folder(engine, _who(RUNS), later)
    click.echo(f"{later.parent.name}/{later.name} arrives: a chargeback of 25 June, and June is closed.")
    found = runs.preview(engine, _who(RUNS), as_of=closed.last + dt.timedelta(days=1))
    late = [draft for draft in found.drafts if draft.cause.startswith("chargeback-26-036")]
    for draft in late:
        click.echo(
            f"  {month_name(found.month.first)} takes {amount(draft.amount_minor, draft.currency)} from "
            f"{draft.payee_id}: {draft.component}, {draft.cause}, of {day_name(draft.earned_on)}."
        )
    following = _close_through(engine, found.month.last)
    paid = [each for each in following.payouts if each.payee_id == late[0].payee_id]
    for each in paid:
        click.echo(
            f"{month_name(following.month.first)} is closed: {each.payee_id} has "
            f"{amount(each.positive_minor, each.currency)}, less {amount(each.recovered_minor, each.currency)} "
            f"taken back, and gets {amount(each.pay_minor, each.currency)}."
        )


def _papers(engine: Engine, last_day: dt.date, out: Path) -> None:
    """The statements of the quarter and the payout files of its last month and the one after."""
    with Progress() as progress:
        papers = issuing.printed(
            engine, _who(RUNS), last_day, progress=fraction_done(progress, "Printing statements: done")
        )
    on_disk(out, lambda: issuing.write(papers, out / "statements"))
    click.echo(f"{len(papers)} statements are in {out / 'statements'}, as PDF.")
    for month in (last_day, period_of(last_day, "month", 1).last + dt.timedelta(days=1)):
        delivered = payouts.payout(engine, _who(RUNS), month, "generic")
        on_disk(out, partial(payouts.write, delivered, out / "payroll"))
    click.echo(f"Payout files with their seals are in {out / 'payroll'}, the books in {out / 'books.db'}.")


def _total(closed: months.ClosedMonth) -> str:
    return ", ".join(amount(total, currency) for currency, total in sorted(closed.totals.items()))


COMMANDS = (demo,)
