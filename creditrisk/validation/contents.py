"""What stands in a validation pack, section by section, and what its reader must say of the table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NotRequired, TypedDict

from creditrisk.comparison import Coverage, Figure, Guardrail, Status
from creditrisk.learners import Parameters
from creditrisk.metrics import Decile, Estimate, Group, ShiftStatus, Treatment
from creditrisk.schema import Costs


@dataclass(frozen=True)
class DataFacts:
    """Facts about a table that only its reader knows; all optional.

    `rejected` counts the rows set aside by reason, `columns` are the names in the file; `trained_because` says what
    called for the training, if anything did.
    """

    source: str | None = None
    sha256: str | None = None
    n_read: int | None = None
    n_accepted: int | None = None
    n_bad: int | None = None
    rejected: Mapping[str, int] = field(default_factory=dict)
    columns: tuple[str, ...] = ()
    seed: int | None = None
    written_at: str | None = None
    trained_because: str | None = None


class PurposeSection(TypedDict):
    """What the model is for, what its decisions cost, and what it decides."""

    outcome: str
    bad_happened: str
    horizon_months: int | None
    notes: str
    costs: Costs
    approve_below: float
    decline_from: float
    verdicts: dict[str, Estimate]
    bad_rate_by_verdict: dict[str, Estimate]
    portfolio_bad_rate: float | None


class TargetCoding(TypedDict):
    """Which values of the target column are bad, and which good."""

    label: str
    bad: list[str]
    good: list[str]


class FieldLine(TypedDict):
    """A field of the schema; `missing` is a share of the judged rows, None where they do not hold it."""

    label: str
    unit: str
    type: str
    role: str
    missing: float | None
    why_excluded: str | None


class NotInSchema(TypedDict):
    """Columns of the file that are no field: known only after the decision, and others."""

    known_later: list[str]
    others: list[str]


class DataSection(TypedDict):
    """The table: where it came from, what was set aside, which fields there are."""

    source: str | None
    sha256: str | None
    scorer_sha256: str | None
    n_read: int | None
    n_accepted: int | None
    n_bad: int | None
    bad_rate: float | None
    rejected: dict[str, int]
    rejected_share: float | None
    target: TargetCoding
    period: list[str] | None
    fields: list[FieldLine]
    not_in_schema: NotInSchema
    odd_share: float


class ProtocolSection(TypedDict):
    """How the rows that judge were kept apart, and how many they are."""

    words: str
    n_rows: int
    n_bad: int


class CandidatesSection(TypedDict):
    """What was tried; `tried` has a family, its seconds and the figures of its best setting in each line."""

    chosen: str
    parameters: dict[str, Parameters]
    tried: list[dict[str, str | float]]
    failures: dict[str, str]
    n_settings: int


class Segment(TypedDict):
    """The figures of the groups of one field."""

    label: str
    groups: list[Group]
    n_left_out: int


class PerformanceSection(TypedDict):
    """How good the whole path is, in all and in parts."""

    n_rows: int
    n_bad: int
    n_repeats: int
    auc: Estimate
    ks_good_bad: Estimate
    brier: Estimate
    log_loss: Estimate
    cost: Estimate
    cost_without_model: float
    cutoff: float
    accuracy: Estimate
    precision: Estimate
    recall: Estimate
    specificity: Estimate
    deciles: list[Decile]
    by_time: list[Group]
    by_segment: list[Segment]


class DoubtLine(TypedDict):
    """What asking a colleague below a confidence comes to: the share asked, and the mean cost of an application."""

    ask_below: float
    asked: Estimate
    cost: Estimate
    saved: Estimate


class CalibrationSection(TypedDict):
    """Whether PDs are what comes true, conformal sets what is kept, and what asking in doubt costs."""

    method: str
    n_rows: int
    sample_bad_rate: float
    portfolio_bad_rate: float | None
    slope: Estimate
    observed: Estimate
    expected: float
    observed_to_expected: Estimate
    error: float
    error_by_chance: float
    error_bound: float
    coverage: list[Coverage]
    ask_below: float
    doubt: list[DoubtLine]


class ShiftLine(TypedDict):
    """How far a field, or the predicted risk, has moved from the reference."""

    label: str
    psi: float
    bound: float
    status: ShiftStatus


class FoldSpread(TypedDict):
    """The lowest and the highest AUC over folds."""

    n: int
    low: float
    high: float


class Refits(TypedDict):
    """How much hangs on which rows a model was fitted on: spread of a person's PD, share with the same advice."""

    n: int
    prob_default_sd: float
    same_verdict: float


