"""The page about what reports found: the model's status, its figures over time, the cases behind a report, the archive.

Everything is read after the page is there: an archive that is away takes seconds to say so.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

from dash import ALL, MATCH, Dash, Input, Output, State, ctx, dcc, html, no_update
from dash.development.base_component import Component
from dash.exceptions import PreventUpdate
from plotly.io.json import to_json_plotly

from creditrisk.errors import ArchiveError, CreditRiskError, DecisionLogError
from creditrisk.scoring import Scorer
from creditrisk.text import counted, sentence
from monitoring import archive
from monitoring.alarms import alarms_of
from monitoring.results import Result, title_of
from monitoring.status import ACT, most_pressing
from webapp.access import the_caller
from webapp.context import AppContext
from webapp.pages import report_archive, report_charts, window_cases
from webapp.pages.components import answer_in_browser, attributes, message_line, one_of
from webapp.pages.report_archive import ANY, Question
from webapp.pages.report_charts import moment
from webapp.service_links import service_links

TITLE = "Monitoring"
PATH = "/monitoring"
ORDER = 40

REFRESH_SECONDS = 60
MOST_ALARMS = 6


def layout(_context: AppContext) -> list[Component]:
    """The page as it is first seen: what is read from elsewhere comes after."""
    return [
        html.Main(
            [
                html.H1(TITLE),
                message_line(),
                html.Div(_reading("Reading the last reports …"), id="overview", className="parts"),
                html.Div(id="behind", className="parts"),
                html.Section(
                    [
                        html.H2("All reports"),
                        report_archive.form(),
                        html.Div(_reading("Reading the archive …"), id="found", className="found"),
                        html.Div(id={"type": "frame", "place": "archive"}),
                    ],
                    className="panel",
                    **attributes("aria-", label="All reports"),
                ),
                dcc.Store(id="overview-of", data=""),
                dcc.Store(id="read-to", data=""),
                dcc.Interval(id="look-again", interval=1000 * REFRESH_SECONDS),
            ],
            className="monitoring-page",
        )
    ]


def register(app: Dash, context: AppContext) -> None:
    """Add the page's callbacks."""
    _register_archive(app, context)
    _register_cases(app, context)
    _register_one_field(app, context)

    @app.callback(
        Output("overview", "children"),
        Output("overview-of", "data"),
        Input("model", "data"),
        Input("look-again", "n_intervals"),
        State("overview-of", "data"),
    )
    def look(_model: str, _n: int | None, shown: str) -> tuple[Any, Any]:
        parts = overview(context)
        drawn = hashlib.sha256(to_json_plotly(parts).encode()).hexdigest()
        # What is drawn anew would close the table that somebody reads.
        return (no_update, no_update) if drawn == shown else (parts, drawn)

    @app.callback(
        Output({"type": "frame", "place": MATCH}, "children"),
        Input({"type": "show", "place": MATCH, "report": ALL}, "n_clicks"),
        prevent_initial_call=True,
    )
    def show(clicks: Sequence[int | None]) -> Any:
        if not _is_clicked(clicks):
            return no_update
        try:
            return report_archive.report_frame(archive.check_id(str(_triggered("report"))))
        except ArchiveError as exc:
            return html.P(sentence(str(exc)))


def _register_one_field(app: Dash, context: AppContext) -> None:
    @app.callback(
        Output("one-field", "children"),
        Input({"type": "field-over-time", "value": ALL}, "n_clicks"),
        prevent_initial_call=True,
    )
    def other_field(clicks: Sequence[int | None]) -> Any:
        if not _is_clicked(clicks):
            return no_update
        try:
            results = _kept(context).results
        except ArchiveError as exc:
            return html.P(sentence(str(exc)), role="alert")
        return _one_field(_drawn(results), str(_triggered("value"))) if results else no_update


