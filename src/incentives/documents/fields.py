"""marshmallow fields and schemas that take nothing for granted, and how their errors become problems.

A field raises ``ValidationError([Mistake])``; a schema-wide check raises a nested dict of them. marshmallow adds
up all of them with their keys, :func:`problems_in` turns the whole into problems with paths such as
``versions[0].components[1].tiers[2].from``. What could be read of a faulty part stays in ``valid_data``, so that
checks across fields still run beside the mistakes of single fields.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Literal, NoReturn

from marshmallow import RAISE, Schema, ValidationError, fields

from incentives.documents import written
from incentives.documents.written import UNKNOWN, Unreadable, shown
from incentives.errors import NO_CURE, Problem, Told, marked, told
from incentives.money import PPM, major

Errors = dict[str | int, Any]
"""Mistakes by key and index, nested as the document is."""

Check = Callable[[Any, str], None]
"""Judges what was read; is told how it was written, for the sentence."""

_SCHEMA = "_schema"  # marshmallow's key for what concerns an object as a whole
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_currency: ContextVar[str | None] = ContextVar("currency", default=None)


class Written(str):
    """A TOML or JSON float as it was written: exact, and told apart from quoted text."""

    __slots__ = ()

    @classmethod
    def of(cls, text: str) -> Written:
        """The digits without the underscores and the plus sign that TOML allows in numbers."""
        return cls(text.replace("_", "").removeprefix("+"))


@dataclass(frozen=True, slots=True)
class Mistake:
    """A problem that does not know its place yet."""

    code: str
    sentence: Told
    cure: Told = NO_CURE


def mistake(code: str, sentence: Told, cure: Told = NO_CURE) -> ValidationError:
    """One mistake, as marshmallow passes it on."""
    return ValidationError([Mistake(code, sentence, cure)])


@contextmanager
def amounts_in(currency: str | None) -> Iterator[None]:
    """Amounts read inside are of this currency (None: unknown, only their form is judged)."""
    token = _currency.set(currency)
    try:
        yield
    finally:
        _currency.reset(token)


def currency_of_amounts() -> str | None:
    """The currency that amounts are read in just now."""
    return _currency.get()


def problems_in(messages: Any, place: str, path: str = "") -> Iterator[Problem]:
    """Every mistake of a ``ValidationError.messages`` as a problem with its path."""
    if isinstance(messages, dict):
        for key, inner in messages.items():
            yield from problems_in(inner, place, _joined(path, key))
        return
    for found in messages:
        assert isinstance(found, Mistake), f"a message without a cure: {found!r}"
        yield Problem(place, 0, path, found.code, found.sentence, found.cure)


def _joined(path: str, key: str | int) -> str:
    if key == _SCHEMA:
        return path
    if isinstance(key, int):
        return f"{path}[{key}]"
    name = key if _BARE_KEY.fullmatch(key) else shown(key)
    return f"{path}.{name}" if path else name


class Document(Schema):
    """A table of a document: an unknown key is a mistake that names the nearest known one."""

    class Meta:
        unknown = RAISE

    def handle_error(self, error: ValidationError, data: Any, *, many: bool, **kwargs: Any) -> None:
        """Put our own words where marshmallow speaks for the table itself."""
        messages = error.messages
        assert isinstance(messages, dict)
        if not isinstance(data, Mapping):
            messages.clear()
            messages[_SCHEMA] = [_wrong_type(data, _NO_TABLE, _AS_A_TABLE)]
            return
        known = [str(field.data_key or name) for name, field in self.load_fields.items()]
        for key in [key for key in data if key not in known]:
            cure = written.meant(str(key), known)
            sentence = told("The key %(key)s is not known here.", key=shown(key))
            messages[key] = [Mistake("unknown-key", sentence, cure)]


_NO_TABLE = marked("%(found)s is not a table.")
_AS_A_TABLE = told("Write its keys and values.")


class Strict(fields.Field[Any]):
    """A field that says what it expects. Subclasses read; ``check`` judges what was read. ``wrong`` says what
    ``%(found)s``, of another type, is not."""

    wrong = marked("%(found)s is not a value.")
    cure = NO_CURE

    def __init__(self, *, check: Check | None = None, **options: Any) -> None:
        self.check = check
        super().__init__(**options)

    def make_error(self, key: str, **kwargs: Any) -> ValidationError:
        """Our own words for what marshmallow itself refuses: absent and null."""
        name = shown(self.data_key or self.name or "")
        if key == "required":
            return mistake("missing-key", told("The key %(key)s is missing.", key=name), self.cure)
        return mistake("no-value", told("The key %(key)s has no value.", key=name), self.cure)

    def refuse(self, found: object, **values: object) -> NoReturn:
        """What was found is of another type than the field reads; ``values`` are others that ``wrong`` names."""
        raise ValidationError([_wrong_type(found, self.wrong, self.cure, **values)])

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> Any:
        try:
            read = self.read(value)
            if self.check is not None:
                self.check(read, shown(value))
        except Unreadable as error:
            raise mistake(error.code, error.sentence, error.cure) from None
        return read

    def read(self, value: Any) -> Any:
        """The value as the pure types hold it."""
        raise AssertionError("each kind of field says how it reads")


def _wrong_type(found: object, wrong: str, cure: Told, **values: object) -> Mistake:
    what = shown(found)
    if isinstance(found, Mapping):
        what = told("A table")
    elif isinstance(found, list | tuple):
        what = told("A list")
    return Mistake("wrong-type", told(wrong, found=what, **values), cure)


class Text(Strict):
    """Text that is not empty."""

    wrong = marked("%(found)s is not text.")
    cure = told('Write it in quotes, such as "name".')

    def read(self, value: Any) -> str:
        if not isinstance(value, str) or isinstance(value, Written):
            self.refuse(value)
        if not value.strip():
            raise mistake("no-value", told("The text is empty."), self.cure)
        return value


class Word(Text):
    """One word of a closed list; ``sentence`` says what another one is not."""

    def __init__(self, *words: str, code: str = "unknown-word", sentence: str = UNKNOWN, **options: Any) -> None:
        self.words, self.code, self.sentence = words, code, sentence
        super().__init__(**options)
        self.cure = told("Write %(words)s.", words=written.listed(words))

    def read(self, value: Any) -> str:
        return written.one_of(super().read(value), self.words, self.code, self.sentence)


class Currency(Text):
    """A currency code of ISO 4217."""

    cure = told('Write the ISO 4217 code, such as "EUR".')

    def read(self, value: Any) -> str:
        return written.currency(super().read(value))


class YesNo(Strict):
    """true or false."""

    wrong = marked("%(found)s is not true or false.")
    cure = told("Write true or false.")

    def read(self, value: Any) -> bool:
        if not isinstance(value, bool):
            self.refuse(value)
        return value


class Whole(Strict):
    """A whole number between two others, both inside."""

    wrong = marked("%(found)s is not a whole number from %(least)s to %(most)s.")

    def __init__(self, least: int, most: int, **options: Any) -> None:
        self.least, self.most = least, most
        super().__init__(**options)
        self.cure = told(
            "Write a whole number from %(least)s to %(most)s, without quotes.", least=least, most=most
        )

    def read(self, value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not self.least <= value <= self.most:
            self.refuse(value, least=self.least, most=self.most)
        return value


class Days(Whole):
    """A count of days, 0 or more."""

    def __init__(self, **options: Any) -> None:
        super().__init__(0, written.MOST_DAYS, **options)


class Day(Strict):
    """A date: TOML's own, or text as 2026-01-31."""

    wrong = marked("%(found)s is not a date.")
    cure = written.AS_A_DAY

    def read(self, value: Any) -> dt.date:
        if isinstance(value, str):
            return written.day(value)
        if not isinstance(value, dt.date) or isinstance(value, dt.datetime):
            self.refuse(value)
        return written.within_reach(value)


