"""Tables as people really have them: each small file stands for a kind of fault (see its folder's README.md)."""

from __future__ import annotations

import os
from datetime import date
from pathlib import Path

import pytest

from creditrisk.errors import SourceError
from creditrisk.quality import Checked, check
from creditrisk.schema import Field
from creditrisk.schema_inference import Inference, infer
from creditrisk.sources import parse_table, parse_upload

FOLDER = Path(os.environ.get("CREDITRISK_CASES_DIR", Path(__file__).parents[3] / "shared" / "cases")).resolve()


def _bytes(name: str) -> bytes:
    if not FOLDER.is_dir():
        pytest.skip(f"the cases are not found at {FOLDER}: set CREDITRISK_CASES_DIR to run this test")
    return (FOLDER / f"{name}.csv").read_bytes()


def _inferred(name: str) -> Inference:
    table = parse_table(_bytes(name), filename=f"{name}.csv")
    return infer(table, target="BAD", bad=["1"], name="case")


def _field(name: str, column: str) -> Field:
    return _inferred(name).schema.field(column)


def _flag(name: str, header: str) -> str:
    return next(column.flag for column in _inferred(name).columns if column.header == header)


def _trained_on(name: str) -> Checked:
    """The table itself, checked with the schema that was inferred from it and went through its file."""
    table = parse_table(_bytes(name), filename=f"{name}.csv")
    schema = type(_inferred(name).schema).from_toml(_inferred(name).to_toml())
    return check(table, schema, with_target=True)


def _later(name: str) -> Checked:
    table = parse_upload(_bytes(f"{name}-later"), filename="later.csv", max_rows=100)
    return check(table, _inferred(name).schema)


def _is_whole_and_unremarkable(checked: Checked) -> bool:
    return not checked.rejected and not any(checked.accepted["problems"].to_list())


@pytest.mark.parametrize(
    ("name", "column", "first"),
    [
        ("f01-minus-unicode", "balance", -702.22),
        ("f01-naira", "salary", 5633.32),
        ("f01-rand", "salary", 5633.32),
        ("f01-thousands-by-letter", "salary", 5_830_000.0),
    ],
)
def test_f01_amounts_are_read_however_they_are_written(name, column, first):
    field = _field(name, column)
    assert (field.role, field.type) == ("feature", "number")
    assert _trained_on(name).accepted[column][0] == first


def test_f02_days_counted_since_some_day_are_time():
    field = _field("f02-excel-days", "approval_date")
    assert (field.type, field.role) == ("date", "time") or field.role == "excluded"
    assert _is_whole_and_unremarkable(_later("f02-excel-days"))
    assert _trained_on("f02-excel-days").accepted.get_column("approval_date", default=None) is None or (
        _trained_on("f02-excel-days").accepted["approval_date"][0] == date(2019, 1, 1)
    )


def test_f03_a_saved_index_is_no_feature():
    assert _field("f03-index-of-sample", "x").role != "feature"


def test_f04_a_third_code_does_not_hide_what_values_give_away():
    assert _field("f04-sex-third-code", "flag_g").role == "protected"


def test_f05_cents_are_no_fault_where_the_table_had_whole_amounts():
    later = _later("f05-cents")
    assert not later.rejected
    assert later.accepted["savings"].to_list() == [1200.5, 80.0]


def test_f06_totals_teach_nothing_and_are_named():
    inferred = _inferred("f06-totals-below")
    savings = inferred.schema.field("savings")
    assert savings.is_required
    assert (savings.maximum or 0) <= 10_000
    assert any("122" in remark for remark in inferred.outcome)


def test_f07_one_name_may_be_spelt_in_several_ways():
    later = _later("f07-names-of-R")
    assert later.accepted.select("annual_income", "debt_income", "util").row(0) == (7866, 25.8, 8.4)


def test_f08_codes_for_missing_are_asked_about_and_have_no_say_in_bounds():
    assert _flag("f08-two-codes", "times_late") == "code?"
    assert (_field("f08-two-codes", "times_late").maximum or 99) < 96


def test_f10_codes_of_branches_are_no_quantity():
    field = _field("f10-codes", "branch_id")
    assert field.type == "category" or field.role == "excluded"


def test_f11_quarters_are_time():
    assert _field("f11-quarters", "vintage").role in ("time", "excluded")
    assert _is_whole_and_unremarkable(_later("f11-quarters"))


def test_f12_yes_and_no_are_the_same_however_spelt():
    later = _later("f12-truth")
    assert _is_whole_and_unremarkable(later)
    assert later.accepted["has_car"].to_list() == ["True", "False", "True"]


def test_f13_a_title_above_the_names_is_no_name():
    assert [field.name for field in _inferred("f13-title").schema.fields] == ["income"]


def test_f14_a_file_divided_by_blanks_is_said_to_be_so_and_nobody_is_quoted():
    with pytest.raises(SourceError, match="blanks") as caught:
        _inferred("f14-blanks")
    assert "1820" not in str(caught.value)


def test_f15_a_quantity_filled_up_with_zeros_is_one():
    assert _field("f15-leading-zeros", "mi_pct").is_numeric
    later = _later("f15-leading-zeros")
    assert _is_whole_and_unremarkable(later)
    assert later.accepted["mi_pct"].to_list() == [18]


def test_f16_one_company_does_not_make_a_column_protected():
    assert _field("f16-company", "servicer").role == "feature"


def test_f17_nobody_is_kept_out_by_what_no_model_reads():
    assert _field("f17-protected", "age").role == "protected"
    later = _later("f17-protected")
    assert not later.rejected
    assert later.accepted["age"].to_list() == [None, None, 45]


def test_f18_what_the_table_itself_holds_is_not_odd():
    assert _is_whole_and_unremarkable(_trained_on("f18-rare-values"))


# Clients to be scored hold no outcome; two tables cannot be divided, or have an outcome of their own.
TABLES = sorted({path.stem for path in FOLDER.glob("*.csv")} - {"f14-blanks", "f20-young-loans"})


@pytest.mark.parametrize("name", [name for name in TABLES if not name.endswith("-later")])
def test_the_schema_accepts_the_table_that_it_was_inferred_from(name):
    odd = [row for row in _trained_on(name).accepted["problems"].to_list() if row]
    assert len(odd) <= 0.02 * 120 or _flag(name, "times_late") == "code?"
