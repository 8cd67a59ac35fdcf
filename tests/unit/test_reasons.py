"""Reasons and strengths: strongest first, one way only, none that is no reason, each with its yardstick."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from scipy.special import expit

from creditrisk.encoding import SIGNS, EncodedField, Encoder
from creditrisk.errors import ScorerError
from creditrisk.schema import Category, Field
from creditrisk.scoring.reasons import (
    MAX_REASONS,
    REASON,
    Phrases,
    as_lists,
    as_series,
    choose,
    every_reason,
    phrases_of,
)
from creditrisk.scoring.yardsticks import Yardstick, from_json, measure, to_json
from tests.bench.reasons_given import no_reasons

HOMES = tuple(Category(value, value.capitalize()) for value in ("own", "rent", "other"))
FIELDS = (
    Field(
        "term_months", "integer", "Loan term", unit="months", sign="+",
        reason_high="Long loan term", reason_low="Short loan term",
    ),
    Field("home", "category", "Home", categories=HOMES),
    Field("income_eur", "number", "Income", unit="EUR", sign="-"),
    *(Field(f"other_{number}", "number", f"Other {number}", sign="+") for number in range(4)),
)  # fmt: skip
ENCODER = Encoder(
    tuple(
        EncodedField(field.name, tuple(item.value for item in field.categories), sign=SIGNS[field.sign])
        for field in FIELDS
    )
)
# The typical approved applicant: 24 months, an own home, 2,000 EUR.
REFERENCE = np.array([24.0, 0.0, 2_000.0, 0.0, 0.0, 0.0, 0.0])
# Missing, low, usual, high; of homes: missing, own, rent, other. 20 of 200 are bad.
OF_NUMBER = Yardstick(0.0, 0.3, ((0, 0), (80, 8), (40, 4), (80, 8)))
OF_HOME = Yardstick(0.0, 0.3, ((0, 0), (120, 6), (60, 12), (20, 2)))
# Of all applicants the median is 24 months and 1,500 EUR.
OF_TERM, OF_INCOME = replace(OF_NUMBER, middle=24.0), replace(OF_NUMBER, middle=1_500.0)
YARDSTICKS = (OF_TERM, OF_HOME, OF_INCOME, *[OF_NUMBER] * 4)
NOBODY = [np.nan] * 7


def phrases(*, home: Yardstick = OF_HOME) -> Phrases:
    return phrases_of(FIELDS, ENCODER, REFERENCE, (OF_TERM, home, *YARDSTICKS[2:]))


def _given(values, pushes, *, has_offer: bool = False, prob_default: float = 0.2, of: Phrases | None = None):
    of = of or phrases()
    rows = np.array([values] * 10), np.array([pushes] * 10), np.full(10, prob_default), np.full(10, has_offer)
    chosen = choose(of, *rows)
    both = [as_lists(of, item) for item in chosen]
    # Columns say what lists say, of every row.
    assert [as_series(of, item).to_list() for item in chosen] == both
    return both[0][0], both[1][0]


def _texts(values, pushes, **others) -> list[str]:
    return [reason["text"] for reason in _given(values, pushes, **others)[0]]


def test_the_strongest_push_comes_first_and_downward_pushes_are_not_named():
    pushes = [0.2, 0.5, -1.0, 0.04, 0, 0, 0]
    assert _texts([60, 1, 900, 1, 1, 1, 1], pushes) == ["Home: Rent", "Long loan term"]


def test_there_are_at_most_four():
    assert len(_texts([60, 1, 900, 1, 1, 1, 1], [7, 6, 5, 4, 3, 2, 1])) == MAX_REASONS


def test_what_is_not_given_is_asked_for():
    given, _ = _given(NOBODY, [0.3, 0.2, 0.1, 0, 0, 0, 0])
    assert [reason["text"] for reason in given] == ["Ask for: loan term", "Ask for: home", "Ask for: income"]
    assert {reason["value"] for reason in given} == {"not given"}


def test_what_is_not_given_is_no_reason_where_those_did_well():
    did_well = Yardstick(0.0, 0.3, ((50, 1), (70, 5), (60, 12), (20, 2)))
    assert _texts(NOBODY, [0, 1, 0, 0, 0, 0, 0], of=phrases(home=did_well)) == []


@pytest.mark.parametrize(
    ("term", "income", "expected"),
    [
        (25, 1_499, ["Long loan term", "Income: low"]),
        # Usual: between the medians of all and of the approved; both ends belong to it.
        (24, 1_500, []),
        (24, 2_000, []),
        # Against the sign.
        (6, 9_000, []),
    ],
)
def test_a_number_is_a_reason_only_beyond_what_is_usual_and_along_its_sign(term, income, expected):
    assert _texts([term, 0, income, 0, 0, 0, 0], [1, 0, 0.5, 0, 0, 0, 0]) == expected


@pytest.mark.parametrize(("home", "expected"), [(0, []), (1, ["Home: Rent"]), (2, [])])
def test_a_category_that_did_better_than_all_applicants_is_no_reason(home, expected):
    assert _texts([24, home, 2_000, 0, 0, 0, 0], [0, 1, 0, 0, 0, 0, 0]) == expected


def test_a_category_worse_than_the_mean_yet_better_than_most_is_no_reason():
    # 31 in 100 against 30 of all, while six in ten applicants have a kind with 32 in 100.
    most = Yardstick(0.0, 0.3, ((0, 0), (1_000, 310), (3_000, 960), (1_000, 230)))
    assert _texts([24, 0, 2_000, 0, 0, 0, 0], [0, 1, 0, 0, 0, 0, 0], of=phrases(home=most)) == []


def test_each_reason_has_the_clients_value_what_is_typical_and_the_push_in_risk():
    [reason], _ = _given([60, 0, 2_000, 0, 0, 0, 0], [1.0, 0, 0, 0, 0, 0, 0], prob_default=expit(-1.0))
    assert reason == {
        "code": "term_months:high",
        "text": "Long loan term",
        "value": "60 months",
        "typical": "24 months",
        # From log-odds of -2 to -1.
        "push": round(expit(-1.0) - expit(-2.0), 4),
    }


def test_an_offer_says_what_speaks_for_the_client_against_all_applicants():
    values, pushes = [6, 0, 3_000, 1, 0, 0, 0], [0.3, 0.0, -0.7, 0.6, 0, 0, 0]
    reasons, strengths = _given(values, pushes, has_offer=True)
    # Pushed down from the mean of 0.3 by 1.0; an own home is what six in ten have, so it did not do better than most.
    assert [(item["text"], item["value"], item["typical"]) for item in strengths] == [
        ("Income: high", "3,000 EUR", "1,500 EUR")
    ]
    assert strengths[0]["push"] == round(0.2 - expit(np.log(0.25) + 1.0), 4)
    assert [reason["text"] for reason in reasons] == ["Other 0: high"]
    assert _given(values, pushes)[1] == []


def test_every_reason_leaves_out_what_is_usual():
    codes = [item["code"] for item in every_reason(FIELDS[:2])]
    assert codes == ["term_months:missing", "term_months:low", "term_months:high", "home:missing", "home:own",
                     "home:rent", "home:other"]  # fmt: skip


def test_yardsticks_are_counted_by_kind_and_kept_in_json():
    matrix = np.array([[24.0, 0, 1_000, 0, 0, 0, 0], [30, 1, 1_600, 0, 0, 0, 0], [np.nan, 1, 5_000, 0, 0, 0, 0]])
    made = measure(ENCODER, REFERENCE, matrix, np.array([0, 1, 1]), np.ones((2, 7)))
    # Usual are 24 months, typical of the approved, to 27, the median of these rows.
    assert made[0] == Yardstick(27.0, 1.0, ((1, 1), (0, 0), (1, 0), (1, 1)))
    assert made[1] == Yardstick(1.0, 1.0, ((0, 0), (1, 0), (2, 2), (0, 0)))
    text = to_json(made, ENCODER)
    assert from_json(text, ENCODER) == made
    more_bads_than_rows = json.loads(text)
    more_bads_than_rows["term_months"]["outcomes"][0] = [1, 2]
    with pytest.raises(ScorerError, match="whole number from 0 to 1"):
        from_json(json.dumps(more_bads_than_rows), ENCODER)


def test_what_few_gave_has_a_median_to_be_high_by_and_is_typically_not_given():
    matrix = np.full((9, 7), np.nan)
    matrix[:3, 0] = [60.0, 72.0, 84.0]
    made = measure(ENCODER, REFERENCE, matrix, np.ones(9, dtype=np.int64), np.ones((2, 7)))
    assert (made[0].middle, made[0].typical) == (72.0, None)
    # From the 24 months of the approved to the 72 of those who gave one it is usual, whatever the encoder fills in.
    assert made[0].outcomes == ((6, 6), (0, 0), (2, 2), (1, 1))
    assert (
        _texts([66, 0, 2_000, 0, 0, 0, 0], [1, 0, 0, 0, 0, 0, 0], of=phrases_of(FIELDS, ENCODER, REFERENCE, made)) == []
    )


@pytest.mark.parametrize(
    ("code", "value", "n_found"),
    [
        ("term_months:high", 36, 0),
        # On the safe side of the median, and usual.
        ("term_months:high", 12, 1),
        ("term_months:high", 24, 1),
        # Against its sign.
        ("term_months:low", 12, 1),
        ("home:rent", "rent", 0),
        # None of those with an own home was bad.
        ("home:own", "own", 1),
        ("home:missing", None, 0),
        ("home:missing", "rent", 1),
    ],
)
def test_the_bench_finds_reasons_that_are_none(code, value, n_found):
    home = ["own", "own", "rent", "rent", "rent"]
    fitted = pl.DataFrame({"term_months": [12, 18, 24, 36, 48], "home": home, "default": [0, 0, 0, 1, 1]})
    client = pl.DataFrame({"term_months": [24], "home": ["rent"]}).with_columns(pl.lit(value).alias(code.split(":")[0]))
    reason = {"code": code, "text": "", "value": "its own", "typical": "another", "push": 0.1}
    scored = pl.DataFrame({"reasons": [[reason]]}, schema={"reasons": pl.List(REASON)})
    assert list(no_reasons(scored, client, fitted, FIELDS[:2])) == [code] * n_found
