"""Triggers: limits that a person writes in a small TOML file, held against the decisions of a report or of a last day.

The file is read at each report. What is wrong in it is a sentence and costs that trigger, never the report.
"""

from __future__ import annotations

import difflib
import sys
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from creditrisk.decision_log import DecisionLog, UnreadableEntryError, WindowBlock
from creditrisk.metrics import Profile
from creditrisk.schema import Field, Schema
from creditrisk.text import counted, distinct, shares_in_per_cent, shorten
from monitoring import windows
from monitoring.results import Result, TriggerFigures, with_findings
from monitoring.windows import Reference, Window

# Of fewer nothing is judged but their number.
LEAST_ROWS = 30
MOST_TRIGGERS = 50
MOST_FILE_BYTES = 100_000
MOST_NAME, MOST_ACTION = 80, 300
# Names in a sentence about a wrong one.
MOST_SHOWN = 8

# What can be held against a limit, and the keys that say of what.
STATISTICS: dict[str, tuple[str, ...]] = {
    "mean": ("field",),
    "missing_share": ("field",),
    "unseen_share": ("field",),
    "category_share": ("field", "category"),
    "applications": (),
    "mean_risk": (),
    "approval_rate": (),
}
BETWEEN_0_AND_1 = ("missing_share", "unseen_share", "category_share", "mean_risk", "approval_rate")
# The decisions that are looked at, up to the moment of the report, and how they are called.
OVER = {
    "report": ("since the last report", None),
    "day": ("of the last day", timedelta(days=1)),
    "week": ("of the last week", timedelta(days=7)),
    "month": ("of the last month", timedelta(days=30)),
}
KEYS = ("name", "statistic", "field", "category", "below", "above", "over", "action", "retrain")


class _WrongFileError(ValueError):
    """What is wrong with the whole file, as a sentence."""


class _WrongTriggerError(ValueError):
    """What is wrong with one trigger, to follow its name."""


@dataclass(frozen=True, slots=True)
class Trigger:
    """One limit; `statistic`, `over` as in `STATISTICS` and `OVER`, `limit` in the field's unit or as a share.

    `action` is what its author wants to be done, and `is_to_retrain` whether it calls for a training.
    """

    name: str
    statistic: str
    limit: float
    is_above: bool
    over: str = "report"
    field: str = ""
    category: str = ""
    action: str = ""
    is_to_retrain: bool = False


@dataclass(frozen=True, slots=True)
class TriggerFile:
    """The triggers of a file, and a sentence for everything that is wrong in it."""

    triggers: tuple[Trigger, ...] = ()
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class JudgedTriggers:
    """Every trigger with its figure; sentences about the file; and what those say that call for a training."""

    figures: tuple[TriggerFigures, ...] = ()
    problems: tuple[str, ...] = ()
    calls: tuple[str, ...] = ()


# --- the file ---------------------------------------------------------------------------------------------------------


def read_triggers(path: Path, schema: Schema, reference: Profile, *, must_exist: bool) -> TriggerFile:
    """Read and check the file of triggers, for the model that a schema and a reference profile are of.

    Parameters
    ----------
    must_exist
        Whether a file that is not there is a problem: it is where a setting names it.
    """
    try:
        written = _tables(path, must_exist=must_exist)
    except _WrongFileError as exc:
        return TriggerFile(problems=(f"{exc} No trigger was judged.",))
    triggers: dict[str, Trigger] = {}
    problems = []
    for number, item in enumerate(written, start=1):
        called = f"'{shorten(item['name'])}'" if isinstance(item.get("name"), str) else f"number {number}"
        try:
            trigger = _checked(item, schema, reference)
            if trigger.name in triggers:
                raise _WrongTriggerError("two have that name; each needs one of its own")
        except _WrongTriggerError as exc:
            stop = "" if str(exc).endswith("?") else "."
            problems.append(f"{path}, trigger {called}: {exc}{stop} It was not judged.")
        else:
            triggers[trigger.name] = trigger
    return TriggerFile(tuple(triggers.values()), tuple(problems))


