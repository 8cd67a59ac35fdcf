"""German credit: every file in circulation gives one table, and no file with another coding gets through."""

from __future__ import annotations

import gzip
import hashlib
import json
import socket
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from creditrisk import datasets
from creditrisk.datasets.german_credit import NAMES, SOUTH_GERMAN, fetch, prepare, read
from creditrisk.errors import SchemaError, SourceError
from creditrisk.quality import Checked, check
from creditrisk.schema import Schema
from creditrisk.sources import parse_upload, read_table

SCHEMA = datasets.load_schema("german_credit")
FILES = (
    "german_credit/german.data",
    "german_credit/variants/german.one-trailing-space.data",
    "german_credit/variants/german.tabs-leading-blank-line.data",
    "credit_g/credit-g.csv",
)


def checked(source: Path | str) -> Checked:
    return check(read(str(source)), SCHEMA, with_target=True)


@pytest.mark.parametrize("name", FILES)
def test_every_file_in_circulation_gives_the_same_table(credit_data: Path, name: str):
    result = checked(credit_data / name)
    reference = checked(credit_data / FILES[0])
    assert result.accepted.schema == reference.accepted.schema
    assert result.accepted.equals(reference.accepted)
    assert result.accepted.shape == (1_000, 1 + 20 + 1 + 1)
    assert result.accepted["default"].sum() == 300
    assert result.accepted.null_count().sum_horizontal().item() == 0
    assert result.rejected == []
    assert result.accepted["problems"].list.len().sum() == 0


def test_the_first_two_rows_are_what_the_file_says(credit_data: Path):
    first, second = checked(credit_data / FILES[0]).accepted.head(2).rows(named=True)
    # A11 6 A34 A43 1169 A65 A75 4 A93 A101 4 A121 67 A143 A152 2 A173 1 A192 A201 1
    assert (first["checking_account"], first["duration_months"], first["credit_amount_dm"]) == ("A11", 6, 1169.0)
    assert (first["age_years"], first["installment_rate"], first["default"]) == (67, "4", 0)
    assert (second["purpose"], second["telephone"], second["default"]) == ("A43", "A191", 1)


def test_the_lines_are_those_of_the_file(credit_data: Path):
    assert read(str(credit_data / FILES[0])).lines[:2] == [1, 2]
    assert read(str(credit_data / FILES[2])).lines[:2] == [2, 3]  # an empty line comes first
    assert read(str(credit_data / FILES[3])).lines[:2] == [2, 3]  # the names come first


def test_the_codes_carry_the_numbers_of_the_corrected_table(credit_data: Path):
    """Labels are worded after the corrected file, which holds the same loans with the codes 1, 2, 3 and so on."""
    lines = (credit_data / "south_german_credit" / "SouthGermanCredit.asc").read_text().splitlines()[1:]
    corrected = pl.DataFrame([line.split() for line in lines], schema=list(NAMES), orient="row")
    ours = checked(credit_data / FILES[0]).accepted.with_columns(credit_risk=1 - pl.col("default"))
    key = ["duration_months", "credit_amount_dm", "age_years", "credit_risk"]
    as_numbers = pl.col(key).cast(pl.Float64)
    both = ours.with_columns(as_numbers).join(corrected.with_columns(as_numbers), on=key, suffix="_corrected")
    assert len(both) == 990  # in the other ten loans one of these numbers was corrected

    # The two that the corrected file counts the other way: A201 is its 2 (not foreign), 1 is its 2 (0 to 2 people).
    turned = {"foreign_worker": {"1": "2", "2": "1"}, "dependants": {"1": "2", "2": "1"}}
    for position, field in enumerate(SCHEMA.fields, start=1):
        if field.type == "category":
            # A43 is attribute 4, number 3; A410 is attribute 4, number 10; A121 is attribute 12, number 1.
            number = {known.value: known.value.removeprefix(f"A{position}") for known in field.categories}
            theirs = {code: turned.get(field.name, {}).get(number[code], number[code]) for code in number}
            agreed = (both[field.name].replace(theirs) == both[f"{field.name}_corrected"]).mean()
            # Single cells were corrected, most of them (34) in other_installment_plans.
            assert agreed is not None
            assert agreed > 0.96, field.name


def test_no_spelling_means_two_categories():
    # The old texts say "rent" for what is rent-free, so a corrected label must never be spelt like an old text.
    for field in SCHEMA.fields:
        spellings = [
            {spelling.casefold() for spelling in (category.value, category.label, *category.aliases)}
            for category in field.categories
        ]
        assert sum(map(len, spellings)) == len(set().union(*spellings)), field.name


