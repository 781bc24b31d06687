"""A dataset folder -> facts and plans, or everything that is wrong with it (docs/formats.md)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from incentives.documents.written import nearest, shown
from incentives.errors import Problem, Told, told
from incentives.facts import Company, Credit, Facts
from incentives.feeds.assignments import read_assignments, read_fx_rates, read_targets
from incentives.feeds.documents import COMPANY, PLANS, Documents, Unchanged, printable
from incentives.feeds.events import read_events
from incentives.feeds.invoices import (
    credits_alone,
    read_credits,
    read_customer_credit,
    read_customers,
    read_invoices,
    read_lines,
    whole_invoices,
)
from incentives.feeds.known import Known
from incentives.feeds.people import read_memberships, read_payees, read_reporting
from incentives.feeds.tables import FileCount, Given, Progress, Sheet
from incentives.rules.plan import Plan

REQUIRED = (
    "payees.csv",
    "customers.csv",
    "invoices.csv",
    "invoice_lines.csv",
    "credits.csv",
    "events.csv",
    "assignments.csv",
)
OPTIONAL = ("reporting.csv", "memberships.csv", "customer_credit.csv", "targets.csv", "fx_rates.csv")


@dataclass(frozen=True, slots=True)
class Reading:
    """What a folder says. ``facts`` is None where nothing may be applied; ``problems`` are in order of place.

    ``facts`` and ``plans`` hold what the folder brought and nothing that was known before, but for the company,
    which is the known one where ``held``, the names of the files that were read, has no company.toml.
    """

    facts: Facts | None
    plans: tuple[Plan, ...]
    problems: tuple[Problem, ...]
    counts: tuple[FileCount, ...]
    held: frozenset[str] = frozenset()
    credits_of: Mapping[str, tuple[Credit, ...]] = field(default_factory=dict)
    """By invoice id, the whole new lists of credits of known invoices that invoices.csv does not list."""
    repeats: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    """Of rows that came without a folder: by file, the lines that say what an earlier one said."""

    # How it was written is not what it says: a byte order mark more, and the reading is the same.
    company_text: str = field(default="", compare=False)
    """company.toml as it was written, without a byte order mark; ``""`` where there is none."""
    plan_texts: Mapping[str, str] = field(default_factory=dict, compare=False)
    """By plan id, each plan document as it was written."""
    sha256: str = field(default="", compare=False)
    """Of the lines ``{sha256 of the file}  {name}`` in order of name, as ``sha256sum`` writes them; ``""`` where
    nothing may be applied."""


def read_folder(
    folder: Path, *, accept_good_rows: bool = False, progress: Progress | None = None, known: Known | None = None
) -> Reading:
    """Every file of a dataset folder, read strictly; nothing raises for what a user wrote.

    Facts are given when nothing was rejected, or when good rows are wanted without the bad ones; never when a
    whole file, a plan or the company could not be read. ``progress`` is told a file and its rows so far.

    With ``known`` the folder is a later delivery: any file may be missing, and rows may refer to what is known.
    Invoices come whole, with all their lines; credits of a known invoice may come alone, as its whole new list.
    """
    try:
        if not folder.is_dir():
            return _nothing(folder, "missing-folder", told("There is no such folder."), told("Check its name."))
        return _Folder(folder, accept_good_rows, progress, known).reading()
    except OSError as error:
        sentence = told("It cannot be read: %(reason)s.", reason=error.strerror or error)
        return _nothing(folder, "unreadable-folder", sentence, told("Check its name and who may read it."))


def read_rows(rows: Mapping[str, Given], known: Known) -> Reading:
    """Rows that come without a folder, by the name of the file that they would stand in: read as a later delivery
    is, with every mistake. Lines count the rows from 1."""
    assert set(rows) <= {*REQUIRED, *OPTIONAL}, "rows of a file that is none"
    return _Intake(Unchanged(known), known, rows).reading()


def _nothing(folder: Path, code: str, sentence: Told, cure: Told) -> Reading:
    return Reading(None, (), (Problem(printable(folder.name), 0, "", code, sentence, cure),), ())


class _Intake:
    """The reading of one delivery: its documents, and its sheets as they are opened."""

    def __init__(self, documents: Documents, known: Known | None, rows: Mapping[str, Given] | None = None) -> None:
        self.documents = documents
        self.known = known
        self.rows = rows or {}
        self.accept_good_rows = False
        self.sheets: list[Sheet] = []
        self.credits_of: Mapping[str, tuple[Credit, ...]] = {}

    def reading(self) -> Reading:
        """Everything read, and what was found."""
        facts = self._facts(self.documents.company())
        read = [sheet for sheet in self.sheets if sheet.is_there]
        digests = self.documents.digests | {sheet.file: sheet.digest.hexdigest() for sheet in read}
        return Reading(
            facts=facts,
            plans=tuple(self.documents.plans.values()),
            problems=tuple(sorted(self._problems())),
            counts=tuple(sheet.count() for sheet in read),
            held=frozenset(digests),
            credits_of=self.credits_of,
            repeats={sheet.file: tuple(sheet.repeats) for sheet in read if sheet.given is not None},
            company_text=self.documents.company_text,
            plan_texts=self.documents.plan_texts,
            sha256=_digest(digests) if facts else "",
        )

    def _problems(self) -> Iterator[Problem]:
        yield from self.documents.problems
        for sheet in self.sheets:
            yield from sheet.problems

    def _facts(self, company: Company | None) -> Facts | None:
        """All facts, each file after those that it refers to."""
        known = self.known
        shelf = self.documents.shelf()
        currency = company.currency if company else None
        fiscal_year_starts = company.fiscal_year_starts if company else None
        payees = read_payees(self._sheet("payees.csv"), known)
        reporting = read_reporting(self._sheet("reporting.csv"), payees, known)
        memberships = read_memberships(self._sheet("memberships.csv"), payees)
        customers = read_customers(self._sheet("customers.csv"), known)
        credit_records = read_customer_credit(self._sheet("customer_credit.csv"), customers, currency)
        invoices = read_invoices(self._sheet("invoices.csv"), customers, known)
        lines = read_lines(self._sheet("invoice_lines.csv"), invoices, known)
        credits = read_credits(self._sheet("credits.csv"), invoices, payees, known)
        whole = whole_invoices(invoices, lines, credits)
        events = read_events(self._sheet("events.csv"), invoices, payees, known)
        assignments = read_assignments(self._sheet("assignments.csv"), shelf, payees)
        targets = read_targets(self._sheet("targets.csv"), shelf, payees, fiscal_year_starts)
        fx_rates = read_fx_rates(self._sheet("fx_rates.csv"))
        if company is None or not self._may_be_applied():
            return None
        self.credits_of = credits_alone(invoices, credits)
        return Facts(
            company=company,
            payees=payees.accepted(),
            reporting=reporting.accepted(),
            memberships=memberships.accepted(),
            customers=customers.accepted(),
            credit_records=credit_records.accepted(),
            invoices=whole,
            events=events,
            assignments=assignments.accepted(),
            targets=targets.accepted(),
            fx_rates=fx_rates.accepted(),
        )

    def _may_be_applied(self) -> bool:
        if self.documents.problems or any(sheet.unusable for sheet in self.sheets):
            return False
        return self.accept_good_rows or not any(sheet.problems for sheet in self.sheets)

    def _sheet(self, file: str) -> Sheet:
        """The sheet of a file. One that is missing has no rows."""
        return self._opened(Sheet(Path(file), given=self.rows.get(file, ())))

    def _opened(self, sheet: Sheet) -> Sheet:
        self.sheets.append(sheet)
        return sheet


class _Folder(_Intake):
    """The reading of one folder."""

    def __init__(
        self, folder: Path, accept_good_rows: bool, progress: Progress | None, known: Known | None
    ) -> None:
        super().__init__(Documents(folder, known), known)
        self.folder = folder
        self.accept_good_rows = accept_good_rows
        self.progress = progress

    def reading(self) -> Reading:
        """Everything read, and what was found."""
        self._check_names()
        return super().reading()

    def _sheet(self, file: str) -> Sheet:
        """The sheet of a file. One that is missing has no rows; whether it may be missing, is said here."""
        sheet = self._opened(Sheet(self.folder / file, self.accept_good_rows, self.progress))
        if self.known is None and file in REQUIRED and not sheet.is_there:
            sheet.refuse_file(0, "", "missing-file", told("The file is missing."), told("Add it to the folder."))
        return sheet

    def _check_names(self) -> None:
        """A file that is called nearly like one of ours would be passed over in silence: say so. A delivery
        without any file of ours is a mistake too, most likely another folder."""
        files = (COMPANY, *REQUIRED, *OPTIONAL)
        names = (*files, PLANS)
        for path in sorted(self.folder.iterdir()):
            if path.name in names or not (path.is_dir() or path.suffix.lower() in (".csv", ".toml")):
                continue
            near = nearest(path.name, names, cutoff=0.85)
            if near is not None:
                sentence = told("A file of this name is not read; %(near)s is.", near=shown(near))
                cure = told("Call it %(name)s, or move it away.", name=near)
                self.documents.complain(printable(path.name), "unknown-file", sentence, cure)
        if self.known is None or any((self.folder / file).exists() for file in files):
            return
        if not any((self.folder / PLANS).glob("*.toml")):
            place = printable(self.folder.absolute().name)
            cure = told(
                "Put in what is new: %(files)s or %(plans)s.", files=", ".join(files), plans=f"{PLANS}/*.toml"
            )
            sentence = told("No file of a dataset is in the folder.")
            self.documents.complain(place, "nothing-to-read", sentence, cure)


def _digest(digests: Mapping[str, str]) -> str:
    listed = "".join(f"{sha256}  {name}\n" for name, sha256 in sorted(digests.items()))
    return hashlib.sha256(listed.encode()).hexdigest()
