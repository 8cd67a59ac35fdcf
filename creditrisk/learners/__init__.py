"""Families of models behind one small protocol; one module each, imported only when it is used.

A family module has the functions of `Family`, and the number `COMPLEXITY` by which families stand from simple to
complex (a tie goes to the simpler). Adding a family is adding a module: whatever lies in this package is a family,
unless its name starts with an underscore. A blend has `members(n_rows)` and `combine(models)` in place of settings and
`fit`.
"""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING, Any, cast

from creditrisk.arrays import FloatArray, IntArray
from creditrisk.encoding import Encoder
from creditrisk.learners._log_mean import LogMean
from creditrisk.learners._protocol import Family, Model, Parameters

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = [
    "FAMILIES",
    "LogMean",
    "Model",
    "Parameters",
    "family",
    "fit",
    "is_blend",
    "members_fitted",
    "members_of",
    "steps_per_client",
]


def family(name: str) -> Family:
    """The module of a family, imported now."""
    return cast(Family, import_module(f"{__name__}.{name}"))


def members_of(name: str, n_rows: int) -> tuple[str, ...]:
    """The families a family is blended of on a table with so many rows; itself, if it is fitted by itself."""
    module: Any = family(name)
    return tuple(module.members(n_rows)) if is_blend(name) else (name,)


def members_fitted(model: Model) -> tuple[Model, ...]:
    """The models a fitted blend is made of; itself, if it is made of none."""
    members: tuple[Model, ...] = getattr(model, "members", (model,))
    return members


def is_blend(name: str) -> bool:
    """Whether a family is made of others."""
    return hasattr(family(name), "combine")


def steps_per_client(parameters: Mapping[str, Parameters]) -> float:
    """What a model costs to score with, by the settings of itself or, if it is a blend, of each of its members.

    In nodes of trees a client, counted and not timed, so that the same rows and seed choose the same model on every
    machine.
    """
    return sum(family(member).steps_per_client(settings) for member, settings in parameters.items())


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
