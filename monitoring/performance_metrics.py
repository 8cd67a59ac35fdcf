"""What Prometheus reads about performance: gauges of one result; a figure that does not exist is absent, never NaN."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from prometheus_client.core import GaugeMetricFamily, Metric

from monitoring.results import Interval, PerformanceFigures, RealisedDecile

# The applications that are judged, and the clients whose outcome is known.
WINDOW, WITH_OUTCOME = "window", "with_outcome"
# So many vintages, the newest; each has a series for every month on book.
MOST_VINTAGES = 24


class _Gauges:
    """Gauges of one model version, by name; each begins when it has a value."""

    def __init__(self, model: Mapping[str, str]) -> None:
        self._model = model
        self.found: dict[str, GaugeMetricFamily] = {}

    def add(self, name: str, words: str, value: float | None, **labels: str) -> None:
        if value is None:
            return
        if name not in self.found:
            self.found[name] = GaugeMetricFamily(f"creditrisk_{name}", words, labels=[*self._model, *labels])
        self.found[name].add_metric([*self._model.values(), *labels.values()], value)

    def add_interval(self, name: str, words: str, found: Interval | None, **labels: str) -> None:
        if found is not None:
            self.add(name, words, found["value"], **labels)
            for end in ("low", "high"):
                at = found["low"] if end == "low" else found["high"]
                self.add(f"{name}_{end}", f"{words} Where its 95 % interval {_ENDS[end]}.", at, **labels)


_ENDS = {"low": "begins", "high": "ends"}


def metrics_of_performance(figures: PerformanceFigures, model: Mapping[str, str]) -> Sequence[Metric]:
    """The metrics of the performance section of a result; `model` holds the labels that all of them have."""
    gauges = _Gauges(model)
    gauges.add(
        "performance_status",
        "0 outcomes as predicted, 2 not as predicted (concept drift), -1 cannot be judged.",
        figures["level"],
    )
    _add_estimated_and_realised(gauges, figures)
    for vintage in figures["vintages"][-MOST_VINTAGES:]:
        month = vintage["month"]
        words = "Share of a month's approved clients whose outcome is known, 0 to 1."
        gauges.add("vintage_known_share", words, vintage["known_share"], vintage=month)
        words = "Bad rate of a month's approved clients whose outcome is known, 0 to 1."
        gauges.add_interval("vintage_bad_rate", words, vintage["bad_rate"], vintage=month)
        for age, share in enumerate(vintage["curve"], start=1):
            words = "Share of a month's approved clients that was bad after so many months on book, 0 to 1."
            gauges.add("vintage_bad_share", words, share, vintage=month, months_on_book=str(age))
    for group in figures["groups"]:
        labels = {"field": group["field"], "group": group["group"]}
        gauges.add_interval(
            "group_approval_rate", "Approval rate of a group, 0 to 1.", group["approval_rate"], **labels
        )
        words = "Bad rate of a group among clients whose outcome is known, 0 to 1."
        gauges.add_interval("group_bad_rate", words, group["bad_rate"], **labels)
    return list(gauges.found.values())


def _add_estimated_and_realised(gauges: _Gauges, figures: PerformanceFigures) -> None:
    estimated, realised = figures["estimated"], figures["realised"]
    area, bad_rate, cost = (
        "AUC to be expected from the PDs alone.",
        "Bad rate among the approved to be expected from the PDs alone, 0 to 1.",
        "Mean cost of the verdicts to be expected from the PDs alone, in units of one good applicant declined.",
    )
    gauges.add_interval("auc_estimated", area, estimated["auc"], population=WINDOW)
    gauges.add_interval("bad_rate_estimated", bad_rate, estimated["bad_rate"], population=WINDOW)
    gauges.add_interval("cost_estimated", cost, estimated["cost"], population=WINDOW)
    if realised is None:
        return
    same = {"population": WITH_OUTCOME}
    gauges.add_interval("auc_estimated", area, realised["auc_estimated"], **same)
    gauges.add_interval("bad_rate_estimated", bad_rate, realised["bad_rate_estimated"], **same)
    gauges.add_interval("cost_estimated", cost, realised["cost_estimated"], **same)
    gauges.add_interval("auc_realised", "AUC among clients whose outcome is known.", realised["auc"], **same)
    words = "Bad rate among approved clients whose outcome is known, 0 to 1."
    gauges.add_interval("bad_rate_realised", words, realised["bad_rate"], **same)
    words = "Mean cost of the verdicts about clients whose outcome is known, in units of one good applicant declined."
    gauges.add_interval("cost_realised", words, realised["cost"], **same)
    words = "Bad rate over mean PD of clients whose outcome is known."
    gauges.add_interval("observed_over_expected", words, realised["observed_to_expected"])
    words = "Calibration slope of clients whose outcome is known; 1 if PDs are true."
    gauges.add_interval("calibration_slope", words, realised["calibration_slope"])
    words = "KS of bads against goods among clients whose outcome is known."
    gauges.add("ks_realised", words, realised["ks_good_bad"])
    for name, value in (("precision", realised["precision"]), ("recall", realised["recall"]), ("f1", realised["f1"])):
        gauges.add(f"{name}_realised", f"{name.title()} at the cut-off, bads being the positive class.", value)
    gauges.add(
        "outcomes_judged", "Clients whose outcome is known, in the vintages that are judged.", realised["n_rows"]
    )
    _add_deciles(gauges, realised.get("deciles", []))


def _add_deciles(gauges: _Gauges, deciles: Sequence[RealisedDecile]) -> None:
    """Those with enough clients only: a share of three tells of persons."""
    for number, decile in enumerate(deciles, start=1):
        if decile["n_rows"] and decile["prob_default"] is not None:
            label = {"decile": f"{number:02}"}
            words = "Bad rate of the clients of a decile of the risk whose outcome is known, 0 to 1."
            gauges.add("decile_bad_rate_realised", words, decile["n_bad"] / decile["n_rows"], **label)
            words = "Mean PD of the same clients, 0 to 1."
            gauges.add("decile_bad_rate_estimated", words, decile["prob_default"], **label)
