"""What people are told of a report: alarms, each with what, since when, how bad, and the first step to take.

Prometheus has the same alarms as rules (infra/prometheus/alerts.yml); these are for those who have none. Which of them
are new, and who is told, is decided elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal, TypeAlias

from creditrisk.metrics import WATCH_DISTANCE, WATCH_PSI
from creditrisk.text import distinct
from monitoring.results import FieldFigures, Result, title_of
from monitoring.status import ACT

# `page` wants somebody now, `ticket` within a working day, a `note` wants nothing.
Severity: TypeAlias = Literal["note", "ticket", "page"]
QUIET_AFTER = timedelta(days=1)
# The first step, by the entry of the runbook that says how to go on; the rules of Prometheus say the same.
ACTIONS = {
    "DataGoneQuiet": "Ask whether that is meant, as on holidays; if not, see what no longer reaches the app.",
    "FieldDrifted": "Open the last report; it says which values and what that does to the risk. Check the source of "
    "the field first.",
    "RiskDrifted": "Open the last report; if applicants have changed for good, train on newer data.",
    "FieldsDriftedTogether": "Open the last report; it names the fields that tell it most. See whether two sources are "
    "still joined as they were.",
    "ImportanceDrifted": "Open the last report; it names the fields that changed places. See whether the model still "
    "fits these applicants.",
    "NotAsPredicted": "Open the last report; it says which figure, by how much and in which months. Train on newer "
    "outcomes.",
    "DecisionLogNotIntact": "Run riskometer verify-log; keep the log and its backups as they are until it is clear "
    "what happened.",
    "ReportsWaiting": "Bring the archive back; the next report delivers what waits.",
    "TriggerMet": "Open the last report; it gives the figure, and what who set the limit wants to be done.",
    "RetrainingCalledFor": "Open the last report; it says why, and whether one was started. Otherwise start "
    "model-train/sunday in Prefect.",
}


@dataclass(frozen=True, slots=True)
class Alarm:
    """Something that a person should be told.

    `key` is the same for as long as it is the same thing; `degree` grows as it gets worse; `runbook` says where to read
    on; `link` is the report it was found in, or empty.
    """

    key: str
    severity: Severity
    what: str
    since: datetime
    how_bad: str
    action: str
    runbook: str
    link: str = ""
    degree: int = 0


def scope_of_report(model: str) -> str:
    """What the key of every alarm of a model's reports begins with."""
    return f"report/{model}/"


def alarms_of(
    result: Result, *, reports_address: str, earlier: Sequence[Result] = (), archives_away: Iterable[str] = ()
) -> list[Alarm]:
    """What people should be told of a report, the most pressing first.

    Parameters
    ----------
    result
        As it was archived, with its id.
    reports_address
        Where people open reports.
    earlier
        The newest results of the model before this one: whether data has gone quiet shows in several only.
    archives_away
        The archives that do not have this report yet.
    """
    found = _Found(result, f"{reports_address}/{result.get('id', '')}.html")
    model = title_of(result)
    if not result["log"]["is_intact"]:
        what = "The decision log does not hold what earlier reports noted of it"
        found.add("log", "DecisionLogNotIntact", what, result["log"]["finding"], severity="page")
    measured = result.get("performance")
    if measured is not None and measured["level"] == ACT:
        what, sentences = f"Outcomes of {model} are not what was predicted", measured["alarms"]
        found.add("performance", "NotAsPredicted", what, " ".join(sentences), degree=len(sentences))
    score = result["score"]
    if score["level"] >= 1:
        what = f"The predicted risk of {model} has shifted{' strongly' if score['level'] == ACT else ''}"
        found.add("risk", "RiskDrifted", what, how_far(score), degree=score["level"])
    for name, figures in result["fields"].items():
        if figures["level"] == ACT:
            what = f"{figures['label']} of {model} has shifted strongly"
            found.add(f"field/{name}", "FieldDrifted", what, how_far(figures))
    _add_all_fields(found)
    for name, sentence in _triggers_met(result):
        found.add(f"trigger/{name}", "TriggerMet", f"A limit is passed for {model}: {name}", sentence)
    if reason := result.get("retraining"):
        found.add("retraining", "RetrainingCalledFor", f"A retraining of {model} is called for", reason)
    if (since := quiet_since(result, earlier)) is not None:
        what = f"No application was scored by {model} for a day"
        found.add("quiet", "DataGoneQuiet", what, "Nothing new can be said of the model.", since=since)
    for name in archives_away:
        how_bad = "Reports are kept on this machine until it is back; nothing is lost."
        found.add(f"archive/{name}", "ReportsWaiting", f"The archive {name} is away", how_bad)
    return found.alarms


