"""Model versions in MLflow: stored, proved, promoted with evidence, rolled back, and which of them serves."""

from creditrisk.registry.mlflow_files import settle_in
from creditrisk.registry.promotion import (
    DETAILS,
    PACK,
    PAGE,
    approve,
    evidence_tags,
    floors,
    not_served_notice,
    objections,
    promote_if_better,
    roll_back,
    switch_model,
    who,
)
from creditrisk.registry.registry import TRIAL_FIGURES, Registry, load_version
from creditrisk.registry.served import decided, serving_line, serving_name
from creditrisk.registry.versions import SCORER_NOTE, Version, serving_folder

__all__ = [
    "DETAILS",
    "PACK",
    "PAGE",
    "SCORER_NOTE",
    "TRIAL_FIGURES",
    "Registry",
    "Version",
    "approve",
    "decided",
    "evidence_tags",
    "floors",
    "load_version",
    "not_served_notice",
    "objections",
    "promote_if_better",
    "roll_back",
    "serving_folder",
    "serving_line",
    "serving_name",
    "settle_in",
    "switch_model",
    "who",
]
