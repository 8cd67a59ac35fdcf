"""A first schema for a table that nobody has described yet.

`infer` looks at every column, decides what it probably is, and says what a person should decide; `Inference.to_toml`
writes the schema with those words as comments beside each field. Unedited, the schema errs on the side of caution: what
may tell the outcome, identify a client or teach nothing is excluded, and what the law may protect is kept from the
model. Cells are read as the checks read them, so that the checks accept what was seen here. Knows no dataset. See
docs/own-data.md.
"""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

import polars as pl

from creditrisk.columns import key
from creditrisk.errors import SchemaError
from creditrisk.quality import habits_of, is_missing, without_no_clients
from creditrisk.schema import RESERVED, Costs, Field, Schema, Target, Written
from creditrisk.schema_inference import header_hints
from creditrisk.schema_inference.document import Inference
from creditrisk.schema_inference.doubts import doubts_about
from creditrisk.schema_inference.families import ask_about_sisters
from creditrisk.schema_inference.kinds import READABLE_SHARE, Cells, Column
from creditrisk.schema_inference.maturity import maturity_remarks, time_of_mature, years_too_young
from creditrisk.schema_inference.outcome import read_outcome, with_target
from creditrisk.schema_inference.roles import describe_column, is_amount_lent, one_id
from creditrisk.schema_inference.signs import with_sign
from creditrisk.schema_inference.together import ask_about_pairs
from creditrisk.sources import RawTable
from creditrisk.text import counted, shorten

# So many lines below a table are looked at.
MAX_BELOW = 10


def infer(raw: RawTable, *, target: str, bad: Sequence[str], good: Sequence[str] = (), name: str) -> Inference:
    """Propose a schema for a table.

    Parameters
    ----------
    raw
        The whole table as text. The order of its rows does not matter.
    target
        Header of the column with the outcome.
    bad, good
        Its values that mean bad and good; without `good`, every other value means good.
    name
        What the schema, and the model trained with it, is called.

    Raises
    ------
    SchemaError
        If there is no such column, one of its values is not in it, all outcomes are the same, or no column is left to
        learn from.

    Examples
    --------
    >>> from creditrisk.sources import from_records
    >>> loans = [{"income": str(500 + 7 * n), "sex": "mf"[n % 2], "BAD": str(int(n % 5 == 0))} for n in range(200)]
    >>> proposed = infer(from_records(loans), target="bad", bad=["1"], name="corner")
    >>> [(field.name, field.type, field.role) for field in proposed.schema.fields]
    [('income', 'number', 'feature'), ('sex', 'category', 'protected')]
    """
    _check_widths(raw)
    raw, header = with_target(raw, target)
    raw, lines_out = without_no_clients(raw)
    # Rows in an order of their own: however the file is sorted, the same comes out.
    order = raw.texts.hash_rows(seed=1).arg_sort()
    frame = raw.texts[order]
    spec, outcome, remarks = read_outcome(frame[header], header, bad, good)
    remarks += _below_the_table(raw, header, lines_out)
    known = pl.Series(outcome >= 0)
    headers = [column for column in frame.columns if column != header]
    fields = _with_habits(_names(headers, {spec.name, key(header)}), frame, raw.delimiter)
    columns = [
        describe_column(
            Cells.of(frame[column].filter(known), fields[column], raw), outcome[outcome >= 0], has_name=raw.has_names
        )
        for column in headers
    ]
    columns = ask_about_sisters(one_id([_without_habits(column) for column in columns]))
    columns = ask_about_pairs(columns, frame, outcome, raw.delimiter)
    columns, young = time_of_mature(columns, frame, outcome)
    columns = [with_sign(column, frame, outcome) for column in columns]
    _check_features(columns, header)
    schema = _schema(name, columns, spec)
    remarks += doubts_about(raw, schema, columns, outcome)
    if schema.time_field is None:
        remarks += years_too_young(columns, frame, outcome)
    return Inference(schema, (*remarks, *maturity_remarks(young)), tuple(columns))


