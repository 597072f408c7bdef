"""Subspaces of an emotion's prompts: how much a few components explain, and how far two of them overlap.

A subspace is spanned by the first k principal components of one label's prompts. `overlap` is the mean squared cosine of the
principal angles (Bjorck and Golub 1973). Bases are kept as coefficients of prompts, so everything is inner products.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from emotion_cli.measures.between.alignment import weights_of
from emotion_cli.measures.between.maps import ridge, rows_of
from emotion_cli.measures.between.space import Space, spectrum_of, strength_of
from emotion_cli.measures.directions import OTHERS
from emotion_cli.measures.inference.relabelling import Design, Thirds, as_labelled, contrast, exchanged, joined, thirds_of
from emotion_cli.measures.inference.resampling import generator

DIMENSIONS = (2, 5, 10, 20)
"""Dimensions of the sweep; those that the prompts of a label span."""

MEASURES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "subspace_overlap": lambda cosines: (cosines**2).mean(-1),
    "principal_angle_first": lambda cosines: np.degrees(np.arccos(cosines[..., 0])),
    "principal_angle_last": lambda cosines: np.degrees(np.arccos(cosines[..., -1])),
}
"""What is said of the cosines of principal angles [..., k], descending; angles are in degrees."""


class Overlap(NamedTuple):
    """A measure of one emotion's subspace (None: of all emotions' directions together); `draws` from its null."""

    emotion: str | None
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
        found += [
            Overlap(emotion, "subspace_explained", None, k, float(shares[k - 1]), noise[:, k - 1])
            for k in DIMENSIONS
            if k < n and not space.flat
        ]
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
            chance = _unrelated(k, width, dataset=dataset, seed=seed, draws=draws)
            found += _measured(emotion, None, k, products[:k, :k], chance)
    return found


def overlaps_unaligned(
    a: np.ndarray, b: np.ndarray, design: Design, emotions: Sequence[str], *, dataset: str, seed: int, draws: int
) -> list[Overlap]:
    """Overlap of an emotion's subspaces in two models of equal width, from rows a and b [prompt, d_model], as they stand.

    Null: unrelated subspaces (mean k / d_model), which is what models in different coordinates give by construction.
    """
    found: list[Overlap] = []
    width = a.shape[1]
    for emotion in emotions:
        own = design.rows[:, design.labels.index(emotion)]
        axes = [_axes(rows[own]) for rows in (a, b)]
        for k in DIMENSIONS:
            if k <= min(len(one) for one in axes):
                chance = _unrelated(k, width, dataset=dataset, seed=seed, draws=draws)
                found += _measured(emotion, None, k, axes[0][:k] @ axes[1][:k].T, chance)
    return found


def explained_directions(
    space: Space, design: Design, emotions: Sequence[str], reference: str, *, dataset: str, seed: int, draws: int
) -> list[Overlap]:
    """Share of all emotions' directions (their squared lengths) in their first k components about zero, the reference.

    Null: all labels that make the directions exchanged within blocks. For k below the number that explains all by construction.
    """
    others = reference == OTHERS
    most = len(emotions) - others
    if space.flat or most < 2:
        return []
    swapped = emotions if others else (*emotions, reference)
    trials = joined([as_labelled(design), exchanged(design, swapped, dataset=dataset, seed=seed, draws=draws)])
    weights = np.stack(
        [weights_of(contrast(design.labels, emotion, emotions, reference), trials.label, trials.kept) for emotion in emotions], 1
    )
    rows = design.rows.ravel()
    products = weights @ space.gram[np.ix_(rows, rows)] @ weights.transpose(0, 2, 1)
    values = np.maximum(np.linalg.eigvalsh(products)[:, ::-1], 0)
    total = values.sum(1, keepdims=True)
    shares = np.cumsum(values, 1) / np.where(total > space.zero, total, np.nan)
    return [Overlap(None, "directions_explained", None, k, float(shares[0, k - 1]), shares[1:, k - 1]) for k in range(1, most)]


def _unrelated(k: int, width: int, *, dataset: str, seed: int, draws: int) -> np.ndarray:
    """Inner products [draw, k, k] of orthonormal bases of unrelated subspaces."""
    rng = generator(seed, dataset, "subspaces", str(width), str(k))
    return np.linalg.qr(rng.normal(size=(draws, width, k)))[0][:, :k]


def _axes(rows: np.ndarray) -> np.ndarray:
    """First principal axes [component, d_model] of rows [prompt, d_model] that vary along them."""
    _, lengths, axes = np.linalg.svd(rows - rows.mean(0), full_matrices=False)
    return axes[: int((lengths > 1e-5 * lengths.max(initial=0)).sum())][: max(DIMENSIONS)]


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
    ridge_ = 1e-12 * np.trace(lengths, axis1=1, axis2=2)[:, None, None] / max(size, 1) * np.eye(size)
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


Found = list[tuple[int, Overlap]]
"""Overlaps by the number of their pair of layers."""


DRAWS = 100
"""Draws from the nulls of subspaces: each repeats a decomposition."""


def subspaces_of_model(
    spaces: Sequence[Space],
    design: Design,
    *,
    emotions: Sequence[str],
    reference: str,
    width: int,
    dataset: str,
    seed: int,
    draws: int,
    each: Callable,
) -> Found:
    """Explained variance, of prompts and of directions, and overlap with the other labels, at every layer of one model."""
    options = {"dataset": dataset, "seed": seed, "draws": min(DRAWS, draws)}
    found: list[list[Overlap]] = [[] for _ in spaces]

    def work(layer: int) -> None:
        space = spaces[layer]
        found[layer] = [
            *explained(space, design, emotions, width, **options),
            *overlaps_within(space, design, emotions, width, **options),
            *explained_directions(space, design, emotions, reference, **options),
        ]

    each(work, range(len(spaces)))
    return [(i, one) for i, members in enumerate(found) for one in members]


def subspaces_of_pair(
    spaces: Sequence[tuple[Space, Space]],
    design: Design,
    rows: Callable[[int], tuple[np.ndarray, np.ndarray]],
    *,
    emotions: Sequence[str],
    dataset: str,
    seed: int,
    draws: int,
    each: Callable,
) -> Found:
    """Overlap at every matched pair of layers: after alignment, and before it where `rows` of a pair have equal widths."""
    options = {"dataset": dataset, "seed": seed, "draws": min(DRAWS, draws)}
    found: list[list[Overlap]] = [[] for _ in spaces]

    def work(pair: int) -> None:
        found[pair] = overlaps_between(*spaces[pair], design, emotions, **options)
        a, b = rows(pair)
        if a.shape[1] == b.shape[1]:
            found[pair] += overlaps_unaligned(a, b, design, emotions, **options)

    each(work, range(len(spaces)))
    return [(i, one) for i, members in enumerate(found) for one in members]


def is_upper(measure: str) -> bool:
    """Whether more of a measure means more in common (small angles do)."""
    return measure not in MEASURES or measure == "subspace_overlap"
