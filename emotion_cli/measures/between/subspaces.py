"""Subspaces of an emotion's prompts: how much a few components explain, and how far two of them overlap.

A subspace is spanned by the first k principal components of one label's prompts. `overlap` is the mean squared cosine of the
principal angles (Bjorck and Golub 1973). Bases are kept as coefficients of prompts, so everything is inner products.
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from emotion_cli.measures.between.maps import ridge, rows_of
from emotion_cli.measures.between.result import MAPPINGS, Each, Result
from emotion_cli.measures.between.space import Space, basis_of, spectrum_of, strength_of
from emotion_cli.measures.inference.relabelling import Design, Thirds, as_labelled, exchanged, joined, thirds_of
from emotion_cli.measures.inference.sampling import Sampling
from emotion_cli.measures.inference.statistic import GAUSSIAN, Sampled, Tail, mean_of
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


def explained(space: Space, design: Design, sampling: Sampling) -> list[Result]:
    """Share of the variance of an emotion's prompts in their first k components; null: all labels exchanged within blocks."""
    if space.flat:
        return []
    results = []
    for emotion in design.emotions:
        column = design.column(emotion)
        tables = _tables(design, sampling)
        shares = np.array([_shares(space.gram[np.ix_(table[:, column], table[:, column])]) for table in tables])
        results += [
            Result(0, "subspace_explained", Sampled(float(shares[0, k - 1]), shares[1:, k - 1], Tail.BOTH), emotion, k=k)
            for k in DIMENSIONS
            if k < len(design.rows)
        ]
    return results


def overlaps_within(space: Space, design: Design, sampling: Sampling) -> list[Result]:
    """Overlap of an emotion's subspace with that of all other labels' prompts; null: all labels exchanged within blocks.

    Prompts about the same topics in one model overlap whatever their labels; an emotion with a subspace of its own overlaps less
    than exchanged labels, so both tails count.
    """
    if space.flat:
        return []
    results = []
    for emotion in design.emotions:
        column = design.column(emotion)
        products = [_between_labels(space, table, column) for table in _tables(design, sampling)]
        size = min(min(matrix.shape) for matrix in products)
        results += _summaries(np.array([matrix[:size, :size] for matrix in products]), emotion, Tail.BOTH)
    return results


def _between_labels(space: Space, table: np.ndarray, column: int) -> np.ndarray:
    """Products [component, component] of the basis of one label's prompts with that of all others; table [block, label]."""
    rows, other_rows = table[:, column], np.delete(table, column, 1).ravel()
    a = _basis(space.gram[np.ix_(rows, rows)], 1, max(DIMENSIONS))
    b = _basis(space.gram[np.ix_(other_rows, other_rows)], table.shape[1] - 1, max(DIMENSIONS))
    return a.T @ space.gram[np.ix_(rows, other_rows)] @ b


def _tables(design: Design, sampling: Sampling) -> np.ndarray:
    """The prompts by block and assigned label [1 + draw, block, label]: as labelled, then with all labels exchanged."""
    label = joined([as_labelled(design), exchanged(design, design.labels, sampling)]).label
    return np.take_along_axis(np.broadcast_to(design.rows, label.shape), np.argsort(label, axis=2), 2)


def _summaries(
    products: np.ndarray, emotion: str, tail: Tail | None = None, mapping: str | None = None, fit: str | None = None
) -> list[Result]:
    """Every measure of products [1 + draw, component, component] of two bases, by dimension; the first is the value."""
    results = []
    for k in DIMENSIONS:
        if k > products.shape[1]:
            continue
        cosines = np.clip(np.linalg.svd(products[:, :k, :k], compute_uv=False), 0, 1)
        for measure in MEASURES:
            values = measure.run(cosines)
            sampled = Sampled(float(values[0]), values[1:], tail or measure.tail)
            results.append(Result(0, measure.name, sampled, emotion, mapping, fit, k))
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


def explained_directions(space: Space, design: Design, sampling: Sampling) -> list[Result]:
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
            Result(
                0,
                measure.name,
                Sampled(float(measure.run(cosines)), measure.run(chance), measure.tail, kind=GAUSSIAN),
                emotion,
                k=k,
            )
            for measure in MEASURES
        ]
    return results


def _axes(rows: np.ndarray) -> np.ndarray:
    """First principal axes [component, d_model] of rows [prompt, d_model] that vary along them."""
    _, lengths, axes = np.linalg.svd(rows - rows.mean(0), full_matrices=False)
    return axes[: int((lengths > 1e-5 * lengths.max(initial=0)).sum())][: max(DIMENSIONS)]


