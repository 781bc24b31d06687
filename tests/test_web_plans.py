"""Plans as finance works with them: read, drafted, previewed on real history, submitted, decided by another."""

from __future__ import annotations

import datetime as dt
import io
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from flask import Flask
from flask.testing import FlaskClient
from playwright.sync_api import Browser
from sqlalchemy import Engine, select

from incentives import jobs
from incentives.documents.editing import Editing, path_of
from incentives.documents.plans import read_plan
from incentives.errors import Rejected
from incentives.service import drafting, kept, previewing, runs
from incentives.service.drafting import Overtaken
from incentives.store import desk
from incentives.store.acts import Who
from incentives.store.engine import reading
from incentives.store.source import StoreSource
from served import (
    ALEX,
    BRAM,
    FEMKE,
    INGRID,
    JORIS,
    KIM,
    NOOR,
    RUBEN,
    SANNE,
    app_on,
    client_of,
    copied,
    serving,
    signed_in,
    token_in,
)

PLAN = "account-executive"
JUNE = dt.date(2026, 6, 1)
TIER = "versions[3].components[0].tiers[1]"
NOTHING: dict[str, str] = {}
EXAMPLES = {"versions[3].examples[0].earns": "7800", "versions[3].examples[1].earns": "16400"}


def who(actor: str, reason: str = "") -> Who:
    return Who(actor, dt.datetime(2026, 8, 3, 9, tzinfo=dt.UTC), reason)


def account_of(engine: Engine, email: str) -> int:
    with engine.connect() as connection:
        return connection.execute(select(desk.Account.id).where(desk.Account.email == email)).scalar_one()


def drafted(
    engine: Engine, plan: str = PLAN, day: dt.date = JUNE, typed: Mapping[str, str] = NOTHING
) -> drafting.Draft:
    """A draft of a new version with some places of it written differently."""
    made = drafting.begin(engine, account_of(engine, FEMKE), who(FEMKE), plan, day)
    if not typed:
        return made
    editing = Editing(made.document)
    for name, value in typed.items():
        editing.put(path_of(name), "number", value)
    return drafting.change(engine, who(FEMKE), made.number, made.version, editing.text)


def better_second_tier(engine: Engine) -> drafting.Draft:
    """From 1 June 2026 the second tier earns 6 % instead of 5.5 %; its examples say so."""
    return drafted(engine, typed={f"{TIER}.rate": "6%", **EXAMPLES})


@pytest.fixture
def author(story_engine: Engine) -> FlaskClient:
    return client_of(app_on(story_engine), FEMKE)


def send(client: FlaskClient, path: str, **typed: Any) -> Any:
    typed["csrf_token"] = token_in(client.get("/plans").text) if "csrf_token" not in typed else typed["csrf_token"]
    return client.post(path, data=typed)


