"""Families of models behind one small protocol; one module each, imported only when it is used.

A family module has `fit(matrix, target, encoder, *, seed, threads)` and `load(folder, encoder)`; both give a `Model`.
Adding a family is adding a module and its name here, in the order from simple to complex (a tie goes to the simpler).
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Protocol, cast

from creditrisk.encoding import Encoder, FloatArray, IntArray

FAMILIES = ("logistic_regression", "lightgbm", "dnn", "blend")


class Model(Protocol):
    """A fitted model. Every row's result depends on that row alone, to the last bit, whatever else is in the batch."""

    @property
    def family(self) -> str:
        """The name of its family, as in `FAMILIES`."""

    def log_odds(self, matrix: FloatArray) -> FloatArray:
        """Uncalibrated log-odds of default, shape (n_rows,), from the encoder's matrix (n_rows, n_fields)."""

    def contributions(self, matrix: FloatArray) -> FloatArray:
        """What each field adds to the log-odds, shape (n_rows, n_fields + 1); the last column is the base value."""

    def save(self, folder: Path) -> None:
        """Write the model as plain files, named `model.*`, without pickle."""


class Family(Protocol):
    """What a family's module offers."""

    def fit(self, matrix: FloatArray, target: IntArray, encoder: Encoder, *, seed: int, threads: int) -> Model:
        """Fit on the encoder's matrix and a target of 0 (good) and 1 (bad)."""

    def load(self, folder: Path, encoder: Encoder) -> Model:
        """Read a model written by `Model.save`."""


def family(name: str) -> Family:
    """The module of a family, imported now."""
    return cast(Family, import_module(f"{__name__}.{name}"))
