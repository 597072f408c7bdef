"""Does an emotion's direction stay the same on other texts of one model (METHODS section 3, last point)?

Two sets that share prompts have like directions by that alone. So one set is compared with what the other has beside it, and
noise takes no part: every inner product of means is the mean over pairs of prompts of different topics (Walther et al. 2016).
"""

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from emotion_cli.measures.directions import ZERO_RELATIVE_NORM
from emotion_cli.measures.gram import Gram
from emotion_cli.measures.inference.exchange import Exchange
from emotion_cli.measures.inference.resampling import resampled, strata_of, units_of
from emotion_cli.measures.inference.sampling import Sampling
from emotion_cli.measures.inference.statistic import EXACT, PERMUTED, Statistic, Tail, interval_of
from emotion_cli.measures.labels import Labels
from emotion_cli.measures.measure import Measure
from emotion_cli.measures.within.curves import Curves


class Shift(NamedTuple):
    """One measure of one emotion's direction on two sets at a layer (None: mean over the averaged layers)."""

    layer: int | None
    emotion: str
    measure: str
    statistic: Statistic


def dataset_shifts(
    grams: Mapping[int, Gram], labels: Labels, is_rest: Sequence[bool] | np.ndarray, sampling: Sampling, averaged: Collection[int]
) -> list[Shift]:
    """Every measure from the Gram of each layer, of the prompts of one set and then the other's rest.

    `is_rest` [prompt] tells them apart. The same draws serve all layers.
    """
    layers = sorted(grams)
    return [
        Shift(layer, emotion, measure.name, statistic)
        for emotion in sorted(labels.emotions)
        for measure in MEASURES
        for layer, statistic in measure.run(
            [grams[layer] for layer in layers], labels, np.asarray(is_rest), emotion, sampling.about(measure.name)
        ).statistics(layers, averaged, measure.tail)
    ]


def unbiased_cosine(grams: Sequence[Gram], labels: Labels, is_rest: np.ndarray, emotion: str, sampling: Sampling) -> Curves:
    """Unbiased cosine of one emotion's direction on the two sets.

    Interval: topics (or clusters) of both resampled, pairs within one dropped always. Null: labels of the rest permuted within
    topics, with the lengths as they are: a direction that has nothing to do with the first one.
    """
    blocks = units_of(labels.topics, labels.clusters)
    used = labels.with_labels(labels.labels_used(emotion))
    first, rest = used[~is_rest[used]], used[is_rest[used]]
    rng = sampling.generator(labels.reference, emotion)
    sides = [_Side(labels.of(rows), blocks[rows], emotion, sampling.draws, rng) for rows in (first, rest)]
    of_rest = labels.of(rest)
    exchange = Exchange(sides[1].codes, of_rest.topics, of_rest.clusters)
    permuted = exchange.orders(sampling.draws, rng)
    products = [_Product(sides[i], sides[j]) for i, j in ((0, 0), (1, 1), (0, 1))]
    curves = [_curve(gram, first, rest, products, permuted) for gram in grams]
    values, drawn, nulls = (np.array(columns) for columns in zip(*curves, strict=True))
    return Curves(
        np.column_stack([values, nulls]),
        len(set(blocks[used].tolist())),
        drawn,
        lambda value, draws: interval_of(draws),
        is_zero=~np.isfinite(values),
        kind=EXACT if exchange.is_all(sampling.draws) else PERMUTED,
        alike=exchange.share_alike(sides[1].roles),
    )


MEASURES = (Measure("cosine_unbiased", Tail.BOTH, unbiased_cosine),)
"""The measures of an emotion's direction on two sets."""


