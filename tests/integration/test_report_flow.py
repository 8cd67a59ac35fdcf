"""The report flow from end to end: registry, decision log, Evidently, archive and exporter, all real."""

from __future__ import annotations

import re
import sqlite3
import threading
import urllib.request
from collections.abc import Callable
from contextlib import closing
from datetime import date, datetime, timedelta
from pathlib import Path
from wsgiref.simple_server import make_server

import numpy as np
import polars as pl
import pytest
from click.testing import CliRunner
from filelock import FileLock
from prometheus_client.parser import text_string_to_metric_families

from creditrisk import datasets
from creditrisk.decision_log import DecisionLog, Outcome, decisions_from
from creditrisk.encoding import fit_encoder
from creditrisk.errors import ReportError
from creditrisk.learners import logistic_regression
from creditrisk.quality import check
from creditrisk.registry import Registry
from creditrisk.scoring import Scorer
from creditrisk.settings import Settings, read_settings
from creditrisk.simulator import simulate
from creditrisk.sources import RawTable
from flows.engine import flow_of
from flows.logs import log_sentences_only
from monitoring import archive, drift, report
from monitoring.exporter import make_app
from monitoring.windows import Counted, Window, profile_of
from riskometer.cli import main
from tests.conftest import assemble
from tests.integration.receivers import web_server
from tests.integration.test_archive import result as archived

N_APPLICANTS = 600
# Entries of the log about the champion, ahead of all decisions: its fingerprint, its promotion, that it serves.
N_AHEAD = 3
LAST = N_AHEAD + N_APPLICANTS


def applicants(n: int, *, seed: int, stress: float = 0.0) -> RawTable:
    frame = simulate(n, seed=seed, start=date(2022, 1, 1), end=date(2023, 12, 31), stress=stress)
    text = frame.select(pl.all().cast(pl.String))
    return RawTable(frame=text, lines=list(range(2, n + 2)))


@pytest.fixture(scope="module")
def fitted() -> tuple[Scorer, pl.DataFrame]:
    """A logistic regression on 2,000 simulated loans, and the rows it was fitted on with their PD."""
    schema = datasets.load_schema("simulated")
    rows = check(applicants(2_000, seed=1), schema, with_target=True).accepted
    encoder, target = fit_encoder(rows, schema), rows["default"].to_numpy().astype(np.int64)
    model = logistic_regression.fit(encoder.matrix(rows), target, encoder, {"inverse_penalty": 0.1}, seed=1)
    scorer = assemble(model, encoder, rows, schema, card="A small model for one test.")
    names = [field.name for field in schema.features]
    return scorer, rows.select(names).with_columns(prob_default=scorer.prob_default(rows))


