"""Linear maps between two models, fitted and applied on inner products only; a batch of relabellings at a time.

The map from model X to Y that ridge regression fits on rows F with an unpenalised mean for each label is
`map(v) = alpha Y_F`, where `alpha` solves the dual problem for the inner products `g = v X_F'`:

    (K + strength) alpha + Z b = g,   Z' alpha = 0,   K = X_F X_F',   Z the labels of the rows

A relabelling changes Z, and which rows are left out. Rows that no draw uses, those of the emotion that is to be carried, are left
out once; with the inverse of K + strength for all others at hand, leaving out m rows costs a system of m equations. So one
factorisation a split and emotion serves every relabelling and every group of topics that the jackknife leaves out.
"""

from typing import NamedTuple

import numpy as np


class Rows(NamedTuple):
    """Which rows of F a batch of maps is fitted on.

    labels [draw, label, row] is 1 where a row counts for a label, all zero for rows left out; common [row] tells which rows any
    draw uses; out [draw, m] are the places among these of the rows left out, filled up with their number where there are fewer.
    """

    labels: np.ndarray
    common: np.ndarray
    out: np.ndarray

    @property
    def used(self) -> np.ndarray:
        """Which rows are used [draw, row], 1 or 0."""
        return self.labels.sum(1)


def rows_of(labels: np.ndarray) -> Rows:
    """The rows of a batch from its labels [draw, label, row]."""
    used = np.asarray(labels.any(1))
    common = np.flatnonzero(used.any(0))
    return Rows(labels, common, _padded(~used[:, common]))


def _padded(mask: np.ndarray) -> np.ndarray:
    """Positions where mask [draw, row] is true [draw, most], then the number of rows."""
    most = int(mask.sum(1).max(initial=0))
    order = np.argsort(~mask, axis=1, kind="stable")[:, :most]
    return np.where(np.take_along_axis(mask, order, 1), order, mask.shape[1])


def ridge(gram: np.ndarray, strength: float, towards: np.ndarray, rows: Rows) -> np.ndarray:
    """Dual coefficients alpha [draw, row] for `towards` = v X_F' [draw, row]; `gram` [row, row] is K."""
    common, out = rows.common, rows.out
    n = len(common)
    labels = rows.labels[:, :, common]
    used = labels.sum(1)
    inverse = np.linalg.inv(gram[np.ix_(common, common)] + strength * np.eye(n))
    right = np.concatenate([(towards[:, common] * used)[:, None], labels], 1)
    reached = (right.reshape(len(right) * right.shape[1], n) @ inverse).reshape(right.shape)
    at_out = np.take_along_axis(_widened(reached), out[:, None], 2)
    system = _bordered(inverse)[out[:, :, None], out[:, None, :]]
    system[:, np.arange(out.shape[1]), np.arange(out.shape[1])] += out == n
    solved = np.linalg.solve(system, at_out.transpose(0, 2, 1))
    cross = labels @ reached.transpose(0, 2, 1) - at_out[:, 1:] @ solved
    weights = _without_means(cross)
    back = np.zeros((len(towards), n + 1))
    np.put_along_axis(back, out, (solved @ weights)[..., 0], 1)
    alpha = np.zeros_like(towards)
    alpha[:, common] = ((weights.transpose(0, 2, 1) @ reached)[:, 0] - back[:, :n] @ inverse) * used
    return alpha


def _without_means(cross: np.ndarray) -> np.ndarray:
    """Weights [draw, 1 + label, 1] that make a solution orthogonal to the labels, from its products [draw, label, 1 + label]."""
    # a label without rows left gives no equation; a one on the diagonal keeps its mean at zero
    inner = cross[:, :, 1:] + np.eye(cross.shape[1]) * (np.abs(cross[:, :, 1:]).sum(2) == 0)[:, :, None]
    means = np.linalg.solve(inner, cross[:, :, :1])
    return np.concatenate([np.ones((len(cross), 1, 1)), -means], 1)


def _bordered(matrix: np.ndarray) -> np.ndarray:
    return np.pad(matrix, (0, 1))


def _widened(rows: np.ndarray) -> np.ndarray:
    return np.pad(rows, ((0, 0), (0, 0), (0, 1)))


def cross_products(a: np.ndarray, b: np.ndarray, rows: Rows) -> np.ndarray:
    """Products a'b [draw, k, k] of coordinates [row, k] of the rows used, each label's mean removed first."""
    k = a.shape[1]
    products = (a[:, :, None] * b[:, None, :]).reshape(len(a), -1)
    total = (rows.used @ products).reshape(-1, k, k)
    counts = np.maximum(rows.labels.sum(2), 1)
    sums_a, sums_b = rows.labels @ a, rows.labels @ b
    return total - (sums_a / counts[:, :, None]).transpose(0, 2, 1) @ sums_b


def rotations(a: np.ndarray, b: np.ndarray, rows: Rows) -> np.ndarray:
    """Orthogonal maps [draw, k, k] from coordinates a to b [row, k] (Schonemann 1966), each label's mean removed first."""
    left, _, right = np.linalg.svd(cross_products(a, b, rows))
    return left @ right
