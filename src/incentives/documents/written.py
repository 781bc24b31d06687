"""How amounts, shares and days are written: strict ASCII in, integers and dates out (docs/rules.md section 2).

What cannot be read is an :class:`Unreadable` with the sentence and the cure that a person reads. Nothing here
guesses: ``1,234.50``, ``1e3``, ``NaN``, ``1_000`` and digits of other scripts are refused.
"""

from __future__ import annotations

import calendar
import datetime as dt
import difflib
import re
from collections.abc import Iterable

from incentives.errors import NO_CURE, Told, joined, marked, told
from incentives.money import EXPONENTS, LIMIT_MINOR, PPM, major

FIRST_YEAR, LAST_YEAR = 1900, 2199
"""Days outside are typing mistakes; inside, adding a century of days stays a date."""

MOST_DAYS = 36_500
"""A hundred years: no deadline of a plan is longer."""

CREDIT_APPROVALS = ("approved", "conditional", "none")
SECURITIES = ("none", "insured", "deposit", "lien")
"""What a customer credit record may say (docs/rules.md section 3)."""

_LONGEST_SHOWN = 60
_MOST_DECIMALS = max(EXPONENTS.values())
_DECIMAL = re.compile(r"(-?)([0-9]+)(?:\.([0-9]+))?")
_DAY = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})")
_MONTH = re.compile(r"[0-9]{4}-[0-9]{2}")
_MONTHS = (
    marked("January %(year)s"),
    marked("February %(year)s"),
    marked("March %(year)s"),
    marked("April %(year)s"),
    marked("May %(year)s"),
    marked("June %(year)s"),
    marked("July %(year)s"),
    marked("August %(year)s"),
    marked("September %(year)s"),
    marked("October %(year)s"),
    marked("November %(year)s"),
    marked("December %(year)s"),
)

UNKNOWN = marked("%(found)s is not known here.")
"""The sentence about a word for which there is no better one."""

AS_A_DAY = told("Write it as 2026-01-31: year, month, day.")
AS_A_SHARE = told("Write it as 0.05 or 5%.")
"""How a day and a share are written, for whoever wrote something else."""


class Unreadable(ValueError):
    """A value that is not written as it should be: a stable code, what was found, how to mend it."""

    def __init__(self, code: str, sentence: Told, cure: Told = NO_CURE) -> None:
        super().__init__(sentence)
        self.code, self.sentence, self.cure = code, sentence, cure

    @property
    def said(self) -> Told:
        """What is wrong and how to mend it."""
        return joined(" ", (self.sentence, self.cure))


def shown(found: object) -> str:
    """What was found, short and printable: text in quotes, everything else (a number, a date) without."""
    if isinstance(found, int) and abs(found) >= 10**_LONGEST_SHOWN:
        return told("a number of more than 60 digits")
    text = str(found).lower() if isinstance(found, bool) else str(found)
    short = text if len(text) <= _LONGEST_SHOWN else text[: _LONGEST_SHOWN - 1] + "…"
    return repr(short) if type(found) is str or not short.isprintable() else short


def listed(words: Iterable[str]) -> str:
    """Words as a sentence lists them.

    >>> listed(["own", "team"]), listed(["a", "b", "c"])
    ('own or team', 'a, b or c')
    """
    *others, last = words
    return told("%(others)s or %(last)s", others=joined(", ", others), last=last) if others else last


def nearest(found: str, known: Iterable[str], cutoff: float = 0.6) -> str | None:
    """The known word that a mistyped one most likely means.

    >>> nearest("On_time_rates", ["on_time_rate", "dso"]), nearest("x", ["on_time_rate", "dso"])
    ('on_time_rate', None)
    """
    by_lower = {word.lower(): word for word in known}
    close = difflib.get_close_matches(found[:200].lower(), by_lower, n=1, cutoff=cutoff)
    return by_lower[close[0]] if close else None


