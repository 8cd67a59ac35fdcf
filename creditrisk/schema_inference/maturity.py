"""The time of a table, chosen with an eye on its newest loans: of those too young only the early failures are known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import polars as pl

from creditrisk.arrays import IntArray
from creditrisk.quality import OddMonths, YoungLoans, months_of, odd_months, read_cells, young_loans
from creditrisk.schema_inference import calendar_hints
from creditrisk.schema_inference.kinds import Column
from creditrisk.schema_inference.roles import dates_of_application, one_time
from creditrisk.text import sentence, shorten


def time_of_mature(
    columns: list[Column], frame: pl.DataFrame, outcome: IntArray
) -> tuple[list[Column], YoungLoans | OddMonths | None]:
    """The columns with the date of application among them, and what was found of loans too young to judge by.

    Whether the table can be divided by time is told without the young loans; where there are such, the date stays the
    time however few rows that leaves, because without it nobody could set them aside.
    """
    odd: OddMonths | None = None
    for column in dates_of_application(columns):
        days, _ = read_cells(frame[column.header], replace(column.field, role="time"))
        young = young_loans(days, outcome)
        if young is None:
            odd = odd or odd_months(days, outcome)
            continue
        mature = np.where(months_of(days) >= young.first_month, -1, outcome)
        timed = one_time(columns, frame, mature)
        if not any(item.field.role == "time" for item in timed):
            decide = "taken for the date of application, by which the newest loans are set aside: see the outcome."
            field = replace(column.field, role="time", is_required=False)
            timed[columns.index(column)] = replace(column, field=field, flag="time", decide=decide)
        return timed, young
    return one_time(columns, frame, outcome), odd


def maturity_remarks(young: YoungLoans | OddMonths | None) -> Sequence[str]:
    """What to tell about young loans, and what to decide about them; nothing where there are none."""
    if young is None:
        return ()
    if isinstance(young, OddMonths):
        return (f"DECIDE: {young.sentence} If so, leave all loans of these months out of the file.",)
    found, ages = (f"{sentence(words)}." for words in (young.sentence, young.ages))
    return (
        found,
        ages,
        f"DECIDE: how many months after the application is an outcome known? Going by this table, after "
        f"{young.n_months}: write horizon_months = {young.n_months} above, or more, if that is right. To learn from "
        "these months all the same, give the date of application the role 'excluded'.",
    )


def years_too_young(columns: Sequence[Column], frame: pl.DataFrame, outcome: IntArray) -> tuple[str, ...]:
    """What to decide where a table has years only, and of the loans of the newest too few have an outcome.

    Years cannot be set aside in training: they are no dates to divide a table by.
    """
    for column in columns:
        texts = frame[column.header]
        if column.flag != "calendar" or not calendar_hints.is_date_of_application(column.header):
            continue
        days = (texts.str.extract(r"^((?:19|20)\d\d)(?:[.]0)?$") + "-01-01").str.to_date(strict=False)
        if (young := young_loans(days, outcome)) is None:
            continue
        share, bad_rate = young.n_resolved / young.n_loans, young.n_bad / young.n_resolved
        return (
            f"DECIDE: of the loans of {young.first_month // 12} and later ('{shorten(column.header, 60)}') only "
            f"{100 * share:.0f} % have an outcome; {100 * bad_rate:.0f} % of these are bad, of older ones "
            f"{100 * young.older_bad_rate:.0f} %. Outcomes that came early say how soon bads show, not how many there "
            "are: leave all loans of these years out of the file, or add the date of application.",
        )
    return ()
