"""The demo prints statements, and then serves: what it drew on paper it draws on pages too."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Browser, expect

from served import SANNE, copied, serving, signed_in

PROGRAM = """
import datetime as dt, sys
from incentives.cli.serving import run_anew
from incentives.papers.charts import Bar, Bars, bars_chart
from incentives.store.engine import read_url
bars_chart([Bars("May", [Bar(100, "1.00", "#2456b8")])], "drawn on paper")
run_anew(read_url(sys.argv[1]), int(sys.argv[2]), dt.date.fromisoformat(sys.argv[3]), has_worker=False)
"""


def test_a_process_that_drew_on_paper_serves_pages_that_are_drawn(
    browser: Browser, story: Path, tmp_path: Path
) -> None:
    copied(story, tmp_path).dispose()
    with serving(tmp_path / "books.db", PROGRAM) as address:
        page = signed_in(browser, address, SANNE)
        page.goto(f"{address}/pay?quarter=2026-04")
        expect(page.locator("main figure svg.on-desk")).to_be_visible()
