"""In Dutch: every page says in Dutch what the catalogs know in Dutch, and writes money and days as Dutch does."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from itertools import chain
from pathlib import Path

import pytest
from babel.messages.pofile import read_po
from flask import Flask
from playwright.sync_api import Browser
from sqlalchemy import update

from incentives.papers.languages import catalogs
from incentives.store.desk import Account
from pages import Look, fill
from served import JORIS, app_on, client_of, copied, signed_in
from stories import MINUS, says


class _Words(HTMLParser):
    """What somebody reads or hears of a page: its texts, and what attributes say."""

    SAID = ("aria-label", "title", "alt", "placeholder", "data-name", "data-label", "data-says")

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.silent = 0

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.silent += tag in ("script", "style", "pre", "code", "textarea")
        self.found += [value for name, value in attributes if name in self.SAID and value]

    def handle_endtag(self, tag: str) -> None:
        self.silent -= tag in ("script", "style", "pre", "code", "textarea")

    def handle_data(self, data: str) -> None:
        if not self.silent:
            self.found.append(data)


def words_of(page: str) -> list[str]:
    reader = _Words()
    reader.feed(page)
    return [" ".join(each.split()) for each in reader.found if each.strip()]


@pytest.fixture(scope="module")
def looks(story: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Flask, list[Look]]]:
    """Books in which everything waits that can wait, read by everybody in Dutch."""
    folder = tmp_path_factory.mktemp("dutch")
    engine = copied(story, folder)
    found = fill(engine, folder)
    with engine.connect().execution_options(writes=True) as connection, connection.begin():
        connection.execute(update(Account).values(language="nl"))
    yield app_on(engine), found
    engine.dispose()


ENGLISH_ONLY = ("/api/docs",)
"""What developers read, who write it in their programs as it stands there."""


def test_no_page_says_in_english_what_is_written_in_dutch(looks: tuple[Flask, list[Look]]) -> None:
    app, every = looks
    texts, patterns = _english()
    wrong, looked = set(), 0
    for email in dict.fromkeys(email for email, _ in every):
        client = client_of(app, email or None)
        for path in (path for who, path in every if who == email and path not in ENGLISH_ONLY):
            answered = client.get(path, headers={"Accept-Language": "nl"}, follow_redirects=True)
            assert answered.status_code == 200 and '<html lang="nl">' in answered.text, path
            for said in words_of(answered.text):
                looked += 1
                if said == "Credit" or said.startswith("Collected together"):
                    continue  # how the company calls a role and a plan
                if said in texts or any(each.fullmatch(said) for each in patterns):
                    wrong.add(f"{path}: {said}")
    assert not wrong, "\n".join(sorted(wrong))
    assert looked > 5_000


def _english() -> tuple[set[str], list[re.Pattern[str]]]:
    """What the catalogs translate: texts, and patterns for those with values in them."""
    texts, patterns = set(), []
    for path in catalogs("nl"):
        with path.open("rb") as file:
            for message in (each for each in read_po(file, locale="nl") if each.id):
                ids, strings = _both(message.id), _both(message.string)
                for text in chain.from_iterable({english} - set(strings) for english in ids):
                    plain = " ".join(text.split())
                    if "%(" not in plain:
                        texts.add(plain)
                    elif len(re.sub(r"%\(\w+\)s|\W", "", plain)) > 8:
                        patterns.append(re.compile(re.sub(r"%\\\(\w+\\\)s", ".+", re.escape(plain))))
    assert len(texts) > 500 and len(patterns) > 100
    return texts, patterns


def _both(said: object) -> tuple[str, ...]:
    return tuple(said) if isinstance(said, list | tuple) else (str(said),)


ENGLISH_MONEY = re.compile(r"(?<![\d.,])\d{1,3}(?:,\d{3})*\.\d\d(?![\d.,])")
ENGLISH_DAYS = re.compile(r"\b(January|February|March|May|June|July|August|October|Mar|Oct)\b")

LETTER = "of 20 March 2026"
"""So the company calls a memo and an addendum."""


def test_a_rep_reads_dutch_amounts_and_days(browser: Browser, story_address: str) -> None:
    page = signed_in(browser, story_address, JORIS)
    page.goto(f"{story_address}/pay?quarter=2026-04")
    says(page, "Verdiend op betalingen € 5.008,25", f"Teruggenomen € {MINUS}220,00", "INV-26-014")
    for path in ("/pay?quarter=2026-04", "/pay", "/pay/P02/waiting", "/statements/2026-04/P02", "/together"):
        page.goto(f"{story_address}{path}")
        text = page.locator("body").inner_text()
        text = " ".join(text.split()).replace(LETTER, "")
        assert len(re.findall(r"\b\d{1,3}(?:\.\d{3})*,\d\d\b", text)) > 2, path
        assert ENGLISH_MONEY.findall(text) == [], path
        assert ENGLISH_DAYS.findall(text) == [], path
