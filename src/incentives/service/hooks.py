"""Telling other systems what happened: messages as Standard Webhooks has them, signed, sent until they are taken.

A message holds ids, never an amount: whoever wants more asks the API, as somebody who may see it. Messages are
found in the acts that came since it was last looked, each once per hook. One that is not taken is sent again,
later and later, and given up after some days; an admin can have it sent anew.

Addresses inside the own network are refused, so that nobody makes the service knock on doors that only it can
reach; the address that was checked is the one that is called. A receiver that is slow keeps nobody waiting: a call
has a deadline, and nothing of an answer but its head is read. What stands behind the ? of an address may be a
secret: it is told to nobody but the receiver.
"""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import http.client
import ipaddress
import json
import random
import secrets
import socket
import ssl
import threading
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from sqlalchemy import Connection, Engine, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite
from standardwebhooks import Webhook

from incentives.calendar import month_name
from incentives.documents.written import shown
from incentives.errors import Problem, Rejected, told
from incentives.papers.languages import marked
from incentives.service.access import NotThere
from incentives.service.telling import keep_told_through, proposals, quarter_that_ends, told_through
from incentives.store import tables
from incentives.store.acts import Who, latest, record
from incentives.store.closes import closes
from incentives.store.desk import Hook, HookCall
from incentives.store.engine import reading, writing
from incentives.store.tables import table_of

KINDS: Mapping[str, str] = {
    "payment.counted": marked("A payment was counted"),
    "takeback.posted": marked("Something was taken back"),
    "month.closed": marked("A month was closed"),
    "statement.issued": marked("A statement was issued"),
    "question.answered": marked("A question was answered"),
    "approval.waiting": marked("Something waits for approval"),
}
"""What a hook can be told of."""

TAKEN_BACK = ("clawback", "suspension")
ATTEMPTS = 10
FIRST = dt.timedelta(minutes=1)
LONGEST = dt.timedelta(hours=12)
"""A minute after the first attempt, twice as long after each further one, half a day at most: two days in all."""
SECONDS = 10
"""How long a call takes at most, from beginning to end."""
TOO_SLOW = marked("It took too long.")
GONE = 410
NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
"""Behind such an address stands one of IPv4, in its last 32 bits."""


@dataclass(frozen=True, slots=True)
class Listed:
    """A hook. Its secret is told once, when it is made; ``url`` is without what stands behind its ?."""

    hook_id: int
    url: str
    kinds: tuple[str, ...]
    active: bool
    made_at: dt.datetime
    waiting: int
    given_up: int


@dataclass(frozen=True, slots=True)
class Call:
    """A message to a hook and what became of it."""

    call_id: int
    message_id: str
    kind: str
    body: str
    state: str
    attempts: int
    next_at: dt.datetime
    made_at: dt.datetime
    answer: str


@dataclass(frozen=True, slots=True)
class Message:
    """Something that happened: ``key`` tells it from others of its kind."""

    kind: str
    key: str
    data: Mapping[str, Any]

    @property
    def message_id(self) -> str:
        """The same for the same thing, so that a receiver knows it again."""
        return "msg_" + hashlib.sha256(f"{self.kind} {self.key}".encode()).hexdigest()[:24]


# Hooks -----------------------------------------------------------------------------------------------


def add(
    engine: Engine, who: Who, account_id: int, url: str, kinds: Collection[str], *, private: bool = False
) -> tuple[int, str]:
    """Tell another system from now on; its number, and the secret its messages are signed with, told this once."""
    problems = [*_mistakes(url, kinds, private)]
    if problems:
        raise Rejected(problems)
    secret = "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()
    with writing(engine) as connection:
        if told_through(connection, "hooks", first=-1) < 0:
            keep_told_through(connection, "hooks", latest(connection))
        names = " ".join(kind for kind in KINDS if kind in kinds)
        record(connection, who, "hook", masked(url), after=names)
        values = {"account_id": account_id, "url": url, "secret": secret, "kinds": names, "active": True}
        made = insert(Hook).values(**values, made_at=who.at).returning(Hook.id)
        return int(connection.execute(made).scalar_one()), secret


def switch(engine: Engine, who: Who, hook_id: int, *, active: bool) -> None:
    """Stop telling a system, or begin again; what happened meanwhile is not told."""
    with writing(engine) as connection:
        url = connection.execute(select(Hook.url).where(Hook.id == hook_id)).scalar()
        if url is None:
            raise NotThere(str(hook_id))
        record(connection, who, "hook", masked(url), after="on" if active else "off")
        connection.execute(update(Hook).where(Hook.id == hook_id).values(active=active))


