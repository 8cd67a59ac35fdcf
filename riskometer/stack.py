"""Everything on one machine: five services as plain processes under one supervisor in the background.

`up` and `down` are called by the command line. The supervisor (supervisord, configured under <home>/stack) restarts a
service that dies and keeps its log in bounds; this module writes its configuration, starts the services in order, waits
until each answers, and hands the flows of prefect.yaml to Prefect. The same services in containers: docker-compose.yml.
"""

from __future__ import annotations

import configparser
import http.client
import os
import shlex
import shutil
import socket
import subprocess
import sys
import sysconfig
import tempfile
import time
import urllib.request
import xmlrpc.client
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from creditrisk.errors import CreditRiskError
from creditrisk.home import make_home
from creditrisk.hosts import is_loopback
from creditrisk.settings import Settings, refuse_open_address
from creditrisk.text import counted
from flows.deploy import PROJECT
from flows.password import VARIABLE, make_password
from flows.prefect_server import PASSWORD_VARIABLE
from flows.queue import WORK_POOL, mark_interrupted_runs, worker_is_there
from riskometer.leftovers import MARK, end_leftovers

START_SECONDS = 150
STOP_SECONDS = 60
# Kernels refuse longer paths of Unix sockets (108 bytes on Linux, 104 elsewhere; supervisord adds its process id).
LONGEST_SOCKET_PATH = 90


class StackError(CreditRiskError):
    """A service could not be started or stopped on this machine."""


@dataclass(frozen=True, slots=True)
class Service:
    """One process: how it is started, which port it listens on, and how to tell that it is healthy.

    `setting` is the setting that moves it to another port; `needs` are the services that have to answer before it
    starts, `prepare` is what has to be done then.
    """

    name: str
    title: str
    command: tuple[str, ...]
    url: str
    is_healthy: Callable[[], bool]
    port: int | None = None
    setting: str = ""
    needs: tuple[str, ...] = ()
    prepare: Callable[[], object] = lambda: None


def services(settings: Settings) -> tuple[Service, ...]:
    """The services of one machine, in the order in which they are shown."""
    python = sys.executable
    riskometer = str(Path(sysconfig.get_path("scripts")) / "riskometer")
    prefect, mlflow = (f"http://127.0.0.1:{port}" for port in (settings.prefect_port, settings.mlflow_port))
    host = "127.0.0.1" if settings.host == "0.0.0.0" else settings.host  # noqa: S104  # compared, not bound to
    web, exporter = (f"http://{host}:{port}" for port in (settings.web_port, settings.exporter_port))
    # Runs made without a server keep their artifacts as plain paths under home; the server leaves them there, so that
    # either can read what the other wrote.
    mlflow_store = (
        *("--backend-store-uri", f"sqlite:///{settings.home / 'mlflow' / 'mlflow.db'}"),
        *("--default-artifact-root", (settings.home / "mlflow" / "artifacts").as_uri(), "--no-serve-artifacts"),
        *("--workers", "1", "--app-name", "riskometer"),
    )
    return (
        Service(
            "web",
            "Risk-O-Meter",
            (riskometer, "serve"),
            web,
            lambda: _answers(f"{web}/health"),
            settings.web_port,
            "CREDITRISK_WEB_PORT",
            needs=("mlflow",),
        ),
        Service(
            "prefect",
            "Prefect",
            (python, "-m", "flows.prefect_server", "--port", str(settings.prefect_port)),
            prefect,
            lambda: _answers(f"{prefect}/api/health"),
            settings.prefect_port,
            "CREDITRISK_PREFECT_PORT",
        ),
        Service(
            "mlflow",
            "MLflow",
            (*(python, "-m", "mlflow", "server", "--port", str(settings.mlflow_port)), *mlflow_store),
            mlflow,
            lambda: _answers(f"{mlflow}/health"),
            settings.mlflow_port,
            "CREDITRISK_MLFLOW_PORT",
            prepare=lambda: _settle_in(settings),
        ),
        Service(
            "exporter",
            "Metrics of the reports",
            (riskometer, "export-metrics"),
            f"{exporter}/metrics",
            lambda: _answers(f"{exporter}/health"),
            settings.exporter_port,
            "CREDITRISK_EXPORTER_PORT",
            needs=("mlflow",),
        ),
        Service(
            "worker",
            "Prefect worker",
            (python, "-m", "flows.worker"),
            "",
            lambda: worker_is_there(settings),
            needs=("prefect",),
            prepare=lambda: mark_interrupted_runs(settings, WORK_POOL),
        ),
    )


