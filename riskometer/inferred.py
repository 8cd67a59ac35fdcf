"""What `riskometer schema infer` prints: how the outcome was read, and what a person should decide."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from creditrisk.schema_inference import SETTLED, Inference

# Columns of one kind beyond these are counted; the file names them all.
SHOWN_OF_A_KIND = 8


def print_inferred(inference: Inference, output: Path, source: str, console: Console) -> None:
    """A table of the fields to decide about, and what to type next."""
    for sentence in inference.outcome:
        console.print(escape(sentence))
    alike: dict[tuple[str, str, str], list[str]] = {}
    for column in inference.to_decide:
        alike.setdefault((column.flag, column.field.role, column.decide), []).append(column.header)
    table = Table("Columns", "Look like", "Role", "Why", header_style="bold")
    for (flag, role, why), headers in alike.items():
        more = len(headers) - SHOWN_OF_A_KIND
        names = ", ".join(headers[:SHOWN_OF_A_KIND]) + (f" and {more:,} more" if more > 0 else "")
        table.add_row(*map(escape, (names, flag, role, why)))
    if table.row_count:
        console.print(table)
    settled = Counter(column.flag for column in inference.columns if column.flag in SETTLED)
    if settled:
        console.print("Left out: " + ", ".join(f"{n:,} {flag}" for flag, n in settled.items()) + ".")
    roles = Counter(column.field.role for column in inference.columns)
    console.print(
        f"{len(inference.columns):,} columns: " + ", ".join(f"{n:,} {role}" for role, n in roles.items()) + "."
    )
    console.print(
        f"Written to {escape(str(output))}: read it through, change what you know better, then", soft_wrap=True
    )
    console.print(f"  make model-train-flow DATASET={escape(str(output))} SOURCE={escape(source)}", soft_wrap=True)
