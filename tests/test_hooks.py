"""Messages to other systems: signed, by ids only, sent until they are taken, never inside the network."""

from __future__ import annotations

import datetime as dt
import ipaddress
import json
import re
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from sqlalchemy import Engine, select
from standardwebhooks import Webhook, WebhookVerificationError

from incentives.errors import Rejected
from incentives.service import decisions, hooks
from incentives.service.telling import keep_told_through
from incentives.store import tables
from incentives.store.acts import Who
from incentives.store.desk import Account
from incentives.store.engine import reading
from served import ALEX, FEMKE, KIM, RUBEN, SANNE, app_on, client_of, token_in

NOW = dt.datetime.now(dt.UTC)
ADMIN = Who(KIM, NOW)
EVERYTHING = tuple(hooks.KINDS)


class Receiver:
    """Another system: what arrived, and what it answers next (200 where nothing is said)."""

    def __init__(self) -> None:
        self.arrived: list[tuple[dict[str, str], bytes]] = []
        self.answers: list[int] = []
        self.moved_to = ""
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                receiver.arrived.append(({k.lower(): v for k, v in self.headers.items()}, body))
                self.send_response(receiver.answers.pop(0) if receiver.answers else 200)
                if receiver.moved_to:
                    self.send_header("Location", receiver.moved_to)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/in?from=incentives"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    found = Receiver()
    thread = threading.Thread(target=found.server.serve_forever)
    thread.start()
    yield found
    found.server.shutdown()
    thread.join()
    found.server.server_close()


def account_id(engine: Engine, email: str) -> int:
    with engine.connect() as connection:
        return connection.execute(select(Account.id).where(Account.email == email)).scalar_one()


def told(engine: Engine, url: str, *kinds: str) -> tuple[int, str]:
    return hooks.add(engine, ADMIN, account_id(engine, KIM), url, kinds or EVERYTHING, private=True)


def calls(engine: Engine, hook_id: int) -> list[hooks.Call]:
    with reading(engine) as connection:
        return hooks.calls(connection, hook_id)


def from_the_beginning(engine: Engine) -> None:
    """As if hooks had been there when the story was told."""
    with engine.begin() as connection:
        keep_told_through(connection, "hooks", 0)


def test_a_message_is_signed_and_taken(story_engine: Engine, receiver: Receiver) -> None:
    now = dt.datetime.now(dt.UTC)  # whoever checks a signature refuses what is five minutes old
    hook_id, secret = told(story_engine, receiver.url)
    number = decisions.hold(story_engine, Who(FEMKE, now, "Delivery is being checked"), "payee", "P01")
    assert hooks.look_for_messages(story_engine, now) == 1
    assert hooks.look_for_messages(story_engine, now) == 0
    assert hooks.send_due(story_engine, now, private=True) == 1
    assert hooks.send_due(story_engine, now, private=True) == 0
    ((headers, body),) = receiver.arrived
    assert Webhook(secret).verify(body, headers) == {
        "type": "approval.waiting",
        "timestamp": now.isoformat(),
        "data": {"kind": "hold", "number": number},
    }
    with pytest.raises(WebhookVerificationError):
        Webhook(secret).verify(body.replace(b"hold", b"rule"), headers)
    assert [each.state for each in calls(story_engine, hook_id)] == ["taken"]


def test_a_receiver_that_fails_is_asked_again_later_and_later(story_engine: Engine, receiver: Receiver) -> None:
    hook_id, _ = told(story_engine, receiver.url)
    decisions.hold(story_engine, Who(FEMKE, NOW, "Delivery is being checked"), "payee", "P01")
    hooks.look_for_messages(story_engine, NOW)
    receiver.answers = [500, 503]
    now, waits = NOW, []
    for _ in range(3):
        hooks.send_due(story_engine, now, private=True)
        (call,) = calls(story_engine, hook_id)
        waits.append(call.next_at - now)
        assert hooks.send_due(story_engine, now, private=True) == 0  # not before its turn
        now = call.next_at
    assert call.state == "taken" and call.attempts == 3
    assert dt.timedelta(seconds=48) <= waits[0] <= dt.timedelta(seconds=72)
    assert dt.timedelta(seconds=96) <= waits[1] <= dt.timedelta(seconds=144)
    assert len({headers["webhook-id"] for headers, _ in receiver.arrived}) == 1


def test_a_message_is_given_up_in_the_end_and_sent_anew_by_an_admin(
    story_engine: Engine, receiver: Receiver
) -> None:
    hook_id, _ = told(story_engine, receiver.url)
    decisions.hold(story_engine, Who(FEMKE, NOW, "Delivery is being checked"), "payee", "P01")
    hooks.look_for_messages(story_engine, NOW)
    receiver.answers = [500] * hooks.ATTEMPTS
    now = NOW
    for _ in range(hooks.ATTEMPTS):
        hooks.send_due(story_engine, now, private=True)
        now += hooks.LONGEST * 1.2
    assert calls(story_engine, hook_id)[0].state == "given up"
    assert hooks.send_due(story_engine, now, private=True) == 0
    client = client_of(app_on(story_engine), KIM)
    page = client.get(f"/hooks/{hook_id}").text
    assert "given up" in page and "HTTP 500" in page
    found = re.search(r'action="(/hooks/\d+/calls/\d+/again)"', page)
    assert found
    client.post(found[1], data={"csrf_token": token_in(page)})
    assert hooks.send_due(story_engine, now, private=True) == 1


