"""How prompts vary within topics when labels are set aside: the noise of label means, pooled over all labels."""

from typing import NamedTuple

import numpy as np

from emotion_cli.measures.inference.resampling import Names
from emotion_cli.measures.streamed.moments import summed
from emotion_cli.measures.streamed.rows import Rows

LONE = 0
"""Number of the group of prompts that are alone in their topic, or have none: their labels are exchanged among all of them."""


class Groups(NamedTuple):
    """Within what labels are exchanged: `groups` [prompt] (below 0: left out), `bundles` [prompt] what moves together.

    Prompts of a topic, of a cluster, and those that are alone are a group each; in a cluster all prompts of a label are a bundle.
    """

    groups: np.ndarray
    bundles: np.ndarray
    n_groups: int


def groups_of(codes: np.ndarray, topics: Names, clusters: Names | None = None) -> Groups:
    """The groups of prompts with labels `codes` [prompt] (below 0: left out)."""
    clusters = clusters or [None] * len(topics)
    names = np.array(
        [
            f"+{cluster}" if cluster is not None else f"={topic}" if topic is not None else ""
            for topic, cluster in zip(topics, clusters, strict=True)
        ]
    )
    known, counts = np.unique(names[codes >= 0], return_counts=True)
    names[np.isin(names, known[counts < 2])] = ""
    groups = np.unique(np.append(names, ""), return_inverse=True)[1][:-1]
    groups[codes < 0] = -1
    bundles = np.arange(len(codes))
    together = np.array([cluster is not None for cluster in clusters]) & (codes >= 0)
    if together.any():
        keys = groups[together] * (int(codes.max()) + 1) + codes[together]
        _, first, inverse = np.unique(keys, return_index=True, return_inverse=True)
        bundles[together] = np.flatnonzero(together)[first][inverse]
    return Groups(groups, bundles, len(np.unique(groups[groups >= 0])))


class Pool(NamedTuple):
    """How prompts of some labels vary within groups, and what permuted labels do with that.

    `within` [width, width] is the covariance within groups, `noise` the same about the labels' `effects` [label, width]. `sizes`
    [label] count prompts. A permuted class has the mean `expected` [label, width], and its sum the covariance `exchange`
    [label, label] times `within`. `offsets` [label, width] are what is left of a label's mean without its effect: its topics'.
    """

    within: np.ndarray
    noise: np.ndarray
    sizes: np.ndarray
    effects: np.ndarray
    expected: np.ndarray
    offsets: np.ndarray
    exchange: np.ndarray


def pool_of(rows: Rows, codes: np.ndarray, groups: Groups) -> Pool:
    """The pooled scatter of a layer's prompts with a label (`codes` [prompt], below 0: none); rows are about their mean."""
    n_labels = int(codes.max()) + 1
    scatter = np.zeros((rows.width, rows.width))
    sums, of_groups = np.zeros((2, n_labels, rows.width))
    shared = np.zeros((n_labels, n_labels))
    lone, lone_sizes = np.zeros((n_labels, rows.width)), np.zeros(n_labels)
    n_bundles = 0
    for prompts, batch in rows.batches():
        counted = codes[prompts] >= 0
        if not counted.any():
            continue
        of_batch, x = prompts[counted], batch[counted]
        sums += summed(x, codes[of_batch], n_labels)
        _, first, bundle, size = np.unique(groups.bundles[of_batch], return_index=True, return_inverse=True, return_counts=True)
        # a bundle counts as one prompt with the variance of one
        x = summed(x, bundle, len(size)) / np.sqrt(size)[:, None]
        of_batch = of_batch[first]
        n_bundles += len(of_batch)
        labels = codes[of_batch]
        present, place = np.unique(groups.groups[of_batch], return_inverse=True)
        is_lone = present[place] == LONE
        lone += summed(x[is_lone], labels[is_lone], n_labels)
        lone_sizes += np.bincount(labels[is_lone], minlength=n_labels)
        weights = np.sqrt(size)
        marks = np.zeros((len(present), n_labels))
        np.add.at(marks, (place, labels), size)
        n = marks.sum(1)
        means = summed(x, place, len(present), weights) / n[:, None]
        marks[present == LONE], means[present == LONE] = 0, 0
        centred = x - weights[:, None] * means[place]
        scatter += _product(centred)
        shared += marks.T @ (marks / n[:, None])
        of_groups += marks.T @ means
    if lone_sizes.any():
        n_lone, total = lone_sizes.sum(), lone.sum(0)
        scatter -= np.outer(total, total) / n_lone
        shared += np.outer(lone_sizes, lone_sizes) / n_lone
        of_groups += np.outer(lone_sizes, total / n_lone)
    sizes = np.bincount(codes[codes >= 0], minlength=n_labels)
    exchange = np.diag(sizes) - shared
    effects = np.linalg.pinv(exchange, hermitian=True) @ (sums - of_groups)
    n_free = max(1, n_bundles - groups.n_groups)
    noise = (scatter - effects.T @ exchange @ effects) / max(1, n_free - (n_labels - 1))
    counts = sizes[:, None]
    return Pool(scatter / n_free, noise, sizes, effects, of_groups / counts, sums / counts - effects, exchange)


def _product(x: np.ndarray) -> np.ndarray:
    single = x.astype(np.float32)
    return (single.T @ single).astype(np.float64)
