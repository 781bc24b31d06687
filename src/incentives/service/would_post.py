"""What a run would post: how much for whom, and for one payee line by line, each with its reason."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import Connection

from incentives.calculation.explanation import Step
from incentives.ledger.entries import Draft
from incentives.service import runs
from incentives.service.kept import Kept
from incentives.store.acts import Who, latest

MOST = 10_000
"""How many drafts of a run are kept to be read; the sums are over all of them."""


@dataclass(frozen=True, slots=True)
class OfPayee:
    """What a run would post for a payee in a currency: how many entries, and what they come to."""

    payee_id: str
    currency: str
    entries: int
    amount_minor: int


@dataclass(frozen=True, slots=True)
class Preview:
    """What a run would post into a month, as of a day, knowing everything ``through`` an act: in all, for whom,
    the first ``drafts``; and what it found, each with its message."""

    month: dt.date
    as_of: dt.date
    through: int
    scope: str
    entries: int
    payees: tuple[OfPayee, ...]
    drafts: tuple[Draft, ...]
    findings: tuple[tuple[str, str], ...]

    def holds(self, connection: Connection) -> bool:
        """Whether nothing became known since."""
        return self.through == latest(connection)


_kept: Kept[Preview] = Kept(at_most=4)


def preview(
    connection: Connection,
    who: Who,
    *,
    as_of: dt.date | None = None,
    full: bool = False,
    progress: runs.Calculated | None = None,
) -> Preview:
    """What :func:`incentives.service.runs.run` would post; nothing is written."""
    key = (as_of or runs.today(runs.rules_in_force(connection), who), full)
    return _kept.get(connection, key, lambda: _calculated(connection, who, as_of, full, progress))


def _calculated(
    connection: Connection, who: Who, as_of: dt.date | None, full: bool, progress: runs.Calculated | None
) -> Preview:
    ran, drafts = runs.drafted(connection, who, as_of=as_of, full=full, progress=progress)
    sums: dict[tuple[str, str], list[int]] = {}
    first: list[Draft] = []
    for draft in drafts:
        total = sums.setdefault((draft.payee_id, draft.currency), [0, 0])
        total[0] += 1
        total[1] += draft.amount_minor
        if len(first) < MOST:
            first.append(draft)
    return Preview(
        month=ran.month.first,
        as_of=ran.as_of,
        through=latest(connection),
        scope=ran.scope,
        entries=ran.entries,
        payees=tuple(OfPayee(*owner, *sums[owner]) for owner in sorted(sums)),
        drafts=tuple(first),
        findings=tuple((each.what, each.message) for each in sorted(ran.findings)),
    )


def as_plain(found: Preview) -> dict[str, Any]:
    """A preview as a job keeps it."""
    plain = asdict(found)
    days = {name: plain[name].isoformat() for name in ("month", "as_of")}
    return plain | days | {"drafts": [_plain(each) for each in found.drafts]}


def from_plain(plain: Mapping[str, Any]) -> Preview:
    """And as it was."""
    days = {name: dt.date.fromisoformat(plain[name]) for name in ("month", "as_of")}
    lists = {
        "payees": tuple(OfPayee(**each) for each in plain["payees"]),
        "drafts": tuple(_draft(each) for each in plain["drafts"]),
        "findings": tuple((what, message) for what, message in plain["findings"]),
    }
    return Preview(**{**plain, **days, **lists})


_DAYS = ("earned_on", "payable_on", "plan_version")


def _plain(draft: Draft) -> dict[str, Any]:
    said = draft._asdict()
    return said | {name: said[name].isoformat() for name in _DAYS}


def _draft(plain: Mapping[str, Any]) -> Draft:
    return Draft(**{**plain, **{name: dt.date.fromisoformat(plain[name]) for name in _DAYS}})


# One payee -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Entry:
    """An entry that a run would post, and the reason of its line; ``None`` where nothing is to stand any more."""

    draft: Draft
    why: Step | None

    @property
    def stands_minor(self) -> int:
        """What stands for the line once this is posted."""
        return self.draft.stood_minor + self.draft.amount_minor


@dataclass(frozen=True, slots=True)
class Posting:
    """What a run would post for one payee; ``customers`` are names by id, to tell the reasons with."""

    month: dt.date
    as_of: dt.date
    entries: tuple[Entry, ...]
    customers: Mapping[str, str]


def of_payee(connection: Connection, who: Who, payee_id: str) -> Posting:
    """What a run would post for one payee, entry by entry, with its reasons: the very entries of
    :func:`preview`."""
    ran = runs.preview_in(connection, who, payee_id=payee_id)
    entries = []
    for draft in ran.drafts:
        line = ran.lines.get(
            (draft.payee_id, draft.plan, draft.component, draft.kind, draft.cause, draft.currency)
        )
        entries.append(Entry(draft, line.explained() if line else None))
    return Posting(ran.month.first, ran.as_of, tuple(entries), ran.customers)
