"""Does an emotion's direction stay the same on other texts of one model (METHODS section 3, last point)?

Two sets that share prompts have like directions by that alone. So one set is compared with what the other has beside it, and
noise takes no part: every inner product of means is the mean over pairs of prompts of different topics (Walther et al. 2016).
"""

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from emotion_cli.measures.directions import OTHERS, ZERO_RELATIVE_NORM, reference_prompts, weights
from emotion_cli.measures.gram import Gram
from emotion_cli.measures.inference.resampling import Null, generator, null_of, permutations_within

MOST_UNDEFINED = 0.025
"""Share of bootstrap draws without a value above which there is no interval."""


class Shift(NamedTuple):
    """Unbiased cosine of one emotion's direction on the two sets at a layer (None: mean over the averaged layers).

    `low` and `high` are the 95 % interval over topics, None where it is not defined; `n` is the number of topics.
    """

    layer: int | None
    emotion: str
    value: float | None
    low: float | None
    high: float | None
    null: Null
    n: int


class _Curve(NamedTuple):
    """One layer: values [1 + draws], the first of the prompts as they are, then topics resampled; and the null's [draws]."""

    values: np.ndarray
    null: np.ndarray


def dataset_shifts(
    grams: Mapping[int, Gram],
    labels: Sequence[str],
    topics: Sequence[str | None],
    is_rest: Sequence[bool],
    *,
    averaged: Collection[int],
    emotions: Sequence[str],
    reference: str,
    names: tuple[str, str],
    seed: int,
    draws: int,
) -> list[Shift]:
    """Unbiased cosines from the Gram of each layer, of the prompts of one set and then the other's rest.

    `is_rest` [prompt] tells them apart. Interval: topics of both resampled, pairs within a topic dropped always. Null: labels
    of the rest permuted within topics, with the lengths as they are: a direction that has nothing to do with the first one.
    The same draws serve all layers.
    """
    found, rest = [], np.asarray(is_rest)
    blocks = np.array([f"{i}" if topic is None else f"={topic}" for i, topic in enumerate(topics)])
    for emotion in sorted(emotions):
        concerned = sorted({*emotions} if reference == OTHERS else {emotion, reference})
        used = np.flatnonzero(np.isin(labels, concerned))
        own, other = used[~rest[used]], used[rest[used]]
        rng = generator(seed, *names, "cosine_unbiased", reference, emotion)
        sides = [
            _Side(np.asarray(labels)[members], blocks[members], emotion, concerned, reference, draws, rng)
            for members in (own, other)
        ]
        permuted = permutations_within([topics[i] for i in other.tolist()], draws, rng)
        products = [_Product(sides[i], sides[j]) for i, j in ((0, 0), (1, 1), (0, 1))]
        curves = {layer: _curve(gram, own, other, products, permuted) for layer, gram in sorted(grams.items())}
        covered = [curve for layer, curve in curves.items() if layer in averaged and np.isfinite(curve.values[0])]
        if covered:
            curves |= {None: _Curve(*(np.mean([curve[i] for curve in covered], axis=0) for i in range(2)))}  # pyright: ignore[reportAssignmentType]
        n = len(set(blocks[used].tolist()))
        found += [_shift(layer, emotion, curve, n) for layer, curve in curves.items()]
    return found


class _Side:
    """The prompts of one set: their classes, coefficients of the classes in the direction, topics, and resampled weights."""

    def __init__(
        self,
        labels: np.ndarray,
        blocks: np.ndarray,
        emotion: str,
        concerned: Sequence[str],
        reference: str,
        draws: int,
        rng: np.random.Generator,
    ) -> None:
        self.blocks = blocks
        self.members = [np.flatnonzero(labels == label) for label in concerned]
        self.weights = weights(labels, emotion, concerned, reference)
        self.coefficients = np.array([self.weights[members].sum() for members in self.members])
        self.referred = reference_prompts(labels, emotion, concerned, reference)
        known, place = np.unique(blocks, return_inverse=True)
        counts = rng.multinomial(len(known), np.full(len(known), 1 / len(known)), size=draws)
        # the first row is every topic once
        self.repeats = np.vstack([np.ones(len(known)), counts])[:, place]


class _Product:
    """Inner products of two directions, for each two classes the mean over pairs of prompts of different topics."""

    def __init__(self, a: _Side, b: _Side) -> None:
        self.a, self.b = a, b
        self.apart = (a.blocks[:, None] != b.blocks[None, :]).astype(np.float64)
        # how many pairs there are depends on no layer
        self.pairs = self._sums(self.apart)

    def __call__(self, inner: np.ndarray) -> np.ndarray:
        """The products [1 + draws] of inner products [prompt, prompt]; NaN where a draw has no pair."""
        found = self._sums(inner * self.apart)
        means = np.divide(found, self.pairs, out=np.full(found.shape, np.nan), where=self.pairs > 0)
        return np.einsum("a,abd,b->d", self.a.coefficients, means, self.b.coefficients)

    def _sums(self, inner: np.ndarray) -> np.ndarray:
        weighted = np.stack([self.b.repeats[:, members] @ inner[:, members].T for members in self.b.members])
        return np.stack(
            [np.einsum("dp,bdp->bd", self.a.repeats[:, members], weighted[:, :, members]) for members in self.a.members]
        )


def _curve(gram: Gram, own: np.ndarray, other: np.ndarray, products: Sequence[_Product], permuted: np.ndarray) -> _Curve:
    of_a, of_b, of_both = products
    inner_a, inner_b, across = (gram.inner[np.ix_(*both)] for both in ((own, own), (other, other), (own, other)))
    a, b = of_both.a, of_both.b
    if _is_zero(inner_a, gram.norms[own], a) or _is_zero(inner_b, gram.norms[other], b):
        return _Curve(np.full(len(a.repeats), np.nan), np.full(len(permuted), np.nan))
    squares = [of_a(inner_a), of_b(inner_b)]
    lengths = np.sqrt(np.where((squares[0] > 0) & (squares[1] > 0), squares[0] * squares[1], np.nan))
    return _Curve(of_both(across) / lengths, _permuted(across, a, b, permuted) / lengths[0])


def _permuted(inner: np.ndarray, a: _Side, b: _Side, permuted: np.ndarray) -> np.ndarray:
    """The same between a's direction and b's with b's labels permuted [draw]."""
    apart = (a.blocks[:, None] != b.blocks[None, :]).astype(np.float64)
    total = np.zeros(len(permuted))
    for others, factor in zip(a.members, a.coefficients, strict=True):
        sums, counts = ((part[others]).sum(0)[permuted] for part in (inner * apart, apart))
        for members, coefficient in zip(b.members, b.coefficients, strict=True):
            total += coefficient * factor * sums[:, members].sum(1) / np.maximum(counts[:, members].sum(1), 1)
    return total


def _is_zero(inner: np.ndarray, norms: np.ndarray, side: _Side) -> bool:
    scale = norms[side.referred].mean()
    return float(side.weights @ inner @ side.weights) < (ZERO_RELATIVE_NORM * scale) ** 2


def _shift(layer: int | None, emotion: str, curve: _Curve, n: int) -> Shift:
    value = float(curve.values[0]) if np.isfinite(curve.values[0]) else None
    drawn = curve.values[1:][np.isfinite(curve.values[1:])]
    low = high = None
    if value is not None and len(drawn) >= (1 - MOST_UNDEFINED) * (len(curve.values) - 1) > 0:
        low, high = (float(bound) for bound in np.quantile(drawn, [0.025, 0.975]))
    return Shift(layer, emotion, value, low, high, null_of(value, curve.null), n)
