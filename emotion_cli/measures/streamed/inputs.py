"""What the quality of directions needs, and what there is at one layer."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from emotion_cli.measures.gram import Gram
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

    def tests_with(self, names: Sequence[str], tests: Sequence[np.ndarray]) -> list[tuple[HeldOut, np.ndarray]]:
        """The test sets that have all these labels, each with its rows."""
        return [(test, rows) for test, rows in zip(self.held_out, tests, strict=True) if {*names} <= {*test.labels}]


class Layer(NamedTuple):
    """One layer: rows about their mean, lengths of rows as they are [prompt], the mean, rows of test sets, random directions."""

    centred: Rows
    norms: np.ndarray
    mean: np.ndarray
    tests: Sequence[np.ndarray] = ()
    gaussian: np.ndarray | None = None

    def gram(self, places: np.ndarray, tests: Sequence[np.ndarray] = ()) -> Gram:
        """Inner products of some prompts, then of the prompts of test sets, about the mean."""
        rows = np.concatenate([self.centred.take(places), *(part - self.mean for part in tests)])
        lengths = np.concatenate([self.norms[places], *(np.linalg.norm(part, axis=1) for part in tests)])
        projections = np.empty((len(rows), 0)) if self.gaussian is None else rows @ self.gaussian
        return Gram(rows @ rows.T, lengths, projections)
