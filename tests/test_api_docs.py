"""The requests on docs/api.md are answered as it says."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path
from typing import Any

from sqlalchemy import Engine

from incentives.service import months, tokens
from programs import program
from served import FEMKE, NOOR, RUBEN, SANNE, app_on
from test_docs import HOME, blocks

PAGE = HOME / "docs" / "api.md"
PEOPLE = {"femke": FEMKE, "noor": NOOR, "ruben": RUBEN, "sanne": SANNE}


def says(found: Any, shown: Any) -> bool:
    """Whether an answer says what is shown: … is anything, and what is left out of an object may be there."""
    if shown == "…":
        return True
    if isinstance(shown, dict):
        return isinstance(found, dict) and all(key in found and says(found[key], shown[key]) for key in shown)
    if isinstance(shown, list):
        whole = shown[:-1] if shown[-1:] == ["…"] else shown
        fits = len(found) >= len(whole) if whole is not shown else len(found) == len(whole)
        return fits and all(says(each, wanted) for each, wanted in zip(found, whole, strict=False))
    return bool(found == shown)


def test_requests_are_answered_as_the_page_shows(story_engine: Engine, monkeypatch: Any) -> None:
    monkeypatch.setattr(months, "today", lambda rules, who: dt.date(2026, 8, 3))
    app = app_on(story_engine)
    shown = [block for block in blocks(PAGE) if block.marks[:1] in (("http",), ("json",))]
    pairs = list(zip(shown[::2], shown[1::2], strict=True))
    assert len(pairs) >= 8
    for asked, answer in pairs:
        assert (asked.marks[0], answer.marks[0]) == ("http", "json"), str(asked)
        head, _, body = asked.text.partition("\n\n")
        (method, path), *headers = (line.split(maxsplit=1) for line in head.strip().splitlines())
        named = {name.rstrip(":").replace("-", "_"): value for name, value in headers}
        asking = program(app, PEOPLE[asked.marks[1]])
        answered = asking.ask(method, path, json.loads(body) if body.strip() else None, **named)
        assert says(answered.json, json.loads(answer.text)), f"{answer}: {answered.text}"


def test_every_scope_is_on_the_page() -> None:
    text = Path(PAGE).read_text("utf-8")
    for name, scope in tokens.SCOPES.items():
        row = next(line for line in text.splitlines() if line.startswith("| `") and f"`{name}`" in line)
        for role in scope.roles:
            assert role in row, f"{name}: {role}"
