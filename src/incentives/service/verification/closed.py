"""Closed months: in order, sealed, unchanged, and paid as their entries say (invariants 4 and 5)."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from itertools import pairwise
from typing import Any

from sqlalchemy import Connection, select

from incentives.calendar import month_name, period_of
from incentives.documents.company import read_company
from incentives.facts import Company
from incentives.ledger.pay import Payout, payout_of
from incentives.papers.statement.document import digest
from incentives.service import seals
from incentives.service.months import sealed_content
from incentives.service.verification.report import Breach, Check, Found, View
from incentives.store import tables
from incentives.store.acts import said
from incentives.store.closes import Closed, payouts_of
from incentives.store.digests import (
    Owners,
    months_sha256,
    owners_sha256,
    rows_sha256,
    said_sha256,
    seal_of,
)
from incentives.store.soundness import AT_MOST


@dataclass(frozen=True, slots=True)
class _Kept:
    """A close as it is kept, with its content as it was written."""

    close: Closed
    written: str

    @property
    def month(self) -> dt.date:
        return self.close.month

    @property
    def last_act(self) -> int:
        """The last act that its seal covers; where it does not say, that of the close itself."""
        acts = self.close.content.get("acts")
        return acts if isinstance(acts, int) else self.close.act_id

    @property
    def where(self) -> str:
        return f"month {month_name(self.month)}"


def _kept(connection: Connection) -> list[_Kept]:
    asked = select(tables.table_of(tables.Close)).order_by(tables.Close.month)
    found = []
    for row in connection.execute(asked).mappings():
        values = dict(row) | {"content": _read(row["content"])}
        found.append(_Kept(Closed(**values), row["content"]))
    return found


def _read(content: str) -> dict[str, Any]:
    """What a close says; nothing, where it was made unreadable: its seal tells that."""
    try:
        said_ = json.loads(content)
    except ValueError:
        return {}
    return said_ if isinstance(said_, dict) else {}


# The chain -------------------------------------------------------------------------------------------


def _chain(view: View) -> Found:
    """Closed months follow each other, each sealed over what it says and over the seal before."""
    closes = _kept(view.connection)
    yield len(closes)
    for before, each in pairwise(closes):
        if each.month != _after(before.month):
            missing = month_name(_after(before.month))
            yield Breach(5, "closes", f"month {missing}", f"It is not closed, but {month_name(each.month)} is.")
        elif each.close.previous_seal != before.close.seal:
            yield Breach(5, "closes", each.where, "It does not name the seal of the month before.")
    if closes and closes[0].close.previous_seal:
        yield Breach(5, "closes", closes[0].where, "It names the seal of a month before, which is not there.")
    lost = (
        "SELECT subject, id FROM acts WHERE what = 'close' AND id NOT IN (SELECT act_id FROM closes) ORDER BY id"
    )
    for month, act_id in view.connection.exec_driver_sql(lost):
        yield Breach(5, "closes", f"month {month}", f"Missing: act {act_id} closed it.")
    for each in closes:
        if seal_of(each.written) != each.close.seal:
            yield Breach(5, "closes", each.where, "Its seal is not the seal of what it says.")


def _after(month: dt.date) -> dt.date:
    return period_of(month, "month", 1).last + dt.timedelta(days=1)


def _witnessed(view: View) -> Found:
    """Every seal that is written down outside is here."""
    file = seals.witness_file(view.connection.engine)
    if file is None:
        return
    stored = {month_name(each.month): each.close.seal for each in _kept(view.connection)}
    for month, seal in seals.witnessed(file):
        yield 1
        if month not in stored:
            yield Breach(
                5, "closes", f"month {month}", f"It is not closed here, but {file} knows its seal {seal}."
            )
        elif stored[month] != seal:
            yield Breach(5, "closes", f"month {month}", f"Its seal is not {seal}, which {file} knows.")


# What was sealed -------------------------------------------------------------------------------------


def _contents(view: View) -> Found:
    """Everything that a seal is of, read again, is what was sealed."""
    closes = _kept(view.connection)
    if closes:
        yield from _Contents(view.connection, closes).compared()


class _Contents:
    """All that the seals are of, read in one pass over each table."""

    def __init__(self, connection: Connection, closes: Sequence[_Kept]) -> None:
        self.connection, self.closes = connection, closes
        self.bounds = [0, *(each.last_act for each in closes)]
        self.said = said_sha256(connection, self.bounds)
        self.owners = owners_sha256(connection)
        self.kept_owners = _kept_owners(connection)
        self.payouts = months_sha256(connection, tables.Payout)
        self.settled = months_sha256(connection, tables.Settled)
        self.statements = months_sha256(connection, tables.Statement)
        self.companies = companies(connection)
        self.paid = _paid(connection, [each.month for each in closes])

    def compared(self) -> Found:
        """Each month's content, key by key."""
        quarters = set()
        for at, kept in enumerate(self.closes):
            quarter = self._quarter(kept)
            quarters.add(quarter)
            found = self._content(at, kept, quarter)
            yield int(found["entries"]) + sum(rows for rows, *_ in found["said"].values())
            if said(found) != kept.written:
                yield from self._differences(at, kept, found)
        for day in sorted(self.statements.keys() - quarters):
            yield Breach(5, "statements", f"quarter {day}", "They were issued, but the quarter is not closed.")

    def _quarter(self, kept: _Kept) -> str:
        """The first day of the quarter that ends with a month; ``""``: none does."""
        company = self.companies.at(kept.close.known_through)
        starts = company.fiscal_year_starts if company is not None else 1
        quarter = period_of(kept.month, "quarter", starts)
        return quarter.first.isoformat() if quarter.last == period_of(kept.month, "month", 1).last else ""

    def _content(self, at: int, kept: _Kept, quarter: str) -> dict[str, Any]:
        day = kept.month.isoformat()
        return sealed_content(
            kept.close,
            totals=self.paid.get(kept.month, {}),
            owners=self.owners.get(day, {}),
            of_month={
                "payouts": self.payouts.get(day, [0, ""]),
                "settled": self.settled.get(day, [0, ""]),
                "statements": self.statements.get(quarter, [0, ""]),
            },
            said_and_done=self.said[at],
            upto=self.bounds[at + 1],
        )

    def _differences(self, at: int, kept: _Kept, found: Mapping[str, Any]) -> Iterator[Breach]:
        sealed = kept.close.content
        after, upto = self.bounds[at], self.bounds[at + 1]
        spoken = f"acts {after + 1} to {upto}, sealed with {month_name(kept.month)}"
        if found.keys() != sealed.keys():
            yield Breach(5, "closes", kept.where, "What it was sealed with cannot be read.")
            return
        yield from _tables_differ(sealed["said"], found["said"], spoken)
        yield from _tables_differ(sealed["fixed"], found["fixed"], kept.where)
        if sealed["lines"] != found["lines"]:
            yield from self._owners_differ(kept, sealed["lines"])
        plain = found.keys() - {"said", "fixed", "lines", "entries", "paid_minor"}
        for key in sorted(plain):
            if sealed[key] != found[key]:
                sentence = f"Its {key} is {found[key]!r}; sealed was {sealed[key]!r}."
                yield Breach(5, "closes", kept.where, sentence)
        if sealed["paid_minor"] != found["paid_minor"]:
            sentence = f"It pays {found['paid_minor']}; sealed was {sealed['paid_minor']}."
            yield Breach(5, "payouts", kept.where, sentence)

    def _owners_differ(self, kept: _Kept, sealed: str) -> Iterator[Breach]:
        """Whose lines changed: ``closed_owners`` tells, unless it was changed itself."""
        now = self.owners.get(kept.month.isoformat(), {})
        then = self.kept_owners.get(kept.month.isoformat(), {})
        table = (
            "entries" if rows_sha256((name, *each) for name, each in then.items()) == sealed else "closed_owners"
        )
        for payee_id in sorted(now.keys() | then.keys()):
            here, there = now.get(payee_id, (0, "")), then.get(payee_id, (0, ""))
            if here != there:
                differ = f"{here[0]} entries, where {there[0]} were sealed" if here[0] != there[0] else "changed"
                yield Breach(5, table, f"{kept.where}, payee {payee_id}", f"Not as it was sealed: {differ}.")
        if now == then:
            yield Breach(5, "entries", kept.where, "They and closed_owners are not as they were sealed.")


