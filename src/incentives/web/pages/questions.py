"""Questions about lines, and their answers."""

from __future__ import annotations

import re
from typing import Any

from flask import Blueprint, flash, redirect, render_template, url_for

from incentives.errors import Rejected
from incentives.papers.languages import marked
from incentives.service import acts, asked, decisions
from incentives.web.forms import Form
from incentives.web.here import books, reader, speak, viewer, who
from incentives.web.lists import before, number
from incentives.web.policy import allow

blueprint = Blueprint("questions", __name__, url_prefix="/questions")

_SAYS = {
    "earning": marked("earned"),
    "clawback": marked("taken back"),
    "suspension": marked("suspended"),
    "restoration": marked("given back"),
    "bonus": marked("bonus"),
    "cap": marked("capped"),
    "draw": marked("draw"),
    "draw_recovery": marked("draw recovered"),
    "adjustment": marked("adjusted by hand"),
}


@blueprint.get("")
@allow("author", "approver", "auditor")
def show() -> Any:
    """Open questions, and those that were answered."""
    return _shown(Form())


def _shown(form: Form, about: int = 0, status: int = 200) -> Any:
    waiting, later = asked.questions(reader(), viewer().payees(), is_open=True, before=number("after"))
    answered, older = asked.questions(reader(), viewer().payees(), is_open=False, before=before())
    page = render_template(
        "questions/questions.html",
        open=waiting,
        later=later,
        answered=answered,
        older=older,
        says=_SAYS,
        may=viewer().has("author", "approver"),
        form=form,
        about=about,
        name=acts.namer(reader()),
    )
    return page, status


@blueprint.post("/<int:act_id>")
@allow("author", "approver")
def answer(act_id: int) -> Any:
    """Answer every line that was asked about together."""
    form = Form.sent()
    numbers = [int(each) for each in form["number"] if re.fullmatch("[0-9]{1,18}", each, re.ASCII)]
    if not str(form.typed.get("answer", "")).strip():
        form.errors["answer"] = [speak().say(marked("Write an answer."))]
    if form.errors:
        return _shown(form, act_id, 422)
    try:
        decisions.answer_together(books(), who(), numbers, str(form["answer"]).strip())
    except Rejected as rejected:
        form.refuse(rejected.problems)
        return _shown(form, act_id, 409)
    flash(speak().say(marked("Answered.")), "done")
    return redirect(url_for("questions.show"))
