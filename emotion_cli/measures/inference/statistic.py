"""A measured value beside its null and its interval: bands, p-values, and the draws that they come from."""

from collections.abc import Sequence
from enum import Enum
from typing import NamedTuple

import numpy as np


class Tail(Enum):
    """Which tail of a null counts as evidence: values above it, below it, or both ends."""

    UPPER = "upper"
    LOWER = "lower"
    BOTH = "both"


PERMUTED, PAIRED, GAUSSIAN, FIXED = "permuted", "paired", "gaussian", "fixed"
"""What a value is compared with: permuted labels, topics paired at random, Gaussian directions, one stated value."""


class Null(NamedTuple):
    """The value under the null: mean, 2.5 and 97.5 % quantiles, p-value; None where not defined.

    `n_draws` is None where the distribution is known exactly. `kind` says what the value is compared with.
    """

    mean: float | None
    low: float | None
    high: float | None
    p_value: float | None
    n_draws: int | None
    kind: str | None = PERMUTED


class Interval(NamedTuple):
    """The 95 % interval of a value; both ends None where there is none that covers."""

    low: float | None
    high: float | None


NO_NULL = Null(None, None, None, None, None, None)

NO_INTERVAL = Interval(None, None)


UNDEFINED_SHARE = 0.025
"""Where more than this share of an interval's draws are not defined, there is no interval."""


Z = 1.96
"""The 97.5 % quantile of a normal distribution."""


class Statistic(NamedTuple):
    """A measured value (None where not defined), its null, and its number of topics or prompts.

    `mc_error` is the standard error that random splits leave; `n_sampled` counts the prompts of a sample, None for all.
    """

    value: float | None
    null: Null
    n: int
    interval: Interval = NO_INTERVAL
    mc_error: float | None = None
    n_sampled: int | None = None


def defined(value: float) -> float | None:
    """A value as it is stored: None for NaN."""
    return float(value) if np.isfinite(value) else None


def null_of(value: float | None, draws: np.ndarray, tail: Tail, kind: str = PERMUTED) -> Null:
    """Band and permutation p-value of a tail (Phipson and Smyth 2010): (r + 1) / (n + 1), twice the smaller for both tails."""
    known = draws[np.isfinite(draws)]
    n = len(known)
    if n == 0:
        return Null(None, None, None, None, 0, kind)
    low, high = np.quantile(known, [0.025, 0.975])
    p_value = None
    if value is not None:
        # a draw that equals the value but for rounding is as far out as the value
        slack = 1e-12 * max(1.0, abs(value))
        above, below = (np.sum(known >= value - slack) + 1) / (n + 1), (np.sum(known <= value + slack) + 1) / (n + 1)
        p_value = float({Tail.UPPER: above, Tail.LOWER: below, Tail.BOTH: min(1.0, 2 * min(above, below))}[tail])
    return Null(float(known.mean()), float(low), float(high), p_value, n, kind)


def interval_of(draws: np.ndarray) -> Interval:
    """2.5 and 97.5 % quantiles of bootstrap draws; none where more than 2.5 % of them are NaN."""
    finite = draws[np.isfinite(draws)]
    if not len(finite) or len(draws) - len(finite) > UNDEFINED_SHARE * len(draws):
        return NO_INTERVAL
    low, high = np.quantile(finite, [0.025, 0.975])
    return Interval(float(low), float(high))


def jackknife_interval(value: float | None, replicates: np.ndarray) -> Interval:
    """Delete-a-group jackknife: value +- t(groups - 1) times the standard error of the replicates [group] (Shao and Tu 1995).

    None for both ends when the value, or any replicate, is not defined, or when there are fewer than three groups.
    """
    from scipy import special  # here, because it takes time to import

    groups = len(replicates)
    if value is None or groups < 3 or not np.isfinite(replicates).all():
        return NO_INTERVAL
    spread = np.sqrt((groups - 1) / groups * ((replicates - replicates.mean()) ** 2).sum())
    reach = float(special.stdtrit(groups - 1, 0.975) * spread)
    return Interval(value - reach, value + reach)


def widened(value: float, interval: Interval, n_units: int, factor: float = 1.0) -> Interval:
    """An interval of quantiles of bootstrap draws over `n_units` units, its ends moved away from the value for small samples.

    Quantiles of a bootstrap are too narrow by sqrt((n - 1) / n), and by what Student's t has over a normal distribution
    (Hesterberg 2015); `factor` widens further.
    """
    if interval.low is None or interval.high is None or n_units < 2:
        return NO_INTERVAL
    degrees = n_units - 1
    factor *= (1 + (Z**2 + 1) / (4 * degrees)) * float(np.sqrt(n_units / degrees))
    return Interval(value - factor * (value - interval.low), value + factor * (interval.high - value))


def mean_where_defined(curves: np.ndarray) -> np.ndarray:
    """Mean over the first axis where defined; NaN where nothing is."""
    is_defined = np.isfinite(curves)
    total = np.where(is_defined, curves, 0).sum(0)
    return np.where(is_defined.any(0), total / np.maximum(is_defined.sum(0), 1), np.nan)


class Sampled(NamedTuple):
    """A value (NaN where not defined), its draws from the null [draw], and which tail of the null counts.

    `groups` [group] are replicates without each group of topics; None where there is no interval. `kind` is that of the null.
    """

    value: float
    draws: np.ndarray
    tail: Tail = Tail.UPPER
    groups: np.ndarray | None = None
    kind: str = PERMUTED
    mc_error: float | None = None

    def statistic(self, n: int) -> Statistic:
        """The value beside its null and its jackknife interval; `n` counts topics or prompts."""
        value = defined(self.value)
        interval = NO_INTERVAL if self.groups is None else jackknife_interval(value, self.groups)
        return Statistic(value, null_of(value, self.draws, self.tail, self.kind), n, interval, self.mc_error)


def mean_of(samples: Sequence[Sampled]) -> Sampled | None:
    """The mean of some values where defined, with null and replicates from the same draws; None where none is defined."""
    known = [sample for sample in samples if np.isfinite(sample.value)]
    if not known:
        return None
    groups = [sample.groups for sample in known if sample.groups is not None]
    errors = [sample.mc_error for sample in known if sample.mc_error is not None]
    return Sampled(
        float(np.mean([sample.value for sample in known])),
        np.mean([sample.draws for sample in known], axis=0),
        known[0].tail,
        np.mean(groups, axis=0) if groups else None,
        known[0].kind,
        # splits are shared by the layers, so their errors may all point one way
        float(np.mean(errors)) if errors else None,
    )
