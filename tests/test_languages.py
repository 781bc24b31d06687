"""Every text that a person reads is written in Dutch, and nothing else is."""

from __future__ import annotations

import ast
import json
import pickle
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

from incentives.errors import Told, as_plain, from_plain, told
from incentives.feeds.folder import read_folder
from incentives.papers.languages import catalogs, speaker
from test_bad_input import CASES, changed

ROOT = Path(__file__).parent.parent
SOURCES = (
    ("src/incentives", "**.py", "python"),
    ("templates/pack", "**.html", "jinja2"),
    ("templates/statement", "**.html", "jinja2"),
    ("templates/web", "**.html", "jinja2"),
    ("templates/mail", "**.txt", "jinja2"),
)
KEYWORDS: dict[str, Any] = dict.fromkeys(("say", "told", "marked", "_", "gettext"))
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


def test_every_mistake_in_files_and_plans_can_be_told_in_dutch(tmp_path: Path) -> None:
    written, found = {message.id for message in messages()}, set()
    for number, case in enumerate(CASES):
        for problem in read_folder(changed(case, tmp_path / str(number))).problems:
            for text in (problem.sentence, problem.cure):
                found |= templates(text)
                again = pickle.loads(pickle.dumps(text))
                assert again == text == from_plain(json.loads(json.dumps(as_plain(text))))
                assert speaker("nl").told(again) == speaker("nl").told(text) != text or not text
                assert speaker("en").told(text) == text
    assert len(found) > 100
    assert found - written == set(), "a mistake that speaks English only"


ENGLISH_ONLY = (
    "cli",
    "documents/toml_words.py",
    "errors.py",
    "service/answers.py",
    "service/copies.py",
    "store/engine.py",
    "web/api",
    "web/settings.py",
    "web/single_sign_on.py",
)
"""Where mistakes may be told in English alone: no page shows them."""


def test_what_is_told_is_a_template_and_not_put_together() -> None:
    whole = ast.Constant | ast.Name | ast.Attribute | ast.Subscript
    number = 0
    for path in sorted((ROOT / "src" / "incentives").rglob("*.py")):
        where = path.relative_to(ROOT / "src" / "incentives").as_posix()
        tree = ast.parse(path.read_text(encoding="utf-8"))
        imports = [each for each in ast.walk(tree) if isinstance(each, ast.ImportFrom)]
        ours = {name.name for each in imports if each.module == "incentives.errors" for name in each.names}
        for call in (each for each in ast.walk(tree) if isinstance(each, ast.Call)):
            name = call.func.id if isinstance(call.func, ast.Name) else ""
            if name in ours & {"told", "marked"}:
                assert isinstance(call.args[0], whole), f"{where}:{call.lineno} is put together"
                number += 1
            elif name == "Told" and name in ours:
                assert where.startswith(ENGLISH_ONLY), f"{where}:{call.lineno} is English on every page"
    assert number > 300


def test_what_stood_in_a_file_is_the_same_in_every_language() -> None:
    what = told("Customer %(key)s", key="This target")
    sentence = told("%(what)s is not in %(file)s.", what=what, file="100%(key)s.csv")
    assert sentence == "Customer This target is not in 100%(key)s.csv."
    assert speaker("nl").told(sentence) == "Klant This target staat niet in 100%(key)s.csv."
    assert speaker("nl").told("This target") == "This target", "a text that nobody told"


def templates(text: str) -> set[str]:
    """What of a text has to be written in another language: what is made of words."""
    if not isinstance(text, Told):
        return set()
    own = {text.template} if re.search(r"[^\W\d_]", re.sub(r"%\(\w+\)s", "", text.template)) else set()
    return own.union(*(templates(value) for _, value in text.values))


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
