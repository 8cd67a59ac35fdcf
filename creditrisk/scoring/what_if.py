"""What would change a verdict: the smallest change of a single field that leads to a better one, scored, not guessed.

Every candidate is scored by the scorer itself, so what is promised is what comes out when the changed application is
scored. A candidate changes one field; the others stay as they are, those too that would move along in life, such as an
instalment worked out from the amount.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, cast

import numpy as np
import polars as pl

from creditrisk.metrics import Profile
from creditrisk.schema import Field, Schema
from creditrisk.scoring.decision import VERDICTS, Verdict
from creditrisk.scoring.scorer import Scorer

# Of one field, one way: so many are scored at once. The first round spreads them over the whole way; the second looks
# closely where the first one found a better verdict.
CANDIDATES = 16
# A number has at most so many steps from the lowest to the highest value of the reference rows.
MOST_STEPS = 200
# Fields that are looked at, in the order of the schema.
MOST_FIELDS = 6
# Words in the name of a field of months that say that it is how long the loan runs.
_TERM = ("term", "duration")

Value = float | str


@dataclass(frozen=True, slots=True)
class WhatIf:
    """One field with another value, and what the scorer made of the application with it.

    `prob_default` is 0 to 1, `low` and `high` the ends of its likely range.
    """

    field: Field
    value: Value
    verdict: str
    prob_default: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class _Way:
    """The values a field could take, one way from where it stands, the nearest first."""

    field: Field
    values: tuple[Value, ...]

    def spread(self) -> list[int]:
        """The places of the first round, the first and the last among them."""
        return _thinned(0, len(self.values))


class _Found(NamedTuple):
    """A place on a way, what came of it, and its verdict's rank, 0 for the best."""

    rank: int
    place: int
    what_if: WhatIf

    @classmethod
    def at(cls, place: int, what_if: WhatIf) -> _Found:
        return cls(VERDICTS.index(cast(Verdict, what_if.verdict)), place, what_if)


def changeable_fields(schema: Schema) -> tuple[Field, ...]:
    """The features a client could ask to have otherwise: as marked, or the amount and the term where none is."""
    marked = tuple(field for field in schema.features if field.is_changeable)
    if marked:
        return marked[:MOST_FIELDS]
    return tuple(
        field
        for field in schema.features
        if field.is_numeric
        and (
            field.name == schema.amount_field
            or (field.unit == "months" and any(word in field.name.lower() for word in _TERM))
        )
    )


def ask(scorer: Scorer, application: pl.DataFrame, field: Field, value: Value) -> WhatIf:
    """What the scorer makes of an application, a table of one row, with another value in one field."""
    [found] = _asked(scorer, application, [(field, value)])
    return found


def what_would_change(scorer: Scorer, application: pl.DataFrame, verdict: str) -> list[WhatIf]:
    """For each field a client could change, the smallest change that leads to a better verdict.

    An offer is looked for first, and only where no change of the field leads to one, a referral in place of a decline.
    A number moves in steps of its own: those that all reference rows keep to, but no smaller than a 200th of their
    range, and within it; money that is asked for or owed only becomes less, and a field with a sign only moves to the
    safer side. A model may turn back and forth between two steps of the first round; of such a turn the nearer end may
    be missed, never a promise broken.

    Parameters
    ----------
    application
        One row as it was scored, see `Scorer.score`.
    verdict
        What it got.

    Returns
    -------
    list of WhatIf
        At most one a field, offers first, then by the risk. Empty if none exists.
    """
    [now] = application.to_dicts()
    ways = [way for field in changeable_fields(scorer.schema) for way in _ways(field, now[field.name], scorer)]
    places = [way.spread() for way in ways]
    found = _ranked(scorer, application, ways, places)
    closer: list[list[int]] = []
    for way_found in found:
        best = min(item.rank for item in way_found)
        if best >= VERDICTS.index(cast(Verdict, verdict)):
            way_found.clear()
            closer.append([])
            continue
        at = next(number for number, item in enumerate(way_found) if item.rank == best)
        closer.append(_thinned(way_found[at - 1].place + 1 if at else 0, way_found[at].place))
    nearest: dict[str, _Found] = {}
    for way, early, late in zip(ways, found, _ranked(scorer, application, ways, closer), strict=True):
        if early:
            known = [nearest[way.field.name]] if way.field.name in nearest else []
            nearest[way.field.name] = min([*known, *early, *late], key=lambda item: (item.rank, item.place))
    return [item.what_if for item in sorted(nearest.values(), key=lambda item: (item.rank, item.what_if.prob_default))]


