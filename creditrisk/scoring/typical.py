"""An example application: of each field what is typical of the applicants that the model learnt from, and so nobody's.

It is for people who look how an application is written; what takes a scorer through its checks is in golden.py.
"""

from __future__ import annotations

from creditrisk.schema import Field
from creditrisk.scoring.golden import Row, sample_record
from creditrisk.scoring.scorer import Scorer


def typical_record(scorer: Scorer) -> Row:
    """The median of each number, to three digits, and the most frequent category, of those who gave one.

    A field that nobody gave, and what is no feature, is as in `sample_record`.
    """
    record = sample_record(scorer.schema)
    for field, yardstick in zip(scorer.schema.features, scorer.yardsticks, strict=True):
        if yardstick.middle is not None:
            record[field.name] = _as_sent(field, yardstick.middle)
    return record


def _as_sent(field: Field, value: float) -> str | int | float:
    """A value as a client would send it.

    Examples
    --------
    >>> _as_sent(Field("income_eur", "number", "Income"), 1983.5), _as_sent(Field("share", "number", "Share"), 0.14812)
    (1980, 0.148)
    >>> _as_sent(Field("n", "integer", "Loans", minimum=0), 1.5)
    2
    """
    if field.type == "category":
        return field.categories[int(value)].value
    short = float(f"{value:.3g}")
    # To three digits it may lie just beyond what is plausible.
    if field.minimum is not None:
        short = max(short, float(field.minimum))
    if field.maximum is not None:
        short = min(short, float(field.maximum))
    return round(short) if field.type == "integer" or short.is_integer() else short
