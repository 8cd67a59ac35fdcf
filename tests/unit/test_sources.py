"""Files as clerks send them: what is read, and which sentence comes back where nothing can be read."""

from __future__ import annotations

import gzip
import re
from datetime import date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from creditrisk.errors import SourceError
from creditrisk.sources import RawTable, as_text, check_uri, files, from_records, parse_upload, read_table
from creditrisk.text import escape_formula


def upload(content: bytes | str, filename: str = "clients.csv", max_rows: int = 100) -> RawTable:
    content = content.encode() if isinstance(content, str) else content
    return parse_upload(content, filename=filename, max_rows=max_rows)


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_found_on_the_first_line_outside_quotation_marks(delimiter):
    others = ",;\t|".replace(delimiter, "") * 3
    table = upload(f'"na{others}me"{delimiter}age\nAda{delimiter}36\n')
    assert table.frame.rows() == [("Ada", "36")]
    assert table.frame.columns == [f"na{others}me", "age"]
    assert table.delimiter == delimiter


@pytest.mark.parametrize(
    ("content", "filename"),
    [
        ("b,30.83,0,+\na,?,4.46,-\n", "clients.csv"),
        ("   1   6   4 \n   2  48   2 \n", "clients.data"),
        ("A11 6 A34 1169\nA12 48 A32 5951\n", "clients.dat"),
        ("751|200702|N\n702||N\n", "clients.txt"),
    ],
)
def test_a_first_line_that_is_a_row_already_is_one_and_the_columns_are_called_by_their_places(content, filename):
    table = upload(content, filename)
    assert table.frame.columns == [f"column {number}" for number in range(1, table.frame.width + 1)]
    assert (table.frame.height, table.lines, table.ragged, table.has_names) == (2, [1, 2], {}, False)


def test_a_last_cell_with_nothing_in_it_is_a_cell():
    table = upload("1,30.8,\n0,58.6,4.4\n")
    assert (table.frame.rows(), table.ragged) == ([("1", "30.8", ""), ("0", "58.6", "4.4")], {})


def test_a_first_line_that_only_says_the_delimiter_is_taken_at_its_word():
    table = upload("sep=;\nname,first;age\nAda;36\n")
    assert (table.frame.columns, table.frame.rows(), table.lines) == (["name,first", "age"], [("Ada", "36")], [3])
    with pytest.raises(SourceError, match="no clients below it"):
        upload("sep=;\n")


@pytest.mark.parametrize("names", ["0,1,2,3", "id,2019,2020,2021", "age,income,90,status", "1,id,30,status"])
def test_numbers_may_be_names(names):
    table = upload(f"{names}\na,b,c,d\n" if "status" in names else f"{names}\n7,8,9,10\n")
    assert (table.frame.columns, table.frame.height) == (names.split(","), 1)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252", "latin-1"])
def test_umlauts_and_the_first_column_survive_every_usual_encoding(encoding):
    table = upload("name;Straße\nJürgen;Höfe\n".encode(encoding))
    assert table.frame.rows(named=True) == [{"name": "Jürgen", "Straße": "Höfe"}]


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_line_ends_of_every_system_are_read(line_end):
    table = upload(line_end.join(["a,b", "1,2", "3,4", ""]))
    assert table.frame.rows() == [("1", "2"), ("3", "4")]
    assert table.lines == [2, 3]


def test_each_row_knows_its_line_past_blank_lines_and_cells_of_several_lines():
    table = upload('\n\na,b\n1,"one\ntwo"\n\n , \n2,x\n')
    # Lines 1 and 2 are blank, names on 3, the first row on 4 and 5, blank 6 and 7, the second row on 8.
    assert table.lines == [4, 8]
    assert table.frame["b"].to_list() == ["one\ntwo", "x"]


def test_cells_stay_text_and_lose_only_the_blanks_around_them():
    table = upload("a,b\n 007 ,NA\n")
    assert table.frame.rows() == [("007", "NA")]


