"""What an operator sets, read from the environment once, every mistake at once."""

from __future__ import annotations

import datetime as dt
import os
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from sqlalchemy import URL

from incentives.errors import Problem, Rejected, Told

SECRET_KEY = "INCENTIVES_SECRET_KEY"
PUBLIC_URL = "INCENTIVES_PUBLIC_URL"
SMTP_URL = "INCENTIVES_SMTP_URL"
PROXIES = "INCENTIVES_PROXIES"
API_PER_MINUTE = "INCENTIVES_API_PER_MINUTE"
PRIVATE_HOOKS = "INCENTIVES_PRIVATE_HOOKS"
METRICS_TOKEN = "INCENTIVES_METRICS_TOKEN"
OIDC_ISSUER = "INCENTIVES_OIDC_ISSUER"
OIDC_CLIENT_ID = "INCENTIVES_OIDC_CLIENT_ID"
OIDC_CLIENT_SECRET = "INCENTIVES_OIDC_CLIENT_SECRET"

SHORTEST = 32
MOST_PROXIES = 9
PER_MINUTE = 600


@dataclass(frozen=True, slots=True)
class Settings:
    """``public_url`` is where people reach the service; ``smtp_url`` "" writes to the log that there would be an
    e-mail. ``proxies`` is how many of our own stand before the service: they are believed where a request came
    from, and nobody else is. ``api_per_minute`` is how often one token may ask each process. ``private_hooks``
    lets messages go to systems inside the own network; ``metrics_token`` opens the metrics to who is not on this
    machine. ``oidc_issuer`` is the identity provider of single sign-on, "" for none.
    """

    secret_key: str
    public_url: str = "http://127.0.0.1:8000"
    smtp_url: str = ""
    today: dt.date | None = None
    proxies: int = 0
    api_per_minute: int = PER_MINUTE
    private_hooks: bool = False
    metrics_token: str = ""
    oidc_issuer: str = ""
    oidc_client_id: str = ""
    oidc_client_secret: str = ""

    @property
    def is_https(self) -> bool:
        """Whether cookies are sent over https only."""
        return urlsplit(self.public_url).scheme == "https"

    def now(self) -> dt.datetime:
        """This moment in UTC; on ``today``, where a demo stands still."""
        moment = dt.datetime.now(dt.UTC)
        return moment if self.today is None else dt.datetime.combine(self.today, moment.timetz())


def read_settings(url: URL, environment: Mapping[str, str] | None = None, port: int = 8000) -> Settings:
    """The settings for a store. Beside an SQLite file a secret is made and kept; elsewhere it has to be given."""
    found = os.environ if environment is None else environment
    problems = []
    secret = found.get(SECRET_KEY, "")
    if not secret and url.drivername == "sqlite" and url.database:
        secret = _kept_beside(Path(url.database))
    if len(secret) < SHORTEST:
        sentence = f"It needs at least {SHORTEST} characters." if secret else "It is missing."
        cure = "Make one: python -c 'import secrets; print(secrets.token_urlsafe(48))'"
        problems.append(_problem(SECRET_KEY, "missing", sentence, cure))
    public = found.get(PUBLIC_URL) or f"http://127.0.0.1:{port}"
    if urlsplit(public).scheme not in ("http", "https") or not urlsplit(public).netloc:
        problems.append(_problem(PUBLIC_URL, "unreadable", "It is not an address.", "https://pay.example.com"))
    smtp = found.get(SMTP_URL, "")
    if smtp and urlsplit(smtp).scheme not in ("smtp", "smtps"):
        cure = "Write smtp://user:password@host:587 or smtps://…"
        problems.append(_problem(SMTP_URL, "unreadable", "It is not the address of a mail server.", cure))
    proxies = found.get(PROXIES) or "0"
    if proxies not in map(str, range(MOST_PROXIES + 1)):
        sentence = f"It is a number from 0 to {MOST_PROXIES}."
        problems.append(_problem(PROXIES, "unreadable", sentence, "Write how many proxies stand before it."))
    per_minute = found.get(API_PER_MINUTE) or str(PER_MINUTE)
    if not re.fullmatch("[1-9][0-9]{0,6}", per_minute):
        cure = "Write how many requests a minute a token may make."
        problems.append(_problem(API_PER_MINUTE, "unreadable", "It is a number from 1 to 9999999.", cure))
    private = found.get(PRIVATE_HOOKS, "no")
    if private not in ("yes", "no"):
        problems.append(_problem(PRIVATE_HOOKS, "unreadable", "It is yes or no.", "Write yes or no."))
    oidc = {name: found.get(name, "") for name in (OIDC_ISSUER, OIDC_CLIENT_ID, OIDC_CLIENT_SECRET)}
    if any(oidc.values()):
        cure = f"Single sign-on needs {', '.join(oidc)}."
        problems += [_problem(name, "missing", "It is missing.", cure) for name in oidc if not oidc[name]]
    if problems:
        raise Rejected(problems)
    return Settings(
        secret,
        public.rstrip("/"),
        smtp,
        proxies=int(proxies),
        api_per_minute=int(per_minute),
        private_hooks=private == "yes",
        metrics_token=found.get(METRICS_TOKEN, ""),
        oidc_issuer=oidc[OIDC_ISSUER],
        oidc_client_id=oidc[OIDC_CLIENT_ID],
        oidc_client_secret=oidc[OIDC_CLIENT_SECRET],
    )


def _problem(name: str, code: str, sentence: str, cure: str) -> Problem:
    """For an operator: in English everywhere."""
    return Problem(name, 0, "", code, Told(sentence), Told(cure))


def _kept_beside(database: Path) -> str:
    """The secret in a file beside the store that nobody else may read; made the first time."""
    file = database.with_name(f"{database.name}.secret")
    try:
        number = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(number, "w", encoding="ascii") as kept:
            kept.write(secrets.token_urlsafe(48))
    except FileExistsError:
        pass
    return file.read_text(encoding="ascii").strip()
