"""What is written is for its owner only, whatever the umask of the shell; test_stack.py looks at a whole home."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from creditrisk.home import make_home


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("content", ["", "decisions.db", "mlflow"])
def test_a_home_open_to_others_is_closed(content: str, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    if content:
        (home / content).touch()
    home.chmod(0o755)

    make_home(home)

    assert mode(home) == 0o700


def test_a_new_home_is_closed(tmp_path: Path) -> None:
    make_home(tmp_path / "new" / "home")

    assert mode(tmp_path / "new" / "home") == 0o700


def test_a_folder_of_somebody_s_own_is_left_as_it_is(tmp_path: Path) -> None:
    theirs, everybodys = tmp_path / "theirs", tmp_path / "everybodys"
    for folder, name, opened in ((theirs, "letters.txt", 0o755), (everybodys, "mlflow", 0o1777)):
        folder.mkdir()
        (folder / name).touch()
        folder.chmod(opened)

        make_home(folder)

        assert mode(folder) == opened


def test_a_command_writes_for_its_owner_only_and_closes_the_home_it_finds(tmp_path: Path) -> None:
    (tmp_path / "decisions.db").touch()
    tmp_path.chmod(0o755)
    clients = tmp_path / "clients.csv"

    subprocess.run(
        [sys.executable, "-m", "riskometer", "simulate", "--rows", "5", "-o", str(clients)],
        env=os.environ | {"CREDITRISK_HOME": str(tmp_path)},
        umask=0o022,
        check=True,
    )

    assert mode(clients) == 0o600
    assert mode(tmp_path) == 0o700
