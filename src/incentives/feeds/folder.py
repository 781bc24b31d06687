"""A dataset folder -> facts and plans, or everything that is wrong with it (docs/formats.md)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from incentives.documents.company import read_company
from incentives.documents.plans import read_plan, read_toml
from incentives.documents.written import Unreadable, nearest, shown
from incentives.errors import Problem
from incentives.facts import Company, Facts
from incentives.feeds import text
from incentives.feeds.assignments import Shelf, read_assignments, read_fx_rates, read_targets
from incentives.feeds.events import read_events
from incentives.feeds.invoices import (
    read_credits,
    read_customer_credit,
    read_customers,
    read_invoices,
    read_lines,
    whole_invoices,
)
from incentives.feeds.people import read_memberships, read_payees, read_reporting
from incentives.feeds.tables import FileCount, Progress, Sheet, cannot_read
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
COMPANY = "company.toml"
PLANS = "plans"


@dataclass(frozen=True, slots=True)
class Reading:
    """What a folder says. ``facts`` is None where nothing may be applied; ``problems`` are in order of place."""

    facts: Facts | None
    plans: tuple[Plan, ...]
    problems: tuple[Problem, ...]
    counts: tuple[FileCount, ...]


def read_folder(folder: Path, *, accept_good_rows: bool = False, progress: Progress | None = None) -> Reading:
    """Every file of a dataset folder, read strictly; nothing raises for what a user wrote.

    Facts are given when nothing was rejected, or when good rows are wanted without the bad ones; never when a
    whole file, a plan or the company could not be read. ``progress`` is told a file and its rows so far.
    """
    try:
        if not folder.is_dir():
            return _nothing(folder, "missing-folder", "There is no such folder.", "Check its name.")
        return _read(folder, accept_good_rows, progress)
    except OSError as error:
        cure = "Check its name and who may read it."
        return _nothing(folder, "unreadable-folder", f"It cannot be read: {error.strerror or error}.", cure)


def _nothing(folder: Path, code: str, sentence: str, cure: str) -> Reading:
    return Reading(None, (), (Problem(_printable(folder.name), 0, "", code, sentence, cure),), ())


def _read(folder: Path, accept_good_rows: bool, progress: Progress | None) -> Reading:
    intake = _Intake(folder, accept_good_rows, progress)
    facts = intake.facts()
    plans = tuple(intake.shelf.by_id.values())
    return Reading(facts, plans, tuple(sorted(intake.problems())), tuple(intake.counts()))


class _Intake:
    """The reading of one folder: its sheets as they are opened, and the problems outside of them."""

    def __init__(self, folder: Path, accept_good_rows: bool, progress: Progress | None) -> None:
        self.folder = folder
        self.accept_good_rows = accept_good_rows
        self.progress = progress
        self.sheets: list[Sheet] = []
        self.document_problems: list[Problem] = []
        self.shelf = Shelf({})

    def problems(self) -> Iterator[Problem]:
        yield from self.document_problems
        for sheet in self.sheets:
            yield from sheet.problems

    def counts(self) -> Iterator[FileCount]:
        return (sheet.count() for sheet in self.sheets if sheet.path.exists())

    def facts(self) -> Facts | None:
        """All facts, each file after those that it refers to."""
        self._check_names()
        company = self._company()
        self.shelf = self._plans()
        currency = company.currency if company else None
        fiscal_year_starts = company.fiscal_year_starts if company else None
        payees = read_payees(self._sheet("payees.csv"))
        reporting = read_reporting(self._sheet("reporting.csv"), payees)
        memberships = read_memberships(self._sheet("memberships.csv"), payees)
        customers = read_customers(self._sheet("customers.csv"))
        credit_records = read_customer_credit(self._sheet("customer_credit.csv"), customers, currency)
        invoices = read_invoices(self._sheet("invoices.csv"), customers)
        lines = read_lines(self._sheet("invoice_lines.csv"), invoices)
        credits = read_credits(self._sheet("credits.csv"), invoices, payees)
        whole = whole_invoices(invoices, lines, credits)
        events = read_events(self._sheet("events.csv"), invoices, payees)
        assignments = read_assignments(self._sheet("assignments.csv"), self.shelf, payees)
        targets = read_targets(self._sheet("targets.csv"), self.shelf, payees, fiscal_year_starts)
        fx_rates = read_fx_rates(self._sheet("fx_rates.csv"))
        if company is None or not self._may_be_applied():
            return None
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
        if self.document_problems or any(sheet.unusable for sheet in self.sheets):
            return False
        return self.accept_good_rows or not any(sheet.problems for sheet in self.sheets)

    def _sheet(self, file: str) -> Sheet:
        """The sheet of a file. One that is missing has no rows; whether it may be missing, is said here."""
        sheet = Sheet(self.folder / file, self.accept_good_rows, self.progress)
        self.sheets.append(sheet)
        if file in REQUIRED and not sheet.path.exists():
            sheet.refuse_file(0, "", "missing-file", "The file is missing.", "Add it to the folder.")
        return sheet

    def _check_names(self) -> None:
        """A file that is called nearly like one of ours would be passed over in silence: say so."""
        known = (COMPANY, *REQUIRED, *OPTIONAL, PLANS)
        for path in sorted(self.folder.iterdir()):
            if path.name in known or not (path.is_dir() or path.suffix.lower() in (".csv", ".toml")):
                continue
            near = nearest(path.name, known, cutoff=0.85)
            if near is not None:
                sentence = f"A file of this name is not read; {shown(near)} is."
                self._complain(
                    _printable(path.name), "unknown-file", sentence, f"Call it {near}, or move it away."
                )

    def _company(self) -> Company | None:
        content = self._document(self.folder / COMPANY, COMPANY)
        if content is None:
            return None
        company, problems = read_company(content, COMPANY)
        self.document_problems.extend(problems)
        return company

    def _plans(self) -> Shelf:
        by_id: dict[str, Plan] = {}
        file_of: dict[str, str] = {}
        unread: set[str] = set()
        paths = sorted((self.folder / PLANS).glob("*.toml"))
        if not paths:
            self._complain(PLANS, "missing-file", "There is no plan.", "Add a TOML file for each plan.")
        for path in paths:
            place = f"{PLANS}/{_printable(path.name)}"
            plan = self._plan(path, place, unread)
            if plan is None:
                continue
            if plan.plan in by_id:
                sentence = f"{file_of[plan.plan]} already holds the plan {shown(plan.plan)}."
                cure = "Keep all versions of a plan in one file, or give this plan another id."
                self._complain(place, "conflict", sentence, cure)
            by_id.setdefault(plan.plan, plan)
            file_of.setdefault(plan.plan, place)
        return Shelf(by_id, frozenset(unread))

    def _plan(self, path: Path, place: str, unread: set[str]) -> Plan | None:
        """The plan of a file; where it holds mistakes, what it would be called goes to ``unread``."""
        content = self._document(path, place)
        plan, problems = read_plan(content, place) if content is not None else (None, [])
        self.document_problems.extend(problems)
        if plan is None:
            unread.add(path.stem)
            document = read_toml(content, place)[0] if content is not None else None
            unread.add(str((document or {}).get("plan", path.stem)))
        return plan

    def _document(self, path: Path, place: str) -> str | None:
        """The text of a TOML file; what keeps it from being read is a problem."""
        if not path.exists():
            self._complain(place, "missing-file", "The file is missing.", "Add it to the folder.")
            return None
        try:
            return text.decoded(path.read_bytes())
        except Unreadable as error:
            self._complain(place, error.code, error.sentence, error.cure)
        except OSError as error:
            self._complain(place, *cannot_read(error))
        return None

    def _complain(self, place: str, code: str, sentence: str, cure: str) -> None:
        self.document_problems.append(Problem(place, 0, "", code, sentence, cure))


def _printable(name: str) -> str:
    """A file name that can be shown anywhere."""
    return name if name.isprintable() else ascii(name)
