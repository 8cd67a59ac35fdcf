"""What became of the replay: the tables of docs/replay.md in Markdown, and its pictures, from archived results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from creditrisk.metrics import Estimate, auc_estimate, decision_costs, delong, mean_estimate, rate
from creditrisk.pages.palette import LIGHT
from creditrisk.schema import Costs
from creditrisk.scoring import VERDICTS, Scorer
from monitoring.results import Interval, Result

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

INK, MUTED, LINE, GREY = (LIGHT[name] for name in ("ink", "muted", "line", "grey"))
ACCENT, DEEP, PALE = (LIGHT[name] for name in ("accent", "deep", "pale"))
# Readable on a phone, where a picture is 390 pixels wide.
SIZE = (4.4, 3.3)
# With fewer loans of a term in a month no share of them is drawn.
MIN_LOANS = 30


@dataclass(frozen=True)
class Month:
    """The applications of a month: what their report said on its last evening, and what came true in the end."""

    first: date
    result: Result
    loans: pl.DataFrame

    @property
    def auc(self) -> Estimate:
        """Of all of them, as they turned out."""
        return _auc(self.loans)

    def bad_rate(self, term: str = "") -> Estimate:
        """Of all of them, or of those of one term."""
        some = self.loans.filter(pl.col("term_months") == term) if term else self.loans
        return rate(int(some["default"].sum()), some.height)

    @property
    def estimated_auc(self) -> Interval:
        """What the report expected it to be."""
        found = self.result["performance"]["estimated"]["auc"]
        if found is None:
            raise ValueError(f"the report of {self.first:%B %Y} has no estimate")
        return found

    @property
    def expected(self) -> float:
        """The mean of all their PDs."""
        return float(self.loans["prob_default"].mean())  # type: ignore[arg-type]  # numbers


def _auc(loans: pl.DataFrame) -> Estimate:
    return auc_estimate(loans["prob_default"].to_numpy(), loans["default"].to_numpy())


def months_of(results: Sequence[Result], loans: pl.DataFrame) -> list[Month]:
    """The months with applications, oldest first; `loans` with `prob_default`."""
    months = []
    for result in sorted(results, key=lambda one: one["created_at"]):
        first = datetime.fromisoformat(result["created_at"]).date().replace(day=1)
        applied = loans.filter(pl.col("issued").dt.month_start() == first)
        if applied.height:
            months.append(Month(first, result, applied))
    return months


def table_of_halves(months: Sequence[Month]) -> str:
    """One line for each half of a year: who applied, what was expected of them, what came true."""
    lines = [
        "| half year | applications | of 60 months | PSI of the score | AUC expected | AUC come true | bads expected | "
        "bads come true | observed over expected | the same, 60 months |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for first in range(0, len(months), 6):
        half = months[first : first + 6]
        loans = pl.concat([month.loans for month in half])
        long = loans.filter(pl.col("term_months") == "60")
        psi = [month.result["score"]["psi"] or 0.0 for month in half]
        areas = [month.estimated_auc["value"] for month in half]
        lines.append(
            f"| {half[0].first:%b %Y} to {half[-1].first:%b %Y} | {loans.height:,} | "
            f"{long.height / loans.height:.0%} | {min(psi):.2f} to {max(psi):.2f} | {np.mean(areas):.3f} | "
            f"{of(_auc(loans))} | "
            f"{loans['prob_default'].mean():.1%} | {loans['default'].mean():.1%} | {of(over_expected(loans), 2)} | "
            f"{of(over_expected(long), 2)} |"
        )
    return "\n".join(lines)


def over_expected(loans: pl.DataFrame) -> Estimate:
    """Bad rate over mean PD, with its interval."""
    found, expected = rate(int(loans["default"].sum()), loans.height), float(loans["prob_default"].mean())  # type: ignore[arg-type]  # numbers
    return Estimate(found.value / expected, found.low / expected, found.high / expected)


def table_of_fields(months: Sequence[Month]) -> str:
    """In how many months, of those from the first to the last, each field called for attention."""
    counted: dict[str, list[Month]] = {}
    for month in months:
        for figures in month.result["fields"].values():
            if figures["level"] > 0:
                counted.setdefault(figures["label"], []).append(month)
    return "\n".join(
        f"{label}: {len(found)} of {len(months)} months, since {found[0].first:%b %Y}"
        for label, found in sorted(counted.items(), key=lambda item: -len(item[1]))
    )


def table_of_alarms(results: Sequence[Result], loans: pl.DataFrame) -> str:
    """What each report said of performance, where that changed, and how its vintages turned out in the end."""
    lines, before = [], None
    for result in sorted(results, key=lambda one: one["created_at"]):
        performance = result["performance"]
        said = (performance["status"], [alarm.split(":")[0] for alarm in performance["alarms"]])
        if said != before:
            mature = [vintage["month"] for vintage in performance["vintages"] if vintage["is_mature"]]
            realised = performance["realised"]
            lines.append(
                f"{result['created_at'][:10]} {performance['status']}, mature vintages {len(mature)} "
                f"(to {max(mature, default='–')}); {realised and realised['observed_to_expected']}; "
                f"auc {realised and realised['auc']} expected {realised and realised['auc_estimated']}; "
                + " / ".join(performance["alarms"])
            )
            if realised:
                months = (
                    pl.col("issued")
                    .dt.strftime("%Y-%m")
                    .is_between(pl.lit(realised["first_month"]), pl.lit(realised["last_month"]))
                )
                judged = loans.filter(months)
                lines.append(
                    f"    {realised['first_month']} to {realised['last_month']}, {realised['n_rows']:,} of "
                    f"{judged.height:,} known; in the end observed over expected {of(over_expected(judged), 2)}, "
                    f"AUC {of(_auc(judged))}"
                )
            before = said
    return "\n".join(lines)


def within_band(months: Sequence[Month]) -> str:
    """In how many months the AUC that came true lay within the band that was expected."""
    held = [month.estimated_auc["low"] <= month.auc.value <= month.estimated_auc["high"] for month in months]
    return f"AUC within its band in {sum(held)} of {len(held)} months"


def table_of_verdicts(loans: pl.DataFrame) -> str:
    """What only a lender who obeyed the verdicts would have seen: those approved."""
    lines = ["| verdict | applications | bads expected | bads come true | AUC |", "|---|---|---|---|---|"]
    for verdict in VERDICTS:
        some = loans.filter(pl.col("verdict") == verdict)
        lines.append(
            f"| {verdict} | {some.height:,} | {some['prob_default'].mean():.1%} | {some['default'].mean():.1%} | "
            f"{of(_auc(some))} |"
        )
    return "\n".join(lines)


@dataclass(frozen=True)
class Retrained:
    """How a scorer does on loans that none was trained on, beside the champion."""

    name: str
    auc: Estimate
    gain: Estimate
    by_term: tuple[Estimate, Estimate]
    over_expected: Estimate
    cost: float
    saved: Estimate


def retrainings(loans: pl.DataFrame, scorers: Mapping[str, Scorer], costs: Costs) -> list[Retrained]:
    """Every scorer on the same loans; the first is the champion."""
    found: list[Retrained] = []
    target = loans["default"].to_numpy().astype(np.int64)
    champion = scorers["champion"].prob_default(loans)
    for name, scorer in scorers.items():
        risks = scorer.prob_default(loans)
        judged = loans.with_columns(prob_default=risks)
        gain, error = delong(champion, risks, target)
        spent = decision_costs(risks, target, costs)
        short, long = (_auc(judged.filter(pl.col("term_months") == term)) for term in ("36", "60"))
        found.append(
            Retrained(
                name,
                _auc(judged),
                Estimate(gain, gain - 1.96 * error, gain + 1.96 * error),
                (short, long),
                over_expected(judged),
                float(spent.mean()),
                mean_estimate(decision_costs(champion, target, costs) - spent),
            )
        )
    return found


def table_of_retrainings(found: Sequence[Retrained]) -> str:
    """The same in Markdown."""
    lines = [
        "| scorer | AUC | more than the champion's | among 36 months | among 60 months | observed over expected | "
        "cost | less than the champion's |",
        "|---|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {one.name} | {of(one.auc)} | {of(one.gain)} | {one.by_term[0].value:.3f} | {one.by_term[1].value:.3f} | "
        f"{of(one.over_expected, 2)} | {one.cost:.3f} | {of(one.saved)} |"
        for one in found
    ]
    return "\n".join(lines)


def of(found: Estimate, places: int = 3) -> str:
    """A figure with its interval."""
    return span(found.value, found.low, found.high, places)


def span(value: float, low: float, high: float, places: int = 3) -> str:
    """The same of three numbers."""
    return f"{value:.{places}f} ({low:.{places}f} to {high:.{places}f})"


# --- pictures ---------------------------------------------------------------------------------------------------------


def drift(series: Mapping[str, Mapping[datetime, float]], folder: Path) -> None:
    """PSI by month as Prometheus tells it: of the score, which comes first, and of the fields that moved most."""
    figure, axes = _canvas("PSI against the loans learnt from")
    looks = ((ACCENT, 2.2), (DEEP, 1.3), (MUTED, 1.3), (GREY, 1.6))
    ends = {}
    for (name, values), (colour, width) in zip(series.items(), looks, strict=False):
        axes.plot(list(values), list(values.values()), color=colour, linewidth=width)
        ends[name] = values[max(values)], MUTED if colour == GREY else colour
    axes.set_yscale("log")
    axes.set_ylim(0.01, 5)
    axes.set_yticks([0.01, 0.1, 0.25, 1, 5], ["0.01", "0.10 watch", "0.25 act", "1", "5"])
    axes.minorticks_off()
    _name_ends(axes, ends)
    _keep(figure, folder / "replay-drift.svg", "PSI by month")


def before_and_after(months: Sequence[Month], folder: Path) -> None:
    """AUC of each month: estimated on its last evening, and as it came true years later."""
    figure, axes = _canvas("AUC of the month's applications")
    times = [month.first for month in months]
    expected = [month.estimated_auc for month in months]
    found = [month.auc for month in months]
    axes.fill_between(times, [one["low"] for one in expected], [one["high"] for one in expected], color=PALE,
                      alpha=0.45, linewidth=0)  # fmt: skip
    axes.plot(times, [one["value"] for one in expected], color=ACCENT, linewidth=2, label="expected, with its band")
    axes.vlines(times, [one.low for one in found], [one.high for one in found], color=GREY, linewidth=1.4)
    axes.plot(times, [one.value for one in found], "o", color=INK, markersize=4, label="came true, with its interval")
    axes.legend(frameon=False, fontsize=9, labelcolor=MUTED, loc="lower left")
    axes.set_ylim(0.5, 0.85)
    _keep(figure, folder / "replay-auc.svg", "AUC expected and come true")


def bads(months: Sequence[Month], folder: Path) -> None:
    """Bads of 100 loans of each month: predicted, and as they came true, also by term."""
    figure, axes = _canvas("Bads of 100 loans of the month")
    times = [month.first for month in months]
    axes.plot(times, [100 * month.expected for month in months], color=ACCENT, linewidth=2)
    axes.plot(times, [100 * month.bad_rate().value for month in months], "o-", color=INK, markersize=4, linewidth=1)
    ends = {"predicted": (100 * months[-1].expected, ACCENT), "came true": (100 * months[-1].bad_rate().value, INK)}
    for term, colour in (("36", MUTED), ("60", DEEP)):
        enough = [month for month in months if (month.loans["term_months"] == term).sum() >= MIN_LOANS]
        shares = [100 * month.bad_rate(term).value for month in enough]
        axes.plot([month.first for month in enough], shares, color=colour, linewidth=1, linestyle=(0, (2, 2)))
        ends[f"{term} months"] = shares[-1], colour
    axes.set_ylim(bottom=0)
    _name_ends(axes, ends)
    _keep(figure, folder / "replay-bads.svg", "Bads predicted and come true")


# What each scorer of the replay learnt from, for a picture.
LEARNT_FROM = {
    "champion": "Champion: loans to 2009, final outcomes",
    "resolved": "End of 2010: loans that had ended",
    "first year": "End of 2010: bad in the first year",
    "hindsight": "Hindsight: loans to 2010, final outcomes",
}


def retrained(found: Sequence[Retrained], folder: Path) -> None:
    """AUC of every scorer on the loans of 2011, with its interval."""
    figure, axes = _canvas("AUC on the loans of 2011", is_dated=False)
    for height, one in enumerate(reversed(found)):
        colour = INK if one.name == "champion" else ACCENT
        axes.hlines(height, one.auc.low, one.auc.high, color=colour, linewidth=2)
        axes.plot(one.auc.value, height, "o", color=colour, markersize=6)
        axes.annotate(f"{LEARNT_FROM[one.name]}: {one.auc.value:.3f}",
                      (0.611, height), xytext=(0, 9), textcoords="offset points", color=INK, fontsize=9)  # fmt: skip
    axes.set_yticks([])
    axes.set_ylim(-0.5, len(found) - 0.3)
    axes.set_xlim(0.61, 0.73)
    _keep(figure, folder / "replay-retrained.svg", "AUC of the retrainings")


def _name_ends(axes: Axes, ends: Mapping[str, tuple[float, str]]) -> None:
    """Write the name of each line at its end, none over another."""
    axes.figure.canvas.draw()
    lowest = -1.0
    for name, (value, colour) in sorted(ends.items(), key=lambda item: item[1][0]):
        _, height = axes.transAxes.inverted().transform(axes.transData.transform((0, value)))
        lowest = max(float(height), lowest + 0.06)
        axes.text(1.01, lowest, name, color=colour, fontsize=9, va="center", transform=axes.transAxes)


def _canvas(title: str, *, is_dated: bool = True) -> tuple[Figure, Axes]:
    import matplotlib as mpl
    from matplotlib.dates import DateFormatter, MonthLocator
    from matplotlib.figure import Figure

    mpl.rcParams["svg.hashsalt"] = "risk-o-meter"
    figure = Figure(figsize=SIZE, layout="constrained", facecolor="white")
    axes = figure.add_subplot()
    for side in ("top", "right", "left", "bottom"):
        axes.spines[side].set_visible(False)
    axes.grid(visible=True, color=LINE, linewidth=0.7)
    axes.set_axisbelow(True)
    axes.tick_params(length=0, labelsize=9, labelcolor=MUTED)
    axes.set_title(title, fontsize=10, color=INK, loc="left")
    if is_dated:
        axes.set_xlim(date(2009, 12, 20), date(2012, 1, 10))
        axes.xaxis.set_major_locator(MonthLocator((1, 7)))
        axes.xaxis.set_major_formatter(DateFormatter("%b %Y"))
    return figure, axes


def _keep(figure: Figure, path: Path, title: str) -> None:
    figure.savefig(path, format="svg", metadata={"Date": None, "Creator": None, "Title": title})
