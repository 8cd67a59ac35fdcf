"""What would change a verdict: only what the scorer itself says, as little as will do, and never a decision."""

from contextlib import closing
from dataclasses import replace
from datetime import date

import numpy as np
import polars as pl
import pytest

from creditrisk.datasets import load_schema
from creditrisk.decision_log import Actor, DecisionLog, Outcome, erase, log_what_if
from creditrisk.errors import DecisionLogError, SchemaError
from creditrisk.schema import Field
from creditrisk.scoring import VERDICTS, Policy, ask, changeable_fields, what_would_change

BY = Actor("Ada", "clerk")


@pytest.fixture(scope="module")
def applications(corner_scorer):
    """Three hundred applications and what the corner lender's scorer makes of them."""
    rng = np.random.default_rng(4)
    n = 300
    accepted = pl.DataFrame(
        {
            "row_number": np.arange(1, n + 1),
            "client": [f"C{number}" for number in range(n)],
            "age_years": rng.integers(18, 80, n),
            "amount_eur": rng.integers(1, 40, n) * 500.0,
            "income_eur": rng.integers(10, 60, n) * 1000.0,
            "housing": rng.choice(["own", "rent"], n),
        }
    )
    return accepted, corner_scorer.score(accepted)


def test_what_is_promised_comes_out_and_a_step_less_would_not_do(corner_scorer, applications):
    accepted, scored = applications
    n_found = {"refer": 0, "decline": 0}
    for index, verdict in enumerate(scored["verdict"]):
        if verdict == "approve":
            assert what_would_change(corner_scorer, accepted[index], verdict) == []
            continue
        for found in what_would_change(corner_scorer, accepted[index], verdict):
            n_found[verdict] += 1
            now = accepted["amount_eur"][index]
            assert (found.field.name, found.value % 1000) == ("amount_eur", 0)  # the lender deals in thousands
            assert found.value < now
            changed = accepted[index].with_columns(amount_eur=pl.lit(found.value))
            [row] = corner_scorer.score(changed).to_dicts()
            assert (row["verdict"], row["prob_default"]) == (found.verdict, found.prob_default)
            assert VERDICTS.index(row["verdict"]) < VERDICTS.index(verdict)
            if found.value + 1000 < now:
                dearer = ask(corner_scorer, accepted[index], found.field, found.value + 1000)
                assert VERDICTS.index(dearer.verdict) > VERDICTS.index(found.verdict)
    assert min(n_found.values()) > 10


def test_fields_that_are_marked_are_looked_at_in_place_of_amount_and_term(corner_scorer):
    assert [field.name for field in changeable_fields(corner_scorer.schema)] == ["amount_eur"]
    assert [field.name for field in changeable_fields(load_schema("loan_prediction"))] == ["loan_term_months"]
    fields = tuple(replace(field, is_changeable=field.name == "housing") for field in corner_scorer.schema.fields)
    marked = replace(corner_scorer, schema=replace(corner_scorer.schema, fields=fields))
    [application] = [
        pl.DataFrame(
            {"row_number": [1], "client": ["C"], "age_years": [40], "amount_eur": [11_000.0], "income_eur": [34_000.0],
             "housing": ["rent"]}
        )
    ]  # fmt: skip
    verdict = marked.score(application)["verdict"][0]
    [found] = what_would_change(marked, application, verdict)
    assert (found.field.name, found.value) == ("housing", "own")
    assert what_would_change(marked, application.with_columns(housing=pl.lit(None, pl.String)), verdict) == []
    with pytest.raises(SchemaError, match="can change 'client'"):
        replace(marked.schema, fields=(Field("client", "text", "Client", role="id", is_changeable=True), *fields[1:]))


def test_a_what_if_stands_in_the_log_and_counts_as_no_decision(corner_scorer, applications, tmp_path):
    accepted, scored = applications
    index = scored["verdict"].to_list().index("decline")
    rows, name = accepted.slice(index, 1), scored["application_id"][index]
    with closing(DecisionLog(f"sqlite:///{tmp_path / 'decisions.db'}")) as log:
        log.append_scored(scored.slice(index, 1), rows, corner_scorer, "ui", BY)
        log.append_scored(scored.slice(index, 1), rows, replace(corner_scorer, policy=Policy(4)), "ui", BY)
        [row] = scored.slice(index, 1).to_dicts()
        asked = ask(corner_scorer, rows, corner_scorer.schema.field("amount_eur"), 1000.0)
        assert asked.verdict != "decline"

        seq, _ = log_what_if(log, row, asked, BY)

        with log.store.transaction() as connection:
            [entry] = connection.exec_driver_sql(
                "SELECT kind, actor, role, refers_to, policy_version, verdict, prob_default, payload FROM events JOIN "
                f"contents USING (seq) WHERE seq = {seq}"
            )
        assert tuple(entry) == (
            "what_if",
            "Ada",
            "clerk",
            2,
            "4",
            asked.verdict,
            asked.prob_default,
            b'["amount_eur",1000.0]',
        )
        assert log.counts_by_verdict() == {"decline": 2}
        assert [logged.seq for logged in log.decisions_about(name, at_most=9)] == [2, 1]
        assert [logged.seq for logged in log.read(range(1, 4))] == [1, 2]
        [window] = log.window(corner_scorer.name, until_seq=seq)
        assert window.frame["seq"].to_list() == [1, 2]
        assert log.verdicts_by_day(corner_scorer.name)["n_decisions"].to_list() == [2]
        log.record_outcomes([Outcome(name, is_default=True, observed_on=date(2026, 1, 1))])
        assert pl.concat(log.labelled(corner_scorer.name))["seq"].to_list() == [2]
        assert erase(log, name, why="the person asked").n_erased == 4
        assert log.verify().broken is None
        with pytest.raises(DecisionLogError, match="no such decision any more"):
            log_what_if(log, row, asked, BY)