def text_in(page: str) -> str:
    """What a page says, without its markup."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page.replace("&nbsp;", " "))).replace(
        "\N{NO-BREAK SPACE}", " "
    )


# Who ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("email", [SANNE, JORIS, INGRID, BRAM, NOOR, KIM])
def test_plans_are_for_finance_and_auditors(story_app: Flask, email: str) -> None:
    client = client_of(story_app, email)
    assert client.get("/plans").status_code == 403
    assert client.get(f"/plans/{PLAN}").status_code == 403


@pytest.mark.parametrize("email", [RUBEN, ALEX])
def test_only_authors_write(story_app: Flask, email: str) -> None:
    client = client_of(story_app, email)
    assert send(client, f"/plans/{PLAN}/drafts", effective_from="2026-09-01").status_code == 403
    assert "Draft a new version" not in client.get(f"/plans/{PLAN}").text


# What holds -----------------------------------------------------------------------------------------


def test_the_list_says_what_is_in_force_today(story_app: Flask) -> None:
    said = text_in(client_of(story_app, ALEX).get("/plans").text)
    assert "Account executive account-executive since 1 April 2026 FY26 plan letter, addendum 1" in said
    assert "5 assignments" in said


def test_a_plan_tells_its_versions_and_its_rules_in_words(story_app: Flask) -> None:
    client = client_of(story_app, ALEX)
    said = text_in(client.get(f"/plans/{PLAN}").text)
    assert "1 January 2026 to 31 March 2026" in said and "from 1 April 2026 on in force today" in said
    assert "€ 150,000 5.5 % € 300,000 7 %" in said
    assert "Sanne de Wit P01 1 January 2025 further notice" in said
    earlier = text_in(client.get(f"/plans/{PLAN}?version=2026-01-01").text)
    assert "€ 150,000 5 % € 300,000 6 %" in earlier and "31 days × 0.75" in earlier


def test_a_plan_is_handed_out_as_it_was_written(story_app: Flask) -> None:
    answered = client_of(story_app, ALEX).get(f"/plans/{PLAN}/document")
    written = Path(__file__).parent.parent / "sample_data" / "plans" / f"{PLAN}.toml"
    assert answered.data == written.read_bytes()
    assert answered.headers["Content-Disposition"] == 'attachment; filename="account-executive.toml"'


def test_there_is_no_plan_of_another_name(story_app: Flask) -> None:
    assert client_of(story_app, ALEX).get("/plans/nobody").status_code == 404


# Drafts ---------------------------------------------------------------------------------------------


def test_a_new_version_begins_by_saying_what_holds_on_its_day(author: FlaskClient, story_engine: Engine) -> None:
    answered = send(author, f"/plans/{PLAN}/drafts", effective_from="2026-02-10")
    assert answered.headers["Location"] == "/drafts/1"
    with reading(story_engine) as connection:
        made, problems = read_plan(drafting.draft(connection, 1).document, PLAN)
    assert made is not None, problems
    days = [each.effective_from.isoformat() for each in made.versions]
    assert days == ["2025-01-01", "2026-01-01", "2026-02-10", "2026-04-01"]
    assert made.versions[2].components == made.versions[1].components
    assert "# 2026: rising rates, late cash earns less" in drafted(story_engine).document


@pytest.mark.parametrize(
    ("day", "says"),
    [
        ("2026-04-01", "A version begins on 2026-04-01 already."),
        ("2024-12-31", "2024-12-31 is before the plan&#39;s first version"),
        ("soon", "is not a date"),
    ],
)
def test_a_day_that_cannot_begin_a_version_is_kept_with_what_is_wrong(
    author: FlaskClient, day: str, says: str
) -> None:
    answered = send(author, f"/plans/{PLAN}/drafts", effective_from=day)
    assert answered.status_code == 422
    assert f'value="{day}"' in answered.text and says in answered.text


def test_a_field_is_written_where_it_belongs_and_the_rest_stays_as_it_is(
    author: FlaskClient, story_engine: Engine
) -> None:
    before = drafted(story_engine).document
    answered = send(author, "/drafts/1", version="1", version_at="3", do="save", **{f"{TIER}.rate": "6%"})
    assert answered.headers["Location"] == "/drafts/1?version_at=3"
    with reading(story_engine) as connection:
        after = drafting.draft(connection, 1)
    assert after.version == 2
    changed = [(a, b) for a, b in zip(before.splitlines(), after.document.splitlines(), strict=True) if a != b]
    assert [b.strip() for _, b in changed] == [
        'tiers = [ {from = 0, rate = "4%"}, {from = 150000, rate = "6%"}, {from = 300000, rate = "7%"} ]'
    ]


def test_rows_and_components_are_added_and_taken_away(author: FlaskClient, story_engine: Engine) -> None:
    drafted(story_engine)
    send(author, "/drafts/1", version="1", version_at="3", do="add:versions[3].components[0].tiers")
    send(author, "/drafts/1", version="2", version_at="3", do="remove:versions[3].components[0].multipliers[0]")
    typed = {"new-kind": "spiff", "new-name": "quick-cash"}
    send(author, "/drafts/1", version="3", version_at="3", do="add:versions[3].components", **typed)
    typed = {"new-factor:versions[3].components[0].multipliers": "terms_days"}
    send(author, "/drafts/1", version="4", version_at="3", do="add:versions[3].components[0].multipliers", **typed)
    cap = {"versions[3].components[0].cap.per": "quarter", "versions[3].components[0].cap.amount": "25000"}
    send(author, "/drafts/1", version="5", version_at="3", do="save", **cap)
    with reading(story_engine) as connection:
        document = tomllib.loads(drafting.draft(connection, 1).document)
    commission, spiff = document["versions"][3]["components"]
    assert len(commission["tiers"]) == 4 and commission["tiers"][3] == {}
    assert [each["by"] for each in commission["multipliers"]] == ["risk_grade", "terms_days"]
    assert spiff == {"name": "quick-cash", "kind": "spiff", "amount": 1}
    assert commission["cap"] == {"per": "quarter", "amount": 25000}
    page = author.get("/drafts/1").text
    assert "The key &#39;from&#39; is missing." in page


def test_every_kind_of_component_has_a_form_that_changes_nothing_by_being_kept(
    author: FlaskClient, story_engine: Engine
) -> None:
    for number, plan in enumerate(
        ("account-executive-starter", "collected-together", "sales-manager", "solution-engineer", "spring-spiff"),
        1,
    ):
        made = drafted(story_engine, plan, dt.date(2026, 9, 1))
        page = author.get(f"/drafts/{number}").text
        fields = dict(re.findall(r'<input id="([^"]+)" name="versions[^"]+" value="([^"]*)"', page))
        chosen = re.findall(r'<select id="(versions[^"]+)".*?<option value="([^"]*)" selected>', page, re.DOTALL)
        pairs = re.findall(r'name="(versions[^"@]+@(?:name|number))" value="([^"]*)"', page)
        typed: dict[str, Any] = {**fields, **dict(chosen)}
        for name, value in pairs:
            typed.setdefault(name, []).append(value)
        assert len(typed) > 8
        send(author, f"/drafts/{number}", version="1", do="save", **typed)
        with reading(story_engine) as connection:
            assert drafting.draft(connection, number).document == made.document


def test_two_people_do_not_overwrite_one_another(author: FlaskClient, story_engine: Engine) -> None:
    drafted(story_engine)
    assert (
        send(author, "/drafts/1", version="1", version_at="3", do="save", **{f"{TIER}.rate": "6%"}).status_code
        == 302
    )
    late = send(author, "/drafts/1", version="1", version_at="3", do="save", **{f"{TIER}.rate": "9%"})
    assert late.status_code == 409
    assert "Somebody else changed this draft meanwhile" in late.text
    said = text_in(late.text)
    assert "- tiers = [ {from = 0, rate = &#34;4%&#34;}, {from = 150000, rate = &#34;9%&#34;}" in said
    assert "+ tiers = [ {from = 0, rate = &#34;4%&#34;}, {from = 150000, rate = &#34;6%&#34;}" in said
    with pytest.raises(Overtaken) as overtaken:
        drafting.change(story_engine, who(FEMKE), 1, 1, "plan = 'x'")
    assert overtaken.value.draft.version == 2


def test_what_is_typed_is_judged_and_not_kept(author: FlaskClient, story_engine: Engine) -> None:
    drafted(story_engine)
    wrong = send(author, "/drafts/1/check", version="1", version_at="3", **{f"{TIER}.rate": "6 percent"})
    assert f'data-field="{TIER}.rate"' in wrong.text and "is not a number. Write it as 0.05 or 5%." in wrong.text
    right = text_in(send(author, "/drafts/1/check", version="1", version_at="3", **{f"{TIER}.rate": "6%"}).text)
    assert "From 1 June 2026 the second tier earns 6 % instead of 5.5 %." in right
    assert "The letter says 7,650.00. Earned 7,650.00 before. 7,800.00" in right
    with reading(story_engine) as connection:
        assert drafting.draft(connection, 1).version == 1


def test_every_mistake_is_kept_and_stands_at_its_field(author: FlaskClient, story_engine: Engine) -> None:
    drafted(story_engine)
    typed = {f"{TIER}.from": "-1", f"{TIER}.rate": "600%", "versions[3].components[0].hold_days": "two weeks"}
    send(author, "/drafts/1", version="1", version_at="3", do="save", **typed)
    page = author.get("/drafts/1").text
    for name, value in typed.items():
        assert f'<input id="{name}" name="{name}" value="{value}"' in page
        assert re.search(rf'<p class="wrong" id="{re.escape(name)}-wrong"[^>]*>[^<]+</p>', page)
    assert "3 things to mend" in page and "Submit the draft" not in page


def test_a_document_that_is_no_toml_is_kept_as_text(author: FlaskClient, story_engine: Engine) -> None:
    drafted(story_engine)
    broken = "plan = account-executive\r\n# mine"
    assert (
        send(author, "/drafts/1", version="1", **{"as": "document", "document": broken, "do": "save"}).status_code
        == 302
    )
    page = author.get("/drafts/1").text
    assert "plan = account-executive\n# mine</textarea>" in page
    assert "This is not TOML" in page


def test_a_plan_is_brought_as_a_file_and_handed_out_again(author: FlaskClient) -> None:
    document = 'plan = "fresh"\ncurrency = "EUR"\n\n# all of it\n[[versions]]\neffective_from = 2026-09-01\n'
    token = token_in(author.get("/plans").text)
    sent = {"csrf_token": token, "document": "", "file": (io.BytesIO(document.encode()), "fresh.toml")}
    answered = author.post("/drafts/new", data=sent, content_type="multipart/form-data")
    assert answered.headers["Location"] == "/drafts/1"
    assert author.get("/drafts/1/document").text == document
    assert "The key &#39;components&#39; is missing." in author.get("/drafts/1").text
    nameless = send(author, "/drafts/new", document="currency = 'EUR'")
    assert nameless.status_code == 422 and "It does not name its plan." in nameless.text
    assert "currency = &#39;EUR&#39;</textarea>" in nameless.text


def test_others_read_a_draft_in_words(story_engine: Engine) -> None:
    better_second_tier(story_engine)
    page = client_of(app_on(story_engine), ALEX).get("/drafts/1").text
    assert "€ 150,000 6 % € 300,000 7 %" in text_in(page)
    assert "Keep the draft" not in page and "Discard" not in page


def test_a_new_plan_comes_into_force_whatever_it_is_called(story_engine: Engine) -> None:
    app = app_on(story_engine)
    femke, ruben = client_of(app, FEMKE), client_of(app, RUBEN)
    document = femke.get(f"/plans/{PLAN}/document").text.replace(f'plan = "{PLAN}"', 'plan = "sales/east 1"')
    send(femke, "/drafts/new", document=document)
    assert "The plan pays nobody in" in femke.get("/drafts/1/preview").text
    send(femke, "/drafts/1/submit", version="1", reason="A new region")
    send(ruben, "/changes/8", choice="approve", reason="Agreed", confirmed="sales/east 1")
    page = femke.get("/plans/sales/east 1")
    assert page.status_code == 200 and "Nobody. The file assignments.csv" in page.text
    assert femke.get("/plans/sales/east 1/document").text == document


def test_a_draft_is_discarded(author: FlaskClient, story_engine: Engine) -> None:
    drafted(story_engine)
    assert send(author, "/drafts/1/discard", version="7").status_code == 409
    assert send(author, "/drafts/1/discard", version="1").headers["Location"] == f"/plans/{PLAN}"
    assert author.get("/drafts/1").status_code == 404


# On real history ------------------------------------------------------------------------------------


def test_a_preview_says_who_would_have_been_paid_what(story_engine: Engine) -> None:
    made = better_second_tier(story_engine)
    page = text_in(client_of(app_on(story_engine), FEMKE).get(f"/drafts/{made.number}/preview").text)
    assert "Paid differently 1 of 4 payees Difference +€ 19.50 April 2026 to June 2026" in page
    assert "Biggest change +€ 19.50 Joris Hendriks" in page
    assert "For closed months +€ 19.50 posted into August 2026" in page
    assert "Before 8,049.77 After 8,069.27" in page
    assert "Joris Hendriks 4,227.25 4,246.75 +19.50 Together 4,227.25 4,246.75 +19.50" in page
    assert "3 payees are paid the same" in page and "Sanne de Wit 14,439.33" in page
    assert "It reaches back to June 2026" in page and "into August 2026: Joris Hendriks: +€ 19.50" in page


def test_a_difference_leads_to_its_lines_and_their_reasons(story_engine: Engine) -> None:
    made = better_second_tier(story_engine)
    client = client_of(app_on(story_engine), FEMKE)
    page = text_in(client.get(f"/drafts/{made.number}/preview/P02?first=2026-06&last=2026-06").text)
    assert "17 Jun 2026 INV-26-043 Cash commission 214.50 234.00 +19.50" in page
    assert "€ 3,900.00 at 5.5 %" in page and "€ 3,900.00 at 6 %" in page
    assert client.get(f"/drafts/{made.number}/preview/P99").status_code == 404


def test_a_preview_over_some_is_the_same_as_over_everybody(story_engine: Engine) -> None:
    """A plan decides about no other plan's lines: those who are not on it cannot differ."""
    for plan, typed in (
        (PLAN, {f"{TIER}.rate": "6%"}),
        ("collected-together", {"versions[1].components[0].pool.rate": "2%"}),
        ("sales-manager", {"versions[2].components[0].cap.amount": "100"}),
    ):
        made = drafted(story_engine, plan, dt.date(2026, 4, 1) if plan != PLAN else JUNE, typed)
        with reading(story_engine) as connection:
            changed = drafting.judged(connection, plan, made.document).plan
            assert changed is not None
            both = previewing._Both.of(connection, who(FEMKE), changed)
            some = previewing.preview(connection, who(FEMKE), changed)
            whole = StoreSource(connection, both.after).everything()
            totals = []
            for rules in (both.before, both.after):
                lines = [line for found in both.lines(rules, whole) for line in found]
                totals.append(sum(line.amount_minor for line in lines))
        assert [sum(e.before_minor for e in some.sides), sum(e.after_minor for e in some.sides)] == totals
        assert totals[0] != totals[1], plan


