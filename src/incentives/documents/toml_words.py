"""What Python's reader of TOML says of a mistake, in templates: it speaks English only."""

from __future__ import annotations

import re

from incentives.errors import Told, marked, told

_SAYS = (
    marked("Invalid statement"),
    marked("Invalid value"),
    marked("Invalid hex value"),
    marked("Invalid date or datetime"),
    marked("Invalid initial character for a key part"),
    marked("Expected newline or end of document after a statement"),
    marked("Expected '=' after a key in a key/value pair"),
    marked("Expected ']' at the end of a table declaration"),
    marked("Expected ']]' at the end of an array declaration"),
    marked("Expected %(what)s"),
    marked("Unclosed array"),
    marked("Unclosed inline table"),
    marked("Unterminated string"),
    marked("Unescaped '\\' in a string"),
    marked("Escaped character is not a Unicode scalar value"),
    marked("Found invalid character %(what)s"),
    marked("Illegal character %(what)s"),
    marked("Cannot overwrite a value"),
    marked("Cannot declare %(what)s twice"),
    marked("Cannot redefine namespace %(what)s"),
    marked("Cannot mutate immutable namespace %(what)s"),
    marked("Duplicate inline table key %(what)s"),
)
_PATTERNS = [(text, re.compile("(?P<what>.+)".join(map(re.escape, text.split("%(what)s"))))) for text in _SAYS]


def reason(message: str) -> Told:
    """The message as it can be said in another language; one that is not known here stays as it is.

    >>> reason("Cannot declare ('a',) twice").template
    'Cannot declare %(what)s twice'
    """
    found = ((text, match) for text, pattern in _PATTERNS if (match := pattern.fullmatch(message)))
    return next((told(text, **match.groupdict()) for text, match in found), Told(message))
