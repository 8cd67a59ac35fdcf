import pytest

from creditrisk.quality import check
from creditrisk.scoring import every_reason
from creditrisk.sources import parse_upload
from webapp.pages.case import letter_text
from webapp.pages.grid import expected_loss, grid_columns, grid_rows, summary

CSV = b"""client;Age;amount_eur;income_eur;housing;note
A7;61;2000;52000;own;old friend
A8;19;19000;11000;rent;
A10;33;9000;30000;rent;new
"""


@pytest.fixture
def scored(corner_scorer):
    checked = check(parse_upload(CSV, filename="c.csv", max_rows=10), corner_scorer.schema)
    return checked, corner_scorer.score(checked.accepted)


def test_the_grid_speaks_the_words_of_the_schema_and_keeps_the_files_other_columns(scored, corner_scorer):
    checked, results = scored
    headers = [column["headerName"] for column in grid_columns(checked, corner_scorer.schema)]
    assert headers == [
        *("Client", "Verdict", "Risk", "How sure", "Main reasons"),
        *("Age (years)", "Loan amount (EUR)", "Income (EUR)", "Housing", "note"),
    ]
    rows, n_rows = grid_rows(checked, results, corner_scorer.schema, ask_below=0.8, start=0, stop=10)
    assert n_rows == 3
    assert [rows[1][name] for name in ("client", "f1", "f3", "x0")] == ["A8", "19,000", "Rents", ""]


def test_sorting_and_choosing_happen_before_a_block_is_cut(scored, corner_scorer):
    checked, results = scored
    by_risk = results.sort("prob_default", descending=True)["application_id"].to_list()
    rows, _ = grid_rows(
        checked, results, corner_scorer.schema, ask_below=0.8, start=1, stop=3, sort=[{"colId": "risk", "sort": "desc"}]
    )
    assert [row["client"] for row in rows] == by_risk[1:]
    rows, _ = grid_rows(
        checked, results, corner_scorer.schema, ask_below=0.8, start=0, stop=3, sort=[{"colId": "f0", "sort": "asc"}]
    )
    assert [row["f0"] for row in rows] == ["19", "33", "61"]
    rows, _ = grid_rows(
        checked,
        results,
        corner_scorer.schema,
        ask_below=0.8,
        start=0,
        stop=3,
        sort=[{"colId": "verdict", "sort": "desc"}],
    )
    order = ["approve", "refer", "decline"]
    assert [row["verdict"] for row in rows] == sorted(results["verdict"], key=order.index, reverse=True)
    for verdict, count in summary(results).items():
        rows, n_rows = grid_rows(
            checked, results, corner_scorer.schema, ask_below=0.8, start=0, stop=3, verdict=verdict
        )
        assert n_rows == count == sum(row["verdict"] == verdict for row in rows)


def test_the_first_row_says_where_the_chosen_client_stands(scored, corner_scorer):
    checked, results = scored

    def place(**wanted):
        schema = corner_scorer.schema
        rows, _ = grid_rows(checked, results, schema, ask_below=0.8, start=0, stop=1, chosen_row=2, **wanted)
        return rows[0].get("chosen_at")

    # By age the second client, who is 19, comes first and, the other way round, last of three.
    assert place() == "1"
    assert place(sort=[{"colId": "f0", "sort": "asc"}]) == "0"
    assert place(sort=[{"colId": "f0", "sort": "desc"}]) == "2"
    assert place(sought="a7") is None


def test_the_expected_loss_is_amount_times_pd_over_the_offers(scored, corner_scorer):
    checked, results = scored
    amounts = [2000.0, 19000.0, 9000.0]
    offers = [
        (amount, prob_default)
        for amount, prob_default, verdict in zip(amounts, results["prob_default"], results["verdict"], strict=True)
        if verdict == "approve"
    ]
    assert offers
    loss = sum(amount * prob_default for amount, prob_default in offers)
    lent = sum(amount for amount, _ in offers)
    assert expected_loss(checked, results, corner_scorer.schema) == pytest.approx((loss, lent))


def test_clients_sort_as_numbers_where_they_are_numbers(corner_scorer):
    lines = [f"{client},61,2000,52000,own" for client in ("10", "9", "B2", "100", "A1")]
    content = "\n".join(["client,age_years,amount_eur,income_eur,housing", *lines]).encode()
    checked = check(parse_upload(content, filename="c.csv", max_rows=10), corner_scorer.schema)
    results = corner_scorer.score(checked.accepted)
    rows, _ = grid_rows(
        checked,
        results,
        corner_scorer.schema,
        ask_below=0.8,
        start=0,
        stop=9,
        sort=[{"colId": "client", "sort": "asc"}],
    )
    assert [row["client"] for row in rows] == ["9", "10", "100", "A1", "B2"]


def test_the_letter_tells_the_applicant_each_logged_reason_with_its_value_and_what_is_usual(corner_scorer):
    def row(code, text, value, typical):
        return {"code": code, "text": text, "value": value, "typical": typical, "push": 0.1}

    reasons = [
        row("amount_eur:high", "Loan amount: high", "19,000 EUR", "4,000 EUR"),
        row("income_eur:missing", "Ask for: income", "not given", "31,000 EUR"),
        row("housing:rent", "Housing: Rents", "Rents", "Own home"),
        row("age_years:low", "Young age", "19 years", "not given"),
    ]
    assert letter_text(reasons, corner_scorer.schema).splitlines() == [
        "The main reasons, the strongest first:",
        "- Loan amount (high): 19,000 EUR in your case; typical of applicants with an offer: 4,000 EUR.",
        "- Income: we were given no information about this.",
        "- Housing: “Rents” in your case; typical of applicants with an offer: “Own home”.",
        "- Young age: 19 years in your case.",
    ]


def test_the_letter_has_a_line_for_every_reason_that_can_be_given(corner_scorer):
    for reason in every_reason(corner_scorer.schema.features):
        item = {**reason, "value": "7", "typical": "5", "push": 0.1}
        [_, line] = letter_text([item], corner_scorer.schema).splitlines()
        assert "Ask for" not in line
        assert line.endswith(".")
