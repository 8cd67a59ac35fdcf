"""What a training gives: recipes, settings tried, candidates, the test rows, and the figures kept with a scorer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, TypedDict

import polars as pl

from creditrisk.arrays import FloatArray, IntArray
from creditrisk.learners import FAMILIES, Parameters, is_blend
from creditrisk.metrics import Performance
from creditrisk.scoring import Evaluation, Scorer


@dataclass(frozen=True)
class Recipe:
    """What is fitted: a family and the settings of each of its members (of itself, if it has none)."""

    family: str
    parameters: dict[str, Parameters]


@dataclass(frozen=True)
class Result:
    """One setting tried; the best few of each family with figures on validation and test rows.

    `loss` is the log loss on the validation rows once calibrated, by which settings of one family are compared; of one
    that was dropped after the screening, what it was there.
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
    """The best of a family, or a blend of such, with its calibration, as it did on validation and on test rows.

    `seconds` is what its fits took, `microseconds_per_client` what its bare prediction takes, measured beside others.
    """

    family: str
    recipe: Recipe
    seconds: float
    microseconds_per_client: float
    validation: Performance
    test: Performance


@dataclass(frozen=True)
class HeldOut:
    """The test rows, on which nothing that scored them was fitted, chosen or calibrated, and the PDs they got.

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

    `performance` is that of the whole path on the rows of `test`; `champion_prob_default` the champion's PDs for the
    same rows, None if there is no champion or it cannot score them. `auc_sd` says how much AUC varies from fold to
    fold, None without folds. `reference` holds the validation rows, with which later windows are compared. `results`
    are all settings tried, on `n_train` rows, and `failures` say why a family is missing.
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
    n_train: int


class RecipeRecord(TypedDict):
    """A recipe as JSON."""

    family: str
    parameters: dict[str, Parameters]


class ScorerMetrics(TypedDict):
    """What `metrics.json` of a scorer folder holds: figures on test rows, of the whole path and of each candidate."""

    family: str
    recipe: RecipeRecord
    protocol: str
    performance: dict[str, float]
    candidates: dict[str, dict[str, float]]
    evaluation: Evaluation | None


def metrics_of(
    recipe: Recipe,
    candidates: Sequence[Candidate],
    performance: Performance,
    protocol: str,
    evaluation: Evaluation | None = None,
) -> ScorerMetrics:
    """The figures that are kept with a scorer."""
    return {
        "family": recipe.family,
        "recipe": {"family": recipe.family, "parameters": recipe.parameters},
        "protocol": protocol,
        "performance": asdict(performance),
        "candidates": {item.family: asdict(item.test) for item in candidates},
        "evaluation": evaluation,
    }


def noted_recipe(metrics: Mapping[str, Any]) -> Recipe | None:
    """The recipe in what `metrics_of` wrote, if every family it takes can be fitted here."""
    noted: RecipeRecord | None = metrics.get("recipe")
    if noted is None or not all(name in FAMILIES and not is_blend(name) for name in noted["parameters"]):
        return None
    return Recipe(noted["family"], noted["parameters"])
