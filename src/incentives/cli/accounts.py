"""Accounts of the people who sign in."""

from __future__ import annotations

import datetime as dt
import getpass

import click
from sqlalchemy import Engine

from incentives.cli.books import BY, books, who
from incentives.papers import summary
from incentives.service import accounts, people
from incentives.service.access import ROLES
from incentives.store.engine import reading
from incentives.web.passwords import hashed


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


@user.command(name="list")
def list_() -> None:
    """List the accounts: who may sign in, and as what.

    \b
    Example:
      incentives user list
    """
    with books() as engine, reading(engine) as connection:
        found = people.people(connection, dt.datetime.now(dt.UTC))
    rows = [
        (e.email, e.name, " ".join(e.roles), e.payee_id or "-", "may sign in" if e.active else "switched off")
        for e in found
    ]
    for line in summary.table(("account", "name", "roles", "payee", "state"), rows):
        click.echo(line)


@user.command()
@click.argument("email")
@click.option("--name", default=None, help="As others see it.")
@click.option("--role", "roles", multiple=True, help=f"One of {', '.join(ROLES)}; these replace those there are.")
@click.option("--payee", "payee_id", default=None, help='The payee they are; "" for nobody.')
@click.option("--password", is_flag=True, help="Ask for another password.")
@click.option("--enable", is_flag=True, help="Let them sign in again.")
@BY
def change(
    email: str,
    name: str | None,
    roles: tuple[str, ...],
    payee_id: str | None,
    password: bool,
    enable: bool,
    actor: str,
) -> None:
    """Change an account. Other roles or another payee sign it out everywhere, at once.

    \b
    Example:
      incentives user change femke@example.com --role author --role approver
    """
    with books() as engine:
        found = _found(engine, email)
        person = accounts.Person(
            found.email,
            found.name if name is None else name,
            roles or found.roles,
            found.payee_id if payee_id is None else payee_id,
            found.language,
            found.digest,
        )
        accounts.change(engine, who(actor), found.account_id, person, active=found.active or enable)
        if password:
            people.set_password(
                engine, who(actor), found.account_id, hashed(engine, getpass.getpass("Password: "))
            )
    click.echo(f"{email} is changed.")


@user.command()
@click.argument("email")
@BY
def disable(email: str, actor: str) -> None:
    """Switch an account off: it is signed out everywhere, at once, and its tokens open nothing.

    \b
    Example:
      incentives user disable femke@example.com
    """
    with books() as engine:
        found = _found(engine, email)
        person = accounts.Person(
            found.email, found.name, found.roles, found.payee_id, found.language, found.digest
        )
        accounts.change(engine, who(actor), found.account_id, person, active=False)
    click.echo(f"{email} may not sign in any more.")


def _found(engine: Engine, email: str) -> people.Listed:
    with reading(engine) as connection:
        return people.find(connection, email, dt.datetime.now(dt.UTC))


COMMANDS = (user,)
