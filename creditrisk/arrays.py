"""The two kinds of array that rooms hand each other, and how loops over arrays become machine code.

Kernels are compiled by numba, at first use, and kept beside the code. Set-up and the images compile all of them once
(`python -m creditrisk.learners`), which takes seconds; afterwards they are read from `__pycache__`, as Python's own
byte code is. Both are trusted as far as the code beside them: whoever can write there can change the code as well.
Where nothing can be written, what is there is read; what is not there, or is damaged, or was made on another processor,
is compiled again for this process: that costs time, never an answer.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any, TypeVar, cast

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

_Function = TypeVar("_Function", bound=Callable[..., object])


def compiled(function: _Function) -> _Function:
    """The function as machine code; it lets other threads run meanwhile."""
    return _kernel(function, fastmath=False)


def compiled_for_sums(function: _Function) -> _Function:
    """`compiled`, where sums may be added up in another order than written: in several lanes at once.

    The order is fixed when the function is compiled, so the same numbers give the same bits each time.
    """
    return _kernel(function, fastmath={"reassoc", "contract", "nsz"})


def _kernel(function: _Function, *, fastmath: bool | set[str]) -> _Function:
    import numba

    kernel: Any = numba.njit(nogil=True, error_model="numpy", fastmath=fastmath)(function)
    # What `cache=True` sets; numba's own cache refuses to start where it finds no folder to write to.
    kernel._cache = _cache_class()(function)
    return cast(_Function, kernel)


@cache
def _cache_class() -> Any:  # numba has no types
    """Numba's cache beside the code; made late, as importing numba takes as long as all else does."""
    from numba.core.caching import CompileResultCacheImpl, FunctionCache, InTreeCacheLocator

    class BesideTheCode(InTreeCacheLocator):
        """Numba's `__pycache__` beside the code, whether or not it can be written to."""

        def ensure_cache_path(self) -> None:
            with suppress(OSError):
                Path(self._cache_path).mkdir(exist_ok=True)

    class Files(CompileResultCacheImpl):
        _locator_classes = [BesideTheCode]  # noqa: RUF012  # numba's own attribute

    class Cache(FunctionCache):
        """Numba's cache; what cannot be read counts as not there, and what cannot be written is not."""

        _impl_class = Files

        def load_overload(self, sig: Any, target_context: Any) -> Any:
            try:
                return super().load_overload(sig, target_context)  # type: ignore[no-untyped-call]  # as all of numba
            except Exception:  # a damaged file raises whatever unpickling it raises; where it can be, it is begun anew
                with suppress(OSError):
                    self.flush()  # type: ignore[no-untyped-call]  # as all of numba
                return None

        def save_overload(self, sig: Any, data: Any) -> None:
            with suppress(Exception):
                super().save_overload(sig, data)  # type: ignore[no-untyped-call]  # as all of numba

    return Cache
