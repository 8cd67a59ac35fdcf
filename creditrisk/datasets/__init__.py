"""The datasets this project knows: schema, where it can be had, reader, traps; one module each.

A known module has a `SCHEMA` and a `read(source)`; `NOT_FETCHED`, what to say without a source, if its files cannot be
fetched; and a `prepare(raw)` if its files come in several spellings or leave something to be worked out. Any other
table is described by a schema file (TOML) and read from wherever `source` says. Called by training, the command line
and the web app.
"""

from __future__ import annotations

from dataclasses import replace
from importlib import import_module
from pathlib import Path
from types import ModuleType

from creditrisk.errors import SchemaError, SourceError
from creditrisk.quality import Checked, rows
from creditrisk.schema import Schema
from creditrisk.sources import RawTable, is_there, read_table
from creditrisk.text import shorten

KNOWN = (
    "simulated",
    "german_credit",
    "lending_club",
    "lending_club_without_pricing",
    "taiwan_default",
    "home_credit",
    "loan_prediction",
)


def load_schema(dataset: str) -> Schema:
    """The schema of a known dataset, or of a schema file.

    Parameters
    ----------
    dataset
        One of `KNOWN`, or the path of a file that ends in `.toml`.

    Raises
    ------
    SchemaError
        If `dataset` is neither, or the file is not a schema.

    Examples
    --------
    >>> load_schema("simulated").target.bad
    ('1',)
    """
    module = _module(dataset)
    if module is None:
        return Schema.from_file(Path(dataset))
    schema: Schema = module.SCHEMA
    return schema


def read(dataset: str, source: str | None) -> RawTable:
    """The table of a dataset, unchecked: every cell as text, in a spelling that the checks read.

    Parameters
    ----------
    dataset
        As for `load_schema`.
    source
        File or URI; None for where a known dataset usually comes from.

    Raises
    ------
    SchemaError
        If there is no such dataset.
    SourceError
        If the table cannot be read, or a schema file comes without a source.
    """
    module = _module(dataset)
    if module is None:
        if not source:
            raise SourceError(
                f"schema file '{dataset}' says what the columns are, not where the table lies. Pass a source "
                "(SOURCE=): a file or a URI."
            )
        module = _described_by(load_schema(dataset))
        if module is None:
            return read_table(source)
    if not source and hasattr(module, "NOT_FETCHED"):
        raise SourceError(module.NOT_FETCHED)
    table: RawTable = module.read(source)
    return table


def check(raw: RawTable, schema: Schema) -> Checked:
    """`quality.check` for applications to be scored, in any spelling that the schema's dataset circulates in.

    `raw` of the result is the table as it came.
    """
    module = _described_by(schema)
    if module is None or not hasattr(module, "prepare"):
        return rows.check(raw, schema)
    checked = rows.check(module.prepare(raw), schema)
    return replace(checked, raw=raw.frame.tail(checked.raw.height))


def _module(dataset: str) -> ModuleType | None:
    """The module of a known dataset; None for a schema file."""
    if dataset in KNOWN:
        return import_module(f"{__name__}.{dataset}")
    if not dataset.endswith(".toml"):
        raise SchemaError(
            f"there is no dataset called '{shorten(dataset)}'. Known datasets: {', '.join(KNOWN)}. For a table of your "
            "own, pass the path of its schema file, ending in .toml."
        )
    if not is_there(dataset) or not Path(dataset).is_file():
        raise SchemaError(f"schema file '{shorten(dataset)}' was not found. Check the path and the folder you are in.")
    return None


def _described_by(schema: Schema) -> ModuleType | None:
    """The known dataset that a schema describes, perhaps with other costs or ranges; a mere namesake is none."""
    if schema.name not in KNOWN:
        return None
    module = import_module(f"{__name__}.{schema.name}")
    names = [field.name for field in module.SCHEMA.fields]
    return module if [field.name for field in schema.fields] == names else None
