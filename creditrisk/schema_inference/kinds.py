"""What kind a column is: number, code, category, date or text, with its unit, range and categories."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from creditrisk.quality import LARGEST_INTEGER, date_format_of, is_missing, notation_in, read_cells, unit_of
from creditrisk.schema import Category, Field, FieldType, Role
from creditrisk.schema_inference import calendar_hints, header_hints
from creditrisk.schema_inference.missing_codes import few_missing_codes, missing_codes
from creditrisk.sources import RawTable
from creditrisk.text import counted, plain_number, shorten

# Under the name of a quantity so many different whole numbers are no scale of a questionnaire.
MIN_MEASURED = 6
# At least 98 % of a column's cells must read as numbers or dates; the rows of the others are set aside.
READABLE_SHARE = 0.98
# Whole numbers that lie less than 12 apart become ordered categories: measured, see docs/own-data.md.
MAX_CODES = 12
# A category has at most 60 values, each in 5 rows or more, that together cover 90 % of the filled cells.
MAX_CATEGORIES = 60
MIN_CATEGORY_ROWS = 5
# One code for missing is written in so many ways at most that a schema lists.
MAX_SPELLINGS = 10
# So many different words among numbers, in so large a part of the cells at most, mean that nothing is known.
MAX_WORDS = 3
MAX_WORDS_SHARE = 0.3
# A category of its own gathers up to so many rare values; its name.
MAX_RARE = 1_000
OTHER = "other"
CATEGORY_COVER = 0.9
# Zeros in front make three digits or fewer a quantity filled up, more of them a code.
_LEADING_ZERO = r"^0\d{3,}$"
AMERICAN = ("%m/%d/%Y", "%m/%d/%y", "%m-%d-%Y", "%m-%d-%y")
# What stands around the numbers of categories that have an order: "< 1 year", "10+ years", "1<=X<4", "bis 3 Jahre".
_AROUND_NUMBERS = re.compile(
    r"[\s<>=+\-–—.,%€$£x()\[\]/]|years?|yrs?|months?|days?|weeks?|jahre?|monate?|tage?|or|and|to|more|less|than|over"
    r"|under|up|below|above|between|k|bis|ueber|über|unter|mehr|weniger|als|und|ab|von",
    re.IGNORECASE,
)
_BROKEN_TEXT = re.compile(r"�|Ã[^\sA-Za-z]|â€|Â[^\sA-Za-z]")


@dataclass(frozen=True)
class Column:
    """One column of the table: the field proposed, how the column looks, and what a person should decide about it.

    `flag` is one or two words for the table on the terminal, empty where nothing calls for a decision; `counts` holds
    the rows of each category, and `n_odd` is how many rows the checks would set aside or send to a person for it.
    """

    header: str
    field: Field
    looks: str
    flag: str = ""
    decide: str = ""
    counts: tuple[tuple[str, int], ...] = ()
    n_odd: int = 0


@dataclass(frozen=True)
class Verdict:
    """What a column is proposed to be, in a word or two, and what to decide about it."""

    role: Role
    flag: str
    decide: str


@dataclass(frozen=True)
class Cells:
    """A column as it comes: all of its cells, those with anything in them, and its field without a type."""

    header: str
    all: pl.Series
    filled: pl.Series
    field: Field
    delimiter: str

    @classmethod
    def of(cls, texts: pl.Series, field: Field, raw: RawTable) -> Cells:
        """The cells of a column, and those of them that hold something."""
        texts = texts.fill_null("")
        return cls(texts.name, texts, texts.filter(~is_missing(texts)), field, raw.delimiter)

    @property
    def looks(self) -> str:
        """How many values there are, and how many cells are empty."""
        n_values, missing = self.filled.n_unique(), 1 - len(self.filled) / len(self.all)
        shown = f", {missing:.1%} missing" if missing else ""
        return f"{counted(n_values, 'different value')}{shown}"

    def read(self, field: Field) -> pl.Series:
        """All cells as the values of a field."""
        return read_cells(self.all, replace(field, is_required=False), self.delimiter)[0]


def typed_column(cells: Cells) -> Column:
    """The column as what its cells are: numbers, codes, dates, categories or text."""
    filled, is_named_code = cells.filled, header_hints.is_code(cells.header)
    is_digits = bool(filled.str.contains(r"^\d+$").all())
    date_format = _date_format(cells, is_digits=is_digits)
    has_zeros = bool(filled.str.contains(_LEADING_ZERO).any()) and not header_hints.is_quantity(cells.header)
    column = None
    if not is_named_code and not has_zeros and date_format is None:
        column = _mostly_numbers(cells)
    if column is None and date_format is not None:
        column = _mostly_dates(cells, date_format)
    if column is not None:
        return column
    column = _category_or_text(cells)
    if column.field.type == "text" and is_digits and is_named_code:
        why = "going by its name its digits are codes and no quantity, too many to learn. Group them in the file."
        return replace(column, flag="codes", decide=why)
    if column.field.type == "text" and is_digits and date_format is None:
        # Zeros in front that make no categories fill up a number: 00280.
        field = replace(cells.field, type="number")
        values, unreadable = read_cells(filled, field, cells.delimiter)
        if not unreadable:
            return _numbers(cells, field, values, 0)
    return column


def _date_format(cells: Cells, *, is_digits: bool) -> str | None:
    """How the cells are written as dates; None if they are none, as far as digits alone can tell."""
    is_named = calendar_hints.is_date(cells.header) or calendar_hints.may_hold_days(cells.header)
    if calendar_hints.are_years(cells.filled):
        return None
    habit = cells.field.date_format
    date_format = date_format_of(cells.filled, is_named=is_named, min_share=READABLE_SHARE, habit=habit)
    # Eight digits may be anything, unless the name says that they are a day or all of many are.
    is_open = is_digits and not is_named and date_format == "" and not calendar_hints.are_days_in_digits(cells.filled)
    return None if is_open else date_format


def _mostly_numbers(cells: Cells) -> Column | None:
    """The column as numbers; None if too many of its cells hold none."""
    texts = cells.filled.filter(~is_missing(cells.filled, among_numbers=True))
    if texts.is_empty():
        return None
    field = replace(cells.field, type="number", unit=unit_of(texts, min_share=READABLE_SHARE))
    values, unreadable = read_cells(texts, field, cells.delimiter)
    field = replace(field, notation=notation_in(texts, field, cells.delimiter))
    words = _words_for_missing(texts, unreadable)
    # Beside a few numbers a word is rather one of several answers.
    if words and values.n_unique() > MAX_CODES:
        known = texts.set(pl.Series(np.isin(np.arange(len(texts)), unreadable)), None).drop_nulls()
        column = _numbers(replace(cells, filled=known), field, values.drop_nulls(), 0)
        return _with_words_for_missing(column, cells, words, len(unreadable))
    if len(unreadable) > (1 - READABLE_SHARE) * len(texts):
        return None
    return _numbers(replace(cells, filled=texts), field, values, len(unreadable))


def _words_for_missing(texts: pl.Series, unreadable: Sequence[int]) -> list[str]:
    """The few words that stand among numbers again and again, most probably for nothing; none if they may say more."""
    if not unreadable or len(unreadable) > MAX_WORDS_SHARE * len(texts):
        return []
    tally = Counter(text.strip() for text in texts.gather(list(unreadable)))
    are_words = all(re.fullmatch(r"[^\W\d_][^\W\d_ ./-]{0,20}", word) for word in tally)
    return sorted(tally) if are_words and len(tally) <= MAX_WORDS and min(tally.values()) >= MIN_CATEGORY_ROWS else []


def _with_words_for_missing(column: Column, cells: Cells, words: Sequence[str], n_rows: int) -> Column:
    """The column of numbers with words that stand among them read as "not given", and the question."""
    field = replace(column.field, missing=(*column.field.missing, *words))
    also = f" Of its numbers: {column.decide}" if column.decide else ""
    decide = (
        f"words stand among its numbers in {n_rows:,} rows ({n_rows / len(cells.all):.1%}): do they mean missing? As "
        f"it is, they are read as not given; take them out of missing if they say more.{also}"
    )
    return replace(column, field=field, flag="code?", decide=decide)


def _mostly_dates(cells: Cells, date_format: str) -> Column | None:
    """The column as dates of a format; None if too many of its cells hold none."""
    field = replace(cells.field, type="date", date_format=date_format)
    values, unreadable = read_cells(cells.filled, field, cells.delimiter)
    if len(unreadable) > (1 - READABLE_SHARE) * len(cells.filled):
        return None
    note = "; read with the month first, as in America" if date_format in AMERICAN else ""
    note = f"; read as {date_format}" if " since " in date_format else note
    return Column(cells.header, field, f"{cells.looks}, {values.min()!s} to {values.max()!s}{note}")


def _numbers(cells: Cells, field: Field, values: pl.Series, n_unreadable: int) -> Column:
    known = values.drop_nulls().to_numpy()
    distinct, rows = np.unique(known, return_counts=True)
    is_whole = bool((known == np.rint(known)).all() and np.abs(known).max() < LARGEST_INTEGER)
    low, high = float(distinct[0]), float(distinct[-1])
    is_short = is_whole and not field.unit and not n_unreadable and len(distinct) > 1 and high - low < MAX_CODES
    if is_short and not _may_have_decimals(cells.header, len(distinct)):
        return _codes(cells, values, Counter(known.astype(np.int64).tolist()))
    codes = missing_codes(distinct, rows)
    usual = distinct[~np.isin(distinct, codes)]
    if is_whole and header_hints.is_code_if_few(cells.header) and len(usual) <= MAX_CATEGORIES:
        column = _category_or_text(cells)
        if column.field.type == "category":
            return column
    minimum, maximum = _outwards(float(usual[0]), float(usual[-1]))
    # Only counts need whole numbers: whole amounts may be so by chance.
    kind: FieldType = "integer" if is_whole and header_hints.is_count(cells.header) else "number"
    field = replace(field, type=kind, minimum=minimum, maximum=maximum)
    column = Column(
        cells.header,
        field,
        f"{cells.looks}, {plain_number(low)} to {plain_number(high)}, half of them up to "
        f"{plain_number(float(np.median(known)))}",
    )
    if n_unreadable:
        why = f"{n_unreadable:,} cells hold no number: their rows are set aside."
        return replace(column, flag="mixed", decide=why, n_odd=n_unreadable)
    return _with_missing(column, cells, values, codes) if codes else column


def _may_have_decimals(header: str, n_values: int) -> bool:
    """Whether few whole numbers are so by chance, going by the name: rates and hours, but no counts and no scale.

    Examples
    --------
    >>> _may_have_decimals("interest_rate", 7), _may_have_decimals("interest_rate", 4), _may_have_decimals("n_days", 9)
    (True, False, False)
    """
    is_named = header_hints.is_quantity(header) and not header_hints.is_count(header)
    return is_named and n_values >= MIN_MEASURED and not header_hints.is_code(header)


def _with_missing(column: Column, cells: Cells, values: pl.Series, codes: Sequence[float]) -> Column:
    """The column with numbers that probably mean "not given" as such, in the file's own spelling, and the question."""
    is_code = values.is_in([float(code) for code in codes]).fill_null(False)
    n_coded = int(is_code.sum())
    spellings = cells.filled.filter(is_code).str.strip_chars().unique().sort().to_list()
    field = replace(column.field, missing=tuple(spellings[:MAX_SPELLINGS]))
    decide = (
        f"{', '.join(map(plain_number, codes))} in {n_coded:,} rows ({n_coded / len(cells.all):.1%}), apart from all "
        "other values: does it mean missing? As it is, it is read as not given. If it is a value, take it out of "
        f"missing{' and move the bounds' if field.is_numeric else ' and add it to the categories'}."
    )
    return replace(column, field=field, flag="code?", decide=decide)


