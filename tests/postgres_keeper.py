"""Keeps one command of PostgreSQL running for as long as the tests that started it live.

A process of its own, since a test run that is killed can clean up nothing itself: this one notices, stops the
command and removes its folder. It is told nothing; the tests hold the other end of its standard input, and
when that closes, for whatever reason, they are done. Arguments: the folder, the user that the command runs as
(empty: this one), the command.
"""

from __future__ import annotations

import os
import pwd
import select
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

LOOKS_EVERY = 0.2  # seconds


def main() -> int:
    folder, user, *command = sys.argv[1:]
    parent = os.getppid()
    with (Path(folder) / "log").open("ab") as log:
        running = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=folder, **_identity(user)
        )
    while running.poll() is None:
        if _is_over(parent):
            _stop(running)
            shutil.rmtree(folder, ignore_errors=True)
            return 0
    return running.returncode


def _identity(user: str) -> dict[str, Any]:
    """What makes a command run as a user and with nothing of root's; PostgreSQL refuses to run as root."""
    if not user:
        return {}
    return {"user": user, "group": pwd.getpwnam(user).pw_gid, "extra_groups": []}


def _is_over(parent: int) -> bool:
    """Whether the tests are done. A child that they forked may hold the pipe open, so the parent counts too."""
    closed, _, _ = select.select([sys.stdin], [], [], LOOKS_EVERY)
    return bool(closed) or os.getppid() != parent


def _stop(running: subprocess.Popen[bytes]) -> None:
    """At once and without saving anything: the data go next."""
    running.send_signal(signal.SIGQUIT)
    try:
        running.wait(timeout=20)
    except subprocess.TimeoutExpired:
        running.kill()
        running.wait()


if __name__ == "__main__":
    sys.exit(main())
