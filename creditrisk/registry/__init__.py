"""Model versions in MLflow: stored, proved, promoted with evidence, rolled back, and which of them serves."""

from creditrisk.registry.evidence import Evidence, TrainedFrom, evidence_from, evidence_of, origin_of
from creditrisk.registry.mlflow_files import settle_in
from creditrisk.registry.notes import CHAMPION_NOTE, SCORER_NOTE, SERVING_NOTE
from creditrisk.registry.promotion import (
    DETAILS,
    PACK,
    PAGE,
    PromotionResult,
    approve,
    not_served_notice,
    objections,
    promote_if_better,
    roll_back,
    switch_model,
    who,
)
from creditrisk.registry.registry import TRIAL_FIGURES, Registry, load_version
from creditrisk.registry.served import (
    Champion,
    decided,
    find_challenger,
    find_champion,
    no_champion,
    saved_champion,
    serving_line,
    serving_name,
)
from creditrisk.registry.versions import Version, serving_folder

__all__ = [
    "CHAMPION_NOTE",
    "DETAILS",
    "PACK",
    "PAGE",
    "SCORER_NOTE",
    "SERVING_NOTE",
    "TRIAL_FIGURES",
    "Champion",
    "Evidence",
    "PromotionResult",
    "Registry",
    "TrainedFrom",
    "Version",
    "approve",
    "decided",
    "evidence_from",
    "evidence_of",
    "find_challenger",
    "find_champion",
    "load_version",
    "no_champion",
    "not_served_notice",
    "objections",
    "origin_of",
    "promote_if_better",
    "roll_back",
    "saved_champion",
    "serving_folder",
    "serving_line",
    "serving_name",
    "settle_in",
    "switch_model",
    "who",
]
