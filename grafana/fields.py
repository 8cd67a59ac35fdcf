"""Drift by field: one field, chosen above, in all that is told of it."""

from __future__ import annotations

from grafana.panels import (
    BLUE,
    GREY,
    ONE_MODEL,
    REPORTS_ADDRESS,
    STATUS,
    VIOLET,
    WATCH_AND_ACT,
    Placed,
    Query,
    Sized,
    begin,
    document,
    lines,
    now_and_then,
    psi_with_bound,
    ranking,
    states,
    variable,
)

_CHOSEN = 'model="$model", field="$field"'
_FIELD = variable("field", "Field", 'label_values(creditrisk_drift_status{model="$model"}, field)')


def build() -> str:
    """The dashboard as JSON."""
    places = Placed()
    board = begin("risk-o-meter-field", "Drift by field", "One field against the training data, in all figures.")
    board = board.with_variable(ONE_MODEL).with_variable(_FIELD).with_variable(REPORTS_ADDRESS)
    for panel, width, height in (*_drift(), *_values(), *_importance(), *_others()):
        board = board.with_panel(panel.grid_pos(places.next(width, height)))
    return document(board)


def _drift() -> list[Sized]:
    return [
        (
            states(
                "Status of $field",
                "Whether it drifted beyond what chance explains, and by enough to matter.",
                [Query(f"max by (field) (creditrisk_drift_status{{{_CHOSEN}}})", "{{field}}")],
                STATUS,
            ),
            24,
            4,
        ),
        (
            psi_with_bound("PSI", "Population stability index", "drift_psi", _CHOSEN),
            8,
            9,
        ),
        (
            lines(
                "Distance",
                "How far it moved: in standard deviations for a number, Jensen-Shannon for a category.",
                [Query(f"creditrisk_drift_distance{{{_CHOSEN}}}", "distance", BLUE)],
                decimals=2,
                least=0,
            ),
            8,
            9,
        ),
        (
            lines(
                "What that does to the risk",
                "What the shift adds to the average predicted risk, of 100; around 0 it is noise.",
                [Query(f"creditrisk_drift_impact_of_100{{{_CHOSEN}}}", "of 100", BLUE)],
                decimals=1,
                marks=((0, GREY),),
            ),
            8,
            9,
        ),
    ]


def _values() -> list[Sized]:
    return [
        (
            lines(
                "Mean",
                "In the field's own unit; a category has none.",
                now_and_then("field_mean", _CHOSEN),
            ),
            8,
            9,
        ),
        (
            lines(
                "Missing values",
                "Share of applications without a value.",
                now_and_then("missing_share", _CHOSEN),
                unit="percentunit",
                decimals=1,
                least=0,
            ),
            8,
            9,
        ),
        (
            lines(
                "Values never seen",
                "Share of applications with a value that the model does not know.",
                [Query(f"creditrisk_unseen_share{{{_CHOSEN}}}", "unseen", BLUE)],
                unit="percentunit",
                decimals=1,
                least=0,
            ),
            8,
            9,
        ),
    ]


def _importance() -> list[Sized]:
    return [
        (
            lines(
                "How much it counts",
                "What the field adds to the log-odds on average, by size.",
                now_and_then("field_importance", _CHOSEN),
                decimals=2,
                least=0,
            ),
            8,
            9,
        ),
        (
            lines(
                "Order in which fields count (gain)",
                "1 if all fields count in the order they did in the training data; lines at 0.98 (look) and 0.90 "
                "(act). Chance alone stays above the bound.",
                [
                    Query('creditrisk_importance_gain{model="$model"}', "gain", BLUE),
                    Query('creditrisk_importance_gain_bound{model="$model"}', "by chance", GREY, is_dashed=True),
                ],
                decimals=2,
                marks=((0.9, VIOLET), (0.98, GREY)),
            ),
            8,
            9,
        ),
        (
            ranking(
                "Fields that count most",
                "What a field adds to the log-odds on average, by size; all fields of the model.",
                Query('topk(10, creditrisk_field_importance{model="$model"})', "{{field}}"),
                decimals=2,
            ),
            8,
            9,
        ),
    ]


def _others() -> list[Sized]:
    return [
        (
            lines(
                "The five fields that moved most (PSI)",
                "All fields of the model; lines at 0.10 (look) and 0.25 (act).",
                [Query('topk(5, creditrisk_drift_psi{model="$model"})', "{{field}}")],
                decimals=2,
                least=0,
                marks=WATCH_AND_ACT,
            ),
            24,
            9,
        ),
    ]
