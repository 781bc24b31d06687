"""The kinds of jobs: each a function that calls a service, with the words that a person reads about it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine

from incentives.papers.languages import marked
from incentives.service.access import ROLES
from incentives.store.acts import Who

Progress = Callable[[str, int, int], None]
"""Told what is being done, how much of it is done, and of how much (0: nobody knows)."""


@dataclass(frozen=True, slots=True)
class Found:
    """What a job found that is for nobody but whoever asked: ``found`` is kept beside the books for a while,
    ``result`` becomes the job's."""

    result: Mapping[str, Any]
    found: Mapping[str, Any]


Doing = Callable[[Engine, dict[str, Any], Who, Progress], Mapping[str, Any] | Found]


@dataclass(frozen=True, slots=True)
class Kind:
    """What a job does, who may have it done (whoever started it, where no role is named), and its words."""

    name: str
    function: Doing
    roles: frozenset[str]
    doing: str
    done: str


KINDS: dict[str, Kind] = {}


def kind(
    name: str, *roles: str, doing: str = marked("A job"), done: str = marked("Done.")
) -> Callable[[Doing], Doing]:
    """Register a function as the kind ``name``. It may be called twice for one job: the second time finds what
    the first one did. What it returns becomes the job's result: no amounts, since others may look at the job;
    these are :class:`Found`."""
    assert set(roles) <= set(ROLES), f"unknown role in {roles}"

    def registered(function: Doing) -> Doing:
        assert name not in KINDS, f"{name} is a kind already"
        KINDS[name] = Kind(name, function, frozenset(roles), doing, done)
        return function

    return registered
