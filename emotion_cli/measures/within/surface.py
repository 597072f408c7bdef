"""How well surface features predict the label: final character, number of words, first word."""

from collections.abc import Collection
from functools import partial
from typing import NamedTuple

import numpy as np

from emotion_cli.measures.inference.auroc import CHUNK, area_interval, areas_of_kinds, resampled_areas, settled
from emotion_cli.measures.inference.draws import Contrast
from emotion_cli.measures.inference.statistic import mean_where_defined
from emotion_cli.measures.within.curves import Curves

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

    @property
    def largest(self) -> int:
        """Numbers of one draw in memory: one for each prompt, first word and final character."""
        return max(len(self.n_words), self.first_word.max() + 1, self.final_char.max() + 1)

    def kinds(self, features: Collection[str]) -> tuple[np.ndarray, np.ndarray]:
        """The first prompt of each kind [kind], and the kind of each [prompt]: prompts of one kind have the same features."""
        columns = [getattr(self, name) for name in features]
        _, first, kinds = np.unique(np.column_stack(columns), axis=0, return_index=True, return_inverse=True)
        return first, kinds.reshape(-1)


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
    positive = is_positive.sum(1, keepdims=True).astype(np.float64)
    columns = [getattr(surface, name) for name in ("final_char", "first_word") if name in features]
    counted = [(codes, counted_by(codes[train], is_positive, codes.max() + 1)) for codes in columns]
    words = surface.n_words[train]
    for label, sign, has_label, n in zip(
        (0, 1), (1, -1), (is_positive, ~is_positive), (positive, len(train) - positive), strict=True
    ):
        for codes, counts in counted:
            share = (counts[label] + SMOOTHING) / (n + SMOOTHING * counts[label].shape[1])
            scores += sign * np.log(share)[:, codes[test]]
        if "n_words" not in features:
            continue
        counts = has_label.astype(np.float64)
        mean = counts @ words / n[:, 0]
        variance = np.maximum(counts @ words**2 / n[:, 0] - mean**2, LEAST_VARIANCE)
        deviations = surface.n_words[test] - mean[:, None]
        scores += sign * (-(deviations**2) / (2 * variance[:, None]) - 0.5 * np.log(variance)[:, None])
    return scores


def counted_by(codes: np.ndarray, is_positive: np.ndarray, n_codes: int) -> tuple[np.ndarray, np.ndarray]:
    """How many prompts of each code [prompt] are positive [draw, prompt], and how many are not, [draw, code]."""
    order = np.argsort(codes, kind="stable")
    present, first = np.unique(codes[order], return_index=True)
    counts = np.zeros((len(is_positive), n_codes))
    counts[:, present] = np.add.reduceat(is_positive[:, order].astype(np.int32), first, axis=1)
    return counts, np.bincount(codes, minlength=n_codes) - counts


def surface_auroc(contrast: Contrast, surface: Surface, features: Collection[str] = Surface._fields) -> Curves:
    """AUROC of the folds of a direction, from the final character, the number of words and the first word alone; no layer."""
    draws, is_emotion = contrast.draws, contrast.is_emotion
    columns = surface.of(draws.used)
    values, boots = [], []
    for test, train in draws.split():
        if not (0 < is_emotion[0, test].sum() < len(test) and 0 < is_emotion[0, train].sum() < len(train)):
            continue
        values.append(_areas(columns, train, test, is_emotion, features))
        scores = settled(surface_scores(columns, train, test, is_emotion[:1, train], features), 1.0)[0]
        positive, negative = np.flatnonzero(is_emotion[0, test]), np.flatnonzero(~is_emotion[0, test])
        units = draws.units[test]
        boots.append(resampled_areas(scores[positive], scores[negative], (units[positive], units[negative]), draws.counts))
    if not values:
        return Curves(np.full((1, len(is_emotion)), np.nan), draws.n_units, layers=[None])
    interval, boots = partial(area_interval, n_units=draws.n_scarcest, n_folds=len(values)), mean_where_defined(np.array(boots))
    return Curves(np.mean(values, axis=0)[None], draws.n_units, boots[None], interval, layers=[None], **contrast.test._asdict())


def _areas(
    surface: Surface, train: np.ndarray, test: np.ndarray, is_emotion: np.ndarray, features: Collection[str]
) -> np.ndarray:
    """AUROC [draw] of one fold: scored are kinds of prompts, and counted the prompts of each."""
    first, kinds = surface.of(test).kinds(features)
    step = max(1, CHUNK // surface.largest)
    shares = []
    for start in range(0, len(is_emotion), step):
        drawn = is_emotion[start : start + step]
        scores = settled(surface_scores(surface, train, test[first], drawn[:, train], features), 1.0)
        shares.append(areas_of_kinds(scores, *counted_by(kinds, drawn[:, test], len(first))))
    return np.concatenate(shares)
