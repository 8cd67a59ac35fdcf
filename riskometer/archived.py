"""Archived reports in words, for a terminal of 80 columns."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

from creditrisk.text import counted, distinct, number, shares_in_per_cent, shorten
from monitoring.archive import Prunable
from monitoring.results import FieldFigures, Interval, Result
from monitoring.status import most_pressing

WIDTH = 80
WIDEST_LABEL = 28
_SENTENCE = textwrap.TextWrapper(WIDTH, initial_indent="- ", subsequent_indent="  ", break_on_hyphens=False)


def table_of_reports(results: list[Result]) -> list[str]:
    """A line per report; ids are never broken, so that they can be copied."""
    width = max(len(result["id"]) for result in results)
    lines = [f"{'Report':<{width}}  Version  Applications  Status"]
    for result in results:
        version, n_rows = shorten(_printable(result["model_version"]), 7), f"{result['n_rows']:,}"
        lines.append(f"{result['id']:<{width}}  {version:>7}  {n_rows:>12}  {most_pressing(result).words}")
    return lines


def _printable(text: str) -> str:
    """Others can write to an archive: no text from there moves the cursor or colours the terminal."""
    return "".join(character if character.isprintable() else " " for character in text)


def lines_of_report(result: Result) -> list[str]:
    """Findings and figures, the most pressing first, in 80 columns."""
    written = datetime.fromisoformat(result["created_at"]).astimezone(UTC)
    rows = counted(result["n_rows"], "application")
    lines = [
        result["id"],
        f"{_printable(result['model'])} version {_printable(result['model_version'])}, "
        f"written {written:%d %b %Y %H:%M} UTC",
        f"{rows}{_period(result)}",
        "",
    ]
    lines += lines_of_findings(result["findings"])
    lines += _performance(result)
    return [*lines, "", *lines_of_fields(result["score"], result["fields"])]


def lines_of_findings(findings: Iterable[str]) -> list[str]:
    """Findings as a list of sentences."""
    return [line for finding in findings for line in _SENTENCE.wrap(_printable(finding))]


def lines_of_fields(score: FieldFigures | None, fields: Mapping[str, FieldFigures]) -> list[str]:
    """A table of figures: the score if there is one, then the fields, the most pressing first."""
    in_order = sorted(fields.values(), key=lambda one: (-one["level"], -(one["psi"] or 0)))
    figures = [score, *in_order] if score else in_order
    width = min(WIDEST_LABEL, max(len(one["label"]) for one in figures))
    heads = f"{'Field':<{width}}  {'Status':<12}  {'PSI':>8}  {'by chance':>9}  {'missing':>7}  {'unseen':>6}"
    return [heads, *(_line_of_field(one, width) for one in figures)]


def _performance(result: Result) -> list[str]:
    """What was to be expected and what came true, one figure a line."""
    if "performance" not in result:
        return []
    estimated, realised = result["performance"]["estimated"], result["performance"]["realised"]
    figures = [
        ("AUC", estimated["auc"], realised and realised["auc"], 1, 3),
        ("bad rate of the approved, of 100", estimated["bad_rate"], realised and realised["bad_rate"], 100, 1),
        ("observed over expected", None, realised and realised["observed_to_expected"], 1, 2),
    ]
    lines = ["", f"{'How good the model is':<34}{'expected':>22}{'came true':>22}"]
    for name, expected, found, scale, places in figures:
        lines.append(f"{name:<34}{_interval(expected, scale, places):>22}{_interval(found, scale, places):>22}")
    return lines


def _interval(found: Interval | None, scale: int, places: int) -> str:
    if found is None:
        return "–"
    value, low, high = (number(scale * found[name], places) for name in ("value", "low", "high"))
    return f"{value} ({low} to {high})"


def _period(result: Result) -> str:
    first, last = result["first_decided_at"], result["last_decided_at"]
    if first is None or last is None:
        return " since the report before"
    begin, end = (datetime.fromisoformat(time).astimezone(UTC) for time in (first, last))
    return f", scored {begin:%d %b %Y %H:%M} to {end:%d %b %Y %H:%M} UTC"


def _line_of_field(figures: FieldFigures, width: int) -> str:
    psi, bound, missing = "–", "–", "–"
    if figures["psi"] is not None:
        psi, bound = distinct(figures["psi"], figures["psi_bound"] or 0.0, places=3)
        bound = "–" if figures["psi_bound"] is None else bound
    if figures["missing_share"] is not None:
        [missing] = shares_in_per_cent(figures["missing_share"], places=1)
    label, status = shorten(_printable(figures["label"]), width), shorten(_printable(figures["status"]), 12)
    unseen = f"{figures['n_unseen']:,}" if figures["n_unseen"] else "–"
    return f"{label:<{width}}  {status:<12}  {psi:>8}  {bound:>9}  {missing:>7}  {unseen:>6}"


def what_is_old(name: str, old: Prunable, before: datetime, *, is_to_do: bool, n_removed: int) -> str:
    """What was, or would be, removed from an archive, and what stays though it is old."""
    if is_to_do:
        what = (
            f"{counted(n_removed, 'report')} from before {before.date()} removed, {old.n_reports - n_removed:,} left."
        )
    else:
        what = f"{len(old.removable):,} of {counted(old.n_reports, 'report')} are from before {before.date()}."
    stay = [
        counted(len(ids), one, several)
        for ids, one, several in (
            (old.last, "that is the last of its model", "that are the last of their models"),
            (old.waiting, "that waits for an archive", "that wait for an archive"),
        )
        if ids
    ]
    return f"{name}: {what}" + (f" As old, but kept: {' and '.join(stay)}." if stay else "")