def test_publishing_posts_what_the_preview_said(story_engine: Engine) -> None:
    made = better_second_tier(story_engine)
    with reading(story_engine) as connection:
        changed = drafting.judged(connection, PLAN, made.document).plan
        assert changed is not None
        found = previewing.preview(connection, who(FEMKE), changed)
    foretold = {each.payee_id: each.difference_minor for each in found.late()}
    assert foretold == {"P02": 1950}
    number = drafting.submit(story_engine, who(FEMKE, "More pull"), made.number, made.version)
    drafting.decide(story_engine, who(RUBEN, "Agreed"), number, "approve", PLAN)
    posted: dict[str, int] = {}
    for draft in runs.preview(story_engine, who(RUBEN)).drafts:
        posted[draft.payee_id] = posted.get(draft.payee_id, 0) + draft.amount_minor
    assert {payee: amount for payee, amount in posted.items() if amount} == foretold


def test_large_books_are_previewed_by_a_job(story_engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "LITTLE", 10)
    better_second_tier(story_engine)
    client = client_of(app_on(story_engine), FEMKE)
    assert "Calculate the preview" in client.get("/drafts/1/preview").text
    assert send(client, "/drafts/1/preview").headers["Location"] == "/drafts/1/preview"
    assert "It waits for its turn." in client.get("/drafts/1/preview").text
    jobs.run_waiting(story_engine)
    assert "Joris Hendriks 4,227.25 4,246.75 +19.50" in text_in(client.get("/drafts/1/preview").text)
    with reading(story_engine) as connection:
        admin = replace(
            _viewer(story_engine), account_id=account_of(story_engine, KIM), roles=frozenset({"admin"})
        )
        assert jobs.look(story_engine, connection, admin, 1).result == {"payees": 4}  # nothing that was in it


