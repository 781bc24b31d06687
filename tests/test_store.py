"""The books say what the calculation says: to the row, in whatever order things became known, on both databases.

``DEEP_HISTORIES=2000 make test-deep`` tries as many random histories as you like. A failure prints its seed.
"""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import Engine, select

from deliveries import Parts, parts_of, write, write_first
from incentives.calendar import Period, period_of
from incentives.documents.company import read_company
from incentives.documents.plans import read_plan
from incentives.engines.inprocess import calculate
from incentives.facts import Facts
from incentives.feeds.folder import read_folder
from incentives.ledger.entries import Key, Terms
from incentives.ledger.pay import Payout, payouts
from incentives.rules.plan import Plan
from incentives.service import decisions, runs
from incentives.service.deliveries import import_folder
from incentives.service.months import close
from incentives.service.runs import run
from incentives.service.verification import breaches
from incentives.store import closes as kept
from incentives.store import engine as store_engine
from incentives.store import facts_out, ledger, tables
from incentives.store.engine import reading
from incentives.store.facts_out import Known, event_from
from model.histories import write_history
from stores import ANA, BEN, WAIVED, Shelf, made, models, opened

if TYPE_CHECKING:
    from postgres import Server

HERE = Path(__file__).parent
SAMPLE = HERE.parent / "sample_data"
OUTSIDE = sorted((HERE.parents[1] / "shared" / "data").glob("*/company.toml"))
"""Company folders from outside, where there are any."""

HISTORIES = {"sqlite": 6, "postgresql": 3}
_DEEP_FROM = 1_000_000
MOST_MONTHS, DEEP_MONTHS = 4, 14
"""How many months of a history are closed; what happens later is looked at as of the last of them."""