def masked(url: str) -> str:
    """An address without what may be a secret.

    >>> masked("https://hooks.example.com/in?key=secret")
    'https://hooks.example.com/in?…'
    """
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc, parts.path, "…" if parts.query else "", ""))


def hooks(connection: Connection) -> list[Listed]:
    """Every hook, newest first."""
    table, call = table_of(Hook), table_of(HookCall)
    states: dict[int, dict[str, int]] = {}
    for hook_id, state in connection.execute(select(call.c.hook_id, call.c.state)):
        counted = states.setdefault(hook_id, {})
        counted[state] = counted.get(state, 0) + 1
    return [
        Listed(
            hook_id=row.id,
            url=masked(row.url),
            kinds=tuple(row.kinds.split()),
            active=row.active,
            made_at=row.made_at,
            waiting=states.get(row.id, {}).get("waiting", 0),
            given_up=states.get(row.id, {}).get("given up", 0),
        )
        for row in connection.execute(select(table).order_by(table.c.id.desc()))
    ]


def hook(connection: Connection, hook_id: int) -> Listed:
    """One of them."""
    found = next((each for each in hooks(connection) if each.hook_id == hook_id), None)
    if found is None:
        raise NotThere(str(hook_id))
    return found


def calls(connection: Connection, hook_id: int, limit: int = 100) -> list[Call]:
    """What was sent to a hook, newest first."""
    table = table_of(HookCall)
    asked = select(table).where(table.c.hook_id == hook_id).order_by(table.c.id.desc()).limit(limit)
    return [
        Call(r.id, r.message_id, r.kind, r.body, r.state, r.attempts, r.next_at, r.made_at, r.answer)
        for r in connection.execute(asked)
    ]


def send_again(engine: Engine, hook_id: int, call_id: int, now: dt.datetime) -> None:
    """Have a message sent anew."""
    again = update(HookCall).where(HookCall.id == call_id, HookCall.hook_id == hook_id)
    with engine.connect().execution_options(writes=True) as connection, connection.begin():
        if connection.execute(again.values(state="waiting", attempts=0, next_at=now)).rowcount == 0:
            raise NotThere(str(call_id))


def _mistakes(url: str, kinds: Collection[str], private: bool) -> Iterator[Problem]:
    unknown = [kind for kind in kinds if kind not in KINDS]
    if unknown or not kinds:
        sentence = told("It would be told of nothing.")
        if unknown:
            sentence = told("%(found)s is nothing to be told of.", found=shown(unknown[0]))
        yield Problem("hook", 0, "kinds", "unknown", sentence, told("Choose what it is told of."))
    try:
        _address_of(url, private)
    except _Refused as refused:
        cure = told("https://hooks.example.com/incentives")
        yield Problem("hook", 0, "url", "unreachable", told(refused.args[0]), cure)


# What happened ---------------------------------------------------------------------------------------


def look_for_messages(engine: Engine, now: dt.datetime) -> int:
    """Keep a message for every hook of everything it is told of and that happened since it was last looked."""
    with reading(engine) as connection:
        upto = latest(connection)
        after = told_through(connection, "hooks", first=upto)
        asked = select(Hook.id, Hook.kinds).where(Hook.active)
        wanted = [(hook_id, frozenset(kinds.split())) for hook_id, kinds in connection.execute(asked)]
        found = [*_messages(connection, after, upto)] if wanted and after < upto else []
    with engine.connect().execution_options(writes=True) as connection, connection.begin():
        number = 0
        for message in found:
            body = {"type": message.kind, "timestamp": now.isoformat(), "data": dict(message.data)}
            for hook_id, kinds in wanted:
                if message.kind in kinds:
                    number += _keep(connection, hook_id, message, json.dumps(body), now)
        keep_told_through(connection, "hooks", upto)
    return number


def _keep(connection: Connection, hook_id: int, message: Message, body: str, now: dt.datetime) -> int:
    brand = sqlite if connection.dialect.name == "sqlite" else postgresql
    values = {"hook_id": hook_id, "message_id": message.message_id, "kind": message.kind, "body": body}
    asked: Any = brand.insert(HookCall).values(
        **values, state="waiting", attempts=0, next_at=now, made_at=now, answer=""
    )
    return int(connection.execute(asked.on_conflict_do_nothing()).rowcount)


