"""The network's compiled arithmetic beside the same in plain NumPy."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from scipy.special import expit, logit

from creditrisk.datasets import load_schema
from creditrisk.encoding import fit_encoder
from creditrisk.learners import dnn
from creditrisk.learners._network_fit import AdamW, falling_rates
from creditrisk.learners._network_inputs import input_fields, split_inputs
from creditrisk.simulator import simulate


@pytest.fixture(scope="module")
def table():
    frame = simulate(1_200, seed=3)
    encoder = fit_encoder(frame, load_schema("simulated"))
    matrix = encoder.matrix(frame)
    # A gap wherever the encoder knows gaps, so that each way of entering is walked.
    for field, item in enumerate(encoder.fields):
        if item.has_missing:
            matrix[field::40, field] = np.nan
    return encoder, matrix, frame["default"].to_numpy().astype(np.int64)


@pytest.fixture(scope="module")
def model(table):
    encoder, matrix, target = table
    return dnn.fit(matrix[:1_000], target[:1_000], encoder, {**dnn.defaults(1_000), "epochs": 6}, seed=1)


@pytest.fixture(scope="module")
def reference(table):
    """An applicant with a gap where the encoder knows one."""
    encoder, matrix, _ = table
    row = matrix[17].copy()
    row[next(field for field, item in enumerate(encoder.fields) if item.has_missing)] = np.nan
    return row


def _embedded(model, matrix):
    numbers, others = split_inputs(model.encoder, matrix)
    bins = np.clip((numbers[:, :, np.newaxis] - model.bin_low) / model.bin_width, 0.0, 1.0)
    units = np.maximum(np.einsum("rfb,fbe->rfe", bins, model.embedding) + model.embedding_bias, 0.0)
    return np.column_stack([units.reshape(len(matrix), -1), others])


def _probabilities(model, embedded):
    """Each network's, (n_rows, n_networks), and which hidden units are active."""
    scaled = embedded[:, np.newaxis, :] * model.scale_in
    hidden = (scaled @ model.weights) * model.scale_out + model.hidden_bias
    return expit((np.maximum(hidden, 0.0) * model.output).sum(axis=2) + model.output_bias), hidden > 0


def _gradient(model, embedded):
    each, active = _probabilities(model, embedded)
    mean = each.mean(axis=1, keepdims=True)
    outer = each * (1 - each) / (each.shape[1] * mean * (1 - mean))
    back = ((active * model.output * outer[:, :, np.newaxis] * model.scale_out) @ model.weights.T) * model.scale_in
    return back.sum(axis=1)


def test_single_precision_is_near_enough(model, table):
    _, matrix, _ = table
    exact = _probabilities(model, _embedded(model, matrix))[0].mean(axis=1)
    np.testing.assert_allclose(expit(model.log_odds(matrix)), exact, atol=1e-6)
    np.testing.assert_allclose(model.log_odds(matrix), logit(exact), atol=1e-5)


def test_what_fields_contribute_is_the_integral_of_the_slope(model, table, reference):
    _, matrix, _ = table
    end, start = _embedded(model, matrix[:20]), _embedded(model, reference[np.newaxis])
    steps = (np.arange(200) + 0.5) / 200
    slope = np.mean([_gradient(model, start + step * (end - start)) for step in steps], axis=0)
    fields = input_fields(model.encoder, model.embedding.shape[2])
    exact = ((end - start) * slope) @ (fields[:, np.newaxis] == np.arange(matrix.shape[1]))
    contributions = model.explained(matrix[:20], reference)[1]
    # Log-odds of applicants differ by some 0.8.
    np.testing.assert_allclose(contributions, exact, atol=2e-3)
    assert np.abs(contributions - exact).mean() < 1e-4


def test_contributions_add_up_to_the_difference_from_the_reference(model, table, reference):
    _, matrix, _ = table
    log_odds, contributions = model.explained(matrix, reference)
    assert contributions.shape == matrix.shape
    base = model.log_odds(reference[np.newaxis])[0]
    np.testing.assert_allclose(contributions.sum(axis=1), log_odds - base, atol=1e-9)
    assert (log_odds == model.log_odds(matrix)).all()


def test_a_field_that_is_as_the_reference_has_it_contributes_nothing(model, table, reference):
    _, matrix, _ = table
    contributions = model.explained(matrix, reference)[1]
    same = (matrix == reference) | (np.isnan(matrix) & np.isnan(reference))
    assert same.any()
    assert (contributions[same] == 0).all()
    assert (model.explained(reference[np.newaxis], reference)[1] == 0).all()


def test_a_row_is_explained_by_the_same_bits_alone_in_company_and_in_many_threads(model, table, reference):
    _, matrix, _ = table
    log_odds, contributions = model.explained(matrix, reference)
    for row in range(0, len(matrix), 97):
        alone = model.explained(matrix[row : row + 1], reference)
        assert alone[0][0] == log_odds[row]
        assert (alone[1][0] == contributions[row]).all()
    with ThreadPoolExecutor(4) as pool:
        blocks = list(
            pool.map(lambda first: model.explained(matrix[first : first + 75], reference), range(0, 1200, 75))
        )
    assert (np.concatenate([block[0] for block in blocks]) == log_odds).all()
    assert (np.concatenate([block[1] for block in blocks]) == contributions).all()


def test_no_row_and_a_row_of_gaps_are_explained_too(model, reference):
    log_odds, contributions = model.explained(np.empty((0, len(reference))), reference)
    assert (log_odds.shape, contributions.shape) == ((0,), (0, len(reference)))
    assert np.isfinite(model.explained(np.full((1, len(reference)), np.nan), reference)[1]).all()
    assert np.isfinite(model.explained(reference[np.newaxis], np.full(len(reference), np.nan))[1]).all()


def test_a_category_that_the_networks_were_not_made_for_enters_as_none(model, table, reference):
    encoder, _, _ = table
    field = next(index for index, item in enumerate(encoder.fields) if item.is_category and not item.is_ordered)
    beyond, none = reference.copy(), reference.copy()
    beyond[field], none[field] = len(encoder.fields[field].vocabulary), -1.0
    assert model.log_odds(beyond[np.newaxis])[0] == model.log_odds(none[np.newaxis])[0]


def test_the_weights_move_as_by_pytorchs_own_adamw_and_schedule_to_the_last_bit():
    import torch  # here: not every process that collects tests fits networks

    random = torch.Generator().manual_seed(4)
    start = [torch.randn(shape, generator=random) for shape in ((7, 5), (3,))]
    ours, theirs = ([tensor.clone().requires_grad_() for tensor in start] for _ in range(2))
    optimiser = torch.optim.AdamW(theirs, lr=0.01, weight_decay=0.3, fused=True)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, 12)
    own = AdamW(ours, 0.3)
    for rate in falling_rates(0.01, 12):
        for tensors in (ours, theirs):
            torch.autograd.backward((tensors[0].square().sum() - tensors[1].sin()).sum())
        own.step(rate)
        optimiser.step()
        schedule.step()
        optimiser.zero_grad()
    assert all(torch.equal(*pair) for pair in zip(ours, theirs, strict=True))
    assert not torch.equal(ours[0], start[0])
