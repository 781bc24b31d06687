"""Measure everything once and print it beside its yardstick and its target: ``python -m benchmarks``.

Always exits 0: a figure that misses its target says so.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

SMALL, MIDDLE, LARGE = 10_000, 100_000, 1_000_000
MOST_TIMES_BARE = 3.0
"""A bare kernel makes 1.8 M lines in about 4 s where 12 s is the aim."""
MOST_GROWTH = 1.3

_HOME = Path(__file__).resolve().parent.parent
_COLUMNS = ("what", "measured", "yardstick", "ratio", "target", "")

Figures = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table. A ratio with a target (at most this) gets a verdict; a check brings its own."""

    what: str
    measured: str = ""
    yardstick: str = ""
    ratio: float | None = None
    target: float | None = None
    verdict: str = ""

    def cells(self) -> tuple[str, ...]:
        """The row as it is printed."""
        ratio = "" if self.ratio is None else f"{self.ratio:.2f}"
        target = "" if self.target is None else f"<= {self.target}"
        return self.what, self.measured, self.yardstick, ratio, target, self.said()

    def said(self) -> str:
        """What to make of it."""
        if self.ratio is None or self.target is None:
            return self.verdict
        return "ok" if self.ratio <= self.target else "MISSED"


class Bench:
    """Runs cases in fresh processes and keeps what they say."""

    def __init__(self, sizes: Sequence[int], rounds: int, folder: Path) -> None:
        self.sizes = sizes
        self.rounds = rounds
        self.folder = folder
        self.found: dict[str, Figures] = {}
        self.failed: list[Row] = []

    def run(self, case: str, events: int, folder: str = "none") -> None:
        """One case; of several runs the least of every CPU time and memory is kept."""
        _tell(f"{case} {_size(events)}")
        command = [sys.executable, "-m", "benchmarks.cases", case, str(events), str(self.folder / folder)]
        done = subprocess.run(command, cwd=_HOME, capture_output=True, text=True, check=False)
        if done.returncode:
            said = (done.stderr.strip().splitlines() or [f"exit {done.returncode}"])[-1]
            self.failed.append(Row(f"{case} {_size(events)}", said, verdict="FAILED"))
            return
        figures: Figures = json.loads(done.stdout)
        known = self.found.setdefault(f"{case} {events}", figures)
        for name in ("seconds", "facts_mib", "peak_mib"):
            if name in figures:
                known[name] = min(known[name], figures[name])

    def get(self, case: str, events: int) -> Figures | None:
        """What a case said; None if it failed."""
        return self.found.get(f"{case} {events}")

    def everything(self) -> list[Row]:
        """All cases, the product's and its yardstick's by turns."""
        largest = self.sizes[-1]
        for _ in range(self.rounds):
            for events in self.sizes:
                self.run("product", events)
                self.run("bare", events)
        self.run("compare", SMALL)
        self.run("chunked", largest)
        self.run("one_payee", SMALL)
        self.run("stages", largest)
        for events in (SMALL, MIDDLE):
            self.run("write", events, f"facts-{events}")
            for _ in range(self.rounds):
                self.run("read", events, f"facts-{events}")
                self.run("plain_read", events, f"facts-{events}")
        self.run("ledger", largest, "tables")
        self.run("plain_ledger", largest, "tables")
        return [
            *self.calculation(),
            *self.pieces(),
            *self.growth(),
            *self.stages(),
            *self.files(),
            *self.checks(),
            *self.failed,
        ]

    # The table ----------------------------------------------------------------------------------------

    def calculation(self) -> list[Row]:
        """CPU, speed and memory of the calculation beside the bare kernel's."""
        rows = []
        for events in self.sizes:
            ours, theirs = self.get("product", events), self.get("bare", events)
            if not ours or not theirs:
                continue
            of = f"calculation {_size(events)}: "
            rows += [
                _beside(of + "CPU seconds", ours["seconds"], theirs["seconds"], ".2f", MOST_TIMES_BARE),
                Row(of + "events per CPU second", _speed(events, ours), _speed(events, theirs)),
                Row(of + "lines", f"{ours['lines']:,}", f"{theirs['lines']:,}"),
                _beside(of + "peak MiB", ours["peak_mib"], theirs["peak_mib"], ",d"),
                Row(of + "of which facts, MiB", f"{ours['facts_mib']:,}", f"{theirs['facts_mib']:,}"),
            ]
        return rows

    def pieces(self) -> list[Row]:
        """The calculation chunk by chunk beside all at once, and one payee's."""
        rows, largest = [], self.sizes[-1]
        ours, whole = self.get("chunked", largest), self.get("product", largest)
        if ours and whole:
            of = f"chunk by chunk {_size(largest)}: "
            beyond, beyond_whole = (each["peak_mib"] - each["facts_mib"] for each in (ours, whole))
            rows = [
                _beside(of + "CPU seconds beside all at once", ours["seconds"], whole["seconds"], ".2f"),
                _beside(of + "peak MiB beyond facts", beyond, beyond_whole, ",d"),
                _check(of + "count and sum of lines", all(ours[k] == whole[k] for k in ("lines", "sum_minor"))),
            ]
        if one := self.get("one_payee", SMALL):
            rows.append(Row(f"one payee of {one['lines']:.0f} lines: CPU ms", f"{one['seconds'] * 1e3:.1f}"))
        return rows

    def growth(self) -> list[Row]:
        """CPU per event beside that at the smallest size; the bare kernel's growth is what the machine adds."""
        rows = []
        for events in self.sizes[1:]:
            of = f"growth {_size(SMALL)} to {_size(events)}: "
            ours, theirs = self._growth("product", events), self._growth("bare", events)
            if ours and theirs:
                rows += [
                    _beside(of + "CPU µs per event", *ours, ".1f", MOST_GROWTH),
                    _beside(of + "the same of the bare kernel", *theirs, ".1f"),
                    _beside(
                        of + "growth beside the bare kernel's", ours[0] / ours[1], theirs[0] / theirs[1], ".2f"
                    ),
                ]
        return rows

    def _growth(self, case: str, events: int) -> tuple[float, float] | None:
        """CPU µs per event at a size and at the smallest."""
        large, small = self.get(case, events), self.get(case, SMALL)
        if not large or not small:
            return None
        return large["seconds"] / events * 1e6, small["seconds"] / SMALL * 1e6

    def stages(self) -> list[Row]:
        """The share of each stage in a calculation under clocks."""
        events = self.sizes[-1]
        figures = self.get("stages", events)
        if not figures:
            return []
        seconds: dict[str, float] = figures["stages"]
        whole = sum(seconds.values())
        rows = [
            Row(f"stage {_size(events)}: {stage}", f"{spent:.2f} s", f"{spent / whole:.1%} of {whole:.2f} s")
            for stage, spent in seconds.items()
        ]
        return rows + [Row(f"stage: {each}", verdict="NOT FOUND") for each in figures["missing"]]

    def files(self) -> list[Row]:
        """Reading a dataset folder, writing a ledger."""
        rows = []
        for events in (SMALL, MIDDLE):
            ours, theirs = self.get("read", events), self.get("plain_read", events)
            if ours and theirs:
                of = f"reading {_size(events)}: "
                rows += [
                    _beside(of + "CPU seconds beside csv.reader", ours["seconds"], theirs["seconds"], ".3f"),
                    Row(of + "events per CPU second", _speed(events, ours), _speed(events, theirs)),
                ]
        largest = self.sizes[-1]
        ours, theirs = self.get("ledger", largest), self.get("plain_ledger", largest)
        if ours and theirs:
            of = f"writing {_size(largest)}: "
            rows += [
                _beside(of + "CPU seconds beside joining", ours["seconds"], theirs["seconds"], ".2f"),
                Row(of + "rows per CPU second", _speed(ours["rows"], ours), _speed(ours["rows"], theirs)),
            ]
        return rows

    def checks(self) -> list[Row]:
        """Whether both sides did the same work."""
        rows = []
        for events in self.sizes:
            ours, theirs = self.get("product", events), self.get("bare", events)
            if ours and theirs:
                same = all(ours[name] == theirs[name] for name in ("lines", "sum_minor"))
                rows.append(_check(f"{_size(events)}: count and sum of lines as the bare kernel's", same))
        for case, events, what in (
            ("compare", SMALL, "every line as the bare kernel's"),
            ("write", SMALL, "facts read as written"),
            ("write", MIDDLE, "facts read as written"),
        ):
            if figures := self.get(case, events):
                rows.append(_check(f"{_size(events)}: {what}", figures["same"]))
        return rows


