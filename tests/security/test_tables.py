"""Tables that ask for far more memory than their bytes: refused through every door before their rows are built."""

import gzip
import tracemalloc

import polars as pl
import pytest

from creditrisk.errors import SourceError
from creditrisk.sources import parquet, parse_upload, read_table, table, text

NAMES = ",".join(f"c{number}" for number in range(2_000))
SHORT_ROWS = (NAMES + "\n" + "a\n" * 20_000).encode()
ONE_LONG_ROW = b"a,b\n" + b"," * 3_000_000 + b"x\n"
# Every line is short; the row that they make is not.
ONE_ROW_OF_MANY_LINES = b"a,b\n" + (b'"\n"' + b"," * 150_000) * 20 + b"x\n"
MANY_PLACES = (b"1," * 99_999 + b"1\n") * 2
ARFF = b"".join(b"@attribute c%d real\n" % number for number in range(2_000)) + b"@data\n"
LACKS = "'clients.*' has 2,000 columns, and its rows lack .* cells between them; at most 2,000,000 may be absent"


def peak_of(work) -> int:
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def upload(content: bytes):
    return parse_upload(content, filename="clients.csv", max_rows=500_000)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (SHORT_ROWS, LACKS),
        (ONE_LONG_ROW, "the row that starts on line 2 of 'clients.csv' has more than 200,000 cells"),
        (ONE_ROW_OF_MANY_LINES, "the row that starts on line 2 of 'clients.csv' has more than 200,000 cells"),
        (MANY_PLACES, "the first line of 'clients.csv' has 100,000 columns; at most 2,000"),
    ],
    ids=["short rows", "one long row", "one row of many lines", "columns without names"],
)
def test_a_file_that_asks_for_far_more_cells_than_bytes_is_refused(content, said):
    def refused():
        with pytest.raises(SourceError, match=said):
            upload(content)

    assert peak_of(refused) < 40_000_000 + 5 * len(content)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("clients.csv", SHORT_ROWS),
        ("clients.csv.gz", gzip.compress(SHORT_ROWS)),
        ("clients.arff", ARFF + b"1\n" * 20_000),
    ],
)
def test_a_file_with_a_name_is_held_to_the_same_limit(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(SourceError, match=LACKS):
        read_table(str(tmp_path / name))


def test_a_row_of_arff_without_end_is_refused(tmp_path):
    (tmp_path / "clients.arff").write_bytes(ARFF + b"1," * 300_000 + b"1\n")
    with pytest.raises(SourceError, match=r"line 2,002 of 'clients.arff' has more than 200,000 cells"):
        read_table(str(tmp_path / "clients.arff"))


@pytest.mark.parametrize("path", ["/api/v1/score.csv", "/invocations"])
def test_a_request_of_short_rows_is_refused_with_a_sentence(corner_app, path):
    answer = corner_app.test_client().post(path, data=SHORT_ROWS, content_type="text/csv")
    assert answer.status_code == 400
    error = answer.json if path == "/invocations" else answer.json["error"]
    assert error.get("code", "unreadable_table") == "unreadable_table"
    assert "may be absent" in error["message"]


def test_cells_are_counted_in_all_whoever_passes_them(tmp_path, monkeypatch):
    monkeypatch.setattr(text, "MAX_CELLS_SENT", 1_000)
    monkeypatch.setattr(text, "MAX_CELLS", 2_000)
    rows = [f"{number},x,y,z" for number in range(501)]
    head = "a,b,c,d\n"
    assert upload((head + "\n".join(rows[:250])).encode()).frame.height == 250
    with pytest.raises(SourceError, match=r"'clients.csv' has more than 1,000 cells in its 4 columns"):
        upload((head + "\n".join(rows[:251])).encode())
    path = tmp_path / "loans.csv"
    path.write_text(head + "\n".join(rows[:500]))
    assert read_table(str(path)).frame.height == 500
    path.write_text(head + "\n".join(rows))
    with pytest.raises(SourceError, match=r"'loans.csv' has more than 2,000 cells in its 4 columns"):
        read_table(str(path))


def test_parquet_is_held_to_the_cells_there_may_be(tmp_path, monkeypatch):
    monkeypatch.setattr(parquet, "MAX_CELLS", 1_000)
    path = tmp_path / "loans.parquet"
    pl.select(pl.repeat(None, 501, dtype=pl.Int8).alias(name) for name in "ab").write_parquet(path)
    with pytest.raises(SourceError, match=r"'loans.parquet' has more than 1,000 cells in its 2 columns"):
        read_table(str(path))


def test_the_largest_table_that_may_be_sent_fits_into_the_limit():
    assert table.MAX_CELLS_SENT >= 500_000 * 26
    rows = 9_999
    full = upload((NAMES[: NAMES.index(",c26")] + "\n" + ("7," * 25 + "7\n") * rows + "7,7\n" * 100).encode())
    assert full.frame.shape == (rows + 100, 26)
    assert len(full.ragged) == 100
