"""Linear maps between two models, fitted and applied on inner products only; a batch of relabellings at a time.

The map from model X to Y that ridge regression fits on rows F with an unpenalised mean for each label is
`map(v) = alpha Y_F`, where `alpha` solves the dual problem for the inner products `g = v X_F'`:

    (K + strength) alpha + Z b = g,   Z' alpha = 0,   K = X_F X_F',   Z the labels of the rows

A relabelling changes Z, and which rows are left out because they are the emotion that is to be carried. With the inverse
of K + strength for ALL rows of F at hand, leaving out m rows costs a system of m equations: one factorisation a split
serves every emotion, every relabelling and every group of topics that the jackknife leaves out.
"""

from typing import NamedTuple

import numpy as np


class Rows(NamedTuple):
    """Which rows of F a batch of maps is fitted on.

    labels [draw, label, row] is 1 where a row counts for a label, all zero for rows left out; out [draw, m] are the rows left
    out and inn [draw, m'] those used, both filled up with the number of rows where there are fewer.
    """

    labels: np.ndarray
    out: np.ndarray
    inn: np.ndarray

    @property
    def used(self) -> np.ndarray:
        """Which rows are used [draw, row], 1 or 0."""
        return self.labels.sum(1)


def rows_of(labels: np.ndarray) -> Rows:
    """The rows of a batch from its labels [draw, label, row]."""
    used = np.asarray(labels.any(1))
    return Rows(labels, _padded(~used), _padded(used))


def _padded(mask: np.ndarray) -> np.ndarray:
    """Positions where mask [draw, row] is true [draw, most], then the number of rows."""
    most = int(mask.sum(1).max(initial=0))
    order = np.argsort(~mask, axis=1, kind="stable")[:, :most]
    return np.where(np.take_along_axis(mask, order, 1), order, mask.shape[1])


def ridge(gram: np.ndarray, inverse: np.ndarray, strength: float, towards: np.ndarray, rows: Rows) -> np.ndarray:
    """Dual coefficients alpha [draw, row] for `towards` = v X_F' [draw, row].

    `gram` [row, row] is K, `inverse` that of K + strength. The smaller of two equivalent systems is solved: over the rows
    used, or over the rows left out.
    """
    if rows.inn.shape[1] <= rows.out.shape[1]:
        return _over_rows_used(gram, strength, towards, rows)
    return _over_rows_left_out(inverse, towards, rows)


def _over_rows_used(gram: np.ndarray, strength: float, towards: np.ndarray, rows: Rows) -> np.ndarray:
    draws, n = towards.shape
    used = rows.inn
    system = _bordered(gram)[used[:, :, None], used[:, None, :]]
    system[:, np.arange(used.shape[1]), np.arange(used.shape[1])] += np.where(used < n, strength, 1.0)
    right = np.concatenate([towards[:, None], rows.labels], 1) * rows.used[:, None]
    right = np.take_along_axis(_widened(right), used[:, None], 2)
    solved = np.linalg.solve(system, right.transpose(0, 2, 1))
    cross = right[:, 1:] @ solved
    weights = _without_means(cross)
    alpha = np.zeros((draws, n + 1))
    np.put_along_axis(alpha, used, (solved @ weights)[..., 0], 1)
    return alpha[:, :n]


def _over_rows_left_out(inverse: np.ndarray, towards: np.ndarray, rows: Rows) -> np.ndarray:
    draws, n = towards.shape
    used, out = rows.used, rows.out
    right = np.concatenate([(towards * used)[:, None], rows.labels], 1)
    reached = (right.reshape(-1, n) @ inverse).reshape(right.shape)
    at_out = np.take_along_axis(_widened(reached), out[:, None], 2)
    system = _bordered(inverse)[out[:, :, None], out[:, None, :]]
    system[:, np.arange(out.shape[1]), np.arange(out.shape[1])] += out == n
    solved = np.linalg.solve(system, at_out.transpose(0, 2, 1))
    cross = rows.labels @ reached.transpose(0, 2, 1) - at_out[:, 1:] @ solved
    weights = _without_means(cross)
    back = np.zeros((draws, n + 1))
    np.put_along_axis(back, out, (solved @ weights)[..., 0], 1)
    return ((weights.transpose(0, 2, 1) @ reached)[:, 0] - back[:, :n] @ inverse) * used


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
