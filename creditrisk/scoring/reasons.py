"""Why a risk is as high as it is, and what speaks for a client: up to four fields, strongest first, in words.

A reason is what sets the applicant apart from the typical approved one; only a field that raises the risk is named, and
only for a value that is no usual one, not against the field's sign, and not of a kind that did better than most. A
strength is what sets an applicant with an offer apart from all applicants, by the same rules turned round. Models never
see a protected field, so none can appear.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.special import expit, logit

from creditrisk.arrays import FloatArray, IntArray
from creditrisk.encoding import SIGNS, Encoder
from creditrisk.schema import Field
from creditrisk.scoring.scored_row import NamedReason, ReasonRow
from creditrisk.scoring.yardsticks import HIGH, LOW, MISSING, USUAL, Kinds, Yardstick, kinds_of
from creditrisk.text import within_sentence

# Regulation B's official commentary: more than four reasons are not likely to be helpful.
MAX_REASONS = 4
# Smaller pushes are noise, not a reason (log-odds; 0.05 moves a PD of 20.0 % to 20.8 %).
SMALLEST_PUSH = 0.05
# Places of a push in risk: a hundredth of 1 of 100.
PUSH_PLACES = 4

REASON = pl.Struct({"code": pl.String, "text": pl.String, "value": pl.String, "typical": pl.String, "push": pl.Float64})


@dataclass(frozen=True)
class Phrases:
    """Every reason and every strength there can be, a phrase for each kind of value of each field.

    Those of a field stand from `starts` on, (n_fields,); `raises` and `speaks_for` say which can be a reason and a
    strength, (n_phrases,). `typical` is in words, of those who get an offer and of all, and `mean_pushes` (n_fields,).
    """

    fields: tuple[Field, ...]
    phrases: tuple[NamedReason, ...]
    values: NDArray[np.object_]
    kinds: Kinds
    starts: IntArray
    raises: NDArray[np.bool_]
    speaks_for: NDArray[np.bool_]
    typical_offer: tuple[str, ...]
    typical: tuple[str, ...]
    mean_pushes: FloatArray


class Chosen(NamedTuple):
    """The strongest of each row: fields, phrases, values and pushes in risk, (n_rows, MAX_REASONS), the first `n`."""

    field: IntArray
    phrase: IntArray
    value: FloatArray
    push: FloatArray
    n: IntArray
    typical: tuple[str, ...]


def phrases_of(
    fields: Sequence[Field], encoder: Encoder, reference: FloatArray, yardsticks: Sequence[Yardstick]
) -> Phrases:
    """The phrases of feature fields; `reference` is the typical approved applicant, encoded, shape (n_fields,)."""
    of_fields = [_phrases(field) for field in fields]
    allowed = [
        _allowed(field, value, yardstick) for field, value, yardstick in zip(fields, reference, yardsticks, strict=True)
    ]
    values = [words for field in fields for words in _values(field)]
    return Phrases(
        fields=tuple(fields),
        phrases=tuple(phrase for phrases in of_fields for phrase in phrases),
        values=np.array(values, dtype=np.object_),
        kinds=kinds_of(encoder, reference, [item.middle for item in yardsticks]),
        starts=np.cumsum([0, *(len(phrases) for phrases in of_fields)])[:-1],
        raises=np.concatenate([raises for raises, _ in allowed]),
        speaks_for=np.concatenate([speaks_for for _, speaks_for in allowed]),
        typical_offer=tuple(_in_words(field, value) for field, value in zip(fields, reference, strict=True)),
        typical=tuple(
            _in_words(field, np.nan if item.typical is None else item.typical)
            for field, item in zip(fields, yardsticks, strict=True)
        ),
        mean_pushes=np.array([item.mean_push for item in yardsticks]),
    )


def _phrases(field: Field) -> list[NamedReason]:
    missing: NamedReason = {"code": f"{field.name}:missing", "text": f"Ask for: {within_sentence(field.label)}"}
    if field.type == "category":
        return [missing, *(reason(field, category.value, category.label) for category in field.categories)]
    return [
        missing,
        {"code": f"{field.name}:low", "text": field.reason_low or f"{field.label}: low"},
        reason(field, "usual", "in the usual range"),
        {"code": f"{field.name}:high", "text": field.reason_high or f"{field.label}: high"},
    ]


def _values(field: Field) -> list[str]:
    """The values behind the phrases in words; a number's are not among them."""
    if field.type == "category":
        return ["not given", *(category.label for category in field.categories)]
    return ["not given", "", "", ""]


def _in_words(field: Field, value: float) -> str:
    if np.isnan(value):
        return field.in_words(None)
    return field.in_words(field.categories[int(value)].value if field.type == "category" else value)


def _allowed(field: Field, reference: float, yardstick: Yardstick) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Of which kinds of value a field's phrase can be a reason, and of which a strength, (n_kinds,) each."""
    raises, speaks_for = yardstick.is_worse(), yardstick.is_better()
    sign, n_kinds = SIGNS[field.sign], len(yardstick.outcomes)
    if field.type != "category":
        if sign:
            # The lender's word; a number that is low or high is so among all applicants.
            raises, speaks_for = np.zeros(n_kinds, dtype=np.bool_), np.zeros(n_kinds, dtype=np.bool_)
            raises[HIGH if sign > 0 else LOW] = speaks_for[LOW if sign > 0 else HIGH] = True
        raises[USUAL] = speaks_for[USUAL] = False
    elif sign and not np.isnan(reference):
        beyond = sign * (np.arange(n_kinds) - 1 - reference)
        raises, speaks_for = raises & (beyond > 0), speaks_for & (beyond <= 0)
    n_missing, n_bad = yardstick.outcomes[MISSING]
    n_all, n_all_bad = np.sum(yardstick.outcomes, axis=0)
    # What is not given can be asked for, unless those who did not give it did well.
    raises[MISSING] = n_missing == 0 or n_bad * n_all > n_all_bad * n_missing
    speaks_for[MISSING] = False
    return raises, speaks_for