def test_a_clerk_may_send_the_words_instead_of_the_codes(credit_data: Path):
    accepted = checked(credit_data / FILES[0]).accepted.head(50)
    rows = [
        ",".join('"' + SCHEMA.field(name).category_label(str(row[name])) + '"' for name in NAMES[:-1])
        for row in accepted.rows(named=True)
    ]
    header = ",".join('"' + field.label + '"' for field in SCHEMA.fields)
    content = "\n".join([header, *rows]).encode()
    result = check(parse_upload(content, filename="clients.csv", max_rows=100), SCHEMA)
    assert result.accepted.equals(accepted.drop("default"))


def test_scoring_needs_neither_the_outcome_nor_a_protected_field(credit_data: Path):
    lines = (credit_data / "credit_g" / "credit-g.csv").read_text().replace('"', "").splitlines()
    left_out = {"class", "personal_status", "foreign_worker", "age"}
    keep = [number for number, name in enumerate(lines[0].split(",")) if name not in left_out]
    content = "\n".join(",".join(line.split(",")[number] for number in keep) for line in lines[:11]).encode()
    result = check(parse_upload(content, filename="clients.csv", max_rows=100), SCHEMA)
    assert result.accepted.height == 10
    assert {field.name for field in SCHEMA.protected} == {"personal_status_sex", "foreign_worker", "age_years"}
    assert result.accepted["age_years"].null_count() == 10


@pytest.mark.parametrize(
    ("coding", "counts"),
    [
        ({"1": "2", "2": "1"}, "700 rows are bad, 300 good and 0 neither"),
        ({"1": "1", "2": "0"}, "0 rows are bad, 700 good and 300 neither"),
        ({"1": "0", "2": "1"}, "0 rows are bad, 300 good and 700 neither"),
    ],
)
def test_a_turned_round_or_other_coding_of_the_outcome_is_refused(credit_data: Path, tmp_path: Path, coding, counts):
    path = tmp_path / "german.data"
    lines = (credit_data / FILES[0]).read_text().splitlines()
    path.write_text("".join(f"{line[:-1]}{coding[line[-1]]}\n" for line in lines))
    with pytest.raises(SchemaError, match=counts) as caught:
        checked(path)
    assert "Expected '2' or 'bad' for bad and '1' or 'good' for good" in str(caught.value)


def test_the_corrected_file_gives_the_same_table_but_for_the_order_and_ten_corrected_numbers(credit_data: Path):
    old = checked(credit_data / "german_credit" / "german.data").accepted
    new = checked(credit_data / "south_german_credit" / "SouthGermanCredit.asc").accepted
    assert new.height == 1_000
    assert new["default"].sum() == 300
    key = ["credit_amount_dm", "duration_months", "age_years", "default"]
    assert old.join(new, on=key, how="semi").height == 990
    for field in SCHEMA.fields:
        if field.type == "category":
            theirs, ours = (dict(frame[field.name].value_counts().iter_rows()) for frame in (old, new))
            moved = sum(abs(theirs.get(code, 0) - ours.get(code, 0)) for code in {*theirs, *ours})
            assert moved <= 2, field.name  # one client's home was corrected


def test_the_corrected_file_with_its_outcome_turned_round_is_refused(credit_data: Path, tmp_path: Path):
    lines = (credit_data / "south_german_credit" / "SouthGermanCredit.asc").read_text().splitlines()
    turned = tmp_path / "turned.asc"
    turned.write_text("\n".join([lines[0], *(line[:-1] + {"0": "1", "1": "0"}[line[-1]] for line in lines[1:])]))
    with pytest.raises(SchemaError, match="the other way round"):
        checked(turned)


SOUTH = "south_german_credit/SouthGermanCredit.asc"


def test_the_corrected_file_is_read_by_its_names_in_any_order_and_in_german(credit_data: Path):
    raw = read_table(str(credit_data / SOUTH))
    expected = check(prepare(raw), SCHEMA, with_target=True).accepted
    german = raw.frame.rename(dict(zip(SOUTH_GERMAN[0].split(), SOUTH_GERMAN[1].split(), strict=True)))
    for frame in (raw.frame.select(sorted(raw.frame.columns)), german.select(reversed(german.columns))):
        assert check(prepare(replace(raw, frame=frame)), SCHEMA, with_target=True).accepted.equals(expected)


def test_the_corrected_file_with_another_coding_is_refused(credit_data: Path):
    raw = read_table(str(credit_data / SOUTH))
    # 2 is bad in german.data and means nothing here.
    coded = raw.frame.with_columns(pl.col("credit_risk").replace({"0": "2"}))
    with pytest.raises(SchemaError, match="0 rows are bad, 700 good and 300 neither"):
        check(prepare(replace(raw, frame=coded)), SCHEMA, with_target=True)


