"""The result of a report: what archives keep, and windows, exporter and pages rely on.

`result.schema.json` beside this module says the same to programs in other languages; `python -m monitoring.results`
writes it anew. A key that is new and may be missing leaves SCHEMA_VERSION as it is; what readers of today would take
wrongly, or a key that is gone, raises it.

Results come back from folders and services that others can write to, so each is checked before anything is read from
it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, NotRequired

from pydantic import AfterValidator, ConfigDict, Field, TypeAdapter, ValidationError, WithJsonSchema, with_config

# Pydantic cannot read that of the standard library before Python 3.12.
from typing_extensions import TypedDict

# A result with two hundred fields takes 50 kB.
MAX_RESULT_BYTES = 2_000_000
# Version 1 had no field for it.
SCHEMA_VERSION = 2
# The largest number that both databases can give a decision.
MAX_SEQ = 2**63 - 1


class UnreadableResultError(ValueError):
    """A result is not one; the message says why in a few words, and quotes nothing of it."""


def _with_zone(text: str) -> str:
    time = datetime.fromisoformat(text)
    if time.utcoffset() is None:
        raise ValueError("a time without its zone")
    try:
        time.astimezone(UTC)
    except OverflowError:
        raise ValueError("a time beyond the calendar") from None
    return text


_CONFIG = ConfigDict(strict=True, allow_inf_nan=False, extra="ignore")
Seq = Annotated[int, Field(ge=0, le=MAX_SEQ)]
Count = Seq
Share = Annotated[float, Field(ge=0, le=1)]
Psi = Annotated[float, Field(ge=0)]
Time = Annotated[str, AfterValidator(_with_zone), WithJsonSchema({"type": "string", "format": "date-time"})]
Month = Annotated[str, Field(pattern=r"^\d{4}-\d{2}$")]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


@with_config(_CONFIG)
class FieldFigures(TypedDict):
    """How one field, or the predicted risk, stands against the reference; a figure that does not exist is None."""

    label: str
    status: str
    level: Annotated[int, Field(ge=-1, le=2)]
    n_rows: Count
    psi: Psi | None
    psi_bound: Psi | None
    p_value: NotRequired[Share | None]
    distance: NotRequired[Psi | None]
    impact: NotRequired[float | None]
    mean: NotRequired[float | None]
    mean_reference: NotRequired[float | None]
    missing_share: Share | None
    missing_share_reference: Share
    n_unseen: Count


@with_config(_CONFIG)
class JointFigures(TypedDict):
    """Whether a classifier tells the window from the reference by all fields together; see `joint.JointDrift`.

    `fields` are the names of those it leans on most.
    """

    auc: Share
    auc_bound: Share
    p_value: Share
    level: Annotated[int, Field(ge=0, le=2)]
    n_rows: Count
    n_reference: Count
    fields: list[str]


@with_config(_CONFIG)
class FieldImportance(TypedDict):
    """What a field adds to the log-odds on average, by size, then and now, and its rank by that, 1 the highest."""

    importance: Psi
    importance_reference: Psi
    rank: Annotated[int, Field(ge=1)]
    rank_reference: Annotated[int, Field(ge=1)]


@with_config(_CONFIG)
class ImportanceFigures(TypedDict):
    """Whether fields count in the order they did: `gain` is 1 if so; see `metrics.ImportanceShift`."""

    gain: Share
    gain_bound: Share
    p_value: Share
    level: Annotated[int, Field(ge=0, le=2)]
    fields: dict[str, FieldImportance]


@with_config(_CONFIG)
class DecileField(TypedDict):
    """The means of one field by decile; of a category, the share of those with `value`, its commonest.

    `moved` says by how much, in standard deviations of the reference or as a difference of shares; None where chance
    explains it.
    """

    name: str
    label: str
    unit: str
    value: str | None
    is_share: bool
    means: list[float | None]
    means_reference: list[float | None]
    moved: list[float | None]


@with_config(_CONFIG)
class DecileFigures(TypedDict):
    """What kind of clients each decile of the predicted risk holds, the lowest risk first; None where there are few."""

    n_rows: list[Count]
    n_reference: list[Count]
    prob_default: list[Share | None]
    prob_default_reference: list[Share | None]
    n_known_reference: list[Count]
    n_bad_reference: list[Count]
    fields: list[DecileField]


@with_config(_CONFIG)
class BinFigures(TypedDict):
    """One frozen bin of the predicted risk: its words, and the share of rows in it now (None: no rows) and then."""

    words: str
    share: Share | None
    share_reference: Share


@with_config(_CONFIG)
class Interval(TypedDict):
    """A figure and its 95 % interval."""

    value: float
    low: float
    high: float


@with_config(_CONFIG)
class EstimatedFigures(TypedDict):
    """What the PDs of a window lead to expect, before any outcome; see `performance.estimate`.

    `bad_rate` is that of the approved, `cost` the mean of the verdicts, in units of one good applicant declined. Of too
    few there is no figure but None, here and in all that follows. `n_by_verdict` counts each verdict that was given.
    """

    n_rows: Count
    n_approved: Count
    n_by_verdict: NotRequired[dict[str, Count]]
    n_bad: Count
    auc: Interval | None
    bad_rate: Interval | None
    cost: Interval | None


@with_config(_CONFIG)
class RealisedDecile(TypedDict):
    """How the clients of one decile of the predicted risk turned out, and their mean PD; None of too few."""

    n_rows: Count
    n_bad: Count
    prob_default: Share | None


@with_config(_CONFIG)
class RealisedFigures(TypedDict):
    """How clients turned out whose outcome is known, and what their PDs had led to expect (`..._estimated`).

    They are those decided about from `first_month` to `last_month`. `deciles` are the bins of the reference, the lowest
    risk first. The bad rates are those of the approved; precision,
    recall and F1 are taken at the cost-optimal cut-off.
    """

    first_month: Month
    last_month: Month
    n_rows: Count
    n_bad: Count
    auc: Interval | None
    auc_estimated: Interval | None
    ks_good_bad: Share | None
    calibration_slope: Interval | None
    observed_to_expected: Interval | None
    bad_rate: Interval | None
    bad_rate_estimated: Interval | None
    precision: Share | None
    recall: Share | None
    f1: Share | None
    cost: Interval | None
    cost_estimated: Interval | None
    deciles: NotRequired[list[RealisedDecile]]


@with_config(_CONFIG)
class VintageFigures(TypedDict):
    """The clients approved in one month, and what is known of them so far.

    `known_share` is the share of them whose outcome is known; a vintage that is not mature has its curve only.
    `curve` is the share of them that was bad after 1, 2, ... months on book, as far as all of them have got.
    """

    month: Month
    n_approved: Count
    n_known: Count
    known_share: Share
    is_mature: bool
    bad_rate: Interval | None
    bad_rate_estimated: Interval | None
    observed_to_expected: Interval | None
    auc: Interval | None
    auc_estimated: Interval | None
    curve: list[Share]


@with_config(_CONFIG)
class GroupFigures(TypedDict):
    """How one group of a protected field fares: approvals in the window, bad rate among those with an outcome."""

    field: str
    label: str
    group: str
    n_rows: Count
    approval_rate: Interval | None
    n_known: Count
    bad_rate: Interval | None


@with_config(_CONFIG)
class PerformanceFigures(TypedDict):
    """How good the model is: estimated before outcomes, realised after, and whether both agree.

    `level` is 0 if outcomes are as predicted, 2 if they are not (concept drift), -1 if that cannot be judged; `alarms`
    are the sentences about what is not, `findings` all others.
    """

    status: str
    level: Annotated[int, Field(ge=-1, le=2)]
    estimated: EstimatedFigures
    realised: RealisedFigures | None
    vintages: list[VintageFigures]
    groups: list[GroupFigures]
    alarms: list[str]
    findings: list[str]


@with_config(_CONFIG)
class TriggerFigures(TypedDict):
    """How a limit that a person wrote stands; `value` is None where too few applications were there to judge it."""

    name: Annotated[str, Field(min_length=1)]
    sentence: str
    value: float | None
    is_met: bool


@with_config(_CONFIG)
class LogHead(TypedDict):
    """Where the decision log ended when the report was made."""

    seq: Seq
    hash: Sha256


@with_config(_CONFIG)
class LogFinding(TypedDict):
    """Whether the log still held what earlier reports had noted of it, and the sentence if it did not."""

    is_intact: bool
    finding: str


@with_config(_CONFIG)
class Result(TypedDict):
    """The result of one report; an archive adds `id` and `html_sha256` when it keeps it.

    `title` is what people call the model, `model` its name in the registry. `retraining` says why a retraining is
    called for; absent where it is not.
    """

    schema_version: NotRequired[Annotated[int, Field(ge=1)]]
    model: Annotated[str, Field(min_length=1)]
    title: NotRequired[str]
    model_version: str
    created_at: Time
    first_decided_at: Time | None
    last_decided_at: Time | None
    first_seq: Seq | None
    last_seq: Seq
    log_head: LogHead
    log: LogFinding
    n_rows: Count
    n_judged: NotRequired[Count]
    stretch: NotRequired[str]
    drift_share: Share | None
    score: FieldFigures
    score_bins: NotRequired[list[BinFigures]]
    fields: dict[str, FieldFigures]
    multivariate: NotRequired[JointFigures]
    importance: NotRequired[ImportanceFigures]
    deciles: NotRequired[DecileFigures]
    findings: list[str]
    performance: NotRequired[PerformanceFigures]
    triggers: NotRequired[list[TriggerFigures]]
    retraining: NotRequired[str]
    id: NotRequired[str]
    html_sha256: NotRequired[Sha256]


def title_of(result: Result) -> str:
    """What people call the model of a report: its name, where the report is older than titles are."""
    return result.get("title") or result["model"]


_RESULT = TypeAdapter(Result)


def check(value: object) -> Result:
    """A result as it was kept.

    Raises
    ------
    UnreadableResultError
        If a key is missing, or holds something else than it should.
    """
    try:
        result = _RESULT.validate_python(value)
    except ValidationError as exc:
        location = exc.errors(include_input=False, include_url=False, include_context=False)[0]["loc"]
        what = f"'{location[0]}' is not as it should be" if location else "it is no result"
        raise UnreadableResultError(what) from None
    except RecursionError:
        raise UnreadableResultError("it is nested too deeply") from None
    if result["last_seq"] > result["log_head"]["seq"]:
        raise UnreadableResultError("its last decision comes after the end of the log it was made from")
    return result


def with_findings(result: Result, sentences: Sequence[str]) -> Result:
    """The result with more findings, ahead of all others but that about the log."""
    n_ahead = 0 if result["log"]["is_intact"] else 1
    said = result["findings"]
    return {**result, "findings": [*said[:n_ahead], *sentences, *said[n_ahead:]]}


def json_schema() -> str:
    """The JSON Schema of a result, as it is published."""
    schema = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$comment": f"Version {SCHEMA_VERSION}. Made by `python -m monitoring.results`.",
        **_RESULT.json_schema(),
    }
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def check_kept(value: object, report_id: str) -> Result:
    """A result that an archive keeps under an id, which must be its own."""
    result = check(value)
    if "html_sha256" not in result or result.get("id") != report_id:
        raise UnreadableResultError("it lies under another report's id")
    return result


def from_json(content: bytes) -> object:
    """What a JSON text holds.

    Raises
    ------
    UnreadableResultError
        If it is too long, or no strict JSON: NaN and infinity are none.
    """
    if len(content) > MAX_RESULT_BYTES:
        raise UnreadableResultError(f"it is longer than {MAX_RESULT_BYTES / 1e6:.0f} MB")
    try:
        value: object = json.loads(content, parse_constant=_refuse)
    except (ValueError, RecursionError):
        raise UnreadableResultError("it is no JSON") from None
    return value


def by_sequence(result: Result) -> tuple[int, int, str]:
    """Sorts results by where they ended in the log; clocks, which are put back now and then, come last."""
    return result["last_seq"], result["log_head"]["seq"], result["created_at"]


def by_log_head(result: Result) -> tuple[int, int, str]:
    """Sorts the results of several models, too: by where the whole log ended when each was made."""
    return result["log_head"]["seq"], result["last_seq"], result["created_at"]


def _refuse(_constant: str) -> object:
    raise ValueError("not a number of JSON")


if __name__ == "__main__":
    Path(__file__).with_name("result.schema.json").write_text(json_schema(), encoding="utf-8")
