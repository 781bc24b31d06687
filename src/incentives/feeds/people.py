"""payees.csv, reporting.csv, memberships.csv -> who is who (docs/formats.md)."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Collection, Iterator

from incentives.documents import written
from incentives.documents.written import shown
from incentives.errors import marked, told
from incentives.facts import LANGUAGES, Membership, Payee, Reporting, covers
from incentives.feeds import cells
from incentives.feeds.known import Known
from incentives.feeds.tables import Kept, Sheet, maybe, needed

Payees = Kept[str, Payee]
ReportingLines = Kept[tuple[str, str, dt.date], Reporting]

PAYEES = (
    needed("payee_id"),
    needed("name"),
    maybe("email"),
    maybe("employee_id"),
    maybe("currency", written.currency),
    maybe("starts_on", written.day, None),
    maybe("ends_on", cells.end_day, None),
    maybe(
        "language",
        cells.word(LANGUAGES, "unknown-language", marked("%(found)s is not a language known here.")),
        "en",
    ),
)
REPORTING = (
    needed("payee_id"),
    needed("manager_id"),
    needed("starts_on", written.day),
    maybe("ends_on", cells.end_day, None),
)
MEMBERSHIPS = (
    needed("team"),
    needed("payee_id"),
    needed("role"),
    needed("starts_on", written.day),
    maybe("ends_on", cells.end_day, None),
)


def read_payees(sheet: Sheet, known: Known | None = None) -> Payees:
    """Everybody who can be paid."""
    kept: Payees = Kept(sheet, marked("Payee %(key)s"), known.payee_ids if known else None)
    for line, values in sheet.rows(PAYEES):
        payee = Payee(*values)
        check_range(sheet, line, payee.starts_on, payee.ends_on)
        kept.add(line, payee.payee_id, payee)
    return kept


def read_reporting(sheet: Sheet, payees: Payees, known: Known | None = None) -> ReportingLines:
    """Who reports to whom; nobody, on any day, to themselves, directly or through others (section 5), known lines
    among them."""
    kept: ReportingLines = Kept(sheet, marked("This line of reporting"))
    for line, values in sheet.rows(REPORTING):
        reporting = Reporting(*values)
        payees.check(reporting.payee_id, sheet, line, "payee_id")
        payees.check(reporting.manager_id, sheet, line, "manager_id")
        check_range(sheet, line, reporting.starts_on, reporting.ends_on)
        kept.add(line, (reporting.payee_id, reporting.manager_id, reporting.starts_on), reporting)
    _refuse_cycles(sheet, kept, known.reporting if known else ())
    return kept


def read_memberships(sheet: Sheet, payees: Payees) -> Kept[tuple[str, str, str, dt.date], Membership]:
    """Who is in which team; a team is whatever is named as one."""
    kept: Kept[tuple[str, str, str, dt.date], Membership] = Kept(sheet, marked("This membership"))
    for line, values in sheet.rows(MEMBERSHIPS):
        membership = Membership(*values)
        payees.check(membership.payee_id, sheet, line, "payee_id")
        check_range(sheet, line, membership.starts_on, membership.ends_on)
        kept.add(line, (membership.team, membership.payee_id, membership.role, membership.starts_on), membership)
    return kept


def check_range(sheet: Sheet, line: int, starts_on: dt.date | None, ends_on: dt.date | None) -> None:
    """A range of days does not end before it starts."""
    if starts_on is not None and ends_on is not None and ends_on < starts_on:
        sentence = told("It ends on %(end)s, before it starts on %(start)s.", end=ends_on, start=starts_on)
        cure = told("Both days are inside; swap or mend them.")
        sheet.refuse(line, "ends_on", "ends-before-start", sentence, cure)


def _refuse_cycles(sheet: Sheet, kept: ReportingLines, known: Collection[Reporting]) -> None:
    """Add lines by starting day; one that closes a circle is refused. A circle closes on the first day of its
    youngest line, which may be a known one: those are there from the beginning."""
    managers: defaultdict[str, list[Reporting]] = defaultdict(list)
    earlier = [each for each in known if (each.payee_id, each.manager_id, each.starts_on) not in kept.by_key]
    for each in earlier:
        managers[each.payee_id].append(each)
    days = sorted({each.starts_on for each in earlier})
    for line, reporting in sorted(kept.by_key.values(), key=lambda row: (row[1].starts_on, row[0])):
        if line in sheet.rejected:
            continue
        day, chain = _circle(managers, reporting, days)
        if not chain:
            managers[reporting.payee_id].append(reporting)
            continue
        circle = " -> ".join(map(shown, chain))
        sentence = told("On %(day)s the reporting lines run in a circle: %(circle)s.", day=day, circle=circle)
        cure = told("End or correct one of these lines.")
        sheet.refuse(line, "manager_id", "reporting-cycle", sentence, cure)


def _circle(
    managers: defaultdict[str, list[Reporting]], added: Reporting, days: list[dt.date]
) -> tuple[dt.date, list[str]]:
    """The first day on which a line closes a circle with others, and the circle; an empty one if it never does.
    ``days`` are those on which lines begin that may be younger."""
    for day in (added.starts_on, *days):
        if covers(day, added.starts_on, added.ends_on) and (chain := _chain(managers, added, day)):
            return day, chain
    return added.starts_on, []


def _chain(managers: defaultdict[str, list[Reporting]], added: Reporting, day: dt.date) -> list[str]:
    """From the payee over the manager back to the payee, if that is possible on the day."""
    chains = [[added.payee_id, added.manager_id]]
    seen = {added.manager_id}
    while chains:
        chain = chains.pop()
        if chain[-1] == added.payee_id:
            return chain
        for manager in _managers_on(managers, chain[-1], day):
            if manager not in seen:
                seen.add(manager)
                chains.append([*chain, manager])
    return []


def _managers_on(managers: defaultdict[str, list[Reporting]], payee_id: str, day: dt.date) -> Iterator[str]:
    for reporting in managers.get(payee_id, ()):
        if covers(day, reporting.starts_on, reporting.ends_on):
            yield reporting.manager_id
