"""Pages and API under load: a statement page, and events one by one, on books with a year of payments.

``python -m benchmarks.serving [--events 1000000] [--seconds 15] URL`` fills the store if it is empty, closes its
quarter, serves it with gunicorn on two processes, and lets wrk (Debian: ``wrk``) ask, on the same cores. CPU is
that of the server's processes; requests a second are what wrk saw while it took its own share of the machine.
What the server logs comes on standard error.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import multiprocessing
import os
import re
import secrets
import shutil
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from flask import Flask
from sqlalchemy import URL, Engine, func, select

from benchmarks.books import WAIVED, WHO, bring
from benchmarks.world import make_world
from incentives.cli import serving
from incentives.service import accounts, tokens
from incentives.service.accounts import Person
from incentives.service.months import close
from incentives.service.runs import run
from incentives.store import tables
from incentives.store.acts import Who
from incentives.store.desk import Account
from incentives.store.engine import engine_for, read_url, reading
from incentives.store.upgrade import upgrade
from incentives.web import create_app
from incentives.web.passwords import hashed
from incentives.web.settings import SECRET_KEY, read_settings

READERS = 40
AT_ONCE = 16
"""Readers come together."""
SENDERS = 4
"""Systems that send events are few, and each waits for its answer."""
WARM_SECONDS = 30
"""Each process puts each statement into words once."""


@dataclass(frozen=True)
class Asked:
    """What wrk saw, and what the server used meanwhile."""

    connections: int
    requests: int
    per_second: float
    p99_ms: float
    errors: int
    cpu_ms: float


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--seconds", type=int, default=15)
    parser.add_argument("url")
    asked = parser.parse_args()
    if shutil.which("wrk") is None:
        raise SystemExit("wrk is missing: apt-get install wrk")
    os.environ.setdefault(SECRET_KEY, secrets.token_urlsafe(48))
    engine = engine_for(read_url(asked.url))
    _fill(engine, asked.events)
    with reading(engine) as connection:
        entries = connection.execute(select(func.count()).select_from(tables.Entry)).scalar()
    cookies, bearer, invoices = _people(engine)
    print(f"\n{engine.dialect.name}, {entries:,} entries, 2 processes of gunicorn")
    with _served(engine.url) as (address, process):
        pages = _ask(address, process, asked.seconds, _lua_pages(cookies), AT_ONCE)
        _print("statement page", pages, "CPU <= 15 ms, >= 300/s")
        events = _ask(address, process, asked.seconds, _lua_events(bearer, invoices), SENDERS)
        _print("events, one each", events, ">= 150/s, p99 <= 100 ms")
    engine.dispose()


def _fill(engine: Engine, events: int) -> None:
    """A year of payments in the books, and the quarter closed with its statements."""
    upgrade(engine)
    with reading(engine) as connection:
        if connection.execute(select(tables.Statement.payee_id).limit(1)).first():
            return
    bring(engine, make_world(events))
    ran = run(engine, WHO, workers=2)
    close(engine, Who("somebody else", WHO.at), ran.month.first, waive=WAIVED, workers=2)


def _people(engine: Engine) -> tuple[list[tuple[str, str]], str, list[str]]:
    """Reps who are signed in, with the address of their statement; a token for events; invoices to pay."""
    with reading(engine) as connection:
        statement = tables.Statement
        has_one = select(Account.payee_id).where(Account.payee_id == statement.payee_id).exists()
        asked = select(statement.quarter, statement.payee_id).where(~has_one).order_by(statement.payee_id)
        issued = [(row.quarter, row.payee_id) for row in connection.execute(asked.limit(READERS))]
        if not issued:
            raise SystemExit("Everybody in these books has an account of an earlier run: fill new ones.")
        invoices = list(connection.execute(select(tables.Invoice.invoice_id).limit(5_000)).scalars())
    app = create_app(engine, read_settings(engine.url))
    password = secrets.token_urlsafe(24)
    kept, cookies = hashed(engine, password), []
    for quarter, payee_id in issued:
        email = f"{payee_id}.{secrets.token_hex(4)}@example.com".lower()
        accounts.add(engine, WHO, Person(email, payee_id, ["rep"], payee_id), kept)
        cookies.append((_signed_in(app, email, password), f"/statements/{quarter:%Y-%m}/{payee_id}"))
    email = f"bank.{secrets.token_hex(4)}@example.com"
    bank = accounts.add(engine, WHO, Person(email, "Bank feed", ["author"]))
    made = tokens.make(engine, Who(WHO.actor, dt.datetime.now(dt.UTC)), bank, "bank", ["facts:write"])
    return cookies, made.written, invoices


def _signed_in(app: Flask, email: str, password: str) -> str:
    """The cookie of somebody who has signed in."""
    client = app.test_client()
    token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', client.get("/login").text)
    assert token is not None
    answered = client.post("/login", data={"email": email, "password": password, "csrf_token": token[1]})
    cookie = client.get_cookie("incentives")
    assert answered.status_code == 302 and cookie is not None
    return f"incentives={cookie.value}"


# The load --------------------------------------------------------------------------------------------


def _lua_pages(cookies: list[tuple[str, str]]) -> str:
    rows = ", ".join(f"{{{json.dumps(cookie)}, {json.dumps(path)}}}" for cookie, path in cookies)
    return f"""
