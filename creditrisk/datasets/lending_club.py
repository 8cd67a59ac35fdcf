"""LendingClub's accepted loans: personal loans over the internet in the United States, 2007 to 2018.

Both files that circulate are read, the raw one ('Dec-2011', ' 36 months', 10.65) and the one re-exported from R
('2011-12-01', 36, 0.1065); loans that had not run their course when the file was made are set aside. See
docs/datasets.md.
"""

from __future__ import annotations

from dataclasses import replace

import polars as pl

from creditrisk.columns import key
from creditrisk.datasets.catalogue import load_schema
from creditrisk.datasets.worked_out import filled
from creditrisk.sources import RawTable, read_table

# Values of the outcome of loans that have ended, whichever way.
_TARGET = load_schema("lending_club").target
ENDED = (*_TARGET.bad, *_TARGET.good)
# Said of loans that ended before their term: `read` writes it behind their status.
TOO_YOUNG = ", issued too recently"
# What borrowers wrote about themselves: dropped as soon as it is read.
FREE_TEXT = ("emp_title", "title", "desc")
# How months are written: the re-export's way, and the raw file's.
DATES = ("%Y-%m-%d", "%d-%b-%Y")
# No field, but the length of the credit history comes from it.
WORKED_OUT_FROM = ("earliest_cr_line",)


NOT_FETCHED = (
    "LendingClub's files are not fetched by themselves. Pass the one you have: SOURCE=path/to/accepted.csv.gz."
)


def read(source: str) -> RawTable:
    """The table at `source`, in either spelling, without the borrowers' own words.

    Loans that could not have run their term by the latest date in the file are marked as too young: of young loans
    only those that ended early are resolved, and they are not like the others.

    Raises
    ------
    SourceError
        If the table cannot be read.
    """
    raw = read_table(source)
    raw = prepare(replace(raw, frame=raw.frame.drop(FREE_TEXT, strict=False)))
    if not {"issue_d", "term", "last_credit_pull_d", "loan_status"} <= set(raw.frame.columns):
        return raw
    end = _date("issue_d").dt.offset_by(pl.col("term").str.extract(r"(\d+)") + "mo")
    is_young = (end > _date("last_credit_pull_d").max()) & pl.col("loan_status").is_in(ENDED)
    marked = pl.when(is_young).then(pl.col("loan_status") + TOO_YOUNG).otherwise(pl.col("loan_status"))
    return replace(raw, frame=raw.frame.with_columns(marked.alias("loan_status")))


def prepare(raw: RawTable) -> RawTable:
    """Rates as per cent, and the length of the credit history, from either spelling; row by row.

    The re-export writes rates as shares. No loan has a rate under one per cent, so a row with one is from there.
    """
    names = {key(name): name for name in raw.frame.columns}
    frame = raw.texts
    if rate := names.get("intrate"):
        is_share = _number(rate) < 1
        shares = [name for key in ("intrate", "revolutil") if (name := names.get(key))]
        frame = frame.with_columns(
            pl.when(is_share & _number(name).is_not_null()).then(_text(_number(name) * 100)).otherwise(name).alias(name)
            for name in shares
        )
    first, asked = names.get("earliestcrline"), names.get("issued") or names.get("issuedate")
    if first and asked:
        months = (_date(asked).dt.year() - _date(first).dt.year()) * 12
        months += _date(asked).dt.month().cast(pl.Int32) - _date(first).dt.month().cast(pl.Int32)
        frame = filled(frame, "credit_history_months", _text(months))
    return replace(raw, frame=frame)


def _number(name: str) -> pl.Expr:
    return pl.col(name).cast(pl.Float64, strict=False)


def _text(numbers: pl.Expr) -> pl.Expr:
    return numbers.cast(pl.Float64).round(6).cast(pl.String)


def _date(name: str) -> pl.Expr:
    days = pl.when(pl.col(name).str.contains(r"^\w{3}-\d{4}$")).then("01-" + pl.col(name)).otherwise(name)
    return pl.coalesce(days.str.to_date(pattern, strict=False) for pattern in DATES)
