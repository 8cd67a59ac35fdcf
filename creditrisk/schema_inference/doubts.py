"""What to say of a table as a whole before anybody trains with it: what training would refuse, who goes to a person."""

from __future__ import annotations

from collections.abc import Sequence

from creditrisk.arrays import IntArray
from creditrisk.quality import USUAL_BAD_RATE, check
from creditrisk.schema import Schema
from creditrisk.schema_inference.kinds import Column
from creditrisk.sources import RawTable
from creditrisk.splits import MIN_EACH, MIN_ROWS
from creditrisk.text import shorten

# A larger share of the table's own rows that a person must look at is said.
MAX_ODD_SHARE = 0.02
MAX_WITHOUT_OUTCOME = 0.5
SHOWN = 3


def doubts_about(raw: RawTable, schema: Schema, columns: Sequence[Column], outcome: IntArray) -> tuple[str, ...]:
    """Sentences on what a person should decide about the table, the gravest first.

    Parameters
    ----------
    raw
        The table, with the names that the schema knows.
    outcome
        1 bad, 0 good, -1 unknown; shape (n_rows,), in any order.
    """
    return (*_too_few(outcome, schema), *_many_odd(raw, schema, columns, int((outcome >= 0).sum())))


def _too_few(outcome: IntArray, schema: Schema) -> list[str]:
    n_bad, n_good = int((outcome == 1).sum()), int((outcome == 0).sum())
    n_known = n_bad + n_good
    doubts = []
    if n_known < MIN_ROWS or min(n_bad, n_good) < MIN_EACH:
        doubts.append(
            f"DECIDE: {n_known:,} rows with {n_bad:,} bads and {n_good:,} goods are too few: training needs at least "
            f"{MIN_ROWS} rows with {MIN_EACH} bads and {MIN_EACH} goods, and refuses this table. Add older loans."
        )
    low, high = USUAL_BAD_RATE
    if not low <= n_bad / n_known <= high:
        doubts.append(
            f"DECIDE: {n_bad / n_known:.2%} of the rows are bad, which is unusual. Check that bad and good are not "
            "turned round."
        )
    n_without = len(outcome) - n_known
    if not schema.target.unresolved and n_without > MAX_WITHOUT_OUTCOME * len(outcome):
        doubts.append(
            f"DECIDE: {n_without / len(outcome):.0%} of the rows have no outcome, and training refuses a table with "
            "more than half of its rows set aside. Leave them out of the file."
        )
    return doubts


def _many_odd(raw: RawTable, schema: Schema, columns: Sequence[Column], n_known: int) -> list[str]:
    odd = [column for column in columns if column.field.role == "feature" and column.n_odd]
    if sum(column.n_odd for column in odd) <= MAX_ODD_SHARE * n_known:
        return []
    checked = check(raw, schema, with_target=True)
    n_person = int((checked.accepted["problems"].list.len() > 0).sum())
    n_aside = n_known - checked.accepted.height
    if n_person + n_aside <= MAX_ODD_SHARE * n_known:
        return []
    most = sorted(odd, key=lambda column: -column.n_odd)[:SHOWN]
    names = ", ".join(f"'{shorten(column.header, 60)}'" for column in most)
    names += " and others" if len(odd) > SHOWN else ""
    share = (n_person + n_aside) / n_known
    return [
        f"DECIDE: {share:.1%} of the table's own rows ({n_person + n_aside:,}) would be set aside or go to a person, "
        f"and so would as many of the clients to come, for what stands in {names}."
    ]
