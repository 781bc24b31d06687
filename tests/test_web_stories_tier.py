"""Finance moves a tier: it is judged as it is typed, previewed on real history, approved by another, and paid."""

from __future__ import annotations

from playwright.sync_api import Browser, Locator, Page, expect

from served import FEMKE, JORIS, RUBEN, signed_in
from stories import posts, says

TIER = "versions[3].components[0].tiers[1].rate"
EXAMPLES = {"versions[3].examples[0].earns": "7800", "versions[3].examples[1].earns": "16400"}


def test_a_tier_that_moves_is_paid_as_its_preview_said(browser: Browser, story_address: str) -> None:
    femke, ruben = (signed_in(browser, story_address, email) for email in (FEMKE, RUBEN))
    _draft(femke, story_address)
    _preview(femke)
    _submit(femke)
    waits = femke.url
    says(femke, "You proposed it: somebody else decides.")
    expect(femke.get_by_role("button", name="Approve the change")).to_have_count(0)

    _approve(ruben, waits)
    ruben.goto(f"{story_address}/month/2026-08/run")
    says(ruben, "Joris Hendriks P02 1 € 19.50")
    ruben.get_by_role("link", name="Joris Hendriks").click()
    says(ruben, "€ 214.50 stood, € 234.00 stands then.")
    posts(ruben, story_address, "2026-08", 2)

    joris = signed_in(browser, story_address, JORIS)
    joris.goto(f"{story_address}/pay?of=corrections")
    joris.get_by_role("link", name="19,50").click()
    says(
        joris,
        "€ 234,00 verdiend",
        "€ 3.900,00 tegen 6 %",
        "€ 214,50 geboekt in juni 2026, € 19,50 geboekt in augustus 2026",
    )


def _draft(femke: Page, address: str) -> None:
    """A version from 1 June; what is typed is judged at once, and the examples are calculated anew."""
    femke.goto(f"{address}/plans/account-executive")
    femke.get_by_label("New version from").fill("2026-06-01")
    femke.get_by_role("button", name="Draft a new version").click()
    rate = _field(femke, TIER)
    rate.fill("6 percent")
    expect(femke.locator(f'[id="{TIER}-wrong"]')).to_contain_text("is not a number")
    expect(rate).to_have_attribute("aria-invalid", "true")
    rate.fill("6%")
    judged = femke.locator("#judged")
    expect(judged).to_contain_text("the second tier earns 6 % instead of 5.5 %")
    expect(judged).to_contain_text("7,800.00")
    for name, earns in EXAMPLES.items():
        _field(femke, name).fill(earns)
    expect(judged.get_by_text("The letter says")).to_have_count(0)
    femke.get_by_role("button", name="Keep the draft").last.click()


def _field(page: Page, name: str) -> Locator:
    return page.locator(f'[id="{name}"]')


def _preview(femke: Page) -> None:
    femke.get_by_role("link", name="Preview on real history").click()
    says(
        femke,
        "+€ 19.50 April 2026 to June 2026",
        "Joris Hendriks 4,227.25 4,246.75 +19.50",
        "Together 4,227.25 4,246.75 +19.50 3 payees are paid the same",
        "The next run would post the difference into August 2026",
    )
    femke.get_by_role("link", name="Joris Hendriks").click()
    says(femke, "17 Jun 2026 INV-26-043 Cash commission 214.50 234.00 +19.50")
    femke.go_back()
    femke.get_by_role("link", name="Draft", exact=True).click()


def _submit(femke: Page) -> None:
    femke.get_by_label("Why").fill("More pull in the middle")
    femke.get_by_role("button", name="Submit the draft").click()


def _approve(ruben: Page, waits: str) -> None:
    ruben.goto(waits)
    says(ruben, "“More pull in the middle”", "The next run would post +€ 19.50 for them into August 2026.")
    ruben.get_by_label("Why").fill("Agreed")
    button = ruben.get_by_role("button", name="Approve the change")
    ruben.get_by_label("Type account-executive to approve it").press_sequentially("account-executiv")
    expect(button).to_be_disabled()
    ruben.get_by_label("Type account-executive to approve it").press_sequentially("e")
    button.click()
    says(ruben, "approved")
