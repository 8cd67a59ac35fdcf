"""Which columns a clerk has read as which fields, remembered for the next file with the same columns.

One small file under home, for the user who runs the app alone (0600). It holds names of columns, and nothing of a row.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from creditrisk.home import write_whole
from creditrisk.schema import Schema
from creditrisk.sources import RawTable
from creditrisk.text import shorten
from webapp import upload_files

# Of the sets of columns those that were answered for last are kept.
MOST_SETS = 200
# More columns than a person would go through, or longer names than anybody gives, are not asked about.
MOST_COLUMNS, MOST_CHARS = 40, 200

# The field's name for each header that a person has assigned; a header without a field is left out.
Assigned = Mapping[str, str]
_SETS = TypeAdapter(dict[str, dict[str, str]])


def recall(home: Path, schema: Schema, headers: Sequence[str]) -> Assigned | None:
    """What was answered about these columns, in whichever order; None if nobody was asked."""
    return _read(home).get(_key(schema, headers))


def remember(home: Path, schema: Schema, headers: Sequence[str], assigned: Assigned) -> None:
    """Keep an answer for the next file."""
    path = _path(home)
    with upload_files.locked(path.with_suffix(".lock"), is_patient=True):
        sets = _read(home)
        key = _key(schema, headers)
        sets.pop(key, None)
        sets[key] = dict(assigned)
        kept = dict(list(sets.items())[-MOST_SETS:])
        write_whole(path, json.dumps(kept))


def renamed(raw: RawTable, schema: Schema, assigned: Assigned) -> RawTable:
    """The table with the assigned columns under their fields' names, and a note that says so."""
    columns = raw.frame.columns
    names = {header: name for header, name in assigned.items() if header in columns and name not in columns}
    if not names:
        return raw
    read = ", ".join(f"'{shorten(header)}' was read as {schema.field(name).label}" for header, name in names.items())
    note = f"{raw.note} {read}, as somebody said it is.".strip()
    return replace(raw, frame=raw.frame.rename(names), note=note)


def _read(home: Path) -> dict[str, dict[str, str]]:
    try:
        return _SETS.validate_json(_path(home).read_bytes())
    except (OSError, ValidationError):
        return {}


def _key(schema: Schema, headers: Sequence[str]) -> str:
    return hashlib.sha256(json.dumps([schema.name, *sorted(headers)]).encode()).hexdigest()


def _path(home: Path) -> Path:
    return home / "uploads" / "column-names.dat"
