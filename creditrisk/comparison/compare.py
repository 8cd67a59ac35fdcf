"""Champion against challenger: promote, keep, or say that the rows are too few to tell.

`compare` takes the PDs that both gave the same rows and decides by three things together: is the challenger better on
log loss beyond chance, is it not worse on ranking, cost or calibration by more than matters, and do the guardrails
hold. Called by flows/model_train.py. The statistics are in paired.py, the page in pages/comparison.html; who moves the
champion on this evidence is in promotion.py.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import product
from math import ceil, isfinite, log
from typing import Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.stats import beta, norm

from creditrisk.arrays import FloatArray, IntArray
from creditrisk.comparison.guardrails import (
    LEFT_TO_CHANCE,
    Guardrail,
    coverage_guardrails,
    group_gaps,
    protected_fields,
    reasons_in_common,
    scoring_time,
    slope_guardrail,
)
from creditrisk.comparison.paired import N_DRAWS, ROW_FIGURES, bootstrap, correlated_t, row_losses
from creditrisk.errors import ComparisonError
from creditrisk.metrics import auc, delong, protected_groups
from creditrisk.schema import Costs
from creditrisk.scoring import BANDS, VERDICTS, DecisionRule, Scorer, ScoreScale
from creditrisk.text import signed

Verdict = Literal["promote", "keep", "inconclusive"]

# From here on rows are drawn again; below, folds that share training rows are compared.
BOOTSTRAP_ROWS = 2_000
BOOTSTRAP_BADS = 200

# How sure "better" has to be: the 95 % interval of log loss lies wholly on the better side. At 0.95, some one in twenty
# comparisons of equal models ended in a promotion; see docs/comparison.md.
SURE_BETTER = 0.975
POWER = 0.8

# Zones in which a difference does not matter. AUC and Brier as they are; log loss and what calibration loses as a share
# of the log loss of one PD for everybody; cost as a share of what deciding without a model costs.
ROPE_AUC = 0.005
ROPE_BRIER = 0.002
ROPE_LOG_LOSS_SHARE = 0.01
ROPE_COST_SHARE = 0.01

LABELS = {
    "log_loss": "Log loss",
    "auc": "AUC",
    "cost": "Cost per applicant",
    "calibration": "Lost by calibration",
    "brier": "Brier score",
}
# A challenger must not be worse on these by more than their zone.
NOT_WORSE = ("auc", "cost", "calibration")


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure of both models, and by how much the challenger's is better (positive) or worse (negative).

    `low` and `high` bound the 95 % interval of the improvement, `rope` is how much would not matter. `prob_better`,
    `prob_same` and `prob_worse` are the chances of any improvement, of one within the rope, and of harm beyond it.
    """

    name: str
    label: str
    champion: float
    challenger: float
    improvement: float
    low: float
    high: float
    standard_error: float
    rope: float
    prob_better: float
    prob_same: float
    prob_worse: float


