"""Reading and checking go fast ways and careful ways, whole tables and blocks: all of them say the same."""

from __future__ import annotations

import gzip
import io
import re
import tracemalloc
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from creditrisk import datasets
from creditrisk.errors import SchemaError, SourceError
from creditrisk.quality import Checked, cells, check, check_blocks, check_few, read_cells
from creditrisk.quality import rows as quality_rows
from creditrisk.schema import Category, Field, Schema, Target
from creditrisk.sources import (
    RawTable,
    arff,
    from_records,
    join_blocks,
    parquet,
    parse_blocks,
    parse_table,
    read_blocks,
    read_table,
    rows,
    text,
)

GRADE = (Category("007", "Low", ("none",)), Category("b", "B"))
SCHEMA = Schema(
    name="loans",
    title="Loans",
    fields=(
        Field("number", "text", "Number", role="id", is_required=False),
        Field("day", "date", "Day", role="time", is_required=False),
        Field("age", "integer", "Age", unit="years", minimum=18, maximum=100),
        Field("amount", "number", "Amount", unit="EUR", minimum=100, is_required=False),
        Field("term", "integer", "Term", unit="months", is_required=False),
        Field(
            "grade",
            "category",
            "Grade",
            is_required=False,
            categories=(Category("007", "Low", ("none",)), Category("b", "B")),
        ),
    ),
    target=Target("outcome", "Outcome", bad=("1",), good=("0",)),
)
NAMES = ("number", "day", "age", "amount", "term", "grade")


@pytest.fixture(autouse=True)
def small_texts_go_the_way_of_large_ones(monkeypatch):
    """Tests are written with small ones."""
    monkeypatch.setattr(rows, "FEW_BYTES", 0)


PROPERTY = settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)
# Cells of a file as they stand there, most of them harmless.
WRITTEN = st.sampled_from(
    ["a", "12", "2.5", "", "New York", " x", "y ", "\u00a0z", "ü", "€", '"q"', '"a,b"',
     '"a;b"', '"a""b"', '""', '" z "',
     '"two\nlines"', '5" pipe', '"bad"x', "\x1f", "\t", "\ufeffb"]
)  # fmt: skip
PLAIN = st.sampled_from(["a", "12", "New York", '"q, r"', "ü"])
NUMBERS = {
    "plain": ["40", "0", "-3", "100", "40.5", "1e3", "5.", ".5", "+7"],
    "comma": ["10,65", "7,5", "1.234,50", "3,25"],
    "us": ["1,234", "1,234.50"],
    "unclear": ["1.234", "12.345"],
    "apart": ["1 234", "1'234,5"],
    "unit": ["36 months", "2 years", "1yrs 11mon", "€ 1,200", "5 EUR", "40 years"],
    "nothing": ["", "NA", "unknown", "."],
    "bad": ["abc", "12.5.3", "1e400", "inf", "nan", "1_000", "٣", "1e16", "\x1f5", "x\ny"],
}
DAYS = ["2024-03-31", "31.03.2024", "Mar-24", "2024-03-31 23:59:59", "2024-02-30", "yesterday", "", "0024-01-01"]
GRADES = ["007", "7", "7.0", "none", "LOW", "b", "castle", "", "?"]

TYPED = [
    (pl.Float64, [40.0, -0.0, 1200.5, 1e15, 1e16, 2.0**53, float("nan"), float("inf")]),
    (pl.Float64, [40.0, 1200.0, 130.0]),
    (pl.Float32, [40.0, 0.1]),
    (pl.Int64, [40, -3, 130, 2**53 + 1, 10**16]),
    (pl.UInt8, [40, 1]),
    (pl.UInt64, [40, 2**64 - 1]),
    (pl.Decimal(38, 2), [Decimal("40.00"), Decimal("1200.55")]),
    (pl.Date, [date(2024, 3, 31), date(1899, 12, 31), date(1, 1, 1), date(9999, 12, 31)]),
    (pl.Datetime("ns"), [datetime(2024, 3, 31), datetime(2024, 3, 31, 23, 59), datetime(1850, 1, 1)]),
    (pl.Datetime("us", "Europe/Berlin"), [datetime(2024, 3, 31, 1, tzinfo=UTC)]),
    (pl.Duration, [timedelta(days=40, hours=3)]),
    (pl.Boolean, [True, False]),
    (pl.Categorical, [*GRADES, " b"]),
    (pl.String, [*GRADES, " b", "castle ", "\x1fA\n"]),
    (pl.String, [" 36 months ", "40 ", " 1200.5", " NA", "1yrs 11mon", "\u00a040"]),
    (pl.String, [*DAYS, " 2024-03-31 "]),
    (pl.Null, [None]),
]


