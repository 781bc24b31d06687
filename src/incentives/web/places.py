"""The places of a role: what stands in the rail, in the order of a day's work."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from flask import current_app, request

from incentives.papers.languages import marked
from incentives.web.addresses import address_of
from incentives.web.here import speak, viewer_or_none


@dataclass(frozen=True, slots=True)
class Place:
    """A page that the rail leads to."""

    name: str
    address: str
    is_here: bool


_PLACES = (
    ("my_pay.show", marked("My pay")),
    ("month.show", marked("Month")),
    ("imports.show", marked("Import")),
    ("questions.show", marked("Questions")),
    ("plans.index", marked("Plans")),
    ("payroll.show", marked("Payroll")),
    ("statements.index", marked("Statements")),
    ("team.show", marked("Team")),
    ("together.show", marked("Together")),
    ("customers.index", marked("Customers")),
    ("invoices.index", marked("Invoices")),
    ("compare.show", marked("Compare")),
    ("people.index", marked("People and access")),
    ("audit.show", marked("Audit")),
)
_WITHIN = {"hooks": "people"}
"""Pages that are reached from another place, and are part of it."""


def places() -> Iterator[Place]:
    """The places that the viewer may open."""
    viewer = viewer_or_none()
    if viewer is None:
        return
    here = (request.blueprint or "").partition(".")[0]
    policies = current_app.extensions["policies"]
    for endpoint, name in _PLACES:
        policy = policies.get((endpoint, "GET"))
        if policy is None or not policy.admits(viewer):
            continue
        blueprint = endpoint.partition(".")[0]
        if blueprint == "my_pay" and not viewer.payee_id:
            continue
        if blueprint == "statements" and not (viewer.payee_id or viewer.sees_all_pay):
            continue
        yield Place(speak().say(name), address_of(endpoint), blueprint == _WITHIN.get(here, here))