def _tables_differ(sealed: Mapping[str, Any], found: Mapping[str, Any], where: str) -> Iterator[Breach]:
    for table in sorted(sealed.keys() | found.keys()):
        then, now = sealed.get(table, [0, ""]), found.get(table, [0, ""])
        if then == now:
            continue
        sentence = "A row is not as it was sealed."
        if now[0] != then[0]:
            sentence = f"There are {now[0]} rows, where {then[0]} were sealed."
        elif now[1:-1] != then[1:-1]:
            sentence = f"{now[1]} earlier rows end here, where {then[1]} did."
        yield Breach(5, table, where, sentence)


def _owners_stand(view: View) -> Found:
    """Each payee's lines of a closed month are as ``closed_owners`` has them, and nobody else has any."""
    connection = view.connection
    closed = {each.month.isoformat(): each.close.content.get("lines") for each in _kept(connection)}
    kept = _kept_owners(connection)
    for day, sealed in closed.items():
        owners = kept.get(day, {})
        yield len(owners)
        if rows_sha256((name, *each) for name, each in owners.items()) != sealed:
            yield Breach(5, "closed_owners", f"month {day[:7]}", "They are not as they were sealed.")


def _kept_owners(connection: Connection) -> Owners:
    asked = "SELECT month, payee_id, entries, sha256 FROM closed_owners"
    found: Owners = {}
    for day, payee_id, number, digest_ in sorted(
        (str(day), *rest) for day, *rest in connection.exec_driver_sql(asked)
    ):
        found.setdefault(day, {})[payee_id] = (number, digest_)
    return found


