"""assignments.csv, targets.csv, fx_rates.csv: which rules hold for whom, from when to when (docs/formats.md)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass

from incentives.calendar import Unit, period_of
from incentives.documents import written
from incentives.documents.written import shown
from incentives.errors import Told, marked, told
from incentives.facts import Assignment, FxRate, Target
from incentives.feeds import cells
from incentives.feeds.invoices import amount_or_none
from incentives.feeds.people import Payees, check_range
from incentives.feeds.tables import Kept, Sheet, maybe, needed
from incentives.rules.commission import Commission
from incentives.rules.plan import Component, Plan
from incentives.rules.shared_bonus import SharedBonus
from incentives.rules.target_bonus import TargetBonus

ASSIGNMENTS = (
    needed("plan"),
    maybe("payee_id"),
    maybe("team"),
    needed("starts_on", written.day),
    maybe("ends_on", cells.end_day, None),
)
TARGETS = (
    needed("plan"),
    needed("component"),
    maybe("payee_id"),
    maybe("team"),
    maybe("window_start", written.day, None),
    needed("amount"),
)
FX_RATES = (
    needed("from", written.currency),
    needed("to", written.currency),
    needed("on", written.day),
    needed("rate", cells.rate),
)

_OPEN_END = "ever"
_UNITS: dict[Unit, Told] = {
    "month": told("month"),
    "quarter": told("quarter"),
    "fiscal_year": told("fiscal year"),
}


@dataclass(frozen=True, slots=True)
class Shelf:
    """The plans by id. ``unread``: ids and file names of plans that hold mistakes, or could not be read at all, so
    that nothing is said about who refers to them; nor where there is no plan at all, unless there may be none."""

    by_id: dict[str, Plan]
    unread: frozenset[str] = frozenset()
    may_be_empty: bool = False

    def check(self, plan: str, sheet: Sheet, line: int) -> Plan | None:
        """The plan of that id; one that is not there is refused."""
        found = self.by_id.get(plan)
        if found is None and (self.by_id or self.may_be_empty) and plan not in self.unread:
            sentence = told("No plan is called %(plan)s.", plan=shown(plan))
            otherwise = told("Add the plan to plans/, or correct the id.")
            cure = written.meant(plan, [*self.by_id, *self.unread], otherwise)
            sheet.refuse(line, "plan", "unknown-reference", sentence, cure)
        return found


def read_assignments(
    sheet: Sheet, shelf: Shelf, payees: Payees
) -> Kept[tuple[str, str, str, dt.date], Assignment]:
    """Which plan holds for which payee or team; plans with shared components for teams only (section 6)."""
    kept: Kept[tuple[str, str, str, dt.date], Assignment] = Kept(sheet, marked("This assignment"))
    for line, values in sheet.rows(ASSIGNMENTS):
        assignment = Assignment(*values)
        plan = shelf.check(assignment.plan, sheet, line)
        fits = _payee_or_team(sheet, line, assignment.payee_id, assignment.team, payees)
        check_range(sheet, line, assignment.starts_on, assignment.ends_on)
        if fits and plan is not None:
            _check_assignable(sheet, line, plan, to_team=bool(assignment.team))
        key = (assignment.plan, assignment.payee_id, assignment.team, assignment.starts_on)
        kept.add(line, key, assignment)
    return kept


def _payee_or_team(sheet: Sheet, line: int, payee_id: str, team: str, payees: Payees) -> bool:
    """Exactly one of the two; teams are just named, payees are known."""
    if bool(payee_id) == bool(team):
        both, neither = told("Both a payee and a team are given."), told("Neither a payee nor a team is given.")
        cure = told("Fill in one of payee_id and team.")
        sheet.refuse(line, "payee_id", "payee-or-team", both if team else neither, cure)
        return False
    if payee_id:
        payees.check(payee_id, sheet, line, "payee_id")
    return True


def _check_assignable(sheet: Sheet, line: int, plan: Plan, *, to_team: bool) -> None:
    for component in (each for version in plan.versions for each in version.components):
        reason = unassignable(component, to_team=to_team)
        if reason:
            if to_team:
                sentence = told("The plan cannot be assigned to a team: %(reason)s.", reason=reason)
                sheet.refuse(line, "team", "payee-or-team", sentence, told("Assign it to a payee."))
            else:
                sentence = told("The plan cannot be assigned to a payee: %(reason)s.", reason=reason)
                sheet.refuse(line, "payee_id", "payee-or-team", sentence, told("Assign it to a team."))
            return


def unassignable(component: Component, *, to_team: bool) -> Told | None:
    """Why a plan with this component cannot be assigned to a team, or to a payee; ``None`` where it can."""
    return _not_for_teams(component) if to_team else _not_for_payees(component)


def _not_for_teams(component: Component) -> Told | None:
    if isinstance(component, SharedBonus | TargetBonus):
        return None
    name, kind = shown(component.name), component.kind
    return told("%(name)s is a %(kind)s, which is paid to payees", name=name, kind=kind)


def _not_for_payees(component: Component) -> Told | None:
    name = shown(component.name)
    if isinstance(component, SharedBonus):
        return told("%(name)s is a shared_bonus, which is paid to a team", name=name)
    if isinstance(component, TargetBonus) and component.gates:
        return told("%(name)s has gates, and metrics are measured per team", name=name)
    return None


def read_targets(
    sheet: Sheet, shelf: Shelf, payees: Payees, fiscal_year_starts: int | None
) -> Kept[tuple[str, str, str, str, dt.date | None], Target]:
    """Targets of payees and teams for the windows or periods of components, in the plan's currency (section 7)."""
    kept: Kept[tuple[str, str, str, str, dt.date | None], Target] = Kept(sheet, marked("This target"))
    for line, (plan_id, component, payee_id, team, window_start, found) in sheet.rows(TARGETS):
        plan = shelf.check(plan_id, sheet, line)
        _payee_or_team(sheet, line, payee_id, team, payees)
        amount_minor = amount_or_none(sheet, line, "amount", found, plan.currency if plan else None)
        if amount_minor is not None and amount_minor <= 0:
            sentence = told("%(found)s is not above 0.", found=shown(found))
            sheet.refuse(line, "amount", "not-positive", sentence, told("Write more than 0."))
        if plan is not None and component not in plan.component_names():
            sentence = told("The plan has no component %(name)s.", name=shown(component))
            cure = written.meant(component, plan.component_names())
            sheet.refuse(line, "component", "unknown-reference", sentence, cure)
        elif plan is not None:
            _check_window(sheet, line, set(_windows(plan, component)), window_start, fiscal_year_starts)
        target = Target(plan_id, component, payee_id, team, window_start, amount_minor or 0)
        kept.add(line, (plan_id, component, payee_id, team, window_start), target)
    return kept


