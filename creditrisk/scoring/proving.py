"""Whether a scorer folder can be trusted to answer, found out where it can do no harm.

`prove` starts a child process that loads the folder and scores made-up applications with it, within limits of memory,
time and files; `python -m creditrisk.scoring.proving FOLDER` is that child, and says what it found as a line of JSON
for each folder. A file that ends a process, or never ends, takes the child along and nobody else. A version is
proved before it is kept, promoted or served, and a saved copy before the web app starts with it.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np

from creditrisk import datasets, strict
from creditrisk.errors import CreditRiskError, ScorerError
from creditrisk.home import write_whole
from creditrisk.scoring import golden
from creditrisk.scoring.scorer import RESULT_SCHEMA, Scorer, load
from creditrisk.sources import from_records

# A usual scorer is proved in two seconds, most of them to import the libraries.
DEADLINE_SECONDS = 120
# Beyond what it takes to import the libraries; likewise the memory.
CPU_SECONDS = 40
MEMORY_BYTES = 1_000_000_000
# Processor time that one application may take with its reasons; usual ones take a twentieth of a second.
ROW_SECONDS = 0.5
TIMED_ROWS = 3
# What decides how a scorer computes: proved with other versions of these, it is proved again.
LIBRARIES = ("risk-o-meter", "numba", "llvmlite", "safetensors", "numpy", "scipy", "polars")
# All of the environment that the child gets: no passwords, no addresses.
ENVIRONMENT = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "VIRTUAL_ENV", "LD_LIBRARY_PATH", "SYSTEMROOT")
# The process id of whoever started the child, which ends with it.
PARENT = "RISKOMETER_PARENT"
LOOK_SECONDS = 0.5


def prove(folder: Path) -> None:
    """Load a scorer folder in a child process and score its golden rows there.

    Raises
    ------
    ScorerError
        If it is damaged, does not score as it did when it was written, takes too long or too much, or ends the child.
    """
    [problem] = problems_of([folder])
    if problem:
        raise ScorerError(problem)


def problems_of(folders: Sequence[Path]) -> list[str]:
    """What is wrong with each folder, in a sentence; empty for one that is sound.

    All go through one child, as long as it lives: one that ends it is known by being the first without an answer.
    """
    problems: list[str] = []
    while len(problems) < len(folders):
        left = folders[len(problems) :]
        answers, end = _ask_child(left)
        problems += answers
        if len(answers) < len(left):
            problems.append(f"the scorer {end} while it was proved.")
    return problems


def _ask_child(folders: Sequence[Path]) -> tuple[list[str], str]:
    """The answers of a child, in the order asked for, and how it ended if there are fewer than folders."""
    here = str(Path(__file__).resolve().parents[2])
    paths = [here, *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {name: os.environ[name] for name in ENVIRONMENT if name in os.environ} | {
        "PYTHONPATH": os.pathsep.join(paths),
        # One thread each, which is enough for a few rows and leaves the others to whoever is scoring now.
        **dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "POLARS_MAX_THREADS"), "1"),
        PARENT: str(os.getpid()),
    }
    # -P: what lies in the working folder is not imported.
    command = [sys.executable, "-P", "-m", "creditrisk.scoring.proving", *map(str, folders)]
    with subprocess.Popen(  # noqa: S603  # no shell, and our own words only
        command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as child:
        try:
            output, _ = child.communicate(timeout=DEADLINE_SECONDS * len(folders))
        except subprocess.TimeoutExpired:
            child.kill()
            output, _ = child.communicate()
    answers: list[str] = []
    for line in output.splitlines():
        with suppress(ValueError, ScorerError):  # a library may print lines of its own
            item = strict.fields(strict.read_json(line, "the line"), "the line", ("folder", "problem"))
            if item["folder"] == str(folders[len(answers)]):
                answers.append(item["problem"])
    return answers, _end(child.returncode)


def _end(returncode: int) -> str:
    """How a child ended that did not come to say anything."""
    if returncode in (-signal.SIGKILL, -signal.SIGXCPU, -signal.SIGALRM):
        return "took too long or too much memory"
    return f"ended its process ({signal.Signals(-returncode).name})" if returncode < 0 else "could not be loaded"


@cache
def libraries() -> dict[str, str]:
    """The versions a proof holds for."""
    versions = {"python": sys.version.split()[0]}
    for name in LIBRARIES:
        with suppress(PackageNotFoundError):
            versions[name] = version(name)
    return versions


def prove_once(home: Path, folder: Path, sha256: str) -> None:
    """`prove` a folder that has this fingerprint, unless its bytes were proved before with the same libraries."""
    if not _is_proved(home, sha256):
        prove(folder)
        note_proof(home, sha256)


def note_proof(home: Path, sha256: str) -> None:
    """Note under home that a scorer was proved with the libraries installed here; replaced in one step."""
    write_whole(_note(home, sha256), json.dumps(libraries()))


def _is_proved(home: Path, sha256: str) -> bool:
    try:
        noted = strict.read_json(_note(home, sha256).read_text(encoding="utf-8"), "the proof")
    except (OSError, ValueError, ScorerError):
        return False
    return bool(noted == libraries())


def _note(home: Path, sha256: str) -> Path:
    return home / "serving" / "proved" / f"{sha256}.json"


def check_scores(scorer: Scorer, noted: golden.Golden) -> None:
    """Score golden rows, and see that they get their PDs, in time, and that every figure is finite.

    Raises
    ------
    ScorerError
        If not.
    """
    frame = noted.frame(scorer.schema)
    difference = noted.difference(scorer.prob_default(frame))
    if difference:
        raise ScorerError(f"it does not score as it did when it was written: {difference}")
    scorer.score(frame.head(1))  # what is read or compiled at a first use
    for row in range(TIMED_ROWS):
        began = time.process_time()
        scorer.score(frame.slice(row, 1))
        if (took := time.process_time() - began) > ROW_SECONDS:
            raise ScorerError(f"one application takes it {took:.1f} s; up to {ROW_SECONDS:g} s is allowed")
    scored = scorer.score(frame)
    figures = [scored[name].to_numpy() for name in ("prob_default", "score_points", "confidence")]
    if not all(np.isfinite(figure).all() for figure in (*figures, scorer.contributions(frame))):
        raise ScorerError("it gives figures that are not finite")
    # As a client sends it, through all checks of a table.
    checked = datasets.check(from_records([golden.sample_record(scorer.schema)]), scorer.schema)
    if dict(scorer.score(checked.accepted).schema) != RESULT_SCHEMA:
        raise ScorerError("it does not give the results that were agreed on")


def examine(folder: Path) -> str:
    """What is wrong with a folder, in a sentence; empty if nothing is. To be called in a process that may end."""
    try:
        scorer = load(folder, name="", version="")
        check_scores(
            scorer, golden.read_golden((folder / golden.GOLDEN_FILE).read_text(encoding="utf-8"), scorer.schema)
        )
    except CreditRiskError as exc:
        message = str(exc).replace(f"the scorer at {folder}", "the scorer")
        return message if message.startswith("the scorer") else f"the scorer is refused: {message.rstrip('.')}."
    except Exception as exc:  # whatever a library makes of figures that no fit gives
        return f"the scorer fails on a made-up application ({type(exc).__name__})."
    return ""


def _limit(n_folders: int) -> None:
    """Keep this process from taking more than a sound scorer needs, whatever it reads."""
    signal.alarm(DEADLINE_SECONDS * n_folders)
    limits = {
        resource.RLIMIT_CPU: int(time.process_time()) + CPU_SECONDS * n_folders,
        resource.RLIMIT_FSIZE: 0,
        resource.RLIMIT_CORE: 0,
    }
    with suppress(OSError):  # only Linux says how much is in use, and whom to end first where memory is short
        Path("/proc/self/oom_score_adj").write_text("1000")
        in_use = int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
        limits[resource.RLIMIT_AS] = in_use + MEMORY_BYTES
    for kind, limit in limits.items():
        resource.setrlimit(kind, (limit, limit))


def _end_with_parent(parent: int) -> None:
    """End this process soon after its parent; whoever loses one is given another, on every system."""
    while os.getppid() == parent:
        time.sleep(LOOK_SECONDS)
    os._exit(1)


def main() -> None:
    """Examine the folders named on the command line, one line of JSON each."""
    parent = int(os.environ.get(PARENT, os.getppid()))
    threading.Thread(target=_end_with_parent, args=(parent,), daemon=True).start()
    folders = [Path(argument) for argument in sys.argv[1:]]
    __import__("safetensors.numpy")  # before the limits, as it is trusted
    _limit(len(folders))
    for folder in folders:
        line = {"folder": str(folder), "problem": examine(folder)}
        sys.stdout.write(f"\n{json.dumps(line)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
