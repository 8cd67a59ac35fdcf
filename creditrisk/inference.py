"""A first schema for a table that nobody has described yet.

`infer` looks at every column, decides what it probably is, and says what a person should decide; `to_toml` writes the
schema with those words as comments beside each field. Unedited, the schema errs on the side of caution: what may tell
the outcome, identify a client or teach nothing is excluded, and what the law may protect is kept from the model. Cells
are read by quality.py, so that the checks accept what was seen here. Knows no dataset; what names give away is in
telltale.py, what single columns give away in giveaway.py. Used by `riskometer schema infer`. See docs/own-data.md.
"""

from __future__ import annotations

import math
import re
import zlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from difflib import get_close_matches

import numpy as np
import polars as pl
import tomli_w

from creditrisk import telltale
from creditrisk.arrays import IntArray
from creditrisk.columns import key
from creditrisk.errors import SchemaError, TrainingError
from creditrisk.quality.cells import (
    CURRENCY_SIGNS,
    DATE_FORMATS,
    MISSING,
    MONTHS,
    NO_NUMBER,
    months_in,
    read_cells,
    read_day,
    without_idle_zeros,
    without_time,
)
from creditrisk.quality.leakage import leaks_target
from creditrisk.quality.rows import below_second_header
from creditrisk.schema import RESERVED, Category, Costs, Field, FieldType, Role, Schema, Target, compact
from creditrisk.sources import PLAIN_NUMBER, RawTable
from creditrisk.splits import time_split
from creditrisk.text import counted, shorten

# So many of a column's cells must read as numbers (dates); the rows of the others are set aside.
READABLE_SHARE = 0.98
# Whole numbers with so few values are kept apart as ordered categories: measured, see docs/own-data.md.
MAX_CODES = 12
# A category has at most so many values, each in so many rows, that together cover most of the table.
MAX_CATEGORIES = 60
MIN_CATEGORY_ROWS = 5
CATEGORY_COVER = 0.9
# A column filled in less often teaches next to nothing, and not at all in a fold that has none of it.
MIN_GIVEN = 20
MIN_GIVEN_SHARE = 0.002
# In fewer rows, different values in all of them may be chance.
MIN_TO_TELL_APART = 50
_LAST_YEAR = 2200
LARGEST_INTEGER = 2.0**53
# Each part of a table divided by time needs as many bads and goods.
MIN_EACH = 20
MAX_SHOWN = 12
# Flags that leave a person nothing to decide.
SETTLED = frozenset({"empty", "constant", "no name", "rare"})

_NUMBER = r"[+-]?\d[\d.,  '’]*"
_CURRENCIES = {sign.lower(): code for code, signs in CURRENCY_SIGNS.items() for sign in signs} | {
    code.lower(): code for code in (*CURRENCY_SIGNS, "CHF", "DM", "CZK", "SEK", "NOK", "DKK", "HUF", "CAD", "AUD")
}
_CURRENCY = "|".join(re.escape(spelling) for spelling in sorted(_CURRENCIES, key=len, reverse=True))
_WITH_UNIT = re.compile(
    rf"{_NUMBER}\s*(%|{_CURRENCY}|months?|mos|years?|yrs?|days?|weeks?|monate?|jahre?|tage?|wochen?|k"
    r"|points?|pts|km)",
    re.IGNORECASE,
)
_WITH_SIGN = re.compile(rf"[+-]?\s*({_CURRENCY})\s*{_NUMBER}", re.IGNORECASE)
_LEADING_ZERO = r"^0\d+$"
AMERICAN = ("%m/%d/%Y", "%m/%d/%y", "%m-%d-%Y", "%m-%d-%y")
_SLASHED = (
    "%m/%d/%Y",
    "%d/%m/%Y",
    "%m/%d/%y",
    "%d/%m/%y",
    "%m-%d-%Y",
    "%d-%m-%Y",
    "%m-%d-%y",
    "%d-%m-%y",
    "%m/%Y",
    "%d.%m.%y",
)
_SIX_DIGITS = ("%Y%m", "%y%m%d")
# What stands around the numbers of categories that have an order: "< 1 year", "10+ years", "1<=X<4", "bis 3 Jahre".
_AROUND_NUMBERS = re.compile(
    r"[\s<>=+\-–—.,%€$£x()\[\]/]|years?|yrs?|months?|days?|weeks?|jahre?|monate?|tage?|or|and|to|more|less|than|over"
    r"|under|up|below|above|between|k|bis|ueber|über|unter|mehr|weniger|als|und|ab|von",
    re.IGNORECASE,
)
_OPEN = ("current", "grace", "late", "issued", "open", "pending", "progress", "laufend", "offen")
_BAD = ("bad", "default", "defaulted", "charged", "chargeoff", "loss", "arrears", "written", "ausfall", "schlecht")
_BROKEN_TEXT = re.compile(r"�|Ã[^\sA-Za-z]|â€|Â[^\sA-Za-z]")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]+")


