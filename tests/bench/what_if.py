"""What would change a verdict: that every chip holds what it promises, and what one costs.

The simulated lender's applications are asked about until there are as many chips as asked for. Each is scored once more
in another way, as a file of the changed applications: read, checked and scored in bulk.
"""

from __future__ import annotations

from time import process_time

import polars as pl

from creditrisk import datasets
from creditrisk.scoring import WhatIf, what_would_change
from creditrisk.settings import read_settings
from creditrisk.simulator import simulate
from creditrisk.sources import parse_upload
from riskometer.bench import champion_to_measure
from tests.bench.figure import Figure

N_CHIPS = 10_000
# Of processor, for each chip.
MOST_MS = 20.0
# One in four of those without an offer has a chip.
ROWS = 120_000
# What a simulated application has beyond what an applicant is asked.
_KNOWN_LATER = ("default", "true_prob_default", "outcome_date")


def figures(_rows: int) -> list[Figure]:
    """Chips that do not hold their promise, beside none; processor for each chip, beside the most it may take."""
    scorer = champion_to_measure(read_settings()).scorer
    accepted = simulate(ROWS, seed=11).drop(_KNOWN_LATER, strict=False).with_row_index("row_number", offset=1)
    verdicts = scorer.score(accepted)["verdict"]
    chips: list[tuple[int, WhatIf]] = []
    n_asked = 0
    started = process_time()
    for row, verdict in enumerate(verdicts):
        if verdict != "approve" and len(chips) < N_CHIPS:
            n_asked += 1
            chips += [(row, found) for found in what_would_change(scorer, accepted[row], verdict)]
    each_ms = 1e3 * (process_time() - started) / len(chips)
    changed = accepted[[row for row, _ in chips]].with_columns(row_number=pl.int_range(1, len(chips) + 1))
    for name in {found.field.name for _, found in chips}:
        values = [
            found.value if found.field.name == name else now
            for (_, found), now in zip(chips, changed[name], strict=True)
        ]
        changed = changed.with_columns(pl.Series(name, values, dtype=changed.schema[name], strict=False))
    texts = changed.drop("row_number").write_csv().encode()
    checked = datasets.check(parse_upload(texts, filename="changed.csv", max_rows=len(chips)), scorer.schema)
    again = scorer.score(checked.accepted)["verdict"].to_list()
    n_broken = sum(found.verdict != verdict for (_, found), verdict in zip(chips, again, strict=True))
    print(f"{len(chips):,} chips for {n_asked:,} clients without an offer; {n_broken} of them broke their promise")
    return [
        Figure("what-ifs that break their promise", n_broken, 1.0, "", "none asked", at_most=0.0),
        Figure("a what-if", each_ms, MOST_MS, "ms of processor", "the most it may take", at_most=1.0),
    ]
