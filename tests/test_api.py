"""The API for programs: tokens, facts sent and read, payouts and their receipt, months and runs."""

from __future__ import annotations

import hashlib
import json
from itertools import pairwise
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import Engine, func, select

from incentives.store import tables
from incentives.store.desk import Token
from programs import program
from served import ALEX, BRAM, FEMKE, INGRID, JORIS, NOOR, RUBEN, SANNE, app_on, client_of

PAYMENT: dict[str, Any] = {
    "event_id": "pay-api-1",
    "type": "payment",
    "invoice_id": "INV-26-037",
    "occurred_on": "2026-08-01",
    "amount": "100.00",
    "source": "bank",
}


def refusals(answered: Any) -> set[tuple[str, str]]:
    """Where what is wrong, of a problem."""
    assert answered.content_type == "application/problem+json"
    return {(each["pointer"], each["code"]) for each in answered.json["errors"]}


# Tokens ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "header", ["", "Bearer", "Bearer x", "Basic Zm9v", "Bearer inc_0123456789abcdef_" + "A" * 43]
)
def test_without_a_good_token_nothing_opens(story_app: Flask, header: str) -> None:
    answered = story_app.test_client().get("/api/v1/events", headers={"Authorization": header})
    assert answered.status_code == 401
    assert answered.headers["WWW-Authenticate"].startswith("Bearer")


def test_a_cookie_opens_nothing_for_programs_and_is_left_alone(story_app: Flask) -> None:
    client = client_of(story_app, FEMKE)
    assert client.get("/api/v1/events").status_code == 401
    assert client.get("/password").status_code == 200


def test_a_token_opens_no_page(story_app: Flask) -> None:
    femke = program(story_app, FEMKE)
    assert femke.ask("GET", "/api/../password").status_code in (302, 404)
    answered = femke.client.get("/password", headers={"Authorization": f"Bearer {femke.token}"})
    assert answered.status_code == 302


def test_a_token_does_no_more_than_its_scopes(story_app: Flask) -> None:
    narrow = program(story_app, FEMKE, "facts:read")
    assert narrow.get("/events").status_code == 200
    assert narrow.post("/events", {"events": [PAYMENT]}).status_code == 403
    assert narrow.get("/months").status_code == 403


def test_a_token_does_no_more_than_its_account(story_app: Flask) -> None:
    assert program(story_app, SANNE).post("/events", {"events": [PAYMENT]}).status_code == 403
    assert program(story_app, ALEX).post("/runs", {}).status_code == 403
    assert program(story_app, NOOR).get("/invoices").status_code == 403


def test_that_a_token_was_used_is_seen(story_app: Flask) -> None:
    program(story_app, ALEX, "audit:read").get("/events")
    with story_app.extensions["books"].connect() as connection:
        used = connection.execute(select(Token.last_used_at).order_by(Token.id.desc()).limit(1)).scalar()
    assert used is not None


# Facts -------------------------------------------------------------------------------------------------------


def test_an_event_is_accepted_once_and_then_a_duplicate(story_engine: Engine) -> None:
    femke = program(app_on(story_engine), FEMKE)
    first = femke.post("/events", {"events": [PAYMENT]})
    assert first.status_code == 200
    outcome = {"source": "bank", "event_id": "pay-api-1", "outcome": "accepted"}
    assert first.json["events"] == [outcome]
    assert (first.json["accepted"], first.json["duplicate"], first.json["conflict"]) == (1, 0, 0)
    again = femke.post("/events", {"events": [PAYMENT, PAYMENT | {"amount": "120.00"}]})
    assert [each["outcome"] for each in again.json["events"]] == ["duplicate", "conflict"]


def test_what_was_sent_is_read_as_it_was_written(story_engine: Engine) -> None:
    femke = program(app_on(story_engine), FEMKE)
    femke.post("/events", {"events": [PAYMENT]})
    (found,) = femke.get("/events?event_id=pay-api-1").json["events"]
    assert {name: value for name, value in found.items() if value is not None} == PAYMENT


