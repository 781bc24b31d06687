"""Signing in and out, sessions that end, and routes that say who may use them."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine, select

from incentives.cli.story import PASSWORD
from incentives.errors import Rejected
from incentives.service import accounts
from incentives.service.accounts import Person
from incentives.store.acts import Who
from incentives.store.desk import Account
from incentives.web import create_app
from incentives.web.policy import Undeclared, policies_of
from incentives.web.settings import Settings, read_settings
from served import EVERYBODY, JORIS, KIM, NOOR, SANNE, app_on, client_of, token_in

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


ELSEWHERE = (
    "https://evil.example/",
    "//evil.example/",
    "/\\evil.example",
    "/\t/evil.example",
    "\\\\evil.example",
    "///evil.example",
    "https:evil.example",
    "javascript:alert(1)",
)


@pytest.mark.parametrize("elsewhere", ELSEWHERE)
def test_nobody_is_led_away_by_signing_in(story_app: Flask, elsewhere: str) -> None:
    client = story_app.test_client()
    page = client.get("/login", query_string={"next": elsewhere})
    typed = {"email": SANNE, "password": PASSWORD, "csrf_token": token_in(page.text), "next": elsewhere}
    answered = client.post("/login", query_string={"next": elsewhere}, data=typed)
    leads_to = urljoin("http://localhost/login", answered.headers.get("Location", "/"))
    assert urlsplit(leads_to)[:2] == ("http", "localhost")
    assert "\\" not in leads_to  # which a browser would read as a slash; %5C stays in the path


def test_no_browser_is_remembered_beyond_its_session(story_app: Flask) -> None:
    client = story_app.test_client()
    typed = {
        "email": SANNE,
        "password": PASSWORD,
        "remember": "y",
        "csrf_token": token_in(client.get("/login").text),
    }
    assert client.post("/login", data=typed).status_code == 302
    assert client.get_cookie("remember_token") is None


def test_signing_in_leaves_nothing_of_the_session_before(story_app: Flask) -> None:
    client = story_app.test_client()
    planted = token_in(client.get("/login").text)
    typed = {"email": SANNE, "password": PASSWORD, "csrf_token": planted}
    assert client.post("/login", data=typed).status_code == 302
    assert client.post("/language", data={"language": "nl", "csrf_token": planted}).status_code == 400


@pytest.mark.parametrize("elsewhere", ELSEWHERE)
def test_nobody_is_led_away(story_app: Flask, elsewhere: str) -> None:
    client = client_of(story_app, SANNE)
    token = token_in(client.get("/password").text)
    answered = client.post("/language", data={"language": "en", "csrf_token": token, "back": elsewhere})
    assert answered.headers["Location"] == "/"


# Guessing --------------------------------------------------------------------------------------------


@pytest.fixture
def stopped(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The clock that failures are counted by, stopped in the first minute of an hour."""
    at = [1_900_000_800.0]
    monkeypatch.setattr("incentives.web.attempts.time.time", lambda: at[0])
    return at


def guess(client: FlaskClient, email: str, password: str = "", address: str = "203.0.113.9") -> Any:
    behind = {"REMOTE_ADDR": address}
    token = token_in(client.get("/login", environ_base=behind).text)
    typed = {"email": email, "password": password, "csrf_token": token}
    return client.post("/login", data=typed, environ_base=behind)


def test_an_address_guesses_ten_times_a_minute_at_whatever_accounts(
    story_engine: Engine, stopped: list[float]
) -> None:
    app = app_on(story_engine)
    answers = [guess(app.test_client(), f"somebody.{number}@waalkade.example") for number in range(11)]
    assert [each.status_code for each in answers] == [200] * 10 + [429]
    assert "Try again in a minute." in answers[-1].text
    assert 0 < int(answers[-1].headers["Retry-After"]) <= 60
    elsewhere = app_on(story_engine).test_client()  # as another process of the server
    assert guess(elsewhere, SANNE).status_code == 429
    assert guess(elsewhere, SANNE, PASSWORD, "203.0.113.10").status_code == 302
    stopped[0] += 60
    assert guess(app.test_client(), SANNE).status_code == 200


@pytest.mark.parametrize("email", [SANNE, "nobody@waalkade.example"])
def test_an_account_is_guessed_at_ten_times_from_wherever(
    story_engine: Engine, stopped: list[float], email: str
) -> None:
    app = app_on(story_engine)
    spellings = (email, email.upper(), email.replace("example", "ｅxample"))  # noqa: RUF001
    answers = [
        guess(app.test_client(), spellings[number % 3], address=f"203.0.113.{number}") for number in range(11)
    ]
    assert [each.status_code for each in answers] == [200] * 10 + [429]
    assert "Try again in 10 minutes." in answers[-1].text


def test_who_has_signed_in_before_is_not_kept_out_by_who_guesses(
    story_engine: Engine, stopped: list[float]
) -> None:
    app = app_on(story_engine)
    own = client_of(app, SANNE)
    own.post("/logout", data={"csrf_token": token_in(own.get("/password").text)})
    for number in range(11):
        guessed = guess(app.test_client(), SANNE, address=f"203.0.113.{number}")
    assert guessed.status_code == 429
    joris = client_of(app, JORIS)
    joris.post("/logout", data={"csrf_token": token_in(joris.get("/password").text)})
    assert guess(joris, SANNE, PASSWORD).status_code == 429  # his browser is known for him, not for her
    assert guess(own, SANNE, PASSWORD).status_code == 302


