"""Sales and credit look at one page, warn each other from it, and take it to their meeting."""

from __future__ import annotations

from io import BytesIO

from playwright.sync_api import Browser, Page, expect
from pypdf import PdfReader

from served import BRAM, SANNE, signed_in
from stories import says

QUARTER = "/together?quarter=2026-04"


def test_sales_and_credit_read_the_same_figures(browser: Browser, story_address: str) -> None:
    seen = [_figures(signed_in(browser, story_address, email), story_address) for email in (SANNE, BRAM)]
    assert seen[0] == seen[1]
    figures = "\n".join(seen[0])
    assert "€ 4,716.82" in figures and "29.18 %" in figures and "471,682.00" in figures
    assert len(seen[0]) > 10


def _figures(page: Page, address: str) -> list[str]:
    """The figures of the quarter as rows of text; not one's own part, which is one's own."""
    page.goto(f"{address}{QUARTER}")
    rows = page.locator(".figures li:not(:has-text('Your part')), .metrics tr, .steps tr, .ages tr")
    return [" ".join(each.split()) for each in rows.all_inner_texts()]


def test_a_warning_from_an_invoice_reaches_credit_with_the_customer(browser: Browser, story_address: str) -> None:
    sanne, bram = (signed_in(browser, story_address, email) for email in (SANNE, BRAM))
    sanne.goto(f"{story_address}/invoices/INV-26-044")
    sanne.get_by_role("link", name="Warn credit").click()
    expect(sanne).to_have_url(f"{story_address}/pay/P01/waiting#INV-26-044")
    card = sanne.locator("#INV-26-044")
    card.get_by_text("Warn credit", exact=True).click()
    card.get_by_label("What should credit know").fill("Their new warehouse burnt down.")
    card.get_by_role("button", name="Warn credit about INV-26-044").click()
    says(sanne, "Credit has been warned about INV-26-044.")

    bram.goto(f"{story_address}/together")
    says(bram, "Their new warehouse burnt down.")
    bram.get_by_role("link", name="INV-26-044").first.click()
    says(bram, "Their new warehouse burnt down.")


def test_the_pack_of_the_meeting_has_the_figures_and_nobody_s_pay(browser: Browser, story_address: str) -> None:
    bram = signed_in(browser, story_address, BRAM)
    bram.goto(f"{story_address}{QUARTER}")
    link = bram.get_by_role("link", name="Pack for the meeting, PDF").get_attribute("href")
    answered = bram.request.get(f"{story_address}{link}")
    assert answered.headers["content-type"] == "application/pdf"
    pages = PdfReader(BytesIO(answered.body())).pages
    text = " ".join(" ".join(page.extract_text() for page in pages).split())
    assert len(pages) == 2
    assert "€ 4,716.82" in text and "INV-26-038" in text and "29.18 %" in text
    assert "943.37" not in text
