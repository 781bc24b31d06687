"""The command line: one command for each thing a person does, with a dataset folder or with the books."""

from __future__ import annotations

import click

from incentives.cli import books, folder, keeping, people, serving, story, tokens


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="incentives")
def main() -> None:
    """Commission on paid invoices: payments go in; pay, take-backs and reasons come out.

    \b
    Start with:
      incentives demo --out demo_output
      incentives check DATASET
    """


for _command in (
    *folder.COMMANDS,
    *books.COMMANDS,
    *people.COMMANDS,
    *keeping.COMMANDS,
    *serving.COMMANDS,
    *tokens.COMMANDS,
    *story.COMMANDS,
):
    main.add_command(_command)