def _beside(what: str, ours: float, theirs: float, shown: str = "", target: float | None = None) -> Row:
    return Row(what, format(ours, shown), format(theirs, shown), ours / theirs, target)


def _check(what: str, same: bool) -> Row:
    return Row(f"check {what}", verdict="ok" if same else "DIFFERENT")


def _speed(count: int, figures: Figures) -> str:
    return f"{count / figures['seconds']:,.0f}"


def _size(events: int) -> str:
    return f"{events // LARGE} M" if events >= LARGE else f"{events // 1000} k"


def _tell(what: str) -> None:
    """What is being measured, where somebody looks on."""
    if sys.stderr.isatty():
        print(f"\r\033[K{what}", end="", file=sys.stderr, flush=True)


def _table(rows: Sequence[Row]) -> str:
    cells = [_COLUMNS, *(row.cells() for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if at in (0, 5) else cell.rjust(width)
            for at, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in cells
    )


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="10 k and 100 k events only")
    parser.add_argument("--rounds", type=int, default=2, help="fresh processes per case; the least counts (2)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures there too")
    return parser.parse_args()


def main() -> None:
    """Measure, print, and write JSON if asked."""
    options = _options()
    sizes = (SMALL, MIDDLE) if options.quick else (SMALL, MIDDLE, LARGE)
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(sizes, max(1, options.rounds), Path(folder))
        rows = bench.everything()
    _tell("")
    machine = f"Python {platform.python_version()}, {os.cpu_count()} cores"
    print(f"{machine}. CPU seconds, the least of {bench.rounds} runs each; a ratio is measured / yardstick.\n")
    print(_table(rows))
    if options.json:
        found = {
            "machine": machine,
            "rows": [asdict(row) | {"verdict": row.said()} for row in rows],
            "cases": bench.found,
        }
        options.json.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
