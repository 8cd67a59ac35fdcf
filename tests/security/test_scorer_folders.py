"""Scorer folders that somebody who can write to MLflow has changed: each is refused before it answers anybody."""

from __future__ import annotations

import json
import os
import re
import shutil
import sqlite3
import struct
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import unquote, urlsplit

import numpy as np
import polars as pl
import pytest
from mlflow.entities import FileInfo

from creditrisk import learners
from creditrisk.decision_log import DecisionLog
from creditrisk.errors import DecisionLogError, RegistryError, ScorerError
from creditrisk.learners import blend
from creditrisk.learners._structure import read_text, read_trees
from creditrisk.registry import SCORER_NOTE, Registry, approve, find_challenger, serving_folder
from creditrisk.registry.versions import FINGERPRINT_TAG
from creditrisk.scoring import Scorer, fingerprint, golden, load, proving
from creditrisk.scoring.folder import FILES
from creditrisk.settings import Settings
from tests.conftest import adopt, poll
from webapp.app import create_app

MODEL = "corner_lender"
GOOD = {"client": "A7", "age_years": 61, "amount_eur": 2000, "income_eur": 52000, "housing": "own"}


@dataclass(frozen=True)
class Attack:
    """What is done to a folder, and what is said of it."""

    name: str
    change: Callable[[Path], None]
    said: str


def edit(name: str, pattern: str, new: str) -> Callable[[Path], None]:
    """Replace the first match in a text file; the lengths that LightGBM notes of its trees are put right."""

    def change(folder: Path) -> None:
        path = folder / name
        text, n = re.subn(pattern, new, path.read_text(), count=1, flags=re.MULTILINE)
        assert n == 1, f"nothing to change in {name}"
        path.write_text(with_sizes(text) if name.endswith(".txt") else text)

    return change


def with_sizes(text: str) -> str:
    head, trees = text.split("\n\n", 1)
    sizes = " ".join(str(len(block)) for block in re.findall(r"Tree=\d+\n.*?\n\n\n", trees, flags=re.DOTALL))
    return re.sub(r"tree_sizes=.*", f"tree_sizes={sizes}", head) + "\n\n" + trees


def cut(name: str, share: float) -> Callable[[Path], None]:
    return lambda folder: os.truncate(folder / name, int((folder / name).stat().st_size * share))


def flip(name: str, share: float, by: int = 0x5A) -> Callable[[Path], None]:
    """Change one byte."""

    def change(folder: Path) -> None:
        content = bytearray((folder / name).read_bytes())
        content[int(len(content) * share)] ^= by
        (folder / name).write_bytes(content)

    return change


def value(name: str, path: tuple[str | int, ...], new: object) -> Callable[[Path], None]:
    """Set one value of a JSON file, which may be one that JSON does not know."""

    def change(folder: Path) -> None:
        document = item = json.loads((folder / name).read_text())
        for key in path[:-1]:
            item = item[key]
        item[path[-1]] = new
        (folder / name).write_text(json.dumps(document))

    return change


def tensors(**changed: np.ndarray) -> Callable[[Path], None]:
    from safetensors.numpy import load_file, save_file

    def change(folder: Path) -> None:
        path = folder / "model.logistic_regression.safetensors"
        save_file({**load_file(path), **changed}, path)

    return change


def shape_lie(folder: Path) -> None:
    """A header that claims a terabyte of numbers."""
    path = folder / "model.logistic_regression.safetensors"
    header = {"weights": {"dtype": "F64", "shape": [1 << 37], "data_offsets": [0, 1 << 40]}}
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + b"\0" * 64)


def xgboost_tree(change_tree: Callable[[dict], object]) -> Callable[[Path], None]:
    """Change the first tree of XGBoost's JSON."""

    def change(folder: Path) -> None:
        document = json.loads((folder / XGBOOST).read_text())
        change_tree(document["learner"]["gradient_booster"]["model"]["trees"][0])
        (folder / XGBOOST).write_text(json.dumps(document))

    return change


