"""Together: a quarter of sales and credit, to the cent, and nobody's pay but one's own."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import pytest
from flask import Flask
from pypdf import PdfReader

from incentives.service import kept
from served import ALEX, BRAM, FEMKE, INGRID, JORIS, KIM, NOOR, SANNE, client_of

SECOND_QUARTER = "/together?quarter=2026-04"


def read(app: Flask, email: str, address: str) -> str:
    answered = client_of(app, email).get(address)
    assert answered.status_code == 200, answered.text[-2000:]
    return answered.text.replace("\N{NO-BREAK SPACE}", " ")


@pytest.mark.parametrize("email", [SANNE, INGRID, BRAM, FEMKE, ALEX])
def test_everybody_of_the_team_reads_the_same_pool(story_app: Flask, email: str) -> None:
    page = read(story_app, email, SECOND_QUARTER)
    assert "€ 4,716.82" in page, "1 % of 471,682.00 that came in by its due date, × 1"
    assert "471,682.00" in page and "2,830.09" in page and "1,886.73" in page


def test_a_member_sees_their_own_part_and_nobody_else_s(story_app: Flask) -> None:
    assert "943.37" in read(story_app, BRAM, SECOND_QUARTER)
    page = read(story_app, SANNE, SECOND_QUARTER)
    assert "943.37" not in page and "Bram Postma" not in page
    everything = read(story_app, FEMKE, SECOND_QUARTER)
    assert "943.37" in everything and "Bram Postma" in everything


def test_the_gates_that_hold_and_the_one_that_did_not(story_app: Flask) -> None:
    second, first = (read(story_app, BRAM, f"/together?quarter=2026-0{month}") for month in (4, 1))
    assert "29.18 %" in second and "at most 30 %" in second and "not kept" not in second
    assert "42.59 %" in first and "not kept" in first
    assert "While a gate is not kept the pool is nothing: Overdue share of what is open." in first


def test_what_became_of_a_warning_is_told(story_app: Flask) -> None:
    first, second = (read(story_app, BRAM, f"/together?quarter=2026-0{month}") for month in (1, 4))
    assert "INV-26-011" in first and "before the due date" in first
    assert "€ 22,748.00 open, 18 days late" in second and "too late to forgive" in second


def test_a_quarter_that_runs_is_told_as_of_today(story_app: Flask) -> None:
    page = read(story_app, BRAM, "/together")
    assert "1 July 2026 \N{EN DASH} 3 August 2026: so far, as if the quarter ended on that day." in page
    assert "The pool so far" in page


def test_who_is_in_no_team_is_told_so_and_who_has_no_business_there_is_kept_out(story_app: Flask) -> None:
    assert client_of(story_app, NOOR).get("/together").status_code == 403
    assert client_of(story_app, KIM).get("/together").status_code == 403
    assert client_of(story_app, SANNE).get("/together?team=south").status_code == 404
    assert client_of(story_app, SANNE).get("/together?quarter=2026-13").status_code == 404
    assert client_of(story_app, SANNE).get("/together?quarter=2031-01").status_code == 404


def test_it_reads_in_dutch(story_app: Flask) -> None:
    page = read(story_app, JORIS, SECOND_QUARTER)
    assert "Hoe het kwartaal wordt gemeten" in page and "€ 4.716,82" in page


def test_the_pack_is_one_tagged_document_and_names_nobody_s_pay(story_app: Flask) -> None:
    client = client_of(story_app, BRAM)
    answered = client.get("/together/pack.pdf?quarter=2026-04")
    assert answered.mimetype == "application/pdf"
    pdf = PdfReader(BytesIO(answered.data))
    text = " ".join(page.extract_text() for page in pdf.pages).replace("\N{NO-BREAK SPACE}", " ")
    root: Any = pdf.trailer["/Root"]
    assert "/MarkInfo" in root and len(pdf.pages) == 2
    assert "€ 4,716.82" in text and "INV-26-038" in text and "29.18 %" in text
    assert "943.37" not in text and "943.36" not in text, "not even the reader's own"
    assert client.get("/together/pack.pdf?quarter=2026-04").data == answered.data


def test_over_many_invoices_the_figures_come_after_the_page(
    story_app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kept, "LITTLE", 10)
    client = client_of(story_app, SANNE)
    page = client.get("/together?quarter=2025-10").text
    assert "Calculating the quarter" in page and "How the quarter is measured" not in page
    assert "/together/figures?team=north&amp;quarter=2025-10" in page
    assert "How the quarter is measured" in client.get("/together/figures?team=north&quarter=2025-10").text
    assert "How the quarter is measured" in client.get("/together?quarter=2025-10").text, "it is known by now"
