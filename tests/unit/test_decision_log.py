from __future__ import annotations

import math
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from creditrisk.decision_log import Decision, DecisionLog, Outcome, decisions_from, erase, replay
from creditrisk.decision_log.replay import Difference, Replay
from creditrisk.errors import DecisionLogError
from creditrisk.quality import frame_from_inputs
from creditrisk.schema import Category, Field, Schema, Target
from creditrisk.scoring import NO_POLICY, Policy

SCHEMA = Schema(
    name="tiny",
    title="Tiny lender",
    fields=(
        Field("client", "text", "Client", role="id"),
        Field("amount_eur", "number", "Amount", unit="euros"),
        Field("age_years", "integer", "Age", unit="years", is_required=False),
        Field("purpose", "category", "Purpose", categories=(Category("car", "Car"),)),
        Field("applied_on", "date", "Date of application", role="time", is_required=False),
    ),
    target=Target("default", "Default", bad=("1",), good=("0",)),
)
ACCEPTED = pl.DataFrame(
    {
        "row_number": [1, 3, 4],
        "client": ["C-1", "C-3", "C-4"],
        "amount_eur": [1e4 / 3, 0.1 + 0.2, -0.0],
        "age_years": [40, None, 19],
        "purpose": ["car", "boat", None],
        "applied_on": [date(2024, 3, 31), None, date(2024, 12, 1)],
        "default": [0, 1, 0],
        "problems": [[], ["Purpose: 'boat' is not a known value"], []],
    },
    schema_overrides={"default": pl.Int8, "problems": pl.List(pl.String)},
)


@dataclass(frozen=True)
class FakeScorer:
    """The scorer's contract with arithmetic in place of a model."""

    version: str = "1"
    slope: float = 1e-5
    name: str = "tiny"
    sha256: str = "5c" * 32
    schema: Schema = field(default=SCHEMA)
    policy: Policy = NO_POLICY

    def under(self, policy: Policy) -> FakeScorer:
        return replace(self, policy=policy)

    def score(self, accepted: pl.DataFrame) -> pl.DataFrame:
        is_odd = pl.col("problems").list.len() > 0
        amount = pl.col("amount_eur")
        return accepted.select(
            "row_number",
            pl.col("client").alias("application_id"),
            (amount * self.slope + pl.col("age_years").fill_null(0) / 1e4).alias("prob_default"),
            (600 - amount / 7).alias("score_points"),
            pl.when(is_odd).then(pl.lit("refer")).otherwise(pl.lit("approve")).alias("verdict"),
            pl.when(is_odd).then(pl.lit("amber")).otherwise(pl.lit("green")).alias("band"),
            pl.lit(0.9).alias("confidence"),
            pl.concat_list(pl.struct(code=pl.lit("amount_eur:high"), text=pl.lit("The amount is high"))).alias(
                "reasons"
            ),
            pl.lit(self.name).alias("model"),
            pl.lit(self.version).alias("model_version"),
            "problems",
        )


@pytest.fixture
def log(tmp_path: Path) -> Iterator[DecisionLog]:
    with closing(DecisionLog(f"sqlite:///{tmp_path / 'new' / 'decisions.db'}")) as opened:
        yield opened


def decisions(scorer: FakeScorer | None = None) -> list[Decision]:
    scorer = scorer or FakeScorer()
    return decisions_from(scorer.score(ACCEPTED), ACCEPTED, scorer, "batch")


def test_a_decision_holds_the_answer_and_the_inputs_without_row_number_and_outcome():
    first, second, _ = decisions()
    assert first == Decision(
        channel="batch",
        application_id="C-1",
        model="tiny",
        model_version="1",
        scorer_sha256="5c" * 32,
        prob_default=1e4 / 3 * 1e-5 + 40 / 1e4,
        score_points=600 - 1e4 / 3 / 7,
        verdict="approve",
        band="green",
        confidence=0.9,
        reasons=[{"code": "amount_eur:high", "text": "The amount is high"}],
        problems=[],
        inputs={
            "client": "C-1",
            "amount_eur": 1e4 / 3,
            "age_years": 40,
            "purpose": "car",
            "applied_on": "2024-03-31",
        },
    )
    assert (second.verdict, second.problems) == ("refer", ["Purpose: 'boat' is not a known value"])
    assert (second.inputs["age_years"], second.inputs["applied_on"]) == (None, None)


