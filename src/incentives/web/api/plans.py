"""Plans: what is in force, drafts with what they would pay, and the decision of a second person."""

from __future__ import annotations

from typing import Any

from flask import Response, jsonify, request, url_for

from incentives.calendar import month_name
from incentives.documents.fields import Document
from incentives.errors import Problem, Rejected, Told
from incentives.money import major
from incentives.service import drafting, previewing
from incentives.service.drafting import Draft, Judged, Revision, Shelf
from incentives.service.listing import instant
from incentives.store.engine import reading
from incentives.web import errors
from incentives.web.api.frame import PROBLEMS, Conflicting, Noun, opens, tag_of, tagged
from incentives.web.api.shapes import (
    AMOUNT,
    DAY,
    INSTANT,
    LONGEST_TEXT,
    MAYBE,
    MAYBE_DAY,
    MAYBE_INSTANT,
    MONTH,
    NUMBER,
    TEXT,
    YES_NO,
    AnyDay,
    Long,
    OneOf,
    Plain,
    said,
)
from incentives.web.here import books, look_again, reader, viewer, who

plans = Noun("plans", "Plans: versions in force, what waits, and the decision of a second person.")
drafts = Noun("plan_drafts", "Drafts of plans: written, judged, previewed on real history, submitted.")

_REVISION = said(
    "Revision",
    {
        "revision": NUMBER,
        "plan": TEXT,
        "state": {"type": "string", "enum": ["waiting", "approved", "rejected"]},
        "proposed_by": TEXT,
        "proposed_at": INSTANT,
        "reason": MAYBE,
        "decided_by": MAYBE,
        "decided_at": MAYBE_INSTANT,
        "decided_because": MAYBE,
    },
)
_REVISION_WHOLE = said("RevisionWhole", {"revision": _REVISION, "document": TEXT})
_DRAFT_NAMED = said("DraftNamed", {"draft": NUMBER, "version": NUMBER, "author": TEXT, "changed_at": INSTANT})
_PLAN = said(
    "Plan",
    {
        "plan": TEXT,
        "name": TEXT,
        "currency": MAYBE,
        "versions": [DAY],
        "in_force": {"type": ["integer", "null"], "description": "The revision that was approved last."},
        "revisions": [_REVISION],
        "drafts": [_DRAFT_NAMED],
    },
)
_PLANS = said("Plans", {"plans": [_PLAN]})
_MISTAKE = said("Mistake", {"path": TEXT, "code": TEXT, "detail": TEXT})
_EXAMPLE = said(
    "Example",
    {"effective_from": DAY, "component": TEXT, "says": MAYBE, "wanted": AMOUNT, "got": AMOUNT, "holds": YES_NO},
)
_DRAFT = said(
    "Draft",
    {
        "draft": NUMBER,
        "plan": TEXT,
        "version": NUMBER | {"description": "Its `ETag`: say it as `If-Match` when you change it."},
        "revision": {"type": ["integer", "null"], "description": "What it became when it was submitted."},
        "author": TEXT,
        "changed_at": INSTANT,
        "document": TEXT,
        "ready": YES_NO | {"description": "Whether it may be submitted."},
        "mistakes": [_MISTAKE],
        "examples": [_EXAMPLE],
        "first_day": MAYBE_DAY | {"description": "The first day on which other rules would hold."},
        "reaches_back": YES_NO | {"description": "Whether that lies in a closed month."},
    },
)
_SIDE = said(
    "Side",
    {
        "payee_id": TEXT,
        "month": MONTH,
        "currency": TEXT,
        "before": AMOUNT,
        "after": AMOUNT,
        "difference": AMOUNT,
    },
)
_PREVIEW = said(
    "PlanPreview",
    {"plan": TEXT, "as_of": DAY, "open_month": MONTH, "payees": NUMBER, "differences": [_SIDE]},
)
_SUBMITTED = said("Submitted", {"revision": NUMBER})
_TAGGED = {"ETag": {"description": "The draft's version.", "schema": {"type": "string"}}}


class Decided(Document):
    """A decision, with its reason."""

    choice = OneOf("approve", "reject", required=True)
    reason = Plain(LONGEST_TEXT, required=True)
    confirmed = Plain(
        load_default="",
        may_be_empty=True,
        metadata={"description": "The plan's id, where it reaches back into closed months."},
    )


class Begun(Document):
    """A draft: of a plan from a day on, or from a document of one's own."""

    plan = Plain(load_default="")
    effective_from = AnyDay(load_default=None)
    document = Long(load_default="")


class Changed(Document):
    """A draft as it is now."""

    document = Long(required=True)


class Reasoned(Document):
    """Why."""

    reason = Plain(LONGEST_TEXT, required=True)


