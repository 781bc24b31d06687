"""Facts: events, invoices, customers, payees and what else the CSV folder has, read in pages, sent as deliveries.

Every kind is read and sent in the columns of its file. What is sent enters the books as one delivery: all of it or
nothing, and again it adds nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from flask import Response, g
from sqlalchemy import Connection

from incentives.documents.fields import Document, Table
from incentives.errors import Problem, Rejected
from incentives.feeds.tables import Column, Given
from incentives.service import listing
from incentives.service.access import NotThere, Viewer
from incentives.service.deliveries import Delivered, deliver_in
from incentives.web.api.frame import Noun, deliver_problems, once, opens, page, tag_of, tagged
from incentives.web.api.shapes import (
    MOST_ROWS,
    NUMBER,
    TEXT,
    Paged,
    Plain,
    Several,
    Shape,
    cells_of,
    page_of,
    rows_of,
    said,
)
from incentives.web.here import reader, viewer, who

Places = Mapping[str, Callable[[Problem], str]]
Answering = Callable[[Delivered], dict[str, Any]]

_READERS = ("rep", "manager", "credit", "author", "approver", "auditor")
_TITLES = {
    "events": "What happened to invoices: payments, refunds, chargebacks, disputes, early warnings.",
    "invoices": "Invoices with their lines and the shares of those who are credited.",
    "customers": "Who owes.",
    "customer_credit": "What credit knows of customers, from a day on.",
    "payees": "Who is paid.",
    "reporting": "Who reports to whom.",
    "memberships": "Who is in which team.",
    "credits": "Who has which share of which invoice.",
    "assignments": "Which plan holds for whom.",
    "targets": "Targets of payees and teams.",
    "fx_rates": "Exchange rates, from a day on.",
}


# Shapes ------------------------------------------------------------------------------------------------------


def _name(noun: str) -> str:
    return "".join(part.capitalize() for part in noun.split("_"))


def _row(noun: str, without: str = "", name: str = "") -> type[Document]:
    return rows_of(name or f"{_name(noun)}Row", listing.KINDS[noun].columns, without)


_LINE = _row("invoice_lines", "invoice_id", "InvoiceLine")
_SHARE = _row("credits", "invoice_id", "InvoiceCredit")
_PARTS: dict[str, Any] = {
    "lines": Several(Table(_LINE), least=1, required=True),
    "credits": Several(Table(_SHARE), load_default=list),
}
ROWS = {noun: _row(noun) for noun in _TITLES if noun != "invoices"} | {
    "invoices": rows_of("InvoicesRow", listing.KINDS["invoices"].columns, **_PARTS)
}

_COUNTS: dict[str, Shape] = {"accepted": NUMBER, "duplicate": NUMBER, "conflict": NUMBER}
_OF_KIND = said("DeliveredKind", {"kind": TEXT, "read": NUMBER, **_COUNTS})
DELIVERED = said("Delivered", {"delivery": NUMBER, "kinds": [_OF_KIND], **_COUNTS})
OUTCOME = {"type": "string", "enum": ["accepted", "duplicate", "conflict"]}
_EVENT_OUTCOME = said("EventOutcome", {"source": TEXT, "event_id": TEXT, "outcome": OUTCOME})
EVENTS_DELIVERED = said("EventsDelivered", {"delivery": NUMBER, "events": [_EVENT_OUTCOME], **_COUNTS})


def _sent(noun: str) -> type[Document]:
    """The shape of a body with rows of a kind."""
    rows = Several(Table(ROWS[noun]), least=1, most=MOST_ROWS, required=True)
    return type(f"{_name(noun)}Sent", (Document,), {noun: rows})


def _asked(noun: str) -> type[Document]:
    """The shape of a query for a page of a kind."""
    return type(f"{_name(noun)}Asked", (Paged,), {name: Plain() for name in listing.KINDS[noun].filters})


# Sending -----------------------------------------------------------------------------------------------------


def enter(noun: str, rows: Mapping[str, Given], places: Places, told: Answering) -> Response:
    """Take rows in as a delivery and tell what became of them; once for each Idempotency-Key."""
    acting = who()

    def do(connection: Connection) -> dict[str, Any]:
        return told(deliver_in(connection, acting, f"{noun}, {g.token.name}", rows))

    try:
        return once(acting, do)
    except Rejected as rejected:
        raise deliver_problems(rejected, places) from None


def _counted(done: Delivered) -> dict[str, Any]:
    """What became of the rows of a delivery, by kind and in all."""
    nouns = {kind.file: noun for noun, kind in listing.KINDS.items()}
    kinds: list[dict[str, Any]] = [
        {
            "kind": nouns[each.file],
            "read": each.read,
            "accepted": each.accepted,
            "duplicate": each.duplicate,
            "conflict": each.rejected,
        }
        for each in done.files
    ]
    sums = {name: sum(each[name] for each in kinds) for name in _COUNTS}
    return {"delivery": done.act_id, "kinds": kinds} | sums


def _at(noun: str) -> Callable[[Problem], str]:
    """The place in the body of a row's mistake."""

    def place(problem: Problem) -> str:
        row = f"{noun}[{problem.line - 1}]" if problem.line else noun
        return f"{row}.{problem.path}" if problem.path else row

    return place


