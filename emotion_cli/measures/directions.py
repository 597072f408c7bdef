"""Activations of one layer to emotion directions; everything is accumulated in float64 (METHODS section 1)."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from emotion_cli.errors import UsageError

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


def directions(activations: np.ndarray, labels: Sequence[str], *, emotions: Sequence[str], reference: str) -> list[Direction]:
    """Mean of each emotion minus mean of the reference: prepared activations [prompt, d_model], not normalised."""
    rows, names = np.asarray(activations, np.float64), np.asarray(labels)
    lengths = np.linalg.norm(rows, axis=1)
    found = []
    for emotion in emotions:
        vector = weights(names, emotion, emotions, reference) @ rows
        is_reference = reference_prompts(names, emotion, emotions, reference)
        length = float(np.linalg.norm(vector))
        scale = float(lengths[is_reference].mean())
        found.append(
            Direction(
                emotion,
                vector,
                int((names == emotion).sum()),
                int(is_reference.sum()),
                float(np.abs(vector).sum()),
                length,
                length / scale if scale > 0 else 0.0,
            )
        )
    return found


def reference_prompts(labels: np.ndarray, emotion: str, emotions: Sequence[str], reference: str) -> np.ndarray:
    """Which prompts [prompt] the direction of `emotion` is measured against."""
    if reference != OTHERS:
        return labels == reference
    return np.isin(labels, [other for other in emotions if other != emotion])


def as_they_are(activations: np.ndarray, is_neutral: np.ndarray) -> np.ndarray:
    """Activations [prompt, d_model] in float64, otherwise unchanged: the plain difference of means."""
    return np.asarray(activations, np.float64)


def centred(activations: np.ndarray, is_neutral: np.ndarray) -> np.ndarray:
    """Activations [prompt, d_model] minus their mean over the width: what is left of them under LayerNorm."""
    rows = np.asarray(activations, np.float64)
    return rows - rows.mean(axis=1, keepdims=True)


def without_neutral_components(activations: np.ndarray, is_neutral: np.ndarray) -> np.ndarray:
    """Activations [prompt, d_model] without the directions in which neutral prompts vary most.

    The fewest principal components that explain NEUTRAL_SHARE of the neutral prompts' variance are projected out of every
    prompt (Sofroniew et al. 2026). UsageError with fewer than two neutral prompts.
    """
    rows = np.asarray(activations, np.float64)
    neutral = rows[is_neutral]
    if len(neutral) < 2:
        raise UsageError(
            f"neutral_pcs_removed: two neutral prompts at least are needed, there are {len(neutral)}",
            hint="--neutral LABEL names the label that is no emotion",
        )
    deviations = neutral - neutral.mean(axis=0)
    _, singular, components = np.linalg.svd(deviations, full_matrices=False)
    explained = singular**2
    if explained.sum() <= ZERO_RELATIVE_NORM**2 * np.square(neutral).sum():
        return rows  # neutral prompts do not vary: what is left is rounding
    # the slack keeps rounding from asking for one more
    wanted = int(np.searchsorted(np.cumsum(explained) / explained.sum(), NEUTRAL_SHARE - 1e-12)) + 1
    return rows - (rows @ components[:wanted].T) @ components[:wanted]


NEUTRAL_SHARE = 0.5
"""Share of the neutral prompts' variance that `neutral_pcs_removed` takes away at least."""

METHODS: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "mean_difference": as_they_are,
    "mean_difference_centred": centred,
    "neutral_pcs_removed": without_neutral_components,
}
"""How activations [prompt, d_model] are prepared before means are taken, by the method's name in the store.

Each is given the activations and which prompts are neutral [prompt]. All that follows, directions and statistics alike, sees
prepared rows only.
"""

CENTRED = frozenset({"mean_difference_centred"})
"""Methods that take the mean over the width away, which leaves what the model reads as it is under LayerNorm only."""


def _mean_weights(labels: np.ndarray, label: str) -> np.ndarray:
    is_label = labels == label
    return is_label / is_label.sum()