@dataclass(frozen=True, slots=True)
class Swap:
    """The clients whose lamp changes from one colour to another, and what became of them.

    `low` and `high` bound the 95 % interval of their bad rate; `saving` is what deciding their way saves in all, in
    units of one good applicant declined.
    """

    before: str
    after: str
    n: int
    n_bad: int
    low: float
    high: float
    saving: float

    @property
    def bad_rate(self) -> float:
        """Share of bads among them."""
        return self.n_bad / self.n


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
    seconds_per_1000: tuple[float, float] | None = None,
    n_challengers: int = 1,
    n_looks: int = 1,
) -> Comparison:
    """Compare two models by the PDs they gave the same rows.

    Parameters
    ----------
    champion_prob_default, challenger_prob_default
        PDs of rows that neither was fitted on, shape (n_repeats, n_rows); a single repeat for a time-ordered test.
    target
        Outcomes (1 = default), shape (n_rows,).
    folds
        The fold in which each row was judged, shape (n_repeats, n_rows); all 0 for a time-ordered test.
    costs
        What wrong decisions cost; their cut-off is the one at which cost is compared.
    seed
        Of the bootstrap.
    frame
        The judged rows with features and protected fields, shape (n_rows, ...), for what is asked beyond the PDs.
    champion, challenger
        The two scorers, for coverage, fields, reasons and decision rules; without them those parts are left out.
    floors
        Absolute floors already checked, see `Floors`.
    seconds_per_1000
        How long each took to score a thousand rows, champion first; reported, never a bar.
    n_challengers
        How many challengers are confirmed on these rows at once; shares the room left to chance among them
        (Bonferroni's bound, which is the first step of Holm's).
    n_looks
        How often models have been judged on these very rows, this time included; reported.

    Raises
    ------
    ComparisonError
        If the arrays do not belong together, hold a PD that is none, or only one outcome.
    """
    old, new = np.atleast_2d(champion_prob_default), np.atleast_2d(challenger_prob_default)
    folds = np.atleast_2d(folds)
    _check((old, new), target, folds)
    old_mean, new_mean = old.mean(axis=0), new.mean(axis=0)
    old_verdicts = _verdicts(champion, costs, old_mean)
    new_verdicts = _verdicts(challenger, costs, new_mean)
    n_folds, n_rows, n_bad = len(np.unique(folds)), len(target), int(target.sum())
    is_bootstrap = n_folds == 1 or (n_rows >= BOOTSTRAP_ROWS and n_bad >= BOOTSTRAP_BADS)
    if is_bootstrap:
        method = f"stratified paired bootstrap, {N_DRAWS:,} draws, seed {seed}"
        draws = bootstrap(old, new, target, costs, seed=seed)
    else:
        method = f"Bayesian correlated t-test over {len(old)} x {n_folds} folds that both share"
        draws = correlated_t(old, new, target, folds, costs)
    ranked_together = np.zeros_like(folds) if is_bootstrap else folds
    figures = _figures(draws, (old, new), target, ranked_together, costs)
    guardrails = [*floors, slope_guardrail(new, target)]
    if challenger is not None:
        guardrails += [*coverage_guardrails(challenger.rule, new[0], target, folds[0]), protected_fields(challenger)]
    if challenger is not None and frame is not None:
        approved = old_verdicts == "approve", new_verdicts == "approve"
        guardrails += group_gaps(protected_groups(frame, challenger.schema), *approved, target, seed=seed)
    if challenger is not None and champion is not None and frame is not None:
        guardrails += reasons_in_common(champion, challenger, frame, seed=seed)
    if seconds_per_1000 is not None:
        guardrails.append(scoring_time(*seconds_per_1000))
    swaps, n_swapped = _swaps(old_verdicts, new_verdicts, target, costs)
    verdict, reason, rows_needed = _decide(figures, guardrails, n_rows, 1 - (1 - SURE_BETTER) / n_challengers)
    return Comparison(
        verdict=verdict,
        reason=reason,
        method=method,
        n_rows=n_rows,
        n_bad=n_bad,
        figures=figures,
        guardrails=tuple(guardrails),
        swaps=swaps,
        n_swapped=n_swapped,
        delong=_delong(old_mean, new_mean, target) if is_bootstrap else None,
        rows_needed=rows_needed,
        n_looks=n_looks,
    )


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
        champion=_capitalised(champion),
        challenger=challenger,
        protocol=_capitalised(protocol),
        written_at=written_at,
        reason=_capitalised(comparison.reason.partition(" (about")[0]),
        total=sum(swap.saving for swap in comparison.swaps),
    )


def _capitalised(words: str) -> str:
    return words[:1].upper() + words[1:]


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
        else DecisionRule(costs, ScoreScale(), (), (), n_good=0, n_bad=0, typical_contributions=())
    )
    return rule.verdicts(prob_default, np.zeros(len(prob_default), dtype=bool))