def test_the_same_key_gets_the_same_answer_and_another_body_is_refused(story_engine: Engine) -> None:
    femke = program(app_on(story_engine), FEMKE)
    sent = {"events": [PAYMENT]}
    first = femke.post("/events", sent, Idempotency_Key="one")
    again = femke.post("/events", sent, Idempotency_Key="one")
    assert again.data == first.data and again.json["accepted"] == 1
    assert again.headers["Idempotent-Replayed"] == "true"
    other = femke.post("/events", {"events": [PAYMENT | {"amount": "7.00"}]}, Idempotency_Key="one")
    assert other.status_code == 422
    assert refusals(other) == {("Idempotency-Key", "key-reused")}
    with story_engine.connect() as connection:
        imports = select(func.count()).select_from(tables.Import).where(tables.Import.name == "events, a program")
        assert connection.execute(imports).scalar_one() == 1
    assert femke.post("/events", sent, Idempotency_Key="two").json["duplicate"] == 1


def test_what_was_refused_leaves_its_key_free(story_engine: Engine) -> None:
    femke = program(app_on(story_engine), FEMKE)
    wrong = {"events": [PAYMENT | {"amount": "1e3"}]}
    assert femke.post("/events", wrong, Idempotency_Key="k").status_code == 422
    assert femke.post("/events", {"events": [PAYMENT]}, Idempotency_Key="k").json["accepted"] == 1


def test_every_mistake_in_the_shape_comes_at_once(story_app: Flask) -> None:
    sent = {
        "events": [PAYMENT | {"amount": 100.0, "amont": "1"}, {"type": "payment"}, "x"],
        "more": 1,
    }
    assert refusals(program(story_app, FEMKE).post("/events", sent)) == {
        ("/events/0/amount", "wrong-type"),
        ("/events/0/amont", "unknown-key"),
        ("/events/1/event_id", "missing-key"),
        ("/events/1/invoice_id", "missing-key"),
        ("/events/1/occurred_on", "missing-key"),
        ("/events/2", "wrong-type"),
        ("/more", "unknown-key"),
    }


def test_every_mistake_in_the_content_comes_at_once(story_app: Flask) -> None:
    sent = [
        PAYMENT | {"amount": "1e3", "type": "paymnt"},
        PAYMENT | {"amount": "9223372036854775808"},
        PAYMENT | {"amount": "-5.00"},
        PAYMENT | {"amount": "5.001"},
        PAYMENT | {"occurred_on": "2026-02-30", "invoice_id": "INV-NONE"},
        PAYMENT | {"amount": None},
    ]
    assert refusals(program(story_app, FEMKE).post("/events", {"events": sent})) == {
        ("/events/0/type", "unknown-type"),
        ("/events/1/amount", "too-large"),
        ("/events/2/amount", "negative"),
        ("/events/3/amount", "too-many-decimals"),
        ("/events/4/occurred_on", "no-such-day"),
        ("/events/5/amount", "missing-value"),
    }


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b'{"events": [], "events": []}', 422, "key-twice"),
        (b'{"events": [{"event_id": "a", "event_id": "b"}]}', 422, "key-twice"),
        (b'{"events": ', 400, "not-json"),
        (b'{"events": NaN}', 400, "not-json"),
        (b"[" * 100_000, 400, "not-json"),
        (b'{"events": ' + b"9" * 5000 + b"}", 400, "not-json"),
        (b"\xff\xfe", 400, "not-json"),
        (b"[]", 422, "wrong-type"),
        (b'{"events": []}', 422, "empty-list"),
        (json.dumps({"events": [PAYMENT] * 1001}).encode(), 422, "too-many"),
        (json.dumps({"events": [PAYMENT | {"reason": "a\x00b"}]}).encode(), 422, "nul"),
        (json.dumps({"events": [PAYMENT | {"reason": "\ud800"}]}).encode(), 422, "not-text"),
    ],
)
def test_a_body_is_read_strictly(story_app: Flask, body: bytes, status: int, code: str) -> None:
    femke = program(story_app, FEMKE)
    answered = femke.client.post(
        "/api/v1/events",
        data=body,
        content_type="application/json",
        headers={"Authorization": f"Bearer {femke.token}"},
    )
    assert answered.status_code == status
    assert code in {each["code"] for each in answered.json["errors"]}  # type: ignore[index]


