"""One emotion against its reference: the prompts, the permuted labels, folds, halves and resampled topics of all its nulls."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from emotion_cli.measures.gram import Gram
from emotion_cli.measures.inference.resampling import blocks_of, dealt, permutations_within, resampled, strata_of, units_of
from emotion_cli.measures.inference.sampling import Sampling
from emotion_cli.measures.labels import OTHERS, coefficients, prompt_weights

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

    def split(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Places of each fold's prompts, and of all others."""
        for fold in np.unique(self.folds):
            yield np.flatnonzero(self.folds == fold), np.flatnonzero(self.folds != fold)

    @property
    def n_units(self) -> int:
        """Topics, or prompts without one, that the labels rest on."""
        return int(self.units.max()) + 1


def draws_of(labels: Sequence[str], topics: Sequence[str | None], concerned: Sequence[str], sampling: Sampling) -> Draws:
    """The draws of one comparison of the labels `concerned`."""
    rng = sampling.generator(*concerned)
    names = np.asarray(labels)
    used = np.flatnonzero(np.isin(names, concerned))
    codes = np.searchsorted(np.asarray(concerned), names[used]).astype(np.int16)
    used_topics = [topics[i] for i in used.tolist()]
    blocks = blocks_of(codes, used_topics, rng)
    strata = strata_of(codes, blocks)
    folds = dealt(strata, min(FOLDS, len(strata)), rng)[blocks]
    halves = 2 * np.array([dealt(strata, 2, rng) for _ in range(SPLITS)]) - 1
    block_names = [str(block) for block in blocks.tolist()]
    permuted = np.vstack([codes, permutations_within(block_names, sampling.draws, rng, codes)])
    units = units_of(used_topics)
    counts = resampled(strata_of(codes, units), sampling.draws, rng)
    return Draws(tuple(concerned), used, codes, blocks, permuted, folds, halves, units, counts)


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
        return prompt_weights(coefficients(self.draws.names, self.emotion, self.draws.names, OTHERS), codes, sizes[codes])

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
