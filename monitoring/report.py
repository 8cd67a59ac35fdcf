"""The report a person reads, and the result that programs read.

The page has our findings in plain words on top and Evidently's charts below; the result is the small JSON beside it
that exporter, web app and the next window read.

The page loads nothing from anywhere: its policy forbids it. Evidently is imported here, inside a function, and nowhere
else. Nothing in a page comes from one applicant: everything, Evidently's charts too, is drawn from the counts in the
frozen bins.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from creditrisk.metrics import ACT_PSI, MIN_ROWS, WATCH_DISTANCE, WATCH_PSI
from creditrisk.schema import Schema
from creditrisk.text import counted, distinct, shares_in_per_cent, signed
from monitoring.curves import draw
from monitoring.drift import CANNOT_JUDGE, Bin, Drift, FieldDrift, findings
from monitoring.results import SCHEMA_VERSION, FieldFigures, PerformanceFigures, Result
from monitoring.windows import Window

if TYPE_CHECKING:
    import pandas as pd

TEMPLATES = Path(__file__).parent / "templates"
# Evidently's time grows with the rows; its charts do not get better.
CHART_ROWS = 5_000
# The PSI bars of the page end here; anything longer is drawn full.
PSI_FULL_BAR = 0.5


def make_result(
    drift: Drift,
    window: Window,
    *,
    model: str,
    model_version: str,
    created_at: datetime,
    remarks: Sequence[str] = (),
    performance: PerformanceFigures | None = None,
) -> Result:
    """The result of one report, ready for strict JSON: a figure that does not exist is None, never NaN.

    Parameters
    ----------
    remarks
        Sentences that come after all other findings.
    performance
        See `performance.of_log`; its alarms are findings.
    """
    found = window.counted
    period = found.period
    result: Result = {
        "schema_version": SCHEMA_VERSION,
        "model": model,
        "model_version": model_version,
        "created_at": created_at.isoformat(timespec="seconds"),
        "first_decided_at": period[0].isoformat() if period else None,
        "last_decided_at": period[1].isoformat() if period else None,
        "first_seq": found.first_seq,
        "last_seq": window.last_seq,
        "log_head": {"seq": window.head_seq, "hash": window.head_hash},
        "log": {"is_intact": not window.log_finding, "finding": window.log_finding},
        "n_rows": window.n_rows,
        "n_judged": drift.n_rows,
        "stretch": window.stretch,
        "drift_share": drift.drift_share,
        "score": _figures(drift.score),
        "score_bins": [
            {
                "words": bin_.words,
                "share": _rounded(bin_.current_share),
                "share_reference": round(bin_.reference_share, 6),
            }
            for bin_ in drift.score.bins
        ],
        "fields": {field.name: _figures(field) for field in drift.fields},
        "findings": [
            *([window.log_finding] if window.log_finding else []),
            *(performance["alarms"] if performance else []),
            *_stretch_remark(window),
            *findings(drift),
            *window.remarks,
            *remarks,
        ],
    }
    if performance:
        result["performance"] = performance
    return result


def render(result: Result, drift: Drift, window: Window, schema: Schema) -> bytes:
    """The page of one report."""
    pressing_first = [drift.score, *sorted(drift.fields, key=lambda field: (-field.level, -(field.psi or 0.0)))]
    charts = _evidently_charts(drift.n_rows, pressing_first)
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    environment.globals |= {"distinct": distinct, "shares_in_per_cent": shares_in_per_cent, "signed": signed}
    template = environment.get_template("report.html")
    page = template.render(
        result=result,
        title=schema.title,
        rows=[_row(field) for field in pressing_first],
        headline=_headline(drift, result),
        performance=result.get("performance"),
        curves=draw(result["performance"]["vintages"]) if "performance" in result else None,
        period=window.counted.period,
        charts=charts,
        limits={"watch": WATCH_PSI, "act": ACT_PSI, "distance": WATCH_DISTANCE, "rows": MIN_ROWS},
        ticks=[_bar(WATCH_PSI), _bar(ACT_PSI)],
    )
    return page.encode()


# --- our part of the page ---------------------------------------------------------------------------------------------


def _stretch_remark(window: Window) -> list[str]:
    if not window.stretch:
        return []
    n_judged = window.judged.profile["n_rows"]
    return [
        f"{counted(window.n_rows, 'application was', 'applications were')} scored since the last report, too few to "
        f"judge. What follows is about {window.stretch}: {counted(n_judged, 'application')}."
    ]


def _figures(field: FieldDrift) -> FieldFigures:
    return {
        "label": field.label,
        "status": field.status,
        "level": field.level,
        "n_rows": field.n_rows,
        "psi": _rounded(field.psi),
        "psi_bound": _rounded(field.psi_bound),
        "p_value": _rounded(field.p_value),
        "distance": _rounded(field.distance),
        "impact": _rounded(field.impact),
        # The mean of a few is nearly somebody's value.
        "mean": _rounded(field.mean) if field.level != CANNOT_JUDGE else None,
        "mean_reference": _rounded(field.mean_reference),
        "missing_share": _rounded(field.missing_share),
        "missing_share_reference": round(field.missing_share_reference, 6),
        "n_unseen": field.n_unseen,
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else round(value, 6)


def _headline(drift: Drift, result: Result) -> str:
    """The one sentence for a reader in a hurry."""
    if not result["log"]["is_intact"]:
        return "The decision log is not what it was"
    if "performance" in result and result["performance"]["alarms"]:
        return "Outcomes are not what was predicted"
    if drift.n_rows == 0:
        return "No applications in this window"
    if drift.n_rows < MIN_ROWS:
        return "Too few applications to judge"
    shifted = [field.label for field in (drift.score, *drift.fields) if field.level > 0]
    if not shifted:
        return "Nothing has drifted"
    named = ", ".join(shifted[:3]) + (f" and {len(shifted) - 3} more" if len(shifted) > 3 else "")
    return f"Have a look at: {named}"


def _row(field: FieldDrift) -> dict[str, Any]:
    """One line of the table, with the lengths of its bars in per cent."""
    tallest = max([max(bin_.reference_share, bin_.current_share or 0.0) for bin_ in field.bins], default=0.0) or 1.0
    return {
        "field": field,
        "kind": {0: "stable", 1: "watch", 2: "act", CANNOT_JUDGE: "unjudged"}[field.level],
        "psi_bar": _bar(field.psi or 0.0),
        "bound_bar": _bar(field.psi_bound or 0.0),
        "bins": [
            {
                "then": 100 * bin_.reference_share / tallest,
                "now": None if bin_.current_share is None else 100 * bin_.current_share / tallest,
                "words": f"{bin_.words}: {_then_and_now(bin_)}",
            }
            for bin_ in field.bins
            if bin_.reference_share or bin_.current_share
        ],
    }


def _then_and_now(bin_: Bin) -> str:
    if bin_.current_share is None:
        return f"{shares_in_per_cent(bin_.reference_share, places=1)[0]} in the reference"
    then, now = shares_in_per_cent(bin_.reference_share, bin_.current_share, places=1)
    return f"{then} in the reference, {now} now"


def _bar(psi: float) -> float:
    return min(100.0, 100 * psi / PSI_FULL_BAR)


# --- Evidently's part -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Charts:
    """Evidently's page, or why there is none; and the columns that were left out of it, each with the reason."""

    html: str | None
    note: str
    left_out: tuple[str, ...]


