"""What every resource has in common: how requests are read, which problems are documented, and pages of lists."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NoReturn, TypeVar
from urllib.parse import urlencode

from flask import Response, g, jsonify, request
from flask_limiter.util import get_remote_address
from flask_smorest import Api as Smorest  # type: ignore[import-untyped] # it comes without types
from flask_smorest import Blueprint
from marshmallow import Schema, ValidationError
from sqlalchemy import Connection
from webargs.flaskparser import FlaskParser
from webargs.multidictproxy import MultiDictProxy
from werkzeug.exceptions import UnsupportedMediaType
from werkzeug.routing import BaseConverter
from werkzeug.routing import ValidationError as NotHere

from incentives.calendar import month_name
from incentives.documents import written
from incentives.documents.fields import problems_in
from incentives.documents.written import Unreadable, shown
from incentives.errors import Problem, Rejected, Told
from incentives.service import answers
from incentives.service.checklist import Step
from incentives.service.tokens import SCOPES
from incentives.store.acts import Who
from incentives.store.engine import writing
from incentives.web.addresses import NumberInPath
from incentives.web.here import books, viewer
from incentives.web.policy import allow

F = TypeVar("F", bound=Callable[..., Any])

PROBLEMS = {
    400: "It could not be read at all.",
    401: "No token, or one that is not good.",
    403: "The token's scopes, or its account's roles, do not reach this.",
    404: "There is no such thing, or it is not yours to see.",
    409: "Something stands in the way, or somebody changed it meanwhile.",
    412: "It is no longer what `If-Match` says.",
    413: "More than is taken at once.",
    415: "Only application/json is read here.",
    422: "Something in it needs mending: every mistake, with its place.",
    428: "`If-Match` is missing.",
    429: "Too often: wait for as many seconds as `Retry-After` says.",
}
ALWAYS = (401, 403, 429)

HEADERS: Mapping[str, Mapping[str, Any]] = {
    "Idempotency-Key": {
        "required": False,
        "description": "The same key with the same body gets the same answer, and nothing is done twice.",
        "schema": {"type": "string", "minLength": 1, "maxLength": 100, "pattern": "^[!-~]+$"},
    },
    "Prefer": {
        "required": False,
        "description": "`respond-async` has a job do it, and is answered at once with where to look.",
        "schema": {"type": "string", "enum": ["respond-async"]},
    },
    "If-Match": {
        "required": True,
        "description": "The `ETag` that you have read.",
        "schema": {"type": "string"},
    },
    "If-None-Match": {
        "required": False,
        "description": "An `ETag`: nothing is sent again if it is still that.",
        "schema": {"type": "string"},
    },
}


class Malformed(Exception):
    """A body that is no JSON at all."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem


class Conflicting(Exception):
    """What is asked is right in itself, and something stands in its way: 409 with what that is."""

    def __init__(self, rejected: Rejected) -> None:
        self.problems = rejected.problems

    @classmethod
    def steps(cls, month: str, steps: Iterable[Step]) -> Conflicting:
        """The steps of a checklist that block a close."""
        return cls(
            Rejected(
                Problem(f"month {month}", 0, step.name, "blocks", sentence, step.cure)
                for step in steps
                if step.blocks
                for sentence in step.found
            )
        )


class Api(Smorest):  # type: ignore[misc]
    """flask-smorest for the document alone: mistakes are told by :mod:`incentives.web.errors`."""

    DEFAULT_ERROR_RESPONSE_NAME = None

    def _register_error_handlers(self) -> None:
        """None: the application has its own, for pages and API alike."""


# Reading -----------------------------------------------------------------------------------------------------


class Strictly(FlaskParser):
    """Reads JSON and queries; every mistake is a problem with its place."""

    DEFAULT_UNKNOWN_BY_LOCATION: dict[str, str | None] = {"json": None, "query": None}  # noqa: RUF012

    def load_json(self, req: Any, schema: Schema) -> Any:
        """The body, read strictly."""
        if req.mimetype != "application/json":
            raise UnsupportedMediaType
        return json_of(req.get_data())

    def load_querystring(self, req: Any, schema: Schema) -> Any:
        """The query; each name once."""
        for name, values in req.args.lists():
            if len(values) > 1:
                sentence = Told(f"{shown(name)} is given {len(values)} times.")
                raise Rejected([Problem("query", 0, name, "twice", sentence, Told("Give it once."))])
        return MultiDictProxy(req.args, schema)

    def handle_error(self, error: ValidationError, req: Any, schema: Schema, **_: Any) -> NoReturn:
        """Every mistake at once."""
        assert isinstance(error.messages, dict)
        found: list[Problem] = []
        for location, messages in error.messages.items():
            found += problems_in(messages, {"json": "body", "query": "query"}[location])
        raise Rejected(found)


