"""Subspaces of an emotion's prompts: how much a few components explain, and how far two of them overlap.

A subspace is spanned by the first k principal components of one label's prompts. `overlap` is the mean squared cosine of the
principal angles (Bjorck and Golub 1973). Bases are kept as coefficients of prompts, so everything is inner products.
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from emotion_cli.measures.between.maps import ridge, rows_of
from emotion_cli.measures.between.result import MAPPINGS, Each, Result
from emotion_cli.measures.between.space import Space, spectrum_of, strength_of
from emotion_cli.measures.inference.relabelling import Design, Thirds, as_labelled, exchanged, joined, thirds_of
from emotion_cli.measures.inference.sampling import Sampling
from emotion_cli.measures.inference.statistic import Sampled, Tail
from emotion_cli.measures.labels import OTHERS
from emotion_cli.measures.measure import Measure

DIMENSIONS = (2, 5, 10, 20)
"""Dimensions of the sweep; those that the prompts of a label span."""

DRAWS = 100
"""Most draws from the nulls of subspaces: each repeats a decomposition."""

N_SPLITS = 5
"""Of the divisions of the topics into thirds."""

MEASURES = (
    Measure("subspace_overlap", Tail.UPPER, lambda cosines: (cosines**2).mean(-1)),
    Measure("principal_angle_first", Tail.LOWER, lambda cosines: np.degrees(np.arccos(cosines[..., 0]))),
    Measure("principal_angle_last", Tail.LOWER, lambda cosines: np.degrees(np.arccos(cosines[..., -1]))),
)
"""Summaries of the cosines of principal angles [..., k], descending; angles are in degrees, and small ones mean overlap."""


def explained(space: Space, design: Design, width: int, sampling: Sampling) -> list[Result]:
    """Share of the variance of an emotion's prompts in their first k components; null: the same number of normal prompts."""
    n = len(design.rows)
    rng = sampling.generator("isotropic", str(width))
    noise = np.array([_shares(rows @ rows.T) for rows in rng.normal(size=(sampling.draws, n, width))])
    results = []
    for emotion in design.emotions:
        rows = design.rows[:, design.column(emotion)]
        shares = _shares(space.gram[np.ix_(rows, rows)])
        results += [
            Result(0, "subspace_explained", Sampled(float(shares[k - 1]), noise[:, k - 1]), emotion, k=k)
            for k in DIMENSIONS
            if k < n and not space.flat
        ]
    return results


def overlaps_within(space: Space, design: Design, width: int, sampling: Sampling) -> list[Result]:
    """Overlap of an emotion's subspace with that of all other labels' prompts; null: unrelated subspaces (mean k / width)."""
    results: list[Result] = []
    for emotion in design.emotions:
        if space.flat:
            continue
        column = design.column(emotion)
        rows, other_rows = design.rows[:, column], np.delete(design.rows, column, 1).ravel()
        a = _basis(space.gram[np.ix_(rows, rows)], 1, max(DIMENSIONS))
        b = _basis(space.gram[np.ix_(other_rows, other_rows)], len(design.labels) - 1, max(DIMENSIONS))
        products = a.T @ space.gram[np.ix_(rows, other_rows)] @ b
        spanned = [k for k in DIMENSIONS if k <= min(*products.shape, width)]
        results += _beside_unrelated(emotion, {k: products[:k, :k] for k in spanned}, width, sampling)
    return results


def overlaps_unaligned(a: np.ndarray, b: np.ndarray, design: Design, sampling: Sampling) -> list[Result]:
    """Overlap of an emotion's subspaces in two models of equal width, from rows a and b [prompt, d_model], as they stand.

    Null: unrelated subspaces (mean k / d_model), which is what models in different coordinates give by construction.
    """
    results: list[Result] = []
    for emotion in design.emotions:
        rows = design.rows[:, design.column(emotion)]
        axes_a, axes_b = _axes(a[rows]), _axes(b[rows])
        spanned = [k for k in DIMENSIONS if k <= min(len(axes_a), len(axes_b))]
        products = {k: axes_a[:k] @ axes_b[:k].T for k in spanned}
        results += _beside_unrelated(emotion, products, a.shape[1], sampling)
    return results


