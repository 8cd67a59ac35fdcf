"""Commands about the archived reports: list them, show or open one, tell Prometheus of them, remove the old ones."""

from __future__ import annotations

import difflib
import sys
import webbrowser
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from creditrisk.errors import ArchiveError
from creditrisk.home import make_home
from creditrisk.settings import read_settings
from riskometer.ages import older_than_option
from riskometer.log_commands import progress

if TYPE_CHECKING:
    from monitoring.archive import Archive, Kept


@click.group("reports")
def reports_group() -> None:
    """Look at archived reports, and remove old ones."""


@reports_group.command("list")
@click.option("--model", default="", help="Registered model; empty: all.")
@click.option("--limit", default=20, show_default=True, type=click.IntRange(min=1), help="How many, the newest first.")
def list_reports(model: str, limit: int) -> None:
    """List the newest reports of every archive and of what waits for one."""
    from monitoring.archive import read_all
    from monitoring.results import by_log_head
    from riskometer.archived import table_of_reports

    archives, pending = _archives()
    kept = read_all(archives, model or None, pending=pending, limit=limit)
    _say(kept.problems)
    _check_some(kept, archives, model)
    newest = sorted(kept.results, key=by_log_head, reverse=True)[:limit]
    click.echo("\n".join(table_of_reports(newest)))


@reports_group.command("show")
@click.argument("report_id", metavar="ID")
def show_report(report_id: str) -> None:
    """Show the findings and figures of the report ID, as `reports list` names it."""
    from monitoring.archive import find
    from riskometer.archived import lines_of_report

    archives, pending = _archives()
    with _nearest_said(archives, report_id, pending):
        found = find(archives, report_id, pending=pending)
    _say(found.problems)
    click.echo("\n".join(lines_of_report(found.result)))
    click.echo()
    for name in found.kept_in:
        click.echo(f"Kept in {name}")
    for name in found.waits_for:
        click.echo(f"Waits for {name}")


@reports_group.command("open")
@click.argument("report_id", metavar="ID")
def open_report(report_id: str) -> None:
    """Open the page of the report ID in the browser; where there is none, print its path."""
    from monitoring.archive import find_page

    archives, pending = _archives()
    with _nearest_said(archives, report_id, pending):
        page = find_page(archives, report_id, pending=pending)
    path = _copy_to_look_at(read_settings().home, report_id, page)
    if webbrowser.open(path.as_uri()):
        click.echo(f"Opened in the browser: {path}")
    else:
        click.echo(f"There is no browser here. The page is {path}")


@reports_group.command("metrics")
@click.option("--model", default="", help="Registered model; empty: all.")
def print_metrics(model: str) -> None:
    """Print what every report would have told Prometheus, with the time of the report.

    It is OpenMetrics text: `promtool tsdb create-blocks-from openmetrics FILE FOLDER` gives a new Prometheus its past.
    """
    from monitoring.archive import EVERY, read_all
    from monitoring.openmetrics import to_openmetrics

    archives, pending = _archives()
    kept = read_all(archives, model or None, pending=pending, limit=EVERY)
    _say(kept.problems)
    _check_some(kept, archives, model)
    sys.stdout.writelines(to_openmetrics(kept.results))


@reports_group.command("prune")
@older_than_option
@click.option("--yes", "is_to_do", is_flag=True, help="Remove them; without it, they are only counted.")
def prune_reports(before: datetime, is_to_do: bool) -> None:
    """Remove old reports from every archive.

    The last report of a model stays, as the next window begins after it, and so does one that waits for an archive.
    Ends with 2 if some archive did not answer.
    """
    from monitoring.archive import prunable, waiting_ids
    from riskometer.archived import what_is_old

    archives, pending = _archives()
    waiting = waiting_ids(archives, pending=pending)
    n_old = n_away = 0
    for archive in archives:
        try:
            old = prunable(archive, before, waiting=waiting)
            n_removed = _remove(archive, old.removable) if is_to_do else 0
        except ArchiveError as exc:
            n_away += 1
            _say([str(exc)])
            continue
        n_old += len(old.removable)
        click.echo(what_is_old(archive.name, old, before, is_to_do=is_to_do, n_removed=n_removed))
    if n_old and not is_to_do:
        click.echo("Nothing was removed. Say --yes to remove them for ever.")
    if n_away:
        sys.exit(2)


def _remove(archive: Archive, report_ids: Sequence[str]) -> int:
    from monitoring.archive import remove

    n_removed = 0
    with progress("reports removed", len(report_ids)) as show:
        for n_removed, _ in enumerate(remove(archive, report_ids), start=1):
            show(n_removed)
    return n_removed


def _archives() -> tuple[list[Archive], Path]:
    from monitoring.archive import open_archives, pending_folder

    settings = read_settings()
    return open_archives(settings.archive_uris), pending_folder(settings.home)


def _check_some(kept: Kept, archives: list[Archive], model: str) -> None:
    """Where there is no report, say so and end."""
    if len(kept.away) == len(archives) and not kept.results:
        raise click.ClickException("No archive answers, and no report waits for one.")
    if not kept.results:
        of_model = f" of the model '{model}'" if model else ""
        raise click.ClickException(
            f"There is no report{of_model} in {_joined(archives, 'or')}. Make one with `riskometer report`."
        )


def _joined(archives: Iterable[Archive], word: str) -> str:
    return f" {word} ".join(archive.name for archive in archives)


def _say(problems: Iterable[str]) -> None:
    """Sentences beside what was asked for."""
    for sentence in problems:
        click.echo(f"Note: {sentence[:1].upper()}{sentence[1:]}", err=True)


@contextmanager
def _nearest_said(archives: list[Archive], report_id: str, pending: Path) -> Iterator[None]:
    """To the sentence that there is no such report, add the id that is most like it."""
    from monitoring.archive import DamagedReportError, known_ids

    try:
        yield
    except DamagedReportError:
        raise
    except ArchiveError as exc:
        known = known_ids(archives, pending=pending)
        if report_id in known:
            raise
        nearest = difflib.get_close_matches(report_id, known, n=1)
        hint = f"Did you mean '{nearest[0]}'?" if nearest else "`riskometer reports list` shows those that are there."
        raise ArchiveError(f"{exc} {hint}") from exc


def _copy_to_look_at(home: Path, report_id: str, page: bytes) -> Path:
    """Write the page, as its checksum found it, where a browser of this user can read it; the one before it goes."""
    make_home(home)
    folder = home / "report-opened"
    path = folder / f"{report_id.replace('/', '-')}.html"
    try:
        folder.mkdir(exist_ok=True, mode=0o700)
        for other in folder.glob("*.html"):
            other.unlink()
        path.write_bytes(page)
    except OSError as exc:
        raise click.ClickException(f"The page cannot be written to {folder}: {exc.strerror}.") from exc
    return path
