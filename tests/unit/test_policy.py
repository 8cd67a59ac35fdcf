"""What people set on top of a model: how it decides, what the log holds of it, and who may."""

import json
from dataclasses import replace
from datetime import date

import numpy as np
import polars as pl
import pytest

from creditrisk.decision_log import Actor, DecisionLog, PolicyInForce, policies_set, replay, score_day
from creditrisk.errors import CreditRiskError, DecisionLogError, ScorerError, SettingsError
from creditrisk.quality import check
from creditrisk.scoring import NO_POLICY, Cutoffs, Policy, Stop, evaluation_of, figures_at, policy_from, read_evaluation
from creditrisk.sources import from_records, take_snapshot
from tests.conftest import write_forty_clients

ANA = Actor("Ana", "approver", is_automatic=False)
CLIENT = {"client": "A7", "age_years": 61, "amount_eur": 2000, "income_eur": 52000, "housing": "own"}
STOP = Stop("26 Nov 2026, 14:02 UTC", "Ana", "The bureau's data are wrong.")


@pytest.fixture
def log(tmp_path):
    return DecisionLog(f"sqlite:///{tmp_path}/decisions.db")


@pytest.fixture
def scorer(corner_scorer):
    return replace(corner_scorer, name="corner_lender", version="3")


def accepted(scorer, *clients):
    return check(from_records(list(clients)), scorer.schema).accepted


def cutoffs(low, high, version="3"):
    return Policy(cutoffs=Cutoffs("corner_lender", version, low, high))


def test_other_cutoffs_move_the_verdict_and_nothing_that_the_model_says(scorer):
    rows = accepted(scorer, CLIENT)
    [own] = scorer.score(rows).to_dicts()
    [stricter] = scorer.under(cutoffs(0.0, own["prob_default"] / 2)).score(rows).to_dicts()
    assert (own["verdict"], stricter["verdict"]) == ("approve", "decline")
    same = own.keys() - {"verdict", "band", "confidence", "strengths"}
    assert {name: own[name] for name in same} == {name: stricter[name] for name in same}


def test_cutoffs_of_another_version_do_not_carry_over(scorer):
    assert scorer.under(cutoffs(0.0, 0.0, version="2")).rule == scorer.rule


def test_while_scoring_is_stopped_everybody_is_referred_in_tables_and_one_by_one(scorer):
    rows = pl.concat([accepted(scorer, CLIENT)] * 10)
    for some in (rows, rows[:1]):
        scored = scorer.under(Policy(1, stop=STOP)).score(some)
        assert set(scored["verdict"]) == {"refer"}
        assert scored["problems"].to_list() == [[STOP.sentence]] * some.height


def test_a_change_holds_for_every_process_at_once_and_stands_in_the_log_with_who_and_why(log, tmp_path):
    here, there = PolicyInForce(tmp_path, log), PolicyInForce(tmp_path, log)
    assert there.now() == NO_POLICY
    here.change(NO_POLICY, cutoffs(0.1, 0.2), by=ANA, why="Fewer losses")
    here.change(here.now(), replace(here.now(), stop=STOP), by=ANA, why=STOP.why)
    assert there.now() == replace(cutoffs(0.1, 0.2), number=2, stop=STOP)
    assert [(item.policy.number, item.by, item.why) for item in policies_set(log)] == [
        (1, ANA, "Fewer losses"),
        (2, ANA, STOP.why),
    ]
    assert log.verify().n_checked == 2


def test_who_looked_at_another_policy_changes_nothing(log, tmp_path):
    here, there = PolicyInForce(tmp_path, log), PolicyInForce(tmp_path, log)
    here.change(NO_POLICY, Policy(stop=STOP), by=ANA, why="wrong data")
    with pytest.raises(SettingsError, match="somebody else"):
        there.change(NO_POLICY, cutoffs(0.1, 0.2), by=ANA, why="Fewer losses")
    with pytest.raises(SettingsError, match="say why"):
        there.change(there.now(), NO_POLICY, by=ANA, why=" ")
    assert there.now().stop == STOP


def test_a_note_that_is_gone_or_damaged_is_written_anew_from_the_log(log, tmp_path):
    PolicyInForce(tmp_path, log).change(NO_POLICY, Policy(stop=STOP), by=ANA, why="wrong data")
    note = tmp_path / "serving" / "policy.json"
    for spoil in (note.unlink, lambda: note.write_text("{}")):
        spoil()
        assert PolicyInForce(tmp_path, log).now().stop == STOP
        assert policy_from(note.read_text()).stop == STOP
    note.write_text("{}")
    with pytest.raises(DecisionLogError, match="Nothing is decided"):
        PolicyInForce(tmp_path, DecisionLog("postgresql://127.0.0.1:9/none")).now()


