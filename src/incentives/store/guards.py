"""Guards in the database itself: what holds even against a hand on its own SQL prompt.

Append-only tables refuse UPDATE, DELETE and TRUNCATE; versioned rows may only be ended, once; nothing enters a
closed month; months close in order; whoever decides is not whoever proposed. They are made anew after every
migration and compared with a checked-in manifest (``migrations/guards.*.json``), since a migration may drop one
silently.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from sqlalchemy import Connection

from incentives.places import data_dir
from incentives.store.desk import CHANGEABLE
from incentives.store.engine import PRAGMAS
from incentives.store.tables import APPEND_ONLY, VERSIONED, Base

Guards = dict[str, str]
"""What guards the store: ``trigger entries guard_entries_delete`` and its definition, and so on."""

_AUTHORS = {
    "rule": "rule_revisions",
    "adjustment": "adjustments",
    "hold": "holds",
    "release": "releases",
}


def make(connection: Connection, app_role: str = "") -> None:
    """Make every guard anew; on PostgreSQL also what the role that the service uses may do."""
    if connection.dialect.name == "sqlite":
        for name, statement in _sqlite_triggers():
            connection.exec_driver_sql(f"DROP TRIGGER IF EXISTS {name}")
            connection.exec_driver_sql(statement)
        return
    for statement in _postgresql_guards():
        connection.exec_driver_sql(statement)
    if app_role:
        for statement in _grants(connection.dialect.identifier_preparer.quote(app_role)):
            connection.exec_driver_sql(statement)


def differences(connection: Connection) -> list[str]:
    """How the guards of this store differ from the manifest, a sentence each; empty if they do not."""
    wanted: Guards = json.loads(manifest(connection.dialect.name).read_text(encoding="utf-8"))
    found = present(connection)
    assert wanted, "a manifest that names nothing guards nothing"
    said = [f"{name} is missing" for name in sorted(wanted.keys() - found.keys())]
    said += [f"{name} is not one of ours" for name in sorted(found.keys() - wanted.keys())]
    said += [f"{name} is different" for name in sorted(wanted) if name in found and found[name] != wanted[name]]
    return [*said, *_wrong_grants(connection)]


def manifest(brand: str) -> Path:
    """Where the manifest of a brand of database stands."""
    return data_dir("migrations") / f"guards.{brand}.json"


def present(connection: Connection) -> Guards:
    """Tables, constraints, indexes, triggers and settings as the database itself describes them."""
    read = _of_sqlite if connection.dialect.name == "sqlite" else _of_postgresql
    return dict(sorted(read(connection)))


# SQLite ----------------------------------------------------------------------------------------------


def _of_sqlite(connection: Connection) -> Iterator[tuple[str, str]]:
    rows = connection.exec_driver_sql(
        "SELECT type, tbl_name, name, sql FROM sqlite_schema "
        "WHERE sql IS NOT NULL AND substr(name, 1, 7) <> 'sqlite_' AND tbl_name <> 'alembic_version'"
    )
    for kind, table, name, sql in rows:
        yield f"{kind} {table} {name}", _spaced(sql)
    for name in PRAGMAS:
        yield f"pragma {name}", str(connection.exec_driver_sql(f"PRAGMA {name}").scalar())


def _sqlite_triggers() -> Iterator[tuple[str, str]]:
    for table in APPEND_ONLY:
        for verb in ("UPDATE", "DELETE"):
            yield _refusal(table, verb, "", f"{table} is append-only")
    for table in VERSIONED:
        same = " AND ".join(f'NEW."{name}" IS OLD."{name}"' for name in _content(table))
        unless = f"WHEN NOT (OLD.known_until IS NULL AND NEW.known_until IS NOT NULL AND {same}) "
        yield _refusal(table, "UPDATE", unless, f"{table} may only be ended, once")
        yield _refusal(table, "DELETE", "", f"{table} keeps its history")
    for table in ("entries", "runs"):
        yield _refusal(table, "INSERT", _CLOSED, f"{table}: the month is closed")
    yield _refusal("closes", "INSERT", _OUT_OF_ORDER, "months close in order")
    for kind, table in _AUTHORS.items():
        name = f"guard_decisions_{kind}"
        yield (
            name,
            (
                f"CREATE TRIGGER {name} BEFORE INSERT ON decisions WHEN NEW.kind = '{kind}' AND ("
                f"{_same_person(table)}) BEGIN SELECT RAISE(ABORT, 'decisions: a second person decides'); END"
            ),
        )


_CLOSED = "WHEN EXISTS (SELECT 1 FROM closes WHERE closes.month = NEW.month) "
_OUT_OF_ORDER = (
    "WHEN EXISTS (SELECT 1 FROM closes) "
    "AND NEW.month IS NOT (SELECT date(max(closes.month), '+1 month') FROM closes) "
)


def _same_person(table: str) -> str:
    """Whether a decision is its author's own. The rules of the very first delivery open the books with it."""
    opening = " AND NEW.act_id <> (SELECT min(act_id) FROM rule_revisions)" if table == "rule_revisions" else ""
    return (
        "(SELECT actor FROM acts WHERE acts.id = NEW.act_id) = (SELECT actor FROM acts "
        f"JOIN {table} ON {table}.act_id = acts.id WHERE {table}.id = NEW.subject_id){opening}"
    )