def test_rows_of_another_length_are_kept_and_marked():
    table = upload("a,b\n1\n1,2\n1,2,3\n1,2,,\n")
    # Blank cells past the last column are harmless; a third value is not.
    assert table.frame.rows() == [("1", ""), ("1", "2"), ("1", "2"), ("1", "2")]
    assert table.ragged == {1: 1, 3: 3}


def test_columns_without_a_name_get_one_and_empty_ones_at_the_end_go():
    assert upload(",a,,b,,\n0,1,2,3\n").frame.columns == ["column 1", "a", "column 3", "b"]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "'clients.csv' is empty"),
        (b"\n \r\n", "'clients.csv' is empty"),
        (b"\xef\xbb\xbf", "'clients.csv' is empty"),
        (b"a,b\n", "no clients below it. Add one line for each client"),
        (b"%PDF-1.7 ...", "is a PDF document, not a table. Ask for the table behind it as a CSV file or a"),
        (b"PK\x03\x04 clients.csv", "cannot be read as a workbook: it is damaged"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "is an Excel workbook"),
        (b"\x89PNG\r\n\x1a\n", "is a picture"),
        (b"\x1f\x8b\x08", "is a compressed file"),
        (b"<!DOCTYPE html><html>", "is a web page"),
        (b"a,b\n1,\x002\n", "holds binary data"),
        ("a,b\n1,2\n".encode("utf-16-le"), "holds binary data"),
        (bytes(range(256)), "holds binary data"),
        (b"\xff\xfea", "holds binary data"),
        (b"age,age,name\n1,2,3\n", "more than one column called 'age'. Rename or delete"),
        (b"A11,4,67,4\n", "holds numbers, so it seems to be a client already"),
        (b'a,b\n1,"2\n3,4\n', "line 2 of 'clients.csv' has a quotation mark that is never closed"),
        (b'a,b\n1,"2"x\n', "line 2 of 'clients.csv' has a quotation mark"),
        (b"a" * 200_001 + b"\n1\n", "the first line of 'clients.csv' is 200,002 characters long"),
        (b"," * 3_000 + b"a\n1\n", "has 3,001 columns"),
        (b"a\n" + b"1\n" * 101, "more than 100 rows"),
    ],
)
def test_what_is_not_a_table_gets_a_sentence_for_the_clerk(content, sentence):
    with pytest.raises(SourceError) as caught:
        upload(content)
    assert sentence in str(caught.value)
    assert str(caught.value).endswith(".")


def test_a_value_beyond_all_measure_gets_a_sentence_too():
    with pytest.raises(SourceError, match=r"line 2 of 'clients.csv' has .* a value of more than 131,072 characters"):
        upload("a,b\n1," + "x" * 200_000 + "\n")


def test_as_many_rows_as_allowed_are_read():
    assert upload("a\n" + "1\n" * 100).frame.height == 100


def test_many_rows_come_back_in_order():
    # More than one chunk of the parser, so that the seams are crossed.
    table = upload("a\n" + "".join(f"{number}\n" for number in range(45_000)), max_rows=50_000)
    assert table.frame["a"].to_list() == [str(number) for number in range(45_000)]
    assert table.lines == list(range(2, 45_002))


def test_the_real_semicolon_export_is_read(credit_data: Path):
    table = read_table(str(credit_data / "loan_prediction" / "variants" / "train_semicolon_reexport.csv"))
    assert table.frame.shape == (614, 13)
    assert table.ragged == {}


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("south_german_credit/SouthGermanCredit.asc", (1_000, 21)),
        ("home_credit/application_train_random1000.csv.gz", (1_000, 122)),
        ("home_credit/application_train_first5000.tsv.gz", (5_000, 123)),
        ("lending_club/accepted_2007_to_2018_random2000.csv.gz", (2_000, 151)),
    ],
)
def test_real_files_are_read_by_path_and_by_uri(credit_data: Path, name: str, shape: tuple[int, int]):
    path = credit_data / name
    table = read_table(path.as_uri())
    assert table.frame.shape == shape
    assert table.ragged == {}
    assert read_table(str(path)).frame.equals(table.frame)


