"""The simulated lender as a dataset: its schema, its default table, and the truth that only a simulation has.

How applicants and outcomes come about is in `simulator.py`; here are the words and the ranges. Costs nothing to fetch,
has no person in it, and is what `DATASET=simulated` (the default) trains on.
"""

from __future__ import annotations

import numpy as np
import polars as pl

from creditrisk.metrics import auc
from creditrisk.schema import Category, Costs, Field, Schema, Target
from creditrisk.simulator import simulate
from creditrisk.sources import RawTable, read_table

N_APPLICANTS = 30_000
SEED = 7


def read(source: str | None) -> RawTable:
    """The lender's table, every cell as text; without a source, 30,000 applicants of seed 7 with their outcomes."""
    if source:
        return read_table(source)
    frame = simulate(N_APPLICANTS, seed=SEED).drop("true_prob_default").cast(pl.String)
    # Lines as they would be in a CSV of this table: the header is line 1.
    return RawTable(frame=frame, lines=list(range(2, frame.height + 2)))


def truth() -> pl.DataFrame:
    """`application_id` and `true_prob_default` of the table that `read(None)` gives; of no other table."""
    return simulate(N_APPLICANTS, seed=SEED).select("application_id", "true_prob_default")


def best_auc(judged: pl.DataFrame) -> float:
    """The AUC of the true PDs on some rows of the table that `read(None)` gives: no model can do better on average."""
    known = judged.select("application_id", "default").join(truth(), on="application_id", maintain_order="left")
    return auc(known["true_prob_default"].to_numpy(), known["default"].to_numpy().astype(np.int64))


def _categories(**labels: str) -> tuple[Category, ...]:
    return tuple(Category(value, label) for value, label in labels.items())


