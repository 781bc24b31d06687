"""Telling people: what happened becomes a notice once, a digest when it is due, and never says an amount."""

from __future__ import annotations

import datetime as dt
import re
from collections import Counter
from collections.abc import Iterator
from email import message_from_bytes
from email.message import Message
from email.policy import default
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from sqlalchemy import Engine, select, update

from incentives.papers.languages import speaker
from incentives.service import decisions, telling
from incentives.service.digests import Post, last_time, send_digests
from incentives.store.acts import Who
from incentives.store.desk import Account, Notice
from incentives.store.engine import reading
from served import BRAM, FEMKE, INGRID, JORIS, NOOR, RUBEN, SANNE, TODAY, app_on, client_of, free_port, token_in

NOW = dt.datetime(2026, 8, 3, 9, tzinfo=dt.UTC)
NEXT_MORNING = dt.datetime(2026, 8, 4, 7, tzinfo=dt.UTC)


def account_id(engine: Engine, email: str) -> int:
    with engine.connect() as connection:
        return connection.execute(select(Account.id).where(Account.email == email)).scalar_one()


def told(engine: Engine, email: str) -> list[telling.Read]:
    with reading(engine) as connection:
        return telling.notices(connection, account_id(engine, email))


def sentences(engine: Engine, email: str) -> list[str]:
    return [each.said(speaker("en")).replace("\N{NO-BREAK SPACE}", " ") for each in told(engine, email)]


def asked(engine: Engine) -> int:
    """Joris asks about his chargeback; the question's number."""
    who = Who(JORIS, NOW)
    return decisions.ask(engine, who, "P02", "chargeback-26-036", "The customer says this was settled")[0]


def test_each_is_told_of_what_concerns_them(story_engine: Engine) -> None:
    telling.look_for_news(story_engine, NOW, TODAY)
    assert "Money went back on invoice INV-26-036, on 25 June 2026." in sentences(story_engine, JORIS)
    assert "Your statement of the quarter from April 2026 is issued." in sentences(story_engine, JORIS)
    assert "Your statement of the quarter from April 2026 is issued." in sentences(story_engine, SANNE)
    assert not any("INV-26-036" in each for each in sentences(story_engine, SANNE))
    assert "July 2026 is closed: its payroll file is ready." in sentences(story_engine, NOOR)
    assert sentences(story_engine, FEMKE) == []


def test_looking_again_tells_nothing_again(story_engine: Engine) -> None:
    assert telling.look_for_news(story_engine, NOW, TODAY) > 0
    assert telling.look_for_news(story_engine, NOW, TODAY) == 0
    with story_engine.begin() as connection:
        telling.keep_told_through(connection, "notices", 0)
        telling.keep_told_through(connection, "past due", 0)
    before = Counter(sentences(story_engine, JORIS))
    telling.look_for_news(story_engine, NOW, TODAY)
    assert all(number == 1 for number in Counter(sentences(story_engine, JORIS)).values())
    assert set(before) <= set(sentences(story_engine, JORIS))


def test_an_invoice_past_its_due_date_is_told_once_while_it_is_open(story_engine: Engine) -> None:
    with story_engine.begin() as connection:
        telling.keep_told_through(connection, "notices", 10_000)
    telling.look_for_news(story_engine, NOW, dt.date(2026, 6, 13))
    assert "Invoice INV-26-038 is past due since 12 June 2026." in sentences(story_engine, JORIS)
    assert telling.look_for_news(story_engine, NOW, dt.date(2026, 6, 14)) == 0
    assert not any("INV-26-038" in each for each in sentences(story_engine, SANNE))


def test_a_question_is_told_to_finance_and_its_answer_to_whoever_asked(story_engine: Engine) -> None:
    telling.look_for_news(story_engine, NOW, TODAY)
    number = asked(story_engine)
    telling.look_for_news(story_engine, NOW, TODAY)
    assert "A question about a line waits for an answer." in sentences(story_engine, FEMKE)
    assert "Your question has an answer." not in sentences(story_engine, JORIS)
    decisions.answer(story_engine, Who(FEMKE, NOW), number, "The card company decided against us")
    telling.look_for_news(story_engine, NOW, TODAY)
    assert "Your question has an answer." in sentences(story_engine, JORIS)
    assert told(story_engine, JORIS)[0].about == "/pay/P02"


def test_a_proposal_is_told_to_approvers_who_did_not_make_it(story_engine: Engine) -> None:
    telling.look_for_news(story_engine, NOW, TODAY)
    decisions.hold(story_engine, Who(FEMKE, NOW, "Delivery is being checked"), "payee", "P01")
    decisions.hold(story_engine, Who(RUBEN, NOW, "Delivery is being checked"), "payee", "P02")
    telling.look_for_news(story_engine, NOW, TODAY)
    assert sentences(story_engine, RUBEN) == ["A proposal waits for approval: hold 1."]
    assert sentences(story_engine, FEMKE) == []


def test_the_list_leads_to_what_it_is_about_and_is_read_then(story_engine: Engine) -> None:
    telling.look_for_news(story_engine, NOW, TODAY)
    client = client_of(app_on(story_engine), NOOR)
    page = client.get("/notices").text
    assert '<span class="count">2</span>' in page
    found = re.search(r'action="(/notices/\d+)"', page)
    assert found
    answered = client.post(found[1], data={"csrf_token": token_in(page)})
    assert answered.headers["Location"] == "/payroll/2026-07"
    assert '<span class="count">1</span>' in client.get("/notices").text
    client.post("/notices/read", data={"csrf_token": token_in(page)})
    assert 'class="count"' not in client.get("/notices").text


