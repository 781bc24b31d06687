"""What a program sends or a person types enters the books as a folder does."""

from __future__ import annotations

import datetime as dt

import pytest
from sqlalchemy import Engine, func, select

from incentives.errors import Problem, Rejected
from incentives.service import decisions
from incentives.service.deliveries import deliver
from incentives.service.verification import breaches
from incentives.store import tables
from incentives.store.acts import Who
from incentives.store.engine import reading
from served import FEMKE

WHO = Who(FEMKE, dt.datetime(2026, 8, 3, 9, tzinfo=dt.UTC))
PAYMENT = {
    "event_id": "pay-api-1",
    "type": "payment",
    "invoice_id": "INV-26-037",
    "occurred_on": "2026-08-01",
    "amount": "100.00",
    "source": "bank",
}


def count(engine: Engine, model: type[tables.Base]) -> int:
    with reading(engine) as connection:
        return connection.execute(select(func.count()).select_from(tables.table_of(model))).scalar_one()


def test_an_event_that_is_sent_is_known_by_an_import_with_its_counts(story_engine: Engine) -> None:
    before = count(story_engine, tables.Event)
    done = deliver(story_engine, WHO, "events of the bank", {"events.csv": [PAYMENT]})
    assert done.events == ("accepted",)
    assert [(each.file, each.read, each.accepted) for each in done.files] == [("events.csv", 1, 1)]
    assert count(story_engine, tables.Event) == before + 1
    with reading(story_engine) as connection:
        kept = connection.execute(
            select(tables.Import.name).where(tables.Import.act_id == done.act_id)
        ).scalar_one()
        event = connection.execute(
            select(tables.Event.amount_minor).where(tables.Event.event_id == "pay-api-1")
        ).scalar_one()
    assert (kept, event) == ("events of the bank", 10_000)


def test_each_event_is_new_a_duplicate_or_a_conflict(story_engine: Engine) -> None:
    other = PAYMENT | {"amount": "120.00"}
    done = deliver(story_engine, WHO, "events", {"events.csv": [PAYMENT, PAYMENT | {"amount": "100"}, other]})
    assert done.events == ("accepted", "duplicate", "conflict")
    (result,) = done.files
    assert (result.read, result.accepted, result.duplicate, result.rejected) == (3, 1, 1, 1)
    again = deliver(story_engine, WHO, "events", {"events.csv": [other, PAYMENT]})
    assert again.events == ("conflict", "duplicate")
    (waiting,) = [each for each in decisions.waiting(story_engine) if each.kind == "conflict"]
    chosen = Who(FEMKE, WHO.at, "the bank corrected it")
    decisions.decide(story_engine, chosen, "conflict", waiting.number, "replace")
    assert deliver(story_engine, WHO, "events", {"events.csv": [other]}).events == ("duplicate",)


def test_every_mistake_of_a_delivery_is_told_with_its_row_and_column(story_engine: Engine) -> None:
    rows = [
        PAYMENT | {"amount": "1e3", "invoice_id": "INV-NONE"},
        PAYMENT | {"occurred_on": "2026-02-30"},
        PAYMENT | {"reason": "half a \ud800 character"},
        PAYMENT | {"amount": "9223372036854775808"},
    ]
    before = count(story_engine, tables.Act)
    with pytest.raises(Rejected) as refused:
        deliver(story_engine, WHO, "events", {"events.csv": rows})
    assert [(each.line, each.path, each.code) for each in refused.value.problems] == [
        (1, "amount", "not-an-amount"),
        (1, "invoice_id", "unknown-reference"),
        (2, "occurred_on", "no-such-day"),
        (3, "reason", "not-text"),
        (4, "amount", "too-large"),
    ]
    assert isinstance(refused.value.problems[0], Problem)
    assert count(story_engine, tables.Act) == before


def test_an_invoice_comes_whole_with_its_lines_and_credits(story_engine: Engine) -> None:
    rows = {
        "customers.csv": [{"customer_id": "C-API", "name": "Nieuw B.V."}],
        "invoices.csv": [
            {
                "invoice_id": "INV-API-1",
                "customer_id": "C-API",
                "currency": "EUR",
                "issued_on": "2026-08-01",
                "due_on": "2026-08-31",
            }
        ],
        "invoice_lines.csv": [{"invoice_id": "INV-API-1", "line": "1", "net": "1000.00", "tax": "210.00"}],
        "credits.csv": [{"invoice_id": "INV-API-1", "payee_id": "P01", "role": "sales", "share": "1"}],
        "events.csv": [PAYMENT | {"invoice_id": "INV-API-1", "amount": "1210.00"}],
    }
    done = deliver(story_engine, WHO, "a sale", rows)
    assert done.accepted == 5
    assert deliver(story_engine, WHO, "a sale", rows).accepted == 0
    with pytest.raises(Rejected, match=r"has no lines|List it there too"):
        deliver(story_engine, WHO, "a line", {"invoice_lines.csv": rows["invoice_lines.csv"]})


def test_books_with_deliveries_of_their_own_are_as_sealed(story_engine: Engine) -> None:
    deliver(story_engine, WHO, "events", {"events.csv": [PAYMENT]})
    assert breaches(story_engine) == []
