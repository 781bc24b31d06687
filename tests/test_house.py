"""The house: which room may import which, and what the pure rooms may not touch.

The checker reads source text and imports nothing, so an import inside a function or under TYPE_CHECKING
counts like any other. A guard that looks at nothing always passes; this one counts what it saw, and the last
tests here plant each violation to see that it is found.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "src" / "incentives"

# Each room imports only those that stand before it.
ROOMS = (
    "errors",
    "money",
    "calendar",
    "facts",
    "rules",
    "calculation",
    "ledger",
    "places",
    "documents",
    "feeds",
    "store",
    "engines",
    "papers",
    "service",
    "jobs",
    "web",
    "cli",
)
PURE = ROOMS[: ROOMS.index("ledger") + 1]

# The front doors: modules that only start the program stand with cli.
DOORS = ("incentives", "incentives.__main__", "incentives.demo")

# Where a library may be used by one room only.
KEPT_FOR = {"pendulum": "calendar"}

# What of the standard library reaches files, environment, clock, chance, logs, other programs or the network,
# or imports by a name that this checker cannot read.
# fmt: off
REACHES_OUT = frozenset({
    "asyncio", "fileinput", "ftplib", "getpass", "glob", "http", "importlib", "io", "locale",
    "logging", "multiprocessing", "os", "pathlib", "platform", "random", "secrets", "shutil",
    "signal", "smtplib", "socket", "sqlite3", "subprocess", "sys", "tempfile", "threading", "time",
    "urllib",
})
# fmt: on
REACHING_CALLS = frozenset({"__import__", "eval", "exec", "input", "open", "print"})
CLOCKS = frozenset({"now", "today", "tomorrow", "utcnow", "yesterday"})
DATE_CLASSES = frozenset({"date", "datetime", "Date", "DateTime", "pendulum"})

ROOM_PAGE = ("Owns", "Does not own", "Dates", "Always true")


@dataclass(frozen=True, slots=True)
class Module:
    """One source file: its dotted name, its text as a tree, and whether it is a package's own file."""

    name: str
    tree: ast.Module
    is_package: bool = False

    @property
    def room(self) -> str | None:
        return room_of(self.name)

    def where(self, line: int) -> str:
        return f"{self.name}, line {line}"


@dataclass(frozen=True, slots=True)
class Import:
    """One imported module, by its full dotted name."""

    target: str
    line: int

    @property
    def top(self) -> str:
        return self.target.partition(".")[0]


def room_of(name: str) -> str | None:
    """The room that a dotted name under incentives stands in; None where the house has no such room."""
    if name in DOORS or name.startswith("incentives.demo."):
        return "cli"
    room = name.split(".")[1]
    return room if room in ROOMS else None


# What a module imports --------------------------------------------------------------------------------------


