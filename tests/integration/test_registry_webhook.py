"""MLflow tells the web app by a webhook that an alias moved."""

from __future__ import annotations

import json
import time
import urllib.request
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from mlflow import MlflowClient

from creditrisk.registry import Registry
from creditrisk.settings import Settings, configure_mlflow
from riskometer.bench import free_port
from tests.mlflow_server import mlflow_server

SECRET = "between MLflow and the app, nobody else"
# The app asks by itself again tomorrow.
TOMORROW = 86_400.0
PATIENCE_SECONDS = 60
# MLflow calls its own machine only where it is told that it may.
MAY_CALL_US = {
    "MLFLOW_WEBHOOK_ALLOWED_SCHEMES": "http",
    "MLFLOW_WEBHOOK_ALLOW_PRIVATE_IPS": "true",
    # It looks for new webhooks once a minute otherwise.
    "MLFLOW_WEBHOOK_CACHE_TTL": "0",
    "MLFLOW_WEBHOOK_SECRET_ENCRYPTION_KEY": Fernet.generate_key().decode(),
}


def served_version(url: str) -> str:
    with urllib.request.urlopen(f"{url}/api/v1/model", timeout=10) as answer:
        version: str = json.load(answer)["model_version"]
        return version


def test_a_champion_of_which_mlflow_tells_serves_long_before_the_next_look(
    corner_scorer, corner_reference, prove_corner, serve_web, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    prove_corner(home := tmp_path / "home")
    settings = Settings(
        home=home,
        mlflow_uri=f"http://127.0.0.1:{free_port()}",
        registry_timeout_seconds=20.0,
        champion_poll_seconds=TOMORROW,
        webhook_secret=SECRET,
        web_workers=1,
    )
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "")  # put back after the test
    configure_mlflow(settings)
    with mlflow_server(settings, MAY_CALL_US):
        registry = Registry(settings.stores)

        def promote_one() -> str:
            version = registry.register(corner_scorer, corner_reference, params={}, metrics={})
            registry.promote(version, by="a tester", why="to serve", evidence="none")
            return version.version

        first = promote_one()
        web = serve_web(settings)
        assert served_version(web.url) == first
        MlflowClient(settings.mlflow_uri).create_webhook(
            "risk-o-meter", f"{web.url}/webhooks/mlflow", ["model_version_alias.created"], secret=SECRET
        )
        second = promote_one()
        deadline = time.monotonic() + PATIENCE_SECONDS
        while served_version(web.url) != second:
            assert time.monotonic() < deadline
            time.sleep(0.1)