class Month(Strict):
    """A month: "2026-01", or the date of its first day."""

    wrong = marked("%(found)s is not a month.")
    cure = told('Write it as "2026-01".')

    def read(self, value: Any) -> dt.date:
        if isinstance(value, dt.date) and not isinstance(value, dt.datetime):
            value = value.isoformat()
        if not isinstance(value, str):
            self.refuse(value)
        return written.first_of_month(value)


class Amount(Strict):
    """An amount in major units of the currency in force (:func:`amounts_in`), as minor units. Never a float."""

    wrong = marked("%(found)s is not an amount.")
    cure = told("Write an amount, such as 1234.50.")

    def read(self, value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int | str):
            self.refuse(value)
        currency = currency_of_amounts()
        if isinstance(value, int) and abs(value) >= 10**16:  # str() of a boundless int may fail
            raise written.too_large(value, currency)
        return written.amount(str(value), currency)


class Fraction(Strict):
    """A rate, share, factor or limit in ppm: 0.05, "0.05" or "5%"."""

    wrong = marked("%(found)s is not a number.")
    cure = written.AS_A_SHARE

    def read(self, value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int | str):
            self.refuse(value)
        if isinstance(value, int) and abs(value) >= 10**16:
            raise written.too_large_a_number(value, self.cure)
        return written.fraction(str(value))


