"""Before the full stack's first run: make the decision log's tables, the buckets, and hand prefect.yaml to Prefect.

Runs in a container of its own until it is done, each time the stack starts; doing it again changes nothing.
"""

import os
from contextlib import suppress

from google.api_core.exceptions import Conflict
from google.cloud import storage
from google.cloud.storage.retry import DEFAULT_RETRY

from creditrisk.decision_log import DecisionLog
from creditrisk.settings import read_settings
from flows import deploy

# As their owner; those who use them may not make any (infra/postgres/databases.sh).
DecisionLog(read_settings().decision_log).head()
print("decision log ready")

for bucket in ("riskometer-artifacts", "riskometer-reports"):
    with suppress(Conflict):
        storage.Client().create_bucket(bucket, retry=DEFAULT_RETRY.with_timeout(60))
print(f"buckets ready at {os.environ['STORAGE_EMULATOR_HOST']}")

deploy.main()
