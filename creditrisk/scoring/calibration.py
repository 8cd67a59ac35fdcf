"""From a model's log-odds to a probability of default that means what it says.

Three methods behind `Calibration`, by how many labelled rows there are to learn from: a line through the log-odds
(Platt), a curve with two slopes (beta), and, where many rows show that it takes one, a free rising curve (isotonic,
drawn through its centres, so that no two applicants are thrown together). All are fitted on scores of rows that the
model has not seen, and none changes the order of applicants. `docs/calibration.md` has the measurements behind this.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, ClassVar, Protocol

import numpy as np
from scipy.special import expit, logit

from creditrisk import strict
from creditrisk.arrays import FloatArray, IntArray
from creditrisk.errors import ScorerError, TrainingError
from creditrisk.metrics import ExpectedSlope, fit_line, fit_logistic, smoothed_bad_rate

# From so many labelled rows on, a second slope can be learnt; beyond so many, a free curve, if it is clearly better.
BETA_ROWS = 2_000
ISOTONIC_ROWS = 10_000
# Clearly: by so many standard errors of the log loss saved on rows kept aside.
CLEARLY = 2.0
# Rows behind each point of the isotonic curve before points that fall are pooled.
ISOTONIC_BIN_ROWS = 50
# Calibrated log-odds stay within: expit is still short of 0 and 1 there.
FARTHEST = 30.0
# A secant over a shorter stretch of log-odds than this is taken as the tangent; short enough for a bend within it to be
# no more than a rounding error.
TANGENT = 1e-9
# No slope, level or point of a curve that was fitted comes near.
MAX_NUMBER = 1e6


class Calibration(Protocol):
    """A rising map from a model's log-odds to calibrated log-odds."""

    @property
    def method(self) -> str:
        """What people call it: platt, beta or isotonic."""

    def log_odds(self, scores: FloatArray) -> FloatArray:
        """Calibrated log-odds, within ±30, of a model's log-odds; any shape."""

    def prob_default(self, scores: FloatArray) -> FloatArray:
        """Calibrated probability of default, strictly between 0 and 1, of a model's log-odds; any shape."""


class _AsProbability:
    """The part that all methods share."""

    def prob_default(self: Calibration, scores: FloatArray) -> FloatArray:
        """See `Calibration.prob_default`."""
        return np.asarray(expit(self.log_odds(scores)), dtype=np.float64)


@dataclass(frozen=True)
class Platt(_AsProbability):
    """A line: intercept + slope x log-odds. Two numbers, so a few hundred rows are enough.

    References
    ----------
    Platt, J. (1999). Probabilistic outputs for support vector machines.
    """

    slope: float
    intercept: float
    method: ClassVar[str] = "platt"

    def log_odds(self, scores: FloatArray) -> FloatArray:
        """See `Calibration.log_odds`."""
        return _bounded(self.intercept + self.slope * scores)


@dataclass(frozen=True)
class Beta(_AsProbability):
    """A bent line: `slope_low` for scores far below even odds, `slope_high` far above, and in between both in part.

    References
    ----------
    Kull, M., Silva Filho, T., Flach, P. (2017). Beta calibration. AISTATS.
    """

    slope_low: float
    slope_high: float
    intercept: float
    method: ClassVar[str] = "beta"

    def log_odds(self, scores: FloatArray) -> FloatArray:
        """See `Calibration.log_odds`."""
        low, high = _bent(scores)
        return _bounded(self.intercept + self.slope_low * low + self.slope_high * high)


@dataclass(frozen=True)
class Isotonic(_AsProbability):
    """A free rising curve through points (`scores`, `values`), straight between them and along `slope` beyond.

    References
    ----------
    Oron, A., Flournoy, N. (2017). Centered isotonic regression. Statistics in Biopharmaceutical Research 9.
    """

    scores: tuple[float, ...]
    values: tuple[float, ...]
    slope: float
    method: ClassVar[str] = "isotonic"

    def log_odds(self, scores: FloatArray) -> FloatArray:
        """See `Calibration.log_odds`."""
        beyond = np.minimum(scores - self.scores[0], 0.0) + np.maximum(scores - self.scores[-1], 0.0)
        return _bounded(np.interp(scores, self.scores, self.values) + self.slope * beyond)


METHODS: dict[str, Callable[..., Calibration]] = {kind.method: kind for kind in (Platt, Beta, Isotonic)}