def _messages(connection: Connection, after: int, upto: int) -> Iterator[Message]:
    yield from _of_runs(connection, after, upto)
    statement, question, answer = tables.Statement, tables.Question, tables.Answer
    for close in closes(connection):
        if after < close.act_id <= upto:
            month = month_name(close.month)
            yield Message("month.closed", month, {"month": month, "seal": close.seal})
            ends = quarter_that_ends(close.month)
            issued = select(statement.payee_id).where(statement.quarter == ends).order_by(statement.payee_id)
            for payee_id in connection.execute(issued).scalars():
                data = {"quarter": month_name(ends), "payee": payee_id}
                yield Message("statement.issued", f"{data['quarter']} {payee_id}", data)
    asked = select(question.id, question.payee_id).join(answer, answer.question_id == question.id)
    asked = asked.where(answer.act_id > after, answer.act_id <= upto).order_by(question.id)
    for number, payee_id in connection.execute(asked):
        yield Message("question.answered", str(number), {"question": number, "payee": payee_id})
    for each in proposals(connection, after, upto):
        proposal: dict[str, Any] = {"kind": each.kind, "number": each.number}
        yield Message("approval.waiting", f"{each.kind} {each.number}", proposal)


def _of_runs(connection: Connection, after: int, upto: int) -> Iterator[Message]:
    """Payments that a run was the first to know, and what it took back."""
    run, event, entry = tables.Run, tables.Event, tables.Entry
    known = 0
    for run_id, act_id, through in connection.execute(
        select(run.id, run.act_id, run.known_through).order_by(run.id)
    ):
        before, known = known, max(known, through)
        if not after < act_id <= upto:
            continue
        paid = select(event.id, event.source, event.event_id, event.invoice_id).where(event.type == "payment")
        rows = connection.execute(paid.where(event.known_from > before, event.known_from <= through))
        for number, source, event_id, invoice_id in rows:
            data: dict[str, Any] = {"event": event_id, "source": source, "invoice": invoice_id, "run": run_id}
            yield Message("payment.counted", str(number), data)
        posted = select(entry.id, entry.payee_id, entry.invoice_id, entry.cause)
        posted = posted.where(entry.run_id == run_id, entry.kind.in_(TAKEN_BACK), entry.amount_minor < 0)
        for number, payee_id, invoice_id, cause in connection.execute(posted.order_by(entry.id)):
            data = {"entry": number, "payee": payee_id, "invoice": invoice_id, "cause": cause, "run": run_id}
            yield Message("takeback.posted", str(number), data)


# Sent ------------------------------------------------------------------------------------------------


def send_due(engine: Engine, now: dt.datetime, *, private: bool = False, limit: int = 100) -> int:
    """Send every message whose turn it is; how many were taken."""
    call, table = table_of(HookCall), table_of(Hook)
    asked = (
        select(call.c.id, call.c.message_id, call.c.body, call.c.attempts, table.c.url, table.c.secret, table.c.id)
        .join(table, table.c.id == call.c.hook_id)
        .where(call.c.state == "waiting", call.c.next_at <= now, table.c.active)
        .order_by(call.c.next_at, call.c.id)
        .limit(limit)
    )
    with reading(engine) as connection:
        due = list(connection.execute(asked))
    taken = 0
    slow: set[int] = set()
    for call_id, message_id, body, attempts, url, secret, hook_id in due:
        if hook_id in slow:
            continue
        is_taken, answer = _sent(url, secret, message_id, body, now, private)
        taken += is_taken
        values = {"attempts": attempts + 1, "answer": answer, **_after(is_taken, attempts + 1, now)}
        is_gone = answer == f"HTTP {GONE}"
        with engine.connect().execution_options(writes=True) as connection, connection.begin():
            if is_gone:  # the receiver wants no more
                values["state"] = "given up"
                connection.execute(update(Hook).where(Hook.id == hook_id).values(active=False))
            if answer == TOO_SLOW:  # what else waits for it waits a while, so that others have their turn
                waits = (HookCall.hook_id == hook_id, HookCall.state == "waiting", HookCall.next_at <= now)
                connection.execute(update(HookCall).where(*waits).values(next_at=now + FIRST))
                slow.add(hook_id)
            connection.execute(update(HookCall).where(HookCall.id == call_id).values(**values))
    return taken


