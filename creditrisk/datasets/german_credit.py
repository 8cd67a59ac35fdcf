"""Statlog German credit: 1,000 consumer loans of a German bank from 1973 to 1975, 300 of them bad.

`SCHEMA` says what the columns mean, `read` fetches them; the three spellings in circulation (the codes of
`german.data`, the texts of Weka's and OpenML's `credit-g`, the numbers of the corrected South German file) give the
same table once checked. Reached through creditrisk.datasets.

The code table that travels with the data is wrong for many categories: what it calls "no checking account" are the
customers with the fullest accounts. Labels follow Groemping's corrected table; the old texts survive as aliases only,
so that files which carry them can still be read. See docs/german-credit.md.

References
----------
Groemping, U. (2019). South German Credit Data: Correcting a Widely Used Data Set. Report 4/2019, Beuth University of
Applied Sciences Berlin.
"""

from __future__ import annotations

import socket
import warnings
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import polars as pl

from creditrisk.columns import key
from creditrisk.errors import SourceError
from creditrisk.schema import Category, Costs, Field, Schema, Target
from creditrisk.settings import read_settings
from creditrisk.sources import RawTable, from_records, parse_table, read_bytes


def _categories(*rows: tuple[str, str, str]) -> tuple[Category, ...]:
    """Rows of code in `german.data`, corrected label, and text in credit-g (empty if it has none)."""
    return tuple(Category(code, label, (text,) if text else ()) for code, label, text in rows)