def _codes(cells: Cells, values: pl.Series, tally: Counter[int]) -> Column:
    """Few whole numbers: a category with an order, so that each step up has an effect of its own."""
    has_order = not header_hints.is_code_if_few(cells.header)
    codes = few_missing_codes(tally) if has_order else few_missing_codes(tally)[:1] if min(tally) < 0 else []
    usual = [number for number in tally if number not in codes]
    numbers = range(min(usual), max(usual) + 1) if has_order else sorted(usual)
    spellings: dict[int, set[str]] = {number: set() for number in numbers}
    for text, value in zip(cells.filled.to_list(), values.to_list(), strict=True):
        if value not in codes:
            spellings[int(value)].add(text)
    field = replace(
        cells.field,
        type="category",
        categories=tuple(
            Category(str(number), str(number), tuple(sorted(spellings[number] - {str(number)}))) for number in numbers
        ),
        is_ordered=has_order and len(numbers) > 2,
    )
    column = Column(cells.header, field, cells.looks, counts=tuple((str(number), tally[number]) for number in numbers))
    return _with_missing(column, cells, values, codes) if codes else column


def _category_or_text(cells: Cells) -> Column:
    """Words: a category if few of them cover the table, free text otherwise."""
    texts, looks = cells.filled, cells.looks
    n_none = int((cells.all.str.to_lowercase() == "none").sum())
    if n_none and len(texts) + n_none == len(cells.all):
        texts = cells.all
        looks = f"{texts.n_unique():,} different values, 'none' taken for one of them as nothing else is missing"
    tally = _tally(texts)
    frequent = sorted(
        (text for text, n in tally.items() if n >= MIN_CATEGORY_ROWS), key=lambda text: (-tally[text], text)
    )
    if len(tally) <= MAX_CATEGORIES and _natural_order(list(tally)) and not header_hints.is_code(cells.header):
        # The rare values of a scale have their place between the others.
        frequent = list(tally)
    kept = frequent[:MAX_CATEGORIES]
    n_kept = sum(tally[text] for text in kept)
    if n_kept < CATEGORY_COVER * len(texts) or not kept:
        flag, why = (
            "many values",
            f"the {len(kept)} most frequent of its many values cover {n_kept / len(texts):.0%} of its rows.",
        )
        if texts.str.count_matches(r"\S+").mean() > 3:  # type: ignore[operator]  # of counts a float
            flag, why = "free text", "it is free text, which a model does not read and which may name people."
        return Column(cells.header, cells.field, looks, flag, why)
    if len(kept) < len(tally):
        n_left, n_rows = len(tally) - len(kept), len(texts) - n_kept
        if n_left <= MAX_RARE:
            looks += f"; rare values are one, '{OTHER}': {n_left:,} in {n_rows:,} rows"
            return _with_other(_category(cells, looks, {text: tally[text] for text in kept}), tally)
        looks += f"; rare values left out, which count as unknown: {n_left:,} in {n_rows:,} rows"
        return replace(_category(cells, looks, {text: tally[text] for text in kept}), n_odd=n_rows)
    return _category(cells, looks, {text: tally[text] for text in kept})