def _windows(plan: Plan, name: str) -> Iterator[Unit | str]:
    """What a target of the component can be for, in any version."""
    for version in plan.versions:
        component = version.component(name)
        if isinstance(component, Commission) and component.accumulates_over != "invoice":
            yield component.accumulates_over
        elif isinstance(component, TargetBonus):
            yield component.per


def _check_window(
    sheet: Sheet, line: int, windows: set[Unit | str], start: dt.date | None, fiscal_year_starts: int | None
) -> None:
    """``window_start`` is the first day of a window or period, empty for ``ever``."""
    units = [unit for unit in _UNITS if unit in windows]
    if not windows:
        sentence = told("The component has no window or period that a target could be for.")
        cure = told("Leave the target out, or name another component.")
        sheet.refuse(line, "component", "no-window", sentence, cure)
    elif start is None:
        if _OPEN_END not in windows:
            sentence = told("The first day of the %(unit)s is missing.", unit=written.listed(units))
            sheet.refuse(line, "window_start", "missing-value", sentence, told("Fill it in."))
    elif not units:
        sentence = told("The component accumulates for ever.")
        sheet.refuse(line, "window_start", "wrong-window", sentence, told("Leave it empty."))
    elif fiscal_year_starts is not None:
        firsts = [period_of(start, unit, fiscal_year_starts).first for unit in units]
        if start not in firsts:
            names = written.listed(_UNITS[unit] for unit in units)
            sentence = told("%(day)s is not the first day of a %(unit)s.", day=start, unit=names)
            cure = told("The one that it lies in begins on %(days)s.", days=written.listed(map(str, firsts)))
            sheet.refuse(line, "window_start", "wrong-window", sentence, cure)


def read_fx_rates(sheet: Sheet) -> Kept[tuple[str, str, dt.date], FxRate]:
    """Rates from a day on; no inverse and no crossing is ever taken (section 5)."""
    kept: Kept[tuple[str, str, dt.date], FxRate] = Kept(sheet, marked("A rate of these currencies on this day"))
    for line, values in sheet.rows(FX_RATES):
        rate = FxRate(*values)
        if rate.from_currency == rate.to_currency:
            sentence = told("%(currency)s needs no rate to itself.", currency=rate.from_currency)
            sheet.refuse(line, "to", "same-currency", sentence, told("Leave the row out."))
        kept.add(line, (rate.from_currency, rate.to_currency, rate.on), rate)
    return kept
