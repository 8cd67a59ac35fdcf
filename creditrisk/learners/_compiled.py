"""How kernels are compiled: by numba, at first use, and kept on disk."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, cast

import numba

_Function = TypeVar("_Function", bound=Callable[..., object])


def compiled(function: _Function) -> _Function:
    """The function as machine code; it lets other threads run meanwhile."""
    return cast(_Function, numba.njit(cache=True, nogil=True, error_model="numpy")(function))


def compiled_for_sums(function: _Function) -> _Function:
    """`compiled`, where sums may be added up in another order than written: in several lanes at once.

    The order is fixed when the function is compiled, so the same numbers give the same bits each time.
    """
    may = {"reassoc", "contract", "nsz"}
    return cast(_Function, numba.njit(cache=True, nogil=True, error_model="numpy", fastmath=may)(function))
