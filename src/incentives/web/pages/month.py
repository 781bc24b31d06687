"""The end of a month: what is missing, what would be posted and paid, the close; and months that are closed."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, redirect, render_template, url_for

from incentives import jobs
from incentives.calendar import Period, month_name
from incentives.errors import Rejected
from incentives.papers.languages import marked
from incentives.papers.words import in_words
from incentives.service import acts, asked, closed, kept, outlook, pending, would_post
from incentives.service.access import NotThere
from incentives.service.checklist import preparation
from incentives.service.outlook import Found, Outlook
from incentives.web.forms import Form
from incentives.web.here import books, have_done, reader, speak, viewer, who
from incentives.web.lists import page_number
from incentives.web.pages import decisions
from incentives.web.pages.decisions import HOLDING
from incentives.web.policy import allow

blueprint = Blueprint("month", __name__)
blueprint.register_blueprint(decisions.blueprint)

PAGE = 50
SHOWN = 5
"""How much of what a step found stands on the checklist itself."""


def read_month(written: str) -> dt.date:
    """A month of an address, 2026-07; :class:`NotThere` for anything else."""
    found = re.fullmatch(r"([0-9]{4})-(0[1-9]|1[0-2])", written, re.ASCII)
    if found is None or found[1] < "1900":
        raise NotThere(written)
    return dt.date(int(found[1]), int(found[2]), 1)


@blueprint.get("/month")
@allow("author", "approver", "auditor")
def show() -> Any:
    """The open month, and those that are closed."""
    done = closed.months(reader())
    page = page_number()
    return render_template(
        "month/months.html",
        open=_open(),
        waiting=pending.counts(reader()),
        months=done[(page - 1) * PAGE : page * PAGE],
        page=page,
        more=len(done) > page * PAGE,
        name=acts.namer(reader()),
        month_name=month_name,
    )


@blueprint.get("/month/<month>")
@allow("author", "approver", "auditor")
def one(month: str) -> Any:
    """A month: its checklist while it is open, what it paid once it is closed."""
    first = read_month(month)
    period = _open()
    if period is None or period.first != first:
        return _closed(first)
    return _checklist(period, Form())


@blueprint.post("/month/<month>/checklist")
@allow("author", "approver", "auditor")
def calculate(month: str) -> Any:
    """Have the checklist of large books calculated."""
    return _calculated("checklist", _open_month(month))


@blueprint.post("/month/<month>/run/preview")
@allow("author", "approver", "auditor")
def preview(month: str) -> Any:
    """Have what a run would post calculated, for large books."""
    return _calculated("preview", _open_month(month))


def _calculated(kind: str, period: Period) -> Any:
    to = _leads_to(kind, period)
    arguments = {"month": month_name(period.first), "at": who().at.isoformat(), "to": to}
    have_done(kind, arguments)
    return redirect(to)


def _leads_to(kind: str, period: Period) -> str:
    """The page that shows what a kind of job found."""
    return url_for("month.one" if kind == "checklist" else "month.run", month=month_name(period.first))


def _open() -> Period | None:
    try:
        return outlook.open_now(reader())
    except Rejected:
        return None  # the books are empty


# The open month --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Mending:
    """How to get on with a step: a sentence, and where."""

    sentence: str
    does: str = ""
    address: str = ""


STEPS = {
    "month": marked("The month is over"),
    "imports": marked("Deliveries came in whole"),
    "conflicts": marked("Nothing contradicts the books"),
    "exceptions": marked("All money that came in earned what it should"),
    "approvals": marked("Adjustments and holds are decided"),
    "questions": marked("Questions are answered"),
    "holds": marked("Nothing is kept back"),
    "payroll": marked("Payroll can pay everybody"),
    "second-person": marked("Two people looked at it"),
}
_CURES = {
    "month": marked("Wait until the last day is over."),
    "imports": marked("Mend the rows where they came from and bring them again."),
    "conflicts": marked("Say which version counts. This cannot be waived."),
    "exceptions": marked("Give the credit a plan, the currency a rate, the target an amount, and bring it."),
    "approvals": marked("Whoever did not propose it approves or rejects it."),
    "questions": marked("Answer, so that a take-back does not wait for ever."),
    "holds": marked("Release what may be paid. What stays held is paid in a later month."),
    "payroll": marked("Bring what is missing. Waived, the file is made once it is there."),
    "second-person": marked("Ask a colleague to run again, or to close."),
}
_LEADS: Mapping[str, tuple[str, str, str]] = {
    "imports": ("imports.show", marked("Import again"), ""),
    "conflicts": ("month.decisions.show", marked("Decide"), "conflicts"),
    "exceptions": ("imports.show", marked("Import what is missing"), ""),
    "approvals": ("month.decisions.show", marked("See what waits"), "proposals"),
    "questions": ("questions.show", marked("Answer questions"), ""),
    "holds": ("month.decisions.show", marked("See the holds"), "holds"),
    "payroll": ("imports.show", marked("Import what is missing"), ""),
}


def _mending(step: Found, month: dt.date) -> Mending:
    sentence = speak().say(_CURES[step.name])
    if step.name == "second-person":
        address = url_for("month.run", month=month_name(month))
        return Mending(sentence, speak().say(marked("See the run")), address)
    if step.name not in _LEADS:
        return Mending(sentence)
    endpoint, does, anchor = _LEADS[step.name]
    return Mending(sentence, speak().say(does), url_for(endpoint, _anchor=anchor or None))


def _says(step: Found, period: Period) -> Sequence[str]:
    """The first of what a step found, in the reader's words where it is not about rows of a file."""
    say, name = speak().say, acts.namer(reader())
    match step.name:
        case "month":
            return [say(marked("It ends on %(day)s."), day=speak().day(period.last))]
        case "conflicts":
            texts = {
                "event": marked("Event %(id)s came again with other content."),
                "invoice": marked("Invoice %(id)s came again with other content."),
            }
            return [say(texts[each.kind], id=each.subject) for each in pending.conflicts(reader(), SHOWN)]
        case "approvals":
            texts = {
                "adjustment": marked("Adjustment %(number)s, proposed by %(name)s, waits for approval."),
                "hold": marked("Hold %(number)s, proposed by %(name)s, waits for approval."),
                "release": marked("Release %(number)s, proposed by %(name)s, waits for approval."),
            }
            waits = (each for kind in texts for each in pending.proposals(reader(), kind, SHOWN))
            return [say(texts[each.kind], number=each.number, name=name(each.author)) for each in waits]
        case "questions":
            waiting, _ = asked.questions(reader(), None, is_open=True, limit=SHOWN)
            text = marked("%(name)s asks about %(cause)s.")
            return [say(text, name=each.payee, cause=each.about) for each in waiting]
        case "holds":
            return [
                f"{say(HOLDING[e.hold.kind], id=e.hold.subject)}: {e.hold.reason}" for e in pending.holds(reader())
            ]
        case "second-person":
            return _alone(period)
        case _:
            return [speak().told(each) for each in step.says]


