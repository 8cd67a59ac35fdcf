"""Champion against challenger: promote, keep, or say that the rows are too few to tell.

`compare` takes the PDs that both gave the same rows and decides by three things together: is the challenger better on
log loss beyond chance, is it not worse on ranking, cost or calibration by more than matters, and do the guardrails
hold. The statistics are in paired.py, the page in pages/comparison.html.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from math import ceil, isfinite
from typing import Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.special import ndtri

from creditrisk.arrays import FloatArray, IntArray
from creditrisk.comparison.figures import Figure, figures_of
from creditrisk.comparison.guardrails import LEFT_TO_CHANCE, Guardrail, GuardrailInputs, guardrails_of
from creditrisk.comparison.paired import N_DRAWS, bootstrap, correlated_t
from creditrisk.comparison.swaps import Swap, swaps_of
from creditrisk.errors import ComparisonError
from creditrisk.metrics import delong
from creditrisk.schema import Costs
from creditrisk.scoring import DecisionRule, Scorer, ScoreScale
from creditrisk.text import sentence, signed

Verdict = Literal["promote", "keep", "inconclusive"]

# From here on rows are drawn again; below, folds that share training rows are compared.
BOOTSTRAP_ROWS = 2_000
BOOTSTRAP_BADS = 200

# How sure "better" has to be: the 95 % interval of log loss lies wholly on the better side. At 0.95, some one in twenty
# comparisons of equal models ended in a promotion; see docs/comparison.md.
SURE_BETTER = 0.975
POWER = 0.8

# A challenger must not be worse on these by more than their zone.
NOT_WORSE = ("auc", "cost", "calibration")


@dataclass(frozen=True, slots=True)
class Comparison:
    """What was compared, what was found, and what follows.

    `figures` are the primary one (log loss), those that must not be worse (AUC, cost, calibration) and Brier;
    `rows_needed` is how many judged rows would tell, where these do not.
    """

    verdict: Verdict
    reason: str
    method: str
    n_rows: int
    n_bad: int
    figures: tuple[Figure, ...]
    guardrails: tuple[Guardrail, ...]
    swaps: tuple[Swap, ...]
    n_swapped: int
    # Differences of AUC by another method, as a cross-check of the bootstrap's: difference, low, high.
    delong: tuple[float, float, float] | None = None
    rows_needed: int | None = None
    n_looks: int = 1

    @property
    def sentence(self) -> str:
        """The verdict, why, and by how much, in one sentence."""
        loss, area = self.figure("log_loss"), self.figure("auc")
        if loss.low == loss.high:  # the same model twice
            return f"{self.verdict}: {self.reason}"
        return (
            f"{self.verdict}: {self.reason}; improvement of {signed(100 * area.improvement, 1)} points of AUC (95 % "
            f"interval {signed(100 * area.low, 1)} to {signed(100 * area.high, 1)}) and of "
            f"{signed(loss.improvement, 4)} in log loss ({signed(loss.low, 4)} to {signed(loss.high, 4)})"
        )

    def figure(self, name: str) -> Figure:
        """One figure by its name."""
        return next(figure for figure in self.figures if figure.name == name)

    def to_json(self) -> str:
        """Everything above as JSON, for the run it belongs to."""
        return json.dumps({**asdict(self), "sentence": self.sentence}, indent=1)


def compare(
    champion_prob_default: FloatArray,
    challenger_prob_default: FloatArray,
    target: IntArray,
    folds: IntArray,
    costs: Costs,
    *,
    seed: int = 7,
    frame: pl.DataFrame | None = None,
    champion: Scorer | None = None,
    challenger: Scorer | None = None,
    floors: Sequence[Guardrail] = (),
    microseconds_per_client: tuple[float, float] | None = None,
    n_challengers: int = 1,
    n_looks: int = 1,
) -> Comparison:
    """Compare two models by the PDs they gave the same rows.

    Parameters
    ----------
    champion_prob_default, challenger_prob_default
        PDs of rows that neither was fitted on, shape (n_repeats, n_rows); a single repeat for a time-ordered test.
    target, folds
        Outcomes (1 = default), shape (n_rows,), and in which fold each row was judged; all 0 for a time-ordered test.
    frame, champion, challenger, microseconds_per_client
        For what is asked beyond the PDs: judged rows, both scorers, what each took to score a client with reasons.
    floors
        Absolute floors already checked, see `Floors`.
    n_challengers, n_looks
        How many share the room left to chance (Bonferroni's bound); how often these rows have judged, now included.

    Raises
    ------
    ComparisonError
        If the arrays do not belong together, hold a PD that is none, or only one outcome.
    """
    old, new = np.atleast_2d(champion_prob_default), np.atleast_2d(challenger_prob_default)
    folds = np.atleast_2d(folds)
    _check((old, new), target, folds)
    verdicts = _verdicts(champion, costs, old.mean(axis=0)), _verdicts(challenger, costs, new.mean(axis=0))
    is_bootstrap, method, draws = _draws((old, new), target, folds, costs, seed)
    figures = figures_of(draws, (old, new), target, np.zeros_like(folds) if is_bootstrap else folds, costs)
    inputs = GuardrailInputs(new, target, folds, challenger, champion, frame, verdicts, microseconds_per_client, seed)
    guardrails = (*floors, *guardrails_of(inputs))
    swaps, n_swapped = swaps_of(*verdicts, target, costs)
    verdict, reason, rows_needed = _decide(figures, guardrails, len(target), 1 - (1 - SURE_BETTER) / n_challengers)
    return Comparison(
        verdict=verdict,
        reason=reason,
        method=method,
        n_rows=len(target),
        n_bad=int(target.sum()),
        figures=figures,
        guardrails=guardrails,
        swaps=swaps,
        n_swapped=n_swapped,
        delong=_delong(old.mean(axis=0), new.mean(axis=0), target) if is_bootstrap else None,
        rows_needed=rows_needed,
        n_looks=n_looks,
    )


def _draws(
    sides: tuple[FloatArray, FloatArray], target: IntArray, folds: IntArray, costs: Costs, seed: int
) -> tuple[bool, str, dict[str, FloatArray]]:
    """Whether rows are drawn again, the method in words, and draws of each figure's difference."""
    n_folds = len(np.unique(folds))
    if n_folds == 1 or (len(target) >= BOOTSTRAP_ROWS and target.sum() >= BOOTSTRAP_BADS):
        method = f"stratified paired bootstrap, {N_DRAWS:,} draws, seed {seed}"
        return True, method, bootstrap(*sides, target, costs, seed=seed)
    method = f"Bayesian correlated t-test over {len(folds)} x {n_folds} folds that both share"
    return False, method, correlated_t(*sides, target, folds, costs)


def comparison_page(
    comparison: Comparison, *, title: str, champion: str, challenger: str, protocol: str, written_at: str = ""
) -> str:
    """The comparison as one self-contained HTML page.

    Parameters
    ----------
    title
        Whose models they are, such as the schema's title.
    champion, challenger
        What each is, in words, such as "version 3 (lightgbm)".
    protocol
        How the judged rows were kept apart from those that taught.
    written_at
        The date, as it is to stand on the page.
    """
    from creditrisk import pages

    return pages.render(
        "comparison.html",
        found=comparison,
        title=title,
        champion=sentence(champion),
        challenger=challenger,
        protocol=sentence(protocol),
        written_at=written_at,
        reason=sentence(comparison.reason.partition(" (about")[0]),
        total=sum(swap.saving for swap in comparison.swaps),
    )


def _check(sides: tuple[FloatArray, FloatArray], target: IntArray, folds: IntArray) -> None:
    old, new = sides
    if not old.shape == new.shape == folds.shape or old.shape[1:] != target.shape:
        raise ComparisonError(
            f"two models can only be compared on the same rows; champion {old.shape}, challenger {new.shape}, folds "
            f"{folds.shape} and outcomes {target.shape} differ in shape. Score the same judged rows with both."
        )
    for name, prob_default in zip(("champion", "challenger"), sides, strict=True):
        n_wrong = int((~((prob_default >= 0) & (prob_default <= 1))).sum())
        if n_wrong:
            raise ComparisonError(f"{n_wrong:,} PDs of the {name} are missing or not between 0 and 1; none may be.")
    for fold in folds:
        n_bad = np.bincount(fold, weights=target)
        n_good = np.bincount(fold) - n_bad
        if min(n_bad.min(), n_good.min()) < 1 or min(n_bad.sum(), n_good.sum()) < 2:
            raise ComparisonError(
                f"{len(target):,} judged rows hold {target.sum():,} bads: there must be two of each outcome, and one "
                "in every fold."
            )


def _verdicts(scorer: Scorer | None, costs: Costs, prob_default: FloatArray) -> NDArray[np.str_]:
    rule = (
        scorer.rule
        if scorer is not None
        else DecisionRule(costs, ScoreScale(), (), (), n_good=0, n_bad=0, reference=())
    )
    return rule.verdicts(prob_default, np.zeros(len(prob_default), dtype=bool))


def _delong(old: FloatArray, new: FloatArray, target: IntArray) -> tuple[float, float, float]:
    difference, error = delong(old, new, target)
    return difference, difference - 1.96 * error, difference + 1.96 * error


# The verdict


def _decide(
    figures: tuple[Figure, ...], guardrails: Sequence[Guardrail], n_rows: int, sure: float
) -> tuple[Verdict, str, int | None]:
    """Verdict, the reason for it, and how many judged rows would tell if these do not."""
    by_name = {figure.name: figure for figure in figures}
    loss, others = by_name["log_loss"], [by_name[name] for name in NOT_WORSE]
    if keep := _why_keep(loss, others, guardrails):
        return "keep", keep, None
    unsettled = [figure for figure in others if figure.prob_worse > LEFT_TO_CHANCE]
    if loss.prob_better >= sure and not unsettled:
        return "promote", "better beyond chance, and nothing else is worse by more than matters", None
    needed = [_rows_needed(n_rows, loss.improvement, loss.standard_error, sure)]
    needed += [
        _rows_needed(n_rows, figure.improvement + figure.rope, figure.standard_error, 1 - LEFT_TO_CHANCE)
        for figure in unsettled
    ]
    rows = max(needed)
    questions = ["it is better"] if loss.prob_better < sure else []
    if unsettled:
        questions.append(f"it is no worse on {', '.join(figure.label for figure in unsettled)}")
    enough = f"about {rows:,.0f} judged rows would show it, these are {n_rows:,}" if isfinite(rows) else "more may"
    reason = f"not enough data to tell whether {' and '.join(questions)} ({enough})"
    return "inconclusive", reason, int(rows) if isfinite(rows) else None


def _why_keep(loss: Figure, others: Sequence[Figure], guardrails: Sequence[Guardrail]) -> str:
    """What speaks for the champion; empty if nothing does for sure."""
    failed = [guardrail.label for guardrail in guardrails if guardrail.is_passed is False]
    harmed = [figure.label for figure in others if figure.prob_worse >= 1 - LEFT_TO_CHANCE]
    reasons = (
        (loss.low == loss.high == 0, "both give every client the same PD"),
        (loss.prob_better <= 1 - SURE_BETTER, "worse beyond chance"),
        (loss.prob_better < 0.5, "no improvement seen"),
        (bool(failed), f"guardrails do not hold: {', '.join(failed)}"),
        (bool(harmed), f"worse beyond chance on {', '.join(harmed)}"),
        (loss.prob_same >= 1 - LEFT_TO_CHANCE, "no better by as much as matters, and a tie goes to the champion"),
    )
    return next((reason for holds, reason in reasons if holds), "")


def _rows_needed(n_rows: int, effect: float, standard_error: float, sure: float) -> float:
    """Rows at which the effect seen would be found with a power of 80 %, in hundreds; infinite if there is none.

    Examples
    --------
    >>> _rows_needed(1_000, effect=0.01, standard_error=0.01, sure=0.95)  # ((1.645 + 0.842) x 0.01 / 0.01)^2 x 1,000
    6200.0
    """
    if effect <= 0:
        return float("inf")
    rows = n_rows * ((ndtri(sure) + ndtri(POWER)) * standard_error / effect) ** 2
    return float(ceil(rows / 100) * 100) if rows < 10_000_000 else float("inf")
