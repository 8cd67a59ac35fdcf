"""Before the full stack's first run: make the buckets in the storage emulator, hand prefect.yaml to Prefect.

Runs in a container of its own until it is done, each time the stack starts; doing it again changes nothing.
"""

import os
import subprocess
import sys
from contextlib import suppress

from google.api_core.exceptions import Conflict
from google.cloud import storage
from google.cloud.storage.retry import DEFAULT_RETRY

for bucket in ("riskometer-artifacts", "riskometer-reports"):
    with suppress(Conflict):
        storage.Client().create_bucket(bucket, retry=DEFAULT_RETRY.with_timeout(60))
print(f"buckets ready at {os.environ['STORAGE_EMULATOR_HOST']}")

subprocess.run(
    [sys.executable, "-m", "prefect", "work-pool", "create", "riskometer", "--type", "process", "--overwrite"],
    check=True,
)
sys.exit(subprocess.run([sys.executable, "-m", "prefect", "--no-prompt", "deploy", "--all"], check=False).returncode)