@dataclass(frozen=True)
class Column:
    """One column of the table: the field proposed, how the column looks, and what a person should decide about it.

    `flag` is one or two words for the table on the terminal, empty where nothing calls for a decision; `counts` holds
    the rows of each category.
    """

    header: str
    field: Field
    looks: str
    flag: str = ""
    decide: str = ""
    counts: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True)
class Inference:
    """A proposed schema, how the outcome was read, and what was found column by column."""

    schema: Schema
    outcome: tuple[str, ...]
    columns: tuple[Column, ...]

    @property
    def to_decide(self) -> tuple[Column, ...]:
        """The columns a person should look at."""
        return tuple(column for column in self.columns if column.flag and column.flag not in SETTLED)

    def to_toml(self) -> str:
        """The schema as a file for people: `Schema.from_toml` reads it, and comments say why and what to decide."""
        return _document(self)


def infer(raw: RawTable, *, target: str, bad: Sequence[str], good: Sequence[str] = (), name: str) -> Inference:
    """Propose a schema for a table.

    Parameters
    ----------
    raw
        The whole table as text. The order of its rows does not matter.
    target
        Header of the column with the outcome.
    bad, good
        Its values that mean bad and good; without `good`, every other value means good.
    name
        What the schema, and the model trained with it, is called.

    Raises
    ------
    SchemaError
        If there is no such column, one of its values is not in it, all outcomes are the same, or no column is left to
        learn from.

    Examples
    --------
    >>> from creditrisk.sources import from_records
    >>> loans = [{"income": str(500 + 7 * n), "sex": "mf"[n % 2], "BAD": str(int(n % 5 == 0))} for n in range(200)]
    >>> found = infer(from_records(loans), target="bad", bad=["1"], name="corner")
    >>> [(field.name, field.type, field.role) for field in found.schema.fields]
    [('income', 'integer', 'feature'), ('sex', 'category', 'protected')]
    """
    _check_widths(raw)
    raw, header = _with_target(raw, target)
    # Rows in an order of their own: however the file is sorted, the same comes out.
    frame = raw.frame[raw.frame.hash_rows(seed=1).arg_sort()]
    spec, outcome, words = _outcome(frame[header], header, bad, good)
    headers = [column for column in frame.columns if column != header]
    fields = _names(headers, taken={spec.name, key(header)})
    columns = [
        _column(_Cells.of(frame[column], fields[column], raw), outcome, has_name=raw.has_names) for column in headers
    ]
    columns = _one_id(columns)
    columns = _one_time(columns, frame, outcome)
    if not any(column.field.role == "feature" for column in columns):
        raise SchemaError(
            f"none of the {len(columns)} columns beside '{shorten(header)}' can be learned from: they are empty, "
            "constant, free text, numbers of clients, protected, or know the outcome. Give another table."
        )
    lent = next((column.field.name for column in columns if _is_amount_lent(column)), "")
    schema = Schema(
        # A name that has no Latin letters must not be that of every such table.
        name=telltale.canonical(name) or f"own_data_{zlib.crc32(name.encode()):08x}",
        title=telltale.label(name) or "Own data",
        fields=tuple(column.field for column in columns),
        target=spec,
        costs=Costs(),
        amount_field=lent,
    )
    return Inference(schema, words, tuple(columns))


# The outcome


def _with_target(raw: RawTable, target: str) -> tuple[RawTable, str]:
    """The table without a line of names above its names, and the target's header in it."""
    headers = raw.frame.columns
    if not raw.has_names and target.strip().isdigit():
        target = f"column {int(target)}"
    place = next((place for place, header in enumerate(headers) if key(header) == key(target)), None)
    lower = below_second_header(raw) if raw.has_names and _has_second_header(raw) else raw
    if place is None:
        place = next((n for n, header in enumerate(lower.frame.columns) if key(header) == key(target)), None)
    if place is not None:
        return lower, lower.frame.columns[place]
    if not raw.has_names:
        raise SchemaError(
            f"there is no column '{shorten(target)}' to take the outcome from: the file has no line with names, so its "
            f"columns are called '{headers[0]}' to '{headers[-1]}'. Use one, or put names on its first line."
        )
    known = {header.casefold(): header for header in (*lower.frame.columns, *headers)}
    near = [known[name] for name in get_close_matches(target.casefold(), list(known), n=3, cutoff=0.5)]
    names = near or list(lower.frame.columns)[:MAX_SHOWN]
    said = "Did you mean" if near else "The table has"
    more = ", …" if not near and lower.frame.width > MAX_SHOWN else ""
    raise SchemaError(
        f"there is no column '{shorten(target)}' to take the outcome from. {said} "
        f"{', '.join(repr(shorten(name)) for name in names)}{more}{'?' if near else '.'}"
    )


