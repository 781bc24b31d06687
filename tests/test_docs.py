"""What the pages say is true: worked numbers are run, commands print what is shown, links lead somewhere."""

from __future__ import annotations

import re
import shlex
import shutil
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from textwrap import indent

import click
import pytest
import yaml
from click.testing import CliRunner

from incentives.cli import main
from incentives.documents.plans import read_plan
from incentives.ledger.payroll import PROFILE_SETTINGS
from incentives.papers.payroll import PROFILES
from scenarios.runner import FACT_COLUMNS, RESULT_COLUMNS, Scenario, read_scenarios, run

pytestmark = pytest.mark.usefixtures("nothing_serves")

HOME = Path(__file__).resolve().parent.parent
PAGES = sorted([*HOME.glob("*.md"), *(HOME / "docs").rglob("*.md")])
README = HOME / "README.md"
RULES = HOME / "docs" / "rules.md"
OWN_DATA = HOME / "docs" / "bring-your-own-data.md"
FORMATS = HOME / "docs" / "formats.md"

AS_OF = "2026-12-31"
"""The day of a worked number that does not say its own."""
LEFT_OUT = "…"


# Blocks of a page -------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Block:
    """A fenced block: what stands behind its fence, its text, and the section (``## …``) it stands in."""

    page: Path
    line: int
    marks: tuple[str, ...]
    text: str
    section: str

    def __str__(self) -> str:
        return f"{self.page.name}:{self.line}"


@cache
def blocks(page: Path) -> tuple[Block, ...]:
    """The fenced blocks of a page, from top to bottom."""
    return tuple(_blocks(page))


def _blocks(page: Path) -> Iterator[Block]:
    section = ""
    start = 0
    marks: tuple[str, ...] = ()
    inside: list[str] = []
    for number, line in enumerate(page.read_text("utf-8").splitlines(), start=1):
        if not line.startswith("```"):
            if start:
                inside.append(line)
            elif line.startswith("## "):
                section = line.removeprefix("## ")
        elif start:
            yield Block(page, start, marks, "".join(f"{each}\n" for each in inside), section)
            start = 0
        else:
            start, marks, inside = number, tuple(line.removeprefix("```").split()), []
    assert not start, f"{page.name}, line {start}: the block is not closed"


def marked(page: Path, *marks: str) -> list[Block]:
    return [block for block in blocks(page) if block.marks[: len(marks)] == marks]


# Worked numbers ---------------------------------------------------------------------------------------------


def scenario_file(block: Block) -> str:
    """A scenario file of one scenario: the block, and what its section gives."""
    given = [each for each in marked(block.page, "yaml", "given") if each.section == block.section]
    assert len(given) == 1, f"{block}: {block.section!r} gives {len(given)} times"
    tables, as_of = given[0].text, AS_OF
    if found := re.search(r"^as_of: *(\S+)\n", tables, re.MULTILINE):
        tables, as_of = tables.replace(found[0], ""), found[1]
    scenario = indent(block.text, "    ").replace("    ", "  - ", 1)
    return f"about: docs\nas_of: {as_of}\ngiven:\n{indent(tables, '  ')}scenarios:\n{scenario}"


def worked(block: Block, folder: Path) -> Scenario:
    path = folder / f"{block.page.stem}-{block.line}.yaml"
    path.write_text(scenario_file(block), "utf-8")
    (scenario,) = read_scenarios(path)
    return scenario


WORKED = marked(RULES, "yaml", "scenario")


@pytest.mark.parametrize("block", WORKED, ids=str)
def test_a_worked_number_of_the_rules_is_what_is_calculated(block: Block, tmp_path: Path) -> None:
    run(worked(block, tmp_path), tmp_path / "run")


def test_every_section_of_the_rules_that_moves_money_has_a_worked_number() -> None:
    sections = re.findall(r"^## (\d+\. .*)$", RULES.read_text("utf-8"), re.MULTILINE)
    assert [int(section.partition(".")[0]) for section in sections] == list(range(1, 14))
    bare = set(sections) - {block.section for block in WORKED}
    assert sorted(bare) == ["1. One idea", "13. Why this amount"]


def test_a_wrong_worked_number_fails(tmp_path: Path) -> None:
    block = WORKED[0]
    wrong = Block(block.page, block.line, block.marks, block.text.replace("13.34", "13.33"), block.section)
    assert wrong.text != block.text
    with pytest.raises(AssertionError, match=r"13\.33"):
        run(worked(wrong, tmp_path), tmp_path / "run")


# Files and commands of a page -------------------------------------------------------------------------------


def files_of(page: Path) -> dict[str, str]:
    """The files that a page spells out: blocks with a path behind the fence."""
    return {block.marks[1]: block.text for block in blocks(page) if "/" in "".join(block.marks[1:2])}