def _evidently_charts(n_rows: int, order: list[FieldDrift]) -> _Charts:
    """Draw what can be drawn: one empty column would make Evidently give up on all of them."""
    if n_rows == 0:
        return _Charts(None, "The window is empty: there is nothing to draw.", ())
    drawn, left_out = [], []
    for field in order:
        if field.n_rows and field.n_reference:
            drawn.append(field)
        else:
            left_out.append(f"{field.label}: no value in the {'reference' if field.n_rows else 'window'}")
    if not drawn:
        return _Charts(None, "No column has values that could be drawn.", tuple(left_out))
    try:
        html = _run_evidently(drawn)
    except Exception as exc:
        # Evidently raises anything on a table it does not like; our findings must get through all the same.
        return _Charts(None, f"Evidently could not draw its charts ({type(exc).__name__}).", tuple(left_out))
    note = f"Counts are scaled down to {CHART_ROWS:,} applications." if n_rows > CHART_ROWS else ""
    return _Charts(html, note, tuple(left_out))


def _run_evidently(fields: list[FieldDrift]) -> str:
    from evidently import DataDefinition, Dataset, Report
    from evidently.metrics import ValueDrift

    names = [field.label for field in fields]
    # Bins are categories to Evidently: of numbers it would draw up to 150 applicants one by one.
    definition = DataDefinition(categorical_columns=names)
    report = Report(
        [
            ValueDrift(column=field.label, method="psi", threshold=max(WATCH_PSI, field.psi_bound or 0.0))
            for field in fields
        ]
    )
    snapshot = report.run(
        Dataset.from_pandas(_counted_rows(fields, is_current=True), data_definition=definition),
        Dataset.from_pandas(_counted_rows(fields, is_current=False), data_definition=definition),
    )
    for result, field in zip(snapshot.metric_results.values(), fields, strict=True):
        in_order = {"categoryorder": "array", "categoryarray": [bin_.words for bin_ in field.bins]}
        for tab in (tab for widget in result.widget for tab in widget.tabs):
            tab.widget.params["layout"]["xaxis"].update(in_order)
    return str(snapshot.get_html_str(as_iframe=False))


def _counted_rows(fields: list[FieldDrift], *, is_current: bool) -> pd.DataFrame:
    """A table that has nothing but the counts: in every column each bin's words, as often as rows fell into it.

    The rows are nobody: what stands beside what in one of them comes from sorting each column by itself.
    """
    import pandas as pd

    columns = {}
    for field in fields:
        n_rows = min(CHART_ROWS, field.n_rows if is_current else field.n_reference)
        shares = [(bin_.current_share or 0.0) if is_current else bin_.reference_share for bin_ in field.bins]
        counts = np.rint(np.array(shares) * n_rows).astype(np.int64)
        columns[field.label] = pd.Series(np.repeat([bin_.words for bin_ in field.bins], counts), dtype="object")
    return pd.DataFrame(columns)
