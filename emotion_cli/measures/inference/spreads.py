"""Labels that differ in spread and in number: there a permutation test of means finds too much, or too little.

Under permuted labels each label has the mixed spread. Where few prompts of a label vary more than many of another, the true
statistic varies more than its null (Behrens and Fisher); divided by its own error it does not (Janssen 1997).
"""

from collections.abc import Callable

import numpy as np

from emotion_cli.measures.inference.auroc import CHUNK
from emotion_cli.measures.inference.exchange import Exchange

MOST_OF_SIZES = 1.25
"""The most that a label's number of prompts may be of another's."""

MOST_OF_VARIANCES = 1.5
"""The same of variances about the labels' means."""

HALF = 0.5
"""AUROC of nothing; and the least error that counts, as a share of the median under permutation."""


def is_unequal(codes: np.ndarray, exchange: Exchange, inner: np.ndarray) -> bool:
    """Whether labels [prompt] differ in number where they are exchanged, and in spread, from inner products [prompt, prompt]."""
    return _differ(codes, exchange, lambda members: _variance(inner[np.ix_(members, members)]))


def are_unequal(codes: np.ndarray, exchange: Exchange, scores: np.ndarray) -> bool:
    """The same of scores [prompt]."""
    return _differ(codes, exchange, lambda members: float(scores[members].var(ddof=1)))


def _differ(codes: np.ndarray, exchange: Exchange, variance_of: Callable[[np.ndarray], float]) -> bool:
    sizes = np.bincount(codes)
    sizes = sizes[sizes > 0]
    if exchange.is_even or sizes.max() <= MOST_OF_SIZES * sizes.min():
        return False
    variances = [variance_of(np.flatnonzero(is_member)) for is_member in _members(codes)]
    return max(variances) > MOST_OF_VARIANCES * min(variances)


def _members(codes: np.ndarray) -> np.ndarray:
    is_label = np.arange(codes.max() + 1)[:, None] == codes
    return is_label[is_label.sum(1) > 1]


def _variance(inner: np.ndarray) -> float:
    return float(np.trace(inner) - inner.mean(0).sum()) / (len(inner) - 1)


def studentised(values: np.ndarray, errors: np.ndarray) -> np.ndarray:
    """AUROC [1 + draw] whose draws from the null are what they would be with the error [1 + draw] of the first, the true one.

    An error below half the median of the null's counts as that: few folds agree by chance.
    """
    if len(values) < 2:
        return values
    errors = np.maximum(errors, HALF * np.median(errors[1:]))
    scale = errors[0] / np.where(errors > 0, errors, 1)
    return np.concatenate([values[:1], HALF + (values[1:] - HALF) * scale[1:]])


def error_over_folds(folds: np.ndarray) -> np.ndarray:
    """Standard error [draw] of a mean over folds [fold, draw]."""
    return folds.std(0, ddof=1) / np.sqrt(len(folds))


def error_over_prompts(positive: np.ndarray, negative: np.ndarray) -> np.ndarray:
    """Standard error [draw] of the AUROC of scores [draw, positive] and [draw, negative] (DeLong et al. 1988)."""
    from scipy.stats import rankdata  # here, because it takes half a second to import

    n_positive, n_negative = positive.shape[1], negative.shape[1]
    ranks = rankdata(np.hstack([positive, negative]), axis=1)
    beaten = (ranks[:, :n_positive] - rankdata(positive, axis=1)) / n_negative
    beating = (ranks[:, n_positive:] - rankdata(negative, axis=1)) / n_positive
    return np.sqrt(beaten.var(1, ddof=1) / n_positive + beating.var(1, ddof=1) / n_negative)


def errors_of_labels(scores: np.ndarray, is_positive: np.ndarray) -> np.ndarray:
    """The same [draw] of the same scores [prompt], with equally many prompts positive in each draw [draw, prompt]."""
    step = max(1, CHUNK // len(scores))
    errors = []
    for start in range(0, len(is_positive), step):
        drawn = is_positive[start : start + step]
        copies = np.broadcast_to(scores, drawn.shape)
        errors.append(error_over_prompts(copies[drawn].reshape(len(drawn), -1), copies[~drawn].reshape(len(drawn), -1)))
    return np.concatenate(errors)
