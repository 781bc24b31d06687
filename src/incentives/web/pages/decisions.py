"""What needs a second person, and what came twice: proposed here, decided here by somebody else."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request, url_for
from marshmallow import Schema, fields

from incentives.documents.written import Unreadable
from incentives.documents.written import amount as read_amount
from incentives.documents.written import currency as read_currency
from incentives.errors import Rejected
from incentives.papers.changed_lines import changed_lines
from incentives.papers.languages import marked
from incentives.service import acts, closed, decisions, pending
from incentives.service.access import NotThere
from incentives.store.facts_out import Known
from incentives.web.forms import Form
from incentives.web.here import books, look_again, reader, speak, today, viewer, who
from incentives.web.lists import before
from incentives.web.policy import allow

blueprint = Blueprint("decisions", __name__)

PAGE = 25


@blueprint.get("/decisions")
@allow("author", "approver", "auditor")
def show() -> Any:
    """Everything that waits, the holds in force, and what was decided last."""
    return _shown(Form())


def _shown(form: Form, about: str = "", status: int = 200) -> Any:
    counts = pending.counts(reader())
    waits = [each for kind in pending.PROPOSALS for each in pending.proposals(reader(), kind, PAGE)]
    conflicts = pending.conflicts(reader(), PAGE)
    decided, older = pending.decided(reader(), before())
    held = pending.holds(reader())
    everything = [*waits, *decided]
    settings = [each.number for each in waits if each.about.get("kind") == "company"]
    rules = Known(reader()).rules()
    payees = {each.about["payee_id"] for each in everything if "payee_id" in each.about}
    page = render_template(
        "decisions/waiting.html",
        waits=waits,
        left=sum(counts[kind] for kind in pending.PROPOSALS) - len(waits),
        conflicts=conflicts,
        conflicts_left=counts["conflict"] - len(conflicts),
        held=held,
        decided=decided,
        older=older,
        deciders=pending.deciders(reader(), {each.author for each in waits}),
        names=closed.names_of(reader(), sorted(payees)),
        plan_names={each.plan: each.name for each in rules.plans} if rules else {},
        name=acts.namer(reader()),
        may=viewer().has("author", "approver"),
        me=viewer().actor,
        kinds=_KINDS,
        field_name=_field_name,
        changed={number: changed_lines(*pending.settings(reader(), number)) for number in settings},
        may_rule=viewer().has("approver"),
        holding=HOLDING,
        form=form,
        about=about,
    )
    return page, status


_FIELDS = {
    "type": marked("Kind"),
    "customer_id": marked("Customer"),
    "invoice_id": marked("Invoice"),
    "payee_id": marked("Person"),
    "payment_id": marked("Payment"),
    "amount_minor": marked("Amount"),
    "currency": marked("Currency"),
    "occurred_on": marked("Day"),
    "issued_on": marked("Issued on"),
    "due_on": marked("Due on"),
    "new_due_on": marked("New due date"),
    "contract_signed_on": marked("Contract signed on"),
    "team": marked("Team"),
    "reverses": marked("Undoes"),
    "reason": marked("Reason"),
    "fault": marked("Whose fault"),
    "lines": marked("Lines"),
    "lines_in_order": marked("Lines in order"),
}


_OF_LINES = {
    "net_minor": marked("Line %(line)s, without tax"),
    "tax_minor": marked("Line %(line)s, tax"),
    "category": marked("Line %(line)s, category"),
    "cost_minor": marked("Line %(line)s, cost"),
    "commissionable": marked("Line %(line)s earns commission"),
}


def _field_name(field: pending.Field) -> str:
    """What a field of an event, of an invoice or of one of its lines is called."""
    return speak().say(_OF_LINES[field.name], line=field.line) if field.line else speak().say(_FIELDS[field.name])


_KINDS = {
    "adjustment": marked("Adjustment"),
    "hold": marked("Hold"),
    "release": marked("Release"),
    "rule": marked("Rule"),
}
HOLDING = {
    "invoice": marked("Keep back what invoice %(id)s earns"),
    "customer": marked("Keep back what customer %(id)s earns"),
    "payee": marked("Keep back everything that %(id)s would be paid"),
}


# Decide ----------------------------------------------------------------------------------------------


@blueprint.post("/decisions/<kind>/<int:number>")
@allow("author", "approver")
def decide(kind: str, number: int) -> Any:
    """Approve or reject; keep or replace."""
    if kind not in decisions.CHOICES or (kind == "rule" and not viewer().has("approver")):
        raise NotThere(kind)
    if kind == "rule":
        pending.settings(reader(), number)  # a plan is decided where its effect is seen: /changes
    form = Form.sent()
    choice = str(form["choice"])
    try:
        decisions.decide(books(), who(str(form["reason"])), kind, number, choice)
    except Rejected as rejected:
        _at_fields(form, rejected, {})
        return _shown(form, f"{kind}-{number}", 422)
    flash(speak().say(_DECIDED[choice]), "done")
    return redirect(url_for("month.decisions.show"))


_DECIDED = {
    "approve": marked("Approved. The next run counts it."),
    "reject": marked("Rejected. It does not count."),
    "keep": marked("What came first stays."),
    "replace": marked("What came later counts from now on. The next run posts the difference."),
}


# Propose ---------------------------------------------------------------------------------------------


class _Adjustment(Schema):
    payee_id = fields.String(load_default="")
    amount = fields.String(load_default="")
    currency = fields.String(load_default="")
    on = fields.String(load_default="")
    reason = fields.String(load_default="")


@blueprint.get("/decisions/adjustment")
@allow("author", "approver")
def adjustment() -> Any:
    """A form for an amount that somebody gets or gives back."""
    rules = Known(reader()).rules()
    currency = rules.company.currency if rules else ""
    first = Form(payee_id=request.args.get("payee", ""), currency=currency, on=today().isoformat())
    return _adjustment(first)


def _adjustment(form: Form) -> str:
    """The form, which offers everybody who is paid here now."""
    people = sorted((each.payee_id, each.name) for each in Known(reader()).payees())
    return render_template("decisions/adjustment.html", form=form, people=people)


@blueprint.post("/decisions/adjustment")
@allow("author", "approver")
def adjust() -> Any:
    """Propose it."""
    form = Form.sent()
    typed = form.read(_Adjustment()) or {}
    made = _read(form, typed) if typed else None
    if made is not None:
        try:
            decisions.adjust(books(), who(typed["reason"]), typed["payee_id"].strip(), *made)
        except Rejected as rejected:
            _at_fields(form, rejected, {"id": "payee_id", "amount": "amount"})
    if form.errors:
        return _adjustment(form), 422
    return _proposed()


def _read(form: Form, typed: dict[str, str]) -> tuple[int, str, dt.date] | None:
    """Amount, currency and day as they were typed; mistakes are kept in the form."""
    amount, currency, day = 0, "", None
    try:
        currency = read_currency(typed["currency"].strip().upper())
    except Unreadable as error:
        form.errors["currency"] = [speak().told(error.said)]
    try:
        written = typed["amount"].strip().replace("\N{MINUS SIGN}", "-")
        if currency:
            amount = read_amount(written.removeprefix("-"), currency)
            amount = -amount if written.startswith("-") else amount
    except Unreadable as error:
        form.errors["amount"] = [speak().told(error.said)]
    try:
        day = dt.date.fromisoformat(typed["on"].strip())
    except ValueError:
        form.errors["on"] = [speak().say(marked("This is not a day. Write it as 2026-07-15."))]
    return None if form.errors or day is None else (amount, currency, day)


@blueprint.get("/decisions/hold")
@allow("author", "approver")
def hold() -> Any:
    """A form to keep money back."""
    kind = request.args.get("kind", "invoice")
    return render_template("decisions/hold.html", form=Form(kind=kind, subject=request.args.get("subject", "")))


@blueprint.post("/decisions/hold")
@allow("author", "approver")
def propose_hold() -> Any:
    """Propose it."""
    form = Form.sent()
    if form["kind"] not in ("invoice", "customer", "payee"):
        form.errors["kind"] = [speak().say(marked("Choose an invoice, a customer or a payee."))]
    else:
        try:
            decisions.hold(books(), who(form["reason"]), form["kind"], form["subject"].strip())
        except Rejected as rejected:
            _at_fields(form, rejected, {"id": "subject"})
    if form.errors:
        return render_template("decisions/hold.html", form=form), 422
    return _proposed()


@blueprint.post("/decisions/hold/<int:number>/release")
@allow("author", "approver")
def release(number: int) -> Any:
    """Propose to end a hold."""
    form = Form.sent()
    try:
        decisions.release(books(), who(form["reason"]), number)
    except Rejected as rejected:
        _at_fields(form, rejected, {})
        return _shown(form, f"release-{number}", 422)
    return _proposed()


def _at_fields(form: Form, rejected: Rejected, names: dict[str, str]) -> None:
    """Mistakes beside the fields that they are about: the reason has a place of its own."""
    for each in rejected.problems:
        if each.place == "reason":
            form.errors["reason"] = [speak().say(marked("Say why: it is kept with what you decide."))]
        else:
            form.refuse([replace(each, path=names.get(each.path, each.path))])


def _proposed() -> Any:
    look_again()
    flash(speak().say(marked("Proposed. It counts once somebody else approves it.")), "done")
    return redirect(url_for("month.decisions.show"))
