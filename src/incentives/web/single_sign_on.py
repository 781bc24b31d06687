"""Single sign-on: who is signed in at the company's identity provider (OpenID Connect) is signed in here.

Only accounts that an admin made get in: by the provider's own name for them, which is kept the first time, when
the provider vouches for their e-mail address. State, nonce and PKCE tie the answer to the browser that asked. What
the provider asks for besides a password is its own affair: no second step is asked for here. Whoever is signed in
and is to show once more that it is them is asked by the provider.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

import structlog
from flask import Flask, current_app, make_response, redirect, render_template, request, session, url_for
from flask_security import login_user

from incentives.errors import Problem, Rejected, Told
from incentives.papers.languages import marked
from incentives.service import people
from incentives.store.acts import Who
from incentives.web.here import books, own_address, request_id, speak, viewer_or_none
from incentives.web.policy import public
from incentives.web.settings import OIDC_ISSUER, Settings

_log = structlog.get_logger()

NAME = "oidc"


def set_up(app: Flask, settings: Settings) -> None:
    """Offer it, where an operator has named a provider."""
    app.jinja_env.globals["has_single_sign_on"] = bool(settings.oidc_issuer)
    if not settings.oidc_issuer:
        return
    try:
        from authlib.integrations.flask_client import OAuth  # type: ignore[import-untyped] # an extra
    except ImportError:
        sentence, cure = (
            Told("What single sign-on needs is not installed."),
            Told("pip install 'incentives[oidc]'"),
        )
        raise Rejected([Problem(OIDC_ISSUER, 0, "", "missing", sentence, cure)]) from None
    oauth = OAuth(app)
    oauth.register(
        NAME,
        client_id=settings.oidc_client_id,
        client_secret=settings.oidc_client_secret,
        server_metadata_url=f"{settings.oidc_issuer.rstrip('/')}/.well-known/openid-configuration",
        client_kwargs={"scope": "openid email", "code_challenge_method": "S256"},
    )
    app.extensions["oidc"] = getattr(oauth, NAME)
    app.add_url_rule("/sign-in", "single_sign_on.begin", begin)
    app.add_url_rule("/sign-in/back", "single_sign_on.back", back)


@public
def begin() -> Any:
    """To the provider; ``next`` is the page of our own to which it leads."""
    session["after"] = request.args.get("next", "")
    again = {"prompt": "login"} if viewer_or_none() else {}
    address = current_app.extensions["settings"].public_url + url_for("single_sign_on.back")
    try:
        return current_app.extensions["oidc"].authorize_redirect(address, **again)
    except Exception as error:
        return _refused(error)


@public
def back() -> Any:
    """From the provider: whoever it vouches for is signed in, if they have an account."""
    try:
        said = current_app.extensions["oidc"].authorize_access_token()["userinfo"]
    except Exception as error:  # whatever does not fit: nobody is signed in
        return _refused(error)
    subject = f"{said['iss']} {said['sub']}"
    email = str(said.get("email", "")).strip().lower() if said.get("email_verified") is True else ""
    who = Who(email or "single sign-on", dt.datetime.now(dt.UTC), "", request_id())
    account_id = people.signed_on(books(), who, subject, email)
    if account_id is None:
        return _page(marked("You have no account here. Ask whoever manages people and access for one."))
    user = current_app.extensions["security"].datastore.find_user(id=account_id)
    login_user(user, authn_via=[NAME])
    return redirect(own_address(session.pop("after", "")) or url_for("home.show"))


def _refused(error: Exception) -> Any:
    _log.warning("single sign-on refused", error=type(error).__name__)
    return _page(marked("Signing in did not work. Begin again."))


def _page(sentence: str) -> Any:
    text = speak().say(sentence)
    shown = render_template("error.html", status=403, sentence=text, problems=(), request_id=request_id())
    return make_response(shown, 403)
