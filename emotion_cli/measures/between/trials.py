"""The relabellings for value, null and interval of one emotion, and what a map needs of them, some at a time."""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from emotion_cli.measures.between.maps import Rows, rows_of
from emotion_cli.measures.inference.relabelling import (
    Design,
    Relabelling,
    Thirds,
    as_labelled,
    exchanged,
    groups_left_out,
    joined,
)
from emotion_cli.measures.inference.sampling import Sampling
from emotion_cli.measures.inference.statistic import Sampled
from emotion_cli.measures.labels import OTHERS

CHUNK = 256
"""Relabellings that are solved at once: few enough to need little memory."""


class Fit(NamedTuple):
    """How a map is fitted: `rotates` (Procrustes) or ridge, on rows with these labels less the emotion's."""

    name: str
    rotates: bool
    labels: tuple[str, ...]
    all_draws: bool


def fits_of(labels: Sequence[str], neutral: str) -> list[Fit]:
    """The maps: on all labels but the emotion's, and on neutral prompts only where the label is there."""
    fits = [Fit("ridge", False, tuple(labels), True), Fit("procrustes", True, tuple(labels), False)]
    if neutral in labels:
        fits += [Fit("ridge_neutral", False, (neutral,), False), Fit("procrustes_neutral", True, (neutral,), False)]
    return fits


class Trials(NamedTuple):
    """All relabellings of one emotion in the order in which they are solved, and what each stretch of them is for.

    First those that every fit takes: as labelled, without each group of topics, the first draws of the null, emotions
    interchanged; then the other draws of the null.
    """

    relabelling: Relabelling
    n_groups: int
    n_first: int
    n_specific: int

    @property
    def shared(self) -> int:
        """How many of them every fit takes."""
        return 1 + self.n_groups + self.n_first + self.n_specific

    def sampled(self, values: np.ndarray, *, specific: bool = False) -> Sampled:
        """A measure's values [trial]; with the null that emotions are interchangeable where it is `specific`."""
        first = 1 + self.n_groups
        first_end = first + self.n_first
        null = np.concatenate([values[first:first_end], values[self.shared :]])
        if specific and self.n_specific:
            null = values[first_end : self.shared]
        return Sampled(float(values[0]), null, groups=values[1:first])


def trials_of(design: Design, emotion: str, sampling: Sampling) -> Trials:
    """The relabellings for value, null and interval of one emotion.

    The null exchanges the emotion's label with the reference's within blocks; with reference `others`, all emotions' labels.
    Specificity has the null that emotions are interchangeable, whatever they share against the reference.
    """
    fewer = sampling.fewer()
    null = exchanged(design, design.labels_used(emotion), sampling)
    groups = groups_left_out(design, sampling)
    parts = [as_labelled(design), groups, null.part(slice(fewer.draws))]
    specific = design.reference != OTHERS and len(design.emotions) > 1
    if specific:
        parts.append(exchanged(design, design.emotions, fewer))
    parts.append(null.part(slice(fewer.draws, None)))
    return Trials(joined(parts), len(groups), len(parts[2]), fewer.draws if specific else 0)


class Batch(NamedTuple):
    """Some trials of one emotion in one split, ready for any pair of layers; rows are block x label of one third."""

    emotion: str
    number: int  # which of the emotions it is
    first: int  # which of the emotion's trials is the first here
    rows: dict[tuple[str, ...], Rows]  # of the fit's third, by the labels that are fitted on
    source: np.ndarray  # [trial, row]: weights of the emotion's direction
    targets: np.ndarray  # [emotion, trial, row]: weights of every emotion's direction
    emotion_rows: np.ndarray  # [trial, block]: rows of the target's third with the emotion's label
    reference_rows: np.ndarray  # [trial, block x label]: rows of it with a label of the reference
    kept: np.ndarray  # [trial, block]: blocks of it that are not left out
    all_draws: bool  # whether only fits with all draws take these trials


def batches_of(design: Design, split: Thirds, emotion: str, trials: Trials, fits: Iterable[Fit]) -> Iterator[Batch]:
    """The trials of one emotion in one split, some at a time."""
    of_labels = np.array([design.coefficients(name) for name in design.emotions])
    number = list(design.emotions).index(emotion)
    for start, stop in ((0, trials.shared), (trials.shared, len(trials.relabelling))):
        for first in range(start, stop, CHUNK):
            chunk = trials.relabelling.part(slice(first, min(first + CHUNK, stop)))
            fitted, source, target = (chunk.of(blocks) for blocks in split)
            fitted_labels = {fit.labels for fit in fits if start == 0 or fit.all_draws}
            yield Batch(
                emotion,
                number,
                first,
                {
                    labels: fitted_rows(design, fitted, [label for label in labels if label != emotion])
                    for labels in fitted_labels
                },
                source.weights(of_labels[number]),
                np.array([target.weights(weights) for weights in of_labels]),
                _where(target.label == design.column(emotion)),
                _where(of_labels[number][target.label] < 0),
                target.kept,
                start > 0,
            )


def fitted_rows(design: Design, relabelling: Relabelling, labels: Sequence[str]) -> Rows:
    """The rows that maps are fitted on: those with the given labels in the kept blocks of a relabelling."""
    kept = relabelling.kept[:, :, None]
    marks = np.stack([(relabelling.label == design.column(name)) & kept for name in labels], 1)
    return rows_of(marks.reshape(*marks.shape[:2], -1).astype(float))


def _where(mask: np.ndarray) -> np.ndarray:
    """Flat positions [trial, place] of a mask [trial, block, label] that holds equally often in every block."""
    trials, blocks, labels = mask.shape
    return (np.flatnonzero(mask) % (blocks * labels)).reshape(trials, -1)
