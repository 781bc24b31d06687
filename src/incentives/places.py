"""Where the folders that come with the program stand: beside the sources, or inside the installed package."""

from __future__ import annotations

from functools import lru_cache
from importlib.resources import files
from pathlib import Path


@lru_cache
def data_dir(name: str) -> Path:
    """The folder ``migrations``, ``sample_data`` or ``templates``."""
    package = Path(str(files("incentives")))
    beside = package.parent.parent / name
    return beside if beside.is_dir() else package / name
