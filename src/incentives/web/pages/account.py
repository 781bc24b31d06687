"""One's own account: name, language, e-mails, how one signs in, and the tokens of one's programs."""

from __future__ import annotations

import datetime as dt
import hashlib
from typing import Any

from flask import Blueprint, current_app, flash, redirect, render_template, request, session, url_for
from flask_security import verify_password
from itsdangerous import BadSignature, URLSafeTimedSerializer
from sqlalchemy import select

from incentives.errors import Rejected
from incentives.papers.languages import marked
from incentives.service import people, tokens
from incentives.store.acts import Who
from incentives.store.desk import Account
from incentives.web import welcome as links
from incentives.web.accounts import SESSION, hash_of
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
def make_token() -> Any:
    """Make a token; its secret is shown now and never again."""
    own = people.person(reader(), viewer().account_id, _now())
    form = Form(name=own.name, language=own.language, digest=own.digest)
    token_form = Form.sent()
    scopes = request.form.getlist("scopes")
    days = int(token_form["days"]) if str(token_form["days"]).isdecimal() else 0
    try:
        made = tokens.make(books(), who(), own.account_id, token_form["token_name"], scopes, days)
    except Rejected as rejected:
        for each in rejected.problems:
            field = "token_name" if each.path == "name" else each.path
            token_form.errors.setdefault(field, []).append(speak().told(each.said))
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
def second_step() -> Any:
    """Set up an authenticator: its code is asked for once before it counts, and the password with it."""
    factory = current_app.extensions["security"].totp_factory
    form = Form.sent() if request.method == "POST" else Form()
    secret = _read(form["state"]) if form["state"] else None
    if request.method == "POST":
        if secret is None:
            form.errors[""] = [speak().say(marked("This page was open for too long. Begin again."))]
        elif not _is_own_password(form["password"]):
            form.errors["password"] = [speak().say(marked("This is not your password."))]
        elif not factory.verify_totp(token=form["code"], totp_secret=secret, user=None, window=30):
            sentence = marked("This is not the code that your authenticator shows now.")
            form.errors["code"] = [speak().say(sentence)]
        else:
            people.keep_second_step(books(), who(), viewer().account_id, secret)
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
def end_second_step() -> Any:
    """Sign in without a code again; the password is asked for. One is signed out everywhere."""
    if not _is_own_password(request.form.get("password", "")):
        flash(speak().say(marked("This is not your password.")), "wrong")
        return redirect(url_for("account.show"))
    people.drop_second_step(books(), who(), viewer().account_id)
    return redirect(url_for("account.show"))


class _Named:
    """What an authenticator calls the account."""

    def __init__(self, email: str) -> None:
        self.email = email

    def calc_username(self) -> str:
        """Its address."""
        return self.email


def _is_own_password(typed: str) -> bool:
    kept = reader().execute(select(Account.password).where(Account.id == viewer().account_id)).scalar()
    return kept is not None and verify_password(typed, kept)


def _read(state: str) -> str | None:
    try:
        return str(_signer().loads(state, max_age=1800))
    except BadSignature:
        return None


def _signer() -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(current_app.secret_key or "", salt=f"second step {viewer().account_id}")


# The first password ----------------------------------------------------------------------------------


@blueprint.route("/welcome/<token>", methods=["GET", "POST"])
@public
def welcome(token: str) -> Any:
    """Choose a password by a link from an admin; it works once."""
    account_id = links.account_of(token)
    own = people.person(reader(), account_id, _now())
    form = Form.sent() if request.method == "POST" else Form()
    if request.method == "POST":
        if form["password"] != form["again"]:
            form.errors["again"] = [speak().say(marked("The two are not the same."))]
        else:
            try:
                hashed = hash_of(form["password"])
            except Rejected as rejected:
                form.refuse(rejected.problems)
            else:
                by = Who(own.email, _now(), "chosen by a link", request_id())
                people.set_password(books(), by, account_id, hashed)
                flash(speak().say(marked("Your password is kept. Sign in with it.")), "done")
                return redirect(url_for("security.login"))
    return render_template("account/welcome.html", own=own, form=form), 422 if form.errors else 200


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)
