"""Customers: one record for sales, credit and finance."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, render_template, request

from incentives.papers import records as words
from incentives.papers.statement.words import brief
from incentives.service import kept, records
from incentives.web.here import reader, today, viewer
from incentives.web.policy import allow

blueprint = Blueprint("customers", __name__, url_prefix="/customers")

LOOK = ("rep", "manager", "credit", "author", "approver", "auditor")


@blueprint.get("")
@allow(*LOOK)
def index() -> Any:
    """The customers, some at a time."""
    search = request.args.get("search", "").strip()[:100]
    sort: records.Sort = next((each for each in records.SORTS if each == request.args.get("sort")), "name")
    page = records.customers(
        reader(), viewer(), today(), search=search, sort=sort, after=request.args.getlist("after")
    )
    return render_template("customers/index.html", page=page, search=search, sort=sort, words=words)


@blueprint.get("/<path:customer_id>")
@allow(*LOOK)
def show(customer_id: str) -> Any:
    """A customer's record."""
    found = records.customer(reader(), viewer(), customer_id, today())
    stake = None
    if sees_pay() and ("all" in request.args or kept.is_little(reader())):
        stake = records.at_stake(reader(), viewer(), today(), customer_id=customer_id)
    return render_template(
        "customers/show.html", customer=found, words=words, brief=brief, stake=stake, sees_pay=sees_pay()
    )


@blueprint.get("/<path:customer_id>/stake")
@allow("rep", "manager", "author", "approver", "auditor")
def stake(customer_id: str) -> Any:
    """What payees have at stake on the customer, for a page that is there already."""
    found = records.at_stake(reader(), viewer(), today(), customer_id=customer_id)
    return render_template("customers/stake.html", stake=found)


def sees_pay() -> bool:
    """Whether the viewer sees anybody's pay."""
    return viewer().payees() != frozenset() and viewer().has("rep", "manager", "author", "approver", "auditor")