def _refusal(table: str, verb: str, when: str, message: str) -> tuple[str, str]:
    name = f"guard_{table}_{verb.lower()}"
    return name, (
        f"CREATE TRIGGER {name} BEFORE {verb} ON {table} {when}BEGIN SELECT RAISE(ABORT, '{message}'); END"
    )


def _content(table: str) -> list[str]:
    """The columns of a versioned table that may never change."""
    return [column.name for column in Base.metadata.tables[table].columns if column.name != "known_until"]


# PostgreSQL ------------------------------------------------------------------------------------------

_OURS = "c.relnamespace = current_schema()::regnamespace AND c.relname <> 'alembic_version'"


def _of_postgresql(connection: Connection) -> Iterator[tuple[str, str]]:
    asked = {
        "column": "SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod) "
        "|| CASE WHEN a.attnotnull THEN ' NOT NULL' ELSE '' END FROM pg_attribute a "
        f"JOIN pg_class c ON c.oid = a.attrelid WHERE {_OURS} AND c.relkind = 'r' AND a.attnum > 0 "
        "AND NOT a.attisdropped",
        "constraint": "SELECT c.relname, n.conname, pg_get_constraintdef(n.oid) FROM pg_constraint n "
        f"JOIN pg_class c ON c.oid = n.conrelid WHERE {_OURS} AND n.contype <> 'n'",
        "index": "SELECT c.relname, i.relname, replace(pg_get_indexdef(i.oid), current_schema() || '.', '') "
        "FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid JOIN pg_class c ON c.oid = x.indrelid "
        f"WHERE {_OURS}",
        "trigger": "SELECT c.relname, t.tgname, replace(pg_get_triggerdef(t.oid), current_schema() || '.', '') "
        "|| ' ' || t.tgenabled::text FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid "
        f"WHERE {_OURS} AND NOT t.tgisinternal",
        "function": "SELECT '', p.proname, p.prosrc FROM pg_proc p "
        "WHERE p.pronamespace = current_schema()::regnamespace",
        "rule": f"SELECT c.relname, r.rulename, pg_get_ruledef(r.oid) FROM pg_rewrite r "
        f"JOIN pg_class c ON c.oid = r.ev_class WHERE {_OURS}",
        "policy": f"SELECT c.relname, 'rows', 'hidden by policies' FROM pg_class c "
        f"WHERE {_OURS} AND c.relrowsecurity",
    }
    for kind, query in asked.items():
        for table, name, definition in connection.exec_driver_sql(query):
            yield " ".join(filter(None, (kind, table, name))), _spaced(definition)


def _postgresql_guards() -> Iterator[str]:
    yield _function("guard_refuse", _raise("TG_TABLE_NAME || ': ' || TG_ARGV[0]"))
    closed = "SELECT 1 FROM added JOIN closes ON closes.month = added.month"
    yield _function("guard_closed", _raise_if(f"EXISTS ({closed})", "TG_TABLE_NAME || ': the month is closed'"))
    last = "(SELECT (max(month) + interval '1 month')::date FROM closes)"
    out_of_order = f"EXISTS (SELECT 1 FROM closes) AND NEW.month IS DISTINCT FROM {last}"
    yield _function("guard_order", _raise_if(out_of_order, "'closes: months close in order'") + "; RETURN NEW")
    alone = " OR ".join(f"NEW.kind = '{kind}' AND {_same_person(table)}" for kind, table in _AUTHORS.items())
    second = _raise_if(alone, "'decisions: a second person decides'")
    yield _function("guard_second_person", second + "; RETURN NEW")
    for table in APPEND_ONLY:
        yield from _on(table, "update", "BEFORE UPDATE", "ROW", "guard_refuse('append-only')")
        yield from _on(table, "delete", "BEFORE DELETE", "ROW", "guard_refuse('append-only')")
        yield from _on(table, "truncate", "BEFORE TRUNCATE", "STATEMENT", "guard_refuse('append-only')")
    for table in VERSIONED:
        same = " AND ".join(f'NEW."{name}" IS NOT DISTINCT FROM OLD."{name}"' for name in _content(table))
        unless = f"WHEN (NOT (OLD.known_until IS NULL AND NEW.known_until IS NOT NULL AND {same})) "
        refuse = "guard_refuse('may only be ended, once')"
        yield from _on(table, "update", "BEFORE UPDATE", "ROW", refuse, unless)
        yield from _on(table, "delete", "BEFORE DELETE", "ROW", "guard_refuse('keeps its history')")
        yield from _on(table, "truncate", "BEFORE TRUNCATE", "STATEMENT", "guard_refuse('keeps its history')")
    for table in ("entries", "runs"):
        yield from _on(
            table, "insert", "AFTER INSERT", "STATEMENT", "guard_closed()", "", "REFERENCING NEW TABLE AS added "
        )
    yield from _on("closes", "insert", "BEFORE INSERT", "ROW", "guard_order()")
    yield from _on("decisions", "insert", "BEFORE INSERT", "ROW", "guard_second_person()")


