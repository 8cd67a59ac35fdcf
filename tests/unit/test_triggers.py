"""Triggers that a person writes: what a file may say, what is refused with a sentence, what is held against what."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import polars as pl
import pytest

from creditrisk.decision_log import DecisionLog, UnreadableEntryError, WindowBlock
from creditrisk.metrics import build_profile
from monitoring.results import Result
from monitoring.triggers import TriggerFile, judge_triggers, read_triggers, with_triggers
from monitoring.windows import Reference, Window
from tests.conftest import CORNER_SCHEMA

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)


def rows(n: int, *, income: float | None = 2_000.0, housing: str = "own", at: datetime = NOW) -> pl.DataFrame:
    """Decisions that are all alike."""
    return pl.DataFrame(
        {
            "seq": range(1, n + 1),
            "decided_at": [at] * n,
            "model_version": ["1"] * n,
            "prob_default": [0.2] * n,
            "verdict": ["approve"] * (n // 4) + ["decline"] * (n - n // 4),
            "age_years": [40] * n,
            "amount_eur": [5_000.0] * n,
            "income_eur": [income] * n,
            "housing": [housing] * n,
        },
        schema_overrides={"income_eur": pl.Float64},
    )


REFERENCE = Reference(
    "corner_lender",
    "1",
    build_profile(
        pl.concat([rows(50), rows(50, income=3_000.0, housing="rent")]), CORNER_SCHEMA, [0.1] * 50 + [0.3] * 50
    ),
    has_ids=True,
)
WINDOW = cast(Window, SimpleNamespace(after_seq=7, head_seq=90))


class Log:
    """A log that holds the decisions of two days, and notes what it was asked for."""

    def __init__(self, *blocks: pl.DataFrame, is_readable: bool = True) -> None:
        self.frame = pl.concat(blocks)
        self.is_readable = is_readable
        self.asked: list[dict[str, Any]] = []

    def is_begun(self) -> bool:
        return True

    def window(self, _model: str, **asked: Any) -> Iterator[WindowBlock]:
        self.asked.append(asked)
        if not self.is_readable:
            raise UnreadableEntryError("decision 8 cannot be read.")
        since = asked["since"] or datetime(1970, 1, 1, tzinfo=UTC)
        for part in self.frame.filter(pl.col("decided_at") >= since).iter_slices(40):
            yield WindowBlock(part, 0, 0)


def read(path: Path, text: str, *, must_exist: bool = False) -> TriggerFile:
    path.write_text(text, encoding="utf-8")
    return read_triggers(path, CORNER_SCHEMA, REFERENCE.profile, must_exist=must_exist)


def judge(file: TriggerFile, log: Log) -> list[tuple[str, float | None, bool]]:
    judged = judge_triggers(file, cast(DecisionLog, log), REFERENCE, CORNER_SCHEMA, WINDOW, as_of=NOW)
    return [(figures["sentence"], figures["value"], figures["is_met"]) for figures in judged.figures]


INCOME = '[[trigger]]\nname = "Income of the day"\nstatistic = "mean"\nfield = "income_eur"\nbelow = 1500\n'


def test_a_mean_below_its_limit_is_said_in_the_units_of_people(tmp_path):
    file = read(tmp_path / "triggers.toml", INCOME + 'over = "day"\naction = "Ask the branches."\n')
    assert file.problems == ()
    low = Log(rows(500, at=NOW - timedelta(days=2)), rows(40, income=1_420.0, at=NOW - timedelta(hours=2)))
    sentence = (
        "Income of the day: average Income 1,420 EUR, below 1,500 EUR (40 applications of the last day). "
        "Ask the branches."
    )
    assert judge(file, low) == [(sentence, 1_420.0, True)]
    # Every block counts, and nothing after the end of the log that the report has seen.
    assert low.asked == [{"after_seq": 0, "until_seq": 90, "since": NOW - timedelta(days=1), "once": True}]
    high = judge(file, Log(rows(40, income=1_500.0)))
    assert high[0][0].endswith("average Income 1,500 EUR, not below 1,500 EUR (40 applications of the last day).")


@pytest.mark.parametrize(
    ("lines", "sentence", "value"),
    [
        ('statistic = "missing_share"\nfield = "income_eur"\nabove = 0.2', "share without Income 50.0 %, "
         "above 20.0 %", 0.5),
        ('statistic = "unseen_share"\nfield = "housing"\nabove = 0', "share with a Housing that the model has never "
         "seen 0.0 %, not above 0.0 %", 0.0),
        ('statistic = "category_share"\nfield = "housing"\ncategory = "rent"\nabove = 0.4', "share with Housing Rents "
         "50.0 %, above 40.0 %", 0.5),
        ('statistic = "applications"\nbelow = 100', "applications 80, below 100", 80.0),
        ('statistic = "mean_risk"\nabove = 0.15', "average predicted risk 20.0 of 100, above 15.0 of 100", 0.2),
        ('statistic = "approval_rate"\nbelow = 0.2504', "approval rate 25.00 %, below 25.04 %", 0.25),
    ],
)  # fmt: skip
def test_every_statistic_is_that_of_the_decisions(lines, sentence, value, tmp_path):
    file = read(tmp_path / "triggers.toml", f'[[trigger]]\nname = "T"\n{lines}\n')
    assert file.problems == ()
    log = Log(rows(40, income=None), rows(40, housing="rent"))
    [(said, found, _)] = judge(file, log)
    assert sentence in said
    assert found == pytest.approx(value)
    assert said.endswith("since the last report).")
    assert log.asked == [{"after_seq": 7, "until_seq": 90, "since": None, "once": True}]


def test_of_few_applications_nothing_is_judged_but_their_number(tmp_path):
    text = INCOME + '[[trigger]]\nname = "Quiet"\nstatistic = "applications"\nbelow = 50\n'
    few = judge(read(tmp_path / "triggers.toml", text), Log(rows(29, income=1.0)))
    assert few == [
        ("Income of the day: not judged on 29 applications with a value since the last report; it takes 30.",
         None, False),
        ("Quiet: applications 29, below 50 (since the last report).", 29.0, True),
    ]  # fmt: skip


WRONG = {
    '[[trigger]\nname="a"': r"is no TOML: .*\(at line 1.*Mend it there\. No trigger was judged",
    "limit = 5": r"every trigger begins with a line \[\[trigger\]\]",
    "trigger = 5": r"every trigger begins with a line \[\[trigger\]\]",
    INCOME.replace("below", "bellow"): r"'Income of the day': there is no key 'bellow'; did you mean 'below'\? It was",
    INCOME.replace('"mean"', '"average"'): "'statistic' is one of mean, missing_share, .*approval_rate",
    INCOME.replace("income_eur", "incomes_eur"): "'field' is one of age_years, .*did you mean 'income_eur'",
    INCOME.replace("income_eur", CORNER_SCHEMA.field("income_eur").label): "name of a column: 'income_eur' for '",
    INCOME.replace("income_eur", "housing"): "'housing' is a category and has no mean",
    INCOME.replace("mean", "unseen_share"): "'income_eur' is a number and has no categories",
    INCOME.replace("mean", "mean_risk"): "'field' does not belong to the statistic 'mean_risk'",
    INCOME.replace("1500", "true"): "'below' is a number",
    INCOME.replace("1500", '"1500"'): "without quotation marks",
    INCOME.replace("1500", "nan"): "'below' is a number",
    INCOME.replace("1500", "9" * 400): "'below' is a number",
    INCOME.replace("mean", "missing_share"): "'below' is between 0 and 1 for 'missing_share': 0.05 is 5 of 100",
    INCOME + "above = 3\n": "needs either 'below' or 'above'",
    INCOME + 'over = "year"\n': "'over' is one of report, day, week, month",
    INCOME + 'retrain = "yes"\n': "'retrain' is true or false",
    INCOME + INCOME: "two have that name",
    INCOME.replace("Income of the day", "a\\nb"): "trigger 'a b': 'name' is a text of one line, of at most 80",
    '[[trigger]]\nstatistic = "mean"\n': "trigger number 1: 'name' is a text of one line",
    '[[trigger]]\nname = "H"\nstatistic = "category_share"\nfield = "housing"\ncategory = "tent"\nabove = 0.1': (
        "'category' is one of own, rent"
    ),
}  # fmt: skip


@pytest.mark.parametrize("text", WRONG)
def test_what_is_wrong_in_a_file_is_a_sentence_that_names_it(text, tmp_path):
    file = read(tmp_path / "triggers.toml", text)
    [problem] = file.problems
    assert problem.startswith(str(tmp_path / "triggers.toml"))
    assert re.search(WRONG[text], problem), problem
    assert problem.endswith((" No trigger was judged.", " It was not judged."))


def test_a_pipe_is_no_file_and_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "triggers.toml")
    file = read_triggers(tmp_path / "triggers.toml", CORNER_SCHEMA, REFERENCE.profile, must_exist=False)
    assert file.problems == (f"{tmp_path / 'triggers.toml'} is no file. No trigger was judged.",)


def test_one_wrong_trigger_does_not_cost_the_others(tmp_path):
    file = read(tmp_path / "triggers.toml", INCOME.replace("below", "under") + INCOME.replace("Income of", "Other"))
    assert [trigger.name for trigger in file.triggers] == ["Other the day"]
    assert len(file.problems) == 1


def test_a_file_is_missed_only_where_a_setting_names_it(tmp_path):
    path = tmp_path / "none.toml"
    assert read_triggers(path, CORNER_SCHEMA, REFERENCE.profile, must_exist=False) == TriggerFile()
    [problem] = read_triggers(path, CORNER_SCHEMA, REFERENCE.profile, must_exist=True).problems
    assert "CREDITRISK_TRIGGERS" in problem
    for content in (b"\xff\xfe", b"#" * 100_001):
        path.write_bytes(content)
        assert len(read_triggers(path, CORNER_SCHEMA, REFERENCE.profile, must_exist=False).problems) == 1
    [problem] = read_triggers(tmp_path, CORNER_SCHEMA, REFERENCE.profile, must_exist=False).problems
    assert "cannot be read" in problem


def test_a_log_that_cannot_be_read_is_a_finding(tmp_path):
    file = read(tmp_path / "triggers.toml", INCOME)
    log = cast(DecisionLog, Log(rows(40), is_readable=False))
    judged = judge_triggers(file, log, REFERENCE, CORNER_SCHEMA, WINDOW, as_of=NOW)
    assert judged.figures == ()
    assert judged.problems == ("Triggers over the report were not judged: decision 8 cannot be read.",)


def test_what_is_met_comes_first_among_the_findings_but_after_a_broken_log(tmp_path):
    file = read(tmp_path / "triggers.toml", INCOME + "retrain = true\n" + INCOME.replace("mean", "median"))
    log = cast(DecisionLog, Log(rows(40, income=10.0)))
    judged = judge_triggers(file, log, REFERENCE, CORNER_SCHEMA, WINDOW, as_of=NOW)
    before = cast(Result, {"log": {"is_intact": False, "finding": "Broken."}, "findings": ["Broken.", "Shifted."]})
    result = with_triggers(before, judged)
    assert [finding[:12] for finding in result["findings"]] == [
        "Broken.",
        "Income of th",
        str(tmp_path)[:12],
        "Shifted.",
    ]
    assert [trigger["is_met"] for trigger in result["triggers"]] == [True]
    assert judged.calls == (result["triggers"][0]["sentence"],)
    assert "triggers" not in with_triggers(
        before, judge_triggers(TriggerFile(), log, REFERENCE, CORNER_SCHEMA, WINDOW, as_of=NOW)
    )