def _tables(path: Path, *, must_exist: bool) -> list[dict[str, Any]]:
    """The tables of a file, unchecked; none if it need not exist and does not."""
    try:
        # A pipe would keep the report waiting for ever.
        if path.exists() and not (path.is_file() or path.is_dir()):
            raise _WrongFileError(f"{path} is no file.")
        with path.open("rb") as file:
            content = file.read(MOST_FILE_BYTES + 1)
    except FileNotFoundError:
        if must_exist:
            raise _WrongFileError(
                f"There is no file {path}, which CREDITRISK_TRIGGERS names. Write it, or empty the setting."
            ) from None
        return []
    except OSError as exc:
        raise _WrongFileError(f"{path} cannot be read: {exc.strerror}.") from exc
    if len(content) > MOST_FILE_BYTES:
        raise _WrongFileError(f"{path} is longer than {MOST_FILE_BYTES:,} bytes, which no file of triggers is.")
    try:
        table = tomllib.loads(content.decode())
    except tomllib.TOMLDecodeError as exc:
        raise _WrongFileError(f"{path} is no TOML: {shorten(str(exc), 80)}. Mend it there.") from exc
    except (ValueError, RecursionError) as exc:
        raise _WrongFileError(f"{path} is no TOML: its text cannot be read. Save it as UTF-8.") from exc
    written = table.pop("trigger", [])
    if table or not isinstance(written, list) or not all(isinstance(one, dict) for one in written):
        raise _WrongFileError(
            f"{path}: every trigger begins with a line [[trigger]], and nothing else stands beside them."
        )
    if len(written) > MOST_TRIGGERS:
        raise _WrongFileError(f"{path} holds {len(written)} triggers; {MOST_TRIGGERS} are the most.")
    return written


def _checked(item: Mapping[str, Any], schema: Schema, reference: Profile) -> Trigger:
    for key in item:
        if key not in KEYS:
            raise _WrongTriggerError(f"there is no key '{shorten(key)}'{_nearest(key, KEYS)}")
    name, statistic = _text(item, "name", MOST_NAME), _one_of(item, "statistic", tuple(STATISTICS))
    needed = STATISTICS[statistic]
    for key in ("field", "category"):
        if key in item and key not in needed:
            raise _WrongTriggerError(f"'{key}' does not belong to the statistic '{statistic}'")
    limits = [key for key in ("below", "above") if key in item]
    if len(limits) != 1:
        raise _WrongTriggerError("it needs either 'below' or 'above', with a number")
    if not isinstance(item.get("retrain", False), bool):
        raise _WrongTriggerError("'retrain' is true or false")
    field = _field(item, statistic, schema, reference) if "field" in needed else None
    return Trigger(
        name=name,
        statistic=statistic,
        limit=_limit(item[limits[0]], limits[0], statistic),
        is_above=limits[0] == "above",
        over=_one_of(item, "over", tuple(OVER)) if "over" in item else "report",
        field=field.name if field else "",
        category=_category(item, field, reference) if field and "category" in needed else "",
        action=_text(item, "action", MOST_ACTION) if "action" in item else "",
        is_to_retrain=item.get("retrain", False),
    )


def _text(item: Mapping[str, Any], key: str, longest: int) -> str:
    value = item.get(key)
    if not isinstance(value, str) or not value.strip() or len(value) > longest or not value.isprintable():
        raise _WrongTriggerError(f"'{key}' is a text of one line, of at most {longest} characters")
    return value.strip()


def _one_of(item: Mapping[str, Any], key: str, allowed: Sequence[str]) -> str:
    value = item.get(key)
    if value not in allowed:
        more = f" and {len(allowed) - MOST_SHOWN} more" if len(allowed) > MOST_SHOWN else ""
        raise _WrongTriggerError(f"'{key}' is one of {', '.join(allowed[:MOST_SHOWN])}{more}{_nearest(value, allowed)}")
    return str(value)


