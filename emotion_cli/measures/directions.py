"""Activations of one layer to emotion directions; everything is accumulated in float64 (METHODS section 1)."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

OTHERS = "others"
"""The reference that is the mean of the other emotions' means."""

ZERO_RELATIVE_NORM = 1e-5
"""A direction shorter than this share of its reference's activations counts as zero."""


class Direction(NamedTuple):
    """One emotion's direction [d_model], the prompts behind it, and its norms (relative_norm has no unit)."""

    emotion: str
    vector: np.ndarray
    n_emotion: int
    n_reference: int
    l1_norm: float
    l2_norm: float
    relative_norm: float


def emotions_of(labels: Sequence[str], neutral: str) -> list[str]:
    """The labels that get a direction, sorted: all but the neutral one."""
    return sorted(set(labels) - {neutral})


def weights(labels: np.ndarray, emotion: str, emotions: Sequence[str], reference: str) -> np.ndarray:
    """Weight of each prompt [prompt] in the mean difference of `emotion`: the direction is `weights @ activations`."""
    own = _mean_weights(labels, emotion)
    if reference != OTHERS:
        return own - _mean_weights(labels, reference)
    others = [_mean_weights(labels, other) for other in emotions if other != emotion]
    return own - np.mean(others, axis=0)


def mean_difference(
    activations: np.ndarray, labels: Sequence[str], *, emotions: Sequence[str], reference: str
) -> list[Direction]:
    """Mean of each emotion minus mean of the reference: activations [prompt, d_model], not normalised (METHODS section 1)."""
    rows, names = np.asarray(activations, np.float64), np.asarray(labels)
    lengths = np.linalg.norm(rows, axis=1)
    directions = []
    for emotion in emotions:
        vector = weights(names, emotion, emotions, reference) @ rows
        is_reference = reference_prompts(names, emotion, emotions, reference)
        length = float(np.linalg.norm(vector))
        scale = float(lengths[is_reference].mean())
        directions.append(Direction(
            emotion, vector, int((names == emotion).sum()), int(is_reference.sum()), float(np.abs(vector).sum()), length,
            length / scale if scale > 0 else 0.0,
        ))  # fmt: skip
    return directions


def reference_prompts(labels: np.ndarray, emotion: str, emotions: Sequence[str], reference: str) -> np.ndarray:
    """Which prompts [prompt] the direction of `emotion` is measured against."""
    if reference != OTHERS:
        return labels == reference
    return np.isin(labels, [other for other in emotions if other != emotion])


METHODS: dict[str, Callable[..., list[Direction]]] = {"mean_difference": mean_difference}
"""How a direction is made, by the name that the store keeps."""


def _mean_weights(labels: np.ndarray, label: str) -> np.ndarray:
    is_label = labels == label
    return is_label / is_label.sum()
