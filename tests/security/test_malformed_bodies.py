"""A thousand bodies that are nearly right, from a seeded generator, over every route that takes one."""

import json
import random

import psutil
import requests

from tests.security.conftest import GOOD

HEADER = "client,age_years,amount_eur,income_eur,housing"
CSV = f"{HEADER}\n" + "".join(f"A{n},61,2000,52000,own\n" for n in range(20))
CALLBACK = {
    "output": "..stage.children...tick.disabled...sending.children..",
    "outputs": [
        {"id": "stage", "property": "children"},
        {"id": "tick", "property": "disabled"},
        {"id": "sending", "property": "children"},
    ],
    "inputs": [
        {"id": "job", "property": "data", "value": None},
        {"id": "tick", "property": "n_intervals", "value": 1},
    ],
    "changedPropIds": ["tick.n_intervals"],
}
ROUTES = {
    "/api/v1/score": ("application/json", [json.dumps(GOOD), json.dumps({"applications": [GOOD] * 20})]),
    "/api/v1/score.csv": ("text/csv", [CSV]),
    "/api/v1/outcomes": (
        "application/json",
        [json.dumps({"outcomes": [{"application_id": "A7", "default": False, "observed_on": "2026-03-31"}]})],
    ),
    "/invocations": (
        "application/json",
        [
            json.dumps({"dataframe_records": [GOOD] * 5}),
            json.dumps({"dataframe_split": {"columns": list(GOOD), "data": [[*GOOD.values()]] * 5}}),
        ],
    ),
    "/uploads": ("application/octet-stream", [CSV]),
    "/ui/_dash-update-component": ("application/json", [json.dumps(CALLBACK)]),
}
PIECES = (
    *("{", "}", "[", "]", '"', ",", ":", "\n", ";", "\t", "\\", "null", "true", "NaN", "1e999", "-0", '""'),
    *("-Infinity", "[" * 1_000),
    *('{"a":' * 500, "9" * 5_000, "\\u0000", "\\ud800", "é", "\0", "\ufeff", "=1+1", "x" * 200_000),
)  # fmt: skip


def malformed(rng, body):
    """The body after a few accidents."""
    for _ in range(rng.randint(1, 4)):
        start = rng.randrange(len(body) + 1)
        stop = min(len(body), start + rng.randint(0, 30))
        match rng.randrange(5):
            case 0:
                body = body[:start] + body[stop:]
            case 1:
                body = body[:start] + rng.choice(PIECES) + body[start:]
            case 2:
                body = body[:start] + rng.choice(PIECES) + body[stop:]
            case 3:
                body = body[:start] + body[start:stop] * rng.randint(2, 300) + body[stop:]
            case 4:
                body = body[:start]
    raw = body.encode("utf-8", "surrogatepass")
    if rng.random() < 0.1:
        raw = raw[: len(raw) // 2] + rng.randbytes(50) + raw[len(raw) // 2 :]
    return rng.choice([raw] * 8 + [raw.decode("utf-8", "replace").encode("utf-16"), rng.randbytes(300)])


def memory_kb(web):
    """Of all processes of the app together."""
    parent = psutil.Process(web.process.pid)
    return sum(process.memory_info().rss for process in (parent, *parent.children())) // 1000


def test_a_thousand_malformed_bodies_cost_little_memory_and_no_5xx(web):
    rng = random.Random(7)
    session = requests.Session()
    before = 0
    for number in range(1_000):
        path, (kind, bodies) = rng.choice(list(ROUTES.items()))
        kind = rng.choice([kind] * 9 + ["text/csv"])
        body = malformed(rng, rng.choice(bodies))
        answer = session.post(web.url + path, data=body, headers={"Content-Type": kind}, timeout=30)
        # Too many uploads at once is said with a 503, and when to come back.
        is_busy = path == "/uploads" and answer.status_code == 503 and "Retry-After" in answer.headers
        assert answer.status_code < 500 or is_busy, (path, kind, answer.text[:300], body[:300])
        if answer.status_code >= 400:
            is_mlflows = path == "/invocations" and "error_code" in answer.json()
            error = answer.json() if is_mlflows else answer.json()["error"]
            assert set(error) - {"stack_trace", "missing_fields", "faults"} == {
                "error_code" if is_mlflows else "code",
                "message",
            }
        if number == 100:
            before = memory_kb(web)
    assert memory_kb(web) - before < 100_000
    assert requests.get(f"{web.url}/health", timeout=5).status_code == 200
