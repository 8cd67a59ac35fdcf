"""The inputs of every section of the pack, worked out once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from creditrisk.arrays import FloatArray, IntArray
from creditrisk.schema import Schema
from creditrisk.scoring import DecisionRule, Scorer, shifted
from creditrisk.training import HeldOut, Training

SEED = 11
# Enough rows to say how far PDs move to a tenth of a point, few enough to score them dozens of times over.
SAMPLE_ROWS = 250


@dataclass(frozen=True)
class PackInputs:
    """A training with what every section needs of it, worked out once.

    `prob_default` are the PDs of the judged rows on the scale of the sample, by which they are judged; `shown` those
    that people would have seen, by which `verdicts` are made. Where rows were judged several times, of the first time.
    """

    training: Training
    prob_default: FloatArray
    shown: FloatArray
    verdicts: NDArray[np.str_]
    sample: pl.DataFrame
    contributions: FloatArray

    @property
    def scorer(self) -> Scorer:
        """What the pack is about."""
        return self.training.scorer

    @property
    def schema(self) -> Schema:
        """The scorer's."""
        return self.training.scorer.schema

    @property
    def test(self) -> HeldOut:
        """The judged rows."""
        return self.training.test

    @property
    def target(self) -> IntArray:
        """Outcomes of the judged rows, 1 = bad."""
        return self.test.target

    @property
    def is_by_time(self) -> bool:
        """Whether time divided the table."""
        return self.schema.time_field is not None

    @property
    def strongest(self) -> list[int]:
        """Places of the feature fields, the one that moves most first."""
        order = np.argsort(-np.abs(self.contributions).mean(axis=0), kind="stable")
        return [int(place) for place in order]


def inputs_of(training: Training) -> PackInputs:
    """The inputs of every section, from a training."""
    scorer, test = training.scorer, training.test
    prob_default = test.prob_default[0]
    shown = shifted(prob_default, scorer.shift)
    sample = test.frame.sample(min(SAMPLE_ROWS, test.frame.height), seed=SEED)
    return PackInputs(
        training=training,
        prob_default=prob_default,
        shown=shown,
        verdicts=verdicts_of(scorer.rule, shown),
        sample=sample,
        contributions=scorer.contributions(sample),
    )


def verdicts_of(rule: DecisionRule, prob_default: FloatArray) -> NDArray[np.str_]:
    """The verdicts that PDs get if nothing is odd about the rows."""
    return rule.verdicts(prob_default, np.zeros(len(prob_default), dtype=bool))
