"""The reference of the command line, written by the commands themselves.

`python -m riskometer.reference > docs/command-line.md` makes the page anew; a test holds it to what `--help` says.
"""

from __future__ import annotations

from collections.abc import Iterator

import click

from riskometer.cli import main

WIDTH = 100
HEAD = """\
# The command line

Every command and option, as `--help` shows them. The page is made by `.venv/bin/python -m riskometer.reference`, and a
test holds it to the commands. Everything can also be set once and for all: see [settings](settings.md)."""


def reference() -> str:
    """The whole page as Markdown."""
    context = click.Context(
        main, info_name="riskometer", terminal_width=WIDTH, max_content_width=WIDTH, **main.context_settings
    )
    return "\n\n".join([HEAD, *_sections(main, context)]) + "\n"


def _sections(command: click.Command, context: click.Context) -> Iterator[str]:
    yield f"## {context.command_path}\n\n```text\n{command.get_help(context)}\n```"
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            child = command.commands[name]
            inner = click.Context(child, info_name=name, parent=context, terminal_width=WIDTH, max_content_width=WIDTH)
            yield from _sections(child, inner)


if __name__ == "__main__":
    click.echo(reference(), nl=False)
