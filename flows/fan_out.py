"""Where the fits of a training, and the parts of a table, are worked on: threads here, or workers of a Dask cluster.

One Prefect task a job, so that each is seen in the Prefect UI with its name and its log.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, TypeVar

from prefect import Task, task
from prefect.cache_policies import NO_CACHE
from prefect.futures import as_completed
from prefect.task_runners import TaskRunner, ThreadPoolTaskRunner

from creditrisk.errors import CreditRiskError, TrainingError
from creditrisk.training import Job, JobResult, OnFitDone, Runner, run_job
from flows.logs import log_sentences_only

T = TypeVar("T")


# Inputs are whole tables: they are neither hashed for a cache nor kept.
@task(name="fit", task_run_name="fit {name}", cache_policy=NO_CACHE, persist_result=False)
def fit(name: str, job: Job, on_fit_done: OnFitDone | None) -> JobResult:
    """Do one job of a training."""
    log_sentences_only()  # on a Dask cluster the process is another one
    return run_job(job, on_fit_done)


def spread(dask_address: str) -> Runner:
    """A runner over the cluster at `dask_address`, such as tcp://scheduler:8786; over threads if it is empty."""

    def run(jobs: list[Job], on_fit_done: OnFitDone) -> Iterable[tuple[int, JobResult]]:
        # A call cannot come back from another machine; what was fitted there is told job by job.
        during = None if dask_address else on_fit_done
        arguments = [{"name": job.family, "job": job, "on_fit_done": during} for job in jobs]
        for index, result in each_done(fit, arguments, dask_address, TrainingError):
            if dask_address:
                for trial in result.trials:
                    on_fit_done(trial.family, trial.seconds)
            yield index, result

    return run


def each_done(
    work: Task[..., T], arguments: Sequence[Mapping[str, object]], dask_address: str, error: type[CreditRiskError]
) -> Iterator[tuple[int, T]]:
    """Do a task with each of the arguments, on a cluster or in threads; yield each one's index and result, once done.

    Raises
    ------
    CreditRiskError
        Of the type `error`, if the cluster does not answer.
    """
    log = logging.getLogger("prefect.task_runs")
    log.addFilter(_is_news)
    try:
        with _task_runner(dask_address) as runner:
            futures = {runner.submit(work, dict(some)): index for index, some in enumerate(arguments)}
            for future in as_completed(list(futures)):
                yield futures[future], future.result()
    except OSError as exc:
        if not dask_address:
            raise
        raise error(
            f"the Dask cluster at {dask_address} does not answer. Start its scheduler, or take "
            "CREDITRISK_DASK_ADDRESS away to work in threads of this machine."
        ) from exc
    finally:
        log.removeFilter(_is_news)


def _task_runner(dask_address: str) -> TaskRunner[Any]:
    if dask_address:
        from prefect_dask.task_runners import DaskTaskRunner

        return DaskTaskRunner(address=dask_address)
    return ThreadPoolTaskRunner(max_workers=os.cpu_count() or 1)


def _is_news(record: logging.LogRecord) -> bool:
    """That a job has ended well is told by the progress, once for many."""
    return not record.getMessage().startswith("Finished in state Completed")
