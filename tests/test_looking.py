"""Looking before doing: what a look at a month says is what its close does, to the cent; nobody waits for it."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import Engine

from closed_books import SAMPLE, close_through, decisions, fill, late_news
from incentives.calendar import period_of
from incentives.service import months, outlook, runs, would_post
from incentives.service.decisions import decide, waiting
from incentives.service.deliveries import import_folder
from incentives.service.kept import Kept
from incentives.store.acts import latest, record
from incentives.store.engine import reading, writing
from incentives.store.ledger import open_month
from model.histories import write_history
from stores import ANA, BEN, WAIVED, everything, made, opened

WAIVE = WAIVED | {"holds": "disputed", "questions": "known", "approvals": "known"}


def looked_and_closed(engine: Engine, month: dt.date) -> months.ClosedMonth:
    """Look at a month, close it, and compare."""
    before = everything(engine)
    looked = months.look(engine, BEN, month, WAIVE)
    assert everything(engine) == before, "nothing is kept"
    closed = months.close(engine, BEN, month, waive=WAIVE)
    assert looked.payouts == closed.payouts
    assert looked.totals == closed.totals
    assert looked.steps == closed.steps
    assert looked.ran.findings == closed.ran.findings
    paid = sum(1 for each in closed.payouts if each.pay_minor)
    assert looked.ran.entries + paid == closed.ran.entries
    return looked


def next_open(engine: Engine) -> dt.date:
    with reading(engine) as connection:
        found = open_month(connection, runs.rules_in_force(connection))
        assert found is not None
        return found.first


def test_a_look_says_what_the_close_does(database_url: str, tmp_path: Path) -> None:
    """Over the sample company: nothing run before, everything run before, and news in between."""
    with opened(made(database_url)) as engine:
        import_folder(engine, ANA, SAMPLE)
        first = looked_and_closed(engine, next_open(engine))
        assert first.ran.entries, "it has something to post"
        close_through(engine, dt.date(2026, 1, 1))
        late_news(engine, tmp_path / "late")
        decisions(engine)
        news = looked_and_closed(engine, next_open(engine))
        assert news.ran.entries
        runs.run(engine, ANA)
        assert not looked_and_closed(engine, next_open(engine)).ran.entries
        assert looked_and_closed(engine, next_open(engine)).totals


@pytest.mark.parametrize("seed", range(8))
def test_it_does_over_random_histories(tmp_path: Path, seed: int) -> None:
    last = write_history(tmp_path / "history", seed)
    with opened(made(f"sqlite:///{tmp_path / 'books.db'}")) as engine:
        import_folder(engine, ANA, tmp_path / "history")
        for waits in waiting(engine):
            decide(engine, BEN, waits.kind, waits.number, "keep")
        for _ in range(4):
            month = next_open(engine)
            if period_of(month, "month", 1).last >= last:
                break
            looked_and_closed(engine, month)


def test_nobody_who_writes_waits_for_whoever_looks(database_url: str) -> None:
    with opened(made(database_url)) as engine:
        import_folder(engine, ANA, SAMPLE)
        wrote: list[int] = []

        def write(done: int, whole: int) -> None:
            with writing(engine) as other:
                wrote.append(record(other, ANA, "ask", "while somebody looks"))

        with reading(engine) as connection:
            before = latest(connection)
            looked = outlook.outlook(connection, BEN, next_open(engine), WAIVE, progress=write)
            assert wrote and min(wrote) > before
            assert looked.through == before
        with reading(engine) as connection:
            assert not looked.holds(connection, BEN), "it says that something became known since"
            again = outlook.outlook(connection, BEN, looked.month, WAIVE)
            assert again.holds(connection, BEN) and again.pays == looked.pays


def test_what_was_found_is_the_same_after_it_was_kept(tmp_path: Path) -> None:
    with opened(made(f"sqlite:///{tmp_path / 'books.db'}")) as engine:
        fill(engine, tmp_path / "late", papers=False)
        with reading(engine) as connection:
            looked = outlook.outlook(connection, BEN, next_open(engine), {"holds": "disputed"})
            posts = would_post.preview(connection, BEN, full=True)
    assert any(step.waived for step in looked.steps) and looked.pays and posts.drafts
    posts = replace(posts, findings=(("no-plan", "P09 has no plan."),))
    assert outlook.from_plain(json.loads(json.dumps(outlook.as_plain(looked)))) == looked
    assert would_post.from_plain(json.loads(json.dumps(would_post.as_plain(posts)))) == posts


def test_what_a_run_would_post_is_told_in_sums_and_for_each_payee_entry_by_entry(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A payee alone is calculated as among all others, members of teams too."""
    monkeypatch.setattr(would_post, "_kept", Kept[would_post.Preview]())
    monkeypatch.setattr(would_post, "MOST", 3)
    with opened(made(f"sqlite:///{tmp_path / 'books.db'}")) as engine:
        fill(engine, tmp_path / "late", papers=False)
        with reading(engine) as connection:
            whole = runs.preview_in(connection, ANA)
            found = would_post.preview(connection, ANA)
            assert (found.entries, len(found.drafts)) == (len(whole.drafts), 3)
            assert sum(each.entries for each in found.payees) == found.entries
            people = {each.payee_id for each in found.payees}
            assert any(each.kind == "bonus" for each in whole.drafts), "teams pay some of them"
            for payee_id in people:
                of_payee = would_post.of_payee(connection, ANA, payee_id).entries
                theirs = [each for each in whole.drafts if each.payee_id == payee_id]
                assert sorted(each.draft for each in of_payee) == sorted(theirs)
                assert all(each.why for each in of_payee if each.draft.kind != "adjustment" and each.stands_minor)
                sums = {each.currency: each.amount_minor for each in found.payees if each.payee_id == payee_id}
                assert sums == {
                    currency: sum(each.amount_minor for each in theirs if each.currency == currency)
                    for currency in sums
                }
