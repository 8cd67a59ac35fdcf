"""What `riskometer schema infer` says on the terminal: how the outcome was read, and which fields a person should decide."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from creditrisk.inference import SETTLED, Inference

# Columns of one kind beyond these are counted; the file names them all.
SHOWN_OF_A_KIND = 8


def print_inferred(found: Inference, output: Path, source: str, console: Console) -> None:
    """A table of the fields to decide about, and what to type next."""
    for sentence in found.outcome:
        console.print(escape(sentence))
    table = Table("Column", "Looks", "Role", "Why", header_style="bold")
    shown: Counter[str] = Counter()
    for column in found.to_decide:
        shown[column.flag] += 1
        if shown[column.flag] <= SHOWN_OF_A_KIND:
            table.add_row(*map(escape, (column.header, column.flag, column.field.role, column.decide)))
    if table.row_count:
        console.print(table)
    for flag, n in shown.items():
        if n > SHOWN_OF_A_KIND:
            console.print(escape(f"{n - SHOWN_OF_A_KIND:,} more: {flag}."))
    settled = Counter(column.flag for column in found.columns if column.flag in SETTLED)
    if settled:
        console.print("Left out: " + ", ".join(f"{n:,} {flag}" for flag, n in settled.items()) + ".")
    roles = Counter(column.field.role for column in found.columns)
    console.print(f"{len(found.columns):,} columns: " + ", ".join(f"{n:,} {role}" for role, n in roles.items()) + ".")
    console.print(
        f"Written to {escape(str(output))}: read it through, change what you know better, then", soft_wrap=True
    )
    console.print(f"  make model-train-flow DATASET={escape(str(output))} SOURCE={escape(source)}", soft_wrap=True)
