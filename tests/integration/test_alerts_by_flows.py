"""What the flows tell by themselves, to a mail server and a webhook of this machine."""

from __future__ import annotations

import logging
import re
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from filelock import FileLock
from prefect.client.schemas.objects import FlowRun
from prefect.states import Crashed

from creditrisk.settings import Settings
from flows import notices
from flows.engine import FLOWS, flow_of
from flows.notices import tell_of_promotion, tell_of_report, tell_of_run
from monitoring import archive
from monitoring.archive import Stored
from monitoring.results import Result
from tests.conftest import ROOT
from tests.integration.receivers import MailServer, WebServer, mail_server, text_of, web_server
from tests.integration.test_archive import FIGURES, result

SECRET = "s3cr3t-t0ken"
LOG = logging.getLogger("whoever-tells")
DRIFTED = result(6, fields={"amount": FIGURES | {"level": 2, "psi": 0.41, "psi_bound": 0.05, "n_rows": 1_200}})
QUIET = result(9)


@dataclass(frozen=True)
class Told:
    """A home, and the two who are told."""

    settings: Settings
    mail: MailServer
    web: WebServer

    def report(self, made: Result) -> None:
        folder = self.settings.archive_uris[0]
        tell_of_report(made, Stored(f"report-{made['created_at'][11:13]}", (folder,), ()), self.settings, LOG)

    def texts(self) -> list[tuple[str, str]]:
        """Title and text of what the webhook was sent."""
        return [(body["title"], body["message"]) for body in self.web.sent_to(f"/{SECRET}")]

    def n_sent(self) -> tuple[int, int]:
        return len(self.mail.messages), len(self.texts())


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Told]:
    with mail_server() as mail, web_server() as web:
        addresses = (
            f"mailto://127.0.0.1:{mail.port}/?from=risk@lender.example&to=it@lender.example&mode=insecure,"
            f" json://who:{SECRET}@127.0.0.1:{web.port}/{SECRET}"
        )
        monkeypatch.setenv("CREDITRISK_HOME", str(tmp_path))
        monkeypatch.setenv("CREDITRISK_NOTIFY", addresses)
        yield Told(Settings(home=tmp_path, notify=addresses, reports_url="https://lender.example/reports"), mail, web)


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    """All that is logged by anybody, in which no address may ever be."""
    caplog.set_level(logging.DEBUG)
    yield caplog
    assert SECRET not in caplog.text


def test_drift_is_one_message_at_each_and_its_end_another(told: Told, log: pytest.LogCaptureFixture) -> None:
    told.report(DRIFTED)
    assert told.n_sent() == (1, 1)
    told.report(DRIFTED)
    assert told.n_sent() == (1, 1)
    told.report(QUIET)
    assert told.n_sent() == (2, 2)
    told.report(QUIET)
    assert told.n_sent() == (2, 2)

    (title, text), (end, _) = told.texts()
    assert (title, end) == (
        "Risk-O-Meter: Größe of german_credit has shifted strongly",
        "Risk-O-Meter: Over: Größe of german_credit has shifted strongly",
    )
    assert text == (
        "Größe of german_credit has shifted strongly\n"
        "Since: 2024-03-31 06:00 UTC\n"
        "How bad: ticket, within a working day. PSI 0.41; chance alone stays below 0.05. 1,200 applications.\n"
        "What to do: Open the last report; it says which values and what that does to the risk. "
        "Check the source of the field first. More: docs/runbook.md#fielddrifted\n"
        "Report: https://lender.example/reports/report-06.html"
    )
    mail = told.mail.messages[0]
    assert (mail["Subject"], mail["To"]) == (title, "it@lender.example")
    # Plain text alone: apprise makes HTML of it in which no line breaks.
    assert (mail.get_content_type(), text_of(mail).split()) == ("text/plain", text.split())
    assert log.text.count("WARNING") == 0


def test_who_is_away_is_told_with_the_next_notice(told: Told, log: pytest.LogCaptureFixture) -> None:
    told.web.status = 503
    told.report(DRIFTED)
    assert told.n_sent() == (1, 0)
    assert "could not be sent to address 2 of CREDITRISK_NOTIFY (NotifyJSON)" in log.text

    told.web.status = 200
    tell_of_promotion("german_credit", "8", told.settings, LOG)

    assert told.n_sent() == (2, 1)
    [(title, text)] = told.texts()
    assert title == "Risk-O-Meter: Größe of german_credit has shifted strongly and 1 more"
    assert "german_credit version 8 is champion now" in text


