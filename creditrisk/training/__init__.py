"""The training path: try every family, choose and calibrate, and say honestly how good the whole path is."""

from creditrisk.training.plan import Progress, Runner
from creditrisk.training.results import HeldOut, Result, Training
from creditrisk.training.train import train
from creditrisk.training.tuning import Budget, Job, JobResult, OnFitDone, run_job

__all__ = [
    "Budget",
    "HeldOut",
    "Job",
    "JobResult",
    "OnFitDone",
    "Progress",
    "Result",
    "Runner",
    "Training",
    "run_job",
    "train",
]
