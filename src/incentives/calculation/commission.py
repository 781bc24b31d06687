"""Commission: credited movements become lines (calculation.md sections 5 to 8).

One :class:`Follower` follows one payee under one component of one plan through all its invoices, in the one
order of section 3. The state of the calculation lives here and nowhere else: a pile of segments and an
exact running total per invoice, an attainment per window.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from incentives.calculation.book import Book
from incentives.calculation.credits import Credited
from incentives.calculation.curve import NO_MULTIPLIERS, Curve, Factors, Tiers
from incentives.calculation.lines import Finding, FindingKind, Line, LineKind
from incentives.calculation.position import Movement
from incentives.calculation.reasons import CommissionWhy, Piece, StepTaken, Undone
from incentives.calculation.segments import Part, Pile, Segment, give_back
from incentives.calendar import period_of
from incentives.facts import EventRef, Invoice
from incentives.money import PPM, rounded, rounded_exact
from incentives.rules.plan import Plan

WindowKey = tuple[str, str | dt.date | None]
"""The kind of window and what tells it apart: an invoice, a first day, nothing (``ever``)."""


@dataclass(slots=True)
class Total:
    """An exact running total, and what of it has been booked in minor units: lines are the difference."""

    exact: int = 0
    booked_minor: int = 0

    def book(self) -> int:
        """R(X after) - R(X before): the amount of a line (section 2)."""
        now_minor = rounded_exact(self.exact)
        amount_minor = now_minor - self.booked_minor
        self.booked_minor = now_minor
        return amount_minor


@dataclass(slots=True)
class Window:
    """An attainment, and for ``whole_amount`` tiers what the window is worth."""

    key: WindowKey
    attained: int = 0
    total: Total = field(default_factory=Total)
    weights: dict[tuple[int, int], int] = field(default_factory=dict)
    """Σ m x movement at 10^-12, by curve (its version's day as ordinal) and rate points."""
    segments: list[Segment[Terms]] = field(default_factory=list)
    tiers: dict[int, Tiers] = field(default_factory=dict)

    def weigh(self, curve: Curve, factors: Factors, weight: int) -> None:
        """Put money into the sum, or take it out."""
        key = (curve.version_from.toordinal(), factors.add_ppm)
        self.weights[key] = self.weights.get(key, 0) + weight

    def worth(self) -> list[tuple[int, int, int]]:
        """T, version by version: (version, rate, exact worth) at the attainment reached."""
        found = []
        for (version, add_ppm), weight in self.weights.items():
            rate_ppm = self.tiers[version].rate_at(self.attained) + add_ppm
            found.append((version, rate_ppm, rounded(rate_ppm * weight, PPM)))
        return found


@dataclass(slots=True)
class Terms:
    """What money earned on: the curve of its version (``None``: it earned nothing), factors and window."""

    curve: Curve | None
    factors: Factors
    window: Window | None
    payable_on: dt.date


@dataclass(slots=True)
class Taken:
    """What one part lost to one take-back: enough to give exactly that back."""

    part: Part[Terms]
    commission: list[tuple[Segment[Terms], int]]
    """Exact commission taken, by the segment it came out of."""
    weight: int
    """What left the sum of a ``whole_amount`` window."""
    counted: bool
    """The attainment fell with it."""
    payable_on: dt.date
    line: Line | None = None


@dataclass(slots=True)
class Position:
    """One payee's money on one invoice: the pile, the running total, and what was taken and may come back."""

    invoice: Invoice
    curves: Curves
    pile: Pile[Terms] = field(default_factory=Pile)
    total: Total = field(default_factory=Total)
    left: int = 0
    """Commission in the segments, exact."""
    taken: dict[EventRef, list[Taken]] = field(default_factory=dict)
    suspended: list[Taken] = field(default_factory=list)


class Curves:
    """Which curve holds for an invoice's money on a day: one for all of it, or the one of the event's date."""

    def __init__(self, by_day: Sequence[tuple[dt.date, dt.date, Curve | None]]) -> None:
        """From each day on: the version's date, and its curve (``None``: it lacks the component)."""
        self.by_day = by_day

    def on(self, day: dt.date) -> tuple[dt.date | None, Curve | None]:
        """The version in force on the rule date of an event of that day (``None``: none yet), and its curve."""
        found: tuple[dt.date | None, Curve | None] = (None, None)
        for starts_on, version_from, curve in self.by_day:
            if starts_on > day:
                break
            found = (version_from, curve)
        return found


class Follower:
    """One payee under one component, through all their invoices."""

    def __init__(self, book: Book, plan: Plan, component: str, payee_id: str) -> None:
        self.book = book
        self.plan = plan
        self.component = component
        self.payee_id = payee_id
        self.ends_on = book.payees[payee_id].ends_on
        self.windows: dict[WindowKey, Window] = {}
        self.lines: list[Line] = []
        self.findings: list[Finding] = []

    def follow(self, stream: Iterable[tuple[Position, Credited]]) -> list[Line]:
        """The lines of a stream of credited movements, which comes in the order of section 3."""
        for position, credited in stream:
            if credited.amount < 0:
                self._down(position, credited.movement, -credited.amount)
            else:
                self._up(position, credited)
        return self.lines

    # Money that moves up ---------------------------------------------------------------------------

    def _up(self, position: Position, credited: Credited) -> None:
        movement = credited.movement
        amount = credited.amount
        for taken in self._may_come_back(position, movement):
            amount -= self._restore(position, movement, taken, amount)
            if not amount:
                return
        counted = min(amount, credited.amount - credited.uncredited)
        if counted:
            self._earn(position, movement, counted)
        if amount > counted:
            self._add_nothing(position, movement, amount - counted, uncredited=True)

    def _may_come_back(self, position: Position, movement: Movement) -> Iterator[list[Taken]]:
        """What an upward movement restores before it earns anew, in this order (section 8)."""
        event = movement.event
        if event is None:
            return
        if event.type == "chargeback_reversed":
            ref = self.book.ref_named(event, event.reverses)
            if ref in position.taken:
                yield position.taken[ref]
        if event.type in ("chargeback_reversed", "payment"):
            yield position.suspended

    def _restore(self, position: Position, movement: Movement, taken: list[Taken], amount: int) -> int:
        """Put back exactly what was taken, newest segment first; returns how much money that was."""
        by_part = {id(each.part): each for each in taken if each.part.size}
        if not by_part:
            return 0
        before_exact, before = position.total.exact, amount
        undone, windows = [], {}
        payable_on = movement.on
        for part in position.pile.newest_first(each.part for each in by_part.values()):
            if not amount:
                break
            each = by_part[id(part)]
            window = part.segment.earned.window
            if window is not None and id(window) not in windows:
                windows[id(window)] = (window, window.attained, window.worth())
            size = min(part.size, amount)
            weighed = each.weight
            restored = self._give_back(position, each, size)
            amount -= size
            if restored or weighed:
                payable_on = max(payable_on, each.payable_on)
            undone.append(Undone(part.segment.on, part.segment.cause, size, restored, restored, each.line))
        self._write(
            "restoration",
            position,
            movement,
            payable_on,
            before - amount,
            before_exact,
            undone,
            windows.values(),
        )
        return before - amount

    def _give_back(self, position: Position, taken: Taken, size: int) -> int:
        part, whole_size = taken.part, taken.part.size
        terms = part.segment.earned
        plan_minor = give_back(part, size)
        restored = 0
        for at, (segment, commission) in enumerate(taken.commission):
            back = commission if size == whole_size else rounded(commission * size, whole_size)
            taken.commission[at] = (segment, commission - back)
            segment.commission += back
            restored += back
        position.left += restored
        position.total.exact += restored
        if terms.window is not None and terms.curve is not None:
            if taken.counted:
                terms.window.attained += plan_minor
            if taken.weight:
                weight = taken.weight if size == whole_size else rounded(taken.weight * size, whole_size)
                taken.weight -= weight
                terms.window.weigh(terms.curve, terms.factors, weight)
        return restored

    def _earn(self, position: Position, movement: Movement, amount: int) -> None:
        """New money at today's curve; where it earns nothing, the reason is found and a segment stays."""
        version_from, curve = position.curves.on(movement.on)
        nothing = self._earns_nothing(version_from, curve, movement)
        if nothing or curve is None:
            self._add_nothing(position, movement, amount, nothing)
            return
        invoice = position.invoice
        factors, plan_minor = NO_MULTIPLIERS, amount
        if curve.component.multipliers:
            found = curve.factors(self.book.subject(invoice), movement)
            if found is None:
                self._add_nothing(position, movement, amount, "no_match")
                return
            factors = found
        if invoice.currency != self.plan.currency:
            converted = self.book.converted(amount, invoice.currency, self.plan.currency, movement.on)
            if converted is None:
                self._add_nothing(position, movement, amount, "missing_fx_rate")
                return
            plan_minor = converted
        window = self._window(curve, invoice, movement.on)
        if window is None:
            self._add_nothing(position, movement, amount, "missing_target")
            return
        self._add_money(position, movement, amount, plan_minor, Terms(curve, factors, window, movement.on))

    def _earns_nothing(
        self, version_from: dt.date | None, curve: Curve | None, movement: Movement
    ) -> FindingKind | None:
        if self.plan.rules_as_of == "payment" and not self.book.is_on_plan(self.plan, movement.on, self.payee_id):
            return "no_plan"
        if version_from is None:
            return "before_first_version"
        if self.ends_on is not None and curve is not None:
            after_days = curve.component.after_leaving_days
            if after_days is not None and (movement.on - self.ends_on).days > after_days:
                return "left"
        return None

    def _add_nothing(
        self,
        position: Position,
        movement: Movement,
        amount: int,
        what: FindingKind | None = None,
        uncredited: bool = False,
    ) -> None:
        """Money that earns nothing still leaves a segment, with commission 0 and no attainment (section 5)."""
        event = movement.event
        ref = event.ref if event is not None else None
        terms = Terms(None, NO_MULTIPLIERS, None, movement.on)
        position.pile.add(Segment(movement.on, ref, movement.cause, amount, 0, 0, terms, uncredited))
        if what and what != "no_plan":
            event_id = event.event_id if event is not None else ""
            message = _NOTHING[what].format(
                plan=self.plan.name, component=self.component, on=movement.on, **_names(position.invoice)
            )
            self.findings.append(Finding(what, position.invoice.invoice_id, self.payee_id, event_id, message))

    def _add_money(
        self, position: Position, movement: Movement, amount: int, plan_minor: int, terms: Terms
    ) -> None:
        curve, factors, window = terms.curve, terms.factors, terms.window
        assert curve is not None and window is not None
        component = curve.component
        if component.hold_days:
            terms.payable_on = movement.on + dt.timedelta(days=component.hold_days)
        attained = window.attained
        tiers = window.tiers[curve.version_from.toordinal()]
        whole_amount = component.tiers_apply == "whole_amount"
        windows = ((window, attained, window.worth()),) if whole_amount else ()
        before_exact = position.total.exact
        ref = movement.event.ref if movement.event is not None else None
        pieces = _cut_at_limits(tiers, attained, amount, plan_minor)
        for piece in pieces:
            if not whole_amount:
                for part_minor, rate_ppm in piece.rates:
                    piece.exact += factors.m_ppm * (rate_ppm + factors.add_ppm) * part_minor
            segment = Segment(movement.on, ref, movement.cause, piece.size, piece.plan_minor, piece.exact, terms)
            position.pile.add(segment)
            position.left += piece.exact
            position.total.exact += piece.exact
            if whole_amount:
                window.segments.append(segment)
        window.attained = attained + plan_minor
        if whole_amount:
            window.weigh(curve, factors, PPM * factors.m_ppm * plan_minor)
        self._write(
            "earning",
            position,
            movement,
            terms.payable_on,
            amount,
            before_exact,
            pieces,
            windows,
            terms,
            attained,
        )

    def _window(self, curve: Curve, invoice: Invoice, day: dt.date) -> Window | None:
        """The window of a day, with the curve's tiers in it; ``None`` where it needs a target and has none."""
        over = curve.component.accumulates_over
        key: WindowKey
        if over == "invoice":
            key = (over, invoice.invoice_id)
        elif over == "ever":
            key = (over, None)
        else:
            key = (over, period_of(day, over, self.book.company.fiscal_year_starts).first)
        window = self.windows.get(key)
        if window is None:
            window = self.windows[key] = Window(key)
        version = curve.version_from.toordinal()
        if version not in window.tiers:
            target = None
            if curve.component.measure == "target":
                start = key[1] if isinstance(key[1], dt.date) else None
                target = self.book.target(self.plan, self.component, start, self.payee_id)
                if target is None:
                    return None
            window.tiers[version] = curve.tiers(target)
        return window

    # Money that moves down -------------------------------------------------------------------------

    def _down(self, position: Position, movement: Movement, amount: int) -> None:
        event = movement.event
        named = self.book.ref_named(event, event.payment_id) if event is not None and event.payment_id else None
        before_exact = position.total.exact
        lowered: dict[int, int] = {}
        windows: dict[int, tuple[Window, int, list[tuple[int, int, int]]]] = {}
        losses: list[Taken] = []
        undone: list[Undone] = []
        payable_on = movement.on
        for part in position.pile.take(amount, named):
            window = part.segment.earned.window
            if window is not None and id(window) not in windows:
                windows[id(window)] = (window, window.attained, window.worth())
            taken = self._take_back(position, part, movement, lowered)
            losses.append(taken)
            commission = sum(each for _, each in taken.commission)
            undone.append(
                Undone(part.segment.on, part.segment.cause, part.size, commission, part.commission, None)
            )
            for segment, lost in taken.commission:
                if lost:
                    payable_on = max(payable_on, segment.earned.payable_on)
            if taken.weight:
                payable_on = max(payable_on, part.segment.earned.payable_on)
        payable_on = max([payable_on, *_losers_of_a_step_back(windows.values())])
        kind: LineKind = "suspension" if movement.suspends else "clawback"
        line = self._write(kind, position, movement, payable_on, -amount, before_exact, undone, windows.values())
        for taken in losses:
            taken.payable_on, taken.line = payable_on, line
        if movement.suspends:
            position.suspended.extend(losses)
        elif event is not None:
            position.taken.setdefault(event.ref, []).extend(losses)

    def _take_back(
        self, position: Position, part: Part[Terms], movement: Movement, lowered: dict[int, int]
    ) -> Taken:
        """What one part loses; its share of commission leaves the pile whether it is taken or kept."""
        terms = part.segment.earned
        curve, window, factors = terms.curve, terms.window, terms.factors
        if curve is None or window is None:
            return Taken(part, [], 0, False, movement.on)
        clawback = curve.component.clawback
        share_ppm = PPM if movement.suspends else self._share_ppm(curve, part, movement)
        counted = movement.suspends or clawback.attainment == "reduce"
        attained = window.attained if counted else lowered.get(id(window), window.attained)
        weight = 0
        commission: list[tuple[Segment[Terms], int]] = []
        if curve.component.tiers_apply == "whole_amount":
            weight = share_ppm * factors.m_ppm * part.plan_minor
            window.weigh(curve, factors, -weight)
        elif clawback.basis == "recalculate" and not movement.suspends:
            tiers = window.tiers[curve.version_from.toordinal()]
            fall = tiers.total(attained) - tiers.total(attained - part.plan_minor)
            loss = factors.m_ppm * (fall + factors.add_ppm * part.plan_minor)
            loss = max(0, min(loss, position.left))
            position.left -= max(loss, part.commission)
            commission = _shared_out(_drained(position.pile, part, loss), loss, share_ppm)
        else:
            position.left -= part.commission
            commission = [(part.segment, rounded(share_ppm * part.commission, PPM))]
        if counted:
            window.attained -= part.plan_minor
        else:
            lowered[id(window)] = attained - part.plan_minor
        position.total.exact -= sum(each for _, each in commission)
        return Taken(part, commission, weight, counted, movement.on)

    def _share_ppm(self, curve: Curve, part: Part[Terms], movement: Movement) -> int:
        """How much of the commission is taken: the rest is kept for good (section 8)."""
        clawback, event = curve.component.clawback, movement.event
        if event is None:
            return PPM
        if event.fault == "company" and clawback.company_fault == "keep":
            return 0
        if clawback.window_days is not None and (movement.on - part.segment.on).days > clawback.window_days:
            return 0
        return clawback.share_ppm.get(event.type, PPM)

    # Lines -----------------------------------------------------------------------------------------

    def _write(
        self,
        kind: LineKind,
        position: Position,
        movement: Movement,
        payable_on: dt.date,
        moved: int,
        before_exact: int,
        parts: list[Piece] | list[Undone],
        windows: Iterable[tuple[Window, int, list[tuple[int, int, int]]]],
        terms: Terms | None = None,
        attained: int = 0,
    ) -> Line | None:
        """Book the totals that moved and write the difference as a line; nothing where it is 0."""
        amount_minor = position.total.book()
        steps: list[StepTaken] = []
        for window, attained_before, worth_before in windows:
            if window.weights:
                worth = window.worth()
                window.total.exact = sum(exact for _, _, exact in worth)
                amount_minor += window.total.book()
                steps.append(StepTaken(window.key[1], attained_before, window.attained, worth_before, worth))
        if not amount_minor:
            return None
        version_from, _ = position.curves.on(movement.on)
        assert version_from is not None, "money that earned had a version"
        line = Line(
            self.payee_id,
            self.plan.plan,
            self.component,
            kind,
            movement.cause,
            position.invoice.invoice_id,
            movement.on,
            payable_on,
            amount_minor,
            self.plan.currency,
            version_from,
            CommissionWhy(
                kind,
                amount_minor,
                self.payee_id,
                position.invoice,
                movement,
                moved,
                self.plan,
                before_exact,
                position.total.exact,
                parts,
                steps,
                terms.factors if terms else None,
                terms.window.key[1] if terms and terms.window else None,
                attained,
                payable_on,
            ),
        )
        self.lines.append(line)
        return line


_NOTHING: dict[FindingKind, str] = {
    "before_first_version": "{plan} has no version yet on {on}; the money earned nothing.",
    "left": "Cash of {on} came too long after the payee left; it earned nothing under {component}.",
    "missing_fx_rate": "There is no rate from {currency} on {on}; the money earned nothing under {component}.",
    "missing_target": "There is no target for {component} in the window of {on}; the money earned nothing.",
    "no_match": "A multiplier of {component} knows no factor for this invoice on {on}; the money earned nothing.",
}


def _names(invoice: Invoice) -> dict[str, str]:
    return {"currency": invoice.currency}


def _cut_at_limits(tiers: Tiers, attained: int, amount: int, plan_minor: int) -> list[Piece]:
    """A movement cut where it crosses tier limits, lowest tier first; what it earns is the caller's to say.

    A converted movement is cut at R(movement x plan amount so far / plan amount); a piece of size 0 joins
    the next one, at the end the one before (section 5).
    """
    tier_parts = tiers.pieces(attained, attained + plan_minor)
    if len(tier_parts) == 1:
        return [Piece(amount, plan_minor, tuple(tier_parts), 0)]
    pieces: list[Piece] = []
    so_far = cut = 0
    for part_minor, rate_ppm in tier_parts:
        so_far += part_minor
        upto = amount if so_far == plan_minor else rounded(amount * so_far, plan_minor)
        piece = Piece(upto - cut, part_minor, ((part_minor, rate_ppm),), 0)
        cut = upto
        pieces.append(_joined(pieces.pop(), piece) if pieces and not pieces[-1].size else piece)
    if len(pieces) > 1 and not pieces[-1].size:
        last = pieces.pop()
        pieces.append(_joined(pieces.pop(), last))
    return pieces


def _joined(one: Piece, other: Piece) -> Piece:
    return Piece(one.size + other.size, one.plan_minor + other.plan_minor, one.rates + other.rates, 0)


def _drained(pile: Pile[Terms], part: Part[Terms], loss: int) -> list[tuple[Segment[Terms], int]]:
    """Where a recalculated loss comes from: the part's own commission, the rest of its segment, then the
    next older segments, then from the newest (section 8)."""
    sources = [(part.segment, min(loss, part.commission))]
    missing = loss - part.commission
    at = next(index for index, each in enumerate(pile.segments) if each is part.segment)
    for segment in (*pile.segments[at::-1], *pile.segments[:at:-1]):
        if missing <= 0:
            break
        drained = min(segment.commission, missing)
        if drained:
            segment.commission -= drained
            missing -= drained
            sources.append((segment, drained))
    return sources


def _shared_out(
    sources: list[tuple[Segment[Terms], int]], loss: int, share_ppm: int
) -> list[tuple[Segment[Terms], int]]:
    """The share of a loss that is taken, R at 10^-12 over the whole, by source; the rest is kept for good."""
    taken = []
    so_far = before = 0
    for segment, exact in sources:
        so_far += exact
        after = rounded(share_ppm * so_far, PPM)
        taken.append((segment, after - before))
        before = after
    assert so_far == loss, "a recalculated loss never exceeds what is left on the invoice"
    return taken


def _losers_of_a_step_back(
    windows: Iterable[tuple[Window, int, list[tuple[int, int, int]]]],
) -> Iterator[dt.date]:
    """When ``whole_amount`` steps back to a lower tier, all money still in the window loses by it."""
    for window, _, worth_before in windows:
        rates_before = {version: rate_ppm for version, rate_ppm, _ in worth_before}
        fell = {version for version, rate_ppm, _ in window.worth() if rate_ppm < rates_before.get(version, 0)}
        for segment in window.segments:
            curve = segment.earned.curve
            if segment.size and curve is not None and curve.version_from.toordinal() in fell:
                yield segment.earned.payable_on
