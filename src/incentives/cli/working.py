"""The command that does the jobs, and the same worker in a process beside a server."""

from __future__ import annotations

import datetime as dt
import os
import pickle
import signal
import subprocess
import sys
import threading
from contextlib import suppress

import click
from sqlalchemy import URL, Engine

from incentives.cli.books import books
from incentives.jobs import run_waiting, work
from incentives.service import hooks, telling
from incentives.service.digests import Post, send_digests
from incentives.store.engine import engine_for, shown
from incentives.store.upgrade import check_ready
from incentives.web import logs
from incentives.web.settings import Settings, read_settings


@click.command()
@click.option("--once", is_flag=True, help="Do what waits, and end.")
def worker(once: bool) -> None:
    """Do the jobs that the pages ask for; `serve` does it too, unless told otherwise.

    One worker works on a store at a time: a second one stands by and takes over when the first ends.

    \b
    Example:
      incentives worker
    """
    with books(make=True) as engine:
        settings = read_settings(engine.url)
        if once:
            click.echo(f"{run_waiting(engine)} jobs done.")
            return
        click.echo(f"Working on the jobs of {shown(engine.url)}. Stop with Ctrl-C.")
        _work(engine.url, settings)


def _work(url: URL, settings: Settings) -> None:
    """Work on a store's jobs, on connections of this process's own."""
    logs.set_up()
    engine = engine_for(url)
    try:
        check_ready(engine)
        work.serve(engine, _sweeps(settings), settings.now)
    finally:
        engine.dispose()


def _sweeps(settings: Settings) -> tuple[work.Sweep, ...]:
    """What the worker looks after every minute: telling people, and other systems."""
    post = Post(settings.public_url, settings.smtp_url)

    def tell(engine: Engine) -> None:
        now = dt.datetime.now(dt.UTC)
        telling.look_for_news(engine, now, settings.now().date())
        send_digests(engine, post, now)

    def send(engine: Engine) -> None:
        now = dt.datetime.now(dt.UTC)
        hooks.look_for_messages(engine, now)
        hooks.send_due(engine, now, private=settings.private_hooks)

    return tell, send


class Beside:
    """A worker in a process beside the server: started with it, started again should it die, ended with it.

    It gets its settings through a pipe, and ends when nobody holds the other side any more: also where the server
    was killed.

    The server forks its own processes while this is begun by a thread. One that is forked in between would keep
    open what the thread waits to see closed, and the worker would never get its settings: so one waits for the
    other.
    """

    PROGRAM = "from incentives.cli.working import work_beside; work_beside()"
    SECONDS = 5

    def __init__(self, url: URL, settings: Settings) -> None:
        self.told = pickle.dumps((url, settings))
        self.stopping = threading.Event()
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, and watch it."""
        begins = threading.Lock()
        os.register_at_fork(before=begins.acquire, after_in_parent=begins.release, after_in_child=begins.release)
        threading.Thread(target=self._watch, args=[begins], daemon=True).start()

    def _watch(self, begins: threading.Lock) -> None:
        while not self.stopping.is_set():
            with begins:
                self.process = subprocess.Popen([sys.executable, "-c", self.PROGRAM], stdin=subprocess.PIPE)
            assert self.process.stdin is not None
            self.process.stdin.write(self.told)
            self.process.stdin.flush()
            self.process.wait()
            self.stopping.wait(self.SECONDS)

    def stop(self) -> None:
        """Let it end what is under way, for as long as the server itself may take."""
        self.stopping.set()
        if self.process is not None:
            self.process.terminate()
            with suppress(subprocess.TimeoutExpired):
                self.process.wait(work.SECONDS_TO_END + 5)


def work_beside() -> None:
    """The worker's own process: settings come through its standard input, which then says when to end."""
    url, settings = pickle.load(sys.stdin.buffer)

    def watch() -> None:
        os.read(sys.stdin.fileno(), 1)  # past Python's own buffer, which could not be closed while it is read
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, daemon=True).start()
    _work(url, settings)


COMMANDS = (worker,)
