"""Where somebody is in a long list, as its address says."""

from __future__ import annotations

import re

from flask import request


def page_number() -> int:
    """``?page=``, from 1 on."""
    return max(1, number("page"))


def before() -> int:
    """``?before=``: the number after which the list was left; 0 at its beginning."""
    return number("before")


def number(name: str) -> int:
    """A number in the address; 0 where there is none."""
    written = request.args.get(name, "")
    return int(written) if re.fullmatch("[0-9]{1,15}", written, re.ASCII) else 0
