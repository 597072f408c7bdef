"""How well logistic regression tells an emotion's prompts from its reference's: a second look where a direction finds nothing."""

from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
from threadpoolctl import threadpool_limits

from emotion_cli.measures.gram import Gram
from emotion_cli.measures.inference.auroc import area_interval, areas, resampled_areas, settled
from emotion_cli.measures.inference.draws import Contrast, draws_of
from emotion_cli.measures.inference.sampling import Sampling
from emotion_cli.measures.inference.statistic import NO_NULL, mean_where_defined
from emotion_cli.measures.within.curves import Curves
from emotion_cli.measures.within.separability import HeldOut

INVERSE_PENALTY = 100.0
"""C of scikit-learn, for rows whose mean square is 1; fixed. On two models 10 and 100 differed by less than 0.03 at any layer."""

MOST_PROMPTS = 2000
"""With more prompts in a comparison there is no classifier: its cost grows with their number cubed."""

RANK = 1e-10
"""Share of the largest eigenvalue below which a component of the training prompts is rounding."""


def logistic_auroc(contrast: Contrast, grams: Sequence[Gram]) -> Curves | None:
    """AUROC of each fold's prompts by a classifier of the other folds: mean over folds, topics resampled; no null."""
    draws, is_emotion = contrast.draws, contrast.is_emotion[0]
    if len(draws.used) > MOST_PROMPTS:
        return None
    values, resamples = [], []
    for test, train in draws.split():
        if not (_has_both(is_emotion[test]) and _has_both(is_emotion[train])):
            continue
        scores = _scores(grams, train, test, is_emotion[train])
        values.append([_area(of_layer, is_emotion[test]) for of_layer in scores])
        resamples.append([_resampled(of_layer, is_emotion[test], draws.units[test], draws.counts) for of_layer in scores])
    if not values:
        return Curves(np.full((len(grams), 1), np.nan), draws.n_units, null=NO_NULL)
    interval = partial(area_interval, n_units=draws.n_scarcest, n_folds=len(values))
    boots = mean_where_defined(np.array(resamples))
    return Curves(np.mean(values, axis=0)[:, None], draws.n_units, boots, interval, null=NO_NULL)


def logistic_heldout(contrast: Contrast, grams: Sequence[Gram], test: HeldOut, sampling: Sampling) -> Curves | None:
    """AUROC on the prompts of a test set by a classifier of the whole training set; the Grams are of all prompts."""
    train, is_emotion = contrast.draws.used, contrast.is_emotion[0]
    if len(train) > MOST_PROMPTS or not _has_both(is_emotion):
        return None
    of_test = Contrast(contrast.emotion, draws_of(test.labels, test.topics, contrast.draws.names, sampling, test.clusters))
    rows = np.asarray(test.rows)[of_test.draws.used]
    return logistic_of_scores(of_test, _scores(grams, train, rows, is_emotion))


def logistic_of_scores(of_test: Contrast, scores: Sequence[np.ndarray]) -> Curves:
    """AUROC of given scores [layer, prompt] of a test set's prompts; no null."""
    positive, draws = of_test.is_emotion[0], of_test.draws
    values = np.array([_area(of_layer, positive) for of_layer in scores])
    boots = np.array([_resampled(of_layer, positive, draws.units, draws.counts) for of_layer in scores])
    return Curves(values[:, None], draws.n_units, boots, partial(area_interval, n_units=draws.n_scarcest), null=NO_NULL)


def _scores(grams: Sequence[Gram], train: np.ndarray, test: np.ndarray, is_positive: np.ndarray) -> list[np.ndarray]:
    with threadpool_limits(1):  # many small products: threads inside each only wait for one another
        return [logistic_scores(gram, train, test, is_positive) for gram in grams]


def logistic_scores(gram: Gram, train: np.ndarray, test: np.ndarray, is_positive: np.ndarray) -> np.ndarray:
    """Log odds [test] of the positive label, given those of the training prompts [train]."""
    fit = fitted(gram, train, is_positive)
    return settled(gram.inner[np.ix_(test, train)] @ fit.weights + fit.intercept, 1.0)


class Fitted(NamedTuple):
    """Log odds of the positive label: `weights` [train] of the inner products with training prompts, and the `intercept`."""

    weights: np.ndarray
    intercept: float


def fitted(gram: Gram, train: np.ndarray, is_positive: np.ndarray) -> Fitted:
    """Logistic regression of the training prompts' labels [train]: L2, weights in their span; none where they do not vary.

    Rows are scaled by one number, so that their mean square is 1; their principal components stand for them, so the width of
    the model does not matter.
    """
    from sklearn.linear_model import LogisticRegression  # here, because it takes a second to import

    inner = gram.inner[np.ix_(train, train)]
    scale = np.trace(inner) / len(train)
    if scale <= gram.zero_length(np.isin(np.arange(len(gram.norms)), train)) ** 2:
        return Fitted(np.zeros(len(train)), 0.0)
    variances, vectors = np.linalg.eigh(inner / scale)
    kept = variances > RANK * variances[-1]
    lengths = np.sqrt(variances[kept])
    regression = LogisticRegression(C=INVERSE_PENALTY, max_iter=1000).fit(vectors[:, kept] * lengths, is_positive)
    return Fitted(vectors[:, kept] / lengths @ regression.coef_[0] / scale, float(regression.intercept_[0]))


def _has_both(is_positive: np.ndarray) -> bool:
    return bool(is_positive.any() and not is_positive.all())


def _area(scores: np.ndarray, is_positive: np.ndarray) -> float:
    return float(areas(scores[is_positive][None], scores[~is_positive][None])[0])


def _resampled(scores: np.ndarray, is_positive: np.ndarray, units: np.ndarray, counts: np.ndarray) -> np.ndarray:
    return resampled_areas(scores[is_positive], scores[~is_positive], (units[is_positive], units[~is_positive]), counts)
