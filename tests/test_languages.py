"""Every text that a person reads is written in Dutch, and nothing else is."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

from incentives.papers.languages import catalogs

ROOT = Path(__file__).parent.parent
SOURCES = (
    ("src/incentives/papers", "**.py", "python"),
    ("src/incentives/jobs", "**.py", "python"),
    ("src/incentives/service", "**.py", "python"),
    ("src/incentives/web", "**.py", "python"),
    ("templates/pack", "**.html", "jinja2"),
    ("templates/statement", "**.html", "jinja2"),
    ("templates/web", "**.html", "jinja2"),
    ("templates/mail", "**.txt", "jinja2"),
)
KEYWORDS: dict[str, Any] = dict.fromkeys(("say", "marked", "_", "gettext"))
KEYWORDS |= {"count": (1, 2), "ngettext": (1, 2)}


def test_every_text_is_written_in_dutch_and_nothing_else_is() -> None:
    asked = {message for message, _ in texts()}
    written = {message.id for message in messages()}
    assert len(asked) > 80
    assert asked - written == set(), "not written in Dutch yet"
    assert written - asked == set(), "nobody says this any more"


def test_what_is_written_says_as_much_as_the_english() -> None:
    for message in messages():
        assert not message.fuzzy
        said = message.string if isinstance(message.string, tuple | list) else (message.string,)
        wanted = message.id if isinstance(message.id, tuple) else (message.id,)
        assert len(said) == len(wanted)
        for text, english in zip(said, wanted, strict=True):
            assert text
            assert places(text) == places(english), text


def test_the_same_text_is_written_once_or_the_same_way() -> None:
    said: dict[Any, Any] = {}
    for message in messages():
        assert said.setdefault(message.id, message.string) == message.string, message.id


def texts() -> Iterator[tuple[Any, str]]:
    """What is said, and where."""
    for folder, files, method in SOURCES:
        options = {files: {"trim_blocks": "true"}}
        found = extract_from_dir(ROOT / folder, [(files, method)], options, KEYWORDS)
        assert (ROOT / folder).is_dir()
        for name, _, message, _, _ in found:
            yield message, name


def messages() -> Iterator[Any]:
    """What the catalogs hold."""
    for path in catalogs("nl"):
        with path.open("rb") as file:
            yield from (message for message in read_po(file, locale="nl") if message.id)


def places(text: str) -> list[str]:
    return sorted(re.findall(r"%\(\w+\)s", text))
