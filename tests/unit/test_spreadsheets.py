"""Workbooks as clerks and lenders send them: the same clients as in the CSV, and nothing that harms."""

import csv
import io
import re
import zipfile
from datetime import date, datetime
from pathlib import Path

import polars as pl
import pytest
import xlsxwriter

from creditrisk.errors import SourceError
from creditrisk.quality import check
from creditrisk.sources import parse_upload, read_blocks, read_table

NAMES = ["client", "age_years", "amount_eur", "income_eur", "housing"]
ROWS = [["A7", 61, 2000.700000000001, 52_000, "own"], ["A8", 33, 0.7000000000000001, 61_000.25, "rent"]]
NUMBER = '<table:table-cell office:value-type="float" office:value="{0}"><text:p>{0}</text:p></table:table-cell>'
TEXT = '<table:table-cell office:value-type="string"><text:p>{}</text:p></table:table-cell>'


def workbook(*sheets, formats=()):
    """A workbook of sheets, each a name and rows of values."""
    out = io.BytesIO()
    with xlsxwriter.Workbook(out, {"in_memory": True}) as book:
        for name, rows in sheets:
            sheet = book.add_worksheet(name)
            day, percent = book.add_format({"num_format": "dd.mm.yyyy"}), book.add_format({"num_format": "0%"})
            for number, cells in enumerate(rows):
                for column, cell in enumerate(cells):
                    kind = day if isinstance(cell, date) else percent if column in formats else None
                    sheet.write(number, column, cell, kind)
    return out.getvalue()


def ods(rows, *, more=""):
    """A workbook of the other kind, with the empty cells and rows that programs write behind a table."""
    texts = "".join(
        "<table:table-row>"
        + "".join((TEXT if isinstance(cell, str) else NUMBER).format(cell) for cell in cells)
        + '<table:table-cell table:number-columns-repeated="16379"/></table:table-row>'
        for cells in rows
    )
    empty = (
        '<table:table-row table:number-rows-repeated="1048570">'
        '<table:table-cell table:number-columns-repeated="16384"/></table:table-row>'
    )
    spaces = " ".join(
        f'xmlns:{prefix}="urn:oasis:names:tc:opendocument:xmlns:{prefix}:1.0"' for prefix in ("office", "table", "text")
    )
    return zipped(
        {
            "mimetype": "application/vnd.oasis.opendocument.spreadsheet",
            "META-INF/manifest.xml": '<m:manifest xmlns:m="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0"/>',
            "content.xml": f'<?xml version="1.0" encoding="UTF-8"?><office:document-content {spaces}><office:body>'
            f'<office:spreadsheet><table:table table:name="Loans">{texts}{more}{empty}</table:table>'
            "</office:spreadsheet></office:body></office:document-content>",
        }
    )


def zipped(parts):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return out.getvalue()


def as_csv(rows):
    out = io.StringIO()
    csv.writer(out).writerows(rows)
    return out.getvalue().encode()


def upload(content, filename="clients.xlsx"):
    return parse_upload(content, filename=filename, max_rows=1_000)


@pytest.mark.parametrize("content", [workbook(("Loans", [NAMES, *ROWS])), ods([NAMES, *ROWS])], ids=["xlsx", "ods"])
def test_a_workbook_gives_the_risks_of_its_csv_to_the_last_bit(corner_scorer, content):
    wanted = check(upload(as_csv([NAMES, *ROWS]), "clients.csv"), corner_scorer.schema)
    checked = check(upload(content), corner_scorer.schema)
    assert checked.accepted.equals(wanted.accepted)
    assert corner_scorer.score(checked.accepted).equals(corner_scorer.score(wanted.accepted))


def test_cells_are_what_they_hold():
    rows = [
        ["Loans, as of May"],
        [],
        ["id", "share", "on", "at", "ok", "note", "error", "mixed"],
        ["007", 0.05, date(2024, 3, 1), datetime(2024, 3, 1, 12, 30), True, "two\nlines", "=NA()", 1.5],
        [12345678901234567890, 1e-7, date(2024, 3, 2), datetime(2024, 3, 2), False, "1,5", "=NA()", "n/a"],
    ]
    table = upload(workbook(("Loans", rows), formats=(1,)))
    assert table.frame.columns == rows[2]
    first, second = table.frame.rows()
    assert first == ("007", "0.05", "2024-03-01", "2024-03-01 12:30:00", "true", "two lines", "0", "1.5")
    assert second[1:6] == ("1e-7", "2024-03-02", "2024-03-02 00:00:00", "false", "1,5")
    assert (second[7], table.lines) == ("n/a", [4, 5])


