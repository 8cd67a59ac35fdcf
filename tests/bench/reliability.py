"""Whether a stated confidence is kept: `python -m tests.bench reliability`; minutes. The tables of docs/confidence.md.

The simulated lender's true PDs are known: of verdicts with confidence c, about a share c should be the verdict by the
true PD, and the likely range should hold it for 80 of 100. Dates are shuffled, so that nothing drifts. On real tables
nobody knows the truth: there, of verdicts by a model of one half, as many should be repeated by a model of the other
half as the spread between models says by itself, without the factor for what all models get wrong alike.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from scipy.special import logit, ndtr

from creditrisk import datasets
from creditrisk.arrays import FloatArray
from creditrisk.encoding import fit_encoder
from creditrisk.learners import LogMean, family, members_of
from creditrisk.metrics import fit_line
from creditrisk.pages.palette import LIGHT
from creditrisk.quality import check
from creditrisk.schema import Costs
from creditrisk.scoring import ASK_BELOW, ScoreScale
from creditrisk.simulator import simulate
from creditrisk.splits import stratified_folds
from creditrisk.training import Budget, Recipe, in_threads, train
from creditrisk.training.halves import scores_by_halves
from creditrisk.training.plan import Plan
from creditrisk.training.scores import OutOfSampleScores, Split, target_of
from tests.bench.figure import Figure

DATA = Path(os.environ.get("CREDITRISK_DATA_DIR", Path(__file__).resolve().parents[3] / "shared" / "data"))
PICTURE = Path(__file__).resolve().parents[2] / "docs" / "images" / "confidence.svg"
# Training rows, and how many trainings, each of other applicants; of seeds that no constant was fitted on.
SIZES = ((2_000, 4), (20_000, 2))
FIRST_SEED = 101
N_TRUE = 20_000
TABLES = {
    "german_credit": "german_credit/german.data",
    "taiwan_default": "taiwan_default/default_of_credit_card_clients.csv.gz",
}
EDGES = (0.0, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 1.0)
MIN_ROWS = 200
TOLERANCE = 0.05
SEED = 7


@dataclass(frozen=True)
class Kept:
    """Verdicts with their confidence, and whether each was kept; `held` is the share of likely ranges that held."""

    name: str
    confidence: FloatArray
    is_kept: NDArray[np.bool_]
    held: float | None = None
    n_asked: float | None = None

    def bands(self) -> list[tuple[float, float, int]]:
        """Stated confidence, share kept and number of verdicts of each band that has any."""
        places = np.clip(np.searchsorted(EDGES, self.confidence, side="right") - 1, 0, len(EDGES) - 2)
        here = [places == place for place in range(len(EDGES) - 1)]
        return [
            (float(self.confidence[rows].mean()), float(self.is_kept[rows].mean()), int(rows.sum()))
            for rows in here
            if rows.any()
        ]

    @property
    def worst(self) -> float:
        """The largest distance of stated and kept in a band with enough verdicts."""
        return max(abs(stated - kept) for stated, kept, n in self.bands() if n >= MIN_ROWS)


def figures(_rows: int) -> list[Figure]:
    """Print the tables; the largest distance of stated and kept of each, beside five points."""
    results = [*(simulated(n, trainings) for n, trainings in SIZES), *(repeated(name) for name in TABLES)]
    show(results)
    draw(results, PICTURE)
    return [
        Figure(f"reliability, {item.name}", 100 * item.worst, 100 * TOLERANCE, "points", "five points", at_most=1.0)
        for item in results
        if any(n >= MIN_ROWS for *_, n in item.bands())
    ]


def simulated(n_rows: int, n_trainings: int) -> Kept:
    """The verdicts of scorers trained on the simulated lender, against those by the true PDs."""
    schema = datasets.load_schema("simulated")
    parts: list[tuple[FloatArray, NDArray[np.bool_], float, float]] = []
    for seed in range(FIRST_SEED, FIRST_SEED + n_trainings):
        known, others = _applicants(n_rows, seed)
        scorer = train(known, schema, scale=ScoreScale(), seed=SEED, budget=Budget(1)).scorer
        scored, true = scorer.score(others), others["true_prob_default"].to_numpy()
        nobody = np.zeros(others.height, dtype=np.bool_)
        by_pd = scorer.rule.verdicts(scored["prob_default"].to_numpy(), nobody)
        low, high = scored["prob_default_low"].to_numpy(), scored["prob_default_high"].to_numpy()
        is_held = (low <= true) & (true <= high)
        confidence = scored["confidence"].to_numpy()
        asked = (by_pd != "refer") & (confidence < ASK_BELOW)
        parts.append(
            (confidence, by_pd == scorer.rule.verdicts(true, nobody), float(is_held.mean()), float(asked.mean()))
        )
    confidence, is_kept, held, asked_share = zip(*parts, strict=True)
    return Kept(
        f"simulated, {n_rows:,} rows, {n_trainings} trainings",
        np.concatenate(confidence),
        np.concatenate(is_kept),
        float(np.mean(held)),
        float(np.mean(asked_share)),
    )


def _applicants(n_rows: int, seed: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Applicants to learn from, and others whose true PDs judge; their dates in any order."""
    table = simulate(n_rows + N_TRUE, seed=seed).with_columns(
        pl.col("application_date").shuffle(seed=seed), row_number=pl.int_range(1, n_rows + N_TRUE + 1)
    )
    table = table[np.random.default_rng(seed).permutation(table.height)]
    return table[:n_rows].drop("true_prob_default"), table[n_rows:]


