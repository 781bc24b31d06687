"""What a rep and a manager use: my pay, why, questions, what waits on cash, statements, letters, the team."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from flask import Flask
from flask.testing import FlaskClient
from playwright.sync_api import Browser, expect
from sqlalchemy import Engine, select

from incentives.service.verification import breaches
from incentives.store import tables
from served import (
    ALEX,
    BRAM,
    FEMKE,
    INGRID,
    JORIS,
    KIM,
    NOOR,
    RUBEN,
    SANNE,
    app_on,
    client_of,
    signed_in,
    token_in,
)


def text(page: str) -> str:
    """What a page says, without its marks, blanks and minus signs made plain."""
    said = unescape(re.sub(r"<[^>]+>", " ", page.split("<main", 1)[-1]))
    return re.sub(r"\s+", " ", said.replace("\N{NO-BREAK SPACE}", " ").replace("\N{MINUS SIGN}", "-"))


def read(client: FlaskClient, address: str, status: int = 200) -> str:
    answered = client.get(address)
    assert answered.status_code == status, (answered.status_code, text(answered.text)[:500])
    return text(answered.text)


def post(client: FlaskClient, form_on: str, address: str, **typed: str) -> tuple[int, str]:
    token = token_in(client.get(form_on).text)
    answered = client.post(address, data={"csrf_token": token, **typed})
    return answered.status_code, text(answered.text)


# My pay ----------------------------------------------------------------------------------------------


def test_a_closed_quarter_shows_the_figures_of_its_statement(story_app: Flask) -> None:
    said = read(client_of(story_app, SANNE), "/pay?quarter=2026-04")
    assert "Earned on cash € 14,439.33" in said
    assert "Bonus € 1,410.40" in said
    assert "Paid € 14,753.80" in said
    assert "Closed and paid: nothing here changes any more." in said
    assert "Harbor Pine Coworking LLC 1,041.29" in said
    assert "Together 15,849.73" in said


def test_a_month_is_the_part_of_the_quarter_that_it_is(story_app: Flask) -> None:
    client = client_of(story_app, SANNE)
    months = [read(client, f"/pay?month=2026-0{month}") for month in (4, 5, 6)]
    assert ["3,656.30" in months[0], "5,013.36" in months[1], "5,769.67" in months[2]] == [True] * 3
    assert "INV-26-033" not in months[0] and "INV-26-033" in months[2]


def test_what_came_too_late_for_a_closed_quarter_is_a_correction_in_the_open_one(story_app: Flask) -> None:
    client = client_of(story_app, JORIS)
    said = read(client, "/pay")
    assert "Kwartaal 3 van 2026" in said
    assert "Correcties op eerdere kwartalen -873,39" in said
    assert "€ 12.342,00 teruggehaald via de creditcard" in said
    assert "Juli 2026: afgesloten en uitbetaald. Augustus 2026: nog open." in said
    assert "Uitbetaald € 651,75" in said


@pytest.mark.parametrize(
    ("of", "figure", "holds", "lacks"),
    [
        ("earned", "5.008,25", "INV-26-036", "Jouw deel van de pot"),
        ("taken-back", "-220,00", "INV-26-014", "INV-26-036"),
        ("bonus", "1.056,72", "Jouw deel van de pot", "INV-26-014"),
    ],
)
def test_every_figure_opens_the_lines_that_it_is_the_sum_of(
    story_app: Flask, of: str, figure: str, holds: str, lacks: str
) -> None:
    said = read(client_of(story_app, JORIS), f"/pay?quarter=2026-04&of={of}")
    lines = said.split("Per klant en factuur")[1]
    assert f"Samen {figure}" in lines
    assert holds in lines and lacks not in lines


def test_what_was_paid_opens_the_months_of_pay_and_their_lines(story_app: Flask) -> None:
    client = client_of(story_app, JORIS)
    assert "juli 2026 Verdiend" not in read(client, "/pay?of=earned")
    said = read(client, "/pay?of=paid")
    assert "juli 2026 1.303,50 -651,75 -221,64 651,75 . Waarom dit bedrag?" in said
    why = read(client, "/pay/P02/why?cause=payout:2026-07&kind=payout")
    assert "€ 651,75 uitbetaald over juli 2026." in why
    assert "Verrekend (hoogstens 50 % van wat verdiend is): € 651,75." in why


def test_a_line_opens_its_explanation_down_to_the_payment(story_app: Flask) -> None:
    client = client_of(story_app, SANNE)
    page = client.get("/pay?quarter=2026-04").text
    (link,) = set(re.findall(r'href="(/pay/P01/why[^"]*cause=pay-26-033-2[^"]*)"', page))
    said = read(client, unescape(link))
    assert "€ 570.93 earned because Harbor Pine Coworking LLC paid US$ 12,000.00 of invoice INV-26-033" in said
    assert "Days late: 21, so × 0.8. Risk grade: B, so × 1. € 10,195.20 at 7 % × 0.8 = € 570.9312." in said
    fragment = client.get(unescape(link), headers={"HX-Request": "true"}).text
    assert "<html" not in fragment and "570.9312" in fragment


@pytest.mark.parametrize(
    "address", ["/pay/P02", "/pay/P02/why?cause=pay-26-036", "/pay/P02/waiting", "/statements/of/P02"]
)
@pytest.mark.parametrize("email", [SANNE, BRAM, NOOR, KIM])
def test_the_pay_of_others_does_not_exist(story_app: Flask, email: str, address: str) -> None:
    assert client_of(story_app, email).get(address).status_code == 404


@pytest.mark.parametrize("email", [INGRID, FEMKE, RUBEN, ALEX, JORIS])
def test_who_may_see_somebodys_pay_sees_it(story_app: Flask, email: str) -> None:
    client = client_of(story_app, email)
    for address in (
        "/pay/P02?quarter=2026-04",
        "/pay/P02/why?cause=pay-26-036",
        "/pay/P02/waiting",
        "/statements/of/P02",
    ):
        assert client.get(address).status_code == 200, address


@pytest.mark.parametrize("asked", ["quarter=2019-01", "quarter=now", "month=2026-13", "month=2030-01"])
def test_a_quarter_that_there_is_not_is_not_there(story_app: Flask, asked: str) -> None:
    assert client_of(story_app, SANNE).get(f"/pay?{asked}").status_code == 404


# Questions -------------------------------------------------------------------------------------------


def test_a_question_about_a_take_back_stands_on_the_line_and_keeps_it_from_pay(story_engine: Engine) -> None:
    client = client_of(app_on(story_engine), JORIS)
    why = "/pay/P02/why?cause=chargeback-26-036"
    assert "Zolang hier geen antwoord op is" in read(client, why)
    status, _ = post(client, why, "/pay/P02/why", cause="chargeback-26-036", question="De klant zegt van niet.")
    assert status == 302
    said = read(client, why)
    assert "De klant zegt van niet." in said and f"Gevraagd door {JORIS}" in said
    assert "Dit wordt pas van je uitbetaling afgehaald als de vraag is beantwoord." in said
    assert "Wacht op antwoord" in read(client, "/pay")


def test_a_question_that_asks_nothing_is_kept_open(story_engine: Engine) -> None:
    client = client_of(app_on(story_engine), JORIS)
    why = "/pay/P02/why?cause=chargeback-26-036"
    status, said = post(client, why, "/pay/P02/why", cause="chargeback-26-036", question="  ")
    assert status == 422
    assert "Er staat geen vraag." in said


def test_an_auditor_asks_nothing(story_engine: Engine) -> None:
    client = client_of(app_on(story_engine), ALEX)
    assert "Ask about this line" not in read(client, "/pay/P02/why?cause=chargeback-26-036")
    token = token_in(client.get("/password").text)
    typed = {"csrf_token": token, "cause": "chargeback-26-036", "question": "Why?"}
    assert client.post("/pay/P02/why", data=typed).status_code == 403


# Waiting on cash -------------------------------------------------------------------------------------


def test_what_waits_says_since_when_and_what_it_would_earn(story_app: Flask) -> None:
    said = read(client_of(story_app, JORIS), "/pay/P02/waiting")
    assert "Zou opleveren € 942,26" in said
    assert "Machinefabriek Hamerslag B.V. INV-26-038 · vervalt op 12 jun 2026 · 52 dagen te laat" in said
    assert "Open € 22.748,00 Zou opleveren € 661,76" in said
    assert "Debiteurenbeheer is gewaarschuwd 16 jun 2026" in said


def test_a_warning_to_credit_stands_on_the_invoice_and_in_the_books_once(story_engine: Engine) -> None:
    client = client_of(app_on(story_engine), SANNE)
    page, reason = "/pay/P01/waiting", "Their bank called me this morning."
    for _ in range(2):
        status, _ = post(client, page, page, invoice_id="INV-26-044", reason=reason)
        assert status == 302
    said = read(client, page)
    assert said.count(reason) == 1
    assert "Credit has been warned about INV-26-044." in said
    with story_engine.connect() as connection:
        row = tables.Event
        asked = select(row.payee_id, row.occurred_on, row.source).where(row.reason == reason)
        (event,) = connection.execute(asked)
        assert (event.payee_id, event.occurred_on.isoformat(), event.source) == ("P01", "2026-08-03", "pages")
    assert not breaches(story_engine)


def test_credit_is_told_nothing_about_nothing(story_engine: Engine) -> None:
    client = client_of(app_on(story_engine), SANNE)
    page = "/pay/P01/waiting"
    status, said = post(client, page, page, invoice_id="INV-26-044", reason=" ")
    assert status == 422 and "A reason is missing." in said
    status, _ = post(client, page, page, invoice_id="INV-26-038", reason="Not mine")
    assert status == 404


# Statements and letters ------------------------------------------------------------------------------


def test_the_statement_on_screen_says_what_the_paper_says(story_app: Flask) -> None:
    client = client_of(story_app, JORIS)
    said = read(client, "/statements/2026-04/P02")
    assert "Eindsaldo op 30 juni 2026 1.303,50" in said
    assert "Zegel 004c39d3" in said or "Zegel" in said
    answered = client.get("/statements/2026-04/P02/statement.pdf")
    assert answered.mimetype == "application/pdf" and answered.data.startswith(b"%PDF")
    assert client.get("/statements/2026-04/P02/statement.pdf").data == answered.data
    plain = client.get("/statements/2026-04/P02/statement.json")
    assert plain.get_json()["sections"][0]["closing_minor"] == 130_350


def test_a_statement_that_was_never_printed_is_printed_when_it_is_asked_for(story_engine: Engine) -> None:
    client = client_of(app_on(story_engine), SANNE)
    first = client.get("/statements/2026-01/P01/statement.pdf")
    assert first.status_code == 200 and first.data.startswith(b"%PDF")
    assert client.get("/statements/2026-01/P01/statement.pdf").data == first.data


def test_a_payee_says_once_that_they_have_seen_their_statement_and_nobody_says_it_for_them(
    story_engine: Engine,
) -> None:
    app = app_on(story_engine)
    page = "/statements/2026-04/P02"
    manager = client_of(app, INGRID)
    assert "Not seen yet" in read(manager, page)
    token = token_in(manager.get(page).text)
    assert manager.post(f"{page}/acknowledge", data={"csrf_token": token}).status_code == 404
    joris = client_of(app, JORIS)
    token = token_in(joris.get(page).text)
    for _ in range(2):
        assert joris.post(f"{page}/acknowledge", data={"csrf_token": token}).status_code == 302
    assert f"Seen by {JORIS}" in read(manager, page)
    with story_engine.connect() as connection:
        rows = list(connection.execute(select(tables.Acknowledgement.subject, tables.Acknowledgement.kind)))
        acts = list(connection.execute(select(tables.Act.id).where(tables.Act.what == "acknowledge")))
    assert rows == [("2026-04", "statement")] and len(acts) == 1
    assert not breaches(story_engine)


def test_a_payee_reads_their_plan_letters_and_says_so(story_engine: Engine) -> None:
    client = client_of(app_on(story_engine), SANNE)
    said = read(client, "/statements/of/P01")
    assert "FY26 plan letter, addendum 1 of 20 March 2026" in said
    letter = "/statements/of/P01/letters/account-executive/2026-04-01"
    text_of_letter = read(client, letter)
    assert "effective_from = 2026-04-01" in text_of_letter
    assert "effective_from = 2026-01-01" not in text_of_letter
    status, _ = post(client, letter, letter)
    assert status == 302
    assert f"Read by {SANNE}" in read(client, letter)
    assert "I have read this plan letter" in read(
        client, "/statements/of/P01/letters/account-executive/2026-01-01"
    )
    assert read(client, "/statements/of/P01/letters/sales-manager/2026-01-01", 404)


# Team ------------------------------------------------------------------------------------------------


def test_a_manager_sees_their_people_month_by_month(story_app: Flask) -> None:
    client = client_of(story_app, INGRID)
    said = read(client, "/team?quarter=2026-04")
    assert "Joris Hendriks 1,238.00 taken back -220.00 paid 1,018.00 2,466.75" in said
    assert "Bram Postma" not in said
    cell = client.get("/pay/P02/waiting/total?currency=EUR&as=cell").text
    assert ">942.26<" in cell
    assert "Earned on cash € 29,333.58" in said and "Together 8,993.50 bonus 250.00" in said


def test_a_manager_sees_which_customers_are_a_risk(story_app: Flask) -> None:
    said = read(client_of(story_app, INGRID), "/team/risks")
    assert said.index("70 days late") < said.index("52 days late") < said.index("25 days late")
    assert "Credit was warned 16 Jun 2026: Says the bank froze the credit line" in said
    assert "Sanne de Wit Daan Verhoeven € 58,080.00" in said


@pytest.mark.parametrize(("email", "status"), [(RUBEN, 200), (ALEX, 200), (SANNE, 403), (BRAM, 403), (NOOR, 403)])
def test_who_may_see_a_team(story_app: Flask, email: str, status: int) -> None:
    assert client_of(story_app, email).get("/team").status_code == status


def test_a_manager_sees_no_other_team(story_app: Flask) -> None:
    assert client_of(story_app, INGRID).get("/team?manager=P01").status_code == 404
    assert client_of(story_app, RUBEN).get("/team?manager=P07").status_code == 200


# In a browser ----------------------------------------------------------------------------------------


def test_an_amount_opens_its_reason_in_place_and_a_question_is_asked_there(
    browser: Browser, story_address: str
) -> None:
    page = signed_in(browser, story_address, JORIS)
    page.goto(f"{story_address}/pay?of=corrections")
    amount = page.locator("a.opens", has_text="\N{MINUS SIGN}561,00")
    amount.click()
    reason = page.locator(".reason", has_text="Hotel De Gouden Reiger")
    expect(reason).to_be_visible()
    expect(amount).to_have_attribute("aria-expanded", "true")
    reason.get_by_text("Vraag iets over deze regel").first.click()
    reason.locator("textarea").fill("Wie zegt dat?")
    reason.get_by_role("button").click()
    expect(page.get_by_text("Wie zegt dat?")).to_be_visible()
    expect(page.get_by_text("Dit wordt pas van je uitbetaling afgehaald")).to_be_visible()
    amount.click()
    expect(page.get_by_text("Wie zegt dat?")).to_be_hidden()


@pytest.mark.parametrize(
    ("email", "path", "width", "scheme"),
    [
        (JORIS, "/pay?quarter=2026-04", 390, "dark"),
        (JORIS, "/pay/P02/waiting", 1440, "light"),
        (JORIS, "/statements/2026-04/P02", 390, "dark"),
        (JORIS, "/statements/of/P02/letters/account-executive/2026-04-01", 820, "light"),
        (INGRID, "/team?quarter=2026-04", 390, "light"),
    ],
)
def test_everybody_can_read_it_at_any_width(
    browser: Browser, story_address: str, email: str, path: str, width: int, scheme: Any
) -> None:
    said: list[str] = []
    page = signed_in(browser, story_address, email, width=width, scheme=scheme)
    page.on("pageerror", lambda error: said.append(str(error)))
    page.goto(story_address + path)
    page.wait_for_load_state("networkidle")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "it scrolls sideways"
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
    assert said == []
