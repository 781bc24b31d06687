"""What needs a second person, and the answers that somebody waits for."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

from sqlalchemy import Connection, and_, select

from incentives.ledger.entries import Draft
from incentives.store import tables


def adjustment_drafts(connection: Connection, as_of: dt.date) -> Iterator[Draft]:
    """Entries for adjustments that were approved and are not in the ledger yet."""
    adjustment, decision, entry = tables.Adjustment, tables.Decision, tables.Entry
    approved = and_(
        decision.kind == "adjustment", decision.subject_id == adjustment.id, decision.choice == "approve"
    )
    done = set(connection.execute(select(entry.cause).where(entry.kind == "adjustment")).scalars())
    asked = select(adjustment).join(decision, approved).where(adjustment.earned_on <= as_of)
    for row in connection.execute(asked.order_by(adjustment.id)).mappings():
        cause = f"adjustment:{row['id']}"
        if cause not in done:
            yield Draft(
                payee_id=row["payee_id"],
                plan="",
                component="adjustment",
                kind="adjustment",
                cause=cause,
                invoice_id="",
                earned_on=row["earned_on"],
                payable_on=row["earned_on"],
                amount_minor=row["amount_minor"],
                currency=row["currency"],
                plan_version=row["earned_on"],
                stood_minor=0,
            )