def repeated(name: str) -> Kept:
    """Verdicts by the blend fitted on one third of a table, against those by one fitted on another, on the last third.

    The two thirds are the halves of the table that the spread is learnt from.
    """
    schema = datasets.load_schema(name)
    table = check(datasets.read(name, str(DATA / TABLES[name])), schema, with_target=True).accepted
    target = target_of(table)
    one, other, judged = (rows for _, rows in stratified_folds(target, 3, seed=SEED))
    encoder = fit_encoder(table[one], schema)
    fits = [
        Split(number, 0, rows, np.concatenate([rest, judged]), encoder)
        for number, (rows, rest) in enumerate([(one, other), (other, one)])
    ]
    plan = Plan(schema, ScoreScale(), ASK_BELOW, SEED, Budget(1), in_threads(), lambda *_: None)
    scores = OutOfSampleScores(table, fits, plan)
    members = members_of("blend", len(one) + len(other))
    recipe = Recipe("blend", {member: family(member).defaults(len(one)) for member in members})
    scores.fit_missing((split, recipe) for split in fits)
    calibrated = [
        _calibrated(scores, recipe, split, rest, judged) for split, rest in zip(fits, (other, one), strict=True)
    ]
    both = np.concatenate([one, other])
    by_halves = scores_by_halves(scores, recipe, both, table[both], plan)
    matrix = encoder.matrix(table)
    spread = LogMean.fit(matrix[both], by_halves.var(axis=0, ddof=1), encoder, seed=SEED)
    # The variance is that of a model of both thirds: one of half as many rows has twice, the difference of two four
    # times of it.
    sd = 2 * np.exp(0.5 * spread.log_mean(matrix[judged]))
    ends = _ends(schema.costs)
    zones = [np.clip(np.searchsorted(ends, log_odds) - 1, 0, 2) for log_odds in calibrated]
    stated = ndtr((ends[zones[0] + 1] - calibrated[0]) / sd) - ndtr((ends[zones[0]] - calibrated[0]) / sd)
    return Kept(f"{schema.title}, halves of {len(one):,} rows", stated, zones[0] == zones[1])


def _calibrated(
    scores: OutOfSampleScores, recipe: Recipe, split: Split, rest: NDArray[np.int64], judged: NDArray[np.int64]
) -> FloatArray:
    line = fit_line(scores.log_odds(recipe, rest, repeat=split.repeat), scores.target[rest])
    return line.intercept + line.slope * scores.log_odds(recipe, judged, repeat=split.repeat)


def _ends(costs: Costs) -> FloatArray:
    """Where the zones end, in log-odds."""
    approve = min(costs.cutoff_prob_default, costs.review / costs.accept_bad)
    decline = max(costs.cutoff_prob_default, 1.0 - costs.review / costs.decline_good)
    return np.array([-np.inf, logit(approve), logit(decline), np.inf])


def show(results: Sequence[Kept]) -> None:
    """Print a line for each band of each table."""
    table = Table("table", "stated", "kept", "verdicts", title="Whether confidence is kept")
    for item in results:
        for stated, kept, n in item.bands():
            table.add_row(item.name, f"{stated:.2f}", f"{kept:.2f}", f"{n:,}")
        if item.held is not None and item.n_asked is not None:
            table.add_row(item.name, "0.80", f"{item.held:.2f}", "likely ranges", end_section=True)
            table.add_row(item.name, "", f"{item.n_asked:.2f}", "verdicts left to a colleague", end_section=True)
        else:
            table.add_section()
    Console(width=120).print(table)


def draw(results: Sequence[Kept], path: Path) -> None:
    """Stated against kept, a panel each, as SVG; a point's area goes with the verdicts behind it."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure as Canvas

    with rc_context({"svg.hashsalt": "confidence", "svg.fonttype": "none", "font.size": 9}):
        canvas = Canvas(figsize=(3.0 * len(results), 3.2), layout="constrained")
        for axes, item in zip(np.atleast_1d(canvas.subplots(1, len(results), sharey=True)), results, strict=True):
            stated, kept, n = (np.array(values) for values in zip(*item.bands(), strict=True))
            axes.fill_between([0, 1], [-TOLERANCE, 1 - TOLERANCE], [TOLERANCE, 1 + TOLERANCE], color=LIGHT["soft"])
            axes.plot([0, 1], [0, 1], color=LIGHT["muted"], linewidth=1)
            axes.scatter(stated, kept, s=20 + 160 * n / n.sum(), color=LIGHT["accent"])
            axes.set(xlim=(0.3, 1.02), ylim=(0.3, 1.02), xlabel="stated", title=item.name)
            axes.title.set_fontsize(8)
        canvas.axes[0].set_ylabel("kept")
        canvas.savefig(path, format="svg", metadata={"Date": None})
