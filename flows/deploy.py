"""Hand the flows of prefect.yaml to the Prefect server: `python -m flows.deploy`.

Done at each start of `up` and of the containers; doing it again changes nothing. The work pool they wait in is made
here too, as the worker may start later, and the automation that retrains where a setting wants it (retraining.py).
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from creditrisk.settings import PREFECT_PASSWORD_VARIABLE, PREFECT_WORK_POOL, Settings, prefect_password, read_settings
from flows.queue import asking

PROJECT = Path(__file__).resolve().parents[1]


def main() -> None:
    """Make the work pool, the deployments and the automation; end with the code of Prefect's own command."""
    os.umask(0o077)
    settings = read_settings()
    os.environ |= {"PREFECT_API_URL": settings.prefect_url, PREFECT_PASSWORD_VARIABLE: prefect_password(settings)}
    _make_work_pool(settings)
    command = [sys.executable, "-m", "prefect", "--no-prompt", "deploy", "--all"]
    done = subprocess.run(command, cwd=PROJECT, check=False)  # noqa: S603  # no shell, and our own words only
    if done.returncode == 0:
        # Not above: the supervisor imports this module, and should not carry Prefect and the registry with it.
        from flows.retraining import settle_automation

        with asking(settings):
            settle_automation(settings)
    sys.exit(done.returncode)


def _make_work_pool(settings: Settings) -> None:
    from prefect import get_client
    from prefect.client.schemas.actions import WorkPoolCreate, WorkPoolUpdate
    from prefect.exceptions import ObjectAlreadyExists

    from flows.worker import TEMPLATE, Worker

    with asking(settings), get_client(sync_client=True) as client:
        try:
            client.create_work_pool(
                WorkPoolCreate(name=PREFECT_WORK_POOL, type=Worker.type, base_job_template=TEMPLATE)
            )
        except ObjectAlreadyExists:
            client.update_work_pool(PREFECT_WORK_POOL, WorkPoolUpdate(base_job_template=TEMPLATE))


if __name__ == "__main__":
    main()
