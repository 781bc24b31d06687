"""Whatever a program sends, the answer is one that the OpenAPI document promises, and never a fault of ours."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from flask import Flask
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import ignored_auth, positive_data_acceptance
from sqlalchemy import Engine

from incentives.places import data_dir
from incentives.service import accounts
from incentives.service.accounts import Person
from incentives.service.deliveries import import_folder
from incentives.service.months import close
from incentives.service.runs import run
from incentives.store.acts import Who
from incentives.store.upgrade import upgrade
from incentives.web import create_app
from incentives.web.settings import Settings
from programs import token_of
from served import ALEX, FEMKE, JORIS, NOOR, RUBEN, TODAY, app_on
from stores import WAIVED, opened

NOW = dt.datetime(2026, 8, 3, 9, tzinfo=dt.UTC)
KNOWN: dict[str, list[Any]] = {
    "invoice_id": ["INV-26-037", "INV-26-038"],
    "customer_id": ["C101", "C102"],
    "payee_id": ["P01", "P02"],
    "plan": ["account-executive", "new-and-paid"],
    "team": ["north"],
    "month": ["2025-01", "2026-06", "2026-08"],
    "quarter": ["2026-04", "2025-01"],
    "name": ["payroll-generic-2026-06.csv", "payroll-generic-2025-01.csv"],
    "number": [1, 2, 3],
    "cause": ["pay-26-033-2", "payout:2026-06"],
    "type": ["payment", "dispute_opened"],
    "currency": ["EUR"],
    "occurred_on": ["2026-08-01"],
    "amount": ["100.00"],
    "net": ["100.00"],
    "share": ["0.5"],
}
"""What there is in the books, so that not everything that is tried ends at "there is no such thing"."""

SEMANTIC = [ignored_auth, positive_data_acceptance]
"""Not asked: the token is ours and not generated, and what has the right shape may name what nobody knows."""


def on_postgresql(engine: Engine) -> Flask:
    """The sample company's books with their first month closed, and its people."""
    upgrade(engine)
    import_folder(engine, Who(FEMKE, NOW), data_dir("sample_data"))
    run(engine, Who(FEMKE, NOW))
    close(engine, Who(RUBEN, NOW), dt.date(2025, 1, 1), waive=WAIVED)
    for email, role, payee_id in (
        (FEMKE, "author", ""),
        (RUBEN, "approver", ""),
        (NOOR, "payroll", ""),
        (ALEX, "auditor", ""),
        (JORIS, "rep", "P02"),
    ):
        accounts.add(engine, Who("admin", NOW), Person(email, email, [role], payee_id))
    app = create_app(engine, Settings("x" * 48, today=TODAY))
    app.extensions["api_limiter"].enabled = False
    return app


@pytest.fixture(params=["sqlite", "postgresql"])
def served(request: pytest.FixtureRequest) -> Iterator[Flask]:
    """The application on the story (SQLite), and on the sample company's first month (PostgreSQL)."""
    if request.param == "sqlite":
        yield app_on(request.getfixturevalue("story_engine"))
        return
    with opened(request.getfixturevalue("databases").owner_url) as engine:
        yield on_postgresql(engine)


def known(value: Any, choose: st.DataObject) -> Any:
    """Some of what was made up, replaced by what there is."""
    if isinstance(value, list):
        return [known(each, choose) for each in value]
    if not isinstance(value, dict):
        return value
    made = {}
    for key, inner in value.items():
        there = KNOWN.get(key)
        replaces = there is not None and isinstance(inner, str | int) and choose.draw(st.integers(0, 9)) > 1
        made[key] = choose.draw(st.sampled_from(there)) if replaces and there else known(inner, choose)
    return made


def tries(operation: Any, mode: GenerationMode, token: str, most: int, answers: Counter[int]) -> None:
    """Send what an operation takes, or what it does not; every answer is held against the document."""

    @settings(
        max_examples=most,
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate],
    )
    @given(case=operation.as_strategy(generation_mode=mode), choose=st.data())
    def sent(case: Any, choose: st.DataObject) -> None:
        if mode is GenerationMode.POSITIVE:
            case.path_parameters = known(case.path_parameters, choose)
            case.body, case.query = known(case.body, choose), known(case.query, choose)
        answered = case.call(headers={"Authorization": f"Bearer {token}"})
        case.validate_response(answered, excluded_checks=SEMANTIC)
        answers[answered.status_code] += 1

    sent()


def test_every_answer_is_one_that_the_document_promises(served: Flask) -> None:
    document = schemathesis.openapi.from_wsgi("/api/openapi.json", served)
    is_small = served.extensions["books"].dialect.name == "postgresql"
    roles = {"author": FEMKE, "approver": RUBEN, "payroll": NOOR, "auditor": ALEX, "rep": JORIS}
    tokens = {role: token_of(served.extensions["books"], email) for role, email in roles.items()}
    answers: Counter[int] = Counter()
    for found in document.get_all_operations():
        operation: Any = found.ok()  # type: ignore[union-attr] # a mistake in the document is raised here
        able = [role for role in roles if role in operation.definition.raw["x-roles"]]
        for role in able[:1] if is_small else able:
            tries(operation, GenerationMode.POSITIVE, tokens[role], 3 if role == able[0] else 1, answers)
        tries(operation, GenerationMode.NEGATIVE, tokens[able[0]], 2, answers)
    assert not [status for status in answers if status >= 500]
    assert answers[200] > 50 and answers[422] > 30, answers