def test_the_first_sheet_with_a_table_is_read_and_named(corner_scorer):
    sheets = [("About", [["Loans of May"]]), ("Loans", [NAMES, *ROWS]), ("More", [["x", "y"], [1, 2]])]
    table = upload(workbook(*sheets))
    assert table.frame.height == 2
    assert check(table, corner_scorer.schema).read_as.startswith("Of the 3 sheets of the file, 'Loans' was read.")


def test_a_workbook_is_a_source_as_any_other(tmp_path: Path):
    path = tmp_path / "loans.xlsx"
    path.write_bytes(workbook(("Loans", [NAMES, *ROWS])))
    whole = read_table(str(path))
    assert pl.concat([block.frame for block in read_blocks(str(path), 1)]).equals(whole.frame)


def damaged_sheet(old, new):
    with zipfile.ZipFile(io.BytesIO(workbook(("Loans", [NAMES, *ROWS])))) as archive:
        parts = {name: archive.read(name).decode() for name in archive.namelist()}
    return zipped({name: part.replace(old, new) for name, part in parts.items()})


FAR_COLUMN = '<table:table-row table:number-rows-repeated="1000000">' + NUMBER.format(1) * 30 + ("</table:table-row>")


LONG_ROWS = '<table:table-row table:number-rows-repeated="50000">' + TEXT.format("x" * 9_000) + "</table:table-row>"
# Cells without a place, beside as many things that have one.
UNPLACED = "<row>" + """<c x=" r='A1'"/>""" * 9_000 + "</row>"


def shared_text(n_chars, n_cells):
    """A workbook in which many cells show one long text, which is sent once."""
    with zipfile.ZipFile(io.BytesIO(workbook(("Loans", [["text", "b"]])))) as archive:
        parts = {name: archive.read(name).decode() for name in archive.namelist()}
    rows = "".join(f'<row r="{row}"><c r="A{row}" t="s"><v>0</v></c></row>' for row in range(2, n_cells + 2))
    sheet, texts = "xl/worksheets/sheet1.xml", "xl/sharedStrings.xml"
    return zipped(
        parts
        | {
            sheet: parts[sheet].replace("</sheetData>", rows + "</sheetData>"),
            texts: parts[texts].replace("text", "x" * n_chars),
        }
    )


# Made where they are tested: each test process collects this list.
@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (
            lambda: b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + "EncryptedPackage".encode("utf-16-le"),
            "is protected by a password",
        ),
        (lambda: b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "workbook of the old kind (.xls)"),
        (lambda: zipped({"clients.csv": "a,b"}), "is a zip archive"),
        (lambda: zipped({"xl/workbook.bin": ""}), "binary Excel workbook (.xlsb)"),
        (lambda: zipped({"xl/workbook.xml": ""}), "is damaged"),
        (lambda: b"PK\x03\x04", "is damaged"),
        (lambda: workbook(("Loans", [])), "is empty"),
        (lambda: zipped({"xl/workbook.xml": "", "xl/a.xml": " " * 70_000_000}), "would unpack to more"),
        (lambda: workbook(("Loans", [["a"], *[[]] * 1_048_574, [""] * 16_383 + ["b"]])), "would unpack to more"),
        (lambda: damaged_sheet('r="A1"', 'r="&#65;1"'), "is damaged"),
        (
            lambda: damaged_sheet(
                "<sheetData>", "<sheetData>" + "<row>" + "<c/>" * 9_000 + "</row>" * 1 + "<row/>" * 9_000
            ),
            "more",
        ),
        (lambda: damaged_sheet("<worksheet", "<!DOCTYPE x [<!ENTITY a 'b'>]><worksheet"), "is damaged"),
        (lambda: damaged_sheet('encoding="UTF-8"', 'encoding="Sütterlin"'), "is damaged"),
        (lambda: damaged_sheet('encoding="UTF-8"', 'encoding="utf-7"'), "is damaged"),
        (lambda: damaged_sheet('encoding="UTF-8"', 'encoding="hex"'), "is damaged"),
        (lambda: damaged_sheet('<c r="A2" t="s">', '<c t="s"r="XFD1048576">'), "would unpack to more"),
        (
            lambda: damaged_sheet("</sheetData>", UNPLACED + '<row r="1048576"><c r="A1048576"/></row></sheetData>'),
            "more",
        ),
        (lambda: shared_text(30_000, 10_000), "would unpack to more"),
        (lambda: ods([NAMES], more=FAR_COLUMN), "would unpack to more"),
        (lambda: ods([NAMES], more=LONG_ROWS), "would unpack to more"),
        (
            lambda: ods(["a"], more=LONG_ROWS.replace("x" * 9_000, '<text:s text:c="300000000"/>')),
            "would unpack to more",
        ),
        (lambda: ods([NAMES], more=FAR_COLUMN.replace("1000000", "1&#48;00000")), "is damaged"),
    ],
)
def test_what_is_no_workbook_or_would_fill_the_memory_is_a_sentence(make, sentence):
    with pytest.raises(SourceError) as caught:
        upload(make())
    assert sentence in str(caught.value)
    assert str(caught.value).startswith("'clients.xlsx' ")