def _has_second_header(raw: RawTable) -> bool:
    """Whether the first row holds names above numbers: different texts where nearly all other rows hold numbers."""
    if raw.frame.height < 3:
        return False
    first = raw.frame.row(0)
    below = raw.frame[1:].select(pl.all().cast(pl.Float64, strict=False).is_not_null().mean()).row(0)
    numeric = [place for place, share in enumerate(below) if share is not None and share > 0.9]
    named = [place for place in numeric if first[place] and not PLAIN_NUMBER.fullmatch(first[place])]
    return len(numeric) >= 2 and len(named) > len(numeric) / 2 and len({first[place] for place in named}) == len(named)


def _outcome(
    cells: pl.Series, header: str, bad: Sequence[str], good: Sequence[str]
) -> tuple[Target, IntArray, tuple[str, ...]]:
    """The target, each row's outcome (1 bad, 0 good, -1 unknown), and what to tell about it."""
    # A word that usually means nothing means something if it was named.
    asked = {value.strip().casefold() for value in (*bad, *good)}
    nothing = list(MISSING - asked)
    texts = cells.set(cells.str.to_lowercase().is_in(nothing), None)
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
    words = [f"{n_bad:,} rows are bad ({n_bad / (n_bad + n_good):.1%}), {n_good:,} good."]
    if not good and len(goods) > 1:
        words.append(f"Taken for good, because they are not bad: {_listed(goods, counts)}.")
        unsettled = [value for value in goods if {*telltale.words(value)} & {*_OPEN}]
        if unsettled:
            words.append(
                f"DECIDE: {_listed(unsettled, counts)} may be loans whose outcome is still open. List them under "
                "'unresolved' instead of 'good', and their rows are set aside."
            )
        sounding_bad = [value for value in goods if {*telltale.words(value)} & {*_BAD}]
        if sounding_bad:
            words.append(f"DECIDE: {_listed(sounding_bad, counts)} sound bad. If they are, list them under 'bad'.")
    if n_unknown:
        rest = f", {_listed(others, counts)}" if others else ""
        words.append(f"{n_unknown:,} rows are neither{rest}; they are set aside.")
    canonical = telltale.canonical(header) or "outcome"
    target = Target(
        name=canonical,
        label=telltale.label(header) or header,
        bad=tuple(bads),
        good=tuple(goods),
        aliases=() if key(header) == key(canonical) else (header,),
        unresolved=tuple(others),
    )
    return target, outcome, tuple(words)


def _meant(values: Sequence[str], counts: dict[str, int], header: str) -> list[str]:
    """The spellings in the file of the values asked for: 1 is found as 1.0."""
    found: list[str] = []
    for value in values:
        spellings = [text for text in counts if _same_value(text, value)]
        if not spellings:
            raise SchemaError(
                f"no row has '{shorten(value)}' in column '{shorten(header)}': it holds "
                f"{_listed(list(counts), counts)}. Name its values with --bad and --good."
            )
        found += [text for text in spellings if text not in found]
    return found


def _same_value(text: str, value: str) -> bool:
    number = without_idle_zeros(text)
    return text.casefold() == value.strip().casefold() or (number != "" and number == without_idle_zeros(value.strip()))


def _listed(values: Sequence[str], counts: dict[str, int]) -> str:
    if not values:
        return "nothing"
    if len(values) > MAX_SHOWN:
        return f"{len(values):,} different values"
    return ", ".join(f"'{shorten(value, 60)}' ({counts.get(value, 0):,})" for value in values)


# Columns


def _names(headers: Sequence[str], taken: set[str]) -> dict[str, Field]:
    """A bare field for each header: a name of its own, a label of its own, and the header as alias if it is another.

    Headers that are their own names keep them; of others that come to the same name, each gets a number.
    """
    fields: dict[str, Field] = {}
    used = {key(name) for name in (*taken, *RESERVED)}
    labels: set[str] = set()
    for header in sorted(headers, key=lambda header: telltale.canonical(header) != header):
        wanted = telltale.canonical(header) or "field"
        number, name = 1, wanted
        while key(name) in used:
            number += 1
            name = f"{wanted}_{number}"
        shown = telltale.label(header) or name
        if key(shown) in labels:
            shown = f"{shown} ({number})"
        used.add(key(name))
        labels.add(key(shown))
        aliases = () if key(name) == key(header) else (header,)
        fields[header] = Field(name, "text", shown, aliases=aliases, is_required=False)
    return fields


@dataclass(frozen=True)
class _Cells:
    """A column before it is judged: all of its cells, those with anything in them, and its field without a type."""

    header: str
    all: pl.Series
    given: pl.Series
    field: Field
    delimiter: str

    @classmethod
    def of(cls, texts: pl.Series, field: Field, raw: RawTable) -> _Cells:
        texts = texts.fill_null("")
        given = texts.filter(~texts.str.to_lowercase().is_in(list(MISSING)))
        return cls(texts.name, texts, given, field, raw.delimiter)

    @property
    def looks(self) -> str:
        """How many values there are, and how many cells are empty."""
        n_values, missing = self.given.n_unique(), 1 - len(self.given) / len(self.all)
        shown = f", {missing:.1%} missing" if missing else ""
        return f"{counted(n_values, 'different value')}{shown}"

    def read(self, field: Field) -> pl.Series:
        """All cells as the values of a field."""
        return read_cells(self.all, replace(field, is_required=False), self.delimiter)[0]


