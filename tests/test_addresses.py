"""What no page of ours sends is answered all the same: numbers that no database has, fields that come twice."""

from __future__ import annotations

import pytest
from flask import Flask
from sqlalchemy import Engine

from incentives.service import decisions
from programs import program
from served import ALEX, FEMKE, KIM, RUBEN, app_on, client_of, token_in

NUMBERS = ("9223372036854775808", "1" + "0" * 40, "0", "01")


@pytest.mark.parametrize("number", NUMBERS)
def test_a_number_that_no_database_has_is_not_there(story_app: Flask, number: str) -> None:
    """On every address that takes a number, for whoever may open it."""
    found = 0
    clients = [client_of(story_app, email) for email in (FEMKE, RUBEN, ALEX, KIM)]
    for rule in story_app.url_map.iter_rules():
        numbers = [name for name, each in rule._converters.items() if type(each).__name__ == "NumberInPath"]
        if not numbers or "GET" not in (rule.methods or ()) or rule.rule.startswith("/api/"):
            continue
        address = rule.rule
        for name in rule.arguments:
            value = number if name in numbers else "P01"
            address = address.replace(f"<int:{name}>", value).replace(f"<path:{name}>", value)
        assert {client.get(address).status_code for client in clients} == {404}, address
        found += 1
    assert found > 8
    femke = program(story_app, FEMKE)
    assert femke.get(f"/plans/revisions/{number}").status_code == 404
    assert femke.post(f"/adjustments/{number}/decision", {"choice": "approve", "reason": "x"}).status_code == 404


@pytest.mark.parametrize("field", ["payee_id", "amount", "reason"])
def test_a_field_that_is_sent_twice_is_a_mistake_and_nothing_is_done(story_engine: Engine, field: str) -> None:
    client = client_of(app_on(story_engine), FEMKE)
    typed = {"payee_id": "P01", "amount": "12.00", "currency": "EUR", "on": "2026-08-03", "reason": "Trade fair"}
    token = token_in(client.get("/decisions/adjustment").text)
    sent = {**typed, "csrf_token": token, field: [typed[field], typed[field]]}
    answered = client.post("/decisions/adjustment", data=sent)
    assert answered.status_code == 422
    assert "It was sent 2 times. Send it once." in answered.text
    assert decisions.waiting(story_engine) == []
