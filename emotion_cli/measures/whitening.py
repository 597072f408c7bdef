"""Activations in the metric of their own covariance, from inner products alone; the covariance knows neither labels nor topics.

With a few dimensions that hold most of the variance (massive activations, Sun et al. 2024) the mean difference sees little
but these. The inverse of a shrunk covariance takes them back (Ledoit and Wolf 2004).
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from emotion_cli.measures.directions import ZERO_RELATIVE_NORM, Direction
from emotion_cli.measures.gram import Gram

RANK = 1e-12
"""Share of the largest eigenvalue below which a component of the training prompts is rounding."""


class Shrunk(NamedTuple):
    """A shrunk covariance `(1 - shrinkage) C + ridge I` of training rows; `ridge` has the unit of a variance."""

    shrinkage: float
    ridge: float


class Whitening(NamedTuple):
    """Shrunk covariance of training prompts by its components: `variances` [component] and `vectors` [train, component].

    A component's direction is `vectors` times the centred training rows over `lengths` [component]. All that is orthogonal
    to the training prompts has the variance `ridge`; without any variance there are no components, and the ridge is 0.
    """

    vectors: np.ndarray
    lengths: np.ndarray
    variances: np.ndarray
    ridge: float


def shrunk(inner: np.ndarray, width: int) -> Shrunk:
    """Ledoit and Wolf's covariance (2004) of training rows, given inner products [train, train] about their mean.

    Their d^2, b^2 and m of `width` dimensions follow from the trace, the diagonal and the squares of the inner products.
    """
    squares = float(np.square(inner).sum())
    return shrinkage_of(float(np.trace(inner)), squares, float(np.square(np.diag(inner)).sum()), len(inner), width)


def shrinkage_of(trace: float, squares: float, fourth: float, n: int, width: int) -> Shrunk:
    """The same from the trace and the sum of squares of the inner products (or of the scatter), and of their diagonal."""
    mean_variance = trace / (n * width)
    squares /= n**2
    dispersion = squares / width - mean_variance**2
    error = (fourth / n - squares) / (n * width)
    # rounding may leave less than nothing
    shrinkage = float(np.clip(error / dispersion, 0, 1)) if dispersion > 0 else 1.0
    return Shrunk(shrinkage, float(shrinkage * mean_variance))


def whitening(layer: Gram, n_train: int, width: int) -> Whitening:
    """The whitening that the first `n_train` prompts of a layer's Gram give; `width` is d_model."""
    inner = layer.inner[:n_train, :n_train]
    if np.trace(inner) <= n_train * (ZERO_RELATIVE_NORM * layer.norms[:n_train].mean()) ** 2:
        # the prompts do not vary: what is left is rounding
        return Whitening(np.empty((n_train, 0)), np.empty(0), np.empty(0), 0.0)
    covariance = shrunk(inner, width)
    values, vectors = np.linalg.eigh(inner)
    kept = values > RANK * values[-1]
    values = values[kept]
    return Whitening(
        vectors[:, kept], np.sqrt(values), (1 - covariance.shrinkage) * values / n_train + covariance.ridge, covariance.ridge
    )


def whitened(layer: Gram, n_train: int, width: int) -> Gram:
    """A layer's Gram in the metric of its training prompts' covariance: X (C + lambda I)^-1 X'; no matrix of d_model is made.

    `norms` are lengths in this metric, about the training prompts' mean. `projections` are on random directions in it.
    """
    by = whitening(layer, n_train, width)
    coordinates = layer.inner[:, :n_train] @ by.vectors / by.lengths
    # exact for the training prompts, of which nothing lies outside
    coordinates[:n_train] = by.vectors * by.lengths
    inner = (coordinates / by.variances) @ coordinates.T
    projections = (coordinates / np.sqrt(by.variances)) @ (by.vectors.T @ layer.projections[:n_train] / by.lengths[:, None])
    if by.ridge > 0:
        test = slice(n_train, None)
        inner[test, test] += (layer.inner[test, test] - coordinates[test] @ coordinates[test].T) / by.ridge
        spanned = coordinates @ (by.vectors.T @ layer.projections[:n_train] / by.lengths[:, None])
        projections += (layer.projections - spanned) / np.sqrt(by.ridge)
    return Gram(inner, np.sqrt(np.maximum(np.diag(inner), 0)), projections)


def as_read(rows: np.ndarray, directions: Sequence[Direction]) -> list[Direction]:
    """Directions made of training rows [prompt, d_model], as scores are read along them: `x . vector`."""
    vectors = reading(rows, np.array([direction.vector for direction in directions]))
    return [
        direction._replace(
            vector=vector,
            l1_norm=float(np.abs(vector).sum()),
            l2_norm=float(np.linalg.norm(vector)),
            relative_norm=None,
        )
        for direction, vector in zip(directions, vectors, strict=True)
    ]


def reading(rows: np.ndarray, directions: np.ndarray) -> np.ndarray:
    """Directions [direction, d_model] that scores are read along, (C + lambda I)^-1 v, of training rows [prompt, d_model]."""
    rows = np.asarray(rows, np.float64)
    centred = rows - rows.mean(0)
    by = whitening(Gram(centred @ centred.T, np.linalg.norm(rows, axis=1), np.empty((len(rows), 0))), len(rows), rows.shape[1])
    components = (by.vectors / by.lengths).T @ centred
    along = directions @ components.T
    read = (along / by.variances) @ components
    return read + (directions - along @ components) / by.ridge if by.ridge > 0 else read