def test_a_text_that_many_cells_share_is_read_where_it_is_short_or_rare():
    assert upload(shared_text(200, 1_000)).frame.height == 1_000
    rows = [*ROWS, *[[f"B{number}", 33, 1, 1, "rent"] for number in range(200)]]
    noted = [
        [*NAMES, "note"],
        *[[*row, 'r = 0.5, r="A1" t="s"' if number else "x" * 30_000] for number, row in enumerate(rows)],
    ]
    assert upload(workbook(("Loans", noted))).frame.height == 202


@pytest.mark.parametrize("said", ['uniqueCount="92147483648"', "count = \"92147483648\" uniqueCount='92147483648'"])
def test_no_room_is_made_for_texts_that_a_workbook_only_says_it_has(said):
    counted = damaged_sheet("<sst ", f"<sst {said} ")
    texts = zipfile.ZipFile(io.BytesIO(counted)).read("xl/sharedStrings.xml")
    assert texts.count(b"uniqueCount") == 2
    assert upload(counted).frame.equals(upload(workbook(("Loans", [NAMES, *ROWS]))).frame)


def test_shared_texts_are_measured_however_their_part_is_spelt():
    with zipfile.ZipFile(io.BytesIO(shared_text(30_000, 10_000))) as archive:
        parts = {name.replace("sharedStrings", "SharedStrings"): archive.read(name) for name in archive.namelist()}
    with pytest.raises(SourceError, match="would unpack to more"):
        upload(zipped(parts))


@pytest.mark.parametrize("make", [lambda: workbook(("Loans", [NAMES, *ROWS])), lambda: ods([NAMES])])
def test_a_part_that_was_cut_off_anywhere_is_refused_and_not_read_for_ever(make):
    with zipfile.ZipFile(io.BytesIO(make())) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    for name, part in parts.items():
        if name.endswith((".xml", ".rels")):
            # Behind a mark the library waits for the next one, inside of one it stumbles.
            for end in [mark.end() for mark in re.finditer(b">", part.rstrip())][:-1]:
                with pytest.raises(SourceError, match=r"is damaged|would unpack to more"):
                    upload(zipped(parts | {name: part[:end]}))


def test_an_archive_that_understates_its_size_unpacks_no_further():
    content = bytearray(zipped({"xl/workbook.xml": "x" * 50_000}))
    place = content.rindex(b"PK\x01\x02")
    content[place + 24 : place + 28] = (10).to_bytes(4, "little")
    with pytest.raises(SourceError, match="is damaged"):
        upload(bytes(content))


def test_what_is_called_a_workbook_and_is_none_is_damaged():
    with pytest.raises(SourceError, match=r"'c.xlsx' cannot be read as a workbook: it is damaged. Save it again"):
        parse_upload(bytes(range(256)), filename="c.xlsx", max_rows=10)
