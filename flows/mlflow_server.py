"""MLflow's server behind our front; `mlflow server --app-name riskometer` finds it here, by an entry point of ours.

Who can write to it decides what the web app serves. By itself it answers, and lets write, every page that any port of
this machine serves. Names that it may be called by are those of `--allowed-hosts`, beside the loopback interface's.
"""

from __future__ import annotations

import os

from starlette.types import ASGIApp

from flows.front import behind_front

# Figures, settings and tags of runs: under `up`, files do not come through the server.
MAX_BODY_BYTES = 20_000_000
# MLflow's page asks nobody but this server.
POLICY = "connect-src 'self'; form-action 'self'; object-src 'none'; base-uri 'self'; frame-ancestors 'self'"


def create_app() -> ASGIApp:
    """MLflow's application with the front before it; its settings are in the environment by now."""
    os.umask(0o077)
    from mlflow.server.fastapi_app import app

    allowed = os.environ.get("MLFLOW_SERVER_ALLOWED_HOSTS", "").split(",")
    names = [name.strip().partition(":")[0] for name in allowed if name.strip()]
    return behind_front(app, names=names, max_body_bytes=MAX_BODY_BYTES, headers={"Content-Security-Policy": POLICY})
