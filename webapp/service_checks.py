"""How each service of the Status page is asked, and what to say of its answer: what follows, and what to do.

Each check asks one thing, raises nothing that it can expect, and may take its time: `service_watch.py` waits for none
longer than two seconds. Only HTTP is spoken with the services: their own libraries would cost the app 200 MB.
"""

from __future__ import annotations

import base64
import http.client
import os
import shutil
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

from creditrisk.decision_log import DecisionLog
from creditrisk.errors import ArchiveError, DecisionLogError
from creditrisk.hosts import is_loopback, reached_at
from creditrisk.settings import PREFECT_WORK_POOL, Settings, prefect_password
from creditrisk.text import counted, sentence
from monitoring.archive import Archive, NotInstalled, open_archives, without_credentials
from monitoring.results import Result, title_of
from webapp.service_note import NOTHING_SCORED, State, archive_key
from webapp.serving_note import note_path, read_note
from webapp.uploads import MOST_WAITING, Uploads

TIMEOUT_SECONDS = 2.0
LOW_DISK_BYTES = 2e9
# Reports come every three hours (prefect.yaml); one that is more than twice as old has a successor missing.
LATE_HOURS = 6.0
AGAIN = "`make down` and `make up` start it again; logs/{}.log under the app's home says why it stopped."
ELSEWHERE = "Ask whoever runs it."


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found; a service that is "gone" and not `is_expected` was perhaps never started.

    `result` is the last report, where an archive holds one.
    """

    state: State
    said: str
    follows: str = ""
    to_do: str = ""
    is_expected: bool = True
    result: Result | None = None


@dataclass(frozen=True, slots=True)
class Check:
    """One service: its name on the page, how it is asked, and what to say if no answer comes."""

    title: str
    ask: Callable[[], Finding]
    otherwise: Finding


def checks_of(settings: Settings, archives: Mapping[str, Archive | None], n_answering: int) -> dict[str, Check]:
    """Everything that is asked, in the order of the page.

    Parameters
    ----------
    archives
        By the names they are shown by; None for one that this app cannot read.
    n_answering
        How many processes of the app should answer.
    """
    log, prefect = DecisionLog(settings.decision_log), _prefect_gone(settings)
    found = {
        "web": Check(
            "Risk-O-Meter", partial(ask_web, n_answering), Finding("unknown", "Its processes cannot be counted.")
        ),
        "log": Check("Decision log", partial(ask_log, log, settings.decision_log), _LOG_GONE),
        "mlflow": Check("MLflow", partial(ask_mlflow, settings), _mlflow_gone(settings)),
        "prefect": Check("Prefect", partial(ask_prefect, settings), prefect),
        "worker": Check(
            "Prefect worker", partial(ask_worker, settings), Finding("unknown", "Prefect does not answer.")
        ),
    }
    if _is_here(settings.prefect_url):  # elsewhere, such as between containers, its address is not known here
        found["exporter"] = Check(
            "Metrics and archived reports", partial(ask_exporter, settings), _exporter_gone(settings)
        )
    for number, (name, archive) in enumerate(archives.items(), start=1):
        title = "Report archive" if len(archives) == 1 else f"Report archive {number}"
        gone = replace(_ARCHIVE_GONE, said=f"{name} does not answer.")
        found[archive_key(number)] = Check(title, partial(ask_archive, name, archive), gone)
    uploads = Uploads(settings.home)
    unknown = Finding("unknown", "It cannot be read.")
    found["queue"] = Check("Files to score", partial(ask_queue, uploads), unknown)
    found["disk"] = Check("Disk", partial(ask_disk, settings.home), unknown)
    return found


def ask_web(n_wanted: int) -> Finding:
    """How many processes of the app answer: our siblings, where the system tells; the parent has no other children."""
    parent = os.getppid()
    try:
        n_answering = len(Path(f"/proc/{parent}/task/{parent}/children").read_text(encoding="ascii").split()) - 1
    except OSError:
        n_answering = n_wanted
    if n_answering >= n_wanted:
        return Finding("answers", f"{counted(n_answering, 'process answers', 'processes answer')}.")
    said = f"{n_answering} of {n_wanted} processes {'answers' if n_answering == 1 else 'answer'}."
    return Finding("look", said, "Answers take longer.", "The others are started again by themselves; wait a minute.")


_LOG_GONE = Finding(
    "gone", "It does not answer.", NOTHING_SCORED, "Whoever runs the app looks after its disk or its database."
)


def ask_log(log: DecisionLog, url: str) -> Finding:
    """Whether a decision could be written down now; how many entries there are, in how many bytes."""
    try:
        log.check_writable()
        n_entries = log.head()[0]
    except DecisionLogError as exc:
        return replace(_LOG_GONE, said=_sentence(str(exc)))
    finally:
        # Not held open until the next look: who writes may have to wait for whoever still holds deleted files.
        log.close()
    said = f"It takes decisions: {counted(n_entries, 'entry', 'entries')}"
    if url.startswith("sqlite:///"):
        files = [Path(f"{url.removeprefix('sqlite:///')}{end}") for end in ("", "-wal")]
        said += f", {size_words(sum(file.stat().st_size for file in files if file.exists()))}"
    return Finding("answers", f"{said}.")


def ask_mlflow(settings: Settings) -> Finding:
    """Whether the registry answers: its server, if it has one, and what the look for new champions last met."""
    gone = _mlflow_gone(settings)
    if _is_server(settings.mlflow_uri):
        try:
            _get(f"{settings.mlflow_uri.rstrip('/')}/health")
        except (OSError, ValueError, http.client.HTTPException):
            return gone
    with suppress(Exception):  # a note that cannot be read is said in the header
        if problem := read_note(note_path(settings)).registry_problem:
            return replace(gone, said=_sentence(problem))
    if _is_server(settings.mlflow_uri):
        return Finding("answers", "The server answers.")
    return Finding("answers", "Models are kept without a server: a database under the app's home, or where it was set.")


def _mlflow_gone(settings: Settings) -> Finding:
    return Finding(
        "gone",
        "It does not answer.",
        "Scoring goes on with the saved model. A new champion is not noticed, and no training can be kept.",
        _what_to_do(settings.mlflow_uri, "mlflow"),
    )


def ask_prefect(settings: Settings) -> Finding:
    """Whether the server of the schedules answers."""
    return _asked(f"{settings.prefect_url}/health", _prefect_gone(settings))


def is_prefect_expected(settings: Settings) -> bool:
    """Whether the app was started beside a Prefect server, or told of one."""
    return bool(settings.prefect_api_url or os.environ.get("PREFECT_API_URL"))


def _prefect_gone(settings: Settings) -> Finding:
    return Finding(
        "gone",
        "It does not answer.",
        "Scoring goes on. Nothing runs by itself: no report every three hours, no training on Sundays.",
        _what_to_do(settings.prefect_url, "prefect"),
        is_expected=is_prefect_expected(settings),
    )


_NOBODY_TELLS = Finding("unknown", "Only Prefect can tell, which does not answer.")


def ask_worker(settings: Settings) -> Finding:
    """Whether a worker waits for runs, as Prefect sees it."""
    gone = Finding(
        "gone",
        "No worker waits for runs.",
        "Scoring goes on. Reports and trainings wait in Prefect's queue until a worker is there.",
        _what_to_do(settings.prefect_url, "worker"),
        is_expected=is_prefect_expected(settings),
    )
    try:
        pool = _get(f"{settings.prefect_url}/work_pools/{PREFECT_WORK_POOL}", prefect_password(settings))
    except urllib.error.HTTPError as exc:
        if exc.code == 404:
            return gone
        if exc.code in (401, 403):
            return Finding("unknown", "Prefect does not tell this app: it asks for a password that the app has not.")
        return _NOBODY_TELLS  # what stands before Prefect says that it is away
    except (OSError, ValueError, http.client.HTTPException):
        return _NOBODY_TELLS
    return Finding("answers", "A worker waits for runs.") if b'"status":"READY"' in pool else gone


def ask_exporter(settings: Settings) -> Finding:
    """Whether what Prometheus reads, and people open archived reports from, answers."""
    return _asked(f"http://{reached_at(settings.host)}:{settings.exporter_port}/health", _exporter_gone(settings))


def _exporter_gone(settings: Settings) -> Finding:
    return Finding(
        "gone",
        "It does not answer.",
        "Scoring goes on. Prometheus sees no new figures, and addresses of archived reports lead nowhere.",
        AGAIN.format("exporter"),
        is_expected=is_prefect_expected(settings),
    )


def _asked(health: str, gone: Finding) -> Finding:
    try:
        _get(health)
    except (OSError, ValueError, http.client.HTTPException):
        return gone
    return Finding("answers", "The server answers.")


_ARCHIVE_GONE = Finding(
    "gone",
    "",
    "New reports are kept on this machine and delivered when it is back; old ones cannot be looked at.",
    ELSEWHERE,
)


def opened(uris: Iterable[str]) -> dict[str, Archive | None]:
    """The archives by name; None for one of no known kind, or whose library is not installed beside the app."""
    archives: dict[str, Archive | None] = {}
    for uri in uris:
        try:
            [archive] = open_archives([uri])
            archives[archive.name] = None if isinstance(archive, NotInstalled) else archive
        except ArchiveError:
            archives[without_credentials(uri)] = None
    return archives


def ask_archive(name: str, archive: Archive | None) -> Finding:
    """Whether an archive of reports answers, and its newest report."""
    if archive is None:
        return Finding("unknown", f"{name} cannot be read by this app: of no known kind, or its library is missing.")
    try:
        reading = archive.read(None, 1)
    except ArchiveError as exc:
        return replace(_ARCHIVE_GONE, said=_sentence(str(exc)))
    return Finding("answers", f"It answers at {archive.name}.", result=reading.results[0] if reading.results else None)


def last_report(result: Result | None, now: datetime, n_waiting: int, *, is_scheduled: bool) -> Finding:
    """How old the last report is; missing when more than twice its interval, where reports come by a schedule."""
    if result is None:
        if is_scheduled:
            return Finding("unknown", "No archive that this app can read has a report yet.")
        return Finding("off", "There is no report yet.", to_do="`make evidently-report-flow` makes one.")
    hours = max(0.0, (now - datetime.fromisoformat(result["created_at"])).total_seconds() / 3600)
    waiting = counted(n_waiting, "report waits", "reports wait")
    said = f"{age_words(hours)}, about {title_of(result)} v{result['model_version']}."
    said += f" {waiting} for an archive that was away." if n_waiting else ""
    if hours <= LATE_HOURS:
        return Finding("answers", said)
    if is_scheduled:
        follows = "Drift and losses since then are not noticed."
        return Finding("gone", said, follows, "Look for failed runs of evidently-report in Prefect.")
    return Finding("off", f"{said} Nobody started a schedule.", to_do="`make evidently-report-flow` makes one.")


def ask_queue(uploads: Uploads) -> Finding:
    """How many files wait to be scored, or are being scored."""
    n_files = uploads.n_unfinished()
    if n_files < MOST_WAITING:
        return Finding("answers", f"{counted(n_files, 'file')} to score." if n_files else "No file waits.")
    return Finding(
        "look", f"{n_files} files wait.", "Another file is refused until one is done.", "Wait, or stop one of them."
    )


def ask_disk(home: Path) -> Finding:
    """How much room is left where the app keeps its state."""
    free = shutil.disk_usage(home).free
    said = f"{size_words(free)} free."
    if free >= LOW_DISK_BYTES:
        return Finding("answers", said)
    follows = "When it is full, nothing is scored: no decision could be written down."
    return Finding("look", said, follows, "Remove old reports and trainings, or give the app's home a larger disk.")


def size_words(n_bytes: float) -> str:
    """A number of bytes as people say it.

    Examples
    --------
    >>> size_words(900), size_words(2_340_000), size_words(81e9)
    ('1 kB', '2.3 MB', '81 GB')
    """
    for unit, size in (("GB", 1e9), ("MB", 1e6)):
        if n_bytes >= size:
            return f"{n_bytes / size:.1f} {unit}" if n_bytes < 10 * size else f"{n_bytes / size:,.0f} {unit}"
    return f"{max(1, round(n_bytes / 1e3))} kB"


def age_words(hours: float) -> str:
    """How long ago, roughly.

    Examples
    --------
    >>> age_words(0.4), age_words(1.2), age_words(5.6), age_words(50)
    ('Less than an hour ago', '1 hour ago', '5 hours ago', '2 days ago')
    """
    if hours < 1:
        return "Less than an hour ago"
    return f"{counted(int(hours), 'hour')} ago" if hours < 48 else f"{counted(int(hours / 24), 'day')} ago"


def _is_server(uri: str) -> bool:
    return uri.startswith(("http://", "https://"))


def _is_here(url: str) -> bool:
    return is_loopback(urlsplit(url).hostname or "")


def _what_to_do(url: str, name: str) -> str:
    return AGAIN.format(name) if _is_here(url) else ELSEWHERE


def _get(url: str, password: str = "") -> bytes:
    """What a server answers with status 200, at most its first 64 kB; OSError, ValueError or HTTPException if not."""
    parts = urlsplit(url)
    credentials = password or (f"{parts.username}:{parts.password or ''}" if parts.username else "")
    headers = {"Authorization": f"Basic {base64.b64encode(credentials.encode()).decode()}"} if credentials else {}
    bare = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
    request = urllib.request.Request(bare, headers=headers)  # noqa: S310  # an address of our own settings
    # A neighbour on this machine is never reached through a proxy.
    proxies = [urllib.request.ProxyHandler({})] if is_loopback(parts.hostname or "") else []
    with urllib.request.build_opener(*proxies).open(request, timeout=TIMEOUT_SECONDS) as answer:
        return bytes(answer.read(65_536))


def _sentence(text: str) -> str:
    return sentence(text).rstrip(".") + "."
