"""A plan in plain words, and what a changed plan says differently: pure functions on what a plan may say.

A component is told as facets (a name and what it says) and ladders (tiers, steps, points). What differs between
two components is found in the same facets and ladders, so that nothing can be told and not be compared.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from incentives.money import EXPONENTS, PPM
from incentives.papers.languages import Speaker, marked
from incentives.papers.statement.words import limits, metric, metric_value
from incentives.rules.commission import Cap, Commission, DayMultiplier, Multiplier, Step, ValueMultiplier
from incentives.rules.draw import Draw
from incentives.rules.measures import Gate, Measure
from incentives.rules.plan import Component, Plan, Version
from incentives.rules.shared_bonus import Pool, SharedBonus
from incentives.rules.spiff import NEW_CUSTOMER_DAYS, Spiff
from incentives.rules.target_bonus import TargetBonus


@dataclass(frozen=True, slots=True)
class Facet:
    """One thing that a component says. ``what`` is how a sentence names it, with its article."""

    key: str
    what: str
    says: str
    is_usual: bool = False
    """Whether it says what holds where nothing is said."""

    @property
    def label(self) -> str:
        """Its name at the head of a line."""
        return label(self.what)


def label(what: str) -> str:
    """The name of something at the head of a line or of a field.

    >>> label("the cap"), label("lateness during a dispute")
    ('Cap', 'Lateness during a dispute')
    """
    article, _, rest = what.partition(" ")
    named = rest if article in ("the", "de", "het") else what
    return named[:1].upper() + named[1:]


@dataclass(frozen=True, slots=True)
class Rung:
    """From here on, this."""

    from_: int
    start: str
    gives: str


@dataclass(frozen=True, slots=True)
class Ladder:
    """Tiers, steps or points. ``of`` is how a sentence names them; "" for the tiers of a commission."""

    key: str
    of: str
    title: str
    starts: str
    gives: str
    rungs: tuple[Rung, ...]


@dataclass(frozen=True, slots=True)
class Told:
    """A component in words."""

    name: str
    kind: str
    facets: tuple[Facet, ...]
    ladders: tuple[Ladder, ...]

    @property
    def said(self) -> tuple[Facet, ...]:
        """What the plan says of its own accord."""
        return tuple(each for each in self.facets if not each.is_usual)

    @property
    def unsaid(self) -> tuple[Facet, ...]:
        """What holds because the plan says nothing else."""
        return tuple(each for each in self.facets if each.is_usual)


@dataclass(frozen=True, slots=True)
class Change:
    """A sentence about what is different, in which component ("": the plan), from when."""

    effective_from: dt.date
    component: str
    sentence: str


# A plan in words -------------------------------------------------------------------------------------


def told(component: Component, currency: str, speaker: Speaker) -> Told:
    """Everything that a component says."""
    teller = _Teller(currency, speaker)
    facets, ladders = [], []
    for each in teller.tell(component):
        if isinstance(each, Ladder):
            ladders.append(each)
        else:
            facets.append(each)
    return Told(component.name, speaker.say(KINDS[component.kind]), tuple(facets), tuple(ladders))


KINDS = {
    "commission": marked("Commission"),
    "shared_bonus": marked("Shared bonus"),
    "target_bonus": marked("Target bonus"),
    "spiff": marked("Extra per invoice"),
    "draw": marked("Draw"),
}

_RULES_AS_OF = {
    "invoice": marked("the day of the invoice"),
    "payment": marked("the day of the payment"),
    "contract": marked("the day of the contract"),
}
_CREDITS = {"own": marked("their own"), "team": marked("those of everybody who reports to them")}
_BASE = {"net": marked("net of tax"), "margin": marked("the margin")}
_EARNS_ON = {
    "payment": marked("each payment, in proportion"),
    "full_payment": marked("payment in full"),
    "invoice": marked("the invoice, as an advance"),
    "contract": marked("the signature, as an advance"),
}
_WINDOWS = {
    "invoice": marked("each invoice by itself"),
    "month": marked("the month"),
    "quarter": marked("the quarter"),
    "fiscal_year": marked("the fiscal year"),
    "ever": marked("all time"),
}
_TIERS_APPLY = {
    "marginal": marked("the money inside the tier"),
    "whole_amount": marked("all money of the window, once the tier is reached"),
}
_MEASURE = {"amount": marked("amounts"), "target": marked("shares of the target")}
_BASIS = {"original": marked("what this very money earned"), "recalculate": marked("what the total loses by it")}
_FAULT = {"keep": marked("nothing"), "take_back": marked("the same as otherwise")}
_ATTAINMENT = {"reduce": marked("lower by what went back"), "keep": marked("as high as before")}
_CAUSES = {
    "refund": marked("the part taken back after a refund"),
    "payment_reversed": marked("the part taken back after a returned payment"),
    "chargeback": marked("the part taken back after a chargeback"),
    "credit_note": marked("the part taken back after a credit note"),
    "discount": marked("the part taken back after a discount"),
}
_EXCESS = {
    "forfeit": marked("%(amount)s per %(unit)s; what is above is lost"),
    "defer": marked("%(amount)s per %(unit)s; what is above moves on to the next"),
}
_UNITS = {"month": marked("month"), "quarter": marked("quarter"), "fiscal_year": marked("fiscal year")}
_BY = {
    "days_late": marked("the factor by days late"),
    "days_to_pay": marked("the factor by days to pay"),
    "terms_days": marked("the factor by payment terms"),
    "customer_age_days": marked("the factor by age of the customer"),
}
_VALUES = {
    "risk_grade": marked("the factor for risk grade %(value)s"),
    "credit_approval": marked("the factor for credit approval %(value)s"),
    "security": marked("the factor for security %(value)s"),
    "category": marked("the factor for category %(value)s"),
    "country": marked("the factor for country %(value)s"),
}
_OTHERWISE = {
    "risk_grade": marked("the factor for any other risk grade"),
    "credit_approval": marked("the factor for any other credit approval"),
    "security": marked("the factor for any other security"),
    "category": marked("the factor for any other category"),
    "country": marked("the factor for any other country"),
}
_WITHIN = {
    "equal": marked("equal parts"),
    "by_credited_cash": marked("by credited cash"),
    "by_days": marked("by days of membership"),
}
_SHAPES = {"steps": marked("steps"), "lines": marked("straight lines between the points")}
_STYLES = {"top_up": marked("earnings are topped up to it"), "additive": marked("it comes on top of earnings")}
WORDS: Mapping[str, Mapping[str, str]] = {
    "rules_as_of": _RULES_AS_OF,
    "credits": _CREDITS,
    "base": _BASE,
    "earns_on": _EARNS_ON,
    "accumulates_over": _WINDOWS,
    "tiers_apply": _TIERS_APPLY,
    "measure": _MEASURE,
    "basis": _BASIS,
    "company_fault": _FAULT,
    "attainment": _ATTAINMENT,
    "per": _UNITS,
    "within_role": _WITHIN,
    "shape": _SHAPES,
    "style": _STYLES,
}
"""What may be chosen under a key of a plan document, in words; what holds where nothing is said comes first."""
CAUSES: Mapping[str, str] = _CAUSES
BY: Mapping[str, str] = _BY | {
    "risk_grade": marked("the factor by risk grade"),
    "credit_approval": marked("the factor by credit approval"),
    "security": marked("the factor by security"),
    "category": marked("the factor by category"),
    "country": marked("the factor by country"),
}

_NTH = (
    marked("first"),
    marked("second"),
    marked("third"),
    marked("fourth"),
    marked("fifth"),
    marked("sixth"),
    marked("seventh"),
    marked("eighth"),
    marked("ninth"),
    marked("tenth"),
)

Part = Facet | Ladder


class _Teller:
    """Says each part of a component, in one currency and language."""

    def __init__(self, currency: str, speaker: Speaker) -> None:
        self.currency, self.speaker, self.say = currency, speaker, speaker.say

    def tell(self, component: Component) -> Iterator[Part]:
        match component:
            case Commission():
                yield from self._commission(component)
            case SharedBonus():
                yield from self._shared_bonus(component)
            case TargetBonus():
                yield from self._target_bonus(component)
            case Spiff():
                yield from self._spiff(component)
            case Draw():
                yield from self._draw(component)

    # Kinds -------------------------------------------------------------------------------------------

    def _commission(self, said: Commission) -> Iterator[Part]:
        say = self.say
        yield self._tiers(said)
        yield self._roles(said.roles)
        yield self._one("credits", say("the credits that count"), _CREDITS, said.credits, "own")
        yield self._one("base", say("the amount that counts"), _BASE, said.base, "net")
        yield self._categories(said.categories)
        yield self._one("earns_on", say("the moment of earning"), _EARNS_ON, said.earns_on, "payment")
        whole = said.release_at_ppm == PPM
        paid = self.speaker.share(said.release_at_ppm)
        yield Facet("release_at", say("the share that counts as payment in full"), paid, whole)
        ends = say("never") if said.suspend_after_days is None else self._after_due(said.suspend_after_days)
        yield Facet("suspend", say("the suspension of an advance"), ends, said.suspend_after_days is None)
        yield self._one("window", say("the window that adds up"), _WINDOWS, said.accumulates_over, "invoice")
        yield self._one("tiers_apply", say("the reach of a rate"), _TIERS_APPLY, said.tiers_apply, "marginal")
        yield self._one("measure", say("the measure of the tiers"), _MEASURE, said.measure, "amount")
        yield self._hold(said.hold_days)
        left = self._limit(said.after_leaving_days)
        what = say("the time after leaving in which cash counts")
        yield Facet("after_leaving", what, left, said.after_leaving_days is None)
        for number, multiplier in enumerate(said.multipliers):
            again = sum(each.by == multiplier.by for each in said.multipliers[:number])
            yield from self._multiplier(multiplier, f"{multiplier.by}:{again}")
        yield from self._clawback(said)
        yield Facet("cap", say("the cap"), self._cap(said.cap), said.cap is None)

    def _tiers(self, said: Commission) -> Ladder:
        start = self.speaker.share if said.measure == "target" else self._money
        rungs = tuple(
            Rung(each.from_, start(each.from_), self.speaker.share(each.rate_ppm)) for each in said.tiers
        )
        say = self.say
        return Ladder("tiers", "", say("Tiers"), say("From"), say("Rate"), rungs)

    def _multiplier(self, said: Multiplier, key: str) -> Iterator[Part]:
        say = self.say
        if isinstance(said, ValueMultiplier):
            for value, factor_ppm in said.factors_ppm.items():
                yield Facet(f"{key}:={value}", say(_VALUES[said.by], value=value), self._factor(factor_ppm))
            otherwise = say("none, it earns nothing") if said.else_ppm is None else self._factor(said.else_ppm)
            yield Facet(f"{key}:else", say(_OTHERWISE[said.by]), otherwise)
            return
        assert isinstance(said, DayMultiplier)
        of = say(_BY[said.by])
        rungs = tuple(Rung(each.from_days, self._days(each.from_days), self._step(each)) for each in said.steps)
        yield Ladder(key, of, label(of), say("From"), say("Factor"), rungs)
        if said.by == "days_late":
            paused = say("not counted") if said.pause_while_disputed else say("counted")
            yield Facet(f"{key}:pause", say("lateness during a dispute"), paused, not said.pause_while_disputed)
            warned = say("forgiven") if said.forgive_if_warned else say("counted")
            what = say("lateness that credit was warned of")
            yield Facet(f"{key}:forgive", what, warned, not said.forgive_if_warned)

    def _step(self, said: Step) -> str:
        factor = self._factor(said.factor_ppm)
        if not said.add_ppm:
            return factor
        points = self.speaker.factor(abs(said.add_ppm) * 100)
        if said.add_ppm > 0:
            return self.say("%(factor)s, plus %(points)s pp", factor=factor, points=points)
        return self.say("%(factor)s, less %(points)s pp", factor=factor, points=points)

    def _clawback(self, commission: Commission) -> Iterator[Facet]:
        said, say = commission.clawback, self.say
        yield self._one("basis", say("the size of a take-back"), _BASIS, said.basis, "original")
        within = self._limit(said.window_days)
        what = say("the time in which money is taken back")
        yield Facet("clawback_window", what, within, said.window_days is None)
        for cause, of_cause in _CAUSES.items():
            share_ppm = said.share_ppm.get(cause, PPM)
            yield Facet(f"share:{cause}", say(of_cause), self.speaker.share(share_ppm), share_ppm == PPM)
        fault = say("what is taken back when the company is at fault")
        yield self._one("fault", fault, _FAULT, said.company_fault, "keep")
        yield self._one("attainment", say("the total after a take-back"), _ATTAINMENT, said.attainment, "reduce")

    def _shared_bonus(self, said: SharedBonus) -> Iterator[Part]:
        say = self.say
        yield Facet("pool", say("the pool"), self._pool(said.pool))
        yield Facet("per", say("the period"), say(_UNITS[said.per]))
        if said.scale is not None:
            yield Facet("scale", say("the metric of the scale"), self._measure(said.scale.measure))
            name = said.scale.measure.metric
            rungs = tuple(
                Rung(each.from_ppm, metric_value(self.speaker, name, each.from_ppm), self._factor(each.factor_ppm))
                for each in said.scale.steps
            )
            yield Ladder("scale", say("the scale"), say("Scale of the pool"), say("From"), say("Factor"), rungs)
        yield from self._gates(said.gates)
        for role, share_ppm in said.shares_ppm.items():
            yield Facet(
                f"share:{role}", say("the share of %(role)s", role=_spoken(role)), self.speaker.share(share_ppm)
            )
        yield self._one("within_role", say("the split inside a role"), _WITHIN, said.within_role, "equal")
        yield self._one("base", say("the amount that counts"), _BASE, said.base, "net")
        yield self._categories(said.categories)
        yield self._hold(said.hold_days)

    def _target_bonus(self, said: TargetBonus) -> Iterator[Part]:
        say = self.say
        pays: Callable[[int], str] = self._money if said.at_target_minor is None else self.speaker.share
        rungs = tuple(
            Rung(each.at_ppm, self.speaker.share(each.at_ppm), pays(each.pays)) for each in said.curve.points
        )
        yield Ladder("curve", say("the curve"), say("Curve"), say("Of the target"), say("Pays"), rungs)
        yield Facet("per", say("the period"), say(_UNITS[said.per]))
        at_target = say("none") if said.at_target_minor is None else self._money(said.at_target_minor)
        yield Facet("at_target", say("the bonus at target"), at_target, said.at_target_minor is None)
        yield Facet("shape", say("the shape of the curve"), say(_SHAPES[said.curve.shape]))
        yield self._roles(said.roles)
        yield from self._gates(said.gates)
        yield self._hold(said.hold_days)

    def _spiff(self, said: Spiff) -> Iterator[Part]:
        say = self.say
        yield Facet("amount", say("the amount for an invoice"), self._money(said.amount_minor))
        yield self._roles(said.roles)
        paid = self._limit(said.paid_in_full_within_days)
        yield Facet("within", say("the time to pay in full"), paid, said.paid_in_full_within_days is None)
        whom = say("new ones only") if said.new_customer else say("all")
        yield Facet("new_customer", say("the customers that count"), whom, not said.new_customer)
        yield self._categories(said.categories)
        least = say("none") if said.minimum_minor is None else self._money(said.minimum_minor)
        yield Facet("minimum", say("the smallest amount that counts"), least, said.minimum_minor is None)
        issued = self._span(said.from_, said.to, self.speaker.day)
        yield Facet("between", say("the days on which the invoice is issued"), issued, not (said.from_ or said.to))
        yield self._hold(said.hold_days)

    def _draw(self, said: Draw) -> Iterator[Part]:
        say = self.say
        yield Facet("amount", say("the draw per month"), self._money(said.amount_minor))
        yield Facet("style", say("the use of the draw"), say(_STYLES[said.style]))
        back = say("out of later earnings") if said.recoverable else say("none")
        yield Facet("recoverable", say("the recovery"), back)
        yield Facet("covers", say("the components that it covers"), ", ".join(said.covers))
        months = self._span(said.from_month, said.to_month, self.speaker.month)
        yield Facet("months", say("the months of the draw"), months, not (said.from_month or said.to_month))

    # Parts -------------------------------------------------------------------------------------------

    def _one(self, key: str, what: str, words: Mapping[str, str], value: str, usual: str) -> Facet:
        return Facet(key, what, self.say(words[value]), value == usual)

    def _roles(self, roles: Sequence[str]) -> Facet:
        return Facet("roles", self.say("the roles that are paid"), self._names(roles), not roles)

    def _categories(self, categories: Sequence[str]) -> Facet:
        return Facet("categories", self.say("the categories that count"), self._names(categories), not categories)

    def _hold(self, days: int) -> Facet:
        return Facet(
            "hold", self.say("the wait after earning"), self._days(days) if days else self.say("none"), not days
        )

    def _gates(self, gates: Sequence[Gate]) -> Iterator[Facet]:
        for gate in gates:
            what = self.say("the limit for “%(metric)s”", metric=self._measure(gate.measure))
            yield Facet(f"gate:{gate.measure}", what, self._limits(gate))

    def _limits(self, gate: Gate) -> str:
        asked = {"at_least_ppm": gate.at_least_ppm, "at_most_ppm": gate.at_most_ppm}
        return limits(self.speaker, {"metric": gate.measure.metric, **asked})

    def _measure(self, measure: Measure) -> str:
        asked = {"metric": measure.metric, "by": measure.by, "customers": measure.customers}
        said = metric(self.speaker, asked)
        if measure.customers == "all" or measure.new_for_days == NEW_CUSTOMER_DAYS:
            return said
        return self.say("%(metric)s of at most %(days)s", metric=said, days=self._days(measure.new_for_days))

    def _pool(self, pool: Pool) -> str:
        if pool.rate_ppm is None:
            assert pool.amount_minor is not None
            size = self._money(pool.amount_minor)
            return (
                size if pool.on_time_within_days is None else f"{size}, {self._in_time(pool.on_time_within_days)}"
            )
        size = self.say("%(rate)s of what is collected", rate=self.speaker.share(pool.rate_ppm))
        return size if pool.on_time_within_days is None else f"{size} {self._in_time(pool.on_time_within_days)}"

    def _in_time(self, days: int) -> str:
        return self._after_due(days) if days else self.say("by the due date")

    def _after_due(self, days: int) -> str:
        return self.say("at most %(days)s after the due date", days=self._days(days))

    def _cap(self, cap: Cap | None) -> str:
        if cap is None:
            return self.say("none")
        return self.say(_EXCESS[cap.excess], amount=self._money(cap.amount_minor), unit=self.say(_UNITS[cap.per]))

    def _span(self, first: dt.date | None, last: dt.date | None, say_day: Callable[[dt.date], str]) -> str:
        if first and last:
            return self.say("%(first)s to %(last)s", first=say_day(first), last=say_day(last))
        if first:
            return self.say("from %(first)s on", first=say_day(first))
        return self.say("up to %(last)s", last=say_day(last)) if last else self.say("all")

    def _names(self, names: Sequence[str]) -> str:
        return ", ".join(map(_spoken, names)) or self.say("all")

    def _money(self, amount_minor: int) -> str:
        """An amount as a plan letter writes it: decimals only where there are any."""
        decimals, said = EXPONENTS[self.currency], self.speaker.money(amount_minor, self.currency)
        return said[: -decimals - 1] if decimals and amount_minor % 10**decimals == 0 else said

    def _factor(self, ppm: int) -> str:
        return f"× {self.speaker.factor(ppm)}"

    def _limit(self, days: int | None) -> str:
        return self.say("unlimited") if days is None else self._days(days)

    def _days(self, days: int) -> str:
        return self.speaker.count("%(number)s day", "%(number)s days", days)


def _spoken(name: str) -> str:
    return name.replace("_", " ")


# What is different -----------------------------------------------------------------------------------


def changes(before: Plan | None, after: Plan, speaker: Speaker) -> list[Change]:
    """What a plan says that the one in force does not say, in sentences, in order of the day from which it holds.

    A new version is compared with what held just before it, one that stands already with itself. Nothing that pays
    differently goes unsaid but the order of components; a document's lines say the rest.
    """
    found: list[Change] = []
    if before is not None:
        found += _of_plan(before, after, speaker)
        for gone in _without(before.versions, after.versions):
            sentence = speaker.say(
                "The version of %(from)s is taken away.", **{"from": speaker.day(gone.effective_from)}
            )
            found.append(Change(gone.effective_from, "", sentence))
    for at, version in enumerate(after.versions):
        standing = _same_day(before.versions, version) if before else None
        if standing is None and at:
            standing = after.versions[at - 1]
        found += _of_version(standing, version, after.currency, speaker)
    return sorted(found, key=lambda each: each.effective_from)


def _of_plan(before: Plan, after: Plan, speaker: Speaker) -> Iterator[Change]:
    say = speaker.say
    pairs = (
        (say("the name of the plan"), before.name, after.name),
        (say("the currency"), before.currency, after.currency),
        (
            say("the day that picks the rules"),
            say(_RULES_AS_OF[before.rules_as_of]),
            say(_RULES_AS_OF[after.rules_as_of]),
        ),
    )
    for what, was, now in pairs:
        if was != now:
            sentence = say(
                "For all versions, %(what)s is %(now)s instead of %(before)s.", what=what, now=now, before=was
            )
            yield Change(after.versions[0].effective_from, "", sentence)


def _of_version(before: Version | None, after: Version, currency: str, speaker: Speaker) -> Iterator[Change]:
    since = {"from": speaker.day(after.effective_from)}
    if (
        before is not None
        and before.effective_from == after.effective_from
        and before.reference != after.reference
    ):
        sentence = speaker.say(
            "The version of %(from)s refers to “%(now)s” instead of “%(before)s”.",
            now=after.reference,
            before=before.reference,
            **since,
        )
        yield Change(after.effective_from, "", sentence)
    names = dict.fromkeys(each.name for version in (before, after) if version for each in version.components)
    for name in names:
        was = before.component(name) if before else None
        now = after.component(name)
        for sentence in _of_component(was, now, currency, speaker, since):
            yield Change(after.effective_from, name, sentence)


def _of_component(
    was: Component | None, now: Component | None, currency: str, speaker: Speaker, since: Mapping[str, str]
) -> Iterator[str]:
    say = speaker.say
    if now is None:
        yield say("From %(from)s this component is gone.", **since)
    elif was is None:
        yield say("From %(from)s this component is new.", **since)
    elif was != now:
        before, after = told(was, currency, speaker), told(now, currency, speaker)
        yield from _of_ladders(before.ladders, after.ladders, speaker, since)
        yield from _of_facets(before.facets, after.facets, speaker, since)


def _of_facets(
    before: Sequence[Facet], after: Sequence[Facet], speaker: Speaker, since: Mapping[str, str]
) -> Iterator[str]:
    was, now, say = {each.key: each for each in before}, {each.key: each for each in after}, speaker.say
    for key, facet in now.items():
        if key not in was:
            if not facet.is_usual:
                yield say(
                    "From %(from)s there is one more rule: %(what)s is %(now)s.",
                    what=facet.what,
                    now=facet.says,
                    **since,
                )
        elif was[key].says != facet.says:
            values = {"what": facet.what, "now": facet.says, "before": was[key].says}
            yield say("From %(from)s %(what)s is %(now)s instead of %(before)s.", **values, **since)
    for key, facet in was.items():
        if key not in now and not facet.is_usual:
            yield say(
                "From %(from)s one rule is gone: %(what)s was %(before)s.",
                what=facet.what,
                before=facet.says,
                **since,
            )


def _of_ladders(
    before: Sequence[Ladder], after: Sequence[Ladder], speaker: Speaker, since: Mapping[str, str]
) -> Iterator[str]:
    was, now = {each.key: each for each in before}, {each.key: each for each in after}
    for key in dict.fromkeys([*now, *was]):
        ladder = now.get(key) or was[key]
        old = was[key].rungs if key in was else ()
        new = now[key].rungs if key in now else ()
        words = _TIER if not ladder.of else _STEP
        for sentence, values in _of_rungs(old, new, speaker):
            yield speaker.say(words[sentence], of=ladder.of, **values, **since)


_TIER = {
    "start": marked("From %(from)s the %(nth)s tier starts at %(now)s instead of %(before)s."),
    "gives": marked("From %(from)s the %(nth)s tier earns %(now)s instead of %(before)s."),
    "new": marked("From %(from)s a new tier starts at %(start)s: %(now)s."),
    "gone": marked("From %(from)s the tier that starts at %(start)s is gone: %(before)s."),
}
_STEP = {
    "start": marked("From %(from)s the %(nth)s step of %(of)s starts at %(now)s instead of %(before)s."),
    "gives": marked("From %(from)s the %(nth)s step of %(of)s gives %(now)s instead of %(before)s."),
    "new": marked("From %(from)s %(of)s has a new step at %(start)s: %(now)s."),
    "gone": marked("From %(from)s the step of %(of)s that starts at %(start)s is gone: %(before)s."),
}


def _of_rungs(
    before: Sequence[Rung], after: Sequence[Rung], speaker: Speaker
) -> Iterator[tuple[str, dict[str, str]]]:
    """As many as before: one by one. More or fewer: those that start where one started before are the same."""
    if len(before) == len(after):
        pairs = list(zip(before, after, strict=True))
    else:
        started = {each.from_: each for each in before}
        pairs = [(started[each.from_], each) for each in after if each.from_ in started]
        for new in (each for each in after if each.from_ not in started):
            yield "new", {"start": new.start, "now": new.gives}
        starts = {each.from_ for each in after}
        for gone in (each for each in before if each.from_ not in starts):
            yield "gone", {"start": gone.start, "before": gone.gives}
    for was, now in pairs:
        nth = _nth(list(after).index(now), speaker)
        if was.start != now.start:
            yield "start", {"nth": nth, "now": now.start, "before": was.start}
        if was.gives != now.gives:
            yield "gives", {"nth": nth, "now": now.gives, "before": was.gives}


def _nth(index: int, speaker: Speaker) -> str:
    return speaker.say(_NTH[index]) if index < len(_NTH) else speaker.say("%(number)sth", number=index + 1)


def _same_day(versions: Sequence[Version], version: Version) -> Version | None:
    return next((each for each in versions if each.effective_from == version.effective_from), None)


def _without(before: Sequence[Version], after: Sequence[Version]) -> list[Version]:
    return [each for each in before if _same_day(after, each) is None]
