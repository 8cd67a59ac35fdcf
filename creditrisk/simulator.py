"""A consumer lender that does not exist: its applicants, the economy they live in, and who of them defaults.

The true PD is known here and nowhere else, so the best AUC that a model can reach is known too. Nothing in this module
reads a clock, a file or a setting: the same arguments give the same applicants.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from itertools import accumulate
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from creditrisk.arrays import FloatArray
from creditrisk.errors import SettingsError
from creditrisk.metrics import auc

Columns = dict[str, npt.NDArray[Any]]

START = date(2019, 1, 1)
END = date(2024, 12, 31)

# The economy runs from here whatever the window, so that any two windows of one seed lie in the same history.
EPOCH = date(2000, 1, 1)
CYCLE_MONTHS = 72
PERSISTENCE = 0.8

# Columns that nobody but this module sees: two traits that drive what the lender does see (how well off a person is,
# how careful with money), the economy in the month of application, and the draw that decides who defaults.
HIDDEN = ("means", "care", "climate", "fate")

LOAN_TERMS_MONTHS = np.array([12, 24, 36, 48, 60, 72, 84])
INTEREST_RATE_YEARLY = 0.08


def simulate(n: int, *, seed: int = 7, start: date = START, end: date = END, stress: float = 0.0) -> pl.DataFrame:
    """Applicants of the simulated lender, oldest application first.

    Parameters
    ----------
    n
        Number of applicants, at least 1.
    seed
        0 or more. Same seed, `n` and dates: same applicants.
    start, end
        First and last day of application, from 2000-01-01 on.
    stress
        Added to the economy in every month, in standard deviations; positive is worse: weaker applicants, and more
        defaults among them.

    Returns
    -------
    pl.DataFrame
        One row per applicant: the fields of the dataset `simulated` with canonical types, `default`
        (Int8, 1 = bad within 12 months) and `true_prob_default` (0 to 1).

    Raises
    ------
    SettingsError
        If `n`, `seed` or the dates cannot be used.

    Examples
    --------
    >>> simulate(2, start=date(2024, 1, 1), end=date(2024, 3, 31))["application_id"].to_list()
    ['SIM-000001', 'SIM-000002']
    """
    if n < 1 or seed < 0 or not EPOCH <= start <= end:
        raise SettingsError(
            f"cannot simulate {n} applicants with seed {seed} from {start} to {end}. Ask for at least one applicant, "
            f"a seed of 0 or more, a start of {EPOCH} or later and an end that is not before the start."
        )
    rng = _generator(seed, stream=1)
    applied = np.sort(np.datetime64(start, "D") + rng.integers(0, (end - start).days + 1, n))
    month = (applied.astype("datetime64[M]") - np.datetime64(EPOCH, "M")).astype(int)
    climate = economy(seed=seed, end=end)[month] + stress

    person = _person(rng, climate)
    household = _household(rng, climate, person)
    record = _credit_record(rng, climate, person, household)
    request = _request(rng, person, household, record)
    hidden = {"climate": climate, "fate": rng.random(n)}

    return (
        pl.DataFrame({"application_date": applied} | request | household | record | person | hidden)
        .with_columns(pl.col(pl.Float64).fill_nan(None))
        .with_columns(pl.col("^.*_months$").cast(pl.Int64))
        .with_columns(
            application_id=pl.format("SIM-{}", pl.int_range(1, n + 1).cast(pl.String).str.zfill(6)),
            outcome_date=pl.col("application_date").dt.offset_by("12mo"),
            true_prob_default=_prob_default(),
        )
        .with_columns(default=(pl.col("fate") < pl.col("true_prob_default")).cast(pl.Int8))
        .select("application_id", pl.exclude("application_id", *HIDDEN))
    )


def economy(*, seed: int = 7, end: date = END) -> FloatArray:
    """The state of the economy in each month from January 2000 to the month of `end`, shape (n_months,).

    In standard deviations, 0 = normal, positive = worse, like unemployment: a six-year cycle (worst in mid-2020, best
    in mid-2023, the same for every seed) with three quarters of the variance, and an AR(1) process with the rest.

    Examples
    --------
    >>> len(economy(end=date(2001, 12, 31)))
    24
    """
    n_months = (end.year - EPOCH.year) * 12 + end.month
    months_since_2019 = np.arange(n_months) - (2019 - EPOCH.year) * 12
    # sin has variance 1/2, so 1.5 of it gives 3/4; half of a process with variance 1 gives the other quarter.
    cycle = 1.5**0.5 * np.sin(2 * np.pi * months_since_2019 / CYCLE_MONTHS)
    shocks = (1 - PERSISTENCE**2) ** 0.5 * _generator(seed, stream=0).standard_normal(n_months)
    wobble = np.array(list(accumulate(shocks, lambda level, shock: PERSISTENCE * level + shock)))
    state: FloatArray = cycle + 0.5 * wobble
    return state


def best_auc(frame: pl.DataFrame) -> float:
    """The AUC of `true_prob_default` against `default`: what knowing all but chance would reach on these rows."""
    return auc(frame["true_prob_default"].to_numpy(), frame["default"].to_numpy())


# Who applies ------------------------------------------------------------------------------------------------------


def _person(rng: np.random.Generator, climate: FloatArray) -> Columns:
    n = len(climate)
    age = np.floor(np.clip(18 + rng.gamma(2.4, 10.0, n), 18, 90)).astype(np.int64)
    sex = _choose(rng, n, {"female": 0.0, "male": 0.1, "not_stated": -4.0})
    nationality = _choose(rng, n, {"national": 1.8, "other_eu": 0.0, "non_eu": -0.3 - 0.02 * (age - 40)})
    # Bad times send people with less room for manoeuvre to the lender.
    means = rng.standard_normal(n) - 0.20 * climate - 0.25 * (sex == "female") - 0.35 * (nationality == "non_eu")
    care = rng.standard_normal(n) - 0.15 * climate + 0.015 * (age - 42)
    return {"age_years": age, "sex": sex, "nationality_group": nationality, "means": means, "care": care}


def _household(rng: np.random.Generator, climate: FloatArray, person: Columns) -> Columns:
    n, age, means, care = len(climate), person["age_years"], person["means"], person["care"]
    status = _choose(
        rng,
        n,
        {
            "permanent": 2.6,
            "fixed_term": 0.6 - 0.03 * (age - 40),
            "self_employed": 0.8 + 0.2 * means,
            "retired": 0.55 * (age - 62),
            "student": 0.6 - 0.35 * (age - 20),
            "unemployed": -1.0 - 0.5 * means + 0.35 * climate,
        },
    )
    is_working = np.isin(status, ("permanent", "fixed_term", "self_employed"))
    career_months = 12.0 * np.maximum(age - 17, 1)
    employment_months = np.minimum(rng.exponential(np.where(status == "fixed_term", 18, 80)), career_months)
    status_effect = (
        0.10 * (status == "self_employed")
        - 0.25 * (status == "retired")
        - 0.70 * (status == "student")
        - 0.65 * (status == "unemployed")
    )
    # Student's t with 4 degrees of freedom: a few incomes are very large, and a few very small.
    log_income = 7.70 + status_effect + 0.28 * means + 0.16 * rng.standard_t(4, n) - 0.00025 * (age - 48) ** 2
    income = np.clip(np.exp(log_income), 350, 40_000).round(-1)
    housing = _choose(
        rng,
        n,
        {
            "own": -1.7 + 0.06 * (age - 35) + 0.4 * means,
            "mortgage": 0.1 - 0.001 * (age - 45) ** 2 + 0.6 * means,
            "rent": 0.8,
            "with_parents": 0.2 - 0.16 * (age - 24),
        },
    )
    savings = income * np.exp(0.5 + 0.7 * care + 0.4 * means + 0.9 * rng.standard_normal(n))
    savings = np.where(rng.random(n) < _share(-1.6 - 0.8 * care), 0.0, np.minimum(savings, 900_000).round(-1))
    address_months = np.minimum(rng.exponential(np.where(housing == "rent", 45, 110)), 12.0 * age)
    return {
        "income_eur": income,
        "employment_status": status,
        "employment_months": np.where(is_working, np.floor(employment_months), np.nan),
        "housing": housing,
        "address_months": _forget(rng, np.floor(address_months), share=0.05),
        # Those with little to show are less inclined to answer.
        "savings_eur": _forget(rng, savings, share=_share(-2.0 - 0.4 * means)),
        "dependants_count": np.minimum(rng.poisson(1.3 * np.exp(-(((age - 40) / 14) ** 2))), 8),
        "region": _choose(
            rng,
            n,
            {
                "capital": 0.2 + 0.5 * (person["nationality_group"] != "national"),
                "north": 0.2,
                "south": 0.4,
                "west": 0.5,
                "east": 0.1 - 0.2 * means,
            },
        ),
    }


def _credit_record(rng: np.random.Generator, climate: FloatArray, person: Columns, household: Columns) -> Columns:
    n, age, means, care = len(climate), person["age_years"], person["means"], person["care"]
    is_newcomer = (person["nationality_group"] != "national") & (rng.random(n) < 0.3)
    is_unknown = is_newcomer | (rng.random(n) < _share(-1.5 - 0.25 * (age - 20)))
    history_months = np.floor(12.0 * (age - 17) * rng.beta(2.5, 1.5, n) * np.where(is_newcomer, 0.3, 1.0))
    n_loans = np.where(is_unknown, 0, np.minimum(rng.poisson(np.exp(-0.1 - 0.25 * care)), 12))
    debt = n_loans * 2_600 * np.exp(0.3 * means + 0.9 * rng.standard_normal(n))
    has_card = rng.random(n) < _share(1.2 + 0.4 * means - 2.5 * is_unknown)
    utilisation = _share(-1.1 - 0.8 * care - 0.2 * means + 0.15 * climate + 1.1 * rng.standard_normal(n))
    enquiries = rng.poisson(rng.gamma(1.2, 1 / 1.2, n) * np.exp(-0.15 - 0.35 * care + 0.12 * climate))
    arrears = rng.poisson(rng.gamma(0.5, 2.0, n) * np.exp(-1.3 - 0.65 * care - 0.2 * means + 0.12 * climate))
    is_customer = rng.random(n) < _share(-0.4 + 0.02 * (age - 40))
    return {
        "existing_debt_eur": np.minimum(debt, 400_000).round(-1),
        "open_loans_count": n_loans,
        "card_utilisation_share": np.where(has_card, utilisation.round(2), np.nan),
        "enquiries_6_months_count": np.minimum(enquiries, 25),
        "bureau_history_months": np.where(is_unknown, np.nan, history_months),
        "arrears_24_months_count": np.where(is_unknown, 0, np.minimum(arrears, 24)),
        "customer_months": np.where(is_customer, np.floor(rng.exponential(60, n)), 0.0).clip(0, 480),
    }


def _request(rng: np.random.Generator, person: Columns, household: Columns, record: Columns) -> Columns:
    age, care, income = person["age_years"], person["care"], household["income_eur"]
    n = len(income)
    purpose = _choose(
        rng,
        n,
        {
            "car": 1.0,
            "home_improvement": 0.4 + 0.8 * np.isin(household["housing"], ("own", "mortgage")),
            "debt_consolidation": -0.8 + 0.5 * record["open_loans_count"],
            "education": -0.6 - 0.05 * (age - 28),
            "medical": -1.2 + 0.02 * (age - 40),
            "travel": -0.6,
            "other": 0.2,
        },
    )
    size = 0.35 * np.isin(purpose, ("car", "home_improvement")) - 0.6 * np.isin(purpose, ("travel", "medical"))
    log_amount = 8.75 + size + 0.45 * np.log(income / 2_000) - 0.10 * care + 0.65 * rng.standard_normal(n)
    amount = np.clip(np.exp(log_amount), 500, 75_000).round(-2)
    stretch = np.log(amount / 8_000) + 0.7 * rng.standard_normal(n)
    term_months = LOAN_TERMS_MONTHS[np.clip(np.round(2.6 + 1.6 * stretch), 0, 6).astype(int)]

    rate_monthly = INTEREST_RATE_YEARLY / 12
    instalment = amount * rate_monthly / (1 - (1 + rate_monthly) ** -term_months)
    payments = instalment + record["existing_debt_eur"] / 40
    return {
        "loan_amount_eur": amount,
        "loan_term_months": term_months,
        "purpose": purpose,
        "payment_to_income_share": np.minimum(payments / income, 3.0).round(3),
        "co_applicant": _choose(rng, n, {"no": 1.3, "yes": 0.02 * (age - 40) * (age < 65)}),
        "channel": _choose(
            rng, n, {"branch": 0.02 * (age - 40), "online": 0.9, "broker": 0.1 - 0.25 * care, "phone": -0.9}
        ),
    }


# Who defaults -----------------------------------------------------------------------------------------------------


def _prob_default() -> pl.Expr:
    """The true PD, from what the application form says and the economy alone.

    No protected field and neither hidden trait is in it: a gap between groups comes from their circumstances, and all
    that a model cannot see is the economy and chance. What stands between the steps, thresholds and products here and
    a straight line is what trees can win over logistic regression. Missing values have effects of their own.
    """
    col = pl.col
    income = col("income_eur")
    savings_in_incomes = (col("savings_eur") / income).fill_null(0.8)
    arrears, enquiries = col("arrears_24_months_count"), col("enquiries_6_months_count")
    utilisation = col("card_utilisation_share")
    history, job, status = col("bureau_history_months"), col("employment_months"), col("employment_status")
    is_thin_file = (history < 24).fill_null(True)
    is_precarious = status.is_in(["self_employed", "fixed_term"])

    affordability = (
        (1.5 + 3.0 * (savings_in_incomes < 1.5)) * (col("payment_to_income_share") - 0.2).clip(0, 0.6)
        - 0.25 * (income / 2_000).log()
        + 0.7 * (income / (1 + 0.4 * col("dependants_count")) < 900)
        + 0.6 * (col("loan_amount_eur") / (12 * income) - 0.4).clip(0, 1)
        - 0.15 * savings_in_incomes.clip(0, 5)
        + 0.008 * (col("loan_term_months") - 48)
        - 0.3 * (col("co_applicant") == "yes")
    )
    conduct = (
        0.9 * (arrears >= 1)
        + 0.5 * (arrears >= 3)
        + (1.6 + 2.0 * (arrears >= 1)) * (utilisation - 0.5).clip(0).fill_null(0.05)
        + 0.10 * enquiries.clip(0, 8)
        + 1.3 * ((enquiries >= 2) & is_thin_file)
        + 0.7 * (-history / 48).exp().fill_null(0.8)
        - 0.4 * (1 - (-col("customer_months") / 24).exp())
        + 0.9 * ((col("purpose") == "debt_consolidation") & (col("open_loans_count") >= 3))
    )
    stability = (
        0.6 * (-job / 18).exp().fill_null(0)
        + 1.2 * ((status == "self_employed") & (job < 24))
        + _effects(status, {"fixed_term": 0.2, "student": 0.2, "unemployed": 0.7, "retired": -0.2})
        + _effects(col("housing"), {"own": -0.4, "mortgage": -0.25, "with_parents": 0.1})
        + 0.3 * (-col("address_months") / 24).exp().fill_null(0.4)
    )
    circumstances = (
        _effects(col("purpose"), {"car": -0.2, "medical": 0.2, "travel": 0.1})
        + _effects(col("channel"), {"branch": -0.15, "broker": 0.2})
        + 0.8 * ((col("channel") == "broker") & (col("loan_amount_eur") > 15_000))
        + _effects(col("region"), {"capital": -0.1, "east": 0.15})
    )
    economic_effect = (0.12 + 0.12 * is_precarious) * col("climate")
    log_odds = -3.1 + affordability + conduct + stability + circumstances + economic_effect
    return (1 / (1 + (-log_odds).exp())).round(6)


def _effects(field: pl.Expr, effects: Mapping[str, float]) -> pl.Expr:
    """The effect of each category on the log-odds; 0 for one that is not named."""
    return field.replace_strict(dict(effects), default=0.0, return_dtype=pl.Float64)


# Draws ------------------------------------------------------------------------------------------------------------


def _generator(seed: int, *, stream: int) -> np.random.Generator:
    """PCG64 by name, so that the values do not change with NumPy's choice of a default; streams are independent."""
    return np.random.Generator(np.random.PCG64([seed, stream]))


def _choose(rng: np.random.Generator, n: int, log_weights: Mapping[str, Any]) -> npt.NDArray[np.str_]:
    """One category per person with probability proportional to exp(log weight), by the Gumbel-max rule."""
    weights = np.stack([np.broadcast_to(weight, n) for weight in log_weights.values()])
    chosen = (weights + rng.gumbel(size=weights.shape)).argmax(axis=0)
    names: npt.NDArray[np.str_] = np.array(list(log_weights))[chosen]
    return names


def _share(log_odds: FloatArray) -> FloatArray:
    """Log-odds as a share of 1."""
    return 1 / (1 + np.exp(-log_odds))


def _forget(rng: np.random.Generator, values: FloatArray, *, share: float | FloatArray) -> FloatArray:
    """Leave out this share of the values."""
    return np.where(rng.random(len(values)) < share, np.nan, values)
