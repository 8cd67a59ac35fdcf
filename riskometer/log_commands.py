"""Commands about the decision log: prove it, score from it again, erase from it, and forbid that."""

from __future__ import annotations

import functools
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

import click

from creditrisk.errors import CreditRiskError
from creditrisk.settings import read_settings
from riskometer.ages import older_than_option

if TYPE_CHECKING:
    from creditrisk.decision_log import DecisionLog, Erasure


class Report(Protocol):
    """What shows on the terminal how far the work is."""

    def __call__(self, done: int, total: int | None = None) -> None:
        """Show how much is done, and of how much if that is known only now."""


by_option = click.option("--by", default="", help="Who decides; empty: the user of this machine.")
why_option = click.option("--why", required=True, help="The reason. It stays for ever: name no applicant in it.")


@contextmanager
def progress(what: str, total: int | None = None) -> Iterator[Report]:
    """A bar on the terminal, if a person looks, for work whose end takes more than a moment."""
    from rich.console import Console
    from rich.progress import MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(what, total=total)

        def report(done: int, total: int | None = None) -> None:
            bar.update(task, completed=done, total=total)

        yield report


def _begun_log() -> DecisionLog:
    from creditrisk.decision_log import DecisionLog

    log = DecisionLog(read_settings().decision_log)
    if not log.is_begun():
        raise click.ClickException(_no_log(log.address))
    return log


def _no_log(address: str) -> str:
    return (
        f"There is no decision log at {address}: nothing has been scored yet, or CREDITRISK_HOME or "
        "CREDITRISK_DECISION_LOG_URL names another place."
    )


@click.command("replay")
@click.argument("first", type=int)
@click.argument("last", type=int, required=False)
def replay_decisions(first: int, last: int | None) -> None:
    """Score logged decisions FIRST to LAST again with their own model version and compare to the last bit."""
    from creditrisk.decision_log import DecisionLog, replay
    from creditrisk.registry import load_version
    from creditrisk.text import counted

    settings = read_settings()
    if last is not None and last < first:
        raise click.ClickException(f"There is nothing between {first} and {last}. Give the smaller number first.")
    seqs = first if last is None else range(first, last + 1)
    load = functools.partial(load_version, settings.stores)
    with progress("decisions scored again", (last or first) - first + 1) as report:
        found = replay(DecisionLog(settings.decision_log), seqs, load, on_progress=lambda seq: report(seq - first + 1))
    for erased in found.erased:
        which = f"s {erased.first} to {erased.last}" if erased.first < erased.last else f" {erased.first}"
        click.echo(f"decision{which}: erased on {erased.on.date()}")
    for difference in found.differences:
        click.echo(f"decision {difference.seq}: {difference.field} was {difference.logged}, is {difference.replayed}")
    if found.differences:
        raise click.ClickException(f"{len(found.differences):,} figures came out otherwise; the lines above name them.")
    if not found.n_scored:
        click.echo("No entry asked for is a decision that is still kept: nothing was scored again.")
        return
    click.echo(f"{counted(found.n_scored, 'decision')} scored again: the same to the last bit.")


@click.command("verify-log")
def verify_log() -> None:
    """Prove that the decision log is unbroken and holds what was noted of it, or name what is broken first.

    Ends with 1 if it is broken, with 2 if some place that notes its head could not be asked.
    """
    from creditrisk.decision_log import DecisionLog
    from creditrisk.registry import Registry
    from creditrisk.text import counted
    from monitoring.archive import open_archives, pending_folder
    from monitoring.heads import noted_heads

    settings = read_settings()
    noted, problems = noted_heads(open_archives(settings.archive_uris), pending_folder(settings.home))
    try:
        noted += Registry(settings.stores).noted_heads()
    except CreditRiskError as exc:
        problems.append(f"the record of promotions, as {exc}")
    for problem in problems:
        click.echo(f"Not asked: {problem}", err=True)
    log = DecisionLog(settings.decision_log)
    if not log.is_begun():
        what, (seq, _) = max(noted, key=lambda note: note[1], default=("", (0, "")))
        raise click.ClickException(
            f"There is no decision log at {log.address}: it is gone, and {what} noted entry {seq:,} of it."
            if seq
            else _no_log(log.address)
        )
    with progress("entries checked", log.head()[0]) as report:
        found = log.verify(noted, on_progress=report)
    if found.broken:
        raise click.ClickException(found.broken)
    others = found.n_checked - found.n_decisions
    click.echo(
        f"{found.n_decisions:,} decisions"
        + (f" and {counted(others, 'other entry', 'other entries')}" if others else "")
        + (f", the contents of {found.n_erased:,} erased" if found.n_erased else "")
        + f", unbroken, and as {counted(len(noted), 'note')} elsewhere have them. Head: {found.head_hash}"
    )
    if problems:
        click.echo(
            f"The chain itself is unbroken, but {counted(len(problems), 'place')} with notes of it could not be read: "
            "an end cut off, or a log written anew, may have been missed.",
            err=True,
        )
        sys.exit(2)


@click.command("erase")
@click.argument("application")
@why_option
@by_option
def erase_application(application: str, why: str, by: str) -> None:
    """Erase all that the decision log holds about an APPLICATION; that it was done stays, and the chain holds."""
    from creditrisk.decision_log import erase

    done = erase(_begun_log(), application, why=why, by=by)
    click.echo(f"The contents of {_entries(done.n_erased)} erased.")
    _say_what_remains(done)


@click.group("log")
def log_group() -> None:
    """Keep the decision log: erase what is old, and hold what must not be erased."""


@log_group.command("prune")
@older_than_option
@why_option
@by_option
def prune_log(before: datetime, why: str, by: str) -> None:
    """Erase the contents of entries that are older; the entries themselves stay, and the chain holds."""
    from creditrisk.decision_log import prune

    with progress("entries looked at") as report:
        done = prune(_begun_log(), before, why=why, by=by, on_progress=report)
    held = f" {_entries(done.n_held)} under a legal hold left as they are." if done.n_held else ""
    click.echo(f"The contents of {_entries(done.n_erased)} from before {before.date()} erased.{held}")
    _say_what_remains(done)


@log_group.command("hold")
@click.argument("application", required=False, default="")
@why_option
@by_option
def hold_log(application: str, why: str, by: str) -> None:
    """Forbid to erase anything about APPLICATION, or anything at all: a legal hold."""
    from creditrisk.decision_log import hold

    hold(_begun_log(), application, is_held=True, why=why, by=by)
    click.echo(f"Held: nothing{' about this application' if application else ''} is erased until it is released.")


@log_group.command("release")
@click.argument("application", required=False, default="")
@why_option
@by_option
def release_log(application: str, why: str, by: str) -> None:
    """End the legal hold on APPLICATION, or the one on the whole log."""
    from creditrisk.decision_log import hold

    hold(_begun_log(), application, is_held=False, why=why, by=by)
    click.echo("Released.")


def _entries(n_entries: int) -> str:
    from creditrisk.text import counted

    return counted(n_entries, "entry", "entries")


def _say_what_remains(done: Erasure) -> None:
    if done.remains:
        click.echo(done.remains, err=True)
