"""The statement as page and paper: the same words, harmless whatever they are, and the same bytes again."""

from __future__ import annotations

import datetime as dt
import hashlib
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from decimal import Decimal
from functools import lru_cache
from html.parser import HTMLParser
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from pypdf import PdfReader
from weasyprint import HTML  # type: ignore[import-untyped]
from weasyprint.urls import FatalURLFetchingError  # type: ignore[import-untyped]

from incentives.facts import LANGUAGES, Company, Language, Payee
from incentives.papers.charts import EARNED, TAKEN_BACK, Bar, Bars, bars_chart
from incentives.papers.languages import MINUS, speaker
from incentives.papers.statement import sheets
from incentives.papers.statement.document import Document, as_document
from incentives.papers.statement.page import paper_html, statement_body, statement_html
from incentives.papers.statement.pdf import Job, render_many, statement_pdf
from incentives.papers.statement.sheets import NothingIsFetched
from incentives.places import data_dir
from statements import SEAL, Desk, hostile_desk, long_desk, sample_statement

ROOT = Path(__file__).parent.parent
TEXTS = Path(__file__).parent / "statement_texts"


@lru_cache
def document_of(payee_id: str) -> Document:
    return as_document(sample_statement(payee_id))


@lru_cache
def pdf_of(payee_id: str, language: Language) -> bytes:
    return statement_pdf(document_of(payee_id), language, SEAL)


@lru_cache
def hostile_document() -> Document:
    return as_document(hostile_desk().statement())


def text_of(pdf: bytes) -> str:
    pages = [page.extract_text() for page in PdfReader(BytesIO(pdf)).pages]
    return "\n\f\n".join(pages).replace("\N{NO-BREAK SPACE}", " ") + "\n"


# What it says -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("payee_id", "language"), [("P02", "en"), ("P02", "nl"), ("P05", "en"), ("P07", "nl")])
def test_the_text_of_a_sample_statement_is_as_it_was_read_and_found_good(
    payee_id: str, language: Language
) -> None:
    """With STATEMENT_TEXTS=write the texts are written anew, to be read in the difference."""
    kept, text = TEXTS / f"{payee_id}-{language}.txt", text_of(pdf_of(payee_id, language))
    if os.environ.get("STATEMENT_TEXTS") == "write":
        kept.parent.mkdir(exist_ok=True)
        kept.write_text(text, encoding="utf-8")
    assert text == kept.read_text(encoding="utf-8")


def test_page_and_paper_say_the_same_of_every_line() -> None:
    page = _without_charts(statement_html(document_of("P02"), "en", SEAL))
    article = _without_charts(str(statement_body(document_of("P02"), "en", SEAL)))
    assert article in page
    assert article in _without_charts(paper_html(document_of("P02"), "en", SEAL))


def _without_charts(html: str) -> str:
    """On screen they are drawn in the colours of the page, and once more for a phone."""
    return re.sub(r"<figure>.*?</figure>", "", html, flags=re.DOTALL)


def test_a_statement_without_a_seal_is_a_preview() -> None:
    assert "not sealed yet" in statement_html(document_of("P02"), "en", None)
    assert "not sealed yet" not in statement_html(document_of("P02"), "en", SEAL)
    assert SEAL in statement_html(document_of("P02"), "en", SEAL)


def test_an_empty_quarter_says_what_will_appear_and_fits_on_one_page() -> None:
    document = as_document(Desk().statement())
    assert "Nothing was earned" in statement_html(document, "en", SEAL)
    assert len(PdfReader(BytesIO(statement_pdf(document, "nl", SEAL))).pages) == 1


def test_a_quarter_of_one_line_fits_on_one_page() -> None:
    desk = Desk(customers={"INV-1": "Acme B.V."})
    desk.told(desk.post("pay-1", 4_167, "2026-05-04"), "earning", "earning", event="payment", event_minor=121_000)
    assert len(PdfReader(BytesIO(statement_pdf(as_document(desk.statement()), "nl", SEAL))).pages) == 1


def test_taken_back_money_is_red_and_in_words_and_other_negative_amounts_are_not_red() -> None:
    page = statement_html(document_of("P05"), "en", SEAL)
    assert f"{MINUS}896.00" in page
    assert f'taken-back">{MINUS}896.00' not in page
    assert '<span class="went taken-back">Taken back</span>' in statement_html(document_of("P02"), "en", SEAL)


