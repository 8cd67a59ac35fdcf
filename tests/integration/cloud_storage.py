"""Google Cloud Storage by its emulator, which can go away and come back, and keeps the conditions that are asked of it.

The emulator itself takes no notice of `ifGenerationMatch`; here it answers 412 as the real service does.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from http import HTTPStatus
from typing import Any

from gcp_storage_emulator import server
from gcp_storage_emulator.exceptions import NotFound
from gcp_storage_emulator.handlers import objects


class CloudStorage:
    """The emulator with one bucket, between `start` and `stop`; while it is away it remembers."""

    def __init__(self, port: int, bucket: str) -> None:
        self.port = port
        self.uri = f"gs://{bucket}"
        self.n_to_refuse = 0  # so many calls are answered with 503
        self.downloaded: list[str] = []  # the names of the objects whose contents were asked for
        self._emulator = server.create_server("127.0.0.1", port, in_memory=True, default_bucket=bucket)

    def start(self) -> None:
        guarded = tuple((path, {verb: self._guard(call) for verb, call in calls.items()}) for path, calls in _HANDLERS)
        server.HANDLERS = guarded
        self._emulator._api = server.APIThread("127.0.0.1", self.port, self._emulator._storage)
        self._emulator.start()

    def stop(self) -> None:
        self._emulator.stop()
        server.HANDLERS = _HANDLERS

    def _guard(self, call: Callable[..., None]) -> Callable[..., None]:
        def answer(request: Any, response: Any, storage: Any, *arguments: Any) -> None:
            if self.n_to_refuse:
                self.n_to_refuse -= 1
                response.status = HTTPStatus.SERVICE_UNAVAILABLE
            elif call in (objects.insert, objects.delete) and not _is_as_asked(request, storage):
                response.status = HTTPStatus.PRECONDITION_FAILED
            else:
                if call is objects.download:
                    self.downloaded.append(request.params["object_id"])
                call(request, response, storage, *arguments)

        return answer


_HANDLERS = server.HANDLERS
# It sends head and body apart; the second would wait 40 ms for an answer to the first.
server.RequestHandler.disable_nagle_algorithm = True


def _is_as_asked(request: Any, storage: Any) -> bool:
    asked = request.query.get("ifGenerationMatch")
    name = request.params.get("object_id") or request.data["meta"]["name"]
    generation = "0"
    with suppress(NotFound):
        generation = storage.get_file_obj(request.params["bucket_name"], name)["generation"]
    return asked is None or asked == [generation]
