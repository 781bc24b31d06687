"""Work that takes longer than a page may, done by a worker of its own."""

from __future__ import annotations

from incentives.jobs import comparing, kinds, previews
from incentives.jobs.desk import Job, jobs_of, look, start
from incentives.jobs.registry import KINDS, Progress, kind
from incentives.jobs.work import run_waiting

__all__ = [
    "KINDS",
    "Job",
    "Progress",
    "comparing",
    "jobs_of",
    "kind",
    "kinds",
    "look",
    "previews",
    "run_waiting",
    "start",
]
