"""The applications of a day to a file of predictions: each decided once, however often the run was cut off.

The log itself remembers: ahead of the first decision is noted which file, known by its fingerprint, was begun by which
model version, and the decisions on it carry its name as their role. A run that finds that note scores the same rows
again, to the same figures, and logs only those that the log does not hold yet. Beside the predictions lies a note of
what they are made of, which says that the day is finished; the marker that names the newest file is written last.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, replace
from datetime import date
from functools import partial
from hashlib import sha256
from pathlib import Path

import polars as pl
from pydantic import TypeAdapter, ValidationError

from creditrisk import datasets
from creditrisk.decision_log.blocks import READ_ROWS, ScoredBlock, score_blocks
from creditrisk.decision_log.entries import Actor, this_user
from creditrisk.decision_log.log import DecisionLog
from creditrisk.decision_log.policies import PolicyInForce, policy_named
from creditrisk.errors import CreditRiskError, SourceError, TargetError
from creditrisk.quality import Checked, Rejection
from creditrisk.scoring import RESULT_SUFFIXES, Scorer, result_file, result_table
from creditrisk.sources import Snapshot, check_target, get_note, is_written, put_file, read_blocks

MARKER = "latest_prediction.txt"
# The kind of fact under which the log holds which files were begun.
BATCH_NOTE = "batch"
DAY = "{date}"


@dataclass(frozen=True, slots=True)
class Batch:
    """A finished file of predictions: what it was made of, and what came out; the note beside it, as JSON."""

    source_sha256: str
    day: str
    model: str
    model_version: str
    predictions: str
    n_scored: int
    n_rejected: int
    verdicts: dict[str, int]


_BATCH = TypeAdapter(Batch)


@dataclass(frozen=True, slots=True)
class BatchDone:
    """A finished file, where it is, and how many of its decisions are new in the log."""

    batch: Batch
    uri: str
    n_new: int
    is_new: bool


@dataclass(frozen=True, slots=True)
class Places:
    """Where the files about one day's predictions are."""

    predictions: str
    rejected: str
    note: str


def places_of(target: str, day: date, mark: str = "") -> Places:
    """Where the files of a day go; `mark` tells a second file of that day from the first.

    Parameters
    ----------
    target
        A folder, or a file with `{date}` in its path that ends in .csv or .parquet; on this machine or gs://.

    Raises
    ------
    TargetError
        If it names one file for all days.
    """
    suffix = Path(target).suffix
    if suffix not in RESULT_SUFFIXES:
        target, suffix = f"{target.rstrip('/')}/predictions-{DAY}.csv", ".csv"
    elif DAY not in target:
        raise TargetError(
            f"the target names one file for all days. Put {DAY} into its name, such as predictions-{DAY}{suffix}, or "
            "name a folder."
        )
    predictions = target.replace(DAY, day.isoformat()).removesuffix(suffix) + mark + suffix
    return Places(predictions, rejected_beside(predictions), f"{predictions.removesuffix(suffix)}.json")


def rejected_beside(predictions: str) -> str:
    """Where the rows are listed that could not be scored."""
    return f"{predictions.removesuffix(Path(predictions).suffix)}.rejected.csv"


def finished(places: Places) -> Batch | None:
    """What the note beside predictions says of them; None if there is none, or they are gone: not finished."""
    note = get_note(places.note)
    try:
        batch = None if note is None else _BATCH.validate_json(note)
    except ValidationError:
        return None
    if batch is None or not is_written(places.predictions) or (batch.n_rejected and not is_written(places.rejected)):
        return None
    return batch


def check_source(source: str) -> None:
    """See that the folder is there in which the files of days are to be; a bucket is not asked.

    Raises
    ------
    SourceError
        If it is not: no file will ever come.
    """
    folder = Path(source.removeprefix("file://").partition(DAY)[0].rpartition("/")[0] or ".")
    if DAY in source and ("://" not in source or source.startswith("file://")) and not folder.is_dir():
        raise SourceError(f"there is no folder '{folder}', in which files of days were expected. Check the path.")


