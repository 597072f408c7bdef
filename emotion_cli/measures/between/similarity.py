"""Are prompts that are alike in one model alike in the other? Debiased CKA and RSA, over prompts that both models read.

Both compare two symmetric patterns over pairs of prompts by an inner product of unit vectors, so they share their null (the
pairing of prompts permuted: it tests only that both models read the same texts) and their interval.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from emotion_cli.measures.between.alignment import Each
from emotion_cli.measures.resampling import generator

Pattern = Callable[[np.ndarray], np.ndarray]

N_HALVES = 5
"""Random halvings of the topics over which the best matching depth is chosen and reported."""


class Similarity(NamedTuple):
    """A measure of one layer of each model; draws from its null, and replicates without each group of topics."""

    a: int
    b: int
    measure: str
    value: float
    draws: np.ndarray
    groups: np.ndarray


class BestDepth(NamedTuple):
    """The layer of the other model that matches `layer` best; its similarity is measured on topics that did not choose it."""

    layer: int
    best: int
    direction: str
    value: float
    draws: np.ndarray


def hsic_pattern(gram: np.ndarray) -> np.ndarray:
    """U-centred inner products [prompt, prompt]; their products are unbiased HSIC but for a factor (Song et al. 2012)."""
    n = len(gram)
    if n < 4:
        return np.full_like(gram, np.nan)
    bare = gram - np.diag(np.diag(gram))
    rows = bare.sum(0) / (n - 2)
    centred = bare - rows - rows[:, None] + bare.sum() / ((n - 1) * (n - 2))
    np.fill_diagonal(centred, 0)
    return centred


def rank_pattern(correlations: np.ndarray) -> np.ndarray:
    """Ranks of the correlation distances of pairs of prompts [prompt, prompt], centred (Kriegeskorte et al. 2008)."""
    from scipy.stats import rankdata

    upper = np.triu_indices(len(correlations), 1)
    # correlations of equal rows differ by rounding; that must not make ranks
    ranks = rankdata(-np.round(correlations[upper], 10))
    pattern = np.zeros_like(correlations)
    pattern[upper] = ranks - ranks.mean() if len(ranks) else ranks
    return pattern + pattern.T


def correlations_of(rows: np.ndarray) -> np.ndarray:
    """Correlations [prompt, prompt] of prompts over the dimensions of their activations [prompt, d_model]."""
    centred = rows - rows.mean(1, keepdims=True)
    lengths = np.linalg.norm(centred, axis=1, keepdims=True)
    centred = np.divide(centred, lengths, out=np.zeros_like(centred), where=lengths > 0)
    return centred @ centred.T


MEASURES: dict[str, Pattern] = {"cka_debiased": hsic_pattern, "rsa": rank_pattern}
"""How a pattern is made: of centred Gram matrices, and of correlations."""


def similarities(
    measure: str,
    a: Mapping[int, np.ndarray],
    b: Mapping[int, np.ndarray],
    pairs: Sequence[tuple[int, int]],
    groups: np.ndarray,
    *,
    dataset: str,
    seed: int,
    draws: int,
    each: Each,
) -> list[Similarity]:
    """CKA or RSA of pairs of layers of two models, from the [prompt, prompt] matrices of each layer.

    `groups` [group, prompt] says which prompts stay when a group of topics is left out. The value is NaN where a layer's
    prompts do not differ.
    """
    make = MEASURES[measure]
    used_a, used_b = (sorted({pair[i] for pair in pairs}) for i in (0, 1))
    index = np.array([used_a.index(i) for i, _ in pairs]), np.array([used_b.index(j) for _, j in pairs])
    squares = [np.array([make(matrices[i]) for i in used]) for matrices, used in ((a, used_a), (b, used_b))]
    table_a, table_b = (_unit(_triangles(square)) for square in squares)
    values = _products(table_a, table_b, index)
    null = np.empty((draws, len(pairs)))
    orders = [generator(seed, dataset, "pairing", str(draw)).permutation(groups.shape[1]) for draw in range(draws)]

    def draw(i: int) -> None:
        null[i] = _products(_unit(_triangles(squares[0][:, orders[i][:, None], orders[i]])), table_b, index)

    each(draw, range(draws))
    without = np.empty((len(groups), len(pairs)))

    def leave_out(i: int) -> None:
        kept = np.flatnonzero(groups[i])
        parts = [[make(matrices[layer][np.ix_(kept, kept)]) for layer in used] for matrices, used in ((a, used_a), (b, used_b))]
        left, right = (_unit(_triangles(np.array(part))) for part in parts)
        without[i] = _products(left, right, index)

    each(leave_out, range(len(groups)))
    return [Similarity(*pair, measure, float(values[i]), null[:, i], without[:, i]) for i, pair in enumerate(pairs)]


def best_depths(
    a: Sequence[np.ndarray], b: Sequence[np.ndarray], topics: np.ndarray, *, dataset: str, seed: int, draws: int,
    each: Each,
) -> list[BestDepth]:  # fmt: skip
    """For each layer, the layer of the other model with the largest debiased CKA, chosen and measured on different topics.

    Mean over random halvings of the topics, each half choosing for the other; `best` is the layer chosen most often. The null
    permutes the pairing of prompts and chooses again. From centred Gram matrices [prompt, prompt] of each layer.
    """
    rng = generator(seed, dataset, "halves")
    names = np.unique(topics)
    halves = []
    for _ in range(N_HALVES):
        first = rng.permutation(names)[: len(names) // 2]
        chosen = np.isin(topics, first)
        halves.append((np.flatnonzero(chosen), np.flatnonzero(~chosen)))
    rights = [[_patterns(b, half) for half in pair] for pair in halves]
    lefts = [[np.array([hsic_pattern(gram[np.ix_(half, half)]) for gram in a]) for half in pair] for pair in halves]

    def chosen_and_measured(orders: Sequence[Sequence[np.ndarray]] | None) -> tuple[list[np.ndarray], list[np.ndarray]]:
        choices: list[list[np.ndarray]] = [[], []]
        measured: list[list[np.ndarray]] = [[], []]
        for i, (left, right) in enumerate(zip(lefts, rights, strict=True)):
            both = []
            for j in (0, 1):
                square = left[j] if orders is None else left[j][:, orders[i][j][:, None], orders[i][j]]
                both.append(np.nan_to_num(_unit(_triangles(square)) @ right[j].T, nan=-np.inf))
            for here, there in (both, both[::-1]):
                for way, (chooses, tells) in enumerate(((here, there), (here.T, there.T))):
                    best = chooses.argmax(1)
                    choices[way].append(best)
                    measured[way].append(tells[np.arange(len(best)), best])
        return [np.array(way) for way in choices], [np.array(way).mean(0) for way in measured]

    choices, values = chosen_and_measured(None)
    null: list[list[np.ndarray]] = [[] for _ in range(draws)]

    def draw(i: int) -> None:
        random = generator(seed, dataset, "halves paired", str(i))
        null[i] = chosen_and_measured([[random.permutation(len(half)) for half in pair] for pair in halves])[1]

    each(draw, range(draws))
    return [
        BestDepth(layer, int(np.bincount(choices[way][:, layer]).argmax()), direction, float(values[way][layer]),
                  np.array([one[way][layer] for one in null]))
        for way, direction in enumerate(("a_to_b", "b_to_a")) for layer in range(len(values[way]))
    ]  # fmt: skip


def _patterns(grams: Sequence[np.ndarray], rows: np.ndarray) -> np.ndarray:
    return _unit(_triangles(np.array([hsic_pattern(gram[np.ix_(rows, rows)]) for gram in grams])))


def _triangles(squares: np.ndarray) -> np.ndarray:
    """Upper triangles [layer, pair] of symmetric matrices [layer, prompt, prompt]."""
    rows, columns = np.triu_indices(squares.shape[1], 1)
    return squares[:, rows, columns]


def _unit(vectors: np.ndarray) -> np.ndarray:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / np.where(lengths > 0, lengths, np.nan)


def _products(a: np.ndarray, b: np.ndarray, index: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """Inner products [pair] of rows of two tables."""
    if len(index[0]) <= 2 * max(len(a), len(b)):
        return np.einsum("pt,pt->p", a[index[0]], b[index[1]])
    return (a @ b.T)[index]
