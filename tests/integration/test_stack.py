"""`up` and `down` with the real servers: everything starts, runs what it is asked to, survives, and goes away."""

from __future__ import annotations

import base64
import json
import os
import shutil
import signal
import socket
import stat
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Trained

PATIENCE_SECONDS = 60
SERVICES = ("WEB", "EXPORTER", "MLFLOW", "PREFECT")


@dataclass(frozen=True)
class Stack:
    """A home of its own, a free port for each service, and what `up` printed."""

    home: Path
    ports: dict[str, int]
    printed: str

    def url(self, service: str) -> str:
        return f"http://127.0.0.1:{self.ports[service]}"

    def ask_prefect(self, path: str, body: Any) -> Any:
        """The answer to a request that brings the password of this home."""
        password = (self.home / "prefect" / "password").read_text().strip()
        return post(f"{self.url('PREFECT')}/api/{path}", body, password)


def environment(home: Path, ports: dict[str, int]) -> dict[str, str]:
    named = {f"CREDITRISK_{service}_PORT": str(port) for service, port in ports.items()}
    # A champion and a run are looked for more often than otherwise.
    soon = {"CREDITRISK_CHAMPION_POLL_SECONDS": "1", "PREFECT_WORKER_QUERY_SECONDS": "1"}
    return os.environ | named | soon | {"CREDITRISK_HOME": str(home)}


def riskometer(command: str, home: Path, ports: dict[str, int]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "riskometer", command],
        env=environment(home, ports),
        cwd=home,
        umask=0o022,  # what is written is for its owner only even so
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


def free_ports() -> dict[str, int]:
    probes = {service: socket.create_server(("127.0.0.1", 0)) for service in SERVICES}
    ports = {service: probe.getsockname()[1] for service, probe in probes.items()}
    for probe in probes.values():
        probe.close()
    return ports


