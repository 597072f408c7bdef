"""Are prompts that are alike in one model alike in the other? Debiased CKA and RSA, over prompts that both models read.

All compare two symmetric patterns over pairs of prompts by an inner product of unit vectors, so they share their null (the
pairing permuted: it tests only that both models read the same texts) and their interval.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from emotion_cli.measures.between.result import MAPPINGS, Each, Result
from emotion_cli.measures.inference.sampling import Sampling
from emotion_cli.measures.inference.statistic import PAIRED, Sampled, Tail
from emotion_cli.measures.measure import Measure

N_HALVES = 5
"""Random halvings of the topics over which the best matching depth is chosen and reported."""

BEST_DEPTH = "cka_debiased_best"
"""The measure of the best matching depth."""


class Matrices(NamedTuple):
    """The stored arrays of one layer [prompt, prompt]: centred inner products, and correlations over its dimensions."""

    inner: np.ndarray
    correlations: np.ndarray


class BestDepth(NamedTuple):
    """The layer of the other model that matches `layer` best; measured on topics that did not choose it."""

    layer: int
    best: int
    mapping: str
    sampled: Sampled


Pattern = Callable[[np.ndarray], np.ndarray]
"""From rows of prompts to a pattern over pairs of them [row, row]."""


def hsic_pattern(gram: np.ndarray) -> np.ndarray:
    """U-centred inner products [prompt, prompt]; their products are unbiased HSIC but for a factor (Song et al. 2012)."""
    return _u_centred(gram)


def _u_centred(products: np.ndarray) -> np.ndarray:
    """Products [..., sample, sample] with the means of rows and columns removed, the diagonal apart, which becomes 0."""
    n = products.shape[-1]
    if n < 4:
        return np.full_like(products, np.nan)
    bare = np.array(products)
    places = np.arange(n)
    bare[..., places, places] = 0
    along, down = bare.sum(-1, keepdims=True), bare.sum(-2, keepdims=True)
    total = bare.sum((-2, -1), keepdims=True) / ((n - 1) * (n - 2))
    # in place: these matrices are made for every layer and every group of topics
    bare -= (along + down) / (n - 2)
    bare += total
    bare[..., places, places] = 0
    return bare


def residual_pattern(gram: np.ndarray, n_labels: int, *, without_topics: bool) -> np.ndarray:
    """U-centred inner products [block x label, block x label] with each label's mean removed, and each block's where asked.

    For every two labels, the products of blocks are U-centred: that is unbiased HSIC with a block as one sample, so the means
    are removed without bias. Pairs of prompts of one block count for nothing.
    """
    blocks = len(gram) // n_labels
    shaped = gram.reshape(blocks, n_labels, blocks, n_labels)
    if without_topics:
        shaped = shaped - shaped.mean(1, keepdims=True)
        shaped = shaped - shaped.mean(3, keepdims=True)
    by_labels = shaped.transpose(1, 3, 0, 2)
    return _u_centred(by_labels).transpose(2, 0, 3, 1).reshape(gram.shape)


def rank_codes(correlations: np.ndarray) -> np.ndarray:
    """Numbers [prompt, prompt] of the distinct correlation distances of pairs of prompts, ascending; 0 on the diagonal.

    Ranks of any part of the prompts follow from them by counting, without sorting again.
    """
    upper = np.triu_indices(len(correlations), 1)
    codes = np.zeros(correlations.shape, np.intp)
    # correlations of equal rows differ by rounding; that must not make ranks
    codes[upper] = np.unique(-np.round(correlations[upper], 10), return_inverse=True)[1]
    return codes + codes.T


def rank_pattern(codes: np.ndarray) -> np.ndarray:
    """Mean ranks of the correlation distances of pairs of prompts [prompt, prompt], centred (Kriegeskorte et al. 2008)."""
    n = len(codes)
    # each pair is in the matrix twice, and the n zeros of the diagonal are not pairs
    counts = np.bincount(codes.ravel()).astype(float)
    counts[:1] -= n
    counts /= 2
    ranks = np.cumsum(counts) - (counts - 1) / 2
    pattern = (ranks - (n * (n - 1) / 2 + 1) / 2)[codes]
    np.fill_diagonal(pattern, 0)
    return pattern


def correlations_of(rows: np.ndarray) -> np.ndarray:
    """Correlations [prompt, prompt] of prompts over the dimensions of their activations [prompt, d_model]."""
    centred = rows - rows.mean(1, keepdims=True)
    lengths = np.linalg.norm(centred, axis=1, keepdims=True)
    centred = np.divide(centred, lengths, out=np.zeros_like(centred), where=lengths > 0)
    return centred @ centred.T


def cka(layer: Matrices) -> Pattern:
    """Patterns whose products are debiased linear CKA."""
    return lambda rows: hsic_pattern(layer.inner[np.ix_(rows, rows)])


def rsa(layer: Matrices) -> Pattern:
    """Patterns whose products are Spearman correlations of correlation distances."""
    codes = rank_codes(layer.correlations)
    return lambda rows: rank_pattern(codes[np.ix_(rows, rows)])


MEASURES = (Measure("cka_debiased", Tail.UPPER, cka), Measure("rsa", Tail.UPPER, rsa))
"""How a layer's prompts are arranged, as patterns of any part of them; two models' patterns are compared by their product."""


def residual_measures(n_labels: int) -> tuple[Measure, ...]:
    """Debiased CKA of what is left without label means, and without label and topic means; of prompts by block and label."""

    def residual(*, without_topics: bool) -> Callable[[Matrices], Pattern]:
        return lambda layer: (
            lambda rows: residual_pattern(layer.inner[np.ix_(rows, rows)], n_labels, without_topics=without_topics)
        )

    return (
        Measure("cka_labels_removed", Tail.UPPER, residual(without_topics=False)),
        Measure("cka_labels_topics_removed", Tail.UPPER, residual(without_topics=True)),
    )


def geometries(
    measure: Measure,
    a: Mapping[int, Matrices],
    b: Mapping[int, Matrices],
    pairs: Sequence[tuple[int, int]],
    groups: np.ndarray,
    sampling: Sampling,
    each: Each,
    *,
    rows: np.ndarray,
) -> list[Result]:
    """A measure of pairs of layers of two models, from the matrices of each layer.

    `rows` [unit, prompt] are the prompts that count; whole units are paired at random for the null, and left out: `groups`
    [group, unit] says which stay when a group of topics is left out. The value is NaN where a layer's prompts do not differ.
    """
    layers = [list(dict.fromkeys(pair[i] for pair in pairs)) for i in (0, 1)]
    index = tuple(np.array([layers[i].index(pair[i]) for pair in pairs]) for i in (0, 1))
    patterns = [[measure.run(model[layer]) for layer in of_model] for model, of_model in zip((a, b), layers, strict=True)]
    everyone = rows.ravel()
    left, right = (_Patterns(np.array([pattern(everyone) for pattern in model])) for model in patterns)
    values = _products(left.by_pair, right.by_pair, index)
    null = np.empty((sampling.draws, len(pairs)))
    places = np.arange(rows.size).reshape(rows.shape)
    orders = [places[sampling.generator("pairing", str(draw)).permutation(len(rows))].ravel() for draw in range(sampling.draws)]

    def draw(i: int) -> None:
        null[i] = _products(left.permuted(orders[i]), right.by_pair, index)

    each(draw, range(sampling.draws))
    without = np.empty((len(groups), len(pairs)))

    def leave_out(i: int) -> None:
        kept = rows[groups[i]].ravel()
        part_a, part_b = ([pattern(kept).ravel() for pattern in model] for model in patterns)
        without[i] = _cosines(part_a, part_b, index)

    each(leave_out, range(len(groups)))
    return [
        Result(i, measure.name, Sampled(float(value), null[:, i], measure.tail, without[:, i], PAIRED))
        for i, value in enumerate(values)
    ]


def best_depths(
    a: Sequence[np.ndarray], b: Sequence[np.ndarray], topics: np.ndarray, sampling: Sampling, each: Each
) -> list[BestDepth]:
    """For each layer, the layer of the other model with the largest debiased CKA, chosen and measured on different topics.

    Mean over random halvings of the topics, each half choosing for the other; `best` is the layer chosen most often. The null
    permutes the pairing of prompts and chooses again. From centred Gram matrices [prompt, prompt] of each layer.
    """
    rng = sampling.generator("halves")
    names = np.unique(topics)
    halves = []
    for _ in range(N_HALVES):
        first = rng.permutation(names)[: len(names) // 2]
        chosen = np.isin(topics, first)
        halves.append((np.flatnonzero(chosen), np.flatnonzero(~chosen)))
    lefts, rights = (
        [[_Patterns(np.array([hsic_pattern(gram[np.ix_(half, half)]) for gram in model])) for half in pair] for pair in halves]
        for model in (a, b)
    )

    def chosen_and_measured(orders: Sequence[Sequence[np.ndarray]] | None) -> tuple[list[np.ndarray], list[np.ndarray]]:
        choices: list[list[np.ndarray]] = [[], []]
        measured: list[list[np.ndarray]] = [[], []]
        for i, (left, right) in enumerate(zip(lefts, rights, strict=True)):
            halves = []
            for j in (0, 1):
                table = left[j].by_pair if orders is None else left[j].permuted(orders[i][j])
                halves.append(np.nan_to_num(table.T @ right[j].by_pair, nan=-np.inf))
            for choosing, measuring in (halves, halves[::-1]):
                for way, (chooses, tells) in enumerate(((choosing, measuring), (choosing.T, measuring.T))):
                    best = chooses.argmax(1)
                    choices[way].append(best)
                    measured[way].append(tells[np.arange(len(best)), best])
        return [np.array(way) for way in choices], [np.array(way).mean(0) for way in measured]

    choices, values = chosen_and_measured(None)
    null: list[list[np.ndarray]] = [[] for _ in range(sampling.draws)]

    def draw(i: int) -> None:
        random = sampling.generator("halves paired", str(i))
        null[i] = chosen_and_measured([[random.permutation(len(half)) for half in pair] for pair in halves])[1]

    each(draw, range(sampling.draws))
    return [
        BestDepth(
            layer,
            int(np.bincount(choices[way][:, layer]).argmax()),
            mapping,
            Sampled(float(values[way][layer]), np.array([drawn[way][layer] for drawn in null]), kind=PAIRED),
        )
        for way, mapping in enumerate(MAPPINGS)
        for layer in range(len(values[way]))
    ]


class _Patterns:
    """Patterns [layer, prompt, prompt] as unit vectors over pairs of prompts, in any order of the prompts.

    `by_pair` [pair, layer]: what is picked for a permutation are whole rows.
    """

    def __init__(self, squares: np.ndarray) -> None:
        self._upper = np.triu_indices(squares.shape[1], 1)
        # the length does not depend on the order; the diagonal is 0, and each pair is there twice
        flat = squares.reshape(len(squares), -1)
        lengths = np.sqrt(np.einsum("lp,lp->l", flat, flat) / 2)
        self._places = np.ascontiguousarray(flat.T)
        self._places /= np.where(lengths > 0, lengths, np.nan)
        self._size = squares.shape[1]
        self.by_pair = self.permuted(np.arange(self._size))

    def permuted(self, order: np.ndarray) -> np.ndarray:
        """Unit vectors [pair, layer] with the prompts in another order."""
        rows, columns = self._upper
        return self._places.take(order[rows] * self._size + order[columns], axis=0)


def _products(a: np.ndarray, b: np.ndarray, index: tuple[np.ndarray, ...]) -> np.ndarray:
    """Inner products [pair of layers] of columns of two tables [pair, layer], of the columns that `index` names."""
    first, second = index
    if len(first) > 2 * max(a.shape[1], b.shape[1]):
        return (a.T @ b)[index]
    a, b = (
        table if np.array_equal(used, np.arange(table.shape[1])) else table[:, used] for table, used in ((a, first), (b, second))
    )
    return np.einsum("tp,tp->p", a, b)


def _cosines(a: Sequence[np.ndarray], b: Sequence[np.ndarray], index: tuple[np.ndarray, ...]) -> np.ndarray:
    """Cosines [pair of layers] of the vectors that `index` names; NaN for one without length."""
    if len(index[0]) > 2 * max(len(a), len(b)):
        products = (np.array(a) @ np.array(b).T)[index]
    else:
        products = np.array([a[i] @ b[j] for i, j in zip(*index, strict=True)])
    of_a, of_b = (np.sqrt([vector @ vector for vector in vectors]) for vectors in (a, b))
    lengths = of_a[index[0]] * of_b[index[1]]
    return products / np.where(lengths > 0, lengths, np.nan)
