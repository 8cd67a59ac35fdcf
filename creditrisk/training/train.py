"""The training path: try every family, choose and calibrate, and say honestly how good the whole path is.

Train rows are fitted on, validation rows choose and calibrate, test rows tell how good the result is and nothing else.
Where the table has dates, the newest rows are the test and the newest before them the validation. Where it has none,
each fold is the test in turn: what scores it was fitted, chosen and calibrated without its rows. Nothing is read or
written here.
"""

from __future__ import annotations

from datetime import date

import polars as pl

from creditrisk.errors import TrainingError
from creditrisk.schema import Schema
from creditrisk.scoring import ASK_BELOW, Scorer, ScoreScale
from creditrisk.splits import MIN_EACH, MIN_ROWS
from creditrisk.training.by_folds import train_by_folds
from creditrisk.training.by_time import train_by_time
from creditrisk.training.plan import DEFAULT_BUDGET, Plan, Progress, Runner
from creditrisk.training.progress import in_threads
from creditrisk.training.results import Training
from creditrisk.training.tuning import Budget


def train(
    frame: pl.DataFrame,
    schema: Schema,
    *,
    scale: ScoreScale,
    ask_below: float = ASK_BELOW,
    seed: int = 7,
    budget: Budget = DEFAULT_BUDGET,
    run: Runner | None = None,
    champion: Scorer | None = None,
    test_from: date | None = None,
    progress: Progress = lambda *_: None,
) -> Training:
    """Train a scorer on checked rows.

    Parameters
    ----------
    frame
        Accepted rows as `quality.check` gives them with the target: features and `default` (1 = bad).
    scale
        Scorecard points.
    ask_below
        The confidence below which a person is asked.
    budget
        How many settings of each family are tried.
    run
        Does the fits; None for threads of this process, one a core.
    champion
        The version to compare with: it scores the test rows, or its recipe is fitted again in every fold.
    test_from
        First day of the test rows, for a table with dates; None for its newest fifth.

    Raises
    ------
    TrainingError
        If there are too few rows or bads to train and test on, or no family ranks unseen rows the right way round.
    """
    n_bad = int(frame["default"].sum())
    if frame.height < MIN_ROWS or not MIN_EACH <= n_bad <= frame.height - MIN_EACH:
        raise TrainingError(
            f"{frame.height:,} usable rows with {n_bad:,} bads are too few to train and judge a model: at least "
            f"{MIN_ROWS} rows with {MIN_EACH} bads and {MIN_EACH} goods are needed."
        )
    plan = Plan(schema, scale, ask_below, seed, budget, run or in_threads(), progress)
    if schema.time_field is not None:
        return train_by_time(frame, frame[schema.time_field.name], plan, champion, test_from)
    if test_from is not None:
        raise TrainingError(
            f"schema '{schema.name}' has no time field, so no first day to judge can be given. Leave it out, or give "
            "a field the role 'time'."
        )
    return train_by_folds(frame, plan, champion)
