"""Plans: what is in force, what is being written, what waits for a second person.

Three kinds of address: ``/plans/<plan>`` what holds, ``/drafts/<number>`` what somebody writes,
``/changes/<number>`` what was submitted and is decided. Finance and auditors read all of it; authors write,
approvers decide.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, Response, flash, make_response, redirect, render_template, request, url_for
from markupsafe import Markup
from werkzeug.datastructures import FileStorage

from incentives import jobs
from incentives.documents.editing import Editing, can_be_edited, path_of
from incentives.documents.fields import Written
from incentives.documents.plans import read_plan, read_toml
from incentives.documents.written import Unreadable, day
from incentives.errors import Problem, Rejected
from incentives.papers.changed_lines import changed_lines
from incentives.papers.comparison import before_and_after
from incentives.papers.languages import marked
from incentives.papers.rule_words import BY, KINDS, changes, told
from incentives.papers.statement.words import spoken
from incentives.papers.words import in_words
from incentives.rules.plan import Plan, Version
from incentives.service import drafting, kept, previewing
from incentives.service.access import NotThere
from incentives.service.drafting import Draft, Judged, Overtaken, Revision
from incentives.store.facts_out import Known
from incentives.web.forms import Form
from incentives.web.here import books, have_done, look_again, reader, speak, today, viewer, who
from incentives.web.pages.plans import form as editing_form
from incentives.web.policy import allow

blueprint = Blueprint("plans", __name__)

blueprint.app_template_global("spoken")(spoken)

READ = ("author", "approver", "auditor")


# What holds ------------------------------------------------------------------------------------------


@blueprint.get("/plans")
@allow(*READ)
def index() -> Any:
    """Every plan: what is in force today, what waits, what is being written."""
    return render_template("plans/index.html", shelves=drafting.shelves(reader()), people=_people())


@blueprint.get("/plans/<path:plan>")
@allow(*READ)
def show(plan: str) -> Any:
    """A plan: its versions on a timeline, one of them in words, whom it is assigned to, how it came to be."""
    shelf = drafting.shelf(reader(), plan)
    return _plan_page(shelf, Form(effective_from=_next_month().isoformat()))


def _plan_page(shelf: drafting.Shelf, form: Form, status: int = 200) -> Any:
    in_force = shelf.in_force
    chosen = _chosen(in_force) if in_force else None
    return (
        render_template(
            "plans/plan.html",
            shelf=shelf,
            plan=in_force,
            chosen=chosen,
            components=_components(in_force, chosen),
            spans=_spans(in_force),
            origin=_origins(shelf),
            form=form,
            people=_people(),
            payees={each.payee_id: each.name for each in Known(reader()).payees()},
        ),
        status,
    )


@blueprint.get("/plans/<path:plan>/document")
@allow(*READ)
def document(plan: str) -> Any:
    """The rule in force as it was written."""
    approved = drafting.shelf(reader(), plan).approved
    if approved is None:
        raise NotThere(plan)
    return _toml(plan, approved.document)


@blueprint.post("/plans/<path:plan>/drafts")
@allow("author")
def begin(plan: str) -> Any:
    """Draft a new version from a day on."""
    form = Form.sent()
    try:
        made = drafting.begin(books(), viewer().account_id, who(), plan, day(str(form["effective_from"]).strip()))
    except Unreadable as error:
        form.refuse([Problem("plan", 0, "effective_from", error.code, error.sentence, error.cure)])
    except Rejected as rejected:
        form.refuse(rejected.problems)
    else:
        return redirect(url_for("plans.draft", number=made.number))
    return _plan_page(drafting.shelf(reader(), plan), form, 422)


# Drafts ----------------------------------------------------------------------------------------------


@blueprint.get("/drafts/new")
@allow("author")
def new() -> Any:
    """Bring a plan as a document: pasted, or a file."""
    return render_template("plans/new.html", form=Form())


@blueprint.post("/drafts/new")
@allow("author")
def bring() -> Any:
    """Make a draft of it."""
    form = Form.sent()
    form.typed.setdefault("document", "")
    try:
        file: FileStorage | None = request.files.get("file")
        if file is not None and file.filename:
            form.typed["document"] = file.read().decode("utf-8-sig")
        made = drafting.bring(books(), viewer().account_id, who(), _lines(form["document"]))
    except UnicodeDecodeError:
        form.errors["file"] = [speak().say(marked("The file is not text in UTF-8."))]
    except Rejected as rejected:
        form.refuse(rejected.problems)
    else:
        return redirect(url_for("plans.draft", number=made.number))
    return render_template("plans/new.html", form=form), 422


@blueprint.get("/drafts/<int:number>")
@allow(*READ)
def draft(number: int) -> Any:
    """What somebody writes: as a form or as a document, with what it would mean beside it."""
    found = drafting.draft(reader(), number)
    if found.revision and drafting.revision(reader(), found.revision).choice != "reject":
        return redirect(url_for("plans.change", number=found.revision))
    return _editor(found, found.document)


@blueprint.post("/drafts/<int:number>")
@allow("author")
def save(number: int) -> Any:
    """Keep what was typed, mistakes and all; add or take away a part."""
    found = drafting.draft(reader(), number)
    typed, version = _typed(found)
    try:
        if version != found.version:
            raise Overtaken(found)
        text = _acted(typed, request.form.get("do", ""))
        if text != found.document:
            found = drafting.change(books(), who(), number, version, text)
            look_again()
    except Overtaken as overtaken:
        return _overtaken(overtaken.draft, typed)
    except Rejected as rejected:
        return _editor(found, typed, rejected.problems), 422
    if request.form.get("do", "save") == "save":
        flash(speak().say(marked("The draft is kept.")), "done")
    return redirect(_here(found, at=_anchor(request.form.get("do", ""))))


@blueprint.post("/drafts/<int:number>/check")
@allow("author")
def check(number: int) -> Any:
    """What is typed just now would mean this; nothing is kept."""
    found = drafting.draft(reader(), number)
    typed, _ = _typed(found)
    return render_template("plans/judged.html", **_judged(found, typed))


@blueprint.get("/drafts/<int:number>/document")
@allow(*READ)
def draft_document(number: int) -> Any:
    """The draft as it is written."""
    found = drafting.draft(reader(), number)
    return _toml(found.plan, found.document)


@blueprint.post("/drafts/<int:number>/discard")
@allow("author")
def discard(number: int) -> Any:
    """Throw a draft away."""
    found = drafting.draft(reader(), number)
    try:
        drafting.discard(books(), number, _version())
    except Overtaken as overtaken:
        return _overtaken(overtaken.draft, overtaken.draft.document)
    flash(speak().say(marked("The draft is discarded.")), "done")
    look_again()
    known = any(each.plan == found.plan for each in drafting.shelves(reader()))
    return redirect(url_for("plans.show", plan=found.plan) if known else url_for("plans.index"))


@blueprint.post("/drafts/<int:number>/submit")
@allow("author")
def submit(number: int) -> Any:
    """Keep what was typed, and let it wait for somebody else's decision."""
    found, form = drafting.draft(reader(), number), Form.sent()
    typed, version = _typed(found)
    try:
        if typed != found.document:
            found = drafting.change(books(), who(), number, version, typed)
            look_again()
            version = found.version
        revision = drafting.submit(books(), who(form["reason"]), number, version)
    except Overtaken as overtaken:
        return _overtaken(overtaken.draft, typed)
    except Rejected as rejected:
        form.refuse(rejected.problems)
        return _editor(found, found.document, form=form), 422
    flash(speak().say(marked("It waits for somebody else's decision.")), "done")
    return redirect(url_for("plans.change", number=revision))