# Plans -------------------------------------------------------------------------------------------------------


@plans.route("/plans")
@opens("plans:read")
@plans.response(200, _PLANS)
def list_plans() -> dict[str, Any]:
    """Every plan that is in force, waits or is being written"""
    return {"plans": [_shelf(each) for each in drafting.shelves(reader())]}


@plans.route("/plans/<id:plan>")
@opens("plans:read", 404)
@plans.response(200, _PLAN)
def get_plan(plan: str) -> dict[str, Any]:
    """One plan with its revisions"""
    return _shelf(drafting.shelf(reader(), plan))


@plans.route("/plans/revisions/<number:number>")
@opens("plans:read", 404, headers=["If-None-Match"])
@plans.response(200, _REVISION_WHOLE)
@plans.alt_response(304, description="It is still what `If-None-Match` says.")
def get_revision(number: int) -> Response:
    """A plan as it was proposed, with its document"""
    found = drafting.revision(reader(), number)
    content = {"revision": _revision(found), "document": found.document}
    return tagged(content, tag_of(content))


@plans.route("/plans/revisions/<number:number>/decision", methods=["POST"])
@opens("plans:write", 404, 409, roles=["approver"])
@plans.arguments(Decided)
@plans.response(200, _REVISION_WHOLE)
def decide(body: dict[str, str], number: int) -> dict[str, Any]:
    """Approve or reject what somebody else proposed

    Approved, it is in force, and its versions hold from their own days.
    """
    found = drafting.revision(reader(), number)
    if not found.waits:
        sentence, cure = Told("It was decided already."), Told("There is nothing more to do.")
        problem = Problem(f"revision {number}", 0, "", "decided", sentence, cure)
        raise Conflicting(Rejected([problem]))
    try:
        drafting.decide(books(), who(body["reason"]), number, body["choice"], body["confirmed"])
    except Rejected as rejected:
        if any(each.code in ("second-person", "not-waiting") for each in rejected.problems):
            raise Conflicting(rejected) from None
        raise
    look_again()
    found = drafting.revision(reader(), number)
    return {"revision": _revision(found), "document": found.document}


def _shelf(shelf: Shelf) -> dict[str, Any]:
    made = shelf.in_force
    return {
        "plan": shelf.plan,
        "name": shelf.name,
        "currency": made.currency if made else None,
        "versions": [each.effective_from.isoformat() for each in made.versions] if made else [],
        "in_force": shelf.approved.number if shelf.approved else None,
        "revisions": [_revision(each) for each in shelf.revisions],
        "drafts": [
            {
                "draft": each.number,
                "version": each.version,
                "author": each.author,
                "changed_at": instant(each.changed_at),
            }
            for each in shelf.drafts
        ],
    }


def _revision(revision: Revision) -> dict[str, Any]:
    decided = revision.decided
    return {
        "revision": revision.number,
        "plan": revision.plan,
        "state": {"approve": "approved", "reject": "rejected"}.get(revision.choice, "waiting"),
        "proposed_by": revision.proposed.actor,
        "proposed_at": instant(revision.proposed.at),
        "reason": revision.proposed.reason or None,
        "decided_by": decided.actor if decided else None,
        "decided_at": instant(decided.at) if decided else None,
        "decided_because": (decided.reason or None) if decided else None,
    }


# Drafts ------------------------------------------------------------------------------------------------------


@drafts.route("/plan_drafts", methods=["POST"])
@opens("plans:write", 404, roles=["author"])
@drafts.arguments(Begun)
@drafts.response(201, _DRAFT, headers=_TAGGED)
def begin_draft(body: dict[str, Any]) -> Response:
    """Draft a plan

    With `plan` and `effective_from`: a new version of it that begins by saying what holds on that day. With
    `document`: a plan of one's own, in TOML.
    """
    named = body["plan"] and body["effective_from"]
    if bool(named) == bool(body["document"]) or bool(body["plan"]) != bool(body["effective_from"]):
        sentence = Told("It is not clear what to begin from.")
        cure = Told("Give plan and effective_from, or document.")
        raise Rejected([Problem("body", 0, "", "one-of-two", sentence, cure)])
    account_id = viewer().account_id
    if body["document"]:
        made = drafting.bring(books(), account_id, who(), body["document"])
    else:
        made = drafting.begin(books(), account_id, who(), body["plan"], body["effective_from"])
    answered = _answer(made)
    answered.status_code = 201
    answered.headers["Location"] = url_for("api_plan_drafts.get_draft", number=made.number)
    return answered


