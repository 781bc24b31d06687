"""A payee says that they have seen a statement, or the letter of a plan version: this very text, once."""

from __future__ import annotations

import datetime as dt
import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import Connection, Engine, and_, bindparam, insert, select

from incentives.calendar import month_name
from incentives.rules.plan import Plan, Version
from incentives.service.access import NotThere
from incentives.store import tables
from incentives.store.acts import Who, next_id, record
from incentives.store.engine import writing
from incentives.store.facts_out import Known, Rules

Kind = Literal["statement", "letter"]


@dataclass(frozen=True, slots=True)
class Seen:
    """When somebody said that they have seen a text."""

    by: str
    on: dt.date


@dataclass(frozen=True, slots=True)
class Letter:
    """A plan that holds for a payee, in a version: what it is called, its text as it was approved, what that says.

    ``subject`` names it in the books; ``starts_on`` and ``ends_on`` are the days on which it holds for the payee.
    """

    plan: str
    name: str
    version: dt.date
    reference: str
    starts_on: dt.date
    ends_on: dt.date | None
    document: str
    seen: Seen | None
    says: Version
    currency: str

    @property
    def subject(self) -> str:
        """The plan and its version."""
        return letter_subject(self.plan, self.version)

    @property
    def sha256(self) -> str:
        """The digest of the text."""
        return _sha256(self.document)


def letter_subject(plan: str, version: dt.date) -> str:
    """How a letter is named in the books."""
    return f"{plan} {version.isoformat()}"


def acknowledge_statement(engine: Engine, who: Who, payee_id: str, quarter: dt.date) -> None:
    """Say that a payee has seen the statement of a quarter, by its first day. Said again, nothing changes.

    Raises :class:`NotThere` where none was issued.
    """
    with writing(engine) as connection:
        row = tables.Statement
        asked = select(row.sha256).where(row.quarter == quarter, row.payee_id == payee_id)
        sha256 = connection.execute(asked).scalar()
        if sha256 is None:
            raise NotThere(payee_id)
        _acknowledge(connection, who, payee_id, "statement", month_name(quarter), sha256)


def acknowledge_letter(engine: Engine, who: Who, payee_id: str, plan: str, version: dt.date) -> None:
    """Say that a payee has read the letter of a plan version as it stands. Said again, nothing changes.

    Raises :class:`NotThere` where that version does not hold for the payee.
    """
    with writing(engine) as connection:
        rules = Known(connection).rules()
        letters = letters_of(connection, rules, payee_id) if rules else []
        subject = letter_subject(plan, version)
        letter = next((each for each in letters if each.subject == subject), None)
        if letter is None:
            raise NotThere(subject)
        _acknowledge(connection, who, payee_id, "letter", subject, letter.sha256)


def _acknowledge(connection: Connection, who: Who, payee_id: str, kind: Kind, subject: str, sha256: str) -> None:
    if seen(connection, payee_id, kind, subject, sha256) is not None:
        return
    act_id = record(connection, who, "acknowledge", f"{kind} {subject} {payee_id}", after={"sha256": sha256})
    values = {"act_id": act_id, "payee_id": payee_id, "kind": kind, "subject": subject, "sha256": sha256}
    number = next_id(connection, tables.Acknowledgement)
    connection.execute(insert(tables.Acknowledgement).values(id=number, **values))


def seen(connection: Connection, payee_id: str, kind: Kind, subject: str, sha256: str) -> Seen | None:
    """When a payee said that they have seen this very text; ``None`` where they have not."""
    row, act = tables.Acknowledgement, tables.Act
    asked = (
        select(act.actor, act.at)
        .join(row, row.act_id == act.id)
        .where(row.payee_id == payee_id, row.kind == kind, row.subject == subject, row.sha256 == sha256)
    )
    found = connection.execute(asked).one_or_none()
    return Seen(found.actor, found.at.date()) if found is not None else None


def letters_of(connection: Connection, rules: Rules, payee_id: str) -> list[Letter]:
    """The letters of every plan version that holds on some day for a payee or a team of theirs; newest first."""
    documents = Known(connection).documents()
    found = {}
    for plan, starts_on, ends_on in _holding(connection, rules, payee_id):
        texts = version_texts(documents["plan", plan.plan], len(plan.versions))
        for at, version in enumerate(plan.versions):
            following = plan.versions[at + 1 : at + 2]
            until = following[0].effective_from - _DAY if following else dt.date.max
            first, last = max(starts_on, version.effective_from), min(ends_on, until)
            if first > last:
                continue
            subject = letter_subject(plan.plan, version.effective_from)
            of = seen(connection, payee_id, "letter", subject, _sha256(texts[at]))
            found[subject] = Letter(
                plan.plan,
                plan.name,
                version.effective_from,
                version.reference,
                first,
                None if last == dt.date.max else last,
                texts[at],
                of,
                version,
                plan.currency,
            )
    return sorted(found.values(), key=lambda each: (each.version, each.plan), reverse=True)


_DAY = dt.timedelta(days=1)
_OF_PAYEE = tables.Assignment.payee_id == bindparam("payee")
_OF_TEAM = and_(tables.Assignment.team == bindparam("team"), tables.Assignment.team != "")
_MEMBER = tables.Membership.payee_id == bindparam("payee")


def _holding(connection: Connection, rules: Rules, payee_id: str) -> Iterator[tuple[Plan, dt.date, dt.date]]:
    """The plans that hold for a payee, from when to when: their own, and their teams' while they are in them."""
    known, plans = Known(connection), {plan.plan: plan for plan in rules.plans}
    for each in known.assignments(rules, _OF_PAYEE, payee=payee_id):
        yield plans[each.plan], each.starts_on, each.ends_on or dt.date.max
    for member in known.memberships(_MEMBER, payee=payee_id):
        for each in known.assignments(rules, _OF_TEAM, team=member.team):
            last = min(each.ends_on or dt.date.max, member.ends_on or dt.date.max)
            yield plans[each.plan], max(each.starts_on, member.starts_on), last


def version_texts(document: str, versions: int) -> list[str]:
    """A plan document as one letter for each of its versions: what is said of the plan, and that version as it was
    written. Where versions are written in another way, each letter is the whole document."""
    head, *blocks = re.split(r"(?m)^(?=\[\[versions\]\])", document)
    if len(blocks) != versions:
        return [document] * versions
    parts = [head, *blocks]
    for at in range(len(parts) - 1):  # a comment stands above what it is about
        kept = re.sub(r"(?:(?:#.*)?\n)+\Z", "\n", parts[at])
        parts[at + 1] = parts[at][len(kept) :] + parts[at + 1]
        parts[at] = kept
    return [f"{parts[0].rstrip()}\n\n{block.strip()}\n" for block in parts[1:]]


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
