"""How good the model is: estimated from its PDs before outcomes are known, realised after, and whether both agree.

Pure functions of decisions that were counted or joined to their outcomes, and `of_log`, which reads them. Outcomes
exist only for those who were given a loan, so realised figures are about them, and are held against what the PDs of the
very same clients had led to expect: where chance alone does not explain the gap, like applicants turn out otherwise
than they did. That is concept drift, which no look at PDs or fields can show.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import polars as pl

from creditrisk.arrays import FloatArray
from creditrisk.decision_log import DecisionLog, UnreadableEntryError
from creditrisk.metrics import (
    Estimate,
    Expected,
    PdCounts,
    auc_estimate,
    count_pds,
    evaluate,
    expected_auc,
    expected_bad_rate,
    expected_cost,
    mean_estimate,
    merge_pds,
    rate,
    recalibrate,
)
from creditrisk.schema import Costs, Field, Schema
from creditrisk.splits import month_number
from creditrisk.text import month_word, per_cent
from monitoring import groups, months
from monitoring.clients import Clients
from monitoring.deciles import realised_deciles
from monitoring.groups import Counts
from monitoring.results import (
    EstimatedFigures,
    GroupFigures,
    Interval,
    PerformanceFigures,
    RealisedFigures,
    VintageFigures,
)
from monitoring.windows import Counted, Reference

# With fewer of a kind (bads, goods, approved, known) there is no figure, but a sentence.
MIN_OF_A_KIND = 30
# Of the newest mature vintages so many are judged together as hold so many bads and goods, if they do.
ENOUGH_OF_A_KIND = 300
# A vintage is mature if its outcomes had the time that the schema says, or if nearly all of them are known.
MATURE_SHARE = 0.95
# What a gap must exceed to matter: of the AUC, and of observed over expected from 1.
MATERIAL_AUC = 0.02
MATERIAL_RATIO = 0.10
# ... and in standard deviations: chance alone goes beyond in 1 of 100 reports, two figures taken together.
ALARM_SD = 2.81
# Keeps a ratio finite where no bad at all was expected.
TINY = 1e-9

AS_PREDICTED, NOT_AS_PREDICTED = ("as predicted", 0), ("not as predicted", 2)
TOO_FEW, NO_OUTCOMES, UNREADABLE = ("too few outcomes", -1), ("no outcomes", -1), ("unreadable", -1)
BLIND = (
    "What is estimated supposes that like applicants turn out as they did: it cannot see concept drift. "
    "Outcomes alone show that."
)


@dataclass(frozen=True, slots=True)
class Scored:
    """Decisions of a window, counted: their PDs by verdict, and verdicts by group of each protected field."""

    by_verdict: Mapping[str, PdCounts]
    groups: Counts

    def among(self, verdict: str) -> PdCounts:
        """The PDs of those who got a verdict."""
        return self.by_verdict.get(verdict, count_pds([]))


NOBODY = Scored({}, {})


def count_scored(frame: pl.DataFrame, schema: Schema, model_version: str) -> Scored:
    """Count decisions, as `WindowBlock.frame` has them; PDs that other versions gave are left out."""
    own = frame.filter(pl.col("model_version") == model_version)
    verdicts = own["verdict"].unique().drop_nulls().to_list()
    by_verdict = {
        name: count_pds(own.filter(pl.col("verdict") == name)["prob_default"].to_numpy()) for name in verdicts
    }
    return Scored(by_verdict, groups.count(frame, schema, pl.col("verdict") == "approve"))


def merge(parts: Iterable[Scored]) -> Scored:
    """The counts of all parts together: the same as if they had been counted as one."""
    merged = NOBODY
    for part in parts:
        verdicts = {*merged.by_verdict, *part.by_verdict}
        by_verdict = {name: merge_pds([merged.among(name), part.among(name)]) for name in verdicts}
        merged = Scored(by_verdict, groups.merge(merged.groups, part.groups))
    return merged


def estimate(scored: Scored, costs: Costs) -> EstimatedFigures:
    """What the PDs of a window lead to expect, each with the band that chance leaves it if they are true."""
    everybody = merge_pds(scored.by_verdict.values())
    approved, declined = scored.among("approve"), scored.among("decline")
    n_referred = everybody.n_rows - approved.n_rows - declined.n_rows
    return {
        "n_rows": everybody.n_rows,
        "n_approved": approved.n_rows,
        "n_by_verdict": {name: counts.n_rows for name, counts in sorted(scored.by_verdict.items())},
        # Rounded: the sum over a few is nearly somebody's PD.
        "n_bad": round(everybody.n_bad),
        "auc": _estimated_auc(everybody),
        "bad_rate": _estimated_rate(approved),
        "cost": _cost_band(expected_cost(approved, declined, n_referred, costs), everybody.n_rows),
    }


def vintages(clients: Clients, decided: pl.DataFrame, schema: Schema, as_of: datetime) -> list[VintageFigures]:
    """The months of decision, oldest first; those with fewer than 30 approved are left out.

    Parameters
    ----------
    decided
        As `DecisionLog.verdicts_by_day` gives it.
    as_of
        The moment that ages are told at.
    """
    monthly = decided.filter(pl.col("verdict") == "approve").group_by(month_number(pl.col("day")).alias("month"))
    n_approved = dict(monthly.agg(pl.col("n_decisions").sum()).sort("month").iter_rows())
    now = months.number_of(as_of)
    return [
        _vintage(clients.where(pl.col("month") == month), month, n_decided, schema.horizon_months, now)
        for month, n_decided in n_approved.items()
        if n_decided >= MIN_OF_A_KIND
    ]


def _vintage(clients: Clients, month: int, n_approved: int, horizon: int | None, now: int) -> VintageFigures:
    approved = clients.approved
    n_known = min(approved.frame.height, n_approved)
    had_time = horizon is not None and now - month > horizon
    is_mature = had_time or n_known >= MATURE_SHARE * n_approved
    # Bads are known sooner than goods: before that, rates of those known would only mislead.
    judged = clients if is_mature else clients.where(pl.lit(value=False))
    after = approved.frame.filter(pl.col("target") == 1)["months_on_book"].to_numpy()
    # A loan of the last day of the month is a month old at the end of the next.
    age = min(max(now - month - 1, 0), months.MOST_ON_BOOK)
    shares = [float((after <= age_of_loan).sum()) / n_approved for age_of_loan in range(1, age + 1)]
    return {
        "month": month_word(month),
        "n_approved": n_approved,
        "n_known": n_known,
        "known_share": round(n_known / n_approved, 6),
        "is_mature": is_mature,
        "bad_rate": _bad_rate(judged.approved),
        "bad_rate_estimated": _estimated_rate(count_pds(judged.approved.prob_default)),
        "observed_to_expected": _observed_to_expected(judged),
        "auc": _auc(judged),
        "auc_estimated": _estimated_auc(count_pds(judged.prob_default)),
        "curve": [_round(min(share, 1.0)) for share in shares],
    }


def newest_mature(clients: Clients, known: Sequence[VintageFigures]) -> Clients:
    """The clients of the newest mature vintages: of as many as hold enough bads and goods, or else of all of them."""
    mature = sorted((months.number_in(vintage["month"]) for vintage in known if vintage["is_mature"]), reverse=True)
    for n_taken in range(1, len(mature) + 1):
        some = clients.where(pl.col("month").is_in(mature[:n_taken]))
        if some.n_of_each >= ENOUGH_OF_A_KIND:
            return some
    return clients.where(pl.col("month").is_in(mature))


def realise(clients: Clients, costs: Costs, edges: Sequence[float]) -> RealisedFigures:
    """How clients turned out; at least one. `edges` are those of the deciles of the reference."""
    approved, counts = clients.approved, count_pds(clients.prob_default)
    risks, target = clients.prob_default, clients.target
    has_both = clients.n_of_each >= MIN_OF_A_KIND
    figures = evaluate(risks, target, costs) if has_both else None
    n_above = int((risks >= costs.cutoff_prob_default).sum())
    at_cutoff = figures if min(n_above, len(risks) - n_above) >= MIN_OF_A_KIND else None
    slope = recalibrate(risks, target) if has_both else None
    declined = clients.where(pl.col("verdict") == "decline")
    n_referred = len(risks) - approved.frame.height - declined.frame.height
    expected = expected_cost(count_pds(approved.prob_default), count_pds(declined.prob_default), n_referred, costs)
    return {
        "first_month": month_word(int(clients.frame["month"].min())),  # type: ignore[arg-type]  # there are rows
        "last_month": month_word(int(clients.frame["month"].max())),  # type: ignore[arg-type]  # there are rows
        "n_rows": len(risks),
        "n_bad": int(target.sum()),
        "auc": _auc(clients),
        "auc_estimated": _estimated_auc(counts),
        "ks_good_bad": None if figures is None else _round(figures.ks_good_bad),
        "calibration_slope": None if slope is None else _interval(Expected(slope.slope, slope.slope_se).band),
        "observed_to_expected": _observed_to_expected(clients),
        "bad_rate": _bad_rate(approved),
        "bad_rate_estimated": _estimated_rate(count_pds(approved.prob_default)),
        "precision": None if at_cutoff is None else _round(at_cutoff.precision),
        "recall": None if at_cutoff is None else _round(at_cutoff.recall),
        "f1": None if at_cutoff is None else _round(at_cutoff.f1),
        "cost": _interval(mean_estimate(_costs(clients, costs))),
        "cost_estimated": _cost_band(expected, len(risks)),
        "deciles": realised_deciles(risks, target, edges),
    }


def alarms(clients: Clients) -> list[str]:
    """What is not as it was predicted, in sentences: beyond what chance explains, and by enough to matter."""
    if clients.frame.height < MIN_OF_A_KIND:
        return []
    counts, said = count_pds(clients.prob_default), []
    observed, expected = float(clients.target.mean()), expected_bad_rate(counts)
    ratio = observed / max(expected.value, TINY)
    if abs(observed - expected.value) > ALARM_SD * expected.sd and abs(ratio - 1) > MATERIAL_RATIO:
        more, risks = ("more", "too low") if ratio > 1 else ("fewer", "too high")
        said.append(
            f"Of clients whose outcome is known, {more} turned out bad than was predicted: "
            f"{100 * observed:.1f} of 100 instead of {100 * expected.value:.1f} (observed over expected {ratio:.2f}). "
            f"PDs are {risks} by now (concept drift): recalibrate or retrain, and look at the cut-offs."
        )
    found, area = _auc(clients), expected_auc(counts)
    if found is not None and abs(found["value"] - area.value) > max(ALARM_SD * area.sd, MATERIAL_AUC):
        worse, then = (
            ("worse", "What told bads from goods no longer does (concept drift): retrain.")
            if found["value"] < area.value
            else ("better", "PDs lie closer together than they should: recalibrate.")
        )
        said.append(
            f"Clients whose outcome is known are ranked {worse} than their PDs led to expect: AUC {found['value']:.3f} "
            f"({found['low']:.3f} to {found['high']:.3f}) instead of {area.value:.3f}. {then}"
        )
    return said


def of_log(
    log: DecisionLog, judged: Counted, reference: Reference, schema: Schema, as_of: datetime
) -> PerformanceFigures:
    """Estimate the performance on the decisions that are judged, and realise it on all outcomes of the last years."""
    scored, once, edges = NOBODY, reference.has_ids, reference.profile["prob_default"]["edges"]
    if judged.first_seq is not None and judged.last_seq is not None:
        blocks = log.window(reference.model, after_seq=judged.first_seq - 1, until_seq=judged.last_seq, once=once)
        scored = merge(count_scored(block.frame, schema, reference.model_version) for block in blocks)
    if not log.is_begun():
        return summarise(scored, None, None, schema, as_of, edges=edges)
    since = datetime.combine(months.first_day_of(as_of, schema.horizon_months), datetime.min.time(), UTC)
    fields = [item.name for item in schema.protected]
    try:
        labelled = log.labelled(reference.model, since=since, fields=fields, once=once)
        known = [Clients.of(block).frame for block in labelled]
    except UnreadableEntryError as exc:
        # One entry that somebody changed must not keep the reports of years away.
        measured = summarise(scored, None, None, schema, as_of, edges=edges)
        measured["status"], measured["level"] = UNREADABLE
        measured["findings"][-1] = f"Outcomes cannot be judged: {exc}"
        return measured
    if not known:
        return summarise(scored, None, None, schema, as_of, edges=edges)
    decided = log.verdicts_by_day(reference.model, since=since, once=once)
    clients = Clients(pl.concat(known, how="diagonal_relaxed"))
    return summarise(scored, clients, decided, schema, as_of, edges=edges)


def summarise(
    scored: Scored,
    clients: Clients | None,
    decided: pl.DataFrame | None,
    schema: Schema,
    as_of: datetime,
    *,
    edges: Sequence[float],
) -> PerformanceFigures:
    """Figures and sentences of a window, and of clients whose outcome is known if there are any."""
    estimated = estimate(scored, schema.costs)
    if clients is None or decided is None:
        nobody = Clients(pl.DataFrame(schema={"verdict": pl.String, "target": pl.Int64}))
        (status, level), sentences = NO_OUTCOMES, ["No outcome is known yet: report them as they become known."]
        realised, of_months, judged = None, [], nobody
        gaps: list[str] = []
    else:
        of_months = vintages(clients, decided, schema, as_of)
        judged = newest_mature(clients, of_months)
        is_enough = judged.frame.height >= MIN_OF_A_KIND
        realised, gaps = realise(judged, schema.costs, edges) if is_enough else None, alarms(judged)
        status, level = TOO_FEW if realised is None else NOT_AS_PREDICTED if gaps else AS_PREDICTED
        sentences = _about_outcomes(clients, realised, gaps)
    return {
        "status": status,
        "level": level,
        "estimated": estimated,
        "realised": realised,
        "vintages": of_months,
        "groups": _groups(scored, judged, schema),
        "alarms": gaps,
        "findings": [*_about_estimate(estimated), *sentences],
    }


# --- sentences --------------------------------------------------------------------------------------------------------


def _about_estimate(estimated: EstimatedFigures) -> list[str]:
    found = estimated["auc"]
    if found is None:
        return [
            f"Too few applications to estimate how well the model ranks: {estimated['n_rows']:,}, of whom "
            f"{estimated['n_bad']:,} are expected to turn out bad; {MIN_OF_A_KIND} bads and as many goods are needed."
        ]
    return [f"Estimated AUC {found['value']:.3f} ({found['low']:.3f} to {found['high']:.3f}). {BLIND}"]


def _about_outcomes(clients: Clients, realised: RealisedFigures | None, gaps: Sequence[str]) -> list[str]:
    n_known = clients.frame.height
    if realised is None:
        return [
            f"{n_known:,} outcomes are known, but too few of vintages that are mature, so nothing is concluded from "
            f"them: a vintage is mature when its outcomes had their time or {per_cent(MATURE_SHARE, 0)} of them are "
            f"known, and {MIN_OF_A_KIND} clients are needed."
        ]
    span = f"{realised['first_month']} to {realised['last_month']}"
    some = f"{realised['n_rows']:,} clients of {span}"
    if realised["auc"] is None:
        return [
            f"Of {some}, {realised['n_bad']:,} turned out bad: with fewer than {MIN_OF_A_KIND} bads or goods it "
            "cannot be told how well the model ranks them."
        ]
    if gaps:
        return [f"That is about {some}; outcomes exist only for those who were given a loan."]
    return [
        f"What became of {some} differs from what their PDs led to expect by no more than chance explains, or by too "
        "little to matter; outcomes exist only for those who were given a loan."
    ]


# --- figures ----------------------------------------------------------------------------------------------------------


def _auc(clients: Clients) -> Interval | None:
    if clients.n_of_each < MIN_OF_A_KIND:
        return None
    return _interval(auc_estimate(clients.prob_default, clients.target))


def _estimated_auc(counts: PdCounts) -> Interval | None:
    if min(counts.n_bad, counts.n_rows - counts.n_bad) < MIN_OF_A_KIND:
        return None
    return _interval(expected_auc(counts).share_band)


def _bad_rate(approved: Clients) -> Interval | None:
    n_rows = approved.frame.height
    return _interval(rate(int(approved.target.sum()), n_rows)) if n_rows >= MIN_OF_A_KIND else None


def _estimated_rate(counts: PdCounts) -> Interval | None:
    return _interval(expected_bad_rate(counts).share_band) if counts.n_rows >= MIN_OF_A_KIND else None


def _cost_band(expected: Expected, n_rows: int) -> Interval | None:
    return _interval(expected.band) if n_rows >= MIN_OF_A_KIND else None


def _observed_to_expected(clients: Clients) -> Interval | None:
    n_rows = clients.frame.height
    if n_rows < MIN_OF_A_KIND:
        return None
    found, expected = rate(int(clients.target.sum()), n_rows), float(clients.prob_default.mean())
    if not expected > 0:
        return None
    return _interval(Estimate(found.value / expected, found.low / expected, found.high / expected))


def _costs(clients: Clients, costs: Costs) -> FloatArray:
    """What each verdict came to cost, in units of one good applicant declined."""
    is_bad, verdicts = clients.target == 1, clients.frame["verdict"].to_numpy()
    approved, declined = costs.accept_bad * is_bad, costs.decline_good * ~is_bad
    return np.select([verdicts == "approve", verdicts == "decline"], [approved, declined], costs.review)


def _groups(scored: Scored, known: Clients, schema: Schema) -> list[GroupFigures]:
    outcomes = groups.count(known.frame, schema, pl.col("target") == 1)
    return [
        _group(field, words, scored.groups.get(key, (0, 0)), outcomes.get(key, (0, 0)))
        for field, words, key in groups.in_words(groups.merge(scored.groups, outcomes), schema)
    ]


def _group(field: Field, words: str, in_window: tuple[int, int], known: tuple[int, int]) -> GroupFigures:
    (n_rows, n_approved), (n_known, n_bad) = in_window, known
    return {
        "field": field.name,
        "label": field.label,
        "group": words,
        "n_rows": n_rows,
        "approval_rate": _interval(rate(n_approved, n_rows)) if n_rows >= MIN_OF_A_KIND else None,
        "n_known": n_known,
        "bad_rate": _interval(rate(n_bad, n_known)) if n_known >= MIN_OF_A_KIND else None,
    }


def _interval(found: Estimate) -> Interval | None:
    """Ready for strict JSON; None if it has no finite figures."""
    if not np.isfinite([found.value, found.low, found.high]).all():
        return None
    return {"value": _round(found.value), "low": _round(found.low), "high": _round(found.high)}


def _round(value: float) -> float:
    return round(float(value), 6)
