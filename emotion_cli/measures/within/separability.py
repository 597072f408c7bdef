"""How well a direction separates an emotion's prompts from its reference's, by the area under the ROC curve."""

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import numpy as np

from emotion_cli.measures.gram import Gram
from emotion_cli.measures.inference.auroc import area_interval, areas, resampled_areas, settled
from emotion_cli.measures.inference.draws import Contrast, draws_of
from emotion_cli.measures.inference.sampling import Sampling
from emotion_cli.measures.inference.statistic import GAUSSIAN, mean_where_defined
from emotion_cli.measures.within.bag_of_words import Texts
from emotion_cli.measures.within.curves import Curves

TIES = 9
"""Decimals in which two layers' AUROC are compared."""


class HeldOut(NamedTuple):
    """A test set under the same model: its name, rows [prompt] in each Gram, labels, topics and texts."""

    name: str
    rows: np.ndarray
    labels: Sequence[str]
    topics: Sequence[str | None]
    texts: Texts | None = None


def auroc(contrast: Contrast, grams: Sequence[Gram]) -> Curves:
    """AUROC of each fold's prompts on the direction of the other folds: mean over folds, labels permuted, topics resampled."""
    draws = contrast.draws
    n_draws = len(draws.permuted)
    folds, resamples = [], []
    for test, train in draws.split():
        weights = contrast.weights(train)
        positive, negative = contrast.places(test)
        if weights is None or not positive.size or not negative.size:
            continue
        units = draws.units[test]
        values = np.empty((len(grams), n_draws))
        boots = np.empty((len(grams), len(draws.counts)))
        for i, gram in enumerate(grams):
            scores = settled(weights @ gram.inner[np.ix_(train, test)], float(np.mean(gram.norms**2)))
            p, n = np.take_along_axis(scores, positive, 1), np.take_along_axis(scores, negative, 1)
            values[i] = areas(p, n)
            boots[i] = resampled_areas(p[0], n[0], (units[positive[0]], units[negative[0]]), draws.counts)
        folds.append(values)
        resamples.append(boots)
    if not folds:
        return Curves(np.full((len(grams), n_draws), np.nan), draws.n_units)
    values, boots = np.mean(folds, axis=0), mean_where_defined(np.array(resamples))
    for i, gram in enumerate(grams):
        if contrast.is_zero(gram):
            values[i, 0], boots[i] = 0.5, np.nan
    return Curves(values, draws.n_units, boots, partial(area_interval, n_units=draws.n_units, n_folds=len(folds)))


def random_auroc(contrast: Contrast, grams: Sequence[Gram], values: np.ndarray) -> Curves:
    """AUROC of the directions [layer], beside the AUROC of the same folds on Gaussian directions."""
    is_emotion = contrast.is_emotion[0]
    folds = [test for test, _ in contrast.draws.split() if 0 < is_emotion[test].sum() < len(test)]
    beside = np.full((len(grams), 1 + grams[0].projections.shape[1]), np.nan)
    for i, gram in enumerate(grams):
        scores = settled(gram.projections.T, float(gram.norms.mean()))
        drawn = [areas(scores[:, test[is_emotion[test]]], scores[:, test[~is_emotion[test]]]) for test in folds]
        beside[i] = [values[i], *(np.mean(drawn, axis=0) if drawn else np.full(len(scores), np.nan))]
    return Curves(beside, contrast.draws.n_units, kind=GAUSSIAN)


def heldout_auroc(contrast: Contrast, grams: Sequence[Gram], test: HeldOut, sampling: Sampling) -> Curves:
    """AUROC of the whole training set's direction on the prompts of a test set; labels permuted within test topics.

    The Grams are of all prompts, those of the test set too.
    """
    weights = contrast.everyone
    test_contrast = Contrast(contrast.emotion, draws_of(test.labels, test.topics, contrast.draws.names, sampling))
    n_topics = test_contrast.draws.n_units
    if weights is None:
        return Curves(np.full((len(grams), 1 + sampling.draws), np.nan), n_topics)
    train = contrast.draws.used
    rows = np.asarray(test.rows)[test_contrast.draws.used]
    positive, negative = test_contrast.places(np.arange(len(rows)))
    units = test_contrast.draws.units[positive[0]], test_contrast.draws.units[negative[0]]
    values, boots = [], []
    for gram in grams:
        scores = np.zeros(len(rows))
        if not contrast.is_zero(gram.of(train)):
            scores = settled(gram.inner[np.ix_(rows, train)] @ weights[0], float(np.mean(gram.norms**2)))
        values.append(areas(scores[positive], scores[negative]))
        boots.append(resampled_areas(scores[positive[0]], scores[negative[0]], units, test_contrast.draws.counts))
    return Curves(np.array(values), n_topics, np.array(boots), partial(area_interval, n_units=n_topics))


def best_auroc(curves: Curves, layers: Sequence[int]) -> Curves | None:
    """The layer with the highest AUROC (the lowest such), against the maximum over layers of each draw; None without any."""
    values = curves.values
    if not len(values) or not np.isfinite(values[:, 0]).any():
        return None
    # rounded, so that the choice does not hang on the last bit
    best = int(np.argmax(np.round(values[:, 0], TIES)))
    return Curves(np.concatenate([values[best, :1], values[:, 1:].max(0)])[None], curves.n, layers=[layers[best]])