def fit_calibration(scores: FloatArray, target: IntArray) -> Calibration:
    """Fit the method that suits the number of rows.

    Parameters
    ----------
    scores
        A model's log-odds of rows it has not seen, shape (n_rows,).
    target
        1 = default, 0 = good, shape (n_rows,).

    Raises
    ------
    TrainingError
        If the scores run against the outcomes: no calibration makes such a model usable.
    """
    if len(target) < BETA_ROWS:
        return fit_platt(scores, target)
    if len(target) > ISOTONIC_ROWS and _is_bent(scores, target):
        return fit_isotonic(scores, target)
    return fit_beta(scores, target)


def _is_bent(scores: FloatArray, target: IntArray) -> bool:
    """Whether a free curve, fitted on every other row by score, is clearly better on the rows between than beta is."""
    order = np.argsort(scores, kind="stable")
    train, test = order[::2], order[1::2]

    def losses(calibration: Calibration) -> FloatArray:
        log_odds = calibration.log_odds(scores[test])
        return np.asarray(np.logaddexp(0.0, log_odds) - target[test] * log_odds, dtype=np.float64)

    saved = losses(fit_beta(scores[train], target[train])) - losses(fit_isotonic(scores[train], target[train]))
    return bool(saved.mean() > CLEARLY * saved.std() / np.sqrt(len(saved)))


def fit_platt(scores: FloatArray, target: IntArray, expected: ExpectedSlope | None = None) -> Platt:
    """Fit slope and intercept by maximum likelihood; arguments and errors as for `fit_calibration`.

    `expected` is what other rows say of the slope: on 400 rows with 40 bads it is known to a sixth only.

    Examples
    --------
    >>> scores, target = np.repeat([-2.0, 2.0], 4), np.array([0, 0, 0, 1, 0, 1, 1, 1])
    >>> fitted = fit_platt(scores, target)  # 1:3 below and 3:1 above, so log-odds of 1.0986 at 2
    >>> round(fitted.slope, 4), round(abs(fitted.intercept), 4)
    (0.5493, 0.0)
    """
    line = fit_line(scores, target, expected)
    if line.slope <= 0:
        raise TrainingError(
            f"the model ranks {len(target):,} unseen rows the wrong way round (calibration slope {line.slope:.2f}): it "
            "has learned nothing that holds. Check the target's coding and the features."
        )
    return Platt(line.slope, line.intercept)


def fit_beta(scores: FloatArray, target: IntArray) -> Beta:
    """Fit both slopes and the intercept by maximum likelihood; arguments and errors as for `fit_calibration`.

    A slope that would be negative is 0: the curve must not fall.
    """
    line = fit_platt(scores, target)
    low, high = _bent(scores)
    start = [line.intercept, line.slope]
    (intercept, slope_low, slope_high), _ = fit_logistic([low, high], target, [*start, line.slope])
    if slope_low < 0:
        (intercept, slope_high), _ = fit_logistic([high], target, start)
        slope_low = 0.0
    elif slope_high < 0:
        (intercept, slope_low), _ = fit_logistic([low], target, start)
        slope_high = 0.0
    return Beta(float(slope_low), float(slope_high), float(intercept))


def fit_isotonic(scores: FloatArray, target: IntArray) -> Isotonic:
    """Fit the rising curve by pooling neighbours that fall; arguments and errors as for `fit_calibration`."""
    from sklearn.isotonic import isotonic_regression

    line = fit_platt(scores, target)
    order = np.argsort(scores)
    ordered = scores[order]
    starts = ordered[:: max(1, min(ISOTONIC_BIN_ROWS, len(ordered)))]
    edges = np.unique(np.searchsorted(ordered, starts, side="left"))
    sizes = np.diff([*edges, len(ordered)]).astype(np.float64)
    # One row more, bad at the average rate, keeps a bin of goods alone from a PD of 0.
    rates = (np.add.reduceat(target[order], edges) + smoothed_bad_rate(target)) / (sizes + 1)
    rising = isotonic_regression(rates, sample_weight=sizes)
    blocks = np.flatnonzero(np.diff(rising, prepend=-1.0) > 0)
    centres = np.add.reduceat(np.add.reduceat(ordered, edges), blocks) / np.add.reduceat(sizes, blocks)
    return Isotonic(
        tuple(float(value) for value in centres),
        tuple(float(value) for value in logit(rising[blocks])),
        line.slope,
    )


