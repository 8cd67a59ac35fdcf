"""How much memory it takes from a window of a million logged decisions to the archived report.

In a process of its own, which reads the window, measures performance, draws the page and keeps it, as the flow does;
beside the same for a window of one decision, which is what the libraries take.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from contextlib import closing
from pathlib import Path

from creditrisk import datasets
from creditrisk.decision_log import DecisionLog
from tests.bench.decision_log import Scorer, answers
from tests.bench.figure import Figure

N_DECISIONS = 1_000_000
AT_ONCE = 100_000
MOST_BYTES = 1e9

# The address of a log and a folder to archive in are its arguments; prints the most memory it had, in bytes.
REPORT = """
import sys
from datetime import UTC, datetime
from creditrisk import datasets
from creditrisk.decision_log import DecisionLog
from creditrisk.metrics import build_profile
from creditrisk.simulator import simulate
from monitoring import archive, drift, performance, report, windows
from pathlib import Path

schema = datasets.load_schema("simulated")
drawn = simulate(5_000, seed=2)
profile = build_profile(drawn, schema, drawn["true_prob_default"].to_numpy())
reference = windows.Reference("simulated", "1", profile, has_ids=True)
log, now = DecisionLog(sys.argv[1]), datetime.now(UTC)
window = windows.since_last_report(log, reference, [])
measured = performance.of_log(log, window.judged, reference, schema, now)
found = drift.compare(profile, schema, window.judged.profile, window.judged.sample)
made = report.make_result(
    found, window, model="simulated", model_version="1", created_at=now, performance=measured
)
html = report.render(made, found, window, schema)
folder = Path(sys.argv[2])
stored = archive.store(archive.open_archives([f"file://{folder}/reports"]), html, made, pending=folder / "pending")
assert not stored.problems, stored.problems
assert made["n_rows"] == int(sys.argv[3]), made["n_rows"]
# Not ru_maxrss: that of a new process begins with what its parent had.
[most] = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM:")]
print(1024 * int(most.split()[1]))
"""


def figures(rows: int) -> list[Figure]:
    """A window of a million decisions, whatever `rows` says."""
    del rows
    large, small = most_bytes(N_DECISIONS), most_bytes(1)
    at_most = MOST_BYTES / small
    return [Figure("memory of a report", large / 1e6, small / 1e6, "MB", "a report on one decision", at_most=at_most)]


def most_bytes(n_decisions: int) -> float:
    """The most memory that the report on so many decisions had."""
    schema = datasets.load_schema("simulated")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with closing(DecisionLog(f"sqlite:///{folder}/decisions.db")) as log:
            left, part = n_decisions, 0
            scored, accepted = answers(min(AT_ONCE, n_decisions), schema)
            while left:
                n_rows = min(AT_ONCE, left)
                # Every application has an id of its own, or only its last decision would count.
                ids = (scored["application_id"] + f"-{part}")[:n_rows]
                log.append_scored(
                    scored[:n_rows].with_columns(ids), accepted[:n_rows].with_columns(ids), Scorer(schema), "batch"
                )
                left, part = left - n_rows, part + 1
        (folder / "reports").mkdir()
        command = [sys.executable, "-c", REPORT, f"sqlite:///{folder}/decisions.db", str(folder), str(n_decisions)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(done.stderr)
        return float(done.stdout.split()[-1])
