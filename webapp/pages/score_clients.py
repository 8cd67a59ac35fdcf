"""The page where a clerk drops a file of clients and gets a verdict for each.

The file itself is sent by assets/upload.js, which then sets the store `job` to the name of the upload.
"""

from __future__ import annotations

from typing import Any

from dash import Dash, Input, Output, State, dcc, html, no_update, set_props
from dash.development.base_component import Component

from creditrisk.errors import CreditRiskError, DecisionLogError
from creditrisk.pages.palette import VERDICT_LOOKS
from creditrisk.schema import Schema
from creditrisk.text import sentence
from webapp import upload_files, upload_scoring
from webapp.access import the_caller
from webapp.context import AppContext
from webapp.pages import batches, corrected_cells, file_doctor, file_reading, fill_in, review, scored_file, wording
from webapp.pages.components import attributes, lamp, message_line
from webapp.upload_access import opened, record_of
from webapp.uploads import Upload

TITLE = "Score clients"
PATH = "/"
ORDER = 10


def layout(context: AppContext) -> list[Component]:
    """The page as it is first seen."""
    return [
        html.Main(
            [
                html.H1(TITLE),
                html.Div(_intro(context), id="intro"),
                *fill_in.layout(),
                message_line(),
                *batches.layout(),
                html.Div(id="stage"),
                scored_file.ahead(),
            ]
        ),
        *review.around(),
        dcc.Store(id="job", storage_type="session"),
        dcc.Store(id="shown"),
        # The file whose progress stands on the stage: only its text and its bar are drawn anew.
        dcc.Store(id="working"),
        dcc.Interval(id="tick", interval=500, disabled=True),
    ]


def register(app: Dash, context: AppContext) -> None:
    """Add the page's callbacks."""
    _register_file(app, context)
    _register_steps(app, context)
    review.register(app, context)
    batches.register(app, context)
    file_doctor.register(app, context)
    file_reading.register(app, context)
    corrected_cells.register(app, context)
    fill_in.register(app, context)


def _register_file(app: Dash, context: AppContext) -> None:
    @app.callback(Output("intro", "children"), Input("model", "data"), prevent_initial_call=True)
    def keep_intro(_model: str) -> list[Component]:
        return _intro(context)

    @app.callback(
        Output("stage", "children"),
        Output("tick", "disabled"),
        Output("shown", "data"),
        Output("working", "data"),
        Input("job", "data"),
        Input("tick", "n_intervals"),
        State("shown", "data"),
        State("working", "data"),
    )
    def show(job: str | None, _n: int | None, shown: str | None, working: str | None) -> tuple[Any, bool, Any, Any]:
        # The cards look again whenever this is set.
        nothing = no_update if shown is None else None
        if job is None:
            return _welcome(context), True, nothing, None
        upload = opened(context, job)
        if upload is None:
            return scored_file.fate(record_of(context, job)), True, nothing, None
        if upload.is_over or upload.is_asking:
            is_still = not context.uploads.is_being_corrected(upload)
            # Which file, and when it was last noted what became of it: corrected rows may have joined it.
            state = f"{job} {upload.noted_at}"
            # The page asks again after it was cut off; the table stays as the clerk left it.
            return (no_update if shown == state else _stage(context, job, upload)), is_still, state, None
        if working == job:
            _show_progress(context, upload)
            return no_update, False, nothing, no_update
        return _stage(context, job, upload), False, nothing, job


def _register_steps(app: Dash, context: AppContext) -> None:
    """What can be done with the file that is shown: stop, pause, go on, ask anew."""

    @app.callback(
        Output("job", "data", allow_duplicate=True),
        Input("stop", "n_clicks"),
        State("job", "data"),
        prevent_initial_call=True,
    )
    def stop(n_clicks: int, job: str | None) -> Any:
        upload = opened(context, job)
        if not n_clicks or not job or upload is None:
            return no_update
        set_props("tick", {"disabled": False})
        if upload.is_asking and upload.details.is_asked_anew:
            # All is as it was before it was asked again.
            context.uploads.remove(upload)
            return batches.scored_of(context, upload.details.content_sha256)
        upload_scoring.stop(context, job)
        return no_update

    @app.callback(Input("pause", "n_clicks"), State("job", "data"), prevent_initial_call=True)
    def pause_or_go_on(n_clicks: int, job: str | None) -> None:
        upload = opened(context, job)
        if n_clicks and job and upload is not None:
            (upload_scoring.go_on if upload.is_paused else upload_scoring.pause)(context, job)
            if (now := opened(context, job)) is not None and not now.is_over:
                _show_progress(context, now)

    @app.callback(Input("go-on-file", "n_clicks"), State("job", "data"), prevent_initial_call=True)
    def go_on(n_clicks: int, job: str | None) -> None:
        if n_clicks and job and opened(context, job) is not None:
            upload_scoring.go_on(context, job)
            set_props("tick", {"disabled": False})

    @app.callback(
        Output("job", "data", allow_duplicate=True),
        Input("ask-anew", "n_clicks"),
        State("job", "data"),
        prevent_initial_call=True,
    )
    def ask_anew(n_clicks: int, job: str | None) -> Any:
        upload = opened(context, job)
        if not n_clicks or upload is None or not upload.details.can_be_read_anew:
            return no_update
        set_props("tick", {"disabled": False})
        try:
            return upload_scoring.ask_anew(context, upload, the_caller().actor)
        except (CreditRiskError, OSError) as exc:
            words = sentence(str(exc)) if isinstance(exc, CreditRiskError) else "This file is gone. Drop it again."
            set_props("sending", {"children": words})
            return no_update


