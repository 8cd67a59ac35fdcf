"""The report a person reads, and the result that programs read.

The page has our findings in plain words on top and Evidently's charts below; the result is the small JSON beside it
that exporter, web app and the next window read.

Called by flows/evidently_report.py. The figures come from drift.py; the page goes to archive.py. The page loads nothing
from anywhere: its policy forbids it. Only the worker draws reports: Evidently is imported here, inside a function, and
nowhere else.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from creditrisk.schema import Field, Schema
from monitoring.drift import ACT_PSI, CANNOT_JUDGE, MIN_ROWS, SCORE, WATCH_PSI, Drift, FieldDrift, findings
from monitoring.windows import Window

if TYPE_CHECKING:
    import pandas as pd

TEMPLATES = Path(__file__).parent / "templates"
# Evidently's time grows with the rows; its charts do not get better.
CHART_ROWS = 5_000
# The PSI bars of the page end here; anything longer is drawn full.
PSI_FULL_BAR = 0.5


def make_result(
    drift: Drift, window: Window, *, model: str, model_version: str, created_at: datetime
) -> dict[str, Any]:
    """The result of one report, ready for strict JSON: a figure that does not exist is None, never NaN."""
    period = window.period
    return {
        "model": model,
        "model_version": model_version,
        "created_at": created_at.isoformat(timespec="seconds"),
        "first_decided_at": period[0].isoformat() if period else None,
        "last_decided_at": period[1].isoformat() if period else None,
        "first_seq": window.first_seq,
        "last_seq": window.last_seq,
        "log_head": {"seq": window.head_seq, "hash": window.head_hash},
        "n_rows": drift.n_rows,
        "drift_share": drift.drift_share,
        "score": _figures(drift.score),
        "fields": {field.name: _figures(field) for field in drift.fields},
        "findings": findings(drift),
    }


def render(
    result: dict[str, Any], drift: Drift, window: Window, reference: pl.DataFrame | None, schema: Schema
) -> bytes:
    """The page of one report.

    Parameters
    ----------
    reference
        Sample of the rows the champion learnt from, features and `prob_default`; None leaves Evidently's charts out.
    """
    pressing_first = [drift.score, *sorted(drift.fields, key=lambda field: (-field.level, -(field.psi or 0.0)))]
    charts = _evidently_charts(window.frame, reference, schema, pressing_first)
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    template = environment.get_template("report.html")
    page = template.render(
        result=result,
        title=schema.title,
        rows=[_row(field) for field in pressing_first],
        headline=_headline(drift),
        period=window.period,
        charts=charts,
        limits={"watch": WATCH_PSI, "act": ACT_PSI, "rows": MIN_ROWS},
        ticks=[_bar(WATCH_PSI), _bar(ACT_PSI)],
    )
    return page.encode()


# --- our part of the page ---------------------------------------------------------------------------------------------


def _figures(field: FieldDrift) -> dict[str, Any]:
    return {
        "label": field.label,
        "status": field.status,
        "level": field.level,
        "n_rows": field.n_rows,
        "psi": _rounded(field.psi),
        "psi_bound": _rounded(field.psi_bound),
        "missing_share": _rounded(field.missing_share),
        "missing_share_reference": _rounded(field.missing_share_reference),
        "n_unseen": field.n_unseen,
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else round(value, 6)


def _headline(drift: Drift) -> str:
    """The one sentence for a reader in a hurry."""
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
                "words": f"{bin_.words}: {bin_.reference_share:.1%} in the reference"
                + ("" if bin_.current_share is None else f", {bin_.current_share:.1%} now"),
            }
            for bin_ in field.bins
            if bin_.reference_share or bin_.current_share
        ],
    }


def _bar(psi: float) -> float:
    return min(100.0, 100 * psi / PSI_FULL_BAR)


# --- Evidently's part -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Charts:
    """Evidently's page, or why there is none; and the columns that were left out of it, each with the reason."""

    html: str | None
    note: str
    left_out: tuple[str, ...]


