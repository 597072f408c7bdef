"""Subspaces of an emotion's prompts: how much a few components explain, and how far two of them overlap.

A subspace is spanned by the first k principal components of one label's prompts. `overlap` is the mean squared cosine of the
principal angles (Bjorck and Golub 1973). Bases are kept as coefficients of prompts, so everything is inner products.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from emotion_cli.measures.between.design import Design, Thirds, as_labelled, thirds_of
from emotion_cli.measures.between.maps import ridge, rows_of
from emotion_cli.measures.between.space import Space, spectrum_of, strength_of
from emotion_cli.measures.resampling import generator

DIMENSIONS = (2, 5, 10, 20)
"""Dimensions of the sweep; those that the prompts of a label span."""

MEASURES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "subspace_overlap": lambda cosines: (cosines**2).mean(-1),
    "principal_angle_first": lambda cosines: np.degrees(np.arccos(cosines[..., 0])),
    "principal_angle_last": lambda cosines: np.degrees(np.arccos(cosines[..., -1])),
}
"""What is said of the cosines of principal angles [..., k], descending; angles are in degrees."""


class Overlap(NamedTuple):
    """A measure of one emotion's subspace; `draws` from its null."""

    emotion: str
    measure: str
    direction: str | None
    k: int
    value: float
    draws: np.ndarray


def explained(
    space: Space, design: Design, emotions: Sequence[str], width: int, *, dataset: str, seed: int, draws: int
) -> list[Overlap]:
    """Share of the variance of an emotion's prompts in their first k components; null: the same number of normal prompts."""
    found = []
    n = len(design.rows)
    rng = generator(seed, dataset, "isotropic", str(width))
    noise = np.array([_shares(rows @ rows.T) for rows in rng.normal(size=(draws, n, width))])
    for emotion in emotions:
        rows = design.rows[:, design.labels.index(emotion)]
        shares = _shares(space.gram[np.ix_(rows, rows)])
        found += [Overlap(emotion, "subspace_explained", None, k, float(shares[k - 1]), noise[:, k - 1])
                  for k in DIMENSIONS if k < n and not space.flat]  # fmt: skip
    return found


def overlaps_within(
    space: Space, design: Design, emotions: Sequence[str], width: int, *, dataset: str, seed: int, draws: int
) -> list[Overlap]:
    """Overlap of an emotion's subspace with that of all other labels' prompts; null: unrelated subspaces (mean k / width)."""
    found: list[Overlap] = []
    for emotion in emotions:
        if space.flat:
            continue
        column = design.labels.index(emotion)
        own, rest = design.rows[:, column], np.delete(design.rows, column, 1).ravel()
        a = _basis(space.gram[np.ix_(own, own)], 1, max(DIMENSIONS))
        b = _basis(space.gram[np.ix_(rest, rest)], len(design.labels) - 1, max(DIMENSIONS))
        products = a.T @ space.gram[np.ix_(own, rest)] @ b
        for k in DIMENSIONS:
            if k > min(products.shape) or k > width:
                continue
            rng = generator(seed, dataset, "subspaces", str(width), str(k))
            turns = np.linalg.qr(rng.normal(size=(draws, width, k)))[0][:, :k]
            found += _measured(emotion, None, k, products[:k, :k], turns)
    return found


def overlaps_between(
    a: Space, b: Space, design: Design, emotions: Sequence[str], *, dataset: str, seed: int, draws: int, splits: int = 5
) -> list[Overlap]:
    """Overlap of one model's subspace, carried by ridge, with the other's; null: the fit's prompts paired at random.

    The map is fitted on topics F without the emotion, the bases come from topics A and B. Carried bases are orthonormalised
    before angles are taken; random pairings stay within a label.
    """
    if a.flat or b.flat:
        return []
    sums: dict[tuple[str, str, int, str], np.ndarray] = {}
    chosen = thirds_of(design, dataset=dataset, seed=seed)[:splits]
    for number, split in enumerate(chosen):
        for direction, source, target in (("a_to_b", a, b), ("b_to_a", b, a)):
            for emotion in emotions:
                rng = generator(seed, dataset, "pairings", str(number))
                cosines = _carried(source, target, design, split, emotion, draws, rng)
                for k in DIMENSIONS:
                    if k > cosines.shape[1]:
                        continue
                    angles = np.clip(np.linalg.svd(cosines[:, :k, :k], compute_uv=False), 0, 1)
                    for measure, of in MEASURES.items():
                        total = sums.setdefault((emotion, direction, k, measure), np.zeros(draws + 1))
                        total += of(angles) / len(chosen)
    return [
        Overlap(emotion, measure, direction, k, float(values[0]), values[1:])
        for (emotion, direction, k, measure), values in sums.items()
    ]


