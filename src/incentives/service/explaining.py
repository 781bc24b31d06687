"""Why an amount is what it is: a line of the ledger, or the pay of a month, in the words of a language.

The payee is calculated again from what was known when the ledger last came to stand, so that every explanation
sums to what was posted: the newest run, or the close of a month whose figures somebody looks at.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache

from sqlalchemy import Connection, and_, select

from incentives.calculation.chunks import Chunk, Scope
from incentives.calculation.lines import Line
from incentives.calendar import period_of
from incentives.engines.chunks import over
from incentives.facts import Language
from incentives.ledger.entries import Entry, Key
from incentives.ledger.pay import PayoutWhy
from incentives.papers.languages import Speaker, marked, speaker
from incentives.papers.words import Said, in_words
from incentives.store import tables
from incentives.store.closes import closed, payouts_of
from incentives.store.facts_out import Known, Rules
from incentives.store.ledger import entries, last_run, settled_in
from incentives.store.source import StoreSource


@dataclass(frozen=True, slots=True)
class Moment:
    """What a ledger stands for: everything that happened up to a day, known at an act, posted up to a month."""

    as_of: dt.date
    known_through: int
    month: dt.date


@dataclass(frozen=True, slots=True)
class Posted:
    """An amount and the month in which it was posted."""

    month: dt.date
    amount_minor: int


@dataclass(frozen=True, slots=True)
class Explained:
    """A line, what it comes to, and why. ``parts`` are the lines that a month's pay was made from."""

    payee_id: str
    plan: str
    component: str
    kind: str
    cause: str
    invoice_id: str
    earned_on: dt.date
    payable_on: dt.date
    amount_minor: int
    currency: str
    said: Said
    posted: tuple[Posted, ...] = ()
    parts: tuple[Explained, ...] = ()


def moment(connection: Connection, month: dt.date | None = None) -> Moment | None:
    """The moment of the newest run, or of the close of a month; ``None`` where nothing was posted yet."""
    if month is not None and (close := closed(connection, month)) is not None:
        return Moment(period_of(month, "month", 1).last, close.known_through, close.month)
    run = last_run(connection)
    return Moment(run.as_of, run.known_through, run.month) if run is not None else None


def explain(
    connection: Connection,
    payee_id: str,
    cause: str,
    language: Language,
    *,
    plan: str | None = None,
    component: str | None = None,
    kind: str | None = None,
    month: dt.date | None = None,
) -> list[Explained]:
    """Why a payee has the lines of a cause (an event id, ``period:2026-04-01``, ``payout:2026-06``, …), fewer
    where the plan, component or kind is given too; none if there is no such line.

    ``month``: as it stood at that month's close.
    """
    at = moment(connection, month)
    if at is None:
        return []
    wanted = {"plan": plan, "component": component, "kind": kind}
    found: dict[Key, list[Entry]] = {}
    for entry in entries(connection, payee_id, through=at.month, cause=cause):
        if all(value is None or getattr(entry, name) == value for name, value in wanted.items()):
            found.setdefault(entry.key, []).append(entry)
    return _Explaining(connection, payee_id, at, speaker(language)).all_of(found)


def lines_of(connection: Connection, rules: Rules, payee_id: str, at: Moment) -> list[Line]:
    """What stands for a payee at a moment, calculated with all teams that pay them."""
    source = StoreSource(connection, rules, at.known_through)
    paying = {each.team for each in source.assignments(source.team_plans()) if each.team}
    teams = {each.team for each in source.memberships() if each.payee_id == payee_id} if paying else set()
    scope = Scope((payee_id,), tuple(sorted(teams & paying)))
    chunks = over(source, rules.plans, at.as_of, _lines_of_chunk, scope)
    return [line for lines in chunks for line in lines if line.payee_id == payee_id]


def _lines_of_chunk(chunk: Chunk) -> list[Line]:
    return chunk.lines


def customer_names(connection: Connection) -> Callable[[str], str]:
    """The name of a customer by id, each asked for once."""
    customer = tables.Customer

    @cache
    def name(customer_id: str) -> str:
        asked = select(customer.name).where(customer.customer_id == customer_id, customer.known_until.is_(None))
        return connection.execute(asked).scalar() or customer_id

    return name


