"""A page becomes a PDF: tagged (PDF/UA), and the same bytes for the same text. WeasyPrint, and nothing else.

Nothing is fetched meanwhile: the fetcher refuses, and the two fonts come from our own folder by names that no
document can say. Whoever only prints loads this module and no other, which takes a third of the time.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NoReturn

from weasyprint import CSS, HTML  # type: ignore[import-untyped]
from weasyprint.text.fonts import FontConfiguration  # type: ignore[import-untyped]
from weasyprint.urls import (  # type: ignore[import-untyped]
    FatalURLFetchingError,
    URLFetcher,
    URLFetcherResponse,
)

from incentives.places import data_dir

Page = tuple[str, bytes]
"""The text of a paper, and the identifier that is written into its file."""


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


_STATEMENT = ("statement/fonts.css", "statement/statement.css", "statement/paper.css")


@lru_cache
def looks(*more: str) -> tuple[FontConfiguration, list[CSS]]:
    """The fonts and style sheets, read once per process; a paper that is no statement has some more."""
    folder, fonts = data_dir("templates"), FontConfiguration()
    texts = [(folder / name).read_text(encoding="utf-8") for name in (*_STATEMENT, *more)]
    return fonts, [CSS(string=text, font_config=fonts, url_fetcher=_OwnFonts()) for text in texts]


def printed(page: Page, *more: str) -> bytes:
    """The paper of a page, with the looks of a statement and some ``more`` style sheets of the templates."""
    html, identifier = page
    fonts, sheets = looks(*more)
    source = HTML(string=html, base_url="about:blank", url_fetcher=NothingIsFetched())
    options: dict[str, Any] = {"pdf_variant": "pdf/ua-1", "pdf_identifier": identifier}
    document = source.render(font_config=fonts, stylesheets=sheets, **options)
    pdf = document.write_pdf(**options)
    assert isinstance(pdf, bytes)
    return pdf
