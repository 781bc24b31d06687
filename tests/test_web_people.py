"""People and access: accounts made and ended, links that work once, second steps, one's own account and tokens."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any

import pytest
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine, select

from incentives.cli.story import PASSWORD
from incentives.service import people, tokens
from incentives.service.access import NotThere
from incentives.store import tables
from incentives.store.acts import Who
from incentives.store.desk import Account
from incentives.store.engine import reading
from served import EVERYBODY, FEMKE, KIM, NOOR, RUBEN, SANNE, app_on, client_of, token_in

NEW = "a longer and a better one"
SAM = {
    "email": "Sam.Visser@waalkade.example",
    "name": "Sam Visser",
    "roles": ["payroll", "auditor"],
    "payee_id": "",
    "language": "nl",
    "digest": "daily",
    "password": "",
}


def account_id(engine: Engine, email: str) -> int:
    with engine.connect() as connection:
        return connection.execute(select(Account.id).where(Account.email == email)).scalar_one()


def post(client: FlaskClient, path: str, form: dict[str, Any], page: str = "") -> Any:
    """What a form sends, with the token of the page it stands on."""
    return client.post(path, data=form | {"csrf_token": token_in(client.get(page or path).text)})


def newest(engine: Engine) -> tuple[str, ...]:
    """What the newest act says: what, who, of whom, why, and what is so then."""
    act = tables.Act
    with engine.connect() as connection:
        asked = select(act.what, act.actor, act.subject, act.reason, act.after).order_by(act.id.desc()).limit(1)
        return tuple(connection.execute(asked).one())


@pytest.mark.parametrize("email", [each for each in EVERYBODY if each != KIM])
def test_only_an_admin_sees_who_may_sign_in(story_app: Flask, email: str) -> None:
    assert client_of(story_app, email).get("/people").status_code == 403


def test_an_admin_sees_everybody_and_nobodys_pay(story_app: Flask) -> None:
    page = client_of(story_app, KIM).get("/people").text
    assert all(email in page for email in EVERYBODY)
    assert "Sanne de Wit <span" in page and "€" not in page


def test_a_link_lets_somebody_choose_a_password_once(story_engine: Engine) -> None:
    app = app_on(story_engine)
    admin = client_of(app, KIM)
    shown = post(admin, "/people/add", SAM).text
    found = re.search(r"http://127\.0\.0\.1:8000(/welcome/[^<]+)", shown)
    assert found, shown
    address = found[1]
    sam = app.test_client()
    page = sam.get(address)
    assert "sam.visser@waalkade.example" in page.text
    typed = {"password": NEW, "again": NEW, "csrf_token": token_in(page.text)}
    assert "The two are not the same." in sam.post(address, data=typed | {"again": "another one"}).text
    assert "at least 12 characters" in sam.post(address, data=typed | {"password": "short", "again": "short"}).text
    assert newest(story_engine) == ("access", KIM, "sam.visser@waalkade.example", "", "a link for a password")
    assert sam.post(address, data=typed).headers["Location"] == "/login"
    assert newest(story_engine) == (
        "access",
        "sam.visser@waalkade.example",
        "sam.visser@waalkade.example",
        f"by a link that {KIM} made",
        "another password",
    )
    assert sam.get(address).status_code == 404
    typed = {"email": "sam.visser@waalkade.example", "password": NEW}
    assert post(sam, "/login", typed).status_code == 302
    assert '<html lang="nl">' in sam.get("/account").text


def test_a_link_is_worth_nothing_once_it_was_touched_or_the_account_is_off(story_engine: Engine) -> None:
    app = app_on(story_engine)
    admin = client_of(app, KIM)
    number = account_id(story_engine, NOOR)
    link = link_for(admin, number)
    assert app.test_client().get(link[:-1] + ("a" if link[-1] != "a" else "b")).status_code == 404
    form = {"email": NOOR, "name": "Noor", "roles": "payroll", "language": "en", "digest": "off", "active": "no"}
    assert post(admin, f"/people/{number}", form).status_code == 302
    assert app.test_client().get(link).status_code == 404


def link_for(admin: FlaskClient, number: int) -> str:
    found = re.search(r"(/welcome/[^<]+)", post(admin, f"/people/{number}/link", {}, f"/people/{number}").text)
    assert found
    return found[1]


def test_only_the_newest_link_is_good_and_not_for_long(
    story_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = app_on(story_engine)
    admin, number = client_of(app, KIM), account_id(story_engine, NOOR)
    first, second = link_for(admin, number), link_for(admin, number)
    assert app.test_client().get(first).status_code == 404
    assert app.test_client().get(second).status_code == 200
    in_days = dt.datetime.now().timestamp() + 3 * 24 * 3600
    monkeypatch.setattr("itsdangerous.timed.time.time", lambda: in_days - 10)
    assert app.test_client().get(second).status_code == 200
    monkeypatch.setattr("itsdangerous.timed.time.time", lambda: in_days + 10)
    assert app.test_client().get(second).status_code == 404


def test_of_two_who_use_a_link_at_once_one_chooses_the_password(story_engine: Engine) -> None:
    number = account_id(story_engine, NOOR)
    with story_engine.connect() as connection:
        uniquifier = connection.execute(select(Account.fs_uniquifier).where(Account.id == number)).scalar_one()
    by = Who(NOOR, dt.datetime.now(dt.UTC))
    people.set_password(story_engine, by, number, "a hash", uniquifier)
    with pytest.raises(NotThere):
        people.set_password(story_engine, by, number, "another hash", uniquifier)


def test_mistakes_stand_at_their_fields_and_nothing_is_lost(story_app: Flask) -> None:
    admin = client_of(story_app, KIM)
    answered = post(admin, "/people/add", SAM | {"email": "no address", "roles": []})
    assert answered.status_code == 422
    assert "is not an e-mail address" in answered.text
    assert "Without a role there is nothing to see." in answered.text
    assert 'value="Sam Visser"' in answered.text


def test_a_change_is_written_down_and_ends_what_it_must(story_engine: Engine) -> None:
    app = app_on(story_engine)
    noor, admin = client_of(app, NOOR), client_of(app, KIM)
    number = account_id(story_engine, NOOR)
    form = {"email": NOOR, "name": "Noor van Dam", "roles": ["payroll", "auditor"], "language": "en"}
    assert post(admin, f"/people/{number}", form | {"digest": "off", "active": "yes"}).status_code == 302
    assert noor.get("/account").status_code == 302
    with story_engine.connect() as connection:
        act = connection.execute(select(*tables.Act.__table__.c).order_by(tables.Act.id.desc())).first()
    assert act is not None
    assert (act.what, act.actor, act.subject) == ("access", KIM, NOOR)
    assert '"role_names":"payroll auditor"' in act.after


def test_an_admin_does_not_change_their_own_roles(story_app: Flask, story_engine: Engine) -> None:
    admin = client_of(story_app, KIM)
    number = account_id(story_engine, KIM)
    form = {"email": KIM, "name": "Kim", "roles": ["admin", "auditor"], "language": "en", "active": "yes"}
    answered = post(admin, f"/people/{number}", form)
    assert answered.status_code == 422
    assert "Nobody changes their own address, roles or payee" in answered.text


def test_who_has_acted_keeps_the_address_and_who_has_not_gets_another(story_engine: Engine) -> None:
    app = app_on(story_engine)
    admin = client_of(app, KIM)
    form = {"name": "Femke Bos", "roles": "author", "language": "en", "digest": "off", "active": "yes"}
    femke = f"/people/{account_id(story_engine, FEMKE)}"
    refused = post(admin, femke, form | {"email": "f.bos@waalkade.example"})
    assert refused.status_code == 422
    assert (
        f"{FEMKE} stays: the books know by it who did something. They sign in with it as before." in refused.text
    )
    assert post(admin, femke, form | {"email": FEMKE, "name": "Femke Bos-Smit"}).status_code == 302

    number = account_id(story_engine, NOOR)
    form = form | {"name": "Noor van Dam", "roles": "payroll", "email": "n.vandam@waalkade.example"}
    assert post(admin, f"/people/{number}", form).status_code == 302
    assert account_id(story_engine, "n.vandam@waalkade.example") == number
    what, actor, subject, _, after = newest(story_engine)
    assert (what, actor, subject) == ("access", KIM, "n.vandam@waalkade.example")
    assert '"email":"n.vandam@waalkade.example"' in after
    assert post(admin, "/people/add", form | {"email": NOOR, "name": "Noortje"}, "/people/add").status_code == 200


def test_an_address_of_somebody_who_left_is_nobody_elses(story_app: Flask) -> None:
    admin, engine = client_of(story_app, KIM), story_app.extensions["books"]
    with engine.connect() as connection:
        ruben = connection.execute(select(Account.id).where(Account.email == RUBEN)).scalar_one()
    form = {"name": "Ruben Smit", "roles": "approver", "language": "en", "digest": "off", "email": RUBEN}
    assert post(admin, f"/people/{ruben}", form | {"active": "no"}).status_code == 302
    for path in ("/people/add", f"/people/{account_id(engine, NOOR)}"):
        refused = post(admin, path, form | {"name": "Another Ruben", "active": "yes"})
        assert refused.status_code == 422 and f"{RUBEN} has an account." in refused.text


def test_an_admin_signs_somebody_out_everywhere(story_engine: Engine) -> None:
    app = app_on(story_engine)
    sanne, admin = client_of(app, SANNE), client_of(app, KIM)
    number = account_id(story_engine, SANNE)
    assert "Signed in in one browser." in admin.get(f"/people/{number}").text
    post(admin, f"/people/{number}/sign-out", {}, f"/people/{number}")
    assert sanne.get("/account").status_code == 302


# One's own account -----------------------------------------------------------------------------------


def test_somebody_says_how_they_are_called_and_told(story_engine: Engine) -> None:
    client = client_of(app_on(story_engine), SANNE)
    assert post(client, "/account", {"name": "S. de Wit", "language": "nl", "digest": "daily"}).status_code == 302
    page = client.get("/account").text
    assert '<html lang="nl">' in page and 'value="S. de Wit"' in page
    assert '<option value="daily" selected>' in page


def test_another_browser_is_signed_out_and_this_one_stays(story_engine: Engine) -> None:
    app = app_on(story_engine)
    here, elsewhere = client_of(app, SANNE), client_of(app, SANNE)
    found = re.search(r"/account/sessions/([0-9a-f]{16})/end", here.get("/account").text)
    assert found
    post(here, f"/account/sessions/{found[1]}/end", {}, "/account")
    assert here.get("/account").status_code == 200
    assert elsewhere.get("/account").status_code == 302


def test_nobody_signs_out_another_person(story_engine: Engine) -> None:
    app = app_on(story_engine)
    sanne, noor = client_of(app, SANNE), client_of(app, NOOR)
    with reading(story_engine) as connection:
        now = dt.datetime.now(dt.UTC)
        key = people.sessions(connection, account_id(story_engine, SANNE), now)[0].key
    post(noor, f"/account/sessions/{key}/end", {}, "/account")
    assert sanne.get("/account").status_code == 200


def test_the_secret_of_a_token_is_shown_once(story_engine: Engine) -> None:
    client = client_of(app_on(story_engine), SANNE)
    form = {"token_name": "My sheet", "scopes": ["pay:read"], "days": "366"}
    found = re.search(r"inc_[0-9a-f]{16}_[\w-]{43}", post(client, "/account/tokens", form, "/account").text)
    assert found
    with reading(story_engine) as connection:
        kept = tokens.find(connection, found[0], dt.datetime.now(dt.UTC))
    assert kept is not None and kept.scopes == ("pay:read",)
    page = client.get("/account").text
    assert "My sheet" in page and found[0] not in page
    post(client, f"/account/tokens/{kept.token_id}/revoke", {}, "/account")
    assert "My sheet" not in client.get("/account").text


def test_a_token_reaches_no_further_than_its_owner(story_app: Flask) -> None:
    client = client_of(story_app, SANNE)
    assert "months:write" not in client.get("/account").text
    form = {"token_name": "Too much", "scopes": ["months:write"], "days": "30"}
    answered = post(client, "/account/tokens", form, "/account")
    assert answered.status_code == 422
    assert "no role that reaches months:write" in answered.text


# The second step -------------------------------------------------------------------------------------


def code_of(key: str, later: int = 0) -> str:
    """What an authenticator shows now, or some seconds later."""
    import base64

    padded = key.replace(" ", "")
    padded += "=" * (-len(padded) % 8)
    return (
        TOTP(base64.b32decode(padded), 6, SHA1(), 30, enforce_key_length=False)
        .generate(dt.datetime.now().timestamp() + later)
        .decode()
    )


def set_up_second_step(client: FlaskClient) -> str:
    page = client.get("/account/second-step").text
    key = re.search(r'<code class="secret">([A-Z2-7 -]+)</code>', page)
    state = re.search(r'name="state" value="([^"]+)"', page)
    assert key and state
    plain = key[1].replace("-", "").replace(" ", "")
    form = {"state": state[1], "code": code_of(plain), "csrf_token": token_in(page)}
    wrong = client.post("/account/second-step", data=form | {"code": "000000"})
    assert "This is not the code" in wrong.text and "data:image" in wrong.text
    assert client.post("/account/second-step", data=form).status_code == 302
    return plain


def test_a_second_step_is_asked_for_and_a_password_alone_opens_nothing(story_engine: Engine) -> None:
    app = app_on(story_engine)
    key = set_up_second_step(client_of(app, SANNE))
    client = app.test_client()
    answered = post(client, "/login", {"email": SANNE, "password": PASSWORD})
    page = client.get(answered.headers["Location"]) if answered.status_code == 302 else answered
    assert "Your code" in page.text
    assert client.get("/account").status_code == 302
    typed = {"csrf_token": token_in(page.text), "code": "000000"}
    assert "This is not the code" in client.post("/tf-validate", data=typed).text
    assert client.get("/account").status_code == 302
    assert "This is not the code" in client.post("/tf-validate", data=typed | {"code": code_of(key)}).text, "used"
    assert client.post("/tf-validate", data=typed | {"code": code_of(key, 30)}).status_code == 302
    assert client.get("/account").status_code == 200


def test_a_code_that_somebody_saw_opens_nothing_once_it_was_used(story_engine: Engine) -> None:
    key = set_up_second_step(client_of(app_on(story_engine), SANNE))
    browsers = []
    for _ in range(2):
        client = app_on(story_engine).test_client()
        page = client.get(post(client, "/login", {"email": SANNE, "password": PASSWORD}).headers["Location"])
        browsers.append((client, {"csrf_token": token_in(page.text), "code": code_of(key, 30)}))
    (own, typed), (thief, seen) = browsers
    assert own.post("/tf-validate", data=typed).status_code == 302
    assert "This is not the code" in thief.post("/tf-validate", data=seen).text
    assert thief.get("/account").status_code == 302


def test_of_two_who_show_the_same_code_at_once_one_gets_in(story_engine: Engine) -> None:
    app = app_on(story_engine)
    key = set_up_second_step(client_of(app, SANNE))
    factory = app.extensions["security"].totp_factory
    with story_engine.connect() as connection:
        number, secret = connection.execute(
            select(Account.id, Account.tf_totp_secret).where(Account.email == SANNE)
        ).one()
    with app.app_context():  # both have read the account before either has used the code
        answers = [factory.verify_totp(code_of(key, 30), secret, Account(id=number)) for _ in range(2)]
    assert answers == [True, False]


# The password once more ------------------------------------------------------------------------------


def some_time_ago(client: FlaskClient) -> None:
    """As if somebody had signed in an hour ago."""
    with client.session_transaction() as session:
        session["fs_paa"] -= 3600


@pytest.mark.parametrize(
    ("email", "path", "page"),
    [
        (SANNE, "/account/tokens", "/account"),
        (SANNE, "/account/second-step", "/account/second-step"),
        (SANNE, "/account/second-step/end", "/account"),
        (KIM, "/people/add", "/people/add"),
        (KIM, "/people/2", "/people/2"),
        (KIM, "/people/2/link", "/people/2"),
        (KIM, "/people/2/second-step", "/people/2"),
    ],
)
def test_what_lets_somebody_in_for_longer_asks_for_the_password_once_more(
    story_app: Flask, email: str, path: str, page: str
) -> None:
    client = client_of(story_app, email)
    some_time_ago(client)
    asked = client.post(path, data={"csrf_token": token_in(client.get("/account").text)})
    assert asked.headers["Location"] == f"/verify?next={page}"
    form = client.get(asked.headers["Location"]).text
    typed = {"csrf_token": token_in(form), "password": "not this one", "next": page}
    assert "This is not your password." in client.post("/verify", data=typed).text
    assert client.post("/verify", data=typed | {"password": PASSWORD}).headers["Location"] == page
    again = post(client, path, {}, "/account")
    assert not again.headers.get("Location", "").startswith("/verify")


def test_an_own_password_is_changed_with_the_present_one_and_written_down(story_engine: Engine) -> None:
    client = client_of(app_on(story_engine), SANNE)
    typed = {"password": "not this one", "new_password": NEW, "new_password_confirm": NEW}
    assert "This is not your password." in post(client, "/password", typed).text
    typed["password"] = PASSWORD
    assert "The two are not the same." in post(client, "/password", typed | {"new_password": "another"}).text
    short = {"new_password": "short", "new_password_confirm": "short"}
    assert "at least 12 characters" in post(client, "/password", typed | short).text
    assert post(client, "/password", typed).headers["Location"] == "/account"
    assert client.get("/account").status_code == 200
    assert newest(story_engine) == ("access", SANNE, SANNE, "", "another password")


def test_the_secret_of_a_second_step_is_kept_encrypted(story_engine: Engine) -> None:
    key = set_up_second_step(client_of(app_on(story_engine), SANNE))
    with story_engine.connect() as connection:
        kept = connection.execute(select(Account.tf_totp_secret).where(Account.email == SANNE)).scalar_one()
    assert kept and key not in kept


def test_who_lost_the_device_is_let_in_by_an_admin(story_engine: Engine) -> None:
    app = app_on(story_engine)
    set_up_second_step(client_of(app, SANNE))
    admin = client_of(app, KIM)
    number = account_id(story_engine, SANNE)
    post(admin, f"/people/{number}/second-step", {}, f"/people/{number}")
    assert client_of(app, SANNE).get("/account").status_code == 200


@pytest.mark.parametrize("path", ["/tf-setup", "/tf-rescue", "/tf-select"])
def test_ways_around_the_second_step_are_shut(story_app: Flask, path: str) -> None:
    assert client_of(story_app, SANNE).get(path).status_code == 403
    assert story_app.test_client().get(path).headers["Location"].startswith("/login")
