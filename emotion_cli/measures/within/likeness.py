"""How alike two emotions' directions are in one model (METHODS section 3), on inner products of prompts only."""

from collections.abc import Collection, Mapping, Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np

from emotion_cli.measures.directions import OTHERS, reference_prompts, weights
from emotion_cli.measures.gram import Gram
from emotion_cli.measures.inference.resampling import (
    NO_INTERVAL,
    Null,
    Statistic,
    defined,
    generator,
    interval_of,
    mean_where_defined,
    null_of,
    permutations_within,
    resampled,
    strata_of,
    units_of,
    widened,
)

COSINE = "cosine"


COSINE_OTHERS = "cosine_others"


UNBIASED = "cosine_unbiased"


UNBIASED_BY_CLASS = "cosine_unbiased_by_class"


class Comparison(NamedTuple):
    """One measure of two emotions at one layer (None: the mean over the averaged layers)."""

    layer: int | None
    emotion_a: str
    emotion_b: str
    measure: str
    statistic: Statistic


def comparisons(
    grams: Mapping[int, Gram],
    labels: Sequence[str],
    topics: Sequence[str | None],
    *,
    averaged: Collection[int],
    emotions: Sequence[str],
    reference: str,
    dataset: str,
    seed: int,
    draws: int,
) -> list[Comparison]:
    """Every two emotions at each layer and on average: the cosine and its null, the same against `others`, the unbiased cosine.

    The same draws serve every layer, so the mean over the `averaged` layers has its null and its interval from them too.
    """
    emotions = sorted(emotions)
    layers = sorted(grams)
    covered = np.array([layer in averaged for layer in layers])
    found: list[Comparison] = []
    references = {COSINE: reference} | ({COSINE_OTHERS: OTHERS} if reference != OTHERS and len(emotions) > 1 else {})
    for measure, against in references.items():
        for pair in combinations(emotions, 2):
            curves, n = permuted_cosines(
                grams, labels, topics, pair, emotions, against, seed=seed, names=(dataset, "cosine", against), draws=draws
            )
            for layer, curve in _by_layer(layers, covered, curves, mean_where_defined):
                value = defined(curve[0])
                found.append(Comparison(layer, *pair, measure, Statistic(value, null_of(value, curve[1:]), n)))
    found += _unbiased(grams, labels, topics, layers, covered, emotions, reference, seed, dataset, draws)
    return found


def equidistance(n_emotions: int, reference: str) -> float:
    """The cosine of two directions of classes that are equally far apart: 0.5, and -1 / (K - 1) against the others."""
    return -1 / (n_emotions - 1) if reference == OTHERS else 0.5


def permuted_cosines(
    grams: Mapping[int, Gram],
    labels: Sequence[str],
    topics: Sequence[str | None],
    pair: tuple[str, str],
    emotions: Sequence[str],
    reference: str,
    *,
    seed: int,
    names: Sequence[str],
    draws: int,
) -> tuple[np.ndarray, int]:
    """Cosines [layer, 1 + draw], as labelled, then with the labels that make the pair permuted within topics; and topics."""
    labels_ = np.asarray(labels)
    concerned = sorted({*emotions} if reference == OTHERS else {*pair, reference})
    used = np.flatnonzero(np.isin(labels_, concerned))
    own_topics = [topics[i] for i in used.tolist()]
    permuted = permutations_within(own_topics, draws, generator(seed, *names, *concerned))
    order = np.vstack([np.arange(len(used)), permuted])
    own = labels_[used]
    weight_a, weight_b = (weights(own, emotion, emotions, reference)[order] for emotion in pair)
    referred = reference_prompts(own, pair[0], emotions, reference)
    curves = [
        _cosines(one.inner[np.ix_(used, used)], weight_a, weight_b, one._replace(norms=one.norms[used]).zero_length(referred))
        for _, one in sorted(grams.items())
    ]
    return np.array(curves), int(units_of(own_topics).max()) + 1


def unbiased_cosines(one: Gram, codes: np.ndarray, units: np.ndarray, counts: np.ndarray, mixtures: np.ndarray) -> np.ndarray:
    """Cosines [draw, direction, direction] without the noise's share; NaN where a squared length is not positive.

    `mixtures` [direction, label] make directions of label means. Inner products of label means are U-statistics: means over
    pairs of prompts of different units, with units weighted by `counts` [draw, unit]. Pairs within a unit, and so those of a
    unit with its copies, are always left out.
    """
    products = label_products(one.inner, codes, units, counts)
    inner = np.einsum("ak,dkl,bl->dab", mixtures, products, mixtures)
    squares = np.einsum("daa->da", inner)
    positive = np.where(squares > 0, squares, np.nan)
    return inner / np.sqrt(positive[:, :, None] * positive[:, None, :])