def test_what_a_notice_leads_to_is_there_for_whoever_is_told(story_engine: Engine) -> None:
    telling.look_for_news(story_engine, NOW, TODAY)
    app = app_on(story_engine)
    for email in (JORIS, BRAM, NOOR):
        client = client_of(app, email)
        for path in {each.about for each in told(story_engine, email)}:
            assert client.get(path).status_code == 200, path
    matches = app.url_map.bind("").match
    assert [matches(path) for path in ("/decisions", "/questions", "/pay/P02")]


def test_another_persons_notice_is_not_there(story_engine: Engine) -> None:
    telling.look_for_news(story_engine, NOW, TODAY)
    number = told(story_engine, NOOR)[0].number
    client = client_of(app_on(story_engine), SANNE)
    token = token_in(client.get("/notices").text)
    assert client.post(f"/notices/{number}", data={"csrf_token": token}).status_code == 404
    assert told(story_engine, NOOR)[0].is_new


def test_nothing_yet_says_what_will_stand_there(story_app: Any) -> None:
    assert "Nothing yet." in client_of(story_app, INGRID).get("/notices").text


# By e-mail -------------------------------------------------------------------------------------------


class Box:
    """What arrives."""

    def __init__(self) -> None:
        self.arrived: list[Message] = []
        self.refuses = False

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        if self.refuses:
            return "451 later"
        self.arrived.append(message_from_bytes(envelope.content, policy=default))
        return "250 OK"


@pytest.fixture
def box() -> Iterator[tuple[Box, Post]]:
    """A mail server, and how to reach it."""
    box = Box()
    controller = Controller(box, hostname="127.0.0.1", port=free_port())
    controller.start()
    try:
        yield box, Post("https://pay.waalkade.example", f"smtp://127.0.0.1:{controller.port}")
    finally:
        controller.stop()


def wants(engine: Engine, email: str, digest: str) -> None:
    with engine.begin() as connection:
        connection.execute(update(Account).where(Account.email == email).values(digest=digest))


def test_a_digest_says_what_is_new_once_in_the_readers_language(
    story_engine: Engine, box: tuple[Box, Post]
) -> None:
    arrives, post = box
    wants(story_engine, JORIS, "daily")
    telling.look_for_news(story_engine, NOW, TODAY)
    assert send_digests(story_engine, post, NOW) == 0  # it is the next morning's
    assert send_digests(story_engine, post, NEXT_MORNING) == 1
    assert send_digests(story_engine, post, NEXT_MORNING) == 0
    (message,) = arrives.arrived
    assert message["To"] == JORIS and message["From"] == "incentives@pay.waalkade.example"
    text = message.get_payload(decode=True).decode()  # type: ignore[union-attr]
    assert "Er ging geld terug" in text
    assert "https://pay.waalkade.example/invoices/INV-26-036" in text


def test_an_e_mail_holds_no_amount_and_names_nobody(story_engine: Engine, box: tuple[Box, Post]) -> None:
    arrives, post = box
    for email in (JORIS, SANNE, NOOR, RUBEN, FEMKE, BRAM):
        wants(story_engine, email, "daily")
    with story_engine.begin() as connection:
        telling.keep_told_through(connection, "notices", 0)
        names = list(connection.execute(select(Account.name)).scalars())
    asked(story_engine)
    telling.look_for_news(story_engine, NOW, TODAY)
    assert send_digests(story_engine, post, NEXT_MORNING) >= 4
    for message in arrives.arrived:
        text = message.get_payload(decode=True).decode()  # type: ignore[union-attr]
        assert not re.search(r"€|EUR|\d[.,]\d\d\b", text), text
        assert not any(name in text for name in names)
        assert "settled" not in text


def test_a_mail_server_that_refuses_is_asked_again(story_engine: Engine, box: tuple[Box, Post]) -> None:
    arrives, post = box
    wants(story_engine, JORIS, "daily")
    telling.look_for_news(story_engine, NOW, TODAY)
    arrives.refuses = True
    assert send_digests(story_engine, post, NEXT_MORNING) == 0
    arrives.refuses = False
    assert send_digests(story_engine, post, NEXT_MORNING) == 1


def test_who_has_read_it_or_wants_no_e_mail_gets_none(story_engine: Engine, box: tuple[Box, Post]) -> None:
    arrives, post = box
    wants(story_engine, JORIS, "daily")
    telling.look_for_news(story_engine, NOW, TODAY)
    telling.mark_read(story_engine, account_id(story_engine, JORIS), NOW)
    assert send_digests(story_engine, post, NEXT_MORNING) == 0
    assert arrives.arrived == []


def test_a_weekly_digest_is_due_on_mondays() -> None:
    tuesday = dt.datetime(2026, 8, 4, 9, tzinfo=dt.UTC)
    assert last_time("weekly", tuesday) == dt.datetime(2026, 8, 3, 6, tzinfo=dt.UTC)
    assert last_time("weekly", dt.datetime(2026, 8, 3, 5, tzinfo=dt.UTC)) == dt.datetime(
        2026, 7, 27, 6, tzinfo=dt.UTC
    )
    assert last_time("daily", tuesday) == dt.datetime(2026, 8, 4, 6, tzinfo=dt.UTC)


def test_without_a_mail_server_a_digest_is_only_noted(story_engine: Engine) -> None:
    wants(story_engine, JORIS, "weekly")
    telling.look_for_news(story_engine, NOW, TODAY)
    monday = dt.datetime(2026, 8, 10, 7, tzinfo=dt.UTC)
    assert send_digests(story_engine, Post("http://127.0.0.1:8000"), monday) == 1
    with story_engine.connect() as connection:
        sent = connection.execute(select(Notice.mailed_at).where(Notice.mailed_at.is_not(None))).scalars().all()
    assert set(sent) == {monday}
