"""Model at a glance: whether each model can still be trusted, and what says so."""

from __future__ import annotations

from grafana import outcomes
from grafana.panels import (
    BLUE,
    GREY,
    MODEL,
    REPORTS_ADDRESS,
    STATUS,
    VIOLET,
    WATCH_AND_ACT,
    Placed,
    Query,
    Sized,
    begin,
    document,
    figure,
    lines,
    now_and_then,
    psi_with_bound,
    ranking,
    row,
    spread,
    states,
    variable,
)

CALLED_FOR = {"0": ("no", BLUE), "1": ("called for", VIOLET)}
WATCH_AND_ACT_AUC = ((0.55, GREY), (0.64, VIOLET))
_PROTECTED = variable(
    "protected", "Protected field", 'label_values(creditrisk_group_approval_rate{model=~"$model"}, field)'
)
_ONE = 'model="$model"'
_ALL = 'model=~"$model"'


def build() -> str:
    """The dashboard as JSON."""
    places = Placed()
    board = begin(
        "risk-o-meter",
        "Model at a glance",
        "Whether each model can still be trusted. Same words and colours as the page.",
    )
    board = board.with_variable(MODEL).with_variable(_PROTECTED).with_variable(REPORTS_ADDRESS)
    board = board.with_row(row("All models", places))
    for panel, width, height in (*_reports(), *_decisions()):
        board = board.with_panel(panel.grid_pos(places.next(width, height)))
    board = board.with_row(row("$model", places, repeat="model"))
    for panel, width, height in (
        *_drift(),
        *_risk(),
        *_rankings(),
        *_together(),
        *outcomes.came_true(),
        *outcomes.against_prediction(),
        *outcomes.by_group(),
        *outcomes.by_month(),
    ):
        board = board.with_panel(panel.grid_pos(places.next(width, height)))
    return document(board)


def _reports() -> list[Sized]:
    return [
        (
            figure(
                "Status",
                "The most pressing thing in the last report: its log, outcomes, or the field that drifted most.",
                [Query(f"creditrisk_status{{{_ALL}}}", "{{model}}")],
                words=STATUS,
            ),
            6,
            4,
        ),
        (
            figure(
                "Age of the last report",
                "Reports come every three hours.",
                [Query(f"time() - creditrisk_report_last_success_timestamp_seconds{{{_ALL}}}", "{{model}}")],
                unit="s",
                decimals=None,
                alarm_from=25_200,
            ),
            4,
            4,
        ),
        (
            figure(
                "Applications in it",
                "Below a few hundred, drift cannot be told from chance.",
                [Query(f"creditrisk_window_rows{{{_ALL}}}", "{{model}}")],
            ),
            4,
            4,
        ),
        (
            figure(
                "Retraining",
                "Whether the last report calls for one; it says why.",
                [Query(f"creditrisk_retraining_called_for{{{_ALL}}}", "{{model}}")],
                words=CALLED_FOR,
            ),
            4,
            4,
        ),
        (
            figure(
                "Champion",
                "The version that was last made champion of a model.",
                [
                    Query(
                        f"creditrisk_champion_since_timestamp_seconds{{{_ALL}}}", "{{model}} version {{model_version}}"
                    )
                ],
                names_only=True,
                otherwise="no model yet",
            ),
            6,
            4,
        ),
    ]


def _decisions() -> list[Sized]:
    verdicts = "increase(creditrisk_decisions_total[$__range])"
    offered = 'increase(creditrisk_decisions_total{verdict="approve"}[$__range])'
    return [
        (
            figure(
                "Decisions",
                "Decisions answered by the Risk-O-Meter in the time shown.",
                [Query(f"sum by (verdict) ({verdicts})", "{{verdict}}")],
                otherwise="none yet",
            ),
            9,
            4,
        ),
        (
            figure(
                "Share offered",
                "Offers among all decisions in the time shown.",
                [Query(f"sum({offered}) / sum({verdicts})", "offered")],
                unit="percentunit",
                otherwise="none yet",
            ),
            3,
            4,
        ),
        (
            figure(
                "Could not be scored",
                "Rows sent back with a reason in the time shown.",
                [Query("sum(increase(creditrisk_rejected_rows_total[$__range]))", "rows")],
                otherwise="none yet",
            ),
            4,
            4,
        ),
        (
            figure(
                "Fields to act on",
                "Fields whose drift is beyond what chance explains and large enough to matter.",
                [Query(f"count(creditrisk_drift_status{{{_ALL}}} == 2) or vector(0)", "fields")],
                alarm_from=1,
            ),
            4,
            4,
        ),
        (
            figure(
                "Limits passed",
                "Limits of triggers.toml that the last report found passed.",
                [Query(f"count(creditrisk_trigger_met{{{_ALL}}} == 1) or vector(0)", "limits")],
                alarm_from=1,
            ),
            4,
            4,
        ),
    ]