def _register_archive(app: Dash, context: AppContext) -> None:
    @app.callback(
        Output("found", "children"),
        Output("sought-models", "children"),
        Output("read-to", "data"),
        # It never changes, so this is called once; the header, which keeps the model, says most times that it stays.
        Input("look-again", "interval"),
    )
    def first_look(_interval: int) -> tuple[Any, Any, str]:
        found, sought = _search(context, Question(), "")
        models = report_archive.model_choice(sought.models) if sought else no_update
        return found, models, sought.read_to if sought else ""

    for kind in ("sought-model", "sought-level"):
        buttons = {"type": kind, "value": ALL}
        pressed = Output(buttons, "aria-pressed")
        answer_in_browser(app, "monitoring", "choose", pressed, Input(buttons, "n_clicks"), State(buttons, "id"))

    @app.callback(
        Output("found", "children", allow_duplicate=True),
        Output("read-to", "data", allow_duplicate=True),
        Input("search", "n_clicks"),
        Input("sought-text", "n_submit"),
        Input("older", "n_clicks"),
        Input("newest", "n_clicks"),
        Input({"type": "sought-model", "value": ALL}, "aria-pressed"),
        Input({"type": "sought-level", "value": ALL}, "aria-pressed"),
        State({"type": "sought-model", "value": ALL}, "n_clicks"),
        State({"type": "sought-level", "value": ALL}, "n_clicks"),
        State("read-to", "data"),
        State("sought-since", "value"),
        State("sought-until", "value"),
        State("sought-text", "value"),
        prevent_initial_call=True,
    )
    def search(*given: Any) -> tuple[Any, Any]:
        if not ctx.triggered or not ctx.triggered[0]["value"]:
            raise PreventUpdate
        *_, clicks_of_models, clicks_of_levels, read_to, since, until, text = given
        # Buttons that have just come call back too.
        clicks = {"sought-model": clicks_of_models, "sought-level": clicks_of_levels}
        if not any(clicks.get(str(_triggered("type")), [True])):
            raise PreventUpdate
        folder, level = map(_chosen, ctx.inputs_list[-2:])
        question = Question(
            folder, level, *(str(one or "")[: report_archive.MOST_SOUGHT] for one in (since, until, text))
        )
        found, sought = _search(context, question, read_to if ctx.triggered_id == "older" else "")
        return found, sought.read_to if sought else ""


def _pressed(buttons: Sequence[dict[str, Any]]) -> str:
    """The value that is chosen: of the button that was just pressed, or else of the one that stays so."""
    if isinstance(ctx.triggered_id, dict) and buttons and ctx.triggered_id["type"] == buttons[0]["id"]["type"]:
        return str(ctx.triggered_id["value"])
    return _chosen(buttons)


def _chosen(buttons: Sequence[dict[str, Any]]) -> str:
    """The value of the button that is pressed."""
    return next((str(button["id"]["value"]) for button in buttons if button.get("value") == "true"), ANY)


def _search(context: AppContext, question: Question, before: str) -> tuple[list[Component], archive.Sought | None]:
    try:
        sought = report_archive.search(context.settings, question, before)
    except CreditRiskError as exc:
        return [html.P(sentence(str(exc)), role="alert")], None
    served = context.champion.state.scorer
    return report_archive.found_list(sought, question, served, is_first=not before), sought


def _register_cases(app: Dash, context: AppContext) -> None:
    @app.callback(
        Output("behind", "children"),
        Input({"type": "behind", "chart": ALL, "report": ALL}, "n_clicks"),
        prevent_initial_call=True,
    )
    def look_behind(clicks: Sequence[int | None]) -> Any:
        return _behind(context, str(_triggered("report"))) if _is_clicked(clicks) else no_update

    # By report: an answer about one report finds no room with the next one.
    @app.callback(
        Output({"type": "cases", "report": MATCH}, "children"),
        Input({"type": "by-field", "value": ALL, "report": MATCH}, "n_clicks"),
        Input({"type": "value-bin", "place": ALL, "report": MATCH}, "n_clicks"),
        State({"type": "by-field", "value": ALL, "report": MATCH}, "aria-pressed"),
        State({"type": "value-bin", "place": ALL, "report": MATCH}, "aria-pressed"),
        prevent_initial_call=True,
    )
    def other_cases(fields: Sequence[int | None], bins: Sequence[int | None], *_pressed_now: Any) -> Any:
        if not _is_clicked([*fields, *bins]):
            return no_update
        place = _triggered("place")
        # Once more on the same bar: all of them again.
        is_chosen = any(item["id"]["place"] == place and item.get("value") == "true" for item in ctx.states_list[1])
        chosen = place if isinstance(place, int) and not is_chosen else None
        try:
            return _cases(context, _result(context, str(_triggered("report"))), _pressed(ctx.states_list[0]), chosen)
        except CreditRiskError as exc:
            return html.P(sentence(str(exc)), role="alert")