@dataclass(frozen=True)
class _Verdict:
    """What a column is proposed to be, in a word or two, and what to decide about it."""

    role: Role
    flag: str
    decide: str


def _column(cells: _Cells, outcome: IntArray, *, has_name: bool) -> Column:
    verdict = _nothing_to_learn(cells, has_name=has_name)
    if verdict is not None:
        return _judged(Column(cells.header, cells.field, cells.looks if len(cells.given) else "empty"), verdict)
    column = _typed(cells)
    # What cannot be asked for comes first, then what must not be used, then what is of no use.
    verdict = (
        _later(column)
        or _protected(column)
        or _number_of_client(column, cells)
        or _of_a_person(column, cells)
        or _too_little(column, cells)
        or _when_granted(column)
        or _gives_away(column, cells.read(column.field), outcome)
        or _date(column)
        or _place(column)
    )
    is_complete = cells.read(column.field).null_count() == 0
    column = replace(column, field=replace(column.field, is_required=is_complete and column.field.type != "text"))
    return _judged(column, verdict) if verdict is not None else column


def _judged(column: Column, verdict: _Verdict) -> Column:
    field = replace(column.field, role=verdict.role)
    if verdict.role != "feature":
        field = replace(field, is_required=False)
    if verdict.role == "id":
        field = Field(field.name, "text", field.label, role="id", aliases=field.aliases, is_required=False)
        column = replace(column, counts=())
    return replace(column, field=field, flag=verdict.flag, decide=verdict.decide)


def _nothing_to_learn(cells: _Cells, *, has_name: bool) -> _Verdict | None:
    if not len(cells.given):
        return _Verdict("excluded", "empty", "nothing stands in it, in any row.")
    if cells.given.n_unique() == 1 and len(cells.given) == len(cells.all):
        return _Verdict("excluded", "constant", "it is the same in every row, so there is nothing to learn from it.")
    if has_name and re.fullmatch(r"column \d+|unnamed[: _]*\d*", cells.header, re.IGNORECASE):
        why = "it has no name; often it only counts the rows. Name it in the file to use it."
        return _Verdict("excluded", "no name", why)
    return None


def _later(column: Column) -> _Verdict | None:
    if not telltale.sounds_later(column.header):
        return None
    why = "going by its name it was written after the decision, when nobody can ask for it."
    return _Verdict("excluded", "leakage?", f"{why} Make it a feature only if it was known before.")


def _protected(column: Column) -> _Verdict | None:
    word = telltale.protected_word(column.header)
    value = telltale.protected_value([value for value, _ in column.counts])
    if not word and not value:
        return None
    why = f"its name says '{word}'" if word else f"it holds values such as '{value}'"
    does = "kept from the model, used to check that it treats all groups alike."
    return _Verdict("protected", "protected?", f"{why}, which the law may protect: {does}")


def _number_of_client(column: Column, cells: _Cells) -> _Verdict | None:
    """The column as a client's number, if it tells the rows apart."""
    given, n_rows, kind = cells.given, len(cells.all), column.field.type
    if kind not in ("integer", "text"):
        return None
    n_values = given.n_unique()
    if telltale.is_number_of_client(column.header) and n_values >= 0.99 * n_rows:
        return _Verdict("id", "id", "taken for the client's number: shown with the result, never learned from.")
    if telltale.is_only_number_of_client(column.header) and n_values > MAX_CATEGORIES:
        why = "going by its name it is a client's number, of clients who stand in several rows: never learned from."
        return _Verdict("excluded", "id", why)
    if n_values < n_rows or n_rows < MIN_TO_TELL_APART:
        return None
    numbers = given.cast(pl.Float64, strict=False).drop_nulls().to_numpy()
    is_running = len(numbers) == n_rows and np.ptp(numbers) < 1.5 * n_rows
    is_word = kind == "text" and not given.str.contains(r"\s").mean() > 0.2  # type: ignore[operator]  # of booleans a float
    if not is_running and not is_word:
        return None
    return _Verdict("id", "id", "it is different in every row, so it names the row: never learned from.")


def _of_a_person(column: Column, cells: _Cells) -> _Verdict | None:
    field = column.field
    is_long = field.type == "integer" and (field.minimum or 0) >= 0 and (field.maximum or 0) >= 1e6
    if not telltale.is_of_a_person(column.header) or not (field.type == "text" or is_long):
        return None
    if cells.given.n_unique() <= MAX_CATEGORIES:
        return None
    why = "it seems to name a person or to lead to one, and a model must not know clients."
    return _Verdict("excluded", "personal?", why)


