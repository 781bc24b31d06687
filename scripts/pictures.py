#!/usr/bin/env python3
"""Takes the pictures of the README anew: a real server, a real browser, the books of the demo."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(PROJECT / "src"), str(PROJECT / "tests")]

from playwright.sync_api import Page  # noqa: E402

from served import BRAM, FEMKE, SANNE, browsing, make_story, serving, signed_in  # noqa: E402


def drafted(page: Page) -> None:
    """A better first tier from May on, and what it would have paid."""
    page.fill("[name=effective_from]", "2026-05-01")
    page.click("text=Draft a new version")
    page.fill('[id="versions[3].components[0].tiers[0].rate"]', "4.5%")
    page.click(".keep button")
    page.get_by_text("The draft is kept.").wait_for()
    page.goto(f"{page.url.partition('?')[0]}/preview", wait_until="networkidle")


@dataclass(frozen=True)
class Picture:
    """Its name, who looks, at what, how wide; and what they do first."""

    name: str
    email: str
    path: str
    width: int = 1120
    height: int = 760
    first: Callable[[Page], None] | None = None


PICTURES = (
    Picture("my-pay", SANNE, "/pay?quarter=2026-04"),
    Picture("my-pay-phone", SANNE, "/pay?quarter=2026-04", width=390, height=760),
    Picture("together", BRAM, "/together?quarter=2026-04"),
    Picture("month", FEMKE, "/month/2026-08"),
    Picture("plan", FEMKE, "/plans/account-executive", height=900, first=drafted),
)


def main() -> int:
    """Take them."""
    with tempfile.TemporaryDirectory() as folder:
        database = make_story(Path(folder))
        with serving(database) as address, browsing() as browser:
            for each in PICTURES:
                page = signed_in(browser, address, each.email, width=each.width, height=each.height)
                page.goto(f"{address}{each.path}", wait_until="networkidle")
                if each.first:
                    each.first(page)
                page.screenshot(path=PROJECT / "docs" / "pictures" / f"{each.name}.png")
                page.context.close()
                sys.stdout.write(f"docs/pictures/{each.name}.png\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
