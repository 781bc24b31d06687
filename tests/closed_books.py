"""Books in which everything happened: sample data, late news, decisions, pay, paper, closed months."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

from sqlalchemy import Engine, select

from incentives.service.acknowledging import acknowledge_letter
from incentives.service.decisions import adjust, answer, ask, decide, hold, release
from incentives.service.deliveries import import_folder
from incentives.service.issuing import printed
from incentives.service.months import close
from incentives.service.payouts import acknowledge, payout
from incentives.service.runs import run
from incentives.store import tables
from stores import ANA, BEN, CEM, WAIVED

SAMPLE = Path(__file__).parent.parent / "sample_data"
EVENTS = (SAMPLE / "events.csv").read_text(encoding="utf-8").splitlines()[0]

LATE = dt.date(2026, 2, 1)
"""The month in which news came of the month before, which was closed by then."""
LAST = dt.date(2026, 3, 1)
"""The last month that is closed."""


def close_through(engine: Engine, last: dt.date) -> None:
    """Run and close every month up to one; nothing of the month after it is posted."""
    month = dt.date.min
    while month < last:
        month = run(engine, ANA).month.first
        close(engine, BEN, month, waive=WAIVED | {"holds": "disputed"})


def fill(engine: Engine, folder: Path, papers: bool = True) -> None:
    """From nothing to a last closed month, with a row in every table."""
    import_folder(engine, ANA, SAMPLE)
    close_through(engine, dt.date(2026, 1, 1))
    late_news(engine, folder)
    decisions(engine)
    paid(engine, dt.date(2026, 1, 1))
    if papers:
        printed(engine, ANA, dt.date(2025, 12, 1), "P01")
    close_through(engine, LAST)


def late_news(engine: Engine, folder: Path) -> None:
    """A payment that nobody knew of, another version of one that was known, a customer who moved, a new rule."""
    folder.mkdir()
    (folder / "events.csv").write_text(
        f"{EVENTS}\n"
        "late-1,payment,INV-25-008,2025-12-20,10.00,EUR,2026-02-03T07:15:00+01:00,,,,,Found later,,bank\n"
        "pay-25-001,payment,INV-25-001,2025-01-30,50820.01,EUR,2026-02-03T07:15:00+01:00,,,,,,,bank\n",
        encoding="utf-8",
    )
    customers = "customer_id,name,country\nC101,Gemeente Vlierdam,BE\n"
    (folder / "customers.csv").write_text(customers, encoding="utf-8")
    (folder / "plans").mkdir()
    plan = (SAMPLE / "plans" / "account-executive.toml").read_text(encoding="utf-8")
    changed = plan.replace("section 2", "section 2, as printed again")
    (folder / "plans" / "account-executive.toml").write_text(changed, encoding="utf-8")
    import_folder(engine, ANA, folder, accept_good_rows=True)


def decisions(engine: Engine) -> None:
    """Everything that people decide, once."""
    decide(engine, BEN, "conflict", 1, "keep")
    with engine.connect() as connection:
        revision = connection.execute(
            select(tables.RuleRevision.id).order_by(tables.RuleRevision.id.desc())
        ).scalar()
    assert revision is not None
    decide(engine, BEN, "rule", revision, "approve")
    decide(engine, BEN, "adjustment", adjust(engine, ANA, "P01", 12_345, "EUR", LATE), "approve")
    for subject in ("INV-26-002", "INV-26-003"):
        decide(engine, BEN, "hold", hold(engine, ANA, "invoice", subject), "approve")
    decide(engine, CEM, "release", release(engine, BEN, 1), "approve")
    acknowledge_letter(engine, ANA, "P01", "account-executive", dt.date(2025, 1, 1))
    for number in ask(engine, ANA, "P01", "pay-25-001", "Is this right?"):
        answer(engine, BEN, number, "It is.")


def paid(engine: Engine, month: dt.date) -> None:
    """A month is handed over twice, and payroll says that it has it."""
    payout(engine, ANA, month, "generic")
    payout(engine, ANA, month, "nmbrs")
    acknowledge(engine, BEN, month, "generic", "in the January batch")
