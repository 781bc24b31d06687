"""Every route says who may use it, or the application does not start."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from flask import Flask
from flask.views import View

from incentives.service.access import ROLES, Viewer


@dataclass(frozen=True, slots=True)
class Policy:
    """Who may use a route: anybody, or somebody with one of ``roles`` (``None``: whoever is signed in).

    ``scope`` is what a token needs; without one a token is refused, so that a page is not for programs.
    """

    roles: frozenset[str] | None = None
    is_public: bool = False
    scope: str = ""

    def admits(self, viewer: Viewer) -> bool:
        """Whether somebody who is signed in may use it."""
        if viewer.scopes is not None and self.scope not in viewer.scopes:
            return False
        return self.roles is None or not viewer.roles.isdisjoint(self.roles)


PUBLIC = Policy(is_public=True)
SIGNED_IN = Policy()
NOBODY = Policy(frozenset())

F = TypeVar("F", bound=Callable[..., Any])


def allow(*roles: str, scope: str = "") -> Callable[[F], F]:
    """Declare who may use a route: one of these roles; none named is everybody who is signed in."""
    assert set(roles) <= set(ROLES), f"unknown role in {roles}"
    return _declare(Policy(frozenset(roles) or None, scope=scope))


def public(function: F) -> F:
    """Declare that anybody may use a route, signed in or not."""
    return _declare(PUBLIC)(function)


def _declare(policy: Policy) -> Callable[[F], F]:
    def declared(function: F) -> F:
        function.policy = policy  # type: ignore[attr-defined]
        return function

    return declared


class Undeclared(RuntimeError):
    """A route does not say who may use it."""


Policies = Mapping[tuple[str, str], Policy]
"""By endpoint and method."""


def policies_of(app: Flask, of_libraries: Mapping[str, Policy]) -> Policies:
    """The policy of every route; :class:`Undeclared` names all that have none.

    ``of_libraries`` declares the routes that a library brings, by endpoint.
    """
    found: dict[tuple[str, str], Policy] = {}
    missing = []
    for rule in app.url_map.iter_rules():
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"}):
            policy = of_libraries.get(rule.endpoint) or _declared(app.view_functions[rule.endpoint], method)
            if policy is None:
                missing.append(f"{method} {rule.rule} ({rule.endpoint})")
            else:
                found[rule.endpoint, method] = policy
    if missing:
        raise Undeclared("Who may use them? " + "; ".join(sorted(missing)))
    return found


def _declared(function: Callable[..., Any], method: str) -> Policy | None:
    view = getattr(function, "view_class", None)
    if view is not None and issubclass(view, View):
        function = getattr(view, method.lower(), function)
    found = getattr(function, "policy", None)
    assert found is None or isinstance(found, Policy)
    return found
