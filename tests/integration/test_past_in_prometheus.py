"""`riskometer reports metrics`: a Prometheus that is new learns what every archived report had to say, and when."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from creditrisk.settings import Settings
from monitoring.archive import Archive, open_archives
from monitoring.exporter import metrics_of_result
from monitoring.openmetrics import to_openmetrics
from riskometer.cli import main
from tests.bench.prometheus_past import prometheus_with
from tests.integration.test_archive import FIGURES, PAGE, result

Run = Callable[..., Result]


@pytest.fixture
def reports(tmp_path: Path) -> Archive:
    """Three reports of one model, the second of them with a value of its own, and one of another."""
    kept = open_archives(Settings(home=tmp_path).archive_uris)[0]
    for hour, psi in ((6, 0.01), (9, 0.31), (12, 0.02)):
        kept.put(PAGE, result(hour, score={**FIGURES, "psi": psi}))
    kept.put(PAGE, result(9, model="other", model_version="1", score={**FIGURES, "psi": None}))
    return kept


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("CREDITRISK_HOME", str(tmp_path))
    return lambda *words: CliRunner().invoke(main, ["reports", "metrics", *words])


def at(hour: int) -> datetime:
    return datetime(2024, 3, 31, hour, tzinfo=UTC)


def test_every_report_is_printed_with_its_time_family_by_family(run, reports):
    done = run()
    assert (done.exit_code, done.stderr) == (0, "")
    # The parser of the library itself refuses families that come in parts, series in disorder, and times that go back.
    families = {family.name: family.samples for family in text_string_to_metric_families(done.stdout)}
    assert [(float(sample.timestamp), sample.value) for sample in families["creditrisk_score_psi"]] == [
        (at(6).timestamp(), 0.01),
        (at(9).timestamp(), 0.31),
        (at(12).timestamp(), 0.02),
    ]
    rows = families["creditrisk_window_rows"]
    assert [(sample.labels["model"], float(sample.timestamp)) for sample in rows] == [
        *(("german_credit", at(hour).timestamp()) for hour in (6, 9, 12)),
        ("other", at(9).timestamp()),
    ]


def test_one_model_can_be_asked_for(run, reports):
    printed = run("--model", "other").stdout
    assert 'creditrisk_window_rows{model="other",model_version="1"}' in printed
    assert "german_credit" not in printed


def test_names_that_the_text_form_would_take_for_its_own_signs_come_back_whole():
    name = 'my "own"\\model\nof 2024'
    text = "".join(to_openmetrics([result(6, model=name)]))
    families = {family.name: family.samples for family in text_string_to_metric_families(text)}
    assert [sample.labels["model"] for sample in families["creditrisk_window_rows"]] == [name]


def test_every_figure_of_the_exporter_is_a_gauge_and_is_told():
    told = list(text_string_to_metric_families("".join(to_openmetrics([result(6)]))))
    exported = [metric for metric in metrics_of_result(result(6)) if metric.samples]
    assert {metric.type for metric in exported} == {"gauge"}
    assert {family.name: family.documentation for family in told} == {
        metric.name: metric.documentation for metric in exported
    }
    assert sum(len(family.samples) for family in told) == sum(len(metric.samples) for metric in exported)


def test_no_report_is_a_sentence_and_no_text(run, tmp_path):
    done = run()
    assert (done.exit_code, done.stdout) == (1, "")
    assert "There is no report in" in done.stderr


def test_a_damaged_result_is_passed_over_and_named(run, reports, tmp_path):
    damaged = reports.ids()[0]
    (tmp_path / "reports" / f"{damaged}.json").write_bytes(b"{")
    done = run()
    assert done.exit_code == 0
    assert f"The result of report {damaged}" in done.stderr
    assert done.stdout.endswith("# EOF\n")


def test_a_new_prometheus_answers_with_what_the_reports_had_said(run, reports, tmp_path):
    if shutil.which("promtool") is None:
        pytest.skip("promtool not found: install Debian's prometheus to run this test")
    text = tmp_path / "past.om"
    text.write_text(run("--model", "german_credit").stdout, encoding="utf-8")
    with prometheus_with(text, tmp_path, lookback="3h") as answers:
        asked = at(6) - timedelta(hours=2), at(12) + timedelta(hours=2), timedelta(hours=1)
        [psi] = answers.series("creditrisk_score_psi", *asked).values()
        drifted = answers.series('creditrisk_drift_psi{field="amount"}', *asked)
    # Nothing before the first report; then each value until the next report, and for three hours after the last.
    told = {6: 0.01, 7: 0.01, 8: 0.01, 9: 0.31, 10: 0.31, 11: 0.31, 12: 0.02, 13: 0.02, 14: 0.02}
    assert psi == {at(hour): value for hour, value in told.items()}
    assert set(drifted["amount"].values()) == {FIGURES["psi"]}