def test_who_answers_byte_by_byte_holds_up_nobody(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notices, "SEND_SECONDS", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as slow:
        # Its connection is taken by the system, and nobody ever answers on it.
        address = f"json://127.0.0.1:{slow.getsockname()[1]}/?rto=600"
        settings = told.settings.model_copy(update={"notify": f"{address}, {told.settings.notify}"})

        tell_of_promotion("german_credit", "8", settings, LOG)

    assert told.n_sent() == (1, 1)
    assert (told.settings.home / "notices.json").stat().st_mode & 0o777 == 0o600
    assert "german_credit version 8" in (told.settings.home / "notices.json").read_text()


def test_a_kill_while_sending_tells_twice_at_worst(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    class Killed(BaseException):
        pass

    send = notices._send_in_time

    def killed_after(receiver: Any, messages: Any) -> bool:
        send(receiver, messages)
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(notices, "_send_in_time", killed_after)
        with pytest.raises(Killed):
            told.report(DRIFTED)
    assert told.n_sent() == (1, 0)
    told.report(DRIFTED)
    assert told.n_sent() == (2, 1)
    told.report(DRIFTED)
    assert told.n_sent() == (2, 1)


def test_nothing_that_goes_wrong_fails_a_flow(told: Told, log: pytest.LogCaptureFixture, tmp_path: Path) -> None:
    (tmp_path / "notices.json").write_text("{")
    told.report(DRIFTED)
    assert told.n_sent() == (1, 1)
    assert "is begun anew" in log.text

    mistyped = told.settings.model_copy(update={"notify": f"nobody://{SECRET}, {told.settings.notify}"})
    tell_of_promotion("german_credit", "8", mistyped, LOG)
    assert told.n_sent() == (2, 2)
    assert "CREDITRISK_NOTIFY holds an address that cannot be read" in log.text

    (tmp_path / "notices.json").unlink()
    (tmp_path / "notices.json").mkdir()
    told.report(DRIFTED)
    assert "Nobody was told: IsADirectoryError." in log.text


def test_notices_that_are_being_sent_are_waited_for(
    told: Told, log: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notices, "PATIENCE_SECONDS", 0.1)
    with FileLock(told.settings.home / "notices.lock"):
        told.report(DRIFTED)

    assert "Nobody was told: other notices are being sent" in log.text


def test_addresses_are_kept_nowhere(told: Told) -> None:
    told.web.status = 503
    told.report(DRIFTED)

    assert SECRET not in repr(told.settings)
    kept = [path.read_text() for path in told.settings.home.rglob("*") if path.is_file()]
    assert kept
    assert not [text for text in kept if re.search(f"{SECRET}|it@lender.example|127.0.0.1", text)]


def test_whoever_names_nobody_has_no_ledger(tmp_path: Path) -> None:
    tell_of_promotion("german_credit", "8", Settings(home=tmp_path), LOG)

    assert list(tmp_path.iterdir()) == []


def test_a_report_whose_run_was_killed_before_it_told_is_made_up_for(told: Told) -> None:
    [opened] = archive.open_archives(told.settings.archive_uris)
    ids = [opened.put(b"<html></html>", made) for made in (result(3), DRIFTED, QUIET)]

    def tell(made: Result, report_id: str) -> None:
        tell_of_report(made, Stored(report_id, (opened.name,), ()), told.settings, LOG)

    tell(result(3), ids[0])
    assert told.texts() == []

    tell(QUIET, ids[2])
    tell(QUIET, ids[2])

    [(title, text)] = told.texts()
    assert title == "Risk-O-Meter: Over: Größe of german_credit has shifted strongly"
    assert "Since: 2024-03-31 06:00 UTC; over since " in text
    assert f"{ids[1]}.html" in text


def test_quiet_data_is_told_from_what_the_archive_holds(told: Told) -> None:
    [opened] = archive.open_archives(told.settings.archive_uris)
    opened.put(b"<html></html>", result(6, last_decided_at="2024-03-31T05:59:00+00:00"))
    empty = result(7, n_rows=0, created_at=(datetime(2024, 4, 1, 7, tzinfo=UTC)).isoformat())
    told.report(empty)

    assert told.texts()[0][1].splitlines()[:2] == [
        "No application was scored by german_credit for a day",
        "Since: 2024-03-31 05:59 UTC",
    ]


def test_a_run_that_was_killed_is_told_by_whoever_noticed(told: Told) -> None:
    tell_of_run(flow_of("flows/outcomes.py:outcomes"), FlowRun(name="calm-otter", flow_id=uuid4()), Crashed())

    [(title, text)] = told.texts()
    assert title == "Risk-O-Meter: A run of outcomes failed"
    assert "within a working day. Its process ended before it was done.\n" in text
    assert "the log of the run calm-otter" in text


def test_every_flow_that_is_deployed_is_told_of() -> None:
    deployed = re.findall(r"entrypoint: (\S+)", (ROOT / "prefect.yaml").read_text(encoding="utf-8"))

    # What a person starts by its command has no deployment.
    assert {*deployed, "flows/table_drift.py:table_drift"} == FLOWS.keys()
    for entrypoint in FLOWS:
        flow = flow_of(entrypoint)
        assert flow.on_failure_hooks == flow.on_crashed_hooks == flow.on_completion_hooks == [notices.tell_of_run]
