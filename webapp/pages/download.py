"""What a clerk downloads: the result in the words of the page, written as the client's own file writes numbers.

The API and the command line keep the stored names.
"""

from __future__ import annotations

import polars as pl

from creditrisk.pages.palette import VERDICT_LOOKS
from creditrisk.scoring import RESULT_COLUMNS
from webapp.pages import wording

OWN = "(from your file)"


def in_words_of_the_page(table: pl.DataFrame, model: str, *, ask_below: float) -> pl.DataFrame:
    """A result in the page's words; the client's own columns stay as they are.

    Parameters
    ----------
    table
        What `scoring.result_table` gives of the whole file, one row each.
    model
        Title and version of the model.
    ask_below
        The confidence under which a colleague is asked.

    Returns
    -------
    DataFrame
        As many rows; risks are of 100, to one decimal.
    """
    words = {verdict: look.word for verdict, look in VERDICT_LOOKS.items()}
    results = {
        "Row": pl.int_range(1, pl.len() + 1),
        "Verdict": pl.col("verdict").replace(words),
        "Risk of 100": _of_100("prob_default"),
        "Likely from": _of_100("prob_default_low"),
        "Likely to": _of_100("prob_default_high"),
        "How sure": pl.col("confidence").map_elements(
            lambda confidence: _how_sure(confidence, ask_below), return_dtype=pl.String
        ),
        "What speaks for the client": pl.col("strengths"),
        "What speaks against": pl.col("reasons"),
        "Score points": pl.col("score_points"),
        "Unusual": pl.col("problems"),
        "Not scored because": pl.col("error"),
        # Who came without a number is looked up, and an outcome of theirs reported, by this.
        "Id in History": pl.col("application_id"),
        "Model": pl.when(pl.col("prob_default").is_not_null()).then(pl.lit(model)),
    }
    own: dict[str, pl.Expr] = {}
    for name in table.columns[len(RESULT_COLUMNS) :]:
        # Beside these results, it need not be told apart from the stored names.
        shown = name.removesuffix(f" {OWN}")
        while shown in results or shown in own:
            shown = f"{shown} {OWN}"
        own[shown] = pl.col(name)
    return table.select(**results, **own)


def _of_100(column: str) -> pl.Expr:
    return (100 * pl.col(column)).round(1)


def _how_sure(confidence: float, ask_below: float) -> str:
    return f"{wording.confidence_words(confidence, ask_below)}, {wording.of_100(confidence)} of 100"
