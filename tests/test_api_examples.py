"""The programs in examples/ against a real server."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from sqlalchemy import func, select

from incentives.store import tables
from programs import token_of
from served import FEMKE, NOOR, copied, serving

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
