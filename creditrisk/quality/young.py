"""Loans too young to judge by: where many are still open, those with an outcome are the ones whose outcome came early.

The share of loans with an outcome is taken by month of application. The newest months, of which clearly fewer have one
than of the oldest, neither teach nor judge: their share of bads says how soon bads show, not how many there are. Where
somebody says how long an outcome takes, and the outcomes of such months are bad as often as the older ones, what is
open was left out for another reason, such as a longer term, and nothing is set aside.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import polars as pl
from numpy.typing import NDArray

from creditrisk.arrays import FloatArray, IntArray
from creditrisk.quality.cells import ReadColumn
from creditrisk.schema import Schema
from creditrisk.splits import month_number
from creditrisk.text import counted, month_word

STILL_OPEN = "is no outcome yet: the loan has not run its course"
TOO_YOUNG = "came early: most loans granted so lately are still open"
# A month is mature where nearly as many of its loans have an outcome as of the oldest tenth: of those still open nearly
# all turn out good, so that a tenth of them moves a share of bads by a tenth at most.
MATURE_SHARE = 0.9
# Where a person says how long an outcome takes, younger months are held to more.
MATURE_BEFORE_HORIZON = 0.99
OLDEST = 0.1
# Bads come first, or goods, where the young months' share of bads is so many times that of the older ones, and lies so
# many standard errors away from it.
BADS_FIRST, GOODS_FIRST = 1.25, 0.5
BEYOND_CHANCE = 2.0
# Where a file holds no open loans, the newest months stand out if they differ so much more than by chance.
TIMES_AS_BAD, FAR_BEYOND_CHANCE, MIN_SHARE_OF_ROWS = 2.0, 5.0, 0.02
# Fewer open loans may be gaps in the table.
MIN_OPEN = 20
# Months on book at which the table of ages is divided.
AGES = (0, 3, 6, 12, 18, 24, 36, 48, 60)


@dataclass(frozen=True, slots=True)
class YoungLoans:
    """The newest months of a table, too many of whose loans are still open.

    `first_month` counts from the year 0; `n_months` is how old a loan must be, at the newest application, to be
    mature. `n_loans`, `n_resolved` and `n_bad` count those of the young months; `older_bad_rate` is the share of bads
    of the others. `by_age` holds, by months since the application in words, the share with an outcome.
    """

    first_month: int
    n_months: int
    n_loans: int
    n_resolved: int
    n_bad: int
    older_bad_rate: float
    by_age: tuple[tuple[str, float], ...]

    @property
    def sentence(self) -> str:
        r"""What is set aside and why, for a person.

        Examples
        --------
        >>> young = YoungLoans(12 * 2022 + 5, 7, 1_240, 384, 300, 0.2, (("0 to 2", 0.1),))
        >>> print(young.sentence.replace(": ", ":\n").replace(" (78", "\n(78"))
        the newest 7 months (from 2022-06 on), 1,240 loans, neither teach nor judge:
        only 31 % of them have an outcome, the bad ones first
        (78 % of these are bad, of older ones 20 %)
        """
        newest = "the newest month" if self.n_months == 1 else f"the newest {self.n_months} months"
        verb = "teaches nor judges" if self.n_months == 1 else "teach nor judge"
        share, bad_rate = self.n_resolved / self.n_loans, self.n_bad / self.n_resolved
        first = ""
        if bad_rate > BADS_FIRST * self.older_bad_rate or bad_rate < GOODS_FIRST * self.older_bad_rate:
            first = f", the {'bad' if bad_rate > self.older_bad_rate else 'good'} ones first"
        return (
            f"{newest} (from {month_word(self.first_month)} on), {counted(self.n_loans, 'loan')}, neither {verb}: only "
            f"{100 * share:.0f} % of them have an outcome{first} ({100 * bad_rate:.0f} % of these are bad, of older "
            f"ones {100 * self.older_bad_rate:.0f} %)"
        )

    @property
    def ages(self) -> str:
        """The share with an outcome by months since the application, in words.

        Examples
        --------
        >>> YoungLoans(0, 7, 9, 3, 3, 0.2, (("0 to 2", 0.1), ("3 to 5", 0.55))).ages
        'with an outcome, by months since the application: 0 to 2: 10 %, 3 to 5: 55 %'
        """
        shares = ", ".join(f"{age}: {100 * share:.0f} %" for age, share in self.by_age)
        return f"with an outcome, by months since the application: {shares}"


@dataclass(frozen=True, slots=True)
class OddMonths:
    """The newest months of a table without open loans, if their share of bads is quite another than the older ones'.

    `first_month` counts from the year 0; the rates are shares of bads, 0 to 1.
    """

    first_month: int
    bad_rate: float
    older_bad_rate: float

    @property
    def sentence(self) -> str:
        """What is odd and what it may mean, for a person.

        Examples
        --------
        >>> print(OddMonths(12 * 2022 + 5, 0.78, 0.2).sentence.replace(": ", ":\\n"))
        of loans granted from 2022-06 on 78 % are bad, of older ones 20 %:
        were those left out of the file whose outcome is still open, so that only early failures are in it?
        """
        may_mean = (
            "were those left out of the file whose outcome is still open, so that only early failures are in it?"
            if self.bad_rate > self.older_bad_rate
            else "are those called good whose outcome is still open?"
        )
        return (
            f"of loans granted from {month_word(self.first_month)} on {100 * self.bad_rate:.0f} % are bad, of older "
            f"ones {100 * self.older_bad_rate:.0f} %: {may_mean}"
        )


def months_of(days: pl.Series) -> IntArray:
    """The month of each day, counted from the year 0; -1 where there is none; shape (n_rows,)."""
    return month_number(days).fill_null(-1).to_numpy()


def young_loans(days: pl.Series, outcome: IntArray, horizon_months: int | None = None) -> YoungLoans | None:
    """The newest months too few of whose loans have an outcome; None if the table has no such months.

    Parameters
    ----------
    days
        Dates of application, null where unknown, shape (n_rows,).
    outcome
        1 bad, 0 good, -1 still open, shape (n_rows,).
    horizon_months
        How long an outcome takes, if somebody says so: where some months are too young, all younger than this are held
        to `MATURE_BEFORE_HORIZON`, and their outcomes must have come early to be set aside.
    """
    months = months_of(days)
    outcome, months = outcome[months >= 0], months[months >= 0]
    is_resolved = outcome >= 0
    if len(months) - int(is_resolved.sum()) < MIN_OPEN or not is_resolved.any():
        return None
    present, shares = _falling_shares(months, is_resolved)
    is_young = shares < MATURE_SHARE
    if not is_young.any():
        return None
    newest, first = int(present[-1]), int(present[is_young.argmax()])
    if horizon_months:
        if not _came_early(outcome[is_resolved & (months >= first)], outcome[is_resolved & (months < first)]):
            return None
        is_young |= (present > newest - horizon_months) & (shares < MATURE_BEFORE_HORIZON)
        first = int(present[is_young.argmax()])
    young, older = outcome[months >= first], outcome[is_resolved & (months < first)]
    n_resolved = int((young >= 0).sum())
    if not n_resolved or not len(older) or len(young) - n_resolved < MIN_OPEN:
        return None
    return YoungLoans(
        first_month=first,
        n_months=newest - first + 1,
        n_loans=len(young),
        n_resolved=n_resolved,
        n_bad=int((young == 1).sum()),
        older_bad_rate=float(older.mean()),
        by_age=_by_age(newest - months, is_resolved),
    )


def odd_months(days: pl.Series, outcome: IntArray) -> OddMonths | None:
    """The newest months whose outcomes are bad far more or less often than the older ones'; None if there are none.

    Parameters
    ----------
    days
        Dates of application, null where unknown, shape (n_rows,).
    outcome
        1 bad, 0 good, -1 unknown, shape (n_rows,).
    """
    months = months_of(days)
    is_known = (months >= 0) & (outcome >= 0)
    present, index, n_loans = np.unique(months[is_known], return_inverse=True, return_counts=True)
    bads = np.bincount(index, weights=outcome[is_known])
    newer, newer_bads = np.cumsum(n_loans[::-1])[::-1][1:], np.cumsum(bads[::-1])[::-1][1:]
    older, older_bads = np.cumsum(n_loans)[:-1], np.cumsum(bads)[:-1]
    n_rows = n_loans.sum()
    may_be = (newer >= MIN_SHARE_OF_ROWS * n_rows) & (newer <= older)
    if not may_be.any():
        return None
    usual = bads.sum() / n_rows
    error = np.sqrt(usual * (1 - usual) * (1 / newer + 1 / older))
    beyond = np.where(may_be, np.abs(newer_bads / newer - older_bads / older) / np.maximum(error, 1e-9), 0.0)
    place = int(beyond.argmax())
    bad_rate, older_rate = float(newer_bads[place] / newer[place]), float(older_bads[place] / older[place])
    is_odd = max(bad_rate, older_rate) >= TIMES_AS_BAD * min(bad_rate, older_rate)
    return (
        OddMonths(int(present[place + 1]), bad_rate, older_rate)
        if is_odd and beyond[place] > FAR_BEYOND_CHANCE
        else None
    )


def _falling_shares(months: IntArray, is_resolved: NDArray[np.bool_]) -> tuple[IntArray, FloatArray]:
    """The months there are, and the share of their loans with an outcome over that of the oldest tenth of all loans.

    The shares are made to fall from month to month, so that chance in a small month makes neither young nor mature.
    """
    from scipy.optimize import isotonic_regression

    present, index, n_loans = np.unique(months, return_inverse=True, return_counts=True)
    shares = np.bincount(index, weights=is_resolved) / n_loans
    falling = np.asarray(isotonic_regression(shares, weights=n_loans.astype(np.float64), increasing=False).x)
    usual = falling[np.searchsorted(np.cumsum(n_loans), OLDEST * len(months))]
    return present, falling / max(usual, 1 / len(months))


def _came_early(young: IntArray, older: IntArray) -> bool:
    """Whether outcomes of the young months are bad more often than those of the older ones, or hardly ever."""
    if not len(young) or not len(older):
        return False
    usual, bad_rate = float(older.mean()), float(young.mean())
    overall = float(np.concatenate([young, older]).mean())
    error = np.sqrt(overall * (1 - overall) * (1 / len(young) + 1 / len(older)))
    is_other = bad_rate > BADS_FIRST * usual or bad_rate < GOODS_FIRST * usual
    return bool(is_other and abs(bad_rate - usual) > BEYOND_CHANCE * error)


def _by_age(ages: IntArray, is_resolved: NDArray[np.bool_]) -> tuple[tuple[str, float], ...]:
    rows = []
    for low, high in zip(AGES, (*AGES[1:], None), strict=True):
        chosen = (ages >= low) & (ages < high if high is not None else True)
        if chosen.any():
            words = f"{low} to {high - 1}" if high is not None else f"{low} and more"
            rows.append((words, float(is_resolved[chosen].mean())))
    return tuple(rows)


def set_young_aside(
    outcome: ReadColumn, columns: Mapping[str, ReadColumn], schema: Schema
) -> tuple[ReadColumn, YoungLoans | None]:
    """The outcome as it was read with a fault in every row of a month too young, and what was found of such months.

    Parameters
    ----------
    outcome
        Codes of the outcome, 1 bad, null where there is none, with the faults of its cells.
    columns
        The other columns as they were read; that of the schema's time field, if it has one, is looked at.
    """
    time = schema.time_field
    if time is None or schema.horizon_months == 0:
        return outcome, None
    days = columns[time.name].values
    codes = outcome.values.cast(pl.Int64).fill_null(-1).to_numpy()
    young = young_loans(days, codes, schema.horizon_months)
    if young is None:
        return outcome, None
    rows = np.flatnonzero(months_of(days) >= young.first_month)
    faults = {int(row): TOO_YOUNG if codes[row] >= 0 else STILL_OPEN for row in rows}
    return replace(outcome, faults=outcome.faults | faults), young
