"""What kind of clients each decile of the score holds, now beside the reference: the figures of the heat map."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from creditrisk.arrays import FloatArray, IntArray
from creditrisk.metrics import DecileSums, Entry, Profile, commonest
from creditrisk.schema import Field, Schema
from monitoring.results import DecileField, DecileFigures, RealisedDecile

# The mean of fewer is nearly somebody's value.
MIN_OF_A_DECILE = 30
# A mean has moved if chance explains it in fewer than one of three hundred.
STANDARD_ERRORS = 3.0
MOST_FIELDS = 10
# A cell has its full shade where a mean has moved by half a standard deviation, or a share by a quarter.
FULL_SHADE, FULL_SHADE_OF_SHARES = 0.5, 0.25


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell of the heat map: what stands in it now and then, and its shade, -1 (much less) to 1 (much more)."""

    now: str
    then: str
    shade: float = 0.0


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the heat map, with a cell for each decile."""

    label: str
    cells: tuple[Cell, ...]


def decile_figures(reference: Profile, current: Profile, schema: Schema) -> DecileFigures:
    """The clients of each decile, the lowest risk first, then and now."""
    then, now = reference["deciles"], current["deciles"]
    names = list(then["fields"])[:MOST_FIELDS]
    return {
        "n_rows": now["counts"],
        "n_reference": then["counts"],
        "prob_default": _means({"counts": now["counts"], "sums": now["risks"]}),
        "prob_default_reference": _means({"counts": then["counts"], "sums": then["risks"]}),
        "n_known_reference": then["n_known"],
        "n_bad_reference": then["n_bad"],
        "fields": [
            _field(reference["fields"][name], then["fields"][name], now["fields"][name], schema.field(name))
            for name in names
        ],
    }


def _field(entry: Entry, then: DecileSums, now: DecileSums, field: Field) -> DecileField:
    value = commonest(entry) if entry["type"] == "category" else None
    before, after = _means(then), _means(now)
    sd = entry["sd"] if entry["type"] == "numeric" else None
    return {
        "name": field.name,
        "label": field.label,
        "unit": field.unit,
        "value": None if value is None else field.category_label(value),
        "is_share": entry["type"] == "category",
        "means": after,
        "means_reference": before,
        "moved": [
            None if one is None or other is None else _moved(one, other, 1 / n + 1 / m, sd)
            for one, other, n, m in zip(before, after, then["counts"], now["counts"], strict=True)
        ],
    }


def _moved(then: float, now: float, parts: float, sd: float | None) -> float | None:
    """By how much a mean has moved; None if chance explains it."""
    if sd is not None:
        moved = (now - then) / sd if sd else 0.0
        return round(moved, 6) if abs(moved) > STANDARD_ERRORS * math.sqrt(parts) else None
    middle = min(max((then + now) / 2, 0.0), 1.0)
    error = math.sqrt(middle * (1 - middle) * parts)
    return round(now - then, 6) if abs(now - then) > STANDARD_ERRORS * error else None


def _means(sums: DecileSums) -> list[float | None]:
    return [
        round(total / count, 6) if count >= MIN_OF_A_DECILE and math.isfinite(total) else None
        for count, total in zip(sums["counts"], sums["sums"], strict=True)
    ]


def realised_deciles(prob_default: FloatArray, target: IntArray, edges: Sequence[float]) -> list[RealisedDecile]:
    """How clients turned out (1 = bad) by decile of their PD, the lowest risk first; `edges` part the deciles."""
    n_deciles = len(edges) + 1
    places = np.searchsorted(np.asarray(edges), prob_default, side="left")
    counts, bads, risks = (np.bincount(places, side, minlength=n_deciles) for side in (None, target, prob_default))
    return [
        {
            "n_rows": int(count),
            "n_bad": int(bad),
            "prob_default": round(risk / count, 6) if count >= MIN_OF_A_DECILE else None,
        }
        for count, bad, risk in zip(counts.tolist(), bads.tolist(), risks.tolist(), strict=True)
    ]


def heat_map(figures: DecileFigures, realised: Sequence[RealisedDecile]) -> list[Line]:
    """The lines of the page's table: how many, how risky, how they turned out, then field by field.

    Parameters
    ----------
    realised
        Clients whose outcome is known, by decile; empty if there are none.
    """
    n_now, n_then = sum(figures["n_rows"]), sum(figures["n_reference"])
    pairs = zip(figures["n_rows"], figures["n_reference"], strict=True)
    lines = [
        Line("Applications, of 100", tuple(Cell(_share(now, n_now), _share(then, n_then)) for now, then in pairs)),
        _line("Predicted risk, of 100", figures["prob_default"], figures["prob_default_reference"], is_share=True),
    ]
    if realised or any(figures["n_known_reference"]):
        outcomes = [(one["n_bad"], one["n_rows"]) for one in realised] or [(0, 0)] * len(figures["n_rows"])
        before = zip(figures["n_bad_reference"], figures["n_known_reference"], strict=True)
        now, then = (
            [bad / known if known >= MIN_OF_A_DECILE else None for bad, known in side] for side in (outcomes, before)
        )
        lines.append(_line("Turned out bad, of 100 with an outcome", now, then, is_share=True))
    for field in figures["fields"]:
        unit = "of 100" if field["is_share"] else field["unit"]
        label = f"{field['label']}: {field['value']}" if field["value"] else field["label"]
        shades = [_shade(moved, is_share=field["is_share"]) for moved in field["moved"]]
        label = f"{label}, {unit}" if unit else label
        lines.append(_line(label, field["means"], field["means_reference"], shades, is_share=field["is_share"]))
    return lines


def _line(
    label: str,
    now: list[float | None],
    then: list[float | None],
    shades: list[float] | None = None,
    *,
    is_share: bool,
) -> Line:
    cells = zip(now, then, shades or [0.0] * len(now), strict=True)
    return Line(
        label, tuple(Cell(_in_words(one, is_share), _in_words(other, is_share), shade) for one, other, shade in cells)
    )


def _shade(moved: float | None, *, is_share: bool) -> float:
    full = FULL_SHADE_OF_SHARES if is_share else FULL_SHADE
    return 0.0 if moved is None else max(-1.0, min(1.0, moved / full))


def _share(count: int, of_all: int) -> str:
    return f"{100 * count / of_all:.0f}" if of_all else "–"


def _in_words(mean: float | None, is_share: bool) -> str:
    if mean is None:
        return "–"
    value = 100 * mean if is_share else mean
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
