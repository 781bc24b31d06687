"""For operators: alive, ready, counted and written down, without a word of what anybody earns or typed."""

from __future__ import annotations

import dataclasses
import json
import re
import socket
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Engine, text

from incentives.cli.serving import run
from incentives.jobs import start
from incentives.web import operators
from incentives.web.settings import Settings
from served import FEMKE, SANNE, app_on, client_of, copied, serving, token_in
from test_jobs import account


def test_a_process_that_answers_is_alive(story_app: Flask) -> None:
    answered = story_app.test_client().get("/healthz")
    assert (answered.status_code, answered.text) == (200, "ok\n")


def test_ready_says_how_long_jobs_wait(story_engine: Engine) -> None:
    client = app_on(story_engine).test_client()
    assert client.get("/readyz").json == {"books": "ready", "jobs_waiting": 0, "oldest_job_seconds": 0}
    start(story_engine, account(story_engine, FEMKE), "preview", {})
    assert '"jobs_waiting":1' in client.get("/readyz").text


def test_books_without_a_guard_are_not_ready(story_engine: Engine) -> None:
    client = app_on(story_engine).test_client()
    with story_engine.begin() as connection:
        connection.execute(text("DROP TRIGGER guard_entries_delete"))
    operators._is_guarded.cache_clear()
    answered = client.get("/readyz")
    assert answered.status_code == 503
    assert answered.json == {"books": "not ready"}


def test_metrics_name_routes_by_their_rule(story_app: Flask) -> None:
    client = client_of(story_app, SANNE)
    client.get("/jobs/41")
    found = client.get("/metrics").text
    assert re.search(
        r'incentives_requests_total\{method="GET",route="/jobs/<int:number>",status="404"\} [1-9]', found
    )
    assert "/jobs/41" not in found
    assert 'incentives_jobs{state="waiting"} 0.0' in found


@pytest.mark.parametrize("headers", [{"X-Forwarded-For": "203.0.113.9"}, {"Forwarded": "for=203.0.113.9"}])
def test_metrics_are_shut_to_who_comes_through_a_proxy(story_app: Flask, headers: dict[str, str]) -> None:
    assert story_app.test_client().get("/metrics", headers=headers).status_code == 404


def test_metrics_are_shut_to_other_machines_and_open_with_the_token(story_engine: Engine) -> None:
    app = app_on(story_engine)
    elsewhere = {"REMOTE_ADDR": "203.0.113.9"}
    assert app.test_client().get("/metrics", environ_base=elsewhere).status_code == 404
    token = "a-token-of-the-operators-own"
    app.extensions["settings"] = dataclasses.replace(app.extensions["settings"], metrics_token=token)
    good, bad = ({"Authorization": f"Bearer {each}"} for each in (token, "another"))
    assert app.test_client().get("/metrics", environ_base=elsewhere, headers=good).status_code == 200
    assert app.test_client().get("/metrics", headers=bad).status_code == 404
    assert app.test_client().get("/metrics").status_code == 404


def test_a_server_writes_a_line_for_each_request_and_counts_for_all_its_processes(
    story: Path, tmp_path: Path
) -> None:
    copied(story, tmp_path).dispose()
    with serving(tmp_path / "books.db") as address:
        for _ in range(12):
            with pytest.raises(urllib.error.HTTPError):
                urllib.request.urlopen(f"{address}/nothing-here?password=hunter2", timeout=10)
        with urllib.request.urlopen(f"{address}/metrics", timeout=10) as answered:
            metrics = answered.read().decode()
    found = re.search(r'incentives_requests_total\{method="GET",route="none",status="404"\} (\d+)', metrics)
    assert found and int(found[1]) == 12  # whichever process answered
    log = (tmp_path / "server.log").read_text(encoding="utf-8")
    assert "hunter2" not in log and "nothing-here" not in log
    lines = [json.loads(line) for line in log.splitlines() if line.startswith("{")]
    requests = [each for each in lines if each["event"] == "request" and each["status"] == 404]
    assert len(requests) == 12
    assert set(requests[0]) >= {"method", "route", "status", "ms", "request", "account"}


@pytest.mark.parametrize("shares", [False, True], ids=["another program", "another server of ours"])
def test_a_port_in_use_is_said_and_nothing_is_served(story_engine: Engine, shares: bool) -> None:
    with socket.create_server(("127.0.0.1", 0), reuse_port=shares) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(SystemExit, match=f"Cannot serve on 127.0.0.1:{port}: Address already in use"):
            run(story_engine.url, Settings("secret"), "127.0.0.1", port, 1, has_worker=False)


def test_a_request_is_written_down_by_number_and_rule(story_engine: Engine, capsys: Any) -> None:
    client = client_of(app_on(story_engine), SANNE)
    capsys.readouterr()
    client.post("/account", data={"csrf_token": token_in(client.get("/account").text), "name": "Secret Name"})
    written = capsys.readouterr().err
    assert '"route": "/account"' in written
    assert f'"account": {account(story_engine, SANNE)}' in written
    assert "Secret Name" not in written and SANNE not in written
