"""Tokens: made, told once, found again, and worth nothing once they were revoked or ran out."""

from __future__ import annotations

import datetime as dt
import time

import pytest
from sqlalchemy import Engine, select

from incentives.errors import Rejected
from incentives.service import accounts, tokens
from incentives.service.access import NotThere, Viewer
from incentives.service.accounts import Person
from incentives.store import tables
from incentives.store.acts import Who
from incentives.store.desk import Account, Token
from incentives.store.engine import reading, writing
from served import FEMKE, KIM, NOOR, SANNE

NOW = dt.datetime(2026, 8, 3, 9, tzinfo=dt.UTC)
ADMIN = Who(KIM, NOW)


def id_of(engine: Engine, email: str) -> int:
    with engine.connect() as connection:
        return connection.execute(select(Account.id).where(Account.email == email)).scalar_one()


def made(engine: Engine, email: str, *scopes: str, days: int = 90) -> tokens.Made:
    return tokens.make(engine, Who(email, NOW), id_of(engine, email), "a program", scopes, days)


def found(engine: Engine, written: str, at: dt.datetime = NOW) -> tokens.Kept | None:
    with reading(engine) as connection:
        return tokens.find(connection, written, at)


def test_a_token_is_found_again_and_its_secret_is_kept_nowhere(story_engine: Engine) -> None:
    new = made(story_engine, NOOR, "payouts:read")
    kept = found(story_engine, new.written)
    assert kept is not None
    assert (kept.email, kept.scopes, kept.name) == (NOOR, ("payouts:read",), "a program")
    secret = new.written.split("_", 2)[2]
    with story_engine.connect() as connection:
        row = connection.execute(select(tables.table_of(Token))).one()
        act = connection.execute(select(tables.Act.after).where(tables.Act.what == "token")).scalar_one()
    assert len(secret) == 43
    assert secret not in str(row) and secret not in act


@pytest.mark.parametrize(
    "spoilt",
    [
        lambda token: token[:-1] + ("A" if token[-1] != "A" else "B"),
        lambda token: token[:-1],
        lambda token: token.replace("inc_", "inc-"),
        lambda token: "",
    ],
)
def test_what_is_nearly_a_token_is_none(story_engine: Engine, spoilt: object) -> None:
    written = made(story_engine, NOOR, "payouts:read").written
    assert callable(spoilt)
    assert found(story_engine, spoilt(written)) is None


def test_a_token_ends_with_its_days_or_when_it_is_revoked(story_engine: Engine) -> None:
    short = made(story_engine, NOOR, "payouts:read", days=1)
    assert found(story_engine, short.written, NOW + dt.timedelta(hours=23)) is not None
    assert found(story_engine, short.written, NOW + dt.timedelta(hours=24)) is None
    ended = made(story_engine, NOOR, "payouts:read")
    for _ in range(2):
        tokens.revoke(story_engine, ADMIN, None, ended.token_id)
    assert found(story_engine, ended.written) is None


def test_nobody_but_its_owner_and_an_admin_ends_a_token(story_engine: Engine) -> None:
    new = made(story_engine, NOOR, "payouts:read")
    sanne = Viewer(id_of(story_engine, SANNE), SANNE, "Sanne", frozenset({"rep"}))
    with pytest.raises(NotThere):
        tokens.revoke(story_engine, Who(SANNE, NOW), sanne, new.token_id)
    assert found(story_engine, new.written) is not None
    noor = Viewer(id_of(story_engine, NOOR), NOOR, "Noor", frozenset({"payroll"}))
    tokens.revoke(story_engine, Who(NOOR, NOW), noor, new.token_id)
    assert found(story_engine, new.written) is None


def test_every_mistake_of_a_token_is_told_at_once(story_engine: Engine) -> None:
    with pytest.raises(Rejected) as refused:
        tokens.make(
            story_engine,
            Who(NOOR, NOW),
            id_of(story_engine, NOOR),
            " ",
            ["payout:read", "audit:read"],
            days=4000,
        )
    assert {(each.path, each.code) for each in refused.value.problems} == {
        ("name", "missing"),
        ("scopes", "unknown"),
        ("scopes", "out-of-reach"),
        ("days", "out-of-range"),
    }
    assert "Did you mean payouts:read?" in str(refused.value)


def test_a_token_is_its_account_of_today_within_its_scopes(story_engine: Engine) -> None:
    new = made(story_engine, FEMKE, "facts:write")
    with reading(story_engine) as connection:
        kept = tokens.find(connection, new.written, NOW)
        assert kept is not None
        viewer = tokens.viewer_with(connection, kept, NOW.date())
    assert viewer is not None
    assert viewer.scopes == frozenset({"facts:write"})
    accounts.change(
        story_engine, ADMIN, id_of(story_engine, FEMKE), Person(FEMKE, "Femke Bos", ["author"]), active=False
    )
    with reading(story_engine) as connection:
        assert tokens.viewer_with(connection, kept, NOW.date()) is None


def test_that_a_token_is_used_is_written_every_few_minutes(story_engine: Engine) -> None:
    written = made(story_engine, NOOR, "payouts:read").written
    used = []
    for minutes in (0, 3, 6):
        at = NOW + dt.timedelta(minutes=minutes)
        kept = found(story_engine, written, at)
        assert kept is not None
        tokens.note_use(story_engine, kept, at)
        after = found(story_engine, written, at)
        assert after is not None
        used.append(after.last_used_at)
    assert used == [NOW, NOW, NOW + dt.timedelta(minutes=6)]


def test_noting_the_use_of_a_token_waits_for_nobody(story_engine: Engine) -> None:
    written = made(story_engine, NOOR, "payouts:read").written
    kept = found(story_engine, written)
    assert kept is not None
    began = time.monotonic()
    with writing(story_engine):
        tokens.note_use(story_engine, kept, NOW)
    assert time.monotonic() - began < 10, "as long as somebody writes is a minute"
    after = found(story_engine, written)
    assert after is not None and after.last_used_at is None
    tokens.note_use(story_engine, kept, NOW)
    noted = found(story_engine, written)
    assert noted is not None and noted.last_used_at == NOW
