"""The end of a month in a browser: what is missing, what would be posted, the close, the files, the audit."""

from __future__ import annotations

import hashlib
import io
import json
import re
import zipfile
from collections.abc import Iterator
from html import unescape
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Engine, select

from incentives.errors import Problem, Rejected, Told
from incentives.jobs import run_waiting
from incentives.papers.languages import MINUS
from incentives.service import decisions, deliveries, kept, months, payouts, runs, would_post
from incentives.store.desk import Job
from incentives.store.engine import reading
from month_ends import JULY, by
from served import ALEX, BRAM, FEMKE, INGRID, JORIS, KIM, NOOR, RUBEN, SANNE, app_on, client_of, copied, token_in


@pytest.fixture
def books(july: Path, tmp_path: Path) -> Iterator[Engine]:
    engine = copied(july, tmp_path)
    yield engine
    engine.dispose()


@pytest.fixture
def app(books: Engine) -> Flask:
    return app_on(books)


def text_of(page: str) -> str:
    """What a reader reads of a page."""
    content = page.split("<main", 1)[1].split(">", 1)[1].split("</main>")[0]
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", content)).replace("\xa0", " ").split())


def sends(client: FlaskClient, page: str, address: str, **typed: str) -> tuple[int, str]:
    """Send a form of a page; the status, and what is read then."""
    typed["csrf_token"] = token_in(client.get(page).text)
    answered = client.post(address, data=typed, follow_redirects=True)
    return answered.status_code, text_of(answered.text)


def test_months_are_listed_with_what_they_paid_and_their_seal(story_app: Flask) -> None:
    page = client_of(story_app, RUBEN).get("/month").text
    says = text_of(page)
    assert "August 2026 open" in says
    assert re.search(r"June 2026 Femke Bos Ruben Smit .{1,40} UTC [0-9a-f]{12}… € 17,851.31", says)


def test_a_closed_month_shows_who_was_paid_what_and_from_which_lines(story_app: Flask) -> None:
    client = client_of(story_app, ALEX)
    says = text_of(client.get("/month/2026-06").text)
    assert "Paid € 17,851.31 People 9" in says
    assert "Statements issued 9" in says
    assert f"Thijs Kuipers P04 457.60 0.00 {MINUS}44.00 44.00 0.00 € 413.60" in says
    assert "Let pass: All money that came in earned what it should Thijs left in April" in says
    lines = text_of(client.get("/month/2026-06/pay/P04").text)
    assert "pay-26-027" in lines and "457.60" in lines


def test_the_checklist_says_what_is_missing_and_where_to_mend_it(books: Engine, app: Flask) -> None:
    runs.run(books, by(FEMKE))
    decisions.ask(books, by(JORIS), "P02", "chargeback-26-036", "Was this not settled?")
    decisions.hold(books, by(FEMKE, "Delivery is being checked"), "invoice", "INV-26-045")
    page = client_of(app, RUBEN).get("/month/2026-07").text
    says = text_of(page)
    assert "It would pay € 3,859.37" in says  # of Joris 62.39 is recovered; the 811.00 that he asks about waits
    assert "Steps that need somebody 2 of 9" in says
    assert "Hold 1, proposed by Femke Bos, waits for approval." in says
    assert "Joris Hendriks asks about INV-26-036." in says
    assert 'href="/decisions#proposals"' in page and 'href="/questions"' in page


def test_what_teams_pay_is_told_to_each_member_alone_too(books: Engine) -> None:
    with reading(books) as connection:
        whole = runs.preview_in(connection, by(FEMKE)).drafts
        shared = {each.payee_id for each in whole if each.component == "collected-together"}
        assert {"P02", "P08"} <= shared, "sales and credit share what the chargeback takes back"
        for payee_id in shared:
            alone = would_post.of_payee(connection, by(FEMKE), payee_id).entries
            theirs = [each for each in whole if each.payee_id == payee_id]
            assert sorted(each.draft for each in alone) == sorted(theirs)


def test_whoever_ran_does_not_close(books: Engine, app: Flask) -> None:
    runs.run(books, by(FEMKE))
    client = client_of(app, FEMKE)
    assert "You made the last run of July 2026 yourself." in text_of(client.get("/month/2026-07").text)
    status, says = sends(client, "/month/2026-07", "/month/2026-07/close")
    assert status == 422
    assert "Mend it, or write why it may pass." in says


