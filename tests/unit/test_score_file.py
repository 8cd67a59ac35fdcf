"""A file is scored block by block: the same as in one piece, logged before it is written, and never lost half-way."""

from __future__ import annotations

import re
from pathlib import Path

import polars as pl
import pytest

from creditrisk.decision_log import DecisionLog
from creditrisk.errors import CreditRiskError, DecisionLogError
from creditrisk.quality import check
from creditrisk.scoring import Scorer, csv_text, result_table
from creditrisk.sources import read_table
from riskometer import score_file as module
from riskometer.score_file import score_file
from tests.conftest import write_forty_clients

N_ROWS = 40


@pytest.fixture
def log(tmp_path: Path) -> DecisionLog:
    return DecisionLog(f"sqlite:///{tmp_path}/decisions.db")


@pytest.fixture
def clients(tmp_path: Path) -> Path:
    return write_forty_clients(tmp_path / "clients.csv")


@pytest.mark.parametrize("block_rows", [1, 7, 4_000])
def test_a_file_scored_in_blocks_is_the_file_scored_in_one_piece(
    block_rows: int,
    corner_scorer: Scorer,
    log: DecisionLog,
    clients: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    in_blocks_of(block_rows, monkeypatch)
    output = tmp_path / "scored.csv"

    said = score_file(corner_scorer, log, str(clients), output)

    checked = check(read_table(str(clients)), corner_scorer.schema)
    whole = result_table(checked.raw, corner_scorer.score(checked.accepted), checked.rejected)
    assert output.read_text(encoding="utf-8") == csv_text(whole)
    assert said.startswith(f"{N_ROWS - 2} clients scored")
    assert ". 2 could not be scored." in said
    logged = [item.decision.application_id for item in log.read(range(1, N_ROWS - 1))]
    assert logged == [f"C{number}" for number in range(N_ROWS) if number not in (4, 29)]
    assert not list(tmp_path.glob("*.part"))


def test_how_the_file_was_read_is_said_once(corner_scorer: Scorer, log: DecisionLog, tmp_path: Path) -> None:
    clients = tmp_path / "clients.csv"
    clients.write_text("age_years;amount_eur;housing\n40;1.200,50;own\n41;1.300,50;own\n", encoding="utf-8")
    said = score_file(corner_scorer, log, str(clients), tmp_path / "scored.csv")
    assert said.count("Amounts read with a decimal comma.") == 1


def test_a_result_can_be_a_parquet_file_with_the_same_rows(
    corner_scorer: Scorer, log: DecisionLog, clients: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_blocks_of(7, monkeypatch)

    score_file(corner_scorer, log, str(clients), tmp_path / "scored.parquet")

    checked = check(read_table(str(clients)), corner_scorer.schema)
    whole = result_table(checked.raw, corner_scorer.score(checked.accepted), checked.rejected)
    assert pl.read_parquet(tmp_path / "scored.parquet").equals(whole)


def test_a_parquet_file_is_scored_as_the_same_rows_in_a_csv_file(
    corner_scorer: Scorer, log: DecisionLog, clients: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_blocks_of(7, monkeypatch)
    table = pl.read_csv(clients).with_columns(pl.col("age_years").cast(pl.Int64, strict=False))
    table.write_parquet(tmp_path / "clients.parquet")
    table.write_csv(tmp_path / "clients.csv")

    score_file(corner_scorer, log, str(tmp_path / "clients.parquet"), tmp_path / "one.csv")
    score_file(corner_scorer, log, str(tmp_path / "clients.csv"), tmp_path / "other.csv")

    # A Parquet file has no lines; rows are counted in their place.
    one, other = (re.sub(r"\(line \d+\)", "", (tmp_path / name).read_text()) for name in ("one.csv", "other.csv"))
    assert one == other


def test_told_to_stop_it_says_how_far_it_came_and_keeps_what_was_decided(
    corner_scorer: Scorer, log: DecisionLog, clients: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stop_after(3, monkeypatch, KeyboardInterrupt())

    with pytest.raises(CreditRiskError, match=r"it was stopped\. The first 15 rows are done"):
        score_file(corner_scorer, log, str(clients), tmp_path / "scored.csv")

    assert not (tmp_path / "scored.csv").exists()
    kept = pl.read_csv(tmp_path / "scored.csv.part")
    assert kept["application_id"].drop_nulls().to_list() == [f"C{number}" for number in range(15) if number != 4]
    assert log.head()[0] == 14


def test_a_log_that_takes_no_more_ends_it_with_its_sentence_and_what_was_done(
    corner_scorer: Scorer, log: DecisionLog, clients: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stop_after(2, monkeypatch, DecisionLogError("the decision log is away."))

    with pytest.raises(CreditRiskError, match=r"the decision log is away\. The first 10 rows are done"):
        score_file(corner_scorer, log, str(clients), tmp_path / "scored.csv")


def test_what_cannot_be_read_leaves_nothing_behind(corner_scorer: Scorer, log: DecisionLog, tmp_path: Path) -> None:
    other = tmp_path / "other.csv"
    other.write_text("a,b\n1,2\n")

    with pytest.raises(CreditRiskError, match="these are not the columns"):
        score_file(corner_scorer, log, str(other), tmp_path / "scored.csv")

    assert sorted(path.name for path in tmp_path.iterdir() if "scored" in path.name) == []
    assert not log.is_begun() or log.head()[0] == 0


def test_the_file_of_the_clients_is_never_written_over(corner_scorer: Scorer, log: DecisionLog, clients: Path) -> None:
    before = clients.read_bytes()

    with pytest.raises(CreditRiskError, match="is the file of the clients itself"):
        score_file(corner_scorer, log, f"file://{clients}", clients.parent / "." / clients.name)

    assert clients.read_bytes() == before


def in_blocks_of(rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "READ_ROWS", rows)
    monkeypatch.setattr("creditrisk.decision_log.blocks.BLOCK_ROWS", rows)


def stop_after(n_blocks: int, monkeypatch: pytest.MonkeyPatch, exc: BaseException) -> None:
    """Let the log fail, or somebody press Ctrl-C, when so many blocks of five rows are in the log."""
    in_blocks_of(5, monkeypatch)
    append, n = DecisionLog.append_scored, 0

    def counting(self: DecisionLog, *args: object, **options: object) -> object:
        nonlocal n
        if n == n_blocks:
            raise exc
        n += 1
        return append(self, *args, **options)  # type: ignore[arg-type]  # handed on as they came

    monkeypatch.setattr(DecisionLog, "append_scored", counting)
