"""Jobs: what a program did not wait for, how far it is, and what came of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from incentives import jobs
from incentives.service import outlook, would_post
from incentives.service.access import NotThere
from incentives.service.listing import instant
from incentives.web.api import later, months
from incentives.web.api.frame import Noun, opens
from incentives.web.api.shapes import INSTANT, MAYBE_INSTANT, NUMBER, TEXT, Shape, said
from incentives.web.here import books, reader, speak, viewer

noun = Noun("jobs", "Jobs: what was not waited for, how far it is, and what came of it.")

TOLD: Mapping[str, Callable[[Any], dict[str, Any]]] = {
    "run": months.ran,
    "preview": lambda plain: months.previewed(would_post.from_plain(plain)),
    "checklist": lambda plain: months.looked(outlook.from_plain(plain)),
    "close": months.closed,
}
"""By kind, the answer that the same request gets where it is answered at once."""

_PROGRESS = said(
    "JobProgress",
    {"says": TEXT, "done": NUMBER, "whole": NUMBER | {"description": "0: nobody knows of how much."}},
)
_RESULT: Shape = {
    "type": ["object", "null"],
    "description": "Once it is `done`: the answer that the request would have got at once. It is kept for the "
    "last few jobs of a kind; null where it is no longer, or where the work was cut short after it was done.",
}
_JOB = said(
    "Job",
    {
        "job": NUMBER,
        "kind": {"type": "string", "enum": [*TOLD]},
        "state": later.STATE,
        "progress": _PROGRESS,
        "result": _RESULT,
        "problems": [TEXT | {"description": "Why it is `failed`; none where that was a fault of ours."}],
        "asked_at": INSTANT,
        "ended_at": MAYBE_INSTANT,
    },
)


@noun.route("/jobs/<number:number>")
@opens("months:read", 404)
@noun.response(200, _JOB)
def get_job(number: int) -> dict[str, Any]:
    """A job that this account has asked for: how far it is, and what came of it"""
    job = jobs.look(books(), reader(), viewer(), number)
    if job.kind not in TOLD or job.account_id != viewer().account_id:
        raise NotThere(str(number))
    found = jobs.found_by(books(), job) if job.state == "done" else None
    return {
        "job": job.number,
        "kind": job.kind,
        "state": job.state,
        "progress": {"says": speak().say(job.says) if job.says else "", "done": job.done, "whole": job.whole},
        "result": TOLD[job.kind](found) if found is not None else None,
        "problems": list(job.problems),
        "asked_at": instant(job.made_at),
        "ended_at": instant(job.ended_at) if job.ended_at else None,
    }
