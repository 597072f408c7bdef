"""How alike two emotions' directions are in one model (METHODS section 3), on inner products of prompts only."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import combinations
from typing import NamedTuple

import numpy as np

from emotion_cli.measures.gram import Gram
from emotion_cli.measures.inference.resampling import permutations_within, resampled, strata_of, units_of
from emotion_cli.measures.inference.sampling import Sampling
from emotion_cli.measures.inference.statistic import (
    FIXED,
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

UNBIASED_BY_CLASS = "cosine_unbiased_by_class"
"""The name of the unbiased cosine where a topic lacks a label."""

Pair = tuple[str, str]


class Comparison(NamedTuple):
    """One measure of two emotions at one layer (None: the mean over the averaged layers)."""

    layer: int | None
    emotion_a: str
    emotion_b: str
    measure: str
    statistic: Statistic


def comparisons(grams: Mapping[int, Gram], labels: Labels, sampling: Sampling, averaged: Collection[int]) -> list[Comparison]:
    """Every measure of every two emotions at each layer and on average over the `averaged` ones.

    The same draws serve every layer, so that means over layers have their null and their interval from them too.
    """
    labels = replace(labels, emotions=sorted(labels.emotions))
    layers = sorted(grams)
    return [
        Comparison(layer, a, b, name or measure.name, statistic)
        for measure in MEASURES
        for (a, b), name, curves in measure.run([grams[layer] for layer in layers], labels, sampling)
        for layer, statistic in curves.statistics(layers, averaged, measure.tail)
    ]


def cosines(grams: Sequence[Gram], labels: Labels, sampling: Sampling) -> Iterator[tuple[Pair, str, Curves]]:
    """Cosines of two directions; null: the labels that make the pair permuted within topics."""
    for pair in combinations(labels.emotions, 2):
        values, n = permuted_cosines(grams, labels, pair, sampling.about("cosine", labels.reference))
        yield pair, "", Curves(values, n, mean=mean_where_defined)


def cosines_against_others(grams: Sequence[Gram], labels: Labels, sampling: Sampling) -> Iterator[tuple[Pair, str, Curves]]:
    """The same of directions against the other emotions, where those are not the reference already."""
    if labels.reference != OTHERS:
        yield from cosines(grams, replace(labels, reference=OTHERS), sampling)


def unbiased(grams: Sequence[Gram], labels: Labels, sampling: Sampling) -> Iterator[tuple[Pair, str, Curves]]:
    """Cosines without the noise's share, beside the value of classes that are equally far apart."""
    emotions = labels.emotions
    names = labels.labels_used(*emotions)
    used = labels.with_labels(names)
    made_of = labels.of(used)
    codes = np.searchsorted(names, np.asarray(made_of.labels))
    units = units_of(made_of.topics)
    strata = strata_of(codes, units)
    drawn = resampled(strata, sampling.draws, sampling.generator("topics", *names))
    counts = np.vstack([np.ones(drawn.shape[1]), drawn])
    sizes = np.zeros((units.max() + 1, len(names)), int)
    np.add.at(sizes, (units, codes), 1)
    name = "" if (sizes == sizes[:, :1]).all() else UNBIASED_BY_CLASS
    parts = [gram.of(used) for gram in grams]
    is_zero = np.array([[_is_zero(gram, made_of, emotion) for emotion in emotions] for gram in parts])
    mixtures = mixtures_of(names, emotions, labels.reference)
    values = np.array([unbiased_cosines(gram.inner, codes, units, counts, mixtures) for gram in parts])
    expected = Null(equidistance(len(emotions), labels.reference), None, None, None, None, FIXED)

    def interval(value: float, draws: np.ndarray) -> Interval:
        return widened(value, interval_of(draws), len(strata))

    for a, b in combinations(range(len(emotions)), 2):
        # a mean over layers is defined where every layer with a direction is: else it would be over the strong layers only
        zero = is_zero[:, a] | is_zero[:, b]
        curve = np.where(zero[:, None], np.nan, values[:, :, a, b])
        yield (emotions[a], emotions[b]), name, Curves(curve, len(strata), curve[:, 1:], interval, zero, null=expected)


MEASURES = (
    Measure("cosine", Tail.BOTH, cosines),
    Measure("cosine_others", Tail.BOTH, cosines_against_others),
    Measure("cosine_unbiased", Tail.BOTH, unbiased),
)
"""Each gives, for every two emotions, another name where it is to be stored under one, and the curves over layers."""


def equidistance(n_emotions: int, reference: str) -> float:
    """The cosine of two directions of classes that are equally far apart: 0.5, and -1 / (K - 1) against the others."""
    return -1 / (n_emotions - 1) if reference == OTHERS else 0.5


def permuted_cosines(grams: Sequence[Gram], labels: Labels, pair: Pair, sampling: Sampling) -> tuple[np.ndarray, int]:
    """Cosines [layer, 1 + draw], as labelled, then with the labels that make the pair permuted within topics; and topics."""
    used_labels = labels.labels_used(*pair)
    used = labels.with_labels(used_labels)
    made_of = labels.of(used)
    permuted = permutations_within(made_of.topics, sampling.draws, sampling.generator(*used_labels))
    order = np.vstack([np.arange(len(used)), permuted])
    weight_a, weight_b = (made_of.weights(emotion)[order] for emotion in pair)
    is_reference = made_of.is_reference(pair[0])
    parts = [gram.of(used) for gram in grams]
    curves = [_cosines(gram.inner, weight_a, weight_b, gram.zero_length(is_reference)) for gram in parts]
    return np.array(curves), int(units_of(made_of.topics).max()) + 1


def unbiased_cosines(
    inner: np.ndarray, codes: np.ndarray, units: np.ndarray, counts: np.ndarray, mixtures: np.ndarray
) -> np.ndarray:
    """Cosines [draw, direction, direction] without the noise's share; NaN where a squared length is not positive.

    `mixtures` [direction, label] make directions of label means. Inner products of label means are U-statistics: means over
    pairs of prompts of different units, with units weighted by `counts` [draw, unit]. Pairs within a unit, and so those of a
    unit with its copies, are always left out.
    """
    products = label_products(inner, codes, units, counts)
    across = np.einsum("ak,dkl,bl->dab", mixtures, products, mixtures)
    squares = np.einsum("daa->da", across)
    positive = np.where(squares > 0, squares, np.nan)
    return across / np.sqrt(positive[:, :, None] * positive[:, None, :])


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
