"""How alike two emotions' directions are in one model (METHODS section 3), on inner products of prompts only."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import combinations
from typing import NamedTuple

import numpy as np

from emotion_cli.measures.gram import Gram
from emotion_cli.measures.inference.exchange import Exchange
from emotion_cli.measures.inference.resampling import n_of_scarcest, resampled, strata_of, units_of
from emotion_cli.measures.inference.sampling import Sampling
from emotion_cli.measures.inference.spreads import is_unequal
from emotion_cli.measures.inference.statistic import (
    EXACT,
    FIXED,
    PERMUTED,
    Interval,
    Null,
    Statistic,
    Tail,
    interval_of,
    mean_where_defined,
    widened,
)
from emotion_cli.measures.labels import OTHERS, Labels, coefficients
from emotion_cli.measures.measure import Measure
from emotion_cli.measures.within.curves import Curves

UNBIASED = "cosine_unbiased"
UNBIASED_BY_CLASS = "cosine_unbiased_by_class"
"""The names of the unbiased cosine, and of it where a topic lacks a label."""

TIE = 12
"""Decimals in which two weights are compared."""

SQUARED_DISTANCE, DISTANCE_RATIO = "squared_distance", "distance_ratio"
"""The names of two emotions' squared distance without noise, and of their distance over the mean of those from the reference."""

GAIN = "cosine_gain"
"""The name of an unbiased cosine less a control's."""

Pair = tuple[str, str]


class Comparison(NamedTuple):
    """One measure of two emotions at one layer (None: the mean over the averaged layers)."""

    layer: int | None
    emotion_a: str
    emotion_b: str
    measure: str
    statistic: Statistic
    control: str | None = None
    """What a gain subtracts."""


def comparisons(
    grams: Mapping[int, Gram],
    labels: Labels,
    sampling: Sampling,
    averaged: Collection[int],
    controls: Mapping[str, Gram] | None = None,
) -> list[Comparison]:
    """Every measure of every two emotions at each layer and on average over the `averaged` ones.

    `controls` have one Gram each, of the same prompts: what a cosine has over theirs is a measure, too.

    The same draws serve every layer, so that means over layers have their null and their interval from them too.
    """
    labels = replace(labels, emotions=sorted(labels.emotions))
    layers = sorted(grams)
    rows: list[Comparison] = []
    of_model: dict[Pair, Curves] = {}
    for measure in MEASURES:
        for pair, name, curves in measure.run([grams[layer] for layer in layers], labels, sampling):
            rows += _rows(pair, name or measure.name, curves.statistics(layers, averaged, measure.tail))
            if (name or measure.name) in (UNBIASED, UNBIASED_BY_CLASS):
                of_model[pair] = curves
    for kind, gram in (controls or {}).items():
        for pair, name, curves in unbiased([gram], labels, sampling):
            if (name or UNBIASED) in (UNBIASED, UNBIASED_BY_CLASS):
                over_control = gain(of_model[pair], curves)
                rows += _rows(pair, GAIN, over_control.statistics(layers, averaged, Tail.UPPER), kind)
    return rows


def _rows(
    pair: Pair, measure: str, statistics: Iterable[tuple[int | None, Statistic]], control: str | None = None
) -> list[Comparison]:
    return [Comparison(layer, *pair, measure, statistic, control) for layer, statistic in statistics]


def gain(of_model: Curves, of_control: Curves) -> Curves:
    """Unbiased cosine of a model less that of a control with one layer, over the same drawn topics."""
    assert of_model.bootstrap is not None
    assert of_control.bootstrap is not None
    return of_model._replace(
        values=of_model.values[:, :1] - of_control.values[0, 0],
        bootstrap=of_model.bootstrap - of_control.bootstrap[0],
        null=Null(0.0, None, None, None, None, FIXED),
    )


def cosines(grams: Sequence[Gram], labels: Labels, sampling: Sampling) -> Iterator[tuple[Pair, str, Curves]]:
    """Cosines of two directions; null: the labels that make the pair permuted within topics."""
    for pair in combinations(labels.emotions, 2):
        yield pair, "", permuted_cosines(grams, labels, pair, sampling.about("cosine", labels.reference))


def cosines_against_others(grams: Sequence[Gram], labels: Labels, sampling: Sampling) -> Iterator[tuple[Pair, str, Curves]]:
    """The same of directions against the other emotions, where those are not the reference already."""
    if labels.reference != OTHERS:
        yield from cosines(grams, replace(labels, reference=OTHERS), sampling)


