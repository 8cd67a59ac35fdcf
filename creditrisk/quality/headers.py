"""Where the columns of a schema stand in a table, however their names are spelt; a sentence if it is another table."""

from __future__ import annotations

import re
from collections.abc import Sequence

from creditrisk.columns import key
from creditrisk.errors import SchemaError
from creditrisk.schema import Field, Schema, Target
from creditrisk.sources import MAX_COLUMNS, PLAIN_NUMBER, RawTable, as_texts, nameless
from creditrisk.text import shorten

# So many rows show whether a name is a value as well.
_LOOKED_AT = 1_000


def read_fields(schema: Schema) -> list[Field]:
    """The fields that are read: what is excluded keeps no row out and is kept nowhere."""
    return [spec for spec in schema.fields if spec.role != "excluded"]


def match_headers(headers: Sequence[str], schema: Schema) -> dict[str, str]:
    """Field (or target) name to the header in the file: by name first, then by label, then by alias.

    A header spelt exactly so goes before one that is merely alike: `PAY-1` and `pay_1` may stand in one file. No column
    is read for two fields: a feature cannot borrow the column of a protected field or of the outcome.
    """
    by_key: dict[str, str] = {header: header for header in headers}
    specs: tuple[Field | Target, ...] = (*read_fields(schema), schema.target)
    header_of = {spec.name: spec.name for spec in specs if spec.name in by_key}
    if len(header_of) >= len(headers):
        return header_of
    for header in headers:
        by_key.setdefault(key(header), header)
    for header in headers:
        # R puts an X in front of names that begin with no letter.
        if re.match("X[^A-Za-z]", header):
            by_key.setdefault(key(header[1:]), header)
        # Other programs write signs in words.
        if (in_words := _signs_in_words(header)) != header:
            by_key.setdefault(key(in_words), header)
    for spec in specs:
        if spec.name in header_of:
            continue
        spellings = (spec.name, spec.label, *spec.aliases, *map(_signs_in_words, spec.aliases))
        matches = [by_key[key] for key in (*spellings, *map(key, spellings)) if key in by_key]
        free = [header for header in matches if header not in header_of.values()]
        if free:
            header_of[spec.name] = free[0]
    return header_of


def unknown_headers(headers: Sequence[str], schema: Schema) -> list[str]:
    """The headers that nothing is read from: misspelt, or strangers. What the schema excludes is none of them."""
    read = set(match_headers(headers, schema).values())
    rest = [header for header in headers if header not in read]
    if not rest:
        return []
    excluded = [field for field in schema.fields if field.role == "excluded"]
    known = {key(spelling) for field in excluded for spelling in (field.name, field.label, *field.aliases)}
    return [header for header in rest if key(header) not in known]


def _signs_in_words(header: str) -> str:
    """A name with its signs as janitor and others write them.

    Examples
    --------
    >>> _signs_in_words("% used"), _signs_in_words("# of loans")
    ('percent used', 'number of loans')
    """
    return header.replace("%", "percent").replace("#", "number")


def find_needed(names: Sequence[str], schema: Schema) -> dict[str, str] | None:
    """Where each field stands among columns of these names; None if any is missing that `find_columns` asks for."""
    headers = match_headers(names, schema)
    needed = [spec for spec in schema.features if spec.is_needed]
    is_there = all(spec.name in headers for spec in needed)
    is_of_use = bool(needed) or any(spec.name in headers for spec in schema.features)
    return headers if is_there and is_of_use else None


