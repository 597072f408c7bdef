"""Who is compared with whom: blocks of prompts that differ in label only, random thirds of topics, and relabellings.

A block holds one prompt of every label about one topic. What is resampled is always a whole topic; what is relabelled are the
prompts within a block. Both are drawn once and serve every layer, every pair of layers and every pair of models.
"""

from collections.abc import Sequence
from itertools import count
from typing import NamedTuple

import numpy as np

from emotion_cli.measures.directions import OTHERS
from emotion_cli.measures.inference.resampling import generator

N_SPLITS = 15
"""Random divisions of the topics into thirds, over which aligned measures are averaged."""


N_GROUPS = 20
"""Groups of topics that the jackknife leaves out in turn."""


MIN_TOPICS = 6
"""Fewer topics than this cannot be divided into thirds of two."""


class Design(NamedTuple):
    """Prompts by block and label: rows [block, label] index the prompts, topic [block] numbers the topics."""

    labels: tuple[str, ...]
    rows: np.ndarray
    topic: np.ndarray

    @property
    def n_topics(self) -> int:
        """How many topics the blocks are about."""
        return len(np.unique(self.topic))


class Thirds(NamedTuple):
    """Blocks for fitting the map, for the source's direction and for the target's; no topic is in two of them."""

    fit: np.ndarray
    source: np.ndarray
    target: np.ndarray


class Relabelling(NamedTuple):
    """What each prompt is taken for: label [draw, block, label] (a number into the design's labels), kept [draw, block]."""

    label: np.ndarray
    kept: np.ndarray

    def __len__(self) -> int:
        return len(self.label)

    def part(self, draws: slice) -> "Relabelling":
        """Some of the draws."""
        return Relabelling(self.label[draws], self.kept[draws])


def joined(parts: Sequence[Relabelling]) -> Relabelling:
    """Several batches of draws as one."""
    return Relabelling(np.concatenate([part.label for part in parts]), np.concatenate([part.kept for part in parts]))


def design_of(labels: Sequence[str], topics: Sequence[str | None]) -> Design:
    """Blocks of prompts with every label; prompts that complete no block are left out.

    The j-th prompts of each label about a topic make a block. Prompts without a topic make blocks of their own: nothing
    pairs them, so under the null they may be exchanged across labels in any way.
    """
    names = tuple(sorted(set(labels)))
    cells: dict[str, dict[str, list[int]]] = {}
    for i, (label, topic) in enumerate(zip(labels, topics, strict=True)):
        cells.setdefault("" if topic is None else f"={topic}", {}).setdefault(label, []).append(i)
    rows: list[list[int]] = []
    topic_of: list[int] = []
    number = count()
    for name in sorted(cells):
        found = [cells[name].get(label, []) for label in names]
        blocks = [list(block) for block in zip(*found, strict=False)]
        own = next(number)
        topic_of += [own if name else next(number) for _ in blocks]
        rows += blocks
    return Design(names, np.array(rows, int).reshape(-1, len(names)), np.array(topic_of, int))


def thirds_of(design: Design, *, seed: int, dataset: str, splits: int = N_SPLITS) -> list[Thirds]:
    """Random divisions of the topics into three parts of (nearly) equal size."""
    rng = generator(seed, dataset, "thirds")
    topics = np.unique(design.topic)
    divided = []
    for _ in range(splits):
        parts = np.array_split(rng.permutation(topics), 3)
        divided.append(Thirds(*(np.flatnonzero(np.isin(design.topic, part)) for part in parts)))
    return divided


def as_labelled(design: Design) -> Relabelling:
    """Every prompt taken for what it is."""
    blocks, labels = design.rows.shape
    return Relabelling(np.tile(np.arange(labels), (1, blocks, 1)), np.ones((1, blocks), bool))


def groups_left_out(design: Design, *, seed: int, dataset: str) -> Relabelling:
    """The prompts as they are, each time without one group of topics."""
    kept = kept_without_groups(design.topic, seed=seed, dataset=dataset)
    blocks, labels = design.rows.shape
    return Relabelling(np.tile(np.arange(labels), (len(kept), blocks, 1)), kept)


def kept_without_groups(topics: np.ndarray, *, seed: int, dataset: str) -> np.ndarray:
    """Which items [group, item] stay when each of up to 20 random groups of topics [item] is left out."""
    order = generator(seed, dataset, "jackknife groups").permutation(np.unique(topics))
    groups = np.array_split(order, min(N_GROUPS, len(order)))
    return np.array([~np.isin(topics, group) for group in groups])


def topic_numbers(topics: Sequence[str | None]) -> np.ndarray:
    """Topics [item] as numbers; items without one each have a number of their own."""
    names = {name: i for i, name in enumerate(sorted({topic for topic in topics if topic is not None}))}
    free = count(len(names))
    return np.array([next(free) if topic is None else names[topic] for topic in topics], int)


def exchanged(design: Design, labels: Sequence[str], *, seed: int, dataset: str, draws: int) -> Relabelling:
    """The named labels permuted within each block, in both models alike: the null that they mean nothing."""
    blocks, n_labels = design.rows.shape
    columns = np.array([design.labels.index(label) for label in labels], int)
    rng = generator(seed, dataset, "exchanged", *sorted(labels))
    order = rng.permuted(np.tile(np.arange(len(columns)), (draws, blocks, 1)), axis=2)
    taken = np.tile(np.arange(n_labels), (draws, blocks, 1))
    taken[:, :, columns] = columns[order]
    return Relabelling(taken, np.ones((draws, blocks), bool))


def contrast(labels: Sequence[str], emotion: str, emotions: Sequence[str], reference: str) -> np.ndarray:
    """Weight [label] of each label's mean in the direction of `emotion`."""
    weights = np.array([float(label == emotion) for label in labels])
    if reference != OTHERS:
        return weights - np.array([float(label == reference) for label in labels])
    others = [other for other in emotions if other != emotion]
    return weights - np.array([(label in others) / len(others) for label in labels])
