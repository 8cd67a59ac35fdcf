"""Drift of importance: whether the fields that count most are those that did, as an alarm by two keys and in words."""

from __future__ import annotations

from dataclasses import dataclass

from creditrisk.metrics import MIN_ROWS, ImportanceShift, Profile, importance_shift
from monitoring.results import ImportanceFigures

# A gain of 0.98 is about what it costs if the two first fields change places and one is a tenth ahead of the other;
# below 0.90 Amazon SageMaker Clarify warns.
WATCH_GAIN, ACT_GAIN = 0.98, 0.90
# So seldom chance alone may raise it.
P_VALUE = 0.005
# So many fields are the first.
FIRST = 5


@dataclass(frozen=True, slots=True)
class ImportanceDrift:
    """How the order of importance has changed; `level` is 0 stable, 1 watch, 2 act."""

    shift: ImportanceShift
    level: int

    @property
    def moved(self) -> list[tuple[str, int, int]]:
        """The fields among the first then or now whose rank is another: name, rank then, rank now."""
        ranks = self.shift.ranks().items()
        return [(name, then, now) for name, (then, now) in ranks if then != now and min(then, now) <= FIRST]


def importance_drift(reference: Profile, current: Profile) -> ImportanceDrift | None:
    """Judge the order of importance; None if there are too few rows, or nobody knows what values add to the risk."""
    if min(reference["n_rows"], current["n_rows"]) < MIN_ROWS:
        return None
    shift = importance_shift(reference, current)
    if shift is None:
        return None
    is_significant = shift.p_value <= P_VALUE
    return ImportanceDrift(shift, int(is_significant) * ((shift.gain < WATCH_GAIN) + (shift.gain < ACT_GAIN)))


def in_figures(found: ImportanceDrift) -> ImportanceFigures:
    """Ready for the result."""
    shift = found.shift
    return {
        "gain": round(shift.gain, 6),
        "gain_bound": round(shift.bound, 6),
        "p_value": round(shift.p_value, 6),
        "level": found.level,
        "fields": {
            name: {
                "importance": round(shift.current[name], 6),
                "importance_reference": round(shift.reference[name], 6),
                "rank": now,
                "rank_reference": then,
            }
            for name, (then, now) in shift.ranks().items()
        },
    }