def _settle_in(settings: Settings) -> None:
    """Let MLflow find its files if this home was moved or copied here."""
    from creditrisk.registry import settle_in

    settle_in(settings.home)


def child_environment(settings: Settings) -> dict[str, str]:
    """The environment every service gets: ours, with the addresses of its neighbours and all telemetry off.

    Without the password of any Prefect server: those who need this home's read it from its file.
    """
    own = {name: value for name, value in os.environ.items() if name not in (VARIABLE, PASSWORD_VARIABLE)}
    return own | {
        MARK: str(settings.home),
        "CREDITRISK_HOME": str(settings.home),
        "CREDITRISK_MLFLOW_URI": f"http://127.0.0.1:{settings.mlflow_port}",
        "PREFECT_API_URL": f"http://127.0.0.1:{settings.prefect_port}/api",
        "PREFECT_HOME": str(settings.home / "prefect"),
        "PREFECT_SERVER_EPHEMERAL_ENABLED": "false",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        # MLflow's own job queue serves language models; without it the server is one process.
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
        "DO_NOT_TRACK": "true",
        # Neighbours are never reached through a proxy.
        "NO_PROXY": ",".join(filter(None, [os.environ.get("NO_PROXY"), "127.0.0.1", "localhost"])),
    }


def up(settings: Settings, console: Console) -> None:
    """Start everything, wait until all of it answers, and print the addresses.

    Raises
    ------
    SettingsError
        If the app would be open to others without a setting that says so.
    StackError
        If a port is taken, or a service does not come up; what was started is stopped again.
    """
    refuse_open_address(settings)
    parts = services(settings)
    if _supervisor(settings) is not None:
        console.print("Everything is already running.")
        _print_addresses(parts, settings, console)
        return
    if settings.mlflow_uri or settings.prefect_api_url:
        raise StackError(
            "`make up` starts an MLflow and a Prefect server of its own, but CREDITRISK_MLFLOW_URI or "
            "CREDITRISK_PREFECT_API_URL names others. Unset them, or start the parts you need yourself: "
            "`riskometer serve`, `riskometer export-metrics`, `python -m flows.worker`."
        )
    if n_ended := end_leftovers(settings.home):
        console.print(
            f"A supervisor was killed earlier. Ended what it left running: {_processes(n_ended)}.", soft_wrap=True
        )
    _check_ports(parts)
    make_home(settings.home)
    for folder in ("stack", "logs", "mlflow/artifacts", "prefect"):
        (settings.home / folder).mkdir(parents=True, exist_ok=True)
    make_password(settings)
    config = settings.home / "stack" / "supervisord.conf"
    config.write_text(_supervisor_config(settings, parts), encoding="utf-8")
    environment = child_environment(settings)
    console.print("Starting five services in the background; this takes about half a minute.")
    daemon = [sys.executable, "-m", "supervisor.supervisord", "-c", str(config)]
    subprocess.run(daemon, env=environment, check=True)  # noqa: S603  # no shell, and our own words only
    try:
        _start_in_order(parts, settings, console)
        with console.status("Handing the flows to Prefect"):
            _deploy(settings, environment)
    except BaseException:
        console.print("Stopping what was started.")
        down(settings, console)
        raise
    console.print("[green]✓[/] flows deployed: model-train/sunday, evidently-report/every-3-hours, promote/on-demand")
    _print_addresses(parts, settings, console)