def _after(is_taken: bool, attempts: int, now: dt.datetime) -> dict[str, Any]:
    if is_taken:
        return {"state": "taken"}
    if attempts >= ATTEMPTS:
        return {"state": "given up"}
    wait = min(FIRST * 2 ** (attempts - 1), LONGEST)
    return {"state": "waiting", "next_at": now + wait * random.uniform(0.8, 1.2)}  # not all at once


def _sent(url: str, secret: str, message_id: str, body: str, now: dt.datetime, private: bool) -> tuple[bool, str]:
    """Whether it was taken, and what the receiver said: a status or the kind of fault, nothing of its content."""
    headers = {
        "content-type": "application/json",
        "user-agent": "incentives",
        "webhook-id": message_id,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": Webhook(secret).sign(message_id, now, body),
    }
    try:
        status = _posted(url, body.encode(), headers, private)
    except _Refused as refused:
        return False, str(refused)
    except TimeoutError:
        return False, TOO_SLOW
    except (OSError, http.client.HTTPException) as error:
        return False, type(error).__name__
    return 200 <= status < 300, f"HTTP {status}"


def _posted(url: str, body: bytes, headers: Mapping[str, str], private: bool) -> int:
    """The status. Nothing that answers with another address is followed; raises :class:`TimeoutError` at the
    deadline, however much arrives before it."""
    host, port, address = _address_of(url, private)
    parts = urlsplit(url)
    connection = _To(host, port, address, parts.scheme == "https")
    deadline = threading.Timer(SECONDS, connection.cut)
    deadline.start()
    try:
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        connection.request("POST", path, body, dict(headers))
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException):
        if not connection.is_cut:
            raise
    finally:
        deadline.cancel()
        connection.close()
    if connection.is_cut:  # whatever was read by then: an answer that ends so is none
        raise TimeoutError
    return status


class _To(http.client.HTTPConnection):
    """A connection to an address that was checked, under the name that was given."""

    def __init__(self, host: str, port: int, address: str, is_secure: bool) -> None:
        super().__init__(host, port, timeout=SECONDS)
        self.address, self.is_secure, self.is_cut = address, is_secure, False

    def connect(self) -> None:
        """To the address itself: asked for again, the name might mean another one."""
        self.sock = socket.create_connection((self.address, self.port), self.timeout)
        if self.is_secure:
            secured = ssl.create_default_context().wrap_socket(
                self.sock, server_hostname=self.host, do_handshake_on_connect=False
            )
            self.sock = secured
            secured.do_handshake()
        if self.is_cut:
            raise TimeoutError

    def cut(self) -> None:
        """End it, whatever is under way: whoever waits for the other side finds that it has gone."""
        self.is_cut = True
        if self.sock is not None:
            with suppress(OSError):
                socket.socket.shutdown(self.sock, socket.SHUT_RDWR)


class _Refused(Exception):
    """Nothing is sent to this address."""


def _address_of(url: str, private: bool) -> tuple[str, int, str]:
    """Host, port and the address that it means; :class:`_Refused` where it is not one to be called."""
    parts = urlsplit(url)
    try:
        port = parts.port
    except ValueError:
        raise _Refused(marked("It is not an address.")) from None
    if not parts.hostname or parts.scheme not in ("https", "http") or parts.username:
        raise _Refused(marked("It is not an address."))
    if parts.scheme == "http" and not private:
        raise _Refused(marked("It is not encrypted: it has to begin with https."))
    port = port or (443 if parts.scheme == "https" else 80)
    try:
        found = {str(each[4][0]) for each in socket.getaddrinfo(parts.hostname, port, type=socket.SOCK_STREAM)}
    except (OSError, UnicodeError):
        raise _Refused(marked("Its host is not known.")) from None
    if not private and not all(each.is_global and not each.is_multicast for each in _meant_by(found)):
        raise _Refused(marked("It lies inside this network, where messages are not sent."))
    return parts.hostname, port, sorted(found)[0]


def _meant_by(addresses: Iterable[str]) -> Iterator[ipaddress.IPv4Address | ipaddress.IPv6Address]:
    """Addresses, and those of IPv4 that stand behind them where they lead through a translator or a tunnel."""
    for each in addresses:
        address = ipaddress.ip_address(each.partition("%")[0])
        yield address
        if isinstance(address, ipaddress.IPv6Address):
            tunnelled = (address.ipv4_mapped, address.sixtofour, *(address.teredo or ()))
            yield from (found for found in tunnelled if found is not None)
            if address in NAT64:
                yield ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
