"""The application: made once in every process that serves, from a store that is checked first."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from functools import lru_cache
from typing import Any

from flask import Flask, Response, current_app, request, send_from_directory, session
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address
from flask_wtf import CSRFProtect
from jinja2 import StrictUndefined
from sqlalchemy import Engine
from werkzeug.middleware.proxy_fix import ProxyFix

from incentives.papers.languages import MINUS
from incentives.places import data_dir
from incentives.store.upgrade import check_ready
from incentives.web import accounts, api, attempts, errors, logs, operators, pages, single_sign_on
from incentives.web.addresses import NumberInPath, address_of
from incentives.web.forms import is_fragment
from incentives.web.here import LANGUAGES, company, look_again, request_id, speak, today, viewer_or_none
from incentives.web.places import places
from incentives.web.policy import NOBODY, PUBLIC, SIGNED_IN, Policy, policies_of
from incentives.web.settings import Settings

OF_LIBRARIES: dict[str, Policy] = {
    "static": PUBLIC,
    "statement_looks": PUBLIC,
    "security.static": PUBLIC,
    "security.login": PUBLIC,
    "security.logout": PUBLIC,
    "security.verify": SIGNED_IN,
    "security.two_factor_token_validation": PUBLIC,
    "security.two_factor_setup": NOBODY,  # account.second_step does it
    "security.two_factor_setup_validate": NOBODY,
    "security.two_factor_rescue": NOBODY,  # an admin does it
    "security.tf_select": NOBODY,
}
"""The routes that libraries bring."""

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "font-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
}
"""On every answer. Nothing is fetched from elsewhere and nothing stands inline."""

LARGEST_BYTES = 8 * 1024 * 1024
"""The largest body that is read; files that are brought may come to more."""
LARGEST_FILES_BYTES = 64 * 1024 * 1024
BRINGS_FILES = ("imports.bring",)

GUESSABLE = (
    "security.login",
    "security.two_factor_token_validation",
    "security.verify",
    "account.password",
)
"""Where a password or a code is asked for."""


def create_app(engine: Engine, settings: Settings) -> Flask:
    """The application on a store. Raises :class:`~incentives.store.upgrade.StoreNotReady` where the store is not
    as it should be, and :class:`~incentives.web.policy.Undeclared` where a route does not say who may use it."""
    check_ready(engine)
    logs.set_up()
    folder = data_dir("templates")
    app = Flask(
        "incentives.web",
        template_folder=str(folder / "web"),
        static_folder=str(folder / "assets"),
        static_url_path="/assets",
    )
    app.config.update(_configuration(settings))
    app.extensions["books"] = engine
    app.extensions["settings"] = settings
    if settings.proxies:
        number = settings.proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=number, x_proto=number, x_host=number)  # type: ignore[method-assign]
    app.add_url_rule("/assets/statement.css", "statement_looks", _statement_looks)
    _templates(app)
    operators.set_up(app)
    logs.of_requests(app)
    app.before_request(_admit)
    app.before_request(_readable)
    csrf = CSRFProtect(app)
    accounts.set_up(app)
    single_sign_on.set_up(app, settings)
    limiter = Limiter(get_remote_address, app=app, storage_uri="memory://", headers_enabled=True)
    app.extensions["api_limiter"] = limiter
    errors.set_up(app)
    app.url_map.converters["int"] = NumberInPath
    pages.set_up(app)
    api.set_up(app, csrf, limiter)
    attempts.guard(app, *GUESSABLE)
    app.after_request(_headers)
    app.teardown_request(lambda _: look_again())
    app.extensions["policies"] = policies_of(app, OF_LIBRARIES)
    return app


def _configuration(settings: Settings) -> dict[str, Any]:
    secret = settings.secret_key
    return {
        "SECRET_KEY": secret,
        "TODAY": settings.today,
        "MAX_CONTENT_LENGTH": LARGEST_BYTES,
        "MAX_FORM_MEMORY_SIZE": LARGEST_BYTES,
        "SEND_FILE_MAX_AGE_DEFAULT": timedelta(days=365),
        "SESSION_COOKIE_NAME": "__Host-incentives" if settings.is_https else "incentives",
        "SESSION_COOKIE_HTTPONLY": True,
        "SESSION_COOKIE_SAMESITE": "Lax",
        "SESSION_COOKIE_SECURE": settings.is_https,
        "WTF_CSRF_TIME_LIMIT": None,
        "SECURITY_PASSWORD_SALT": hashlib.sha256(b"passwords" + secret.encode()).hexdigest(),
        "SECURITY_PASSWORD_LENGTH_MIN": 12,
        "SECURITY_RETURN_GENERIC_RESPONSES": True,
        "SECURITY_FLASH_MESSAGES": False,  # they are English; the pages say what is so
        "SECURITY_TWO_FACTOR": True,
        "SECURITY_TWO_FACTOR_ENABLED_METHODS": ["authenticator"],
        "SECURITY_TWO_FACTOR_RESCUE_EMAIL": False,
        "SECURITY_TOTP_SECRETS": {"1": hashlib.sha256(b"second steps" + secret.encode()).hexdigest()},
        "SECURITY_TOTP_ISSUER": "incentives",
        "SECURITY_JOIN_USER_ROLES": False,  # they are a column of the account
    }


def _admit() -> Response | None:
    """Find out who asks, and let in whom the route's policy admits."""
    accounts.find_viewer()
    viewer = viewer_or_none()
    if viewer is None and "_user_id" in session and not request.path.startswith(accounts.API):
        session.clear()  # the session was ended elsewhere; its cookie opens nothing any more
    if request.endpoint is None:
        return None
    method = "GET" if request.method in ("HEAD", "OPTIONS") else request.method
    policy: Policy | None = current_app.extensions["policies"].get((request.endpoint, method))
    if policy is None or policy.is_public:  # no policy: a method that this route does not know
        return None
    if viewer is None:
        return errors.sign_in_first()  # type: ignore[no-any-return]
    if not policy.admits(viewer):
        return errors.answer(403)
    if request.endpoint in BRINGS_FILES:
        request.max_content_length = LARGEST_FILES_BYTES
    return None


