"""Directions of permuted labels, and Gaussian ones: what a causal effect is compared with.

Labels are permuted among what varies within labels (Freedman and Lane 1983). Activations as they are would not do: what parts the
labels is in them, so that a direction of permuted labels, made as long as the true one, lies along the true one or against it.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from emotion_cli.measures.directions import ZERO_RELATIVE_NORM
from emotion_cli.measures.inference.draws import Contrast, Draws, draws_of
from emotion_cli.measures.inference.sampling import Sampling, generator
from emotion_cli.measures.inference.statistic import PERMUTED_RESIDUALS, Test
from emotion_cli.measures.labels import Labels


@dataclass(frozen=True)
class Permuted:
    """One emotion's directions: of the labels as they are; then of labels that are permuted within topics, of residuals.

    Residuals are activations minus the mean of their label. Against a label these two labels change places; against `others`
    all emotions do, so that emotions share their draws.
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
        """The test by these permutations; with few of them, p has a floor, or there is none."""
        return Test(PERMUTED_RESIDUALS, self.draws.test(self.draws.names).alike)

    def directions(self, rows: np.ndarray, chosen: slice = slice(None)) -> np.ndarray:
        """Directions [1 + draw, d_model] of length 1 of a layer's prepared rows [prompt, d_model]; NaN for one of no length.

        Labels that stay as they are, or all change places, leave nothing of residuals.
        """
        used = np.asarray(rows, np.float64)[self.draws.used]
        is_label = self.draws.codes == np.arange(len(self.draws.names))[:, None]
        means = is_label @ used / is_label.sum(1, keepdims=True)
        made = self._weights[chosen] @ (used - means[self.draws.codes])
        if 0 in range(len(self._weights))[chosen]:
            made[0] = self._weights[0] @ (used - used.mean(0))
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