def _stage(context: AppContext, name: str, upload: Upload) -> Component:
    details, record = upload.details, upload.record
    result = upload_scoring.result_of(context, upload)
    if result is not None:
        return scored_file.result(
            result.checked,
            result.scored,
            result.scorer.schema,
            details=details,
            n_done=result.n_done,
            assigned=upload_files.read_answer(upload.folder) or {},
            can_go_on=upload.can_go_on,
            stopped=wording.stopped(details.message, record.n_done, record.n_rows, details.advice),
            since_then=_since_then(context, upload),
        )
    if upload.has_result:
        return scored_file.fate(record)
    if upload.is_asking:
        return file_doctor.doctor(upload, context.scorer().schema, context.settings.home)
    if upload.is_over:
        return scored_file.failed(details.filename, details.message, details.advice)
    return scored_file.working(details.filename, **_how_far(context, upload))


def _how_far(context: AppContext, upload: Upload) -> dict[str, Any]:
    """How far a file is that is being scored, as `scored_file.progress` takes it."""
    return {
        "n_done": upload.record.n_done,
        "n_rows": upload.record.n_rows,
        "seconds_left": upload.seconds_left,
        "is_app_ending": context.stopping.is_set(),
        "is_paused": upload.is_paused,
    }


def _show_progress(context: AppContext, upload: Upload) -> None:
    """Say on the stage, where the notice of the file stands already, how far it is."""
    for part, properties in scored_file.progress(**_how_far(context, upload)).items():
        if properties:
            set_props(part, properties)


def _since_then(context: AppContext, upload: Upload) -> str:
    """What of the verdicts would be otherwise today, in a sentence or two; empty if nothing, or nobody knows."""
    try:
        is_as_now = upload_scoring.has_cutoffs_of_now(context, upload.details)
    except CreditRiskError:
        return ""
    return "" if is_as_now else "Other cut-offs hold by now. The verdicts and gauges here are by those of then."


def _intro(context: AppContext) -> list[Component]:
    """What to do first: drop a file, or, with no model yet, train one."""
    scorer = context.champion.state.scorer
    if scorer is None:
        return [
            html.Section(
                className="notice",
                children=[
                    html.H2("There is no model yet"),
                    html.P(["Ask whoever runs this machine to type ", html.Code("make model-train-flow"), "."]),
                    html.P("The page notices the new model by itself; you need not do anything here."),
                ],
            )
        ]
    settings = context.settings
    return [
        html.Div(
            id="drop",
            className="drop",
            role="button",
            tabIndex=0,
            **attributes("data-", max_mb=settings.upload_max_mb),
            children=[
                html.Span("⇩", className="arrow", **attributes("aria-", hidden="true")),
                html.Div(
                    [
                        html.Strong("Drop a file of clients here, or choose one"),
                        html.Small(
                            f"CSV, Excel (.xlsx) or OpenDocument (.ods) · up to {settings.upload_max_rows:,} rows · "
                            f"{settings.upload_max_mb} MB"
                        ),
                    ]
                ),
            ],
        ),
        html.Div(
            className="beside",
            children=[
                fill_in.opener(),
                html.Div(
                    [
                        html.Span("Download a template"),
                        html.A("Excel", href="/template.xlsx", className="button", download=""),
                        html.A("CSV", href="/template.csv", className="button", download=""),
                    ],
                    className="downloads",
                ),
                html.Details(
                    [html.Summary("Which columns are needed?"), _columns_table(scorer.schema)], className="columns"
                ),
            ],
        ),
    ]


def _welcome(context: AppContext) -> Component | None:
    """What the three verdicts mean now, for as long as there is no result to look at."""
    served = context.champion.state.scorer
    if served is None:
        return None
    try:
        scorer = context.policy.apply(served)
    except DecisionLogError:  # nothing is decided then, as the header says
        return None
    rule, stop = scorer.rule, scorer.policy.stop
    low, high = wording.of_100(rule.approve_below), wording.of_100(rule.decline_from)
    happened = scorer.schema.target.bad_happened
    meanings = {
        "approve": f"At most {low} of 100 similar applicants {happened}.",
        "refer": "Too close to call, or something in the application is unusual. A person decides.",
        "decline": f"At least {high} of 100 similar applicants {happened}.",
    }
    cards = [html.Div([lamp(verdict), html.P(meanings[verdict])], className="card") for verdict in VERDICT_LOOKS]
    steps = "Every client in the file gets one of three verdicts. Choose a client to see why."
    if stop is not None:
        steps = f"Every client is left to a colleague for now. {stop.sentence}"
    return html.Section([html.P(steps), html.Div(cards, className="cards")], className="welcome")


def _columns_table(schema: Schema) -> Component:
    """What each column of a file should hold."""
    fields = [field for field in schema.fields if field.role in ("id", "time", "feature")]
    return html.Table(
        [
            html.Thead(html.Tr([html.Th("Column"), html.Th("What it holds"), html.Th("Needed")])),
            html.Tbody(
                [
                    html.Tr(
                        [
                            html.Td(field.label),
                            html.Td(field.expected),
                            html.Td("yes" if field.is_needed else "if you have it"),
                        ]
                    )
                    for field in fields
                ]
            ),
        ]
    )
