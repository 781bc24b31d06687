"""Closing a month: once, in order, in one transaction, sealed (docs/rules.md section 11)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Engine, insert

from incentives.calendar import Period, month_name, period_of
from incentives.errors import NO_CURE, IncentivesError, Problem, Rejected, Told, told
from incentives.facts import Company
from incentives.ledger.entries import Draft, Entry
from incentives.ledger.pay import Payout, net, payout_of
from incentives.ledger.payroll import ADJUSTMENT, Kinds
from incentives.papers.payroll import PayrollFile, payroll_files
from incentives.rules.plan import Plan
from incentives.service import seals
from incentives.service.checklist import Step, checklist, finding_key, new_findings, preparation
from incentives.service.issuing import issue
from incentives.service.runs import Calculated, Progress, Ran, drafted, rules_in_force, run_in, today
from incentives.store import closes as kept
from incentives.store import tables
from incentives.store.acts import Who, latest, record, said
from incentives.store.bulk import insert_rows
from incentives.store.digests import months_sha256, owners_sha256, rows_sha256, said_sha256, seal_of
from incentives.store.engine import reading, writing
from incentives.store.facts_out import Known, Rules
from incentives.store.ledger import last_entry, open_month, post, rows_of, unpaid

GENERIC = "generic"


class NotReady(IncentivesError):
    """A month that cannot close yet: the checklist says why. Nothing was done."""

    def __init__(self, month: Period, steps: Collection[Step]) -> None:
        self.month, self.steps = month, tuple(steps)
        super().__init__(told("%(month)s cannot close yet.", month=month_name(month.first)))


@dataclass(slots=True)
class ClosedMonth:
    """What a close did: the run it posted, what it pays, its seal."""

    month: Period
    ran: Ran
    payouts: list[Payout]
    steps: list[Step]
    statements: int
    seal: str
    totals: Mapping[str, int] = field(default_factory=dict)

    def as_plain(self) -> dict[str, Any]:
        """What was closed, as it is told and kept; ``pays`` in minor units by currency."""
        return {
            "month": month_name(self.month.first),
            "seal": self.seal,
            "entries": self.ran.entries,
            "pays": dict(self.totals),
            "statements": self.statements,
        }


def close(
    engine: Engine,
    who: Who,
    month: dt.date,
    *,
    waive: Mapping[str, str] | None = None,
    workers: int = 1,
    progress: Progress | None = None,
) -> ClosedMonth:
    """Close the oldest open month: post, fix what is paid, issue statements at a quarter's end, seal.

    ``waive`` gives a reason for each step of the checklist that may pass as it is. Raises :class:`NotReady`
    with the whole checklist where a step blocks, :class:`Rejected` where it is not this month's turn.
    """
    with writing(engine) as connection:
        closed = _close(connection, who, month, waive or {}, workers, progress)
        missing = seals.unwitnessed(connection)
    seals.witness(engine, missing)
    return closed


def look(engine: Engine, who: Who, month: dt.date, waive: Mapping[str, str] | None = None) -> ClosedMonth:
    """What :func:`close` would do and pay, and what stands in its way; nothing is kept."""
    with reading(engine) as connection:
        return look_in(connection, who, month, waive)


def look_in(
    connection: Connection,
    who: Who,
    month: dt.date,
    waive: Mapping[str, str] | None = None,
    progress: Calculated | None = None,
) -> ClosedMonth:
    """:func:`look`, within a view of the store: nobody who writes has to wait for it."""
    closing = _Closing(connection, who, month, waive or {})
    ran, drafts = drafted(connection, who, as_of=closing.period.last, full=True, progress=progress)
    return closing.looked(ran, drafts)


def _close(
    connection: Connection,
    who: Who,
    month: dt.date,
    waive: Mapping[str, str],
    workers: int,
    progress: Progress | None,
) -> ClosedMonth:
    closing = _Closing(connection, who, month, waive, workers, progress)
    closed = closing.looked(closing.run())
    if any(step.blocks for step in closed.steps):
        raise NotReady(closed.month, closed.steps)
    closing.settle(closed)
    closed.seal = closing.sealed(closed)
    return closed


class _Closing:
    """One close on its way: run, checklist, pay, statements, seal."""

    def __init__(
        self,
        connection: Connection,
        who: Who,
        month: dt.date,
        waive: Mapping[str, str],
        workers: int = 1,
        progress: Progress | None = None,
    ) -> None:
        self.connection, self.who, self.waive = connection, who, waive
        self.workers, self.progress = workers, progress
        self.rules: Rules = rules_in_force(connection)
        self.period = _turn(connection, self.rules, period_of(month, "month", 1))
        self.earlier = kept.closes(connection)
        self.prepared = preparation(connection, self.period, who.actor)
        self.through, self.before = latest(connection), last_entry(connection)
        self.settled: list[int] = []
        self.files: list[PayrollFile] = []

    def run(self) -> Ran:
        """Post what the month still lacks."""
        return run_in(
            self.connection,
            self.who,
            as_of=self.period.last,
            full=True,
            workers=self.workers,
            progress=self.progress,
        )

    def looked(self, ran: Ran, drafts: Iterable[Draft] = ()) -> ClosedMonth:
        """The pay and the checklist after a run; ``drafts`` are what it would post, where it was not posted."""
        payouts = self._payouts(drafts)
        steps = checklist(
            self.connection,
            self.period,
            today(self.rules, self.who),
            ran.findings,
            self._payroll_problems(payouts),
            self.who.actor,
            self.prepared,
            self.waive,
        )
        totals: dict[str, int] = {}
        for payout in payouts:
            totals[payout.currency] = totals.get(payout.currency, 0) + payout.pay_minor
        return ClosedMonth(self.period, ran, payouts, steps, 0, "", totals)

    # Pay ---------------------------------------------------------------------------------------------

    def _payouts(self, drafts: Iterable[Draft]) -> list[Payout]:
        """Pay of everybody with something payable or a debt brought forward."""
        payable: dict[tuple[str, str], list[Entry | Draft]] = {}
        kept_back = KeptBack.now(self.connection, self.rules.company)
        for entry in unpaid(self.connection, self.period.last):
            if not kept_back.holds(entry):
                payable.setdefault((entry.payee_id, entry.currency), []).append(entry)
                self.settled.append(entry.entry_id)
        for draft in drafts:
            if draft.payable_on <= self.period.last and not kept_back.holds(draft):
                payable.setdefault((draft.payee_id, draft.currency), []).append(draft)
        debts: dict[tuple[str, str], int] = {}
        for each in self.earlier[-1:]:
            for payout in kept.payouts_of(self.connection, [each.month]):
                debts[payout.payee_id, payout.currency] = payout.carried_forward_minor
        cap_ppm = self.rules.company.recovery_cap_ppm
        owners = sorted(payable.keys() | {owner for owner, debt in debts.items() if debt})
        found = (
            payout_of(self.period.first, *owner, net(payable.get(owner, [])), debts.get(owner, 0), cap_ppm)
            for owner in owners
        )
        return [each for each in found if each.positive_minor or each.negative_minor or each.brought_forward_minor]

    def _payroll_problems(self, payouts: list[Payout]) -> tuple[Problem, ...]:
        """What the payout file lacks; where it lacks nothing, it is made."""
        rules = self.rules
        of_kind = kinds(rules.plans, rules.company)
        try:
            people = Known(self.connection).payees()
            self.files = payroll_files(GENERIC, self.period.first, payouts, of_kind, rules.company, people)
        except Rejected as rejected:
            return rejected.problems
        return ()

    def settle(self, closed: ClosedMonth) -> None:
        """Fix what is paid: payouts, what they settle, their entries, the payout file; at the end of a quarter
        the statements."""
        connection, month = self.connection, self.period
        self.act_id = record(connection, self.who, "close", month_name(month.first))
        self._keep_waivers(closed)
        kept.save_payouts(connection, closed.payouts, ((number, month.first) for number in self.settled))
        drafts = [_payout_draft(each, month) for each in closed.payouts if each.pay_minor]
        closed.ran.entries += post(connection, closed.ran.run_id, month.first, rows_of(drafts))
        kept.save_payout_files(
            connection,
            self.act_id,
            (
                kept.PayoutFile(
                    month.first, GENERIC, each.name, each.content, each.control.text(), each.control.sha256
                )
                for each in self.files
            ),
        )
        quarter = period_of(month.first, "quarter", self.rules.company.fiscal_year_starts)
        if quarter.last == month.last:
            issued_on = today(self.rules, self.who)
            closed.statements = issue(connection, self.rules, quarter, issued_on, self.before, self.workers)

    def _keep_waivers(self, closed: ClosedMonth) -> None:
        for step in closed.steps:
            if step.found and step.waived:
                passed: Any = list(step.found)
                if step.name == "exceptions":
                    passed = [finding_key(each) for each in new_findings(self.connection, closed.ran.findings)]
                who = Who(self.who.actor, self.who.at, step.waived, self.who.request)
                subject = f"{month_name(self.period.first)} {step.name}"
                act_id = record(self.connection, who, "waive", subject, after=passed)
                values = {"month": self.period.first, "item": step.name, "act_id": act_id}
                self.connection.execute(insert(tables.Waiver).values(reason=step.waived, **values))

    # Seal --------------------------------------------------------------------------------------------

    def sealed(self, closed: ClosedMonth) -> str:
        """Seal the month: everything in it digested, chained to the seal of the month before."""
        connection, month = self.connection, self.period.first
        owners = owners_sha256(connection, month).get(month.isoformat(), {})
        rows = ((month, payee_id, *digest) for payee_id, digest in owners.items())
        insert_rows(connection, tables.ClosedOwner, rows)
        previous = self.earlier[-1] if self.earlier else None
        close = kept.Closed(
            month=month,
            act_id=self.act_id,
            run_id=closed.ran.run_id,
            prepared_by=self.prepared.run_by,
            known_through=self.through,
            content={},
            previous_seal=previous.seal if previous else "",
            seal="",
        )
        content = said(
            content_of(
                connection,
                close,
                self._quarter_first(),
                closed.totals,
                owners,
                after=previous.content["acts"] if previous else 0,
                upto=latest(connection),
            )
        )
        seal = seal_of(content)
        values = {name: getattr(close, name) for name in kept.Closed.__slots__}
        connection.execute(insert(tables.Close).values(values | {"content": content, "seal": seal}))
        return seal

    def _quarter_first(self) -> dt.date | None:
        quarter = period_of(self.period.first, "quarter", self.rules.company.fiscal_year_starts)
        return quarter.first if quarter.last == self.period.last else None


def content_of(
    connection: Connection,
    close: kept.Closed,
    quarter: dt.date | None,
    totals: Mapping[str, int],
    owners: Mapping[str, tuple[int, str]],
    *,
    after: int,
    upto: int,
) -> dict[str, Any]:
    """What a seal is of: the close itself, the owners' lines, what was paid, the statements, and everything that
    was said and done since the seal before, up to the last act of this close."""
    month = close.month
    of_month = {
        model.__tablename__: months_sha256(connection, model, month).get(month.isoformat(), [0, ""])
        for model in (tables.Payout, tables.Settled)
    }
    statements = months_sha256(connection, tables.Statement, quarter) if quarter else {}
    (said_and_done,) = said_sha256(connection, (after, upto))
    return sealed_content(
        close,
        totals=totals,
        owners=owners,
        of_month=of_month | {"statements": next(iter(statements.values()), [0, ""])},
        said_and_done=said_and_done,
        upto=upto,
    )


def sealed_content(
    close: kept.Closed,
    *,
    totals: Mapping[str, int],
    owners: Mapping[str, tuple[int, str]],
    of_month: Mapping[str, list[Any]],
    said_and_done: Mapping[str, list[Any]],
    upto: int,
) -> dict[str, Any]:
    """The content of a seal from digests that were read before. ``upto`` is the last act that it covers."""
    return {
        "format": 1,
        "month": month_name(close.month),
        "act": close.act_id,
        "run": close.run_id,
        "prepared_by": close.prepared_by,
        "known_through": close.known_through,
        "acts": upto,
        "entries": sum(number for number, _ in owners.values()),
        "paid_minor": dict(sorted(totals.items())),
        "lines": rows_sha256((payee_id, *digest) for payee_id, digest in owners.items()),
        "fixed": dict(of_month),
        "said": dict(said_and_done),
        "previous": close.previous_seal,
    }


def check_turn(connection: Connection, month: dt.date) -> None:
    """Raises :class:`Rejected` where it is not this month's turn to close."""
    _turn(connection, rules_in_force(connection), period_of(month, "month", 1))


