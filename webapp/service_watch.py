"""Asks every service of the Status page again and again, and writes down how it is and since when.

One process of the app does it for all (worker.py): each service in a thread of its own, all at once, and none is waited
for longer than two seconds. One that hangs is not asked again before it has let go.
"""

from __future__ import annotations

import logging
import threading
import time
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime

from creditrisk.settings import Settings
from creditrisk.text import moment_words
from monitoring.archive import n_waiting, pending_folder
from monitoring.results import Result, by_log_head
from monitoring.status import ACT, most_pressing
from webapp.service_checks import (
    TIMEOUT_SECONDS,
    Check,
    Finding,
    checks_of,
    is_prefect_expected,
    last_report,
    opened,
)
from webapp.service_links import ServiceLink, service_links
from webapp.service_note import LOOK_SECONDS, OLD_SECONDS, Service, ServiceNote, read_services, write_services
from webapp.serving_note import ServingNote, note_path, read_note

# What `up` starts beside the app.
_STARTED_BESIDE = frozenset({"mlflow", "prefect", "worker", "exporter"})
# What is started together with the app may take so long before it is missed.
START_SECONDS = 150.0

log = logging.getLogger("webapp.status")


class ServiceWatch:
    """What is known of the services of one app; `look` asks all of them once.

    Parameters
    ----------
    started
        When the app was started, as a Unix time.
    n_answering
        How many processes of the app should answer.
    """

    def __init__(self, settings: Settings, started: float, n_answering: int) -> None:
        self._settings = settings
        self._started = started
        archives = opened(settings.archive_uris)
        self._archives = [archive for archive in archives.values() if archive is not None]
        self._checks = checks_of(settings, archives, n_answering)
        self._hanging: dict[str, threading.Thread] = {}
        self._was_up: set[str] = set()
        note = read_services(settings.home)
        # What was found before a longer pause says nothing of the time in between.
        is_recent = time.time() - note.asked_at < OLD_SECONDS
        self._before = {service.key: service for service in note.services} if is_recent else {}

    def look(self) -> ServiceNote:
        """Ask every service, and write down what was found."""
        found = self._ask_all()
        newest = max((one.result for one in found.values() if one.result is not None), key=by_log_head, default=None)
        report = self._last_report(newest)
        if newest is not None:
            found["log"] = _with_verification(found["log"], newest)
        now = time.time()
        services = []
        for key, check in self._checks.items():
            services.append(self._noted(key, check.title, found[key], now))
            if key == "worker":
                services.append(self._noted("report", "Last report", report, now))
        level = most_pressing(newest).level if newest is not None else 0
        note = ServiceNote(now, tuple(services), {ACT: "act", 1: "watch"}.get(level, ""), self._links())
        self._before = {service.key: service for service in services}
        write_services(self._settings.home, note)
        return note

    def _links(self) -> tuple[ServiceLink, ...]:
        """Where else one looks, at the version that serves."""
        serving = ServingNote()
        with suppress(Exception):  # a note that cannot be read is said in the header
            serving = read_note(note_path(self._settings))
        return tuple(service_links(self._settings, serving.model, serving.version))

    def _ask_all(self) -> dict[str, Finding]:
        """What each service answers within two seconds."""
        found = {key: check.otherwise for key, check in self._checks.items()}
        answers: dict[str, Finding] = {}
        for key, check in self._checks.items():
            if key not in self._hanging:
                thread = threading.Thread(target=self._ask, args=(key, check, answers), name=f"ask-{key}", daemon=True)
                self._hanging[key] = thread
                thread.start()
        until = time.monotonic() + TIMEOUT_SECONDS
        for key, thread in list(self._hanging.items()):
            thread.join(max(0.0, until - time.monotonic()))
            if not thread.is_alive():
                del self._hanging[key]
        return found | dict(answers)

    @staticmethod
    def _ask(key: str, check: Check, answers: dict[str, Finding]) -> None:
        try:
            answers[key] = check.ask()
        except Exception as exc:
            log.error("asking %s failed: %s", key, type(exc).__name__)

    def _last_report(self, newest: Result | None) -> Finding:
        waiting = n_waiting(self._archives, pending=pending_folder(self._settings.home))
        return last_report(newest, datetime.now(UTC), waiting, is_scheduled=is_prefect_expected(self._settings))

    def _noted(self, key: str, title: str, found: Finding, now: float) -> Service:
        """The line of a service; what nobody started, or is just being started, is not gone."""
        if found.state == "answers":
            self._was_up.add(key)
        if found.state == "gone" and key in _STARTED_BESIDE and key not in self._was_up:
            if not found.is_expected:
                found = replace(found, state="off", said="Nobody started it here.", to_do="`make up` starts it.")
            elif now - self._started < START_SECONDS:
                found = replace(found, state="off", said="It is not there yet.", to_do="Wait for two minutes.")
        before = self._before.get(key)
        since = before.since if before is not None and before.state == found.state else now
        if key == "web" and found.state == "answers":
            since = self._started
        return Service(key, title, found.state, since, found.said, found.follows, found.to_do)


def _with_verification(found: Finding, result: Result) -> Finding:
    """What is said of the decision log, with what the last report found of its chain."""
    at = datetime.fromisoformat(result["created_at"])
    if not result["log"]["is_intact"]:
        why = "The last report found that entries were changed, removed or inserted."
        return replace(
            found, state="gone" if found.state == "gone" else "look", said=f"{found.said} {result['log']['finding']}",
            follows=found.follows or why, to_do=found.to_do or "`riskometer verify-log` says where the chain breaks."
        )  # fmt: skip
    checked = f"The last report, of {moment_words(at)}, found it unbroken since the reports before."
    return replace(found, said=f"{found.said} {checked}")


def watch_services(settings: Settings, started: float, n_answering: int) -> None:
    """Begin asking in the background, for as long as the process lives."""

    def keep_looking() -> None:
        watch, pause = None, threading.Event()
        while True:
            try:
                watch = watch or ServiceWatch(settings, started, n_answering)
                watch.look()
            except Exception as exc:  # it must outlive whatever a service can answer
                log.error("asking the services failed: %s", type(exc).__name__)
            pause.wait(LOOK_SECONDS)

    threading.Thread(target=keep_looking, name="services", daemon=True).start()