def test_inputs_find_their_row_when_the_answer_is_in_another_order():
    scorer = FakeScorer()
    turned = scorer.score(ACCEPTED).reverse()
    for decision in decisions_from(turned, ACCEPTED, scorer, "ui"):
        assert decision.application_id == decision.inputs["client"]


def test_logged_inputs_become_the_frame_they_came_from(log):
    inputs = [logged.decision.inputs for logged in log.append(decisions())]
    expected = ACCEPTED.drop("default", "problems").with_columns(row_number=pl.Series([1, 2, 3]))
    assert frame_from_inputs([log.get(seq).decision.inputs for seq in (1, 2, 3)], SCHEMA).equals(expected)
    assert frame_from_inputs(inputs, SCHEMA).schema == expected.schema
    assert math.copysign(1, log.get(3).decision.inputs["amount_eur"]) == -1  # even the sign of -0.0


@pytest.mark.parametrize("has_texts", [True, False])
def test_a_table_is_logged_as_its_rows_are(log, has_texts):
    purposes = ['"car"', "a\\b", "two\nlines\r", "a,b]", "\x00\x1f\x7f", "", "ночь 💶\u2028", None]
    amounts = [1e4 / 3, -0.0, 5e-324, 1.7e308, 1e16, 1e-7, 123456789.125, -1.0]
    ages = [40, None, -(2**63), 2**63 - 1, 0, 1, 2, 3]
    days = [date(2024, 3, 31), None, date(1, 1, 1), date(9999, 12, 31)]
    n_rows = 203
    rows = pl.int_range(n_rows, eager=True)
    texts = {"purpose": [purposes[row % 8] for row in rows], "client": [f"C-{row}" for row in rows]}
    accepted = pl.DataFrame(
        {
            "row_number": rows + 1,
            "amount_eur": [amounts[row % 8] for row in rows],
            "age_years": [ages[row % 8] for row in rows],
            "applied_on": [days[row % 4] for row in rows],
            **(texts if has_texts else {}),
        }
    )
    reasons = [[], [{"code": "a:high", "text": 'so "high"'}], [{"code": "b:low", "text": "low"}]]
    problems = [[], ['Purpose: "a,b]" is\nnot known'], []]
    scored = accepted.select(
        "row_number",
        pl.Series("application_id", texts["client"]),
        (pl.int_range(pl.len()) / 211).alias("prob_default"),
        (600 - pl.col("age_years") / 7).fill_null(0.0).alias("score_points"),
        pl.lit("approve").alias("verdict"),
        pl.lit("green").alias("band"),
        pl.lit(0.9).alias("confidence"),
        pl.Series("reasons", [reasons[row % 3] + reasons[row // 3 % 3] for row in rows]),
        pl.lit("tiny").alias("model"),
        pl.lit("1").alias("model_version"),
        pl.Series("problems", [problems[row % 3] for row in rows]),
    )
    head = log.append_scored(scored, accepted, FakeScorer(), "batch")
    assert head == (n_rows, log.verify().head_hash)
    read = [logged.decision for logged in log.read(range(1, n_rows + 1))]
    # Written out, as 0.0 and -0.0, or 1 and 1.0, are alike otherwise.
    assert list(map(repr, read)) == list(map(repr, decisions_from(scored, accepted, FakeScorer(), "batch")))


def test_replay_finds_the_same_bits_with_the_version_that_decided(log):
    versions = {"1": FakeScorer("1"), "2": FakeScorer("2", slope=3e-5)}
    log.append(decisions(versions["1"]) + decisions(versions["2"]) + decisions(versions["1"]))
    asked: list[tuple[str, str]] = []

    def load(model: str, version: str) -> FakeScorer:
        asked.append((model, version))
        return versions[version]

    assert replay(log, range(1, 10), load) == Replay(9, [], [])
    assert asked == [("tiny", "1"), ("tiny", "2")]


def test_replay_names_every_field_that_came_out_otherwise(log):
    log.append(decisions())
    nudged = FakeScorer(slope=1.000000000000001e-5, sha256="ff" * 32)  # some bits in the 16th digit
    assert replay(log, 1, lambda model, version: nudged).differences == [
        Difference(1, "scorer_sha256", "5c" * 32, "ff" * 32),
        Difference(1, "prob_default", 1e4 / 3 * 1e-5 + 40 / 1e4, 1e4 / 3 * nudged.slope + 40 / 1e4),
    ]


def test_replay_of_a_decision_that_is_not_there_says_what_is(log):
    log.append(decisions())
    with pytest.raises(DecisionLogError, match=r"2 of the entries 3 to 5 are not .* holds 1 to 3"):
        replay(log, range(3, 6), lambda model, version: FakeScorer())
    with pytest.raises(DecisionLogError, match=r"entry 9 is not in the decision log; it holds 1 to 3\."):
        replay(log, range(9, 10), lambda model, version: FakeScorer())


def test_an_empty_log_holds_none_yet(log):
    with pytest.raises(DecisionLogError, match=r"entry 1 is not in the decision log; it holds none yet\."):
        replay(log, range(1, 2), lambda model, version: FakeScorer())


@pytest.mark.parametrize(
    "change",
    [
        {"prob_default": math.nan},
        {"score_points": math.inf},
        {"confidence": -math.inf},
        {"inputs": {"amount_eur": math.nan}},
        {"inputs": {"applied_on": date(2024, 3, 31)}},
        {"application_id": "C\0SECRET"},
        {"application_id": "C\ud800SECRET"},
    ],
)
def test_what_cannot_be_stored_is_refused_by_position_and_without_the_value(log, change):
    good = decisions()[0]
    with pytest.raises(DecisionLogError, match="decision 2 of this list") as caught:
        log.append([good, replace(good, **change), good])
    assert "SECRET" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert log.head()[0] == 0


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("sqlite://", "needs a file"),
        ("sqlite:///:memory:", "needs a file"),
        ("mysql://user:SECRET@host/db", "cannot be kept in 'mysql'"),
        ("postgresql//user:SECRET@host/db", "cannot be read"),
        ("postgresql://user:SECRET@host:port/db", "cannot be read"),
    ],
)
def test_an_unusable_url_is_refused_without_its_password(url, sentence):
    with pytest.raises(DecisionLogError, match=sentence) as caught:
        DecisionLog(url)
    assert "SECRET" not in str(caught.value)


def test_the_address_of_the_log_is_shown_without_user_and_password():
    log = DecisionLog("postgresql://user:SECRET@db.example:5433/risk?password=SECRET")
    assert log.address == "postgresql://db.example:5433/risk"


def test_a_log_that_cannot_be_opened_says_where_it_should_be(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(DecisionLogError, match=r"file/decisions\.db did not do what was asked"):
        DecisionLog(f"sqlite:///{tmp_path / 'file' / 'decisions.db'}").head()


def test_a_file_that_is_no_database_is_named(tmp_path):
    path = tmp_path / "decisions.db"
    path.write_text("not a database" * 100)
    with pytest.raises(DecisionLogError, match="file is not a database"):
        DecisionLog(f"sqlite:///{path}").append(decisions())


def test_a_tampered_decision_that_cannot_be_read_points_to_verify_log(log):
    log.append(decisions())
    with closing(sqlite3.connect(log.address.removeprefix("sqlite:///"), isolation_level=None)) as connection:
        connection.execute("DROP TRIGGER contents_no_update")
        connection.execute("UPDATE contents SET payload = CAST('{' AS BLOB) WHERE seq = 2")
    with pytest.raises(DecisionLogError, match=r"decision 2 cannot be read.*verify-log"):
        log.get(2)
    assert log.verify().n_checked == 1


def test_an_empty_list_is_logged_without_a_trace(log):
    assert log.append([]) == []
    log.record_outcomes([])
    assert log.head()[0] == 0


def test_a_log_that_takes_no_decisions_says_so_before_one_is_made(tmp_path):
    DecisionLog(f"sqlite:///{tmp_path}/decisions.db").check_writable()
    assert DecisionLog(f"sqlite:///{tmp_path}/decisions.db").head()[0] == 0
    with pytest.raises(DecisionLogError, match="did not do what was asked"):
        DecisionLog(f"sqlite:///{tmp_path}").check_writable()  # a folder, not a file


def test_whoever_has_no_account_is_logged_with_a_role_all_the_same(log):
    log.note("serving", "", "german_credit")
    log.note("serving", "", "simulated", by="Ada")
    log.record_outcomes([Outcome("A-1", is_default=False, observed_on=date(2026, 3, 31))])
    erase(log, "A-1", why="asked for it", by="")
    with log.store.transaction() as connection:
        rows = connection.exec_driver_sql("SELECT kind, actor, role, is_automatic FROM events ORDER BY seq").fetchall()
    assert [(row.kind, row.role, bool(row.is_automatic)) for row in rows] == [
        ("setting", "service", True),
        ("setting", "operator", False),
        ("outcome", "service", True),
        ("erasure", "operator", False),
    ]
    assert rows[1].actor == "Ada"
