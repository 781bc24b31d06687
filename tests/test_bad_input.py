"""Every mistake that a user can make, and the exact words that come back for it (tests/bad_input/README.md)."""

from __future__ import annotations

import csv
import io
import shutil
import tempfile
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from incentives.documents.plans import plan_from, read_toml
from incentives.feeds.folder import Reading, read_folder

HERE = Path(__file__).parent / "bad_input"
BASE = HERE / "base"
CATALOGUE = sorted(HERE.glob("*.yaml"))
CASES = [case for file in CATALOGUE for case in yaml.load(file.read_text("utf-8"), yaml.BaseLoader)]  # only text


def changed(case: dict[str, Any], folder: Path) -> Path:
    """The base folder with the change of a case."""
    if not folder.exists():
        shutil.copytree(BASE, folder)
    path = folder / case["file"]
    if "old" in case:
        before = path.read_text("utf-8")
        assert before.count(case["old"]) == 1, f"{case['old']!r} has to be in {path.name} once"
        path.write_text(before.replace(case["old"], case["new"]), "utf-8")
    elif "add" in case:
        path.write_text(path.read_text("utf-8") + case["add"] + "\n", "utf-8")
    elif "content" in case:
        path.write_text(case["content"], "utf-8")
    elif "hex" in case:
        path.write_bytes(bytes.fromhex(case["hex"]))
    elif "name_it" in case:
        path.rename(path.with_name(case["name_it"]))
    elif path.is_dir():
        shutil.rmtree(path)
    else:
        assert case["missing"]
        path.unlink()
    return changed(case["also"], folder) if "also" in case else folder


def said(reading: Reading) -> list[str]:
    """The problems as the catalogue writes them."""
    return [f"{problem.code} | {problem}" for problem in reading.problems]


def adds_up(reading: Reading) -> bool:
    """Whether every row that was read is accounted for."""
    return all(
        each.read == each.accepted + each.duplicate + each.rejected
        and min(each.accepted, each.duplicate, each.rejected) >= 0
        for each in reading.counts
    )


def test_the_base_has_no_mistake() -> None:
    reading = read_folder(BASE)
    assert said(reading) == []
    assert reading.facts is not None and adds_up(reading)


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
def test_a_mistake_is_named_with_its_place_and_its_cure(case: dict[str, Any], tmp_path: Path) -> None:
    reading = read_folder(changed(case, tmp_path / "dataset"))
    assert said(reading) == case["expect"]
    assert adds_up(reading)
    assert (reading.facts is None) == bool(case["expect"])


def test_no_case_is_told_twice() -> None:
    names = [case["name"] for case in CASES]
    assert len(set(names)) == len(names) > 200


# -- junk ---------------------------------------------------------------------------------------------------------

CSV_FILES = sorted(path.name for path in BASE.glob("*.csv"))
TOML_FILES = ["company.toml", "plans/account-executive.toml", "plans/together.toml"]
JUNK = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))

odd_cells = st.one_of(
    st.sampled_from(["", "-", '"', '""', "P1", "I1", "C1", "E1", "EUR", "2026-02-30", "9999-12-31", "1e3", "NaN"]),
    st.sampled_from(
        ["1_000", "\uff11", "9" * 5000, "-0", "0.000001", "101%", "\x00", "\r", "a\nb", "account-executive"]
    ),
    st.text(max_size=12),
)


def read_with(file: str, content: bytes, *, accept: bool = False) -> Reading:
    """The base with one file replaced, read; checks what holds whatever the content is."""
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(BASE, folder, dirs_exist_ok=True)
        (Path(folder) / file).write_bytes(content)
        reading = read_folder(Path(folder), accept_good_rows=accept)
    assert adds_up(reading)
    assert reading.problems == tuple(sorted(reading.problems))
    for problem in reading.problems:
        str(problem).encode("utf-8")  # can be printed anywhere
    rejected = sum(each.rejected for each in reading.counts)
    assert (rejected == 0) or reading.problems
    assert reading.facts is None or accept or not reading.problems
    return reading


@JUNK
@given(st.sampled_from(CSV_FILES + TOML_FILES), st.binary(max_size=400), st.booleans())
def test_junk_bytes_come_back_as_problems(file: str, junk: bytes, accept: bool) -> None:
    assert read_with(file, junk, accept=accept).problems


@JUNK
@given(st.sampled_from(CSV_FILES), st.binary(max_size=400), st.booleans())
def test_junk_bytes_under_a_good_header_come_back_as_problems(file: str, junk: bytes, accept: bool) -> None:
    header = (BASE / file).read_bytes().splitlines(keepends=True)[0]
    read_with(file, header + junk, accept=accept)


@JUNK
@given(st.data(), st.sampled_from(CSV_FILES), st.booleans())
def test_junk_cells_come_back_as_problems(data: st.DataObject, file: str, accept: bool) -> None:
    header, *rows = csv.reader((BASE / file).read_text("utf-8").splitlines())
    for _ in range(data.draw(st.integers(1, 4))):
        row = data.draw(st.sampled_from(rows))
        row[data.draw(st.integers(0, len(row) - 1))] = data.draw(odd_cells)
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\n").writerows([header, *rows])
    read_with(file, text.getvalue().encode("utf-8", "surrogatepass"), accept=accept)


@JUNK
@given(st.data(), st.sampled_from(TOML_FILES))
def test_junk_in_a_document_comes_back_as_problems(data: st.DataObject, file: str) -> None:
    text = (BASE / file).read_text("utf-8")
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, min(len(text), start + 20)))
    junk = data.draw(
        st.one_of(odd_cells, st.sampled_from(["[[", "]]", "{}", "=", "1979-05-27T07:32:00Z", "0x" + "f" * 9000]))
    )
    read_with(file, (text[:start] + junk + text[end:]).encode("utf-8", "surrogatepass"))


values = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(), st.dates(), st.text(max_size=5), st.sampled_from(["5%", "0.05"])
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)),
    max_leaves=5,
)


@JUNK
@given(st.data(), st.sampled_from(TOML_FILES[1:]))
def test_a_junk_value_anywhere_in_a_plan_comes_back_as_problems(data: st.DataObject, file: str) -> None:
    document = read_toml((BASE / file).read_text("utf-8"), file)[0]
    assert document is not None
    branch: Any = document
    while True:
        key = data.draw(st.sampled_from(sorted(branch) if isinstance(branch, dict) else range(len(branch))))
        if not isinstance(branch[key], dict | list) or not branch[key] or data.draw(st.booleans()):
            break
        branch = branch[key]
    branch[key] = data.draw(values)
    plan, problems = plan_from(document, file)
    assert (plan is None) == bool(problems)
