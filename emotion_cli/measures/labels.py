"""The inputs of a direction: the labels of prompts, the emotions, and their reference."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

OTHERS = "others"
"""The reference that is the mean of the other emotions' means."""


@dataclass(frozen=True)
class Labels:
    """Labels and topics [prompt] (None: no topic); the emotions, each measured against `reference`, a label or `others`.

    `clusters` [prompt] are sets of topics that belong together (None: the topic is in none); None where no topic is in one.
    """

    labels: Sequence[str]
    topics: Sequence[str | None]
    emotions: Sequence[str]
    reference: str
    clusters: Sequence[str | None] | None = None

    def labels_used(self, *emotions: str) -> list[str]:
        """The labels that make the directions of some emotions, sorted."""
        return labels_used(emotions, self.emotions, self.reference)

    def of(self, rows: np.ndarray) -> "Labels":
        """The same of some prompts."""
        places: list[int] = rows.tolist()
        clusters = None if self.clusters is None else [self.clusters[i] for i in places]
        return replace(self, labels=[self.labels[i] for i in places], topics=[self.topics[i] for i in places], clusters=clusters)

    def with_labels(self, names: Sequence[str]) -> np.ndarray:
        """Rows of the prompts with one of these labels."""
        return np.flatnonzero(np.isin(np.asarray(self.labels), names))

    def weights(self, emotion: str) -> np.ndarray:
        """Weight of each prompt [prompt] in a direction: the direction is `weights @ activations`."""
        names, codes, sizes = np.unique(np.asarray(self.labels), return_inverse=True, return_counts=True)
        of_labels = coefficients(names.tolist(), emotion, self.emotions, self.reference)
        return prompt_weights(of_labels, codes, sizes[codes])

    def is_reference(self, emotion: str) -> np.ndarray:
        """Which prompts [prompt] the direction of an emotion is measured against."""
        return np.isin(np.asarray(self.labels), self.against(emotion))

    def against(self, emotion: str) -> list[str]:
        """The labels that are the reference of an emotion."""
        return _against(emotion, self.emotions, self.reference)


def emotions_of(labels: Sequence[str], neutral: str) -> list[str]:
    """The labels that get a direction, sorted: all but the neutral one."""
    return sorted(set(labels) - {neutral})


def labels_used(chosen: Sequence[str], emotions: Sequence[str], reference: str) -> list[str]:
    """The labels that make the directions of the `chosen` ones of some emotions, sorted."""
    return sorted({*emotions} if reference == OTHERS else {*chosen, reference})


def coefficients(labels: Sequence[str], emotion: str, emotions: Sequence[str], reference: str) -> np.ndarray:
    """Weight [label] of each label's mean in the direction of `emotion`: 1, and -1 shared by the labels of its reference."""
    against = _against(emotion, emotions, reference)
    return np.array([float(label == emotion) - (label in against) / len(against) for label in labels])


def prompt_weights(of_labels: np.ndarray, codes: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Weights of prompts from those of their labels' means [label].

    `codes` number the prompts' labels; `sizes` say how many prompts make the mean that a prompt is in; their shapes broadcast.
    """
    return of_labels[codes] / sizes


def _against(emotion: str, emotions: Sequence[str], reference: str) -> list[str]:
    return [label for label in emotions if label != emotion] if reference == OTHERS else [reference]
