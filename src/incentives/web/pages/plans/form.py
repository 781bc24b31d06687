"""The form for one version of a plan: a view of its document.

Every field is named by its place in the document, so that a mistake in the document is a mistake of a field, and
what is typed is written where it belongs.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, get_args

from incentives.documents.editing import Editing, Kind, path_of, shown
from incentives.papers.languages import Speaker
from incentives.papers.rule_words import BY, CAUSES, WORDS, label
from incentives.papers.statement.words import metric
from incentives.rules.commission import DayCount
from incentives.rules.measures import MetricName

Options = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Input:
    """One field. ``usual`` is what holds where the document says nothing."""

    name: str
    label: str
    kind: Kind
    value: str
    options: Options = ()
    usual: str = ""
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Grid:
    """Rows of fields: tiers, steps, points, gates, examples."""

    name: str
    label: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Input, ...], ...]
    add: str


@dataclass(frozen=True, slots=True)
class Pairs:
    """A table of numbers by name: shares, factors of values. One more row is always empty."""

    name: str
    label: str
    of: str
    number: str
    rows: tuple[tuple[str, str], ...]
    hint: str = ""


Part = Input | Grid | Pairs


@dataclass(frozen=True, slots=True)
class Group:
    """Fields that belong together; ``is_rare`` ones are folded away while they say nothing."""

    title: str
    parts: tuple[Part, ...]
    name: str = ""
    """What can be taken away as a whole."""
    is_rare: bool = False


@dataclass(frozen=True, slots=True)
class Section:
    """A component, or the version itself (``kind`` "")."""

    name: str
    title: str
    kind: str
    groups: tuple[Group, ...]


def parts_of(sections: Sequence[Section]) -> Iterator[Part]:
    """Every field, grid and table of a form."""
    for section in sections:
        for group in section.groups:
            yield from group.parts


def inputs_of(sections: Sequence[Section]) -> Iterator[Input]:
    """Every single field."""
    for part in parts_of(sections):
        if isinstance(part, Input):
            yield part
        elif isinstance(part, Grid):
            for row in part.rows:
                yield from row


def typed_into(document: str, sections: Sequence[Section], typed: Mapping[str, Any]) -> str:
    """The document with what was typed into the fields; a field that was not sent stays as it is."""
    editing = Editing(document)
    for part in parts_of(sections):
        if isinstance(part, Pairs) and f"{part.name}@name" in typed:
            names, numbers = _list(typed, f"{part.name}@name"), _list(typed, f"{part.name}@number")
            rows = [(name.strip(), number.strip()) for name, number in zip(names, numbers, strict=False)]
            editing.put_all(path_of(part.name), [(name, number) for name, number in rows if name or number])
    for each in inputs_of(sections):
        said = typed.get(each.name)
        if isinstance(said, str) and said.strip() != each.value:
            said = "" if each.options and said == each.usual and not each.value else said
            editing.put(path_of(each.name), each.kind, said)
    return editing.text


def placed(sections: Sequence[Section], path: str) -> str:
    """The field at which a mistake is shown: its own, the one that holds it, the first inside; "" for none."""
    names = [each.name for each in inputs_of(sections)]
    names += [each.name for each in parts_of(sections) if not isinstance(each, Input)]
    if path in names:
        return path
    holding = [name for name in names if path.startswith((f"{name}.", f"{name}["))]
    inside = [name for name in names if name.startswith((f"{path}.", f"{path}["))]
    return max(holding, key=len) if holding else inside[0] if inside else ""


def _list(typed: Mapping[str, Any], name: str) -> list[str]:
    found = typed.get(name, [])
    return [found] if isinstance(found, str) else list(found)


# What a version may say ------------------------------------------------------------------------------


def form_of(document: Mapping[str, Any], at: int, speaker: Speaker) -> list[Section]:
    """The form for the version at an index; a document that is not a plan at all has none."""
    versions = document.get("versions")
    version = versions[at] if isinstance(versions, list) and at < len(versions) else None
    if not isinstance(version, Mapping):
        return []
    return _Form(speaker, version, f"versions[{at}]").sections()


NEW: Mapping[str, Mapping[str, Any]] = {
    "commission": {"tiers": [{"from": 0, "rate": "0%"}]},
    "shared_bonus": {"per": "quarter", "pool": {"rate": "0%"}, "shares": {}},
    "target_bonus": {"per": "quarter", "curve": {"shape": "steps", "points": [{"at": 1, "pays": 0}]}},
    "spiff": {"amount": 1},
    "draw": {"style": "top_up", "recoverable": True, "minimum": 0, "covers": []},
}
"""What a new component of a kind begins with."""


def new_row(key: str) -> dict[str, Any]:
    """What a new row of a grid begins with."""
    return {"gates": {"metric": "overdue_ratio", "at_most": "30%"}}.get(key, {})


def new_multiplier(by: str) -> dict[str, Any]:
    """What a new factor begins with: it changes nothing yet."""
    return {"by": by} | (
        {"steps": [{"from": 0, "factor": 1}]} if by in get_args(DayCount) else {"values": {}, "else": 1}
    )


@dataclass(slots=True)
class _Form:
    speaker: Speaker
    version: Mapping[str, Any]
    path: str
    say: Any = field(init=False)

    def __post_init__(self) -> None:
        self.say = self.speaker.say

    def sections(self) -> list[Section]:
        say = self.say
        own = (
            self._input(self.version, self.path, "effective_from", say("Holds from"), "day"),
            self._input(
                self.version, self.path, "reference", say("Reference"), hint=say("Where the plan letter says it")
            ),
        )
        found = [Section(self.path, say("This version"), "", (Group("", own),))]
        for index, component in enumerate(self._rows(self.version, "components")):
            name, kind = f"{self.path}.components[{index}]", shown(component.get("kind"))
            groups = getattr(self, f"_{kind}", None)
            named = Group("", (self._input(component, name, "name", say("Name")),))
            made = (named, *groups(component, name)) if groups else (named,)
            found.append(Section(name, shown(component.get("name")), kind, made))
        names = [shown(each.get("name")) for each in self._rows(self.version, "components")]
        examples = tuple(
            (
                self._input(
                    each, row, "component", say("Component"), options=tuple((name, name) for name in names)
                ),
                self._input(each, row, "collected", say("Collected, one after the other"), "numbers"),
                self._input(each, row, "earns", say("Earns"), "number"),
                self._input(each, row, "says", say("In the words of the plan letter")),
            )
            for row, each in self._named_rows(self.version, self.path, "examples")
        )
        columns = (
            say("Component"),
            say("Collected, one after the other"),
            say("Earns"),
            say("In the words of the plan letter"),
        )
        grid = Grid(f"{self.path}.examples", say("Examples"), columns, examples, say("Add an example"))
        return [*found, Section("", say("Examples"), "", (Group("", (grid,)),))]

    # Kinds -------------------------------------------------------------------------------------------

    def _commission(self, held: Mapping[str, Any], name: str) -> Iterator[Group]:
        say, choice, number = self.say, self._choice, self._number
        yield Group(
            say("Tiers"),
            (
                self._grid(
                    held,
                    name,
                    "tiers",
                    say("Tiers"),
                    {"from": say("From"), "rate": say("Rate")},
                    say("Add a tier"),
                ),
                choice(held, name, "accumulates_over", say("the window that adds up")),
                choice(held, name, "tiers_apply", say("the reach of a rate")),
                choice(held, name, "measure", say("the measure of the tiers")),
            ),
        )
        for row, each in self._named_rows(held, name, "multipliers"):
            yield self._multiplier(each, row)
        yield Group(
            say("Whom and what it pays"),
            (
                self._texts(held, name, "roles", say("the roles that are paid")),
                choice(held, name, "credits", say("the credits that count")),
                choice(held, name, "base", say("the amount that counts")),
                self._texts(held, name, "categories", say("the categories that count")),
                choice(held, name, "earns_on", say("the moment of earning")),
                number(held, name, "release_at", say("the share that counts as payment in full")),
                number(
                    held,
                    name,
                    "suspend_after_days",
                    say("the suspension of an advance"),
                    say("Days after the due date"),
                ),
                number(held, name, "hold_days", say("the wait after earning"), say("Days")),
                number(
                    held,
                    name,
                    "after_leaving_days",
                    say("the time after leaving in which cash counts"),
                    say("Days"),
                ),
            ),
        )
        clawback, at = self._inner(held, "clawback"), f"{name}.clawback"
        share = self._inner(clawback, "share")
        yield Group(
            say("When money goes back"),
            (
                choice(clawback, at, "basis", say("the size of a take-back")),
                number(clawback, at, "window_days", say("the time in which money is taken back"), say("Days")),
                choice(clawback, at, "company_fault", say("what is taken back when the company is at fault")),
                choice(clawback, at, "attainment", say("the total after a take-back")),
                *(number(share, f"{at}.share", cause, say(what)) for cause, what in CAUSES.items()),
            ),
            is_rare=not clawback,
        )
        cap, at = self._inner(held, "cap"), f"{name}.cap"
        excess = (("forfeit", say("is lost")), ("defer", say("moves on to the next")))
        units = (("", say("none")), *((key, say(text)) for key, text in WORDS["per"].items()))
        yield Group(
            say("Cap"),
            (
                self._input(cap, at, "per", say("Per"), options=units),
                number(cap, at, "amount", say("At most")),
                self._input(cap, at, "excess", say("What is above"), options=excess, usual="forfeit"),
            ),
            name=at if cap else "",
            is_rare=not cap,
        )

    def _multiplier(self, held: Mapping[str, Any], name: str) -> Group:
        say, by = self.say, shown(held.get("by"))
        title = label(say(BY[by])) if by in BY else by
        if by not in get_args(DayCount):
            rows = tuple((key, shown(value)) for key, value in self._inner(held, "values").items())
            values = Pairs(f"{name}.values", title, say("Value"), say("Factor"), rows)
            otherwise = self._number(held, name, "else", say("any other value"), say("Nothing: it earns nothing"))
            return Group(title, (values, otherwise), name)
        columns = {"from": say("From, in days"), "factor": say("Factor"), "add": say("To the rate")}
        parts: list[Part] = [self._grid(held, name, "steps", title, columns, say("Add a step"))]
        if by == "days_late":
            paused = (("no", say("counted")), ("yes", say("not counted")))
            forgiven = (("no", say("counted")), ("yes", say("forgiven")))
            parts += [
                self._yes_no(held, name, "pause_while_disputed", say("lateness during a dispute"), paused),
                self._yes_no(held, name, "forgive_if_warned", say("lateness that credit was warned of"), forgiven),
            ]
        return Group(title, tuple(parts), name)

    def _shared_bonus(self, held: Mapping[str, Any], name: str) -> Iterator[Group]:
        say = self.say
        pool, at = self._inner(held, "pool"), f"{name}.pool"
        yield Group(
            say("Pool"),
            (
                self._input(held, name, "per", label(say("the period")), options=self._units("month", "quarter")),
                self._number(pool, at, "rate", say("the rate on what is collected")),
                self._number(pool, at, "amount", say("the amount, instead of a rate")),
                self._number(
                    pool, at, "on_time_within_days", say("the days after the due date that count as on time")
                ),
            ),
        )
        shares = tuple((key, shown(value)) for key, value in self._inner(held, "shares").items())
        within = self._choice(held, name, "within_role", say("the split inside a role"))
        yield Group(
            say("Shares"), (Pairs(f"{name}.shares", say("Shares"), say("Role"), say("Share"), shares), within)
        )
        scale, at = self._inner(held, "scale"), f"{name}.scale"
        columns = {"from": say("From"), "factor": say("Factor")}
        yield Group(
            say("Scale of the pool"),
            (
                self._input(scale, at, "metric", say("Metric"), options=(("", say("none")), *self._metrics())),
                self._input(scale, at, "customers", say("Customers"), options=self._whose(), usual="all"),
                self._grid(scale, at, "steps", say("Scale of the pool"), columns, say("Add a step")),
            ),
            name=at if scale else "",
            is_rare=not scale,
        )
        yield self._gates(held, name)
        yield Group(
            say("What it counts"),
            (
                self._choice(held, name, "base", say("the amount that counts")),
                self._texts(held, name, "categories", say("the categories that count")),
                self._number(held, name, "hold_days", say("the wait after earning"), say("Days")),
            ),
        )

    def _target_bonus(self, held: Mapping[str, Any], name: str) -> Iterator[Group]:
        say = self.say
        curve, at = self._inner(held, "curve"), f"{name}.curve"
        columns = {"at": say("Of the target"), "pays": say("Pays")}
        shapes = tuple((key, say(text)) for key, text in WORDS["shape"].items())
        yield Group(
            say("Curve"),
            (
                self._grid(curve, at, "points", say("Curve"), columns, say("Add a point")),
                self._input(curve, at, "shape", label(say("the shape of the curve")), options=shapes),
                self._number(
                    held, name, "at_target", say("the bonus at target"), say("Then a point pays a share of it")
                ),
                self._input(held, name, "per", label(say("the period")), options=self._units(*WORDS["per"])),
                self._texts(held, name, "roles", say("the roles that are paid")),
                self._number(held, name, "hold_days", say("the wait after earning"), say("Days")),
            ),
        )
        yield self._gates(held, name)

    def _spiff(self, held: Mapping[str, Any], name: str) -> Iterator[Group]:
        say = self.say
        when, between = self._inner(held, "when"), self._inner(held, "between")
        new = (("no", say("all")), ("yes", say("new ones only")))
        yield Group(
            say("What it pays"),
            (
                self._number(held, name, "amount", say("the amount for an invoice")),
                self._texts(held, name, "roles", say("the roles that are paid")),
                self._number(held, name, "hold_days", say("the wait after earning"), say("Days")),
            ),
        )
        yield Group(
            say("When"),
            (
                self._number(
                    when, f"{name}.when", "paid_in_full_within_days", say("the time to pay in full"), say("Days")
                ),
                self._yes_no(when, f"{name}.when", "new_customer", say("the customers that count"), new),
                self._number(when, f"{name}.when", "minimum", say("the smallest amount that counts")),
                self._texts(when, f"{name}.when", "categories", say("the categories that count")),
                self._input(between, f"{name}.between", "from", say("Issued from"), "day"),
                self._input(between, f"{name}.between", "to", say("Issued up to"), "day"),
            ),
        )

    def _draw(self, held: Mapping[str, Any], name: str) -> Iterator[Group]:
        say = self.say
        styles = tuple((key, say(text)) for key, text in WORDS["style"].items())
        back = (("yes", say("out of later earnings")), ("no", say("none")))
        size = "amount" if held.get("style") == "additive" else "minimum"
        yield Group(
            say("Draw"),
            (
                self._number(held, name, size, say("the draw per month")),
                self._input(held, name, "style", label(say("the use of the draw")), options=styles),
                self._input(held, name, "recoverable", label(say("the recovery")), "yes_no", options=back),
                self._texts(held, name, "covers", say("the components that it covers")),
                self._input(held, name, "from_month", say("First month"), "day", hint="2026-01-01"),
                self._input(held, name, "to_month", say("Last month"), "day", hint="2026-03-01"),
            ),
        )

    def _gates(self, held: Mapping[str, Any], name: str) -> Group:
        say = self.say
        rows = tuple(
            (
                self._input(each, row, "metric", say("Metric"), options=self._metrics()),
                self._input(each, row, "customers", say("Customers"), options=self._whose(), usual="all"),
                self._input(each, row, "at_least", say("At least"), "number"),
                self._input(each, row, "at_most", say("At most"), "number"),
            )
            for row, each in self._named_rows(held, name, "gates")
        )
        columns = (say("Metric"), say("Customers"), say("At least"), say("At most"))
        grid = Grid(f"{name}.gates", say("Limits"), columns, rows, say("Add a limit"))
        return Group(say("Limits"), (grid,), is_rare=not rows)

    # Fields ------------------------------------------------------------------------------------------

    def _input(
        self,
        held: Mapping[str, Any],
        path: str,
        key: str,
        name: str,
        kind: Kind = "text",
        options: Options = (),
        usual: str = "",
        hint: str = "",
    ) -> Input:
        return Input(f"{path}.{key}", name, kind, shown(held.get(key)), options, usual, hint)

    def _choice(self, held: Mapping[str, Any], path: str, key: str, what: str) -> Input:
        options = tuple((value, label(self.say(text))) for value, text in WORDS[key].items())
        return self._input(held, path, key, label(what), options=options, usual=options[0][0])

    def _yes_no(self, held: Mapping[str, Any], path: str, key: str, what: str, options: Options) -> Input:
        return self._input(held, path, key, label(what), "yes_no", options, usual="no")

    def _number(self, held: Mapping[str, Any], path: str, key: str, what: str, hint: str = "") -> Input:
        return self._input(held, path, key, label(what), "number", hint=hint)

    def _texts(self, held: Mapping[str, Any], path: str, key: str, what: str) -> Input:
        return self._input(
            held, path, key, label(what), "texts", hint=self.say("With commas between; nothing is all")
        )

    def _grid(
        self, held: Mapping[str, Any], path: str, key: str, name: str, columns: Mapping[str, str], add: str
    ) -> Grid:
        rows = tuple(
            tuple(self._input(each, row, column, title, "number") for column, title in columns.items())
            for row, each in self._named_rows(held, path, key)
        )
        return Grid(f"{path}.{key}", name, tuple(columns.values()), rows, add)

    def _units(self, *units: str) -> Options:
        return tuple((unit, label(self.say(text))) for unit, text in WORDS["per"].items() if unit in units)

    def _metrics(self) -> Options:
        asked = ({"metric": name, "by": "value", "customers": "all"} for name in get_args(MetricName))
        return tuple((each["metric"], metric(self.speaker, each)) for each in asked)

    def _whose(self) -> Options:
        return (("all", label(self.say("all"))), ("new", label(self.say("new ones only"))))

    def _inner(self, held: Mapping[str, Any], key: str) -> Mapping[str, Any]:
        found = held.get(key)
        return found if isinstance(found, Mapping) else {}

    def _rows(self, held: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
        found = held.get(key)
        return [each for each in found if isinstance(each, Mapping)] if isinstance(found, list) else []

    def _named_rows(self, held: Mapping[str, Any], path: str, key: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
        for index, each in enumerate(self._rows(held, key)):
            yield f"{path}.{key}[{index}]", each
