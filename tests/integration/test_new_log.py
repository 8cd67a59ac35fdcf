"""A log that is not there yet, begun by several processes of one app at the same moment."""

from __future__ import annotations

import subprocess
import sys
import time
from contextlib import ExitStack
from subprocess import PIPE

from creditrisk.decision_log import DecisionLog

# Begins logs one after another, each at the moment that it is told, and says what kept it from writing.
BEGIN = """
import sys, time
from creditrisk.decision_log import Decision, DecisionLog
from creditrisk.errors import DecisionLogError

decision = Decision("api", "N-1", "m", "1", "0" * 64, 0.1, 600.0, "approve", "green", 0.9, [], [], {"amount_eur": 1.5})
print("ready", flush=True)
for line in sys.stdin:
    url, moment = line.split()
    log, failed = DecisionLog(url), ""
    time.sleep(max(0.0, float(moment) - time.time()))
    for _ in range(10):
        try:
            log.append([decision])
        except DecisionLogError as exc:
            failed = str(exc)
    log.close()
    print(failed, flush=True)
"""


def test_several_processes_may_begin_a_log_at_the_same_moment(tmp_path):
    with ExitStack() as opened:
        processes = [
            opened.enter_context(subprocess.Popen([sys.executable, "-c", BEGIN], stdin=PIPE, stdout=PIPE, text=True))
            for _ in range(3)
        ]
        for process in processes:
            assert process.stdout.readline() == "ready\n"
        for number in range(25):
            url, moment = f"sqlite:///{tmp_path}/{number}.db", time.time() + 0.02
            for process in processes:
                process.stdin.write(f"{url} {moment}\n")
                process.stdin.flush()
            assert [process.stdout.readline() for process in processes] == ["\n"] * 3
            log = DecisionLog(url)
            assert (log.head()[0], log.verify().broken) == (30, None)
            log.close()
