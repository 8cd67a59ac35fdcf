"""Lines of a file that hold no client: a template's example, names once more, and totals and notes below the table."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

import polars as pl

from creditrisk.quality.amounts import ISO_CODES
from creditrisk.quality.numbers import plain
from creditrisk.sources import RawTable

# So many rows at the end may be totals and notes.
MAX_BELOW = 20
# In longer tables nobody adds up: it would take as long as reading them.
MAX_ROWS_ADDED = 200_000
# What a template's example has in place of a client's number, in its first column.
EXAMPLE_CLIENT = "EXAMPLE: replace this row"
EXAMPLE = "the line is the example of the template, no client"
NAMES_AGAIN = "the line holds the names of the columns once more"
TOTALS = "the line seems to hold totals, no client"
UNITS = "the line seems to hold units or types, no client"
NOTE = "the line seems to hold a note, no client"
_TOTAL = re.compile(
    r"(grand\s+|genel\s+|sub-?\s*|sous-?\s*)?(totals?|totale?s?|totaux|totaal|sums?|summa|summe|zwischensumme"
    r"|gesamt(summe|ergebnis)?|ergebnis|insgesamt|suma|soma|somme|razem|ogółem|celkem|összesen|toplam|jumlah|yhteensä"
    r"|i alt|итого|всего|averages?|avg|means?|durchschnitt|mittelwert|moyenne|promedio|m[ée]dia|gennemsnitt|medians?"
    r"|counts?|anzahl|nombre|minimum|maximum|min|max|std\s?dev|checksum|control total|σ|ø|合[計计]|总计|總計)(?!\w)"
    r"(\s*[:=].*|\s+\S+)?",
    re.IGNORECASE,
)
_UNIT = re.compile(
    rf"[(\[]?(in\s+)?(%|[€$£¥₹]|{'|'.join(ISO_CODES)}|T€|k€|months?|years?|days?|monate?|jahre?|tage?|mois|ans"
    r"|text|string|str|char|varchar|numeric|number|num|int(eger|64)?|bigint|float(64)?|double|decimal|date(time)?"
    r"|bool(ean)?|flag|object"
    r"|category|categorical|code|0\s?/\s?1|y\s?/\s?n|yes\s?/\s?no|yyyy-mm-dd"
    r"|(dd|mm)[./-](dd|mm)[./-]yyyy|sign)(\(\d+(,\d+)?\))?[)\]]?",
    re.IGNORECASE,
)
_RULE = re.compile(r"[-=_*─═ ]{3,}")
# Footers of pages, and what programs say of how much they wrote.
_FOOTER = re.compile(
    r"(page|seite|página|pagina|strona|blatt)\s+\d+(\D{1,9}\d+)?|\(?\d[\d,.]* rows?\b.*", re.IGNORECASE
)
_NOTE = re.compile(r"(?=.*[^\W\d_]{2})(?=.*(\s|:|©|\*)).{8,}", re.DOTALL)
_FEWEST_UNITS = 2
_LOOKED_AT = 1_000
_ROWS_ADDED = 3
_COLUMNS_ADDED = 8
# More rows than this share without a last cell are clients.
MAX_BETWEEN = 0.1
# In narrower tables a cell may well be alone in its row.
_WIDE = 3


def no_clients(raw: RawTable) -> dict[int, str]:
    """What is said of each row, by its index in the frame, that holds no client.

    Examples
    --------
    >>> from creditrisk.sources import parse_table
    >>> content = b"name,income,age\\nAda,10,36\\nname,income,age\\nBob,5,40\\nTotal,15,\\n"
    >>> table = parse_table(content, filename="x.csv")
    >>> sorted(no_clients(table))
    [1, 3]
    """
    if not raw.has_lines or not raw.frame.width:
        return {}
    found: dict[int, str] = {}
    first = raw.frame.to_series(0)
    if raw.has_names and first.dtype == pl.String:
        names = tuple(raw.frame.columns)
        found = dict.fromkeys((first == EXAMPLE_CLIENT).arg_true(), EXAMPLE)
        found |= {row: NAMES_AGAIN for row in (first == names[0]).arg_true() if raw.frame.row(row) == names}
        found |= _between(raw.frame, first)
        if raw.first_row == 1 and raw.frame.height > 1 and are_units(raw.frame):
            found[0] = UNITS
    for row in range(raw.frame.height - 1, max(-1, raw.frame.height - 1 - MAX_BELOW), -1):
        said = found.get(row) or _said_of(row, raw.frame)
        if not said:
            break
        found[row] = said
    return found


def _between(frame: pl.DataFrame, first: pl.Series) -> dict[int, str]:
    """Totals, footers and titles between the clients: something in the first cell, and in most others nothing.

    Only the first cells of rows whose last one is empty are looked at.
    """
    last = frame.to_series(-1)
    if frame.width < _WIDE or last.dtype != pl.String:
        return {}
    open_rows = (last == "").arg_true() if last.is_null().sum() == 0 else ((last == "") | last.is_null()).arg_true()
    if not 0 < len(open_rows) <= MAX_BETWEEN * frame.height:
        return {}
    found = {}
    for row in open_rows.filter(first.gather(open_rows).fill_null("") != "").to_list():
        cells = _texts(row, frame)
        n_filled = sum(map(bool, cells))
        if _TOTAL.fullmatch(cells[0]) and n_filled < len(cells):
            found[row] = TOTALS
        elif n_filled == 1 and (_FOOTER.fullmatch(cells[0]) or _NOTE.fullmatch(cells[0]) or _RULE.fullmatch(cells[0])):
            found[row] = NOTE
    return found


def without_no_clients(raw: RawTable) -> tuple[RawTable, tuple[int, ...]]:
    """The table without such rows, and the lines they stand on."""
    out = no_clients(raw)
    if not out:
        return raw, ()
    kept = [row for row in range(raw.frame.height) if row not in out]
    place = {row + 1: number for number, row in enumerate(kept, start=1)}
    ragged = {place[number]: n_cells for number, n_cells in raw.ragged.items() if number in place}
    table = replace(raw, frame=raw.frame[kept], lines=[raw.lines[row] for row in kept], ragged=ragged)
    return table, tuple(raw.lines[row] for row in sorted(out))


def are_units(frame: pl.DataFrame) -> bool:
    """Whether the first line below the names says what the columns hold: units, types, ways to write a date.

    Examples
    --------
    >>> [are_units(pl.DataFrame({"a": [a], "b": [b]})) for a, b in (("EUR", "years"), ("date", "12"), ("", "text"))]
    [True, False, False]
    """
    filled = [cell for cell in _texts(0, frame) if cell]
    n_units = sum(map(bool, map(_UNIT.fullmatch, filled)))
    if len(filled) < _FEWEST_UNITS or n_units <= len(filled) / 2 or any(plain(cell) is not None for cell in filled):
        return False
    # What stands below as well is an answer.
    below = frame[1:_LOOKED_AT]
    return not any(cell and (below[name] == cell).any() for name, cell in zip(frame.columns, frame.row(0), strict=True))


def _said_of(row: int, frame: pl.DataFrame) -> str:
    """What the last row but those found is, if it is no client's."""
    cells = _texts(row, frame)
    filled = [cell for cell in cells if cell]
    if not filled:
        return ""
    if all(map(_RULE.fullmatch, filled)):
        return NOTE
    is_total = _TOTAL.fullmatch(filled[0]) is not None
    is_among_numbers = is_total and filled[0] == cells[0] and _are_numbers_above(row, frame)
    if (is_total and (len(filled) < len(cells) or is_among_numbers)) or _adds_up(cells, row, frame):
        return TOTALS
    if len(filled) > 1 or len(cells) < _WIDE:
        return ""
    is_note = _FOOTER.fullmatch(filled[0]) or (cells[0] != "" and _NOTE.fullmatch(filled[0]))
    return NOTE if is_note else ""