@st.composite
def files_(draw: st.DrawFn) -> bytes:
    """A file of a few columns in some dialect, clean in most of its lines."""
    width, delimiter = draw(st.integers(1, 3)), draw(st.sampled_from([",", ";", "\t"]))
    end = draw(st.sampled_from(["\n", "\r\n", "\r"]))
    cell = PLAIN if draw(st.booleans()) else WRITTEN
    row = st.lists(PLAIN, min_size=width, max_size=width) | st.lists(cell, max_size=width + 1)
    lines = [[f"head{number}" for number in range(width)], *draw(st.lists(row, max_size=12))]
    if draw(st.booleans()):
        lines = [[cell if cell.startswith('"') else f'"{cell}"' for cell in line] for line in lines]
    written = end.join(map(delimiter.join, lines)) + draw(st.sampled_from(["", end, end + end]))
    return written.encode(draw(st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "cp1252"])), "replace")


@st.composite
def tables(draw: st.DrawFn) -> RawTable:
    """A table for SCHEMA, each of its numbers in several notations."""

    def numbers() -> st.SearchStrategy[str]:
        kinds = draw(st.lists(st.sampled_from(sorted(NUMBERS)), min_size=1, max_size=3))
        return st.sampled_from([*NUMBERS["plain"], *(written for kind in kinds for written in NUMBERS[kind])])

    n_rows = draw(st.integers(1, 8))
    ways = {"number": st.sampled_from(["A1", "NA", "", "\x1fz", "é"]), "day": st.sampled_from(DAYS)}
    ways |= {name: numbers() for name in ("age", "amount", "term")} | {"grade": st.sampled_from(GRADES)}
    frame = pl.DataFrame(
        {name: draw(st.lists(way, min_size=n_rows, max_size=n_rows)) for name, way in ways.items()},
        schema=dict.fromkeys(NAMES, pl.String),
    )
    return RawTable(frame, list(range(2, n_rows + 2)), delimiter=draw(st.sampled_from([",", ";"])))


@st.composite
def typed_tables(draw: st.DrawFn) -> RawTable:
    """A table for SCHEMA as a Parquet file holds it, each of its columns of any type."""
    n_rows = draw(st.integers(1, 5))
    columns = []
    for name in NAMES:
        dtype, values = draw(st.sampled_from(TYPED))
        cells = draw(st.lists(st.sampled_from([*values, None]), min_size=n_rows, max_size=n_rows))
        columns.append(pl.Series(name, cells, dtype=dtype))
    content = io.BytesIO()
    pl.DataFrame(columns).write_parquet(content)
    return parquet.parse(content.getvalue(), filename="x.parquet")


def outcome(content: bytes, filename: str = "clients.csv") -> object:
    """A file's table, or what is said about it."""
    try:
        table = parse_table(content, filename=filename, max_rows=10)
    except SourceError as exc:
        return str(exc)
    return table.frame.columns, table.frame.rows(), table.lines, table.ragged, table.delimiter


def same(one: Checked, other: Checked) -> bool:
    return (
        one.accepted.schema == other.accepted.schema
        and one.accepted.rows() == other.accepted.rows()
        and one.rejected == other.rejected
        and one.raw.equals(other.raw)
    )


def joined(parts: list[Checked]) -> Checked:
    return Checked(
        pl.concat([part.accepted for part in parts]),
        [rejection for part in parts for rejection in part.rejected],
        pl.concat([part.raw for part in parts]),
    )


@PROPERTY
@given(content=files_())
def test_clean_pieces_and_line_by_line_give_the_same_table_and_sentences(monkeypatch, content):
    with monkeypatch.context() as patch:
        patch.setattr(rows, "_clean", lambda *_: None)
        careful = outcome(content)
    assert outcome(content) == careful
    with monkeypatch.context() as patch:
        # Seams between pieces everywhere.
        patch.setattr(rows, "PIECE_BYTES", 16)
        patch.setattr(rows, "_READ_BYTES", 7)
        assert outcome(content) == careful


ALL_QUOTED = ['"a","b"\n"1",""\n"1","2"', '"a","b"\r\n"1, 2","x"\r\n"3",","\r\n']


def test_a_clean_file_goes_the_fast_way(monkeypatch):
    monkeypatch.setattr(rows, "_one_by_one", None)
    for content in (
        "a,b\n1,2\n3,4\n",
        'a,b\r\n"1, 2", x \r\n3,"4 ""q"""\r\n\r\n',
        "a;b\n1;ü",
        "a\tb\n1\t\n",
        *ALL_QUOTED,
    ):
        assert parse_table(content.encode(), filename="x.csv").frame.height >= 1
    assert parse_table(b"a b\n1 x\n3 y", filename="x.txt").frame.rows() == [("1", "x"), ("3", "y")]