# What was submitted ----------------------------------------------------------------------------------


@blueprint.get("/changes/<int:number>")
@allow(*READ)
def change(number: int) -> Any:
    """A change that waits, or that was decided: what it says, what it would pay."""
    return _change_page(number, Form())


@blueprint.post("/changes/<int:number>")
@allow("approver")
def decide(number: int) -> Any:
    """Approve or reject it."""
    form = Form.sent()
    form.typed.setdefault("confirmed", "")
    try:
        drafting.decide(books(), who(form["reason"]), number, str(form["choice"]), str(form["confirmed"]))
    except Rejected as rejected:
        form.refuse(rejected.problems)
        return _change_page(number, form, 422)
    approved = form["choice"] == "approve"
    flash(speak().say(marked("It is approved.") if approved else marked("It is rejected.")), "done")
    return redirect(url_for("plans.change", number=number))


@blueprint.get("/changes/<int:number>/document")
@allow(*READ)
def change_document(number: int) -> Any:
    """What was submitted, as it is written."""
    found = drafting.revision(reader(), number)
    return _toml(found.plan, found.document)


def _change_page(number: int, form: Form, status: int = 200) -> Any:
    found = drafting.revision(reader(), number)
    shown: dict[str, Any] = {"preview": None}
    if found.waits:
        judged = drafting.judged(reader(), found.plan, found.document)
        before = judged.in_force
        if judged.plan is not None:
            shown |= _previewed(f"/changes/{number}", judged.plan, found.document)
    else:
        before = _before(found)
        made = read_plan(found.document, found.plan)[0]
        judged = Judged(made, (), before)
    approved = drafting.shelf(reader(), found.plan).approved
    was = approved.document if found.waits and approved else (_text_before(found) or "")
    page = render_template(
        "plans/change.html",
        revision=found,
        name=drafting.shelf(reader(), found.plan).name,
        judged=judged,
        said=changes(before, judged.plan, speak()) if judged.plan else [],
        lines=changed_lines(was, found.document),
        form=form,
        people=_people(),
        own=found.proposed.actor == viewer().actor,
        **shown,
    )
    return page, status