def test_a_code_that_the_corrected_file_does_not_have_is_flagged(credit_data: Path):
    raw = read_table(str(credit_data / SOUTH))
    odd = raw.frame.head(2).with_columns(status=pl.Series(["5", "A11"]))
    result = check(prepare(replace(raw, frame=odd, lines=raw.lines[:2])), SCHEMA)
    assert result.accepted["problems"].to_list() == [
        ["Checking account: 'South German 5' is not a known value"],
        ["Checking account: 'South German A11' is not a known value"],
    ]


def test_a_clerk_may_send_the_corrected_file_and_gets_its_own_columns_back(credit_data: Path):
    raw = read_table(str(credit_data / SOUTH))
    sent = replace(raw, frame=raw.frame.head(20).drop("credit_risk", "age"), lines=raw.lines[:20])
    result = datasets.check(sent, SCHEMA)
    assert result.accepted.height == 20
    assert result.accepted["checking_account"][0] == "A11"  # its first row: status 1
    assert result.raw.equals(sent.frame)


def test_a_missing_column_is_named(credit_data: Path, tmp_path: Path):
    path = tmp_path / "credit-g.csv"
    lines = (credit_data / "credit_g" / "credit-g.csv").read_text().splitlines()
    path.write_text("".join(line.split(",", 1)[1] + "\n" for line in lines))
    with pytest.raises(SchemaError, match=r"1 needed column is missing from the file: Checking account \(checking_acc"):
        checked(path)


def test_a_short_line_is_rejected_and_the_others_stay(credit_data: Path, tmp_path: Path):
    path = tmp_path / "german.data"
    lines = (credit_data / FILES[0]).read_text().splitlines()
    path.write_text("\n".join([*lines[:2], lines[2].replace("A143 ", ""), *lines[3:]]))
    result = checked(path)
    assert result.accepted.height == 999
    assert result.rejected[0].sentence.startswith(
        "Row 3 (line 3): the row has 20 cells where the table has 21 columns."
    )


def test_the_schema_survives_its_own_toml():
    assert Schema.from_toml(SCHEMA.to_toml()) == SCHEMA


def test_without_a_source_the_copy_kept_from_openml_is_read(credit_data: Path, tmp_path: Path):
    """scikit-learn's reader, for real, on a cache filled the way it fills it."""
    lines = (credit_data / "credit_g" / "credit-g.csv").read_text().replace('"', "").splitlines()
    names, rows = lines[0].split(","), [line.split(",") for line in lines[1:]]
    arff = ["@RELATION german_credit"]
    features = []
    for index, name in enumerate(names):
        texts = list(dict.fromkeys(row[index] for row in rows))
        is_number = all(text.isdigit() for text in texts)
        arff.append(f"@ATTRIBUTE {name} " + ("INTEGER" if is_number else "{'" + "','".join(texts) + "'}"))
        features.append(
            {
                "index": str(index),
                "name": name,
                "data_type": "numeric" if is_number else "nominal",
                "is_target": str(name == "class").lower(),
                "is_ignore": "false",
                "is_row_identifier": "false",
                "number_of_missing_values": "0",
            }
        )
    arff += ["@DATA", *(",".join(cell if cell.isdigit() else f"'{cell}'" for cell in row) for row in rows), ""]
    description = {
        "id": "31",
        "name": "credit-g",
        "version": "1",
        "format": "ARFF",
        "status": "active",
        "file_id": "31",
    }
    md5 = hashlib.md5("\n".join(arff).encode()).hexdigest()
    description |= {
        "url": "https://www.openml.org/data/v1/download/31/credit-g.arff",
        "md5_checksum": md5,
        "description": "",
    }
    qualities = [{"name": "NumberOfInstances", "value": "1000.0"}]
    cache = tmp_path / "cache" / "openml" / "openml.org"
    for path, content in (
        ("api/v1/json/data/31", json.dumps({"data_set_description": description})),
        ("api/v1/json/data/features/31", json.dumps({"data_features": {"feature": features}})),
        ("api/v1/json/data/qualities/31", json.dumps({"data_qualities": {"quality": qualities}})),
        ("data/v1/download/31/credit-g.arff", "\n".join(arff)),
    ):
        file = cache / f"{path}.gz"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(gzip.compress(content.encode()))
    assert check(fetch(tmp_path / "cache"), SCHEMA, with_target=True).accepted.equals(
        checked(credit_data / FILES[0]).accepted
    )


def test_without_source_and_network_one_sentence_says_what_to_pass(tmp_path: Path, monkeypatch):
    def no_network(*_: object, **__: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", no_network)
    with pytest.raises(SourceError) as caught:
        fetch(tmp_path)
    assert str(caught.value) == (
        "German credit could not be fetched from openml.org. Check the network, or pass a file that you have: "
        "SOURCE=path/to/german.data (or credit-g.csv)."
    )
