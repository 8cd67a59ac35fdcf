"""From a calibrated PD to a verdict, a confidence and scorecard points.

The verdict is the cheapest of three expected costs: accept a bad, decline a good, have a person look. The confidence is
the probability that the true PD lies where the PD does, so that another training would have come to the same verdict;
where it is too low, a person is asked. Everything here is fixed when a scorer is made and travels with it as
decision.json.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import logit

from creditrisk import strict
from creditrisk.arrays import FloatArray, IntArray
from creditrisk.encoding import Encoder
from creditrisk.errors import ScorerError, TrainingError
from creditrisk.schema import Costs
from creditrisk.scoring.spread import share_below

Verdict = Literal["approve", "refer", "decline"]
VERDICTS: tuple[Verdict, ...] = ("approve", "refer", "decline")
BANDS: dict[Verdict, str] = {"approve": "green", "refer": "amber", "decline": "red"}

# Enough to place a PD among thousands of calibration rows to within a tenth of a percent, small enough for a text file.
MAX_QUANTILES = 1_001
# Below so high a confidence a colleague is asked, unless a lender says otherwise.
ASK_BELOW = 0.8
# In units of another cost: beyond it every application would be decided alike.
MAX_COST = 1e9
# No value of an applicant is farther from 0.
MAX_VALUE = 1e300


@dataclass(frozen=True, slots=True)
class ScoreScale:
    """Scorecard points: `base_points` at good:bad odds of `base_odds`, `points_to_double` for each doubling."""

    base_points: float = 600.0
    base_odds: float = 30.0
    points_to_double: float = 20.0

    def points(self, prob_default: FloatArray) -> FloatArray:
        """Points of each PD, higher = safer, to one decimal; same shape as `prob_default`.

        Examples
        --------
        >>> ScoreScale(600, 30, 20).points(np.array([1 / 31, 1 / 61])).tolist()  # odds of 30:1 and 60:1
        [600.0, 620.0]
        """
        odds = (1.0 - prob_default) / prob_default
        doublings = np.log2(odds / self.base_odds)
        return np.round(self.base_points + self.points_to_double * doublings, 1)


@dataclass(frozen=True)
class DecisionRule:
    """What a PD leads to.

    `good_quantiles` and `bad_quantiles` are the PDs that goods and bads of the calibration rows got, ascending, thinned
    to at most 1,001 each; `n_good` and `n_bad` are how many there were.
    """

    costs: Costs
    scale: ScoreScale
    good_quantiles: tuple[float, ...]
    bad_quantiles: tuple[float, ...]
    n_good: int
    n_bad: int
    # The typical approved applicant, encoded, None where nothing is given: what reasons are measured against.
    reference: tuple[float | None, ...]
    # A person is asked about an approval or a decline with a confidence below.
    ask_below: float = ASK_BELOW
    # What people set in place of the cheapest cut-offs (see policy.py); no part of a scorer's files.
    cutoffs: tuple[float, float] | None = None

    @property
    def approve_below(self) -> float:
        """Up to this PD is approved: where that is the cheapest, unless people set another one."""
        return _approve_below(self.costs) if self.cutoffs is None else self.cutoffs[0]

    @property
    def decline_from(self) -> float:
        """From this PD on is declined: where that is the cheapest, unless people set another one."""
        if self.cutoffs is not None:
            return self.cutoffs[1]
        return max(self.costs.cutoff_prob_default, 1.0 - self.costs.review / self.costs.decline_good)

    def verdicts(self, prob_default: FloatArray, needs_look: NDArray[np.bool_]) -> NDArray[np.str_]:
        """The cheapest of the three for each row, shape (n_rows,); `refer` for a row a person has to look at."""
        verdicts = np.array(VERDICTS)[self.zones(prob_default)]
        verdicts[needs_look] = "refer"
        return verdicts

    def zones(self, prob_default: FloatArray) -> IntArray:
        """What each PD points to by itself, as a place in VERDICTS, shape (n_rows,)."""
        # A PD on both sides of an empty amber zone is declined: of two equal costs the safer.
        unless_declined = np.where(prob_default <= self.approve_below, 0, 1)
        return np.where(prob_default >= self.decline_from, 2, unless_declined).astype(np.int64)

    def confidence(self, prob_default: FloatArray, sd: FloatArray) -> FloatArray:
        """Probability, 0 to 1, that the verdict by the PD alone stands: that the true PD lies in its zone; (n_rows,).

        Parameters
        ----------
        prob_default
            PDs as people see them, shape (n_rows,).
        sd
            How far the truth may lie from them, in log-odds, see `Spread.sd`.
        """
        # A zone that goes down to a PD of 0, or up to 1, has no end in log-odds.
        ends = np.array([-np.inf, logit(self.approve_below), logit(self.decline_from), np.inf])
        zone = self.zones(prob_default)
        return share_below(ends[zone + 1], prob_default, sd) - share_below(ends[zone], prob_default, sd)

    def asks(self, confidence: FloatArray) -> NDArray[np.bool_]:
        """Whether each verdict is too unsure to stand without a person, shape (n_rows,)."""
        return confidence < self.ask_below

    def conformal_level(self, prob_default: FloatArray, verdicts: NDArray[np.str_]) -> FloatArray:
        """Level, 0 to 1, at which the opposite outcome can be ruled out; for the validation pack, shape (n_rows,).

        For an approval: one minus the share of bads whose PD is as low or lower. For a decline: one minus the share of
        goods whose PD is as high or higher. A referral rules out neither outcome firmly; it shows the weaker of the
        two. PDs are on the scale of the sample.

        References
        ----------
        Vovk, V., Gammerman, A., Shafer, G. (2005). Algorithmic Learning in a Random World. (Mondrian predictors)
        """
        bad = _share_up_to(self._bad_ascending, prob_default)
        good = _share_up_to(self._good_descending, -prob_default)
        rules_out_bad = 1.0 - (bad * self.n_bad + 1.0) / (self.n_bad + 1.0)
        rules_out_good = 1.0 - (good * self.n_good + 1.0) / (self.n_good + 1.0)
        weaker = np.minimum(rules_out_bad, rules_out_good)
        of_others = np.where(verdicts == "decline", rules_out_good, weaker)
        return np.where(verdicts == "approve", rules_out_bad, of_others)

    @cached_property
    def _bad_ascending(self) -> FloatArray:
        return np.asarray(self.bad_quantiles)

    @cached_property
    def _good_descending(self) -> FloatArray:
        """Negative, so that it ascends."""
        return -np.asarray(self.good_quantiles)[::-1]

    def to_json(self) -> str:
        """The rule as JSON; `from_json` gives it back unchanged."""
        own = replace(self, cutoffs=None)
        zones = {"approve_below": own.approve_below, "decline_from": own.decline_from}
        return json.dumps({**{name: asdict(own)[name] for name in _KEPT}, "zones": zones}, indent=1)

    @classmethod
    def from_json(cls, text: str) -> DecisionRule:
        """Read a rule written by `to_json`.

        Raises
        ------
        ScorerError
            If a number is missing, not finite or absurd, quantiles do not rise, or the cut-offs are not those of the
            costs, in their order.
        """
        name = "decision.json"
        item = strict.fields(strict.read_json(text, name), name, (*_KEPT, "zones"))
        costs = strict.fields(item["costs"], "costs", ("accept_bad", "decline_good", "review"))
        scale = strict.fields(item["scale"], "scale", ("base_points", "base_odds", "points_to_double"))
        quantiles = {}
        for kind in ("good_quantiles", "bad_quantiles"):
            values = strict.rising(strict.numbers(item[kind], kind, low=0, high=1), kind)
            if not 1 <= len(values) <= MAX_QUANTILES:
                raise ScorerError(f"{kind} must be 1 to {MAX_QUANTILES:,} numbers; there are {len(values):,}")
            quantiles[kind] = values
        rule = cls(
            costs=Costs(
                strict.number(costs["accept_bad"], "accept_bad", 1 / MAX_COST, MAX_COST),
                strict.number(costs["decline_good"], "decline_good", 1 / MAX_COST, MAX_COST),
                strict.number(costs["review"], "review", 0, MAX_COST),
            ),
            scale=ScoreScale(
                strict.number(scale["base_points"], "base_points", -1e6, 1e6),
                strict.number(scale["base_odds"], "base_odds", 1e-6, 1e6),
                strict.number(scale["points_to_double"], "points_to_double", 1e-6, 1e6),
            ),
            good_quantiles=quantiles["good_quantiles"],
            bad_quantiles=quantiles["bad_quantiles"],
            n_good=strict.whole(item["n_good"], "n_good", 1),
            n_bad=strict.whole(item["n_bad"], "n_bad", 1),
            reference=_read_reference(item["reference"]),
            ask_below=strict.number(item["ask_below"], "ask_below", 0, 1),
        )
        # They are there for the reader of the file; what decides follows from the costs.
        zones = {"approve_below": rule.approve_below, "decline_from": rule.decline_from}
        if item["zones"] != zones or not 0 <= rule.approve_below <= rule.decline_from <= 1:
            raise ScorerError("decision.json has cut-offs that do not follow from its costs, or not in their order")
        return rule


# What decision.json holds of a rule.
_KEPT = tuple(field.name for field in fields(DecisionRule) if field.name != "cutoffs")


def approved_rows(prob_default: FloatArray, costs: Costs) -> IntArray:
    """Positions of the applicants who would be approved: reasons are measured against one who is typical of them.

    Of all applicants where none would be approved, so that reasons stay defined.

    Examples
    --------
    >>> approved_rows(np.array([0.05, 0.5, 0.1]), Costs(accept_bad=5, decline_good=1, review=0.7)).tolist()
    [0, 2]
    """
    approved = np.flatnonzero(prob_default <= _approve_below(costs))
    return (approved if len(approved) else np.arange(len(prob_default))).astype(np.int64)


def fit_rule(
    prob_default: FloatArray,
    target: IntArray,
    reference: FloatArray,
    costs: Costs,
    scale: ScoreScale,
    *,
    ask_below: float = ASK_BELOW,
) -> DecisionRule:
    """Make the rule from rows the model was not fitted on.

    Parameters
    ----------
    prob_default, target
        Calibrated PDs and outcomes (1 = default), shape (n_rows,).
    reference
        The encoded applicant that is typical of the `approved_rows`, shape (n_fields,).
    ask_below
        The confidence below which a person is asked.

    Raises
    ------
    TrainingError
        If there are only goods or only bads among them: no confidence can be calibrated for a class nobody saw.
    """
    good, bad = prob_default[target == 0], prob_default[target == 1]
    if not len(good) or not len(bad):
        raise TrainingError(f"{len(target):,} calibration rows hold {len(bad):,} bads; both outcomes are needed.")
    return DecisionRule(
        costs,
        scale,
        _thin(good),
        _thin(bad),
        n_good=len(good),
        n_bad=len(bad),
        reference=tuple(None if np.isnan(value) else float(value) for value in reference),
        ask_below=ask_below,
    )


def _approve_below(costs: Costs) -> float:
    return min(costs.cutoff_prob_default, costs.review / costs.accept_bad)


def _read_reference(values: Any) -> tuple[float | None, ...]:
    if not isinstance(values, list):
        raise ScorerError("decision.json must have the values of a reference applicant, null where nothing is given")
    what = "the reference applicant of decision.json"
    return tuple(None if value is None else strict.number(value, what, -MAX_VALUE, MAX_VALUE) for value in values)


def _thin(values: FloatArray) -> tuple[float, ...]:
    ordered = np.sort(values)
    if len(ordered) > MAX_QUANTILES:
        ordered = np.quantile(ordered, np.linspace(0.0, 1.0, MAX_QUANTILES))
    return tuple(float(value) for value in ordered)


def _share_up_to(ordered: FloatArray, values: FloatArray) -> FloatArray:
    return np.searchsorted(ordered, values, side="right") / len(ordered)


def check_reference(reference: Sequence[float | None], encoder: Encoder) -> None:
    """See that a reference applicant is a row of the encoder's matrix; ScorerError otherwise."""
    if len(reference) != len(encoder.fields):
        raise ScorerError(
            f"decision.json has a reference applicant of {len(reference):,} fields; expected {len(encoder.fields):,}, "
            "as in encoder.json"
        )
    for encoded, value in zip(encoder.fields, reference, strict=True):
        if encoded.is_category and value is not None and value not in range(len(encoded.vocabulary)):
            raise ScorerError(f"decision.json gives its reference applicant a category that '{encoded.name}' has not")