def _turn(connection: Connection, rules: Rules, month: Period) -> Period:
    """The month, if it is the oldest open one; months close in order, once."""
    wanted = month_name(month.first)
    done = kept.closed(connection, month.first)
    if done is not None:
        raise Rejected([_refusal(wanted, "closed", told("It is closed, under seal %(seal)s.", seal=done.seal))])
    oldest = open_month(connection, rules)
    if oldest is None:
        sentence = told("No invoice and no event is known yet.")
        cure = told("Bring a dataset folder: incentives import FOLDER")
        raise Rejected([_refusal(wanted, "nothing-yet", sentence, cure)])
    if oldest != month:
        first = month_name(oldest.first)
        sentence = told("%(month)s is still open.", month=first)
        if month.first < oldest.first:
            sentence = told("%(month)s is the first month of these books.", month=first)
        cure = told("Close that first: incentives close %(month)s", month=first)
        raise Rejected([_refusal(wanted, "not-its-turn", sentence, cure)])
    return month


def _refusal(month: str, code: str, sentence: Told, cure: Told = NO_CURE) -> Problem:
    return Problem(month, 0, "", code, sentence, cure)


def kinds(plans: Iterable[Plan], company: Company) -> Kinds:
    """The component kind of a line. An adjustment without a code of its own goes out as commission."""
    by_name = {plan.plan: plan for plan in plans}

    def kind_of(plan: str, component: str) -> str:
        if plan:
            return by_name[plan].kind_of(component)
        return ADJUSTMENT if company.payroll.get(ADJUSTMENT) else "commission"

    return kind_of


