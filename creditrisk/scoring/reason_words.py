"""A reason in words, with the client's value and its yardstick: one by one for pages, by columns for files."""

from __future__ import annotations

import polars as pl

from creditrisk.schema import Field
from creditrisk.scoring.scored_row import ReasonRow
from creditrisk.text import push_size

# Whom a reason, and a strength, is measured against.
OF_OFFERS, OF_ALL = "typical with an offer", "typical of all applicants"


def reason_text(reason: ReasonRow) -> str:
    """A reason with the client's value, which a category's text ends with; what is to be asked for has none.

    Examples
    --------
    >>> row = {"code": "term:high", "text": "Long loan term", "value": "48 months", "typical": "18 months", "push": 0.1}
    >>> reason_text(row), reason_text({**row, "code": "term:missing", "text": "Ask for: loan term"})
    ('Long loan term: 48 months', 'Ask for: loan term')
    """
    if reason["code"].endswith(":missing") or reason["text"].endswith(reason["value"]):
        return reason["text"]
    return f"{reason['text']}: {reason['value']}"


def reason_in_full(reason: ReasonRow, of_whom: str) -> str:
    """The same with what is typical and how far it moves the risk.

    Without a plus: behind a comma a spreadsheet might take it for a formula's.

    Examples
    --------
    >>> row = {"code": "term:high", "text": "Long loan term", "value": "48 months", "typical": "18 months", "push": 0.1}
    >>> reason_in_full(row, OF_OFFERS)
    'Long loan term: 48 months (typical with an offer: 18 months; raises the risk by 10 of 100)'
    """
    moves = "raises" if reason["push"] > 0 else "lowers"
    return f"{reason_text(reason)} ({of_whom}: {reason['typical']}; {moves} the risk by {push_size(reason['push'])})"


def reason_to_applicant(field: Field, reason: ReasonRow) -> str:
    """The same as a sentence of a letter to the applicant: which of their details it is, and what is usual.

    Examples
    --------
    >>> term = Field("term", "integer", "Loan term", unit="months", reason_high="Long loan term")
    >>> row = {"code": "term:high", "text": "Long loan term", "value": "48 months", "typical": "18 months", "push": 0.1}
    >>> reason_to_applicant(term, row)
    'Long loan term: 48 months in your case; typical of applicants with an offer: 18 months.'
    >>> reason_to_applicant(term, {**row, "code": "term:missing", "text": "Ask for: loan term", "value": "not given"})
    'Loan term: we were given no information about this.'
    """
    if reason["code"] == f"{field.name}:missing":
        return f"{field.label}: we were given no information about this."
    what, value, typical = reason["text"], reason["value"], reason["typical"]
    has_typical = typical != field.in_words(None)
    if field.type == "category":
        what, value, typical = field.label, f"“{value}”", f"“{typical}”"
    elif what.startswith(f"{field.label}: "):
        # The schema has no phrase of its own for it: "Income: low".
        what = f"{field.label} ({what.removeprefix(f'{field.label}: ')})"
    usual = f"; typical of applicants with an offer: {typical}" if has_typical else ""
    return f"{what}: {value} in your case{usual}."


def each_in_full(of_whom: str) -> pl.Expr:
    """`reason_in_full` of every reason in a list, for `list.eval`."""
    code, text, value, typical, push = (
        pl.element().struct.field(name) for name in ("code", "text", "value", "typical", "push")
    )
    says_it = text.str.ends_with(value) | code.str.ends_with(":missing")
    tenths, whole = ((times * push.abs()).round().cast(pl.Int64) for times in (1_000, 100))
    figure = pl.when(tenths < 10).then(pl.format("0.{}", tenths)).otherwise(whole.cast(pl.String))
    return pl.format(
        "{}{} ({}: {}; {} the risk by {} of 100)",
        text,
        pl.when(says_it).then(pl.lit("")).otherwise(pl.concat_str(pl.lit(": "), value)),
        pl.lit(of_whom),
        typical,
        pl.when(push > 0).then(pl.lit("raises")).otherwise(pl.lit("lowers")),
        figure,
    )
