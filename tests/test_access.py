"""Nobody sees another's pay: every route, for everybody, against a table that people reviewed; and amounts and
names that are searched for in every answer."""

from __future__ import annotations

import datetime as dt
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import redirect_stderr
from dataclasses import dataclass
from io import BytesIO
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from pypdf import PdfReader
from sqlalchemy import Engine, select
from werkzeug.routing import Rule
from werkzeug.test import TestResponse

from access import PEOPLE, read_table
from incentives.papers.languages import speaker
from incentives.service import decisions, runs, tokens
from incentives.service.deliveries import import_folder
from incentives.service.months import close
from incentives.store import tables
from incentives.store.acts import Who
from incentives.store.desk import Account
from served import FEMKE, RUBEN, app_on, client_of, copied, token_in

AUGUST, SEPTEMBER = dt.date(2026, 8, 1), dt.date(2026, 9, 1)
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


def who(actor: str) -> Who:
    return Who(actor, dt.datetime.now(dt.UTC), "to be searched for")


# Somebody whom nobody else may see ---------------------------------------------------------------------------

CANARY = "P98"
"""Paid, in no team, reports to nobody; credited on one invoice of a customer of their own."""
WORDS = ("Quetzalcoatl", "Xochimilco")
"""Names of the payee and of the customer that occur nowhere else."""

FILES = {
    "payees.csv": "payee_id,name,email,employee_id,currency,starts_on,ends_on\n"
    "P98,Quetzalcoatl Vos,q.vos@waalkade.example,000998,EUR,2026-01-01,\n",
    "customers.csv": "customer_id,name,country\nC998,Xochimilco Trading B.V.,NL\n",
    "invoices.csv": "invoice_id,customer_id,currency,issued_on,due_on,contract_signed_on,team\n"
    "INV-98-001,C998,EUR,2026-08-01,2026-08-31,,\n",
    "invoice_lines.csv": "invoice_id,line,net,tax,category,cost,commissionable\n"
    "INV-98-001,1,913570.24,0.00,,0.00,yes\n",
    "credits.csv": "invoice_id,payee_id,role,share\nINV-98-001,P98,account_executive,1\n",
    "assignments.csv": "plan,payee_id,team,starts_on,ends_on\naccount-executive,P98,,2026-01-01,\n",
    "events.csv": "event_id,type,invoice_id,occurred_on,amount,currency,payment_id,reverses,new_due_on,payee_id,"
    "reason,fault,source,recorded_at\n"
    "pay-98-001,payment,INV-98-001,2026-08-02,913570.24,EUR,,,,,,,bank,\n",
}


