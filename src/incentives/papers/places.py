"""Where the files lie that papers are made with: beside the sources, or inside the installed package."""

from __future__ import annotations

from functools import lru_cache
from importlib.resources import files
from pathlib import Path


@lru_cache
def data_dir(name: str) -> Path:
    """A top-level folder such as ``templates``: of a source checkout, or the copy in the installed wheel."""
    package = Path(str(files("incentives")))
    beside = package.parent.parent / name
    return beside if beside.is_dir() else package / name
