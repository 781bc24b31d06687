"""What a visitor is told when something is not there, not allowed, or went wrong: one place for pages and API."""

from __future__ import annotations

from typing import Any

import structlog
from flask import Flask, Response, jsonify, make_response, redirect, render_template, request, url_for
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import HTTPException

from incentives.errors import Problem, Rejected
from incentives.papers.languages import marked
from incentives.service.access import NotThere
from incentives.web.here import request_id, speak

_log = structlog.get_logger()

_SENTENCES = {
    400: marked("This could not be read. Go back and try again."),
    401: marked("Sign in first."),
    403: marked("This is not for your role. Whoever manages people and access can change that."),
    404: marked("There is nothing at this address, or it is not yours to see."),
    405: marked("That cannot be done here."),
    409: marked("Somebody else changed this meanwhile. Look again before you decide."),
    413: marked("That is more than can be taken at once."),
    415: marked("This kind of content is not read here."),
    422: marked("Something in this needs mending."),
    429: marked("That was too often. Wait a minute and try again."),
    500: marked(
        "Something went wrong on our side. Nothing was changed. Try again; if it stays, tell this number."
    ),
    503: marked("The books are being worked on. Try again in a minute."),
}


def set_up(app: Flask) -> None:
    """Answer every error as a page, or under /api/ as problem+json."""
    app.register_error_handler(HTTPException, _http)
    app.register_error_handler(CSRFError, _expired)
    app.register_error_handler(NotThere, lambda _: answer(404))
    app.register_error_handler(Rejected, _rejected)
    app.register_error_handler(Exception, _unforeseen)


def _rejected(rejected: Rejected) -> Response:
    """Empty books are no mistake of whoever opens a page: it says what will be there, and where to begin."""
    is_page = request.method == "GET" and not request.path.startswith("/api/")
    if is_page and {each.code for each in rejected.problems} == {"nothing-yet"}:
        return make_response(render_template("empty_books.html"))
    return answer(422, rejected.problems)


def _http(error: HTTPException) -> Any:
    if error.response is not None:
        return error.response
    answered = answer(error.code or 500)
    for name, value in error.get_headers():
        if name.lower() in ("retry-after", "allow", "www-authenticate"):
            answered.headers[name] = value
    return answered


def _expired(_: CSRFError) -> Response:
    return answer(400, sentence=marked("This page was open for too long. Load it again and repeat what you did."))


def _unforeseen(error: Exception) -> Response:
    _log.error("unforeseen", request=request_id(), route=str(request.url_rule), exc_info=error)
    return answer(500)


def answer(status: int, problems: tuple[Problem, ...] = (), sentence: str = "") -> Response:
    """The answer for a status: for a program, a fragment of a page, or a person."""
    say = speak().say
    text = say(sentence or _SENTENCES.get(status, _SENTENCES[500]))
    if request.path.startswith("/api/"):
        return problem_json(status, text, problems)
    shown = render_template("error.html", status=status, sentence=text, problems=problems, request_id=request_id())
    return make_response(shown, status)


def problem_json(status: int, title: str, problems: tuple[Problem, ...] = ()) -> Response:
    """RFC 9457, with every mistake at once and its place."""
    body: dict[str, Any] = {"type": "about:blank", "title": title, "status": status, "request_id": request_id()}
    if problems:
        body["errors"] = [
            {
                "pointer": _pointer(each),
                "place": f"{each.place}:{each.line}" if each.line else each.place,
                "code": each.code,
                "detail": each.said,
            }
            for each in problems
        ]
    answered = jsonify(body)
    answered.status_code = status
    answered.mimetype = "application/problem+json"
    return answered


def _pointer(problem: Problem) -> str:
    """Where in a body a mistake is (RFC 6901); elsewhere the name of what it is about.

    >>> _pointer(Problem("body", 0, "events[2].amount", "", ""))
    '/events/2/amount'
    """
    if problem.place != "body" or not problem.path:
        return problem.path
    return "/" + problem.path.replace("[", ".").replace("]", "").replace(".", "/")


def sign_in_first() -> Any:
    """For somebody who is not signed in: the sign-in page, or 401 for a program."""
    if request.path.startswith("/api/"):
        answered = answer(401)
        answered.headers["WWW-Authenticate"] = 'Bearer realm="incentives"'
        return answered
    target = url_for("security.login", next=request.full_path.rstrip("?") if request.method == "GET" else None)
    if request.headers.get("HX-Request"):
        return Response("", 401, {"HX-Redirect": target})
    return redirect(target)
