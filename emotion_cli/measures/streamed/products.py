"""Inner products of label means without the noise's share, for many reweightings of the topics at once."""

from collections.abc import Iterator

import numpy as np

from emotion_cli.measures.streamed.moments import summed
from emotion_cli.measures.streamed.rows import ArrayRows, Rows

SUMS_BYTES = 2**28
"""Of the weighted sums of label's prompts that are in memory at once."""

DENSE_BYTES = 2**26
"""Of the sums by topic and label that are in memory at once."""


def label_products(
    rows: Rows, codes: np.ndarray, units: np.ndarray, counts: np.ndarray, dtype: type = np.float32
) -> Iterator[np.ndarray]:
    """U-statistics [some draws, label, label] of inner products of label means, all draws in turn; NaN where a draw has no pair.

    `codes` and `units` [prompt] number labels and what is resampled (below 0: left out); `counts` [draw, unit] say how often a
    unit is drawn. Pairs of prompts of one unit, and so of its copies, are left out. From sums by unit and label alone.
    """
    n_labels = int(codes.max()) + 1
    alike = ArrayRows(np.ones((len(codes), 1)), np.where(units < 0, units.max() + 1, units))
    step = max(1, SUMS_BYTES // (np.dtype(dtype).itemsize * n_labels * max(rows.width, n_labels)))
    for start in range(0, len(counts), step):
        # a row for each unit, so that those of a batch are gathered in one go
        drawn = np.ascontiguousarray(counts[start : start + step].T, dtype)
        pairs = _sums_over_pairs(alike, codes, units, drawn, n_labels)
        sums = _sums_over_pairs(rows, codes, units, drawn, n_labels)
        yield np.divide(sums, pairs, out=np.full_like(sums, np.nan), where=pairs > 0.5)


def _sums_over_pairs(rows: Rows, codes: np.ndarray, units: np.ndarray, drawn: np.ndarray, n_labels: int) -> np.ndarray:
    """Sums of inner products [draw, label, label] over pairs of prompts of different units; `drawn` [unit, draw]."""
    dtype, draws = drawn.dtype, drawn.shape[1]
    totals = np.zeros((n_labels, draws, rows.width), dtype)
    within = np.zeros((draws, n_labels, n_labels), dtype)
    for prompts, batch in rows.batches():
        counted = codes[prompts] >= 0
        of_batch, x = prompts[counted], batch[counted].astype(dtype)
        if not len(of_batch):
            continue
        keys, cell = np.unique(units[of_batch] * n_labels + codes[of_batch], return_inverse=True)
        sums = summed(x, cell, len(keys)).astype(dtype, copy=False)
        cell_units, labels = np.divmod(keys, n_labels)
        for label in np.unique(labels):
            members = labels == label
            totals[label] += drawn[cell_units[members]].T @ sums[members]
        _add_within(within, cell_units, labels, sums, drawn)
    products = np.matmul(totals.transpose(1, 0, 2), totals.transpose(1, 2, 0))
    return products - within


def _add_within(within: np.ndarray, units: np.ndarray, labels: np.ndarray, sums: np.ndarray, drawn: np.ndarray) -> None:
    """Add the products of what is in one unit [draw, label, label], from sums of cells [cell, width] in the order of units."""
    n_labels, width = within.shape[1], sums.shape[1]
    present, first, sizes = np.unique(units, return_index=True, return_counts=True)
    lone = np.zeros(len(units), bool)
    lone[first[sizes == 1]] = True
    squares = np.einsum("cw,cw->c", sums[lone], sums[lone])
    for label in np.unique(labels[lone]):
        members = labels[lone] == label
        within[:, label, label] += np.square(drawn[units[lone][members]]).T @ squares[members]
    shared = present[sizes > 1]
    step = max(1, DENSE_BYTES // (sums.itemsize * n_labels * max(width, n_labels)))
    place = np.searchsorted(shared, units)
    for start in range(0, len(shared), step):
        chosen = np.flatnonzero(~lone & (place >= start) & (place < start + step))
        dense = np.zeros((min(step, len(shared) - start), n_labels, width), sums.dtype)
        dense[place[chosen] - start, labels[chosen]] = sums[chosen]
        inner = np.matmul(dense, dense.transpose(0, 2, 1)).reshape(len(dense), -1)
        within += (np.square(drawn[shared[start : start + step]]).T @ inner).reshape(within.shape)


def mixed(products: np.ndarray, mixtures: np.ndarray) -> np.ndarray:
    """Products [draw, direction, direction] of mixtures [direction, label] of label means; NaN where one that counts has none."""
    is_known = np.isfinite(products)
    made = mixtures @ np.where(is_known, products, 0) @ mixtures.T
    if is_known.all():
        return made
    counts = (mixtures != 0).astype(products.dtype)
    return np.where(counts @ ~is_known @ counts.T > 0, np.nan, made)