@drafts.route("/plan_drafts/<number:number>")
@opens("plans:read", 404)
@drafts.response(200, _DRAFT, headers=_TAGGED)
def get_draft(number: int) -> Response:
    """A draft, with its mistakes or its examples"""
    return _answer(drafting.draft(reader(), number))


@drafts.route("/plan_drafts/<number:number>", methods=["PUT"])
@opens("plans:write", 404, 409, 412, 428, headers=["If-Match"], roles=["author"])
@drafts.arguments(Changed)
@drafts.response(200, _DRAFT, headers=_TAGGED)
def change_draft(body: dict[str, str], number: int) -> Response:
    """Keep a draft as it is now, mistakes and all"""
    return _on_version(
        number, lambda version: _answer(drafting.change(books(), who(), number, version, body["document"]))
    )


@drafts.route("/plan_drafts/<number:number>", methods=["DELETE"])
@opens("plans:write", 404, 409, 412, 428, headers=["If-Match"], roles=["author"])
@drafts.response(204, description="It is gone.")
def discard_draft(number: int) -> Response:
    """Throw a draft away"""

    def discarded(version: int) -> Response:
        drafting.discard(books(), number, version)
        return Response(status=204)

    return _on_version(number, discarded)


@drafts.route("/plan_drafts/<number:number>/preview", methods=["POST"])
@opens("plans:read", 404, 422)
@drafts.response(200, _PREVIEW)
def preview_draft(number: int) -> dict[str, Any]:
    """What a draft would have paid on the history in the books, beside what it paid; nothing is kept"""
    found = drafting.draft(reader(), number)
    judged = drafting.judged(reader(), found.plan, found.document)
    if judged.plan is None:
        raise Rejected(judged.problems)
    preview = previewing.preview(reader(), who(), judged.plan)
    return {
        "plan": preview.plan,
        "as_of": preview.as_of.isoformat(),
        "open_month": month_name(preview.open_month),
        "payees": preview.payees,
        "differences": [
            {
                "payee_id": each.payee_id,
                "month": month_name(each.month),
                "currency": each.currency,
                "before": major(each.before_minor, each.currency),
                "after": major(each.after_minor, each.currency),
                "difference": major(each.difference_minor, each.currency),
            }
            for each in preview.sides
            if each.difference_minor
        ],
    }


@drafts.route("/plan_drafts/<number:number>/submission", methods=["POST"])
@opens("plans:write", 404, 409, 412, 428, headers=["If-Match"], roles=["author"])
@drafts.arguments(Reasoned)
@drafts.response(200, _SUBMITTED)
def submit_draft(body: dict[str, str], number: int) -> Response:
    """Let a draft wait for somebody else's decision"""
    return _on_version(
        number,
        lambda version: jsonify(revision=drafting.submit(books(), who(body["reason"]), number, version)),
    )


def _on_version(number: int, do: Any) -> Response:
    """Do something to the version that `If-Match` names; where it is another by now, nothing."""
    with reading(books()) as connection:
        drafting.draft(connection, number)
    if not request.headers.get("If-Match"):
        return errors.answer(428, sentence=PROBLEMS[428])
    tag = next(iter(request.if_match.as_set()), "")
    try:
        if not (tag.isascii() and tag.isdigit() and len(tag) < 10):
            return errors.answer(412, sentence=PROBLEMS[412])
        done: Response = do(int(tag))
    except drafting.Overtaken:
        return errors.answer(412, sentence=PROBLEMS[412])
    except Rejected as rejected:
        if any(each.code in ("submitted", "already-waiting") for each in rejected.problems):
            raise Conflicting(rejected) from None
        raise
    return done


def _answer(draft: Draft) -> Response:
    look_again()
    judged = drafting.judged(reader(), draft.plan, draft.document)
    answered = jsonify(_told(draft, judged))
    answered.set_etag(str(draft.version))
    return answered


def _told(draft: Draft, judged: Judged) -> dict[str, Any]:
    currency = judged.plan.currency if judged.plan else ""
    return {
        "draft": draft.number,
        "plan": draft.plan,
        "version": draft.version,
        "revision": draft.revision or None,
        "author": draft.author,
        "changed_at": instant(draft.changed_at),
        "document": draft.document,
        "ready": judged.is_ready,
        "mistakes": [{"path": each.path, "code": each.code, "detail": each.said} for each in judged.problems],
        "examples": [
            {
                "effective_from": each.effective_from.isoformat(),
                "component": each.example.component,
                "says": each.example.says or None,
                "wanted": major(each.example.earns_minor, currency),
                "got": major(each.got_minor, currency),
                "holds": each.holds,
            }
            for each in judged.examples
        ],
        "first_day": judged.first_day.isoformat() if judged.first_day else None,
        "reaches_back": judged.reaches_back,
    }
