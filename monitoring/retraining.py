"""Whether a report calls for a retraining, and why. Pure functions: results in, sentences out.

A shift of the data alone calls for none: it must also move the risk, or outcomes or the estimate must say that the
model no longer does what it promised. Who trains, and when, is told elsewhere (flows/retraining.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from creditrisk.arrays import FloatArray
from creditrisk.metrics import MIN_ROWS, NumericEntry, PdCounts, expected_auc
from creditrisk.text import counted, distinct
from monitoring.drift import LEVELS, SMALL_IMPACT
from monitoring.performance import MATERIAL_AUC, MATERIAL_RATIO
from monitoring.results import FieldFigures, Interval, Result, with_findings

# How far the AUC to be expected may fall, in standard deviations of what the reference promises.
MOST_SD = 3.0
# Windows drawn from the reference to tell that standard deviation, always the same ones.
N_DRAWN, SEED = 200, 7
LEAST_OF_A_KIND = 30
# A reason travels as a parameter of a run and as a tag of a version.
MOST_REASONS, MOST_CHARACTERS = 5, 1_000


@dataclass(frozen=True, slots=True)
class AucDrop:
    """The AUC that a window's PDs lead to expect, what those of the reference promise, and the promise's spread."""

    now: float
    promised: float
    sd: float

    @property
    def is_alarm(self) -> bool:
        """Whether it fell beyond chance, and by enough to matter."""
        return self.promised - self.now > max(MOST_SD * self.sd, MATERIAL_AUC)


def auc_drop(reference: NumericEntry, current: NumericEntry) -> AucDrop | None:
    """How far the AUC to be expected of a window lies below what the reference promises for so many applications.

    Both are told from the same bins, so that their width cancels out. None where either holds too few applications, or
    too few bads or goods are to be expected.

    Parameters
    ----------
    reference, current
        The entries of the predicted PD in two profiles, counted in the same bins.
    """
    if reference["low"] is None or reference["high"] is None:
        return None
    ends = np.array([reference["low"], *reference["grid"], reference["high"]], dtype=np.float64)
    risks = np.clip((ends[:-1] + ends[1:]) / 2, 0.0, 1.0)
    before, now = (np.array(entry["grid_counts"], dtype=np.float64) for entry in (reference, current))
    n_now = int(now.sum())
    n_bad = float(now @ risks)
    if min(n_now, before.sum()) < MIN_ROWS or min(n_bad, n_now - n_bad) < LEAST_OF_A_KIND:
        return None
    drawn = np.random.default_rng(SEED).multinomial(n_now, before / before.sum(), size=N_DRAWN)
    areas = np.array([_area(counts.astype(np.float64), risks) for counts in drawn])
    # The reference is a sample itself.
    spread = float(areas.std(ddof=1) * np.sqrt(1 + n_now / before.sum()))
    found = AucDrop(_area(now, risks), _area(before, risks), spread)
    return found if np.isfinite([found.now, found.promised, found.sd]).all() else None


def _area(counts: FloatArray, risks: FloatArray) -> float:
    return expected_auc(PdCounts(counts, counts * risks, counts * risks * (1 - risks))).value


def reason_to_retrain(
    result: Result, before: Result | None, drop: AucDrop | None = None, calls: Sequence[str] = ()
) -> str:
    """Why a report calls for a retraining, in sentences; empty if it does not.

    Parameters
    ----------
    before
        The report before this one, if it was about the same version.
    drop
        See `auc_drop`.
    calls
        What triggers say that are met and call for a training.
    """
    reasons = [*_of_outcomes(result, before), *_of_estimate(drop), *_of_drift(result), *calls]
    named = " ".join(reasons[:MOST_REASONS])
    if len(reasons) > MOST_REASONS:
        named += f" And {counted(len(reasons) - MOST_REASONS, 'more reason')}."
    return named if len(named) <= MOST_CHARACTERS else named[: MOST_CHARACTERS - 1] + "…"


def trained_lately(trained_at: datetime | None, as_of: datetime, cooldown_days: int) -> str:
    """That the model was trained within the cool-down, to follow "but"; empty if it was not."""
    if trained_at is None or as_of - trained_at >= timedelta(days=cooldown_days):
        return ""
    days = (as_of - trained_at).days
    ago = "today" if days <= 0 else f"{counted(days, 'day')} ago"
    return f"the model was trained {ago}, and {counted(cooldown_days, 'day')} are waited after a training"


def with_retraining(result: Result, reason: str, *, resting: str = "", how: str = "") -> Result:
    """The result with what calls for a retraining, as its first finding; as its last if nothing is to be done yet.

    Parameters
    ----------
    reason
        See `reason_to_retrain`; without one the result is as it was.
    resting
        See `trained_lately`; with it nothing is called for yet, and that is said.
    how
        What is done about it, or can be, as a sentence.
    """
    if not reason:
        return result
    if resting:
        waits = f"Retraining would be called for, but {resting}. {reason}"
        return {**result, "findings": [*result["findings"], waits]}
    return {**with_findings(result, [f"Retraining is called for. {reason} {how}".rstrip()]), "retraining": reason}


def _of_drift(result: Result) -> list[str]:
    """Fields, and the risk itself, that stand at act and move the average risk; a broken source calls for no model."""
    said = []
    for figures in (result["score"], *result["fields"].values()):
        effect = _effect(figures, is_score=figures is result["score"])
        if figures["status"] == "act" and figures["level"] == LEVELS["act"] and abs(effect) >= SMALL_IMPACT:
            raises = "raises" if effect > 0 else "lowers"
            said.append(
                f"{figures['label']} has shifted strongly, which {raises} the average risk by about "
                f"{abs(effect):.1f} of 100."
            )
    return said


def _effect(figures: FieldFigures, *, is_score: bool) -> float:
    """What a shift adds to the average risk, of 100; 0 where that is not known."""
    if not is_score:
        return figures.get("impact") or 0.0
    now, before = figures.get("mean"), figures.get("mean_reference")
    return 0.0 if now is None or before is None else 100 * (now - before)


def _of_outcomes(result: Result, before: Result | None) -> list[str]:
    """That outcomes were not as expected, in this report and in the one before, to the same side."""
    now, then = _observed_to_expected(result), _observed_to_expected(before) if before else None
    if now is None or then is None or abs(now["value"] - 1) <= MATERIAL_RATIO or not _side(now) == _side(then) != 0:
        return []
    more = "more" if now["value"] > 1 else "fewer"
    return [
        f"In two reports one after the other {more} clients turned out bad than was expected: observed over expected "
        f"{now['value']:.2f} ({now['low']:.2f} to {now['high']:.2f})."
    ]


def _observed_to_expected(result: Result) -> Interval | None:
    realised = result["performance"]["realised"] if "performance" in result else None
    return realised["observed_to_expected"] if realised else None


def _side(ratio: Interval) -> int:
    """1 if the interval lies above 1, -1 if below, 0 if it holds it."""
    return int(ratio["low"] > 1) - int(ratio["high"] < 1)


def _of_estimate(drop: AucDrop | None) -> list[str]:
    if drop is None or not drop.is_alarm:
        return []
    now, promised = distinct(drop.now, drop.promised, places=3)
    return [
        f"The AUC to be expected fell to {now}, where the reference promises {promised}: that is "
        f"{(drop.promised - drop.now) / max(drop.sd, 1e-9):.1f} standard deviations of chance."
    ]
