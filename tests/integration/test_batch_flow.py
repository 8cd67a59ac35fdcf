"""The daily flows from end to end: Prefect, registry, decision log, Google's client against the emulator."""

from __future__ import annotations

import io
import socket
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import polars as pl
import psycopg
import pytest

from creditrisk.decision_log import DecisionLog, Lists, OutcomesDone, record_file, score_day
from creditrisk.errors import CreditRiskError, RegistryError, ReportError, TargetError
from creditrisk.registry import Registry
from creditrisk.scoring import Scorer
from creditrisk.settings import Settings, read_settings
from creditrisk.sources import buckets, snapshots

CLIENTS = "client,age_years,amount_eur,income_eur,housing\nA7,61,2000,52000,own\nA8,old,2000,52000,own\n"
MORE_CLIENTS = CLIENTS.replace("A7", "B7").replace("A8,old", "B8,33")


@pytest.fixture
def settings(
    prefect: None,
    corner_scorer: Scorer,
    corner_reference: pl.DataFrame,
    lay_registry: Callable[[Path], None],
    prove_corner: Callable[[Path], None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Settings:
    """A home whose champion is the corner lender's, with the applications of today in its own folder."""
    monkeypatch.setenv("CREDITRISK_HOME", str(tmp_path))
    monkeypatch.setattr(snapshots, "LOOK_SECONDS", 0.0)
    lay_registry(tmp_path)
    prove_corner(tmp_path)
    here = read_settings()
    registry = Registry(here.stores)
    version = registry.register(corner_scorer, corner_reference, params={}, metrics={})
    registry.promote(version, by="test", why="there was no champion yet", evidence="none")
    return here


@pytest.fixture
def reports(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The models that a report was asked for; each report fails."""
    asked: list[str] = []

    def report(model: str) -> None:
        asked.append(model)
        raise ReportError("another report is being made.")

    monkeypatch.setattr("flows.batch_score.evidently_report", report)
    return asked


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    from gcp_storage_emulator.server import create_server

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = create_server("127.0.0.1", port, in_memory=True, default_bucket="lender")
    server.start()
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", f"http://127.0.0.1:{port}")
    try:
        yield "gs://lender"
    finally:
        server.stop()


def put(uri: str, text: str) -> None:
    buckets.object_at(uri).upload_from_string(text.encode())


def objects() -> dict[str, tuple[bytes, int]]:
    """What the bucket holds: content and generation by name."""
    from google.cloud import storage

    return {blob.name: (blob.download_as_bytes(), blob.generation) for blob in storage.Client().list_blobs("lender")}


def day(n_ago: int = 0) -> str:
    return (datetime.now(UTC).date() - timedelta(days=n_ago)).isoformat()


def n_decisions(settings: Settings) -> int:
    return sum(DecisionLog(settings.decision_log).counts_by_verdict().values())


def test_the_applications_of_a_day_are_scored_once_and_days_left_out_are_made_up(settings, reports, caplog):
    from flows.batch_score import batch_score

    assert batch_score() == {"days": [], "waiting": []}
    assert f"No applications for {day()}: there is no file" in caplog.text
    folder = settings.home / "applications"
    folder.mkdir()
    (folder / f"{day()}.csv").write_text(CLIENTS)

    [done] = batch_score()["days"]

    assert (done["day"], done["n_scored"], done["n_rejected"], done["n_new"]) == (day(), 1, 1, 1)
    predictions = settings.home / "predictions"
    assert (predictions / "latest_prediction.txt").read_text() == f"predictions-{day()}.csv\n"
    # The report failed, and the run did not.
    assert reports == ["corner_lender"]
    said = caplog.text
    assert f"Predictions: {predictions}/predictions-{day()}.csv" in said
    assert "1 row could not be scored" in said
    assert "A7" not in said
    assert not (settings.home / "batch").exists()

    (folder / f"{day(3)}.csv").write_text(MORE_CLIENTS)
    late, again = batch_score()["days"]
    assert [(late["day"], late["n_new"]), (again["day"], again["n_new"])] == [(day(3), 2), (day(), 0)]
    assert n_decisions(settings) == 3
    assert batch_score()["days"] == [again]
    assert len(reports) == 2
    assert (predictions / "latest_prediction.txt").read_text() == f"predictions-{day()}.csv\n"


def test_in_a_bucket_a_half_written_file_waits_and_a_whole_one_is_scored_once(settings, bucket, reports):
    from flows.batch_score import batch_score

    given = {"source": f"{bucket}/in/{{date}}.csv", "target": f"{bucket}/out/{{date}}.parquet", "day": day()}
    put(f"{bucket}/in/{day()}.csv.part", CLIENTS)
    state = batch_score(**given, return_state=True)
    assert (state.name, state.is_completed()) == ("NotYet", True)
    assert "still being written" in state.message

    put(f"{bucket}/in/{day()}.csv", CLIENTS)
    [done] = batch_score(**given)["days"]
    assert done["predictions"] == f"{bucket}/out/{day()}.parquet"
    before = objects()
    assert before["out/latest_prediction.txt"][0] == f"{day()}.parquet\n".encode()
    table = pl.read_parquet(io.BytesIO(before[f"out/{day()}.parquet"][0]))
    assert table["application_id"].to_list() == ["A7"]
    assert b"A7" not in before[f"out/{day()}.rejected.csv"][0]

    [again] = batch_score(**given)["days"]
    assert again["n_new"] == 0
    assert objects() == before
    assert n_decisions(settings) == 1

    with pytest.raises(TargetError, match="there is no bucket 'elsewhere'"):
        batch_score(source=given["source"].replace("{date}", day()), target="gs://elsewhere/out", day=day())


def test_an_object_that_is_replaced_between_two_looks_is_not_read(bucket, tmp_path, monkeypatch):
    from creditrisk.errors import SourceUnfinishedError

    put(f"{bucket}/in.csv", CLIENTS)
    monkeypatch.setattr(snapshots.time, "sleep", lambda _seconds: put(f"{bucket}/in.csv", MORE_CLIENTS))
    with pytest.raises(SourceUnfinishedError, match="still being written"):
        snapshots.take_snapshot(f"{bucket}/in.csv", tmp_path)


def test_what_cannot_be_scored_ends_with_a_sentence(settings, reports, tmp_path):
    from flows.batch_score import batch_score

    other = tmp_path / "other.csv"
    other.write_text("a,b\n1,2\n")
    with pytest.raises(CreditRiskError, match=r"The applications of .* cannot be used: these are not the columns"):
        batch_score(source=str(other))
    with pytest.raises(CreditRiskError, match="sources that start with 'ftp://' are not supported"):
        batch_score(source="ftp://somewhere/x.csv")
    with pytest.raises(CreditRiskError, match="the day cannot be read"):
        batch_score(day="today")
    with pytest.raises(RegistryError, match="has no champion"):
        batch_score(dataset="nobody", source=str(other))
    assert reports == []


def test_outcomes_of_a_file_are_read_once_and_strangers_listed(settings, reports, caplog):
    from flows.batch_score import batch_score
    from flows.outcomes import outcomes

    assert outcomes()["n_rows"] == 0
    assert "No outcomes were read: there is no file" in caplog.text
    clients = settings.home / "clients.csv"
    clients.write_text(CLIENTS)
    batch_score(source=str(clients))
    told = settings.home / "told.csv"
    told.write_text(f"application_id,default,observed_on\nA7,no,{day(1)}\nZ9,yes,{day(1)}\nA7,no,{day(-2)}\n")

    assert outcomes(str(told)) == {"n_rows": 3, "n_new": 2, "n_unknown": 1, "n_rejected": 1}

    said = caplog.text
    assert "2 outcomes recorded; 0 said nothing new." in said
    assert "Z9" not in said
    [listed] = (settings.home / "outcomes").glob("*.unknown.csv")
    assert pl.read_csv(listed)["application_id"].to_list() == ["Z9"]
    assert outcomes(str(told))["n_rows"] == 0
    assert DecisionLog(settings.decision_log).outcomes().height == 2
    told.with_name("told.csv.part").touch()
    told.unlink()
    # A file of the last week that came late is read, one that is still being written waits, once more changes nothing.
    folder = settings.home / "outcomes"
    (folder / f"{day(2)}.csv").write_text(f"application_id,default,observed_on\nA7,yes,{day(0)}\n")
    assert outcomes()["n_new"] == 1
    assert outcomes()["n_rows"] == 0
    assert outcomes(str(told), return_state=True).name == "NotYet"


def test_a_database_gives_the_applications_and_keeps_the_log(postgres_url, corner_scorer, tmp_path, monkeypatch):
    parts = urlsplit(postgres_url)
    monkeypatch.setenv("PGUSER", str(parts.username))
    monkeypatch.setenv("PGPASSWORD", str(parts.password))
    rows = "('A''7%1', 61, 2000, 52000, 'own'), ('B8', 33, 9000, 20000, 'rent')"
    with psycopg.connect(postgres_url) as connection:
        columns = "client text, age_years int, amount_eur int, income_eur int, housing text"
        connection.execute(f"CREATE TABLE today ({columns}); INSERT INTO today VALUES {rows}")
    uri = f"postgresql://{parts.hostname}:{parts.port}{parts.path}?query=select * from today order by client"
    log, target = DecisionLog(postgres_url), str(tmp_path / "out")
    for order, n_new in (("asc", 2), ("desc", 0)):
        copied = snapshots.take_snapshot(f"{uri} {order}", tmp_path)
        done = score_day(copied, date(2026, 3, 31), corner_scorer, load=None, log=log, target=target)
        assert done.n_new == n_new
    (tmp_path / "out" / "predictions-2026-03-31.json").unlink()
    assert score_day(copied, date(2026, 3, 31), corner_scorer, load=None, log=log, target=target).n_new == 0

    (tmp_path / "told.csv").write_text("application_id,default,observed_on\nA'7%1,no,2026-03-01\n")
    (tmp_path / "again.csv").write_text("application_id,default,observed_on\nA'7%1,no,2026-03-01\n\n")
    listed = Lists(tmp_path / "unknown.csv", tmp_path / "rejected.csv")
    for name, n_new in (("told.csv", 1), ("again.csv", 0)):
        (tmp_path / "work").mkdir(exist_ok=True)
        copied = snapshots.take_snapshot(str(tmp_path / name), tmp_path / "work")
        assert record_file(copied, log, listed, today=date(2026, 3, 31)) == OutcomesDone(n_rows=1, n_new=n_new)
    assert log.verify().broken is None
    log.close()
