"""Every page there is: who looks at it, and at what, in books in which everything waits that can wait."""

from __future__ import annotations

import datetime as dt
import io
import re
from pathlib import Path

from flask import Flask
from sqlalchemy import Engine, select

from incentives import jobs
from incentives.documents.editing import Editing, path_of
from incentives.service import brought, decisions, deliveries, drafting, hooks
from incentives.store.desk import Account
from month_ends import by
from served import ALEX, BRAM, FEMKE, INGRID, JORIS, KIM, NOOR, RUBEN, SANNE, TODAY, app_on, client_of, token_in

Look = tuple[str, str]
"""Who looks (nobody: somebody who is not signed in), and at which address."""

HEAD = "event_id,type,invoice_id,occurred_on,amount,source\n"
CONFLICT = HEAD + "pay-26-019,payment,INV-26-019,2026-04-07,12100.00,bank\n"
MISTAKE = HEAD + "pay-26-999,payment,INV-26-999,2026-08-01,100.00,bank\n"

PAGES: dict[str, tuple[Look, ...]] = {
    "/": (),  # leads to the first of the viewer's places
    "/account": ((SANNE, "/account"),),
    "/account/second-step": ((NOOR, "/account/second-step"),),
    "/api/docs": ((ALEX, "/api/docs"),),
    "/audit": ((ALEX, "/audit"), (ALEX, "/audit?until=2020-01-01")),
    "/changes/<int:number>": ((RUBEN, "/changes/8"), (FEMKE, "/changes/2")),
    "/changes/<int:number>/preview/<path:payee_id>": ((RUBEN, "/changes/8/preview/P02"),),
    "/compare": ((RUBEN, "/compare"),),
    "/customers": ((BRAM, "/customers"),),
    "/customers/<path:customer_id>": ((BRAM, "/customers/C101"), (SANNE, "/customers/C129")),
    "/decisions": ((RUBEN, "/decisions"),),
    "/decisions/adjustment": ((FEMKE, "/decisions/adjustment"),),
    "/decisions/hold": ((FEMKE, "/decisions/hold"),),
    "/drafts/<int:number>": ((FEMKE, "/drafts/1"), (FEMKE, "/drafts/1?as=document"), (RUBEN, "/drafts/1")),
    "/drafts/<int:number>/preview": ((FEMKE, "/drafts/1/preview"),),
    "/drafts/<int:number>/preview/<path:payee_id>": ((FEMKE, "/drafts/1/preview/P02"),),
    "/drafts/new": ((FEMKE, "/drafts/new"),),
    "/hooks": ((KIM, "/hooks"),),
    "/hooks/<int:number>": ((KIM, "/hooks/1"),),
    "/import": ((FEMKE, "/import"),),
    "/import/<int:act_id>": ((FEMKE, "/import/{act}"),),
    "/import/waiting/<key>": ((FEMKE, "/import/waiting/{key}"),),
    "/invoices": ((BRAM, "/invoices"),),
    "/invoices/<path:invoice_id>": ((SANNE, "/invoices/INV-26-044"), (BRAM, "/invoices/INV-26-010")),
    "/jobs": ((FEMKE, "/jobs"),),
    "/jobs/<int:number>": ((FEMKE, "/jobs/1"),),
    "/login": (("", "/login"),),
    "/month": ((FEMKE, "/month"),),
    "/month/<month>": ((RUBEN, "/month/2026-08"), (ALEX, "/month/2026-06")),
    "/month/<month>/pay/<payee_id>": ((ALEX, "/month/2026-06/pay/P04"),),
    "/month/<month>/pays": ((RUBEN, "/month/2026-08/pays"),),
    "/month/<month>/run": ((RUBEN, "/month/2026-08/run"),),
    "/month/<month>/run/<payee_id>": ((RUBEN, "/month/2026-08/run/P03"),),
    "/month/<month>/steps/<step>": ((RUBEN, "/month/2026-08/steps/exceptions"),),
    "/notices": ((JORIS, "/notices"),),
    "/password": ((SANNE, "/password"),),
    "/pay": (
        (SANNE, "/pay?quarter=2026-04"),
        (JORIS, "/pay"),
        (JORIS, "/pay?of=paid"),
        (INGRID, "/pay?month=2026-06"),
        (RUBEN, "/pay"),
    ),
    "/pay/<payee_id>": ((INGRID, "/pay/P05?quarter=2026-04"),),
    "/pay/<payee_id>/waiting": ((JORIS, "/pay/P02/waiting"),),
    "/pay/<payee_id>/why": (
        (JORIS, "/pay/P02/why?cause=chargeback-26-036"),
        (SANNE, "/pay/P01/why?cause=pay-26-033-2"),
    ),
    "/payroll": ((NOOR, "/payroll"),),
    "/payroll/<month>": ((NOOR, "/payroll/2026-06"), (NOOR, "/payroll/2026-05")),
    "/people": ((KIM, "/people"),),
    "/people/<int:number>": ((KIM, "/people/1"),),
    "/people/add": ((KIM, "/people/add"),),
    "/plans": ((FEMKE, "/plans"),),
    "/plans/<path:plan>": ((FEMKE, "/plans/account-executive"), (ALEX, "/plans/collected-together")),
    "/questions": ((RUBEN, "/questions"),),
    "/statements": ((SANNE, "/statements"), (RUBEN, "/statements")),
    "/statements/<quarter>": ((RUBEN, "/statements/2026-04"),),
    "/statements/<quarter>/<payee_id>": ((JORIS, "/statements/2026-04/P02"),),
    "/statements/of/<payee_id>": ((JORIS, "/statements/of/P02"),),
    "/statements/of/<payee_id>/letters/<plan>/<version>": (
        (JORIS, "/statements/of/P02/letters/account-executive/2026-04-01"),
    ),
    "/team": ((INGRID, "/team?quarter=2026-04"),),
    "/team/risks": ((INGRID, "/team/risks"),),
    "/together": ((BRAM, "/together?quarter=2026-04"), (SANNE, "/together?quarter=2026-01")),
    "/verify": ((SANNE, "/verify"),),
    "/welcome/<token>": (("", "{welcome}"),),
}
"""Every rule that is a page, and what is looked at."""

