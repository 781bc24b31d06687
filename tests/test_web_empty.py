"""Books with nothing in them yet: every place says what will be there."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

import pytest
from flask import Flask

from incentives.cli.story import PASSWORD
from incentives.service import accounts
from incentives.service.access import ROLES
from incentives.service.accounts import Person
from incentives.store.acts import Who
from incentives.store.engine import engine_for, read_url
from incentives.store.upgrade import upgrade
from incentives.web.passwords import hashed
from served import app_on, client_of

UNPAID = sorted(set(ROLES) - {"rep", "manager"})
"""Who can have an account before there is anybody to pay."""


OF_PAYEES = ("/pay", "/statements")
"""One's own, of which these people have none."""


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flask]:
    engine = engine_for(read_url(f"sqlite:///{tmp_path_factory.mktemp('empty') / 'books.db'}"))
    upgrade(engine)
    password = hashed(engine, PASSWORD)
    for role in UNPAID:
        who = Who("operator", dt.datetime.now(dt.UTC))
        accounts.add(engine, who, Person(f"{role}@example.com", role.title(), [role]), password)
    yield app_on(engine)
    engine.dispose()


@pytest.mark.parametrize("role", UNPAID)
def test_every_place_of_a_role_opens_on_empty_books(app: Flask, role: str) -> None:
    client = client_of(app, f"{role}@example.com")
    policies, looked = app.extensions["policies"], 0
    for rule in (each for each in app.url_map.iter_rules() if each.rule not in OF_PAYEES):
        policy = policies.get((rule.endpoint, "GET"))
        is_place = rule.endpoint.endswith((".show", ".index")) and not rule.arguments
        if is_place and policy is not None and (policy.roles is None or role in policy.roles):
            answered = client.get(rule.rule, follow_redirects=True)
            assert answered.status_code == 200, rule.rule
            assert "<h1" in answered.text, rule.rule
            looked += 1
    assert looked > 3


def test_finance_is_led_to_the_first_delivery(app: Flask) -> None:
    assert 'href="/import"' in client_of(app, "author@example.com").get("/invoices").text
    assert "Finance brings it in" in client_of(app, "credit@example.com").get("/together").text
