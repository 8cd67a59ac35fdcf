"""Every query of the Grafana dashboards answers: asked of a real Prometheus that reads the real app and exporter."""

from __future__ import annotations

import csv
import html
import io
import json
import math
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from creditrisk.pages.palette import VERDICT_LOOKS
from creditrisk.settings import Settings
from grafana.build import FOLDER, dashboards
from grafana.draw import draw
from grafana.queries import asked, at, filled
from monitoring.archive import open_archives
from tests.conftest import ROOT, Trained

DASHBOARDS = {path.name: json.loads(path.read_text(encoding="utf-8")) for path in sorted(FOLDER.glob("*.json"))}
DATA_SOURCES = yaml.safe_load((ROOT / "grafana/provisioning/datasources/prometheus.yml").read_text(encoding="utf-8"))
CONFIG = ROOT / "infra" / "prometheus" / "prometheus.yml"
RULES = [
    rule
    for group in yaml.safe_load((CONFIG.parent / "alerts.yml").read_text(encoding="utf-8"))["groups"]
    for rule in group["rules"]
]
ALERTS = [rule for rule in RULES if "alert" in rule]
# What Grafana fills in: the span of the page, at least four scrapes (long enough for a report on a busy machine), and
# what was chosen above a dashboard.
GRAFANA = {
    "__range": "1h",
    "__rate_interval": "5m",
    "field": "duration_months",
    "protected": "age_years",
}
PATIENCE_SECONDS = 60


def panels() -> list[dict[str, Any]]:
    return [panel for dashboard in DASHBOARDS.values() for panel in dashboard["panels"]]


def queries() -> list[Any]:
    return [
        pytest.param(expression, id=name) for dashboard in DASHBOARDS.values() for name, expression in asked(dashboard)
    ]


def get(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=5) as response:
        return json.load(response)


def wait_until(what: str, is_so: Any) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        try:
            if is_so():
                return
        except OSError:
            pass
        time.sleep(0.1)
    raise AssertionError(f"after {PATIENCE_SECONDS} seconds still not so: {what}")


def free_ports(n: int) -> list[int]:
    probes = [socket.create_server(("127.0.0.1", 0)) for _ in range(n)]
    ports = [probe.getsockname()[1] for probe in probes]
    for probe in probes:
        probe.close()
    return ports


