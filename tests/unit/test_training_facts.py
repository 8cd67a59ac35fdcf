"""What the validation pack and the summary say of the table a training read."""

from __future__ import annotations

import polars as pl

from creditrisk.quality import check, examine
from creditrisk.schema import Field, Schema, Target
from creditrisk.sources import RawTable
from creditrisk.validation.sections import not_in_schema
from flows.model_train import facts_of

SCHEMA = Schema(
    name="loans",
    title="Loans",
    fields=(Field("income", "number", "Income"), Field("amount", "number", "Amount")),
    target=Target("outcome", "Outcome", bad=("1",), good=("0",)),
)


def test_a_second_line_of_names_is_no_row_and_the_names_above_it_are_no_columns():
    rows = [["income", "amount", "outcome", "note"], *([f"{n}", f"{n % 7}", f"{n % 2}", "x"] for n in range(1, 41))]
    frame = pl.DataFrame(rows, schema=["X1", "X2", "Y", "X3"], orient="row")
    checked = check(RawTable(frame, list(range(2, 43))), SCHEMA, with_target=True)

    facts = facts_of(checked, examine(checked, SCHEMA))

    assert (facts.n_read, facts.n_accepted, facts.n_bad) == (40, 40, 20)
    assert not_in_schema(facts.columns, SCHEMA) == {"known_later": [], "others": ["note"]}