# Languages --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("amount_minor", "currency", "english", "dutch"),
    [
        (-123_456_789, "EUR", f"{MINUS}€ 1,234,567.89", f"€ {MINUS}1.234.567,89"),
        (2**53 - 1, "EUR", "€ 90,071,992,547,409.91", "€ 90.071.992.547.409,91"),
        (5, "KWD", "KWD 0.005", "KWD 0,005"),
        (-7, "JPY", f"{MINUS}JP¥ 7", f"JP¥ {MINUS}7"),
        (100, "HUF", "HUF 1.00", "HUF 1,00"),
        (0, "EUR", "€ 0.00", "€ 0,00"),
    ],
)
def test_money_is_written_exactly_and_as_the_language_does(
    amount_minor: int, currency: str, english: str, dutch: str
) -> None:
    said = [speaker(language).money(amount_minor, currency) for language in LANGUAGES]
    assert [each.replace("\N{NO-BREAK SPACE}", " ") for each in said] == [english, dutch]


def test_shares_and_days_are_written_as_the_language_does() -> None:
    english, dutch = (speaker(language) for language in LANGUAGES)
    assert [each.share(43_210).replace("\N{NO-BREAK SPACE}", " ") for each in (english, dutch)] == [
        "4.321 %",
        "4,321 %",
    ]
    day = dt.date(2026, 3, 3)
    assert [each.day(day).replace("\N{NO-BREAK SPACE}", " ") for each in (english, dutch)] == [
        "3 March 2026",
        "3 maart 2026",
    ]
    assert Decimal(english.factor(1_250_000)) == Decimal("1.25")


# Harmless ---------------------------------------------------------------------------------------------------


