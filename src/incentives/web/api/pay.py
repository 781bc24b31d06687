"""What people are paid and why: statements, explanations, shared metrics, questions about lines."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

from flask import Response, make_response, request

from incentives.calendar import month_name
from incentives.documents.fields import Document
from incentives.documents.written import decimal
from incentives.errors import Rejected
from incentives.money import major
from incentives.papers.words import Said
from incentives.service import decisions, explaining, issuing, listing, measuring
from incentives.service.access import NotThere, reach_payee
from incentives.service.explaining import Explained
from incentives.web.api.frame import Conflicting, Noun, opens, page, tagged
from incentives.web.api.shapes import (
    AMOUNT,
    INSTANT,
    LINE,
    LONGEST_TEXT,
    MAYBE,
    MAYBE_INSTANT,
    MONTH,
    NUMBER,
    SHA256,
    TEXT,
    AnyDay,
    AnyMonth,
    OneOf,
    Paged,
    Plain,
    Shape,
    page_of,
    said,
)
from incentives.web.here import books, look_again, reader, today, viewer, who

statements = Noun("statements", "Statements of a quarter, as they were fixed: JSON and PDF.")
explanations = Noun("explanations", "Why an amount is what it is, in words and steps.")
metrics = Noun("metrics", "What sales and credit are measured by together.")
questions = Noun("questions", "Questions about lines, and their answers.")

# Statements --------------------------------------------------------------------------------------------------

_STATEMENT = said(
    "StatementNamed",
    {"quarter": MONTH | {"description": "Its first month."}, "payee_id": TEXT, "language": TEXT, "sha256": SHA256},
)
_WHOLE = {"type": "object", "description": "Opening balance to closing balance, then line by line."}
_PDF = {"type": "string", "format": "binary"}


class Wanted(Document):
    """Which statements, and after which."""

    limit = Paged._declared_fields["limit"]
    after = Plain(load_default="", metadata={"description": "As `next` of the page before says."})
    payee_id = Plain()
    quarter = AnyMonth()


@statements.route("/statements")
@opens("pay:read")
@statements.arguments(Wanted, location="query")
@statements.response(200, page_of("StatementsPage", "statements", _STATEMENT))
def list_statements(asked: dict[str, Any]) -> dict[str, Any]:
    """List statements by quarter and payee"""
    rows = listing.statements(
        reader(), viewer(), asked["after"], asked["limit"], asked.get("payee_id"), asked.get("quarter")
    )
    return page("statements", rows, asked["limit"])


@statements.route("/statements/<month:quarter>/<id:payee_id>")
@opens("pay:read", 404, headers=["If-None-Match"])
@statements.response(200, _WHOLE)
@statements.alt_response(304, description="It is still what `If-None-Match` says.")
def get_statement(quarter: dt.date, payee_id: str) -> Response:
    """A statement as it was fixed at the close"""
    document, sha256 = listing.statement(reader(), quarter, reach_payee(reader(), viewer(), payee_id))
    return tagged(json.loads(document), sha256)


@statements.route("/statements/<month:quarter>/<id:payee_id>/pdf")
@opens("pay:read", 404, headers=["If-None-Match"])
@statements.response(200, _PDF, content_type="application/pdf", description="Always the same bytes.")
@statements.alt_response(304, description="You have it.")
def get_statement_pdf(quarter: dt.date, payee_id: str) -> Response:
    """A statement on paper; printed the first time somebody asks, and kept"""
    _, sha256 = listing.statement(reader(), quarter, reach_payee(reader(), viewer(), payee_id))
    if sha256 in request.if_none_match:
        return Response(status=304)
    (paper,) = issuing.printed(books(), who(), quarter, payee_id)
    answered = make_response(paper.pdf)
    answered.mimetype = "application/pdf"
    answered.set_etag(sha256)
    answered.headers["Cache-Control"] = "private, no-cache"
    name = f"statement-{month_name(quarter)}-{issuing.file_name(payee_id)}.pdf"
    answered.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return answered


# Explanations ------------------------------------------------------------------------------------------------

REASON = {
    "type": "object",
    "description": "A sentence, and the steps that lead to it.",
    "required": ["says", "rule", "steps"],
    "properties": {
        "says": {"type": "string"},
        "rule": {"type": ["string", "null"]},
        "steps": {"type": "array", "items": {"$ref": "#/components/schemas/Reason"}},
    },
}
_REASON = {"allOf": [{"$ref": "#/components/schemas/Reason"}]}
_POSTED = said("Posted", {"month": MONTH, "amount": AMOUNT})
_LINE: dict[str, Shape] = {
    **LINE,
    "posted": [_POSTED],
}
_PART = said("ExplainedPart", _LINE)
_EXPLAINED = said("Explained", {**_LINE, "reason": _REASON, "parts": [_PART]})
_EXPLANATIONS = said("Explanations", {"lines": [_EXPLAINED]})


class Caused(Document):
    """What caused the lines, and as of which close."""

    cause = Plain(required=True, metadata={"description": "An event id, `payout:2026-06`, …", "minLength": 1})
    month = AnyMonth(metadata={"description": "As it stood at the close of this month."})
    language = OneOf("en", "nl")


@explanations.route("/explanations/<id:payee_id>")
@opens("pay:read", 404)
@explanations.arguments(Caused, location="query")
@explanations.response(200, _EXPLANATIONS)
def explain(asked: dict[str, Any], payee_id: str) -> dict[str, Any]:
    """Why a payee has the lines of a cause

    The explanation is what the calculation returns, and sums to what was posted.
    """
    language = asked.get("language") or viewer().language
    found = explaining.explain(
        reader(), reach_payee(reader(), viewer(), payee_id), asked["cause"], language, month=asked.get("month")
    )
    if not found:
        raise NotThere(asked["cause"])
    return {
        "lines": [
            _line(each) | {"reason": _reason(each.said), "parts": [_line(part) for part in each.parts]}
            for each in found
        ]
    }


def _line(line: Explained) -> dict[str, Any]:
    return {
        "payee_id": line.payee_id,
        "plan": line.plan or None,
        "component": line.component,
        "kind": line.kind,
        "cause": line.cause,
        "invoice_id": line.invoice_id or None,
        "earned_on": line.earned_on.isoformat(),
        "payable_on": line.payable_on.isoformat(),
        "amount": major(line.amount_minor, line.currency),
        "currency": line.currency,
        "posted": [
            {"month": month_name(each.month), "amount": major(each.amount_minor, line.currency)}
            for each in line.posted
        ],
    }


def _reason(told: Said) -> dict[str, Any]:
    return {"says": told.says, "rule": told.rule or None, "steps": [_reason(each) for each in told.steps]}


# Metrics -----------------------------------------------------------------------------------------------------

_METRIC = said(
    "Metric",
    {
        "team": TEXT,
        "quarter": MONTH,
        "metric": TEXT,
        "customers": {"type": "string", "enum": ["all", "new"]},
        "value": MAYBE | {"description": "A decimal; null where it is undefined."},
    },
)
_METRICS = said("Metrics", {"metrics": [_METRIC]})
_TEAMS = said("Teams", {"teams": [TEXT]})


class Measured(Document):
    """Up to which day."""

    as_of = AnyDay()


@metrics.route("/metrics")
@opens("pay:read")
@metrics.response(200, _TEAMS)
def list_teams() -> dict[str, Any]:
    """The teams whose metrics you see"""
    return {"teams": measuring.teams(reader(), viewer())}


@metrics.route("/metrics/<id:team>")
@opens("pay:read", 404)
@metrics.arguments(Measured, location="query")
@metrics.response(200, _METRICS)
def get_metrics(asked: dict[str, Any], team: str) -> dict[str, Any]:
    """The nine metrics of a team for every quarter that has ended"""
    found = measuring.metrics(reader(), viewer(), team, asked.get("as_of") or today())
    return {
        "metrics": [
            {
                "team": each.team,
                "quarter": month_name(each.period),
                "metric": each.metric,
                "customers": each.customers,
                "value": None if each.value_ppm is None else decimal(each.value_ppm),
            }
            for each in found
        ]
    }


# Questions ---------------------------------------------------------------------------------------------------

_QUESTION = said(
    "Question",
    {
        "question": NUMBER,
        "payee_id": TEXT,
        "plan": MAYBE,
        "component": TEXT,
        "kind": TEXT,
        "cause": TEXT,
        "text": TEXT,
        "asked_by": TEXT,
        "asked_at": INSTANT,
        "answer": MAYBE,
        "answered_by": MAYBE,
        "answered_at": MAYBE_INSTANT,
    },
)
_ASKED = said("QuestionsAsked", {"questions": [NUMBER]})


class QuestionsWanted(Paged):
    """Whose questions, and whether they wait."""

    payee_id = Plain()
    state = OneOf("open", "answered")


class Asking(Document):
    """A question about every line of a cause."""

    payee_id = Plain(required=True)
    cause = Plain(required=True)
    question = Plain(LONGEST_TEXT, required=True)


class Answering(Document):
    """An answer."""

    answer = Plain(LONGEST_TEXT, required=True)


@questions.route("/questions")
@opens("questions:read")
@questions.arguments(QuestionsWanted, location="query")
@questions.response(200, page_of("QuestionsPage", "questions", _QUESTION))
def list_questions(asked: dict[str, Any]) -> dict[str, Any]:
    """List questions with their answers, in order"""
    rows = listing.questions(
        reader(), viewer(), asked["after"], asked["limit"], asked.get("payee_id"), asked.get("state")
    )
    return page("questions", [(each["question"], each) for each in rows], asked["limit"])


@questions.route("/questions", methods=["POST"])
@opens("questions:write", 404)
@questions.arguments(Asking)
@questions.response(201, _ASKED)
def ask(body: dict[str, str]) -> dict[str, Any]:
    """Ask about every line of a cause; a take-back among them waits for the answer"""
    payee_id = reach_payee(reader(), viewer(), body["payee_id"])
    return {"questions": decisions.ask(books(), who(), payee_id, body["cause"], body["question"])}


@questions.route("/questions/<number:number>/answer", methods=["POST"])
@opens("questions:write", 404, 409, roles=["author", "approver"])
@questions.arguments(Answering)
@questions.response(200, _QUESTION)
def answer(body: dict[str, str], number: int) -> dict[str, Any]:
    """Answer a question, once"""
    if not listing.questions(reader(), viewer(), number - 1, 0, only=number):
        raise NotThere(str(number))
    try:
        decisions.answer(books(), who(), number, body["answer"])
    except Rejected as rejected:
        raise Conflicting(rejected) from None
    look_again()
    (found,) = listing.questions(reader(), viewer(), number - 1, 0, only=number)
    return found
