"""The known datasets, found by being there: a schema file each, and a reader beside it where its tables need one.

`<name>.toml` is the schema. `<name>.py`, if there is one, may have `fetch(cache)`, for a table that can be had without
a source; `read(source)`, for tables that mean something only as a whole; `prepare(raw)`, where tables come in several
spellings or leave something to be worked out row by row, and `WORKED_OUT_FROM`, the columns that are read for that and
are no fields; and `NOT_FETCHED`, what to say where no source is named. Any other table is described by a schema file
somewhere else, and goes the same way.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import polars as pl

from creditrisk import quality
from creditrisk.columns import key
from creditrisk.errors import SchemaError, SourceError
from creditrisk.schema import Field, Schema
from creditrisk.sources import RawTable, Record, from_records, is_there, read_table
from creditrisk.text import shorten

FOLDER = Path(__file__).parent
PACKAGE = "creditrisk.datasets"


def names_in(folder: Path) -> tuple[str, ...]:
    """The datasets whose schema files lie in a folder, by name."""
    return tuple(sorted(path.stem for path in folder.glob("*.toml") if path.is_file()))


KNOWN = names_in(FOLDER)


@dataclass(frozen=True)
class Reader:
    """What a dataset's tables need: None, or an empty text, for what they do not."""

    fetch: Callable[[Path | None], RawTable] | None
    read: Callable[[str], RawTable] | None
    prepare: Callable[[RawTable], RawTable] | None
    not_fetched: str
    worked_out_from: tuple[str, ...] = ()


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
    return _known_schema(dataset) if dataset in KNOWN else Schema.from_file(_own_file(dataset))


def read(dataset: str, source: str | None, *, cache: Path | None = None) -> RawTable:
    """The table of a dataset, unchecked: every cell as text, in a spelling that the checks read.

    Parameters
    ----------
    dataset
        As for `load_schema`.
    source
        File or URI; None for where a known dataset usually comes from.
    cache
        Folder in which what was fetched from elsewhere is kept for the next time; None keeps nothing.

    Raises
    ------
    SchemaError
        If there is no such dataset.
    SourceError
        If the table cannot be read, or none is named where none can be fetched.
    """
    reader = _reader_for(load_schema(dataset))
    if not source:
        if dataset in KNOWN and reader.fetch is not None:
            return reader.fetch(cache)
        raise SourceError(
            (dataset in KNOWN and reader.not_fetched)
            or f"schema file '{dataset}' says what the columns are, not where the table lies. Pass a source (SOURCE=): "
            "a file or a URI."
        )
    if reader.read is not None:
        return reader.read(source)
    raw = read_table(source)
    return raw if reader.prepare is None else reader.prepare(raw)


def match_headers(raw: RawTable, schema: Schema) -> dict[str, str]:
    """Name of each field, and the outcome's, to the column it stands in, where there is one."""
    prepare = _reader_for(schema).prepare
    return quality.match_headers((raw if prepare is None else prepare(raw)).frame.columns, schema)


def unknown_fields(names: Sequence[str], schema: Schema) -> list[str]:
    """The columns among these that nothing is read from, and that the schema does not exclude either.

    Examples
    --------
    >>> unknown_fields(["income_eur", "Savings", "saving_eur"], load_schema("simulated"))
    ['saving_eur']
    """
    reader = _reader_for(schema)
    if reader.prepare is None:
        return quality.unknown_headers(names, schema)
    # Which columns are read under other names, a table of no rows tells as well.
    prepared = reader.prepare(RawTable(pl.DataFrame(schema=dict.fromkeys(names, pl.String)), [], has_lines=False))
    read = {key(name) for name in reader.worked_out_from}
    return [name for name in quality.unknown_headers(prepared.frame.columns, schema) if key(name) not in read]


def check(raw: RawTable, schema: Schema) -> quality.Checked:
    """`quality.check` for applications to be scored, in any spelling that the schema's dataset circulates in.

    `raw` of the result is the table as it came.
    """
    prepare = _reader_for(schema).prepare
    if prepare is None:
        return quality.check(raw, schema)
    checked = quality.check(prepare(raw), schema)
    return replace(checked, raw=raw.frame.tail(checked.raw.height))


def check_few(records: Sequence[Record], schema: Schema) -> quality.CheckedFew:
    """`quality.check_few` for applications to be scored, in any spelling that the schema's dataset circulates in."""
    if _reader_for(schema).prepare is None:
        return quality.check_few(records, schema)
    checked = check(from_records(records), schema)
    return quality.CheckedFew(checked.accepted.to_dicts(), checked.rejected)


def check_blocks(blocks: Iterable[RawTable], schema: Schema) -> Iterator[quality.Checked]:
    """`quality.check_blocks` for applications to be scored, in any spelling that the schema's dataset circulates in.

    `raw` of the results is the table as it came.
    """
    prepare = _reader_for(schema).prepare
    if prepare is None:
        yield from quality.check_blocks(blocks, schema)
        return
    # As many blocks are asked for ahead as `quality.check_blocks` wants to see before it gives the first.
    waiting: deque[pl.DataFrame] = deque()

    def prepared() -> Iterator[RawTable]:
        for raw in blocks:
            waiting.append(raw.frame)
            yield prepare(raw)

    for checked in quality.check_blocks(prepared(), schema):
        came = pl.concat(waiting)
        waiting.clear()
        yield replace(checked, raw=came.tail(checked.raw.height))


def read_every_row(
    blocks: Iterable[RawTable], schema: Schema, beside: Sequence[Field] = ()
) -> Iterator[quality.ReadBlock]:
    """`quality.read_every_row` for tables in any spelling that the schema's dataset circulates in."""
    prepare = _reader_for(schema).prepare
    yield from quality.read_every_row(blocks if prepare is None else map(prepare, blocks), schema, beside)


@lru_cache
def _known_schema(name: str) -> Schema:
    return Schema.from_file(FOLDER / f"{name}.toml")


@lru_cache
def _known_reader(name: str) -> Reader:
    module = import_module(f"{PACKAGE}.{name}") if find_spec(f"{PACKAGE}.{name}") else None
    fetch, read_source, prepare = (getattr(module, name, None) for name in ("fetch", "read", "prepare"))
    return Reader(
        fetch, read_source, prepare, getattr(module, "NOT_FETCHED", ""), getattr(module, "WORKED_OUT_FROM", ())
    )


def _own_file(dataset: str) -> Path:
    """The path of a schema file; SchemaError if there is none."""
    if not dataset.endswith(".toml"):
        raise SchemaError(
            f"there is no dataset called '{shorten(dataset)}'. Known datasets: {', '.join(KNOWN)}. For a table of your "
            "own, pass the path of its schema file, ending in .toml."
        )
    if not is_there(dataset) or not Path(dataset).is_file():
        raise SchemaError(f"schema file '{shorten(dataset)}' was not found. Check the path and the folder you are in.")
    return Path(dataset)


def _reader_for(schema: Schema) -> Reader:
    """The reader of the known dataset that a schema describes, perhaps with other costs or ranges.

    A mere namesake, with other fields, has none.
    """
    if schema.name in KNOWN:
        known = load_schema(schema.name)
        if [field.name for field in schema.fields] == [field.name for field in known.fields]:
            return _known_reader(schema.name)
    return Reader(None, None, None, not_fetched="")
