"""What payroll fetches: the files of closed months, their control totals, and a receipt."""

from __future__ import annotations

import hashlib
import io
import zipfile
from typing import Any

from flask import Blueprint, Response, make_response, redirect, render_template, request, url_for

from incentives.calendar import month_name
from incentives.errors import Rejected
from incentives.papers.payroll import PROFILES
from incentives.service import acts, closed, payouts
from incentives.service.access import NotThere
from incentives.service.payouts import Delivered
from incentives.web.forms import Form
from incentives.web.here import books, look_again, reader, who
from incentives.web.lists import page_number
from incentives.web.pages.month import read_month
from incentives.web.policy import allow

blueprint = Blueprint("payroll", __name__, url_prefix="/payroll")

PAGE = 24

TITLES = {
    "generic": "CSV",
    "adp": "ADP",
    "paychex": "Paychex",
    "gusto": "Gusto",
    "workday": "Workday",
    "datev_lodas": "DATEV LODAS",
    "nmbrs": "Nmbrs",
}


@blueprint.get("")
@allow("payroll", "author", "approver")
def show() -> Any:
    """Closed months."""
    done, page = closed.months(reader()), page_number()
    some = done[(page - 1) * PAGE : page * PAGE]
    return render_template(
        "payroll/months.html",
        months=[(each, closed.state(reader(), each.month)) for each in some],
        page=page,
        more=len(done) > page * PAGE,
        month_name=month_name,
    )


@blueprint.get("/<month>")
@allow("payroll", "author", "approver")
def one(month: str) -> Any:
    """A closed month: its files in every profile."""
    return _shown(month, Form())


def _shown(month: str, form: Form, about: str = "", status: int = 200) -> Any:
    first = read_month(month)
    page = render_template(
        "payroll/month.html",
        done=closed.month(reader(), first),
        month=month_name(first),
        handed=closed.handed(reader(), first),
        titles={profile: TITLES.get(profile, profile) for profile in PROFILES},
        name=acts.namer(reader()),
        form=form,
        about=about,
    )
    return page, status


@blueprint.get("/<month>/<profile>/file")
@allow("payroll", "author", "approver")
def fetch(month: str, profile: str) -> Any:
    """The file, or a zip where a profile has several; each time is kept as a delivery.

    Whoever has it already (``If-None-Match``) is told so, and that is no delivery.
    """
    first = read_month(month)
    if profile not in PROFILES:
        raise NotThere(profile)
    held = next(each for each in closed.handed(reader(), first) if each.profile == profile)
    if held.times and request.if_none_match.contains(_tag([each.sha256 for each in held.files])):
        return Response(status=304, headers={"ETag": f'"{_tag([each.sha256 for each in held.files])}"'})
    look_again()
    try:
        delivered = payouts.payout(books(), who(), first, profile)
    except Rejected as rejected:
        form = Form()
        form.refuse(rejected.problems)
        return _shown(month, form, profile, 422)
    answered = _file(delivered) if len(delivered.files) == 1 else _zip(delivered)
    answered.set_etag(_tag([each.sha256 for each in delivered.files]))
    answered.headers["X-Delivery"] = str(delivered.number)
    return answered


@blueprint.get("/<month>/<profile>/control")
@allow("payroll", "author", "approver")
def control(month: str, profile: str) -> Any:
    """The control file of what was made: rows, sums, SHA-256, and the seal of the month."""
    controls = closed.controls(reader(), read_month(month), profile)
    if len(controls) == 1:
        ((name, text),) = controls.items()
        return _attached(text.encode(), name, "application/json")
    return _attached(_zipped({name: text.encode() for name, text in controls.items()}), f"{profile}.zip", ZIP)


@blueprint.post("/<month>/<profile>/receipt")
@allow("payroll", "author", "approver")
def acknowledge(month: str, profile: str) -> Any:
    """Say that payroll has it: once."""
    form = Form.sent()
    try:
        payouts.acknowledge(books(), who(), read_month(month), profile, str(form["note"]).strip())
    except Rejected as rejected:
        form.refuse(rejected.problems)
        return _shown(month, form, profile, 422)
    return redirect(url_for("payroll.one", month=month, _anchor=profile))


# Files -----------------------------------------------------------------------------------------------

ZIP = "application/zip"


def _tag(digests: list[str]) -> str:
    """Names the content: the digest of one file, or of the digests of several."""
    return digests[0] if len(digests) == 1 else hashlib.sha256("".join(digests).encode()).hexdigest()


def _file(delivered: Delivered) -> Response:
    (file,) = delivered.files
    stem, dot, ending = file.name.rpartition(".")
    copy = f"-copy-{delivered.number}" if delivered.is_copy else ""
    return _attached(file.content, f"{stem}{copy}{dot}{ending}", "application/octet-stream")


def _zip(delivered: Delivered) -> Response:
    copy = f"-copy-{delivered.number}" if delivered.is_copy else ""
    name = f"payroll-{delivered.profile}-{month_name(delivered.month)}{copy}.zip"
    files = {each.name: each.content for each in delivered.files}
    files |= {f"{each.name}.control.json": delivered.control(each).encode() for each in delivered.files}
    return _attached(_zipped(files), name, ZIP)


def _zipped(files: dict[str, bytes]) -> bytes:
    """A zip that is the same for the same files."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as written:
        for name, content in sorted(files.items()):
            written.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return packed.getvalue()


def _attached(content: bytes, name: str, kind: str) -> Response:
    answered = make_response(content)
    answered.mimetype = kind
    answered.headers.set("Content-Disposition", "attachment", filename=name)
    return answered
