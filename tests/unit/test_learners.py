"""One contract for every family: additive, the same bits in any company, plain files."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from creditrisk.datasets import load_schema
from creditrisk.encoding import fit_encoder
from creditrisk.learners import FAMILIES, family, fit, is_blend, members_of
from creditrisk.learners._monotone import held_to_signs
from creditrisk.learners._trees import Tree
from creditrisk.metrics import auc
from creditrisk.simulator import simulate
from creditrisk.training.tuning import propose
from creditrisk.validation.sign_tests import sign_lines


@pytest.fixture(scope="module")
def table():
    frame = simulate(1_500, seed=3)
    encoder = fit_encoder(frame, load_schema("simulated"))
    return encoder, encoder.matrix(frame), frame["default"].to_numpy().astype(np.int64)


def _fit(name, table):
    encoder, matrix, target = table
    defaults = {member: family(member).defaults(1_000) for member in members_of(name, 1_000)}
    return fit(name, defaults, matrix[:1_000], target[:1_000], encoder, seed=1)


@pytest.fixture(scope="module", params=FAMILIES)
def model(request, table):
    return _fit(request.param, table)


@pytest.fixture(scope="module")
def again(model, table):
    """The same, fitted once more."""
    return _fit(model.family, table)


def test_it_ranks_unseen_rows(model, table):
    _, matrix, target = table
    # The best reachable AUC is about 0.81; a thousand rows teach a good part of it, one tree the least. Chance gives
    # 0.5 +- 0.04.
    assert auc(model.log_odds(matrix[1_000:]), target[1_000:]) > (0.6 if model.family == "decision_tree" else 0.65)


def test_contributions_add_up_to_the_way_from_the_reference(model, table):
    _, matrix, _ = table
    for reference in (matrix[200], np.full(matrix.shape[1], np.nan)):
        log_odds, parts = model.explained(matrix[:100], reference)
        assert (log_odds == model.log_odds(matrix[:100])).all()
        way = log_odds - model.log_odds(reference[np.newaxis])
        np.testing.assert_allclose(parts.sum(axis=1), way, rtol=0, atol=1e-9)
    np.testing.assert_allclose(model.explained(matrix[:1], matrix[0])[1], 0.0, atol=1e-12)


def test_a_row_gets_the_same_bits_alone_and_in_company(model, table):
    _, matrix, _ = table
    together = model.log_odds(matrix)
    reference = matrix[400]
    parts = model.explained(matrix[:300], reference)[1]
    for row in range(0, 300, 7):
        assert model.log_odds(matrix[row : row + 1])[0] == together[row]
        for last in (row + 1, row + 9):
            assert (model.explained(matrix[row:last], reference)[1][0] == parts[row]).all()
    backwards = model.log_odds(matrix[::-1].copy())[::-1]
    assert (backwards == together).all()


def test_it_survives_its_files_to_the_last_bit_and_they_hold_no_pickle(model, table, tmp_path):
    encoder, matrix, _ = table
    model.save(tmp_path)
    files = list(tmp_path.iterdir())
    assert files
    assert {path.name.split(".")[1] for path in files} == set(members_of(model.family, 1_000))
    # A pickle begins with 0x80 and its protocol, 2 to 5.
    assert not any(re.match(rb"\x80[\x02-\x05]", path.read_bytes()) for path in files)
    again = family(model.family).load(tmp_path, encoder)
    assert (again.log_odds(matrix) == model.log_odds(matrix)).all()


def test_the_same_seed_gives_the_same_model(model, again, table):
    _, matrix, _ = table
    assert (again.log_odds(matrix) == model.log_odds(matrix)).all()


def test_gaps_and_unknown_categories_do_not_stop_it(model, table):
    encoder, matrix, _ = table
    empty = np.full((1, matrix.shape[1]), np.nan)
    assert np.isfinite(model.log_odds(empty)).all()
    for reference in (matrix[0], empty[0]):
        assert np.isfinite(model.explained(empty, reference)[1]).all()
    unknown = pl.DataFrame({field.name: ["?"] if field.is_category else [1.0] for field in encoder.fields})
    assert np.isfinite(model.log_odds(encoder.matrix(unknown))).all()


def test_the_same_fit_writes_the_same_bytes(model, again, tmp_path):
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    model.save(tmp_path / "one")
    again.save(tmp_path / "two")
    for path in (tmp_path / "one").iterdir():
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes(), path.name


@pytest.mark.parametrize("name", [name for name in FAMILIES if not is_blend(name)])
def test_every_setting_it_may_suggest_fits(name, table):
    encoder, matrix, target = table
    for parameters in propose(name, 600, trials=4, seed=2):
        model = family(name).fit(matrix[:600], target[:600], encoder, parameters, seed=1)
        assert np.isfinite(model.log_odds(matrix)).all(), parameters


def test_a_signed_field_pushes_one_way_only_where_a_family_can_hold_to_it(model, table):
    encoder, matrix, _ = table
    lines = {line["family"]: line["n_against"] for line in sign_lines(model, encoder, matrix)}
    measured = {"gradient_boosting", "dnn", "blend"}
    assert {name for name, n_against in lines.items() if n_against} <= measured
    assert lines.keys() >= {model.family, *members_of(model.family, 1_000)}


def test_a_tree_without_its_sign_goes_against_it(table):
    encoder, matrix, target = table
    for name in ("lightgbm", "random_forest"):
        settings = family(name).defaults(1_000)
        free = family(name).fit(matrix, target, _without_signs(encoder), settings, seed=1)
        [line] = sign_lines(free, encoder, matrix)
        assert line["n_against"] > 0


def _without_signs(encoder):
    return replace(encoder, fields=tuple(replace(field, sign=0) for field in encoder.fields))


def test_only_leaves_that_applicants_alike_but_for_a_signed_field_come_to_are_drawn_into_order():
    # Field 1 at most 5: field 0 up to 1 gives 0.4, beyond 0.2. Else: up to 2 gives 0.1, beyond it 0.3.
    tree = Tree(
        left=np.array([1, 3, 5, -1, -1, -1, -1]),
        right=np.array([2, 4, 6, -1, -1, -1, -1]),
        field=np.array([1, 0, 0, -2, -2, -2, -2]),
        threshold=np.array([5.0, 1.0, 2.0, 0, 0, 0, 0]),
        missing_left=np.array([1, 0, 0, 0, 0, 0, 0]),
        value=np.array([0, 0, 0, 0.4, 0.2, 0.1, 0.3]),
        count=np.ones(7, dtype=np.int64),
    )
    assert held_to_signs(tree, np.array([1, 0])).value[3:].tolist() == pytest.approx([0.3, 0.3, 0.1, 0.3])
    assert held_to_signs(tree, np.array([-1, 0])).value[3:].tolist() == pytest.approx([0.4, 0.2, 0.2, 0.2])
    # Alike in field 0, applicants come from 0.4 to 0.1, and from 0.2 to 0.1 and to 0.3.
    assert held_to_signs(tree, np.array([0, -1])).value[3:].tolist() == pytest.approx([0.4, 0.25, 0.1, 0.25])
    assert held_to_signs(tree, np.array([0, 0])).value.tolist() == tree.value.tolist()


def test_logistic_regression_is_at_the_optimum_that_scikit_learn_comes_to(table):
    from sklearn.linear_model import LogisticRegression

    encoder, matrix, target = table
    design = encoder.design(matrix)
    theirs = LogisticRegression(C=0.1, tol=1e-8, max_iter=2_000).fit(design, target).coef_[0]
    ours = family("logistic_regression").fit(matrix, target, _without_signs(encoder), {"inverse_penalty": 0.1}, seed=1)
    np.testing.assert_allclose(ours.weights, theirs, atol=1e-4)
    held = family("logistic_regression").fit(matrix, target, encoder, {"inverse_penalty": 0.1}, seed=1)
    assert (held.weights * encoder.design_signs >= 0).all()
    if (theirs * encoder.design_signs >= 0).all():  # no bound is reached
        np.testing.assert_allclose(held.weights, theirs, atol=1e-4)


@pytest.mark.parametrize("name", ["decision_tree", "random_forest", "gradient_boosting"])
def test_what_is_written_down_scores_like_what_scikit_learn_fitted(name, table):
    from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
    from sklearn.tree import DecisionTreeClassifier

    encoder, matrix, target = table
    whole = np.round(np.nan_to_num(matrix))  # numbers that single precision holds exactly
    settings = family(name).defaults(1_000)
    classes = {
        "decision_tree": DecisionTreeClassifier,
        "random_forest": RandomForestClassifier,
        "gradient_boosting": GradientBoostingClassifier,
    }
    if name == "random_forest":  # its leaves are drawn into the order that signs ask for once it is grown
        encoder = _without_signs(encoder)
    held = {"monotonic_cst": encoder.signs} if name == "decision_tree" else {}
    theirs = (
        classes[name](random_state=1, **held, **settings).fit(whole[:1_000], target[:1_000]).predict_proba(whole)[:, 1]
    )
    ours = family(name).fit(whole[:1_000], target[:1_000], encoder, settings, seed=1).log_odds(whole)
    if name == "decision_tree":  # its leaves are drawn towards the table's bad rate, which keeps their order
        assert all(len(set(ours[theirs == value])) == 1 for value in set(theirs))
    else:
        np.testing.assert_allclose(1 / (1 + np.exp(-ours)), np.clip(theirs, 1e-3, 1 - 1e-3), atol=1e-6)


@pytest.mark.parametrize("n_rows", [1_000, 20_000])
def test_a_blend_is_the_mean_of_its_members_and_finds_them_again_in_its_files(n_rows, table, tmp_path):
    encoder, matrix, target = table
    defaults = {member: family(member).defaults(1_000) for member in members_of("blend", n_rows)}
    blend = fit("blend", defaults, matrix[:300], target[:300], encoder, seed=1)
    alone = [fit(name, {name: made}, matrix[:300], target[:300], encoder, seed=1) for name, made in defaults.items()]
    np.testing.assert_allclose(blend.log_odds(matrix), np.mean([one.log_odds(matrix) for one in alone], axis=0))
    blend.save(tmp_path)
    assert (family("blend").load(tmp_path, encoder).log_odds(matrix) == blend.log_odds(matrix)).all()