def _alone(period: Period) -> list[str]:
    """What of the month nobody but the viewer has looked at."""
    say, month = speak().say, speak().month(period.first)
    prepared = preparation(reader(), period, viewer().actor)
    found = []
    if not prepared.run_by:
        found.append(say(marked("Nobody has run %(month)s yet."), month=month))
    elif prepared.run_by == viewer().actor:
        found.append(say(marked("You made the last run of %(month)s yourself."), month=month))
    if prepared.brought:
        found.append(say(marked("You brought deliveries after the last run.")))
    if prepared.decided:
        found.append(say(marked("You decided a conflict after the last run.")))
    return found


def _checklist(period: Period, form: Form, status: int = 200) -> Any:
    found = _outlook(period)
    if found is None:
        return _calculates("checklist", period)
    shown = render_template(
        "month/open.html",
        period=period,
        month=month_name(period.first),
        outlook=found,
        form=form,
        titles=STEPS,
        mending={step.name: _mending(step, period.first) for step in found.steps},
        says={step.name: _says(step, period)[:SHOWN] if step.number else () for step in found.steps},
        shown=SHOWN,
        blocking=[step for step in found.steps if step.number],
        may_close=viewer().has("author", "approver"),
        waiting=pending.counts(reader()),
        holds=found.holds(reader(), who()),
    )
    return shown, status


