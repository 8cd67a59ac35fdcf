"""Families of columns: what is named like a column that tells the outcome was most probably written beside it.

A loan's servicing system writes its fees, its payments and its losses at the same time and under the same prefix. Where
one of them is recognised, by its name or by its figures, the others are left out and asked about as well.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from creditrisk.schema_inference import header_hints
from creditrisk.schema_inference.kinds import Column
from creditrisk.text import shorten

LEAKAGE = "leakage?"
# With fewer of a family told apart, the name they share says nothing about when they were written.
LEAKING_SHARE = 0.2
# First words that columns of any time share; two of them in a row are a family all the same.
_EVERYDAY = frozenset(
    {
        "a", "account", "accounts", "acc", "acct", "age", "all", "amount", "amt", "annual", "application", "applicant",
        "apr", "average", "avg", "balance", "bal", "bank", "borrower", "bureau", "client", "co", "col", "collections",
        "column", "contract", "count", "cnt", "cov", "credit", "current", "cur", "customer", "cust", "data", "date",
        "day", "days", "debt", "default", "delinq", "delinquency", "employment", "emp", "external", "ext", "f", "feat",
        "feature", "field", "fico", "first", "flag", "funded", "gross", "has", "home", "house", "il", "income", "inq",
        "installment", "int", "interest", "is", "last", "late", "lender", "list", "listing", "loan", "loans", "max",
        "mean", "member", "min", "mo", "month", "monthly", "months", "mort", "mths", "n", "name", "net", "new", "next",
        "no", "nr", "num", "number", "open", "orig", "original", "origination", "out", "pay", "payment", "payments",
        "pct", "percent", "percentage", "person", "pub", "product", "property", "pymnt", "rate", "ratio", "rev",
        "revol", "revolving", "sba", "score", "sec", "state", "status", "sum", "tax", "term", "the", "time", "tot",
        "total", "user", "v", "value", "var", "x", "year", "years", "antrag", "anzahl", "betrag", "datum", "dauer",
        "gesamt", "konto", "kredit", "kunde", "kunden", "laufzeit", "letzte", "monat", "monate", "raten",
        "summe", "zahl", "zins",
    }
)  # fmt: skip


_JOINING = frozenset({"since", "of", "in", "to", "per", "at", "on", "with"})


def ask_about_sisters(columns: Sequence[Column]) -> list[Column]:
    """The columns, with features left out whose family is known to have been written after the decision.

    Where that would leave nothing to learn from, they stay features and are only asked about.
    """
    known = _known(columns)
    asked = [
        _asked(column, known[column.header]) if column.header in known and _may_be_sister(column) else column
        for column in columns
    ]
    if any(column.field.role == "feature" for column in asked):
        return asked
    return [replace(new, field=old.field) for new, old in zip(asked, columns, strict=True)]


def _known(columns: Sequence[Column]) -> dict[str, str]:
    """By header a column of the same family that is known to tell the outcome, where there is one."""
    words = {column.header: _words(column.header) for column in columns}
    leaking = {column.header for column in columns if column.flag == LEAKAGE}
    known: dict[str, str] = {}
    for n_words in (2, 1):
        families: dict[tuple[str, ...], list[str]] = {}
        for header, parts in words.items():
            if _names_family(header, parts, n_words):
                families.setdefault(parts[:n_words], []).append(header)
        for members in families.values():
            told = [header for header in members if header in leaking]
            if told and len(members) < len(columns) and len(told) >= LEAKING_SHARE * len(members):
                known |= dict.fromkeys(members, told[0])
    return known


def _words(header: str) -> tuple[str, ...]:
    """The words of a header without the numbers at their ends."""
    return tuple(word.rstrip("0123456789") or "0" for word in header_hints.words(header))


def _names_family(header: str, parts: tuple[str, ...], n_words: int) -> bool:
    """Whether a header begins with so many words that may be those of a family, and goes on.

    Examples
    --------
    >>> names = ["LP_ServiceFees", "LPPayments", "rec1", "loan_amount", "recoveries", "InterestRate"]
    >>> [name for name in names if _names_family(name, _words(name), 1)]
    ['LP_ServiceFees', 'LPPayments', 'rec1']
    """
    goes_on = len(parts) > n_words or (len(parts) == n_words and header[-1:].isdigit())
    return goes_on and len(parts[0]) > 1 and not {*parts[:n_words]} <= _EVERYDAY | _JOINING


def _may_be_sister(column: Column) -> bool:
    """Whether a feature says nothing by its own name about when it was known."""
    header = column.header
    says_before = header_hints.is_history(header) or header_hints.is_amount_lent(header)
    return column.field.role == "feature" and not says_before


def _asked(column: Column, sister: str) -> Column:
    decide = (
        f"it is named like '{shorten(sister, 60)}', which tells the outcome, so both were most probably written after "
        "the decision. Make it a feature only if it was known before."
    )
    return replace(column, field=replace(column.field, role="excluded", is_required=False), flag=LEAKAGE, decide=decide)
