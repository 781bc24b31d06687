"""The API for programs, under /api/v1: described at /api/openapi.json, shown at /api/docs."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Flask, Response, current_app, jsonify, render_template
from flask_limiter import Limiter
from flask_wtf import CSRFProtect

from incentives.papers.languages import marked
from incentives.web import errors
from incentives.web.api import audit, decisions, facts, jobs, months, pay, payouts, plans
from incentives.web.api.docs import chapters, shapes
from incentives.web.api.frame import CONVERTERS, Api, Conflicting, Malformed, describe, token_or_address
from incentives.web.api.shapes import properties_of
from incentives.web.policy import public
from incentives.web.settings import Settings

NOUNS = (
    *facts.NOUNS,
    plans.plans,
    plans.drafts,
    months.runs,
    months.months,
    decisions.noun,
    jobs.noun,
    payouts.noun,
    pay.statements,
    pay.explanations,
    pay.metrics,
    pay.questions,
    audit.noun,
)

described = Blueprint("api", __name__, url_prefix="/api")

_ABOUT = """Everything here needs a token: `Authorization: Bearer inc_…`. Money, rates and shares are text
("1210.00", "0.6"), days are 2026-03-31, what is absent is null. Lists come in pages: follow `next`. Every mistake
in a request is told at once, with its place."""


def set_up(app: Flask, csrf: CSRFProtect, limiter: Limiter) -> None:
    """Every resource."""
    for name, (converter, _) in CONVERTERS.items():
        app.url_map.converters[name] = converter
    app.register_error_handler(Malformed, lambda malformed: errors.answer(400, (malformed.problem,)))
    app.register_error_handler(Conflicting, _in_the_way)
    api = Api(app, spec_kwargs={"title": "Incentives", "version": "1", "openapi_version": "3.1.0"})
    api.spec.options["info"] = {"description": " ".join(_ABOUT.split())}
    api.ma_plugin.converter.add_attribute_function(properties_of)
    for converter, shape in CONVERTERS.values():
        api.flask_plugin.register_converter(converter, lambda _, shape=shape: shape)
    describe(api)
    api.spec.components.schema("Reason", pay.REASON)
    settings: Settings = app.extensions["settings"]
    rate = f"{settings.api_per_minute} per minute"
    limit: Any = limiter.shared_limit(rate, scope="api", key_func=token_or_address)
    for noun in NOUNS:
        csrf.exempt(noun)  # no cookie opens anything here
        app.register_blueprint(noun)
        noun.register_views_in_doc(api, app, api.spec, name=noun.name, parameters=None)
        api.spec.tag({"name": noun.noun, "description": noun.description})
        limit(noun)
    app.extensions["openapi"] = api.spec.to_dict()
    app.register_blueprint(described)


def _in_the_way(conflict: Conflicting) -> Response:
    return errors.answer(409, conflict.problems, marked("Something stands in the way of this."))


@described.get("/docs")
@public
def docs() -> str:
    """What there is, for people."""
    spec = current_app.extensions["openapi"]
    return render_template(
        "api/docs.html", about=spec["info"]["description"], chapters=chapters(spec), shapes=shapes(spec)
    )


@described.get("/openapi.json")
@public
def openapi() -> Response:
    """What there is, for programs that read such a document."""
    return jsonify(current_app.extensions["openapi"])
