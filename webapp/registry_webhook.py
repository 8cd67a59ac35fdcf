"""Where MLflow says by a webhook that an alias moved, so that a new champion serves before the registry is asked next.

What it says is not read: whoever knows the secret has the registry asked at once, and nothing else.
"""

from __future__ import annotations

import base64
import hmac
import time

from flask import Blueprint, request
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import NotFound

from webapp.context import AppContext
from webapp.errors import ForbiddenError
from webapp.serving_note import look_at_once

PATH = "/webhooks/mlflow"
# A message that somebody kept says nothing new after so long; clocks may differ by as much.
FRESH_SECONDS = 300.0


def make_blueprint(context: AppContext) -> Blueprint:
    """The route that MLflow calls; there is none without a secret."""
    blueprint = Blueprint("registry_webhook", __name__)

    @blueprint.post(PATH)
    def moved() -> ResponseReturnValue:
        secret = context.settings.webhook_secret
        if not secret:
            raise NotFound
        if not _is_signed(secret):
            raise ForbiddenError("This message is not signed with the secret of the webhook, or was not sent just now.")
        look_at_once(context.settings).touch()
        return "", 204

    return blueprint


def _is_signed(secret: str) -> bool:
    """Whether the request in hand is signed as MLflow's documentation of webhooks describes it, in these minutes."""
    sent_at = request.headers.get("X-MLflow-Timestamp", "")
    if not (sent_at.isascii() and sent_at.isdigit()) or abs(time.time() - float(sent_at)) > FRESH_SECONDS:
        return False
    delivery = request.headers.get("X-MLflow-Delivery-Id", "")
    signed = f"{delivery}.{sent_at}.".encode() + request.get_data()
    right = b"v1," + base64.b64encode(hmac.digest(secret.encode(), signed, "sha256"))
    return hmac.compare_digest(right, request.headers.get("X-MLflow-Signature", "").encode())
