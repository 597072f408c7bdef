"""Directions of permuted labels, and Gaussian ones: what a causal effect is compared with."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from emotion_cli.measures.directions import ZERO_RELATIVE_NORM
from emotion_cli.measures.inference.draws import Contrast, Draws, draws_of
from emotion_cli.measures.inference.sampling import Sampling, generator
from emotion_cli.measures.inference.statistic import Test
from emotion_cli.measures.labels import Labels


@dataclass(frozen=True)
class Permuted:
    """One emotion's directions: of the labels as they are, then as they are permuted within topics.

    Against a label these two labels change places; against `others` all emotions do, so that emotions share their draws.
    """

    labels: Labels
    emotion: str
    sampling: Sampling

    @cached_property
    def draws(self) -> Draws:
        """The permutations."""
        names = tuple(self.labels.labels_used(self.emotion))
        return draws_of(self.labels.labels, self.labels.topics, names, self.sampling, self.labels.clusters)

    @cached_property
    def _weights(self) -> np.ndarray:
        weights = Contrast(self.emotion, self.draws).everyone
        if weights is None:
            raise ValueError("a label has no prompt")
        return weights

    @cached_property
    def test(self) -> Test:
        """The test by these permutations: one that leaves all weights as they are leaves the effect as it is."""
        return self.draws.test(self.draws.names)

    @property
    def n_draws(self) -> int:
        """How many permutations there are."""
        return len(self._weights) - 1

    def directions(self, rows: np.ndarray, chosen: slice = slice(None)) -> np.ndarray:
        """Directions [1 + draw, d_model] of length 1 of a layer's prepared rows [prompt, d_model]; NaN for one of no length."""
        used = np.asarray(rows, np.float64)[self.draws.used]
        made = self._weights[chosen] @ (used - used.mean(0))
        return _unit(made, ZERO_RELATIVE_NORM * float(np.linalg.norm(used, axis=1).mean()))


def gaussian(width: int, draws: int, seed: int) -> np.ndarray:
    """Gaussian directions [draw, d_model] of length 1: the same for every layer of a width."""
    return _unit(generator(seed, "gaussian", str(width)).normal(size=(draws, width)), 0.0)


def unit(vector: np.ndarray) -> np.ndarray:
    """A direction [d_model] with length 1; NaN where it has none."""
    return _unit(np.asarray(vector, np.float64)[None], 0.0)[0]


def _unit(rows: np.ndarray, least: float) -> np.ndarray:
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.divide(rows, lengths, out=np.full_like(rows, np.nan), where=lengths > least)