def unbiased(grams: Sequence[Gram], labels: Labels, sampling: Sampling) -> Iterator[tuple[Pair, str, Curves]]:
    """Cosines and distances without the noise's share, beside the values of classes that are equally far apart."""
    emotions = labels.emotions
    names = labels.labels_used(*emotions)
    used = labels.with_labels(names)
    made_of = labels.of(used)
    codes = np.searchsorted(names, np.asarray(made_of.labels))
    units = units_of(made_of.topics, made_of.clusters)
    strata = strata_of(codes, units, made_of.topics)
    n_scarcest = n_of_scarcest(codes, units)
    drawn = resampled(strata, sampling.draws, sampling.generator("topics", *names))
    counts = np.vstack([np.ones(drawn.shape[1]), drawn])
    sizes = np.zeros((units.max() + 1, len(names)), int)
    np.add.at(sizes, (units, codes), 1)
    by_class = "" if (sizes == sizes[:, :1]).all() else UNBIASED_BY_CLASS
    parts = [gram.of(used) for gram in grams]
    is_zero = np.array([[_is_zero(gram, made_of, emotion) for emotion in emotions] for gram in parts])
    mixtures = mixtures_of(names, emotions, labels.reference)
    products = np.array([direction_products(gram.inner, codes, units, counts, mixtures) for gram in parts])
    cosine = equidistance(len(emotions), labels.reference)
    # emotions as far apart as the angle has it, at one distance from the reference
    expected = {by_class: cosine, SQUARED_DISTANCE: 0.0, DISTANCE_RATIO: float(np.sqrt(2 - 2 * cosine))}

    def interval(value: float, draws: np.ndarray) -> Interval:
        return widened(value, interval_of(draws), n_scarcest)

    for a, b in combinations(range(len(emotions)), 2):
        # a mean over layers is defined where every layer with a direction is: else it would be over the strong layers only
        zero = is_zero[:, a] | is_zero[:, b]
        values = geometry_of(products[:, :, a, a], products[:, :, b, b], products[:, :, a, b])
        for name, curve in zip(expected, values, strict=True):
            curve = np.where(zero[:, None], np.nan, curve)
            # activations grow with depth, so that squared distances of several layers have no mean
            left_out = np.ones(len(parts), bool) if name == SQUARED_DISTANCE else zero
            null = Null(expected[name], None, None, None, None, FIXED)
            yield (emotions[a], emotions[b]), name, Curves(curve, len(strata), curve[:, 1:], interval, left_out, null=null)


MEASURES = (
    Measure("cosine", Tail.BOTH, cosines),
    Measure("cosine_others", Tail.BOTH, cosines_against_others),
    Measure(UNBIASED, Tail.BOTH, unbiased),
)
"""Each gives, for every two emotions, another name where it is to be stored under one, and the curves over layers."""


def equidistance(n_emotions: int, reference: str) -> float:
    """The cosine of two directions of classes that are equally far apart: 0.5, and -1 / (K - 1) against the others."""
    return -1 / (n_emotions - 1) if reference == OTHERS else 0.5


def permuted_cosines(grams: Sequence[Gram], labels: Labels, pair: Pair, sampling: Sampling) -> Curves:
    """Cosines as labelled, then with the labels that make the pair permuted within topics.

    No p-value where labels without topics differ in number and spread: noise of the reference alone makes directions alike.
    """
    used_labels = labels.labels_used(*pair)
    used = labels.with_labels(used_labels)
    made_of = labels.of(used)
    codes = np.searchsorted(used_labels, np.asarray(made_of.labels))
    exchange = Exchange(codes, made_of.topics, made_of.clusters)
    order = np.vstack([np.arange(len(used)), exchange.orders(sampling.draws, sampling.generator(*used_labels))])
    weights = [made_of.weights(emotion) for emotion in pair]
    weights_a, weights_b = (of_prompts[order] for of_prompts in weights)
    is_reference = made_of.is_reference(pair[0])
    parts = [gram.of(used) for gram in grams]
    curves = [_cosines(gram.inner, weights_a, weights_b, gram.zero_length(is_reference)) for gram in parts]
    # the weights of a label in both directions; directions may change places
    first = [int(np.argmax(codes == code)) for code in range(len(used_labels))]
    roles = [tuple(round(float(of_prompts[i]), TIE) for of_prompts in weights) for i in first]
    return Curves(
        np.array(curves),
        int(units_of(made_of.topics, made_of.clusters).max()) + 1,
        mean=mean_where_defined,
        kind=EXACT if exchange.is_all(sampling.draws) else PERMUTED,
        alike=exchange.share_alike(roles, [role[::-1] for role in roles]),
        is_unequal=np.array([is_unequal(codes, exchange, gram.inner) for gram in parts]),
    )


