"""Are an emotion's prompts nearest to their own centroid, among those of all labels?"""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from emotion_cli.measures.gram import Gram
from emotion_cli.measures.inference.auroc import settled
from emotion_cli.measures.inference.draws import Draws


def centroid_accuracy(draws: Draws, grams: Sequence[Gram]) -> np.ndarray:
    """Share of each label's prompts nearest to their own label's centroid of the other folds [layer, 1 + draw, label]."""
    n_labels, n_draws = len(draws.names), len(draws.permuted)
    folds = [test for test, _ in draws.split()]
    shares = np.full((len(grams), n_draws, n_labels), np.nan)
    sizes = np.array([np.bincount(draws.codes[fold], minlength=n_labels) for fold in folds])
    left = sizes.sum(0) - sizes
    if len(folds) < 2 or not left.all():
        return shares
    order = np.concatenate(folds)
    bounds = np.cumsum([0, *map(len, folds)])
    permuted = draws.permuted[:, order]
    is_label = [(permuted == label).astype(np.float64) for label in range(n_labels)]
    # memory that is new for each label and layer takes longer to get than to fill
    parts, distances = np.empty((len(folds), n_draws, len(order))), np.empty((n_labels, n_draws, len(order)))
    for i, gram in enumerate(grams):
        inner = gram.inner[np.ix_(order, order)]
        for label in range(n_labels):
            # sums over one fold's prompts of the label, against every prompt
            for part, (a, b) in zip(parts, pairwise(bounds), strict=True):
                np.matmul(is_label[label][:, a:b], inner[a:b], out=part)
            between = _between(parts, is_label[label], bounds)
            total, square = parts.sum(0), between.sum((0, 2))
            for fold, (a, b) in enumerate(pairwise(bounds)):
                n = left[fold, label]
                squares = square - 2 * between[fold].sum(1) + between[fold, :, fold]
                distances[label, :, a:b] = squares[:, None] / n**2 - 2 * (total[:, a:b] - parts[fold, :, a:b]) / n
        scale = float(np.mean(gram.norms**2))
        nearest = settled(distances, scale)
        # a tie is shared
        closest = nearest == nearest.min(0)
        for label in range(n_labels):
            hits = closest[label] / closest.sum(0) * is_label[label]
            shares[i, :, label] = hits.sum(1) / is_label[label].sum(1)
    return shares


def _between(parts: np.ndarray, has_label: np.ndarray, bounds: np.ndarray) -> np.ndarray:
    """Inner products of the sums over two folds' prompts of a label [fold, draw, fold], given one fold's with every prompt."""
    products = np.empty((len(parts), len(has_label), len(parts)))
    for first, part in enumerate(parts):
        for second in range(first, len(parts)):
            of_fold = slice(bounds[second], bounds[second + 1])
            products[first, :, second] = np.einsum("dp,dp->d", part[:, of_fold], has_label[:, of_fold])
            products[second, :, first] = products[first, :, second]
    return products
