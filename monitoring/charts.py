"""Evidently's part of a report: its charts of drift and data quality, and of the classification where outcomes exist.

Evidently is imported here, inside a function, and nowhere else. It is given nothing but counts: tables whose rows are
nobody, made from the frozen bins.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from creditrisk.metrics import WATCH_PSI
from monitoring.drift import MISSING, UNSEEN, Drift, FieldDrift
from monitoring.results import Result

if TYPE_CHECKING:
    import pandas as pd

# Evidently's time grows with the rows; its charts do not get better.
CHART_ROWS = 5_000
# The columns of those whose outcome is known.
OUTCOME, RISK = "Came true", "Predicted risk, by decile"


@dataclass(frozen=True, slots=True)
class Charts:
    """Evidently's page, or why there is none; and the columns that were left out of it, each with the reason."""

    html: str | None
    note: str
    left_out: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Known:
    """Clients with an outcome in one decile: how many were good and bad, and their mean PD."""

    n_good: int
    n_bad: int
    prob_default: float


def evidently_charts(drift: Drift, order: Sequence[FieldDrift], result: Result, cutoff: float) -> Charts:
    """Draw what can be drawn: one empty column would make Evidently give up on all of them.

    Parameters
    ----------
    order
        The fields and the score, as they are to be drawn.
    cutoff
        The cost-optimal cut-off, at which precision, recall and F1 are taken.
    """
    if drift.n_rows == 0:
        return Charts(None, "The window is empty: there is nothing to draw.", ())
    drawn, left_out = [], []
    for field in order:
        if field.n_rows and field.n_reference:
            drawn.append(field)
        else:
            left_out.append(f"{field.label}: no value in the {'reference' if field.n_rows else 'window'}")
    if not drawn:
        return Charts(None, "No column has values that could be drawn.", tuple(left_out))
    known = _known(result)
    try:
        html = _run_evidently(drawn, known, cutoff)
    except Exception as exc:
        # Evidently raises anything on a table it does not like; our findings must get through all the same.
        return Charts(None, f"Evidently could not draw its charts ({type(exc).__name__}).", tuple(left_out))
    notes = [
        f"Counts are scaled down to {CHART_ROWS:,} applications." if drift.n_rows > CHART_ROWS else "",
        "Its classification figures are those of clients with an outcome, told by the mean risk of their decile: AUC "
        "comes out a little lower than ours."
        if known
        else "",
    ]
    return Charts(html, " ".join(filter(None, notes)), tuple(left_out))


def _known(result: Result) -> tuple[list[_Known], list[_Known]] | None:
    """Clients with an outcome by decile, now and in the reference; None unless both have goods and bads."""
    realised = result["performance"]["realised"] if "performance" in result else None
    if realised is None or "deciles" not in result:
        return None
    now = [
        _Known(decile["n_rows"] - decile["n_bad"], decile["n_bad"], decile["prob_default"])
        for decile in realised.get("deciles", [])
        if decile["prob_default"] is not None
    ]
    deciles = result["deciles"]
    by_decile = zip(
        deciles["n_known_reference"], deciles["n_bad_reference"], deciles["prob_default_reference"], strict=True
    )
    then = [_Known(n_rows - n_bad, n_bad, risk) for n_rows, n_bad, risk in by_decile if risk is not None]
    both = (now, then)
    has_both = all(sum(part.n_good for part in side) and sum(part.n_bad for part in side) for side in both)
    return both if has_both else None


def _run_evidently(fields: Sequence[FieldDrift], known: tuple[list[_Known], list[_Known]] | None, cutoff: float) -> str:
    from evidently import BinaryClassification, DataDefinition, Dataset, Report
    from evidently.metrics import CategoryCount, ValueDrift
    from evidently.presets import ClassificationQuality

    names = [field.label for field in fields]
    # Bins are categories to Evidently: of numbers it would draw up to 150 applicants one by one.
    definition = DataDefinition(
        categorical_columns=names,
        numerical_columns=[RISK] if known else [],
        classification=[BinaryClassification(target=OUTCOME, prediction_probas=RISK, pos_label=1)] if known else None,
    )
    drifts = [
        ValueDrift(column=field.label, method="psi", threshold=max(WATCH_PSI, field.psi_bound or 0.0))
        for field in fields
    ]
    gaps = [CategoryCount(column=field.label, categories=[MISSING, UNSEEN]) for field in fields if _has_gaps(field)]
    quality = [ClassificationQuality(probas_threshold=cutoff, conf_matrix=True)] if known else []
    now, then = (
        Dataset.from_pandas(
            _counted_rows(fields, known[side] if known else None, is_current=side == 0), data_definition=definition
        )
        for side in (0, 1)
    )
    snapshot = Report([*drifts, *gaps, *quality]).run(now, then)
    for result, field in zip(snapshot.metric_results.values(), fields, strict=False):  # drift comes first
        in_order = {"categoryorder": "array", "categoryarray": [bin_.words for bin_ in field.bins]}
        for tab in (tab for widget in result.widget for tab in widget.tabs):
            tab.widget.params["layout"]["xaxis"].update(in_order)
    return str(snapshot.get_html_str(as_iframe=False))


def _has_gaps(field: FieldDrift) -> bool:
    """Whether values are missing, or were never seen, in the window."""
    return any(bin_.words in (MISSING, UNSEEN) and bin_.current_share for bin_ in field.bins)


def _counted_rows(fields: Sequence[FieldDrift], known: list[_Known] | None, *, is_current: bool) -> pd.DataFrame:
    """A table that has nothing but the counts: in every column each bin's words, as often as rows fell into it.

    The rows are nobody: what stands beside what in one of them comes from sorting each column by itself. Only outcome
    and risk belong together; they are as often repeated, or left out, as the table is long.
    """
    import pandas as pd

    columns: dict[str, Any] = {}
    for field in fields:
        n_rows = min(CHART_ROWS, field.n_rows if is_current else field.n_reference)
        shares = [(bin_.current_share or 0.0) if is_current else bin_.reference_share for bin_ in field.bins]
        counts = np.rint(np.array(shares) * n_rows).astype(np.int64)
        columns[field.label] = pd.Series(np.repeat([bin_.words for bin_ in field.bins], counts), dtype="object")
    table = pd.DataFrame(columns)
    if known:
        counts = np.array([n for part in known for n in (part.n_good, part.n_bad)])
        rows = np.arange(len(table)) * counts.sum() // len(table)
        table[OUTCOME] = np.repeat(np.tile([0, 1], len(known)), counts)[rows]
        table[RISK] = np.repeat([part.prob_default for part in known], counts.reshape(-1, 2).sum(axis=1))[rows]
    return table
