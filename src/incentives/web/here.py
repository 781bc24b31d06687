"""What a request has at hand: the books, one consistent view of them, who asks, and in which language."""

from __future__ import annotations

import datetime as dt
import re
import uuid
from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any, cast

from flask import current_app, g, request
from sqlalchemy import Connection, Engine

from incentives import jobs
from incentives.facts import Language
from incentives.papers.languages import Speaker, speaker
from incentives.service.access import Viewer
from incentives.store.acts import Who
from incentives.store.engine import reading
from incentives.store.facts_out import Known

LANGUAGES: tuple[Language, ...] = ("en", "nl")


def books() -> Engine:
    """The store."""
    return cast(Engine, current_app.extensions["books"])


def reader() -> Connection:
    """One consistent view of the store, the same for the whole request."""
    if "reader" not in g:
        g.reading = reading(books())
        g.reader = g.reading.__enter__()
    return cast(Connection, g.reader)


def look_again() -> None:
    """End the view: what was written meanwhile is seen by the next :func:`reader`."""
    opened: AbstractContextManager[Connection] | None = g.pop("reading", None)
    g.pop("reader", None)
    if opened is not None:
        opened.__exit__(None, None, None)


def today() -> dt.date:
    """The day of the server's clock, in UTC; ``TODAY`` in the configuration stands still for a demo."""
    fixed: dt.date | None = current_app.config.get("TODAY")
    return fixed or dt.datetime.now(dt.UTC).date()


def viewer_or_none() -> Viewer | None:
    """Who is signed in, if anybody."""
    return cast("Viewer | None", g.get("viewer"))


def viewer() -> Viewer:
    """Who asks; only on a route whose policy asks for somebody."""
    found = viewer_or_none()
    assert found is not None, "a route that asks who it is for is not public"
    return found


def company() -> str:
    """Whose books these are; nothing while they are empty."""
    rules = Known(reader()).rules()
    return rules.company.name if rules else ""


def who(reason: str = "") -> Who:
    """Who does it, now, and why: as an act has it."""
    return Who(viewer().actor, now(), reason.strip(), request_id())


def now() -> dt.datetime:
    """This moment, on the day that :func:`today` says."""
    return dt.datetime.combine(today(), dt.datetime.now(dt.UTC).timetz())


def have_done(kind: str, arguments: Mapping[str, Any]) -> int:
    """Have a job done in the viewer's name (:func:`jobs.start`); its number."""
    return jobs.start(books(), viewer().account_id, kind, arguments, now())


def request_id() -> str:
    """One name for this request in answers, logs and acts."""
    if "request_id" not in g:
        g.request_id = uuid.uuid4().hex
    return cast(str, g.request_id)


def own_address(written: str) -> str:
    """An address on this server, where somebody is led back to; "" for any other."""
    return written if re.fullmatch(r"/(?![/\\])[^\x00-\x1f\\]*", written) else ""


def language() -> Language:
    """The viewer's own, or the best that the browser asks for."""
    found = viewer_or_none()
    if found is not None:
        return found.language
    return cast(Language, request.accept_languages.best_match(LANGUAGES) or "en")


def speak() -> Speaker:
    """Words, money and days in that language."""
    return speaker(language())
