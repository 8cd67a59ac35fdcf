"""The table of scored clients, a block of rows at a time, in the words of the schema.

The grid asks for blocks, so half a million clients cost the browser no more than a hundred.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NotRequired, TypedDict

import polars as pl

from creditrisk.columns import key
from creditrisk.quality import Checked
from creditrisk.schema import Field, Schema
from creditrisk.scoring import UNNUMBERED, VERDICTS, ScoredRow, client_words
from webapp.pages.wording import confidence_words, percent, reason_texts, reasons_in_full, risk_words, value_words
from webapp.scoring import scored_rows

_VERDICT_ORDER = {verdict: index for index, verdict in enumerate(VERDICTS)}
# Columns of the grid that sort by a column of the results.
_SORT_BY = {"risk": "prob_default", "sure": "confidence"}

# One client as the grid shows it: the text of each column, and under `row` the row's number.
GridRow = dict[str, str]


class GridColumn(TypedDict):
    """A column as AG Grid takes it."""

    field: str
    headerName: str
    width: int
    pinned: NotRequired[str]
    tooltipField: NotRequired[str]
    cellClass: NotRequired[str]
    headerClass: NotRequired[str]
    cellRenderer: NotRequired[str]
    filter: NotRequired[str]
    suppressHeaderFilterButton: NotRequired[bool]
    sortable: NotRequired[bool]


class SortRule(TypedDict):
    """By which column the grid is sorted, and whether `asc` or `desc`, as AG Grid writes it."""

    colId: str
    sort: str


def shown_fields(checked: Checked, schema: Schema) -> list[Field]:
    """The schema's fields that the file has anything in, in the order of the schema; not the client's number."""
    accepted = checked.accepted
    return [
        field
        for field in schema.fields
        if field is not schema.id_field
        and field.role != "excluded"
        and accepted[field.name].null_count() < accepted.height
    ]


def other_headers(checked: Checked, schema: Schema) -> list[str]:
    """The file's own columns that the schema does not know."""
    known = {key(text) for field in schema.fields for text in (field.name, field.label, *field.aliases)}
    return [header for header in checked.raw.columns if key(header) not in known]


def grid_columns(checked: Checked, schema: Schema) -> list[GridColumn]:
    """The column definitions of the grid: the answer first, then the client's own columns."""
    columns: list[GridColumn] = [
        {
            "field": "client",
            "headerName": "Client",
            "width": 124,
            "pinned": "left",
            "tooltipField": "client",
            "filter": "agTextColumnFilter",
            "suppressHeaderFilterButton": True,
        },
        {
            "field": "verdict",
            "headerName": "Verdict",
            "width": 186,
            "cellRenderer": "Verdict",
            "filter": "agTextColumnFilter",
            "suppressHeaderFilterButton": True,
        },
        {"field": "risk", "headerName": "Risk", "width": 116, "cellClass": "figure", "headerClass": "figure"},
        {"field": "sure", "headerName": "How sure", "width": 164},
        {
            "field": "reasons",
            "headerName": "Main reasons",
            "width": 480,
            "cellRenderer": "Reasons",
            "sortable": False,
            "tooltipField": "in_full",
        },
    ]
    for index, field in enumerate(shown_fields(checked, schema)):
        column: GridColumn = {
            "field": f"f{index}",
            "headerName": _with_unit(field),
            "width": 160,
            "tooltipField": f"f{index}",
        }
        if field.is_numeric:
            column |= {"cellClass": "figure", "headerClass": "figure", "width": 140}
        columns.append(column)
    for index, header in enumerate(other_headers(checked, schema)):
        columns.append(
            {"field": f"x{index}", "headerName": header, "width": 150, "sortable": False, "tooltipField": f"x{index}"}
        )
    return columns


def grid_rows(
    checked: Checked,
    scored: pl.DataFrame,
    schema: Schema,
    *,
    ask_below: float,
    start: int,
    stop: int,
    sort: Sequence[SortRule] = (),
    verdict: str | None = None,
    sought: str = "",
    chosen_row: int | None = None,
) -> tuple[list[GridRow], int]:
    """Rows `start` to `stop` (exclusive) of the grid, as texts.

    Parameters
    ----------
    ask_below
        The confidence under which a colleague is asked.
    sort
        What to sort by, the most important first; nothing means the file's order.
    verdict
        Only clients with this verdict.
    sought
        Only clients whose number holds this, however it is capitalised.
    chosen_row
        The row number of the client whose case is shown. Where that one stands in the list, counted from 0, is in
        the very first row as `chosen_at`, as the list may have been filtered or sorted.

    Returns
    -------
    tuple
        The rows, and how many there are in all.
    """
    fields, others = shown_fields(checked, schema), other_headers(checked, schema)
    listed = _listed(checked, scored, fields, sort=sort, verdict=verdict, sought=sought)
    block = listed.slice(start, stop - start)
    applications = block.select("row_number").join(checked.accepted, on="row_number", how="left", maintain_order="left")
    own = checked.raw[(block["row_number"] - 1).to_list()].select(others)
    rows = [
        _row(result, inputs, extras, fields, ask_below)
        for result, inputs, extras in zip(
            scored_rows(block), applications.iter_rows(named=True), own.rows() or [()] * block.height, strict=True
        )
    ]
    if start == 0 and rows and chosen_row is not None:
        place = listed["row_number"].index_of(chosen_row)
        rows[0] |= {} if place is None else {"chosen_at": str(place)}
    return rows, listed.height


