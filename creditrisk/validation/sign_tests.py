"""Whether the model holds to the signs of its fields: two applicants alike but for one of them."""

from __future__ import annotations

import numpy as np

from creditrisk.arrays import FloatArray
from creditrisk.encoding import Encoder
from creditrisk.learners import Model, members_fitted
from creditrisk.validation.case import SEED
from creditrisk.validation.contents import SignLine

N_PAIRS = 10_000
# In log-odds; less is rounding.
SMALLEST_VIOLATION = 1e-6


def sign_lines(model: Model, encoder: Encoder, matrix: FloatArray) -> list[SignLine]:
    """Of the model, and of each member of a blend, in how many random pairs it goes against a sign.

    Parameters
    ----------
    matrix
        Encoded applicants, shape (n_rows, n_fields): each pair is one of them and the same with another's value in one
        field that has a sign. Missing values are outside.

    Returns
    -------
    list
        Empty if no field has a sign.
    """
    safer, riskier = _pairs(encoder, matrix)
    if not len(safer):
        return []
    members = members_fitted(model)
    return [
        {
            "family": item.family,
            "n_pairs": len(safer),
            "n_against": int((item.log_odds(riskier) < item.log_odds(safer) - SMALLEST_VIOLATION).sum()),
        }
        for item in (model, *(member for member in members if member is not model))
    ]


def _pairs(encoder: Encoder, matrix: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Pairs of encoded applicants, the second with the riskier value by its field's sign, (n_pairs, n_fields) each."""
    rng = np.random.default_rng(SEED)
    known = ~np.isnan(matrix)
    fields = [index for index in np.flatnonzero(encoder.signs) if known[:, index].any()]
    if not fields:
        return matrix[:0], matrix[:0]
    field = rng.choice(fields, N_PAIRS)
    one, other = np.empty(N_PAIRS, dtype=np.int64), np.empty(N_PAIRS)
    for index in fields:
        here = np.flatnonzero(field == index)
        rows = np.flatnonzero(known[:, index])
        one[here], other[here] = rng.choice(rows, len(here)), matrix[rng.choice(rows, len(here)), index]
    pairs = np.arange(N_PAIRS)
    own, sign = matrix[one, field], encoder.signs[field]
    safer, riskier = matrix[one], matrix[one]
    safer[pairs, field] = np.where(sign > 0, np.minimum(own, other), np.maximum(own, other))
    riskier[pairs, field] = np.where(sign > 0, np.maximum(own, other), np.minimum(own, other))
    return safer, riskier