def _schema(name: str, columns: Sequence[Column], target: Target) -> Schema:
    """The schema of these columns, called by the name."""
    lent = next((column.field.name for column in columns if is_amount_lent(column)), "")
    return Schema(
        # A name that has no Latin letters must not be that of every such table.
        name=header_hints.canonical(name) or f"own_data_{zlib.crc32(name.encode()):08x}",
        title=header_hints.label(name) or "Own data",
        fields=tuple(column.field for column in columns),
        target=target,
        costs=Costs(),
        amount_field=lent,
    )


def _below_the_table(raw: RawTable, header: str, lines_out: Sequence[int]) -> tuple[str, ...]:
    """What to say of lines that were left out, and of the last rows if they hold no outcome, as totals do."""
    why = "totals, notes, units or names once more"
    said = (f"Nothing is learned from {_lines(lines_out)}: {why}.",) if lines_out else ()
    empty = is_missing(raw.texts[header].tail(MAX_BELOW)).reverse()
    n_below = int(empty.cum_min().sum()) if len(empty) else 0
    if not n_below or n_below == len(empty) or not raw.has_lines:
        return said
    return (
        *said,
        f"Nothing is learned from {_lines(raw.lines[-n_below:])}, without an outcome: totals or notes?",
    )


def _lines(lines: Sequence[int]) -> str:
    shown = ", ".join(f"{line:,}" for line in lines[:MAX_BELOW])
    return f"line{'s' * (len(lines) > 1)} {shown}{', …' if len(lines) > MAX_BELOW else ''}"


def _with_habits(fields: Mapping[str, Field], frame: pl.DataFrame, delimiter: str) -> dict[str, Field]:
    """The fields with what the others of their file say about how a column is written that does not say it itself."""
    notation, date_format = habits_of(frame.select(list(fields)), delimiter)
    return {name: replace(field, notation=notation, date_format=date_format) for name, field in fields.items()}


def _without_habits(column: Column) -> Column:
    """The column without what is no matter of its type."""
    field = column.field
    notation: Written = field.notation if field.is_numeric else ""
    date_format = field.date_format if field.type == "date" else ""
    return replace(column, field=replace(field, notation=notation, date_format=date_format))


def _names(headers: Sequence[str], taken: set[str]) -> dict[str, Field]:
    """A bare field for each header: a name of its own, a label of its own, and the header as alias if it is another.

    Headers that are their own names keep them; of others that come to the same name, each gets a number.
    """
    fields: dict[str, Field] = {}
    used = {key(name) for name in (*taken, *RESERVED)}
    labels: set[str] = set()
    for header in sorted(headers, key=lambda header: header_hints.canonical(header) != header):
        wanted = header_hints.canonical(header) or "field"
        number, name = 1, wanted
        while key(name) in used:
            number += 1
            name = f"{wanted}_{number}"
        shown = header_hints.label(header) or name
        if key(shown) in labels:
            shown = f"{shown} ({number})"
        used.add(key(name))
        labels.add(key(shown))
        aliases = () if key(name) == key(header) and not {*header} & {*"%#"} else (header,)
        fields[header] = Field(name, "text", shown, aliases=aliases, is_required=False)
    return fields


def _check_features(columns: Sequence[Column], header: str) -> None:
    if not any(column.field.role == "feature" for column in columns):
        raise SchemaError(
            f"none of the {len(columns)} columns beside '{shorten(header)}' can be learned from: they are empty, "
            "constant, free text, numbers of clients, protected, or know the outcome. Give another table."
        )


def _check_widths(raw: RawTable) -> None:
    """Refuse a table most rows of which have another number of cells than there are names."""
    if len(raw.ragged) <= (1 - READABLE_SHARE) * raw.frame.height:
        return
    n_cells, n_rows = Counter(raw.ragged.values()).most_common(1)[0]
    raise SchemaError(
        f"{counted(n_rows, 'row has', 'rows have')} {n_cells:,} cells, but the first line names {raw.frame.width:,} "
        "columns, so it cannot be told which is which. Give every column a name (R leaves out that of the row names: "
        "write.csv names it, and row.names = FALSE leaves them out), or put quotation marks around values that hold a "
        "comma."
    )
