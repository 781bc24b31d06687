"""The command line: one command for each thing a person does, with a dataset folder or with the books."""

from __future__ import annotations

import click

from incentives.cli import accounts, books, folder, keeping, people, serving, story, tokens, working

SECTIONS: tuple[tuple[str, tuple[click.Command, ...]], ...] = (
    ("Begin", story.COMMANDS),
    ("A folder of data", folder.COMMANDS),
    ("The books", books.COMMANDS),
    ("What people decide and ask", people.COMMANDS),
    ("Pages and programs", (*serving.COMMANDS, *working.COMMANDS, *accounts.COMMANDS, *tokens.COMMANDS)),
    ("Keeping the books", keeping.COMMANDS),
)
"""Every command, by what it is about, in the order in which somebody meets them."""


class _BySection(click.Group):
    """Commands by what they are about, each with its whole sentence."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List them."""
        for title, commands in SECTIONS:
            with formatter.section(title):
                formatter.write_dl([(str(each.name), each.get_short_help_str(limit=200)) for each in commands])


@click.group(cls=_BySection, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="incentives")
def main() -> None:
    """Commission on paid invoices: payments go in; pay, take-backs and reasons come out.

    \b
    Start with:
      incentives demo --out demo_output
      incentives check DATASET
    """


for _, _commands in SECTIONS:
    for _command in _commands:
        main.add_command(_command)
