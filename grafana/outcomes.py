"""The part of *Model at a glance* that is about outcomes: what was expected of clients, and what came true."""

from __future__ import annotations

from grafana.panels import BLUE, GREY, PALE, VIOLET, Query, Sized, curves, figure, lines, ranking, spread

OUTCOMES = {"-1": ("too few to tell", GREY), "0": ("as predicted", BLUE), "2": ("not as predicted", VIOLET)}
INTERVAL = "/ 95 % (from|to)$/"
_ONE = 'model="$model"'
_GROUPS = 'model="$model", field="$protected"'


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


def came_true() -> list[Sized]:
    """What was to be expected, and what came true, with intervals."""
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


def against_prediction() -> list[Sized]:
    """Whether both agree: in all, and by decile of the risk."""
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
            9,
            8,
        ),
        (
            spread(
                "Bad rate by decile of the risk",
                "Clients whose outcome is known, by deciles of the training data, 01 the lowest risk: what came true, "
                "and their mean PD. Deciles of too few clients have no figure.",
                "decile",
                Query(f"sum by (decile) (creditrisk_decile_bad_rate_realised{{{_ONE}}})", "came true", BLUE),
                Query(f"sum by (decile) (creditrisk_decile_bad_rate_estimated{{{_ONE}}})", "expected", GREY),
            ),
            9,
            8,
        ),
        (
            figure(
                "Outcomes",
                "Whether outcomes came out as the PDs had led to expect; if they did not, applicants have changed in "
                "what no field shows (concept drift).",
                [Query(f"max(creditrisk_performance_status{{{_ONE}}})", "outcomes")],
                words=OUTCOMES,
            ),
            3,
            8,
        ),
        (
            figure(
                "With an outcome",
                "Clients whose outcome is known, in the months that are judged.",
                [Query(f"creditrisk_outcomes_judged{{{_ONE}}}", "clients")],
            ),
            3,
            8,
        ),
    ]


def by_group() -> list[Sized]:
    """How the groups of a protected field fare."""
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


def by_month() -> list[Sized]:
    """The months of decision, as they grow old."""
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
