"""What gives the outcome away beyond single columns: sisters, fields together, young loans, figures too good."""

from __future__ import annotations

import os
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from creditrisk.comparison import compare, doubt_about
from creditrisk.quality import DataReport, check, examine, leaks_together, odd_months, young_loans
from creditrisk.registry import Evidence, TrainedFrom, Version, evidence_from, objections, promote_if_better
from creditrisk.registry.evidence import tags_of
from creditrisk.schema import Costs, Field, Schema, Target
from creditrisk.schema_inference import Inference, infer
from creditrisk.sources import RawTable, from_records, read_table
from tests.conftest import ROOT

RNG = np.random.default_rng(11)
N = 900
BAD = (RNG.random(N) < 0.3).astype(np.int64)
INCOME = RNG.lognormal(8, 0.5, N).round()


def case(name: str) -> RawTable:
    folder = Path(os.environ.get("CREDITRISK_CASES_DIR", ROOT.parent / "shared" / "cases")).resolve()
    if not folder.is_dir():
        pytest.skip(f"the small cases are not at {folder}: set CREDITRISK_CASES_DIR to run this test")
    return read_table(str(folder / f"{name}.csv"))


def inferred(columns: dict[str, np.ndarray]) -> Inference:
    cells = {name: [str(value) for value in values] for name, values in {**columns, "BAD": BAD}.items()}
    rows = [dict(zip(cells, row, strict=True)) for row in zip(*cells.values(), strict=True)]
    return infer(from_records(rows), target="BAD", bad=["1"], name="lender")


def by_header(found: Inference) -> dict[str, tuple[str, str]]:
    return {column.header: (column.field.role, column.flag) for column in found.columns}


# Sisters of a leaking name


def test_the_sisters_of_a_payment_column_are_asked_about_as_it_is():
    found = by_header(infer(case("f09-fees"), target="BAD", bad=["1"], name="fees"))
    assert found.pop("income") == ("feature", "")
    assert set(found.values()) == {("excluded", "leakage?")}


def test_a_family_is_known_by_the_figures_of_one_of_it():
    noise = {name: RNG.normal(size=N).round(3) for name in ("svc_a", "svc_b", "app_a")}
    found = by_header(inferred({"income": INCOME, "svc_paid": np.where(BAD, 1.5, 700.5) + noise["app_a"], **noise}))
    assert {found[name] for name in ("svc_paid", "svc_a", "svc_b")} == {("excluded", "leakage?")}
    assert found["app_a"] == ("feature", "")


@pytest.mark.parametrize("sister", ["total_accounts", "lp_previous_payments", "income"])
def test_an_everyday_word_or_a_word_of_the_past_makes_no_family(sister: str):
    found = by_header(inferred({"total_pymnt": INCOME, "lp_payments_made": INCOME, sister: INCOME[::-1]}))
    assert found[sister][0] == "feature"


# Fields that only together tell


def test_what_was_left_out_is_not_given_back_by_two_that_were_kept():
    columns = {
        column.header: column for column in infer(case("f19-leak-in-two"), target="BAD", bad=["1"], name="x").columns
    }
    assert columns["DisbursementDate"].field.role == "time"  # its numbers count the days since 1970
    assert (columns["xx"].field.role, columns["xx"].flag) == ("excluded", "leakage?")
    assert "together with 'DisbursementDate'" in columns["xx"].decide


def test_a_number_beside_a_date_tells_and_two_dates_that_no_model_reads_do_not():
    start = RNG.integers(16_000, 18_000, N)
    last = start + np.where(BAD, 90, 400) + RNG.integers(0, 60, N)
    day = pl.Series(start).cast(pl.Int32).cast(pl.Date)
    frame = pl.DataFrame({"income": INCOME, "start": day, "last": last})
    found = leaks_together(frame, BAD)
    assert found is not None
    assert found.names == ("last", "start")
    assert leaks_together(frame.with_columns(pl.col("last").cast(pl.Int32).cast(pl.Date)), BAD) is None


def test_the_report_before_training_names_the_pair():
    raw = case("f19-leak-in-two")
    names = ("income", "DisbursementDate", "xx")
    schema = Schema(
        "x", "X", tuple(Field(name, "number", name) for name in names), Target("BAD", "BAD", ("1",), ("0",))
    )
    [found] = [
        item for item in examine(check(raw, schema, with_target=True), schema).findings if item.severity == "warn"
    ]
    assert found.sentence.startswith("xx and DisbursementDate together may tell the outcome: their difference")


