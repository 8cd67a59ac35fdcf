"""Tables in Google's buckets: read by its own client from the emulator's HTTP server."""

from __future__ import annotations

import gzip
import io
import socket
from collections.abc import Iterator

import polars as pl
import pytest

from creditrisk.errors import SourceError
from creditrisk.sources import buckets, files, read_table

CSV = b"age,BAD\n36,0\n40,1\n"


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    from gcp_storage_emulator.server import create_server
    from google.cloud import storage

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = create_server("127.0.0.1", port, in_memory=True, default_bucket="loans")
    server.start()
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", f"http://127.0.0.1:{port}")
    kept = storage.Client().bucket("loans")
    kept.blob("a folder/märz.csv").upload_from_string(CSV)
    kept.blob("loans.csv.gz").upload_from_string(gzip.compress(CSV))
    frame = pl.DataFrame({"age": [36, 40], "BAD": [0, 1]})
    buffer = io.BytesIO()
    frame.write_parquet(buffer)
    kept.blob("loans.parquet").upload_from_string(buffer.getvalue())
    try:
        yield "loans"
    finally:
        server.stop()


@pytest.mark.parametrize("name", ["a folder/märz.csv", "a%20folder/m%C3%A4rz.csv", "loans.csv.gz", "loans.parquet"])
def test_a_table_in_a_bucket_is_read_like_a_file(bucket: str, name: str):
    table = read_table(f"gs://{bucket}/{name}")
    assert table.frame.columns == ["age", "BAD"]
    assert table.texts.rows() == [("36", "0"), ("40", "1")]


def test_an_object_that_is_not_there_is_a_sentence(bucket: str):
    for uri in (f"gs://{bucket}/none.csv", "gs://elsewhere/none.csv"):
        with pytest.raises(SourceError, match=r"there is no object 'none\.csv' in bucket"):
            read_table(uri)


def test_an_object_that_is_too_large_is_not_fetched(bucket: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(files, "MAX_BYTES", 10)
    with pytest.raises(SourceError, match="more than can be read"):
        read_table(f"gs://{bucket}/loans.csv.gz")


def test_a_bucket_that_is_away_is_a_sentence(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", "http://127.0.0.1:1")
    monkeypatch.setattr(buckets, "BUCKET_SECONDS", 1.0)
    with pytest.raises(SourceError, match="bucket 'loans' cannot be reached"):
        read_table("gs://loans/loans.csv")


def test_without_credentials_it_says_where_they_belong(monkeypatch: pytest.MonkeyPatch, tmp_path):
    monkeypatch.delenv("STORAGE_EMULATOR_HOST", raising=False)
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "none.json"))
    with pytest.raises(SourceError, match="Set GOOGLE_APPLICATION_CREDENTIALS"):
        read_table("gs://loans/loans.csv")