def _nearest(value: object, allowed: Sequence[str]) -> str:
    close = difflib.get_close_matches(str(value), allowed, n=1)
    return f"; did you mean '{close[0]}'?" if close else ""


def _limit(value: object, key: str, statistic: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= sys.float_info.max:
        raise _WrongTriggerError(f"'{key}' is a number, such as 1500 or 0.05, without quotation marks")
    if statistic in BETWEEN_0_AND_1 and not 0 <= value <= 1:
        raise _WrongTriggerError(f"'{key}' is between 0 and 1 for '{statistic}': 0.05 is 5 of 100")
    return float(value)


def _field(item: Mapping[str, Any], statistic: str, schema: Schema, reference: Profile) -> Field:
    names = tuple(reference["fields"])
    labelled = {schema.field(name).label: name for name in names}
    if (label := item.get("field")) not in names and isinstance(label, str) and label in labelled:
        raise _WrongTriggerError(f"'field' is the name of a column: '{labelled[label]}' for '{label}'")
    field = schema.field(_one_of(item, "field", names))
    if statistic == "mean" and not field.is_numeric:
        raise _WrongTriggerError(f"'{field.name}' is a category and has no mean; use category_share")
    if statistic in ("category_share", "unseen_share") and field.is_numeric:
        raise _WrongTriggerError(f"'{field.name}' is a number and has no categories; use mean or missing_share")
    return field


def _category(item: Mapping[str, Any], field: Field, reference: Profile) -> str:
    # One that the reference never held counts as unseen, together with all others.
    entry = reference["fields"][field.name]
    return _one_of(item, "category", entry["categories"] if entry["type"] == "category" else ())


# --- the figures ------------------------------------------------------------------------------------------------------


def judge_triggers(
    file: TriggerFile, log: DecisionLog, reference: Reference, schema: Schema, window: Window, *, as_of: datetime
) -> JudgedTriggers:
    """Hold the decisions of the log against every trigger of a file.

    Parameters
    ----------
    window
        What "since the last report" is; nothing after the end of the log as it was then is read.
    as_of
        Where a day, a week and a month end.
    """
    figures, problems, calls = [], list(file.problems), []
    for over in OVER:
        triggers = [trigger for trigger in file.triggers if trigger.over == over]
        if not triggers:
            continue
        try:
            profile, verdicts = _count(log, reference, window, over, as_of)
        except UnreadableEntryError as exc:
            problems.append(f"Triggers over the {over} were not judged: {exc}")
            continue
        for trigger in triggers:
            found = _figures(trigger, profile, verdicts, schema)
            figures.append(found)
            if found["is_met"] and trigger.is_to_retrain:
                calls.append(found["sentence"])
    order = {trigger.name: place for place, trigger in enumerate(file.triggers)}
    figures.sort(key=lambda found: order[found["name"]])
    return JudgedTriggers(tuple(figures), tuple(problems), tuple(calls))


def with_triggers(result: Result, judged: JudgedTriggers) -> Result:
    """The result with every trigger's figure; those that are met, and what is wrong with the file, are findings."""
    met = [found["sentence"] for found in judged.figures if found["is_met"]]
    result = with_findings(result, [*met, *judged.problems])
    if judged.figures:
        result["triggers"] = list(judged.figures)
    return result


def _count(
    log: DecisionLog, reference: Reference, window: Window, over: str, as_of: datetime
) -> tuple[Profile, Counter[str]]:
    """The decisions of a stretch, counted in the bins of the reference, and their verdicts."""
    _, length = OVER[over]
    verdicts: Counter[str] = Counter()
    blocks: Iterable[WindowBlock] = ()
    if log.is_begun():
        blocks = log.window(
            reference.model,
            after_seq=window.after_seq if length is None else 0,
            until_seq=window.head_seq,
            since=None if length is None else as_of - length,
            once=reference.has_ids,
        )
    return windows.count(_tallied(blocks, verdicts), reference).profile, verdicts


def _tallied(blocks: Iterable[WindowBlock], verdicts: Counter[str]) -> Iterator[WindowBlock]:
    """The same blocks; their verdicts are counted as they pass."""
    for block in blocks:
        if not block.frame.is_empty():
            verdicts.update(block.frame["verdict"].drop_nulls().to_list())
        yield block


def _figures(trigger: Trigger, profile: Profile, verdicts: Counter[str], schema: Schema) -> TriggerFigures:
    value, n_rows = _value(trigger, profile, verdicts)
    stretch, _ = OVER[trigger.over]
    if value is None:
        have = "with a value " if trigger.statistic == "mean" else ""
        some = f"{counted(n_rows, 'application')} {have}{stretch}"
        sentence = f"{trigger.name}: not judged on {some}; it takes {LEAST_ROWS}."
        return {"name": trigger.name, "sentence": sentence, "value": None, "is_met": False}
    is_met = value > trigger.limit if trigger.is_above else value < trigger.limit
    side = f"{'' if is_met else 'not '}{'above' if trigger.is_above else 'below'}"
    what, now, limit = _in_words(trigger, value, schema)
    of = stretch if trigger.statistic == "applications" else f"{counted(n_rows, 'application')} {stretch}"
    sentence = f"{trigger.name}: {what} {now}, {side} {limit} ({of})."
    if is_met and trigger.action:
        sentence += f" {trigger.action.rstrip('.')}."
    return {"name": trigger.name, "sentence": sentence, "value": round(value, 6), "is_met": is_met}


def _value(trigger: Trigger, profile: Profile, verdicts: Counter[str]) -> tuple[float | None, int]:
    """The figure, None of too few, and of how many applications it is."""
    n_rows = profile["n_rows"]
    if trigger.statistic == "applications":
        return float(n_rows), n_rows
    if trigger.statistic == "mean_risk":
        risk = profile["prob_default"]
        n_rows = sum(risk["counts"])
        return risk["mean"] if n_rows >= LEAST_ROWS else None, n_rows
    if trigger.statistic == "approval_rate":
        n_rows = verdicts.total()
        return verdicts["approve"] / n_rows if n_rows >= LEAST_ROWS else None, n_rows
    entry = profile["fields"][trigger.field]
    if trigger.statistic == "mean" and entry["type"] == "numeric":
        n_rows = sum(entry["counts"])
        return entry["mean"] if n_rows >= LEAST_ROWS else None, n_rows
    if n_rows < LEAST_ROWS:
        return None, n_rows
    n_such = entry["n_missing"]
    if trigger.statistic != "missing_share" and entry["type"] == "category":
        of = dict(zip(entry["categories"], entry["counts"], strict=True))
        n_such = of[trigger.category] if trigger.category else entry["n_unseen"]
    return n_such / n_rows, n_rows


def _in_words(trigger: Trigger, value: float, schema: Schema) -> tuple[str, str, str]:
    """What is held against the limit, its value and the limit, in the units of people."""
    field = schema.field(trigger.field) if trigger.field else None
    if field is not None and trigger.statistic == "mean":
        unit = f" {field.unit}" if field.unit else ""
        now, limit = distinct(value, trigger.limit, places=0 if abs(trigger.limit) >= 100 else 2)
        return f"average {field.label}", f"{now}{unit}", f"{limit}{unit}"
    if field is not None:
        now, limit = shares_in_per_cent(value, trigger.limit, places=1)
        such = {
            "missing_share": f"without {field.label}",
            "unseen_share": f"with a {field.label} that the model has never seen",
            "category_share": f"with {field.label} {field.category_label(trigger.category)}",
        }
        return f"share {such[trigger.statistic]}", now, limit
    if trigger.statistic == "applications":
        now, limit = distinct(value, trigger.limit, places=0)
        return "applications", now, limit
    if trigger.statistic == "mean_risk":
        now, limit = distinct(100 * value, 100 * trigger.limit, places=1)
        return "average predicted risk", f"{now} of 100", f"{limit} of 100"
    now, limit = shares_in_per_cent(value, trigger.limit, places=1)
    return "approval rate", now, limit
