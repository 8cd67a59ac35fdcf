"""Tables as they arrive: a clerk's upload, a file or database named by its URI, the records of a JSON call.

Everything is text, or of the type that its format says, with the line each row starts on, so that nothing is guessed
here; what the cells mean, and which of them cannot be used, is decided in creditrisk.quality. See docs/sources.md.
"""

from creditrisk.sources.files import check_uri, is_there, read_blocks, read_bytes, read_table
from creditrisk.sources.parts import parts_of
from creditrisk.sources.snapshots import Snapshot, take_snapshot
from creditrisk.sources.table import (
    MAX_COLUMNS,
    PLAIN_NUMBER,
    RawTable,
    Record,
    as_text,
    as_texts,
    from_records,
    from_rows,
    join_blocks,
    nameless,
    texts_of_records,
)
from creditrisk.sources.targets import check_target, get_note, is_written, put_file
from creditrisk.sources.text import parse_blocks, parse_table, parse_upload

__all__ = [
    "MAX_COLUMNS",
    "PLAIN_NUMBER",
    "RawTable",
    "Record",
    "Snapshot",
    "as_text",
    "as_texts",
    "check_target",
    "check_uri",
    "from_records",
    "from_rows",
    "get_note",
    "is_there",
    "is_written",
    "join_blocks",
    "nameless",
    "parse_blocks",
    "parse_table",
    "parse_upload",
    "parts_of",
    "put_file",
    "read_blocks",
    "read_bytes",
    "read_table",
    "take_snapshot",
    "texts_of_records",
]