def meant(found: str, known: Iterable[str], otherwise: Told = NO_CURE) -> Told:
    """The cure of a mistyped word: the nearest known one, else all of them."""
    words = list(known)
    near = nearest(found, words)
    if near is not None:
        return told("Did you mean %(near)s?", near=shown(near))
    return otherwise or (told("Known: %(words)s.", words=", ".join(words)) if words else NO_CURE)


def one_of(found: str, known: Iterable[str], code: str, sentence: str, **values: str) -> str:
    """A word of a closed list; ``sentence`` says what ``%(found)s`` is not."""
    words = list(known)
    if found in words:
        return found
    near = nearest(found, words)
    hint = told("Did you mean %(near)s?", near=shown(near)) if near is not None else ""
    cure = joined(" ", (hint, told("Write %(words)s.", words=listed(words))))
    raise Unreadable(code, told(sentence, found=shown(found), **values), cure)


def currency(found: str) -> str:
    """A currency code of ISO 4217."""
    if found in EXPONENTS:
        return found
    cure = told("Write the ISO 4217 code, such as EUR.")
    if found.upper() in EXPONENTS:
        cure = told("Write it as %(example)s.", example=found.upper())
    raise Unreadable("unknown-currency", told("%(found)s is not a known currency.", found=shown(found)), cure)


def amount(found: str, currency: str | None) -> int:
    """An amount in major units as minor units of its currency; below 2^53.

    Without a (known) currency only the form is judged, against the most decimals that any currency has.

    >>> amount("1234.5", "EUR"), amount("-3", "JPY"), amount("0.005", "KWD")
    (123450, -3, 5)
    """
    decimals = _MOST_DECIMALS if currency is None else EXPONENTS[currency]
    match = _DECIMAL.fullmatch(found)
    if match is None:
        sentence = told("%(found)s is not an amount.", found=shown(found))
        raise Unreadable("not-an-amount", sentence, _amount_cure(currency))
    sign, whole, fraction = match.group(1), match.group(2), match.group(3) or ""
    if len(fraction) > decimals:
        raise Unreadable("too-many-decimals", _many_decimals(found, fraction), _amount_cure(currency))
    digits = (whole + fraction.ljust(decimals, "0")).lstrip("0")
    if len(digits) > 16 or int(digits or "0") >= LIMIT_MINOR:
        raise too_large(found, currency)
    return int(sign + (digits or "0"))


def too_large(found: object, currency: str | None) -> Unreadable:
    """An amount of 2^53 minor units or more."""
    most = (
        f"{major(LIMIT_MINOR, currency)} {currency}" if currency else told("%(number)s cents", number=LIMIT_MINOR)
    )
    sentence = told("%(found)s is too large an amount.", found=shown(found))
    return Unreadable("too-large", sentence, told("Amounts stay below %(most)s.", most=most))


def _many_decimals(found: str, decimals: str) -> Told:
    return told("%(found)s has %(number)s decimals.", found=shown(found), number=len(decimals))


