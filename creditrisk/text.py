"""Numbers and foreign texts in sentences and files: one row, two rows; no sign before a zero; no formula in a cell."""

from __future__ import annotations

from datetime import UTC, datetime

import polars as pl

# More than any figure of ours has; two that differ only beyond are the same.
_MOST_PLACES = 9


def per_cent(share: float, places: int = 1) -> str:
    """A share in per cent, to a tenth unless said otherwise."""
    return f"{100 * share:.{places}f} %"


# Where a spreadsheet begins a cell, whichever of these characters it divides cells by: blanks (some have no width)
# and quotation marks do not hide the sign behind them. The signs that begin a formula, in all their widths.
_CELL_START = r"(?:^|[;,|:~^；，｜：\x00-\x1F\x{85}\x{2028}\x{2029}])[\s\x{200B}-\x{200F}\x{2060}\x{FEFF}\x22]*"
_FORMULA_SIGN = r"[-=+@＝＋－＠﹦﹢﹣﹫⁼⁺₌₊]"


def escape_formula(text: pl.Expr) -> pl.Expr:
    """The text as it may go into a CSV file: a spreadsheet shows it and does not run it.

    An apostrophe goes in front of every sign that could begin a formula: at the start of the text, and after each
    character that a spreadsheet may be told to divide cells by: , ; | : ~ ^ and every control and end of a line. Not
    after blanks, which divide the words of any text.

    Examples
    --------
    >>> pl.Series(["=1+1", "x; -1", "a=b"]).to_frame("cell").select(escape_formula(pl.col("cell")))["cell"].to_list()
    ["'=1+1", "x; '-1", 'a=b']
    """
    return text.str.replace_all(f"({_CELL_START})({_FORMULA_SIGN})", "${1}'${2}")


def shorten(text: str, width: int = 40) -> str:
    """The text on one line and at most `width` characters long, for a sentence; what cannot be printed is a blank.

    Examples
    --------
    >>> shorten("a value that\\nnever ends", 14)
    'a value that …'
    >>> shorten("red \\x1b[31m\\x00 alert")
    'red [31m alert'
    """
    if not text.isprintable():
        # Signs that would steer a terminal, turn a line around, or be refused by a database.
        text = "".join(sign if sign.isprintable() else " " for sign in text)
    text = " ".join(text.split())
    return text if len(text) <= width else text[: width - 1] + "…"


def sentence(text: str) -> str:
    """The text with a capital first letter.

    Examples
    --------
    >>> sentence("the log is away.")
    'The log is away.'
    """
    return text[:1].upper() + text[1:]


def moment_words(at: datetime) -> str:
    """A time in UTC, to the minute.

    Examples
    --------
    >>> moment_words(datetime.fromisoformat("2026-10-02T10:05:00+02:00"))
    '2 Oct 2026, 08:05 UTC'
    """
    at = at.astimezone(UTC)
    return f"{at.day} {at:%b %Y, %H:%M} UTC"


def counted(n: int, one: str, several: str = "") -> str:
    """A number and what it counts, in the singular for one.

    Examples
    --------
    >>> counted(1, "row"), counted(1_200, "row"), counted(2, "row has", "rows have")
    ('1 row', '1,200 rows', '2 rows have')
    """
    return f"{n:,} {one if n == 1 else several or one + 's'}"


def number(value: float, places: int) -> str:
    """A number to so many places; a zero, written out, has no sign.

    Examples
    --------
    >>> number(-1e-9, 4), number(-0.5, 1), number(1_234.5, 1)
    ('0.0000', '-0.5', '1,234.5')
    """
    return signed(value, places).removeprefix("+")


def distinct(*values: float, places: int) -> tuple[str, ...]:
    """Numbers that stand side by side, to so many places, or to as many more as it takes to tell them apart.

    What differs is not written alike, and nothing but a zero is written as one.

    Examples
    --------
    >>> distinct(0.4051, 0.0034, places=2), distinct(0.2504, 0.25, places=2), distinct(0.3, 0.0, places=2)
    (('0.405', '0.003'), ('0.2504', '0.2500'), ('0.30', '0.00'))
    """
    for n_places in range(places, _MOST_PLACES):
        written = tuple(number(value, n_places) for value in values)
        by_text = dict(zip([*written, number(0.0, n_places)], [*values, 0.0], strict=True))
        if all(by_text[text] == value for text, value in zip(written, values, strict=True)):
            return written
    return tuple(number(value, places) for value in values)


