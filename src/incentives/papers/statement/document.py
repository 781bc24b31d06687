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
    document: Document = plain(_under_format(view))
    return document


def written(view: Statement) -> bytes:
    """The canonical spelling of a statement's document."""
    return canonical(_under_format(view))


def canonical(document: Document) -> bytes:
    """The one spelling of a document that is hashed: keys sorted, no spaces, ASCII."""
    spelled = json.dumps(document, default=_record, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return spelled.encode("ascii")


def digest(document: Document) -> str:
    """SHA-256 of a document, the same however it was stored."""
    return hashlib.sha256(canonical(document)).hexdigest()


def plain(value: Any) -> Any:
    """Records as plain objects, lists, texts and integers."""
    return json.loads(json.dumps(value, default=_record, allow_nan=False))


def _under_format(view: Statement) -> Document:
    document: Document = _record(view)
    return {"format": FORMAT} | document


def _record(value: Any) -> Any:
    """What JSON has no spelling for: a day, or a record by its fields, in their order."""
    if isinstance(value, dt.date):
        return value.isoformat()
    names: Sequence[str] = getattr(value, "__slots__", ())  # every record has them
    assert names, f"{value!r} has no plain form"
    return {name: getattr(value, name) for name in names}
