"""Windows: counted as they are read, each applicant once, and a longer stretch where a window holds too few."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from creditrisk.decision_log import Decision, DecisionLog
from creditrisk.metrics import build_profile
from creditrisk.schema import Field, Schema, Target
from monitoring import windows
from tests.integration.test_archive import result

SCHEMA = Schema(
    name="small",
    title="A small lender",
    fields=(Field("client", "text", "Client", role="id"), Field("amount_eur", "number", "Amount", unit="EUR")),
    target=Target("default", "Default", bad=("1",), good=("0",)),
)
RNG = np.random.default_rng(4)
PROFILE = build_profile(pl.DataFrame({"amount_eur": RNG.normal(size=2_000)}), SCHEMA, RNG.random(2_000))
REFERENCE = windows.Reference("small", "2", PROFILE, has_ids=True)
EXAMPLE = Decision("api", "A-1", "small", "2", "", 0.1, 600.0, "approve", "green", 0.9, [], [], {"amount_eur": 1.5})


@pytest.fixture
def log(tmp_path):
    return DecisionLog(f"sqlite:///{tmp_path / 'decisions.db'}")


def decide(log: DecisionLog, first: int, n_decisions: int, **other: object) -> None:
    numbers = range(first, first + n_decisions)
    log.append([replace(EXAMPLE, application_id=f"A-{n}", inputs={"amount_eur": float(n)}, **other) for n in numbers])


def reported(log: DecisionLog, seq: int) -> list:
    head = {"seq": seq, "hash": log.hashes([seq])[seq]}
    return [result(9, model="small", first_seq=1, last_seq=seq, log_head=head)]


def test_a_window_of_several_blocks_is_counted_whole(log):
    decide(log, 0, 4_500)
    window = windows.since_last_report(log, REFERENCE, [])
    assert (window.n_rows, window.counted.first_seq, window.last_seq, window.stretch) == (4_500, 1, 4_500, "")
    entry = window.counted.profile["fields"]["amount_eur"]
    assert (entry["low"], entry["high"], entry["mean"]) == (0.0, 4_499.0, pytest.approx(2_249.5))
    assert window.judged == window.counted
    # Sampled as it is read; the amounts of all are beyond the reference's last bin, but for a few of the first.
    assert window.judged.sample.codes.shape == (2_000, 1)
    assert np.bincount(window.judged.sample.codes[:, 0], minlength=11)[9] > 1_990


def test_scores_of_another_version_count_as_applications_and_not_as_scores(log):
    decide(log, 0, 200)
    decide(log, 200, 200, model_version="1", prob_default=0.9)
    window = windows.since_last_report(log, REFERENCE, [])
    assert window.n_rows == 400
    assert (sum(window.counted.profile["prob_default"]["counts"]), window.counted.profile["prob_default"]["high"]) == (
        200,
        0.1,
    )


def test_where_a_window_holds_too_few_the_shortest_stretch_that_holds_enough_is_judged(log):
    decide(log, 0, 400)
    window = windows.since_last_report(log, REFERENCE, reported(log, 350))
    assert (window.n_rows, window.counted.first_seq) == (50, 351)
    assert (window.stretch, window.judged.profile["n_rows"]) == ("the last day", 400)
    # The next window goes on behind this one, whatever was judged.
    assert window.last_seq == 400


def test_where_no_stretch_holds_enough_the_window_is_judged_as_it_is(log):
    decide(log, 0, 120)
    window = windows.since_last_report(log, REFERENCE, reported(log, 100))
    assert (window.stretch, window.judged.profile["n_rows"]) == ("", 20)


def test_an_application_scored_twice_counts_once_and_that_is_said(log):
    decide(log, 0, 10)
    decide(log, 0, 4)
    window = windows.since_last_report(log, REFERENCE, [])
    assert (window.n_rows, window.counted.n_again) == (10, 4)
    assert window.remarks == ("4 decisions are left out, as the same applications were scored again later.",)
    # Numbers of rows begin anew with every file: they are nobody's.
    window = windows.since_last_report(log, replace(REFERENCE, has_ids=False), [])
    assert (window.n_rows, window.remarks) == (14, ())
