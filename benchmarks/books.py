"""The books: a run beside only reading the same rows and writing the same entries; one payment; a close; verify.

``python -m benchmarks.books [--events 1000000] [--workers 2] URL…`` measures each store that is named (it has to
be empty) in this process and its workers, by the clock on the wall, since the work is on two cores. The ratio is
the figure; seconds depend on the machine.
"""

from __future__ import annotations

import argparse
import datetime as dt
import gc
import resource
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path
from statistics import median

from sqlalchemy import Engine, create_engine, func, select

from benchmarks.world import World, make_world, write_folder
from incentives.calendar import periods
from incentives.facts import Event, Invoice
from incentives.service.deliveries import import_folder
from incentives.service.months import close
from incentives.service.runs import run
from incentives.service.verification import breaches
from incentives.store import tables
from incentives.store.acts import Who, record
from incentives.store.bulk import insert_rows
from incentives.store.engine import engine_for, read_url, reading, writing
from incentives.store.facts_in import save_events
from incentives.store.upgrade import upgrade

WHO = Who("benchmark", dt.datetime(2026, 1, 15, tzinfo=dt.UTC))
WAIVED = dict.fromkeys(("exceptions", "payroll", "second-person"), "made up")
READ = (tables.Event, tables.Invoice, tables.InvoiceLine, tables.Credit)
"""What a run reads; people, plans and rates are few."""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--close", action="store_true", help="close the month instead of adding payments")
    parser.add_argument("urls", nargs="+")
    asked = parser.parse_args()
    for url in asked.urls:
        engine = engine_for(read_url(url))
        (_measure_close if asked.close else _measure)(engine, asked.events, asked.workers)
        engine.dispose()


def _measure(engine: Engine, events: int, workers: int) -> None:
    upgrade(engine)
    print(f"\n{engine.dialect.name}, {events:,} events, {workers} workers")
    begun = time.perf_counter()
    open_invoices = bring(engine, make_world(events))
    gc.collect()
    print(f"  make and bring them       {time.perf_counter() - begun:10.2f} s")
    _measure_run(engine, workers)
    spent, cpu = _with_cpu(lambda: _verified(engine, workers))
    print(f"  verify                    {spent:10.2f} s   <= 60   {cpu:.1f} s CPU")
    _measure_one(engine, open_invoices)  # at the end: its payments come without the delivery that verify looks for


def _measure_close(engine: Engine, events: int, workers: int) -> None:
    """The close of a month and quarter with all that a year brought, and the statements that it issues."""
    upgrade(engine)
    print(f"\n{engine.dialect.name}, {events:,} events, {workers} workers")
    bring(engine, make_world(events))
    ran = run(engine, WHO, workers=workers)
    by = Who("somebody else", WHO.at)
    spent, cpu = _with_cpu(lambda: close(engine, by, ran.month.first, waive=WAIVED, workers=workers))
    print(f"  close {ran.entries:,} lines      {spent:10.2f} s   <= 30   {cpu:.1f} s CPU")
    spent, cpu = _with_cpu(lambda: _verified(engine, workers))
    print(f"  verify, all closed        {spent:10.2f} s           {cpu:.1f} s CPU")


def _verified(engine: Engine, workers: int) -> None:
    found = breaches(engine, workers=workers)
    assert not found, found[0]


def bring(engine: Engine, world: World) -> list[str]:
    """The world's facts and rules. Every month but the last is closed before most of them arrive, so that a run
    posts the whole year into that one. Some invoices that are not paid in full."""
    first = min(world.facts.invoices, key=lambda each: each.issued_on)
    _deliver(engine, _opening(world, first))
    by = Who("somebody else", WHO.at)
    for month in periods(first.issued_on, dt.date(2025, 11, 30), "month", 1):
        close(engine, by, month.first, waive=WAIVED)
    _deliver(engine, world)
    return _to_be_paid(world)


def _to_be_paid(world: World, count: int = 24) -> list[str]:
    """Invoices of which money went back, each of one payee and no two of the same."""
    went_back = {event.invoice_id for event in world.facts.events if event.type != "payment"}
    found: dict[str, str] = {}
    for invoice in world.facts.invoices:
        if invoice.invoice_id in went_back and len(invoice.credits) == 1:
            found.setdefault(invoice.credits[0].payee_id, invoice.invoice_id)
            if len(found) == count:
                break
    return list(found.values())


def _opening(world: World, invoice: Invoice) -> World:
    """One invoice that nobody paid, and whom it names."""
    facts, payees = world.facts, {each.payee_id for each in invoice.credits}
    named = replace(
        facts,
        payees=tuple(each for each in facts.payees if each.payee_id in payees),
        customers=tuple(each for each in facts.customers if each.customer_id == invoice.customer_id),
        assignments=tuple(each for each in facts.assignments if each.payee_id in payees),
        invoices=(invoice,),
        events=(),
    )
    return replace(world, facts=named)


def _deliver(engine: Engine, world: World) -> None:
    with tempfile.TemporaryDirectory() as folder:
        write_folder(world, Path(folder) / "world")
        import_folder(engine, WHO, Path(folder) / "world")


