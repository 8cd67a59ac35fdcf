"""One applicant filled in by hand: a form made from the schema, checked while it is filled in. Part of score_clients.

What stands in it is read by the very reader of files: it is made a file of one row, and goes that file's whole way.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from concurrent.futures import wait
from dataclasses import replace
from datetime import date
from typing import Any, NamedTuple, TypedDict

import polars as pl
from dash import ALL, MATCH, Dash, Input, Output, State, dcc, html, no_update, set_props
from dash.development.base_component import Component

from creditrisk import datasets
from creditrisk.errors import CreditRiskError
from creditrisk.quality import Checked
from creditrisk.schema import Field, Schema, Written
from creditrisk.scoring import sample_record
from creditrisk.sources import parse_upload
from creditrisk.text import counted, sentence, shorten
from webapp import upload_scoring
from webapp.access import the_caller
from webapp.context import AppContext
from webapp.pages.components import attributes
from webapp.pages.template import fields_to_fill, template_table

FILENAME = "Filled in by hand"
DECIMAL_COMMA: Written = "1.234,50"
# Longer than anything that belongs into a field.
MOST_CHARS = 200
# One applicant is scored by then, and the page goes straight to the case.
PATIENCE_SECONDS = 0.4
OPEN, CLOSE = "Fill in one applicant", "Close the form"
STILL_THERE = "The applicant scored last still stands here: correct them and score again, or empty the form."
OTHER_MODEL = "Another model answers by now, and asks for other things. Empty the form to fill in what it asks for."


class FieldId(TypedDict):
    """Of which field, by its name, a part of the form is."""

    fill: str


class Said(NamedTuple):
    """What the reader made of a field: its value in words, what is unusual about it, or why nobody can be scored."""

    words: str = ""
    oddity: str = ""
    fault: str = ""


def opener() -> Component:
    """The button that opens the form, and closes it."""
    return html.Button(OPEN, id="fill-in-open", className="button", n_clicks=0, **attributes("aria-", expanded="false"))


def layout() -> list[Component]:
    """Where the form will stand."""
    return [
        html.Section(id="fill-in", className="fill-in notice", hidden=True, **attributes("aria-", label=OPEN)),
        dcc.Store(id="fill-in-of"),
    ]


def register(app: Dash, context: AppContext) -> None:
    """Add the callbacks of the form to the page's app."""
    _register_form(app, context)

    @app.callback(
        Output({"fill": MATCH, "part": "said"}, "children"),
        Input({"fill": MATCH, "part": "typed"}, "data"),
        State({"fill": MATCH, "part": "typed"}, "id"),
        prevent_initial_call=True,
    )
    def check(value: str | None, item: FieldId) -> list[Component]:
        schema = context.scorer().schema
        field = next((field for field in fields_to_fill(schema) if field.name == item["fill"]), None)
        # What is empty is asked for once all of it is sent.
        return [] if field is None or not _cell(value) else _told(said_of(schema, field, _cell(value)), field)

    @app.callback(
        Output("job", "data", allow_duplicate=True),
        Output("tick", "disabled", allow_duplicate=True),
        Output({"fill": ALL, "part": "said"}, "children", allow_duplicate=True),
        Output("fill-in-message", "children"),
        Input("fill-in-score", "n_clicks"),
        State({"fill": ALL, "part": "cell"}, "value"),
        State({"fill": ALL, "part": "cell"}, "id"),
        State("fill-in-of", "data"),
        prevent_initial_call=True,
    )
    def score(n_clicks: int, values: list[Any], ids: list[FieldId], made_of: str) -> tuple[Any, Any, list[Any], Any]:
        told: list[Any] = [no_update] * len(ids)
        if not n_clicks:
            return no_update, no_update, told, no_update
        schema = context.scorer().schema
        if made_of != fingerprint(schema):
            return no_update, no_update, told, OTHER_MODEL
        cells = {item["fill"]: _cell(value) for item, value in zip(ids, values, strict=True)}
        fields = {field.name: field for field in fields_to_fill(schema)}
        said = {name: said_of(schema, field, cells.get(name, "")) for name, field in fields.items()}
        # Each part of the form is of a field; a name that none has is of no page of ours.
        told = [_told(said[name], fields[name]) if (name := item["fill"]) in fields else no_update for item in ids]
        if n_faults := sum(bool(item.fault) for item in said.values()):
            verb = "needs" if n_faults == 1 else "need"
            message = f"{counted(n_faults, 'field')} {verb} your attention. Nothing was scored."
            return no_update, no_update, told, message
        cells = {name: plain_cell(schema, fields[name], cell) for name, cell in cells.items() if name in fields}
        try:
            name, work = upload_scoring.begin(context, as_file(schema, cells), FILENAME, the_caller().actor)
        except CreditRiskError as exc:
            return no_update, no_update, told, sentence(str(exc))
        wait([work], timeout=PATIENCE_SECONDS)
        _show(is_open=False)
        return name, False, told, STILL_THERE


