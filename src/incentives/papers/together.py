"""Files that appear together or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory


@contextmanager
def written_together(folder: Path) -> Iterator[Path]:
    """A place to write files in. They move into the folder, whole, when the block ends well; if it does not,
    the folder keeps what it had. The folder is made where it does not exist.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(dir=folder, prefix=".writing-") as beside:
        yield Path(beside)
        finished = sorted(Path(beside).iterdir())
        for file in finished:
            if (folder / file.name).is_dir():
                raise IsADirectoryError(f"{folder / file.name} is a folder, a file is to be written there")
        for file in finished:
            file.replace(folder / file.name)