def test_whoever_brought_or_decided_alone_after_the_last_run_does_not_close(
    books: Engine, app: Flask, tmp_path: Path
) -> None:
    runs.run(books, by(FEMKE))
    again = (
        "event_id,type,invoice_id,occurred_on,amount,currency,source\n"
        "pay-26-019,payment,INV-26-019,2026-04-07,12100.00,EUR,bank\n"
    )
    (tmp_path / "events.csv").write_text(again, encoding="utf-8")
    deliveries.import_folder(books, by(RUBEN), tmp_path)
    decisions.decide(books, by(RUBEN), "conflict", 1, "keep")
    ruben = client_of(app, RUBEN)
    says = text_of(ruben.get("/month/2026-07").text)
    assert (
        "You brought deliveries after the last run. You decided a conflict after the last run. "
        "Ask a colleague to run again, or to close." in says
    )
    with pytest.raises(months.NotReady) as refused:
        months.close(books, by(RUBEN), JULY)
    assert [(step.name, step.found) for step in refused.value.steps if step.blocks] == [
        (
            "second-person",
            (
                f"{RUBEN} brought deliveries after the last run.",
                f"{RUBEN} decided a conflict after the last run.",
            ),
        )
    ]
    ruben.post("/language", data={"language": "nl", "csrf_token": token_in(ruben.get("/month").text)})
    assert "Je hebt na de laatste berekening zelf nog gegevens ingelezen." in ruben.get("/month/2026-07").text
    runs.run(books, by(FEMKE))
    assert months.close(books, by(RUBEN), JULY).seal, "Femke has looked at it"


def test_a_run_is_previewed_with_its_reasons_and_then_posted(books: Engine, app: Flask) -> None:
    client = client_of(app, FEMKE)
    says = text_of(client.get("/month/2026-07/run").text)
    assert "Post 11 entries" in says
    assert re.search(rf"Joris Hendriks P02 \d+ {MINUS}€ [\d,.]+", says)
    says = text_of(client.get("/month/2026-07/run/P02").text)
    assert f"{MINUS}€ 561.00" in says
    assert "card scheme took" in says
    assert client.get("/month/2026-07/run/P77").status_code == 404
    status, says = sends(client, "/month/2026-07/run", "/month/2026-07/run")
    assert status == 200 and "It waits for its turn." in says
    assert run_waiting(books) == 1
    assert "a run would post nothing" in text_of(client.get("/month/2026-07/run").text)


@pytest.mark.parametrize(("page", "asks"), [("", "/checklist"), ("/run", "/run/preview")])
def test_of_large_books_a_job_finds_what_a_page_shows(
    books: Engine, app: Flask, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, page: str, asks: str
) -> None:
    ruben, alex, address = client_of(app, RUBEN), client_of(app, ALEX), f"/month/2026-07{page}"
    at_once = text_of(ruben.get(address).text)
    assert "€ " in at_once
    monkeypatch.setattr(kept, "LITTLE", 10)
    assert "Calculate it" in text_of(ruben.get(address).text)
    status, says = sends(ruben, address, f"/month/2026-07{asks}")
    assert status == 200 and "It waits for its turn." in says
    assert run_waiting(books) == 1
    assert text_of(ruben.get(address).text) == at_once
    assert "Calculate it" in text_of(alex.get(address).text), "somebody else has asked for nothing yet"
    with books.connect() as connection:
        (job,) = connection.execute(select(*Job.__table__.c)).all()
    assert json.loads(job.result).keys() <= {"month", "blocking", "entries", "people"}
    (tmp_path / "payees.csv").write_text("payee_id,name\nP99,Somebody new\n", encoding="utf-8")
    deliveries.import_folder(books, by(FEMKE), tmp_path)
    assert "Something became known since this was calculated." in text_of(ruben.get(address).text)
    sends(ruben, address, f"/month/2026-07{asks}")
    run_waiting(books)
    assert text_of(ruben.get(address).text) == at_once


