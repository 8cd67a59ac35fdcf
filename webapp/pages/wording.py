"""The words and numbers a clerk reads: verdicts, risk, confidence, amounts, dates, values in the schema's terms.

Pure functions. The JSON and CSV answers keep the stored values.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from creditrisk.schema import Field
from creditrisk.scoring import OF_ALL, OF_OFFERS, ScoredRow, Scorer, reason_in_full, reason_text
from creditrisk.text import counted, push_size, push_words
from webapp.upload_records import Record

# Confidence from which we say so.
WELL_INSIDE, INSIDE = 0.95, 0.90
# A push below it is 0.0 of 100.
SMALLEST_PUSH = 0.0005


def risk_words(prob_default: float) -> str:
    """A probability of default as a natural frequency.

    Examples
    --------
    >>> risk_words(0.0812), risk_words(0.002), risk_words(0.999)
    ('8 of 100', 'under 1 of 100', 'over 99 of 100')
    """
    if prob_default < 0.005:
        return "under 1 of 100"
    if prob_default >= 0.995:
        return "over 99 of 100"
    return f"{math.floor(100 * prob_default + 0.5)} of 100"


def range_words(low: float, high: float) -> str:
    """The likely range of a PD, as natural frequencies without "of 100".

    Examples
    --------
    >>> range_words(0.021, 0.068), range_words(0.001, 0.012), range_words(0.31, 0.313), range_words(0.9, 0.999)
    ('2 to 7', 'under 1 to 1', '31', '90 to over 99')
    """
    ends = [risk_words(end).removesuffix(" of 100") for end in (low, high)]
    return ends[0] if ends[0] == ends[1] else " to ".join(ends)


def confidence_words(confidence: float, ask_below: float) -> str:
    """How far inside its zone, of offer, review or decline, the risk of a client lies, in words.

    Under `ask_below` no zone is sure enough for an offer or a decline: a colleague is asked.

    Examples
    --------
    >>> [confidence_words(confidence, ask_below=0.8) for confidence in (0.96, 0.93, 0.85, 0.71)]
    ['well inside', 'inside', 'just inside', 'too close']
    """
    if confidence < ask_below:
        return "too close"
    if confidence >= WELL_INSIDE:
        return "well inside"
    return "inside" if confidence >= INSIDE else "just inside"


def percent(share: float) -> str:
    """A share as whole percent, rounded down: 89.9 % is still below the 90 % from which we say "inside".

    Examples
    --------
    >>> percent(0.934), percent(0.899), percent(1.0)
    ('93 %', '89 %', '99 %')
    """
    return f"{of_100(share)} %"


def of_100(share: float) -> int:
    """How many of 100, rounded down, and never all of them.

    Examples
    --------
    >>> of_100(0.29), of_100(1.0)
    (29, 99)
    """
    # 100 * 0.29 is a hair below 29.
    return min(99, math.floor(100 * share + 1e-9))


def number(value: float) -> str:
    """A number with thousands separators and at most two decimals.

    Examples
    --------
    >>> number(12400.0), number(3.14159), number(-0.5)
    ('12,400', '3.14', '-0.5')
    """
    if float(value).is_integer():
        return f"{value:,.0f}"
    return f"{value:,.2f}".rstrip("0").rstrip(".")


def amount(value: float, currency: str) -> str:
    """Money without cents, with its unit.

    Examples
    --------
    >>> amount(12400.4, "EUR")
    '12,400 EUR'
    """
    return f"{value:,.0f} {currency}".strip()


def day(moment: date | datetime) -> str:
    """A date, the same everywhere on the page.

    Examples
    --------
    >>> day(date(2026, 10, 2))
    '2 Oct 2026'
    """
    return f"{moment.day} {moment:%b %Y}"


def version_words(served: Scorer | None, model: str, version: str) -> str:
    """A version as the header calls it: by the title of the model that serves; another's title nobody knows here."""
    return f"{served.schema.title if served is not None and served.name == model else model} v{version}"


def value_words(field: Field, value: Any) -> str:
    """One value of an application in the words of its schema, without its unit; an empty cell is a dash.

    Examples
    --------
    >>> value_words(Field("income_eur", "number", "Income", unit="EUR"), 52000.0)
    '52,000'
    """
    if value is None:
        return "—"
    if isinstance(value, date):
        return day(value)
    if field.is_numeric:
        return number(value)
    return field.category_label(str(value))


def change_words(field: Field, value: Any) -> str:
    """A field with another value, to go on with after "with", or to begin a line.

    Examples
    --------
    >>> change_words(Field("term_months", "integer", "Loan term", unit="months"), 12.0)
    'loan term: 12 months'
    """
    return f"{_within(field.label)}: {field.in_words(value)}"


def either(labels: Sequence[str]) -> str:
    """Names of fields within a sentence, of which one is meant.

    Examples
    --------
    >>> either(["Loan amount", "Loan term", "Other debts"])
    'loan amount, loan term or other debts'
    """
    lower = [_within(label) for label in labels]
    return " or ".join([", ".join(lower[:-1]), lower[-1]] if len(lower) > 1 else lower)


