"""The training path: try every family, choose and calibrate, and say honestly how good the whole path is."""

from creditrisk.training.plan import Progress, Runner
from creditrisk.training.progress import in_threads
from creditrisk.training.results import Candidate, HeldOut, Recipe, Result, Training
from creditrisk.training.train import train
from creditrisk.training.tuning import Budget, Job, JobResult, OnFitDone, run_job

__all__ = [
    "Budget",
    "Candidate",
    "HeldOut",
    "Job",
    "JobResult",
    "OnFitDone",
    "Progress",
    "Recipe",
    "Result",
    "Runner",
    "Training",
    "in_threads",
    "run_job",
    "train",
]