SCHEMA = Schema(
    name="german_credit",
    title="German credit",
    currency="DM",
    amount_field="credit_amount_dm",
    # Bad loans were kept on purpose: 30 % of the sample is far above the share of bads in the bank's book.
    target=Target(
        name="credit_risk",
        label="Credit risk",
        bad=("2", "bad"),
        good=("1", "good"),
        aliases=("class",),
        bad_rate_expected=0.30,
    ),
    costs=Costs(accept_bad=5.0, decline_good=1.0, review=0.7),
    notes="1973-75, bad loans heavily oversampled; categories worded after Groemping (2019).",
    fields=(
        Field(
            "checking_account",
            "category",
            "Checking account",
            is_ordered=True,
            categories=_categories(
                ("A11", "No checking account", "<0"),
                ("A12", "Overdrawn", "0<=X<200"),
                ("A13", "0 to under 200 DM", ">=200"),
                ("A14", "200 DM or more, or salary paid in for a year", "no checking"),
            ),
            aliases=("checking_status",),
        ),
        Field(
            "duration_months",
            "integer",
            "Loan term",
            unit="months",
            minimum=4,
            maximum=72,
            aliases=("duration",),
            reason_high="Long loan term",
            reason_low="Short loan term",
        ),
        Field(
            "credit_history",
            "category",
            "Credit history",
            is_ordered=True,
            categories=_categories(
                ("A30", "Paid late in the past", "no credits/all paid"),
                ("A31", "Critical account or loans at other banks", "all paid"),
                ("A32", "No loans so far, or all paid back on time", "existing paid"),
                ("A33", "Present loans paid on time so far", "delayed previously"),
                ("A34", "All loans at this bank paid back on time", "critical/other existing credit"),
            ),
        ),
        Field(
            "purpose",
            "category",
            "Purpose of the loan",
            categories=_categories(
                ("A40", "Another purpose", "new car"),
                ("A41", "Car, new", "used car"),
                ("A42", "Car, used", "furniture/equipment"),
                ("A43", "Furniture and fittings", "radio/tv"),
                ("A44", "Radio or television set", "domestic appliance"),
                ("A45", "Household appliances", "repairs"),
                ("A46", "Repair work", "education"),
                ("A47", "Schooling or studies", "vacation"),
                ("A48", "Holiday", "retraining"),
                ("A49", "Vocational retraining", "business"),
                ("A410", "Business purposes", "other"),
            ),
        ),
        Field(
            "credit_amount_dm",
            "number",
            "Loan amount",
            unit="DM",
            minimum=200,
            maximum=20_000,
            aliases=("credit_amount",),
            reason_high="Large loan amount",
            reason_low="Small loan amount",
        ),
        Field(
            "savings",
            "category",
            "Savings",
            is_ordered=True,
            categories=_categories(
                ("A61", "No savings account, or unknown", "<100"),
                ("A62", "Under 100 DM", "100<=X<500"),
                ("A63", "100 to under 500 DM", "500<=X<1000"),
                ("A64", "500 to under 1,000 DM", ">=1000"),
                ("A65", "1,000 DM or more", "no known savings"),
            ),
            aliases=("savings_status",),
        ),
        Field(
            "employment",
            "category",
            "Time in present job",
            is_ordered=True,
            categories=_categories(
                ("A71", "Not employed", "unemployed"),
                ("A72", "Under 1 year", "<1"),
                ("A73", "1 to under 4 years", "1<=X<4"),
                ("A74", "4 to under 7 years", "4<=X<7"),
                ("A75", "7 years or more", ">=7"),
            ),
        ),
        Field(
            "installment_rate",
            "category",
            "Instalment as a share of income",
            is_ordered=True,
            categories=_categories(
                ("1", "35 % or more", ""),
                ("2", "25 to under 35 %", ""),
                ("3", "20 to under 25 %", ""),
                ("4", "Under 20 %", ""),
            ),
            aliases=("installment_commitment",),
        ),
        Field(
            "personal_status_sex",
            "category",
            "Personal status and sex",
            role="protected",
            is_required=False,
            categories=_categories(
                ("A91", "Man, divorced or separated", "male div/sep"),
                ("A92", "Woman, not single; or man, single", "female div/dep/mar"),
                ("A93", "Man, married or widowed", "male single"),
                ("A94", "Woman, single", "male mar/wid"),
            ),
            aliases=("personal_status",),
        ),
        Field(
            "other_debtors",
            "category",
            "Co-applicant or guarantor",
            categories=_categories(
                ("A101", "None", "none"),
                ("A102", "Co-applicant", "co applicant"),
                ("A103", "Guarantor", "guarantor"),
            ),
            aliases=("other_parties",),
        ),
        Field(
            "residence",
            "category",
            "Time at present address",
            is_ordered=True,
            categories=_categories(
                ("1", "Under 1 year", ""),
                ("2", "1 to under 4 years", ""),
                ("3", "4 to under 7 years", ""),
                ("4", "7 years or more", ""),
            ),
            aliases=("residence_since",),
        ),
        Field(
            "property",
            "category",
            "Most valuable property",
            is_ordered=True,
            categories=_categories(
                ("A121", "None, or unknown", "real estate"),
                ("A122", "Car or something similar", "life insurance"),
                ("A123", "Building society savings or a life insurance", "car"),
                ("A124", "House or land", "no known property"),
            ),
            aliases=("property_magnitude",),
        ),
        Field(
            "age_years",
            "integer",
            "Age",
            role="protected",
            is_required=False,
            unit="years",
            minimum=18,
            maximum=100,
            aliases=("age",),
        ),
        Field(
            "other_installment_plans",
            "category",
            "Other instalment plans",
            categories=_categories(
                ("A141", "At a bank", "bank"),
                ("A142", "At a shop", "stores"),
                ("A143", "None", "none"),
            ),
            aliases=("other_payment_plans",),
        ),
        Field(
            "housing",
            "category",
            "Housing",
            categories=_categories(
                ("A151", "Lives rent-free", "rent"),
                ("A152", "Rents the home", "own"),
                ("A153", "Owns the home", "for free"),
            ),
        ),
        Field(
            "existing_credits",
            "category",
            "Loans at this bank, with this one",
            is_ordered=True,
            categories=_categories(("1", "1", ""), ("2", "2 or 3", ""), ("3", "4 or 5", ""), ("4", "6 or more", "")),
        ),
        Field(
            "job",
            "category",
            "Job",
            is_ordered=True,
            categories=_categories(
                ("A171", "Not employed, or unskilled and not resident", "unemp/unskilled non res"),
                ("A172", "Unskilled, resident", "unskilled resident"),
                ("A173", "Skilled employee or civil servant", "skilled"),
                ("A174", "Manager, self-employed or highly qualified", "high qualif/self emp/mgmt"),
            ),
        ),
        Field(
            "dependants",
            "category",
            "People to maintain",
            categories=_categories(("1", "0 to 2", ""), ("2", "3 or more", "")),
            aliases=("num_dependents",),
        ),
        Field(
            "telephone",
            "category",
            "Telephone",
            categories=_categories(
                ("A191", "No telephone", "none"),
                ("A192", "Telephone in the client's name", "yes"),
            ),
            aliases=("own_telephone",),
        ),
        Field(
            "foreign_worker",
            "category",
            "Foreign worker",
            role="protected",
            is_required=False,
            categories=_categories(("A201", "Not a foreign worker", "yes"), ("A202", "A foreign worker", "no")),
        ),
    ),
)