def _is_clicked(clicks: Sequence[int | None]) -> bool:
    """Whether somebody clicked; parts that are drawn anew call back too."""
    return any(clicks) and bool(ctx.triggered and ctx.triggered[0]["value"])


def _triggered(name: str) -> object:
    """A part of the id of what was clicked; None if it has none."""
    return ctx.triggered_id.get(name) if isinstance(ctx.triggered_id, dict) else None


def _reading(words: str) -> Component:
    return html.P(words, className="quiet", role="status")


def overview(context: AppContext) -> list[Component]:
    """The status of the model that serves, its alarms, its figures over time, and where else to look."""
    settings, scorer = context.settings, context.champion.state.scorer
    model, version = (scorer.name, scorer.version) if scorer else ("", "")
    links = [
        html.A(f"{link.name}: {link.shows}", href=link.address, target="_blank", rel="noreferrer")
        for link in service_links(settings, model, version)
    ]
    elsewhere = [html.Nav(links, className="elsewhere", **attributes("aria-", label="Other services"))] if links else []
    try:
        kept = _kept(context)
    except ArchiveError as exc:
        said = html.P(f"The reports cannot be read: {exc} That is not the same as no report.", role="alert")
        return [html.Section([html.H2("Status"), said, *elsewhere], className="panel")]
    problems = [report_archive.problem_list(kept.problems)] if kept.problems else []
    if not kept.results:
        none = [] if problems else [report_archive.first_steps()]
        return [html.Section([html.H2("Status"), *problems, *none, *elsewhere], className="panel")]
    newest = kept.results[0]
    return [
        html.Section(
            [*_status(newest, kept.results[1:], settings.reports_address, scorer), *problems, *elsewhere],
            className="panel",
            **attributes("aria-", label="Status"),
        ),
        _over_time(_drawn(kept.results)),
    ]


def _kept(context: AppContext) -> archive.Kept:
    """The newest reports of the model that serves, of all models while none does.

    Raises
    ------
    ArchiveError
        If the setting names an archive of no kind, or none answers.
    """
    settings, scorer = context.settings, context.champion.state.scorer
    archives = archive.archives_to_read(settings.archive_uris)
    pending = archive.pending_folder(settings.home)
    return archive.read_recent(archives, scorer.name if scorer else None, pending=pending)


def _drawn(results: Sequence[Result]) -> list[Result]:
    """The reports of the model of the newest one that charts show, oldest first."""
    of_model = [result for result in results if result["model"] == results[0]["model"]]
    return of_model[: report_charts.MOST_DRAWN][::-1]


def _status(newest: Result, earlier: Sequence[Result], address: str, served: Scorer | None) -> list[Component]:
    """The newest report in one line with its most pressing sentence, then the alarms."""
    newest, status = report_archive.entitled(newest, served), most_pressing(newest)
    pressing = newest["findings"][0] if newest["findings"] else "Nothing was found."
    alarms = alarms_of(newest, reports_address=address, earlier=earlier)
    n_rows = counted(newest["n_rows"], "application")
    said = [
        html.H2(
            f"{title_of(newest)} v{newest['model_version']}: {status.words}",
            className="act" if status.level == ACT else "",
        ),
        html.P(pressing, className="pressing"),
        html.P(f"By the report of {moment(newest['created_at'])} UTC, about {n_rows}.", className="quiet"),
    ]
    if not alarms:
        return [*said, html.P("No alarm.")]
    items = [html.Li([html.Strong(alarm.what), f". {alarm.how_bad} ", html.Span(alarm.action)]) for alarm in alarms]
    more = [html.P(f"And {len(items) - MOST_ALARMS} more: see the report.")] if len(items) > MOST_ALARMS else []
    return [*said, html.H3(counted(len(items), "alarm")), html.Ul(items[:MOST_ALARMS], className="alarms"), *more]


