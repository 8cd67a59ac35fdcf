"""Clients whose outcome is known: what was decided about them, and how they turned out."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from creditrisk.arrays import FloatArray, IntArray
from creditrisk.splits import month_number
from monitoring import months


@dataclass(frozen=True, slots=True)
class Clients:
    """Clients whose outcome is known: PD, verdict, outcome (1 = default), month of decision and months on book.

    `frame` has the columns `prob_default`, `verdict`, `target`, `month`, `months_on_book`, and protected fields.
    """

    frame: pl.DataFrame

    @classmethod
    def of(cls, labelled: pl.DataFrame) -> Clients:
        """From decisions with their outcomes, as `DecisionLog.labelled` gives them."""
        day = pl.col("decided_at").dt.date()
        return cls(
            labelled.with_columns(
                target=pl.col("is_default").cast(pl.Int64),
                month=month_number(day),
                months_on_book=months.between(day, pl.col("observed_on")),
            ).drop("seq", "decided_at", "is_default", "observed_on")
        )

    def where(self, condition: pl.Expr) -> Clients:
        """Some of them."""
        return Clients(self.frame.filter(condition))

    @property
    def approved(self) -> Clients:
        """Those whom the model itself approved."""
        return self.where(pl.col("verdict") == "approve")

    @property
    def prob_default(self) -> FloatArray:
        """PDs as they were when decided, shape (n_rows,)."""
        return self.frame["prob_default"].to_numpy()

    @property
    def target(self) -> IntArray:
        """Outcomes, 1 = default, shape (n_rows,)."""
        return self.frame["target"].to_numpy()

    @property
    def n_of_each(self) -> int:
        """How many bads or goods there are, whichever are fewer."""
        n_bad = int(self.target.sum())
        return min(n_bad, self.frame.height - n_bad)