def _with_other(column: Column, tally: Mapping[str, int]) -> Column:
    """A category in which the rare values of the table are one, so that nothing the table holds is unknown."""
    known = column.field.categories
    rare = sorted(set(tally) - {category.value for category in known})
    own = next((category for category in known if category.value.casefold() == OTHER), Category(OTHER, "Other"))
    gathered = replace(own, aliases=tuple(value for value in rare if value.casefold() != own.value.casefold()))
    categories = tuple(gathered if category is own else category for category in known)
    counts = dict(column.counts)
    counts[own.value] = counts.get(own.value, 0) + sum(tally[value] for value in rare)
    if own not in known:
        categories = (*known, gathered)
    field = replace(column.field, categories=categories, is_ordered=column.field.is_ordered and own in known)
    return replace(column, field=field, counts=tuple(counts.items()))


def _tally(texts: pl.Series) -> dict[str, int]:
    """The rows of each value; its most frequent spelling stands for all of them, whatever their case."""
    spellings: dict[str, Counter[str]] = {}
    for text, n in Counter(texts.to_list()).items():
        spellings.setdefault(text.casefold(), Counter())[text] += n
    return {min(counts, key=lambda text: (-counts[text], text)): counts.total() for counts in spellings.values()}


def _by_name(text: str) -> tuple[str | int, ...]:
    """A key to sort by: letters in one case, and numbers by their size.

    Examples
    --------
    >>> sorted(["Type 10", "type 9", "A34", "A4"], key=_by_name)
    ['A4', 'A34', 'type 9', 'Type 10']
    """
    parts = re.split(r"(\d+)", text.casefold())
    return tuple(int(part) if place % 2 else part for place, part in enumerate(parts))