def test_other_content_and_too_much_of_it_are_refused(story_app: Flask) -> None:
    femke = program(story_app, FEMKE)
    headers = {"Authorization": f"Bearer {femke.token}"}
    sent = femke.client.post("/api/v1/events", data="a=1", content_type="text/csv", headers=headers)
    assert sent.status_code == 415
    large = b'{"events": "' + b"x" * (8 * 1024 * 1024) + b'"}'
    sent = femke.client.post("/api/v1/events", data=large, content_type="application/json", headers=headers)
    assert sent.status_code == 413
    assert sent.json["request_id"] == sent.headers["X-Request-Id"]  # type: ignore[index]


def test_an_invoice_is_sent_whole_and_its_mistakes_have_their_place(story_engine: Engine) -> None:
    femke = program(app_on(story_engine), FEMKE)
    invoice: dict[str, Any] = {
        "invoice_id": "INV-API-1",
        "customer_id": "C101",
        "currency": "EUR",
        "issued_on": "2026-08-01",
        "due_on": "2026-08-31",
        "lines": [{"line": "1", "net": "1000.00", "tax": "210.00"}],
        "credits": [{"payee_id": "P01", "role": "sales", "share": "0.6"}],
    }
    wrong = invoice | {
        "lines": [{"line": "1", "net": "1.001"}],
        "credits": [{"payee_id": "P99", "role": "sales", "share": "60"}],
    }
    assert refusals(femke.post("/invoices", {"invoices": [invoice | {"invoice_id": "INV-API-0"}, wrong]})) == {
        ("/invoices/1/lines/0/net", "too-many-decimals"),
        ("/invoices/1/credits/0/share", "not-a-share"),
    }
    assert femke.get("/invoices/INV-API-0").status_code == 404, "nothing of it was taken"
    done = femke.post("/invoices", {"invoices": [invoice]})
    assert (done.status_code, done.json["accepted"]) == (200, 3)
    read = femke.get("/invoices/INV-API-1").json
    assert read["lines"][0] | {"net": "1000.00", "tax": "210.00", "commissionable": True} == read["lines"][0]
    again = femke.post("/invoices", {"invoices": [read]})
    assert again.json["accepted"] == 0, "what was read can be sent again, and adds nothing"
    share = {"payee_id": "P02", "role": "sales", "share": "1"}
    assert femke.put("/invoices/INV-API-1/credits", {"credits": [share]}).json["accepted"] == 1
    assert femke.get("/credits?invoice_id=INV-API-1").json["credits"] == [share | {"invoice_id": "INV-API-1"}]


def test_a_customer_is_put_as_a_new_version(story_engine: Engine) -> None:
    femke = program(app_on(story_engine), FEMKE)
    assert femke.put("/customers/C101", {"name": "Vlierdam", "country": "NL"}).json["accepted"] == 1
    assert femke.get("/customers/C101").json == {"customer_id": "C101", "name": "Vlierdam", "country": "NL"}
    assert femke.put("/customers/C101", {"name": "Vlierdam", "country": "NL"}).json["duplicate"] == 1
    assert refusals(femke.put("/customers/C101", {"nmae": "Vlierdam"})) == {
        ("/name", "missing-key"),
        ("/nmae", "unknown-key"),
    }


@pytest.mark.parametrize("noun", ["payees", "assignments", "targets", "memberships", "reporting", "fx_rates"])
def test_what_is_read_can_be_sent_again_and_adds_nothing(story_app: Flask, noun: str) -> None:
    femke = program(story_app, FEMKE)
    rows = femke.get(f"/{noun}?limit=500").json[noun]
    done = femke.post(f"/{noun}", {noun: rows})
    assert done.status_code == 200, done.text
    assert (done.json["duplicate"], done.json["accepted"]) == (len(rows), 0)


def test_pages_follow_one_another_and_leave_nothing_out(story_app: Flask) -> None:
    alex = program(story_app, ALEX)
    whole = alex.get("/events?limit=500").json["events"]
    pages, address = [], "/api/v1/events?limit=7&type=payment"
    while address:
        page = alex.get(address).json
        pages.append(page["events"])
        address = page["next"]
    assert len(pages) > 3 and {len(each) for each in pages[:-1]} == {7}
    payments = [each for each in whole if each["type"] == "payment"]
    assert [each for page in pages for each in page] == payments