def _too_little(column: Column, cells: _Cells) -> _Verdict | None:
    if column.field.type == "text":
        return _Verdict("excluded", column.flag, column.decide)
    if len(cells.given) < max(MIN_GIVEN, MIN_GIVEN_SHARE * len(cells.all)):
        return _Verdict("excluded", "rare", f"only {len(cells.given):,} rows have anything in it.")
    return None


def _when_granted(column: Column) -> _Verdict | None:
    if column.field.type != "date" and telltale.is_calendar(column.header):
        return _Verdict("excluded", "calendar", "it says when, not who: no later year will ever be like it.")
    return None


def _date(column: Column) -> _Verdict | None:
    if column.field.type != "date":
        return None
    why = "models take numbers and categories, not dates. Days before the application would do."
    return _Verdict("excluded", "date", why)


def _gives_away(column: Column, values: pl.Series, outcome: IntArray) -> _Verdict | None:
    if column.field.type == "date" and telltale.is_date_of_application(column.header):
        return None
    known = outcome >= 0
    values, target = values.filter(pl.Series(known)), outcome[known]
    clue = leaks_target(values, target)
    if not clue:
        return None
    if telltale.sounds_earlier(column.header) and not leaks_target(values, target, is_from_before=True):
        why = "going by its name it was known before all the same. Exclude it if it was not."
        return _Verdict("feature", "strong?", f"{clue}: {why}")
    why = f"{clue}: most probably it was written after the outcome was known."
    return _Verdict("excluded", "leakage?", f"{why} Make it a feature only if it was known before the decision.")


def _place(column: Column) -> _Verdict | None:
    if not telltale.is_place(column.header) or column.flag:
        return None
    return _Verdict("feature", "place", "where people live may stand in for where they come from.")


def _check_widths(raw: RawTable) -> None:
    """Refuse a table most rows of which have another number of cells than there are names."""
    if len(raw.ragged) <= (1 - READABLE_SHARE) * raw.frame.height:
        return
    n_cells, n_rows = Counter(raw.ragged.values()).most_common(1)[0]
    raise SchemaError(
        f"{counted(n_rows, 'row has', 'rows have')} {n_cells:,} cells, but the first line names {raw.frame.width:,} "
        "columns, so it cannot be told which is which. Give every column a name (R leaves out that of the row names: "
        "write.csv names it, and row.names = FALSE leaves them out), or put quotation marks around values that hold a "
        "comma."
    )


# Types


def _typed(cells: _Cells) -> Column:
    """The column as what its cells are: numbers, codes, dates, categories or text."""
    given = cells.given
    is_coded = telltale.is_code(cells.header) or bool(given.str.contains(_LEADING_ZERO).any())
    date_format = _date_format(given, is_named=telltale.is_date(cells.header))
    # Eight digits may be anything, unless the name says that they are a day.
    is_digits = bool(given.str.contains(r"^\d+$").all())
    is_date = date_format is not None and (telltale.is_date(cells.header) or not is_digits)
    told = given.filter(~given.str.to_lowercase().is_in(list(NO_NUMBER)))
    if len(told) and not is_coded and not is_date:
        field = replace(cells.field, type="number", unit=_unit(told))
        values, unreadable = read_cells(told, field, cells.delimiter)
        if len(unreadable) <= (1 - READABLE_SHARE) * len(told):
            return _numbers(replace(cells, given=told), field, values, len(unreadable))
    if date_format is not None:
        field = replace(cells.field, type="date", date_format=date_format)
        values, unreadable = read_cells(given, field, cells.delimiter)
        if len(unreadable) <= (1 - READABLE_SHARE) * len(given):
            note = "; read with the month first, as in America" if date_format in AMERICAN else ""
            return Column(cells.header, field, f"{cells.looks}, {values.min()!s} to {values.max()!s}{note}")
    column = _words(cells)
    if column.field.type == "text" and is_digits and not telltale.is_code(cells.header) and date_format is None:
        # Zeros in front that make no categories fill up a number: 00280.
        field = replace(cells.field, type="number")
        values, unreadable = read_cells(given, field, cells.delimiter)
        if not unreadable:
            return _numbers(cells, field, values, 0)
    return column


def _unit(given: pl.Series) -> str:
    """The unit or currency that stands beside nearly all of the numbers; empty if none does."""
    texts = given.unique().sort().head(1_000).to_list()
    times = [text for text in texts if months_in(text) is not None]
    if len(times) >= READABLE_SHARE * len(texts) and all(any(c in text.lower() for text in times) for c in "ym"):
        return MONTHS
    found = Counter(
        _CURRENCIES.get(match.group(1).lower(), match.group(1).lower())
        for text in texts
        if (match := _WITH_UNIT.fullmatch(text.strip()) or _WITH_SIGN.fullmatch(text.strip()))
    )
    stems = Counter(unit.rstrip("s") for unit in found.elements())
    if not stems:
        return ""
    stem, n = stems.most_common(1)[0]
    if n < READABLE_SHARE * len(texts):
        return ""
    return max((unit for unit in found if unit.rstrip("s") == stem), key=lambda unit: (len(unit), unit))