def _paid(connection: Connection, months: Iterable[dt.date]) -> dict[dt.date, dict[str, int]]:
    """By month and currency, what was paid."""
    found: dict[dt.date, dict[str, int]] = {}
    for each in payouts_of(connection, months):
        of_month = found.setdefault(each.month, {})
        of_month[each.currency] = of_month.get(each.currency, 0) + each.pay_minor
    return found


# The company at the time -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Companies:
    """The company's settings from each act on that approved any."""

    approved: tuple[tuple[int, Company], ...]

    def at(self, act_id: int) -> Company | None:
        """The settings in force at an act."""
        return next((company for number, company in reversed(self.approved) if number <= act_id), None)


def companies(connection: Connection) -> Companies:
    """Every approved revision of the company's settings."""
    asked = (
        "SELECT d.act_id, r.document FROM rule_revisions AS r JOIN decisions AS d ON d.kind = 'rule' "
        "AND d.subject_id = r.id WHERE d.choice = 'approve' AND r.kind = 'company' ORDER BY d.act_id, r.id"
    )
    found = []
    for act_id, document in connection.exec_driver_sql(asked):
        company, _ = read_company(document, "company.toml")
        if company is not None:
            found.append((act_id, company))
    return Companies(tuple(found))


# Pay -------------------------------------------------------------------------------------------------

Owner = tuple[str, str]
"""Payee and currency."""


def _pay(view: View) -> Found:
    """Payouts are what their entries and the debt of the month before say: it closes with what the next opens."""
    connection = view.connection
    closes = _kept(connection)
    settings = companies(connection)
    months = [each.month for each in closes]
    settled = _settled_sums(connection)
    stored: dict[dt.date, dict[Owner, Payout]] = {month: {} for month in months}
    for payout in payouts_of(connection, months):
        stored[payout.month][payout.payee_id, payout.currency] = payout
    before: Mapping[Owner, Payout] = {}
    for each in closes:
        company = settings.at(each.close.known_through)
        if company is None:
            yield Breach(3, "rule_revisions", each.where, "No approved settings were in force when it closed.")
            continue
        here = stored[each.month]
        yield len(here)
        wanted = _wanted(each.month, settled.get(each.month.isoformat(), {}), before, company.recovery_cap_ppm)
        yield from _payouts_differ(each.where, wanted, here)
        before = here


class _Sum:
    """Lines of one sign as one amount, for what pay is made from; cap lines count with what is positive."""

    plan = component = ""

    def __init__(self, kind: str, amount_minor: int) -> None:
        self.kind, self.amount_minor = kind, amount_minor


def _settled_sums(connection: Connection) -> dict[str, dict[Owner, list[_Sum]]]:
    """By month and owner, what its payouts were made from: lines, each with what its entries come to."""
    line = "s.month, e.payee_id, e.currency, e.plan, e.component, e.kind, e.cause"
    lines = (
        f"SELECT {line}, sum(e.amount_minor) AS amount FROM settled AS s JOIN entries AS e ON e.id = s.entry_id "
        f"GROUP BY {line}"
    )
    earned = "kind = 'cap' OR amount > 0"
    asked = (
        f"SELECT month, payee_id, currency, sum(CASE WHEN {earned} THEN amount ELSE 0 END), "
        f"sum(CASE WHEN {earned} THEN 0 ELSE amount END) FROM ({lines}) AS lines "
        "GROUP BY month, payee_id, currency"
    )
    found: dict[str, dict[Owner, list[_Sum]]] = {}
    for month, payee_id, currency, positive, negative in connection.exec_driver_sql(asked):
        sums = [_Sum("cap", int(positive)), _Sum("", int(negative))]
        found.setdefault(str(month), {})[payee_id, currency] = sums
    return found