def down(settings: Settings, console: Console) -> None:
    """Stop everything that `up` started.

    Raises
    ------
    StackError
        If something is still running after a minute.
    """
    supervisor = _supervisor(settings)
    if supervisor is None:
        n_ended = end_leftovers(settings.home)
        ended = f"The supervisor was killed earlier. Ended what it left running: {_processes(n_ended)}."
        console.print(ended if n_ended else "Nothing is running.", soft_wrap=True)
        return
    pid = supervisor.getPID()
    socket_path = _socket_path(settings)
    with console.status("Stopping all services"):
        supervisor.shutdown()
        deadline = time.monotonic() + STOP_SECONDS
        while _is_alive(pid) and time.monotonic() < deadline:
            time.sleep(0.2)
    if _is_alive(pid):
        raise StackError(
            f"the supervisor (process {pid}) has not stopped after {STOP_SECONDS} seconds. "
            f"Look into {settings.home / 'logs' / 'supervisord.log'}."
        )
    if socket_path.parent != settings.home / "stack":
        shutil.rmtree(socket_path.parent, ignore_errors=True)
    end_leftovers(settings.home)  # such as the run of a worker that was killed
    console.print("All services stopped.")


def _processes(n: int) -> str:
    return counted(n, "process", "processes")


def _start_in_order(parts: tuple[Service, ...], settings: Settings, console: Console) -> None:
    """Start each service when what it needs answers; return when all of them do."""
    supervisor = _supervisor(settings)
    if supervisor is None:
        raise StackError(f"the supervisor did not start. Look into {settings.home / 'logs' / 'supervisord.log'}.")
    began = time.monotonic()
    started: set[str] = set()
    healthy: set[str] = set()
    with console.status("") as status:
        while len(healthy) < len(parts):
            for part in parts:
                if part.name not in started and healthy.issuperset(part.needs):
                    part.prepare()
                    supervisor.startProcess(part.name, False)
                    started.add(part.name)
                if part.name in started - healthy:
                    state = supervisor.getProcessInfo(part.name)["statename"]
                    if state in ("FATAL", "EXITED", "UNKNOWN"):
                        raise StackError(f"{part.title} stopped right after its start. {_log_tail(part, settings)}")
                    if state in ("STARTING", "RUNNING") and part.is_healthy():
                        healthy.add(part.name)
                        console.print(f"[green]✓[/] {part.title} after {time.monotonic() - began:.0f} s")
            late = [part for part in parts if part.name not in healthy]
            if late and time.monotonic() - began > START_SECONDS:
                raise StackError(
                    f"{late[0].title} did not answer within {START_SECONDS} seconds. {_log_tail(late[0], settings)}"
                )
            status.update(f"Waiting for {', '.join(part.title for part in late)}")
            time.sleep(0.3)


