import os
import socket
import subprocess
import sys

import pytest

from creditrisk.decision_log import store
from creditrisk.errors import DecisionLogError, SettingsError
from creditrisk.settings import Settings
from webapp.serve import reach_words, serve
from webapp.worker import look_at_log


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


def test_where_it_answers_is_printed_when_it_starts(tmp_path):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {**os.environ, "CREDITRISK_HOME": str(tmp_path), "CREDITRISK_WEB_PORT": str(port)}
    command = [sys.executable, "-m", "riskometer", "serve"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
        line = process.stderr.readline().decode()
        process.terminate()
        process.stderr.read()
    assert line == f"The Risk-O-Meter answers at http://127.0.0.1:{port}.\n"


def test_a_process_that_has_looked_at_the_log_does_not_look_again_when_a_client_waits(corner_app, monkeypatch):
    context, looks = corner_app.extensions["creditrisk"], []
    real = store.problem_of_end
    monkeypatch.setattr(store, "problem_of_end", lambda connection: looks.append(1) or real(connection))

    look_at_log(context)
    client = [{"client": "A1", "age_years": 44, "amount_eur": 2_000, "income_eur": 30_000, "housing": "own"}]
    answer = corner_app.test_client().post("/api/v1/score", json={"applications": client})

    assert answer.status_code == 200, answer.json
    assert looks == [1]


def test_a_log_that_is_away_ends_no_process(corner_app):
    context = corner_app.extensions["creditrisk"]
    context.log.store.path.parent.joinpath("decisions.db").write_bytes(b"no database" * 500)

    look_at_log(context)

    with pytest.raises(DecisionLogError):
        context.log.check_writable()
