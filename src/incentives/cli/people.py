"""Commands for what people decide: adjustments, holds, approvals, conflicts, questions."""

from __future__ import annotations

import datetime as dt

import click

from incentives.cli.books import BY, REASON, books, who
from incentives.cli.common import Day
from incentives.documents.written import Unreadable
from incentives.documents.written import amount as read_amount
from incentives.documents.written import currency as read_currency
from incentives.service import decisions


@click.command()
@click.argument("payee")
@click.argument("amount")
@click.option("--currency", required=True, help="Its currency, such as EUR.")
@click.option("--on", "day", type=Day("YYYY-MM-DD"), required=True, help="The day it counts and is payable.")
@REASON
@BY
def adjust(payee: str, amount: str, currency: str, day: dt.date, reason: str, actor: str) -> None:
    """Propose an amount for a payee; somebody else approves it.

    \b
    Example:
      incentives adjust P01 250.00 --currency EUR --on 2026-07-15 --reason "Trade fair bonus" --by femke
    """
    try:
        amount_minor = read_amount(amount.removeprefix("-"), read_currency(currency))
    except Unreadable as error:
        raise click.ClickException(error.said) from None
    signed = -amount_minor if amount.startswith("-") else amount_minor
    with books() as engine:
        number = decisions.adjust(engine, who(actor, reason), payee, signed, currency, day)
    click.echo(
        f"Adjustment {number} waits for approval: incentives decide adjustment {number} approve --reason … --by …"
    )


@click.command()
@click.argument("kind", type=click.Choice(("invoice", "customer", "payee")))
@click.argument("subject")
@REASON
@BY
def hold(kind: str, subject: str, reason: str, actor: str) -> None:
    """Propose to keep money back: earned, not paid; somebody else approves it.

    \b
    Example:
      incentives hold invoice INV-26-037 --reason "Delivery is being checked" --by femke
    """
    with books() as engine:
        number = decisions.hold(engine, who(actor, reason), kind, subject)
    click.echo(f"Hold {number} waits for approval: incentives decide hold {number} approve --by …")


@click.command()
@click.argument("number", type=int)
@REASON
@BY
def release(number: int, reason: str, actor: str) -> None:
    """Propose to end a hold; somebody else approves it.

    \b
    Example:
      incentives release 1 --reason "Delivery was complete" --by femke
    """
    with books() as engine:
        made = decisions.release(engine, who(actor, reason), number)
    click.echo(f"Release {made} waits for approval: incentives decide release {made} approve --by …")


@click.command()
def waiting() -> None:
    """List what waits: for approval, for a decision, for an answer.

    \b
    Example:
      incentives waiting
    """
    with books() as engine:
        found = decisions.waiting(engine)
        asked = decisions.questions(engine)
    for each in found:
        choices = "|".join(decisions.CHOICES[each.kind])
        click.echo(f"{each.kind} {each.number}, {each.author}, {each.at:%Y-%m-%d}: {each.says}")
        click.echo(f"    incentives decide {each.kind} {each.number} {choices} --reason …")
    for number, question in asked:
        click.echo(f"question {number}: {question}")
        click.echo(f'    incentives answer {number} "…"')
    if not found and not asked:
        click.echo("Nothing waits.")


@click.command()
@click.argument("kind", type=click.Choice(sorted(decisions.CHOICES)))
@click.argument("number", type=int)
@click.argument("choice", type=click.Choice(("approve", "reject", "keep", "replace")))
@REASON
@BY
def decide(kind: str, number: int, choice: str, reason: str, actor: str) -> None:
    """Approve or reject what somebody else proposed; say which side of a conflict counts.

    What is rejected has a reason, and so has every decision about an adjustment.

    \b
    Examples:
      incentives decide rule 8 approve --by ruben
      incentives decide conflict 1 replace --reason "The bank sent a correction"
    """
    with books() as engine:
        decisions.decide(engine, who(actor, reason), kind, number, choice)
    click.echo(f"{kind.capitalize()} {number}: {choice}, by {actor}. incentives run --preview shows what follows.")


@click.command()
@click.argument("payee")
@click.argument("cause")
@click.argument("question")
@BY
def ask(payee: str, cause: str, question: str, actor: str) -> None:
    """Ask about a payee's lines of a cause; a take-back among them waits for the answer.

    \b
    Example:
      incentives ask P03 chargeback-26-036 "The customer says this was settled" --by meera
    """
    with books() as engine:
        numbers = decisions.ask(engine, who(actor), payee, cause, question)
    click.echo(f"Question {', '.join(map(str, numbers))} waits for an answer.")


@click.command()
@click.argument("number", type=int)
@click.argument("text")
@BY
def answer(number: int, text: str, actor: str) -> None:
    """Answer a question.

    \b
    Example:
      incentives answer 1 "The card company decided against us on 3 August" --by credit
    """
    with books() as engine:
        decisions.answer(engine, who(actor), number, text)
    click.echo(f"Question {number} is answered.")


COMMANDS: tuple[click.Command, ...] = (adjust, hold, release, waiting, decide, ask, answer)
