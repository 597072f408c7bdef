"""How activations are prepared, against numpy and scikit-learn-free oracles."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from emotion_cli.errors import UsageError
from emotion_cli.measures.directions import METHODS, NEUTRAL_SHARE

centred, removed = METHODS["mean_difference_centred"].prepare, METHODS["neutral_pcs_removed"].prepare


def rows_of(seed, prompts=24, width=10, scale=(9, 5, 1, 1, 1, 1, 1, 1, 1, 1)):
    rng = np.random.default_rng(seed)
    rotation, _ = np.linalg.qr(rng.normal(size=(width, width)))
    return 3 + rng.normal(size=(prompts, width)) * scale @ rotation, np.arange(prompts) % 2 == 0


@given(st.integers(0, 1000))
def test_centred_is_what_layer_norm_leaves(seed):
    rows, neutral = rows_of(seed)
    found = centred(rows.astype(np.float32), neutral)

    def layer_norm(x):
        return (x - x.mean(1, keepdims=True)) / np.sqrt(x.var(1, keepdims=True) + 1e-12)

    np.testing.assert_allclose(found.mean(1), 0, atol=1e-12)
    np.testing.assert_allclose(layer_norm(found), layer_norm(rows), atol=1e-4)
    assert found.dtype == np.float64


@given(st.integers(0, 1000))
def test_neutral_components_are_gone_and_the_rest_is_as_it_was(seed):
    rows, neutral = rows_of(seed)
    found = removed(rows, neutral)
    # oracle: eigenvectors of the covariance, the fewest that explain the share
    values, vectors = np.linalg.eigh(np.cov(rows[neutral].T))
    values, vectors = values[::-1], vectors[:, ::-1]
    wanted = next(k for k in range(1, 11) if values[:k].sum() >= NEUTRAL_SHARE * values.sum())
    basis = vectors[:, :wanted]
    np.testing.assert_allclose(found @ basis, 0, atol=1e-8)
    np.testing.assert_allclose(found + rows @ basis @ basis.T, rows, atol=1e-8)
    # projecting is linear: the prepared difference of means is the projected difference
    difference = rows[~neutral].mean(0) - rows[neutral].mean(0)
    prepared = found[~neutral].mean(0) - found[neutral].mean(0)
    np.testing.assert_allclose(prepared, difference - basis @ (basis.T @ difference), atol=1e-8)


def test_one_component_is_enough_where_it_explains_the_share():
    rows = np.zeros((6, 3))
    rows[:, 0] = [1, -1, 1, -1, 7, 8]
    rows[:, 1] = [0.5, 0.5, -0.5, -0.5, 2, 3]
    rows[:, 2] = 4
    neutral = np.array([True] * 4 + [False] * 2)
    np.testing.assert_allclose(removed(rows, neutral), rows * [0, 1, 1], atol=1e-12)


def test_neutral_prompts_that_do_not_vary_take_nothing_away():
    rows = np.vstack([np.full((4, 3), 2.0) + 1e-9 * np.arange(12).reshape(4, 3), [[1, 2, 3]]])
    np.testing.assert_array_equal(removed(rows, np.array([True] * 4 + [False])), rows)


def test_two_neutral_prompts_are_needed():
    with pytest.raises(UsageError, match="there are 1"):
        removed(np.ones((3, 2)), np.array([True, False, False]))
