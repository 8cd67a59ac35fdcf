"""The archive of reports on the Monitoring page: what is searched for, what was found, and one report in its frame."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from dash import dcc, html
from dash.development.base_component import Component

from creditrisk.scoring import Scorer
from creditrisk.settings import Settings
from creditrisk.text import counted, moment_words, sentence
from monitoring import archive
from monitoring.archive import Sought
from monitoring.report_pages import SANDBOX
from monitoring.results import Result, title_of
from monitoring.status import WORDS, most_pressing
from webapp.errors import BadRequestError
from webapp.pages.components import attributes, one_of, plain_table
from webapp.pages.report_charts import moment
from webapp.report_routes import PREFIX

ON_A_PAGE = 10
PATIENCE_SECONDS = 4.0
MOST_SOUGHT = 100
ANY = "any"


@dataclass(frozen=True, slots=True)
class Question:
    """What reports are searched for: folder of a model and level, `ANY` for all; days (UTC) as text; words."""

    folder: str = ANY
    level: str = ANY
    since: str = ""
    until: str = ""
    text: str = ""

    def is_met_by(self, result: Result) -> bool:
        """Whether a report has the level and the words, in its findings or its status."""
        status, wanted = most_pressing(result), self.text.casefold().strip()
        said = [status.words, *result["findings"]]
        return self.level in (ANY, str(status.level)) and any(wanted in one.casefold() for one in said)


def search(settings: Settings, question: Question, before: str) -> Sought:
    """A page of the reports that are searched for, from where an earlier search ended.

    Raises
    ------
    ArchiveError
        If the setting names an archive of no kind.
    BadRequestError
        If a day is none.
    """
    since, until = _day(question.since, "From"), _day(question.until, "To")
    return archive.search(
        archive.archives_to_read(settings.archive_uris),
        question.is_met_by,
        pending=archive.pending_folder(settings.home),
        folder="" if question.folder == ANY else question.folder,
        since=datetime.combine(since, time(), UTC) if since else None,
        until=datetime.combine(until, time(), UTC) + timedelta(days=1, seconds=-1) if until else None,
        before=before,
        limit=ON_A_PAGE,
        seconds=PATIENCE_SECONDS,
    )


def _day(text: str, label: str) -> date | None:
    if not text.strip():
        return None
    try:
        day = date.fromisoformat(text.strip())
    except ValueError:
        raise BadRequestError(f"{label}: expected a day such as 2026-03-31, or nothing.") from None
    return min(day, date.max - timedelta(days=2))


def model_choice(models: Sequence[str]) -> Component:
    """The models whose reports one can look at, where there are several."""
    folders = [(ANY, "all"), *((name, name) for name in models)]
    return html.Div(one_of("sought-model", "Model", folders, ANY), hidden=len(models) < 2)


def form() -> Component:
    """What one can search by; the models come once the archive was read."""
    levels = [(ANY, "any"), *((str(level), words) for level, words in WORDS.items())]
    return html.Div(
        [
            html.Div(model_choice([]), id="sought-models"),
            one_of("sought-level", "Status", levels, ANY),
            html.Div(
                [
                    _box("sought-since", "From", "2026-03-01", 10),
                    _box("sought-until", "To", "2026-03-31", 10),
                    _box("sought-text", "Words of a finding", "Income", MOST_SOUGHT),
                    html.Button("Search", id="search", className="button primary", n_clicks=0),
                ],
                className="boxes",
            ),
        ],
        className="search",
        role="search",
        **attributes("aria-", label="Reports"),
    )


def _box(name: str, label: str, example: str, longest: int) -> Component:
    box = dcc.Input(id=name, type="text", maxLength=longest, placeholder=example, autoComplete="off", value="")
    return html.Label([label, box], htmlFor=name)


def found_list(sought: Sought, question: Question, served: Scorer | None, *, is_first: bool) -> list[Component]:
    """The reports that were found, or why there is none."""
    parts: list[Component] = [problem_list(sought.problems)] if sought.problems else []
    if sought.results:
        heads = ("Made (UTC)", "Model", "Status", "Applications", "First finding")
        parts.append(plain_table(heads, [_row(result, served) for result in sought.results], looks="words"))
    elif is_first and not sought.models:
        parts += [] if sought.problems else [first_steps()]
    else:
        more = " among these; older ones were not looked at yet" if sought.read_to else ""
        parts.append(html.P(f"No report fits{more}."))
    looked = f"{counted(sought.n_read, 'report was', 'reports were')} looked at."
    buttons = html.Div(
        [
            html.Button("Older ones", id="older", className="button", n_clicks=0, hidden=not sought.read_to),
            html.Button("Back to the newest", id="newest", className="button", n_clicks=0, hidden=is_first),
        ],
        className="buttons",
    )
    if question.text or question.level != ANY or sought.read_to:
        parts.append(html.P(looked, className="quiet"))
    return [*parts, buttons]


def entitled(result: Result, served: Scorer | None) -> Result:
    """A report with what people call its model; of one that is older than titles the model that serves may tell."""
    return {"title": served.schema.title, **result} if served and served.name == result["model"] else result


def _row(result: Result, served: Scorer | None) -> Component:
    finding = result["findings"][0] if result["findings"] else "–"
    button = html.Button(
        moment(result["created_at"]),
        id={"type": "show", "place": "archive", "report": result.get("id", "")},
        className="link",
        n_clicks=0,
    )
    cells = [
        f"{title_of(entitled(result, served))} v{result['model_version']}",
        most_pressing(result).words,
        f"{result['n_rows']:,}",
        finding,
    ]
    return html.Tr([html.Th(button, scope="row"), *map(html.Td, cells)])


def first_steps() -> Component:
    """What to do where there is no report yet."""
    return html.P(
        [
            "There is no report yet. Make the first one with ",
            html.Code("make evidently-report-flow"),
            "; with ",
            html.Code("make up"),
            " running, the schedule evidently-report/every-3-hours makes one every three hours.",
        ]
    )


def problem_list(problems: Sequence[str]) -> Component:
    """What could not be read: never the same as nothing."""
    return html.Div(
        [
            html.Strong("Not everything could be read. What is below may not be all."),
            html.Ul([html.Li(sentence(problem)) for problem in problems[:10]]),
        ],
        className="warning",
        role="alert",
    )


def report_frame(report_id: str) -> list[Component]:
    """One report in a frame that may run its own scripts, load nothing and reach nothing of ours."""
    address, title = f"{PREFIX}/{report_id}.html", f"Report of {_made_at(report_id)}"
    return [
        html.Div(
            [
                html.H3(title, tabIndex=-1),
                html.A("Open in a tab of its own", href=address, target="_blank", rel="noreferrer"),
            ],
            className="frame-head",
        ),
        html.Iframe(src=address, title=title, sandbox=SANDBOX, className="report"),
    ]


def _made_at(report_id: str) -> str:
    """When a report was made, by its id; the id itself if that holds no time.

    Examples
    --------
    >>> _made_at("simulated/20261127T014905Z-c76941b1")
    '27 Nov 2026, 01:49 UTC'
    """
    written = report_id.rpartition("/")[2].partition("-")[0]
    try:
        return moment_words(datetime.strptime(written, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC))
    except ValueError:
        return report_id
