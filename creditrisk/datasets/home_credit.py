"""Home Credit's `application_train`: consumer loans to people with little credit history, 8 % of them bad.

All columns of the application itself; of the building's three figures for the same thing (average, mode, median) the
average only. Days count backwards from the application, so they are negative. Four ratios and the mean of the external
scores are worked out where they are not given. Reached through creditrisk.datasets. See docs/datasets.md.
"""

from __future__ import annotations

from dataclasses import replace

import polars as pl

from creditrisk.columns import key
from creditrisk.datasets._worked_out import filled
from creditrisk.schema import Category, Costs, Field, Role, Schema, Target
from creditrisk.sources import RawTable, read_table

# What the file writes for "no employment", a thousand years ahead, and for "not available".
NO_EMPLOYMENT = 365243
NOT_AVAILABLE = "XNA"

YES_NO = (Category("1", "Yes", ("Y", "1.0")), Category("0", "No", ("N", "0.0")))


def _flag(name: str, label: str) -> Field:
    return Field(name, "category", label, categories=YES_NO, is_required=False)


def _number(
    name: str, label: str, unit: str = "", *, low: float | None = 0, high: float | None = None, role: Role = "feature"
) -> Field:
    words = label[0].lower() + label[1:]
    return Field(
        name,
        "number",
        label,
        role=role,
        unit=unit,
        minimum=low,
        maximum=high,
        is_required=False,
        reason_high=f"High {words}",
        reason_low=f"Low {words}",
    )


def _days(name: str, since: str, *, role: Role = "feature") -> Field:
    return Field(
        name,
        "number",
        f"Days since {since}, counted backwards",
        role=role,
        unit="days",
        minimum=-30_000,
        maximum=0,
        is_required=False,
        reason_high=f"Not long since {since}",
        reason_low=f"Long since {since}",
    )


def _choice(name: str, label: str, *values: str, role: Role = "feature") -> Field:
    return Field(
        name,
        "category",
        label,
        role=role,
        categories=tuple(Category(value, value[0].upper() + value[1:]) for value in values),
        is_required=False,
    )


# Figures of the building the client lives in, each scaled by Home Credit to between 0 and 1.
BUILDING = {
    "apartments": "flats",
    "basementarea": "basement area",
    "years_beginexpluatation": "years in use",
    "years_build": "year of building",
    "commonarea": "common area",
    "elevators": "lifts",
    "entrances": "entrances",
    "floorsmax": "most floors",
    "floorsmin": "fewest floors",
    "landarea": "land",
    "livingapartments": "flats lived in",
    "livingarea": "living area",
    "nonlivingapartments": "flats not lived in",
    "nonlivingarea": "area not lived in",
}
# Each leaves out the ones before it: the day is the day before the application without its last hour.
INQUIRIES = {
    "hour": "last hour",
    "day": "last day",
    "week": "last week",
    "mon": "last month",
    "qrt": "last quarter",
    "year": "last year",
}
# Name, words, what is divided by what.
RATIOS = (
    ("credit_to_income", "Loan amount as a multiple of income", "amt_credit", "amt_income_total"),
    ("annuity_to_income", "Instalment as a share of income", "amt_annuity", "amt_income_total"),
    ("annuity_to_credit", "Instalment as a share of the loan", "amt_annuity", "amt_credit"),
    ("goods_to_credit", "Price of the goods as a share of the loan", "amt_goods_price", "amt_credit"),
)
EXTERNAL_SCORES = ("ext_source_1", "ext_source_2", "ext_source_3")
ORGANISATIONS = (
    "Advertising", "Agriculture", "Bank", *(f"Business Entity Type {kind}" for kind in range(1, 4)), "Cleaning",
    "Construction", "Culture", "Electricity", "Emergency", "Government", "Hotel", "Housing",
    *(f"Industry: type {kind}" for kind in range(1, 14)), "Insurance", "Kindergarten", "Legal Services", "Medicine",
    "Military", "Mobile", "Other", "Police", "Postal", "Realtor", "Religion", "Restaurant", "School", "Security",
    "Security Ministries", "Self-employed", "Services", "Telecom", *(f"Trade: type {kind}" for kind in range(1, 8)),
    *(f"Transport: type {kind}" for kind in range(1, 5)), "University",
)  # fmt: skip