class Fractions(Strict):
    """A map from names to fractions, perhaps only from known names."""

    wrong = marked("%(found)s is not a table of numbers.")
    cure = told("Write it as { name = 1 }.")

    def __init__(self, *known: str, each: Check | None = None, **options: Any) -> None:
        self.known, self.each = known, each
        super().__init__(**options)

    def read(self, value: Any) -> dict[str, int]:
        if not isinstance(value, Mapping):
            self.refuse(value)
        found: dict[str, int] = {}
        errors: Errors = {}
        inner = Fraction()
        for name, number in value.items():
            try:
                if self.known:
                    written.one_of(name, self.known, "unknown-word", UNKNOWN)
                found[name] = inner.read(number)
                if self.each is not None:
                    self.each(found[name], shown(number))
            except Unreadable as error:
                errors[name] = [Mistake(error.code, error.sentence, error.cure)]
            except ValidationError as error:
                errors[name] = error.messages
        if errors:
            raise ValidationError(errors)
        return found


class Rows(Strict):
    """A list of one kind of thing. What is unreadable keeps its place as ``None``, so that indexes stay true."""

    wrong = marked("%(found)s is not a list.")
    cure = told("Write it as a list: [ … ].")

    def __init__(self, inner: fields.Field[Any], *, least: int = 0, **options: Any) -> None:
        self.inner, self.least = inner, least
        super().__init__(**options)

    def read(self, value: Any) -> list[Any]:
        if not isinstance(value, list | tuple):
            self.refuse(value)
        if len(value) < self.least:
            raise mistake("empty-list", told("The list is empty."), told("Write at least one."))
        found: list[Any] = []
        errors: Errors = {}
        for index, each in enumerate(value):
            try:
                found.append(self.inner.deserialize(each))
            except ValidationError as error:
                found.append(error.valid_data)
                errors[index] = error.messages
        if errors:
            raise ValidationError(errors, valid_data=found)
        return found


class Texts(Rows):
    """A list of texts, each once."""

    def __init__(self, **options: Any) -> None:
        super().__init__(Text(), **options)

    def read(self, value: Any) -> list[Any]:
        found = super().read(value)
        twice = {index: found.index(text) for index, text in enumerate(found) if found.index(text) < index}
        if twice:
            errors = {index: [_twice(found[index])] for index in twice}
            raise ValidationError(errors, valid_data=found)
        return found


def _twice(found: str) -> Mistake:
    return Mistake("twice", told("%(found)s is listed twice.", found=shown(found)), told("Leave one out."))


class Table(Strict):
    """A table with a schema of its own."""

    wrong = _NO_TABLE
    cure = _AS_A_TABLE

    def __init__(self, schema: type[Document], **options: Any) -> None:
        self.schema = schema
        super().__init__(**options)

    def read(self, value: Any) -> dict[str, Any]:
        return loaded(self.schema, value)


class Variant(Strict):
    """A table whose schema is named by one of its own keys (``kind``, ``by``); ``sentence`` says what another
    word is not."""

    wrong = _NO_TABLE
    cure = _AS_A_TABLE

    def __init__(self, key: str, sentence: str, schemas: Mapping[str, type[Document]], **options: Any) -> None:
        self.key, self.sentence, self.schemas = key, sentence, schemas
        super().__init__(**options)

    def read(self, value: Any) -> dict[str, Any]:
        if not isinstance(value, Mapping):
            self.refuse(value)
        code = f"unknown-{self.key}"
        word = Word(*self.schemas, code=code, sentence=self.sentence, required=True, data_key=self.key)
        try:
            if self.key not in value:
                raise word.make_error("required")
            name = word.read(value[self.key])
        except Unreadable as error:
            raise ValidationError({self.key: [Mistake(error.code, error.sentence, error.cure)]}) from None
        except ValidationError as error:
            raise ValidationError({self.key: error.messages}) from None
        return loaded(self.schemas[name], value)