def _viewer(engine: Engine) -> Any:
    from incentives.service.access import viewer_of

    with reading(engine) as connection:
        return viewer_of(connection, account_of(engine, FEMKE), dt.date(2026, 8, 3))


# Deciding -------------------------------------------------------------------------------------------


def test_a_change_goes_from_its_author_to_somebody_else_and_into_force(story_engine: Engine) -> None:
    made, app = better_second_tier(story_engine), app_on(story_engine)
    femke, ruben = client_of(app, FEMKE), client_of(app, RUBEN)
    page = femke.get("/drafts/1").text
    assert 'formaction="/drafts/1/submit"' in page
    assert "closed months would be corrected in the open one" in page
    assert "A reason is missing." in send(femke, "/drafts/1/submit", version=made.version, reason=" ").text
    sent = send(femke, "/drafts/1/submit", version=made.version, reason="More pull")
    assert sent.headers["Location"] == "/changes/8"
    assert femke.get("/drafts/1").headers["Location"] == "/changes/8"
    assert "You proposed it: somebody else decides." in femke.get("/changes/8").text
    assert send(femke, "/changes/8", choice="approve", reason="Mine").status_code == 403
    page = text_in(ruben.get("/changes/8").text)
    assert "Proposed by Femke Bos" in page and "“More pull”" in page
    assert "From 1 June 2026 the second tier earns 6 % instead of 5.5 %." in page
    assert "The next run would post +€ 19.50 for them into August 2026." in page
    hasty = send(ruben, "/changes/8", choice="approve", reason="Agreed", confirmed="yes")
    assert (
        hasty.status_code == 422
        and "Type account-executive to approve it." in hasty.text
        and "Agreed" in hasty.text
    )
    assert send(ruben, "/changes/8", choice="approve", reason="Agreed", confirmed=PLAN).status_code == 302
    page = text_in(ruben.get(f"/plans/{PLAN}").text)
    assert "from 1 June 2026 on in force today" in page and "approved by Ruben Smit" in page
    decided = text_in(client_of(app, ALEX).get("/changes/8").text)
    assert "Decided by Ruben Smit" in decided and "“Agreed”" in decided
    assert "From 1 June 2026 the second tier earns 6 % instead of 5.5 %." in decided


