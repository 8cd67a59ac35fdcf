"""The field's figures: ranking, calibration, losses, breakdowns, fairness, profiles and their stability."""

from creditrisk.metrics.breakdowns import MIN_OF_EACH, Decile, Group, by_group, deciles, periods
from creditrisk.metrics.calibration import (
    calibration_error,
    calibration_error_floor,
    fit_line,
    fit_logistic,
    log_odds_of,
    recalibrate,
    smoothed_bad_rate,
)
from creditrisk.metrics.fairness import MIN_GROUP_ROWS, Treatment, audit, groups_of, may_be_basis, protected_groups
from creditrisk.metrics.intervals import Estimate, mean_estimate, rate, rate_interval, with_interval
from creditrisk.metrics.losses import decision_costs, log_loss, log_losses
from creditrisk.metrics.performance import Performance, evaluate
from creditrisk.metrics.profile import (
    Entry,
    NumericEntry,
    Profile,
    bin_counts,
    build_profile,
    check_profile,
    reference_counts,
)
from creditrisk.metrics.ranking import auc, auc_estimate, auc_standard_error, delong
from creditrisk.metrics.stability import (
    ACT_PSI,
    MIN_ROWS,
    SHARE_FLOOR,
    WATCH_PSI,
    ShiftStatus,
    psi_terms,
    shift_of,
)

__all__ = [
    "ACT_PSI",
    "MIN_GROUP_ROWS",
    "MIN_OF_EACH",
    "MIN_ROWS",
    "SHARE_FLOOR",
    "WATCH_PSI",
    "Decile",
    "Entry",
    "Estimate",
    "Group",
    "NumericEntry",
    "Performance",
    "Profile",
    "ShiftStatus",
    "Treatment",
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
    "fit_line",
    "fit_logistic",
    "groups_of",
    "log_loss",
    "log_losses",
    "log_odds_of",
    "may_be_basis",
    "mean_estimate",
    "periods",
    "protected_groups",
    "psi_terms",
    "rate",
    "rate_interval",
    "recalibrate",
    "reference_counts",
    "shift_of",
    "smoothed_bad_rate",
    "with_interval",
]