def loaded(schema: type[Document], value: Any) -> dict[str, Any]:
    """What a schema reads; on mistakes a ValidationError with what could be read as ``valid_data``."""
    found = schema().load(value)
    assert isinstance(found, dict)
    return found


def not_negative(value: int, found: str) -> None:
    """A check: 0 or more."""
    if value < 0:
        raise Unreadable("negative", told("%(found)s is below 0.", found=found), told("Write 0 or more."))


def positive(value: int, found: str) -> None:
    """A check: more than 0."""
    if value <= 0:
        raise Unreadable(
            "not-positive", told("%(found)s is not above 0.", found=found), told("Write more than 0.")
        )


def not_above_one(value: int, found: str) -> None:
    """A check: a rate or a share, from 0 to 1. A rate above 1 is nearly always 5 where 5% was meant."""
    not_negative(value, found)
    if value > PPM:
        cure = told("Write 1 or less.")
        if value % PPM == 0 and value <= 100 * PPM:
            cure = told('Write %(number)s percent as "%(number)s%%".', number=value // PPM)
        raise Unreadable("above-one", told("%(found)s is more than the whole.", found=found), cure)


def positive_share(value: int, found: str) -> None:
    """A check: above 0, at most 1."""
    positive(value, found)
    not_above_one(value, found)


def points_of_a_rate(value: int, found: str) -> None:
    """A check: rate points to add, from -1 to 1."""
    not_above_one(abs(value), found)


def amount_shown(minor: int) -> str:
    """An amount of the document in major units."""
    currency = currency_of_amounts()
    return major(minor, currency) if currency else written.decimal_of_unknown_currency(minor)


def raise_all(errors: Errors) -> None:
    """Raise the mistakes that there are; empty branches are none."""
    found = _pruned(errors)
    if found:
        raise ValidationError(found)


def _pruned(errors: Errors) -> Errors:
    pruned = {key: _pruned(inner) if isinstance(inner, dict) else inner for key, inner in errors.items()}
    return {key: inner for key, inner in pruned.items() if inner}


def merged(*several: Errors) -> Errors:
    """Mistakes about different keys, together."""
    together: Errors = {}
    for errors in several:
        assert not together.keys() & errors.keys()
        together |= errors
    return together


def reversed_mistake(first: dt.date | None, last: dt.date | None, key: str) -> Errors:
    """The mistake of a range of days that ends before it starts."""
    if first is None or last is None or first <= last:
        return {}
    sentence = told("It ends on %(end)s before it starts on %(start)s.", end=last, start=first)
    cure = told("Both ends are inside; let the last not lie before the first.")
    return {key: [Mistake("ends-before-start", sentence, cure)]}


def raise_if_reversed(first: dt.date | None, last: dt.date | None, key: str) -> None:
    """Raise that mistake."""
    raise_all(reversed_mistake(first, last, key))


Row = Literal["tier", "step", "point"]

_NOT_ABOVE: dict[Row, str] = {
    "tier": marked("%(value)s does not lie above %(before)s, where the tier before it begins."),
    "step": marked("%(value)s does not lie above %(before)s, where the step before it begins."),
    "point": marked("%(value)s does not lie above %(before)s, where the point before it begins."),
}
_RISING: dict[Row, Told] = {
    "tier": told("Let each tier begin above the one before."),
    "step": told("Let each step begin above the one before."),
    "point": told("Let each point begin above the one before."),
}


def rising(
    rows: Sequence[Any], attribute: str, text: Callable[[int], str], what: Row, key: str = "from"
) -> Errors:
    """Mistakes of rows whose values do not rise strictly, by index and key."""
    errors: Errors = {}
    before: int | None = None
    for index, row in enumerate(rows):
        value = (row or {}).get(attribute)
        if value is None:
            continue
        if before is not None and value <= before:
            sentence = told(_NOT_ABOVE[what], value=text(value), before=text(before))
            errors[index] = {key: [Mistake("not-rising", sentence, _RISING[what])]}
        before = value
    return errors