@PROPERTY
@given(lines=st.lists(st.lists(st.sampled_from(["A1", " ", "", '"', '"b c"', "\t", "7", "\xa0"])), max_size=4))
def test_files_divided_by_blanks_are_read_alike_the_fast_way_and_the_careful_one(monkeypatch, lines):
    content = "\n".join(["name age", *(" ".join(line) for line in lines)]).encode()
    with monkeypatch.context() as patch:
        patch.setattr(rows, "_clean", lambda *_: None)
        careful = outcome(content, "clients.txt")
    assert outcome(content, "clients.txt") == careful


ARFF_CELL = st.sampled_from(["1", "' a '", "''", "'b, c'", "x y ", "?", "5%", "'it\\'s'", '"d"', "'", "a'b'", "é", ""])


@PROPERTY
@given(
    lines=st.lists(st.lists(ARFF_CELL, min_size=1, max_size=3) | st.just(["1", "'a'"]), max_size=4),
    end=st.sampled_from(["\n", "\r\n"]),
)
def test_arff_files_are_read_alike_the_fast_way_and_the_careful_one(monkeypatch, lines, end):
    head = ["% made by hand", "@relation x", "@attribute n real", "@attribute 't t' string", "", "@DATA"]
    content = end.join([*head, *map(",".join, lines), ""]).encode()

    def read() -> object:
        try:
            table = arff.parse(content, filename="x.arff")
        except SourceError as exc:
            return str(exc)
        return table.frame.rows(), table.frame.columns, list(table.lines), table.ragged

    with monkeypatch.context() as patch:
        patch.setattr(arff, "_clean", lambda *_: None)
        careful = read()
    assert read() == careful


def test_a_row_of_nothing_is_no_row_of_an_arff_file():
    for nothing in (",", "'',''", " , ''"):
        content = f"@relation x\n@attribute n real\n@attribute t string\n@data\n1,a\n{nothing}\n"
        assert arff.parse(content.encode(), filename="x.arff").frame.rows() == [("1", "a")]


def test_clean_arff_files_go_the_fast_way(monkeypatch):
    monkeypatch.setattr(arff, "_row", None)
    content = b"@relation x\n@attribute n real\n@attribute t string\n@data\n1,'a, b'\n\n2,c\n"
    table = arff.parse(content, filename="x.arff")
    assert table.frame.rows() == [("1", "a, b"), ("2", "c")]
    assert list(table.lines) == [5, 7]


def test_decimal_commas_and_days_go_the_fast_way(monkeypatch):
    monkeypatch.setattr(cells, "_read_left", None)
    monkeypatch.setattr(cells, "to_date", None)
    amount, day = Field("amount", "number", "Amount", is_required=False), Field("day", "date", "Day")
    commas = pl.Series(["1,5", "", "-20", ",25"] * 20)
    assert read_cells(commas, amount, ";")[0].to_list() == [1.5, None, -20.0, 0.25] * 20
    for written in ("2020-01-31", "31.01.2020", "31/01/2020"):
        assert read_cells(pl.Series([written] * 80), day)[0].to_list() == [date(2020, 1, 31)] * 80


@PROPERTY
@given(raw=tables())
def test_a_few_cells_and_whole_columns_are_read_alike(monkeypatch, raw):
    one_by_one = check(raw, SCHEMA)
    with monkeypatch.context() as patch:
        patch.setattr(cells, "FEW", 0)
        patch.setattr(quality_rows, "FEW", 0)
        for many in (1, 500):
            patch.setattr(cells, "_MANY", many)
            assert same(check(raw, SCHEMA), one_by_one)


CELLS = st.sampled_from(
    [
        None,
        True,
        40,
        130,
        -0.0,
        1200.5,
        1e16,
        10**20,
        *GRADES,
        *DAYS,
        "A7",
        " x ",
        *(t for ts in NUMBERS.values() for t in ts),
    ]
)
HEADERS = st.sampled_from([*NAMES, "Amount", "TERM", "grade ", "outcome", "note"])
RECORDS = st.lists(
    st.builds(
        lambda record, age: {**record, "age": age},
        st.dictionaries(HEADERS, CELLS),
        st.sampled_from([40, "40", "x", None]),
    )
    | st.dictionaries(HEADERS, CELLS),
    max_size=4,
)


