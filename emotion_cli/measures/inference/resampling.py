"""What all nulls share: seeded generators, permutations within topics, bands and p-values."""

import hashlib
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np


class Null(NamedTuple):
    """What a value would be under the null: mean, 2.5 and 97.5 % quantiles, two-sided p; None where not defined.

    `n_draws` is None where the distribution is known exactly.
    """

    mean: float | None
    low: float | None
    high: float | None
    p_value: float | None
    n_draws: int | None


def generator(seed: int, *names: str) -> np.random.Generator:
    """The generator of one comparison; it depends on `seed` and names only, so all layers and models share its draws."""
    digest = hashlib.sha256("\0".join([str(seed), *names]).encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:16], "big"))


def permutations_within(
    blocks: Sequence[str | None], draws: int, rng: np.random.Generator, values: np.ndarray | None = None
) -> np.ndarray:
    """Values [draws, prompt] (or indices) shuffled inside their block only; prompts alone in one, or in none, share one."""
    names = np.array(["" if block is None else f"={block}" for block in blocks])
    known, counts = np.unique(names, return_counts=True)
    names[np.isin(names, known[counts < 2])] = ""
    values = np.arange(len(names)) if values is None else values
    permuted = np.empty((draws, len(names)), values.dtype)
    for block in np.unique(names):
        members = np.flatnonzero(names == block)
        permuted[:, members] = rng.permuted(np.tile(values[members], (draws, 1)), axis=1)
    return permuted


def null_of(value: float | None, draws: np.ndarray) -> Null:
    """Band and two-sided permutation p-value, min(1, 2 (r + 1) / (n + 1)) over tails (Phipson and Smyth 2010)."""
    defined = draws[np.isfinite(draws)]
    n = len(defined)
    if n == 0:
        return Null(None, None, None, None, 0)
    low, high = np.quantile(defined, [0.025, 0.975])
    p_value = None
    if value is not None:
        # a draw that equals the value but for rounding is as far out as the value
        slack = 1e-12 * max(1.0, abs(value))
        tails = (np.sum(defined >= value - slack) + 1) / (n + 1), (np.sum(defined <= value + slack) + 1) / (n + 1)
        p_value = float(min(1.0, 2 * min(tails)))
    return Null(float(defined.mean()), float(low), float(high), p_value, n)


class Interval(NamedTuple):
    """The 95 % interval of a value; both ends None where there is none that covers."""

    low: float | None
    high: float | None


NO_INTERVAL = Interval(None, None)


UNDEFINED_SHARE = 0.025
"""Where more than this share of an interval's draws are not defined, there is no interval."""


Z = 1.96
"""The 97.5 % quantile of a normal distribution."""


MOST_BLOCKS = 50
"""Prompts without a topic are dealt to at most this many blocks."""


class Statistic(NamedTuple):
    """A measured value (None where not defined), what it would be under its null, the topics or prompts that it rests on."""

    value: float | None
    null: Null
    n: int
    interval: Interval = NO_INTERVAL


def defined(value: float) -> float | None:
    """A value as it is stored: None for NaN."""
    return float(value) if np.isfinite(value) else None


def null_above(value: float | None, draws: np.ndarray) -> Null:
    """Band and upper-tailed permutation p-value, (r + 1) / (n + 1) (Phipson and Smyth 2010)."""
    two_sided = null_of(None, draws)
    if value is None or not two_sided.n_draws:
        return two_sided
    slack = 1e-12 * max(1.0, abs(value))
    above = np.sum(draws[np.isfinite(draws)] >= value - slack)
    return two_sided._replace(p_value=float((above + 1) / (two_sided.n_draws + 1)))


def interval_of(draws: np.ndarray) -> Interval:
    """2.5 and 97.5 % quantiles of bootstrap draws; none where more than 2.5 % of them are NaN."""
    finite = draws[np.isfinite(draws)]
    if not len(finite) or 1 - len(finite) / len(draws) > UNDEFINED_SHARE:
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


def units_of(topics: Sequence[str | None]) -> np.ndarray:
    """What is resampled together [prompt], numbered: the prompts of one topic, or one prompt that has no topic."""
    names = [f"={topic}" if topic is not None else f"-{i}" for i, topic in enumerate(topics)]
    return np.unique(names, return_inverse=True)[1]


def blocks_of(codes: np.ndarray, topics: Sequence[str | None], rng: np.random.Generator) -> np.ndarray:
    """What labels are permuted within and folds are made of [prompt], numbered: topics.

    Prompts that are alone in their topic, or have none, are dealt to blocks that hold each label (`codes` [prompt]) in its
    share, so that permuting within blocks never changes how many prompts of a label a block has.
    """
    names = np.array(["" if topic is None else f"={topic}" for topic in topics])
    values, counts = np.unique(names, return_counts=True)
    lone = np.isin(names, values[counts < 2]) | (names == "")
    if lone.any():
        present, sizes = np.unique(codes[lone], return_counts=True)
        n_blocks = min(MOST_BLOCKS, sizes.min())
        names = names.astype(object)
        for code in present:
            members = rng.permutation(np.flatnonzero(lone & (codes == code)))
            names[members] = [f"-{i % n_blocks}" for i in range(len(members))]
        names = names.astype(str)
    return np.unique(names, return_inverse=True)[1]


def strata_of(codes: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Number of the kind of each group [group]: groups with equal counts of each label are of one kind."""
    counts = np.zeros((groups.max() + 1, codes.max() + 1), int)
    np.add.at(counts, (groups, codes), 1)
    return np.unique(counts, axis=0, return_inverse=True)[1].reshape(-1)


def dealt(strata: np.ndarray, n_hands: int, rng: np.random.Generator) -> np.ndarray:
    """A hand 0..n_hands-1 for each group [group], at random, with each stratum spread evenly."""
    hands = np.empty(len(strata), int)
    hands[np.lexsort((rng.random(len(strata)), strata))] = np.arange(len(strata)) % n_hands
    return hands


def resampled(strata: np.ndarray, draws: int, rng: np.random.Generator) -> np.ndarray:
    """Bootstrap counts [draw, group]: groups drawn with replacement within their stratum."""
    counts = np.zeros((draws, len(strata)), np.int32)
    for stratum in np.unique(strata):
        members = np.flatnonzero(strata == stratum)
        counts[:, members] = rng.multinomial(len(members), np.full(len(members), 1 / len(members)), size=draws)
    return counts


def mean_where_defined(curves: np.ndarray) -> np.ndarray:
    """Mean over the first axis where defined; NaN where nothing is."""
    is_defined = np.isfinite(curves)
    total = np.where(is_defined, curves, 0).sum(0)
    return np.where(is_defined.any(0), total / np.maximum(is_defined.sum(0), 1), np.nan)
