"""A cap as a document: any component that earns may have one (calculation.md section 9)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args

from incentives.calendar import Unit
from incentives.documents.fields import Amount, Document, Word, not_negative
from incentives.rules.cap import Cap


class CapSchema(Document):
    """At most this much in a window."""

    per = Word(*get_args(Unit), required=True)
    amount_minor = Amount(data_key="amount", required=True, check=not_negative)
    excess = Word("forfeit", "defer")


def cap(read: Mapping[str, Any]) -> Cap:
    """The cap that a valid document describes."""
    return Cap(**read)
