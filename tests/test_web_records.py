"""Customers and invoices: the records behind every figure."""

from __future__ import annotations

import pytest
from flask import Flask
from sqlalchemy import Engine

from incentives.jobs import run_waiting
from incentives.service import kept
from served import ALEX, BRAM, FEMKE, INGRID, RUBEN, SANNE, app_on, client_of, token_in


def read(app: Flask, email: str, address: str) -> str:
    answered = client_of(app, email).get(address)
    assert answered.status_code == 200, answered.text[-2000:]
    return answered.text.replace("\N{NO-BREAK SPACE}", " ")


def test_a_rep_reads_their_own_invoices_and_no_others(story_app: Flask) -> None:
    page = read(story_app, SANNE, "/invoices")
    assert "INV-26-033" in page and "INV-26-006" not in page
    assert client_of(story_app, SANNE).get("/invoices/INV-26-006").status_code == 404
    assert client_of(story_app, SANNE).get("/invoices/INV-99-999").status_code == 404


def test_an_invoice_tells_every_line_it_caused(story_app: Flask) -> None:
    page = read(story_app, SANNE, "/invoices/INV-26-033")
    assert "€ 470.36" in page and "€ 570.93" in page
    assert "Paid on 18 Jun 2026, 21 days late" in page


def test_a_manager_reads_what_an_invoice_brought_to_the_team(story_app: Flask) -> None:
    page = read(story_app, INGRID, "/invoices/INV-26-033")
    assert "€ 570.93" in page and "Ingrid Mulder" in page


def test_credit_reads_every_invoice_and_nobody_s_pay(story_app: Flask) -> None:
    page = read(story_app, BRAM, "/invoices/INV-26-033")
    assert "US$ 22,000.00" in page
    assert "570.93" not in page and "Every line it caused" not in page


@pytest.mark.parametrize(
    ("show", "there", "not_there"),
    [
        ("overdue", "INV-26-038", "INV-26-033"),
        ("open", "INV-26-044", "INV-26-007"),
        ("disputed", "No invoice of yours is like that.", "INV-26-005"),
    ],
)
def test_invoices_are_shown_by_how_they_stand(story_app: Flask, show: str, there: str, not_there: str) -> None:
    page = read(story_app, FEMKE, f"/invoices?show={show}")
    assert there in page and not_there not in page


def test_a_list_goes_on_where_the_page_before_ended(story_app: Flask) -> None:
    first = read(story_app, FEMKE, "/invoices")
    assert "Earlier invoices" in first and "INV-25-001" not in first
    after = first.split("after=")[1].split('"')[0]
    second = read(story_app, FEMKE, f"/invoices?after={after}")
    assert "INV-25-001" in second and "INV-26-047" not in second and "Earlier invoices" not in second


def test_a_customer_s_record_is_one_for_sales_and_credit(story_app: Flask) -> None:
    page = read(story_app, BRAM, "/customers/C104")
    assert "Kuyper &amp; Zn. Logistiek" in page and "Approved with conditions" in page and "€ 20,000.00" in page
    assert "entered by Femke Bos" in page
    assert client_of(story_app, SANNE).get("/customers/C999").status_code == 404


def test_what_is_at_stake_is_told_to_whom_it_concerns(story_app: Flask) -> None:
    page = read(story_app, FEMKE, "/invoices/INV-26-038")
    assert "Joris Hendriks" in page and "€ 661.76" in page
    assert "661.76" not in read(story_app, BRAM, "/invoices/INV-26-038")


def test_signature_is_compared_with_cash_to_the_cent(story_app: Flask) -> None:
    page = read(story_app, ALEX, "/compare")
    assert (
        "By 3 August 2026 paying on signature would have cost € 58,734.28; paying on cash costs € 54,074.89."
        in page
    )
    assert "€ 6,835.84 of the first would have been paid for money that is overdue or written off" in page
    assert "Sanne de Wit" in page and "3,360.00" in page


def test_the_comparison_is_for_finance_and_auditors(story_app: Flask) -> None:
    for email in (SANNE, INGRID, BRAM):
        assert client_of(story_app, email).get("/compare").status_code == 403


def test_over_many_invoices_a_job_compares(story_engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "LITTLE", 10)
    app = app_on(story_engine)
    client = client_of(app, FEMKE)
    page = client.get("/compare")
    assert "Calculate the comparison" in page.text and "58,734.28" not in page.text
    started = client.post("/compare", data={"csrf_token": token_in(page.text)})
    assert run_waiting(story_engine) == 1
    assert "58,734.28" in client.get(started.headers["Location"]).text.replace("\N{NO-BREAK SPACE}", " ")
    assert client_of(app, RUBEN).get(started.headers["Location"]).status_code == 404
