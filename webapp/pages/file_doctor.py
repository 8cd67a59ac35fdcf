"""What is not plain about a file, before its clients are scored: which column is which, and how the first rows read.

Part of the page score_clients.
"""

from __future__ import annotations

from typing import Any

import polars as pl
from dash import ALL, Dash, Input, Output, State, dcc, html, no_update
from dash.development.base_component import Component

from creditrisk.schema import Schema
from creditrisk.sources import RawTable
from webapp import upload_files, upload_scoring
from webapp.context import AppContext
from webapp.file_questions import columns_of
from webapp.pages.components import attributes
from webapp.upload_access import opened
from webapp.uploads import Upload

NOT_USED = "not used"


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
        columns = columns_of(_table(top), schema)
        given = {item["assign"]: value for item, value in zip(ids, values, strict=True)}
        known = {field.name for field in columns.absent}
        assigned = {
            header: name
            for number, header in enumerate(columns.unknown)
            if (name := given.get(number)) in known and name
        }
        if len({*assigned.values()}) < len(assigned):
            return no_update, "Two columns cannot both be the same field. Choose another one for one of them."
        lacking = [field.label for field in columns.absent if field.is_needed and field.name not in assigned.values()]
        needed = {field.label for field in schema.features}
        if lacking := [label for label in lacking if label in needed]:
            return no_update, f"Still needed: {', '.join(lacking)}. Say which column it is, or add it to the file."
        upload_scoring.answer(context, job, assigned)
        return False, ""


def doctor(upload: Upload, schema: Schema) -> Component:
    """The questions about one file, above its first rows as they were understood."""
    top = upload_files.read_preview(upload.folder)
    if top is None:
        return html.Section("This file is gone. Drop it again.", className="notice")
    columns = columns_of(_table(top), schema)
    options = [
        {"label": field.label + (" (needed)" if field.is_needed else ""), "value": field.name}
        for field in columns.absent
    ]
    questions = [
        html.Div(
            [
                html.Label(header, htmlFor=f'{{"assign":{number}}}', className="filename", title=header),
                dcc.Dropdown(
                    id={"assign": number}, options=options, placeholder=NOT_USED, clearable=True, searchable=False
                ),
            ],
            className="assign",
        )
        for number, header in enumerate(columns.unknown)
    ]
    needed = [field.label for field in columns.absent if field.is_needed]
    optional = [field.label for field in columns.absent if not field.is_needed]
    return html.Section(
        className="notice doctor",
        children=[
            html.H2(f"{upload.details.filename}: which column is which?"),
            html.P([html.B("Needed, and not found: "), ", ".join(needed), "."]) if needed else None,
            html.P([html.B("Not found: "), ", ".join(optional), "."]) if optional else None,
            html.P("Some columns are not known. Say what they are, if they are anything of this; it is remembered."),
            html.Div(questions, className="assignments"),
            html.P(id="doctor-message", role="alert", className="doctor-message"),
            html.Div(
                [
                    html.Button("Score the clients", id="assigned", className="button primary", n_clicks=0),
                    html.Button("Leave it", id="stop", className="button", n_clicks=0),
                ],
                className="actions",
            ),
            preview(top, columns.read),
        ],
    )


def preview(top: pl.DataFrame, read: dict[str, str]) -> Component:
    """The first rows of a file; above each column stands what it was read as, and those that are not used are grey."""
    heads = [
        html.Th(
            [html.Small(f"read as {read[header]}" if header in read else NOT_USED), html.Br(), header],
            className="" if header in read else "unused",
        )
        for header in top.columns
    ]
    rows = [
        html.Tr([html.Td(cell, className="" if header in read else "unused") for header, cell in row.items()])
        for row in top.iter_rows(named=True)
    ]
    return html.Div(
        html.Table([html.Thead(html.Tr(heads)), html.Tbody(rows)]),
        className="preview",
        tabIndex=0,
        role="region",
        **attributes("aria-", label="The first rows as they were understood"),
    )


def _table(top: pl.DataFrame) -> RawTable:
    return RawTable(top, range(2, top.height + 2))