# Figures


def _figures(
    draws: Mapping[str, FloatArray],
    sides: tuple[FloatArray, FloatArray],
    target: IntArray,
    ranked_together: IntArray,
    costs: Costs,
) -> tuple[Figure, ...]:
    before, after = (
        {**_row_figures(side, target, costs), "auc": _auc(side, target, ranked_together)} for side in sides
    )
    bad_rate = float(target.mean())
    uninformed = -(bad_rate * log(bad_rate) + (1 - bad_rate) * log(1 - bad_rate))
    blind = min(costs.accept_bad * bad_rate, costs.decline_good * (1 - bad_rate))
    ropes = {
        "log_loss": ROPE_LOG_LOSS_SHARE * uninformed,
        "auc": ROPE_AUC,
        "cost": ROPE_COST_SHARE * blind,
        "calibration": ROPE_LOG_LOSS_SHARE * uninformed,
        "brier": ROPE_BRIER,
    }
    figures = []
    for name, label in LABELS.items():
        sign = 1.0 if name == "auc" else -1.0
        better, rope = sign * draws[name], ropes[name]
        error = float(better.std())
        low, high = np.quantile(better, [0.025, 0.975])
        # Cost hangs on the few rows between two cut-offs. Where they cannot rule out harm beyond the rope, it is enough
        # that none is seen: harm counts from half of the 90 % interval on.
        harm = max(rope, float(norm.ppf(1 - LEFT_TO_CHANCE)) * error) if name == "cost" else rope
        figures.append(
            Figure(
                name=name,
                label=label,
                champion=before[name],
                challenger=after[name],
                improvement=sign * (after[name] - before[name]),
                low=float(low),
                high=float(high),
                standard_error=error,
                rope=rope,
                prob_better=float((better > 0).mean()),
                prob_same=float((np.abs(better) <= rope).mean()),
                prob_worse=float((better < -harm).mean()),
            )
        )
    return tuple(figures)


def _row_figures(prob_default: FloatArray, target: IntArray, costs: Costs) -> dict[str, float]:
    means = np.mean([row_losses(repeat, target, costs) for repeat in prob_default], axis=(0, 1))
    return dict(zip(ROW_FIGURES, means.tolist(), strict=True))


def _auc(prob_default: FloatArray, target: IntArray, folds: IntArray) -> float:
    """AUC averaged over folds and repeats."""
    return float(
        np.mean(
            [
                auc(scores[fold == number], target[fold == number])
                for scores, fold in zip(prob_default, folds, strict=True)
                for number in np.unique(fold)
            ]
        )
    )


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
    rows = n_rows * ((norm.ppf(sure) + norm.ppf(POWER)) * standard_error / effect) ** 2
    return float(ceil(rows / 100) * 100) if rows < 10_000_000 else float("inf")


# The swap set


def _swaps(
    before: NDArray[np.str_], after: NDArray[np.str_], target: IntArray, costs: Costs
) -> tuple[tuple[Swap, ...], int]:
    """Every change of lamp that happens, and how many clients change in all."""
    price = {"approve": costs.accept_bad * target, "refer": np.full(len(target), costs.review),
             "decline": costs.decline_good * (1 - target)}  # fmt: skip
    swaps = []
    for old, new in product(VERDICTS, VERDICTS):
        moved = (before == old) & (after == new)
        n, n_bad = int(moved.sum()), int(target[moved].sum())
        if old == new or not n:
            continue
        # Jeffreys: never an interval of no width, however few they are.
        low, high = beta.ppf([0.025, 0.975], n_bad + 0.5, n - n_bad + 0.5)
        saving = float((price[old][moved] - price[new][moved]).sum())
        swaps.append(Swap(BANDS[old], BANDS[new], n, n_bad, float(low), float(high), saving))
    return tuple(swaps), int((before != after).sum())
