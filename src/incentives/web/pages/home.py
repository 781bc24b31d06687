"""The first page: where somebody's work begins; and the language they read it in."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for

from incentives.service import accounts
from incentives.web.errors import answer
from incentives.web.here import LANGUAGES, books, own_address, viewer
from incentives.web.places import places
from incentives.web.policy import allow

blueprint = Blueprint("home", __name__)


@blueprint.get("/")
@allow()
def show() -> Any:
    """Leads to the first place of the viewer's own."""
    first = next(places(), None)
    return redirect(first.address) if first else render_template("nothing.html")


@blueprint.post("/language")
@allow()
def language() -> Any:
    """Read on in another language, from now on."""
    chosen = request.form.get("language", "")
    if chosen not in LANGUAGES:
        return answer(400)
    accounts.read_in(books(), viewer().account_id, chosen)
    return redirect(own_address(request.form.get("back", "")) or url_for("home.show"))