def calibration_to_json(calibration: Calibration) -> dict[str, Any]:
    """A calibration as plain JSON; `calibration_from_json` gives it back unchanged."""
    return {"method": calibration.method, **asdict(calibration)}  # type: ignore[call-overload]  # all are dataclasses


def calibration_from_json(item: Mapping[str, Any]) -> Calibration:
    """Read what `calibration_to_json` wrote.

    Raises
    ------
    ScorerError
        If the method is unknown, a number is missing, not finite or absurd, or the curve does not rise.
    """
    method = item.get("method")
    if not isinstance(method, str) or method not in METHODS:
        raise ScorerError(f"calibration.json has the method {method!r:.40}; expected one of {', '.join(METHODS)}")
    kind = METHODS[method]
    names = [item.name for item in fields(kind)]  # type: ignore[arg-type]  # all are dataclasses
    given = strict.fields(item, "calibration.json", ("method", *names))
    if kind is Isotonic:
        # Strictly from score to score, so that there is one value between any two.
        scores = strict.rising(
            strict.numbers(given["scores"], "the curve's scores"), "the curve's scores", strictly=True
        )
        values = strict.numbers(given["values"], "the curve's values", len(scores), low=-MAX_NUMBER, high=MAX_NUMBER)
        if not scores or max(abs(scores[0]), abs(scores[-1])) > MAX_NUMBER:
            raise ScorerError("calibration.json has a curve without points, or with points that no score comes near")
        slope = strict.number(given["slope"], "the curve's slope", 0, MAX_NUMBER)
        return Isotonic(scores, strict.rising(values, "the curve's values"), slope)
    numbers = {name: strict.number(given[name], name, -MAX_NUMBER, MAX_NUMBER) for name in names}
    slopes = [value for name, value in numbers.items() if name.startswith("slope")]
    if min(slopes) < 0 or max(slopes) == 0:
        raise ScorerError(
            "calibration.json has a curve that does not rise: its slopes must be 0 or more, and one above"
        )
    return kind(**numbers)


def stretch(calibration: Calibration, scores: FloatArray, origin: FloatArray) -> FloatArray:
    """By how much the way from `origin` to each score grows when calibrated; what carries contributions over exactly.

    Contributions that add up to `scores` - `origin`, times this, add up to the difference of the calibrated log-odds.

    Examples
    --------
    >>> stretch(Platt(0.5, -1.0), np.array([-1.0, 3.0]), np.array([1.0, 1.0])).tolist()
    [0.5, 0.5]
    """
    away = scores - origin
    is_near = np.abs(away) < TANGENT
    there = np.where(is_near, origin + TANGENT, scores)
    here = np.where(is_near, origin - TANGENT, origin)
    return np.asarray((calibration.log_odds(there) - calibration.log_odds(here)) / (there - here), dtype=np.float64)


def prior_shift(sample_bad_rate: float, portfolio_bad_rate: float | None) -> float:
    """What to add to log-odds learnt on one bad rate to speak of a portfolio with another; 0 if that is not given.

    It holds where goods and bads are each alike in both, and only their shares differ, as after sampling.

    References
    ----------
    Saerens, M., Latinne, P., Decaestecker, C. (2002). Adjusting the outputs of a classifier to new a priori
    probabilities. Neural Computation 14.

    Examples
    --------
    >>> round(float(expit(logit(0.5) + prior_shift(0.5, 0.1))), 4)  # an average applicant of an even sample
    0.1
    """
    return 0.0 if portfolio_bad_rate is None else float(logit(portfolio_bad_rate) - logit(sample_bad_rate))


def shifted(prob_default: FloatArray, shift: float) -> FloatArray:
    """PDs with `shift` added to their log-odds, strictly between 0 and 1; same shape."""
    return prob_default if shift == 0 else np.asarray(expit(_bounded(logit(prob_default) + shift)), dtype=np.float64)


def _bent(scores: FloatArray) -> tuple[FloatArray, FloatArray]:
    """The logarithm of p and the negative one of 1 - p, for p at the given log-odds."""
    return -np.logaddexp(0.0, -scores), np.logaddexp(0.0, scores)


def _bounded(log_odds: FloatArray) -> FloatArray:
    return np.clip(log_odds, -FARTHEST, FARTHEST)