def _thinned(first: int, stop: int) -> list[int]:
    """The places from the first to before the stop, or so many of them, from end to end, as are scored at once."""
    places = np.arange(first, stop)
    if len(places) > CANDIDATES:
        places = np.unique(np.linspace(first, stop - 1, CANDIDATES).round().astype(int))
    return [int(place) for place in places]


def _ranked(
    scorer: Scorer, application: pl.DataFrame, ways: Sequence[_Way], places: Sequence[Sequence[int]]
) -> list[list[_Found]]:
    """What was found at these places of each way, all scored in one call."""
    changes = [(way.field, way.values[place]) for way, own in zip(ways, places, strict=True) for place in own]
    answers = iter(_asked(scorer, application, changes))
    return [[_Found.at(place, next(answers)) for place in own] for own in places]


def _asked(scorer: Scorer, application: pl.DataFrame, changes: Sequence[tuple[Field, Value]]) -> list[WhatIf]:
    """All changes scored in one call."""
    if not changes:
        return []
    rows = application[[0] * len(changes)]
    columns = []
    for name in dict.fromkeys(field.name for field, _ in changes):
        [now] = application[name].to_list()
        values = [value if field.name == name else now for field, value in changes]
        columns.append(pl.Series(name, values, dtype=application.schema[name], strict=False))
    scored = scorer.score(rows.with_columns(columns))
    figures = scored.select("verdict", "prob_default", "prob_default_low", "prob_default_high").rows()
    return [WhatIf(field, value, *row) for (field, value), row in zip(changes, figures, strict=True)]


def _ways(field: Field, now: object, scorer: Scorer) -> Iterator[_Way]:
    """The values a field could take instead, one way and the other; none for what is not given, which is asked for."""
    if now is None:
        return
    if field.type == "category":
        others = [item.value for item in field.categories if item.value != now]
        if field.is_ordered and now in (known := [item.value for item in field.categories]):
            at = known.index(str(now))
            yield from (_Way(field, tuple(part)) for part in (known[:at][::-1], known[at + 1 :]) if part)
        elif others:
            yield _Way(field, tuple(others))
        return
    if not isinstance(now, int | float):
        return
    step, low, high = _steps(field, scorer.profile)
    if step <= 0:
        return
    down = np.arange(math.ceil(now / step) - 1, math.ceil(low / step) - 1, -1) * step
    up = np.arange(math.floor(now / step) + 1, math.floor(high / step) + 1) * step
    is_money = bool(scorer.schema.currency) and field.unit == scorer.schema.currency
    is_less = field.sign == "+" or field.name == scorer.schema.amount_field or (is_money and field.sign != "-")
    for values, is_meant in ((down, field.sign != "-"), (up, not is_less)):
        if is_meant and len(values):
            yield _Way(field, tuple(round(float(value), 9) for value in values[: 2 * MOST_STEPS]))


def _steps(field: Field, profile: Profile) -> tuple[float, float, float]:
    """The step of a number, and the lowest and highest value it could take; a step of 0: nothing is known of it."""
    entry = profile["fields"][field.name]
    if entry["type"] != "numeric" or entry["low"] is None or entry["high"] is None:
        return 0.0, 0.0, 0.0
    low, high = entry["low"], entry["high"]
    if field.minimum is not None:
        low = max(low, field.minimum)
    if field.maximum is not None:
        high = min(high, field.maximum)
    if high <= low:
        return 0.0, 0.0, 0.0
    least = (high - low) / MOST_STEPS
    known = [entry["low"], entry["high"], *entry["grid"]]
    own = math.gcd(*map(int, known)) if all(value.is_integer() for value in known) else 0
    if own and own >= least:
        return float(own), low, high
    power = 10.0 ** math.floor(math.log10(least))
    step = next(power * digit for digit in (1, 2, 5, 10) if power * digit >= least * (1 - 1e-9))
    return max(step, 1.0) if field.type == "integer" else step, low, high
