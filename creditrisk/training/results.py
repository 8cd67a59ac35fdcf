"""What a training gives: recipes, settings tried, candidates, the rows that were judged."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from creditrisk.arrays import FloatArray, IntArray
from creditrisk.learners import Parameters
from creditrisk.metrics import Performance
from creditrisk.scoring import Scorer


@dataclass(frozen=True)
class Recipe:
    """What is fitted: a family and the settings of each of its members (of itself, if it has none)."""

    family: str
    parameters: dict[str, Parameters]


@dataclass(frozen=True)
class Result:
    """One setting tried; the best few of each family with figures on the rows that chose and on the rows that judge.

    `loss` is the log loss on the rows that chose once calibrated, by which settings of one family are compared.
    """

    family: str
    number: int
    parameters: Parameters
    seconds: float
    loss: float
    validation: Performance | None = None
    test: Performance | None = None


@dataclass(frozen=True)
class Candidate:
    """The best of a family, with its calibration, as it did on the rows that chose and on the rows that judge."""

    family: str
    recipe: Recipe
    seconds: float
    validation: Performance
    test: Performance


@dataclass(frozen=True)
class HeldOut:
    """Rows that nothing was fitted, chosen or calibrated on, and the PDs they got.

    `prob_default` and `folds` have the shape (n_repeats, n_rows): one repeat and fold 0 where time divides the table.
    PDs are on the scale of the sample.
    """

    frame: pl.DataFrame
    target: IntArray
    prob_default: FloatArray
    folds: IntArray


@dataclass(frozen=True)
class Training:
    """What a training gave.

    `performance` is that of the whole path on the `judged` rows; `champion_prob_default` the champion's PDs for the
    same rows, None if there is no champion or it cannot score them. `reference` holds the rows that later windows are
    compared with. `results` are all settings tried, `failures` say why a family is missing; `n_train` is how many rows
    the settings were tried on.
    """

    scorer: Scorer
    recipe: Recipe
    candidates: list[Candidate]
    results: list[Result]
    failures: dict[str, str]
    performance: Performance
    protocol: str
    auc_sd: float | None
    test: HeldOut
    champion_prob_default: FloatArray | None
    reference: pl.DataFrame
    n_train: int = 0
