"""The field's figures: ranking, calibration, losses, breakdowns, fairness, profiles and their stability."""

from creditrisk.metrics.breakdowns import MIN_OF_EACH, Decile, Group, by_group, deciles, periods
from creditrisk.metrics.by_decile import Deciles, DecileSums, commonest
from creditrisk.metrics.calibration import (
    calibration_error,
    calibration_error_floor,
    fit_line,
    fit_logistic,
    log_odds_of,
    recalibrate,
    smoothed_bad_rate,
)
from creditrisk.metrics.entries import Entry, NumericEntry, count_entry, counts_of
from creditrisk.metrics.estimated import (
    Expected,
    PdCounts,
    count_pds,
    expected_auc,
    expected_bad_rate,
    expected_cost,
    merge_pds,
)
from creditrisk.metrics.fairness import MIN_GROUP_ROWS, Treatment, audit, groups_of, may_be_basis, protected_groups
from creditrisk.metrics.importance import ImportanceShift, importance_shift
from creditrisk.metrics.intervals import Estimate, mean_estimate, rate, rate_interval, with_interval
from creditrisk.metrics.losses import decision_costs, log_loss, log_losses
from creditrisk.metrics.performance import Performance, evaluate
from creditrisk.metrics.profile import Profile, build_profile, check_profile, count_profile, merge_profiles, with_pushes
from creditrisk.metrics.ranking import auc, auc_estimate, auc_standard_error, delong
from creditrisk.metrics.samples import RowSample, codes_in, empty_sample
from creditrisk.metrics.stability import (
    ACT_PSI,
    MIN_ROWS,
    SHARE_FLOOR,
    WATCH_DISTANCE,
    WATCH_PSI,
    Shift,
    ShiftStatus,
    judged,
    psi_terms,
    shift_of,
)

__all__ = [
    "ACT_PSI",
    "MIN_GROUP_ROWS",
    "MIN_OF_EACH",
    "MIN_ROWS",
    "SHARE_FLOOR",
    "WATCH_DISTANCE",
    "WATCH_PSI",
    "Decile",
    "DecileSums",
    "Deciles",
    "Entry",
    "Estimate",
    "Expected",
    "Group",
    "ImportanceShift",
    "NumericEntry",
    "PdCounts",
    "Performance",
    "Profile",
    "RowSample",
    "Shift",
    "ShiftStatus",
    "Treatment",
    "auc",
    "auc_estimate",
    "auc_standard_error",
    "audit",
    "build_profile",
    "by_group",
    "calibration_error",
    "calibration_error_floor",
    "check_profile",
    "codes_in",
    "commonest",
    "count_entry",
    "count_pds",
    "count_profile",
    "counts_of",
    "deciles",
    "decision_costs",
    "delong",
    "empty_sample",
    "evaluate",
    "expected_auc",
    "expected_bad_rate",
    "expected_cost",
    "fit_line",
    "fit_logistic",
    "groups_of",
    "importance_shift",
    "judged",
    "log_loss",
    "log_losses",
    "log_odds_of",
    "may_be_basis",
    "mean_estimate",
    "merge_pds",
    "merge_profiles",
    "periods",
    "protected_groups",
    "psi_terms",
    "rate",
    "rate_interval",
    "recalibrate",
    "shift_of",
    "smoothed_bad_rate",
    "with_interval",
    "with_pushes",
]