def _numbers(cells: _Cells, field: Field, values: pl.Series, n_unreadable: int) -> Column:
    known = values.drop_nulls().to_numpy()
    distinct, rows = np.unique(known, return_counts=True)
    is_whole = bool((known == np.rint(known)).all() and np.abs(known).max() < LARGEST_INTEGER)
    low, high = float(distinct[0]), float(distinct[-1])
    if is_whole and not field.unit and not n_unreadable and len(distinct) > 1 and high - low < MAX_CODES:
        return _codes(cells, values, Counter(known.astype(np.int64).tolist()))
    minimum, maximum = _outwards(low, high)
    kind: FieldType = "integer" if is_whole else "number"
    field = replace(field, type=kind, minimum=minimum, maximum=maximum)
    column = Column(
        cells.header,
        field,
        f"{cells.looks}, {_plain(low)} to {_plain(high)}, half of them up to {_plain(np.median(known))}",
    )
    if n_unreadable:
        why = f"{n_unreadable:,} cells hold no number: their rows are set aside."
        return replace(column, flag="mixed", decide=why)
    far = _far_off(distinct, rows)
    if far is not None:
        why = f"{_plain(far[0])} stands in {far[1]:,} rows, far from all other values: does it mean missing?"
        return replace(column, flag="code?", decide=f"{why} If so, leave it empty in the file.")
    below = _few_below_zero(distinct, rows)
    if below is not None:
        listed = ", ".join(map(_plain, below[0]))
        why = f"{listed} in {below[1]:,} rows, and nothing else below zero: does it mean missing?"
        return replace(column, flag="code?", decide=f"{why} If so, leave it empty in the file.")
    return column


def _codes(cells: _Cells, values: pl.Series, tally: Counter[int]) -> Column:
    """Few whole numbers: a category with an order, so that each step up has an effect of its own."""
    numbers = range(min(tally), max(tally) + 1)
    spellings: dict[int, set[str]] = {number: set() for number in numbers}
    for text, value in zip(cells.given.to_list(), values.to_list(), strict=True):
        spellings[int(value)].add(text)
    field = replace(
        cells.field,
        type="category",
        categories=tuple(
            Category(str(number), str(number), tuple(sorted(spellings[number] - {str(number)}))) for number in numbers
        ),
        is_ordered=len(numbers) > 2,
    )
    return Column(cells.header, field, cells.looks, counts=tuple((str(number), tally[number]) for number in numbers))


