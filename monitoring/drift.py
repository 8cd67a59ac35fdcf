"""Drift between the champion's reference profile and a window of scored applications.

Pure functions: counts and frames in, figures and sentences out.

An alarm takes two keys. A shift must be *significant*, larger than chance makes it in samples of this size, and
*material*, large enough to matter. Either key alone cries wolf: the usual 0.10 line on small windows, a significance
test on large ones.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np
import polars as pl

from creditrisk.arrays import FloatArray
from creditrisk.metrics import MIN_ROWS, SHARE_FLOOR, Entry, NumericEntry, Profile, psi_terms, shift_of
from creditrisk.schema import Field, Schema
from creditrisk.text import counted, distinct, shares_in_per_cent

# A window with one single value is a finding if chance would make one less often than this.
CONSTANT_CHANCE = 0.01

Status = Literal["stable", "watch", "act", "too few rows", "empty window", "all missing", "constant"]
LEVELS = {"stable": 0, "watch": 1, "act": 2}
CANNOT_JUDGE = -1
# The predicted PD is looked at like a field; people read it as "n of 100".
SCORE = Field("prob_default", "number", "Predicted risk", unit="of 100")


@dataclass(frozen=True, slots=True)
class Bin:
    """One frozen bin: its words, and the share of rows in it then and now (None: no rows now)."""

    words: str
    reference_share: float
    current_share: float | None


@dataclass(frozen=True, slots=True)
class FieldDrift:
    """How one field, or the predicted PD, stands against the reference.

    `psi_bound` is what chance alone stays below in 95 of 100 windows of this size. `level` is 0 stable, 1 watch, 2 act,
    -1 cannot be judged; `status` is the word for it, or for what is wrong with the column. Figures that do not exist
    (no rows, no values) are None, never NaN.
    """

    name: str
    label: str
    status: Status
    level: int
    n_rows: int
    n_reference: int
    psi: float | None
    psi_bound: float | None
    missing_share: float | None
    missing_share_reference: float
    n_unseen: int
    bins: tuple[Bin, ...]

    @property
    def largest_change(self) -> Bin | None:
        """The bin that adds most to the PSI."""
        if self.psi is None:
            return None
        shares = np.array([[bin_.reference_share, bin_.current_share] for bin_ in self.bins], dtype=np.float64)
        return self.bins[int(np.argmax(psi_terms(shares[:, 0], shares[:, 1], SHARE_FLOOR)))]


@dataclass(frozen=True, slots=True)
class Drift:
    """Every field of one window, and the score, against the reference."""

    n_rows: int
    fields: tuple[FieldDrift, ...]
    score: FieldDrift

    @property
    def drift_share(self) -> float | None:
        """Share of the fields that could be judged which stand at watch or act; None if none could be judged."""
        judged = [field.level for field in self.fields if field.level != CANNOT_JUDGE]
        return sum(level >= LEVELS["watch"] for level in judged) / len(judged) if judged else None


def compare(profile: Profile, schema: Schema, window: pl.DataFrame, *, model_version: str) -> Drift:
    """Hold a window of the decision log against the champion's reference profile.

    Parameters
    ----------
    profile
        As `creditrisk.metrics.build_profile` makes it.
    schema
        Gives the words for fields, units and categories.
    window
        One row per decision: a column per input field, `prob_default` and `model_version`; may be empty. An input field
        without a column counts as missing in every row.
    model_version
        The champion's. Scores by other versions are left out of the score's PSI: a change of model is not drift.
    """
    fields = []
    for name, entry in profile["fields"].items():
        column = window[name] if name in window.columns else pl.Series(name, [None] * window.height, dtype=pl.String)
        fields.append(_field_drift(entry, schema.field(name), column))
    scores = pl.Series([], dtype=pl.Float64)
    if not window.is_empty():
        scores = window.filter(pl.col("model_version") == model_version)["prob_default"] * 100
    entry = profile["prob_default"]
    in_percent: NumericEntry = {**entry, "edges": [edge * 100 for edge in entry["edges"]]}
    score = _field_drift(in_percent, SCORE, scores)
    return Drift(n_rows=window.height, fields=tuple(fields), score=score)


def findings(drift: Drift) -> list[str]:
    """What a person should know, in sentences, the most pressing first; never empty."""
    if drift.n_rows == 0:
        return ["No application was scored in this window, so there is nothing to compare."]
    sentences = []
    if drift.n_rows < MIN_ROWS:
        sentences.append(
            f"Only {counted(drift.n_rows, 'application was', 'applications were')} scored. From {MIN_ROWS} on, drift "
            "can be told from chance; the figures below are for information."
        )
    everything = sorted([drift.score, *drift.fields], key=lambda field: -field.level)
    sentences += [sentence for field in everything for sentence in _sentences(field)]
    if not sentences:
        sentences.append("Nothing has drifted: every field and the predicted risk look as they did in the reference.")
    return sentences


def _sentences(field: FieldDrift) -> list[str]:
    sentences = []
    if field.status == "all missing":
        [share_before] = shares_in_per_cent(field.missing_share_reference, places=0)
        sentences.append(
            f"{field.label} is missing in every row (reference: {share_before}). Check the source that delivers it."
        )
    elif field.status == "constant":
        sentences.append(
            f"{field.label} holds one single value in all rows that have one. Check the source that delivers it."
        )
    elif field.level >= LEVELS["watch"] and field.largest_change is not None:
        change = field.largest_change
        now = change.current_share or 0.0
        psi, bound = distinct(field.psi or 0.0, field.psi_bound or 0.0, places=2)
        share_before, share_now = shares_in_per_cent(change.reference_share, now, places=0)
        direction = "more" if now > change.reference_share else "fewer"
        strength = "has shifted strongly" if field.status == "act" else "has shifted"
        sentences.append(
            f"{field.label} {strength} (PSI {psi}; chance alone stays below {bound}): mostly {direction} "
            f"applications with {change.words} ({share_before} before, {share_now} now)."
        )
    if field.n_unseen:
        rows = "row holds" if field.n_unseen == 1 else "rows hold"
        sentences.append(f"{field.label}: {field.n_unseen} {rows} a value that the model has never seen.")
    return sentences


def _field_drift(entry: Entry, field: Field, column: pl.Series) -> FieldDrift:
    shift = shift_of(entry, column, _bin_words(entry, field))
    before, now, n_missing = shift.reference, shift.current, shift.n_missing
    n_reference, n_rows = int(before.sum()), int(now.sum())
    status: Status = shift.status if n_rows else "empty window"
    level = LEVELS.get(shift.status, CANNOT_JUDGE)
    if n_rows and n_missing == n_rows:
        status = "all missing"
    elif n_rows and _is_constant(column, before / max(n_reference, 1)):
        status = "constant"
    return FieldDrift(
        name=field.name,
        label=field.label,
        status=status,
        level=level,
        n_rows=n_rows,
        n_reference=n_reference,
        psi=shift.psi,
        psi_bound=shift.bound,
        missing_share=n_missing / n_rows if n_rows else None,
        missing_share_reference=entry["n_missing"] / n_reference if n_reference else 0.0,
        n_unseen=shift.n_unseen,
        bins=tuple(
            Bin(text, then / max(n_reference, 1), current / n_rows if n_rows else None)
            for text, then, current in zip(shift.words, before.tolist(), now.tolist(), strict=True)
        ),
    )


def _is_constant(column: pl.Series, reference_shares: FloatArray) -> bool:
    """Whether one value fills the window where the reference would hardly ever give that."""
    present = column.drop_nulls()
    if len(present) < 2 or present.n_unique() > 1:
        return False
    return bool((reference_shares ** len(present)).sum() < CONSTANT_CHANCE)


def _bin_words(entry: Entry, field: Field) -> list[str]:
    """Words for every bin, in the order of the counts, to follow "applications with"."""
    if entry["type"] == "category":
        return [*(field.category_label(value) for value in entry["categories"]), "no value", "an unseen value"]
    unit = f" {field.unit}" if field.unit else ""
    edges = [f"{edge:,.0f}" if abs(edge) >= 100 else f"{edge:.3g}" for edge in entry["edges"]]
    if not edges:
        return ["any value", "no value"]
    between = [f"{low} to {high}{unit}" for low, high in pairwise(edges)]
    return [f"{edges[0]}{unit} or less", *between, f"more than {edges[-1]}{unit}", "no value"]
