"""Services that integration tests run against: real ones, started here and thrown away."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from creditrisk.settings import Settings
from flows.local_run import asking, start_server, wait_until_it_answers

PASSWORD = "only-for-tests"


@pytest.fixture(scope="module")
def prefect(lay_prefect: Callable[[Path], None], tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The Prefect server that a run has where no other answers: flows called in this process ask it."""
    from prefect.events.worker import EventsWorker
    from prefect.logging.handlers import APILogWorker

    home = tmp_path_factory.mktemp("prefect")
    lay_prefect(home)
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("PREFECT_HOME", str(home / "prefect"))
        server = start_server()
        try:
            with asking(server):
                wait_until_it_answers(server, Settings(home=home))
                yield
                # What Prefect's threads have not sent by the end of this process they would try to send for minutes.
                APILogWorker.instance().drain()
                EventsWorker.drain_all()
        finally:
            server.process.kill()
            server.process.wait()


@pytest.fixture(scope="session")
def postgres_cluster() -> Iterator[str]:
    """A throw-away PostgreSQL on a free port of this machine, as a URL that ends before the database's name."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda folder: int(folder.parent.name))
    initdb = shutil.which("initdb", path=os.pathsep.join([*map(str, reversed(folders)), os.environ["PATH"]]))
    if initdb is None:
        pytest.skip("PostgreSQL's initdb not found: install Debian's postgresql to run this test")
    # PostgreSQL refuses to run as root, and pytest's own folders are closed to other users.
    folder = Path(tempfile.mkdtemp(prefix="riskometer-postgres-"))
    is_root = os.geteuid() == 0
    if is_root:
        shutil.chown(folder, "postgres")

    def run(program: str, *arguments: str) -> None:
        command = [str(Path(initdb).with_name(program)), *arguments]
        # Not captured through pipes: the server would keep them open.
        with (folder / "output.txt").open("a+") as output:
            done = subprocess.run(
                ["runuser", "-u", "postgres", "--", *command] if is_root else command,
                cwd=folder,
                stdout=output,
                stderr=subprocess.STDOUT,
                check=False,
            )
            if done.returncode != 0:
                output.seek(0)
                raise RuntimeError(f"{program} failed:\n{output.read()}")

    data = str(folder / "data")
    try:
        password_file = folder / "password.txt"
        password_file.write_text(PASSWORD)
        run("initdb", "--pgdata", data, "--username=riskometer", "--auth=scram-sha-256", f"--pwfile={password_file}",
            "--encoding=UTF8", "--no-locale", "--no-sync")  # fmt: skip
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={folder} -c fsync=off"
        run("pg_ctl", "--pgdata", data, "--wait", "--options", options, "--log", str(folder / "server.log"), "start")
        try:
            yield f"postgresql://riskometer:{PASSWORD}@127.0.0.1:{port}/"
        finally:
            run("pg_ctl", "--pgdata", data, "--wait", "--mode=immediate", "stop")
    finally:
        shutil.rmtree(folder)


@pytest.fixture
def postgres_url(postgres_cluster: str) -> str:
    """The URL of an empty database of the throw-away PostgreSQL, a new one for every test."""
    with psycopg.connect(postgres_cluster + "postgres", autocommit=True) as connection:
        number = connection.execute("SELECT count(*) FROM pg_database").fetchone()[0]
        name = f"test_{number}"
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    return postgres_cluster + name