def json_of(content: bytes) -> Any:
    """JSON that says everything once. Raises :class:`Malformed` for what is none, :class:`Rejected` for a key that
    is there twice."""
    twice: list[Problem] = []

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        keys = [key for key, _ in pairs]
        for key in dict.fromkeys(key for key in keys if keys.count(key) > 1) if len(set(keys)) < len(keys) else ():
            sentence = Told(f"The key {shown(key)} is there twice.")
            twice.append(Problem("body", 0, key, "key-twice", sentence, Told("Leave one out.")))
        return dict(pairs)

    def none(found: str) -> NoReturn:
        raise ValueError(f"{found} is not JSON")

    try:
        read = json.loads(content.decode(), object_pairs_hook=once, parse_constant=none, parse_float=_Decimal)
    except (ValueError, RecursionError) as error:
        where = f"line {error.lineno}, column {error.colno}" if isinstance(error, json.JSONDecodeError) else ""
        sentence = Told(f"The body is not JSON{f': {where}' if where else ''}.")
        raise Malformed(Problem("body", 0, "", "not-json", sentence, Told("Send JSON in UTF-8."))) from None
    if twice:
        raise Rejected(twice)
    return read


class _Decimal:
    """A number with a point or an exponent: no field takes one, and it is shown as it was written."""

    def __init__(self, found: str) -> None:
        self.found = found

    def __str__(self) -> str:
        return self.found


def deliver_problems(rejected: Rejected, places: Mapping[str, Callable[[Problem], str]]) -> Rejected:
    """Mistakes of a delivery with their places in the body that was sent."""
    return Rejected(
        Problem("body", 0, places[each.place](each), each.code, each.sentence, each.cure)
        if each.place in places
        else each
        for each in rejected.problems
    )


# Addresses ---------------------------------------------------------------------------------------------------


class MonthInPath(BaseConverter):
    """A month as 2026-03."""

    regex = r"[0-9]{4}-[0-9]{2}"

    def to_python(self, value: str) -> dt.date:
        """Its first day."""
        try:
            return written.first_of_month(value)
        except Unreadable:
            raise NotHere from None

    def to_url(self, value: Any) -> str:
        """As 2026-03."""
        return month_name(value) if isinstance(value, dt.date) else str(value)


class IdInPath(BaseConverter):
    """An id; what no id can be is not there."""

    regex = r"[^/\x00-\x1f\x7f]{1,100}"


CONVERTERS: Mapping[str, tuple[type[BaseConverter], dict[str, Any]]] = {
    "month": (MonthInPath, {"type": "string", "pattern": "^[0-9]{4}-[0-9]{2}$", "examples": ["2026-03"]}),
    "number": (NumberInPath, {"type": "integer", "minimum": 1, "maximum": 10**18 - 1}),
    "id": (IdInPath, {"type": "string", "minLength": 1, "maxLength": 100}),
}


# Resources ---------------------------------------------------------------------------------------------------


def opens(scope: str, *problems: int, headers: Sequence[str] = (), roles: Iterable[str] = ()) -> Callable[[F], F]:
    """Declare a route: the scope and the roles that open it (those of the scope, if none are named), the problems
    beside the usual ones that it answers, the headers that it reads."""
    may = SCOPES[scope].roles
    wanted = frozenset(roles) or may
    assert wanted <= may, f"{wanted - may} cannot have a token for {scope}"

    def declared(function: F) -> F:
        allowed = allow(*sorted(wanted), scope=scope)(function)
        documented = dict(getattr(function, "_apidoc", {}))
        opened = {"scope": scope, "roles": sorted(wanted), "problems": problems, "headers": headers}
        allowed._apidoc = documented | {"opens": opened}  # type: ignore[attr-defined]
        return allowed

    return declared


