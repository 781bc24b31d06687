"""Every page, for everybody: read by machines, on a phone and a desk, in both schemes; and without JavaScript."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from flask import Flask
from playwright.sync_api import Browser, ConsoleMessage, Page, expect

from pages import NO_PAGES, PAGES, Look, fill, rules
from served import FEMKE, JORIS, PHONE, RUBEN, copied, serving, signed_in
from stories import MINUS, says


@dataclass(frozen=True)
class Full:
    """A server on books in which everything waits that can wait, and every look at every page."""

    address: str
    looks: list[Look]


@pytest.fixture(scope="module")
def full(story: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Full]:
    folder = tmp_path_factory.mktemp("full")
    engine = copied(story, folder)
    looks = fill(engine, folder)
    engine.dispose()
    with serving(folder / "books.db") as address:
        yield Full(address, looks)


def test_every_page_is_looked_at(story_app: Flask) -> None:
    assert set(PAGES) | NO_PAGES == rules(story_app)
    assert len(PAGES) > 50


DESK: dict[str, Any] = {}


@pytest.mark.parametrize(("scheme", "device"), [("dark", PHONE), ("light", DESK)], ids=["phone", "desk"])
def test_every_page_can_be_used_by_everybody(
    browser: Browser, full: Full, scheme: Literal["light", "dark"], device: dict[str, Any]
) -> None:
    """axe finds nothing, the console says nothing, nothing scrolls sideways, and every page has one heading."""
    wrong: list[str] = []

    def complains(said: ConsoleMessage) -> None:
        if said.type in ("error", "warning"):
            wrong.append(said.text)

    for email in dict.fromkeys(email for email, _ in full.looks):
        page = _somebody(browser, full.address, email, scheme=scheme, **device)
        page.on("console", complains)
        for path in (path for who, path in full.looks if who == email):
            answered = page.goto(f"{full.address}{path}")
            assert answered is not None and answered.status == 200, path
            expect(page.locator(LATER)).to_have_count(0)
            wrong += [f"{path}: {each['id']} {each['nodes'][0]['html'][:160]}" for each in _violations(page)]
            wrong += [f"{path}: {each}" for each in page.evaluate(MORE)]
        page.context.close()
    assert wrong == []


LATER = "[hx-trigger=load][hx-swap=outerHTML], .htmx-request"
"""What comes after its page, and has not come yet."""
MORE = """() => [
    document.documentElement.scrollWidth > innerWidth && "scrolls sideways",
    document.querySelectorAll("h1").length !== 1 && "has not one heading",
].filter(Boolean)"""
"""What axe does not look for."""


def _violations(page: Page) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = Axe().run(page).response["violations"]
    return found


def _somebody(browser: Browser, address: str, email: str, **device: Any) -> Page:
    if email:
        return signed_in(browser, address, email, **device)
    size = {"width": device.pop("width", 1280), "height": device.pop("height", 800)}
    scheme = device.pop("scheme")
    return browser.new_context(viewport=size, color_scheme=scheme, **device).new_page()  # type: ignore[arg-type]


# Without JavaScript ----------------------------------------------------------------------------------


def test_without_javascript_a_rep_reads_why_and_asks(browser: Browser, story_address: str) -> None:
    page = signed_in(browser, story_address, JORIS, java_script_enabled=False)
    page.goto(f"{story_address}/pay?of=corrections")
    says(page, f"{MINUS}561,00", f"{MINUS}250,00")
    page.get_by_role("link", name=f"{MINUS}561,00").click()
    says(page, f"€ {MINUS}561,00 teruggenomen", "Cardholder does not know the order")
    page.get_by_text("Vraag iets over deze regel").first.click()
    page.get_by_label("Wat is onduidelijk, of klopt niet?").fill("Wie zegt dat?")
    page.get_by_role("button", name="Vraag iets over deze regel").click()
    says(page, "Wie zegt dat?", "Dit wordt pas van je uitbetaling afgehaald")


def test_without_javascript_one_proposes_and_another_approves(browser: Browser, story_address: str) -> None:
    femke, ruben = (signed_in(browser, story_address, e, java_script_enabled=False) for e in (FEMKE, RUBEN))
    femke.goto(f"{story_address}/decisions/adjustment")
    femke.get_by_label("Person").fill("P01")
    femke.get_by_label("Amount").fill("250.00")
    femke.get_by_label("Currency").fill("EUR")
    femke.get_by_label("Day on which").fill("2026-08-03")
    femke.get_by_label("Why").fill("Trade fair")
    femke.get_by_role("button", name="Propose the adjustment").click()
    says(femke, "You proposed it, so somebody else decides: Ruben Smit.")
    ruben.goto(f"{story_address}/decisions")
    says(ruben, "€ 250.00 for Sanne de Wit, on 3 August 2026")
    ruben.get_by_label("Why").first.fill("Agreed with the manager")
    ruben.get_by_role("button", name="Approve").first.click()
    says(ruben, "Approved. The next run counts it.")
    expect(ruben.get_by_role("button", name="Approve")).to_have_count(0)
