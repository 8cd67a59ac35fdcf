"""The charts of a trained model, as SVG text: ranking, calibration, cost, verdicts, what weighs and how it learnt.

Arrays in, text out; the same arrays give the same text. `winner_plots` draws the set that is logged with every training
and stands in the validation pack. No pyplot, whose state all threads would share.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from io import StringIO
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from creditrisk.arrays import FloatArray, IntArray
from creditrisk.metrics import auc_estimate, deciles, rate_interval
from creditrisk.pages.palette import LIGHT, VERDICT_LOOKS
from creditrisk.schema import Costs
from creditrisk.scoring import VERDICTS, DecisionRule

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from creditrisk.learners import Model
    from creditrisk.training import Training

INK, MUTED, LINE = (LIGHT[name] for name in ("ink", "muted", "line"))
ACCENT, DEEP, PALE, SOFT, GREY = (LIGHT[name] for name in ("accent", "deep", "pale", "soft", "grey"))
SIZE = (5.6, 3.9)
# More points than this on a curve cannot be told apart, and make the file large.
MAX_POINTS = 400
# The importance of so many fields is read; the others are summed up.
MAX_FIELDS = 15
IMPORTANCE_ROWS = 250


def winner_plots(training: Training) -> dict[str, str]:
    """Every chart of a training's winner by its name, drawn from the rows that judged it.

    Where rows were judged several times over, from the first time.
    """
    scorer, judged = training.scorer, training.test
    prob_default, target, costs = judged.prob_default[0], judged.target, scorer.schema.costs
    sample = training.reference.sample(min(IMPORTANCE_ROWS, training.reference.height), seed=0)
    return {
        "roc": roc(prob_default, target),
        "precision_recall": precision_recall(prob_default, target),
        "calibration": calibration(prob_default, target),
        "ks": ks(prob_default, target),
        "deciles": decile_bars(prob_default, target),
        "cost_curve": cost_curve(prob_default, target, costs),
        "confusion_matrix": confusion_matrix(chart_verdicts(scorer.rule, prob_default), target),
        "importance": importance(scorer.contributions(sample), [field.label for field in scorer.schema.features]),
        "loss_curves": loss_curves(_histories(scorer.model)),
    }


def _histories(model: Model) -> dict[str, Sequence[float]]:
    """How a model learnt, or each member of a blend, by words for the rows it was told by."""
    members = getattr(model, "members", ())
    if not members:
        return dict(model.history)
    return {
        f"{member.family.replace('_', ' ')}, {rows}": losses
        for member in members
        for rows, losses in member.history.items()
    }


def roc(prob_default: FloatArray, target: IntArray) -> str:
    """Share of bads found against share of goods wrongly suspected, over all cut-offs."""
    goods, bads = _passed(prob_default, target)
    area = auc_estimate(prob_default, target)
    figure, axes = _canvas("Goods declined", "Bads declined")
    axes.plot([0, 1], [0, 1], color=GREY, linewidth=1, linestyle=(0, (4, 3)))
    # From the riskiest applicant to the safest.
    x, y = _thinned(1 - goods[::-1], 1 - bads[::-1])
    axes.fill_between(x, y, x, color=SOFT, linewidth=0)
    axes.plot(x, y, color=ACCENT, linewidth=1.8)
    _corner(axes, f"AUC {area.value:.3f}", f"{area.low:.3f} to {area.high:.3f}")
    axes.text(0.60, 0.55, "guessing", color=MUTED, fontsize=9, rotation=32, ha="center", va="top")
    _shares(axes, "xy")
    return _svg(figure, "ROC curve")


def precision_recall(prob_default: FloatArray, target: IntArray) -> str:
    """Share of bads among those above a cut-off against the share of all bads found."""
    found, looked = _by_risk(prob_default, target)
    recall, precision = found / max(found[-1], 1), found / looked
    base = target.mean()
    figure, axes = _canvas("Bads found (recall)", "Bads among those found (precision)")
    axes.axhline(base, color=GREY, linewidth=1, linestyle=(0, (4, 3)))
    axes.plot(*_thinned(recall, precision), color=ACCENT, linewidth=1.8)
    average = float(np.sum(np.diff(recall, prepend=0) * precision))
    axes.text(0.97, 0.93, f"average precision {average:.3f}", ha="right", va="top", fontsize=12, fontweight="bold",
              color=INK, transform=axes.transAxes)  # fmt: skip
    axes.text(0.02, base - 0.015, f"guessing: {100 * base:.1f} %", color=MUTED, fontsize=9, va="top")
    _shares(axes, "xy")
    return _svg(figure, "Precision and recall")


def calibration(prob_default: FloatArray, target: IntArray) -> str:
    """Bad rate of each tenth of the applicants against its mean PD, with 95 % intervals."""
    table = deciles(prob_default, target)
    x = np.array([row.mean_prob_default for row in table])
    y = np.array([row.bad_rate.value for row in table])
    low, high = rate_interval([row.n_bad for row in table], [row.n_rows for row in table])
    top = min(1.0, 1.06 * max(high.max(), x.max()))
    figure, axes = _canvas("Predicted", "Went bad")
    axes.plot([0, top], [0, top], color=GREY, linewidth=1, linestyle=(0, (4, 3)))
    axes.vlines(x, low, high, color=PALE, linewidth=2.4)
    axes.plot(x, y, "o", color=ACCENT, markersize=5.5)
    axes.text(0.03, 0.95, "as predicted: dashed line", color=MUTED, fontsize=9, va="top", transform=axes.transAxes)
    axes.set_xlim(0, top)
    axes.set_ylim(0, top)
    _per_cent(axes.xaxis)
    _per_cent(axes.yaxis)
    return _svg(figure, "Calibration by tenths of the applicants")


def ks(prob_default: FloatArray, target: IntArray) -> str:
    """Cumulative shares of goods and bads up to each PD, and where they lie furthest apart."""
    grid = np.unique(prob_default)
    goods, bads = _passed(prob_default, target)
    goods, bads = goods[1:], bads[1:]
    place = int(np.argmax(goods - bads))
    x = 100 * grid
    figure, axes = _canvas("PD, of 100", "Share of them up to this PD")
    for shares, colour, words in ((goods, ACCENT, "goods"), (bads, DEEP, "bads")):
        axes.step(*_thinned(x, shares), where="post", color=colour, linewidth=1.8,
                  linestyle="-" if words == "goods" else (0, (5, 1.5)))  # fmt: skip
        near = int(np.searchsorted(shares, 0.8))
        axes.annotate(words, (x[min(near, len(x) - 1)], 0.8), xytext=(8, -4), textcoords="offset points", color=colour,
                      fontsize=10, fontweight="bold", va="top")  # fmt: skip
    axes.vlines(x[place], bads[place], goods[place], color=INK, linewidth=1.2)
    _corner(axes, f"KS {goods[place] - bads[place]:.3f}", f"at a PD of {x[place]:.1f} of 100")
    axes.set_xlim(0, max(x[-1], 1e-9))
    _shares(axes, "y")
    return _svg(figure, "Goods and bads by PD")


def decile_bars(prob_default: FloatArray, target: IntArray) -> str:
    """Bad rate of each tenth, the riskiest first, with intervals, beside what was predicted."""
    table = deciles(prob_default, target)[::-1]
    place = np.arange(len(table))
    rates = np.array([row.bad_rate.value for row in table])
    low, high = rate_interval([row.n_bad for row in table], [row.n_rows for row in table])
    figure, axes = _canvas("", "Went bad")
    axes.bar(place, rates, color=PALE, width=0.72)
    axes.vlines(place, low, high, color=ACCENT, linewidth=1.4)
    axes.hlines([row.mean_prob_default for row in table], place - 0.36, place + 0.36, color=INK, linewidth=1.8)
    axes.axhline(target.mean(), color=GREY, linewidth=1, linestyle=(0, (4, 3)), zorder=0)
    axes.text(len(table) - 0.5, target.mean(), "all ", color=MUTED, fontsize=9, ha="right", va="bottom")
    axes.annotate("predicted", (0.36, table[0].mean_prob_default), xytext=(4, 0), textcoords="offset points",
                  fontsize=9, color=INK, va="center")  # fmt: skip
    for x, row in zip(place, table, strict=True):
        axes.annotate(f"{100 * row.bads_caught:.0f} %", (x, 0), xytext=(0, -20), xycoords=("data", "axes fraction"),
                      textcoords="offset points", ha="center", fontsize=8, color=MUTED,
                      annotation_clip=False)  # fmt: skip
    axes.set_xticks(place, [str(number + 1) for number in place])
    axes.set_xlabel("Tenths, the riskiest first; below: share of all bads so far", labelpad=16)
    axes.set_ylim(0, min(1.0, 1.08 * high.max()))
    _per_cent(axes.yaxis)
    return _svg(figure, "Bad rate by tenths of the applicants")


def cost_curve(prob_default: FloatArray, target: IntArray, costs: Costs) -> str:
    """Cost per applicant if everybody from a cut-off on were declined, over all cut-offs."""
    at = costs.cutoff_prob_default
    grid = np.unique(np.concatenate([[0.0, at, 1.0], prob_default]))
    goods, bads = (
        len(part) - np.searchsorted(np.sort(part), grid, side="left")
        for part in (prob_default[target == 0], prob_default[target == 1])
    )
    cost = (costs.decline_good * goods + costs.accept_bad * (target.sum() - bads)) / len(target)
    chosen = float(cost[np.searchsorted(grid, at)])
    figure, axes = _canvas("Cut-off: PD, of 100", "Cost per applicant")
    axes.step(*_thinned(100 * grid, cost), where="pre", color=ACCENT, linewidth=1.8)
    axes.plot([100 * at], [chosen], "o", color=INK, markersize=6)
    axes.axvline(100 * at, color=GREY, linewidth=1, linestyle=(0, (4, 3)), zorder=0)
    axes.annotate(f"cut-off by the costs\n{100 * at:.1f} of 100: {chosen:.3f}", (100 * at, chosen), xytext=(10, -8),
                  textcoords="offset points", va="top", fontsize=10, color=INK)  # fmt: skip
    axes.set_xlim(0, 100)
    axes.set_ylim(0, 1.08 * cost.max())
    axes.text(1.5, cost[0] + 0.02 * cost.max(), "decline everybody", color=MUTED, fontsize=9, va="bottom")
    axes.text(99, cost[-1] + 0.02 * cost.max(), "approve everybody", color=MUTED, fontsize=9, ha="right", va="bottom")
    return _svg(figure, "Cost over cut-offs")


def confusion_matrix(found: NDArray[np.str_], target: IntArray) -> str:
    """Verdicts against what became of the applicants: counts, and the share of each outcome."""
    figure, axes = _canvas("", "")
    axes.grid(visible=False)
    for row, verdict in enumerate(VERDICTS):
        look = VERDICT_LOOKS[verdict]
        for column, outcome in enumerate((0, 1)):
            count, total = int(((found == verdict) & (target == outcome)).sum()), int((target == outcome).sum())
            axes.add_patch(
                _rectangle((column + 0.02, row + 0.03), 0.96, 0.94, facecolor=look.light.ground, edgecolor="none")
            )
            axes.text(column + 0.5, row + 0.44, f"{count:,}", ha="center", va="center", fontsize=17, color=INK)
            axes.text(column + 0.5, row + 0.72, f"{100 * count / max(total, 1):.0f} % of them", ha="center",
                      va="center", fontsize=9, color=MUTED)  # fmt: skip
        axes.text(-0.04, row + 0.5, look.words, ha="right", va="center", fontsize=11, color=look.light.text,
                  fontweight="bold")  # fmt: skip
    for column, words in enumerate(("good", "bad")):
        axes.text(column + 0.5, -0.08, words, ha="center", va="bottom", fontsize=11, color=INK)
    axes.set_xlim(0, 2)
    axes.set_ylim(3, 0)
    axes.axis("off")
    return _svg(figure, "Verdicts and outcomes")


def importance(contributions: FloatArray, labels: Sequence[str]) -> str:
    """How far each field moves the log-odds, on average over rows; contributions of shape (n_rows, n_fields)."""
    means = np.abs(contributions).mean(axis=0)
    order = np.argsort(-means, kind="stable")
    shown, others = order[:MAX_FIELDS], order[MAX_FIELDS:]
    figure, axes = _canvas("Mean push on the log-odds", "", height=max(2.0, 0.8 + 0.26 * len(shown)))
    axes.barh(np.arange(len(shown)), means[shown], color=PALE, height=0.68)
    for place, value in enumerate(means[shown]):
        axes.annotate(f"{value:.2f}", (value, place), xytext=(4, 0), textcoords="offset points", va="center",
                      fontsize=9, color=MUTED)  # fmt: skip
    axes.set_yticks(np.arange(len(shown)), [_shortened(labels[index]) for index in shown], color=INK,
                    parse_math=False)  # fmt: skip
    axes.set_ylim(len(shown) - 0.4, -0.6)
    axes.set_xlim(0, 1.12 * max(means.max(), 1e-9))
    axes.grid(visible=False, axis="y")
    if len(others):
        axes.set_xlabel(f"Mean push on the log-odds ({len(others)} more: {means[others].sum():.2f} in all)")
    return _svg(figure, "What weighs")


def loss_curves(history: Mapping[str, Sequence[float]]) -> str:
    """Log loss after each round or epoch, by the rows it was taken on."""
    figure, axes = _canvas("Round or epoch", "Log loss")
    drawn = [(words, losses) for words, losses in history.items() if len(losses) > 1]
    for (words, losses), colour in zip(drawn, (ACCENT, MUTED, PALE, DEEP, INK, GREY), strict=False):
        rounds = np.arange(1.0, len(losses) + 1)
        axes.plot(*_thinned(rounds, np.asarray(losses)), color=colour, linewidth=1.8, label=words)
    if drawn:
        # Losses fall, so this corner is free.
        axes.legend(loc="upper right", frameon=False, labelcolor="linecolor", fontsize=9)
    else:
        axes.text(0.5, 0.5, "fitted in one go: there are no rounds to show", ha="center", va="center", color=MUTED,
                  transform=axes.transAxes)  # fmt: skip
        axes.set_xticks([])
        axes.set_yticks([])
    return _svg(figure, "Loss by rounds of the fit")


def chart_verdicts(rule: DecisionRule, prob_default: FloatArray) -> NDArray[np.str_]:
    """The verdict of each PD where nothing is odd about any row."""
    return rule.verdicts(prob_default, np.zeros(len(prob_default), dtype=bool))


def _passed(prob_default: FloatArray, target: IntArray) -> tuple[FloatArray, FloatArray]:
    """Cumulative shares of goods and of bads up to each distinct PD, starting with 0."""
    grid = np.unique(prob_default)
    good, bad = (
        np.searchsorted(np.sort(part), grid, side="right") / max(len(part), 1)
        for part in (prob_default[target == 0], prob_default[target == 1])
    )
    return np.concatenate([[0.0], good]), np.concatenate([[0.0], bad])


def _by_risk(prob_default: FloatArray, target: IntArray) -> tuple[IntArray, IntArray]:
    """How many bads and how many rows lie at or above each distinct PD, the highest first."""
    _, places = np.unique(-prob_default, return_inverse=True)
    rows = np.cumsum(np.bincount(places))
    bads = np.cumsum(np.bincount(places, weights=target)).astype(np.int64)
    return bads, rows


def _thinned(x: FloatArray, y: FloatArray) -> tuple[FloatArray, FloatArray]:
    """At most `MAX_POINTS` of the points of a curve, evenly spread along it, first and last included."""
    if len(x) <= MAX_POINTS:
        return x, y
    steps = np.hypot(np.diff(x) / max(np.ptp(x), 1e-12), np.diff(y) / max(np.ptp(y), 1e-12))
    along = np.concatenate([[0.0], np.cumsum(steps)])
    keep = np.unique(np.searchsorted(along, np.linspace(0, along[-1], MAX_POINTS)).clip(max=len(x) - 1))
    return x[keep], y[keep]


def _shortened(words: str) -> str:
    return words if len(words) <= 34 else words[:33].rstrip() + "…"


# The one style


@cache
def _settle() -> None:
    """Make SVG text repeatable: ids from a fixed salt, words as words."""
    import matplotlib as mpl

    mpl.rcParams["svg.hashsalt"] = "risk-o-meter"
    mpl.rcParams["svg.fonttype"] = "none"


def _canvas(x_label: str, y_label: str, *, height: float = SIZE[1]) -> tuple[Figure, Axes]:
    from matplotlib.figure import Figure

    _settle()
    figure = Figure(figsize=(SIZE[0], height), layout="constrained")
    axes = figure.add_subplot()
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(GREY)
    axes.grid(visible=True, color=LINE, linewidth=0.7)
    axes.set_axisbelow(True)
    axes.tick_params(length=0, labelsize=9, labelcolor=MUTED)
    axes.set_xlabel(x_label, fontsize=9.5, color=MUTED)
    axes.set_ylabel(y_label, fontsize=9.5, color=MUTED)
    return figure, axes


def _rectangle(corner: tuple[float, float], width: float, height: float, **looks: Any) -> Any:
    from matplotlib.patches import Rectangle

    return Rectangle(corner, width, height, **looks)


def _corner(axes: Axes, headline: str, detail: str) -> None:
    """The figure of a chart, in its lower right corner."""
    axes.text(0.97, 0.085, headline, ha="right", color=INK, fontsize=12, fontweight="bold", transform=axes.transAxes)
    axes.text(0.97, 0.03, detail, ha="right", color=MUTED, fontsize=9, transform=axes.transAxes)


def _shares(axes: Axes, which: str) -> None:
    """Let an axis run from 0 to 100 %."""
    for name in which:
        getattr(axes, f"set_{name}lim")(0, 1.005)
        _per_cent(getattr(axes, f"{name}axis"))


def _per_cent(axis: Any) -> None:
    from matplotlib.ticker import PercentFormatter

    axis.set_major_formatter(PercentFormatter(xmax=1, decimals=None, symbol=" %"))


def _svg(figure: Figure, title: str) -> str:
    out = StringIO()
    figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None, "Title": title}, transparent=True)
    return out.getvalue()
