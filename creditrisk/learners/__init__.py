"""Families of models behind one small protocol; one module each, imported only when it is used.

A family module has the functions of `Family`, and the number `COMPLEXITY` by which families stand from simple to
complex (a tie goes to the simpler). Adding a family is adding a module: whatever lies in this package is a family,
unless its name starts with an underscore. A blend has `members(n_rows)` and `combine(models)` in place of settings and
`fit`.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from typing import TYPE_CHECKING, Any, Protocol, cast

from creditrisk.arrays import FloatArray, IntArray
from creditrisk.encoding import Encoder

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import optuna

# Settings of a fit, as they can stand in a JSON file.
Parameters = dict[str, bool | int | float | str]


class Model(Protocol):
    """A fitted model. Every row's result depends on that row alone, to the last bit, whatever else is in the batch."""

    @property
    def family(self) -> str:
        """The name of its family, as in `FAMILIES`."""

    @property
    def history(self) -> Mapping[str, Sequence[float]]:
        """Log loss after each round or epoch of the fit, by the rows it was taken on; empty if there was only one."""

    def log_odds(self, matrix: FloatArray) -> FloatArray:
        """Uncalibrated log-odds of default, shape (n_rows,), from the encoder's matrix (n_rows, n_fields)."""

    def contributions(self, matrix: FloatArray) -> FloatArray:
        """What each field adds to the log-odds, shape (n_rows, n_fields + 1); the last column is the base value."""

    def save(self, folder: Path) -> None:
        """Write the model as plain files, named `model.<family>.*`, without pickle."""


class Family(Protocol):
    """What a family's module offers."""

    COMPLEXITY: int

    def defaults(self, n_rows: int) -> Parameters:
        """Settings that do well on most tables with so many rows."""

    def suggest(self, trial: optuna.Trial, n_rows: int) -> Parameters:
        """Settings drawn from the space worth searching."""

    def fit(
        self, matrix: FloatArray, target: IntArray, encoder: Encoder, parameters: Parameters, *, seed: int
    ) -> Model:
        """Fit, on one thread, on the encoder's matrix and a target of 0 (good) and 1 (bad)."""

    def load(self, folder: Path, encoder: Encoder) -> Model:
        """Read a model written by `Model.save`."""


def family(name: str) -> Family:
    """The module of a family, imported now."""
    return cast(Family, import_module(f"{__name__}.{name}"))


def members_of(name: str, n_rows: int) -> tuple[str, ...]:
    """The families a family is blended of on a table with so many rows; itself, if it is fitted by itself."""
    module: Any = family(name)
    return tuple(module.members(n_rows)) if is_blend(name) else (name,)


def is_blend(name: str) -> bool:
    """Whether a family is made of others."""
    return hasattr(family(name), "combine")


def fit(
    name: str,
    parameters: Mapping[str, Parameters],
    matrix: FloatArray,
    target: IntArray,
    encoder: Encoder,
    *,
    seed: int,
) -> Model:
    """Fit a family with the settings of itself or, if it is a blend, of each of its members."""
    models = {
        member: family(member).fit(matrix, target, encoder, settings, seed=seed)
        for member, settings in parameters.items()
    }
    module: Any = family(name)
    fitted: Model = module.combine(models) if is_blend(name) else models[name]
    return fitted


FAMILIES = tuple(
    sorted(
        (module.name for module in iter_modules(__path__) if not module.name.startswith("_")),
        key=lambda name: family(name).COMPLEXITY,
    )
)
