"""The validation pack: what a person who signs for a model has to know, every figure of it computed.

`validate` gathers it from a training as plain JSON, `validation_page` writes it as one HTML file. Called by
flows/model_train.py for every version. The figures come from evaluation.py, fairness.py and guardrails.py, the look
from pages/validation.html. Nothing here reads data or a clock, and no applicant stands in a pack: counts and rates
only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from math import isfinite
from typing import Any

import numpy as np

from creditrisk.comparison import Comparison
from creditrisk.metrics import MIN_GROUP_ROWS
from creditrisk.training import Training
from creditrisk.validation.case import case_of
from creditrisk.validation.checks import FOUR_FIFTHS, checks_of, headline_of
from creditrisk.validation.limits import WATCHED_ROWS, limits_of, monitoring_plan
from creditrisk.validation.reason_tests import JITTER, reasons_section
from creditrisk.validation.sections import (
    ACT_PSI,
    BOOTSTRAP_DRAWS,
    MIN_SEGMENT_ROWS,
    WATCH_PSI,
    approvals_section,
    calibration_section,
    candidates_section,
    comparison_section,
    data_section,
    fairness_section,
    performance_section,
    purpose_section,
    stability_section,
)
from creditrisk.validation.sensitivity import sensitivity_section

SECTIONS = {
    "purpose": "What it is for",
    "data": "Data",
    "protocol": "How it was judged",
    "candidates": "Models tried",
    "performance": "Performance",
    "calibration": "Calibration",
    "stability": "Stability",
    "sensitivity": "Sensitivity",
    "fairness": "Fairness",
    "reasons": "Reasons",
    "comparison": "Against the champion",
    "limits": "Limits",
    "monitoring": "What to watch",
    "approvals": "Approvals",
}

# Which section answers to which theme. SR 26-2 asks for care in proportion to how much hangs on a model; the Act names
# what a high-risk system, such as one for creditworthiness, must have.
THEMES: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("SR 26-2", "Purpose, exposure and materiality", ("purpose", "limits")),
    ("SR 26-2", "Development: data and conceptual soundness", ("data", "protocol", "candidates", "sensitivity")),
    ("SR 26-2", "Validation: testing and outcomes analysis", ("performance", "calibration", "comparison")),
    ("SR 26-2", "Ongoing monitoring", ("stability", "monitoring")),
    ("SR 26-2", "Effective challenge, governance and documentation", ("candidates", "comparison", "approvals")),
    ("EU AI Act, article 9", "Risk management system", ("purpose", "limits", "fairness", "monitoring")),
    ("EU AI Act, article 10", "Data and data governance", ("data", "fairness")),
    ("EU AI Act, article 11", "Technical documentation", ("protocol", "candidates", "performance")),
    ("EU AI Act, article 12", "Record-keeping", ("data", "approvals")),
    ("EU AI Act, article 13", "Transparency to those who use it", ("purpose", "reasons", "limits")),
    ("EU AI Act, article 14", "Human oversight", ("purpose", "approvals")),
    (
        "EU AI Act, article 15",
        "Accuracy, robustness, cybersecurity",
        ("performance", "stability", "sensitivity", "reasons"),
    ),
)


def validate(
    training: Training,
    *,
    data: Mapping[str, Any],
    comparison: Comparison | None = None,
    approvals: Sequence[Mapping[str, str]] = (),
) -> dict[str, Any]:
    """The pack of a training's scorer, ready for strict JSON: a figure that does not exist is None, never NaN.

    Parameters
    ----------
    data
        Facts about the table that only its reader knows, all optional: `source`, `sha256`, `n_read`, `n_accepted`,
        `n_bad`, `rejected` (reason to count), `columns` (the names in the file), `seed` and `written_at`.
    comparison
        What came of comparing it with the champion, if there is one.
    approvals
        Who has signed already: `role`, `name`, `decision`, `date`.
    """
    case = case_of(training)
    sections: dict[str, Any] = {
        "purpose": purpose_section(case),
        "data": data_section(case, data),
        "protocol": {"words": training.protocol, "n_rows": len(case.target), "n_bad": int(case.target.sum())},
        "candidates": candidates_section(training),
        "performance": performance_section(case),
        "calibration": calibration_section(case),
        "stability": stability_section(case),
        "sensitivity": sensitivity_section(case),
        "fairness": fairness_section(case),
        "reasons": reasons_section(case),
        "comparison": comparison_section(comparison),
        "approvals": approvals_section(approvals),
    }
    sections["limits"] = limits_of(case, sections)
    sections["monitoring"] = monitoring_plan(case, sections)
    checks = checks_of(sections)
    pack = {
        "title": case.schema.title,
        "model": case.schema.name,
        "family": case.scorer.model.family,
        "seed": data.get("seed"),
        "written_at": data.get("written_at"),
        "headline": headline_of(checks),
        "checks": checks,
        **{name: sections[name] for name in SECTIONS},
        "bars": {
            "watch_psi": WATCH_PSI,
            "act_psi": ACT_PSI,
            "impact_ratio": FOUR_FIFTHS,
            "group_rows": MIN_GROUP_ROWS,
            "segment_rows": MIN_SEGMENT_ROWS,
            "bootstrap_draws": BOOTSTRAP_DRAWS,
            "breath": JITTER,
            "watched_rows": WATCHED_ROWS,
        },
        "themes": [{"source": source, "theme": theme, "sections": list(names)} for source, theme, names in THEMES],
    }
    plain: dict[str, Any] = _plain(pack)
    return plain


def validation_page(pack: Mapping[str, Any], charts: Mapping[str, str] | None = None) -> str:
    """The pack as one self-contained HTML page.

    Parameters
    ----------
    charts
        SVG texts as `plots.winner_plots` draws them, by name; those given stand in their sections.
    """
    from creditrisk import pages

    return pages.render("validation.html", pack=pack, sections=SECTIONS, charts=charts or {})


# The sections


# What follows from the figures


def _plain(value: Any) -> Any:
    """Plain JSON of figures: dataclasses as objects, NumPy's numbers as Python's, what is not finite as None."""
    if hasattr(value, "__dataclass_fields__"):
        value = asdict(value)
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not isfinite(value) else value
