"""The scorer as an MLflow model, in MLflow's models-from-code form, so that `mlflow models serve` works too.

MLflow runs this file as a script when a version is logged and when it is loaded; our own rooms never import it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import mlflow
import pandas as pd
from mlflow.pyfunc.model import PythonModel

from creditrisk import datasets
from creditrisk.scoring import Scorer, load
from creditrisk.sources import from_records


class ScorerModel(PythonModel):
    """Scores a table of applications; rows that cannot be scored come back with an `error` sentence."""

    scorer: Scorer

    def load_context(self, context: Any) -> None:
        """Load the scorer folder that was logged with this file."""
        self.scorer = load(Path(context.artifacts["scorer"]), name="scorer", version="")

    def predict(self, context, model_input, params=None):  # type: ignore[no-untyped-def]  # see the docstring
        """One row for each application of a pandas frame, in the order given.

        The arguments carry no types: MLflow would read them as a signature, and refuse whole numbers in a column of
        fractions before our own checks could read them.
        """
        checked = datasets.check(from_records(model_input.to_dict("records")), self.scorer.schema)
        results = self.scorer.score(checked.accepted).to_dicts()
        results += [{"row_number": rejection.row, "error": rejection.sentence} for rejection in checked.rejected]
        return pd.DataFrame(results).sort_values("row_number", ignore_index=True)


mlflow.models.set_model(ScorerModel())
