"""The prompts of one split as weights of directions and rows of maps, for every relabelling at once."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from emotion_cli.measures.between.maps import Rows, rows_of
from emotion_cli.measures.inference.relabelling import Design, Relabelling, Thirds
from emotion_cli.measures.labels import OTHERS, coefficients


class Fit(NamedTuple):
    """How a map is fitted: `rotates` (Procrustes) or ridge, on rows with these labels less the emotion's.

    One fit `decides` verdicts, and has transfer AUROC.
    """

    name: str
    rotates: bool
    labels: tuple[str, ...]
    decides: bool = False


def ridge_fit(labels: Sequence[str]) -> Fit:
    """The map that decides: ridge regression on all labels but the emotion's."""
    return Fit("ridge", False, tuple(labels), decides=True)


def fits_of(labels: Sequence[str], neutral: str) -> list[Fit]:
    """The maps: on all labels but the emotion's, and on neutral prompts only where the label is there."""
    fits = [ridge_fit(labels), Fit("procrustes", True, tuple(labels))]
    if neutral in labels:
        fits += [Fit("ridge_neutral", False, (neutral,)), Fit("procrustes_neutral", True, (neutral,))]
    return fits


class Trials(NamedTuple):
    """All trials of one split, ready for any pair of layers: each is a labelling of the prompts, some may be left out.

    Rows are block x label of one third. `source` and `targets` [emotion, trial, row] are the weights of directions against the
    reference, `others` those of the target's directions against the other emotions (NaN for one emotion). `fitted` are the rows
    of the fit's third by emotion and labels; `emotion_rows` [emotion, trial, block] and `reference_rows` [emotion, trial,
    block x label] are rows of the target's third, `kept` [trial, block] its blocks that are not left out.
    """

    fitted: dict[tuple[str, tuple[str, ...]], Rows]
    source: np.ndarray
    targets: np.ndarray
    others: np.ndarray
    emotion_rows: np.ndarray
    reference_rows: np.ndarray
    kept: np.ndarray


def trials_of(design: Design, split: Thirds, relabelling: Relabelling, fits: Iterable[Fit]) -> Trials:
    """The trials of one split, for all emotions."""
    of_labels = np.array([design.coefficients(emotion) for emotion in design.emotions])
    fitted, source, target = (relabelling.of(blocks) for blocks in split)
    fitted_labels = {fit.labels for fit in fits}
    return Trials(
        {
            (emotion, labels): fitted_rows(design, fitted, [label for label in labels if label != emotion])
            for emotion in design.emotions
            for labels in fitted_labels
        },
        np.array([source.weights(weights) for weights in of_labels]),
        np.array([target.weights(weights) for weights in of_labels]),
        np.array([target.weights(_against_others(design, emotion)) for emotion in design.emotions]),
        np.array([_where(target.label == design.column(emotion)) for emotion in design.emotions]),
        np.array([_where(weights[target.label] < 0) for weights in of_labels]),
        target.kept,
    )


def fitted_rows(design: Design, relabelling: Relabelling, labels: Sequence[str]) -> Rows:
    """The rows that maps are fitted on: those with the given labels in the kept blocks of a relabelling."""
    kept = relabelling.kept[:, :, None]
    marks = np.stack([(relabelling.label == design.column(name)) & kept for name in labels], 1)
    return rows_of(marks.reshape(*marks.shape[:2], -1).astype(float))


def _against_others(design: Design, emotion: str) -> np.ndarray:
    """Weight [label] of each label's mean in the direction of an emotion against the other emotions."""
    if len(design.emotions) < 2:
        return np.full(len(design.labels), np.nan)
    return coefficients(design.labels, emotion, design.emotions, OTHERS)


def _where(mask: np.ndarray) -> np.ndarray:
    """Flat positions [trial, place] of a mask [trial, block, label] that holds equally often in every block."""
    trials, blocks, labels = mask.shape
    return (np.flatnonzero(mask) % (blocks * labels)).reshape(trials, -1)