def _carried(
    source: Space, target: Space, design: Design, split: Thirds, emotion: str, draws: int, rng: np.random.Generator
) -> np.ndarray:
    """Inner products [1 + draw, k, k] of the carried basis with the target's; the first is with prompts paired as they are."""
    column, n = design.labels.index(emotion), len(design.labels)
    fit = design.rows[split.fit].ravel()
    own, other = design.rows[split.source, column], design.rows[split.target, column]
    basis = _basis(source.gram[np.ix_(own, own)], 1, max(DIMENSIONS))
    theirs = _basis(target.gram[np.ix_(other, other)], 1, max(DIMENSIONS))
    size = min(basis.shape[1], theirs.shape[1])
    label = as_labelled(design).label[0][split.fit].ravel()
    marks = np.array([label == i for i in range(n) if i != column], float)
    rows = rows_of(np.repeat(marks[None], size, 0))
    gram = source.gram[np.ix_(fit, fit)]
    strength = strength_of(spectrum_of(gram, n), target.gram[np.ix_(fit, fit)], len(fit) - n)
    towards = basis[:, :size].T @ source.gram[np.ix_(own, fit)]
    alpha = ridge(gram, np.linalg.inv(gram + strength * np.eye(len(fit))), strength, towards, rows)
    places = np.tile(np.arange(len(fit)).reshape(-1, n), (draws + 1, 1, 1))
    places[1:] = rng.permuted(places[1:], axis=1)
    paired = np.zeros((draws + 1, size, len(fit)))
    np.put_along_axis(paired, np.repeat(places.reshape(draws + 1, 1, -1), size, 1), np.repeat(alpha[None], draws + 1, 0), 2)
    lengths = paired @ target.gram[np.ix_(fit, fit)] @ paired.transpose(0, 2, 1)
    ridge_ = 1e-12 * np.trace(lengths, axis1=1, axis2=2)[:, None, None] / size * np.eye(size)
    lower = np.linalg.cholesky(lengths + ridge_)
    return np.linalg.solve(lower, paired @ target.gram[np.ix_(fit, other)] @ theirs[:, :size])


def _measured(emotion: str, direction: str | None, k: int, products: np.ndarray, random: np.ndarray) -> list[Overlap]:
    cosines, chance = (np.clip(np.linalg.svd(m, compute_uv=False), 0, 1) for m in (products, random))
    return [Overlap(emotion, measure, direction, k, float(of(cosines)), of(chance)) for measure, of in MEASURES.items()]


def _shares(gram: np.ndarray) -> np.ndarray:
    """Cumulative shares [component] of variance about the mean."""
    values = spectrum_of(gram, 1).values
    shares = np.cumsum(values) / values.sum()
    return np.pad(shares, (0, len(gram) - len(shares)), constant_values=1.0)


def _basis(gram: np.ndarray, n_labels: int, k: int) -> np.ndarray:
    """Coefficients [prompt, k] of an orthonormal basis of the first k components, label means removed."""
    spectrum = spectrum_of(gram, n_labels)
    vectors = spectrum.vectors[:, :k] / np.sqrt(spectrum.values[:k])
    shaped = vectors.reshape(len(gram) // n_labels, n_labels, -1)
    return (shaped - shaped.mean(0)).reshape(len(gram), -1)
