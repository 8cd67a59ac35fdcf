"""The reference profile: how every field and the predicted PD were spread over the rows the champion learnt from.

Bins are frozen here, once, when a scorer is made; every later window is counted in the same bins. The profile travels
in the scorer folder as profile.json and is all that drift needs of the training data: `build_profile` writes it,
`check_profile` reads it. It holds counts, sums by decile, and of some rows the bins they fell into; nobody's values.
What the counts mean (PSI, alarms) is in stability.py.

A window is a profile too, on the bins of its reference (`count_profile`). Profiles of parts merge into that of the
whole, so a window of any length takes no memory, and its parts may be counted anywhere.
"""

from __future__ import annotations

from typing import TypedDict, cast

import numpy as np
import polars as pl
from numpy.typing import ArrayLike

from creditrisk import strict
from creditrisk.arrays import FloatArray
from creditrisk.errors import ScorerError
from creditrisk.metrics.by_decile import Deciles, check_deciles, count_deciles, merge_deciles
from creditrisk.metrics.entries import (
    Entry,
    NumericEntry,
    as_numbers,
    bins_of,
    check_entry,
    count_entry,
    count_numbers,
    counts_of,
    entry_of,
    mean_push,
    merge_entries,
    merge_numbers,
    numeric_entry,
)
from creditrisk.metrics.samples import check_sample, reference_sample
from creditrisk.schema import Schema

# So many fields, the most important, are summed up by decile.
DECILE_FIELDS = 10


class Profile(TypedDict):
    """How the rows of a table were spread: an entry for every feature, by its name, and one for the predicted PD.

    `deciles` tells what kind of clients each decile of the PD holds. `sample` has the bins of at most 2,000 reference
    rows, as `codes_in` reads them; it is empty in the profile of a window, which is sampled apart (`RowSample`).
    """

    n_rows: int
    fields: dict[str, Entry]
    prob_default: NumericEntry
    deciles: Deciles
    sample: dict[str, str]


def build_profile(frame: pl.DataFrame, schema: Schema, prob_default: ArrayLike) -> Profile:
    """Freeze the bins of every feature and of the predicted PD, and count the reference rows in them.

    Parameters
    ----------
    frame
        Reference rows with canonical column names and types, as `quality.check` accepts them, shape (n_rows, ...);
        outcomes (1 = bad) in a column `default`, if they are known.
    schema
        Says which columns are features and which of them are categories.
    prob_default
        The scorer's PD of each row, 0 to 1, shape (n_rows,).

    Returns
    -------
    Profile
        Ready for JSON: every number finite or None.
    """
    fields = {field.name: entry_of(frame[field.name], field) for field in schema.features}
    risks = np.asarray(prob_default, dtype=np.float64)
    score = numeric_entry(pl.Series(risks))
    return {
        "n_rows": frame.height,
        "fields": fields,
        "prob_default": score,
        "deciles": count_deciles(score, fields, frame, risks),
        "sample": reference_sample(fields, frame),
    }


def count_profile(
    reference: Profile, frame: pl.DataFrame, prob_default: pl.Series, is_own: pl.Series | None = None
) -> Profile:
    """Count other rows in the bins of a reference profile.

    Parameters
    ----------
    frame
        A column for every field that is known, shape (n_rows, ...); one without a column counts as missing in all rows.
    prob_default
        PD of each row, 0 to 1, shape (n_rows,).
    is_own
        Which of them the reference's own model gave, shape (n_rows,); the others are not counted. None: all of them.
    """
    nothing = pl.Series([None], dtype=pl.Float64).new_from_index(0, frame.height)
    fields = {
        name: count_entry(entry, frame[name] if name in frame.columns else nothing)
        for name, entry in reference["fields"].items()
    }
    scored, risks = (frame, prob_default) if is_own is None else (frame.filter(is_own), prob_default.filter(is_own))
    in_deciles = {name: reference["fields"][name] for name in reference["deciles"]["fields"]}
    by_number = as_numbers(risks).to_numpy()
    return {
        "n_rows": frame.height,
        "fields": fields,
        "prob_default": count_numbers(reference["prob_default"], risks),
        "deciles": count_deciles(reference["prob_default"], in_deciles, scored, by_number),
        "sample": {},
    }


def merge_profiles(one: Profile, other: Profile) -> Profile:
    """The profile of two tables together, both counted in the same bins; the same as if they had been counted as one.

    Examples
    --------
    >>> from creditrisk.schema import Field, Target
    >>> age = Field("a", "number", "Age")
    >>> schema = Schema("a", "A", (age,), Target("default", "Default", bad=("1",), good=("0",)))
    >>> reference = build_profile(pl.DataFrame({"a": [1, 2, 3]}), schema, [0.1, 0.2, 0.3])
    >>> parts = [count_profile(reference, pl.DataFrame({"a": [1]}), pl.Series([risk])) for risk in (0.1, 0.3)]
    >>> merged = merge_profiles(*parts)
    >>> merged["n_rows"], merged["prob_default"]["counts"], merged["prob_default"]["mean"]
    (2, [1, 0, 1], 0.2)
    """
    fields = {name: merge_entries(entry, other["fields"][name]) for name, entry in one["fields"].items()}
    return {
        "n_rows": one["n_rows"] + other["n_rows"],
        "fields": fields,
        "prob_default": merge_numbers(one["prob_default"], other["prob_default"]),
        "deciles": merge_deciles(one["deciles"], other["deciles"]),
        "sample": {},
    }


def with_pushes(profile: Profile, frame: pl.DataFrame, contributions: FloatArray) -> Profile:
    """The reference profile with what the values of each bin add to the log-odds on average.

    That tells which fields are important: the ten most important stay in the deciles, the most important first.

    Parameters
    ----------
    frame
        Rows like those of the reference, shape (n_rows, ...).
    contributions
        What each field of each row adds to its log-odds, in the order of the profile, shape (n_rows, n_fields).
    """
    fields: dict[str, Entry] = {}
    for index, (name, entry) in enumerate(profile["fields"].items()):
        bins = bins_of(entry, frame[name])
        n_bins = len(counts_of(entry))
        sums = np.bincount(bins, contributions[:, index], minlength=n_bins)
        # A bin that nobody is in moves nothing, as far as is known.
        pushes = sums / np.maximum(np.bincount(bins, minlength=n_bins), 1)
        fields[name] = cast(Entry, {**entry, "pushes": pushes.tolist()})
    important = sorted(fields, key=lambda name: -mean_push(fields[name], fields[name]))[:DECILE_FIELDS]
    by_decile = {name: profile["deciles"]["fields"][name] for name in important}
    return {**profile, "fields": fields, "deciles": {**profile["deciles"], "fields": by_decile}}


def check_profile(profile: object, schema: Schema) -> Profile:
    """A profile read from a file, if it is such a one as `build_profile` makes; ScorerError otherwise."""
    item = strict.fields(profile, "profile.json", Profile.__annotations__)
    strict.whole(item["n_rows"], "n_rows in profile.json", 1)
    entries = strict.fields(item["fields"], "the fields of profile.json", (field.name for field in schema.features))
    for field in schema.features:
        check_entry(entries[field.name], field, f"'{field.name}' in profile.json")
    check_entry(item["prob_default"], None, "prob_default in profile.json")
    if len({bool(entry["pushes"]) for entry in entries.values()}) > 1:
        raise ScorerError("profile.json must say of all fields what their values add to the log-odds, or of none")
    check_deciles(item["deciles"], entries, len(item["prob_default"]["edges"]) + 1)
    check_sample(item["sample"], entries)
    return cast(Profile, item)