def is_answered(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def get(url: str) -> Any:
    """The JSON at `url`, also when it comes with an error status such as `not ready`."""
    try:
        with urllib.request.urlopen(url, timeout=10) as response:
            return json.load(response)
    except urllib.error.HTTPError as exc:
        return json.load(exc)


def post(url: str, body: Any, password: str = "") -> Any:
    headers = {"Content-Type": "application/json"}
    if password:
        headers["Authorization"] = f"Basic {base64.b64encode(password.encode()).decode()}"
    request = urllib.request.Request(url, json.dumps(body).encode(), headers)
    with urllib.request.urlopen(request, timeout=10) as response:
        return json.load(response)


def wait_until(what: str, is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        try:
            if is_so():
                return
        except OSError:
            pass
        time.sleep(0.05)
    raise AssertionError(f"after {PATIENCE_SECONDS} seconds still not so: {what}")


def processes_of(home: Path) -> dict[int, str]:
    """The processes that have `home` in their environment, with their command lines."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if f"CREDITRISK_HOME={home}".encode() in (folder / "environ").read_bytes().split(b"\0"):
                found[int(folder.name)] = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue  # ended meanwhile
    return found


@pytest.fixture(scope="module")
def stack(
    german_champion: Trained, lay_prefect: Callable[[Path], None], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stack]:
    home = tmp_path_factory.mktemp("stack") / "home"
    # Not the results of flows that other tests ran in their own process, with its umask.
    shutil.copytree(german_champion.settings.home, home, ignore=shutil.ignore_patterns("storage"))
    lay_prefect(home)
    ports = free_ports()
    done = riskometer("up", home, ports)
    try:
        assert done.returncode == 0, done.stdout
        yield Stack(home, ports, done.stdout)
    finally:
        riskometer("down", home, ports)


@pytest.fixture(scope="module")
def applicant(credit_data: Path) -> dict[str, str]:
    header, first, *_ = (credit_data / "credit_g" / "credit-g.csv").read_text(encoding="utf-8").splitlines()
    return dict(zip([name.strip('"') for name in header.split(",")][:-1], first.split(",")[:-1], strict=True))


def test_up_prints_the_addresses_and_all_of_them_answer(stack: Stack) -> None:
    assert all(stack.url(service) in stack.printed for service in SERVICES)
    assert get(f"{stack.url('WEB')}/ready")["model"] == "german_credit"
    assert get(f"{stack.url('PREFECT')}/api/health") is True
    assert all(is_answered(port) for port in stack.ports.values())


def test_a_second_up_starts_nothing_and_says_so(stack: Stack) -> None:
    before = processes_of(stack.home)

    again = riskometer("up", stack.home, stack.ports)

    assert again.returncode == 0
    assert "already running" in again.stdout
    assert stack.url("WEB") in again.stdout
    assert processes_of(stack.home).keys() == before.keys()


def test_every_deployment_has_its_schedule_and_one_run_at_a_time(stack: Stack) -> None:
    deployments = stack.ask_prefect("deployments/filter", {})

    assert {
        f"{item['entrypoint'].rpartition(':')[2]}/{item['name']}": [
            (when["schedule"]["cron"], when["schedule"]["timezone"]) for when in item["schedules"]
        ]
        for item in deployments
    } == {
        "model_train/sunday": [("0 2 * * 0", "UTC")],
        "evidently_report/every-3-hours": [("0 */3 * * *", "UTC")],
        "batch_score/daily": [("0 4 * * *", "UTC")],
        "outcomes/daily": [("0 5 * * *", "UTC")],
        "prune_reports/monthly": [("30 4 1 * *", "UTC")],
        "promote/on-demand": [],
    }
    assert {item["global_concurrency_limit"]["limit"] for item in deployments} == {1}
    [on_demand] = [item for item in deployments if item["name"] == "on-demand"]
    assert on_demand["parameter_openapi_schema"]["required"] == ["approved_by", "why"]


@pytest.mark.parametrize("name", ["sunday", "every-3-hours"])
def test_the_next_runs_of_a_schedule_are_planned(stack: Stack, name: str) -> None:
    coming = {"deployments": {"name": {"any_": [name]}}, "flow_runs": {"state": {"type": {"any_": ["SCHEDULED"]}}}}

    wait_until(f"runs of {name} are planned", lambda: stack.ask_prefect("flow_runs/count", coming) >= 2)


def test_a_report_started_from_prefect_reads_the_log_and_reaches_the_exporter(
    stack: Stack, applicant: dict[str, str]
) -> None:
    post(f"{stack.url('WEB')}/api/v1/score", {"applications": [applicant]})

    done = riskometer("report", stack.home, stack.ports)

    assert done.returncode == 0, done.stdout
    assert "on the Prefect server" in done.stdout
    assert "german_credit version 1: 1 applications since the last report" in done.stdout
    with urllib.request.urlopen(f"{stack.url('EXPORTER')}/metrics", timeout=10) as response:
        assert 'creditrisk_window_rows{model="german_credit",model_version="1"} 1.0' in response.read().decode()


def test_a_run_that_fails_ends_the_command_with_its_sentence(stack: Stack) -> None:
    source = stack.home / "of-another-kind.csv"
    source.write_text("a,b\n1,2\n")
    done = subprocess.run(
        [sys.executable, "-m", "riskometer", "train", "--dataset", "german_credit", "--source", str(source)],
        env=environment(stack.home, stack.ports),
        cwd=stack.home,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 1
    assert "on the Prefect server" in done.stdout
    assert "these are not the columns of German credit" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


def test_a_service_that_dies_is_started_again(stack: Stack) -> None:
    servers = [pid for pid, command in processes_of(stack.home).items() if command.endswith("riskometer serve ")]
    assert servers

    for pid in servers:
        os.kill(pid, signal.SIGKILL)

    wait_until("another process answers", lambda: bool(get(f"{stack.url('WEB')}/ready")["ready"]))
    assert not set(servers) & processes_of(stack.home).keys()


def test_the_app_starts_and_scores_while_mlflow_is_away(stack: Stack, applicant: dict[str, str]) -> None:
    from creditrisk.settings import Settings
    from riskometer.supervisor import running_supervisor

    supervisor = running_supervisor(Settings(home=stack.home))
    supervisor.stopProcess("mlflow")
    try:
        supervisor.stopProcess("web")
        supervisor.startProcess("web")
        wait_until("the app is back", lambda: "registry" in get(f"{stack.url('WEB')}/ready"))

        answer = post(f"{stack.url('WEB')}/api/v1/score", {"applications": [applicant]})

        assert "german_credit" in json.dumps(answer)
        wait_until("it says so", lambda: not get(f"{stack.url('WEB')}/ready")["registry"]["reachable"])
    finally:
        supervisor.startProcess("mlflow")


def test_nothing_of_a_champion_a_report_or_the_log_is_open_to_other_users(stack: Stack) -> None:
    # The tests' own files, and copies with the modes of a package: Prefect's page, and our code beside a model.
    others = {"training.log", "shared.lock", "of-another-kind.csv", "ui", "code", "pyfunc_model.py"}
    written = [path for path in stack.home.rglob("*") if not others & set(path.relative_to(stack.home).parts)]

    assert stat.S_IMODE(stack.home.stat().st_mode) == 0o700
    assert {"decisions.db", "reports", "mlflow", "serving", "prefect"} <= {path.name for path in written}
    assert [path for path in written if not path.is_socket() and stat.S_IMODE(path.stat().st_mode) & 0o077] == []


def test_down_leaves_nothing_running(stack: Stack) -> None:
    assert processes_of(stack.home)

    done = riskometer("down", stack.home, stack.ports)

    assert done.returncode == 0, done.stdout
    assert processes_of(stack.home) == {}
    assert not any(is_answered(port) for port in stack.ports.values())
    assert "Nothing is running" in riskometer("down", stack.home, stack.ports).stdout


def test_a_port_already_taken_is_named_with_its_service_and_setting(tmp_path: Path) -> None:
    ports = free_ports()
    with socket.create_server(("127.0.0.1", ports["MLFLOW"])):
        done = riskometer("up", tmp_path, ports)

    assert done.returncode == 1
    assert f"ort {ports['MLFLOW']}, where MLflow would listen, is taken" in done.stdout
    assert "CREDITRISK_MLFLOW_PORT" in done.stdout
    assert processes_of(tmp_path) == {}


def test_a_service_that_does_not_come_up_is_named_with_its_log_and_the_rest_is_stopped(
    lay_prefect: Callable[[Path], None], tmp_path: Path
) -> None:
    lay_prefect(tmp_path)
    (tmp_path / "mlflow").mkdir()
    (tmp_path / "mlflow" / "mlflow.db").write_bytes(b"this is no database" * 100)
    ports = free_ports()

    done = riskometer("up", tmp_path, ports)

    assert done.returncode == 1
    assert "MLflow" in done.stdout
    assert "file is not a database" in done.stdout
    assert processes_of(tmp_path) == {}
    assert not any(is_answered(port) for port in ports.values())