def test_a_path_with_blanks_and_umlauts_works_as_a_uri(tmp_path: Path):
    path = tmp_path / "Kunden für März.csv.gz"
    path.write_bytes(gzip.compress(b"a,b\n1,2\n"))
    assert read_table(path.as_uri()).frame.rows() == [("1", "2")]


@pytest.mark.parametrize(
    ("uri", "sentence"),
    [
        ("/nowhere/clients.csv", "there is no file '/nowhere/clients.csv'"),
        ("clients.docx", "'clients.docx' is not a kind of file that can be read. Pass one ending in .csv"),
        ("mongodb://someone:hunter2@db/clients.csv", "sources that start with 'mongodb://' are not supported"),
        ("postgresql://someone:hunter2@db/loans?table=loans", "the source holds a user or a password"),
        ("postgresql://db/loans?table=loans&password=hunter2", "the source holds a user or a password"),
        ("POSTGRES://someone%40hunter2@db/loans", "the source holds a user or a password"),
        ("postgres:someone:hunter2@db/loans", "the source holds a user or a password"),
        ("postgresql://ada:2024#hunter2@db/loans?table=x", "the source holds a user or a password"),
        ("postgresql://ada:12/hunter2?@db/loans?table=x", "the source holds a user or a password"),
        ("host=db password=hunter2 dbname=loans", "the source holds a user or a password"),
        ("gs://someone:hunter2@bucket/loans.csv", "the source holds a user or a password"),
        ("postgresql://db:hunter2/loans?table=loans", "is not a URI that can be read"),
        ("postgresql://db/loans", "names neither a table nor a query. Expected postgresql://host:port/database?table="),
        ("postgresql://db/loans?sslmode=require", "names neither a table nor a query"),
    ],
)
def test_a_source_that_cannot_be_read_is_named_without_its_password(uri, sentence):
    with pytest.raises(SourceError) as caught:
        read_table(uri)
    assert sentence in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_a_query_may_look_for_an_at_sign():
    check_uri("postgresql://db/loans?query=select * from loans where note like '%@%'")


@pytest.mark.parametrize("uri", ["x" * 300 + ".csv", "~nobody-of-that-name/loans.csv"])
def test_a_name_that_no_system_takes_is_refused_with_a_sentence(uri):
    with pytest.raises(SourceError):
        read_table(uri)


def test_a_damaged_archive_is_called_damaged(tmp_path: Path):
    path = tmp_path / "clients.csv.gz"
    path.write_bytes(gzip.compress(b"a,b\n1,2\n")[:-9])
    with pytest.raises(SourceError, match="cannot be read"):
        read_table(str(path))


def test_records_become_texts_and_absent_keys_empty_cells():
    table = from_records([{"age": 36, "rate": 0.5, "ok": True}, {"age": None, "name": " Ada "}])
    assert table.frame.rows(named=True) == [
        {"age": "36", "rate": "0.5", "ok": "True", "name": ""},
        {"age": "", "rate": "", "ok": "", "name": "Ada"},
    ]
    assert table.lines == [1, 2]


@pytest.mark.parametrize(
    ("records", "sentence"),
    [
        ([], "no applications in the request"),
        ([{}], "are empty"),
        ([{"age": 36}, "Ada"], "application 2 is not an object"),
        ([{"age": [36]}], "field 'age' of application 1 holds a list"),
    ],
)
def test_records_that_are_none_get_a_sentence(records, sentence):
    with pytest.raises(SourceError, match=sentence):
        from_records(records)


def test_half_a_character_in_json_does_no_harm():
    assert from_records([{"name": "\ud800"}]).frame.rows() == [("?",)]


