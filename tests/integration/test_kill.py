import csv
import io
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import count

import requests

from creditrisk.decision_log import DecisionLog
from creditrisk.registry import Registry
from creditrisk.settings import Settings
from tests.conftest import adopt


def test_every_decision_answered_before_a_kill_9_is_in_the_log(
    german_champion, german_clients: str, serve_web: Callable, tmp_path
):
    settings = Settings(home=tmp_path, mlflow_uri=german_champion.settings.mlflow_tracking_uri)
    adopt(settings, Registry(settings.stores).champion("german_credit"))
    web = serve_web(settings)
    client = next(csv.DictReader(io.StringIO(german_clients)))
    answered: list[int] = []
    numbers = count(1)

    def ask_on(_worker: int) -> None:
        # Every request asks for another amount, by which its decision can be told in the log.
        while (number := next(numbers)) <= 500:
            try:
                application = {**client, "credit_amount": 1000 + number}
                answer = requests.post(f"{web.url}/api/v1/score", json=application, timeout=20)
            except (requests.ConnectionError, requests.exceptions.ChunkedEncodingError):
                return  # not answered, or not to the end
            assert answer.status_code == 200, answer.text
            answered.append(number)
            if len(answered) == 250:
                web.kill()

    with ThreadPoolExecutor(8) as askers:
        list(askers.map(ask_on, range(8)))

    assert 250 <= len(answered) < 500
    log = DecisionLog(settings.decision_log)
    last, _ = log.head()
    logged = {decision.decision.inputs["credit_amount_dm"] - 1000 for decision in log.read(range(1, last + 1))}
    assert set(answered) <= logged
    verification = log.verify()
    assert (verification.broken, verification.n_checked) == (None, last)

    again = serve_web(settings)
    assert requests.post(f"{again.url}/api/v1/score", json=client, timeout=20).status_code == 200
    assert log.head()[0] == last + 1
    assert log.verify().broken is None
