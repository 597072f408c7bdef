"""How a method prepares rows that are read in batches: what it learns of them, it learns in passes of its own."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from emotion_cli.measures.directions import (
    METHODS,
    NEUTRAL_SHARE,
    ZERO_RELATIVE_NORM,
    Direction,
    as_they_are,
    centred,
    without_neutral_components,
)
from emotion_cli.measures.labels import Labels
from emotion_cli.measures.streamed.moments import mean_of, moments, scatter
from emotion_cli.measures.streamed.rows import Rows
from emotion_cli.measures.whitening import RANK, shrinkage_of


def prepared(rows: Rows, method: str, is_neutral: np.ndarray) -> Rows:
    """Rows as the method wants them, whitening aside; it learns of neutral prompts [prompt] only."""
    return _PREPARED[METHODS[method].prepare](rows, is_neutral)


def _without_neutral_components(rows: Rows, is_neutral: np.ndarray) -> Rows:
    n = int(is_neutral.sum())
    if n < 2:
        # with the message of the method itself
        without_neutral_components(np.zeros((n, 1)), np.ones(n, bool))
    mean = mean_of(rows, is_neutral)
    values, vectors = np.linalg.eigh(scatter(rows, is_neutral, mean))
    explained = np.maximum(values[::-1], 0)
    squares = explained.sum() + n * float(mean @ mean)
    if explained.sum() <= ZERO_RELATIVE_NORM**2 * squares:
        return rows  # neutral prompts do not vary: what is left is rounding
    n_removed = int(np.searchsorted(np.cumsum(explained) / explained.sum(), NEUTRAL_SHARE - 1e-12)) + 1
    components = vectors[:, ::-1][:, :n_removed]
    return rows.mapped(lambda batch: batch - (batch @ components) @ components.T)


_PREPARED: dict[Callable[[np.ndarray, np.ndarray], np.ndarray], Callable[[Rows, np.ndarray], Rows]] = {
    as_they_are: lambda rows, _: rows,
    centred: lambda rows, is_neutral: rows.mapped(lambda batch: centred(batch, is_neutral)),
    without_neutral_components: _without_neutral_components,
}


class Metric(NamedTuple):
    """The inverse of a shrunk covariance of the training rows: `inverse` [width, width] and its `root`, and their mean."""

    mean: np.ndarray
    inverse: np.ndarray
    root: np.ndarray


def metric_of(rows: Rows, is_train: np.ndarray) -> Metric:
    """The metric in which a method that whitens measures, learnt of the training prompts [prompt] (Ledoit and Wolf 2004)."""
    n = int(is_train.sum())
    mean = mean_of(rows, is_train)
    products = scatter(rows, is_train, mean)
    lengths, fourth = 0.0, 0.0
    for prompts, batch in rows.batches():
        of_train = batch[is_train[prompts]]
        lengths += float(np.linalg.norm(of_train, axis=1).sum())
        fourth += float((np.square(of_train - mean).sum(1) ** 2).sum())
    width = rows.width
    if np.trace(products) <= n * (ZERO_RELATIVE_NORM * lengths / n) ** 2:
        # the prompts do not vary: what is left is rounding
        return Metric(mean, np.zeros((width, width)), np.zeros((width, width)))
    covariance = shrinkage_of(float(np.trace(products)), float(np.square(products).sum()), fourth, n, width)
    values, vectors = np.linalg.eigh(products)
    values = np.where(values > RANK * values[-1], values, 0)
    variances = (1 - covariance.shrinkage) * values / n + covariance.ridge
    # without a ridge nothing is known of what no prompt spans
    inverse = np.divide(1, variances, out=np.zeros_like(variances), where=variances > 0)
    return Metric(mean, (vectors * inverse) @ vectors.T, (vectors * np.sqrt(inverse)) @ vectors.T)


def whitened(rows: Rows) -> Rows:
    """Training rows in the metric of their own covariance, about their mean."""
    metric = metric_of(rows, np.ones(len(rows), bool))
    return rows.mapped(lambda batch: (batch - metric.mean) @ metric.root)


def directions(rows: Rows, labels: Labels, method: str) -> list[Direction]:
    """The directions of a method, of rows that are prepared: the same as of all rows at once."""
    names, codes = np.unique(np.asarray(labels.labels), return_inverse=True)
    known = moments(rows, codes)
    means = known.means
    lengths = np.bincount(codes, known.norms) / known.sizes
    place = {name: i for i, name in enumerate(names.tolist())}
    made = []
    whitens = METHODS[method].whitens
    inverse = metric_of(rows, np.ones(len(rows), bool)).inverse if whitens else None
    for emotion in labels.emotions:
        against = [place[name] for name in labels.against(emotion)]
        vector = means[place[emotion]] - means[against].mean(0)
        n_reference = int(known.sizes[against].sum())
        scale = float((lengths[against] * known.sizes[against]).sum() / n_reference)
        relative: float | None = float(np.linalg.norm(vector)) / scale if scale > 0 else 0.0
        if inverse is not None:
            vector, relative = vector @ inverse, None
        made.append(
            Direction(
                emotion,
                vector,
                int(known.sizes[place[emotion]]),
                n_reference,
                float(np.abs(vector).sum()),
                float(np.linalg.norm(vector)),
                relative,
            )
        )
    return made
