"""LendingClub's accepted loans: personal loans over the internet in the United States, 2007 to 2018.

`SCHEMA` keeps to what was known when the loan was asked for; `read` takes both files that circulate, the raw one ('Dec-
2011', ' 36 months', 10.65) and the one re-exported from R ('2011-12-01', 36, 0.1065), and sets aside loans that had not
run their course when the file was made. Reached through creditrisk.datasets. See docs/datasets.md.
"""

from __future__ import annotations

from dataclasses import replace

import polars as pl

from creditrisk.columns import key
from creditrisk.datasets._worked_out import filled
from creditrisk.schema import Category, Costs, Field, Schema, Target
from creditrisk.sources import RawTable, read_table

CHARGED_OFF = ("Charged Off", "Default", "Does not meet the credit policy. Status:Charged Off")
REPAID = ("Fully Paid", "Does not meet the credit policy. Status:Fully Paid")
STILL_RUNNING = ("Current", "In Grace Period", "Late (16-30 days)", "Late (31-120 days)", "Issued")
# Said of loans that ended before their term: `read` writes it behind their status.
TOO_YOUNG = ", issued too recently"
# What the platform itself concluded about the risk; without them a model stands on the application alone.
PRICING = ("int_rate", "installment_usd", "grade", "sub_grade")
GRADES = "ABCDEFG"


def _same(*values: str) -> tuple[Category, ...]:
    return tuple(Category(value, value) for value in values)


def _named(**labels: str) -> tuple[Category, ...]:
    return tuple(Category(value, label) for value, label in labels.items())


def _count(name: str, label: str, maximum: float, *, aliases: tuple[str, ...] = ()) -> Field:
    return Field(name, "number", label, minimum=0, maximum=maximum, is_required=False, aliases=aliases)


SCHEMA = Schema(
    name="lending_club",
    title="LendingClub loans",
    currency="USD",
    amount_field="loan_amount_usd",
    horizon_months=36,
    target=Target(
        name="loan_status",
        label="Loan status",
        bad=CHARGED_OFF,
        good=REPAID,
        unresolved=(*STILL_RUNNING, *(status + TOO_YOUNG for status in CHARGED_OFF + REPAID)),
    ),
    costs=Costs(accept_bad=5.0, decline_good=1.0, review=0.7),
    notes=(
        "Matured loans only: bad is charged off or in default over the term of 36 or 60 months. The costs are an "
        "example; LendingClub published none. Where the borrower lives is left out: it stands in for race."
    ),
    fields=(
        Field("id", "text", "Loan number", role="id", is_required=False),
        Field("issue_date", "date", "Date of issue", role="time", is_required=False, aliases=("issue_d",)),
        Field(
            "loan_amount_usd",
            "number",
            "Loan amount",
            unit="USD",
            minimum=500,
            maximum=40_000,
            aliases=("loan_amnt",),
            reason_high="High loan amount",
            reason_low="Low loan amount",
        ),
        Field(
            "term_months",
            "category",
            "Term",
            is_ordered=True,
            categories=(Category("36", "36 months"), Category("60", "60 months")),
            aliases=("term",),
        ),
        Field(
            "int_rate",
            "number",
            "Interest rate",
            unit="%",
            minimum=5,
            maximum=31,
            reason_high="High interest rate",
            reason_low="Low interest rate",
        ),
        Field(
            "installment_usd",
            "number",
            "Monthly instalment",
            unit="USD",
            minimum=10,
            maximum=1_800,
            aliases=("installment",),
            reason_high="High instalment",
            reason_low="Low instalment",
        ),
        Field("grade", "category", "Grade", is_ordered=True, categories=_same(*GRADES)),
        Field(
            "sub_grade",
            "category",
            "Sub-grade",
            is_ordered=True,
            categories=_same(*(f"{grade}{step}" for grade in GRADES for step in range(1, 6))),
        ),
        Field(
            "employment_years",
            "category",
            "Years in employment",
            is_ordered=True,
            is_required=False,
            categories=(
                Category("0", "under 1 year", ("< 1 year",)),
                Category("1", "1 year"),
                *(Category(str(years), f"{years} years") for years in range(2, 10)),
                Category("10", "10 years or more", ("10+ years",)),
            ),
            aliases=("emp_length",),
        ),
        Field(
            "home_ownership",
            "category",
            "Home",
            categories=_named(
                RENT="Rents",
                MORTGAGE="Owns with a mortgage",
                OWN="Owns outright",
                OTHER="Other",
                NONE="None",
                ANY="Not said",
            ),
        ),
        Field(
            "annual_income_usd",
            "number",
            "Income",
            unit="USD a year",
            minimum=0,
            maximum=10_000_000,
            is_required=False,
            aliases=("annual_inc",),
            reason_high="High income",
            reason_low="Low income",
        ),
        Field(
            "verification_status",
            "category",
            "Income verified",
            categories=(
                Category("Not Verified", "Not verified"),
                Category("Verified", "Verified"),
                Category("Source Verified", "Source of income verified"),
            ),
        ),
        Field(
            "purpose",
            "category",
            "Purpose",
            categories=_named(
                debt_consolidation="Paying off other debts",
                credit_card="Paying off credit cards",
                other="Other",
                home_improvement="Home improvement",
                major_purchase="A major purchase",
                small_business="Small business",
                car="Car",
                wedding="Wedding",
                medical="Medical",
                moving="Moving",
                house="House",
                educational="Education",
                vacation="Holiday",
                renewable_energy="Renewable energy",
            ),
        ),
        Field(
            "debt_to_income_pct",
            "number",
            "Debt payments to income",
            unit="%",
            minimum=0,
            maximum=100,
            is_required=False,
            aliases=("dti",),
            reason_high="Debt payments take a high share of income",
            reason_low="Debt payments take a low share of income",
        ),
        Field(
            "credit_history_months",
            "number",
            "Length of credit history",
            unit="months",
            minimum=0,
            maximum=900,
            is_required=False,
            reason_high="Long credit history",
            reason_low="Short credit history",
            description="From the earliest credit line to the issue; worked out from these two where it is not given.",
        ),
        Field(
            "fico",
            "number",
            "FICO score",
            minimum=300,
            maximum=850,
            is_required=False,
            aliases=("fico_range_low",),
            reason_high="High FICO score",
            reason_low="Low FICO score",
        ),
        _count("delinquencies_2_years", "Times late in two years", 40, aliases=("delinq_2yrs",)),
        _count("inquiries_6_months", "Credit inquiries in six months", 35, aliases=("inq_last_6mths",)),
        _count("months_since_delinquency", "Months since last late", 250, aliases=("mths_since_last_delinq",)),
        _count("months_since_record", "Months since last public record", 250, aliases=("mths_since_last_record",)),
        _count("open_accounts", "Open credit lines", 100, aliases=("open_acc",)),
        _count("public_records", "Public records against the client", 90, aliases=("pub_rec",)),
        _count("bankruptcies", "Bankruptcies", 15, aliases=("pub_rec_bankruptcies",)),
        Field(
            "revolving_balance_usd",
            "number",
            "Revolving balance",
            unit="USD",
            minimum=0,
            maximum=3_000_000,
            is_required=False,
            aliases=("revol_bal",),
        ),
        Field(
            "revolving_use_pct",
            "number",
            "Revolving credit in use",
            unit="%",
            minimum=0,
            maximum=200,
            is_required=False,
            aliases=("revol_util",),
            reason_high="Much of the revolving credit is in use",
            reason_low="Little of the revolving credit is in use",
        ),
        _count("total_accounts", "Credit lines ever", 200, aliases=("total_acc",)),
    ),
)

