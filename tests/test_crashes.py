"""What is interrupted has not happened: all of an act or nothing, nothing acknowledged lost, nothing done twice.

Every act on the books (make, import, run, close, pay) is interrupted in two ways, on both databases: every call to
the database is made to fail once, and a real process is killed without warning at random moments. Whatever
happened, the books are then either as before or as after, and doing the act again ends as if nothing had happened.
"""

from __future__ import annotations

import datetime as dt
import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection as Pipe
from random import Random
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import Connection, Engine, event, inspect

from incentives.service.deliveries import import_folder
from incentives.service.months import close
from incentives.service.payouts import payout
from incentives.service.runs import run
from incentives.store import bulk
from incentives.store.bulk import Row
from incentives.store.queries import Query, Value
from incentives.store.upgrade import check_ready, upgrade
from stores import ANA, BEN, Shelf, everything, opened
from test_cli_books import SAMPLE

if TYPE_CHECKING:
    from postgres import Server

JANUARY = dt.date(2025, 1, 1)
ROUNDS = 4
"""How often each act is killed on each database."""
TRIED = 10
"""How many calls of each act fail, the last one among them."""


# Acts ------------------------------------------------------------------------------------------------


def make(url: str) -> None:
    """Make the books."""
    with opened(url) as engine:
        upgrade(engine, "")


def bring(url: str) -> None:
    """Import the sample company."""
    with opened(url) as engine:
        import_folder(engine, ANA, SAMPLE)


def calculate(url: str) -> None:
    """Run."""
    with opened(url) as engine:
        run(engine, ANA)


def seal(url: str) -> None:
    """Close the first month."""
    with opened(url) as engine:
        close(engine, BEN, JANUARY)


def pay(url: str) -> None:
    """Hand over its payout file."""
    with opened(url) as engine:
        payout(engine, BEN, JANUARY, "adp")


Act = Callable[[str], None]
ACTS: tuple[Act, ...] = (make, bring, calculate, seal, pay)


@dataclass(frozen=True)
class Stage:
    """Books before an act (``None``: none are made yet), and what is in them afterwards."""

    act: Act
    before: str | None
    rows_before: dict[str, list[Any]]
    rows_after: dict[str, list[Any]]


def stages(shelf: Shelf) -> list[Stage]:
    """The acts in their order, with the books before each of them."""
    found, before = [], None
    for act in ACTS:
        after = shelf.new() if before is None else shelf.copy(before)
        act(after)
        found.append(Stage(act, before, rows(before), rows(after)))
        before = after
    return found


def rows(url: str | None) -> dict[str, list[Any]]:
    """Everything in the books but what is new in each making of them; nothing where they are not made."""
    if url is None:
        return {}
    with opened(url) as engine:
        if not inspect(engine).has_table("books"):
            return {}
        check_ready(engine)
        found = everything(engine)
        return found | {"books": [len(found["books"])]}


@pytest.fixture(scope="module")
def sqlite_shelf(tmp_path_factory: pytest.TempPathFactory) -> Shelf:
    return Shelf("sqlite", tmp_path_factory.mktemp("crashes"), None)


@pytest.fixture(scope="module")
def postgresql_shelf(durable_postgresql: Server, tmp_path_factory: pytest.TempPathFactory) -> Shelf:
    return Shelf("postgresql", tmp_path_factory.mktemp("crashes"), durable_postgresql)


@pytest.fixture(params=["sqlite", "postgresql"])
def shelf(request: pytest.FixtureRequest) -> Shelf:
    found: Shelf = request.getfixturevalue(f"{request.param}_shelf")
    return found


# Every call fails once -------------------------------------------------------------------------------


class Fails(Exception):
    """The database does not answer."""


