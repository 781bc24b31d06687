"""Plan documents: TOML -> a plan, or every mistake in it (docs/formats.md; docs/rules.md section 6)."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping
from typing import Any

from marshmallow import ValidationError, validates_schema

from incentives.documents.commission import CommissionSchema, commission
from incentives.documents.draw import DrawSchema, draw
from incentives.documents.fields import (
    Amount,
    Currency,
    Day,
    Document,
    Rows,
    Table,
    Text,
    Variant,
    Word,
    Written,
    amounts_in,
    loaded,
    not_negative,
    problems_in,
    raise_all,
)
from incentives.documents.shared_bonus import SharedBonusSchema, shared_bonus
from incentives.documents.spiff import SpiffSchema, spiff
from incentives.documents.target_bonus import TargetBonusSchema, target_bonus
from incentives.documents.toml_words import reason
from incentives.documents.versions import version_mistakes, within_version
from incentives.errors import Problem, marked, told
from incentives.money import EXPONENTS
from incentives.rules.plan import Component, Example, Plan, Version

_SCHEMAS: dict[str, type[Document]] = {
    "commission": CommissionSchema,
    "shared_bonus": SharedBonusSchema,
    "target_bonus": TargetBonusSchema,
    "spiff": SpiffSchema,
    "draw": DrawSchema,
}
_MAKERS: dict[str, Callable[[Mapping[str, Any]], Component]] = {
    "commission": commission,
    "shared_bonus": shared_bonus,
    "target_bonus": target_bonus,
    "spiff": spiff,
    "draw": draw,
}
_TOML_PLACE = re.compile(r" \(at line ([0-9]+), column ([0-9]+)\)$")


class ExampleSchema(Document):
    """An example of the plan letter."""

    component = Text(required=True)
    says = Text()
    collected_minor = Rows(Amount(check=not_negative), least=1, data_key="collected", required=True)
    earns_minor = Amount(data_key="earns", required=True)


class VersionSchema(Document):
    """The rules from a day on."""

    effective_from = Day(required=True)
    reference = Text()
    components = Rows(
        Variant("kind", marked("%(found)s is not a kind of component."), _SCHEMAS), least=1, required=True
    )
    examples = Rows(Table(ExampleSchema))

    @validates_schema(skip_on_field_errors=False)
    def _components_fit(self, data: Mapping[str, Any], **kwargs: Any) -> None:
        raise_all(within_version(data))


class PlanSchema(Document):
    """A plan with all its versions. ``name`` may be left out: then the plan goes by its id."""

    plan = Text(required=True)
    name = Text()
    currency = Currency(required=True)
    rules_as_of = Word("invoice", "payment", "contract")
    versions = Rows(Table(VersionSchema), least=1, required=True)

    @validates_schema(skip_on_field_errors=False)
    def _versions_fit(self, data: Mapping[str, Any], **kwargs: Any) -> None:
        raise_all({"versions": version_mistakes(data)})


def read_plan(text: str, place: str) -> tuple[Plan | None, list[Problem]]:
    """A plan from its TOML text: the plan and no problems, or no plan and every problem, in order of place.

    Floats are taken as they are written, never through a float (section 2).
    """
    document, problems = read_toml(text, place)
    return (None, problems) if document is None else plan_from(document, place)


def plan_from(document: Mapping[str, Any], place: str) -> tuple[Plan | None, list[Problem]]:
    """A plan from a document that is already parsed. Its floats are :class:`Written`, not floats."""
    currency = document.get("currency")
    known = currency if isinstance(currency, str) and currency in EXPONENTS else None
    with amounts_in(known):
        try:
            read = loaded(PlanSchema, document)
        except ValidationError as error:
            return None, sorted(problems_in(error.messages, place))
    return _plan(read), []


def read_toml(text: str, place: str) -> tuple[dict[str, Any] | None, list[Problem]]:
    """TOML as dictionaries, floats as they were written; what is not TOML is one problem with its line."""
    try:
        return tomllib.loads(text, parse_float=Written.of), []
    except RecursionError:
        sentence, cure = told("It is nested too deeply."), told("Write it flatter.")
        return None, [Problem(place, 0, "", "not-toml", sentence, cure)]
    except ValueError as error:  # tomllib's own error, or an integer of thousands of digits
        message = str(error)
        at = _TOML_PLACE.search(message)
        line = int(at.group(1)) if at else 0
        why = reason(_TOML_PLACE.sub("", message))
        sentence = told("This is not TOML: %(reason)s.", reason=why)
        if at:
            column = at.group(2)
            sentence = told("This is not TOML: %(reason)s (column %(column)s).", reason=why, column=column)
        return None, [Problem(place, line, "", "not-toml", sentence, told("Mend the line, or see toml.io."))]


def _plan(read: Mapping[str, Any]) -> Plan:
    return Plan(
        plan=read["plan"],
        name=read.get("name", read["plan"]),
        currency=read["currency"],
        rules_as_of=read.get("rules_as_of", "invoice"),
        versions=tuple(_version(each) for each in read["versions"]),
    )


def _version(read: Mapping[str, Any]) -> Version:
    return Version(
        effective_from=read["effective_from"],
        reference=read.get("reference", ""),
        components=tuple(_MAKERS[each["kind"]](each) for each in read["components"]),
        examples=tuple(_example(each) for each in read.get("examples", ())),
    )


def _example(read: Mapping[str, Any]) -> Example:
    return Example(
        component=read["component"],
        says=read.get("says", ""),
        collected_minor=tuple(read["collected_minor"]),
        earns_minor=read["earns_minor"],
    )