def _payout_draft(payout: Payout, month: Period) -> Draft:
    return Draft(
        payee_id=payout.payee_id,
        plan="",
        component="payout",
        kind="payout",
        cause=f"payout:{month_name(month.first)}",
        invoice_id="",
        earned_on=month.last,
        payable_on=month.last,
        amount_minor=-payout.pay_minor,
        currency=payout.currency,
        plan_version=month.last,
        stood_minor=0,
    )


@dataclass(frozen=True, slots=True)
class KeptBack:
    """What is earned and not paid yet: what a person holds, and take-backs whose payee waits for an answer."""

    invoices: frozenset[str]
    payees: frozenset[str]
    asked: frozenset[kept.QuestionKey]

    @classmethod
    def now(cls, connection: Connection, company: Company) -> KeptBack:
        """What is kept back today."""
        held: dict[str, set[str]] = {"invoice": set(), "customer": set(), "payee": set()}
        for hold in kept.holds_in_force(connection):
            held[hold.kind].add(hold.subject)
        of_customers = kept.invoices_of_customers(connection, held["customer"])
        asked = (key for _, key in kept.open_questions(connection)) if company.hold_disputed else ()
        return cls(of_customers | held["invoice"], frozenset(held["payee"]), frozenset(asked))

    def holds(self, entry: Entry | Draft) -> bool:
        """Whether an entry waits."""
        if entry.payee_id in self.payees or (entry.invoice_id and entry.invoice_id in self.invoices):
            return True
        if entry.amount_minor >= 0 or entry.kind == "cap":
            return False
        return (entry.payee_id, entry.plan, entry.component, entry.kind, entry.cause) in self.asked