SCHEMA = Schema(
    name="home_credit",
    title="Home Credit applications",
    amount_field="amt_credit",
    target=Target("target", "Payment difficulties", bad=("1",), good=("0",)),
    costs=Costs(accept_bad=5.0, decline_good=1.0, review=0.7),
    notes=(
        "Bad is late beyond a limit on one of the first instalments. No calendar date, so nothing can be judged by "
        "time. The costs are an example; none were published."
    ),
    fields=(
        Field("sk_id_curr", "text", "Application number", role="id", is_required=False),
        _choice("name_contract_type", "Kind of loan", "Cash loans", "Revolving loans"),
        Field(
            "code_gender",
            "category",
            "Sex",
            role="protected",
            categories=(Category("F", "Female"), Category("M", "Male")),
            is_required=False,
        ),
        _flag("flag_own_car", "Owns a car"),
        _flag("flag_own_realty", "Owns a house or flat"),
        _number("cnt_children", "Children", role="protected", high=25),
        _number("amt_income_total", "Income", high=1e9),
        _number("amt_credit", "Loan amount", high=1e8),
        _number("amt_annuity", "Instalment", high=1e7),
        _number("amt_goods_price", "Price of what the loan is for", high=1e8),
        # Who comes with a spouse or with children tells the marital status.
        Field("name_type_suite", "text", "Who came along", role="excluded", is_required=False),
        Field(
            "name_income_type",
            "category",
            "Kind of income",
            is_required=False,
            categories=(
                *(Category(value, value) for value in ("Businessman", "Commercial associate", "Pensioner",
                                                       "State servant", "Student", "Unemployed")),
                # Who is on maternity leave has a job; anything else would tell the sex.
                Category("Working", "Working", ("Maternity leave",)),
            ),
        ),
        Field(
            "name_education_type",
            "category",
            "Education",
            is_ordered=True,
            is_required=False,
            categories=tuple(
                Category(value, value)
                for value in ("Lower secondary", "Secondary / secondary special", "Incomplete higher",
                              "Higher education", "Academic degree")
            ),
        ),
        _choice("name_family_status", "Marital status", "Civil marriage", "Married", "Separated",
                "Single / not married", "Unknown", "Widow", role="protected"),
        _choice("name_housing_type", "Home", "Co-op apartment", "House / apartment", "Municipal apartment",
                "Office apartment", "Rented apartment", "With parents"),
        _number("region_population_relative", "Population of the region, scaled", high=1),
        _days("days_birth", "birth", role="protected"),
        _days("days_employed", "the job began"),
        _days("days_registration", "the registration was changed"),
        _days("days_id_publish", "the identity card was changed"),
        _number("own_car_age", "Age of the car", "years", high=100),
        _flag("flag_emp_phone", "Gave a phone at work"),
        _flag("flag_work_phone", "Gave a home phone"),
        _flag("flag_cont_mobile", "Mobile phone was reachable"),
        _flag("flag_phone", "Gave another phone"),
        _flag("flag_email", "Gave an e-mail address"),
        _choice("occupation_type", "Occupation", "Accountants", "Cleaning staff", "Cooking staff", "Core staff",
                "Drivers", "HR staff", "High skill tech staff", "IT staff", "Laborers", "Low-skill Laborers",
                "Managers", "Medicine staff", "Private service staff", "Realty agents", "Sales staff", "Secretaries",
                "Security staff", "Waiters/barmen staff"),
        _number("cnt_fam_members", "Family members", role="protected", high=25),
        _number("region_rating_client", "Rating of the region", low=1, high=3),
        _number("region_rating_client_w_city", "Rating of the region with its city", low=-1, high=3),
        _choice("weekday_appr_process_start", "Day of application", "MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY",
                "FRIDAY", "SATURDAY", "SUNDAY"),
        _number("hour_appr_process_start", "Hour of application", high=23),
        _flag("reg_region_not_live_region", "Registered and living in different regions"),
        _flag("reg_region_not_work_region", "Registered and working in different regions"),
        _flag("live_region_not_work_region", "Living and working in different regions"),
        _flag("reg_city_not_live_city", "Registered and living in different cities"),
        _flag("reg_city_not_work_city", "Registered and working in different cities"),
        _flag("live_city_not_work_city", "Living and working in different cities"),
        _choice("organization_type", "Employer", *ORGANISATIONS),
        _number("ext_source_1", "External score 1", high=1),
        _number("ext_source_2", "External score 2", high=1),
        _number("ext_source_3", "External score 3", high=1),
        _number("ext_source_mean", "Mean of the external scores", high=1),
        *(_number(name, label, high=1_000) for name, label, *_ in RATIOS),
        *(_number(f"{name}_avg", f"Building: {label}", high=1) for name, label in BUILDING.items()),
        _choice("fondkapremont_mode", "Building: repair fund", "not specified", "org spec account", "reg oper account",
                "reg oper spec account"),
        _choice("housetype_mode", "Building: kind", "block of flats", "specific housing", "terraced house"),
        _number("totalarea_mode", "Building: whole area", high=1),
        _choice("wallsmaterial_mode", "Building: walls", "Block", "Mixed", "Monolithic", "Others", "Panel",
                "Stone, brick", "Wooden"),
        _choice("emergencystate_mode", "Building: in bad repair", "No", "Yes"),
        _number("obs_30_cnt_social_circle", "People around the client watched for 30 days late", high=400),
        _number("def_30_cnt_social_circle", "People around the client 30 days late", high=50),
        _number("obs_60_cnt_social_circle", "People around the client watched for 60 days late", high=400),
        _number("def_60_cnt_social_circle", "People around the client 60 days late", high=50),
        _days("days_last_phone_change", "the phone was changed"),
        *(_flag(f"flag_document_{number}", f"Handed in document {number}") for number in range(2, 22)),
        *(
            _number(f"amt_req_credit_bureau_{name}", f"Credit enquiries, {label}", high=300)
            for name, label in INQUIRIES.items()
        ),
    ),
)  # fmt: skip


