"""Places in a text: its first tokens, its last, the mean and the highest of all; and how well scores there tell labels apart."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from emotion_cli.measures.inference.auroc import area_interval, areas_of_labels, resampled_areas
from emotion_cli.measures.inference.draws import Contrast, draws_of
from emotion_cli.measures.inference.resampling import Names, resampled, strata_of, units_of
from emotion_cli.measures.inference.sampling import Sampling
from emotion_cli.measures.inference.spreads import are_unequal, errors_of_labels, studentised
from emotion_cli.measures.inference.statistic import (
    FIXED,
    NO_NULL,
    Null,
    Statistic,
    Tail,
    defined,
    null_of,
)
from emotion_cli.measures.scoring.scale import BAND

LAST, MEAN, MAX = "last", "mean", "max"
"""Places that every text has."""

LEAST_SHARE = 0.5
"""A token's place counts while at least this share of the texts have it."""

DECIMALS = 3
"""Decimals of a standard deviation that count: float32 passes of one text in two batches differ by less."""

AUROC = "auroc"

FLAGGED = "flagged"
"""Share of texts of one kind whose score lies above what 97.5 % of the texts that calibrate it have."""


class ScoredTexts(NamedTuple):
    """The texts of a set: labels, topics and clusters [text], and each text's token scores [token] by text; NaN at a sink."""

    labels: Sequence[str]
    topics: Names
    clusters: Names | None
    scores: Sequence[np.ndarray]


class Placed(NamedTuple):
    """A statistic of one place."""

    place: str
    measure: str
    statistic: Statistic


def places_of(scores: Sequence[np.ndarray]) -> dict[str, np.ndarray]:
    """The score of each text [text] at each place, of its token scores [token]; NaN where it has none there."""
    longest = max(map(len, scores), default=0)
    padded = np.full((len(scores), longest), np.nan)
    for row, of_text in zip(padded, scores, strict=True):
        row[: len(of_text)] = of_text
    has_place = np.arange(longest) < np.array([len(of_text) for of_text in scores])[:, None]
    n_kept = int((has_place.mean(0) >= LEAST_SHARE).sum()) if len(scores) else 0
    is_known = np.isfinite(padded)
    any_known = is_known.any(1)
    return {
        **{f"t{k + 1}": padded[:, k] for k in range(n_kept)},
        LAST: np.array([of_text[-1] if len(of_text) else np.nan for of_text in scores]),
        MEAN: np.where(any_known, np.where(is_known, padded, 0).sum(1) / np.maximum(is_known.sum(1), 1), np.nan),
        MAX: np.where(any_known, np.where(is_known, padded, -np.inf).max(1, initial=-np.inf), np.nan),
    }


def areas_by_place(texts: ScoredTexts, emotion: str, against: Sequence[str], sampling: Sampling) -> Iterator[Placed]:
    """AUROC of an emotion's texts against those of other labels at each place: labels permuted, topics resampled.

    A text without a score at a place takes no part there; `n` counts the topics that do.
    """
    for place, scores in places_of(texts.scores).items():
        yield Placed(place, AUROC, _area(texts, scores, emotion, against, sampling))


def _area(texts: ScoredTexts, scores: np.ndarray, emotion: str, against: Sequence[str], sampling: Sampling) -> Statistic:
    rows = np.flatnonzero(np.isfinite(scores) & np.isin(np.asarray(texts.labels), [emotion, *against]))
    labels = [texts.labels[i] for i in rows.tolist()]
    names = sorted({*labels})
    if emotion not in names or len(names) < 2:
        return Statistic(None, NO_NULL, 0)
    topics = [texts.topics[i] for i in rows.tolist()]
    clusters = None if texts.clusters is None else [texts.clusters[i] for i in rows.tolist()]
    contrast = Contrast(emotion, draws_of(labels, topics, names, sampling, clusters))
    draws = contrast.draws
    kept = _with_ties(scores[rows])
    is_emotion = contrast.is_emotion
    values = areas_of_labels(kept, is_emotion)
    first, second = is_emotion[0], ~is_emotion[0]
    units = draws.units[first], draws.units[second]
    resampled_values = resampled_areas(kept[first], kept[second], units, draws.counts)
    value = defined(values[0])
    interval = area_interval(value, resampled_values, draws.n_scarcest)
    if are_unequal(draws.codes, draws.exchange, kept):
        values = studentised(values, errors_of_labels(kept, is_emotion))
    null = null_of(defined(values[0]), values[1:], Tail.UPPER, **contrast.test_of_scores._asdict())
    return Statistic(value, null, draws.n_units, interval)


def _with_ties(scores: np.ndarray) -> np.ndarray:
    """Scores in standard deviations, rounded so that equal beginnings tie whatever else was in their batch."""
    spread = scores.std()
    return np.round(scores / spread, DECIMALS) if spread > 0 else np.zeros_like(scores)


def flagged(
    quantiles: np.ndarray, labels: Sequence[str], topics: Names, clusters: Names | None, kind: Sequence[str], sampling: Sampling
) -> Statistic:
    """Share of the texts [text] with one of the labels `kind` whose quantile is above 97.5 %, topics resampled.

    Beside it stands the 2.5 % that texts like those which calibrate the score give.
    """
    rows = np.flatnonzero(np.isfinite(quantiles) & np.isin(np.asarray(labels), list(kind)))
    if not len(rows):
        return Statistic(None, NO_NULL, 0)
    is_flagged = quantiles[rows] > BAND[1]
    of_rows = [topics[i] for i in rows.tolist()], None if clusters is None else [clusters[i] for i in rows.tolist()]
    units = units_of(*of_rows)
    one_label = np.zeros(len(rows), int)
    counts = resampled(strata_of(one_label, units, of_rows[0]), sampling.draws, sampling.generator(*kind))[:, units]
    shares = (counts @ is_flagged) / counts.sum(1)
    value = float(is_flagged.mean())
    fixed = Null(1 - BAND[1], None, None, None, None, FIXED)
    n_units = int(units.max()) + 1
    return Statistic(value, fixed, n_units, area_interval(value, shares, n_units))
