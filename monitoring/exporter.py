"""The exporter: what Prometheus reads about drift and data quality, on port 9697, and the archived reports to look at.

It keeps no state: at each scrape it reads the last archived result of each model and counts the decision log, so a
restart loses nothing. A figure that does not exist (no report yet, no rows) is absent rather than NaN, on which no
alert would ever fire; `creditrisk_drift_status` says why. The web app counts its own requests at its own /metrics.
"""

from __future__ import annotations

import logging
import socket
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from datetime import datetime
from socketserver import ThreadingMixIn
from typing import TYPE_CHECKING, Any, cast
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from prometheus_client import CollectorRegistry, make_wsgi_app
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from creditrisk.decision_log import DecisionLog
from creditrisk.errors import CreditRiskError, SettingsError
from creditrisk.hosts import is_asked_from_elsewhere, is_called_by, is_link_followed
from creditrisk.settings import Settings, refuse_open_address
from monitoring import archive, heads
from monitoring.acting_metrics import metrics_of_acting
from monitoring.drift_metrics import metrics_of_all_fields
from monitoring.performance_metrics import metrics_of_performance
from monitoring.report_pages import PREFIX, ReportPages
from monitoring.results import Result, by_log_head
from monitoring.score_metrics import metrics_of_score
from monitoring.status import most_pressing

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

log = logging.getLogger(__name__)

# A request has to be there, and its answer taken, within so many seconds; each connection has two threads meanwhile.
REQUEST_SECONDS = 5.0
ANSWER_SECONDS = 30.0
MOST_CONNECTIONS = 100
# A connection that is closed makes room for another well within so many seconds.
_ROOM_SECONDS = 1.0
MODEL_LABELS = ["model", "model_version"]


def serve(settings: Settings) -> None:
    """Answer at http://<host>:<exporter_port>: /metrics, /health and /reports/, until the process is stopped."""
    refuse_open_address(settings)
    application = make_app(settings)
    try:
        server = make_server(settings.host, settings.exporter_port, application, _Server, _Handler)
    except OSError as exc:
        raise SettingsError(
            f"the exporter cannot listen on {settings.host}:{settings.exporter_port}: {exc.strerror}. Stop what uses "
            "that port, or set CREDITRISK_EXPORTER_PORT to another one."
        ) from exc
    with server:
        server.serve_forever()


def make_app(settings: Settings) -> WSGIApplication:
    """The exporter as a WSGI application."""
    registry = CollectorRegistry()
    registry.register(DriftCollector(settings))
    metrics = make_wsgi_app(registry)
    pages = ReportPages(settings)

    def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        if not _may_ask(environ, settings):
            status, body = (
                "403 Forbidden",
                b"Neither other names of this machine nor other sites' pages are answered.\n",
            )
        elif path == "/metrics":
            return metrics(environ, start_response)  # type: ignore[no-any-return]  # the library has no types
        elif path == PREFIX or path.startswith(f"{PREFIX}/"):
            return pages(environ, start_response)
        elif path == "/health":
            status, body = "200 OK", b"ok\n"
        else:
            status, body = "404 Not Found", b"See /metrics, /reports/ and /health.\n"
        start_response(status, [("Content-Type", "text/plain; charset=utf-8")])
        return [body]

    return application


def _may_ask(environ: WSGIEnvironment, settings: Settings) -> bool:
    """Whether we are called by a name of ours, and by no page from elsewhere but through a link to a report."""
    method, path = environ["REQUEST_METHOD"], environ.get("PATH_INFO", "")
    host, origin, site, mode, dest = (
        environ.get(f"HTTP_{name}") for name in ("HOST", "ORIGIN", "SEC_FETCH_SITE", "SEC_FETCH_MODE", "SEC_FETCH_DEST")
    )
    if not is_called_by(host or "", settings.host_names):
        return False
    is_link = path.startswith(PREFIX) and origin is None and is_link_followed(method, mode, dest)
    return is_link or not is_asked_from_elsewhere(host or "", origin, site)


