"""What needs a look in a scored file: rows that could not be scored, odd values, clients on two rows.

What stands in a cell that is at fault can be corrected in the list; corrected_cells.py says what happens then.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import polars as pl
from dash import dcc, html
from dash.development.base_component import Component

from creditrisk.quality import Checked, Fault, Rejection
from creditrisk.schema import Field, Schema
from creditrisk.scoring import client_words, was_stopped
from creditrisk.sources import as_text
from creditrisk.text import counted
from webapp import file_questions
from webapp.column_names import Assigned
from webapp.corrections import MOST_CHARS

# A longer list is in the downloaded result.
MOST_LISTED = 50


def attention(
    checked: Checked,
    scored: pl.DataFrame,
    schema: Schema,
    *,
    n_done: int,
    assigned: Assigned,
    is_open: bool = False,
) -> Component | None:
    """Rows that could not be scored, those that hold something odd, clients on two rows; None if there are none.

    Parameters
    ----------
    n_done
        Up to which row the file was scored.
    assigned
        What a person said that its columns hold.
    """
    rejected = [rejection for rejection in checked.rejected if rejection.row <= n_done]
    odd, _ = unusual(scored)
    repeated = repeated_clients(checked, schema)
    n_rows = len(rejected) + odd.height + len(repeated)
    if not n_rows:
        return None
    given = correctable(checked, scored, schema, n_done=n_done, assigned=assigned)
    fields = {field.label: field for field in schema.fields}
    parts = [
        *_rejected_list(rejected, scored.height, client_numbers(checked, schema, assigned), fields),
        *_odd_list(odd, given, fields),
        *_correcting(given, fields),
        *_repeated_list(repeated),
    ]
    verb = "needs" if n_rows == 1 else "need"
    summary_line = html.Summary([html.Span("!", className="flag"), f"{counted(n_rows, 'row')} {verb} your attention"])
    return html.Details([summary_line, html.Div(parts, className="list")], className="attention", open=is_open)


def correctable(
    checked: Checked, scored: pl.DataFrame, schema: Schema, *, n_done: int, assigned: Assigned
) -> dict[tuple[int, str], str]:
    """What stands in each cell that can be corrected in the list, by row and label of the field."""
    rejected = [rejection for rejection in checked.rejected if rejection.row <= n_done]
    cells = {(rejection.row, cell.label): cell.text for rejection in rejected[:MOST_LISTED] for cell in rejection.cells}
    fields = file_questions.fields_of_checked(checked, schema, assigned)
    headers = {field.label: header for header, field in fields.items()}
    for row in unusual(scored)[0].head(MOST_LISTED).iter_rows(named=True):
        for label in _labels_of(row["problems"], schema):
            if label in headers:
                text = as_text(checked.raw[headers[label]])[row["row_number"] - 1]
                cells[row["row_number"], label] = text[:MOST_CHARS]
    return cells


def repeated_clients(checked: Checked, schema: Schema) -> list[tuple[str, list[int]]]:
    """The clients who stand on more than one row of a file, and on which."""
    number = schema.id_field.name if schema.id_field is not None else None
    if number is None or number not in checked.accepted.columns:
        return []
    given = checked.accepted.select(pl.col(number).cast(pl.String).alias("client"), "row_number").drop_nulls("client")
    rows = given.group_by("client", maintain_order=True).agg("row_number").filter(pl.col("row_number").list.len() > 1)
    return list(rows.iter_rows())


def unusual(scored: pl.DataFrame) -> tuple[pl.DataFrame, list[str]]:
    """The clients with something unusual about them; and the stop of each that nothing else left to a colleague.

    A stop says nothing about a client: it is taken out of what is unusual.
    """
    if scored.is_empty():
        return scored, []
    odd = scored.filter(pl.col("problems").list.len() > 0)
    first = odd["problems"].list.first()
    is_stopped = pl.Series([was_stopped([text]) for text in first], dtype=pl.Boolean)
    own = odd["problems"].list.slice(1)
    alone = is_stopped & (own.list.len() == 0)
    told = odd.with_columns(pl.when(is_stopped).then(own).otherwise(pl.col("problems")).alias("problems"))
    return told.filter(~alone), first.filter(alone).to_list()


def client_numbers(checked: Checked, schema: Schema, assigned: Assigned) -> pl.Series | None:
    """What the file calls each of its clients, row by row; None if it has no numbers of clients."""
    fields = file_questions.fields_of_checked(checked, schema, assigned)
    header = next((header for header, field in fields.items() if field.role == "id"), None)
    return None if header is None else as_text(checked.raw[header])


def _labels_of(problems: Sequence[str], schema: Schema) -> list[str]:
    """Of which fields, by their labels, something odd is said."""
    return [field.label for field in schema.features if any(said.startswith(f"{field.label}: ") for said in problems)]


def _rejected_list(
    rejected: Sequence[Rejection], n_scored: int, clients: pl.Series | None, fields: Mapping[str, Field]
) -> list[Component]:
    if not rejected:
        return []
    verb = "was" if n_scored == 1 else "were"
    others = f" The other {counted(n_scored, 'client')} {verb} scored." if n_scored else ""
    names = ["Row", "Line", *([] if clients is None else ["Client"]), "Column", "What stands there", "Expected"]
    rows = [row for rejection in rejected[:MOST_LISTED] for row in _rejected_rows(rejection, clients, fields)]
    return [
        html.P(html.B(f"{counted(len(rejected), 'row')} could not be scored.{others}")),
        html.Table(
            [html.Thead(html.Tr([html.Th(name, scope="col") for name in names])), html.Tbody(rows)],
            className="rejected",
        ),
        *_more(len(rejected)),
    ]


def _rejected_rows(rejection: Rejection, clients: pl.Series | None, fields: Mapping[str, Field]) -> list[Component]:
    """A row of the list for each cell at fault."""
    whole = Fault("", rejection.value, rejection.fault, rejection.expected)
    number = [] if clients is None else [html.Td(clients[rejection.row - 1] or "—", className="client")]
    return [
        html.Tr(
            [
                html.Td(f"{rejection.row:,}", className="figure row"),
                html.Td(f"{rejection.line:,}", className="figure line"),
                *number,
                html.Td(cell.label or "whole row", className="column"),
                html.Td(cell.fault),
                html.Td(_expected(rejection.row, cell, fields), className="expected"),
            ]
        )
        for cell in rejection.cells or (whole,)
    ]


def _expected(row: int, cell: Fault, fields: Mapping[str, Field]) -> list[Component | str]:
    """What belongs into a cell, and a box for it; a row that is at fault as a whole has none."""
    return [cell.expected, _correction(row, fields[cell.label], cell.text)] if cell.label else [cell.expected]


def _odd_list(odd: pl.DataFrame, given: Mapping[tuple[int, str], str], fields: Mapping[str, Field]) -> list[Component]:
    if not odd.height:
        return []
    items = []
    for row in odd.head(MOST_LISTED).iter_rows(named=True):
        number = row["row_number"]
        cells = [
            _correction(number, fields[label], text, is_named=True)
            for (place, label), text in given.items()
            if place == number
        ]
        items.append(html.Li([f"Client {client_words(row['application_id'])}: {'; '.join(row['problems'])}", *cells]))
    return [
        html.P(html.B(f"{counted(odd.height, 'client')} with an unusual value: ask a colleague, or correct it.")),
        html.Ul(items, className="odd"),
        *_more(odd.height),
    ]


def _repeated_list(repeated: Sequence[tuple[str, list[int]]]) -> list[Component]:
    if not repeated:
        return []
    items = [
        html.Li(f"Client {client}: rows {', '.join(f'{row:,}' for row in rows[:10])}")
        for client, rows in repeated[:MOST_LISTED]
    ]
    return [
        html.P(html.B(f"{counted(len(repeated), 'client')} on more than one row; each row was scored.")),
        html.Ul(items),
        *_more(len(repeated)),
    ]


def _correcting(given: Mapping[tuple[int, str], str], fields: Mapping[str, Field]) -> list[Component]:
    """The way to score the rows whose cells were corrected in the list, if any can be; and what categories may be."""
    if not given:
        return []
    asked = [fields[label] for label in dict.fromkeys(label for _, label in given)]
    return [
        *(
            html.Datalist([html.Option(value=item.label) for item in field.categories], id=_values_of(field))
            for field in asked
            if field.categories
        ),
        html.P(
            [
                html.Button("Score the corrected clients", id="corrected", className="button", n_clicks=0),
                html.Span(id="corrected-message", role="alert"),
            ],
            className="actions",
        ),
    ]


def _correction(row: int, field: Field, text: str, *, is_named: bool = False) -> Component:
    """A box for what should stand in a cell."""
    name = [html.Span(f"{field.label} ", className="named")] if is_named else []
    allowed = _values_of(field) if field.categories else None
    cell = dcc.Input(id={"cell": field.label, "row": row}, value=text, maxLength=MOST_CHARS, list=allowed)
    words = f"Correct {field.label} of row {row}"
    return html.Label([*name, html.Span(words, className="only-heard"), cell])


def _values_of(field: Field) -> str:
    return f"values-of-{field.name}"


def _more(n: int) -> list[Component]:
    if n <= MOST_LISTED:
        return []
    return [html.P(f"And {n - MOST_LISTED:,} more: all of them are in the downloaded result.", className="quiet")]
