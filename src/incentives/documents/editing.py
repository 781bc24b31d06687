"""Changes to a plan document that leave everything else as it was written: comments, order, spelling.

A place in a document is told by its path, such as ``versions[0].components[1].tiers[2].from``: the same words in
which a mistake tells its place. What is written here is not judged; that is :mod:`incentives.documents.plans`.
"""

from __future__ import annotations

import copy
import datetime as dt
import re
import tomllib
from collections.abc import Mapping, MutableMapping, Sequence
from typing import Any, Literal

import tomlkit
from tomlkit.exceptions import TOMLKitError
from tomlkit.items import AoT

Kind = Literal["text", "number", "numbers", "texts", "yes_no", "day"]
"""How what a person typed is written: a number that is not whole stays text, exactly as it was typed."""

Place = tuple[str | int, ...]
Table = MutableMapping[str | int, Any]

_WHOLE = re.compile(r"-?(0|[1-9][0-9]{0,15})")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_HEADER = re.compile(r" *\[{1,2}versions\b")


class Editing:
    """A document that is being changed; :attr:`text` is what it says then."""

    def __init__(self, text: str) -> None:
        """The text is TOML: somebody has read it before."""
        self._document = tomlkit.parse(text)

    @property
    def text(self) -> str:
        """The document with all changes."""
        text = tomlkit.dumps(self._document)
        spaced = _spaced(text)
        return spaced if tomllib.loads(spaced) == tomllib.loads(text) else text

    def put(self, path: Place, kind: Kind, typed: str) -> None:
        """Write what was typed; nothing typed takes the key away. What says the same already stays as it is."""
        *above, key = path
        table = self._table(above, making=bool(typed.strip()))
        if table is None:
            return
        if not typed.strip():
            table.pop(key, None)
        elif shown(_at(table, key)) != typed.strip():
            table[key] = _value(kind, typed.strip())

    def put_all(self, path: Place, rows: Sequence[tuple[str, str]]) -> None:
        """Write a table of numbers as these rows say it; none take it away."""
        *above, key = path
        table = self._table(above, making=bool(rows))
        if table is None:
            return
        standing = _at(table, key)
        if not rows:
            table.pop(key, None)
        elif not isinstance(standing, Mapping) or [(k, shown(v)) for k, v in standing.items()] != list(rows):
            made = tomlkit.inline_table()
            for name, number in rows:
                made[name] = _value("number", number)
            table[key] = made

    def add(self, path: Place, row: Mapping[str, Any]) -> None:
        """One more row at the end of a list; where there can be none, nothing."""
        *above, key = path
        table = self._table(above, making=True)
        if table is None or not isinstance(table.get(key, []), list):
            return
        if key not in table:
            # Components and versions read best as tables of their own, short rows on one line.
            table[key] = tomlkit.aot() if key in _AS_TABLES else tomlkit.array()
        rows = table[key]
        made: Any = tomlkit.table() if isinstance(rows, AoT) else tomlkit.inline_table()
        made.update(row)
        rows.append(made)

    def remove(self, path: Place) -> None:
        """Take a row or a key away, with what it holds; a list that is empty then goes too."""
        *above, key = path
        held = self._at(above)
        if isinstance(held, Mapping):
            held.pop(key, None)  # type: ignore[attr-defined] # tables of a document can be changed
        elif isinstance(held, list) and isinstance(key, int) and key < len(held):
            del held[key]
            if not held:
                self.remove(tuple(above))

    def add_version(self, like: int, at: int, effective_from: dt.date) -> None:
        """A new version at a place in the list that says what another one says, from its own day on."""
        versions = self._document["versions"]
        assert isinstance(versions, AoT | list)
        made = copy.deepcopy(versions[like])
        made["effective_from"] = effective_from
        made.pop("reference", None)
        versions.insert(at, made)

    def _at(self, path: Sequence[str | int]) -> Any:
        found: Any = self._document
        for key in path:
            found = _at(found, key)
        return found

    def _table(self, path: Sequence[str | int], making: bool) -> Table | None:
        found: Any = self._document
        for key in path:
            inner = _at(found, key)
            if inner is None:
                if not making or not isinstance(key, str):
                    return None
                found[key] = tomlkit.inline_table() if key in _INLINE else tomlkit.table()
                inner = found[key]
            found = inner
        return found if isinstance(found, MutableMapping) else None


def can_be_edited(text: str) -> bool:
    """Whether a document can be changed by its parts; one that is nested too deeply is changed as text."""
    try:
        tomlkit.parse(text)
    except (TOMLKitError, RecursionError):
        return False
    return True


_AS_TABLES = ("versions", "components", "multipliers", "examples")
_INLINE = ("pool", "scale", "curve", "when", "between")


def path_of(name: str) -> Place:
    """A path as mistakes write it, in its steps.

    >>> path_of("versions[0].tiers[12].from")
    ('versions', 0, 'tiers', 12, 'from')
    """
    return tuple(int(step[1:-1]) if step[0] == "[" else step for step in re.findall(r"[^.\[\]]+|\[[0-9]+\]", name))


def shown(value: object) -> str:
    """A value as it stands in a field of a form.

    >>> shown(["a", "b"]), shown(True), shown("4%"), shown(None)
    ('a, b', 'yes', '4%', '')
    """
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(map(shown, value))
    as_written = getattr(value, "as_string", None)
    return str(as_written()) if as_written and isinstance(value, float) else str(value)


def _value(kind: Kind, typed: str) -> Any:
    match kind:
        case "number":
            return int(typed) if _WHOLE.fullmatch(typed) else typed
        case "numbers":
            return [_value("number", each) for each in re.split(r"[,;\s]+", typed) if each]
        case "texts":
            return [each.strip() for each in typed.split(",") if each.strip()]
        case "yes_no":
            return {"yes": True, "no": False}.get(typed, typed)
        case "day":
            return _day(typed)
    return typed


def _day(typed: str) -> dt.date | str:
    try:
        return dt.date.fromisoformat(typed) if _DAY.fullmatch(typed) else typed
    except ValueError:
        return typed


def _at(held: Any, key: str | int) -> Any:
    if isinstance(held, Mapping):
        return held.get(key)
    if isinstance(held, list) and isinstance(key, int) and key < len(held):
        return held[key]
    return None


def _spaced(text: str) -> str:
    """A blank line before every table, where it does not follow its comment."""
    lines: list[str] = []
    for line in text.split("\n"):
        above = lines[-1].strip() if lines else ""
        if _HEADER.match(line) and above and not above.startswith("#"):
            lines.append("")
        lines.append(line)
    return "\n".join(lines)
