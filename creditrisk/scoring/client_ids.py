"""What an application goes by that came without a number of its own: its row, and a mark of what it said.

By its row alone, the first row of every file would be one and the same person to whoever looks the log up, hands a
person's data out, erases it or reports what became of them. The same row of the same file has the same id whenever and
however it is scored. Who is corrected stays who they are: `kept_id` in a table is what such a row goes by already.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from hashlib import blake2b

import polars as pl

from creditrisk.schema import Schema

# A pattern for Python and polars alike.
UNNUMBERED = r"^row-(?P<row>\d{1,9})-[0-9a-f]{16}$"

KEPT_ID = "kept_id"


def made_id(row_number: int, values: Sequence[object]) -> str:
    """The id of an application without a number; `values` are its fields in the order of the schema.

    Examples
    --------
    >>> made_id(12, (61, 2000.0, None, "own"))
    'row-12-4f85fbfdf8f57d82'
    """
    mark = blake2b(repr(tuple(values)).encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()
    return f"row-{row_number}-{mark}"


def application_ids(accepted: pl.DataFrame, schema: Schema) -> pl.Series:
    """The id of each accepted row: the client's own, else the one it has kept, else one made of the row."""
    own = pl.Series([None], dtype=pl.String).new_from_index(0, accepted.height)
    if schema.id_field is not None:
        own = accepted[schema.id_field.name]
    if KEPT_ID in accepted.columns:
        own = own.cast(pl.String).fill_null(accepted[KEPT_ID])
    if not own.null_count():
        return own
    names = [field.name for field in schema.fields if field.name in accepted.columns]
    without = accepted.filter(own.is_null()).select("row_number", *names)
    made = iter([made_id(row_number, values) for row_number, *values in without.iter_rows()])
    return pl.Series([next(made) if number is None else number for number in own.to_list()], dtype=pl.String)


def client_words(application_id: str) -> str:
    """An application's id as people read it.

    Examples
    --------
    >>> client_words("A7"), client_words("row-12-4f85fbfe3d5f6082")
    ('A7', 'row 12')
    """
    found = re.search(UNNUMBERED, application_id)
    return f"row {found['row']}" if found else application_id
