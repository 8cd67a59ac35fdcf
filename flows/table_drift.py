"""Drift of any table against the champion's reference profile, part by part, in threads or on a Dask cluster.

Thin tasks around monitoring.partitions. Started by `riskometer drift`; it has no deployment. What it finds is written
to `table-drift.json` in the home, which the command shows and copies.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from pathlib import Path

from prefect import flow, task
from prefect.cache_policies import NO_CACHE

from creditrisk.errors import RegistryError, ReportError
from creditrisk.home import one_at_a_time
from creditrisk.registry import Registry
from creditrisk.schema import Schema
from creditrisk.settings import Settings, read_settings
from creditrisk.sources import parts_of
from creditrisk.text import counted
from flows.evidently_report import champion_to_report_on, reference_of
from flows.fan_out import each_done
from flows.logs import log_sentences_only
from flows.progress import report_progress
from monitoring import partitions
from monitoring.partitions import RESULT_NAME, CountedPart, TableDrift
from monitoring.windows import Reference


@task(name="count", task_run_name="count {name}", cache_policy=NO_CACHE, persist_result=False)
def count(name: str, part: str, reference: Reference, schema: Schema) -> CountedPart:
    """Count one part of a table."""
    log_sentences_only()  # on a Dask cluster the process is another one
    return partitions.count_part(part, reference, schema)


@flow(name="table-drift", log_prints=True)
def table_drift(table: str, dataset: str | None = None) -> TableDrift:
    """Hold a table against the reference profile of the champion.

    Args:
        table: A file, a folder of files, or a URI.
        dataset: A registered model; empty: the one that serves.
    """
    settings = read_settings()
    busy = ReportError(f"the drift of a table is being looked at in {settings.home} already. Wait for its end.")
    with one_at_a_time(settings.home / "table-drift.lock", otherwise=busy):
        parts = parts_of(table)
        champion = champion_to_report_on(dataset, Registry(settings.stores), settings)
        if champion is None:
            raise RegistryError("there is no champion to compare with. Train one with `make model-train-flow`.")
        reference, schema = reference_of(champion), champion.scorer.schema
        found = partitions.merge(count_parts(parts, reference, schema, settings.dask_address), reference)
        if len(found.left_out) == len(parts):
            raise ReportError(f"no part of '{table}' could be read. {found.left_out[0]}")
        result = partitions.compare(found, reference, schema, table=table, n_parts=len(parts))
        write(result, settings)
    print(f"{counted(result['n_rows'], 'row')} in {counted(result['n_parts'], 'part')} counted.")
    return result


def count_parts(parts: Sequence[str], reference: Reference, schema: Schema, dask_address: str) -> list[CountedPart]:
    """Every part, counted, in the order of the parts, whichever is done first."""
    arguments = [{"name": Path(part).name, "part": part, "reference": reference, "schema": schema} for part in parts]
    done: dict[int, CountedPart] = {}
    began = time.monotonic()
    with report_progress() as show:
        for index, found in each_done(count, arguments, dask_address, ReportError):
            done[index] = found
            seconds_left = (time.monotonic() - began) / len(done) * (len(parts) - len(done))
            show(len(done), len(parts), "Counting", seconds_left)
    return [done[index] for index in range(len(parts))]


def write(result: TableDrift, settings: Settings) -> None:
    """Write what was found to the home; all of it or nothing."""
    path = settings.home / RESULT_NAME
    unfinished = path.with_name(f"{RESULT_NAME}.part")
    try:
        unfinished.write_text(
            json.dumps(result, indent=1, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8"
        )
        unfinished.replace(path)
    except OSError as exc:
        raise ReportError(f"{path} could not be written: {exc.strerror}. Make room and run it again.") from exc