def test_a_change_from_a_later_day_touches_no_closed_month(story_engine: Engine) -> None:
    made = drafted(story_engine, day=dt.date(2026, 9, 1), typed={f"{TIER}.rate": "6%", **EXAMPLES})
    with reading(story_engine) as connection:
        judged = drafting.judged(connection, PLAN, made.document)
        assert judged.plan is not None
        assert not judged.reaches_back and judged.is_ready
        assert previewing.preview(connection, who(FEMKE), judged.plan).late() == []
    number = drafting.submit(story_engine, who(FEMKE, "From September"), made.number, made.version)
    drafting.decide(story_engine, who(RUBEN, "Agreed"), number, "approve")


def test_what_was_typed_is_kept_by_submitting_it(story_engine: Engine) -> None:
    made, client = drafted(story_engine, day=dt.date(2026, 9, 1)), client_of(app_on(story_engine), FEMKE)
    typed = {f"{TIER}.rate": "6%", **EXAMPLES}
    sent = send(client, "/drafts/1/submit", version=made.version, version_at="3", reason="More pull", **typed)
    assert sent.headers["Location"] == "/changes/8"
    with reading(story_engine) as connection:
        assert '{from = 150000, rate = "6%"}' in drafting.revision(connection, 8).document


@pytest.mark.parametrize(
    "do", ["add:", "remove:", "add:plan.x", "add:versions[9].tiers", "remove:versions[9]", "?"]
)
def test_a_button_that_nobody_made_does_nothing(author: FlaskClient, story_engine: Engine, do: str) -> None:
    made = drafted(story_engine)
    assert send(author, "/drafts/1", version="1", version_at="3", do=do).status_code == 302
    with reading(story_engine) as connection:
        assert drafting.draft(connection, 1).document == made.document