def test_large_books_close_by_what_a_job_found(books: Engine, app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    runs.run(books, by(FEMKE))
    monkeypatch.setattr(kept, "LITTLE", 10)
    ruben = client_of(app, RUBEN)
    for part in ("pays", "steps/month"):
        assert "Calculate it" in text_of(ruben.get(f"/month/2026-07/{part}").text)
    assert "Calculate it" in sends(ruben, "/month/2026-07", "/month/2026-07/close", month="July 2026")[1]
    sends(ruben, "/month/2026-07", "/month/2026-07/checklist")
    run_waiting(books)
    assert "5 people are paid: € 3,270.01" in sends(ruben, "/month/2026-07", "/month/2026-07/close")[1]
    sends(ruben, "/month/2026-07", "/month/2026-07/close", month="July 2026")
    run_waiting(books)
    assert "Paid € 3,270.01" in text_of(ruben.get("/month/2026-07").text)


def test_a_month_closes_when_its_name_is_typed(books: Engine, app: Flask) -> None:
    runs.run(books, by(FEMKE))
    client = client_of(app, RUBEN)
    status, says = sends(client, "/month/2026-07", "/month/2026-07/close")
    assert status == 200
    assert "5 people are paid: € 3,270.01" in says
    assert "Every entry stands as it should; none is added but the payouts." in says
    assert "No statements are issued: the quarter goes on." in says
    status, says = sends(client, "/month/2026-07", "/month/2026-07/close", month="June 2026")
    assert status == 422 and "Type July 2026, as it stands here." in says
    assert run_waiting(books) == 0
    sends(client, "/month/2026-07", "/month/2026-07/close", month="July 2026")
    assert run_waiting(books) == 1
    says = text_of(client.get("/month/2026-07").text)
    assert says.startswith("Months July 2026 closed") and "Paid € 3,270.01" in says
    assert f"Joris Hendriks P02 1,303.50 {MINUS}873.39 0.00 651.75 {MINUS}221.64 € 651.75" in says


def test_a_step_passes_with_a_reason_that_is_kept(books: Engine, app: Flask) -> None:
    client = client_of(app, RUBEN)
    waived = {"waive-second-person": "Femke is ill", "month": "July 2026"}
    sends(client, "/month/2026-07", "/month/2026-07/close", **waived)
    assert run_waiting(books) == 1
    assert "Let pass: Two people looked at it Femke is ill" in text_of(client.get("/month/2026-07").text)


# Payroll ---------------------------------------------------------------------------------------------


def test_payroll_gets_the_same_bytes_once_and_then_copies(books: Engine, app: Flask) -> None:
    client = client_of(app, NOOR)
    first = client.get("/payroll/2026-06/generic/file")
    assert first.status_code == 200
    assert first.headers["Content-Disposition"] == "attachment; filename=payroll-generic-2026-06.csv"
    assert first.headers["ETag"] == f'"{hashlib.sha256(first.data).hexdigest()}"'
    again = client.get("/payroll/2026-06/generic/file")
    assert again.data == first.data
    assert "payroll-generic-2026-06-copy-2.csv" in again.headers["Content-Disposition"]
    known = client.get("/payroll/2026-06/generic/file", headers={"If-None-Match": first.headers["ETag"]})
    assert known.status_code == 304
    assert "Fetched 2 times; first by Noor van Dam" in text_of(client.get("/payroll/2026-06").text)
    control = json.loads(client.get("/payroll/2026-06/generic/control").data)
    assert control["sums"] == {"EUR": "17851.31"} and len(control["seal"]) == 64


def test_payroll_acknowledges_once(books: Engine, app: Flask) -> None:
    client = client_of(app, NOOR)
    status, says = sends(client, "/payroll/2026-06", "/payroll/2026-06/adp/receipt")
    assert status == 422 and "No file was handed over yet." in says
    client.get("/payroll/2026-06/generic/file")
    status, says = sends(
        client, "/payroll/2026-06", "/payroll/2026-06/generic/receipt", note="In the July payslip"
    )
    assert status == 200 and "Noor van Dam has it" in says and "In the July payslip" in says
    assert sends(client, "/payroll/2026-06", "/payroll/2026-06/generic/receipt")[0] == 422


def test_what_a_payroll_system_still_needs_is_said(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    def lacks(*_: object) -> None:
        raise Rejected(
            [Problem("company.toml", 0, "payroll", "missing", Told("ADP needs a company code."), Told("Add it."))]
        )

    monkeypatch.setattr(payouts, "payout", lacks)
    answered = client_of(app, NOOR).get("/payroll/2026-06/adp/file")
    assert answered.status_code == 422
    assert "ADP not fetched yet ADP needs a company code. Add it." in text_of(answered.text)


def test_there_is_no_file_for_a_payroll_system_that_is_not_known(app: Flask) -> None:
    client = client_of(app, NOOR)
    assert client.get("/payroll/2026-06/abacus/file").status_code == 404
    assert client.get("/payroll/2026-06/adp/control").status_code == 404


def test_the_open_month_has_no_file(app: Flask) -> None:
    client = client_of(app, NOOR)
    assert client.get("/payroll/2026-07").status_code == 404
    assert "July 2026" not in client.get("/payroll").text


# Audit -----------------------------------------------------------------------------------------------


def test_acts_are_found_by_who_what_and_when(story_app: Flask) -> None:
    client = client_of(story_app, ALEX)
    says = text_of(client.get(f"/audit?what=close&actor={RUBEN}").text).split("What was done", 1)[1]
    assert "Closed 2026-07" in says and "Imported" not in says.split("When", 1)[1]
    assert "Nothing was done that is like this." in text_of(client.get("/audit?until=2020-01-01").text)
    assert "This is not a day." in text_of(client.get("/audit?since=soon").text)


def test_the_list_of_acts_goes_on_where_it_stopped(story_app: Flask) -> None:
    client = client_of(story_app, ALEX)
    page = client.get("/audit").text
    numbers = [int(each) for each in re.findall(r'id="act-(\d+)"', page)]
    assert len(numbers) == 50
    older = client.get(f"/audit?before={numbers[-1]}").text
    assert int(re.findall(r'id="act-(\d+)"', older)[0]) == numbers[-1] - 1


def test_a_month_is_exported_as_one_file(story_app: Flask) -> None:
    answered = client_of(story_app, ALEX).get("/audit/export/2026-06")
    packed = zipfile.ZipFile(io.BytesIO(answered.data))
    seal = json.loads(packed.read("audit-2026-06/seal.json"))
    assert seal["content"]["paid_minor"] == {"EUR": 1_785_131}
    assert "audit-2026-06/entries.csv" in packed.namelist()


# Who may see it --------------------------------------------------------------------------------------

FINANCE = ("/month", "/month/2026-06", "/decisions", "/import", "/questions", "/audit", "/audit/export/2026-06")


@pytest.mark.parametrize("email", [SANNE, INGRID, BRAM, NOOR, KIM])
def test_the_end_of_the_month_is_for_finance_and_auditors(story_app: Flask, email: str) -> None:
    client = client_of(story_app, email)
    assert {address: client.get(address).status_code for address in FINANCE} == dict.fromkeys(FINANCE, 403)


def test_an_auditor_changes_nothing(story_app: Flask) -> None:
    client = client_of(story_app, ALEX)
    token = token_in(client.get("/month").text)
    for address in ("/month/2026-08/run", "/month/2026-08/close", "/decisions/hold", "/import", "/questions/1"):
        assert client.post(address, data={"csrf_token": token}).status_code == 403
    assert client.get("/payroll/2026-06/generic/file").status_code == 403


@pytest.mark.parametrize("month", ["2026-13", "2026-6", "0000-01", "9999-12", "x"])
def test_a_month_that_is_none_is_not_there(story_app: Flask, month: str) -> None:
    assert client_of(story_app, RUBEN).get(f"/month/{month}").status_code == 404


def test_finance_reads_dutch_too(story_app: Flask) -> None:
    client = client_of(story_app, RUBEN)
    client.post("/language", data={"language": "nl", "csrf_token": token_in(client.get("/month").text)})
    try:
        says = text_of(client.get("/month/2026-06").text)
        assert "juni 2026 gesloten Betaalbestanden" in says and "€ 17.851,31" in says
    finally:
        client.post("/language", data={"language": "en", "csrf_token": token_in(client.get("/month").text)})
