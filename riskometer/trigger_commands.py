"""The command about the limits that a person writes: is the file right, and how does each limit stand."""

from __future__ import annotations

import sys

import click

from creditrisk.errors import ArchiveError
from creditrisk.settings import read_settings


@click.command("triggers")
def show_triggers() -> None:
    """Check the file of limits that reports watch, and show each with its figure in the last report.

    Ends with 1 if something is wrong in the file.
    """
    from creditrisk.registry import Registry, find_champion, no_champion
    from monitoring.archive import last_result, open_archives, pending_folder
    from monitoring.triggers import read_triggers

    settings = read_settings()
    registry = Registry(settings.stores)
    champion = find_champion(registry, settings.dataset)
    if champion is None:
        raise click.ClickException(no_champion(registry, settings.dataset))
    path, model = settings.triggers_file, champion.version.model
    file = read_triggers(path, champion.scorer.schema, champion.scorer.profile, must_exist=bool(settings.triggers))
    if not file.triggers and not file.problems:
        click.echo(f"There are no limits in {path}. docs/retraining.md says how to write one.")
        return
    last = None
    try:
        last = last_result(open_archives(settings.archive_uris), model, pending=pending_folder(settings.home))
    except ArchiveError as exc:
        click.echo(f"Note: {exc}", err=True)
    said = {figures["name"]: figures["sentence"] for figures in last.get("triggers", [])} if last else {}
    for trigger in file.triggers:
        sentence = said.get(trigger.name, f"{trigger.name}: no report has judged it yet.")
        click.echo(" ".join("".join(letter if letter.isprintable() else " " for letter in sentence).split()))
    for problem in file.problems:
        click.echo(f"Error: {problem}", err=True)
    if file.problems:
        sys.exit(1)
