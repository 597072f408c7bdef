"""One emotion against its reference: the prompts, the permuted labels, folds, halves and resampled topics of all its nulls."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from emotion_cli.measures.directions import OTHERS
from emotion_cli.measures.inference.resampling import (
    blocks_of,
    dealt,
    generator,
    permutations_within,
    resampled,
    strata_of,
    units_of,
)

FOLDS = 5


SPLITS = 100


@dataclass(frozen=True)
class Draws:
    """Prompts of the labels concerned, and draws that serve every layer, pooling and model.

    `used` [prompt] are their rows; `codes` [prompt] number their labels; `permuted` [1 + draw, prompt] are the codes as they
    are, then permuted within blocks; `folds` [prompt]; `halves` [split, block] are -1 or 1; `counts` [draw, unit] say how
    often each unit of `units` [prompt] is drawn.
    """

    names: tuple[str, ...]
    used: np.ndarray
    codes: np.ndarray
    blocks: np.ndarray
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

    @property
    def n_units(self) -> int:
        """Topics, or prompts without one, that the labels rest on."""
        return int(self.units.max()) + 1


def draws_of(
    labels: Sequence[str], topics: Sequence[str | None], concerned: Sequence[str], *, seed: int, names: Sequence[str], draws: int
) -> Draws:
    """The draws of one comparison of the labels `concerned`, from the generator of `seed` and `names`."""
    rng = generator(seed, *names, *concerned)
    labels_ = np.asarray(labels)
    used = np.flatnonzero(np.isin(labels_, concerned))
    codes = np.searchsorted(np.asarray(concerned), labels_[used]).astype(np.int16)
    own_topics = [topics[i] for i in used.tolist()]
    blocks = blocks_of(codes, own_topics, rng)
    strata = strata_of(codes, blocks)
    folds = dealt(strata, min(FOLDS, len(strata)), rng)[blocks]
    halves = 2 * np.array([dealt(strata, 2, rng) for _ in range(SPLITS)]) - 1
    permuted = np.vstack([codes, permutations_within([str(block) for block in blocks.tolist()], draws, rng, codes)])
    units = units_of(own_topics)
    counts = resampled(strata_of(codes, units), draws, rng)
    return Draws(tuple(concerned), used, codes, blocks, permuted, folds, halves, units, counts)


def concerned_labels(emotion: str, emotions: Sequence[str], reference: str) -> list[str]:
    """The labels that make the direction of `emotion`, sorted."""
    return sorted({*emotions} if reference == OTHERS else {emotion, reference})


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
        signs = np.full(len(sizes), -1 / (len(sizes) - 1))
        signs[self.code] = 1
        return (signs / sizes)[self.draws.permuted[:, members]]
