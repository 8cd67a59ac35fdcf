"""The challenger beside the champion: it scores what was decided, and none of that counts as a decision."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from creditrisk.datasets import check_few
from creditrisk.decision_log import (
    Actor,
    DecisionLog,
    compare_shadows,
    decisions_of_few,
    erase,
    replay,
    shadow,
    shadowed_until,
)
from creditrisk.scoring import Policy, Scorer, Stop
from webapp.shadow import ShadowScorer

BY = Actor("tests", "shadow")
CLIENTS = [
    {"client": f"C{age}", "age_years": age, "amount_eur": 9000, "income_eur": 30000, "housing": "rent"}
    for age in (20, 30, 45, 60)
]


@pytest.fixture(scope="module")
def champion(corner_scorer) -> Scorer:
    return replace(corner_scorer, name="corner_lender", version="1", sha256="a" * 64)


@pytest.fixture(scope="module")
def challenger(champion) -> Scorer:
    """One that sees more risk in everybody."""
    calibration = replace(champion.calibration, intercept=champion.calibration.intercept + 1.0)
    return replace(champion, version="2", sha256="b" * 64, calibration=calibration)


@pytest.fixture
def log(tmp_path) -> DecisionLog:
    return DecisionLog(f"sqlite:///{tmp_path}/decisions.db")


def decide(log, scorer):
    few = check_few(CLIENTS, scorer.schema)
    scored = scorer.score_few(few.accepted)
    log.append(decisions_of_few(scored, few.accepted, scorer, "api"))
    return scored


def test_a_challenger_says_what_it_would_have_decided_and_how_far_the_two_lie_apart(log, champion, challenger):
    decide(log, champion)  # before there was a challenger
    begin = shadowed_until(log, challenger)
    assert begin == log.head()[0]
    assert compare_shadows(log, "corner_lender") == []
    decided = decide(log, champion)
    until = shadow(log, challenger, after_seq=begin, by=BY)
    assert until == begin + len(CLIENTS)
    assert shadow(log, challenger, after_seq=until, by=BY) == until
    assert shadowed_until(log, challenger) == until
    [found] = compare_shadows(log, "corner_lender")
    would_be = challenger.score_few(check_few(CLIENTS, champion.schema).accepted)
    differences = [new["prob_default"] - old["prob_default"] for new, old in zip(would_be, decided, strict=True)]
    pairs = [(old["verdict"], new["verdict"]) for new, old in zip(would_be, decided, strict=True)]
    assert (found.model_version, found.n_decisions) == ("2", len(CLIENTS))
    assert found.mean_difference == pytest.approx(sum(differences) / len(CLIENTS))
    assert found.mean_distance == pytest.approx(found.mean_difference)
    assert {pair[:2]: pair[2] for pair in found.verdicts} == {pair: pairs.count(pair) for pair in pairs}
    assert found.agreement == sum(old == new for old, new in pairs) / len(CLIENTS)


def test_what_it_says_counts_as_no_decision_and_the_chain_holds(log, champion, challenger):
    decide(log, champion)
    counts, [before] = log.counts_by_verdict(), log.window("corner_lender", until_seq=log.head()[0])
    shadow(log, challenger, after_seq=0, by=BY)
    assert log.verify().broken is None
    assert log.counts_by_verdict() == counts
    [after] = log.window("corner_lender", until_seq=log.head()[0])
    assert after.frame.equals(before.frame)
    assert [logged.decision.model_version for logged in log.decisions_about("C20", at_most=9)] == ["1"]
    again = replay(log, range(1, log.head()[0] + 1), lambda _model, _version: champion)
    assert (again.n_scored, again.differences) == (len(CLIENTS), [])


def test_of_two_apps_on_one_log_only_one_says_what_a_challenger_would_have_decided(log, champion, challenger, tmp_path):
    decide(log, champion)
    decide(log, champion)
    with ThreadPoolExecutor(4) as apps:
        logs = [DecisionLog(f"sqlite:///{tmp_path}/decisions.db") for _ in range(4)]
        ends = {*apps.map(lambda one: shadow(one, challenger, after_seq=0, by=BY), logs)}
    assert len(ends) == 1
    # One that was started later, or again, and looks from the start.
    shadow(log, challenger, after_seq=0, by=BY)
    assert compare_shadows(log, "corner_lender")[0].n_decisions == 2 * len(CLIENTS)
    assert log.verify().broken is None
    # Another challenger is another question.
    shadow(log, replace(challenger, version="3", sha256="c" * 64), after_seq=0, by=BY)
    assert [one.n_decisions for one in compare_shadows(log, "corner_lender")] == [2 * len(CLIENTS)] * 2


def test_nothing_of_an_applicant_stays_with_it(log, champion, challenger):
    decide(log, champion)
    erase(log, "C20", why="asked for")
    shadow(log, challenger, after_seq=0, by=BY)
    assert compare_shadows(log, "corner_lender")[0].n_decisions == len(CLIENTS) - 1
    with log.store.transaction() as connection:
        wanted = "SELECT contents.application_id, payload FROM contents JOIN events USING (seq) WHERE kind = 'shadow'"
        rows = connection.exec_driver_sql(wanted).fetchall()
    assert [tuple(row) for row in rows] == [(None, b"[]")] * (len(CLIENTS) - 1)


def test_decisions_on_fields_that_the_challenger_does_not_know_are_passed_over(log, champion, challenger):
    decide(log, champion)
    fields = (*challenger.schema.fields, replace(challenger.schema.features[0], name="another"))
    wider = replace(challenger, schema=replace(challenger.schema, fields=fields))
    assert shadow(log, wider, after_seq=0, by=BY) == log.head()[0]
    assert compare_shadows(log, "corner_lender") == []


class Registered:
    """A registry of one model, as far as it is asked here."""

    def __init__(self, champion, challenger):
        self.versions = {"champion": champion, "challenger": challenger}
        self.n_loaded = 0

    def champion(self, _name):
        return self.versions["champion"]

    def challenger(self, _name):
        return self.versions["challenger"]

    def load(self, version):
        self.n_loaded += 1
        return version


def test_decisions_made_while_scoring_was_stopped_say_nothing_of_a_challenger(log, champion, challenger):
    decide(log, champion.under(Policy(1, stop=Stop("26 Nov 2026, 14:02 UTC", "Ana", "wrong data"))))
    assert shadow(log, challenger, after_seq=0, by=BY) == log.head()[0]
    assert compare_shadows(log, "corner_lender") == []


def test_each_look_takes_up_the_challenger_there_is_until_it_becomes_champion(
    corner_settings, champion, challenger, monkeypatch
):
    registered = Registered(champion, champion)
    monkeypatch.setattr("webapp.shadow.Registry", lambda _stores: registered)
    settings = corner_settings.model_copy(update={"dataset": "corner_lender"})
    log, scorer = DecisionLog(settings.decision_log), ShadowScorer(settings)
    decide(log, champion)
    assert not scorer.look()  # the champion is the last trained
    registered.versions["challenger"] = challenger
    assert not scorer.look()  # nothing was decided since
    decide(log, champion)
    assert scorer.look()
    assert not scorer.look()
    assert compare_shadows(log, "corner_lender")[0].n_decisions == len(CLIENTS)
    registered.versions["champion"] = challenger
    decide(log, challenger)
    assert not scorer.look()
    assert (compare_shadows(log, "corner_lender")[0].n_decisions, registered.n_loaded) == (len(CLIENTS), 1)
