"""CSV for other people's spreadsheets: the result of a scoring.

`csv_text` writes every CSV of ours, so that no spreadsheet that divides cells by the characters `escape_formula` knows
runs one as a formula.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import polars as pl

from creditrisk.scoring.reason_words import OF_ALL, OF_OFFERS, each_in_full
from creditrisk.sources import as_texts
from creditrisk.text import escape_formula

if TYPE_CHECKING:
    from creditrisk.quality import Rejection

# What scoring returns, in this order, ahead of the client's own columns.
RESULT_COLUMNS = (
    "application_id",
    "prob_default",
    "prob_default_low",
    "prob_default_high",
    "score_points",
    "verdict",
    "band",
    "confidence",
    "reasons",
    "strengths",
    "model",
    "model_version",
    "problems",
    "error",
)
# A spreadsheet opened on Windows reads UTF-8 only behind this mark.
BYTE_ORDER_MARK = "\ufeff"

# A number however it is grouped: digits and the marks between them, which no spreadsheet can run.
_NUMBER = r"^[+-]?[0-9]+([.,'’ \x{A0}\x{202F}][0-9]+)*([eE][+-]?[0-9]+)?$"
# Nothing, or a number without any mark that might divide cells.
_BARE = r"^([+-]?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?)?$"


def result_table(
    raw: pl.DataFrame, scored: pl.DataFrame, rejected: Sequence[Rejection], *, first_row: int = 1
) -> pl.DataFrame:
    """Every row of the file with what became of it: the result columns, then the client's own.

    Parameters
    ----------
    raw
        The file's own columns as they came, in the order of the file.
    scored
        What the scorer returned for the rows it could score.
    rejected
        The rows (of any part of the file) that could not be scored.
    first_row
        The data row, counted from 1, that `raw` starts with: a long file is written piece by piece.

    Returns
    -------
    pl.DataFrame
        One row for each row of `raw`; text and numbers only, for `csv_text`.
    """
    rows = pl.DataFrame({"row_number": range(first_row, first_row + raw.height)}, schema={"row_number": pl.Int64})
    sentences: dict[int, list[str]] = {}
    for rejection in rejected:
        if first_row <= rejection.row < first_row + raw.height:
            sentences.setdefault(rejection.row, []).append(rejection.sentence)
    errors = pl.DataFrame(
        {"row_number": list(sentences), "error": [" ".join(texts) for texts in sentences.values()]},
        schema={"row_number": pl.Int64, "error": pl.String},
    )
    results = scored.with_columns(
        pl.col("reasons").list.eval(each_in_full(OF_OFFERS)).list.join("; "),
        pl.col("strengths").list.eval(each_in_full(OF_ALL)).list.join("; "),
        pl.col("problems").list.join("; "),
    )
    own = as_texts(raw).rename(_beside_results(raw.columns))
    table = rows.join(results, on="row_number", how="left", maintain_order="left").join(
        errors, on="row_number", how="left", maintain_order="left"
    )
    return pl.concat([table.select(RESULT_COLUMNS), own], how="horizontal")


def _beside_results(names: Sequence[str]) -> dict[str, str]:
    """New names for columns of the file that are called like a result, as they are in a result that is scored again."""
    taken, renamed = {*names, *RESULT_COLUMNS}, {}
    for name in names:
        if name in RESULT_COLUMNS:
            renamed[name] = f"{name} (from your file)"
            while renamed[name] in taken:
                renamed[name] += "*"
            taken.add(renamed[name])
    return renamed


def csv_text(table: pl.DataFrame, *, with_header: bool = True, has_decimal_commas: bool = False) -> str:
    """A table as text that a spreadsheet shows and does not run; semicolons divide cells if decimals need commas.

    Texts are quoted and inert, by whichever of the characters that `escape_formula` names cells are divided; numbers
    stay numbers, those of the client's own among them. Not so at the start of a line: where something else than the
    comma divides cells, much more than the number becomes that cell.

    Examples
    --------
    >>> print(csv_text(pl.DataFrame({"id": ["7", "-7"], "balance": ["-12.5", "=1+1"], "note": ["a;=1+1", None]})))
    "id","balance","note"
    7,-12.5,"a;'=1+1"
    "'-7","'=1+1",
    """
    cells = [
        _cell(pl.col(name), starts_line=index == 0).alias(name) if kind == pl.String else pl.col(name)
        for index, (name, kind) in enumerate(table.schema.items())
    ]
    separator = ";" if has_decimal_commas else ","
    header = separator.join(_header(table.columns)) + "\n" if with_header else ""
    return header + table.select(cells).write_csv(
        include_header=False, quote_style="never", separator=separator, decimal_comma=has_decimal_commas
    )


def _cell(text: pl.Expr, *, starts_line: bool) -> pl.Expr:
    safe = escape_formula(text)
    if not starts_line:
        safe = pl.when(text.str.contains(_NUMBER)).then(text).otherwise(safe)
    return pl.when(safe.str.contains(_BARE)).then(safe).otherwise(_quoted(safe))


def _quoted(text: pl.Expr) -> pl.Expr:
    return pl.concat_str(pl.lit('"'), text.str.replace_all('"', '""', literal=True), pl.lit('"'))


def _header(names: Sequence[str]) -> list[str]:
    safe: list[str] = []
    for name in pl.DataFrame({"name": names}).select(escape_formula(pl.col("name")))["name"]:
        # Two headers that become the same one are told apart by stars.
        distinct = name
        while distinct in safe:
            distinct += "*"
        safe.append(distinct)
    return pl.DataFrame({"name": safe}).select(_quoted(pl.col("name"))).to_series().to_list()
