"""Which settings of a family to try, and the trying of them: fit on some rows, score others, note how long it took.

A `Job` is what is spread over threads or over the workers of a cluster: everything it needs goes in, everything it
finds comes out.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING

import numpy as np

from creditrisk.arrays import FloatArray, IntArray
from creditrisk.encoding import Encoder
from creditrisk.errors import TrainingError
from creditrisk.learners import Parameters, family
from creditrisk.metrics import log_losses
from creditrisk.scoring import fit_platt
from creditrisk.training.results import Recipe

if TYPE_CHECKING:
    import optuna

# Settings before outcomes lead the search of a family: its defaults, and those that TPE draws blind to begin with.
N_BLIND = 11
_IMPORTING = Lock()
# What a fit or a prediction reports as it ends: family and seconds.
OnFitDone = Callable[[str, float], None]


@dataclass(frozen=True, slots=True)
class Budget:
    """How much searching a family gets: so many settings, its defaults among them, and no new one after `seconds`.

    A limit in seconds makes the result depend on how fast the machine is; a limit in trials does not.
    """

    trials: int = 3
    seconds: float | None = None

    @property
    def is_blind(self) -> bool:
        """Whether a search ends before outcomes lead it: then its settings are known beforehand, see `propose`."""
        return self.seconds is None and self.trials <= N_BLIND


@dataclass(frozen=True)
class Job:
    """Settings of one family to fit on the rows `train`, and to score the rows `scored` with.

    `matrix` and `target` hold every row of the table. The settings are `proposals`; without any, they are searched for:
    each new one is led by how well the earlier ones did on the validation rows, the first `n_validation` scored ones.
    """

    family: str
    matrix: FloatArray
    target: IntArray
    train: IntArray
    scored: IntArray
    encoder: Encoder
    seed: int
    budget: Budget
    proposals: tuple[Parameters, ...] = ()
    n_validation: int = 0

    @property
    def n_fits(self) -> int:
        """How many fits it takes at most."""
        return len(self.proposals) or self.budget.trials


@dataclass(frozen=True)
class Trial:
    """One setting tried: the seconds it took, microseconds for each client scored, and the log-odds of those scored."""

    family: str
    number: int
    parameters: Parameters
    seconds: float
    microseconds_per_client: float
    log_odds: FloatArray

    @property
    def recipe(self) -> Recipe:
        """The family with this setting, by itself."""
        return Recipe(self.family, {self.family: self.parameters})


@dataclass(frozen=True)
class JobResult:
    """What became of a job: its trials, and why others failed."""

    trials: list[Trial]
    failures: list[str]


def propose(name: str, n_rows: int, *, trials: int, seed: int) -> tuple[Parameters, ...]:
    """The defaults of a family and `trials` - 1 settings drawn from its search space, blind to any outcome.

    The first `N_BLIND` are those that a search led by outcomes begins with.
    """
    import optuna

    module = family(name)
    study = _study(optuna.samplers.RandomSampler(seed=seed))
    return (module.defaults(n_rows), *(module.suggest(study.ask(), n_rows) for _ in range(trials - 1)))


def _import_scikit_learn() -> None:
    """In one thread at a time: two that import parts of it at once may each find the other's half done."""
    with _IMPORTING:
        import sklearn.ensemble
        import sklearn.linear_model  # noqa: F401  # imported for its families


def run_job(job: Job, on_fit_done: OnFitDone | None = None) -> JobResult:
    """Do a job. A setting that fails, for whatever reason a library may find, is noted and does not end it."""
    _import_scikit_learn()
    matrix, target, scored = job.matrix[job.train], job.target[job.train], job.matrix[job.scored]
    trials: list[Trial] = []
    failures: list[str] = []
    settings = _Settings(job, len(target))
    for number, parameters in enumerate(settings):
        started = time.perf_counter()
        try:
            model = family(job.family).fit(matrix, target, job.encoder, parameters, seed=job.seed)
            fitted = time.perf_counter()
            log_odds = model.log_odds(scored)
            ended = time.perf_counter()
            if not np.isfinite(log_odds).all():
                raise TrainingError("it gives some rows no score")
        except Exception as exc:
            failures.append(_sentence(exc))
            settings.learn(None)
        else:
            microseconds = 1e6 * (ended - fitted) / len(scored)
            trials.append(Trial(job.family, number, parameters, ended - started, microseconds, log_odds))
            settings.learn(log_odds)
        if on_fit_done is not None:
            on_fit_done(job.family, time.perf_counter() - started)
    return JobResult(trials, failures)


class _Settings:
    """The settings of a job, one after the other: as proposed, or each led by the losses of those before it."""

    def __init__(self, job: Job, n_rows: int) -> None:
        self._job = job
        self._n_rows = n_rows
        self._deadline = np.inf if job.budget.seconds is None else time.monotonic() + job.budget.seconds
        self._asked: optuna.Trial | None = None
        if not job.proposals:
            import optuna

            self._study = _study(optuna.samplers.TPESampler(n_startup_trials=N_BLIND - 1, seed=job.seed))

    def __iter__(self) -> Iterator[Parameters]:
        job = self._job
        for number in range(job.n_fits):
            if number and time.monotonic() > self._deadline:
                return
            if job.proposals:
                yield job.proposals[number]
            elif number == 0:
                yield family(job.family).defaults(self._n_rows)
            else:
                self._asked = self._study.ask()
                yield family(job.family).suggest(self._asked, self._n_rows)

    def learn(self, log_odds: FloatArray | None) -> None:
        """Tell the search what the last setting gave the scored rows; None if it failed."""
        if self._asked is None:
            return
        import optuna

        if log_odds is None:
            self._study.tell(self._asked, state=optuna.trial.TrialState.FAIL)
        else:
            n_validation = self._job.n_validation
            target = self._job.target[self._job.scored[:n_validation]]
            self._study.tell(self._asked, calibrated_log_loss(log_odds[:n_validation], target))


def _study(sampler: optuna.samplers.BaseSampler) -> optuna.Study:
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna.create_study(sampler=sampler)


def calibrated_log_loss(log_odds: FloatArray, target: IntArray) -> float:
    """The mean of `calibrated_log_losses`."""
    return float(calibrated_log_losses(log_odds, target).mean())


def calibrated_log_losses(log_odds: FloatArray, target: IntArray) -> FloatArray:
    """Log loss of each row once over- or under-confidence is taken out by Platt scaling on the same rows, (n_rows,).

    Calibration mends both. Those of the bad rate if the order is the wrong way round.
    """
    try:
        prob_default = fit_platt(log_odds, target).prob_default(log_odds)
    except TrainingError:
        prob_default = np.full(len(target), target.mean())
    return log_losses(np.asarray(prob_default, dtype=np.float64), target)


def _sentence(exc: Exception) -> str:
    message, *_ = str(exc).strip().splitlines() or [""]
    return message if isinstance(exc, TrainingError) else f"{type(exc).__name__}: {message[:200]}"
