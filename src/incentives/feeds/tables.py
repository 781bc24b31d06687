"""One CSV file of a dataset folder: its header, its rows as values, what was refused, the counts.

A row is read, and then accepted, a duplicate of an earlier one, or rejected; nothing else can happen to it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Container, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import repeat
from operator import itemgetter
from pathlib import Path
from typing import Any, Generic, TypeVar

from incentives.documents import written
from incentives.documents.written import Unreadable, shown
from incentives.errors import NO_CURE, Problem, Told, told
from incentives.feeds import cells, text

K = TypeVar("K", bound=Hashable)
R = TypeVar("R")
Progress = Callable[[str, int], None]
Given = Sequence[Mapping[str, str]]
"""Rows from elsewhere: cells by column; one that is missing is empty."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column: how its cells are read (None: text as it stands, so that ids keep their zeros), whether it has to
    be there and filled, what an empty cell means, and whether values repeat, so that each is read only once."""

    name: str
    read: cells.Read | None = None
    required: bool = False
    absent: object = ""
    repeats: bool = True

    def reader(self) -> cells.Read:
        """How a cell of a file is read; an empty one of a required column does not come here."""
        assert self.read is not None
        read, absent = self.read, self.absent
        if self.repeats:
            return cells.Remembered(read, {"": absent}).__getitem__
        return lambda found: read(found) if found else absent


def needed(name: str, read: cells.Read | None = None) -> Column:
    """A column that every file has and every row fills."""
    return Column(name, read, required=True)


def maybe(name: str, read: cells.Read | None = None, absent: object = "", *, repeats: bool = True) -> Column:
    """A column that may be missing or empty."""
    return Column(name, read, absent=absent, repeats=repeats)


@dataclass(frozen=True, slots=True)
class FileCount:
    """What became of the rows of a file: read = accepted + duplicate + rejected, always."""

    file: str
    read: int
    accepted: int
    duplicate: int
    rejected: int


@dataclass(slots=True)
class Sheet:
    """A CSV file while it is read. ``unusable``: nothing can be said about its rows, so nobody may lean on them.

    ``lost`` holds the first declared column (an id, mostly) of rows that could not be read, as far as it can be
    told: what refers to such a row is not refused as unknown. ``digest`` has seen every byte that was read.

    ``given`` are rows from elsewhere, a file only by name: the first is line 1. ``repeats`` are the lines of rows
    that say what an earlier one said.
    """

    path: Path
    takes_good_rows: bool = False
    progress: Progress | None = None
    problems: list[Problem] = field(default_factory=list)
    given: Given | None = None
    read: int = 0
    repeats: list[int] = field(default_factory=list)
    rejected: set[int] = field(default_factory=set)
    lost: set[str] = field(default_factory=set)
    unusable: bool = False
    digest: text.Digest = field(default_factory=hashlib.sha256)
    _lost_rows: list[list[str]] = field(default_factory=list)

    @property
    def file(self) -> str:
        """The name that problems and counts give."""
        return self.path.name

    @property
    def is_there(self) -> bool:
        """Whether there is anything to read."""
        return self.path.exists() if self.given is None else bool(self.given)

    def count(self) -> FileCount:
        """The counts so far."""
        duplicate = len(self.repeats)
        accepted = self.read - duplicate - len(self.rejected)
        return FileCount(self.file, self.read, accepted, duplicate, len(self.rejected))

    def refuse(self, line: int, column: str, code: str, sentence: Told, cure: Told = NO_CURE) -> None:
        """Reject a row and say why. May be called several times for one row."""
        self.rejected.add(line)
        self.problems.append(Problem(self.file, line, column, code, sentence, cure))

    def refuse_cell(self, line: int, column: str, error: Unreadable) -> None:
        """Reject a row for what a cell holds."""
        self.refuse(line, column, error.code, error.sentence, error.cure)

    def refuse_dependent(self, line: int, column: str, sentence: Told) -> None:
        """Leave out a row, itself good, that leans on a rejected one. Only where good rows are taken without
        the bad ones: otherwise nothing is taken, and only the root of the trouble is worth reading."""
        if self.takes_good_rows and line not in self.rejected:
            cure = told("It comes in when that row is mended.")
            self.refuse(line, column, "depends-on-rejected", sentence, cure)

    def refuse_file(self, line: int, column: str, code: str, sentence: Told, cure: Told) -> None:
        """Say why the whole file cannot be used."""
        self.unusable = True
        self.problems.append(Problem(self.file, line, column, code, sentence, cure))

    def rows(self, columns: Sequence[Column]) -> Iterator[tuple[int, Any]]:
        """Each readable row: its line, and its values in the order in which the columns are declared."""
        if self.unusable or not self.is_there:
            return
        try:
            yield from self._values(columns)
        except Unreadable as error:
            self.refuse_file(0, "", error.code, error.sentence, error.cure)
        except OSError as error:
            self.refuse_file(0, "", *cannot_read(error))

    def _values(self, columns: Sequence[Column]) -> Iterator[tuple[int, Any]]:
        layout: _Layout | None = None
        for lines, rows in self._records():
            if layout is None:
                if not self.unusable:
                    self._check_header(lines[0], rows[0], columns)
                if self.unusable:
                    return
                layout = _Layout(rows[0], columns)
                lines, rows = lines[1:], rows[1:]
            self.read += len(rows)
            if self.progress is not None:
                self.progress(self.file, self.read)
            try:
                values = layout.values(rows)
            except Unreadable:
                yield from self._row_by_row(lines, rows, layout)
            else:
                yield from zip(lines, values, strict=True)
        if layout is not None:
            at = layout.key_at
            self.lost = {row[at].strip('"\r\n') for row in self._lost_rows if at < len(row)}
        elif not self.unusable:
            header = ",".join(column.name for column in columns)
            cure = told("Begin it with the header %(header)s.", header=header)
            self.refuse_file(0, "", "empty-file", told("The file is empty."), cure)

    def _records(self) -> Iterator[tuple[Sequence[int], list[list[str]]]]:
        """Records in batches, each with its line; the first is the header."""
        if self.given is None:
            return text.batches(self.path, self._refuse_record, self.digest)
        self.digest.update(memoryview(json.dumps(self.given, sort_keys=True).encode()))
        names = list(dict.fromkeys(name for row in self.given for name in row))
        lines, records = [0], [names]
        for line, row in enumerate(self.given, 1):
            faults = {name: fault for name, cell in row.items() if (fault := text.not_text(cell))}
            for name, fault in faults.items():
                self.refuse_cell(line, name, fault)
            if faults:
                self.read += 1
                self._lost_rows.append([row.get(name, "") for name in names])
                continue
            lines.append(line)
            records.append([row.get(name, "") for name in names])
        return iter([(lines, records)])

    def _refuse_record(self, line: int, error: Unreadable, record: str) -> None:
        """A record that is not RFC 4180; in the header it makes the file unusable."""
        if self.unusable:
            return
        if line == 1:
            self.refuse_file(line, "", error.code, error.sentence, error.cure)
            return
        self.read += 1
        self.refuse_cell(line, "", error)
        self._lost_rows.append(record.split(","))

    def _row_by_row(
        self, lines: Sequence[int], rows: Sequence[list[str]], layout: _Layout
    ) -> Iterator[tuple[int, Any]]:
        """The good rows of a batch that holds bad ones, which are refused with everything that is wrong."""
        for line, row in zip(lines, rows, strict=True):
            try:
                (values,) = layout.values([row])
            except Unreadable as error:
                self._lost_rows.append(row)
                mistakes = list(layout.mistakes(row)) if len(row) == len(layout.header) else [("", error)]
                for column, mistake in mistakes:
                    self.refuse_cell(line, column, mistake)
            else:
                yield line, values

    def _check_header(self, line: int, header: list[str], columns: Sequence[Column]) -> None:
        """Every column is known and there once, and none that is required is missing."""
        known = [column.name for column in columns]
        if len(header) == 1 and any(sign in header[0] for sign in ";\t|"):
            cure = told("Save the file with commas between the cells.")
            self.refuse_file(line, "", "no-commas", told("The cells are not divided by commas."), cure)
            return
        if not set(header) & set(known):
            cure = told("Begin the file with the header %(header)s.", header=",".join(known))
            self.refuse_file(line, "", "no-header", told("The first line names no known column."), cure)
            return
        missing = [column.name for column in columns if column.required and column.name not in header]
        meant = {written.nearest(name, missing) for name in header if name not in known}
        for position, name in enumerate(header):
            if name not in known:
                cure = written.meant(name, missing, written.meant(name, known))
                sentence = told("The column %(column)s is not known.", column=shown(name))
                self.refuse_file(line, name, "unknown-column", sentence, cure)
            elif name in header[:position]:
                sentence = told("The column %(column)s is there twice.", column=shown(name))
                self.refuse_file(line, name, "column-twice", sentence, told("Leave one out."))
        for name in missing:
            if name in meant:  # the mistyped one has been named
                continue
            sentence = told("The column %(column)s is missing.", column=shown(name))
            self.refuse_file(line, name, "missing-column", sentence, told("Add it."))


def cannot_read(error: OSError) -> tuple[str, Told, Told]:
    """Code, sentence and cure of a file that the system does not hand out."""
    sentence = told("The file cannot be read: %(reason)s.", reason=error.strerror or told("no reason given"))
    return "cannot-read", sentence, told("Check that it is a file that may be read.")


def _empty() -> Unreadable:
    return Unreadable("missing-value", told("The cell is empty."), told("It has to be filled."))


def _ragged(found: int, width: int) -> Unreadable:
    sentence = told("The row has %(found)s cells, the header %(width)s.", found=found, width=width)
    if found == 1:
        sentence = told("The row has 1 cell, the header %(width)s.", width=width)
    cure = told("Write one cell for each column, and put a cell that holds a comma in quotes.")
    return Unreadable("ragged-row", sentence, cure)


class _Layout:
    """How the columns of a file become the declared ones. Works column by column, at the speed of ``map``."""

    def __init__(self, header: list[str], columns: Sequence[Column]) -> None:
        by_name = {column.name: column for column in columns}
        absent = [column for column in columns if column.name not in header]
        order = [*header, *(column.name for column in absent)]
        self.header = header
        self.columns = [by_name[name] for name in header]
        self.key_at = header.index(columns[0].name)
        numbered = list(enumerate(self.columns))
        self._readers = [(at, column.reader()) for at, column in numbered if column.read is not None]
        self._required = [at for at, column in numbered if column.required]
        self._absent = [repeat(column.absent) for column in absent]
        self._pick = itemgetter(*(order.index(column.name) for column in columns))

    def values(self, rows: Sequence[list[str]]) -> Iterator[tuple[Any, ...]]:
        """The values of rows in declared order; Unreadable if any of them has a mistake."""
        width = len(self.header)
        for row in rows:
            if len(row) != width:
                raise _ragged(len(row), width)
        columns: list[Any] = list(zip(*rows, strict=True))
        for at in self._required if rows else ():
            if "" in columns[at]:
                raise _empty()
        for at, read in self._readers if rows else ():
            columns[at] = list(map(read, columns[at]))
        return zip(*self._pick([*columns, *self._absent]), strict=False) if rows else iter(())

    def mistakes(self, row: list[str]) -> Iterator[tuple[str, Unreadable]]:
        """Every cell of a row that cannot be read, with its column."""
        for column, cell in zip(self.columns, row, strict=False):
            try:
                if not cell and column.required:
                    raise _empty()
                if cell and column.read is not None:
                    column.read(cell)
            except Unreadable as error:
                yield column.name, error


class Kept(Generic[K, R]):
    """The rows of a sheet by key, in listed order. An identical row counts as a duplicate; one with the same key
    and other content is a mistake, and neither is taken: which of the two is right, a person decides.

    ``what`` names a row, by its ``%(key)s`` if that is one word. ``known``: keys that came earlier, to which rows
    may refer too; None where there is no earlier.
    """

    def __init__(self, sheet: Sheet, what: str, known: Container[K] | None = None) -> None:
        self.sheet = sheet
        self.what = what
        self.known = known
        self.by_key: dict[K, tuple[int, R]] = {}

    def add(self, line: int, key: K, record: R) -> bool:
        """Take a row in; whether it is the first of its key."""
        first_line, first = self.by_key.setdefault(key, (line, record))
        if first_line == line:
            return True
        if first != record:
            self.sheet.rejected.add(first_line)
            sentence = told(
                "%(what)s is already in line %(line)s, with other content.", what=self._named(key), line=first_line
            )
            self.sheet.refuse(line, "", "conflict", sentence, told("Keep the one that is right."))
        elif line not in self.sheet.rejected:
            self.sheet.repeats.append(line)
        return False

    def accepted(self) -> tuple[R, ...]:
        """The records of the rows that are not rejected."""
        rejected = self.sheet.rejected
        return tuple(record for line, record in self.by_key.values() if line not in rejected)

    def check(self, key: K, sheet: Sheet, line: int, column: str) -> None:
        """Refuse a row of another sheet that refers to what is neither here nor known. Where it is here, but
        rejected, the row falls with it even if an earlier one is known: it was written for the new one."""
        found = self.by_key.get(key)
        if found is not None and found[0] not in self.sheet.rejected:
            return
        what = self._named(key)
        if found is not None or key in self.sheet.lost:
            sheet.refuse_dependent(line, column, told("%(what)s was itself rejected.", what=what))
        elif not self.sheet.unusable and not (self.known is not None and key in self.known):
            file = self.sheet.file
            sentence = told("%(what)s is not in %(file)s.", what=what, file=file)
            if self.known is not None:
                sentence = told("%(what)s is not in %(file)s, nor known from before.", what=what, file=file)
            cure = told("Add it to %(file)s, or correct the id.", file=file)
            sheet.refuse(line, column, "unknown-reference", sentence, cure)

    def _named(self, key: K) -> Told:
        return told(self.what, key=shown(key)) if isinstance(key, str) else told(self.what)