def shares_in_per_cent(*shares: float, places: int) -> tuple[str, ...]:
    """Shares that stand side by side, as `distinct` writes numbers; all is written of nothing but all.

    Examples
    --------
    >>> shares_in_per_cent(0.031, 0.034, places=0), shares_in_per_cent(0.996, 1.0, places=0)
    (('3.1 %', '3.4 %'), ('99.6 %', '100.0 %'))
    """
    written = distinct(*(100 * share for share in shares), 100.0, places=places)
    return tuple(f"{text} %" for text in written[:-1])


def plain_number(value: float) -> str:
    """A number as people write it: no decimals where there are none.

    Examples
    --------
    >>> plain_number(1_200.0), plain_number(0.25)
    ('1,200', '0.25')
    """
    return f"{value:,.0f}" if float(value).is_integer() else f"{value:,g}"


# One of what is counted, where it is not the plural less an s.
_ONE_OF = {"people": "person", "children": "child", "men": "man", "women": "woman"}


def singular(unit: str) -> str:
    """A unit as it stands behind 1; one that is no plural stays as it is.

    Examples
    --------
    >>> singular("payments"), singular("enquiries"), singular("people"), singular("years in a job"), singular("DM")
    ('payment', 'enquiry', 'person', 'year in a job', 'DM')
    """
    first, blank, rest = unit.partition(" ")
    if first.endswith("ies") and len(first) > 4:
        one = f"{first[:-3]}y"
    elif first.endswith("s") and not first.endswith("ss"):
        one = first[:-1]
    else:
        one = first
    return f"{_ONE_OF.get(first, one)}{blank}{rest}"


def within_sentence(label: str) -> str:
    """A label as it stands within a sentence: with a small letter, unless it begins with letters that stand for words.

    Examples
    --------
    >>> within_sentence("Time in present job"), within_sentence("FICO score"), within_sentence("A"), within_sentence("")
    ('time in present job', 'FICO score', 'a', '')
    """
    return label if label[1:2].isupper() or label[1:2].isdigit() else label[:1].lower() + label[1:]


def push_words(push: float) -> str:
    """How far something moves a PD, as a natural frequency; less than 1 of 100 to a tenth.

    Examples
    --------
    >>> push_words(0.112), push_words(-0.034), push_words(0.0041), push_words(0.0097)
    ('+11 of 100', '-3 of 100', '+0.4 of 100', '+1 of 100')
    """
    size = push_size(push)
    sign = ("+" if push > 0 else "-") if any(digit in size.partition(" ")[0] for digit in "123456789") else ""
    return f"{sign}{size}"


def push_size(push: float) -> str:
    """How far something moves a PD, whichever way.

    Examples
    --------
    >>> push_size(-0.112), push_size(0.0041), push_size(0.0)
    ('11 of 100', '0.4 of 100', '0.0 of 100')
    """
    tenths = round(1_000 * abs(push))
    return f"{tenths / 10:.1f} of 100" if tenths < 10 else f"{round(100 * abs(push))} of 100"


def month_word(month: int) -> str:
    """A month, counted from the year 0, as people write it.

    Examples
    --------
    >>> month_word(12 * 2024 + 11)
    '2024-12'
    """
    return f"{month // 12:04d}-{month % 12 + 1:02d}"


def signed(value: float, places: int) -> str:
    """A number with its sign; a zero, written out, has none.

    Examples
    --------
    >>> signed(0.01234, 4), signed(-0.00001, 4), signed(-0.1, 1)
    ('+0.0123', '0.0000', '-0.1')
    """
    written = f"{value:+,.{places}f}"
    return written if any(digit in written for digit in "123456789") else written[1:]
