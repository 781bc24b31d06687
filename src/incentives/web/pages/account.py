"""One's own account: name, language, e-mails, how one signs in, and the tokens of one's programs."""

from __future__ import annotations

import datetime as dt
import hashlib
from dataclasses import replace
from typing import Any

from flask import Blueprint, current_app, flash, redirect, render_template, request, session, url_for
from flask_security import login_user, verify_password
from itsdangerous import BadSignature, URLSafeTimedSerializer

from incentives.errors import Rejected
from incentives.papers.languages import marked
from incentives.service import people, tokens
from incentives.service.access import NotThere
from incentives.store.acts import Who
from incentives.web import welcome as links
from incentives.web.accounts import SESSION, has_password, hash_of, once_more, own_password
from incentives.web.forms import Form
from incentives.web.here import books, now, reader, request_id, speak, viewer, who
from incentives.web.policy import allow, public

blueprint = Blueprint("account", __name__)

DAYS = ("30", "90", "366")


@blueprint.route("/account", methods=["GET", "POST"])
@allow()
def show() -> Any:
    """What one says of oneself, and what signs one in."""
    own = people.person(reader(), viewer().account_id, _now())
    form = Form(name=own.name, language=own.language, digest=own.digest)
    if request.method == "POST":
        form = Form.sent()
        try:
            people.prefer(books(), who(), own.account_id, form["name"], form["language"], form["digest"])
        except Rejected as rejected:
            form.refuse(rejected.problems)
        else:
            flash(speak().say(marked("It is changed, from now on.")), "done")
            return redirect(url_for("account.show"))
    return _page(form)


def _page(form: Form, token_form: Form | None = None, made: str = "") -> Any:
    own = people.person(reader(), viewer().account_id, _now())
    scopes = {name: each.says for name, each in tokens.SCOPES.items() if viewer().has(*each.roles)}
    shown = render_template(
        "account/show.html",
        own=own,
        form=form,
        token_form=token_form or Form(days="90", scopes=[]),
        made=made,
        scopes=scopes,
        days=DAYS,
        tokens=[each for each in tokens.tokens(reader(), own.account_id) if each.is_good(now())],
        sessions=people.sessions(reader(), own.account_id, _now()),
        here=hashlib.sha256(session.get(SESSION, "").encode()).hexdigest()[: people.KEY],
    )
    wrong = form.errors or (token_form is not None and token_form.errors)
    return shown, 422 if wrong else 200


_BROWSERS = (("Edg/", "Edge"), ("Firefox/", "Firefox"), ("Chrome/", "Chrome"), ("Safari/", "Safari"))
_MACHINES = (
    *((each, each) for each in ("iPhone", "iPad", "Android", "Windows")),
    ("Mac OS X", "macOS"),
    ("Linux", "Linux"),
)


@blueprint.app_template_global("browser_in")
def browser_in(agent: str) -> str:
    """A browser as its owner knows it, such as "Firefox, Windows"; "" for one that is not known here."""
    names = (next((name for sign, name in known if sign in agent), "") for known in (_BROWSERS, _MACHINES))
    return ", ".join(filter(None, names))


@blueprint.post("/account/sessions/<key>/end")
@allow()
def end_session(key: str) -> Any:
    """Sign another browser out."""
    people.end_session(books(), viewer().account_id, key)
    flash(speak().say(marked("That browser is signed out.")), "done")
    return redirect(url_for("account.show") + "#sessions")


# Tokens ----------------------------------------------------------------------------------------------


@blueprint.post("/account/tokens")
@allow()
@once_more("account.show")
def make_token() -> Any:
    """Make a token; its secret is shown now and never again."""
    own = people.person(reader(), viewer().account_id, _now())
    form = Form(name=own.name, language=own.language, digest=own.digest)
    token_form = Form.sent()
    token_form.typed.setdefault("scopes", [])
    days = int(typed) if (typed := str(token_form.typed.get("days", ""))).isdecimal() and len(typed) < 9 else 0
    try:
        made = tokens.make(books(), who(), own.account_id, token_form["token_name"], token_form["scopes"], days)
    except Rejected as rejected:
        names = {"name": "token_name"}
        token_form.refuse(replace(each, path=names.get(each.path, each.path)) for each in rejected.problems)
        return _page(form, token_form)
    return _page(form, made=made.written)


