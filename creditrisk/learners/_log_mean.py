"""A few small trees for the logarithm of a positive mean, such as a variance: plain text, read as strictly as a model.

The loss is that of gamma regression with a logarithmic link, so what is learnt is the mean itself and not the mean of
logarithms, which a few squared differences a row would put far too low.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import numpy as np

from creditrisk.arrays import FloatArray
from creditrisk.encoding import Encoder
from creditrisk.learners._structure import END, read_text, read_trees
from creditrisk.learners._trees import Ensemble

# Few and small: a variance learnt from a few squared differences a row has no more to say.
N_TREES = 60
SETTINGS = {
    "objective": "gamma",
    "num_leaves": 8,
    "learning_rate": 0.05,
    "feature_fraction": 0.6,
    "deterministic": True,
    "force_row_wise": True,
    "num_threads": 1,
    "verbosity": -1,
}
# A leaf has at least a fiftieth of the rows, and never fewer than so many.
MIN_LEAF_ROWS = 30
LEAF_SHARE = 1 / 50
# What is learnt from must be positive.
SMALLEST = 1e-6


@dataclass(frozen=True)
class LogMean:
    """The fitted trees; `text` is in LightGBM's format."""

    text: str
    ensemble: Ensemble = field(compare=False)

    @classmethod
    def fit(cls, matrix: FloatArray, values: FloatArray, encoder: Encoder, *, seed: int) -> Self:
        """Fit the mean of positive `values`, shape (n_rows,), on the encoder's matrix, (n_rows, n_fields)."""
        import lightgbm

        data = lightgbm.Dataset(
            matrix, label=np.maximum(values, SMALLEST), feature_name=[item.name for item in encoder.fields]
        )
        min_rows = max(MIN_LEAF_ROWS, round(LEAF_SHARE * len(values)))
        booster = lightgbm.train({**SETTINGS, "min_child_samples": min_rows, "seed": seed}, data, N_TREES)
        trees, end, _ = booster.model_to_string().rpartition(END)
        # The sum of the leaves is wanted as it is; LightGBM would take it for the logarithm of its answer.
        return cls.parsed((trees + end).replace("objective=gamma\n", "objective=regression\n", 1), encoder, "the trees")

    @classmethod
    def load(cls, path: Path, encoder: Encoder) -> Self:
        """Read a file of the text; ScorerError as for `parsed`."""
        return cls.parsed(read_text(path), encoder, path.name)

    @classmethod
    def parsed(cls, text: str, encoder: Encoder, what: str) -> Self:
        """Read `text`; ScorerError, beginning with `what`, if it is anything but trees over the encoder's fields."""
        return cls(text, Ensemble(read_trees(text, encoder, what)))

    def log_mean(self, matrix: FloatArray) -> FloatArray:
        """The logarithm of the mean at each row, shape (n_rows,)."""
        return self.ensemble.sums(matrix)
