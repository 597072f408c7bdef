"""Who is compared with whom: blocks of prompts that differ in label only, random thirds of topics, and relabellings.

A block holds one prompt of every label about one topic. What is resampled is always a whole topic, or the cluster that it is in;
what is relabelled are the prompts within a block, in all blocks of a cluster alike. Both are drawn once and serve every layer,
every pair of layers and every pair of models.
"""

from collections.abc import Sequence
from itertools import count
from typing import NamedTuple

import numpy as np

from emotion_cli.measures.inference.sampling import Sampling
from emotion_cli.measures.labels import Labels, coefficients, labels_used, prompt_weights

N_SPLITS = 60
"""Random divisions of the topics into thirds, over which aligned measures are averaged."""


N_GROUPS = 20
"""Groups of topics that the jackknife leaves out in turn."""


MIN_TOPICS = 6
"""Fewer topics than this cannot be divided into thirds of two."""


class Design(NamedTuple):
    """Prompts by block and label, the emotions and their reference.

    `rows` [block, label] index the prompts, `topic` [block] numbers the topics (a cluster counts as one), `exchange` [block]
    what is relabelled alike: a block, or all blocks of a cluster. `emotions` are measured against `reference`.
    """

    labels: tuple[str, ...]
    rows: np.ndarray
    topic: np.ndarray
    exchange: np.ndarray
    emotions: Sequence[str]
    reference: str

    @property
    def n_topics(self) -> int:
        """How many topics, or clusters of them, the blocks are about."""
        return len(np.unique(self.topic))

    def column(self, label: str) -> int:
        """The number of a label."""
        return self.labels.index(label)

    def coefficients(self, emotion: str) -> np.ndarray:
        """Weight [label] of each label's mean in the direction of an emotion."""
        return coefficients(self.labels, emotion, self.emotions, self.reference)

    def labels_used(self, emotion: str) -> list[str]:
        """The labels that make the direction of an emotion, sorted."""
        return labels_used([emotion], self.emotions, self.reference)


class Thirds(NamedTuple):
    """Blocks for fitting the map, for the source's direction and for the target's; no topic is in two of them."""

    fit: np.ndarray
    source: np.ndarray
    target: np.ndarray


class Relabelling(NamedTuple):
    """The label assigned to each prompt: label [draw, block, label] (a number into the design's labels), kept [draw, block]."""

    label: np.ndarray
    kept: np.ndarray

    def __len__(self) -> int:
        return len(self.label)

    def part(self, draws: slice) -> "Relabelling":
        """Some of the draws."""
        return Relabelling(self.label[draws], self.kept[draws])

    def of(self, blocks: np.ndarray) -> "Relabelling":
        """Some of the blocks."""
        return Relabelling(self.label[:, blocks], self.kept[:, blocks])

    def weights(self, of_labels: np.ndarray) -> np.ndarray:
        """Weights [draw, block x label] of prompts in a direction, from those of label means [label]; 0 in blocks left out."""
        sizes = np.maximum(self.kept.sum(1), 1)[:, None, None]
        weights = prompt_weights(of_labels, self.label, sizes) * self.kept[:, :, None]
        return weights.reshape(len(self.label), -1)


def joined(parts: Sequence[Relabelling]) -> Relabelling:
    """Several batches of draws as one."""
    return Relabelling(np.concatenate([part.label for part in parts]), np.concatenate([part.kept for part in parts]))


def design_of(labels: Labels) -> Design:
    """Blocks of prompts with every label; prompts that complete no block are left out.

    The j-th prompts of each label about a topic make a block. Prompts without a topic make blocks of their own: nothing
    pairs them, so under the null they may be exchanged across labels in any way.
    """
    names = tuple(sorted(set(labels.labels)))
    cells: dict[str, dict[str, list[int]]] = {}
    for i, (label, topic) in enumerate(zip(labels.labels, labels.topics, strict=True)):
        cells.setdefault("" if topic is None else f"={topic}", {}).setdefault(label, []).append(i)
    rows: list[list[int]] = []
    topic_of: list[int] = []
    number = count()
    for name in sorted(cells):
        by_label = [cells[name].get(label, []) for label in names]
        blocks = [list(block) for block in zip(*by_label, strict=False)]
        topic = next(number)
        topic_of += [topic if name else next(number) for _ in blocks]
        rows += blocks
    table = np.array(rows, int).reshape(-1, len(names))
    topics, exchange = np.array(topic_of, int), np.arange(len(rows))
    if labels.clusters is not None:
        cluster_of = [labels.clusters[row] for row in table[:, 0].tolist()]
        for cluster in {cluster for cluster in cluster_of if cluster is not None}:
            together = np.array([other == cluster for other in cluster_of])
            topics[together], exchange[together] = topics[together].min(), exchange[together].min()
    return Design(names, table, topics, exchange, labels.emotions, labels.reference)


def thirds_of(design: Design, sampling: Sampling, splits: int = N_SPLITS) -> list[Thirds]:
    """Random divisions of the topics into three parts of (nearly) equal size."""
    rng = sampling.generator("thirds")
    topics = np.unique(design.topic)
    divided = []
    for _ in range(splits):
        parts = np.array_split(rng.permutation(topics), 3)
        divided.append(Thirds(*(np.flatnonzero(np.isin(design.topic, part)) for part in parts)))
    return divided


def as_labelled(design: Design) -> Relabelling:
    """The true labels."""
    blocks, labels = design.rows.shape
    return Relabelling(np.tile(np.arange(labels), (1, blocks, 1)), np.ones((1, blocks), bool))


def groups_left_out(design: Design, sampling: Sampling) -> Relabelling:
    """The prompts as they are, each time without one group of topics."""
    kept = kept_without_groups(design.topic, sampling)
    blocks, labels = design.rows.shape
    return Relabelling(np.tile(np.arange(labels), (len(kept), blocks, 1)), kept)


def kept_without_groups(topics: np.ndarray, sampling: Sampling) -> np.ndarray:
    """Which items [group, item] stay when each of up to 20 random groups of topics [item] is left out."""
    order = sampling.generator("jackknife groups").permutation(np.unique(topics))
    groups = np.array_split(order, min(N_GROUPS, len(order)))
    return np.array([~np.isin(topics, group) for group in groups])


def exchanged(design: Design, labels: Sequence[str], sampling: Sampling) -> Relabelling:
    """The named labels permuted within each block, in both models and all blocks of a cluster alike: they mean nothing."""
    blocks, n_labels = design.rows.shape
    columns = np.array([design.column(label) for label in labels], int)
    rng = sampling.generator("exchanged", *sorted(labels))
    order = rng.permuted(np.tile(np.arange(len(columns)), (sampling.draws, blocks, 1)), axis=2)
    taken = np.tile(np.arange(n_labels), (sampling.draws, blocks, 1))
    taken[:, :, columns] = columns[order[:, design.exchange]]
    return Relabelling(taken, np.ones((sampling.draws, blocks), bool))
