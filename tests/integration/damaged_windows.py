"""Windows of decisions that are damaged in every way anybody thought of, and what a report makes of them.

Seeded: number 17 is the same window in the suite, in the bench and on every machine. The log is a stand-in that hands
out the frames as they are, as a real one would refuse half of them long before; all behind it is what the flow runs.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cache
from typing import Any

import numpy as np
import polars as pl

from creditrisk import datasets
from creditrisk.decision_log import GENESIS, WindowBlock
from creditrisk.metrics import Profile, build_profile, with_pushes
from creditrisk.schema import Category, Field, Schema
from creditrisk.simulator import simulate
from monitoring import drift, performance, report, results, windows
from monitoring.exporter import metrics_of_result
from monitoring.results import Result
from monitoring.windows import Reference, Window

AS_OF = datetime(2026, 3, 31, 9, tzinfo=UTC)
N_ROWS = 330
N_WIDE = 100
OWN = ("seq", "decided_at", "model_version", "prob_default", "verdict")


@dataclass
class Case:
    """A window as the log hands it out, and what it says of outcomes."""

    rng: np.random.Generator
    frame: pl.DataFrame
    schema: Schema
    labelled: pl.DataFrame | None = None
    n_erased: int = 0
    n_again: int = 0
    n_unreadable: int = 0
    n_blocks: int = 2
    kinds: list[str] = field(default_factory=list)

    def inputs(self) -> list[str]:
        return [name for name in self.frame.columns if name not in OWN]

    def some(self, kind: str = "") -> list[str]:
        """Some of the input columns, at least one; of numbers or categories only if that is said."""
        fields = {item.name: item for item in self.schema.features}
        names = [
            name
            for name in self.inputs()
            if name in fields and (not kind or fields[name].is_numeric == (kind == "numbers"))
        ]
        return (
            list(self.rng.choice(names, min(len(names), int(self.rng.integers(1, 6))), replace=False)) if names else []
        )

    def put(self, name: str, values: Any, dtype: Any = None) -> None:
        column = pl.Series(name, values, dtype=dtype, strict=False)
        if len(column) == 1:
            column = column.new_from_index(0, self.frame.height)
        self.frame = self.frame.with_columns(column)

    def here_and_there(self, name: str, values: Sequence[Any], dtype: Any, share: float = 0.3) -> None:
        """Other values in some of the rows of a column, whose type becomes another one."""
        old = self.frame[name].cast(dtype, strict=False).to_list()
        hit = self.rng.random(len(old)) < share
        at = self.rng.integers(0, len(values), len(old))
        self.put(name, [values[at[row]] if hit[row] else value for row, value in enumerate(old)], dtype)


Damage = Callable[[Case], None]
DAMAGES: dict[str, Damage] = {}


def damage(act: Damage) -> Damage:
    DAMAGES[act.__name__] = act
    return act


# --- values -----------------------------------------------------------------------------------------------------------


@damage
def undamaged(_case: Case) -> None:
    pass


@damage
def null_columns(case: Case) -> None:
    for name in case.some():
        case.put(name, [None], case.rng.choice([pl.Null, pl.Float64, pl.String]))


@damage
def all_null(case: Case) -> None:
    for name in case.inputs():
        case.put(name, [None], pl.Null)


@damage
def constant_columns(case: Case) -> None:
    for name in case.some():
        case.put(name, [case.frame[name].drop_nulls().first()])


@damage
def constant_beyond(case: Case) -> None:
    for name in case.some("numbers"):
        case.put(name, [float(case.rng.choice([-1.0, 0.0, 1e9, -1e-9]))])


@damage
def unseen_categories(case: Case) -> None:
    words = ["", " ", "boat", "<script>alert(1)</script>", "x" * 5_000, "\u202e\x00\x1b[31m", "Zürich 🏦", "nan"]
    for name in case.some("categories"):
        case.here_and_there(name, words, pl.String, share=float(case.rng.choice([0.01, 0.5, 1.0])))


@damage
def infinite(case: Case) -> None:
    for name in case.some("numbers"):
        share = float(case.rng.choice([0.01, 0.5, 1.0]))
        case.here_and_there(name, [math.inf, -math.inf, math.nan], pl.Float64, share)


@damage
def huge(case: Case) -> None:
    values = [1.7e308, -1.7e308, 1e200, 5e-324, -1e154]
    for name in case.some("numbers"):
        case.here_and_there(name, values, pl.Float64, share=float(case.rng.choice([0.005, 0.5, 1.0])))


@damage
def huge_whole_numbers(case: Case) -> None:
    for name in case.some("numbers"):
        case.put(name, [2**63 - 1, *[0] * (case.frame.height - 1)] if case.frame.height else [], pl.Int64)
    for name in case.some("numbers")[:1]:
        case.put(name, [2**64 - 1], pl.UInt64)
    for name in case.some("numbers")[:1]:
        case.put(name, [2**100], pl.Int128)


@damage
def wrong_type(case: Case) -> None:
    kinds: list[tuple[Any, Any]] = [
        ("many", pl.String),
        ("1e3", pl.String),
        (True, pl.Boolean),
        (date(2024, 2, 30 - 1), pl.Date),
        (datetime(2024, 3, 31, tzinfo=UTC), pl.Datetime("us", "UTC")),
        (timedelta(days=3), pl.Duration),
        (Decimal("1.50"), pl.Decimal(10, 2)),
        (b"\xff\x00", pl.Binary),
        (object(), pl.Object),
        ([1.0, 2.0], pl.List(pl.Float64)),
        ([], pl.List(pl.Null)),
        ({"a": 1}, pl.Struct({"a": pl.Int64})),
        (7, pl.UInt8),
        ("red", pl.Categorical),
    ]
    for name in case.some():
        value, dtype = kinds[int(case.rng.integers(len(kinds)))]
        case.put(name, [value], dtype)


@damage
def types_mixed(case: Case) -> None:
    for name in case.some("numbers"):
        case.here_and_there(name, ["", "n/a", "12,5", "1.234.567", "∞", "0x10"], pl.String)


@damage
def columns_gone(case: Case) -> None:
    case.frame = case.frame.drop(case.some())


@damage
def all_columns_gone(case: Case) -> None:
    case.frame = case.frame.select(OWN)


@damage
def columns_more(case: Case) -> None:
    for number in range(5):
        case.put(f"unknown {number}", [number])


@damage
def outliers(case: Case) -> None:
    for name in case.some("numbers"):
        case.here_and_there(name, [-999.0, 99_999_999.0], pl.Float64, share=0.02)


# --- rows -------------------------------------------------------------------------------------------------------------


@damage
def empty(case: Case) -> None:
    case.frame = case.frame.clear().select(OWN)


@damage
def one_row(case: Case) -> None:
    case.frame = case.frame.head(1)


@damage
def two_rows(case: Case) -> None:
    case.frame = case.frame.head(2)


@damage
def the_same_row(case: Case) -> None:
    same = case.frame.select(pl.exclude(OWN).first())
    case.frame = case.frame.with_columns(same[name].new_from_index(0, case.frame.height) for name in same.columns)


@damage
def all_erased(case: Case) -> None:
    case.n_erased, case.frame = case.frame.height, case.frame.clear().select(OWN)


@damage
def mostly_erased(case: Case) -> None:
    case.n_erased, case.frame = case.frame.height - 3, case.frame.head(3)


@damage
def all_again(case: Case) -> None:
    case.n_again, case.frame = case.frame.height - 1, case.frame.tail(1)


@damage
def mostly_unreadable(case: Case) -> None:
    case.n_unreadable, case.frame = case.frame.height - 1, case.frame.tail(1)


@damage
def in_many_blocks(case: Case) -> None:
    case.n_blocks = 20


# --- scores -----------------------------------------------------------------------------------------------------------


@damage
def other_version(case: Case) -> None:
    case.put("model_version", ["6"])


@damage
def several_versions(case: Case) -> None:
    case.here_and_there("model_version", ["6", "", "7 "], pl.String, share=0.5)


@damage
def no_version(case: Case) -> None:
    case.here_and_there("model_version", [None], pl.String, share=float(case.rng.choice([0.5, 1.0])))


@damage
def extreme_scores(case: Case) -> None:
    case.here_and_there("prob_default", [0.0, 1.0, 5e-324, 1 - 2**-53], pl.Float64, share=0.5)


@damage
def one_score(case: Case) -> None:
    case.put("prob_default", [float(case.rng.choice([0.0, 0.07, 1.0]))])


@damage
def no_verdicts(case: Case) -> None:
    case.here_and_there("verdict", [None, "", "perhaps"], pl.String, share=float(case.rng.choice([0.1, 1.0])))


@damage
def one_verdict(case: Case) -> None:
    case.put("verdict", [str(case.rng.choice(["approve", "refer", "decline"]))])


@damage
def odd_times(case: Case) -> None:
    times = [datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC), datetime(1970, 1, 1, tzinfo=UTC)]
    case.here_and_there("decided_at", times, pl.Datetime("us", "UTC"), share=0.5)


# --- outcomes ---------------------------------------------------------------------------------------------------------


def label(case: Case, is_default: Any, *, months: Sequence[int] = (14, 15, 16)) -> None:
    """Outcomes of as many clients again as the window holds."""
    n = N_ROWS
    decided = [AS_OF - timedelta(days=30 * int(ago)) for ago in case.rng.choice(list(months), n)]
    case.labelled = pl.DataFrame(
        {
            "seq": range(1, n + 1),
            "decided_at": pl.Series(decided, dtype=pl.Datetime("us", "UTC")),
            "model_version": ["7"] * n,
            "prob_default": case.rng.beta(1.5, 10, n),
            "verdict": case.rng.choice(["approve", "refer", "decline"], n, p=[0.8, 0.1, 0.1]),
            "sex": case.rng.choice(["female", "male"], n),
            "is_default": pl.Series(np.broadcast_to(is_default, n).tolist(), dtype=pl.Boolean),
            "observed_on": [(time + timedelta(days=300)).date() for time in decided],
        }
    )


@damage
def outcomes_as_usual(case: Case) -> None:
    label(case, case.rng.random(N_ROWS) < 0.12)


@damage
def outcomes_of_one_kind(case: Case) -> None:
    label(case, bool(case.rng.random() < 0.5))


@damage
def one_outcome(case: Case) -> None:
    outcomes_as_usual(case)
    assert case.labelled is not None
    case.labelled = case.labelled.head(1)


@damage
def outcomes_of_nobody(case: Case) -> None:
    outcomes_as_usual(case)
    assert case.labelled is not None
    case.labelled = case.labelled.clear()


@damage
def outcomes_of_odd_scores(case: Case) -> None:
    outcomes_as_usual(case)
    assert case.labelled is not None
    risk = float(case.rng.choice([0.0, 1.0, 5e-324]))
    case.labelled = case.labelled.with_columns(prob_default=pl.lit(risk))


@damage
def outcomes_out_of_time(case: Case) -> None:
    label(case, case.rng.random(N_ROWS) < 0.2, months=(-600, 0, 1, 600, 1_500))
    assert case.labelled is not None
    case.labelled = case.labelled.with_columns(observed_on=pl.lit(date(1970, 1, 1)))


@damage
def outcomes_of_odd_verdicts(case: Case) -> None:
    outcomes_as_usual(case)
    assert case.labelled is not None
    verdict = [None, "perhaps", "decline"][int(case.rng.integers(3))]
    case.labelled = case.labelled.with_columns(verdict=pl.lit(verdict, pl.String))


@damage
def outcomes_of_odd_groups(case: Case) -> None:
    outcomes_as_usual(case)
    assert case.labelled is not None
    ages = [math.inf, -1e300, math.nan, None][int(case.rng.integers(4))]
    case.labelled = case.labelled.with_columns(age_years=pl.lit(ages, pl.Float64), sex=pl.lit(3))


def many(case: Case) -> None:
    """Several of all that, one after the other."""
    names = [name for name in DAMAGES if name != many.__name__]
    for name in case.rng.choice(names, 5, replace=False).tolist():
        case.kinds.append(name)
        DAMAGES[name](case)


damage(many)


# --- tables to be damaged ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Lender:
    """A schema, its reference profile, and applications scored since."""

    schema: Schema
    profile: Profile
    pool: pl.DataFrame


@cache
def lender(name: str) -> Lender:
    """One of `LENDERS`: what a champion brings along, which may be odd as well."""
    schema = datasets.load_schema("simulated")
    drawn = simulate(7_000, seed=1, start=date(2025, 1, 1), end=date(2025, 6, 30))
    kept = [item.name for item in (*schema.features, *schema.protected) if item.name in drawn.columns]
    table = drawn.select(kept, prob_default=drawn["true_prob_default"])
    if name == "a hundred fields more":
        more = np.random.default_rng(5).normal(size=(table.height, N_WIDE))
        table = table.with_columns(pl.Series(f"more_{number}", more[:, number]) for number in range(N_WIDE))
        fields = [Field(f"more_{number}", "number", f"More {number}") for number in range(N_WIDE)]
        schema = replace(schema, fields=(*schema.fields, *fields))
    n_reference = 60 if name == "a small reference" else 6_000
    reference = table.head(n_reference)
    if name == "an odd reference":
        first, second, third, *_ = (item.name for item in schema.features if item.is_numeric)
        one, *_ = (item for item in schema.features if item.type == "category")
        schema = replace(schema, fields=tuple(_of_one_value(item) if item == one else item for item in schema.fields))
        reference = reference.with_columns(
            pl.lit(None, pl.Float64).alias(first),
            pl.lit(7.0).alias(second),
            pl.lit(1e300).alias(third),
            pl.lit(None, pl.String).alias(one.name),
        )
    profile = build_profile(reference, schema, reference["prob_default"].to_numpy())
    contributions = np.random.default_rng(6).normal(size=(reference.height, len(schema.features)))
    return Lender(schema, with_pushes(profile, reference, contributions), table.tail(1_000))


def _of_one_value(item: Field) -> Field:
    return replace(item, categories=(Category("only", "Only"),))


LENDERS = ("as usual", "an odd reference", "a small reference", "as usual", "a hundred fields more")


def make(number: int) -> tuple[Case, Lender]:
    """Window number so-and-so: kinds of damage come in turn, and so do the tables they are done to."""
    names = list(DAMAGES)
    kind = names[number % len(names)]
    some = lender(LENDERS[(number // len(names)) % len(LENDERS)])
    rng = np.random.default_rng(number)
    rows = some.pool[rng.integers(0, some.pool.height, N_ROWS).tolist()]
    frame = rows.select(
        pl.Series("seq", range(1, N_ROWS + 1)),
        pl.Series(
            "decided_at", [AS_OF - timedelta(minutes=N_ROWS - row) for row in range(N_ROWS)], pl.Datetime("us", "UTC")
        ),
        pl.lit("7").alias("model_version"),
        "prob_default",
        pl.when(pl.col("prob_default") < 0.15).then(pl.lit("approve")).otherwise(pl.lit("decline")).alias("verdict"),
        pl.exclude("prob_default"),
    )
    case = Case(rng, frame, some.schema, kinds=[kind])
    DAMAGES[kind](case)
    return case, some


class StandInLog:
    """As much of a decision log as a report reads."""

    def __init__(self, case: Case) -> None:
        self._case = case

    def is_begun(self) -> bool:
        return True

    def head(self) -> tuple[int, str]:
        return 10 * N_ROWS, GENESIS

    def hashes(self, _numbers: Sequence[int]) -> dict[int, str]:
        return {}

    def window(self, _model: str, **_which: Any) -> Iterator[WindowBlock]:
        case = self._case
        length = max(1, -(-case.frame.height // case.n_blocks))
        for start in range(0, max(case.frame.height, 1), length):
            counts = (case.n_erased, case.n_again, case.n_unreadable) if start == 0 else (0, 0)
            yield WindowBlock(case.frame[start : start + length], *counts)

    def labelled(self, _model: str, **_which: Any) -> Iterator[pl.DataFrame]:
        if self._case.labelled is not None:
            yield self._case.labelled

    def verdicts_by_day(self, _model: str, **_which: Any) -> pl.DataFrame:
        labelled = self._case.labelled
        assert labelled is not None
        return labelled.group_by(pl.col("decided_at").dt.date().alias("day"), "verdict").agg(
            pl.len().cast(pl.Int64).alias("n_decisions")
        )


@dataclass(frozen=True)
class Made:
    """What the flow would archive, and what the page is drawn from."""

    result: Result
    found: drift.Drift
    window: Window
    schema: Schema

    def page(self) -> bytes:
        return report.render(self.result, self.found, self.window, self.schema)


def report_on(number: int) -> Made:
    """What the flow does to a window, but for drawing its page; whatever is wrong is raised."""
    case, some = make(number)
    reference = Reference("simulated", "7", some.profile, has_ids=True)
    log: Any = StandInLog(case)
    window = windows.since_last_report(log, reference, [])
    measured = performance.of_log(log, window.judged, reference, some.schema, AS_OF)
    found = drift.compare(some.profile, some.schema, window.judged.profile)
    result = report.make_result(
        found, window, model="simulated", model_version="7", created_at=AS_OF, performance=measured
    )
    # What an archive does with it, and then the exporter.
    text = json.dumps(result, allow_nan=False).encode()
    read = results.check(results.from_json(text))
    for metric in metrics_of_result(read):
        for sample in metric.samples:
            assert math.isfinite(sample.value), (sample.name, sample.labels)
    assert read["findings"], "no finding"
    assert not re.search(r"\b(nan|inf|None)\b", " ".join(read["findings"]))
    return Made(read, found, window, some.schema)
