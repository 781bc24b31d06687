"""Commission: credited movements become lines (docs/rules.md sections 5 to 8).

One :class:`Follower` follows one payee under one component of one plan through all its invoices, in the one
order of section 3. It moves the state that :mod:`holdings` describes, and writes a line wherever a rounded
running total has moved.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from incentives.calculation.attainment import Attained
from incentives.calculation.book import Book
from incentives.calculation.credits import Credited
from incentives.calculation.curve import Curve, Cut, Factors, Tiers, cut_at_limits
from incentives.calculation.holdings import Before, Holding, Lost, Money, Taken, Window, WindowKey, before_of
from incentives.calculation.lines import Finding, FindingKind, Line, LineKind
from incentives.calculation.position import Movement
from incentives.calculation.reasons import CommissionWhy, StepTaken, Undone
from incentives.calculation.segments import Part, Pile, give_back
from incentives.calculation.timeline import OrderKey
from incentives.calendar import period_of
from incentives.errors import marked, told
from incentives.facts import Event
from incentives.money import PPM, convert, rounded
from incentives.rules.plan import Plan


@dataclass(slots=True)
class _Open:
    """The window of a curve's last movement, and what the curve says in it: events come in order of days, so the
    next movement is mostly in it, too."""

    first: dt.date
    last: dt.date
    window: Window
    tiers: Tiers
    whole_amount: bool
    hold: dt.timedelta | None


class Follower:
    """One payee under one component, through all their invoices."""

    def __init__(self, book: Book, plan: Plan, component: str, payee_id: str) -> None:
        self.book = book
        self.plan = plan
        self.component = component
        self.payee_id = payee_id
        self.ends_on = book.payees[payee_id].ends_on
        self.currency = plan.currency
        self.per_event = plan.rules_as_of == "payment"
        self.windows: dict[WindowKey, Window] = {}
        self._open: dict[Curve, _Open] = {}
        self._attained: list[Attained] = []
        self.lines: list[Line] = []
        self.findings: list[Finding] = []

    def follow(
        self, stream: Iterable[tuple[OrderKey, Holding, Credited]], attained: Sequence[Attained]
    ) -> list[Line]:
        """The lines of a stream of credited movements. It comes in the order of section 3, as does what other
        money attains meanwhile."""
        self._attained = list(reversed(attained))
        self._move(stream)
        self._forget_money()
        return self.lines

    def assume(self, last: Iterable[tuple[OrderKey, Holding, Credited]]) -> list[Line]:
        """The lines of movements that would come after everything that was followed. Every window stands as before
        then, so that another invoice can be asked about; their holding does not."""
        windows, written = dict(self.windows), len(self.lines)
        stands = [(window, window.stands()) for window in windows.values()]
        self._move(last)
        self._forget_money()
        lines = self.lines[written:]
        del self.lines[written:]
        for window, stood in stands:
            window.stand(stood)
        self.windows = windows
        self._open.clear()
        return lines

    def _forget_money(self) -> None:
        for window in self.windows.values():
            window.money.clear()  # money knows its window, too: a circle would outlive its chunk

    def _move(self, stream: Iterable[tuple[OrderKey, Holding, Credited]]) -> None:
        for key, holding, (movement, amount, uncredited) in stream:
            if self._attained:
                self._count_before(key)
            if amount < 0:
                self._down(holding, movement, -amount)
            elif holding.lost is None and not uncredited:
                self._earn(holding, movement, amount)
            else:
                self._up(holding, movement, amount, uncredited)

    def _count_before(self, key: OrderKey) -> None:
        """Count what other money attained by then, each in its window."""
        waits = self._attained
        while waits and waits[-1][0] < key:
            (day, *_), curve, plan_minor = waits.pop()
            open_ = self._open_on(curve, "", day)
            assert open_ is not None, "what only counts needs no target"
            open_.window.attained += plan_minor

    # Money that moves up ---------------------------------------------------------------------------

    def _up(self, holding: Holding, movement: Movement, amount: int, uncredited: int) -> None:
        most = amount - uncredited
        if holding.lost is not None:
            amount -= self._restore(holding, holding.lost, movement, amount)
        counted = min(amount, most)
        if counted:
            self._earn(holding, movement, counted)
        if amount > counted:
            self._add_nothing(holding, movement, amount - counted, uncredited=True)

    def _may_come_back(self, holding: Holding, lost: Lost, event: Event | None) -> Iterator[Taken]:
        """What an upward movement restores before it earns anew, in this order (section 8): for a chargeback
        won what it took, then suspended money, each newest segment first."""
        if event is None:
            return
        if event.type == "chargeback_reversed":
            ref = self.book.ref_named(event, event.reverses)
            if ref in lost.by_event:
                yield from _newest_first(holding, lost.by_event[ref])
        if event.type in ("chargeback_reversed", "payment"):
            yield from _newest_first(holding, lost.suspended)

    def _restore(self, holding: Holding, lost: Lost, movement: Movement, amount: int) -> int:
        """Put back exactly what was taken; returns how much money that was."""
        before_exact, left = holding.total.exact, amount
        undone: list[Undone] = []
        windows: dict[int, Before] = {}
        payable_on = movement.on
        for taken in self._may_come_back(holding, lost, movement.event):
            if not left:
                break
            part, weighed = taken.part, taken.weight
            self._remember(windows, part)
            size = min(part.size, left)
            restored = self._give_back(holding, taken, size)
            left -= size
            if restored or weighed:
                payable_on = max(payable_on, taken.payable_on)
            undone.append(Undone(part.segment.on, part.segment.cause, size, restored, restored, taken.line))
        moved = amount - left
        if moved:
            self._write("restoration", holding, movement, payable_on, before_exact, undone, windows.values())
        return moved

    def _give_back(self, holding: Holding, taken: Taken, size: int) -> int:
        """Restore a part of what was taken, the last part the rest; returns the exact commission."""
        part, whole_size = taken.part, taken.part.size
        money = part.segment
        plan_minor = give_back(part, size)
        restored = 0
        for at, (segment, commission) in enumerate(taken.commission):
            back = commission if size == whole_size else rounded(commission * size, whole_size)
            taken.commission[at] = (segment, commission - back)
            segment.commission += back
            restored += back
        holding.left += restored
        holding.total.exact += restored
        if money.window is not None:
            if taken.counted:
                money.window.attained += plan_minor
            if taken.weight:
                weight = taken.weight if size == whole_size else rounded(taken.weight * size, whole_size)
                taken.weight -= weight
                money.window.weigh(money, weight)
        return restored

    def _earn(self, holding: Holding, movement: Movement, amount: int) -> None:
        """New money at today's curve; where it earns nothing, the reason is found and a segment stays."""
        curve = holding.curve
        if curve is None or self.ends_on is not None:
            version_from, curve = holding.curve_on(movement.on)
            nothing = self._earns_nothing(version_from, curve, movement.on)
            if nothing or curve is None:
                self._add_nothing(holding, movement, amount, nothing)
                return
        factors = curve.factors(holding.timeline, movement)
        if factors is None:
            self._add_nothing(holding, movement, amount, "no_match")
            return
        currency, plan_minor, rate_ppm = holding.invoice.currency, amount, PPM
        if currency != self.currency:
            rate = self.book.rate_ppm(currency, self.currency, movement.on)
            if rate is None:
                self._add_nothing(holding, movement, amount, "missing_fx_rate")
                return
            plan_minor, rate_ppm = convert(amount, currency, self.currency, rate), rate
        open_ = self._open_on(curve, holding.invoice.invoice_id, movement.on)
        if open_ is None:
            self._add_nothing(holding, movement, amount, "missing_target")
            return
        self._add_money(holding, movement, amount, plan_minor, curve, factors, open_, rate_ppm)

    def _earns_nothing(
        self, version_from: dt.date | None, curve: Curve | None, day: dt.date
    ) -> FindingKind | None:
        if self.per_event and not self.book.is_on_plan(self.plan, day, self.payee_id):
            return "no_plan"
        if version_from is None:
            return "before_first_version"
        if self.ends_on is not None and curve is not None:
            after_days = curve.component.after_leaving_days
            if after_days is not None and (day - self.ends_on).days > after_days:
                return "left"
        return None

    def _add_nothing(
        self,
        holding: Holding,
        movement: Movement,
        amount: int,
        what: FindingKind | None = None,
        uncredited: bool = False,
    ) -> None:
        """Money that earns nothing still leaves a segment, with commission 0 and no attainment (section 5)."""
        event, invoice = movement.event, holding.invoice
        holding.pile.add(Money(movement.on, event, movement.cause, amount, 0, 0, uncredited))
        if what and what != "no_plan":
            says = {"plan": self.plan.name, "component": self.component, "currency": invoice.currency}
            message = told(_NOTHING[what], on=movement.on, **says)
            event_id = event.event_id if event is not None else ""
            self.findings.append(Finding(what, invoice.invoice_id, self.payee_id, event_id, message))

    def _add_money(
        self,
        holding: Holding,
        movement: Movement,
        amount: int,
        plan_minor: int,
        curve: Curve,
        factors: Factors,
        open_: _Open,
        rate_ppm: int,
    ) -> None:
        """One segment per tier; the commission of each, or its weight in the window (section 7).

        Marginal: m x (F(A') - F(A) + add x movement). ``whole_amount``: the event is worth the change of T.
        """
        on, window, payable_on = movement.on, open_.window, movement.on
        if open_.hold is not None:
            payable_on += open_.hold
        attained, total = window.attained, holding.total
        m_ppm, add_ppm, before_exact = factors.m_ppm, factors.add_ppm, total.exact
        windows = (before_of(window),) if open_.whole_amount else ()
        cuts = cut_at_limits(open_.tiers, attained, amount, plan_minor)
        for size, cut_minor, rates in cuts:
            exact = 0
            if not open_.whole_amount:
                for part_minor, tier_ppm in rates:
                    exact += m_ppm * (tier_ppm + add_ppm) * part_minor
            money = Money(
                on,
                movement.event,
                movement.cause,
                size,
                cut_minor,
                exact,
                False,
                curve,
                factors,
                window,
                payable_on,
                rate_ppm,
            )
            holding.pile.add(money)
            holding.left += exact
            total.exact += exact
            if open_.whole_amount:
                window.weigh(money, PPM * m_ppm * cut_minor)
        window.attained = attained + plan_minor
        self._write("earning", holding, movement, payable_on, before_exact, cuts, windows, money, attained)

    def _open_on(self, curve: Curve, invoice_id: str, day: dt.date) -> _Open | None:
        """The window of an invoice or a day, with the curve's tiers; ``None`` where it lacks its target."""
        open_ = self._open.get(curve)
        if open_ is not None and open_.first <= day <= open_.last:
            return open_
        return self._opened(curve, invoice_id, day)

    def _opened(self, curve: Curve, invoice_id: str, day: dt.date) -> _Open | None:
        component = curve.component
        over = component.accumulates_over
        first, last, start = dt.date.min, dt.date.max, None
        if over == "month" or over == "quarter" or over == "fiscal_year":
            period = period_of(day, over, self.book.company.fiscal_year_starts)
            first, last, start = period.first, period.last, period.first
        key: WindowKey = (over, invoice_id if over == "invoice" else start)
        window = self.windows.get(key)
        if window is None:
            window = self.windows[key] = Window(key)
        tiers = window.tiers.get(curve.version_from)
        if tiers is None:
            target = None
            if component.measure == "target":
                target = self.book.target(self.plan, self.component, start, self.payee_id)
                if target is None:
                    return None
            tiers = window.tiers[curve.version_from] = curve.tiers(target)
        hold = dt.timedelta(days=component.hold_days) if component.hold_days else None
        found = _Open(first, last, window, tiers, component.tiers_apply == "whole_amount", hold)
        if over != "invoice":
            self._open[curve] = found
        return found

    # Money that moves down -------------------------------------------------------------------------

    def _down(self, holding: Holding, movement: Movement, amount: int) -> None:
        event = movement.event
        suspends = movement.suspends and movement.after < movement.before
        named = self.book.ref_named(event, event.payment_id) if event is not None and event.payment_id else None
        before_exact = holding.total.exact
        lowered: dict[int, int] = {}
        windows: dict[int, Before] = {}
        losses: list[Taken] = []
        undone: list[Undone] = []
        payable_on = movement.on
        for part in holding.pile.take(amount, named):
            self._remember(windows, part)
            taken = self._take_back(holding, part, movement, suspends, lowered)
            losses.append(taken)
            undone.append(
                Undone(part.segment.on, part.segment.cause, part.size, taken.exact, part.commission, None)
            )
            for segment, lost in taken.commission:
                if lost:
                    payable_on = max(payable_on, segment.payable_on)
            if taken.weight:
                payable_on = max(payable_on, part.segment.payable_on)
        payable_on = max([payable_on, *_losers_of_a_step_back(windows.values())])
        kind: LineKind = "suspension" if suspends else "clawback"
        line = self._write(kind, holding, movement, payable_on, before_exact, undone, windows.values())
        for taken in losses:
            taken.payable_on, taken.line = payable_on, line
        if holding.lost is None:
            holding.lost = Lost()
        if suspends:
            holding.lost.suspended.extend(losses)
        elif event is not None:
            holding.lost.by_event.setdefault(event.ref, []).extend(losses)

    @staticmethod
    def _remember(windows: dict[int, Before], part: Part[Money]) -> None:
        window = part.segment.window
        if window is not None and id(window) not in windows:
            windows[id(window)] = before_of(window)

    def _take_back(
        self, holding: Holding, part: Part[Money], movement: Movement, suspends: bool, lowered: dict[int, int]
    ) -> Taken:
        """What one part loses; its share of commission leaves the pile whether it is taken or kept."""
        money = part.segment
        curve, window, factors = money.curve, money.window, money.factors
        if curve is None or window is None:
            return Taken(part, [], 0, False, movement.on)
        clawback = curve.component.clawback
        share_ppm = PPM if suspends else self._share_ppm(curve, part, movement)
        counted = suspends or clawback.attainment == "reduce"
        attained = window.attained if counted else lowered.get(id(window), window.attained)
        weight = 0
        commission: list[tuple[Money, int]] = []
        if curve.component.tiers_apply == "whole_amount":
            weight = share_ppm * factors.m_ppm * part.plan_minor
            window.weigh(part.segment, -weight)
        elif clawback.basis == "recalculate" and not suspends:
            tiers = window.tiers[curve.version_from]
            fall = tiers.total(attained) - tiers.total(attained - part.plan_minor)
            loss = factors.m_ppm * (fall + factors.add_ppm * part.plan_minor)
            # Rate points below 0 may have earned less than nothing: then exactly that comes back.
            loss = max(0, min(loss, holding.left)) if part.commission >= 0 else part.commission
            holding.left -= max(loss, part.commission)
            commission = _shared_out(_drained(holding.pile, part, loss), loss, share_ppm)
        else:
            holding.left -= part.commission
            commission = [(part.segment, rounded(share_ppm * part.commission, PPM))]
        if counted:
            window.attained -= part.plan_minor
        else:
            lowered[id(window)] = attained - part.plan_minor
        taken = Taken(part, commission, weight, counted, movement.on)
        holding.total.exact -= taken.exact
        return taken

    def _share_ppm(self, curve: Curve, part: Part[Money], movement: Movement) -> int:
        """How much of the commission is taken: the rest is kept for good (section 8)."""
        clawback, event = curve.component.clawback, movement.event
        if event is None:
            return PPM
        if event.fault == "company" and clawback.company_fault == "keep":
            return 0
        if clawback.window_days is not None and (movement.on - part.segment.on).days > clawback.window_days:
            return 0
        if movement.after > movement.before:
            return PPM  # rounding moved this credit against its event: an ordinary take-back (section 5)
        return clawback.share_ppm.get(event.type, PPM)

    # Lines -----------------------------------------------------------------------------------------

    def _write(
        self,
        kind: LineKind,
        holding: Holding,
        movement: Movement,
        payable_on: dt.date,
        before_exact: int,
        parts: Sequence[Cut] | Sequence[Undone],
        windows: Iterable[Before] = (),
        money: Money | None = None,
        attained: int = 0,
    ) -> Line | None:
        """Book the totals that moved and write the difference as a line; nothing where it is 0."""
        total = holding.total
        amount_minor = total.book()
        steps: list[StepTaken] | None = None
        for before in windows:
            window = before.window
            if window.weights:
                worth = window.worth()
                window.total.exact = sum(exact for _, exact in worth.values())
                amount_minor += window.total.book()
                steps = steps or []
                steps.append(StepTaken(window.key[1], before.attained, window.attained, before.worth, worth))
        if not amount_minor:
            return None
        curve = money.curve if money is not None else None
        version_from = curve.version_from if curve is not None else holding.curve_on(movement.on)[0]
        assert version_from is not None, "money that earned had a version"
        invoice = holding.invoice
        why = CommissionWhy(invoice, movement, self.plan, before_exact, total.exact, parts, steps, money, attained)
        line = Line(
            self.payee_id,
            self.plan.plan,
            self.component,
            kind,
            movement.cause,
            invoice.invoice_id,
            movement.on,
            payable_on,
            amount_minor,
            self.plan.currency,
            version_from,
            why,
        )
        self.lines.append(line)
        return line


