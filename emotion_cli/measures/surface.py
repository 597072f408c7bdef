"""What the outside of a text gives away about its label: final character, number of words, first word."""

from collections.abc import Collection
from typing import NamedTuple

import numpy as np

SMOOTHING = 1.0
"""Added to every count, so that a character or word that one label lacks is evidence, not proof."""

LEAST_VARIANCE = 0.25
"""Of numbers of words, which are whole."""


class Surface(NamedTuple):
    """Of each prompt [prompt]: its final character and first word, numbered, and its number of words."""

    final_char: np.ndarray
    first_word: np.ndarray
    n_words: np.ndarray

    def of(self, rows: np.ndarray) -> "Surface":
        """The same of some prompts."""
        return Surface(*(column[rows] for column in self))


def surface_of(final_chars: list[str], first_words: list[str], n_words: list[int]) -> Surface:
    """Numbered features of texts."""
    numbers = [
        np.unique(np.array(column, dtype=object).astype(str), return_inverse=True)[1] for column in (final_chars, first_words)
    ]
    return Surface(numbers[0], numbers[1], np.asarray(n_words, np.float64))


def surface_scores(
    surface: Surface,
    train: np.ndarray,
    test: np.ndarray,
    is_positive: np.ndarray,
    features: Collection[str] = Surface._fields,
) -> np.ndarray:
    """Log-odds [draw, test] of the positive label by naive Bayes over the features, given labels [draw, train].

    Characters and words count by their smoothed frequency, the number of words by a normal distribution for each label.
    """
    scores = np.zeros((len(is_positive), len(test)))
    for sign, mine in ((1, is_positive.astype(np.float64)), (-1, (~is_positive).astype(np.float64))):
        n = mine.sum(1, keepdims=True)
        for codes in (getattr(surface, name) for name in ("final_char", "first_word") if name in features):
            one_hot = np.eye(codes.max() + 1)
            share = (mine @ one_hot[codes[train]] + SMOOTHING) / (n + SMOOTHING * len(one_hot))
            scores += sign * np.log(share)[:, codes[test]]
        if "n_words" not in features:
            continue
        words = surface.n_words[train]
        mean = mine @ words / n[:, 0]
        variance = np.maximum(mine @ words**2 / n[:, 0] - mean**2, LEAST_VARIANCE)
        deviations = surface.n_words[test] - mean[:, None]
        scores += sign * (-(deviations**2) / (2 * variance[:, None]) - 0.5 * np.log(variance)[:, None])
    return scores
