"""Cells and rows of text files: quoting, and text that a spreadsheet must not run.

Rows are quoted here and not by the csv module, whose answer to a lone carriage return depends on the
Python version: the same rows must give the same bytes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

Row = Sequence[str]

_ROWS_AT_ONCE = 4096
_FORMULA = re.compile(
    r"(?:[^\S\t\r]|[\x00-\x08\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff])*"  # blanks and what is not seen
    r"[=+\-@\t\r\uff1d\uff0b\uff0d\uff20]"  # the last four: the same signs, full width
)


def defused(text: str) -> str:
    """Text that a spreadsheet shows and does not run: a leading ``'`` where it could be taken for a formula.

    >>> defused("=1+1"), defused("\\u00a0@SUM(A1)"), defused("Smith-Jones")
    ("'=1+1", "'\\xa0@SUM(A1)", 'Smith-Jones')
    """
    return "'" + text if _FORMULA.match(text) else text


def csv_text(rows: Sequence[Row], separator: str = ",", line_end: str = "\n") -> Iterator[str]:
    """Rows of equally many cells as text, piece by piece, every row ended, quoted as RFC 4180 says."""
    for start in range(0, len(rows), _ROWS_AT_ONCE):
        some = rows[start : start + _ROWS_AT_ONCE]
        plain = _joined(some, separator, line_end)
        if _needs_quotes(plain, some, separator, line_end):
            quoted = [[_quoted(cell, separator) for cell in row] for row in some]
            plain = _joined(quoted, separator, line_end)
        yield plain


def _joined(rows: Sequence[Row], separator: str, line_end: str) -> str:
    return line_end.join(map(separator.join, rows)) + line_end


def _needs_quotes(plain: str, rows: Sequence[Row], separator: str, line_end: str) -> bool:
    """Whether a cell holds a quote, or there are more separators and line ends than the rows account for."""
    return (
        '"' in plain
        or plain.count(separator) != len(rows) * (len(rows[0]) - 1)
        or plain.count("\n") != len(rows)
        or plain.count("\r") != len(rows) * line_end.count("\r")
    )


def _quoted(cell: str, separator: str) -> str:
    if '"' in cell or separator in cell or "\n" in cell or "\r" in cell:
        return '"' + cell.replace('"', '""') + '"'
    return cell
