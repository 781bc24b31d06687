"""Statements as PDF: tagged (PDF/UA), and the same bytes for the same document.

Nothing is fetched while a statement is made: the fetcher refuses, and the two fonts come from our own folder by
names that no document can say. The identifier and the date of a file come from what it says.
"""

from __future__ import annotations

import hashlib
import multiprocessing
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NoReturn

from weasyprint import CSS, HTML  # type: ignore[import-untyped]
from weasyprint.text.fonts import FontConfiguration  # type: ignore[import-untyped]
from weasyprint.urls import (  # type: ignore[import-untyped]
    FatalURLFetchingError,
    URLFetcher,
    URLFetcherResponse,
)

from incentives.facts import Language
from incentives.papers.statement.document import Document, canonical
from incentives.papers.statement.page import paper_html
from incentives.places import data_dir

PRODUCED_PER_PROCESS = 25
"""A process is replaced after this many, for what the text libraries keep in memory."""

Progress = Callable[[int, int], None]
"""Told how many statements are done, of how many."""


class NothingIsFetched(URLFetcher):  # type: ignore[misc]
    """The fetcher of a statement: whatever is asked for, the answer is no, and the rendering ends."""

    def fetch(self, url: str, headers: object = None) -> NoReturn:
        """Refuse."""
        raise FatalURLFetchingError(f"A statement asks for nothing from outside, and not for {url[:200]}")


class _OwnFonts(URLFetcher):  # type: ignore[misc]
    """The fetcher of our own style sheet: it knows the font files beside it by name, and nothing else."""

    def fetch(self, url: str, headers: object = None) -> URLFetcherResponse:
        folder = data_dir("templates") / "assets" / "fonts"
        known = {f"fonts:{path.name}": path for path in folder.glob("*.woff2")}
        return URLFetcherResponse(url, known[url].read_bytes(), {"Content-Type": "font/woff2"})


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
    return _printed(paper_html(document, language, seal), _identifier(document, language, seal))


def render_many(jobs: Iterable[Job], processes: int, progress: Progress | None = None) -> Iterator[Printed]:
    """Print many statements, in the order of the jobs, over so many processes; a single one is printed here.

    The processes do nothing but print: what is to be said, and the charts, are made here, a batch at a time.
    """
    waiting = list(jobs)
    for done, printed in enumerate(_all_printed(waiting, processes), 1):
        yield printed
        if progress:
            progress(done, len(waiting))


def _all_printed(jobs: Sequence[Job], processes: int) -> Iterator[Printed]:
    if len(jobs) < 2:
        yield from map(_print, map(_page, jobs))
        return
    at_once = processes * PRODUCED_PER_PROCESS
    spawned = multiprocessing.get_context("spawn")
    with spawned.Pool(processes, maxtasksperchild=PRODUCED_PER_PROCESS) as pool:
        for start in range(0, len(jobs), at_once):
            yield from pool.imap(_print, map(_page, jobs[start : start + at_once]))


_Page = tuple[str, str, bytes]
"""Key, text and identifier of a paper."""


def _page(job: Job) -> _Page:
    said = (job.document, job.language, job.seal)
    return job.key, paper_html(*said), _identifier(*said)


def _print(page: _Page) -> Printed:
    key, html, identifier = page
    return Printed(key, _printed(html, identifier))


def _identifier(document: Document, language: Language, seal: str | None) -> bytes:
    said = b"\0".join((canonical(document), language.encode(), (seal or "").encode()))
    return hashlib.sha256(said).hexdigest()[:32].encode()


@lru_cache
def _looks() -> tuple[FontConfiguration, list[CSS]]:
    """The fonts and style sheets, read once per process."""
    folder, fonts = data_dir("templates") / "statement", FontConfiguration()
    texts = [(folder / name).read_text(encoding="utf-8") for name in ("fonts.css", "statement.css", "paper.css")]
    return fonts, [CSS(string=text, font_config=fonts, url_fetcher=_OwnFonts()) for text in texts]


def _printed(html: str, identifier: bytes) -> bytes:
    fonts, sheets = _looks()
    source = HTML(string=html, base_url="about:blank", url_fetcher=NothingIsFetched())
    options: dict[str, Any] = {"pdf_variant": "pdf/ua-1", "pdf_identifier": identifier}
    document = source.render(font_config=fonts, stylesheets=sheets, **options)
    pdf = document.write_pdf(**options)
    assert isinstance(pdf, bytes)
    return pdf
