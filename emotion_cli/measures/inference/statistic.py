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

EXACT, UNEQUAL = "exact", "unequal_spreads"
"""Of permuted labels: all permutations that there are; labels that differ in spread and size."""

PERMUTED_RESIDUALS = "permuted_residuals"
"""Labels permuted among what is left of activations without their label's mean."""

SIGN_FLIPS = "sign_flips"
"""Random signs of a direction's coordinates."""

TOO_FEW = "too_few"
"""Too few permutations, or coordinates whose signs flip, for a p-value of LEVEL."""

LEVEL = 0.05
"""Where no permutation could give so small a p-value, none is given."""


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


class Test(NamedTuple):
    """How labels were permuted: `kind` of null, and the share of permutations that give the value itself by construction."""

    kind: str = PERMUTED
    alike: float = 0.0


def null_of(value: float | None, draws: np.ndarray, tail: Tail, kind: str = PERMUTED, alike: float = 0.0) -> Null:
    """Band and permutation p-value of a tail (Phipson and Smyth 2010): (r + 1) / (n + 1), twice the smaller for both tails.

    Where draws are EXACT, all permutations, it is r / n, for the labels as they are stand among them. `alike` is the share of
    permutations that give the value whatever the prompts are: p is not below it, and None (TOO_FEW) where that is above LEVEL.
    """
    tails = 2 if tail is Tail.BOTH else 1
    is_too_few = tails * alike > LEVEL
    known = draws[np.isfinite(draws)]
    n = len(known)
    if n == 0:
        return Null(None, None, None, None, 0, TOO_FEW if is_too_few else kind)
    low, high = np.quantile(known, [0.025, 0.975])
    p_value = None
    if value is not None and not is_too_few:
        # a draw that equals the value but for rounding is as far out as the value
        slack = 1e-12 * max(1.0, abs(value))
        itself = 0 if kind == EXACT else 1
        above, below = ((np.sum(extreme) + itself) / (n + itself) for extreme in (known >= value - slack, known <= value + slack))
        smaller = {Tail.UPPER: above, Tail.LOWER: below, Tail.BOTH: min(above, below)}[tail]
        p_value = min(1.0, tails * float(max(smaller, alike)))
    return Null(float(known.mean()), float(low), float(high), p_value, n, TOO_FEW if is_too_few else kind)


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


FEW_COORDINATES = 6
"""Where fewer coordinates than this carry a value, signs flip in too few ways: the least p-value would be above 0.03."""

CARRIED_SHARE = 0.95
"""The share of the absolute parts that coordinates must have together to carry a value."""


def n_carrying(parts: np.ndarray) -> int:
    """How many of the largest coordinates carry 95 % of what all of them [coordinate] add, signs apart."""
    reached = np.sort(np.abs(parts))[::-1].cumsum()
    return int(np.searchsorted(reached, CARRIED_SHARE * reached[-1])) + 1


class Sampled(NamedTuple):
    """A value (NaN where not defined), its draws from the null [draw] (None: no null), and which tail of the null counts.

    `groups` [group] are replicates without each group of topics; None where there is no interval. `kind` is that of the null.
    `splits` [split] are the values of random splits whose mean the value is. `parts` [coordinate] add up to the value where the
    null flips their signs.
    """

    value: float
    draws: np.ndarray | None
    tail: Tail = Tail.UPPER
    groups: np.ndarray | None = None
    kind: str = PERMUTED
    splits: np.ndarray | None = None
    parts: np.ndarray | None = None

    @property
    def mc_error(self) -> float | None:
        """Standard error of a mean over random splits; None where nothing is split, or a split has no value."""
        if self.splits is None or len(self.splits) < 2:
            return None
        return defined(self.splits.std(ddof=1) / np.sqrt(len(self.splits)))

    @property
    def null(self) -> Null:
        """The value's null; without a p-value where too few coordinates carry the value."""
        if self.draws is None:
            return NO_NULL
        null = null_of(defined(self.value), self.draws, self.tail, self.kind)
        if self.parts is not None and np.isfinite(self.value) and n_carrying(self.parts) < FEW_COORDINATES:
            return null._replace(p_value=None, kind=TOO_FEW)
        return null

    def statistic(self, n: int) -> Statistic:
        """The value beside its null and its jackknife interval; `n` counts topics or prompts."""
        value = defined(self.value)
        interval = NO_INTERVAL if self.groups is None else jackknife_interval(value, self.groups)
        return Statistic(value, self.null, n, interval, self.mc_error)


def mean_of(samples: Sequence[Sampled]) -> Sampled | None:
    """The mean of some values where defined, with null, replicates and splits of the same draws; None where none is defined."""
    known = [sample for sample in samples if np.isfinite(sample.value)]
    if not known:
        return None
    return known[0]._replace(
        value=float(np.mean([sample.value for sample in known])),
        draws=_mean_of_arrays([sample.draws for sample in known]),
        groups=_mean_of_arrays([sample.groups for sample in known]),
        splits=_mean_of_arrays([sample.splits for sample in known]),
        parts=_mean_of_arrays([sample.parts for sample in known]),
    )


def _mean_of_arrays(arrays: Sequence[np.ndarray | None]) -> np.ndarray | None:
    """The mean of equally long arrays; None where one of them is not there."""
    there = [array for array in arrays if array is not None]
    return np.mean(there, axis=0) if len(there) == len(arrays) else None
