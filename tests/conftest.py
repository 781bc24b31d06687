"""Databases for tests. A server is started when the first test asks for one, and each test gets a new database."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:  # the driver takes a quarter of a second to load, also where no test needs it
    from flask import Flask
    from playwright.sync_api import Browser
    from sqlalchemy import Engine

    from postgres import Databases, Server


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Server]:
    """The PostgreSQL server of this run; quick, since it need not survive a power cut."""
    from postgres import running

    with running() as server:
        yield server


@pytest.fixture(scope="session")
def durable_postgresql() -> Iterator[Server]:
    """A second one that writes to disk what it promises, as a company's does."""
    from postgres import running

    with running(durable=True) as server:
        yield server


@pytest.fixture
def databases(postgresql: Server) -> Iterator[Databases]:
    """A new empty database on PostgreSQL, as its owner and as the app role see it."""
    fresh = postgresql.fresh_databases()
    yield fresh
    postgresql.drop(fresh.owner_url)


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a new empty database: the test runs once on each brand."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'books.db'}"
    databases: Databases = request.getfixturevalue("databases")
    return databases.owner_url


@pytest.fixture
def nothing_serves(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Commands that would serve until they are stopped say where, and end; a server of its own is tested apart."""
    served: list[str] = []
    for name in ("run", "run_anew"):
        monkeypatch.setattr(
            f"incentives.cli.serving.{name}", lambda url, *_, **__: served.append(url.database or "")
        )
    monkeypatch.setattr("incentives.cli.serving.expect_free", lambda *_: None)
    monkeypatch.setattr("incentives.cli.working._work", lambda *_: None)
    monkeypatch.setattr("getpass.getpass", lambda _: "a password that was typed")
    return served


# The sample company's books after its story ------------------------------------------------------------------


@pytest.fixture(scope="session")
def story(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of the books; not to be written to. ``STORY=folder`` takes those that a demo made before."""
    from served import make_story

    if made_before := os.environ.get("STORY"):
        return Path(made_before) / "books.db"
    return make_story(tmp_path_factory.mktemp("story"))


@pytest.fixture
def story_engine(story: Path, tmp_path: Path) -> Iterator[Engine]:
    """A copy of them, for one test."""
    from served import copied

    engine = copied(story, tmp_path)
    yield engine
    engine.dispose()


@pytest.fixture(scope="module")
def story_app(story: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    """The application on a copy of them that the tests of a file share."""
    from served import app_on, copied

    engine = copied(story, tmp_path_factory.mktemp("app"))
    yield app_on(engine)
    engine.dispose()


@pytest.fixture(scope="module")
def story_address(story: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real server, with its worker, on a copy of them that the tests of a file share."""
    from served import copied, serving

    folder = tmp_path_factory.mktemp("served")
    copied(story, folder).dispose()
    with serving(folder / "books.db") as address:
        yield address


@pytest.fixture(scope="session")
def july(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The books one step before their story ends (:mod:`month_ends`); not to be written to."""
    from month_ends import make_july_open

    return make_july_open(tmp_path_factory.mktemp("july"))


@pytest.fixture
def july_address(july: Path, tmp_path: Path) -> Iterator[str]:
    """A real server, with its worker, on a copy of them for one test."""
    from served import copied, serving

    copied(july, tmp_path).dispose()
    with serving(tmp_path / "books.db") as address:
        yield address


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """The system's Chromium."""
    from served import browsing

    with browsing() as found:
        yield found
