"""The tables this project knows: a schema file each, and a reader where one is needed. Any other table comes with its
own schema file."""

from creditrisk.datasets.catalogue import (
    KNOWN,
    check,
    check_blocks,
    check_few,
    load_schema,
    match_headers,
    read,
    read_every_row,
    unknown_fields,
)

__all__ = [
    "KNOWN",
    "check",
    "check_blocks",
    "check_few",
    "load_schema",
    "match_headers",
    "read",
    "read_every_row",
    "unknown_fields",
]
