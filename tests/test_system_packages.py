"""What pip cannot install: found, installed, or named."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parent.parent / "scripts" / "system_packages"

APT_GET = """#!/bin/sh
echo "$@" >> "{folder}/asked"
echo 'echo DejaVu Sans' > "{folder}/found"
"""
SUDO = """#!/bin/sh
shift
"$@"
"""
FC_LIST = """#!/bin/sh
test ! -e "{folder}/found" || echo DejaVu Sans
"""


def needing(*names: str, path: Path) -> tuple[int, str, str]:
    """What the script answers where only the programs of one folder are known."""
    environment = {**os.environ, "PATH": str(path)}
    done = subprocess.run([sys.executable, SCRIPT, *names], capture_output=True, text=True, env=environment)
    return done.returncode, done.stdout, done.stderr


def program(path: Path, text: str) -> None:
    path.write_text(text.format(folder=path.parent), encoding="utf-8")
    path.chmod(0o755)


def test_nothing_is_said_where_all_is_there(tmp_path: Path) -> None:
    program(tmp_path / "fc-list", FC_LIST)
    (tmp_path / "found").touch()
    program(tmp_path / "initdb", "")
    program(tmp_path / "postgres", "")
    assert needing("pdf", "postgresql", path=tmp_path) == (0, "", "")


def test_what_cannot_be_installed_is_named_as_each_system_calls_it(tmp_path: Path) -> None:
    assert needing("pdf", path=tmp_path) == (
        1,
        "",
        "Missing: the font DejaVu Sans. Install it, then try again:\n"
        "  Debian, Ubuntu:  sudo apt-get install -y fonts-dejavu-core\n"
        "  Fedora:          sudo dnf install -y dejavu-sans-fonts\n"
        "  macOS:           brew install font-dejavu\n",
    )


def test_what_is_missing_is_installed_once(tmp_path: Path) -> None:
    program(tmp_path / "fc-list", FC_LIST)
    program(tmp_path / "sudo", SUDO)
    program(tmp_path / "apt-get", APT_GET)
    (tmp_path / "env").symlink_to("/usr/bin/env")
    assert needing("pdf", path=tmp_path) == (0, "Installing fonts-dejavu-core.\n", "")
    assert needing("pdf", path=tmp_path) == (0, "", "")
    [asked] = (tmp_path / "asked").read_text(encoding="utf-8").splitlines()
    assert asked.endswith("install --no-install-recommends fonts-dejavu-core")


@pytest.mark.parametrize("names", [(), ("pdf", "doc")])
def test_a_need_that_is_not_known_is_refused(names: tuple[str, ...], tmp_path: Path) -> None:
    assert needing(*names, path=tmp_path) == (2, "", "Say what is needed: pdf, postgresql, browser.\n")