# german.data has no line with names: the fields in the order of the schema, then the outcome.
NAMES = (*(field.name for field in SCHEMA.fields), SCHEMA.target.name)
OPENML_ID = 31
# The reader tries each address four times.
OPENML_TIMEOUT_SECONDS = 10.0

# The corrected file's names in the order of ours: in the English of its code table, and as published.
SOUTH_GERMAN = (
    "status duration credit_history purpose amount savings employment_duration installment_rate personal_status_sex "
    "other_debtors present_residence property age other_installment_plans housing number_credits job people_liable "
    "telephone foreign_worker credit_risk",
    "laufkont laufzeit moral verw hoehe sparkont beszeit rate famges buerge wohnzeit verm alter weitkred wohn bishkred "
    "beruf pers telef gastarb kredit",
)
# Two names by which it is known: nothing else calls its columns so.
TELLING = ({"status", "employment_duration"}, {"laufkont", "beszeit"})
# Numbers that it turned round against german.data's; the other codes are german.data's without their letter.
SOUTH_GERMAN_TURNED = {
    "dependants": {"1": "2", "2": "1"},
    "foreign_worker": {"1": "A202", "2": "A201"},
    SCHEMA.target.name: {"1": "good", "0": "bad"},
}


def read(source: str | None) -> RawTable:
    """The table at `source`, in whichever of its three spellings; without a source, OpenML's copy.

    Raises
    ------
    SourceError
        If the table cannot be read, or not be fetched.
    """
    if not source:
        return _read_openml(read_settings().home / "cache")
    content = read_bytes(source)
    first_line = content.lstrip().split(b"\n", 1)[0].split()
    has_names = not first_line or first_line[0] not in {known.value.encode() for known in SCHEMA.fields[0].categories}
    names = None if has_names else NAMES[: max(len(first_line), len(SCHEMA.fields))]
    return prepare(parse_table(content, filename=Path(source).name, names=names))


def prepare(raw: RawTable) -> RawTable:
    """The corrected South German file in the codes of german.data; any other spelling as it is.

    Its columns are told by their names, in any order, with or without the outcome and the protected ones. A number
    that its code table does not have stays unreadable, above all in the outcome: there 2 must not pass for bad.
    """
    renamed = _south_german_names(raw.frame.columns)
    if not renamed:
        return raw
    frame = raw.frame.rename(renamed)
    changed = []
    for position, name in enumerate(NAMES, start=1):
        codes = SOUTH_GERMAN_TURNED.get(name)
        if codes is None and position <= len(SCHEMA.fields) and SCHEMA.fields[position - 1].type == "category":
            known = {category.value for category in SCHEMA.fields[position - 1].categories}
            codes = {value.removeprefix(f"A{position}"): value for value in known}
        if codes is not None and name in frame.columns:
            unknown = pl.when(pl.col(name) != "").then("South German " + pl.col(name)).otherwise(pl.lit(""))
            changed.append(pl.col(name).replace_strict(codes, default=unknown))
    return replace(raw, frame=frame.with_columns(changed))


def _south_german_names(headers: Sequence[str]) -> dict[str, str]:
    """The corrected file's headers with our names for them; empty if this is another file."""
    by_key = {key(header): header for header in headers}
    for names, telling in zip(SOUTH_GERMAN, TELLING, strict=True):
        if by_key.keys() >= {key(name) for name in telling}:
            theirs = zip(map(key, names.split()), NAMES, strict=True)
            found = {by_key[key]: name for key, name in theirs if key in by_key}
            # Another column may have one of our names already: then nobody can tell which of the two is meant.
            return found if not set(found.values()) & (set(headers) - found.keys()) else {}
    return {}


def _read_openml(cache: Path) -> RawTable:
    """OpenML's `credit-g`, fetched once and kept under `cache`."""
    from sklearn.datasets import fetch_openml

    timeout = socket.getdefaulttimeout()
    socket.setdefaulttimeout(OPENML_TIMEOUT_SECONDS)
    try:
        with warnings.catch_warnings(action="ignore"):
            # The slower of the two parsers, and the one made for ARFF's quoting.
            frame = fetch_openml(data_id=OPENML_ID, data_home=cache, as_frame=True, parser="liac-arff").frame
    except (OSError, ValueError) as exc:
        raise SourceError(
            "German credit could not be fetched from openml.org. Check the network, or pass a file that you have: "
            "SOURCE=path/to/german.data (or credit-g.csv)."
        ) from exc
    finally:
        socket.setdefaulttimeout(timeout)
    return from_records(
        [
            {name: cell if isinstance(cell, str) else f"{cell:g}" for name, cell in record.items()}
            for record in frame.to_dict("records")
        ]
    )
