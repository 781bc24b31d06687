"""What must hold inside a version and between the versions of a plan (docs/rules.md sections 6 and 9).

Everything here sees what could be read so far: a table that could not be read is ``None``, a key that could not
be read is absent, and neither keeps the other checks from running.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from incentives.documents import written
from incentives.documents.fields import Errors, Mistake
from incentives.documents.written import shown
from incentives.errors import Told, marked, told

Read = Mapping[str, Any]

_SHARED = {"shared_bonus"}
_PERSONAL = {"commission", "spiff", "draw"}
_FIXED_UNDER_PAYMENT: dict[str, tuple[str, object]] = {
    "base": ("base", "net"),
    "categories": ("categories", ()),
    "earns_on": ("earns_on", "payment"),
    "release_at_ppm": ("release_at", 1_000_000),
    "credits": ("credits", "own"),
}
"""Attribute -> its key in the document, and what its absence means."""

_CHANGED = {"kind": "kind-changed", "per": "per-changed", "cap": "per-changed"} | dict.fromkeys(
    (key for key, _ in _FIXED_UNDER_PAYMENT.values()), "changed-under-payment"
)


def within_version(version: Read) -> Errors:
    """Unique names, draws that cover what is there, examples of what is there, payees or teams but not both."""
    components = _tables(version, "components")
    errors: Errors = {"components": {}, "examples": {}}
    _names_once(components, errors["components"])
    _draws_cover(components, errors["components"])
    _payees_or_teams(components, errors["components"])
    names = [each["name"] for _, each in components if each.get("kind") == "commission" and "name" in each]
    for index, example in _tables(version, "examples"):
        name = example.get("component")
        if name is not None and name not in names:
            sentence = told("%(name)s is not a commission component of this version.", name=shown(name))
            _add(errors["examples"], index, "component", "unknown-component", sentence, written.meant(name, names))
    return errors


def _names_once(components: Sequence[tuple[int, Read]], errors: Errors) -> None:
    first: dict[str, int] = {}
    for index, each in components:
        name = each.get("name")
        if name is None:
            continue
        if name in first:
            sentence = told(
                "%(path)s of this version is already called %(name)s.",
                path=f"components[{first[name]}]",
                name=shown(name),
            )
            _add(errors, index, "name", "name-twice", sentence, told("Give it another name."))
        first.setdefault(name, index)


def _draws_cover(components: Sequence[tuple[int, Read]], errors: Errors) -> None:
    kinds = {each["name"]: each.get("kind") for _, each in components if "name" in each}
    coverable = [name for name, kind in kinds.items() if kind != "draw"]
    for index, each in components:
        if each.get("kind") != "draw":
            continue
        for position, name in enumerate(each.get("covers") or ()):
            if name is None or name in coverable:
                continue
            sentence = told("%(name)s is not a component of this version.", name=shown(name))
            if name in kinds:
                sentence = told("%(name)s is a draw itself.", name=shown(name))
            cure = written.meant(name, coverable, told("Name components that this version has."))
            _put(errors, (index, "covers", position), Mistake("unknown-component", sentence, cure))


def _payees_or_teams(components: Sequence[tuple[int, Read]], errors: Errors) -> None:
    kinds = [each.get("kind") for _, each in components]
    if not (set(kinds) & _SHARED and set(kinds) & _PERSONAL):
        return
    for index, each in components:
        if each.get("kind") in _SHARED:
            sentence = told("A shared bonus belongs to a team, the other components of this plan to a payee.")
            _add(errors, index, "kind", "payee-or-team", sentence, told("Put it into a plan of its own."))


def version_mistakes(plan: Read) -> Errors:
    """Mistakes between versions, by version index: dates that do not rise, components that change their nature."""
    versions = _tables(plan, "versions")
    errors: Errors = {}
    _dates_rise(versions, errors)
    first_said: dict[tuple[str, ...], tuple[int, object]] = {}
    for index, version in versions:
        for position, component in _tables(version, "components"):
            if "name" not in component:
                continue
            for keys, value, found, cure in _lasting(plan, component):
                place, before = first_said.setdefault((component["name"], *keys), (index, value))
                if before == value or place == index:
                    continue
                where = f"versions[{place}]"
                sentence = told(found, key=keys[-1], now=repr(value), before=repr(before), where=where)
                _put(errors, (index, "components", position, *keys), Mistake(_CHANGED[keys[0]], sentence, cure))
                if keys == ("kind",):
                    break
    return errors


def _lasting(plan: Read, component: Read) -> Iterator[tuple[tuple[str, ...], object, str, Told]]:
    """What a component may say only once for all versions (section 6): keys, value, sentence, cure."""
    sentence = marked("It is %(now)s here, %(before)s in %(where)s.")
    cure = told("It stays the same in all versions; a new rule is a component with a new name.")
    yield ("kind",), component.get("kind"), sentence, cure
    if "per" in component:
        yield ("per",), component["per"], sentence, cure
    if "per" in (component.get("cap") or {}):
        yield ("cap", "per"), component["cap"]["per"], sentence, cure
    if plan.get("rules_as_of") == "payment" and component.get("kind") == "commission":
        for attribute, (key, absent) in _FIXED_UNDER_PAYMENT.items():
            value = component.get(attribute, absent)
            comparable = sorted(map(str, value)) if isinstance(value, list | tuple) else value
            cure = told(
                'Under rules_as_of = "payment" it stays the same in all versions; a new rule is a component with '
                "a new name."
            )
            yield (key,), comparable, marked("%(key)s differs from %(where)s."), cure


def _dates_rise(versions: Sequence[tuple[int, Read]], errors: Errors) -> None:
    first: dt.date | None = None
    before: dt.date | None = None
    for index, version in versions:
        day = version.get("effective_from")
        if day is None:
            continue
        if first is not None and before is not None and day <= before:
            if day < first:
                code = "before-first-version"
                sentence = told("%(day)s is before the plan's first version, %(first)s.", day=day, first=first)
                cure = told(
                    "The first version stays the first: what came before it earned nothing and has to stay so."
                )
            else:
                code = "not-rising"
                sentence = told("%(day)s is not after the version before it, %(before)s.", day=day, before=before)
                cure = told("Let versions follow each other by effective_from, one for each day.")
            _add(errors, index, "effective_from", code, sentence, cure)
        first = day if first is None else first
        before = day if before is None else max(day, before)


def _tables(read: Read, key: str) -> list[tuple[int, Read]]:
    return [(index, each) for index, each in enumerate(read.get(key) or ()) if isinstance(each, Mapping)]


def _add(errors: Errors, index: int, key: str, code: str, sentence: Told, cure: Told) -> None:
    _put(errors, (index, key), Mistake(code, sentence, cure))


def _put(errors: Errors, path: Sequence[str | int], found: Mistake) -> None:
    *branches, leaf = path
    for key in branches:
        errors = errors.setdefault(key, {})
    errors[leaf] = [found]
