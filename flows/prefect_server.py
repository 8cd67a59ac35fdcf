"""Prefect's server behind our front: `python -m flows.prefect_server`, run by `up`, in containers, and for one run.

It asks for a password (password.py), also of a browser, which gets it once from the address /sign-in#PASSWORD: what
stands behind # is sent to no server and written to no log. The server of a single run (local_run.py) ends when the
process that started it has ended, however that came about.
"""

from __future__ import annotations

import argparse
import os
import socket
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from starlette.datastructures import Headers
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from creditrisk.home import make_home
from creditrisk.settings import collect_seldom, read_settings
from flows.front import behind_front
from flows.password import make_password

if TYPE_CHECKING:
    import uvicorn

PASSWORD_VARIABLE = "PREFECT_SERVER_API_AUTH_STRING"  # noqa: S105  # the name of one
# Parameters, logs and artifacts of runs; each is kept far smaller by Prefect itself.
MAX_BODY_BYTES = 20_000_000
STOP_SECONDS = 2
# Prefect's page asks nobody but this server. The graph of a run compiles its shaders with eval.
POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; font-src 'self' data:; worker-src 'self' blob:; connect-src 'self'; "
    "object-src 'none'; base-uri 'self'; form-action 'self'; frame-ancestors 'none'"
)
HEADERS = {"Content-Security-Policy": POLICY, "X-Frame-Options": "DENY"}
ENVIRONMENT = {
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
    "PREFECT_SERVER_CORS_ALLOWED_ORIGINS": "",
    # Under whatever name the page was called, it asks the server it came from.
    "PREFECT_UI_API_URL": "/api",
    # Who holds the one place of a deployment is remembered across restarts of the server.
    "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect.server.concurrency.lease_storage.filesystem",
}
# What a server for one run can do without: blocks and automations are neither used nor to be set up there, and nobody
# looks at its page or at its feed of events.
FOR_ONE_RUN = {
    "PREFECT_SERVER_REGISTER_BLOCKS_ON_START": "false",
    # Only to see whether there are new blocks, all of Dask would be imported.
    "PREFECT_SERVER_MEMOIZE_BLOCK_AUTO_REGISTRATION": "false",
    "PREFECT_SERVER_SERVICES_EVENT_PERSISTER_ENABLED": "false",
    "PREFECT_SERVER_SERVICES_TRIGGERS_ENABLED": "false",
    "PREFECT_SERVER_EVENTS_STREAM_OUT_ENABLED": "false",
    "PREFECT_SERVER_UI_ENABLED": "false",
}
SIGN_IN = """<!doctype html>
<html lang="en"><meta charset="utf-8"><title>Signing in</title>
<p id="said">Signing in &hellip;</p>
<script src="/sign-in.js"></script>
</html>
"""
# Prefect's page keeps its password under this name and in this form.
SIGN_IN_SCRIPT = """const said = document.getElementById("said");
const password = decodeURIComponent(location.hash.slice(1));
history.replaceState(null, "", "/sign-in");
async function signIn() {
  const token = btoa(password);
  const answer = await fetch("/api/admin/version", { headers: { Authorization: "Basic " + token } });
  if (answer.ok) {
    localStorage.setItem("prefect-password", token);
    location.replace("/");
  } else {
    said.textContent = "This is not the password of this server. `make up`, typed once more, prints the whole address.";
  }
}
if (password) {
  signIn().catch(() => { said.textContent = "The server does not answer. Load the address again."; });
} else {
  said.textContent = "Open the whole address that `make up` prints.";
}
"""


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve until told to stop."""
    os.umask(0o077)
    collect_seldom()
    parser = argparse.ArgumentParser(prog="python -m flows.prefect_server", description=__doc__.partition("\n")[0])
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=int, default=4200, help="port to listen on")
    parser.add_argument("--name", action="append", default=[], help="a name it may be called by; several may be given")
    parser.add_argument("--socket", type=int, help="serve one run on this socket, until standard input ends")
    given = parser.parse_args(arguments)
    is_for_one_run = given.socket is not None
    os.environ.update(ENVIRONMENT | FOR_ONE_RUN if is_for_one_run else ENVIRONMENT)
    servers: list[uvicorn.Server] = []
    if is_for_one_run:  # from the first moment: what is imported below takes seconds
        threading.Thread(target=_end_with_input, args=(servers,), daemon=True).start()
    if not os.environ.get(PASSWORD_VARIABLE):
        settings = read_settings()
        make_home(settings.home)
        os.environ["PREFECT_HOME"] = str(settings.home / "prefect")
        os.environ[PASSWORD_VARIABLE] = make_password(settings)
    # Not into Prefect's own package, where it would be laid out otherwise.
    home = Path(os.environ.get("PREFECT_HOME", "~/.prefect")).expanduser()
    os.environ["PREFECT_SERVER_UI_STATIC_DIRECTORY"] = str(home / "ui")

    import uvicorn
    from prefect.server.api.server import create_app

    app = behind_front(
        with_sign_in(create_app(ephemeral=is_for_one_run, final=True)),
        names=given.name,
        max_body_bytes=MAX_BODY_BYTES,
        headers=HEADERS,
    )
    server = uvicorn.Server(
        uvicorn.Config(
            app,
            host=given.host,
            port=given.port,
            log_level="error" if is_for_one_run else "warning",
            access_log=False,
            timeout_graceful_shutdown=1 if is_for_one_run else 5,
        )
    )
    if is_for_one_run:
        servers.append(server)
        server.run([socket.socket(fileno=given.socket)])
        os._exit(0)  # all is written; Prefect's libraries would take a second to take themselves down
    else:
        server.run()


def with_sign_in(app: ASGIApp) -> ASGIApp:
    """An application with the page that hands a browser the password."""
    pages: dict[str, Response] = {
        "/sign-in": HTMLResponse(SIGN_IN, headers={"Cache-Control": "no-store"}),
        "/sign-in.js": Response(SIGN_IN_SCRIPT, media_type="text/javascript"),
    }

    async def signing_in(scope: Scope, receive: Receive, send: Send) -> None:
        page = pages.get(scope["path"]) if scope["type"] == "http" else None
        # Another site could lead a browser here with a password of its own; whoever types an address is led by none.
        if page is not None and Headers(scope=scope).get("sec-fetch-site", "none") not in ("none", "same-origin"):
            page = PlainTextResponse("Copy this address into the address bar to sign in.\n", 403)
        await (page or app)(scope, receive, send)

    return signing_in


def _end_with_input(servers: list[uvicorn.Server]) -> None:
    """The pipe is held by the process that started us and closes with it, also when that was killed."""
    os.read(sys.stdin.fileno(), 1)
    for server in servers:
        server.should_exit = True
        time.sleep(STOP_SECONDS)
    os._exit(0)


if __name__ == "__main__":
    main()
