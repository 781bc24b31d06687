"""A rep finds out on a phone why pay fell, and asks; nothing is taken until somebody answers."""

from __future__ import annotations

from playwright.sync_api import Browser, Page, expect

from served import FEMKE, JORIS, PHONE, RUBEN, signed_in
from stories import MINUS, closes, posts, says


def test_what_a_rep_asks_about_is_kept_from_pay_until_finance_answers(browser: Browser, july_address: str) -> None:
    femke, ruben = signed_in(browser, july_address, FEMKE), signed_in(browser, july_address, RUBEN)
    joris = signed_in(browser, july_address, JORIS, **PHONE)
    posts(femke, july_address, "2026-07", 11)

    _find_out_why(joris, july_address)
    _ask(joris, "De klant zegt dat dit is opgelost.")

    ruben.goto(f"{july_address}/month/2026-07")
    says(ruben, "It would pay € 3,859.37", "Joris Hendriks asks about INV-26-036.")
    ruben.goto(f"{july_address}/month/2026-07/pays")
    says(ruben, "€ 1,241.11")  # 1,303.50, less the 62.39 that nobody asked about
    _answer(ruben, july_address, "Op 3 augustus in ons nadeel beslist.")
    ruben.goto(f"{july_address}/month/2026-07")
    says(ruben, "It would pay € 3,270.01")

    joris.goto(f"{july_address}/pay?of=corrections")
    joris.get_by_role("link", name=f"{MINUS}561,00").tap()
    expect(joris.get_by_text("Op 3 augustus in ons nadeel beslist.")).to_be_visible()
    closes(ruben, july_address, "2026-07", "July 2026")
    joris.goto(f"{july_address}/pay?of=paid")
    says(joris, "Uitbetaald € 651,75", f"juli 2026 1.303,50 {MINUS}651,75 {MINUS}221,64 651,75")


def _find_out_why(joris: Page, address: str) -> None:
    joris.goto(f"{address}/pay")
    joris.get_by_role("link", name="Correcties op eerdere kwartalen").tap()
    says(joris, f"{MINUS}561,00", f"{MINUS}250,00")
    joris.get_by_role("link", name=f"{MINUS}561,00").tap()
    reason = joris.locator(".reason").first
    expect(reason).to_contain_text("€ 12.342,00 van factuur INV-26-036")
    expect(reason).to_contain_text("Cardholder does not know the order")
    assert joris.evaluate("document.documentElement.scrollWidth <= innerWidth"), "it scrolls sideways"


def _ask(joris: Page, question: str) -> None:
    joris.get_by_text("Vraag iets over deze regel").first.tap()
    joris.get_by_label("Wat is onduidelijk, of klopt niet?").fill(question)
    joris.get_by_role("button", name="Vraag iets over deze regel").tap()
    expect(joris.get_by_text("Dit wordt pas van je uitbetaling afgehaald")).to_be_visible()


def _answer(ruben: Page, address: str, answer: str) -> None:
    ruben.goto(f"{address}/month/2026-07")
    ruben.get_by_role("link", name="Answer questions").click()
    says(ruben, "De klant zegt dat dit is opgelost.", f"{MINUS}€ 561.00 taken back, Cash commission")
    ruben.get_by_label("Answer").fill(answer)
    ruben.get_by_role("button", name="Answer Joris Hendriks").click()
    says(ruben, "Nobody waits for an answer.")
