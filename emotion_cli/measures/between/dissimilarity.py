"""Do two models hold the same labels apart? Matrices of unbiased distances between labels, and a noise ceiling.

The idea is representational similarity over conditions (Kriegeskorte et al. 2008; Schutt et al. 2023): a condition is a label.
Distances are products of differences about two different topics (Walther et al. 2016), so noise does not add to them. Topics are
split into halves: one half makes one model's matrix, the other half the other model's. So what the texts of a topic share does
not make matrices alike, and the same with one model in both places is the ceiling.
"""

from collections.abc import Sequence
from itertools import permutations
from math import factorial

import numpy as np

from emotion_cli.measures.between.result import Each, Result
from emotion_cli.measures.between.space import Space
from emotion_cli.measures.inference.relabelling import N_SPLITS, Design, kept_without_groups
from emotion_cli.measures.inference.sampling import Sampling
from emotion_cli.measures.inference.statistic import Sampled

MIN_LABELS = 5
"""Fewer labels have too few distances to compare: four have six."""

SIMILARITY, CEILING = "rdm_similarity", "rdm_ceiling"


def halves_of(design: Design, sampling: Sampling) -> np.ndarray:
    """Which blocks are in the first half of the topics [split, block], at random."""
    rng, topics = sampling.generator("halves of topics"), np.unique(design.topic)
    return np.array([np.isin(design.topic, rng.permutation(topics)[: len(topics) // 2]) for _ in range(N_SPLITS)])


def distances(space: Space, design: Design, members: np.ndarray) -> np.ndarray:
    """Unbiased squared distances [set, label, label] between labels, from the blocks of each set: members [set, block].

    The mean over pairs of different topics of the product of the two labels' differences; NaN where a set has one topic.
    """
    blocks, labels = design.rows.shape
    rows = design.rows.ravel()
    apart = design.topic[:, None] != design.topic
    products = space.gram[np.ix_(rows, rows)].reshape(blocks, labels, blocks, labels).transpose(1, 3, 0, 2) * apart
    weights = members.astype(float)
    sums = np.einsum("abts,it,is->iab", products, weights, weights, optimize=True)
    pairs = np.einsum("ts,it,is->i", apart.astype(float), weights, weights, optimize=True)[:, None, None]
    means = sums / np.where(pairs > 0, pairs, np.nan)
    own = np.diagonal(means, axis1=1, axis2=2)
    return own[:, :, None] + own[:, None] - means - means.transpose(0, 2, 1)


def orders_of(n_labels: int, sampling: Sampling) -> np.ndarray:
    """Orders of the labels [order, label], the true one first: all where they are fewer than the draws, else random ones."""
    if factorial(n_labels) <= sampling.draws:
        return np.array(list(permutations(range(n_labels))))
    rng = sampling.generator("orders of labels")
    drawn = rng.permuted(np.tile(np.arange(n_labels), (sampling.draws, 1)), axis=1)
    return np.vstack([np.arange(n_labels), drawn])


def dissimilarities(
    spaces: Sequence[tuple[Space, Space]], design: Design, sampling: Sampling, *, each: Each, measure: str = SIMILARITY
) -> list[Result]:
    """Correlation of two models' distances between labels, for each pair of layers; none below five labels.

    The mean over halvings of the topics, each half in each model once. The null gives the labels of one model another order.
    """
    if len(design.labels) < MIN_LABELS:
        return []
    halves = halves_of(design, sampling)
    kept = np.vstack([np.ones((1, len(design.rows)), bool), kept_without_groups(design.topic, sampling)])
    first, second = ((part[:, None] & kept).reshape(-1, len(design.rows)) for part in (halves, ~halves))
    orders = orders_of(len(design.labels), sampling)
    rows, columns = np.triu_indices(len(design.labels), 1)
    results: list[list[Result]] = [[] for _ in spaces]

    def work(pair: int) -> None:
        a, b = spaces[pair]
        if a.flat or b.flat:
            return
        of_a, of_b = ([distances(space, design, part) for part in (first, second)] for space in (a, b))
        values, null = np.zeros((len(halves), len(kept))), np.zeros(len(orders) - 1)
        for left, right in ((of_a[0], of_b[1]), (of_a[1], of_b[0])):
            values += _correlations(left, right).reshape(len(halves), len(kept)) / 2
            # another order moves the distances of a matrix, whose mean and length stay
            x, y = (_standardised(part[:: len(kept)]) for part in (left, right))
            moved = y[:, orders[1:][:, rows], orders[1:][:, columns]]
            null += np.einsum("sp,sop->o", x[:, rows, columns], moved) / (2 * len(halves))
        means = values.mean(0)
        sampled = Sampled(float(means[0]), null, groups=means[1:], splits=values[:, 0])
        results[pair].append(Result(pair, measure, sampled))

    each(work, range(len(spaces)))
    return [result for of_pair in results for result in of_pair]


def dissimilarity_ceilings(spaces: Sequence[Space], design: Design, sampling: Sampling, *, each: Each) -> list[Result]:
    """The same between two halves of ONE model's topics: what a model that holds labels apart alike could reach."""
    return dissimilarities([(space, space) for space in spaces], design, sampling, each=each, measure=CEILING)


def _correlations(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Pearson correlations [set] of the distances of two matrices [set, label, label]; NaN where all are equal."""
    rows, columns = np.triu_indices(a.shape[1], 1)
    return (_standardised(a) * _standardised(b))[:, rows, columns].sum(1)


def _standardised(matrices: np.ndarray) -> np.ndarray:
    """Distances [set, label, label] less the mean distance, with length 1 over pairs of labels."""
    rows, columns = np.triu_indices(matrices.shape[1], 1)
    centred = matrices - matrices[:, rows, columns].mean(1)[:, None, None]
    lengths = np.linalg.norm(centred[:, rows, columns], axis=1)
    return centred / np.where(lengths > 0, lengths, np.nan)[:, None, None]
