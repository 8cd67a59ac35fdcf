"""Where a client stands among the applicants the model was tested on: a small picture and a sentence.

The picture shows how many applicants had which risk, from the counts of the reference profile, on a scale of odds, on
which the crowd of small risks is told apart.
"""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
from dash import html
from dash.development.base_component import Component

from creditrisk.metrics import NumericEntry
from creditrisk.pages.palette import DARK, LIGHT
from webapp.pages.gauge import as_address

_WIDTH, _HEIGHT, _BASE = 340, 92, 72
_BARS = 24


def riskier_than(prob_default: float, spread: NumericEntry) -> float:
    """The share of the reference applicants, 0 to 1, with a lower PD; evenly spread within a bin.

    Examples
    --------
    >>> entry = {"grid": [0.1, 0.2], "grid_counts": [50, 30, 20], "low": 0.0, "high": 0.6}
    >>> round(riskier_than(0.15, entry), 2), riskier_than(0.7, entry)
    (0.65, 1.0)
    """
    ends = [spread["low"] or 0.0, *spread["grid"], spread["high"] or 1.0]
    reached = np.concatenate([[0.0], np.cumsum(spread["grid_counts"])]) / max(1, sum(spread["grid_counts"]))
    return float(np.interp(prob_default, ends, reached))


def standing(prob_default: float, spread: NumericEntry) -> list[Component]:
    """Where a PD stands; nothing if the reference has no rows."""
    if not sum(spread["grid_counts"]):
        return []
    n = math.floor(100 * riskier_than(prob_default, spread) + 0.5)
    words = f"Riskier than {min(n, 99)} of 100 applicants the model was tested on." if n else _SAFEST
    return [
        html.H3("Among all applicants"),
        html.Img(src=as_address(picture(prob_default, spread)), alt="", className="standing"),
        html.P(words, className="stands"),
    ]


def picture(prob_default: float, spread: NumericEntry) -> str:
    """How many applicants had which risk, in bars, and a mark where the PD stands, as SVG."""
    low, high = (_log_odds(end) for end in (spread["low"] or 0.0, spread["high"] or 1.0))
    mark = _log_odds(prob_default)
    low, high = min(low, mark), max(high, mark, low + 1e-6)
    edges = np.linspace(low, high, _BARS + 1)
    shares = np.diff([riskier_than(1 / (1 + math.exp(-edge)), spread) for edge in edges])
    tallest = float(shares.max()) or 1.0
    width = _WIDTH / _BARS
    bars = "".join(
        f'<rect x="{width * at + 1:.1f}" y="{_BASE - height:.1f}" width="{width - 2:.1f}" height="{height:.1f}"/>'
        for at, height in enumerate(56 * shares / tallest)
    )
    x = min(max(_WIDTH * (mark - low) / (high - low), 6.0), _WIDTH - 6.0)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{_HEIGHT}" viewBox="0 0 {_WIDTH} {_HEIGHT}">'
        f"<style>{_STYLE}</style>{bars}"
        f'<path class="mark" d="M{x:.1f} 4V{_BASE + 2}M{x - 5:.1f} 2h10l-5 8z"/>'
        f'<text x="0" y="{_HEIGHT - 4}">safer</text>'
        f'<text x="{_WIDTH}" y="{_HEIGHT - 4}" text-anchor="end">riskier</text></svg>'
    )


_SAFEST = "Among the safest of the applicants the model was tested on."


def _log_odds(prob_default: float) -> float:
    held = min(max(prob_default, 1e-4), 1 - 1e-4)
    return math.log(held / (1 - held))


def _rules(mode: Literal["light", "dark"]) -> str:
    tones = LIGHT if mode == "light" else DARK
    mark = f".mark{{stroke:{tones['ink']};fill:{tones['ink']}}}"
    return f"text{{fill:{tones['muted']}}}rect{{fill:{tones['accent']};fill-opacity:.45}}{mark}"


_STYLE = f"""
text{{font:13px system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}}.mark{{stroke-width:2}}
{_rules("light")}
@media (prefers-color-scheme:dark){{{_rules("dark")}}}
"""
