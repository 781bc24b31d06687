from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import yaml

FOLDER = Path(__file__).parent / "scenarios"


def read(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


INDEX: list[dict[str, str]] = read(FOLDER / "published" / "index.yaml")
OUTSIDE: dict[str, str] = read(FOLDER / "published" / "outside.yaml")
SOURCES: list[str] = [
    str(scenario.get("source"))
    for path in sorted(FOLDER.glob("published_*.yaml"))
    for scenario in read(path)["scenarios"]
]


def cases(rules: str) -> list[dict[str, str]]:
    return [case for case in INDEX if case["rules"] == rules]


def test_an_id_stands_once_in_the_index() -> None:
    assert {each: count for each, count in Counter(case["id"] for case in INDEX).items() if count > 1} == {}


def test_every_case_is_inside_or_outside() -> None:
    assert {case["rules"] for case in INDEX} == {"inside", "outside"}


def test_every_inside_case_is_the_source_of_one_scenario_and_no_other_is() -> None:
    assert Counter(SOURCES) == Counter(f"{case['id']}, {case['source']}" for case in cases("inside"))


def test_every_outside_case_has_a_reason_and_no_other_has() -> None:
    lines = (FOLDER / "published" / "outside.yaml").read_text(encoding="utf-8").splitlines()
    listed = [line.partition(":")[0] for line in lines if not line.startswith("#")]
    assert Counter(listed) == Counter(case["id"] for case in cases("outside"))
    assert [each for each, reason in OUTSIDE.items() if not reason.strip()] == []