class StabilitySection(TypedDict):
    """How much the figures vary from fold to fold, and what shifted over time."""

    by_time: bool
    shifts: list[ShiftLine]
    auc_sd: float | None
    folds: NotRequired[FoldSpread]
    refits: NotRequired[Refits]


class EndLine(TypedDict):
    """The mean PD if everybody had one value, in words."""

    words: str
    prob_default: float


class SensitivityLine(TypedDict):
    """What moves if one field is set to another value; figures that its type does not have are None."""

    label: str
    ends: list[EndLine]
    missing: float | None
    step_mean: float | None
    step_largest: float | None
    step_verdicts: float | None


class SensitivitySection(TypedDict):
    """What becomes of PDs when one field is moved and all else stays."""

    n_rows: int
    mean_prob_default: float
    fields: list[SensitivityLine]
    n_left_out: int


class FairnessLine(TypedDict):
    """How the groups of one protected field fare; none where the table does not hold it."""

    label: str
    groups: list[Treatment]
    missing: float


class Deletion(TypedDict):
    """In how many cases a PD fell when the field behind the first reason was set to what is usual."""

    n: int
    fell: Estimate


class ReasonStability(TypedDict):
    """How many reasons, and how much of the advice, stay when numbers move by a hair."""

    n: int
    reasons_kept: float | None
    same_verdict: float


class ReasonLine(TypedDict):
    """A reason, and the share of applicants not approved who got it."""

    text: str
    share: float


class SignLine(TypedDict):
    """In how many pairs of applicants, alike but for one field with a sign, a family's model goes against it."""

    family: str
    n_pairs: int
    n_against: int


class ReasonsSection(TypedDict):
    """Whether the reasons are what moved the PD, and stay what they are."""

    n_rows: int
    n_adverse: int
    without_reason: int
    additivity_error: float
    deletion: Deletion
    reason_stability: ReasonStability
    most_given: list[ReasonLine]
    n_left_out: int
    protected_used: list[str]
    signed: list[str]
    sign_lines: list[SignLine]


class ComparisonSection(TypedDict):
    """What came of comparing the model with the champion."""

    verdict: str
    sentence: str
    method: str
    n_looks: int
    figures: list[Figure]
    guardrails: list[Guardrail]
    n_swapped: int
    n_rows: int


class Approval(TypedDict):
    """Who has signed, or has yet to."""

    role: str
    name: str
    decision: str
    date: str


class MonitoringLine(TypedDict):
    """What to watch: when it is known, where it can be followed, how it stands and what calls for a look."""

    known: str
    what: str
    where: str
    today: str
    look: str


class CheckLine(TypedDict):
    """A check, what it found, and the limits it was held to."""

    code: str
    section: str
    label: str
    how: str
    status: Status
    finding: str
    limits: str


class Bars(TypedDict):
    """The numbers that the page speaks of."""

    watch_psi: float
    act_psi: float
    impact_ratio: float
    group_rows: int
    segment_rows: int
    bootstrap_draws: int
    jitter: float
    watched_rows: int


class Theme(TypedDict):
    """Which sections answer to a theme of guidance or law."""

    source: str
    theme: str
    sections: list[str]


class Figures(TypedDict):
    """The sections that come straight from the training; what follows from them is in `Pack`."""

    purpose: PurposeSection
    data: DataSection
    protocol: ProtocolSection
    candidates: CandidatesSection
    performance: PerformanceSection
    calibration: CalibrationSection
    stability: StabilitySection
    sensitivity: SensitivitySection
    fairness: list[FairnessLine]
    reasons: ReasonsSection
    comparison: ComparisonSection | None
    approvals: list[Approval]


class Pack(Figures):
    """A whole pack: `pack_json` writes it, `validation_page` draws it."""

    title: str
    model: str
    family: str
    seed: int | None
    written_at: str | None
    trained_because: str | None
    headline: str
    checks: list[CheckLine]
    limits: list[str]
    monitoring: list[MonitoringLine]
    bars: Bars
    themes: list[Theme]