def overlaps_between(a: Space, b: Space, design: Design, sampling: Sampling) -> list[Result]:
    """Overlap of one model's subspace, carried by ridge, with the other's; null: all labels exchanged, the map fitted again.

    The map is fitted on topics F without the emotion, the bases come from topics A and B. Carried bases are orthonormalised
    before angles are taken. Labels are exchanged within blocks, in both models alike: prompts that both models read overlap
    whatever their labels.
    """
    if a.flat or b.flat:
        return []
    tables = _tables(design, sampling)
    splits = thirds_of(design, sampling, N_SPLITS)
    results = []
    for mapping, source, target in zip(MAPPINGS, (a, b), (b, a), strict=True):
        strengths = [_strength(source, target, design, split) for split in splits]
        for emotion in design.emotions:
            by_split = [
                _summaries(
                    _carried(source, target, tables, split, strength, design.column(emotion)), emotion, None, mapping, "ridge"
                )
                for split, strength in zip(splits, strengths, strict=True)
            ]
            fewest = min(len(summaries) for summaries in by_split)
            for of_splits in zip(*(summaries[:fewest] for summaries in by_split), strict=True):
                mean = mean_of([result.sampled for result in of_splits])
                assert mean is not None
                values = np.array([result.sampled.value for result in of_splits])
                results.append(of_splits[0]._replace(sampled=mean._replace(splits=values)))
    return results


def _strength(source: Space, target: Space, design: Design, split: Thirds) -> float:
    """The ridge strength that all maps of a split share."""
    rows, n = design.rows[split.fit].ravel(), len(design.labels)
    return strength_of(spectrum_of(source.gram[np.ix_(rows, rows)], n), target.gram[np.ix_(rows, rows)], len(rows) - n)


def _carried(source: Space, target: Space, tables: np.ndarray, split: Thirds, strength: float, column: int) -> np.ndarray:
    """Inner products [1 + draw, k, k] of the carried basis with the target's, for the prompts of each table [block, label]."""
    fit = np.sort(tables[0, split.fit].ravel())
    gram, target_gram = source.gram[np.ix_(fit, fit)], target.gram[np.ix_(fit, fit)]
    products = []
    for table in tables:
        from_rows, to_rows = table[split.source, column], table[split.target, column]
        basis = _basis(source.gram[np.ix_(from_rows, from_rows)], 1, max(DIMENSIONS))
        other_basis = _basis(target.gram[np.ix_(to_rows, to_rows)], 1, max(DIMENSIONS))
        size = min(basis.shape[1], other_basis.shape[1])
        of_labels = np.delete(table[split.fit], column, 1).T
        marks = np.array([np.isin(fit, rows) for rows in of_labels], float)
        towards = basis[:, :size].T @ source.gram[np.ix_(from_rows, fit)]
        alpha = ridge(gram, strength, towards, rows_of(np.repeat(marks[None], size, 0)))
        lengths = alpha @ target_gram @ alpha.T
        slack = 1e-12 * np.trace(lengths) / max(size, 1) + np.finfo(float).tiny
        lower = np.linalg.cholesky(lengths + slack * np.eye(size))
        products.append(np.linalg.solve(lower, alpha @ target.gram[np.ix_(fit, to_rows)] @ other_basis[:, :size]))
    size = min(len(matrix) for matrix in products)
    return np.array([matrix[:size, :size] for matrix in products])


def _shares(gram: np.ndarray) -> np.ndarray:
    """Cumulative shares [component] of variance about the mean."""
    values = spectrum_of(gram, 1).values
    shares = np.cumsum(values) / values.sum()
    return np.pad(shares, (0, len(gram) - len(shares)), constant_values=1.0)


def _basis(gram: np.ndarray, n_labels: int, k: int) -> np.ndarray:
    """Coefficients [prompt, k] of an orthonormal basis of the first k components, label means removed."""
    return basis_of(spectrum_of(gram, n_labels), n_labels, k)


OF_A_MODEL = (explained, overlaps_within, explained_directions)
"""The measures of one layer of one model."""


def subspaces_of_model(spaces: Sequence[Space], design: Design, sampling: Sampling, each: Each) -> list[Result]:
    """Explained variance, of prompts and of directions, and overlap with the other labels, at every layer of one model."""
    fewer = sampling.at_most(DRAWS)
    return _for_each(len(spaces), each, lambda i: [row for run in OF_A_MODEL for row in run(spaces[i], design, fewer)])


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
