"""Real processes that do the same thing at the same moment: one of them does it, and the others are told so.

``DEEP_HISTORIES=10000 make test-deep`` races ten times as often. A failure prints its round, which is its seed.
"""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import Engine, func, select

from incentives.service.months import close
from incentives.service.runs import run
from incentives.service.verification import breaches
from incentives.store import closes as kept
from incentives.store import ledger, tables
from incentives.store.engine import reading
from incentives.store.upgrade import check_ready
from racing import Job, Outcome, Racers, closes, imports, looks, pays, racers, runs, upgrades, who
from stores import WAIVED, Shelf, made, opened
from test_store_changes import CREDITS, EVENTS, FIRST, INVOICES, LINES, REPORTING

if TYPE_CHECKING:
    from postgres import Server

ROUNDS = {"close": 16, "import-close": 40, "same-file": 50, "one-event": 24, "payout": 60, "run": 10}
"""Two hundred on each database."""
DEEP_TIMES = 10
READS = 0.04
"""Seconds: a close that begins as soon as an import would always come first, for that must read its files."""
START = dt.date(2026, 1, 1)


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def shelf(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Shelf:
    server: Server | None = request.getfixturevalue("postgresql") if request.param == "postgresql" else None
    return Shelf(request.param, tmp_path_factory.mktemp("books"), server)


@pytest.fixture(scope="module")
def eight() -> Iterator[Racers]:
    with racers(8) as started:
        yield started


@pytest.fixture(scope="module")
def filled(shelf: Shelf, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Books with three invoices and payments, to be copied."""
    url = made(shelf.new())
    imports(url, "ana", str(folder(tmp_path_factory.mktemp("first") / "first", FIRST)))
    return url


@pytest.fixture
def books(shelf: Shelf, filled: str) -> Iterator[str]:
    url = shelf.copy(filled)
    yield url
    shelf.drop(url)


def folder(path: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_text(text, "utf-8")
    return path


LARGE = {
    "invoices.csv": f"{INVOICES}\nI9,c2,EUR,2026-01-10,2026-02-09,south\n",
    "invoice_lines.csv": f"{LINES}\nI9,1,100000.00\n",
    "credits.csv": f"{CREDITS}\nI9,cem,executive,1\n",
}
"""An invoice of which any number of payments earn 10 %."""


def event(
    path: Path, event_id: str, day: dt.date, cents: int = 100, recorded_at: str = "", invoice_id: str = "I3"
) -> str:
    """A folder with one payment."""
    row = f"{event_id},payment,{invoice_id},{day},{cents / 100:.2f},,{recorded_at}"
    return str(folder(path, {"events.csv": f"{EVENTS},recorded_at\n{row}\n"}))


def month(number: int) -> dt.date:
    return dt.date(START.year + number // 12, number % 12 + 1, 1)


@contextmanager
def round_of(number: int, outcomes: list[Outcome]) -> Iterator[None]:
    """Nobody dies of a race; what fails says in which round."""
    try:
        assert [each.died for each in outcomes if each.died] == []
        yield
    except AssertionError as error:
        error.add_note(f"round {number}: {outcomes}")
        raise


def count(engine: Engine, model: type[tables.Base]) -> int:
    with reading(engine) as connection:
        return connection.execute(select(func.count()).select_from(tables.table_of(model))).scalar() or 0


def sums(engine: Engine) -> dict[str, int]:
    with reading(engine) as connection:
        found: dict[str, int] = {}
        for entry in ledger.entries(connection):
            if entry.kind != "payout":
                found[entry.payee_id] = found.get(entry.payee_id, 0) + entry.amount_minor
        return found


# One month ----------------------------------------------------------------------------------------------


def race_closes(books: str, eight: Racers, rounds: int) -> None:
    """One closes; the others hear under which seal it was closed."""
    seals = []
    with opened(books) as engine:
        for number in range(rounds):
            jobs: list[Job] = [(closes, (books, name, month(number))) for name in ("ben", "cem", "dov")]
            outcomes = eight.race(jobs[: 2 + number % 2], Random(number))
            with round_of(number, outcomes):
                [seal] = [each.answer for each in outcomes if each.won]
                assert {each.refused for each in outcomes if not each.won} == {"closed"}
                seals.append(seal)
                assert count(engine, tables.Close) == number + 1
        with reading(engine) as connection:
            assert [each.seal for each in kept.closes(connection)] == seals
        assert sums(engine) == {"ana": 137_50, "ben": 62_50, "mia": 15_00}
        assert count(engine, tables.Act) == 1 + 2 * rounds + count(engine, tables.Waiver), "losers left nothing"
        assert breaches(engine) == []


def test_a_month_is_closed_by_one(books: str, eight: Racers) -> None:
    race_closes(books, eight, ROUNDS["close"])


def race_imports_with_closes(books: str, eight: Racers, rounds: int, tmp_path: Path) -> None:
    """What comes while a month closes is in it, or after it; never posted into what is closed, never lost."""
    before = after = 0
    with opened(books) as engine:
        imports(books, "ana", str(folder(tmp_path / "large", LARGE)))
        for number in range(rounds):
            path = event(tmp_path / f"late {number}", f"late-{number}", month(number), invoice_id="I9")
            jobs: list[Job] = [(imports, (books, "ana", path)), (closes, (books, "ben", month(number)))]
            outcomes = eight.race(jobs, Random(number), READS)
            with round_of(number, outcomes), reading(engine) as connection:
                assert all(each.won for each in outcomes)
                act_id, accepted = outcomes[0].answer
                assert accepted == 1
                closed = kept.closed(connection, month(number))
                assert closed is not None
                is_before = act_id <= closed.known_through
                assert is_before == (act_id < closed.act_id)
                posted = list(ledger.entries(connection, month=month(number)))
                mine = [each.amount_minor for each in posted if each.cause == f"late-{number}"]
                assert mine == ([10] if is_before else []), "10 % of 1.00, in the month that knew of it"
                before, after = before + is_before, after + (not is_before)
        run(engine, who("ana"))
        assert sums(engine)["cem"] == 10 * rounds
        assert breaches(engine) == []
    assert before and after, "one of the two always came first: that was no race"


def test_what_comes_while_a_month_closes_is_in_it_or_after_it(books: str, eight: Racers, tmp_path: Path) -> None:
    race_imports_with_closes(books, eight, ROUNDS["import-close"], tmp_path)


# One delivery -------------------------------------------------------------------------------------------


def race_same_file(books: str, eight: Racers, rounds: int, tmp_path: Path) -> None:
    with opened(books) as engine:
        there = count(engine, tables.Event)
        for number in range(rounds):
            rows = "".join(f"f{number}-{each},payment,I3,2026-02-15,1.00,\n" for each in range(5))
            path = str(folder(tmp_path / str(number), {"events.csv": f"{EVENTS}\n{rows}"}))
            jobs: list[Job] = [(imports, (books, name, path)) for name in ("ana", "ben", "cem", "dov")]
            outcomes = eight.race(jobs, Random(number))
            with round_of(number, outcomes):
                assert sorted(each.answer[1] for each in outcomes) == [0, 0, 0, 5]
                assert len({each.answer[0] for each in outcomes}) == 4, "each is an act of its own"
                assert count(engine, tables.Event) == there + 5 * (number + 1)
        assert breaches(engine) == []


def test_a_file_that_four_bring_at_once_is_taken_once(books: str, eight: Racers, tmp_path: Path) -> None:
    race_same_file(books, eight, ROUNDS["same-file"], tmp_path)


def race_one_event(books: str, eight: Racers, rounds: int, tmp_path: Path) -> None:
    with opened(books) as engine:
        there = count(engine, tables.Event)
        for number in range(rounds):
            jobs: list[Job] = []
            for each in range(8):
                instant = f"2026-02-15T0{each}:00:00+00:00"
                path = event(tmp_path / f"{number}-{each}", f"e{number}", dt.date(2026, 2, 15), 100, instant)
                jobs.append((imports, (books, "ana", path)))
            outcomes = eight.race(jobs, Random(number))
            with round_of(number, outcomes):
                assert sorted(each.answer[1] for each in outcomes) == [0] * 7 + [1]
                assert count(engine, tables.Event) == there + number + 1
        assert count(engine, tables.Conflict) == 0
        assert breaches(engine) == []


def test_an_event_that_eight_deliver_at_once_is_one_event(books: str, eight: Racers, tmp_path: Path) -> None:
    race_one_event(books, eight, ROUNDS["one-event"], tmp_path)


def test_of_eight_contents_under_one_id_one_counts_and_seven_wait(
    books: str, eight: Racers, tmp_path: Path
) -> None:
    jobs: list[Job] = [
        (imports, (books, "ana", event(tmp_path / str(cents), "e", dt.date(2026, 2, 15), cents)))
        for cents in range(100, 108)
    ]
    outcomes = eight.race(jobs, Random(0))
    with round_of(0, outcomes), opened(books) as engine:
        assert sorted(each.answer[1] for each in outcomes) == [0] * 7 + [1]
        assert count(engine, tables.Conflict) == 7
        assert breaches(engine) == []


def test_two_deliveries_that_are_each_right_and_together_wrong_are_not_both_taken(
    shelf: Shelf, filled: str, eight: Racers, tmp_path: Path
) -> None:
    """Each was read against books in which the other's line was not there yet."""
    lines = {"ana-cem": "ana,cem", "cem-ana": "cem,ana"}
    paths = [
        str(folder(tmp_path / name, {"reporting.csv": f"{REPORTING}\n{line},2026-01-01,\n"}))
        for name, line in lines.items()
    ]
    for number in range(5):
        url = shelf.copy(filled)
        outcomes = eight.race([(imports, (url, "ana", path)) for path in paths], Random(number))
        with round_of(number, outcomes):
            assert sorted(each.won for each in outcomes) == [False, True]
        shelf.drop(url)


# From nothing -------------------------------------------------------------------------------------------


def test_books_that_four_make_at_once_are_made_once(shelf: Shelf, eight: Racers) -> None:
    for number in range(3):
        url = shelf.new()
        outcomes = eight.race([(upgrades, (url,))] * 4, Random(number))
        with round_of(number, outcomes), opened(url) as engine:
            assert sorted(each.answer for each in outcomes) == [False, False, False, True]
            assert count(engine, tables.Books) == 1
            check_ready(engine)


def test_empty_books_are_opened_by_one_delivery(shelf: Shelf, eight: Racers, tmp_path: Path) -> None:
    empty, path = made(shelf.new()), str(folder(tmp_path / "first", FIRST))
    for number in range(4):
        url = shelf.copy(empty)
        outcomes = eight.race(
            [(imports, (url, name, path)) for name in ("ana", "ben", "cem", "dov")], Random(number)
        )
        with round_of(number, outcomes), opened(url) as engine:
            assert sorted(each.answer[1] > 0 for each in outcomes) == [False, False, False, True]
            assert (count(engine, tables.RuleRevision), count(engine, tables.Decision)) == (4, 4)
            assert breaches(engine) == []
        shelf.drop(url)


# Runs and payouts ---------------------------------------------------------------------------------------


def race_runs(books: str, eight: Racers, rounds: int, tmp_path: Path) -> None:
    with opened(books) as engine:
        for number in range(rounds):
            imports(books, "ana", event(tmp_path / str(number), f"e{number}", dt.date(2026, 1, 15)))
            jobs: list[Job] = [(runs, (books, name)) for name in ("ana", "ben", "cem")]
            jobs.append((closes, (books, "dov", month(1))))
            outcomes = eight.race(jobs, Random(number))
            with round_of(number, outcomes):
                assert outcomes[3].refused == "not-its-turn"
                assert all(each.won for each in outcomes[:3])
                posted = sorted(each.answer for each in outcomes[:3])
                assert posted[:2] == [0, 0], "one of them posts"
        assert breaches(engine) == []


def test_a_difference_is_posted_by_one_run(books: str, eight: Racers, tmp_path: Path) -> None:
    race_runs(books, eight, ROUNDS["run"], tmp_path)


def test_who_only_looks_stands_in_nobody_s_way(books: str, eight: Racers, tmp_path: Path) -> None:
    with opened(books) as engine:
        for number in range(5):
            path = event(tmp_path / str(number), f"e{number}", dt.date(2026, 1, 15))
            jobs: list[Job] = [(looks, (books, name, START)) for name in ("ben", "cem")]
            outcomes = eight.race([*jobs, (imports, (books, "ana", path))], Random(number), READS)
            with round_of(number, outcomes):
                assert [each.answer for each in outcomes] == [3, 3, (number + 2, 1)]
        assert count(engine, tables.Act) == 6, "what was looked at left nothing"


def race_payouts(books: str, eight: Racers, rounds: int) -> None:
    with opened(books) as engine:
        close(engine, who("ben"), START, waive=WAIVED)
        first = None
        for number in range(rounds):
            jobs: list[Job] = [(pays, (books, name, START)) for name in ("ana", "ben", "cem", "dov")]
            outcomes = eight.race(jobs, Random(number))
            with round_of(number, outcomes):
                numbers = sorted(each.answer[0] for each in outcomes)
                assert numbers == list(range(4 * number + 1, 4 * number + 5)), "one original, then copies"
                contents = {each.answer[1] for each in outcomes}
                assert contents == {first or min(contents)}
                first = first or min(contents)
        assert count(engine, tables.PayoutFile) == 1
        assert breaches(engine) == []


def test_a_payout_file_is_handed_over_as_original_once(books: str, eight: Racers) -> None:
    race_payouts(books, eight, ROUNDS["payout"])


# Many ---------------------------------------------------------------------------------------------------


@pytest.mark.deep
def test_as_many_races_as_asked_have_one_winner(books: str, eight: Racers, tmp_path: Path) -> None:
    times = DEEP_TIMES * int(os.environ.get("DEEP_HISTORIES", "10000")) // 10_000 or 1
    for number in range(times):
        race_same_file(books, eight, ROUNDS["same-file"], tmp_path / f"same {number}")
    race_one_event(books, eight, times * ROUNDS["one-event"], tmp_path / "one")
    race_imports_with_closes(books, eight, times * ROUNDS["import-close"], tmp_path / "late")
