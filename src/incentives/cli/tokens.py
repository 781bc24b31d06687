"""Commands for tokens: what programs sign in with."""

from __future__ import annotations

import datetime as dt

import click
from sqlalchemy import Connection, select

from incentives.cli.books import BY, books, who
from incentives.service import tokens
from incentives.store.desk import Account
from incentives.store.engine import reading


@click.group()
def token() -> None:
    """Tokens of the programs that use the API."""


@token.command(name="add")
@click.argument("email")
@click.option("--name", required=True, help="Which program it is for.")
@click.option("--scope", "scopes", multiple=True, required=True, help="What it may do; may be repeated.")
@click.option("--days", type=int, default=90, show_default=True, help="How long it is good.")
@BY
def add(email: str, name: str, scopes: tuple[str, ...], days: int, actor: str) -> None:
    """Make a token that acts as an account, and tell it once.

    \b
    Example:
      incentives token add noor@example.com --name "ADP pull" --scope payouts:read --scope payouts:acknowledge
    """
    with books() as engine:
        with reading(engine) as connection:
            account_id = _account(connection, email)
        made = tokens.make(engine, who(actor), account_id, name, scopes, days)
    click.echo(f"Token {made.token_id} is good for {days} days. Keep it now, it is not told again:", err=True)
    click.echo(made.written)


@token.command(name="list")
def show() -> None:
    """List the tokens there are.

    \b
    Example:
      incentives token list
    """
    now = dt.datetime.now(dt.UTC)
    with books() as engine, reading(engine) as connection:
        found = tokens.tokens(connection)
    for each in found:
        state = f"until {each.expires_at:%Y-%m-%d}" if each.is_good(now) else _ended(each)
        used = f"last used {each.last_used_at:%Y-%m-%d %H:%M} UTC" if each.last_used_at else "never used"
        click.echo(f"{each.token_id}  {each.name}, for {each.email}, {state}, {used}: {' '.join(each.scopes)}")
    if not found:
        click.echo("There are no tokens.")


@token.command(name="revoke")
@click.argument("number", type=int)
@BY
def revoke(number: int, actor: str) -> None:
    """End a token at once.

    \b
    Example:
      incentives token revoke 1
    """
    with books() as engine:
        with reading(engine) as connection:
            known = {each.token_id for each in tokens.tokens(connection)}
        if number not in known:
            raise click.ClickException(f"There is no token {number}. incentives token list shows them.")
        tokens.revoke(engine, who(actor), None, number)
    click.echo(f"Token {number} opens nothing any more.")


def _ended(kept: tokens.Kept) -> str:
    if kept.revoked_at is not None:
        return f"revoked {kept.revoked_at:%Y-%m-%d}"
    return f"ended {kept.expires_at:%Y-%m-%d}"


def _account(connection: Connection, email: str) -> int:
    asked = select(Account.id).where(Account.email == email.strip().lower())
    found = connection.execute(asked).scalar()
    if found is None:
        raise click.ClickException(f"{email} has no account. incentives user add makes one.")
    return int(found)


COMMANDS = (token,)
