"""The file that supervisord is configured by: it reads back as what was meant, whatever the home is called."""

from __future__ import annotations

import configparser
import shlex
from pathlib import Path

import pytest
from supervisor.options import UnhosedConfigParser, expand

from creditrisk.settings import Settings
from riskometer.services import services
from riskometer.supervisor import LONGEST_SOCKET_PATH, socket_path, write_config


@pytest.fixture(params=["home", "100% home", "größe"])
def settings(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    # Where tests write, paths can be longer than a socket's may be.
    monkeypatch.setattr("riskometer.supervisor.LONGEST_SOCKET_PATH", 1_000)
    home = tmp_path / request.param
    (home / "stack").mkdir(parents=True)
    return Settings(home=home)


def test_every_service_is_a_program_with_its_command_and_its_log(settings):
    parts = services(settings)
    file = UnhosedConfigParser()
    file.read_string(write_config(settings, parts).read_text(encoding="utf-8"))
    programs = {name.removeprefix("program:") for name in file.sections() if name.startswith("program:")}
    assert programs == {part.name for part in parts}
    for part in parts:
        program = file[f"program:{part.name}"]
        # As supervisord does it: two percent signs are one.
        assert tuple(shlex.split(expand(program["command"], {}, "command"))) == part.command
        assert expand(program["stdout_logfile"], {}, "log") == str(settings.home / "logs" / f"{part.name}.log")
        assert (program["autostart"], program["stopasgroup"], program["startsecs"]) == ("false", "true", "3")


def test_who_needs_others_is_stopped_before_them(settings):
    parts = services(settings)
    file = configparser.RawConfigParser()
    file.read(write_config(settings, parts), encoding="utf-8")
    priority = {part.name: file.getint(f"program:{part.name}", "priority") for part in parts}
    assert all(priority[part.name] > priority[needed] for part in parts for needed in part.needs)


def test_the_socket_is_found_again(settings):
    write_config(settings, services(settings))
    assert socket_path(settings) == settings.home / "stack" / "supervisor.sock"


def test_a_path_too_long_for_a_socket_gives_it_another_folder(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    home = tmp_path / ("h" * LONGEST_SOCKET_PATH)
    (home / "stack").mkdir(parents=True)
    write_config(Settings(home=home), ())
    socket = socket_path(Settings(home=home))
    assert home not in socket.parents
    assert socket.parent.is_dir()
