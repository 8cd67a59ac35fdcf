"""`python -m creditrisk.learners`: compile every kernel once, at set-up and in the images, and keep it."""

from __future__ import annotations

import numpy as np

from creditrisk.learners._boxes import Nodes
from creditrisk.learners._trees import Ensemble


def compile_kernels() -> None:
    """Add up and explain a stump."""
    of_nodes = [1, -1, -1], [2, -1, -1], [0, 0, 0], [5.0, 0.0, 0.0], [True, False, False], [0.0, 1.0, 2.0]
    rows = np.zeros((2, 1))
    stump = Ensemble(Nodes(*(np.array(values) for values in of_nodes)))
    stump.sums(rows)
    stump.explained(rows, rows[0])


if __name__ == "__main__":
    compile_kernels()
