"""What people do on pages in more than one story, in a real browser."""

from __future__ import annotations

from playwright.sync_api import FilePayload, Page, expect

from incentives.papers.languages import MINUS

__all__ = ["MINUS", "bring", "closes", "csv", "goes_on", "posts", "says"]

expect.set_options(timeout=20_000)
"""Longer than a page takes on a machine with much else to do; what is there is found at once."""


def says(page: Page, *texts: str) -> None:
    """A reader of the page reads all of this, each on one stretch; waits until it is there."""
    for text in texts:
        expect(page.locator("main")).to_contain_text(text, use_inner_text=True)


def goes_on(page: Page) -> None:
    """Wait for a job of the worker, whose page goes on by itself once it is done."""
    page.wait_for_url(lambda url: "/jobs/" not in url, timeout=60_000)


def posts(page: Page, address: str, month: str, entries: int) -> None:
    """Look at what a run would post into a month, and post it."""
    page.goto(f"{address}/month/{month}/run")
    page.get_by_role("button", name=f"Post {entries} entr").click()
    goes_on(page)


def closes(page: Page, address: str, month: str, name: str) -> None:
    """Close a month whose checklist is in order: the button opens when its name is typed."""
    page.goto(f"{address}/month/{month}")
    page.get_by_role("button", name=f"Go on to close {name}").click()
    button, typed = page.get_by_role("button", name=f"Close {name}"), page.get_by_label(f"Type {name} to close it")
    typed.press_sequentially(name[:-1])
    expect(button).to_be_disabled()
    typed.press_sequentially(name[-1])
    button.click()
    goes_on(page)


def csv(name: str, *lines: str) -> FilePayload:
    """A file as somebody picks it."""
    return {"name": name, "mimeType": "text/csv", "buffer": "".join(f"{line}\n" for line in lines).encode()}


def bring(page: Page, address: str, name: str, *files: FilePayload) -> None:
    """Bring files to the page of imports, and look at what they would do."""
    page.goto(f"{address}/import")
    page.get_by_label("Files of a dataset folder").set_input_files(list(files))
    page.get_by_label("What you call this delivery").fill(name)
    page.get_by_role("button", name="Look at it").click()
