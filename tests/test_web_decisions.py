"""What needs a second person, what came twice, and questions."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import Engine

from incentives.errors import Rejected
from incentives.papers.languages import MINUS
from incentives.service import decisions, deliveries
from incentives.service.runs import rules_in_force
from incentives.store.acts import record
from incentives.store.engine import reading, writing
from month_ends import by
from served import ALEX, FEMKE, JORIS, PROJECT, RUBEN, TODAY, app_on, client_of, token_in
from test_web_imports import HEAD, OTHER
from test_web_month import sends, text_of

INVOICE = """\
invoice_id,customer_id,currency,issued_on,due_on,contract_signed_on,team
INV-26-019,C121,EUR,2026-03-09,2026-04-08,2026-02-17,north
"""
LINES_HEAD = "invoice_id,line,net,tax,category,cost,commissionable\n"
FIRST, SECOND = "1,30000.00,6300.00,equipment,20400.00,yes", "2,8000.00,1680.00,licence,4800.00,yes"
"""The lines of that invoice in the sample company."""


@pytest.fixture
def app(story_engine: Engine) -> Flask:
    return app_on(story_engine)


def test_an_adjustment_is_proposed_by_one_and_approved_by_another(app: Flask) -> None:
    femke, ruben = client_of(app, FEMKE), client_of(app, RUBEN)
    typed = {"payee_id": "P01", "amount": "-250.00", "currency": "eur", "on": "2026-08-03", "reason": "Trade fair"}
    status, says = sends(femke, "/decisions/adjustment", "/decisions/adjustment", **typed)
    assert status == 200 and "Proposed. It counts once somebody else approves it." in says
    assert f"{MINUS}€ 250.00 for Sanne de Wit, on 3 August 2026" in says
    assert "You proposed it, so somebody else decides: Ruben Smit." in says
    status, says = sends(femke, "/decisions", "/decisions/adjustment/1", choice="approve")
    assert status == 422 and "somebody else decides" in says
    status, says = sends(ruben, "/decisions", "/decisions/adjustment/1", choice="approve", reason="Seen the bill")
    assert status == 200 and "Approved. The next run counts it." in says
    assert "approved Seen the bill" in says


def test_what_was_typed_stays_with_its_mistakes(app: Flask) -> None:
    typed = {"payee_id": "P77", "amount": "12", "currency": "EUR", "on": "tomorrow", "reason": ""}
    femke = client_of(app, FEMKE)
    page = femke.get("/decisions/adjustment").text
    status, says = sends(femke, "/decisions/adjustment", "/decisions/adjustment", **typed)
    assert status == 422 and "This is not a day. Write it as 2026-07-15." in says
    status, says = sends(
        femke, "/decisions/adjustment", "/decisions/adjustment", **typed | {"on": "2026-08-03", "amount": "12.00"}
    )
    assert status == 422
    assert "No payee 'P77' is known." in says and "Say why: it is kept with what you decide." in says
    assert 'value="2026-08-03"' in page


def test_a_hold_is_approved_and_its_release_needs_two_again(app: Flask) -> None:
    femke, ruben = client_of(app, FEMKE), client_of(app, RUBEN)
    typed = {"kind": "invoice", "subject": "INV-26-045", "reason": "Delivery is being checked"}
    assert sends(femke, "/decisions/hold", "/decisions/hold", **typed)[0] == 200
    sends(ruben, "/decisions", "/decisions/hold/1", choice="approve")
    says = text_of(ruben.get("/decisions").text)
    assert "Kept back now Keep back what invoice INV-26-045 earns Delivery is being checked Hold 1" in says
    status, says = sends(ruben, "/decisions", "/decisions/hold/1/release")
    assert status == 422 and "Say why" in says
    sends(ruben, "/decisions", "/decisions/hold/1/release", reason="It was complete")
    sends(femke, "/decisions", "/decisions/release/1", choice="approve")
    assert "Nothing is kept back" in text_of(ruben.get("/decisions").text)


def test_a_conflict_shows_both_versions_and_one_is_chosen(
    story_engine: Engine, app: Flask, tmp_path: Path
) -> None:
    folder = tmp_path / "bank"
    folder.mkdir()
    (folder / "events.csv").write_text(HEAD + OTHER, encoding="utf-8")
    deliveries.import_folder(story_engine, by(FEMKE), folder)
    femke = client_of(app, FEMKE)
    says = text_of(femke.get("/decisions").text)
    assert "Event pay-26-019 Source: bank. Came again in bank, brought by Femke Bos" in says
    assert "Amount (differs) € 45,980.00 € 12,100.00" in says
    assert "Day 7 April 2026 7 April 2026" in says
    status, says = sends(femke, "/decisions", "/decisions/conflict/1", choice="replace", reason="The bank's slip")
    assert status == 200 and "What came later counts from now on." in says
    assert "Nothing contradicts the books." in says


@pytest.mark.parametrize(
    ("first", "second", "more", "differs"),
    [
        ("1,30000.00,6300.00,equipment,20400.00,no", SECOND, (), "Line 1 earns commission (differs) yes no"),
        ("1,30000.00,6300.00,licence,20400.00,yes", SECOND, (), "Line 1, category (differs) equipment licence"),
        ("1,30000.00,6300.00,equipment,400.00,yes", SECOND, (), "Line 1, cost (differs) € 20,400.00 € 400.00"),
        (FIRST, "2,8000.00,0.00,licence,4800.00,yes", (), "Line 2, tax (differs) € 1,680.00 € 0.00"),
        (SECOND, FIRST, (), "Lines in order (differs) 1, 2 2, 1"),
        (
            FIRST,
            SECOND,
            ("3,500.00,105.00,service,0.00,yes",),
            "Lines (differs) 2 3 Line 3, without tax (differs) nothing € 500.00 "
            "Line 3, tax (differs) € 0.00 € 105.00 Line 3, category (differs) nothing service",
        ),
    ],
)
def test_whatever_differs_in_the_lines_of_an_invoice_is_seen(
    first: str, second: str, more: tuple[str, ...], differs: str, story_engine: Engine, app: Flask, tmp_path: Path
) -> None:
    lines = [f"INV-26-019,{each}\n" for each in (first, second, *more)]
    (tmp_path / "invoices.csv").write_text(INVOICE, encoding="utf-8")
    (tmp_path / "invoice_lines.csv").write_text("".join([LINES_HEAD, *lines]), encoding="utf-8")
    assert deliveries.import_folder(story_engine, by(FEMKE), tmp_path).waiting
    says = text_of(client_of(app, FEMKE).get("/decisions").text)
    assert differs in says
    assert says.count("(differs)") == differs.count("(differs)")


def test_questions_about_one_cause_are_answered_together(story_engine: Engine, app: Flask) -> None:
    decisions.ask(story_engine, by(JORIS), "P02", "chargeback-26-036", "Was this not settled?")
    ruben = client_of(app, RUBEN)
    page = ruben.get("/questions").text
    says = text_of(page)
    assert "Joris Hendriks asks about INV-26-036 “Was this not settled?”" in says
    assert f"{MINUS}€ 561.00 taken back, Cash commission" in says
    assert f"{MINUS}€ 250.00 taken back, New and paid" in says
    act = page.split('id="question-', 1)[1].split('"', 1)[0]
    csrf = {"number": ["1", "2"], "answer": "The card company decided against us."}
    status, says = sends(ruben, "/questions", f"/questions/{act}", **csrf | {"answer": " "})  # type: ignore[arg-type]
    assert status == 422 and "Write an answer." in says
    status, says = sends(ruben, "/questions", f"/questions/{act}", **csrf)  # type: ignore[arg-type]
    assert status == 200
    assert "Nobody waits for an answer." in says
    assert "The card company decided against us. Answered by Ruben Smit" in says
    assert "Answer Joris" not in text_of(client_of(app, ALEX).get("/questions").text)
    status, says = sends(ruben, "/questions", f"/questions/{act}", **csrf)  # type: ignore[arg-type]
    assert status == 409


def test_a_rule_that_waits_leads_to_where_its_effect_is_shown(story_engine: Engine, app: Flask) -> None:
    with writing(story_engine) as connection:
        act_id = record(connection, by(FEMKE), "import", "rules")
        deliveries.propose(connection, act_id, "plan", "spring-spiff", "plan = 'spring-spiff'")
    ruben = client_of(app, RUBEN)
    page = ruben.get("/decisions").text
    assert "Change Spring bonus for new customers who pay fast Proposed by Femke Bos" in text_of(page)
    assert 'href="/changes/' in page.split("<main", 1)[1]
    number = re.findall(r'href="/changes/(\d+)"', page)[0]
    assert sends(ruben, "/decisions", f"/decisions/rule/{number}")[0] == 404, "its effect is not shown here"


def test_settings_of_the_company_are_approved_by_an_approver_who_sees_what_changes(
    story_engine: Engine, app: Flask, tmp_path: Path
) -> None:
    before = (PROJECT / "sample_data" / "company.toml").read_text(encoding="utf-8")
    (tmp_path / "new").mkdir()
    changed = before.replace('recovery_cap = "0.5"', 'recovery_cap = "0.4"')
    (tmp_path / "new" / "company.toml").write_text(changed, encoding="utf-8")
    deliveries.import_folder(story_engine, by(ALEX), tmp_path / "new")
    femke, ruben = client_of(app, FEMKE), client_of(app, RUBEN)
    page = ruben.get("/decisions").text
    assert "Change the company's settings Proposed by Alex Peters" in text_of(page)
    assert '-recovery_cap = "0.5" +recovery_cap = "0.4"' in text_of(page)
    (address,) = re.findall(r'action="(/decisions/rule/\d+)"', page)
    assert address not in femke.get("/decisions").text, "an author does not approve rules"
    assert sends(femke, "/decisions", address, choice="approve")[0] == 404
    status, says = sends(ruben, "/decisions", address, choice="reject")
    assert status == 422 and "Say why: it is kept with what you decide." in says
    assert sends(ruben, "/decisions", address, choice="approve", reason="As the works council asked")[0] == 200
    with reading(story_engine) as connection:
        assert rules_in_force(connection).company.recovery_cap_ppm == 400_000


@pytest.mark.parametrize("choice", ["approve", "reject"])
def test_whoever_decides_about_an_adjustment_says_why(story_engine: Engine, app: Flask, choice: str) -> None:
    decisions.adjust(story_engine, by(FEMKE, "Trade fair"), "P01", 25_000, "EUR", TODAY)
    ruben = client_of(app, RUBEN)
    typed = {"choice": choice, "reason": " ", "csrf_token": token_in(ruben.get("/decisions").text)}
    answered = ruben.post("/decisions/adjustment/1", data=typed)
    assert answered.status_code == 422
    assert 'id="reason-adjustment-1-wrong">Say why: it is kept with what you decide.' in answered.text
    assert [each.number for each in decisions.waiting(story_engine)] == [1]


def test_what_cannot_be_is_told_in_dutch_too(app: Flask) -> None:
    femke = client_of(app, FEMKE)
    femke.post("/language", data={"language": "nl", "csrf_token": token_in(femke.get("/decisions").text)})
    typed = {"kind": "invoice", "subject": "INV-1", "reason": "x"}
    status, says = sends(femke, "/decisions/hold", "/decisions/hold", **typed)
    assert status == 422 and "Er is geen factuur 'INV-1' bekend." in says


def test_a_hold_is_rejected_with_a_reason_and_approved_without(story_engine: Engine) -> None:
    decisions.hold(story_engine, by(FEMKE, "Delivery is being checked"), "invoice", "INV-26-045")
    with pytest.raises(Rejected, match="A reason is missing"):
        decisions.decide(story_engine, by(RUBEN), "hold", 1, "reject")
    decisions.decide(story_engine, by(RUBEN), "hold", 1, "approve")