def _outlook(period: Period) -> Outlook | None:
    """How the month would close: of large books as a job found it last, ``None`` before one did."""
    if kept.is_little(reader()):
        return outlook.outlook(reader(), who(), period.first)
    found = _found("checklist", period)
    return outlook.from_plain(found) if found else None


def _found(kind: str, period: Period) -> Any:
    """What the viewer's newest job of a kind found about the open month."""
    job = jobs.newest(reader(), viewer(), kind, to=_leads_to(kind, period))
    return jobs.found_by(books(), job) if job is not None and job.state == "done" else None


def _calculates(kind: str, period: Period) -> Any:
    """The page of what a job has to find first: how far it is, or a way to have it begun."""
    job = jobs.newest(reader(), viewer(), kind, to=_leads_to(kind, period))
    return render_template(
        "month/calculates.html",
        kind=kind,
        period=period,
        month=month_name(period.first),
        job=jobs.look(books(), reader(), viewer(), job.number)
        if job is not None and job.state != "done"
        else None,
    )


@blueprint.get("/month/<month>/steps/<step>")
@allow("author", "approver", "auditor")
def step(month: str, step: str) -> Any:
    """Everything that a step of the checklist found."""
    period = _open_month(month)
    looked = _outlook(period)
    if looked is None:
        return _calculates("checklist", period)
    found = next((each for each in looked.steps if each.name == step), None)
    if found is None:
        raise NotThere(step)
    page = page_number()
    return render_template(
        "month/step.html",
        period=period,
        month=month_name(period.first),
        step=found,
        title=STEPS[found.name],
        mending=_mending(found, period.first),
        says=[speak().told(each) for each in found.says[(page - 1) * PAGE : page * PAGE]],
        page=page,
        more=len(found.says) > page * PAGE,
    )


def _open_month(month: str) -> Period:
    period = _open()
    if period is None or read_month(month) != period.first:
        raise NotThere(month)
    return period


# The run ---------------------------------------------------------------------------------------------


@blueprint.get("/month/<month>/run")
@allow("author", "approver", "auditor")
def run(month: str) -> Any:
    """What a run would post, payee by payee."""
    period, page = _open_month(month), page_number()
    if kept.is_little(reader()):
        found = would_post.preview(reader(), who())
    elif plain := _found("preview", period):
        found = would_post.from_plain(plain)
    else:
        return _calculates("preview", period)
    payees = found.payees[(page - 1) * PAGE : page * PAGE]
    return render_template(
        "month/run.html",
        period=period,
        month=month_name(period.first),
        found=found,
        payees=payees,
        names=closed.names_of(reader(), [each.payee_id for each in payees]),
        page=page,
        more=len(found.payees) > page * PAGE,
        may_run=viewer().has("author", "approver"),
        holds=found.holds(reader()),
    )


@blueprint.get("/month/<month>/run/<payee_id>")
@allow("author", "approver", "auditor")
def run_of(month: str, payee_id: str) -> Any:
    """What a run would post for one payee, entry by entry, and why."""
    period, page = _open_month(month), page_number()
    found = would_post.of_payee(reader(), who(), payee_id)
    if not found.entries:
        raise NotThere(payee_id)
    return render_template(
        "month/run_of.html",
        month=month_name(period.first),
        found=found,
        entries=found.entries[(page - 1) * PAGE : page * PAGE],
        payee_id=payee_id,
        payee=closed.names_of(reader(), [payee_id])[payee_id],
        page=page,
        more=len(found.entries) > page * PAGE,
        says=lambda why: in_words(why, lambda customer: found.customers.get(customer, customer), speak()),
    )


@blueprint.post("/month/<month>/run")
@allow("author", "approver")
def post(month: str) -> Any:
    """Run: post what is missing."""
    period = _open_month(month)
    arguments = {"to": url_for("month.one", month=month_name(period.first))}
    number = have_done("run", arguments)
    return redirect(url_for("jobs.show", number=number))


