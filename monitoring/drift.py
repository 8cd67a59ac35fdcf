"""Drift between the champion's reference profile and the profile of a window of scored applications.

Pure functions: counts in, figures and sentences out. What is an alarm is told by `metrics.judged`, the one drift rule.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np

from creditrisk.arrays import FloatArray
from creditrisk.metrics import (
    MIN_ROWS,
    SHARE_FLOOR,
    WATCH_PSI,
    Entry,
    Profile,
    RowSample,
    Shift,
    judged,
    psi_terms,
    shift_of,
)
from creditrisk.schema import Field, Schema
from creditrisk.text import counted, distinct, shares_in_per_cent, singular
from monitoring.deciles import decile_figures
from monitoring.joint import JointDrift, joint_drift
from monitoring.ranking import ImportanceDrift, importance_drift
from monitoring.results import DecileFigures

# A window with one single value is a finding if chance would make one less often than this.
CONSTANT_CHANCE = 0.01
# A change of the average risk, of 100, below which a shift is called harmless.
SMALL_IMPACT = 0.1

Status = Literal["stable", "watch", "act", "too few rows", "empty window", "all missing", "constant"]
LEVELS = {"stable": 0, "watch": 1, "act": 2}
CANNOT_JUDGE = -1
# The words for two bins: rows without a value, and values that the reference does not hold.
MISSING, UNSEEN = "no value", "an unseen value"
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
    -1 cannot be judged; `status` is the word for it, or for what is wrong with the column. `distance` is in standard
    deviations of the reference for a number with spread, Jensen-Shannon otherwise; `p_value` how likely chance alone
    would do this much. `impact` is what the shift adds to the average risk, of 100, for a field whose part in the risk
    is known. Figures that do not exist (no rows, no values) are None, never NaN.
    """

    name: str
    label: str
    status: Status
    level: int
    n_rows: int
    n_reference: int
    psi: float | None
    psi_bound: float | None
    p_value: float | None
    distance: float | None
    impact: float | None
    mean: float | None
    mean_reference: float | None
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
    """Every field of one window, and the score, against the reference; then all fields together.

    `joint` and `importance` are None where they cannot be judged, `deciles` where there are no rows.
    """

    n_rows: int
    fields: tuple[FieldDrift, ...]
    score: FieldDrift
    joint: JointDrift | None = None
    importance: ImportanceDrift | None = None
    deciles: DecileFigures | None = None

    @property
    def drift_share(self) -> float | None:
        """Share of the fields that could be judged which stand at watch or act; None if none could be judged."""
        judged = [field.level for field in self.fields if field.level != CANNOT_JUDGE]
        return sum(level >= LEVELS["watch"] for level in judged) / len(judged) if judged else None


def compare(reference: Profile, schema: Schema, current: Profile, sample: RowSample | None = None) -> Drift:
    """Hold a window of the decision log against the champion's reference profile.

    Parameters
    ----------
    reference
        As `metrics.build_profile` makes it.
    schema
        Gives the words for fields, units and categories.
    current
        The window, counted in the bins of the reference (see `windows.profile_of`); may be empty.
    sample
        Rows of it; without them, drift of all fields together is not judged.
    """
    pairs = [
        (reference["prob_default"], current["prob_default"], SCORE),
        *((entry, current["fields"][name], schema.field(name)) for name, entry in reference["fields"].items()),
    ]
    shifts = judged([shift_of(then, now, bin_words(then, field)) for then, now, field in pairs])
    mean_risk = reference["prob_default"]["mean"] or 0.0
    # How much of 100 one more of log-odds is, at the average risk.
    of_100 = 100 * mean_risk * (1 - mean_risk)
    found = [_field_drift(pair[0], pair[1], pair[2], shift, of_100) for pair, shift in zip(pairs, shifts, strict=True)]
    n_rows = current["n_rows"]
    return Drift(
        n_rows=n_rows,
        fields=tuple(found[1:]),
        score=found[0],
        joint=None if sample is None else joint_drift(reference, sample),
        importance=importance_drift(reference, current),
        deciles=decile_figures(reference, current, schema) if n_rows else None,
    )


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
    sentences += [*_about_all_together(drift), *_about_importance(drift)]
    if not sentences:
        sentences.append("Nothing has drifted: every field and the predicted risk look as they did in the reference.")
    return sentences


def _about_all_together(drift: Drift) -> list[str]:
    joint = drift.joint
    if joint is None or not joint.level:
        return []
    by_name = {field.name: field for field in drift.fields}
    leant_on = [by_name[name] for name in joint.fields]
    auc, bound = distinct(joint.auc, joint.bound, places=2)
    alone = ""
    if not any(field.level >= LEVELS["watch"] for field in leant_on):
        alone = ": how the fields go together has changed, though none of them has shifted by itself"
    return [
        f"All fields taken together, these applications can be told from those of the reference (AUC {auc}; chance "
        f"alone stays below {bound}), mostly by {' and '.join(field.label for field in leant_on)}{alone}."
    ]


