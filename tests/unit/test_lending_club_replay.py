"""The replay of LendingClub: when an outcome became known, and which labels a lender had at the end of 2010."""

from __future__ import annotations

from datetime import date

import polars as pl

from tests.bench.lending_club_replay import days_of, first_year, resolved, to_2010
from tests.bench.lending_club_story import over_expected

LOANS = pl.DataFrame(
    [
        ("paid", "2009-01-01", "2012-01-01", "Fully Paid"),
        ("paid early", "2010-03-01", "2010-09-01", "Fully Paid"),
        ("charged off", "2009-02-01", "2009-06-01", "Charged Off"),
        ("never paid", "2010-07-01", None, "Does not meet the credit policy. Status:Charged Off"),
        ("later", "2011-05-01", "2011-06-01", "Charged Off"),
    ],
    schema=["id", "issue_d", "last_pymnt_d", "loan_status"],
    orient="row",
)


def test_a_loan_is_known_bad_150_days_after_its_last_payment_or_the_first_that_was_due():
    days = days_of(LOANS)
    assert dict(days.select("id", "known_on").iter_rows()) == {
        "paid": date(2012, 1, 15),
        "paid early": date(2010, 9, 15),
        "charged off": date(2009, 11, 15),
        "never paid": date(2011, 1, 15),
        "later": date(2011, 11, 15),
    }
    assert days["issued"].to_list()[0] == date(2009, 1, 15)


def test_no_training_at_the_end_of_2010_knows_what_became_known_later():
    loans = LOANS.select("id", default=pl.col("loan_status").str.contains("Charged").cast(pl.Int8)).join(
        days_of(LOANS), on="id"
    )
    assert resolved(loans)["id"].to_list() == ["paid early", "charged off"]
    assert dict(first_year(loans).select("id", "default").iter_rows()) == {"paid": 0, "charged off": 1}
    assert to_2010(loans).height == 4


def test_observed_over_expected_is_the_bad_rate_over_the_mean_pd():
    loans = pl.DataFrame({"default": [1] * 20 + [0] * 80, "prob_default": [0.1] * 100})
    found = over_expected(loans)
    assert round(found.value, 6) == 2.0
    assert found.low < 2.0 < found.high