def imports_of(module: Module) -> list[Import]:
    """Every import in a module, wherever it stands, with relative ones resolved."""
    found: list[Import] = []
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            found += [Import(alias.name, node.lineno) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            found += [Import(target, node.lineno) for target in _targets(module, node)]
    return found


def _targets(module: Module, node: ast.ImportFrom) -> list[str]:
    source = _absolute(module, node)
    if source != "incentives":
        return [source]
    return [_child_of_the_house(alias.name) for alias in node.names]


def _absolute(module: Module, node: ast.ImportFrom) -> str:
    if node.level == 0:
        return node.module or ""
    climbed = node.level - 1 if module.is_package else node.level
    parts = module.name.split(".")
    base = parts[: len(parts) - climbed]
    return ".".join([*base, node.module] if node.module else base)


def _child_of_the_house(name: str) -> str:
    """`from incentives import money` names a room; `... import __version__` the package itself."""
    child = f"incentives.{name}"
    return child if name in ROOMS or child in DOORS else "incentives"


# The laws ---------------------------------------------------------------------------------------------------


def wrong_rooms(module: Module) -> Iterator[str]:
    """A module stands in a room and imports only rooms that stand before it, or its own."""
    if module.room is None:
        yield f"{module.name}: stands in no room; the rooms are {', '.join(ROOMS)}"
        return
    for item in imports_of(module):
        if item.top != "incentives":
            continue
        room = room_of(item.target)
        if room is None:
            yield f"{module.where(item.line)}: imports {item.target}, which stands in no room"
        elif ROOMS.index(room) > ROOMS.index(module.room):
            yield f"{module.where(item.line)}: {module.room} imports {room}, which stands after it"


def wrong_libraries(module: Module) -> Iterator[str]:
    """Pure rooms import the pure part of the standard library; a library kept for one room stays there."""
    for item in imports_of(module):
        keeper = KEPT_FOR.get(item.top)
        if item.top == "incentives" or (keeper and keeper == module.room):
            continue
        if keeper:
            yield f"{module.where(item.line)}: imports {item.top}, which only {keeper} may"
        elif module.room not in PURE:
            continue
        elif item.top not in sys.stdlib_module_names:
            yield f"{module.where(item.line)}: a pure room imports the library {item.top}"
        elif item.top in REACHES_OUT:
            yield f"{module.where(item.line)}: a pure room imports {item.top}, which reaches out"


def reaching_out(module: Module) -> Iterator[str]:
    """Pure rooms open nothing and ask no clock: everything is passed in, everything is returned."""
    if module.room not in PURE:
        return
    for node in ast.walk(module.tree):
        for act in _acts(node):
            yield f"{module.where(getattr(node, 'lineno', 0))}: a pure room {act}"


def _acts(node: ast.AST) -> Iterator[str]:
    match node:
        case ast.Call(func=ast.Name(id=name)) if name in REACHING_CALLS:
            yield f"calls {name}()"
        case ast.Call(func=ast.Attribute(attr=name)) if name in CLOCKS:
            yield f"asks the clock with {name}()"
        case ast.Attribute(attr=name, value=owner) if name in CLOCKS and _last_name(owner) in DATE_CLASSES:
            yield f"refers to the clock with .{name}"
        case ast.ImportFrom(names=names):
            yield from (f"imports the clock as {alias.name}" for alias in names if alias.name in CLOCKS)
        case _:
            pass


def floats(module: Module) -> Iterator[str]:
    """Pure rooms know no floats: not the type, not a literal."""
    if module.room not in PURE:
        return
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Name) and node.id == "float":
            yield f"{module.where(node.lineno)}: a pure room names the type float"
        elif isinstance(node, ast.Constant) and isinstance(node.value, (float, complex)):
            yield f"{module.where(node.lineno)}: a pure room holds the float {node.value}"


def _last_name(node: ast.expr) -> str | None:
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case _:
            return None


Law = Callable[[Module], Iterator[str]]
LAWS: tuple[Law, ...] = (wrong_rooms, wrong_libraries, reaching_out, floats)


def violations(modules: Sequence[Module]) -> list[str]:
    return [found for module in modules for law in LAWS for found in law(module)]


# What was looked at -----------------------------------------------------------------------------------------


def read_modules(package: Path) -> list[Module]:
    return [_read(package, path) for path in sorted(package.rglob("*.py"))]


def _read(package: Path, path: Path) -> Module:
    parts = [package.name, *path.relative_to(package).with_suffix("").parts]
    is_package = parts[-1] == "__init__"
    name = ".".join(parts[:-1] if is_package else parts)
    return Module(name, ast.parse(path.read_text(encoding="utf-8"), filename=str(path)), is_package)


def rooms_on_disk(package: Path) -> list[str]:
    """The rooms that exist. A folder without a file is not one: the repository does not know it."""
    return [room for room in ROOMS if (package / f"{room}.py").exists() or _holds_files(package / room)]


def _holds_files(folder: Path) -> bool:
    return any(path.is_file() and path.suffix != ".pyc" for path in folder.rglob("*"))


