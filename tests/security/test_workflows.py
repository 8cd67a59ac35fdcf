"""The workflow of continuous integration: what it may do, and whose code it runs."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / ".github"
WORKFLOWS = sorted(FOLDER.glob("workflows/*.yml"))
CONSTRAINTS = (ROOT / "requirements/constraints.txt").read_text()


def zizmor(folder: Path) -> subprocess.CompletedProcess[str]:
    program = Path(sys.executable).with_name("zizmor")
    command = [program, "--offline", "--persona", "pedantic", "--no-progress", "--no-config", folder]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def test_zizmor_finds_nothing_in_the_workflows():
    found = zizmor(FOLDER)
    assert found.returncode == 0, found.stdout + found.stderr


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("@34e114876b0b11c390a56381ad16ebd13914f8d5 # v4.3.1", "@v4"),
        ("contents: read", "contents: write"),
        ("permissions:\n  contents: read\n", ""),
        ("{persist-credentials: false}", "{}"),
        ("runs-on: ubuntu-24.04", "runz-on: ubuntu-24.04"),  # no workflow at all
    ],
)
def test_zizmor_finds_what_would_open_the_workflow(tmp_path, before, after):
    [path] = WORKFLOWS
    text = path.read_text()
    assert before in text
    (tmp_path / ".github/workflows").mkdir(parents=True)
    (tmp_path / ".github/workflows/ci.yml").write_text(text.replace(before, after))
    assert zizmor(tmp_path / ".github").returncode != 0


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_reads_and_runs_actions_of_one_commit(path):
    workflow = yaml.safe_load(path.read_text())
    assert workflow["permissions"] == {"contents": "read"}
    assert workflow["concurrency"]["cancel-in-progress"] is True
    for job in workflow["jobs"].values():
        assert "permissions" not in job
        assert job["timeout-minutes"] <= 60
        for step in job["steps"]:
            if "uses" in step:
                assert re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}", step["uses"])
            if step.get("uses", "").startswith("actions/checkout@"):
                assert step["with"]["persist-credentials"] is False
            # Programs come in one version, too.
            assert all("==" in spec for spec in re.findall(r"--spec (\S+)", step.get("run", "")))


def test_the_pinned_packages_are_audited_apart_from_the_tests():
    jobs = yaml.safe_load((FOLDER / "workflows/ci.yml").read_text())["jobs"]
    assert "requirements/constraints.txt" in str(jobs["audit"])
    assert "needs" not in jobs["test"]
    assert "pip-audit" not in str(jobs["test"])


def test_the_workflow_and_the_tests_run_the_same_zizmor():
    [pin] = re.findall(r"^zizmor==\S+$", CONSTRAINTS, re.MULTILINE)
    assert f"--spec {pin} " in (FOLDER / "workflows/ci.yml").read_text()