def _add_all_fields(found: _Found) -> None:
    """What shows in all fields together only."""
    result, model = found.result, title_of(found.result)
    joint, importance = result.get("multivariate"), result.get("importance")
    if joint is not None and joint["level"] == ACT:
        auc, bound = distinct(joint["auc"], joint["auc_bound"], places=2)
        what = f"All fields of {model} taken together have shifted strongly"
        how_bad = f"AUC {auc}; chance alone stays below {bound}. {joint['n_rows']:,} applications."
        found.add("together", "FieldsDriftedTogether", what, how_bad)
    if importance is not None and importance["level"] == ACT:
        gain, bound, _ = distinct(importance["gain"], importance["gain_bound"], 1.0, places=2)
        what = f"Other fields than before decide the risk of {model}"
        how_bad = f"Gain {gain}, 1 where nothing changed; chance alone stays above {bound}."
        found.add("importance", "ImportanceDrifted", what, how_bad)


def unjudged(result: Result) -> frozenset[str]:
    """The keys of what a report could not judge: an alarm about it goes on, as nobody knows that it has ended.

    At night hardly anybody applies; what was wrong in the evening is not right for that.
    """
    measured = result.get("performance")
    triggers = result.get("triggers", [])
    keys = [
        *(["performance"] if measured is None or measured["level"] < 0 else []),
        *(["risk"] if result["score"]["level"] < 0 else []),
        *(f"field/{name}" for name, figures in result["fields"].items() if figures["level"] < 0),
        *(["together"] if "multivariate" not in result else []),
        *(["importance"] if "importance" not in result else []),
        *(f"trigger/{trigger['name']}" for trigger in triggers if trigger["value"] is None),
    ]
    return frozenset(scope_of_report(result["model"]) + key for key in keys)


@dataclass(frozen=True, slots=True)
class _Found:
    """The alarms of one report, and what all of them say alike."""

    result: Result
    link: str
    alarms: list[Alarm] = field(default_factory=list)

    def add(
        self,
        key: str,
        entry: str,
        what: str,
        how_bad: str,
        *,
        severity: Severity = "ticket",
        since: datetime | None = None,
        degree: int = 0,
    ) -> None:
        self.alarms.append(
            Alarm(
                key=scope_of_report(self.result["model"]) + key,
                severity=severity,
                what=what,
                since=since or _time(self.result["created_at"]),
                how_bad=how_bad,
                action=ACTIONS[entry],
                runbook=f"docs/runbook.md#{entry.lower()}",
                link=self.link,
                degree=degree,
            )
        )


def how_far(figures: FieldFigures) -> str:
    """The figures that speak for a shift, in a sentence."""
    psi, bound = distinct(figures["psi"] or 0.0, figures["psi_bound"] or 0.0, places=2)
    impact, distance = figures.get("impact"), figures.get("distance")
    moved = "" if impact is None else f"; it moves the average risk by about {impact:+.1f} of 100"
    by_distance = ""
    if distance is not None and (figures["psi"] or 0.0) <= WATCH_PSI:
        # It is the distance that turns the key.
        unit = "standard deviations" if figures.get("mean_reference") is not None else "in Jensen-Shannon distance"
        by_distance = f"By {distance:.2f} {unit}, where {WATCH_DISTANCE:.2f} matters. "
    return f"{by_distance}PSI {psi}; chance alone stays below {bound}{moved}. {figures['n_rows']:,} applications."


def quiet_since(result: Result, earlier: Sequence[Result]) -> datetime | None:
    """Since when no application was scored, if that is a day or longer and there ever was one; else None.

    Where the reports at hand saw none either, it is the first of these.
    """
    others = [other for other in earlier if other.get("id") != result.get("id")]
    if result["n_rows"] or not result["last_seq"] or not others:
        return None
    seen = [_time(other["last_decided_at"]) for other in others if other["last_decided_at"] is not None]
    since = max(seen) if seen else min(_time(other["created_at"]) for other in others)
    return since if _time(result["created_at"]) - since >= QUIET_AFTER else None


def _triggers_met(result: Result) -> list[tuple[str, str]]:
    """Name and sentence of each trigger that a person wrote and that is met."""
    triggers = result.get("triggers", [])
    return [(trigger["name"], trigger["sentence"]) for trigger in triggers if trigger["is_met"]]


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)
