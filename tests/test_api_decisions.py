"""Decisions by programs: proposed by one, decided by another, once, and every mistake at its place."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Engine

from incentives.service import decisions
from programs import program
from served import ALEX, FEMKE, RUBEN, SANNE, app_on
from test_api import refusals

ADJUSTMENT = {
    "payee_id": "P01",
    "amount": "-250.00",
    "currency": "EUR",
    "on": "2026-08-03",
    "reason": "Trade fair",
}
HOLD = {"kind": "invoice", "subject": "INV-26-045", "reason": "Delivery is being checked"}


@pytest.fixture
def app(story_engine: Engine) -> Flask:
    return app_on(story_engine)


def waits(asking: Any, kind: str) -> Any:
    """What of a kind waits."""
    return asking.get(f"/decisions?kind={kind}").json["decisions"]


def test_an_adjustment_is_proposed_by_one_and_approved_by_another(app: Flask) -> None:
    femke, ruben = program(app, FEMKE), program(app, RUBEN)
    proposed = femke.post("/adjustments", ADJUSTMENT)
    assert (proposed.status_code, proposed.json) == (201, {"kind": "adjustment", "number": 1})
    (found,) = waits(ruben, "adjustment")
    assert (found["number"], found["proposed_by"], found["reason"]) == (1, FEMKE, "Trade fair")
    assert found["about"] == {name: ADJUSTMENT[name] for name in ("payee_id", "amount", "currency", "on")}
    decision = {"choice": "approve", "reason": "Seen the bill"}
    own = femke.post("/adjustments/1/decision", decision)
    assert (own.status_code, refusals(own)) == (409, {("", "second-person")})
    assert refusals(ruben.post("/adjustments/1/decision", {"choice": "approve"})) == {("/reason", "missing-key")}
    done = ruben.post("/adjustments/1/decision", decision)
    assert (done.status_code, done.json["decided_by"], done.json["choice"]) == (200, RUBEN, "approve")
    assert ruben.post("/adjustments/1/decision", decision).status_code == 409
    assert ruben.post("/adjustments/2/decision", decision).status_code == 404
    assert waits(ruben, "adjustment") == []
    preview = ruben.post("/runs/preview", {}).json["postings"]
    assert [(each["payee_id"], each["amount"], each["cause"]) for each in preview] == [
        ("P01", "-250.00", "adjustment:1")
    ]


def test_every_mistake_of_a_proposal_is_told_at_its_place(app: Flask) -> None:
    femke = program(app, FEMKE)
    wrong = femke.post("/adjustments", ADJUSTMENT | {"payee_id": "P77", "amount": "1e3", "currency": "EURO"})
    assert wrong.status_code == 422
    assert refusals(wrong) == {
        ("/payee_id", "unknown"),
        ("/amount", "not-an-amount"),
        ("/currency", "unknown-currency"),
    }
    assert refusals(femke.post("/adjustments", ADJUSTMENT | {"amount": "0"})) == {("/amount", "amount")}
    assert refusals(femke.post("/adjustments", ADJUSTMENT | {"reason": " "})) == {("/reason", "missing")}
    assert refusals(femke.post("/holds", HOLD | {"subject": "INV-1"})) == {("/subject", "unknown")}
    assert refusals(femke.post("/holds", HOLD | {"kind": "payee", "subject": "P77"})) == {("/subject", "unknown")}
    assert refusals(femke.get("/decisions")) == {("kind", "missing-key")}
    assert waits(femke, "adjustment") == waits(femke, "hold") == []


def test_a_hold_is_approved_and_released_by_two_each(app: Flask) -> None:
    femke, ruben = program(app, FEMKE), program(app, RUBEN)
    assert femke.post("/holds", HOLD).json == {"kind": "hold", "number": 1}
    early = femke.post("/holds/1/release", {"reason": "It was complete"})
    assert (early.status_code, refusals(early)) == (409, {("hold", "not-in-force")})
    assert femke.post("/holds/2/release", {"reason": "It was complete"}).status_code == 404
    rejected = ruben.post("/holds/1/decision", {"choice": "reject"})
    assert refusals(rejected) == {("/reason", "missing")}
    assert ruben.post("/holds/1/decision", {"choice": "approve"}).status_code == 200
    held = {"hold": 1, "kind": "invoice", "subject": "INV-26-045", "reason": HOLD["reason"], "release": None}
    assert femke.get("/holds").json == {"holds": [held]}
    assert ruben.post("/holds/1/release", {"reason": "It was complete"}).json == {"kind": "release", "number": 1}
    assert femke.get("/holds").json == {"holds": [held | {"release": 1}]}
    assert [each["about"] for each in waits(femke, "release")] == [{"hold": 1}]
    again = ruben.post("/holds/1/release", {"reason": "Once more"})
    assert (again.status_code, refusals(again)) == (409, {("hold", "already-waiting")})
    assert femke.post("/releases/1/decision", {"choice": "approve"}).status_code == 200
    assert femke.get("/holds").json == {"holds": []}


def test_a_conflict_is_seen_with_what_differs_and_decided(app: Flask) -> None:
    femke = program(app, FEMKE)
    other = {
        "event_id": "pay-26-019",
        "type": "payment",
        "invoice_id": "INV-26-019",
        "occurred_on": "2026-04-07",
        "amount": "12100.00",
        "source": "bank",
    }
    assert femke.post("/events", {"events": [other]}).json["conflict"] == 1
    (found,) = waits(femke, "conflict")
    assert (found["about"]["kind"], found["about"]["subject"]) == ("event", "pay-26-019")
    assert {"name": "amount_minor", "line": None, "known": "45980.00", "came": "12100.00"} in found["about"][
        "fields"
    ]
    assert found["choices"] == ["keep", "replace"]
    wrong = femke.post("/conflicts/1/decision", {"choice": "approve"})
    assert refusals(wrong) == {("/choice", "unknown-word")}
    assert femke.post("/conflicts/1/decision", {"choice": "keep"}).status_code == 200
    assert waits(femke, "conflict") == []


def test_a_proposal_under_a_key_is_made_once(story_engine: Engine, app: Flask) -> None:
    femke, ruben = program(app, FEMKE), program(app, RUBEN)
    first = femke.post("/adjustments", ADJUSTMENT, Idempotency_Key="fair-1")
    again = femke.post("/adjustments", ADJUSTMENT, Idempotency_Key="fair-1")
    assert (again.status_code, again.json) == (first.status_code, first.json) == (201, first.json)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert len(decisions.waiting(story_engine)) == 1
    reused = femke.post("/adjustments", ADJUSTMENT | {"amount": "1.00"}, Idempotency_Key="fair-1")
    assert refusals(reused) == {("Idempotency-Key", "key-reused")}
    decision = {"choice": "reject", "reason": "Not this year"}
    answers = [ruben.post("/adjustments/1/decision", decision, Idempotency_Key="no-1") for _ in range(2)]
    assert [each.status_code for each in answers] == [200, 200], "trying again is not a second decision"


def test_lists_come_in_pages(app: Flask) -> None:
    femke = program(app, FEMKE)
    for amount in ("1.00", "2.00", "3.00"):
        femke.post("/adjustments", ADJUSTMENT | {"amount": amount})
    first = femke.get("/decisions?kind=adjustment&limit=2").json
    assert [each["number"] for each in first["decisions"]] == [1, 2]
    rest = femke.get(first["next"]).json
    assert ([each["number"] for each in rest["decisions"]], rest["next"]) == ([3], None)


def test_an_auditor_reads_and_others_do_not(app: Flask) -> None:
    alex, sanne = program(app, ALEX), program(app, SANNE)
    assert alex.get("/decisions?kind=hold").status_code == 200
    assert alex.post("/holds", HOLD).status_code == 403
    assert sanne.get("/decisions?kind=hold").status_code == 403
    assert program(app, FEMKE, "months:write").post("/holds", HOLD).status_code == 403
