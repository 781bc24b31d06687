"""A month closes, something comes late for it, and payroll pulls its file."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from playwright.sync_api import Browser, Locator, Page

from served import FEMKE, NOOR, RUBEN, signed_in
from stories import MINUS, bring, closes, csv, goes_on, posts, says

HEAD = "event_id,type,invoice_id,occurred_on,amount,source"


def test_a_month_closes_by_two_people_once_its_name_is_typed(browser: Browser, july_address: str) -> None:
    femke, ruben = signed_in(browser, july_address, FEMKE), signed_in(browser, july_address, RUBEN)
    ruben.goto(f"{july_address}/month/2026-07")
    says(ruben, "Entries not posted yet 11", "Nobody has run July 2026 yet.")
    posts(femke, july_address, "2026-07", 11)

    femke.goto(f"{july_address}/month/2026-07")
    says(femke, "You made the last run of July 2026 yourself.")
    femke.get_by_role("button", name="Go on to close July 2026").click()
    says(femke, "Mend it, or write why it may pass.")

    ruben.goto(f"{july_address}/month/2026-07")
    says(ruben, "Steps that need somebody 0 of 9", "It would pay € 3,270.01")
    closes(ruben, july_address, "2026-07", "July 2026")
    says(ruben, "July 2026 closed", "Paid € 3,270.01", "Ruben Smit, 3 Aug 2026")
    says(ruben, f"Joris Hendriks P02 1,303.50 {MINUS}873.39 0.00 651.75 {MINUS}221.64 € 651.75")
    ruben.goto(f"{july_address}/month")
    says(ruben, "August 2026 open")


def test_what_comes_late_for_a_closed_month_is_one_entry_of_the_open_one(
    browser: Browser, story_address: str
) -> None:
    """A payment of 30 July comes on 3 August, when July is closed."""
    femke = signed_in(browser, story_address, FEMKE)
    femke.goto(f"{story_address}/month/2026-07")
    seal = _seal(femke)
    bring(femke, story_address, "bank late", csv("events.csv", HEAD, LATE))
    says(femke, "Everything can be read.")
    femke.get_by_role("button", name="Import it").click()
    goes_on(femke)

    femke.goto(f"{story_address}/month/2026-08/run")
    says(femke, "Meera Pillai P03 1 € 23.14")
    femke.get_by_role("link", name="Meera Pillai").click()
    says(femke, "€ 23.14 earned because Uitgeverij Papierwolk", "of invoice INV-26-046 on 30 July 2026")
    posts(femke, story_address, "2026-08", 2)  # hers, and her manager's share of it
    femke.goto(f"{story_address}/pay/P03?month=2026-07")
    says(femke, "July 2026: closed and paid.", "Paid € 396.23", "23.14 posted in August 2026")
    femke.goto(f"{story_address}/month/2026-07")
    says(femke, "Paid € 3,270.01")
    assert _seal(femke) == seal


LATE = "pay-26-046-2,payment,INV-26-046,2026-07-30,1000.00,bank"


def _seal(page: Page) -> str:
    found = re.search(r"\b[0-9a-f]{64}\b", page.locator("main").inner_text())
    assert found
    return found[0]


def test_payroll_pulls_the_same_bytes_from_the_page_and_the_api_and_says_that_it_has_them(
    browser: Browser, story_address: str
) -> None:
    noor = signed_in(browser, story_address, NOOR)
    bearer = {"Authorization": f"Bearer {_token(noor, story_address)}"}
    noor.goto(f"{story_address}/payroll")
    noor.get_by_role("link", name="July 2026").click()
    says(noor, "To pay € 3,270.01")
    card = noor.locator("#adp")
    pulled = [
        _downloaded(noor, noor.get_by_role("link", name="Fetch the file for ADP")),
        _downloaded(noor, card.get_by_role("link", name="Fetch a copy")),
    ]

    month = f"{story_address}/api/v1/payouts/2026-07"
    told = noor.request.get(f"{month}?profile=adp", headers=bearer).json()
    (file,) = told["files"]
    pulled.append(noor.request.get(f"{story_address}{file['url']}", headers=bearer).body())
    assert {hashlib.sha256(each).hexdigest() for each in pulled} == {file["sha256"]}
    assert file["sums"] == {"EUR": "3270.01"} and len(told["seal"]) == 64

    noor.goto(f"{story_address}/payroll/2026-07")
    says(noor, file["sha256"], "Fetched 3 times; first by Noor van Dam")
    card.get_by_label("Note").fill("In the August payslip")
    card.get_by_role("button", name="Say that payroll has it").click()
    says(noor, "Noor van Dam has it, 3 Aug 2026", "In the August payslip")
    receipt = noor.request.get(f"{month}?profile=adp", headers=bearer).json()["receipt"]
    assert receipt["by"] == NOOR and receipt["at"].startswith("2026-08-03")


def _token(page: Page, address: str) -> str:
    """A token for a program, made on one's own account."""
    page.goto(f"{address}/account")
    page.get_by_label("Which program is it for?").fill("ADP pull")
    page.locator('input[value="payouts:read"]').check()
    page.get_by_role("button", name="Make the token").click()
    return page.locator("code.secret").inner_text()


def _downloaded(page: Page, link: Locator) -> bytes:
    """What a link hands over; the page is loaded again, and says so."""
    with page.expect_download() as download:
        link.click()
    content = Path(download.value.path()).read_bytes()
    page.reload()
    return content