def xgboost_value(path: tuple[str, ...], new: object) -> Callable[[Path], None]:
    """Set one value of XGBoost's JSON."""
    return value(XGBOOST, ("learner", *path), new)


def set_at(key: str, place: int, new: float) -> Callable[[dict], None]:
    return lambda tree: tree[key].__setitem__(place, new)


LIGHTGBM, LOGISTIC, XGBOOST = "model.lightgbm.txt", "model.logistic_regression.safetensors", "model.xgboost.json"
WITHIN_BOUNDS = "other leaves, within their bounds"


def tree(key: str, new: str) -> Callable[[Path], None]:
    """The first number of a list in the first LightGBM tree that has it."""
    return edit(LIGHTGBM, rf"^{key}=\S+", f"{key}={new}")


def line(old: str, new: str) -> Callable[[Path], None]:
    """A line of the LightGBM text."""
    return edit(LIGHTGBM, f"^{old}$", new)


def rewrite(name: str, change_text: Callable[[str], str]) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        (folder / name).write_text(change_text((folder / name).read_text()))

    return change


def instead(make: Callable[[Path], object]) -> Callable[[Path], None]:
    """Something else where the model card was."""

    def change(folder: Path) -> None:
        (folder / "card.md").unlink()
        make(folder / "card.md")

    return change


def without(*names: str) -> Callable[[Path], None]:
    return lambda folder: [(folder / name).unlink() for name in names]


def swapped(folder: Path) -> None:
    shutil.copy(folder / "profile.json", folder / "metrics.json")
    shutil.copy(folder / "decision.json", folder / "profile.json")


