"""Jobs: done once, done again where they were cut short, told in plain words, seen by whoever asked."""

from __future__ import annotations

import datetime as dt
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import Engine, func, select, update

from incentives import jobs
from incentives.jobs import KINDS, desk, kind, run_waiting, start, work
from incentives.service import accounts
from incentives.service.accounts import Person
from incentives.store import queue, tables
from incentives.store.acts import Who
from incentives.store.desk import Account
from incentives.store.desk import Job as Row
from incentives.store.engine import engine_for, read_url
from incentives.store.guards import differences
from incentives.store.upgrade import check_ready, upgrade
from served import FEMKE, KIM, PROJECT, RUBEN, SANNE, app_on, client_of
from stores import made, opened

if TYPE_CHECKING:
    from postgres import Databases

NOW = dt.datetime(2026, 11, 2, 9, tzinfo=dt.UTC)


def account(engine: Engine, email: str) -> int:
    with engine.connect() as connection:
        return connection.execute(select(Account.id).where(Account.email == email)).scalar_one()


def row(engine: Engine, number: int) -> Any:
    with engine.connect() as connection:
        return connection.execute(select(*Row.__table__.c).where(Row.id == number)).one()


def test_a_run_is_done_in_the_name_of_whoever_asked(story_engine: Engine) -> None:
    number = start(story_engine, account(story_engine, FEMKE), "run", {"as_of": "2026-08-03"})
    assert row(story_engine, number).state == "waiting"
    assert run_waiting(story_engine) == 1
    done = row(story_engine, number)
    assert done.state == "done", done.result
    with story_engine.connect() as connection:
        act = connection.execute(select(*tables.Act.__table__.c).order_by(tables.Act.id.desc())).first()
    assert act is not None
    assert (act.what, act.actor, act.request) == ("run", FEMKE, f"job {number}")


def test_a_job_that_had_finished_before_it_could_say_so_finds_what_it_did(story_engine: Engine) -> None:
    number = start(story_engine, account(story_engine, FEMKE), "run", {"as_of": "2026-08-03"})
    run_waiting(story_engine)
    first = row(story_engine, number).result
    with story_engine.begin() as connection:
        runs_before = connection.execute(select(func.count()).select_from(tables.Run)).scalar()
        connection.execute(update(Row).where(Row.id == number).values(state="running", result="{}"))
    desk.put_back(story_engine, [number])
    assert run_waiting(story_engine) == 1
    assert row(story_engine, number).result == first
    with story_engine.connect() as connection:
        assert connection.execute(select(func.count()).select_from(tables.Run)).scalar() == runs_before


def test_what_may_not_be_done_is_told_in_plain_words(story_engine: Engine) -> None:
    number = start(story_engine, account(story_engine, RUBEN), "close", {"month": "2026-09"})
    run_waiting(story_engine)
    shown = client_of(app_on(story_engine), RUBEN).get(f"/jobs/{number}").text
    assert "This could not be done." in shown
    assert "2026-08 is still open." in shown
    assert "hx-trigger" not in shown


def test_a_fault_of_ours_says_nothing_of_its_inside(story_engine: Engine) -> None:
    number = start(story_engine, account(story_engine, RUBEN), "close", {"month": "an amount of 1,234.56"})
    run_waiting(story_engine)
    shown = client_of(app_on(story_engine), RUBEN).get(f"/jobs/{number}").text
    assert "Something went wrong on our side." in shown
    assert "Traceback" not in shown and "Invalid" not in shown


def test_who_lost_the_role_meanwhile_has_nothing_done(story_engine: Engine) -> None:
    number = start(story_engine, account(story_engine, FEMKE), "run", {})
    admin = Who(KIM, NOW)
    accounts.change(story_engine, admin, account(story_engine, FEMKE), Person(FEMKE, "Femke Bos", ["auditor"]))
    run_waiting(story_engine)
    done = row(story_engine, number)
    assert done.state == "failed"
    assert "may not do it any more" in done.result


def test_a_job_is_seen_by_whoever_asked_and_by_an_admin(story_engine: Engine) -> None:
    number = start(story_engine, account(story_engine, FEMKE), "preview", {})
    app = app_on(story_engine)
    seen = {
        email: client_of(app, email).get(f"/jobs/{number}").status_code for email in (FEMKE, KIM, RUBEN, SANNE)
    }
    assert seen == {FEMKE: 200, KIM: 200, RUBEN: 404, SANNE: 404}


