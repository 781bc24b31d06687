"""Payouts: what payroll pulls, once a month is closed. The same bytes for ever, and a receipt."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

from flask import Response, make_response, request, url_for

from incentives.calendar import month_name
from incentives.documents.fields import Document
from incentives.errors import Problem, Rejected, Told
from incentives.papers.payroll import PROFILES
from incentives.service import payouts
from incentives.service.access import NotThere
from incentives.service.listing import instant
from incentives.web.api.frame import Conflicting, Noun, opens, tag_of, tagged
from incentives.web.api.shapes import (
    AMOUNTS,
    LONGEST_TEXT,
    MAYBE,
    MAYBE_INSTANT,
    MONTH,
    NUMBER,
    SHA256,
    TEXT,
    OneOf,
    Plain,
    said,
)
from incentives.web.here import books, look_again, reader, viewer, who

noun = Noun("payouts", "Payroll files of closed months, with control totals, and payroll's receipt.")

_FILE = said(
    "PayoutFile",
    {"name": TEXT, "batch_id": TEXT, "rows": NUMBER, "sums": AMOUNTS, "sha256": SHA256, "url": TEXT},
)
_RECEIPT = said("Receipt", {"at": MAYBE_INSTANT, "by": MAYBE})
_PAYOUT = said(
    "Payout",
    {
        "month": MONTH,
        "profile": TEXT,
        "seal": SHA256 | {"description": "Of the closed month."},
        "files": [_FILE],
        "deliveries": NUMBER | {"description": "How often the files were handed over."},
        "receipt": _RECEIPT,
    },
)
_BYTES = {"type": "string", "format": "binary"}


class Profiled(Document):
    """For which payroll system."""

    profile = OneOf(*PROFILES, load_default="generic")


class Receipted(Document):
    """Payroll has the file."""

    profile = OneOf(*PROFILES, load_default="generic")
    sha256 = Plain(64, metadata={"pattern": "^[0-9a-f]{64}$"}, load_default="")
    note = Plain(LONGEST_TEXT, may_be_empty=True, load_default="")


@noun.route("/payouts/<month:month>")
@opens("payouts:read", 404, 409, 422, headers=["If-None-Match"])
@noun.arguments(Profiled, location="query")
@noun.response(200, _PAYOUT)
@noun.alt_response(304, description="It is still what `If-None-Match` says.")
def get_payout(asked: dict[str, str], month: dt.date) -> Response:
    """Control totals of a closed month's payroll files

    Reading them hands nothing over; fetching a file does.
    """
    looked = _looked(month, asked["profile"])
    content = _told(looked)
    return tagged(content, tag_of(content))


@noun.route("/payouts/<month:month>/files/<id:name>")
@opens("payouts:read", 404, 409, 422, headers=["If-None-Match"])
@noun.arguments(Profiled, location="query")
@noun.response(
    200, _BYTES, content_type="application/octet-stream", description="The file, always the same bytes."
)
@noun.alt_response(304, description="You have it: nothing is handed over again.")
def get_payout_file(asked: dict[str, str], month: dt.date, name: str) -> Response:
    """The payroll file itself

    `Content-SHA256` is the digest of its bytes. Handed over again, it says `Payout-Copy: 2` and so on.
    """
    looked = _looked(month, asked["profile"])
    file = next((each for each in looked.files if each.name == name), None)
    if file is None:
        raise NotThere(name)
    answered = make_response(file.content)
    answered.mimetype = "application/octet-stream"
    answered.set_etag(file.sha256)
    answered.headers["Cache-Control"] = "private, no-cache"
    answered.headers["Content-SHA256"] = file.sha256
    answered.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    answered.make_conditional(request, complete_length=len(file.content))
    is_for_payroll = viewer().has("payroll", "author", "approver")  # who only looks is handed nothing
    if answered.status_code == 200 and request.method == "GET" and is_for_payroll:
        delivered = payouts.payout(books(), who(), month, asked["profile"])
        if delivered.is_copy:
            answered.headers["Payout-Copy"] = str(delivered.number)
    return answered


@noun.route("/payouts/<month:month>/receipt", methods=["POST"])
@opens("payouts:acknowledge", 404, 409)
@noun.arguments(Receipted)
@noun.response(200, _PAYOUT)
def post_receipt(body: dict[str, str], month: dt.date) -> Response:
    """Say, once, that payroll has its file

    With `sha256` it is held against the digest of what was handed over.
    """
    looked = _looked(month, body["profile"])
    digests = [each.sha256 for each in looked.files]
    if body["sha256"] and body["sha256"] not in digests:
        sentence = Told(f"No file of {month_name(month)} for {body['profile']} has this digest.")
        cure = Told(f"Fetch it again; it is {' or '.join(digests)}.")
        raise Rejected([Problem("body", 0, "sha256", "other-content", sentence, cure)])
    try:
        payouts.acknowledge(books(), who(), month, body["profile"], body["note"])
    except Rejected as rejected:
        raise Conflicting(rejected) from None
    look_again()
    content = _told(_looked(month, body["profile"]))
    return tagged(content, tag_of(content))


def _looked(month: dt.date, profile: str) -> payouts.Looked:
    try:
        return payouts.look(reader(), month, profile)
    except Rejected as rejected:
        if any(each.code == "open" for each in rejected.problems):
            raise Conflicting(rejected) from None
        raise


def _told(looked: payouts.Looked) -> dict[str, Any]:
    files = []
    for each in looked.files:
        control = json.loads(each.control)
        url = url_for("api_payouts.get_payout_file", month=looked.month, name=each.name, profile=looked.profile)
        files.append(
            {
                "name": each.name,
                "batch_id": control["batch_id"],
                "rows": control["rows"],
                "sums": control["sums"],
                "sha256": each.sha256,
                "url": url,
            }
        )
    return {
        "month": month_name(looked.month),
        "profile": looked.profile,
        "seal": looked.seal,
        "files": files,
        "deliveries": looked.deliveries,
        "receipt": {"at": instant(looked.acknowledged_at), "by": looked.acknowledged_by or None},
    }