def prepare(page: Path, folder: Path) -> None:
    """The folder in which a page's commands run: the sample data, and the page's own datasets.

    ``broken`` and others are copies of ``tiny`` with the files that the page changes.
    """
    shutil.copytree(HOME / "sample_data", folder / "sample_data")
    given = {path: text for path, text in files_of(page).items() if not path.startswith("result/")}
    datasets = sorted({path.partition("/")[0] for path in given})
    for dataset in datasets:
        for path, text in given.items():
            source, _, name = path.partition("/")
            if source == dataset or (source == "tiny" and f"{dataset}/{name}" not in given):
                (folder / dataset / name).parent.mkdir(parents=True, exist_ok=True)
                (folder / dataset / name).write_text(text, "utf-8")


@dataclass(frozen=True)
class Shown:
    """A command that a page shows, and what it shows of the output; nothing where it shows none."""

    command: str
    output: tuple[str, ...]


def shown(page: Path) -> list[Shown]:
    """The commands of a page's console blocks, in order."""
    found = []
    for block in marked(page, "console"):
        for part in re.split(r"^\$ ", block.text, flags=re.MULTILINE)[1:]:
            command, *output = part.splitlines()
            found.append(Shown(command, tuple(output)))
    return found


def in_shell_blocks(page: Path) -> list[str]:
    return [line for block in marked(page, "sh") for line in block.text.splitlines() if line]


def arguments(command: str) -> list[str]:
    """The arguments of an ``incentives`` command; for a make target, of the one in its recipe."""
    words = shlex.split(command)
    if words[0] == "make":
        makefile = (HOME / "Makefile").read_text("utf-8")
        recipe = re.search(rf"^{words[1]}:.*\n((?:\t.*\n)+)", makefile, re.MULTILINE)
        assert recipe, f"make knows no {words[1]}"
        names = dict(re.findall(r"^(\w+) := (.+)$", makefile, re.MULTILINE))
        words = shlex.split(
            re.sub(r"\$\((\w+)\)", lambda each: names[each[1]], recipe[1].strip().removeprefix("@"))
        )
    assert words[0] == ".venv/bin/incentives", f"this is not a command of ours: {command}"
    return words[1:]


def not_printed(expected: tuple[str, ...], printed: list[str]) -> list[str]:
    """What does not stand in the output; lines follow one another unless ``…`` says that some are left out."""
    at, free, missing = 0, False, []
    for line in expected:
        if line == LEFT_OUT:
            free = True
            continue
        found = line in printed[at:] if free else printed[at : at + 1] == [line]
        if found:
            at = printed.index(line, at) + 1
            free = False
        else:
            missing.append(line)
    if not free:
        missing += [f"(and more: {line})" for line in printed[at:]]
    return missing


WITH_OUTPUT = [page for page in PAGES if any(each.output for each in shown(page))]


