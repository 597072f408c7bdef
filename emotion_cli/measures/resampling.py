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


def permutations_within(blocks: Sequence[str | None], draws: int, rng: np.random.Generator) -> np.ndarray:
    """Indices [draws, prompt] that shuffle prompts inside their block only; prompts alone in a block, or in none, share one."""
    names = np.array(["" if block is None else f"={block}" for block in blocks])
    values, counts = np.unique(names, return_counts=True)
    names[np.isin(names, values[counts < 2])] = ""
    permuted = np.tile(np.arange(len(names)), (draws, 1))
    for block in np.unique(names):
        members = np.flatnonzero(names == block)
        permuted[:, members] = rng.permuted(np.tile(members, (draws, 1)), axis=1)
    return permuted


class Interval(NamedTuple):
    """A 95 % interval; None where there is none that covers."""

    low: float | None
    high: float | None


def jackknife_interval(value: float | None, replicates: np.ndarray) -> Interval:
    """Delete-a-group jackknife: value +- t(groups - 1) times the standard error of the replicates [group] (Shao and Tu 1995).

    None for both ends when the value, or any replicate, is not defined, or when there are fewer than three groups.
    """
    from scipy import special  # here, because it takes time to import

    groups = len(replicates)
    if value is None or groups < 3 or not np.isfinite(replicates).all():
        return Interval(None, None)
    spread = np.sqrt((groups - 1) / groups * ((replicates - replicates.mean()) ** 2).sum())
    reach = float(special.stdtrit(groups - 1, 0.975) * spread)
    return Interval(value - reach, value + reach)


def null_of(value: float | None, draws: np.ndarray, *, upper: bool = False) -> Null:
    """Band and permutation p-value (r + 1) / (n + 1): of the upper tail, or min(1, 2 min(tails)) (Phipson and Smyth 2010)."""
    defined = draws[np.isfinite(draws)]
    n = len(defined)
    if n == 0:
        return Null(None, None, None, None, 0)
    low, high = np.quantile(defined, [0.025, 0.975])
    p_value = None
    if value is not None:
        # a draw that equals the value but for rounding is as far out as the value
        slack = 1e-12 * max(1.0, abs(value))
        above = (np.sum(defined >= value - slack) + 1) / (n + 1)
        below = (np.sum(defined <= value + slack) + 1) / (n + 1)
        p_value = float(above if upper else min(1.0, 2 * min(above, below)))
    return Null(float(defined.mean()), float(low), float(high), p_value, n)
