"""Rows that hang together: guards, numbers, references, acts, deliveries, decisions (invariants 1, 4, 8, 10)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, get_args

from incentives.facts import EventType
from incentives.service.verification.report import Breach, Check, Found, View
from incentives.store import guards, soundness
from incentives.store.closes import DECIDED
from incentives.store.soundness import AT_MOST
from incentives.store.tables import VERSIONED, table_of

_OF_FILE = {
    "payees.csv": "payees",
    "reporting.csv": "reporting",
    "memberships.csv": "memberships",
    "customers.csv": "customers",
    "customer_credit.csv": "credit_records",
    "assignments.csv": "assignments",
    "targets.csv": "targets",
    "fx_rates.csv": "fx_rates",
    "invoices.csv": "invoices",
    "invoice_lines.csv": "invoice_lines",
    "credits.csv": "credits",
    "events.csv": "events",
}
_LEDGER = ("entries", "runs", "settled")
_IMPORTED = (*_OF_FILE.values(), "imports", "conflicts")


def _invariant_of(table: str) -> int:
    return 4 if table in _LEDGER else 1 if table in _IMPORTED else 8


def _guards(view: View) -> Found:
    """Guards equal the manifest."""
    yield len(guards.present(view.connection))
    for sentence in guards.differences(view.connection):
        yield Breach(10, "guards", "", f"{sentence}.")


def _numbers(view: View) -> Found:
    """Rows are numbered without a gap: a number that is missing was deleted."""
    yield (books := soundness.rows(view.connection, "books"))
    if books != 1:
        yield Breach(1, "books", "", f"There are {books} rows where there is one.")
    for table in soundness.numbered():
        yield soundness.rows(view.connection, table.name)
        for first, last in soundness.gaps(view.connection, table):
            missing = f"row {first}" if first == last else f"rows {first} to {last}"
            yield Breach(_invariant_of(table.name), table.name, missing, "Missing: the numbers have no gaps.")


def _order(view: View) -> Found:
    """Later rows belong to later acts and runs: what was pushed in afterwards does not."""
    for table, column in soundness.ordered():
        yield 1
        for number in soundness.out_of_order(view.connection, table, column):
            sentence = f"Its {column} is before that of the row before it."
            yield Breach(_invariant_of(table.name), table.name, f"row {number}", sentence)


def _references(view: View) -> Found:
    """Nothing points nowhere."""
    for table, column, other, key in soundness.points():
        yield 1
        for row, value in soundness.dangling(view.connection, table, column, other, key):
            if value != "" or (table, column) not in _MAY_BE_EMPTY:
                invariant = 5 if other == "closes" else _invariant_of(table)
                yield Breach(invariant, table, row, f"Its {column} {value} is in no row of {other}.")
    for kind, model in DECIDED.items():
        yield 1
        asked = (
            f"SELECT id, subject_id FROM decisions WHERE kind = '{kind}' AND subject_id NOT IN "
            f"(SELECT id FROM {table_of(model).name}) LIMIT {AT_MOST}"
        )
        for number, subject in view.connection.exec_driver_sql(asked):
            yield Breach(
                8, "decisions", f"row {number}", f"It decides about {kind} {subject}, which is not there."
            )


_MAY_BE_EMPTY = (("credits", "payee_id"),)


def _acts(view: View) -> Found:
    """Every change has its act, and every act what it says it did."""
    connection = view.connection
    yield soundness.rows(connection, "acts")
    for table in soundness.WRITTEN_BY:
        for row, what in soundness.written_by_others(connection, table):
            yield Breach(8, table, row, f"Its act says {what!r}, which writes no such row.")
    for what, table in soundness.LEAVES.items():
        for number in soundness.acts_without_trace(connection, what):
            yield Breach(8, "acts", f"row {number}", f"It says {what!r}, but left no row in {table}.")


def _once(view: View) -> Found:
    """Every event once per source and id, of a type that is known; every conflict is about one that is there, and
    what is kept of ids under several sources is so."""
    connection = view.connection
    yield soundness.rows(connection, "events")
    twice = "SELECT source, event_id, count(*) FROM events GROUP BY event_id, source HAVING count(*) > 1"
    for source, event_id, number in connection.exec_driver_sql(f"{twice} LIMIT {AT_MOST}"):
        yield Breach(1, "events", f"{source} {event_id}", f"It is there {number} times.")
    shared, kept = (
        "SELECT event_id FROM events GROUP BY event_id HAVING count(*) > 1",
        "SELECT event_id FROM shared_ids",
    )
    for these, others, sentence in (
        (shared, kept, "It stands under several sources, and is not kept as such."),
        (kept, shared, "It does not stand under several sources."),
    ):
        for (event_id,) in connection.exec_driver_sql(f"{these} EXCEPT {others} LIMIT {AT_MOST}"):
            yield Breach(1, "shared_ids", event_id, sentence)
    types = ", ".join(f"'{each}'" for each in get_args(EventType))
    unknown = f"SELECT id, type FROM events WHERE type NOT IN ({types}) LIMIT {AT_MOST}"
    for number, what in connection.exec_driver_sql(unknown):
        yield Breach(2, "events", f"row {number}", f"{what!r} is no type of event: it is in no state.")
    lost = (
        "SELECT id, subject FROM conflicts AS c WHERE kind = 'event' AND NOT EXISTS (SELECT 1 FROM events AS e "
        "WHERE e.event_id = c.subject AND e.source = c.source) OR kind = 'invoice' AND NOT EXISTS "
        f"(SELECT 1 FROM invoices AS i WHERE i.invoice_id = c.subject AND i.known_until IS NULL) LIMIT {AT_MOST}"
    )
    for number, subject in connection.exec_driver_sql(lost):
        yield Breach(1, "conflicts", f"row {number}", f"{subject}, which it contradicts, is not there.")


def _deliveries(view: View) -> Found:
    """Rows read = accepted + duplicate + rejected, and those that were accepted are there."""
    connection = view.connection
    there = {
        table: dict(
            tuple(row)
            for row in connection.exec_driver_sql(f"SELECT known_from, count(*) FROM {table} GROUP BY known_from")
        )
        for table in _OF_FILE.values()
    }
    for act_id, counts in connection.exec_driver_sql("SELECT act_id, counts FROM imports ORDER BY act_id"):
        yield 1
        accepted: dict[str, int] = {}
        for each in json.loads(counts):
            accepted[each["file"]] = each["accepted"]
            if each["read"] != each["accepted"] + each["duplicate"] + each["rejected"]:
                sentence = f"{each['file']}: what was read is not what was accepted, duplicate and rejected."
                yield Breach(1, "imports", f"act {act_id}", sentence)
        yield from _accepted(act_id, accepted, there)


def _accepted(act_id: int, accepted: Mapping[str, int], there: Mapping[str, Mapping[int, Any]]) -> Found:
    for file, table in _OF_FILE.items():
        wanted, found = accepted.get(file, 0), there[table].get(act_id, 0)
        if wanted != found:
            sentence = f"{found} rows are known from this import on, which accepted {wanted}."
            yield Breach(1, table, f"act {act_id}", sentence)


def _second_person(view: View) -> Found:
    """Nobody decided about what they proposed, but for the rules of the first delivery, which open the books; and
    nobody closed what only they had looked at."""
    connection = view.connection
    yield soundness.rows(connection, "decisions")
    for kind, model in DECIDED.items():
        if kind == "conflict":
            continue
        opening = " AND d.act_id <> (SELECT min(act_id) FROM rule_revisions)" if kind == "rule" else ""
        asked = (
            "SELECT d.id, a.actor FROM decisions AS d JOIN acts AS a ON a.id = d.act_id "
            f"JOIN {table_of(model).name} AS s ON s.id = d.subject_id JOIN acts AS p ON p.id = s.act_id "
            f"WHERE d.kind = '{kind}' AND a.actor = p.actor{opening} LIMIT {AT_MOST}"
        )
        for number, actor in connection.exec_driver_sql(asked):
            yield Breach(8, "decisions", f"row {number}", f"{actor} decided about their own {kind}.")
    closed = (
        "FROM closes AS c JOIN acts AS a ON a.id = c.act_id WHERE NOT EXISTS "
        "(SELECT 1 FROM waivers AS w WHERE w.month = c.month AND w.item = 'second-person')"
    )
    alone = f"SELECT c.month, a.actor {closed} AND a.actor = c.prepared_by"
    for month, actor in connection.exec_driver_sql(alone):
        yield Breach(8, "closes", f"month {month}", f"{actor} closed what they had prepared.")
    before = "(SELECT max(r.act_id) FROM runs AS r WHERE r.month = c.month AND r.id < c.run_id)"
    unseen = (
        f"SELECT c.month, a.actor {closed} AND EXISTS (SELECT 1 FROM acts AS b WHERE b.actor = a.actor AND "
        f"b.id > {before} AND b.id < c.act_id AND (b.what = 'import' OR b.what = 'decide' AND "
        "substr(b.subject, 1, 9) = 'conflict '))"
    )
    for month, actor in connection.exec_driver_sql(unseen):
        sentence = f"{actor} closed what they had brought or decided alone after the last run."
        yield Breach(8, "closes", f"month {month}", sentence)


def _versions(view: View) -> Found:
    """A row of something that people maintain ends after it began, by an act that brings something."""
    for table in VERSIONED:
        yield 1
        asked = (
            f"SELECT t.id, t.known_until FROM {table} AS t JOIN acts AS a ON a.id = t.known_until "
            f"WHERE t.known_until <= t.known_from OR a.what NOT IN ('import', 'decide') LIMIT {AT_MOST}"
        )
        for number, until in view.connection.exec_driver_sql(asked):
            yield Breach(1, table, f"row {number}", f"It cannot have ended with act {until}.")


CHECKS = (
    Check("guards", (10,), "guards", _guards),
    Check("numbers without gaps", (1, 4, 8), "acts", _numbers),
    Check("rows in the order of acts", (1, 4, 8), "acts", _order),
    Check("nothing points nowhere", (1, 4, 5, 8), "acts", _references),
    Check("an act for every change", (8,), "acts", _acts),
    Check("every event once", (1, 2), "events", _once),
    Check("deliveries add up", (1,), "imports", _deliveries),
    Check("versions end once", (1,), "payees", _versions),
    Check("a second person decided", (8,), "decisions", _second_person),
)
