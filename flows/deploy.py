"""Hand the flows of prefect.yaml to the Prefect server: `python -m flows.deploy`.

Done at each start of `up` and of the containers; doing it again changes nothing. The work pool they wait in is made here too, as the worker may start later.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from creditrisk.settings import Settings, read_settings
from flows.password import VARIABLE, password
from flows.queue import WORK_POOL, asking

PROJECT = Path(__file__).resolve().parents[1]


def deploy(settings: Settings) -> subprocess.CompletedProcess[str]:
    """Make the work pool and the deployments; the result of Prefect's own command, with all that it said."""
    _make_work_pool(settings)
    return subprocess.run(
        [sys.executable, "-m", "prefect", "--no-prompt", "deploy", "--all"],
        cwd=PROJECT,
        env=os.environ | {"PREFECT_API_URL": settings.prefect_url, VARIABLE: password(settings)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


def _make_work_pool(settings: Settings) -> None:
    from prefect import get_client
    from prefect.client.schemas.actions import WorkPoolCreate, WorkPoolUpdate
    from prefect.exceptions import ObjectAlreadyExists

    from flows.worker import TEMPLATE, Worker

    with asking(settings), get_client(sync_client=True) as client:
        try:
            client.create_work_pool(WorkPoolCreate(name=WORK_POOL, type=Worker.type, base_job_template=TEMPLATE))
        except ObjectAlreadyExists:
            client.update_work_pool(WORK_POOL, WorkPoolUpdate(base_job_template=TEMPLATE))


def main() -> None:
    """Deploy, and say what Prefect said."""
    os.umask(0o077)
    done = deploy(read_settings())
    print(done.stdout)
    sys.exit(done.returncode)


if __name__ == "__main__":
    main()