def explained_directions(space: Space, design: Design, width: int, sampling: Sampling) -> list[Result]:
    """Share of all emotions' directions (their squared lengths) in their first k components about zero, the reference.

    Null: all labels that make the directions exchanged within blocks. For k below the number that explains all by construction.
    """
    against_others = design.reference == OTHERS
    most = len(design.emotions) - against_others
    if space.flat or most < 2:
        return []
    swapped = design.emotions if against_others else (*design.emotions, design.reference)
    trials = joined([as_labelled(design), exchanged(design, swapped, sampling)])
    weights = np.stack([trials.weights(design.coefficients(emotion)) for emotion in design.emotions], 1)
    rows = design.rows.ravel()
    products = weights @ space.gram[np.ix_(rows, rows)] @ weights.transpose(0, 2, 1)
    values = np.maximum(np.linalg.eigvalsh(products)[:, ::-1], 0)
    total = values.sum(1, keepdims=True)
    shares = np.cumsum(values, 1) / np.where(total > space.zero, total, np.nan)
    return [Result(0, "directions_explained", Sampled(float(shares[0, k - 1]), shares[1:, k - 1]), k=k) for k in range(1, most)]


def _beside_unrelated(emotion: str, products: Mapping[int, np.ndarray], width: int, sampling: Sampling) -> list[Result]:
    """Every measure of the products [k, k] of two bases, by dimension k; null: unrelated subspaces."""
    results = []
    for k, matrix in products.items():
        bases = sampling.generator("subspaces", str(width), str(k)).normal(size=(sampling.draws, width, k))
        unrelated = np.linalg.qr(bases)[0][:, :k]
        cosines, chance = (np.clip(np.linalg.svd(inner, compute_uv=False), 0, 1) for inner in (matrix, unrelated))
        results += [
            Result(0, measure.name, Sampled(float(measure.run(cosines)), measure.run(chance), measure.tail), emotion, k=k)
            for measure in MEASURES
        ]
    return results


def _axes(rows: np.ndarray) -> np.ndarray:
    """First principal axes [component, d_model] of rows [prompt, d_model] that vary along them."""
    _, lengths, axes = np.linalg.svd(rows - rows.mean(0), full_matrices=False)
    return axes[: int((lengths > 1e-5 * lengths.max(initial=0)).sum())][: max(DIMENSIONS)]


def overlaps_between(a: Space, b: Space, design: Design, sampling: Sampling) -> list[Result]:
    """Overlap of one model's subspace, carried by ridge, with the other's; null: the fit's prompts paired at random.

    The map is fitted on topics F without the emotion, the bases come from topics A and B. Carried bases are orthonormalised
    before angles are taken; random pairings stay within a label.
    """
    if a.flat or b.flat:
        return []
    sums: dict[tuple[str, str, int, Measure], np.ndarray] = {}
    splits = thirds_of(design, sampling, N_SPLITS)
    for number, split in enumerate(splits):
        for mapping, source, target in zip(MAPPINGS, (a, b), (b, a), strict=True):
            for emotion in design.emotions:
                rng = sampling.generator("pairings", str(number))
                cosines = _carried(source, target, design, split, emotion, sampling.draws, rng)
                for k in DIMENSIONS:
                    if k > cosines.shape[1]:
                        continue
                    angles = np.clip(np.linalg.svd(cosines[:, :k, :k], compute_uv=False), 0, 1)
                    for measure in MEASURES:
                        total = sums.setdefault((emotion, mapping, k, measure), np.zeros(sampling.draws + 1))
                        total += measure.run(angles) / len(splits)
    return [
        Result(0, measure.name, Sampled(float(values[0]), values[1:], measure.tail), emotion, mapping, "ridge", k)
        for (emotion, mapping, k, measure), values in sums.items()
    ]


