"""What is expected of every route for everybody: read from tests/access.csv, which people reviewed by hand.

A row is a method and a rule, then a mark for nobody and for each role: ``y`` may use it, ``-`` may not.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

from served import ALEX, BRAM, FEMKE, INGRID, KIM, NOOR, RUBEN, SANNE

TABLE = Path(__file__).with_name("access.csv")
PEOPLE = {
    "rep": SANNE,
    "manager": INGRID,
    "credit": BRAM,
    "author": FEMKE,
    "approver": RUBEN,
    "payroll": NOOR,
    "auditor": ALEX,
    "admin": KIM,
}


@dataclass(frozen=True)
class Row:
    """What is expected of one route."""

    method: str
    rule: str
    roles: frozenset[str]
    is_public: bool


def read_table() -> dict[tuple[str, str], Row]:
    """Every row by method and rule; a row that stands twice or has another mark than y and - is a mistake."""
    found: dict[tuple[str, str], Row] = {}
    with TABLE.open(encoding="utf-8", newline="") as file:
        for line in csv.DictReader(file):
            assert {line[role] for role in PEOPLE} | {line["nobody"]} <= {"y", "-"}, line
            row = Row(
                line["method"],
                line["rule"],
                frozenset(role for role in PEOPLE if line[role] == "y"),
                line["nobody"] == "y",
            )
            assert (row.method, row.rule) not in found, line
            found[row.method, row.rule] = row
    return found
