"""The OpenAPI document as a page that people read: nothing on it but what the document says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from incentives.documents.written import listed

_METHODS = ("get", "post", "put", "delete")
_REF = "#/components/schemas/"


@dataclass(frozen=True, slots=True)
class Kind:
    """What a value is: in words, with the shape that it refers to, if it does."""

    says: str
    shape: str = ""


@dataclass(frozen=True, slots=True)
class Value:
    """A field, or a parameter."""

    name: str
    kind: Kind
    required: bool
    says: str = ""
    where: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """What may be answered."""

    status: str
    says: str
    kind: Kind


@dataclass(frozen=True, slots=True)
class Operation:
    """One thing that a program can do."""

    anchor: str
    method: str
    path: str
    summary: str
    description: str
    scope: str
    roles: tuple[str, ...]
    parameters: tuple[Value, ...]
    body: Kind | None
    answers: tuple[Answer, ...]


@dataclass(frozen=True, slots=True)
class Chapter:
    """The operations of a noun."""

    name: str
    says: str
    operations: tuple[Operation, ...]


@dataclass(frozen=True, slots=True)
class Shown:
    """A shape with its fields."""

    name: str
    says: str
    fields: tuple[Value, ...]


def chapters(spec: Mapping[str, Any]) -> list[Chapter]:
    """Every operation, by noun, in the order of the document."""
    found: dict[str, list[Operation]] = {tag["name"]: [] for tag in spec["tags"]}
    for path, methods in spec["paths"].items():
        shared = methods.get("parameters", [])
        for method in _METHODS:
            if method in methods:
                found[methods[method]["tags"][0]].append(_operation(spec, path, method, methods[method], shared))
    return [Chapter(tag["name"], tag["description"], tuple(found[tag["name"]])) for tag in spec["tags"]]


def shapes(spec: Mapping[str, Any]) -> list[Shown]:
    """Every shape that an operation or another shape refers to."""
    return [
        Shown(name, shape.get("description", ""), tuple(_fields(shape)))
        for name, shape in sorted(spec["components"]["schemas"].items())
    ]


def _operation(spec: Mapping[str, Any], path: str, method: str, said: Mapping[str, Any], shared: Any) -> Operation:
    parameters = [
        Value(each["name"], _kind(each["schema"]), each.get("required", False), _says(each), each["in"])
        for each in (*shared, *said.get("parameters", []))
    ]
    content = said.get("requestBody", {}).get("content", {})
    return Operation(
        anchor=f"{method}-{path.removeprefix('/api/v1/').replace('/', '-').replace('{', '').replace('}', '')}",
        method=method.upper(),
        path=path,
        summary=said.get("summary", ""),
        description=said.get("description", ""),
        scope=said["x-scope"],
        roles=tuple(said["x-roles"]),
        parameters=tuple(parameters),
        body=_kind(next(iter(content.values()))["schema"]) if content else None,
        answers=tuple(_answer(spec, status, each) for status, each in said["responses"].items()),
    )


def _answer(spec: Mapping[str, Any], status: str, said: Mapping[str, Any]) -> Answer:
    if "$ref" in said:
        said = spec["components"]["responses"][said["$ref"].rpartition("/")[2]]
    content = said.get("content", {})
    kind = Kind("")
    for media, each in content.items():
        kind = _kind(each["schema"]) if "json" in media else Kind(media)
    return Answer(status, said["description"], kind)


def _fields(shape: Mapping[str, Any]) -> Iterator[Value]:
    required = shape.get("required", [])
    for name, each in shape.get("properties", {}).items():
        yield Value(name, _kind(each), name in required, _says(each))


def _says(said: Mapping[str, Any]) -> str:
    return str(said.get("description") or said.get("schema", {}).get("description") or "")


def _kind(shape: Mapping[str, Any]) -> Kind:
    """What a value is, in a few words."""
    for reference in (shape, *shape.get("allOf", ()), *shape.get("anyOf", ())):
        if "$ref" in reference:
            name = reference["$ref"].removeprefix(_REF)
            return Kind(name, name)
    types = shape.get("type", "any")
    types = types if isinstance(types, list) else [types]
    orelse = " or null" if "null" in types else ""
    if "array" in types:
        inner = _kind(shape.get("items", {}))
        return Kind(f"list of {inner.says}", inner.shape)
    if "enum" in shape:
        return Kind(listed(str(each) for each in shape["enum"] if each is not None) + orelse)
    word = {"string": "text", "integer": "number", "boolean": "true or false"}.get(types[0], types[0])
    word = {"date": "day", "date-time": "instant", "binary": "bytes"}.get(shape.get("format", ""), word)
    examples = shape.get("examples", [])
    example = f", such as {examples[0]}" if examples and not isinstance(examples[0], dict) else ""
    return Kind(f"{word}{orelse}{example}")