@pytest.mark.parametrize(
    ("cell", "shown"),
    [
        ("=HYPERLINK(A1)", "'=HYPERLINK(A1)"),
        ("+1+cmd|'/c calc'!A1", "'+1+cmd|'/c calc'!A1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "\t'=1"),
        (" =1", " '=1"),
        ("＝1", "'＝1"),
        ("x;=1;-2", "x;'=1;'-2"),
        ("x|\n @A1", "x|\n '@A1"),
        ('"=1"', '"\'=1"'),
        ("x:=1~-2^@3", "x:'=1~'-2^'@3"),
        ("x\u2028=1\x1f+2", "x\u2028'=1\x1f'+2"),
    ],
)
def test_signs_that_could_begin_a_formula_get_an_apostrophe(cell, shown):
    assert made_inert(cell) == shown
    assert made_inert(shown) == shown


@pytest.mark.parametrize(
    "cell", ["", "Ada", "12.5", "a=b", "0<=X<200", "a = b", "a -1", "at 10:30 -", "(+49) 30; extension 7"]
)
def test_other_cells_stay_as_they_are(cell):
    assert made_inert(cell) == cell


def made_inert(cell: str) -> str:
    return pl.DataFrame({"cell": [cell]}).select(escape_formula(pl.col("cell"))).item()


# Other formats


LOANS = pl.DataFrame(
    {
        "name": ["Ada", None, " Grace "],
        "children": [1, None, 3],
        "income": [1200.0, None, 900.0],
        "rate": [0.1, float("nan"), 2.5],
        "since": [date(2020, 1, 31), None, date(2021, 2, 28)],
        "seen": [datetime(2020, 1, 31, 8, 30), None, datetime(2021, 2, 28)],
        "owns": [True, False, None],
    }
)


def test_parquet_becomes_text_as_people_write_it(tmp_path: Path):
    LOANS.write_parquet(tmp_path / "loans.parquet")
    table = read_table(str(tmp_path / "loans.parquet"))
    assert table.texts.rows() == [
        ("Ada", "1", "1200", "0.1", "2020-01-31", "2020-01-31T08:30:00.000000", "true"),
        ("", "", "", "", "", "", "false"),
        ("Grace", "3", "900", "2.5", "2021-02-28", "2021-02-28T00:00:00.000000", ""),
    ]
    assert list(table.lines) == [1, 2, 3]


@pytest.mark.parametrize(
    ("frame", "sentence"),
    [
        (pl.DataFrame({"a": [[1, 2]]}), "column 'a' of 'loans.parquet' holds lists, objects or binary data"),
        (pl.DataFrame({"a": [b"x"]}), "column 'a' of 'loans.parquet' holds lists, objects or binary data"),
        (pl.DataFrame({"a": []}, schema={"a": pl.Int64}), "'loans.parquet' has no rows"),
    ],
)
def test_parquet_that_is_no_table_of_values_is_a_sentence(tmp_path: Path, frame: pl.DataFrame, sentence: str):
    frame.write_parquet(tmp_path / "loans.parquet")
    with pytest.raises(SourceError, match=sentence):
        read_table(str(tmp_path / "loans.parquet"))


def test_spans_of_time_in_parquet_are_counted_in_days(tmp_path: Path):
    pl.DataFrame({"employed": [timedelta(days=400), None]}).write_parquet(tmp_path / "loans.parquet")
    assert read_table(str(tmp_path / "loans.parquet")).texts["employed"].to_list() == ["400", ""]


@pytest.mark.parametrize("content", [b"", b"a,b\n1,2\n", b"PAR1", b"PAR1" + bytes(100) + b"PAR1"])
def test_what_only_calls_itself_parquet_is_a_sentence(tmp_path: Path, content: bytes):
    (tmp_path / "loans.parquet").write_bytes(content)
    with pytest.raises(SourceError, match="cannot be read as a Parquet file"):
        read_table(str(tmp_path / "loans.parquet"))


ARFF = """% German credit\r
@relation 'german credit'\r
\r
@ATTRIBUTE 'checking status' {'<0', '0<=X<200', 'no checking'}\r
@attribute Age numeric\r
@attribute purpose {radio/tv, 'it\\'s a car', "a \\"new\\" one"}\r
@attribute class {good,bad}\r
@data\r
'<0', 67, radio/tv, good\r
% in between\r
'0<=X<200',22,'it\\'s a car',bad\r
'no checking',?,"a \\"new\\" one",good\r
'<0',40\r
"""


def test_arff_is_read_with_its_quotation_marks_and_lines(tmp_path: Path):
    (tmp_path / "credit.arff.gz").write_bytes(gzip.compress(ARFF.encode()))
    table = read_table(str(tmp_path / "credit.arff.gz"))
    assert table.frame.columns == ["checking status", "Age", "purpose", "class"]
    assert table.frame.rows() == [
        ("<0", "67", "radio/tv", "good"),
        ("0<=X<200", "22", "it's a car", "bad"),
        ("no checking", "?", 'a "new" one', "good"),
        ("<0", "40", "", ""),
    ]
    assert table.lines == [9, 11, 12, 13]
    assert table.ragged == {4: 2}


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("a,b\n1,2\n", "is not an ARFF file"),
        ("@relation x\n@attribute a real\n@attribute a real\n@data\n1,2\n", "each with a name of its own"),
        ("@attribute a real\n@data\n{0 1}\n", "is a sparse ARFF file"),
        ("@attribute a real\n@data\n", "has no rows below @data"),
        ("@attribute a real\n@data\n1\n'2\n", "line 4 of 'x.arff' has a quotation mark"),
    ],
)
def test_arff_that_cannot_be_read_is_a_sentence(tmp_path: Path, content: str, sentence: str):
    (tmp_path / "x.arff").write_text(content)
    with pytest.raises(SourceError, match=sentence):
        read_table(str(tmp_path / "x.arff"))


