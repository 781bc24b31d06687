"""The programs in examples/ against a real server."""

from __future__ import annotations

import datetime as dt
import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import suppress
from pathlib import Path

import pytest
from sqlalchemy import func, select

from incentives.service import decisions, hooks
from incentives.store import tables
from incentives.store.desk import Account
from month_ends import by
from programs import token_of
from served import FEMKE, KIM, NOOR, TODAY, copied, free_port, serving

EXAMPLES = Path(__file__).parent.parent / "examples"


def test_programs_pull_payroll_and_send_events(story: Path, tmp_path: Path) -> None:
    engine = copied(story, tmp_path)
    tokens = {NOOR: token_of(engine, NOOR), FEMKE: token_of(engine, FEMKE)}
    with serving(tmp_path / "books.db") as url:

        def called(email: str, *command: str) -> subprocess.CompletedProcess[str]:
            environment = {**os.environ, "INCENTIVES_URL": url, "INCENTIVES_TOKEN": tokens[email]}
            return subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True)

        pulls = [called(NOOR, str(EXAMPLES / "payroll_pull.sh"), "2026-06", "adp", "payroll") for _ in range(2)]
        assert [each.returncode for each in pulls] == [0, 0], pulls[0].stderr + pulls[1].stderr
        assert "Payroll has 2026-06." in pulls[0].stdout
        assert "Payroll had 2026-06 before." in pulls[1].stdout
        (file,) = (tmp_path / "payroll").iterdir()
        assert file.read_bytes().startswith(b"Co Code,") and b"Amount" in file.read_bytes()
        open_month = called(NOOR, str(EXAMPLES / "payroll_pull.sh"), "2026-08", "adp", "payroll")
        assert open_month.returncode != 0

        event = {
            "event_id": "pay-example-1",
            "type": "payment",
            "invoice_id": "INV-26-037",
            "occurred_on": "2026-08-01",
            "amount": "100.00",
            "source": "bank",
        }
        (tmp_path / "events.json").write_text(json.dumps([event]), encoding="utf-8")
        send = (sys.executable, str(EXAMPLES / "send_events.py"), "events.json")
        first = called(FEMKE, *send)
        assert (first.returncode, first.stdout) == (0, "1 accepted, 0 duplicate, 0 conflict\n"), first.stderr
        (tmp_path / "events.json").write_text(json.dumps([event | {"amount": "120.00"}, event]), encoding="utf-8")
        second = called(FEMKE, *send)
        assert (second.returncode, second.stdout) == (1, "0 accepted, 1 duplicate, 1 conflict\n")
        (tmp_path / "events.json").write_text(json.dumps([event | {"amount": "1e3"}]), encoding="utf-8")
        third = called(FEMKE, *send)
        assert third.returncode == 1
        assert "/events/0/amount '1e3' is not an amount." in third.stderr
    with engine.connect() as connection:
        handed = connection.execute(select(func.count()).where(tables.Delivery.profile == "adp")).scalar_one()
    assert handed == 1, "what payroll has is not fetched again"
    engine.dispose()


def test_a_program_receives_what_is_genuine_once_and_nothing_else(story: Path, tmp_path: Path) -> None:
    engine, port = copied(story, tmp_path), free_port()
    address = f"http://127.0.0.1:{port}/incentives"
    with engine.connect() as connection:
        kim = connection.execute(select(Account.id).where(Account.email == KIM)).scalar_one()
    _, secret = hooks.add(engine, by(KIM), kim, address, ["approval.waiting"], private=True)
    decisions.adjust(engine, by(FEMKE, "Trade fair"), "P01", 25_000, "EUR", TODAY)
    now = dt.datetime.now(dt.UTC)
    assert hooks.look_for_messages(engine, now) == 1
    command = [sys.executable, "-u", str(EXAMPLES / "receive_messages.py"), str(port)]
    environment = {**os.environ, "INCENTIVES_HOOK_SECRET": secret}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as receiver:
        try:
            _listens(port)
            assert hooks.send_due(engine, now, private=True) == 1
            forged = urllib.request.Request(address, b"{}", {"webhook-id": "1", "webhook-timestamp": "1"})
            with pytest.raises(urllib.error.HTTPError, match="400"):
                urllib.request.urlopen(forged)
        finally:
            receiver.terminate()
        assert receiver.stdout is not None
        assert receiver.stdout.read() == 'approval.waiting {"kind": "adjustment", "number": 1}\n'
    engine.dispose()


def _listens(port: int) -> None:
    for _ in range(600):
        with suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            return
        time.sleep(0.1)
    raise AssertionError(f"nobody listens on {port}")
