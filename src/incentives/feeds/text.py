"""Rows of a CSV file, RFC 4180 read strictly: nothing is guessed, nothing is swallowed.

``csv.reader`` alone lets a lone quote take the rest of the file into one cell, and takes a quote in the middle of
a cell as text. Here every record with a quote is held against the grammar, and after a faulty one reading goes on
with the line that follows its first line. Lines go through in batches: one without quotes and with ASCII only,
which is nearly all of them, needs no further look.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

from incentives.documents.written import Unreadable
from incentives.errors import told

MOST_LINES = 100
"""A quoted cell that runs on for more lines than this was never closed."""

_BATCH = 8_192
_CELL = r'(?:"[^"]*(?:""[^"]*)*"|[^",\r\n]*)'
_RECORD = re.compile(rf"{_CELL}(?:,{_CELL})*(?:\r\n|\n|\r)?")
_UNDECODED = re.compile("[\udc80-\udcff]")
_SURROGATES = re.compile("[\ud800-\udfff]")
_UTF_16_MARKS = (b"\xff\xfe", b"\xfe\xff")

Refuse = Callable[[int, Unreadable, str], None]
"""Told the line, what is wrong with the row that begins there, and the row as it stands in the file."""


class Digest(Protocol):
    """What is told every byte of a file, such as a SHA-256."""

    def update(self, data: memoryview, /) -> None:
        """The bytes that follow."""

    def hexdigest(self) -> str:
        """The digest of all bytes so far."""


def decoded(content: bytes) -> str:
    """The text of a whole UTF-8 file, with or without a byte order mark."""
    _refuse_utf_16(content[:4])
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = len(content[: error.start].split(b"\n"))
        sentence = told("Line %(line)s is not UTF-8.", line=line)
        raise Unreadable("not-utf-8", sentence, told("Save the file as UTF-8.")) from None


def not_text(cell: str) -> Unreadable | None:
    """What keeps a cell from being text that a database takes, if anything does."""
    if "\0" in cell:
        return Unreadable("nul", told("It holds a NUL character."), told("Remove it."))
    if _SURROGATES.search(cell):
        cure = told("Send whole characters, as UTF-8.")
        return Unreadable("not-text", told("It holds half of a character."), cure)
    return None


def _refuse_utf_16(head: bytes) -> None:
    if head.startswith(_UTF_16_MARKS) or b"\0" in head:
        sentence = told("The file looks like UTF-16, not UTF-8.")
        raise Unreadable("not-utf-8", sentence, told("Save the file as UTF-8."))


def batches(path: Path, refuse: Refuse, digest: Digest) -> Iterator[tuple[Sequence[int], list[list[str]]]]:
    """Records in batches, each with the line on which it begins as an editor counts lines; blank lines are passed
    over, and no batch is empty. ``digest`` sees the bytes from which the records were read.

    Raises :class:`Unreadable` for a file that is no UTF-8 text at all, OSError where it cannot be opened.
    """
    with path.open("rb") as raw:
        _refuse_utf_16(raw.read(4))
    seen = io.BufferedReader(_Seen(path, digest))
    with io.TextIOWrapper(seen, encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
        first = 1
        while chunk := list(islice(file, _BATCH)):
            if _is_plain("".join(chunk)):
                lines: Sequence[int] = range(first, first + len(chunk))
                records = [_divided(line) for line in chunk]
            else:
                found = list(_one_by_one(chunk, file, first, refuse))
                lines, records = [line for line, _ in found], [cells for _, cells in found]
            first += len(chunk)
            if [""] in records:
                filled = [pair for pair in zip(lines, records, strict=True) if pair[1] != [""]]
                lines, records = [line for line, _ in filled], [cells for _, cells in filled]
            if records:
                yield lines, records


class _Seen(io.RawIOBase):
    """The bytes of a file, each seen by a digest as it is read, so that both are of the same bytes."""

    def __init__(self, path: Path, digest: Digest) -> None:
        super().__init__()
        self._raw = path.open("rb", buffering=0)
        self._digest = digest

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        count = self._raw.readinto(buffer)
        assert count is not None, "a file does not block"
        self._digest.update(memoryview(buffer)[:count])
        return count

    def close(self) -> None:
        self._raw.close()
        super().close()


def _is_plain(text: str) -> bool:
    """Whether each line is a record, and commas alone divide it."""
    return '"' not in text and "\0" not in text and (text.isascii() or not _UNDECODED.search(text))


def _divided(line: str) -> list[str]:
    return line.rstrip("\r\n").split(",")


def _one_by_one(
    chunk: list[str], file: Iterator[str], first: int, refuse: Refuse
) -> Iterator[tuple[int, list[str]]]:
    """The records of a chunk of lines, which takes more lines from the file where its last record goes on."""
    at = 0
    while at < len(chunk):
        if _is_plain(chunk[at]):
            yield first + at, _divided(chunk[at])
            at += 1
            continue
        reader = csv.reader(_from(chunk, at, file), strict=True)
        try:
            try:
                cells = next(reader)
            except csv.Error:
                raise _stumbled(chunk[at : at + reader.line_num]) from None
            _judge("".join(chunk[at : at + reader.line_num]))
        except Unreadable as error:
            refuse(first + at, error, chunk[at])
            # The lines after the first may be good rows that a lone quote swallowed.
            at += 1 if error.code == "stray-quote" else reader.line_num
        else:
            yield first + at, cells
            at += reader.line_num


def _from(chunk: list[str], at: int, file: Iterator[str]) -> Iterator[str]:
    for position in range(at, at + MOST_LINES):
        if position == len(chunk):
            line = next(file, None)
            if line is None:
                return
            chunk.append(line)
        yield chunk[position]
    raise csv.Error


def _judge(record: str) -> None:
    """Whether a record with a quote or something stranger is what RFC 4180 allows, and text."""
    if "\0" in record:
        cure = told("Remove it; the file may be damaged.")
        raise Unreadable("nul", told("The row holds a NUL character."), cure)
    if _UNDECODED.search(record):
        raise Unreadable("not-utf-8", told("The row is not UTF-8."), told("Save the file as UTF-8."))
    if not _RECORD.fullmatch(record):
        raise _stray_quote()


def _stray_quote() -> Unreadable:
    return Unreadable(
        "stray-quote",
        told("A quote is not closed, or stands where none may be."),
        told('Put the cell in quotes and double the quotes in it: "12"" screen".'),
    )


def _stumbled(record: list[str]) -> Unreadable:
    """What csv.reader stumbled over."""
    longest = csv.field_size_limit()
    if len(record) == 1 and len(record[0]) > longest:
        sentence = told("A cell has more than %(longest)s characters.", longest=longest)
        return Unreadable("too-long", sentence, told("Shorten it."))
    return _stray_quote()