NOT_JSON, GOLDEN = "no number of JSON", "golden rows"
CALIBRATION, DECISION, ENCODER = "calibration.json", "decision.json", "encoder.json"
ATTACKS = [
    # Damaged and cut
    *(Attack(f"{name} cut to nothing", cut(name, 0), "") for name in (LIGHTGBM, LOGISTIC, XGBOOST)),
    *(Attack(f"{name} cut in the middle", cut(name, 0.6), "") for name in (LIGHTGBM, LOGISTIC, XGBOOST)),
    *(Attack(f"a byte of {name} changed", flip(name, 0.5), "") for name in (LIGHTGBM, XGBOOST, ENCODER, "golden.json")),
    Attack("calibration.json cut", cut(CALIBRATION, 0.5), "not the JSON"),
    Attack("schema.toml cut", cut("schema.toml", 0.7), ""),
    # Trees of LightGBM
    Attack("a split on a field that is not there", tree("split_feature", "4000000"), "split_feature"),
    Attack("a split on a field below 0", tree("split_feature", "-1"), "split_feature"),
    Attack("a tree that is its own child", tree("left_child", "0"), "no tree"),
    Attack("a child far outside", tree("right_child", "99999999"), "children"),
    Attack("a leaf reached twice", edit(LIGHTGBM, r"^left_child=.*", "left_child=-1 -1 -1 -1"), "no tree"),
    Attack("a huge leaf", tree("leaf_value", "-1e300"), "leaf_value"),
    Attack("a leaf that is not a number", tree("leaf_value", "nan"), "leaf_value"),
    Attack("a leaf beyond all numbers", tree("leaf_value", "-1e999"), "leaf_value"),
    Attack(WITHIN_BOUNDS, tree("leaf_value", "-9"), GOLDEN),
    Attack("an empty node", tree("internal_count", "0"), "internal_count"),
    Attack("a split on zeros", tree("decision_type", "4"), "zeros"),
    Attack("a split of an unknown type", tree("decision_type", "255"), "decision_type"),
    Attack("a billion leaves", line(r"num_leaves=\d+", "num_leaves=1000000000"), "leaves"),
    Attack("linear leaves", line("is_linear=0", "is_linear=1"), "linear"),
    Attack("splits on sets of categories", line("num_cat=0", "num_cat=7"), "categories"),
    Attack("several classes", line("num_class=1", "num_class=9"), "num_class"),
    Attack("more fields than there are", line(r"max_feature_idx=\d+", "max_feature_idx=400"), "max_feature_idx"),
    Attack("fields of other names", line("feature_names=.*", "feature_names=zip_code"), "feature_names"),
    Attack("another objective", line("objective=.*", "objective=poisson"), "objective"),
    Attack("a key nobody knows", line("is_linear=0", "is_linear=0\nleaf_coeff=1"), "exactly the keys"),
    Attack("trees elsewhere than said", rewrite(LIGHTGBM, lambda text: text.replace("sizes=", "sizes=9", 1)), "cut"),
    Attack("something after the last tree", rewrite(LIGHTGBM, lambda text: f"{text}[x: 1]\n"), "goes on"),
    # Trees of XGBoost
    Attack("an XGBoost node that is its own child", xgboost_tree(set_at("left_children", 1, 1)), "no tree"),
    Attack("an XGBoost circle", xgboost_tree(set_at("right_children", 1, 0)), "no tree"),
    Attack("an XGBoost child far outside", xgboost_tree(set_at("left_children", 0, 1_000_000_000)), "no tree"),
    Attack(
        "an XGBoost split on a field that is not there",
        xgboost_tree(set_at("split_indices", 0, 5_000_000)),
        "split_indices",
    ),
    Attack("a huge XGBoost leaf", xgboost_tree(set_at("split_conditions", -1, -3e38)), "leaves"),
    Attack("a huge XGBoost threshold", xgboost_tree(set_at("split_conditions", 0, 1e39)), "split_conditions"),
    Attack("an XGBoost leaf that is not a number", xgboost_tree(set_at("split_conditions", -1, np.nan)), NOT_JSON),
    Attack("an XGBoost node of half a number", xgboost_tree(set_at("right_children", 0, 1.5)), "right_children"),
    Attack("an XGBoost tree that is a word", xgboost_tree(lambda tree: tree.update(left_children="121")), "a list"),
    Attack("XGBoost lists of other lengths", xgboost_tree(lambda tree: tree["parents"].pop()), "lengths"),
    Attack("XGBoost's splits on sets of categories", xgboost_tree(set_at("split_type", 0, 1)), "categories"),
    Attack("XGBoost's other fields", xgboost_value(("learner_model_param", "num_feature"), "400"), "other fields"),
    Attack("XGBoost's start at nothing", xgboost_value(("learner_model_param", "base_score"), "0"), "base_score"),
    Attack("XGBoost's other objective", xgboost_value(("objective", "name"), "reg:squarederror"), "objective"),
    Attack("XGBoost's trees by another name", xgboost_value(("gradient_booster", "name"), "dart"), "trees"),
    Attack("XGBoost's categories", xgboost_value(("gradient_booster", "model", "cats"), [1]), "other trees"),
    Attack("XGBoost brackets without end", rewrite(XGBOOST, lambda _: "[" * 5_000_000), "nested"),
    Attack("an XGBoost file that is no text", flip(XGBOOST, 0.5, by=0xFF), "not a text"),
    # Arrays
    Attack("arrays of another shape", tensors(weights=np.zeros(3)), "weights"),
    Attack("weights that are not numbers", tensors(weights=np.full(5, np.nan)), "weights"),
    Attack("an endless intercept", tensors(intercept=np.array([-np.inf])), "intercept"),
    Attack("an array too many", tensors(more=np.zeros(3)), "exactly the keys"),
    Attack("a header that claims a terabyte", shape_lie, "damaged"),
    # Calibration, costs and all other figures
    Attack("minus infinity in the calibration", value(CALIBRATION, ("intercept",), float("-inf")), NOT_JSON),
    Attack("a calibration that turns round", value(CALIBRATION, ("slope",), -1.0), "does not rise"),
    Attack("a calibration beyond all bounds", value(CALIBRATION, ("intercept",), -1e307), "intercept"),
    Attack("costs that are not numbers", value(DECISION, ("costs", "accept_bad"), float("nan")), NOT_JSON),
    Attack("costs of nothing", value(DECISION, ("costs", "accept_bad"), 0.0), "accept_bad"),
    Attack("other costs than the schema's", value(DECISION, ("costs", "accept_bad"), 0.01), "cut-offs"),
    Attack("cut-offs that do not follow", value(DECISION, ("zones", "approve_below"), 0.99), "cut-offs"),
    Attack("quantiles out of order", value(DECISION, ("bad_quantiles", 0), 1.0), "rise"),
    Attack("a scale without points", value(DECISION, ("scale", "points_to_double"), 0), "points_to_double"),
    Attack("a reference of other fields", value(DECISION, ("reference",), [0.0]), "reference applicant of 1 fields"),
    Attack("a reference that is no list", value(DECISION, ("reference",), {}), "reference applicant"),
    Attack("a reference of a category that is not there", value(DECISION, ("reference", 3), 7), "housing"),
    Attack("a reference of half a category", value(DECISION, ("reference", 3), 0.5), "housing"),
    Attack("a reference that is no number", value(DECISION, ("reference", 0), "old"), "reference applicant"),
    Attack("a decision rule of the first form", value(DECISION, ("typical_contributions",), [0.0]), "exactly the keys"),
    Attack("a spread of nothing", value(ENCODER, (0, "sd"), 0.0), "spread"),
    Attack("other categories than the schema's", value(ENCODER, (3, "vocabulary"), ["rent", "own"]), "categories"),
    Attack("counts below nothing", value("profile.json", ("n_rows",), -5), "n_rows"),
    Attack("bins of rows that are none", value("profile.json", ("sample", "age_years"), "/w=="), "does not know"),
    Attack("a spread beyond all bounds", value("profile.json", ("fields", "age_years", "sd"), 1e300), "age_years"),
    Attack("a category twice", value("profile.json", ("fields", "housing", "categories"), ["own", "own"]), "twice"),
    Attack("a category that is a list", value("profile.json", ("fields", "housing", "categories"), [["own"]]), "know"),
    Attack("pushes that are no list", value("profile.json", ("fields", "age_years", "pushes"), {}), "a list of"),
    Attack("deciles that are none", value("profile.json", ("deciles", "counts"), [1]), "a count for each"),
    Attack("a key given twice", rewrite("metrics.json", lambda _: '{"a": 1, "a": 2}'), "twice"),
    Attack("a number of many digits", rewrite("metrics.json", lambda _: f'{{"a": {"9" * 5_000}}}'), "digits"),
    Attack("brackets without end", rewrite("metrics.json", lambda _: "[" * 200_000), "nested"),
    Attack("an endless bound in the schema", edit("schema.toml", r"maximum = 100\.?0?", "maximum = inf"), "maximum"),
    Attack("other golden PDs", value("golden.json", ("prob_default", 0), 0.5), GOLDEN),
    Attack("no golden rows", value("golden.json", ("rows",), []), "rows"),
    Attack("a golden row of other fields", value("golden.json", ("rows", 0), {"zip": 1}), "golden.json"),
    # Files that are not the scorer's own
    Attack(
        "a program beside it", lambda folder: (folder / "sitecustomize.py").write_text("1/0"), "no file of a scorer"
    ),
    Attack("a folder inside", instead(Path.mkdir), "not a plain file"),
    Attack("a link to somewhere else", instead(lambda path: path.symlink_to("/etc/hostname")), "not a plain file"),
    Attack("a pipe that never ends", instead(os.mkfifo), "not a plain file"),
    Attack("a huge file", lambda folder: os.truncate(folder / "card.md", 10**11), "bytes"),
    Attack("files that changed places", swapped, "profile.json"),
    Attack("a file missing", without("golden.json"), "golden.json"),
    Attack("a blend of one member", without(XGBOOST, LIGHTGBM), "family"),
]