def _earlier(found: Revision) -> Revision | None:
    """The revision that was in force when this one was decided."""
    everything = drafting.shelf(reader(), found.plan).revisions
    older = everything[everything.index(found) + 1 :]
    return next((each for each in older if each.choice == "approve"), None)


def _text_before(found: Revision) -> str | None:
    earlier = _earlier(found)
    return earlier.document if earlier else None


def _before(found: Revision) -> Plan | None:
    text = _text_before(found)
    return read_plan(text, found.plan)[0] if text is not None else None


# Preview on real history -----------------------------------------------------------------------------


@blueprint.get("/drafts/<int:number>/preview")
@allow(*READ)
def draft_preview(number: int) -> Any:
    """What a draft would have paid."""
    found = drafting.draft(reader(), number)
    return _preview_page(f"/drafts/{number}", found.plan, found.document, url_for("plans.draft", number=number))


@blueprint.post("/drafts/<int:number>/preview")
@allow(*READ)
def start_draft_preview(number: int) -> Any:
    """Calculate it, where that takes longer than a page may."""
    found = drafting.draft(reader(), number)
    return _started(f"/drafts/{number}", found.plan, found.document)


@blueprint.post("/changes/<int:number>/preview")
@allow(*READ)
def start_change_preview(number: int) -> Any:
    """The same for what was submitted."""
    found = drafting.revision(reader(), number)
    return _started(f"/changes/{number}", found.plan, found.document)


@blueprint.get("/drafts/<int:number>/preview/<path:payee_id>")
@allow(*READ)
def draft_moved(number: int, payee_id: str) -> Any:
    """The lines of a payee that would differ."""
    found = drafting.draft(reader(), number)
    back = url_for("plans.draft_preview", number=number, **_months_asked())  # type: ignore[arg-type]
    return _moved_page(found.plan, found.document, payee_id, back)


@blueprint.get("/changes/<int:number>/preview/<path:payee_id>")
@allow(*READ)
def change_moved(number: int, payee_id: str) -> Any:
    """The same for what was submitted."""
    found = drafting.revision(reader(), number)
    back = url_for("plans.change", number=number, **_months_asked())  # type: ignore[arg-type]
    return _moved_page(found.plan, found.document, payee_id, back)


def _preview_page(base: str, plan: str, text: str, back: str) -> Any:
    judged = drafting.judged(reader(), plan, text)
    if judged.plan is None:
        return redirect(back)
    shown = _previewed(base, judged.plan, text)
    return render_template("plans/preview.html", plan=judged.plan, judged=judged, back=back, **shown)


def _previewed(base: str, plan: Plan, text: str) -> dict[str, Any]:
    """What the part of a page about real history needs. ``base`` is the address of the draft or change."""
    months, first, last = _months()
    job = None
    found: previewing.Preview | None = None
    if not kept.is_little(reader()):
        job = _job_of(text)
        if job is not None and job.state == "done":
            found = previewing.from_plain(dict(job.result))
    else:
        found = previewing.preview(reader(), who(), plan)
    return {
        "base": base,
        "preview": found,
        "job": job,
        "is_long": found is None,
        "months": months,
        "first": first,
        "last": last,
        "sides": found.between(first, last) if found else [],
        "by_month": lambda currency: found.by_month(currency, first, last) if found else [],
        "chart": lambda months, currency: Markup(before_and_after(speak(), months, currency)),
        "names": {each.payee_id: each.name for each in Known(reader()).payees()},
    }


def _started(base: str, plan: str, text: str) -> Any:
    to = f"{base}/preview" if base.startswith("/drafts") else base
    have_done("plan-preview", {"plan": plan, "document": text, "to": to})
    return redirect(to)


