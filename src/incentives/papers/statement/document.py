"""The document of a statement: plain, so that it can be stored, sealed and read without this program.

Amounts are integers in minor units beside their currency, shares are millionths, days are ISO dates; keys stand
in the order of the records they come from. Page and paper are made from the document alone.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Sequence
from typing import Any

from incentives.ledger.statement import Statement

Document = dict[str, Any]

FORMAT = "statement/1"


def as_document(view: Statement) -> Document:
    """A statement as plain objects, lists, texts and integers."""
    document: Document = {"format": FORMAT} | plain(view)
    return document


def canonical(document: Document) -> bytes:
    """The one spelling of a document that is hashed: keys sorted, no spaces, ASCII."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"), allow_nan=False).encode("ascii")


def digest(document: Document) -> str:
    """SHA-256 of a document, the same however it was stored."""
    return hashlib.sha256(canonical(document)).hexdigest()


def plain(value: Any) -> Any:
    """Records as plain objects, lists, texts and integers."""
    if isinstance(value, int | str) or value is None:
        return value
    if isinstance(value, tuple | list):
        return [plain(each) for each in value]
    if isinstance(value, dt.date):
        return value.isoformat()
    names: Sequence[str] = getattr(value, "__slots__", ())  # every record has them, in order
    assert names, f"{value!r} has no plain form"
    return {name: plain(getattr(value, name)) for name in names}
