"""Which parts of a state make a difference between labels: each beside permuted labels, corrected for the search over parts."""

from typing import NamedTuple

import numpy as np

from emotion_cli.measures.inference.draws import Contrast
from emotion_cli.measures.inference.statistic import Interval, Null, Statistic, Tail, defined, interval_of, null_of, widened


class Differences(NamedTuple):
    """Differences of label means [1 + draw, part], the first as the labels are; and where topics are resampled [draw, part]."""

    values: np.ndarray
    resampled: np.ndarray


def differences(contrast: Contrast, parts: np.ndarray) -> Differences:
    """Mean of the emotion's texts minus that of the other labels' texts of each part [part, text]; labels permuted in topics."""
    draws, weights = contrast.draws, contrast.everyone
    if weights is None:
        raise ValueError("a label has no text")
    values = parts[:, draws.used].T
    counts = draws.counts[:, draws.units].astype(np.float64)
    resampled = np.zeros((len(counts), len(parts)))
    for sign in (1, -1):
        shares = counts * np.maximum(sign * weights[0], 0)
        total = shares.sum(1, keepdims=True)
        # a draw without a text of the label has no difference
        resampled += sign * (np.divide(shares, total, out=np.full_like(shares, np.nan), where=total > 0) @ values)
    return Differences(weights @ values, resampled)


def statistics(found: Differences, contrast: Contrast, searched: np.ndarray) -> list[Statistic]:
    """A statistic for each part; the p-value of those `searched` [part] is against the largest over all of them.

    The largest is of distances from the null's mean in the null's standard deviations, on both sides: parts that vary little
    count like the others. Other parts have p-values of their own.
    """
    values, draws = found.values[0], found.values[1:]
    spread = draws.std(0)
    is_tested = searched & (spread > 1e-9 * np.abs(found.values).max())
    z = np.divide(np.abs(found.values - draws.mean(0)), spread, out=np.zeros_like(found.values), where=spread > 0)
    largest = z[1:, is_tested].max(1, initial=0.0)
    test = contrast.test_of_scores
    rows = []
    for part, value in enumerate(values):
        alone = null_of(defined(value), draws[:, part], Tail.BOTH, **test._asdict())
        null = _corrected(alone, z[0, part], largest) if is_tested[part] else alone if not searched[part] else _untested(alone)
        interval = _interval(float(value), found.resampled[:, part], contrast.draws.n_scarcest)
        rows.append(Statistic(defined(value), null, contrast.draws.n_units, interval))
    return rows


def _corrected(null: Null, z: float, largest: np.ndarray) -> Null:
    if null.p_value is None:
        return null
    return null._replace(p_value=float((np.sum(largest >= z - 1e-12) + 1) / (len(largest) + 1)))


def _untested(null: Null) -> Null:
    return null._replace(p_value=None)


def _interval(value: float, drawn: np.ndarray, n_units: int) -> Interval:
    return widened(value, interval_of(drawn), n_units)
