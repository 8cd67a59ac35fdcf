"""All benchmarks in one run: `make bench`, or `.venv/bin/python -m tests.bench [--rows N] [--keep] [PART …]`.

Prints a table of figures, their floors and the ratios of the two, and writes the same as JSON. Seconds of different
machines and hours cannot be compared; the ratios can, so those are kept in baseline.json (`--keep`). The champion of
this home is measured: train one first with `make model-train-flow`.
"""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path

import click
from rich.console import Console

from creditrisk.settings import collect_seldom, read_settings
from tests.bench.figure import Figure, keep, show, to_json

# Each is a module of this package with `figures(rows)`.
PARTS = ("reading", "bulk_scoring", "decision_log", "one_application", "start_up", "reasons")
# Minutes each, so only by their names.
LONG_PARTS = (
    "damaged_windows",
    "drift",
    "hot_swap",
    "reasons_given",
    "reliability",
    "report_memory",
    "table_drift",
    "what_if",
)


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("parts", nargs=-1, type=click.Choice(PARTS + LONG_PARTS))
@click.option("--rows", default=100_000, show_default=True, help="Clients in the larger file that is scored.")
@click.option("--keep", "is_kept", is_flag=True, help="Make these ratios the baseline.")
def main(parts: tuple[str, ...], rows: int, is_kept: bool) -> None:
    """Measure PARTS, or everything but what takes minutes."""
    # As whatever scores and logs does.
    collect_seldom()
    console = Console(width=None if sys.stdout.isatty() else 160)
    figures: list[Figure] = []
    for part in parts or PARTS:
        console.print(f"[dim]measuring {part.replace('_', ' ')} …[/dim]")
        figures += import_module(f"tests.bench.{part}").figures(rows)
    warnings = show(figures, console)
    written = Path(read_settings().home) / "bench.json"
    written.parent.mkdir(parents=True, exist_ok=True)
    written.write_text(to_json(figures), encoding="utf-8")
    console.print(f"As JSON: {written}")
    for warning in warnings:
        console.print(f"[yellow]{warning}[/yellow]")
    if is_kept:
        keep(figures)


if __name__ == "__main__":
    main()