def _about_importance(drift: Drift) -> list[str]:
    importance = drift.importance
    if importance is None or not importance.level:
        return []
    labels = {field.name: field.label for field in drift.fields}
    # A gain of 1 would be the same order: what is below it is not written as 1.
    gain, bound, _ = distinct(importance.shift.gain, importance.shift.bound, 1.0, places=2)
    moves = ", ".join(f"{labels[name]} (number {then}, now {now})" for name, then, now in importance.moved)
    return [
        f"The fields that count most in the risk are others than before: {moves} (gain {gain}; chance alone stays "
        f"above {bound}). Look whether the model still fits these applications."
    ]


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
        share_before, share_now = shares_in_per_cent(change.reference_share, now, places=0)
        direction = "more" if now > change.reference_share else "fewer"
        strength = "has shifted strongly" if field.status == "act" else "has shifted"
        sentences.append(
            f"{field.label} {strength} ({_how_far(field)}): mostly {direction} "
            f"applications with {change.words} ({share_before} before, {share_now} now){_impact(field, change)}."
        )
    if field.n_unseen:
        rows = "row holds" if field.n_unseen == 1 else "rows hold"
        sentences.append(f"{field.label}: {field.n_unseen} {rows} a value that the model has never seen.")
    return sentences


def _how_far(field: FieldDrift) -> str:
    """The figures that speak for a shift."""
    psi, bound = distinct(field.psi or 0.0, field.psi_bound or 0.0, places=2)
    by_psi = f"PSI {psi}; chance alone stays below {bound}"
    if (field.psi or 0.0) > WATCH_PSI or field.distance is None:
        return by_psi
    # It is the distance that turns the key.
    unit = "standard deviations" if field.mean_reference is not None else "in Jensen-Shannon distance"
    return f"by {field.distance:.2f} {unit}; {by_psi}"


def _impact(field: FieldDrift, change: Bin) -> str:
    """What that does to the risk, to follow what has shifted."""
    if field.impact is None:
        return ""
    if change.words == UNSEEN:
        return "; what that does to the risk cannot be told, as the model learned nothing about it"
    if abs(field.impact) < SMALL_IMPACT:
        return "; it hardly moves the average risk"
    raises = "raises" if field.impact > 0 else "lowers"
    return f"; that {raises} the average risk by about {abs(field.impact):.1f} of 100"


def _field_drift(reference: Entry, current: Entry, field: Field, shift: Shift, of_100: float) -> FieldDrift:
    before, now, n_missing = shift.reference, shift.current, shift.n_missing
    n_reference, n_rows = int(before.sum()), int(now.sum())
    status: Status = shift.status if n_rows else "empty window"
    level = LEVELS.get(shift.status, CANNOT_JUDGE)
    if n_rows and n_missing == n_rows:
        status = "all missing"
    elif n_rows and _is_constant(current, before / max(n_reference, 1)):
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
        p_value=shift.p_value,
        distance=shift.distance,
        impact=None if shift.impact is None else shift.impact * of_100,
        mean=current["mean"] if current["type"] == "numeric" else None,
        mean_reference=reference["mean"] if reference["type"] == "numeric" else None,
        missing_share=n_missing / n_rows if n_rows else None,
        missing_share_reference=reference["n_missing"] / n_reference if n_reference else 0.0,
        n_unseen=shift.n_unseen,
        bins=tuple(
            Bin(text, then / max(n_reference, 1), count / n_rows if n_rows else None)
            for text, then, count in zip(shift.words, before.tolist(), now.tolist(), strict=True)
        ),
    )


def _is_constant(current: Entry, reference_shares: FloatArray) -> bool:
    """Whether one value fills the window where the reference would hardly ever give that."""
    if current["type"] == "numeric":
        n_present = sum(current["counts"])
        is_one = current["low"] == current["high"]
    else:
        present = [count for count in (*current["counts"], current["n_unseen"]) if count]
        # Unseen values are counted together: there may be several.
        n_present, is_one = sum(present), len(present) == 1 and not current["n_unseen"]
    return n_present >= 2 and is_one and bool((reference_shares**n_present).sum() < CONSTANT_CHANCE)


def bin_words(entry: Entry, field: Field) -> list[str]:
    """Words for every bin, in the order of the counts, to follow "applications with".

    Examples
    --------
    >>> late = Field("late_count", "integer", "Late", unit="payments")
    >>> bin_words({"type": "numeric", "edges": [0.0, 1.0]}, late)
    ['0 payments or less', '0 to 1 payment', 'more than 1 payment', 'no value']
    """
    if entry["type"] == "category":
        return [*(field.category_label(value) for value in entry["categories"]), MISSING, UNSEEN]
    scale = 100 if field is SCORE else 1
    values = [scale * edge for edge in entry["edges"]]
    edges = [f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}" for value in values]
    if not edges:
        return ["any value", MISSING]

    def with_unit(words: str, last: str) -> str:
        return f"{words} {singular(field.unit) if last == '1' else field.unit}".strip()

    between = [with_unit(f"{low} to {high}", high) for low, high in pairwise(edges)]
    lowest, highest = with_unit(edges[0], edges[0]), with_unit(edges[-1], edges[-1])
    return [f"{lowest} or less", *between, f"more than {highest}", MISSING]
