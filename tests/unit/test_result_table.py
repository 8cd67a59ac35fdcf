"""Every row of a file with what became of it, as a CSV that no spreadsheet runs."""

import csv
import io

import polars as pl
import pytest

from creditrisk.quality import Rejection
from creditrisk.scoring import OF_OFFERS, csv_text, reason_in_full, result_table
from creditrisk.scoring.reason_words import each_in_full
from creditrisk.scoring.reasons import REASON
from creditrisk.scoring.result_table import RESULT_COLUMNS

RESULT = pl.DataFrame(
    {
        "row_number": [1, 3],
        "application_id": ["1", "3"],
        "prob_default": [0.04, 0.41],
        "prob_default_low": [0.02, 0.3],
        "prob_default_high": [0.07, 0.5],
        "score_points": [610.0, 500.0],
        "verdict": ["approve", "decline"],
        "band": ["green", "red"],
        "confidence": [0.98, 0.93],
        "reasons": [
            [
                {"code": "a:high", "text": "Long loan term", "value": "48 months", "typical": "1 month", "push": 0.113},
                {"code": "b:rent", "text": "Home: rents", "value": "rents", "typical": "owns", "push": 0.004},
                {"code": "c:missing", "text": "Ask for: pay", "value": "not given", "typical": "1 EUR", "push": 0.01},
            ],
            [],
        ],
        "strengths": [
            [{"code": "d:low", "text": "Few debts", "value": "2 %", "typical": "30 %", "push": -0.02}],
            [],
        ],
        "model": ["m", "m"],
        "model_version": ["1", "1"],
        "problems": [[], ["Age: 130 is outside 18 to 100 years"]],
    },
    schema_overrides={"reasons": pl.List(REASON), "strengths": pl.List(REASON)},
)
REJECTED = [Rejection(2, 3, "Age", "abc", "'abc' is not a number", "a whole number")]
RAW = pl.DataFrame({"age": ["36", "abc", "130"], "verdict": ["?", "?", "?"]})


def test_every_row_of_the_file_is_in_the_result_in_the_order_of_the_file():
    table = result_table(RAW, RESULT, REJECTED)
    assert table.columns == [*RESULT_COLUMNS, "age", "verdict (from your file)"]
    again = result_table(table, RESULT, [])
    assert len({*again.columns}) == again.width == len(RESULT_COLUMNS) + table.width
    assert table["application_id"].to_list() == ["1", None, "3"]
    reasons = (
        "Long loan term: 48 months (typical with an offer: 1 month; raises the risk by 11 of 100); "
        "Home: rents (typical with an offer: owns; raises the risk by 0.4 of 100); "
        "Ask for: pay (typical with an offer: 1 EUR; raises the risk by 1 of 100)"
    )
    strengths = "Few debts: 2 % (typical of all applicants: 30 %; lowers the risk by 2 of 100)"
    assert table["reasons"].to_list() == [reasons, None, ""]
    assert table["strengths"].to_list() == [strengths, None, ""]
    assert table["problems"].to_list() == ["", None, "Age: 130 is outside 18 to 100 years"]
    assert table["error"].to_list() == [
        None,
        "Row 2 (line 3), Age: 'abc' is not a number. Expected a whole number.",
        None,
    ]


def test_a_result_written_piece_by_piece_is_the_result_written_at_once():
    whole = csv_text(result_table(RAW, RESULT, REJECTED))
    pieces = [
        csv_text(
            result_table(RAW.slice(first - 1, 2), RESULT.filter(numbers), REJECTED, first_row=first),
            with_header=first == 1,
        )
        for first, numbers in ((1, pl.col("row_number") <= 2), (3, pl.col("row_number") > 2))
    ]
    assert "".join(pieces) == whole


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t=", "\r+", "＝", " =", 'x;"='])
def test_a_cell_or_header_that_a_spreadsheet_would_run_is_shown_as_text(start):
    before, sign = start[:-1], start[-1]
    text = csv_text(pl.DataFrame({f"{start}A1": [f"{start}A1", "plain"]}))
    header, cell, plain = csv.reader(io.StringIO(text, newline=""))
    assert header == cell == [f"{before}'{sign}A1"]
    assert plain == ["plain"]


def test_headers_that_become_the_same_stay_apart():
    text = csv_text(pl.DataFrame({"=a": ["1"], "'=a": ["2"], "'=a*": ["3"]}))
    assert text.splitlines()[0] == '"\'=a","\'=a*","\'=a**"'


def test_a_reason_reads_the_same_in_a_file_and_on_a_page():
    pushes = [step / 10_000 for step in range(-1_200, 1_200)]
    reason = {"code": "a:high", "text": "Long loan term", "value": "48 months", "typical": "1 month"}
    kinds = [{}, {"code": "a:missing", "value": "not given"}, {"text": "Home: rents", "value": "rents"}]
    rows = [{**reason, **kinds[place % 3], "push": push} for place, push in enumerate(pushes)]
    written = pl.Series([[row] for row in rows], dtype=pl.List(REASON)).list.eval(each_in_full(OF_OFFERS)).explode()
    assert written.to_list() == [reason_in_full(row, OF_OFFERS) for row in rows]
