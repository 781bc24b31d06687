"""Statements of a quarter come out the same, however many processes make them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, text

from closed_books import SAMPLE, close_through
from incentives.service import runs
from incentives.service.deliveries import import_folder
from incentives.service.months import close
from incentives.service.verification import breaches
from stores import ANA, BEN, WAIVED, Shelf, made, opened

MARCH = dt.date(2026, 3, 1)
WITHIN = WAIVED | {"holds": "disputed"}


@pytest.fixture(params=["sqlite", "postgresql"])
def shelf(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shelf]:
    monkeypatch.setenv("INCENTIVES_SEALS", str(tmp_path / "seals"))
    server = request.getfixturevalue("postgresql") if request.param == "postgresql" else None
    yield Shelf(request.param, tmp_path, server)


def issued(engine: Engine) -> list[tuple[str, str, str]]:
    with engine.connect() as connection:
        found = connection.execute(
            text("SELECT payee_id, language, sha256 FROM statements WHERE quarter = '2026-01-01' ORDER BY 1")
        )
        return [(payee_id, language, sha256) for payee_id, language, sha256 in found]


@pytest.mark.parametrize("ran_before", [True, False], ids=["ran before", "the close posts the month"])
def test_two_processes_issue_the_statements_that_one_issues(shelf: Shelf, ran_before: bool) -> None:
    first, found = made(shelf.new()), {}
    with opened(first) as engine:
        import_folder(engine, ANA, SAMPLE)
        close_through(engine, dt.date(2026, 2, 1))
        if ran_before:
            runs.run(engine, ANA)
    second = shelf.copy(first)
    for url, workers in ((first, 1), (second, 2)):
        with opened(url) as engine:
            close(engine, BEN, MARCH, waive=WITHIN, workers=workers)
            found[workers] = issued(engine)
            assert breaches(engine) == []
    assert found[2] == found[1]
    assert len(found[1]) == 7
    with opened(second) as engine, engine.connect() as connection:
        shared = text("SELECT count(*) FROM statements WHERE quarter = '2026-01-01' AND document LIKE :pools")
        assert connection.execute(shared, {"pools": '%"pools":[{%'}).scalar() == 5
