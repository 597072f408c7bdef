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
    roots = _roots(np.einsum("kp,kl->pkl", sizes, np.eye(3)) - exchanged.shared).transpose(1, 2, 0) / sizes[:, None]
    # of labels [class, label, pair]: the spread of a class's composition is that of labels within groups
    spread = (roots * sizes[:, None]) / np.sqrt(np.maximum(exchanged.free, 1))

    def inner(left: np.ndarray, right: np.ndarray) -> np.ndarray:
        return (left @ right.T)[trio[:, None], trio[None]]

    by_effects, by_offsets, crossed = inner(effects, effects), inner(offsets, offsets), inner(offsets, effects)
    rng = sampling.generator("normal limit")
    single = effects.astype(np.float32), offsets.astype(np.float32)
    drawn = []
    for start in range(0, sampling.draws, CHUNK):
        n = min(CHUNK, sampling.draws - start)
        noise = rng.standard_normal((n, len(pool.sizes), len(scale)), np.float32) * scale
        labels = rng.standard_normal((n, len(pool.sizes), len(pool.sizes)), np.float32)
        among, to_effects, to_offsets = (
            np.matmul(noise, other)[:, trio[:, None], trio[None]]
            for other in (noise.transpose(0, 2, 1), *(part.T for part in single))
        )
        composition = shares + np.einsum("ikp,dkmp,lmp->dilp", roots, labels[:, trio[:, None], trio[None]], spread, optimize=True)
        # a permuted class's mean is noise, what its topics add, and its composition of labels
        weights = [side - roots[2] for side in (roots[0], roots[1])]
        mixed = [composition[:, side] - composition[:, 2] for side in (0, 1)]

        def product(
            i: int,
            j: int,
            weights: Sequence[np.ndarray] = weights,
            mixed: Sequence[np.ndarray] = mixed,
            among: np.ndarray = among,
            to_effects: np.ndarray = to_effects,
            to_offsets: np.ndarray = to_offsets,
        ) -> np.ndarray:
            total = np.einsum("kp,dklp,lp->dp", weights[i], among, weights[j], optimize=True)
            total += np.einsum("dkp,klp,dlp->dp", mixed[i], by_effects, mixed[j], optimize=True)
            total += by_offsets[i, j] - by_offsets[i, 2] - by_offsets[2, j] + by_offsets[2, 2]
            for a, b in ((i, j), (j, i)):
                total += np.einsum("kp,dklp,dlp->dp", weights[a], to_effects, mixed[b], optimize=True)
                total += np.einsum("kp,dkp->dp", weights[a], to_offsets[:, :, b] - to_offsets[:, :, 2])
                total += np.einsum("lp,dlp->dp", crossed[a] - crossed[2], mixed[b])
            return total

        drawn.append((product(0, 1) / np.sqrt(product(0, 0) * product(1, 1))).astype(np.float32))
    return np.concatenate(drawn)


def _roots(matrices: np.ndarray) -> np.ndarray:
    """Square roots [matrix, row, column] of symmetric matrices without negative eigenvalues but for rounding."""
    values, vectors = np.linalg.eigh(matrices)
    return (vectors * np.sqrt(np.maximum(values, 0))[:, None]) @ vectors.transpose(0, 2, 1)