class Asked:
    """A running Prometheus."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"

    def values(self, query: str, model: str = "german_credit") -> list[float]:
        return [series.values[0] for series in at(self.url, filled(query, GRAFANA | {"model": model}))]


def archive_grown_old(home: Path) -> None:
    """Archive the report once more, on another model: with what only months of outcomes and a new profile can tell."""
    [kept] = open_archives(Settings(home=home).archive_uris)
    found = kept.latest("german_credit")
    assert found is not None
    page = kept.html(found["id"])
    measured = found["performance"]
    assert measured["vintages"]
    vintages = [{**vintage, "curve": [0.01, 0.02, 0.04]} for vintage in measured["vintages"]]
    counts = {"importance": 0.2, "importance_reference": 0.3, "rank": 1, "rank_reference": 2}
    told = {
        "model": "older",
        # What its values add to the risk is not known of every champion.
        "importance": {
            "gain": 0.97,
            "gain_bound": 0.95,
            "p_value": 0.2,
            "level": 0,
            "fields": dict.fromkeys(found["fields"], counts),
        },
        "fields": {name: {**figures, "impact": 0.5} for name, figures in found["fields"].items()},
        "performance": {**measured, "vintages": vintages},
    }
    kept.put(page, {**{key: found[key] for key in found if key not in ("id", "html_sha256")}, **told})


@pytest.fixture(scope="module")
def prometheus(
    german_champion: Trained,
    credit_data: Path,
    lay_prefect: Callable[[Path], None],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Asked]:
    """App, exporter and Prometheus as configured for the full stack, after an upload and a report."""
    if shutil.which("prometheus") is None:
        pytest.skip("Prometheus not found: install Debian's prometheus to run this test")
    folder = tmp_path_factory.mktemp("dashboard")
    home = folder / "home"
    shutil.copytree(german_champion.settings.home, home)
    lay_prefect(home)
    limit = '[[trigger]]\nname = "Too quiet"\nstatistic = "applications"\nbelow = 10\n'
    (home / "triggers.toml").write_text(limit, encoding="utf-8")
    web, exporter, listening = free_ports(3)
    environment = os.environ | {
        "CREDITRISK_HOME": str(home),
        "CREDITRISK_WEB_PORT": str(web),
        "CREDITRISK_EXPORTER_PORT": str(exporter),
        "CREDITRISK_PREFECT_PORT": "1",  # no server answers there: the report is made in-process
    }

    # The configuration of the full stack; only where and how often it reads is this machine's.
    config = yaml.safe_load(CONFIG.read_text(encoding="utf-8"))
    here = {"web:9696": f"127.0.0.1:{web}", "exporter:9697": f"127.0.0.1:{exporter}"}
    config["global"]["scrape_interval"] = "1s"
    config["rule_files"] = [str(CONFIG.with_name(name)) for name in config["rule_files"]]
    del config["alerting"]
    for job in config["scrape_configs"]:
        for static in job["static_configs"]:
            static["targets"] = [here[target] for target in static["targets"]]
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config), encoding="utf-8")

    riskometer = [sys.executable, "-m", "riskometer"]
    options = {
        "config.file": folder / "prometheus.yml",
        "storage.tsdb.path": folder / "data",
        "web.listen-address": f"127.0.0.1:{listening}",
    }
    commands = (
        [*riskometer, "serve"],
        [*riskometer, "export-metrics"],
        ["prometheus", *(f"--{name}={value}" for name, value in options.items())],
    )
    output = (folder / "output.txt").open("w")
    running = [
        subprocess.Popen(command, env=environment, stdout=output, stderr=subprocess.STDOUT) for command in commands
    ]
    try:
        answers = Asked(listening)
        wait_until("the app has a model", lambda: get(f"http://127.0.0.1:{web}/ready")["ready"])
        # Prometheus has to see the counters at rest before it can tell that they moved.
        wait_until("both are read", lambda: answers.values("up") == [1.0, 1.0])
        wait_until("decisions are counted", lambda: answers.values("sum(creditrisk_decisions_total)") == [0.0])

        header, *rows = (credit_data / "credit_g" / "credit-g.csv").read_text(encoding="utf-8").splitlines()
        # Without the outcome, and with one amount that is no number.
        clients = [line.rpartition(",")[0] for line in [header, *rows]]
        clients[1] = clients[1].replace(",1169,", ",much,")
        upload = urllib.request.Request(
            f"http://127.0.0.1:{web}/api/v1/score.csv",
            data="\n".join(clients).encode(),
            headers={"Content-Type": "text/csv"},
        )
        with urllib.request.urlopen(upload, timeout=60) as response:
            scored = list(csv.DictReader(io.StringIO(response.read().decode())))
        assert len(scored) == len(rows)
        # What became of all who were scored is known at once.
        today = datetime.now(UTC).date().isoformat()
        known = [
            {"application_id": row["application_id"], "default": line.endswith(",bad"), "observed_on": today}
            for row, line in zip(scored, rows, strict=True)
            if not row["error"]
        ]
        outcomes = urllib.request.Request(
            f"http://127.0.0.1:{web}/api/v1/outcomes",
            data=json.dumps({"outcomes": known}).encode(),
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(outcomes, timeout=60) as response:
            assert json.load(response) == {"recorded": len(known), "corrected": 0, "unchanged": 0}
        report = [*riskometer, "report"]
        done = subprocess.run(report, env=environment, cwd=folder, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        wait_until("the report is read", lambda: answers.values("creditrisk_window_rows") == [len(rows) - 1.0])
        archive_grown_old(home)
        wait_until("reports on both models are read", lambda: len(answers.values("creditrisk_window_rows")) == 2)
        yield answers
    finally:
        for process in running:
            process.terminate()
        for process in running:
            process.wait(timeout=40)
        output.close()


@pytest.mark.parametrize("query", queries())
def test_every_query_answers_numbers(prometheus: Asked, query: str) -> None:
    def values() -> list[float]:
        return prometheus.values(query) or prometheus.values(query, "older")

    wait_until(f"{query} answers", values)

    assert not any(math.isnan(value) for value in values())


@pytest.mark.parametrize("name", DASHBOARDS)
def test_a_dashboard_is_drawn_from_what_its_queries_answer(prometheus: Asked, name: str) -> None:
    end = datetime.now(UTC)
    chosen = GRAFANA | {"model": "older"}

    picture = draw(DASHBOARDS[name], prometheus.url, end - timedelta(minutes=5), end, variables=chosen).decode()

    titles = [filled(panel["title"], chosen) for panel in DASHBOARDS[name]["panels"] if panel["type"] != "row"]
    assert all(f">{html.escape(title, quote=False)}<" in picture for title in titles)
    assert "no data" not in picture


def test_dashboards_are_what_their_code_builds() -> None:
    built = dashboards()

    assert DASHBOARDS.keys() == built.keys()
    assert {name: (FOLDER / name).read_text(encoding="utf-8") for name in built} == built, "run python -m grafana.build"


def test_dashboards_keep_their_addresses() -> None:
    # Bookmarks and links name these.
    assert {name: dashboard["uid"] for name, dashboard in DASHBOARDS.items()} == {
        "risk-o-meter.json": "risk-o-meter",
        "risk-o-meter-field.json": "risk-o-meter-field",
        "risk-o-meter-service.json": "risk-o-meter-service",
    }


def test_panels_lie_beside_each_other_and_have_numbers_of_their_own() -> None:
    for dashboard in DASHBOARDS.values():
        found = dashboard["panels"]
        assert len({panel["id"] for panel in found}) == len(found)
        cells = [
            (x, y)
            for panel in found
            for x in range(panel["gridPos"]["x"], panel["gridPos"]["x"] + panel["gridPos"]["w"])
            for y in range(panel["gridPos"]["y"], panel["gridPos"]["y"] + panel["gridPos"]["h"])
        ]
        assert len(set(cells)) == len(cells)
        assert max(x for x, _ in cells) < 24


def test_a_point_leads_to_the_report_that_it_is_of(prometheus: Asked) -> None:
    links = {
        link["url"] for panel in panels() for link in panel.get("fieldConfig", {}).get("defaults", {}).get("links", [])
    }
    [address] = [series.labels["address"] for series in at(prometheus.url, "creditrisk_reports_info")]
    now_ms = str(int(1_000 * time.time()))
    for address_of in links:
        followed = address_of
        for name, value in (
            ("reports:raw", address),
            ("model:percentencode", "german_credit"),
            ("__field.labels.model", "german_credit"),
            ("__value.time", now_ms),
        ):
            followed = followed.replace(f"${{{name}}}", value)
        with urllib.request.urlopen(followed, timeout=10) as response:
            assert b"<iframe" in response.read()
            assert response.headers["Content-Security-Policy"].startswith("sandbox allow-scripts")
    assert len(links) == 2


def test_the_decisions_on_the_dashboard_are_those_that_were_answered(prometheus: Asked) -> None:
    # 1,000 applications, of which one could not be scored; the exporter counts the log, the app its answers.
    assert prometheus.values("sum(creditrisk_decisions_total)") == [999.0]
    assert prometheus.values("sum(creditrisk_decisions_logged)") == [999.0]
    assert prometheus.values("creditrisk_rejected_rows_total") == [1.0]


def test_every_panel_reads_the_data_source_that_is_provisioned() -> None:
    provisioned = {source["uid"] for source in DATA_SOURCES["datasources"]}

    used = {target["datasource"]["uid"] for panel in panels() for target in panel.get("targets", [])}
    used |= {one["datasource"]["uid"] for board in DASHBOARDS.values() for one in board["annotations"]["list"]}
    used |= {one["datasource"]["uid"] for board in DASHBOARDS.values() for one in board["templating"]["list"]}

    assert used == provisioned


def test_verdicts_have_the_words_of_the_page() -> None:
    shown = {
        override["matcher"]["options"]: prop["value"]
        for panel in panels()
        for override in panel.get("fieldConfig", {}).get("overrides", [])
        for prop in override["properties"]
        if prop["id"] == "displayName" and override["matcher"]["options"] in VERDICT_LOOKS
    }

    assert shown == {verdict: look.words for verdict, look in VERDICT_LOOKS.items()}


def test_prometheus_accepts_its_configuration() -> None:
    if shutil.which("promtool") is None:
        pytest.skip("promtool not found: install Debian's prometheus to run this test")

    done = subprocess.run(["promtool", "check", "config", CONFIG], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout + done.stderr


def test_each_alert_fires_when_it_should_and_says_what_it_should() -> None:
    if shutil.which("promtool") is None:
        pytest.skip("promtool not found: install Debian's prometheus to run this test")
    cases = [Path(__file__).with_name(name) for name in ("alerts_test.yml", "alerts_of_days_test.yml")]

    done = subprocess.run(["promtool", "test", "rules", *cases], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout + done.stderr
    tried = {
        test["alertname"]
        for path in cases
        for case in yaml.safe_load(path.read_text())["tests"]
        for test in case.get("alert_rule_test", [])
    }
    assert tried == {rule["alert"] for rule in ALERTS}


def test_every_alert_has_its_entry_in_the_runbook() -> None:
    runbook = (ROOT / "docs" / "runbook.md").read_text(encoding="utf-8")
    headings = re.findall(r"^## (\w+)$", runbook, re.MULTILINE)

    assert headings == [rule["alert"] for rule in ALERTS]
    assert [rule["annotations"]["runbook"] for rule in ALERTS] == [
        f"docs/runbook.md#{heading.lower()}" for heading in headings
    ]


@pytest.mark.parametrize("expression", [rule["expr"] for rule in RULES])
def test_every_series_of_a_rule_is_one_that_is_exported(prometheus: Asked, expression: str) -> None:
    for name in set(re.findall(r"creditrisk_[a-z_]+", expression)):
        wait_until(f"{name} answers", lambda name=name: prometheus.values(f"count({name})"))
