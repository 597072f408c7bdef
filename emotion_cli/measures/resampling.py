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
