"""What the exporter says of results: each metric once with the figures of all models, and nothing that is not there."""

from __future__ import annotations

import math
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from creditrisk.decision_log import DecisionLog
from creditrisk.errors import SettingsError
from creditrisk.settings import Settings
from monitoring.archive import open_archives
from monitoring.exporter import DriftCollector, metrics_of_results, serve
from monitoring.results import Result
from monitoring.status import most_pressing
from tests.integration.test_archive import FIGURES, PAGE, result

BINS = [
    {"words": "2 of 100 or less", "share": 0.75, "share_reference": 0.5},
    {"words": "more than 2 of 100", "share": 0.25, "share_reference": 0.5},
    {"words": "no value", "share": 0.0, "share_reference": 0.0},
]
DRIFTED = {
    **FIGURES, "level": 2, "psi": 0.4, "psi_bound": 0.05, "distance": 0.6, "impact": -1.5,
    "mean": 12.0, "mean_reference": 10.0, "n_unseen": 5, "missing_share_reference": 0.01,
}  # fmt: skip
Values = dict[tuple[str, ...], float]


@pytest.fixture
def values() -> Callable[[list[Result], str], Values]:
    def of(results: list[Result], name: str) -> Values:
        return {
            tuple(sample.labels.values()): sample.value
            for metric in metrics_of_results(results)
            for sample in metric.samples
            if sample.name == f"creditrisk_{name}"
        }

    return of


def test_several_models_share_their_metrics(values: Callable[[list[Result], str], Values]) -> None:
    results = [result(6), result(9, model="simulated", n_rows=7)]

    names = [metric.name for metric in metrics_of_results(results)]

    assert len(names) == len(set(names))
    assert values(results, "window_rows") == {("german_credit", "7"): 100, ("simulated", "7"): 7}


def test_all_that_is_told_of_a_field_is_exported(values: Callable[[list[Result], str], Values]) -> None:
    results = [result(6, fields={"amount": DRIFTED})]
    key = ("german_credit", "7", "amount")

    assert {name: values(results, name) for name in (
        "drift_status", "drift_psi", "drift_psi_bound", "drift_distance", "drift_impact_of_100",
        "field_mean", "field_mean_reference", "missing_share", "missing_share_reference", "unseen_share",
    )} == {
        "drift_status": {key: 2}, "drift_psi": {key: 0.4}, "drift_psi_bound": {key: 0.05},
        "drift_distance": {key: 0.6}, "drift_impact_of_100": {key: -1.5}, "field_mean": {key: 12},
        "field_mean_reference": {key: 10}, "missing_share": {key: 0}, "missing_share_reference": {key: 0.01},
        "unseen_share": {key: 0.05},
    }  # fmt: skip


def test_the_spread_of_the_risk_and_the_verdicts_are_shares(values: Callable[[list[Result], str], Values]) -> None:
    counts = {"approve": 60, "decline": 15, "refer": 25}
    estimated = {"n_rows": 100, "n_approved": 60, "n_by_verdict": counts, "n_bad": 5, "auc": None, "bad_rate": None,
                 "cost": None}  # fmt: skip
    measured = {"status": "no outcomes", "level": -1, "estimated": estimated, "realised": None, "vintages": [],
                "groups": [], "alarms": [], "findings": []}  # fmt: skip
    results = [result(6, score_bins=BINS, performance=measured)]
    model = ("german_credit", "7")

    # A bin that nobody was in, then or now, is none; the others sort by their number.
    assert values(results, "score_bin_share") == {
        (*model, "01: 2 of 100 or less"): 0.75,
        (*model, "02: more than 2 of 100"): 0.25,
    }
    assert values(results, "score_bin_share_reference").keys() == values(results, "score_bin_share").keys()
    assert values(results, "verdict_share") == {
        (*model, "approve"): 0.6,
        (*model, "decline"): 0.15,
        (*model, "refer"): 0.25,
    }


def test_what_does_not_exist_is_absent_and_never_nan(values: Callable[[list[Result], str], Values]) -> None:
    nothing = {**FIGURES, "level": -1, "status": "empty window", "n_rows": 0, "psi": None, "missing_share": None}
    empty = [{**one, "share": None} for one in BINS]
    results = [result(6, n_rows=0, score=nothing, fields={"amount": nothing}, score_bins=empty)]

    assert all(math.isfinite(sample.value) for metric in metrics_of_results(results) for sample in metric.samples)
    for name in ("drift_psi", "score_psi", "missing_share", "unseen_share", "score_bin_share", "verdict_share"):
        assert values(results, name) == {}
    assert values(results, "drift_status") == {("german_credit", "7", "amount"): -1}
    assert values(results, "status") == {("german_credit", "7"): -1}


def test_the_most_pressing_thing_is_the_log_then_outcomes_then_drift() -> None:
    drifted = result(6, fields={"amount": {**FIGURES, "level": 1}})
    concept = {"performance": {"level": 2}}
    broken = {"log": {"is_intact": False, "finding": "It was cut."}}

    assert most_pressing(result(6)).words == "stable"
    assert most_pressing(drifted).words == "watch"
    assert most_pressing(result(6, n_rows=0)).words == "empty"
    joint = {"auc": 0.7, "auc_bound": 0.55, "p_value": 0.001, "level": 2, "n_rows": 400, "n_reference": 2_000}
    assert most_pressing(result(6, multivariate=joint | {"fields": []})).words == "act"
    assert most_pressing(result(6, **concept)).words == "not as predicted"
    # Outcomes come in when nobody is scored, too.
    assert most_pressing(result(6, n_rows=0, **concept)).level == 2
    assert most_pressing(result(6, **concept, **broken)).words == "log broken"


def test_a_port_that_is_taken_is_a_sentence(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(SettingsError, match=f"cannot listen on 127.0.0.1:{port}: .*CREDITRISK_EXPORTER_PORT"):
            serve(Settings(home=tmp_path, exporter_port=port))


def test_the_last_report_on_each_model_is_exported_with_where_it_is_opened_and_its_champion(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, reports_url="https://risk.bank.example/reports/")
    [kept] = open_archives(settings.archive_uris)
    log = DecisionLog(settings.decision_log)
    log.note("champion", "german_credit", "6", by="Ada", why="the first")
    log.note("champion", "german_credit", "7", by="Ada", why="better")
    seq, link = log.head()
    head = {"last_seq": seq, "log_head": {"seq": seq, "hash": link}}
    for hour, model, n_rows in ((6, "german_credit", 1), (9, "german_credit", 2), (12, "simulated", 3)):
        kept.put(PAGE, result(hour, model=model, n_rows=n_rows, **head))

    found = {metric.name: metric.samples for metric in DriftCollector(settings).collect()}

    rows = {sample.labels["model"]: sample.value for sample in found["creditrisk_window_rows"]}
    assert rows == {"german_credit": 2, "simulated": 3}
    [address] = found["creditrisk_reports_info"]
    assert address.labels == {"address": "https://risk.bank.example/reports"}
    [since] = found["creditrisk_champion_since_timestamp_seconds"]
    assert since.labels == {"model": "german_credit", "model_version": "7"}
    assert since.value == log.last_champions()[0].at.timestamp()

    alone = DriftCollector(settings.model_copy(update={"dataset": "german_credit"}))
    [samples] = [metric.samples for metric in alone.collect() if metric.name == "creditrisk_window_rows"]
    assert [sample.labels["model"] for sample in samples] == ["german_credit"]