def blind_spots(rooms: Sequence[str], modules: Sequence[Module]) -> Iterator[str]:
    """Where the laws saw nothing, and so would pass whatever stood there."""
    if not rooms:
        yield "no room was found"
    for room in rooms:
        inside = [module for module in modules if module.room == room]
        if not inside:
            yield f"{room}: no module was seen"
        elif not any(imports_of(module) for module in inside):
            yield f"{room}: no import was seen"
    if len(rooms) > 1 and not any(_imports_another_room(module) for module in modules):
        yield "no import from one room to another was seen"


def _imports_another_room(module: Module) -> bool:
    inside = [item for item in imports_of(module) if item.top == "incentives"]
    return any(room_of(item.target) != module.room for item in inside)


def missing_pages(package: Path) -> Iterator[str]:
    """Every room that is a folder says on its own page what it owns, its dates and what is always true."""
    for room in rooms_on_disk(package):
        folder = package / room
        if not _holds_files(folder):
            continue
        page = folder / "README.md"
        if not page.exists():
            yield f"{room}: has no README.md"
            continue
        text = page.read_text(encoding="utf-8")
        for word in ROOM_PAGE:
            if not re.search(rf"\b{word}\b", text):
                yield f"{room}: README.md does not say “{word}”"


# The house itself -------------------------------------------------------------------------------------------


def test_every_room_is_looked_at() -> None:
    assert list(blind_spots(rooms_on_disk(PACKAGE), read_modules(PACKAGE))) == []


def test_rooms_import_only_what_stands_before_them_and_pure_rooms_reach_for_nothing() -> None:
    assert violations(read_modules(PACKAGE)) == []


def test_every_folder_that_is_a_room_has_its_page() -> None:
    assert list(missing_pages(PACKAGE)) == []


# The checker catches what it is for -------------------------------------------------------------------------


def planted(name: str, source: str, *, is_package: bool = False) -> Module:
    return Module(f"incentives.{name}", ast.parse(source), is_package)


@pytest.mark.parametrize(
    ("name", "source", "found"),
    [
        ("money", "from incentives.ledger import entries", "money imports ledger, which stands after it"),
        ("money", "from incentives import store", "money imports store"),
        ("money", "from incentives import __version__", "money imports cli"),
        ("money", "import incentives.facts as known", "money imports facts"),
        ("money", "from . import facts", "money imports facts"),
        ("facts", "from .rules.plan import Plan", "facts imports rules"),
        ("facts", "def load():\n    from incentives import web", "line 2: facts imports web"),
        ("facts", "if TYPE_CHECKING:\n    from incentives.jobs import Job", "line 2: facts imports jobs"),
        ("rules.plan", "from ..calculation import curve", "rules imports calculation"),
        ("service.imports", "from incentives.cli import main", "service imports cli"),
        ("web.pages", "from incentives.__main__ import main", "web imports cli"),
        ("web.pages", "from incentives.helpers import cut", "incentives.helpers, which stands in no room"),
        ("util", "import re", "incentives.util: stands in no room"),
        ("ledger.entries", "import sqlalchemy", "a pure room imports the library sqlalchemy"),
        ("calculation.curve", "def f():\n    import numpy.linalg", "line 2: a pure room imports the library"),
        ("facts", "import pendulum", "imports pendulum, which only calendar may"),
        ("service.close", "from pendulum import Date", "imports pendulum, which only calendar may"),
        ("calendar", "import marshmallow", "a pure room imports the library marshmallow"),
        ("rules.plan", "import os.path", "a pure room imports os, which reaches out"),
        ("rules.plan", "from pathlib import Path", "a pure room imports pathlib, which reaches out"),
        ("money", "import logging", "a pure room imports logging, which reaches out"),
        ("money", "from time import monotonic", "a pure room imports time, which reaches out"),
        ("facts", "text = open('facts.csv').read()", "a pure room calls open()"),
        ("facts", "m = __import__('os')", "a pure room calls __import__()"),
        ("facts", "print('paid')", "a pure room calls print()"),
        ("calendar", "day = date.today()", "a pure room asks the clock with today()"),
        ("calendar", "at = dt.datetime.now(UTC)", "a pure room asks the clock with now()"),
        ("calendar", "import pendulum as p\nat = p.now()", "line 2: a pure room asks the clock with now()"),
        ("calendar", "from pendulum import today", "a pure room imports the clock as today"),
        ("facts", "at = field(default_factory=datetime.utcnow)", "refers to the clock with .utcnow"),
        ("money", "amount = float('1.10')", "a pure room names the type float"),
        ("money", "def f(rate: float) -> int: ...", "a pure room names the type float"),
        ("calculation.curve", "rate = 0.1", "a pure room holds the float 0.1"),
        ("calculation.curve", "big = 1e6", "a pure room holds the float 1000000.0"),
    ],
)
def test_a_planted_violation_is_found(name: str, source: str, found: str) -> None:
    assert any(found in line for line in violations([planted(name, source)]))


