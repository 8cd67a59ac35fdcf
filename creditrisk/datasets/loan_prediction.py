"""Loan Prediction (Dream Housing Finance): 614 applications for a home loan, and whether they were approved.

An approval is a decision, not an outcome: a model of this table learns whom the lender refused, not who repaid. Fit for
exercises, not for lending; the words of the schema say so wherever people read them. Reached through
creditrisk.datasets. See docs/datasets.md.
"""

from __future__ import annotations

from creditrisk.schema import Category, Costs, Field, Schema, Target
from creditrisk.sources import read_table

SCHEMA = Schema(
    name="loan_prediction",
    title="Loan Prediction: approvals, not defaults",
    # No amount_field: amount times the chance of a refusal is not a loss. No horizon: the decision is the outcome.
    horizon_months=0,
    target=Target(
        name="loan_status",
        label="Loan refused",
        bad=("N",),
        good=("Y",),
        bad_happened="were refused a loan",
        good_happened="were granted one",
        bad_rate_expected=0.3127,
    ),
    costs=Costs(accept_bad=1.0, decline_good=1.0, review=0.3),
    notes=(
        "The outcome is the lender's own approval decision, not repayment: what looks like risk is the chance of being "
        "refused. A model of it repeats past decisions, prejudice included; do not lend by it. The costs are an "
        "example."
    ),
    fields=(
        Field("loan_id", "text", "Application number", role="id", is_required=False),
        Field(
            "gender",
            "category",
            "Sex",
            role="protected",
            is_required=False,
            categories=(Category("Male", "Male"), Category("Female", "Female")),
        ),
        Field(
            "married",
            "category",
            "Married",
            role="protected",
            is_required=False,
            categories=(Category("Yes", "Yes"), Category("No", "No")),
        ),
        Field(
            "dependents",
            "category",
            "Dependants",
            is_ordered=True,
            is_required=False,
            # Copies in circulation have lost the plus, or made four of three and more.
            categories=(
                Category("0", "None"),
                Category("1", "1"),
                Category("2", "2"),
                Category("3+", "3 or more", ("3", "4")),
            ),
        ),
        Field(
            "education",
            "category",
            "Education",
            is_required=False,
            categories=(Category("Graduate", "Graduate"), Category("Not Graduate", "Not a graduate")),
        ),
        Field(
            "self_employed",
            "category",
            "Self-employed",
            is_required=False,
            categories=(Category("Yes", "Yes"), Category("No", "No")),
        ),
        Field(
            "applicant_income",
            "number",
            "Applicant's income",
            unit="a month",
            minimum=0,
            maximum=200_000,
            aliases=("ApplicantIncome",),
            reason_high="High income of the applicant",
            reason_low="Low income of the applicant",
        ),
        Field(
            "coapplicant_income",
            "number",
            "Co-applicant's income",
            unit="a month",
            minimum=0,
            maximum=200_000,
            is_required=False,
            aliases=("CoapplicantIncome",),
            reason_high="High income of the co-applicant",
            reason_low="Low income of the co-applicant",
        ),
        Field(
            "loan_amount_thousands",
            "number",
            "Loan amount",
            unit="thousands",
            minimum=1,
            maximum=2_000,
            is_required=False,
            aliases=("LoanAmount",),
            reason_high="High loan amount",
            reason_low="Low loan amount",
        ),
        Field(
            "loan_term_months",
            "number",
            "Term",
            unit="months",
            minimum=6,
            maximum=600,
            is_required=False,
            aliases=("Loan_Amount_Term",),
            reason_high="Long term",
            reason_low="Short term",
        ),
        Field(
            "credit_history",
            "category",
            "Credit history meets the guidelines",
            is_required=False,
            categories=(Category("1", "Yes", ("1.0",)), Category("0", "No", ("0.0",))),
        ),
        Field(
            "property_area",
            "category",
            "Place of the home",
            is_required=False,
            categories=(
                Category("Urban", "Urban"),
                Category("Semiurban", "Semi-urban"),
                Category("Rural", "Rural"),
            ),
        ),
    ),
)

read = read_table
NOT_FETCHED = "The Loan Prediction file is not fetched by itself. Pass the one you have: SOURCE=path/to/train.csv."