def _carried(
    source: Space, target: Space, design: Design, split: Thirds, emotion: str, draws: int, rng: np.random.Generator
) -> np.ndarray:
    """Inner products [1 + draw, k, k] of the carried basis with the target's; the first is with prompts paired as they are."""
    column, n = design.column(emotion), len(design.labels)
    fit = design.rows[split.fit].ravel()
    from_rows, to_rows = design.rows[split.source, column], design.rows[split.target, column]
    basis = _basis(source.gram[np.ix_(from_rows, from_rows)], 1, max(DIMENSIONS))
    other_basis = _basis(target.gram[np.ix_(to_rows, to_rows)], 1, max(DIMENSIONS))
    size = min(basis.shape[1], other_basis.shape[1])
    label = as_labelled(design).label[0][split.fit].ravel()
    marks = np.array([label == i for i in range(n) if i != column], float)
    rows = rows_of(np.repeat(marks[None], size, 0))
    gram = source.gram[np.ix_(fit, fit)]
    strength = strength_of(spectrum_of(gram, n), target.gram[np.ix_(fit, fit)], len(fit) - n)
    towards = basis[:, :size].T @ source.gram[np.ix_(from_rows, fit)]
    alpha = ridge(gram, np.linalg.inv(gram + strength * np.eye(len(fit))), strength, towards, rows)
    places = np.tile(np.arange(len(fit)).reshape(-1, n), (draws + 1, 1, 1))
    places[1:] = rng.permuted(places[1:], axis=1)
    paired = np.zeros((draws + 1, size, len(fit)))
    np.put_along_axis(paired, np.repeat(places.reshape(draws + 1, 1, -1), size, 1), np.repeat(alpha[None], draws + 1, 0), 2)
    lengths = paired @ target.gram[np.ix_(fit, fit)] @ paired.transpose(0, 2, 1)
    ridge_ = 1e-12 * np.trace(lengths, axis1=1, axis2=2)[:, None, None] / max(size, 1) * np.eye(size)
    lower = np.linalg.cholesky(lengths + ridge_)
    return np.linalg.solve(lower, paired @ target.gram[np.ix_(fit, to_rows)] @ other_basis[:, :size])


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


OF_A_MODEL = (explained, overlaps_within, explained_directions)
"""The measures of one layer of one model."""


def subspaces_of_model(spaces: Sequence[Space], design: Design, width: int, sampling: Sampling, each: Each) -> list[Result]:
    """Explained variance, of prompts and of directions, and overlap with the other labels, at every layer of one model."""
    fewer = sampling.at_most(DRAWS)
    return _for_each(len(spaces), each, lambda i: [row for run in OF_A_MODEL for row in run(spaces[i], design, width, fewer)])


def subspaces_of_pair(
    spaces: Sequence[tuple[Space, Space]],
    design: Design,
    rows: Callable[[int], tuple[np.ndarray, np.ndarray]],
    sampling: Sampling,
    each: Each,
) -> list[Result]:
    """Overlap at every matched pair of layers: after alignment, and before it where `rows` of a pair have equal widths."""
    fewer = sampling.at_most(DRAWS)

    def measured(pair: int) -> list[Result]:
        a, b = rows(pair)
        unaligned = overlaps_unaligned(a, b, design, fewer) if a.shape[1] == b.shape[1] else []
        return overlaps_between(*spaces[pair], design, fewer) + unaligned

    return _for_each(len(spaces), each, measured)


def _for_each(n: int, each: Each, measured: Callable[[int], list[Result]]) -> list[Result]:
    by_pair: list[list[Result]] = [[] for _ in range(n)]

    def work(pair: int) -> None:
        by_pair[pair] = [result._replace(pair=pair) for result in measured(pair)]

    each(work, range(n))
    return [result for results in by_pair for result in results]
