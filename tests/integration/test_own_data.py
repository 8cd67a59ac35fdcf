"""A lender's own table from end to end: a schema worked out, unedited, a model trained with it, clients scored."""

from __future__ import annotations

import csv
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from creditrisk.settings import Settings
from creditrisk.sources import read_table
from riskometer.cli import main
from tests.conftest import poll
from webapp.app import create_app

# The corrected German file with its own schema: 0.797 with one setting per family (docs/own-data.md).
BUILT_IN_AUC = 0.797
# `riskometer` as it stands, but for fewer folds, one time five in place of three times ten, and for two families that
# are fitted at once.
COMMAND = """
import sys
from creditrisk.training import by_folds, choosing, scores
assert by_folds.SMALL_TABLE_FOLDS
by_folds.SMALL_TABLE_FOLDS = (1, 5)
assert {"decision_tree", "logistic_regression"} < {*scores.FAMILIES} == {*choosing.FAMILIES}
scores.FAMILIES = choosing.FAMILIES = ("decision_tree", "logistic_regression")
from riskometer.cli import main
main(sys.argv[1:])
"""


@pytest.mark.timeout(600)
def test_a_file_nobody_described_is_trained_on_and_its_clients_are_scored(
    credit_data: Path, lay_prefect: Callable[[Path], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    lay_prefect(tmp_path)
    source = credit_data / "south_german_credit" / "SouthGermanCredit.asc"
    monkeypatch.setenv("CREDITRISK_HOME", str(tmp_path))
    monkeypatch.setenv("CREDITRISK_PREFECT_PORT", "1")  # no server answers there
    monkeypatch.setenv("CREDITRISK_SEARCH_TRIALS", "1")
    monkeypatch.chdir(tmp_path)
    infer = ["schema", "infer", str(source), "--target", "credit_risk", "--bad", "0", "-o", "my.toml"]
    said = CliRunner().invoke(main, infer).output
    assert "300 rows are bad (30.0%), 700 good." in said
    assert f"make model-train-flow DATASET=my.toml SOURCE={source}" in said.replace("\n", "")
    command = [sys.executable, "-c", COMMAND, "train", "--dataset", "my.toml", "--source", str(source)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    said = done.stdout + done.stderr

    whole_path = re.search(r"What to expect of it.*\n\s+AUC (\d\.\d+)", said)
    assert whole_path is not None
    assert float(whole_path[1]) > BUILT_IN_AUC - 0.005 - 0.005  # half a point for another machine's arithmetic

    app = create_app(Settings(home=tmp_path))
    poll(app.extensions["creditrisk"].champion)
    client = app.test_client()
    header, example = csv.reader(client.get("/template.csv").text.removeprefix("\ufeff").splitlines())
    assert len(example) == len(header)
    assert len(header) == 17
    assert not {"Age", "Foreign worker", "Personal status sex", "Credit risk"} & {*header}
    applicants = read_table(str(source)).frame.head(20)
    answer = client.post("/api/v1/score.csv", data=applicants.write_csv(), content_type="text/csv")
    rows = answer.text.removeprefix("\ufeff").splitlines()
    assert answer.status_code == 200
    assert len(rows) == 21
    assert all(row["verdict"] in ("approve", "refer", "decline") for row in csv.DictReader(rows))
