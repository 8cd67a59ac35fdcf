"""Whether the champion's reasons are the right ones, as its validation pack has it; and what they add to a prediction.

The pack measures on rows that judged: does the PD fall when the field behind the first reason is set to what is usual
among the approved, and do reasons stay when every number is moved by a hundredth. `reasons_given` counts reasons that
are none.
"""

from __future__ import annotations

from time import process_time

import mlflow

from creditrisk.settings import read_settings
from creditrisk.simulator import simulate
from riskometer.bench import champion_to_measure
from tests.bench.figure import Figure

REPEATS = 3


def figures(rows: int) -> list[Figure]:
    """What explaining costs beside predicting, with the same kernels; reasons that fail, beside one in twenty."""
    settings = read_settings()
    champion = champion_to_measure(settings)
    mlflow.set_tracking_uri(settings.mlflow_tracking_uri)
    pack = mlflow.artifacts.load_dict(f"runs:/{champion.version.run_id}/validation.json")
    found = pack["reasons"]
    fell, kept = found["deletion"]["fell"]["value"], found["reason_stability"]["reasons_kept"]
    print(f"the PD fell in {fell:.2%} of {found['deletion']['n']:,} deletions; {kept:.2%} of reasons kept under jitter")
    scorer = champion.scorer
    matrix = scorer.encoder.matrix(simulate(rows, seed=3))
    reference = matrix[0]
    scorer.model.explained(matrix[:100], reference)
    predicting, explaining = [], []
    for _ in range(REPEATS):
        started = process_time()
        scorer.model.log_odds(matrix)
        between = process_time()
        scorer.model.explained(matrix, reference)
        predicting.append(between - started)
        explaining.append(process_time() - between)
    per_client = 1e6 / rows
    return [
        Figure("reasons", min(explaining) * per_client, min(predicting) * per_client, "µs a client", "the bare PD"),
        Figure("reasons that do not stay under jitter", 1 - kept, 0.05, "share", "one in twenty", at_most=1.0),
        Figure("first reasons that did not raise the PD", 1 - fell, 0.05, "share", "one in twenty", at_most=1.0),
    ]
