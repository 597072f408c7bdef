"""Is a direction the same on two halves of the topics?"""

from collections.abc import Callable, Iterable, Sequence

import numpy as np

from emotion_cli.measures.gram import Gram
from emotion_cli.measures.inference.auroc import CHUNK as MEMORY
from emotion_cli.measures.inference.draws import Contrast
from emotion_cli.measures.within.curves import Curves

CHUNK = 2**18
"""Inner products of pairs of topics at once: those of a few draws stay near the processor, and serve every layer."""

Products = Callable[[slice, tuple[np.ndarray, np.ndarray]], Iterable[tuple[np.ndarray, np.ndarray]]]
"""Of some draws, at each layer: inner products [draw, pair] of blocks' contributions, and squares [draw, block]."""


def split_half(contrast: Contrast, grams: Sequence[Gram]) -> Curves:
    """Cosine of the directions of two random halves of the topics: mean over splits, then Spearman-Brown where positive.

    With p and q the sums over the halves, inner products follow from |p + q|^2, |p - q|^2 and (p + q)(p - q); the second is a
    matrix product of pairs of topics with pairs of signs, for all draws and splits together.
    """
    draws = contrast.draws
    weights = contrast.everyone
    values = np.full((len(grams), len(draws.permuted)), np.nan)
    if weights is None or len(draws.halves[0]) < 2:
        return Curves(values, draws.n_units)
    upper = np.triu_indices(len(draws.halves[0]), 1)
    # single precision will do for this one product: its terms are of one size, and 5,000 of them are summed
    signs = (draws.halves[:, upper[0]] * draws.halves[:, upper[1]]).T.astype(np.float32)
    memberships = (draws.blocks[:, None] == np.arange(len(draws.halves[0]))).astype(np.float64)
    products = _complete_products(contrast, grams) if draws.complete else _products(contrast, grams, weights)
    step = max(1, CHUNK // len(signs))
    for start in range(0, len(weights), step):
        chunk = slice(start, start + step)
        for i, (pairs, squares) in enumerate(products(chunk, upper)):
            towards = (weights[chunk] @ grams[i].inner) * weights[chunk]
            by_block = towards @ memberships
            total = by_block.sum(1)[:, None]
            difference = squares.sum(1)[:, None] + 2 * (pairs @ signs).astype(np.float64)
            cross = by_block @ draws.halves.T
            first, second = total + 2 * cross + difference, total - 2 * cross + difference
            zero = 4 * grams[i].zero_length(~contrast.is_emotion[0]) ** 2
            is_defined = (first > zero) & (second > zero)
            lengths = np.sqrt(np.where(is_defined, first, 1) * np.where(is_defined, second, 1))
            cosines = np.where(is_defined, (total - difference) / lengths, np.nan)
            values[i, chunk] = cosines.mean(1)
    # a direction that is zero has no halves: means over layers leave it out, as those of cosines do
    is_zero = np.array([contrast.is_zero(gram) for gram in grams])
    return Curves(spearman_brown(values), draws.n_units, is_zero=is_zero, **contrast.test._asdict())


def spearman_brown(r: np.ndarray) -> np.ndarray:
    """Reliability of the whole from that of halves, 2r / (1 + r), where r is positive; r elsewhere."""
    return np.where(r > 0, 2 * r / (1 + np.abs(r)), r)


def _complete_products(contrast: Contrast, grams: Sequence[Gram]) -> Products:
    """Inner products of topics' contributions where each topic has each label once: which prompt has the emotion decides all."""
    draws = contrast.draws
    n_labels = len(draws.names)
    table = np.argsort(draws.blocks, kind="stable").reshape(-1, n_labels)
    n_topics = len(table)
    choice = contrast.is_emotion[:, table].argmax(2)
    place = np.arange(n_topics) * n_labels + choice
    alternatives = np.zeros((n_topics * n_labels, len(draws.codes)))
    alternatives[np.arange(len(alternatives))[:, None], np.repeat(table, n_labels, axis=0)] = -1 / (n_labels - 1)
    alternatives[np.arange(len(alternatives)), table.reshape(-1)] = 1
    alternatives /= n_topics
    tables = [alternatives @ gram.inner @ alternatives.T for gram in grams]
    if n_labels == 2:
        return _swapped_products(choice, tables)
    width = len(alternatives)
    diagonals, singles = [np.diag(inner) for inner in tables], [inner.astype(np.float32).reshape(-1) for inner in tables]

    def products(chunk: slice, upper: tuple[np.ndarray, np.ndarray]):
        places = place[chunk]
        flat = places[:, upper[0]] * width + places[:, upper[1]]
        return ((single.take(flat), diagonal[places]) for single, diagonal in zip(singles, diagonals, strict=True))

    return products


def _swapped_products(choice: np.ndarray, tables: Sequence[np.ndarray]) -> Products:
    """The same of two labels: where a topic's two prompts change places its contribution changes sign, in every layer."""
    signs = (1 - 2 * choice).astype(np.float32)
    as_they_are = [inner[::2, ::2] for inner in tables]

    def products(chunk: slice, upper: tuple[np.ndarray, np.ndarray]):
        changes = signs[chunk][:, upper[0]] * signs[chunk][:, upper[1]]
        for inner in as_they_are:
            yield changes * inner[upper].astype(np.float32), np.broadcast_to(np.diag(inner), (len(changes), len(inner)))

    return products


def _products(contrast: Contrast, grams: Sequence[Gram], weights: np.ndarray) -> Products:
    """Inner products of blocks' contributions in general: each block adds its weighted prompts to the direction."""
    blocks = contrast.draws.blocks
    order = np.argsort(blocks, kind="stable")
    starts = np.searchsorted(blocks[order], np.arange(blocks.max() + 1))

    def products(chunk: slice, upper: tuple[np.ndarray, np.ndarray]):
        ordered = weights[chunk][:, order]
        step = max(1, MEMORY // len(order) ** 2)
        for gram in grams:
            inner = gram.inner[np.ix_(order, order)]
            pieces = []
            for start in range(0, len(ordered), step):
                part = ordered[start : start + step]
                full = part[:, :, None] * inner * part[:, None, :]
                pieces.append(np.add.reduceat(np.add.reduceat(full, starts, axis=1), starts, axis=2))
            by_block = np.concatenate(pieces)
            yield by_block[:, upper[0], upper[1]].astype(np.float32), np.diagonal(by_block, axis1=1, axis2=2)

    return products