_NOTHING: dict[FindingKind, str] = {
    "before_first_version": marked(
        "%(plan)s has no version yet on the rule date; the money of %(on)s earned nothing."
    ),
    "left": marked("Cash of %(on)s came too long after the payee left; it earned nothing under %(component)s."),
    "missing_fx_rate": marked(
        "There is no rate from %(currency)s on %(on)s; the money earned nothing under %(component)s."
    ),
    "missing_target": marked(
        "There is no target for %(component)s in the window of %(on)s; the money earned nothing."
    ),
    "no_match": marked(
        "A multiplier of %(component)s knows no factor for this invoice on %(on)s; the money earned nothing."
    ),
}


def _newest_first(holding: Holding, taken: Sequence[Taken]) -> list[Taken]:
    if not taken:
        return []
    by_part = {id(each.part): each for each in taken if each.part.size}
    return [by_part[id(part)] for part in holding.pile.newest_first(each.part for each in by_part.values())]


def _drained(pile: Pile[Money], part: Part[Money], loss: int) -> list[tuple[Money, int]]:
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


def _shared_out(sources: list[tuple[Money, int]], loss: int, share_ppm: int) -> list[tuple[Money, int]]:
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


def _losers_of_a_step_back(windows: Iterable[Before]) -> Iterator[dt.date]:
    """When ``whole_amount`` steps back to a lower tier, all money still in the window loses by it."""
    for before in windows:
        fell = {
            version_from
            for (version_from, add_ppm), (rate_ppm, _) in before.window.worth().items()
            if rate_ppm < before.worth[version_from, add_ppm][0]
        }
        for segment, in_sum in before.window.money.values() if fell else ():
            curve = segment.curve
            if in_sum > 0 and curve is not None and curve.version_from in fell:
                yield segment.payable_on
