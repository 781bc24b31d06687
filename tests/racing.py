"""Processes of their own that do things at the same moment, for as long as a test needs them."""

from __future__ import annotations

import datetime as dt
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from random import Random
from typing import Any

from incentives.errors import Rejected
from incentives.service.deliveries import import_folder
from incentives.service.months import NotReady, close, look
from incentives.service.payouts import payout
from incentives.service.runs import run
from incentives.store.acts import Who
from incentives.store.upgrade import upgrade
from stores import WAIVED, opened

LATER = dt.datetime(2060, 1, 1, tzinfo=dt.UTC)
"""When everything here is done: every month is over."""
HEAD_START = 0.003
"""Seconds by which one may be ahead of another: about what a transaction takes to begin."""
PATIENCE = 300.0

# What may be done at once -------------------------------------------------------------------------------


def imports(url: str, actor: str, folder: str) -> tuple[int, int]:
    """Import a folder: its act, and how many rows were new."""
    with opened(url) as engine:
        delivered = import_folder(engine, who(actor), Path(folder))
        return delivered.act_id, delivered.accepted


def closes(url: str, actor: str, month: dt.date) -> str:
    """Close a month: its seal."""
    with opened(url) as engine:
        return close(engine, who(actor), month, waive=WAIVED).seal


def runs(url: str, actor: str) -> int:
    """Run: how many entries."""
    with opened(url) as engine:
        return run(engine, who(actor)).entries


def looks(url: str, actor: str, month: dt.date) -> int:
    """Look what a close would do: how many are paid."""
    with opened(url) as engine:
        return len(look(engine, who(actor), month, WAIVED).payouts)


def pays(url: str, actor: str, month: dt.date) -> tuple[int, bytes]:
    """Hand over a payout file: the number of the copy, and its bytes."""
    with opened(url) as engine:
        delivered = payout(engine, who(actor), month, "generic")
        return delivered.number, b"".join(each.content for each in delivered.files)


def upgrades(url: str) -> bool:
    """Make the books: whether anything was new."""
    with opened(url) as engine:
        return upgrade(engine, "")


def who(actor: str) -> Who:
    return Who(actor, LATER, "because", "a test")


# Who does it --------------------------------------------------------------------------------------------

Job = tuple[Callable[..., Any], tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a job: its answer, or why it was refused, or what it died of."""

    answer: Any = None
    refused: str = ""
    died: str = ""

    @property
    def won(self) -> bool:
        return not self.refused and not self.died


class Racers:
    """Processes that wait for jobs. Whatever they do, they begin it at about the same moment."""

    def __init__(self, number: int) -> None:
        context = get_context("forkserver")
        context.set_forkserver_preload(["racing"])
        pipes = [context.Pipe() for _ in range(number)]
        self._ends = [mine for mine, _ in pipes]
        self._processes = [context.Process(target=_works, args=(theirs,), daemon=True) for _, theirs in pipes]
        for process in self._processes:
            process.start()
        for _, theirs in pipes:
            theirs.close()

    def race(self, jobs: Sequence[Job], rng: Random, head_start: float = HEAD_START) -> list[Outcome]:
        """The outcomes, in the order of the jobs."""
        begins = time.monotonic() + 0.002
        for end, job in zip(self._ends, jobs, strict=False):
            end.send((begins + rng.random() * head_start, job))
        outcomes = []
        for end, _ in zip(self._ends, jobs, strict=False):
            assert end.poll(PATIENCE), "they wait for each other for ever"
            outcomes.append(end.recv())
        return outcomes

    def stop(self) -> None:
        for end in self._ends:
            end.send(None)
            end.close()
        for process in self._processes:
            process.join(PATIENCE)
            process.close()


@contextmanager
def racers(number: int) -> Iterator[Racers]:
    """So many processes, gone at the end."""
    started = Racers(number)
    try:
        yield started
    finally:
        started.stop()


def _works(end: Connection) -> None:
    while (told := end.recv()) is not None:
        begins, (job, arguments) = told
        while (ahead := begins - time.monotonic()) > 0:
            time.sleep(ahead)
        end.send(_outcome(job, arguments))


def _outcome(job: Callable[..., Any], arguments: tuple[Any, ...]) -> Outcome:
    try:
        return Outcome(job(*arguments))
    except Rejected as rejected:
        return Outcome(refused="; ".join(each.code for each in rejected.problems))
    except NotReady as not_ready:
        return Outcome(refused=f"not-ready: {', '.join(each.name for each in not_ready.steps if each.blocks)}")
    except Exception:
        return Outcome(died=traceback.format_exc())