def test_the_page_asks_again_until_it_is_done_and_then_goes_on(story_engine: Engine) -> None:
    arguments = {"as_of": "2026-08-03", "to": "/month"}
    number = start(story_engine, account(story_engine, FEMKE), "preview", arguments)
    client = client_of(app_on(story_engine), FEMKE)
    assert 'hx-trigger="every 1s"' in client.get(f"/jobs/{number}/part").text
    run_waiting(story_engine)
    answered = client.get(f"/jobs/{number}/part")
    assert answered.headers["HX-Redirect"] == "/month"
    assert "The preview is ready." in answered.text
    assert "hx-trigger" not in answered.text
    assert "The preview is ready." in client.get("/jobs").text or "done" in client.get("/jobs").text


@pytest.mark.parametrize("elsewhere", ["https://evil.example/", "//evil.example/", "/\\evil.example"])
def test_a_job_leads_nobody_away(story_engine: Engine, elsewhere: str) -> None:
    number = start(story_engine, account(story_engine, FEMKE), "preview", {"to": elsewhere})
    run_waiting(story_engine)
    answered = client_of(app_on(story_engine), FEMKE).get(f"/jobs/{number}/part")
    assert "HX-Redirect" not in answered.headers
    assert "evil" not in answered.text


def test_what_a_job_found_is_kept_beside_the_books_until_the_same_was_asked_often_enough(
    story_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desk, "KEPT", 2)
    femke, ruben = account(story_engine, FEMKE), account(story_engine, RUBEN)
    numbers = [start(story_engine, femke, "preview", {"as_of": "2026-08-03"}) for _ in range(3)]
    other = start(story_engine, ruben, "preview", {"as_of": "2026-08-03"})
    run_waiting(story_engine)
    with story_engine.connect() as connection:
        found = {each.number: desk.found_by(story_engine, each) for each in desk.jobs_of(connection, femke)}
        (theirs,) = desk.jobs_of(connection, ruben)
    assert theirs.number == other and desk.found_by(story_engine, theirs)["month"] == "2026-08-01"
    assert [number for number in numbers if found[number] is None] == numbers[:1]
    assert row(story_engine, numbers[-1]).result == '{"month": "2026-08", "entries": 0, "people": 0}'


def test_what_a_job_found_is_kept_on_both_databases(database_url: str) -> None:
    with opened(made(database_url)) as engine, queue.opened(engine) as waiting:
        assert queue.found_by(waiting, 7) is None
        for found in ({"pays": 1}, {"pays": [2, "\N{EURO SIGN}"]}):
            queue.keep_found(waiting, 7, found)
            assert queue.found_by(waiting, 7) == found
        queue.forget_found(waiting, 7)
        assert queue.found_by(waiting, 7) is None


# How far, and by whom --------------------------------------------------------------------------------


@pytest.fixture
def looking() -> Iterator[Callable[[Callable[[Engine, int], None]], str]]:
    """A kind of job that lets a test look while it is done."""
    made: list[str] = []

    def made_of(look: Callable[[Engine, int], None]) -> str:
        name = f"looking-{len(made)}"

        @kind(name)
        def job(engine: Engine, arguments: dict[str, Any], who: Who, progress: jobs.Progress) -> dict[str, Any]:
            progress("Posting entries", 40, 100)
            look(engine, int(who.request.removeprefix("job ")))
            return {}

        made.append(name)
        return name

    yield made_of
    for name in made:
        del KINDS[name]


def test_a_job_tells_how_far_it_is_while_it_holds_the_books(
    story_engine: Engine, looking: Callable[[Callable[[Engine, int], None]], str]
) -> None:
    seen = []
    client = client_of(app_on(story_engine), FEMKE)

    def look(engine: Engine, number: int) -> None:
        with engine.connect() as connection:
            connection = connection.execution_options(writes=True)
            with connection.begin():  # on SQLite nobody else can write now
                seen.append(client.get(f"/jobs/{number}/part").text)

    start(story_engine, account(story_engine, FEMKE), looking(look), {})
    run_waiting(story_engine)
    assert "40 of 100" in seen[0]
    assert '<progress aria-label="A job" value="40" max="100">' in seen[0]


def test_a_job_is_taken_once(story_engine: Engine) -> None:
    number = start(story_engine, account(story_engine, FEMKE), "preview", {})
    assert desk.take(story_engine, number) is not None
    assert desk.take(story_engine, number) is None
    assert run_waiting(story_engine) == 0


def test_a_job_that_a_worker_is_told_of_twice_stays_in_its_hands(story_engine: Engine) -> None:
    number = start(story_engine, account(story_engine, FEMKE), "run", {"as_of": "2026-08-03"})
    told_twice = work._Worker(story_engine, (), lambda: NOW)
    try:
        told_twice.mine.append(number)
        assert desk.take(story_engine, number) is not None  # by one thread
        told_twice.do(number)  # by another
        told_twice.find_missed()
    finally:
        told_twice.waiting.storage.close()
    assert row(story_engine, number).state == "running"


# The worker ------------------------------------------------------------------------------------------

WORK = "import sys; sys.argv[0] = 'incentives'; from incentives.cli import main; main()"


