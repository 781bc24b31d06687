"""The pages as people see them: the sample company's books after its story, in one process or in a real server.

``make_story`` makes them once per run, by the demo itself. Copies are cheap: a test that writes takes its own.
"""

from __future__ import annotations

import datetime as dt
import importlib.machinery
import importlib.util
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from flask import Flask
from flask.testing import FlaskClient
from playwright.sync_api import Browser, Page, sync_playwright
from sqlalchemy import Engine

from incentives.cli.story import PASSWORD
from incentives.store.engine import engine_for, read_url
from incentives.web import create_app, operators
from incentives.web.settings import Settings

PROJECT = Path(__file__).parent.parent
TODAY = dt.date(2026, 8, 3)

SANNE, JORIS = "sanne.dewit@waalkade.example", "joris.hendriks@waalkade.example"
"""Reps P01 and P02; Joris reads Dutch."""
INGRID, BRAM = "ingrid.mulder@waalkade.example", "bram.postma@waalkade.example"
"""Manager P07 of P01 to P05; credit, P08."""
FEMKE, RUBEN = "femke.bos@waalkade.example", "ruben.smit@waalkade.example"
"""Finance: author and approver."""
NOOR, ALEX, KIM = (f"{name}@waalkade.example" for name in ("noor.vandam", "alex.peters", "kim.jansen"))
"""Payroll, auditor, admin."""
EVERYBODY = (SANNE, JORIS, INGRID, BRAM, FEMKE, RUBEN, NOOR, ALEX, KIM)


def make_story(folder: Path) -> Path:
    """The demo's books, made by the demo: closed through July 2026, the sample's people with a login each."""
    command = "import sys; from incentives.cli import main; main(sys.argv[1:])"
    done = subprocess.run(
        [sys.executable, "-c", command, "demo", "--out", str(folder), "--no-serve"],
        cwd=PROJECT,
        env={**os.environ, "PYTHONPATH": str(PROJECT / "src")},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return folder / "books.db"


def copied(story: Path, folder: Path) -> Engine:
    """Books of one's own, as they stand after the story."""
    for file in story.parent.glob("books.db*"):
        shutil.copy(file, folder / file.name)
    return engine_for(read_url(f"sqlite:///{folder / 'books.db'}"))


def app_on(engine: Engine, per_minute: int = 0) -> Flask:
    """The application on a store, on the morning when the story ends. 0: programs ask as often as they like."""
    app = create_app(engine, Settings(_secret(engine), today=TODAY, api_per_minute=per_minute or 1))
    app.extensions["api_limiter"].enabled = per_minute > 0
    return app


def _secret(engine: Engine) -> str:
    """The one that the passwords of these books were hashed with."""
    return Path(f"{engine.url.database}.secret").read_text(encoding="ascii").strip()


def client_of(app: Flask, email: str | None) -> FlaskClient:
    """Somebody's browser without a screen, signed in (or nobody's)."""
    client = app.test_client()
    if email is not None:
        answered = client.post(
            "/login",
            data={"email": email, "password": PASSWORD, "csrf_token": token_in(client.get("/login").text)},
        )
        assert answered.status_code == 302, answered.text[-2000:]
    return client


def token_in(page: str) -> str:
    """The token against forgery that a page's forms carry."""
    found = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', page)
    assert found, "the page has no form"
    return found[1]


# A real server and a real browser --------------------------------------------------------------------


BEGUN = "import sys; from incentives.cli.serving import begun_anew; begun_anew(*sys.argv[1:])"


@contextmanager
def serving(database: Path, program: str = BEGUN) -> Iterator[str]:
    """A server process on a store with its worker, as the demo ends with one; its address."""
    port = free_port()
    arguments = [f"sqlite:///{database}", str(port), TODAY.isoformat(), "worker"]
    environment = {**os.environ, "PYTHONPATH": str(PROJECT / "src")}
    environment.pop(operators.FOLDER, None)  # a server counts for itself, not with the apps of these tests
    log = database.with_name("server.log")
    with log.open("wb") as written:
        process = subprocess.Popen(
            [sys.executable, "-c", program, *arguments],
            cwd=PROJECT,
            env=environment,
            stdout=written,
            stderr=written,
        )
        try:
            _wait_for(f"http://127.0.0.1:{port}/login", process, log)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(60)


def _wait_for(address: str, process: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(900):
        assert process.poll() is None, log.read_text(encoding="utf-8")[-2000:]
        try:
            with urllib.request.urlopen(address, timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    raise AssertionError(log.read_text(encoding="utf-8")[-2000:])


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


FLAGS = (
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--no-first-run",
)


@contextmanager
def browsing() -> Iterator[Browser]:
    """The system's Chromium, without a window."""
    flags = [*FLAGS, "--no-sandbox"] if os.geteuid() == 0 else list(FLAGS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(_chromium()), args=flags)
        try:
            yield browser
        finally:
            browser.close()


def _chromium() -> Path:
    """The browser that ``scripts/system_packages browser`` finds."""
    script = str(PROJECT / "scripts" / "system_packages")
    spec = importlib.util.spec_from_loader("needs", importlib.machinery.SourceFileLoader("needs", script))
    assert spec is not None and spec.loader is not None
    needs = importlib.util.module_from_spec(spec)
    sys.modules["needs"] = needs
    spec.loader.exec_module(needs)
    found = needs.chromium()
    assert found is not None, "Chromium is missing: scripts/system_packages browser"
    return Path(found)


PHONE: dict[str, Any] = {"width": 390, "height": 844, "is_mobile": True, "has_touch": True}
"""How :func:`signed_in` gets a phone: small, and touched."""


def signed_in(
    browser: Browser,
    address: str,
    email: str,
    *,
    width: int = 1280,
    height: int = 800,
    scheme: Literal["light", "dark"] = "light",
    **more: Any,
) -> Page:
    """A page of somebody who has signed in as people do; ``more`` as a context of the browser takes it.

    Its context is closed by whoever asked, or by the end of the browser.
    """
    context = browser.new_context(
        viewport={"width": width, "height": height}, color_scheme=scheme, locale="en-GB", **more
    )
    context.set_default_timeout(60_000)  # a server's first page is slow where much else is going on
    page = context.new_page()
    page.goto(f"{address}/login")
    page.fill("#email", email)
    page.fill("#password", PASSWORD)
    page.press("#password", "Enter")
    page.wait_for_url(lambda url: "/login" not in url)
    return page