def _wanted(
    month: dt.date, settled: Mapping[Owner, list[_Sum]], before: Mapping[Owner, Payout], cap_ppm: int
) -> dict[Owner, Payout]:
    debts = {owner: each.carried_forward_minor for owner, each in before.items() if each.carried_forward_minor}
    made = {
        owner: payout_of(month, *owner, settled.get(owner, []), debts.get(owner, 0), cap_ppm)
        for owner in settled.keys() | debts.keys()
    }
    return {
        owner: each
        for owner, each in made.items()
        if each.positive_minor or each.negative_minor or each.brought_forward_minor
    }


def _payouts_differ(
    where: str, wanted: Mapping[Owner, Payout], stored: Mapping[Owner, Payout]
) -> Iterator[Breach]:
    for owner in sorted(wanted.keys() | stored.keys()):
        place = f"{where}, payee {owner[0]}, {owner[1]}"
        here, there = stored.get(owner), wanted.get(owner)
        if there is None:
            yield Breach(5, "payouts", place, "No entry and no debt was payable.")
        elif here is None:
            yield Breach(5, "payouts", place, f"Missing: {there.pay_minor} minor units were to be paid.")
        else:
            for name in (each.name for each in fields(Payout) if each.name.endswith("_minor")):
                if getattr(here, name) != getattr(there, name):
                    sentence = f"{name} is {getattr(here, name)}; its entries say {getattr(there, name)}."
                    yield Breach(5, "payouts", place, sentence)


def _pay_in_ledger(view: View) -> Found:
    """What was paid stands in the ledger, once, with its sign turned; nothing else counts as paid."""
    connection = view.connection
    paid = {
        (str(month), payee_id, currency): int(pay)
        for month, payee_id, currency, pay in connection.exec_driver_sql(
            "SELECT month, payee_id, currency, pay_minor FROM payouts WHERE pay_minor <> 0"
        )
    }
    yield len(paid)
    asked = (
        "SELECT id, month, payee_id, currency, amount_minor, cause FROM entries WHERE kind = 'payout' ORDER BY id"
    )
    for number, month, payee_id, currency, amount_minor, cause in connection.exec_driver_sql(asked):
        yield 1
        pay = paid.pop((str(month), payee_id, currency), 0)
        if pay != -amount_minor or cause != f"payout:{str(month)[:7]}":
            sentence = f"It says that {-amount_minor} was paid for {cause}; the payout is {pay}."
            yield Breach(5, "entries", f"row {number}, month {str(month)[:7]}, payee {payee_id}", sentence)
    for (month, payee_id, _), pay in sorted(paid.items()):
        place = f"month {month[:7]}, payee {payee_id}"
        yield Breach(5, "entries", place, f"The payout of {pay} is not in the ledger.")


def _settled_once(view: View) -> Found:
    """What a month settled was posted and payable by its end."""
    connection = view.connection
    asked = "SELECT s.entry_id, s.month FROM settled AS s JOIN entries AS e ON e.id = s.entry_id WHERE "
    yield int(connection.exec_driver_sql("SELECT count(*) FROM settled").scalar() or 0)
    # a month is its first day: what is payable in it is payable before the next one begins
    early = "e.month > s.month OR e.kind = 'payout' OR e.payable_on >= " + (
        "date(s.month, '+1 month')" if connection.dialect.name == "sqlite" else "s.month + interval '1 month'"
    )
    for number, month in connection.exec_driver_sql(f"{asked}{early} LIMIT {AT_MOST}"):
        sentence = f"Settled in {str(month)[:7]}, before it was posted or payable."
        yield Breach(5, "settled", f"entry {number}", sentence)


# Runs ------------------------------------------------------------------------------------------------