def _raise_if(condition: str, message: str) -> str:
    return f"IF {condition} THEN {_raise(message)}; END IF"


def _raise(message: str) -> str:
    return f"RAISE EXCEPTION USING MESSAGE = {message}"  # no percent sign: the driver would read it


def _function(name: str, body: str) -> str:
    ends = "" if "RETURN" in body else "; RETURN NULL"
    return f"CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body}{ends}; END $$"


def _on(
    table: str, what: str, when: str, each: str, calls: str, unless: str = "", referencing: str = ""
) -> Iterator[str]:
    """A trigger that also fires where replication's role would switch ordinary ones off."""
    name = f"guard_{table}_{what}"
    yield f"DROP TRIGGER IF EXISTS {name} ON {table}"
    yield (
        f"CREATE TRIGGER {name} {when} ON {table} {referencing}FOR EACH {each} {unless}EXECUTE FUNCTION {calls}"
    )
    yield f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {name}"


def allowed() -> Mapping[str, frozenset[str]]:
    """What the role of the service may do with each table; nothing else.

    The books may be "updated" so that they can be held; their guard refuses the update itself.
    """
    both = frozenset({"SELECT", "INSERT"})
    may = dict.fromkeys(APPEND_ONLY, both) | dict.fromkeys(VERSIONED, both | {"UPDATE (known_until)"})
    may |= dict.fromkeys(CHANGEABLE, both | {"UPDATE", "DELETE"})
    return may | {"books": both | {"UPDATE (id)"}, "alembic_version": frozenset({"SELECT"})}


def _grants(role: str) -> Iterator[str]:
    for table, verbs in allowed().items():
        yield f"REVOKE ALL ON {table} FROM {role}"
        yield f"GRANT {', '.join(sorted(verbs))} ON {table} TO {role}"


def _wrong_grants(connection: Connection) -> list[str]:
    """What a role that does not own the tables may do and should not, or should and may not.

    Owners are stopped by the triggers.
    """
    if connection.dialect.name == "sqlite":
        return []
    others = (
        "FROM pg_class c {} WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind = 'r' "
        "AND NOT pg_has_role(current_user, c.relowner, 'USAGE')"
    )
    verbs = "('SELECT'), ('INSERT'), ('UPDATE'), ('DELETE'), ('TRUNCATE'), ('REFERENCES'), ('TRIGGER')"
    of_table = others.format(f"CROSS JOIN (VALUES {verbs}) v(verb)")
    of_column = others.format("JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped")
    rows = connection.exec_driver_sql(
        f"SELECT c.relname, '' {others.format('')} "
        f"UNION SELECT c.relname, v.verb {of_table} AND has_table_privilege(c.oid, v.verb) "
        f"UNION SELECT c.relname, 'UPDATE (' || a.attname || ')' {of_column} "
        "AND has_column_privilege(c.oid, a.attnum, 'UPDATE') AND NOT has_table_privilege(c.oid, 'UPDATE')"
    )
    may: dict[str, set[str]] = {}
    for table, verb in rows:
        may.setdefault(table, set()).update({verb} - {""})
    expected = allowed()
    return [
        f"grant on {table}: the role may {', '.join(sorted(verbs)) or 'nothing'}"
        for table, verbs in sorted(may.items())
        if verbs != expected.get(table, frozenset())
    ]


def _spaced(definition: str) -> str:
    return re.sub(r"\s+", " ", definition).strip()