@pytest.mark.parametrize("page", WITH_OUTPUT, ids=lambda page: page.name)
def test_commands_print_what_the_page_shows(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    prepare(page, tmp_path)
    monkeypatch.chdir(tmp_path)
    for each in shown(page):
        if each.output:
            result = CliRunner().invoke(main, arguments(each.command))
            assert not_printed(each.output, result.output.rstrip().splitlines()) == [], each.command


def test_the_tables_that_the_tiny_example_shows_are_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare(OWN_DATA, tmp_path)
    monkeypatch.chdir(tmp_path)
    calculated = next(each.command for each in shown(OWN_DATA) if " calculate tiny " in each.command)
    assert CliRunner().invoke(main, arguments(calculated)).exit_code == 0
    results = {path: text for path, text in files_of(OWN_DATA).items() if path.startswith("result/")}
    assert results
    assert {path: (tmp_path / path).read_text("utf-8") for path in results} == results


def test_a_line_that_is_not_printed_is_noticed() -> None:
    printed = ["one", "two", "three"]
    assert not_printed(("one", "two", "three"), printed) == []
    assert not_printed(("one", LEFT_OUT, "three"), printed) == []
    assert not_printed(("two", LEFT_OUT), printed) == ["two"]
    assert not_printed(("one", "three"), printed) == ["three", "(and more: two)", "(and more: three)"]
    assert not_printed(("one",), printed) == ["(and more: two)", "(and more: three)"]
    assert not_printed((LEFT_OUT, "three", "two"), printed) == ["two"]


def test_every_command_that_a_page_shows_exists_with_its_options() -> None:
    commands = [(page, line) for page in PAGES for line in in_shell_blocks(page)]
    commands += [(page, each.command) for page in PAGES for each in shown(page)]
    assert commands
    for page, line in commands:
        where = f"{page.name}: {line}"
        if line.startswith("make "):
            assert re.search(rf"^{line.split()[1]}:", (HOME / "Makefile").read_text("utf-8"), re.MULTILINE), where
            continue
        name, *rest = arguments(line)
        assert name in main.commands, where
        command = main.commands[name]
        if isinstance(command, click.Group):
            assert rest and rest[0] in command.commands, where
            command = command.commands[rest.pop(0)]
        options = {option for each in command.params for option in each.opts}
        assert {word for word in rest if word.startswith("--")} <= options, where
    named = {
        (page.name, name)
        for page in PAGES
        for name in re.findall(r"`incentives ([a-z]+)", page.read_text("utf-8"))
    }
    assert named and all(name in main.commands for _, name in named), named
    assert isinstance(main, click.Group)


# The pages and the house ------------------------------------------------------------------------------------


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as its readers make them."""
    headings = re.findall(r"^#+ (.*)$", page.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(HOME)))
def test_links_lead_somewhere(page: Path) -> None:
    for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text("utf-8")):
        if not link.startswith(("https://", "http://")):
            path, _, anchor = link.partition("#")
            target = page.parent / path if path else page
            assert target.exists(), link
            assert not anchor or anchor in anchors(target), link


def test_every_decision_is_listed() -> None:
    folder = HOME / "docs" / "decisions"
    listed = re.findall(r"\]\((\d{4}-[a-z-]+\.md)\)", (folder / "README.md").read_text("utf-8"))
    assert listed and listed == sorted(path.name for path in folder.glob("0*.md"))


def test_the_map_of_rooms_is_the_house() -> None:
    table = README.read_text("utf-8").partition("| room |")[2].partition("\n\n")[0]
    mapped = re.findall(r"^\| \[?`(\w+)`", table, re.MULTILINE)
    package = HOME / "src" / "incentives"
    rooms = {path.stem for path in package.glob("*.py") if not path.stem.startswith("_")}
    rooms |= {path.parent.name for path in package.glob("*/__init__.py")}
    assert sorted(mapped) == sorted(rooms)


def test_the_numbers_in_how_it_is_proven_are_not_too_high() -> None:
    text = README.read_text("utf-8")
    scenarios = sum(len(read_scenarios(path)) for path in (HOME / "tests" / "scenarios").glob("*.yaml"))
    bad = sum(
        len(yaml.load(path.read_text("utf-8"), yaml.BaseLoader))
        for path in (HOME / "tests/bad_input").glob("*.yaml")
    )
    for pattern, counted in ((r"over (\d+)\s+scenarios", scenarios), (r"over (\d+)\s+cases", bad)):
        found = re.search(pattern, text)
        assert found and int(found[1]) < counted, (pattern, counted)
    source = (HOME / "tests" / "test_model.py").read_text("utf-8")
    histories = re.search(r"agree: (\d+) of", text)
    assert histories and f"SMALL_HISTORIES = {histories[1]}\n" in source
    worked_numbers = re.search(r"over (\d+)\s+worked", text)
    assert worked_numbers and int(worked_numbers[1]) < len(WORKED)


# Formats ----------------------------------------------------------------------------------------------------


def table_of_columns(heading: str) -> dict[str, tuple[str, ...]]:
    """The table of files and columns under a heading."""
    section = FORMATS.read_text("utf-8").partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| `(\w+)\.csv`\??\s*\| (.*?) \|$", section, re.MULTILINE)
    return {name: tuple(column.rstrip("?") for column in columns.split(", ")) for name, columns in rows}


def test_the_formats_page_has_every_file_and_column() -> None:
    assert table_of_columns("A dataset folder") == FACT_COLUMNS
    written = ("ledger", "payouts", "metrics", "exceptions")
    assert table_of_columns("What comes out") == {name: RESULT_COLUMNS[name] for name in written}


@pytest.mark.parametrize("block", marked(FORMATS, "toml", "plan"), ids=str)
def test_a_plan_on_the_formats_page_is_accepted(block: Block) -> None:
    plan, problems = read_plan(block.text, str(block))
    assert plan is not None and problems == []


@pytest.mark.parametrize("profile", sorted(PROFILES))
def test_the_payroll_settings_shown_are_enough_for_every_profile(
    profile: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (block,) = marked(OWN_DATA, "toml", "payroll")
    assert set(PROFILE_SETTINGS) <= set(tomllib.loads(block.text)["payroll"])
    prepare(OWN_DATA, tmp_path)
    monkeypatch.chdir(tmp_path)
    company = tmp_path / "tiny" / "company.toml"
    company.write_text(company.read_text("utf-8").partition("[payroll]")[0] + block.text, "utf-8")
    command = ["payroll", "tiny", "--month", "2026-03", "--profile", profile, "--out", "payroll"]
    result = CliRunner().invoke(main, command)
    assert result.exit_code == 0, result.output
    assert f"| `{profile}` |" in OWN_DATA.read_text("utf-8")
