"""Two years of LendingClub as if they were today: docs/replay.md is written from what this prints and draws.

    python -m tests.bench.lending_club_replay path/to/lending_club_2007_2011.csv.gz path/to/folder

A champion is trained on the loans issued to 2009. Then the clock is set to each month of 2010 and 2011 in turn: the
month's applications are scored into a decision log, the outcomes that had become known by then are reported, and a
report is made and archived by the functions that the flows call. From 2012 on nobody applies, and outcomes go on
maturing. What is in the folder already is not done again.

The file is not ours to ship: no row of it is printed, drawn or kept outside the folder.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from datetime import time as clock_time
from pathlib import Path

import polars as pl

from creditrisk import datasets
from creditrisk.decision_log import DecisionLog, Outcome
from creditrisk.quality import check
from creditrisk.registry import Champion, Version
from creditrisk.scoring import Scorer, ScoreScale, load
from creditrisk.settings import Settings
from creditrisk.training import Budget, train
from monitoring.archive import EVERY, open_archives
from tests.bench import lending_club_story
from tests.bench.prometheus_past import prometheus_with

DATASET = "lending_club_without_pricing"
GO_LIVE, RETRAINED, LAST_APPLICATION, END = date(2010, 1, 1), date(2011, 1, 1), date(2011, 12, 31), date(2015, 12, 31)
# LendingClub charges a loan off when a payment is 150 days late; the first payment is due a month after issue.
CHARGED_OFF_AFTER, FIRST_DUE_AFTER = "5mo", "1mo"
# Only months are published: whatever happens in one, happens on its fifteenth.
MIDDLE = timedelta(days=14)
FAKETIME = "*/faketime/libfaketimeMT.so.1"
TRIALS = 2
NOON, EVENING = clock_time(12), clock_time(21)


def main(source: str, folder: Path) -> None:
    """Train, replay, and tell what came of it."""
    folder.mkdir(parents=True, exist_ok=True)
    loans = read_loans(source)
    scorers = {name: trained(name, loans, folder) for name in TEACHERS}
    settings, clock = Settings(home=folder / "home", dataset=DATASET), folder / "clock"
    if "FAKETIME_TIMESTAMP_FILE" in os.environ:
        replay(loans, scorers["champion"], settings, clock)
        return
    if not (folder / "replayed").exists():
        shutil.rmtree(settings.home, ignore_errors=True)
        settings.home.mkdir()
        again_under(clock)
        (folder / "replayed").touch()
    tell(loans, scorers, settings, folder)


def again_under(clock: Path) -> None:
    """Run this program again under Debian's libfaketime: whoever writes a time to `clock` sets what it goes by.

    The decision log stamps its entries itself, and takes no time from anybody.
    """
    library = next(Path("/usr/lib").glob(FAKETIME), None)
    if library is None:
        raise SystemExit(f"there is no /usr/lib/{FAKETIME}: install Debian's faketime.")
    clock.write_text("+0\n")
    environment = {
        "LD_PRELOAD": str(library),
        "FAKETIME_TIMESTAMP_FILE": str(clock),
        "FAKETIME_CACHE_DURATION": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "TZ": "UTC",
    }
    command = [sys.executable, "-m", "tests.bench.lending_club_replay", *sys.argv[1:]]
    subprocess.run(command, env=os.environ | environment, check=True)


def set_clock(clock: Path, moment: datetime) -> None:
    """From now on it is `moment` (UTC), and time goes on from there."""
    seconds_off = float(clock.read_text()) + (moment - datetime.now(UTC)).total_seconds()
    clock.write_text(f"{seconds_off:+.0f}\n")
    while abs(datetime.now(UTC) - moment) > timedelta(minutes=5):
        pass  # the library looks at the file once a second, and does not let anybody sleep


def read_loans(source: str) -> pl.DataFrame:
    """Every loan as it was asked for, with `default`, and the days it was `issued` and its outcome `known_on`."""
    raw = datasets.read(DATASET, source)
    accepted = check(raw, datasets.load_schema(DATASET), with_target=True).accepted
    return accepted.join(days_of(raw.texts), on="id", how="left", maintain_order="left").sort("issued", "row_number")


def days_of(texts: pl.DataFrame) -> pl.DataFrame:
    """`id`, the day a loan was `issued`, and the day its outcome was `known_on`, which the file does not have.

    A loan that was paid back ended with its last payment. One that was charged off had been overdue for 150 days: since
    its last payment or, if there was none, since the first was due.
    """
    issued, last_paid = (pl.col(name).str.to_date(strict=False) for name in ("issue_d", "last_pymnt_d"))
    charged_off = pl.coalesce(last_paid, issued.dt.offset_by(FIRST_DUE_AFTER)).dt.offset_by(CHARGED_OFF_AFTER)
    is_bad = pl.col("loan_status").str.contains("Charged Off")
    known = pl.when(is_bad).then(charged_off).otherwise(last_paid)
    return texts.select("id", (issued + MIDDLE).alias("issued"), (known + MIDDLE).alias("known_on"))


def to_2009(loans: pl.DataFrame) -> pl.DataFrame:
    """Loans issued to 2009 with their final outcomes, which nobody knew before 2013."""
    return loans.filter(pl.col("issued") < GO_LIVE)


def resolved(loans: pl.DataFrame) -> pl.DataFrame:
    """Loans issued to 2010 that had ended by its end, well or badly: a naive reading of what was known."""
    return loans.filter(pl.col("issued") < RETRAINED, pl.col("known_on") < RETRAINED)


def first_year(loans: pl.DataFrame) -> pl.DataFrame:
    """Loans issued to 2009, bad if that was known within 12 months: all of it was known at the end of 2010."""
    is_bad = (pl.col("default") == 1) & (pl.col("known_on") <= pl.col("issued").dt.offset_by("12mo"))
    return to_2009(loans).with_columns(default=is_bad.cast(pl.Int8))


def to_2010(loans: pl.DataFrame) -> pl.DataFrame:
    """Loans issued to 2010 with their final outcomes: hindsight, the best that any retraining could have had."""
    return loans.filter(pl.col("issued") < RETRAINED)


TEACHERS = {"champion": to_2009, "resolved": resolved, "first year": first_year, "hindsight": to_2010}


def trained(name: str, loans: pl.DataFrame, folder: Path) -> Scorer:
    """The scorer of a training, made once and kept in the folder, with a few figures beside it."""
    kept = folder / "scorers" / name.replace(" ", "_")
    said = kept.with_suffix(".json")
    if not said.exists():
        shutil.rmtree(kept, ignore_errors=True)
        rows = TEACHERS[name](loans).drop("issued", "known_on")
        began = time.process_time()
        training = train(rows, datasets.load_schema(DATASET), scale=ScoreScale(), budget=Budget(TRIALS))
        training.scorer.save(kept)
        facts = {
            "n_rows": rows.height,
            "bad_rate": rows["default"].mean(),
            "family": training.scorer.model.family,
            "auc": training.performance.auc,
            "protocol": training.protocol,
            "processor_seconds": round(time.process_time() - began),
        }
        said.write_text(json.dumps(facts, indent=1), encoding="utf-8")
        print(name, facts, flush=True)
    return load(kept, name=DATASET, version=str(1 + list(TEACHERS).index(name)))


def replay(loans: pl.DataFrame, scorer: Scorer, settings: Settings, clock: Path) -> None:
    """Month after month: applications on the fifteenth, then what became known, and a report on the last evening.

    After the last application there is a report at the end of each quarter.
    """
    champion = Champion(
        Version(DATASET, scorer.version, "", scorer.sha256, datetime.combine(GO_LIVE, NOON, UTC), {}), scorer
    )
    live = loans.filter(pl.col("issued") >= GO_LIVE)
    log = DecisionLog(settings.decision_log)
    for first in pl.date_range(GO_LIVE, END, "1mo", eager=True):
        next_month = (first + timedelta(days=31)).replace(day=1)
        in_month = pl.lit(first), pl.lit(next_month), "left"
        applied = live.filter(pl.col("issued").is_between(*in_month)).drop("default", "issued", "known_on")
        known = live.filter(pl.col("known_on").is_between(*in_month))
        if applied.height:
            set_clock(clock, datetime.combine(first + MIDDLE, NOON, UTC))
            log.append_scored(scorer.score(applied), applied, scorer, "batch")
        evening = datetime.combine(next_month - timedelta(days=1), EVENING, UTC)
        set_clock(clock, evening)
        log.record_outcomes(
            [
                Outcome(application_id, bool(is_default), day)
                for application_id, is_default, day in known.select("id", "default", "known_on").iter_rows()
            ]
        )
        if applied.height or first.month % 3 == 0:
            report(champion, settings, evening)
            print(f"{first:%Y-%m}: {applied.height:,} applications, {known.height:,} outcomes", flush=True)
    log.close()


def report(champion: Champion, settings: Settings, moment: datetime) -> None:
    """What the flow does, task by task, without Prefect around it."""
    from flows import evidently_report as flow

    window, earlier = flow.read_window.fn(flow.reference_of(champion), settings)
    measured = flow.measure.fn(champion, window, settings, moment)
    found, result = flow.compare.fn(champion, window, measured, moment, earlier.problems)
    flow.keep.fn(flow.draw.fn(result, found, window, champion), result, settings)


def tell(loans: pl.DataFrame, scorers: Mapping[str, Scorer], settings: Settings, folder: Path) -> None:
    """Print the tables of the story, and draw its pictures into `folder/images`."""
    [kept] = open_archives(settings.archive_uris)
    results = kept.results(DATASET, EVERY)
    champion = scorers["champion"]
    live = loans.filter(pl.col("issued") >= GO_LIVE)
    live = live.hstack(champion.score(live).select("prob_default", "verdict"))
    months = lending_club_story.months_of(results, live)
    found = lending_club_story.retrainings(loans.filter(pl.col("issued") >= RETRAINED), scorers, champion.schema.costs)
    for table in (
        lending_club_story.table_of_halves(months),
        lending_club_story.within_band(months),
        lending_club_story.table_of_fields(months),
        lending_club_story.table_of_alarms(results, live),
        lending_club_story.table_of_retrainings(found),
        lending_club_story.table_of_verdicts(live),
    ):
        print(table, "\n", flush=True)
    images = folder / "images"
    images.mkdir(exist_ok=True)
    lending_club_story.before_and_after(months, images)
    lending_club_story.bads(months, images)
    lending_club_story.retrained(found, images)
    lending_club_story.drift(asked_of_prometheus(settings, folder), images)


def asked_of_prometheus(settings: Settings, folder: Path) -> dict[str, dict[datetime, float]]:
    """PSI by month of the score and of the fields that moved most, from a Prometheus filled with the archive."""
    text, past = folder / "past.om", folder / "prometheus"
    command = [sys.executable, "-m", "riskometer", "reports", "metrics"]
    with text.open("w", encoding="utf-8") as output:
        subprocess.run(command, env=os.environ | {"CREDITRISK_HOME": str(settings.home)}, stdout=output, check=True)
    shutil.rmtree(past, ignore_errors=True)
    past.mkdir()
    until = datetime.combine(LAST_APPLICATION, EVENING, UTC)
    asked = datetime.combine(GO_LIVE, EVENING, UTC), until, timedelta(days=1)
    with prometheus_with(text, past, lookback="1d") as answers:
        [score] = answers.series("creditrisk_score_psi", *asked).values()
        fields = answers.series("topk(3, max_over_time(creditrisk_drift_psi[800d]))", until, until, asked[2])
        moved = answers.series(f'creditrisk_drift_psi{{field=~"{"|".join(fields)}"}}', *asked)
    labels = {field.name: field.label for field in datasets.load_schema(DATASET).fields}
    return {"Score": score, **{labels[name]: values for name, values in moved.items()}}


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