def test_a_document_too_deep_for_a_form_is_edited_as_text(author: FlaskClient, story_engine: Engine) -> None:
    made = drafted(story_engine)
    deep = made.document.replace('currency = "EUR"', 'currency = "EUR"\nx = ' + "[" * 300 + "]" * 300, 1)
    send(author, "/drafts/1", version="1", document=deep, do="save")
    assert "[[[[[" in author.get("/drafts/1").text
    long = send(author, "/drafts/1/check", version="2", document="#" * 300_000)
    assert "It is too long for a plan." in long.text


def refused(engine: Engine, made: drafting.Draft) -> set[str]:
    with pytest.raises(Rejected) as rejected:
        drafting.submit(engine, who(FEMKE, "Why"), made.number, made.version)
    return {each.code for each in rejected.value.problems}


def test_what_may_not_become_a_rule_is_not_submitted(story_engine: Engine) -> None:
    assert refused(story_engine, drafted(story_engine)) == {"nothing-changed"}
    assert refused(story_engine, drafted(story_engine, typed={f"{TIER}.rate": "6%"})) == {"example-fails"}
    assert refused(story_engine, drafted(story_engine, typed={f"{TIER}.rate": "6"})) == {"above-one"}
    better = better_second_tier(story_engine)
    drafting.submit(story_engine, who(FEMKE, "Why"), better.number, better.version)
    assert refused(story_engine, better_second_tier(story_engine)) == {"already-waiting"}