def reason(field: Field, code: str, words: str) -> NamedReason:
    """One reason: a stable code for machines, a text for people."""
    return {"code": f"{field.name}:{code}", "text": f"{field.label}: {words}"}


def every_reason(fields: Sequence[Field]) -> list[NamedReason]:
    """Every reason that can be given about these fields, each once."""
    given = (phrase for field in fields for phrase in _phrases(field) if phrase["code"] != f"{field.name}:usual")
    return list({phrase["code"]: phrase for phrase in given}.values())


def choose(
    phrases: Phrases, matrix: FloatArray, pushes: FloatArray, prob_default: FloatArray, has_offer: NDArray[np.bool_]
) -> tuple[Chosen, Chosen]:
    """The reasons of each row, and the strengths of those with an offer.

    Parameters
    ----------
    matrix
        The encoded rows, shape (n_rows, n_fields).
    pushes
        Log-odds each field adds beyond the typical approved applicant, shape (n_rows, n_fields).
    prob_default, has_offer
        The PD of each row as people see it, and whether it is approved, shape (n_rows,).
    """
    places = phrases.starts + phrases.kinds.of(matrix)
    raising = np.where(phrases.raises[places], pushes, 0.0)
    lowering = np.where(phrases.speaks_for[places] & has_offer[:, np.newaxis], phrases.mean_pushes - pushes, 0.0)
    return (
        _strongest(raising, _Rows(places, matrix, prob_default), phrases.typical_offer),
        _strongest(lowering, _Rows(places, matrix, prob_default), phrases.typical, direction=-1.0),
    )


class _Rows(NamedTuple):
    """Rows as phrases and encoded values, (n_rows, n_fields), and their PDs, (n_rows,)."""

    places: IntArray
    matrix: FloatArray
    prob_default: FloatArray


def _strongest(pushes: FloatArray, rows: _Rows, typical: tuple[str, ...], *, direction: float = 1.0) -> Chosen:
    field = np.argsort(-pushes, axis=1, kind="stable")[:, :MAX_REASONS]
    strength = np.take_along_axis(pushes, field, axis=1)
    return Chosen(
        field,
        np.take_along_axis(rows.places, field, axis=1),
        np.take_along_axis(rows.matrix, field, axis=1),
        risk_push(rows.prob_default[:, np.newaxis], direction * strength),
        (strength >= SMALLEST_PUSH).sum(axis=1),
        typical,
    )


def risk_push(prob_default: FloatArray, pushes: FloatArray) -> FloatArray:
    """A PD less what it would be without a push in log-odds, to a hundredth of 1 of 100.

    Examples
    --------
    >>> risk_push(np.array([0.2]), np.array([0.5, -0.5])).tolist()
    [0.0683, -0.0919]
    """
    without: FloatArray = expit(logit(prob_default) - pushes)
    return np.round(prob_default - without, PUSH_PLACES)


def as_series(phrases: Phrases, chosen: Chosen) -> pl.Series:
    """For each row a list of up to four `REASON`, strongest first; empty where nothing of the kind is left."""
    named = np.arange(chosen.phrase.shape[1]) < chosen.n[:, np.newaxis]
    field, phrase, value = chosen.field[named], chosen.phrase[named], chosen.value[named]
    words = phrases.values[phrase]
    of_numbers = ~phrases.kinds.is_category[field] & ~np.isnan(value)
    for index in np.unique(field[of_numbers]):
        here = np.flatnonzero(of_numbers & (field == index))
        # Many clients have the same value.
        values, position = np.unique(value[here], return_inverse=True)
        in_words = [phrases.fields[index].in_words(number) for number in values.tolist()]
        words[here] = np.array(in_words, dtype=np.object_)[position]
    rows = pl.DataFrame(
        {
            "code": pl.Series([item["code"] for item in phrases.phrases]).gather(phrase),
            "text": pl.Series([item["text"] for item in phrases.phrases]).gather(phrase),
            "value": pl.Series(words, dtype=pl.String),
            "typical": pl.Series(chosen.typical).gather(field),
            "push": chosen.push[named],
        }
    ).to_struct()
    # Each row's reasons are so many of the whole column.
    starts = np.cumsum(chosen.n) - chosen.n
    slices = pl.lit(rows.implode()).list.slice(pl.lit(pl.Series(starts)), pl.lit(pl.Series(chosen.n)))
    return pl.select(slices).to_series()


def as_lists(phrases: Phrases, chosen: Chosen) -> list[list[ReasonRow]]:
    """The same as lists: a few rows are sooner written down one by one than in columns."""
    columns = (chosen.field, chosen.phrase, chosen.value, chosen.push)
    rows = zip(*(column.tolist() for column in columns), chosen.n.tolist(), strict=True)
    return [
        [
            {
                "code": phrases.phrases[phrase]["code"],
                "text": phrases.phrases[phrase]["text"],
                "value": phrases.values[phrase] or phrases.fields[field].in_words(value),
                "typical": chosen.typical[field],
                "push": push,
            }
            for field, phrase, value, push in list(zip(*of_row, strict=True))[:n]
        ]
        for *of_row, n in rows
    ]
