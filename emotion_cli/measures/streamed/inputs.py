"""What the quality of directions needs, and what there is at one layer."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from emotion_cli.measures.gram import Gram
from emotion_cli.measures.inference.auroc import settled
from emotion_cli.measures.inference.sampling import Sampling
from emotion_cli.measures.labels import Labels
from emotion_cli.measures.streamed.rows import Rows
from emotion_cli.measures.within.bag_of_words import Texts
from emotion_cli.measures.within.separability import HeldOut
from emotion_cli.measures.within.surface import Surface


@dataclass(frozen=True)
class Inputs:
    """What the quality of directions needs besides activations: labels, texts, test sets; `is_reading` where rows are whitened.

    `averaged` are the layers that means cover.
    """

    labels: Labels
    sampling: Sampling
    averaged: Collection[int]
    surface: Surface | None = None
    texts: Texts | None = None
    held_out: Sequence[HeldOut] = ()
    is_reading: bool = False
    controls: Mapping[str, Rows] = field(default_factory=dict)
    """Rows of controls over the same prompts, centred or not."""

    def tests_with(self, names: Sequence[str]) -> list[HeldOut]:
        """The test sets that have all these labels."""
        return [test for test in self.held_out if {*names} <= {*test.labels}]


class Layer(NamedTuple):
    """One layer: rows about their mean, lengths of rows as they are [prompt], the mean, rows of test sets, random directions."""

    centred: Rows
    norms: np.ndarray
    mean: np.ndarray
    tests: Sequence[Rows] = ()
    gaussian: np.ndarray | None = None

    def gram(self, places: np.ndarray) -> Gram:
        """Inner products of some prompts about the mean."""
        rows = self.centred.take(places)
        projections = np.empty((len(rows), 0)) if self.gaussian is None else rows @ self.gaussian
        return Gram(rows @ rows.T, self.norms[places], projections)

    def scored(self, test: int, vectors: np.ndarray) -> "Scored":
        """Scores of the prompts of a test set, by its number, along directions [direction, width], about the mean."""
        rows = self.tests[test]
        scores, norms = np.empty((len(rows), len(vectors))), np.empty(len(rows))
        for prompts, batch in rows.batches():
            norms[prompts] = np.linalg.norm(batch, axis=1)
            scores[prompts] = (batch - self.mean) @ vectors.T
        return Scored(scores, norms)


class Scored(NamedTuple):
    """Prompts of a test set: scores [prompt, direction], and lengths of rows as they are [prompt]."""

    scores: np.ndarray
    norms: np.ndarray

    def settled(self, direction: int, norms: np.ndarray) -> np.ndarray:
        """Scores [prompt] along one direction, rounded in units of these prompts and of those that made it (`norms`)."""
        return settled(self.scores[:, direction], float(np.mean(np.append(norms, self.norms) ** 2)))