def test_a_plan_keeps_fitting_those_whom_it_is_assigned_to(story_engine: Engine) -> None:
    made = drafted(story_engine)
    shared = made.document.replace(f'plan = "{PLAN}"', 'plan = "spring-spiff"')
    with reading(story_engine) as connection:
        assert [each.code for each in drafting.judged(connection, PLAN, shared).problems] == ["other-plan"]
        pool = drafting.shelf(connection, "collected-together").approved
        assert pool is not None
        as_payees = pool.document.replace('plan = "collected-together"', 'plan = "spring-spiff"')
        codes = {each.code for each in drafting.judged(connection, "spring-spiff", as_payees).problems}
    assert codes == {"payee-or-team"}


def test_a_rejected_draft_may_be_written_on(story_engine: Engine) -> None:
    made, client = better_second_tier(story_engine), client_of(app_on(story_engine), FEMKE)
    number = drafting.submit(story_engine, who(FEMKE, "Why"), made.number, made.version)
    with pytest.raises(Rejected, match="It was submitted"):
        drafting.change(story_engine, who(FEMKE), made.number, made.version + 1, made.document)
    drafting.decide(story_engine, who(RUBEN, "Not this year"), number, "reject")
    assert client.get("/drafts/1").status_code == 200
    assert "rejected" in client.get(f"/plans/{PLAN}").text
    again = drafting.change(story_engine, who(FEMKE), made.number, made.version + 1, made.document)
    assert drafting.submit(story_engine, who(FEMKE, "Now"), again.number, again.version) == number + 1


# In a browser ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def address(story: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    engine = copied(story, tmp_path_factory.mktemp("served"))
    better_second_tier(engine)
    made = drafted(
        engine, "collected-together", dt.date(2026, 9, 1), {"versions[1].components[0].pool.rate": "2%"}
    )
    drafting.submit(engine, who(FEMKE, "A larger pool"), made.number, made.version)
    database = Path(str(engine.url.database))
    engine.dispose()
    with serving(database) as found:
        yield found


def test_mistakes_appear_at_their_field_while_somebody_types(browser: Browser, address: str) -> None:
    page = signed_in(browser, address, FEMKE)
    faults: list[str] = []
    page.on("console", lambda message: faults.append(message.text) if message.type == "error" else None)
    page.goto(f"{address}/drafts/1")
    rate = page.locator(f'[id="{TIER}.rate"]')
    rate.fill("6 percent")
    page.locator(f'[id="{TIER}.rate-wrong"]', has_text="is not a number").wait_for()
    assert rate.get_attribute("aria-invalid") == "true"
    assert rate.evaluate("each => each === document.activeElement")
    rate.fill("7%")
    page.locator("#judged", has_text="the second tier earns 7 % instead of 5.5 %").wait_for()
    assert rate.get_attribute("aria-invalid") is None
    assert faults == []
    page.close()


READ_BY_MACHINES = (
    "/plans",
    f"/plans/{PLAN}",
    "/drafts/1",
    "/drafts/1?as=document",
    "/drafts/1/preview",
    "/drafts/1/preview/P02",
    "/drafts/new",
    "/changes/8",
)


@pytest.mark.parametrize(
    ("scheme", "paths"),
    [("light", READ_BY_MACHINES), ("dark", ("/drafts/1", "/changes/8"))],
    ids=["light", "dark"],
)
def test_nothing_keeps_anybody_out(browser: Browser, address: str, scheme: Any, paths: tuple[str, ...]) -> None:
    page = signed_in(browser, address, FEMKE, width=390, height=844, scheme=scheme)
    for path in paths:
        page.goto(address + path)
        found = Axe().run(page)
        assert found.violations_count == 0, (path, found.generate_report())
        assert page.evaluate("document.documentElement.scrollWidth") <= 390, path
    page.context.close()
