"""Nobody sees another's pay: every route, for everybody, against a table that people reviewed; and amounts and names
that are searched for in every answer."""

from __future__ import annotations

import csv
import datetime as dt
import logging
import re
from collections.abc import Iterator, Mapping, Sequence
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
from incentives.store import tables
from incentives.store.acts import Who
from incentives.store.desk import Account
from served import FEMKE, RUBEN, app_on, client_of, copied, token_in

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
    "INV-98-001,1,987654.32,0.00,,0.00,true\n",
    "credits.csv": "invoice_id,payee_id,role,share\nINV-98-001,P98,account_executive,1\n",
    "assignments.csv": "plan,payee_id,team,starts_on,ends_on\naccount-executive,P98,,2026-01-01,\n",
    "events.csv": "event_id,type,invoice_id,occurred_on,amount,currency,payment_id,reverses,new_due_on,payee_id,"
    "reason,fault,source,recorded_at\n"
    "pay-98-001,payment,INV-98-001,2026-08-02,987654.32,EUR,,,,,,,bank,\n",
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
    yield engine
    engine.dispose()


@pytest.fixture(scope="module")
def app(engine: Engine) -> Flask:
    return app_on(engine)
