"""The changed lines of a document, as a page shows them."""

from __future__ import annotations

import difflib

_KINDS = {"+": "more", "-": "less", "@": "place", " ": "same"}


def changed_lines(before: str, now: str) -> list[tuple[str, str]]:
    """What kind of line, and its text; none where nothing differs.

    >>> changed_lines("a = 1", "a = 2")
    [('place', '@@ -1 +1 @@'), ('less', '-a = 1'), ('more', '+a = 2')]
    """
    lines = difflib.unified_diff(before.splitlines(), now.splitlines(), lineterm="", n=2)
    return [(_KINDS[line[0]], line) for line in lines if not line.startswith(("---", "+++"))]
