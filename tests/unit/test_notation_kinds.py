"""Kinds of notation that lenders' files hold: learned from a column, then read in clients one by one."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import polars as pl
import pytest

from creditrisk.quality import check, currencies_in, date_format_of, notation_in, read_cells, unit_of
from creditrisk.quality.no_clients import no_clients
from creditrisk.schema import Field
from creditrisk.schema_inference import infer
from creditrisk.sources import parse_table


@pytest.mark.parametrize(
    ("texts", "numbers"),
    [
        (["(28.192,40) €", "152,39 €", "1.500,00 €"], [-28192.4, 152.39, 1500.0]),
        (["-28 192,40 €", "152,39 €", "1 500,00 €"], [-28192.4, 152.39, 1500.0]),
        (["R 56 425,73", "R 152,39", "R 1 500,00"], [56425.73, 152.39, 1500.0]),
        (["152,- Kč", "56 426,- Kč", "1 500,- Kč"], [152.0, 56426.0, 1500.0]),
        (["Fr. 354.-", "Fr. 1'234.-", "Fr. 999.-"], [354.0, 1234.0, 999.0]),
        (["Rs. 18,652/-", "Rs. 2,01,85,127/-", "Rs. 900/-"], [18652.0, 20185127.0, 900.0]),
        (["KES152/=", "KES56,426/=", "KES1,500/="], [152.0, 56426.0, 1500.0]),
        (["Ksh.152", "Ksh.56,426", "Ksh.1,500"], [152.0, 56426.0, 1500.0]),
        (["USD $152.39", "USD $56,425.73", "USD $1,500.00"], [152.39, 56425.73, 1500.0]),
        (["N152,000", "N56,426", "N1,500"], [152000.0, 56426.0, 1500.0]),
        (["138 887,39 kr", "79,92 kr", "1 500,00 kr"], [138887.39, 79.92, 1500.0]),
        (["3.00 lakh", "22.44 crore", "1.5 lakh"], [300000.0, 224400000.0, 150000.0]),
        (["318,8 Tsd. €", "2,5 Tsd. €", "1,5 Mio. €"], [318800.0, 2500.0, 1500000.0]),
        (["22.44bn", "30mn", "1.5bn"], [22.44e9, 30e6, 1.5e9]),
        (["%22,78", "%1,64", "%15,5"], [22.78, 1.64, 15.5]),
        (["22,78 % p.a.", "1,64 % p.a.", "15,5 % p.a."], [22.78, 1.64, 15.5]),
        ([",019", ",491", ",5"], [0.019, 0.491, 0.5]),
        (["\uff15\uff16\uff14", "\uff11\uff15", "\uff19"], [564.0, 15.0, 9.0]),
    ],
)
def test_amounts_are_learned_and_read_one_by_one(texts, numbers):
    column = pl.Series("amount", texts)
    field = Field("amount", "number", "Amount", unit=unit_of(column, min_share=0.98), is_required=False)
    field = replace(field, notation=notation_in(column, field))
    assert read_cells(column, field)[0].to_list() == pytest.approx(numbers)
    for text, number in zip(texts, numbers, strict=True):
        assert read_cells(pl.Series([text]), field)[0].to_list() == pytest.approx([number])


def test_letters_before_a_digit_or_two_are_a_code_and_no_currency():
    for texts in (["R1", "R2", "R5"], ["P1", "P12"], ["SR1", "SR2"]):
        assert unit_of(pl.Series(texts), min_share=0.98) == ""
        assert read_cells(pl.Series(texts), Field("grade", "number", "Grade"))[1] == [*range(len(texts))]


@pytest.mark.parametrize("n_times", [1, 40])
def test_per_cent_beside_a_part_of_one_is_a_hundredth_of_it(n_times):
    field = Field("card_use_share", "number", "Card use", is_required=False)
    values, unreadable = read_cells(pl.Series(["13 %", "13%", "0.25", "7.5 per cent", "5 EUR %"] * n_times), field)
    assert values.to_list()[:4] == [0.13, 0.13, 0.25, 0.075]
    assert unreadable == list(range(4, 5 * n_times, 5))
    with_commas, _ = read_cells(pl.Series(["13,5 %", "7,25 %", "0,5 %", "0,4"] * n_times), field)
    assert with_commas.to_list()[:4] == [0.135, 0.0725, 0.005, 0.4]


def test_several_currencies_in_a_column_are_asked_about_and_refused_cell_by_cell():
    amounts = ["€ 1.500,00", "$ 700.00"] * 60
    rows = "\n".join(f'"{amount}",{n * 7 % 90},{int(n % 5 == 0)}' for n, amount in enumerate(amounts))
    inferred = infer(
        parse_table(f"savings,score,BAD\n{rows}".encode(), filename="x.csv"), target="BAD", bad=["1"], name="x"
    )
    column = inferred.columns[0]
    assert (column.field.role, column.flag) == ("excluded", "currencies?")
    assert currencies_in(pl.Series(amounts)) == {"EUR", "USD"}
    known = Field("savings", "number", "Savings", unit="EUR")
    _, unreadable = read_cells(pl.Series(["€ 5", "$ 7", "9", "€ 4"]), known)
    assert unreadable == [1]


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("3T16", date(2016, 7, 1)),
        ("FY16Q3", date(2016, 7, 1)),
        ("16Q3", date(2016, 7, 1)),
        ("III/2016", date(2016, 7, 1)),
        ("Third Quarter 2016", date(2016, 7, 1)),
        ("3er trim. 2016", date(2016, 7, 1)),
        ("2. Halbjahr 2016", date(2016, 7, 1)),
        ("2016M07", date(2016, 7, 1)),
        ("Jul'16", date(2016, 7, 1)),
        ("Mär. 19", date(2019, 3, 1)),
        ("fev/2019", date(2019, 2, 1)),
        ("5 stycznia 2019", date(2019, 1, 5)),
        ("5 de enero de 2019", date(2019, 1, 5)),
        ("1er août 2020", date(2020, 8, 1)),
        ("4 Tem 2016", date(2016, 7, 4)),
        ("Mon, July 4, 2016", date(2016, 7, 4)),
        ("04JUL2016:00:00:00", date(2016, 7, 4)),
        ("2016-Jul-04", date(2016, 7, 4)),
        ("2016年7月4日", date(2016, 7, 4)),
        ("4. 7. 2016", date(2016, 7, 4)),
    ],
)
def test_times_in_words_are_read(text, day):
    assert read_cells(pl.Series([text]), Field("since", "date", "Since", is_required=False))[0].to_list() == [day]
    assert date_format_of(pl.Series([text, text.replace("16", "17")]), is_named=True, min_share=0.98) == ""


def test_what_would_lie_ahead_is_counted_since_another_day():
    as_sas, as_spss = pl.Series(["20641", "22000"]), pl.Series(["13686969600", "13786969600"])
    assert date_format_of(as_sas, is_named=True, min_share=0.98) == "days since 1960-01-01"
    assert date_format_of(as_spss, is_named=True, min_share=0.98) == "seconds since 1582-10-14"


@pytest.mark.parametrize(("yes", "no"), [("evet", "hayır"), ("kyllä", "ei"), ("是", "否"), ("✓", "✗"), ("1,0", "0,0")])
def test_yes_and_no_in_other_languages(yes, no):
    rows = "\n".join(f"{('yes', 'no')[n % 2]},{500 + n},{int(n % 5 == 0)}" for n in range(120))
    inferred = infer(
        parse_table(f"car,score,BAD\n{rows}".encode(), filename="x.csv"), target="BAD", bad=["1"], name="x"
    )
    later = parse_table(f'car,score\n"{yes}",550\n"{no}",560\n'.encode(), filename="y.csv")
    assert check(later, inferred.schema).accepted["car"].to_list() == ["yes", "no"]


def test_totals_footers_and_titles_between_clients_are_no_clients():
    rows = [f"K{n},{n * 7 % 900},rent,{n % 2}" for n in range(60)]
    rows[10:10] = ["Sous-total,3000,,"]
    rows[20:20] = ["Page 1 of 3,,,"]
    rows[30:30] = ["Branch Munich,,,"]
    rows += ["-----,-----,-----,-----", "Итого,25000,,", ",,,Seite 1 von 3"]
    table = parse_table(("client,balance,home,BAD\n" + "\n".join(rows)).encode(), filename="x.csv")
    assert sorted(no_clients(table)) == [10, 20, 30, 63, 64, 65]