NO_PAGES = frozenset(
    (
        "/api/openapi.json",
        "/assets/<path:filename>",
        "/assets/statement.css",
        "/audit/export",
        "/audit/export/<month>",
        "/changes/<int:number>/document",
        "/customers/<path:customer_id>/stake",
        "/drafts/<int:number>/document",
        "/fs-static/<path:filename>",
        "/healthz",
        "/invoices/<path:invoice_id>/stake",
        "/jobs/<int:number>/part",
        "/metrics",
        "/pay/<payee_id>/waiting/total",
        "/payroll/<month>/<profile>/control",
        "/payroll/<month>/<profile>/file",
        "/plans/<path:plan>/document",
        "/readyz",
        "/statements/<quarter>/<payee_id>/statement.json",
        "/statements/<quarter>/<payee_id>/statement.pdf",
        "/tf-rescue",
        "/tf-select",
        "/tf-setup",
        "/tf-validate",  # seen only on the way in, with a second step: tests/test_web_people.py
        "/together/figures",
        "/together/pack.pdf",
    )
)
"""Files, parts of pages, what machines read, and what is shut."""


def rules(app: Flask) -> set[str]:
    """The rules that somebody can open in a browser."""
    found = {each.rule for each in app.url_map.iter_rules() if "GET" in (each.methods or ())}
    return {each for each in found if not each.startswith("/api/v1")}


def fill(engine: Engine, folder: Path) -> list[Look]:
    """Let everything wait that can wait; every look at every page."""
    accounts = _accounts(engine)
    draft(engine, accounts[FEMKE], "2026-06-01", "account-executive", "versions[3].components[0].tiers[1].rate")
    made = draft(
        engine, accounts[FEMKE], "2026-09-01", "collected-together", "versions[1].components[0].pool.rate"
    )
    drafting.submit(engine, by(FEMKE, "A larger pool"), made.number, made.version)
    agreed = decisions.adjust(engine, by(FEMKE, "Trade fair"), "P03", 25_000, "EUR", TODAY)
    decisions.decide(engine, by(RUBEN, "Seen the bill"), "adjustment", agreed, "approve")
    decisions.adjust(engine, by(FEMKE, "Trade fair"), "P01", 25_000, "EUR", TODAY)
    decisions.hold(engine, by(FEMKE, "Delivery is being checked"), "invoice", "INV-26-045")
    decisions.ask(engine, by(JORIS), "P02", "chargeback-26-036", "Was dit niet opgelost?")
    decisions.ask(engine, by(SANNE), "P01", "pay-26-033-2", "Which rate?")
    decisions.answer(engine, by(RUBEN), 3, "That of the day of the payment.")
    (folder / "bank").mkdir()
    (folder / "bank" / "events.csv").write_text(CONFLICT, encoding="utf-8")
    taken = deliveries.import_folder(engine, by(FEMKE), folder / "bank")
    waiting = brought.bring(accounts[FEMKE], "bank", [("events.csv", io.BytesIO(MISTAKE.encode()))], False)
    hooks.add(engine, by(KIM), accounts[KIM], "http://127.0.0.1:9/hr", ["month.closed"], private=True)
    jobs.start(engine, accounts[FEMKE], "preview", {"to": "/month"})
    jobs.run_waiting(engine)
    kept = {"act": taken.act_id, "key": waiting.key, "welcome": _welcome(engine, accounts[NOOR])}
    return [(email, path.format(**kept)) for looks in PAGES.values() for email, path in looks]


def draft(engine: Engine, account_id: int, day: str, plan: str, field: str) -> drafting.Draft:
    """A draft of a new version in which one rate is another."""
    made = drafting.begin(engine, account_id, by(FEMKE), plan, dt.date.fromisoformat(day))
    editing = Editing(made.document)
    editing.put(path_of(field), "number", "6%" if plan == "account-executive" else "2%")
    return drafting.change(engine, by(FEMKE), made.number, made.version, editing.text)


def _accounts(engine: Engine) -> dict[str, int]:
    with engine.connect() as connection:
        return {row.email: row.id for row in connection.execute(select(Account.email, Account.id))}


def _welcome(engine: Engine, number: int) -> str:
    """The address of a link by which somebody chooses a password."""
    admin = client_of(app_on(engine), KIM)
    token = token_in(admin.get(f"/people/{number}").text)
    shown = admin.post(f"/people/{number}/link", data={"csrf_token": token}).text
    found = re.search(r"(/welcome/[^<]+)", shown)
    assert found, shown
    return found[1]
