"""Single sign-on, against a small provider: who has an account and is vouched for gets in, and nobody else."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import json
import secrets
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from flask.testing import FlaskClient
from joserfc import jwt
from joserfc.jwk import RSAKey
from sqlalchemy import Engine, select, update

from incentives.errors import Rejected
from incentives.service import accounts
from incentives.store.acts import Who
from incentives.store.desk import Account
from incentives.web import create_app
from incentives.web.settings import Settings, read_settings
from served import KIM, NOOR, SANNE, TODAY, token_in
from test_telling import NOW

CLIENT, SECRET = "incentives", "a secret of the client"


class Provider:
    """An OpenID provider that vouches for whoever a test says."""

    def __init__(self) -> None:
        self.says: dict[str, Any] = {"sub": "1001", "email": SANNE, "email_verified": True}
        self.key = RSAKey.generate_key(2048, parameters={"kid": "1"})
        self.signs_with = self.key
        self.asked: dict[str, dict[str, str]] = {}
        provider = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if self.path == "/.well-known/openid-configuration":
                    self.answer(provider.configuration())
                elif self.path == "/keys":
                    self.answer({"keys": [provider.key.as_dict(private=False)]})

            def do_POST(self) -> None:
                form = parse_qs(self.rfile.read(int(self.headers["content-length"])).decode())
                self.answer(provider.token({name: each[0] for name, each in form.items()}, self.headers))

            def answer(self, body: Any) -> None:
                content = json.dumps(body).encode()
                self.send_response(200 if body else 400)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: Any) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.issuer = f"http://127.0.0.1:{self.server.server_port}"

    def configuration(self) -> dict[str, Any]:
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/keys",
            "id_token_signing_alg_values_supported": ["RS256"],
        }

    def authorize(self, address: str) -> str:
        """What a browser is sent back with, after its owner has signed in at the provider."""
        asked = {name: each[0] for name, each in parse_qs(urlsplit(address).query).items()}
        assert asked["client_id"] == CLIENT and asked["response_type"] == "code"
        assert asked["code_challenge_method"] == "S256"
        code = secrets.token_hex(8)
        self.asked[code] = asked
        return f"{urlsplit(asked['redirect_uri']).path}?code={code}&state={asked['state']}"

    def token(self, form: dict[str, str], headers: Any) -> dict[str, Any]:
        asked = self.asked.pop(form["code"])
        given = base64.b64decode(headers["Authorization"].removeprefix("Basic ")).decode()
        challenge = base64.urlsafe_b64encode(hashlib.sha256(form["code_verifier"].encode()).digest())
        if given != f"{CLIENT}:{SECRET}" or challenge.rstrip(b"=").decode() != asked["code_challenge"]:
            return {}
        now = int(time.time())
        claims = {"iss": self.issuer, "aud": CLIENT, "iat": now, "exp": now + 60, "nonce": asked["nonce"]}
        signed = jwt.encode({"alg": "RS256", "kid": "1"}, claims | self.says, self.signs_with)
        return {"access_token": "x", "token_type": "Bearer", "id_token": signed}


@pytest.fixture
def provider() -> Iterator[Provider]:
    found = Provider()
    thread = threading.Thread(target=found.server.serve_forever)
    thread.start()
    yield found
    found.server.shutdown()
    thread.join()
    found.server.server_close()


def browser_on(engine: Engine, provider: Provider) -> FlaskClient:
    settings = Settings("a secret that is long enough for anybody", "http://localhost", today=TODAY)
    app = create_app(
        engine,
        dataclasses.replace(
            settings, oidc_issuer=provider.issuer, oidc_client_id=CLIENT, oidc_client_secret=SECRET
        ),
    )
    return app.test_client()


def sign_in(client: FlaskClient, provider: Provider) -> Any:
    begun = client.get("/sign-in")
    assert begun.status_code == 302
    return client.get(provider.authorize(begun.headers["Location"]))


def subject_of(engine: Engine, email: str) -> str | None:
    with engine.connect() as connection:
        return connection.execute(select(Account.sso_subject).where(Account.email == email)).scalar_one()


def test_who_has_an_account_and_is_vouched_for_gets_in(story_engine: Engine, provider: Provider) -> None:
    client = browser_on(story_engine, provider)
    assert "Sign in with your company" in client.get("/login").text
    assert sign_in(client, provider).status_code == 302
    assert SANNE in client.get("/account").text
    assert subject_of(story_engine, SANNE) == f"{provider.issuer} 1001"
    provider.says |= {"email": "sanne@elsewhere.example"}  # an address may change, who it is does not
    assert sign_in(browser_on(story_engine, provider), provider).status_code == 302


@pytest.mark.parametrize(
    "says",
    [
        {"email": "nobody@waalkade.example"},
        {"email_verified": False},
        {"email_verified": "true"},
        {"email": ""},
        {"aud": "another client"},
        {"iss": "https://another.example"},
        {"nonce": "another one"},
        {"exp": 1},
    ],
    ids=str,
)
def test_nobody_else_gets_in(story_engine: Engine, provider: Provider, says: dict[str, Any]) -> None:
    client = browser_on(story_engine, provider)
    provider.says |= says
    assert sign_in(client, provider).status_code == 403
    assert client.get("/account").status_code == 302
    assert subject_of(story_engine, SANNE) is None


def test_an_answer_that_this_browser_did_not_ask_for_is_refused(story_engine: Engine, provider: Provider) -> None:
    mine, theirs = browser_on(story_engine, provider), browser_on(story_engine, provider)
    address = provider.authorize(mine.get("/sign-in").headers["Location"])
    assert theirs.get(address).status_code == 403
    assert theirs.get("/account").status_code == 302


def test_a_token_that_the_provider_did_not_sign_is_refused(story_engine: Engine, provider: Provider) -> None:
    provider.signs_with = RSAKey.generate_key(2048, parameters={"kid": "1"})
    assert sign_in(browser_on(story_engine, provider), provider).status_code == 403


def test_an_account_that_is_somebodys_already_or_off_stays_shut(story_engine: Engine, provider: Provider) -> None:
    sign_in(browser_on(story_engine, provider), provider)
    provider.says |= {"sub": "2002"}
    assert sign_in(browser_on(story_engine, provider), provider).status_code == 403
    provider.says = {"sub": "3003", "email": NOOR, "email_verified": True}
    with story_engine.connect() as connection:
        number = connection.execute(select(Account.id).where(Account.email == NOOR)).scalar_one()
    person = accounts.Person(NOOR, "Noor van Dam", ["payroll"])
    accounts.change(story_engine, Who(KIM, NOW), number, person, active=False)
    assert sign_in(browser_on(story_engine, provider), provider).status_code == 403


def test_who_has_no_password_here_is_asked_by_the_provider_once_more(
    story_engine: Engine, provider: Provider
) -> None:
    with story_engine.begin() as connection:
        connection.execute(update(Account).where(Account.email == SANNE).values(password=None))
    client = browser_on(story_engine, provider)
    sign_in(client, provider)
    assert "Change your password" not in client.get("/account").text
    assert [client.get(path).status_code for path in ("/password", "/account/second-step")] == [404, 404]
    typed = {"password": "any at all", "csrf_token": token_in(client.get("/account").text)}
    assert "This is not your password." in client.post("/verify", data=typed).text
    with client.session_transaction() as session:
        session["fs_paa"] -= 3600
    form = {"token_name": "My sheet", "scopes": ["pay:read"], "days": "30"}
    form["csrf_token"] = token_in(client.get("/account").text)
    asked = client.post("/account/tokens", data=form)
    assert asked.headers["Location"] == "/sign-in?next=/account"
    begun = client.get(asked.headers["Location"]).headers["Location"]
    assert "prompt=login" in begun
    assert client.get(provider.authorize(begun)).headers["Location"] == "/account"
    form["csrf_token"] = token_in(client.get("/account").text)
    assert "inc_" in client.post("/account/tokens", data=form).text


def test_half_of_its_settings_is_a_mistake(story_engine: Engine) -> None:
    with pytest.raises(Rejected, match="INCENTIVES_OIDC_CLIENT_SECRET"):
        given = {"INCENTIVES_OIDC_ISSUER": "https://id.example", "INCENTIVES_OIDC_CLIENT_ID": "incentives"}
        read_settings(story_engine.url, given)


def test_without_a_provider_there_is_no_such_way(story_app: Any) -> None:
    assert story_app.test_client().get("/sign-in").status_code == 404
    assert "Sign in with your company" not in story_app.test_client().get("/login").text