@blueprint.get("/month/<month>/pays")
@allow("author", "approver", "auditor")
def would_pay(month: str) -> Any:
    """What the open month would pay, person by person."""
    period, page = _open_month(month), page_number()
    found = _outlook(period)
    if found is None:
        return _calculates("checklist", period)
    pays = found.pays
    some = pays[(page - 1) * PAGE : page * PAGE]
    return render_template(
        "month/would_pay.html",
        period=period,
        month=month_name(period.first),
        pays=some,
        names=closed.names_of(reader(), [each.payee_id for each in some]),
        page=page,
        more=len(pays) > page * PAGE,
    )


# The close -------------------------------------------------------------------------------------------


@blueprint.post("/month/<month>/close")
@allow("author", "approver")
def close(month: str) -> Any:
    """Ask for the month's name, saying what will happen; close it once it is typed."""
    period = _open_month(month)
    form = Form.sent()
    found = _outlook(period)
    if found is None:
        return _calculates("checklist", period)
    waived = {
        each.name: str(form.typed.get(f"waive-{each.name}", "")).strip() for each in found.steps if each.number
    }
    for each in found.steps:
        if each.number and not (each.may_be_waived and waived[each.name]):
            form.errors.setdefault(f"waive-{each.name}", []).append(_must(each))
    if form.errors:
        return _checklist(period, form, 422)
    name = speak().month(period.first).replace("\N{NO-BREAK SPACE}", " ")
    if "month" not in form.typed:
        return _confirm(period, found, form, waived, name)
    if form["month"].strip().casefold() != name.casefold():
        form.errors["month"] = [speak().say(marked("Type %(name)s, as it stands here."), name=name)]
        return _confirm(period, found, form, waived, name), 422
    arguments = {
        "month": month_name(period.first),
        "waive": waived,
        "to": url_for("month.one", month=month_name(period.first)),
    }
    number = have_done("close", arguments)
    return redirect(url_for("jobs.show", number=number))


def _must(step: Found) -> str:
    if step.may_be_waived:
        return speak().say(marked("Mend it, or write why it may pass."))
    return speak().say(marked("This one has to be mended: it cannot be waived."))


def _confirm(period: Period, found: Outlook, form: Form, waived: Mapping[str, str], name: str) -> Any:
    return render_template(
        "month/close.html",
        period=period,
        month=month_name(period.first),
        outlook=found,
        waived=waived,
        titles=STEPS,
        form=form,
        name=name,
        holds=found.holds(reader(), who()),
        paid=[each for each in found.pays if each.pay_minor],
        forward=[each for each in found.pays if each.carried_forward_minor],
    )


# A closed month --------------------------------------------------------------------------------------


def _closed(first: dt.date) -> Any:
    done = closed.month(reader(), first)
    pays = closed.pay(reader(), first)
    page = page_number()
    shown = pays[(page - 1) * PAGE : page * PAGE]
    return render_template(
        "month/closed.html",
        done=done,
        month=month_name(first),
        pays=shown,
        people=sum(1 for each in pays if each.pay_minor),
        names=closed.names_of(reader(), [each.payee_id for each in shown]),
        waived=closed.waived(reader(), first),
        titles=STEPS,
        handed=[each for each in closed.handed(reader(), first) if each.times or each.files],
        statements=closed.statements(reader(), first),
        page=page,
        more=len(pays) > page * PAGE,
        name=acts.namer(reader()),
    )


@blueprint.get("/month/<month>/pay/<payee_id>")
@allow("author", "approver", "auditor")
def pay(month: str, payee_id: str) -> Any:
    """What a payee's pay for a closed month was made from."""
    first = read_month(month)
    done = closed.month(reader(), first)
    pays = [each for each in closed.pay(reader(), first) if each.payee_id == payee_id]
    if not pays:
        raise NotThere(payee_id)
    return render_template(
        "month/pay.html",
        done=done,
        month=month_name(first),
        pays=pays,
        lines=closed.paid_lines(reader(), first, payee_id),
        payee_id=payee_id,
        payee=closed.names_of(reader(), [payee_id])[payee_id],
    )