def _of_one(problem: Problem) -> str:
    """The place of a mistake where the body is the row."""
    return problem.path


def _send_events(body: dict[str, Any]) -> Response:
    rows = [cells_of(row) for row in body["events"]]

    def told(done: Delivered) -> dict[str, Any]:
        events = [
            {"source": row.get("source", ""), "event_id": row["event_id"], "outcome": outcome}
            for row, outcome in zip(rows, done.events, strict=True)
        ]
        sums = {name: done.events.count(name) for name in _COUNTS}
        return {"delivery": done.act_id, "events": events} | sums

    return enter("events", {"events.csv": rows}, {"events.csv": _at("events")}, told)


def _send_invoices(body: dict[str, Any]) -> Response:
    heads: list[dict[str, str]] = []
    parts: dict[str, list[dict[str, str]]] = {"invoice_lines.csv": [], "credits.csv": []}
    origins: dict[str, list[str]] = {"invoice_lines.csv": [], "credits.csv": []}
    for index, invoice in enumerate(body["invoices"]):
        row = dict(invoice)
        for key, file in (("lines", "invoice_lines.csv"), ("credits", "credits.csv")):
            for at, part in enumerate(row.pop(key)):
                parts[file].append(cells_of(part) | {"invoice_id": invoice["invoice_id"]})
                origins[file].append(f"invoices[{index}].{key}[{at}]")
        heads.append(cells_of(row))

    def within(file: str) -> Callable[[Problem], str]:
        def place(problem: Problem) -> str:
            row = origins[file][problem.line - 1]
            return f"{row}.{problem.path}" if problem.path not in ("", "invoice_id") else row

        return place

    places = {"invoices.csv": _at("invoices")} | {file: within(file) for file in parts}
    return enter("invoices", {"invoices.csv": heads, **parts}, places, _counted)


def _sending(noun: str) -> Callable[[dict[str, Any]], Response]:
    file = listing.KINDS[noun].file

    def send(body: dict[str, Any]) -> Response:
        rows = [cells_of(row) for row in body[noun]]
        return enter(noun, {file: rows}, {file: _at(noun)}, _counted)

    return {"events": _send_events, "invoices": _send_invoices}.get(noun, send)


# Routes ------------------------------------------------------------------------------------------------------


def _listing(noun: str) -> Callable[[dict[str, Any]], dict[str, Any]]:
    def show(asked: dict[str, Any]) -> dict[str, Any]:
        limit, after = asked.pop("limit"), asked.pop("after")
        return page(noun, listing.page(reader(), viewer(), noun, asked, after, limit), limit)

    return show