@pytest.mark.parametrize("query", ["limit=0", "limit=501", "limit=x", "after=-1", "lmit=5", "limit=1&limit=2"])
def test_a_query_is_read_strictly(story_app: Flask, query: str) -> None:
    answered = program(story_app, ALEX).get(f"/events?{query}")
    assert answered.status_code == 422
    assert answered.json["errors"][0]["place"] == "query"


# Reach -------------------------------------------------------------------------------------------------------


def test_a_rep_reads_their_own_and_nothing_tells_of_the_rest(story_app: Flask) -> None:
    joris, femke = program(story_app, JORIS), program(story_app, FEMKE)
    mine = {each["invoice_id"] for each in femke.get("/credits?payee_id=P02&limit=500").json["credits"]}
    assert {each["invoice_id"] for each in joris.get("/invoices?limit=500").json["invoices"]} == mine
    assert {each["payee_id"] for each in joris.get("/credits?limit=500").json["credits"]} == {"P02"}
    assert [each["payee_id"] for each in joris.get("/payees").json["payees"]] == ["P02"]
    other = next(
        each["invoice_id"]
        for each in femke.get("/invoices?limit=500").json["invoices"]
        if each["invoice_id"] not in mine
    )
    out_of_reach, unknown = joris.get(f"/invoices/{other}"), joris.get("/invoices/INV-NONE")
    assert out_of_reach.status_code == unknown.status_code == 404
    assert out_of_reach.json["title"] == unknown.json["title"]
    assert joris.get("/payees/P01").status_code == 404
    assert not joris.get(f"/events?invoice_id={other}").json["events"]


def test_a_manager_reads_who_reports_to_them_and_credit_every_customer(story_app: Flask) -> None:
    team = {each["payee_id"] for each in program(story_app, INGRID).get("/payees").json["payees"]}
    assert team == {"P01", "P02", "P03", "P05", "P06", "P07"}
    bram = program(story_app, BRAM)
    assert len(bram.get("/customers?limit=500").json["customers"]) == len(
        program(story_app, ALEX).get("/customers?limit=500").json["customers"]
    )
    assert {each["payee_id"] for each in bram.get("/payees").json["payees"]} == {"P08"}


def test_one_thing_is_not_sent_again_to_who_has_it(story_app: Flask) -> None:
    femke = program(story_app, FEMKE)
    first = femke.get("/customers/C101")
    again = femke.get("/customers/C101", If_None_Match=first.headers["ETag"])
    assert (again.status_code, again.data) == (304, b"")


# Payouts -----------------------------------------------------------------------------------------------------


def deliveries(engine: Engine, profile: str) -> int:
    with engine.connect() as connection:
        asked = select(func.count()).where(tables.Delivery.profile == profile)
        return int(connection.execute(asked).scalar_one())


def test_payroll_pulls_its_file_checks_it_and_says_so(story_engine: Engine) -> None:
    noor = program(app_on(story_engine), NOOR)
    control = noor.get("/payouts/2026-06?profile=adp").json
    assert deliveries(story_engine, "adp") == 0, "who only looks is handed nothing"
    (listed,) = control["files"]
    assert listed["sums"] == {"EUR": "17851.31"}
    early = noor.post("/payouts/2026-06/receipt", {"profile": "adp"})
    assert (early.status_code, refusals(early)) == (409, {("", "not-delivered")})
    file = noor.get(listed["url"])
    assert hashlib.sha256(file.data).hexdigest() == listed["sha256"] == file.headers["Content-SHA256"]
    assert "Payout-Copy" not in file.headers
    assert noor.get(listed["url"], If_None_Match=file.headers["ETag"]).status_code == 304
    assert deliveries(story_engine, "adp") == 1
    again = noor.get(listed["url"])
    assert (again.data, again.headers["Payout-Copy"]) == (file.data, "2")
    wrong = noor.post("/payouts/2026-06/receipt", {"profile": "adp", "sha256": "0" * 64})
    assert refusals(wrong) == {("/sha256", "other-content")}
    said = noor.post("/payouts/2026-06/receipt", {"profile": "adp", "sha256": listed["sha256"]})
    assert said.json["receipt"]["by"] == NOOR
    assert noor.post("/payouts/2026-06/receipt", {"profile": "adp"}).status_code == 409


