"""Model at a glance: whether each model can still be trusted, and what says so."""

from __future__ import annotations

from grafana.panels import (
    BLUE,
    GREY,
    MODEL,
    PALE,
    REPORTS_ADDRESS,
    STATUS,
    VIOLET,
    WATCH_AND_ACT,
    Placed,
    Query,
    Sized,
    begin,
    curves,
    document,
    figure,
    lines,
    ranking,
    row,
    spread,
    states,
    variable,
)

OUTCOMES = {"-1": ("too few to tell", GREY), "0": ("as predicted", BLUE), "2": ("not as predicted", VIOLET)}
INTERVAL = "/ 95 % (from|to)$/"
_PROTECTED = variable(
    "protected", "Protected field", 'label_values(creditrisk_group_approval_rate{model=~"$model"}, field)'
)
_ONE = 'model="$model"'
_GROUPS = 'model="$model", field="$protected"'
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
        *_came_true(),
        *_outcomes(),
        *_fairness(),
        *_vintages(),
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
            8,
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
            5,
            4,
        ),
        (
            figure(
                "Applications in it",
                "Below a few hundred, drift cannot be told from chance.",
                [Query(f"creditrisk_window_rows{{{_ALL}}}", "{{model}}")],
            ),
            5,
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
            10,
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
            4,
            4,
        ),
        (
            figure(
                "Could not be scored",
                "Rows sent back with a reason in the time shown.",
                [Query("sum(increase(creditrisk_rejected_rows_total[$__range]))", "rows")],
                otherwise="none yet",
            ),
            5,
            4,
        ),
        (
            figure(
                "Fields to act on",
                "Fields whose drift is beyond what chance explains and large enough to matter.",
                [Query(f"count(creditrisk_drift_status{{{_ALL}}} == 2) or vector(0)", "fields")],
                alarm_from=1,
            ),
            5,
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
            lines(
                "Drift of the risk (PSI)",
                "Population stability index of the predicted risk; lines at 0.10 (look) and 0.25 (act). Chance alone "
                "stays below the bound in 95 of 100 windows of this size.",
                [
                    Query(f"creditrisk_score_psi{{{_ONE}}}", "PSI", BLUE),
                    Query(f"creditrisk_score_psi_bound{{{_ONE}}}", "by chance", GREY, is_dashed=True),
                ],
                decimals=2,
                least=0,
                marks=WATCH_AND_ACT,
            ),
            8,
            8,
        ),
        (
            lines(
                "Mean predicted risk",
                "Of the applications in the window, and in the training data.",
                [
                    Query(f"creditrisk_prob_default_mean{{{_ONE}}}", "now", BLUE),
                    Query(f"creditrisk_prob_default_mean_reference{{{_ONE}}}", "training data", GREY, is_dashed=True),
                ],
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


def _with_band(name: str, what: str, population: str, colour: str) -> list[Query]:
    labels = f'{_ONE}, population="{population}"'
    return [
        Query(f"creditrisk_{name}{{{labels}}}", what, colour),
        Query(f"creditrisk_{name}_low{{{labels}}}", f"{what}, 95 % from", colour, is_dashed=True),
        Query(
            f"creditrisk_{name}_high{{{labels}}}",
            f"{what}, 95 % to",
            colour,
            band_to=f"{what}, 95 % from",
            is_dashed=True,
        ),
    ]


def _estimated_and_realised(name: str) -> list[Query]:
    return [
        *_with_band(f"{name}_estimated", "expected of the window", "window", PALE),
        *_with_band(f"{name}_estimated", "expected of those with an outcome", "with_outcome", GREY),
        *_with_band(f"{name}_realised", "came true", "with_outcome", BLUE),
    ]


def _came_true() -> list[Sized]:
    only_approved = "Outcomes exist only for those who were given a loan."
    return [
        (
            lines(
                "AUC",
                "What is to be expected from the PDs alone, and what came true of clients whose outcome is known, each "
                f"with its 95 % interval. An estimate cannot see concept drift. {only_approved}",
                _estimated_and_realised("auc"),
                decimals=2,
                quiet=INTERVAL,
            ),
            12,
            9,
        ),
        (
            lines(
                "Bad rate of the approved",
                f"What is to be expected from the PDs alone, and what came true. {only_approved}",
                _estimated_and_realised("bad_rate"),
                unit="percentunit",
                decimals=1,
                least=0,
                quiet=INTERVAL,
            ),
            12,
            9,
        ),
    ]


def _outcomes() -> list[Sized]:
    return [
        (
            lines(
                "Observed over expected",
                "Bad rate over mean PD of clients whose outcome is known, with its 95 % interval; 1 if PDs are true.",
                [
                    Query(f"creditrisk_observed_over_expected{{{_ONE}}}", "came true", BLUE),
                    Query(f"creditrisk_observed_over_expected_low{{{_ONE}}}", "came true, 95 % from", BLUE),
                    Query(
                        f"creditrisk_observed_over_expected_high{{{_ONE}}}",
                        "came true, 95 % to",
                        BLUE,
                        band_to="came true, 95 % from",
                    ),
                ],
                decimals=2,
                marks=((1, GREY),),
                quiet=INTERVAL,
            ),
            12,
            8,
        ),
        (
            figure(
                "Outcomes against prediction",
                "Whether outcomes came out as the PDs had led to expect; if they did not, applicants have changed in "
                "what no field shows (concept drift).",
                [Query(f"max(creditrisk_performance_status{{{_ONE}}})", "outcomes")],
                words=OUTCOMES,
            ),
            6,
            8,
        ),
        (
            figure(
                "Clients with an outcome",
                "Clients whose outcome is known, in the months that are judged.",
                [Query(f"creditrisk_outcomes_judged{{{_ONE}}}", "clients")],
            ),
            6,
            8,
        ),
    ]


def _fairness() -> list[Sized]:
    what = {
        "approval_rate": ("Approval rate by group", "Of the applications in the window."),
        "bad_rate": ("Bad rate by group", "Of the clients whose outcome is known, who were given a loan."),
    }
    return [
        (
            lines(
                title,
                f"{described} Groups of the protected field that is chosen above, which no model reads, with 95 % "
                "intervals; groups of fewer than 30 have no figure.",
                [
                    Query(f"creditrisk_group_{name}{{{_GROUPS}}}", "{{group}}"),
                    Query(f"creditrisk_group_{name}_low{{{_GROUPS}}}", "{{group}}, 95 % from"),
                    Query(f"creditrisk_group_{name}_high{{{_GROUPS}}}", "{{group}}, 95 % to"),
                ],
                unit="percentunit",
                decimals=0,
                least=0,
                quiet=INTERVAL,
            ),
            12,
            9,
        )
        for name, (title, described) in what.items()
    ]


def _vintages() -> list[Sized]:
    return [
        (
            curves(
                "Bads by months on book",
                "Share of a month's approved clients that was bad after so many months; a curve for each month.",
                Query(
                    f"sum by (vintage, months_on_book) (creditrisk_vintage_bad_share{{{_ONE}}})",
                    "{{vintage}}",
                ),
                along="months_on_book",
                by="vintage",
            ),
            12,
            10,
        ),
        (
            ranking(
                "Bad rate by month of decision",
                "Of the approved clients of a month whose outcome is known.",
                Query(f"creditrisk_vintage_bad_rate{{{_ONE}}}", "{{vintage}}"),
                unit="percentunit",
            ),
            12,
            10,
        ),
    ]
