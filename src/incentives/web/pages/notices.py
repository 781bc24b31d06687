"""Notices: what happened that somebody wants to know, and where to look."""

from __future__ import annotations

import datetime as dt
from typing import Any

from flask import Blueprint, redirect, render_template, url_for

from incentives.service import telling
from incentives.service.access import NotThere
from incentives.web.here import books, reader, viewer, viewer_or_none
from incentives.web.policy import allow

blueprint = Blueprint("notices", __name__, url_prefix="/notices")


@blueprint.get("")
@allow()
def show() -> Any:
    """Everything one was told, newest first."""
    return render_template("notices/show.html", notices=telling.notices(reader(), viewer().account_id))


@blueprint.post("/<int:number>")
@allow()
def follow(number: int) -> Any:
    """Look at what a notice is about; it is read then."""
    target = telling.about(reader(), viewer().account_id, number)
    if not target:
        raise NotThere(str(number))
    telling.mark_read(books(), viewer().account_id, dt.datetime.now(dt.UTC), number)
    return redirect(target)


@blueprint.post("/read")
@allow()
def read_all() -> Any:
    """All of them are read."""
    telling.mark_read(books(), viewer().account_id, dt.datetime.now(dt.UTC))
    return redirect(url_for("notices.show"))


@blueprint.app_template_global("unread_notices")
def unread_notices() -> int:
    """How many wait to be read, for the top of every page."""
    found = viewer_or_none()
    return telling.unread(reader(), found.account_id) if found else 0