def _within(label: str) -> str:
    """A label within a sentence; what begins with several capitals is left as it is."""
    return label if label[1:2].isupper() else label[:1].lower() + label[1:]


def reason_texts(row: ScoredRow) -> list[str]:
    """The reasons of a client as one line after the other; an offer leads with what speaks for the client."""
    against = [reason_text(reason) for reason in row["reasons"]]
    if row["verdict"] != "approve" or not against:
        return [*(reason_text(reason) for reason in row["strengths"]), *against]
    return [*(reason_text(reason) for reason in row["strengths"]), f"{AGAINST}: {against[0]}", *against[1:]]


def how_to_read(push: float) -> str:
    """What stands below the bars of a case: what they are beside, and how to read the longest one's figure.

    Examples
    --------
    >>> print(how_to_read(0.27))
    What speaks for a client is beside all applicants, all else beside a typical approved client. +27 of 100: without it
    the risk would be lower by 27 of 100.
    """
    beside = "What speaks for a client is beside all applicants, all else beside a typical approved client."
    way = "lower" if push > 0 else "higher"
    if abs(push) < SMALLEST_PUSH:
        return beside
    return f"{beside} {push_words(push)}: without it the risk would be {way} by {push_size(push)}."


def reasons_in_full(row: ScoredRow) -> str:
    """The reasons of a client with their yardsticks, a line each; an offer leads with what speaks for the client.

    Examples
    --------
    >>> row = {"code": "term:high", "text": "Long loan term", "value": "48 months", "typical": "18 months", "push": 0.1}
    >>> reasons_in_full({"verdict": "refer", "strengths": [], "reasons": [row]})
    'Long loan term: 48 months (typical with an offer: 18 months; raises the risk by 10 of 100)'
    """
    in_favour = [reason_in_full(reason, OF_ALL) for reason in row["strengths"]]
    against = [reason_in_full(reason, OF_OFFERS) for reason in row["reasons"]]
    heading = [f"{AGAINST}:"] if row["verdict"] == "approve" and against else []
    return "\n".join([*in_favour, *heading, *against])


def stopped(reason: str, n_done: int, n_rows: int, advice: str) -> str:
    """Why the result of a file is only a part of it, and how large a part; empty if it was a clerk's own wish.

    Examples
    --------
    >>> print(stopped("The decision log is away.", 4000, 40000, "Drop the file again later."))
    The decision log is away. Scoring came as far as client 4,000 of 40,000; what was scored until then is below, and in
    the decision log. Drop the file again later.
    """
    how_far = f"Scoring came as far as client {n_done:,} of {n_rows:,}; what was scored until then is below, and in"
    return reason and f"{reason} {how_far} the decision log. {advice}".strip()


# Headings of what moved a client's risk; the second one stands in the table too.
IN_FAVOUR, AGAINST = "What speaks for this client", "What speaks against"
RAISED, LOWERED = "What raised the risk", "What lowered the risk"
AGAIN = "Drop the file again to score it anew."
NOT_KEPT = "Results stay here for an hour, less if many files come."
# Of a file that was cut off.
GOES_ON = "It goes on with this file by itself when it is back; you need not drop it again."
_FATES = {
    "reading": "The app ended before this file had been read, and was not back within a day",
    "scoring": "The app ended while this file was being scored, and was not back within a day",
    "failed": "This file could not be scored",
}


def fate(record: Record | None) -> tuple[str, str]:
    """What became of a file whose result is not kept: a headline, and what follows from it.

    Parameters
    ----------
    record
        What was last noted of it. A file that was not over by then was cut off, and given up after a day.

    Examples
    --------
    >>> fate(Record("reading"))[0]
    'The app ended before this file had been read, and was not back within a day'
    >>> print(fate(Record("scoring", n_rows=40_000, n_done=12_000, n_scored=11_998))[1])
    At least 11,998 of 40,000 clients had been scored and are in the decision log. The results themselves are not kept.
    Drop the file again to score it anew.
    """
    if record is None:
        return "This result is no longer kept", f"{NOT_KEPT} {AGAIN}"
    headline = _FATES.get(record.state, "This result is no longer kept")
    of_clients = f"of {counted(record.n_rows, 'client')}"
    if record.n_scored:
        # What was logged after the last note of a file that was cut short is not in it.
        how_many = f"{'At least ' if record.state == 'scoring' else ''}{record.n_scored:,} {of_clients}"
        kept = NOT_KEPT if record.state in ("done", "stopped") else "The results themselves are not kept."
        logged = f"{how_many} had been scored and are in the decision log. {kept}"
    elif record.state == "scoring":
        logged = f"None {of_clients} is known to have been scored; any that was is in the decision log."
    else:
        logged = "Nothing was scored."
    return headline, f"{logged} {AGAIN}"
