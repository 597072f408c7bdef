"""Units of exchange and resampling: permutations within topics, blocks, folds and bootstrap counts."""

from collections.abc import Sequence

import numpy as np

MOST_BLOCKS = 50
"""Prompts without a topic are dealt to at most this many blocks."""


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


def units_of(topics: Sequence[str | None]) -> np.ndarray:
    """Number of each prompt's unit of resampling [prompt]: the prompts of one topic, or one prompt that has no topic."""
    names = [f"={topic}" if topic is not None else f"-{i}" for i, topic in enumerate(topics)]
    return np.unique(names, return_inverse=True)[1]


def blocks_of(codes: np.ndarray, topics: Sequence[str | None], rng: np.random.Generator) -> np.ndarray:
    """Number of each prompt's unit of permutation and of folds [prompt]: topics.

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
