"""Doing jobs: one after another in this process, or by the worker, which also finds what was missed."""

from __future__ import annotations

import datetime as dt
import signal
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

import structlog
from huey import Huey, crontab
from sqlalchemy import Engine

from incentives.errors import IncentivesError, Rejected, as_plain, told
from incentives.jobs import desk
from incentives.jobs.registry import KINDS, Found, Progress
from incentives.service.access import viewer_of
from incentives.service.months import NotReady
from incentives.store import queue
from incentives.store.acts import Who
from incentives.store.engine import reading

_log = structlog.get_logger()

THREADS = 2
"""Whoever writes the books is alone anyway; a second job may read meanwhile."""
SECONDS_TO_END = 30
SECONDS_BETWEEN_WORDS = 0.2


Clock = Callable[[], dt.datetime]
"""This moment, in UTC. It is given: the pages of a demo stay on one day, and what they ask for is of that day."""


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)


def run_waiting(engine: Engine, now: Clock = _now) -> int:
    """Do every job that waits, here and now; how many. For tests, and for an operator without a worker."""
    with queue.opened(engine) as waiting:
        numbers = desk.waiting(engine)
        for number in numbers:
            do(engine, waiting, number, now())
        return len(numbers)


def do(engine: Engine, waiting: Huey, number: int, at: dt.datetime) -> None:
    """Do a job, unless somebody else took it; whatever goes wrong becomes what its row says."""
    job = desk.take(engine, number)
    if job is None:
        return
    began = time.monotonic()
    state, result = _done(engine, job, at, _progress(waiting, number))
    if isinstance(result, Found):
        desk.keep_found(engine, waiting, job, result.found)
        result = result.result
    desk.end(engine, number, state, result)
    queue.forget_how_far(waiting, number)
    _log.info("job", number=number, kind=job.kind, state=state, ms=round((time.monotonic() - began) * 1000))


def _done(
    engine: Engine, job: desk.Job, at: dt.datetime, progress: Progress
) -> tuple[str, Mapping[str, Any] | Found]:
    try:
        kind = KINDS[job.kind]
        return "done", kind.function(engine, dict(job.arguments), _who(engine, job, at, kind.roles), progress)
    except Rejected as rejected:
        return "failed", {"problems": [as_plain(each.whole) for each in rejected.problems]}
    except NotReady as blocked:
        found = [sentence for step in blocked.steps if step.blocks for sentence in (*step.found[:10], step.cure)]
        return "failed", {"problems": [as_plain(each) for each in (*blocked.args, *found)]}
    except IncentivesError as error:
        return "failed", {"problems": [as_plain(each) for each in error.args]}
    except Exception as error:
        _log.error("unforeseen", job=job.number, kind=job.kind, exc_info=error)
        return "failed", {"problems": []}


class NoLonger(IncentivesError):
    """Whoever asked for a job may not have it done any more."""


def _who(engine: Engine, job: desk.Job, at: dt.datetime, roles: frozenset[str]) -> Who:
    """Whoever asked for it, if they still may. The act says which job it was."""
    with reading(engine) as connection:
        viewer = viewer_of(connection, job.account_id, at.date())
    if viewer is None or (roles and not viewer.has(*roles)):
        raise NoLonger(
            told("Whoever asked for this may not do it any more. Somebody who may can ask for it again.")
        )
    return Who(viewer.actor, at, str(job.arguments.get("reason", "")).strip(), request_of(job.number))


def request_of(number: int) -> str:
    """How acts name the job that they were done by."""
    return f"job {number}"


def _progress(waiting: Huey, number: int) -> Progress:
    """Tell how far it is, some times a second."""
    told = 0.0
    said = ""

    def tell(says: str, done: int, whole: int = 0) -> None:
        nonlocal told, said
        if says == said and done != whole and time.monotonic() - told < SECONDS_BETWEEN_WORDS:
            return
        told, said = time.monotonic(), says
        queue.tell_how_far(waiting, number, says, done, whole)

    return tell


# The worker ------------------------------------------------------------------------------------------

Sweep = Callable[[Engine], None]
"""Something that is looked after every minute: what it finds undone, it does."""


def serve(engine: Engine, sweeps: tuple[Sweep, ...] = (), now: Clock = _now) -> None:
    """Work until told to stop (SIGTERM ends what is under way; SIGINT at once, and it is done again later).

    Where another worker is at work, stand by until it ends.
    """
    with queue.only_worker(engine) as is_mine:
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        while not is_mine():
            if stop.wait(1):
                return
        _Worker(engine, sweeps, now).run()


class _Worker:
    """The queue's consumer: threads that do jobs, and a sweep every minute."""

    def __init__(self, engine: Engine, sweeps: tuple[Sweep, ...], now: Clock) -> None:
        self.engine, self.sweeps, self.now = engine, sweeps, now
        self.waiting = queue.queue_of(engine)
        self.mine: list[int] = []  # with a number twice where two threads were told of the same job
        self.sweeping = threading.Lock()
        desk.task_of(self.waiting, self.do)
        self.sweep_soon = self.waiting.periodic_task(crontab(), name="sweep")(self.sweep)

    def run(self) -> None:
        try:
            self.find_missed()
            self.sweep_soon()
            consumer = self.waiting.create_consumer(
                workers=THREADS, max_delay=0.5, graceful_signal="TERM", shutdown_timeout=SECONDS_TO_END
            )
            consumer.run()
        finally:
            self.waiting.storage.close()

    def do(self, number: int) -> None:
        self.mine.append(number)
        try:
            do(self.engine, self.waiting, number, self.now())
        finally:
            self.mine.remove(number)

    def sweep(self) -> None:
        """Jobs that the queue lost or somebody left; then everything else that is looked after."""
        if not self.sweeping.acquire(blocking=False):
            return  # the one before takes longer than a minute
        try:
            self.find_missed()
            for each in self.sweeps:
                try:
                    each(self.engine)
                except Exception as error:
                    _log.error("unforeseen", sweep=getattr(each, "__name__", ""), exc_info=error)
        finally:
            self.sweeping.release()

    def find_missed(self) -> None:
        """Nobody else works: what is under way and not in these hands was left by one that died."""
        left = [number for number in desk.under_way(self.engine) if number not in self.mine]
        desk.put_back(self.engine, left)
        desk.enqueue(self.engine, desk.waiting(self.engine))
