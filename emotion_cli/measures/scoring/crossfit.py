"""Directions without a part of the topics, so that the texts which calibrate a score took no part in its direction.

A direction runs from the mean of the very neutral texts that it would be calibrated on. In many dimensions they lie far below
new neutral texts for that reason alone: with noise only, a new text would lie above most of them.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from emotion_cli.measures.directions import ZERO_RELATIVE_NORM, directions
from emotion_cli.measures.inference.resampling import dealt, kinds_of, units_of
from emotion_cli.measures.labels import OTHERS, Labels

FOLDS = 5


def folds_of(labels: Labels, rng: np.random.Generator) -> np.ndarray:
    """A fold for each prompt [prompt]; no cluster and no topic is in two. Units with the same labels are dealt evenly."""
    codes = np.unique(np.asarray(labels.labels), return_inverse=True)[1]
    units = units_of(labels.topics, labels.clusters)
    kinds = kinds_of(codes, units)
    return dealt(kinds, min(FOLDS, len(kinds)), rng)[units]


def unit_directions(activations: np.ndarray, labels: Labels, references: Sequence[str]) -> np.ndarray:
    """Directions of length 1 [reference, emotion, d_model] of prompts [prompt, d_model]; NaN where there is none.

    There is none where the direction counts as zero, a label has no prompt, or fewer than two emotions have others.
    """
    made = np.full((len(references), len(labels.emotions), activations.shape[1]), np.nan)
    for i, reference in enumerate(references):
        for j, emotion in enumerate(labels.emotions):
            # one at a time: a label that a fold lacks costs the directions that need it, and no other
            emotions = [emotion, *(other for other in labels.emotions if other != emotion and reference == OTHERS)]
            needed = {*emotions, *([] if reference == OTHERS else [reference])}
            if not needed <= {*labels.labels} or len(needed) < 2:
                continue
            direction = directions(activations, replace(labels, emotions=emotions, reference=reference))[0]
            if direction.relative_norm and direction.relative_norm > ZERO_RELATIVE_NORM:
                made[i, j] = direction.vector / direction.l2_norm
    return made


def with_folds(activations: np.ndarray, labels: Labels, references: Sequence[str], folds: np.ndarray) -> np.ndarray:
    """Directions of all prompts, then those without each fold [1 + fold, reference, emotion, d_model], or NaN."""
    rest = [np.flatnonzero(folds != fold) for fold in range(int(folds.max()) + 1)]
    return np.stack(
        [
            unit_directions(activations, labels, references),
            *(unit_directions(activations[rows], labels.of(rows), references) for rows in rest),
        ]
    )


def out_of_fold(projections: np.ndarray, folds: np.ndarray, counts: np.ndarray | None = None) -> np.ndarray:
    """Scores [row, direction] along the directions that were made without a row's fold, where whole directions have their zero.

    `projections` [1 + fold, row, direction] are along the directions of all prompts, then those without each fold; `folds` [row].
    Each direction's scores are moved so that the mean of the other folds' rows is the mean of all rows along the whole
    direction: the rows' common part, which is far larger than what tells them apart, would differ by fold. Only rows that
    `counts` [row] make these means (sinks do not).
    """
    counts = np.ones(len(folds), bool) if counts is None else counts
    whole, *parts = projections
    scores = np.full(whole.shape, np.nan)
    zero = whole[counts].mean(0) if counts.any() else np.full(whole.shape[1], np.nan)
    for fold, part in enumerate(parts):
        held, others = folds == fold, counts & (folds != fold)
        if others.any():
            scores[held] = part[held] - part[others].mean(0) + zero
    return scores