def find_columns(raw: RawTable, schema: Schema, *, with_target: bool) -> tuple[RawTable, dict[str, str]]:
    """Where each field stands; the table begins one line later if the names stand on the second line."""
    if not raw.has_names:
        _check_width(raw.frame.width, schema)
    headers = match_headers(raw.frame.columns, schema)
    # Of what no model reads, only who is to teach needs any.
    required = [spec for spec in read_fields(schema) if spec.is_needed and (with_target or spec.role == "feature")]
    # Half of what is needed must be there; where nothing is needed, anything a model reads.
    telling = required or list(schema.features)
    enough = len(required) / 2 or 1
    if sum(spec.name in headers for spec in telling) < enough:
        lower = below_second_header(raw)
        headers_there = match_headers(lower.frame.columns, schema)
        if sum(spec.name in headers_there for spec in telling) < enough:
            absent = [spec.name for spec in telling if spec.name not in headers]
            raise SchemaError(_other_columns(raw, schema.title, telling), absent)
        raw, headers = lower, headers_there
    absent = [spec.name for spec in required if spec.name not in headers]
    missing = [f"{spec.label} ({spec.name})" for spec in required if spec.name in absent]
    if missing:
        raise SchemaError(
            f"{len(missing)} needed column{'s are' if len(missing) > 1 else ' is'} missing from the "
            f"{'file' if raw.has_lines else 'applications'}: "
            f"{', '.join(missing)}. Add {'them' if len(missing) > 1 else 'it'} and try again.",
            absent,
        )
    if with_target and schema.target.name not in headers:
        raise SchemaError(
            f"the outcome is missing from the file: {schema.target.label} ({schema.target.name}). "
            "Training needs it; scoring does not."
        )
    return raw, headers


def _check_width(width: int, schema: Schema) -> None:
    """Columns without names are known by their numbers, so all must be there; only an outcome at the end may be not."""
    numbers = {key(name): number for number, name in enumerate(nameless(MAX_COLUMNS), start=1)}
    last = max((numbers.get(key(spec.name), 0) for spec in schema.fields), default=0)
    needed = max(last, numbers.get(key(schema.target.name), 0))
    if width < needed and width != last:
        raise SchemaError(
            f"the file has {width:,} columns without names where {schema.title} has {needed:,}, so which is which "
            f"cannot be told. Put the names on its first line: {_first_few([spec.name for spec in schema.fields])}."
        )


def seems_a_client(raw: RawTable) -> bool:
    """Whether the names are a row already: numbers, or values that stand again below them in their own column.

    Examples
    --------
    >>> from creditrisk.sources import parse_table
    >>> tables = (b"own,Ada Miller\\nrent,Bob\\nown,Eve\\n", b"home,name\\nrent,Bob\\nown,Eve\\n")
    >>> [seems_a_client(parse_table(content, filename="x.csv")) for content in tables]
    [True, False]
    """
    headers = raw.frame.columns
    if not raw.has_names or any(map(PLAIN_NUMBER.fullmatch, headers)):
        return True
    top = as_texts(raw.frame.head(_LOOKED_AT))
    # Names may stand once more in a line of their own.
    again = [(top[header] == header).fill_null(False).sum() for header in headers]
    return raw.has_lines and max(again, default=0) > min(again, default=0)


def _other_columns(raw: RawTable, title: str, required: Sequence[Field]) -> str:
    headers = raw.frame.columns
    are_values = seems_a_client(raw)
    if not raw.has_lines:
        seen = "have numbers for names" if are_values else f"have {_first_few([shorten(header) for header in headers])}"
        names = _first_few([spec.name for spec in required])
        return (
            f"these are not the fields of {title}: the applications {seen}. Expected {names}. "
            "Correct the names and try again."
        )
    if are_values:
        # Not repeated here: these are a client's data.
        what = "numbers" if any(map(PLAIN_NUMBER.fullmatch, headers)) or not raw.has_names else "values"
        seen = f"the first line of the file holds {what}, so it seems to be a client already"
    else:
        seen = f"the first line of the file has {_first_few([shorten(header) for header in headers])}"
    return (
        f"these are not the columns of {title}: {seen}. Expected {_first_few([spec.label for spec in required])}. "
        "Choose another file, or put these names on its first line."
    )


def below_second_header(raw: RawTable) -> RawTable:
    """The table as it is if its second line holds the column names; unchanged if that line cannot hold names."""
    if raw.frame.height < 2 or not raw.has_lines:
        return raw
    names = [name or f"column {number}" for number, name in enumerate(as_texts(raw.frame.head(1)).row(0), start=1)]
    if len(set(names)) < len(names):
        return raw
    frame = raw.frame[1:].rename(dict(zip(raw.frame.columns, names, strict=True)))
    ragged = {number - 1: n_cells for number, n_cells in raw.ragged.items() if number > 1}
    return RawTable(frame, raw.lines[1:], ragged, raw.delimiter, first_row=raw.first_row)


def _first_few(names: Sequence[str]) -> str:
    return ", ".join(names[:6]) + (", …" if len(names) > 6 else "")
