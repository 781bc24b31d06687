"""Shapes of what is sent and answered: one source for reading, refusing and the OpenAPI document.

What a program sends is read by the columns of the CSV files: the same names, the same strict text for money, days
and shares. An answer says everything that its shape lists; what is absent is null.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from marshmallow import fields

from incentives.documents import written
from incentives.documents.fields import Document, Rows, Strict, Table, mistake
from incentives.documents.written import UNKNOWN, shown
from incentives.errors import Told
from incentives.facts import LANGUAGES
from incentives.feeds import text
from incentives.feeds.events import TYPES
from incentives.feeds.tables import Column

Json = dict[str, Any]
Shape = Json | type[Document] | Sequence[Any]

LONGEST_ID, LONGEST_TEXT = 100, 400
LONGEST_DOCUMENT = 1_000_000
MOST_ROWS = 1000
"""How much is taken at once; more is sent in several requests."""

_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f]")
PRINTABLE = "^[^\\u0000-\\u001f\\u007f-\\u009f]*$"

TEXT: Json = {"type": "string"}
MAYBE: Json = {"type": ["string", "null"]}
NUMBER: Json = {"type": "integer"}
YES_NO: Json = {"type": "boolean"}
DAY: Json = {"type": "string", "format": "date", "examples": ["2026-03-31"]}
MAYBE_DAY: Json = {"type": ["string", "null"], "format": "date"}
INSTANT: Json = {"type": "string", "format": "date-time"}
MAYBE_INSTANT: Json = {"type": ["string", "null"], "format": "date-time"}
MONTH: Json = {"type": "string", "pattern": "^[0-9]{4}-[0-9]{2}$", "examples": ["2026-03"]}
AMOUNT: Json = {"type": "string", "pattern": r"^-?[0-9]+(\.[0-9]+)?$", "examples": ["1210.00"]}
MAYBE_AMOUNT: Json = {"type": ["string", "null"], "pattern": AMOUNT["pattern"]}
SHARE: Json = {"type": "string", "pattern": r"^-?[0-9]+(\.[0-9]+)?%?$", "examples": ["0.6"]}
CURRENCY: Json = {"type": "string", "pattern": "^[A-Z]{3}$", "examples": ["EUR"]}
SHA256: Json = {"type": "string", "pattern": "^[0-9a-f]{64}$"}
AMOUNTS: Json = {
    "type": "object",
    "additionalProperties": AMOUNT,
    "description": "An amount for each currency.",
    "examples": [{"EUR": "17851.31"}],
}
LINE: dict[str, Shape] = {
    "payee_id": TEXT,
    "plan": MAYBE,
    "component": TEXT,
    "kind": TEXT,
    "cause": TEXT,
    "invoice_id": MAYBE,
    "earned_on": DAY,
    "payable_on": DAY,
    "amount": AMOUNT,
    "currency": TEXT,
}
"""A line of the ledger, posted or to be."""

_DAYS = (
    "occurred_on",
    "issued_on",
    "due_on",
    "contract_signed_on",
    "new_due_on",
    "starts_on",
    "ends_on",
    "on",
    "window_start",
)
_COLUMNS: Mapping[str, Json] = {
    **dict.fromkeys(_DAYS, DAY),
    "recorded_at": {"type": "string", "format": "date-time"},
    **dict.fromkeys(("amount", "net", "tax", "cost", "credit_limit"), AMOUNT),
    "share": SHARE,
    "rate": {"type": "string", "pattern": r"^[0-9]+(\.[0-9]+)?$", "examples": ["1.085"]},
    "type": {"type": "string", "enum": [*TYPES]},
    **dict.fromkeys(("currency", "from", "to"), CURRENCY),
    "fault": {"type": "string", "enum": ["company", "customer"]},
    "language": {"type": "string", "enum": [*LANGUAGES]},
    "credit_approval": {"type": "string", "enum": [*written.CREDIT_APPROVALS]},
    "security": {"type": "string", "enum": [*written.SECURITIES]},
    "commissionable": {"type": "boolean", "default": True},
    "name": {"type": "string", "maxLength": LONGEST_TEXT, "pattern": PRINTABLE},
    "email": {"type": "string", "maxLength": LONGEST_TEXT, "pattern": PRINTABLE},
    "reason": {"type": "string", "maxLength": LONGEST_TEXT, "pattern": PRINTABLE},
}
_ID: Json = {"type": "string", "maxLength": LONGEST_ID, "pattern": PRINTABLE}


class Plain(Strict):
    """Text of one line, as it may stand in a path, a query or a row."""

    wrong = "%(found)s is not text."
    cure = Told('Write it in quotes, such as "text".')

    def __init__(self, longest: int = LONGEST_ID, *, may_be_empty: bool = False, **options: Any) -> None:
        self.longest, self.may_be_empty = longest, may_be_empty
        shape = {"type": "string", "maxLength": longest, "pattern": PRINTABLE}
        shape |= {} if may_be_empty else {"minLength": 1}
        super().__init__(metadata=shape | options.pop("metadata", {}), **options)

    def read(self, value: Any) -> str:
        if not isinstance(value, str):
            self.refuse(value)
        if len(value) > self.longest:
            cure = Told(f"At most {self.longest} are taken.")
            raise mistake("too-long", Told(f"It has {len(value)} characters."), cure)
        if fault := text.not_text(value):
            raise fault
        if _CONTROL.search(value):
            sentence = Told(f"{shown(value)} holds a control character.")
            raise mistake("control-character", sentence, Told("Leave it out."))
        if not value and not self.may_be_empty:
            raise mistake("no-value", Told("The text is empty."), Told("It has to be filled."))
        return value


class Cell(Plain):
    """A value of a column, as the CSV file has it: text, which is judged with the whole delivery."""

    def __init__(self, column: Column) -> None:
        self.column = column
        shape = dict(_COLUMNS.get(column.name, _ID))
        if column.required and shape["type"] == "string":
            shape["minLength"] = 1
        if not column.required:
            shape |= {"enum": [*shape["enum"], None]} if "enum" in shape else {}
        longest = shape.get("maxLength", LONGEST_ID)
        super().__init__(
            longest, may_be_empty=not column.required, required=column.required, allow_none=not column.required
        )
        self.metadata = shape

    def read(self, value: Any) -> Any:
        if self.metadata["type"] == "boolean":
            if not isinstance(value, bool):
                sentence = Told(f"{shown(value)} is not true or false.")
                raise mistake("wrong-type", sentence, Told("Write true or false."))
            return "yes" if value else "no"
        return super().read(value)


class Count(Strict):
    """A whole number in a query."""

    def __init__(self, least: int, most: int, **options: Any) -> None:
        self.least, self.most = least, most
        shape = {"type": "integer", "minimum": least, "maximum": most}
        super().__init__(metadata=shape | options.pop("metadata", {}), **options)
        self.wrong = f"%(found)s is not a whole number from {least} to {most}."
        self.cure = Told(f"Write a whole number from {least} to {most}.")

    def read(self, value: Any) -> int:
        found = str(value)
        if not re.fullmatch("[0-9]{1,18}", found) or not self.least <= int(found) <= self.most:
            self.refuse(value)
        return int(found)


class AnyDay(Strict):
    """A day, in a query or a body."""

    wrong = "%(found)s is not a date."
    cure = written.AS_A_DAY

    def __init__(self, **options: Any) -> None:
        super().__init__(metadata=dict(DAY), **options)

    def read(self, value: Any) -> Any:
        if not isinstance(value, str):
            self.refuse(value)
        return written.day(value)


class AnyMonth(Strict):
    """A month, in a query."""

    wrong = "%(found)s is not a month."
    cure = Told("Write it as 2026-01.")

    def __init__(self, **options: Any) -> None:
        super().__init__(metadata=MONTH | options.pop("metadata", {}), **options)

    def read(self, value: Any) -> Any:
        if not isinstance(value, str):
            self.refuse(value)
        return written.first_of_month(value)


class Long(Plain):
    """Text of many lines."""

    def __init__(self, **options: Any) -> None:
        super().__init__(LONGEST_DOCUMENT, **options)
        self.metadata = {name: value for name, value in self.metadata.items() if name != "pattern"}

    def read(self, value: Any) -> str:
        if isinstance(value, str) and (fault := text.not_text(value)):
            raise fault
        super().read(_CONTROL.sub(" ", value) if isinstance(value, str) else value)
        return str(value)


class OneOf(Plain):
    """One of some words."""

    def __init__(self, *words: str, **options: Any) -> None:
        self.words = words
        super().__init__(metadata={"enum": [*words]}, **options)

    def read(self, value: Any) -> str:
        return written.one_of(super().read(value), self.words, "unknown-word", UNKNOWN)


class Several(Rows):
    """A list of so many at most."""

    def __init__(self, inner: fields.Field[Any], *, least: int = 0, most: int = MOST_ROWS, **options: Any) -> None:
        self.most = most
        super().__init__(inner, least=least, **options)

    def read(self, value: Any) -> list[Any]:
        if isinstance(value, list) and len(value) > self.most:
            cure = Told(f"Send at most {self.most} at once.")
            raise mistake("too-many", Told(f"The list has {len(value)} entries."), cure)
        return super().read(value)


class Reasons(Strict):
    """A reason for each of some names."""

    wrong = "%(found)s is not reasons by name."
    cure = Told('Write them as {"name": "reason"}.')

    def __init__(self, *names: str, **options: Any) -> None:
        self.names = names
        reason = {"type": "string", "minLength": 1, "maxLength": LONGEST_TEXT, "pattern": PRINTABLE}
        shape = {"type": "object", "properties": dict.fromkeys(names, reason), "additionalProperties": False}
        super().__init__(metadata=shape, **options)

    def read(self, value: Any) -> dict[str, str]:
        if not isinstance(value, Mapping):
            self.refuse(value)
        inner = Plain(LONGEST_TEXT)
        for name in value:
            written.one_of(str(name), self.names, "unknown-word", "%(found)s is not a step.")
        return {name: str(inner.deserialize(reason)) for name, reason in value.items()}


def rows_of(name: str, columns: Sequence[Column], without: str = "", **more: fields.Field[Any]) -> type[Document]:
    """The shape of a row with these columns, sent or answered; ``more`` are fields beside them."""
    cells: dict[str, Any] = {column.name: Cell(column) for column in columns if column.name != without}
    return type(name, (Document,), cells | more)


def said(name: str, shapes: Mapping[str, Shape]) -> type[Document]:
    """The shape of an answer: everything in it is there."""
    return type(name, (Document,), {key: _field(shape, required=True) for key, shape in shapes.items()})


def page_of(name: str, noun: str, row: Shape) -> type[Document]:
    """The shape of a page of a list, with the address of the next."""
    following = MAYBE | {"description": "The address of the next page; null on the last."}
    return said(name, {noun: [row], "next": following})


class Paged(Document):
    """How much of a list, and after what."""

    limit = Count(1, 500, load_default=100, metadata={"default": 100, "description": "How many at most."})
    after = Count(
        0, 10**18 - 1, load_default=0, metadata={"default": 0, "description": "As `next` of the page before says."}
    )


def _field(shape: Shape, **options: Any) -> fields.Field[Any]:
    if isinstance(shape, type):
        return Table(shape, **options)
    if isinstance(shape, Mapping):
        return fields.Raw(metadata=dict(shape), **options)
    (inner,) = shape
    return Rows(_field(inner), **options)


def properties_of(converter: Any, field: fields.Field[Any], **_: Any) -> dict[str, Any]:
    """What apispec does not know of our fields."""
    if isinstance(field, Table):
        found: dict[str, Any] = converter.resolve_nested_schema(field.schema)
        return found
    if isinstance(field, Rows):
        listed = {"type": "array", "items": converter.field2property(field.inner)}
        listed |= {"minItems": field.least} if field.least else {}
        return listed | ({"maxItems": field.most} if isinstance(field, Several) else {})
    return {}


def cells_of(row: Mapping[str, Any]) -> dict[str, str]:
    """A row that was read, as a delivery takes it: what is absent is empty."""
    return {name: value or "" for name, value in row.items()}
