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
    """A better second tier from May on, with the examples of its letter."""
    page.fill("[name=effective_from]", "2026-05-01")
    page.click("text=Draft a new version")
    version = "versions[3]."
    for name, value in (
        ("components[0].tiers[1].rate", "6%"),
        ("examples[0].says", "180,000 collected in the year earns 7,800"),
        ("examples[0].earns", "7800"),
        ("examples[1].says", "320,000 collected in the year earns 16,400"),
        ("examples[1].earns", "16400"),
    ):
        page.fill(f'[id="{version}{name}"]', value)
    page.click("button:has-text('Keep the draft'):visible")
    page.goto(page.url.partition("#")[0], wait_until="networkidle")


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
    Picture("plan", FEMKE, "/plans/account-executive", height=880, first=drafted),
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
