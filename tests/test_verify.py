"""Sound books verify, on both databases; every check looks at something, and says so where it does not."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
from sqlalchemy import Engine

from closed_books import SAMPLE, close_through, fill
from incentives.engines.inprocess import calculate
from incentives.feeds.folder import read_folder
from incentives.service import checklist
from incentives.service.deliveries import import_folder
from incentives.service.months import NotReady, close
from incentives.service.runs import run
from incentives.service.verification import CHECKS, Checked, breaches, recomputed, verify
from incentives.service.verification.report import Breach, Check
from incentives.store import guards
from incentives.store.closes import closes
from model.histories import write_history
from stores import ANA, BEN, made, opened


def all_is_well(engine: Engine) -> list[Checked]:
    """Every check, of which none found anything."""
    done = list(verify(engine))
    assert [str(breach) for checked in done for breach in checked.breaches] == []
    assert len(done) == len(CHECKS)
    return done


def test_sound_books_verify_at_every_stage_and_every_check_looks_at_something(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INCENTIVES_SEALS", str(tmp_path / "seals"))
    with opened(made(database_url)) as engine:
        all_is_well(engine)  # nothing happened yet
        import_folder(engine, ANA, SAMPLE)
        all_is_well(engine)
        run(engine, ANA)
        all_is_well(engine)
    with opened(database_url) as engine:
        close_through(engine, dt.date(2025, 1, 1))
        all_is_well(engine)


def test_books_in_which_everything_happened_verify_and_every_check_looks_at_something(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INCENTIVES_SEALS", str(tmp_path / "seals"))
    with opened(made(database_url)) as engine:
        fill(engine, tmp_path / "late")
        run(engine, ANA)
        nothing = [str(checked) for checked in all_is_well(engine) if not checked.looked_at]
        assert nothing == []
        told: list[int] = []
        assert breaches(engine, workers=2, progress=told.append) == []
        assert told and told[-1] > 0


def test_what_is_kept_and_what_earns_less_than_nothing_are_no_breaches(tmp_path: Path) -> None:
    for seed in (*range(100, 140), 188):
        folder = tmp_path / str(seed)
        as_of = write_history(folder, seed)
        read = read_folder(folder)
        assert read.facts is not None
        lines = calculate(read.facts, read.plans, as_of).lines
        assert [str(breach) for breach in recomputed._totals(lines)] == [], f"seed {seed}"


def test_every_invariant_but_that_of_the_pages_is_checked() -> None:
    assert {number for check in CHECKS for number in check.invariants} == {1, 2, 3, 4, 5, 6, 7, 8, 10}


def test_a_check_that_looked_at_nothing_says_so(tmp_path: Path) -> None:
    with opened(made(f"sqlite:///{tmp_path / 'books.db'}")) as engine:
        said = [str(checked) for checked in verify(engine)]
    assert "everything calculated anew: looked at nothing" in said
    assert "closed months in a chain: looked at nothing" in said


def test_what_cannot_even_be_read_is_a_breach(tmp_path: Path) -> None:
    with opened(made(f"sqlite:///{tmp_path / 'books.db'}")) as engine:
        import_folder(engine, ANA, SAMPLE)
        with engine.connect() as connection:
            connection.exec_driver_sql("DROP TRIGGER guard_events_update")
            connection.exec_driver_sql("UPDATE events SET occurred_on = 'yesterday' WHERE id = 7")
            connection.commit()
        found = breaches(engine)
    assert str(found[0]) == "[10] guards: trigger events guard_events_update is missing."
    assert not [each for each in found if not each.table]


def test_an_id_that_is_wrongly_kept_as_shared_is_a_breach_and_so_is_one_that_is_not_kept(tmp_path: Path) -> None:
    header, first = (SAMPLE / "events.csv").read_text(encoding="utf-8").splitlines()[:2]
    (tmp_path / "events.csv").write_text(f"{header}\n{first.replace(',bank', ',card')}\n", encoding="utf-8")
    with opened(made(f"sqlite:///{tmp_path / 'books.db'}")) as engine:
        import_folder(engine, ANA, SAMPLE)
        import_folder(engine, ANA, tmp_path)
        run(engine, ANA)
        assert breaches(engine) == []
        with engine.connect() as connection:
            connection.exec_driver_sql("DROP TRIGGER guard_shared_ids_delete")
            connection.exec_driver_sql("DELETE FROM shared_ids")
            connection.exec_driver_sql("INSERT INTO shared_ids VALUES ('pay-25-002')")
            connection.commit()
        found = [str(each) for each in breaches(engine) if each.table == "shared_ids"]
    assert found == [
        "[1] shared_ids, pay-25-001: It stands under several sources, and is not kept as such.",
        "[1] shared_ids, pay-25-002: It does not stand under several sources.",
    ]


@pytest.mark.parametrize("waived", [{}, {"second-person": "I am alone"}])
def test_what_the_closer_alone_brought_after_the_last_run_does_not_verify(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, waived: dict[str, str]
) -> None:
    """Books that were closed by a program that did not ask; a waiver says that somebody knew."""
    january = dt.date(2025, 1, 1)
    (tmp_path / "payees.csv").write_text("payee_id,name\nP99,Nobody yet\n", encoding="utf-8")
    with opened(made(f"sqlite:///{tmp_path / 'books.db'}")) as engine:
        import_folder(engine, ANA, SAMPLE)
        run(engine, ANA)
        import_folder(engine, BEN, tmp_path)
        with pytest.raises(NotReady):
            close(engine, BEN, january)
        if not waived:
            monkeypatch.setattr(checklist, "_alone", lambda *_: ())
        close(engine, BEN, january, waive=waived)
        found = [str(each) for each in breaches(engine)]
    alone = "[8] closes, month 2025-01-01: ben closed what they had brought or decided alone after the last run."
    assert found == ([] if waived else [alone])


def test_a_run_that_was_posted_by_other_rules_does_not_verify(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A calculation that comes out otherwise than it did is found, line by line."""
    with opened(made(f"sqlite:///{tmp_path / 'books.db'}")) as engine:
        import_folder(engine, ANA, SAMPLE)
        close_through(engine, dt.date(2025, 2, 1))
        with engine.connect() as connection:
            for name, statement in list(guards._sqlite_triggers()):
                if name == "guard_entries_update":
                    connection.exec_driver_sql(f"DROP TRIGGER {name}")
                    connection.exec_driver_sql("UPDATE entries SET amount_minor = amount_minor + 1 WHERE id = 1")
                    connection.exec_driver_sql(statement)
            connection.commit()
        found = breaches(engine)
        assert breaches(engine, workers=2) == found, "and calculated beside everything else, the same is"
    assert {each.invariant for each in found} >= {3, 5}
    assert any(each.table == "entries" and "pay-25-001" in each.where for each in found if each.invariant == 3)
    assert any(each.where == "month 2025-01, payee P01" for each in found if each.table == "entries")


def test_a_check_that_stumbles_names_its_table() -> None:
    def stumble(_: object) -> object:
        raise ValueError("an odd row")

    checked = Check("odd", (3,), "entries", stumble).done(None)  # type: ignore[arg-type]
    assert checked.breaches == (Breach(3, "entries", "", "It cannot be read: ValueError: an odd row"),)
    assert str(checked) == "odd: 1 breach"


def test_the_same_books_have_the_same_seals_on_both_databases(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    found = []
    for url in (f"sqlite:///{tmp_path / 'books.db'}", request.getfixturevalue("databases").owner_url):
        with opened(made(url)) as engine:
            import_folder(engine, ANA, SAMPLE)
            close_through(engine, dt.date(2025, 3, 1))
            with engine.connect() as connection:
                found.append([each.seal for each in closes(connection)])
    assert found[0] == found[1] and len(found[0]) == 3
