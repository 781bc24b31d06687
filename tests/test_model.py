"""The product and the second model agree on random histories, to the cent and the row.

``DEEP_HISTORIES=50000 make test-deep`` runs as many more as you like. A failure prints its seed; the
history can be written again with ``tests/model/histories.py``.
"""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Iterable
from pathlib import Path

import pytest

from incentives.calculation.earned import Earned
from incentives.calculation.explanation import total
from incentives.calendar import period_of
from incentives.engines.inprocess import calculate
from incentives.feeds.folder import read_folder
from incentives.ledger.pay import payouts
from incentives.money import EXACT, rounded_exact
from incentives.papers.tables import exception_rows, ledger_rows, metric_rows, payout_rows
from model import model
from model.histories import write_history

SMALL_HISTORIES = 300
BATCH = 25
_DEEP_FROM = 1_000_000

Rows = list[tuple[str, ...]]


def product(folder: Path, as_of: dt.date) -> tuple[Earned, dict[str, Rows]]:
    """What the product makes of a folder: its lines and its four tables."""
    reading = read_folder(folder)
    assert reading.facts is not None, "\n".join(map(str, reading.problems))
    earned = calculate(reading.facts, reading.plans, as_of)
    paid = payouts(earned.lines, period_of(as_of, "month", 1), reading.facts.company.recovery_cap_ppm)
    tables = {
        "ledger": ledger_rows(earned.lines),
        "payouts": payout_rows(paid),
        "metrics": metric_rows(earned.metrics),
        "exceptions": comparable(exception_rows(earned.findings)),
    }
    return earned, {name: [tuple(row) for row in rows] for name, rows in tables.items()}


def comparable(rows: Iterable[Iterable[str]]) -> Rows:
    """Exceptions without their wording; the model writes an ambiguous event id with its source."""
    found = set()
    for what, invoice_id, payee_id, event_id, _ in rows:
        event = "" if what == "before_first_version" else event_id.rpartition("/")[2]
        found.add((what, invoice_id, payee_id, event))
    return sorted(found)


def differences(folder: Path, as_of: dt.date) -> list[str]:
    """Every row that only one of the two has."""
    earned, mine = product(folder, as_of)
    expected = model.calculate(folder, as_of)
    found = [f"explanation of {line}" for line in earned.lines if not _explained(line)]
    for name, rows in mine.items():
        theirs: Rows = getattr(expected, name)
        if name == "exceptions":
            theirs = comparable(theirs)
        found += [f"{name}: only the product has {row}" for row in rows if row not in theirs]
        found += [f"{name}: only the model has {row}" for row in theirs if row not in rows]
        if not found and name != "exceptions" and rows != theirs:
            found.append(f"{name}: the same rows, but in another order or number")
    return found


def _explained(line: object) -> bool:
    """The steps sum to the amount, and rounding is no more than rounding."""
    step = line.explained()  # type: ignore[attr-defined]
    amount: int = line.amount_minor  # type: ignore[attr-defined]
    rounding = next((child for child in step.steps if child.code == "rounding"), None)
    if rounding is not None:
        before, after = rounding.values["before"], rounding.values["after"]
        assert isinstance(before, int) and isinstance(after, int) and rounding.exact is not None
        windows = sum(child.code == "whole_amount" for child in step.steps)
        beside = any(child.exact and child.code not in ("whole_amount", "rounding") for child in step.steps)
        if windows + beside <= 1 and rounded_exact(after) - rounded_exact(before) != amount:
            return False
        if after - before + rounding.exact != amount * EXACT:
            return False
    return total(step) == amount * EXACT


def _agree(tmp_path: Path, seeds: range) -> int:
    lines = 0
    for seed in seeds:
        folder = tmp_path / str(seed)
        folder.mkdir()
        as_of = write_history(folder, seed)
        found = differences(folder, as_of)
        assert not found, f"seed {seed}, as of {as_of}:\n" + "\n".join(found)
        lines += len((folder / "events.csv").read_text().splitlines())
    return lines


@pytest.mark.parametrize("first", range(0, SMALL_HISTORIES, BATCH))
def test_product_and_model_agree_to_the_cent_and_the_row(tmp_path: Path, first: int) -> None:
    assert _agree(tmp_path, range(first, first + BATCH)) > BATCH, "histories without events prove nothing"


@pytest.mark.deep
def test_product_and_model_agree_on_as_many_histories_as_asked(tmp_path: Path) -> None:
    histories = int(os.environ.get("DEEP_HISTORIES", "10000"))
    assert _agree(tmp_path, range(_DEEP_FROM, _DEEP_FROM + histories)) > histories


def test_product_and_model_agree_on_the_sample_company() -> None:
    sample = Path(__file__).parent.parent / "sample_data"
    assert differences(sample, dt.date(2026, 6, 30)) == []
