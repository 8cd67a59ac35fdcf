"""Service: whether what answers, and what it relies on, does so, and how fast."""

from __future__ import annotations

from grafana.panels import BLUE, GREY, MODEL, VIOLET, Placed, Query, Sized, begin, document, figure, lines, states

ANSWERS = {"1": ("answers", BLUE), "0": ("away", VIOLET)}
INTACT = {"1": ("as noted", BLUE), "0": ("not what it was", VIOLET)}
SERVED = {"1": ("serves", BLUE)}
_ERRORS = "sum(increase(creditrisk_http_errors_total"
_BUCKETS = "sum by (le) (rate(creditrisk_scoring_duration_seconds_bucket[$__rate_interval]))"


def build() -> str:
    """The dashboard as JSON."""
    places = Placed()
    board = begin("risk-o-meter-service", "Service", "Whether everything answers, and how fast.").with_variable(MODEL)
    for panel, width, height in (*_now(), *_work(), *_trouble(), *_parts(), *_kept()):
        board = board.with_panel(panel.grid_pos(places.next(width, height)))
    return document(board)


def _now() -> list[Sized]:
    return [
        (
            figure(
                "Answering",
                "The two services Prometheus reads, and what they rely on.",
                [
                    Query("up", "{{job}}"),
                    Query("creditrisk_registry_up", "model registry"),
                    Query("creditrisk_source_up", "{{source}}"),
                ],
                words=ANSWERS,
            ),
            10,
            5,
        ),
        (
            figure(
                "Alerts",
                "Alerts that fire now.",
                [Query('count(ALERTS{alertstate="firing"}) or vector(0)', "alerts")],
                alarm_from=1,
            ),
            3,
            5,
        ),
        (
            figure(
                "Decision log",
                "Whether the log still held what reports had noted of it, at the last report.",
                [Query("min(creditrisk_decision_log_intact)", "decision log")],
                words=INTACT,
            ),
            4,
            5,
        ),
        (
            figure(
                "Reports waiting",
                "Reports to deliver to an archive that was away.",
                [Query("creditrisk_reports_waiting", "reports")],
                alarm_from=1,
            ),
            3,
            5,
        ),
        (
            figure(
                "Results not readable",
                "Among the newest of all archives; they are passed over, and their ids are in the exporter's log.",
                [Query("sum(creditrisk_archive_unreadable_results)", "results")],
                alarm_from=1,
            ),
            4,
            5,
        ),
    ]


def _work() -> list[Sized]:
    return [
        (
            lines(
                "Time to score and log",
                "From request to logged answer: one application, or one chunk of a file.",
                [
                    Query(f"histogram_quantile(0.5, {_BUCKETS})", "median", BLUE),
                    Query(f"histogram_quantile(0.95, {_BUCKETS})", "95 of 100 are faster", GREY),
                ],
                unit="s",
                least=0,
            ),
            12,
            9,
        ),
        (
            lines(
                "Decisions over time",
                "Decisions answered per step of the axis.",
                [Query("sum by (verdict) (increase(creditrisk_decisions_total[$__rate_interval]))", "{{verdict}}")],
                decimals=0,
                least=0,
                bars=True,
            ),
            12,
            9,
        ),
    ]


def _trouble() -> list[Sized]:
    return [
        (
            lines(
                "Rows that could not be scored",
                "Rows sent back with a reason, per step of the axis.",
                [Query("sum(increase(creditrisk_rejected_rows_total[$__rate_interval]))", "rows", VIOLET)],
                decimals=0,
                least=0,
                bars=True,
            ),
            8,
            8,
        ),
        (
            lines(
                "Requests answered with an error",
                "Per step of the axis: refused (400 to 499), and not answered as they should be (500 and above).",
                [
                    Query(f'{_ERRORS}{{status=~"4.."}}[$__rate_interval]))', "refused", GREY),
                    Query(f'{_ERRORS}{{status=~"5.."}}[$__rate_interval]))', "not answered", VIOLET),
                ],
                decimals=0,
                least=0,
                bars=True,
            ),
            8,
            8,
        ),
        (
            lines(
                "Files waiting or being scored",
                "Those dropped on the page and not done yet; four at most, then the next is refused.",
                [Query("max(creditrisk_uploads_unfinished)", "files", BLUE)],
                decimals=0,
                least=0,
            ),
            8,
            8,
        ),
    ]


def _parts() -> list[Sized]:
    return [
        (
            states(
                "Version that answers",
                "A new line begins where the app took up another champion.",
                [Query("max by (model, version) (creditrisk_model_info)", "{{model}} version {{version}}")],
                SERVED,
            ),
            12,
            7,
        ),
        (
            states(
                "Services and sources over time",
                "Violet where one was away.",
                [
                    Query("min by (job) (up)", "{{job}}"),
                    Query("min(creditrisk_registry_up)", "model registry"),
                    Query("min by (source) (creditrisk_source_up)", "{{source}}"),
                ],
                ANSWERS,
            ),
            12,
            7,
        ),
    ]


def _kept() -> list[Sized]:
    return [
        (
            lines(
                "Decisions in the log",
                "All that the log holds, erased ones included: it never falls.",
                [Query("sum(creditrisk_decisions_logged)", "decisions", BLUE)],
                decimals=0,
                least=0,
            ),
            8,
            7,
        ),
        (
            lines(
                "Reports waiting over time",
                "Reports to deliver to an archive that was away, and results that cannot be read.",
                [
                    Query("max(creditrisk_reports_waiting)", "waiting", BLUE),
                    Query("sum(creditrisk_archive_unreadable_results)", "not readable", VIOLET),
                ],
                decimals=0,
                least=0,
            ),
            8,
            7,
        ),
        (
            lines(
                "Time to be read",
                "How long Prometheus waits for the app and for the exporter, which reads archives and log.",
                [Query("max by (job) (scrape_duration_seconds)", "{{job}}")],
                unit="s",
                least=0,
            ),
            8,
            7,
        ),
    ]
