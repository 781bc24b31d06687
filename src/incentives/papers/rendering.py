"""The templates of a paper: plain texts in, everything escaped, words of one language."""

from __future__ import annotations

from functools import lru_cache

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from incentives.facts import Language
from incentives.papers.languages import speaker
from incentives.places import data_dir


@lru_cache
def environment(folder: str, language: Language) -> Environment:
    """Where the templates in a folder of ``templates`` are rendered in a language; made once."""
    made = Environment(
        loader=FileSystemLoader(data_dir("templates") / folder),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    words = speaker(language).translations
    made.install_gettext_callables(words.gettext, words.ngettext, newstyle=True)  # type: ignore[attr-defined]
    return made
