"""Where the time of a calculation goes: clocks around the product's own functions, put on from outside.

A function that is not found under its name is reported, and its time counts as part of whatever calls it.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Iterable
from importlib import import_module
from operator import itemgetter
from typing import Any

from benchmarks.world import World
from incentives.engines.inprocess import calculate

ROOM = "incentives.calculation."
SETTLING = "settling events, indexing facts"
POSITIONS = "timelines and positions"
CREDITS = "credits"
GATHERING = "gathering streams"
SORTING = "sorting"
FOLLOWING = "curve, segments, lines"
FINDING = "findings"
OTHER = "other"
STAGES = (SETTLING, POSITIONS, CREDITS, GATHERING, SORTING, FOLLOWING, FINDING, OTHER)

_CLOCKED = (
    ("book", "Book.__init__", SETTLING),
    ("book", "timeline", POSITIONS),
    ("book", "movements", POSITIONS),
    ("streams", "own", CREDITS),
    ("streams", "Streams.of", GATHERING),
    ("commission", "Follower.follow", FOLLOWING),
    ("earned", "Calculation.findings", FINDING),
)


class Stopwatch:
    """CPU seconds by stage; a stage inside another one counts for itself only."""

    def __init__(self) -> None:
        self.seconds = dict.fromkeys(STAGES, 0.0)
        self._open = [OTHER]
        self._since = time.process_time()

    def enter(self, stage: str) -> None:
        """From here on the time is this stage's."""
        self._charge()
        self._open.append(stage)

    def leave(self) -> None:
        """From here on it is again that of the stage before."""
        self._charge()
        self._open.pop()

    def skip(self) -> None:
        """What passed since the last call is nobody's."""
        self._since = time.process_time()

    def _charge(self) -> None:
        now = time.process_time()
        self.seconds[self._open[-1]] += now - self._since
        self._since = now


def stage_seconds(world: World) -> tuple[dict[str, float], list[str]]:
    """CPU seconds by stage of one calculation, and the functions that were not found under their names."""
    watch = Stopwatch()
    missing = [f"{module}.{name}" for module, name, stage in _CLOCKED if not _clock(watch, module, name, stage)]
    _sort_again(watch)
    watch.skip()
    kept = calculate(world.facts, world.plans, world.as_of)
    watch.enter(OTHER)
    del kept  # after the clock: letting the lines go is not the calculation's work
    return watch.seconds, missing


def _clock(watch: Stopwatch, module: str, name: str, stage: str) -> bool:
    """Put the clock around a function or method; whether there is one."""

    def clocked(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*given: Any, **named: Any) -> Any:
            watch.enter(stage)
            try:
                return function(*given, **named)
            finally:
                watch.leave()

        return call

    return _replace(module, name, clocked)


def _replace(module: str, name: str, change: Callable[[Callable[..., Any]], Callable[..., Any]]) -> bool:
    owner: Any = import_module(ROOM + module)
    *path, last = name.split(".")
    owner = functools.reduce(lambda each, part: getattr(each, part, None), path, owner)
    function = getattr(owner, last, None)
    if function is None:
        return False
    setattr(owner, last, change(function))
    return True


def _sort_again(watch: Stopwatch) -> None:
    """The sort is one line inside the gathering: each stream is put back in the order of invoices and sorted
    once more, off the clock, and that time moves from one stage to the other."""

    def sorting(gather: Callable[..., Any]) -> Callable[..., Any]:
        def call(*given: Any, **named: Any) -> Any:
            found = gather(*given, **named)
            watch.enter(SORTING)
            seconds = _sort_seconds(found)
            watch.skip()
            watch.leave()
            watch.seconds[SORTING] += seconds
            watch.seconds[GATHERING] -= seconds
            return found

        return call

    _replace("streams", "Streams.of", sorting)


def _sort_seconds(stream: Iterable[tuple[Any, Any, Any]]) -> float:
    """The stream's triples are the key, what is held on an invoice, and what it is credited with."""
    by_invoice = sorted(stream, key=lambda each: str(each[1].invoice.invoice_id))
    begun = time.process_time()
    by_invoice.sort(key=itemgetter(0))
    return time.process_time() - begun
