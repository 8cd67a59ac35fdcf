"""Codes that mean "not given", as a field's schema lists them under `missing`: taken out before cells are read."""

from __future__ import annotations

import polars as pl

from creditrisk.quality.notation import WHOLE_NUMBER, same_value, without_idle_zeros
from creditrisk.schema import Field


def is_code(text: str, spec: Field) -> bool:
    """Whether a text is one of the field's codes for missing: but for its case, or as a whole number.

    Examples
    --------
    >>> income = Field("income", "number", "Income", missing=("-9", "refused"))
    >>> is_code("-9.0", income), is_code(" Refused", income), is_code("9", income)
    (True, True, False)
    """
    return any(same_value(text.strip(), code) for code in spec.missing)


def without_codes(cells: pl.Series, spec: Field) -> pl.Series:
    """The texts of a column, null where one of the field's codes for missing stands.

    Examples
    --------
    >>> without_codes(pl.Series(["7", "999.0", "12"]), Field("late", "integer", "Late", missing=("999",))).to_list()
    ['7', None, '12']
    """
    if not spec.missing:
        return cells
    texts = cells.str.strip_chars().str.to_lowercase()
    words = [code.lower() for code in spec.missing]
    numbers = [number for code in spec.missing if (number := without_idle_zeros(code))]
    whole = texts.str.replace(f"^(?:{WHOLE_NUMBER.pattern})$", "${1}${2}") if numbers else texts
    return cells.set((texts.is_in(words) | whole.is_in(numbers)).fill_null(False), None)