def _measure_run(engine: Engine, workers: int) -> None:
    _come_to_rest(engine)
    with _peak_memory() as peak:
        used = _cpu_seconds()
        spent = _timed(lambda: run(engine, WHO, workers=workers))
        used = _cpu_seconds() - used
    with reading(engine) as connection:
        entries = connection.execute(select(func.count()).select_from(tables.Entry)).scalar()
    bare = _bare(engine)
    print(f"  read, calculate, write    {spent:10.2f} s  ({entries:,} entries; {used:.1f} s CPU)")
    print(f"  only read and write       {bare:10.2f} s")
    print(f"  ratio                     {spent / bare:10.2f}    <= 2.5")
    print(f"  peak memory               {peak[0]:10,d} MiB  <= 1,024")
    again = run(engine, WHO, full=True, workers=workers)
    assert again.entries == 0, "a run after a run posts nothing"


def _come_to_rest(engine: Engine) -> None:
    """What PostgreSQL does by itself within a minute after much has come: so it happens beside nothing that is
    measured."""
    if engine.dialect.name == "postgresql":
        with create_engine(engine.url, isolation_level="AUTOCOMMIT").connect() as connection:
            connection.exec_driver_sql("VACUUM (ANALYZE)")
            connection.exec_driver_sql("CHECKPOINT")


def _bare(engine: Engine) -> float:
    """Read the rows that a run reads and write the entries that it wrote into a table of the same kind."""
    entry = tables.table_of(tables.Entry)
    with reading(engine) as connection:
        rows = [tuple(row) for row in connection.execute(select(entry))]
    with tempfile.TemporaryDirectory() as folder:
        other = _empty_like(engine, folder)
        _come_to_rest(engine)
        gc.disable()
        begun = time.perf_counter()
        with reading(engine) as connection:
            for model in READ:
                for _ in connection.execute(select(tables.table_of(model))):
                    pass
        with writing(other) as connection:
            insert_rows(connection, tables.Entry, rows)
        spent = time.perf_counter() - begun
        gc.enable()
        other.dispose()
    return spent


def _empty_like(engine: Engine, folder: str) -> Engine:
    """Another store of the same kind, made and guarded like any."""
    if engine.dialect.name == "sqlite":
        other = engine_for(read_url(f"sqlite:///{folder}/bare.db"))
    else:
        name = f"bare_{time.time_ns()}"
        with create_engine(engine.url, isolation_level="AUTOCOMMIT").connect() as connection:
            connection.exec_driver_sql(f"CREATE DATABASE {name}")
        other = engine_for(engine.url.set(database=name))
    upgrade(other)
    return other


def _measure_one(engine: Engine, invoice_ids: list[str]) -> None:
    """CPU from a payment's arrival until the ledger is right, each of another payee; in a process that has done it
    for others and, as a server's, has not made a million records before."""
    url = engine.url.render_as_string(hide_password=False)
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        spent = pool.submit(_payments, url, invoice_ids).result()
    print(f"  one payment, CPU          {median(spent) * 1e3:10.1f} ms <= 30   (least {min(spent) * 1e3:.1f})")


def _payments(url: str, invoice_ids: list[str]) -> list[float]:
    engine, spent = engine_for(read_url(url)), []
    for number, invoice_id in enumerate(invoice_ids):
        event = Event(f"more-{number}", "payment", invoice_id, dt.date(2025, 12, 20), 100, source="bank")
        begun = time.process_time()
        _arrives(engine, event)
        ran = run(engine, WHO)
        spent.append(time.process_time() - begun)
        assert ran.entries, "a payment earns"
    return spent


def _arrives(engine: Engine, event: Event) -> None:
    with writing(engine) as connection:
        save_events(connection, record(connection, WHO, "import", event.event_id), [event])


def _timed(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def _cpu_seconds() -> float:
    """What this process and those that it waited for have used: beside the clock, it says what neighbours took."""
    both = (resource.getrusage(each) for each in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(each.ru_utime + each.ru_stime for each in both)


def _with_cpu(work: Callable[[], object]) -> tuple[float, float]:
    """Seconds by the clock, and CPU of this process and its workers (a database server's is not in it)."""
    before = _cpu_seconds()
    return _timed(work), _cpu_seconds() - before


@contextmanager
def _peak_memory() -> Iterator[list[int]]:
    """The most that this process and its children hold together, in MiB, looked at ten times a second."""
    peak, done = [0], threading.Event()

    def look() -> None:
        while not done.wait(0.1):
            peak[0] = max(peak[0], _resident_mib())

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        yield peak
    finally:
        done.set()
        watcher.join()
        peak[0] = max(peak[0], resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024 if peak[0] == 0 else 0)


def _resident_mib() -> int:
    """Resident memory of this process and all below it."""
    me = Path("/proc/self").resolve().name
    parents: dict[str, list[str]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        parents.setdefault(fields[1], []).append(stat.parent.name)
    ask, pages = [me], 0
    while ask:
        process = ask.pop()
        try:
            pages += int((Path("/proc") / process / "statm").read_text().split()[1])
        except OSError:
            continue
        ask += parents.get(process, [])
    return pages * resource.getpagesize() // 2**20


if __name__ == "__main__":
    main()
