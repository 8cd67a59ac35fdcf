"""Default of credit card clients in Taiwan: 30,000 card holders of one bank, October 2005, 22 % of them bad.

The file has two lines of names, no `PAY_1`, and codes that its description does not explain; they are kept and called
so. Months are columns, so there is no date by row. Reached through creditrisk.datasets. See docs/datasets.md.

References
----------
Yeh, I. C., Lien, C. H. (2009). The comparisons of data mining techniques for the predictive accuracy of probability of
default of credit card clients. Expert Systems with Applications 36.
"""

from __future__ import annotations

from creditrisk.schema import Category, Costs, Field, Schema, Target
from creditrisk.sources import read_table

# Newest first; the file calls the newest repayment 0 and all its amounts 1.
MONTHS = ("September", "August", "July", "June", "May", "April")


# The description explains -1 and 1 to 9 only; what -2 and 0 mean is what everybody who uses the table has concluded.
REPAYMENT = (
    Category("-2", "Card not used (code -2, not documented)"),
    Category("-1", "Paid in full"),
    Category("0", "Paid in part (code 0, not documented)"),
    Category("1", "1 month late"),
    *(Category(str(months), f"{months} months late") for months in range(2, 9)),
    Category("9", "9 months late or more"),
)


def _repayment(place: int, month: str) -> Field:
    """Ordered classes, not a number: from "paid in full" to "paid in part" is not as far as to "1 month late"."""
    name = f"pay_{0 if place == 0 else place + 1}"
    aliases = ("pay_1",) if place == 0 else ()
    return Field(name, "category", f"Repayment in {month}", categories=REPAYMENT, is_ordered=True, aliases=aliases)


def _amount(name: str, place: int, label: str, *, minimum: float, low: str) -> Field:
    return Field(
        f"{name}{place + 1}",
        "number",
        label,
        unit="NT dollars",
        minimum=minimum,
        maximum=2_000_000,
        reason_high=f"High {label[0].lower()}{label[1:]}",
        reason_low=f"{low} {label[0].lower()}{label[1:]}",
    )


SCHEMA = Schema(
    name="taiwan_default",
    title="Credit card clients in Taiwan",
    currency="TWD",
    amount_field="limit_bal",
    horizon_months=1,
    target=Target(
        name="default_payment_next_month",
        label="Default next month",
        bad=("1",),
        good=("0",),
        aliases=("default payment next month", "default.payment.next.month", "y"),
        bad_rate_expected=0.2212,
    ),
    costs=Costs(accept_bad=5.0, decline_good=1.0, review=0.7),
    notes=(
        "Card holders of one bank in October 2005, in the middle of a card crisis. The costs are an example; none "
        "were published."
    ),
    fields=(
        Field("id", "text", "Client number", role="id", is_required=False),
        Field(
            "limit_bal",
            "number",
            "Credit limit",
            unit="NT dollars",
            minimum=0,
            maximum=1_000_000,
            reason_high="High credit limit",
            reason_low="Low credit limit",
        ),
        Field(
            "sex",
            "category",
            "Sex",
            role="protected",
            is_required=False,
            categories=(Category("1", "Male"), Category("2", "Female")),
        ),
        Field(
            "education",
            "category",
            "Education",
            categories=(
                Category("1", "Graduate school"),
                Category("2", "University"),
                Category("3", "High school"),
                Category("4", "Other"),
                *(Category(code, f"Not documented (code {code})") for code in ("0", "5", "6")),
            ),
        ),
        Field(
            "marriage",
            "category",
            "Marital status",
            role="protected",
            is_required=False,
            categories=(
                Category("1", "Married"),
                Category("2", "Single"),
                Category("3", "Other"),
                Category("0", "Not documented (code 0)"),
            ),
        ),
        Field("age", "integer", "Age", role="protected", unit="years", minimum=18, maximum=100, is_required=False),
        *(_repayment(place, month) for place, month in enumerate(MONTHS)),
        *(
            _amount("bill_amt", place, f"Bill of {month}", minimum=-400_000, low="Low")
            for place, month in enumerate(MONTHS)
        ),
        *(
            _amount("pay_amt", place, f"Payment made in {month}", minimum=0, low="Low")
            for place, month in enumerate(MONTHS)
        ),
    ),
)

# The checks find the names wherever they stand.
read = read_table
NOT_FETCHED = (
    "The Taiwan file is not fetched by itself. Pass the one you have: "
    "SOURCE=path/to/default_of_credit_card_clients.csv."
)