def test_an_auditor_looks_at_a_file_and_leaves_no_trace_of_a_delivery(story_engine: Engine) -> None:
    alex = program(app_on(story_engine), ALEX)
    before = deliveries(story_engine, "generic")
    (listed,) = alex.get("/payouts/2026-06").json["files"]
    assert alex.get(listed["url"]).status_code == 200
    assert deliveries(story_engine, "generic") == before
    assert alex.post("/payouts/2026-06/receipt", {}).status_code == 403


def test_an_open_month_pays_nothing_yet(story_app: Flask) -> None:
    noor = program(story_app, NOOR)
    assert noor.get("/payouts/2026-08").status_code == 409
    assert noor.get("/payouts/2026-13").status_code == 404
    assert refusals(noor.get("/payouts/2026-06?profile=apd")) == {("profile", "unknown-word")}
    assert noor.get("/payouts/2026-06/files/other.csv").status_code == 404


# Months and runs ---------------------------------------------------------------------------------------------


def test_months_are_told_with_their_seals(story_app: Flask) -> None:
    found = program(story_app, ALEX).get("/months").json["months"]
    assert [each["state"] for each in found] == ["closed"] * 19 + ["open"]
    assert found[-1]["month"] == "2026-08"
    assert all(now["previous_seal"] == before["seal"] for before, now in pairwise(found[:-1]))
    june = program(story_app, ALEX).get("/months/2026-06").json
    assert (june["paid"], june["closed_by"]) == ({"EUR": "17851.31"}, RUBEN)
    assert program(story_app, ALEX).get("/months/2031-01").status_code == 404


def test_a_month_is_run_looked_at_and_closed_by_a_second_person(story_engine: Engine) -> None:
    app = app_on(story_engine)
    femke, ruben = program(app, FEMKE), program(app, RUBEN)
    femke.post("/events", {"events": [PAYMENT | {"amount": "22748.00", "invoice_id": "INV-26-038"}]})
    preview = femke.post("/runs/preview", {}).json
    assert ("P02", "661.76") in {(each["payee_id"], each["amount"]) for each in preview["postings"]}
    assert femke.post("/runs", {}).json["entries"] == preview["entries"] == len(preview["postings"])
    assert femke.post("/runs", {}).json["entries"] == 0
    alone = femke.post("/months/2026-08/close", {})
    assert alone.status_code == 409
    assert ("second-person", "blocks") in refusals(alone)
    looked = ruben.post("/months/2026-08/checklist", {}).json
    waive = {each["name"]: "known" for each in looked["steps"] if each["blocks"] and each["may_be_waived"]}
    closed = ruben.post("/months/2026-08/close", {"waive": waive})
    assert closed.status_code == 200, closed.text
    assert closed.json["pays"] == looked["pays"]
    assert ruben.get("/months").json["months"][-2]["seal"] == closed.json["seal"]
    assert ruben.post("/months/2026-08/close", {}).status_code == 409


def test_a_reason_is_given_for_a_step_that_there_is(story_app: Flask) -> None:
    ruben = program(story_app, RUBEN)
    answered = ruben.post("/months/2026-08/checklist", {"waive": {"holds": 5, "question": "known"}})
    assert answered.status_code == 422


def test_runs_are_listed_in_order(story_app: Flask) -> None:
    (first,) = program(story_app, ALEX).get("/runs?limit=1").json["runs"]
    assert (first["run"], first["month"], first["by"]) == (1, "2025-01", FEMKE)


# Plans -------------------------------------------------------------------------------------------------------


