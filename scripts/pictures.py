#!/usr/bin/env python3
"""Takes the pictures of the README anew: a real server, a real browser, the books of the demo."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(PROJECT / "src"), str(PROJECT / "tests")]

from served import BRAM, FEMKE, SANNE, browsing, make_story, serving, signed_in  # noqa: E402

PICTURES = (
    ("my-pay", SANNE, "/pay?quarter=2026-04", ""),
    ("together", BRAM, "/together?quarter=2026-04", ""),
    ("month", FEMKE, "/month/2026-08", ""),
    ("plan", FEMKE, "/plans/account-executive", ""),
)
"""Name, who looks, at what, and what they press first."""


def main() -> int:
    """Take them."""
    with tempfile.TemporaryDirectory() as folder:
        database = make_story(Path(folder))
        with serving(database) as address, browsing() as browser:
            for name, email, path, press in PICTURES:
                page = signed_in(browser, address, email, width=1120, height=760)
                page.goto(f"{address}{path}", wait_until="networkidle")
                if press:
                    page.click(press)
                page.screenshot(path=PROJECT / "docs" / "pictures" / f"{name}.png")
                page.context.close()
                sys.stdout.write(f"docs/pictures/{name}.png\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
