"""How the columns of a file were read: its first rows as understood, and what the model reads that the file has not.

Part of the page score_clients.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl
from dash import Dash, Input, Output, State, html, no_update
from dash.development.base_component import Component

from creditrisk.quality import Checked
from creditrisk.schema import Field, Schema
from creditrisk.sources import as_texts
from webapp import file_questions, upload_files, upload_scoring
from webapp.column_names import Assigned
from webapp.context import AppContext
from webapp.pages.components import attributes
from webapp.pages.wording import value_words
from webapp.upload_access import opened

NOT_USED = "not used"
# Of names of fields in one sentence; the table below it has all columns.
MOST_NAMED = 8


def register(app: Dash, context: AppContext) -> None:
    """Add the callback that draws the first rows to the page's app."""

    @app.callback(
        Output("how-read-rows", "children"),
        Input("how-read", "n_clicks"),
        State("job", "data"),
        prevent_initial_call=True,
    )
    def unfold(n_clicks: int, job: str | None) -> Any:
        upload = opened(context, job)
        result = upload_scoring.result_of(context, upload)
        if not n_clicks or upload is None or result is None:
            return no_update
        return first_rows(result.checked, result.scorer.schema, upload_files.read_answer(upload.folder) or {})


def reading(checked: Checked, schema: Schema, assigned: Assigned, *, can_be_changed: bool) -> list[Component]:
    """What is to be known above a result about how its file was read, and folded away the whole of it.

    Parameters
    ----------
    can_be_changed
        Whether a person could say of a column that it is something else.
    """
    change = (
        [
            html.Button(
                "Change",
                id="ask-anew",
                className="button",
                n_clicks=0,
                title="Say once more which column is which; the file is scored again as it came, uncorrected.",
            )
        ]
        if can_be_changed
        else []
    )
    lacking = file_questions.lacking(checked, schema, assigned)
    parts: list[Component] = []
    if checked.read_as:
        parts.append(html.P([html.Span(checked.read_as), *(change if assigned else [])], className="quiet read-as"))
    if lacking:
        says = f"Not in the file: {named(lacking)}. Every client was scored without."
        parts.append(html.P([html.Span(says), *([] if assigned else change)], className="notice lacking"))
    if file_questions.fields_of_checked(checked, schema, assigned):
        # Drawn when it is unfolded: a cell is a component, and two hundred of them would keep the lamps waiting.
        summary = html.Summary("How the file was read", id="how-read", n_clicks=0)
        parts.append(html.Details([summary, html.Div(id="how-read-rows")], className="how-read"))
    return parts


def first_rows(checked: Checked, schema: Schema, assigned: Assigned) -> Component:
    """The first rows of a file that was scored, as they were understood."""
    fields = file_questions.fields_of_checked(checked, schema, assigned)
    return preview(checked.raw.head(file_questions.PREVIEW_ROWS), checked, fields)


def named(fields: list[Field]) -> str:
    """The names of fields in a sentence; of many the first few, and how many more.

    Examples
    --------
    >>> named([Field("a", "text", "Age"), Field("b", "text", "Savings")])
    'Age, Savings'
    """
    labels = [field.label for field in fields]
    more = len(labels) - MOST_NAMED
    return ", ".join(labels[:MOST_NAMED]) + (f" and {more} more" if more > 0 else "")


def preview(top: pl.DataFrame, checked: Checked | None, fields: Mapping[str, Field]) -> Component:
    """The first rows of a file as understood; above each column stands what it was read as.

    A row that cannot be read stands as it came, and so do the columns that are not used: these are grey.

    Parameters
    ----------
    top
        The rows as they came.
    checked
        What was made of them, under the same numbers; None if nothing could be.
    fields
        Which field each column was read as.
    """
    accepted = {} if checked is None else {row["row_number"]: row for row in _top_of(checked, top.height)}
    columns = [(header, fields.get(header)) for header in top.columns]
    heads = [
        html.Th([html.Small(_read_as(field)), html.Br(), header], className=_looks(field), scope="col")
        for header, field in columns
    ]
    rows = []
    for number, row in enumerate(as_texts(top).iter_rows(named=True), start=1):
        values = accepted.get(number)
        cells = [html.Td(_cell(row[header], field, values), className=_looks(field)) for header, field in columns]
        rows.append(html.Tr(cells, className="unread" if values is None and checked is not None else ""))
    return html.Div(
        html.Table([html.Thead(html.Tr(heads)), html.Tbody(rows)]),
        className="preview",
        tabIndex=0,
        role="region",
        **attributes("aria-", label="The first rows as they were understood"),
    )


def _top_of(checked: Checked, n_rows: int) -> list[dict[str, object]]:
    return checked.accepted.head(n_rows).filter(pl.col("row_number") <= n_rows).to_dicts()


def _is_used(field: Field | None) -> bool:
    return field is not None and field.role in ("id", "time", "feature")


def _looks(field: Field | None) -> str:
    return "" if _is_used(field) else "unused"


def _read_as(field: Field | None) -> str:
    if field is None or field.role in ("excluded", "target"):
        return NOT_USED
    if field.role == "protected":
        return f"{field.label}: {NOT_USED} for the risk"
    unit = f" ({field.unit})" if field.is_numeric and field.unit else ""
    return f"read as {field.label}{unit}"


def _cell(text: str, field: Field | None, values: Mapping[str, object] | None) -> str:
    if field is None or values is None or not _is_used(field):
        return text
    return value_words(field, values[field.name])