def _over_time(drawn: Sequence[Result]) -> Component:
    ids, times = [result.get("id", "") for result in drawn], [moment(result["created_at"]) for result in drawn]
    charts = report_charts.charts_of(drawn)
    which = "The only report so far" if len(drawn) == 1 else f"The last {len(drawn)} reports"
    return html.Section(
        [
            html.H2("Over time"),
            html.P(
                f"{which}; ▲ marks an alarm. A click on a report shows the cases "
                "behind it; by keyboard, its row of the table does.",
                className="quiet",
            ),
            html.Div([report_charts.figure(chart, ids, times) for chart in charts], className="charts"),
            report_charts.table(charts, ids, times),
            html.H3("One field over time"),
            html.Div(_one_field(drawn, ""), id="one-field", className="one-field"),
        ],
        className="panel",
        **attributes("aria-", label="Over time"),
    )


def _one_field(drawn: Sequence[Result], name: str) -> list[Component]:
    """The choice of a field, and how it shifted; the one that shifted most if the reports know none of this name."""
    labels = report_charts.field_labels(drawn)
    if not labels:
        return [html.P("The reports hold no field.", className="quiet")]
    name = name if name in labels else next(iter(labels))
    ids, times = [result.get("id", "") for result in drawn], [moment(result["created_at"]) for result in drawn]
    chart = report_charts.field_chart(drawn, name)
    return [
        one_of("field-over-time", "Field (what shifted most comes first)", list(labels.items()), name),
        report_charts.figure(chart, ids, times),
        report_charts.table([chart], ids, times, name="table of a field"),
    ]


def _result(context: AppContext, report_id: str) -> Result:
    settings = context.settings
    archives = archive.archives_to_read(settings.archive_uris)
    pending = archive.pending_folder(settings.home)
    return archive.find(archives, archive.check_id(report_id), pending=pending).result


def _behind(context: AppContext, report_id: str) -> Component:
    """One report: what it found, its page on demand, and the cases of its window."""
    try:
        result = _result(context, report_id)
    except ArchiveError as exc:
        return html.Section(html.P(sentence(str(exc))), className="panel", role="alert")
    found = [html.Li(finding) for finding in result["findings"][:MOST_ALARMS]]
    try:
        cases: Any = _cases(context, result, window_cases.RISK, None)
    except CreditRiskError as exc:
        cases = html.P(sentence(str(exc)), role="alert")
    heading = f"Report of {moment(result['created_at'])} UTC: {most_pressing(result).words}"
    button = html.Button(
        "Show the report",
        id={"type": "show", "place": "behind", "report": report_id},
        className="button",
        n_clicks=0,
    )
    return html.Section(
        [
            html.H2(heading, tabIndex=-1),
            html.Ul(found) if found else html.P("Nothing was found."),
            html.Div(button, className="buttons"),
            html.Div(id={"type": "frame", "place": "behind"}),
            html.H3("The cases of its window"),
            html.Div(cases, id={"type": "cases", "report": report_id}, className="cases"),
        ],
        className="panel",
        **attributes("aria-", label="Cases behind the report"),
    )


def _cases(context: AppContext, result: Result, name: str, place: int | None) -> list[Component]:
    """The decisions of a report's window; for whom decisions may be shown.

    Raises
    ------
    DecisionLogError, NoModelError
        If the log, or the model whose bins sort them, is away.
    """
    if "decisions" not in the_caller().permissions:
        return [html.P("Single decisions are not for your role.")]
    if not result["n_rows"] or result["first_seq"] is None:
        return [html.P("No application was scored in this window.")]
    scorer = context.scorer()
    if scorer.name != result["model"]:
        raise DecisionLogError(f"{result['model']} does not serve now, so its cases cannot be sorted here.")
    return window_cases.cases_panel(window_cases.read_cases(context.log, result), result, scorer, name, place)
