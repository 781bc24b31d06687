"""Compare: what paying on signature would have cost, beside what cash pays."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for
from markupsafe import Markup

from incentives import jobs
from incentives.jobs import Job
from incentives.papers import comparison
from incentives.service import comparing, kept
from incentives.service.access import NotThere
from incentives.service.comparing import Quarter, summed
from incentives.service.runs import rules_in_force
from incentives.web.here import books, have_done, reader, speak, today, viewer
from incentives.web.policy import allow

blueprint = Blueprint("compare", __name__, url_prefix="/compare")

SEE = ("author", "approver", "auditor")
FEW = 12
"""Of so many payees every quarter is shown at once; of more, those of one who is chosen."""


@blueprint.get("")
@allow(*SEE)
def show() -> Any:
    """The comparison; over many events a job makes it first."""
    if kept.is_little(reader()):
        return _shown(comparing.compared(reader(), today()), None)
    number = request.args.get("job", "")
    asked = number.isascii() and number.isdigit() and len(number) < 16
    job = jobs.look(books(), reader(), viewer(), int(number)) if asked else _last()
    if job is not None and (job.kind != "compare" or job.account_id != viewer().account_id):
        raise NotThere(number)
    done = job is not None and job.state == "done"
    return _shown(comparing.from_plain(job.result["quarters"]) if job is not None and done else None, job)


@blueprint.post("")
@allow("author", "approver", "auditor")
def start() -> Any:
    """Have it calculated, as of today."""
    arguments = {"as_of": today().isoformat(), "to": url_for("compare.show")}
    number = have_done("compare", arguments)
    return redirect(url_for("compare.show", job=number))


def _last() -> Job | None:
    """The viewer's newest comparison."""
    return next((each for each in jobs.jobs_of(reader(), viewer().account_id) if each.kind == "compare"), None)


def _shown(quarters: tuple[Quarter, ...] | None, job: Job | None) -> str:
    starts = rules_in_force(reader()).company.fiscal_year_starts
    return render_template(
        "compare/show.html",
        job=job,
        as_of=dt.date.fromisoformat(job.arguments["as_of"]) if job is not None else today(),
        currencies=[_currency(each, quarters, starts) for each in _currencies(quarters)] if quarters else [],
        is_calculated=quarters is not None,
    )


def _currencies(quarters: Iterable[Quarter]) -> list[str]:
    return sorted({each.currency for each in quarters})


def _currency(currency: str, quarters: Iterable[Quarter], starts: int) -> dict[str, Any]:
    mine = [each for each in quarters if each.currency == currency]
    firsts = sorted({each.quarter for each in mine})
    by_quarter = [(first, summed(each for each in mine if each.quarter == first)) for first in firsts]
    people: dict[tuple[str, str], list[Quarter]] = {}
    for each in mine:
        people.setdefault((each.name, each.payee_id), []).append(each)
    chosen = request.args.get("payee", "")
    drawn = [(first, (each.signature_minor, each.cash_minor, each.never_came_minor)) for first, each in by_quarter]
    return {
        "currency": currency,
        "sums": summed(mine),
        "chart": Markup(comparison.chart(speak(), drawn[-8:], currency, starts)),
        "quarters": [(comparison.short_quarter(speak(), first, starts), each) for first, each in by_quarter],
        "people": [
            {
                "payee_id": payee_id,
                "name": name,
                "sums": summed(of_payee),
                "quarters": [
                    (comparison.short_quarter(speak(), each.quarter, starts), summed([each])) for each in of_payee
                ]
                if len(people) <= FEW or payee_id == chosen
                else [],
            }
            for (name, payee_id), of_payee in sorted(people.items())
        ],
        "is_few": len(people) <= FEW,
    }
