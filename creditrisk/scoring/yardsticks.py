"""What the values of a field are measured against: how clients with such a value did, and what is typical of all.

Learned once at training, of the rows the model is fitted on, and kept in the scorer's folder as reasons.json; counts
and no client's values. What a reason may be, and its words, follow from it in reasons.py.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from creditrisk import strict
from creditrisk.arrays import FloatArray, IntArray
from creditrisk.encoding import EncodedField, Encoder
from creditrisk.errors import ScorerError
from creditrisk.scoring.folder import YARDSTICKS_FILE

# The kinds of a number, in the order of their phrases; a category has one for what is missing, then its values.
MISSING, LOW, USUAL, HIGH = range(4)
# No client's log-odds are moved farther by one field.
FARTHEST_PUSH = 1e6


@dataclass(frozen=True)
class Yardstick:
    """Of one field.

    `middle` is the median or the most frequent category of those who gave one, encoded, None if nobody did;
    `mean_push` what the field adds to the log-odds on average beyond the typical approved applicant; `outcomes` how
    many applicants had a value of each kind, and how many of them were bad.
    """

    middle: float | None
    mean_push: float
    outcomes: tuple[tuple[int, int], ...]

    @property
    def typical(self) -> float | None:
        """What is typical of all applicants, encoded, None if mostly nothing is given."""
        n_all = sum(n for n, _ in self.outcomes)
        return None if 2 * self.outcomes[MISSING][0] > n_all else self.middle

    def is_worse(self) -> NDArray[np.bool_]:
        """Which kinds had more bads than all applicants, and did not do better than most of them, shape (n_kinds,)."""
        rows, rates, of_all = self._rates()
        does_better = (rates[:, np.newaxis] < rates[np.newaxis]) @ rows > 0.5 * rows.sum()
        worse: NDArray[np.bool_] = (rows > 0) & (rates > of_all) & ~does_better
        return worse

    def is_better(self) -> NDArray[np.bool_]:
        """Which kinds had fewer bads than all applicants, and did better than most of them, shape (n_kinds,)."""
        rows, rates, of_all = self._rates()
        does_better = (rates[:, np.newaxis] < rates[np.newaxis]) @ rows > 0.5 * rows.sum()
        better: NDArray[np.bool_] = (rows > 0) & (rates < of_all) & does_better
        return better

    def _rates(self) -> tuple[FloatArray, FloatArray, float]:
        """Rows of each kind, their bad rate (0 where there are none), and that of all."""
        rows, bads = np.array(self.outcomes, dtype=np.float64).T
        return rows, bads / np.maximum(rows, 1.0), float(bads.sum() / max(rows.sum(), 1.0))


@dataclass(frozen=True)
class Kinds:
    """Of what kind a value is: a number is usual from `lowest` to `highest`, shape (n_fields,) each."""

    is_category: NDArray[np.bool_]
    lowest: FloatArray
    highest: FloatArray

    def of(self, matrix: FloatArray) -> IntArray:
        """The kind of each value among those of its field, shape of the encoded rows, (n_rows, n_fields)."""
        known = ~np.isnan(matrix)
        of_category = 1 + np.where(known, matrix, 0.0).astype(np.int64)
        of_number = USUAL + (matrix > self.highest) - (matrix < self.lowest).astype(np.int64)
        return np.where(self.is_category, of_category, of_number) * known


def kinds_of(encoder: Encoder, reference: FloatArray, middles: Sequence[float | None]) -> Kinds:
    """A number is neither low nor high between the median of all applicants and that of the typical approved one.

    `middles` are those of the yardsticks, (n_fields,): all rows the model is fitted on, of which the encoder has seen
    only the older ones where the table has dates.
    """
    filled = zip(encoder.fields, middles, strict=True)
    of_all = np.array([field.fill if middle is None else middle for field, middle in filled])
    lowest, highest = np.sort([of_all, np.where(np.isnan(reference), of_all, reference)], axis=0)
    return Kinds(np.array([field.is_category for field in encoder.fields]), lowest, highest)


def measure(
    encoder: Encoder, reference: FloatArray, matrix: FloatArray, target: IntArray, contributions: FloatArray
) -> tuple[Yardstick, ...]:
    """The yardsticks of every field.

    Parameters
    ----------
    reference
        The typical approved applicant, encoded, shape (n_fields,).
    matrix, target
        Applicants, encoded, shape (n_rows, n_fields), and what became of them (1 = bad), shape (n_rows,).
    contributions
        What each field of some of them adds to the log-odds beyond the reference, shape (n_some, n_fields).
    """
    middles = [_middle(values, field) for values, field in zip(matrix.T, encoder.fields, strict=True)]
    kinds = kinds_of(encoder, reference, middles).of(matrix)
    out = []
    for index, field in enumerate(encoder.fields):
        rows = np.bincount(kinds[:, index], minlength=_n_kinds(field))
        bads = np.bincount(kinds[:, index], target, minlength=_n_kinds(field))
        out.append(
            Yardstick(
                middles[index],
                float(contributions[:, index].mean()),
                tuple((int(n), int(n_bad)) for n, n_bad in zip(rows, bads, strict=True)),
            )
        )
    return tuple(out)


def _middle(values: FloatArray, field: EncodedField) -> float | None:
    known = values[~np.isnan(values)]
    if not len(known):
        return None
    return float(np.bincount(known.astype(np.int64)).argmax() if field.is_category else np.median(known))


def to_json(yardsticks: Sequence[Yardstick], encoder: Encoder) -> str:
    """The yardsticks by the names of their fields; `from_json` gives them back unchanged."""
    named = {field.name: asdict(item) for field, item in zip(encoder.fields, yardsticks, strict=True)}
    return json.dumps(named, indent=1)


def from_json(text: str, encoder: Encoder) -> tuple[Yardstick, ...]:
    """Read what `to_json` wrote; ScorerError if it is anything else."""
    items = strict.fields(strict.read_json(text, YARDSTICKS_FILE), YARDSTICKS_FILE, (f.name for f in encoder.fields))
    return tuple(_read(items[field.name], field) for field in encoder.fields)


def _read(item: Any, field: EncodedField) -> Yardstick:
    what = f"'{field.name}' in {YARDSTICKS_FILE}"
    item = strict.fields(item, what, ("middle", "mean_push", "outcomes"))
    middle, outcomes = item["middle"], item["outcomes"]
    if middle is not None:
        middle = strict.number(middle, what)
        if field.is_category and middle not in range(len(field.vocabulary)):
            raise ScorerError(f"{what} has a most frequent category that the field has not")
    if not isinstance(outcomes, list) or len(outcomes) != _n_kinds(field):
        raise ScorerError(f"{what} must have the outcomes of {_n_kinds(field):,} kinds of values")
    counts = []
    for pair in outcomes:
        if not isinstance(pair, list) or len(pair) != 2:
            raise ScorerError(f"{what} must have for each kind of value how many applicants had it and were bad")
        n = strict.whole(pair[0], what)
        counts.append((n, strict.whole(pair[1], what, 0, n)))
    return Yardstick(middle, strict.number(item["mean_push"], what, -FARTHEST_PUSH, FARTHEST_PUSH), tuple(counts))


def _n_kinds(field: EncodedField) -> int:
    return 1 + len(field.vocabulary) if field.is_category else 4