class DriftCollector(Collector):
    """Reads archives and decision log at each scrape; one that is away costs its own metrics and no others."""

    def __init__(self, settings: Settings) -> None:
        self._model = settings.dataset or None
        self._reports_address = settings.reports_address
        self._archives = archive.open_archives(settings.archive_uris)
        self._pending = archive.pending_folder(settings.home)
        self._log = DecisionLog(settings.decision_log)
        self._logged: set[str] = set()

    def describe(self) -> Iterable[Metric]:
        """Nothing is said beforehand, so that making the collector does not read anything yet."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Every metric there is a value for."""
        reports = GaugeMetricFamily("creditrisk_reports_info", "1; where people open reports.", labels=["address"])
        reports.add_metric([self._reports_address], 1.0)
        yield reports
        sources: dict[str, Callable[[], list[Metric]]] = {"archive": self._of_results, "decision_log": self._of_log}
        up = GaugeMetricFamily("creditrisk_source_up", "1 if the exporter could read it, else 0.", labels=["source"])
        for name, read in sources.items():
            try:
                yield from read()
                up.add_metric([name], 1.0)
            except CreditRiskError as exc:
                log.warning("%s", exc)
                up.add_metric([name], 0.0)
        yield up

    def _of_results(self) -> list[Metric]:
        waiting = GaugeMetricFamily("creditrisk_reports_waiting", "Reports to deliver to an archive that was away.")
        waiting.add_metric([], archive.n_waiting(self._archives, pending=self._pending))
        kept = archive.read_recent(self._archives, self._model, pending=self._pending)
        unreadable = GaugeMetricFamily(
            "creditrisk_archive_unreadable_results",
            "Results among the newest of an archive that cannot be read and were passed over.",
            labels=["archive"],
        )
        for name, sentences in kept.unreadable.items():
            unreadable.add_metric([name], len(sentences))
        self._log_once(kept.problems)
        return [waiting, unreadable, *metrics_of_results(self._last_of_each(kept.results))]

    def _last_of_each(self, results: list[Result]) -> list[Result]:
        """The last report on each model, as the log has them; one that it does not bear out is none, if others are."""
        try:
            borne_out = heads.held(self._log, results)
        except CreditRiskError:
            borne_out = []  # the log is away, and says so for itself
        return list({result["model"]: result for result in sorted(borne_out or results, key=by_log_head)}.values())

    def _log_once(self, problems: list[str]) -> None:
        for problem in problems:
            if problem not in self._logged:
                log.warning("%s", problem)
        self._logged = set(problems)

    def _of_log(self) -> list[Metric]:
        logged = GaugeMetricFamily("creditrisk_decisions_logged", "Decisions in the log.", labels=["verdict"])
        since = GaugeMetricFamily(
            "creditrisk_champion_since_timestamp_seconds", "When a version was made champion.", labels=MODEL_LABELS
        )
        if self._log.is_begun():
            for verdict, n_decisions in self._log.counts_by_verdict().items():
                logged.add_metric([verdict], n_decisions)
            for champion in self._log.last_champions():
                since.add_metric([champion.model, champion.version], champion.at.timestamp())
        # Nothing is held open between two scrapes: files that are deleted meanwhile are not missed by an idle process.
        self._log.close()
        return [logged, since]


def metrics_of_results(results: Iterable[Result]) -> list[Metric]:
    """The metrics of the results of several models, each once with the figures of all."""
    found: dict[str, Metric] = {}
    for metric in (metric for result in results for metric in metrics_of_result(result)):
        if metric.name in found:
            found[metric.name].samples.extend(metric.samples)
        else:
            found[metric.name] = metric
    return list(found.values())


def metrics_of_result(result: Result) -> list[Metric]:
    """The metrics of one archived result; those without a value are left out."""
    model = [str(result["model"]), str(result["model_version"])]
    written = datetime.fromisoformat(result["created_at"]).timestamp()
    score = result["score"]
    single = [
        ("creditrisk_status", "0 stable, 1 watch, 2 act, -1 cannot be judged.", most_pressing(result).level),
        (
            "creditrisk_drift_share",
            "Share of fields that drifted, of those that could be judged.",
            result["drift_share"],
        ),
        ("creditrisk_score_psi", "PSI of the predicted risk.", score["psi"]),
        ("creditrisk_score_psi_bound", "What chance alone stays below in 95 of 100 windows.", score["psi_bound"]),
        ("creditrisk_score_status", "0 stable, 1 watch, 2 act, -1 cannot be judged.", score["level"]),
        ("creditrisk_prob_default_mean", "Mean predicted risk of the window, 0 to 1.", score.get("mean")),
        ("creditrisk_prob_default_mean_reference", "The same in the reference.", score.get("mean_reference")),
        (
            "creditrisk_decision_log_intact",
            "1 if the decision log held what earlier reports had noted of it, else 0.",
            float(result["log"]["is_intact"]),
        ),
        ("creditrisk_window_rows", "Applications in the window of the last report.", result["n_rows"]),
        ("creditrisk_report_last_success_timestamp_seconds", "When the last report was written.", written),
    ]
    metrics: list[Metric] = []
    for name, help_text, value in single:
        metric = GaugeMetricFamily(name, help_text, labels=MODEL_LABELS)
        if value is not None:
            metric.add_metric(model, value)
        metrics.append(metric)
    labels = dict(zip(MODEL_LABELS, model, strict=True))
    measured = result.get("performance")
    return [
        *metrics,
        *_of_fields(result, model),
        *metrics_of_score(result, labels),
        *metrics_of_all_fields(result, labels),
        *metrics_of_acting(result, labels),
        *(metrics_of_performance(measured, labels) if measured else []),
    ]