def test_a_plan_is_drafted_previewed_submitted_and_decided_by_a_second_person(story_engine: Engine) -> None:
    app = app_on(story_engine)
    femke, ruben = program(app, FEMKE), program(app, RUBEN)
    begun = femke.post("/plan_drafts", {"plan": "account-executive", "effective_from": "2026-08-01"})
    assert (begun.status_code, begun.headers["ETag"]) == (201, '"1"')
    address = begun.headers["Location"]
    assert femke.get(address).json == begun.json
    old, new = begun.json["document"], begun.json["document"]
    at = new.index("effective_from = 2026-08-01")
    for before, after in (('"7%"', '"8%"'), ("15650", "15850")):
        new = new[:at] + new[at:].replace(before, after)
    assert new != old, "the rate that is changed is there"
    assert femke.put(address, {"document": new}).status_code == 428
    changed = femke.put(address, {"document": new}, If_Match='"1"')
    assert (changed.status_code, changed.json["version"], changed.json["mistakes"]) == (200, 2, [])
    assert changed.json["first_day"] == "2026-08-01" and not changed.json["reaches_back"]
    assert femke.put(address, {"document": old}, If_Match='"1"').status_code == 412
    assert femke.post(f"{address}/preview", None).json["plan"] == "account-executive"
    early = femke.post(f"{address}/submission", {"reason": "A better rate"}, If_Match='"1"')
    assert early.status_code == 412
    submitted = femke.post(f"{address}/submission", {"reason": "A better rate"}, If_Match='"2"')
    assert submitted.status_code == 200, submitted.text
    revision = f"/plans/revisions/{submitted.json['revision']}"
    decision = {"choice": "approve", "reason": "As agreed"}
    alone = femke.post(f"{revision}/decision", decision)
    assert alone.status_code == 403, "authors do not approve; an approver who wrote it is refused by the store"
    decided = ruben.post(f"{revision}/decision", decision)
    assert (decided.status_code, decided.json["revision"]["decided_by"]) == (200, RUBEN)
    assert ruben.post(f"{revision}/decision", decision).status_code == 409
    plan = femke.get("/plans/account-executive").json
    assert plan["in_force"] == submitted.json["revision"]
    assert plan["versions"][-1] == "2026-08-01"
    again = femke.get(revision, If_None_Match=femke.get(revision).headers["ETag"])
    assert again.status_code == 304


def test_a_draft_with_mistakes_is_kept_and_not_submitted(story_engine: Engine) -> None:
    femke = program(app_on(story_engine), FEMKE)
    begun = femke.post("/plan_drafts", {"document": 'plan = "own"\nname = 5\n'})
    assert begun.status_code == 201
    assert {each["path"] for each in begun.json["mistakes"]} >= {"name", "currency", "versions"}
    address = begun.headers["Location"]
    assert femke.post(f"{address}/preview", None).status_code == 422
    assert femke.post(f"{address}/submission", {"reason": "x"}, If_Match='"1"').status_code == 422
    assert femke.ask("DELETE", address, If_Match='"7"').status_code == 412
    assert femke.ask("DELETE", address, If_Match='"1"').status_code == 204
    assert femke.get(address).status_code == 404
    assert femke.post("/plan_drafts", {"plan": "account-executive"}).status_code == 422
    assert program(femke.client.application, SANNE).get("/plans").status_code == 403


# Pay ---------------------------------------------------------------------------------------------------------


def test_a_statement_is_read_as_json_and_as_paper(story_app: Flask) -> None:
    sanne = program(story_app, SANNE)
    listed = sanne.get("/statements").json["statements"]
    assert {each["payee_id"] for each in listed} == {"P01"}
    first = sanne.get("/statements?limit=1").json
    assert sanne.get(first["next"]).json["statements"] == listed[1:2]
    found = sanne.get("/statements/2026-04/P01")
    assert found.json["quarter"]["first"] == "2026-04-01"
    assert sanne.get("/statements/2026-04/P01", If_None_Match=found.headers["ETag"]).status_code == 304
    paper = sanne.get("/statements/2026-04/P01/pdf")
    assert (paper.content_type, paper.data[:5]) == ("application/pdf", b"%PDF-")
    assert sanne.get("/statements/2026-04/P01/pdf").data == paper.data
    assert sanne.get("/statements/2026-04/P02").status_code == 404
    assert sanne.get("/statements/2026-04/P02/pdf").status_code == 404
    assert sanne.get("/statements/2026-05/P01").status_code == 404


def test_an_explanation_sums_to_what_was_posted(story_app: Flask) -> None:
    (line,) = program(story_app, SANNE).get("/explanations/P01?cause=pay-26-033-2").json["lines"]
    assert (line["amount"], line["posted"]) == ("570.93", [{"month": "2026-06", "amount": "570.93"}])
    assert line["reason"]["says"].startswith("€\xa0570.93 earned because Harbor Pine Coworking LLC paid")
    assert len(line["reason"]["steps"]) == 8
    joris = program(story_app, JORIS)
    assert joris.get("/explanations/P01?cause=pay-26-033-2").status_code == 404
    (taken,) = (
        each
        for each in joris.get("/explanations/P02?cause=chargeback-26-006").json["lines"]
        if each["component"] == "cash-commission"
    )
    assert taken["amount"].startswith("-") and "teruggenomen" in taken["reason"]["says"].lower()
    assert joris.get("/explanations/P02?cause=none").status_code == 404
    assert refusals(joris.get("/explanations/P02")) == {("cause", "missing-key")}