@PROPERTY
@given(records=RECORDS)
def test_records_are_checked_row_by_row_as_a_table_of_them_is(monkeypatch, records):
    try:
        with monkeypatch.context() as patch:
            patch.setattr(cells, "FEW", 0)
            patch.setattr(quality_rows, "FEW", 0)
            table = check(from_records(records), SCHEMA)
    except (SourceError, SchemaError) as exc:
        with pytest.raises(type(exc), match=re.escape(str(exc))):
            check_few(records, SCHEMA)
        return
    few = check_few(records, SCHEMA)
    assert list(map(repr, (dict(sorted(row.items())) for row in few.accepted))) == [
        repr(dict(sorted(row.items()))) for row in table.accepted.to_dicts()
    ]
    assert few.rejected == table.rejected


@PROPERTY
@given(raw=typed_tables())
def test_a_type_says_what_its_text_says(monkeypatch, raw):
    from_texts = check(replace(raw, frame=raw.texts), SCHEMA)
    for few in (0, cells.FEW):
        with monkeypatch.context() as patch:
            patch.setattr(cells, "FEW", few)
            patch.setattr(quality_rows, "FEW", few)
            from_types = check(raw, SCHEMA)
        assert same(replace(from_types, raw=from_texts.raw), from_texts)
        assert from_types.raw.equals(raw.frame)


def test_days_beyond_the_calendar_are_no_dates():
    far = pl.Series("day", [0, 3_000_000], dtype=pl.Int32).cast(pl.Date)
    values, unreadable = read_cells(pl.concat([far] * 50), SCHEMA.fields[1])
    assert (values.to_list()[:2], unreadable) == ([date(1970, 1, 1), None], list(range(1, 100, 2)))


MESSY = "number;day;age;amount;term;grade\n" + "".join(
    f"A{n};{DAYS[n % len(DAYS)]};{(40, 'abc', 130, '')[n % 4]};{n},5;{n} months;{GRADES[n % len(GRADES)]}"
    + ";x" * (n % 7 == 0)
    + "\n" * (1 + (n % 5 == 0))
    for n in range(300)
)


@pytest.mark.parametrize("block_rows", [1, 7, 1_000])
@pytest.mark.parametrize("ending", [".csv", ".csv.gz"])
def test_blocks_are_read_and_checked_as_the_whole_is(tmp_path: Path, monkeypatch, block_rows: int, ending: str):
    path = tmp_path / f"loans{ending}"
    path.write_bytes(gzip.compress(MESSY.encode()) if ending == ".csv.gz" else MESSY.encode())
    whole = read_table(str(path))
    monkeypatch.setattr(quality_rows, "HEAD_ROWS", 2)
    monkeypatch.setattr(rows, "PIECE_BYTES", 1_000)

    blocks = list(read_blocks(str(path), block_rows))

    assert [block.frame.height for block in blocks[:-1]] == [block_rows] * (len(blocks) - 1)
    assert [block.first_row for block in blocks] == list(range(1, 301, block_rows))
    again = join_blocks(blocks)
    assert again.frame.equals(whole.frame)
    assert (again.lines, again.ragged) == (whole.lines, whole.ragged)
    assert same(joined(list(check_blocks(blocks, SCHEMA))), check(whole, SCHEMA))


def test_a_later_cell_that_contradicts_the_notation_of_the_first_rows_is_refused(monkeypatch):
    monkeypatch.setattr(quality_rows, "HEAD_ROWS", 1)

    def faults(*amounts: str) -> list[str]:
        content = "age;amount\n" + "".join(f"40;{amount}\n" for amount in amounts)
        blocks = parse_blocks(io.BytesIO(content.encode()), filename="x.csv", block_rows=1)
        return [rejection.fault for checked in check_blocks(blocks, SCHEMA) for rejection in checked.rejected]

    assert faults("1200", "1200,5", "1.234,5", "1.234") == []
    assert faults("1200,5", "1200.5", "1.234") == [
        "'1200.5' is not a number",
        "'1.234' can be read in two ways: write thousands without a point and decimals with a comma",
    ]
    assert faults("1200.5", "1.234", "1,234", "1300.5") == [
        "'1,234' has a comma where the rows above it write decimals with a point"
    ]