def _listed(
    checked: Checked,
    scored: pl.DataFrame,
    fields: list[Field],
    *,
    sort: Sequence[SortRule],
    verdict: str | None,
    sought: str,
) -> pl.DataFrame:
    """The results that the list shows, in its order."""
    listed = scored if verdict is None else scored.filter(pl.col("verdict") == verdict)
    if sought:
        number = _client_words().str.to_lowercase()
        listed = listed.filter(number.str.contains(sought.lower(), literal=True))
    keys = [(key, rule["sort"] == "desc") for rule in sort for key in _sort_keys(rule["colId"], fields)]
    if not keys:
        return listed
    values = listed.join(checked.accepted, on="row_number", how="left", maintain_order="left", suffix=" (input)")
    order = values.select(
        pl.arg_sort_by([key for key, _ in keys], descending=[down for _, down in keys], nulls_last=True)
    ).to_series()
    return listed[order]


def _row(
    result: ScoredRow, inputs: dict[str, object], extras: tuple[str, ...], fields: list[Field], ask_below: float
) -> GridRow:
    confidence = result["confidence"]
    return {
        "row": str(result["row_number"]),
        "client": client_words(result["application_id"]),
        "verdict": result["verdict"],
        "risk": risk_words(result["prob_default"]),
        "sure": f"{confidence_words(confidence, ask_below)} · {percent(confidence)}",
        "reasons": " · ".join([*result["problems"], *reason_texts(result)]) or "—",
        "in_full": "\n".join([*result["problems"], reasons_in_full(result)]).strip(),
        **{f"f{index}": value_words(field, inputs[field.name]) for index, field in enumerate(fields)},
        **{f"x{index}": text for index, text in enumerate(extras)},
    }


def _client_words() -> pl.Expr:
    """`client_words` of a column; here in one step, as there may be half a million."""
    return pl.col("application_id").str.replace(UNNUMBERED, "row $row")


def _sort_keys(column: str, fields: list[Field]) -> list[pl.Expr]:
    if column == "client":
        # Numbers in their own order, whatever else there is behind them by the alphabet.
        number = _client_words().str.extract(r"^row (\d+)$").fill_null(pl.col("application_id"))
        return [number.cast(pl.Float64, strict=False), pl.col("application_id")]
    if column == "verdict":
        return [pl.col("verdict").replace_strict(_VERDICT_ORDER, return_dtype=pl.Int8)]
    if column in _SORT_BY:
        return [pl.col(_SORT_BY[column])]
    if column.startswith("f") and column[1:].isdecimal() and int(column[1:]) < len(fields):
        return [pl.col(fields[int(column[1:])].name)]
    return []


def summary(scored: pl.DataFrame) -> dict[str, int]:
    """How many clients got each verdict."""
    counts = dict(scored.group_by("verdict").len().iter_rows())
    return {verdict: counts.get(verdict, 0) for verdict in VERDICTS}


def expected_loss(checked: Checked, scored: pl.DataFrame, schema: Schema) -> tuple[float, float] | None:
    """What is expected to be lost on the offers, and what is lent with them, in the schema's currency.

    The loss is amount times PD, summed over the clients with an offer: nothing recovered from those who default. None
    if the schema does not say which field holds the amount, or there is no offer.
    """
    if not schema.amount_field:
        return None
    offers = scored.filter(pl.col("verdict") == "approve").join(checked.accepted, on="row_number", how="left")
    if offers.is_empty():
        return None
    lent = pl.col(schema.amount_field).fill_null(0)
    loss, total = offers.select((lent * pl.col("prob_default")).sum().alias("loss"), lent.sum().alias("lent")).row(0)
    return float(loss), float(total)


def _with_unit(field: Field) -> str:
    return f"{field.label} ({field.unit})" if field.is_numeric and field.unit else field.label
