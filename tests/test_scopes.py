"""Calculated piece by piece, in one process or in several, everything comes out as it does at once."""

from __future__ import annotations

import datetime as dt
import gc
import pickle
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.world import make_world
from incentives.calculation.chunks import Chunk, Scope
from incentives.calculation.earned import Earned
from incentives.calculation.explanation import Step, Why
from incentives.calculation.lines import Finding, Line
from incentives.engines.chunks import over
from incentives.engines.memory import Memory
from incentives.errors import Problem, Rejected, Told
from incentives.feeds.folder import read_folder
from incentives.ledger.entries import Draft, Key, Posted, difference
from incentives.rules.commission import Commission, Tier
from model.histories import write_history
from scenarios.runner import read_scenarios, write_dataset
from worlds import DAYS, TYPES, World, commissions, law, rows, worlds

HISTORIES = 150
SIZES = (1, 2, 7)
SAMPLE = Path(__file__).parent.parent / "sample_data"
SCENARIOS = Path(__file__).parent / "scenarios"


def kept(chunk: Chunk) -> Chunk:
    """Work that keeps everything, also the reasons."""
    return chunk


@dataclass(frozen=True)
class Said(Why):
    """A reason as it was explained: what it was made from does not travel."""

    explained: Step

    def step(self, line: Line) -> Step:
        return self.explained


def said(chunk: Chunk) -> Chunk:
    """Work of another process: everything, with the reasons explained there, and where it came out left there."""
    chunk.calculation = None
    chunk.lines = [replace(line, why=Said(line.explained())) for line in chunk.lines]
    return chunk


def history(folder: Path, seed: int) -> World:
    folder.mkdir()
    as_of = write_history(folder, seed)
    return read(folder, as_of)


def read(folder: Path, as_of: dt.date) -> World:
    reading = read_folder(folder)
    assert reading.facts is not None, "\n".join(map(str, reading.problems))
    return World(reading.facts, tuple(reading.plans), as_of)


def chunks(
    world: World,
    scope: Scope | None = None,
    at_once: int = 1,
    workers: int = 1,
    from_day: dt.date | None = None,
) -> list[Chunk]:
    work = said if workers > 1 else kept
    return list(over(Memory(world.facts), world.plans, world.as_of, work, scope, at_once, workers, from_day))


def union(found: Sequence[Chunk]) -> Earned:
    """Everything that the chunks hold; what is to be seen on an invoice may stand in several."""
    return Earned(
        [line for each in found for line in each.lines],
        sorted({finding for each in found for finding in each.findings}),
        [value for each in found for value in each.metrics],
        [pool for each in found for pool in each.pools],
    )


def explained(lines: Sequence[Line]) -> list[str]:
    return sorted(repr(line.explained()) for line in lines)


def assert_same(pieces: Earned, whole: Earned) -> None:
    assert rows(pieces.lines) == rows(whole.lines)
    assert pieces.findings == whole.findings
    assert sorted(map(repr, pieces.metrics)) == sorted(map(repr, whole.metrics))
    assert sorted(map(repr, pieces.pools)) == sorted(map(repr, whole.pools))


# Everything -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("at_once", SIZES)
def test_chunks_of_random_histories_hold_what_the_whole_holds(tmp_path: Path, at_once: int) -> None:
    lines = 0
    for seed in range(HISTORIES):
        world = history(tmp_path / str(seed), seed)
        pieces = union(chunks(world, at_once=at_once))
        assert_same(pieces, world.earned)
        if seed % 10 == 0:
            assert explained(pieces.lines) == explained(world.lines)
        lines += len(pieces.lines)
    assert lines > HISTORIES, "histories without lines prove nothing"


@law(60)
@given(worlds(), st.sampled_from(SIZES))
def test_chunks_of_small_worlds_hold_what_the_whole_holds(world: World, at_once: int) -> None:
    pieces = union(chunks(world, at_once=at_once))
    assert_same(pieces, world.earned)
    assert explained(pieces.lines) == explained(world.lines)


@st.composite
def tangled(draw: st.DrawFn) -> World:
    """A world where one id is told of several invoices, by one source or by two, seen on any day."""
    world = draw(worlds(same_ids=False))
    for event in draw(st.lists(st.sampled_from(world.facts.events), max_size=4, unique_by=lambda each: each.ref)):
        invoice_id = draw(st.sampled_from(world.facts.invoices)).invoice_id
        source, on = draw(st.sampled_from(["bank", "card"])), draw(st.sampled_from([event.occurred_on, *DAYS]))
        world = world.after(replace(event, invoice_id=invoice_id, source=source, occurred_on=on))
    return world.seen_on(draw(st.sampled_from([world.as_of, *DAYS])))


@law(100)
@given(tangled())
def test_an_id_that_other_payees_events_have_too_is_known_in_every_chunk(world: World) -> None:
    assert_same(union(chunks(world)), world.earned)