@pytest.fixture
def settings(
    fitted: tuple[Scorer, pl.DataFrame],
    prefect: None,
    lay_registry: Callable[[Path], None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Settings:
    """A home with a champion."""
    monkeypatch.setenv("CREDITRISK_HOME", str(tmp_path))
    monkeypatch.setenv("DO_NOT_TRACK", "true")
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    lay_registry(tmp_path)
    here = read_settings()
    registry = Registry(here.stores)
    version = registry.register(*fitted, params={}, metrics={})
    registry.promote(version, by="test", why="there was no champion yet", evidence="none")
    return here


def score_and_log(settings: Settings, *, seed: int, stress: float) -> None:
    registry = Registry(settings.stores)
    champion = registry.champion("simulated")
    assert champion is not None
    scorer = registry.load(champion)
    checked = check(applicants(N_APPLICANTS, seed=seed, stress=stress), scorer.schema)
    scored = scorer.score(checked.accepted)
    DecisionLog(settings.decision_log).append(decisions_from(scored, checked.accepted, scorer, "batch"))


def scrape(settings: Settings) -> dict[str, list[tuple[dict[str, str], float]]]:
    """What Prometheus would read from a running exporter."""
    with make_server("127.0.0.1", 0, make_app(settings)) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}"
        assert urllib.request.urlopen(f"{address}/health").read() == b"ok\n"
        text = urllib.request.urlopen(f"{address}/metrics").read().decode()
        server.shutdown()
    assert "NaN" not in text
    return {
        family.name: [(sample.labels, sample.value) for sample in family.samples]
        for family in text_string_to_metric_families(text)
    }


def test_reports_follow_the_decision_log_into_the_archive_and_the_metrics(settings, monkeypatch):
    from flows.evidently_report import evidently_report

    assert "creditrisk_drift_psi" not in scrape(settings)

    # A crisis: the simulator's stress moves incomes, and with them instalments as a share of income.
    score_and_log(settings, seed=2, stress=4.0)
    with web_server() as web, monkeypatch.context() as whoever_is_told:
        whoever_is_told.setenv("CREDITRISK_NOTIFY", f"json://127.0.0.1:{web.port}/hook")
        first = evidently_report()
    [message] = web.sent_to("/hook")
    assert "of Simulated consumer lender has shifted" in message["title"]
    assert f"Report: http://127.0.0.1:9697/reports/{first['id']}.html" in message["message"]
    assert (first["n_rows"], first["first_seq"], first["last_seq"]) == (N_APPLICANTS, N_AHEAD + 1, LAST)
    assert first["drift_share"] > 0
    assert any("has shifted" in finding for finding in first["findings"])
    kept = archive.open_archives(settings.archive_uris)[0]
    page = kept.html(first["id"]).decode()
    assert first["findings"][0] in page
    assert "<iframe" in page
    metrics = scrape(settings)
    version = {"model": "simulated", "model_version": "1"}
    assert metrics["creditrisk_window_rows"] == [(version, N_APPLICANTS)]
    assert metrics["creditrisk_drift_share"] == [(version, pytest.approx(first["drift_share"]))]
    assert {labels["field"] for labels, _ in metrics["creditrisk_drift_psi"]} == set(first["fields"])
    assert sum(value for _, value in metrics["creditrisk_decisions_logged"]) == N_APPLICANTS

    # Estimates are there at once; a month later so are outcomes, and what they say is in the next report.
    assert first["performance"]["status"] == "no outcomes"
    assert metrics["creditrisk_performance_status"] == [(version, -1)]
    assert {labels["population"] for labels, _ in metrics["creditrisk_auc_estimated"]} == {"window"}
    assert {group["field"] for group in first["performance"]["groups"]} == {"age_years", "sex", "nationality_group"}
    log = DecisionLog(settings.decision_log)
    told = applicants(N_APPLICANTS, seed=2, stress=4.0).frame
    outcomes = [
        Outcome(name, is_default == "1", date.today(), "simulated")
        for name, is_default in zip(told["application_id"], told["default"], strict=True)
    ]
    log.record_outcomes(outcomes)

    # Nothing new since: a report all the same, with that finding, and the next window starts where this one did.
    second = evidently_report("simulated")
    assert (second["n_rows"], second["last_seq"]) == (0, LAST)
    empty = "No application was scored in this window, so there is nothing to compare."
    assert second["findings"] == [*second["performance"]["alarms"], empty]
    realised = second["performance"]["realised"]
    assert (realised["n_rows"], realised["n_bad"]) == (N_APPLICANTS, sum(outcome.is_default for outcome in outcomes))
    metrics = scrape(settings)
    assert metrics["creditrisk_window_rows"] == [(version, 0)]
    assert metrics.get("creditrisk_drift_psi", []) == []
    with_outcome = {**version, "population": "with_outcome"}
    assert metrics["creditrisk_auc_realised"] == [(with_outcome, realised["auc"]["value"])]
    assert {value for _, value in metrics["creditrisk_drift_status"]} == {-1}


def test_reports_follow_the_log_and_not_the_clock_and_say_when_it_was_cut(settings, monkeypatch):
    from flows import evidently_report as flow

    class Tomorrow(datetime):
        @classmethod
        def now(cls, tz=None):
            return datetime.now(tz) + timedelta(days=1)

    score_and_log(settings, seed=3, stress=0.0)
    with monkeypatch.context() as ahead:
        ahead.setattr(flow, "datetime", Tomorrow)
        first = flow.evidently_report()
    score_and_log(settings, seed=4, stress=0.0)
    second = flow.evidently_report()
    third = flow.evidently_report()
    assert [(made["first_seq"], made["last_seq"]) for made in (first, second, third)] == [
        (N_AHEAD + 1, LAST), (LAST + 1, LAST + N_APPLICANTS), (None, LAST + N_APPLICANTS),
    ]  # fmt: skip
    assert third["log"] == {"is_intact": True, "finding": ""}
    intact = "creditrisk_decision_log_intact"
    assert [value for _, value in scrape(settings)[intact]] == [1]

    with closing(sqlite3.connect(settings.home / "decisions.db", isolation_level=None)) as connection:
        connection.execute("DROP TRIGGER events_no_delete")
        connection.execute("DELETE FROM events WHERE seq > 900")
    [kept] = archive.open_archives(settings.archive_uris)
    (settings.home / "reports" / "simulated" / "20990101T000000Z-00000000.json").write_bytes(b"rubbish")
    fourth = flow.evidently_report()
    assert (fourth["first_seq"], fourth["last_seq"]) == (LAST + 1, 900)
    assert fourth["findings"][0] == fourth["log"]["finding"]
    assert f"entry {LAST + N_APPLICANTS}, as report" in fourth["log"]["finding"]
    assert any("20990101T000000Z-00000000" in finding for finding in fourth["findings"])
    page = kept.html(fourth["id"]).decode()
    assert "<h1>The decision log is not what it was</h1>" in page
    metrics = scrape(settings)
    assert [value for _, value in metrics[intact]] == [0]
    assert [value for _, value in metrics["creditrisk_archive_unreadable_results"]] == [1]


@pytest.mark.usefixtures("prefect")
def test_a_second_report_at_once_is_refused_with_a_sentence(tmp_path, monkeypatch):
    from flows.evidently_report import evidently_report

    monkeypatch.setenv("CREDITRISK_HOME", str(tmp_path))
    with FileLock(tmp_path / "report.lock"), pytest.raises(ReportError, match="another report is being made in"):
        evidently_report()


@pytest.mark.usefixtures("prefect")
def test_old_reports_are_removed_by_their_own_flow_where_a_setting_says_so(tmp_path, monkeypatch):
    from flows.prune_reports import prune_reports

    monkeypatch.setenv("CREDITRISK_HOME", str(tmp_path))
    (tmp_path / "file").touch()
    monkeypatch.setenv("CREDITRISK_ARCHIVES", f"file://{tmp_path}/file,file://{tmp_path}/reports")
    [kept] = archive.open_archives([f"file://{tmp_path}/reports"])
    ids = [kept.put(b"page", archived(hour)) for hour in (3, 6, 9)]
    assert prune_reports() == 0
    monkeypatch.setenv("CREDITRISK_KEEP_REPORTS_DAYS", "30")
    monkeypatch.setattr("flows.prune_reports.prune.retries", 0)
    assert prune_reports() == 2
    assert kept.ids() == ids[2:]


def test_evidently_draws_fields_without_a_value_and_with_one_single_value(fitted):
    scorer, reference = fitted
    odd = reference.head(500).with_columns(
        pl.lit(None, pl.Float64).alias("income_eur"),
        pl.lit(24).alias("loan_term_months"),
        pl.when(pl.int_range(pl.len()) < 3).then(pl.lit("A. Person")).otherwise("purpose").alias("purpose"),
        seq=pl.int_range(1, 501),
        decided_at=pl.lit("2024-03-31T09:00:00+00:00").str.to_datetime(time_zone="UTC"),
        model_version=pl.lit("1"),
    )
    created_at = odd["decided_at"][0]
    counted = Counted(profile_of(scorer.profile, odd, "1"), 1, 500, (created_at, created_at))
    window = Window(counted, after_seq=0, head_seq=500, head_hash="0" * 64, judged=counted)
    found = drift.compare(scorer.profile, scorer.schema, counted.profile)
    result = report.make_result(found, window, model="simulated", model_version="1", created_at=created_at)
    page = report.render(result, found, window, scorer.schema).decode()
    assert "<iframe" in page
    assert "an unseen value" in page
    assert "A. Person" not in page
    schema = scorer.schema
    for name in ("income_eur", "loan_term_months"):  # without any value, and with one single value
        assert f"Drift in column &#39;{schema.field(name).label}&#39;" in page


@pytest.mark.usefixtures("prefect")
def test_a_failed_run_is_told_and_that_it_works_again(tmp_path, monkeypatch, capsys):
    log_sentences_only()
    with web_server() as web:
        monkeypatch.setenv("CREDITRISK_HOME", str(tmp_path))
        monkeypatch.setenv("CREDITRISK_NOTIFY", f"json://127.0.0.1:{web.port}/hook, nobody://secret")
        run = flow_of("flows/outcomes.py:outcomes")
        failed = run(source=str(tmp_path / "nowhere.csv"), return_state=True)
        run()  # there is no table for today, which is no failure
        first, last = web.sent_to("/hook")

    assert failed.is_failed()
    said = capsys.readouterr().err
    assert "hook" not in said
    assert "Logging error" not in said
    assert "secret" not in said
    assert first["title"] == "Risk-O-Meter: A run of outcomes failed"
    how_bad, action = first["message"].splitlines()[2:]
    assert how_bad.startswith("How bad: ticket, within a working day. There is no file '")
    assert re.match(r"What to do: Look at the log of the run \S+ in Prefect's pages", action)
    assert last["title"] == "Risk-O-Meter: Over: A run of outcomes failed"


LIMITS = """
[[trigger]]
name = "Income of the day"
statistic = "mean"
field = "income_eur"
below = 1_000_000
over = "day"
action = "Ask the branches"
retrain = true

[[trigger]]
name = "Too quiet"
statistic = "applications"
below = 100

[[trigger]]
name = "Misspelt"
statistic = "median"
below = 1
"""


def test_a_report_holds_limits_against_the_log_and_calls_for_a_retraining(settings, monkeypatch):
    from flows.evidently_report import evidently_report

    (settings.home / "triggers.toml").write_text(LIMITS, encoding="utf-8")
    # The server of a single run starts none: it stays a proposal.
    monkeypatch.setenv("CREDITRISK_RETRAINING", "start")
    score_and_log(settings, seed=2, stress=0.0)

    first = evidently_report()

    income, quiet = first["triggers"]
    assert (income["is_met"], quiet["is_met"], quiet["value"]) == (True, False, N_APPLICANTS)
    assert income["sentence"].endswith("below 1,000,000 EUR (600 applications of the last day). Ask the branches.")
    resting = "Retraining would be called for, but the model was trained today, and 7 days are waited after a training."
    assert first["findings"][0] == income["sentence"]
    assert "trigger 'Misspelt': 'statistic' is one of mean" in first["findings"][1]
    assert first["findings"][-1] == f"{resting} {income['sentence']}"
    assert "retraining" not in first
    page = archive.open_archives(settings.archive_uris)[0].html(first["id"]).decode()
    assert "<h1>A limit is passed: Income of the day</h1>" in page
    assert "✓ kept" in page
    metrics = scrape(settings)
    version = {"model": "simulated", "model_version": "1"}
    assert metrics["creditrisk_trigger_met"] == [
        ({**version, "trigger": "Income of the day"}, 1),
        ({**version, "trigger": "Too quiet"}, 0),
    ]
    assert metrics["creditrisk_retraining_called_for"] == [(version, 0)]

    # Without a cool-down it is called for; the day has not changed since.
    monkeypatch.setenv("CREDITRISK_RETRAINING_COOLDOWN_DAYS", "0")
    second = evidently_report()
    assert second["retraining"] == income["sentence"]
    assert second["findings"][0] == (
        f"Retraining is called for. {income['sentence']} Start it with `make model-train-flow`, or in Prefect as "
        "model-train/sunday."
    )
    assert [trigger["is_met"] for trigger in second["triggers"]] == [True, True], "nobody was scored since the first"
    assert scrape(settings)["creditrisk_retraining_called_for"] == [(version, 1)]

    shown = CliRunner().invoke(main, ["triggers"])
    assert shown.exit_code == 1
    assert shown.stdout.splitlines() == [trigger["sentence"] for trigger in second["triggers"]]
    assert "trigger 'Misspelt'" in shown.stderr