def test_a_receiver_that_wants_no_more_is_left_alone(story_engine: Engine, receiver: Receiver) -> None:
    hook_id, _ = told(story_engine, receiver.url)
    decisions.hold(story_engine, Who(FEMKE, NOW, "Delivery is being checked"), "payee", "P01")
    hooks.look_for_messages(story_engine, NOW)
    receiver.answers = [410]
    hooks.send_due(story_engine, NOW, private=True)
    with reading(story_engine) as connection:
        assert not hooks.hook(connection, hook_id).active


def test_a_month_of_the_story_by_ids_and_without_amounts(story_engine: Engine, receiver: Receiver) -> None:
    hook_id, _ = told(story_engine, receiver.url)
    from_the_beginning(story_engine)
    hooks.look_for_messages(story_engine, NOW)
    found = [json.loads(each.body) for each in calls(story_engine, hook_id)]
    assert len(found) == 100
    with reading(story_engine) as connection:
        found = [json.loads(each.body) for each in hooks.calls(connection, hook_id, 10_000)]
    by_kind: dict[str, list[dict[str, Any]]] = {}
    for each in found:
        by_kind.setdefault(each["type"], []).append(each["data"])
    assert [each["month"] for each in by_kind["month.closed"]][:1] == ["2026-07"]
    assert {"quarter": "2026-04", "payee": "P02"} in by_kind["statement.issued"]
    late = [each for each in by_kind["takeback.posted"] if each["cause"] == "chargeback-26-036"]
    assert {each["payee"] for each in late} == {"P02", "P07"}
    assert by_kind["payment.counted"]
    assert not any("amount" in name or "minor" in name for each in found for name in each["data"])
    assert not any(re.search(r"\d[.,]\d\d\b", json.dumps(each["data"])) for each in found)


def test_only_what_was_chosen_is_told(story_engine: Engine, receiver: Receiver) -> None:
    hook_id, _ = told(story_engine, receiver.url, "month.closed")
    from_the_beginning(story_engine)
    hooks.look_for_messages(story_engine, NOW)
    assert {each.kind for each in calls(story_engine, hook_id)} == {"month.closed"}


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("https://127.0.0.1/in", "inside this network"),
        ("https://localhost/in", "inside this network"),
        ("https://10.0.0.8/in", "inside this network"),
        ("https://169.254.169.254/latest/meta-data", "inside this network"),
        ("https://[::1]/in", "inside this network"),
        ("https://[::ffff:127.0.0.1]/in", "inside this network"),
        ("https://2130706433/in", "inside this network"),
        ("https://[64:ff9b::10.0.0.8]/in", "inside this network"),
        ("https://[2002:a00:8::1]/in", "inside this network"),
        ("https://[2001:0:5db8:d822::f5ff:fff7]/in", "inside this network"),
        ("https://[ff02::1]/in", "inside this network"),
        ("https://224.0.0.251/in", "inside this network"),
        ("http://93.184.215.14/in", "not encrypted"),
        ("ftp://example.com/in", "not an address"),
        ("https://user:secret@example.com/in", "not an address"),
        ("https://no-such-host.invalid/in", "not known"),
        ("https://example.com:99999/", "not an address"),
    ],
)
def test_what_may_not_be_called_is_refused(story_engine: Engine, url: str, says: str) -> None:
    with pytest.raises(Rejected, match=says):
        hooks.add(story_engine, ADMIN, account_id(story_engine, KIM), url, EVERYTHING)


@pytest.mark.parametrize(
    ("address", "meant"),
    [
        ("93.184.215.14", {"93.184.215.14"}),
        ("64:ff9b::5db8:d70e", {"64:ff9b::5db8:d70e", "93.184.215.14"}),
        ("2002:a00:8::1", {"2002:a00:8::1", "10.0.0.8"}),
        ("::ffff:10.0.0.8", {"::ffff:a00:8", "10.0.0.8"}),
        ("2606:2800::1", {"2606:2800::1"}),
    ],
)
def test_what_stands_behind_an_address_is_looked_at(address: str, meant: set[str]) -> None:
    found = set(hooks._meant_by([address]))
    assert found == {ipaddress.ip_address(each) for each in meant}


class Dripping:
    """A receiver that answers, and does not come to an end."""

    def __init__(self, begins: bytes, drips: bytes) -> None:
        self.begins, self.drips, self.calls = begins, drips, 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}/in"
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self) -> None:
        with suppress(OSError):
            while True:
                other, _ = self.listener.accept()
                self.calls += 1
                threading.Thread(target=self.answer, args=(other,), daemon=True).start()

    def answer(self, other: socket.socket) -> None:
        with suppress(OSError), other:
            other.sendall(self.begins)
            for _ in range(200):
                other.sendall(self.drips)
                time.sleep(0.05)


