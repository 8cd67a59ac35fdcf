"""The three spellings of German credit that circulate, and where it is fetched.

The codes of `german.data`, the texts of Weka's and OpenML's `credit-g`, and the numbers of the corrected South German
file give the same table once checked.

The code table that travels with the data is wrong for many categories: what it calls "no checking account" are the
customers with the fullest accounts. Labels in the schema follow Groemping's corrected table; the old texts survive as
aliases only, so that files which carry them can still be read. See docs/german-credit.md.

References
----------
Groemping, U. (2019). South German Credit Data: Correcting a Widely Used Data Set. Report 4/2019, Beuth University of
Applied Sciences Berlin.
"""

from __future__ import annotations

import socket
import warnings
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import polars as pl

from creditrisk.columns import key
from creditrisk.datasets.catalogue import load_schema
from creditrisk.errors import SourceError
from creditrisk.sources import RawTable, from_records, parse_table, read_bytes

SCHEMA = load_schema("german_credit")

# german.data has no line with names: the fields in the order of the schema, then the outcome.
NAMES = (*(field.name for field in SCHEMA.fields), SCHEMA.target.name)
OPENML_ID = 31
# The reader tries each address four times.
OPENML_TIMEOUT_SECONDS = 10.0

# The corrected file's names in the order of ours: in the English of its code table, and as published.
SOUTH_GERMAN = (
    "status duration credit_history purpose amount savings employment_duration installment_rate personal_status_sex "
    "other_debtors present_residence property age other_installment_plans housing number_credits job people_liable "
    "telephone foreign_worker credit_risk",
    "laufkont laufzeit moral verw hoehe sparkont beszeit rate famges buerge wohnzeit verm alter weitkred wohn bishkred "
    "beruf pers telef gastarb kredit",
)
# Two names by which it is known: nothing else calls its columns so.
TELLING = ({"status", "employment_duration"}, {"laufkont", "beszeit"})
# Numbers that it turned round against german.data's; the other codes are german.data's without their letter.
SOUTH_GERMAN_TURNED = {
    "dependants": {"1": "2", "2": "1"},
    "foreign_worker": {"1": "A202", "2": "A201"},
    SCHEMA.target.name: {"1": "good", "0": "bad"},
}


def read(source: str) -> RawTable:
    """The table at `source`, in whichever of its three spellings.

    Raises
    ------
    SourceError
        If the table cannot be read.
    """
    content = read_bytes(source)
    first_line = content.lstrip().split(b"\n", 1)[0].split()
    has_names = not first_line or first_line[0] not in {known.value.encode() for known in SCHEMA.fields[0].categories}
    names = None if has_names else NAMES[: max(len(first_line), len(SCHEMA.fields))]
    return prepare(parse_table(content, filename=Path(source).name, names=names))


def prepare(raw: RawTable) -> RawTable:
    """The corrected South German file in the codes of german.data; any other spelling as it is.

    Its columns are told by their names, in any order, with or without the outcome and the protected ones. A number
    that its code table does not have stays unreadable, above all in the outcome: there 2 must not pass for bad.
    """
    renamed = _south_german_names(raw.frame.columns)
    if not renamed:
        return raw
    frame = raw.texts.rename(renamed)
    changed = []
    for position, name in enumerate(NAMES, start=1):
        codes = SOUTH_GERMAN_TURNED.get(name)
        if codes is None and position <= len(SCHEMA.fields) and SCHEMA.fields[position - 1].type == "category":
            known = {category.value for category in SCHEMA.fields[position - 1].categories}
            codes = {value.removeprefix(f"A{position}"): value for value in known}
        if codes is not None and name in frame.columns:
            unknown = pl.when(pl.col(name) != "").then("South German " + pl.col(name)).otherwise(pl.lit(""))
            changed.append(pl.col(name).replace_strict(codes, default=unknown))
    return replace(raw, frame=frame.with_columns(changed))


def _south_german_names(headers: Sequence[str]) -> dict[str, str]:
    """The corrected file's headers with our names for them; empty if this is another file."""
    by_key = {key(header): header for header in headers}
    for names, telling in zip(SOUTH_GERMAN, TELLING, strict=True):
        if by_key.keys() >= {key(name) for name in telling}:
            theirs = zip(map(key, names.split()), NAMES, strict=True)
            renamed = {by_key[key]: name for key, name in theirs if key in by_key}
            # Another column may have one of our names already: then nobody can tell which of the two is meant.
            return renamed if not set(renamed.values()) & (set(headers) - renamed.keys()) else {}
    return {}


def fetch(cache: Path | None) -> RawTable:
    """OpenML's `credit-g`, fetched once and kept under `cache`.

    Raises
    ------
    SourceError
        If it cannot be fetched.
    """
    from sklearn.datasets import fetch_openml

    timeout = socket.getdefaulttimeout()
    socket.setdefaulttimeout(OPENML_TIMEOUT_SECONDS)
    try:
        with warnings.catch_warnings(action="ignore"):
            # The slower of the two parsers, and the one made for ARFF's quoting.
            kept = {"data_home": cache, "cache": cache is not None}
            frame = fetch_openml(data_id=OPENML_ID, as_frame=True, parser="liac-arff", **kept).frame
    except (OSError, ValueError) as exc:
        raise SourceError(
            "German credit could not be fetched from openml.org. Check the network, or pass a file that you have: "
            "SOURCE=path/to/german.data (or credit-g.csv)."
        ) from exc
    finally:
        socket.setdefaulttimeout(timeout)
    return from_records(
        [
            {name: cell if isinstance(cell, str) else f"{cell:g}" for name, cell in record.items()}
            for record in frame.to_dict("records")
        ]
    )
