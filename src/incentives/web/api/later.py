"""Answering later: over large books, or for a program that would rather not wait, a job does it (RFC 7240)."""

from __future__ import annotations

from typing import Any

from flask import Response, jsonify, request, url_for

from incentives.service import kept
from incentives.web.api.shapes import NUMBER, TEXT, Shape, said
from incentives.web.here import have_done, reader

STATE: Shape = {"type": "string", "enum": ["waiting", "running", "done", "failed"]}
ACCEPTED = said("JobAccepted", {"job": NUMBER, "state": STATE, "url": TEXT})
DESCRIBED: dict[str, Any] = {
    "schema": ACCEPTED,
    "description": "A job does it: over large books, or with `Prefer: respond-async`.",
    "headers": {"Location": {"description": "Where it tells how far it is.", "schema": {"type": "string"}}},
}
"""How such an answer is documented."""


def is_preferred() -> bool:
    """Whether the program would rather not wait."""
    preferences = ",".join(request.headers.getlist("Prefer")).split(",")
    return "respond-async" in (each.partition(";")[0].strip().lower() for each in preferences)


def is_later() -> bool:
    """Whether a job does it."""
    return is_preferred() or not kept.is_little(reader())


def accepted(kind: str, **arguments: Any) -> Response:
    """Have a job do it: 202, and where to look."""
    number = have_done(kind, arguments)
    address = url_for("api_jobs.get_job", number=number)
    answered = jsonify(job=number, state="waiting", url=address)
    answered.status_code = 202
    answered.headers["Location"] = address
    if is_preferred():
        answered.headers["Preference-Applied"] = "respond-async"
    return answered
