"""Bringing files in a browser: every mistake first, nothing applied before somebody says so."""

from __future__ import annotations

import io
import re
import tempfile
import zipfile
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine, func, select

from incentives.jobs import run_waiting
from incentives.service import brought
from incentives.service.access import NotThere
from incentives.store import tables
from incentives.web.pages import imports as page_of_imports
from served import FEMKE, PROJECT, RUBEN, app_on, client_of, token_in
from test_web_month import text_of

HEAD = (
    "event_id,type,invoice_id,occurred_on,amount,currency,recorded_at,payment_id,reverses,new_due_on,payee_id,"
    "reason,fault,source\n"
)
GOOD = "pay-26-044,payment,INV-26-044,2026-08-01,58080.00,EUR,,,,,,,,bank\n"
BAD = "pay-26-999,payment,INV-26-999,2026-08-01,100.00,EUR,,,,,,,,bank\n"
OTHER = "pay-26-019,payment,INV-26-019,2026-04-07,12100.00,EUR,,,,,,,,bank\n"


@pytest.fixture(autouse=True)
def aside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What is brought lies in a folder of the test's own."""
    place = tmp_path / "aside"
    place.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(place))
    return place


@pytest.fixture
def app(story_engine: Engine) -> Flask:
    return app_on(story_engine)


def bring(client: FlaskClient, *files: tuple[str, bytes], name: str = "") -> tuple[int, str, str]:
    """Bring files; the status, the address of what is shown then, and what is read there."""
    typed = {
        "csrf_token": token_in(client.get("/import").text),
        "name": name,
        "files": [(io.BytesIO(content), file) for file, content in files],
    }
    answered = client.post("/import", data=typed, content_type="multipart/form-data", follow_redirects=True)
    return answered.status_code, answered.request.path, text_of(answered.text)


def send(client: FlaskClient, address: str, **typed: str) -> int:
    typed["csrf_token"] = token_in(client.get("/import").text)
    return client.post(address, data=typed).status_code


def imports_in(engine: Engine) -> int:
    with engine.connect() as connection:
        return int(connection.execute(select(func.count()).select_from(tables.Import)).scalar_one())


def test_a_delivery_is_looked_at_and_then_taken(story_engine: Engine, app: Flask) -> None:
    client = client_of(app, FEMKE)
    before = imports_in(story_engine)
    status, address, says = bring(client, ("events.csv", (HEAD + GOOD).encode()), name="bank august")
    assert status == 200
    assert says.startswith("Import bank-august not imported yet Everything can be read.")
    assert "events.csv 1 1 0 0 0" in says
    assert imports_in(story_engine) == before
    assert send(client, f"{address}/take") == 302
    assert run_waiting(story_engine) == 1
    assert client.get(address).status_code == 404
    says = text_of(client.get("/import").text)
    assert re.search(r"bank-august Femke Bos .{1,30} UTC 1 1 0 0", says)


def test_every_mistake_is_shown_with_its_line_and_its_cure(story_engine: Engine, app: Flask) -> None:
    client = client_of(app, FEMKE)
    _, address, says = bring(client, ("events.csv", (HEAD + GOOD + BAD + OTHER).encode()), name="mixed")
    assert "1 mistake." in says
    assert "events.csv 3 1 0 1 1" in says
    assert "1 row contradicts the books and waits for a decision." in says
    assert "3 invoice_id Invoice 'INV-26-999' is not in invoices.csv, nor known from before." in says
    assert "Import the good rows, leave 1 out" in says
    assert send(client, f"{address}/take", good_rows="yes") == 302
    run_waiting(story_engine)
    one = re.search(r'href="(/import/\d+)">mixed', client.get("/import").text)
    assert one is not None
    assert "events.csv, line 3, invoice_id: Invoice 'INV-26-999'" in text_of(client.get(one[1]).text)
    assert "Event pay-26-019" in text_of(client.get("/decisions").text)


def test_a_zip_of_a_whole_folder_that_is_known_adds_nothing(story_engine: Engine, app: Flask) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as written:
        for file in sorted((PROJECT / "sample_data").rglob("*")):
            if file.is_file() and "later" not in file.parts:
                written.write(file, f"sample_data/{file.relative_to(PROJECT / 'sample_data')}")
    status, _, says = bring(client_of(app, FEMKE), ("sample_data.zip", packed.getvalue()))
    assert status == 200
    assert says.startswith("Import sample_data not imported yet")
    assert re.search(r"events\.csv (\d+) 0 \1 0 0", says)


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("notes.txt", b"hello", "No .csv and no .toml file is among them."),
        ("broken.zip", b"PK\x03\x04 not really", "It cannot be unpacked."),
    ],
)
def test_files_that_are_no_dataset_are_refused(
    app: Flask, name: str, content: bytes, says: str, aside: Path
) -> None:
    status, _, read = bring(client_of(app, FEMKE), (name, content))
    assert status == 422
    assert says in read
    assert not [each for place in aside.iterdir() for each in place.iterdir()]


def test_nothing_leaves_its_folder(app: Flask, aside: Path) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as written:
        written.writestr("../../../evil.csv", "a,b\n")
        written.writestr("/etc/events.csv", HEAD + GOOD)
    bring(client_of(app, FEMKE), ("up.zip", packed.getvalue()))
    found = sorted(each.relative_to(aside).parts[-2:] for each in aside.rglob("*.csv"))
    assert found == [("up", "events.csv"), ("up", "evil.csv")]


