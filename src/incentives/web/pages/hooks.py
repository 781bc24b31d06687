"""Messages to other systems: who is told of what, and what became of each message."""

from __future__ import annotations

import datetime as dt
from typing import Any

from flask import Blueprint, current_app, flash, redirect, render_template, request, url_for

from incentives.errors import Rejected
from incentives.papers.languages import marked
from incentives.service import hooks
from incentives.web.forms import Form
from incentives.web.here import books, look_again, reader, speak, viewer, who
from incentives.web.policy import allow

blueprint = Blueprint("hooks", __name__, url_prefix="/hooks")


@blueprint.route("", methods=["GET", "POST"])
@allow("admin")
def show() -> Any:
    """Every hook, and one more."""
    form, made = Form(kinds=[]), ""
    if request.method == "POST":
        form = Form.sent()
        form.typed.setdefault("kinds", [])
        kinds = form["kinds"]
        private = current_app.extensions["settings"].private_hooks
        try:
            _, made = hooks.add(books(), who(), viewer().account_id, form["url"].strip(), kinds, private=private)
        except Rejected as rejected:
            form.refuse(rejected.problems)
        else:
            form = Form(kinds=[])
            look_again()
    found = hooks.hooks(reader())
    shown = render_template("hooks/show.html", hooks=found, form=form, made=made, kinds=hooks.KINDS)
    return shown, 422 if form.errors else 200


@blueprint.get("/<int:number>")
@allow("admin")
def log(number: int) -> Any:
    """What was sent to a hook."""
    found = hooks.hook(reader(), number)
    return render_template("hooks/log.html", hook=found, calls=hooks.calls(reader(), number), kinds=hooks.KINDS)


@blueprint.post("/<int:number>/switch")
@allow("admin")
def switch(number: int) -> Any:
    """Stop telling it, or begin again."""
    hooks.switch(books(), who(), number, active=request.form.get("active") == "yes")
    return redirect(url_for("hooks.log", number=number))


@blueprint.post("/<int:number>/calls/<int:call>/again")
@allow("admin")
def again(number: int, call: int) -> Any:
    """Send a message anew."""
    hooks.send_again(books(), number, call, dt.datetime.now(dt.UTC))
    flash(speak().say(marked("It is sent again within a minute.")), "done")
    return redirect(url_for("hooks.log", number=number))
