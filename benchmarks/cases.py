"""What is measured, each case in a process of its own: ``python -m benchmarks.cases CASE EVENTS FOLDER``.

Prints one JSON object. CPU seconds are the least of several repetitions; peak memory is the process's own and
holds the facts too, whose share is given beside it.
"""

from __future__ import annotations

import csv
import gc
import json
import resource
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from benchmarks.bare import BareLine, bare_lines
from benchmarks.stages import stage_seconds
from benchmarks.world import make_world, write_folder
from incentives.calculation.book import Book
from incentives.calculation.chunks import Chunk, Task, Wanted, chunk
from incentives.calculation.earned import Calculation
from incentives.calculation.lines import Line
from incentives.engines.chunks import over
from incentives.engines.inprocess import calculate, collector_paused
from incentives.engines.memory import Memory
from incentives.feeds.folder import read_folder
from incentives.papers.tables import write_tables

Figures = dict[str, Any]


def product(events: int, folder: Path) -> Figures:
    """The product's calculation, from facts in memory to lines."""
    world = make_world(events)
    return _lines_case(events, lambda: calculate(world.facts, world.plans, world.as_of).lines)


def chunked(events: int, folder: Path) -> Figures:
    """The same chunk by chunk, each forgotten once its lines are counted; facts in memory are all there."""
    world = make_world(events)
    source = Memory(world.facts)
    facts_mib = _now_mib()
    found = [0, 0, 0]

    def count(chunk: Chunk) -> None:
        found[0] += len(chunk.lines)
        found[1] += sum(line.amount_minor for line in chunk.lines)
        found[2] = max(found[2], _now_mib())

    begun = time.process_time()
    for _ in over(source, world.plans, world.as_of, count):
        pass
    seconds = time.process_time() - begun
    return {
        "seconds": seconds,
        "lines": found[0],
        "sum_minor": found[1],
        "facts_mib": facts_mib,
        "peak_mib": found[2],
    }


def one_payee(events: int, folder: Path) -> Figures:
    """One payee's recalculation, their facts being read: the mean of some, the least of several times each."""
    world = make_world(events)
    source = Memory(world.facts)
    payees = [each.payee_id for each in world.facts.payees[:20]]
    parts = [(payee_id, source.part(Wanted(payees=(payee_id,)))) for payee_id in payees]
    seconds = lines = 0.0
    gc.collect()
    for payee_id, (facts, around) in parts:
        spent = []
        for _ in range(7):
            begun = time.process_time()
            with collector_paused():
                calculation = Calculation(Book(facts, world.plans, world.as_of, around))
                found = chunk(calculation, Task(Wanted(payees=(payee_id,))))
            spent.append(time.process_time() - begun)
        seconds += min(spent)
        lines += len(found.lines)
    return {"seconds": seconds / len(payees), "lines": lines / len(payees), "peak_mib": _peak_mib()}


def bare(events: int, folder: Path) -> Figures:
    """The bare kernel, from the same facts to the same lines."""
    world = make_world(events)
    return _lines_case(events, lambda: bare_lines(world.facts))


def compare(events: int, folder: Path) -> Figures:
    """Whether every line of one is a line of the other."""
    world = make_world(events)
    lines = calculate(world.facts, world.plans, world.as_of).lines
    return {"same": _sorted(lines) == _sorted(bare_lines(world.facts)), "lines": len(lines)}


def stages(events: int, folder: Path) -> Figures:
    """The product's calculation under clocks."""
    seconds, missing = stage_seconds(make_world(events))
    return {"stages": seconds, "missing": missing}


def write(events: int, folder: Path) -> Figures:
    """Write the world as a dataset folder, and see that reading it gives the same facts and plans."""
    world = make_world(events)
    write_folder(world, folder)
    reading = read_folder(folder)
    return {
        "same": (reading.facts, reading.plans) == (world.facts, world.plans),
        "events": len(world.facts.events),
    }


def read(events: int, folder: Path) -> Figures:
    """Read a dataset folder strictly into facts and plans; as in a command, no garbage is looked for."""
    gc.disable()
    seconds, reading = _least(events, lambda: read_folder(folder))
    assert reading.facts is not None, "the folder was refused"
    return {"seconds": seconds, "events": len(reading.facts.events), "peak_mib": _peak_mib()}


def plain_read(events: int, folder: Path) -> Figures:
    """Only csv.reader over the same files, each row forgotten at once."""
    gc.disable()
    paths = sorted(folder.glob("*.csv"))
    seconds, rows = _least(events, lambda: sum(_count_rows(path) for path in paths))
    return {"seconds": seconds, "rows": rows, "peak_mib": _peak_mib()}


def ledger(events: int, folder: Path) -> Figures:
    """Write ledger.csv from the product's lines, the other tables empty; no garbage is looked for, as above."""
    gc.disable()
    world = make_world(events)
    lines = calculate(world.facts, world.plans, world.as_of).lines
    seconds, _ = _least(events, lambda: write_tables(folder, lines, [], [], []))
    return {"seconds": seconds, "rows": len(lines), "peak_mib": _peak_mib()}


def plain_ledger(events: int, folder: Path) -> Figures:
    """Write the same rows, ready as text and in order: join the cells, write the row."""
    gc.disable()
    with (folder / "ledger.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    seconds, _ = _least(events, lambda: _write_plainly(folder / "plain.csv", rows))
    return {"seconds": seconds, "rows": len(rows) - 1, "peak_mib": _peak_mib()}


CASES: dict[str, Callable[[int, Path], Figures]] = {
    each.__name__: each
    for each in (product, chunked, one_payee, bare, compare, stages, write, read, plain_read, ledger, plain_ledger)
}


def _lines_case(events: int, work: Callable[[], list[Line] | list[BareLine]]) -> Figures:
    facts_mib = _peak_mib()
    seconds, lines = _least(events, work)
    return {
        "seconds": seconds,
        "events": events,
        "lines": len(lines),
        "sum_minor": sum(line.amount_minor for line in lines),
        "facts_mib": facts_mib,
        "peak_mib": _peak_mib(),
    }


def _least(events: int, work: Callable[[], Any]) -> tuple[float, Any]:
    """The least CPU seconds of as many repetitions as a size allows, and what the last one gave."""
    least, found = float("inf"), None
    for _ in range(7 if events <= 10_000 else 3 if events <= 100_000 else 1):
        found = None
        gc.collect()
        begun = time.process_time()
        found = work()
        least = min(least, time.process_time() - begun)
    return least, found


def _sorted(lines: Iterable[Line | BareLine]) -> list[tuple[object, ...]]:
    return sorted(
        (each.payee_id, each.kind, each.cause, each.invoice_id, each.earned_on, each.amount_minor)
        for each in lines
    )


def _count_rows(path: Path) -> int:
    with path.open(encoding="utf-8", newline="") as file:
        return sum(1 for _ in csv.reader(file))


def _write_plainly(path: Path, rows: list[list[str]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        file.writelines(",".join(row) + "\n" for row in rows)


def _now_mib() -> int:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize() // 2**20


def _peak_mib() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024


if __name__ == "__main__":
    name, size, where = sys.argv[1:]
    print(json.dumps(CASES[name](int(size), Path(where))))