@pytest.mark.parametrize("whole", ["sum", "ratio"])
def test_several_columns_give_back_one_that_was_left_out(whole: str):
    paid = np.where(BAD, 100, 900) + RNG.normal(0, 90, N)
    interest, principal = RNG.uniform(0, 300, N), RNG.uniform(500, 5_000, N)
    parts = {"interest": interest, "principal": principal}
    parts["rest"] = paid - interest - principal if whole == "sum" else np.abs(paid) * principal
    found = leaks_together(pl.DataFrame({"income": INCOME, **parts}), BAD, pl.DataFrame({"paid": np.abs(paid)}))
    assert found is not None
    assert {*found.names} >= {"principal", "rest"}
    assert "give back 'paid'" in found.evidence


def test_honest_fields_together_tell_nothing():
    risk = BAD + RNG.normal(0, 2, N)
    frame = pl.DataFrame(
        {"income": INCOME, "risk": risk, "twice": 2 * risk + INCOME, "job": ["a", "b", None] * (N // 3)}
    )
    assert leaks_together(frame, BAD) is None


def test_many_fields_that_are_too_good_together_are_named_with_what_is_left_without_them():
    frame = pl.DataFrame({f"part_{n}": BAD + RNG.normal(0, 0.75, N) for n in range(4)})
    found = leaks_together(frame, BAD)
    assert found is not None
    assert not found.is_certain
    assert "too good to be true" in found.evidence
    assert leaks_together(frame, BAD, may_rank_well=True) is None


# Young loans


def test_of_young_loans_the_share_resolved_is_said_and_the_maturity_asked_for():
    raw = case("f20-young-loans")
    found = infer(raw, target="status", bad=["Chargedoff"], good=["Completed"], name="young")
    said = " ".join(found.outcome)
    assert "neither teach nor judge" in said
    assert "by months since the application: 0 to 2: 2 %" in said
    assert "DECIDE: how many months" in said
    assert found.schema.time_field is not None

    checked = check(raw, found.schema, with_target=True)
    report = examine(checked, found.schema)
    assert checked.accepted["application_date"].max() < date(2020, 3, 1)
    assert checked.accepted.height + len(checked.rejected) == raw.frame.height
    assert 0.15 < checked.accepted["default"].mean() < 0.35
    assert not report.must_stop
    assert any("the bad ones first" in finding.sentence for finding in report.findings)


def loans(n_months: int = 24, *, matures: int, bads_show: int, seed: int = 3) -> tuple[pl.Series, np.ndarray]:
    """Thirty loans a month up to December 2024: bads are known after `bads_show` months, goods after `matures`."""
    rng = np.random.default_rng(seed)
    ages = np.repeat(np.arange(n_months)[::-1], 30)
    bad = rng.random(len(ages)) < 0.2
    known = np.where(bad, rng.uniform(0, 2 * bads_show, len(ages)), matures) <= ages
    days = [date(2024 - age // 12, 12 - age % 12, 15) for age in ages.tolist()]
    return pl.Series(days), np.where(known, bad, -1).astype(np.int64)


def test_months_are_young_until_their_loans_have_run_their_course():
    found = young_loans(*loans(matures=10, bads_show=3))
    assert found is not None
    assert found.n_months == 10
    assert found.n_bad == found.n_resolved  # no good one is known yet
    assert found.by_age[-1] == ("18 to 23", 1.0)


def test_gaps_that_do_not_depend_on_age_are_not_youth():
    days, outcome = loans(matures=0, bads_show=0)
    outcome = np.where(np.random.default_rng(1).random(len(outcome)) < 0.2, -1, outcome)
    assert young_loans(days, outcome) is None


def test_a_horizon_reaches_further_than_the_half_resolved_months():
    days, outcome = loans(36, matures=12, bads_show=9)  # some bads are known after 18 months only
    without, given = young_loans(days, outcome), young_loans(days, outcome, horizon_months=24)
    assert without is not None
    assert given is not None
    assert without.n_months < given.n_months <= 24


def test_open_loans_that_lean_neither_way_are_left_alone_where_the_horizon_is_known():
    days, outcome = loans(matures=0, bads_show=0)
    is_open = (days > date(2024, 6, 30)).to_numpy() & (np.arange(len(outcome)) % 2 > 0)  # every other loan runs longer
    outcome = np.where(is_open, -1, outcome)
    assert young_loans(days, outcome) is not None
    assert young_loans(days, outcome, horizon_months=12) is None


@pytest.mark.parametrize(("left_out", "may_mean"), [(True, "left out of the file"), (False, "called good")])
def test_without_open_loans_the_newest_months_are_asked_about_if_quite_other(left_out: bool, may_mean: str):
    days, outcome = loans(36, matures=16, bads_show=9)
    if left_out:
        days, outcome = days.filter(pl.Series(outcome >= 0)), outcome[outcome >= 0]
    cells = {
        "issue_date": days.cast(pl.String),
        "income": RNG.lognormal(8, 0.5, len(days)),
        "bad": np.maximum(outcome, 0),
    }
    rows = [dict(zip(cells, map(str, row), strict=True)) for row in zip(*cells.values(), strict=True)]
    said = infer(from_records(rows), target="bad", bad=["1"], name="x").outcome
    assert any(sentence.startswith("DECIDE: of loans granted from 202") and may_mean in sentence for sentence in said)


def test_bads_that_rise_slowly_are_no_young_loans():
    days, _ = loans(36, matures=0, bads_show=0)
    bad = np.random.default_rng(5).random(len(days)) < np.linspace(0.15, 0.25, len(days))
    assert odd_months(days, bad.astype(np.int64)) is None


def young_table(*, open_word: str) -> tuple[RawTable, Schema]:
    days, outcome = loans(matures=10, bads_show=3)
    words = {1: "bad", 0: "good", -1: open_word}
    records = [{"day": day.isoformat(), "income": str(1_000 + 7 * n), "outcome": words[int(code)]}
               for n, (day, code) in enumerate(zip(days, outcome, strict=True))]  # fmt: skip
    fields = (Field("day", "date", "Day", role="time"), Field("income", "number", "Income"))
    target = Target("outcome", "Outcome", ("bad",), ("good",), unresolved=("open",))
    return from_records(records), Schema("young", "Young", fields, target)


@pytest.mark.parametrize("open_word", ["open", ""])
def test_young_rows_are_set_aside_by_name_however_open_loans_are_written(open_word: str):
    raw, schema = young_table(open_word=open_word)
    checked = check(raw, schema, with_target=True)
    report: DataReport = examine(checked, schema)
    assert checked.young is not None
    assert checked.accepted["day"].max() < date(2024, 12, 15) - timedelta(days=270)
    assert report.n_open > 200
    assert sum("came early" in reason for reason in report.set_aside) == 1
    assert not report.must_stop


# Too good to be true


def scored(auc_like: float) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(2)
    target = (rng.random(1_000) < 0.25).astype(np.int64)
    return 1 / (1 + np.exp(-(rng.normal(size=1_000) + auc_like * target - 2))), target


def test_a_figure_too_good_is_doubted_unless_the_outcome_is_a_decision():
    prob_default, target = scored(2.4)  # an AUC of .95
    assert doubt_about(prob_default, target, None).startswith("it looks too good to be true: an AUC of 0.9")
    assert doubt_about(prob_default, target, 0) == ""
    assert doubt_about(scored(1.0)[0], target, None) == ""


def test_a_challenger_too_good_to_be_true_is_kept_out_by_the_comparison():
    (before, target), (after, _) = scored(1.0), scored(2.4)
    found = compare(before, after, target, np.zeros(len(target), dtype=np.int64), Costs())
    assert found.verdict == "keep"
    assert "Not too good to be true" in found.reason


class NoChampion:
    """A registry without a champion, in which nothing may be promoted."""

    def champion(self, _model: str) -> None:
        return None


def test_a_training_in_doubt_waits_for_a_person_even_as_the_first():
    evidence = evidence_from(None, None, (), "it looks too good to be true: an AUC of 0.96")
    assert evidence == Evidence(doubt="it looks too good to be true: an AUC of 0.96")
    version = Version("loans", "1", "run", "", datetime(2026, 1, 1, tzinfo=UTC), tags_of(evidence, TrainedFrom()))
    is_champion, why = promote_if_better(NoChampion(), version)  # type: ignore[arg-type]  # it needs no more of it
    assert not is_champion
    assert why == (
        "it looks too good to be true: an AUC of 0.96; whoever knows that it is honest says so: "
        "`riskometer promote --dataset loans --why 'the reason'`"
    )
    assert objections(version, None) == "it looks too good to be true: an AUC of 0.96"
