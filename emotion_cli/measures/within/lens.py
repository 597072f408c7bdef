"""Does a direction point to its label's own words? Their scores minus those of the other labels' words, labels permuted."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from emotion_cli.measures.directions import ZERO_RELATIVE_NORM
from emotion_cli.measures.inference.draws import Contrast
from emotion_cli.measures.within.curves import Curves

OWN_WORDS = "own_words"


class LayerWords(NamedTuple):
    """One layer: activations [prompt, d_model] of the training prompts, and by label its words' vectors [word, d_model]."""

    activations: np.ndarray
    words: Mapping[str, np.ndarray]


def own_words(contrast: Contrast, layers: Sequence[LayerWords]) -> Curves | None:
    """Mean score of the emotion's words minus the mean over the other labels of theirs, of directions of length 1.

    A word's score is the product of its vector with the direction. The null permutes the training labels within topics and makes
    the direction again. None where the emotion or all others have no words; NaN where there is no direction.
    """
    weights = contrast.everyone
    if weights is None:
        return None
    values = np.full((len(layers), len(weights)), np.nan)
    for of_layer, (activations, words) in zip(values, layers, strict=True):
        own = words.get(contrast.emotion, np.empty((0, 0)))
        others = [vectors.mean(0) for label, vectors in words.items() if label != contrast.emotion and len(vectors)]
        if not len(own) or not others:
            return None
        rows = activations[contrast.draws.used].astype(np.float64)
        scale = np.linalg.norm(rows, axis=1).mean()
        # weights sum to 0: what all rows have in common adds nothing but rounding
        directions = weights @ (rows - rows.mean(0))
        lengths = np.linalg.norm(directions, axis=1)
        along = directions @ (own.mean(0) - np.mean(others, axis=0))
        np.divide(along, lengths, out=of_layer, where=lengths > ZERO_RELATIVE_NORM * scale)
    is_zero = np.isnan(values[:, 0])
    return Curves(values, contrast.draws.n_units, is_zero=is_zero, **contrast.test._asdict())