@pytest.mark.parametrize("at_once", SIZES)
def test_processes_of_their_own_make_the_same(tmp_path: Path, at_once: int) -> None:
    for world in (read(SAMPLE, dt.date(2026, 6, 30)), history(tmp_path / "random", 40 + at_once)):
        alone, together = chunks(world, at_once=at_once), chunks(world, at_once=at_once, workers=2)
        assert_same(union(together), world.earned)
        assert explained(union(together).lines) == explained(world.lines)
        assert [each.payees for each in together] == [each.payees for each in alone], "in the same order"


# A part -----------------------------------------------------------------------------------------------------


def told(found: Sequence[Chunk], team_plans: frozenset[str], lines: Sequence[Line]) -> list[Line]:
    """Those lines of which the chunks say that nothing else should stand."""
    payees = {payee_id for each in found for payee_id in each.payees}
    members = {payee_id for each in found for payee_id in each.members}
    return [line for line in lines if line.payee_id in (members if line.plan in team_plans else payees)]


def seen(found: Sequence[Chunk], findings: Sequence[Finding]) -> list[Finding]:
    """Those findings that stand on the payees and invoices of the chunks; those of a team are nobody's else."""
    payees = {payee_id for each in found for payee_id in each.payees}
    invoices = {invoice_id for each in found for invoice_id in each.invoices}
    settled = ("conflict", "wrong_currency", "unknown_reference")
    return [
        each
        for each in findings
        if (each.payee_id in payees if each.payee_id else each.what in settled and each.invoice_id in invoices)
    ]


@st.composite
def scoped(draw: st.DrawFn) -> tuple[World, Scope]:
    world = draw(worlds())
    everything = Memory(world.facts).everything()
    payees = draw(st.lists(st.sampled_from(everything.payees), unique=True))
    teams = draw(st.lists(st.sampled_from(everything.teams), unique=True)) if everything.teams else []
    invoices = draw(st.lists(st.sampled_from([each.invoice_id for each in world.facts.invoices]), unique=True))
    return world, Scope(tuple(payees), tuple(teams), tuple(invoices))


def assert_told(world: World, scope: Scope, found: Sequence[Chunk]) -> None:
    pieces, whole = union(found), world.earned
    assert set(scope.payees) <= {payee_id for each in found for payee_id in each.payees}
    assert set(scope.teams) <= {team for each in found for team in each.teams}
    assert set(scope.invoices) <= {invoice_id for each in found for invoice_id in each.invoices}
    assert rows(pieces.lines) == rows(told(found, Memory(world.facts).team_plans(), whole.lines))
    assert explained(pieces.lines) == explained(told(found, Memory(world.facts).team_plans(), whole.lines))
    teams = {team for each in found for team in each.teams}
    assert seen(found, pieces.findings) == seen(found, whole.findings)
    assert set(pieces.findings) <= set(whole.findings)
    assert sorted(map(repr, pieces.metrics)) == sorted(repr(each) for each in whole.metrics if each.team in teams)
    assert sorted(map(repr, pieces.pools)) == sorted(repr(each) for each in whole.pools if each.team in teams)


@law(80)
@given(scoped())
def test_a_scope_holds_what_the_whole_says_of_it(asked: tuple[World, Scope]) -> None:
    world, scope = asked
    assert_told(world, scope, chunks(world, scope))


def test_scopes_of_random_histories_hold_what_the_whole_says_of_them(tmp_path: Path) -> None:
    for seed in range(HISTORIES):
        world = history(tmp_path / str(seed), seed)
        everything = Memory(world.facts).everything()
        for scope in (
            Scope(payees=everything.payees[:1]),
            Scope(payees=everything.payees[-1:], teams=everything.teams[:1]),
            Scope(teams=everything.teams[-1:], invoices=(world.facts.invoices[0].invoice_id,)),
        ):
            assert_told(world, scope, chunks(world, scope))


def test_every_payee_and_team_is_in_one_chunk() -> None:
    world = read(SAMPLE, dt.date(2026, 6, 30))
    everything = Memory(world.facts).everything()
    for at_once in SIZES:
        found = chunks(world, at_once=at_once)
        assert [payee_id for each in found for payee_id in each.payees] == list(everything.payees)
        assert sorted(payee_id for each in found for payee_id in each.members) == list(everything.payees)
        assert [team for each in found for team in each.teams] == list(everything.teams)
        assert max(len(each.payees) for each in found) <= at_once


@law(80)
@given(worlds(same_ids=False), st.data())
def test_an_event_changes_nothing_that_was_earned_before_its_day(world: World, data: st.DataObject) -> None:
    """So after one payment a caller need only compare lines from its day on."""
    event = data.draw(st.sampled_from(world.facts.events))
    without = world.given(events=tuple(each for each in world.facts.events if each is not event))
    earlier = [line for line in world.lines if line.earned_on < event.occurred_on]
    assert rows(earlier) == rows([line for line in without.lines if line.earned_on < event.occurred_on])


def earned_from(day: dt.date, lines: Sequence[Line]) -> list[Line]:
    return [line for line in lines if line.earned_on >= day]


ADVANCES = commissions(
    earns_on=st.sampled_from(["invoice", "contract"]), suspend_after_days=st.sampled_from([0, 20, 45])
)
"""What is suspended on a day and, when the due date moves, on another."""


