"""How a rule changes without a programmer: drafted, judged, submitted by one person, decided by another.

A draft stands on the desk and is nobody's rule. Submitted, it becomes a revision that waits, exactly as one that
was delivered does; approved, it is in force, and its versions hold from their own days.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass, replace

from sqlalchemy import Connection, Engine, delete, insert, select, update

from incentives.calculation.examples import earns
from incentives.documents.editing import Editing
from incentives.documents.plans import read_plan, read_toml
from incentives.documents.written import shown
from incentives.errors import IncentivesError, Problem, Rejected, Told, told
from incentives.facts import Assignment
from incentives.feeds.assignments import unassignable
from incentives.feeds.known import other_decimals
from incentives.rules.changes import first_changed_day
from incentives.rules.commission import Commission
from incentives.rules.plan import Example, Plan
from incentives.service import decisions
from incentives.service.access import NotThere
from incentives.service.deliveries import propose
from incentives.store import desk, tables
from incentives.store.acts import Who, record
from incentives.store.engine import reading, writing
from incentives.store.facts_out import Known, Rules
from incentives.store.ledger import open_month

LARGEST = 200_000
"""Characters of a plan document: dozens of long ones."""


@dataclass(frozen=True, slots=True)
class Draft:
    """A plan that is being written. ``author`` began it; ``revision`` is 0 until it is submitted.

    Whoever changes it says which ``version`` they looked at.
    """

    number: int
    plan: str
    document: str
    version: int
    revision: int
    author: str
    changed_at: dt.datetime


@dataclass(frozen=True, slots=True)
class Said:
    """Who did something about a rule, when, and why."""

    actor: str
    at: dt.datetime
    reason: str


@dataclass(frozen=True, slots=True)
class Revision:
    """A plan as it was proposed: ``choice`` is approve, reject, or "" while it waits."""

    number: int
    plan: str
    document: str
    proposed: Said
    choice: str = ""
    decided: Said | None = None

    @property
    def waits(self) -> bool:
        """Whether nobody has decided yet."""
        return not self.choice


@dataclass(frozen=True, slots=True)
class Shelf:
    """Everything about one plan: what is in force (``None``: nothing yet), what waits, what is being written.

    ``revisions`` are all there ever were, the newest first.
    """

    plan: str
    in_force: Plan | None
    revisions: tuple[Revision, ...]
    drafts: tuple[Draft, ...]
    assignments: tuple[Assignment, ...] = ()

    @property
    def name(self) -> str:
        """What people call it."""
        return self.in_force.name if self.in_force else self.plan

    @property
    def approved(self) -> Revision | None:
        """The revision in force."""
        return next((each for each in self.revisions if each.choice == "approve"), None)

    @property
    def waiting(self) -> tuple[Revision, ...]:
        """What somebody has to decide."""
        return tuple(each for each in self.revisions if each.waits)


@dataclass(frozen=True, slots=True)
class Tried:
    """An example of the plan letter as the draft's rules answer it, and as the rules in force do (``None``: they
    have no such component). Amounts in minor units."""

    effective_from: dt.date
    example: Example
    got_minor: int
    before_minor: int | None

    @property
    def holds(self) -> bool:
        """Whether it earns what the letter says."""
        return self.got_minor == self.example.earns_minor

    @property
    def is_changed(self) -> bool:
        """Whether it earned something else before."""
        return self.before_minor is not None and self.before_minor != self.got_minor


@dataclass(frozen=True, slots=True)
class Judged:
    """What a document says: a plan with its examples, or every mistake. ``reaches_back`` is the first day on which
    other rules would hold, where that lies before the open month."""

    plan: Plan | None
    problems: tuple[Problem, ...]
    in_force: Plan | None
    examples: tuple[Tried, ...] = ()
    first_day: dt.date | None = None
    reaches_back: bool = False

    @property
    def is_ready(self) -> bool:
        """Whether it may be submitted."""
        return self.plan is not None and self.first_day is not None and all(each.holds for each in self.examples)


class Overtaken(IncentivesError):
    """Somebody else has changed the draft meanwhile; ``draft`` is how it stands now."""

    def __init__(self, draft: Draft) -> None:
        self.draft = draft
        super().__init__(f"Draft {draft.number} was changed meanwhile.")


# What there is ---------------------------------------------------------------------------------------


def shelves(connection: Connection) -> list[Shelf]:
    """Every plan that is in force, waits or is being written, by id."""
    rules = Known(connection).rules()
    in_force = {each.plan: each for each in rules.plans} if rules else {}
    revisions: dict[str, list[Revision]] = {}
    for revision in _revisions(connection):
        revisions.setdefault(revision.plan, []).append(revision)
    drafts: dict[str, list[Draft]] = {}
    for draft in _drafts(connection):
        if not draft.revision or _choice(connection, draft.revision) == "reject":
            drafts.setdefault(draft.plan, []).append(draft)
    assigned: dict[str, list[Assignment]] = {}
    if rules:
        for each in Known(connection).assignments(rules):
            assigned.setdefault(each.plan, []).append(each)
    return [
        Shelf(
            name,
            in_force.get(name),
            tuple(reversed(revisions.get(name, ()))),
            tuple(drafts.get(name, ())),
            tuple(assigned.get(name, ())),
        )
        for name in sorted(in_force.keys() | revisions.keys() | drafts.keys())
    ]


def shelf(connection: Connection, plan: str) -> Shelf:
    """One plan, or :class:`NotThere`."""
    for each in shelves(connection):
        if each.plan == plan:
            return each
    raise NotThere(plan)


def draft(connection: Connection, number: int) -> Draft:
    """A draft, or :class:`NotThere`."""
    for each in _drafts(connection, number):
        return each
    raise NotThere(str(number))


def revision(connection: Connection, number: int) -> Revision:
    """A plan as it was proposed, or :class:`NotThere`."""
    for each in _revisions(connection, number):
        return each
    raise NotThere(str(number))


def judged(connection: Connection, plan: str, document: str) -> Judged:
    """What a document for a plan says, beside the rules in force: all its mistakes, or its examples run."""
    rules = Known(connection).rules()
    in_force = next((each for each in rules.plans if each.plan == plan), None) if rules else None
    if len(document) > LARGEST:
        return Judged(None, (_too_long(),), in_force)
    made, problems = read_plan(document, plan)
    if made is not None:
        problems = [*_misfits(plan, in_force, made), *_misassigned(connection, rules, made)]
    if made is None or problems:
        return Judged(None, tuple(problems), in_force)
    first = first_changed_day(in_force, made)
    month = open_month(connection, rules) if rules else None
    reaches_back = first is not None and month is not None and first < month.first
    return Judged(made, (), in_force, tuple(_tried(in_force, made)), first, reaches_back)


def names(connection: Connection) -> dict[str, str]:
    """What people are called, by what the books know them by."""
    rows = connection.execute(select(desk.Account.email, desk.Account.name))
    return {row.email: row.name for row in rows}


# Writing ---------------------------------------------------------------------------------------------


def begin(engine: Engine, account_id: int, who: Who, plan: str, effective_from: dt.date) -> Draft:
    """Draft a new version of a plan from a day on; it begins by saying what holds on that day.

    Raises :class:`Rejected` where a version begins on that very day, or before the plan's first one.
    """
    with writing(engine) as connection:
        approved = shelf(connection, plan).approved
        made = read_plan(approved.document, plan)[0] if approved else None
        if approved is None or made is None:
            raise NotThere(plan)
        days = [each.effective_from for each in made.versions]
        before = [index for index, day in enumerate(days) if day < effective_from]
        if effective_from in days or not before:
            _refuse(_day_taken(effective_from, days))
        editing = Editing(approved.document)
        editing.add_version(before[-1], before[-1] + 1, effective_from)
        return _add(connection, account_id, who, plan, editing.text)


def bring(engine: Engine, account_id: int, who: Who, document: str) -> Draft:
    """Draft a plan from a document of one's own: a new plan, or one that is known by its id.

    It may hold mistakes, which are shown where it is edited; but it has to be TOML that names its plan.
    """
    with writing(engine) as connection:
        read, problems = read_toml(document, "plan.toml")
        name = (read or {}).get("plan")
        if not problems and (not isinstance(name, str) or not name.strip()):
            sentence, cure = told("It does not name its plan."), told('Write plan = "…".')
            problems = [_problem("document", "missing-key", sentence, cure)]
        if len(document) > LARGEST:
            problems = [_too_long()]
        if problems:
            _refuse([replace(each, path="document") for each in problems])
        assert isinstance(name, str)
        return _add(connection, account_id, who, name, document)


def change(engine: Engine, who: Who, number: int, version: int, document: str) -> Draft:
    """Keep a draft as it is now, mistakes and all; the draft with its new version.

    Raises :class:`Overtaken` where somebody changed it since ``version``, :class:`Rejected` where it was
    submitted. One that was rejected may be written on.
    """
    with writing(engine) as connection:
        _open_for_change(connection, number, version)
        if len(document) > LARGEST:
            _refuse([_too_long()])
        values = {
            "document": document,
            "version": version + 1,
            "revision_id": 0,
            "changed_at": who.at,
        }
        connection.execute(update(desk.Draft).where(desk.Draft.id == number).values(**values))
        return draft(connection, number)


def discard(engine: Engine, number: int, version: int) -> None:
    """Throw a draft away; as :func:`change`, not one that somebody else changed meanwhile."""
    with writing(engine) as connection:
        _open_for_change(connection, number, version)
        connection.execute(delete(desk.Draft).where(desk.Draft.id == number))


# Deciding --------------------------------------------------------------------------------------------


def submit(engine: Engine, who: Who, number: int, version: int) -> int:
    """Let a draft wait for somebody else's decision, with a reason; the number of the revision.

    Raises :class:`Rejected` with everything that keeps it from being a rule: mistakes, examples that it does not
    bear out, that it changes nothing, that another change of the plan waits.
    """
    with writing(engine) as connection:
        found = _open_for_change(connection, number, version)
        problems = _without_reason(who)
        of = judged(connection, found.plan, found.document)
        problems += [*of.problems, *_failing(of)]
        if Known(connection).rules() is None:
            cure = told("Bring a dataset folder first: it opens them with its company and its plans.")
            problems.append(_problem("", "nothing-yet", told("The books are empty."), cure))
        if of.plan is not None and of.in_force is not None and of.first_day is None:
            sentence = told("It pays exactly what the rules in force pay.")
            cure = told("Change a rule, or discard the draft.")
            problems.append(_problem("", "nothing-changed", sentence, cure))
        if any(each.waits for each in _revisions(connection) if each.plan == found.plan):
            cure = told("Let somebody decide about that one first.")
            problems.append(_problem("", "already-waiting", told("Another change of this plan waits."), cure))
        _refuse(problems)
        before = Known(connection).documents().get(("plan", found.plan), "")
        act_id = record(connection, who, "propose", found.plan, before=before, after=found.document)
        revision_id = propose(connection, act_id, "plan", found.plan, found.document)
        values = {"revision_id": revision_id, "version": version + 1, "changed_at": who.at}
        connection.execute(update(desk.Draft).where(desk.Draft.id == number).values(**values))
        return revision_id


def decide(engine: Engine, who: Who, number: int, choice: str, confirmed: str = "") -> None:
    """Approve or reject what waits, with a reason; the store refuses its author.

    What reaches back into closed months is approved by typing the plan's id in ``confirmed``: the next run posts
    the difference into the open month. Raises :class:`Rejected`.
    """
    with reading(engine) as connection:
        found = revision(connection, number)
        of = judged(connection, found.plan, found.document)
    problems = _without_reason(who)
    if choice == "approve":
        problems += [*of.problems, *_failing(of)]
        if of.reaches_back and confirmed.strip() != found.plan:
            sentence = told("It reaches back into closed months.")
            cure = told("Type %(plan)s to approve it.", plan=found.plan)
            problems.append(_problem("confirmed", "not-confirmed", sentence, cure))
    _refuse(problems)
    decisions.decide(engine, who, "rule", number, choice)


# What keeps a document from being a rule -------------------------------------------------------------


def _misfits(plan: str, in_force: Plan | None, made: Plan) -> Iterator[Problem]:
    if made.plan != plan:
        sentence = told("This is the draft of %(plan)s.", plan=shown(plan))
        cure = told("Keep plan = %(plan)s; another plan is a draft of its own.", plan=shown(plan))
        yield Problem(plan, 0, "plan", "other-plan", sentence, cure)
    if found := other_decimals(in_force.currency if in_force else None, made.currency):
        yield Problem(plan, 0, "currency", *found)


def _misassigned(connection: Connection, rules: Rules | None, made: Plan) -> Iterator[Problem]:
    """Components that those whom the plan is assigned to cannot be paid by."""
    if rules is None:
        return
    both = Rules(rules.company, (*(each for each in rules.plans if each.plan != made.plan), made))
    assigned = [each for each in Known(connection).assignments(both) if each.plan == made.plan]
    for to_team in {bool(each.team) for each in assigned}:
        for at, version in enumerate(made.versions):
            for position, component in enumerate(version.components):
                if reason := unassignable(component, to_team=to_team):
                    sentence = told("The plan is assigned to payees: %(reason)s.", reason=reason)
                    if to_team:
                        sentence = told("The plan is assigned to a team: %(reason)s.", reason=reason)
                    path = f"versions[{at}].components[{position}].name"
                    cure = told("Put it into a plan of its own.")
                    yield Problem(made.plan, 0, path, "payee-or-team", sentence, cure)


def _tried(in_force: Plan | None, made: Plan) -> Iterator[Tried]:
    for version in made.versions:
        standing = in_force.version_on(version.effective_from) if in_force else None
        for example in version.examples:
            known = standing.component(example.component) if standing else None
            before = earns(standing, example) if standing and isinstance(known, Commission) else None
            yield Tried(version.effective_from, example, earns(version, example), before)


def _failing(of: Judged) -> Iterator[Problem]:
    if of.plan is None:
        return
    for at, version in enumerate(of.plan.versions):
        for position, example in enumerate(version.examples):
            if earns(version, example) != example.earns_minor:
                path = f"versions[{at}].examples[{position}].earns"
                says = example.says or example.component
                sentence = told("The rules do not bear out the example: %(example)s.", example=says)
                yield _problem(path, "example-fails", sentence, told("Mend the rule or the example."))


def _day_taken(day: dt.date, days: list[dt.date]) -> list[Problem]:
    if day in days:
        sentence, cure = told("A version begins on %(day)s already.", day=day), told("Choose another day.")
    else:
        sentence = told("%(day)s is before the plan's first version, %(first)s.", day=day, first=days[0])
        cure = told("Choose a later day.")
    return [_problem("effective_from", "day-taken", sentence, cure)]


def _too_long() -> Problem:
    sentence, cure = told("It is too long for a plan."), told("Bring one plan at a time.")
    return _problem("document", "too-large", sentence, cure)


def _without_reason(who: Who) -> list[Problem]:
    if who.reason.strip():
        return []
    cure = told("Say why, for whoever reads this in a year.")
    return [_problem("reason", "missing", told("A reason is missing."), cure)]


def _problem(path: str, code: str, sentence: Told, cure: Told) -> Problem:
    return Problem("plan", 0, path, code, sentence, cure)


def _refuse(problems: list[Problem]) -> None:
    if problems:
        raise Rejected(problems)


# Rows ------------------------------------------------------------------------------------------------


def _add(connection: Connection, account_id: int, who: Who, plan: str, document: str) -> Draft:
    values = {
        "account_id": account_id,
        "plan": plan,
        "document": document,
        "version": 1,
        "revision_id": 0,
        "changed_at": who.at,
    }
    number = connection.execute(insert(desk.Draft).values(**values).returning(desk.Draft.id)).scalar_one()
    return draft(connection, number)


def _open_for_change(connection: Connection, number: int, version: int) -> Draft:
    found = draft(connection, number)
    if found.version != version:
        raise Overtaken(found)
    if found.revision and _choice(connection, found.revision) != "reject":
        sentence = told("It was submitted: it stays as it is for whoever decides.")
        _refuse([_problem("", "submitted", sentence, told("Begin another draft once it is decided."))])
    return found


def _choice(connection: Connection, revision_id: int) -> str:
    decision = tables.Decision
    asked = select(decision.choice).where(decision.kind == "rule", decision.subject_id == revision_id)
    return connection.execute(asked).scalar() or ""


def _drafts(connection: Connection, number: int | None = None) -> Iterator[Draft]:
    row, account = desk.Draft, desk.Account
    asked = (
        select(row.id, row.plan, row.document, row.version, row.revision_id, account.email, row.changed_at)
        .join(account, account.id == row.account_id)
        .order_by(row.id)
    )
    if number is not None:
        asked = asked.where(row.id == number)
    for each in connection.execute(asked):
        yield Draft(*each)


def _revisions(connection: Connection, number: int | None = None) -> Iterator[Revision]:
    """Plans that were proposed, in the order in which they were decided; what waits is the newest."""
    row, act, decision = tables.RuleRevision, tables.Act, tables.Decision
    decided = tables.table_of(act).alias("decided")
    asked = (
        select(
            row.id,
            row.name,
            row.document,
            act.actor,
            act.at,
            act.reason,
            decision.choice,
            decided.c.actor,
            decided.c.at,
            decided.c.reason,
        )
        .join(act, act.id == row.act_id)
        .outerjoin(decision, (decision.kind == "rule") & (decision.subject_id == row.id))
        .outerjoin(decided, decided.c.id == decision.act_id)
        .where(row.kind == "plan")
        .order_by(decision.act_id.is_(None), decision.act_id, row.id)
    )
    if number is not None:
        asked = asked.where(row.id == number)
    for id_, name, document, actor, at, reason, choice, by, on, why in connection.execute(asked):
        yield Revision(
            id_, name, document, Said(actor, at, reason), choice or "", Said(by, on, why) if choice else None
        )