def _job_of(text: str) -> jobs.Job | None:
    """The viewer's newest preview of this very document."""
    own = jobs.jobs_of(reader(), viewer().account_id)
    asked = (each for each in own if each.kind == "plan-preview" and each.arguments.get("document") == text)
    newest = next(asked, None)
    return jobs.look(books(), reader(), viewer(), newest.number) if newest else None


def _moved_page(plan: str, text: str, payee_id: str, back: str) -> Any:
    judged = drafting.judged(reader(), plan, text)
    payee = next((each for each in Known(reader()).payees() if each.payee_id == payee_id), None)
    if judged.plan is None or payee is None:
        raise NotThere(payee_id)
    _, first, last = _months()
    moved = previewing.moved(reader(), who(), judged.plan, payee_id, first, last)
    customers = {each.customer_id: each.name for each in Known(reader()).customers()}

    def why(line: Any) -> Any:
        return in_words(line.explained(), lambda customer_id: customers.get(customer_id, customer_id), speak())

    return render_template(
        "plans/moved.html", plan=judged.plan, payee=payee, moved=moved, first=first, last=last, back=back, why=why
    )


def _months() -> tuple[list[dt.date], dt.date, dt.date]:
    """The months that may be chosen, and those that are."""
    months, first, last = previewing.months(reader())
    chosen = {month.isoformat()[:7]: month for month in months}
    first = chosen.get(request.args.get("first", ""), first)
    last = chosen.get(request.args.get("last", ""), last)
    return months, min(first, last), max(first, last)


def _months_asked() -> dict[str, str]:
    return {name: request.args[name] for name in ("first", "last") if name in request.args}


# The editor ------------------------------------------------------------------------------------------


def _editor(found: Draft, text: str, problems: Sequence[Problem] = (), form: Form | None = None) -> str:
    """The page of a draft, with what was typed."""
    sections = _sections(text)
    judged = _judged(found, text)
    form = form or Form(reason="")
    if problems:
        form.refuse(problems)
    plan, at = judged["judged"].plan, _at(text)
    as_document = request.values.get("as") == "document" or not sections
    return render_template(
        "plans/editor.html",
        draft=found,
        name=drafting.shelf(reader(), found.plan).name,
        text=text,
        sections=sections,
        as_document=as_document,
        can_be_form=bool(sections),
        at=at,
        components=_components(plan, plan.versions[at]) if plan else [],
        versions=[] if not sections else (read_toml(text, "")[0] or {}).get("versions", []),
        in_force_days={each.effective_from.isoformat() for each in judged["judged"].in_force.versions}
        if judged["judged"].in_force
        else set(),
        kinds=[(kind, speak().say(name)) for kind, name in KINDS.items()],
        factors=[(by, speak().say(name)) for by, name in BY.items()],
        form=form,
        people=_people(),
        is_long=not kept.is_little(reader()),
        **judged,
    )


def _judged(found: Draft, text: str) -> dict[str, Any]:
    """What stands beside a draft: mistakes with their fields, examples, what is different in words."""
    judged = drafting.judged(reader(), found.plan, text)
    sections = _sections(text)
    wrong: dict[str, list[str]] = {}
    for each in judged.problems:
        wrong.setdefault(editing_form.placed(sections, each.path), []).append(speak().told(each.said))
    approved = drafting.shelf(reader(), found.plan).approved
    return {
        "judged": judged,
        "wrong": wrong,
        "said": changes(judged.in_force, judged.plan, speak()) if judged.plan else [],
        "lines": changed_lines(approved.document if approved else "", text),
        "number": found.number,
    }


def _sections(text: str) -> list[editing_form.Section]:
    read, _ = read_toml(text, "")
    return editing_form.form_of(read, _at(text), speak()) if read and can_be_edited(text) else []


def _at(text: str) -> int:
    """Which version is edited: the one that is asked for, or the newest that is not in force as it stands."""
    asked = request.values.get("version_at", "")
    read, _ = read_toml(text, "")
    versions = (read or {}).get("versions")
    if not isinstance(versions, list) or not versions:
        return 0
    if asked.isdecimal() and len(asked) < 10 and int(asked) < len(versions):
        return int(asked)
    plan = (read or {}).get("plan")
    rules = Known(reader()).rules()
    in_force = next((each for each in rules.plans if each.plan == plan), None) if rules else None
    known = {each.effective_from for each in in_force.versions} if in_force else set()
    own = [at for at, each in enumerate(versions) if isinstance(each, dict) and _day_in(each) not in known]
    return own[-1] if own else len(versions) - 1


