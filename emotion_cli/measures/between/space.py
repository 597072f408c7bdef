"""One layer of one model as a Gram matrix, and everything that is fitted without the other model."""

from typing import NamedTuple

import numpy as np

from emotion_cli.measures.directions import ZERO_RELATIVE_NORM

FLAT = 1e-12
"""Prompts whose variance is a smaller share than this of their squared length do not differ: nothing is defined there."""

STRENGTHS = np.logspace(-4, 2, 25)
"""Ridge strengths that cross-validation chooses from, in units of the mean eigenvalue."""


class Space(NamedTuple):
    """Inner products [prompt, prompt] about the mean prompt, with mean square 1; `zero` is the square of a zero direction."""

    gram: np.ndarray
    zero: float
    flat: bool


def space_of(gram: np.ndarray) -> Space:
    """A layer's Gram matrix [prompt, prompt], centred and scaled: directions and maps do not change by it."""
    lengths = np.sqrt(np.diag(gram))
    centred = gram - gram.mean(0) - gram.mean(1)[:, None] + gram.mean()
    scale = float(np.trace(centred)) / len(gram)
    flat = scale <= FLAT * float((lengths**2).mean())
    scale = 1.0 if flat else scale
    return Space((centred + centred.T) / (2 * scale), float((ZERO_RELATIVE_NORM * lengths.mean()) ** 2 / scale), flat)


class Spectrum(NamedTuple):
    """Eigenvalues [component], descending, and eigenvectors [prompt, component] of prompts about their labels' means."""

    values: np.ndarray
    vectors: np.ndarray


def spectrum_of(gram: np.ndarray, n_labels: int) -> Spectrum:
    """Spectrum of a Gram matrix [block x label, block x label] with each label's mean removed; its null space is left out.

    Where the prompts of a label do not differ but by rounding (they all end in one token, at layer 0), nothing is left.
    """
    n = len(gram)
    blocks = n // n_labels
    shaped = gram.reshape(blocks, n_labels, blocks, n_labels)
    centred = shaped - shaped.mean(0, keepdims=True) - shaped.mean(2, keepdims=True) + shaped.mean((0, 2), keepdims=True)
    values, vectors = np.linalg.eigh(centred.reshape(n, n))
    order = slice(None, n_labels - 1 if n_labels < n else None, -1)
    values, vectors = values[order], vectors[:, order]
    real = values > max(1e-10 * values[0], FLAT * float(np.trace(gram))) if len(values) else np.zeros(0, bool)
    return Spectrum(values[real], vectors[:, real])


def strength_of(source: Spectrum, target: np.ndarray, n: int) -> float:
    """Ridge strength by generalised cross-validation (Golub, Heath and Wahba 1979); `target` is the other model's Gram matrix.

    `n` counts the free rows: those of the source less one a label. Any will do where the source does not vary: the map is zero.
    """
    if not len(source.values):
        return 1.0
    strengths = STRENGTHS * source.values.mean()
    shrunk = strengths[:, None] / (source.values + strengths[:, None])
    explained = np.einsum("ik,ik->k", source.vectors, target @ source.vectors)
    left = n - len(source.values)
    scores = (shrunk**2 @ explained) / (shrunk.sum(1) + left) ** 2
    return float(strengths[np.argmin(scores)])


def basis_of(spectrum: Spectrum, n_labels: int, k: int) -> np.ndarray:
    """The first k principal components as weights [fitted prompt, k] of the prompts that they were fitted on."""
    vectors = spectrum.vectors[:, :k]
    shaped = vectors.reshape(len(vectors) // n_labels, n_labels, -1)
    return (shaped - shaped.mean(0)).reshape(len(vectors), -1) / np.sqrt(spectrum.values[:k])


def coordinates_of(towards: np.ndarray, spectrum: Spectrum, n_labels: int, k: int) -> np.ndarray:
    """Coordinates [prompt, k] in the principal components of fitted prompts, from inner products `towards` [prompt, fitted]."""
    return towards @ basis_of(spectrum, n_labels, k)