def _drift() -> list[Sized]:
    return [
        (
            states(
                "Drift of each field over time",
                "Status of each field against the training data; violet where it is to be acted on.",
                [Query(f"max by (field) (creditrisk_drift_status{{{_ONE}}})", "{{field}}")],
                STATUS,
            ),
            14,
            13,
        ),
        (
            spread(
                "Predicted risk",
                "Share of applications in each bin of predicted risk: in the last window, and in the training data.",
                "bin",
                Query(f"sum by (bin) (creditrisk_score_bin_share{{{_ONE}}})", "now", BLUE),
                Query(f"sum by (bin) (creditrisk_score_bin_share_reference{{{_ONE}}})", "training data", GREY),
            ),
            10,
            13,
        ),
    ]


def _risk() -> list[Sized]:
    return [
        (
            psi_with_bound(
                "Drift of the risk (PSI)", "Population stability index of the predicted risk", "score_psi", _ONE
            ),
            8,
            8,
        ),
        (
            lines(
                "Mean predicted risk",
                "Of the applications in the window, and in the training data.",
                now_and_then("prob_default_mean", _ONE),
                unit="percentunit",
                decimals=1,
                least=0,
            ),
            8,
            8,
        ),
        (
            lines(
                "Verdicts of the window",
                "Share of each verdict.",
                [Query(f"sum by (verdict) (creditrisk_verdict_share{{{_ONE}}})", "{{verdict}}")],
                unit="percentunit",
                decimals=0,
                least=0,
                stacked=True,
            ),
            8,
            8,
        ),
    ]


def _together() -> list[Sized]:
    return [
        (
            lines(
                "All fields together (AUC)",
                "How well a classifier tells the window from the training data by all fields, 0.5 not at all; lines at "
                "0.55 (look) and 0.64 (act). Chance alone stays below the bound in 95 of 100 windows of this size.",
                [
                    Query(f"creditrisk_multivariate_auc{{{_ONE}}}", "AUC", BLUE),
                    Query(f"creditrisk_multivariate_auc_bound{{{_ONE}}}", "by chance", GREY, is_dashed=True),
                ],
                decimals=2,
                marks=WATCH_AND_ACT_AUC,
            ),
            12,
            8,
        ),
        (
            states(
                "What else wants attention",
                "Status of the risk, of all fields together and of the order in which they count; limits that are "
                "passed, outcomes that are not as predicted and a retraining that is called for are to be acted on.",
                [
                    Query(f"max(creditrisk_score_status{{{_ONE}}})", "predicted risk"),
                    Query(f"max(creditrisk_multivariate_status{{{_ONE}}})", "all fields together"),
                    Query(f"max(creditrisk_importance_status{{{_ONE}}})", "which fields count most"),
                    Query(f"max(creditrisk_performance_status{{{_ONE}}})", "outcomes"),
                    Query(f"2 * max by (trigger) (creditrisk_trigger_met{{{_ONE}}})", "limit: {{trigger}}"),
                    Query(f"2 * max(creditrisk_retraining_called_for{{{_ONE}}})", "retraining"),
                ],
                STATUS,
            ),
            12,
            8,
        ),
    ]


def _rankings() -> list[Sized]:
    return [
        (
            ranking(
                "Drift of each field (PSI)",
                "Population stability index against the training data: below 0.10 stable, from 0.25 on act.",
                Query(f"sort_desc(creditrisk_drift_psi{{{_ONE}}})", "{{field}}"),
                decimals=2,
                most=0.5,
                marks=WATCH_AND_ACT,
            ),
            12,
            11,
        ),
        (
            ranking(
                "Missing values of each field",
                "Share of applications without a value.",
                Query(f"sort_desc(creditrisk_missing_share{{{_ONE}}})", "{{field}}"),
                unit="percentunit",
                most=1,
            ),
            12,
            11,
        ),
    ]