def label_products(inner: np.ndarray, codes: np.ndarray, units: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """U-statistics [draw, label, label] of the inner products of label means; NaN where a draw has no pair."""
    n_labels = codes.max() + 1
    members = [np.flatnonzero(codes == label) for label in range(n_labels)]
    found = np.empty((len(counts), n_labels, n_labels))
    for k in range(n_labels):
        for m in range(k, n_labels):
            rows, columns = members[k], members[m]
            weight_k, weight_m = counts[:, units[rows]], counts[:, units[columns]]
            block = inner[np.ix_(rows, columns)]
            i, j = np.nonzero(units[rows][:, None] == units[columns])
            within = weight_k[:, i] * weight_m[:, j]
            total = ((weight_k @ block) * weight_m).sum(1) - within @ block[i, j]
            pairs = weight_k.sum(1) * weight_m.sum(1) - within.sum(1)
            found[:, k, m] = found[:, m, k] = np.where(pairs > 0, total / np.where(pairs > 0, pairs, 1), np.nan)
    return found


def mixtures_of(names: Sequence[str], emotions: Sequence[str], reference: str) -> np.ndarray:
    """Weights [emotion, label] of label means in each emotion's direction."""
    marks = np.eye(len(names))
    return np.array([weights(np.asarray(names), emotion, emotions, reference) @ marks for emotion in emotions])


def _unbiased(
    grams: Mapping[int, Gram],
    labels: Sequence[str],
    topics: Sequence[str | None],
    layers: Sequence[int],
    covered: np.ndarray,
    emotions: Sequence[str],
    reference: str,
    seed: int,
    dataset: str,
    draws: int,
) -> list[Comparison]:
    labels_ = np.asarray(labels)
    names = sorted({*emotions} if reference == OTHERS else {*emotions, reference})
    used = np.flatnonzero(np.isin(labels_, names))
    own = labels_[used]
    codes = np.searchsorted(names, own)
    units = units_of([topics[i] for i in used.tolist()])
    strata = strata_of(codes, units)
    drawn = resampled(strata, draws, generator(seed, dataset, "topics", *names))
    counts = np.vstack([np.ones(drawn.shape[1]), drawn])
    sizes = np.zeros((units.max() + 1, len(names)), int)
    np.add.at(sizes, (units, codes), 1)
    complete = bool((sizes == sizes[:, :1]).all())
    mixtures = mixtures_of(names, emotions, reference)
    own_grams = [Gram(grams[layer].inner[np.ix_(used, used)], grams[layer].norms[used], np.empty(0)) for layer in layers]
    zeros = [_zero_directions(one, own, emotions, reference) for one in own_grams]
    curves = np.array([unbiased_cosines(one, codes, units, counts, mixtures) for one in own_grams])
    for curve, zero in zip(curves, zeros, strict=True):
        for i in [emotions.index(emotion) for emotion in zero]:
            curve[:, i, :] = curve[:, :, i] = np.nan
    expected = Null(equidistance(len(emotions), reference), None, None, None, None)
    found = []
    for a, b in combinations(range(len(emotions)), 2):
        # a mean over layers is defined where every layer with a direction is: else it would be over the strong layers only
        long = covered & np.array([not {emotions[a], emotions[b]} & zero for zero in zeros])
        for layer, curve in _by_layer(layers, long, curves[:, :, a, b], lambda rows: rows.mean(0)):
            value = defined(curve[0])
            interval = widened(value, interval_of(curve[1:]), len(strata)) if value is not None else NO_INTERVAL
            statistic = Statistic(value, expected, len(strata), interval)
            found.append(Comparison(layer, emotions[a], emotions[b], UNBIASED if complete else UNBIASED_BY_CLASS, statistic))
    return found


def _zero_directions(one: Gram, own: np.ndarray, emotions: Sequence[str], reference: str) -> set[str]:
    """The emotions whose direction counts as zero."""
    found = set()
    for emotion in emotions:
        weight = weights(own, emotion, emotions, reference)
        zero = one.zero_length(reference_prompts(own, emotion, emotions, reference))
        if float(weight @ one.inner @ weight) <= zero**2:
            found.add(emotion)
    return found


def _by_layer(layers, covered, curves, mean):
    rows = list(zip(layers, curves, strict=True))
    return [*rows, (None, mean(curves[covered]))] if covered.any() else rows


def _cosines(inner: np.ndarray, weights_a: np.ndarray, weights_b: np.ndarray, zero: float) -> np.ndarray:
    """Cosine of two weighted sums of prompts, for each row of weights [draw, prompt]; NaN where a sum counts as zero."""
    towards_a, towards_b = weights_a @ inner, weights_b @ inner
    squares_a = np.einsum("dp,dp->d", towards_a, weights_a)
    squares_b = np.einsum("dp,dp->d", towards_b, weights_b)
    products = np.einsum("dp,dp->d", towards_a, weights_b)
    is_defined = (squares_a > zero**2) & (squares_b > zero**2)
    lengths = np.sqrt(np.where(is_defined, squares_a, 1) * np.where(is_defined, squares_b, 1))
    return np.where(is_defined, products / lengths, np.nan)