class _Elements(HTMLParser):
    """Every element, and every attribute that could load, run or restyle something."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()
        self.attributes: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        self.attributes |= {name for name, _ in attrs}


def _elements(html: str) -> _Elements:
    found = _Elements()
    found.feed(html)
    return found


@pytest.mark.parametrize("language", LANGUAGES)
def test_hostile_names_add_no_element_and_no_attribute(language: Language) -> None:
    kind, hostile = (_elements(paper_html(each, language, SEAL)) for each in (_everything(), hostile_document()))
    assert hostile.names <= kind.names
    assert hostile.attributes <= kind.attributes
    loading = {"src", "href", "style", "srcset", "data", "action", "background", "poster", "xlink:href"}
    assert not kind.attributes & loading
    assert not {name for name in kind.attributes if name.startswith("on")}
    assert not kind.names & {"script", "style", "img", "image", "link", "object", "embed", "iframe", "base", "use"}


def _everything() -> Document:
    """Friendly documents that use every part of the page."""
    parts = [document_of(each) for each in ("P02", "P05", "P06")]
    late = Desk()
    late.post("pay-1", 100, "2026-02-01", month="2026-04")
    parts.append(as_document(late.statement()))
    return parts[0] | {"sections": [section for each in parts for section in each["sections"]]}


def test_hostile_names_are_printed_as_what_they_are_and_ask_for_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def refuse(self: NothingIsFetched, url: str, headers: object = None) -> None:
        asked.append(url)
        raise FatalURLFetchingError(url)

    monkeypatch.setattr(NothingIsFetched, "fetch", refuse)
    texts = [text for page in _rendered("hostile", "en").pages for *_, text in _texts_on(page._page_box)]
    printed = re.sub(r"\s+", "", "".join(texts))
    assert asked == []
    for name in ("<script>alert(1)</script>", "=cmd|'/Ccalc'!A1", "{{7*7}}{%include'/etc/passwd'%}%(amount)s%s"):
        assert name in printed
    assert "root:" not in printed


def test_a_page_that_asks_for_something_is_not_printed() -> None:
    for asking in ("<img src='file:///etc/passwd'>", "<img src='data:image/png;base64,AA=='>"):
        with pytest.raises(FatalURLFetchingError):
            sheets.printed((f"<html lang=en><title>t</title>{asking}", b"x"))


def test_marks_that_turn_text_around_are_left_out() -> None:
    page = statement_html(hostile_document(), "en", SEAL)
    assert not set(page) & set("\x00\x07\u202a\u202b\u202d\u202e\u2066\u2067\u2068\u2069\ud800\ufffe")
    assert "\N{HEBREW LETTER ALEF}" in page
    page.encode("utf-8")


@pytest.mark.parametrize(
    ("name", "language"), [("hostile", "en"), ("long", "nl"), ("wide", "en"), ("wide", "nl"), ("P07", "nl")]
)
def test_nothing_sticks_out_of_the_paper(name: str, language: Language) -> None:
    millimetre = 96 / 25.4
    seen = 0
    for page in _rendered(name, language).pages:
        for left, right, text in _texts_on(page._page_box):
            seen += 1
            assert left >= 25 * millimetre - 1, text
            assert right <= (210 - 17) * millimetre + 1, text
    assert seen > 50


@lru_cache
def _rendered(name: str, language: Language) -> Any:
    """A statement laid out in pages, as it is before it becomes a PDF."""
    documents: dict[str, Callable[[], Document]] = {
        "hostile": hostile_document,
        "long": lambda: as_document(long_desk(60).statement()),
        "wide": lambda: as_document(_wide_desk().statement()),
        "P07": lambda: document_of("P07"),
    }
    fonts, styles = sheets.looks()
    source = HTML(string=paper_html(documents[name](), language, SEAL), url_fetcher=NothingIsFetched())
    return source.render(font_config=fonts, stylesheets=styles)


def _texts_on(box: Any) -> Iterator[tuple[float, float, str]]:
    if type(box).__name__ == "TextBox":
        yield box.position_x, box.position_x + box.width, box.text
    for child in getattr(box, "children", ()):
        yield from _texts_on(child)


def _wide_desk() -> Desk:
    desk = Desk(
        company=Company("Kitano KK", "EUR", "Asia/Tokyo", 4), payee=Payee("P9", "Yuki Mori", currency="EUR")
    )
    desk.post("a", 2**53 - 1, "2026-04-04")
    desk.post("b", -(2**53) + 5, "2026-05-04", kind="clawback")
    desk.post("c", -(2**53) + 5, "2026-02-04", month="2026-05", kind="clawback")
    return desk


# Paper ------------------------------------------------------------------------------------------------------


def test_every_sheet_has_its_number_the_seal_and_the_heading_of_its_table() -> None:
    pages = PdfReader(BytesIO(statement_pdf(as_document(long_desk(120).statement()), "en", SEAL))).pages
    assert len(pages) > 3
    for number, page in enumerate(pages, 1):
        text = page.extract_text().replace("\N{NO-BREAK SPACE}", " ")
        assert f"Page {number} of {len(pages)}" in text
        assert SEAL in text
        if number > 1:
            assert "What happened" in text
            assert "Ana Vermeer" in text


def test_opening_and_closing_balance_are_on_the_first_sheet() -> None:
    for payee_id in ("P02", "P07"):
        first = PdfReader(BytesIO(pdf_of(payee_id, "nl"))).pages[0].extract_text()
        assert "Beginsaldo" in first and "Eindsaldo" in first


def test_it_is_tagged_for_everyone() -> None:
    reader = PdfReader(BytesIO(pdf_of("P02", "nl")))
    catalog: Any = reader.trailer["/Root"]
    assert b'pdfuaid:part="1"' in catalog["/Metadata"].get_data()
    assert catalog["/MarkInfo"]["/Marked"]
    assert catalog["/ViewerPreferences"]["/DisplayDocTitle"]
    assert catalog["/Lang"] == "nl"
    assert (
        reader.metadata is not None
        and reader.metadata.title == "Provisieoverzicht, Kwartaal 2 van 2026, Joris Hendriks"
    )
    kinds = [kind for kind, _ in _structure(catalog["/StructTreeRoot"])]
    assert kinds.count("/H1") == 1
    assert {"/H2", "/Table", "/THead", "/TBody", "/TH", "/TD", "/Figure", "/P", "/L"} <= set(kinds)
    assert all(alt for kind, alt in _structure(catalog["/StructTreeRoot"]) if kind == "/Figure")
    fonts = {str(font["/BaseFont"]) for page in reader.pages for font in _fonts(page)}
    assert {name.rpartition("+")[2] for name in fonts} == {"Inter", "Inter-Semi-Bold"}


def _structure(node: Any) -> Iterator[tuple[str, str]]:
    node = node.get_object()
    if isinstance(node, list):
        for child in node:
            yield from _structure(child)
    elif isinstance(node, dict):
        if "/S" in node:
            yield str(node["/S"]), str(node.get("/Alt", ""))
        if "/K" in node:
            yield from _structure(node["/K"])


def _fonts(page: Any) -> list[Any]:
    return [font.get_object() for font in page["/Resources"]["/Font"].values()]


_DIGEST = """
import hashlib, sys
sys.path[:0] = sys.argv[1:]
from statements import SEAL, sample_statement
from incentives.papers.statement.document import as_document
from incentives.papers.statement.pdf import statement_pdf
print(hashlib.sha256(statement_pdf(as_document(sample_statement("P06")), "nl", SEAL)).hexdigest())
"""


def test_the_same_document_gives_the_same_bytes_in_two_processes() -> None:
    places = [str(ROOT / "src"), str(ROOT / "tests")]
    found = [
        subprocess.run(
            [sys.executable, "-c", _DIGEST, *places],
            env=os.environ | {"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        for seed in ("1", "2")
    ]
    assert found[0] == found[1] == hashlib.sha256(pdf_of("P06", "nl")).hexdigest()


def test_seal_and_language_make_another_paper() -> None:
    papers = {statement_pdf(document_of("P06"), *each) for each in (("en", SEAL), ("en", None), ("nl", SEAL))}
    assert len(papers) == 3


def test_many_statements_are_printed_in_order_and_are_the_same_bytes() -> None:
    people = ("P06", "P05", "P02")
    jobs = [Job(payee_id, document_of(payee_id), "nl", SEAL) for payee_id in people]
    told: list[tuple[int, int]] = []
    printed = list(render_many(jobs, 2, lambda done, of: told.append((done, of))))
    assert [each.key for each in printed] == list(people)
    assert [each.pdf for each in printed] == [pdf_of(payee_id, "nl") for payee_id in people]
    assert told == [(1, 3), (2, 3), (3, 3)]


# Charts and places ------------------------------------------------------------------------------------------


def test_a_chart_is_drawn_in_literal_colours_without_script_style_or_link_and_again_the_same() -> None:
    groups = [
        Bars("April", [Bar(12_345, "Earned 123.45", EARNED), Bar(-500, f"Taken back {MINUS}5.00", TAKEN_BACK)])
    ]
    svg = bars_chart(groups, 'A "title" & <b>')
    assert svg == bars_chart(groups, 'A "title" & <b>')
    assert "<title>A &#34;title&#34; &amp; &lt;b&gt;</title>" in svg
    assert EARNED in svg and TAKEN_BACK in svg and "Earned 123.45" in svg
    assert not re.search(r"<script|<style| style=| id=|href|url\(|currentColor|var\(", svg)


def test_bars_start_at_zero_and_a_negative_bar_goes_the_other_way() -> None:
    svg = bars_chart([Bars("April", [Bar(1_000, "a", EARNED), Bar(-1_000, "b", TAKEN_BACK)])], "t")
    (right,), (left,) = (
        re.findall(rf'd="M(\d+),\d+h(-?\d+)[^"]*" fill="{each}"', svg) for each in (EARNED, TAKEN_BACK)
    )
    assert int(left[0]) + int(left[1]) == int(right[0])
    assert left[1] == right[1]


def test_a_chart_of_nothing_but_zeros_can_be_drawn() -> None:
    assert "NaN" not in bars_chart([Bars("April", [Bar(0, "Earned 0.00", EARNED)])], "t")


def test_a_label_cannot_break_out_of_the_chart() -> None:
    svg = bars_chart([Bars("<b>April</b>", [Bar(1, "<script>alert(1)</script>", EARNED)])], "t")
    assert "<script" not in svg and "<b>" not in svg


def test_the_committed_fonts_are_the_ones_their_page_names() -> None:
    folder = data_dir("templates") / "assets" / "fonts"
    page = (folder / "README.md").read_text(encoding="utf-8")
    fonts = sorted(folder.glob("*.woff2"))
    assert len(fonts) == 2
    for font in fonts:
        assert f"| {font.name} | {hashlib.sha256(font.read_bytes()).hexdigest()} |" in page