SCHEMA = Schema(
    name="simulated",
    title="Simulated consumer lender",
    notes="Instalment loans of a lender that does not exist. Every applicant is made up.",
    currency="EUR",
    amount_field="loan_amount_eur",
    horizon_months=12,
    costs=Costs(accept_bad=5.0, decline_good=1.0, review=0.7),
    target=Target(name="default", label="Default within 12 months", bad=("1",), good=("0",)),
    fields=(
        # No identity, date or protected field is required: a client can be scored without any of them.
        Field("application_id", "text", "Application", role="id", is_required=False),
        Field("application_date", "date", "Date of application", role="time", is_required=False),
        Field(
            "outcome_date",
            "date",
            "Date of outcome",
            role="excluded",
            is_required=False,
            description="Twelve months after the application, when it is known whether the loan defaulted.",
        ),
        # What is asked for
        Field(
            "loan_amount_eur",
            "number",
            "Loan amount",
            unit="EUR",
            minimum=100,
            maximum=100_000,
            reason_high="Large loan amount",
            reason_low="Small loan amount",
        ),
        Field(
            "loan_term_months",
            "integer",
            "Loan term",
            unit="months",
            minimum=6,
            maximum=120,
            reason_high="Long loan term",
            reason_low="Short loan term",
        ),
        Field(
            "purpose",
            "category",
            "Purpose of the loan",
            categories=_categories(
                car="Car",
                home_improvement="Home improvement",
                debt_consolidation="Repaying other debts",
                education="Education",
                medical="Medical costs",
                travel="Travel",
                other="Other",
            ),
        ),
        Field(
            "payment_to_income_share",
            "number",
            "Instalments as a share of income",
            minimum=0,
            maximum=3,
            reason_high="Monthly instalments are high for the income",
            reason_low="Monthly instalments are low for the income",
            description="All monthly instalments, this loan's included, over net monthly income; 0.25 is a quarter.",
        ),
        Field("co_applicant", "category", "Co-applicant", categories=_categories(no="No", yes="Yes")),
        Field(
            "channel",
            "category",
            "Channel",
            categories=_categories(branch="Branch", online="Online", broker="Broker", phone="Phone"),
        ),
        # Work and home
        Field(
            "income_eur",
            "number",
            "Net monthly income",
            unit="EUR",
            minimum=0,
            maximum=50_000,
            reason_high="High income",
            reason_low="Low income",
        ),
        Field(
            "employment_status",
            "category",
            "Employment",
            categories=_categories(
                permanent="Permanent contract",
                fixed_term="Fixed-term contract",
                self_employed="Self-employed",
                retired="Retired",
                student="Student",
                unemployed="Not employed",
            ),
        ),
        Field(
            "employment_months",
            "integer",
            "Time in present employment",
            unit="months",
            minimum=0,
            maximum=900,
            is_required=False,
            reason_high="Long time in present employment",
            reason_low="Short time in present employment",
            description="Empty for applicants who do not work.",
        ),
        Field(
            "housing",
            "category",
            "Housing",
            categories=_categories(
                own="Own home", mortgage="Own home with a mortgage", rent="Rented", with_parents="With parents"
            ),
        ),
        Field(
            "address_months",
            "integer",
            "Time at present address",
            unit="months",
            minimum=0,
            maximum=1_100,
            is_required=False,
            reason_high="Long time at present address",
            reason_low="Short time at present address",
        ),
        Field(
            "savings_eur",
            "number",
            "Savings",
            unit="EUR",
            minimum=0,
            maximum=1_000_000,
            is_required=False,
            reason_high="High savings",
            reason_low="Low savings",
            description="Empty if the applicant did not say.",
        ),
        Field(
            "dependants_count",
            "integer",
            "Dependants",
            unit="people",
            minimum=0,
            maximum=12,
            reason_high="Many dependants",
            reason_low="Few dependants",
        ),
        Field(
            "region",
            "category",
            "Region",
            categories=_categories(capital="Capital", north="North", south="South", west="West", east="East"),
        ),
        # Credit record
        Field(
            "existing_debt_eur",
            "number",
            "Existing debts",
            unit="EUR",
            minimum=0,
            maximum=500_000,
            reason_high="High existing debts",
            reason_low="Low existing debts",
        ),
        Field(
            "open_loans_count",
            "integer",
            "Open loans elsewhere",
            unit="loans",
            minimum=0,
            maximum=30,
            reason_high="Many open loans elsewhere",
            reason_low="Few open loans elsewhere",
        ),
        Field(
            "card_utilisation_share",
            "number",
            "Used share of card limits",
            minimum=0,
            maximum=1.5,
            is_required=False,
            reason_high="Card limits largely used up",
            reason_low="Card limits hardly used",
            description="Card balances over card limits; above 1 if overdrawn. Empty without a card.",
        ),
        Field(
            "enquiries_6_months_count",
            "integer",
            "Credit enquiries, last 6 months",
            unit="enquiries",
            minimum=0,
            maximum=50,
            reason_high="Many credit enquiries in the last six months",
            reason_low="Few credit enquiries in the last six months",
        ),
        Field(
            "bureau_history_months",
            "integer",
            "Length of credit history",
            unit="months",
            minimum=0,
            maximum=900,
            is_required=False,
            reason_high="Long credit history",
            reason_low="Short credit history",
            description="Since the first entry at the credit bureau. Empty if the bureau does not know the applicant.",
        ),
        Field(
            "arrears_24_months_count",
            "integer",
            "Late payments, last 24 months",
            unit="payments",
            minimum=0,
            maximum=48,
            reason_high="Late payments in the last two years",
            reason_low="Few late payments in the last two years",
        ),
        Field(
            "customer_months",
            "integer",
            "Time as a customer",
            unit="months",
            minimum=0,
            maximum=600,
            reason_high="Long time as a customer",
            reason_low="Short time as a customer",
            description="0 for a new customer.",
        ),
        # Kept for the fairness audit, never shown to a model
        Field(
            "age_years", "integer", "Age", role="protected", unit="years", minimum=18, maximum=100, is_required=False
        ),
        Field(
            "sex",
            "category",
            "Sex",
            role="protected",
            categories=_categories(female="Female", male="Male", not_stated="Not stated"),
            is_required=False,
        ),
        Field(
            "nationality_group",
            "category",
            "Nationality",
            role="protected",
            categories=_categories(national="National", other_eu="Other EU country", non_eu="Outside the EU"),
            is_required=False,
        ),
    ),
)
