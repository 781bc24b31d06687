"""Statements on paper: how much of the time of printing many is WeasyPrint's own.

``python -m benchmarks.statements [--count 200] [--processes 2]`` prints so many statements of two pages each, made
from those of the sample company's quarter, as a quarter's end does; CPU of this process and of those that print.
"""

from __future__ import annotations

import argparse
import datetime as dt
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from io import BytesIO
from itertools import cycle, islice
from pathlib import Path
from typing import Any

from pypdf import PdfReader

from incentives.papers.statement import pdf, sheets
from incentives.places import data_dir
from incentives.service.deliveries import import_folder
from incentives.service.issuing import printed
from incentives.service.months import close
from incentives.service.runs import run
from incentives.store.acts import Who
from incentives.store.engine import engine_for, read_url
from incentives.store.upgrade import upgrade

RUNS, CLOSES = (Who(name, dt.datetime(2026, 7, 3, tzinfo=dt.UTC)) for name in ("femke", "ruben"))
LAST = dt.date(2026, 6, 1)
PAGES = 2
CLOCKS = "BENCHMARK_CLOCKS"
"""Names the folder in which the printing processes write what WeasyPrint took."""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--processes", type=int, default=2)
    asked = parser.parse_args()
    jobs = list(islice(_named(_of_two_pages()), asked.count))
    with tempfile.TemporaryDirectory() as folder:
        os.environ[CLOCKS] = folder
        before, begun = _cpu(), time.perf_counter()
        number = sum(1 for _ in pdf.render_many(jobs, asked.processes))
        wall, spent = time.perf_counter() - begun, _cpu() - before
        own = sum(float(line) for file in Path(folder).iterdir() for line in file.read_text().splitlines())
    print(f"{number} statements of {PAGES} pages, {asked.processes} processes")
    print(f"  printed                   {wall:10.2f} s")
    print(f"  CPU of all processes      {spent:10.2f} s")
    print(f"  of that WeasyPrint's own  {own:10.2f} s")
    print(f"  share                     {own / spent:10.1%}    >= 90 %")


def _of_two_pages() -> list[pdf.Job]:
    """Statements of the sample company's last quarter that fill two sheets."""
    with tempfile.TemporaryDirectory() as folder:
        engine = engine_for(read_url(f"sqlite:///{folder}/books.db"))
        upgrade(engine)
        import_folder(engine, RUNS, data_dir("sample_data"))
        month = dt.date.min
        while month < LAST:
            month = run(engine, RUNS).month.first
            close(engine, CLOSES, month, waive={"exceptions": "sample", "payroll": "sample"})
        papers = printed(engine, RUNS, LAST)
        engine.dispose()
    found = [pdf.Job(each.payee_id, each.document, each.language, each.seal) for each in papers if _fits(each.pdf)]
    assert found, "some statement of the sample has two pages"
    return found


def _fits(paper: bytes) -> bool:
    return len(PdfReader(BytesIO(paper)).pages) == PAGES


def _named(jobs: list[pdf.Job]) -> Iterator[pdf.Job]:
    """The same again and again, each time of somebody else."""
    for number, job in enumerate(cycle(jobs)):
        payee_id = f"P{number:05d}"
        yield pdf.Job(payee_id, job.document | {"payee_id": payee_id}, job.language, job.seal)


def _clocked(printed: Callable[..., bytes]) -> Callable[..., bytes]:
    """The same with a clock around it: all that it does is WeasyPrint's."""
    clock = Path(os.environ[CLOCKS]) / str(os.getpid())

    def timed(*page: Any) -> bytes:
        begun = time.process_time()
        paper = printed(*page)
        with clock.open("a", encoding="ascii") as lines:
            print(time.process_time() - begun, file=lines)
        return paper

    return timed


def _cpu() -> float:
    """CPU of this process and of those that it has waited for."""
    spent = os.times()
    return spent.user + spent.system + spent.children_user + spent.children_system


if __name__ == "__main__":
    main()
elif CLOCKS in os.environ:  # in a process that prints, which loads this module first
    sheets.printed = _clocked(sheets.printed)