def _amount_cure(currency: str | None) -> Told:
    if currency is None:
        return told("Write it as 1234.50: digits and a point.")
    decimals = EXPONENTS[currency]
    if not decimals:
        return told("Write it as 1234: digits only, %(currency)s has no decimals.", currency=currency)
    return told(
        "Write it as %(example)s: digits, a point, at most %(decimals)s decimals for %(currency)s.",
        example=major(123_450 * 10**decimals // 100, currency),
        decimals=decimals,
        currency=currency,
    )


def fraction(found: str, *, percent: bool = True, cure: Told = AS_A_SHARE) -> int:
    """A rate, share or factor in ppm: a decimal, or a percentage where that may be said; at most 6 decimals.

    >>> fraction("0.05"), fraction("5%"), fraction("1"), fraction("-0.000001")
    (50000, 50000, 1000000, -1)
    """
    in_percent = percent and found.endswith("%")
    most = 4 if in_percent else 6
    match = _DECIMAL.fullmatch(found[:-1] if in_percent else found)
    if match is None:
        raise Unreadable("not-a-number", told("%(found)s is not a number.", found=shown(found)), cure)
    sign, whole, decimals = match.group(1), match.group(2), match.group(3) or ""
    if len(decimals) > most:
        at_most = told("Write at most %(most)s decimals.", most=most)
        if in_percent:
            at_most = told("Write at most %(most)s decimals in a percentage.", most=most)
        raise Unreadable("too-many-decimals", _many_decimals(found, decimals), at_most)
    digits = (whole + decimals.ljust(most, "0")).lstrip("0")
    if len(digits) > 16 or int(digits or "0") >= LIMIT_MINOR:
        raise too_large_a_number(found, told("Numbers stay below %(most)s.", most=LIMIT_MINOR // PPM))
    return int(sign + (digits or "0"))


def too_large_a_number(found: object, cure: Told) -> Unreadable:
    """A number that no rate, share or factor can be."""
    return Unreadable("too-large", told("%(found)s is too large a number.", found=shown(found)), cure)


def decimal(ppm: int) -> str:
    """A share in ppm as people write it.

    >>> decimal(50_000), decimal(1_000_000), decimal(-1)
    ('0.05', '1', '-0.000001')
    """
    whole, rest = divmod(abs(ppm), PPM)
    text = f"{whole}.{rest:06d}".rstrip("0").rstrip(".")
    return f"-{text}" if ppm < 0 else text


def decimal_of_unknown_currency(minor: int) -> str:
    """An amount that was read without knowing its currency, in major units."""
    return decimal(minor * PPM // 10**_MOST_DECIMALS)


def day(found: str) -> dt.date:
    """A date as YYYY-MM-DD that is on the calendar, between 1900 and 2199."""
    return within_reach(calendar_day(found))


def calendar_day(found: str) -> dt.date:
    """A date as YYYY-MM-DD that is on the calendar, of any year."""
    match = _DAY.fullmatch(found)
    if match is None:
        raise Unreadable("not-a-date", told("%(found)s is not a date.", found=shown(found)), AS_A_DAY)
    year, month, number = map(int, match.groups())
    try:
        return dt.date(year, month, number)
    except ValueError:
        cure = AS_A_DAY
        if year >= 1 and 1 <= month <= 12:
            days = calendar.monthrange(year, month)[1]
            name = told(_MONTHS[month - 1], year=year)
            cure = told("%(month)s has %(days)s days.", month=name, days=days)
        sentence = told("%(found)s is not on the calendar.", found=shown(found))
        raise Unreadable("no-such-day", sentence, cure) from None


def within_reach(found: dt.date) -> dt.date:
    """A day that calculations can count from."""
    if FIRST_YEAR <= found.year <= LAST_YEAR:
        return found
    raise Unreadable(
        "day-out-of-reach",
        told("%(found)s is out of reach.", found=shown(found)),
        told(
            "Days lie in the years %(first)s to %(last)s; an open end is left out.",
            first=FIRST_YEAR,
            last=LAST_YEAR,
        ),
    )


def first_of_month(found: str) -> dt.date:
    """A month as 2026-01, or as the date of its first day.

    >>> first_of_month("2026-03"), first_of_month("2026-03-01")
    (datetime.date(2026, 3, 1), datetime.date(2026, 3, 1))
    """
    if not _MONTH.fullmatch(found) and not _DAY.fullmatch(found):
        raise _not_a_month(found, told("Write it as 2026-01."))
    if len(found) == 7 and not "01" <= found[5:] <= "12":
        raise _not_a_month(found, told("Months run from 01 to 12."))
    read = day(found if len(found) == 10 else f"{found}-01")
    if read.day != 1:
        sentence = told("%(found)s is not the first day of a month.", found=shown(found))
        cure = told("Write it as %(example)s.", example=f"{read.year:04d}-{read.month:02d}")
        raise Unreadable("not-a-month", sentence, cure)
    return read


def _not_a_month(found: str, cure: Told) -> Unreadable:
    return Unreadable("not-a-month", told("%(found)s is not a month.", found=shown(found)), cure)
