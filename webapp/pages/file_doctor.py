"""What is not plain about a file, before its clients are scored: which column is which, and how the first rows read.

Part of the page score_clients.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dash import ALL, Dash, Input, Output, State, dcc, html, no_update
from dash.development.base_component import Component

from creditrisk.schema import Schema
from creditrisk.sources import RawTable
from webapp import column_names, upload_files, upload_scoring
from webapp.column_names import Assigned
from webapp.context import AppContext
from webapp.file_questions import PREVIEW_ROWS, Columns, columns_of, fields_of, understood
from webapp.pages.file_reading import NOT_USED, named, preview
from webapp.upload_access import opened
from webapp.uploads import Upload


def register(app: Dash, context: AppContext) -> None:
    """Add the callbacks of the questions to the page's app."""

    @app.callback(
        Output("tick", "disabled", allow_duplicate=True),
        Output("doctor-message", "children"),
        Input("assigned", "n_clicks"),
        State({"assign": ALL}, "value"),
        State({"assign": ALL}, "id"),
        State("job", "data"),
        prevent_initial_call=True,
    )
    def go_on(n_clicks: int, values: list[str | None], ids: list[dict[str, int]], job: str | None) -> tuple[Any, Any]:
        upload = opened(context, job)
        top = upload_files.read_preview(upload.folder) if upload is not None else None
        if not n_clicks or not job or top is None:
            return no_update, no_update
        schema = context.scorer().schema
        columns = columns_of(top, schema)
        assigned = _assigned(columns, values, ids)
        if len({*assigned.values()}) < len(assigned):
            return no_update, "Two columns cannot both be the same field. Choose another one for one of them."
        lacking = [field.label for field in columns.absent if field.is_needed and field.name not in assigned.values()]
        needed = {field.label for field in schema.features}
        if lacking := [label for label in lacking if label in needed]:
            return no_update, f"Still needed: {', '.join(lacking)}. Say which column it is, or add it to the file."
        upload_scoring.answer(context, job, assigned)
        return False, ""

    @app.callback(
        Output("doctor-lacking", "children"),
        Output("doctor-preview", "children"),
        Input({"assign": ALL}, "value"),
        State({"assign": ALL}, "id"),
        State("job", "data"),
        prevent_initial_call=True,
    )
    def follow(values: list[str | None], ids: list[dict[str, int]], job: str | None) -> tuple[Any, Any]:
        upload = opened(context, job)
        top = upload_files.read_preview(upload.folder) if upload is not None else None
        if top is None:
            return no_update, no_update
        schema = context.scorer().schema
        columns = columns_of(top, schema)
        assigned = _assigned(columns, values, ids)
        return _lacking(columns, assigned), _preview(top, schema, assigned)


def doctor(upload: Upload, schema: Schema, home: Path) -> Component:
    """The questions about one file, answered as they were before, above its first rows as they are understood so."""
    top = upload_files.read_preview(upload.folder)
    if top is None:
        return html.Section("This file is gone. Drop it again.", className="notice")
    columns = columns_of(top, schema)
    absent = {field.name for field in columns.absent}
    before = column_names.recall(home, schema, top.frame.columns) or {}
    before = {header: name for header, name in before.items() if header in columns.unknown and name in absent}
    options = [
        {"label": field.label + (" (needed)" if field.is_needed else ""), "value": field.name}
        for field in columns.absent
    ]
    questions = [
        html.Div(
            [
                html.Div(header, id=f"column-{number}", className="filename", title=header),
                dcc.Dropdown(
                    id={"assign": number},
                    options=options,
                    value=before.get(header),
                    placeholder=NOT_USED,
                    clearable=True,
                    searchable=False,
                ),
            ],
            className="assign",
        )
        for number, header in enumerate(columns.unknown)
    ]
    again = " The file is then scored again." if upload.details.is_asked_anew else ""
    return html.Section(
        className="notice doctor",
        children=[
            # The focus goes here, see assets/upload.js.
            html.H2(f"{upload.details.filename}: which column is which?", tabIndex=-1),
            html.Div(_lacking(columns, before), id="doctor-lacking", role="status"),
            html.P(
                "Some columns are not known. Say what they are, if they are anything of this; it is remembered." + again
            ),
            html.Div(questions, className="assignments"),
            html.P(id="doctor-message", role="alert", className="doctor-message"),
            html.Div(
                [
                    html.Button("Score the clients", id="assigned", className="button primary", n_clicks=0),
                    html.Button("Leave it", id="stop", className="button", n_clicks=0),
                ],
                className="actions",
            ),
            html.Div(_preview(top, schema, before), id="doctor-preview"),
        ],
    )


def _assigned(columns: Columns, values: Sequence[str | None], ids: Sequence[dict[str, int]]) -> dict[str, str]:
    """The field's name for each column of which something is chosen."""
    given = {item["assign"]: value for item, value in zip(ids, values, strict=True)}
    absent = {field.name for field in columns.absent}
    found = {header: given.get(number) for number, header in enumerate(columns.unknown)}
    return {header: name for header, name in found.items() if name in absent and name}


def _lacking(columns: Columns, assigned: Assigned) -> list[Component]:
    """What no column is, as long as none is chosen for it."""
    absent = [field for field in columns.absent if field.name not in assigned.values()]
    needed = [field.label for field in absent if field.is_needed]
    optional = [field for field in absent if not field.is_needed]
    parts: list[Component] = [html.P([html.B("Needed, and not found: "), ", ".join(needed), "."])] if needed else []
    return [*parts, *([html.P([html.B("Not found: "), named(optional), "."])] if optional else [])]


def _preview(top: RawTable, schema: Schema, assigned: Assigned) -> Component:
    unique = {name: header for header, name in assigned.items()}
    chosen = {header: name for name, header in unique.items()}
    renamed = column_names.renamed(top, schema, chosen)
    rows = top.texts.head(PREVIEW_ROWS)
    return preview(rows, understood(renamed, schema), fields_of(top, schema, chosen))
