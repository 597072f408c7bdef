"""The whitened Gram against scikit-learn's Ledoit-Wolf covariance and its inverse, written out."""

import numpy as np
import pytest
from sklearn.covariance import LedoitWolf

from emotion_cli.measures.gram import gram
from emotion_cli.measures.whitening import reading, shrunk, whitened

SHAPES = [
    pytest.param(40, 12, (1.0,), id="more prompts than dimensions"),
    pytest.param(20, 50, (1.0,), id="more dimensions than prompts"),
    pytest.param(30, 80, (3000.0, 900.0, 400.0), id="massive activations"),
]


def rows_of(n, width, spread, seed=0):
    rng = np.random.default_rng(seed)
    scale = np.ones(width)
    scale[: len(spread)] = spread
    return 7 + rng.normal(size=(n, width)) * scale


def metric(train):
    """The inverse covariance [width, width], by scikit-learn."""
    return np.linalg.inv(LedoitWolf().fit(train).covariance_)


@pytest.mark.parametrize(("n", "width", "spread"), SHAPES)
def test_shrinkage_is_that_of_scikit_learn(n, width, spread):
    train = rows_of(n, width, spread)
    found, fitted = shrunk(gram(train).inner, width), LedoitWolf().fit(train)
    assert found.shrinkage == pytest.approx(fitted.shrinkage_, rel=1e-9)
    covariance = np.cov(train.T, bias=True)
    np.testing.assert_allclose(
        (1 - found.shrinkage) * covariance + found.ridge * np.eye(width), fitted.covariance_, rtol=1e-9, atol=1e-9
    )


@pytest.mark.parametrize(("n", "width", "spread"), SHAPES)
def test_inner_products_are_those_in_the_metric_of_the_training_prompts(n, width, spread):
    train, test = rows_of(n, width, spread), 2 + rows_of(9, width, spread, seed=1)
    gaussian = np.random.default_rng(2).normal(size=(width, 5))
    found = whitened(gram(np.vstack([train, test]), n, gaussian), n, width)
    centred = np.vstack([train, test]) - train.mean(0)
    inner = centred @ metric(train) @ centred.T
    np.testing.assert_allclose(found.inner, inner, rtol=1e-6, atol=1e-6 * np.abs(inner).max())
    np.testing.assert_allclose(found.norms, np.sqrt(np.diag(inner)), rtol=1e-6)
    values, vectors = np.linalg.eigh(metric(train))
    root = vectors * np.sqrt(values) @ vectors.T
    np.testing.assert_allclose(found.projections, centred @ root @ gaussian, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("n", "width", "spread"), SHAPES)
def test_a_score_is_the_product_with_the_reading_direction(n, width, spread):
    train = rows_of(n, width, spread)
    directions = np.random.default_rng(3).normal(size=(2, n)) @ (train - train.mean(0))
    found = reading(train, directions)
    np.testing.assert_allclose(found, directions @ metric(train), rtol=1e-6, atol=1e-8 * np.abs(found).max())


@pytest.mark.parametrize("rows", [np.ones((6, 4)), 1e6 + 1e-6 * np.random.default_rng(0).normal(size=(6, 4))])
def test_prompts_that_do_not_vary_have_no_length(rows):
    found = whitened(gram(rows, None, np.ones((4, 2))), 6, 4)
    assert not found.inner.any() and not found.norms.any() and not found.projections.any()
    assert not reading(rows, np.ones((1, 4))).any()
