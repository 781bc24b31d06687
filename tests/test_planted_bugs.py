"""The planted bugs of ``scripts/planted_bugs.py``: their patches fit, and the tests catch every one."""

from __future__ import annotations

import importlib.util
import sys
from collections import Counter
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

SCRIPT = Path(__file__).parent.parent / "scripts" / "planted_bugs.py"


def script() -> ModuleType:
    """The script as a module; it stands in no package."""
    spec = importlib.util.spec_from_file_location("planted_bugs", SCRIPT)
    assert spec is not None and spec.loader is not None
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


planted = script()


@pytest.mark.parametrize("bug", planted.BUGS, ids=lambda bug: str(bug.name))
def test_a_patch_fits_in_exactly_one_place_and_is_python(bug: Any) -> None:
    text, mistake = planted.patched(bug)
    assert not mistake
    assert bug.before != bug.after
    compile(text, bug.file, "exec")


def test_every_bug_has_a_name_of_its_own() -> None:
    names = Counter(bug.name for bug in planted.BUGS)
    assert len(planted.BUGS) >= 14 and max(names.values()) == 1


@pytest.mark.deep
def test_every_planted_bug_is_caught(capsys: pytest.CaptureFixture[str]) -> None:
    code = planted.main([])
    assert code == 0, capsys.readouterr().out