def _evidently_charts(
    current: pl.DataFrame, reference: pl.DataFrame | None, schema: Schema, order: list[FieldDrift]
) -> _Charts:
    """Draw what can be drawn: one empty or constant column would make Evidently give up on all of them."""
    if current.is_empty():
        return _Charts(None, "The window is empty: there is nothing to draw.", ())
    if reference is None or reference.is_empty():
        return _Charts(None, "There is no reference sample with this model version, so nothing is drawn.", ())
    fields = [SCORE if field.name == SCORE.name else schema.field(field.name) for field in order]
    now, then, left_out = _drawable(_sample(current), _sample(reference), fields)
    if now.is_empty():
        return _Charts(None, "No column has values that could be drawn.", left_out)
    limits = {field.label: max(WATCH_PSI, field.psi_bound or 0.0) for field in order}
    try:
        html = _run_evidently(now.to_pandas(), then.to_pandas(), limits)
    except Exception as exc:
        # Evidently raises anything on a table it does not like; our findings must get through all the same.
        return _Charts(None, f"Evidently could not draw its charts ({type(exc).__name__}).", left_out)
    note = f"Drawn from {now.height:,} of {current.height:,} applications." if now.height < current.height else ""
    return _Charts(html, note, left_out)


def _run_evidently(current: pd.DataFrame, reference: pd.DataFrame, limits: dict[str, float]) -> str:
    from evidently import DataDefinition, Dataset, Report
    from evidently.metrics import ValueDrift

    numeric = [name for name in current.columns if current[name].dtype.kind == "f"]
    definition = DataDefinition(
        numerical_columns=numeric, categorical_columns=[name for name in current.columns if name not in numeric]
    )
    # The method is fixed: Evidently's own choice changes its meaning at 1,000 reference rows.
    report = Report([ValueDrift(column=name, method="psi", threshold=limits[name]) for name in current.columns])
    snapshot = report.run(
        Dataset.from_pandas(current, data_definition=definition),
        Dataset.from_pandas(reference, data_definition=definition),
    )
    return str(snapshot.get_html_str(as_iframe=False))


def _drawable(
    current: pl.DataFrame, reference: pl.DataFrame, fields: list[Field]
) -> tuple[pl.DataFrame, pl.DataFrame, tuple[str, ...]]:
    """Both samples under the schema's words, without the columns that cannot be drawn, and these with their reason."""
    now, then, left_out = {}, {}, []
    for field in fields:
        columns = [_values(frame, field) for frame in (current, reference)]
        reason = next(
            (
                f"{field.label}: {reason} in the {place}"
                for column, place in zip(columns, ("window", "reference"), strict=True)
                if (reason := _undrawable(column))
            ),
            None,
        )
        if reason:
            left_out.append(reason)
        else:
            now[field.label], then[field.label] = columns
    return pl.DataFrame(now), pl.DataFrame(then), tuple(left_out)


def _undrawable(column: pl.Series) -> str:
    n_values = column.drop_nulls().n_unique()
    return {0: "no value", 1: "one single value"}.get(n_values, "")


def _values(frame: pl.DataFrame, field: Field) -> pl.Series:
    """A column as it is to be shown: finite numbers, or the words for a category; null where there is neither."""
    if field.name not in frame.columns:
        return pl.Series(field.label, [None] * frame.height, dtype=pl.Float64 if field.is_numeric else pl.String)
    if field.is_numeric:
        numbers = pl.col(field.name).cast(pl.Float64, strict=False) * (100 if field is SCORE else 1)
        return frame.select(pl.when(numbers.is_finite()).then(numbers).alias(field.label)).to_series()
    words = {category.value: category.label for category in field.categories}
    # An unseen value may be anything somebody typed, so its text stays out of the report.
    return frame[field.name].cast(pl.String).replace_strict(words, default="(unseen value)").alias(field.label)


def _sample(frame: pl.DataFrame) -> pl.DataFrame:
    return frame if frame.height <= CHART_ROWS else frame.sample(CHART_ROWS, seed=0)
