"""A table judged as a whole before it is trained on: what stops a training, what warns, and what is only said."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import polars as pl

from creditrisk.metrics import profile
from creditrisk.quality import DataReport, check, data_page, examine
from creditrisk.quality.table import contract
from creditrisk.schema import Category, Field, Schema, Target
from creditrisk.sources import from_records

N_LOANS = 600
SCHEMA = Schema(
    name="loans",
    title="Loans",
    fields=(
        Field("client", "text", "Client number", role="id", is_required=False),
        Field("income_eur", "number", "Income", unit="EUR", minimum=0, maximum=10_000, is_required=False),
        Field("housing", "category", "Housing", categories=(Category("own", "Own"), Category("rent", "Rent"))),
        Field("amount_eur", "integer", "Amount", minimum=0),
        Field("age_years", "integer", "Age", role="protected", minimum=18, maximum=100, is_required=False),
    ),
    target=Target("outcome", "Outcome", bad=("1",), good=("0",), unresolved=("open",)),
)
RNG = np.random.default_rng(8)
LOANS = {
    "client": [f"c{number}" for number in range(N_LOANS)],
    "income_eur": RNG.integers(500, 9_000, N_LOANS).tolist(),
    "housing": RNG.choice(["own", "rent"], N_LOANS).tolist(),
    "amount_eur": RNG.permutation(20 * N_LOANS)[:N_LOANS].tolist(),  # no two loans alike
    "age_years": RNG.integers(18, 80, N_LOANS).tolist(),
    "outcome": (RNG.random(N_LOANS) < 0.2).astype(int).tolist(),
}


def report(schema: Schema = SCHEMA, last_profile: dict | None = None, **columns: list) -> DataReport:
    """The report on six hundred loans, with the columns given in place of good ones."""
    everything = {**LOANS, **columns}
    records = [dict(zip(everything, cells, strict=True)) for cells in zip(*everything.values(), strict=True)]
    return examine(check(from_records(records), schema, with_target=True), schema, last_profile)


def told(found: DataReport) -> list[tuple[str, str, int]]:
    return [(finding.severity, finding.field, finding.count) for finding in found.findings]


def test_a_sound_table_has_nothing_to_tell():
    found = report()
    assert (found.n_rows, found.n_accepted, found.n_bad) == (600, 600, sum(LOANS["outcome"]))
    assert found.findings == ()
    assert not found.must_stop


def test_rows_set_aside_are_counted_by_reason_without_what_stood_in_them():
    incomes = ["a lot"] * 10 + [""] * 5 + LOANS["income_eur"][15:]
    housing = LOANS["housing"][:-20] + [""] * 20

    found = report(income_eur=incomes, housing=housing)

    assert found.set_aside == {"Housing: nothing is filled in": 20, "Income: is not a number": 10}
    assert told(found) == [("note", "", 30)]
    assert found.findings[0].sentence == (
        "30 of 600 rows (5.0%) were set aside: Housing: nothing is filled in (20); Income: is not a number (10)."
    )
    assert "a lot" not in found.to_json()


def test_what_stands_beside_a_unit_is_not_repeated_either():
    income = ["Ada's 'own' 7 EUR", "EUR Lovelace", *LOANS["income_eur"][2:]]
    assert report(income_eur=income).set_aside == {"Income: is not a number": 2}


def test_one_row_is_spoken_of_in_the_singular():
    found = report(income_eur=["?!", *LOANS["income_eur"][1:]], housing=[*LOANS["housing"][:-1], "boat"])
    assert [finding.sentence for finding in found.findings] == [
        "1 of 600 rows (0.2%) was set aside: Income: is not a number (1).",
        "Housing holds a value the schema does not know in 1 row.",
    ]


def test_the_page_names_what_was_looked_at_whether_anything_was_found_or_not():
    sound, empty = report(), report(income_eur=["?!"] * 600)
    assert "Nothing to remark" in data_page(sound, title="Loans")
    for found in (sound, report(housing=["own"] * 600)):
        assert len(found.checks) == 6
        assert all(check in data_page(found, title="Loans") for check in found.checks)
    assert empty.checks == ("rows set aside",)


def test_a_table_that_is_mostly_bad_stops_the_training():
    half = report(income_eur=["?!"] * 300 + LOANS["income_eur"][300:])
    more = report(income_eur=["?!"] * 301 + LOANS["income_eur"][301:])

    assert told(half) == [("warn", "", 300)]
    assert (more.must_stop, more.findings[0].severity) == (True, "stop")
    assert more.why.startswith("301 of 600 rows (50.2%) were set aside: Income: is not a number (301).")


def test_a_table_of_which_nothing_is_left_stops_too():
    found = report(income_eur=["?!"] * 600)
    assert (found.must_stop, found.n_accepted) == (True, 0)


def test_loans_that_are_still_open_are_nobodys_mistake():
    found = report(outcome=["open"] * 400 + LOANS["outcome"][400:])
    assert (found.n_open, found.n_accepted, found.must_stop) == (400, 200, False)
    assert found.findings == ()


def test_repeated_rows_and_repeated_clients_are_told():
    twice = {name: cells[:570] + cells[:30] for name, cells in LOANS.items()}
    found = report(**twice)
    assert told(found) == [("warn", "client", 30), ("note", "", 30)]

    renumbered = report(**{**twice, "client": LOANS["client"]})
    assert told(renumbered) == [("note", "", 30)]


def test_a_share_of_bads_that_no_portfolio_has_is_asked_about():
    turned = report(outcome=[1 - outcome for outcome in LOANS["outcome"]])
    assert [(finding.severity, "turned round" in finding.sentence) for finding in turned.findings] == [("warn", True)]
    assert told(report(outcome=[1, 1] + [0] * 598))[0] == ("warn", "", 2)


def test_gaps_and_fields_that_never_change_are_told_and_an_empty_number_stops():
    empty = report(income_eur=[""] * 600)
    sparse = report(income_eur=[""] * 400 + LOANS["income_eur"][400:])
    same = report(housing=["own"] * 600)

    assert told(empty) == [("stop", "income_eur", 600)]
    assert told(sparse) == [("note", "income_eur", 400)]
    assert told(same) == [("note", "housing", 600)]


def test_a_field_that_gives_the_outcome_away_is_a_warning():
    found = report(income_eur=[9_000 - 8_000 * bad + number % 7 for number, bad in enumerate(LOANS["outcome"])])
    assert told(found) == [("warn", "income_eur", 600)]
    assert "alone it ranks unseen rows with an AUC of 1.000" in found.findings[0].sentence


def test_the_schemas_ranges_and_categories_are_held_against_the_table():
    found = report(
        income_eur=[20_000] * 4 + LOANS["income_eur"][4:],
        housing=["boat"] * 3 + LOANS["housing"][3:],
        age_years=[130] * 5 + LOANS["age_years"][5:],  # protected: nobody's business
    )
    assert told(found) == [("note", "income_eur", 4), ("note", "housing", 3)]


def test_a_frame_of_other_types_breaks_the_contract():
    checked = check(from_records([{**{name: cells[0] for name, cells in LOANS.items()}}]), SCHEMA, with_target=True)
    wrong = replace(checked, accepted=checked.accepted.with_columns(pl.col("income_eur").cast(pl.String)))

    found = examine(wrong, replace(SCHEMA, fields=SCHEMA.fields[:2]))

    assert found.must_stop
    assert "Income is not what the schema says it is (dtype('Float64'))" in found.why
    assert set(contract(SCHEMA).columns) == {"client", "income_eur", "housing", "amount_eur", "age_years"}


def test_a_table_unlike_the_one_the_champion_learnt_from_is_told():
    frame = pl.DataFrame(
        {"income_eur": LOANS["income_eur"], "housing": LOANS["housing"], "amount_eur": LOANS["amount_eur"]}
    )
    last = profile.build_profile(frame, SCHEMA, np.full(N_LOANS, 0.2))

    assert report(last_profile=last).findings == ()
    richer = report(last_profile=last, income_eur=[min(3 * income, 10_000) for income in LOANS["income_eur"]])
    assert told(richer) == [("warn", "income_eur", 600)]
    assert "PSI" in richer.findings[0].sentence


def test_fields_the_champion_did_not_read_and_those_that_are_gone_are_told():
    frame = pl.DataFrame(
        {"income_eur": LOANS["income_eur"], "housing": LOANS["housing"], "amount_eur": LOANS["amount_eur"]}
    )
    last = profile.build_profile(frame, SCHEMA, np.full(N_LOANS, 0.2))
    last["fields"]["wealth"] = last["fields"].pop("housing")

    found = report(last_profile=last)

    assert told(found) == [("note", "housing", 0), ("note", "", 1)]
    assert "wealth" in found.findings[1].sentence


def test_the_report_travels_as_json():
    found = json.loads(report(housing=["own"] * 600).to_json())
    assert found["n_rows"] == 600
    assert found["must_stop"] is False
    assert found["findings"] == [
        {
            "severity": "note",
            "sentence": "Housing is the same in all rows, so there is nothing to learn from it.",
            "field": "housing",
            "count": 600,
        }
    ]
