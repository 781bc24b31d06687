"""Commands that keep the store: make it, upgrade it, prove it, copy it and put it back."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import click

from incentives.cli.books import books
from incentives.cli.common import Progress, fraction_done
from incentives.errors import IncentivesError
from incentives.service import copies, verification
from incentives.store.engine import chosen_url, engine_for, shown
from incentives.store.upgrade import check_ready, upgrade

WORKERS = click.option("--workers", type=click.IntRange(1, 64), default=1, show_default=True, help="Processes.")
FILE = click.argument("file", type=click.Path(path_type=Path, dir_okay=False))


@click.command()
def init() -> None:
    """Make the books: an SQLite file here, or what INCENTIVES_DATABASE_URL names.

    \b
    Example:
      incentives init
    """
    with books(make=True) as engine:
        click.echo(f"The books are in {shown(engine.url)}.")
        click.echo("Next: incentives import FOLDER")


@click.command(name="upgrade")
def upgrade_command() -> None:
    """Bring the books to this version, guards and all.

    \b
    Make a backup first:
      incentives backup before-upgrade.db
      incentives upgrade
      incentives verify
    """
    try:
        engine = engine_for(chosen_url())
        changed = upgrade(engine)
        check_ready(engine)
    except IncentivesError as error:
        raise click.ClickException(str(error)) from None
    now = "now" if changed else "already"
    click.echo(f"{shown(engine.url)} is {now} of this version, with its guards in place.")
    engine.dispose()


@click.command()
@WORKERS
def verify(workers: int) -> None:
    """Prove that the books are as they were written: every invariant, over everything.

    Ends with exit code 1 and the first row that is not as it should be. docs/trust.md says what is checked.

    \b
    Example:
      incentives verify --workers 2
    """
    with books(checked=False) as engine, Progress() as progress:
        checks = verification.verify(
            engine, workers=workers, progress=lambda done: progress("Calculating anew: lines", done)
        )
        wrong = [breach for checked in _told(checks, progress) for breach in checked.breaches]
    for breach in wrong[:20]:
        click.echo(str(breach), err=True)
    if wrong:
        more = f" ({len(wrong):,} breaches in all)" if len(wrong) > 1 else ""
        raise click.ClickException(f"The books are not as they should be. First: {wrong[0]}{more}")
    click.echo("Everything is as it should be.")


def _told(checks: Iterable[verification.Checked], progress: Progress) -> Iterable[verification.Checked]:
    for checked in checks:
        progress.clear()
        click.echo(str(checked))
        yield checked


@click.command()
@FILE
@WORKERS
def backup(file: Path, workers: int) -> None:
    """Copy the books into a file while others work, and verify the copy.

    For SQLite; on PostgreSQL it names the commands to use.

    \b
    Example:
      incentives backup backups/books-2026-07-01.db
    """
    with books() as engine, Progress() as progress:
        done = copies.backup(
            engine, file, workers=workers, progress=fraction_done(progress, "Copying pages: done")
        )
    click.echo(f"{done.file}: {done.size:,} bytes, {len(done.checks)} checks, all as it should be.")


@click.command()
@FILE
@click.option("--replace", is_flag=True, help="There are books already: keep them under another name.")
@WORKERS
def restore(file: Path, replace: bool, workers: int) -> None:
    """Put the books of a backup where the books should be, once they verify.

    \b
    Example:
      incentives restore backups/books-2026-07-01.db --replace
    """
    with books(checked=False) as engine, Progress() as progress:
        done = copies.restore(
            file,
            engine,
            replace=replace,
            workers=workers,
            progress=fraction_done(progress, "Copying pages: done"),
        )
    click.echo(f"The books are in {done.file}; {len(done.checks)} checks, all as it should be.")
    if done.kept:
        click.echo(f"Those before them are kept as {done.kept}.")
    if done.behind:
        click.echo(f"Nobody is paid from them yet. {done.behind}", err=True)


COMMANDS: tuple[click.Command, ...] = (init, upgrade_command, verify, backup, restore)
