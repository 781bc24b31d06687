"""The same event, delivered by several programs at the same moment, is one row and no error."""

from __future__ import annotations

import json
import urllib.request
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest
from sqlalchemy import Engine, func, select

from incentives.service.verification import breaches
from incentives.store import tables
from programs import token_of
from served import FEMKE, copied, serving
from stores import opened
from test_api_schema import on_postgresql

TOGETHER = 8
EVENT = {
    "event_id": "pay-twice",
    "type": "payment",
    "invoice_id": "INV-26-037",
    "occurred_on": "2026-08-01",
    "amount": "100.00",
    "source": "bank",
}


def rows(engine: Engine) -> int:
    with engine.connect() as connection:
        asked = select(func.count()).where(tables.Event.event_id == EVENT["event_id"])
        return int(connection.execute(asked).scalar_one())


def together(send: Callable[[str | None], tuple[int, Any]], keys: list[str | None]) -> list[tuple[int, Any]]:
    """Several requests that leave at the same moment."""
    barrier = Barrier(len(keys))

    def one(key: str | None) -> tuple[int, Any]:
        barrier.wait()
        return send(key)

    with ThreadPoolExecutor(len(keys)) as pool:
        return list(pool.map(one, keys))


def test_a_server_takes_one_of_many_deliveries_at_once(story: Path, tmp_path: Path) -> None:
    engine = copied(story, tmp_path)
    token = token_of(engine, FEMKE, "facts:write")
    with serving(tmp_path / "books.db") as url:

        def send(key: str | None) -> tuple[int, Any]:
            headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
            headers |= {"Idempotency-Key": key} if key else {}
            sent = urllib.request.Request(
                f"{url}/api/v1/events", json.dumps({"events": [EVENT]}).encode(), headers
            )
            with urllib.request.urlopen(sent, timeout=60) as answered:
                return answered.status, json.load(answered)

        answers = together(send, [None] * TOGETHER)
        assert {status for status, _ in answers} == {200}
        outcomes = Counter(answer["events"][0]["outcome"] for _, answer in answers)
        assert outcomes == {"accepted": 1, "duplicate": TOGETHER - 1}
        answers = together(send, ["the-same-key"] * TOGETHER)
        assert {status for status, _ in answers} == {200}
        assert len({answer["delivery"] for _, answer in answers}) == 1, "one delivery, one answer for all"
    assert rows(engine) == 1
    assert breaches(engine) == []
    engine.dispose()


@pytest.mark.parametrize("key", [None, "the-same-key"], ids=["without a key", "with a key"])
def test_on_postgresql_too(request: pytest.FixtureRequest, key: str | None) -> None:
    with opened(request.getfixturevalue("databases").owner_url) as engine:
        app = on_postgresql(engine)
        token = token_of(engine, FEMKE, "facts:write")

        def send(key: str | None) -> tuple[int, Any]:
            headers = {"Authorization": f"Bearer {token}"} | ({"Idempotency-Key": key} if key else {})
            answered = app.test_client().post("/api/v1/events", json={"events": [EVENT]}, headers=headers)
            return answered.status_code, answered.json

        answers = together(send, [key] * TOGETHER)
        assert {status for status, _ in answers} == {200}
        outcomes = Counter(answer["events"][0]["outcome"] for _, answer in answers)
        assert outcomes == ({"accepted": TOGETHER} if key else {"accepted": 1, "duplicate": TOGETHER - 1})
        assert rows(engine) == 1