@contextmanager
def failing(at: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """The call with this number fails: a statement, a query, rows in bulk (before or after them), a commit."""
    calls = [0]

    def count(*_: Any) -> None:
        calls[0] += 1
        if calls[0] == at:
            raise Fails(f"call {at}")

    def counted(write: Callable[..., int]) -> Callable[..., int]:
        def written(*arguments: Any) -> int:
            count()
            number = write(*arguments)
            count()
            return number

        return written

    ask = Query.rows

    def asked(query: Query, connection: Connection, **values: Value) -> Iterable[Row]:
        count()
        return ask(query, connection, **values)

    with monkeypatch.context() as patch:
        patch.setattr(Query, "rows", asked)
        patch.setattr(bulk, "_into_sqlite", counted(bulk._into_sqlite))
        patch.setattr(bulk, "_into_postgresql", counted(bulk._into_postgresql))
        event.listen(Engine, "before_cursor_execute", count)
        event.listen(Engine, "commit", count)
        try:
            yield calls
        finally:
            event.remove(Engine, "before_cursor_execute", count)
            event.remove(Engine, "commit", count)


def fresh(shelf: Shelf, stage: Stage) -> str:
    """Books as they are before a stage."""
    return shelf.new() if stage.before is None else shelf.copy(stage.before)


def test_whichever_call_to_the_database_fails_nothing_has_happened(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = Random(11)
    for stage in stages(shelf):
        url = fresh(shelf, stage)
        with failing(0, monkeypatch) as calls:
            stage.act(url)
        shelf.drop(url)
        tried = sorted(rng.sample(range(1, calls[0] + 1), min(calls[0], TRIED)))
        assert tried
        for at in {*tried, calls[0]}:
            where = f"{stage.act.__name__}, call {at} of {calls[0]}"
            url = fresh(shelf, stage)
            with failing(at, monkeypatch), pytest.raises(Fails):
                stage.act(url)
            assert rows(url) == stage.rows_before, where
            stage.act(url)
            assert rows(url) == stage.rows_after, where
            shelf.drop(url)


# A process is killed ---------------------------------------------------------------------------------


def _does(act: Act, url: str, pipe: Pipe) -> None:
    pipe.send("begins")
    act(url)
    pipe.send("done")
    signal.pause()


def killed(act: Act, url: str, after_seconds: float | None) -> bool:
    """Do an act in a process of its own and kill it; whether the act had been acknowledged by then.

    ``None`` kills it as soon as the act is acknowledged.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["test_crashes"])
    ours, theirs = context.Pipe()
    process = context.Process(target=_does, args=(act, url, theirs))
    process.start()
    theirs.close()
    assert ours.recv() == "begins"
    ours.poll(after_seconds)
    process.kill()
    process.join()
    try:
        acknowledged = bool(ours.recv() == "done")
    except EOFError:
        acknowledged = False
    ours.close()
    process.close()
    return acknowledged


def test_a_process_that_is_killed_leaves_all_of_an_act_or_nothing(shelf: Shelf) -> None:
    seed = int(os.environ.get("CRASH_SEED", "12"))
    rng = Random(seed)
    seen = set()
    for stage in stages(shelf):
        url = fresh(shelf, stage)
        begun = time.monotonic()
        stage.act(url)
        usual_seconds = time.monotonic() - begun
        shelf.drop(url)
        within = [rng.uniform(0, 1.3) * usual_seconds for _ in range(ROUNDS)]
        for after_seconds in (0, *within, None):
            url = fresh(shelf, stage)
            where = f"{stage.act.__name__}, killed after {after_seconds} s, seed {seed}"
            acknowledged = killed(stage.act, url, after_seconds)
            left = rows(url)
            assert left in (stage.rows_before, stage.rows_after), where
            assert not acknowledged or left == stage.rows_after, where
            seen.add(left == stage.rows_after)
            if left == stage.rows_before:
                stage.act(url)
                assert rows(url) == stage.rows_after, where
            shelf.drop(url)
    assert seen == {True, False}, "some were killed before the end, and some after it"
