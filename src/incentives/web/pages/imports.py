"""Import: files are brought, looked at row by row, and only then applied."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for

from incentives.errors import Rejected
from incentives.papers.languages import marked
from incentives.service import acts, brought, imports
from incentives.web.forms import Form
from incentives.web.here import books, have_done, reader, speak, viewer, who
from incentives.web.lists import before, page_number
from incentives.web.policy import allow

blueprint = Blueprint("imports", __name__, url_prefix="/import")

PAGE = 100
LOOKED_AT_HERE_BYTES = 2 * 1024 * 1024
"""Below this the answer comes at once; a larger delivery is looked at by a job."""


@blueprint.get("")
@allow("author", "approver", "auditor")
def show() -> Any:
    """Bring something, and what was brought before."""
    return _shown(Form())


def _shown(form: Form, status: int = 200) -> Any:
    done, older = imports.imports(reader(), before())
    page = render_template(
        "imports/show.html",
        form=form,
        imports=done,
        older=older,
        name=acts.namer(reader()),
        may=viewer().has("author", "approver"),
    )
    return page, status


@blueprint.get("/<int:act_id>")
@allow("author", "approver", "auditor")
def one(act_id: int) -> Any:
    """One import: its counts, and what it left out."""
    done, page = imports.imported(reader(), act_id), page_number()
    return render_template(
        "imports/one.html",
        done=done,
        says=done.left_out[(page - 1) * PAGE : page * PAGE],
        page=page,
        more=len(done.left_out) > page * PAGE,
        name=acts.namer(reader()),
    )


# A delivery on its way -------------------------------------------------------------------------------


@blueprint.post("")
@allow("author", "approver")
def bring() -> Any:
    """Keep the files aside and look at them."""
    form = Form.sent()
    files = [(each.filename or "", each.stream) for each in request.files.getlist("files") if each.filename]
    try:
        came = brought.bring(viewer().account_id, form["name"] or _named(files), files, bool(form["complete"]))
    except Rejected as rejected:
        form.refuse(rejected.problems)
        return _shown(form, 422)
    if came.bytes > LOOKED_AT_HERE_BYTES:
        arguments = {"key": came.key, "name": came.name, "to": url_for("imports.look", key=came.key)}
        number = have_done("look", arguments)
        return redirect(url_for("jobs.show", number=number))
    brought.judge(books(), who(), came)
    return redirect(url_for("imports.look", key=came.key))


def _named(files: list[tuple[str, Any]]) -> str:
    """A zip names its delivery, and so does a folder."""
    if len(files) == 1 and files[0][0].lower().endswith(".zip"):
        return files[0][0][:-4]
    return files[0][0].partition("/")[0] if files and "/" in files[0][0] else ""


@blueprint.get("/waiting/<key>")
@allow("author", "approver")
def look(key: str) -> Any:
    """What it would bring, and every mistake in it."""
    return _looked(key, Form())


def _looked(key: str, form: Form, status: int = 200) -> Any:
    came = brought.found(viewer().account_id, key)
    looked = brought.judged(came) or brought.judge(books(), who(), came)
    page = page_number()
    shown = render_template(
        "imports/look.html",
        key=key,
        brought=came,
        looked=looked,
        number=len(looked.problems),
        problems=looked.problems[(page - 1) * PAGE : page * PAGE],
        page=page,
        more=len(looked.problems) > page * PAGE,
        form=form,
    )
    return shown, status


@blueprint.post("/waiting/<key>/take")
@allow("author", "approver")
def take(key: str) -> Any:
    """Import it; with ``good_rows`` without the rows that hold mistakes."""
    came = brought.found(viewer().account_id, key)
    arguments = {
        "folder": str(came.folder),
        "key": key,
        "accept_good_rows": bool(request.form.get("good_rows")),
        "complete": came.complete,
        "to": url_for("imports.show"),
    }
    number = have_done("import", arguments)
    return redirect(url_for("jobs.show", number=number))


@blueprint.post("/waiting/<key>/forget")
@allow("author", "approver")
def forget(key: str) -> Any:
    """Throw it away."""
    brought.forget(viewer().account_id, key)
    flash(speak().say(marked("Thrown away. Nothing was imported.")), "done")
    return redirect(url_for("imports.show"))
