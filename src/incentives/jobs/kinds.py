"""The kinds of jobs that come with the program: run, preview, close, import, statements."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, select

from incentives.calendar import month_name
from incentives.jobs.registry import Found, Progress, kind
from incentives.papers.languages import marked
from incentives.service import brought, deliveries, issuing, months, outlook, runs, would_post
from incentives.service.access import NotThere
from incentives.store import tables
from incentives.store.acts import Who
from incentives.store.desk import Account
from incentives.store.engine import reading

Arguments = dict[str, Any]


@kind("run", "author", "approver", doing=marked("Run the open month"), done=marked("%(entries)s entries posted."))
def run_month(engine: Engine, arguments: Arguments, who: Who, progress: Progress) -> Arguments | Found:
    """Post what is missing into the open month. ``as_of`` and ``full`` are those of :func:`runs.run`."""
    run = tables.Run
    with reading(engine) as connection:
        asked = select(run.month, run.entries).join(tables.Act, tables.Act.id == run.act_id)
        before = connection.execute(asked.where(tables.Act.request == who.request)).first()
    if before is not None:
        return {"month": month_name(before.month), "entries": before.entries}
    ran = runs.run(
        engine,
        who,
        **_asked(arguments),
        progress=_says(progress, marked("Posting entries")),
    )
    return Found({"month": month_name(ran.month.first), "entries": ran.entries}, ran.as_plain())


@kind(
    "preview",
    "author",
    "approver",
    "auditor",
    doing=marked("Preview of the run"),
    done=marked("The preview is ready."),
)
def preview_run(engine: Engine, arguments: Arguments, who: Who, progress: Progress) -> Found:
    """What a run would post; nothing is written. ``at`` is the moment for which it is asked."""
    with reading(engine) as connection:
        found = would_post.preview(
            connection,
            _at(who, arguments),
            **_asked(arguments),
            progress=_says(progress, marked("Calculating")),
        )
    people = {each.payee_id for each in found.payees}
    result = {"month": month_name(found.month), "entries": found.entries, "people": len(people)}
    return Found(result, would_post.as_plain(found))


@kind(
    "checklist",
    "author",
    "approver",
    "auditor",
    doing=marked("Checklist of %(month)s"),
    done=marked("The checklist of %(month)s is ready."),
)
def look_at_month(engine: Engine, arguments: Arguments, who: Who, progress: Progress) -> Found:
    """What a close would find and pay; nothing is written. ``waive`` gives reasons, ``at`` is the moment for which
    it is asked."""
    with reading(engine) as connection:
        found = outlook.outlook(
            connection,
            _at(who, arguments),
            _month(arguments),
            arguments.get("waive"),
            progress=_says(progress, marked("Calculating")),
        )
    blocking = sum(1 for step in found.steps if step.blocks)
    return Found({"month": arguments["month"], "blocking": blocking}, outlook.as_plain(found))


@kind("close", "author", "approver", doing=marked("Close %(month)s"), done=marked("%(month)s is closed."))
def close_month(engine: Engine, arguments: Arguments, who: Who, progress: Progress) -> Arguments | Found:
    """Close a month. ``waive`` gives a reason for each step that may pass."""
    month = _month(arguments)
    with reading(engine) as connection:
        closed = tables.Close
        asked = select(closed.seal).join(tables.Act, tables.Act.id == closed.act_id)
        seal = connection.execute(asked.where(closed.month == month, tables.Act.request == who.request)).scalar()
    if seal is not None:
        return {"month": arguments["month"], "seal": seal}
    done = months.close(
        engine,
        who,
        month,
        waive=arguments.get("waive") or {},
        progress=_says(progress, marked("Posting entries")),
    )
    return Found({"month": arguments["month"], "seal": done.seal}, done.as_plain())


@kind(
    "import", "author", "approver", doing=marked("Import a delivery"), done=marked("%(accepted)s rows were new.")
)
def import_folder(engine: Engine, arguments: Arguments, who: Who, progress: Progress) -> Arguments:
    """Take a folder that lies on the server into the books: ``folder``, ``accept_good_rows``, ``complete``;
    with ``key`` it was brought to a page, and goes once it is taken."""
    folder = Path(arguments["folder"])
    with reading(engine) as connection:
        taken = tables.Import
        asked = select(taken.act_id, taken.counts).join(tables.Act, tables.Act.id == taken.act_id)
        before = connection.execute(asked.where(tables.Act.request == who.request)).first()
    if before is not None:
        files = json.loads(before.counts)
        act_id, new, waits = before.act_id, sum(e["accepted"] for e in files), sum(e["waiting"] for e in files)
    else:
        done = deliveries.import_folder(
            engine,
            who,
            folder,
            accept_good_rows=bool(arguments.get("accept_good_rows")),
            complete=bool(arguments.get("complete")),
            progress=_reads(progress),
        )
        act_id, new, waits = done.act_id, done.accepted, done.waiting
    if "key" in arguments:  # somebody brought it to a page; what is imported is not kept a second time
        with suppress(NotThere):
            brought.forget(_account_of(engine, who), arguments["key"])
    return {"act": act_id, "name": folder.name, "accepted": new, "waiting": waits}


@kind(
    "look",
    "author",
    "approver",
    doing=marked("Look at the delivery %(name)s"),
    done=marked("%(name)s was looked at."),
)
def look_at_delivery(engine: Engine, arguments: Arguments, who: Who, progress: Progress) -> Arguments:
    """Find out what files that somebody brought would bring; nothing is taken."""
    found = brought.found(_account_of(engine, who), arguments["key"])
    brought.judge(engine, who, found, _reads(progress))
    return {"name": found.name}


@kind(
    "statements",
    "author",
    "approver",
    doing=marked("Print the statements of %(month)s"),
    done=marked("%(number)s statements are printed."),
)
def print_statements(engine: Engine, arguments: Arguments, who: Who, progress: Progress) -> Arguments:
    """Print the statements of the quarter that ``month`` lies in; those that are printed stay as they are."""
    papers = issuing.printed(
        engine,
        who,
        _month(arguments),
        arguments.get("payee"),
        progress=_says(progress, marked("Printing statements")),
    )
    return {"month": arguments["month"], "number": len(papers)}


def _account_of(engine: Engine, who: Who) -> int:
    with reading(engine) as connection:
        asked = select(Account.id).where(Account.email == who.actor)
        return int(connection.execute(asked).scalar_one())


def _at(who: Who, arguments: Arguments) -> Who:
    """Somebody at the moment that they asked about: now, if they named none."""
    return replace(who, at=dt.datetime.fromisoformat(arguments["at"])) if "at" in arguments else who


def _asked(arguments: Arguments) -> Arguments:
    """What a run and its preview are asked for alike."""
    day = arguments.get("as_of")
    return {"as_of": dt.date.fromisoformat(day) if day else None, "full": bool(arguments.get("full"))}


def _month(arguments: Arguments) -> dt.date:
    return dt.date.fromisoformat(f"{arguments['month']}-01")


def _says(progress: Progress, says: str) -> Callable[..., None]:
    """Tells how much of a whole is done; of how much, where that is known."""
    return lambda done, whole=0: progress(says, done, whole)


def _reads(progress: Progress) -> Callable[[str, int], None]:
    """Tells how many rows of a file were read."""
    return lambda _, rows: progress(marked("Reading"), rows, 0)