def _register_form(app: Dash, context: AppContext) -> None:
    """How the form is opened, closed and emptied."""

    @app.callback(
        Output("fill-in", "children"),
        Output("fill-in-of", "data"),
        Input("fill-in-open", "n_clicks"),
        State("fill-in", "hidden"),
        State("fill-in-of", "data"),
        prevent_initial_call=True,
    )
    def open_or_close(n_clicks: int, is_hidden: bool, made_of: str | None) -> tuple[Any, Any]:
        if not n_clicks:
            return no_update, no_update
        schema = context.scorer().schema
        _show(is_open=is_hidden)
        # What was filled in stays for as long as the model asks for it.
        of_now = fingerprint(schema)
        return (no_update, no_update) if made_of == of_now else (form(schema), of_now)

    @app.callback(
        Output("fill-in", "children", allow_duplicate=True),
        Output("fill-in-of", "data", allow_duplicate=True),
        Input("fill-in-empty", "n_clicks"),
        prevent_initial_call=True,
    )
    def empty(n_clicks: int) -> tuple[Any, Any]:
        schema = context.scorer().schema
        return (form(schema), fingerprint(schema)) if n_clicks else (no_update, no_update)

    @app.callback(
        Input("job", "data"),
        State("fill-in", "hidden"),
        prevent_initial_call=True,
    )
    def make_room(_job: str | None, is_hidden: bool) -> None:
        # Another file was dropped or opened: its result is not pushed down by the form, which keeps what stands in it.
        if not is_hidden:
            _show(is_open=False)


def _show(*, is_open: bool) -> None:
    set_props("fill-in", {"hidden": not is_open})
    words = CLOSE if is_open else OPEN
    set_props("fill-in-open", {"children": words, **attributes("aria-", expanded=str(is_open).lower())})


def form(schema: Schema) -> list[Component]:
    """The empty form: who it is and what is needed, below a fold what is not, and the way to the answer."""
    fields = fields_to_fill(schema)
    above = [field for field in fields if field.role == "id" or _is_asked_for(field)]
    below = [field for field in fields if field not in above]
    numbers = {field.name: number for number, field in enumerate(fields)}
    folded = html.Details(
        [
            html.Summary(f"{counted(len(below), 'more field')}, if you have it"),
            html.Div([_part(field, numbers[field.name]) for field in below], className="fields"),
        ]
    )
    return [
        html.H2(OPEN),
        html.Div([_part(field, numbers[field.name]) for field in above], className="fields"),
        *([folded] if below else []),
        html.P(id="fill-in-message", role="alert", className="fill-in-message"),
        html.Div(
            [
                html.Button("Score the applicant", id="fill-in-score", className="button primary", n_clicks=0),
                html.Button("Empty the form", id="fill-in-empty", className="button", n_clicks=0),
            ],
            className="actions",
        ),
    ]


def _part(field: Field, number: int) -> Component:
    """A field with its name, what it should hold, and room for what the reader says of it.

    assets/fill_in.js ties the three together for who hears the page: Dash's own field has no attributes for that.
    """
    # As Dash writes it.
    name = f'{{"fill":"{field.name}","part":"cell"}}'
    label = [html.B(_with_unit(field)), html.Small(" needed") if _is_asked_for(field) else None]
    hint = "" if field.type == "text" else sentence(field.expected)
    if field.role == "time":
        hint += "; if empty, today"
    about = [
        html.Small(hint, className="hint"),
        html.P(id={"fill": field.name, "part": "said"}, className="said", role="status"),
    ]
    return html.Div(
        [
            html.Label(label, htmlFor=name, title=field.description),
            *_control(field),
            html.Div(about, id=f"fill-in-about-{number}", className="about-field"),
            # Set by assets/fill_in.js half a second after the last key.
            dcc.Store(id={"fill": field.name, "part": "typed"}),
        ],
        className="field",
        **attributes("data-", field=field.name, needed=str(_is_asked_for(field)).lower()),
    )


def _control(field: Field) -> list[Component]:
    """Where the value is typed, with what a category may hold to choose from."""
    values = f"values-of-{field.name}"
    typed = dcc.Input(
        id={"fill": field.name, "part": "cell"},
        type="text",
        value="",
        list=values if field.categories else None,
        inputMode="decimal" if field.is_numeric else "text",  # type: ignore[arg-type]  # Dash's list lacks both
        # With a pause of its own Dash's field puts the cursor back while somebody types on, which mixes letters up.
        debounce=False,
        autoComplete="off",
        maxLength=MOST_CHARS,
    )
    options = [html.Option(value=category.label) for category in field.categories]
    return [typed, html.Datalist(options, id=values)] if options else [typed]


