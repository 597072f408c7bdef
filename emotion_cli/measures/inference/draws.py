"""One emotion against its reference: the prompts, the permuted labels, folds, halves and resampled topics of all its nulls."""

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from emotion_cli.measures.gram import Gram
from emotion_cli.measures.inference.exchange import Exchange
from emotion_cli.measures.inference.resampling import (
    Names,
    blocks_of,
    dealt,
    kinds_of,
    n_of_scarcest,
    resampled,
    strata_of,
    units_of,
)
from emotion_cli.measures.inference.sampling import Sampling
from emotion_cli.measures.inference.spreads import is_unequal
from emotion_cli.measures.inference.statistic import EXACT, PERMUTED, Test
from emotion_cli.measures.labels import OTHERS, coefficients, prompt_weights

FOLDS = 5


SPLITS = 100


TIE = 12
"""Decimals in which two weights are compared."""


@dataclass(frozen=True)
class Draws:
    """Prompts of the labels concerned, and draws that serve every layer, pooling and model.

    `used` [prompt] are their rows; `codes` [prompt] number their labels; `permuted` [1 + draw, prompt] are the codes as they
    are, then permuted as `exchange` allows; `folds` [prompt]; `halves` [split, block] are -1 or 1; `counts` [draw, unit] say
    how often each unit of `units` [prompt] is drawn. No cluster is in two folds or in both halves.
    """

    names: tuple[str, ...]
    used: np.ndarray
    codes: np.ndarray
    blocks: np.ndarray
    exchange: Exchange
    permuted: np.ndarray
    folds: np.ndarray
    halves: np.ndarray
    units: np.ndarray
    counts: np.ndarray

    @cached_property
    def complete(self) -> bool:
        """Whether every block holds each label exactly once."""
        sizes = np.zeros((self.blocks.max() + 1, len(self.names)), int)
        np.add.at(sizes, (self.blocks, self.codes), 1)
        return bool((sizes == 1).all())

    def is_unequal(self, gram: Gram) -> bool:
        """Whether the labels differ in number and in spread, given the Gram of the prompts used."""
        return is_unequal(self.codes, self.exchange, gram.inner)

    def split(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Places of each fold's prompts, and of all others."""
        for fold in np.unique(self.folds):
            yield np.flatnonzero(self.folds == fold), np.flatnonzero(self.folds != fold)

    @property
    def n_units(self) -> int:
        """Clusters, topics in none, and prompts without a topic, that the labels rest on."""
        return int(self.units.max()) + 1

    @cached_property
    def n_scarcest(self) -> int:
        """How many of them hold the label that the fewest hold."""
        return n_of_scarcest(self.codes, self.units)

    @cached_property
    def is_all(self) -> bool:
        """Whether the permutations are all that there are."""
        return self.exchange.n == len(self.permuted) - 1

    def test(self, roles: Sequence[Hashable], mirrored: Sequence[Hashable] = ()) -> Test:
        """The test of a measure by these permutations, given the `roles` of labels in it (`Exchange.share_alike`)."""
        return Test(EXACT if self.is_all else PERMUTED, self.exchange.share_alike(roles, mirrored))


def draws_of(
    labels: Sequence[str], topics: Names, concerned: Sequence[str], sampling: Sampling, clusters: Names | None = None
) -> Draws:
    """The draws of one comparison of the labels `concerned`."""
    rng = sampling.generator(*concerned)
    names = np.asarray(labels)
    used = np.flatnonzero(np.isin(names, concerned))
    codes = np.searchsorted(np.asarray(concerned), names[used]).astype(np.int16)
    used_topics = [topics[i] for i in used.tolist()]
    used_clusters = None if clusters is None else [clusters[i] for i in used.tolist()]
    blocks, folds, halves = split_of(codes, used_topics, rng, used_clusters)
    exchange = Exchange(codes, [str(block) for block in blocks.tolist()], used_clusters)
    permuted = np.vstack([codes, codes[exchange.orders(sampling.draws, rng)]])
    units = units_of(used_topics, used_clusters)
    counts = resampled(strata_of(codes, units, used_topics), sampling.draws, rng)
    return Draws(tuple(concerned), used, codes, blocks, exchange, permuted, folds, halves, units, counts)


class Split(NamedTuple):
    """Blocks, folds [prompt] of some prompts, and halves [split, block]."""

    blocks: np.ndarray
    folds: np.ndarray
    halves: np.ndarray


def split_of(codes: np.ndarray, topics: Names, rng: np.random.Generator, clusters: Names | None = None) -> Split:
    """How prompts with labels `codes` [prompt] are held out and halved: the first draws of a comparison."""
    blocks = blocks_of(codes, topics, rng, clusters)
    groups = _groups_of(blocks, clusters)
    kinds = kinds_of(codes, groups[blocks])
    folds = dealt(kinds, min(FOLDS, len(kinds)), rng)[groups][blocks]
    halves = 2 * np.array([dealt(kinds, 2, rng)[groups] for _ in range(SPLITS)]) - 1
    return Split(blocks, folds, halves)


def _groups_of(blocks: np.ndarray, clusters: Names | None) -> np.ndarray:
    """Number of what each block [block] is held out with: its cluster, or itself alone."""
    n_blocks = int(blocks.max()) + 1
    if clusters is None:
        return np.arange(n_blocks)
    names = [f"={block}" for block in range(n_blocks)]
    for block, cluster in zip(blocks.tolist(), clusters, strict=True):
        if cluster is not None:
            names[block] = f"+{cluster}"
    return np.unique(names, return_inverse=True)[1]


@dataclass(frozen=True)
class Contrast:
    """The direction of `emotion` among the labels of some draws: the emotion's mean minus the mean of the other labels' means."""

    emotion: str
    draws: Draws

    @cached_property
    def code(self) -> int:
        """Number of the emotion's label."""
        return self.draws.names.index(self.emotion)

    @cached_property
    def is_emotion(self) -> np.ndarray:
        """Where the label is the emotion [1 + draw, prompt]."""
        return self.draws.permuted == self.code

    def weights(self, members: np.ndarray) -> np.ndarray | None:
        """Weights [1 + draw, member] of prompts in the direction made of `members` alone; None where a label has none."""
        sizes = np.bincount(self.draws.codes[members], minlength=len(self.draws.names))
        if not sizes.all():
            return None
        codes = self.draws.permuted[:, members]
        return prompt_weights(self.coefficients, codes, sizes[codes])

    @cached_property
    def coefficients(self) -> np.ndarray:
        """Weight of each label's mean [label] in the direction."""
        return coefficients(self.draws.names, self.emotion, self.draws.names, OTHERS)

    @cached_property
    def test(self) -> Test:
        """The test by permuted labels; a direction that points the other way separates as well, and has halves as alike."""
        roles = [round(weight, TIE) for weight in (self.coefficients / np.bincount(self.draws.codes)).tolist()]
        return self.draws.test(roles, [-role for role in roles])

    @cached_property
    def test_of_scores(self) -> Test:
        """The same where the direction stays as it is, and only labels of the prompts that it scores are permuted."""
        return self.draws.test([name == self.emotion for name in self.draws.names])

    @cached_property
    def everyone(self) -> np.ndarray | None:
        """Weights [1 + draw, prompt] of the direction made of all prompts."""
        return self.weights(np.arange(len(self.draws.codes)))

    def is_zero(self, gram: Gram) -> bool:
        """Whether the direction made of all prompts counts as zero, given the Gram of the prompts used."""
        if self.everyone is None:
            return True
        weights = self.everyone[0]
        return float(weights @ gram.inner @ weights) <= gram.zero_length(~self.is_emotion[0]) ** 2

    def places(self, members: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Where in `members` each draw's prompts of the emotion, and of the others, are [1 + draw, prompt]."""
        is_emotion = self.is_emotion[:, members]
        positive, negative = (np.nonzero(where)[1].reshape(len(where), -1) for where in (is_emotion, ~is_emotion))
        return positive, negative