def _of_fields(result: Result, model: list[str]) -> list[Metric]:
    per_field = [
        ("creditrisk_drift_psi", "PSI of a field against the reference.", "psi"),
        ("creditrisk_drift_psi_bound", "What chance alone stays below in 95 of 100 windows.", "psi_bound"),
        ("creditrisk_drift_distance", "How far: in standard deviations, or Jensen-Shannon for categories.", "distance"),
        ("creditrisk_drift_impact_of_100", "What the shift adds to the average risk, of 100.", "impact"),
        ("creditrisk_field_mean", "Mean of a number, in its own unit.", "mean"),
        ("creditrisk_field_mean_reference", "The same in the reference.", "mean_reference"),
        ("creditrisk_drift_status", "0 stable, 1 watch, 2 act, -1 cannot be judged.", "level"),
        ("creditrisk_missing_share", "Share of rows without a value, 0 to 1.", "missing_share"),
        ("creditrisk_missing_share_reference", "The same in the reference.", "missing_share_reference"),
    ]
    metrics: list[Metric] = []
    for name, help_text, key in per_field:
        metric = GaugeMetricFamily(name, help_text, labels=[*MODEL_LABELS, "field"])
        for field, figures in result["fields"].items():
            value = cast(dict[str, Any], figures).get(key)
            if value is not None:
                metric.add_metric([*model, field], value)
        metrics.append(metric)
    unseen = GaugeMetricFamily(
        "creditrisk_unseen_share",
        "Share of rows with a value that the model has never seen, 0 to 1.",
        labels=[*MODEL_LABELS, "field"],
    )
    for field, figures in result["fields"].items():
        if figures["n_rows"]:
            unseen.add_metric([*model, field], figures["n_unseen"] / figures["n_rows"])
    return [*metrics, unseen]


class _Server(ThreadingMixIn, WSGIServer):
    """Answers several scrapes at once, so that one slow archive does not hold up /health."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._free = threading.BoundedSemaphore(MOST_CONNECTIONS)
        # Connections whose request is not whole, the longest open one first; each call on it is atomic.
        self.waiting: OrderedDict[socket.socket, None] = OrderedDict()

    def process_request(self, request: Any, client_address: Any) -> None:
        """Let a connection in; of too many, the one that has kept its request back longest makes room."""
        if not self._free.acquire(blocking=False) and not self._drop_the_longest_waiting():
            self.shutdown_request(request)
            return
        self.waiting[request] = None
        super().process_request(request, client_address)

    def _drop_the_longest_waiting(self) -> bool:
        try:
            oldest, _ = self.waiting.popitem(last=False)
        except KeyError:
            return False  # all are being answered
        _cut(oldest)
        return self._free.acquire(timeout=_ROOM_SECONDS)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Answer in a thread of its own."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self.waiting.pop(request, None)
            self._free.release()


class _Handler(WSGIRequestHandler):
    """Waits for a request no longer than its deadline, and does not log every scrape."""

    timeout = ANSWER_SECONDS  # for a single read or write

    def handle(self) -> None:
        self.deadline = threading.Timer(REQUEST_SECONDS, _cut, [self.connection])
        self.deadline.daemon = True
        self.deadline.start()
        try:
            super().handle()
        except (ConnectionError, TimeoutError):
            pass  # gone, or as good as gone
        finally:
            self.deadline.cancel()

    def get_environ(self) -> Any:
        """Called when the request is whole: the answer may take as long as the archive does."""
        self.deadline.cancel()
        cast(_Server, self.server).waiting.pop(self.connection, None)
        return super().get_environ()

    def log_message(self, format: str, *args: Any) -> None:
        return


def _cut(connection: socket.socket) -> None:
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
