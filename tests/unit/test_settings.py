"""Settings: read once, refusing what is misspelt."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from pydantic import ValidationError

from creditrisk.errors import SettingsError
from creditrisk.home import make_home
from creditrisk.settings import Settings, read_settings
from tests.conftest import ROOT


def test_a_misspelt_setting_is_refused_by_name(monkeypatch):
    monkeypatch.setenv("CREDITRISK_WEBPORT", "1")
    with pytest.raises(SettingsError, match="CREDITRISK_WEBPORT"):
        read_settings()


def test_a_value_that_cannot_be_used_names_its_setting(monkeypatch):
    monkeypatch.setenv("CREDITRISK_WEB_PORT", "many")
    with pytest.raises(SettingsError, match="CREDITRISK_WEB_PORT"):
        read_settings()


def test_state_lies_under_home_unless_a_setting_says_otherwise(tmp_path):
    settings = Settings(home=tmp_path)
    assert settings.mlflow_tracking_uri == f"sqlite:///{tmp_path}/mlflow/mlflow.db"
    assert settings.decision_log == f"sqlite:///{tmp_path}/decisions.db"
    assert settings.archive_uris == (f"file://{tmp_path}/reports",)
    given = Settings(home=tmp_path, archives="gs://reports, mongodb://host/db")
    assert given.archive_uris == ("gs://reports", "mongodb://host/db")


def test_settings_cannot_be_changed_once_read(tmp_path):
    with pytest.raises(ValidationError):
        Settings(home=tmp_path).web_port = 1


def test_every_setting_has_a_line_of_help():
    assert all(field.description for field in Settings.model_fields.values())


def test_the_page_of_settings_lists_each_with_its_default_and_its_help():
    page = (ROOT / "docs" / "settings.md").read_text()
    for name, field in Settings.model_fields.items():
        default = "(empty)" if field.default == "" else f"`{field.default}`"
        assert f"| `CREDITRISK_{name.upper()}` | {default} | {field.description} |" in page


def test_a_home_that_cannot_be_written_to_is_refused_with_a_sentence(tmp_path):
    (tmp_path / "in the way").touch()
    with pytest.raises(SettingsError, match=r"nothing can be written to .*in the way.* set CREDITRISK_HOME"):
        make_home(tmp_path / "in the way" / "home")


def test_a_disk_without_room_is_refused_with_a_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr("creditrisk.home.LEAST_FREE_BYTES", float("inf"))
    with pytest.raises(SettingsError, match="too few to go on"):
        make_home(tmp_path)


def test_a_home_has_its_own_prefect_home_whatever_the_environment_says(tmp_path):
    command = "from riskometer.cli import main; main(['score', '--help'], standalone_mode=False)"
    done = subprocess.run(
        [sys.executable, "-c", f"{command}; import os; print(os.environ['PREFECT_HOME'])"],
        env=os.environ | {"CREDITRISK_HOME": str(tmp_path / "ours"), "PREFECT_HOME": str(tmp_path / "another's")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines()[-1] == str(tmp_path / "ours" / "prefect")
