"""What a family of models and a fitted model offer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from creditrisk.arrays import FloatArray, IntArray
from creditrisk.encoding import Encoder

if TYPE_CHECKING:
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

    def explained(self, matrix: FloatArray, reference: FloatArray) -> tuple[FloatArray, FloatArray]:
        """The same log-odds to the last bit, and what sets each row apart from one reference applicant.

        Parameters
        ----------
        reference
            An encoded applicant like the rows of the matrix, shape (n_fields,).

        Returns
        -------
        tuple
            Log-odds, shape (n_rows,), and contributions, (n_rows, n_fields), a row of which adds up to its log-odds
            less those of the reference.
        """

    def save(self, folder: Path) -> None:
        """Write the model as plain files, named `model.<family>.*`, without pickle."""


@dataclass(frozen=True)
class Fitted:
    """What every model keeps of its fit: `Model.history`. It is not in the files, and two models may differ in it."""

    history: Mapping[str, Sequence[float]] = field(default_factory=dict, compare=False, kw_only=True)


class Family(Protocol):
    """What a family's module offers."""

    COMPLEXITY: int

    def defaults(self, n_rows: int) -> Parameters:
        """Settings that do well on most tables with so many rows."""

    def suggest(self, trial: optuna.Trial, n_rows: int) -> Parameters:
        """Settings drawn from the space worth searching."""

    def steps_per_client(self, parameters: Parameters) -> float:
        """About how many nodes of trees a model of these settings walks through for one client."""

    def fit(
        self, matrix: FloatArray, target: IntArray, encoder: Encoder, parameters: Parameters, *, seed: int
    ) -> Model:
        """Fit, on one thread, on the encoder's matrix and a target of 0 (good) and 1 (bad)."""

    def load(self, folder: Path, encoder: Encoder) -> Model:
        """Read a model written by `Model.save`."""
