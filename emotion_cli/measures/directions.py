"""Activations of one layer to emotion directions; everything is accumulated in float64 (METHODS section 1)."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from emotion_cli.errors import UsageError
from emotion_cli.measures.labels import Labels

ZERO_RELATIVE_NORM = 1e-5
"""A direction shorter than this share of its reference's activations counts as zero."""


class Direction(NamedTuple):
    """One emotion's direction [d_model], its prompts, and its norms.

    `relative_norm` has no unit; it is None for a direction that scores are read along, which has not the unit of activations.
    """

    emotion: str
    vector: np.ndarray
    n_emotion: int
    n_reference: int
    l1_norm: float
    l2_norm: float
    relative_norm: float | None


def directions(activations: np.ndarray, labels: Labels) -> list[Direction]:
    """Mean of each emotion minus mean of the reference: prepared activations [prompt, d_model], not normalised."""
    rows = np.asarray(activations, np.float64)
    lengths = np.linalg.norm(rows, axis=1)
    made = []
    for emotion in labels.emotions:
        vector = labels.weights(emotion) @ rows
        is_reference = labels.is_reference(emotion)
        length = float(np.linalg.norm(vector))
        scale = float(lengths[is_reference].mean())
        made.append(
            Direction(
                emotion,
                vector,
                labels.labels.count(emotion),
                int(is_reference.sum()),
                float(np.abs(vector).sum()),
                length,
                length / scale if scale > 0 else 0.0,
            )
        )
    return made


def as_they_are(activations: np.ndarray, is_neutral: np.ndarray) -> np.ndarray:
    """Activations [prompt, d_model] in float64, otherwise unchanged: the plain difference of means."""
    return np.asarray(activations, np.float64)


def centred(activations: np.ndarray, is_neutral: np.ndarray) -> np.ndarray:
    """Activations [prompt, d_model] minus their mean over the width, as LayerNorm centres them."""
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
            hint="--neutral LABEL names the neutral label",
        )
    deviations = neutral - neutral.mean(axis=0)
    _, singular, components = np.linalg.svd(deviations, full_matrices=False)
    explained = singular**2
    if explained.sum() <= ZERO_RELATIVE_NORM**2 * np.square(neutral).sum():
        return rows  # neutral prompts do not vary: what is left is rounding
    # the slack keeps rounding from asking for one more
    n_removed = int(np.searchsorted(np.cumsum(explained) / explained.sum(), NEUTRAL_SHARE - 1e-12)) + 1
    return rows - (rows @ components[:n_removed].T) @ components[:n_removed]


NEUTRAL_SHARE = 0.5
"""Share of the neutral prompts' variance that `neutral_pcs_removed` takes away at least."""


class Method(NamedTuple):
    """How directions are made of a layer's prompts, and what that serves.

    `prepare` is given activations [prompt, d_model] and which prompts are neutral [prompt]. All that follows, directions and
    statistics alike, sees prepared rows only. One that `whitens` measures in the metric of the prompts' covariance, one that
    `classifies` fits a classifier.
    """

    prepare: Callable[[np.ndarray, np.ndarray], np.ndarray] = as_they_are
    whitens: bool = False
    classifies: bool = False

    @property
    def makes_vectors(self) -> bool:
        """Whether it leaves a direction of its own."""
        return not self.classifies

    @property
    def is_compared(self) -> bool:
        """Whether its directions may be compared: whitening makes any labels equidistant, and a classifier has none."""
        return not (self.whitens or self.classifies)


METHODS = {
    "mean_difference": Method(),
    "mean_difference_centred": Method(centred),
    "neutral_pcs_removed": Method(without_neutral_components),
    "whitened": Method(whitens=True),
    "logistic": Method(classifies=True),
}
"""The methods by their names in the store."""

DEFAULT_METHODS = ("mean_difference", "whitened", "logistic")
"""Those of a run that names none. The first is compared and shown; the others say what it may have missed."""

CENTRED = frozenset({"mean_difference_centred"})
"""Methods that take the mean over the width away, which leaves what the model reads as it is under LayerNorm only."""