def _category(cells: Cells, looks: str, tally: dict[str, int]) -> Column:
    """The column as a category with these values, in their order if they have one, else by their names.

    Trees see the places of the values alone, and names that begin alike often mean alike: by frequency LightGBM loses
    0.003 of AUC on German credit and on Home Credit.
    """
    are_codes = header_hints.is_code(cells.header) or (
        header_hints.is_code_if_few(cells.header) and all(map(str.isdigit, tally))
    )
    in_order = [] if are_codes else _natural_order(list(tally))
    values = in_order or sorted(tally, key=_by_name)
    field = replace(
        cells.field,
        type="category",
        categories=tuple(Category(text, shorten(text, 80)) for text in values),
        is_ordered=bool(in_order),
    )
    counts = {text: tally[text] for text in in_order} or tally
    column = Column(cells.header, field, looks, counts=tuple(counts.items()))
    if any(_BROKEN_TEXT.search(text) for text in values):
        why = "some of its letters are broken: the file was saved in one encoding and read in another."
        return replace(column, flag="letters?", decide=why)
    return column


def _natural_order(values: list[str]) -> list[str]:
    """The values in their order, if all of them say their place in it by a number or a grade; empty if not.

    Examples
    --------
    >>> _natural_order(["10+ years", "< 1 year", "1 year", "3 years"])
    ['< 1 year', '1 year', '3 years', '10+ years']
    >>> _natural_order(["A34", "A410", "A40"]), _natural_order(["C", "A", "B"])
    ([], ['A', 'B', 'C'])
    >>> _natural_order(["A14", "A12", "A11", "A13"])
    ['A11', 'A12', 'A13', 'A14']
    """
    if len(values) < 3:
        return []
    if all(re.fullmatch(r"[A-H]", value) for value in values) or all(
        re.fullmatch(r"[A-H][1-9]", value) for value in values
    ):
        return sorted(values)
    codes = [re.fullmatch(r"([A-Za-z]{1,3})[-_]?(\d{1,3})", value) for value in values]
    if len(values) > 3 and all(codes) and len({code[1] for code in codes if code}) == 1:
        # Whoever numbers four values or more without a gap mostly goes along a scale.
        places = sorted(int(code[2]) for code in codes if code)
        is_running = places == list(range(places[0], places[0] + len(places)))
        return sorted(values, key=lambda value: int(re.sub(r"\D", "", value))) if is_running else []
    ranks = []
    for value in values:
        numbers = re.findall(r"\d+(?:[.,]\d+)?", value)
        if not numbers or _AROUND_NUMBERS.sub("", re.sub(r"\d+(?:[.,]\d+)?", "", value)):
            return []
        first = float(numbers[0].replace(",", "."))
        is_below = len(numbers) == 1 and re.match(
            r"\s*(<|under|below|up to|less|unter|bis|weniger)", value, re.IGNORECASE
        )
        is_above = len(numbers) == 1 and re.search(r"[>+]|over|above|more|mehr|über|ueber", value)
        ranks.append((first, -1 if is_below else 1 if is_above else 0))
    return [value for _, value in sorted(zip(ranks, values, strict=True))] if len({*ranks}) == len(ranks) else []


def _outwards(low: float, high: float) -> tuple[float, float]:
    """The range seen, rounded outwards to its first digit; nothing below zero where nothing was.

    Examples
    --------
    >>> _outwards(19, 75), _outwards(-165_580, 964_511), _outwards(0.0542, 0.2459)
    ((10.0, 80.0), (-200000.0, 1000000.0), (0.05, 0.25))
    >>> _outwards(20_200_101, 20_200_128)
    (20200100.0, 20200130.0)
    """
    digits = -math.floor(math.log10((high - low) / 2)) if high > low else 0
    step = 10.0**-digits
    # Rounded against the noise of floats, which must not put the value seen outside.
    lowest, highest = round(math.floor(low / step) * step, digits), round(math.ceil(high / step) * step, digits)
    return min(lowest, low), max(highest, high)
