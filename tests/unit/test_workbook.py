"""What a clerk downloads as a workbook or Parquet file, and the template."""

import io
import zipfile
from dataclasses import replace

import polars as pl

from creditrisk.quality import check
from creditrisk.sources import parse_upload
from webapp.pages.template import template_csv, template_workbook
from webapp.pages.workbook import workbook

CSV = (
    b"client,age_years,amount_eur,income_eur,housing,note\nA7,61,2000.50,52000,own,=1+1\n007,abc,2000,,rent,http://x\n"
)


def read(content, filename="c.xlsx"):
    return parse_upload(content, filename=filename, max_rows=9)


def test_a_result_is_the_same_in_all_three_formats_and_runs_nothing(client):
    name = client.post("/uploads", data=CSV, content_type="application/octet-stream").json["upload"]
    csv, book, parquet = (client.get(f"/uploads/{name}/result.{kind}") for kind in ("csv", "xlsx", "parquet"))
    assert (csv.status_code, book.status_code, parquet.status_code) == (200, 200, 200)
    assert book.headers["Content-Disposition"] == "attachment; filename=clients-scored.xlsx"
    table, frame = read(book.data).frame, pl.read_parquet(io.BytesIO(parquet.data))
    wanted = read(csv.data, "c.csv").frame
    assert table.columns == wanted.columns == frame.columns
    for column in ("Verdict", "Risk of 100", "How sure", "Not scored because", "client", "income_eur"):
        assert table[column].to_list() == wanted[column].to_list()
    assert table["note"].to_list() == ["=1+1", "http://x"]
    sheet = zipfile.ZipFile(io.BytesIO(book.data)).read("xl/worksheets/sheet1.xml")
    assert b"<f>" not in sheet
    assert b"hyperlink" not in sheet
    assert b"<v>52000</v>" in sheet


def test_numbers_in_texts_become_cells_of_numbers_only_where_nothing_is_lost(tmp_path):
    table = pl.DataFrame({"id": ["007", "1"], "long": ["12345678901234567890"] * 2, "share": ["0,5", ""]})
    read_again = read(workbook({"Clients": table}, tmp_path, has_decimal_commas=True)).frame
    assert read_again.rows() == [("007", "12345678901234567890", "0.5"), ("1", "12345678901234567890", "")]
    assert list(tmp_path.iterdir()) == []


def test_a_template_holds_an_example_and_what_is_allowed(corner_scorer, tmp_path):
    schema = corner_scorer.schema
    for table in (
        read(template_workbook(corner_scorer, tmp_path)),
        read(template_csv(corner_scorer).encode(), "c.csv"),
    ):
        # As a client's, its cells could be scored; forgotten in a file it is set aside, and that is said.
        named = replace(table, frame=table.frame.with_columns(pl.lit("A7").alias(table.frame.columns[0])))
        checked, forgotten = check(named, schema), check(table, schema)
        assert (checked.rejected, checked.accepted["problems"].to_list()) == ([], [[]])
        assert forgotten.accepted.is_empty()
        [said] = forgotten.rejected
        assert "the line is the example of the template, no client" in said.sentence
    parts = zipfile.ZipFile(io.BytesIO(template_workbook(corner_scorer, tmp_path)))
    texts = b"".join(parts.read(part) for part in parts.namelist())
    assert b"a whole number of years from 18 to" in texts
