"""The outcome of a table: which column it is, and which of its values mean bad and good."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches

import numpy as np
import polars as pl

from creditrisk.arrays import IntArray
from creditrisk.columns import key
from creditrisk.errors import SchemaError
from creditrisk.quality import are_units, below_second_header, is_missing, same_value
from creditrisk.schema import Target
from creditrisk.schema_inference import header_hints
from creditrisk.sources import PLAIN_NUMBER, RawTable
from creditrisk.text import shorten

MAX_SHOWN = 12
_OPEN = ("current", "grace", "late", "issued", "open", "pending", "progress", "laufend", "offen", "due", "active",
         "aktiv", "exempt", "cancelled", "canceled", "cancld", "refunded", "withdrawn", "rejected",
         "storniert")  # fmt: skip
_BAD = ("bad", "default", "defaulted", "charged", "chargeoff", "loss", "arrears", "written", "ausfall", "schlecht")


def with_target(raw: RawTable, target: str) -> tuple[RawTable, str]:
    """The table without a line of names above its names, and the target's header in it."""
    headers = raw.frame.columns
    if not raw.has_names and target.strip().isdigit():
        target = f"column {int(target)}"
    index = next((index for index, header in enumerate(headers) if key(header) == key(target)), None)
    lower = below_second_header(raw) if raw.has_names and _has_second_header(raw) else raw
    if index is None:
        index = next((n for n, header in enumerate(lower.frame.columns) if key(header) == key(target)), None)
    if index is not None:
        return lower, lower.frame.columns[index]
    if not raw.has_names:
        raise SchemaError(
            f"there is no column '{shorten(target)}' to take the outcome from: the file has no line with names, so its "
            f"columns are called '{headers[0]}' to '{headers[-1]}'. Use one, or put names on its first line."
        )
    known = {header.casefold(): header for header in (*lower.frame.columns, *headers)}
    near = [known[name] for name in get_close_matches(target.casefold(), list(known), n=3, cutoff=0.5)]
    names = near or list(lower.frame.columns)[:MAX_SHOWN]
    hint = "Did you mean" if near else "The table has"
    more = ", …" if not near and lower.frame.width > MAX_SHOWN else ""
    raise SchemaError(
        f"there is no column '{shorten(target)}' to take the outcome from. {hint} "
        f"{', '.join(repr(shorten(name)) for name in names)}{more}{'?' if near else '.'}"
    )


def _has_second_header(raw: RawTable) -> bool:
    """Whether the first row holds names above numbers: different texts where nearly all other rows hold numbers."""
    if raw.frame.height < 3 or are_units(raw.texts):
        return False
    first = raw.texts.row(0)
    below = raw.texts[1:].select(pl.all().cast(pl.Float64, strict=False).is_not_null().mean()).row(0)
    numeric = [column for column, share in enumerate(below) if share is not None and share > 0.9]
    named = [column for column in numeric if first[column] and not PLAIN_NUMBER.fullmatch(first[column])]
    return (
        len(numeric) >= 2 and len(named) > len(numeric) / 2 and len({first[column] for column in named}) == len(named)
    )


def read_outcome(
    cells: pl.Series, header: str, bad: Sequence[str], good: Sequence[str]
) -> tuple[Target, IntArray, tuple[str, ...]]:
    """The target, each row's outcome (1 bad, 0 good, -1 unknown), and what to tell about it."""
    # A word that usually means nothing means something if it was named.
    asked = {value.strip().casefold() for value in (*bad, *good)}
    texts = cells.set(is_missing(cells, but=asked), None)
    counts: dict[str, int] = dict(
        sorted(texts.drop_nulls().value_counts().iter_rows(), key=lambda item: (-item[1], item[0]))
    )
    bads, goods = (_meant(values, counts, header) for values in (bad, good))
    others = [value for value in counts if value not in bads and value not in goods]
    if not goods:
        goods, others = others, []
    both = set(bads) & set(goods)
    if both:
        raise SchemaError(
            f"{_listed(sorted(both), counts)} of column '{shorten(header)}' cannot be bad and good at once."
        )
    code = dict.fromkeys(bads, 1) | dict.fromkeys(goods, 0)
    outcome = np.array([code.get(text, -1) for text in texts.to_list()], dtype=np.int64)
    n_bad, n_good, n_unknown = (int((outcome == value).sum()) for value in (1, 0, -1))
    if not n_bad or not n_good:
        raise SchemaError(
            f"all {n_bad + n_good:,} outcomes in column '{shorten(header)}' are {'bad' if n_bad else 'good'}: it holds "
            f"{_listed(list(counts), counts)}. A model learns from both; name the values with --bad and --good."
        )
    remarks = [f"{n_bad:,} rows are bad ({n_bad / (n_bad + n_good):.1%}), {n_good:,} good."]
    if not good and len(goods) > 1:
        remarks += _doubts(goods, counts)
    if n_unknown:
        rest = f", {_listed(others, counts)}" if others else ""
        remarks.append(f"{n_unknown:,} rows are neither{rest}; they are set aside.")
    canonical = header_hints.canonical(header) or "outcome"
    target = Target(
        name=canonical,
        label=header_hints.label(header) or header,
        bad=tuple(bads),
        good=tuple(goods),
        aliases=() if key(header) == key(canonical) else (header,),
        unresolved=tuple(others),
    )
    return target, outcome, tuple(remarks)


def _doubts(goods: Sequence[str], counts: dict[str, int]) -> list[str]:
    """What to say about values that were taken for good only because nobody called them bad."""
    doubts = [f"Taken for good, because they are not bad: {_listed(goods, counts)}."]
    unsettled = [value for value in goods if {*header_hints.words(value)} & {*_OPEN}]
    if unsettled:
        doubts.append(
            f"DECIDE: {_listed(unsettled, counts)} may be loans whose outcome is still open, or that never ran. List "
            "them under 'unresolved' instead of 'good', and their rows are set aside."
        )
    sounding_bad = [value for value in goods if {*header_hints.words(value)} & {*_BAD}]
    if sounding_bad:
        doubts.append(f"DECIDE: {_listed(sounding_bad, counts)} sound bad. If they are, list them under 'bad'.")
    return doubts


def _meant(values: Sequence[str], counts: dict[str, int], header: str) -> list[str]:
    """The spellings in the file of the values asked for: 1 is found as 1.0."""
    meant: list[str] = []
    for value in values:
        spellings = [text for text in counts if same_value(text, value.strip())]
        if not spellings:
            raise SchemaError(
                f"no row has '{shorten(value)}' in column '{shorten(header)}': it holds "
                f"{_listed(list(counts), counts)}. Name its values with --bad and --good."
            )
        meant += [text for text in spellings if text not in meant]
    return meant


def _listed(values: Sequence[str], counts: dict[str, int]) -> str:
    if not values:
        return "nothing"
    if len(values) > MAX_SHOWN:
        return f"{len(values):,} different values"
    return ", ".join(f"'{shorten(value, 60)}' ({counts.get(value, 0):,})" for value in values)
