#!/usr/bin/env python3
"""Write the manifests of the store's guards anew, after a deliberate change of tables, triggers or settings.

``python scripts/write_guards.py`` makes empty books on SQLite and on a PostgreSQL server of its own and writes
``migrations/guards.*.json``. Read the difference before it is committed: the service refuses to start on a store
that is not as the manifest says, and the manifest is what a migration that drops a guard is caught by.
``--check`` writes nothing and exits 1 where a manifest is not what a new store has.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(PROJECT / "src"), str(PROJECT / "tests")]

from incentives.store import guards  # noqa: E402
from postgres import running  # noqa: E402
from stores import made, opened  # noqa: E402


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 where one would change")
    check = parser.parse_args().check
    with tempfile.TemporaryDirectory() as folder, running() as server:
        urls = (f"sqlite:///{folder}/books.db", server.fresh_database())
        changed = [path for path, text in map(_manifest, urls) if _differs(path, text, check)]
    for path in changed:
        sys.stdout.write(f"{path.relative_to(PROJECT)} {'is not' if check else 'was not'} what a new store has.\n")
    return 1 if check and changed else 0


def _manifest(url: str) -> tuple[Path, str]:
    """Where the manifest of a brand stands, and what it should say."""
    with opened(made(url)) as engine, engine.connect() as connection:
        found = guards.present(connection)
    return guards.manifest(engine.dialect.name), json.dumps(found, indent=1, sort_keys=True) + "\n"


def _differs(path: Path, text: str, check: bool) -> bool:
    if path.exists() and path.read_text(encoding="utf-8") == text:
        return False
    if not check:
        path.write_text(text, encoding="utf-8")
    return True


if __name__ == "__main__":
    sys.exit(main())
