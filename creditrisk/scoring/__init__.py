"""The scorer: a checked application to a calibrated PD, points, a verdict, how sure it is, and reasons."""

from creditrisk.scoring.calibration import Calibration, fit_calibration, fit_platt, prior_shift, shifted
from creditrisk.scoring.client_ids import KEPT_ID, UNNUMBERED, application_ids, client_words
from creditrisk.scoring.decision import (
    ASK_BELOW,
    BANDS,
    VERDICTS,
    DecisionRule,
    ScoreScale,
    Verdict,
    approved_rows,
    fit_rule,
)
from creditrisk.scoring.evaluation import (
    CutoffFigures,
    Evaluation,
    evaluation_of,
    figures_at,
    read_evaluation,
    weighted,
)
from creditrisk.scoring.folder import MAX_MODEL_BYTES, check_files, check_names, fingerprint, size_of
from creditrisk.scoring.golden import sample_record
from creditrisk.scoring.policy import (
    MAX_WORDS,
    NO_POLICY,
    Cutoffs,
    Policy,
    Stop,
    checked_cutoffs,
    policy_from,
    was_stopped,
)
from creditrisk.scoring.reason_words import OF_ALL, OF_OFFERS, reason_in_full, reason_text, reason_to_applicant
from creditrisk.scoring.reasons import every_reason
from creditrisk.scoring.result_file import RESULT_SUFFIXES, result_file
from creditrisk.scoring.result_table import BYTE_ORDER_MARK, RESULT_COLUMNS, csv_text, result_table
from creditrisk.scoring.scored_row import NamedReason, ReasonRow, ScoredRow
from creditrisk.scoring.scorer import OTHER_FIELDS, Scorer, check_intact, load
from creditrisk.scoring.spread import Spread, fit_spread
from creditrisk.scoring.typical import typical_record
from creditrisk.scoring.what_if import WhatIf, ask, changeable_fields, what_would_change

__all__ = [
    "ASK_BELOW",
    "BANDS",
    "BYTE_ORDER_MARK",
    "KEPT_ID",
    "MAX_MODEL_BYTES",
    "MAX_WORDS",
    "NO_POLICY",
    "OF_ALL",
    "OF_OFFERS",
    "OTHER_FIELDS",
    "RESULT_COLUMNS",
    "RESULT_SUFFIXES",
    "UNNUMBERED",
    "VERDICTS",
    "Calibration",
    "CutoffFigures",
    "Cutoffs",
    "DecisionRule",
    "Evaluation",
    "NamedReason",
    "Policy",
    "ReasonRow",
    "ScoreScale",
    "ScoredRow",
    "Scorer",
    "Spread",
    "Stop",
    "Verdict",
    "WhatIf",
    "application_ids",
    "approved_rows",
    "ask",
    "changeable_fields",
    "check_files",
    "check_intact",
    "check_names",
    "checked_cutoffs",
    "client_words",
    "csv_text",
    "evaluation_of",
    "every_reason",
    "figures_at",
    "fingerprint",
    "fit_calibration",
    "fit_platt",
    "fit_rule",
    "fit_spread",
    "load",
    "policy_from",
    "prior_shift",
    "read_evaluation",
    "reason_in_full",
    "reason_text",
    "reason_to_applicant",
    "result_file",
    "result_table",
    "sample_record",
    "shifted",
    "size_of",
    "typical_record",
    "was_stopped",
    "weighted",
    "what_would_change",
]
