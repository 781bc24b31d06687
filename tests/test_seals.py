"""Seals known outside the store: whole after whatever happened, and no pay from books that lack one."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from incentives.errors import Rejected
from incentives.service import seals
from incentives.service.deliveries import import_folder
from incentives.service.months import close
from incentives.service.payouts import payout
from incentives.service.verification import breaches
from stores import ANA, BEN, WAIVED, Shelf, made, opened

SAMPLE = Path(__file__).parent.parent / "sample_data"
JANUARY, FEBRUARY = dt.date(2025, 1, 1), dt.date(2025, 2, 1)


@pytest.fixture
def books(tmp_path: Path) -> Iterator[Engine]:
    with opened(made(f"sqlite:///{tmp_path / 'books.db'}")) as engine:
        import_folder(engine, ANA, SAMPLE)
        yield engine


def closed(engine: Engine, month: dt.date) -> tuple[str, str]:
    return f"{month:%Y-%m}", close(engine, BEN, month, waive=WAIVED).seal


def written(engine: Engine) -> list[tuple[str, str]]:
    file = seals.witness_file(engine)
    assert file is not None
    return seals.witnessed(file)


def test_every_close_is_written_down_once(books: Engine) -> None:
    both = [closed(books, JANUARY), closed(books, FEBRUARY)]
    payout(books, ANA, JANUARY, "generic")
    assert written(books) == both


def test_a_close_that_nobody_lived_to_tell_is_written_down_before_anybody_is_paid(
    books: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch, pytest.raises(RuntimeError, match="the power went"):
        patch.setattr(seals, "witness", _power_goes)
        closed(books, JANUARY)
    assert written(books) == []
    seal = payout(books, ANA, JANUARY, "generic").seal
    assert written(books) == [("2025-01", seal)]


def test_a_seal_that_cannot_be_written_down_is_said_and_made_up_for(
    books: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch, pytest.raises(Rejected, match="could not be written down"):
        patch.setenv(seals.VARIABLE, str(tmp_path / "no-such-folder" / "seals"))
        closed(books, JANUARY)
    february = closed(books, FEBRUARY)
    assert [month for month, _ in written(books)] == ["2025-01", "2025-02"]
    assert written(books)[-1] == february


def _power_goes(*_: object) -> None:
    raise RuntimeError("the power went")


@pytest.mark.parametrize("half", ["2025", "2025-01 ", "2025-01 4f", "\n"])
def test_a_line_that_was_cut_short_says_nothing_and_stands_in_no_other_s_way(half: str, books: Engine) -> None:
    file = seals.witness_file(books)
    assert file is not None
    file.write_text(half, encoding="ascii")
    both = [closed(books, JANUARY), closed(books, FEBRUARY)]
    assert written(books) == both
    payout(books, ANA, JANUARY, "generic")
    assert breaches(books) == []


def test_nobody_is_paid_from_books_that_lack_a_month_which_was_closed(books: Engine, tmp_path: Path) -> None:
    closed(books, JANUARY)
    url = books.url.render_as_string(hide_password=False)
    books.dispose()
    earlier = Shelf("sqlite", tmp_path, None).copy(url)
    _, seal = closed(books, FEBRUARY)
    with opened(earlier) as restored:
        file = seals.witness_file(restored)
        assert file is not None
        file.write_text("".join(f"{month} {each}\n" for month, each in written(books)), encoding="ascii")
        with pytest.raises(Rejected, match=f"It lacks 2025-02, which was closed under seal {seal}"):
            payout(restored, ANA, JANUARY, "generic")
        assert [breach.invariant for breach in breaches(restored)] == [5]
