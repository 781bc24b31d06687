"""The rows of jobs: started, looked at, taken, ended."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import structlog
from huey import Huey
from sqlalchemy import Connection, Engine, Row, insert, select, update

from incentives.errors import Told, from_plain
from incentives.jobs.registry import KINDS
from incentives.service.access import NotThere, Viewer
from incentives.store import desk, queue
from incentives.store.tables import table_of

_log = structlog.get_logger()
_table = table_of(desk.Job)

KEPT = 5
"""Of so many jobs of a kind and account it is kept what they found."""


@dataclass(frozen=True, slots=True)
class Job:
    """A job as somebody looks at it. ``problems`` are why one failed; none where it was a fault of ours."""

    number: int
    account_id: int
    kind: str
    arguments: Mapping[str, Any]
    state: str
    says: str
    done: int
    whole: int
    result: Mapping[str, Any]
    made_at: dt.datetime
    began_at: dt.datetime | None
    ended_at: dt.datetime | None

    @property
    def problems(self) -> tuple[Told, ...]:
        """In words, why it was not done."""
        return tuple(map(from_plain, self.result.get("problems", ())))

    @property
    def has_ended(self) -> bool:
        """Whether nothing more will happen to it."""
        return self.state in ("done", "failed")


def start(
    engine: Engine, account_id: int, kind: str, arguments: Mapping[str, Any], at: dt.datetime | None = None
) -> int:
    """Have a job done in the name of an account; its number. Call it after what it needs was committed.

    ``arguments`` are plain (JSON). ``to`` among them is the page it leads to in the end. It was asked for ``at`` a
    moment: now, if that is not said.
    """
    assert kind in KINDS, f"{kind} is no kind of job"
    values = {
        "account_id": account_id,
        "kind": kind,
        "arguments": json.dumps(arguments),
        "state": "waiting",
        "says": "",
        "done": 0,
        "whole": 0,
        "result": "{}",
        "made_at": at or dt.datetime.now(dt.UTC),
    }
    with engine.begin() as connection:
        number = int(connection.execute(insert(desk.Job).values(**values).returning(desk.Job.id)).scalar_one())
    enqueue(engine, [number])
    return number


def enqueue(engine: Engine, numbers: Iterable[int]) -> None:
    """Tell the worker. What could not be told is found by its row later."""
    try:
        with queue.opened(engine) as waiting:
            tell = task_of(waiting, lambda number: None)
            for number in numbers:
                tell(number)
    except Exception as error:
        _log.warning("not enqueued", error=type(error).__name__)


def task_of(waiting: Huey, does: Callable[[int], None]) -> Callable[[int], Any]:
    """The queue's one task: ``does`` is what it means in the worker; to whoever enqueues it, nothing."""

    def job(number: int) -> None:
        does(number)

    task: Callable[[int], Any] = waiting.task()(job)
    return task


def look(engine: Engine, connection: Connection, viewer: Viewer, number: int) -> Job:
    """A job of the viewer's own, or anybody's for an admin; :class:`NotThere` otherwise."""
    found = connection.execute(select(_table).where(_table.c.id == number)).one_or_none()
    if found is None or (found.account_id != viewer.account_id and not viewer.has("admin")):
        raise NotThere(str(number))
    job = _job(found)
    if found.account_id != viewer.account_id:  # how it went, in a number; neither figures nor what was wrong
        said = {name: value for name, value in job.result.items() if isinstance(value, int)}
        job = replace(job, result=said)
    if job.state != "running":
        return job
    with queue.opened(engine) as waiting:
        far = queue.how_far(waiting, number)
    return replace(job, says=far[0], done=far[1], whole=far[2]) if far else job


def newest(connection: Connection, viewer: Viewer, kind: str, **arguments: str) -> Job | None:
    """The newest job of a kind that the viewer asked for, with these arguments."""
    own = (each for each in jobs_of(connection, viewer.account_id) if each.kind == kind)
    return next((each for each in own if arguments.items() <= each.arguments.items()), None)


def found_by(engine: Engine, job: Job) -> Any:
    """What a job found that it did not put into its result; ``None`` where it is no longer kept."""
    with queue.opened(engine) as waiting:
        return queue.found_by(waiting, job.number)


def jobs_of(connection: Connection, account_id: int, limit: int = 50) -> list[Job]:
    """The newest jobs of an account."""
    asked = select(_table).where(_table.c.account_id == account_id).order_by(_table.c.id.desc()).limit(limit)
    return [_job(row) for row in connection.execute(asked)]


def _job(row: Row[Any]) -> Job:
    return Job(
        number=row.id,
        account_id=row.account_id,
        kind=row.kind,
        arguments=json.loads(row.arguments),
        state=row.state,
        says=row.says,
        done=row.done,
        whole=row.whole,
        result=json.loads(row.result),
        made_at=row.made_at,
        began_at=row.began_at,
        ended_at=row.ended_at,
    )


# For the worker --------------------------------------------------------------------------------------


def waiting(engine: Engine) -> list[int]:
    """The jobs that nobody took yet, oldest first."""
    return _in_state(engine, "waiting")


def under_way(engine: Engine) -> list[int]:
    """The jobs that somebody took and did not end."""
    return _in_state(engine, "running")


def _in_state(engine: Engine, state: str) -> list[int]:
    with engine.connect() as connection:
        asked = select(_table.c.id).where(_table.c.state == state).order_by(_table.c.id)
        return list(connection.execute(asked).scalars())


def take(engine: Engine, number: int) -> Job | None:
    """Take a job that waits; ``None`` where it does not wait any more: somebody else took it."""
    with engine.begin() as connection:
        now = dt.datetime.now(dt.UTC)
        taken = (
            update(_table)
            .where(_table.c.id == number, _table.c.state == "waiting")
            .values(state="running", began_at=now)
            .returning(*_table.c)
        )
        row = connection.execute(taken).one_or_none()
        return _job(row) if row else None


def put_back(engine: Engine, numbers: Iterable[int]) -> None:
    """They wait again: whoever did them died."""
    with engine.begin() as connection:
        back = update(_table).where(_table.c.id.in_(list(numbers)), _table.c.state == "running")
        connection.execute(back.values(state="waiting"))


def keep_found(engine: Engine, waiting: Huey, job: Job, found: Any) -> None:
    """Keep what a job found, until the same account has asked for the same a few times more."""
    queue.keep_found(waiting, job.number, found)
    older = (_table.c.account_id == job.account_id, _table.c.kind == job.kind, _table.c.id < job.number)
    asked = select(_table.c.id).where(*older).order_by(_table.c.id.desc()).offset(KEPT - 1).limit(KEPT)
    with engine.connect() as connection:
        for number in connection.execute(asked).scalars():
            queue.forget_found(waiting, number)


def end(engine: Engine, number: int, state: str, result: Mapping[str, Any]) -> None:
    """A job is done or failed, for ever."""
    with engine.begin() as connection:
        values = {"state": state, "result": json.dumps(result), "ended_at": dt.datetime.now(dt.UTC)}
        connection.execute(update(_table).where(_table.c.id == number).values(**values))
