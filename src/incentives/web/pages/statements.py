"""Statements as they were issued, on screen and on paper, and the letters of plans; who has seen them."""

from __future__ import annotations

import datetime as dt
from functools import lru_cache
from typing import Any

from flask import Blueprint, Response, flash, redirect, render_template, url_for
from markupsafe import Markup

from incentives.calendar import month_name
from incentives.documents.written import Unreadable, day, first_of_month
from incentives.facts import Language
from incentives.papers.languages import marked
from incentives.papers.meeting import quarter_title
from incentives.papers.rule_words import told
from incentives.papers.statement.page import statement_body
from incentives.service import acknowledging, issuing, pay, statements
from incentives.service.access import NotThere, reach_payee
from incentives.service.runs import rules_in_force
from incentives.service.statements import Issued
from incentives.store.facts_out import Known
from incentives.web.here import books, look_again, reader, speak, viewer, who
from incentives.web.policy import allow

blueprint = Blueprint("statements", __name__, url_prefix="/statements")


@blueprint.get("")
@allow()
def index() -> Any:
    """One's own statements; where there are none of one's own, those of everybody in reach."""
    if viewer().payee_id:
        return redirect(url_for("statements.of_payee", payee_id=viewer().payee_id))
    if not viewer().sees_all_pay:
        raise NotThere("statements")
    return render_template("statements/quarters.html", quarters=statements.quarters(reader()), named=_named)


@blueprint.get("/of/<payee_id>")
@allow()
def of_payee(payee_id: str) -> Any:
    """A payee's statements and plan letters."""
    reach_payee(reader(), viewer(), payee_id)
    rules = Known(reader()).rules()
    return render_template(
        "statements/payee.html",
        payee_id=payee_id,
        named=_named,
        is_own=payee_id == viewer().payee_id,
        payee=next(Known(reader()).payees(pay.THIS_PAYEE, this=payee_id), None),
        issued=statements.of_payee(reader(), payee_id),
        letters=acknowledging.letters_of(reader(), rules, payee_id) if rules else [],
    )


@blueprint.get("/<quarter>")
@allow()
def of_quarter(quarter: str) -> Any:
    """The statements of a quarter, of everybody in reach."""
    first = _quarter(quarter)
    issued = statements.of_quarter(reader(), first, viewer().payees())
    if not issued:
        raise NotThere(quarter)
    return render_template("statements/quarter.html", quarter=quarter, first=first, issued=issued, named=_named)


def _named(first: dt.date) -> str:
    """A quarter by its number in its fiscal year."""
    return quarter_title(speak(), first, rules_in_force(reader()).company.fiscal_year_starts)


@blueprint.get("/<quarter>/<payee_id>")
@allow()
def show(quarter: str, payee_id: str) -> Any:
    """A statement on screen: the very text that is on paper."""
    issued = _reached(quarter, payee_id)
    body = _body(issued.quarter, payee_id, issued.sha256, issued.seal, speak().language)
    page = render_template(
        "statements/show.html",
        quarter=quarter,
        issued=issued,
        body=_HERE,
        is_own=payee_id == viewer().payee_id,
    )
    above, _, below = page.partition(_HERE)
    return Response(above.encode() + body + below.encode(), mimetype="text/html")


_HERE = Markup("<!-- the statement -->")  # what people wrote is escaped: it cannot stand in the page twice


@blueprint.get("/<quarter>/<payee_id>/statement.pdf")
@allow()
def pdf(quarter: str, payee_id: str) -> Response:
    """A statement on paper, as it was first printed; it is printed when somebody asks for the first time."""
    issued = _reached(quarter, payee_id)
    look_again()  # printing may take a second, and writes
    (paper,) = issuing.printed(books(), who(), issued.quarter, payee_id)
    return _file(paper.pdf, "application/pdf", f"statement-{quarter}-{issuing.file_name(payee_id)}.pdf")


@blueprint.get("/<quarter>/<payee_id>/statement.json")
@allow()
def as_json(quarter: str, payee_id: str) -> Response:
    """A statement as the document that is sealed."""
    issued = _reached(quarter, payee_id)
    name = f"statement-{quarter}-{issuing.file_name(payee_id)}.json"
    text = statements.text_of(reader(), issued.quarter, payee_id)
    return _file(text.encode("ascii") + b"\n", "application/json", name)


@blueprint.post("/<quarter>/<payee_id>/acknowledge")
@allow()
def acknowledge(quarter: str, payee_id: str) -> Any:
    """Say that one has seen one's own statement."""
    issued = _reached(quarter, _own(payee_id))
    acknowledging.acknowledge_statement(books(), who(), payee_id, issued.quarter)
    flash(speak().say(marked("Noted: you have seen this statement.")), "done")
    return redirect(url_for("statements.show", quarter=quarter, payee_id=payee_id))


# Plan letters ----------------------------------------------------------------------------------------


@blueprint.get("/of/<payee_id>/letters/<plan>/<version>")
@allow()
def letter(payee_id: str, plan: str, version: str) -> Any:
    """The letter of a plan version, as it was approved."""
    found = _letter(reach_payee(reader(), viewer(), payee_id), plan, version)
    return render_template(
        "statements/letter.html",
        payee_id=payee_id,
        letter=found,
        components=[told(each, found.currency, speak()) for each in found.says.components],
        is_own=payee_id == viewer().payee_id,
    )


@blueprint.post("/of/<payee_id>/letters/<plan>/<version>")
@allow()
def acknowledge_letter(payee_id: str, plan: str, version: str) -> Any:
    """Say that one has read one's own plan letter."""
    found = _letter(_own(payee_id), plan, version)
    acknowledging.acknowledge_letter(books(), who(), payee_id, found.plan, found.version)
    flash(speak().say(marked("Noted: you have read this plan letter.")), "done")
    return redirect(url_for("statements.letter", payee_id=payee_id, plan=plan, version=version))


def _letter(payee_id: str, plan: str, version: str) -> acknowledging.Letter:
    rules = Known(reader()).rules()
    letters = acknowledging.letters_of(reader(), rules, payee_id) if rules else []
    try:
        subject = acknowledging.letter_subject(plan, day(version))
    except Unreadable:
        raise NotThere(version) from None
    for each in letters:
        if each.subject == subject:
            return each
    raise NotThere(subject)


# What they share -------------------------------------------------------------------------------------


def _own(payee_id: str) -> str:
    """What one says of one's own: nobody says it for somebody else."""
    if payee_id != viewer().payee_id:
        raise NotThere(payee_id)
    return payee_id


def _quarter(quarter: str) -> dt.date:
    try:
        return first_of_month(quarter)
    except Unreadable:
        raise NotThere(quarter) from None


def _reached(quarter: str, payee_id: str) -> Issued:
    issued = statements.issued(reader(), _quarter(quarter), reach_payee(reader(), viewer(), payee_id))
    if issued is None:
        raise NotThere(month_name(_quarter(quarter)))
    return issued


@lru_cache(maxsize=256)
def _body(quarter: dt.date, payee_id: str, sha256: str, seal: str, language: Language) -> bytes:
    """An issued statement in words, as it is sent: it never changes, and is put into words once."""
    document = pay.issued_document(sha256, statements.text_of(reader(), quarter, payee_id))
    return statement_body(document, language, seal).encode()


def _file(content: bytes, kind: str, name: str) -> Response:
    answered = Response(content, mimetype=kind)
    answered.headers["Content-Disposition"] = f'inline; filename="{name}"'
    return answered
