"""company.toml and plans/*.toml of a dataset folder, with their texts as they were written."""

from __future__ import annotations

import hashlib
from pathlib import Path

from incentives.documents.company import read_company
from incentives.documents.plans import read_plan, read_toml
from incentives.documents.written import Unreadable, shown
from incentives.errors import Problem, Told, told
from incentives.facts import Company
from incentives.feeds import text
from incentives.feeds.assignments import Shelf
from incentives.feeds.known import Known, other_decimals
from incentives.feeds.tables import cannot_read
from incentives.rules.plan import Plan

COMPANY = "company.toml"
PLANS = "plans"


class Documents:
    """The documents of one folder as they are read, and every problem with them.

    ``digests`` holds the SHA-256 of each file that was read; ``company_text`` and ``plan_texts`` (by plan id) what
    was written, of those that hold no mistake.
    """

    def __init__(self, folder: Path, known: Known | None) -> None:
        self.folder = folder
        self.known = known
        self.problems: list[Problem] = []
        self.digests: dict[str, str] = {}
        self.company_text = ""
        self.plan_texts: dict[str, str] = {}
        self.plans: dict[str, Plan] = {}

    def company(self) -> Company | None:
        """The company of the folder; the known one where the folder has none. None where it holds mistakes."""
        path = self.folder / COMPANY
        before = self.known.company if self.known else None
        if before is not None and not path.exists():
            return before
        content = self._text(path, COMPANY)
        if content is None:
            return None
        company, problems = read_company(content, COMPANY)
        self.problems.extend(problems)
        if company is not None:
            self.company_text = content
            self._check_decimals(COMPANY, before.currency if before else None, company.currency)
        return company

    def shelf(self) -> Shelf:
        """The plans that rows may refer to: those of the folder, and those known that it does not replace."""
        file_of: dict[str, str] = {}
        unread: set[str] = set()
        paths = sorted((self.folder / PLANS).glob("*.toml"))
        if not paths and self.known is None:
            self.complain(PLANS, "missing-file", told("There is no plan."), told("Add a TOML file for each plan."))
        for path in paths:
            place = f"{PLANS}/{printable(path.name)}"
            plan = self._plan(path, place, unread)
            if plan is None:
                continue
            if plan.plan in self.plans:
                sentence = told(
                    "%(file)s already holds the plan %(plan)s.", file=file_of[plan.plan], plan=shown(plan.plan)
                )
                cure = told("Keep all versions of a plan in one file, or give this plan another id.")
                self.complain(place, "conflict", sentence, cure)
            self.plans.setdefault(plan.plan, plan)
            file_of.setdefault(plan.plan, place)
        if self.known is None:
            return Shelf(self.plans, frozenset(unread))
        others = {key: plan for key, plan in self.known.plans.items() if key not in unread}
        return Shelf(others | self.plans, frozenset(unread), may_be_empty=True)

    def _plan(self, path: Path, place: str, unread: set[str]) -> Plan | None:
        """The plan of a file; where it holds mistakes, what it would be called goes to ``unread``."""
        content = self._text(path, place)
        plan, problems = read_plan(content, place) if content is not None else (None, [])
        self.problems.extend(problems)
        if plan is None or content is None:
            unread.add(path.stem)
            document = read_toml(content, place)[0] if content is not None else None
            unread.add(str((document or {}).get("plan", path.stem)))
            return None
        self.plan_texts.setdefault(plan.plan, content)
        before = self.known.plans.get(plan.plan) if self.known else None
        self._check_decimals(place, before.currency if before else None, plan.currency)
        return plan

    def _check_decimals(self, place: str, before: str | None, now: str) -> None:
        if found := other_decimals(before, now):
            self.problems.append(Problem(place, 0, "currency", *found))

    def _text(self, path: Path, place: str) -> str | None:
        """The text of a TOML file; what keeps it from being read is a problem."""
        if not path.exists():
            self.complain(place, "missing-file", told("The file is missing."), told("Add it to the folder."))
            return None
        try:
            content = path.read_bytes()
            self.digests[place] = hashlib.sha256(content).hexdigest()
            return text.decoded(content)
        except Unreadable as error:
            self.complain(place, error.code, error.sentence, error.cure)
        except OSError as error:
            self.complain(place, *cannot_read(error))
        return None

    def complain(self, place: str, code: str, sentence: Told, cure: Told) -> None:
        """A problem of a whole file, or of the folder."""
        self.problems.append(Problem(place, 0, "", code, sentence, cure))


class Unchanged(Documents):
    """No documents: the company and the plans are those that are known."""

    def __init__(self, known: Known) -> None:
        super().__init__(Path(), known)
        self._known = known

    def company(self) -> Company | None:
        """The known one."""
        return self._known.company

    def shelf(self) -> Shelf:
        """The known ones."""
        return Shelf(dict(self._known.plans), may_be_empty=True)


def printable(name: str) -> str:
    """A file name that can be shown anywhere."""
    return name if name.isprintable() else ascii(name)
