"""Reading JSON that may have been changed by somebody else: what stands there is what was meant, or it is refused.

Python's own reader takes NaN, Infinity, numbers too large to hold and the same key twice.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from creditrisk.errors import ScorerError

# No whole number of ours is longer: counts, positions and seeds.
MAX_DIGITS = 18


def read_json(text: str | bytes, what: str) -> Any:
    """JSON without NaN, Infinity, a key given twice or a number that no float holds.

    Raises
    ------
    ScorerError
        If it is anything else; `what` begins the sentence.

    Examples
    --------
    >>> read_json('{"a": [1, 2.5]}', "the example")
    {'a': [1, 2.5]}
    """
    try:
        return json.loads(
            text,
            object_pairs_hook=_without_repeats,
            parse_constant=_not_a_number,
            parse_float=_float,
            parse_int=_int,
        )
    except (ValueError, RecursionError) as exc:
        reason = "it is nested too deeply" if isinstance(exc, RecursionError) else str(exc)[:200]
        raise ScorerError(f"{what} is not the JSON that was expected: {reason}") from None


def fields(item: Any, what: str, names: Iterable[str]) -> dict[str, Any]:
    """An object with exactly these keys; ScorerError otherwise."""
    wanted = set(names)
    if not isinstance(item, Mapping) or set(item) != wanted:
        there = sorted(str(key)[:40] for key in item) if isinstance(item, Mapping) else type(item).__name__
        raise ScorerError(f"{what} must have exactly the keys {sorted(wanted)}; it has {there!s:.300}")
    return dict(item)


def number(value: Any, what: str, low: float = -math.inf, high: float = math.inf) -> float:
    """A finite number from `low` to `high`; ScorerError otherwise.

    Examples
    --------
    >>> number(3, "the example", low=0)
    3.0
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ScorerError(f"{what} must be a finite number; it is {value!r:.40}")
    if not low <= value <= high:
        raise ScorerError(f"{what} must lie between {low:g} and {high:g}; it is {value!r:.40}")
    return float(value)


def whole(value: Any, what: str, low: int = 0, high: int = 10**MAX_DIGITS) -> int:
    """A whole number from `low` to `high`; ScorerError otherwise."""
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise ScorerError(f"{what} must be a whole number from {low:,} to {high:,}; it is {value!r:.40}")
    return value


def numbers(values: Any, what: str, n: int | None = None, *, low: float = -1e300, high: float = 1e300) -> list[float]:
    """A list of finite numbers between `low` and `high`, `n` of them if given; ScorerError otherwise."""
    if not isinstance(values, list | tuple) or (n is not None and len(values) != n):
        asked = "a list of numbers" if n is None else f"a list of {n:,} numbers"
        raise ScorerError(f"{what} must be {asked}; it is {_shown(values)}")
    return [number(value, what, low, high) for value in values]


def rising(values: Sequence[float], what: str, *, strictly: bool = False) -> tuple[float, ...]:
    """Numbers in ascending order; ScorerError otherwise."""
    steps = np.diff(np.asarray(values, dtype=np.float64))
    if (steps <= 0).any() if strictly else (steps < 0).any():
        raise ScorerError(f"{what} must rise from one to the next")
    return tuple(values)


def text(value: Any, what: str) -> str:
    """A text; ScorerError otherwise."""
    if not isinstance(value, str):
        raise ScorerError(f"{what} must be a text; it is {value!r:.40}")
    return value


def array(
    values: NDArray[Any], what: str, shape: tuple[int, ...], *, low: float = -1e6, high: float = 1e6
) -> NDArray[np.float64]:
    """An array of double precision, of this shape, all of it between `low` and `high`; ScorerError otherwise."""
    if values.dtype != np.float64 or values.shape != shape:
        raise ScorerError(f"{what} must be {shape} numbers of double precision; it is {values.shape} of {values.dtype}")
    # Neither NaN nor infinity passes.
    if values.size and not (values.min() >= low and values.max() <= high):
        raise ScorerError(f"{what} must hold numbers between {low:g} and {high:g} only")
    return values


def _shown(value: Any) -> str:
    return f"a list of {len(value):,}" if isinstance(value, list | tuple) else f"{value!r:.40}"


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    parsed = dict(pairs)
    if len(parsed) < len(pairs):
        raise ValueError("a key is given twice")
    return parsed


def _not_a_number(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no number of JSON")


def _float(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise ValueError("a number is too large to hold")
    return value


def _int(digits: str) -> int:
    if len(digits) > MAX_DIGITS:
        raise ValueError(f"a whole number has {len(digits):,} digits")
    return int(digits)
