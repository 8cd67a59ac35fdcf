"""Reasons: strongest first, upward only, in words."""

from __future__ import annotations

import numpy as np

from creditrisk.schema import Category, Field
from creditrisk.scoring.reasons import MAX_REASONS, phrases_of, reasons_of

FIELDS = (
    Field("term_months", "integer", "Loan term", reason_high="Long loan term", reason_low="Short loan term"),
    Field("savings", "category", "Savings", categories=(Category("low", "Under 100 EUR"),)),
    Field("income_eur", "number", "Income"),
    *(Field(f"other_{number}", "number", f"Other {number}") for number in range(4)),
)
# Encoded: the first category is 0, what is missing or unknown NaN.
MATRIX = np.array(
    [[60, 0, 900, 1, 1, 1, 1], [6, np.nan, 900, 1, 1, 1, 1], [np.nan, np.nan, np.nan, 1, 1, 1, 1]], dtype=np.float64
)
USUAL = np.array([[24.0, 0.0, 1_500.0, 0.0, 0.0, 0.0, 0.0], [24.0, 0.0, 2_000.0, 0.0, 0.0, 0.0, 0.0]])


def _texts(pushes: list[list[float]]) -> list[list[str]]:
    found = reasons_of(phrases_of(FIELDS, USUAL), MATRIX, np.array(pushes)).to_list()
    return [[reason["text"] for reason in row] for row in found]


def test_the_strongest_push_comes_first_and_downward_pushes_are_not_named():
    texts = _texts([[0.2, 0.5, -1.0, 0, 0, 0, 0], [0.1, 0, 0.3, 0, 0, 0, 0], [0.1, 0.2, 0.3, 0, 0, 0, 0]])
    assert texts[0] == ["Savings: Under 100 EUR", "Long loan term"]
    assert texts[1] == ["Income: low", "Short loan term"]
    assert texts[2] == ["Income: not given", "Savings: not given or not known", "Loan term: not given"]


def test_there_are_at_most_four():
    texts = _texts([[7, 6, 5, 4, 3, 2, 1]] * 3)
    assert {len(row) for row in texts} == {MAX_REASONS}


def test_a_row_with_no_upward_push_has_none():
    assert _texts([[-1.0] * 7] * 3) == [[], [], []]


def test_codes_are_stable_names_of_field_and_direction():
    found = reasons_of(phrases_of(FIELDS, USUAL), MATRIX, np.array([[1.0, 0.5, 0.2, 0, 0, 0, 0]] * 3)).to_list()
    assert [reason["code"] for reason in found[0]] == ["term_months:high", "savings:low", "income_eur:low"]


def test_a_number_between_the_medians_of_all_and_of_the_approved_is_called_neither_high_nor_low():
    incomes = [1_499.0, 1_500.0, 1_750.0, 2_000.0, 2_001.0]
    found = reasons_of(phrases_of(FIELDS[2:3], USUAL[:, 2:3]), np.array([incomes]).T, np.ones((5, 1))).to_list()
    assert [reason["text"] for [reason] in found] == [
        "Income: low",
        *["Income: in the usual range"] * 3,
        "Income: high",
    ]
    assert found[1][0]["code"] == "income_eur:usual"
