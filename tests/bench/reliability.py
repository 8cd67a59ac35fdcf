"""Whether a stated confidence is kept: `python -m tests.bench reliability`; minutes. The tables of docs/confidence.md.

The simulated lender's true PDs are known: of verdicts with confidence c, about a share c should be the verdict by the
true PD, and the likely range should hold it for 80 of 100. Dates are shuffled, so that nothing drifts. On real tables
nobody knows the truth: there, of verdicts by a model of one half, as many should be repeated by a model of the other
half as the spread between models says by itself, without the factor for what all models get wrong alike.

Luck of one training moves all its verdicts together, so each band has its noise: the standard error between trainings.
So that there can be many, only the members of the blend are fitted; the others seldom champion.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
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
from creditrisk.schema import Costs, Schema
from creditrisk.scoring import ASK_BELOW, ScoreScale
from creditrisk.simulator import simulate
from creditrisk.splits import stratified_folds
from creditrisk.training import Budget, Job, JobResult, OnFitDone, Recipe, in_threads, train
from creditrisk.training.halves import scores_by_halves
from creditrisk.training.plan import Plan
from creditrisk.training.scores import OutOfSampleScores, Split, target_of
from tests.bench.figure import Figure
from tests.bench.public_data import DATA, is_here

PICTURE = Path(__file__).resolve().parents[2] / "docs" / "images" / "confidence.svg"
# Training rows, and how many trainings, each of other applicants; of seeds that no constant was fitted on.
SIZES = ((2_000, 16), (20_000, 8))
FIRST_SEED = 101
N_TRUE = 20_000
# And how often each is divided into thirds, each of which is judged in turn.
TABLES = {
    "german_credit": ("german_credit/german.data", 4),
    "taiwan_default": ("taiwan_default/default_of_credit_card_clients.csv.gz", 1),
}
EDGES = (0.0, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 1.0)
# In one training, on average.
MIN_ROWS = 200
TOLERANCE = 0.05
SEED = 7


@dataclass(frozen=True)
class Judged:
    """Verdicts of one training: their confidence, and whether each was kept, (n_rows,).

    `held` is the share of likely ranges that held, `asked` that of verdicts left to a colleague.
    """

    confidence: FloatArray
    is_kept: NDArray[np.bool_]
    held: float | None = None
    asked: float | None = None


@dataclass(frozen=True)
class Band:
    """Verdicts of about one confidence: stated, kept, what luck may do to it, and about how many clients a training."""

    stated: float
    kept: float
    noise: float
    n: float


@dataclass(frozen=True)
class Kept:
    """The verdicts of some trainings, `verdicts_each` about every client."""

    name: str
    trainings: Sequence[Judged]
    verdicts_each: int = 1

    def bands(self) -> list[Band]:
        """Each band that has any verdicts."""
        bands = []
        for low, high in zip(EDGES, (*EDGES[1:-1], np.inf), strict=False):
            here = [(low <= item.confidence) & (item.confidence < high) for item in self.trainings]
            pairs = list(zip(self.trainings, here, strict=True))
            n = np.array([rows.sum() for rows in here])
            stated = np.array([item.confidence[rows].sum() for item, rows in pairs])
            kept = np.array([item.is_kept[rows].sum() for item, rows in pairs])
            if n.any():
                gap = (kept.sum() - stated.sum()) / n.sum()
                many = len(n) / max(len(n) - 1, 1)
                noise = np.sqrt(many * ((kept - stated - gap * n) ** 2).sum()) / n.sum()
                bands.append(
                    Band(
                        stated.sum() / n.sum(), kept.sum() / n.sum(), float(noise), float(n.mean()) / self.verdicts_each
                    )
                )
        return bands

    @property
    def worst(self) -> float | None:
        """The largest distance of stated and kept in a band with enough verdicts, None if there is no such band."""
        return max((abs(band.stated - band.kept) for band in self.bands() if band.n >= MIN_ROWS), default=None)


def figures(_rows: int) -> list[Figure]:
    """Print the tables; the largest distance of stated and kept of each, beside five points."""
    results = [
        *(simulated(n, trainings) for n, trainings in SIZES),
        *(repeated(name) for name in TABLES if is_here(name, TABLES[name][0])),
    ]
    show(results)
    draw(results, PICTURE)
    return [
        Figure(f"reliability, {item.name}", 100 * item.worst, 100 * TOLERANCE, "points", "five points", at_most=1.0)
        for item in results
        if item.worst is not None
    ]


def simulated(n_rows: int, n_trainings: int) -> Kept:
    """The verdicts of scorers trained on the simulated lender, against those by the true PDs."""
    seeds = range(FIRST_SEED, FIRST_SEED + n_trainings)
    name = f"simulated, {n_rows:,} rows, {n_trainings} trainings"
    return Kept(name, [_against_the_truth(n_rows, seed) for seed in seeds])


def _against_the_truth(n_rows: int, seed: int) -> Judged:
    known, others = _applicants(n_rows, seed)
    training = train(
        known, datasets.load_schema("simulated"), scale=ScoreScale(), seed=SEED, budget=Budget(1), run=_members_only
    )
    scorer = training.scorer
    scored, true = scorer.score(others), others["true_prob_default"].to_numpy()
    nobody = np.zeros(others.height, dtype=np.bool_)
    by_pd = scorer.rule.verdicts(scored["prob_default"].to_numpy(), nobody)
    low, high = scored["prob_default_low"].to_numpy(), scored["prob_default_high"].to_numpy()
    confidence = scored["confidence"].to_numpy()
    return Judged(
        confidence,
        by_pd == scorer.rule.verdicts(true, nobody),
        held=float(((low <= true) & (true <= high)).mean()),
        asked=float(((by_pd != "refer") & (confidence < ASK_BELOW)).mean()),
    )


def _members_only(jobs: list[Job], on_fit_done: OnFitDone) -> Iterable[tuple[int, JobResult]]:
    """A runner that fits what the blend is made of and leaves the other families out."""
    members = members_of("blend", max((len(job.train) for job in jobs), default=0))
    wanted = [place for place, job in enumerate(jobs) if job.family in members]
    for place in set(range(len(jobs))) - set(wanted):
        yield place, JobResult([], ["left out"])
    for number, result in in_threads()([jobs[place] for place in wanted], on_fit_done):
        yield wanted[number], result


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
    file, n_divisions = TABLES[name]
    table = check(datasets.read(name, str(DATA / file)), schema, with_target=True).accepted
    judged = [item for seed in range(SEED, SEED + n_divisions) for item in _against_each_other(table, schema, seed)]
    return Kept(f"{schema.title}, {len(judged)} pairs of {table.height // 3:,} rows", judged, verdicts_each=2)


def _against_each_other(table: pl.DataFrame, schema: Schema, seed: int) -> Iterable[Judged]:
    """Each third of a table judged by the models of the other two."""
    thirds = [rows for _, rows in stratified_folds(target_of(table), 3, seed=seed)]
    encoders = [fit_encoder(table[rows], schema) for rows in thirds]
    fits = [
        Split(number, 0, rows, np.concatenate([thirds[number - 1], thirds[number - 2]]), encoder)
        for number, (rows, encoder) in enumerate(zip(thirds, encoders, strict=True))
    ]
    plan = Plan(schema, ScoreScale(), ASK_BELOW, seed, Budget(1), in_threads(), lambda *_: None)
    scores = OutOfSampleScores(table, fits, plan)
    members = members_of("blend", 2 * len(thirds[0]))
    recipe = Recipe("blend", {member: family(member).defaults(len(thirds[0])) for member in members})
    scores.fit_missing((split, recipe) for split in fits)
    for number, judged in enumerate(thirds):
        one, other = number - 1, number - 2
        calibrated = [
            _calibrated(scores, recipe, fits[model], thirds[rest], judged)
            for model, rest in ((one, other), (other, one))
        ]
        both = np.concatenate([thirds[one], thirds[other]])
        # Scores of their own: halves are numbered alike, whatever they are halves of.
        by_halves = scores_by_halves(OutOfSampleScores(table, fits, plan), recipe, both, table[both], plan)
        matrix = encoders[one].matrix(table)
        spread = LogMean.fit(matrix[both], by_halves.log_odds.var(axis=0, ddof=1), encoders[one], seed=seed)
        # The variance is that of a model of both thirds: one of half as many rows has twice, the difference of two
        # four times of it.
        sd = 2 * np.exp(0.5 * spread.log_mean(matrix[judged]))
        yield _repeats(calibrated, sd, _ends(schema.costs))


def _repeats(calibrated: Sequence[FloatArray], sd: FloatArray, ends: FloatArray) -> Judged:
    """How surely each of two models is repeated by the other, and whether it is; `sd` is that of their difference."""
    zones = [np.clip(np.searchsorted(ends, log_odds) - 1, 0, 2) for log_odds in calibrated]
    stated = []
    for log_odds, zone in zip(calibrated, zones, strict=True):
        # The other stands on average nearer to the middle of all: part of what sets this one's clients apart is noise.
        noise = sd**2 / 2 / log_odds.var()
        centre, rest = log_odds - noise * (log_odds - log_odds.mean()), sd * np.sqrt(1 - noise / 2)
        stated.append(ndtr((ends[zone + 1] - centre) / rest) - ndtr((ends[zone] - centre) / rest))
    return Judged(np.concatenate(stated), np.tile(zones[0] == zones[1], 2))


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
    table = Table("table", "stated", "kept", "± noise", "clients a training", title="Whether confidence is kept")
    for item in results:
        for band in item.bands():
            numbers = f"{band.stated:.2f}", f"{band.kept:.2f}", f"{band.noise:.3f}", f"{band.n:,.0f}"
            table.add_row(item.name, *numbers)
        held = _mean_and_noise(training.held for training in item.trainings)
        asked = _mean_and_noise(training.asked for training in item.trainings)
        for stated, shares, what in (("0.80", held, "likely ranges"), ("", asked, "verdicts left to a colleague")):
            if shares is not None:
                table.add_row(item.name, stated, f"{shares[0]:.2f}", f"{shares[1]:.3f}", what)
        table.add_section()
    Console(width=120).print(table)


def _mean_and_noise(shares: Iterable[float | None]) -> tuple[float, float] | None:
    """The mean of shares of each training and its standard error, None if they have none."""
    known = np.array([share for share in shares if share is not None])
    return (float(known.mean()), float(known.std(ddof=1) / np.sqrt(len(known)))) if len(known) else None


def draw(results: Sequence[Kept], path: Path) -> None:
    """Stated against kept, a panel each, as SVG; a point's area goes with its verdicts, its bar is twice the noise."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure as Canvas

    with rc_context({"svg.hashsalt": "confidence", "svg.fonttype": "none", "font.size": 9}):
        canvas = Canvas(figsize=(3.0 * len(results), 3.2), layout="constrained")
        for axes, item in zip(np.atleast_1d(canvas.subplots(1, len(results), sharey=True)), results, strict=True):
            bands = item.bands()
            stated, kept = [band.stated for band in bands], [band.kept for band in bands]
            n, noise = np.array([band.n for band in bands]), [2 * band.noise for band in bands]
            axes.fill_between([0, 1], [-TOLERANCE, 1 - TOLERANCE], [TOLERANCE, 1 + TOLERANCE], color=LIGHT["soft"])
            axes.plot([0, 1], [0, 1], color=LIGHT["muted"], linewidth=1)
            axes.errorbar(stated, kept, yerr=noise, fmt="none", color=LIGHT["muted"], linewidth=1)
            axes.scatter(stated, kept, s=20 + 160 * n / n.sum(), color=LIGHT["accent"])
            axes.set(xlim=(0.3, 1.02), ylim=(0.3, 1.02), xlabel="stated", title=item.name)
            axes.title.set_fontsize(8)
        canvas.axes[0].set_ylabel("kept")
        canvas.savefig(path, format="svg", metadata={"Date": None})
