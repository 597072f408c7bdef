"""Cosines of directions whose labels are permuted: from sums of the permuted classes, or in the limit of many prompts."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from emotion_cli.measures.inference.sampling import Sampling
from emotion_cli.measures.streamed.rows import Rows
from emotion_cli.measures.streamed.scatter import Pool

CHUNK = 50
"""Draws that are in memory at once, for all pairs."""


def class_sums(rows: Rows, places: np.ndarray, permuted: np.ndarray, n_classes: int) -> np.ndarray:
    """Sums of rows by permuted class [class, draw, width].

    `places` [prompt] are columns of `permuted` [draw, column], the class of each in each draw; below 0: left out.
    """
    sums = np.zeros((n_classes, len(permuted), rows.width))
    for prompts, batch in rows.batches():
        counted = places[prompts] >= 0
        x, classes = batch[counted], permuted[:, places[prompts][counted]]
        for number in range(n_classes - 1):
            sums[number] += (classes == number) @ x
        # what is in no other class is in the last
        sums[-1] += x.sum(0)
    sums[-1] -= sums[:-1].sum(0)
    return sums


def cosines_of(products: np.ndarray, zeros: np.ndarray) -> np.ndarray:
    """Cosines [draw, pair] of all pairs i < j of directions, from their products [draw, direction, direction].

    NaN where a squared length is not above that of a zero direction, `zeros` [direction].
    """
    first, second = np.triu_indices(products.shape[1], 1)
    squares = np.diagonal(products, axis1=1, axis2=2)
    lengths = np.sqrt(np.where(squares > zeros, squares, np.nan))
    return products[:, first, second] / (lengths[:, first] * lengths[:, second])


class Exchanged(NamedTuple):
    """How labels change places within topics: of some pairs, the three labels that make each [3, pair].

    `shared` [pair, 3, 3] is the sum over groups of n_k n_l / n, for n prompts of which so many have the labels k and l: what a
    class has of a label under permutation, times the class's size. `free` [pair] counts prompts less groups.
    """

    labels: np.ndarray
    shared: np.ndarray
    free: np.ndarray


def normal_cosines_of_all(pool: Pool, mixtures: np.ndarray, sampling: Sampling) -> np.ndarray:
    """Cosines [draw, pair] of mixtures [direction, label] of means of permuted classes, all labels of the pool permuted.

    Sums of permuted classes are normal in the limit; their moments follow from sums by topic and the scatter within topics. The
    same normal numbers serve every layer's components by rank, so means over layers have a null that is a little wide.
    """
    values, vectors = np.linalg.eigh(pool.within)
    scale = np.sqrt(np.maximum(values[::-1], 0)).astype(np.float32)
    weights = mixtures / pool.sizes
    root = (weights @ _roots(pool.exchange[None])[0]).astype(np.float32)
    offset = (mixtures @ pool.expected @ vectors[:, ::-1]).astype(np.float32)
    rng = sampling.generator("normal limit")
    drawn = []
    for start in range(0, sampling.draws, CHUNK):
        n = min(CHUNK, sampling.draws - start)
        directions = np.matmul(root, rng.standard_normal((n, len(pool.sizes), len(scale)), np.float32) * scale) + offset
        drawn.append(cosines_of(np.matmul(directions, directions.transpose(0, 2, 1)), np.zeros(len(mixtures))))
    return np.concatenate(drawn)


def normal_cosines(pool: Pool, exchanged: Exchanged, sampling: Sampling) -> np.ndarray:
    """Cosines [draw, pair] of two emotions against a reference, the labels of each pair and its reference permuted.

    What the labels' own effects add to a permuted class is each pair's; noise, and what topics do to a label that not all of
    them have, is pooled over all labels.
    """
    values, vectors = np.linalg.eigh(pool.noise)
    scale = np.sqrt(np.maximum(values[::-1], 0)).astype(np.float32)
    effects, offsets = (part @ vectors[:, ::-1] for part in (pool.effects, pool.offsets))
    trio, sizes = exchanged.labels, pool.sizes[exchanged.labels]
    shares = exchanged.shared.transpose(1, 2, 0) / sizes[:, None]
    roots = _roots(np.einsum("kp,kl->pkl", sizes, np.eye(3)) - exchanged.shared).transpose(1, 2, 0)
    # the spread of what a class has of each label is that of labels within groups
    spread = (roots / np.sqrt(np.maximum(exchanged.free, 1))).astype(np.float32)
    # of a direction, a class less the reference: weights of noise, expected shares of labels, effects of topics [3, pair] each
    weights, expected = (
        [(table[side] - table[2]).astype(np.float32) for side in (0, 1)] for table in (roots / sizes[:, None], shares)
    )
    of_effects, of_topics, crossed = (
        _gathered((left @ right.T)[None].astype(np.float32), trio)
        for left, right in ((effects, effects), (offsets, offsets), (offsets, effects))
    )
    single = effects.T.astype(np.float32), offsets.T.astype(np.float32)
    rng = sampling.generator("normal limit")
    drawn = []
    for start in range(0, sampling.draws, CHUNK):
        n = min(CHUNK, sampling.draws - start)
        noise = rng.standard_normal((n, len(pool.sizes), len(scale)), np.float32) * scale
        labels = _gathered(rng.standard_normal((n, len(pool.sizes), len(pool.sizes)), np.float32), trio)
        among = _gathered(np.matmul(noise, noise.transpose(0, 2, 1)), trio)
        to_effects, to_topics = (_gathered(np.matmul(noise, other), trio) for other in single)
        composed = [[_along(labels[k], spread[label]) for label in range(3)] for k in range(3)]
        mixed = [
            [expected[i][label] + _along([composed[k][label] for k in range(3)], weights[i]) for label in range(3)]
            for i in (0, 1)
        ]
        squares_and_product = []
        for i, j in ((0, 0), (1, 1), (0, 1)):
            total = _between(weights[i], among, weights[j]) + _between(mixed[i], of_effects, mixed[j])
            total += of_topics[i][j] - of_topics[i][2] - of_topics[2][j] + of_topics[2][2]
            for a, b in ((i, j), (j, i)):
                total += _between(weights[a], to_effects, mixed[b])
                total += _along([row[b] - row[2] for row in to_topics], weights[a])
                total += _along(mixed[b], [crossed[a][label] - crossed[2][label] for label in range(3)])
            squares_and_product.append(total)
        square_a, square_b, product = squares_and_product
        drawn.append(product / np.sqrt(square_a * square_b))
    return np.concatenate(drawn)


Table = Sequence[Sequence[np.ndarray]]
"""Values [draw, pair] for each two of a pair's three labels."""


def _gathered(values: np.ndarray, trio: np.ndarray) -> Table:
    """Values [draw, label, label] of each two labels of each pair; `trio` [3, pair]."""
    return [[values[:, k, label] for label in trio] for k in trio]


def _along(values: Sequence[np.ndarray], weights: Sequence[np.ndarray] | np.ndarray) -> np.ndarray:
    return values[0] * weights[0] + values[1] * weights[1] + values[2] * weights[2]


def _between(left: Sequence[np.ndarray], table: Table, right: Sequence[np.ndarray]) -> np.ndarray:
    return _along([_along(row, right) for row in table], left)


def _roots(matrices: np.ndarray) -> np.ndarray:
    """Square roots [matrix, row, column] of symmetric matrices without negative eigenvalues but for rounding."""
    values, vectors = np.linalg.eigh(matrices)
    return (vectors * np.sqrt(np.maximum(values, 0))[:, None]) @ vectors.transpose(0, 2, 1)
