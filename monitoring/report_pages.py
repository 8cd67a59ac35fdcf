"""Archived reports to look at: a list at /reports/, each page at /reports/<id>.html, and the newest of a moment.

A page comes from whichever archive has it unharmed. Others can write to an archive: a browser shows it in a sandbox, as
of no origin, where it can load nothing and read nothing of ours.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template

from creditrisk.errors import ArchiveError
from creditrisk.pages.palette import DARK, LIGHT
from creditrisk.settings import Settings
from creditrisk.text import sentence
from monitoring import archive
from monitoring.archive import UnknownReportError
from monitoring.results import Result, by_log_head, title_of
from monitoring.status import most_pressing

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

PREFIX = "/reports"
MOST_LISTED = 200
# So many are fetched at once, and others wait so long for their turn: scrapes go on beside them.
MOST_AT_ONCE = 4
WAIT_SECONDS = 10.0
# The last moment that a calendar has, in milliseconds since 1970.
_END_OF_TIME = 253_402_300_799_999

_NO_PAGE = "default-src 'none'; frame-ancestors 'none'"
_LIST_POLICY = f"{_NO_PAGE}; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
# What a browser lets a report do, whatever it holds.
SANDBOX = "allow-scripts allow-downloads"
# As the page's own, and a sandbox around it; its charts can be saved.
_REPORT_POLICY = (
    f"sandbox {SANDBOX}; {_NO_PAGE}; script-src 'unsafe-inline'; style-src 'unsafe-inline'; "
    "img-src data: blob:; font-src data:; base-uri 'none'; form-action 'none'"
)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a browser gets: a text, unless `policy` and `type` say that it is a page; or where to go."""

    status: str
    body: bytes
    policy: str = _NO_PAGE
    type: str = "text/plain"
    location: str = ""


class ReportPages:
    """The WSGI application below /reports."""

    def __init__(self, settings: Settings) -> None:
        self._archives = archive.archives_to_read(settings.archive_uris)
        self._pending = archive.pending_folder(settings.home)
        self._free = threading.BoundedSemaphore(MOST_AT_ONCE)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request that was found to come from nobody else's page."""
        method = environ["REQUEST_METHOD"]
        answer = self._answer(method, environ.get("PATH_INFO", ""), environ.get("QUERY_STRING", ""))
        headers = [
            ("Content-Type", f"{answer.type}; charset=utf-8"),
            ("Content-Length", str(len(answer.body))),
            ("Content-Security-Policy", answer.policy),
            ("X-Content-Type-Options", "nosniff"),
            ("X-Frame-Options", "DENY"),
            ("Referrer-Policy", "no-referrer"),
            ("Cross-Origin-Resource-Policy", "same-origin"),
            ("Cache-Control", "no-store"),
            *([("Location", answer.location)] if answer.location else []),
        ]
        start_response(answer.status, headers)
        return [] if method == "HEAD" else [answer.body]

    def _answer(self, method: str, path: str, query: str) -> Answer:
        if method not in ("GET", "HEAD"):
            return _sentence("405 Method Not Allowed", "Reports are only read here.")
        if path == PREFIX:
            return Answer("308 Permanent Redirect", b"", location="reports/")
        return self._in_turn(lambda: self._found(path.removeprefix(f"{PREFIX}/"), _asked(query)))

    def report(self, report_id: str) -> Answer:
        """The page of one report, or a sentence that says why there is none."""
        return self._in_turn(lambda: self._report(report_id))

    def _in_turn(self, find: Callable[[], Answer]) -> Answer:
        if not self._free.acquire(timeout=WAIT_SECONDS):
            return _sentence("503 Service Unavailable", "Many reports are being fetched just now. Try again.")
        try:
            return find()
        except ArchiveError as exc:
            is_none = isinstance(exc, UnknownReportError)
            return _sentence("404 Not Found" if is_none else "503 Service Unavailable", str(exc))
        finally:
            self._free.release()

    def _found(self, name: str, asked: dict[str, list[str]]) -> Answer:
        if not name:
            return self._list(asked.get("model", []))
        if name == "at":
            return self._newest_at(asked)
        return self._report(name.removesuffix(".html"))

    def _report(self, name: str) -> Answer:
        try:
            report_id = archive.check_id(name)
        except ArchiveError as exc:
            return _sentence("404 Not Found", str(exc))
        page = archive.find_page(self._archives, report_id, pending=self._pending)
        return Answer("200 OK", page, policy=_REPORT_POLICY, type="text/html")

    def _list(self, models: list[str]) -> Answer:
        """The newest reports, of the models that are asked for or of all."""
        asked = [archive.read_all(self._archives, model, pending=self._pending, limit=MOST_LISTED) for model in models]
        kept = asked or [archive.read_all(self._archives, None, pending=self._pending, limit=MOST_LISTED)]
        results = sorted((result for some in kept for result in some.results), key=by_log_head, reverse=True)
        page = _template().render(
            rows=[_row(result) for result in results[:MOST_LISTED]],
            models=models,
            problems=list(dict.fromkeys(problem for some in kept for problem in some.problems)),
            is_full=len(results) >= MOST_LISTED,
            light=_variables(LIGHT),
            dark=_variables(DARK),
        )
        return Answer("200 OK", page.encode(), policy=_LIST_POLICY, type="text/html")

    def _newest_at(self, asked: dict[str, list[str]]) -> Answer:
        """Lead to the report that was the newest on a model at a time, as a point on a dashboard stands for it."""
        [model], [time] = asked.get("model", [""])[:1], asked.get("time", [""])[:1]
        moment = int(time) if time.isascii() and time.isdecimal() and len(time) <= len(str(_END_OF_TIME)) else None
        if not model or moment is None or moment > _END_OF_TIME:
            return _sentence(
                "400 Bad Request", "Expected ?model=NAME&time=MILLISECONDS, the milliseconds being since 1970."
            )
        until = datetime.fromtimestamp(moment / 1_000, UTC)
        report_id = archive.newest_until(self._archives, model, until, pending=self._pending)
        if report_id is None:
            return _sentence("404 Not Found", "No archive that answers has a report on that model from before then.")
        return Answer("302 Found", b"", location=f"{report_id}.html")


def _asked(query: str) -> dict[str, list[str]]:
    """What stands behind the question mark; nothing if that is more than anybody would ask for."""
    try:
        return parse_qs(query, max_num_fields=20)
    except ValueError:
        return {}


def _sentence(status: str, said: str) -> Answer:
    return Answer(status, f"{sentence(said)}\n".encode())


def _row(result: Result) -> dict[str, str]:
    status = most_pressing(result)
    return {
        "id": result["id"],
        "written": f"{datetime.fromisoformat(result['created_at']).astimezone(UTC):%d %b %Y %H:%M}",
        "model": title_of(result),
        "version": result["model_version"],
        "n_rows": f"{result['n_rows']:,}",
        "status": status.words,
        "kind": {2: "act", 1: "watch", 0: "stable"}.get(status.level, "unjudged"),
        "finding": result["findings"][0] if result["findings"] else "",
    }


def _variables(tones: dict[str, str]) -> str:
    return " ".join(f"--{name}: {colour};" for name, colour in tones.items())


@cache
def _template() -> Template:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("reports.html")
