"""Plans and their versions (docs/rules.md section 6)."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Literal

from incentives.rules.commission import Commission
from incentives.rules.draw import Draw
from incentives.rules.shared_bonus import SharedBonus
from incentives.rules.spiff import Spiff
from incentives.rules.target_bonus import TargetBonus

Component = Commission | SharedBonus | TargetBonus | Spiff | Draw
RulesAsOf = Literal["invoice", "payment", "contract"]

COMPONENT_KINDS = ("commission", "shared_bonus", "target_bonus", "spiff", "draw")


@dataclass(frozen=True, slots=True)
class Example:
    """An example of the plan letter: these amounts collected one after the other earn this much in all."""

    component: str
    says: str
    collected_minor: tuple[int, ...]
    earns_minor: int


@dataclass(frozen=True, slots=True)
class Version:
    """The rules from a day on. Never edited: a change is a new version."""

    effective_from: dt.date
    reference: str
    components: tuple[Component, ...]
    examples: tuple[Example, ...] = ()

    def component(self, name: str) -> Component | None:
        """The component of that name, if this version has it."""
        return next((each for each in self.components if each.name == name), None)


@dataclass(frozen=True, slots=True)
class Plan:
    """A plan with all its versions, oldest first."""

    plan: str
    name: str
    currency: str
    rules_as_of: RulesAsOf
    versions: tuple[Version, ...]

    def version_on(self, day: dt.date) -> Version | None:
        """The version in force: the last that began on or before the day."""
        in_force = None
        for version in self.versions:
            if version.effective_from > day:
                break
            in_force = version
        return in_force

    def component_names(self) -> tuple[str, ...]:
        """Every component of any version, in the order in which they first appear."""
        return tuple(dict.fromkeys(each.name for version in self.versions for each in version.components))

    def kind_of(self, component: str) -> str:
        """The kind of a component: the same in every version."""
        return next(
            each.kind for version in self.versions for each in version.components if each.name == component
        )
