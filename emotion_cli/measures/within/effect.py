"""How far a direction keeps an emotion and its reference apart: in standard deviations, and as a distance without noise."""

from collections.abc import Sequence

import numpy as np

from emotion_cli.measures.gram import Gram
from emotion_cli.measures.inference.auroc import settled, variance_of_refits
from emotion_cli.measures.inference.draws import Contrast
from emotion_cli.measures.inference.statistic import FIXED, Interval, Null, interval_of, mean_where_defined, widened
from emotion_cli.measures.labels import OTHERS, coefficients
from emotion_cli.measures.within.curves import Curves
from emotion_cli.measures.within.likeness import direction_products

NO_DISTANCE = Null(0.0, None, None, None, None, FIXED)
"""Of a squared distance: emotion and reference have the same mean; its interval tells."""


def d_prime(contrast: Contrast, grams: Sequence[Gram]) -> Curves:
    """Difference of the mean scores of held-out prompts of both labels over their pooled standard deviation, at each layer.

    Scores of a fold are projections on the direction of the other folds, of length 1. The difference is the mean over folds;
    the variance is within labels and folds, pooled over all. Labels permuted, topics resampled; NaN where nothing varies.
    """
    draws = contrast.draws
    values, boots = (np.full((len(grams), len(drawn)), np.nan) for drawn in (draws.permuted, draws.counts))
    folds = [
        (train, test, weights)
        for test, train in draws.split()
        if (weights := contrast.weights(train)) is not None and 0 < contrast.is_emotion[0, test].sum() < len(test)
    ]
    is_zero = np.array([contrast.is_zero(gram) for gram in grams])
    for i in np.flatnonzero(~is_zero).tolist():
        zero = grams[i].zero_length(~contrast.is_emotion[0])
        parts, resampled = [], []
        for train, test, weights in folds:
            scores = _projections(grams[i], weights, train, test, zero)
            is_emotion = contrast.is_emotion[:, test]
            parts.append(_parts(scores, is_emotion))
            resampled.append(_parts(scores[:1], is_emotion[:1], draws.counts[:, draws.units[test]]))
        values[i], boots[i] = _pooled(parts), _pooled(resampled)

    def interval(value: float, drawn: np.ndarray) -> Interval:
        return widened(value, interval_of(drawn), draws.n_scarcest, float(np.sqrt(1 + variance_of_refits(len(folds)))))

    is_unequal = np.array([draws.is_unequal(gram) for gram in grams])
    return Curves(values, draws.n_units, boots, interval, is_zero, is_unequal=is_unequal, **contrast.test._asdict())


def _projections(gram: Gram, weights: np.ndarray, train: np.ndarray, test: np.ndarray, zero: float) -> np.ndarray:
    """Scores [draw, test] on directions of length 1, in units of the prompts' length; NaN where a direction counts as zero."""
    scale = float(np.sqrt(np.mean(gram.norms**2)))
    squares = np.einsum("dq,dq->d", weights @ gram.inner[np.ix_(train, train)], weights)
    lengths = np.sqrt(np.where(squares > zero**2, squares, np.nan))
    # rounded before they are scaled, so that prompts with equal activations have no spread
    return settled(weights @ gram.inner[np.ix_(train, test)], scale**2) * scale / lengths[:, None]


def _parts(
    scores: np.ndarray, is_emotion: np.ndarray, times: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of one fold [draw]: the difference of the labels' means, the sum of squares about them, and its degrees of freedom.

    `times` [draw, prompt] say how often a prompt is drawn: squares of n prompts drawn with replacement are too small by
    (n - 1) / n, and so are their degrees of freedom.
    """
    means, squares, degrees = [], 0.0, 0.0
    for has_label in (is_emotion, ~is_emotion):
        weights = has_label * (1.0 if times is None else times)
        sizes, n = weights.sum(1), has_label.sum(1)
        mean = np.divide((weights * scores).sum(1), sizes, out=np.full(len(weights), np.nan), where=sizes > 0)
        squares += np.where(sizes > 0, (weights * (scores - np.nan_to_num(mean)[:, None]) ** 2).sum(1), 0)
        degrees += np.maximum(sizes - 1, 0) * (1.0 if times is None else (n - 1) / n)
        means.append(mean)
    return means[0] - means[1], np.asarray(squares), np.asarray(degrees)


def _pooled(parts: Sequence[tuple[np.ndarray, np.ndarray, np.ndarray]]) -> np.ndarray:
    """d' [draw] of the parts of all folds; NaN where no fold has both labels, or nothing varies."""
    if not parts:
        return np.array(np.nan)
    differences, squares, degrees = (np.array(column) for column in zip(*parts, strict=True))
    total, n = squares.sum(0), degrees.sum(0)
    spread = np.sqrt(np.divide(total, n, out=np.full(len(total), np.nan), where=(n > 0) & (total > 0)))
    return mean_where_defined(differences) / spread


def squared_distance(contrast: Contrast, grams: Sequence[Gram]) -> Curves:
    """Squared length of a direction without the share of noise, in squared units of the activations; it can be negative.

    Mean inner products over pairs of prompts of different topics (Walther et al. 2016); topics resampled. There is no mean over
    layers, because activations grow with depth.
    """
    draws = contrast.draws
    mixture = coefficients(draws.names, contrast.emotion, draws.names, OTHERS)
    counts = np.vstack([np.ones(draws.n_units), draws.counts])
    products = [direction_products(gram.inner, draws.codes, draws.units, counts, mixture[None]) for gram in grams]
    is_zero = np.array([contrast.is_zero(gram) for gram in grams])
    values = np.where(is_zero[:, None], np.nan, np.array(products)[:, :, 0, 0])

    def interval(value: float, drawn: np.ndarray) -> Interval:
        return widened(value, interval_of(drawn), draws.n_scarcest)

    return Curves(values, draws.n_units, values[:, 1:], interval, np.ones(len(grams), bool), null=NO_DISTANCE)