def _words(cells: _Cells) -> Column:
    """Words: a category if few of them cover the table, free text otherwise."""
    given, looks = cells.given, cells.looks
    n_none = int((cells.all.str.to_lowercase() == "none").sum())
    if n_none and len(given) + n_none == len(cells.all):
        given = cells.all
        looks = f"{given.n_unique():,} different values, 'none' taken for one of them as nothing else is missing"
    spelt: dict[str, Counter[str]] = {}
    for text, n in Counter(given.to_list()).items():
        spelt.setdefault(text.casefold(), Counter())[text] += n
    # The most frequent spelling of each stands for all of them.
    tally = {min(found, key=lambda text: (-found[text], text)): found.total() for found in spelt.values()}
    frequent = sorted(
        (text for text, n in tally.items() if n >= MIN_CATEGORY_ROWS), key=lambda text: (-tally[text], text)
    )
    kept = frequent[:MAX_CATEGORIES]
    n_kept = sum(tally[text] for text in kept)
    if n_kept < CATEGORY_COVER * len(given) or not kept:
        flag, why = (
            "many values",
            f"the {len(kept)} most frequent of its many values cover {n_kept / len(given):.0%} of its rows.",
        )
        if given.str.count_matches(r"\S+").mean() > 3:  # type: ignore[operator]  # of counts a float
            flag, why = "free text", "it is free text, which a model does not read and which may name people."
        return Column(cells.header, cells.field, looks, flag, why)
    if len(kept) < len(tally):
        n_left, n_rows = len(tally) - len(kept), len(given) - n_kept
        looks += f"; rare values left out, which count as unknown: {n_left:,} in {n_rows:,} rows"
    order = _natural_order(kept)
    field = replace(
        cells.field,
        type="category",
        categories=tuple(Category(text, shorten(text, 80)) for text in order or kept),
        is_ordered=bool(order),
    )
    column = Column(cells.header, field, looks, counts=tuple((text, tally[text]) for text in order or kept))
    if any(_BROKEN_TEXT.search(text) for text in kept):
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
    """
    if len(values) < 3:
        return []
    if all(re.fullmatch(r"[A-H]", value) for value in values) or all(
        re.fullmatch(r"[A-H][1-9]", value) for value in values
    ):
        return sorted(values)
    places = []
    for value in values:
        numbers = re.findall(r"\d+(?:[.,]\d+)?", value)
        if not numbers or _AROUND_NUMBERS.sub("", re.sub(r"\d+(?:[.,]\d+)?", "", value)):
            return []
        first = float(numbers[0].replace(",", "."))
        is_below = len(numbers) == 1 and re.match(
            r"\s*(<|under|below|up to|less|unter|bis|weniger)", value, re.IGNORECASE
        )
        is_above = len(numbers) == 1 and re.search(r"[>+]|over|above|more|mehr|über|ueber", value)
        places.append((first, -1 if is_below else 1 if is_above else 0))
    return [value for _, value in sorted(zip(places, values, strict=True))] if len({*places}) == len(places) else []


def _date_format(given: pl.Series, *, is_named: bool) -> str | None:
    """How the dates of a column are written: empty for what can be read in one way only; None if they are no dates.

    Six digits are a date only if the column is named as one.
    """
    texts = given.unique().sort().to_list()
    sample = texts if len(texts) <= 400 else texts[:: len(texts) // 400]
    if not all(re.search(r"\d", text) and len(text) <= 40 for text in sample):
        return None
    days = [without_time(text) for text in sample]
    if _share_read(days, DATE_FORMATS) >= READABLE_SHARE:
        return ""
    formats: tuple[str, ...] = (*_SLASHED, *_SIX_DIGITS) if is_named else _SLASHED
    if _is_first_of_month(days):
        formats = tuple(sorted(formats, key=lambda made: not made.startswith("%d")))
    return next((made for made in formats if _share_read(days, (made,)) >= READABLE_SHARE), None)


def _is_first_of_month(days: list[str]) -> bool:
    """Whether what comes first never changes and what follows does, as in 01/03/2019 and 01/11/2020."""
    parts = [re.split("[/-]", day) for day in days]
    return len({part[0] for part in parts}) == 1 and len({part[1] for part in parts if len(part) > 1}) > 1


def _share_read(texts: list[str], formats: tuple[str, ...]) -> float:
    days = [read_day(text, formats) for text in texts]
    return sum(day is not None and day.year <= _LAST_YEAR for day in days) / len(texts)


# One id, one date


def _one_id(columns: list[Column]) -> list[Column]:
    """The best of the clients' numbers stays one; the others are left out."""
    ids = [column for column in columns if column.field.role == "id"]
    best = min(
        ids, key=lambda column: (not telltale.is_number_of_client(column.header), columns.index(column)), default=None
    )
    return [
        replace(
            column,
            field=replace(column.field, role="excluded"),
            decide="it tells rows apart; another column is the client's number.",
        )
        if column.field.role == "id" and column is not best
        else column
        for column in columns
    ]


def _one_time(columns: list[Column], frame: pl.DataFrame, outcome: IntArray) -> list[Column]:
    """The date of application, if one of the dates is it and the table can be divided by it."""
    dates = [column for column in columns if column.flag == "date"]
    by_name = [column for column in dates if telltale.is_date_of_application(column.header)]
    open_names = [column for column in dates if telltale.may_be_any_date(column.header)]
    candidates = by_name or (open_names if len(dates) == 1 else [])
    out = list(columns)
    for column in candidates:
        days, _ = read_cells(frame[column.header], replace(column.field, role="time"))
        parts = _parts(days, outcome)
        place = columns.index(column)
        if parts is None:
            out[place] = replace(
                column, decide="a date of application, but older and newer rows do not each hold enough goods and bads."
            )
            continue
        time: Role = "time"
        decide = "taken for the date of application: older rows teach, the newest judge. Any other date must not be."
        out[place] = replace(column, field=replace(column.field, role=time), flag="time", decide=decide)
        return [_without_old_values(item, frame, parts) for item in out]
    return out


def _parts(days: pl.Series, outcome: IntArray) -> IntArray | None:
    """The rows that would teach; None if the table cannot be divided by these days."""
    known = np.flatnonzero(outcome >= 0)
    if days.null_count() > 0.02 * len(days):
        return None
    try:
        split = time_split(days.gather(known))
    except TrainingError:
        return None
    for part in (split.train, split.validation, split.test):
        n_bad = int(outcome[known][part].sum())
        if min(n_bad, len(part) - n_bad) < MIN_EACH:
            return None
    return known[split.train]


def _without_old_values(column: Column, frame: pl.DataFrame, teach: IntArray) -> Column:
    """A number that the older rows do not have cannot be learned from them."""
    if column.field.role != "feature" or not column.field.is_numeric:
        return column
    if not frame[column.header].gather(teach).str.to_lowercase().is_in(list(MISSING)).all():
        return column
    decide = "the older rows, which teach, have nothing in it."
    return replace(
        column, field=replace(column.field, role="excluded", is_required=False), flag="too new", decide=decide
    )


