"""The route by which MLflow says that an alias moved: it takes what is signed, and reads nothing of it."""

from __future__ import annotations

import base64
import hmac
import time

import pytest

from creditrisk.errors import SettingsError
from creditrisk.settings import read_settings
from webapp.app import create_app
from webapp.registry_webhook import FRESH_SECONDS, PATH
from webapp.serving_note import look_at_once

SECRET = "between MLflow and the app, nobody else"
BODY = b'{"entity": "model_version_alias", "action": "created"}'


@pytest.fixture
def settings(corner_settings):
    return corner_settings.model_copy(update={"webhook_secret": SECRET})


@pytest.fixture
def client(settings):
    return create_app(settings).test_client()


def signed(secret=SECRET, *, age=0.0, body=BODY):
    sent_at = str(int(time.time() - age))
    mac = hmac.digest(secret.encode(), b"a1.%s.%s" % (sent_at.encode(), body), "sha256")
    return {
        "X-MLflow-Delivery-Id": "a1",
        "X-MLflow-Timestamp": sent_at,
        "X-MLflow-Signature": "v1," + base64.b64encode(mac).decode(),
    }


def test_who_knows_the_secret_has_the_registry_asked_at_once(client, settings):
    assert client.post(PATH, data=BODY, headers=signed()).status_code == 204
    assert look_at_once(settings).exists()


@pytest.mark.parametrize(
    "sent",
    [
        dict,
        lambda: signed("another secret, of thirty-two letters"),
        lambda: signed(body=b"something else"),
        lambda: signed(age=FRESH_SECONDS + 60),
        lambda: signed(age=-FRESH_SECONDS - 60),
        lambda: {**signed(), "X-MLflow-Timestamp": "soon"},
        lambda: {**signed(), "X-MLflow-Timestamp": "²"},
        lambda: {**signed(), "X-MLflow-Timestamp": "9" * 400},
        lambda: {**signed(), "X-MLflow-Signature": "v1,ä"},
        lambda: {**signed(), "X-MLflow-Delivery-Id": "another"},
    ],
)
def test_what_is_not_signed_or_is_old_changes_nothing(client, settings, sent):
    answer = client.post(PATH, data=BODY, headers=sent())
    assert (answer.status_code, answer.json["error"]["code"]) == (403, "forbidden")
    assert not look_at_once(settings).exists()


def test_without_a_secret_there_is_no_such_route(corner_app, corner_settings):
    assert corner_app.test_client().post(PATH, data=BODY, headers=signed("")).status_code == 404
    assert not look_at_once(corner_settings).exists()


def test_a_short_secret_is_refused_without_being_repeated(monkeypatch):
    monkeypatch.setenv("CREDITRISK_WEBHOOK_SECRET", "sesame")
    with pytest.raises(SettingsError, match="CREDITRISK_WEBHOOK_SECRET has a value that cannot be used") as refused:
        read_settings()
    assert "sesame" not in str(refused.value)
