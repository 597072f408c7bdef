"""Samples of the prompts of each direction: whole topics, drawn once, with the draws of their labels."""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np

from emotion_cli.measures.inference.draws import Contrast, Draws, draws_of
from emotion_cli.measures.inference.sampling import Sampling
from emotion_cli.measures.labels import OTHERS, Labels
from emotion_cli.measures.streamed.divisions import Divisions
from emotion_cli.measures.streamed.limits import MOST_CLASSIFIED, MOST_PERMUTED, MOST_SAMPLED
from emotion_cli.measures.streamed.sample import sample_of

CENTROID_PROMPTS, CENTROID_DRAWS = 1_000, 100
"""Prompts and draws of the null of centroids, for all labels together."""


class Size(NamedTuple):
    """At most so many prompts, of at most so many labels."""

    prompts: int
    labels: int


OF_WORDS = Size(MOST_SAMPLED, 10)
"""A sample on which words compete with a direction, whose label is among the labels."""

OF_NULL = Size(MOST_PERMUTED, 4)
"""A sample on which labels are permuted."""

OF_CLASSIFIER = Size(MOST_CLASSIFIED, 10)
"""A sample on which a classifier is fitted."""


@dataclass(frozen=True)
class Sampled:
    """The sample of one direction's prompts: their places among all, the contrast of their labels, what its draws are times."""

    places: np.ndarray
    contrast: Contrast
    shrinks: float

    @property
    def as_labelled(self) -> Contrast:
        """The contrast without permuted labels."""
        return Contrast(self.contrast.emotion, replace(self.contrast.draws, permuted=self.contrast.draws.permuted[:1]))


class Samples:
    """The samples of all directions."""

    def __init__(self, divisions: Divisions) -> None:
        self._divisions = divisions
        self._made: dict[tuple[str, Size], Sampled] = {}

    @property
    def labels(self) -> Labels:
        """The labels of all prompts."""
        return self._divisions.labels

    @property
    def sampling(self) -> Sampling:
        """The seed and the draws."""
        return self._divisions.sampling

    def of(self, emotion: str, size: Size) -> Sampled:
        """A sample of one direction's prompts."""
        if (emotion, size) not in self._made:
            self._made[emotion, size] = self._sample(emotion, size)
        return self._made[emotion, size]

    def _sample(self, emotion: str, size: Size) -> Sampled:
        by, _ = self._divisions.of(emotion)
        used = self.labels.of(by.used)
        kept = {emotion} if self.labels.reference == OTHERS else {*by.names}
        chosen = sample_of(used.labels, used.topics, size.prompts, self.sampling.about(emotion), kept, size.labels)
        places = by.used[chosen.places]
        made_of = self.labels.of(places)
        draws = draws_of(made_of.labels, made_of.topics, chosen.labels, self.sampling, made_of.clusters)
        positive, n = int((by.codes == by.names.index(emotion)).sum()), len(by)
        of_sample, n_sample = made_of.labels.count(emotion), len(places)
        shrinks = np.sqrt((of_sample * (n_sample - of_sample) / n_sample) / (positive * (n - positive) / n))
        # there are many directions: what counts to a few is kept in one byte
        kept_draws = replace(draws, halves=draws.halves.astype(np.int8), counts=draws.counts.astype(np.int16))
        return Sampled(places, Contrast(emotion, kept_draws), float(shrinks))

    @cached_property
    def of_all_labels(self) -> tuple[Draws, np.ndarray]:
        """Draws of a sample of all labels' prompts, for centroids, and their places."""
        by = self._divisions.of_all_labels
        used = self.labels.of(by.used)
        sample = sample_of(used.labels, used.topics, CENTROID_PROMPTS, self.sampling, most_labels=len(by.names))
        places = by.used[sample.places]
        made_of = self.labels.of(places)
        names = sorted(set(made_of.labels))
        draws = draws_of(made_of.labels, made_of.topics, names, self.sampling.at_most(CENTROID_DRAWS), made_of.clusters)
        return draws, places
