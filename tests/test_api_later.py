"""What a program does not wait for: a job does it, and tells the same answer."""

from __future__ import annotations

from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Engine, select

from incentives.jobs import run_waiting, start
from incentives.service import kept
from incentives.store import queue
from incentives.store.desk import Account, Job
from programs import Program, program
from served import ALEX, FEMKE, RUBEN, app_on

NEWS = {
    "event_id": "bank-1",
    "type": "payment",
    "invoice_id": "INV-26-038",
    "occurred_on": "2026-08-01",
    "amount": "22748.00",
    "source": "bank",
}
LATER = {"Prefer": "respond-async, wait=5"}


@pytest.fixture
def app(story_engine: Engine) -> Flask:
    return app_on(story_engine)


def later(engine: Engine, asking: Program, path: str, body: Any) -> Any:
    """What a job answers in the end."""
    accepted = asking.post(path, body, **LATER)
    assert accepted.status_code == 202, accepted.text
    address = accepted.headers["Location"]
    assert accepted.json == {"job": int(address.rsplit("/", 1)[1]), "state": "waiting", "url": address}
    assert accepted.headers["Preference-Applied"] == "respond-async"
    waits = asking.get(address).json
    assert (waits["state"], waits["result"], waits["ended_at"]) == ("waiting", None, None)
    assert run_waiting(engine) == 1
    return asking.get(address).json


def test_each_of_them_is_answered_by_a_job_as_at_once(story_engine: Engine, app: Flask) -> None:
    femke, ruben = program(app, FEMKE), program(app, RUBEN)
    femke.post("/events", {"events": [NEWS]})
    at_once = femke.post("/runs/preview", {"as_of": "2026-08-03"}).json
    assert at_once["postings"]
    previewed = later(story_engine, femke, "/runs/preview", {"as_of": "2026-08-03"})
    assert (previewed["kind"], previewed["state"], previewed["problems"]) == ("preview", "done", [])
    assert previewed["result"] == at_once
    waive = {"waive": {"exceptions": "known"}}
    checklist = ruben.post("/months/2026-08/checklist", waive).json
    assert later(story_engine, ruben, "/months/2026-08/checklist", waive)["result"] == checklist
    ran = later(story_engine, femke, "/runs", {"as_of": "2026-08-03"})["result"]
    assert ran["entries"] == at_once["entries"]
    listed = femke.get(f"/runs?after={ran['run'] - 1}").json["runs"]
    assert [(each["run"], each["entries"], each["by"]) for each in listed] == [(ran["run"], ran["entries"], FEMKE)]
    closed = later(story_engine, ruben, "/months/2026-08/close", waive)
    assert (closed["state"], closed["problems"]) == ("done", [])
    august = ruben.get("/months/2026-08").json
    assert (closed["result"]["seal"], closed["result"]["pays"]) == (august["seal"], august["paid"])
    assert closed["result"]["pays"] == checklist["pays"], "the job's own clock says that August is over"


def test_large_books_are_always_answered_later(
    story_engine: Engine, app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept, "LITTLE", 10)
    ruben = program(app, RUBEN)
    for path in ("/runs", "/runs/preview", "/months/2026-08/checklist", "/months/2026-08/close"):
        answered = ruben.post(path, {})
        assert answered.status_code == 202
        assert "Preference-Applied" not in answered.headers
    assert ruben.post("/months/2026-09/close", {}).status_code == 409, "what cannot be is said at once"
    assert run_waiting(story_engine) == 4


def test_a_job_that_is_not_done_says_why(story_engine: Engine, app: Flask) -> None:
    told = later(story_engine, program(app, RUBEN), "/runs", {"as_of": "2027-01-01"})
    assert (told["state"], told["result"]) == ("failed", None)
    assert told["problems"] == [
        "run, as-of: 2026-08 is the oldest open month; 2027-01-01 lies after it. "
        "Close 2026-08 first, or run as of 2026-08-31."
    ]


def test_a_job_is_told_to_the_account_that_asked_and_holds_no_pay(story_engine: Engine, app: Flask) -> None:
    ruben, alex = program(app, RUBEN), program(app, ALEX)
    told = later(story_engine, ruben, "/months/2026-08/checklist", {})
    assert told["result"]["pays"], "it pays somebody"
    address = f"/jobs/{told['job']}"
    assert alex.get(address).status_code == 404
    assert ruben.get("/jobs/999999").status_code == 404
    with story_engine.connect() as connection:
        asked = select(Job.result, Account.id).join(Account, Account.id == Job.account_id)
        result, account_id = connection.execute(asked.where(Job.id == told["job"])).one()
    assert result == '{"month": "2026-08", "blocking": ' + result.rpartition(" ")[2]
    other = start(story_engine, account_id, "compare", {"as_of": "2026-08-03"})
    assert ruben.get(f"/jobs/{other}").status_code == 404, "pages show what pages ask for"
    with queue.opened(story_engine) as waiting:
        queue.forget_found(waiting, told["job"])
    forgotten = ruben.get(address).json
    assert (forgotten["state"], forgotten["result"]) == ("done", None)
