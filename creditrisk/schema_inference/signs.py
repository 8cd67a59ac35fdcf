"""Which way a number must push the risk: proposed only where its name and the data say the same."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import polars as pl

from creditrisk.arrays import FloatArray, IntArray
from creditrisk.quality import read_cells
from creditrisk.schema import Sign
from creditrisk.schema_inference import header_hints
from creditrisk.schema_inference.kinds import Column

# Words of a name, and what more of it does to the risk.
_RAISES = frozenset(
    {
        "delinquencies", "delinquency", "delinq", "arrears", "overdue", "late", "bankruptcies", "bankruptcy",
        "derogatory", "derog", "inquiries", "inquiry", "enquiries", "enquiry", "inq", "utilisation", "utilization",
        "util", "dti", "duration", "term", "rueckstand", "verzug", "mahnungen", "laufzeit", "auslastung",
    }
)  # fmt: skip
_LOWERS = frozenset(
    {
        "income", "inc", "salary", "earnings", "savings", "score", "fico", "einkommen", "gehalt", "ersparnisse",
        "sparguthaben", "bonitaet",
    }
)  # fmt: skip
# Shares of an income, whatever the other words say.
_TO_INCOME = frozenset({"debt", "payment", "payments", "instalment", "installment", "loan", "annuity"})
# With these words more may mean less: how long it has been, or what others are or do.
_OTHER_WAY = frozenset({"since", "months", "risk", "rank", "verified", "source", "co", "coapplicant", "joint"})
# Parts of the table by value, and how clear it must be: the safest and the riskiest part differ by more than chance.
N_PARTS = 5
MIN_DIFFERENCE = 3.0
MIN_ROWS = 200


def with_sign(column: Column, frame: pl.DataFrame, outcome: IntArray) -> Column:
    """The column with a sign, and what to decide about it, if its name and the data agree on one."""
    if column.field.role != "feature" or not column.field.is_numeric or column.flag:
        return column
    sign = sign_of_name(column.header)
    if not sign:
        return column
    values, _ = read_cells(frame[column.header], column.field)
    known = (outcome >= 0) & values.is_not_null().to_numpy()
    numbers = values.cast(pl.Float64).to_numpy()[known]
    if not _agrees(numbers, outcome[known], 1.0 if sign == "+" else -1.0):
        return column
    does = "raise" if sign == "+" else "lower"
    decide = f"by its name and in this table more of it can only {does} the risk, so models are held to that."
    field = replace(column.field, sign=sign)
    return replace(column, field=field, flag="sign", decide=f"{decide} Take the sign out if it is not so.")


def sign_of_name(header: str) -> Sign:
    """Which way a number of this name pushes the risk; empty if that does not follow from the name.

    Examples
    --------
    >>> [sign_of_name(name) for name in ("debt_to_income", "annual_income", "FICO", "late", "months_since_late")]
    ['+', '-', '-', '+', '']
    """
    parts = {*header_hints.words(header)}
    if "income" in parts and parts & _TO_INCOME:
        return "+"
    if parts & _OTHER_WAY and not parts & {"term", "duration"}:
        return ""
    raises, lowers = bool(parts & _RAISES), bool(parts & _LOWERS)
    return "" if raises == lowers else "+" if raises else "-"


def _agrees(values: FloatArray, target: IntArray, direction: float) -> bool:
    """Whether bad rates by fifths of the values go this way: the ends beyond chance, no step clearly against it."""
    if len(values) < MIN_ROWS:
        return False
    edges = np.unique(np.quantile(values, np.arange(1, N_PARTS) / N_PARTS))
    part = np.searchsorted(edges, values, side="left")
    rows = np.bincount(part, minlength=len(edges) + 1).astype(np.float64)
    bads = np.bincount(part, target, minlength=len(edges) + 1)[rows > 0]
    rows = rows[rows > 0]
    if len(rows) < 2:
        return False
    rates, share = bads / rows, target.mean()
    spread = np.sqrt(share * (1 - share) * (1 / rows[1:] + 1 / rows[:-1]))
    at_ends = np.sqrt(share * (1 - share) * (1 / rows[0] + 1 / rows[-1]))
    steps = direction * np.diff(rates)
    return bool(direction * (rates[-1] - rates[0]) > MIN_DIFFERENCE * at_ends and (steps > -spread).all())
