"""People and access: who signs in, as what, and with what; nobody's pay."""

from __future__ import annotations

import datetime as dt
from typing import Any

from flask import Blueprint, current_app, flash, redirect, render_template, request, url_for

from incentives.errors import Rejected
from incentives.papers.languages import marked
from incentives.service import accounts, people, tokens
from incentives.service.access import ROLES
from incentives.web import welcome
from incentives.web.accounts import hash_of, once_more
from incentives.web.forms import Form
from incentives.web.here import books, look_again, now, reader, speak, viewer, who
from incentives.web.policy import allow

blueprint = Blueprint("people", __name__, url_prefix="/people")

SAYS = {
    "rep": marked("Rep: their own pay"),
    "manager": marked("Manager: their own pay and that of who reports to them"),
    "credit": marked("Credit: customers and invoices, and their own pay"),
    "author": marked("Finance, author: writes plans, imports, runs; sees all pay"),
    "approver": marked("Finance, approver: approves plans, closes months; sees all pay"),
    "payroll": marked("Payroll: payroll files only"),
    "auditor": marked("Auditor: reads everything, changes nothing"),
    "admin": marked("Admin: people and access; nobody's pay"),
}
"""What a role is for, for whoever gives it."""

SHORT = {
    "rep": marked("Rep"),
    "manager": marked("Manager"),
    "credit": marked("Credit"),
    "author": marked("Author"),
    "approver": marked("Approver"),
    "payroll": marked("Payroll"),
    "auditor": marked("Auditor"),
    "admin": marked("Admin"),
}


@blueprint.app_template_global("role_name")
def role_name(role: str) -> str:
    """A role in a word."""
    return speak().say(SHORT[role])


@blueprint.get("")
@allow("admin")
def index() -> Any:
    """Every account."""
    return render_template("people/index.html", people=people.people(reader(), _now()))


@blueprint.route("/add", methods=["GET", "POST"])
@allow("admin")
@once_more()
def add() -> Any:
    """Make an account: with a password, or with a link by which its owner chooses one."""
    form = Form(language=speak().language, digest="weekly")
    if request.method == "POST":
        form = Form.sent()
        try:
            password = hash_of(form["password"]) if form["password"] else None
            number = accounts.add(books(), who(), _person(form), password)
        except Rejected as rejected:
            form.refuse(rejected.problems)
        else:
            return _told_link(number) if password is None else redirect(url_for("people.show", number=number))
    return _form(form, "people/add.html"), 422 if form.errors else 200


@blueprint.route("/<int:number>", methods=["GET", "POST"])
@allow("admin")
@once_more()
def show(number: int) -> Any:
    """One account, and changes to it: other roles, another payee or an end sign it out at once."""
    found = people.person(reader(), number, _now())
    form = Form(
        email=found.email,
        name=found.name,
        roles=list(found.roles),
        payee_id=found.payee_id,
        language=found.language,
        digest=found.digest,
        active="yes" if found.active else "no",
    )
    if request.method == "POST":
        form = Form.sent()
        try:
            accounts.change(books(), who(), number, _person(form), active=form["active"] == "yes")
        except Rejected as rejected:
            form.refuse(rejected.problems)
        else:
            flash(speak().say(marked("It is changed, from now on.")), "done")
            return redirect(url_for("people.show", number=number))
    return _form(form, "people/show.html", found=found), 422 if form.errors else 200


@blueprint.post("/<int:number>/link")
@allow("admin")
@once_more("people.show")
def link(number: int) -> Any:
    """Make a link by which somebody chooses a password; it works once."""
    return _told_link(number)


@blueprint.post("/<int:number>/sign-out")
@allow("admin")
def sign_out(number: int) -> Any:
    """End every session of an account."""
    people.person(reader(), number, _now())
    accounts.sign_out_everywhere(books(), number)
    flash(speak().say(marked("Signed out everywhere.")), "done")
    return redirect(url_for("people.show", number=number))


@blueprint.post("/<int:number>/second-step")
@allow("admin")
@once_more("people.show")
def drop_second_step(number: int) -> Any:
    """Let somebody sign in who lost the device of their second step."""
    people.drop_second_step(books(), who(), number)
    flash(speak().say(marked("The second step is gone; they can set up another one.")), "done")
    return redirect(url_for("people.show", number=number))


@blueprint.post("/<int:number>/tokens/<int:token>/revoke")
@allow("admin")
def revoke(number: int, token: int) -> Any:
    """End a token of somebody's program."""
    tokens.revoke(books(), who(), viewer(), token)
    flash(speak().say(marked("The token opens nothing any more.")), "done")
    return redirect(url_for("people.show", number=number))


def _told_link(number: int) -> Any:
    """A new link, shown once."""
    act_id = people.invite(books(), who(), number)
    look_again()
    found = people.person(reader(), number, _now())
    address = current_app.extensions["settings"].public_url + welcome.path_for(number, act_id)
    return render_template("people/link.html", found=found, address=address, days=welcome.DAYS)


def _form(form: Form, template: str, **more: Any) -> str:
    found = more.get("found")
    if found is not None:
        more["tokens"] = [each for each in tokens.tokens(reader(), found.account_id) if each.is_good(now())]
    listed = [("", speak().say(marked("Nobody who is paid here"))), *people.payees(reader())]
    options = [(value, f"{name} ({value})" if value else name) for value, name in listed]
    return render_template(template, form=form, roles=ROLES, says=SAYS, payees=options, **more)


def _person(form: Form) -> accounts.Person:
    return accounts.Person(
        email=form["email"],
        name=form["name"],
        roles=list(form["roles"]),
        payee_id=form["payee_id"],
        language=form["language"],
        digest=form["digest"] or "off",
    )


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)
