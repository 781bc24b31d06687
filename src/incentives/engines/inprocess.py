"""One process, one pass.

The kernel makes millions of small records that all stay alive; the collector would walk them again and
again (measured: 18 s instead of 4 s for 1.8 M lines), so it is paused for the batch.
"""

from __future__ import annotations

import datetime as dt
import gc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from incentives.calculation.earned import Earned, Progress, earned
from incentives.facts import Facts
from incentives.rules.plan import Plan


@contextmanager
def collector_paused() -> Iterator[None]:
    """Pause the garbage collector, and leave it as it was found.

    What was made meanwhile goes straight to the oldest generation (freezing and unfreezing moves it there):
    otherwise the first collection afterwards would walk all of it as if it were new.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.freeze()
            gc.unfreeze()
            gc.enable()


def calculate(facts: Facts, plans: Sequence[Plan], as_of: dt.date, progress: Progress | None = None) -> Earned:
    """Everything that should stand on a day, for everybody."""
    with collector_paused():
        return earned(facts, plans, as_of, progress)