@law(100)
@given(
    worlds(ADVANCES, same_ids=False, others=False, types=("due_date_changed",) * 8 + TYPES, max_invoices=2),
    st.data(),
)
def test_what_an_event_posts_needs_no_line_that_was_earned_before_its_day(
    world: World, data: st.DataObject
) -> None:
    """In whatever order they come, and whatever was paid out meanwhile."""
    known, posted = world.given(events=()), dict[Key, list[Posted]]()
    _post(list(difference(known.lines, posted)), posted)
    for event in data.draw(st.permutations(world.facts.events)):
        if data.draw(st.booleans(), label="paid out"):
            posted = {key: [each._replace(is_settled=True) for each in of_key] for key, of_key in posted.items()}
        known, day = known.after(event), event.occurred_on
        drafts = list(difference(known.lines, posted))
        assert list(difference(earned_from(day, known.lines), posted, day)) == drafts
        _post(drafts, posted)


def _post(drafts: Sequence[Draft], posted: dict[Key, list[Posted]]) -> None:
    for each in drafts:
        key = (each.payee_id, each.plan, each.component, each.kind, each.cause, each.currency)
        terms = (each.invoice_id, each.earned_on, each.payable_on, each.plan_version)
        posted.setdefault(key, []).append(Posted(terms, each.amount_minor, is_settled=False))


CASH = commissions(
    earns_on=st.just("payment"), tiers_apply=st.just("marginal"), measure=st.just("amount"), cap=st.none()
)
"""What counts as it comes: an invoice that was only paid need not be followed for it."""


@law(150)
@given(
    worlds() | worlds(CASH, rules=("invoice", "contract"), types=("payment",) * 12 + TYPES, max_invoices=8),
    st.data(),
)
def test_lines_from_a_day_on_do_not_need_the_earlier_ones(world: World, data: st.DataObject) -> None:
    day = data.draw(st.sampled_from(sorted({each.occurred_on for each in world.facts.events})))
    found = union(chunks(world, from_day=day))
    assert rows(earned_from(day, found.lines)) == rows(earned_from(day, world.lines))
    assert found.findings == union(chunks(world)).findings


def left_out(world: World) -> int:
    """How many lines were not made where only those from some day on were asked for: those came out the same."""
    found = 0
    days = sorted({line.earned_on for line in world.lines})
    for day in days[:: max(1, len(days) // 3)]:
        asked = union(chunks(world, from_day=day)).lines
        assert rows(earned_from(day, asked)) == rows(earned_from(day, world.lines)), day
        found += len(world.lines) - len(asked)
    return found


def test_lines_of_random_histories_from_a_day_on_do_not_need_the_earlier_ones(tmp_path: Path) -> None:
    for seed in range(HISTORIES):
        left_out(history(tmp_path / str(seed), seed))


@pytest.mark.parametrize("attainment", ["reduce", "keep"])
@pytest.mark.parametrize("over", ["invoice", "month", "quarter", "fiscal_year", "ever"])
def test_lines_of_companies_from_a_day_on_do_not_need_the_earlier_ones(over: Any, attainment: Any) -> None:
    for seed in range(3):
        made = make_world(400, seed)
        (plan,) = made.plans
        (version,) = plan.versions
        (component,) = version.components
        assert isinstance(component, Commission)
        tiers = tuple(Tier(each, 40_000 + each // 100) for each in (0, 500_000, 1_500_000, 4_000_000, 9_000_000))
        clawback = replace(component.clawback, attainment=attainment)
        component = replace(component, accumulates_over=over, tiers=tiers, clawback=clawback)
        plan = replace(plan, versions=(replace(version, components=(component,)),))
        assert left_out(World(made.facts, (plan,), made.as_of)) > 300


def test_lines_of_scenarios_from_a_day_on_do_not_need_the_earlier_ones(tmp_path: Path) -> None:
    found = 0
    for path in sorted(SCENARIOS.glob("*.yaml")):
        for number, scenario in enumerate(read_scenarios(path)):
            folder = tmp_path / path.stem / str(number)
            write_dataset(scenario, folder)
            found += left_out(read(folder, scenario.as_of))
    assert found > 20


# Memory -----------------------------------------------------------------------------------------------------


def test_a_chunk_leaves_nothing_to_the_garbage_collector(tmp_path: Path) -> None:
    """It is paused while chunks are calculated: what goes in circles would stay."""
    for seed in range(0, HISTORIES, 5):
        world = history(tmp_path / str(seed), seed)
        source = Memory(world.facts)
        run = over(source, world.plans, world.as_of, _nothing, payees_at_once=2)
        gc.collect()
        gc.disable()
        try:
            for _ in run:
                pass
            assert gc.collect() == 0, f"seed {seed}"
        finally:
            gc.enable()


def _nothing(chunk: Chunk) -> None:
    """Work that forgets."""


# Processes --------------------------------------------------------------------------------------------------


def test_a_rejection_travels_with_its_problems() -> None:
    rejected = Rejected([Problem("plan", 0, "tiers", "out-of-reach", Told("Too much."))])
    assert pickle.loads(pickle.dumps(rejected)).problems == rejected.problems