@blueprint.post("/account/tokens/<int:number>/revoke")
@allow()
def revoke_token(number: int) -> Any:
    """End one of one's own tokens."""
    tokens.revoke(books(), who(), viewer(), number)
    flash(speak().say(marked("The token opens nothing any more.")), "done")
    return redirect(url_for("account.show") + "#tokens")


# The second step -------------------------------------------------------------------------------------


@blueprint.route("/account/second-step", methods=["GET", "POST"])
@allow()
@once_more()
def second_step() -> Any:
    """Set up an authenticator, beside a password: its code is asked for once before it counts."""
    if not has_password():
        raise NotThere("password")
    factory = current_app.extensions["security"].totp_factory
    form = Form.sent() if request.method == "POST" else Form()
    secret = _read(form["state"]) if form["state"] else None
    if request.method == "POST":
        if secret is None:
            form.errors[""] = [speak().say(marked("This page was open for too long. Begin again."))]
        elif (used := factory.used(form["code"], secret)) is None:
            sentence = marked("This is not the code that your authenticator shows now.")
            form.errors["code"] = [speak().say(sentence)]
        else:
            people.keep_second_step(books(), who(), viewer().account_id, used)
            flash(speak().say(marked("From now on you are asked for a code when you sign in.")), "done")
            return redirect(url_for("account.show"))
    secret = secret or factory.generate_totp_secret()
    shown = render_template(
        "account/second_step.html",
        form=form,
        state=_signer().dumps(secret),
        setup=factory.fetch_setup_values(secret, _Named(viewer().actor)),
    )
    return shown, 422 if form.errors else 200


@blueprint.post("/account/second-step/end")
@allow()
@once_more("account.show")
def end_second_step() -> Any:
    """Sign in without a code again. One is signed out everywhere."""
    people.drop_second_step(books(), who(), viewer().account_id)
    return redirect(url_for("account.show"))


class _Named:
    """What an authenticator calls the account."""

    def __init__(self, email: str) -> None:
        self.email = email

    def calc_username(self) -> str:
        """Its address."""
        return self.email


def _read(state: str) -> str | None:
    try:
        return str(_signer().loads(state, max_age=1800))
    except BadSignature:
        return None


def _signer() -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(current_app.secret_key or "", salt=f"second step {viewer().account_id}")


# Passwords -------------------------------------------------------------------------------------------


@blueprint.route("/password", methods=["GET", "POST"])
@allow()
def password() -> Any:
    """Choose another password, with the present one; whatever else is signed in as this account is no more."""
    present = own_password()
    if present is None:
        raise NotThere("password")  # the provider knows who they are, and nothing here goes past it
    form = Form.sent() if request.method == "POST" else Form()
    if request.method == "POST" and not form.errors:
        if not verify_password(form["password"], present):
            form.errors["password"] = [speak().say(marked("This is not your password."))]
        elif hashed := _chosen(form, "new_password", "new_password_confirm"):
            people.set_password(books(), who(), viewer().account_id, hashed)
            login_user(current_app.extensions["security"].datastore.find_user(id=viewer().account_id))
            flash(speak().say(marked("It is changed, from now on.")), "done")
            return redirect(url_for("account.show"))
    return render_template("account/password.html", form=form), 422 if form.errors else 200


def _chosen(form: Form, name: str, again: str) -> str:
    """The hash of a password that was typed twice; "" where something is wrong with it, which the form says."""
    if form[name] != form[again]:
        form.errors[again] = [speak().say(marked("The two are not the same."))]
        return ""
    try:
        return hash_of(form[name])
    except Rejected as rejected:
        form.errors[name] = [each.sentence for each in rejected.problems]
        return ""


@blueprint.route("/welcome/<token>", methods=["GET", "POST"])
@public
def welcome(token: str) -> Any:
    """Choose a password by a link from an admin; it works once."""
    link = links.link_in(token)
    own = people.person(reader(), link.account_id, _now())
    form = Form.sent() if request.method == "POST" else Form()
    if request.method == "POST" and not form.errors and (hashed := _chosen(form, "password", "again")):
        by = Who(own.email, _now(), f"by a link that {link.by} made", request_id())
        people.set_password(books(), by, link.account_id, hashed, link.uniquifier)
        flash(speak().say(marked("Your password is kept. Sign in with it.")), "done")
        return redirect(url_for("security.login"))
    return render_template("account/welcome.html", own=own, form=form), 422 if form.errors else 200


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)
