"""How alike two emotions' directions are in one model (METHODS section 3), on inner products of prompts only."""

from collections.abc import Collection, Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np

from emotion_cli.measures.directions import OTHERS, ZERO_RELATIVE_NORM, reference_prompts, weights
from emotion_cli.measures.resampling import Null, generator, null_of, permutations_within


class Comparison(NamedTuple):
    """Cosine of two emotions at one layer (None: the mean over the averaged layers), its null, and the prompts used."""

    layer: int | None
    emotion_a: str
    emotion_b: str
    value: float | None
    null: Null
    n: int


def gram(activations: np.ndarray) -> np.ndarray:
    """Inner products [prompt, prompt] of one layer's activations [prompt, d_model], in float64."""
    rows = np.asarray(activations, np.float64)
    return rows @ rows.T


def cosine_comparisons(
    grams: dict[int, np.ndarray],
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
    """Cosine of every two emotions at each layer, with a null: the labels that make the pair are permuted within topics.

    `grams` [prompt, prompt] by layer. The same draws serve every layer, so the mean over the `averaged` layers has its null
    from them too.
    """
    names = np.asarray(labels)
    comparisons = []
    for emotion_a, emotion_b in combinations(sorted(emotions), 2):
        concerned = sorted({*emotions} if reference == OTHERS else {emotion_a, emotion_b, reference})
        used = np.flatnonzero(np.isin(names, concerned))
        rng = generator(seed, dataset, "cosine", reference, *concerned)
        permuted = permutations_within([topics[i] for i in used.tolist()], draws, rng)
        order = np.vstack([np.arange(len(used)), permuted])  # the first row is the labels as they are
        pair = [weights(names[used], emotion, emotions, reference)[order] for emotion in (emotion_a, emotion_b)]
        referred = reference_prompts(names[used], emotion_a, emotions, reference)
        curves = {
            layer: _cosines(full[np.ix_(used, used)], *pair, referred) for layer, full in sorted(grams.items())
        }  # fmt: skip
        covered = [curve for layer, curve in curves.items() if layer in averaged]
        over_layers = {None: _mean_defined(np.array(covered))} if covered else {}
        for layer, curve in (curves | over_layers).items():
            value = float(curve[0]) if np.isfinite(curve[0]) else None
            comparisons.append(Comparison(layer, emotion_a, emotion_b, value, null_of(value, curve[1:]), len(used)))
    return comparisons


def _cosines(inner: np.ndarray, weights_a: np.ndarray, weights_b: np.ndarray, referred: np.ndarray) -> np.ndarray:
    """Cosine of two weighted sums of prompts, for each row of weights [draw, prompt]; NaN where a sum is zero."""
    towards_a, towards_b = weights_a @ inner, weights_b @ inner
    squares_a = np.einsum("dp,dp->d", towards_a, weights_a)
    squares_b = np.einsum("dp,dp->d", towards_b, weights_b)
    products = np.einsum("dp,dp->d", towards_a, weights_b)
    zero = (ZERO_RELATIVE_NORM * np.sqrt(np.diag(inner)[referred]).mean()) ** 2
    defined = (squares_a > zero) & (squares_b > zero)
    lengths = np.sqrt(np.where(defined, squares_a, 1) * np.where(defined, squares_b, 1))
    return np.where(defined, products / lengths, np.nan)


def _mean_defined(curves: np.ndarray) -> np.ndarray:
    """Mean over layers [layer, draw] where defined; NaN where no layer is."""
    defined = np.isfinite(curves)
    total = np.where(defined, curves, 0).sum(0)
    return np.where(defined.any(0), total / np.maximum(defined.sum(0), 1), np.nan)