@pytest.fixture(scope="module")
def blended(corner_scorer: Scorer) -> Scorer:
    """The corner lender with a model of each kind of file: text, binary JSON and arrays."""
    rng = np.random.default_rng(3)
    n = 300
    frame = pl.DataFrame(
        {
            "age_years": rng.integers(18, 80, n),
            "amount_eur": rng.integers(1, 20, n) * 1000.0,
            "income_eur": rng.integers(10, 60, n) * 1000.0,
            "housing": rng.choice(["own", "rent"], n),
        }
    )
    matrix = corner_scorer.encoder.matrix(frame)
    bad = (rng.random(n) < corner_scorer.prob_default(frame)).astype(np.int64)
    few = {
        "lightgbm": {"num_iterations": 12, "num_leaves": 5, "min_child_samples": 10, "learning_rate": 0.1},
        "xgboost": {"num_boost_round": 12, "max_depth": 2, "eta": 0.1},
        "logistic_regression": {"inverse_penalty": 0.1},
    }
    fitted = {
        name: learners.family(name).fit(matrix, bad, corner_scorer.encoder, settings, seed=1)
        for name, settings in few.items()
    }
    return replace(corner_scorer, model=blend.combine(fitted))


@pytest.fixture(scope="module")
def tampered(blended: Scorer, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A folder for each attack, and an untouched one under the name ''."""
    place = tmp_path_factory.mktemp("folders")
    blended.save(place / "sound")
    folders = {"": place / "sound"}
    for number, attack in enumerate(ATTACKS):
        folders[attack.name] = place / str(number)
        shutil.copytree(place / "sound", place / str(number))
        attack.change(place / str(number))
    return folders


def test_of_more_than_fifty_tampered_folders_none_is_proved_and_each_says_why(tampered):
    assert len(ATTACKS) > 50
    folders = list(tampered.values())
    problems = dict(zip(tampered, proving.problems_of(folders), strict=True))
    assert problems.pop("") == ""
    for attack in ATTACKS:
        assert problems[attack.name].startswith("the scorer "), attack.name
        assert attack.said in problems[attack.name], (attack.name, problems[attack.name])


def test_a_text_of_trees_is_refused_by_its_reader(tampered, blended):
    of_trees = [attack for attack in ATTACKS if attack.said and (tampered[attack.name] / LIGHTGBM).is_file()]
    sound = (tampered[""] / LIGHTGBM).read_bytes()
    read_trees(sound.decode(), blended.encoder, LIGHTGBM)
    changed = [attack.name for attack in of_trees if (tampered[attack.name] / LIGHTGBM).read_bytes() != sound]
    assert len(changed) > 15
    for name in set(changed) - {WITHIN_BOUNDS}:
        with pytest.raises(ScorerError):
            read_trees(read_text(tampered[name] / LIGHTGBM), blended.encoder, LIGHTGBM)


def test_trees_are_scored_without_the_libraries_that_fitted_them(tampered):
    program = f"""
import sys
from pathlib import Path
from creditrisk.scoring import proving
assert proving.examine(Path({str(tampered[""])!r})) == ""
print(sorted({{"lightgbm", "xgboost", "sklearn", "scipy.stats", "pandas"}} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=120)
    assert done.stdout.strip() == "[]"


def test_a_folder_that_ends_its_process_is_known_and_the_others_are_still_proved(tmp_path, monkeypatch):
    child = tmp_path / "child"
    # Called as `python -P -m creditrisk.scoring.proving FOLDER ...`.
    child.write_text(
        "#!/bin/sh\nshift 3\nfor folder; do\n"
        'case "$folder" in */bad) kill -SEGV $$;; esac\n'
        'echo "{\\"folder\\": \\"$folder\\", \\"problem\\": \\"\\"}"\ndone\n'
    )
    child.chmod(0o700)
    monkeypatch.setattr(sys, "executable", str(child))
    problems = proving.problems_of([tmp_path / name for name in ("one", "bad", "two")])
    assert problems == ["", "the scorer ended its process (SIGSEGV) while it was proved.", ""]


# Through the whole app


@dataclass(frozen=True)
class Attacked:
    """A home with version 1 serving and version 2 in the hands of an attacker, and the app that looks for champions."""

    settings: Settings
    registry: Registry
    champion: object
    client: object
    # Where MLflow keeps the files of version 2, and what they were.
    files: Path
    sound: Path

    def look_at(self, change: Callable[[Path], None]) -> str:
        """What the app says after version 2 was changed in place."""
        shutil.rmtree(self.files)
        shutil.copytree(self.sound, self.files)
        change(self.files)
        # A change that the app sees, so that it looks at the files again.
        self.registry.client.set_model_version_tag(MODEL, "2", "touched", str(os.urandom(4)))
        poll(self.champion)
        return self.champion.state.model_problem

    def assert_goes_on(self) -> None:
        answer = self.client.post("/api/v1/score", json=GOOD)
        assert (answer.status_code, answer.json["model_version"]) == (200, "1")
        assert answer.json["results"][0]["verdict"] in ("approve", "refer", "decline")

    def forge(self) -> None:
        """Write the fingerprint of the files as they are into MLflow and, past its triggers, into the decision log."""
        sha256 = fingerprint(self.files)
        self.registry.client.set_model_version_tag(MODEL, "2", FINGERPRINT_TAG, sha256)
        with sqlite3.connect(self.settings.home / "decisions.db") as connection:
            connection.execute("DROP TRIGGER IF EXISTS contents_no_update")
            note = json.dumps(["scorer", f"{MODEL}/2", sha256, ""], separators=(",", ":")).encode()
            about = f'["scorer","{MODEL}/2",%'
            connection.execute("UPDATE contents SET payload = ? WHERE CAST(payload AS TEXT) LIKE ?", (note, about))


@pytest.fixture(scope="module")
def attacked(blended, corner_reference, tmp_path_factory) -> Attacked:
    home = tmp_path_factory.mktemp("attacked")
    settings, registry = Settings(home=home), Registry(Settings(home=home).stores)
    reference = corner_reference.drop("prob_default")
    reference = reference.with_columns(prob_default=blended.prob_default(reference))
    for _ in "12":
        registry.register(blended, reference, params={}, metrics={})
    registry.promote(registry.version(MODEL, "1"), by="a tester", why="to serve", evidence="none")
    app = create_app(settings)
    champion = app.extensions["creditrisk"].champion
    poll(champion)
    assert champion.state.scorer.version == "1"
    uri = registry.client.get_model_version_download_uri(MODEL, "2")
    files = Path(unquote(urlsplit(uri).path)) / "artifacts" / "scorer"
    shutil.copytree(files, home / "sound")
    # Whoever can write to MLflow can move the alias to any version that was champion once, as version 2 was.
    adopt(settings, registry.version(MODEL, "2"))
    registry.client.set_registered_model_alias(MODEL, "champion", "2")
    return Attacked(settings, registry, champion, app.test_client(), files, home / "sound")


def test_with_the_note_intact_the_fingerprint_stops_every_one_of_them(attacked):
    for attack in ATTACKS:
        said = attacked.look_at(attack.change)
        assert said.startswith("Version 2 of corner_lender cannot be used: "), attack.name
        assert said.endswith("The model before it goes on scoring."), attack.name
        assert attacked.champion.state.scorer.version == "1", attack.name
    attacked.assert_goes_on()
    ready = attacked.client.get("/ready")
    assert ready.status_code == 200
    assert "cannot be used" in ready.json["model_problem"]


@pytest.mark.parametrize("name", ["minus infinity in the calibration", "XGBoost brackets without end"])
def test_with_the_fingerprint_forged_everywhere_the_proof_stops_it(attacked, name):
    [attack] = [attack for attack in ATTACKS if attack.name == name]
    attacked.look_at(attack.change)
    attacked.forge()
    poll(attacked.champion)
    assert attack.said in attacked.champion.state.model_problem
    assert "fingerprint" not in attacked.champion.state.model_problem
    attacked.assert_goes_on()
    saved = json.loads((attacked.settings.home / "serving" / "current.json").read_text())
    assert saved["version"] == "1"
    assert load(serving_folder(attacked.settings.home, MODEL, "1"), name=MODEL, version="1", sha256=saved["sha256"])


def test_a_fingerprint_changed_in_mlflow_alone_is_noticed_by_the_note(attacked):
    attacked.look_at(value("decision.json", ("n_good",), 1))
    attacked.registry.client.set_model_version_tag(MODEL, "2", FINGERPRINT_TAG, fingerprint(attacked.files))
    poll(attacked.champion)
    assert "another fingerprint in the registry than the decision log noted" in attacked.champion.state.model_problem
    attacked.assert_goes_on()


def test_what_did_not_fit_is_not_fetched_again_until_something_changes(attacked):
    attacked.registry.client.set_model_version_tag(MODEL, "2", FINGERPRINT_TAG, _noted(attacked))
    said = attacked.look_at(cut("schema.toml", 0.5))
    # Were it fetched once more, it would be found to be gone.
    shutil.rmtree(attacked.files)
    for _ in range(3):
        poll(attacked.champion)
        assert attacked.champion.state.model_problem == said
    attacked.registry.client.set_model_version_tag(MODEL, "2", "touched", "once more")
    poll(attacked.champion)
    assert attacked.champion.state.model_problem not in ("", said)


def _noted(attacked: Attacked) -> str:
    return DecisionLog(attacked.settings.decision_log).noted(SCORER_NOTE, f"{MODEL}/2")


def test_a_version_that_was_never_noted_is_served_once_it_is_promoted_again(attacked, tmp_path):
    # Another home asks the same registry, and has a decision log of its own.
    attacked.registry.client.set_registered_model_alias(MODEL, "champion", "1")
    own = Settings(home=tmp_path, mlflow_uri=attacked.settings.mlflow_tracking_uri, dataset=MODEL)
    champion = create_app(own).extensions["creditrisk"].champion
    poll(champion)
    assert "Promote it again, which proves and notes it" in champion.state.model_problem
    registry = Registry(own.stores)
    said = approve(registry, find_challenger(registry, MODEL, "1"), by="Ada", why="seen")
    assert said.startswith("corner_lender version 1 was proved and its fingerprint noted")
    poll(champion)
    assert (champion.state.scorer.version, champion.state.model_problem) == ("1", "")
    with pytest.raises(RegistryError, match="champion already"):
        approve(registry, find_challenger(registry, MODEL, "1"), by="Ada", why="again")


def test_a_saved_copy_that_is_not_sound_does_not_keep_the_app_from_starting(tampered, tmp_path):
    folder = serving_folder(tmp_path, MODEL, "1")
    shutil.copytree(tampered["an XGBoost child far outside"], folder)
    note = {"model": MODEL, "version": "1", "sha256": fingerprint(folder), "since": "2026-10-12T08:00:00+00:00"}
    (tmp_path / "serving" / "current.json").write_text(json.dumps(note))
    app = create_app(Settings(home=tmp_path, mlflow_uri="http://127.0.0.1:9"))
    app.extensions["creditrisk"].champion.look()
    ready = app.test_client().get("/ready")
    assert (ready.status_code, ready.json["model"]) == (503, None)
    assert "The saved model cannot be used: the scorer" in ready.json["model_problem"]


def test_the_first_note_of_a_scorer_counts_and_another_is_refused(tmp_path):
    log = DecisionLog(f"sqlite:///{tmp_path}/decisions.db")
    assert log.noted("scorer", "x/1") is None
    log.note("scorer", "x/1", "abc", by="Ada", why="registered")
    log.note("scorer", "x/1", "abc", by="Ada", why="promoted")
    with pytest.raises(DecisionLogError, match="never changed"):
        log.note("scorer", "x/1", "def")
    assert log.noted("scorer", "x/1") == "abc"
    for model in ("a", "b"):
        log.note("serving", "", model)
    assert log.noted("serving") == "b"
    with sqlite3.connect(tmp_path / "decisions.db") as connection, pytest.raises(sqlite3.IntegrityError, match="never"):
        connection.execute("DELETE FROM contents")


def test_a_scorer_that_never_ends_is_ended_by_the_limits_of_its_process():
    program = "from creditrisk.scoring import proving; proving.CPU_SECONDS = 1; proving._limit(1)\nwhile True: pass"
    done = subprocess.run([sys.executable, "-c", program], check=False, timeout=60)
    assert proving._end(done.returncode) == "took too long or too much memory"


def test_a_scorer_that_takes_more_memory_than_a_sound_one_gets_none(tmp_path):
    program = "from creditrisk.scoring import proving; proving._limit(1); bytearray(3_000_000_000)"
    done = subprocess.run([sys.executable, "-c", program], check=False, capture_output=True, text=True, timeout=60)
    assert "MemoryError" in done.stderr


def test_a_scorer_that_is_slow_on_a_single_application_is_refused(corner_scorer, tmp_path):
    @dataclass(frozen=True)
    class Slow(type(corner_scorer.model)):
        def explained(self, matrix, reference):
            began = time.process_time()
            while time.process_time() - began < proving.ROW_SECONDS:
                pass
            return super().explained(matrix, reference)

    held = corner_scorer.model
    slow = replace(corner_scorer, model=Slow(held.encoder, held.weights, held.intercept))
    rows = golden.make_golden_rows(slow.schema, slow.encoder)
    noted = golden.Golden.noted(rows, slow.schema, corner_scorer.prob_default)
    with pytest.raises(ScorerError, match="one application takes it"):
        proving.check_scores(slow, noted)


def test_what_a_scorer_takes_at_its_first_use_does_not_count(corner_scorer):
    waits = [2 * proving.ROW_SECONDS]

    @dataclass(frozen=True)
    class Compiled(type(corner_scorer.model)):
        def explained(self, matrix, reference):
            began, wait = time.process_time(), waits.pop() if waits else 0.0
            while time.process_time() - began < wait:
                pass
            return super().explained(matrix, reference)

    held = corner_scorer.model
    scorer = replace(corner_scorer, model=Compiled(held.encoder, held.weights, held.intercept))
    rows = golden.make_golden_rows(scorer.schema, scorer.encoder)
    proving.check_scores(scorer, golden.Golden.noted(rows, scorer.schema, corner_scorer.prob_default))
    assert not waits


def test_golden_rows_meet_every_category_the_ends_of_every_range_and_gaps(corner_scorer):
    rows = golden.make_golden_rows(corner_scorer.schema, corner_scorer.encoder)
    assert rows == golden.make_golden_rows(corner_scorer.schema, corner_scorer.encoder)
    assert {row["housing"] for row in rows} == {"own", "rent", None}
    assert {18, 100, golden.ABSURD, -golden.ABSURD, None} <= {row["age_years"] for row in rows}
    assert set(rows[-1].values()) == {None}


def test_a_file_that_a_server_says_is_too_large_is_not_even_sent_for(attacked, tmp_path, monkeypatch):
    class Far:
        """A store behind a server, as MLflow shows it."""

        def list_artifacts(self, path):
            return [FileInfo(f"{path}/{name}", False, 10**11) for name in FILES]

        def download_artifacts(self, path, folder):
            raise AssertionError("it was sent for")

    monkeypatch.setattr(attacked.registry, "files", lambda _uri: Far())
    with pytest.raises(ScorerError, match="100,000,000,000 bytes; up to 20,000,000 are read"):
        attacked.registry._download(attacked.registry.version(MODEL, "2"), tmp_path / "2")
