"""What people are told of a report, and how often."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from monitoring import telling
from monitoring.alarms import ACTIONS, Alarm, alarms_of, unjudged
from monitoring.results import Result
from monitoring.telling import Ledger, announce, body, note, sent, title
from tests.conftest import ROOT

NOW = datetime(2026, 3, 31, 6, tzinfo=UTC)
FIGURES = {
    "label": "Income", "status": "stable", "level": 0, "n_rows": 1_200, "psi": 0.4123, "psi_bound": 0.05,
    "impact": 2.34, "missing_share": 0.0, "missing_share_reference": 0.0, "n_unseen": 0,
}  # fmt: skip
TOGETHER = {
    "auc": 0.5,
    "auc_bound": 0.55,
    "p_value": 0.5,
    "level": 0,
    "n_rows": 1_200,
    "n_reference": 2_000,
    "fields": [],
}
IMPORTANCE = {"gain": 1.0, "gain_bound": 0.95, "p_value": 0.5, "level": 0, "fields": {}}
RULES = {
    rule["alert"]: rule
    for group in yaml.safe_load((ROOT / "infra/prometheus/alerts.yml").read_text(encoding="utf-8"))["groups"]
    for rule in group["rules"]
    if "alert" in rule
}


def result(hour: int = 6, **other: object) -> Result:
    """A report in which nothing is wrong, but for `other`."""
    made = {
        "model": "m",
        "model_version": "7",
        "created_at": (NOW.replace(hour=0) + timedelta(hours=hour)).isoformat(),
        "first_decided_at": None,
        "last_decided_at": (NOW.replace(hour=0) + timedelta(hours=hour - 1)).isoformat(),
        "last_seq": 1_000,
        "log": {"is_intact": True, "finding": ""},
        "n_rows": 1_200,
        "score": FIGURES,
        "fields": {"income_eur": FIGURES},
        "multivariate": TOGETHER,
        "importance": IMPORTANCE,
        "performance": {"level": 0, "alarms": []},
        "id": f"report-{hour}",
    }
    return cast(Result, made | other)


def found(made: Result, **more: Any) -> list[Alarm]:
    return alarms_of(made, reports_address="https://lender.example/reports", **more)


ALARM = found(result(fields={"income_eur": FIGURES | {"level": 2}}))[0]


def test_an_alarm_says_what_since_when_how_bad_what_to_do_and_where() -> None:
    assert (
        Alarm(
            key="report/m/field/income_eur",
            severity="ticket",
            what="Income of m has shifted strongly",
            since=NOW,
            how_bad="PSI 0.41; chance alone stays below 0.05; it moves the average risk by about +2.3 of 100. "
            "1,200 applications.",
            action=RULES["FieldDrifted"]["annotations"]["action"],
            runbook="docs/runbook.md#fielddrifted",
            link="https://lender.example/reports/report-6.html",
        )
        == ALARM
    )


@pytest.mark.parametrize(
    ("other", "key"),
    [
        ({}, None),
        ({"fields": {"income_eur": FIGURES | {"level": 1}}}, None),
        ({"score": FIGURES | {"level": 1}}, "risk"),
        ({"multivariate": TOGETHER | {"level": 1}, "importance": IMPORTANCE | {"level": 1}}, None),
        ({"multivariate": TOGETHER | {"level": 2}}, "together"),
        ({"importance": IMPORTANCE | {"level": 2}}, "importance"),
        ({"performance": {"level": 2, "alarms": ["Outcomes are worse."]}}, "performance"),
        ({"performance": {"level": -1, "alarms": []}}, None),
        ({"log": {"is_intact": False, "finding": "It was cut."}}, "log"),
        ({"triggers": [{"name": "poor", "sentence": "Low.", "value": 1.0, "is_met": True}]}, "trigger/poor"),
        ({"triggers": [{"name": "poor", "sentence": "Fine.", "value": 9.0, "is_met": False}]}, None),
        ({"retraining": "The score has shifted."}, "retraining"),
    ],
)
def test_people_are_told_of_what_wants_them_and_of_nothing_else(other: dict[str, object], key: str | None) -> None:
    assert [alarm.key for alarm in found(result(**other))] == ([f"report/m/{key}"] if key else [])


def test_a_log_that_is_not_intact_wants_somebody_now() -> None:
    assert [alarm.severity for alarm in found(result(log={"is_intact": False, "finding": "It was cut."}))] == ["page"]


def test_an_archive_that_is_away_is_an_alarm() -> None:
    assert [alarm.what for alarm in found(result(), archives_away=["gs://reports"])] == [
        "The archive gs://reports is away"
    ]


def test_data_is_quiet_after_a_day_without_any_application() -> None:
    before, empty = result(6), {"n_rows": 0, "last_decided_at": None}

    assert found(result(28, **empty), earlier=[result(28, **empty), result(27, **empty), before]) == []
    [alarm] = found(result(30, **empty), earlier=[result(30, **empty), result(27, **empty), before])

    assert (alarm.key, alarm.since) == ("report/m/quiet", NOW.replace(hour=5))


def test_data_stays_quiet_when_the_last_full_report_is_no_longer_at_hand() -> None:
    empty = {"n_rows": 0, "last_decided_at": None}

    assert [alarm.key for alarm in found(result(60, **empty), earlier=[result(33, **empty)])] == ["report/m/quiet"]
    assert found(result(60, **empty, last_seq=0), earlier=[result(33, **empty, last_seq=0)]) == []


def test_the_first_step_is_that_of_the_rule_of_the_same_name() -> None:
    assert {name: RULES[name]["annotations"]["action"] for name in ACTIONS} == ACTIONS
    # Those that no report can tell of are Prometheus' alone.
    assert RULES.keys() - ACTIONS.keys() == {
        "ServiceDown", "ScoringSlow", "SourceAway", "ReportTooOld", "ArchivedResultsUnreadable",
    }  # fmt: skip


def told(ledger: Ledger, *current: Alarm, hours: float, unjudged: tuple[str, ...] = ()) -> tuple[Ledger, list[str]]:
    """The ledger after a look at what stands, all of it sent; and the first line of each message."""
    later = NOW + timedelta(hours=hours)
    noted = note(ledger, "report/m/", current, addresses=["a"], now=later, unjudged=unjudged)
    messages = [*noted.waiting.get("a", {}).values()]
    return sent(noted, "a"), [body([message]).splitlines()[0] for message in messages]


def test_an_alarm_is_told_once_then_after_a_day_then_its_end() -> None:
    ledger, first = told(Ledger(), ALARM, hours=0)
    ledger, again = told(ledger, ALARM, hours=23)
    ledger, next_day = told(ledger, ALARM, hours=24)
    ledger, end = told(ledger, hours=27)
    _, nothing = told(ledger, hours=30)

    assert (first, again, next_day) == ([ALARM.what], [], [f"Still: {ALARM.what}"])
    assert (end, nothing) == ([f"Over: {ALARM.what}"], [])


def test_an_alarm_is_told_again_when_it_gets_worse() -> None:
    ledger, _ = told(Ledger(), ALARM, hours=0)
    ledger, worse = told(ledger, replace(ALARM, degree=1), hours=3)
    ledger, better = told(ledger, ALARM, hours=6)
    _, as_bad_as_before = told(ledger, replace(ALARM, degree=1), hours=9)

    assert (worse, better, as_bad_as_before) == ([f"Worse: {ALARM.what}"], [], [])


def test_of_all_fields_together_people_are_told_how_far() -> None:
    joint = TOGETHER | {"auc": 0.7123, "level": 2}

    together, importance = found(result(multivariate=joint, importance=IMPORTANCE | {"gain": 0.8811, "level": 2}))

    assert together.how_bad == "AUC 0.71; chance alone stays below 0.55. 1,200 applications."
    assert importance.how_bad == "Gain 0.88, 1 where nothing changed; chance alone stays above 0.95."


def test_a_bound_just_below_one_is_not_told_as_one() -> None:
    [alarm] = found(result(importance=IMPORTANCE | {"gain": 0.8811, "gain_bound": 0.9964, "level": 2}))
    assert "Gain 0.881, 1 where nothing changed; chance alone stays above 0.996." in alarm.how_bad


def test_too_few_for_all_fields_together_have_not_ended_what_was_told() -> None:
    made = result()
    del made["multivariate"], made["importance"]

    assert unjudged(made) == {"report/m/together", "report/m/importance"}


def test_what_cannot_be_judged_has_not_ended() -> None:
    made = result(fields={"income_eur": FIGURES | {"level": -1}}, score=FIGURES | {"level": -1})
    assert unjudged(made) == {ALARM.key, "report/m/risk"}

    ledger, _ = told(Ledger(), ALARM, hours=0)
    ledger, at_night = told(ledger, hours=3, unjudged=tuple(unjudged(made)))
    _, in_the_morning = told(ledger, ALARM, hours=6)

    assert (at_night, in_the_morning) == ([], [])


def test_a_look_at_one_model_ends_nothing_of_another() -> None:
    other = replace(ALARM, key="report/m2/field/income_eur")
    ledger = note(Ledger(), "report/m2/", [other], addresses=[], now=NOW)

    assert note(ledger, "report/m/", [], addresses=[], now=NOW).told == ledger.told


def test_what_could_not_be_sent_waits_and_says_the_newest() -> None:
    ledger = note(Ledger(), "report/m/", [ALARM], addresses=["a", "b"], now=NOW)
    ledger = sent(ledger, "a")
    ledger = note(ledger, "report/m/", [], addresses=["a", "b"], now=NOW + timedelta(hours=3))

    for address in ("a", "b"):
        [message] = ledger.waiting[address].values()
        assert body([message]).splitlines()[:2] == [
            f"Over: {ALARM.what}",
            "Since: 2026-03-31 06:00 UTC; over since 2026-03-31 09:00 UTC",
        ]


def test_what_waits_for_an_address_that_is_no_longer_named_is_dropped() -> None:
    ledger = note(Ledger(), "report/m/", [ALARM], addresses=["a", "b"], now=NOW)

    assert note(ledger, "report/m/", [ALARM], addresses=["b"], now=NOW).waiting.keys() == {"b"}


def test_an_event_is_told_once_and_never_ends() -> None:
    ledger = announce(Ledger(), replace(ALARM, key="promotion/m/8"), addresses=["a"], now=NOW)
    ledger, messages = told(ledger, hours=1)

    assert messages == [ALARM.what]
    assert told(ledger, hours=48) == (ledger, [])


def test_several_alarms_are_one_message_with_the_most_pressing_on_top() -> None:
    page = replace(ALARM, key="report/m/log", severity="page", what="The log was cut")
    many = [replace(ALARM, key=f"report/m/field/{n}") for n in range(25)]
    messages = [*note(Ledger(), "report/m/", [*many, page], addresses=["a"], now=NOW).waiting["a"].values()]

    assert title(messages) == "Risk-O-Meter: The log was cut and 25 more"
    assert body(messages).startswith("The log was cut\n")
    assert body(messages).count("\n\n") == 20
    assert body(messages).endswith("And 6 more: see the report.")


@given(st.lists(st.sampled_from(["nothing", "alarm", "worse", "away"]), max_size=30))
def test_whatever_happens_people_end_up_knowing_how_it_stands(steps: list[str]) -> None:
    """One receiver that is away now and then: what it was told last is what is so, once it is back."""
    ledger, known = Ledger(), ""
    for hour, step in enumerate([*steps, steps[-1] if steps else "nothing"]):
        current = {"nothing": [], "away": [ALARM]}.get(step, [replace(ALARM, degree=int(step == "worse"))])
        ledger = note(ledger, "report/m/", current, addresses=["a"], now=NOW + timedelta(hours=hour))
        assert telling.from_json(telling.to_json(ledger)) == ledger
        if step != "away":
            for message in ledger.waiting.get("a", {}).values():
                known = "" if message.kind == "over" else message.alarm.key
            ledger = sent(ledger, "a")
            assert known == ("" if step == "nothing" else ALARM.key)