def _readable() -> Response | None:
    """No text holds a zero: a database could not keep it."""
    said = request.args if request.path.startswith(accounts.API) else request.values
    if "\0" in request.path or any("\0" in each for _, values in said.lists() for each in values):
        return errors.answer(400)
    return None


def _statement_looks() -> Response:
    """The looks of a statement, which page and paper have in common: they stand with its template."""
    return send_from_directory(data_dir("templates") / "statement", "statement.css")


def _headers(answered: Response) -> Response:
    for name, value in HEADERS.items():
        answered.headers.setdefault(name, value)
    if current_app.config["SESSION_COOKIE_SECURE"]:
        answered.headers.setdefault("Strict-Transport-Security", "max-age=31536000")
    answered.headers["X-Request-Id"] = request_id()
    if request.endpoint not in ("static", "statement_looks"):
        answered.headers.setdefault("Cache-Control", "private, no-store")
    return answered


# Templates -------------------------------------------------------------------------------------------


def _templates(app: Flask) -> None:
    environment = app.jinja_env
    environment.trim_blocks = environment.lstrip_blocks = True
    environment.undefined = StrictUndefined
    environment.add_extension("jinja2.ext.i18n")
    environment.install_gettext_callables(  # type: ignore[attr-defined]
        lambda text: speak().translations.gettext(text),
        lambda one, many, number: speak().translations.ngettext(one, many, number),
        newstyle=True,
    )
    environment.globals.update(
        address_of=address_of,
        asset=_asset,
        company=company,
        is_fragment=is_fragment,
        LANGUAGES=LANGUAGES,
        MINUS=MINUS,
        places=places,
        speak=speak,
        today=today,
        viewer_or_none=viewer_or_none,
    )


def _asset(name: str) -> str:
    """The address of an asset; its content is part of it, so that it may be kept for ever."""
    if name == "statement.css":
        return address_of("statement_looks", v=_digest("statement", name))
    return address_of("static", filename=name, v=_digest("assets", name))


@lru_cache
def _digest(folder: str, name: str) -> str:
    content = (data_dir("templates") / folder / name).read_bytes()
    return hashlib.sha256(content).hexdigest()[:12]
