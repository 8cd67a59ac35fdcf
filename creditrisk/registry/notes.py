"""What the decision log holds of model versions, outside MLflow's reach: fingerprints, champions, and what serves."""

from __future__ import annotations

from creditrisk.decision_log import GENESIS, Actor, DecisionLog, Head

# Kinds of notes in the decision log.
SCORER_NOTE, CHAMPION_NOTE, SERVING_NOTE = "scorer", "champion", "serving"


class Notes:
    """The notes of one decision log; one that is not begun yet holds none, and is begun by the first.

    Parameters
    ----------
    decision_log
        Its database, as a URL.
    """

    def __init__(self, decision_log: str) -> None:
        self._log = DecisionLog(decision_log)

    def scorer(self, model: str, version: str) -> str | None:
        """The fingerprint of a version, as it was first noted; None if it never was."""
        return self._noted(SCORER_NOTE, f"{model}/{version}")

    def champion(self, model: str) -> str | None:
        """The version that was last made champion of a model; None if none was."""
        return self._noted(CHAMPION_NOTE, model)

    def served(self) -> str | None:
        """The model that was decided to serve; None if nobody decided yet."""
        return self._noted(SERVING_NOTE, "")

    def head(self) -> Head:
        """Number and hash of the last decision; those before the first, if there is none."""
        return self._log.head() if self._log.is_begun() else (0, GENESIS)

    def note_scorer(self, model: str, version: str, sha256: str, *, by: str | Actor, why: str) -> None:
        """Note the fingerprint of a version; the first note of it counts."""
        self._log.note(SCORER_NOTE, f"{model}/{version}", sha256, by=by, why=why)

    def note_champion(self, model: str, version: str, *, by: str | Actor, why: str) -> None:
        """Note that a version is made champion."""
        self._log.note(CHAMPION_NOTE, model, version, by=by, why=why)

    def note_served(self, model: str, *, by: str | Actor, why: str) -> None:
        """Note which model serves from now on."""
        self._log.note(SERVING_NOTE, "", model, by=by, why=why)

    def _noted(self, kind: str, key: str) -> str | None:
        return self._log.noted(kind, key) if self._log.is_begun() else None