class Geometry(NamedTuple):
    """Of two directions: their cosine, their squared distance, and their distance over the mean of their lengths."""

    cosine: np.ndarray
    squared_distance: np.ndarray
    distance_ratio: np.ndarray


def geometry_of(square_a: np.ndarray, square_b: np.ndarray, product: np.ndarray) -> Geometry:
    """The geometry of two directions from their squared lengths and their product, all of one shape, without the noise's share.

    A cosine and a ratio are NaN where a squared length is not positive. A squared distance below 0 counts as 0 in the ratio,
    which lies between 0 and 2 wherever three points have the lengths.
    """
    length_a, length_b = (np.sqrt(np.where(square > 0, square, np.nan)) for square in (square_a, square_b))
    apart = square_a + square_b - 2 * product
    return Geometry(product / (length_a * length_b), apart, np.sqrt(np.maximum(apart, 0)) / ((length_a + length_b) / 2))


def direction_products(
    inner: np.ndarray, codes: np.ndarray, units: np.ndarray, counts: np.ndarray, mixtures: np.ndarray
) -> np.ndarray:
    """Inner products [draw, direction, direction] without the noise's share.

    `mixtures` [direction, label] make directions of label means. Inner products of label means are U-statistics: means over
    pairs of prompts of different units, with units weighted by `counts` [draw, unit]. Pairs within a unit, and so those of a
    unit with its copies, are always left out.
    """
    return np.einsum("ak,dkl,bl->dab", mixtures, label_products(inner, codes, units, counts), mixtures)


def label_products(inner: np.ndarray, codes: np.ndarray, units: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """U-statistics [draw, label, label] of the inner products of label means; NaN where a draw has no pair."""
    n_labels = codes.max() + 1
    members = [np.flatnonzero(codes == label) for label in range(n_labels)]
    means = np.empty((len(counts), n_labels, n_labels))
    for k in range(n_labels):
        for m in range(k, n_labels):
            rows, columns = members[k], members[m]
            weight_k, weight_m = counts[:, units[rows]], counts[:, units[columns]]
            block = inner[np.ix_(rows, columns)]
            i, j = np.nonzero(units[rows][:, None] == units[columns])
            within = weight_k[:, i] * weight_m[:, j]
            total = ((weight_k @ block) * weight_m).sum(1) - within @ block[i, j]
            pairs = weight_k.sum(1) * weight_m.sum(1) - within.sum(1)
            means[:, k, m] = means[:, m, k] = np.where(pairs > 0, total / np.where(pairs > 0, pairs, 1), np.nan)
    return means


def mixtures_of(names: Sequence[str], emotions: Sequence[str], reference: str) -> np.ndarray:
    """Weights [emotion, label] of label means in each emotion's direction."""
    return np.array([coefficients(names, emotion, emotions, reference) for emotion in emotions])


def _is_zero(gram: Gram, labels: Labels, emotion: str) -> bool:
    weights = labels.weights(emotion)
    return float(weights @ gram.inner @ weights) <= gram.zero_length(labels.is_reference(emotion)) ** 2


def _cosines(inner: np.ndarray, weights_a: np.ndarray, weights_b: np.ndarray, zero: float) -> np.ndarray:
    """Cosine of two weighted sums of prompts, for each row of weights [draw, prompt]; NaN where a sum counts as zero."""
    towards_a, towards_b = weights_a @ inner, weights_b @ inner
    squares_a = np.einsum("dp,dp->d", towards_a, weights_a)
    squares_b = np.einsum("dp,dp->d", towards_b, weights_b)
    products = np.einsum("dp,dp->d", towards_a, weights_b)
    is_defined = (squares_a > zero**2) & (squares_b > zero**2)
    lengths = np.sqrt(np.where(is_defined, squares_a, 1) * np.where(is_defined, squares_b, 1))
    return np.where(is_defined, products / lengths, np.nan)