class Noun(Blueprint):  # type: ignore[misc]
    """The routes of one noun. Its endpoints are called ``api_…``, beside those of the pages."""

    ARGUMENTS_PARSER = Strictly()

    def __init__(self, noun: str, description: str) -> None:
        super().__init__(f"api_{noun}", __name__, url_prefix="/api/v1", description=description)
        self.noun = noun
        self._prepare_doc_cbks.append(self._prepare_opens_doc)

    def add_url_rule(self, rule: str, endpoint: str | None = None, view_func: Any = None, **options: Any) -> None:
        """As flask-smorest does, under the noun's own tag."""
        super().add_url_rule(rule, endpoint, view_func, **options | {"tags": [self.noun]})

    # As flask-smorest has them, with types.

    def route(self, rule: str, **options: Any) -> Callable[[F], F]:
        """A route of this noun."""
        routed: Callable[[F], F] = super().route(rule, **options)
        return routed

    def arguments(self, schema: Any, **options: Any) -> Callable[[F], F]:
        """What is sent, and how it is read."""
        read: Callable[[F], F] = super().arguments(schema, **options)
        return read

    def response(self, status_code: int, schema: Any = None, **options: Any) -> Callable[[F], F]:
        """What is answered."""
        answered: Callable[[F], F] = super().response(status_code, schema, **options)
        return answered

    def alt_response(self, status_code: int, response: Any = None, **options: Any) -> Callable[[F], F]:
        """What else may be answered."""
        answered: Callable[[F], F] = super().alt_response(status_code, response, **options)
        return answered

    @staticmethod
    def _prepare_opens_doc(doc: dict[str, Any], doc_info: dict[str, Any], **_: Any) -> dict[str, Any]:
        """Scope, roles, headers and problems of an operation."""
        opened = doc_info["opens"]
        has_body, asks = "requestBody" in doc, bool(doc.get("parameters"))
        problems = {*ALWAYS, *opened["problems"]}
        problems |= {400, 413, 415, 422} if has_body else {422} if asks else set()
        responses = {str(status): each for status, each in doc.get("responses", {}).items()}
        responses |= {str(status): {"$ref": f"#/components/responses/Problem{status}"} for status in problems}
        parameters = [{"in": "header", "name": name, **HEADERS[name]} for name in opened["headers"]]
        return doc | {
            "responses": dict(sorted(responses.items())),
            "parameters": [*doc.get("parameters", []), *parameters],
            "security": [{"token": []}],
            "x-scope": opened["scope"],
            "x-roles": opened["roles"],
        }


def describe(api: Api) -> None:
    """What operations refer to: the problem, its answers, and how a token is sent."""
    components = api.spec.components
    components.security_scheme(
        "token", {"type": "http", "scheme": "bearer", "description": "A token, made under People and access."}
    )
    components.schema("Problem", _PROBLEM)
    for status, sentence in PROBLEMS.items():
        content = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
        components.response(f"Problem{status}", {"description": sentence, "content": content})


_PROBLEM: dict[str, Any] = {
    "type": "object",
    "description": "RFC 9457, with every mistake at once.",
    "required": ["type", "title", "status", "request_id"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "request_id": {"type": "string", "description": "The name of this request in our logs."},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["pointer", "place", "code", "detail"],
                "properties": {
                    "pointer": {
                        "type": "string",
                        "description": "Where in the body (RFC 6901), or which parameter.",
                    },
                    "place": {"type": "string", "description": "The body, the query, or what this is about."},
                    "code": {"type": "string"},
                    "detail": {"type": "string", "description": "What is wrong, and how to mend it."},
                },
            },
        },
    },
}


# Doing once --------------------------------------------------------------------------------------------------


def once(acting: Who, do: Callable[[Connection], Mapping[str, Any]], status: int = 200) -> Response:
    """Do something in one transaction and tell what became of it; once for each Idempotency-Key."""
    body, is_given = _once(acting, lambda connection: json.dumps(do(connection)))
    answered = Response(body, status, mimetype="application/json")
    if is_given:
        answered.headers["Idempotent-Replayed"] = "true"
    return answered


def _once(acting: Who, do: Callable[[Connection], str]) -> tuple[str, bool]:
    key = request.headers.get("Idempotency-Key")
    if key is None:
        with writing(books()) as connection:
            return do(connection), False
    if not (1 <= len(key) <= 100 and key.isascii() and key.isprintable() and " " not in key):
        sentence = Told("It is not 1 to 100 letters, digits and signs.")
        cure = Told("Make one for each request, such as a UUID.")
        raise Rejected([Problem("header", 0, "Idempotency-Key", "unreadable", sentence, cure)])
    says = hashlib.sha256(f"{request.method} {request.path}\n".encode() + request.get_data())
    return answers.once(books(), acting, answers.Asked(viewer().account_id, key, says.hexdigest()), do)


# Answering ---------------------------------------------------------------------------------------------------


def page(noun: str, rows: Sequence[tuple[int | str, Mapping[str, Any]]], limit: int) -> dict[str, Any]:
    """A page of a list from up to ``limit + 1`` numbered rows, and where the next one is."""
    following = None
    if len(rows) > limit:
        rows = rows[:limit]
        query = request.args.to_dict() | {"limit": str(limit), "after": str(rows[-1][0])}
        following = f"{request.path}?{urlencode(query)}"
    return {noun: [row for _, row in rows], "next": following}


def tagged(content: Mapping[str, Any], tag: str) -> Response:
    """JSON under an ETag; nothing where the one who asks has that already."""
    answered = jsonify(content)
    answered.set_etag(tag)
    answered.headers["Cache-Control"] = "private, no-cache"
    answered.make_conditional(request)
    return answered


def tag_of(*parts: object) -> str:
    """An ETag of what something says."""
    return hashlib.sha256(json.dumps(parts, default=str).encode()).hexdigest()[:32]


def token_or_address() -> str:
    """Whose requests are counted together."""
    token = g.get("token")
    return get_remote_address() if token is None else str(token.public_id)