class _Side:
    """The prompts of one set: their classes, coefficients of the classes in the direction, topics, and resampled weights."""

    def __init__(self, labels: Labels, blocks: np.ndarray, emotion: str, draws: int, rng: np.random.Generator) -> None:
        self.blocks = blocks
        self.members = [labels.with_labels([label]) for label in labels.labels_used(emotion)]
        self.weights = labels.weights(emotion)
        self.coefficients = np.array([self.weights[members].sum() for members in self.members])
        self.is_reference = labels.is_reference(emotion)
        self.codes = np.unique(labels.labels, return_inverse=True)[1]
        place = np.unique(blocks, return_inverse=True)[1]
        counts = resampled(strata_of(self.codes, place, labels.topics), draws, rng)
        # the first row is every topic once
        self.repeats = np.vstack([np.ones(counts.shape[1]), counts])[:, place]

    @property
    def roles(self) -> list[float]:
        """The weight of a prompt of each label [label] in the direction."""
        return [float(self.weights[members[0]]) for members in self.members if len(members)]


class _Product:
    """Inner products of two directions, for each two classes the mean over pairs of prompts of different topics."""

    def __init__(self, a: _Side, b: _Side) -> None:
        self.a, self.b = a, b
        self.apart = (a.blocks[:, None] != b.blocks[None, :]).astype(np.float64)
        # how many pairs there are depends on no layer
        self.pairs = self._sums(self.apart)

    def __call__(self, inner: np.ndarray) -> np.ndarray:
        """The products [1 + draws] of inner products [prompt, prompt]; NaN where a draw has no pair."""
        sums = self._sums(inner * self.apart)
        means = np.divide(sums, self.pairs, out=np.full(sums.shape, np.nan), where=self.pairs > 0)
        return np.einsum("a,abd,b->d", self.a.coefficients, means, self.b.coefficients)

    def _sums(self, inner: np.ndarray) -> np.ndarray:
        weighted = np.stack([self.b.repeats[:, members] @ inner[:, members].T for members in self.b.members])
        return np.stack(
            [np.einsum("dp,bdp->bd", self.a.repeats[:, members], weighted[:, :, members]) for members in self.a.members]
        )


def _curve(
    gram: Gram, first: np.ndarray, rest: np.ndarray, products: Sequence[_Product], permuted: np.ndarray
) -> tuple[float, np.ndarray, np.ndarray]:
    """One layer: the value of the prompts as they are, the same with topics resampled [draw], and the null [draw]."""
    of_a, of_b, of_both = products
    inner_a, inner_b, across = (gram.inner[np.ix_(*rows)] for rows in ((first, first), (rest, rest), (first, rest)))
    a, b = of_both.a, of_both.b
    if _is_zero(inner_a, gram.norms[first], a) or _is_zero(inner_b, gram.norms[rest], b):
        return np.nan, np.full(len(a.repeats) - 1, np.nan), np.full(len(permuted), np.nan)
    squares = [of_a(inner_a), of_b(inner_b)]
    lengths = np.sqrt(np.where((squares[0] > 0) & (squares[1] > 0), squares[0] * squares[1], np.nan))
    values = of_both(across) / lengths
    return values[0], values[1:], _permuted(across, of_both, permuted) / lengths[0]


def _permuted(inner: np.ndarray, product: _Product, permuted: np.ndarray) -> np.ndarray:
    """The same between a's direction and b's with b's labels permuted [draw]."""
    a, b = product.a, product.b
    total = np.zeros(len(permuted))
    for rows, factor in zip(a.members, a.coefficients, strict=True):
        sums, counts = ((part[rows]).sum(0)[permuted] for part in (inner * product.apart, product.apart))
        for members, coefficient in zip(b.members, b.coefficients, strict=True):
            total += coefficient * factor * sums[:, members].sum(1) / np.maximum(counts[:, members].sum(1), 1)
    return total


def _is_zero(inner: np.ndarray, norms: np.ndarray, side: _Side) -> bool:
    scale = norms[side.is_reference].mean()
    return float(side.weights @ inner @ side.weights) < (ZERO_RELATIVE_NORM * scale) ** 2