@pytest.fixture
def worker(story_engine: Engine) -> Iterator[Callable[[], subprocess.Popen[bytes]]]:
    """Starts a worker on the story, as an operator does."""
    started = []
    environment = {
        **os.environ,
        "PYTHONPATH": str(PROJECT / "src"),
        "INCENTIVES_DATABASE_URL": f"sqlite:///{story_engine.url.database}",
    }

    def begin() -> subprocess.Popen[bytes]:
        started.append(
            subprocess.Popen(
                [sys.executable, "-c", WORK, "worker"],
                env=environment,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        )
        return started[-1]

    yield begin
    for each in started:
        if each.poll() is None:
            each.kill()
        each.wait(30)


def wait_for(found: Callable[[], bool], seconds: float = 30) -> None:
    until = time.monotonic() + seconds
    while not found():
        assert time.monotonic() < until
        time.sleep(0.05)


def test_a_worker_does_what_is_asked_and_ends_when_told(
    story_engine: Engine, worker: Callable[[], subprocess.Popen[bytes]]
) -> None:
    process = worker()
    number = start(story_engine, account(story_engine, FEMKE), "run", {"as_of": "2026-08-03"})
    wait_for(lambda: row(story_engine, number).state == "done")
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 0


def test_a_job_whose_worker_was_killed_is_done_by_the_next_one(
    story_engine: Engine, worker: Callable[[], subprocess.Popen[bytes]]
) -> None:
    number = start(story_engine, account(story_engine, FEMKE), "run", {"as_of": "2026-08-03"})
    with story_engine.connect() as connection:
        connection = connection.execution_options(writes=True)
        with connection.begin():  # whoever wants to run waits here
            process = worker()
            time.sleep(0.1)
    wait_for(lambda: row(story_engine, number).began_at is not None)
    process.kill()
    process.wait(10)
    with story_engine.begin() as connection:  # as a kill in the middle leaves it
        connection.execute(update(Row).where(Row.id == number).values(state="running"))
    worker()
    wait_for(lambda: row(story_engine, number).state == "done")


def test_one_worker_works_and_others_stand_by(story_engine: Engine) -> None:
    with queue.only_worker(story_engine) as first, queue.only_worker(story_engine) as second:
        assert first()
        assert not second()
    with queue.only_worker(story_engine) as third:
        assert third()


# PostgreSQL ------------------------------------------------------------------------------------------


def test_on_postgresql_the_queue_has_a_schema_of_its_own_and_the_app_role_uses_it(databases: Databases) -> None:
    from postgres import APP

    owner = engine_for(read_url(databases.owner_url))
    upgrade(owner, APP)
    upgrade(owner, APP)
    with owner.connect() as connection:
        assert differences(connection) == []
    app = engine_for(read_url(databases.app_url))
    try:
        check_ready(app)
        number = accounts.add(app, Who(KIM, NOW), Person(FEMKE, "Femke", ["author"]))
        first, second = (start(app, number, "run", {}) for _ in range(2))
        with queue.opened(app) as waiting:
            assert waiting.storage.queue_size() == 2
            queue.tell_how_far(waiting, first, "Reading", 3, 4)
            assert queue.how_far(waiting, first) == ("Reading", 3, 4)
            assert queue.how_far(waiting, second) is None
            assert [queue.count(waiting, "guesses", each) for each in (1, 1, 0)] == [1, 2, 2]
            queue.forget_counts(waiting)
            assert queue.count(waiting, "guesses", 0) == 0
        assert run_waiting(app) == 2
        assert "The books are empty" in row(app, first).result
        with queue.only_worker(app) as mine, queue.only_worker(app) as other:
            assert (mine(), other()) == (True, False)
    finally:
        app.dispose()
        owner.dispose()


BESIDE = """
import os, signal, sys, time
from incentives.cli.working import Beside
Beside.PROGRAM = "import pickle, sys; print(*pickle.load(sys.stdin.buffer), flush=True); sys.stdin.read()"
for number in range(10):
    Beside("settings", number).start()
    forked = []
    until = time.monotonic() + 0.1
    while time.monotonic() < until:
        forked.append(os.fork())
        if not forked[-1]:
            signal.pause()
    time.sleep(0.5)
    print("gone", number, flush=True)
    for each in forked:
        os.kill(each, signal.SIGKILL)
        os.waitpid(each, 0)
"""


def test_a_worker_beside_a_server_gets_its_settings_whenever_the_server_forks() -> None:
    """It did so only when all that was forked had gone: until then nobody did a job."""
    done = subprocess.run([sys.executable, "-c", BESIDE], capture_output=True, text=True, timeout=120)
    said = done.stdout.split("\n")
    for number in range(10):
        assert said.index(f"settings {number}") < said.index(f"gone {number}"), done.stderr