# What borrowers wrote about themselves: dropped as soon as it is read.
FREE_TEXT = ("emp_title", "title", "desc")
# How months are written: the re-export's way, and the raw file's.
DATES = ("%Y-%m-%d", "%d-%b-%Y")


NOT_FETCHED = (
    "LendingClub's files are not fetched by themselves. Pass the one you have: SOURCE=path/to/accepted.csv.gz."
)


def read(source: str) -> RawTable:
    """The table at `source`, in either spelling, without the borrowers' own words.

    Loans that could not have run their term by the latest date in the file are marked as too young: of young loans
    only those that ended early are resolved, and they are not like the others.

    Raises
    ------
    SourceError
        If the table cannot be read.
    """
    raw = read_table(source)
    raw = prepare(replace(raw, frame=raw.frame.drop(FREE_TEXT, strict=False)))
    if not {"issue_d", "term", "last_credit_pull_d", "loan_status"} <= set(raw.frame.columns):
        return raw
    end = _date("issue_d").dt.offset_by(pl.col("term").str.extract(r"(\d+)") + "mo")
    is_young = (end > _date("last_credit_pull_d").max()) & pl.col("loan_status").is_in(CHARGED_OFF + REPAID)
    marked = pl.when(is_young).then(pl.col("loan_status") + TOO_YOUNG).otherwise(pl.col("loan_status"))
    return replace(raw, frame=raw.frame.with_columns(marked.alias("loan_status")))


def prepare(raw: RawTable) -> RawTable:
    """Rates as per cent, and the length of the credit history, from either spelling; row by row.

    The re-export writes rates as shares. No loan has a rate under one per cent, so a row with one is from there.
    """
    names = {key(name): name for name in raw.frame.columns}
    frame = raw.frame
    if rate := names.get("intrate"):
        is_share = _number(rate) < 1
        shares = [name for key in ("intrate", "revolutil") if (name := names.get(key))]
        frame = frame.with_columns(
            pl.when(is_share & _number(name).is_not_null()).then(_text(_number(name) * 100)).otherwise(name).alias(name)
            for name in shares
        )
    first, asked = names.get("earliestcrline"), names.get("issued") or names.get("issuedate")
    if first and asked:
        months = (_date(asked).dt.year() - _date(first).dt.year()) * 12
        months += _date(asked).dt.month().cast(pl.Int32) - _date(first).dt.month().cast(pl.Int32)
        frame = filled(frame, "credit_history_months", _text(months))
    return replace(raw, frame=frame)


def _number(name: str) -> pl.Expr:
    return pl.col(name).cast(pl.Float64, strict=False)


def _text(numbers: pl.Expr) -> pl.Expr:
    return numbers.cast(pl.Float64).round(6).cast(pl.String)


def _date(name: str) -> pl.Expr:
    days = pl.when(pl.col(name).str.contains(r"^\w{3}-\d{4}$")).then("01-" + pl.col(name)).otherwise(name)
    return pl.coalesce(days.str.to_date(pattern, strict=False) for pattern in DATES)
