"""What a clerk downloads: the words of the page, in the notation of the file."""

import csv
import io
from dataclasses import replace

import polars as pl
import pytest

from creditrisk.quality import check
from creditrisk.scoring import csv_text, result_table
from creditrisk.sources import parse_upload
from webapp.pages.download import in_words_of_the_page

ENGLISH = (
    b"client,age_years,amount_eur,income_eur,housing,Verdict\nA7,61,2000.50,52000,own,old\nA8,abc,2000,,rent,old\n"
)
GERMAN = ENGLISH.replace(b",", b";").replace(b".", b",")


@pytest.fixture
def downloaded(corner_scorer):
    def download(content: bytes) -> tuple[pl.DataFrame, str]:
        scorer = replace(corner_scorer, name="corner_lender", version="3")
        checked = check(parse_upload(content, filename="c.csv", max_rows=10), scorer.schema)
        table = result_table(checked.raw, scorer.score(checked.accepted), checked.rejected)
        words = in_words_of_the_page(table, "Corner lender v3", ask_below=scorer.rule.ask_below)
        return words, csv_text(words, has_decimal_commas=checked.has_decimal_commas)

    return download


def test_a_download_has_the_pages_words_and_none_of_the_stored_names(downloaded):
    words, text = downloaded(ENGLISH)
    offer, refused = words.to_dicts()
    assert (offer["Row"], offer["Verdict"], offer["Model"]) == (1, "Offer", "Corner lender v3")
    assert 0 <= offer["Likely from"] <= offer["Risk of 100"] <= offer["Likely to"] <= 100
    assert offer["How sure"].startswith(("well inside, ", "inside, ", "just inside, ", "too close, "))
    assert offer["Verdict (from your file)"] == "old"
    assert refused["Verdict"] is refused["Model"] is None
    assert "'abc' is not a number" in refused["Not scored because"]
    assert not {"prob_default", "approve", "green", "corner_lender"} & {*text.replace('"', "").split(",")}


def test_a_download_is_written_as_the_file_was(downloaded):
    [comma, point] = [list(csv.reader(io.StringIO(downloaded(content)[1]), delimiter=sign)) for content, sign in
                      ((GERMAN, ";"), (ENGLISH, ","))]  # fmt: skip
    risk = point[0].index("Risk of 100")
    assert comma[0] == point[0]
    assert comma[1][risk].replace(",", ".") == point[1][risk]
    assert (comma[1][-4], point[1][-4]) == ("2000,50", "2000.50")


def test_a_column_that_is_called_as_a_stored_result_keeps_its_name(downloaded):
    words, _ = downloaded(ENGLISH.replace(b"Verdict", b"verdict"))
    assert words["verdict"].to_list() == ["old", "old"]