@pytest.mark.parametrize(
    ("begins", "drips"),
    [(b"", b""), (b"HTTP/1.1 ", b" "), (b"HTTP/1.1 200 OK\r\n", b"a: b\r\n"), (b"", b"HTTP/1.1 100 OK\r\n\r\n")],
    ids=["says nothing", "a status", "headers", "not yet"],
)
def test_a_receiver_that_comes_to_no_end_keeps_nobody_waiting(
    story_engine: Engine, receiver: Receiver, monkeypatch: pytest.MonkeyPatch, begins: bytes, drips: bytes
) -> None:
    monkeypatch.setattr(hooks, "SECONDS", 0.5)
    dripping = Dripping(begins, drips)
    slow, _ = told(story_engine, dripping.url)
    quick, _ = told(story_engine, receiver.url)
    for payee_id in ("P01", "P02", "P03"):
        decisions.hold(story_engine, Who(FEMKE, NOW, "Delivery is being checked"), "payee", payee_id)
    hooks.look_for_messages(story_engine, NOW)
    began = time.monotonic()
    assert hooks.send_due(story_engine, NOW, private=True) == 3
    assert time.monotonic() - began < 5
    assert dripping.calls == 1, "what else waits for it waits"
    assert {each.state for each in calls(story_engine, quick)} == {"taken"}
    waiting = calls(story_engine, slow)
    assert {each.state for each in waiting} == {"waiting"} and all(each.next_at > NOW for each in waiting)
    assert sorted(each.answer for each in waiting) == ["", "", hooks.TOO_SLOW]
    hooks.send_due(story_engine, NOW + hooks.FIRST, private=True)
    assert dripping.calls == 2, "the next one has its turn"
    dripping.listener.close()


def test_what_is_read_of_an_answer_is_its_head(story_engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    dripping = Dripping(b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 1_000_000)
    told(story_engine, dripping.url)
    decisions.hold(story_engine, Who(FEMKE, NOW, "Delivery is being checked"), "payee", "P01")
    hooks.look_for_messages(story_engine, NOW)
    began = time.monotonic()
    assert hooks.send_due(story_engine, NOW, private=True) == 1
    assert time.monotonic() - began < 5
    dripping.listener.close()


def test_what_may_be_a_secret_in_an_address_is_told_to_the_receiver_alone(
    story_engine: Engine, receiver: Receiver
) -> None:
    url = receiver.url.replace("?from=incentives", "?key=a-secret-of-theirs")
    hook_id, _ = told(story_engine, url)
    hooks.switch(story_engine, ADMIN, hook_id, active=True)
    app = app_on(story_engine)
    admin, auditor = client_of(app, KIM), client_of(app, ALEX)
    seen = [
        admin.get("/hooks"),
        admin.get(f"/hooks/{hook_id}"),
        auditor.get("/audit"),
        auditor.get("/audit?what=hook"),
    ]
    assert all(f"127.0.0.1:{receiver.server.server_port}/in?…" in each.text for each in seen)
    with story_engine.connect() as connection:
        acts = connection.execute(select(tables.Act.subject).where(tables.Act.what == "hook")).scalars().all()
    assert len(acts) == 2
    assert not any("a-secret" in said for said in (*acts, *(each.text for each in seen)))


def test_an_address_that_turned_inside_is_not_called_and_nothing_is_followed(
    story_engine: Engine, receiver: Receiver
) -> None:
    hook_id, _ = told(story_engine, receiver.url)  # it was allowed when it was made
    decisions.hold(story_engine, Who(FEMKE, NOW, "Delivery is being checked"), "payee", "P01")
    hooks.look_for_messages(story_engine, NOW)
    assert hooks.send_due(story_engine, NOW) == 0
    assert receiver.arrived == []
    later = calls(story_engine, hook_id)[0].next_at
    receiver.answers, receiver.moved_to = [307], f"{receiver.url}/elsewhere"
    assert hooks.send_due(story_engine, later, private=True) == 0
    assert len(receiver.arrived) == 1


def test_an_admin_makes_one_and_sees_its_secret_once(story_engine: Engine) -> None:
    app = app_on(story_engine)
    client = client_of(app, KIM)
    token = token_in(client.get("/hooks").text)
    form = {"csrf_token": token, "url": "https://127.0.0.1/in", "kinds": ["month.closed"]}
    refused = client.post("/hooks", data=form)
    assert refused.status_code == 422 and "inside this network" in refused.text
    form["url"] = "https://93.184.215.14/in"
    made = client.post("/hooks", data=form).text
    assert re.search(r"whsec_[\w+/=]{40,}", made)
    assert "whsec_" not in client.get("/hooks").text
    assert client_of(app, SANNE).get("/hooks").status_code == 403
    assert client_of(app, RUBEN).get("/hooks/1").status_code == 403