class _Explaining:
    """One payee at one moment, in one language."""

    def __init__(self, connection: Connection, payee_id: str, at: Moment, words: Speaker) -> None:
        self.connection, self.payee_id, self.at, self.words = connection, payee_id, at, words
        rules = Known(connection, at.known_through).rules()
        assert rules is not None, "what was posted had rules"
        self.rules = rules
        self.names = customer_names(connection)

    def all_of(self, found: dict[Key, list[Entry]]) -> list[Explained]:
        """The lines that these entries belong to, each with its reason."""
        calculated = any(each[0].kind not in ("payout", "adjustment") for each in found.values())
        lines: dict[Key, Line] = {}
        if calculated:
            for line in lines_of(self.connection, self.rules, self.payee_id, self.at):
                key = (line.payee_id, line.plan, line.component, line.kind, line.cause, line.currency)
                lines[key] = line
        return [self._one(same, lines.get(key)) for key, same in found.items()]

    def _one(self, same: Sequence[Entry], line: Line | None) -> Explained:
        match same[-1].kind:
            case "payout":
                return self._payout(same)
            case "adjustment":
                return _explained(same, self._adjustment(same))
            case _ if line is not None:
                return _explained(same, in_words(line.explained(), self.names, self.words))
            case _:
                return _explained(same, self._gone(same))

    def _gone(self, same: Sequence[Entry]) -> Said:
        text = marked(
            "It no longer stands: what it was made from was corrected or taken away, and nothing is left."
        )
        return Said(self.words.say(text))

    def _adjustment(self, same: Sequence[Entry]) -> Said:
        """Who gave or took it, who approved it, and why."""
        number = int(same[-1].cause.removeprefix("adjustment:"))
        adjustment, decision, act = tables.Adjustment, tables.Decision, tables.Act
        asked = (
            select(adjustment.reason, act.actor, decision.act_id)
            .join(act, act.id == adjustment.act_id)
            .join(decision, and_(decision.kind == "adjustment", decision.subject_id == adjustment.id))
            .where(adjustment.id == number)
        )
        reason, author, act_id = self.connection.execute(asked).one()
        approver, at = self.connection.execute(select(act.actor, act.at).where(act.id == act_id)).one()
        amount = self.words.money(sum(each.amount_minor for each in same), same[-1].currency)
        text = marked("%(amount)s, adjusted by hand: %(reason)s.")
        proposed = self.words.say(marked("Proposed by %(actor)s."), actor=author)
        approved = self.words.say(
            marked("Approved by %(actor)s on %(day)s."), actor=approver, day=self.words.day(at.date())
        )
        says = self.words.say(text, amount=amount, reason=reason.strip().rstrip("."))
        return Said(says, amount, "", (Said(proposed), Said(approved)))

    def _payout(self, same: Sequence[Entry]) -> Explained:
        """The pay of a month: how it came about, and the lines it was made from."""
        month = same[-1].month
        (paid,) = (
            each
            for each in payouts_of(self.connection, [month], self.payee_id)
            if each.currency == same[-1].currency
        )
        why = PayoutWhy(paid, self.rules.company.recovery_cap_ppm).step()
        said = in_words(why, self.names, self.words)
        parts: dict[Key, list[Entry]] = {}
        for entry in settled_in(self.connection, month, self.payee_id):
            if entry.currency == paid.currency:
                parts.setdefault(entry.key, []).append(entry)
        made_from = tuple(_explained(each, Said("")) for each in parts.values() if _sum(each))
        counted = self.words.count("%(number)s line is", "%(number)s lines are", len(made_from))
        last = Said(self.words.say(marked("%(lines)s payable in the month."), lines=counted))
        said = Said(said.says, said.amount, said.rule, (*said.steps[:-1], last))
        return _explained(same, said, made_from, -1)


def _explained(same: Sequence[Entry], said: Said, parts: tuple[Explained, ...] = (), sign: int = 1) -> Explained:
    last = same[-1]
    return Explained(
        last.payee_id,
        last.plan,
        last.component,
        last.kind,
        last.cause,
        last.invoice_id,
        last.earned_on,
        last.payable_on,
        sign * _sum(same),
        last.currency,
        said,
        tuple(Posted(each.month, sign * each.amount_minor) for each in same if each.amount_minor),
        parts,
    )


def _sum(same: Iterable[Entry]) -> int:
    return sum(each.amount_minor for each in same)