def test_a_small_file_that_unpacks_without_end_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(files, "MAX_BYTES", 2**20)
    monkeypatch.setattr(files, "_CHUNK_BYTES", 2**16)
    path = tmp_path / "loans.csv.gz"
    path.write_bytes(gzip.compress(b"a,b\n" + b"1,2\n" * 2**19))
    assert path.stat().st_size < 2**16
    with pytest.raises(SourceError, match=r"'loans.csv.gz' holds more than .* once unpacked"):
        read_table(str(path))
    path.write_bytes(gzip.compress(b"a,b\n") + gzip.compress(b"1,2\n"))
    assert read_table(str(path)).frame.rows() == [("1", "2")]


def test_trailing_rubbish_and_a_cut_file_are_called_damaged(tmp_path: Path):
    packed = gzip.compress(b"a,b\n1,2\n")
    for content in (packed[:-9], packed + b"rubbish", b"a,b\n1,2\n", b""):
        (tmp_path / "loans.csv.gz").write_bytes(content)
        with pytest.raises(SourceError, match=r"damaged|empty"):
            read_table(str(tmp_path / "loans.csv.gz"))


def test_days_beyond_the_calendar_are_numbers_that_nobody_reads_as_a_day():
    days = pl.Series([-800_000_000, 0, None, 2_932_896], dtype=pl.Int32).cast(pl.Date)
    assert as_text(days).to_list() == ["-800000000", "1970-01-01", "", "9999-12-31"]
    times = pl.Series([2**63 - 1, 0], dtype=pl.Int64).cast(pl.Datetime("us"))
    assert as_text(times).to_list() == ["9223372036854775807", "1970-01-01T00:00:00.000000"]


@pytest.mark.parametrize(
    "above",
    ["Loans by region, as of May\n", "Loans;;\n\n", "Report of 31.12.2019\nBranch 7;;\n;;\n", "sep=;\n"],
)
def test_titles_above_the_names_are_no_names(above):
    table = parse_upload(f"{above}income;age;BAD\n1,5;40;0\n2,5;41;1\n".encode(), filename="l.csv", max_rows=9)
    assert table.frame.columns == ["income", "age", "BAD"]
    assert table.lines[0] == above.count("\n") + 2
    assert table.frame.row(0) == ("1,5", "40", "0")


@pytest.mark.parametrize(("sign", "words"), [(" ", "blanks"), ("   ", "blanks"), ("^", "the sign ^")])
def test_cells_that_are_divided_by_something_else_are_named_and_quote_nobody(sign, words):
    rows = [("1820.47", "3", "1"), ("2826.80", "2", "0")]
    with pytest.raises(SourceError, match=re.escape(f"divided by {words}. Expected commas")) as caught:
        parse_upload("\n".join(map(sign.join, rows)).encode(), filename="l.csv", max_rows=9)
    assert "1820" not in str(caught.value)
