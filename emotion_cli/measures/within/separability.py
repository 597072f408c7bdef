"""How well a direction separates an emotion's prompts from its reference's, by the area under the ROC curve."""

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import numpy as np

from emotion_cli.measures.gram import Gram
from emotion_cli.measures.inference.auroc import area_interval, areas, areas_of_labels, resampled_areas, settled
from emotion_cli.measures.inference.draws import Contrast, draws_of
from emotion_cli.measures.inference.sampling import Sampling
from emotion_cli.measures.inference.spreads import are_unequal, error_over_folds, errors_of_labels, studentised
from emotion_cli.measures.inference.statistic import GAUSSIAN, mean_where_defined
from emotion_cli.measures.within.bag_of_words import Texts
from emotion_cli.measures.within.curves import Curves

TIES = 9
"""Decimals in which two layers' AUROC are compared."""

LEAST_FOLDS = 3
"""Fewer folds do not tell how much they differ."""


class HeldOut(NamedTuple):
    """A test set under the same model: its name, rows [prompt] in each Gram, labels, topics, texts and clusters."""

    name: str
    rows: np.ndarray
    labels: Sequence[str]
    topics: Sequence[str | None]
    texts: Texts | None = None
    clusters: Sequence[str | None] | None = None


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
    is_unequal = np.array([draws.is_unequal(gram) for gram in grams])
    if len(folds) >= LEAST_FOLDS:
        for i in np.flatnonzero(is_unequal):
            values[i] = studentised(values[i], error_over_folds(np.array(folds)[:, i]))
        is_unequal[:] = False
    for i, gram in enumerate(grams):
        if contrast.is_zero(gram):
            values[i, 0], boots[i] = 0.5, np.nan
    interval = partial(area_interval, n_units=draws.n_scarcest, n_folds=len(folds))
    return Curves(values, draws.n_units, boots, interval, is_unequal=is_unequal, **contrast.test._asdict())


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
    of_test = contrast_of_test(contrast.emotion, contrast.draws.names, test, sampling)
    draws, weights, train = of_test.draws, contrast.everyone, contrast.draws.used
    if weights is None:
        return Curves(np.full((len(grams), len(draws.permuted)), np.nan), draws.n_units)
    rows = np.asarray(test.rows)[draws.used]
    scores = np.zeros((len(grams), len(rows)))
    for i, gram in enumerate(grams):
        if not contrast.is_zero(gram.of(train)):
            scores[i] = settled(gram.inner[np.ix_(rows, train)] @ weights[0], float(np.mean(gram.norms**2)))
    return auroc_of_scores(of_test, scores)


def contrast_of_test(emotion: str, names: Sequence[str], test: HeldOut, sampling: Sampling) -> Contrast:
    """The emotion among these labels in a test set."""
    return Contrast(emotion, draws_of(test.labels, test.topics, names, sampling, test.clusters))


def auroc_of_scores(of_test: Contrast, scores: np.ndarray) -> Curves:
    """AUROC of given scores [layer, prompt] of a test set's prompts; labels permuted within its topics."""
    draws, is_emotion = of_test.draws, of_test.is_emotion
    units = draws.units[is_emotion[0]], draws.units[~is_emotion[0]]
    values, boots = np.empty((len(scores), len(draws.permuted))), np.empty((len(scores), len(draws.counts)))
    for i, of_layer in enumerate(scores):
        values[i] = areas_of_labels(of_layer, is_emotion)
        boots[i] = resampled_areas(of_layer[is_emotion[0]], of_layer[~is_emotion[0]], units, draws.counts)
        if are_unequal(draws.codes, draws.exchange, of_layer):
            values[i] = studentised(values[i], errors_of_labels(of_layer, is_emotion))
    interval = partial(area_interval, n_units=draws.n_scarcest)
    return Curves(values, draws.n_units, boots, interval, **of_test.test_of_scores._asdict())


def best_auroc(curves: Curves, layers: Sequence[int]) -> Curves | None:
    """The layer with the highest AUROC (the lowest such), against the maximum over layers of each draw; None without any."""
    values = curves.values
    if not len(values) or not np.isfinite(values[:, 0]).any():
        return None
    # rounded, so that the choice does not hang on the last bit
    best = int(np.argmax(np.round(values[:, 0], TIES)))
    highest = np.concatenate([values[best, :1], values[:, 1:].max(0)])[None]
    unequal = None if curves.is_unequal is None else np.array([curves.is_unequal.any()])
    return Curves(highest, curves.n, layers=[layers[best]], kind=curves.kind, alike=curves.alike, is_unequal=unequal)
