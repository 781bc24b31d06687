"""A dataset folder taken apart: brought in many deliveries, in any order, wrong at first and mended later."""

from __future__ import annotations

import csv
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

Row = dict[str, str]

LATE = {
    "reporting.csv": (),
    "memberships.csv": (),
    "customer_credit.csv": (),
    "targets.csv": (),
    "fx_rates.csv": (),
    "assignments.csv": (),
    "credits.csv": ("invoice_id",),
    "invoices.csv": ("invoice_id",),
}
"""What may come later, and what of it comes together."""


@dataclass
class Parts:
    """A folder as rows by file. ``first`` opens the books, ``later`` comes afterwards in this order."""

    first: dict[str, list[Row]]
    later: list[dict[str, list[Row]]] = field(default_factory=list)
    plans: list[tuple[str, str]] = field(default_factory=list)
    """Plans that are wrong at first: file and text of then."""


def parts_of(folder: Path, rng: Random) -> Parts:
    """A folder taken apart at random."""
    parts = Parts({path.name: rows(path) for path in sorted(folder.glob("*.csv"))})
    events = parts.first.pop("events.csv")
    parts.first["events.csv"] = []
    _mistakes(parts, rng)
    held_back = _held_back(parts, rng)
    parts.plans = [(path.name, _otherwise(path.read_text("utf-8"), rng)) for path in _some_plans(folder, rng)]
    rng.shuffle(parts.later)
    _events(parts, events, held_back, rng)
    return parts


def _some_plans(folder: Path, rng: Random) -> list[Path]:
    return [path for path in sorted((folder / "plans").glob("*.toml")) if rng.random() < 0.3]


def _otherwise(plan: str, rng: Random) -> str:
    """The same plan with other rates, amounts and factors."""
    rate = rng.choice(["3%", "0.2", "7.5%"])
    return re.sub(r'rate = "[^"]+"', f'rate = "{rate}"', plan)


def _mistakes(parts: Parts, rng: Random) -> None:
    """Rows that say something else at first, and are mended by a later delivery."""
    for file, column, others in (
        ("customer_credit.csv", "risk_grade", ["A", "B", "C"]),
        ("customer_credit.csv", "security", ["none", "insured", "lien"]),
        ("customers.csv", "country", ["DE", "NL", "JP", ""]),
        ("payees.csv", "ends_on", ["2024-06-30", "2025-03-15", ""]),
        ("targets.csv", "amount", ["100", "2500", "40"]),
        ("fx_rates.csv", "rate", ["1", "0.5"]),
        ("memberships.csv", "ends_on", ["2024-09-30", "2025-05-31"]),
        ("assignments.csv", "ends_on", ["2024-10-31", "2025-06-30"]),
        ("reporting.csv", "ends_on", ["2024-08-31", "2025-04-30"]),
    ):
        for row in list(parts.first.get(file, ())):
            if rng.random() < 0.15:
                wrong = row | {column: rng.choice(others)}
                if _is_possible(wrong) and not _is_mended(parts, file, row):
                    _replace(parts, file, row, wrong)
    for invoice_id, credits in grouped(parts.first["credits.csv"], ("invoice_id",)).items():
        if rng.random() < 0.2:
            payees = sorted({row["payee_id"] for row in parts.first["payees.csv"]})
            mapped = dict(zip(payees, rng.sample(payees, len(payees)), strict=True))
            wrong_rows = [row | {"payee_id": mapped[row["payee_id"]]} for row in credits]
            remaining = [row for row in parts.first["credits.csv"] if row["invoice_id"] != invoice_id[0]]
            parts.first["credits.csv"] = remaining + wrong_rows
            parts.later.append({"credits.csv": credits})


def _is_possible(row: Row) -> bool:
    """Whether a range of days does not end before it begins, nor so late that it would meet the next."""
    return not row.get("starts_on") or not row.get("ends_on") or row["starts_on"] <= row["ends_on"]


def _replace(parts: Parts, file: str, row: Row, wrong: Row) -> None:
    """``wrong`` at first. Where two ranges of days would meet, it stays as it was."""
    same = [
        each for each in parts.first[file] if each is not row and _unit(file, each)[:-1] == _unit(file, row)[:-1]
    ]
    if "starts_on" in row and same:
        return
    place = parts.first[file].index(row)
    parts.first[file][place] = wrong
    parts.later.append({file: [row]})


