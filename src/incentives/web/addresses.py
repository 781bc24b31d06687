"""Addresses: those that every page leads to, and numbers in them, of which what no database has is not there."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from flask import request, url_for
from werkzeug.routing import BaseConverter


class NumberInPath(BaseConverter):
    """A number that a database has, below 10^18: ``int`` in the addresses of pages, ``number`` in the API's."""

    regex = "[1-9][0-9]{0,17}"

    def to_python(self, value: str) -> int:
        """As a number."""
        return int(value)


def address_of(endpoint: str, **values: Any) -> str:
    """The address of a place that every page leads to. Below one root it is always the same, and is made once."""
    return _below(request.script_root, endpoint, **values)


@lru_cache
def _below(_root: str, endpoint: str, **values: Any) -> str:
    return url_for(endpoint, **values)
