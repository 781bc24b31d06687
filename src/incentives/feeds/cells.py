"""What a cell may hold, by kind of column. Values that repeat are read once and then looked up."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from incentives.documents import written
from incentives.documents.written import Unreadable, shown
from incentives.errors import marked, told
from incentives.money import EXPONENTS

Read = Callable[[str], Any]

_TIME = re.compile(
    r"[T ]([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9](\.[0-9]{1,9})?)?(Z|[+-]([01][0-9]|2[0-3]):?[0-5][0-9])"
)
_WITHOUT_PARTS_OF_SECONDS = len("2026-01-31T17:30:00+01:00")


class Remembered(dict[str, Any]):
    """A reader as a dictionary: what was read once is found again at the speed of a look-up."""

    __slots__ = ("read",)

    def __init__(self, read: Read, known: Mapping[str, Any]) -> None:
        super().__init__(known)
        self.read = read

    def __missing__(self, found: str) -> Any:
        value = self[found] = self.read(found)
        return value


def end_day(found: str) -> dt.date | None:
    """The last day of a range. One beyond reach, such as 9999-12-31, is how other systems write an open end."""
    read = written.calendar_day(found)
    return None if read.year > written.LAST_YEAR else written.within_reach(read)


def yes_no(found: str) -> bool:
    """yes or no."""
    return written.one_of(found, ("yes", "no"), "not-yes-or-no", marked("%(found)s is not yes or no.")) == "yes"


def word(words: Iterable[str], code: str, sentence: str) -> Read:
    """A word of a closed list; ``sentence`` says what another one is not."""
    known = tuple(words)
    return lambda found: written.one_of(found, known, code, sentence)


def share(found: str) -> int:
    """A share in ppm, from 0 to 1."""
    read = written.fraction(found)
    if not 0 <= read <= 1_000_000:
        cure = told("Write 0 or more.")
        if read > 0:
            cure = told("Write %(number)s percent as %(number)s%%.", number=written.decimal(read))
        raise Unreadable("not-a-share", told("%(found)s is not a share from 0 to 1.", found=shown(found)), cure)
    return read


def rate(found: str) -> int:
    """An exchange rate in ppm, above 0."""
    read = written.fraction(found, percent=False, cure=told("Write it as %(example)s.", example="1.085"))
    if read <= 0:
        sentence = told("%(found)s is not above 0.", found=shown(found))
        raise Unreadable("not-positive", sentence, told("Write a rate above 0."))
    return read


def timestamp(found: str) -> str:
    """An instant in ISO form with its offset, kept as it is written: instants never decide money (section 2)."""
    try:
        _day(found[:10])
        (_time_of_day if len(found) > _WITHOUT_PARTS_OF_SECONDS else _whole_second)(found[10:])
    except Unreadable:
        sentence = told("%(found)s is not a timestamp.", found=shown(found))
        cure = told("Write it as 2026-01-31T17:30:00+01:00, with its offset.")
        raise Unreadable("not-a-timestamp", sentence, cure) from None
    return found


def _time_of_day(found: str) -> str:
    if not _TIME.fullmatch(found):
        raise Unreadable("not-a-timestamp", told("%(found)s is not a time of day.", found=shown(found)))
    return found


def amount(found: str, currency: str | None) -> int:
    """An amount in minor units. The usual spelling, with all decimals of its currency, takes the short way."""
    if currency is not None and found.isascii():
        whole, _, decimals = found.partition(".")
        if whole.isdigit() and decimals.isdigit() and len(decimals) == EXPONENTS[currency] and len(found) < 17:
            return int(whole + decimals)
    return written.amount(found, currency)


_day: Read = Remembered(written.day, {}).__getitem__
_whole_second: Read = Remembered(_time_of_day, {}).__getitem__
