"""First and second moments of a layer in one pass each: means, lengths, scatters."""

from typing import NamedTuple

import numpy as np

from emotion_cli.measures.streamed.rows import Rows


class Moments(NamedTuple):
    """Of a layer: lengths of rows as they are [prompt], sums of rows by label [label, width], prompts of each label [label]."""

    norms: np.ndarray
    sums: np.ndarray
    sizes: np.ndarray

    @property
    def means(self) -> np.ndarray:
        """Means by label [label, width]; NaN for a label without a prompt."""
        return self.sums / np.where(self.sizes > 0, self.sizes, np.nan)[:, None]


def moments(rows: Rows, codes: np.ndarray) -> Moments:
    """The moments of prompts with labels `codes` [prompt] (below 0: only its length counts)."""
    norms = np.empty(len(rows))
    n_labels = int(codes.max()) + 1
    sums = np.zeros((n_labels, rows.width))
    for prompts, batch in rows.batches():
        norms[prompts] = np.sqrt(np.einsum("pw,pw->p", batch, batch))
        sums += summed(batch, codes[prompts], n_labels)
    return Moments(norms, sums, np.bincount(codes[codes >= 0], minlength=n_labels))


def summed(batch: np.ndarray, codes: np.ndarray, n: int, weights: np.ndarray | None = None) -> np.ndarray:
    """Sums [n, width] of the rows of each code [row], weighted; a code below 0 counts for nothing."""
    from scipy.sparse import csr_matrix  # here, because it takes time to import

    counted = np.flatnonzero(codes >= 0)
    values = np.ones(len(counted)) if weights is None else weights[counted]
    return csr_matrix((values, (codes[counted], counted)), shape=(n, len(codes))) @ batch


def mean_of(rows: Rows, counted: np.ndarray) -> np.ndarray:
    """The mean row [width] of the prompts that count [prompt]."""
    total = np.zeros(rows.width)
    for prompts, batch in rows.batches():
        total += counted[prompts].astype(np.float64) @ batch
    return total / counted.sum()


def scatter(rows: Rows, counted: np.ndarray, mean: np.ndarray) -> np.ndarray:
    """Sum of outer products [width, width] of rows minus `mean`, of the prompts that count [prompt]."""
    total = np.zeros((rows.width, rows.width))
    for prompts, batch in rows.batches():
        centred = batch[counted[prompts]] - mean
        total += centred.T @ centred
    return total
