"""Audit: everything that was done, and the export that proves a month."""

from __future__ import annotations

import datetime as dt
import io
import tempfile
import zipfile
from pathlib import Path
from typing import Any

from flask import Blueprint, make_response, redirect, render_template, request, url_for

from incentives.calendar import month_name
from incentives.papers.languages import marked
from incentives.service import acts, audit, standing
from incentives.service.acts import Filter
from incentives.web.forms import Form
from incentives.web.here import books, reader, speak
from incentives.web.lists import before
from incentives.web.pages.month import read_month
from incentives.web.policy import allow

blueprint = Blueprint("audit", __name__, url_prefix="/audit")

_DOES = {
    "access": marked("Changed access"),
    "adjust": marked("Proposed an adjustment"),
    "answer": marked("Answered"),
    "ask": marked("Asked"),
    "close": marked("Closed"),
    "decide": marked("Decided"),
    "hold": marked("Proposed a hold"),
    "import": marked("Imported"),
    "payout": marked("Handed over"),
    "print": marked("Printed"),
    "receipt": marked("Acknowledged"),
    "release": marked("Proposed a release"),
    "run": marked("Ran"),
    "waive": marked("Let pass"),
}


@blueprint.get("")
@allow("auditor", "author", "approver")
def show() -> Any:
    """Acts, filtered by who, what, about what and when."""
    form = Form(
        **{name: request.args.get(name, "").strip() for name in ("what", "actor", "subject", "since", "until")}
    )
    wanted = Filter(
        actor=form["actor"],
        what=form["what"],
        subject=form["subject"],
        since=_day(form, "since"),
        until=_day(form, "until"),
    )
    found, older = acts.acts(reader(), wanted, before())
    say = speak().say
    stands = standing.standing(books())
    exports = [each.month for each in reversed(stands.closed)]
    if stands.open_month:
        exports.insert(0, stands.open_month.first)
    name = acts.namer(reader())
    everything = ("", say(marked("Everything")))
    return render_template(
        "audit/acts.html",
        acts=found,
        older=url_for("audit.show", before=older, **{k: v for k, v in form.typed.items() if v}) if older else "",
        form=form,
        filtered=any(form.typed.values()),
        does={what: say(text) for what, text in _DOES.items()},
        whats=[everything, *((what, say(_DOES.get(what, what))) for what in acts.kinds(reader()))],
        actors=[("", say(marked("Everybody"))), *((each, name(each)) for each in acts.actors(reader()))],
        name=name,
        exports=exports,
        month_name=month_name,
    )


def _day(form: Form, name: str) -> dt.date | None:
    try:
        return dt.date.fromisoformat(form[name]) if form[name] else None
    except ValueError:
        form.errors[name] = [speak().say(marked("This is not a day. Write it as 2026-07-15."))]
        return None


@blueprint.get("/export")
@allow("auditor", "author", "approver")
def export_chosen() -> Any:
    """The export of the month that was chosen in a form."""
    month = request.args.get("month", "")
    return redirect(url_for("audit.export", month=month_name(read_month(month))))


@blueprint.get("/export/<month>")
@allow("auditor", "author", "approver")
def export(month: str) -> Any:
    """Everything an auditor asks of a month, as one zip."""
    first = read_month(month)
    name = f"audit-{month_name(first)}"
    packed = io.BytesIO()
    with tempfile.TemporaryDirectory() as place:
        audit.audit(books(), first, Path(place) / name)
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as written:
            for file in sorted((Path(place) / name).iterdir()):
                written.writestr(zipfile.ZipInfo(f"{name}/{file.name}"), file.read_bytes(), zipfile.ZIP_DEFLATED)
    answered = make_response(packed.getvalue())
    answered.mimetype = "application/zip"
    answered.headers.set("Content-Disposition", "attachment", filename=f"{name}.zip")
    return answered