Standing = dict[Key, tuple[int, Terms]]
"""What stands for each key: the amount, and what else is said of it."""


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def shelf(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Shelf:
    server: Server | None = request.getfixturevalue("postgresql") if request.param == "postgresql" else None
    return Shelf(request.param, tmp_path_factory.mktemp("books"), server)


@pytest.fixture(scope="module")
def empty(shelf: Shelf) -> str:
    """Empty books, to be copied."""
    return made(shelf.new())


@pytest.fixture
def books(shelf: Shelf, empty: str) -> Iterator[Engine]:
    url = shelf.copy(empty)
    with opened(url) as engine:
        yield engine
    shelf.drop(url)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing here is about power cuts, and a rule is read hundreds of times."""
    monkeypatch.setitem(store_engine.PRAGMAS, "synchronous", "0")
    monkeypatch.setattr(facts_out, "read_plan", lru_cache(500)(read_plan))
    monkeypatch.setattr(facts_out, "read_company", lru_cache(500)(read_company))


# What stands --------------------------------------------------------------------------------------------


def standing(engine: Engine) -> Standing:
    """What the ledger says of each key: the sum of its entries, and what the last of them says besides."""
    found: Standing = {}
    with reading(engine) as connection:
        for entry in ledger.entries(connection):
            if entry.kind not in ("payout", "adjustment"):
                amount_minor = found[entry.key][0] if entry.key in found else 0
                assert entry.stood_minor == amount_minor, f"entry {entry.entry_id} says what stood before it"
                found[entry.key] = (amount_minor + entry.amount_minor, entry.terms)
    return {key: stands for key, stands in found.items() if stands[0]}


def wanted(facts: Facts, plans: Iterable[Plan], as_of: dt.date) -> Standing:
    """What a calculation over everything says."""
    found: Standing = {}
    for line in calculate(facts, tuple(plans), as_of).lines:
        key = (line.payee_id, line.plan, line.component, line.kind, line.cause, line.currency)
        assert key not in found, f"two lines have one key: {key}"
        found[key] = (line.amount_minor, (line.invoice_id, line.earned_on, line.payable_on, line.plan_version))
    return found


def differences(found: Standing, expected: Standing) -> list[str]:
    return [
        f"{key}: stands as {found.get(key)}, should as {expected.get(key)}"
        for key in sorted(found.keys() | expected.keys())
        if found.get(key) != expected.get(key)
    ]


def known(engine: Engine) -> tuple[Facts, tuple[Plan, ...]]:
    with reading(engine) as connection:
        facts = Known(connection)
        rules = facts.rules()
        assert rules is not None
        return facts.facts(rules), rules.plans


def read(folder: Path) -> tuple[Facts, tuple[Plan, ...]]:
    found = read_folder(folder)
    assert found.facts is not None, "\n".join(map(str, found.problems))
    return found.facts, found.plans


def sealed(engine: Engine) -> dict[str, list[Any]]:
    """Every row of every closed month."""
    found = {}
    with reading(engine) as connection:
        months = [each.month for each in kept.closes(connection)]
        for model in models():
            table = tables.table_of(model)
            if "month" in table.columns:
                asked = select(table).where(table.c.month.in_(months)).order_by(*table.primary_key)
                found[table.name] = list(connection.execute(asked))
        found["statements"] = list(connection.execute(select(tables.table_of(tables.Statement))))
    return found


def assert_closed_months_stand(engine: Engine, before: Mapping[str, list[Any]]) -> None:
    """Nothing of them is gone, changed or new; months that closed since come after them."""
    after = sealed(engine)
    months = {row.month for row in before.get("closes", ())}
    for table, rows in before.items():
        now = after[table]
        if table != "statements":
            now = [row for row in now if row.month in months]
        else:
            now = [row for row in now if row.quarter in {row.quarter for row in rows}]
        assert now == rows, f"{table} of closed months"


# Pay ----------------------------------------------------------------------------------------------------


@dataclass
class Pay:
    """What should be paid, from nothing but what stood at each close: by line, not by entry."""

    cap_ppm: int
    settled: dict[Key, int] = field(default_factory=dict)
    debts: dict[tuple[str, str], int] = field(default_factory=dict)

    def month(self, month: Period, should: Standing) -> list[Payout]:
        """A month's pay: of each line that is payable what is missing, or too much."""
        owed: dict[tuple[str, str], list[_Part]] = {}
        for key in should.keys() | self.settled.keys():
            amount_minor, terms = should.get(key, (0, None))
            payable = terms is None or terms[2] <= month.last
            rest = amount_minor - self.settled.get(key, 0)
            if payable and rest:
                self.settled[key] = amount_minor
                owed.setdefault((key[0], key[5]), []).append(_Part(key[1], key[2], key[3], rest))
        found = []
        for payee_id, currency in sorted(owed.keys() | self.debts.keys()):
            parts = owed.get((payee_id, currency), [])
            debt = self.debts.get((payee_id, currency), 0)
            positive = sum(each.amount_minor for each in parts if each.kind == "cap" or each.amount_minor > 0)
            negative = sum(each.amount_minor for each in parts) - positive
            if positive < 0:
                positive, negative = 0, positive + negative
            recovered = min(-negative - debt, _share(positive, self.cap_ppm))
            left = negative + debt + recovered
            self.debts[payee_id, currency] = left
            if positive or negative or debt:
                pay = positive - recovered
                numbers = (positive, negative, debt, recovered, pay, left)
                found.append(Payout(month.first, payee_id, currency, *numbers))
        return found


@dataclass
class _Part:
    plan: str
    component: str
    kind: str
    amount_minor: int


def _share(amount_minor: int, ppm: int) -> int:
    """Half away from zero; nothing here is negative."""
    return (2 * amount_minor * ppm + 1_000_000) // 2_000_000


def paid(engine: Engine, month: dt.date) -> list[Payout]:
    with reading(engine) as connection:
        return kept.payouts_of(connection, [month])


# A life of books ----------------------------------------------------------------------------------------


@dataclass
class Life:
    """One history, brought bit by bit, with runs and closes thrown in."""

    engine: Engine
    folder: Path
    last_day: dt.date
    parts: Parts
    rng: Random
    pay: Pay
    most_months: int
    closed: list[dt.date] = field(default_factory=list)
    sealed: dict[str, list[Any]] = field(default_factory=dict)
    ran: int = 0
    partial: int = 0

    @classmethod
    def of(cls, engine: Engine, folder: Path, seed: int, most_months: int = DEEP_MONTHS) -> Life:
        as_of = write_history(folder / "whole", seed)
        rng = Random(seed)
        facts, _ = read(folder / "whole")
        parts = parts_of(folder / "whole", rng)
        return cls(engine, folder, as_of, parts, rng, Pay(facts.company.recovery_cap_ppm), most_months)

    def lived(self) -> None:
        """All of it, in the order that the seed says."""
        import_folder(self.engine, ANA, write_first(self.folder / "first", self.folder / "whole", self.parts))
        plans = [name for name, _ in self.parts.plans]
        todo: list[Mapping[str, list[dict[str, str]]] | str] = [*self.parts.later]
        for name in plans:
            todo.insert(self.rng.randint(0, len(todo)), name)
        months = self._months_to_go()
        for number, one in enumerate(todo):
            while self._months_to_go() > 0 and self.rng.random() < months / (len(todo) + 1):
                self.close()
            self.bring(one, number)
            if self.rng.random() < 0.6:
                self.run()
        while self._months_to_go() > 0:
            self.close()
        self.run()

    def _open_month(self) -> Period | None:
        with reading(self.engine) as connection:
            rules = Known(connection).rules()
            assert rules is not None
            return ledger.open_month(connection, rules)

    def _months_to_go(self) -> int:
        month = self._open_month()
        if month is None:
            return 0
        first, last = month.first, self.last_day
        return min(self.most_months - len(self.closed), (last.year - first.year) * 12 + last.month - first.month)

    def bring(self, one: Mapping[str, list[dict[str, str]]] | str, number: int) -> None:
        folder = self.folder / f"later {number}"
        whole = self.folder / "whole"
        if isinstance(one, str):
            (folder / "plans").mkdir(parents=True)
            (folder / "plans" / one).write_bytes((whole / "plans" / one).read_bytes())
        else:
            write(folder, whole, one)
        import_folder(self.engine, ANA, folder)
        for waits in decisions.waiting(self.engine):
            if waits.kind == "rule":
                decisions.decide(self.engine, BEN, "rule", waits.number, "approve")
        if self.rng.random() < 0.2:
            assert import_folder(self.engine, BEN, folder).accepted == 0, "twice adds nothing"

    def run(self) -> None:
        """After a run of those who are affected stands what a calculation of everybody says."""
        if self._open_month() is None:
            return  # nothing that was brought so far has a day
        ran = run(self.engine, ANA)
        self.ran += 1
        self.partial += ran.scope != "everybody"
        facts, plans = known(self.engine)
        found = differences(standing(self.engine), wanted(facts, plans, ran.as_of))
        assert found == [], f"a run of {ran.scope}"
        if self.rng.random() < 0.2:
            assert run(self.engine, ANA, full=True).entries == 0

    def close(self) -> None:
        """The month pays what is missing of each line that stood at its end, and nothing before it moves."""
        if self._months_to_go() <= 0:
            return
        for waits in decisions.waiting(self.engine):
            if waits.kind == "conflict":
                choice = self.rng.choice(["keep", "replace"])
                decisions.decide(self.engine, BEN, "conflict", waits.number, choice)
        month = run(self.engine, ANA).month
        close(self.engine, BEN, month.first, waive=WAIVED)
        if self.sealed:
            assert_closed_months_stand(self.engine, self.sealed)
        self.sealed = sealed(self.engine)
        self.closed.append(month.first)
        facts, plans = known(self.engine)
        should = wanted(facts, plans, month.last)
        assert differences(standing(self.engine), should) == []
        assert paid(self.engine, month.first) == self.pay.month(month, should), f"pay of {month.first}"

    def expected(self, as_of: dt.date) -> Standing:
        """What the whole folder says at once, with the conflicts as they were decided."""
        facts, plans = read(self.folder / "whole")
        chosen = {}
        with reading(self.engine) as connection:
            conflict, decision = tables.Conflict, tables.Decision
            asked = select(conflict.source, conflict.subject, conflict.content, decision.choice)
            asked = asked.join(decision, (decision.subject_id == conflict.id) & (decision.kind == "conflict"))
            for source, subject, content, choice in connection.execute(asked):
                first = next(e for e in self._first_events() if e.ref == (source, subject))
                chosen[source, subject] = event_from(content) if choice == "replace" else first
        events = [each for each in facts.events if each.ref not in chosen]
        return wanted(replace(facts, events=(*events, *chosen.values())), plans, as_of)

    def _first_events(self) -> list[Any]:
        from incentives.facts import Event

        table = tables.table_of(tables.Event)
        with reading(self.engine) as connection:
            return [Event(*row[2:]) for row in connection.execute(select(table))]


def try_lives(shelf: Shelf, empty: str, folder: Path, seeds: Iterable[int], most_months: int) -> None:
    ran = partial = closed = 0
    for seed in seeds:
        url = shelf.copy(empty)
        with opened(url) as engine:
            life = Life.of(engine, folder / str(seed), seed, most_months)
            try:
                life.lived()
                _is_over(life)
            except Exception as error:
                error.add_note(f"seed {seed} on {shelf.brand}")
                raise
        shelf.drop(url)
        ran, partial, closed = ran + life.ran, partial + life.partial, closed + len(life.closed)
    assert closed > 0 and partial > ran // 10, "histories that close nothing and miss nobody prove nothing"


def _is_over(life: Life) -> None:
    ran = run(life.engine, BEN)
    assert ran.entries == 0, "a run again posts nothing"
    assert differences(standing(life.engine), life.expected(ran.as_of)) == []
    again = import_folder(life.engine, BEN, life.folder / "whole", complete=True)
    assert (again.accepted, again.waiting, again.gone) == (0, 0, 0), "the whole folder adds nothing"
    assert run(life.engine, ANA).entries == 0
    assert_closed_months_stand(life.engine, life.sealed)
    assert [each for each in breaches(life.engine) if "synchronous" not in each.sentence] == []
    assert_pay_is_what_was_settled(life.engine)


def assert_pay_is_what_was_settled(engine: Engine) -> None:
    """Of every payee, pay so far and debt carried forward are what was settled so far; no entry twice."""
    with reading(engine) as connection:
        months = [each.month for each in kept.closes(connection)]
        settled: dict[tuple[str, str], int] = {}
        for month in months:
            for entry in ledger.settled_in(connection, month):
                owner = (entry.payee_id, entry.currency)
                settled[owner] = settled.get(owner, 0) + entry.amount_minor
            for each in kept.payouts_of(connection, [month]):
                owner = (each.payee_id, each.currency)
                earlier = (e for m in months if m <= month for e in kept.payouts_of(connection, [m], owner[0]))
                pay = sum(e.pay_minor for e in earlier if e.currency == owner[1])
                assert pay + each.carried_forward_minor == settled.get(owner, 0)
                assert each.pay_minor >= 0


def test_random_lives_of_books_end_as_one_calculation_says(shelf: Shelf, empty: str, tmp_path: Path) -> None:
    try_lives(shelf, empty, tmp_path, range(HISTORIES[shelf.brand]), MOST_MONTHS)


@pytest.mark.deep
def test_as_many_lives_of_books_as_asked_end_as_one_calculation_says(
    shelf: Shelf, empty: str, tmp_path: Path
) -> None:
    histories = int(os.environ.get("DEEP_HISTORIES", "10000")) // 50
    try_lives(shelf, empty, tmp_path, range(_DEEP_FROM, _DEEP_FROM + histories), DEEP_MONTHS)


# Whole folders ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("folder", [SAMPLE, *(path.parent for path in OUTSIDE)], ids=lambda folder: folder.name)
def test_a_folder_in_the_books_is_the_folder_calculated(
    folder: Path, books: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All in one month, so that one run says everything."""
    import_folder(books, ANA, folder)
    facts, plans = read(folder)
    last = period_of(max(each.occurred_on for each in facts.events), "month", 1)
    monkeypatch.setattr(runs, "open_month", lambda connection, rules: last)
    ran = run(books, ANA, as_of=last.last)
    expected = wanted(facts, plans, last.last)
    assert ran.entries == len(expected) > 100
    assert differences(standing(books), expected) == []
    assert run(books, ANA, full=True).entries == 0
    again = import_folder(books, BEN, folder, complete=True)
    assert (again.accepted, again.waiting, again.gone) == (0, 0, 0)


def test_the_sample_company_is_paid_month_by_month_what_its_lines_say(books: Engine) -> None:
    """All was known in time, so that the calculation's own pay of every month is what the closes paid."""
    import_folder(books, ANA, SAMPLE)
    facts, plans = read(SAMPLE)
    months: list[Period] = []
    while not months or months[-1].first < dt.date(2026, 6, 1):
        months.append(run(books, ANA).month)
        close(books, BEN, months[-1].first, waive=WAIVED)
    lines = calculate(facts, plans, months[-1].last).lines
    expected = [replace(each, lines=()) for each in payouts(lines, months[-1], facts.company.recovery_cap_ppm)]
    assert [each for month in months for each in paid(books, month.first)] == expected
    assert sum(each.pay_minor for each in expected) > 0
    assert differences(standing(books), wanted(facts, plans, months[-1].last)) == []
    assert_pay_is_what_was_settled(books)
