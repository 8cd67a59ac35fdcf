"""The command line on a real champion, and its words when it cannot do what was asked."""

from __future__ import annotations

import shutil
import sqlite3
import sys
from contextlib import closing
from dataclasses import replace

import polars as pl
import pytest
from click.testing import CliRunner

from creditrisk.registry import saved_champion, serving_folder
from creditrisk.settings import Settings
from riskometer.cli import main


@pytest.fixture
def run(german_champion, tmp_path, monkeypatch):
    """Run a command in the champion's home, with a copy of its decision log for the test alone."""
    home = german_champion.settings.home
    monkeypatch.setenv("CREDITRISK_HOME", str(home))
    monkeypatch.setenv("CREDITRISK_DECISION_LOG_URL", f"sqlite:///{tmp_path}/decisions.db")
    with (
        closing(sqlite3.connect(home / "decisions.db")) as log,
        closing(sqlite3.connect(tmp_path / "decisions.db")) as copy,
    ):
        log.backup(copy)
    return lambda *words: CliRunner().invoke(main, [str(word) for word in words])


@pytest.fixture
def clients(credit_data, tmp_path):
    path = tmp_path / "clients.csv"
    pl.read_csv(credit_data / "credit_g" / "credit-g.csv").head(200).drop("class").write_csv(path)
    return path


def test_a_file_is_scored_logged_replayed_to_the_last_bit_and_the_log_verified(run, clients, tmp_path):
    scored = run("score", clients, "-o", tmp_path / "result.csv")
    assert scored.exit_code == 0, scored.output
    assert scored.output.startswith("200 clients scored with german_credit version 1")
    result = pl.read_csv(tmp_path / "result.csv")
    assert result.height == 200
    assert result.filter(pl.col("verdict") != "approve")["reasons"].null_count() == 0
    # The first three entries say which version serves.
    assert "200 decisions scored again: the same to the last bit" in run("replay", 4, 203).output
    assert "No entry asked for is a decision" in run("replay", 1, 3).output
    assert run("verify-log").output.startswith("200 decisions and 3 other entries, unbroken")


def test_a_file_is_scored_without_mlflow_where_it_would_say_the_same(run, clients, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "mlflow", None)  # to import it is an error
    scored = run("score", clients, "-o", tmp_path / "result.csv")
    assert scored.output.startswith("200 clients scored with german_credit version 1")


@pytest.fixture
def own_home(german_champion, tmp_path):
    """The champion's home once more, to be changed."""
    home = tmp_path / "home"
    shutil.copytree(german_champion.settings.home, home, ignore=shutil.ignore_patterns("artifacts", "prefect"))
    return Settings(home=home).stores


@pytest.mark.parametrize(
    "change",
    [
        "INSERT INTO model_versions (name, version, workspace) VALUES ('german_credit', 2, 'default')",
        "UPDATE registered_model_aliases SET version = 2 WHERE alias = 'champion'",
        "DELETE FROM registered_model_aliases",
        "UPDATE model_version_tags SET value = 'another' WHERE key = 'scorer_sha256'",
        "ALTER TABLE registered_model_aliases RENAME TO laid_out_otherwise",
    ],
)
def test_mlflow_is_asked_where_its_database_calls_another_version_champion(own_home, change):
    with closing(sqlite3.connect(own_home.home / "mlflow" / "mlflow.db")) as database, database:
        database.execute(change)
    saved = saved_champion(own_home, "")
    assert (saved is not None) == change.startswith("INSERT")  # which says nothing of a champion


def test_mlflow_is_asked_where_it_is_a_server_or_the_saved_champion_is_damaged(own_home):
    saved = saved_champion(own_home, "")
    assert saved is not None
    assert (saved.name, saved.version) == ("german_credit", "1")
    assert saved_champion(replace(own_home, mlflow_uri="http://mlflow:5051"), "") is None
    card = serving_folder(own_home.home, "german_credit", "1") / "card.md"
    card.write_text("another")
    assert saved_champion(own_home, "") is None


def test_a_decision_changed_behind_the_log_s_back_is_named(run, clients, tmp_path):
    run("score", clients, "-o", tmp_path / "result.csv")
    with sqlite3.connect(tmp_path / "decisions.db") as database:
        for (name,) in database.execute("select name from sqlite_master where type = 'trigger'").fetchall():
            database.execute(f"drop trigger {name}")
        database.execute("update events set prob_default = 0.01 where seq = 17")
    verified = run("verify-log")
    assert verified.exit_code == 1
    assert "17" in verified.output
    replayed = run("replay", 17)
    assert replayed.exit_code == 1
    assert "decision 17: prob_default was 0.01" in replayed.output


def test_going_back_without_a_previous_champion_says_so(run):
    done = run("rollback")
    assert done.exit_code == 1
    assert "no previous" in done.output


def test_simulated_applicants_come_without_outcome_unless_asked_for(run, tmp_path):
    assert run("simulate", "--rows", 50, "-o", tmp_path / "new.csv").exit_code == 0
    new = pl.read_csv(tmp_path / "new.csv")
    assert new.height == 50
    assert not {"default", "outcome_date", "true_prob_default"} & set(new.columns)
    run("simulate", "--rows", 50, "--with-outcome", "-o", tmp_path / "known.csv")
    assert "default" in pl.read_csv(tmp_path / "known.csv").columns


def test_applicants_of_another_lender_are_refused_in_words(run, tmp_path):
    run("simulate", "--rows", 5, "-o", tmp_path / "other.csv")
    done = run("score", tmp_path / "other.csv", "-o", tmp_path / "result.csv")
    assert done.exit_code == 1
    assert "not the columns of German credit" in done.output


def test_a_result_that_could_not_be_written_is_refused_before_anything_is_logged(run, clients, tmp_path):
    done = run("score", clients, "-o", tmp_path / "nowhere" / "result.csv")
    assert done.exit_code == 2
    assert "there is no folder" in done.output
    assert run("verify-log").output.startswith("0 decisions and 3 other entries, unbroken")


def test_a_range_the_wrong_way_round_is_not_called_replayed(run):
    done = run("replay", 5, 2)
    assert done.exit_code == 1
    assert "nothing between 5 and 2" in done.output


def test_an_economy_that_is_no_number_is_refused(run, tmp_path):
    done = run("simulate", "--stress", "nan", "-o", tmp_path / "new.csv")
    assert done.exit_code == 2
    assert "a number from -10 to 10 is expected" in done.output


def test_a_home_of_nobody_ends_with_a_sentence(run, monkeypatch):
    monkeypatch.setenv("CREDITRISK_HOME", "~nobody-of-that-name/x")
    done = run("verify-log")
    assert done.exit_code == 1
    assert "Setting CREDITRISK_HOME has a value that cannot be used: nobody of that name has a home" in done.output


def test_a_misspelt_setting_ends_every_command_with_a_sentence(run, monkeypatch):
    monkeypatch.setenv("CREDITRISK_HOEM", "x")
    done = run("verify-log")
    assert done.exit_code == 1
    assert "Unknown setting CREDITRISK_HOEM" in done.output


@pytest.mark.parametrize("command", sorted(main.commands))
def test_every_command_has_help(command):
    done = CliRunner().invoke(main, [command, "--help"])
    assert done.exit_code == 0
    assert len(done.output.splitlines()) > 3