def one_of(noun: str, key: str, value: str, asking: Viewer) -> dict[str, Any]:
    """The one row of a kind with an id, within reach; :class:`NotThere` if there is none."""
    found = listing.page(reader(), asking, noun, {key: value}, 0, 1)
    if not found:
        raise NotThere(value)
    return found[0][1]


def _add_list(nouns: Noun, noun: str) -> None:
    """GET /noun and POST /noun."""
    show, send = _listing(noun), _sending(noun)
    show.__name__, show.__doc__ = f"list_{noun}", f"List {noun.replace('_', ' ')}"
    send.__name__, send.__doc__ = f"send_{noun}", f"Send {noun.replace('_', ' ')}, as one delivery"
    row = ROWS[noun]
    shown = nouns.response(200, page_of(f"{_name(noun)}Page", noun, row))(show)
    listed = opens("facts:read", roles=_READERS)(nouns.arguments(_asked(noun), location="query")(shown))
    nouns.add_url_rule(f"/{noun}", view_func=listed, methods=["GET"])
    answer = EVENTS_DELIVERED if noun == "events" else DELIVERED
    sent = nouns.arguments(_sent(noun))(nouns.response(200, answer)(send))
    opened = opens("facts:write", headers=["Idempotency-Key"])(sent)
    nouns.add_url_rule(f"/{noun}", view_func=opened, methods=["POST"])


def _add_one(nouns: Noun, noun: str, key: str, columns: Sequence[Column]) -> None:
    """GET /noun/id and, for what a row says all of, PUT /noun/id."""
    what = noun.removesuffix("s")

    def show(**path: str) -> Response:
        found = one_of(noun, key, path[key], viewer())
        return tagged(found, tag_of(found))

    show.__name__, show.__doc__ = f"get_{what}", f"One {what}"
    shown: Callable[..., Response] = nouns.response(200, ROWS[noun])(show)
    shown = nouns.alt_response(304, description="It is still what `If-None-Match` says.")(shown)
    opened = opens("facts:read", 404, headers=["If-None-Match"], roles=_READERS)(shown)
    nouns.add_url_rule(f"/{noun}/<id:{key}>", view_func=opened, methods=["GET"])
    if noun == "invoices":
        return
    file = listing.KINDS[noun].file

    def put(body: dict[str, Any], **path: str) -> Response:
        row = cells_of(body) | {key: path[key]}
        return enter(noun, {file: [row]}, {file: _of_one}, _counted)

    put.__name__, put.__doc__ = f"put_{what}", f"Send one {what}: new, or another version of it"
    shape = rows_of(f"{_name(noun)}Put", columns, key)
    sent = nouns.arguments(shape)(nouns.response(200, DELIVERED)(put))
    taken = opens("facts:write", 404, headers=["Idempotency-Key"])(sent)
    nouns.add_url_rule(f"/{noun}/<id:{key}>", view_func=taken, methods=["PUT"])


def _put_credits(nouns: Noun) -> None:
    shape = type("CreditsPut", (Document,), {"credits": Several(Table(_SHARE), least=1, required=True)})

    @opens("facts:write", 404, headers=["Idempotency-Key"])
    @nouns.arguments(shape)
    @nouns.response(200, DELIVERED)
    def put_credits(body: dict[str, Any], invoice_id: str) -> Response:
        """Replace the whole list of an invoice's credits"""
        rows = [cells_of(row) | {"invoice_id": invoice_id} for row in body["credits"]]
        return enter("credits", {"credits.csv": rows}, {"credits.csv": _at("credits")}, _counted)

    nouns.add_url_rule("/invoices/<id:invoice_id>/credits", view_func=put_credits, methods=["PUT"])


def nouns() -> list[Noun]:
    """A noun for each kind of fact."""
    made = []
    for noun, title in _TITLES.items():
        new = Noun(noun, title)
        _add_list(new, noun)
        if noun in ("invoices", "customers", "payees"):
            _add_one(new, noun, f"{noun.removesuffix('s')}_id", listing.KINDS[noun].columns)
        if noun == "invoices":
            _put_credits(new)
        made.append(new)
    return made


NOUNS = nouns()
