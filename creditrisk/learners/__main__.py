"""`python -m creditrisk.learners`: compile every kernel once, at set-up and in the images, and keep it."""

from __future__ import annotations

from typing import Any

import numpy as np

from creditrisk.encoding import EncodedField, Encoder
from creditrisk.learners._boxes import Nodes
from creditrisk.learners._network_fit import N_NETWORKS
from creditrisk.learners._trees import Ensemble
from creditrisk.learners.dnn import DNNModel
from creditrisk.sources import parse_table


def compile_kernels() -> None:
    """Score and explain two rows with a stump and with networks of one input; read a text as large ones are."""
    of_nodes = [1, -1, -1], [2, -1, -1], [0, 0, 0], [5.0, 0.0, 0.0], [True, False, False], [0.0, 1.0, 2.0]
    stump = Ensemble(Nodes(*(np.array(values) for values in of_nodes)))
    rows = np.zeros((2, 1))
    stump.sums(rows)
    stump.explained(rows, rows[0])
    _networks().explained(rows, rows[0])
    parse_table(b"a,b\n" + b"1,2\n" * 20_000, filename="rows.csv")


def _networks() -> DNNModel:
    shapes = {
        "bin_low": (1, 1),
        "bin_width": (1, 1),
        "embedding": (1, 1, 1),
        "embedding_bias": (1, 1),
        "weights": (1, 1),
        "scale_in": (N_NETWORKS, 1),
        "scale_out": (N_NETWORKS, 1),
        "hidden_bias": (N_NETWORKS, 1),
        "output": (N_NETWORKS, 1),
        "output_bias": (N_NETWORKS,),
    }
    arrays: dict[str, Any] = {name: np.ones(shape) for name, shape in shapes.items()}
    return DNNModel(Encoder((EncodedField("number"),)), **arrays)


if __name__ == "__main__":
    compile_kernels()