def score_day(
    snapshot: Snapshot,
    day: date,
    champion: Scorer,
    *,
    load: Callable[[str, str], Scorer],
    log: DecisionLog,
    target: str,
    in_force: PolicyInForce | None = None,
) -> BatchDone:
    """Score the applications of a day and write the predictions; the same applications again change nothing.

    Parameters
    ----------
    snapshot
        The applications; files are made in a folder beside it before they go to the target.
    champion
        Who decides, unless a run that was cut off began with another version.
    load
        That version, by its model and its number.
    target
        See `places_of`.
    in_force
        Gives the policy that a day is begun under, and ended; none, if not given.

    Raises
    ------
    CreditRiskError
        If the table cannot be used, the log takes no more, the result cannot be written, or scoring was stopped
        meanwhile. Doing it again goes on.
    """
    key = f"{champion.name}/{snapshot.sha256}"
    work = snapshot.path.parent / "results"
    work.mkdir(exist_ok=True)
    begun = log.noted(BATCH_NOTE, key)
    if begun is not None:
        first_day, version, policy = f"{begun}  ".split(" ")[:3]
        day = date.fromisoformat(first_day)
    name = sha256(key.encode()).hexdigest()[:16]
    places, there = _places_for(snapshot, champion.name, target, day, name)
    if begun is not None and there is not None:
        _mark(target, day, places, work)
        return BatchDone(there, places.predictions, n_new=0, is_new=False)
    check_target(places.predictions)
    _check_whole(snapshot, champion)
    if begun is None:
        scorer = champion if in_force is None else in_force.apply(champion)
    else:
        scorer = champion if version == champion.version else load(champion.name, version)
        scorer = scorer.under(policy_named(log, policy))
    # By the role the log can say how many of these applications it holds.
    by = Actor(this_user(), f"{BATCH_NOTE} {name}")
    n_logged = log.n_entries_by(by.role, BATCH_NOTE, key)
    begin = partial(log.note, BATCH_NOTE, key, f"{day.isoformat()} {scorer.version} {scorer.policy.name}".rstrip())
    blocks = _until_stopped(_begun(snapshot, scorer, begin), scorer, in_force)
    scored = score_blocks(blocks, scorer, log, "batch", by=by, n_logged=n_logged)
    made_of = snapshot.sha256, day.isoformat(), scorer.name, scorer.version
    batch = _written(scored, places, Batch(*made_of, _relative(target, places.predictions), 0, 0, {}), work)
    _mark(target, day, places, work)
    return BatchDone(batch, places.predictions, n_new=batch.n_scored - n_logged, is_new=True)


def _written(scored: Iterable[ScoredBlock], places: Places, batch: Batch, work: Path) -> Batch:
    """Write predictions, rejected rows and the note of a day, in this order; the note, with its counts."""
    result, rejected = work / f"result{Path(places.predictions).suffix}", work / "rejected.csv"
    verdicts, n_rejected = _write_results(scored, result, rejected)
    batch = replace(batch, n_scored=verdicts.total(), n_rejected=n_rejected, verdicts=dict(verdicts))
    put_file(places.predictions, result)
    if n_rejected:
        put_file(places.rejected, rejected)
    _put_text(places.note, json.dumps(asdict(batch), indent=2) + "\n", work)
    return batch


def _check_whole(snapshot: Snapshot, scorer: Scorer) -> None:
    """See that all of a copy can be read and logged before anything of it is: a corrected file is another one."""
    id_field = scorer.schema.id_field
    for block in datasets.check_blocks(read_blocks(str(snapshot.path), READ_ROWS), scorer.schema):
        if id_field is None:
            continue
        is_unfit = block.accepted[id_field.name].str.contains("\0", literal=True).fill_null(value=False)
        if is_unfit.any():
            row = block.accepted["row_number"].filter(is_unfit)[0]
            raise SourceError(
                f"row {row:,}, {id_field.label}: it holds a NUL character, which no database can keep. Correct it; "
                "nothing was decided yet."
            )


