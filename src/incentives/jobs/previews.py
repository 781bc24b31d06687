"""The preview of a changed plan as a job: books with many events."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Engine

from incentives.documents.plans import read_plan
from incentives.errors import Rejected
from incentives.jobs.registry import Progress, kind
from incentives.papers.languages import marked
from incentives.service import previewing
from incentives.store.acts import Who
from incentives.store.engine import reading


@kind(
    "plan-preview",
    "author",
    "approver",
    "auditor",
    doing=marked("Preview of the changed plan %(plan)s"),
    done=marked("The preview of %(plan)s is ready."),
)
def preview_plan(engine: Engine, arguments: dict[str, Any], who: Who, progress: Progress) -> dict[str, Any]:
    """What ``document`` would have paid; nothing is written."""
    progress(marked("Calculating"), 0, 0)
    plan, problems = read_plan(arguments["document"], arguments["plan"])
    if plan is None:
        raise Rejected(problems)
    with reading(engine) as connection:
        return previewing.as_plain(previewing.preview(connection, who, plan))
