"""Invoices: what happened to each, in order, and every line that it caused."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, render_template, request
from markupsafe import Markup

from incentives.papers import records as words
from incentives.papers.statement.words import brief, spoken, went
from incentives.service import kept, records
from incentives.web.here import reader, speak, today, viewer
from incentives.web.pages.customers import LOOK, sees_pay
from incentives.web.policy import allow

blueprint = Blueprint("invoices", __name__, url_prefix="/invoices")


@blueprint.get("")
@allow(*LOOK)
def index() -> Any:
    """The invoices, some at a time."""
    search = request.args.get("search", "").strip()[:100]
    shown: records.Show = next((each for each in records.SHOWS if each == request.args.get("show")), "all")
    after = request.args.get("after", "")
    page = records.invoices(
        reader(),
        viewer(),
        today(),
        search=search,
        show=shown,
        after=int(after) if after.isascii() and after.isdigit() and len(after) < 16 else None,
    )
    return render_template(
        "invoices/index.html", page=page, search=search, show=shown, shows=records.SHOWS, words=words
    )


@blueprint.get("/<path:invoice_id>")
@allow(*LOOK)
def show(invoice_id: str) -> Any:
    """An invoice's record."""
    found = records.invoice(reader(), viewer(), invoice_id, today())
    stake = None
    if found.stand.is_owed and sees_pay() and ("all" in request.args or kept.is_little(reader())):
        stake = records.at_stake(reader(), viewer(), today(), invoice_id=invoice_id)
    return render_template(
        "invoices/show.html",
        found=found,
        chart=Markup(words.position_chart(speak(), found.timeline, found.stand, today())),
        words=words,
        brief=brief,
        spoken=spoken,
        went=went,
        stake=stake,
        sees_pay=sees_pay(),
        may_warn=any(each.payee_id == viewer().payee_id for each in found.credits),
    )


@blueprint.get("/<path:invoice_id>/stake")
@allow("rep", "manager", "author", "approver", "auditor")
def stake(invoice_id: str) -> Any:
    """What payees have at stake on an invoice, for a page that is there already."""
    found = records.at_stake(reader(), viewer(), today(), invoice_id=invoice_id)
    return render_template("customers/stake.html", stake=found)
