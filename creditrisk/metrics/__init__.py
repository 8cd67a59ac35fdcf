"""The field's figures: ranking, calibration, losses, breakdowns, fairness, profiles and their stability."""

from creditrisk.metrics.breakdowns import by_group, deciles, periods
from creditrisk.metrics.calibration import calibration_error, calibration_error_floor, log_odds_of, recalibrate
from creditrisk.metrics.fairness import MIN_GROUP_ROWS, audit, groups_of, may_be_basis, protected_groups
from creditrisk.metrics.intervals import Estimate, mean_estimate, rate, rate_interval, with_interval
from creditrisk.metrics.losses import decision_costs, log_loss
from creditrisk.metrics.performance import Performance, evaluate
from creditrisk.metrics.profile import bin_counts, build_profile, check_profile, reference_counts
from creditrisk.metrics.ranking import auc, auc_estimate, auc_standard_error, delong
from creditrisk.metrics.stability import (
    ACT_PSI,
    MIN_ROWS,
    SHARE_FLOOR,
    WATCH_PSI,
    at_most_ten,
    judge_shift,
    no_drift_bound,
    population_stability_index,
    psi_terms,
)

__all__ = [
    "ACT_PSI",
    "MIN_GROUP_ROWS",
    "MIN_ROWS",
    "SHARE_FLOOR",
    "WATCH_PSI",
    "Estimate",
    "Performance",
    "at_most_ten",
    "auc",
    "auc_estimate",
    "auc_standard_error",
    "audit",
    "bin_counts",
    "build_profile",
    "by_group",
    "calibration_error",
    "calibration_error_floor",
    "check_profile",
    "deciles",
    "decision_costs",
    "delong",
    "evaluate",
    "groups_of",
    "judge_shift",
    "log_loss",
    "log_odds_of",
    "may_be_basis",
    "mean_estimate",
    "no_drift_bound",
    "periods",
    "population_stability_index",
    "protected_groups",
    "psi_terms",
    "rate",
    "rate_interval",
    "recalibrate",
    "reference_counts",
    "with_interval",
]