def _deploy(settings: Settings, environment: dict[str, str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "flows.deploy"],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    log = settings.home / "logs" / "deploy.log"
    log.write_text(done.stdout, encoding="utf-8")
    if done.returncode != 0:
        last = done.stdout.strip().splitlines()[-1:]
        raise StackError(f"Prefect did not take the flows of prefect.yaml: {' '.join(last)} All it said is in {log}.")


def _check_ports(parts: tuple[Service, ...]) -> None:
    """Refuse to start when another program has one of our ports.

    Raises
    ------
    StackError
        With one line per port taken: which, whose, and the setting that chooses another.
    """
    taken = [part for part in parts if part.port is not None and not _is_free(part.port)]
    if taken:
        raise StackError(
            "\n".join(
                f"port {part.port}, where {part.title} would listen, is taken by another program. "
                f"Stop that program, or choose another port, e.g. {part.setting}={(part.port or 0) + 1000} make up."
                for part in taken
            )
        )


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        # As servers do it: connections that are just closing are no obstacle.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def _answers(url: str, expected: str = "") -> bool:
    """Whether `url` answers with status 200 and `expected` in its body; never through a proxy."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=2) as response:
            return expected in response.read().decode("utf-8", "replace")
    except (OSError, http.client.HTTPException):
        return False


def _supervisor_config(settings: Settings, parts: tuple[Service, ...]) -> str:
    """The configuration of supervisord; a percent sign has a meaning there, so paths double theirs."""
    logs = settings.home / "logs"
    stack = settings.home / "stack"
    socket_path = stack / "supervisor.sock"
    if len(os.fsencode(socket_path)) > LONGEST_SOCKET_PATH:
        socket_path = Path(tempfile.mkdtemp(prefix="riskometer-")) / "supervisor.sock"
    sections: dict[str, dict[str, Any]] = {
        "unix_http_server": {"file": socket_path, "chmod": "0700"},
        "supervisord": {
            "logfile": logs / "supervisord.log",
            "pidfile": stack / "supervisord.pid",
            "directory": PROJECT,
            # What the services write can hold applicants' data: for the owner only.
            "umask": "077",
        },
        "rpcinterface:supervisor": {
            "supervisor.rpcinterface_factory": "supervisor.rpcinterface:make_main_rpcinterface"
        },
    }
    for part in parts:
        sections[f"program:{part.name}"] = {
            # The highest are stopped first, so that nothing misses what it needs meanwhile.
            "priority": 10 + len(part.needs),
            "command": shlex.join(part.command),
            "autostart": "false",
            "autorestart": "true",
            "startsecs": 3,
            "startretries": 1,
            "stopasgroup": "true",
            "killasgroup": "true",
            "stopwaitsecs": 20,
            "redirect_stderr": "true",
            "stdout_logfile": logs / f"{part.name}.log",
            "stdout_logfile_maxbytes": "10MB",
            "stdout_logfile_backups": 3,
        }
    return "\n".join(
        f"[{name}]\n" + "".join(f"{key} = {str(value).replace('%', '%%')}\n" for key, value in section.items())
        for name, section in sections.items()
    )


def _socket_path(settings: Settings) -> Path:
    config = configparser.RawConfigParser()
    config.read(settings.home / "stack" / "supervisord.conf", encoding="utf-8")
    return Path(config.get("unix_http_server", "file", fallback="/nonexistent").replace("%%", "%"))


def _supervisor(settings: Settings) -> Any:
    """The remote procedures of the supervisor of this home; None if none is running."""
    from supervisor.xmlrpc import SupervisorTransport  # type: ignore[import-untyped]  # supervisor has no types

    transport = SupervisorTransport(None, None, serverurl=f"unix://{_socket_path(settings)}")
    procedures = xmlrpc.client.ServerProxy("http://127.0.0.1", transport=transport).supervisor
    try:
        procedures.getState()
    except OSError:
        return None
    return procedures


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def _log_tail(part: Service, settings: Settings) -> str:
    path = settings.home / "logs" / f"{part.name}.log"
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines() if path.exists() else []
    return f"The end of its log, {path}:\n" + "\n".join(lines[-15:])


def _print_addresses(parts: tuple[Service, ...], settings: Settings, console: Console) -> None:
    table = Table.grid(padding=(0, 3))
    for part in parts:
        if part.url:
            table.add_row(f"  {part.title}", f"[link={part.url}]{part.url}[/link]")
    console.print()
    console.print(table)
    console.print()
    sign_in = f"http://127.0.0.1:{settings.prefect_port}/sign-in#{make_password(settings)}"
    console.print(
        "Prefect asks for a password. This address signs a browser in for good; keep it to yourself:", soft_wrap=True
    )
    console.print(f"  [link={sign_in}]{sign_in}[/link]", soft_wrap=True)
    console.print()
    from creditrisk.registry import serving_line

    console.print(
        serving_line(settings.dataset, settings.decision_log)
        or "There is no model yet; `make model-train-flow` trains one.",
        soft_wrap=True,
    )
    console.print(f"Open {parts[0].url} and drop a CSV of clients there.", soft_wrap=True)
    if not is_loopback(settings.host):
        names = ", ".join(sorted(settings.host_names)) or "no name but localhost (CREDITRISK_ALLOWED_HOSTS adds some)"
        console.print(
            f"[yellow]Open to everybody who reaches this machine[/], without a login, under {names}.", soft_wrap=True
        )
    console.print(f"`make down` stops everything. Logs are in {settings.home / 'logs'}.", soft_wrap=True)