def test_a_known_browser_guesses_no_more_than_another(story_engine: Engine, stopped: list[float]) -> None:
    app = app_on(story_engine)
    own = client_of(app, SANNE)
    own.post("/logout", data={"csrf_token": token_in(own.get("/password").text)})
    answers = [guess(own, SANNE, address=f"203.0.113.{number}") for number in range(11)]
    assert [each.status_code for each in answers] == [200] * 10 + [429]


def test_who_signs_in_is_not_counted(story_engine: Engine, stopped: list[float]) -> None:
    app = app_on(story_engine)
    assert all(guess(app.test_client(), email, PASSWORD).status_code == 302 for email in EVERYBODY * 2)


def test_an_address_that_comes_in_another_form_is_not_read(story_app: Flask) -> None:
    client = story_app.test_client()
    token = {"X-CSRFToken": token_in(client.get("/login").text)}
    assert client.post("/login", json={"email": SANNE, "password": "x"}, headers=token).status_code == 415


def test_who_signs_in_gets_a_page_and_no_token_for_programs(story_app: Flask) -> None:
    client = story_app.test_client()
    typed = {"email": SANNE, "password": PASSWORD, "csrf_token": token_in(client.get("/login").text)}
    answered = client.post("/login?include_auth_token", data=typed, headers={"Accept": "application/json"})
    assert (answered.status_code, answered.mimetype) == (302, "text/html")
    assert "authentication_token" not in answered.text


def test_who_has_a_network_has_one_address(story_engine: Engine, stopped: list[float]) -> None:
    app = app_on(story_engine)
    answers = [guess(app.test_client(), f"{n}@waalkade.example", address=f"2001:db8:7::{n}") for n in range(11)]
    assert [each.status_code for each in answers][-2:] == [200, 429]
    assert guess(app.test_client(), SANNE, address="2001:db8:8::1").status_code == 200


# Behind a proxy --------------------------------------------------------------------------------------


def behind(engine: Engine, proxies: int) -> FlaskClient:
    settings = Settings("a secret that is long enough for anybody", "https://pay.example.com", proxies=proxies)
    return create_app(engine, settings).test_client()


@pytest.mark.parametrize(("proxies", "status"), [(1, 200), (0, 429)])
def test_people_behind_a_proxy_are_counted_and_not_the_proxy(
    story_engine: Engine, stopped: list[float], proxies: int, status: int
) -> None:
    client = behind(story_engine, proxies)
    proxy = {"base_url": "https://pay.example.com", "environ_base": {"REMOTE_ADDR": "127.0.0.1"}}
    for number in range(11):
        headers = {
            "X-Forwarded-For": f"10.9.8.7, 203.0.113.{number}",
            "X-Forwarded-Proto": "https",
            "Referer": "https://pay.example.com/login",
        }
        token = token_in(client.get("/login", headers=headers, **proxy).text)
        typed = {"email": f"{number}@waalkade.example", "password": "a guess", "csrf_token": token}
        answered = client.post("/login", data=typed, headers=headers, **proxy)
    assert answered.status_code == status


def test_with_https_cookies_are_for_https_and_this_host_alone(story_engine: Engine) -> None:
    answered = behind(story_engine, 1).get("/login", headers={"X-Forwarded-Proto": "https"})
    cookie = answered.headers["Set-Cookie"]
    assert cookie.startswith("__Host-incentives=")
    assert {"Secure", "HttpOnly", "Path=/", "SameSite=Lax"} <= set(cookie.split("; "))
    assert answered.headers["Strict-Transport-Security"] == "max-age=31536000"


@pytest.mark.parametrize("written", ["-1", "one", "10", " "])
def test_a_number_of_proxies_that_is_none_is_a_mistake(story_engine: Engine, written: str) -> None:
    with pytest.raises(Rejected, match="INCENTIVES_PROXIES: It is a number from 0 to 9"):
        read_settings(story_engine.url, {"INCENTIVES_PROXIES": written})


def test_an_operator_says_how_often_a_program_may_ask(story_engine: Engine) -> None:
    assert read_settings(story_engine.url, {}).api_per_minute == 600
    assert read_settings(story_engine.url, {"INCENTIVES_API_PER_MINUTE": "9000"}).api_per_minute == 9000
    for written in ("0", "-1", "many", "1.5"):
        with pytest.raises(Rejected, match="INCENTIVES_API_PER_MINUTE: It is a number from 1"):
            read_settings(story_engine.url, {"INCENTIVES_API_PER_MINUTE": written})


def test_the_name_that_a_browser_gives_the_server_leads_nowhere(story_app: Flask) -> None:
    answered = story_app.test_client().get(
        "/pay", headers={"Host": "evil.example", "X-Forwarded-Host": "evil.example"}
    )
    assert answered.headers["Location"] == "/login?next=/pay"


# Routes and pages ------------------------------------------------------------------------------------


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
