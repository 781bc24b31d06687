"""The comparison with paying on signature as a job: books with many events."""

from __future__ import annotations

import datetime as dt
from typing import Any

from sqlalchemy import Engine

from incentives.jobs.registry import Progress, kind
from incentives.papers.languages import marked
from incentives.service import comparing
from incentives.store.acts import Who
from incentives.store.engine import reading


@kind(
    "compare",
    "author",
    "approver",
    "auditor",
    doing=marked("Compare signature with cash"),
    done=marked("The comparison is ready."),
)
def compare(engine: Engine, arguments: dict[str, Any], who: Who, progress: Progress) -> dict[str, Any]:
    """Everybody's quarters up to the day ``as_of``; nothing is written."""
    progress(marked("Calculating both ways"), 0, 0)
    with reading(engine) as connection:
        found = comparing.compared(
            connection,
            dt.date.fromisoformat(arguments["as_of"]),
            lambda done, whole: progress(marked("Calculating both ways"), done, whole),
        )
    return {"quarters": comparing.as_plain(found)}