def _begun(snapshot: Snapshot, scorer: Scorer, begin: Callable[[], None]) -> Iterator[Checked]:
    """The rows of a copy in blocks; it is begun with the first, so that a table that cannot be used is not."""
    for number, block in enumerate(datasets.check_blocks(read_blocks(str(snapshot.path), READ_ROWS), scorer.schema)):
        if not number:
            begin()
        yield block


def _until_stopped(blocks: Iterable[Checked], scorer: Scorer, in_force: PolicyInForce | None) -> Iterator[Checked]:
    """The blocks, as long as nobody stops scoring; a day that is begun while it is stopped refers everybody."""
    for block in blocks:
        stop = None if in_force is None or scorer.policy.stop is not None else in_force.now().stop
        if stop is not None:
            raise CreditRiskError(f"{stop.sentence.rstrip('.')}. This goes on where it ended once that is taken back.")
        yield block


def _places_for(snapshot: Snapshot, model: str, target: str, day: date, name: str) -> tuple[Places, Batch | None]:
    """Where the predictions of a model on a copy go, and what is said of them if they are there."""
    places = places_of(target, day)
    there = finished(places)
    if there is not None and (there.source_sha256, there.model) != (snapshot.sha256, model):
        # What was made of another file of that day, or by another model, stays.
        places = places_of(target, day, f"-{name[:8]}")
        there = finished(places)
    return places, there


def _write_results(scored: Iterable[ScoredBlock], result: Path, rejected: Path) -> tuple[Counter[str], int]:
    """Write the rows that were scored and those that could not be: how many of each verdict, and of the others."""
    verdicts: Counter[str] = Counter()
    n_rejected = 0
    with (
        result_file(result, as_parquet=result.suffix == ".parquet") as write,
        result_file(rejected, as_parquet=False) as write_rejected,
    ):
        for block in scored:
            table = result_table(block.raw, block.scored, block.rejected, first_row=block.first_row)
            write(table.filter(pl.col("verdict").is_not_null()).drop("error"))
            write_rejected(rejected_table(block.rejected))
            verdicts.update(block.scored["verdict"].to_list())
            n_rejected += block.raw.height - block.scored.height
    return verdicts, n_rejected


def rejected_table(rejected: Iterable[Rejection]) -> pl.DataFrame:
    """Rows that were not taken, for whoever has to correct them: where, what is wrong there, what belongs there."""
    columns = ("row", "line", "column", "what", "expected", "more")
    rows = [(item.row, item.line, item.column, item.fault, item.expected, " ".join(item.more)) for item in rejected]
    types = dict.fromkeys(columns, pl.String) | {"row": pl.Int64, "line": pl.Int64}
    return pl.DataFrame(rows, schema=types, orient="row")


def latest_predictions(target: str) -> str | None:
    """What the marker says: the newest predictions, seen from the folder it is in; None if there is none."""
    marked = get_note(f"{_root(target)}/{MARKER}")
    return None if marked is None else marked.strip()


def _root(target: str) -> str:
    """The folder that the marker is in: the target's own, or the one above all days."""
    if Path(target).suffix not in RESULT_SUFFIXES and DAY not in target:
        return target.rstrip("/")
    above, slash, _ = target.partition(DAY)[0].rpartition("/")
    return above or slash or "."


def _relative(target: str, uri: str) -> str:
    return uri.removeprefix(f"{_root(target)}/")


def _mark(target: str, day: date, places: Places, work: Path) -> None:
    """Name the newest predictions; those of an earlier day, scored later, are not the newest."""
    name, marked = _relative(target, places.predictions), latest_predictions(target) or ""
    if marked != name and max(re.findall(r"\d{4}-\d{2}-\d{2}", marked), default="") <= day.isoformat():
        _put_text(f"{_root(target)}/{MARKER}", name + "\n", work)


def _put_text(uri: str, text: str, work: Path) -> None:
    path = work / "note"
    path.write_text(text, encoding="utf-8")
    put_file(uri, path)