def _are_numbers_above(row: int, frame: pl.DataFrame) -> bool:
    """Whether the first cells of the rows just above one are numbers."""
    above = frame.to_series(0)[max(0, row - _ROWS_ADDED) : row]
    return len(above) == _ROWS_ADDED and all(plain(str(cell or "")) is not None for cell in above)


def _adds_up(cells: Sequence[str], row: int, frame: pl.DataFrame) -> bool:
    """Whether at least two numbers of a row, and half of them, are the sums of what stands above them."""
    if not _ROWS_ADDED <= row <= MAX_ROWS_ADDED:
        return False
    if not _may_add_up(cells, [_texts(row - above, frame) for above in range(1, _ROWS_ADDED + 1)]):
        return False
    n_tried = n_sums = 0
    for name, cell in zip(frame.columns, cells, strict=True):
        number = plain(cell)
        if not number or n_tried == _COLUMNS_ADDED:
            continue
        above = frame[name][:row].cast(pl.Float64, strict=False)
        if above.null_count() < row:
            n_tried += 1
            largest, total = float(above.max()), float(above.sum())  # type: ignore[arg-type]  # numbers
            n_sums += int(number > largest and abs(number - total) <= 1e-6 * abs(number))
    return n_sums > 1 and 2 * n_sums >= n_tried


def _may_add_up(cells: Sequence[str], above: Sequence[Sequence[str]]) -> bool:
    """Whether at least two numbers, and half of them, are as large as those just above them together."""
    n_numbers = n_large = 0
    for cell, *others in zip(cells, *above, strict=True):
        if number := plain(cell):
            n_numbers += 1
            n_large += number >= sum(abs(plain(other) or 0.0) for other in others)
        if n_numbers == _COLUMNS_ADDED:
            break
    return n_large > 1 and 2 * n_large >= n_numbers


def _texts(row: int, frame: pl.DataFrame) -> list[str]:
    return ["" if cell is None else str(cell).strip() for cell in frame.row(row)]
