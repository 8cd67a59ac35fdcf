"""Run the app: a small parent that listens, and starts, restarts and ends the processes that answer (worker.py).

They share the parent's socket, so one that dies takes nobody else's connections along. One process more asks the
registry for new champions; nobody who is answered waits for it, or notices that it died.
"""

from __future__ import annotations

import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile
from types import FrameType

from creditrisk.errors import SettingsError
from creditrisk.hosts import is_loopback, reached_at
from creditrisk.settings import PREFIX, Settings, refuse_open_address
from webapp.accounts_file import has_accounts
from webapp.worker import CANNOT_START, STOP_SECONDS

BACKLOG = 1024
# For each core one, but more would take more memory than most have to spare.
MOST_BY_DEFAULT = 4
# A child that died is started again at once; one that soon dies again, after a pause that doubles each time.
FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 30.0
SOON_SECONDS = 60.0


def serve(settings: Settings) -> None:
    """Serve on `settings.host` and `settings.web_port` until told to stop by SIGTERM or SIGINT.

    Where it answers, and to which names, is printed first.

    Raises
    ------
    SettingsError
        If the address is taken, not one of this machine, or open to others without accounts or a setting that says so;
        or if a provider to sign in with is named, and not how.
    """
    if settings.oidc_issuer:
        # With most libraries of the app, without which this process is small and soon there.
        from webapp.single_sign_on import provider_of

        provider_of(settings)
    elif not has_accounts(settings.home):
        refuse_open_address(settings, "make accounts with `riskometer user add NAME --role clerk`")
    with (
        _listener(settings.host, settings.web_port) as listener,
        # Counters of all processes lie here, for this run of the app only.
        TemporaryDirectory(prefix="riskometer-web-", ignore_cleanup_errors=True) as counters,
        TemporaryFile() as loads,
        _wake_ups() as woken,
    ):
        # Standard output is for the log, one JSON object a line.
        print(*reach_words(settings), sep="\n", file=sys.stderr, flush=True)
        lifeline, held = os.pipe()
        ready, tell_ready = os.pipe()
        environment = _environment(settings, counters)
        started, n_answering = time.time(), n_workers(settings)
        loads.truncate(4 * n_answering)
        fds = (listener.fileno(), lifeline, tell_ready, loads.fileno())
        children = [
            _Child(["answer", *map(str, (*fds, position, started))], fds, environment)
            for position in range(n_answering)
        ]
        children.append(
            _Child(["poll", *map(str, (lifeline, ready, started, n_answering))], (lifeline, ready), environment)
        )
        status = _look_after(children, woken)
        os.close(held)
        _end(children)
    if status:
        sys.exit(1)


def reach_words(settings: Settings) -> list[str]:
    """Where the app answers, and who may ask it from other machines, in sentences."""
    said = [f"The Risk-O-Meter answers at http://{reached_at(settings.host)}:{settings.web_port}."]
    if is_loopback(settings.host):
        return said
    names = ", ".join(settings.host_names)
    how = "after a sign-in" if settings.oidc_issuer or has_accounts(settings.home) else "without any login"
    if names:
        said.append(f"From other machines it answers {how} to whoever calls it {names}. Other names are refused (403).")
    else:
        said.append(
            "It listens to other machines, and refuses all of them (403): it knows no name they may call it by."
        )
    return [*said, "CREDITRISK_ALLOWED_HOSTS adds names, by commas, such as risk.bank.example."]


def n_workers(settings: Settings) -> int:
    """How many processes answer."""
    return settings.web_workers or min(MOST_BY_DEFAULT, os.cpu_count() or 1)


@dataclass
class _Child:
    """A process of the app, how it is started, and when it was or will be."""

    arguments: list[str]
    fds: tuple[int, ...]
    environment: dict[str, str]
    process: subprocess.Popen[bytes] | None = None
    starts_at: float = 0.0
    pause: float = 0.0

    def start(self) -> None:
        # -P: what lies in the working folder is not imported.
        command = [sys.executable, "-P", "-m", "webapp.worker", *self.arguments]
        self.starts_at = time.monotonic()
        self.process = subprocess.Popen(command, env=self.environment, pass_fds=self.fds)  # noqa: S603  # no shell, and our own words only

    def is_refused(self) -> bool:
        """Start the process if it is time for it; whether it ended and said that it cannot start."""
        now = time.monotonic()
        if self.process is not None:
            status = self.process.poll()
            if status is None:
                return False
            self.process = None
            if now - self.starts_at > SOON_SECONDS:
                self.pause = 0.0
            self.starts_at = now + self.pause
            self.pause = min(max(2 * self.pause, FIRST_PAUSE_SECONDS), LONGEST_PAUSE_SECONDS)
            if status == CANNOT_START:
                return True
            print(f"A process of the app ended ({status}) and is started again.", file=sys.stderr, flush=True)
        if now >= self.starts_at:
            self.start()
        return False


def _look_after(children: list[_Child], woken: socket.socket) -> int:
    """Keep them running until told to stop; a child that cannot start ends them all. Returns the exit status."""
    while True:
        for child in children:
            if child.is_refused():
                return CANNOT_START
        waiting = [child.starts_at for child in children if child.process is None]
        timeout = max(0.0, min(waiting) - time.monotonic()) if waiting else None
        if select.select([woken], [], [], timeout)[0] and _STOPS & set(woken.recv(64)):
            return 0


def _end(children: list[_Child]) -> None:
    """Wait for those whose lifeline was cut; what hangs is killed. A second signal ends all at once."""

    def end_now(number: int, _frame: FrameType | None) -> None:
        for child in children:
            if child.process is not None:
                child.process.kill()
        signal.signal(number, signal.SIG_DFL)
        signal.raise_signal(number)

    for number in _STOPS:
        signal.signal(number, end_now)
    deadline = time.monotonic() + STOP_SECONDS + 1
    for child in children:
        if child.process is not None:
            try:
                child.process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                child.process.kill()
                child.process.wait()


_STOPS = {int(signal.SIGTERM), int(signal.SIGINT)}


@contextmanager
def _wake_ups() -> Iterator[socket.socket]:
    """A socket from which the numbers of the signals come that arrive: told to stop, or a child ended."""
    heard, told = socket.socketpair()
    with heard, told:
        told.setblocking(False)
        signal.set_wakeup_fd(told.fileno(), warn_on_full_buffer=False)
        for number in (*_STOPS, signal.SIGCHLD):
            signal.signal(number, lambda _number, _frame: None)
        try:
            yield heard
        finally:
            signal.set_wakeup_fd(-1)


def _environment(settings: Settings, counters: str) -> dict[str, str]:
    """What the children are told: the settings that were given, where this code is, and where counters are shared."""
    given = settings.model_dump(exclude_unset=True)
    here = str(Path(__file__).resolve().parents[1])
    return {
        **os.environ,
        **{f"{PREFIX}{name.upper()}": str(value) for name, value in given.items()},
        "PYTHONPATH": os.pathsep.join([here, *filter(None, [os.environ.get("PYTHONPATH")])]),
        "PROMETHEUS_MULTIPROC_DIR": counters,
    }


def _listener(host: str, port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(BACKLOG)
    except (OSError, UnicodeError) as exc:
        listener.close()
        reason = exc.strerror if isinstance(exc, OSError) else "this is no address"
        raise SettingsError(
            f"the Risk-O-Meter cannot listen on {host}:{port}: {reason}. Stop what uses that port, or set "
            "CREDITRISK_WEB_PORT to another one."
        ) from exc
    return listener