def test_metrics_are_read_by_whoever_is_measured_by_them(story_app: Flask) -> None:
    bram = program(story_app, BRAM)
    assert bram.get("/metrics").json == {"teams": ["north"]}
    found = bram.get("/metrics/north?as_of=2026-06-30").json["metrics"]
    assert len(found) == 6 * 9 * 2
    (rate,) = (
        each["value"]
        for each in found
        if (each["quarter"], each["metric"], each["customers"]) == ("2025-01", "on_time_rate", "all")
    )
    assert rate == "0.667727"
    assert bram.get("/metrics/south").status_code == 404


def test_a_question_is_asked_by_whose_pay_it_is_and_answered_by_finance(story_engine: Engine) -> None:
    app = app_on(story_engine)
    joris, femke = program(app, JORIS), program(app, FEMKE)
    sent = {"payee_id": "P02", "cause": "chargeback-26-036", "question": "The customer says it was settled."}
    assert program(app, SANNE).post("/questions", sent).status_code == 404
    asked = joris.post("/questions", sent)
    assert asked.status_code == 201
    number = asked.json["questions"][0]
    assert joris.post(f"/questions/{number}/answer", {"answer": "No"}).status_code == 403
    assert program(app, SANNE).get("/questions").json["questions"] == []
    answered = femke.post(f"/questions/{number}/answer", {"answer": "The card company decided against us."})
    assert (answered.status_code, answered.json["answered_by"]) == (200, FEMKE)
    assert femke.post(f"/questions/{number}/answer", {"answer": "Again"}).status_code == 409
    assert femke.post("/questions/999/answer", {"answer": "?"}).status_code == 404
    (read,) = joris.get("/questions?state=answered").json["questions"]
    assert read["answer"] == "The card company decided against us."


def test_acts_are_read_by_who_looks_after_them(story_app: Flask) -> None:
    alex = program(story_app, ALEX)
    closes = alex.get("/audit?what=close&limit=500").json["acts"]
    assert [each["subject"] for each in closes][:2] == ["2025-01", "2025-02"]
    assert {each["actor"] for each in closes} == {RUBEN}
    assert program(story_app, BRAM).get("/audit").status_code == 403


# The document ------------------------------------------------------------------------------------------------


def test_the_document_says_who_may_do_what(story_app: Flask) -> None:
    spec = story_app.test_client().get("/api/openapi.json").json
    assert spec is not None
    assert spec["openapi"] == "3.1.0"
    operations = [each for path in spec["paths"].values() for name, each in path.items() if name != "parameters"]
    assert len(operations) > 50
    for each in operations:
        assert each["security"] == [{"token": []}] and each["x-scope"] and each["x-roles"]
        assert {"401", "403", "429"} <= set(each["responses"])


def test_people_read_the_document_as_a_page(story_app: Flask) -> None:
    page = story_app.test_client().get("/api/docs").text
    assert "/api/v1/payouts/{month}" in page and "payouts:read" in page
    assert "<style" not in page and " style=" not in page and "<script>" not in page
    assert "Wat je stuurt en terugkrijgt" in client_of(story_app, JORIS).get("/api/docs").text


def test_a_program_that_asks_too_often_is_told_when_to_come_back(story_engine: Engine) -> None:
    app = app_on(story_engine, per_minute=5)
    busy, other = program(app, ALEX), program(app, FEMKE)
    answers = [busy.get("/metrics") for _ in range(6)]
    assert {each.status_code for each in answers[:5]} == {200}
    assert (answers[-1].status_code, answers[-1].content_type) == (429, "application/problem+json")
    assert 0 < int(answers[-1].headers["Retry-After"]) <= 60
    assert other.get("/metrics").status_code == 200, "another token is counted apart"
