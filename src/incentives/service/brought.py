"""Files that somebody brought and has not imported yet: kept beside the books for a day, for them alone."""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import stat
import tempfile
import time
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path, PurePosixPath
from typing import IO

from sqlalchemy import Engine

from incentives.errors import Problem, Rejected, Told, as_plain, from_plain, told
from incentives.feeds.documents import COMPANY, PLANS
from incentives.feeds.tables import Progress
from incentives.service.access import NotThere
from incentives.service.deliveries import FileResult, Looked, look
from incentives.store.acts import Who

KEPT_SECONDS = 24 * 60 * 60
MOST_FILES = 500
MOST_BYTES = 1024 * 1024 * 1024
"""What a zip may come to when it is unpacked."""
MOST_ENTRIES = 10_000
"""How much a zip may list, of whatever kind: a list is held in memory as a whole."""

_FOUND = "judged.json"
_LISTED = b"PK\x01\x02"
"""How each entry of a zip's list begins."""


@dataclass(frozen=True, slots=True)
class Brought:
    """A delivery that waits for its bringer. ``complete``: it lists everything that people maintain."""

    key: str
    name: str
    folder: Path
    complete: bool
    bytes: int


def bring(account_id: int, name: str, files: Iterable[tuple[str, IO[bytes]]], complete: bool) -> Brought:
    """Keep files (names with their contents; a zip is unpacked) as a dataset folder.

    Raises :class:`Rejected` for a zip that cannot be read, for two files of one name, and where nothing of a
    dataset is among them.
    """
    _sweep()
    key = secrets.token_hex(16)
    place = _place(account_id, key)
    folder = place / (_plain(name) or time.strftime("delivery-%Y-%m-%d", time.gmtime()))
    try:
        (folder / PLANS).mkdir(parents=True)
        _unpacked(folder, files)
        (place / "complete").write_text("yes" if complete else "", encoding="ascii")
    except BaseException:
        shutil.rmtree(place, ignore_errors=True)
        raise
    return found(account_id, key)


def found(account_id: int, key: str) -> Brought:
    """What an account brought; :class:`NotThere` once it is imported, thrown away or a day old."""
    place = _place(account_id, key)
    if not re.fullmatch("[0-9a-f]{32}", key) or not place.is_dir():
        raise NotThere(key)
    (folder,) = (each for each in place.iterdir() if each.is_dir())
    size = sum(each.stat().st_size for each in folder.rglob("*") if each.is_file())
    return Brought(key, folder.name, folder, bool((place / "complete").read_text(encoding="ascii")), size)


def forget(account_id: int, key: str) -> None:
    """Throw it away."""
    shutil.rmtree(found(account_id, key).folder.parent)


def judge(engine: Engine, who: Who, brought: Brought, progress: Progress | None = None) -> Looked:
    """Find out what importing it would bring, and keep that beside it."""
    looked = look(engine, who, brought.folder, complete=brought.complete, progress=progress)
    problems = [
        (each.place, each.line, each.path, each.code, as_plain(each.sentence), as_plain(each.cure))
        for each in looked.problems
    ]
    text = json.dumps(asdict(replace(looked, problems=())) | {"problems": problems})
    written = brought.folder.parent / f"{_FOUND}.new"
    written.write_text(text, encoding="utf-8")
    written.replace(brought.folder.parent / _FOUND)
    return looked


def judged(brought: Brought) -> Looked | None:
    """What was found out about it; ``None`` while nobody has."""
    file = brought.folder.parent / _FOUND
    if not file.exists():
        return None
    says = json.loads(file.read_text(encoding="utf-8"))
    return Looked(
        files=tuple(FileResult(**each) for each in says["files"]),
        problems=tuple(
            Problem(place, line, path, code, from_plain(sentence), from_plain(cure))
            for place, line, path, code, sentence, cure in says["problems"]
        ),
        left_out=says["left_out"],
        proposed=tuple(says["proposed"]),
        gone=says["gone"],
    )


# Where and how they are kept -------------------------------------------------------------------------


