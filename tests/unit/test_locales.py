"""The German clients as spreadsheets of six countries save them: the same clients in all of them, to the last bit."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from creditrisk.datasets import load_schema, read
from creditrisk.encoding import fit_encoder
from creditrisk.learners import logistic_regression
from creditrisk.quality import check
from creditrisk.schema import Category, Field, Schema
from creditrisk.schema_inference import infer
from creditrisk.scoring import Scorer
from creditrisk.sources import RawTable, parse_upload
from tests.conftest import assemble


@dataclass(frozen=True)
class Locale:
    """How a country's spreadsheets write what they hold."""

    delimiter: str
    encoding: str
    thousands: str
    point: str
    money: str
    below_zero: str
    percent: str
    day: str
    yes: str
    no: str
    groups: tuple[int, int] = (3, 3)

    def number(self, value: float, decimals: int = 2) -> str:
        """A number without a sign."""
        whole, _, rest = f"{abs(value):.{decimals}f}".partition(".")
        last, others = self.groups
        groups = [whole[-last:]]
        whole = whole[:-last]
        while whole:
            groups.insert(0, whole[-others:])
            whole = whole[:-others]
        return self.thousands.join(groups) + (self.point + rest if rest else "")

    def amount(self, value: float, decimals: int = 2) -> str:
        """An amount of money."""
        text = self.money.format(self.number(value, decimals))
        return self.below_zero.format(text) if value < 0 else text


LOCALES = {
    "German": Locale(";", "cp1252", ".", ",", "{} €", "-{}", "{} %", "%d.%m.%Y", "ja", "nein"),
    "French": Locale(";", "utf-8-sig", "\u202f", ",", "{}\u00a0€", "-{}", "{}\u00a0%", "%d/%m/%Y", "oui", "non"),
    "British": Locale(",", "utf-8", ",", ".", "£{}", "-{}", "{}%", "%d/%m/%Y", "yes", "no"),
    "American": Locale(",", "utf-8", ",", ".", "${}", "({})", "{}%", "%m/%d/%Y", "TRUE", "FALSE"),
    "Swiss": Locale(";", "utf-8", "’", ".", "CHF {}", "-{}", "{}%", "%d.%m.%Y", "Ja", "Nein"),
    "Indian": Locale(",", "utf-16", ",", ".", "₹ {}", "({})", "{}%", "%d-%m-%Y", "Yes", "No", (3, 2)),
}
PLAIN = Locale(",", "utf-8", "", ".", "{}", "-{}", "{}", "%Y-%m-%d", "yes", "no")
EXTRA = (
    Field("applied_on", "date", "Date of application", role="time", is_required=False),
    Field("born_on", "date", "Date of birth", role="protected", is_required=False),
    Field("balance", "number", "Balance", unit="EUR"),
    Field("rate", "number", "Rate", unit="%"),
    Field("has_car", "category", "Has a car", categories=(Category("yes", "Yes"), Category("no", "No"))),
)


@pytest.fixture(scope="module")
def german(credit_data: Path) -> tuple[pl.DataFrame, Schema]:
    """The clients, with some more columns, and their schema."""
    schema = load_schema("german_credit")
    rows = check(read("german_credit", str(credit_data / "german_credit" / "german.data")), schema).accepted
    n = pl.int_range(rows.height)
    rows = rows.with_columns(
        (pl.lit(date(2024, 1, 1)) + pl.duration(days=n % 500)).dt.date().alias("applied_on"),
        # Never beyond the 12th of a month: the other column has to say what comes first.
        pl.date(1960 + n % 40, 1 + n % 12, 1 + n % 11).alias("born_on"),
        pl.Series("balance", [(number * 7919 % 40_000_000 - 10_000_000) / 100 for number in range(rows.height)]),
        pl.Series("rate", [number * 31 % 1_500 / 100 for number in range(rows.height)]),
        pl.Series("has_car", ["yes", "no", "no"]).gather(n % 3),
    )
    fields = tuple(replace(field, is_ordered=False, sign="") for field in (*schema.fields, *EXTRA))
    return rows, replace(schema, name="clients", fields=fields, currency="EUR")


@pytest.fixture(scope="module")
def scorer(credit_data: Path, german) -> Scorer:
    """A model of the clients and of all their columns."""
    rows, schema = german
    table = read("german_credit", str(credit_data / "german_credit" / "german.data"))
    known = check(table, load_schema("german_credit"), with_target=True).accepted["default"]
    encoder = fit_encoder(rows, schema)
    target = known.to_numpy().astype("int64")
    model = logistic_regression.fit(encoder.matrix(rows), target, encoder, {"inverse_penalty": 0.1}, seed=1)
    return assemble(model, encoder, rows.with_columns(known), schema, card="The clients of six countries.")


def _saved(rows: pl.DataFrame, schema: Schema, locale: Locale) -> RawTable:
    def text(field: Field) -> Callable[[object], str]:
        if field.name == "rate":
            return lambda value: locale.percent.format(locale.number(value))
        if field.unit in ("DM", "EUR"):
            return lambda value: locale.amount(value, 0 if field.unit == "DM" else 2)
        if field.type == "date":
            return lambda value: value.strftime(locale.day)
        if field.name == "has_car":
            return lambda value: locale.yes if value == "yes" else locale.no
        return str

    out = io.StringIO()
    writer = csv.writer(out, delimiter=locale.delimiter)
    writer.writerow(field.name for field in schema.fields)
    columns = [map(text(field), rows[field.name].to_list()) for field in schema.fields]
    writer.writerows(zip(*columns, strict=True))
    return parse_upload(out.getvalue().encode(locale.encoding), filename="clients.csv", max_rows=2_000)


@pytest.mark.parametrize("country", LOCALES)
def test_a_schema_inferred_in_any_country_reads_the_same(german, country):
    rows, schema = german
    table = _saved(rows, schema, LOCALES[country])
    bad = pl.Series("BAD", ["1", "0", "0"]).gather(pl.int_range(rows.height, eager=True) % 3)
    inferred = infer(replace(table, frame=table.frame.with_columns(bad)), target="BAD", bad=["1"], name="c").schema
    assert inferred.field("born_on").date_format == ("" if "." in LOCALES[country].day else LOCALES[country].day)
    read_so = check(table, Schema.from_toml(inferred.to_toml()))
    assert read_so.rejected == []
    for name in ("credit_amount_dm", "balance", "rate", "applied_on", "born_on"):
        if inferred.field(name).role != "excluded":
            assert read_so.accepted[name].to_list() == rows[name].to_list()
    assert inferred.field("balance").type == inferred.field("rate").type == "number"


@pytest.mark.parametrize("country", LOCALES)
def test_clients_and_their_risks_are_the_same_in_every_country(german, scorer, country):
    rows, schema = german
    wanted = check(_saved(rows, schema, PLAIN), schema)
    checked = check(_saved(rows, schema, LOCALES[country]), schema)
    assert [item.sentence for item in checked.rejected[:3]] == []
    assert checked.accepted.equals(wanted.accepted)
    assert scorer.score(checked.accepted).equals(scorer.score(wanted.accepted))
