"""Numbers in addresses: what no database has is not there."""

from __future__ import annotations

from werkzeug.routing import BaseConverter


class NumberInPath(BaseConverter):
    """A number that a database has, below 10^18: ``int`` in the addresses of pages, ``number`` in the API's."""

    regex = "[1-9][0-9]{0,17}"

    def to_python(self, value: str) -> int:
        """As a number."""
        return int(value)
