"""Jobs: what takes longer than a page may, how far it is, and what came of it."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from typing import Any

from flask import Blueprint, make_response, render_template

from incentives import jobs
from incentives.jobs import KINDS, Job
from incentives.web.here import books, reader, speak, viewer
from incentives.web.policy import allow

blueprint = Blueprint("jobs", __name__, url_prefix="/jobs")


@blueprint.get("")
@allow()
def index() -> Any:
    """The viewer's own, newest first."""
    own = jobs.jobs_of(reader(), viewer().account_id)
    return render_template("jobs/index.html", jobs=own)


@blueprint.get("/<int:number>")
@allow()
def show(number: int) -> Any:
    """One job."""
    return render_template("jobs/show.html", job=jobs.look(books(), reader(), viewer(), number))


@blueprint.get("/<int:number>/part")
@allow()
def part(number: int) -> Any:
    """How far it is, for a page that shows it; when it is done, that page goes on to where it leads."""
    job = jobs.look(books(), reader(), viewer(), number)
    answered = make_response(render_template("jobs/fragment.html", job=job))
    if job.state == "done" and leads_to(job):
        answered.headers["HX-Redirect"] = leads_to(job)
    return answered


@blueprint.app_template_global("job_says")
def job_says(job: Job) -> str:
    """What it does, or what came of it, in a sentence."""
    kind = KINDS.get(job.kind)
    if kind is None:
        return job.kind
    values = _written({**job.arguments, **job.result})
    return speak().say(kind.done if job.state == "done" else kind.doing, **values)


@blueprint.app_template_global("job_leads_to")
def leads_to(job: Job) -> str:
    """The page it leads to, on this site."""
    to = str(job.arguments.get("to", ""))
    return to if to.startswith("/") and not to.startswith(("//", "/\\")) else ""


_MONTH = re.compile(r"\d{4}-\d\d")


def _written(values: Mapping[str, Any]) -> dict[str, str]:
    """Values as the reader writes them: months by name, numbers with their thousands apart."""
    written = {}
    for name, value in values.items():
        if isinstance(value, int):
            written[name] = speak().integer(value)
        elif isinstance(value, str):
            written[name] = (
                speak().month(dt.date.fromisoformat(f"{value}-01")) if _MONTH.fullmatch(value) else value
            )
    return written
