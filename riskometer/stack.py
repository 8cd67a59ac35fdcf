"""Everything on one machine: five services as plain processes under one supervisor in the background.

`up` configures supervisord under <home>/stack, starts the services in order, waits until each answers, and hands the
flows of prefect.yaml to Prefect. The same services in containers: docker-compose.yml.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time

from rich.console import Console
from rich.table import Table

from creditrisk.errors import CreditRiskError
from creditrisk.home import make_home
from creditrisk.settings import Settings, refuse_open_address
from creditrisk.text import counted
from flows.password import make_password
from riskometer.leftovers import end_leftovers
from riskometer.services import Service, child_environment, services
from riskometer.supervisor import running_supervisor, socket_path, write_config

START_SECONDS = 150
STOP_SECONDS = 60


class StackError(CreditRiskError):
    """A service could not be started or stopped on this machine."""


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
    if running_supervisor(settings) is not None:
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
    config = write_config(settings, parts)
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
    deployed = (
        "model-train/sunday, evidently-report/every-3-hours, batch-score/daily, outcomes/daily, "
        "prune-reports/monthly, promote/on-demand"
    )
    console.print(f"[green]✓[/] flows deployed: {deployed}")
    _print_addresses(parts, settings, console)


def down(settings: Settings, console: Console) -> None:
    """Stop everything that `up` started.

    Raises
    ------
    StackError
        If something is still running after a minute.
    """
    supervisor = running_supervisor(settings)
    if supervisor is None:
        n_ended = end_leftovers(settings.home)
        ended = f"The supervisor was killed earlier. Ended what it left running: {_processes(n_ended)}."
        console.print(ended if n_ended else "Nothing is running.", soft_wrap=True)
        return
    pid = supervisor.getPID()
    socket_folder = socket_path(settings).parent
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
    if socket_folder != settings.home / "stack":
        shutil.rmtree(socket_folder, ignore_errors=True)
    end_leftovers(settings.home)  # such as the run of a worker that was killed
    console.print("All services stopped.")


def _processes(n: int) -> str:
    return counted(n, "process", "processes")


def _start_in_order(parts: tuple[Service, ...], settings: Settings, console: Console) -> None:
    """Start each service when what it needs answers; return when all of them do."""
    supervisor = running_supervisor(settings)
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
    table.add_row("  Archived reports", f"[link={settings.reports_address}/]{settings.reports_address}/[/link]")
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
    from webapp.serve import reach_words

    for words in reach_words(settings)[1:]:
        console.print(f"[yellow]{words}[/]", soft_wrap=True)
    console.print(f"`make down` stops everything. Logs are in {settings.home / 'logs'}.", soft_wrap=True)