@pytest.fixture(scope="module")
def engine(story: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """The story, with somebody in it whose amounts and names are like no other's."""
    folder = tmp_path_factory.mktemp("canary")
    engine = copied(story, folder)
    (folder / "canary").mkdir()
    for name, text in FILES.items():
        (folder / "canary" / name).write_text(text, encoding="utf-8")
    import_folder(engine, who(FEMKE), folder / "canary")
    number = decisions.adjust(engine, who(FEMKE), CANARY, 87_654_32, "EUR", dt.date(2026, 8, 2))
    decisions.decide(engine, who(RUBEN), "adjustment", number, "approve")
    runs.run(engine, who(FEMKE), as_of=dt.date(2026, 8, 31))
    close(engine, who(RUBEN), AUGUST, waive=dict.fromkeys(("exceptions", "payroll"), "to be closed"))
    number = decisions.adjust(engine, who(FEMKE), CANARY, 76_543_21, "EUR", dt.date(2026, 9, 2))
    decisions.decide(engine, who(RUBEN), "adjustment", number, "approve")
    runs.run(engine, who(FEMKE), as_of=dt.date(2026, 9, 30))
    yield engine
    engine.dispose()


@pytest.fixture(scope="module")
def app(engine: Engine) -> Flask:
    return app_on(engine)


# Every route, for everybody ------------------------------------------------------------------------------


class Visitor:
    """Somebody at a page, or their program at the API with every scope that their role reaches."""

    def __init__(self, app: Flask, role: str | None) -> None:
        self.app, self.role = app, role
        self.client: FlaskClient = client_of(app, PEOPLE[role] if role else None)
        self.token = token_in(self.client.get("/password" if role else "/login").text)
        self.bearer = _bearer(app.extensions["books"], role) if role else "inc_0_nobody"

    def asks(self, method: str, address: str, **more: Any) -> TestResponse:
        """What comes back; a form carries its token, and leads nowhere by itself."""
        if address.startswith("/api/"):
            headers = {"Authorization": f"Bearer {self.bearer}"} if self.role else {}
            body: dict[str, Any] = {} if method == "GET" else {"json": {}}
            return self.client.open(address, method=method, headers=headers, **(body | more))
        form: dict[str, Any] = {} if method == "GET" else {"data": {"csrf_token": self.token}}
        return self.client.open(address, method=method, **(form | more))


def _bearer(engine: Engine, role: str) -> str:
    """A token with all that the role's account may give it."""
    scopes = [name for name, scope in tokens.SCOPES.items() if role in scope.roles]
    with engine.connect() as connection:
        account = connection.execute(select(Account.id).where(Account.email == PEOPLE[role])).scalar_one()
    return tokens.make(engine, who(PEOPLE[role]), account, "all of it", scopes).written if scopes else "inc_0_none"


@pytest.fixture(scope="module")
def visitors(app: Flask) -> dict[str | None, Visitor]:
    return {role: Visitor(app, role) for role in (None, *PEOPLE)}


def rules(app: Flask) -> list[tuple[str, Rule]]:
    """Every method of every route, but those that libraries need for themselves."""
    every = product(METHODS, app.url_map.iter_rules())
    found = [(method, rule) for method, rule in every if method in (rule.methods or ())]
    assert len(found) > 60, "a guard that looks at nothing"
    return sorted(found, key=lambda each: (each[1].rule, each[0]))


VALUES: Mapping[str, Sequence[str]] = {
    "filename": ["app.css"],
    "token": ["1"],
    "payee_id": ["P01", "P08", CANARY, "P404"],
    "invoice_id": ["INV-26-019", "INV-98-001", "INV-404"],
    "customer_id": ["C101", "C998", "C404"],
    "month": ["2026-08", "2026-09"],
    "quarter": ["2026-04", "2026-07"],
    "plan": ["account-executive", "no-such-plan"],
    "version": ["2026-04-01"],
    "number": ["1"],
    "act_id": ["1"],
    "kind": ["adjustment"],
    "profile": ["generic"],
    "name": ["payroll-generic-2026-08.csv"],
    "step": ["exceptions"],
    "key": ["none"],
    "team": ["north", "no-such-team"],
    "call": ["1"],
}
"""What is tried for each argument: of one's own, of somebody else, of nobody; a closed month and the open one."""


def addresses(rule: Rule) -> list[str]:
    """A rule with every value that is tried."""
    names = sorted(rule.arguments)
    assert set(names) <= VALUES.keys(), f"say what to try for {names} of {rule.rule}"
    filled = []
    about_visitors = rule.rule.startswith(("/account", "/people"))  # what is done there would end their visit
    for values in product(*(["404"] if name == "number" and about_visitors else VALUES[name] for name in names)):
        address = rule.rule
        for name, value in zip(names, values, strict=True):
            address = re.sub(rf"<(?:[^<>]*:)?{name}>", value, address)
        filled.append(address)
    return filled


@dataclass(frozen=True)
class Answer:
    """What somebody got, and which of the canary's amounts and names it told them."""

    method: str
    address: str
    rule: str
    role: str | None
    status: int
    is_kept_out: bool
    told: frozenset[str]

    def __str__(self) -> str:
        return f"{self.method} {self.address} for {self.role or 'nobody'}: {self.status}"


@dataclass(frozen=True)
class Sweep:
    """Everything that everybody got, how much text that was, and what was logged meanwhile."""

    answers: list[Answer]
    looked: int
    logged: str


@pytest.fixture(scope="module")
def sweep(app: Flask, visitors: Mapping[str | None, Visitor]) -> Sweep:
    """Every route with every value for everybody, once."""
    canary = {*amounts(app.extensions["books"]), *WORDS}
    answers, looked, log = [], 0, io.StringIO()
    with redirect_stderr(log):
        for method, rule in rules(app):
            if rule.endpoint in ENDS_A_SESSION:
                continue
            for address, (role, visitor) in product(addresses(rule), visitors.items()):
                answered = visitor.asks(method, address)
                said = text_of(answered).replace("\N{NO-BREAK SPACE}", " ")
                looked += len(said)
                told = frozenset(each for each in canary if each in said)
                at_the_door = answered.headers.get("Location", "").startswith("/login")
                kept_out = at_the_door or answered.status_code in (401, 403)
                answered.close()
                answers.append(Answer(method, address, rule.rule, role, answered.status_code, kept_out, told))
    return Sweep(answers, looked, log.getvalue())


ENDS_A_SESSION = frozenset(f"security.{name}" for name in ("logout", "login", "two_factor_token_validation"))
"""Tried in tests/test_web_signing_in.py: here they would sign the visitor out."""


def test_the_table_names_every_route_and_no_other(app: Flask) -> None:
    assert set(read_table()) == {(method, rule.rule) for method, rule in rules(app)}


def test_every_route_is_open_to_whom_the_table_says_and_to_nobody_else(sweep: Sweep) -> None:
    table = read_table()
    wrong = []
    for each in sweep.answers:
        row = table[each.method, each.rule]
        if each.is_kept_out is (row.is_public or each.role in row.roles):
            wrong.append(str(each))
    assert not wrong, "\n".join(wrong)
    assert len(sweep.answers) > 2_000


def test_nothing_goes_wrong_on_our_side(sweep: Sweep) -> None:
    assert [str(each) for each in sweep.answers if each.status >= 500] == []


# Amounts and names -------------------------------------------------------------------------------------------

MAY_SEE_THE_CANARY = frozenset({"author", "approver", "auditor"})
MAY_SEE_ITS_CUSTOMER = MAY_SEE_THE_CANARY | {"credit"}
MAY_SEE_ITS_NAME = MAY_SEE_ITS_CUSTOMER | {"payroll", "admin"}
"""Credit looks at the invoice and who is credited; an admin at the people; payroll pays them."""


PAYS = ("/payroll", "/api/v1/payouts")
"""Where payroll sees what a closed month pays everybody, and no line of it."""


def amounts(engine: Engine) -> set[str]:
    """The canary's pay, as any page, paper or program would write it: of the closed month and of the open one."""
    closed, posted = earned(engine, AUGUST), earned(engine, SEPTEMBER)
    assert len(closed) >= 2 and posted and min(closed | posted) > 1_000_00
    return {text for minor in (*closed, *posted, sum(closed)) for text in written(minor)}


def earned(engine: Engine, month: dt.date) -> set[int]:
    """What the canary earned, in minor units; what paid it out is left out."""
    entry = tables.Entry
    with engine.connect() as connection:
        asked = select(entry.amount_minor).where(entry.payee_id == CANARY, entry.month == month)
        return set(connection.execute(asked.where(entry.kind != "payout")).scalars())


def written(minor: int) -> set[str]:
    """An amount as people and programs write it."""
    spoken = {speaker(language).number(minor, "EUR") for language in ("en", "nl")}
    return spoken | {f"{minor // 100}.{minor % 100:02d}", str(minor)}


def text_of(answered: TestResponse) -> str:
    """Everything that an answer says; a PDF's pages as text."""
    if answered.mimetype == "application/pdf":
        return "\n".join(page.extract_text() for page in PdfReader(BytesIO(answered.data)).pages)
    return str(answered.data, "utf-8", "replace")


def test_the_canary_sings_to_those_who_may_hear_it(app: Flask, visitors: Mapping[str | None, Visitor]) -> None:
    """What follows would prove nothing if the amounts were nowhere."""
    heard = "".join(text_of(visitors["author"].asks("GET", each)) for each in ("/pay/P98", "/invoices/INV-98-001"))
    assert any(each in heard for each in amounts(app.extensions["books"]))
    assert all(word in heard for word in WORDS)


def test_no_amount_and_no_name_of_anybody_out_of_reach_is_in_any_answer(app: Flask, sweep: Sweep) -> None:
    leaks, paid = [], written(sum(earned(app.extensions["books"], AUGUST)))
    for each in sweep.answers:
        hidden = set(each.told)
        if each.role in MAY_SEE_THE_CANARY:
            hidden.clear()
        if each.role in MAY_SEE_ITS_CUSTOMER:
            hidden.discard(WORDS[1])
        if each.role in MAY_SEE_ITS_NAME:
            hidden.discard(WORDS[0])
        if each.role == "payroll" and each.rule.startswith(PAYS):
            hidden -= paid
        if hidden:
            leaks.append(f"{each}: {', '.join(sorted(hidden))}")
    assert not leaks, "\n".join(leaks)
    assert sweep.looked > 1_000_000


def test_no_amount_and_no_name_is_in_the_log(app: Flask, sweep: Sweep) -> None:
    canary = {*amounts(app.extensions["books"]), *WORDS}
    assert [each for each in canary if each in sweep.logged] == []


@pytest.mark.parametrize(
    ("role", "payee_id", "sees"),
    [
        ("rep", "P01", True),
        ("rep", "P02", False),
        ("rep", "P07", False),
        ("manager", "P07", True),
        ("manager", "P01", True),
        ("manager", "P08", False),
        ("credit", "P08", True),
        ("credit", "P01", False),
        ("credit", "P09", False),
        ("author", "P01", True),
        ("approver", "P09", True),
        ("auditor", "P01", True),
        ("payroll", "P01", False),
        ("admin", "P01", False),
    ],
)
def test_pay_is_seen_by_its_owner_their_manager_finance_and_auditors(
    visitors: Mapping[str | None, Visitor], role: str, payee_id: str, sees: bool
) -> None:
    for address in (f"/pay/{payee_id}", f"/statements/2026-04/{payee_id}"):
        assert (visitors[role].asks("GET", address).status_code == 200) is sees, address
    for address in ("/pay/P404", "/statements/2026-04/P404"):
        assert visitors[role].asks("GET", address).status_code in (403, 404)