def _far_off(distinct: np.ndarray, rows: np.ndarray) -> tuple[float, int] | None:
    """A frequent value at either end, ten times as far out as all others: 365243, -999."""
    if len(distinct) < 10:
        return None
    for end, rest in ((-1, distinct[:-1]), (0, distinct[1:])):
        spread = max(abs(float(rest[0])), abs(float(rest[-1])), 1.0)
        gap = abs(float(distinct[end]) - float(rest[end]))
        if rows[end] >= max(5, 0.005 * rows.sum()) and gap > 5 * spread:
            return float(distinct[end]), int(rows[end])
    return None


def _few_below_zero(distinct: np.ndarray, rows: np.ndarray) -> tuple[list[float], int] | None:
    """At most three frequent whole values below zero where all others are not: -9, -8, -7."""
    is_below = distinct < 0
    values, n_rows = distinct[is_below], int(rows[is_below].sum())
    are_few = 1 <= len(values) <= 3 and len(distinct) >= 10 and bool((values == np.rint(values)).all())
    return (values.tolist(), n_rows) if are_few and n_rows >= max(5, 0.005 * rows.sum()) else None


def _outwards(low: float, high: float) -> tuple[float, float]:
    """The range seen, rounded outwards to its first digit; nothing below zero where nothing was.

    Examples
    --------
    >>> _outwards(19, 75), _outwards(-165_580, 964_511), _outwards(0.0542, 0.2459)
    ((10.0, 80.0), (-200000.0, 1000000.0), (0.05, 0.25))
    >>> _outwards(20_200_101, 20_200_128)
    (20200100.0, 20200130.0)
    """
    places = -math.floor(math.log10((high - low) / 2)) if high > low else 0
    step = 10.0**-places
    # Rounded against the noise of floats, which must not put the value seen outside.
    lowest, highest = round(math.floor(low / step) * step, places), round(math.ceil(high / step) * step, places)
    return min(lowest, low), max(highest, high)


def _is_amount_lent(column: Column) -> bool:
    return column.field.role == "feature" and column.field.is_numeric and telltale.is_amount_lent(column.header)


# The file


def _document(found: Inference) -> str:
    schema = found.schema
    n_to_decide = len(found.to_decide)
    head = [
        f"{schema.title}: a first schema, worked out from the table itself.",
        "It can be trained with as it is. Before anybody lends by it, read it through: "
        f"DECIDE stands beside the costs and {counted(n_to_decide, 'field')}.",
        "",
        "role: feature    a model may use it",
        "      protected  kept from the model, used to check that it treats all groups alike",
        "      id         the client's number;  time  the date of application;  excluded  not read at all",
        "label is what people see: a code is shown as it is until its label says what it means.",
        "A value beyond minimum and maximum, or not among the categories, sends the application to a person; text in a",
        "number, or nothing where is_required, keeps it from being scored.",
    ]
    top = {"name": schema.name, "title": schema.title}
    parts = [
        _comments(head),
        tomli_w.dumps(top),
        _comments(["The currency shown, such as EUR, and how many months after granting the outcome was taken."]),
        '# currency = "EUR"\n',
        "# horizon_months = 12\n",
        _comments(["The field with what is lent, for the expected loss beside each verdict."]),
        f"amount_field = {_quoted(schema.amount_field)}\n" if schema.amount_field else '# amount_field = ""\n',
        _comments(["If your applicants default more or less often than this table: the share of bads among them."]),
        "# portfolio_bad_rate = 0.03\n\n",
        "[target]\n",
        _comments(found.outcome),
        tomli_w.dumps(compact(asdict(schema.target), Target)),
        "\n[costs]\n",
        _comments(["DECIDE: what a mistake costs, in units of one good applicant declined. These are only examples."]),
        tomli_w.dumps(asdict(schema.costs)),
    ]
    parts += [_field_block(column) for column in found.columns]
    return "".join(parts)


def _field_block(column: Column) -> str:
    body = compact(asdict(replace(column.field, categories=())), Field)
    head = [f"'{shorten(column.header, 60)}': {column.looks}."]
    if column.decide:
        head.append(f"{'Left out' if column.flag in SETTLED else 'DECIDE'}: {column.decide}")
    rows = dict(column.counts)
    lines = [
        f"    {{ {', '.join(f'{key} = {_inline(value)}' for key, value in compact(asdict(category)).items())} }},"
        f"  # {rows[category.value]:,} rows\n"
        for category in column.field.categories
    ]
    categories = f"categories = [\n{''.join(lines)}]\n" if lines else ""
    return f"\n[[fields]]\n{_comments(head)}{tomli_w.dumps(body)}{categories}"


def _comments(lines: Sequence[str]) -> str:
    return "".join(f"# {_CONTROL.sub(' ', line)}".rstrip() + "\n" for line in lines)


def _inline(value: str | list[str]) -> str:
    return _quoted(value) if isinstance(value, str) else "[" + ", ".join(map(_quoted, value)) + "]"


def _quoted(text: str) -> str:
    return tomli_w.dumps({"x": text}).removeprefix("x = ").rstrip("\n")


def _plain(value: float) -> str:
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:,g}"
