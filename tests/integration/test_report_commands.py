"""`riskometer reports`: what a person sees of the archives on a terminal of 80 columns."""

from __future__ import annotations

import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from creditrisk.settings import Settings
from monitoring import archive as archives
from monitoring.archive import Archive, open_archives
from monitoring.archive.delivery import waiting_room
from riskometer.archived import lines_of_fields
from riskometer.bench import free_port
from riskometer.cli import main
from tests.integration.test_archive import FIGURES, PAGE, result

Run = Callable[..., Result]
UNKNOWN = "german_credit/20240331T090000Z-00000000"


@pytest.fixture
def reports(tmp_path: Path) -> Archive:
    return open_archives(Settings(home=tmp_path).archive_uris)[0]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """The command, in a home, without a browser."""
    monkeypatch.setenv("CREDITRISK_HOME", str(tmp_path))
    for name in ("BROWSER", "DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("webbrowser._tryorder", [])
    return lambda *words: CliRunner().invoke(main, ["reports", *words])


def test_reports_are_listed_newest_first_and_of_one_model(run, reports):
    ids = [reports.put(PAGE, result(hour)) for hour in (6, 9)]
    drifted = {"amount": {**FIGURES, "level": 2}}
    ids.append(reports.put(PAGE, result(12, model="simulated", n_rows=12_345, fields=drifted)))
    head, *lines = run("list").output.splitlines()
    assert head.split() == ["Report", "Version", "Applications", "Status"]
    assert [line.split() for line in lines] == [
        [ids[2], "7", "12,345", "act"],
        [ids[1], "7", "100", "stable"],
        [ids[0], "7", "100", "stable"],
    ]
    assert max(len(line) for line in lines) <= 80
    _, *lines = run("list", "--limit", "1", "--model", "german_credit").output.splitlines()
    assert [line.split()[0] for line in lines] == [ids[1]]


def test_no_report_is_a_sentence(run, reports):
    assert run("list").output == f"Error: There is no report in {reports.name}. Make one with `riskometer report`.\n"
    reports.put(PAGE, result(9))
    assert "There is no report of the model 'other' in" in run("list", "--model", "other").output


def test_a_report_is_shown_as_text(run, reports):
    long = "Income has shifted strongly (PSI 0.41; chance alone stays below 0.02): mostly fewer applications. "
    odd = {**FIGURES, "label": "Instalment as a share of the income of the household", "psi": 0.3123, "level": 1}
    none = {**FIGURES, "label": "Age", "psi": None, "missing_share": None, "status": "empty window", "level": -1}
    report_id = reports.put(
        PAGE, result(9, findings=[long + "\x1b[31mred\x1b]0;title\a"], fields={"a": odd, "b": none})
    )
    done = run("show", report_id)
    assert (done.exit_code, done.stderr) == (0, "")
    assert "\x1b" not in done.output
    assert "\a" not in done.output
    assert max(len(line) for line in done.output.splitlines() if not line.startswith("Kept in")) <= 80
    assert "german_credit version 7, written 31 Mar 2024 09:00 UTC" in done.output
    assert "- Income has shifted strongly (PSI 0.41;" in done.output
    assert "Instalment as a share of th… stable 0.312 – 0.0 % –" in " ".join(done.output.split())
    assert done.output.endswith(f"Kept in {reports.name}\n")


def test_an_id_that_is_not_there_names_the_nearest(run, reports):
    report_id = reports.put(PAGE, result(9))
    for asked in (UNKNOWN, report_id.partition("/")[2], report_id[:-1]):
        for command in ("show", "open"):
            done = run(command, asked)
            assert done.exit_code == 1
            assert f"Did you mean '{report_id}'?" in done.output
    reports.remove(report_id)
    assert "`riskometer reports list` shows those that are there." in run("show", UNKNOWN).output


def test_a_report_that_was_damaged_is_a_sentence_and_hides_no_other(run, reports, tmp_path):
    damaged, good = reports.put(PAGE, result(6)), reports.put(PAGE, result(9))
    (tmp_path / "reports" / f"{damaged}.json").write_bytes(b"{")
    listed = run("list")
    assert [line.split()[0] for line in listed.stdout.splitlines()[1:]] == [good]
    assert f"Note: The result of report {damaged} in {reports.name} cannot be read: it is no JSON." in listed.stderr
    assert "cannot be read: it is no JSON" in run("show", damaged).output
    (tmp_path / "reports" / f"{good}.html").write_bytes(b"other")
    assert "was changed after it was written: its checksum differs." in run("open", good).output


def test_a_page_is_opened_as_it_was_kept_or_its_path_is_printed(run, reports, tmp_path, monkeypatch):
    first, second = reports.put(PAGE, result(6)), reports.put(b"<html></html>", result(9))
    assert run("open", first).output.startswith("There is no browser here. The page is ")
    opened = []
    monkeypatch.setattr("webbrowser.open", lambda uri: opened.append(uri) or True)
    assert run("open", second).output.startswith("Opened in the browser: ")
    [page] = (tmp_path / "report-opened").iterdir()
    assert opened == [page.as_uri()]
    assert page.read_bytes() == b"<html></html>"
    assert stat.S_IMODE(page.parent.stat().st_mode) == 0o700


def test_what_waits_for_an_archive_that_is_away_is_shown_opened_and_never_pruned(run, reports, tmp_path, monkeypatch):
    monkeypatch.setattr("monitoring.archive.mongo.TIMEOUT_SECONDS", 0.1)
    away = f"mongodb://clerk:s3cret@127.0.0.1:{free_port()}/reports"
    monkeypatch.setenv("CREDITRISK_ARCHIVES", f"{reports.name},{away}")
    opened = open_archives([reports.name, away])
    stored = archives.store(opened, PAGE, result(6), pending=tmp_path / "reports-pending")
    reports.put(PAGE, result(9))
    shown = run("show", stored.id)
    assert shown.stdout.endswith(f"Kept in {reports.name}\nWaits for {opened[1].name}\n")
    assert "does not answer" in shown.stderr
    assert "s3cret" not in shown.output
    reports.remove(stored.id)
    assert run("open", stored.id).exit_code == 0
    reports.put(PAGE, result(6))
    pruned = run("prune", "--older-than", "1m", "--yes")
    assert pruned.exit_code == 2
    assert "0 reports from before" in pruned.stdout
    assert "1 that is the last of its model and 1 that waits for an archive" in pruned.stdout
    assert waiting_room(tmp_path / "reports-pending", opened[1]).ids() == [stored.id]


def test_old_reports_are_counted_first_and_removed_when_that_is_said(run, reports):
    ids = [reports.put(PAGE, result(hour)) for hour in (3, 6, 9)]
    for age in ("25 months", "25m"):
        counted = run("prune", "--older-than", age)
        assert "2 of 3 reports are from before" in counted.output
        assert counted.output.endswith("Nothing was removed. Say --yes to remove them for ever.\n")
    assert len(reports.ids()) == 3
    done = run("prune", "--older-than", "25m", "--yes")
    assert "2 reports from before" in done.output
    assert "removed, 1 left. As old, but kept: 1 that is the last of its model." in done.output
    assert reports.ids() == ids[2:]
    assert "0 reports from before" in run("prune", "--older-than", "25m", "--yes").output
    assert run("prune", "--older-than", "soon").exit_code == 2


def test_a_table_without_scores_has_no_line_for_the_score():
    figures = FIGURES | {"label": "Income"}
    assert [line.split()[0] for line in lines_of_fields(None, {"income_eur": figures})] == ["Field", "Income"]