def _day_in(version: dict[str, Any]) -> object:
    found = version.get("effective_from")
    if isinstance(found, str) and not isinstance(found, Written):
        try:
            return day(found)
        except Unreadable:
            return None
    return found


def _typed(found: Draft) -> tuple[str, int]:
    """The document as the form or the textarea says it, and the version that was looked at."""
    if "document" in request.form:
        return _lines(request.form["document"]), _version()
    typed = Form.sent().typed
    sections = _sections(found.document)
    return (editing_form.typed_into(found.document, sections, typed) if sections else found.document), _version()


def _acted(text: str, do: str) -> str:
    """The document after a button of the form: a part more, or one less."""
    act, _, path = do.partition(":")
    place = path_of(path)
    if act not in ("add", "remove") or not place or not can_be_edited(text):
        return text
    editing = Editing(text)
    if act == "remove":
        editing.remove(place)
    elif place[-1] == "components":
        kind = request.form.get("new-kind", "")
        if kind in KINDS:
            name = request.form.get("new-name", "").strip() or kind.replace("_", "-")
            editing.add(place, {"name": name, "kind": kind, **editing_form.NEW[kind]})
    elif place[-1] == "multipliers":
        by = request.form.get(f"new-factor:{path}", "")
        if by in BY:
            editing.add(place, editing_form.new_multiplier(by))
    else:
        editing.add(place, editing_form.new_row(str(place[-1])))
    return editing.text


def _anchor(do: str) -> str:
    act, _, path = do.partition(":")
    return path if act == "add" else path.rpartition("[")[0] if act == "remove" else ""


def _here(found: Draft, at: str = "") -> str:
    kept = {name: request.form[name] for name in ("as", "version_at") if request.form.get(name)}
    return url_for("plans.draft", number=found.number, **kept, _anchor=at or None)  # type: ignore[arg-type]


def _version() -> int:
    written = request.form.get("version", "")
    return int(written) if written.isdecimal() and len(written) < 10 else 0


def _overtaken(standing: Draft, typed: str) -> Any:
    """Somebody else changed it: what they say differently, and what was typed here, so that nothing is lost."""
    page = render_template(
        "plans/overtaken.html",
        draft=standing,
        typed=typed,
        lines=changed_lines(typed, standing.document),
        people=_people(),
    )
    return page, 409


# In words --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Span:
    """A version from its day to the day before the next one (``None``: until further notice)."""

    version: Version
    last: dt.date | None
    holds: bool


def _spans(plan: Plan | None) -> list[Span]:
    """The versions, the newest first."""
    if plan is None:
        return []
    ends = [each.effective_from - dt.timedelta(days=1) for each in plan.versions[1:]]
    holding = plan.version_on(today())
    spans = zip(plan.versions, [*ends, None], strict=True)
    return [Span(version, last, version is holding) for version, last in spans][::-1]


def _chosen(plan: Plan) -> Version:
    """The version that is asked for, or the one that holds today, or the first that will."""
    asked = request.args.get("version", "")
    found = next((each for each in plan.versions if each.effective_from.isoformat() == asked), None)
    return found or plan.version_on(today()) or plan.versions[0]


def _components(plan: Plan | None, version: Version | None) -> list[Any]:
    if plan is None or version is None:
        return []
    return [told(each, plan.currency, speak()) for each in version.components]


def _origins(shelf: drafting.Shelf) -> dict[dt.date, Revision]:
    """Which revision first said what each version in force says."""
    found: dict[dt.date, Revision] = {}
    approved = [each for each in shelf.revisions if each.choice == "approve"]
    for revision in reversed(approved):
        made = read_plan(revision.document, shelf.plan)[0]
        for version in made.versions if made else ():
            found.setdefault(version.effective_from, revision)
    return found


def _people() -> dict[str, str]:
    """Names by what the books know people by."""
    return drafting.names(reader())


def _next_month() -> dt.date:
    first = today().replace(day=1)
    return (first + dt.timedelta(days=32)).replace(day=1)


def _lines(text: Any) -> str:
    """What a textarea sends, with line ends as a document has them."""
    return str(text).replace("\r\n", "\n")


def _toml(plan: str, text: str) -> Response:
    name = "".join(each if each.isalnum() or each in "-_." else "_" for each in plan)
    answered = make_response(text)
    answered.mimetype = "application/toml"
    answered.headers["Content-Disposition"] = f'attachment; filename="{name}.toml"'
    answered.headers["ETag"] = f'"{hashlib.sha256(text.encode()).hexdigest()[:32]}"'
    return answered
