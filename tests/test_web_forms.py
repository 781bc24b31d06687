"""What is typed into a form: how much a field takes, and where it says so."""

from __future__ import annotations

import re

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import func, select
from werkzeug.test import TestResponse

from incentives.store import tables
from served import FEMKE, JORIS, KIM, SANNE, client_of, token_in

LONG = "x" * 2_001
ADJUSTMENT = {"payee_id": "P01", "amount": "250.00", "currency": "EUR", "on": "2026-08-02"}
PERSON = {"name": "Sam", "email": "sam@waalkade.example", "roles": "auditor", "language": "en", "digest": "off"}
TOKEN = {"scopes": "pay:read", "days": "30"}
QUESTION = {
    "cause": "pay-26-033-2",
    "plan": "account-executive",
    "component": "cash-commission",
    "kind": "earning",
}


@pytest.mark.parametrize(
    ("email", "path", "typed", "field", "text", "most"),
    [
        (SANNE, "/account", {"language": "en", "digest": "off"}, "name", "x" * 201, "200"),
        (SANNE, "/account/tokens", TOKEN, "token_name", "x" * 201, "200"),
        (SANNE, "/pay/P01/why", QUESTION, "question", LONG, "2,000"),
        (SANNE, "/password", {"new_password": "x", "new_password_confirm": "x"}, "password", LONG, "2,000"),
        (FEMKE, "/decisions/adjustment", ADJUSTMENT, "reason", LONG, "2,000"),
        (FEMKE, "/decisions/hold", {"kind": "payee", "subject": "P01"}, "reason", LONG, "2,000"),
        (KIM, "/people/add", PERSON, "name", "x" * 201, "200"),
        (KIM, "/people/2", PERSON, "email", "x" * 311 + "@a.example", "320"),
        (KIM, "/hooks", {"kinds": "month.closed"}, "url", f"https://93.184.215.14/{LONG}", "2,000"),
    ],
    ids=lambda each: each if isinstance(each, str) and each.startswith("/") else "",
)
def test_a_field_says_how_much_it_takes_and_nothing_is_done(
    story_app: Flask, email: str, path: str, typed: dict[str, str], field: str, text: str, most: str
) -> None:
    client, before = client_of(story_app, email), acts(story_app)
    answered = send(client, path, typed | {field: text})
    assert answered.status_code == 422
    assert f"There are {len(text):,} characters; at most {most} are taken." in answered.text
    assert acts(story_app) == before
    assert answered.text.count("at most") == 1
    assert len(re.findall('class="wrong"', answered.text)) == 1
    assert send(client, path, typed | {field: text[:100]}).text.count("at most") == 0


def test_a_field_says_it_in_the_language_of_who_typed(story_app: Flask) -> None:
    client = client_of(story_app, JORIS)
    answered = send(client, "/account", {"language": "nl", "digest": "off", "name": "x" * 1_201})
    assert "Dit zijn 1.201 tekens; er passen er hoogstens 200 in." in answered.text


def test_only_files_come_in_great_numbers(story_app: Flask) -> None:
    client = client_of(story_app, FEMKE)
    token = token_in(client.get("/import").text)
    large = {"csrf_token": token, "more": "x" * (9 * 1024 * 1024)}
    assert client.post("/decisions/hold", data=large).status_code == 413
    assert story_app.test_client().post("/login", data=large).status_code == 413


@pytest.mark.parametrize(
    ("method", "path", "typed", "status"),
    [
        ("GET", "/pay/P0%001", {}, 400),
        ("GET", "/pay/P01/why?cause=a%00b", {}, 400),
        ("POST", "/pay/P01/why", {"cause": "pay-26-033-2", "question": "Why\0?"}, 400),
        ("GET", f"/jobs/{'9' * 30}", {}, 404),
        ("POST", f"/notices/{'9' * 30}", {}, 404),
    ],
)
def test_what_no_database_holds_is_not_asked_of_one(
    story_app: Flask, method: str, path: str, typed: dict[str, str], status: int
) -> None:
    client = client_of(story_app, SANNE)
    token = {"csrf_token": token_in(client.get("/account").text)}
    assert client.open(path, method=method, data=typed | token if method == "POST" else None).status_code == status


def acts(app: Flask) -> int:
    with app.extensions["books"].connect() as connection:
        return int(connection.execute(select(func.max(tables.Act.id))).scalar_one())


def send(client: FlaskClient, path: str, typed: dict[str, str]) -> TestResponse:
    return client.post(path, data=typed | {"csrf_token": token_in(client.get("/account").text)})
