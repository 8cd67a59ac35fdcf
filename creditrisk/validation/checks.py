"""The checks of the pack, and what they come to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from creditrisk.comparison import COVERAGES, SLOPES, within
from creditrisk.metrics import Estimate, with_interval
from creditrisk.text import counted, per_cent
from creditrisk.validation.reason_tests import JITTER

FOUR_FIFTHS = 0.8
# Libraries that count in single precision add up to about 0.00001 log-odds; ten times that moves no PD anybody sees.
ADDS_UP = 1e-4
SAME_REASONS = 0.75
# Without its first reason a PD must be lower so often; a field that works together with others may be an exception.
LOWER_WITHOUT = 0.95


def compared(field: Mapping[str, Any]) -> list[Any]:
    """The groups of a protected field that are held against another and large enough to say anything of."""
    return [group for group in field["groups"] if group.impact_ratio is not None and not group.is_small]


def checks_of(found: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What a reader in a hurry looks for: each either holds, calls for a look, or cannot be told from these rows."""
    performance, calibration, reasons = found["performance"], found["calibration"], found["reasons"]
    area, cost, slope = performance["auc"], performance["cost"], calibration["slope"]
    checks = [
        _check("performance", "Ranks better than guessing", area.low > 0.5, f"AUC {with_interval(area)}"),
        _check(
            "performance",
            "Decides more cheaply than without a model",
            cost.high < performance["cost_without_model"],
            f"{with_interval(cost)} per applicant instead of {performance['cost_without_model']:.3f}",
        ),
        _check(
            "calibration",
            f"Neither over- nor under-confident: slope {SLOPES[0]} to {SLOPES[1]}",
            within(slope, *SLOPES),
            f"slope {with_interval(slope, 2)}",
        ),
        _check(
            "calibration",
            "Calibration error within chance",
            calibration["error"] <= calibration["error_bound"],
            f"calibration error {calibration['error']:.3f}; true PDs stay below {calibration['error_bound']:.3f} "
            "95 times in 100",
        ),
    ]
    for outcome in ("bads", "goods"):
        share = Estimate(**calibration["coverage"][0][outcome])
        checks.append(
            _check(
                "calibration",
                f"Confidence holds for {outcome}: 90 %, give or take 4",
                within(share, *COVERAGES),
                f"{100 * share.value:.1f} % ({100 * share.low:.1f} to {100 * share.high:.1f})",
            )
        )
    shifts = found["stability"]["shifts"]
    moved = [shift["label"] for shift in shifts if shift["status"] in ("watch", "act")]
    judged = any(shift["status"] != "too few rows" for shift in shifts)
    checks.append(
        _check(
            "stability",
            "Applicants are like those it learnt from",
            not moved if judged else None,
            (f"shifted: {', '.join(moved)}" if moved else f"PSI of the score {shifts[0]['psi']:.3f}")
            if judged
            else "no dates to tell by"
            if not shifts
            else "too few rows to tell",
        )
    )
    used = reasons["protected_used"]
    checks.append(_check("fairness", "Uses no protected field", not used, f"uses {', '.join(used) or 'none'}"))
    checks += [_fair(field) for field in found["fairness"]]
    fell = reasons["deletion"]["fell"]
    checks.append(
        _check(
            "reasons",
            "Reasons add up, and without the first the risk is lower",
            None
            if not reasons["deletion"]["n"]
            else within(fell, LOWER_WITHOUT, 1.0)
            if reasons["additivity_error"] < ADDS_UP
            else False,
            f"lower in {100 * fell.value:.0f} % of {reasons['deletion']['n']:,} cases"
            if reasons["deletion"]["n"]
            else "nobody was referred or declined",
        )
    )
    steadiness = reasons["steadiness"]
    kept = steadiness["reasons_kept"]
    checks.append(
        _check(
            "reasons",
            f"Reasons stay when numbers move by {100 * JITTER:.0f} %",
            None if kept is None else kept >= SAME_REASONS,
            "nobody was referred or declined"
            if kept is None
            else f"{per_cent(kept)} of them stay; {per_cent(steadiness['same_verdict'])} get the same advice",
        )
    )
    return checks


def _fair(field: Mapping[str, Any]) -> dict[str, Any]:
    """Whether no group is offered less than four fifths as often; a gap that chance explains cannot be told."""
    label = f"{field['label']}: four-fifths rule"
    groups = compared(field)
    if not groups:
        return _check("fairness", label, None, "not held in the table" if not field["groups"] else "groups too small")
    below = [group for group in groups if group.impact_ratio.value < FOUR_FIFTHS]
    beyond_chance = [group for group in below if group.impact_ratio.high < 1]
    worst = min(beyond_chance or groups, key=lambda group: group.impact_ratio.value)
    holds = None if below and not beyond_chance else not below
    return _check("fairness", label, holds, f"{worst.label}: {with_interval(worst.impact_ratio, 2)}")


def _check(section: str, label: str, holds: bool | None, finding: str) -> dict[str, Any]:
    status = "unknown" if holds is None else "holds" if holds else "look"
    return {"section": section, "label": label, "status": status, "finding": finding}


def headline_of(checks: Sequence[Mapping[str, Any]]) -> str:
    """How many checks hold, in a sentence."""
    counts = Counter(check["status"] for check in checks)
    n_hold, n_look, n_unknown = (counts[status] for status in ("holds", "look", "unknown"))
    with_interval = [f"All {n_hold} checks hold" if n_hold == len(checks) else f"{n_hold} of {len(checks)} checks hold"]
    with_interval += [counted(n_look, "calls for a look", "call for a look")] if n_look else []
    with_interval += [f"{n_unknown} cannot be told"] if n_unknown else []
    return "; ".join(with_interval)
