"""What is drawn, held out and exchanged as a whole: units of resampling, blocks of labels, folds, halves, bootstrap counts."""

from collections.abc import Sequence

import numpy as np

Names = Sequence[str | None]
"""The topic or the cluster of each prompt [prompt]; None: it has none."""

MOST_BLOCKS = 50
"""Prompts without a topic are dealt to at most this many blocks."""

LEAST_STRATUM = 5
"""Fewer prompts of a label without a topic are no stratum: drawn among themselves they would hardly vary."""


def units_of(topics: Names, clusters: Names | None = None) -> np.ndarray:
    """Number of each prompt's unit of resampling [prompt]: a cluster, a topic in none, or one prompt that has neither."""
    clusters = clusters or [None] * len(topics)
    names = [
        f"+{cluster}" if cluster is not None else f"={topic}" if topic is not None else f"-{i}"
        for i, (topic, cluster) in enumerate(zip(topics, clusters, strict=True))
    ]
    return np.unique(names, return_inverse=True)[1]


def blocks_of(codes: np.ndarray, topics: Names, rng: np.random.Generator, clusters: Names | None = None) -> np.ndarray:
    """Number of each prompt's block [prompt]: what halves and folds are made of, and labels are permuted within: topics.

    Prompts that are alone in their topic, or have none, are dealt to blocks that hold each label (`codes` [prompt]) in its
    share, so that permuting within blocks never changes how many prompts of a label a block has. Those of a cluster stay
    together.
    """
    names = np.array(["" if topic is None else f"={topic}" for topic in topics])
    values, counts = np.unique(names, return_counts=True)
    lone = np.isin(names, values[counts < 2]) | (names == "")
    if lone.any():
        names = names.astype(object)
        if clusters is not None:
            clustered = lone & np.array([cluster is not None for cluster in clusters])
            names[clustered] = [f"+{clusters[i]}" for i in np.flatnonzero(clustered).tolist()]
            lone &= ~clustered
        present, sizes = np.unique(codes[lone], return_counts=True)
        n_blocks = min([MOST_BLOCKS, *sizes.tolist()])
        for code in present:
            members = rng.permutation(np.flatnonzero(lone & (codes == code)))
            names[members] = [f"-{i % n_blocks}" for i in range(len(members))]
        names = names.astype(str)
    return np.unique(names, return_inverse=True)[1]


def kinds_of(codes: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Number of the kind of each group [group]: groups with equal counts of each label are of one kind."""
    counts = np.zeros((groups.max() + 1, codes.max() + 1), int)
    np.add.at(counts, (groups, codes), 1)
    return np.unique(counts, axis=0, return_inverse=True)[1].reshape(-1)


def dealt(kinds: np.ndarray, n_hands: int, rng: np.random.Generator) -> np.ndarray:
    """A hand 0..n_hands-1 for each group [group], at random, with the groups of each kind spread evenly.

    Kinds come in random order, too: where each group is a kind of its own, hands are as random as they can be.
    """
    keys = rng.random(len(kinds))
    first = np.full(kinds.max() + 1, np.inf)
    np.minimum.at(first, kinds, keys)
    hands = np.empty(len(kinds), int)
    hands[np.lexsort((keys, first[kinds]))] = np.arange(len(kinds)) % n_hands
    return hands


def strata_of(codes: np.ndarray, units: np.ndarray, topics: Names) -> np.ndarray:
    """Number of the stratum of each unit [unit]: all topics are one, and the prompts of each label without a topic are one.

    A topic that lacks a label is not a kind of its own: how many prompts a label has is a matter of chance there, as which
    topics were written. How many prompts without a topic a label has was chosen. Few of them join the topics, or one another.
    """
    strata = np.zeros(units.max() + 1, int)
    without = np.array([topic is None for topic in topics])
    strata[units[without]] = 1 + codes[without]
    strata[np.bincount(strata)[strata] < LEAST_STRATUM] = 0
    return strata


def resampled(strata: np.ndarray, draws: int, rng: np.random.Generator) -> np.ndarray:
    """Bootstrap counts [draw, unit]: units drawn with replacement within their stratum."""
    counts = np.zeros((draws, len(strata)), np.int32)
    for stratum in np.unique(strata):
        members = np.flatnonzero(strata == stratum)
        counts[:, members] = rng.multinomial(len(members), np.full(len(members), 1 / len(members)), size=draws)
    return counts


def n_of_scarcest(codes: np.ndarray, units: np.ndarray) -> int:
    """How many units hold the label that the fewest hold: what an interval's width rests on."""
    return int(np.bincount(np.unique(np.column_stack([units, codes]), axis=0)[:, 1]).min())