local readers = {{ {rows} }}
local n = 0
request = function()
  n = n % #readers + 1
  return wrk.format("GET", readers[n][2], {{ ["Cookie"] = readers[n][1] }})
end
"""


def _lua_events(bearer: str, invoices: list[str]) -> str:
    rows = ", ".join(json.dumps(each) for each in invoices)
    return f"""
local invoices = {{ {rows} }}
local n, run = 0, os.time()
request = function()
  n = n + 1
  local id = "load-" .. run .. "-" .. n
  local body = '{{"events": [{{"event_id": "' .. id .. '", "type": "payment", "source": "load", '
    .. '"occurred_on": "2026-01-15", "amount": "1.00", '
    .. '"currency": "EUR", "invoice_id": "' .. invoices[n % #invoices + 1] .. '"}}]}}'
  return wrk.format("POST", "/api/v1/events", {{
    ["Authorization"] = "Bearer {bearer}", ["Content-Type"] = "application/json" }}, body)
end
"""


_TALLY = """
done = function(summary, latency, requests)
  local e = summary.errors
  print(string.format("TALLY %d %d %f %d", summary.requests, summary.duration, latency:percentile(99),
    e.connect + e.read + e.write + e.status + e.timeout))
end
"""


def _ask(address: str, process: int, seconds: int, script: str, connections: int) -> Asked:
    """Let wrk ask for some seconds, once the server is warm."""
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as file:
        file.write(script + _TALLY)
        file.flush()
        _wrk(address, WARM_SECONDS, file.name, connections)
        before = _cpu_seconds(process)
        found = _wrk(address, seconds, file.name, connections)
        used = _cpu_seconds(process) - before
    tally = re.search(r"TALLY (\d+) (\d+) ([\d.]+) (\d+)", found)
    assert tally, found
    requests, microseconds, p99, errors = int(tally[1]), int(tally[2]), float(tally[3]), int(tally[4])
    return Asked(connections, requests, requests / microseconds * 1e6, p99 / 1e3, errors, used / requests * 1e3)


def _wrk(address: str, seconds: int, script: str, connections: int) -> str:
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "30s", "-s", script, address]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def _print(what: str, found: Asked, target: str) -> None:
    print(
        f"  {what:18} {found.connections:3} connections {found.per_second:8.0f}/s  p99 {found.p99_ms:7.1f} ms  "
        f"CPU {found.cpu_ms:6.2f} ms each  "
        f"{found.errors} errors of {found.requests:,}   {target}"
    )


# The server ------------------------------------------------------------------------------------------


@contextmanager
def _served(url: URL) -> Iterator[tuple[str, int]]:
    """A server of two processes; its address, and the process that all of them come from."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = int(found.getsockname()[1])
    context = multiprocessing.get_context("spawn")
    process = context.Process(target=_serve, args=(url.render_as_string(hide_password=False), port))
    process.start()
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(300):
            try:
                urllib.request.urlopen(f"{address}/login", timeout=5).close()
                break
            except (urllib.error.URLError, OSError):
                time.sleep(0.1)
        assert process.pid is not None
        yield address, process.pid
    finally:
        process.terminate()
        process.join(30)


def _serve(url: str, port: int) -> None:
    found = read_url(url)
    settings = replace(read_settings(found), api_per_minute=9_999_999)  # it is the server that is asked here
    serving.Server(found, settings, serving.options("127.0.0.1", port, 2)).run()


def _cpu_seconds(process: int) -> float:
    """What a process and all below it have used."""
    ticks, ask = 0, [process]
    parents: dict[int, list[int]] = {}
    times: dict[int, int] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        number = int(stat.parent.name)
        parents.setdefault(int(fields[1]), []).append(number)
        times[number] = sum(map(int, fields[11:15]))
    while ask:
        each = ask.pop()
        ticks += times.get(each, 0)
        ask += parents.get(each, [])
    return ticks / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    main()
