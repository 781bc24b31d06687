"""Months: which are closed, what stands in the way of the open one, and closing it; the runs that lead there."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from typing import Any

from incentives.calendar import month_name
from incentives.documents.fields import Document, YesNo
from incentives.errors import Rejected
from incentives.ledger.entries import Draft
from incentives.money import major
from incentives.service import listing, outlook, would_post
from incentives.service import months as closing
from incentives.service import runs as running
from incentives.service.access import NotThere
from incentives.service.checklist import STEPS
from incentives.service.listing import instant
from incentives.service.outlook import Found, Outlook
from incentives.service.standing import Standing, standing
from incentives.service.would_post import Preview
from incentives.web.api import later
from incentives.web.api.frame import Conflicting, Noun, opens, page
from incentives.web.api.shapes import (
    AMOUNTS,
    DAY,
    INSTANT,
    LINE,
    MAYBE,
    MAYBE_INSTANT,
    MONTH,
    NUMBER,
    TEXT,
    YES_NO,
    AnyDay,
    Paged,
    Reasons,
    Shape,
    page_of,
    said,
)
from incentives.web.here import books, reader, who

months = Noun("months", "Months: open, closed and sealed.")
runs = Noun("runs", "Runs: what should stand, less what was posted.")

_STATE = {"type": "string", "enum": ["open", "closed"]}
_MONTH = said(
    "Month",
    {
        "month": MONTH,
        "state": _STATE,
        "paid": AMOUNTS,
        "closed_at": MAYBE_INSTANT,
        "closed_by": MAYBE,
        "prepared_by": MAYBE,
        "seal": MAYBE,
        "previous_seal": MAYBE,
    },
)
_MONTHS = said("Months", {"months": [_MONTH], "waiting": {"type": "object", "additionalProperties": NUMBER}})
_STEP = said(
    "Step",
    {
        "name": TEXT,
        "blocks": YES_NO,
        "number": NUMBER | {"description": "How much was found."},
        "found": [TEXT | {"description": "The first 1,000 of it."}],
        "cure": TEXT,
        "may_be_waived": YES_NO,
        "waived": MAYBE,
    },
)
_LOOKED = said(
    "MonthLooked", {"month": MONTH, "ready": YES_NO, "steps": [_STEP], "entries": NUMBER, "pays": AMOUNTS}
)
_CLOSED = said(
    "MonthClosed", {"month": MONTH, "seal": TEXT, "entries": NUMBER, "pays": AMOUNTS, "statements": NUMBER}
)


class Waived(Document):
    """A reason for each step of the checklist that may pass as it is."""

    waive = Reasons(*STEPS, load_default=dict)


@months.route("/months")
@opens("months:read")
@months.response(200, _MONTHS)
def list_months() -> dict[str, Any]:
    """The closed months, then the open one, and how much waits of each kind"""
    now = standing(books())
    return {"months": _told(now), "waiting": dict(now.waiting)}


@months.route("/months/<month:month>")
@opens("months:read", 404)
@months.response(200, _MONTH)
def get_month(month: dt.date) -> dict[str, Any]:
    """One month"""
    for each in _told(standing(books())):
        if each["month"] == month_name(month):
            return each
    raise NotThere(month_name(month))


@months.route("/months/<month:month>/checklist", methods=["POST"])
@opens("months:read", 404, 409, headers=["Prefer"])
@months.arguments(Waived)
@months.response(200, _LOOKED)
@months.alt_response(202, **later.DESCRIBED)
def look_at_month(body: dict[str, Any], month: dt.date) -> Any:
    """What a close would do and pay, and what stands in its way; nothing is kept"""
    _in_turn(month)
    if later.is_later():
        at = who().at.isoformat()
        return later.accepted("checklist", month=month_name(month), waive=body["waive"], at=at)
    return looked(outlook.outlook(reader(), who(), month, body["waive"]))


def looked(found: Outlook) -> dict[str, Any]:
    """The answer of a checklist."""
    return {
        "month": month_name(found.month),
        "ready": not any(step.blocks for step in found.steps),
        "steps": [_step(each) for each in found.steps],
        "entries": found.entries,
        "pays": _amounts(found.paid_minor),
    }


def _in_turn(month: dt.date) -> None:
    try:
        closing.check_turn(reader(), month)
    except Rejected as rejected:
        raise Conflicting(rejected) from None


@months.route("/months/<month:month>/close", methods=["POST"])
@opens("months:write", 404, 409, headers=["Prefer"])
@months.arguments(Waived)
@months.response(200, _CLOSED)
@months.alt_response(202, **later.DESCRIBED)
def close_month(body: dict[str, Any], month: dt.date) -> Any:
    """Close the oldest open month: post, fix what is paid, issue statements at a quarter's end, seal

    Whoever closes has not made the last run, and has brought no delivery and decided no conflict since. 409 says
    which steps stand in the way.
    """
    _in_turn(month)
    if later.is_later():
        return later.accepted("close", month=month_name(month), waive=body["waive"])
    try:
        done = closing.close(books(), who(), month, waive=body["waive"])
    except closing.NotReady as not_ready:
        raise Conflicting.steps(month_name(month), not_ready.steps) from None
    except Rejected as rejected:
        raise Conflicting(rejected) from None
    return closed(done.as_plain())


def closed(plain: Mapping[str, Any]) -> dict[str, Any]:
    """The answer of a close."""
    return {**plain, "pays": _amounts(plain["pays"])}


def _told(now: Standing) -> list[dict[str, Any]]:
    acts = listing.acts(reader(), [each.act_id for each in now.closed])
    found = [
        {
            "month": month_name(each.month),
            "state": "closed",
            "paid": _amounts(each.content["paid_minor"]),
            "closed_at": instant(acts[each.act_id].at),
            "closed_by": acts[each.act_id].actor,
            "prepared_by": each.prepared_by or None,
            "seal": each.seal,
            "previous_seal": each.previous_seal or None,
        }
        for each in now.closed
    ]
    if now.open_month is not None:
        empty = dict.fromkeys(("closed_at", "closed_by", "prepared_by", "seal", "previous_seal"))
        found.append({"month": month_name(now.open_month.first), "state": "open", "paid": {}} | empty)
    return found


def _step(step: Found) -> dict[str, Any]:
    return {
        "name": step.name,
        "blocks": step.blocks,
        "number": step.number,
        "found": list(step.says),
        "cure": step.cure,
        "may_be_waived": step.may_be_waived,
        "waived": step.waived or None,
    }


def _amounts(totals: Any) -> dict[str, str]:
    return {currency: major(minor, currency) for currency, minor in sorted(totals.items())}


# Runs --------------------------------------------------------------------------------------------------------

_RUN = said(
    "Run",
    {"run": NUMBER, "month": MONTH, "as_of": DAY, "scope": TEXT, "entries": NUMBER, "at": INSTANT, "by": TEXT},
)
_POSTING = said("Posting", LINE)
_FINDING = said("Finding", {"what": TEXT, "message": TEXT})
_DID: dict[str, Shape] = {"month": MONTH, "as_of": DAY, "scope": TEXT, "entries": NUMBER, "findings": [_FINDING]}
_RAN = said("Ran", {"run": NUMBER, **_DID})
_PREVIEW = said("RunPreview", {**_DID, "postings": [_POSTING]})
"""``postings`` are the first 10,000; ``entries`` says how many there are."""


class Wanted(Document):
    """Up to which day everything counts; ``full`` calculates everybody."""

    as_of = AnyDay(load_default=None)
    full = YesNo(load_default=False, metadata={"type": "boolean", "default": False})


@runs.route("/runs")
@opens("months:read")
@runs.arguments(Paged, location="query")
@runs.response(200, page_of("RunsPage", "runs", _RUN))
def list_runs(asked: dict[str, int]) -> dict[str, Any]:
    """List runs, in order"""
    rows = listing.runs(reader(), asked["after"], asked["limit"])
    found = [(row["run"], row) for row in rows]
    return page("runs", found, asked["limit"])


@runs.route("/runs/preview", methods=["POST"])
@opens("months:read", 409, headers=["Prefer"])
@runs.arguments(Wanted)
@runs.response(200, _PREVIEW)
@runs.alt_response(202, **later.DESCRIBED)
def preview_run(body: dict[str, Any]) -> Any:
    """What a run would post now, line by line; nothing is written

    `entries` says how many there are in all; `postings` are the first 10,000 of them.
    """
    if later.is_later():
        return later.accepted("preview", **_written(body), at=who().at.isoformat())
    return previewed(would_post.preview(reader(), who(), **body))


def previewed(found: Preview) -> dict[str, Any]:
    """The answer of a preview."""
    return {
        "month": month_name(found.month),
        "as_of": found.as_of.isoformat(),
        "scope": found.scope,
        "entries": found.entries,
        "findings": _findings(found.findings),
        "postings": [_posting(each) for each in found.drafts],
    }


@runs.route("/runs", methods=["POST"])
@opens("months:write", 409, headers=["Prefer"])
@runs.arguments(Wanted)
@runs.response(200, _RAN)
@runs.alt_response(202, **later.DESCRIBED)
def make_run(body: dict[str, Any]) -> Any:
    """Post what is missing into the oldest open month; again, and there is nothing to post"""
    if later.is_later():
        return later.accepted("run", **_written(body))
    return ran(running.run(books(), who(), **body).as_plain())


def ran(plain: Mapping[str, Any]) -> dict[str, Any]:
    """The answer of a run."""
    return {**plain, "findings": _findings(plain["findings"])}


def _written(body: Mapping[str, Any]) -> dict[str, Any]:
    day = body["as_of"]
    return {**body, "as_of": day.isoformat() if day else None}


def _findings(found: Iterable[tuple[str, str]]) -> list[dict[str, str]]:
    return [{"what": what, "message": message} for what, message in found]


def _posting(draft: Draft) -> dict[str, Any]:
    return {
        "payee_id": draft.payee_id,
        "plan": draft.plan or None,
        "component": draft.component,
        "kind": draft.kind,
        "cause": draft.cause,
        "invoice_id": draft.invoice_id or None,
        "earned_on": draft.earned_on.isoformat(),
        "payable_on": draft.payable_on.isoformat(),
        "amount": major(draft.amount_minor, draft.currency),
        "currency": draft.currency,
    }
