"""Which model serves: what the settings say, else what somebody decided and the decision log holds."""

from __future__ import annotations

from contextlib import suppress

from creditrisk.decision_log import DecisionLog
from creditrisk.errors import DecisionLogError
from creditrisk.registry.registry import Registry
from creditrisk.registry.versions import SERVING_NOTE
from creditrisk.settings import Settings


def serving_name(settings: Settings, registry: Registry) -> str | None:
    """The model to serve and watch: the one in the settings, else the one decided on; None if nothing is."""
    return settings.dataset or registry.served()


def serving_line(settings: Settings) -> str:
    """Which model the page serves and what decided so, in a sentence; empty while nothing is decided."""
    if settings.dataset:
        return f"The page serves {settings.dataset}, as CREDITRISK_DATASET says."
    served = decided(settings)
    return f"The page serves {served}; `riskometer switch MODEL` changes that." if served else ""


def decided(settings: Settings) -> str | None:
    """The model that was decided to serve, told without MLflow; None if nobody decided, or the decision log is away."""
    if settings.dataset:
        return settings.dataset
    with suppress(DecisionLogError):
        log = DecisionLog(settings.decision_log)
        return log.noted(SERVING_NOTE) if log.is_begun() else None
    return None
