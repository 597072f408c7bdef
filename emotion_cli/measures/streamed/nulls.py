"""Nulls and intervals of many values at once: the same numbers as of one at a time."""

import numpy as np

from emotion_cli.measures.inference.statistic import (
    NO_INTERVAL,
    UNDEFINED_SHARE,
    UNEQUAL,
    Interval,
    Null,
    Tail,
    defined,
    null_of,
    widened,
)


def nulls_of(values: np.ndarray, draws: np.ndarray, tail: Tail, kind: str, is_unequal: np.ndarray) -> list[Null]:
    """The null of each value [value], from its draws [draw, value]; no p-value where labels are unequal [value]."""
    whole = np.asarray(np.isfinite(draws).all(0))
    made: list[Null] = [
        null_of(defined(value), drawn, tail, kind) if not is_whole else Null(None, None, None, None, None)
        for value, drawn, is_whole in zip(values, draws.T, whole, strict=True)
    ]
    n = len(draws)
    if whole.any():
        known = draws[:, whole].astype(np.float64)
        means, (low, high) = known.mean(0), np.quantile(known, [0.025, 0.975], axis=0)
        slack = 1e-12 * np.maximum(1, np.abs(values[whole]))
        above, below = (
            ((known >= values[whole] - slack).sum(0) + 1) / (n + 1),
            ((known <= values[whole] + slack).sum(0) + 1) / (n + 1),
        )
        p_values = {Tail.UPPER: above, Tail.LOWER: below, Tail.BOTH: np.minimum(1, 2 * np.minimum(above, below))}[tail]
        for i, place in enumerate(np.flatnonzero(whole).tolist()):
            p_value = float(p_values[i]) if np.isfinite(values[place]) else None
            made[place] = Null(float(means[i]), float(low[i]), float(high[i]), p_value, n, kind)
    return [
        null._replace(p_value=None, kind=UNEQUAL) if unequal else null
        for null, unequal in zip(made, is_unequal.tolist(), strict=True)
    ]


def intervals_of(values: np.ndarray, draws: np.ndarray, n_units: int) -> list[Interval]:
    """The 95 % interval of each value [value] from bootstrap draws [draw, value] over so many units."""
    is_known = np.isfinite(draws)
    whole = is_known.all(0)
    ends = np.full((2, draws.shape[1]), np.nan)
    if whole.any():
        ends[:, whole] = np.quantile(draws[:, whole].astype(np.float64), [0.025, 0.975], axis=0)
    few = ~whole & (is_known.mean(0) >= 1 - UNDEFINED_SHARE)
    if few.any():
        ends[:, few] = np.nanquantile(draws[:, few].astype(np.float64), [0.025, 0.975], axis=0)
    return [
        widened(value, Interval(low, high), n_units) if np.isfinite(value) and np.isfinite(low) else NO_INTERVAL
        for value, low, high in zip(values.tolist(), *ends.tolist(), strict=True)
    ]
