"""Commands that serve: the pages and the API, and the accounts that open them."""

from __future__ import annotations

import getpass
import multiprocessing
from typing import Any

import click
from gunicorn.app.base import BaseApplication
from sqlalchemy import URL

from incentives.cli.books import BY, books, who
from incentives.service import accounts
from incentives.service.access import ROLES
from incentives.store.engine import engine_for, shown
from incentives.web import create_app
from incentives.web.passwords import hashed
from incentives.web.settings import Settings, read_settings


class Server(BaseApplication):  # type: ignore[misc]
    """gunicorn around the application, made anew in each of its processes."""

    def __init__(self, url: URL, settings: Settings, options: dict[str, Any]) -> None:
        self.url, self.settings, self.options = url, settings, options
        super().__init__()

    def load_config(self) -> None:
        """Take the options."""
        for name, value in self.options.items():
            self.cfg.set(name, value)

    def load(self) -> Any:
        """The application, on connections of this process's own."""
        return create_app(engine_for(self.url), self.settings)


@click.command()
@click.option("--port", type=click.IntRange(1, 65535), default=8000, show_default=True)
@click.option("--host", default="127.0.0.1", show_default=True, help="0.0.0.0 to be reached from other machines.")
@click.option("--workers", type=click.IntRange(1), default=min(multiprocessing.cpu_count(), 4), show_default=True)
def serve(port: int, host: str, workers: int) -> None:
    """Serve the pages and the API, on the books that exist.

    \b
    Example:
      incentives serve --port 8000
    """
    with books(make=True) as engine:
        url = engine.url
        settings = read_settings(url, port=port)
        create_app(engine, settings)  # what is not as it should be is said here, once, and nothing is served
    run(url, settings, host, port, workers)


def run(url: URL, settings: Settings, host: str, port: int, workers: int) -> None:
    """Serve a store until it is stopped."""
    click.echo(f"{settings.public_url} serves {shown(url)}. Stop with Ctrl-C.")
    Server(url, settings, options(host, port, workers)).run()


def options(host: str, port: int, workers: int) -> dict[str, Any]:
    """How gunicorn serves: processes with a few threads each, and nothing on a shared disk between them."""
    return {
        "bind": f"{host}:{port}",
        "workers": workers,
        "worker_class": "gthread",
        "threads": 4,
        "timeout": 120,
        "graceful_timeout": 30,
        "loglevel": "warning",
        "control_socket_disable": True,
    }


@click.group()
def user() -> None:
    """Accounts of the people who sign in."""


@user.command(name="add")
@click.argument("email")
@click.option("--name", required=True, help="As others see it.")
@click.option("--role", "roles", multiple=True, required=True, help=f"One of {', '.join(ROLES)}; may be repeated.")
@click.option("--payee", "payee_id", default="", help="The payee they are, for whoever is paid here.")
@click.option("--language", default="en", show_default=True)
@click.option("--password", default=None, help="Asked for where it is not given.")
@BY
def add(
    email: str, name: str, roles: tuple[str, ...], payee_id: str, language: str, password: str | None, actor: str
) -> None:
    """Make an account.

    \b
    Example:
      incentives user add femke@example.com --name "Femke Bos" --role author
    """
    with books(make=True) as engine:
        person = accounts.Person(email, name, roles, payee_id, language)
        accounts.add(engine, who(actor), person, hashed(engine, password or getpass.getpass("Password: ")))
        click.echo(f"{email} may sign in.")


COMMANDS = (serve, user)
