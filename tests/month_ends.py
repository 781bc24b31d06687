"""The sample company one step before its story ends: June is closed, a chargeback came late, July is open."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

from sqlalchemy import Engine

from incentives.cli.story import PASSWORD, PEOPLE
from incentives.service import accounts, deliveries, months, runs
from incentives.store.acts import Who
from incentives.store.engine import engine_for, read_url
from incentives.store.upgrade import upgrade
from incentives.web.passwords import hashed
from served import FEMKE, PROJECT, RUBEN

REASON = "Thijs left in April; what came after the 30 days of his plan letter is not paid"
JULY = dt.date(2026, 7, 1)


def by(actor: str, reason: str = "") -> Who:
    """Somebody, on the morning of 3 August 2026."""
    return Who(actor, dt.datetime(2026, 8, 3, 9, 30, tzinfo=dt.UTC), reason)


def make_july_open(folder: Path) -> Path:
    """The books with July open and run by Femke; a login per role."""
    file = folder / "books.db"
    engine = engine_for(read_url(f"sqlite:///{file}"))
    upgrade(engine)
    deliveries.import_folder(engine, by(FEMKE), PROJECT / "sample_data")
    month = None
    while month != dt.date(2026, 6, 1):
        month = runs.run(engine, by(FEMKE)).month.first
        months.close(engine, by(RUBEN), month, waive={"exceptions": REASON})
    deliveries.import_folder(engine, by(FEMKE), PROJECT / "sample_data" / "later")
    _accounts(engine)
    engine.dispose()
    return file


def _accounts(engine: Engine) -> None:
    password = hashed(engine, PASSWORD)
    for person in PEOPLE:
        accounts.add(engine, by("demo"), person, password)
