"""Digests: an e-mail that says what is new and where to look, once a day or a week, to whoever asked for it.

Never an amount, nobody's name. What could not be sent stays to be sent; what was sent is marked, so that it is not
sent again.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import smtplib
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import EmailMessage
from functools import cache
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import structlog
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from sqlalchemy import Connection, Engine, func, select, update

from incentives.papers.languages import Speaker, speaker
from incentives.places import data_dir
from incentives.service.telling import Read, read_of
from incentives.store.desk import Account, Notice
from incentives.store.engine import reading
from incentives.store.tables import table_of

_log = structlog.get_logger()

HOUR = 6
"""From which hour of the day on (UTC) digests are sent; the weekly ones on Mondays."""
SECONDS = 20


@dataclass(frozen=True, slots=True)
class Post:
    """How e-mail goes out: ``smtp_url`` "" only writes to the log that there would be one. ``public_url`` is where
    people reach the pages."""

    public_url: str
    smtp_url: str = ""

    @property
    def sender(self) -> str:
        """Whom it is from: ``?from=`` of the mail server's address, or the program at the host of the pages."""
        given = parse_qs(urlsplit(self.smtp_url).query).get("from")
        return given[0] if given else f"incentives@{urlsplit(self.public_url).hostname}"


def send_digests(engine: Engine, post: Post, now: dt.datetime) -> int:
    """Send every digest that is due; how many were sent. One that fails is tried again the next time."""
    with reading(engine) as connection:
        due = list(_due(connection, now))
    sent = 0
    for account_id, email, language, news in due:
        message = _message(post, email, speaker(language), news, now)
        try:
            _send(post, message)
        except (OSError, smtplib.SMTPException) as error:
            _log.warning("digest not sent", account=account_id, error=type(error).__name__)
            continue
        numbers = [each.number for each in news]
        with engine.connect().execution_options(writes=True) as connection, connection.begin():
            connection.execute(update(Notice).where(Notice.id.in_(numbers)).values(mailed_at=now))
        sent += 1
    return sent


def last_time(digest: str, now: dt.datetime) -> dt.datetime:
    """When digests of a kind were last due: today at six, or Monday at six, if that is past."""
    due = now.replace(hour=HOUR, minute=0, second=0, microsecond=0)
    if digest == "weekly":
        due -= dt.timedelta(days=due.weekday())
    if due > now:
        due -= dt.timedelta(days=7 if digest == "weekly" else 1)
    return due


def _due(connection: Connection, now: dt.datetime) -> Iterator[tuple[int, str, Any, list[Read]]]:
    """Accounts whose last digest is older than the last time one was due, with what they were not told yet."""
    notice = table_of(Notice)
    asked = select(Account.id, Account.email, Account.language, Account.digest)
    for account_id, email, language, digest in connection.execute(
        asked.where(Account.active, Account.digest != "off").order_by(Account.id)
    ):
        due = last_time(digest, now)
        own = notice.c.account_id == account_id
        before = connection.execute(select(func.max(notice.c.mailed_at)).where(own)).scalar()
        if before is not None and before >= due:
            continue
        new = select(notice).where(own, notice.c.mailed_at.is_(None), notice.c.read_at.is_(None))
        news = [
            read_of(row) for row in connection.execute(new.where(notice.c.made_at < due).order_by(notice.c.id))
        ]
        if news:
            yield account_id, email, language, news


def _message(post: Post, email: str, speaks: Speaker, news: list[Read], now: dt.datetime) -> EmailMessage:
    message = EmailMessage()
    message["From"] = post.sender
    message["To"] = email
    message["Subject"] = speaks.count("1 thing is new", "%(number)s things are new", len(news))
    message["Date"] = now
    numbers = " ".join(str(each.number) for each in news)
    key = hashlib.sha256(f"{email} {numbers}".encode()).hexdigest()[:32]  # the same again, should it be sent twice
    message["Message-ID"] = f"<{key}@{urlsplit(post.public_url).hostname}>"
    message["Auto-Submitted"] = "auto-generated"
    template = _templates(speaks.language).get_template("digest.txt")
    message.set_content(template.render(news=news, speak=speaks, address=post.public_url), cte="8bit")
    return message


@cache
def _templates(language: Any) -> Environment:
    environment = Environment(
        loader=FileSystemLoader(data_dir("templates") / "mail"),
        undefined=StrictUndefined,
        autoescape=False,  # plain text
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    environment.install_gettext_translations(speaker(language).translations, newstyle=True)  # type: ignore[attr-defined]
    return environment


def _send(post: Post, message: EmailMessage) -> None:
    if not post.smtp_url:
        _log.info("digest", note="no mail server is set: INCENTIVES_SMTP_URL")
        return
    url = urlsplit(post.smtp_url)
    assert url.hostname, "settings are checked when they are read"
    secure = url.scheme == "smtps"
    tls = ssl.create_default_context()
    server: smtplib.SMTP = (
        smtplib.SMTP_SSL(url.hostname, url.port or 465, timeout=SECONDS, context=tls)
        if secure
        else smtplib.SMTP(url.hostname, url.port or 25, timeout=SECONDS)
    )
    with server:
        server.ehlo()
        if not secure and server.has_extn("starttls"):
            server.starttls(context=tls)
            server.ehlo()
        if url.username:
            server.login(unquote(url.username), unquote(url.password or ""))
        server.send_message(message)
