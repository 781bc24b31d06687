"""Signing in and out, sessions that end, and routes that say who may use them."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import Engine, select

from incentives.cli.story import PASSWORD
from incentives.service import accounts
from incentives.service.accounts import Person
from incentives.store.acts import Who
from incentives.store.desk import Account
from incentives.web.policy import Undeclared, policies_of
from served import EVERYBODY, KIM, NOOR, SANNE, app_on, client_of, token_in

ADMIN = Who(KIM, dt.datetime(2026, 8, 3, 9, tzinfo=dt.UTC))


def account_id(engine: Engine, email: str) -> int:
    with engine.connect() as connection:
        return connection.execute(select(Account.id).where(Account.email == email)).scalar_one()


@pytest.mark.parametrize("email", EVERYBODY)
def test_everybody_of_the_story_can_sign_in(story_app: Flask, email: str) -> None:
    assert client_of(story_app, email).get("/", follow_redirects=True).status_code == 200


def test_nobody_gets_further_than_the_door(story_app: Flask) -> None:
    answered = client_of(story_app, None).get("/")
    assert answered.status_code == 302
    assert answered.headers["Location"] == "/login?next=/"


def test_a_wrong_password_says_nothing_of_whether_there_is_such_an_account(story_app: Flask) -> None:
    pages = []
    for email in (SANNE, "nobody@waalkade.example"):
        client = client_of(story_app, None)
        typed = {
            "email": email,
            "password": "not this one at all",
            "csrf_token": token_in(client.get("/login").text),
        }
        answered = client.post("/login", data=typed)
        assert answered.status_code == 200
        pages.append(answered.text.replace(email, "").split("<main")[1].split("csrf_token")[0])
    assert "do not belong together" in pages[0]
    assert pages[0] == pages[1]


def test_a_cookie_that_was_copied_opens_nothing_after_signing_out(story_app: Flask) -> None:
    client = client_of(story_app, SANNE)
    cookie = client.get_cookie("incentives")
    assert cookie is not None
    client.post("/logout", data={"csrf_token": token_in(client.get("/password").text)})
    thief = story_app.test_client()
    thief.set_cookie("incentives", cookie.value)
    assert thief.get("/password").status_code == 302


@pytest.mark.parametrize(
    ("roles", "active"),
    [(["payroll", "auditor"], True), (["payroll"], False)],
    ids=["other roles", "switched off"],
)
def test_a_session_ends_at_once_when_its_account_changes(
    story_engine: Engine, roles: list[str], active: bool
) -> None:
    client = client_of(app_on(story_engine), NOOR)
    assert client.get("/password").status_code == 200
    person = Person(NOOR, "Noor van Dam", roles)
    accounts.change(story_engine, ADMIN, account_id(story_engine, NOOR), person, active=active)
    assert client.get("/password").status_code == 302


def test_another_password_ends_every_other_session(story_engine: Engine) -> None:
    app = app_on(story_engine)
    here, elsewhere = client_of(app, SANNE), client_of(app, SANNE)
    another = "a longer and a better one"
    typed = {"password": PASSWORD, "new_password": another, "new_password_confirm": another}
    page = here.get("/password").text
    answered = here.post("/password", data=typed | {"csrf_token": token_in(page)})
    assert answered.status_code == 302, answered.text
    assert here.get("/password").status_code == 200
    assert elsewhere.get("/password").status_code == 302
    again = app.test_client()
    typed = {"email": SANNE, "password": PASSWORD, "csrf_token": token_in(again.get("/login").text)}
    assert again.post("/login", data=typed).status_code == 200
    assert again.post("/login", data=typed | {"password": another}).status_code == 302


def test_a_form_without_its_token_does_nothing(story_app: Flask) -> None:
    client = client_of(story_app, SANNE)
    assert client.post("/language", data={"language": "nl"}).status_code == 400
    assert 'lang="en"' in client.get("/password").text


def test_somebody_reads_on_in_another_language(story_engine: Engine) -> None:
    client = client_of(app_on(story_engine), SANNE)
    token = token_in(client.get("/password").text)
    answered = client.post("/language", data={"language": "nl", "csrf_token": token, "back": "/password"})
    assert answered.headers["Location"] == "/password"
    assert '<html lang="nl">' in client.get("/password").text


@pytest.mark.parametrize("elsewhere", ["https://evil.example/", "//evil.example/", "/\\evil.example"])
def test_nobody_is_led_away(story_app: Flask, elsewhere: str) -> None:
    client = client_of(story_app, SANNE)
    token = token_in(client.get("/password").text)
    answered = client.post("/language", data={"language": "en", "csrf_token": token, "back": elsewhere})
    assert answered.headers["Location"] == "/"


def test_signing_in_is_throttled(story_engine: Engine) -> None:
    app = app_on(story_engine)
    app.extensions["login_limiter"].enabled = True
    client = app.test_client()
    typed = {"email": SANNE, "password": "a guess of many", "csrf_token": token_in(client.get("/login").text)}
    answers = [client.post("/login", data=typed) for _ in range(11)]
    assert [each.status_code for each in answers] == [200] * 10 + [429]
    assert int(answers[-1].headers["Retry-After"]) > 0


def test_a_route_that_does_not_say_who_may_use_it_keeps_the_application_from_starting() -> None:
    app = Flask("forgotten", static_folder=None)
    app.add_url_rule("/pay", "pay", lambda: "1,000.00")
    with pytest.raises(Undeclared, match=r"GET /pay \(pay\)"):
        policies_of(app, {})


def test_every_route_says_who_may_use_it(story_app: Flask) -> None:
    policies = story_app.extensions["policies"]
    assert len(policies) > 5
    assert {endpoint for endpoint, _ in policies} == {rule.endpoint for rule in story_app.url_map.iter_rules()}


def test_pages_fetch_nothing_and_carry_nothing_inline(story_app: Flask) -> None:
    answered = client_of(story_app, SANNE).get("/password")
    policy = answered.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "unsafe" not in policy
    assert "<style" not in answered.text and " style=" not in answered.text
    assert "no-store" in answered.headers["Cache-Control"]


def test_the_secret_beside_the_books_is_for_its_owner_alone(story: Path) -> None:
    assert story.with_name("books.db.secret").stat().st_mode & 0o077 == 0
