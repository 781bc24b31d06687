"""A real browser on a real server: every place can be used by everybody; payroll pulls the same bytes twice."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from playwright.sync_api import Browser, ConsoleMessage, Page, expect

from served import ALEX, BRAM, FEMKE, INGRID, JORIS, KIM, NOOR, RUBEN, SANNE, copied, serving, signed_in


@pytest.fixture(scope="module")
def address(story: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("stories")
    copied(story, folder).dispose()
    with serving(folder / "books.db") as found:
        yield found


PLACES = (
    (SANNE, ("/pay?quarter=2026-04", "/pay?month=2026-05", "/statements", "/invoices/INV-26-019", "/account")),
    (INGRID, ("/team", "/pay/P02?quarter=2026-01")),
    (BRAM, ("/together?quarter=2026-04", "/customers", "/customers/C101", "/invoices")),
    (FEMKE, ("/month/2026-08", "/month/2026-07", "/plans", "/plans/account-executive", "/import", "/decisions")),
    (RUBEN, ("/questions", "/compare", "/month")),
    (NOOR, ("/payroll", "/payroll/2026-07")),
    (ALEX, ("/audit",)),
    (KIM, ("/people", "/hooks", "/notices")),
)
"""Who looks, and at what."""


@pytest.mark.parametrize(("width", "scheme"), [(390, "dark"), (1280, "light")])
def test_every_place_can_be_used_by_everybody(
    browser: Browser, address: str, width: int, scheme: Literal["light", "dark"]
) -> None:
    """axe finds nothing, the console says nothing, and nothing scrolls sideways."""
    wrong: list[str] = []
    looked = 0

    def complains(said: ConsoleMessage) -> None:
        if said.type in ("error", "warning"):
            wrong.append(said.text)

    for email, paths in PLACES:
        page = signed_in(browser, address, email, width=width, scheme=scheme)
        page.on("console", complains)
        for path in paths:
            answered = page.goto(f"{address}{path}", wait_until="networkidle")
            assert answered is not None and answered.status == 200, path
            wrong.extend(f"{path}: {each['id']}" for each in Axe().run(page).response["violations"])
            if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
                wrong.append(f"{path} scrolls sideways")
            looked += 1
        page.context.close()
    assert wrong == []
    assert looked > 20


def test_a_rep_finds_out_by_keyboard_why_a_number_fell(browser: Browser, address: str) -> None:
    page = signed_in(browser, address, JORIS)
    page.goto(f"{address}/pay?quarter=2026-01", wait_until="networkidle")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "content"
    line = page.locator("tr", has_text="INV-26-006").filter(has_text="Teruggenomen")
    why = line.get_by_role("link", name="Waarom dit bedrag?")
    _tab_to(page, why.evaluate("each => each.href"))
    page.keyboard.press("Enter")
    expect(page.get_by_text("Cardholder does not recognise the charge").first).to_be_visible()
    expect(page.get_by_text("512,00").first).to_be_visible()
    page.context.close()


def _tab_to(page: Page, href: str) -> None:
    """By the Tab key alone, in the order of reading."""
    for _ in range(200):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.href") == href:
            return
    raise AssertionError(f"{href} is not reached by Tab")


def test_payroll_pulls_the_same_bytes_twice_and_says_that_it_has_them(browser: Browser, address: str) -> None:
    page = signed_in(browser, address, NOOR)
    assert page.goto(f"{address}/payroll/2026-07") is not None
    pulled = [page.request.get(f"{address}/payroll/2026-07/adp/file") for _ in range(2)]
    assert pulled[0].status == pulled[1].status
    assert pulled[0].body() == pulled[1].body()
    page.context.close()
