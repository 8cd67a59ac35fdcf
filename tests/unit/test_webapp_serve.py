import os
import socket
import subprocess
import sys
import time

import pytest

from creditrisk.errors import SettingsError
from creditrisk.settings import Settings
from webapp.serve import reach_words, serve


def test_a_port_in_use_gives_one_sentence(tmp_path):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(SettingsError, match=rf"127\.0\.0\.1:{port}.*CREDITRISK_WEB_PORT"):
            serve(Settings(home=tmp_path, web_port=port))


def test_it_says_where_it_answers_and_to_whom(tmp_path):
    def said(**more):
        return reach_words(Settings(home=tmp_path, web_port=9000, **more))

    assert said() == ["The Risk-O-Meter answers at http://127.0.0.1:9000."]
    assert said(host="::1") == ["The Risk-O-Meter answers at http://[::1]:9000."]
    [where, who, how] = said(host="0.0.0.0")
    assert where == "The Risk-O-Meter answers at http://127.0.0.1:9000."
    assert "refuses all of them (403)" in who
    assert how.startswith("CREDITRISK_ALLOWED_HOSTS adds names")
    assert (
        "answers without any login to whoever calls it risk.bank.example."
        in said(host="0.0.0.0", allowed_hosts="risk.bank.example")[1]
    )
    (tmp_path / "accounts.json").write_text("{}")
    assert "answers after a sign-in to whoever calls it 192.0.2.7." in said(host="192.0.2.7")[1]


def test_it_prints_where_it_answers_and_looks_at_the_log_before_anybody_asks(tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {**os.environ, "CREDITRISK_HOME": str(tmp_path), "CREDITRISK_WEB_PORT": str(port)}
    command = [sys.executable, "-m", "riskometer", "serve"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
        line = process.stderr.readline().decode()
        deadline = time.monotonic() + 30
        while not (tmp_path / "decisions.db").exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        process.terminate()
        process.stderr.read()
    assert (tmp_path / "decisions.db").exists()
    assert line == f"The Risk-O-Meter answers at http://127.0.0.1:{port}.\n"
