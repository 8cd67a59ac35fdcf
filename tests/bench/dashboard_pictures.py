"""A made-up week of the simulated lender, and the pictures of the dashboards that docs/dashboards.md shows of it.

    python -m tests.bench.dashboard_pictures docs/images

The champion of this home, trained by `make model-train-flow`, scores the week's applications; reports on them, alarms
and the app's counters come from the functions that run in earnest, and Prometheus answers the dashboards' own queries.

The week is quiet until the 18th, when incomes are joined to the wrong applicants for half a day. The economy turns on
the 20th. On the 21st more bads among older clients become known, and savings begin to be missing.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.parser import text_string_to_metric_families

from creditrisk.decision_log import WindowBlock
from creditrisk.quality import check
from creditrisk.registry import Champion
from creditrisk.scoring import Scorer
from creditrisk.settings import read_settings
from creditrisk.simulator import simulate
from creditrisk.sources import RawTable
from creditrisk.splits import month_number
from grafana.build import FOLDER
from grafana.draw import draw
from monitoring import drift, performance, report, retraining, windows
from monitoring.alarms import alarms_of
from monitoring.clients import Clients
from monitoring.openmetrics import to_openmetrics
from monitoring.results import Result, TriggerFigures
from riskometer.bench import champion_to_measure
from tests.bench.prometheus_past import prometheus_with
from webapp.metrics import Metrics, make_metrics
from webapp.serving import ServingState

START, END = datetime(2026, 11, 16, tzinfo=UTC), datetime(2026, 11, 23, tzinfo=UTC)
EVERY, SCRAPED_EVERY = timedelta(hours=3), timedelta(minutes=15)
WRONG_INCOMES = datetime(2026, 11, 18, 9, tzinfo=UTC), datetime(2026, 11, 18, 21, tzinfo=UTC)
ECONOMY_TURNS = datetime(2026, 11, 20, tzinfo=UTC)
SAVINGS_MISSING = datetime(2026, 11, 21, 18, tzinfo=UTC)
BADS_KNOWN = datetime(2026, 11, 21, 6, tzinfo=UTC)
STRESS_A_DAY = 0.25
# Years like those that the champion learnt from.
QUIET = {"start": date(2023, 1, 1), "end": date(2024, 12, 31)}
N_IN_A_WINDOW, N_KNOWN = 500, 9_000
LEAST_INCOME = 2_000
PICTURES = {"risk-o-meter": "glance", "risk-o-meter-field": "field", "risk-o-meter-service": "service"}
CHOSEN = {"model": "simulated", "protected": "sex", "field": "savings_eur"}


def main(folder: Path) -> None:
    """Make the week, and draw it light and dark."""
    champion = champion_to_measure(read_settings())
    weeks = list(_reports(champion.scorer))
    results = [result for result, _ in weeks]
    with tempfile.TemporaryDirectory() as name:
        text = Path(name) / "week.om"
        lines = [*to_openmetrics(results)][:-1]
        text.write_text("".join([*lines, *_in_text(_scraped(champion, weeks)), "# EOF\n"]), encoding="utf-8")
        with prometheus_with(text, Path(name), lookback="3h") as answers:
            for dashboard, picture in PICTURES.items():
                asked = json.loads((FOLDER / f"{dashboard}.json").read_text(encoding="utf-8"))
                for is_dark in (False, True):
                    drawn = draw(
                        asked, answers.address, START, END, variables=CHOSEN, is_dark=is_dark, form="png"
                    )  # fmt: skip
                    path = folder / f"dashboard-{picture}-{'dark' if is_dark else 'light'}.png"
                    path.write_bytes(drawn)


# --- reports ----------------------------------------------------------------------------------------------------------


def _reports(scorer: Scorer) -> Iterator[tuple[Result, pl.DataFrame]]:
    """The report of every three hours, with the applications it is on."""
    reference = windows.Reference(scorer.name, scorer.version, scorer.profile, has_ids=True)
    clients, decided = _known(scorer)
    before: Result | None = None
    n_reports = int((END - START) / EVERY)
    for number in range(n_reports):
        at = START + number * EVERY
        frame = _applications(scorer, at, number)
        counted = windows.count([WindowBlock(frame, n_erased=0, n_again=0)], reference)
        window = windows.Window(counted, number * N_IN_A_WINDOW, int(frame["seq"][-1]), "0" * 64, counted)
        measured = performance.summarise(
            performance.count_scored(frame, scorer.schema, scorer.version),
            _with_more_bads(clients) if at >= BADS_KNOWN else clients,
            decided,
            scorer.schema,
            at,
            edges=scorer.profile["prob_default"]["edges"],
        )
        made = report.make_result(
            drift.compare(scorer.profile, scorer.schema, counted.profile, counted.sample),
            window,
            model=scorer.name,
            model_version=scorer.version,
            created_at=at,
            performance=measured,
        )
        made = retraining.with_retraining(_with_limit(made), retraining.reason_to_retrain(made, before))
        yield made, frame
        before = made


def _scored(scorer: Scorer, drawn: pl.DataFrame) -> pl.DataFrame:
    """Applications as they are in the decision log, scored."""
    table = RawTable(frame=drawn.select(pl.all().cast(pl.String)), lines=list(range(2, drawn.height + 2)))
    accepted = check(table, scorer.schema).accepted
    answers = scorer.score(accepted)
    return accepted.with_columns(answers["prob_default"], answers["verdict"], model_version=pl.lit(scorer.version))


def _applications(scorer: Scorer, at: datetime, number: int) -> pl.DataFrame:
    stress = STRESS_A_DAY * max(0.0, (at - ECONOMY_TURNS) / timedelta(days=1))
    drawn = simulate(N_IN_A_WINDOW, seed=100 + number, stress=stress, **QUIET)
    if WRONG_INCOMES[0] <= at < WRONG_INCOMES[1]:
        drawn = drawn.with_columns(drawn["income_eur"].sample(fraction=1.0, shuffle=True, seed=number))
    if at >= SAVINGS_MISSING:
        is_missing = pl.Series(np.random.default_rng(number).random(drawn.height) < 0.35)
        drawn = drawn.with_columns(savings_eur=pl.when(~is_missing).then("savings_eur"))
    return _scored(scorer, drawn).with_columns(
        seq=pl.int_range(1, pl.len() + 1) + number * N_IN_A_WINDOW, decided_at=pl.lit(at)
    )


def _with_limit(result: Result) -> Result:
    """With a limit that a person might have set: on the average income, in triggers.toml."""
    mean = result["fields"]["income_eur"].get("mean")
    is_met = mean is not None and mean < LEAST_INCOME
    limit: TriggerFigures = {"name": "Income too low", "sentence": "", "value": mean, "is_met": is_met}
    return {**result, "triggers": [limit]}


def _known(scorer: Scorer) -> tuple[Clients, pl.DataFrame]:
    """Clients of the year before last whose outcome is known, and how many were decided about on each day."""
    drawn, rng = simulate(N_KNOWN, seed=3, **QUIET), np.random.default_rng(1)
    first = date(2024, 10, 1)
    days = pl.Series([first + timedelta(days=390 * row // N_KNOWN) for row in range(N_KNOWN)])
    scored = _scored(scorer, drawn)
    # They turn out as their PDs say.
    target = pl.Series((rng.random(N_KNOWN) < scored["prob_default"].to_numpy()).astype(np.int64))
    fell_after = pl.Series(rng.integers(2, 13, N_KNOWN))
    frame = scored.select(
        "prob_default",
        "verdict",
        *[field.name for field in scorer.schema.protected],
        target=target,
        month=month_number(days),
        months_on_book=pl.when(target == 1).then(fell_after).otherwise(12),
        fell_after=fell_after,
    )
    decided = frame.select("verdict").with_columns(day=days).group_by("day", "verdict").agg(n_decisions=pl.len())
    return Clients(frame), decided


def _with_more_bads(clients: Clients) -> Clients:
    """As they are once one in twenty of the good turned out bad after all."""
    is_bad = (pl.col("target") == 1) | (pl.int_range(pl.len()) % 20 == 0)
    return Clients(
        clients.frame.with_columns(
            target=is_bad.cast(pl.Int64), months_on_book=pl.when(is_bad).then("fell_after").otherwise(12)
        )
    )


# --- what Prometheus would have scraped besides -----------------------------------------------------------------------


Sample = tuple[str, tuple[tuple[str, str], ...], float, float]


def _scraped(champion: Champion, reports: list[tuple[Result, pl.DataFrame]]) -> Iterator[Sample]:
    """Name, labels, time and value of what app, exporter and Prometheus itself say every quarter of an hour."""
    state = ServingState(champion.scorer, START, registry_problem="")
    metrics, rng = make_metrics(), np.random.default_rng(2)
    per_report = int(EVERY / SCRAPED_EVERY)
    n_logged = 0
    for number, (result, frame) in enumerate(reports):
        for step in range(per_report):
            at = (START + number * EVERY + step * SCRAPED_EVERY).timestamp()
            n_logged += _answered(metrics, frame[step::per_report], rng)
            n_files = int(rng.poisson(0.3))
            for family in text_string_to_metric_families(metrics.text(state, n_files).decode()):
                for sample in family.samples:
                    yield sample.name, tuple(sorted(sample.labels.items())), at, sample.value
            for family in _of_exporter(result, n_logged, rng):
                for sample in family.samples:
                    yield sample.name, tuple(sorted(sample.labels.items())), at, sample.value


def _answered(metrics: Metrics, frame: pl.DataFrame, rng: np.random.Generator) -> int:
    """Count what the app answered in a quarter of an hour; returns how many decisions that were."""
    for verdict in frame["verdict"]:
        metrics.decisions.labels(verdict).inc()
        metrics.scoring_seconds.observe(float(rng.lognormal(-6.0, 0.5)))
    metrics.rejected.inc(int(rng.poisson(0.5)))
    for status, rate in ((404, 0.2), (422, 0.4), (503, 0.02)):
        for _ in range(int(rng.poisson(rate))):
            metrics.count_answer(status)
    return frame.height


def _of_exporter(result: Result, n_logged: int, rng: np.random.Generator) -> Iterator[GaugeMetricFamily]:
    model = {"model": result["model"], "model_version": result["model_version"]}
    jobs = ("exporter", "risk-o-meter")
    alarms = [alarm.runbook.rpartition("#")[2] for alarm in alarms_of(result, reports_address="")]
    told: dict[str, list[tuple[dict[str, str], float]]] = {
        "creditrisk_champion_since_timestamp_seconds": [(model, (START - timedelta(days=9)).timestamp())],
        "creditrisk_reports_info": [({"address": "http://127.0.0.1:9697/reports"}, 1)],
        "creditrisk_decisions_logged": [({"verdict": "all"}, n_logged)],
        "creditrisk_source_up": [({"source": source}, 1) for source in ("archive", "decision_log")],
        "creditrisk_reports_waiting": [({}, 0)],
        "creditrisk_archive_unreadable_results": [({"archive": "file:///home/reports"}, 0)],
        "up": [({"job": job}, 1) for job in jobs],
        "scrape_duration_seconds": [({"job": job}, float(rng.uniform(0.01, 0.03))) for job in jobs],
        "ALERTS": [({"alertname": name, "alertstate": "firing"}, 1) for name in sorted(set(alarms))],
    }
    for name, series in told.items():
        for labels, value in series:
            family = GaugeMetricFamily(name, "", labels=list(labels))
            family.add_metric(list(labels.values()), value)
            yield family


def _in_text(samples: Iterator[Sample]) -> Iterator[str]:
    """As OpenMetrics text, series by series."""
    for name, labels, at, value in sorted(samples):
        named = ",".join(f'{label}="{words}"' for label, words in labels)
        yield f"{name}{{{named}}} {value} {at}\n"


if __name__ == "__main__":
    main(Path(sys.argv[1]))
