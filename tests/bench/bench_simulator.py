"""How fast applicants are simulated: `.venv/bin/python tests/bench/bench_simulator.py`.

Seconds depend on the machine, so the figure to compare is the ratio to drawing as many normal numbers on it.
"""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter

import numpy as np

from creditrisk.simulator import simulate

N = 100_000
REPEATS = 7


def fastest(work: Callable[[], object]) -> float:
    """Seconds of the fastest of several runs, the one least disturbed by others."""
    seconds = []
    for _ in range(REPEATS):
        begin = perf_counter()
        work()
        seconds.append(perf_counter() - begin)
    return min(seconds)


def main() -> None:
    rng = np.random.default_rng(0)
    simulated = fastest(lambda: simulate(N))
    drawn = fastest(lambda: rng.standard_normal(N))
    print(f"{N:,} applicants in {simulated:.2f} s: {N / simulated:,.0f} a second")
    print(f"{simulated / drawn:,.0f} times as long as drawing {N:,} normal numbers ({drawn * 1_000:.2f} ms)")


if __name__ == "__main__":
    main()
