"""The mean of a forest's, a boosting's and a network's log-odds: they err on different applicants, the mean on fewer.

Blending on log-odds keeps contributions additive; the mean is under-confident, which the calibration behind it mends.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from creditrisk.encoding import Encoder, FloatArray
from creditrisk.learners import Model, family

COMPLEXITY = 8
MEMBERS = ("random_forest", "lightgbm", "dnn")


@dataclass(frozen=True)
class BlendModel:
    """Fitted members, in the order of `MEMBERS`."""

    members: tuple[Model, ...]
    family: str = "blend"
    history: Mapping[str, Sequence[float]] = field(default_factory=dict, compare=False)

    def log_odds(self, matrix: FloatArray) -> FloatArray:
        """See `Model.log_odds`."""
        mean: FloatArray = np.mean([member.log_odds(matrix) for member in self.members], axis=0)
        return mean

    def contributions(self, matrix: FloatArray) -> FloatArray:
        """See `Model.contributions`: the mean of the members' contributions adds up to the mean of their log-odds."""
        mean: FloatArray = np.mean([member.contributions(matrix) for member in self.members], axis=0)
        return mean

    def save(self, folder: Path) -> None:
        """Write each member's own `model.*` file."""
        for member in self.members:
            member.save(folder)


def combine(fitted: Mapping[str, Model]) -> BlendModel:
    """Blend members that were fitted already."""
    return BlendModel(tuple(fitted[name] for name in MEMBERS))


def load(folder: Path, encoder: Encoder) -> BlendModel:
    """Read every member's file."""
    return BlendModel(tuple(family(name).load(folder, encoder) for name in MEMBERS))