def test_decisions_are_replayed_under_the_policy_they_were_made_under(log, tmp_path, scorer):
    in_force, rows = PolicyInForce(tmp_path, log), accepted(scorer, CLIENT)
    for after in (None, cutoffs(0.0, 0.001), Policy(stop=STOP)):
        if after is not None:
            in_force.change(in_force.now(), after, by=ANA, why="to see")
        decider = in_force.apply(scorer)
        log.append_scored(decider.score(rows), rows, decider, "api")
    decisions = [logged.decision for logged in log.read(range(1, log.head()[0] + 1))]
    assert [(item.policy_version, item.verdict) for item in decisions] == [
        ("", "approve"),
        ("1", "decline"),
        ("2", "refer"),
    ]
    assert replay(log, range(1, log.head()[0] + 1), lambda _model, _version: scorer).differences == []
    assert log.verify().broken is None


def test_a_day_that_scoring_is_stopped_in_waits_and_ends_as_it_was_begun(log, tmp_path, scorer, monkeypatch):
    (tmp_path / "copy").mkdir()
    copied = take_snapshot(str(write_forty_clients(tmp_path / "clients.csv")), tmp_path / "copy")
    in_force, day, out = PolicyInForce(tmp_path, log), date(2026, 3, 31), str(tmp_path / "out")

    def stop_meanwhile(begun_with):
        in_force.change(in_force.now(), Policy(stop=STOP), by=ANA, why="wrong data")
        return begun_with

    with monkeypatch.context() as patched:
        patched.setattr(in_force, "apply", stop_meanwhile)
        with pytest.raises(CreditRiskError, match="goes on where it ended"):
            score_day(copied, day, scorer, load=None, log=log, target=out, in_force=in_force)
    in_force.change(in_force.now(), NO_POLICY, by=ANA, why="data mended")
    done = score_day(copied, day, scorer, load=None, log=log, target=out, in_force=in_force)
    assert (done.batch.n_scored, done.n_new) == (38, 38)
    assert done.batch.verdicts["approve"] > 0
    assert log.get(log.head()[0]).decision.policy_version == ""


@pytest.mark.parametrize("spoilt", [{"cutoffs": {"model": "a", "model_version": "1", "approve_below": 0.5,
                                                 "decline_from": 0.1}}, {"number": -1}, {"stop": "now"}])  # fmt: skip
def test_a_policy_that_was_changed_into_something_else_is_refused(spoilt):
    with pytest.raises(ScorerError):
        policy_from(json.dumps({"number": 1, "cutoffs": None, "stop": None} | spoilt))


def test_the_evaluation_tells_what_cutoffs_would_have_done(scorer):
    risks = np.linspace(0.001, 0.999, 1_000)
    target = (np.arange(1_000) % 10 < 10 * risks).astype(np.int64)
    groups = {"Sex": np.where(np.arange(1_000) % 2 == 0, "women", "men"), "Town": np.array(["a"] * 995 + ["b"] * 5)}
    evaluation = evaluation_of(risks, np.full(1_000, 1e-6), target, groups, (0.7, 0.6, 0.8))
    assert read_evaluation(json.loads(json.dumps({"evaluation": evaluation}))) == evaluation
    assert evaluation["groups"]["Town"].keys() == {"a"}  # five people are no group
    found = figures_at(evaluation, scorer.under(cutoffs(0.2, 0.6)).rule, 0.0)
    approved, declined = risks <= 0.2, risks >= 0.6
    costs = scorer.schema.costs
    cost = 5 * target[approved].sum() + (1 - target[declined]).sum() + 0.7 * (~approved & ~declined).sum()
    assert (costs.accept_bad, costs.decline_good, costs.review) == (5, 1, 0.7)
    assert found.approval_rate == pytest.approx(approved.mean(), abs=0.005)
    assert found.bad_rate == pytest.approx(target[approved].mean(), abs=0.01)
    assert found.cost == pytest.approx(cost / 1_000, abs=0.01)
    assert found.profit == pytest.approx((1 - target).mean() - found.cost)
    assert {(item.group, round(item.approval_rate, 2)) for item in found.groups} == {
        ("men", 0.2),
        ("women", 0.2),
        ("a", 0.2),
    }
    more = figures_at(evaluation, scorer.under(cutoffs(0.3, 0.6)).rule, 0.0)
    assert more.approval_rate > found.approval_rate


@pytest.mark.parametrize("spoilt", [{"prob_default": [0.5, 0.1]}, {"n_bad": [1]}, {"sd": [-1.0, 0.1]}, {"auc": [2]}])
def test_an_evaluation_that_was_changed_is_refused(spoilt):
    item = evaluation_of(np.array([0.1, 0.9]), np.array([0.1, 0.1]), np.array([0, 1]), {}, (0.7, 0.6, 0.8))
    with pytest.raises(ScorerError):
        read_evaluation({"evaluation": item | spoilt})
