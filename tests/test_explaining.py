"""Why an amount is what it is, in the words of a language, from the books as they stand or as they were closed."""

from __future__ import annotations

import datetime as dt
import re

import pytest
from babel.messages.pofile import read_po
from sqlalchemy import Connection, Engine, select

from incentives.papers.languages import catalogs
from incentives.service.explaining import Explained, explain
from incentives.store import tables
from incentives.store.engine import reading


def only(found: list[Explained]) -> Explained:
    (line,) = found
    return line


def plain(text: str) -> str:
    return text.replace("\N{NO-BREAK SPACE}", " ")


def test_a_payment_explains_itself_in_the_language_of_the_reader(story_engine: Engine) -> None:
    with reading(story_engine) as connection:
        english, dutch = (only(explain(connection, "P01", "pay-26-033-2", each)) for each in ("en", "nl"))
    assert english.amount_minor == dutch.amount_minor == 57_093
    assert plain(english.said.says) == (
        "€ 570.93 earned because Harbor Pine Coworking LLC paid US$ 12,000.00 of invoice INV-26-033 "
        "on 18 June 2026 (The rest, 21 days late)."
    )
    assert plain(english.said.steps[5].says) == "€ 10,195.20 at 7 % × 0.8 = € 570.9312."
    assert plain(dutch.said.steps[3].says) == "Dagen te laat: 21, dus × 0,8."
    assert plain(dutch.said.rule) == (
        "Account executive, versie van 1 april 2026; FY26 plan letter, addendum 1 of 20 March 2026."
    )


def test_a_closed_month_is_explained_as_it_was_closed(story_engine: Engine) -> None:
    """The chargeback of June arrived in July: the pool of the second quarter is smaller since."""
    with reading(story_engine) as connection:
        closed = only(explain(connection, "P08", "period:2026-04-01", "en", month=dt.date(2026, 6, 1)))
        now = only(explain(connection, "P08", "period:2026-04-01", "en"))
    assert (closed.amount_minor, now.amount_minor) == (96_377, 94_337)
    assert [(each.month.month, each.amount_minor) for each in now.posted] == [(6, 96_377), (7, -2_040)]
    assert "€ 963.77" in plain(closed.said.says) and "€ 943.37" in plain(now.said.says)


def test_pay_is_explained_by_the_lines_it_was_made_from(story_engine: Engine) -> None:
    with reading(story_engine) as connection:
        paid = only(explain(connection, "P02", "payout:2026-07", "en"))
    assert paid.amount_minor == 65_175
    assert plain(paid.said.says) == "€ 651.75 paid for July 2026."
    assert sum(each.amount_minor for each in paid.parts) == 130_350 - 87_339
    assert plain(paid.said.steps[-1].says) == "5 lines are payable in the month."


def test_every_line_of_the_ledger_explains_the_amount_that_stands(story_engine: Engine) -> None:
    with reading(story_engine) as connection:
        for payee_id, causes in causes_of(connection).items():
            for cause in causes[-6:]:
                for line in explain(connection, payee_id, cause, "nl"):
                    assert line.amount_minor == sum(each.amount_minor for each in line.posted)
                    assert line.said.amount and line.said.says.startswith(line.said.amount)
                    assert "%(" not in line.said.says


def causes_of(connection: Connection) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    asked = select(tables.Entry.payee_id, tables.Entry.cause).order_by(tables.Entry.id)
    for payee_id, cause in connection.execute(asked):
        if cause not in found.setdefault(payee_id, []):
            found[payee_id].append(cause)
    return found


@pytest.mark.parametrize("cause", ["pay-26-001", "nothing", "payout:2030-01"])
def test_somebody_who_has_no_such_line_is_told_nothing(story_engine: Engine, cause: str) -> None:
    with reading(story_engine) as connection:
        assert explain(connection, "P08", cause, "en") == []


def test_the_dutch_words_of_explanations_take_the_values_of_the_english() -> None:
    (path,) = (each for each in catalogs("nl") if each.name == "explanations.po")
    with path.open("rb") as file:
        for message in read_po(file, locale="nl"):
            if isinstance(message.id, str) and message.id:
                assert set(re.findall(r"%\(\w+\)s", str(message.string))) == set(
                    re.findall(r"%\(\w+\)s", message.id)
                )
