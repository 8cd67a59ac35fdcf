"""The validation pack: what a person who signs for a model has to know, every figure of it computed.

`validate` gathers it from a training, `pack_json` writes it as JSON and `validation_page` as one HTML file. Nothing
here reads data or a clock, and no applicant stands in a pack: counts and rates only.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from math import isfinite
from typing import Any

import numpy as np

from creditrisk.comparison import Comparison
from creditrisk.metrics import ACT_PSI, MIN_GROUP_ROWS, WATCH_PSI
from creditrisk.training import Training
from creditrisk.validation.case import inputs_of
from creditrisk.validation.checks import FOUR_FIFTHS, PackFacts, checks_of, headline_of
from creditrisk.validation.contents import Approval, Bars, DataFacts, Figures, Pack
from creditrisk.validation.limits import WATCHED_ROWS, limits_of, monitoring_plan
from creditrisk.validation.reason_tests import JITTER, reasons_section
from creditrisk.validation.sections import (
    BOOTSTRAP_DRAWS,
    MIN_SEGMENT_ROWS,
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


NO_FACTS = DataFacts()
BARS: Bars = {
    "watch_psi": WATCH_PSI,
    "act_psi": ACT_PSI,
    "impact_ratio": FOUR_FIFTHS,
    "group_rows": MIN_GROUP_ROWS,
    "segment_rows": MIN_SEGMENT_ROWS,
    "bootstrap_draws": BOOTSTRAP_DRAWS,
    "jitter": JITTER,
    "watched_rows": WATCHED_ROWS,
}


def validate(
    training: Training,
    *,
    data: DataFacts = NO_FACTS,
    comparison: Comparison | None = None,
    approvals: Sequence[Approval] = (),
) -> Pack:
    """The pack of a training's scorer.

    Parameters
    ----------
    data
        Facts about the table that only its reader knows.
    comparison
        What came of comparing it with the champion, if there is one.
    approvals
        Who has signed already.
    """
    inputs = inputs_of(training)
    figures: Figures = {
        "purpose": purpose_section(inputs),
        "data": data_section(inputs, data),
        "protocol": {"words": training.protocol, "n_rows": len(inputs.target), "n_bad": int(inputs.target.sum())},
        "candidates": candidates_section(training),
        "performance": performance_section(inputs),
        "calibration": calibration_section(inputs),
        "stability": stability_section(inputs),
        "sensitivity": sensitivity_section(inputs),
        "fairness": fairness_section(inputs),
        "reasons": reasons_section(inputs),
        "comparison": comparison_section(comparison),
        "approvals": approvals_section(approvals),
    }
    checks = checks_of(PackFacts(inputs, figures))
    return {
        "title": inputs.schema.title,
        "model": inputs.schema.name,
        "family": inputs.scorer.model.family,
        "seed": data.seed,
        "written_at": data.written_at,
        "trained_because": data.trained_because,
        "headline": headline_of(checks),
        "checks": checks,
        **figures,
        "limits": limits_of(inputs, figures),
        "monitoring": monitoring_plan(inputs, figures),
        "bars": BARS,
        "themes": [{"source": source, "theme": theme, "sections": list(names)} for source, theme, names in THEMES],
    }


def pack_json(pack: Pack) -> str:
    """The pack as strict JSON, its sections in the order of the page: a figure that does not exist is null."""
    head = ("title", "model", "family", "seed", "written_at", "trained_because", "headline", "checks")
    tail = ("bars", "themes")
    plain = _plain(pack)
    return json.dumps({name: plain[name] for name in (*head, *SECTIONS, *tail)}, indent=1, allow_nan=False)


def validation_page(pack: Pack, charts: Mapping[str, str] | None = None) -> str:
    """The pack as one self-contained HTML page.

    Parameters
    ----------
    charts
        SVG texts as `winner_plots` draws them, by name; those given stand in their sections.
    """
    from creditrisk import pages

    return pages.render("validation.html", pack=_plain(pack), sections=SECTIONS, charts=charts or {})


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