NOT_FETCHED = (
    "Home Credit's file is not fetched by itself; its competition has rules of its own. Pass the one you have: "
    "SOURCE=path/to/application_train.csv."
)


def read(source: str) -> RawTable:
    """The table at `source`; SourceError if it cannot be read."""
    return prepare(read_table(source))


def prepare(raw: RawTable) -> RawTable:
    """Empty cells for "not available" and for no employment, and the ratios where they are not given."""
    names = {key(name): name for name in raw.frame.columns}
    frame = raw.frame.with_columns(pl.all().replace(NOT_AVAILABLE, ""))
    if employed := names.get("daysemployed"):
        is_nobodys = _number_in(employed) == NO_EMPLOYMENT
        frame = frame.with_columns(pl.when(is_nobodys).then(pl.lit("")).otherwise(employed).alias(employed))
    for name, _, part, whole in RATIOS:
        above, below = names.get(key(part)), names.get(key(whole))
        if above and below:
            ratio = pl.when(_number_in(below) > 0).then(_number_in(above) / _number_in(below))
            frame = filled(frame, name, ratio.cast(pl.String))
    if scores := [names[key(name)] for name in EXTERNAL_SCORES if key(name) in names]:
        frame = filled(frame, "ext_source_mean", pl.mean_horizontal(map(_number_in, scores)).cast(pl.String))
    return replace(raw, frame=frame)


def _number_in(name: str) -> pl.Expr:
    return pl.col(name).cast(pl.Float64, strict=False)
