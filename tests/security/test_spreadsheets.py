"""No CSV of ours starts a formula by whatever a spreadsheet divides cells, and none loses what was uploaded."""

import csv
import io
import re

import polars as pl
import pytest
from click.testing import CliRunner
from hypothesis import example, given
from hypothesis import strategies as st

from creditrisk.quality import check
from creditrisk.scoring import csv_text, result_table
from creditrisk.sources import parse_upload
from riskometer.cli import main
from webapp.pages.template import template_csv

SIGNS = tuple("=+-@＝＋－＠")
BLANKS = ' "\t\r\n\u00a0\u200b\ufeff'
# By what cells may be divided; csv takes no ends of lines for that.
DIVIDERS = ",;\t|:~^\x01\x0b\x0c\x1c\x1e\x1f\x85\u2028\u2029；，｜："
NUMBER = re.compile(r"[+-]?\d+([.,'’ \u00a0\u202f]\d+)*(e[+-]?\d+)?", re.IGNORECASE)
# What people type, thick with everything that divides cells, hides a sign or is one.
ODD = st.text(st.sampled_from([*SIGNS, *BLANKS, *DIVIDERS, *"'1.5aé（"]), max_size=12)
PLAIN = st.text(
    st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="".join(SIGNS) + "﹦﹢﹣﹫⁼⁺₌₊"), max_size=12
)


def cells_of(text: str, delimiter: str, quoting: int) -> list[str]:
    """Every cell that a program finds which divides by `delimiter` and heeds quotation marks, or does not."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, quoting=quoting)
    return [cell for row in reader for cell in row]


def formulas_in(text: str) -> list[str]:
    found = []
    for delimiter in DIVIDERS:
        for quoting in (csv.QUOTE_MINIMAL, csv.QUOTE_NONE):
            for cell in cells_of(text, delimiter, quoting):
                bare = cell.strip(BLANKS)
                if bare.startswith(SIGNS) and not NUMBER.fullmatch(bare):
                    found.append(cell)
    return found


@given(st.lists(st.tuples(ODD, ODD, ODD), min_size=1, max_size=4), st.lists(ODD, min_size=3, max_size=3, unique=True))
@example([("x;=1+1", "-5", "a\t=1+1")], ["h", "=h", "h|@h"])
@example([("x:=1+1", "x~@A1", "x^ -A1"), ("x\u2028=1+1", "x\x1f=1+1", "x\x0b\u2029=1")], ["h:=h", "~=h", "^=h"])
@example([("-5", 'x;"=1+1"', "x;;\t=1")], ["-5", "'=h", "h\n+h"])
def test_no_cell_of_our_csv_starts_a_formula_whatever_divides_cells(rows, names):
    table = pl.DataFrame(rows, schema=dict.fromkeys(names, pl.String), orient="row")
    assert formulas_in(csv_text(table)) == []


@given(st.lists(st.tuples(PLAIN, PLAIN, PLAIN), min_size=1, max_size=4))
def test_a_csv_of_ours_is_read_again_as_it_was_written(rows):
    stripped = pl.DataFrame(rows, schema=dict.fromkeys(["the id", "a; b|c", 'say "so"'], pl.String), orient="row")
    table = stripped.select(pl.all().str.strip_chars()).filter(pl.any_horizontal(pl.all() != ""))
    if table.is_empty():
        return
    again = parse_upload(csv_text(table).encode(), filename="ours.csv", max_rows=9).frame
    assert again.columns == table.columns
    assert again.rows() == table.rows()


@pytest.mark.parametrize("number", ["-12.5", "+3", "-1e-05", "-12,5", "-1.234,50", "-1'000", "7"])
def test_a_number_of_the_clients_own_stays_a_number(number):
    text = csv_text(pl.DataFrame({"id": ["A"], "balance": [number]}))
    [row] = csv.DictReader(io.StringIO(text))
    assert row["balance"] == number


FILE = b"""client;age_years;amount_eur;income_eur;housing;note;=head;balance
"A;=cmd|'/c calc'!A0";61;2000;52000;own;"x;=HYPERLINK(""http://x"")";1;-12.5
@SUM(A1);old;2000;52000;own;"1\t=1+1";2;3
-7;130;2000;52000;own;"two\n+1+1";3;-4
"""


def test_the_result_of_a_hostile_file_is_inert_in_every_spreadsheet(corner_scorer):
    checked = check(parse_upload(FILE, filename="c.csv", max_rows=9), corner_scorer.schema)
    scored = corner_scorer.score(checked.accepted)
    text = csv_text(result_table(checked.raw, scored, checked.rejected))
    assert formulas_in(text) == []
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [row["application_id"] for row in rows] == ["A;'=cmd|'/c calc'!A0", "", "'-7"]
    assert [row["balance"] for row in rows] == ["-12.5", "3", "-4"]
    assert rows[0]["note"] == 'x;\'=HYPERLINK("http://x")'
    assert rows[0]["'=head"] == "1"


def test_a_result_scored_again_gives_the_same_risk(corner_scorer):
    file = FILE.replace(b"A;=cmd|'/c calc'!A0", b"A7")
    checked = check(parse_upload(file, filename="c.csv", max_rows=9), corner_scorer.schema)
    scored = corner_scorer.score(checked.accepted)
    text = csv_text(result_table(checked.raw, scored, checked.rejected))
    again = check(parse_upload(text.encode(), filename="again.csv", max_rows=9), corner_scorer.schema)
    assert corner_scorer.score(again.accepted)["prob_default"].equals(scored["prob_default"])
    assert [rejection.fault for rejection in again.rejected] == [rejection.fault for rejection in checked.rejected]


def test_template_and_simulated_applicants_quote_their_texts(corner_scorer, tmp_path):
    header, example = template_csv(corner_scorer).splitlines()
    assert header == '"Client number","Age","Loan amount","Income","Housing"'
    assert example.startswith('"EXAMPLE: replace this row",')
    out = tmp_path / "applicants.csv"
    done = CliRunner().invoke(main, ["simulate", "--rows", "3", "--output", str(out)])
    assert done.exit_code == 0, done.output
    header, first, *_ = out.read_text().splitlines()
    assert header.startswith('"application_id","application_date"')
    assert first.startswith('"')
    assert formulas_in(out.read_text()) == []