def said_of(schema: Schema, field: Field, cell: str) -> Said:
    """What the reader of files makes of one cell, all others being a made-up client's.

    One cell alone does not say whether a comma or a point divides its decimals, and a person writes as at home: where
    only one of the two gives a number within the field's bounds it is meant, and where both do they are asked.
    """
    return _read_as_meant(schema, field, cell).said


def plain_cell(schema: Schema, field: Field, cell: str) -> str:
    """The cell as it goes into the file: as it was typed, unless the reader would not read there what was meant."""
    if not _has_marks(field, cell):
        return cell
    alone, meant = _read_cell(schema, field, cell), _read_as_meant(schema, field, cell)
    return cell if meant.value is None or meant.value == alone.value else _plainly(float(meant.value))


class _Reading(NamedTuple):
    said: Said
    value: Any = None


def _read_as_meant(schema: Schema, field: Field, cell: str) -> _Reading:
    alone = _read_cell(schema, field, cell)
    if not _has_marks(field, cell):
        return alone
    with_comma = replace(field, notation=DECIMAL_COMMA)
    fields = tuple(with_comma if item.name == field.name else item for item in schema.fields)
    other = _read_cell(replace(schema, fields=fields), with_comma, cell)
    if other.said.fault or other.value == alone.value:
        return alone
    if alone.said.fault or bool(alone.said.oddity) != bool(other.said.oddity):
        return other if alone.said.fault or alone.said.oddity else alone
    either = f"'{shorten(cell)}' can be read as {other.said.words} and as {alone.said.words}"
    write = f"{_plainly(float(other.value))} or {_plainly(float(alone.value))}"
    return _Reading(Said(fault=f"{either}. Write {write}."))


def _has_marks(field: Field, cell: str) -> bool:
    """Whether a cell holds a number whose commas and points nobody has explained: a schema may have."""
    return field.is_numeric and not field.notation and ("," in cell or "." in cell)


def _read_cell(schema: Schema, field: Field, cell: str) -> _Reading:
    if not (cell or _is_asked_for(field)):
        return _Reading(Said())
    try:
        checked = _read(schema, _example(schema) | {field.name: cell})
    except CreditRiskError as exc:
        return _Reading(Said(fault=sentence(str(exc))))
    if checked.rejected:
        rejection = checked.rejected[0]
        # What is expected stands beside an empty field already.
        fault = f"{sentence(rejection.fault)}. Expected {rejection.expected}." if cell else "Needed."
        return _Reading(Said(fault=fault))
    [row] = checked.accepted.to_dicts()
    value = row[field.name]
    return _Reading(Said(field.in_words(value), sentence("; ".join(row["problems"]))), value)


def _plainly(value: float) -> str:
    """A number that can be read in one way only: no mark between thousands, and never three decimals alone.

    Examples
    --------
    >>> _plainly(2500.0), _plainly(2.5), _plainly(12.125)
    ('2500', '2.50', '12.1250')
    """
    return f"{value:.0f}" if value.is_integer() else f"{value:.12f}".rstrip("0") + "0"


def as_file(schema: Schema, cells: Mapping[str, str]) -> bytes:
    """A file of one row: what was filled in below each field's label; for no day of application, today."""
    fields = fields_to_fill(schema)
    today = {field.name: date.today().isoformat() for field in fields if field.role == "time"}
    texts = {field.label: [cells.get(field.name) or today.get(field.name, "")] for field in fields}
    return pl.DataFrame(texts).write_csv(quote_style="always").encode()


def _read(schema: Schema, cells: Mapping[str, str]) -> Checked:
    return datasets.check(parse_upload(as_file(schema, cells), filename=FILENAME, max_rows=1), schema)


def _example(schema: Schema) -> dict[str, str]:
    """Cells that nothing is odd about, under a client's number."""
    [row] = template_table(schema, sample_record(schema)).rows()
    return {
        field.name: "1" if field.role == "id" else str(value)
        for field, value in zip(fields_to_fill(schema), row, strict=True)
    }


def _cell(value: object) -> str:
    return str(value or "").strip()[:MOST_CHARS]


def _told(said: Said, field: Field) -> list[Component]:
    """What stands beside a field; how a number or a day was understood, too."""
    if said.fault:
        return [html.Span(said.fault, className="fault")]
    if said.oddity:
        return [html.Span(f"{said.oddity}. A colleague will be asked.", className="oddity")]
    return [html.Span(f"Read as {said.words}.")] if said.words and field.type not in ("category", "text") else []


def _is_asked_for(field: Field) -> bool:
    return field.role == "feature" and field.is_needed


def _with_unit(field: Field) -> str:
    return f"{field.label} ({field.unit})" if field.is_numeric and field.unit else field.label


def fingerprint(schema: Schema) -> str:
    """Which form it is, as a browser may keep it."""
    return hashlib.sha256(repr(fields_to_fill(schema)).encode()).hexdigest()
