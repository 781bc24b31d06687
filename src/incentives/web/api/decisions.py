"""Decisions: what waits for a second person, what is proposed, and the decision; never about one's own."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from typing import Any

from flask import Response
from sqlalchemy import Connection

from incentives.documents import written
from incentives.documents.fields import Document
from incentives.documents.written import Unreadable
from incentives.errors import Problem, Rejected
from incentives.money import major
from incentives.service import decisions as deciding
from incentives.service import pending
from incentives.service.access import NotThere
from incentives.service.listing import instant
from incentives.service.pending import Conflict, Field, Proposal
from incentives.store.acts import Who
from incentives.web.api.frame import Conflicting, Noun, deliver_problems, once, opens, page
from incentives.web.api.shapes import (
    CURRENCY,
    INSTANT,
    LONGEST_TEXT,
    MAYBE,
    NUMBER,
    TEXT,
    AnyDay,
    OneOf,
    Paged,
    Plain,
    Shape,
    page_of,
    said,
)
from incentives.web.here import reader, who

noun = Noun("decisions", "Decisions: adjustments, holds, their release, and conflicts; never one's own.")

KINDS = ("adjustment", "hold", "release", "conflict")
_KIND: Shape = {"type": "string", "enum": [*KINDS]}
_HELD: Shape = {"type": "string", "enum": ["invoice", "customer", "payee"]}
_ABOUT: Shape = {
    "type": "object",
    "description": "Of an adjustment `payee_id`, `amount`, `currency`, `on`; of a hold `kind` and `subject`; of a "
    "release `hold`; of a conflict `kind`, `subject`, `source`, `delivery` and `fields`, each with its `name`, "
    "the `line` of an invoice that it is of, and what is `known` and what `came`, where they differ.",
}
_WAITS = said(
    "DecisionWaits",
    {
        "kind": _KIND,
        "number": NUMBER,
        "proposed_by": TEXT,
        "proposed_at": INSTANT,
        "reason": MAYBE,
        "about": _ABOUT,
        "choices": [TEXT],
    },
)
_HOLD = said(
    "Hold",
    {
        "hold": NUMBER,
        "kind": _HELD,
        "subject": TEXT,
        "reason": TEXT,
        "release": {"type": ["integer", "null"], "description": "A proposal to end it that waits."},
    },
)
_PROPOSED = said("DecisionProposed", {"kind": _KIND, "number": NUMBER})
_DECIDED = said(
    "DecisionMade",
    {
        "kind": _KIND,
        "number": NUMBER,
        "choice": TEXT,
        "decided_by": TEXT,
        "decided_at": INSTANT,
        "reason": MAYBE,
    },
)


_REASON = Plain(LONGEST_TEXT, required=True)


class OfKind(Paged):
    """What of a kind waits."""

    kind = OneOf(*KINDS, required=True)


class Adjusting(Document):
    """An amount that no rule gives; below zero it is taken back."""

    payee_id = Plain(required=True)
    amount = Plain(required=True)
    currency = Plain(required=True, metadata=CURRENCY)
    on = AnyDay(required=True)
    reason = _REASON


class Holding(Document):
    """What is earned and not paid until it is released."""

    kind = OneOf("invoice", "customer", "payee", required=True)
    subject = Plain(required=True)
    reason = _REASON


class Releasing(Document):
    """Why a hold may end."""

    reason = _REASON


# What waits --------------------------------------------------------------------------------------------------


@noun.route("/decisions")
@opens("decisions:read")
@noun.arguments(OfKind, location="query")
@noun.response(200, page_of("DecisionsPage", "decisions", _WAITS))
def list_decisions(asked: dict[str, Any]) -> dict[str, Any]:
    """What of a kind waits for a decision, the oldest first"""
    kind, after, limit = asked["kind"], asked["after"], asked["limit"]
    if kind == "conflict":
        rows = [(each.number, _contradicts(each)) for each in pending.conflicts(reader(), limit + 1, after)]
    else:
        rows = [(each.number, _proposed(each)) for each in pending.proposals(reader(), kind, limit + 1, after)]
    return page("decisions", rows, limit)


@noun.route("/holds")
@opens("decisions:read")
@noun.response(200, said("Holds", {"holds": [_HOLD]}))
def list_holds() -> dict[str, Any]:
    """The holds that keep money back now"""
    return {
        "holds": [
            {
                "hold": each.hold.hold_id,
                "kind": each.hold.kind,
                "subject": each.hold.subject,
                "reason": each.hold.reason,
                "release": each.release or None,
            }
            for each in pending.holds(reader())
        ]
    }


def _proposed(waits: Proposal) -> dict[str, Any]:
    about = waits.about
    match waits.kind:
        case "adjustment":
            amount = major(about["amount_minor"], about["currency"])
            day = about["earned_on"].isoformat()
            says = {"payee_id": about["payee_id"], "amount": amount, "currency": about["currency"], "on": day}
        case "hold":
            says = {"kind": about["kind"], "subject": about["subject"]}
        case _:
            says = {"hold": about["hold_id"]}
    return _waits(waits.kind, waits.number, waits.author, waits.at, about["reason"], says)


def _contradicts(conflict: Conflict) -> dict[str, Any]:
    says = {
        "kind": conflict.kind,
        "subject": conflict.subject,
        "source": conflict.source or None,
        "delivery": conflict.delivery,
        "fields": [
            {
                "name": each.name,
                "line": each.line or None,
                "known": _value(each, each.known),
                "came": _value(each, each.came),
            }
            for each in conflict.fields
            if each.differs
        ],
    }
    return _waits("conflict", conflict.number, conflict.brought_by, conflict.at, None, says)


def _value(field: Field, found: Any) -> str | None:
    if found is None or found == "":
        return None
    if isinstance(found, bool):
        return "yes" if found else "no"
    return major(found, field.currency) if field.currency else str(found)


def _waits(
    kind: str, number: int, author: str, at: dt.datetime, reason: str | None, about: Mapping[str, Any]
) -> dict[str, Any]:
    return {
        "kind": kind,
        "number": number,
        "proposed_by": author,
        "proposed_at": instant(at),
        "reason": reason,
        "about": about,
        "choices": [*deciding.CHOICES[kind]],
    }


# Proposing ---------------------------------------------------------------------------------------------------


@noun.route("/adjustments", methods=["POST"])
@opens("decisions:write", headers=["Idempotency-Key"])
@noun.arguments(Adjusting)
@noun.response(201, _PROPOSED)
def propose_adjustment(body: dict[str, Any]) -> Response:
    """Propose an amount for a payee; it counts once somebody else approves it"""
    acting = who(body["reason"])

    def propose(connection: Connection) -> int:
        amount_minor, mistakes = _amount(body["amount"], body["currency"])
        if mistakes:
            raise Rejected([*mistakes, *deciding.wrong_with_adjustment(connection, acting, body["payee_id"])])
        about = body["payee_id"], amount_minor, body["currency"], body["on"]
        return deciding.adjust_in(connection, acting, *about)

    return _proposes(acting, "adjustment", propose, {"payee": "payee_id", "adjustment": "amount"})


@noun.route("/holds", methods=["POST"])
@opens("decisions:write", headers=["Idempotency-Key"])
@noun.arguments(Holding)
@noun.response(201, _PROPOSED)
def propose_hold(body: dict[str, str]) -> Response:
    """Propose to keep money back: earned, and not paid until it is released"""
    acting = who(body["reason"])

    def propose(connection: Connection) -> int:
        return deciding.hold_in(connection, acting, body["kind"], body["subject"])

    return _proposes(acting, "hold", propose, {body["kind"]: "subject"})


@noun.route("/holds/<number:number>/release", methods=["POST"])
@opens("decisions:write", 404, 409, headers=["Idempotency-Key"])
@noun.arguments(Releasing)
@noun.response(201, _PROPOSED)
def propose_release(body: dict[str, str], number: int) -> Response:
    """Propose to end a hold that is in force"""
    acting = who(body["reason"])

    def propose(connection: Connection) -> int:
        _there(connection, "hold", number)
        return deciding.release_in(connection, acting, number)

    return _proposes(acting, "release", propose, {})


def _proposes(acting: Who, kind: str, propose: Callable[[Connection], int], fields: dict[str, str]) -> Response:
    """Propose it, and tell under which number it waits."""
    return _done(acting, lambda connection: {"kind": kind, "number": propose(connection)}, fields, 201)


def _amount(text: str, currency: str) -> tuple[int, list[Problem]]:
    """An amount in a currency, or what is wrong with the two."""
    mistakes = []
    known = None
    try:
        known = written.currency(currency)
    except Unreadable as error:
        mistakes.append(Problem("body", 0, "currency", error.code, error.sentence, error.cure))
    try:
        return written.amount(text, known), mistakes
    except Unreadable as error:
        return 0, [*mistakes, Problem("body", 0, "amount", error.code, error.sentence, error.cure)]


# Deciding ----------------------------------------------------------------------------------------------------


def _add_decision(kind: str) -> None:
    """POST /kinds/N/decision."""

    def decide(body: dict[str, str], number: int) -> Response:
        acting = who(body["reason"])

        def do(connection: Connection) -> dict[str, Any]:
            _there(connection, kind, number)
            deciding.decide_in(connection, acting, kind, number, body["choice"])
            return {
                "kind": kind,
                "number": number,
                "choice": body["choice"],
                "decided_by": acting.actor,
                "decided_at": instant(acting.at),
                "reason": acting.reason or None,
            }

        return _done(acting, do, {})

    choices = deciding.CHOICES[kind]
    decide.__name__ = f"decide_about_{kind}"
    decide.__doc__ = _TITLES[kind]
    reason = _REASON if kind == "adjustment" else Plain(LONGEST_TEXT, load_default="", may_be_empty=True)
    words = {"choice": OneOf(*choices, required=True), "reason": reason}
    shape = type(f"{kind.capitalize()}Decided", (Document,), words)
    read = noun.arguments(shape)(noun.response(200, _DECIDED)(decide))
    opened = opens("decisions:write", 404, 409, headers=["Idempotency-Key"])(read)
    noun.add_url_rule(f"/{kind}s/<number:number>/decision", view_func=opened, methods=["POST"])


_TITLES = {
    "adjustment": "Approve or reject an adjustment that somebody else proposed",
    "hold": "Approve or reject a hold that somebody else proposed",
    "release": "Approve or reject that a hold ends, which somebody else proposed",
    "conflict": "Say which version counts: keep the one that is known, or replace it by the one that came",
}
for _kind in KINDS:
    _add_decision(_kind)


def _there(connection: Connection, kind: str, number: int) -> None:
    if not pending.was_proposed(connection, kind, number):
        raise NotThere(f"{kind} {number}")


_IN_THE_WAY = ("not-waiting", "second-person", "not-in-force", "already-waiting")


def _done(
    acting: Who, do: Callable[[Connection], dict[str, Any]], fields: dict[str, str], status: int = 200
) -> Response:
    """Do it once for each Idempotency-Key; mistakes with their places in the body."""
    fields |= {"reason": "reason"}
    places: dict[str, Callable[[Problem], str]] = dict.fromkeys(fields, lambda problem: fields[problem.place])
    try:
        return once(acting, do, status)
    except Rejected as rejected:
        if any(each.code in _IN_THE_WAY for each in rejected.problems):
            raise Conflicting(rejected) from None
        raise deliver_problems(rejected, places) from None