def test_what_somebody_brought_is_theirs_and_can_be_thrown_away(app: Flask) -> None:
    femke = client_of(app, FEMKE)
    _, address, _ = bring(femke, ("events.csv", (HEAD + GOOD).encode()))
    assert client_of(app, RUBEN).get(address).status_code == 404
    assert send(femke, f"{address}/forget") == 302
    assert femke.get(address).status_code == 404
    assert femke.get("/import/waiting/..").status_code == 404


def test_what_nobody_came_back_for_goes_after_a_day(monkeypatch: pytest.MonkeyPatch) -> None:
    came = brought.bring(1, "old", [("events.csv", io.BytesIO(HEAD.encode()))], False)
    monkeypatch.setattr(brought, "KEPT_SECONDS", -1)
    brought.bring(1, "new", [("events.csv", io.BytesIO(HEAD.encode()))], False)
    with pytest.raises(NotThere):
        brought.found(1, came.key)


def test_a_large_delivery_is_looked_at_by_a_job(
    story_engine: Engine, app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page_of_imports, "LOOKED_AT_HERE_BYTES", 10)
    client = client_of(app, FEMKE)
    _, address, says = bring(client, ("events.csv", (HEAD + GOOD).encode()), name="large")
    assert address.startswith("/jobs/") and "It waits for its turn." in says
    assert run_waiting(story_engine) == 1
    leads = re.search(r'href="(/import/waiting/[0-9a-f]{32})"', client.get(address).text)
    assert leads is not None
    assert "events.csv 1 1 0 0 0" in text_of(client.get(leads[1]).text)


def test_every_mistake_is_told_in_the_language_of_whoever_reads_it(story_engine: Engine, app: Flask) -> None:
    client = client_of(app, FEMKE)
    typed = {"csrf_token": token_in(client.get("/account").text), "name": "Femke Bos", "language": "nl"}
    assert client.post("/account", data=typed | {"digest": "off"}).status_code == 302
    rows = (
        GOOD,
        BAD,
        'pay-26-998,payment,INV-26-044,2026-02-30,"1,50",EUR,soon,,,,,,,bank\n',
        "pay-26-997,paid,INV-26-044,2026-08-01,,EURO,,,,,P99,,supplier,bank\n",
        "pay-26-996,payment,INV-26-044\n",
    )
    plan = b'plan = "new"\ncurrency = "EUR"\nversions = 3\n'
    files = (
        ("events.csv", (HEAD + "".join(rows)).encode()),
        ("payees.csv", b"payee_id\nP50\n"),
        ("new.toml", plan),
    )
    _, _, says = bring(client, *files)
    wrong = says.partition("Wat er mis is ")[2]
    assert "3 invoice_id Factuur 'INV-26-999' staat niet in invoices.csv en is ook niet al bekend." in wrong
    assert "4 occurred_on '2026-02-30' staat niet op de kalender. In februari 2026 zijn er 28 dagen." in wrong
    assert "5 fault 'supplier' is geen partij die hier schuld kan hebben. Schrijf company of customer." in wrong
    assert "versions 3 is geen lijst. Schrijf het als lijst: [ … ]." in wrong
    assert not re.search(r"\b(the|not|and|write|it|to)\b", wrong, re.IGNORECASE), wrong

    _, address, _ = bring(client, files[0])
    assert send(client, f"{address}/take", good_rows="yes") == 302
    run_waiting(story_engine)
    one = re.search(r'href="(/import/\d+)">delivery', client.get("/import").text)
    assert one is not None
    says = text_of(client.get(one[1]).text)
    assert "events.csv, regel 3, invoice_id: Factuur 'INV-26-999' staat niet in invoices.csv" in says
    send(client, "/account", name="Femke Bos", language="en", digest="off")
    assert "events.csv, line 3, invoice_id: Invoice 'INV-26-999' is not in invoices.csv" in text_of(
        client.get(one[1]).text
    )


# Where it is kept, and how much it may be ------------------------------------------------------------


def packed(*names: str) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as file:
        for name in names:
            file.writestr(name, "x")
    return made.getvalue()


def test_a_zip_with_a_list_without_end_is_not_unpacked(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(brought, "MOST_ENTRIES", 100)
    content = packed(*(f"{number}.txt" for number in range(brought.MOST_ENTRIES + 1)))
    status, _, said = bring(client_of(app, FEMKE), ("much.zip", content))
    assert status == 422
    assert "It holds more than 100 files and folders. Bring it in parts." in said


def test_a_zip_that_unpacks_to_too_much_is_not_kept(
    app: Flask, aside: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(brought, "MOST_BYTES", 1_000_000)
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("events.csv", "0" * 1_000_001)
    status, _, said = bring(client_of(app, FEMKE), ("small.zip", made.getvalue()))
    assert (status, len(made.getvalue()) < 10_000) == (422, True)
    assert "It is too large when it is unpacked." in said
    assert [*aside.rglob("*.csv")] == []


@pytest.mark.parametrize("whose", ["linked", "open", "a file"])
def test_a_folder_that_somebody_else_made_is_not_written_to(app: Flask, aside: Path, whose: str) -> None:
    root = brought._root()
    root.rmdir()
    match whose:
        case "linked":
            (aside / "theirs").mkdir(mode=0o700)
            root.symlink_to(aside / "theirs")
        case "open":
            root.mkdir()
            root.chmod(0o770)
        case _:
            root.write_text("")
    client = client_of(app, FEMKE)
    status, _, said = bring(client, ("events.csv", (HEAD + GOOD).encode()))
    assert status == 422
    assert "What is brought cannot be kept: its folder is not the service's own." in said
    assert [*aside.rglob("*.csv")] == []
