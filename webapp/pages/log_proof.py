"""What is told of the proof that the decision log is whole: how the last one ended, and how far this one is."""

from __future__ import annotations

from datetime import UTC, datetime

from dash import html
from dash.development.base_component import Component

from creditrisk.text import moment_words
from webapp.log_check import LogCheck


def proof(check: LogCheck) -> list[Component]:
    """How it stands, in words."""
    parts: list[Component] = []
    if check.is_running:
        n_all = max(check.n_entries, 1)
        parts += [
            html.Progress(value=str(check.n_checked), max=str(n_all)) if check.n_checked else html.Progress(),
            html.P(f"Checking: {check.n_checked:,} of {check.n_entries:,} entries.", role="status"),
        ]
    if not check.ended:
        return parts or [html.P("It has not been checked from this page yet.", className="quiet")]
    when = f"{moment_words(datetime.fromtimestamp(check.ended, UTC))}, by {check.by}"
    look = "" if check.is_whole else "warning"
    return [*parts, html.P([check.said, html.Br(), html.Small(f"Last checked {when}.")], className=look, role="status")]