def _runs(view: View) -> Found:
    """Every entry is of a run of its month, every run has as many as it says, and none came after the close."""
    connection = view.connection
    posted: dict[int, dict[str, int]] = {}
    lines = "sum(CASE WHEN kind = 'payout' THEN 0 ELSE 1 END)"
    asked = f"SELECT run_id, month, {lines} FROM entries GROUP BY run_id, month"
    for run_id, month, number in connection.exec_driver_sql(asked):
        posted.setdefault(run_id, {})[str(month)] = int(number)
    runs = "SELECT id, act_id, month, known_through, entries FROM runs ORDER BY id"
    for run_id, act_id, month, known_through, entries in connection.exec_driver_sql(runs):
        yield 1
        found = posted.get(run_id, {})
        if found.keys() - {str(month)}:
            yield Breach(4, "entries", f"run {run_id}", f"They are not all of {str(month)[:7]}, as their run is.")
        if sum(found.values()) != entries:
            yield Breach(4, "entries", f"run {run_id}", f"{sum(found.values())} are there; it posted {entries}.")
        if known_through != act_id - 1:
            yield Breach(
                4, "runs", f"row {run_id}", f"It cannot have known what it says: acts to {known_through}."
            )
    late = (
        "SELECT r.id, r.month FROM runs AS r JOIN closes AS c ON c.month = r.month WHERE r.id > c.run_id "
        "OR r.id = c.run_id AND r.act_id > c.act_id ORDER BY r.id"
    )
    for run_id, month in connection.exec_driver_sql(late):
        yield Breach(5, "runs", f"row {run_id}", f"It posted into {str(month)[:7]}, which was closed.")
    strange = (
        "SELECT c.month FROM closes AS c JOIN runs AS r ON r.id = c.run_id WHERE r.month <> c.month "
        "OR r.known_through <> c.known_through"
    )
    for (month,) in connection.exec_driver_sql(strange):
        yield Breach(5, "closes", f"month {str(month)[:7]}", "It names a run that did not close it.")


# Files -----------------------------------------------------------------------------------------------


def _payout_files(view: View) -> Found:
    """Payout files are byte for byte what their digest and their control say, and pay what the month paid."""
    file = tables.PayoutFile
    asked = select(file.month, file.profile, file.name, file.content, file.control, file.sha256)
    for month, profile, name, content, control, sha256 in view.connection.execute(asked):
        yield 1
        place = f"month {month_name(month)}, {profile}, {name}"
        if hashlib.sha256(content).hexdigest() != sha256:
            yield Breach(5, "payout_files", place, "Its content is not what its sha256 is of.")
        if json.loads(control)["sha256"] != sha256:
            yield Breach(5, "payout_files", place, "Its control names another sha256.")


def _statements(view: View) -> Found:
    """Statements are what their digest says, on paper too."""
    statement, paper = tables.Statement, tables.StatementFile
    asked = select(statement.quarter, statement.payee_id, statement.document, statement.sha256)
    for quarter, payee_id, document, sha256 in view.connection.execute(asked):
        yield 1
        if digest(json.loads(document)) != sha256:
            sentence = "Its document is not what its sha256 is of."
            yield Breach(5, "statements", f"quarter {quarter}, payee {payee_id}", sentence)
    printed = select(paper.quarter, paper.payee_id, paper.content, paper.sha256)
    for quarter, payee_id, content, sha256 in view.connection.execute(printed):
        yield 1
        if hashlib.sha256(content).hexdigest() != sha256:
            sentence = "Its content is not what its sha256 is of."
            yield Breach(5, "statement_files", f"quarter {quarter}, payee {payee_id}", sentence)
    unissued = (
        "SELECT f.quarter, f.payee_id FROM statement_files AS f WHERE NOT EXISTS (SELECT 1 FROM statements AS s "
        f"WHERE s.quarter = f.quarter AND s.payee_id = f.payee_id) LIMIT {AT_MOST}"
    )
    for quarter, payee_id in view.connection.exec_driver_sql(unissued):
        place = f"quarter {quarter}, payee {payee_id}"
        yield Breach(5, "statements", place, "It was printed, but is not there.")


CHECKS = (
    Check("closed months in a chain", (5,), "closes", _chain),
    Check("seals known outside", (5,), "closes", _witnessed),
    Check("runs and their entries", (4, 5), "entries", _runs),
    Check("payees' lines as sealed", (5,), "closed_owners", _owners_stand),
    Check("payouts from their entries", (5,), "payouts", _pay),
    Check("payouts in the ledger", (5,), "entries", _pay_in_ledger),
    Check("settled when payable", (5,), "settled", _settled_once),
    Check("payout files", (5,), "payout_files", _payout_files),
    Check("statements", (5,), "statements", _statements),
    Check("everything as it was sealed", (4, 5), "closes", _contents),
)
