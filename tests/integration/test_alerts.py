"""Alertmanager as it is started in the full stack, with a mail server and webhooks of this machine as its receivers."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml

from tests.conftest import ROOT
from tests.integration.receivers import MailServer, WebServer, mail_server, text_of, web_server

CONFIGURED = ROOT / "infra" / "alertmanager"
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
VARIABLES = COMPOSE["services"]["alertmanager"]["environment"]
RULES = {
    rule["alert"]: rule
    for group in yaml.safe_load((ROOT / "infra/prometheus/alerts.yml").read_text(encoding="utf-8"))["groups"]
    for rule in group["rules"]
    if "alert" in rule
}
JOB = {"job": "exporter"}
PATIENCE_SECONDS = 30
ALL = {
    "ALERTS_SLACK_URL": "https://hooks.slack.example/services/'quoted'",
    "ALERTS_EMAIL_TO": "risk@lender.example, it@lender.example",
    "ALERTS_EMAIL_FROM": "risk-o-meter@lender.example",
    "ALERTS_SMTP_SERVER": "mail.lender.example:587",
    "ALERTS_SMTP_USER": "risk-o-meter",
    "ALERTS_SMTP_PASSWORD": "it's: a secret",
    "ALERTS_WEBHOOK_URL": "https://hook.example/?token=a#b",
    "CREDITRISK_REPORTS_URL": "https://lender.example/reports",
}
CHECKS = '#!/bin/sh\nexec amtool check-config "${1#--config.file=}"\n'


def start(folder: Path, environment: dict[str, str], *, path: str = "") -> subprocess.CompletedProcess[str]:
    """Run the start script with something else in Alertmanager's place."""
    (folder / "bin").mkdir()
    (folder / "bin" / "alertmanager").write_text(path or CHECKS)
    (folder / "bin" / "alertmanager").chmod(0o755)
    return subprocess.run(
        ["sh", CONFIGURED / "start.sh", folder / "made"],
        env={"PATH": f"{folder / 'bin'}:{os.environ['PATH']}"} | environment,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.skipif(shutil.which("amtool") is None, reason="amtool not found: install Debian's prometheus-alertmanager")
@pytest.mark.parametrize("given", [(), ("SLACK",), ("EMAIL", "SMTP_SERVER"), ("WEBHOOK",), ("",)])
def test_alertmanager_accepts_what_is_written_for_any_receivers(tmp_path: Path, given: tuple[str, ...]) -> None:
    named = {name: value for name, value in ALL.items() if any(part in name for part in given)}

    done = start(tmp_path, named)

    assert done.returncode == 0, done.stdout + done.stderr
    assert ("no network leads to them" in done.stderr) == bool(given)
    [receiver] = yaml.safe_load((tmp_path / "made" / "alertmanager.yml").read_text())["receivers"]
    kinds = {"ALERTS_SLACK_URL": "slack", "ALERTS_EMAIL_TO": "email", "ALERTS_WEBHOOK_URL": "webhook"}
    assert receiver.keys() - {"name"} == {f"{kind}_configs" for name, kind in kinds.items() if name in named}


def test_passwords_reach_alertmanager_by_files_of_its_own_and_unharmed(tmp_path: Path) -> None:
    done = start(tmp_path, ALL, path="#!/bin/sh\nenv\n")

    made = tmp_path / "made"
    assert (made / "smtp").read_text() == ALL["ALERTS_SMTP_PASSWORD"]
    assert (made / "slack").read_text() == ALL["ALERTS_SLACK_URL"]
    assert {path.stat().st_mode & 0o777 for path in made.iterdir()} == {0o600}
    [receiver] = yaml.safe_load((made / "alertmanager.yml").read_text())["receivers"]
    assert receiver["webhook_configs"][0]["url"] == ALL["ALERTS_WEBHOOK_URL"]
    assert "secret" not in (made / "alertmanager.yml").read_text()
    assert not re.search("secret|quoted|token", done.stdout)  # nor is it in the environment that goes on


def test_a_mail_address_without_a_server_is_a_sentence(tmp_path: Path) -> None:
    done = start(tmp_path, {"ALERTS_EMAIL_TO": "a@b.example", "ALERTS_EMAIL_FROM": "c@d.example"})

    assert done.returncode != 0
    assert "ALERTS_SMTP_SERVER: is the mail server for alerts, as host:port, and is not set in .env" in done.stderr


@pytest.mark.parametrize("tls", ["true\n      - to: evil@e.example", "yes", "True"])
def test_whether_mail_is_encrypted_is_true_or_false(tmp_path: Path, tls: str) -> None:
    done = start(tmp_path, ALL | {"ALERTS_SMTP_TLS": tls})

    assert done.returncode == 2
    assert done.stderr == "ALERTS_SMTP_TLS is true or false in .env, and nothing else.\n"


@pytest.mark.skipif(shutil.which("amtool") is None, reason="amtool not found: install Debian's prometheus-alertmanager")
def test_braces_in_the_address_of_reports_are_no_template(tmp_path: Path) -> None:
    address = 'https://lender.example/{{end}}{{define "title"}}{{'
    assert start(tmp_path, {"CREDITRISK_REPORTS_URL": address}).returncode == 0

    template = ["template", "render", "--template.glob", tmp_path / "made/reports.tmpl"]
    text = '--template.text={{ template "reports" }}'
    assert subprocess.check_output(["amtool", *template, text], text=True).strip() == f"{address}/"


def test_every_receiver_of_the_example_reaches_the_container() -> None:
    example = (ROOT / ".env.example").read_text(encoding="utf-8")
    script = (CONFIGURED / "start.sh").read_text(encoding="utf-8")

    named = set(re.findall(r"^#? ?(ALERTS_\w+|CREDITRISK_REPORTS_URL)=", example, re.MULTILINE))

    assert named == VARIABLES.keys()
    assert all(value.startswith(f"${{{name}:-") for name, value in VARIABLES.items())
    assert named == set(re.findall(r"(?:ALERTS|CREDITRISK)_\w+", script)) - {"ALERTS_WAY_OUT"}
    assert re.search(r"^# CREDITRISK_NOTIFY=$", example, re.MULTILINE)
    assert COMPOSE["services"]["worker"]["environment"]["CREDITRISK_NOTIFY"] == "${CREDITRISK_NOTIFY:-}"


def test_alerts_that_inhibit_or_are_inhibited_exist() -> None:
    rules = yaml.safe_load((CONFIGURED / "alertmanager.yml").read_text(encoding="utf-8"))["inhibit_rules"]

    named = set(re.findall(r"[A-Z]\w+", " ".join(line for rule in rules for lines in rule.values() for line in lines)))

    assert named <= RULES.keys()


@dataclass(frozen=True)
class Sending:
    """A running Alertmanager and whom it sends to."""

    port: int
    mail: MailServer
    web: WebServer
    # What began longer ago than a group is gathered is sent at once, and those posted with it may come after that.
    since: datetime = field(default_factory=lambda: datetime.now(UTC))

    def post(self, name: str, *several: dict[str, str], ends: bool = False) -> None:
        """What Prometheus sends of alerts of one name that fire, or have ended: the labels of each."""
        now = datetime.now(UTC)
        alerts = [
            {
                "labels": {"alertname": name, **RULES[name]["labels"], **labels},
                "annotations": RULES[name]["annotations"] | {"summary": f"{name} of {labels.get('field', 'all')}"},
                "startsAt": self.since.isoformat(),
                "endsAt": (now if ends else now + timedelta(minutes=5)).isoformat(),
                "generatorURL": "http://127.0.0.1:9091/graph",
            }
            for labels in several
        ]
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/api/v2/alerts",
            json.dumps(alerts).encode(),
            {"Content-Type": "application/json"},
        )
        urllib.request.urlopen(request, timeout=5).close()

    def n_sent(self) -> list[int]:
        """Messages at each receiver."""
        return [len(self.web.sent_to("/slack")), len(self.mail.messages), len(self.web.sent_to("/hook"))]

    def wait_for(self, n_messages: int) -> None:
        """Wait until each receiver has so many."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while min(self.n_sent()) < n_messages:
            assert time.monotonic() < deadline, (
                f"after {PATIENCE_SECONDS} seconds Slack, mail, webhook: {self.n_sent()}"
            )
            time.sleep(0.05)


def wait_until_it_answers(port: int) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        try:
            urllib.request.urlopen(f"http://127.0.0.1:{port}/-/ready", timeout=5).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError(f"Alertmanager does not answer after {PATIENCE_SECONDS} seconds")


@pytest.fixture
def sending(tmp_path: Path) -> Iterator[Sending]:
    """Alertmanager as configured, but for how long it gathers before it sends."""
    if shutil.which("prometheus-alertmanager") is None:
        pytest.skip("Alertmanager not found: install Debian's prometheus-alertmanager to run this test")
    shutil.copytree(CONFIGURED, tmp_path / "infra")
    config = tmp_path / "infra" / "alertmanager.yml"
    text = re.sub(r"group_wait: 2m", "group_wait: 2s", config.read_text())
    config.write_text(re.sub(r"group_interval: \w+", "group_interval: 500ms", text))
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    with mail_server() as mail, web_server() as web:
        environment = ALL | {
            "PATH": os.environ["PATH"],
            "ALERTS_SLACK_URL": f"http://127.0.0.1:{web.port}/slack",
            "ALERTS_WEBHOOK_URL": f"http://127.0.0.1:{web.port}/hook",
            "ALERTS_SMTP_SERVER": f"127.0.0.1:{mail.port}",
            "ALERTS_SMTP_TLS": "false",
            "ALERTS_SMTP_USER": "",
        }
        command = [
            "sh", tmp_path / "infra/start.sh", tmp_path / "made", f"--storage.path={tmp_path / 'data'}",
            f"--web.listen-address=127.0.0.1:{port}", "--cluster.listen-address=",
        ]  # fmt: skip
        with (tmp_path / "output.txt").open("w") as output:
            process = subprocess.Popen(command, env=environment, stdout=output, stderr=output)
        running = Sending(port, mail, web)
        try:
            wait_until_it_answers(port)
            yield running
        finally:
            process.kill()
            process.wait()


def test_an_alert_arrives_once_at_each_receiver_and_its_end_too(sending: Sending) -> None:
    income, age = ({**JOB, "model": "german_credit", "field": name} for name in ("income_eur", "age_years"))
    sending.post("FieldDrifted", income, age)
    sending.wait_for(1)
    for _ in range(3):  # Prometheus sends it again every minute or so
        sending.post("FieldDrifted", income, age)
        time.sleep(0.4)
    assert sending.n_sent() == [1, 1, 1]

    rest = (
        f"Since: {sending.since:%Y-%m-%d %H:%M} UTC\n"
        "How bad: ticket, within a working day.\n"
        f"What to do: {RULES['FieldDrifted']['annotations']['action']} More: docs/runbook.md#fielddrifted\n"
        "Report: the last one on german_credit, https://lender.example/reports/"
    )
    told = [f"FieldDrifted of {name}\n{rest}" for name in ("age_years", "income_eur")]
    [mail] = sending.mail.messages
    assert mail["Subject"] == "Risk-O-Meter: FieldDrifted of age_years (2 alike)"
    assert (mail["To"], mail["From"]) == (ALL["ALERTS_EMAIL_TO"], ALL["ALERTS_EMAIL_FROM"])
    assert text_of(mail).split("\n\n") == told
    [slack] = sending.web.sent_to("/slack")
    [attachment] = slack["attachments"]
    assert attachment["title"] == mail["Subject"]
    assert attachment["text"].rstrip().split("\n\n") == told
    [hook] = sending.web.sent_to("/hook")
    assert hook["status"] == "firing"
    assert [alert["labels"]["field"] for alert in hook["alerts"]] == ["age_years", "income_eur"]

    for _ in range(2):
        sending.post("FieldDrifted", income, age, ends=True)
        sending.wait_for(2)
        time.sleep(0.6)
    over = "Risk-O-Meter: Over: FieldDrifted of age_years (2 alike)"
    assert sending.n_sent() == [2, 2, 2]
    assert sending.mail.messages[-1]["Subject"] == over
    assert sending.web.sent_to("/slack")[-1]["attachments"][0]["title"] == over
    assert sending.web.sent_to("/hook")[-1]["status"] == "resolved"


def test_what_follows_from_a_service_that_is_down_is_silent(sending: Sending) -> None:
    sending.post("ServiceDown", JOB)
    sending.post("FieldDrifted", {**JOB, "model": "m", "field": "f"})
    sending.post("SourceAway", {**JOB, "source": "archive"})
    sending.post("ScoringSlow", {})  # of another service
    sending.wait_for(2)
    time.sleep(3)  # longer than a group is gathered

    assert {hook["groupLabels"]["alertname"] for hook in sending.web.sent_to("/hook")} == {"ServiceDown", "ScoringSlow"}
    assert sending.n_sent() == [2, 2, 2]


def test_a_receiver_that_was_away_is_told_when_it_is_back(sending: Sending) -> None:
    sending.web.status = 503
    sending.mail.is_refusing = True
    sending.post("DecisionLogNotIntact", {**JOB, "model": "m"})
    time.sleep(1)
    assert sending.n_sent() == [0, 0, 0]

    sending.web.status = 200
    sending.mail.is_refusing = False

    sending.wait_for(1)