def _root() -> Path:
    """Where everything is kept; :class:`Rejected` where somebody else has made or opened it: in the temporary
    folder anybody may."""
    root = Path(tempfile.gettempdir()) / f"incentives-brought-{_user()}"
    with suppress(FileExistsError):
        root.mkdir(mode=0o700)
    made = root.lstat()
    if not stat.S_ISDIR(made.st_mode) or made.st_uid != os.getuid() or stat.S_IMODE(made.st_mode) != 0o700:
        sentence = told("What is brought cannot be kept: its folder is not the service's own.")
        cure = told(
            "Whoever runs the service removes it, or sets TMPDIR to a folder that is for the service alone."
        )
        _refuse(str(root), "not-own", sentence, cure)
    return root


def _user() -> str:
    return re.sub("[^A-Za-z0-9]", "-", str(Path.home()))


def _place(account_id: int, key: str) -> Path:
    return _root() / f"{account_id}-{key}"


def _sweep() -> None:
    """What nobody came back for is thrown away."""
    for place in _root().iterdir():
        try:
            if time.time() - place.stat().st_mtime > KEPT_SECONDS:
                shutil.rmtree(place, ignore_errors=True)
        except FileNotFoundError:
            continue  # somebody else threw it away


def _plain(name: str) -> str:
    """A name as a folder may have it."""
    return re.sub("[^A-Za-z0-9._-]+", "-", name).strip("-._")[:80]


def _unpacked(folder: Path, files: Iterable[tuple[str, IO[bytes]]]) -> None:
    number, left = 0, MOST_BYTES
    for name, content in _flat(files):
        target = _target(folder, name)
        if target is None:
            continue
        number += 1
        if target.exists():
            _refuse(name, "twice", told("There are two files of this name."), told("Leave one of them out."))
        if number > MOST_FILES:
            sentence = told("There are more than %(most)s files.", most=MOST_FILES)
            _refuse(name, "too-many", sentence, told("Bring them in parts."))
        with target.open("wb") as written:
            while block := content.read(1024 * 1024):
                left -= len(block)
                if left < 0:
                    sentence = told("It is too large when it is unpacked.")
                    _refuse(name, "too-large", sentence, told("Bring it in parts."))
                written.write(block)
    if not number:
        sentence = told("No .csv and no .toml file is among them.")
        cure = told("Choose company.toml, plans, or tables such as invoices.csv and events.csv.")
        _refuse("delivery", "nothing-to-read", sentence, cure)


def _flat(files: Iterable[tuple[str, IO[bytes]]]) -> Iterator[tuple[str, IO[bytes]]]:
    """Files as they are, and what is in a zip; folders and what systems add are left out."""
    for name, content in files:
        if not name.lower().endswith(".zip"):
            yield name, content
            continue
        if _lists_too_much(content):
            sentence = told("It holds more than %(number)s files and folders.", number=MOST_ENTRIES)
            _refuse(name, "too-many", sentence, told("Bring it in parts."))
        try:
            with zipfile.ZipFile(content) as packed:
                for each in packed.infolist():
                    if each.is_dir() or "__MACOSX" in each.filename:
                        continue
                    with packed.open(each) as inside:
                        yield each.filename, inside
        except (zipfile.BadZipFile, RuntimeError, EOFError, zlib.error):
            cure = told("Make the zip again, without a password.")
            _refuse(name, "unreadable-zip", told("It cannot be unpacked."), cure)


def _lists_too_much(content: IO[bytes]) -> bool:
    """Whether a zip has too long a list, found without reading the list."""
    entries, last = 0, b""
    while block := content.read(1024 * 1024):
        entries += (last + block).count(_LISTED)
        last = block[-3:]
    content.seek(0)
    return entries > MOST_ENTRIES


def _target(folder: Path, name: str) -> Path | None:
    """Where a file of a dataset goes; ``None`` for any other. Only the last part of its name counts."""
    last = PurePosixPath(name.replace("\\", "/")).name
    if not re.fullmatch(r"[^\x00-\x1f/\\]{1,120}\.(csv|toml)", last) or last.startswith("."):
        return None
    return folder / PLANS / last if last.endswith(".toml") and last != COMPANY else folder / last


def _refuse(name: str, code: str, sentence: Told, cure: Told) -> None:
    raise Rejected([Problem(name, 0, "files", code, sentence, cure)])
