"""A rep who uses no mouse: signs in, finds out why, asks, signs out; the focus is seen, and never lost."""

from __future__ import annotations

from playwright.sync_api import Browser, Locator, Page, expect

from incentives.cli.story import PASSWORD
from served import SANNE
from stories import says


def test_everything_is_reached_by_keyboard_and_the_focus_is_never_lost(
    browser: Browser, story_address: str
) -> None:
    page = browser.new_context(locale="en-GB", reduced_motion="reduce").new_page()
    page.goto(f"{story_address}/login")
    _tab_to(page, page.locator("#email"))
    page.keyboard.type(SANNE)
    _tab_to(page, page.locator("#password"))
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url(f"{story_address}/pay", timeout=60_000)

    page.keyboard.press("Tab")
    _is_seen(page)
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "content"

    page.reload()
    _press(page, page.get_by_role("navigation").get_by_role("link", name="My pay"))
    _press(page, page.get_by_role("link", name="Apr \N{EN DASH} Jun 2026"))
    amount = page.get_by_role("link", name="570.93")
    _press(page, amount)
    reason = page.locator(".reason", has_text="paid US$ 12,000.00 of invoice INV-26-033")
    expect(reason).to_be_visible()
    expect(amount).to_be_focused()

    _press(page, reason.get_by_text("Ask about this line").first)
    _tab_to(page, reason.get_by_label("What is unclear, or not right?"))
    page.keyboard.type("Was the rate that of the day of the payment?")
    _press(page, reason.get_by_role("button", name="Ask about this line"))
    says(page, "Finance answers here; you will be told.")
    assert page.evaluate("document.activeElement !== document.body"), "the focus is lost when the answer comes"
    _is_seen(page)

    page.goto(f"{story_address}/pay")
    _press(page, page.locator("header summary"))
    _press(page, page.get_by_role("button", name="Sign out"))
    page.wait_for_url(lambda url: "/login" in url)


def _press(page: Page, what: Locator) -> None:
    """Reach something by the Tab key and press it."""
    _tab_to(page, what)
    page.keyboard.press("Enter")
    page.wait_for_load_state()


def _tab_to(page: Page, what: Locator) -> None:
    """By the Tab key alone, in the order of reading; wherever the focus stops on its way, it is seen."""
    expect(what).to_have_count(1)
    for _ in range(150):
        if what.evaluate("each => each === document.activeElement"):
            return
        page.keyboard.press("Tab")
        _is_seen(page)
    raise AssertionError(f"{what} is not reached by Tab")


def _is_seen(page: Page) -> None:
    """What has the focus shows it, and nothing covers it."""
    wrong = page.evaluate("""() => {
        const has = document.activeElement, box = has.getBoundingClientRect(), style = getComputedStyle(has);
        if (has === document.body) return "";
        const marked = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2;
        const over = document.elementFromPoint(box.left + box.width / 2, box.top + box.height / 2);
        const seen = over && (has.contains(over) || over.contains(has));
        return marked && seen ? "" : `${marked ? "covered" : "not marked"}: ${has.outerHTML.slice(0, 120)}`;
    }""")
    assert wrong == "", wrong
