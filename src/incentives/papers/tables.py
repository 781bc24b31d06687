"""What a calculation gives out: ledger.csv, payouts.csv, metrics.csv and exceptions.csv (docs/formats.md).

Rows are sorted by every column from left to right, bytewise; lines end in ``\\n``. Ids are written exactly
as they came, so that other programs can compare them; only the free text of an exception is kept from
being run by a spreadsheet.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path

from incentives.calculation.comparison import Compared
from incentives.calculation.lines import Finding, Line, MetricValue
from incentives.calendar import month_name
from incentives.ledger.pay import Payout
from incentives.money import PPM, major
from incentives.papers.cells import Row, csv_text, defused
from incentives.papers.together import written_together

LEDGER_COLUMNS = (
    "payee_id",
    "plan",
    "component",
    "kind",
    "cause",
    "invoice_id",
    "earned_on",
    "payable_on",
    "amount",
    "currency",
    "plan_version",
)
PAYOUT_COLUMNS = (
    "month",
    "payee_id",
    "currency",
    "positive",
    "negative",
    "brought_forward",
    "recovered",
    "pay",
    "carried_forward",
)
METRIC_COLUMNS = ("team", "period", "metric", "customers", "value")
COMPARISON_COLUMNS = ("month", "payee_id", "currency", "signature", "cash", "never_came")
EXCEPTION_COLUMNS = ("what", "invoice_id", "payee_id", "event_id", "message")


def write_tables(
    folder: Path,
    lines: Sequence[Line],
    payouts: Sequence[Payout],
    metric_values: Sequence[MetricValue],
    findings: Sequence[Finding],
) -> None:
    """All four tables into a folder, together or not at all. The same input gives the same bytes."""
    with written_together(folder) as beside:
        _write(beside / "ledger.csv", LEDGER_COLUMNS, ledger_rows(lines))
        _write(beside / "payouts.csv", PAYOUT_COLUMNS, payout_rows(payouts))
        _write(beside / "metrics.csv", METRIC_COLUMNS, metric_rows(metric_values))
        _write(beside / "exceptions.csv", EXCEPTION_COLUMNS, exception_rows(findings))


def write_comparison(path: Path, rows: Iterable[Compared]) -> None:
    """What signature would have paid beside what cash pays, per payee and month (section 12)."""
    cells = [
        (
            month_name(each.month),
            each.payee_id,
            each.currency,
            major(each.signature_minor, each.currency),
            major(each.cash_minor, each.currency),
            major(each.never_came_minor, each.currency),
        )
        for each in rows
    ]
    _write(path, COMPARISON_COLUMNS, cells)


def ledger_rows(lines: Iterable[Line]) -> Sequence[Row]:
    """The rows of ledger.csv, sorted; amounts in major units."""
    return sorted(
        (
            line.payee_id,
            line.plan,
            line.component,
            line.kind,
            line.cause,
            line.invoice_id,
            _iso(line.earned_on),
            _iso(line.payable_on),
            major(line.amount_minor, line.currency),
            line.currency,
            _iso(line.plan_version),
        )
        for line in lines
    )


def payout_rows(payouts: Iterable[Payout]) -> Sequence[Row]:
    """The rows of payouts.csv, sorted; amounts in major units."""
    return sorted(
        (
            month_name(payout.month),
            payout.payee_id,
            payout.currency,
            major(payout.positive_minor, payout.currency),
            major(payout.negative_minor, payout.currency),
            major(payout.brought_forward_minor, payout.currency),
            major(payout.recovered_minor, payout.currency),
            major(payout.pay_minor, payout.currency),
            major(payout.carried_forward_minor, payout.currency),
        )
        for payout in payouts
    )


def metric_rows(metric_values: Iterable[MetricValue]) -> Sequence[Row]:
    """The rows of metrics.csv, sorted; 6 decimals, empty where the metric is undefined."""
    return sorted(
        (each.team, _iso(each.period), each.metric, each.customers, _decimal(each.value_ppm))
        for each in metric_values
    )


def exception_rows(findings: Iterable[Finding]) -> Sequence[Row]:
    """The rows of exceptions.csv, sorted."""
    return sorted(
        (each.what, each.invoice_id, each.payee_id, each.event_id, defused(each.message)) for each in findings
    )


@lru_cache(maxsize=65536)
def _iso(day: dt.date) -> str:
    return day.isoformat()


def _decimal(value_ppm: int | None) -> str:
    """Millionths as a plain decimal with 6 decimals.

    >>> _decimal(-1_250_000), _decimal(5), _decimal(None)
    ('-1.250000', '0.000005', '')
    """
    if value_ppm is None:
        return ""
    whole, part = divmod(abs(value_ppm), PPM)
    return f"{'-' if value_ppm < 0 else ''}{whole}.{part:06d}"


def _write(path: Path, columns: Row, rows: Sequence[Row]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        file.writelines(csv_text([columns]))
        file.writelines(csv_text(rows))