def _unit(file: str, row: Row) -> tuple[str, ...]:
    names = ("team", "payee_id", "plan", "role", "manager_id", "starts_on")
    return tuple(row.get(name, "") for name in names)


def _held_back(parts: Parts, rng: Random) -> dict[str, set[str]]:
    """What comes later only; by file, the ids of what does."""
    held: dict[str, set[str]] = {}
    changed = {row.get("invoice_id", "") for later in parts.later for row in later.get("credits.csv", ())}
    for file, together in LATE.items():
        if rng.random() < 0.5:
            continue
        standing = parts.first.get(file, [])
        for unit, group in grouped(standing, together).items():
            late_already = any(row in later.get(file, ()) for later in parts.later for row in group)
            if rng.random() < 0.7 or late_already or (together and unit[0] in changed):
                continue
            if any(_is_mended(parts, file, row) for row in group):
                continue
            held.setdefault(file, set()).add(unit[0] if together else "")
            brought = {file: group}
            parts.first[file] = [row for row in parts.first[file] if row not in group]
            if file == "invoices.csv":
                for other in ("invoice_lines.csv", "credits.csv"):
                    brought[other] = [r for r in parts.first[other] if r["invoice_id"] == unit[0]]
                    brought[other] += [
                        r for later in parts.later for r in later.get(other, ()) if r["invoice_id"] == unit[0]
                    ]
                    parts.first[other] = [r for r in parts.first[other] if r["invoice_id"] != unit[0]]
                parts.later = [
                    later
                    for later in parts.later
                    if not any(r["invoice_id"] == unit[0] for r in later.get("credits.csv", ()))
                ]
            parts.later.append({name: some for name, some in brought.items() if some})
    return held


def _is_mended(parts: Parts, file: str, row: Row) -> bool:
    return any(
        _unit(file, row) == _unit(file, other) and row.get("on") == other.get("on")
        for later in parts.later
        for other in later.get(file, ())
    )


def _events(parts: Parts, events: list[Row], held_back: Mapping[str, set[str]], rng: Random) -> None:
    """Events in deliveries of some; those of an invoice that comes later, later still."""
    waiting = [row for row in events if row["invoice_id"] in held_back.get("invoices.csv", ())]
    free = [row for row in events if row["invoice_id"] not in held_back.get("invoices.csv", ())]
    rng.shuffle(free)
    while free:
        number = rng.randint(1, max(1, len(events) // 3))
        parts.later.insert(rng.randint(0, len(parts.later)), {"events.csv": free[:number]})
        free = free[number:]
    for row in waiting:
        known = next(
            place
            for place, later in enumerate(parts.later)
            if any(each["invoice_id"] == row["invoice_id"] for each in later.get("invoices.csv", ()))
        )
        parts.later.insert(rng.randint(known + 1, len(parts.later)), {"events.csv": [row]})


# Files --------------------------------------------------------------------------------------------------


def rows(path: Path) -> list[Row]:
    """The rows of a file."""
    with path.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def grouped(some: Sequence[Row], by: Sequence[str]) -> dict[tuple[str, ...], list[Row]]:
    """Rows that come together; each by itself where nothing says so."""
    found: dict[tuple[str, ...], list[Row]] = {}
    for place, row in enumerate(some):
        found.setdefault(tuple(row[name] for name in by) if by else (str(place),), []).append(row)
    return found


def write(folder: Path, like: Path, files: Mapping[str, Sequence[Row]]) -> Path:
    """A folder that holds these rows, with the columns that the files of another folder have."""
    folder.mkdir(parents=True)
    for file, some in files.items():
        with (like / file).open(encoding="utf-8", newline="") as lines:
            columns = list(dict.fromkeys((*next(csv.reader(lines)), *(name for row in some for name in row))))
        with (folder / file).open("w", encoding="utf-8", newline="") as stream:
            writer = csv.DictWriter(stream, columns, lineterminator="\n", extrasaction="raise")
            writer.writeheader()
            writer.writerows(some)
    return folder


def write_first(folder: Path, like: Path, parts: Parts) -> Path:
    """The folder that opens the books."""
    write(folder, like, parts.first)
    shutil.copy(like / "company.toml", folder)
    shutil.copytree(like / "plans", folder / "plans")
    for name, text in parts.plans:
        (folder / "plans" / name).write_text(text, "utf-8")
    return folder
