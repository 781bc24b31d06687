"""Statements as PDF: the same bytes for the same document.

The identifier and the date of a file come from what it says.
"""

from __future__ import annotations

import hashlib
import multiprocessing
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from incentives.facts import Language
from incentives.papers.statement.document import Document, canonical
from incentives.papers.statement.page import paper_html
from incentives.papers.statement.sheets import Page, printed

PRODUCED_PER_PROCESS = 100
"""A process is replaced after this many, for what the text libraries keep in memory: a few MB by then."""

Progress = Callable[[int, int], None]
"""Told how many statements are done, of how many."""


@dataclass(frozen=True, slots=True)
class Job:
    """One statement to be printed; ``key`` says whose it is to whoever asked."""

    key: str
    document: Document
    language: Language
    seal: str | None


@dataclass(frozen=True, slots=True)
class Printed:
    """A printed statement."""

    key: str
    pdf: bytes


def statement_pdf(document: Document, language: Language, seal: str | None) -> bytes:
    """A statement on paper. The same document, language and seal give the same bytes."""
    return printed((paper_html(document, language, seal), _identifier(document, language, seal)))


def render_many(jobs: Iterable[Job], processes: int, progress: Progress | None = None) -> Iterator[Printed]:
    """Print many statements, in the order of the jobs, over so many processes; a single one is printed here.

    The processes do nothing but print: what is to be said, and the charts, are made here, a batch at a time.
    """
    waiting = list(jobs)
    for done, (job, paper) in enumerate(zip(waiting, _all_printed(waiting, processes), strict=True), 1):
        yield Printed(job.key, paper)
        if progress:
            progress(done, len(waiting))


def _all_printed(jobs: Sequence[Job], processes: int) -> Iterator[bytes]:
    if len(jobs) < 2:
        yield from map(printed, map(_page, jobs))
        return
    at_once = processes * PRODUCED_PER_PROCESS
    spawned = multiprocessing.get_context("spawn")
    with spawned.Pool(processes, maxtasksperchild=PRODUCED_PER_PROCESS) as pool:
        for start in range(0, len(jobs), at_once):
            yield from pool.imap(printed, map(_page, jobs[start : start + at_once]))


def _page(job: Job) -> Page:
    said = (job.document, job.language, job.seal)
    return paper_html(*said), _identifier(*said)


def _identifier(document: Document, language: Language, seal: str | None) -> bytes:
    said = b"\0".join((canonical(document), language.encode(), (seal or "").encode()))
    return hashlib.sha256(said).hexdigest()[:32].encode()
