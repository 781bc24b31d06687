"""Work that takes longer than a page may, done by a worker of its own."""

from __future__ import annotations

from incentives.jobs import comparing, kinds, previews
from incentives.jobs.desk import Job, found_by, jobs_of, look, newest, start
from incentives.jobs.registry import KINDS, Found, Progress, kind
from incentives.jobs.work import run_waiting

__all__ = [
    "KINDS",
    "Found",
    "Job",
    "Progress",
    "comparing",
    "found_by",
    "jobs_of",
    "kind",
    "kinds",
    "look",
    "newest",
    "previews",
    "run_waiting",
    "start",
]
