"""The report a person reads, and the result that programs read.

The page has our findings in plain words on top and Evidently's charts below; the result is the small JSON beside it
that exporter, web app and the next window read.

The page loads nothing from anywhere: its policy forbids it. Nothing in a page comes from one applicant: everything,
Evidently's charts (charts.py) too, is drawn from the counts in the frozen bins.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from creditrisk.metrics import ACT_PSI, MIN_ROWS, WATCH_DISTANCE, WATCH_PSI
from creditrisk.schema import Schema
from creditrisk.text import counted, distinct, shares_in_per_cent, signed
from monitoring import joint, ranking
from monitoring.charts import evidently_charts
from monitoring.curves import draw
from monitoring.deciles import heat_map
from monitoring.drift import CANNOT_JUDGE, Bin, Drift, FieldDrift, findings
from monitoring.results import SCHEMA_VERSION, BinFigures, FieldFigures, PerformanceFigures, RealisedDecile, Result
from monitoring.windows import Window

TEMPLATES = Path(__file__).parent / "templates"
# The PSI bars of the page end here; anything longer is drawn full.
PSI_FULL_BAR = 0.5


def make_result(
    drift: Drift,
    window: Window,
    *,
    model: str,
    model_version: str,
    created_at: datetime,
    title: str = "",
    remarks: Sequence[str] = (),
    performance: PerformanceFigures | None = None,
) -> Result:
    """The result of one report, ready for strict JSON: a figure that does not exist is None, never NaN.

    Parameters
    ----------
    title
        What people call the model, if it is not its name.
    remarks
        Sentences that come after all other findings.
    performance
        See `performance.of_log`; its alarms are findings.
    """
    found, period = window.counted, window.counted.period
    result: Result = {
        "schema_version": SCHEMA_VERSION,
        "model": model,
        "title": title or model,
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
        "score": figures_of(drift.score),
        "score_bins": _bins(drift.score),
        "fields": {field.name: figures_of(field) for field in drift.fields},
        "findings": [
            *([window.log_finding] if window.log_finding else []),
            *(performance["alarms"] if performance else []),
            *_stretch_remark(window),
            *findings(drift),
            *window.remarks,
            *remarks,
        ],
    }
    if drift.joint:
        result["multivariate"] = joint.in_figures(drift.joint)
    if drift.importance:
        result["importance"] = ranking.in_figures(drift.importance)
    if drift.deciles:
        result["deciles"] = drift.deciles
    if performance:
        result["performance"] = performance
    return result


def _bins(score: FieldDrift) -> list[BinFigures]:
    return [
        {
            "words": bin_.words,
            "share": _rounded(bin_.current_share),
            "share_reference": round(bin_.reference_share, 6),
        }
        for bin_ in score.bins
    ]


def render(result: Result, drift: Drift, window: Window, schema: Schema) -> bytes:
    """The page of one report."""
    pressing_first = [drift.score, *sorted(drift.fields, key=lambda field: (-field.level, -(field.psi or 0.0)))]
    charts = evidently_charts(drift, pressing_first, result, schema.costs.cutoff_prob_default)
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
        labels={field.name: field.label for field in drift.fields},
        multivariate=result.get("multivariate"),
        importance=result.get("importance"),
        heat_map=heat_map(drift.deciles, _realised_deciles(result)) if drift.deciles else None,
        performance=result.get("performance"),
        curves=draw(result["performance"]["vintages"]) if "performance" in result else None,
        period=window.counted.period,
        charts=charts,
        limits={"watch": WATCH_PSI, "act": ACT_PSI, "distance": WATCH_DISTANCE, "rows": MIN_ROWS},
        ticks=[_bar(WATCH_PSI), _bar(ACT_PSI)],
    )
    return page.encode()


# --- our part of the page ---------------------------------------------------------------------------------------------


def _realised_deciles(result: Result) -> list[RealisedDecile]:
    realised = result["performance"]["realised"] if "performance" in result else None
    return realised.get("deciles", []) if realised else []


def _stretch_remark(window: Window) -> list[str]:
    if not window.stretch:
        return []
    n_judged = window.judged.profile["n_rows"]
    return [
        f"{counted(window.n_rows, 'application was', 'applications were')} scored since the last report, too few to "
        f"judge. What follows is about {window.stretch}: {counted(n_judged, 'application')}."
    ]


def figures_of(field: FieldDrift) -> FieldFigures:
    """The figures of one field, ready for strict JSON."""
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
    if alarm := _alarm(result):
        return alarm
    if drift.n_rows == 0:
        return "No applications in this window"
    if drift.n_rows < MIN_ROWS:
        return "Too few applications to judge"
    shifted = [field.label for field in (drift.score, *drift.fields) if field.level > 0]
    if not shifted:
        return _headline_of_all_together(drift)
    named = ", ".join(shifted[:3]) + (f" and {len(shifted) - 3} more" if len(shifted) > 3 else "")
    return f"Have a look at: {named}"


def _headline_of_all_together(drift: Drift) -> str:
    if drift.joint and drift.joint.level:
        return "Have a look at how the fields go together"
    if drift.importance and drift.importance.level:
        return "Other fields count most than before"
    return "Nothing has drifted"


def _alarm(result: Result) -> str:
    """What is more pressing than any shift; empty if nothing is."""
    if not result["log"]["is_intact"]:
        return "The decision log is not what it was"
    if "performance" in result and result["performance"]["alarms"]:
        return "Outcomes are not what was predicted"
    met = [trigger["name"] for trigger in result.get("triggers", []) if trigger["is_met"]]
    return f"A limit is passed: {met[0]}{f' and {len(met) - 1} more' if len(met) > 1 else ''}" if met else ""


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
