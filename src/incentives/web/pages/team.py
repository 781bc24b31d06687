"""Team: people by months, what waits on cash for each, and the customers that are a risk; each leads on."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, render_template, request, url_for

from incentives.calendar import Period, month_name
from incentives.documents.written import Unreadable, first_of_month
from incentives.service import pay, receivables, teams
from incentives.service.access import NotThere
from incentives.service.pay import Quarter
from incentives.service.teams import Manager
from incentives.store.facts_out import Known
from incentives.web.here import reader, speak, today, viewer
from incentives.web.policy import allow

blueprint = Blueprint("team", __name__, url_prefix="/team")


@blueprint.get("")
@allow("manager", "author", "approver", "auditor")
def show() -> Any:
    """The people of a team, a quarter at a time."""
    rules, team = Known(reader()).rules(), _Team.asked_for()
    if rules is None or not team.people:
        return render_template("team/nothing.html", team=team, is_empty=rules is None)
    known = pay.quarters(reader(), rules, team.people, today())
    quarter = _quarter(known)
    rows = [pay.quarter_of(reader(), rules, payee_id, quarter) for payee_id in sorted(team.people)]
    return render_template(
        "team/show.html",
        team=team,
        quarters=[
            (
                speak().short_months(each.first, each.last),
                team.address(quarter=month_name(each.first)),
                each == quarter,
            )
            for each in known[-6:]
        ],
        months=[each for each in rows[0].months if each <= today()],
        closed_through=rows[0].closed_through,
        tables=(tables := _by_currency(rows)),
        sums={currency: _together(some) for currency, some in tables.items()},
        month_name=month_name,
    )


@blueprint.get("/risks")
@allow("manager", "author", "approver", "auditor")
def risks() -> Any:
    """The customers that are a risk: a fragment, since it has to be worked out."""
    rules, team = Known(reader()).rules(), _Team.asked_for()
    found = receivables.open_of(reader(), rules, team.people, today()) if rules and team.people else []
    shown = teams.risks(found)
    names = teams.names_of(reader(), {payee_id for risk in shown for payee_id in risk.payees} & team.people)
    return render_template("team/risks.html", risks=shown, names=names)


@dataclass(frozen=True, slots=True)
class _Team:
    """Whose team is looked at: a manager's own; finance and auditors choose a manager."""

    people: frozenset[str]
    chosen: str
    managers: list[Manager]

    @classmethod
    def asked_for(cls) -> _Team:
        own, asked = viewer().reports, request.args.get("manager", "")
        if not viewer().sees_all_pay:
            if asked not in ("", viewer().payee_id):
                raise NotThere(asked)
            return cls(own, "", [])
        managers = teams.managers(reader(), today())
        by_id = {each.payee_id: each for each in managers}
        if asked and asked not in by_id:
            raise NotThere(asked)
        chosen = asked or (viewer().payee_id if own else next(iter(by_id), ""))
        return cls(by_id[chosen].reports if chosen else frozenset(), chosen, managers)

    def address(self, manager: str = "", quarter: str = "") -> str:
        """The page of a manager's team, or of this one."""
        return url_for("team.show", manager=manager or self.chosen or None, quarter=quarter or None)


def _quarter(known: list[Period]) -> Period:
    """The quarter that the address names; the newest if it names none."""
    if "quarter" not in request.args:
        return known[-1]
    try:
        first = first_of_month(request.args["quarter"])
    except Unreadable:
        raise NotThere("quarter") from None
    for each in known:
        if each.first == first:
            return each
    raise NotThere("quarter")


@dataclass(frozen=True, slots=True)
class _Row:
    """One person in one currency: the sums of each month, and of the quarter."""

    quarter: Quarter
    months: dict[dt.date, dict[str, int]]
    sums: dict[str, int]


def _together(rows: list[_Row]) -> _Row:
    """Everybody in a currency: the last row of their table."""
    first = rows[0]
    months = {month: _added(row.months[month] for row in rows) for month in first.months}
    return _Row(first.quarter, months, _added(row.sums for row in rows))


def _added(sums: Iterable[dict[str, int]]) -> dict[str, int]:
    total = Counter[str]()
    for each in sums:
        total.update(each)
    return dict(total)


def _by_currency(rows: list[Quarter]) -> dict[str, list[_Row]]:
    """The people of each currency; amounts of two currencies are never added."""
    found: dict[str, list[_Row]] = {}
    for quarter in rows:
        for section in quarter.document["sections"]:
            months = {dt.date.fromisoformat(each["month"]): each["sums"] for each in section["months"]}
            found.setdefault(section["currency"], []).append(_Row(quarter, months, section["sums"]))
    return found
