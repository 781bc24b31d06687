"""Together: what credit and sales share in a quarter, and the pack for their meeting."""

from __future__ import annotations

import datetime as dt
from typing import Any

from flask import Blueprint, Response, make_response, render_template, request

from incentives.papers.meeting import quarter_title, told
from incentives.papers.statement.words import spoken
from incentives.service import meeting
from incentives.service.access import NotThere
from incentives.service.meeting import Choice
from incentives.web.here import reader, speak, today, viewer
from incentives.web.policy import allow

blueprint = Blueprint("together", __name__, url_prefix="/together")

SHARE = ("rep", "manager", "credit", "author", "approver", "auditor")


@blueprint.get("")
@allow(*SHARE)
def show() -> Any:
    """A quarter of a team. What takes long to calculate comes after the page."""
    choice = _choice()
    at_once = not choice.is_nothing and ("all" in request.args or meeting.is_quick(reader(), choice, today()))
    return render_template(
        "together/show.html",
        choice=choice,
        says=_figures(choice) if at_once else None,
        quarters=[
            (each, quarter_title(speak(), each.first, choice.fiscal_year_starts)) for each in choice.quarters
        ],
        asked={"team": choice.team, "quarter": _written(choice.quarter.first)},
        written=_written,
        spoken=spoken,
    )


@blueprint.get("/figures")
@allow(*SHARE)
def figures() -> Any:
    """The figures alone, for a page that is there already."""
    choice = _choice()
    if choice.is_nothing:
        raise NotThere("team")
    asked = {"team": choice.team, "quarter": _written(choice.quarter.first)}
    return render_template("together/figures.html", says=_figures(choice), choice=choice, asked=asked)


@blueprint.get("/pack.pdf")
@allow(*SHARE)
def pack() -> Response:
    """The pack for the monthly meeting."""
    choice = _choice()
    if choice.is_nothing:
        raise NotThere("team")
    answered = make_response(meeting.pack(reader(), viewer(), choice, today()))
    answered.mimetype = "application/pdf"
    name = f"together-{_written(choice.quarter.first)}.pdf"
    answered.headers["Content-Disposition"] = f'inline; filename="{name}"'
    return answered


def _choice() -> Choice:
    quarter = None
    if written := request.args.get("quarter"):
        try:
            quarter = dt.date.fromisoformat(f"{written}-01")
        except ValueError:
            raise NotThere(written) from None
    return meeting.choose(reader(), viewer(), today(), request.args.get("team", ""), quarter)


def _figures(choice: Choice) -> dict[str, Any]:
    seen = meeting.together(reader(), viewer(), choice, today())
    says = told(seen.view, viewer().language, seen.names, choice.fiscal_year_starts)
    return says | {"mine": seen.my_minor, "invoices": seen.invoices, "customers": seen.customers}


def _written(first: dt.date) -> str:
    return first.isoformat()[:7]
