"""What the commands share: arguments, progress, and how mistakes are told."""

from __future__ import annotations

import datetime as dt
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import NoReturn

import click

from incentives.documents.written import Unreadable, day, first_of_month
from incentives.errors import Problem

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
            self.fail(unreadable.said, param, ctx)


AS_OF = click.option(
    "--as-of", type=Day("YYYY-MM-DD"), required=True, help="Everything that happened up to this day counts."
)
GOOD_ROWS = click.option(
    "--accept-good-rows", is_flag=True, help="Leave rejected rows out instead of stopping at them."
)


def on_disk(out: Path, write: Callable[[], None]) -> None:
    try:
        write()
    except OSError as error:
        raise click.ClickException(
            f"Cannot write to {out}: {error.strerror or error}. Choose another --out."
        ) from None


def refuse(problems: Iterable[Problem]) -> NoReturn:
    """End with every mistake; nothing was applied or written."""
    found = list(problems)
    list_problems(found)
    click.echo(f"{mistakes(found)}; nothing was applied.", err=True)
    sys.exit(1)


def list_problems(problems: Iterable[Problem]) -> None:
    for problem in sorted(problems):
        click.echo(str(problem), err=True)


def mistakes(problems: Sequence[Problem]) -> str:
    return "1 mistake" if len(problems) == 1 else f"{len(problems):,} mistakes"


class Progress:
    """One line on a terminal that says how far it is; silent in a pipe."""

    def __enter__(self) -> Progress:
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
        self.clear()

    def clear(self) -> None:
        """Make room for something else."""
        if self.width:
            click.echo("\r" + " " * self.width + "\r", nl=False, err=True)


def fraction_done(progress: Progress, what: str) -> Callable[[int, int], None]:
    """Progress that knows how much there is."""
    return lambda done, of: progress(what, done, of)
