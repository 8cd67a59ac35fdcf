"""One applicant filled in by hand: every field read as a file's cell, the answer opened as a file of one client."""

import csv

import pytest

from tests.unit.test_webapp_batches import KIND
from webapp.pages import fill_in

VALUES = {"client": "A7", "age_years": "61", "amount_eur": "2000", "income_eur": "52000", "housing": "Own"}
AGE = "Expected a whole number of years from 18 to 100."


@pytest.fixture
def schema(corner_scorer):
    return corner_scorer.schema


@pytest.mark.parametrize(
    ("name", "cell", "said"),
    [
        ("age_years", "61", fill_in.Said("61 years")),
        ("age_years", "", fill_in.Said(fault="Needed.")),
        ("age_years", "abc", fill_in.Said(fault=f"'abc' is not a number. {AGE}")),
        ("age_years", "17", fill_in.Said("17 years", "Age: 17 is outside 18 to 100 years")),
        ("client", "", fill_in.Said()),
        ("income_eur", "0,25", fill_in.Said("0.25 EUR")),
        ("income_eur", "2.500,50 €", fill_in.Said("2,500.5 EUR")),
        ("income_eur", "2,500", fill_in.Said("2,500 EUR")),
        (
            "income_eur",
            "2.500",
            fill_in.Said(fault="'2.500' can be read as 2,500 EUR and as 2.5 EUR. Write 2500 or 2.50."),
        ),
        ("income_eur", "2.50", fill_in.Said("2.5 EUR")),
        # 250,125 EUR are more than this lender lends.
        ("amount_eur", "250.125", fill_in.Said("250.125 EUR")),
        ("age_years", "6,5", fill_in.Said(fault=f"'6,5' is not a number. {AGE}")),
    ],
)
def test_a_field_is_read_as_a_cell_of_a_file(schema, name, cell, said):
    assert fill_in.said_of(schema, schema.field(name), cell) == said


def test_what_is_filled_in_becomes_a_file_of_one_row_whatever_characters_stand_in_it(schema):
    cells = VALUES | {"client": '=1+1;"a",\n\u20ac'}
    header, row = csv.reader(fill_in.as_file(schema, cells).decode().splitlines(keepends=True))
    assert header == ["Client number", "Age", "Loan amount", "Income", "Housing"]
    assert row == list(cells.values())


@pytest.mark.parametrize(
    ("name", "typed", "cell"),
    [
        ("income_eur", "2.500,50 €", "2500.50"),
        ("income_eur", "0,125", "0.1250"),
        ("amount_eur", "2,500.00", "2,500.00"),
        ("age_years", "6,5", "6,5"),
        ("client", "1,5", "1,5"),
    ],
)
def test_a_number_goes_into_the_file_so_that_it_is_read_there_as_it_was_meant(schema, name, typed, cell):
    assert fill_in.plain_cell(schema, schema.field(name), typed) == cell


def send(client, values, made_of):
    """What the page answers to a click on the button below the form."""
    ids = [{"fill": name, "part": "cell"} for name in values]
    said = [{"id": {"fill": name, "part": "said"}, "property": "children"} for name in values]
    dependencies = client.get("/ui/_dash-dependencies").json
    [output] = [item["output"] for item in dependencies if item["inputs"][0]["id"] == "fill-in-score"]
    # Other callbacks set the same: each has a name of its own for that.
    job, tick, *_ = (part.rsplit(".", 1)[1] for part in output.strip(".").split("..."))
    outputs = [{"id": "job", "property": job}, {"id": "tick", "property": tick}, said]
    return client.post(
        "/ui/_dash-update-component",
        json={
            "output": output,
            "outputs": [*outputs, {"id": "fill-in-message", "property": "children"}],
            "inputs": [{"id": "fill-in-score", "property": "n_clicks", "value": 1}],
            "changedPropIds": ["fill-in-score.n_clicks"],
            "state": [
                [{"id": item, "property": "value", "value": values[item["fill"]]} for item in ids],
                [{"id": item, "property": "id", "value": item} for item in ids],
                {"id": "fill-in-of", "property": "data", "value": made_of},
            ],
        },
    ).json


def test_the_answer_opens_as_a_file_of_one_client_does(corner_app, schema):
    client, context = corner_app.test_client(), corner_app.extensions["creditrisk"]
    made_of = fill_in.fingerprint(schema)
    refused = send(client, VALUES | {"age_years": "abc", "amount_eur": ""}, made_of)
    assert "2 fields need your attention. Nothing was scored." in str(refused)
    assert "job" not in refused["response"]
    assert fill_in.OTHER_MODEL in str(send(client, VALUES, "another"))
    assert context.log.head()[0] == 0

    [name] = send(client, VALUES | {"amount_eur": "2000,0"}, made_of)["response"]["job"].values()
    text = ",".join(f'"{cell}"' for cell in VALUES.values())
    header = b'"Client number","Age","Loan amount","Income","Housing"\n'
    same = client.post("/uploads", data=header + text.encode() + b"\n", **KIND).json["upload"]
    by_hand, as_file = (client.get(f"/uploads/{upload}/result.csv") for upload in (name, same))
    assert by_hand.data == as_file.data
    assert b"A7" in by_hand.data
    assert context.uploads.get(name).details.filename == "Filled in by hand"