@pytest.mark.parametrize(
    ("name", "source"),
    [
        ("errors", "from dataclasses import dataclass"),
        ("money", "from fractions import Fraction\nfrom .errors import Mistake"),
        ("calendar", "import pendulum\nfrom datetime import date\nday = date(2026, 1, 31)"),
        ("facts", "from incentives import errors, money\nday = scope.today"),
        ("calculation.curve", "from .segments import Stack\nfrom ..rules import plan"),
        ("documents.plans", "import marshmallow\nfrom pathlib import Path\ntext = open('plan.toml').read()"),
        ("web.pages", "import time\nfrom incentives.service import close\nratio = float(1) * 0.5"),
        ("cli", "from incentives import __version__, demo\nfrom incentives.web import create_app"),
        ("demo", "from incentives import service\nfrom incentives.cli import main"),
    ],
)
def test_what_is_allowed_is_left_alone(name: str, source: str) -> None:
    assert violations([planted(name, source)]) == []


def test_a_relative_import_counts_from_the_package_where_it_stands() -> None:
    own = planted("rules", "from . import plan\nfrom .. import ledger", is_package=True)
    assert [item.target for item in imports_of(own)] == ["incentives.rules", "incentives.ledger"]
    assert violations([own]) == ["incentives.rules, line 2: rules imports ledger, which stands after it"]


def test_a_guard_that_sees_nothing_says_so() -> None:
    silent = planted("money", "PPM = 1_000_000")
    talking = planted("facts", "from dataclasses import dataclass")
    assert list(blind_spots([], [])) == ["no room was found"]
    assert list(blind_spots(["money"], [])) == ["money: no module was seen"]
    assert list(blind_spots(["money"], [silent])) == ["money: no import was seen"]
    assert list(blind_spots(["facts", "cli"], [talking, planted("cli", "import click")])) == [
        "no import from one room to another was seen"
    ]


def test_modules_are_read_from_every_depth_of_a_room(tmp_path: Path) -> None:
    package = tmp_path / "incentives"
    _write(package / "__init__.py", "")
    _write(package / "money.py", "import re")
    _write(package / "rules" / "__init__.py", "")
    _write(package / "rules" / "kinds" / "draw.py", "from incentives import web")
    (package / "feeds").mkdir()
    modules = read_modules(package)
    assert [module.name for module in modules] == [
        "incentives",
        "incentives.money",
        "incentives.rules",
        "incentives.rules.kinds.draw",
    ]
    assert rooms_on_disk(package) == ["money", "rules"]
    assert violations(modules) == ["incentives.rules.kinds.draw, line 1: rules imports web, which stands after it"]


def test_a_room_without_a_whole_page_is_found(tmp_path: Path) -> None:
    package = tmp_path / "incentives"
    _write(package / "money.py", "import re")
    _write(package / "rules" / "__init__.py", "")
    _write(package / "ledger" / "__init__.py", "")
    _write(package / "ledger" / "README.md", "## Owns\n## Does not own\n## Always true\n")
    assert list(missing_pages(package)) == [
        "rules: has no README.md",
        "ledger: README.md does not say “Dates”",
    ]


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
