"""A few cells, such as those of one application, read one by one in Python.

Polars takes some microseconds for every step of a column, however short. The rules are those of whole columns, which
are in quality.numbers and quality.texts.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache, partial

import polars as pl

from creditrisk.quality.not_given import is_code
from creditrisk.quality.notation import NO_NUMBER, UnreadableError
from creditrisk.quality.numbers import (
    Notation,
    beyond,
    notation_after,
    plain,
    seen_in,
    to_number,
    unusable,
    without_unit,
)
from creditrisk.quality.rejections import NOTHING
from creditrisk.quality.texts import days_seen_in, is_known, to_category, to_date, to_text
from creditrisk.schema import Field
from creditrisk.text import shorten

# Up to so many rows Python is faster than polars.
FEW = 64


@dataclass
class FewCells:
    """The values of a few cells, and by row index what keeps the row out or makes it odd."""

    values: list[object]
    faults: dict[int, str] = field(default_factory=dict)
    odd: dict[int, str] = field(default_factory=dict)
    notation: Notation = field(default_factory=Notation)


def read_few(texts: Sequence[str | None], spec: Field, notation: Notation) -> FewCells:
    """The cells as values of the field's type; what `cells.read_column` does to whole columns."""
    if spec.missing:
        texts = [None if text is None or is_code(text, spec) else text for text in texts]
    cells = _numbers(texts, spec, notation) if spec.is_numeric else _values(texts, spec, notation)
    if spec.missing:
        codes = codes_of(spec)
        for row in [row for row, value in enumerate(cells.values) if value in codes]:
            cells.values[row] = None
            cells.odd.pop(row, None)
    if spec.is_needed:
        for row, value in enumerate(cells.values):
            if value is None:
                cells.faults.setdefault(row, NOTHING)
    return cells


@lru_cache(maxsize=1_000)
def codes_of(spec: Field) -> frozenset[object]:
    """The numbers or days that mean "not given" in a field, however a cell writes them; none for other types."""
    if spec.type in ("category", "text"):
        return frozenset()
    plain_spec = replace(spec, missing=(), is_required=False)
    return frozenset(read_few(spec.missing, plain_spec, Notation.of(spec, semicolons=False)).values) - {None}


def _values(texts: Sequence[str | None], spec: Field, notation: Notation) -> FewCells:
    if spec.type == "date":
        notation = days_seen_in([text for text in texts if text], notation)
        parse: Callable[[str], object] = partial(to_date, spec=spec, day_first=notation.day_first)
    else:
        parse = partial(to_category if spec.type == "category" else to_text, spec=spec)
    cells = FewCells([None] * len(texts), notation=notation)
    for row, text in enumerate(texts):
        if text is None:
            continue
        try:
            value = parse(text.strip())
        except UnreadableError as exc:
            cells.faults[row] = f"'{shorten(text)}' {exc}"
            continue
        cells.values[row] = value
        if spec.type == "category" and value is not None and not is_known(value, spec):
            cells.odd[row] = f"'{shorten(str(value))}' is not a known value"
    return cells


def _numbers(texts: Sequence[str | None], spec: Field, notation: Notation) -> FewCells:
    numbers = [plain(text) for text in texts]
    left = {text for text, number in zip(texts, numbers, strict=True) if number is None and text is not None}
    bare: dict[str, str] = {}
    # The plain numbers of a record are what they are, and say nothing about others.
    if left or not notation.is_record:
        bare, currency = without_units(left, spec, notation.currency)
        notation = seen_in(left, notation, currency)
        shown_texts = {bare.get(text or "", text) for text in texts}
        marked = {text for text in shown_texts if text and ("," in text or "." in text)}
        notation = notation_after(notation, marked) if marked else notation
    cells = FewCells([None] * len(texts), notation=notation)
    # A plain number may mean another one where commas divide decimals, or points may stand between thousands.
    is_left = bool(notation.decimal_comma or notation.has_unclear_points)
    for row, text in enumerate(texts):
        if text is None:
            continue
        number, shown = numbers[row], bare.get(text, text)
        try:
            number = to_number(shown, notation) if is_left or number is None else number
        except UnreadableError as exc:
            cells.faults[row] = f"'{shorten(shown)}' {exc}"
            continue
        if number is None:
            continue
        if fault := unusable(number, spec):
            cells.faults[row] = f"'{shorten(shown)}' {fault}"
            continue
        number = int(number) if spec.type == "integer" else number
        cells.values[row] = number
        if oddity := beyond(number, spec):
            cells.odd[row] = oddity
    return cells


def without_units(texts: Collection[str], spec: Field, currency: str = "") -> tuple[dict[str, str], str]:
    """Each of some different texts, with what is left of it without blanks around it and its unit; and a currency.

    The latter as of `numbers.without_unit`.
    """
    if all(text.casefold() in NO_NUMBER for text in texts):
        return {text: text for text in texts}, currency
    stripped = pl.Series(list(texts), dtype=pl.String).str.strip_chars()
    left, currency = without_unit(stripped, spec, currency)
    return dict(zip(texts, left.to_list(), strict=True)), currency
