"""Words, money and days as a reader of English or Dutch expects them.

Amounts go from integers to text by way of exact decimals; nothing is rounded here and no float is made. The
number of decimals is the currency's own (ISO 4217), which is not always what a locale would show.
"""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from functools import lru_cache
from gettext import NullTranslations
from io import BytesIO
from pathlib import Path

from babel import Locale
from babel.dates import format_date
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import format_decimal, get_currency_symbol
from babel.support import Translations

from incentives.errors import Told
from incentives.errors import marked as marked  # beside whoever says it later
from incentives.facts import Language
from incentives.money import EXPONENTS
from incentives.places import data_dir

MINUS = "\N{MINUS SIGN}"
SPACE = "\N{NO-BREAK SPACE}"

_LOCALES: dict[Language, str] = {"en": "en_GB", "nl": "nl_NL"}
_SIGN_AFTER_SYMBOL: frozenset[Language] = frozenset({"nl"})


class Speaker:
    """One language: its words, and how it writes money, shares and days."""

    def __init__(self, language: Language) -> None:
        self.language = language
        self._locale = Locale.parse(_LOCALES[language])
        self._words = _words(language)

    def say(self, text: str, /, **values: object) -> str:
        """A text in this language, with its values filled in."""
        said = self._words.gettext(text)
        return said % values if values else said

    def told(self, text: str) -> str:
        """What a mistake tells, in this language; any other text as it is."""
        if not text or not isinstance(text, Told):
            return text
        return self.say(text.template, **{name: self.told(value) for name, value in text.values})

    def count(self, one: str, many: str, number: int) -> str:
        """A text that depends on a number, which it may name as ``%(number)s``."""
        return self._words.ngettext(one, many, number) % {"number": self.integer(number)}

    @property
    def translations(self) -> NullTranslations:
        """The catalog itself, for templates."""
        return self._words

    # Numbers ---------------------------------------------------------------------------------------

    def money(self, amount_minor: int, currency: str) -> str:
        """An amount with its currency, the minus sign where the language puts it."""
        return self._with_symbol(amount_minor, currency, EXPONENTS[currency], EXPONENTS[currency])

    def exact_money(self, exact: int, currency: str) -> str:
        """An exact total (10^-12 of a minor unit) with its currency, every decimal that is not 0."""
        decimals = EXPONENTS[currency]
        return self._with_symbol(exact, currency, 12 + decimals, decimals)

    def _with_symbol(self, digits_of: int, currency: str, decimals: int, at_least: int) -> str:
        symbol = get_currency_symbol(currency, locale=self._locale)
        sign = MINUS if digits_of < 0 else ""
        digits = self._decimal(abs(digits_of), decimals, at_least)
        if self.language in _SIGN_AFTER_SYMBOL:
            return f"{symbol}{SPACE}{sign}{digits}"
        return f"{sign}{symbol}{SPACE}{digits}"

    def number(self, amount_minor: int, currency: str) -> str:
        """An amount in a column that names its currency."""
        sign = MINUS if amount_minor < 0 else ""
        return sign + self._decimal(abs(amount_minor), EXPONENTS[currency], EXPONENTS[currency])

    def integer(self, number: int) -> str:
        """A whole number, thousands apart."""
        return (MINUS if number < 0 else "") + self._decimal(abs(number), 0, 0)

    def share(self, ppm: int, at_least: int = 0) -> str:
        """Millionths in percent, every decimal that is not 0, and ``at_least`` so many: in a column all alike."""
        return (MINUS if ppm < 0 else "") + self._decimal(abs(ppm), 4, at_least) + f"{SPACE}%"

    def factor(self, ppm: int, at_least: int = 0) -> str:
        """Millionths as a plain number."""
        return (MINUS if ppm < 0 else "") + self._decimal(abs(ppm), 6, at_least)

    def _decimal(self, digits: int, decimals: int, at_least: int) -> str:
        return _written_decimal(_LOCALES[self.language], digits, decimals, at_least)

    # Days ------------------------------------------------------------------------------------------

    def day(self, day: dt.date) -> str:
        """3 March 2026."""
        return self._date(day, "d MMMM y")

    def short_day(self, day: dt.date) -> str:
        """3 Mar 2026."""
        return self._date(day, "d MMM y").replace(".", "")

    def day_of_year(self, day: dt.date) -> str:
        """3 Mar: where the year is plain."""
        return self._date(day, "d MMM").replace(".", "")

    def month(self, day: dt.date) -> str:
        """March 2026."""
        return self._date(day, "MMMM y")

    def month_of_year(self, day: dt.date) -> str:
        """March, with a capital: it stands alone."""
        name = self._date(day, "LLLL")
        return name[:1].upper() + name[1:]

    def short_month(self, day: dt.date) -> str:
        """Mar."""
        return self._date(day, "LLL").replace(".", "").capitalize()

    def short_months(self, first: dt.date, last: dt.date) -> str:
        """Jan – Mar 2026; a month has a capital where its language gives it one, and at the beginning."""
        ends = self._date(last, "LLL").replace(".", "")
        return f"{self.short_month(first)} \N{EN DASH} {ends}{SPACE}{last.year}"

    def _date(self, day: dt.date, pattern: str) -> str:
        return _written_date(_LOCALES[self.language], day, pattern)


@lru_cache(maxsize=32768)
def _written_decimal(locale: str, digits: int, decimals: int, at_least: int) -> str:
    """A number as a locale writes it; a page says the same few again and again."""
    pattern = "#,##0"
    if decimals:
        pattern += "." + "0" * at_least + "#" * (decimals - at_least)
    return format_decimal(Decimal(digits).scaleb(-decimals), format=pattern, locale=locale)


@lru_cache(maxsize=32768)
def _written_date(locale: str, day: dt.date, pattern: str) -> str:
    return format_date(day, pattern, locale=locale).replace(" ", SPACE)


@lru_cache
def speaker(language: Language) -> Speaker:
    """The speaker of a language; made once."""
    return Speaker(language)


def _words(language: Language) -> NullTranslations:
    """The catalogs of a language, one for each part of the program. The texts in the code are English, so English
    needs none."""
    if language == "en":
        return NullTranslations()
    words = Translations()
    for path in sorted(catalogs(language)):
        with path.open("rb") as file:
            catalog = read_po(file, locale=language)
        compiled = BytesIO()
        write_mo(compiled, catalog)
        compiled.seek(0)
        words.merge(Translations(compiled))
    return words


def catalogs(language: Language) -> list[Path]:
    """The files with a language's words."""
    return list((data_dir("templates") / "languages" / language / "LC_MESSAGES").glob("*.po"))