def test_names_on_the_second_line_hold_for_all_blocks(monkeypatch):
    monkeypatch.setattr(quality_rows, "HEAD_ROWS", 2)
    content = ",X1,X2\nnumber,age,amount\n7,40,1000\n8,abc,1000\n9,50,1000\n"
    blocks = list(parse_blocks(io.BytesIO(content.encode()), filename="x.csv", block_rows=2))
    assert same(joined(list(check_blocks(blocks, SCHEMA))), check(join_blocks(blocks), SCHEMA))
    with pytest.raises(SchemaError, match="not the columns of Loans"):
        list(check_blocks([replace(blocks[1], frame=blocks[1].frame.rename({"X1": "X3"}))], SCHEMA))
    assert list(check_blocks([], SCHEMA)) == []


def test_blocks_of_a_known_dataset_keep_their_own_columns(credit_data: Path):
    path = str(credit_data / "home_credit" / "application_train_random1000.csv.gz")
    schema = datasets.load_schema("home_credit")
    parts = list(datasets.check_blocks(read_blocks(path, 300), schema))
    assert same(joined(parts), datasets.check(read_table(path), schema))


@pytest.mark.parametrize("piece_rows", [1, 3, 2**18])
def test_parquet_comes_in_blocks_with_whole_numbers_told_from_all_of_a_column(tmp_path: Path, monkeypatch, piece_rows):
    monkeypatch.setattr(parquet, "PIECE_ROWS", piece_rows)
    frame = pl.DataFrame({"a": [1.0, None, 3.0, 4.5], "b": [1.0, None, 3.0, 4.0], "c": [" x", None, "y", "z"]})
    frame.write_parquet(tmp_path / "loans.parquet")
    read: list[float] = []
    blocks = list(read_blocks(str(tmp_path / "loans.parquet"), 3, read.append))
    assert read == [0.75, 1.0]
    assert [block.first_row for block in blocks] == [1, 4]
    assert join_blocks(blocks).frame.equals(read_table(str(tmp_path / "loans.parquet")).frame)
    assert blocks[0].texts.rows() == [("1.0", "1", "x"), ("", "", ""), ("3.0", "3", "y")]
    (tmp_path / "loans.parquet.gz").write_bytes(gzip.compress((tmp_path / "loans.parquet").read_bytes()))
    assert join_blocks(list(read_blocks(str(tmp_path / "loans.parquet.gz"), 2))).frame.height == 4


def test_other_tables_come_in_blocks_too(tmp_path: Path):
    (tmp_path / "x.arff").write_text("@relation x\n@attribute a real\n@data\n1\n2\n3\n")
    blocks = list(read_blocks(str(tmp_path / "x.arff"), 2))
    assert [(block.frame.rows(), block.lines) for block in blocks] == [([("1",), ("2",)], [4, 5]), ([("3",)], [6])]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (gzip.compress(b"a,b\n" + b"1,2\n" * 9, mtime=0)[:-9], "'x.csv.gz' cannot be read: it is damaged"),
        (b"a,b\n1,2\n", "'x.csv.gz' cannot be read: it is damaged"),
        (gzip.compress(b"a,b\n", mtime=0), "no clients below it"),
    ],
)
def test_what_cannot_be_read_in_blocks_is_a_sentence_too(tmp_path: Path, content: bytes, said: str):
    (tmp_path / "x.csv.gz").write_bytes(content)
    with pytest.raises(SourceError, match=said):
        list(read_blocks(str(tmp_path / "x.csv.gz"), 2))
    with pytest.raises(SourceError, match="there is no file"):
        list(read_blocks(str(tmp_path / "gone.csv"), 2))


def test_rows_beyond_the_limit_are_refused_when_they_are_reached():
    blocks = parse_blocks(io.BytesIO(b"a,b\n" + b"1,2\n" * 11), filename="x.csv", block_rows=5, max_rows=10)
    with pytest.raises(SourceError, match="more than 10 rows"):
        list(blocks)


def test_blocks_take_no_more_memory_for_more_rows(monkeypatch):
    monkeypatch.setattr(rows, "PIECE_BYTES", 2**16)
    monkeypatch.setattr(rows, "_READ_BYTES", 2**14)
    monkeypatch.setattr(text, "_READ_BYTES", 2**14)

    def peak(n_rows: int) -> int:
        stream = io.BytesIO(b"number,age,amount\n" + b"A1,40,1000.5\n" * n_rows)
        tracemalloc.start()
        try:
            for _ in parse_blocks(stream, filename="x.csv", block_rows=1_000):
                pass
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    assert peak(200_000) < 1.5 * peak(50_000)


def test_one_application_has_the_types_of_a_table():
    schema = datasets.load_schema("simulated")
    table = datasets.read("simulated", None)
    record = table.frame.row(0, named=True)
    one = datasets.check(from_records([record]), schema).accepted
    assert one.equals(datasets.check(replace(table, frame=table.frame.head(100)), schema).accepted.head(1))
